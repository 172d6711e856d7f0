"""From branches to chains: lines that run on through junctions, crossings and short gaps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from hyperspy_stereo.matching.skeleton import Branches, trace_branches

__all__ = ["Chains", "build_chains"]

_SHORTEST_SIDE = 6.0
_REACH = 12
_SKIP = 2
_PAD = 12  # points that continue a line beyond its ends while it is smoothed
_SIGMA, _SIGMA_SLOPE = 2.0, 3.0  # points, of the smoothing of positions and of directions


@dataclass(frozen=True)
class Chains:
    """Smooth lines of one view; the points of a line are contiguous and in order.

    Attributes
    ----------
    points : (N, 2) ndarray
        x, y in px, about one per pixel.
    tangent : (N, 2) ndarray
        Unit vectors along the line.
    line : (N,) int ndarray
        Number of the line.
    bounds : (L + 1,) int ndarray
        First point of every line, and N.
    closed : (L,) bool ndarray
        Lines that close on themselves.
    real : (N,) bool ndarray
        False where a gap of the mask is bridged.
    free_end : (N,) bool ndarray
        Points at a free end inside the frame.
    joint : (N,) bool ndarray
        Points where branches were linked, and maybe wrongly.
    """

    points: np.ndarray
    tangent: np.ndarray
    line: np.ndarray
    bounds: np.ndarray
    closed: np.ndarray
    real: np.ndarray
    free_end: np.ndarray
    joint: np.ndarray

    def __len__(self) -> int:
        return len(self.points)


def build_chains(
    mask: np.ndarray,
    detected: np.ndarray | None = None,
    spur: float = 7.0,
    bridge: float = 18.0,
    deflection: float = 30.0,
    gap: float = 24.0,
) -> Chains:
    """Turn a line mask into chains.

    Two lines that cross at a shallow angle share a bridge in the skeleton; a bridge is taken for
    a crossing only where each of its ends has exactly two other branches and the cross-wise
    pairs are straight. Elsewhere the ends at a junction are paired by least deflection.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        Line mask.
    detected : (H, W) bool ndarray, optional
        Pixels where a line was really seen; default ``mask``. Lines without any are dropped.
    spur, bridge, deflection, gap : float
        See `MatchSettings`.

    Returns
    -------
    Chains

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((32, 32), bool)
    >>> mask[15:18, 2:30] = mask[2:30, 15:18] = True
    >>> len(build_chains(mask).closed)
    2
    """
    branches = trace_branches(mask, spur)
    heading = _headings(branches.paths)
    links, absorbed = _link_bridges(branches, heading, bridge, deflection)
    _link_junctions(branches, heading, links, absorbed, deflection)
    _link_gaps(branches, heading, links, absorbed, gap, deflection)
    walks = _walk_links(branches, links, absorbed)
    return _assemble(branches, walks, np.asarray(mask if detected is None else detected, bool))


def _headings(paths):
    """Outward unit vectors (x, y) at the first and last point of each path."""
    if not paths:
        return []
    points, n = np.concatenate(paths), np.array([len(path) for path in paths])
    last = np.cumsum(n) - 1
    first = last - n + 1
    skip = np.where(n > 2 * _SKIP + 2, _SKIP, 0)
    far = np.minimum(skip + _REACH, n - 1)
    there = points[first + skip] - points[first + far], points[last - skip] - points[last - far]
    step = np.stack(there, 1)
    return (step / np.maximum(np.hypot(step[..., 0], step[..., 1]), 1e-9)[..., None]).tolist()


def _deflection(u, v):
    """Angle in degrees between walking out along u and walking in against v."""
    return math.degrees(math.acos(min(max(-u[0] * v[0] - u[1] * v[1], -1.0), 1.0)))


def _ends_at(branches):
    ends = [[] for _ in branches.centres]
    for b, pair in enumerate(branches.junctions):
        for side in (0, 1):
            if pair[side] >= 0:
                ends[pair[side]].append((b, side))
    return ends


def _link_bridges(branches, heading, longest, deflection):
    ends = _ends_at(branches)
    links, absorbed = {}, set()
    order = sorted(range(len(branches.paths)), key=lambda b: len(branches.paths[b]))
    for b in order:
        first, last = branches.junctions[b]
        if len(branches.paths[b]) > longest or first < 0 or last < 0 or first == last:
            continue
        sides = [[e for e in ends[j] if e[0] != b and e not in links] for j in (first, last)]
        if any(len(s) != 2 for s in sides) or any(len(ends[j]) != 3 for j in (first, last)):
            continue
        if any(len(branches.paths[e[0]]) < _SHORTEST_SIDE for s in sides for e in s):
            continue
        (a1, a2), (b1, b2) = sides
        if len({a1[0], a2[0], b1[0], b2[0]}) < 4:
            continue
        pairings = [((a1, b1), (a2, b2)), ((a1, b2), (a2, b1))]
        worst = [max(_deflection(_at(heading, p), _at(heading, q)) for p, q in s) for s in pairings]
        best = int(np.argmin(worst))
        if worst[best] < deflection:
            for p, q in pairings[best]:
                links[p], links[q] = q, p
            absorbed.add(b)
    return links, absorbed


def _at(heading, end):
    return heading[end[0]][end[1]]


def _link_junctions(branches, heading, links, absorbed, deflection):
    for ends in _ends_at(branches):
        free = [e for e in ends if e not in links and e[0] not in absorbed]
        pairs = [(e, f) for i, e in enumerate(free) for f in free[i + 1 :] if e[0] != f[0]]
        limit = deflection if len(ends) > 2 else 181.0
        scored = [(_deflection(_at(heading, e), _at(heading, f)), e, f) for e, f in pairs]
        for angle, e, f in sorted(scored):
            if angle < limit and e not in links and f not in links:
                links[e], links[f] = f, e


def _link_gaps(branches, heading, links, absorbed, gap, deflection):
    """Join free ends that face each other across a gap of the mask."""
    free = [
        (b, side)
        for b, pair in enumerate(branches.junctions)
        for side in (0, 1)
        if pair[side] < 0 and not branches.closed[b] and (b, side) not in links
        if b not in absorbed and len(branches.paths[b]) >= _SHORTEST_SIDE
    ]
    if gap <= 0 or len(free) < 2:
        return
    spot = np.array([branches.paths[b][-side] for b, side in free])
    out = np.array([_at(heading, e) for e in free])
    step = spot[None] - spot[:, None]
    length = np.hypot(step[..., 0], step[..., 1])
    unit = step / np.maximum(length, 1e-9)[..., None]
    leave = np.degrees(np.arccos(np.clip((unit * out[:, None]).sum(-1), -1, 1)))
    bent = np.maximum(leave, leave.T)
    i, j = np.nonzero(np.triu((length <= gap) & (bent < deflection), 1))
    for k in np.argsort(length[i, j] * (1 + bent[i, j] / deflection)):
        e, f = free[i[k]], free[j[k]]
        if e[0] != f[0] and e not in links and f not in links:
            links[e], links[f] = f, e


def _walk_links(branches, links, absorbed):
    """Order branches into chains: lists of (branch, reversed), and whether each closes."""
    left = [b for b in range(len(branches.paths)) if b not in absorbed]
    # Chains start at an unlinked end; what remains afterwards closes on itself.
    starts = [(b, side) for b in left for side in (0, 1) if (b, side) not in links]
    seen, walks = set(), []
    for start in starts + [(b, 0) for b in left]:
        if start[0] in seen:
            continue
        walk, end = [], start
        while end is not None and end[0] not in seen:
            seen.add(end[0])
            walk.append((end[0], end[1] == 1))
            end = links.get((end[0], 1 - end[1]))
        walks.append((walk, bool(end is not None and end[0] == start[0])))
    return walks


def _fill(a, b):
    n = int(np.ceil(np.hypot(*(b - a)))) - 1
    t = np.arange(1, n + 1)[:, None] / (n + 1)
    return a + t * (b - a)


def _assemble(branches: Branches, walks, mask) -> Chains:
    height, width = mask.shape
    points, real, free_end, closed, joint = [], [], [], [], []
    for walk, ring in walks:
        pieces, linked = [], []
        for b, backwards in walk:
            path = branches.paths[b][::-1] if backwards else branches.paths[b]
            if pieces:
                fill = _fill(pieces[-1][-1], path[0])
                linked += [False] * (len(pieces[-1]) - 1) + [True] * (len(fill) + 1)
                pieces.append(fill)
            pieces.append(path)
        ring = ring or (len(walk) == 1 and branches.closed[walk[0][0]])
        if ring:
            pieces.append(_fill(pieces[-1][-1], pieces[0][0]))
        raw = np.concatenate(pieces)
        if len(raw) < 3:
            continue
        on = np.round(raw).astype(int)
        seen = mask[on[:, 1], on[:, 0]]
        if not seen.any():
            continue
        points.append(raw)
        joint.append(np.array(linked + [False] * (len(raw) - len(linked)), bool))
        real.append(seen)
        free = np.zeros(len(raw), bool)
        if not ring:
            for spot, (b, backwards) in ((0, walk[0]), (-1, walk[-1])):
                side = int(backwards) if spot == 0 else 1 - int(backwards)
                x, y = raw[spot]
                inside = 4 <= x < width - 4 and 4 <= y < height - 4
                free[spot] = branches.junctions[b, side] < 0 and inside
        free_end.append(free)
        closed.append(ring)
    if not points:
        none = np.zeros((0, 2))
        flags = np.zeros(0, bool)
        return Chains(none, none, np.zeros(0, int), np.zeros(1, int), flags, flags, flags, flags)
    sizes = np.array([len(p) for p in points])
    bounds, closed = np.concatenate([[0], np.cumsum(sizes)]), np.array(closed, bool)
    return Chains(
        *_smooth(np.concatenate(points), bounds, closed),
        np.repeat(np.arange(len(sizes)), sizes),
        bounds,
        closed,
        np.concatenate(real),
        np.concatenate(free_end),
        np.concatenate(joint),
    )


def _half_gaussian(sigma):
    """Offsets from 0 on, and their weights as scipy.ndimage.gaussian_filter1d has them."""
    reach = int(4.0 * sigma + 0.5)
    x = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 / sigma**2 * x**2)
    return x[reach:], (kernel / kernel.sum())[reach:]


def _smooth(raw, bounds, closed):
    """Smoothed points of lines, and their tangents."""
    _, even = _half_gaussian(_SIGMA)
    x, weights = _half_gaussian(_SIGMA_SLOPE)
    odd = weights * (-x / _SIGMA_SLOPE**2)
    xy, slope = _filtered(raw, bounds, closed, even, odd)
    return xy, slope / np.maximum(np.hypot(slope[:, 0], slope[:, 1]), 1e-9)[:, None]


@numba.njit(cache=True, nogil=True)
def _beyond(raw, a, b, closed, i, axis):
    """Coordinate of a point of a line, or of what continues it: its other end or reflection."""
    # A ring of one point is its own neighbour; with a pad of 0 the next line would be read.
    pad = max(min(_PAD, b - a - 1), 1 if closed else 0)
    if i < a:
        m = min(a - i, pad)
        return raw[b - m, axis] if closed else 2 * raw[a, axis] - raw[a + m, axis]
    if i >= b:
        m = min(i - b + 1, pad)
        # Odd reflection keeps the end points and the direction at them.
        return raw[a + m - 1, axis] if closed else 2 * raw[b - 1, axis] - raw[b - 1 - m, axis]
    return raw[i, axis]


@numba.njit(cache=True, nogil=True)
def _filtered(raw, bounds, closed, even, odd):
    xy, slope = np.empty_like(raw), np.empty_like(raw)
    for line in range(bounds.size - 1):
        a, b, ring = bounds[line], bounds[line + 1], closed[line]
        for i in range(a, b):
            for axis in range(2):
                total = raw[i, axis] * even[0]
                for k in range(even.size - 1, 0, -1):
                    before = _beyond(raw, a, b, ring, i - k, axis)
                    total += (before + _beyond(raw, a, b, ring, i + k, axis)) * even[k]
                xy[i, axis] = total
                total = 0.0
                for k in range(odd.size - 1, 0, -1):
                    before = _beyond(raw, a, b, ring, i - k, axis)
                    total += (before - _beyond(raw, a, b, ring, i + k, axis)) * odd[k]
                slope[i, axis] = total
    return xy, slope
