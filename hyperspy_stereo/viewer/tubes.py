"""Triangle meshes of tubes and balls, for renderers that draw triangles."""

from __future__ import annotations

import numpy as np

__all__ = ["ball_mesh", "frames", "tube_mesh"]


def frames(points: np.ndarray, line_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tangent and a normal that turns as little as possible, at each point of polylines.

    Parameters
    ----------
    points : numpy.ndarray
        (N, 3), ordered along the lines.
    line_index : numpy.ndarray
        (N,), contiguous.

    Returns
    -------
    tangent, normal : numpy.ndarray
        (N, 3), unit vectors at right angles to each other.

    References
    ----------
    W. Wang et al., Computation of rotation minimizing frames, ACM Trans. Graph. 27 (2008) 2.
    """
    tangent, normal = np.zeros((len(points), 3)), np.zeros((len(points), 3))
    cuts = np.flatnonzero(np.diff(line_index)) + 1
    for part in np.split(np.arange(len(points)), cuts) if len(points) else []:
        tangent[part] = _tangents(points[part])
        normal[part] = _carried(tangent[part])
    return tangent, normal


def _tangents(line: np.ndarray) -> np.ndarray:
    """Unit tangents; a point that repeats its neighbour takes that one's."""
    if len(line) < 2:
        return np.tile([1.0, 0.0, 0.0], (len(line), 1))
    tangent = np.gradient(line, axis=0)
    size = np.linalg.norm(tangent, axis=1, keepdims=True)
    last = np.array([1.0, 0.0, 0.0])
    for i in range(len(line)):
        if size[i] > 0:
            last = tangent[i] / size[i]
        tangent[i] = last
    return tangent


def _carried(tangent: np.ndarray) -> np.ndarray:
    """Normals carried along a line without twist."""
    axis = np.eye(3)[np.argmin(np.abs(tangent[0]))]
    normal = np.empty_like(tangent)
    now = np.cross(tangent[0], axis)
    for i, t in enumerate(tangent):
        flat = now - (now @ t) * t
        size = np.linalg.norm(flat)
        if size < 1e-9:
            flat = np.cross(t, np.eye(3)[np.argmin(np.abs(t))])
            size = np.linalg.norm(flat)
        now = flat / size
        normal[i] = now
    return normal


def tube_mesh(
    points: np.ndarray, line_index: np.ndarray, radius: float, sides: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tubes along polylines, with pointed caps.

    Parameters
    ----------
    points : numpy.ndarray
        (N, 3), ordered along the lines.
    line_index : numpy.ndarray
        (N,), contiguous.
    radius : float
        Unit of the points.
    sides : int
        Corners of the cross-section. Default 8, round enough with smooth shading.

    Returns
    -------
    vertices : numpy.ndarray
        (M, 3).
    triangles : numpy.ndarray
        (T, 3), uint32, counter-clockwise from outside.
    source : numpy.ndarray
        (M,), the point that each vertex belongs to, for its colour.
    """
    count = len(points)
    if count == 0:
        return np.zeros((0, 3)), np.zeros((0, 3), np.uint32), np.zeros(0, np.int64)
    tangent, normal = frames(points, line_index)
    binormal = np.cross(tangent, normal)
    angle = 2 * np.pi * np.arange(sides) / sides
    around = normal[:, None] * np.cos(angle)[:, None] + binormal[:, None] * np.sin(angle)[:, None]
    rings = (points[:, None] + radius * around).reshape(-1, 3)

    joined = np.flatnonzero(line_index[1:] == line_index[:-1])
    i, j = np.arange(sides), (np.arange(sides) + 1) % sides
    low, high = joined[:, None] * sides, (joined[:, None] + 1) * sides
    walls = np.concatenate(
        [
            np.stack([low + i, low + j, high + j], axis=-1).reshape(-1, 3),
            np.stack([low + i, high + j, high + i], axis=-1).reshape(-1, 3),
        ]
    )
    first = np.flatnonzero(np.diff(line_index, prepend=-1))
    last = np.flatnonzero(np.diff(line_index, append=-1))
    tips = np.vstack(
        [points[first] - radius * tangent[first], points[last] + radius * tangent[last]]
    )
    tip = count * sides + np.arange(len(tips))[:, None]
    start, end = first[:, None] * sides, last[:, None] * sides
    shut = np.broadcast_to
    opening = np.stack([shut(tip[: len(first)], start.shape) + 0 * i, start + j, start + i], -1)
    closing = np.stack([shut(tip[len(first) :], end.shape) + 0 * i, end + i, end + j], -1)
    triangles = np.concatenate([walls, opening.reshape(-1, 3), closing.reshape(-1, 3)])
    source = np.concatenate([np.repeat(np.arange(count), sides), first, last])
    return np.vstack([rings, tips]), triangles.astype(np.uint32), source


def ball_mesh(
    centres: np.ndarray, radius: np.ndarray, rings: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Balls as triangles.

    Parameters
    ----------
    centres : numpy.ndarray
        (N, 3).
    radius : numpy.ndarray
        (N,).
    rings : int
        Circles of latitude.

    Returns
    -------
    vertices, triangles, source
        As :func:`tube_mesh`.
    """
    sides = 2 * rings
    polar = np.pi * np.arange(rings + 1) / rings
    around = 2 * np.pi * np.arange(sides) / sides
    unit = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.outer(np.cos(polar), np.ones(sides)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    row, column = (a.ravel() for a in np.mgrid[:rings, :sides])
    after = (column + 1) % sides
    a, b = row * sides + column, row * sides + after
    one = np.concatenate([np.stack([a, a + sides, b + sides], -1), np.stack([a, b + sides, b], -1)])
    count = len(centres)
    vertices = (np.asarray(centres)[:, None] + np.asarray(radius)[:, None, None] * unit).reshape(
        -1, 3
    )
    triangles = (one[None] + (np.arange(count) * len(unit))[:, None, None]).reshape(-1, 3)
    return vertices, triangles.astype(np.uint32), np.repeat(np.arange(count), len(unit))
