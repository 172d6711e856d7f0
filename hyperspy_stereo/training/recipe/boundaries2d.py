"""Boundaries, lamellae, faults, slip traces and steps: extended things that are no line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from hyperspy_stereo.training.recipe.canvas import Canvas
from hyperspy_stereo.training.recipe.grounds import smooth_field
from hyperspy_stereo.training.recipe.scene import BOUNDARY

__all__ = ["Wall", "paint_boundaries", "paint_slip_traces"]

#: a plane through the foil: direction of its normal (rad), place at mid depth (px from the
#: middle of the frame), and how far it moves along the normal from z = 0 to z = 1 (px)
Wall = tuple[float, float, float]


def _soft(gap: np.ndarray, width: float) -> np.ndarray:
    """Smooth step from 0 to 1."""
    return 1 / (1 + np.exp(-np.clip(gap / width, -30, 30)))


def _dip(gap: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-0.5 * (gap / width) ** 2)


def _gaps(canvas: Canvas, view: int, wall: Wall) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances from the traces of a plane on both faces."""
    angle, place, slant = wall
    low = canvas.distance(view, angle, place - slant, -1.0)
    high = canvas.distance(view, angle, place + slant, 1.0)
    return low, high


def _trace(gap: np.ndarray, kind: str, width: float, depth: float) -> np.ndarray:
    """Factor of a straight trace: dark, bright or black-white."""
    if kind == "bright":
        return 1 + depth * _dip(gap, width)
    if kind == "black-white":
        u = gap / width
        return 1 + depth * u * np.exp(0.5 - 0.5 * u * u)
    return np.maximum(1 - depth * _dip(gap, width), 0.04)


def _rim(rim: float, step: float) -> float:
    """Rim of a curved edge: a dark curve without a step beside it would be a line."""
    return float(np.clip(rim, -0.35 * abs(step), 0.35 * abs(step)))


def _rough(canvas: Canvas, strength: float) -> np.ndarray:
    """Displacement of a rough trace, px."""
    return strength * smooth_field(canvas.side, int(canvas.rng.integers(4, 30)), canvas.rng)


def thin_boundary(canvas: Canvas, angle: float) -> list[Wall]:
    """Dark straight boundaries as thin as lines, across the whole frame."""
    rng = canvas.rng
    walls = []
    for _ in range(rng.integers(1, 4)):
        wall = (angle + rng.normal(0, 0.02), rng.uniform(-0.5, 0.5) * canvas.side, 0.0)
        width = np.exp(rng.uniform(np.log(0.8), np.log(4)))
        depth = np.exp(rng.uniform(np.log(0.08), np.log(0.8)))
        kind = rng.choice(["dark", "bright", "black-white"], p=[0.7, 0.12, 0.18])
        rough = _rough(canvas, rng.uniform(0.2, 2.5)) if rng.random() < 0.3 else 0
        step, z = rng.normal(0, 0.15) * rng.integers(0, 2), rng.uniform(-1, 1)
        mottle = 1 + rng.uniform(0, 0.5) * smooth_field(canvas.side, 12, rng)
        for view in (0, 1):
            gap = canvas.distance(view, wall[0], wall[1], z) + rough
            canvas.multiply(view, _trace(gap, kind, width, depth * np.clip(mottle, 0.1, 1.2)))
            canvas.multiply(view, np.exp(step * _soft(gap, 1.0)))
            seen = (depth * mottle > canvas.faint) | (abs(step) > canvas.faint)
            canvas.mark(view, seen & (np.abs(gap) < max(2.0, 1.6 * width)), BOUNDARY)
        walls.append(wall)
    return walls


def halves(canvas: Canvas, angle: float) -> list[Wall]:
    """A grain boundary between grains of different brightness, inclined in the foil."""
    rng = canvas.rng
    slant = rng.choice([0.0, rng.uniform(1, 25)]) * rng.choice([-1, 1])
    wall = (angle, rng.uniform(-0.4, 0.4) * canvas.side, float(slant))
    step = rng.uniform(-1.3, 1.3)
    count, depth = rng.uniform(0.5, 5), rng.uniform(0, 0.5)
    edge, width = rng.uniform(-0.4, 0.6), rng.uniform(0.8, 3)
    curve = _rough(canvas, rng.uniform(0, 4)) * (rng.random() < 0.4)
    if rng.random() < 0.3:
        curve = rng.uniform(5, 40) * smooth_field(canvas.side, 2, rng)
        edge = _rim(edge, step)
    for view in (0, 1):
        low, high = (gap + curve for gap in _gaps(canvas, view, wall))
        span = np.where(np.abs(low - high) < 1, 1.0, low - high)
        part = np.clip(low / span, 0, 1)
        within = _soft(low, 0.7) * _soft(-high, 0.7) + _soft(high, 0.7) * _soft(-low, 0.7)
        canvas.multiply(view, np.exp(step * _soft(low + high, max(1.0, abs(slant) * 0.5))))
        fringe = 1 + depth * np.cos(2 * np.pi * count * part + view * rng.normal(0, 0.6)) * within
        canvas.multiply(view, np.clip(fringe, 0.1, None))
        for gap in (low, high):
            canvas.multiply(view, np.clip(1 - edge * _dip(gap, width), 0.1, None))
            if max(abs(edge), 0.5 * abs(step)) > canvas.faint:
                canvas.mark(view, np.abs(gap) < max(2, 1.6 * width), BOUNDARY)
        if depth > canvas.faint:
            canvas.mark(view, within > 0.5, BOUNDARY)
    return [wall]


def lamellae(canvas: Canvas, angle: float) -> list[Wall]:
    """Parallel bands of different brightness with sharp edges."""
    rng, side = canvas.rng, canvas.side
    place = rng.uniform(-0.7, 0.2) * side
    walls = []
    strength = rng.uniform(0.05, 0.7)
    sharp = rng.uniform(0.5, 2.5)
    edge_depth = rng.uniform(0, 0.6) * rng.integers(0, 2)
    z = rng.uniform(-1, 1)
    log = np.zeros((2, side, side), np.float32)
    rough = _rough(canvas, rng.uniform(0, 3)) * (rng.random() < 0.4)
    tilt = angle + rng.normal(0, 0.01)
    wide = np.log(rng.uniform(8, 120))
    level = 0.0
    for _ in range(rng.integers(2, 16)):
        new = rng.normal(0, strength)
        width = np.exp(rng.normal(0, 0.7)) * np.exp(wide)
        bright = rng.random() < 0.15
        for view in (0, 1):
            gap = canvas.distance(view, tilt, place, z) + rough
            log[view] += (new - level) * _soft(gap, sharp)
            dip = (-0.5 if bright else 1) * edge_depth * _dip(gap, sharp + 0.5)
            canvas.multiply(view, np.clip(1 - dip, 0.1, None))
            if max(abs(new - level), edge_depth) > canvas.faint:
                canvas.mark(view, np.abs(gap) < max(2.0, 2 * sharp), BOUNDARY)
        walls.append((tilt, place, 0.0))
        level, place = new, place + max(width, 4)
        if place > 0.75 * side:
            break
    for view in (0, 1):
        canvas.multiply(view, np.exp(log[view]))
    return walls


def rough_band(canvas: Canvas, angle: float) -> list[Wall]:
    """A thick uneven dark or bright band with texture inside."""
    rng, side = canvas.rng, canvas.side
    wall = (angle, rng.uniform(-0.5, 0.5) * side, 0.0)
    width = np.exp(rng.uniform(np.log(3), np.log(25)))
    depth = rng.uniform(0.15, 0.9) * rng.choice([1, 1, 1, -0.6])
    rough = _rough(canvas, rng.uniform(0.5, 5)) + rng.uniform(0, 12) * smooth_field(side, 3, rng)
    mottle = smooth_field(side, int(rng.integers(10, 50)), rng) * rng.uniform(0, 0.5)
    swell = np.exp(rng.uniform(0, 0.5) * smooth_field(side, 6, rng))
    z, hard = rng.uniform(-1, 1), rng.choice([2, 4, 8])
    for view in (0, 1):
        gap = (canvas.distance(view, wall[0], wall[1], z) + rough) / (width * swell)
        band = np.exp(-0.5 * np.abs(gap) ** hard)
        canvas.multiply(view, np.clip(1 - depth * band * (1 + mottle), 0.05, None))
        canvas.mark(view, np.abs(gap) < 1.6, BOUNDARY)
    return [wall]


def step_edges(canvas: Canvas, angle: float) -> list[Wall]:
    """Steps of brightness, with or without a thin dark or bright rim; surface steps."""
    rng = canvas.rng
    walls = []
    for _ in range(rng.integers(1, 5)):
        wall = (angle + rng.normal(0, 0.15), rng.uniform(-0.5, 0.5) * canvas.side, 0.0)
        step, rim = rng.normal(0, 0.25), rng.normal(0, 0.2)
        z, width = float(rng.choice([-1, 1])), rng.uniform(0.6, 3)
        curve = 0
        if rng.random() < 0.5:
            curve, rim = rng.uniform(0, 30) * smooth_field(canvas.side, 3, rng), _rim(rim, step)
        for view in (0, 1):
            gap = canvas.distance(view, wall[0], wall[1], z) + curve
            canvas.multiply(view, np.exp(step * _soft(gap, width)))
            canvas.multiply(view, np.clip(1 - rim * _dip(gap, width), 0.2, 2))
            if max(abs(step), abs(rim)) > canvas.faint:
                canvas.mark(view, np.abs(gap) < max(2.0, 1.8 * width), BOUNDARY)
        walls.append(wall)
    return walls


def faults(canvas: Canvas, angle: float) -> list[Wall]:
    """Inclined stacking faults: strips of parallel fringes between their traces on the faces."""
    rng, side = canvas.rng, canvas.side
    walls = []
    slant = rng.uniform(6, 45) * rng.choice([-1, 1])
    count, depth = rng.uniform(1.5, 8), rng.uniform(0.08, 0.6)
    absorb, level = rng.uniform(0, 1), rng.normal(0, 0.15)
    for _ in range(rng.integers(1, 4)):
        wall = (angle + rng.normal(0, 0.03), rng.uniform(-0.5, 0.5) * side, float(slant))
        start, end = np.sort(rng.uniform(-0.8, 0.8, 2)) * side
        if rng.random() < 0.4:
            start, end = -1e4, 1e4
        shear = rng.uniform(-1, 1)
        slip = rng.normal(0, 0.8)
        for view in (0, 1):
            low, high = _gaps(canvas, view, wall)
            part = low / np.where(np.abs(low - high) < 1, 1.0, low - high)
            length = canvas.distance(view, wall[0] + np.pi / 2, 0, 0) + shear * part * 20
            within = _soft(part * 40, 0.8) * _soft((1 - part) * 40, 0.8)
            within = within * _soft(length - start, 1) * _soft(end - length, 1)
            wave = np.cos(2 * np.pi * count * part + slip * view)
            wave = wave * (1 - absorb * np.sin(np.pi * np.clip(part, 0, 1))) + level
            canvas.multiply(view, np.clip(1 + depth * wave * within, 0.05, None))
            canvas.mark(view, within > 0.5, BOUNDARY)
        walls.append(wall)
    return walls


def twins(canvas: Canvas, angle: float) -> list[Wall]:
    """Narrow twin bands: dark or bright, parallel, between two edges."""
    rng = canvas.rng
    walls = []
    place = rng.uniform(-0.5, 0.4) * canvas.side
    step = rng.uniform(0.08, 1.2) * rng.choice([-1, -1, 0.5])
    z, sharp, rim = rng.uniform(-1, 1), rng.uniform(0.5, 1.6), rng.uniform(0, 0.5)
    for _ in range(rng.integers(1, 6)):
        width = np.exp(rng.uniform(np.log(2.5), np.log(35)))
        for view in (0, 1):
            gap = canvas.distance(view, angle, place, z)
            band = _soft(gap, sharp) * _soft(width - gap, sharp)
            canvas.multiply(view, np.exp(step * band))
            rims = _dip(gap, sharp + 0.3) + _dip(gap - width, sharp + 0.3)
            canvas.multiply(view, np.clip(1 - rim * rims, 0.1, None))
            near = np.minimum(np.abs(gap), np.abs(gap - width)) < 2
            canvas.mark(view, near | ((gap > 0) & (gap < width) & (width < 20)), BOUNDARY)
        walls += [(angle, place, 0.0), (angle, place + width, 0.0)]
        place += width + rng.uniform(5, 90)
    return walls


PAINTERS: tuple[tuple[float, Callable], ...] = (
    (1.8, thin_boundary), (1.2, halves), (1.3, lamellae), (0.9, rough_band), (0.9, step_edges),
    (1.1, faults), (0.8, twins),
)  # fmt: skip


def paint_boundaries(canvas: Canvas, count: int) -> list[Wall]:
    """Paint some boundaries of any kind.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    count : int
        Groups of boundaries; those of a scene often share their direction.

    Returns
    -------
    list of Wall
        Planes at which lines may end.
    """
    rng = canvas.rng
    weights = np.array([weight for weight, _ in PAINTERS])
    angle = rng.uniform(0, np.pi)
    walls: list[Wall] = []
    for _ in range(count):
        painter = PAINTERS[int(rng.choice(len(PAINTERS), p=weights / weights.sum()))][1]
        direction = angle if rng.random() < 0.5 else rng.uniform(0, np.pi)
        walls += painter(canvas, float(direction))
    return walls


def paint_slip_traces(canvas: Canvas) -> None:
    """Paint slip traces and scratches: straight thin marks on the faces, often parallel sets.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    """
    rng, side = canvas.rng, canvas.side
    for _ in range(rng.integers(1, 3)):
        angle, kind = rng.uniform(0, np.pi), rng.choice(["dark", "bright", "black-white"])
        width = np.exp(rng.uniform(np.log(0.7), np.log(2.5)))
        depth = np.exp(rng.uniform(np.log(0.05), np.log(0.5)))
        for _ in range(rng.integers(1, 9)):
            place, z = rng.uniform(-0.6, 0.6) * side, float(rng.choice([-1, 1]))
            start, end = -1e4, 1e4
            if rng.random() < 0.35:  # a scratch, or a trace that ends
                start, end = np.sort(rng.uniform(-0.7, 0.7, 2)) * side
            own = depth * rng.uniform(0.4, 1.3)
            tilt = angle + rng.normal(0, 0.01)
            along = gaussian_filter1d(rng.standard_normal(2 * side), 15) * 4
            for view in (0, 1):
                gap = canvas.distance(view, tilt, place, z)
                length = canvas.distance(view, tilt + np.pi / 2, 0, z)
                here = np.clip(length + side, 0, 2 * side - 1).astype(int)
                patchy = np.clip(1 + 0.5 * along[here], 0.2, 1.5)
                within = _soft(length - start, 2) * _soft(end - length, 2)
                canvas.multiply(view, _trace(gap, kind, width, own * patchy * within))
                near = np.abs(gap) < max(2.0, 1.6 * width)
                seen = own * patchy * within > 0.7 * canvas.faint
                canvas.mark(view, near & seen, BOUNDARY)
