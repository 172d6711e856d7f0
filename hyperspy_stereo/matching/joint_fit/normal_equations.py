"""Residuals and normal equations of a whole scene in one compiled pass over its pixels.

Every pixel near a line has one row of the Jacobian per line. The rows are never stored: each adds
its products to the block of its pair of lines, which is small and dense.
"""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.matching.joint_fit.foot_points import INSIDE
from hyperspy_stereo.matching.joint_fit.profile import line_profile

__all__ = ["accumulate", "line_sums", "render"]

_ROW = 19
"""Unknowns of a line that a pixel depends on: 4 depth, 4 offset, 4 + 4 contrast, 3 others."""
_SMALLEST = 0.02
"""A line that swallows everything must not be divided by."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def render(out, pixel, view, line, vertex, fraction, distance, width, contrast, asymmetry, gain):
    """Multiply the factors of all lines into an image.

    Parameters
    ----------
    out : (Q,) float64 ndarray
        Transmittance of all pixels of all views, changed in place.
    pixel, view, line, vertex : (k,) int64 ndarray
        Of every pair of pixel and line; ``vertex`` counts through all lines.
    fraction, distance : (k,) float64 ndarray
        As from ``foot_points``.
    width : (L,) ndarray
        px.
    contrast, asymmetry : (N,) ndarray
        At the vertices.
    gain : (V, N) ndarray
        Relative contrast in each view, at the vertices.
    """
    for k in range(pixel.size):
        i, f = vertex[k], fraction[k]
        c = (1 - f) * contrast[i] + f * contrast[i + 1]
        a = (1 - f) * asymmetry[i] + f * asymmetry[i + 1]
        g = (1 - f) * gain[view[k], i] + f * gain[view[k], i + 1]
        out[pixel[k]] *= max(line_profile(distance[k], width[line[k]], c, a, g)[0], _SMALLEST)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def line_sums(
    score, information, by, model, data, weight, pixel, view, line, vertex, fraction, distance,
    width, contrast, asymmetry, gain,
):  # fmt: skip
    """What the residuals say about one property of each line, at each vertex in each view.

    Parameters
    ----------
    score, information : (V, N) ndarray
        Sums of w r dT/dq and of w (dT/dq)^2 with r = data - model, added to.
    by : int
        Which q: 1 for the distance from the line, 5 for its gain (see ``line_profile``).
    model, data, weight : (Q,) ndarray
        Transmittance of the model, of the views, and 1 / variance.
    pixel, ..., gain
        See ``render``.
    """
    for k in range(pixel.size):
        i, f, v, p = vertex[k], fraction[k], view[k], pixel[k]
        c = (1 - f) * contrast[i] + f * contrast[i + 1]
        a = (1 - f) * asymmetry[i] + f * asymmetry[i + 1]
        g = (1 - f) * gain[v, i] + f * gain[v, i + 1]
        value = line_profile(distance[k], width[line[k]], c, a, g)
        slope = model[p] / max(value[0], _SMALLEST) * value[by]
        first, second = weight[p] * slope * (data[p] - model[p]), weight[p] * slope * slope
        score[v, i] += (1 - f) * first
        score[v, i + 1] += f * first
        information[v, i] += (1 - f) * second
        information[v, i + 1] += f * second


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _fill_row(
    row, index, both, factor, k, pixel, view, line, vertex, fraction, distance, kind, columns,
    width, contrast, asymmetry, gain, relief, corners, normal, plane, parallax, across, depth,
    first, contrast_first, weights, contrast_weights, place,
):  # fmt: skip
    """Derivatives of one line's factor at one pixel; `both` by the shift of the view, rotation."""
    v, m, i, f, d = view[k], line[k], vertex[k], fraction[k], distance[k]
    c = (1 - f) * contrast[i] + f * contrast[i + 1]
    a = (1 - f) * asymmetry[i] + f * asymmetry[i + 1]
    g = (1 - f) * gain[v, i] + f * gain[v, i + 1]
    value, by_d, by_s, by_c, by_a, by_g = line_profile(d, width[m], c, a, g)
    factor[0] = max(value, _SMALLEST)
    ax, ay = corners[v, i, 0], corners[v, i, 1]
    ex, ey = corners[v, i + 1, 0] - ax, corners[v, i + 1, 1] - ay
    size = np.sqrt(max(ex * ex + ey * ey, 1e-12))
    ex, ey = ex / size, ey / size
    nx, ny = -ey, ex
    by_f = 0.0
    if kind[k] == INSIDE:
        by_f = by_c * (contrast[i + 1] - contrast[i]) + by_a * (asymmetry[i + 1] - asymmetry[i])
        by_f = (by_f + by_g * (gain[v, i + 1] - gain[v, i])) / size
    elif abs(d) > 1e-6:
        px = pixel[k] % columns[0]
        nx = (px % columns[1] - ax - f * ex * size) / d
        ny = (px // columns[1] - ay - f * ey * size) / d
    # Moving a corner moves the line along its normal, and the foot point along the line.
    slide, turn = by_f * d / size, by_f
    gax = -(1 - f) * by_d * nx - (1 - f) * turn * ex - slide * nx
    gay = -(1 - f) * by_d * ny - (1 - f) * turn * ey - slide * ny
    gbx = -f * by_d * nx - f * turn * ex + slide * nx
    gby = -f * by_d * ny - f * turn * ey + slide * ny
    qx, qy = parallax[v, 0], parallax[v, 1]
    za, zb = gax * qx + gay * qy, gbx * qx + gby * qy
    m0, m1 = normal[i], normal[i + 1]
    p = plane[v]
    ua = gax * (p[0, 0] * m0[0] + p[0, 1] * m0[1]) + gay * (p[1, 0] * m0[0] + p[1, 1] * m0[1])
    ub = gbx * (p[0, 0] * m1[0] + p[0, 1] * m1[1]) + gby * (p[1, 0] * m1[0] + p[1, 1] * m1[1])
    for j in range(4):
        w0, w1 = weights[i, 0, j], weights[i, 1, j]
        row[j], index[j] = za * w0 + zb * w1, place[m, 0] + first[i] + j
        row[4 + j], index[4 + j] = ua * w0 + ub * w1, place[m, 1] + first[i] + j
        w = (1 - f) * contrast_weights[i, 0, j] + f * contrast_weights[i, 1, j]
        row[8 + j], index[8 + j] = by_c * w, place[m, 2] + contrast_first[i] + j
        row[12 + j], index[12 + j] = by_a * w, place[m, 3] + contrast_first[i] + j
    row[16], index[16] = by_s, place[m, 4]
    row[17] = across[v] * (gax * m0[0] + gay * m0[1] + gbx * m1[0] + gby * m1[1])
    index[17] = place[m, 4] + 1
    row[18] = by_g * ((1 - f) * relief[v, i] + f * relief[v, i + 1])
    index[18] = place[m, 4] + 2 + v
    both[0], both[1] = gax + gbx, gay + gby
    # Turning the parallax (qx, qy) moves a corner along (-qy, qx) times its depth.
    both[2] = (gay * qx - gax * qy) * depth[i] + (gby * qx - gbx * qy) * depth[i + 1]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _chains(pixel, head, following):
    """Linked lists of the lines that each pixel sees."""
    for k in range(pixel.size):
        following[k] = head[pixel[k]]
        head[pixel[k]] = k


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def accumulate(
    support, data, weight, owner, cost, gradient, blocks, block_at, border, corner, border_gradient,
    huber, pixel, view, line, vertex, fraction, distance, kind, columns, width, contrast,
    asymmetry, gain, relief, corners, normal, plane, parallax, across, depth, first, contrast_first,
    weights, contrast_weights, place, sizes, starts,
):  # fmt: skip
    """Add J'WJ, J'Wr and the cost of all pixels in question.

    Parameters
    ----------
    support : (m,) int64 ndarray
        Pixels in question, flat through all views.
    data, weight : (Q,) float64 ndarray
        Normalised views and 1 / variance.
    owner : (Q,) int64 ndarray
        Which group of lines the cost of a pixel is booked on.
    cost : (groups,) float64 ndarray
        Half the sum of Huber's function of the residuals, added to.
    gradient : (P,) ndarray
        J'Wr, added to; r = model - data.
    blocks : (B,) ndarray
        J'WJ of pairs of lines one after the other, each row-major, added to.
    block_at : (L, L) int64 ndarray
        Where the block of a pair begins; -1 where two lines do not meet.
    border, corner, border_gradient : (P, 2 V + 1), (2 V + 1, 2 V + 1), (2 V + 1,) ndarray
        The same for what all lines share.
    huber : float
        Residuals in sigma beyond which their influence stays constant.
    pixel, ..., gain
        See ``render``; ``columns`` holds the pixels of a view and its width.
    relief : (V, N) ndarray
        Factor between the unknown gain of a view and its contrast at the vertices.
    corners, normal, plane, parallax, across, depth
        See ``layout.corners_in_views``.
    first, ..., contrast_weights
        See ``curve_basis.CurveBasis``.
    place : (L, 5) int64 ndarray
        First unknown of depth, offset, contrast, asymmetry and width of each line.
    sizes, starts : (L,) int64 ndarray
        Number of unknowns of each line, and the first.
    """
    head = np.full(data.size, -1, np.int64)
    following = np.empty(pixel.size, np.int64)
    _chains(pixel, head, following)
    most = sizes.size
    rows, index = np.empty((most, _ROW)), np.empty((most, _ROW), np.int64)
    both, factor = np.empty((most, 3)), np.empty((most, 1))
    lines = np.empty(most, np.int64)
    for p in support:
        if weight[p] == 0.0:
            continue
        n, total, k = 0, 1.0, head[p]
        while k >= 0:
            _fill_row(
                rows[n], index[n], both[n], factor[n], k, pixel, view, line, vertex, fraction,
                distance, kind, columns, width, contrast, asymmetry, gain, relief, corners, normal,
                plane, parallax, across, depth, first, contrast_first, weights, contrast_weights,
                place,
            )  # fmt: skip
            lines[n] = line[k]
            total *= factor[n, 0]
            n, k = n + 1, following[k]
        inverse = np.sqrt(weight[p])
        r = (total - data[p]) * inverse
        size = abs(r)
        trust = 1.0 if size <= huber else huber / size
        cost[owner[p]] += 0.5 * r * r if size <= huber else huber * (size - 0.5 * huber)
        v = p // columns[0]
        for a in range(n):
            scale = total / factor[a, 0] * inverse
            rows[a] *= scale
            both[a] *= scale
        _add(
            n, lines, rows, index, both, r, trust, v, gradient, blocks, block_at, border, corner,
            border_gradient, sizes, starts,
        )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _add(
    n, lines, rows, index, both, r, trust, v, gradient, blocks, block_at, border, corner,
    border_gradient, sizes, starts,
):  # fmt: skip
    """Add the products of one pixel's rows."""
    last = corner.shape[0] - 1
    sx, sy, turn = 0.0, 0.0, 0.0
    for a in range(n):
        sx, sy, turn = sx + both[a, 0], sy + both[a, 1], turn + both[a, 2]
    shared = (sx, sy, turn)
    at = (2 * v, 2 * v + 1, last)
    for i in range(3):
        border_gradient[at[i]] += trust * r * shared[i]
        for j in range(3):
            corner[at[i], at[j]] += trust * shared[i] * shared[j]
    for a in range(n):
        la = lines[a]
        for i in range(_ROW):
            value, where = trust * rows[a, i], index[a, i]
            gradient[where] += r * value
            for j in range(3):
                border[where, at[j]] += value * shared[j]
        for b in range(n):
            begin = block_at[la, lines[b]]
            if begin < 0:
                continue
            stride, lb = sizes[lines[b]], starts[lines[b]]
            for i in range(_ROW):
                value = trust * rows[a, i]
                line_at = begin + (index[a, i] - starts[la]) * stride - lb
                for j in range(_ROW):
                    blocks[line_at + index[b, j]] += value * rows[b, j]
