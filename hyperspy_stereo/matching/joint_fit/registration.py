"""The depth of one line from the strips of all views, by damped Gauss-Newton steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.matching.joint_fit.curve_basis import CurveBasis, second_differences
from hyperspy_stereo.matching.joint_fit.free_profile import (
    Comparison,
    compared,
    correlated_noise,
    cost_along,
)
from hyperspy_stereo.matching.joint_fit.layout import ViewGeometry
from hyperspy_stereo.matching.joint_fit.prior import KAPPA_SIGMA
from hyperspy_stereo.matching.joint_fit.strips import SmoothViews, strip_positions, strips

__all__ = ["LineDepth", "LineStart", "compare_at", "fit_depth", "scan_depth"]

BEND = 0.15
"""px of disparity per second difference of knots 4 px apart: what depth may bend."""
TRUST = 3.0
"""Sigmas of the start beyond which it pulls less and less (Cauchy)."""
START_LENGTH = 8.0
"""px along the line over which errors of the start hang together."""
LARGEST_STEP = 1.0
"""px of disparity; a linear step says little beyond the width of a line."""
SMALL_STEP = 0.01
CLOSED_SIGMA = 0.1
"""px of disparity by which the two ends of a closed line may differ."""
SCAN = np.arange(-3.0, 3.1, 0.5)
"""px of disparity by which a line as a whole may be off at the start."""
SCAN_GAIN = 16.0
"""Chi-square that another depth of the whole line must gain before it is believed."""


@dataclass(frozen=True, eq=False)
class LineStart:
    """What is known of a line before it is fitted; n points.

    Attributes
    ----------
    base, normal : (n, 2) ndarray
        Points in the reference view, px, and unit normals.
    spacing : float
        px between the points.
    splines : (n, K) ndarray
        Values of the splines of depth.
    depth : (n,) ndarray
        px.
    sigma : (n,) ndarray
        Of it, px.
    closed : bool
        The last point is next to the first.
    per_depth : float
        Disparity between the outermost views per depth.
    """

    base: np.ndarray
    normal: np.ndarray
    spacing: float
    splines: np.ndarray
    depth: np.ndarray
    sigma: np.ndarray
    closed: bool
    per_depth: float


@dataclass(frozen=True, eq=False)
class LineDepth:
    """Depth of a line as fitted.

    Attributes
    ----------
    depth, sigma : (n,) ndarray
        px; sigma of the information matrix, errors that hang together included.
    kappa : float
        px per mrad.
    comparison : Comparison
        Of the views at this depth.
    """

    depth: np.ndarray
    sigma: np.ndarray
    kappa: float
    comparison: Comparison


def line_start(
    basis: CurveBasis, line: int, sigma: np.ndarray, closed: bool, per_depth: float
) -> LineStart:
    """One line of a basis, with the sigma of its start at the vertices."""
    own = slice(basis.starts[line], basis.starts[line + 1])
    splines = basis.matrix(line)
    spacing = basis.spacing[line] * (basis.knots[line] - 3) / (len(splines) - 1)
    depth = splines @ basis.depth[line]
    return LineStart(
        basis.base[own], basis.normal[own], spacing, splines, depth, sigma, closed, per_depth
    )


def compare_at(
    views: SmoothViews, seen: ViewGeometry, line: LineStart, depth: np.ndarray, kappa: float
) -> Comparison:
    """Compare all views along a line at a depth.

    Parameters
    ----------
    views : SmoothViews
        V views.
    seen : ViewGeometry
        Of them.
    line : LineStart
        n points.
    depth : (n,) ndarray
        px.
    kappa : float
        px per mrad.

    Returns
    -------
    Comparison
    """
    at = strip_positions(line.base, line.normal, depth, kappa, seen)
    return compared(strips(views.values, at), strips(views.slopes, at), line.spacing)


def scan_depth(views: SmoothViews, seen: ViewGeometry, line: LineStart) -> np.ndarray:
    """Move a line as a whole to the depth at which the views agree best.

    Parameters
    ----------
    views, seen, line
        See :func:`compare_at`.

    Returns
    -------
    (n,) ndarray
        Depth at all points, px: that of the start unless another one is much better.
    """
    moved = [line.depth + shift / line.per_depth for shift in SCAN]
    tried = [compare_at(views, seen, line, depth, 0.0) for depth in moved]
    # All are measured in the noise of the start, so that a larger misfit costs more. Strips that
    # leave the views on their way would look cheap, and rule the shift out.
    start = tried[len(SCAN) // 2]
    seen_at_start = (start.weight > 0).sum()
    spread = correlated_noise(start)
    cost = np.array(
        [
            cost_along(c, start.noise).sum() / spread
            if (c.weight > 0).sum() > 0.9 * seen_at_start
            else np.inf
            for c in tried
        ]
    )
    cost += (SCAN / line.per_depth / (3 * np.median(line.sigma) + 1e-9)) ** 2
    best = int(cost.argmin())
    return moved[best] if cost[best] < cost[len(SCAN) // 2] - SCAN_GAIN else line.depth


def fit_depth(
    views: SmoothViews,
    seen: ViewGeometry,
    line: LineStart,
    begin: tuple[np.ndarray, float],
    steps: int,
    *,
    hold: np.ndarray | None = None,
) -> LineDepth:
    """Find the depth along a line at which all views agree with their common pattern.

    Parameters
    ----------
    views, seen, line
        See :func:`compare_at`.
    begin : ((n,) ndarray, float)
        Depth (px) and kappa (px per mrad) to begin with.
    steps : int
        At most so many.
    hold : (n,) bool ndarray, optional
        Points that stay at the depth of the start.

    Returns
    -------
    LineDepth
    """
    splines, stiff = line.splines, _stiffness(line)
    coefficients = np.linalg.lstsq(splines, begin[0], rcond=None)[0]
    kappa = begin[1]
    free = np.ptp(seen.across) > 1e-3
    size = splines.shape[1]
    for _ in range(max(steps, 1)):
        depth = splines @ coefficients
        at = compare_at(views, seen, line, depth, kappa)
        spread = correlated_noise(at)
        precision, pull = _data(at, splines, seen, spread, line.spacing)
        trust = _trust(line, depth, hold)
        precision[:size, :size] += splines.T @ (trust[:, None] * splines) + stiff
        pull[:size] += splines.T @ (trust * (line.depth - depth)) - stiff @ coefficients
        precision[size, size] += KAPPA_SIGMA**-2
        pull[size] -= kappa / KAPPA_SIGMA**2
        keep = slice(None) if free else slice(0, size)
        covariance = np.linalg.inv(precision[keep, keep])
        move = covariance @ pull[keep]
        far = float(np.abs(splines @ move[:size]).max()) * line.per_depth
        move *= min(1.0, LARGEST_STEP / max(far, 1e-12))
        coefficients = coefficients + move[:size]
        kappa += float(move[size]) if free else 0.0
        if far < SMALL_STEP:
            break
    sigma = np.sqrt(np.einsum("ni,ij,nj->n", splines, covariance[:size, :size], splines))
    depth = splines @ coefficients
    return LineDepth(depth, sigma, kappa, compare_at(views, seen, line, depth, kappa))


def _data(at: Comparison, splines: np.ndarray, seen: ViewGeometry, spread: float, spacing: float):
    """Normal equations of depth and kappa; each pixel counts once, however dense the samples."""
    weight = at.weight * (spacing / spread)
    size = splines.shape[1]
    shift = (seen.across - seen.across.mean())[:, None, None] * at.sideways
    pairs = (at.slope * at.slope, at.slope * shift, shift * shift)
    information = [(weight * pair).sum(axis=(0, 2)) for pair in pairs]
    score = [-(weight * at.residual * part).sum(axis=(0, 2)) for part in (at.slope, shift)]
    precision = np.zeros((size + 1, size + 1))
    precision[:size, :size] = splines.T @ (information[0][:, None] * splines)
    precision[:size, size] = precision[size, :size] = splines.T @ information[1]
    precision[size, size] = information[2].sum()
    return precision, np.append(splines.T @ score[0], score[1].sum())


def _trust(line: LineStart, depth: np.ndarray, hold: np.ndarray | None) -> np.ndarray:
    """Precision with which each point is drawn to its start."""
    far = (depth - line.depth) / (TRUST * line.sigma)
    trust = line.spacing / START_LENGTH / (TRUST * line.sigma) ** 2 / (1.0 + (far / TRUST) ** 2)
    return trust if hold is None else np.where(hold, 1e4 / line.sigma**2, trust)


def _stiffness(line: LineStart) -> np.ndarray:
    """Precision of bends, and of the step between the ends of a closed line."""
    rough = second_differences(line.splines.shape[1]) * (line.per_depth / BEND)
    stiff = rough.T @ rough + 1e-9 * np.eye(line.splines.shape[1])
    if line.closed:
        step = (line.splines[0] - line.splines[-1]) * (line.per_depth / CLOSED_SIGMA)
        stiff += np.outer(step, step)
    return stiff
