"""A second, crude renderer: it watches training and tests the transfer, and never trains.

Its lines, profiles, grounds, boundaries and noise share nothing with the renderers that the
networks learn from, neither code nor physics: a network that has learnt its own renderer by heart
fails here.
"""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.training.evaluation.crude_grounds import draw_dirt, draw_extended, ground
from hyperspy_stereo.training.evaluation.crude_lines import draw_lines, label_lines, random_lines
from hyperspy_stereo.training.evaluation.crude_noise import crude_noise, level_of
from hyperspy_stereo.training.recipe.scene import LINE, Scene

__all__ = ["crude_noise", "crude_pair", "crude_scene"]

SMALLEST = 64
ATTEMPTS = 20
LEAST_LINES = 0.004  # of the pixels of each view are lines, at least
# A line counts as visible where the contrast over this length (px) exceeds the noise so much.
LENGTH, VISIBLE = 20.0, 12.0


def crude_scene(seed: int, side: int = 384) -> Scene:
    """A scene by the crude renderer.

    Curves are laid into a slab and seen from two sides; their disparity is exact. What they look
    like is drawn by blurring points, on a ground of noise of several sizes, among boundaries,
    lamellae, steps, fringes, traces and dirt.

    Parameters
    ----------
    seed : int
        Seed, 0 or more; those of validation are `seeds.CRUDE`.
    side : int, default 384
        Height and width, px, at least 64.

    Returns
    -------
    Scene
        Its info holds seed, renderer, angle in degrees, pixel_size, the kinds of boundaries, the
        sigma and optical depth of the lines, and `most_noise`: the level of `crude_noise` at which
        its faintest lines are still seen.

    Raises
    ------
    ValueError
        If the side is too small.

    Examples
    --------
    >>> scene = crude_scene(4_000_000, side=96)
    >>> scene.clean.shape, scene.info["renderer"]
    ((2, 96, 96), 'crude')
    """
    if side < SMALLEST:
        raise ValueError(f"side={side}: crude scenes need at least {SMALLEST} px a side.")
    for attempt in range(ATTEMPTS):
        scene = _draw(int(seed), int(side), np.random.default_rng([int(seed), 77, attempt]))
        if ((scene.label & LINE) > 0).mean(axis=(1, 2)).min() >= LEAST_LINES:
            break
    return scene


def _draw(seed: int, side: int, rng: np.random.Generator) -> Scene:
    angle, thickness = float(rng.uniform(2, 12)), float(rng.uniform(40, 220))
    reach = thickness * np.tan(np.radians(angle) / 2)
    lines = random_lines(side, reach, rng)
    label = np.zeros((2, side, side), np.uint8)
    depth = np.zeros((2, side, side))
    kinds = draw_extended(depth, label, reach, rng)
    draw_dirt(depth, label, reach, rng)
    disparity = np.empty((2, side, side), np.float32)
    index = np.empty((2, side, side), np.int16)
    for view in range(2):
        depth[view] += draw_lines(lines, view, side)
        bits, disparity[view], index[view] = label_lines(lines, view, side)
        label[view] |= bits
    clean = ground(side, rng) * np.exp(-np.clip(depth, -0.9, 3.0))
    styles = {id(line.style): line.style for line in lines}.values()
    info = {
        "renderer": "crude",
        "seed": seed,
        "angle": angle,
        "geometry": "tiltless",
        "pixel_size": 1.0,
        "thickness": thickness,
        "boundaries": kinds,
        "line_sigma": [style["sigma"] for style in styles],
        "line_depth": [style["depth"] for style in styles],
        "most_noise": min(_most_noise(style, clean) for style in styles) if styles else 1.0,
    }
    return Scene(clean.astype(np.float32), label, disparity, index, info)


def _most_noise(style: dict, clean: np.ndarray) -> float:
    """Level of noise at which lines of a style still stand out where the ground is dark."""
    dark = float(np.percentile(clean, 10))
    signal = np.sqrt(dark) * (1 - np.exp(-style["depth"])) * np.sqrt(LENGTH * style["sigma"])
    return float(np.clip(level_of(signal / VISIBLE), 0.0, 1.0))


def crude_pair(seed: int, side: int = 384, level: float | None = None) -> tuple[np.ndarray, Scene]:
    """A scene with its noise.

    Parameters
    ----------
    seed, side
        As `crude_scene`.
    level : float, optional
        Of the noise, see `crude_noise`. Default: drawn from the seed, but no more than leaves
        the faintest lines visible.

    Returns
    -------
    images : (2, H, W) float32 ndarray
        Views with noise.
    scene : Scene
        Their truth.

    Examples
    --------
    >>> images, scene = crude_pair(4_000_001, side=96)
    >>> images.shape == scene.clean.shape
    True
    """
    scene = crude_scene(seed, side)
    rng = np.random.default_rng([int(seed), 78])
    drawn = float(rng.uniform(0, scene.info["most_noise"]))
    return crude_noise(scene.clean, rng, drawn if level is None else level), scene
