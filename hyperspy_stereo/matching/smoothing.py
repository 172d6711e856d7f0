"""Smoothing and distances of whole views, compiled: SciPy's results, several times faster."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["gaussian", "squared_distance"]


def gaussian(image: np.ndarray, sigma: float, truncate: float = 4.0) -> np.ndarray:
    """Smooth a view; what lies beyond its rim is like the rim.

    What ``scipy.ndimage.gaussian_filter`` gives with ``mode="nearest"`` but for float32 rounding;
    that takes each pixel by itself in float64, here whole rows are added at once.

    Parameters
    ----------
    image : (H, W) ndarray
        View.
    sigma : float
        Standard deviation in px.
    truncate : float, default 4
        Reach of the kernel in standard deviations.

    Returns
    -------
    (H, W) float32 ndarray

    Examples
    --------
    >>> import numpy as np
    >>> [round(float(x), 2) for x in gaussian(np.eye(5), 1.0)[2]]
    [0.12, 0.22, 0.28, 0.22, 0.12]
    """
    # Four weights at once: zeros fill up to a multiple of four.
    reach = int(truncate * sigma + 0.5)
    x = np.arange(reach + 1)
    weights = np.exp(-0.5 / (sigma * sigma) * x**2)
    weights /= weights[0] + 2 * weights[1:].sum()
    weights = np.pad(weights, (0, -reach % 4)).astype(np.float32)
    return _smoothed(np.ascontiguousarray(image, np.float32), weights)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _four(total, rows, at, weights, k):
    """Add what lies k, .., k + 3 px before and after."""
    a, b = at - k, at + k
    w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
    a0, a1, a2, a3 = rows[a], rows[a - 1], rows[a - 2], rows[a - 3]
    b0, b1, b2, b3 = rows[b], rows[b + 1], rows[b + 2], rows[b + 3]
    for c in range(total.size):
        near = w0 * (a0[c] + b0[c]) + w1 * (a1[c] + b1[c])
        total[c] += near + (w2 * (a2[c] + b2[c]) + w3 * (a3[c] + b3[c]))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _columns(image, weights):
    """Smooth along the columns."""
    height, width = image.shape
    reach = weights.size - 1
    rows = np.empty((height + 2 * reach, width), np.float32)
    rows[:reach] = image[0]
    rows[reach : reach + height] = image
    rows[reach + height :] = image[height - 1]
    out = np.empty((height, width), np.float32)
    for r in range(height):
        for c in range(width):
            out[r, c] = weights[0] * image[r, c]
        for k in range(1, reach, 4):
            _four(out[r], rows, r + reach, weights, k)
    return out


def _smoothed(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _columns(_columns(image, weights).T.copy(), weights).T.copy()


@numba.njit(cache=True, nogil=True)
def squared_distance(mask: np.ndarray) -> np.ndarray:
    """Squared distance of every pixel to the nearest one of a mask.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        Pixels at distance 0.

    Returns
    -------
    (H, W) int64 ndarray
        px squared; more than 1e8 where the mask is empty.

    References
    ----------
    P. F. Felzenszwalb, D. P. Huttenlocher, Theory of Computing 8 (2012) 415.

    Examples
    --------
    >>> import numpy as np
    >>> squared_distance(np.eye(3, dtype=bool)).tolist()
    [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    """
    height, width = mask.shape
    # Along the columns first: each row needs but the one before it.
    away = np.empty((height, width), np.int64)
    for r in range(height):
        for c in range(width):
            before = away[r - 1, c] + 1 if r > 0 else np.int64(1 << 14)
            away[r, c] = 0 if mask[r, c] else before
    for r in range(height - 2, -1, -1):
        for c in range(width):
            away[r, c] = min(away[r, c], away[r + 1, c] + 1)
    out = np.empty((height, width), np.int64)
    place, start = np.empty(width, np.int64), np.empty(width + 1)
    for r in range(height):
        top = -1
        for c in range(width):
            here = away[r, c] ** 2 + c * c
            at = -np.inf
            while top >= 0:
                p = place[top]
                at = (here - away[r, p] ** 2 - p * p) / (2.0 * (c - p))
                if at > start[top]:
                    break
                top -= 1
                at = -np.inf
            top += 1
            place[top], start[top] = c, at
        start[top + 1] = np.inf
        k = 0
        for c in range(width):
            while start[k + 1] < c:
                k += 1
            out[r, c] = (c - place[k]) ** 2 + away[r, place[k]] ** 2
    return out
