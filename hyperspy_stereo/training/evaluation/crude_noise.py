"""Noise of the crude renderer."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

__all__ = ["crude_noise", "level_of"]

# Deviation of the noise over the root of the signal at level 0, and how much more it is at 1.
LEAST, MOST = 0.012, 15.0


def level_of(spread: float) -> float:
    """Level of `crude_noise` at which the noise is so large, over the root of the signal."""
    return float(np.log(spread / LEAST) / np.log(MOST))


def crude_noise(
    clean: np.ndarray, rng: np.random.Generator, level: float | None = None
) -> np.ndarray:
    """Record views with noise of a simple kind.

    Noise that grows with the root of the signal, partly correlated over neighbours; rows that are
    brighter or shifted; in some pictures pieces of rows that are off, stray bright pixels, and
    rounding to a few grey levels. All views share the scan, not the rest.

    Parameters
    ----------
    clean : (V, H, W) ndarray
        Views before noise, about 0.1 to 1.
    rng : numpy.random.Generator
        Source of chance.
    level : float, optional
        0 (hardly any) to 1 (as much as one still works with). Default: drawn.

    Returns
    -------
    (V, H, W) float32 ndarray
        In arbitrary units, with an offset.

    Raises
    ------
    ValueError
        If the views are not (V, H, W) or the level is not from 0 to 1.

    Examples
    --------
    >>> crude_noise(np.full((2, 32, 32), 0.5), np.random.default_rng(0), 0.5).shape
    (2, 32, 32)
    """
    clean = np.asarray(clean, float)
    if clean.ndim != 3:
        raise ValueError(f"clean has the shape {clean.shape}; views (V, H, W) are needed.")
    level = float(rng.uniform() if level is None else level)
    if not 0 <= level <= 1:
        raise ValueError(f"level={level}: give a number from 0 to 1, or None.")
    views = _shaken(clean, (0.05 + 0.4 * level) * rng.normal(size=clean.shape[1]))
    spread = LEAST * MOST**level * np.sqrt(np.maximum(views, 0.02))
    noise = rng.normal(size=clean.shape)
    blur = rng.uniform(0.0, 0.8)
    if blur > 0.35:  # as of a resampled picture
        noise = ndi.gaussian_filter(noise, (0, blur, blur))
        noise /= noise.std()
    views = views + spread * noise
    views = views * (1 + 0.02 * level * rng.normal(size=clean.shape[1])[:, None])
    if rng.random() < 0.3:
        _glitch(views, level, rng)
    if rng.random() < 0.3:
        stray = rng.random(views.shape) < 0.0004
        views = views + stray * rng.uniform(0.2, 0.8)
    if rng.random() < 0.3:  # few grey levels
        low, high = np.percentile(views, (0.2, 99.8))
        views = np.round(np.clip((views - low) / (high - low), 0, 1) * 255)
        return views.astype(np.float32)
    return (rng.uniform(0.5, 900) * (views + rng.uniform(0, 0.3))).astype(np.float32)


def _shaken(views: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Each row of all views moved by its own shift, px, linearly interpolated."""
    at = np.clip(np.arange(views.shape[2])[None] + shift[:, None], 0, views.shape[2] - 1)
    left = np.minimum(np.floor(at).astype(int), views.shape[2] - 2)
    part = at - left
    rows = np.arange(views.shape[1])[:, None]
    return views[:, rows, left] * (1 - part) + views[:, rows, left + 1] * part


def _glitch(views: np.ndarray, level: float, rng: np.random.Generator) -> None:
    """Pieces of rows that are too dark or too bright, in place; the same in all views."""
    for _ in range(int(rng.integers(1, 6))):
        row = rng.integers(views.shape[1])
        first = rng.integers(views.shape[2])
        last = first + int(rng.uniform(0.1, 0.6) * views.shape[2])
        views[:, row, first:last] *= 1 + rng.choice([-1, 1]) * rng.uniform(0.03, 0.06 + 0.2 * level)
