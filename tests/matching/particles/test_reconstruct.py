"""Particles in space: to the bound that noise sets, one to one, with honest errors."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hyperspy_stereo.detection.particles import (
    Cameras,
    Detections,
    ParticleShape,
    detect_particles,
    position_bound,
)
from hyperspy_stereo.geometry import projection_matrices
from hyperspy_stereo.matching.particles import reconstruct_particles
from hyperspy_stereo.matching.particles.assignment import assign
from hyperspy_stereo.matching.particles.hypotheses import Hypotheses
from hyperspy_stereo.simulation.particles import equilibrium, particle_views, segment_incidence

SIDE = 256
FOUR = segment_incidence(3.0)


def suspension(count=24, noise=0.3, incidence=FOUR, seed=0, thickness=120.0, **settings):
    points = equilibrium(
        np.full(count, 2.4), (0.4 * SIDE, 0.4 * SIDE), thickness, sweeps=10, seed=seed
    )
    return particle_views(
        points, 2.4, incidence, (SIDE, SIDE), noise=noise, seed=seed + 1, **settings
    )


def reconstructed(views, incidence=None, geometry="tiltless", drop=()):
    found = [detect_particles(image, 12.0) for image in views.images]
    for view, number in drop:
        keep = np.arange(len(found[view])) != number
        old = found[view]
        fields = ("positions", "sigma", "radius", "height", "significance")
        found[view] = Detections(
            *(getattr(old, f)[keep] for f in fields), old.threshold, old.noise, old.shape
        )
    theta = views.incidence if incidence is None else incidence
    return reconstruct_particles(views.images, found, theta, geometry)


def paired(match, truth):
    """Errors (n, 3) of the particles that have a true one within 3 px, less a common depth."""
    away = SIDE - 1 - 12
    inside = ((truth[:, :2] > 12) & (truth[:, :2] < away)).all(axis=1)
    distance, which = cKDTree(match.points[:, :2]).query(truth[inside, :2])
    good = distance < 3
    error = match.points[which[good]] - truth[inside][good]
    error[:, 2] -= np.median(error[:, 2])
    return good.mean(), error, match.sigma[which[good]]


def bound_of(views, noise, geometry="tiltless"):
    matrices, shifts = projection_matrices(views.incidence, geometry)
    cameras = Cameras(matrices, shifts, np.ones(len(matrices)), np.full(len(matrices), noise))
    return position_bound(ParticleShape(6.0, blur=0.85), 1.0, cameras)


@pytest.mark.parametrize("noise", [0.3, 0.8])
def test_four_views_reach_the_bound(noise):
    views = suspension(noise=noise, seed=3)
    match = reconstructed(views)
    recall, error, sigma = paired(match, views.points)
    bound = bound_of(views, noise)
    assert recall >= 0.95 and len(match) <= 25
    rms = np.sqrt((error**2).mean(axis=0))
    assert rms[2] < 1.5 * bound[2] and rms[:2].max() < 1.5 * bound[0]
    assert np.median(sigma[:, 2]) == pytest.approx(bound[2], rel=0.25)
    assert (np.abs(error[:, 2]) < 5 * sigma[:, 2]).all()


@pytest.mark.parametrize(
    ("incidence", "geometry"),
    [
        (segment_incidence(3.0, 16), "tiltless"),
        (np.array([[40.0, 0.0], [-40.0, 0.0]]), "tiltless"),
        (np.array([[60.0, 0.0], [-60.0, 0.0]]), "tilt"),
    ],
)
def test_other_numbers_of_views(incidence, geometry):
    views = suspension(12, 0.2, incidence, seed=5, thickness=60.0, geometry=geometry)
    match = reconstructed(views, geometry=geometry)
    recall, error, sigma = paired(match, views.points)
    assert recall >= 0.85
    # Half of the errors of a normal distribution are below 0.67 sigma; of 12 the median scatters.
    assert np.median(np.abs(error[:, 2]) / sigma[:, 2]) < 1.2
    # Two particles lie within a pixel of each other: sixteen views part them, two can only doubt.
    sure = ~np.isin(sigma[:, 2], match.sigma[match.ambiguous, 2])
    assert sure.sum() >= 9 and (np.abs(error[:, 2]) < 5 * sigma[:, 2])[sure].all()


def test_particles_behind_each_other_in_every_view_are_two():
    # 40 nm of depth part them by 2.6 px at most, 1.2 nm aside by 3 px: no view shows two.
    rng = np.random.default_rng(2)
    where = 21 + 42 * np.indices((6, 6)).reshape(2, -1).T + rng.uniform(-2, 2, (36, 2))
    points = np.column_stack([0.4 * where, rng.uniform(-40, 40, 36)])
    points = np.vstack([points, points[14] + (1.2, 0, 40), points[21] + (0, -1.2, 40)])
    views = particle_views(points, 2.4, FOUR, (SIDE, SIDE), noise=0.3, seed=3)
    match = reconstructed(views)
    assert len(match) == 38
    _, error, sigma = paired(match, views.points)
    assert (np.abs(error[:, 2]) < 5 * sigma[:, 2]).all()
    assert match.height.max() < 1.5
    assert match.shape.radius == pytest.approx(6.0, abs=0.2)


def test_a_missing_detection_is_measured_by_the_picture():
    views = suspension(seed=7)
    whole = reconstructed(views)
    part = reconstructed(views, drop=[(0, 3), (2, 5), (3, 9)])
    assert len(part) == len(whole)
    nearest = cKDTree(whole.points).query(part.points)[1]
    np.testing.assert_allclose(part.sigma, whole.sigma[nearest], rtol=0.1)
    assert (part.views_seen == 4).mean() > 0.9


def test_shifted_views_and_wrong_angles_are_found():
    views = suspension(60, 0.15, seed=9)
    views.images[1] = np.roll(views.images[1], (1, -2), axis=(0, 1))
    match = reconstructed(views)
    shift = np.zeros((4, 2))
    shift[1] = (-2, 1)
    shift -= shift.mean(axis=0)
    slope = np.tan(FOUR / 1000)
    shift -= slope * (shift * slope).sum() / (slope**2).sum()
    np.testing.assert_allclose(match.errors.shifts, shift, atol=0.1)
    recall, error, _ = paired(match, views.points - (0, 0, 0))
    assert recall > 0.9
    assert error[:, 2].std() < 2 * bound_of(views, 0.15)[2]


def test_a_defocus_moves_all_depths():
    views = suspension(seed=3, defocus=100.0)
    match = reconstructed(views)
    away = np.median(match.points[:, 2]) - np.median(views.points[:, 2])
    assert away == pytest.approx(-250.0, abs=5)


def test_assignment_takes_the_best_set():
    members = np.array([[0, 0, 0], [1, 1, 1], [0, 1, -1], [2, 2, 2], [2, -1, 2]])
    groups = Hypotheses(members, np.zeros((5, 3)), np.ones((5, 3)), np.zeros(5))
    chosen = assign(groups, np.array([5.0, 5.0, 8.0, 4.0, 3.0]))
    assert chosen.tolist() == [0, 1, 3]
    assert assign(groups, -np.ones(5)).size == 0


def test_bad_input():
    views = suspension(6)
    found = [detect_particles(image, 12.0) for image in views.images]
    nothing = reconstruct_particles(views.images, [Detections.none()] * 4, FOUR)
    assert len(nothing) == 0
    with pytest.raises(ValueError, match="at least two views"):
        reconstruct_particles(views.images[:1], found[:1], FOUR[:1])
    with pytest.raises(ValueError, match="same direction"):
        reconstruct_particles(views.images, found, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="one Detections for each view"):
        reconstruct_particles(views.images, found[:3], FOUR)
