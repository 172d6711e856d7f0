"""Closed lines: the point with which their list begins is chance, and must not cut them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hyperspy_stereo.results.chains import ChainMatch

__all__ = ["rings_closed"]

SEAM = 2.5  # px between the ends of a chain that is closed: points are about a pixel apart
FEWEST = 12  # points of a ring


@dataclass(frozen=True, eq=False)
class _Reordered:
    """The points of a match in another order; see `chains.ChainMatch`."""

    view: int
    points: np.ndarray
    disparity: np.ndarray
    sigma: np.ndarray
    confidence: np.ndarray
    line: np.ndarray
    status: np.ndarray


def rings_closed(match: ChainMatch, good: np.ndarray) -> ChainMatch:
    """Let each closed chain begin behind its longest gap, or end where it begins.

    Parameters
    ----------
    match : ChainMatch
        Points of one view, ordered along chains.
    good : numpy.ndarray
        (N,), bool; points that will be kept.

    Returns
    -------
    ChainMatch
        With the same points in another order. A closed chain all of whose points are good has its
        first point once more at the end, so that the line closes.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    >>> ring = 6 * np.column_stack([np.cos(turn), np.sin(turn)])
    >>> names = ("disparity", "sigma", "confidence", "line", "status")
    >>> match = SimpleNamespace(view=0, points=ring, **{name: np.zeros(40) for name in names})
    >>> closed = rings_closed(match, np.ones(40, bool))
    >>> len(closed.points), bool((closed.points[0] == closed.points[-1]).all())
    (41, True)
    """
    line, points = np.asarray(match.line), np.asarray(match.points)
    if len(line) == 0:
        return match
    starts = np.concatenate([[0], np.flatnonzero(line[1:] != line[:-1]) + 1, [len(line)]])
    parts = [
        _ring_order(first, last, good)
        if last - first >= FEWEST and np.linalg.norm(points[first] - points[last - 1]) <= SEAM
        else np.arange(first, last)
        for first, last in pairwise(starts)
    ]
    order = np.concatenate(parts)
    names = ("points", "disparity", "sigma", "confidence", "line", "status")
    return _Reordered(match.view, *(np.asarray(getattr(match, name))[order] for name in names))


def _ring_order(first: int, last: int, good: np.ndarray) -> np.ndarray:
    """Indices of a ring's points, from behind the longest run of bad ones on."""
    ring = np.arange(first, last)
    bad = ~good[first:last]
    if not bad.any():
        return np.append(ring, first)
    if bad.all():
        return ring
    begin = int(np.argmin(bad))  # a good point: no run of bad ones is cut when counting from here
    turned = np.roll(bad, -begin)
    run = np.zeros(len(turned), int)
    for k, is_bad in enumerate(turned):
        run[k] = (run[k - 1] + 1) if is_bad and k else int(is_bad)
    return np.roll(ring, -(begin + int(np.argmax(run)) + 1))
