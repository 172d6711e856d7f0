"""Alignment of tilted pairs: known similarity and parallax come back, bad input is explained."""

import json

import numpy as np
import pytest
from scipy import ndimage as ndi

from hyperspy_stereo.views.alignment import Alignment, align_tilted
from hyperspy_stereo.views.lines import line_points, refine_by_lines
from hyperspy_stereo.views.similarity import (
    Displacements,
    fit_with_scatter,
    row_similarity_by_ransac,
    similarity_by_ransac,
    warp,
)


def similarity(degrees: float, scale: float, shift, size: int) -> np.ndarray:
    """Similarity about the centre of a square frame, (2, 3), left to right."""
    t = np.radians(degrees)
    linear = scale * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    centre = np.full(2, (size - 1) / 2)
    return np.c_[linear, centre - linear @ centre + np.asarray(shift, float)]


def lines_of(seed: int, size: int, count: int):
    """Curves with depth: list of (n, 3) arrays x, y, depth in [-1, 1]."""
    rng = np.random.default_rng(seed)
    curves = []
    for _ in range(count):
        s = np.linspace(-0.5, 0.5, 160)
        angle, length = rng.uniform(0, np.pi), rng.uniform(0.25, 0.6) * size
        u = np.array([np.cos(angle), np.sin(angle)])
        bend = rng.uniform(-0.5, 0.5) * length * s**2
        xy = rng.uniform(0, size, 2) + length * s[:, None] * u + bend[:, None] * (-u[1], u[0])
        curves.append(np.c_[xy, rng.uniform(-1, 1) + rng.uniform(-1, 1) * s])
    return curves


def draw(curves, size: int, matrix=None, parallax=(0.0, 0.0), width: float = 1.4) -> np.ndarray:
    """Dark lines, shifted by depth times ``parallax`` px and then mapped by ``matrix``."""
    image = np.zeros((size, size))
    matrix = np.eye(3)[:2] if matrix is None else matrix
    for curve in curves:
        xy = (curve[:, :2] + curve[:, 2:] * parallax) @ matrix[:, :2].T + matrix[:, 2]
        step = np.arange(0, len(xy) - 1, 1 / 4)
        x, y = (np.interp(step, np.arange(len(xy)), v) for v in xy.T)
        i, j = np.round(y).astype(int), np.round(x).astype(int)
        ok = (i >= 0) & (j >= 0) & (i < size) & (j < size)
        line = np.zeros_like(image)
        line[i[ok], j[ok]] = 1
        smooth = ndi.gaussian_filter(line, width)
        image = np.maximum(image, smooth / max(smooth.max(), 1e-9))
    return 1 - 0.35 * image


def distance(found: np.ndarray, truth: np.ndarray, size: int) -> float:
    corners = np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    return float(np.hypot(*((found - truth) @ corners)).max())


def vertical_error(found, truth, size: int, direction: float = 0.0) -> float:
    """Greatest error across the parallax, over the part of the left frame that the right shows."""
    x, y = np.meshgrid(np.linspace(0, size, 9), np.linspace(0, size, 9))
    grid = np.c_[x.ravel(), y.ravel(), np.ones(x.size)].T
    where = truth @ grid
    shown = ((where > 0) & (where < size)).all(axis=0)
    error = ((found - truth) @ grid)[:, shown]
    t = np.radians(direction) + np.arctan2(truth[1, 0], truth[0, 0])
    return float(np.abs(-np.sin(t) * error[0] + np.cos(t) * error[1]).max())


@pytest.fixture(scope="module")
def texture():
    """A flat specimen full of detail, 1000 px."""
    noise = np.random.default_rng(3).normal(size=(700, 700))
    return ndi.gaussian_filter(noise, 2.5) / 0.05 + ndi.gaussian_filter(noise, 30) * 40


@pytest.mark.parametrize(
    ("degrees", "scale", "shift"),
    [(0.0, 1.0, (17.0, -9.0)), (6.0, 0.95, (60.0, -80.0)), (-8.0, 1.05, (-85.0, 30.0))],
)
def test_known_similarity_without_depth(texture, degrees, scale, shift):
    size = 288
    truth = similarity(degrees, scale, shift, size)
    left = texture[200 : 200 + size, 200 : 200 + size]
    back = np.linalg.inv(np.vstack([truth, [0, 0, 1]]))[:2]
    back[:, 2] += 200
    right = 3.0 * warp(texture, back, (size, size), order=3) + 50
    right = right + np.random.default_rng(0).normal(0, 0.3, right.shape)
    found = align_tilted(left, right)
    assert distance(found.matrix_left_to_right, truth, size) < 0.6
    assert found.residual < 0.5
    assert found.tilt_axis == 0.0


@pytest.mark.parametrize("seed", [5, 21])
def test_parallax_stays_along_rows_and_does_not_become_rotation(seed):
    size, truth = 384, similarity(4.0, 1.02, (30.0, 20.0), 384)
    curves = lines_of(seed, size, 26)
    rng = np.random.default_rng(1)
    left = draw(curves, size, parallax=(-5, 0)) + rng.normal(0, 0.02, (size, size))
    right = draw(curves, size, truth, parallax=(5, 0)) + rng.normal(0, 0.02, (size, size))
    right += rng.normal(0, 0.01, (size, 1))  # scan lines
    found = align_tilted(left, 0.6 * right + 0.1)
    assert vertical_error(found.matrix_left_to_right, truth, size) < 2.0
    assert found.tilt_axis == 0.0
    # a feature at depth z appears at x -+ 5 z in the views: on one row of the aligned pair
    for matrix, sign, view in (
        (found.left_to_aligned, -1, np.eye(3)[:2]),
        (found.right_to_aligned, 1, truth),
    ):
        points = np.concatenate([c[::20] for c in curves])
        xy = (points[:, :2] + sign * points[:, 2:] * (5, 0)) @ view[:, :2].T + view[:, 2]
        inside = ((xy > 0) & (xy < size)).all(axis=1)
        rows = xy @ matrix[1, :2] + matrix[1, 2]
        if sign < 0:
            first, shown = rows, inside
    both = shown & inside
    assert np.abs(rows - first)[both].max() < 2.0
    assert found.parallax > found.residual


def test_horizontal_tilt_axis_is_turned_to_the_vertical():
    size = 320
    curves = lines_of(11, size, 24)
    rng = np.random.default_rng(2)
    left = draw(curves, size, parallax=(0, -6)) + rng.normal(0, 0.02, (size, size))
    right = draw(curves, size, parallax=(0, 6)) + rng.normal(0, 0.02, (size, size))
    found = align_tilted(left, right)
    assert found.tilt_axis_known
    assert abs(abs(found.tilt_axis) - 90) < 15
    across = found.left_to_aligned[:, :2] @ (0, 1)
    assert abs(across[0]) > 0.96  # the parallax now runs along the rows
    given = align_tilted(left, right, tilt_axis=90.0)
    assert given.tilt_axis == 90.0
    assert given.tilt_axis_known


def test_the_same_image_twice_is_the_identity(texture):
    image = texture[:200, :260]
    found = align_tilted(image, image)
    assert distance(found.matrix_left_to_right, np.eye(3)[:2], 260) < 0.05
    assert found.tilt_axis == 0.0
    assert found.left.shape == image.shape
    np.testing.assert_allclose(found.left, image, rtol=1e-6)
    assert found.residual < 0.05


def test_result_is_the_same_each_time_and_ignores_brightness(texture):
    left, right = texture[:220, :220], texture[6:226, 12:232]
    first, second = align_tilted(left, right), align_tilted(left, right)
    np.testing.assert_array_equal(first.matrix_left_to_right, second.matrix_left_to_right)
    np.testing.assert_array_equal(first.right, second.right)
    brighter = align_tilted(100 * left + 1000, 0.01 * right - 3)
    assert distance(brighter.matrix_left_to_right, first.matrix_left_to_right, 220) < 0.1


def test_aligned_images_fit_and_hold_no_made_up_values(texture):
    left, right = texture[:256, :256], texture[20:276, 40:296]
    found = align_tilted(left, right)
    assert isinstance(found, Alignment)
    assert found.left.shape == found.right.shape
    assert found.left.dtype == found.right.dtype == np.float32
    assert np.isfinite(found.left).all()
    assert np.isfinite(found.right).all()
    np.testing.assert_allclose(found.left.shape, (236, 216), atol=1)
    assert np.corrcoef(found.left.ravel(), found.right.ravel())[0, 1] > 0.99
    # both affines take a common feature to one place
    p = np.array([150.0, 120.0, 1.0])
    q = np.append(found.matrix_left_to_right @ p, 1)
    np.testing.assert_allclose(found.left_to_aligned @ p, found.right_to_aligned @ q, atol=1e-6)


def test_real_tilted_pair(shared_data):
    from skimage.io import imread

    folder = shared_data / "real_pair_tilted"
    authors = json.loads((folder / "authors_alignment.json").read_text())
    found = align_tilted(imread(folder / "left.png"), imread(folder / "right.png"))
    for key in ("M_full_pipeline_cell11", "M_alignment_cell5"):
        assert distance(found.matrix_left_to_right, np.array(authors[key]), 1024) < 4
    assert found.n_inliers > 50


def test_unrelated_images_are_refused_with_numbers(texture):
    with pytest.raises(ValueError, match=r"feature matches only \d+ agree.*same area"):
        align_tilted(texture[:250, :250], texture[400:650, 400:650])


@pytest.mark.parametrize(
    ("left", "right", "error", "match"),
    [
        (np.zeros((2, 80, 80)), np.zeros((80, 80)), ValueError, "3 dimensions"),
        (np.zeros(80), np.zeros((80, 80)), ValueError, "1 dimensions"),
        (np.ones((80, 80)), np.ones((80, 80)), ValueError, "constant"),
        (np.full((80, 80), np.nan), np.ones((80, 80)), ValueError, "NaN"),
        (np.eye(80), np.full((80, 80), np.inf), ValueError, "right image.*infinite"),
        (np.eye(20), np.eye(20), ValueError, "at least 64"),
        (np.eye(80, dtype=complex), np.eye(80), TypeError, "complex"),
        (np.full((80, 80), "a"), np.eye(80), TypeError, "real numbers"),
        (np.eye(80), np.eye(90), ValueError, "differ in size"),
        (np.eye(80), np.eye(80)[::-1], ValueError, "could not be aligned"),
    ],
)
def test_bad_input(left, right, error, match):
    with pytest.raises(error, match=match):
        align_tilted(left, right)


def test_scatter_fit_separates_parallax_from_rotation():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 300, (200, 2))
    truth = similarity(3.0, 1.01, (12, 5), 300)
    targets = points @ truth[:, :2].T + truth[:, 2] + rng.normal(0, 0.2, (200, 2))
    targets[:, 0] += rng.normal(0, 6, 200) + 0.02 * points[:, 1]  # depth, and a tilted foil
    targets[:10] += rng.uniform(-80, 80, (10, 2))  # outliers
    data = Displacements(points, targets, np.tile(0.04 * np.eye(2), (200, 1, 1)))
    fit = fit_with_scatter(data, np.eye(3)[:2])
    assert vertical_error(fit.matrix, truth, 300, direction=-3.0) < 0.4
    assert abs(fit.direction) < 3
    assert fit.sigma_along > 10 * fit.sigma_across


def test_row_ransac_finds_deep_scenes_that_a_rigid_map_cannot_bear():
    rng = np.random.default_rng(4)
    points = rng.uniform(0, 400, (80, 2))
    truth = similarity(5.0, 0.97, (40, -20), 400)
    targets = points @ truth[:, :2].T + truth[:, 2]
    targets[:, 0] += rng.uniform(-25, 25, 80)
    targets[:40] = rng.uniform(0, 400, (40, 2))
    rigid = similarity_by_ransac(points, targets, 5.0)[1]
    matrix, deep = row_similarity_by_ransac(points, targets, 3.0, 30.0)
    assert deep[40:].mean() > 0.9
    assert deep.sum() > 1.5 * rigid.sum()
    assert abs(matrix[1, 0] - truth[1, 0]) < 0.02


def test_lines_alone_refine_rotation_and_vertical_shift():
    size = 384
    curves = lines_of(8, size, 22)
    left, right = draw(curves, size, parallax=(-4, 0)), draw(curves, size, parallax=(4, 0))
    lines = [line_points(image < 0.8) for image in (left, right)]
    start = similarity(0.8, 1.01, (3, 4), size)
    loose = np.diag([1e3, 1e3, 0.03, 0.03])
    fit = refine_by_lines(*lines, start, 0.0, loose)
    assert vertical_error(start, np.eye(3)[:2], size) > 5
    assert vertical_error(fit.matrix, np.eye(3)[:2], size) < 1.0
    assert fit.agreement > 0.7
    nothing = refine_by_lines(line_points(np.zeros((64, 64), bool)), lines[1], start, 0.0, loose)
    assert nothing.agreement == 0
    np.testing.assert_array_equal(nothing.matrix, start)
