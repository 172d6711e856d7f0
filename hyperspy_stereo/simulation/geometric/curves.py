"""Random curved lines in a foil: the geometry of dislocation arrangements, without contrast.

Every curve is an ``(n, 3)`` array of x, y (px of the undeviated view) and z (px, along the beam,
0 at mid foil), sampled about every half pixel. The arrangements are those that make matching
hard: pile-ups, crossings, loops, tangles, and lines parallel to the direction of parallax.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["ARRANGEMENTS", "arrangement", "smooth_curve"]

_STEP = 0.5


def smooth_curve(
    start: np.ndarray, end: np.ndarray, depths: tuple[float, float], bend: np.ndarray
) -> np.ndarray:
    """Curve from ``start`` to ``end`` that bows sideways by a few sines.

    Parameters
    ----------
    start, end : (2,) ndarray
        End points, x and y in px.
    depths : tuple of float
        z at the two ends in px.
    bend : (k, 2) ndarray
        Amplitude in px and phase in rad of the sine with 1, 2, ... k half periods.

    Returns
    -------
    (n, 3) ndarray
        x, y, z in px, about every half pixel.

    Examples
    --------
    >>> import numpy as np
    >>> curve = smooth_curve(np.array([0., 0.]), np.array([10., 0.]), (-5., 5.), np.zeros((1, 2)))
    >>> curve[0].tolist(), curve[-1].tolist()
    ([0.0, 0.0, -5.0], [10.0, 0.0, 5.0])
    """
    chord = np.asarray(end, float) - np.asarray(start, float)
    length = float(np.hypot(*chord))
    roam = np.abs(bend[:, 0]).sum() * np.pi
    n = max(int((length + roam) / _STEP), 8)
    t = np.linspace(0.0, 1.0, n)
    normal = np.array([-chord[1], chord[0]]) / max(length, 1e-9)
    sideways = np.zeros(n)
    for k, (amplitude, phase) in enumerate(bend, start=1):
        wave = np.sin(k * np.pi * t + phase)
        sideways += amplitude * (wave - wave[0] * (1 - t) - wave[-1] * t)
    xy = np.asarray(start, float) + t[:, None] * chord + sideways[:, None] * normal
    z = depths[0] + (depths[1] - depths[0]) * t
    return np.column_stack([xy, z])


def _bend(rng: np.random.Generator, size: float) -> np.ndarray:
    amplitude = size * rng.normal(size=3) / np.array([1.0, 2.0, 4.0])
    return np.column_stack([amplitude, rng.uniform(0, 2 * np.pi, 3)])


def _foil_depths(rng: np.random.Generator, thickness: float) -> tuple[float, float]:
    """Half of the lines cross the foil from surface to surface, the others stay inside it."""
    half = thickness / 2
    if rng.random() < 0.5:
        ends = (-half, half)
    else:
        centre = rng.uniform(-0.8, 0.8) * half
        span = rng.uniform(0.0, 0.5) * half
        ends = (max(centre - span, -half), min(centre + span, half))
    return ends if rng.random() < 0.5 else ends[::-1]


def _segment(rng, shape, angle, length):
    """End points of a straight segment whose middle lies in the frame."""
    height, width = shape
    middle = rng.uniform(0.05, 0.95, 2) * (width, height)
    half = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
    return middle - half, middle + half


def _lines(rng, shape, thickness):
    angle = rng.uniform(0, np.pi)
    length = rng.uniform(0.25, 1.1) * max(shape)
    start, end = _segment(rng, shape, angle, length)
    return [smooth_curve(start, end, _foil_depths(rng, thickness), _bend(rng, 0.04 * length))]


def _pile_up(rng, shape, thickness):
    """Parallel lines of one slip plane, closer towards the head, each from surface to surface."""
    angle = rng.uniform(0.15, 0.85) * np.pi
    length = rng.uniform(0.15, 0.45) * max(shape)
    start, end = _segment(rng, shape, angle, length)
    across = np.array([np.sin(angle), -np.cos(angle)])
    bend, depths = _bend(rng, 0.03 * length), _foil_depths(rng, thickness)
    tilt = rng.normal(0, 0.1)
    offset, spacing = 0.0, rng.uniform(7, 12)
    curves = []
    for _ in range(rng.integers(4, 9)):
        wiggle = bend + np.column_stack([rng.normal(0, 0.006 * length, 3), np.zeros(3)])
        ends = np.clip(np.array(depths) + tilt * offset, -thickness / 2, thickness / 2)
        jitter = rng.normal(0, 3.0, (2, 2))
        first, last = start + offset * across + jitter[0], end + offset * across + jitter[1]
        curves.append(smooth_curve(first, last, tuple(ends), wiggle))
        offset += spacing
        spacing *= rng.uniform(1.0, 1.35)
    return curves


def _crossing(rng, shape, thickness):
    angle = rng.uniform(0, np.pi)
    middle = rng.uniform(0.15, 0.85, 2) * shape[::-1]
    curves = []
    for turn in (0.0, rng.uniform(0.35, np.pi - 0.35)):
        length = rng.uniform(0.25, 0.6) * max(shape)
        half = 0.5 * length * np.array([np.cos(angle + turn), np.sin(angle + turn)])
        shift = rng.uniform(-0.3, 0.3) * half
        ends = middle + shift - half, middle + shift + half
        depths = _foil_depths(rng, thickness)
        curves.append(smooth_curve(*ends, depths, _bend(rng, 0.02 * length)))
    return curves


def _loop(rng, shape, thickness):
    """Closed ellipse on an inclined plane inside the foil."""
    long, ratio = rng.uniform(10, 45), rng.uniform(0.45, 1.0)
    turn, middle = rng.uniform(0, np.pi), rng.uniform(0.1, 0.9, 2) * shape[::-1]
    n = max(int(2 * np.pi * long / _STEP), 24)
    t = np.linspace(0, 2 * np.pi, n)
    wobble = 1 + 0.05 * np.sin(3 * t + rng.uniform(0, 6))
    u, v = long * np.cos(t) * wobble, long * ratio * np.sin(t) * wobble
    x = middle[0] + u * np.cos(turn) - v * np.sin(turn)
    y = middle[1] + u * np.sin(turn) + v * np.cos(turn)
    amplitude = min(rng.uniform(0.2, 1.2) * long, 0.45 * thickness)
    centre = rng.uniform(-1, 1) * (thickness / 2 - amplitude)
    return [np.column_stack([x, y, centre + amplitude * np.cos(t - rng.uniform(0, 6.3))])]


def _tangle(rng, shape, thickness):
    middle = rng.uniform(0.2, 0.8, 2) * shape[::-1]
    curves = []
    for _ in range(rng.integers(4, 8)):
        angle, length = rng.uniform(0, np.pi), rng.uniform(50, 140)
        centre = middle + rng.normal(0, 28, 2)
        half = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
        depths = _foil_depths(rng, thickness)
        curves.append(smooth_curve(centre - half, centre + half, depths, _bend(rng, 0.12 * length)))
    return curves


def _row_parallel(rng, shape, thickness):
    angle, length = rng.normal(0, 0.07), rng.uniform(0.2, 0.7) * shape[1]
    start, end = _segment(rng, shape, angle, length)
    return [smooth_curve(start, end, _foil_depths(rng, thickness), _bend(rng, 0.02 * length))]


ARRANGEMENTS: dict[str, Callable] = {
    "lines": _lines,
    "pile-up": _pile_up,
    "crossing": _crossing,
    "loop": _loop,
    "tangle": _tangle,
    "row-parallel": _row_parallel,
}


def arrangement(
    kind: str, rng: np.random.Generator, shape: tuple[int, int], thickness: float
) -> list[np.ndarray]:
    """Draw one arrangement of lines.

    Parameters
    ----------
    kind : str
        One of ``ARRANGEMENTS``: lines, pile-up, crossing, loop, tangle, row-parallel.
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Height and width of the frame in px; lines may leave it.
    thickness : float
        Foil thickness in px; depths lie within half of it on both sides of 0.

    Returns
    -------
    list of (n, 3) ndarray
        x, y, z in px.

    Raises
    ------
    ValueError
        For an unknown kind.
    """
    if kind not in ARRANGEMENTS:
        raise ValueError(f"kind={kind!r} is not an arrangement; take one of {list(ARRANGEMENTS)}.")
    return ARRANGEMENTS[kind](rng, shape, thickness)
