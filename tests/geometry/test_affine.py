"""Affine maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_stereo import geometry as g

ANGLES = st.floats(-360, 360)
SHIFT = st.tuples(st.floats(-500, 500), st.floats(-500, 500))


@given(ANGLES, SHIFT, SHIFT)
def test_inverse_undoes_and_compose_applies_in_order(angle, centre, target):
    matrix = g.rotation_affine(angle, centre, target)
    points = np.array([[0.0, 0.0], [100.0, -20.0], [3.5, 7.25]])
    there = g.apply_affine(matrix, points)
    np.testing.assert_allclose(g.apply_affine(g.invert_affine(matrix), there), points, atol=1e-9)
    shear = [[1.0, 0.2, 3.0], [0.0, 1.5, -1.0]]
    both = g.compose_affine(shear, matrix)
    np.testing.assert_allclose(
        g.apply_affine(both, points), g.apply_affine(shear, there), atol=1e-9
    )
    np.testing.assert_allclose(g.apply_affine(matrix, centre), target, atol=1e-9)


def test_positive_angle_turns_x_towards_y_down():
    np.testing.assert_allclose(
        g.apply_affine(g.rotation_affine(90, (5, 5)), [6.0, 5.0]), [5.0, 6.0], atol=1e-12
    )


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(3)[:, :2], "(2, 3) matrix"),
        ([[1, 0, np.nan], [0, 1, 0]], "not finite"),
        ([[1, 1, 0], [1, 1, 0]], "singular"),
    ],
)
def test_what_is_no_affine_map_is_explained(matrix, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        g.as_affine(matrix)


def test_points_must_be_pairs():
    with pytest.raises(ValueError, match="x, y"):
        g.apply_affine(None, [[1, 2, 3]])
