"""Depth of one line by trying all depths at once: a start that owes nothing to a match.

A match of two views can sit on another line, and no small step leads from there to the right one.
So the line is laid at every depth in question, and all views are compared there; the best path
through these depths, smooth along the line, is the start of the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from hyperspy_stereo.matching.joint_fit.free_profile import correlated_noise, cost_along
from hyperspy_stereo.matching.joint_fit.layout import ViewGeometry
from hyperspy_stereo.matching.joint_fit.registration import LineStart, compare_at
from hyperspy_stereo.matching.joint_fit.strips import SmoothViews
from hyperspy_stereo.matching.viterbi import chain_marginals

__all__ = ["STEP", "Sweep", "sweep_depth"]

STEP = 0.25
"""px of disparity between the depths that are tried: half of what the finest smoothing passes."""
SLOPE = 3.0
"""Cost (half a chi-square) of 1 px of disparity from one point to the next."""
STEEPEST = 1.0
"""px of disparity per px of line; more is a jump."""
JUMP = 30.0
PATH_LENGTH = 2.0
"""px along the line over which steps of the path are smoothed."""
APART = 1.0
"""px of disparity; a path nearer than this is the same one."""
LEAST_SEEN = 0.6
"""Share of the strips of a depth that must lie inside of the views."""
PULL = 0.3
"""Weight of the match against that of the views; it decides where the views say nothing."""
START_LENGTH = 8.0
"""px along the line over which errors of a match hang together."""
ROUNDS = 2
"""Of the path: the first measures residuals by the noise at the match, the second at its path."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """The best path through the depths of a line; n points.

    Attributes
    ----------
    depth : (n,) ndarray
        px.
    margin : (n,) ndarray
        Half the chi-square by which the best path through another depth, at least 1 px of
        disparity away at this point, is worse.
    """

    depth: np.ndarray
    margin: np.ndarray


def sweep_depth(
    views: SmoothViews, seen: ViewGeometry, line: LineStart, span: tuple[float, float]
) -> Sweep:
    """Find the smooth path through all depths at which the views agree best.

    Parameters
    ----------
    views, seen, line
        See ``registration.compare_at``.
    span : (float, float)
        Least and greatest depth to try, px of disparity between the outermost views.

    Returns
    -------
    Sweep

    References
    ----------
    R. T. Collins, Proc. CVPR (1996) 358 (plane sweep); G. D. Forney, Proc. IEEE 61 (1973) 268.
    """
    labels = np.arange(span[0], span[1] + STEP, STEP)
    tried = [
        compare_at(views, seen, line, np.full(len(line.depth), label / line.per_depth))
        for label in labels
    ]
    inside = np.array([(one.weight > 0).sum(axis=(0, 2)) for one in tried])
    most = max(int(inside.max()), 1)
    pull = _pull(line, labels)
    depth, margin = line.depth, np.zeros(len(line.depth))
    for _ in range(ROUNDS):
        here = compare_at(views, seen, line, depth)
        cost = np.array([cost_along(one, here.noise) for one in tried])
        # Strips that leave the views on their way would look cheap.
        cost = np.where(inside > LEAST_SEEN * most, cost * most / np.maximum(inside, 1), np.nan)
        worst = np.nanmax(cost) if np.isfinite(cost).any() else 0.0
        cost = 0.5 * line.spacing / correlated_noise(here) * np.where(cost > -1, cost, worst).T
        path, margin = _best_path(cost + pull, line, labels)
        depth = path / line.per_depth
    return Sweep(depth, margin)


def _pull(line: LineStart, labels: np.ndarray) -> np.ndarray:
    """(n, L) cost of leaving the match: Cauchy's, so that a wrong one cannot hold the line."""
    far = (labels - line.per_depth * line.depth[:, None]) / (line.per_depth * line.sigma[:, None])
    return PULL * line.spacing / START_LENGTH * 4.5 * np.log1p((far / 9.0) ** 2)


def _best_path(
    cost: np.ndarray, line: LineStart, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth path of least cost, px of disparity, and its margin."""
    cost = cost - cost.min(axis=1, keepdims=True)
    marginals = chain_marginals(
        cost.astype(np.float32),
        np.array([0, len(cost)]),
        np.array([line.closed]),
        SLOPE * STEP,
        max(round(STEEPEST * line.spacing / STEP), 1),
        np.full(len(cost), JUMP),
    )
    best = labels[marginals.argmin(axis=1)]
    other = np.abs(labels - best[:, None]) > APART
    margin = np.where(other, marginals, np.inf).min(axis=1)
    path = gaussian_filter1d(best, PATH_LENGTH / line.spacing, mode="nearest")
    return path, np.where(np.isfinite(margin), margin, 0.0)
