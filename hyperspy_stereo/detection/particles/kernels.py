"""Compiled parts of the fit of many particles in many views at once (numba).

Parameters of a particle: x, y, z, height, radius. A view shows it at M (x, y, z) + t. One view
with a z that does not move is the fit of a single image.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = [
    "PARAMETERS",
    "add_one",
    "add_particles",
    "first_blocks",
    "line_of",
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
def line_of(table, grid, radius, line):
    """Fill `line` (q, n) with the first q of f, 2 df/dq and df/dR of one radius; gives the reach.

    As far as the particle reaches, and two entries more.
    """
    at = (radius - grid[0]) / grid[1]
    at = min(max(at, 0.0), table.shape[1] - 1.001)
    k = int(at)
    share = np.float32(at - k)
    reach = radius + grid[3]
    last = min(int(reach * reach / grid[2]) + 3, line.shape[1])
    for q in range(len(line)):
        for j in range(last):
            line[q, j] = (1 - share) * table[q, k, j] + share * table[q, k + 1, j]
    return reach


@numba.njit(cache=True, nogil=True, fastmath=True)
def _place(matrix, shift, p):
    """x, y of a point (x, y, z, ...) in a view."""
    ux = matrix[0, 0] * p[0] + matrix[0, 1] * p[1] + matrix[0, 2] * p[2] + shift[0]
    uy = matrix[1, 0] * p[0] + matrix[1, 1] * p[1] + matrix[1, 2] * p[2] + shift[1]
    return ux, uy


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_one(image, ux, uy, height, reach, line, step):
    rows, columns = image.shape
    y0, y1 = _window(uy, reach, rows)
    f, h, inverse = line[0], np.float32(height), np.float32(1.0 / step)
    for row in range(y0, y1):
        dy = np.float32(row - uy)
        x0, x1 = _window(ux, np.sqrt(max(reach * reach - (row - uy) ** 2, 0.0)), columns)
        if x1 <= x0:
            continue
        part, off, dy2 = image[row, x0:x1], np.float32(x0 - ux), dy * dy
        for c in range(x1 - x0):
            dx = np.float32(np.int32(c)) + off
            at = (dx * dx + dy2) * inverse
            # An index without sign needs no test whether it counts from the end.
            j = np.uint32(at)
            part[c] += h * (f[j] + (at - np.float32(j)) * (f[j + np.uint32(1)] - f[j]))


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_particles(images, params, matrices, shifts, gains, table, grid, factor):
    """Add `factor` times the particles to images (V, H, W), in place."""
    line = np.zeros((1, table.shape[2]), np.float32)
    for i in range(len(params)):
        p = params[i]
        reach = line_of(table, grid, p[4], line)
        for v in range(len(images)):
            ux, uy = _place(matrices[v], shifts[v], p)
            add_one(images[v], ux, uy, factor * gains[v] * p[3], reach, line, grid[2])


@numba.njit(cache=True, nogil=True, fastmath=True)
def _view_sums(image, ux, uy, height, reach, line, step, sums, slope):
    """Products of the derivatives by (ux, uy, height, radius), and with the residual."""
    rows, columns = image.shape
    y0, y1 = _window(uy, reach, rows)
    left, right = _window(ux, reach, columns)
    f, fq, fr, inverse = line[0], line[1], line[2], np.float32(1.0 / step)
    # Single numbers stay in registers, which elements of an array do not. The height is left out
    # until the end.
    zero = np.float32(0.0)
    xx = xy = xf = xs = yy = yf = ys = ff = fs = ss = zero
    tx = ty = tf = ts = zero
    if right > left:
        # All rows are fetched from memory at once; one after the other each would be waited for.
        touched = zero
        for row in range(y0, y1):
            touched += image[row, left] + image[row, right - 1]
        if touched == np.float32(np.inf):
            y1 = y0
    for row in range(y0, y1):
        dy = np.float32(row - uy)
        x0, x1 = _window(ux, np.sqrt(max(reach * reach - (row - uy) ** 2, 0.0)), columns)
        if x1 <= x0:
            continue
        part, off, dy2 = image[row, x0:x1], np.float32(x0 - ux), dy * dy
        for c in range(x1 - x0):
            dx = np.float32(np.int32(c)) + off
            at = (dx * dx + dy2) * inverse
            j = np.uint32(at)
            w, k = at - np.float32(j), j + np.uint32(1)
            g = f[j] + w * (f[k] - f[j])
            along = fq[j] + w * (fq[k] - fq[j])
            by_size = fr[j] + w * (fr[k] - fr[j])
            by_x, by_y, value = along * dx, along * dy, part[c]
            xx += by_x * by_x
            xy += by_x * by_y
            xf += by_x * g
            xs += by_x * by_size
            yy += by_y * by_y
            yf += by_y * g
            ys += by_y * by_size
            ff += g * g
            fs += g * by_size
            ss += by_size * by_size
            tx += by_x * value
            ty += by_y * value
            tf += g * value
            ts += by_size * value
    # The middle moves against the distance to it.
    h, h2 = height, height * height
    sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3] = h2 * xx, h2 * xy, -h * xf, -h2 * xs
    sums[1, 0], sums[1, 1], sums[1, 2], sums[1, 3] = h2 * xy, h2 * yy, -h * yf, -h2 * ys
    sums[2, 0], sums[2, 1], sums[2, 2], sums[2, 3] = -h * xf, -h * yf, ff, h * fs
    sums[3, 0], sums[3, 1], sums[3, 2], sums[3, 3] = -h2 * xs, -h2 * ys, h * fs, h2 * ss
    slope[0], slope[1], slope[2], slope[3] = -h * tx, -h * ty, tf, h * ts


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
    reach = line_of(table, grid, p[4], line)
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
def _factor(matrix):
    """Cholesky factor of a small positive definite matrix, in its lower half."""
    for j in range(len(matrix)):
        for k in range(j):
            matrix[j, j] -= matrix[j, k] ** 2
        matrix[j, j] = np.sqrt(max(matrix[j, j], 1e-30))
        for i in range(j + 1, len(matrix)):
            for k in range(j):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            matrix[i, j] /= matrix[j, j]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _substitute(factor, right):
    """Solve a system with the factor of its matrix; the answer is in `right`."""
    n = len(right)
    for j in range(n):
        for k in range(j):
            right[j] -= factor[j, k] * right[k]
        right[j] /= factor[j, j]
    for j in range(n - 1, -1, -1):
        for k in range(j + 1, n):
            right[j] -= factor[k, j] * right[k]
        right[j] /= factor[j, j]


@numba.njit(cache=True, nogil=True, fastmath=True)
def sweep(
    residual, params, matrices, shifts, gains, weights, table, grid, prior, limits, which, moved
):
    """One Gauss-Newton step of some particles in turn; the residual follows.

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
    which
        (m,) int64: the particles, those that are near each other one after the other.
    moved
        (n,) for the largest step of a parameter in its 1-sigma with the others at rest.
    """
    normal, step, new = np.zeros((5, 5)), np.zeros(5), np.zeros((1, 5))
    for i in which:
        p = params[i]
        normal[:] = 0
        step[:] = 0
        _normal(residual, p, matrices, shifts, gains, weights, table, grid, normal, step)
        for a in range(5):
            step[a] -= prior[1, a] * (p[a] - prior[0, a])
            normal[a, a] = (normal[a, a] + prior[1, a]) * 1.001 + 1e-12
            new[0, a] = normal[a, a]
        _factor(normal)
        _substitute(normal, step)
        largest, moved[i] = 1.0, 0.0
        for a in range(5):
            largest = max(largest, abs(step[a]) / limits[a])
            moved[i] = max(moved[i], abs(step[a]) * np.sqrt(new[0, a]))
        for a in range(5):
            new[0, a] = p[a] + step[a] / largest
        new[0, 3] = max(new[0, 3], 0.0)
        new[0, 4] = min(max(new[0, 4], grid[0]), grid[4])
        add_particles(residual, params[i : i + 1], matrices, shifts, gains, table, grid, 1.0)
        params[i] = new[0]
        add_particles(residual, params[i : i + 1], matrices, shifts, gains, table, grid, -1.0)


@numba.njit(cache=True, nogil=True, fastmath=True)
def normal_matrices(residual, params, matrices, shifts, gains, weights, table, grid):
    """(n, 5, 5) information of each particle about itself, without a prior."""
    out = np.zeros((len(params), 5, 5))
    slope = np.zeros(5)
    for i in range(len(params)):
        _normal(residual, params[i], matrices, shifts, gains, weights, table, grid, out[i], slope)
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _derivatives(dx, dy, square, height, line, step, d):
    at = square / step
    j = int(at)
    w = at - j
    along = -height * ((1 - w) * line[1, j] + w * line[1, j + 1])
    d[0], d[1] = along * dx, along * dy
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
        reach_a, reach_b = line_of(table, grid, a[4], first), line_of(table, grid, b[4], second)
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
                    ra = (column - ax) ** 2 + (row - ay) ** 2
                    rb = (column - bx) ** 2 + (row - by) ** 2
                    if ra >= reach_a**2 or rb >= reach_b**2:
                        continue
                    _derivatives(column - ax, row - ay, ra, gains[v] * a[3], first, grid[2], da)
                    _derivatives(column - bx, row - by, rb, gains[v] * b[3], second, grid[2], db)
                    for p in range(4):
                        for q in range(4):
                            shared[p, q] += da[p] * db[q]
            out[n] += weights[v] * (e.T @ (shared @ e))
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def first_blocks(own, shared, key, start, others, most):
    """(n, 5, 5) covariance of each particle among its neighbours, `most` at the most.

    Parameters
    ----------
    own
        (n, 5, 5) information of each about itself.
    shared, key
        (m, 5, 5) that pairs share, and i n + j of each pair, growing; i < j.
    start, others
        Whose neighbours are which: rows of a sparse matrix.
    """
    n = len(own)
    out = np.zeros((n, 5, 5))
    whole = np.zeros((5 * most + 5, 5 * most + 5))
    group, column, scale = np.zeros(most + 1, np.int64), np.zeros(len(whole)), np.zeros(len(whole))
    for i in range(n):
        size = min(start[i + 1] - start[i], most) + 1
        group[0] = i
        for p in range(1, size):
            group[p] = others[start[i] + p - 1]
        used = 5 * size
        part = whole[:used, :used]
        part[:] = 0
        for p in range(size):
            part[5 * p : 5 * p + 5, 5 * p : 5 * p + 5] = own[group[p]]
            for q in range(p):
                a, b = group[p], group[q]
                wanted = min(a, b) * n + max(a, b)
                at = np.searchsorted(key, wanted)
                if at < len(key) and key[at] == wanted:
                    for c in range(5):
                        for d in range(5):
                            value = shared[at, c, d] if a < b else shared[at, d, c]
                            part[5 * p + c, 5 * q + d] = value
        for c in range(used):
            scale[c] = 1 / np.sqrt(part[c, c])
        for c in range(used):
            for d in range(c + 1):
                part[c, d] *= scale[c] * scale[d]
            part[c, c] += 1e-9
        _factor(part)
        for d in range(5):
            column[:used] = 0
            column[d] = 1
            _substitute(part, column[:used])
            for c in range(5):
                out[i, c, d] = column[c] * scale[c] * scale[d]
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
        reach = line_of(table, grid, p[4], line)
        for v in range(views):
            ux, uy = _place(matrices[v], shifts[v], p)
            _view_sums(residual[v], ux, uy, gains[v] * p[3], reach, line, grid[2], sums, slope)
            if sums[2, 2] > 1.0:
                heights[i, v] = p[3] + slope[2] / sums[2, 2] / gains[v]
                errors[i, v] = noise[v] / np.sqrt(sums[2, 2]) / gains[v]
    return heights, errors
