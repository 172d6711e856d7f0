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

from hyperspy_stereo.simulation.contrast.polyline import (
    FAR,
    SQUARE,
    SampledLines,
    sample_lines,
)
from hyperspy_stereo.simulation.dislocation import Dislocation

ENDLESS = 1e7  # nm; stands for the length of a line continued without end
FINE_NODES = 6e6  # in all grids around tight curves: 72 MB, some half a second


class SmoothField(NamedTuple):
    """Gradient of g.R on a grid.

    Attributes
    ----------
    origin : (3,) float64
        x, y, z of the first node in nm.
    spacing : float
        Distance of the nodes in nm.
    gradient : (nz, ny, 3, nx) float32
        d(g.R)/dx, /dy and /dz in turns per nm.
    """

    origin: np.ndarray
    spacing: float
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
    spacing = spread / 2
    counts = np.ceil((box[1] - box[0]) / spacing).astype(int) + 4
    origin = (box[0] + box[1]) / 2 - spacing * (counts - 1) / 2
    gradient = np.zeros((counts[2], counts[1], 3, counts[0]), np.float32)
    segments = [_segments(line, g, spread) for line in lines]
    if segments:
        table = np.concatenate(segments).astype(np.float32)
        table[:, :3] -= origin.astype(np.float32)
        _sum_segments(table, g.astype(np.float32), np.float32(poisson_ratio), spacing, gradient)
    return SmoothField(origin, spacing, gradient)


class FineFields(NamedTuple):
    """What tight curves add to the gradient of g.R near them, on small grids of their own.

    Attributes
    ----------
    origin : (n, 3) float64
        x, y, z of the first node of each grid in nm.
    spacing : (n,) float64
        Distance of its nodes in nm.
    counts : (n, 3) int64
        Number of its nodes along x, y and z.
    start : (n + 1,) int64
        Where its numbers begin in `gradient`.
    gradient : float32
        d(g.R)/dx, /dy and /dz in turns per nm, shaped (nz, ny, 3, nx), one grid after the other.
    """

    origin: np.ndarray
    spacing: np.ndarray
    counts: np.ndarray
    start: np.ndarray
    gradient: np.ndarray


def narrowed_lines(
    lines: Sequence[Dislocation],
    g: np.ndarray,
    poisson_ratio: float,
    box: np.ndarray,
    spread: float,
    height: float,
) -> tuple[SampledLines, FineFields]:
    """Sample lines, with cores around tight curves as narrow as slices and memory allow.

    Parameters
    ----------
    lines, g, poisson_ratio, box, spread
        As in `smooth_field`.
    height : float
        Height of a slice in nm.

    Returns
    -------
    sampled : SampledLines
        Lines, which tell the width of the core along each.
    fields : FineFields
        What the narrower cores add to the smooth field.
    """
    # The smooth part is taken at the middle of each slice, which sees no narrower core.
    narrowest = min(0.6 * height, spread)
    while True:
        sampled = sample_lines(lines, g, poisson_ratio, spread, box, narrowest)
        pieces = fine_pieces(sampled, box, spread)
        if sum(int(piece.counts.prod()) for piece in pieces) <= FINE_NODES:
            return sampled, fine_fields(lines, sampled, pieces, g, poisson_ratio)
        narrowest = min(1.5 * narrowest, spread)


class Piece(NamedTuple):
    """A piece of a tight curve and the grid around it."""

    line: int
    samples: slice
    outer: float  # widths in nm of the cores between which the field differs
    inner: float
    origin: np.ndarray
    counts: np.ndarray
    bounds: np.ndarray


def fine_pieces(sampled: SampledLines, box: np.ndarray, spread: float) -> list[Piece]:
    """Lay grids around tight curves; arguments as in `fine_fields`."""
    pieces = []
    for line in range(len(sampled.turns)):
        rows = sampled.samples[sampled.start[line] : sampled.start[line + 1]]
        width = _widths(rows)
        whole = np.linalg.norm(np.diff(rows[:, :3], axis=0), axis=1) < FAR / 2
        outer = spread
        while (width < 0.99 * outer).any():
            inner = max(outer / 2, float(width.min()))
            if width.min() > 0.4 * outer:
                inner = float(width.min())
            for first, last in _runs(rows, whole & (width < 0.99 * outer), 12 * outer):
                grid = _grid(rows[first : last + 1, :3], inner / 2, 3.5 * outer, box)
                if grid is not None:
                    pieces.append(Piece(line, slice(first, last + 1), outer, inner, *grid))
            outer = inner
    return pieces


def fine_fields(
    lines: Sequence[Dislocation],
    sampled: SampledLines,
    pieces: Sequence[Piece],
    g: np.ndarray,
    poisson_ratio: float,
) -> FineFields:
    """Sum, for tight curves, the field of a narrow core less that of the wide one.

    The difference decays with the third power of the distance over the width of the wide core.
    It is taken in steps of about a factor of two in width, each on a grid with its own spacing, so
    that the fine grids are small. Long lines are cut into pieces with a grid each.

    Parameters
    ----------
    lines, g, poisson_ratio
        As in `smooth_field`.
    sampled : SampledLines
        The same lines, which tell the width of the core along each.
    pieces : sequence of Piece
        From `fine_pieces`.

    Returns
    -------
    FineFields
    """
    counts = np.array([piece.counts for piece in pieces], dtype=np.int64).reshape(-1, 3)
    start = np.concatenate([[0], np.cumsum(3 * counts.prod(1))]).astype(np.int64)
    values = np.zeros(start[-1], np.float32)
    for i, piece in enumerate(pieces):
        rows = sampled.samples[sampled.start[piece.line] : sampled.start[piece.line + 1]]
        table = _differences(rows[piece.samples], lines[piece.line], g, piece)
        nx, ny, nz = piece.counts
        gradient = values[start[i] : start[i + 1]].reshape(nz, ny, 3, nx)
        spacing = piece.inner / 2
        _sum_segments(table, g.astype(np.float32), np.float32(poisson_ratio), spacing, gradient)
        for axis, shape in enumerate([(1, 1, 1, nx), (1, ny, 1, 1), (nz, 1, 1, 1)]):
            places = piece.origin[axis] + spacing * np.arange(piece.counts[axis])
            low, high = piece.bounds[:, axis]
            # Nothing in the outermost two nodes, at which places beyond the grid are taken.
            inside = np.minimum(places - low, high - places) - 2 * spacing
            fade = np.clip(inside / (1.4 * piece.outer), 0, 1)
            gradient *= (fade**2 * (3 - 2 * fade)).astype(np.float32).reshape(shape)
    origin = np.array([piece.origin for piece in pieces], dtype=float).reshape(-1, 3)
    spacings = np.array([piece.inner / 2 for piece in pieces], dtype=float)
    return FineFields(origin, spacings, counts, start, values)


def _widths(rows: np.ndarray) -> np.ndarray:
    """Width of the core of each segment between samples."""
    return np.sqrt((rows[1:, SQUARE] + rows[:-1, SQUARE]) / 2)


def _runs(rows: np.ndarray, wanted: np.ndarray, longest: float) -> list[tuple[int, int]]:
    """First and last sample of runs of wanted segments that fit in a cube."""
    pieces, first = [], None
    for i in range(len(wanted) + 1):
        more = i < len(wanted) and wanted[i]
        if first is not None and (
            not more or np.ptp(rows[first : i + 2, :3], axis=0).max() > longest
        ):
            pieces.append((first, i))
            first = None
        if more and first is None:
            first = i
    return pieces


def _grid(
    places: np.ndarray, spacing: float, margin: float, box: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Origin, counts and unclipped bounds of a piece's grid; None beyond the rays' volume."""
    bounds = np.array([places.min(0) - margin, places.max(0) + margin])
    low = np.maximum(bounds[0], box[0] - 3 * spacing)
    high = np.minimum(bounds[1], box[1] + 3 * spacing)
    if (high - low < 3 * spacing).any():
        return None
    counts = np.ceil((high - low) / spacing).astype(int) + 4
    return (low + high) / 2 - spacing * (counts - 1) / 2, counts, bounds


def _differences(rows: np.ndarray, line: Dislocation, g: np.ndarray, piece: Piece) -> np.ndarray:
    """Rows as of `_segments`, from the grid's origin: narrow cores, and wide ones with - b."""
    steps = np.diff(rows[:, :3], axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    along = steps / lengths[:, None]
    m = np.cross(along, line.burgers)
    gb = np.full(len(steps), g @ line.burgers)
    begin = rows[:-1, :3] - piece.origin
    table = [begin, along, np.zeros(len(steps)), lengths, gb, along @ g, m, m @ g]
    narrow = np.column_stack([*table, np.clip(_widths(rows), piece.inner, piece.outer) ** 2])
    wide = np.column_stack([*table, np.full(len(steps), piece.outer**2)])
    wide[:, [8, 10, 11, 12, 13]] *= -1
    return np.concatenate([narrow, wide]).astype(np.float32)


def _segments(line: Dislocation, g: np.ndarray, spread: float) -> np.ndarray:
    """Rows: reference point, tangent, where A and B lie, g.b, g.t, m = t x b, g.m, width**2."""
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
    square = np.full(len(steps), spread**2)
    return np.column_stack([points[:-1], along, begin, end, gb, along @ g, m, m @ g, square])


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
def _sum_segments(table, g, poisson_ratio, spacing, gradient):
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
                np.float32(k),
                np.float32(j),
                out,
            )


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _add_segment(segment, g, poisson_ratio, spacing, k, j, out):
    one = np.float32(1.0)
    scale = np.float32(0.25 / np.pi)
    kappa = np.float32(0.5) / (one - poisson_ratio)
    tx, ty, tz = segment[3], segment[4], segment[5]
    begin, end, gb, gt = segment[6], segment[7], segment[8], segment[9]
    mx, my, mz, gm = segment[10], segment[11], segment[12], segment[13]
    square = segment[14]
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
