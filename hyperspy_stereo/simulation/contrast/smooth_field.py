"""The part of the dislocations' strain that is smooth: long ranged, on a coarse grid.

The field of each dislocation is split in two, like the potential of charges in an Ewald sum: the
field of a line whose core is spread over some nm, which changes so slowly that a coarse grid
holds it, summed here exactly over straight segments; and the rest, which decays with the third
power of the distance and which `tangent_field` takes from the nearest tangent line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np

from hyperspy_stereo.simulation.dislocation import Dislocation

ENDLESS = 1e7  # nm; stands for the length of a line continued without end


class SmoothField(NamedTuple):
    """Gradient of g.R on a grid.

    Attributes
    ----------
    origin : (3,) float64
        x, y, z of the first node in nm.
    spacing : float
        Distance of the nodes in nm.
    square : float32
        Square of the width of the spread core in nm**2.
    gradient : (nz, ny, 3, nx) float32
        d(g.R)/dx, /dy and /dz in turns per nm.
    """

    origin: np.ndarray
    spacing: float
    square: np.float32
    gradient: np.ndarray


def smooth_field(
    lines: Sequence[Dislocation],
    g: np.ndarray,
    poisson_ratio: float,
    box: np.ndarray,
    spread: float,
) -> SmoothField:
    """Sum the spread-core field of all segments on a grid over a box.

    Parameters
    ----------
    lines : sequence of Dislocation
        Lines in nm.
    g : (3,) ndarray
        Diffraction vector in 1/nm.
    poisson_ratio : float
        Poisson's ratio.
    box : (2, 3) ndarray
        Lowest and highest x, y, z in nm.
    spread : float
        Width of the core in nm; the grid's nodes are half as far apart.

    Returns
    -------
    SmoothField

    Notes
    -----
    Burgers' formula for a straight segment (Hirth and Lothe, Theory of Dislocations, 2nd ed., 1982,
    chapter 4), in which rho**2 is replaced by rho**2 + spread**2.
    """
    spacing, square = spread / 2, np.float32(spread**2)
    counts = np.ceil((box[1] - box[0]) / spacing).astype(int) + 4
    origin = (box[0] + box[1]) / 2 - spacing * (counts - 1) / 2
    gradient = np.zeros((counts[2], counts[1], 3, counts[0]), np.float32)
    segments = [_segments(line, g) for line in lines]
    if segments:
        table = np.concatenate(segments).astype(np.float32)
        table[:, :3] -= origin.astype(np.float32)
        _sum_segments(
            table, g.astype(np.float32), np.float32(poisson_ratio), spacing, square, gradient
        )
    return SmoothField(origin, spacing, square, gradient)


def _segments(line: Dislocation, g: np.ndarray) -> np.ndarray:
    """Rows: reference point, tangent, where A and B lie from it, g.b, g.t, t x b, g.(t x b)."""
    points = line.points
    if line.closed:  # from the same corner, wherever the loop is written from
        first = int(np.lexsort(points[:-1].T)[0])
        points = np.concatenate([points[first:-1], points[: first + 1]])
    points = points[_kept(points, 0.5)]
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    along = steps / lengths[:, None]
    begin, end = np.zeros(len(steps)), lengths.copy()
    if line.extend and not line.closed:
        begin[0] = -ENDLESS
        end[-1] = ENDLESS
    m = np.cross(along, line.burgers)
    gb = np.full(len(steps), g @ line.burgers)
    return np.column_stack([points[:-1], along, begin, end, gb, along @ g, m, m @ g])


@numba.njit(cache=True)
def _kept(points: np.ndarray, tolerance: float) -> np.ndarray:
    """Indices of the points that keep a polyline within a tolerance (Douglas and Peucker)."""
    n = len(points)
    keep = np.zeros(n, np.bool_)
    keep[0] = keep[n - 1] = True
    stack = [(0, n - 1)]
    while len(stack) > 0:
        i, j = stack.pop()
        chord = points[j] - points[i]
        square = (chord * chord).sum()
        worst, where = tolerance**2, -1
        for k in range(i + 1, j):
            d = points[k] - points[i]
            along = (d * chord).sum() / square if square > 1e-12 else 0.0
            d = d - min(max(along, 0.0), 1.0) * chord
            gap = (d * d).sum()
            if gap > worst:
                worst, where = gap, k
        if where > 0:
            keep[where] = True
            stack.append((i, where))
            stack.append((where, j))
    return np.nonzero(keep)[0]


@numba.njit(cache=True, fastmath=True, error_model="numpy", parallel=True)
def _sum_segments(table, g, poisson_ratio, spacing, square, gradient):
    nz, ny = gradient.shape[:2]
    for row in numba.prange(nz * ny):
        k, j = row // ny, row % ny
        out = gradient[k, j]
        for s in range(len(table)):
            _add_segment(
                table[s],
                g,
                poisson_ratio,
                np.float32(spacing),
                square,
                np.float32(k),
                np.float32(j),
                out,
            )


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _add_segment(segment, g, poisson_ratio, spacing, square, k, j, out):
    one = np.float32(1.0)
    scale = np.float32(0.25 / np.pi)
    kappa = np.float32(0.5) / (one - poisson_ratio)
    tx, ty, tz = segment[3], segment[4], segment[5]
    begin, end, gb, gt = segment[6], segment[7], segment[8], segment[9]
    mx, my, mz, gm = segment[10], segment[11], segment[12], segment[13]
    gx, gy, gz = g[0], g[1], g[2]
    dy = j * spacing - segment[1]
    dz = k * spacing - segment[2]
    for i in range(out.shape[1]):
        dx = np.float32(i) * spacing - segment[0]
        w = dx * tx + dy * ty + dz * tz
        px, py, pz = dx - w * tx, dy - w * ty, dz - w * tz
        wa, wb = w - begin, w - end
        rho = px * px + py * py + pz * pz + square
        inverse = one / rho
        ia = one / np.sqrt(rho + wa * wa)
        ib = one / np.sqrt(rho + wb * wb)
        ia2, ib2 = ia * ia, ib * ib
        i1 = ia - ib
        i3 = ia * ia2 - ib * ib2
        w1 = (wa * ia - wb * ib) * inverse
        w3 = wa * ia * ia2 - wb * ib * ib2
        gp = gx * px + gy * py + gz * pz
        mp = mx * px + my * py + mz * pz
        gj = -gp * w1 + gt * i1
        # W, I1 and the last bracket are vectors whose product with the ray is the change of g.R.
        c_p = -w1 * gm * (one - kappa) - kappa * mp * (gp * (w1 + w1 + w3) * inverse - gt * i3)
        c_t = i1 * gm * (one - kappa) - kappa * mp * (gt * w1 - gp * i3 - gt * w3)
        c_m = -kappa * gj
        c_g = kappa * mp * w1
        c_x = gb * w1
        out[0, i] += scale * (c_x * (ty * pz - tz * py) + c_p * px + c_t * tx + c_m * mx + c_g * gx)
        out[1, i] += scale * (c_x * (tz * px - tx * pz) + c_p * py + c_t * ty + c_m * my + c_g * gy)
        out[2, i] += scale * (c_x * (tx * py - ty * px) + c_p * pz + c_t * tz + c_m * mz + c_g * gz)
