"""Rectification: handedness, round trips, corners."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hyperspy_stereo.views.resample import inside_scan, rectified_frame, rectify


def blob(shape, x, y, sigma=2.0):
    rows, columns = np.indices(shape)
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def test_zero_returns_the_input_itself():
    views = np.random.default_rng(0).random((2, 9, 12))
    turned, to_scan = rectify(views, 0.0)
    assert turned is views
    assert np.array_equal(to_scan, [[1, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("azimuth", [0.0, 19.0, 90.0, -37.5, 140.0, 180.0])
def test_the_direction_becomes_plus_x(azimuth):
    a = np.deg2rad(azimuth)
    step = 12 * np.array([np.cos(a), np.sin(a)])
    views = np.stack([blob((60, 80), 40, 28), blob((60, 80), *(np.array([40, 28]) + step))])
    turned, to_scan = rectify(views, azimuth)
    first, second = (np.array(ndimage.center_of_mass(t * (t > 0.05)))[::-1] for t in turned)
    assert second - first == pytest.approx((12, 0), abs=0.05)
    assert to_scan @ (*first, 1) == pytest.approx((40, 28), abs=0.05)


@settings(max_examples=25, deadline=None)
@given(st.floats(-360, 360), st.integers(2, 40), st.integers(2, 40))
def test_the_canvas_holds_the_whole_scan_and_keeps_scale(azimuth, height, width):
    to_scan, (rows, columns) = rectified_frame((height, width), azimuth)
    assert to_scan[:, :2] @ to_scan[:, :2].T == pytest.approx(np.eye(2), abs=1e-12)
    assert np.linalg.det(to_scan[:, :2]) == pytest.approx(1)
    corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)])
    inside = np.linalg.solve(to_scan[:, :2], (corners - to_scan[:, 2]).T)
    assert (inside > -1e-4).all()
    assert (inside.T - (columns, rows) < 1e-4 - 1).all()
    # pixels inside cover the scan's area, give or take those along its edge
    inside_pixels = inside_scan(to_scan, (rows, columns), (height, width)).sum()
    assert abs(int(inside_pixels) - height * width) <= 2 * (height + width)


@pytest.mark.parametrize("azimuth", [90, 180, 270, -90, 360])
def test_quarter_turns_only_move_pixels(azimuth):
    views = np.random.default_rng(1).random((2, 7, 11)).astype(np.float32)
    turned, to_scan = rectify(views, azimuth)
    assert np.array_equal(turned, np.rot90(views, azimuth // 90, axes=(1, 2)))
    assert turned.dtype == np.float32
    assert inside_scan(to_scan, turned.shape[1:], (7, 11)).all()


def test_there_and_back_keeps_a_fine_line():
    image = 1 - 0.4 * blob((64, 64), 32, 32, 1.5)[None]
    there, to_scan = rectify(image, 23.0)
    back, and_back = rectify(there, -23.0)
    assert to_scan[:, :2] @ and_back[:, :2] == pytest.approx(np.eye(2), abs=1e-12)
    # both canvases are centred, so that the middle of the last lies on the middle of the first
    rows, columns = back.shape[1:]
    centred = ndimage.shift(
        back[0], (31.5 - (rows - 1) / 2, 31.5 - (columns - 1) / 2), order=3, mode="nearest"
    )[:64, :64]
    assert np.abs(centred[20:45, 20:45] - image[0, 20:45, 20:45]).max() < 0.02


def test_corners_are_smooth_and_finite():
    views = np.full((1, 50, 70), 5.0)
    views[0, :, 30:33] = 1.0  # a line that ends at the border
    turned, to_scan = rectify(views, 33.0)
    mask = inside_scan(to_scan, turned.shape[1:], (50, 70))
    assert 0.4 < mask.mean() < 0.9
    filled = turned[0][~mask]
    assert np.isfinite(turned).all()
    # no streak as dark as the line goes on into the corner
    assert filled.min() > 2.5
    assert filled.max() < 5.5


@pytest.mark.parametrize(
    ("views", "azimuth", "words"),
    [
        (np.ones((5, 5)), 10.0, "image.None"),
        (np.ones((1, 5, 5)), np.nan, "number of degrees"),
        (np.full((1, 5, 5), np.nan), 10.0, "NaN"),
        (np.ones((0, 5, 5)), 10.0, "V, H, W"),
    ],
)
def test_bad_input(views, azimuth, words):
    with pytest.raises(ValueError, match=words):
        rectify(views, azimuth)
