"""Two-beam propagation of rows of columns through slices, many incidences at a time."""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.simulation.contrast.faults import crossings, faulted_columns
from hyperspy_stereo.simulation.contrast.line_tiles import LANES, N_NODE
from hyperspy_stereo.simulation.contrast.ray_phases import (
    add_fine_fields,
    add_smooth_field,
    rotations,
    set_regions,
)
from hyperspy_stereo.simulation.contrast.tangent_field import add_tangent_field
from hyperspy_stereo.simulation.contrast.vector_math import FAST

ROWS = 8  # rows that one worker takes in turn
WIDE = 64  # columns that go through the slices together: four vector registers
# Ratios of neighbouring terms of the series of cos sqrt(x) and sin sqrt(x) / sqrt(x), last first.
SERIES = tuple(
    (np.float32(-1.0 / (2 * n * (2 * n - 1))), np.float32(-1.0 / (2 * n * (2 * n + 1))))
    for n in range(10, 0, -1)
)


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
def _propagate_even(cosine, sine, full, half, state):
    """As `_propagate` in one grain, `WIDE` columns at a time through all slices."""
    n_slices, nx = len(cosine), state.shape[1]
    work = np.zeros(10 * WIDE, np.float32)
    for begin in range(0, nx, WIDE):
        n = min(WIDE, nx - begin)
        for i in range(n):
            c = begin + i
            work[i], work[1 * WIDE + i], work[2 * WIDE + i], work[3 * WIDE + i] = (
                half[0, c],
                half[1, c],
                half[4, c],
                half[5, c],
            )
        for q in range(6):
            for i in range(n):
                work[(4 + q) * WIDE + i] = full[q, begin + i]
        for k in range(n_slices):
            if k == n_slices - 1:
                for q in range(6):
                    for i in range(n):
                        work[(4 + q) * WIDE + i] = half[q, begin + i]
            _rotate_tile(work, cosine[k, begin : begin + WIDE], sine[k, begin : begin + WIDE])
        for q in range(4):
            for i in range(n):
                state[q, begin + i] = work[q * WIDE + i]


@numba.njit(**FAST)
def _rotate_tile(work, cosine, sine):
    for i in range(WIDE):
        a, b = work[i], work[1 * WIDE + i]
        c = work[2 * WIDE + i] * cosine[i] - work[3 * WIDE + i] * sine[i]
        d = work[2 * WIDE + i] * sine[i] + work[3 * WIDE + i] * cosine[i]
        ar, ai, br, bi = (
            work[4 * WIDE + i],
            work[5 * WIDE + i],
            work[6 * WIDE + i],
            work[7 * WIDE + i],
        )
        qr, qi = work[8 * WIDE + i], work[9 * WIDE + i]
        work[i] = ar * a - ai * b + qr * c - qi * d
        work[1 * WIDE + i] = ar * b + ai * a + qr * d + qi * c
        work[2 * WIDE + i] = qr * a - qi * b + br * c - bi * d
        work[3 * WIDE + i] = qr * b + qi * a + br * d + bi * c


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
def group_images(view, foil, lines, field, fine, faults, boundaries, members, beam, bf, df):
    """Images of incidences that share the strain along their rays.

    Parameters
    ----------
    view : tuple
        x (nx,), y (ny,) in nm, whether x rises evenly, (theta_x, theta_y) in rad of the shared
        rays, focus depth in nm.
    foil : tuple
        Height of a slice (ny, nx) in nm and excitation error beyond the beam's (ny, nx) in 1/nm,
        float32; number of slices.
    lines, field, fine : SampledLines, SmoothField, FineFields
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
        wide = (nx + LANES + WIDE - 1) // WIDE * WIDE
        phase = np.zeros((r1 - r0, n_slices, wide), np.float32)
        if len(lines.turns) > 0:
            n_planes = len(field.gradient)
            for f in range(len(fine.spacing)):
                n_planes = max(n_planes, fine.counts[f, 2])
            planes = np.empty((n_planes, nx), np.float32)
            for row in range(r0, r1):
                out = phase[row - r0]
                add_smooth_field(field, x, y[row], theta, focus, dz[row], planes, out)
                add_fine_fields(fine, x, y[row], theta, focus, dz[row], planes, out)
            work = (
                np.empty((nx + 2 * LANES, N_NODE), np.float32),
                np.empty((nx + 2 * LANES, N_NODE), np.float32),
                np.empty((nx + 2 * LANES, N_NODE), np.float32),
            )
            add_tangent_field(lines, x, y[r0:r1], even, theta, focus, dz[r0:r1], work, phase)
        sine = np.empty((n_slices, wide), np.float32)
        regions = np.zeros((n_slices if n_regions > 1 else 1, nx), np.int8)
        for row in range(r0, r1):
            cosine = phase[row - r0]
            found = crossings(faults[0], faults[1], x, y[row], theta, focus, dz[row], n_slices)
            if n_regions > 1:
                set_regions(
                    boundaries[0], boundaries[1], boundaries[2], x, y[row], theta, focus, dz[row],
                    regions, cosine,
                )  # fmt: skip
            rotations(cosine, sine)
            for m in range(len(members[0])):
                _send(
                    cosine, sine, regions, found, dz[row], deviation[row], members[0][m],
                    members[1][m], boundaries[2], beam, bf[m, row], df[m, row],
                )  # fmt: skip


@numba.njit(**FAST)
def _send(cosine, sine, regions, found, dz, deviation, s, path, grains, beam, bf, df):
    """One row of pixels of one incidence."""
    nx = len(dz)
    full = np.empty((len(grains), 6, nx), np.float32)
    half = np.empty((len(grains), 6, nx), np.float32)
    state = np.empty((4, nx), np.float32)
    for r in range(len(grains)):
        _set_matrices(
            deviation + np.float32(s + grains[r]), beam[0], beam[1], dz * path, half[r], full[r]
        )
    if len(grains) > 1:
        _propagate(cosine, sine, regions, full, half, state)
    else:
        _propagate_even(cosine, sine, full[0], half[0], state)
    if len(found) > 0:
        q = complex(beam[0], beam[1])
        faulted_columns(found, cosine, sine, regions, dz * path, deviation + s, grains, q, state)
    rate = np.float32(-2 * np.pi) * beam[2] * path * np.float32(len(cosine))
    for i in range(nx):
        fade = np.exp(rate * dz[i])
        bf[i] = (state[0, i] ** 2 + state[1, i] ** 2) * fade
        df[i] = (state[2, i] ** 2 + state[3, i] ** 2) * fade
