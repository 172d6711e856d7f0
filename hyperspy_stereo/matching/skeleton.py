"""From a line mask to branches: pixel walks between free ends and junctions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

__all__ = ["Branches", "trace_branches"]

_EIGHT = np.ones((3, 3), int)


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
        branches = _walk(thin)
        short = _spurs(branches, spur)
        if not short:
            break
        for i in short:
            x, y = branches.paths[i].T.astype(int)
            thin[y, x] = False
        # What a spur leaves at its junction is a corner; thinning again makes it a plain walk.
        thin = skeletonize(thin)
    branches = _walk(thin)
    paths = [path - 1.0 for path in branches.paths]
    return Branches(paths, branches.junctions, branches.closed, branches.centres - 1.0)


def _spurs(branches: Branches, spur: float) -> list[int]:
    degree = np.bincount(branches.junctions[branches.junctions >= 0], minlength=1)
    found = []
    for i, (path, ends) in enumerate(zip(branches.paths, branches.junctions, strict=True)):
        free = (ends < 0).sum()
        if free == 1 and len(path) < spur and degree[ends.max()] >= 3:
            found.append(i)
    return found


def _walk(thin: np.ndarray) -> Branches:
    neighbours = ndimage.convolve(thin.astype(np.uint8), np.ones((3, 3), np.uint8)) - 1
    junction = thin & (neighbours >= 3)
    spots, n_spots = ndimage.label(junction, _EIGHT)
    pieces, n_pieces = ndimage.label(thin & ~junction, _EIGHT)
    flat, sizes = _order_pieces(pieces, n_pieces)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    width = thin.shape[1]
    paths, ends, closed = [], [], []
    for a, b in pairwise(bounds):
        walk = flat[a:b]
        rows, columns = walk // width, walk % width
        first, last = _touching(spots, rows, columns)
        ring = (
            first < 0
            and last < 0
            and len(walk) > 8
            and max(abs(rows[0] - rows[-1]), abs(columns[0] - columns[-1])) <= 1
        )
        paths.append(np.column_stack([columns, rows]).astype(float))
        ends.append((first, last))
        closed.append(ring)
    centres = np.zeros((0, 2))
    if n_spots:
        rc = ndimage.center_of_mass(junction, spots, np.arange(1, n_spots + 1))
        centres = np.array(rc)[:, ::-1]
    junctions = np.array(ends, int).reshape(-1, 2)
    return Branches(paths, junctions, np.array(closed, bool), centres)


def _touching(spots, rows, columns):
    """Junctions next to the two ends of a walk; two different ones for a single pixel."""
    found = []
    for r, c in ((rows[0], columns[0]), (rows[-1], columns[-1])):
        near = np.unique(spots[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2])
        found.append([int(k) - 1 for k in near if k])
    first, last = found
    if len(rows) == 1:
        return (first[0] if first else -1), (first[1] if len(first) > 1 else -1)
    a = first[0] if first else -1
    b = next((k for k in last if k != a), last[0] if last else -1)
    return a, b


@numba.njit(cache=True)
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
