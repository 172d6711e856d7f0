"""Cosines between the descriptors of points and of where they may lie in another view."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["cosine_volume"]

_MOST_PARTS = 16  # different parts of a pixel that shifts along a row may have


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _corner(x, y, height, width):
    """Column and row of the first of four pixels about a point, and the weights of all four."""
    c, r = min(int(x), width - 2), min(int(y), height - 2)
    u, v = np.float32(x - c), np.float32(y - r)
    return c, r, (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _scale(out, square):
    factor = 1 / np.sqrt(max(square, np.float32(1e-12)))
    for k in range(out.size):
        out[k] *= factor


# Two loops for two orders in memory, so that each is compiled for its own.
@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _at(rows, x, y, out):
    """Unit vector between pixels, bilinear; the field is given as (H, C, W)."""
    height, channels, width = rows.shape
    c, r, a, b, d, e = _corner(x, y, height, width)
    square = np.float32(0)
    for k in range(channels):
        upper, lower = rows[r, k], rows[r + 1, k]
        out[k] = a * upper[c] + b * upper[c + 1] + d * lower[c] + e * lower[c + 1]
        square += out[k] * out[k]
    _scale(out[:channels], square)


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _at_pixel(pixels, x, y, out):
    """As `_at`; the field is given as (H, W, C)."""
    height, width, channels = pixels.shape
    c, r, a, b, d, e = _corner(x, y, height, width)
    square = np.float32(0)
    for k in range(channels):
        upper = a * pixels[r, c, k] + b * pixels[r, c + 1, k]
        out[k] = upper + d * pixels[r + 1, c, k] + e * pixels[r + 1, c + 1, k]
        square += out[k] * out[k]
    _scale(out[:channels], square)


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _cosines(ref, other, points, shifts):
    """Cosines for any shifts; fields are given as (H, W, C)."""
    height, width, channels = other.shape
    out = np.empty((points.shape[0], shifts.shape[0]), np.float32)
    here, there = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for i in range(points.shape[0]):
        x0 = min(max(points[i, 0], 0.0), width - 1.0)
        y0 = min(max(points[i, 1], 0.0), height - 1.0)
        _at_pixel(ref, x0, y0, here)
        for k in range(shifts.shape[0]):
            x, y = x0 + shifts[k, 0], y0 + shifts[k, 1]
            if x < 0 or y < 0 or x > width - 1 or y > height - 1:
                out[i, k] = np.nan
                continue
            _at_pixel(other, x, y, there)
            total = np.float32(0)
            for c in range(channels):
                total += here[c] * there[c]
            out[i, k] = total
    return out


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _between(upper, lower, v, first, out):
    """Row between two rows, from a column on."""
    w, n = 1 - v, out.shape[1]
    for k in range(upper.shape[0]):
        a, b, row = upper[k][first : first + n], lower[k][first : first + n], out[k]
        for c in range(n):
            row[c] = w * a[c] + v * b[c]


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _products(row, here, dot, square, mixed):
    """Products of each column of a row with a vector, with itself, and with the next column."""
    n = row.shape[1]
    dot[:] = 0
    square[:] = 0
    mixed[:] = 0
    # Four channels at once, so that the sums are loaded and stored less often; and in loops
    # of their own, so that each is compiled to vector instructions.
    for k in range(0, row.shape[0], 4):
        a, b, c, d = row[k], row[k + 1], row[k + 2], row[k + 3]
        p, q, r, s = here[k], here[k + 1], here[k + 2], here[k + 3]
        for i in range(n):
            dot[i] += (p * a[i] + q * b[i]) + (r * c[i] + s * d[i])
        for i in range(n):
            square[i] += (a[i] * a[i] + b[i] * b[i]) + (c[i] * c[i] + d[i] * d[i])
        for i in range(n - 1):
            mixed[i] += (a[i] * a[i + 1] + b[i] * b[i + 1]) + (c[i] * c[i + 1] + d[i] * d[i + 1])


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _interpolated(u, dot, square, mixed, out):
    """Cosines a fraction of a pixel beyond each column, from `_products`."""
    w, two = 1 - u, 2 * u * (1 - u)
    n = dot.size - 1
    for i in range(n):
        length = w * w * square[i] + u * u * square[i + 1] + two * mixed[i]
        out[i] = (w * dot[i] + u * dot[i + 1]) / np.sqrt(max(length, np.float32(1e-12)))
    out[n] = dot[n] / np.sqrt(max(square[n], np.float32(1e-12)))


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _cosines_in_rows(ref, other, points, whole, part, parts):
    """For shifts along the rows by whole pixels and few different parts of one; (H, C, W) fields.

    Shift k is ``whole[k] + parts[part[k]]``. Each column of the row is met once only.
    """
    height, channels, width = other.shape
    out = np.empty((points.shape[0], whole.size), np.float32)
    fours = 4 * ((channels + 3) // 4)
    here, work = np.zeros(fours, np.float32), np.zeros(fours * width, np.float32)
    sums, values = np.empty((3, width), np.float32), np.empty((parts.size, width), np.float32)
    start, end = np.empty((2, parts.size), np.int64)
    least, most = whole.min(), whole.max()
    # Row by row, because a row stays in the cache and the whole view does not.
    for i in np.argsort(points[:, 1]):
        x0 = min(max(points[i, 0], 0.0), width - 1.0)
        y0 = min(max(points[i, 1], 0.0), height - 1.0)
        _at(ref, x0, y0, here)
        first = min(max(int(x0) + least, 0), width - 1)
        n = min(max(int(x0) + most + 2, 0), width - 1) + 1 - first
        row = work[: fours * n].reshape((fours, n))
        row[channels:] = 0
        r = min(int(y0), height - 2)
        _between(other[r], other[r + 1], np.float32(y0 - r), first, row)
        dot, square, mixed = sums[0, :n], sums[1, :n], sums[2, :n]
        _products(row, here, dot, square, mixed)
        for j in range(parts.size):
            x = x0 + parts[j]
            start[j], end[j] = int(x), width - 1 if x > int(x) else width
            _interpolated(np.float32(x - int(x)), dot, square, mixed, values[j, :n])
        for k in range(whole.size):
            j = part[k]
            c = start[j] + whole[k]
            if c < 0 or c >= end[j]:
                out[i, k] = np.nan
            else:
                out[i, k] = values[j, c - first]
    return out


def cosine_volume(
    ref: np.ndarray, other: np.ndarray, points: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    """Cosine between the descriptors of points and of shifted points in another view.

    Parameters
    ----------
    ref, other : (C, H, W) float32 ndarray
        From `descriptor.describe`: the view of the points, and the one compared with.
    points : (N, 2) ndarray
        x, y in px.
    shifts : (L, 2) ndarray
        x, y in px for every label.

    Returns
    -------
    (N, L) float32 ndarray
        -1 to 1, NaN where the counterpart lies outside the other view.

    Examples
    --------
    >>> import numpy as np
    >>> field = np.zeros((2, 4, 4), np.float32); field[0] = 1
    >>> cosine_volume(field, field, np.array([[1.0, 1.0]]), np.array([[1.5, 0.0]])).tolist()
    [[1.0]]
    """
    points, shifts = np.asarray(points, float), np.asarray(shifts, float)
    whole = np.floor(shifts[:, 0])
    parts, part = np.unique(np.round(shifts[:, 0] - whole, 9), return_inverse=True)
    # Two views along a row: labels of half a pixel have two parts, those of 0.3 px have ten.
    in_rows = len(shifts) > 0 and len(parts) <= _MOST_PARTS and not shifts[:, 1].any()
    order = (1, 0, 2) if in_rows else (1, 2, 0)
    fields = (np.ascontiguousarray(field.transpose(order)) for field in (ref, other))
    if in_rows:
        return _cosines_in_rows(*fields, points, whole.astype(np.int64), part, parts)
    return _cosines(*fields, points, shifts)
