"""The part of the dislocations' strain near their cores, from the nearest tangent line.

A row of pixels at a time: on a coarse lattice of columns and depths the nearest tangent line is
sought, between its columns the line's coordinates are interpolated, and through the slices of a
block of depths they are followed along the ray, so that the difference of g.R over each slice is
exact for a straight line, however near its core.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from hyperspy_stereo.simulation.smooth_field import SPREAD

REACH = 80.0  # nm at which the part near a straight line has faded to nothing
SQUARE = np.float32(SPREAD**2)
TINY = np.float32(1e-6)  # nm**2: keeps rays through a core finite
N_NODE = 12  # numbers that a node of the lattice carries

FAST = {"cache": True, "fastmath": True, "error_model": "numpy"}


@intrinsic
def _bits(typingctx, value):
    """The bits of a float32 as an int32."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), codegen


@intrinsic
def _from_bits(typingctx, value):
    """The float32 of an int32's bits."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), codegen


@numba.njit(inline="always", **FAST)
def _log(value):
    """Natural logarithm to 1e-6, in a form that the compiler turns into vector code."""
    bits = _bits(value) - np.int32(0x3F3504F3)
    exponent = bits >> np.int32(23)
    m = _from_bits((bits & np.int32(0x007FFFFF)) + np.int32(0x3F3504F3)) - np.float32(1.0)
    s = m / (m + np.float32(2.0))
    q = s * s
    p = np.float32(2.0) + q * (
        np.float32(0.66666667) + q * (np.float32(0.39999) + q * np.float32(0.29))
    )
    return np.float32(exponent) * np.float32(0.69314718) + s * p


@numba.njit(inline="always", **FAST)
def _angle(sine, cosine):
    """Angle of (cosine, sine) in rad to 1e-5, as vector code; 0 at the origin."""
    a, b = abs(sine), abs(cosine)
    small, large = min(a, b), max(a, b)
    z = small / (large + np.float32(1e-30))
    q = z * z
    p = np.float32(-0.01172120) * q + np.float32(0.05265332)
    p = p * q - np.float32(0.11643287)
    p = p * q + np.float32(0.19354346)
    p = p * q - np.float32(0.33262347)
    p = (p * q + np.float32(0.99997726)) * z
    p = np.float32(1.57079633) - p if a > b else p
    p = np.float32(3.14159265) - p if cosine < np.float32(0.0) else p
    return -p if sine < np.float32(0.0) else p


@numba.njit(**FAST)
def add_tangent_field(lines, x, y, even, theta, focus, dz, n_slices, nodes, fine, phase):
    """Add to the phase of one row of pixels what each dislocation does near its core.

    Parameters
    ----------
    lines : SampledLines
        Lines.
    x : (nx,) float64
        Places along the row in nm; `even` tells that they rise in even steps.
    y : float
        The row in nm.
    theta : tuple of float
        Incidence (x, y) in rad.
    focus : float
        Depth in nm at which the ray of a pixel passes through the pixel.
    dz : (nx,) float32
        Height of a slice in each column in nm.
    nodes, fine : float32 arrays
        Working memory, (nx + 1, `N_NODE`) and (`N_NODE`, nx).
    phase : (n_slices, nx) float32
        g.R gained in each slice in turns; added to.
    """
    for line in range(len(lines.turns)):
        first = 0
        while first < len(lines.balls) and lines.balls[first, 4] != line:
            first += 1
        last = first
        while last < len(lines.balls) and lines.balls[last, 4] == line:
            last += 1
        if last > first:
            _add_line(
                lines, line, first, last, x, y, even, theta, focus, dz, n_slices, nodes, fine, phase
            )


@numba.njit(**FAST)
def _add_line(lines, line, first, last, x, y, even, theta, focus, dz, n_slices, nodes, fine, phase):
    nx = len(x)
    step = (x[nx - 1] - x[0]) / max(nx - 1, 1)
    cell = lines.cell[line]
    thick = dz.max()
    thin = dz.min()
    per_block = max(1, int(cell / thick))
    per_cell = max(1, int(cell / step)) if even and nx > 1 else 1
    memory = lines.start[line]
    for k0 in range(0, n_slices, per_block):
        k1 = min(k0 + per_block, n_slices)
        xa, xb = _span(lines, first, last, x, y, even, theta, focus, k0 * thin, k1 * thick)
        if xb <= xa:
            continue
        n_nodes = (xb - 1 - xa + per_cell - 1) // per_cell + 1
        for node in range(n_nodes):
            i = min(xa + node * per_cell, nx - 1)
            memory = _set_node(
                lines, line, memory, x[i], y, theta, focus, dz[i], k0, k1, nodes[node]
            )
        _interpolate(nodes, n_nodes, xa, xb, per_cell, nx, lines.cell[line], step, fine)
        _add_block(fine, np.float32(lines.turns[line]), lines.ends[line], xa, xb, k0, k1, phase)


@numba.njit(**FAST)
def _span(lines, first, last, x, y, even, theta, focus, z_low, z_high):
    """Indices of the columns that the line's reach touches between two depths."""
    nx = len(x)
    if not even:
        return 0, nx
    z = (z_low + z_high) / 2
    half = (z_high - z_low) / 2
    shift_x, shift_y = theta[0] * (z - focus), theta[1] * (z - focus)
    slack = half * (1 + abs(theta[0]) + abs(theta[1]))
    low, high = np.inf, -np.inf
    for ball in range(first, last):
        reach = lines.balls[ball, 3] + slack
        dy = y + shift_y - lines.balls[ball, 1]
        dz = z - lines.balls[ball, 2]
        square = reach * reach - dy * dy - dz * dz
        if square > 0:
            root = np.sqrt(square)
            low = min(low, lines.balls[ball, 0] - root)
            high = max(high, lines.balls[ball, 0] + root)
    if high < low:
        return 0, 0
    if nx == 1:
        return 0, 1
    step = (x[nx - 1] - x[0]) / (nx - 1)
    xa = int(max(np.floor((low - shift_x - x[0]) / step), 0))
    xb = int(min(np.ceil((high - shift_x - x[0]) / step) + 1, nx))
    return xa, xb


@numba.njit(**FAST)
def _set_node(lines, line, memory, x, y, theta, focus, dz, k0, k1, node):
    """Find the nearest tangent line of a place and write its coordinates and factors."""
    z = 0.5 * (k0 + k1) * dz
    rx, ry, rz = x + theta[0] * (z - focus), y + theta[1] * (z - focus), z
    i, f = _nearest(lines, line, memory, rx, ry, rz)
    j = i + 1
    back = 0.5 * (k1 - k0) * dz
    place, first, second = lines.place, lines.first, lines.second
    dx = rx - (place[i, 0] + f * (place[j, 0] - place[i, 0]))
    dy = ry - (place[i, 1] + f * (place[j, 1] - place[i, 1]))
    dd = rz - (place[i, 2] + f * (place[j, 2] - place[i, 2]))
    for axis in range(2):
        frame = first if axis == 0 else second
        ax = frame[i, 0] + f * (frame[j, 0] - frame[i, 0])
        ay = frame[i, 1] + f * (frame[j, 1] - frame[i, 1])
        az = frame[i, 2] + f * (frame[j, 2] - frame[i, 2])
        slope = theta[0] * ax + theta[1] * ay + az
        node[axis] = dx * ax + dy * ay + dd * az - back * slope
        node[axis + 2] = slope * dz
    for term in range(4):
        node[4 + term] = lines.terms[i, term] + f * (lines.terms[j, term] - lines.terms[i, term])
    node[8] = lines.taper[i] + f * (lines.taper[j] - lines.taper[i])
    node[9] = lines.inside[i] + f * (lines.inside[j] - lines.inside[i])
    node[10] = lines.arc[i] + f * (lines.arc[j] - lines.arc[i])
    return i


@numba.njit(**FAST)
def _nearest(lines, line, memory, rx, ry, rz):
    """Sample and fraction at which the plane normal to the line holds the place."""
    begin, end = lines.start[line], lines.start[line + 1]
    closed = lines.closed[line]
    i = memory
    if lines.bent[line]:
        best = np.inf
        for k in range(begin, end):
            gap = (
                (rx - lines.place[k, 0]) ** 2
                + (ry - lines.place[k, 1]) ** 2
                + (rz - lines.place[k, 2]) ** 2
            )
            if gap < best:
                best, i = gap, k
    i = min(i, end - 2)
    here = _ahead(lines, i, rx, ry, rz)
    for _ in range(end - begin):
        if here >= 0:
            there = _ahead(lines, i + 1, rx, ry, rz)
            if there < 0:
                return i, here / (here - there)
            if i + 1 < end - 1:
                i += 1
            elif closed:
                i = begin
            else:
                return i, 1.0
            here = there
        else:
            if i > begin:
                i -= 1
            elif closed:
                i = end - 2
            else:
                return i, 0.0
            here = _ahead(lines, i, rx, ry, rz)
    return i, 0.0


@numba.njit(inline="always", **FAST)
def _ahead(lines, i, rx, ry, rz):
    return (
        (rx - lines.place[i, 0]) * lines.along[i, 0]
        + (ry - lines.place[i, 1]) * lines.along[i, 1]
        + (rz - lines.place[i, 2]) * lines.along[i, 2]
    )


@numba.njit(**FAST)
def _interpolate(nodes, n_nodes, xa, xb, per_cell, nx, cell, step, fine):
    for node in range(n_nodes):
        begin = xa + node * per_cell
        if begin >= xb:
            break
        end = min(begin + per_cell, xb)
        after = min(node + 1, n_nodes - 1)
        width = min(xa + after * per_cell, nx - 1) - begin
        f = np.float32(1.0 / width) if width > 0 else np.float32(0.0)
        # Where the nearest place jumps from one part of the line to another, its own field has
        # faded; values in between would mean nothing.
        jump = abs(nodes[after, 10] - nodes[node, 10]) > 5 * step * per_cell + 2
        for q in range(10):
            slope = (nodes[after, q] - nodes[node, q]) * f
            value = nodes[node, q]
            for i in range(begin, end):
                fine[q, i] = value + slope * np.float32(i - begin)
        if jump:
            for i in range(begin + 1, end):
                fine[8, i] = np.float32(1e9)


@numba.njit(**FAST)
def _add_block(fine, turns, ends, xa, xb, k0, k1, phase):
    """Differences of g.R over the slices k0 to k1; see the module's notes for the formula."""
    one, half, zero = np.float32(1.0), np.float32(0.5), np.float32(0.0)
    for i in range(xa, xb):
        x0, y0 = fine[0, i], fine[1, i]
        r0 = x0 * x0 + y0 * y0 + TINY
        p0 = r0 + SQUARE
        inverse = one / (r0 * p0)
        fine[10, i] = (
            fine[4, i] * _log(r0 * r0 * inverse)
            + (fine[5, i] * (x0 + x0) * y0 + fine[6, i] * (x0 * x0 - y0 * y0)) * SQUARE * inverse
            + fine[7, i] * SQUARE * r0 * inverse
        )
    for k in range(k0, k1):
        out = phase[k]
        for i in range(xa, xb):
            x0, y0 = fine[0, i], fine[1, i]
            x1, y1 = x0 + fine[2, i], y0 + fine[3, i]
            r0 = x0 * x0 + y0 * y0
            r1 = x1 * x1 + y1 * y1 + TINY
            p1 = r1 + SQUARE
            inverse = one / (r1 * p1)
            potential = (
                fine[4, i] * _log(r1 * r1 * inverse)
                + (fine[5, i] * (x1 + x1) * y1 + fine[6, i] * (x1 * x1 - y1 * y1))
                * SQUARE
                * inverse
                + fine[7, i] * SQUARE * r1 * inverse
            )
            cross = x0 * y1 - y0 * x1
            angle = _angle(cross, x0 * x1 + y0 * y1)
            middle = half * (r0 + r1)
            q = middle * fine[8, i]
            fade = max(one - q * q, zero)
            change = turns * (angle - cross / (middle + SQUARE)) + potential - fine[10, i]
            if ends:
                change *= half + half * fine[9, i] / np.sqrt(
                    fine[9, i] * fine[9, i] + middle + TINY
                )
            out[i] += fade * fade * change
            fine[10, i] = potential
            fine[0, i] = x1
            fine[1, i] = y1
