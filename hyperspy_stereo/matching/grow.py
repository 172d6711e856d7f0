"""Grow a line mask along the ridges of its own image, across gaps of the detection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from hyperspy_stereo.matching.smoothing import gaussian, squared_distance

__all__ = ["Ridges", "find_ridges", "grow_mask"]

_SIGMAS = (1.5, 2.5)
_LEAST_PIXELS = 30
_LEAST_CLARITY = 4.0
_START = 5
_SHORTEST = 4
_GROUND = 6  # px from the mask; what is farther away is background


@dataclass(frozen=True)
class Ridges:
    """Ridges and valleys of a view at one width.

    Attributes
    ----------
    response : (H, W) float32 ndarray
        Curvature across the strongest ridge or valley.
    octant : (H, W) uint8 ndarray
        Direction across it, the nearest of four: steps of 45 degrees from x towards y.
    """

    response: np.ndarray
    octant: np.ndarray


def find_ridges(flat: np.ndarray) -> list[Ridges]:
    """Find what the lines of a view may be continued by, at two widths.

    Parameters
    ----------
    flat : (H, W) ndarray
        Flat-fielded view.

    Returns
    -------
    list of Ridges
        For `grow_mask`.
    """
    return [_ridges_of_width(flat, sigma) for sigma in _SIGMAS]


def _ridges_of_width(flat: np.ndarray, sigma: float) -> Ridges:
    down, right = np.gradient(gaussian(flat, sigma))
    yy, xy = np.gradient(down)
    xx = np.gradient(right, axis=1)
    mean, half = 0.5 * (xx + yy), 0.5 * np.hypot(xx - yy, 2 * xy)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    # The axis of the larger eigenvalue; the smaller one's is at a right angle to it.
    falling = mean < 0
    octant = np.round((angle + falling * np.pi / 2) / (np.pi / 4)).astype(np.int8) % 4
    response = np.where(falling, mean - half, mean + half)
    return Ridges(response, octant.astype(np.uint8))


def _crests(strength: np.ndarray, octant: np.ndarray) -> np.ndarray:
    """Pixels that are highest across the ridge, to the nearest of four directions."""
    padded = np.pad(strength, 1, constant_values=-np.inf)
    height, width = strength.shape
    crest = np.zeros(strength.shape, bool)
    for k, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = padded[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        crest |= (octant == k) & (strength >= ahead) & (strength >= behind)
    return crest


def _free_ends(mask: np.ndarray) -> np.ndarray:
    thin = skeletonize(mask)
    neighbours = ndimage.convolve(thin.astype(np.uint8), np.ones((3, 3), np.uint8), mode="constant")
    return thin & (neighbours <= 2)


def _about(spots: np.ndarray, reach: int) -> np.ndarray:
    """Pixels not farther than ``reach`` from any of a few."""
    y, x = np.mgrid[: 2 * reach + 1, : 2 * reach + 1]
    inside = np.hypot(y - reach, x - reach) <= reach
    out = np.pad(np.zeros_like(spots), reach)
    rows, columns = np.nonzero(spots)
    out[rows[:, None] + y[inside], columns[:, None] + x[inside]] = True
    return out[reach:-reach, reach:-reach]


def grow_mask(
    mask: np.ndarray, ridges: list[Ridges], reach: float = 40.0, share: float = 0.4
) -> np.ndarray:
    """Add the ridges of the image that continue the lines of a mask.

    What counts as a ridge is learnt from the mask itself: dark or bright, which of two widths,
    and how strong. Weaker than ``share`` of the typical line, or than three times the spread of
    the background, is not followed.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        Lines that were detected.
    ridges : list of Ridges
        From `find_ridges`.
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
    distance = squared_distance(mask)
    ground = distance > _GROUND**2
    if ground.sum() < _LEAST_PIXELS:
        return mask.copy()
    best, strength, across = 0.0, None, None
    inner = ndimage.binary_erosion(mask, np.ones((2, 2)))
    inner = inner if inner.sum() >= _LEAST_PIXELS else mask
    for each in ridges:
        response = each.response
        typical = float(np.median(response[inner]))
        spread = 1.4826 * float(np.median(np.abs(response[ground])))
        clarity = abs(typical) / max(spread, 1e-9)
        if clarity > best:
            best, across = clarity, each.octant
            strength = np.sign(typical) * response / max(spread, 1e-9)
    if strength is None or best < _LEAST_CLARITY:
        return mask.copy()
    strong = strength > max(3.0, share * best)
    weak = strong & (distance <= reach**2) & _crests(strength, across) & ~mask
    pieces, n_pieces = ndimage.label(weak, np.ones((3, 3)))
    # Only what starts at a free end continues a line; ridges beside a line are its own flanks.
    near = _about(_free_ends(mask), _START)
    keep = np.zeros(n_pieces + 1, bool)
    keep[np.unique(pieces[near])] = True
    keep &= np.bincount(pieces.ravel(), minlength=n_pieces + 1) >= _SHORTEST
    keep[0] = False
    return mask | keep[pieces]
