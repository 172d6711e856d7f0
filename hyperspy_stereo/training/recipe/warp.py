"""Moving pictures and labels onto another grid (numba kernels, one thread)."""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, LINE

__all__ = [
    "edge_distance",
    "line_edge",
    "nearest",
    "nearest_on_lines",
    "sampled",
    "sampled_linear",
    "shifted_rows",
    "smooth_field",
]

REACH = 3  # px from lines within which distances are known
_fast = {"cache": True, "nogil": True, "fastmath": True, "error_model": "numpy"}


@numba.njit(cache=True, inline="always")
def _mirror(i, n):
    """Index inside 0 ... n - 1 of a place beyond the edge, mirrored there."""
    if n == 1:
        return 0
    period = 2 * n - 2
    i = i % period
    return i if i < n else period - i


@numba.njit(cache=True, inline="always")
def _cubic(f):
    """Catmull-Rom weights of the samples -1, 0, 1, 2 at the fraction `f`."""
    return (
        np.float32(0.5) * f * (np.float32(-1) + f * (np.float32(2) - f)),
        np.float32(0.5) * (np.float32(2) + f * f * (np.float32(3) * f - np.float32(5))),
        np.float32(0.5) * f * (np.float32(1) + f * (np.float32(4) - np.float32(3) * f)),
        np.float32(0.5) * f * f * (f - np.float32(1)),
    )


@numba.njit(**_fast)
def sampled(image, rows, columns):
    """Image at places (H, W) given by their rows and columns, cubic, mirrored at its edges."""
    height, width = image.shape
    out = np.empty(rows.shape, np.float32)
    for r in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            y, x = rows[r, c], columns[r, c]
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            wy, wx = _cubic(np.float32(y - y0)), _cubic(np.float32(x - x0))
            total = np.float32(0.0)
            if y0 >= 1 and x0 >= 1 and y0 < height - 2 and x0 < width - 2:
                for j in range(4):
                    part = np.float32(0.0)
                    for i in range(4):
                        part += wx[i] * image[y0 - 1 + j, x0 - 1 + i]
                    total += wy[j] * part
            else:
                for j in range(4):
                    source = _mirror(y0 - 1 + j, height)
                    part = np.float32(0.0)
                    for i in range(4):
                        part += wx[i] * image[source, _mirror(x0 - 1 + i, width)]
                    total += wy[j] * part
            out[r, c] = total
    return out


@numba.njit(**_fast)
def sampled_linear(image, rows, columns):
    """Image at places (H, W), bilinear, mirrored at its edges."""
    height, width = image.shape
    out = np.empty(rows.shape, np.float32)
    for r in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            y, x = rows[r, c], columns[r, c]
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            fy, fx = np.float32(y - y0), np.float32(x - x0)
            top, bottom, left, right = y0, y0 + 1, x0, x0 + 1
            if y0 < 0 or x0 < 0 or y0 >= height - 1 or x0 >= width - 1:
                top, bottom = _mirror(y0, height), _mirror(y0 + 1, height)
                left, right = _mirror(x0, width), _mirror(x0 + 1, width)
            upper = image[top, left] + fx * (image[top, right] - image[top, left])
            lower = image[bottom, left] + fx * (image[bottom, right] - image[bottom, left])
            out[r, c] = upper + fy * (lower - upper)
    return out


@numba.njit(**_fast)
def nearest(image, rows, columns):
    """Nearest pixel of an image of integers at places (H, W), mirrored at its edges."""
    height, width = image.shape
    out = np.empty(rows.shape, image.dtype)
    for r in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            y, x = int(np.floor(rows[r, c] + 0.5)), int(np.floor(columns[r, c] + 0.5))
            if y < 0 or x < 0 or y >= height or x >= width:
                y, x = _mirror(y, height), _mirror(x, width)
            out[r, c] = image[y, x]
    return out


@numba.njit(**_fast)
def edge_distance(label):
    """Signed distance (H, W) from the edge of the lines in a label, px, negative inside.

    It is cut at `REACH` px from the lines. A line of 3 px has -1.5 at its middle, whatever its
    curvature, so a threshold gives lines of any other width.
    """
    height, width = label.shape
    out = np.full((height, width), np.float32(REACH))
    far = np.empty((REACH + 1, REACH + 1), np.float32)
    for j in range(REACH + 1):
        for i in range(REACH + 1):
            far[j, i] = np.sqrt(np.float32(j * j + i * i))
    for r in range(height):
        for c in range(width):
            if not label[r, c] & LINE:
                continue
            inside = np.float32(REACH)
            for j in range(-2, 3):
                for i in range(-2, 3):
                    y, x = r + j, c + i
                    # beyond the frame a line goes on as it lies: no edge there
                    if y < 0 or x < 0 or y >= height or x >= width or label[y, x] & LINE:
                        continue
                    inside = min(inside, far[abs(j), abs(i)])
            out[r, c] = np.float32(0.5) - inside
            if inside >= 2:  # not at the edge: nothing outside is nearest to it
                continue
            for y in range(max(r - REACH, 0), min(r + REACH + 1, height)):
                for x in range(max(c - REACH, 0), min(c + REACH + 1, width)):
                    if label[y, x] & LINE:
                        continue
                    out[y, x] = min(out[y, x], far[abs(y - r), abs(x - c)] - np.float32(0.5))
    return out


def line_edge(label: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Signed distance (H, W) from the edges of lines, px of the label, at places of it."""
    starts, stops = [], []
    for places, n in ((rows, label.shape[0]), (columns, label.shape[1])):
        low, high = float(places.min()), float(places.max())
        whole = low < 0 or high > n - 1  # mirrored places need what lies opposite
        starts.append(0 if whole else max(int(low) - REACH - 1, 0))
        stops.append(n if whole else min(int(high) + REACH + 3, n))
    window = np.ascontiguousarray(label[starts[0] : stops[0], starts[1] : stops[1]])
    shift = np.asarray(starts, np.float32)
    return sampled_linear(edge_distance(window), rows - shift[0], columns - shift[1])


@numba.njit(cache=True, nogil=True)
def nearest_on_lines(label, disparity, rows, columns, on_line):
    """Disparity and ambiguity of the nearest line pixel of the source, where `on_line`.

    Returns (H, W) float32, NaN off lines and where no line pixel is near, and (H, W) uint8.
    """
    height, width = label.shape
    values = np.full(rows.shape, np.nan, np.float32)
    bits = np.zeros(rows.shape, np.uint8)
    for r in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            if not on_line[r, c]:
                continue
            y, x = rows[r, c], columns[r, c]
            y0, x0 = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
            best = 1e9
            for j in range(max(y0 - 2, 0), min(y0 + 3, height)):
                for i in range(max(x0 - 2, 0), min(x0 + 3, width)):
                    if not label[j, i] & LINE or np.isnan(disparity[j, i]):
                        continue
                    far = (j - y) ** 2 + (i - x) ** 2
                    if far < best:
                        best = far
                        values[r, c] = disparity[j, i]
                        bits[r, c] = label[j, i] & AMBIGUOUS
    return values, bits


@numba.njit(**_fast)
def shifted_rows(image, shifts):
    """Image whose row r shows what lies `shifts[r]` px further right, cubic along the row."""
    height, width = image.shape
    out = np.empty((height, width), np.float32)
    for r in range(height):
        whole = int(np.floor(shifts[r]))
        weights = _cubic(np.float32(shifts[r] - whole))
        for c in range(width):
            total = np.float32(0.0)
            for i in range(4):
                x = min(max(c + whole - 1 + i, 0), width - 1)
                total += weights[i] * image[r, x]
            out[r, c] = total
    return out


def smooth_field(knots: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Smooth field through random knots: a cubic B-spline over the unit square.

    Parameters
    ----------
    knots : (m, n) ndarray
        Coefficients; as many bumps fit across the square.
    rows, columns : (H,), (W,) ndarray
        Places in units of the square, 0 to 1.

    Returns
    -------
    (H, W) float32 ndarray
        With standard normal knots its standard deviation is about 0.5.
    """
    down = _spline_basis(rows, knots.shape[0])
    across = _spline_basis(columns, knots.shape[1])
    return _blended(down, knots.astype(np.float32), np.ascontiguousarray(across.T))


@numba.njit(**_fast)
def _blended(down, knots, across):
    """``down @ knots @ across``, without the threads that a library starts for it."""
    out = np.zeros((down.shape[0], across.shape[1]), np.float32)
    for r in range(down.shape[0]):
        for k in range(knots.shape[1]):
            part = np.float32(0.0)
            for j in range(knots.shape[0]):
                part += down[r, j] * knots[j, k]
            for c in range(across.shape[1]):
                out[r, c] += part * across[k, c]
    return out


def _spline_basis(places: np.ndarray, count: int) -> np.ndarray:
    """Cubic B-splines (n, count) at places between 0 and 1."""
    middle = np.arange(count, dtype=np.float32)
    far = np.abs(places[:, None].astype(np.float32) * (count - 3) + 1 - middle)
    near = 2 / 3 - far**2 * (1 - far / 2)
    return np.where(far < 1, near, np.where(far < 2, (2 - far) ** 3 / 6, 0)).astype(np.float32)
