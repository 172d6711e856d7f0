"""Disparity and depth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_stereo import geometry as g

ANGLE = st.floats(0.1, 60)
DEPTH = st.floats(-1e4, 1e4)


@given(ANGLE, st.floats(-1e3, 1e3))
def test_formulas(angle, disparity):
    half = np.deg2rad(angle) / 2
    assert g.depth_from_disparity(disparity, angle) == pytest.approx(disparity / (2 * np.tan(half)))
    assert g.depth_from_disparity(disparity, angle, "tilt") == pytest.approx(
        disparity / (2 * np.sin(half))
    )


@given(ANGLE, DEPTH, st.sampled_from(["tilt", "tiltless"]))
def test_depth_and_back_without_recentring(angle, depth, geometry):
    disparity = g.disparity_from_depth(depth, angle, geometry)
    assert g.depth_from_disparity(disparity, angle, geometry) == pytest.approx(depth, abs=1e-9)
    assert disparity * depth >= 0


def test_sigma_scales_as_depth():
    assert g.depth_sigma(0.3, 8, "tilt") == pytest.approx(g.depth_from_disparity(0.3, 8, "tilt"))


@given(st.floats(-60, 60), st.floats(0.5, 60), st.floats(-180, 180))
def test_offsets_of_a_pair_are_half_along_the_parallax(mean, width, azimuth):
    pair = g.rotate_incidence([[width, 0], [-width, 0]], azimuth)
    unit = np.array([np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))])
    offsets = g.view_offsets(pair)
    # tan of the components is the tan of the length only for small angles.
    np.testing.assert_allclose(offsets, [-0.5 * unit, 0.5 * unit], atol=2e-3)
    np.testing.assert_allclose(g.view_offsets(pair + mean).mean(axis=0), 0, atol=1e-12)


@given(ANGLE, st.sampled_from(["tilt", "tiltless"]))
def test_offsets_of_a_symmetric_pair_are_exact(angle, geometry):
    offsets = g.view_offsets(g.incidence_pair(angle), geometry)
    np.testing.assert_allclose(offsets, [[-0.5, 0], [0.5, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: g.depth_from_disparity(1, 8, "tilted"), "tiltless"),
        (lambda: g.view_offsets([[5, 0], [5, 0]]), "same direction"),
    ],
)
def test_bad_input_is_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()
