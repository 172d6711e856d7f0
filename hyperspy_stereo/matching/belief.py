"""Left-right belief: what the lines of the other views think of a match."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["BEYOND", "UNREAL", "costs_with_doubt", "way_back"]

BEYOND = -2  #: in place of a hit where a label leads outside the other view
UNREAL = 0.3  #: weight of points where no line was detected
_SURE = 3.0


@numba.njit(cache=True, nogil=True)
def _with_doubt(unary, hits, marginals, starts, real, belief, beyond):
    out = np.empty(unary.shape, np.float32)
    n_labels = unary.shape[1]
    doubt, seen = np.empty((2, n_labels), np.float32)
    one, most = np.float32(1), np.float32(_SURE)
    for i in range(unary.shape[0]):
        weight = belief if real[i] else belief * np.float32(UNREAL)
        doubt[:] = 0
        seen[:] = 0
        for v in range(hits.shape[0]):
            hit, start = hits[v, i], starts[v]
            for k in range(n_labels):
                seen[k] += one if hit[k] != BEYOND else np.float32(0)
            for k in range(n_labels):
                doubt[k] += one if hit[k] != BEYOND else np.float32(0)
            # Few labels hit a line: alone in a loop, they leave the others to vector instructions.
            for k in range(n_labels):
                if hit[k] >= 0:
                    doubt[k] += min(marginals[start + hit[k], k], most) / most - one
        for k in range(n_labels):
            mean = doubt[k] / max(seen[k], one) if seen[k] > 0 else beyond
            out[i, k] = unary[i, k] + weight * mean
    return out


def costs_with_doubt(
    unary: np.ndarray,
    hits: np.ndarray,
    marginals: list[np.ndarray],
    real: np.ndarray,
    belief: float,
    beyond: float,
) -> np.ndarray:
    """Costs of labels, and what the other views doubt of them.

    Doubt goes from 0 (the other line's best label) to 1 (no line there, or it prefers others by
    3); of several views it is the mean. Since a line of the other view can have one disparity
    only, this is what makes two lines compete for it: a soft one-to-one assignment.

    Parameters
    ----------
    unary : (N, L) float32 ndarray
        Costs before.
    hits : (P, N, L) int32 ndarray
        Point of each other view that each label leads to, -1 if none, `BEYOND` outside of it.
    marginals : list of (M, L) ndarray
        Min-marginals of each other view's points, for the same labels.
    real : (N,) bool ndarray
        Points where a line was detected; others are doubted less.
    belief : float
        Weight of doubt.
    beyond : float
        Doubt of labels that lead outside every other view.

    Returns
    -------
    (N, L) float32 ndarray

    Examples
    --------
    >>> import numpy as np
    >>> hits = np.array([[[0, -1, -2]]], np.int32)
    >>> theirs = [np.array([[1.5, 0.0, 0.0]], np.float32)]
    >>> unary = np.ones((1, 3), np.float32)
    >>> costs_with_doubt(unary, hits, theirs, np.array([True]), 2.0, 0.5).tolist()
    [[2.0, 3.0, 2.0]]
    """
    starts = np.cumsum([0] + [len(m) for m in marginals])
    joined = marginals[0] if len(marginals) == 1 else np.concatenate(marginals)
    return _with_doubt(unary, hits, joined, starts, real, np.float32(belief), np.float32(beyond))


def way_back(hit: np.ndarray, choice: np.ndarray, other_choice: np.ndarray) -> np.ndarray:
    """Difference in labels between a point's choice and that of the point it leads to.

    Parameters
    ----------
    hit : (N,) int ndarray
        Point of the other view that the chosen label leads to, negative if none.
    choice : (N,) int ndarray
        Chosen label of the points.
    other_choice : (M,) int ndarray
        Chosen label of the other view's points.

    Returns
    -------
    (N,) float ndarray
        Absolute difference, infinite where the choice leads to no line.
    """
    if other_choice.size == 0:
        return np.full(choice.size, np.inf)
    return np.where(hit >= 0, np.abs(other_choice[np.maximum(hit, 0)] - choice), np.inf)
