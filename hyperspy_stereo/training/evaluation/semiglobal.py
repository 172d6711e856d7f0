"""Semi-global matching, the classical peer: every pixel, smooth along eight directions."""

from __future__ import annotations

import numba
import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.matching.appearance import flat_field

__all__ = ["semiglobal_disparity"]

WINDOW = 5  # px, side of the square over which differences are summed
SMALL, LARGE = 0.25, 1.0  # penalties of a step by one and of a jump, in units of a usual cost
CAP = 2.5  # of differences, standard deviations
PATHS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


def semiglobal_disparity(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """Disparity of every pixel of the left view.

    The views are flat-fielded, smoothed by 1 px, and divided by their deviation; the cost of a
    disparity is the capped absolute difference summed over 5 x 5 px.

    Parameters
    ----------
    images : (2, H, W) ndarray
        Left and right view.
    low, high : float
        Least and greatest disparity x_right - x_left that is looked at, px.

    Returns
    -------
    (H, W) float32 ndarray
        px, sub-pixel by a parabola.

    Raises
    ------
    ValueError
        If there are not two views, or the range is empty.

    References
    ----------
    H. Hirschmueller, IEEE PAMI 30 (2008) 328.

    Examples
    --------
    >>> left = ndi.gaussian_filter(np.random.default_rng(0).random((32, 64)), 1.0)
    >>> found = semiglobal_disparity(np.stack([left, np.roll(left, 3, axis=1)]), -2, 6)
    >>> float(np.median(found).round(1))
    3.0
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 3 or len(images) != 2:
        raise ValueError(f"images has the shape {images.shape}; two views, (2, H, W), are needed.")
    if not (np.isfinite([low, high]).all() and low <= high):
        raise ValueError(f"low={low}, high={high}: give the least disparity first, in px.")
    labels = np.arange(int(np.floor(low)) - 1, int(np.ceil(high)) + 2)
    left, right = (_prepared(image) for image in images)
    columns = np.arange(left.shape[1])
    cost = np.empty((*left.shape, len(labels)), np.float32)
    for k, label in enumerate(labels):
        there = right[:, np.clip(columns + label, 0, left.shape[1] - 1)]
        difference = np.minimum(np.abs(left - there), CAP)
        cost[..., k] = ndi.uniform_filter(difference, WINDOW, mode="nearest")
    cost /= max(float(np.median(cost)), 1e-6)
    total = np.zeros_like(cost)
    for down, across in PATHS:
        _add_path(cost, total, down, across, SMALL, LARGE)
    return labels[0] + _lowest(total)


def _prepared(image: np.ndarray) -> np.ndarray:
    flat = ndi.gaussian_filter(flat_field(image), 1.0)
    return (flat - flat.mean()) / max(float(flat.std()), 1e-9)


@numba.njit(cache=True, fastmath=True)
def _add_path(cost, total, down, across, small, large):
    """Add the least cost of the paths that arrive at each pixel in one direction."""
    height, width, n = cost.shape
    before = np.zeros((width + 2, n), np.float32)
    now = np.zeros((width + 2, n), np.float32)
    for i in range(height):
        row = i if down >= 0 else height - 1 - i
        for j in range(width):
            column = j if across >= 0 else width - 1 - j
            if down == 0:
                came, fresh = now[column + 1 - across], j == 0
            else:
                came = before[column + 1 - across]
                fresh = i == 0 or column - across < 0 or column - across >= width
            here = now[column + 1]
            if fresh:
                for k in range(n):
                    here[k] = cost[row, column, k]
                    total[row, column, k] += here[k]
                continue
            least = came[0]
            for k in range(1, n):
                least = min(least, came[k])
            for k in range(n):
                best = min(came[k], least + large)
                if k > 0:
                    best = min(best, came[k - 1] + small)
                if k < n - 1:
                    best = min(best, came[k + 1] + small)
                here[k] = cost[row, column, k] + best - least
                total[row, column, k] += here[k]
        before[:] = now


def _lowest(total: np.ndarray) -> np.ndarray:
    """Place of the least value along the last axis, by a parabola through its neighbours."""
    best = total.argmin(axis=2)
    inner = np.clip(best, 1, total.shape[2] - 2)
    before, at, after = (
        np.take_along_axis(total, (inner + step)[..., None], axis=2)[..., 0] for step in (-1, 0, 1)
    )
    bend = before - 2 * at + after
    offset = np.where(bend > 1e-9, 0.5 * (before - after) / np.maximum(bend, 1e-9), 0.0)
    return np.where(best == inner, best + np.clip(offset, -0.5, 0.5), best).astype(np.float32)
