"""Min-sum over the points of a chain: the best disparities, and what any other would cost."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["chain_marginals"]


_NEVER = np.float32(1e30)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _step(carried, cost, slope, reach, jump, padded):
    """What a point passes on to the next: its costs, and those of the step from label to label."""
    n = carried.size
    message = padded[reach : reach + n]
    low = _NEVER
    for d in range(n):
        message[d] = carried[d] + cost[d]
        low = min(low, message[d])
    # One loop per distance: these are compiled to vector instructions.
    for k in range(1, reach + 1):
        extra = slope * np.float32(k)
        below, above = padded[reach - k : reach - k + n], padded[reach + k : reach + k + n]
        least = message if k == 1 else carried
        for d in range(n):
            carried[d] = min(least[d], min(below[d], above[d]) + extra)
    for d in range(n):
        carried[d] = min(carried[d] - low, jump)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _chain(cost, first, last, passes, slope, reach, jump, out):
    """Min-marginals of one chain, messages first from its front and then from its end."""
    n = cost.shape[1]
    padded = np.full(n + 2 * reach, _NEVER)
    carried = np.zeros(n, np.float32)
    for _ in range(passes):
        for i in range(first, last + 1):
            for d in range(n):
                out[i, d] = carried[d]
            _step(carried, cost[i], slope, reach, min(jump[i], jump[min(i + 1, last)]), padded)
    carried[:] = 0
    for turn in range(passes):
        for i in range(last, first - 1, -1):
            if turn == passes - 1:
                low = _NEVER
                for d in range(n):
                    out[i, d] += carried[d] + cost[i, d]
                    low = min(low, out[i, d])
                for d in range(n):
                    out[i, d] -= low
            _step(carried, cost[i], slope, reach, min(jump[i], jump[max(i - 1, first)]), padded)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _all_chains(cost, bounds, closed, slope, reach, jump):
    out = np.empty_like(cost)
    for k in range(bounds.size - 1):
        passes = 3 if closed[k] else 1
        _chain(cost, bounds[k], bounds[k + 1] - 1, passes, slope, reach, jump, out)
    return out


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
        Longest step in labels that is not a jump, at least 1; less is taken as 1.
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
        max(min(int(reach), cost.shape[1] - 1), 1),
        np.asarray(jump, np.float32),
    )
