"""What runs straight through a view."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.detection.straight import through_lines


def drawn(curve, shape=(160, 200)):
    """A line 3 px wide through points (x, y), dense."""
    found = np.zeros(shape)
    for x, y in curve:
        found[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 0.9
    return found


X = np.arange(1.0, 199.0, 0.5)


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.35, 0.35), st.floats(50, 110))
def test_a_straight_chord_is_found_whatever_its_direction(slope, start):
    y = start + slope * (X - 100)
    keep = (y > 2) & (y < 157)
    found = drawn(np.column_stack([X, y])[keep])
    through = through_lines(found, np.full(found.shape, 0.3))
    assert through[found > 0].mean() > 0.95


@pytest.mark.parametrize("sagitta", [5.0, 15.0])
def test_a_bent_line_stays(sagitta):
    y = 80 + sagitta * np.sin(np.pi * X / 199)
    found = drawn(np.column_stack([X, y]))
    assert not through_lines(found, np.full(found.shape, 0.3)).any()


def test_a_line_that_ends_within_the_view_stays():
    found = drawn(np.column_stack([X, 0 * X + 80])[X < 130])
    assert not through_lines(found, np.full(found.shape, 0.3)).any()


def test_a_line_that_the_network_is_sure_of_stays():
    found = drawn(np.column_stack([X, 0 * X + 80]))
    assert not through_lines(found, np.full(found.shape, 0.05)).any()


def test_a_crossing_line_keeps_all_but_the_crossing():
    straight = drawn(np.column_stack([X, 0 * X + 80]))
    y = np.arange(20.0, 140.0, 0.5)
    curved = drawn(np.column_stack([100 + 20 * np.sin(y / 30), y]))
    through = through_lines(np.maximum(straight, curved), np.full(straight.shape, 0.3))
    lost = through & (curved > 0)
    assert lost.sum() < 40
    assert through[straight > 0].mean() > 0.95


def test_nothing_is_found_in_nothing():
    assert not through_lines(np.zeros((40, 40)), np.zeros((40, 40))).any()
