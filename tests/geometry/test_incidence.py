"""Incidences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_stereo import geometry as g


@given(st.floats(0.01, 80))
def test_pair_has_its_stereo_angle_and_left_is_larger(angle):
    pair = g.incidence_pair(angle)
    assert g.stereo_angle(pair) == pytest.approx(angle)
    assert pair[0, 0] > pair[1, 0]


@given(st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_slopes_and_back(x, y):
    np.testing.assert_allclose(
        g.incidence_from_slopes(g.slopes([x, y])), [[x, y]], rtol=1e-9, atol=1e-9
    )


def test_stereo_angle_of_many_views_is_the_largest():
    assert g.stereo_angle([[0, 0], [0, 30], [0, -40]]) == pytest.approx(np.rad2deg(0.07))


def test_rotation_turns_x_towards_y_and_flip_comes_first():
    np.testing.assert_allclose(g.rotate_incidence([[10, 0]], 90), [[0, 10]], atol=1e-12)
    np.testing.assert_allclose(g.rotate_incidence([[0, 10]], 90), [[-10, 0]], atol=1e-12)
    np.testing.assert_allclose(g.rotate_incidence([[0, 10]], 90, flip=True), [[10, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: g.incidence_pair(0), "no depth"),
        (lambda: g.incidence_pair(-8), "exchange the images"),
        (lambda: g.incidence_pair(120), "below 90"),
        (lambda: g.as_incidence([1, 2, 3]), "theta_x, theta_y"),
        (lambda: g.as_incidence([[np.nan, 0]]), "not finite"),
        (lambda: g.as_incidence([[2000, 0]]), "mrad"),
        (lambda: g.stereo_angle([[1, 0]]), "two views"),
    ],
)
def test_bad_angles_are_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_an_angle_that_is_no_number():
    with pytest.raises(TypeError, match="degrees"):
        g.incidence_pair("eight")


@pytest.mark.parametrize("given", ["ab", [[1, 2], [3]], [["a", "b"]], [None, {}], {"x": 1}])
def test_incidences_that_are_no_numbers(given):
    with pytest.raises(TypeError, match="theta_x, theta_y in mrad for each view"):
        g.as_incidence(given)
