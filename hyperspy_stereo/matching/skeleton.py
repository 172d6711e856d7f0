"""From a line mask to branches: pixel walks between free ends and junctions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from skimage.morphology import skeletonize

__all__ = ["Branches", "trace_branches"]


@dataclass(frozen=True)
class Branches:
    """Branches of a skeleton.

    Attributes
    ----------
    paths : list of (n, 2) ndarray
        x, y in px along each branch.
    junctions : (B, 2) int ndarray
        Junction at the first and last point of each branch, -1 for a free end.
    closed : (B,) bool ndarray
        Closed curves without a junction.
    centres : (J, 2) ndarray
        x, y of the junctions in px.
    """

    paths: list
    junctions: np.ndarray
    closed: np.ndarray
    centres: np.ndarray


def trace_branches(mask: np.ndarray, spur: float = 7.0) -> Branches:
    """Skeletonise a mask, prune its spurs twice, and walk along what is left.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        Line mask.
    spur : float
        Branches from a junction to a free end shorter than this (px) go.

    Returns
    -------
    Branches

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((16, 32), bool)
    >>> mask[7:10, 4:28] = True
    >>> [len(path) > 18 for path in trace_branches(mask).paths]
    [True]
    """
    thin = skeletonize(np.pad(np.asarray(mask, bool), 1))
    for _ in range(2):
        flat, bounds, ends, _, _ = _walk(thin)
        short = _spurs(np.diff(bounds), ends, spur)
        if not short.any():
            break
        thin.ravel()[flat[np.repeat(short, np.diff(bounds))]] = False
        # What a spur leaves at its junction is a corner; thinning again makes it a plain walk.
        thin = skeletonize(thin)
    flat, bounds, ends, closed, spots = _walk(thin)
    points = np.column_stack([flat % thin.shape[1], flat // thin.shape[1]]) - 1.0
    return Branches([points[a:b] for a, b in pairwise(bounds)], ends, closed, _centres(spots) - 1.0)


def _spurs(sizes: np.ndarray, ends: np.ndarray, spur: float) -> np.ndarray:
    """Which branches are short and lead from a junction of three or more to nowhere."""
    degree = np.bincount(ends[ends >= 0], minlength=1)
    loose = (ends < 0).sum(1) == 1
    return loose & (sizes < spur) & (degree[ends.max(1)] >= 3)


def _walk(thin: np.ndarray) -> tuple[np.ndarray, ...]:
    """Pixels of all branches (flat), their bounds, junctions at the ends, rings, and junctions."""
    spots, pieces, n_pieces = _parts(thin)
    flat, sizes = _order_pieces(pieces, n_pieces)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    ends, closed = _ends(flat, bounds, spots)
    return flat, bounds, ends, closed, spots


def _centres(spots: np.ndarray) -> np.ndarray:
    """Mean x, y of each junction."""
    rows, columns = np.nonzero(spots)
    number = spots[rows, columns] - 1
    count = np.bincount(number)[:, None]
    return np.column_stack([np.bincount(number, along) for along in (columns, rows)]) / count


@numba.njit(cache=True, nogil=True)
def _parts(thin):
    """Junctions and what lies between them, as 8-connected components in raster order."""
    height, width = thin.shape
    # 0 background, 1 line, 2 junction
    kind = np.zeros((height, width), np.uint8)
    for r in range(1, height - 1):
        for c in range(1, width - 1):
            if thin[r, c]:
                around = 0
                for i in range(r - 1, r + 2):
                    for j in range(c - 1, c + 2):
                        around += thin[i, j]
                kind[r, c] = 2 if around > 3 else 1
    found = np.zeros((2, height, width), np.int32)
    number = np.zeros(2, np.int64)
    stack = np.empty((height * width, 2), np.int32)
    for r in range(1, height - 1):
        for c in range(1, width - 1):
            if kind[r, c] == 0 or found[kind[r, c] - 1, r, c] > 0:
                continue
            sort = kind[r, c]
            part = found[sort - 1]
            number[sort - 1] += 1
            part[r, c] = number[sort - 1]
            stack[0] = r, c
            top = 1
            while top > 0:
                top -= 1
                y, x = stack[top]
                for i in range(y - 1, y + 2):
                    for j in range(x - 1, x + 2):
                        if kind[i, j] == sort and part[i, j] == 0:
                            part[i, j] = number[sort - 1]
                            stack[top] = i, j
                            top += 1
    return found[1], found[0], number[0]


@numba.njit(cache=True, nogil=True)
def _lowest(spots, pixel, but):
    """Number of a junction next to a pixel, the lowest that is not ``but``; -1 for none."""
    r, c = pixel // spots.shape[1], pixel % spots.shape[1]
    found = -1
    for i in range(r - 1, r + 2):
        for j in range(c - 1, c + 2):
            k = spots[i, j] - 1
            if k >= 0 and k != but and (found < 0 or k < found):
                found = k
    return found


@numba.njit(cache=True, nogil=True)
def _ends(flat, bounds, spots):
    """Junctions at the ends of walks, two different ones if possible; and which are rings."""
    width = spots.shape[1]
    ends = np.full((bounds.size - 1, 2), -1, np.int64)
    closed = np.zeros(bounds.size - 1, np.bool_)
    for k in range(bounds.size - 1):
        first, last = flat[bounds[k]], flat[bounds[k + 1] - 1]
        a = _lowest(spots, first, -1)
        b = _lowest(spots, last, a)
        if b < 0 and bounds[k + 1] - bounds[k] > 1:
            b = _lowest(spots, last, -1)
        ends[k] = a, b
        near = abs(first // width - last // width) <= 1 and abs(first % width - last % width) <= 1
        closed[k] = a < 0 and b < 0 and bounds[k + 1] - bounds[k] > 8 and near
    return ends, closed


@numba.njit(cache=True, nogil=True)
def _order_pieces(pieces, n_pieces):
    """Pixels of each 8-connected piece in walking order (flat indices, sizes)."""
    height, width = pieces.shape
    counts = np.zeros(n_pieces + 1, np.int64)
    start = np.full(n_pieces + 1, -1, np.int64)
    is_end = np.zeros(n_pieces + 1, np.bool_)
    for r in range(height):
        for c in range(width):
            k = pieces[r, c]
            if k == 0:
                continue
            counts[k] += 1
            around = 0
            for i in range(max(r - 1, 0), min(r + 2, height)):
                for j in range(max(c - 1, 0), min(c + 2, width)):
                    if pieces[i, j] == k:
                        around += 1
            if start[k] < 0 or (around <= 2 and not is_end[k]):
                start[k] = r * width + c
                is_end[k] = around <= 2
    flat = np.empty(counts.sum(), np.int64)
    seen = np.zeros((height, width), np.bool_)
    n = 0
    sizes = np.zeros(n_pieces, np.int64)
    for k in range(1, n_pieces + 1):
        r, c = start[k] // width, start[k] % width
        first = n
        while r >= 0:
            seen[r, c] = True
            flat[n] = r * width + c
            n += 1
            nr, nc, best = -1, -1, 3
            for i in range(max(r - 1, 0), min(r + 2, height)):
                for j in range(max(c - 1, 0), min(c + 2, width)):
                    if pieces[i, j] == k and not seen[i, j]:
                        away = abs(i - r) + abs(j - c)
                        if away < best:
                            nr, nc, best = i, j, away
            r, c = nr, nc
        sizes[k - 1] = n - first
    return flat[:n], sizes
