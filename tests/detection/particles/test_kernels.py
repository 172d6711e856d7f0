"""Compiled parts of detection against plain arithmetic."""

import numba
import numpy as np
import pytest
from scipy.signal import correlate2d

from hyperspy_stereo.detection.particles import Cameras, ParticleShape, one_view
from hyperspy_stereo.detection.particles.detect import residual_peaks
from hyperspy_stereo.detection.particles.fit import (
    Prior,
    add_to,
    covariances,
    fit_particles,
    own_covariances,
)
from hyperspy_stereo.detection.particles.ground import background, binned, flatten
from hyperspy_stereo.detection.particles.profile import profile_table, template
from hyperspy_stereo.detection.particles.scale import peaks
from hyperspy_stereo.detection.particles.spot_kernels import climbed
from hyperspy_stereo.geometry import projection_matrices
from hyperspy_stereo.matching.threads import in_threads
from hyperspy_stereo.simulation.particles import segment_incidence


def crowded_views(seed=0):
    rng = np.random.default_rng(seed)
    xyz = rng.uniform((20, 20, -120), (380, 280, 120), (120, 3))
    params = np.column_stack([xyz, np.ones(120), np.full(120, 6.0)])
    matrices, shifts = projection_matrices(segment_incidence(3.0))
    cameras = Cameras(matrices, shifts, np.ones(4), np.full(4, 0.2))
    shape = ParticleShape(6.0, spread=0.2)
    images = rng.normal(0, 0.2, (4, 300, 400)).astype(np.float32)
    add_to(images, params, cameras, profile_table(shape), 1.0)
    return images, params, cameras, shape


@pytest.mark.parametrize(
    "shape", [ParticleShape(6.0), ParticleShape(6.0, exponent=0.0, blur=0.5), ParticleShape(20.0)]
)
def test_the_table_is_the_profile(shape):
    table = profile_table(shape)
    r = np.sqrt(table.grid[2] * np.arange(table.values.shape[2]))
    for k in (0, 12, 30, 55):
        radius = table.grid[0] + k * table.grid[1]
        np.testing.assert_allclose(table.values[0, k], shape.values(r, radius), atol=2e-3)
    step = 1e-3
    k, at = 24, (r > 1) & (r < 1.3 * shape.radius)
    radius = table.grid[0] + k * table.grid[1]
    slope = (shape.values(r + step, radius) - shape.values(r - step, radius)) / (2 * step)
    np.testing.assert_allclose((table.values[1, k] * r)[at], slope[at], atol=0.03 / shape.blur)


def test_a_fit_does_not_depend_on_the_number_of_threads():
    images, params, cameras, shape = crowded_views()
    table, prior = profile_table(shape), Prior(6.0, 0.3, 1e4)
    start = params + np.random.default_rng(1).normal(0, [0.4, 0.4, 8, 0.05, 0.1], params.shape)
    fitted, before = [], numba.get_num_threads()
    for number, over in ((1, in_threads), (before, in_threads), (1, None)):
        numba.set_num_threads(number)
        rest = images.copy()
        add_to(rest, start, cameras, table, -1.0)
        extra = () if over is None else (12, over)
        fitted.append(fit_particles(rest, start, cameras, shape, prior, table, *extra))
    numba.set_num_threads(before)
    np.testing.assert_array_equal(fitted[0], fitted[1])
    np.testing.assert_array_equal(fitted[0], fitted[2])
    sigma = np.sqrt(np.diagonal(covariances(params, cameras, images, prior, table), 0, 1, 2))
    off = (fitted[0] - params)[:, :3] / sigma[:, :3]
    assert 0.8 < np.sqrt(np.median(off**2) / 0.455) < 1.2


def test_errors_of_neighbours_are_those_of_the_whole_matrix():
    images, _, cameras, shape = crowded_views()
    table, prior = profile_table(shape), Prior(6.0, 0.3, 1e4)
    two = np.array([[100, 100, 0, 1, 6.0], [106, 103, 20, 1, 6.0]])
    found = covariances(two, cameras, images, prior, table)
    # The same from derivatives of the pictures by finite differences.
    steps, pictures = np.array([0.02, 0.02, 1.0, 0.02, 0.02]), []
    for k in range(10):
        both = []
        for sign in (1, -1):
            moved = two.copy()
            moved[k // 5, k % 5] += sign * steps[k % 5]
            picture = np.zeros_like(images)
            add_to(picture, moved, cameras, table, 1.0)
            both.append(picture.astype(float))
        pictures.append((both[0] - both[1]).ravel() / (2 * steps[k % 5]) / 0.2)
    slopes = np.array(pictures)
    whole = slopes @ slopes.T + np.diag(np.tile(prior.arrays()[1], 2))
    exact = np.linalg.inv(whole)[:5, :5]
    np.testing.assert_allclose(np.diag(found[0]), np.diag(exact), rtol=0.05)
    alone = own_covariances(two, cameras, images, prior, table)
    # Depth, which the views tell by moving apart, hardly feels a neighbour; place and height do.
    assert (np.diag(found[0])[[0, 1, 3]] > 1.1 * np.diag(alone[0])[[0, 1, 3]]).all()


def test_a_coarse_look_finds_what_a_fine_one_does():
    shape = ParticleShape(6.0)
    rng = np.random.default_rng(3)
    image = rng.normal(0, 0.5, (1, 400, 400)).astype(np.float32)
    y, x = np.mgrid[30:380:40, 30:380:40].reshape(2, -1).astype(float)
    true = np.column_stack([x, y]) + rng.uniform(-3, 3, (len(x), 2))
    params = np.column_stack([true, 0 * x, 1 + 0 * x, 6 + 0 * x])
    add_to(image, params, one_view(0.5), profile_table(shape), 1.0)
    where, height, significance, _ = residual_peaks(image[0], shape, 0.5, 5.0)
    kernel, gain = template(shape)
    answer = correlate2d(image[0], kernel, mode="same", boundary="symm")
    fine, value = peaks(answer, 5.0 * 0.5 * np.sqrt((kernel**2).sum()))
    assert {tuple(p) for p in where.astype(int)} == {tuple(p) for p in fine}
    assert height.max() == pytest.approx(value.max() / gain, rel=1e-3)
    assert (np.diff(significance) <= 0).all()


def test_climbing_stops_at_the_top_and_at_the_border():
    image = np.zeros((40, 40), np.float32)
    image[20, 23] = image[0, 0] = 5.0
    kernel = np.ones((3, 3), np.float32)
    kernel[1, 1] = 4.0
    where, value = climbed(image, kernel, np.array([[22, 21], [1, 1]]), 3)
    assert where.tolist() == [[23, 20], [0, 0]] and value.tolist() == [20.0, 20.0]


def test_binned_and_flattened():
    image = np.arange(60, dtype=np.float32).reshape(6, 10)
    np.testing.assert_allclose(
        binned(image, 2), image.reshape(3, 2, 5, 2).mean(axis=(1, 3)), rtol=1e-6
    )
    slope = np.add.outer(np.arange(90), 2.0 * np.arange(130)).astype(np.float32)
    flat = slope.copy()
    flatten(flat, 20)
    np.testing.assert_allclose(flat, slope - background(slope, 20), atol=1e-3)
    assert np.abs(flat[30:-30, 30:-30]).max() < 5
