"""Grow a line mask along the ridges of its own image, across gaps of the detection."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.feature import hessian_matrix
from skimage.morphology import skeletonize

__all__ = ["grow_mask"]

_SIGMAS = (1.5, 2.5)
_LEAST_PIXELS = 30
_LEAST_CLARITY = 4.0
_START = 5.0
_SHORTEST = 4


def _ridges(flat: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Curvature across the strongest ridge or valley, and the angle across it (rad, from x)."""
    yy, xy, xx = hessian_matrix(
        flat, sigma=sigma, mode="nearest", order="rc", use_gaussian_derivatives=False
    )
    mean, half = 0.5 * (xx + yy), 0.5 * np.hypot(xx - yy, 2 * xy)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    # The axis of the larger eigenvalue; the smaller one's is at a right angle to it.
    falling = mean < 0
    return np.where(falling, mean - half, mean + half), angle + falling * np.pi / 2


def _crests(ridge: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Pixels that are highest across the ridge, to the nearest of four directions."""
    octant = np.round(angle / (np.pi / 4)).astype(int) % 4
    padded = np.pad(ridge, 1, constant_values=-np.inf)
    height, width = ridge.shape
    crest = np.zeros(ridge.shape, bool)
    for k, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = padded[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        crest |= (octant == k) & (ridge >= ahead) & (ridge >= behind)
    return crest


def _free_ends(mask: np.ndarray) -> np.ndarray:
    thin = skeletonize(mask)
    neighbours = ndimage.convolve(thin.astype(np.uint8), np.ones((3, 3), np.uint8), mode="constant")
    return thin & (neighbours <= 2)


def grow_mask(
    mask: np.ndarray, flat: np.ndarray, reach: float = 40.0, share: float = 0.4
) -> np.ndarray:
    """Add the ridges of the image that continue the lines of a mask.

    What counts as a ridge is learnt from the mask itself: dark or bright, which of two widths,
    and how strong. Weaker than ``share`` of the typical line, or than three times the spread of
    the background, is not followed.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        Lines that were detected.
    flat : (H, W) ndarray
        Flat-fielded view.
    reach : float
        Farthest distance from the mask in px.
    share : float
        Least strength of a continuation, as a share of the median over the mask.

    Returns
    -------
    (H, W) bool ndarray
        The mask and what continues it.
    """
    if mask.sum() < _LEAST_PIXELS or mask.all():
        return mask.copy()
    distance = ndimage.distance_transform_edt(~mask)
    ground = distance > 6
    if ground.sum() < _LEAST_PIXELS:
        return mask.copy()
    best, ridge, across = 0.0, None, None
    inner = ndimage.binary_erosion(mask, np.ones((2, 2)))
    inner = inner if inner.sum() >= _LEAST_PIXELS else mask
    for sigma in _SIGMAS:
        response, angle = _ridges(flat, sigma)
        typical = float(np.median(response[inner]))
        spread = 1.4826 * float(np.median(np.abs(response[ground])))
        clarity = abs(typical) / max(spread, 1e-9)
        if clarity > best:
            best, across = clarity, angle
            ridge = np.sign(typical) * response / max(spread, 1e-9)
    if ridge is None or best < _LEAST_CLARITY:
        return mask.copy()
    weak = (ridge > max(3.0, share * best)) & (distance <= reach) & _crests(ridge, across) & ~mask
    pieces, n_pieces = ndimage.label(weak, np.ones((3, 3)))
    # Only what starts at a free end continues a line; ridges beside a line are its own flanks.
    near = ndimage.distance_transform_edt(~_free_ends(mask)) <= _START
    keep = np.zeros(n_pieces + 1, bool)
    keep[np.unique(pieces[near])] = True
    keep &= np.bincount(pieces.ravel(), minlength=n_pieces + 1) >= _SHORTEST
    keep[0] = False
    return mask | keep[pieces]
