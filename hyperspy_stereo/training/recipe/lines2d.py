"""Random curves of many kinds: columns x, y (px) and z (depth, -1 to 1 from face to face)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import Voronoi

__all__ = ["KINDS", "along_trace", "line_group", "resampled"]


def resampled(curve: np.ndarray, spacing: float = 1.5) -> np.ndarray:
    """Return the curve with points evenly spaced along its length in x and y.

    Parameters
    ----------
    curve : (n, k) ndarray
        Columns x, y and more.
    spacing : float, default 1.5
        Distance of the points, px; fine enough that a drawn line shows no corners.

    Returns
    -------
    (m, k) float64 ndarray
    """
    steps = np.hypot(*np.diff(curve[:, :2], axis=0).T)
    arc = np.concatenate([[0.0], np.cumsum(steps + 1e-9)])
    even = np.linspace(0, arc[-1], max(int(arc[-1] / spacing) + 1, 3))
    return np.column_stack([np.interp(even, arc, column) for column in curve.T])


def _depth(n: int, rng: np.random.Generator) -> np.ndarray:
    """Depth along a curve: through the foil, level, inclined or waving."""
    s = np.linspace(-1, 1, n)
    kind = rng.random()
    if kind < 0.4:  # from face to face
        z = s + rng.uniform(-0.3, 0.3) * np.sin(np.pi * s)
        return z * rng.choice([-1, 1])
    if kind < 0.6:  # level
        return np.full(n, rng.uniform(-0.95, 0.95)) + rng.uniform(-0.1, 0.1) * s
    if kind < 0.8:  # part of the foil
        a, b = rng.uniform(-1, 1, 2)
        return 0.5 * (a + b) + 0.5 * (b - a) * s
    wave = np.sin(np.pi * s * rng.uniform(0.3, 2) + rng.uniform(0, 6.3))
    return np.clip(wave * rng.uniform(0.2, 0.9) + rng.uniform(-0.4, 0.4), -1, 1)


def _along(start, angle, length, sideways) -> np.ndarray:
    """Curve about a straight axis from its sideways displacement."""
    t = np.linspace(0, length, len(sideways)) - length / 2
    c, s = np.cos(angle), np.sin(angle)
    return np.column_stack([start[0] + c * t - s * sideways, start[1] + s * t + c * sideways])


def _walk(start, angle, length, bend, rng) -> np.ndarray:
    """Curve whose direction drifts; `bend` is the drift over 100 px, rad."""
    n = max(int(length / 2), 8)
    turn = gaussian_filter1d(rng.standard_normal(n), rng.uniform(3, 15))
    turn *= bend / 50 / (turn.std() + 1e-9)
    direction = angle + np.cumsum(turn)
    steps = length / n * np.column_stack([np.cos(direction), np.sin(direction)])
    curve = np.cumsum(steps, axis=0)
    return curve - curve[n // 2] + start


def straight(side, angle, rng):
    """One line, straight or bowed, short to longer than the frame."""
    length = side * np.exp(rng.uniform(np.log(0.12), np.log(1.6)))
    s = np.linspace(-1, 1, 80)
    bow = rng.normal(0, 0.08) * rng.integers(0, 2) * length
    sideways = bow * (1 - s**2) + 0.03 * length * rng.normal() * rng.integers(0, 2) * s**3
    curve = _along(rng.uniform(0, side, 2), angle + rng.normal(0, 0.08), length, sideways)
    return [np.column_stack([curve, _depth(80, rng)])]


def curved(side, angle, rng):
    """One smoothly wandering line."""
    length = side * rng.uniform(0.2, 1.4)
    curve = _walk(rng.uniform(0, side, 2), angle, length, rng.uniform(0.1, 1.0), rng)
    return [np.column_stack([curve, _depth(len(curve), rng)])]


def wavy(side, angle, rng):
    """One wavy or zigzag line."""
    length = side * rng.uniform(0.3, 1.4)
    n = int(length)
    period = rng.uniform(8, 60)
    phase = np.arange(n) / period + 0.3 * np.cumsum(rng.normal(0, 0.03, n))
    wave = np.sin(2 * np.pi * phase)
    if rng.random() < 0.5:
        wave = 2 / np.pi * np.arcsin(wave)
    size = period * rng.uniform(0.05, 0.35)
    curve = _along(rng.uniform(0, side, 2), angle, length, size * wave)
    z = _depth(n, rng)
    if rng.random() < 0.3:
        z = np.clip(z * 0.7 + 0.2 * np.cos(2 * np.pi * phase), -1, 1)
    return [np.column_stack([curve, z])]


def threading(side, angle, rng):
    """Several short parallel segments inclined through the foil."""
    length = rng.uniform(12, 90)
    region, spread = rng.uniform(0, side, 2), rng.uniform(0.1, 0.6) * side
    bow, up = rng.normal(0, 0.06), rng.choice([-1, 1])
    s = np.linspace(-1, 1, 20)
    group = []
    for _ in range(rng.integers(1, 14)):
        size = length * rng.uniform(0.8, 1.2)
        start = region + rng.normal(0, 1, 2) * spread
        curve = _along(start, angle + rng.normal(0, 0.06), size, bow * size * (1 - s**2))
        group.append(np.column_stack([curve, up * s]))
    return group


def pile_up(side, angle, rng):
    """Near parallel lines at growing distances on one glide plane."""
    count = rng.integers(3, 14)
    gap, growth = np.exp(rng.uniform(np.log(4), np.log(30))), rng.uniform(1.0, 1.25)
    length = side * rng.uniform(0.08, 0.9)
    s = np.linspace(-1, 1, 60)
    bow = rng.normal(0, 0.1) * length
    z, row = _depth(60, rng), rng.uniform(0, 2 * np.pi)
    row = angle + np.pi / 2 + rng.uniform(-0.8, 0.8) if rng.random() < 0.8 else row
    place = rng.uniform(0, side, 2)
    group = []
    for _ in range(count):
        wobble = bow * rng.uniform(0.8, 1.2) * (1 - s**2) + rng.normal(0, 1.5) * np.sin(3 * s)
        size = length * rng.uniform(0.9, 1.1)
        group.append(np.column_stack([_along(place, angle + rng.normal(0, 0.03), size, wobble), z]))
        place = place + gap * np.array([np.cos(row), np.sin(row)])
        gap *= growth * rng.uniform(0.7, 1.3)
    return group


def bundle(side, angle, rng):
    """Lines of one curved shape side by side, even or fanning out, with free ends."""
    count, gap = rng.integers(3, 11), np.exp(rng.uniform(np.log(4.5), np.log(18)))
    length, bend = side * rng.uniform(0.12, 1.2), rng.choice([0.0, rng.uniform(0.05, 0.9)])
    spine = _walk(rng.uniform(0, side, 2), angle, length, bend, rng)
    n = len(spine)
    row = angle + np.pi / 2 + rng.uniform(-0.7, 0.7)
    across = np.array([np.cos(row), np.sin(row)])
    fan = 1 + (rng.uniform(-0.8, 0.8) if rng.random() < 0.4 else 0.0) * np.linspace(-1, 1, n)
    ragged = rng.choice([0.0, 0.05, 0.25])
    z, climb = _depth(n, rng), rng.normal(0, 0.1)
    group = []
    for k in np.arange(count) - 0.5 * (count - 1):
        sideways = gap * (k + rng.normal(0, 0.06)) * fan
        curve = np.column_stack([spine + sideways[:, None] * across, np.clip(z + climb * k, -1, 1)])
        first, last = (n * ragged * rng.uniform(0, 1, 2)).astype(int)
        group.append(curve[first : n - last])
    return group


def array(side, angle, rng):
    """Many evenly spaced parallel lines: a low-angle boundary or misfit lines."""
    count, gap = rng.integers(8, 36), rng.uniform(5, 24)
    length = rng.uniform(15, 0.8 * side)
    s = np.linspace(-1, 1, 40)
    row = angle + np.pi / 2 + rng.normal(0, 0.4)
    step = gap * np.array([np.cos(row), np.sin(row)])
    place = rng.uniform(0.2, 0.8, 2) * side - 0.5 * count * step
    z = s * rng.choice([-1, 1]) if rng.random() < 0.6 else _depth(40, rng)
    group = []
    for k in range(count):
        sideways = rng.normal(0, 0.02) * length * (1 - s**2) + rng.normal(0, 0.08 * gap)
        curve = _along(place + k * step, angle + rng.normal(0, 0.015), length, sideways)
        group.append(np.column_stack([curve, z]))
    return group


def along_trace(
    side: int, trace: tuple[float, float], rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw lines that hug a straight trace or bow out of it, as beside lamella boundaries.

    Parameters
    ----------
    side : int
        Of the frame, px.
    trace : tuple of float
        Direction of the normal of the trace, rad, and its distance from the middle, px.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    list of (n, 3) float64 ndarray
        x, y in px and depth from -1 to 1.
    """
    normal = np.array([np.cos(trace[0]), np.sin(trace[0])])
    along = np.array([-normal[1], normal[0]])
    foot = 0.5 * (side - 1) + normal * trace[1]
    reach = rng.uniform(3, 0.25 * side)
    flank = rng.choice([-1, 1])
    group = []
    for _ in range(rng.integers(2, 14)):
        length = rng.uniform(20, 0.5 * side)
        t = np.linspace(0, 1, 60)
        bow = rng.uniform(0.1, 1) * reach * np.sin(np.pi * t) ** rng.uniform(0.5, 1.5)
        bow = flank * bow + rng.normal(0, 2) * np.sin(7 * t + rng.uniform(0, 6))
        if rng.random() < 0.3:  # leaves the trace and does not return
            bow = flank * length * np.sin(rng.uniform(0.2, 1.2)) * t ** rng.uniform(0.7, 2)
        start = rng.uniform(-0.6, 0.6) * side
        curve = foot + np.outer(start + length * t, along) + np.outer(bow, normal)
        group.append(resampled(np.column_stack([curve, _depth(60, rng)])))
        flank = flank if rng.random() < 0.8 else -flank
    return group


def dipole(side, angle, rng):
    """Two lines side by side, now and then closed at one end."""
    length = side * rng.uniform(0.15, 1.2)
    first = _walk(rng.uniform(0, side, 2), angle, length, rng.uniform(0, 0.6), rng)
    tangent = np.gradient(first, axis=0)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    gap = rng.uniform(4, 18)
    second = first + normal * gap
    z = _depth(len(first), rng)
    dz = rng.uniform(-0.15, 0.15)
    one, two = np.column_stack([first, z]), np.column_stack([second, np.clip(z + dz, -1, 1)])
    if rng.random() < 0.3:
        return [np.vstack([one, two[::-1]])]
    return [one, two]


def loops(side, angle, rng):
    """Closed loops, small or big, one or many."""
    big = rng.random() < 0.35
    group = []
    tilt, flat = rng.uniform(-1, 1), rng.uniform(0.25, 1)
    for _ in range(rng.integers(1, 4) if big else rng.integers(2, 20)):
        radius = rng.uniform(0.06, 0.3) * side if big else rng.uniform(5, 16)
        t = np.linspace(0, 2 * np.pi, 80)
        ripple = 1 + 0.1 * rng.normal() * np.cos(2 * t + 1) + 0.06 * rng.normal() * np.cos(3 * t)
        x, y = radius * ripple * np.cos(t), radius * ripple * np.sin(t) * flat
        c, s = np.cos(angle), np.sin(angle)
        centre, middle = rng.uniform(0, side, 2), rng.uniform(-0.8, 0.8)
        z = middle + min(tilt * radius / 60, 1 - abs(middle)) * np.cos(t)
        xy = np.column_stack([c * x - s * y, s * x + c * y]) + centre
        group.append(np.column_stack([xy, np.clip(z, -1, 1)]))
    return group


def half_loops(side, angle, rng):
    """Arcs that begin and end at one face or at one trace."""
    group = []
    base = rng.uniform(0, side, 2)
    for k in range(rng.integers(1, 6)):
        radius = rng.uniform(10, 0.25 * side)
        t = np.linspace(0, np.pi, 50)
        x, y = radius * np.cos(t), radius * rng.uniform(0.4, 1.6) * np.sin(t)
        c, s = np.cos(angle), np.sin(angle)
        xy = np.column_stack([c * x - s * y, s * x + c * y])
        xy += base + k * rng.uniform(10, 50) * np.array([c, s])
        face = rng.choice([-1, 1])
        group.append(np.column_stack([xy, face * (1 - rng.uniform(0.2, 1.8) * np.sin(t))]))
    return group


def helix(side, angle, rng):
    """One helix about a straight axis."""
    length, period = side * rng.uniform(0.3, 1.2), rng.uniform(12, 45)
    n = int(length * 1.5)
    phase = 2 * np.pi * np.linspace(0, length, n) / period
    radius = period * rng.uniform(0.08, 0.35)
    curve = _along(rng.uniform(0, side, 2), angle, length, radius * np.sin(phase))
    c, s = np.cos(angle), np.sin(angle)
    curve += np.column_stack([c * np.cos(phase), s * np.cos(phase)]) * radius * rng.uniform(0, 0.9)
    z = np.clip(_depth(n, rng) * 0.6 + 0.2 * np.cos(phase), -1, 1)
    return [np.column_stack([curve, z])]


def tangle(side, angle, rng):
    """Many short winding lines in one region."""
    centre, spread = rng.uniform(0.1, 0.9, 2) * side, rng.uniform(0.06, 0.22) * side
    stretch = rng.uniform(0.3, 1)
    group = []
    for _ in range(rng.integers(6, 32)):
        offset = rng.normal(0, spread, 2) * (1, stretch)
        c, s = np.cos(angle), np.sin(angle)
        start = centre + np.array([[c, -s], [s, c]]) @ offset
        heading = angle + rng.normal(0, 0.7)
        curve = _walk(start, heading, rng.uniform(15, 0.5 * side), rng.uniform(0.5, 2.5), rng)
        group.append(np.column_stack([curve, _depth(len(curve), rng)]))
    return group


def network(side, angle, rng):
    """Lines that meet in threefold nodes."""
    nodes = rng.integers(6, 40)
    size = side * rng.uniform(0.25, 1.2)
    seeds = rng.uniform(-0.5, 0.5, (nodes, 2)) * size * (1, rng.uniform(0.4, 1))
    mesh = Voronoi(seeds)
    z = rng.uniform(-0.9, 0.9) + rng.normal(0, rng.uniform(0.02, 0.4), len(mesh.vertices))
    c, s = np.cos(angle), np.sin(angle)
    corners = mesh.vertices @ np.array([[c, s], [-s, c]]) + rng.uniform(0.2, 0.8, 2) * side
    group = []
    keep = rng.uniform(0.5, 1)
    t = np.linspace(0, 1, 30)[:, None]
    for a, b in mesh.ridge_vertices:
        if a < 0 or b < 0 or rng.random() > keep:
            continue
        gap = corners[b] - corners[a]
        if np.hypot(*gap) > 0.8 * side:
            continue
        bow = rng.normal(0, 0.07) * np.array([-gap[1], gap[0]])
        curve = corners[a] + gap * t + 4 * bow * t * (1 - t)
        group.append(np.column_stack([curve, np.clip(z[a] + (z[b] - z[a]) * t, -1, 1)]))
    return group


KINDS: dict[str, tuple[float, Callable]] = {
    "straight": (1.6, straight),
    "curved": (2.0, curved),
    "wavy": (0.7, wavy),
    "threading": (1.2, threading),
    "pile-up": (1.6, pile_up),
    "bundle": (1.2, bundle),
    "array": (0.8, array),
    "dipole": (0.6, dipole),
    "loops": (0.7, loops),
    "half-loops": (0.6, half_loops),
    "helix": (0.35, helix),
    "tangle": (0.5, tangle),
    "network": (0.5, network),
}


def line_group(
    side: int, angle: float, rng: np.random.Generator, kind: str | None = None
) -> list[np.ndarray]:
    """Draw a group of lines of one kind.

    Parameters
    ----------
    side : int
        Of the frame, px.
    angle : float
        Direction of the group, rad (x right, y down).
    rng : numpy.random.Generator
        Source of randomness.
    kind : str, optional
        A key of `KINDS`; by default drawn by their weights.

    Returns
    -------
    list of (n, 3) float64 ndarray
        x, y in px and depth from -1 to 1, points about 1.5 px apart.

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> group = line_group(384, 0.3, np.random.default_rng(0), kind="dipole")
    >>> group[0].shape[1]
    3
    """
    if kind is None:
        weights = np.array([weight for weight, _ in KINDS.values()])
        kind = str(rng.choice(list(KINDS), p=weights / weights.sum()))
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}: choose one of {sorted(KINDS)}.")
    return [resampled(curve) for curve in KINDS[kind][1](side, angle, rng)]
