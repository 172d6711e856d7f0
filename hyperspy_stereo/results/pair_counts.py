"""Distances between particles counted, and how many to expect in a box."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["box_overlap", "expected_by_depth", "expected_pairs", "pair_counts", "pairs_by_depth"]

NODES = 6  # of the quadrature within a bin
FINE = 4  # parts of a bin along the beam, for pairs that are expected


def pair_counts(points: ArrayLike, bin_width: float, bins: int) -> tuple[NDArray, NDArray]:
    """Count pairs by distance, and the spread of the counts.

    Parameters
    ----------
    points : array-like of shape (N, 3)
        One length unit.
    bin_width : float
        Same unit.
    bins : int
        Number of bins from 0 on.

    Returns
    -------
    counts : numpy.ndarray
        (bins,) pairs, each once.
    variance : numpy.ndarray
        (bins,) of the counts: Poisson's, and what comes from particles that have more neighbours
        than others (borders, clusters), by Hajek's projection of a U-statistic (W. Hoeffding, Ann.
        Math. Statist. 19 (1948) 293).

    Examples
    --------
    >>> pair_counts([[0, 0, 0], [1.5, 0, 0]], 1.0, 3)[0].tolist()
    [0.0, 1.0, 0.0]
    """
    xyz = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 3)
    count = len(xyz)
    if count < 2:
        return np.zeros(bins), np.zeros(bins)
    low = xyz.min(axis=0)
    # Half the range: fewer distances that are too long than with cells of the whole range.
    side = np.maximum(bin_width * bins / 2, np.ptp(xyz, axis=0).max() / 200)
    shape = np.maximum((np.ptp(xyz, axis=0) / side).astype(np.int64) + 1, 1)
    reach = int(np.ceil(bin_width * bins / side))
    cell = np.minimum(((xyz - low) / side).astype(np.int64), shape - 1)
    key = (cell[:, 0] * shape[1] + cell[:, 1]) * shape[2] + cell[:, 2]
    order = np.argsort(key, kind="stable")
    start = np.searchsorted(key[order], np.arange(shape.prod() + 1))
    parts = np.array_split(np.arange(count), 8)
    sorted_points, sorted_cells = xyz[order], cell[order]

    def count_part(part: NDArray) -> tuple[NDArray, NDArray]:
        ends = part[0], part[-1] + 1
        return _count(sorted_points, sorted_cells, start, shape, reach, bin_width, bins, *ends)

    with ThreadPoolExecutor(numba.get_num_threads()) as pool:
        results = list(pool.map(count_part, [p for p in parts if len(p)]))
    once = sum(r[0] for r in results)
    squares = sum(r[1] for r in results)
    pairs = once / 2
    uneven = np.maximum(squares - once - once**2 / count, 0.0)
    return pairs, pairs + uneven


@numba.njit(cache=True, nogil=True, fastmath=True)
def _count(points, cell, start, shape, reach, width, bins, first, last):
    """Neighbours of points first..last by distance, and the sum of their squares."""
    once, squares = np.zeros(bins), np.zeros(bins)
    own = np.zeros(bins)
    limit = (width * bins) ** 2
    for i in range(first, last):
        own[:] = 0
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for a in range(max(cell[i, 0] - reach, 0), min(cell[i, 0] + reach + 1, shape[0])):
            for b in range(max(cell[i, 1] - reach, 0), min(cell[i, 1] + reach + 1, shape[1])):
                row = (a * shape[1] + b) * shape[2]
                begin = start[row + max(cell[i, 2] - reach, 0)]
                end = start[row + min(cell[i, 2] + reach + 1, shape[2])]
                for j in range(begin, end):
                    dx, dy, dz = points[j, 0] - x, points[j, 1] - y, points[j, 2] - z
                    r2 = dx * dx + dy * dy + dz * dz
                    if r2 < limit and j != i:
                        own[min(int(np.sqrt(r2) / width), bins - 1)] += 1
        for k in range(bins):
            once[k] += own[k]
            squares[k] += own[k] * own[k]
    return once, squares


def pairs_by_depth(points: ArrayLike, bin_width: float, bins: int) -> NDArray:
    """Count pairs by distance across the beam and along it.

    Parameters
    ----------
    points, bin_width, bins
        As for :func:`pair_counts`.

    Returns
    -------
    numpy.ndarray
        (bins, bins) pairs, each once: across, along.

    Examples
    --------
    >>> pairs_by_depth([[0, 0, 0], [1.5, 0, 0.2]], 1.0, 2).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    xyz = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 3)
    if len(xyz) < 2:
        return np.zeros((bins, bins))
    low, size = xyz[:, :2].min(axis=0), np.ptp(xyz[:, :2], axis=0)
    side = np.maximum(bin_width * bins / 2, size.max() / 400)
    shape = np.maximum((size / side).astype(np.int64) + 1, 1)
    reach = int(np.ceil(bin_width * bins / side))
    cell = np.minimum(((xyz[:, :2] - low) / side).astype(np.int64), shape - 1)
    key = cell[:, 0] * shape[1] + cell[:, 1]
    order = np.argsort(key, kind="stable")
    start = np.searchsorted(key[order], np.arange(shape.prod() + 1))
    return _table(xyz[order], cell[order], start, shape, reach, float(bin_width), bins)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _table(points, cell, start, shape, reach, width, bins):
    table = np.zeros((bins, bins))
    limit, inverse = (width * bins) ** 2, 1 / width
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for a in range(max(cell[i, 0] - reach, 0), min(cell[i, 0] + reach + 1, shape[0])):
            row = a * shape[1]
            begin = start[row + max(cell[i, 1] - reach, 0)]
            end = start[row + min(cell[i, 1] + reach, shape[1] - 1) + 1]
            for j in range(max(begin, i + 1), end):
                dx, dy = points[j, 0] - x, points[j, 1] - y
                square, along = dx * dx + dy * dy, int(abs(points[j, 2] - z) * inverse)
                if square < limit and along < bins:
                    table[min(int(np.sqrt(square) * inverse), bins - 1), along] += 1
    return table


def expected_by_depth(
    count: int, bin_width: float, bins: int, box: ArrayLike, slab: bool = True
) -> NDArray:
    """Pairs to expect by distance across and along the beam, of points at random in a box.

    Parameters
    ----------
    count, box, slab
        As for :func:`expected_pairs`.
    bin_width, bins
        As for :func:`pairs_by_depth`.

    Returns
    -------
    numpy.ndarray
        (bins, FINE bins): bins along the beam are FINE times finer.

    Examples
    --------
    >>> every = expected_by_depth(10, 1.0, 4, [4.0, 4.0, 4.0])
    >>> bool(every.sum() < 45)
    True
    """
    a, b, c = (float(s) for s in box)
    across = bin_width * np.arange(bins + 1)
    along = np.minimum(bin_width / FINE * np.arange(FINE * bins + 1), c if slab else np.inf)
    if slab:
        # Integrals of 2 pi r times the mean over azimuths of (a - |x|)(b - |y|), and of c - |z|.
        flat = np.pi * a * b * across**2 - 4 / 3 * (a + b) * across**3 + across**4 / 2
        deep = c * along - along**2 / 2
    else:
        flat, deep = np.pi * a * b * across**2, c * along
    share = np.diff(flat)[:, None] * 2 * np.diff(deep) / (a * b * c) ** 2
    return count * (count - 1) / 2 * share


def box_overlap(r: ArrayLike, box: ArrayLike) -> NDArray:
    """Volume that a box shares with itself moved by r, averaged over all directions.

    The mean over directions of ``(a - |x|)(b - |y|)(c - |z|)`` where all three are positive: the
    set covariance of a box (D. Stoyan, W. Kendall, J. Mecke, Stochastic Geometry and its
    Applications (1995), section 6.4). Here in closed form also for distances beyond the thickness,
    by integrating first over the azimuth and then over u = cos(polar angle) up to c/r.

    Parameters
    ----------
    r : array-like
        Distances, not above the smaller of the first two sides.
    box : array-like of shape (3,)
        Sides; the third is the thickness and may be smaller than r.

    Returns
    -------
    numpy.ndarray
        Of the shape of `r`.

    Raises
    ------
    ValueError
        If a side is not positive or a distance too large.

    Examples
    --------
    >>> box_overlap([0.0], [2.0, 3.0, 1.0]).tolist()
    [6.0]
    """
    a, b, c = (float(s) for s in box)
    distance = np.asarray(r, dtype=np.float64)
    if not min(a, b, c) > 0:
        raise ValueError(f"The sides of a box are positive; {list(box)} were given.")
    if distance.max(initial=0.0) > min(a, b) * (1 + 1e-9):
        raise ValueError(
            f"Distances go up to the smaller side of the field ({min(a, b):.4g}); "
            f"{distance.max():.4g} was given. Take a smaller r_max."
        )
    u = np.minimum(1.0, c / np.maximum(distance, 1e-300))
    w = np.sqrt(np.maximum(1 - u * u, 0))
    flat = a * b * (c * u - distance * u**2 / 2)
    half = (u * w + np.arcsin(u)) / 2
    edges = 2 * (a + b) * distance / np.pi * (c * half - distance * (1 - w**3) / 3)
    corners = distance**2 / np.pi * (c * (u - u**3 / 3) - distance * (u**2 / 2 - u**4 / 4))
    return flat - edges + corners


def expected_pairs(count: int, edges: ArrayLike, box: ArrayLike, slab: bool = True) -> NDArray:
    """Pairs to expect in each bin from as many points that lie at random in a box.

    Parameters
    ----------
    count : int
        Number of points.
    edges : array-like of shape (n + 1,)
        Of the bins.
    box : array-like of shape (3,)
        Sides.
    slab : bool
        Whether the box ends: the volume of a shell that lies in it. Otherwise the whole shell, as
        deep inside a large volume.

    Returns
    -------
    numpy.ndarray
        (n,).

    Examples
    --------
    >>> whole = expected_pairs(100, [0.0, 1.0], [1e3, 1e3, 1e3], slab=False)
    >>> bool(abs(whole[0] / (4950 * 4 / 3 * np.pi / 1e9) - 1) < 1e-9)
    True
    """
    edge = np.asarray(edges, dtype=np.float64)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    middle, half = (edge[1:] + edge[:-1]) / 2, np.diff(edge) / 2
    r = middle[:, None] + half[:, None] * nodes
    volume = float(np.prod(box))
    share = box_overlap(r, box) / volume if slab else np.ones_like(r)
    shell = (4 * np.pi * r**2 * share) @ weights * half
    return count * (count - 1) / 2 * shell / volume
