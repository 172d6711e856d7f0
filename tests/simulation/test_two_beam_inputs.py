"""What two-beam images take, give back and refuse."""

import numpy as np
import pytest

from hyperspy_stereo.simulation.two_beam import (
    Dislocation,
    TwoBeam,
    bright_dark_field,
    perfect_crystal,
)


def test_one_line_or_a_list_of_lines():
    beam = TwoBeam([0, 5, 0], 0.0, 40.0)
    line = Dislocation([[0, -1, 100], [0, 1, 100]], [0, 0.2, 0])
    x, y = np.arange(7.0), np.arange(3.0)
    bf, df = bright_dark_field(line, beam, 200.0, x, y)
    assert bf.shape == df.shape == (3, 7)
    assert bf.dtype == df.dtype == np.float64
    np.testing.assert_array_equal(bright_dark_field((line,), beam, 200.0, x, y)[0], bf)


@pytest.mark.parametrize("burgers", [[0, 0.2, 0], [0.2, 0, 0]])
def test_nearest_tangent_is_the_exact_field_for_a_straight_line(burgers):
    beam = TwoBeam([3, 4, 0], 0.01, 40.0, 660.0, 600.0)
    line = Dislocation([[0, -100, 90], [0, 100, 90]], burgers)
    x = np.arange(-59.5, 60)
    exact, nearest = (
        np.array(
            bright_dark_field(
                line, beam, 200.0, x, [0.0, 5.0], (0.04, -0.03), 50.0, slice_thickness=0.5, field=f
            )
        )
        for f in ("segments", "nearest")
    )
    assert np.ptp(exact[0]) > 0.1
    np.testing.assert_allclose(nearest, exact, atol=0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"thickness": 0.0}, "thickness"),
        ({"thickness": [100.0, 200.0]}, "wedge"),
        ({"x": [[0.0]]}, "x must be"),
        ({"y": [np.nan]}, "y must be"),
        ({"incidence": (0.1, 0.1, 0.1)}, "incidence"),
        ({"incidence": (10.0, 0.0)}, "Divide mrad by 1000"),
        ({"focus_depth": np.inf}, "focus_depth"),
        ({"slice_thickness": 0.0}, "slice_thickness"),
        ({"slice_thickness": 1e-6}, "slices"),
        ({"slice_thickness": 50.0}, "extinction distance"),
        ({"poisson_ratio": 0.5}, "poisson_ratio"),
        ({"field": "all"}, "segments, nearest"),
    ],
)
def test_bad_numbers_are_told(change, words):
    given_ = {"thickness": 200.0, "x": [0.0], "y": [0.0]} | change
    with pytest.raises(ValueError, match=words):
        bright_dark_field([], TwoBeam([5, 0, 0], 0.0, 40.0), **given_)


def test_wrong_kinds_of_things_are_told():
    beam = TwoBeam([5, 0, 0], 0.0, 40.0)
    with pytest.raises(TypeError, match="Dislocation"):
        bright_dark_field([[0, 0, 0]], beam, 200.0, [0.0], [0.0])
    with pytest.raises(TypeError, match="Dislocation"):
        bright_dark_field(3, beam, 200.0, [0.0], [0.0])
    with pytest.raises(TypeError, match="TwoBeam"):
        bright_dark_field([], [5, 0, 0], 200.0, [0.0], [0.0])
    with pytest.raises(TypeError, match="TwoBeam"):
        perfect_crystal(40.0, 200.0)
    with pytest.raises(ValueError, match="below 0"):
        perfect_crystal(beam, [-1.0])
