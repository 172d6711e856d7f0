"""Dirt, contamination, precipitates, point defects: small things that are no line."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.training.recipe.canvas import Canvas
from hyperspy_stereo.training.recipe.grounds import smooth_field
from hyperspy_stereo.training.recipe.scene import DISTRACTOR, IGNORE, LINE

__all__ = ["paint_distractors"]


def _window(canvas: Canvas, view: int, place, z: float, reach: float):
    """Rows, columns and offsets from a place at depth z; None outside the view."""
    column = place[0] - (0.5 - view) * (canvas.offset + canvas.half_range * z)
    reach = int(reach) + 2
    top, left = max(int(place[1]) - reach, 0), max(int(column) - reach, 0)
    bottom, right = min(int(place[1]) + reach, canvas.side), min(int(column) + reach, canvas.side)
    if top >= bottom or left >= right:
        return None
    window = (slice(top, bottom), slice(left, right))
    return window, canvas.x[window] - np.float32(column), canvas.y[window] - np.float32(place[1])


def _stamp(canvas: Canvas, view: int, window, factor, covered) -> None:
    """Multiply a window; lines under what covers them are no longer scored."""
    canvas.image[view][window] *= np.asarray(factor, np.float32)
    label = canvas.label[view][window]
    label[covered] |= DISTRACTOR
    hidden = covered & (factor < 0.35) & ((label & LINE) > 0)
    label[hidden] |= IGNORE


def _blobs(canvas: Canvas) -> None:
    """Dirt and contamination: round or ragged, dark, with sharp or soft rims."""
    rng = canvas.rng
    ragged = smooth_field(canvas.side, 40, rng)
    for _ in range(rng.integers(1, 7)):
        radius = np.exp(rng.uniform(np.log(3), np.log(35)))
        depth, soft = rng.uniform(0.1, 0.97), rng.uniform(0.08, 0.6)
        z, place = float(rng.choice([-1, 1])), rng.uniform(0, canvas.side, 2)
        squash, rag = rng.uniform(0.5, 1), rng.uniform(0, 0.35)
        for view in (0, 1):
            found = _window(canvas, view, place, z, 2.2 * radius)
            if found is None:
                continue
            window, dx, dy = found
            shape = ragged[: dx.shape[0], : dx.shape[1]]
            r = np.hypot(dx, dy / squash) / radius * (1 + rag * shape)
            inner = 1 / (1 + np.exp(np.clip((r - 1) / soft * 4, -30, 30)))
            _stamp(canvas, view, window, 1 - depth * inner, inner > 0.25)


def _precipitates(canvas: Canvas) -> None:
    """Dark discs or plates with lobes of strain contrast."""
    rng = canvas.rng
    direction, size = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(2), np.log(12)))
    lobes, dark = rng.uniform(0, 0.7), rng.uniform(-0.3, 0.7)
    squash = rng.uniform(0.3, 1)
    for _ in range(rng.integers(2, 25)):
        radius = size * np.exp(rng.normal(0, 0.25))
        place, z = rng.uniform(0, canvas.side, 2), rng.uniform(-1, 1)
        turn = direction + rng.choice([0, np.pi / 2])
        c, s = np.cos(turn), np.sin(turn)
        for view in (0, 1):
            found = _window(canvas, view, place, z, 4 * radius)
            if found is None:
                continue
            window, dx, dy = found
            u, v = (c * dx + s * dy) / radius, (c * dy - s * dx) / radius
            disc = np.exp(-0.5 * (u * u + (v / squash) ** 2) ** 2)
            lobe = u * u * np.exp(1 - u * u / 1.5 - v * v) * lobes
            factor = np.clip(1 - dark * disc - lobe, 0.05, None)
            _stamp(canvas, view, window, factor, np.abs(factor - 1) > 0.08)


def _dots(canvas: Canvas) -> None:
    """Point defects and tiny loops: dark, bright or black-white dots below 8 px."""
    rng = canvas.rng
    size, depth = rng.uniform(0.8, 2.6), rng.uniform(0.08, 0.7)
    kind, stretch = rng.random(), rng.uniform(1, 1.8)
    turn = rng.uniform(0, np.pi)
    c, s = np.cos(turn), np.sin(turn)
    crowd = rng.random() < 0.4
    centre, spread = rng.uniform(0, canvas.side, 2), rng.uniform(15, 90)
    for _ in range(int(np.exp(rng.uniform(np.log(3), np.log(150))))):
        place = rng.normal(centre, spread) if crowd else rng.uniform(0, canvas.side, 2)
        own, z = depth * rng.uniform(0.3, 1.2), rng.uniform(-1, 1)
        for view in (0, 1):
            found = _window(canvas, view, place, z, 5 * size)
            if found is None:
                continue
            window, dx, dy = found
            u, v = (c * dx + s * dy) / size, (c * dy - s * dx) / size / stretch
            profile = np.exp(-0.5 * (u * u + v * v))
            if kind < 0.2:
                profile = profile * u * 1.6
            elif kind < 0.35:
                profile = profile * (u * u + v * v)  # a ring
            elif kind < 0.45:
                profile = -profile
            factor = np.clip(1 - own * profile, 0.04, None)
            _stamp(canvas, view, window, factor, np.abs(profile) > 0.3)


def _streaks(canvas: Canvas) -> None:
    """Charging and curtaining: broad faint bands along one direction."""
    rng = canvas.rng
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    for view in (0, 1):
        place = rng.uniform(-0.5, 0.5) * canvas.side
        gap = canvas.distance(view, angle + np.pi / 2, place, 0)
        width = np.exp(rng.uniform(np.log(4), np.log(40)))
        along = canvas.distance(view, angle, rng.uniform(-0.5, 0.5) * canvas.side, 0)
        fade = 1 / (1 + np.exp(-along / 40))
        strength = rng.uniform(-0.25, 0.25)
        canvas.multiply(view, 1 + strength * np.exp(-0.5 * (gap / width) ** 2) * fade)


def paint_distractors(canvas: Canvas) -> None:
    """Paint dirt, precipitates, dots and streaks, each there or not.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    """
    for share, painter in ((0.3, _blobs), (0.2, _precipitates), (0.35, _dots), (0.1, _streaks)):
        if canvas.rng.random() < share:
            painter(canvas)
