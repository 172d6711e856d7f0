"""From labels to sub-pixel disparities: where a row meets the other line, smoothed along it."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from hyperspy_stereo.matching.chains import Chains

__all__ = ["correlation_peak", "fuse", "intersect_lines", "parabola", "roughness", "smooth_along"]

_REACH = 1.5
_LAG = 12
_UNIT_NOISE = 0.15
_LEAST_NOISE, _MOST_NOISE = 0.08, 1.5
_FEW = 40
_PRIOR = 0.05
_STEEP, _LEAST_TRUST = 0.1, 0.005


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


def correlation_peak(
    correlation: list[np.ndarray], choice: np.ndarray, labels: np.ndarray, reach: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Sub-pixel disparity of the best correlation near the choice, and how sharp its peak is.

    Parameters
    ----------
    correlation : list of (N, L) ndarray
        Correlation with every other view, NaN outside of it.
    choice : (N,) int ndarray
        Chosen labels.
    labels : (L,) ndarray
        Disparities in px.
    reach : float
        Farthest from the choice in px.

    Returns
    -------
    disparity, sharpness : (N,) ndarray
        Disparity in px, and the fall of the correlation from there over ``reach``.
    """
    total = np.mean([np.nan_to_num(c, nan=0.0) for c in correlation], axis=0)
    steps = int(reach / (labels[1] - labels[0]))
    away = np.arange(-steps, steps + 1)
    index = np.clip(choice[:, None] + away, 0, len(labels) - 1)
    rows = np.arange(choice.size)
    # Of two peaks the nearer one, so that noise does not pull to the edge of the search.
    near = np.take_along_axis(total, index, 1) - 0.02 * np.abs(away)
    best = index[rows, near.argmax(1)]
    sides = [total[rows, np.clip(best + k, 0, len(labels) - 1)] for k in (-steps, steps)]
    sharp = np.clip(total[rows, best] - 0.5 * (sides[0] + sides[1]), 0.0, 1.0)
    return parabola(-total, best, labels), sharp


def roughness(chains: Chains, value: np.ndarray, good: np.ndarray, default: float) -> float:
    """Noise of a measure along lines in px, from its second differences over 12 px.

    That is farther than skeletons and correlation windows reach, and near enough for lines to
    be straight. Robust; ``default`` where fewer than 40 points tell.
    """
    if len(value) <= 2 * _LAG:
        return default
    line, lag = chains.line, _LAG
    usable = (line[2 * lag :] == line[: -2 * lag]) & good[2 * lag :] & good[: -2 * lag]
    usable &= good[lag:-lag]
    if usable.sum() < _FEW:
        return default
    bend = (value[2 * lag :] - 2 * value[lag:-lag] + value[: -2 * lag])[usable] / np.sqrt(6)
    return float(np.clip(1.4826 * np.median(np.abs(bend)), _LEAST_NOISE, _MOST_NOISE))


def fuse(
    chains: Chains,
    start: np.ndarray,
    crossing: np.ndarray,
    sine2: np.ndarray,
    peak: np.ndarray,
    sharpness: np.ndarray,
    sine: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Combine two measures of disparity by the noise that each shows on these very views.

    Clean masks of noisy images and rough masks of clean images both occur; which of the two
    places lines better is seen from how roughly each varies along them.

    Parameters
    ----------
    chains : Chains
        Lines of the view.
    start : (N,) ndarray
        Disparity so far, px; has a small weight of its own.
    crossing, sine2 : (N,) ndarray
        From `intersect_lines`.
    peak, sharpness : (N,) ndarray
        From `correlation_peak`.
    sine : (N,) ndarray
        Sine between the line and the baseline. Along a line parallel to the baseline the
        correlation sees what crosses the line, not the line itself, and counts for little.

    Returns
    -------
    value, weight : (N,) ndarray
        Disparity in px, and its weight: 1 for a standard deviation of 0.15 px.
    """
    clear = (sine2 > 0.3) & chains.real
    usual = float(np.median(sharpness[clear])) if clear.any() else 0.3
    noise_line = roughness(chains, crossing, clear, 0.2)
    noise_peak = roughness(chains, peak, clear & (sharpness > 0.5 * usual), 0.5)
    w_line = sine2 * (_UNIT_NOISE / noise_line) ** 2
    steep = np.clip(sine**2 / _STEEP, _LEAST_TRUST, 1)
    w_peak = np.minimum(sharpness / max(usual, 0.05), 1) ** 2 * (_UNIT_NOISE / noise_peak) ** 2
    w_peak, w_start = steep * w_peak, steep * _PRIOR
    total = w_line + w_peak + w_start
    return (w_line * crossing + w_peak * peak + w_start * start) / total, total


def smooth_along(
    chains: Chains,
    value: np.ndarray,
    weight: np.ndarray,
    stiffness: float = 500.0,
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
