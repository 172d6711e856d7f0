"""A specimen holds what belongs together, and says what is wrong with what does not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_stereo.simulation import Dislocation, Specimen, StackingFault, TwoBeam
from hyperspy_stereo.simulation.specimen import Boundary

BEAM = TwoBeam([0, 5, 0], 0.0, 40)
LINE = Dislocation([[20, 8, 20], [40, 56, 80]], [0, 0.2, 0])
FAULT = StackingFault([[0, 0, 0], [0, 9, 0]], [[9, 0, 9], [9, 9, 9]], [0.1, 0, 0])
PLANE = Boundary([32, 0, 0], [1, 0, 0])


def foil(**changes):
    return Specimen(**{"size": (64, 48), "thickness": 100, "beam": BEAM} | changes)


def falling(rise):
    """A wedge whose thickness changes by so many nm from the middle to either side."""
    terms = np.zeros((3, 3))
    terms[1, 0] = rise
    return terms


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"beam": [0, 5, 0]}, TypeError, r"TwoBeam\(g, s, xi_g"),
        ({"dislocations": LINE}, TypeError, r"write \(dislocation,\)"),
        ({"faults": FAULT}, TypeError, r"write \(fault,\)"),
        ({"dislocations": (LINE, FAULT)}, TypeError, "nothing but Dislocation; got a StackingF"),
        ({"boundaries": 3}, TypeError, "tuple of Boundary"),
        ({"spots": (PLANE,)}, TypeError, "nothing but SurfaceSpot"),
        ({"dislocations": (LINE,), "kinds": "line"}, TypeError, "tuple of names"),
        ({"dislocations": (LINE,), "kinds": ("a", "b")}, ValueError, "1 dislocations and 2 kinds"),
        ({"kinds": ("a",)}, ValueError, "Leave kinds empty"),
        ({"boundaries": (PLANE,)}, ValueError, r"2 for 1 boundaries, such as \(0.0, 0.0\)"),
        ({"grain_deviations": ()}, ValueError, "1 for 0 boundaries"),
        ({"grain_deviations": (np.nan,)}, ValueError, "grain_deviations must be"),
        ({"size": 64}, ValueError, "width and height"),
        ({"size": (64, 0)}, ValueError, "above 0 nm"),
        ({"size": ("a", 3)}, ValueError, "width and height"),
        ({"thickness": 0}, ValueError, "above 0 nm"),
        ({"thickness": np.inf}, ValueError, "finite"),
        ({"thickness": "100"}, TypeError, "thickness must be a number"),
        ({"wedge": np.zeros((2, 2))}, ValueError, "wedge must be 3 x 3 numbers"),
        ({"bend": np.full((3, 3), np.nan)}, ValueError, "bend must be .* all finite"),
        ({"wedge": falling(-120)}, ValueError, "leaves -20 nm at x = 64"),
        ({"voltage": -1}, ValueError, "above 0 kV"),
        ({"voltage": "high"}, TypeError, "voltage must be a number"),
        ({"poisson_ratio": 0.5}, ValueError, "poisson_ratio"),
    ],
)
def test_wrong_parts_are_told(changes, error, message):
    with pytest.raises(error, match=message):
        foil(**changes)


def test_lines_are_called_line_where_nothing_is_said():
    assert foil(dislocations=[LINE, LINE]).kinds == ("line", "line")
    assert foil().kinds == ()
    assert replace(foil(dislocations=(LINE,)), dislocations=(), kinds=()).dislocations == ()


@given(st.floats(-150, 150))
def test_a_foil_is_thicker_than_nothing_everywhere(rise):
    if abs(rise) < 100:
        made = foil(wedge=falling(rise))
        assert (made.thickness_at([0, 64], [0, 48]) > 0).all()
    else:
        with pytest.raises(ValueError, match="weaker wedge"):
            foil(wedge=falling(rise))


def test_a_change_of_the_given_terms_changes_nothing():
    wedge = falling(10.0)
    made = foil(wedge=wedge)
    wedge[:] = 77
    assert made.thickness_at(64, 0) == pytest.approx(110)


@given(st.floats(0.01, 100))
def test_normals_of_boundaries_are_unit_vectors(length):
    normal = length * np.array([0.6, 0, 0.8])
    np.testing.assert_allclose(Boundary([0, 0, 0], normal).normal, [0.6, 0, 0.8], atol=1e-12)


@pytest.mark.parametrize(
    ("point", "normal"), [([0, 0], [1, 0, 0]), ([0, 0, 0], [0, 0, 0]), ([0, 0, 0], [np.nan, 0, 1])]
)
def test_boundaries_that_are_none_are_told(point, normal):
    with pytest.raises(ValueError, match=r"point must|normal must"):
        Boundary(point, normal)
