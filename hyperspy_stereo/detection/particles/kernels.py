"""Compiled parts of the fit of many particles in many views at once (numba).

Parameters of a particle: x, y, z, height, radius. A view shows it at M (x, y, z) + t. One view
with a z that does not move is the fit of a single image.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = [
    "PARAMETERS",
    "add_particles",
    "normal_matrices",
    "pair_matrices",
    "sweep",
    "view_heights",
]

PARAMETERS = 5


@numba.njit(cache=True, nogil=True, fastmath=True)
def _window(middle, reach, size):
    low = max(int(np.ceil(middle - reach)), 0)
    high = min(int(np.floor(middle + reach)) + 1, size)
    return low, high


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _row_of(radius, grid, n):
    """Row of the table below a radius, and the share of the next one."""
    at = (radius - grid[0]) / grid[1]
    at = min(max(at, 0.0), n - 1.001)
    k = int(at)
    return k, at - k


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_particles(images, params, matrices, shifts, gains, table, grid, factor):
    """Add `factor` times the particles to images (V, H, W), in place."""
    views, rows, columns = images.shape
    for v in range(views):
        for i in range(len(params)):
            x, y, z = params[i, 0], params[i, 1], params[i, 2]
            ux = (
                matrices[v, 0, 0] * x + matrices[v, 0, 1] * y + matrices[v, 0, 2] * z + shifts[v, 0]
            )
            uy = (
                matrices[v, 1, 0] * x + matrices[v, 1, 1] * y + matrices[v, 1, 2] * z + shifts[v, 1]
            )
            k, share = _row_of(params[i, 4], grid, table.shape[1])
            reach = params[i, 4] + grid[3]
            height = factor * gains[v] * params[i, 3]
            y0, y1 = _window(uy, reach, rows)
            x0, x1 = _window(ux, reach, columns)
            for row in range(y0, y1):
                dy = row - uy
                for column in range(x0, x1):
                    dx = column - ux
                    r = np.sqrt(dx * dx + dy * dy)
                    if r < reach:
                        at = r / grid[2]
                        j = int(at)
                        w = at - j
                        lower = (1 - w) * table[0, k, j] + w * table[0, k, j + 1]
                        upper = (1 - w) * table[0, k + 1, j] + w * table[0, k + 1, j + 1]
                        images[v, row, column] += height * ((1 - share) * lower + share * upper)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _view_sums(image, ux, uy, height, radius, table, grid, sums, slope):
    """Products of the derivatives by (ux, uy, height, radius), and with the residual."""
    rows, columns = image.shape
    k, share = _row_of(radius, grid, table.shape[1])
    reach = radius + grid[3]
    y0, y1 = _window(uy, reach, rows)
    x0, x1 = _window(ux, reach, columns)
    d = np.zeros(4)
    for row in range(y0, y1):
        dy = row - uy
        for column in range(x0, x1):
            dx = column - ux
            r = np.sqrt(dx * dx + dy * dy)
            if r >= reach:
                continue
            at = r / grid[2]
            j = int(at)
            w = at - j
            a, b = (1 - share) * (1 - w), (1 - share) * w
            c, e = share * (1 - w), share * w
            f = a * table[0, k, j] + b * table[0, k, j + 1]
            f += c * table[0, k + 1, j] + e * table[0, k + 1, j + 1]
            fr = a * table[1, k, j] + b * table[1, k, j + 1]
            fr += c * table[1, k + 1, j] + e * table[1, k + 1, j + 1]
            fs = a * table[2, k, j] + b * table[2, k, j + 1]
            fs += c * table[2, k + 1, j] + e * table[2, k + 1, j + 1]
            inverse = -height * fr / max(r, 1e-6)
            d[0], d[1], d[2], d[3] = inverse * dx, inverse * dy, f, height * fs
            value = image[row, column]
            for p in range(4):
                slope[p] += d[p] * value
                for q in range(p, 4):
                    sums[p, q] += d[p] * d[q]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _expand(matrix, gain):
    """(4, 5): derivatives of (ux, uy, height in the view, radius) by the parameters."""
    e = np.zeros((4, 5))
    for a in range(2):
        for b in range(3):
            e[a, b] = matrix[a, b]
    e[2, 3] = gain
    e[3, 4] = 1.0
    return e


@numba.njit(cache=True, nogil=True, fastmath=True)
def _normal(residual, p, matrices, shifts, gains, weights, table, grid, normal, slope):
    """Normal equations of one particle over all views, added to `normal` and `slope`."""
    sums, part = np.zeros((4, 4)), np.zeros(4)
    for v in range(len(residual)):
        m = matrices[v]
        ux = m[0, 0] * p[0] + m[0, 1] * p[1] + m[0, 2] * p[2] + shifts[v, 0]
        uy = m[1, 0] * p[0] + m[1, 1] * p[1] + m[1, 2] * p[2] + shifts[v, 1]
        sums[:] = 0
        part[:] = 0
        _view_sums(residual[v], ux, uy, gains[v] * p[3], p[4], table, grid, sums, part)
        e = _expand(m, gains[v])
        for a in range(4):
            for b in range(4):
                s = sums[a, b] if b >= a else sums[b, a]
                if s == 0.0:
                    continue
                s *= weights[v]
                for c in range(5):
                    if e[a, c] != 0.0:
                        for d in range(5):
                            normal[c, d] += e[a, c] * s * e[b, d]
            for c in range(5):
                slope[c] += weights[v] * e[a, c] * part[a]


@numba.njit(cache=True, nogil=True, fastmath=True)
def sweep(residual, params, matrices, shifts, gains, weights, table, grid, prior, limits, active):
    """One Gauss-Newton step of each active particle in turn; the residual follows.

    Parameters
    ----------
    residual
        (V, H, W) float32: images less all particles; changed in place.
    params
        (n, 5); changed in place.
    matrices, shifts, gains, weights
        (V, 2, 3), (V, 2), (V,), (V,): geometry, brightness and 1/variance of each view.
    table, grid
        Of a ProfileTable.
    prior
        (2, 5): middle and precision (1/variance) of each parameter.
    limits
        (5,) longest steps.
    active
        (n,) bool.

    Returns
    -------
    (n,) largest step of a parameter in 1-sigma of it with the others at rest; 0 where none was made.
    """
    moved = np.zeros(len(params))
    normal, slope = np.zeros((5, 5)), np.zeros(5)
    for i in range(len(params)):
        if not active[i]:
            continue
        p = params[i].copy()
        normal[:] = 0
        slope[:] = 0
        _normal(residual, p, matrices, shifts, gains, weights, table, grid, normal, slope)
        for a in range(5):
            slope[a] -= prior[1, a] * (p[a] - prior[0, a])
            normal[a, a] += prior[1, a]
        for a in range(5):
            normal[a, a] = normal[a, a] * 1.001 + 1e-12
        step = np.linalg.solve(normal, slope)
        largest = 0.0
        for a in range(5):
            largest = max(largest, abs(step[a]) / limits[a])
            moved[i] = max(moved[i], abs(step[a]) * np.sqrt(normal[a, a]))
        scale = 1.0 / max(1.0, largest)
        new = p + scale * step
        new[3] = max(new[3], 0.0)
        new[4] = min(max(new[4], grid[0]), grid[4])
        add_particles(residual, params[i : i + 1], matrices, shifts, gains, table, grid, 1.0)
        params[i] = new
        add_particles(residual, params[i : i + 1], matrices, shifts, gains, table, grid, -1.0)
    return moved


@numba.njit(cache=True, nogil=True, fastmath=True)
def normal_matrices(residual, params, matrices, shifts, gains, weights, table, grid):
    """(n, 5, 5) information of each particle about itself, without a prior."""
    out = np.zeros((len(params), 5, 5))
    slope = np.zeros(5)
    for i in range(len(params)):
        _normal(residual, params[i], matrices, shifts, gains, weights, table, grid, out[i], slope)
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _derivatives(dx, dy, r, height, radius, table, grid, d):
    k, share = _row_of(radius, grid, table.shape[1])
    at = r / grid[2]
    j = int(at)
    w = at - j
    three = np.zeros(3)
    for q in range(3):
        lower = (1 - w) * table[q, k, j] + w * table[q, k, j + 1]
        upper = (1 - w) * table[q, k + 1, j] + w * table[q, k + 1, j + 1]
        three[q] = (1 - share) * lower + share * upper
    inverse = -height * three[1] / max(r, 1e-6)
    d[0], d[1], d[2], d[3] = inverse * dx, inverse * dy, three[0], height * three[2]


@numba.njit(cache=True, nogil=True, fastmath=True)
def pair_matrices(pairs, params, matrices, shifts, gains, weights, table, grid, rows, columns):
    """(m, 5, 5) information that pairs of overlapping particles share."""
    out = np.zeros((len(pairs), 5, 5))
    da, db, at = np.zeros(4), np.zeros(4), np.zeros((2, 2))
    for n in range(len(pairs)):
        for v in range(len(matrices)):
            m = matrices[v]
            for side in range(2):
                p = params[pairs[n, side]]
                for axis in range(2):
                    at[side, axis] = m[axis, 0] * p[0] + m[axis, 1] * p[1] + m[axis, 2] * p[2]
                    at[side, axis] += shifts[v, axis]
            a, b = params[pairs[n, 0]], params[pairs[n, 1]]
            reach_a, reach_b = a[4] + grid[3], b[4] + grid[3]
            ya, yb = _window(at[0, 1], reach_a, rows)
            yc, yd = _window(at[1, 1], reach_b, rows)
            xa, xb = _window(at[0, 0], reach_a, columns)
            xc, xd = _window(at[1, 0], reach_b, columns)
            e = _expand(m, gains[v])
            shared = np.zeros((4, 4))
            for row in range(max(ya, yc), min(yb, yd)):
                for column in range(max(xa, xc), min(xb, xd)):
                    ax, ay = column - at[0, 0], row - at[0, 1]
                    bx, by = column - at[1, 0], row - at[1, 1]
                    ra, rb = np.sqrt(ax * ax + ay * ay), np.sqrt(bx * bx + by * by)
                    if ra >= reach_a or rb >= reach_b:
                        continue
                    _derivatives(ax, ay, ra, gains[v] * a[3], a[4], table, grid, da)
                    _derivatives(bx, by, rb, gains[v] * b[3], b[4], table, grid, db)
                    for p in range(4):
                        for q in range(4):
                            shared[p, q] += da[p] * db[q]
            out[n] += weights[v] * (e.T @ (shared @ e))
    return out


@numba.njit(cache=True, nogil=True, fastmath=False)
def view_heights(residual, params, matrices, shifts, gains, noise, table, grid):
    """Height of each particle in each view alone, and its 1-sigma, all else at rest, (n, V).

    The error is infinite where the view does not show the particle.
    """
    views, count = len(residual), len(params)
    heights, errors = np.zeros((count, views)), np.full((count, views), np.inf)
    sums, slope = np.zeros((4, 4)), np.zeros(4)
    for i in range(count):
        p = params[i]
        for v in range(views):
            m = matrices[v]
            ux = m[0, 0] * p[0] + m[0, 1] * p[1] + m[0, 2] * p[2] + shifts[v, 0]
            uy = m[1, 0] * p[0] + m[1, 1] * p[1] + m[1, 2] * p[2] + shifts[v, 1]
            sums[:] = 0
            slope[:] = 0
            _view_sums(residual[v], ux, uy, gains[v] * p[3], p[4], table, grid, sums, slope)
            if sums[2, 2] > 1.0:
                heights[i, v] = p[3] + slope[2] / sums[2, 2] / gains[v]
                errors[i, v] = noise[v] / np.sqrt(sums[2, 2]) / gains[v]
    return heights, errors
