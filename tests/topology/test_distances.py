"""Distances of diagrams: values by hand, bounds between them, other programs' values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from hyperspy_stereo.topology import (
    betti_difference,
    bottleneck,
    diagrams,
    filtrations,
    relative,
    sliced_wasserstein,
    wasserstein,
)
from hyperspy_stereo.topology.distances import content

EMPTY = np.empty((0, 2))
DIAGRAMS = st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 50)), max_size=12).map(
    lambda rows: np.array([(b, b + life) for b, life in rows]).reshape(-1, 2)
)
DISTANCES = (wasserstein, bottleneck, sliced_wasserstein)


def test_values_by_hand():
    assert wasserstein([[0, 4]], EMPTY) == pytest.approx(4 / np.sqrt(2))
    assert wasserstein([[0, 4], [0, 3]], [[0, 4], [0, 5]], 2) == pytest.approx(np.sqrt(2))
    assert bottleneck([[0, 4]], EMPTY) == pytest.approx(2)
    assert content([[0, 4]]) == pytest.approx(sliced_wasserstein([[0, 4]], EMPTY))
    # Averaged over all directions, a length of life / sqrt(2) is seen at 2 / pi of it.
    assert content([[0, 4]], 2000) == pytest.approx(4 / np.sqrt(2) * 2 / np.pi, rel=2e-3)


@pytest.mark.parametrize("distance", DISTANCES)
def test_equal_diagrams_have_no_distance(distance):
    diagram = np.array([[0.0, 3.0], [1.0, 9.0]])
    assert distance(diagram, diagram[::-1]) == pytest.approx(0, abs=1e-12)
    assert distance(EMPTY, EMPTY) == 0


@settings(max_examples=30, deadline=None)
@given(DIAGRAMS, DIAGRAMS, DIAGRAMS)
def test_the_sliced_distance_is_a_metric_below_twice_the_exact_one(a, b, c):
    assert sliced_wasserstein(a, b) == pytest.approx(sliced_wasserstein(b, a))
    assert sliced_wasserstein(a, b) <= 2 * wasserstein(a, b) + 1e-6
    across = sliced_wasserstein(a, c) + sliced_wasserstein(c, b)
    assert sliced_wasserstein(a, b) <= across + 1e-9
    assert sliced_wasserstein(a, b) <= content(a) + content(b) + 1e-9


@settings(max_examples=30, deadline=None)
@given(DIAGRAMS, DIAGRAMS, DIAGRAMS)
def test_the_relative_distance_is_a_metric_of_at_most_one(a, b, c):
    def share(p, q):
        return float(relative(sliced_wasserstein(p, q), content(p), content(q)))

    assert 0 <= share(a, b) <= 1 + 1e-9
    assert share(a, b) <= share(a, c) + share(c, b) + 1e-9
    assert share(a, a) == 0
    if len(a):
        assert share(a, EMPTY) == pytest.approx(1)


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_the_size_of_the_frame_and_the_number_of_lines_do_not_decide(factor):
    a, b = np.array([[0.0, 3], [1, 9]]), np.array([[0.0, 2], [2, 9]])

    def share(p, q):
        return float(relative(sliced_wasserstein(p, q), content(p), content(q)))

    assert share(factor * a, factor * b) == pytest.approx(share(a, b))
    assert share(np.tile(a, (5, 1)), np.tile(b, (5, 1))) == pytest.approx(share(a, b))


def test_sixteen_directions_are_enough(shapes):
    first, second = shapes.random_lines(1), shapes.random_lines(2)
    for one, other in zip(filtrations(first), filtrations(second), strict=True):
        for a, b in zip(*diagrams([one, other]), strict=True):
            assert sliced_wasserstein(a, b) == pytest.approx(sliced_wasserstein(a, b, 256), rel=0.1)


def test_betti_curves():
    assert betti_difference([[0, 4]], [[0, 2], [2, 4]]) == pytest.approx(0, abs=0.02)
    assert betti_difference([[0, 4]], EMPTY) == 1
    assert betti_difference(EMPTY, EMPTY) == 0


def test_bottleneck_of_classes_with_equal_birth():
    """What gudhi 3.13 gives as 2."""
    whole = np.array([[0, 1], [0, 1], [0, 6], [0, 7], [0, 8]])
    assert bottleneck(whole, whole[2:]) == 0.5
    assert bottleneck(whole[2:], whole) == 0.5


@settings(deadline=None)
@given(DIAGRAMS.map(np.round), DIAGRAMS.map(np.round))
def test_bottleneck_by_assignment(first, second):
    """The smallest limit under which an assignment, the diagonal included, has no cost."""
    half = [np.diff(d, axis=1).ravel() / 2 for d in (first, second)]
    n, m = len(first), len(second)
    cost = np.zeros((n + m, n + m))
    cost[:n, :m] = np.abs(first[:, None] - second[None]).max(axis=2)
    cost[:n, m:] = half[0][:, None]
    cost[n:, :m] = half[1][None]
    limits = np.unique(np.append(cost, 0))
    enough = [
        limit for limit in limits if (over := cost > limit)[linear_sum_assignment(over)].sum() == 0
    ]
    assert bottleneck(first, second) == min(enough)


def test_bottleneck_equals_that_of_persim():
    persim = pytest.importorskip("persim")
    rng = np.random.default_rng(5)
    for _ in range(20):
        a, b = (np.cumsum(rng.random((9, 2)), axis=1) for _ in range(2))
        assert bottleneck(a, b) == pytest.approx(persim.bottleneck(a, b), rel=0.01)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(
    ("diagram", "message"),
    [
        ([[0, np.inf]], "never die"),
        ([[2, 1]], "before it is born"),
        ([[1, 2, 3]], "one row"),
    ],
)
def test_what_is_no_diagram_is_refused(distance, diagram, message):
    with pytest.raises(ValueError, match=message):
        distance(diagram, [[0, 1]])


def test_orders_directions_and_sizes_are_checked():
    with pytest.raises(ValueError, match="order"):
        wasserstein([[0, 1]], [[0, 1]], 0.5)
    with pytest.raises(ValueError, match="directions"):
        sliced_wasserstein([[0, 1]], [[0, 1]], 1)
    many = np.column_stack([np.zeros(4000), np.arange(1, 4001)])
    with pytest.raises(ValueError, match="too many"):
        wasserstein(many, many)
