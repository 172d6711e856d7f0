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
from hyperspy_stereo.matching.joint_fit.strips import (
    SmoothViews,
    strip_positions,
    view_rows,
)

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
    comparison : Comparison
        Of the views at this depth.
    """

    depth: np.ndarray
    sigma: np.ndarray
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
    views: SmoothViews, seen: ViewGeometry, line: LineStart, depth: np.ndarray
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

    Returns
    -------
    Comparison
    """
    at = strip_positions(line.base, line.normal, depth, seen)
    rows = view_rows(seen)
    along = seen.parallax @ seen.direction
    lever = along - (np.bincount(rows, along) / np.bincount(rows))[rows]
    lever = lever / np.linalg.norm(lever)
    values, slopes = views.along(at)
    return compared(values, slopes, rows, lever, line.spacing)


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
    tried = [compare_at(views, seen, line, depth) for depth in moved]
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
    begin: np.ndarray,
    steps: int,
    *,
    hold: np.ndarray | None = None,
) -> LineDepth:
    """Find the depth along a line at which all views agree with their common pattern.

    Parameters
    ----------
    views, seen, line
        See :func:`compare_at`.
    begin : (n,) ndarray
        Depth to begin with, px.
    steps : int
        At most so many, one at least.
    hold : (n,) bool ndarray, optional
        Points that stay at the depth of the start.

    Returns
    -------
    LineDepth
    """
    splines, stiff = line.splines, _stiffness(line)
    coefficients = np.linalg.lstsq(splines, begin, rcond=None)[0]
    for _ in range(steps):
        depth = splines @ coefficients
        at = compare_at(views, seen, line, depth)
        # Each pixel counts once, however dense the samples are.
        weight = at.weight * (line.spacing / correlated_noise(at))
        trust = _trust(line, depth, hold)
        information = (weight * at.slope**2).sum(axis=(0, 2)) + trust
        score = trust * (line.depth - depth) - (weight * at.residual * at.slope).sum(axis=(0, 2))
        covariance = np.linalg.inv(splines.T @ (information[:, None] * splines) + stiff)
        move = covariance @ (splines.T @ score - stiff @ coefficients)
        far = float(np.abs(splines @ move).max()) * line.per_depth
        coefficients = coefficients + move * min(1.0, LARGEST_STEP / max(far, 1e-12))
        if far < SMALL_STEP:
            break
    sigma = np.sqrt(np.einsum("ni,ij,nj->n", splines, covariance, splines))
    depth = splines @ coefficients
    return LineDepth(depth, sigma, compare_at(views, seen, line, depth))


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
