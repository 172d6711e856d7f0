"""Depth errors against true lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_stereo.simulation.compare import depth_errors

LINE = np.column_stack([np.linspace(0, 200, 9), np.linspace(10, 110, 9), np.linspace(-50, 70, 9)])


@given(where=st.floats(0, 1), offset=st.floats(-30, 30), pixel=st.floats(0.5, 4))
def test_error_is_the_offset_in_depth(where, offset, pixel):
    point = LINE[0] + where * (LINE[-1] - LINE[0]) + (0, 0, offset)
    error = depth_errors(point[None] / pixel, [LINE], pixel)
    assert error[0] == pytest.approx(offset, abs=0.3 * pixel)


def test_points_off_every_line_have_no_error():
    far = np.array([[100.0, 60 + 7.0, 0]])
    assert np.isnan(depth_errors(far, [LINE], 1.0)).all()
    assert not np.isnan(depth_errors(far, [LINE], 1.0, reach=10)).any()


@pytest.mark.parametrize(("points", "lines"), [(np.zeros((3, 2)), [LINE]), (np.zeros((3, 3)), [])])
def test_bad_input(points, lines):
    with pytest.raises(ValueError, match=r"needed|must be"):
        depth_errors(points, lines, 1.0)
