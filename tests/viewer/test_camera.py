"""Handedness, and what a camera sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_stereo.viewer.camera import NEAREST, Camera, from_y_up, to_y_up

SHAPE = (300, 500)


def test_specimen_to_y_up_is_x_z_minus_y():
    np.testing.assert_array_equal(to_y_up([1.0, 2.0, 3.0]), [1.0, 3.0, -2.0])
    axes = to_y_up(np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1)
    np.testing.assert_array_equal(from_y_up(axes), np.eye(3))


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_camera_axes_are_right_handed(azimuth, elevation):
    axes = Camera(azimuth, elevation).axes()
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.cross(axes[0], axes[1]), axes[2], atol=1e-12)


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(1, 60), st.floats(0.5, 3))
def test_fitted_points_fill_the_picture(azimuth, elevation, fov, aspect):
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (30, 3)) * (200, 100, 30) + (500, 0, -80)
    shape = (400, round(400 * aspect))
    camera = Camera(azimuth, elevation, fov)
    target, distance = camera.fit(points, shape[1] / shape[0])
    seen = camera.project(points, target, distance, shape)
    assert seen[:, 0].min() > -1
    assert seen[:, 1].min() > -1
    assert seen[:, 0].max() < shape[1]
    assert seen[:, 1].max() < shape[0]
    depth = (to_y_up(points) - target) @ camera.axes()[2]
    assert distance >= NEAREST * depth.max() - 1e-6
    if distance > (NEAREST + 1e-6) * depth.max():  # else nearer than this no camera goes
        assert max(np.ptp(seen[:, 0]) / shape[1], np.ptp(seen[:, 1]) / shape[0]) > 0.99


def test_the_camera_stands_before_the_nearest_point():
    """A wide angle and a wide picture: the nearest point would touch both sides at once."""
    points = np.array([[0, 0, 0], [0, 200, 0], [5, 100, 30.0]])
    camera = Camera(-91.0, 11.0, 38.0)
    target, distance = camera.fit(points, 3.0)
    assert distance - ((to_y_up(points) - target) @ camera.axes()[2]).max() > 5


def look(camera, *points):
    cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 100.0
    return camera.project(np.array(points, float), *camera.fit(cube, 5 / 3), SHAPE)


def test_along_the_beam_x_is_right_and_y_is_down_as_in_the_images():
    origin, x, y, z = look(Camera(0, -90), (0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50))
    assert x[0] > origin[0] + 10
    assert y[1] > origin[1] + 10
    # Deeper is further away.
    assert z[2] < origin[2]
    assert z[3] < origin[3]


def test_first_view_has_the_beam_upwards_and_x_to_the_right():
    origin, x, z = look(Camera(), (0, 0, 0), (50, 0, 0), (0, 0, 50))
    assert x[0] > origin[0] + 10
    assert z[1] < origin[1] - 10
