"""What dislocations, faults and two-beam conditions are made of stays as it was given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_stereo.simulation import Dislocation, StackingFault, TwoBeam

LINE = [[0.0, 0, 0], [10, 0, 5], [10, 10, 9], [0, 10, 5]]
MADE = {
    "g": (lambda a: TwoBeam(a, 0.0, 40), [0.0, 5.0, 0.0]),
    "points": (lambda a: Dislocation(a, [0.2, 0, 0]), LINE),
    "burgers": (lambda a: Dislocation(LINE, a), [0.2, 0.0, 0.0]),
    "edge_a": (lambda a: StackingFault(a, LINE, [0.1, 0, 0]), LINE),
    "edge_b": (lambda a: StackingFault(LINE, a, [0.1, 0, 0]), LINE),
    "displacement": (lambda a: StackingFault(LINE, LINE, a), [0.1, 0.0, 0.0]),
}


@pytest.mark.parametrize("name", MADE)
def test_a_change_of_the_given_array_changes_nothing(name):
    make, values = MADE[name]
    given_array = np.array(values)
    kept = getattr(make(given_array), name)
    given_array[0] = 77.0
    np.testing.assert_array_equal(kept, values)
    assert given_array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 1.0


@given(st.floats(-0.1, 0.1))
def test_another_excitation_error_leaves_the_reflection(s):
    beam = TwoBeam([1.0, 5, 0], 0.02, 40, 660, 600)
    other = beam.with_s(s)
    assert (other.s, beam.s) == (s, 0.02)
    np.testing.assert_array_equal(other.g, beam.g)
    assert (other.xi_g, other.xi_g_abs, other.xi_0_abs) == (40, 660, 600)
    assert beam.at([0.01, 0.002]).s == beam.with_s(0.02 - 0.02).s


def test_an_excitation_error_that_is_none_is_refused():
    with pytest.raises(ValueError, match="finite number in 1/nm"):
        TwoBeam([1, 0, 0], 0.0, 40).with_s(np.nan)


@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_a_line_is_closed_where_its_ends_meet_wherever_it_lies(shift):
    points = np.array(LINE) + shift
    ring = np.vstack([points, points[:1]])
    assert Dislocation(ring, [0.2, 0, 0]).closed
    almost = ring.copy()
    almost[-1, 0] += 0.05  # a gap that can be told from rounding
    assert not Dislocation(almost, [0.2, 0, 0]).closed
    assert not Dislocation(points, [0.2, 0, 0]).closed
