"""One to one: which groups of detections are particles, so that no detection is used twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from hyperspy_stereo.matching.particles.hypotheses import Hypotheses

__all__ = ["assign", "rivals"]

TIME = 3.0  # s, after which the best solution so far is taken
ALTERNATIVE = np.log(50.0)  # a rival less than 50 times less likely makes a particle ambiguous


def assign(groups: Hypotheses, scores: NDArray) -> NDArray[np.int64]:
    """Choose groups with the largest sum of scores in which no detection occurs twice.

    For two views this is the linear assignment problem; for more it is solved as an integer linear
    programme (A. B. Poore, Comput. Optim. Appl. 3 (1994) 27) by HiGHS, which is exact. Groups that
    share nothing with others are taken at once, so that only the doubtful ones are left to solve.

    Parameters
    ----------
    groups : Hypotheses
        Candidates.
    scores : (H,) ndarray
        Log-likelihood ratios; groups below 0 are never chosen.

    Returns
    -------
    numpy.ndarray
        Indices of the chosen groups.

    Examples
    --------
    >>> members = np.array([[0, 0], [0, 1], [1, 1]])
    >>> groups = Hypotheses(members, np.zeros((3, 3)), np.ones((3, 3)), np.zeros(3))
    >>> assign(groups, np.array([2.0, 3.0, 2.0])).tolist()
    [0, 2]
    """
    useful = np.flatnonzero(scores > 0)
    if len(useful) == 0:
        return useful
    uses = _uses(groups.members[useful])
    alone = np.asarray(uses.T @ (np.asarray(uses.sum(axis=1)).ravel() > 1)).ravel() == 0
    doubtful = np.flatnonzero(~alone)
    chosen = useful[alone]
    if len(doubtful):
        picked = _solve(uses[:, doubtful], scores[useful[doubtful]])
        chosen = np.concatenate([chosen, useful[doubtful[picked]]])
    return np.sort(chosen)


def _uses(members: NDArray[np.int64]) -> sparse.csr_array:
    """(detections, groups): which group uses which detection."""
    group, view = np.nonzero(members >= 0)
    most = int(members.max()) + 1
    detection = view * most + members[group, view]
    shape = (members.shape[1] * most, len(members))
    return sparse.csr_array((np.ones(len(group)), (detection, group)), shape=shape)


def _solve(uses: sparse.csr_array, scores: NDArray) -> NDArray[np.int64]:
    uses = uses[np.asarray(uses.sum(axis=1)).ravel() > 1]
    found = optimize.milp(
        -scores,
        constraints=optimize.LinearConstraint(uses, -np.inf, 1.0),
        bounds=optimize.Bounds(0, 1),
        integrality=np.ones(len(scores)),
        options={"time_limit": TIME, "mip_rel_gap": 1e-4},
    )
    if found.x is not None:
        return np.flatnonzero(found.x > 0.5)
    # Out of time without any solution: the best first, as long as they are free.
    taken, picked = np.zeros(uses.shape[0], dtype=bool), []
    columns = uses.tocsc()
    for k in np.argsort(-scores):
        rows = columns.indices[columns.indptr[k] : columns.indptr[k + 1]]
        if not taken[rows].any():
            taken[rows] = True
            picked.append(int(k))
    return np.array(picked, dtype=np.int64)


def rivals(groups: Hypotheses, scores: NDArray, chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which chosen groups have a rival that is nearly as likely, at another depth.

    Parameters
    ----------
    groups, scores
        As for :func:`assign`.
    chosen : (M,) int ndarray
        What it gave.

    Returns
    -------
    numpy.ndarray
        (M,) bool.
    """
    ambiguous = np.zeros(len(chosen), dtype=bool)
    if len(chosen) == 0:
        return ambiguous
    uses = _uses(groups.members)
    shared = (uses.T @ uses).tocsr()
    # A rival counts if it could stand in: what it shares with other chosen groups is not free.
    taken_by_others = np.asarray(uses[:, chosen].sum(axis=1)).ravel()
    busy = np.asarray(uses.T @ taken_by_others).ravel()
    some = shared[chosen].tocoo()
    k, other = some.coords
    h = chosen[k]
    near = (scores[other] > scores[h] - ALTERNATIVE) & (other != h)
    near &= busy[other] - some.data < 0.5
    apart = np.abs(groups.points[other, 2] - groups.points[h, 2])
    error = np.hypot(groups.errors[other, 2], groups.errors[h, 2])
    ambiguous[k[near & (apart > 3 * error)]] = True
    return ambiguous
