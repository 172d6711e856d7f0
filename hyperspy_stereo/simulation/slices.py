"""Two-beam propagation of rows of columns through slices, many incidences at a time."""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.simulation.tangent_field import FAST, LANES, N_NODE, add_tangent_field

ROWS = 8  # rows that one worker takes in turn
# Ratios of neighbouring terms of the series of cos sqrt(x) and sin sqrt(x) / sqrt(x), last first.
SERIES = tuple(
    (np.float32(-1.0 / (2 * n * (2 * n - 1))), np.float32(-1.0 / (2 * n * (2 * n + 1))))
    for n in range(10, 0, -1)
)


@numba.njit(**FAST)
def add_smooth_field(field, x, y, theta, focus, dz, planes, phase):
    """Add the smooth part of the strain to the phase of a row; see `tangent_field` for arguments.

    Parameters
    ----------
    planes : (nz_grid, nx) float32
        Working memory.
    """
    nz, ny, _, n_grid = field.gradient.shape
    h = field.spacing
    row = np.empty(n_grid, np.float32)
    for k in range(nz):
        depth = field.origin[2] + k * h - focus
        v = min(max((y + theta[1] * depth - field.origin[1]) / h, 1.0), ny - 2.001)
        j = int(v)
        _contract(field.gradient[k, j - 1 : j + 3], np.float32(v - j), theta, row)
        _spread(
            row, x, np.float32(theta[0] * depth - field.origin[0]), np.float32(1 / h), planes[k]
        )
    base, per = np.float32(field.origin[2] / h), np.float32(1.0 / h)
    low, high = dz.min(), dz.max()
    for k in range(len(phase)):
        middle = np.float32(k + 0.5) * per
        begin = 0
        while begin < len(x):
            a = int(middle * dz[begin] - base)
            end = len(x)
            if int(middle * low - base) != int(middle * high - base):
                end = begin + 1
                while end < len(x) and int(middle * dz[end] - base) == a:
                    end += 1
            _mix(
                planes[a - 1, begin:end],
                planes[a, begin:end],
                planes[a + 1, begin:end],
                planes[a + 2, begin:end],
                dz[begin:end],
                middle,
                base + np.float32(a),
                phase[k, begin:end],
            )
            begin = end


@numba.njit(**FAST)
def _contract(nodes, f, theta, row):
    """Strain along the rays from the gradients of four rows of the grid."""
    weights = _cubic(f)
    tx, ty = np.float32(theta[0]), np.float32(theta[1])
    row[:] = 0
    for tap in range(4):
        w = weights[tap]
        gx, gy, gz = nodes[tap, 0], nodes[tap, 1], nodes[tap, 2]
        for i in range(len(row)):
            row[i] += w * (tx * gx[i] + ty * gy[i] + gz[i])


@numba.njit(**FAST)
def _spread(row, x, offset, per, out):
    """A row of the grid carried over to the columns."""
    limit = np.float32(len(row) - 2.001)
    for i in range(len(x)):
        u = min(max((np.float32(x[i]) + offset) * per, np.float32(1.0)), limit)
        a = np.uint32(u)
        w0, w1, w2, w3 = _cubic(u - np.float32(a))
        out[i] = w0 * row[a - 1] + w1 * row[a] + w2 * row[a + 1] + w3 * row[a + 2]


@numba.njit(**FAST)
def _mix(p0, p1, p2, p3, dz, middle, base, out):
    """Add four planes of the grid, weighted for the depths of a slice's middle."""
    for i in range(len(out)):
        w0, w1, w2, w3 = _cubic(middle * dz[i] - base)
        out[i] += dz[i] * (w0 * p0[i] + w1 * p1[i] + w2 * p2[i] + w3 * p3[i])


@numba.njit(inline="always", **FAST)
def _cubic(f):
    """Weights of the cubic through four nodes, at a fraction f between the middle two."""
    one, two = np.float32(1.0), np.float32(2.0)
    sixth, half = np.float32(1.0 / 6.0), np.float32(0.5)
    a, b, c = f + one, f - one, f - two
    return -f * b * c * sixth, a * b * c * half, -a * f * c * half, a * f * b * sixth


@numba.njit(**FAST)
def add_faults(corners, turns, x, y, theta, focus, dz, phase):
    """Add the phase of faulted triangles to the slices in which the rays of a row cross them.

    Parameters
    ----------
    corners : (n, 3, 3) float64
        Corners of the triangles in nm.
    turns : (n,) float64
        g.displacement of a ray that crosses along (c - a) x (b - a).
    """
    last = len(phase) - 1
    u, v = np.empty(3), np.empty(3)
    for t in range(len(corners)):
        for c in range(3):
            depth = corners[t, c, 2] - focus
            u[c] = corners[t, c, 0] - theta[0] * depth
            v[c] = corners[t, c, 1] - theta[1] * depth
        if y < min(v[0], v[1], v[2]) or y > max(v[0], v[1], v[2]):
            continue
        area = (u[2] - u[0]) * (v[1] - v[0]) - (v[2] - v[0]) * (u[1] - u[0])
        if area == 0:
            continue
        low, high = np.inf, -np.inf
        for c in range(3):
            a, b = c, (c + 1) % 3
            # Each edge from its upper end, whichever triangle asks: neighbours then agree to the
            # last bit on who owns a pixel on their common edge.
            if v[a] > v[b] or (v[a] == v[b] and u[a] > u[b]):
                a, b = b, a
            if v[a] <= y < v[b]:
                cut = u[a] + (u[b] - u[a]) * ((y - v[a]) / (v[b] - v[a]))
                low, high = min(low, cut), max(high, cut)
        sign = np.float32(turns[t]) if area > 0 else -np.float32(turns[t])
        z0 = corners[t, 0, 2]
        z1, z2 = corners[t, 1, 2] - z0, corners[t, 2, 2] - z0
        for i in range(np.searchsorted(x, low), np.searchsorted(x, high)):
            p, q = x[i] - u[0], y - v[0]
            f1 = ((u[2] - u[0]) * q - (v[2] - v[0]) * p) / area
            f2 = (p * (v[1] - v[0]) - q * (u[1] - u[0])) / area
            depth = z0 + f1 * z1 + f2 * z2
            k = int(np.floor(depth / dz[i]))
            if 0 <= k <= last:
                phase[k, i] += sign


@numba.njit(**FAST)
def _set_regions(points, normals, x, y, theta, focus, dz, regions):
    """Number of boundary planes passed at the middle of each slice of a row."""
    regions[:] = 0
    for b in range(len(points)):
        slope = theta[0] * normals[b, 0] + theta[1] * normals[b, 1] + normals[b, 2]
        for i in range(len(x)):
            base = (x[i] - theta[0] * focus - points[b, 0]) * normals[b, 0]
            base += (y - theta[1] * focus - points[b, 1]) * normals[b, 1]
            base -= points[b, 2] * normals[b, 2]
            for k in range(len(regions)):
                if base + slope * (k + 0.5) * dz[i] > 0:
                    regions[k, i] += 1


@numba.njit(**FAST)
def _rotations(phase, sine):
    """Cosine (in place) and sine of a phase in turns, as vector code."""
    for k in range(len(phase)):
        row, out = phase[k], sine[k]
        for i in range(len(row)):
            t = row[i] - np.floor(row[i] + np.float32(0.5))
            q = t * t
            s = np.float32(-12.371288) * q + np.float32(41.269208)
            s = s * q + np.float32(-76.594774)
            s = s * q + np.float32(81.597644)
            s = s * q + np.float32(-41.341480)
            s = s * q + np.float32(6.283183)
            c = np.float32(6.588696) * q + np.float32(-26.010810)
            c = c * q + np.float32(60.179327)
            c = c * q + np.float32(-85.451611)
            c = c * q + np.float32(64.939203)
            c = c * q + np.float32(-19.739206)
            out[i] = s * t
            row[i] = c * q + np.float32(1.0)


@numba.njit(**FAST)
def _set_matrices(s, q_real, q_imaginary, height, half, full):
    """Matrices (a, q; q, b) of half and of whole slices: a, b and q, real and imaginary.

    Parameters
    ----------
    s, height : (nx,) float32
        Excitation error (1/nm) and path through a slice (nm) of each column.
    half, full : (6, nx) float32
        Results, without the factor of normal absorption.

    Notes
    -----
    cos(pi sigma h) and sin(pi sigma h) / sigma are series in (pi sigma h)**2, so that no complex
    root is needed and sigma = 0 is not special. Ten terms hold to 1e-7 up to |sigma| h = 1.3 of
    half a slice.
    """
    square_r = q_real * q_real - q_imaginary * q_imaginary
    square_i = np.float32(2.0) * q_real * q_imaginary
    half_pi = np.float32(0.5 * np.pi)
    one = np.float32(1.0)
    for i in range(len(s)):
        e = s[i]
        p = half_pi * height[i]
        xr = p * p * (e * e + square_r)
        xi = p * p * square_i
        cr, ci = one, np.float32(0.0)
        sr, si = one, np.float32(0.0)
        for f_cosine, f_sine in SERIES:
            cr, ci = one + f_cosine * (cr * xr - ci * xi), f_cosine * (cr * xi + ci * xr)
            sr, si = one + f_sine * (sr * xr - si * xi), f_sine * (sr * xi + si * xr)
        kr, ki = -p * si, p * sr
        ar, ai, br, bi = cr - kr * e, ci - ki * e, cr + kr * e, ci + ki * e
        qr, qi = kr * q_real - ki * q_imaginary, kr * q_imaginary + ki * q_real
        half[0, i], half[1, i], half[2, i], half[3, i] = ar, ai, br, bi
        half[4, i], half[5, i] = qr, qi
        qqr, qqi = qr * qr - qi * qi, (qr + qr) * qi
        full[0, i], full[1, i] = ar * ar - ai * ai + qqr, (ar + ar) * ai + qqi
        full[2, i], full[3, i] = br * br - bi * bi + qqr, (br + br) * bi + qqi
        tr, ti = ar + br, ai + bi
        full[4, i], full[5, i] = qr * tr - qi * ti, qr * ti + qi * tr


@numba.njit(**FAST)
def _advance(ur, ui, vr, vi, ar, ai, br, bi, qr, qi):
    """(u, v) <- (a u + q v, q u + b v), real and imaginary parts apart."""
    for i in range(len(ur)):
        a, b, c, d = ur[i], ui[i], vr[i], vi[i]
        ur[i] = ar[i] * a - ai[i] * b + qr[i] * c - qi[i] * d
        ui[i] = ar[i] * b + ai[i] * a + qr[i] * d + qi[i] * c
        vr[i] = qr[i] * a - qi[i] * b + br[i] * c - bi[i] * d
        vi[i] = qr[i] * b + qi[i] * a + br[i] * d + bi[i] * c


@numba.njit(**FAST)
def _rotate_advance(ur, ui, vr, vi, ar, ai, br, bi, qr, qi, cosine, sine):
    """Turn v by a slice's phase, then `_advance`."""
    for i in range(len(ur)):
        a, b = ur[i], ui[i]
        c = vr[i] * cosine[i] - vi[i] * sine[i]
        d = vr[i] * sine[i] + vi[i] * cosine[i]
        ur[i] = ar[i] * a - ai[i] * b + qr[i] * c - qi[i] * d
        ui[i] = ar[i] * b + ai[i] * a + qr[i] * d + qi[i] * c
        vr[i] = qr[i] * a - qi[i] * b + br[i] * c - bi[i] * d
        vi[i] = qr[i] * b + qi[i] * a + br[i] * d + bi[i] * c


@numba.njit(**FAST)
def _step(state, matrix, begin, end):
    _advance(
        state[0, begin:end],
        state[1, begin:end],
        state[2, begin:end],
        state[3, begin:end],
        matrix[0, begin:end],
        matrix[1, begin:end],
        matrix[2, begin:end],
        matrix[3, begin:end],
        matrix[4, begin:end],
        matrix[5, begin:end],
    )


@numba.njit(**FAST)
def _rotate_step(state, matrix, cosine, sine, begin, end):
    c, s = cosine[begin:end], sine[begin:end]
    _rotate_advance(
        state[0, begin:end],
        state[1, begin:end],
        state[2, begin:end],
        state[3, begin:end],
        matrix[0, begin:end],
        matrix[1, begin:end],
        matrix[2, begin:end],
        matrix[3, begin:end],
        matrix[4, begin:end],
        matrix[5, begin:end],
        c,
        s,
    )


@numba.njit(**FAST)
def _propagate(cosine, sine, regions, full, half, state):
    """Send (1, 0) through all slices of a row: half slices outside, whole ones between phases."""
    n_slices, nx = len(cosine), state.shape[1]
    last = n_slices - 1
    several = len(full) > 1
    state[0] = 1
    state[1:] = 0
    for k in range(-1, n_slices):
        begin = 0
        while begin < nx:
            end = nx
            here = after = 0
            if several:
                row, below = regions[max(k, 0)], regions[min(k + 1, last)]
                here, after = row[begin], below[begin]
                end = begin + 1
                while end < nx and row[end] == here and below[end] == after:
                    end += 1
            if k < 0:
                _step(state, half[after], begin, end)
            elif k == last:
                _rotate_step(state, half[here], cosine[k], sine[k], begin, end)
            elif here == after:
                _rotate_step(state, full[here], cosine[k], sine[k], begin, end)
            else:
                _rotate_step(state, half[here], cosine[k], sine[k], begin, end)
                _step(state, half[after], begin, end)
            begin = end


@numba.njit(parallel=True, **FAST)
def group_images(view, foil, lines, field, faults, boundaries, members, beam, bf, df):
    """Images of incidences that share the strain along their rays.

    Parameters
    ----------
    view : tuple
        x (nx,), y (ny,) in nm, whether x rises evenly, (theta_x, theta_y) in rad of the shared
        rays, focus depth in nm.
    foil : tuple
        Height of a slice (ny, nx) in nm and excitation error beyond the beam's (ny, nx) in 1/nm,
        float32; number of slices.
    lines, field : SampledLines, SmoothField
        Dislocations.
    faults : tuple
        Corners (n, 3, 3) of triangles in nm, phase in turns.
    boundaries : tuple
        Points and normals (n, 3) of planes, excitation error of each grain (n + 1,) in 1/nm.
    members : tuple
        For each incidence of the group its excitation error in 1/nm and its length of path per
        depth, float32 (m,).
    beam : tuple
        1 / xi_g, 1 / xi_g', 1 / xi_0' in 1/nm, float32.
    bf, df : (m, ny, nx) float32
        Results: share of the incident electrons.
    """
    x, y, even, theta, focus = view
    dz, deviation, n_slices = foil
    nx, ny = len(x), len(y)
    n_regions = len(boundaries[2])
    for chunk in numba.prange((ny + ROWS - 1) // ROWS):
        r0 = chunk * ROWS
        r1 = min(r0 + ROWS, ny)
        wide = (nx // LANES + 2) * LANES
        phase = np.zeros((r1 - r0, n_slices, wide), np.float32)
        if len(lines.turns) > 0:
            planes = np.empty((len(field.gradient), nx), np.float32)
            for row in range(r0, r1):
                add_smooth_field(field, x, y[row], theta, focus, dz[row], planes, phase[row - r0])
            work = (
                np.empty((nx + 2 * LANES, N_NODE), np.float32),
                np.empty((nx + 2 * LANES, N_NODE), np.float32),
                np.empty((nx + 2 * LANES, N_NODE), np.float32),
            )
            add_tangent_field(
                lines, x, y[r0:r1], even, theta, focus, dz[r0:r1], field.square, work, phase
            )
        sine = np.empty((n_slices, wide), np.float32)
        regions = np.zeros((n_slices if n_regions > 1 else 1, nx), np.int8)
        for row in range(r0, r1):
            cosine = phase[row - r0]
            add_faults(faults[0], faults[1], x, y[row], theta, focus, dz[row], cosine)
            if n_regions > 1:
                _set_regions(
                    boundaries[0], boundaries[1], x, y[row], theta, focus, dz[row], regions
                )
            _rotations(cosine, sine)
            for m in range(len(members[0])):
                _send(
                    cosine, sine, regions, dz[row], deviation[row], members[0][m], members[1][m],
                    boundaries[2], beam, bf[m, row], df[m, row],
                )  # fmt: skip


@numba.njit(**FAST)
def _send(cosine, sine, regions, dz, deviation, s, path, grains, beam, bf, df):
    """One row of pixels of one incidence."""
    nx = len(dz)
    full = np.empty((len(grains), 6, nx), np.float32)
    half = np.empty((len(grains), 6, nx), np.float32)
    state = np.empty((4, nx), np.float32)
    for r in range(len(grains)):
        _set_matrices(
            deviation + np.float32(s + grains[r]), beam[0], beam[1], dz * path, half[r], full[r]
        )
    _propagate(cosine, sine, regions, full, half, state)
    rate = np.float32(-2 * np.pi) * beam[2] * path * np.float32(len(cosine))
    for i in range(nx):
        fade = np.exp(rate * dz[i])
        bf[i] = (state[0, i] ** 2 + state[1, i] ** 2) * fade
        df[i] = (state[2, i] ** 2 + state[3, i] ** 2) * fade
