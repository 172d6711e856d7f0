"""Particles in single views: found, to the bound that noise sets, and no others."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hyperspy_stereo.detection.particles import (
    ParticleShape,
    contour_particles,
    detect_particles,
    find_shape,
    hough_particles,
    one_view,
    position_bound,
)
from hyperspy_stereo.detection.particles.ground import (
    background,
    correlate,
    noise_level,
    threshold,
)
from hyperspy_stereo.detection.particles.profile import template
from hyperspy_stereo.simulation.particles import particle_views

RADIUS = 2.4  # nm; 6 px


def grid_view(side=6, spacing=40, noise=0.3, seed=0, **settings):
    """Particles near the knots of a grid, far from each other; truth in px."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side].reshape(2, -1)
    where = spacing * (np.column_stack([x, y]) + 0.5) + rng.uniform(-3, 3, (side * side, 2))
    points = np.column_stack([0.4 * where, np.zeros(len(where))])
    size = (side * spacing, side * spacing)
    made = particle_views(points, RADIUS, [[0, 0]], size, noise=noise, seed=seed, **settings)
    return made.images[0], where


def compare(positions, truth, reach=3.0):
    """Recall, precision and rms error along one axis, px."""
    distance, which = cKDTree(truth).query(positions)
    good = distance < reach
    assert len(set(which[good])) == good.sum()
    error = positions[good] - truth[which[good]]
    return good.sum() / len(truth), good.mean(), np.sqrt((error**2).mean())


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_found_to_the_bound_of_the_noise_with_the_size_from_the_data(noise):
    made = [grid_view(noise=noise, seed=seed) for seed in (1, 2, 3, 4)]
    found = [detect_particles(image) for image, _ in made]
    each = [compare(f.positions, truth) for f, (_, truth) in zip(found, made, strict=True)]
    recall, precision, _ = np.mean(each, axis=0)
    rms = np.sqrt(np.mean([e[2] ** 2 for e in each]))
    bound = position_bound(ParticleShape(6.0, blur=0.85), 1.0, one_view(noise))[0]
    assert recall >= 0.97 and precision >= 0.97
    assert rms < 1.3 * bound
    for f in found:
        assert np.median(f.sigma) == pytest.approx(bound, rel=0.2)
        assert f.shape.radius == pytest.approx(6.0, rel=0.1)
        assert f.noise == pytest.approx(noise, rel=0.1)


def test_heaps_do_not_pass_for_large_particles():
    rng = np.random.default_rng(3)
    where = rng.uniform(20, 360, (130, 2))
    points = np.column_stack([0.4 * where, np.zeros(130)])
    image = particle_views(points, RADIUS, [[0, 0]], (380, 380), noise=0.5).images[0]
    shape = find_shape(image)
    assert shape.radius == pytest.approx(6.0, rel=0.1)
    assert shape.blur == pytest.approx(0.85, abs=0.35)


def test_dark_particles_on_a_slope():
    image, truth = grid_view(4, noise=0.2, contrast=-1.0, level=10.0, ice_gradient=0.6)
    found = detect_particles(image, diameter=11)
    assert found.shape.sign == -1
    recall, precision, _ = compare(found.positions, truth)
    assert recall == 1 and precision == 1
    assert np.median(found.height) == pytest.approx(1.0, abs=0.15)


def test_overlapping_particles_are_separated():
    pairs = np.array([[30.0, 40.0], [38.0, 40.0], [90.0, 40.0], [97.0, 45.0], [60.0, 90.0]])
    points = np.column_stack([0.4 * pairs, np.zeros(5)])
    image = particle_views(points, RADIUS, [[0, 0]], (128, 128), noise=0.1).images[0]
    found = detect_particles(image, 12)
    recall, precision, rms = compare(found.positions, pairs, 2.0)
    assert recall == 1 and precision == 1 and rms < 0.25


def test_sizes_that_differ_are_measured():
    rng = np.random.default_rng(5)
    where = 36.0 * (np.indices((6, 6)).reshape(2, -1).T + 0.5)
    radius = rng.normal(2.4, 0.3, 36)
    points = np.column_stack([0.4 * where, np.zeros(36)])
    image = particle_views(points, radius, [[0, 0]], (216, 216), noise=0.1).images[0]
    found = detect_particles(image)
    _, which = cKDTree(where).query(found.positions)
    assert len(found) == 36
    assert np.corrcoef(found.radius, radius[which])[0, 1] > 0.9


def test_noise_alone_is_nothing():
    rng = np.random.default_rng(0)
    shape = ParticleShape(5.0, 0.5)
    numbers = [len(detect_particles(rng.normal(size=(256, 256)), shape=shape)) for _ in range(6)]
    assert sum(numbers) <= 1
    assert len(detect_particles(rng.normal(size=(128, 128)))) == 0
    assert len(detect_particles(np.zeros((64, 64)))) == 0


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_no_more_false_alarms_than_allowed(share):
    shape = ParticleShape(6.0, 0.3)
    wrong = found = right = 0
    for seed in range(4):
        image, truth = grid_view(8, noise=1.3, seed=seed)
        positions = detect_particles(image, false_alarms=share, shape=shape).positions
        distance, _ = cKDTree(truth).query(positions)
        wrong, found = wrong + (distance > 4).sum(), found + len(positions)
        right += (distance <= 4).sum()
    assert wrong <= share * found + 3 * np.sqrt(share * found)
    if share > 0.1:
        assert wrong > 0 and right > 0.9 * 256


def test_the_threshold_is_that_of_maxima_of_filtered_noise():
    kernel, _ = template(ParticleShape(4.0))
    noise = np.random.default_rng(1).normal(size=(512, 512))
    answer = correlate(noise, kernel) / np.sqrt((kernel**2).sum())
    from hyperspy_stereo.detection.particles.scale import peaks

    for allowed in (3.0, 30.0):
        number = len(peaks(answer, threshold(kernel, noise.size, allowed))[0])
        assert abs(number - allowed) < 4 * np.sqrt(allowed)


def test_the_bound_is_the_textbook_one_for_many_views():
    shape = ParticleShape(6.0)
    one = position_bound(shape, 1.0, one_view(0.5))
    assert one[0] == pytest.approx(one[1]) and one[2] == 0
    weaker = position_bound(shape, 0.5, one_view(0.5))
    assert weaker[0] == pytest.approx(2 * one[0], rel=1e-3)


def test_background_and_noise():
    rows = np.linspace(0, 5, 200)[:, None] * np.ones((1, 150))
    image = rows + np.random.default_rng(0).normal(0, 0.5, (200, 150))
    assert np.abs(background(image, 30) - rows)[20:-20].max() < 0.3
    assert noise_level(image) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("method", [hough_particles, contour_particles])
def test_the_published_ways_find_clear_particles(method):
    image, truth = grid_view(4, noise=0.05)
    recall, precision, _ = compare(method(image, 12).positions, truth)
    assert recall > 0.9 and precision > 0.9
    assert len(method(np.random.default_rng(0).normal(size=(64, 64)))) == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda i: detect_particles(i, 1.0), ValueError, "single pixels"),
        (lambda i: detect_particles(i, 100.0), ValueError, "quarter of the field"),
        (lambda i: detect_particles(i, "5"), TypeError, "one number"),
        (lambda i: detect_particles(i, polarity="red"), ValueError, "polarity"),
        (lambda i: detect_particles(i, 12, false_alarms=0), ValueError, "above 0 and"),
        (lambda i: detect_particles(i, 12, false_alarms=5), ValueError, "such as 0.01"),
        (lambda i: find_shape(i, np.nan), ValueError, "must lie between"),
    ],
)
def test_wrong_knobs_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(grid_view(2)[0])
