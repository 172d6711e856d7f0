"""Stacking faults: where rays cross them, and the columns that do so.

A fault turns the phase of the diffracted beam at one depth, by any angle. Put into the middle of
the slice that it lies in, as the strain is, it would be off by up to half a slice, and its fringes
would be stairs. The few columns that cross faults are therefore followed one by one, with slices
cut at the fault.
"""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.simulation.contrast.vector_math import FAST


@numba.njit(**FAST)
def crossings(corners, turns, x, y, theta, focus, dz, n_slices):
    """Where the rays of a row cross faulted triangles.

    Parameters
    ----------
    corners : (n, 3, 3) float64
        Corners of the triangles in nm.
    turns : (n,) float64
        g.displacement of a ray that crosses along (c - a) x (b - a).
    x, dz : (nx,)
        Places of the columns and height of their slices in nm.
    y, theta, focus
        Place of the row, slopes (x, y) of the rays, depth at which they are at their pixels.
    n_slices : int
        Slices of each column.

    Returns
    -------
    found : (m, 3) float64
        Column, depth in slices, turns; by column, then by depth.
    """
    u, v = np.empty((len(corners), 3)), np.empty((len(corners), 3))
    first, last = np.zeros(len(corners), np.int64), np.zeros(len(corners), np.int64)
    for t in range(len(corners)):
        for c in range(3):
            depth = corners[t, c, 2] - focus
            u[t, c] = corners[t, c, 0] - theta[0] * depth
            v[t, c] = corners[t, c, 1] - theta[1] * depth
        low, high = _span(u[t], v[t], y)
        if low < high:
            first[t], last[t] = np.searchsorted(x, low), np.searchsorted(x, high)
    found = np.empty((max((last - first).sum(), 0), 3))
    count = 0
    for t in range(len(corners)):
        if last[t] <= first[t]:
            continue
        dx1, dy1 = u[t, 1] - u[t, 0], v[t, 1] - v[t, 0]
        dx2, dy2 = u[t, 2] - u[t, 0], v[t, 2] - v[t, 0]
        area = dx2 * dy1 - dy2 * dx1
        if area == 0:
            continue
        z0 = corners[t, 0, 2]
        for i in range(first[t], last[t]):
            p, q = x[i] - u[t, 0], y - v[t, 0]
            f1, f2 = (dx2 * q - dy2 * p) / area, (p * dy1 - q * dx1) / area
            depth = z0 + f1 * (corners[t, 1, 2] - z0) + f2 * (corners[t, 2, 2] - z0)
            place = depth / dz[i]
            if 0 <= place < n_slices:
                found[count, 0], found[count, 1] = i, place
                found[count, 2] = turns[t] if area > 0 else -turns[t]
                count += 1
    found = found[:count]
    return found[np.argsort(found[:, 0] * n_slices + found[:, 1])]


@numba.njit(**FAST)
def _span(u, v, y):
    """Interval of x in which a row crosses a triangle."""
    low, high = np.inf, -np.inf
    for c in range(3):
        a, b = c, (c + 1) % 3
        # Each edge from its upper end, whichever triangle asks: neighbours then agree to the last
        # bit on who owns a pixel on their common edge.
        if v[a] > v[b] or (v[a] == v[b] and u[a] > u[b]):
            a, b = b, a
        if v[a] <= y < v[b]:
            cut = u[a] + (u[b] - u[a]) * ((y - v[a]) / (v[b] - v[a]))
            low, high = min(low, cut), max(high, cut)
    return low, high


@numba.njit(**FAST)
def faulted_columns(found, cosine, sine, regions, height, s, grains, q, state):
    """Follow the columns that cross faults through all slices.

    Parameters
    ----------
    found : (m, 3) float64
        Of `crossings`.
    cosine, sine : (n_slices, nx) float32
        Phase of each slice's strain.
    regions : (n_slices or 1, nx) int8
        Grain at the middle of each slice; one row where there is one grain.
    height, s : (nx,) float32
        Path through a slice in nm and excitation error of the columns in the first grain, 1/nm.
    grains : (n,) float32
        Excitation error of each grain beyond it.
    q : complex
        1 / xi_g + i / xi_g'.
    state : (4, nx) float32
        Amplitudes without normal absorption, real and imaginary; replaced for these columns.
    """
    m, n_slices = len(found), len(cosine)
    begin = 0
    while begin < m:
        i = int(found[begin, 0])
        end = begin
        while end < m and int(found[end, 0]) == i:
            end += 1
        u, v = 1.0 + 0.0j, 0.0 + 0.0j
        following, grain = begin, -1
        a, b, c = u, v, u
        for k in range(n_slices):
            here = regions[k if len(regions) > 1 else 0, i]
            error = s[i] + grains[here]
            if here != grain:
                a, b, c = _matrix(error, q, 0.5 * height[i])
                grain = here
            turn = complex(cosine[k, i], sine[k, i])
            if following == end or found[following, 1] >= k + 1:
                u, v = a * u + b * v, (b * u + c * v) * turn
                u, v = a * u + b * v, b * u + c * v
                continue
            place, middle = 0.0, True
            while place < 1.0:
                crossing = following < end and found[following, 1] < k + 1
                stop = found[following, 1] - k if crossing else 1.0
                if middle and stop > 0.5:
                    stop, crossing = 0.5, False
                f, g, h = _matrix(error, q, (stop - place) * height[i])
                u, v = f * u + g * v, g * u + h * v
                if crossing:
                    v *= np.exp(2j * np.pi * found[following, 2])
                    following += 1
                elif middle and stop == 0.5:
                    v *= turn
                    middle = False
                place = stop
        state[0, i], state[1, i], state[2, i], state[3, i] = u.real, u.imag, v.real, v.imag
        begin = end


@numba.njit(**FAST)
def _matrix(s, q, height):
    """Matrix (a, b; b, c) of a perfect slice without normal absorption."""
    sigma = np.sqrt(s * s + q * q)
    c = np.cos(np.pi * sigma * height)
    d = 1j * np.sin(np.pi * sigma * height) / sigma
    return c - d * s, d * q, c + d * s
