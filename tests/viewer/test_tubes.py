"""Meshes of tubes and balls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.viewer.tubes import ball_mesh, frames, tube_mesh


def volume(vertices, triangles):
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def is_closed(triangles):
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there = {tuple(e) for e in edges.tolist()}
    return len(there) == len(edges) and all((b, a) in there for a, b in there)


@given(st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_tubes_are_closed_and_every_vertex_knows_its_point(seed, lines):
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 12, lines)
    points = np.cumsum(rng.normal(size=(size.sum(), 3)), axis=0)
    index = np.repeat(np.arange(lines), size)
    vertices, triangles, source = tube_mesh(points, index, 0.3)
    assert is_closed(triangles)
    np.testing.assert_allclose(np.linalg.norm(vertices - points[source], axis=1), 0.3)
    # No triangle joins two lines.
    assert (np.ptp(index[source[triangles]], axis=1) == 0).all()


def test_a_straight_tube_has_the_volume_of_a_cylinder_and_looks_outwards():
    points = np.column_stack([np.linspace(0, 100, 50), np.zeros(50), np.zeros(50)])
    vertices, triangles, _ = tube_mesh(points, np.zeros(50, int), 2.0, sides=48)
    assert volume(vertices, triangles) == pytest.approx(np.pi * 4 * (100 + 4 / 3), rel=0.01)


def test_frames_do_not_twist():
    t = np.linspace(0, 4 * np.pi, 400)
    helix = np.column_stack([np.cos(t), np.sin(t), 0.2 * t])
    tangent, normal = frames(helix, np.zeros(400, int))
    np.testing.assert_allclose(np.einsum("ij,ij->i", tangent, normal), 0, atol=1e-9)
    turn = np.cross(np.diff(normal, axis=0), normal[:-1])
    assert np.abs(np.einsum("ij,ij->i", turn, tangent[:-1])).max() < 2e-3


def test_repeated_points_make_no_nan():
    points = np.zeros((5, 3))
    points[3:] = 1.0
    vertices, _, _ = tube_mesh(points, np.zeros(5, int), 0.1)
    assert np.isfinite(vertices).all()


def test_no_points_no_mesh():
    vertices, triangles, source = tube_mesh(np.zeros((0, 3)), np.zeros(0, int), 1.0)
    assert (len(vertices), len(triangles), len(source)) == (0, 0, 0)


def test_balls_have_their_volume_and_place():
    centres, radius = np.array([[5.0, 0, 0], [0, 9, 0]]), np.array([1.0, 2.0])
    vertices, triangles, source = ball_mesh(centres, radius, rings=32)
    assert volume(vertices, triangles) == pytest.approx(4 / 3 * np.pi * 9, rel=0.02)
    np.testing.assert_allclose(
        np.linalg.norm(vertices - centres[source], axis=1), radius[source], atol=1e-9
    )
