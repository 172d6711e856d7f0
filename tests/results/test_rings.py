"""Loops come out whole, wherever the list of their points begins."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyperspy_stereo import DislocationNetwork

INCIDENCE = [(50.0, 0.0), (-50.0, 0.0)]
COUNT = 90


def _loop(begin):
    """A tilted loop of about a pixel per point, its list begun anywhere."""
    turn = 2 * np.pi * (np.arange(COUNT) + begin) / COUNT
    middle = np.array([199.5, 149.5, 0.0])
    return middle + 14 * np.column_stack([np.cos(turn), np.sin(turn), 0.8 * np.sin(turn)])


def _network(make_matches, begin, lost=()):
    matches = make_matches(_loop(begin), np.zeros(COUNT, int), INCIDENCE)
    for match in matches:
        where = (np.array(list(lost), dtype=int) - begin) % COUNT
        match.status[where] = 1
    return DislocationNetwork.from_matches(
        matches, None, "tiltless", INCIDENCE, image_shape=(300, 400)
    )


@pytest.mark.parametrize("begin", [0, 17, 60])
def test_a_whole_loop_ends_where_it_begins(make_matches, begin):
    network = _network(make_matches, begin)
    (line,) = network.lines
    np.testing.assert_array_equal(line[0], line[-1])
    assert len(line) == COUNT + 1
    around = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    steps = np.diff(np.vstack([_loop(0), _loop(0)[:1]]), axis=0)
    assert around == pytest.approx(np.linalg.norm(steps, axis=1).sum(), rel=1e-6)


# the fixture is a function without state
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(begin=st.integers(0, COUNT - 1), gap=st.integers(12, 30), at=st.integers(0, COUNT - 1))
def test_a_loop_with_one_gap_is_one_line(make_matches, begin, gap, at):
    lost = (at + np.arange(gap)) % COUNT
    network = _network(make_matches, begin, lost)
    (line,) = network.lines
    assert len(line) == COUNT - gap
    # the same points in the same order, whatever the list began with
    np.testing.assert_allclose(
        line, np.roll(_loop(0), -(at + gap), axis=0)[: COUNT - gap], atol=1e-6
    )


def test_an_open_line_stays_as_it_is(make_matches, lines):
    xyz, label = lines
    network = DislocationNetwork.from_matches(
        make_matches(xyz, label, INCIDENCE), None, "tiltless", INCIDENCE, image_shape=(300, 400)
    )
    assert len(network.points) == len(xyz)


def test_a_loop_nothing_of_which_matched_gives_nothing(make_matches):
    assert len(_network(make_matches, 5, range(COUNT)).lines) == 0
