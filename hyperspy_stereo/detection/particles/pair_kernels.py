"""Compiled trial of one particle as two (numba)."""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.detection.particles.kernels import add_particles, sweep

__all__ = ["one_or_two"]

RESTS = 0.05  # standard deviations, as in the fit of all particles


@numba.njit(cache=True, nogil=True, fastmath=True)
def _fit(window, start, cameras, weights, table, grid, prior, limits, sweeps):
    """Fit particles alone in a window; gives the sum of squares and the particles."""
    matrices, shifts, gains = cameras
    rest, params = window.copy(), start.copy()
    add_particles(rest, params, matrices, shifts, gains, table, grid, -1.0)
    which, moved = np.arange(len(params)), np.zeros(len(params))
    for _ in range(sweeps):
        sweep(
            rest, params, matrices, shifts, gains, weights, table, grid, prior, limits, which, moved
        )
        if moved.max() < RESTS:
            break
    total = 0.0
    for v in range(len(rest)):
        squares = np.float32(0.0)
        for value in rest[v].ravel():
            squares += value * value
        total += weights[v] * squares
    for i in range(len(params)):
        total += prior[1, 4] * (params[i, 4] - prior[0, 4]) ** 2
    return total, params


@numba.njit(cache=True, nogil=True, fastmath=True)
def _heights(window, pair, pictures, cameras, weights, table, grid):
    """Best heights of two particles at rest, and how much they lower the sum of squares."""
    matrices, shifts, gains = cameras
    for a in range(2):
        pictures[a] = 0
        one = pair[a : a + 1].copy()
        one[0, 3] = 1.0
        add_particles(pictures[a], one, matrices, shifts, gains, table, grid, 1.0)
    aa = ab = bb = ta = tb = 0.0
    for v in range(len(window)):
        first, second, seen = pictures[0, v].ravel(), pictures[1, v].ravel(), window[v].ravel()
        s0 = s1 = s2 = s3 = s4 = np.float32(0.0)
        for k in range(len(seen)):
            s0 += first[k] * first[k]
            s1 += first[k] * second[k]
            s2 += second[k] * second[k]
            s3 += first[k] * seen[k]
            s4 += second[k] * seen[k]
        w = weights[v]
        aa, ab, bb, ta, tb = aa + w * s0, ab + w * s1, bb + w * s2, ta + w * s3, tb + w * s4
    aa, bb = aa * (1 + 1e-6) + 1e-9, bb * (1 + 1e-6) + 1e-9
    det = aa * bb - ab * ab
    a, b = (bb * ta - ab * tb) / det, (aa * tb - ab * ta) / det
    return a, b, a * ta + b * tb


@numba.njit(cache=True, nogil=True, fastmath=True)
def one_or_two(
    residual, one, starts, tried, least, half,
    matrices, shifts, gains, weights, table, grid, prior, limits, sweeps,
):  # fmt: skip
    """Fit what is around one particle as one and as two.

    Parameters
    ----------
    residual
        (V, H, W) float32: images less all particles.
    one
        (5,) the particle.
    starts
        (K, 2, 5) pairs to start from; of their heights the best are taken.
    tried
        How many of them are fitted: those that explain most before the fit.
    least
        Smallest height to start with.
    half
        px around the particle that are looked at.
    matrices, shifts, gains, weights, table, grid, prior, limits
        As for :func:`~hyperspy_stereo.detection.particles.kernels.sweep`.
    sweeps
        Most passes of a fit.

    Returns
    -------
    Sum of squares with one, height of the one, sum of squares with two, the two (2, 5).
    """
    views, rows, columns = residual.shape
    high, wide = min(2 * half + 1, rows), min(2 * half + 1, columns)
    window = np.empty((views, high, wide), np.float32)
    local = shifts.copy()
    for v in range(views):
        m = matrices[v]
        x = m[0, 0] * one[0] + m[0, 1] * one[1] + m[0, 2] * one[2] + shifts[v, 0]
        y = m[1, 0] * one[0] + m[1, 1] * one[1] + m[1, 2] * one[2] + shifts[v, 1]
        left = min(max(int(np.rint(x)) - half, 0), columns - wide)
        top = min(max(int(np.rint(y)) - half, 0), rows - high)
        window[v] = residual[v, top : top + high, left : left + wide]
        local[v, 0] -= left
        local[v, 1] -= top
    cameras = (matrices, local, gains)
    alone = one.reshape((1, 5)).copy()
    add_particles(window, alone, matrices, local, gains, table, grid, 1.0)
    single, alone = _fit(window, alone, cameras, weights, table, grid, prior, limits, sweeps)
    pictures = np.empty((2, views, high, wide), np.float32)
    gain = np.empty(len(starts))
    begin = starts.copy()
    for k in range(len(starts)):
        a, b, gain[k] = _heights(window, begin[k], pictures, cameras, weights, table, grid)
        begin[k, 0, 3], begin[k, 1, 3] = max(a, least), max(b, least)
    order = np.argsort(-gain)
    best, pair = np.inf, begin[order[0]].copy()
    for k in order[:tried]:
        value, found = _fit(window, begin[k], cameras, weights, table, grid, prior, limits, sweeps)
        if value < best:
            best, pair = value, found
    return single, alone[0, 3], best, pair
