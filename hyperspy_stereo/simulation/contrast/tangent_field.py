"""The part of the dislocations' strain near their cores, from the nearest tangent line.

A row of pixels at a time: on a coarse lattice of columns and depths the nearest tangent line is
sought, between its columns the line's coordinates are interpolated, and through the slices of a
block of depths they are followed along the ray, so that the difference of g.R over each slice is
exact for a straight line, however near its core.
"""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.simulation.contrast.line_tiles import (
    LANES,
    N_NODE,
    add_far_slices,
    add_slices,
    fill_tile,
    start_tile,
)
from hyperspy_stereo.simulation.contrast.polyline import ALONG, ARC, FIRST, PLACE, SECOND, TERMS
from hyperspy_stereo.simulation.contrast.vector_math import FAST

NEAR = 8.0  # nm from the core beyond which the strain hardly changes within a slice


@numba.njit(**FAST)
def add_tangent_field(lines, x, y, even, theta, focus, dz, work, phase):
    """Add to the phase of a band of rows what each dislocation does near its core.

    Parameters
    ----------
    lines : SampledLines
        Lines.
    x : (nx,) float64
        Places along the rows in nm; `even` tells that they rise in even steps.
    y : (n_rows,) float64
        The rows in nm, rising.
    theta : tuple of float
        Incidence (x, y) in rad.
    focus : float
        Depth in nm at which the ray of a pixel passes through the pixel.
    dz : (n_rows, nx) float32
        Height of a slice in each column in nm.
    work : tuple of float32 arrays
        Working memory, three of (nx + 2 `LANES`, `N_NODE`).
    phase : (n_rows, n_slices, nx + `LANES` or more) float32
        g.R gained in each slice in turns; added to. The columns beyond nx are working memory.
    """
    low, high = dz.min(), dz.max()
    first = 0
    for line in range(len(lines.turns)):
        last = first
        while last < len(lines.balls) and lines.balls[last, 4] == line:
            last += 1
        if last > first:
            rows = 1
            while rows < len(y) and y[rows] - y[0] <= lines.cell[line]:
                rows += 1
            for row in range(0, len(y), rows):
                band = row, min(row + rows, len(y))
                balls = lines.balls[first:last]
                _add_band(
                    lines,
                    line,
                    balls,
                    x,
                    y,
                    band,
                    even,
                    theta,
                    focus,
                    dz,
                    low,
                    high,
                    work,
                    phase,
                )
        first = last


@numba.njit(**FAST)
def _add_band(lines, line, balls, x, y, band, even, theta, focus, dz, low, high, work, phase):
    """Add one line's part to the rows of a band, whose first and last rows hold its lattice."""
    nx, n_slices = len(x), phase.shape[1]
    upper, lower, middle = work
    tile = np.empty(N_NODE * LANES, np.float32)
    step = (x[nx - 1] - x[0]) / max(nx - 1, 1)
    cell = np.float32(lines.cell[line])
    turns = np.float32(lines.turns[line])
    per_block = max(1, int(cell / max(high, 1e-3)))
    shift = _shift(cell / step) if even and nx > 1 else 0
    ra, rb = band[0], band[1] - 1
    samples = lines.samples[lines.start[line] : lines.start[line + 1]]
    closed, stride, ends = lines.closed[line], lines.stride[line], lines.ends[line]
    around = np.float32(samples[-1, ARC] if closed else 1e9)
    memory = 0
    for k0 in range(0, n_slices, per_block):
        k1 = min(k0 + per_block, n_slices)
        xa, xb = _span(balls, x, y[ra], y[rb], even, theta, focus, k0 * low, k1 * high)
        if xb <= xa:
            continue
        # The lattice stands still, whatever the balls, lest the same line written from another
        # point be interpolated between other nodes.
        xa = (xa >> shift) << shift
        tiles = (xb - xa + LANES - 1) // LANES
        n_nodes = tiles * (LANES >> shift) + 1
        for node in range(n_nodes):
            i = xa + (node << shift)
            place = x[0] + step * i if even else x[min(i, nx - 1)]
            i = min(i, nx - 1)
            memory = _set_node(
                samples, closed, stride, memory, place, y[ra], theta, focus, dz[ra, i], k0, k1,
                upper, node,
            )  # fmt: skip
            if rb > ra:
                _set_node(
                    samples, closed, stride, memory, place, y[rb], theta, focus, dz[rb, i], k0, k1,
                    lower, node,
                )  # fmt: skip
        _silence(upper, lower if rb > ra else upper, n_nodes, cell, around, k1 - k0)
        for r in range(ra, rb + 1):
            nodes = upper
            if rb > ra:
                nodes = middle
                f = np.float32((y[r] - y[ra]) / (y[rb] - y[ra]))
                _between(upper, lower, f, n_nodes, middle)
            for t in range(tiles):
                first = t * (LANES >> shift)
                nearest = _nearest_node(upper, first, LANES >> shift, k1 - k0)
                if nearest == np.inf:
                    continue
                fill_tile(nodes, first, shift, tile)
                begin = xa + t * LANES
                if nearest > NEAR + cell and not ends:
                    add_far_slices(tile, turns, k0, k1, begin, phase[r])
                else:
                    start_tile(tile)
                    add_slices(tile, turns, ends, k0, k1, begin, phase[r])


@numba.njit(**FAST)
def _shift(columns):
    """The power of two nearest to a number of columns, from 0 to 4."""
    return min(max(int(np.floor(np.log2(columns) + 0.5)), 0), 4)


@numba.njit(**FAST)
def _silence(upper, lower, n_nodes, cell, around, n_slices):
    """Mark the cells that the line's own field does not reach, and those without one nearest place.

    Where the nearest place jumps from one part of the line to another, its own field has faded;
    values interpolated in between would mean nothing. `around` is the length of a loop, whose
    first place is its last; more than any for an open line.
    """
    bound = np.float32(5 * cell + 2)
    for node in range(n_nodes - 1):
        arc = upper[node, 11]
        jump = _way(upper[node + 1, 11] - arc, around) > bound
        jump |= _way(lower[node, 11] - arc, around) > bound
        jump |= _way(lower[node + 1, 11] - arc, around) > bound
        out = _beyond(upper, node, cell, n_slices) and _beyond(upper, node + 1, cell, n_slices)
        out &= _beyond(lower, node, cell, n_slices) and _beyond(lower, node + 1, cell, n_slices)
        upper[node, 12] = np.float32(1) if jump or out else np.float32(0)
        lower[node, 12] = upper[node, 12]
    upper[n_nodes - 1, 12] = lower[n_nodes - 1, 12] = 0


@numba.njit(inline="always", **FAST)
def _way(apart, around):
    """Length of line between two places, the shorter way round a loop."""
    apart = abs(apart)
    return min(apart, abs(around - apart))


@numba.njit(inline="always", **FAST)
def _beyond(nodes, node, cell, n_slices):
    half = np.float32(0.5) * n_slices
    xi, eta = nodes[node, 0] + half * nodes[node, 2], nodes[node, 1] + half * nodes[node, 3]
    reach = np.float32(0.75) * cell + np.float32(1) / np.sqrt(nodes[node, 8])
    return xi * xi + eta * eta > reach * reach


@numba.njit(**FAST)
def _nearest_node(nodes, first, n, n_slices):
    """Least distance from the line among the nodes of a tile; infinite where all are silent."""
    half = np.float32(0.5) * n_slices
    nearest = np.float32(np.inf)
    silent = 0
    for node in range(first, first + n + 1):
        silent += node < first + n and nodes[node, 12] > 0
        xi = nodes[node, 0] + half * nodes[node, 2]
        eta = nodes[node, 1] + half * nodes[node, 3]
        nearest = min(nearest, xi * xi + eta * eta)
    return np.float32(np.inf) if silent == n else np.sqrt(nearest)


@numba.njit(**FAST)
def _span(balls, x, y_low, y_high, even, theta, focus, z_low, z_high):
    """Indices of the columns of a band that the line's reach touches between two depths."""
    nx = len(x)
    if not even:
        return 0, nx
    z = (z_low + z_high) / 2
    half = (z_high - z_low) / 2
    shift_x, shift_y = theta[0] * (z - focus), theta[1] * (z - focus)
    slack = half * (1 + abs(theta[0]) + abs(theta[1])) + (y_high - y_low) / 2
    y = (y_low + y_high) / 2 + shift_y
    low, high = np.inf, -np.inf
    for ball in range(len(balls)):
        reach = balls[ball, 3] + slack
        dy = y - balls[ball, 1]
        dz = z - balls[ball, 2]
        square = reach * reach - dy * dy - dz * dz
        if square > 0:
            root = np.sqrt(square)
            low = min(low, balls[ball, 0] - root)
            high = max(high, balls[ball, 0] + root)
    if high < low:
        return 0, 0
    if nx == 1:
        return 0, 1
    step = (x[nx - 1] - x[0]) / (nx - 1)
    xa = int(max(np.floor((low - shift_x - x[0]) / step), 0))
    xb = int(max(min(np.ceil((high - shift_x - x[0]) / step) + 1, nx), 0))
    return xa, xb


@numba.njit(**FAST)
def _set_node(samples, closed, stride, memory, x, y, theta, focus, dz, k0, k1, nodes, node):
    """Find the nearest tangent line of a place and write its coordinates and factors."""
    z = 0.5 * (k0 + k1) * dz
    rx, ry = x + theta[0] * (z - focus), y + theta[1] * (z - focus)
    i, f = _nearest(samples, closed, stride, memory, rx, ry, z)
    j = i + 1
    e = 1 - f
    dx = rx - e * samples[i, PLACE] - f * samples[j, PLACE]
    dy = ry - e * samples[i, PLACE + 1] - f * samples[j, PLACE + 1]
    dd = z - e * samples[i, PLACE + 2] - f * samples[j, PLACE + 2]
    back = 0.5 * (k1 - k0)
    for axis in range(2):
        c = FIRST if axis == 0 else SECOND
        ax = e * samples[i, c] + f * samples[j, c]
        ay = e * samples[i, c + 1] + f * samples[j, c + 1]
        az = e * samples[i, c + 2] + f * samples[j, c + 2]
        rise = (theta[0] * ax + theta[1] * ay + az) * dz
        nodes[node, axis] = dx * ax + dy * ay + dd * az - back * rise
        nodes[node, axis + 2] = rise
    for c in range(8):
        nodes[node, 4 + c] = e * samples[i, TERMS + c] + f * samples[j, TERMS + c]
    return i


@numba.njit(**FAST)
def _nearest(samples, closed, stride, memory, rx, ry, rz):
    """Sample and fraction at which the plane normal to the line holds the place."""
    last = len(samples) - 2
    i = memory
    if stride > 0:
        best = np.inf
        for k in range(0, len(samples), stride):
            px, py, pz = rx - samples[k, 0], ry - samples[k, 1], rz - samples[k, 2]
            gap = px * px + py * py + pz * pz
            if gap < best:
                best, i = gap, k
    i = min(i, last)
    here = _ahead(samples, i, rx, ry, rz)
    for _ in range(len(samples)):
        if here >= 0:
            there = _ahead(samples, i + 1, rx, ry, rz)
            if there < 0:
                return i, here / (here - there)
            if i < last:
                i += 1
            elif closed:
                i = 0
            else:
                return i, 1.0
            here = there
        else:
            if i > 0:
                i -= 1
            elif closed:
                i = last
            else:
                return i, 0.0
            here = _ahead(samples, i, rx, ry, rz)
    return i, 0.0


@numba.njit(inline="always", **FAST)
def _ahead(samples, i, rx, ry, rz):
    """How far a place lies beyond the plane normal to the line at a sample."""
    return (
        (rx - samples[i, PLACE]) * samples[i, ALONG]
        + (ry - samples[i, PLACE + 1]) * samples[i, ALONG + 1]
        + (rz - samples[i, PLACE + 2]) * samples[i, ALONG + 2]
    )


@numba.njit(**FAST)
def _between(upper, lower, f, n_nodes, out):
    for node in range(n_nodes):
        for q in range(N_NODE):
            out[node, q] = upper[node, q] + f * (lower[node, q] - upper[node, q])
