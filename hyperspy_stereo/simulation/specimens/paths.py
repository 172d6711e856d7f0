"""Curves in glide planes: straight, bowed and wavy paths, and cutting them at surfaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

STEP = 4.0
"""Distance of consecutive points of a curve, nm."""

BEYOND = 20.0
"""How far lines are followed beyond the faces of the foil, nm along the beam."""

_BEAM = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class PlaneFrame:
    """Axes in an inclined plane.

    Attributes
    ----------
    origin : (3,) ndarray
        A point of the plane, nm.
    normal : (3,) ndarray
        Unit normal.
    trace : (3,) ndarray
        Unit vector along the line in which the plane cuts the faces of the foil.
    down : (3,) ndarray
        Unit vector of steepest descent along the beam; its z is the sine of the inclination.
    """

    origin: np.ndarray
    normal: np.ndarray
    trace: np.ndarray
    down: np.ndarray

    def points(self, uv: ArrayLike) -> np.ndarray:
        """Points (n, 3) in nm from coordinates (n, 2) along `trace` and `down`."""
        uv = np.asarray(uv, dtype=float)
        return self.origin + uv[:, :1] * self.trace + uv[:, 1:] * self.down


def plane_frame(normal: ArrayLike, origin: ArrayLike) -> PlaneFrame:
    """Axes of the plane through a point.

    Parameters
    ----------
    normal : array_like of shape (3,)
        Normal, of any length and sign.
    origin : array_like of shape (3,)
        A point of the plane, nm.

    Returns
    -------
    PlaneFrame
        For a plane parallel to the foil, x is taken for the trace.

    Examples
    --------
    >>> frame = plane_frame([1, 0, 1], [0, 0, 50])
    >>> (frame.down + 0.0).round(3).tolist()
    [-0.707, 0.0, 0.707]
    """
    normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    trace = np.cross(_BEAM, normal)
    length = np.linalg.norm(trace)
    # a plane parallel to the foil has no trace; any direction in it will do
    trace = trace / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    down = np.cross(trace, normal)
    if down[2] < 0 or (down[2] == 0 and down[1] < 0):
        down = -down
    return PlaneFrame(np.asarray(origin, dtype=float), normal, trace, down)


def reach(frame: PlaneFrame, thickness: float, limit: float) -> tuple[float, float]:
    """Coordinates along ``frame.down`` at which a plane is just beyond the two faces.

    Parameters
    ----------
    frame : PlaneFrame
        The plane.
    thickness : float
        Of the foil, nm.
    limit : float
        Largest distance from the origin, nm, for planes nearly parallel to the foil.

    Returns
    -------
    top, bottom : float
        nm, top < 0 < bottom where the origin lies in the foil.
    """
    slope, z = max(frame.down[2], 1e-6), frame.origin[2]
    top, bottom = (-BEYOND - z) / slope, (thickness + BEYOND - z) / slope
    return max(top, -limit), min(bottom, limit)


def bowed(
    start: ArrayLike, end: ArrayLike, bow: float, waves: ArrayLike = (), step: float = STEP
) -> np.ndarray:
    """Path in a plane from one point to another that bows sideways.

    Parameters
    ----------
    start, end : array_like of shape (2,)
        Ends, nm.
    bow : float
        Height of the arc over the chord, nm; the sign tells the side.
    waves : array_like of shape (k, 2), optional
        Amplitude in nm and phase in rad of sines with 2, 3, ... k + 1 half periods on top.
    step : float, default 4.0
        Distance of the points, nm.

    Returns
    -------
    (n, 2) ndarray
        nm.

    Examples
    --------
    >>> bowed([0, 0], [100, 0], bow=10)[[0, -1]].tolist()
    [[0.0, 0.0], [100.0, 0.0]]
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    chord = end - start
    length = max(float(np.hypot(*chord)), 1e-9)
    t = np.linspace(0.0, 1.0, max(int(length / step), 6) + 1)
    sideways = 4 * bow * t * (1 - t)
    for half_periods, (amplitude, phase) in enumerate(np.reshape(waves, (-1, 2)), start=2):
        wave = amplitude * np.sin(half_periods * np.pi * t + phase)
        sideways += wave - wave[0] * (1 - t) - wave[-1] * t
    across = np.array([-chord[1], chord[0]]) / length
    return evenly(start + t[:, None] * chord + sideways[:, None] * across, step)


def evenly(points: np.ndarray, step: float = STEP) -> np.ndarray:
    """The same polyline with points about every `step` nm; both ends are kept.

    Parameters
    ----------
    points : (n, d) ndarray
        Polyline, nm.
    step : float, default 4.0
        Distance of the points, nm.

    Returns
    -------
    (m, d) ndarray
        nm.

    Examples
    --------
    >>> evenly(np.array([[0.0, 0.0], [8.0, 0.0]]))[:, 0].tolist()
    [0.0, 4.0, 8.0]
    """
    points = np.asarray(points, dtype=float)
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    places = np.linspace(0.0, arc[-1], max(int(np.ceil(arc[-1] / step - 1e-9)), 1) + 1)
    return np.column_stack([np.interp(places, arc, column) for column in points.T])


def random_waves(rng: np.random.Generator, amplitude: float, n: int = 4) -> np.ndarray:
    """Amplitudes (nm, falling with frequency) and phases (rad) of the waves of `bowed`."""
    sizes = amplitude * rng.normal(size=n) / np.arange(1, n + 1)
    return np.column_stack([sizes, rng.uniform(0, 2 * np.pi, n)])


def pieces_inside(
    points: np.ndarray, room: Callable[[np.ndarray], np.ndarray], shortest: float = 1.0
) -> list[tuple[np.ndarray, bool, bool]]:
    """Cut a polyline where it leaves a region.

    Parameters
    ----------
    points : (n, 3) ndarray
        Polyline, nm.
    room : callable
        From points (m, 3) to numbers (m,), above zero inside the region, nearly linear along one
        step of the polyline.
    shortest : float, default 1.0
        Shorter pieces are left out, nm.

    Returns
    -------
    list of (points, cut_at_start, cut_at_end)
        The pieces inside, in order, with their new ends on the border.

    Examples
    --------
    >>> line = np.array([[0.0, 0, 0], [0, 0, 10], [0, 0, 20]])
    >>> pieces_inside(line, lambda p: 15 - p[:, 2])[0][0][-1].tolist()
    [0.0, 0.0, 15.0]
    """
    value = np.asarray(room(points), dtype=float)
    inside = value > 0
    if inside.all():
        return [(points, False, False)]
    if not inside.any():
        return []
    steps = np.diff(inside.astype(int))
    first = [0] if inside[0] else []
    first += (np.flatnonzero(steps == 1) + 1).tolist()
    last = np.flatnonzero(steps == -1).tolist()
    last += [len(points) - 1] if inside[-1] else []
    pieces = []
    for i, j in zip(first, last, strict=True):
        piece = points[i : j + 1]
        if i > 0:
            piece = np.vstack([_between(points, value, i - 1, i), piece])
        if j < len(points) - 1:
            piece = np.vstack([piece, _between(points, value, j, j + 1)])
        if np.linalg.norm(np.diff(piece, axis=0), axis=1).sum() >= shortest:
            pieces.append((piece, i > 0, j < len(points) - 1))
    return pieces


def _between(points: np.ndarray, value: np.ndarray, i: int, j: int) -> np.ndarray:
    share = value[i] / (value[i] - value[j])
    return points[i] + share * (points[j] - points[i])
