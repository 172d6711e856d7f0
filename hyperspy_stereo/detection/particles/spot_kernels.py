"""Compiled looks at single spots: their filtered height, misfit and rings (numba)."""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.detection.particles.kernels import add_one, line_of

__all__ = ["climbed", "mean_squares", "ring_profiles"]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _answer(image, kernel, x, y):
    """Sum of products of a kernel and the image about a pixel."""
    rows, columns = image.shape
    half = len(kernel) // 2
    x0, x1 = max(x - half, 0), min(x + half + 1, columns)
    total = np.float32(0.0)
    for row in range(max(y - half, 0), min(y + half + 1, rows)):
        seen, weight = image[row, x0:x1], kernel[row - y + half, x0 - x + half : x1 - x + half]
        for c in range(len(seen)):
            total += seen[c] * weight[c]
    return total


@numba.njit(cache=True, nogil=True, fastmath=True)
def climbed(image, kernel, start, most):
    """From each pixel (n, 2) to the maximum of a filtered image nearby, and its height.

    At most `most` steps of one pixel.
    """
    rows, columns = image.shape
    where, value = start.copy(), np.zeros(len(start))
    for i in range(len(start)):
        x = min(max(where[i, 0], 0), columns - 1)
        y = min(max(where[i, 1], 0), rows - 1)
        best = _answer(image, kernel, x, y)
        for _ in range(most):
            to_x, to_y = x, y
            for ny in range(max(y - 1, 0), min(y + 2, rows)):
                for nx in range(max(x - 1, 0), min(x + 2, columns)):
                    if nx == x and ny == y:
                        continue
                    other = _answer(image, kernel, nx, ny)
                    if other > best:
                        best, to_x, to_y = other, nx, ny
            if to_x == x and to_y == y:
                break
            x, y = to_x, to_y
        where[i, 0], where[i, 1] = x, y
        value[i] = best
    return where, value


@numba.njit(cache=True, nogil=True)
def mean_squares(image, middles, half):
    """(n,) mean of squares in boxes about pixels (n, 2), as far as they lie in the image."""
    out = np.zeros(len(middles))
    for i in range(len(middles)):
        x, y = middles[i]
        box = image[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1]
        total = 0.0
        for value in box.flat:
            total += value * value
        out[i] = total / max(box.size, 1)
    return out


@numba.njit(cache=True, nogil=True)
def ring_profiles(residual, view, particles, half, rings, table, grid):
    """Mean values in rings about particles, each alone on what is left over of its view.

    Parameters
    ----------
    residual
        (V, H, W) float32: images less all particles.
    view, particles
        (n,) and (n, 5): x, y in the view, -, height, radius.
    half
        px around a particle that are looked at; they must lie in the image.
    rings
        In a pixel.

    Returns
    -------
    Pixels and sum of distances of each ring over all particles, (m,); mean values (n, m).
    """
    count = rings * (half - 1)
    number, distance = np.zeros(count), np.zeros(count)
    profiles = np.full((len(particles), count), np.nan)
    line = np.zeros((1, table.shape[2]), np.float32)
    inside, total = np.zeros(count), np.zeros(count)
    for i in range(len(particles)):
        x, y, _, height, radius = particles[i]
        left, top = int(np.rint(x)) - half, int(np.rint(y)) - half
        patch = residual[view[i], top : top + 2 * half + 1, left : left + 2 * half + 1].copy()
        reach = line_of(table, grid, radius, line)
        add_one(patch, x - left, y - top, height, reach, line, grid[2])
        inside[:] = 0
        total[:] = 0
        for row in range(2 * half + 1):
            for column in range(2 * half + 1):
                r = np.sqrt((column + left - x) ** 2 + (row + top - y) ** 2)
                ring = int(rings * r)
                if ring < count:
                    inside[ring] += 1
                    total[ring] += patch[row, column]
                    distance[ring] += r
        number += inside
        for ring in range(count):
            if inside[ring] > 0:
                profiles[i, ring] = total[ring] / inside[ring]
    return number, distance, profiles
