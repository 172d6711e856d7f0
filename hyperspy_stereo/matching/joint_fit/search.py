"""The depth of one line: fitted from its match and from a sweep, and the better of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_dilation, uniform_filter1d

from hyperspy_stereo.matching.joint_fit.free_profile import correlated_noise, cost_along
from hyperspy_stereo.matching.joint_fit.layout import ViewGeometry
from hyperspy_stereo.matching.joint_fit.registration import (
    LineDepth,
    LineStart,
    compare_at,
    fit_depth,
    scan_depth,
)
from hyperspy_stereo.matching.joint_fit.strips import SmoothViews
from hyperspy_stereo.matching.joint_fit.sweep import sweep_depth

__all__ = ["BLURS", "BestDepth", "best_depth"]

BLURS = ((2.0, 4), (1.0, 4), (0.5, 5))
"""px, and steps: coarse first, so that a start one width off is drawn in."""
MOVED = 4.0
"""Sigmas of the start beyond which a new depth has to be justified."""
EVIDENCE = 0.0
"""Chi-square that it must gain over 16 px of the line, errors that hang together allowed for."""
REACH = 8.0
"""px along the line on each side that evidence is summed over."""
SWEPT_SIGMA = 0.5
"""px of disparity within which the path of a sweep is believed."""
SURE = 8.0
"""Chi-square, errors that hang together allowed for, by which one of both fits must be better to be
taken although the other has the first claim: the fit from the sweep where there are more views than
the match has seen, else that from the match."""


@dataclass(frozen=True, eq=False)
class BestDepth:
    """The better of two fits of a line; n points.

    Attributes
    ----------
    fit : LineDepth
        Of all views.
    supported : (n,) bool ndarray
        False where the depth of the match was kept.
    apart : (n,) ndarray
        By how much the two fits differ, px of depth: large where the views allow several answers.
    """

    fit: LineDepth
    supported: np.ndarray
    apart: np.ndarray


def best_depth(
    stack: list[SmoothViews], seen: ViewGeometry, start: LineStart, span: tuple[float, float]
) -> BestDepth:
    """Find the depth of a line, and where the views speak for it.

    Parameters
    ----------
    stack : list of SmoothViews
        Views smoothed as `BLURS` says.
    seen, start
        See ``registration.compare_at``.
    span : (float, float)
        Disparities between the outermost views to try, px.

    Returns
    -------
    BestDepth
    """
    matched = _settled(stack, seen, start, scan_depth(stack[0], seen, start))
    # The middle smoothing: the coarse one mixes neighbours, the fine one has minima at every dot.
    path = sweep_depth(stack[1], seen, start, span).depth
    sigma = np.full(len(path), SWEPT_SIGMA / start.per_depth)
    swept = _settled(stack[1:], seen, replace(start, depth=path, sigma=sigma), path)
    claim = SURE if len(seen.across) > 2 else -SURE
    fit = swept if _gain(stack[1], seen, start, matched, swept) > -claim else matched
    apart = np.abs(swept.depth - matched.depth)
    kept = _without_evidence(stack[-1], seen, start, fit)
    if kept.any():
        fit = fit_depth(stack[-1], seen, start, fit.depth, BLURS[-1][1], hold=kept)
    seen_there = (fit.comparison.weight > 0).mean(axis=(0, 2)) > 0.5
    return BestDepth(fit, seen_there & ~kept, apart)


def _settled(
    stack: list[SmoothViews], seen: ViewGeometry, start: LineStart, depth: np.ndarray
) -> LineDepth:
    """Fit through all smoothings of `stack`, which are the last of `BLURS`."""
    for views, (_, steps) in zip(stack, BLURS[-len(stack) :], strict=True):
        fit = fit_depth(views, seen, start, depth, steps)
        depth = fit.depth
    return fit


def _gain(
    views: SmoothViews, seen: ViewGeometry, start: LineStart, fit: LineDepth, other: LineDepth
) -> float:
    """Chi-square by which another fit of a line is better."""
    before = compare_at(views, seen, start, fit.depth)
    after = compare_at(views, seen, start, other.depth)
    gain = _gain_along(before, after, before.noise).sum() * start.spacing
    return float(gain / correlated_noise(before))


def _gain_along(before, after, noise: np.ndarray) -> np.ndarray:
    gain = cost_along(before, noise) - cost_along(after, noise)
    # Points that the move took into or out of a view cannot be compared.
    both = (before.weight > 0).sum(axis=(0, 2)) == (after.weight > 0).sum(axis=(0, 2))
    return np.where(both, gain, 0.0)


def _without_evidence(
    views: SmoothViews, seen: ViewGeometry, start: LineStart, fit: LineDepth
) -> np.ndarray:
    """Points that moved far from the start although the views agree hardly better there."""
    far = np.abs(fit.depth - start.depth) > MOVED * start.sigma
    if not far.any():
        return far
    before = compare_at(views, seen, start, start.depth)
    size = 2 * int(REACH / start.spacing) + 1
    gain = _gain_along(before, fit.comparison, fit.comparison.noise)
    total = uniform_filter1d(gain, size, mode="constant") * size
    total *= start.spacing / correlated_noise(fit.comparison)
    return binary_dilation(far & (total < EVIDENCE), iterations=3)
