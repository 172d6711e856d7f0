"""Fewer points for the same line, so that a browser has less to draw."""

from __future__ import annotations

import numpy as np

__all__ = ["thinned"]

LONGEST = 8  # points that one straight piece may stand for; colours change along it only linearly


def thinned(points: np.ndarray, line_index: np.ndarray, tolerance: float) -> np.ndarray:
    """Numbers of the points that are enough to draw polylines.

    Blocks of 8 points are halved until what is left out lies within the tolerance of the straight
    pieces that replace it. Ends of lines are kept.

    Parameters
    ----------
    points : numpy.ndarray
        (N, 3), ordered along the lines.
    line_index : numpy.ndarray
        (N,), contiguous.
    tolerance : float
        Largest distance of a left-out point from its piece, unit of the points.

    Returns
    -------
    numpy.ndarray
        (M,) increasing numbers of points, M <= N.

    Examples
    --------
    >>> straight = np.column_stack([np.arange(17.0), np.zeros(17), np.zeros(17)])
    >>> thinned(straight, np.zeros(17, int), 0.1)
    array([ 0,  8, 16])
    """
    count = len(line_index)
    if count == 0:
        return np.zeros(0, np.int64)
    number = np.arange(count)
    starts = np.flatnonzero(np.diff(line_index, prepend=line_index[0] - 1))
    sizes = np.diff(starts, append=count)
    within = number - np.repeat(starts, sizes)
    last = np.repeat(starts + sizes - 1, sizes)
    keep = (within % LONGEST == 0) | (number == last)
    bent = np.ones(count, bool)  # points of blocks that are still to be halved
    step = LONGEST
    while step > 1:
        first = number - within % step
        end = np.minimum(first + step, last)
        off = _distance(points, points[first], points[end])
        block = np.flatnonzero(np.diff(first, prepend=-1))
        worst = np.maximum.reduceat(off, block)
        bent &= np.repeat(worst > tolerance, np.diff(block, append=count))
        step //= 2
        keep |= bent & (within % step == 0)
    return np.flatnonzero(keep)


def _distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of points from straight pieces."""
    along = end - start
    length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    along = along / length
    off = points - start
    place = np.clip((off * along).sum(axis=1, keepdims=True), 0, length)
    return np.linalg.norm(off - place * along, axis=1)
