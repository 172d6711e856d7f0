"""Scenes painted from geometry: fast, with the widest variation of looks, for training."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.boundaries2d import (
    Wall,
    paint_boundaries,
    paint_slip_traces,
)
from hyperspy_stereo.training.recipe.canvas import Canvas
from hyperspy_stereo.training.recipe.distractors import paint_distractors
from hyperspy_stereo.training.recipe.grounds import paint_ground, paint_hole, paint_light
from hyperspy_stereo.training.recipe.line_looks import random_look, random_style
from hyperspy_stereo.training.recipe.lines2d import along_trace, line_group
from hyperspy_stereo.training.recipe.scene import IGNORE, LINE, Scene

__all__ = ["painted_scene"]

EMPTY_SHARE = 0.05  # of the scenes hold no line at all
SPARSE_SHARE = 0.2  # hold one or two lines
DARK_FIELD_SHARE = 0.12
SEEN = 0.045  # contrast from which a line counts as visible
FAINT = 0.5  # of the spread of the ground's grain: a boundary below it is buried
BURIED = 1.1  # of the spread of the ground's grain: a line below it is buried
MOST_LINES = 70


def painted_scene(seed: int, side: int = 384) -> Scene:
    """Paint a random pair of views of lines in a foil, with exact labels and disparity.

    Nothing here solves a diffraction problem: lines are curves in space with a profile, and
    everything else is brightness and edges at the depth where it would be. What matters is
    variety: each ingredient is there or not, with its own strength.

    Parameters
    ----------
    seed : int
        Of the scene; the same seed paints the same scene.
    side : int, default 384
        Height and width of the views, px; room for crops of 256 px after rotation.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        If the seed is negative or the side below 64 px.

    Examples
    --------
    >>> scene = painted_scene(5_000_000, side=128)
    >>> scene.clean.shape
    (2, 128, 128)
    """
    if seed < 0 or side < 64:
        raise ValueError(
            f"painted_scene needs a seed >= 0 and a side of at least 64 px; got seed={seed}, "
            f"side={side}. Paint a bigger scene and call Scene.crop for a small one."
        )
    rng = np.random.default_rng(seed)
    angle, thickness = rng.uniform(2, 12), rng.uniform(60, 400)
    half_range = float(np.exp(rng.uniform(np.log(2), np.log(28)))) * side / 384
    canvas = Canvas(side, rng, half_range, float(rng.normal(0, 1.5)))
    dark_field = bool(rng.random() < DARK_FIELD_SHARE)
    paint_ground(canvas)
    canvas.faint = max(canvas.faint, FAINT * _roughness(canvas.image))
    groups = int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1]))
    walls = paint_boundaries(canvas, groups)
    if rng.random() < 0.2:
        paint_slip_traces(canvas)
    if dark_field:
        canvas.image *= np.float32(rng.uniform(0.15, 0.5))
    _exposed(canvas)
    hole = paint_hole(canvas) if rng.random() < 0.06 else None
    curves = _cut(_curves(side, walls, rng), walls, hole, canvas)
    style = random_style(rng, dark_field)
    seen = max(SEEN, BURIED * _roughness(canvas.image))
    for number, curve in enumerate(curves):
        canvas.line(curve, random_look(curve, style, rng), number, seen)
    # a line stays a line where another one beside it cannot be seen
    canvas.label[(canvas.label & LINE) > 0] &= np.uint8(255 - IGNORE)
    paint_distractors(canvas)
    paint_light(canvas)
    info = {
        "seed": int(seed), "renderer": "painted", "angle": float(angle),
        "pixel_size": float(thickness * np.tan(np.deg2rad(angle) / 2) / half_range),
        "thickness": float(thickness), "lines": len(curves), "dark_field": dark_field,
        "fwhm": style.fwhm, "contrast": float(style.contrast), "boundaries": groups,
    }  # fmt: skip
    return _finished(canvas, info)


def _exposed(canvas: Canvas) -> None:
    """Scale the views together so that next to nothing is brighter than the beam."""
    brightest = float(np.percentile(canvas.image[:, ::4, ::4], 99.5))
    if brightest > 0.9:
        canvas.image *= np.float32(canvas.rng.uniform(0.6, 0.95) / brightest)


def _roughness(image: np.ndarray) -> float:
    """Robust relative spread of what is finer than about the width of a line."""
    slow = ndi.uniform_filter(image, (0, 9, 9))
    rest = np.abs(image - slow)[:, ::3, ::3] / (slow[:, ::3, ::3] + 1e-6)
    return float(1.5 * np.median(rest))


def _curves(side: int, walls: list[Wall], rng: np.random.Generator) -> list[np.ndarray]:
    """Curves of a scene: none, one or two, or many of a few kinds."""
    draw = rng.random()
    angle = rng.choice([rng.uniform(0, np.pi), 0.0], p=[0.93, 0.07])
    if draw < EMPTY_SHARE:
        return []
    if draw < EMPTY_SHARE + SPARSE_SHARE:
        curves = line_group(side, angle, rng)
        return curves[: rng.integers(1, 3)]
    curves: list[np.ndarray] = []
    spread = rng.choice([0.05, 0.3, 2.0])
    for _ in range(int(np.exp(rng.uniform(np.log(2), np.log(16))))):
        curves += line_group(side, angle + rng.normal(0, spread), rng)
    if walls and rng.random() < 0.35:
        angle, place, _ = walls[int(rng.integers(len(walls)))]
        curves = along_trace(side, (angle, place), rng) + curves
    return curves[:MOST_LINES]


def _cut(
    curves: list[np.ndarray], walls: list[Wall], hole: np.ndarray | None, canvas: Canvas
) -> list[np.ndarray]:
    """End lines at some of the walls and at the hole."""
    rng, middle = canvas.rng, 0.5 * (canvas.side - 1)
    stops = [wall for wall in walls if rng.random() < 0.35]
    pieces: list[np.ndarray] = []
    for curve in curves:
        keep = np.ones(len(curve), bool)
        for angle, place, slant in stops:
            x, y, z = curve.T
            gap = np.cos(angle) * (x - middle) + np.sin(angle) * (y - middle) - place - slant * z
            if rng.random() < 0.7:  # else the line crosses
                keep &= gap * np.sign(gap[len(gap) // 2] + 1e-9) > 0
        if hole is not None:
            column, row = np.clip(curve[:, :2].round().astype(int), 0, canvas.side - 1).T
            keep &= ~hole[row, column]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], keep.astype(int), [0]])))
        pieces += [curve[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 5]
    return pieces


def _finished(canvas: Canvas, info: dict) -> Scene:
    """Scene from a canvas; nothing is a line where it cannot be seen for darkness."""
    clean = np.clip(canvas.image, 0.002, 1.2)
    if canvas.rng.random() < 0.4:
        clean = ndi.gaussian_filter(clean, (0, *(2 * [canvas.rng.uniform(0.3, 0.9)])))
    label = canvas.label
    lines = (label & LINE) > 0
    floor = max(0.015, 0.04 * float(np.percentile(clean[:, ::4, ::4], 90)))
    label[lines & (ndi.uniform_filter(clean, (0, 15, 15)) < floor)] |= IGNORE
    gone = lines & ((label & IGNORE) > 0)  # too dark, or under dirt
    label[gone] &= np.uint8(255 - LINE)
    canvas.disparity[gone] = np.nan
    canvas.line_index[gone] = -1
    return Scene(clean.astype(np.float32), label, canvas.disparity, canvas.line_index, info)
