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


@numba.njit(cache=True, nogil=True, fastmath=True)
def _line(table, grid, radius, line):
    """Fill `line` (q, n) with the first q of f, df/dr and df/dR of one radius; gives the reach."""
    at = (radius - grid[0]) / grid[1]
    at = min(max(at, 0.0), table.shape[1] - 1.001)
    k = int(at)
    share = np.float32(at - k)
    for q in range(len(line)):
        for j in range(line.shape[1]):
            line[q, j] = (1 - share) * table[q, k, j] + share * table[q, k + 1, j]
    return radius + grid[3]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _place(matrix, shift, p):
    """x, y of a point (x, y, z, ...) in a view."""
    ux = matrix[0, 0] * p[0] + matrix[0, 1] * p[1] + matrix[0, 2] * p[2] + shift[0]
    uy = matrix[1, 0] * p[0] + matrix[1, 1] * p[1] + matrix[1, 2] * p[2] + shift[1]
    return ux, uy


@numba.njit(cache=True, nogil=True, fastmath=True)
def _add(image, ux, uy, height, reach, line, step):
    rows, columns = image.shape
    y0, y1 = _window(uy, reach, rows)
    x0, x1 = _window(ux, reach, columns)
    for row in range(y0, y1):
        dy = row - uy
        for column in range(x0, x1):
            dx = column - ux
            r = np.sqrt(dx * dx + dy * dy)
            if r < reach:
                at = r / step
                j = int(at)
                w = at - j
                image[row, column] += height * ((1 - w) * line[0, j] + w * line[0, j + 1])


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_particles(images, params, matrices, shifts, gains, table, grid, factor):
    """Add `factor` times the particles to images (V, H, W), in place."""
    line = np.zeros((1, table.shape[2]), np.float32)
    for i in range(len(params)):
        p = params[i]
        reach = _line(table, grid, p[4], line)
        for v in range(len(images)):
            ux, uy = _place(matrices[v], shifts[v], p)
            _add(images[v], ux, uy, factor * gains[v] * p[3], reach, line, grid[2])


@numba.njit(cache=True, nogil=True, fastmath=True)
def _view_sums(image, ux, uy, height, reach, line, step, sums, slope):
    """Products of the derivatives by (ux, uy, height, radius), and with the residual."""
    rows, columns = image.shape
    y0, y1 = _window(uy, reach, rows)
    x0, x1 = _window(ux, reach, columns)
    # Single numbers stay in registers, which elements of an array do not.
    xx = xy = xf = xs = yy = yf = ys = ff = fs = ss = 0.0
    tx = ty = tf = ts = 0.0
    for row in range(y0, y1):
        dy = row - uy
        for column in range(x0, x1):
            dx = column - ux
            r = np.sqrt(dx * dx + dy * dy)
            if r >= reach:
                continue
            at = r / step
            j = int(at)
            w = at - j
            f = (1 - w) * line[0, j] + w * line[0, j + 1]
            along = (1 - w) * line[1, j] + w * line[1, j + 1]
            by_size = height * ((1 - w) * line[2, j] + w * line[2, j + 1])
            inverse = -height * along / max(r, 1e-6)
            by_x, by_y = inverse * dx, inverse * dy
            value = image[row, column]
            xx += by_x * by_x
            xy += by_x * by_y
            xf += by_x * f
            xs += by_x * by_size
            yy += by_y * by_y
            yf += by_y * f
            ys += by_y * by_size
            ff += f * f
            fs += f * by_size
            ss += by_size * by_size
            tx += by_x * value
            ty += by_y * value
            tf += f * value
            ts += by_size * value
    sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3] = xx, xy, xf, xs
    sums[1, 0], sums[1, 1], sums[1, 2], sums[1, 3] = xy, yy, yf, ys
    sums[2, 0], sums[2, 1], sums[2, 2], sums[2, 3] = xf, yf, ff, fs
    sums[3, 0], sums[3, 1], sums[3, 2], sums[3, 3] = xs, ys, fs, ss
    slope[0], slope[1], slope[2], slope[3] = tx, ty, tf, ts


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
    line = np.zeros((3, table.shape[2]), np.float32)
    reach = _line(table, grid, p[4], line)
    for v in range(len(residual)):
        m, w, gain = matrices[v], weights[v], gains[v]
        ux, uy = _place(m, shifts[v], p)
        _view_sums(residual[v], ux, uy, gain * p[3], reach, line, grid[2], sums, part)
        for c in range(3):
            for d in range(3):
                for a in range(2):
                    for b in range(2):
                        normal[c, d] += w * m[a, c] * sums[a, b] * m[b, d]
            by_height = w * gain * (m[0, c] * sums[0, 2] + m[1, c] * sums[1, 2])
            by_radius = w * (m[0, c] * sums[0, 3] + m[1, c] * sums[1, 3])
            normal[c, 3] += by_height
            normal[3, c] += by_height
            normal[c, 4] += by_radius
            normal[4, c] += by_radius
            slope[c] += w * (m[0, c] * part[0] + m[1, c] * part[1])
        normal[3, 3] += w * gain * gain * sums[2, 2]
        normal[3, 4] += w * gain * sums[2, 3]
        normal[4, 3] += w * gain * sums[2, 3]
        normal[4, 4] += w * sums[3, 3]
        slope[3] += w * gain * part[2]
        slope[4] += w * part[3]


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
    (n,) largest step of a parameter in its 1-sigma with the others at rest; 0 where none was made.
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
def _derivatives(dx, dy, r, height, line, step, d):
    at = r / step
    j = int(at)
    w = at - j
    along = (1 - w) * line[1, j] + w * line[1, j + 1]
    inverse = -height * along / max(r, 1e-6)
    d[0], d[1] = inverse * dx, inverse * dy
    d[2] = (1 - w) * line[0, j] + w * line[0, j + 1]
    d[3] = height * ((1 - w) * line[2, j] + w * line[2, j + 1])


@numba.njit(cache=True, nogil=True, fastmath=True)
def pair_matrices(pairs, params, matrices, shifts, gains, weights, table, grid, rows, columns):
    """(m, 5, 5) information that pairs of overlapping particles share."""
    out = np.zeros((len(pairs), 5, 5))
    da, db = np.zeros(4), np.zeros(4)
    first = np.zeros((3, table.shape[2]), np.float32)
    second = np.zeros((3, table.shape[2]), np.float32)
    for n in range(len(pairs)):
        a, b = params[pairs[n, 0]], params[pairs[n, 1]]
        reach_a, reach_b = _line(table, grid, a[4], first), _line(table, grid, b[4], second)
        for v in range(len(matrices)):
            ax, ay = _place(matrices[v], shifts[v], a)
            bx, by = _place(matrices[v], shifts[v], b)
            ya, yb = _window(ay, reach_a, rows)
            yc, yd = _window(by, reach_b, rows)
            xa, xb = _window(ax, reach_a, columns)
            xc, xd = _window(bx, reach_b, columns)
            e = _expand(matrices[v], gains[v])
            shared = np.zeros((4, 4))
            for row in range(max(ya, yc), min(yb, yd)):
                for column in range(max(xa, xc), min(xb, xd)):
                    ra = np.sqrt((column - ax) ** 2 + (row - ay) ** 2)
                    rb = np.sqrt((column - bx) ** 2 + (row - by) ** 2)
                    if ra >= reach_a or rb >= reach_b:
                        continue
                    _derivatives(column - ax, row - ay, ra, gains[v] * a[3], first, grid[2], da)
                    _derivatives(column - bx, row - by, rb, gains[v] * b[3], second, grid[2], db)
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
    line = np.zeros((3, table.shape[2]), np.float32)
    for i in range(count):
        p = params[i]
        reach = _line(table, grid, p[4], line)
        for v in range(views):
            ux, uy = _place(matrices[v], shifts[v], p)
            _view_sums(residual[v], ux, uy, gains[v] * p[3], reach, line, grid[2], sums, slope)
            if sums[2, 2] > 1.0:
                heights[i, v] = p[3] + slope[2] / sums[2, 2] / gains[v]
                errors[i, v] = noise[v] / np.sqrt(sums[2, 2]) / gains[v]
    return heights, errors
