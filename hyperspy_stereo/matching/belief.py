"""Left-right belief: what the lines of the other views think of a match."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["believe", "way_back"]

_SURE = 3.0


@numba.njit(cache=True, nogil=True)
def _beliefs(hit, marginals, out):
    for i in range(hit.shape[0]):
        for k in range(hit.shape[1]):
            j = hit[i, k]
            out[i, k] = 1.0 if j < 0 else min(marginals[j, k], _SURE) / _SURE


def believe(hit: np.ndarray, marginals: np.ndarray) -> np.ndarray:
    """Doubt of the other view about each label, 0 (its best) to 1 (no line, or others preferred).

    Since a line of the other view can have one disparity only, this is what makes two lines
    compete for it: a soft one-to-one assignment.

    Parameters
    ----------
    hit : (N, L) int ndarray
        Point of the other view that each label leads to, -1 if none.
    marginals : (M, L) ndarray
        Min-marginals of the other view's points, for the same labels.

    Returns
    -------
    (N, L) float32 ndarray

    Examples
    --------
    >>> import numpy as np
    >>> believe(np.array([[0, -1]], np.int32), np.array([[1.5, 0.]], np.float32)).tolist()
    [[0.5, 1.0]]
    """
    out = np.empty(hit.shape, np.float32)
    _beliefs(hit, np.ascontiguousarray(marginals, np.float32), out)
    return out


def way_back(hit: np.ndarray, choice: np.ndarray, other_choice: np.ndarray) -> np.ndarray:
    """Difference in labels between a point's choice and that of the point it leads to.

    Parameters
    ----------
    hit : (N, L) int ndarray
        Point of the other view that each label leads to, -1 if none.
    choice : (N,) int ndarray
        Chosen label of the points.
    other_choice : (M,) int ndarray
        Chosen label of the other view's points.

    Returns
    -------
    (N,) float ndarray
        Absolute difference, infinite where the choice leads to no line.
    """
    if choice.size == 0:
        return np.zeros(0)
    j = hit[np.arange(choice.size), choice]
    if other_choice.size == 0:
        return np.full(choice.size, np.inf)
    return np.where(j >= 0, np.abs(other_choice[np.maximum(j, 0)] - choice), np.inf)
