"""The strain of one straight line in a tile of columns, slice after slice along the rays.

A tile holds for each of its columns the place in the plane normal to the line and its change from
slice to slice (4 numbers), the factors of the displacement (4), the taper, the length from a free
end, the square of the smooth part's core width, and two values carried from one slice to the next.
"""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.simulation.contrast.vector_math import FAST, angle, log

TINY = np.float32(1e-6)  # nm**2: keeps rays through a core finite
N_NODE = 13  # numbers that a node of the lattice carries
LANES = 16  # columns that are followed together: one vector register of float32
# Weights of the nodes in the columns of a tile, for 1, 2, 4, 8 and 16 columns between nodes.
HATS = np.zeros((5, LANES + 1, LANES), np.float32)
for _shift_ in range(5):
    _at = np.arange(LANES) / 2**_shift_
    for _node in range((LANES >> _shift_) + 1):
        HATS[_shift_, _node] = np.maximum(1 - np.abs(_at - _node), 0)


@numba.njit(**FAST)
def fill_tile(nodes, first, shift, tile):
    """Carry nodes over to the columns of a tile by linear interpolation."""
    if shift == 4:
        _fill_two(nodes, first, tile)
    elif shift == 3:
        _fill_three(nodes, first, tile)
    elif shift == 2:
        _fill_five(nodes, first, tile)
    else:
        width = 1 << shift
        for i in range(LANES):
            node, f = first + (i >> shift), np.float32(i % width) / np.float32(width)
            for q in range(11):
                tile[q * LANES + i] = nodes[node, q] + f * (nodes[node + 1, q] - nodes[node, q])
    for cell in range(LANES >> shift):
        if nodes[first + cell, 12] > 0:
            for i in range(cell << shift, (cell + 1) << shift):
                tile[8 * LANES + i] = np.float32(1e9)


@numba.njit(**FAST)
def _fill_two(nodes, first, tile):
    for q in range(11):
        a, b = nodes[first, q], nodes[first + 1, q]
        for i in range(LANES):
            tile[q * LANES + i] = a * HATS[4, 0, i] + b * HATS[4, 1, i]


@numba.njit(**FAST)
def _fill_three(nodes, first, tile):
    for q in range(11):
        a, b, c = nodes[first, q], nodes[first + 1, q], nodes[first + 2, q]
        for i in range(LANES):
            tile[q * LANES + i] = a * HATS[3, 0, i] + b * HATS[3, 1, i] + c * HATS[3, 2, i]


@numba.njit(**FAST)
def _fill_five(nodes, first, tile):
    for q in range(11):
        a, b, c = nodes[first, q], nodes[first + 1, q], nodes[first + 2, q]
        d, e = nodes[first + 3, q], nodes[first + 4, q]
        for i in range(LANES):
            tile[q * LANES + i] = (
                a * HATS[2, 0, i]
                + b * HATS[2, 1, i]
                + c * HATS[2, 2, i]
                + d * HATS[2, 3, i]
                + e * HATS[2, 4, i]
            )


@numba.njit(**FAST)
def start_tile(tile):
    """Potential of g.R, but for the angle, at the upper face of a block."""
    for i in range(LANES):
        x, y = tile[i], tile[LANES + i]
        r = x * x + y * y + TINY
        square = tile[10 * LANES + i]
        inverse = np.float32(1.0) / (r * (r + square))
        tile[12 * LANES + i] = r * inverse
        tile[11 * LANES + i] = tile[4 * LANES + i] * log(r * r * inverse) + square * inverse * (
            tile[5 * LANES + i] * (x + x) * y
            + tile[6 * LANES + i] * (x * x - y * y)
            + tile[7 * LANES + i] * r
        )


@numba.njit(**FAST)
def add_slices(tile, turns, ends, k0, k1, begin, phase):
    """Differences of g.R over the slices of a block, less the smooth part."""
    one, half, zero = np.float32(1.0), np.float32(0.5), np.float32(0.0)
    for k in range(k0, k1):
        out = phase[k, begin : begin + LANES]
        for i in range(LANES):
            x0, y0 = tile[i], tile[LANES + i]
            x1, y1 = x0 + tile[2 * LANES + i], y0 + tile[3 * LANES + i]
            tile[i], tile[LANES + i] = x1, y1
            r1 = x1 * x1 + y1 * y1 + TINY
            square = tile[10 * LANES + i]
            inverse = one / (r1 * (r1 + square))
            potential = tile[4 * LANES + i] * log(r1 * r1 * inverse) + square * inverse * (
                tile[5 * LANES + i] * (x1 + x1) * y1
                + tile[6 * LANES + i] * (x1 * x1 - y1 * y1)
                + tile[7 * LANES + i] * r1
            )
            cross = x0 * y1 - y0 * x1
            turned = angle(cross, x0 * x1 + y0 * y1)
            middle = half * (x0 * x0 + y0 * y0 + r1)
            q = middle * tile[8 * LANES + i]
            q *= q
            fade = max(one - q * q, zero)
            fade *= fade
            if ends:
                inside = tile[9 * LANES + i]
                fade *= half + half * inside / np.sqrt(inside * inside + middle + TINY)
            spread = half * (tile[12 * LANES + i] + r1 * inverse)
            change = turns * (turned - cross * spread) + potential - tile[11 * LANES + i]
            out[i] += fade * change
            tile[11 * LANES + i], tile[12 * LANES + i] = potential, r1 * inverse


@numba.njit(**FAST)
def add_far_slices(tile, turns, k0, k1, begin, phase):
    """As `add_slices`, far from the core: the strain at the middle of each slice."""
    one, two, half, zero = np.float32(1.0), np.float32(2.0), np.float32(0.5), np.float32(0.0)
    for i in range(LANES):
        tile[i] -= half * tile[2 * LANES + i]
        tile[LANES + i] -= half * tile[3 * LANES + i]
    for k in range(k0, k1):
        out = phase[k, begin : begin + LANES]
        for i in range(LANES):
            dx, dy = tile[2 * LANES + i], tile[3 * LANES + i]
            x, y = tile[i] + dx, tile[LANES + i] + dy
            tile[i], tile[LANES + i] = x, y
            r = x * x + y * y
            square = tile[10 * LANES + i]
            inverse = one / (r * (r + square))
            spread = r * inverse
            lack = square * inverse
            rise = two * (x * dx + y * dy)
            sine, cosine = tile[5 * LANES + i], tile[6 * LANES + i]
            shape = sine * (two * x * y) + cosine * (x * x - y * y)
            turned = two * (sine * (x * dy + y * dx) + cosine * (x * dx - y * dy))
            change = lack * (turns * (x * dy - y * dx) + tile[4 * LANES + i] * rise + turned)
            change -= rise * (
                shape * lack * ((r + square) * inverse + spread)
                + tile[7 * LANES + i] * square * spread * spread
            )
            q = r * tile[8 * LANES + i]
            q *= q
            fade = max(one - q * q, zero)
            out[i] += fade * fade * change
