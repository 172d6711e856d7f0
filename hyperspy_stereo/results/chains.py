"""From matched points along chains to lines: what is kept, what is left out, and why."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "REASONS",
    "ChainMatch",
    "cut_chains",
    "good_points",
    "point_lengths",
    "rasterise",
    "tally",
]

# Codes of a point's status in a match.
MATCHED, UNMATCHED, OUT_OF_VIEW, NOT_REAL = range(4)

# Why a point is not in a line; index 0 is for points that are.
REASONS = ("kept", "unmatched", "out of view", "low confidence", "too short", "gap")
KEPT, NO_COUNTERPART, OUTSIDE, DOUBTFUL, SHORT, GAP = range(6)


class ChainMatch(Protocol):
    """What a line is built from: the matched points of one view, ordered along chains.

    `points` (N, 2) px, `disparity`, `sigma` (N,) px, `confidence` (N,) 0..1, `line` (N,) chain
    label, `status` (N,) with 0 matched, 1 unmatched, 2 out of view, 3 not real (a filled gap).
    """

    view: int
    points: np.ndarray
    disparity: np.ndarray
    sigma: np.ndarray
    confidence: np.ndarray
    line: np.ndarray
    status: np.ndarray


def point_lengths(points: ArrayLike, line: ArrayLike) -> np.ndarray:
    """Length of line that each point stands for: half of the segments on its two sides.

    Parameters
    ----------
    points : array-like of shape (N, D)
        Ordered along each line.
    line : array-like of shape (N,)
        Line label; the points of a line are contiguous.

    Returns
    -------
    numpy.ndarray
        (N,), unit of the points; the sum is the total length.

    Examples
    --------
    >>> point_lengths([[0, 0], [3, 4], [3, 5]], [0, 0, 0])
    array([2.5, 3. , 0.5])
    """
    xyz, label = np.asarray(points, dtype=np.float64), np.asarray(line)
    out = np.zeros(len(xyz))
    if len(xyz) < 2:
        return out
    segment = np.linalg.norm(np.diff(xyz, axis=0), axis=1) * (label[1:] == label[:-1])
    out[:-1] += segment / 2
    out[1:] += segment / 2
    return out


def cut_chains(
    match: ChainMatch,
    min_confidence: float,
    min_length: float,
    max_gap: float,
    max_jump: float = np.inf,
) -> tuple[np.ndarray, np.ndarray]:
    """Which piece of line each point of a match belongs to.

    A point is good if it is matched, with a finite disparity and at least the confidence asked
    for. Good neighbours on a chain are joined; a chain is cut where good points are missing over
    more than `max_gap`. Filled gaps (points that are not real, such as the far side of a
    crossing) are kept as bridges between good points, however long.

    Parameters
    ----------
    match : ChainMatch
        Points of one view.
    min_confidence : float
        0..1.
    min_length : float
        Pieces shorter than this along the image, px, are left out; so are single points.
    max_gap : float
        Longest stretch without good points that a line may step over, px.
    max_jump : float
        Largest change of disparity between neighbours, px, beside half a px per px of distance.

    Returns
    -------
    piece : numpy.ndarray
        (N,), int; number of the piece, counted along the points, -1 for points in none.
    reason : numpy.ndarray
        (N,), uint8; index into :data:`REASONS`.
    """
    count = len(match.points)
    piece = np.full(count, -1)
    reason = _initial_reasons(match, min_confidence)
    good = np.flatnonzero(reason == KEPT)
    if good.size == 0:
        return piece, reason
    line = np.asarray(match.line)
    arc = np.zeros(count)
    arc[1:] = np.cumsum(np.linalg.norm(np.diff(match.points, axis=0), axis=1))
    bad = np.cumsum((reason != KEPT) & (reason != GAP))
    a, b = good[:-1], good[1:]
    near = arc[b] - arc[a] <= max_gap
    bridged = (bad[a] == bad[b]) & (b > a + 1)
    jump = np.abs(np.asarray(match.disparity)[b] - np.asarray(match.disparity)[a])
    smooth = jump <= max_jump + 0.5 * (arc[b] - arc[a])
    joined = (line[a] == line[b]) & (near | bridged) & smooth
    piece[good] = np.concatenate([[0], np.cumsum(~joined)])
    for start, stop in zip(a[joined & bridged], b[joined & bridged], strict=True):
        piece[start:stop] = piece[start]
    reason[(piece >= 0) & (reason == GAP)] = KEPT

    member = np.flatnonzero(piece >= 0)
    length = np.zeros(piece.max() + 1)
    np.add.at(length, piece[member], point_lengths(np.asarray(match.points)[member], piece[member]))
    short = (length < min_length) | (np.bincount(piece[member]) < 2)
    dropped = member[short[piece[member]]]
    reason[dropped] = SHORT
    number = np.cumsum(~short) - 1
    piece[member] = number[piece[member]]
    piece[dropped] = -1
    return piece, reason


def good_points(match: ChainMatch, min_confidence: float) -> np.ndarray:
    """Which points are matched with enough confidence, (N,) bool."""
    return _initial_reasons(match, min_confidence) == KEPT


def _initial_reasons(match: ChainMatch, min_confidence: float) -> np.ndarray:
    """Reason of each point, before pieces are looked at."""
    status = np.asarray(match.status)
    reason = np.full(len(status), KEPT, dtype=np.uint8)
    reason[np.asarray(match.confidence) < min_confidence] = DOUBTFUL
    reason[~np.isfinite(match.confidence)] = DOUBTFUL
    reason[~np.isfinite(match.disparity)] = NO_COUNTERPART
    reason[status == UNMATCHED] = NO_COUNTERPART
    reason[status == OUT_OF_VIEW] = OUTSIDE
    reason[status == NOT_REAL] = GAP
    return reason


def tally(match: ChainMatch, reason: np.ndarray) -> dict[str, tuple[int, float]]:
    """Number of points, and length in the image (px), for each reason in :data:`REASONS`.

    Parameters
    ----------
    match : ChainMatch
        Points of one view.
    reason : numpy.ndarray
        (N,), from :func:`cut_chains`.

    Returns
    -------
    dict
        ``{reason: (points, length in px)}``; the lengths sum to that of all chains.
    """
    length = point_lengths(match.points, match.line)
    return {
        name: (int((reason == i).sum()), float(length[reason == i].sum()))
        for i, name in enumerate(REASONS)
    }


def rasterise(
    points: np.ndarray,
    values: np.ndarray,
    line: np.ndarray,
    shape: tuple[int, int],
    width: float = 3.0,
    max_gap: float = 3.0,
) -> np.ndarray:
    """Draw values along chains into an image; where chains overlap, the nearer centre line wins.

    Parameters
    ----------
    points : numpy.ndarray
        (N, 2), x, y in px, ordered along the chains.
    values : numpy.ndarray
        (N,).
    line : numpy.ndarray
        (N,), chain label; contiguous.
    shape : (H, W)
        Of the image.
    width : float
        Width of the drawn band, px.
    max_gap : float
        Neighbours on a chain up to this far apart, px, are joined by a straight piece with
        linearly interpolated values.

    Returns
    -------
    numpy.ndarray
        (H, W), float64, NaN where nothing is drawn.
    """
    image = np.full(shape, np.nan)
    if len(points) == 0:
        return image
    xy, value = _densify(points, values, line, max_gap)
    reach = int(np.ceil(width / 2))
    step = np.arange(-reach, reach + 1)
    dx, dy = (grid.ravel() for grid in np.meshgrid(step, step))
    column = np.rint(xy[:, :1]).astype(np.int64) + dx
    row = np.rint(xy[:, 1:]).astype(np.int64) + dy
    distance = np.hypot(column - xy[:, :1], row - xy[:, 1:])
    # The samples are half a pixel apart along the chain: a quarter more reaches between them.
    use = (distance <= width / 2 + 0.25) & (column >= 0) & (column < shape[1])
    use &= (row >= 0) & (row < shape[0])
    flat, distance = (row * shape[1] + column)[use], distance[use]
    value = np.broadcast_to(value[:, None], use.shape)[use]
    # Of the candidates of a pixel the nearest is written last.
    order = np.argsort(-distance, kind="stable")
    image.ravel()[flat[order]] = value[order]
    return image


def _densify(
    points: np.ndarray, values: np.ndarray, line: np.ndarray, max_gap: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points and values at steps of about half a pixel."""
    gap = np.linalg.norm(np.diff(points, axis=0), axis=1)
    joined = (line[1:] == line[:-1]) & (gap <= max_gap)
    pieces = np.where(joined, np.maximum(np.ceil(gap / 0.5), 1), 1).astype(np.int64)
    start = np.repeat(np.arange(len(gap)), pieces)
    first = np.concatenate([[0], np.cumsum(pieces)[:-1]]) if len(gap) else np.zeros(0, np.int64)
    t = (np.arange(len(start)) - first[start]) / pieces[start] if len(gap) else np.zeros(0)
    xy = points[start] + t[:, None] * (points[start + 1] - points[start])
    value = values[start] + t * (values[start + 1] - values[start])
    return np.vstack([xy, points[-1:]]), np.concatenate([value, values[-1:]])
