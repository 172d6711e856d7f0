"""Which pixels lie near a polygon, and where on it the nearest point is (compiled)."""

from __future__ import annotations

import math

import numba
import numpy as np

__all__ = ["BEYOND", "INSIDE", "VERTEX", "foot_points"]

INSIDE, VERTEX, BEYOND = 0, 1, 2
"""The nearest point lies within a side, on a corner, or is an end that the pixel lies beyond."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def foot_points(
    corners: np.ndarray, reach: float, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Nearest points of a polygon for all pixels within `reach` of it.

    Parameters
    ----------
    corners : (n, 2) float64 ndarray
        x, y in px of the view, n >= 2.
    reach : float
        Largest distance, px.
    height, width : int
        Size of the view; pixels outside are left out.

    Returns
    -------
    pixel : (k,) int64 ndarray
        Flat index, row * width + column.
    side : (k,) int64 ndarray
        Side that holds the nearest point: from corner ``side`` to ``side + 1``.
    fraction : (k,) float64 ndarray
        Where on it, 0 to 1.
    distance : (k,) float64 ndarray
        px, positive on the side of the normal (-t_y, t_x).
    kind : (k,) int8 ndarray
        ``INSIDE``, ``VERTEX`` or ``BEYOND``.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.array([[1.0, 2.0], [3.0, 2.0]])
    >>> pixel, side, fraction, distance, kind = foot_points(line, 0.5, 5, 5)
    >>> pixel.tolist(), fraction.tolist()
    ([11, 12, 13], [0.0, 0.5, 1.0])
    """
    x0 = max(math.floor(corners[:, 0].min() - reach), 0)
    x1 = min(math.ceil(corners[:, 0].max() + reach), width - 1)
    y0 = max(math.floor(corners[:, 1].min() - reach), 0)
    y1 = min(math.ceil(corners[:, 1].max() + reach), height - 1)
    columns, rows = max(x1 - x0 + 1, 0), max(y1 - y0 + 1, 0)
    best = np.full(rows * columns, reach * reach)
    owner = np.full(rows * columns, -1, np.int64)
    for i in range(len(corners) - 1):
        _claim(best, owner, corners, i, reach, x0, x1, y0, y1)
    number = 0
    for at in range(owner.size):
        number += owner[at] >= 0
    pixel, side = np.empty(number, np.int64), np.empty(number, np.int64)
    fraction, distance = np.empty(number), np.empty(number)
    kind = np.empty(number, np.int8)
    k = 0
    for at in range(owner.size):
        if owner[at] < 0:
            continue
        x, y = x0 + at % columns, y0 + at // columns
        pixel[k], side[k] = y * width + x, owner[at]
        fraction[k], distance[k], kind[k] = _foot(corners, owner[at], x, y)
        k += 1
    return pixel, side, fraction, distance, kind


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _claim(best, owner, corners, i, reach, x0, x1, y0, y1):
    """Pixels that are nearer to side i than to all before it."""
    ax, ay, bx, by = corners[i, 0], corners[i, 1], corners[i + 1, 0], corners[i + 1, 1]
    ex, ey = bx - ax, by - ay
    square = max(ex * ex + ey * ey, 1e-12)
    columns = x1 - x0 + 1
    left, right = max(int(min(ax, bx) - reach), x0), min(int(max(ax, bx) + reach) + 1, x1)
    top, bottom = max(int(min(ay, by) - reach), y0), min(int(max(ay, by) + reach) + 1, y1)
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            f = ((x - ax) * ex + (y - ay) * ey) / square
            f = min(max(f, 0.0), 1.0)
            dx, dy = x - ax - f * ex, y - ay - f * ey
            square_distance = dx * dx + dy * dy
            at = (y - y0) * columns + x - x0
            if square_distance < best[at]:
                best[at], owner[at] = square_distance, i


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _foot(corners, i, x, y):
    """Fraction, signed distance and kind of the nearest point on side i."""
    ax, ay = corners[i, 0], corners[i, 1]
    ex, ey = corners[i + 1, 0] - ax, corners[i + 1, 1] - ay
    square = max(ex * ex + ey * ey, 1e-12)
    raw = ((x - ax) * ex + (y - ay) * ey) / square
    cross = ex * (y - ay) - ey * (x - ax)
    if 0.0 <= raw <= 1.0:
        return raw, cross / math.sqrt(square), INSIDE
    f = min(max(raw, 0.0), 1.0)
    dx, dy = x - ax - f * ex, y - ay - f * ey
    length = math.sqrt(dx * dx + dy * dy)
    ended = (i == 0 and raw < 0.0) or (i == len(corners) - 2 and raw > 1.0)
    return f, (length if cross >= 0 else -length), BEYOND if ended else VERTEX
