"""Min-sum over the points of a chain: the best disparities, and what any other would cost."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["chain_marginals"]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _spread(message, slope, reach, jump, out):
    """out[d] = min over e of message[e] + cost of the step, less the least message."""
    n = message.size
    low = message[0]
    for d in range(1, n):
        low = min(low, message[d])
    for d in range(n):
        out[d] = min(message[d] - low, jump)
    for k in range(1, min(reach, n - 1) + 1):
        extra = slope * k - low
        for d in range(n - k):
            out[d] = min(out[d], message[d + k] + extra)
        for d in range(k, n):
            out[d] = min(out[d], message[d - k] + extra)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _sweep(cost, first, last, slope, reach, jump, passes, out):
    """Messages into every point from the side of ``first``; rings are run ``passes`` times."""
    n_labels = cost.shape[1]
    step = 1 if last >= first else -1
    message = np.zeros(n_labels, np.float32)
    carried = np.zeros(n_labels, np.float32)
    for _ in range(passes):
        i = first
        while True:
            for d in range(n_labels):
                out[i, d] = carried[d]
                message[d] = carried[d] + cost[i, d]
            following = i if i == last else i + step
            _spread(message, slope, reach, min(jump[i], jump[following]), carried)
            if i == last:
                break
            i += step


@numba.njit(cache=True, nogil=True, fastmath=True)
def _all_chains(cost, bounds, closed, slope, reach, jump):
    left = np.zeros_like(cost)
    right = np.zeros_like(cost)
    for k in range(bounds.size - 1):
        a, b = bounds[k], bounds[k + 1] - 1
        if b < a:
            continue
        passes = 3 if closed[k] else 1
        _sweep(cost, a, b, slope, reach, jump, passes, left)
        _sweep(cost, b, a, slope, reach, jump, passes, right)
    for i in range(cost.shape[0]):
        low = np.float32(np.inf)
        for d in range(cost.shape[1]):
            left[i, d] += right[i, d] + cost[i, d]
            low = min(low, left[i, d])
        for d in range(cost.shape[1]):
            left[i, d] -= low
    return left


def chain_marginals(
    cost: np.ndarray,
    bounds: np.ndarray,
    closed: np.ndarray,
    slope: float,
    reach: int,
    jump: np.ndarray,
) -> np.ndarray:
    """Min-marginals of labels along chains.

    A step by k labels between neighbours costs ``slope k`` up to ``reach``, and the jump cost
    beyond: a line is steep at most so far, but a chain may have been linked wrongly.

    Parameters
    ----------
    cost : (N, L) float32 ndarray
        Cost of every label at every point.
    bounds : (C + 1,) int ndarray
        First point of every chain, and N.
    closed : (C,) bool ndarray
        Chains whose last point neighbours their first; these are run three times around.
    slope : float
        Cost per label.
    reach : int
        Longest step in labels that is not a jump.
    jump : (N,) ndarray
        Cost of a jump at each point; the lower of two neighbours counts.

    Returns
    -------
    (N, L) float32 ndarray
        Least cost of the whole chain given the label, less the least of all: 0 at the best label.

    Examples
    --------
    >>> import numpy as np
    >>> cost = np.array([[0, 2, 2], [2, 1.9, 2], [0, 2, 2]], np.float32)
    >>> out = chain_marginals(cost, np.array([0, 3]), np.array([False]), 1.0, 1, np.full(3, 9.0))
    >>> out.argmin(1).tolist()
    [0, 0, 0]
    """
    if cost.size == 0:
        return np.zeros_like(cost, np.float32)
    return _all_chains(
        np.ascontiguousarray(cost, np.float32),
        np.asarray(bounds, np.int64),
        np.asarray(closed, bool),
        np.float32(slope),
        int(reach),
        np.asarray(jump, np.float32),
    )
