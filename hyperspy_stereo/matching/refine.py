"""From labels to sub-pixel disparities: where a row meets the other line, smoothed along it."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from hyperspy_stereo.matching.chains import Chains

__all__ = ["intersect_lines", "parabola", "smooth_along"]

_REACH = 1.5


def intersect_lines(
    chains: Chains,
    start: np.ndarray,
    partners: list[tuple[np.ndarray, Chains, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Disparity at which each point's row meets the partner lines.

    Parameters
    ----------
    chains : Chains
        Lines of the view.
    start : (N,) ndarray
        Disparity so far, px.
    partners : list of tuple
        Per other view: point hit by each point (-1 none), its lines, and the baseline (2,).

    Returns
    -------
    disparity : (N,) ndarray
        Least-squares intersection with all partners, ``start`` where there is none near.
    weight : (N,) ndarray
        Squared sine between baseline and partner line, summed: 0 where the line runs along the
        rows, so that its position says nothing about the disparity.
    """
    total, weight = np.zeros(len(chains)), np.zeros(len(chains))
    for hit, lines, baseline in partners:
        if len(lines) == 0:
            continue
        j = np.maximum(hit, 0)
        tangent = lines.tangent[j]
        step = lines.points[j] - chains.points
        sine = baseline[0] * tangent[:, 1] - baseline[1] * tangent[:, 0]
        offset = step[:, 0] * tangent[:, 1] - step[:, 1] * tangent[:, 0]
        value = offset * sine / np.maximum(sine**2, 1e-6)
        good = (hit >= 0) & (np.abs(value - start) < _REACH)
        w = np.where(good, sine**2, 0.0)
        total += w * value
        weight += w
    return np.where(weight > 0, total / np.maximum(weight, 1e-12), start), weight


def parabola(cost: np.ndarray, choice: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Vertex of the parabola through the cost at the chosen label and its two neighbours.

    Parameters
    ----------
    cost : (N, L) ndarray
        Costs.
    choice : (N,) int ndarray
        Chosen labels.
    labels : (L,) ndarray
        Disparities in px.

    Returns
    -------
    (N,) ndarray
        Disparity in px, within half a label of the choice.
    """
    value = labels[choice].astype(float)
    if len(labels) < 3 or choice.size == 0:
        return value
    inner = np.clip(choice, 1, len(labels) - 2)
    rows = np.arange(choice.size)
    a, b, c = (cost[rows, inner + k].astype(float) for k in (-1, 0, 1))
    bend = a - 2 * b + c
    move = np.where(bend > 1e-6, 0.5 * (a - c) / np.maximum(bend, 1e-6), 0.0)
    return value + np.clip(move, -0.5, 0.5) * (labels[1] - labels[0]) * (inner == choice)


def smooth_along(
    chains: Chains,
    value: np.ndarray,
    weight: np.ndarray,
    stiffness: float = 60.0,
    scale: float = 0.7,
    break_at: float = 4.0,
    iterations: int = 6,
) -> tuple[np.ndarray, np.ndarray]:
    """Robust smoothing along lines: small second differences, Cauchy loss.

    Parameters
    ----------
    chains : Chains
        Lines of the view.
    value, weight : (N,) ndarray
        Measured disparity in px and its weight (1: well measured, 0: not at all).
    stiffness : float
        Weight of the squared second difference.
    scale : float
        Cauchy scale in px.
    break_at : float
        Steps between neighbours above this (px) are jumps, across which nothing is smoothed.
    iterations : int
        Reweighted solutions.

    Returns
    -------
    smooth : (N,) ndarray
        Smoothed disparity in px.
    support : (N,) ndarray
        Weight after the Cauchy loss.
    """
    n = len(value)
    if n < 3:
        return value.copy(), weight.copy()
    joined = (np.diff(chains.line) == 0) & (np.abs(np.diff(value)) < break_at)
    bend = (joined[:-1] & joined[1:]) * stiffness
    # A little first-difference stiffness ties pieces too short for a second difference.
    tie = joined * 0.01
    main, first, second = np.zeros(n), np.zeros(n), np.zeros(n)
    main[:-2] += bend
    main[1:-1] += 4 * bend
    main[2:] += bend
    first[1:-1] += -2 * bend
    first[2:] += -2 * bend
    second[2:] += bend
    main[:-1] += tie
    main[1:] += tie
    first[1:] -= tie
    smooth, support = value, weight
    for _ in range(iterations):
        bands = np.stack([second, first, main + support + 1e-6])
        smooth = solveh_banded(bands, (support + 1e-6) * value)
        support = weight / (1 + ((value - smooth) / scale) ** 2)
    return smooth, support
