"""The elastic displacement around dislocations: known fields, circuits, equilibrium, invariants."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.simulation.two_beam import Dislocation, displacement_change

numbers = st.floats(-30, 30, allow_nan=False).map(lambda value: round(value, 3))
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
seeds = st.integers(0, 2**32 - 1)
ratios = st.floats(-0.5, 0.49)


def straight_line_field(points, line_sense, burgers, nu):
    """Displacement along a path near a straight line through the origin (Hirth and Lothe)."""
    edge = burgers - (burgers @ line_sense) * line_sense
    x_axis = edge / np.linalg.norm(edge)
    x, y = points @ x_axis, points @ np.cross(line_sense, x_axis)
    phi, r = np.unwrap(np.arctan2(y, x))[:, None], np.hypot(x, y)[:, None]
    across = (1 - 2 * nu) * np.log(r) / (2 * (1 - nu)) + np.cos(2 * phi) / (4 * (1 - nu))
    around = burgers * phi + edge * np.sin(2 * phi) / (4 * (1 - nu))
    return (around + np.cross(burgers, line_sense) * across) / (2 * np.pi)


def circle(centre, axis, radius=1.0, n=11):
    """A closed circuit, right-handed about an axis."""
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    first = np.cross(axis, [1, 0, 0] if abs(axis[0]) < 0.9 else [0, 1, 0])
    first /= np.linalg.norm(first)
    angle = np.linspace(0, 2 * np.pi, n + 1)[:, None]
    return centre + radius * (np.cos(angle) * first + np.sin(angle) * np.cross(axis, first))


def random_path(rng, n=30):
    return 5 + rng.normal(size=3) * 10 + np.cumsum(rng.normal(size=(n, 3)), axis=0)


@given(seeds, ratios)
@settings(deadline=None, max_examples=40)
def test_straight_line_has_the_field_of_the_textbook(seed, nu):
    rng = np.random.default_rng(seed)
    sense, burgers = rng.normal(size=3), rng.normal(size=3)
    sense /= np.linalg.norm(sense)
    path = np.cumsum(rng.normal(size=(200, 3)) * 0.05, axis=0) + 2 * np.cross(sense, burgers)
    expected = np.diff(straight_line_field(path, sense, burgers, nu), axis=0)
    line = Dislocation([-3 * sense, 40 * sense], burgers)
    np.testing.assert_allclose(displacement_change(line, path, nu), expected, atol=1e-11)


@pytest.mark.parametrize(
    ("sense", "burgers"),
    [([0, 1, 0], [0, 0.2, 0]), ([0, 1, 0], [0.2, 0, 0]), ([1, 2, 3], [0.1, -0.2, 0.05])],
    ids=["screw", "edge", "mixed"],
)
@pytest.mark.parametrize("n", [3, 4, 40])
def test_burgers_circuit_of_a_straight_line_closes(sense, burgers, n):
    line = Dislocation([np.zeros(3), np.array(sense)], burgers)
    circuit = circle([0.1, 0.2, -0.1], sense, radius=7.0, n=n)
    np.testing.assert_allclose(displacement_change(line, circuit).sum(axis=0), burgers, atol=1e-12)
    backwards = displacement_change(line, circuit[::-1]).sum(axis=0)
    np.testing.assert_allclose(backwards, -np.array(burgers), atol=1e-12)


@given(seeds, st.booleans(), st.integers(3, 20))
@settings(deadline=None, max_examples=40)
def test_burgers_circuit_closes_around_every_piece_of_polylines_and_loops(seed, loop, n):
    rng = np.random.default_rng(seed)
    angle = np.sort(np.linspace(0, 5, 6) + rng.uniform(-0.3, 0.3, 6))
    corners = np.stack([30 * np.cos(angle), 20 * np.sin(angle), 5 * rng.normal(size=6)], axis=1)
    if loop:
        corners = np.concatenate([corners, corners[:1]])
    burgers = rng.normal(size=3)
    line = Dislocation(corners, burgers)
    for a, b in pairwise(corners):
        circuit = circle((a + b) / 2, b - a, n=n)
        total = displacement_change(line, circuit).sum(axis=0)
        np.testing.assert_allclose(total, burgers, atol=1e-11)
    beside = circle(np.array([200.0, 300.0, 50.0]), rng.normal(size=3), n=n)
    np.testing.assert_allclose(displacement_change(line, beside).sum(axis=0), 0, atol=1e-12)


def test_circuits_around_the_arms_of_nodes():
    ends = np.array([[0.0, 0, 0], [60, 0, 0]])
    vectors = np.array([[0.2, 0, 0.1], [-0.1, 0.3, 0], [-0.1, -0.3, -0.1]])
    middles = [[30.0, 20, 0], [30, -20, 10], [30, 0, -25]]
    arms = [
        Dislocation([ends[0], middle, ends[1]], burgers, extend=False)
        for middle, burgers in zip(middles, vectors, strict=True)
    ]
    for arm, burgers in zip(arms, vectors, strict=True):
        circuit = circle(arm.points[:2].mean(axis=0), arm.points[1] - arm.points[0])
        total = displacement_change(arms, circuit).sum(axis=0)
        np.testing.assert_allclose(total, burgers, atol=1e-12)


@pytest.mark.parametrize("nu", [0.0, 0.3])
def test_displacement_of_a_loop_is_in_equilibrium(nu):
    # Navier's equation by central differences; the jump b across the cut fixes the solution.
    corners = [[10.0, 0, 0], [0, 12, 3], [-9, 0, -2], [0, -11, 4], [10, 0, 0]]
    loop = Dislocation(corners, [0.3, -0.2, 0.4])
    point, h = np.array([4.0, 5.0, 7.0]), 0.05

    def u(*offset):
        return displacement_change(loop, [point, point + h * np.array(offset, float)], nu)[0]

    eye = np.eye(3)
    second = np.empty((3, 3, 3))
    for i in range(3):
        for j in range(3):
            e, f = eye[i], eye[j]
            second[i, j] = (u(*(e + f)) - u(*(e - f)) - u(*(f - e)) + u(*(-e - f))) / (4 * h * h)
    laplacian = np.einsum("iik->k", second)
    divergence = np.einsum("ijj->i", second)
    assert np.abs(laplacian).max() > 1e-4
    np.testing.assert_allclose((1 - 2 * nu) * laplacian + divergence, 0, atol=2e-6)


def test_small_loop_is_not_felt_far_away():
    loop = Dislocation([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [1, 0, 0]], [0, 0, 0.2])
    near, far = (
        np.abs(displacement_change(loop, [[0, 0, z], [0, 0, 1e9]])).max() for z in (50.0, 100.0)
    )
    assert near / far == pytest.approx(4, rel=1e-2)


@given(seeds)
@settings(deadline=None, max_examples=30)
def test_corners_on_a_straight_line_change_nothing(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 3)) * 20
    share = np.sort(np.concatenate([[0, 1], rng.uniform(0.01, 0.99, 4)]))[:, None]
    path = random_path(rng)
    for extend in (True, False):
        whole = displacement_change(Dislocation([a, b], [0.2, 0.1, -0.3], extend), path)
        pieces = Dislocation(a + share * (b - a), [0.2, 0.1, -0.3], extend)
        np.testing.assert_allclose(displacement_change(pieces, path), whole, atol=1e-11)


@given(seeds, st.integers(2, 50))
@settings(deadline=None, max_examples=30)
def test_a_step_is_the_sum_of_its_parts(seed, n):
    rng = np.random.default_rng(seed)
    line = Dislocation(rng.normal(size=(4, 3)) * 20, rng.normal(size=3))
    ends = rng.normal(size=(2, 3)) * 30
    parts = ends[0] + np.linspace(0, 1, n + 1)[:, None] * (ends[1] - ends[0])
    whole = displacement_change(line, ends)[0]
    np.testing.assert_allclose(displacement_change(line, parts).sum(axis=0), whole, atol=1e-11)


@given(seeds)
@settings(deadline=None, max_examples=30)
def test_sense_and_vector_reverse_together(seed):
    rng = np.random.default_rng(seed)
    corners, burgers, path = rng.normal(size=(4, 3)) * 20, rng.normal(size=3), random_path(rng)
    forward = displacement_change(Dislocation(corners, burgers), path)
    back = displacement_change(Dislocation(corners[::-1], -burgers), path)
    np.testing.assert_allclose(back, forward, atol=1e-11)


@given(seeds, vectors, vectors)
@settings(deadline=None, max_examples=30)
def test_burgers_vectors_on_one_line_superpose(seed, first, second):
    rng = np.random.default_rng(seed)
    corners, path = rng.normal(size=(3, 3)) * 20, random_path(rng)
    lines = [Dislocation(corners, first), Dislocation(corners, second)]
    together = displacement_change(Dislocation(corners, first + second), path)
    np.testing.assert_allclose(displacement_change(lines, path), together, atol=1e-9)


@given(seeds)
@settings(deadline=None, max_examples=30)
def test_open_ends_go_on_as_very_long_pieces_do(seed):
    rng = np.random.default_rng(seed)
    corners, path = rng.normal(size=(3, 3)) * 20, random_path(rng)
    first, last = corners[0] - corners[1], corners[-1] - corners[-2]
    long = np.concatenate([corners[:1] + 1e6 * first, corners, corners[-1:] + 1e6 * last])
    expected = displacement_change(Dislocation(long, [0.2, 0.1, -0.3], extend=False), path)
    going_on = displacement_change(Dislocation(corners, [0.2, 0.1, -0.3]), path)
    np.testing.assert_allclose(going_on, expected, atol=1e-6)


def test_points_on_the_line_and_on_its_axis_give_numbers():
    for extend in (True, False):
        line = Dislocation([[0, 0, 0], [0, 0, 10], [5, 0, 20]], [0.2, 0.1, 0.3], extend)
        path = [[3, 0, 5], [0, 0, 5], [0, 0, 0], [0, 0, -5], [0, 0, 10], [5, 0, 20], [9, 9, 9]]
        assert np.isfinite(displacement_change(line, path)).all()


@pytest.mark.parametrize("path", [[[0, 0, 0]], [[0, 0], [1, 1]], [[0, 0, 0], [0, 0, np.nan]]])
def test_bad_paths_are_told(path):
    with pytest.raises(ValueError, match="path must"):
        displacement_change(Dislocation([[0, 0, 0], [0, 1, 0]], [0.2, 0, 0]), path)


def test_no_line_no_displacement():
    assert not displacement_change([], [[0, 0, 0], [1, 0, 0]]).any()
    with pytest.raises(ValueError, match="poisson_ratio"):
        displacement_change([], [[0, 0, 0], [1, 0, 0]], poisson_ratio=0.5)
