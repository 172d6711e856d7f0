"""Place and height of a peak of g(r), with their errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize

__all__ = ["Peak", "fitted_peak"]

FINE = 6  # bins of a peak, from where on a cubic describes it
ROUNDS = 3  # of the correction of a peak for the width of the bins


class Peak(NamedTuple):
    """A maximum of g(r): place and height with their 1-sigma."""

    position: float
    position_error: float
    height: float
    height_error: float


def fitted_peak(r: np.ndarray, g: np.ndarray, error: np.ndarray, top: int) -> Peak:
    """Maximum of a cubic through ln g, over the bins around `top` above half of the height.

    Corrected for the width of the bins, which flatten a peak. A peak of few bins is taken as a
    bump of Gaussian shape in ln g.

    Parameters
    ----------
    r, g, error : (n,) ndarray
        Middles of the bins, g and its 1-sigma.
    top : int
        The highest bin of the peak.

    Returns
    -------
    Peak

    Examples
    --------
    >>> r = np.arange(5.05, 7, 0.1)
    >>> g = np.exp(2 * np.exp(-((r - 6) ** 2) / 0.32))
    >>> round(fitted_peak(r, g, 0.01 * g, int(g.argmax())).position, 2)
    6.0
    """
    half = 1 + 0.5 * (g[top] - 1)
    first = last = top
    while first > 0 and g[first - 1] > half:
        first -= 1
    while last + 1 < len(g) and g[last + 1] > half:
        last += 1
    if last - first < 2:
        first, last = max(first - 1, 0), last + 1
    use = slice(first, last + 1)
    good = g[use] > 0
    x, y = r[use][good] - r[top], np.log(g[use][good])
    spread = (error[use] / np.maximum(g[use], 1e-12))[good]
    width = r[1] - r[0]
    if len(x) < 3:
        return Peak(float(r[top]), float(width / 2), float(g[top]), float(error[top]))
    if len(x) < FINE:
        return _bump(x, y, spread, float(r[top]), width)
    order = 3
    design = np.vander(x, order + 1, increasing=True) / spread[:, None]
    covariance = np.linalg.pinv(design.T @ design)
    best = covariance @ design.T @ (y / spread)
    for _ in range(ROUNDS):
        # A bin shows the mean over its width, which at a peak is less than the middle.
        best = covariance @ design.T @ ((y - _lost_in_bins(best, x, r[top], width)) / spread)
    draws = np.random.default_rng(0).multivariate_normal(best, covariance, 300)
    fine = np.linspace(x[0], x[-1], 400)
    powers = np.vander(fine, order + 1, increasing=True)
    curve = powers @ best
    spots = (powers @ draws.T).T
    where = fine[spots.argmax(axis=1)]
    heights = np.exp(spots.max(axis=1))
    place = float(r[top] + fine[curve.argmax()])
    return Peak(place, float(where.std()), float(np.exp(curve.max())), float(heights.std()))


def _lost_in_bins(poly: np.ndarray, x: np.ndarray, origin: float, width: float) -> np.ndarray:
    """Logarithm of the mean of exp(polynomial) over each bin's shells, less that of its middle."""
    across = (np.arange(9) - 4) / 9 * width
    at = x[:, None] + across
    values = np.exp(np.polynomial.polynomial.polyval(at, poly))
    shells = (origin + at) ** 2
    mean = (values * shells).sum(axis=1) / shells.sum(axis=1)
    return np.log(mean) - np.polynomial.polynomial.polyval(x, poly)


def _bump(x: np.ndarray, y: np.ndarray, spread: np.ndarray, origin: float, width: float) -> Peak:
    """Peak of ln g = height exp(-(x - place)^2 / 2 size^2), as bins of some width show it."""
    across = (np.arange(9) - 4) / 9 * width
    at = x[:, None] + across
    shells = (origin + at) ** 2

    def misfit(p: np.ndarray) -> np.ndarray:
        g = np.exp(p[1] * np.exp(-((at - p[0]) ** 2) / (2 * p[2] ** 2)))
        return (np.log((g * shells).sum(axis=1) / shells.sum(axis=1)) - y) / spread

    bounds = ([x[0], 0.0, 0.4 * width], [x[-1], 4 * y.max() + 1, 4 * np.ptp(x)])
    best = optimize.least_squares(
        misfit, [0.0, y.max(), max(0.5 * np.ptp(x), width)], bounds=bounds
    )
    error = np.sqrt(np.diag(np.linalg.pinv(best.jac.T @ best.jac)))
    place, height, _ = best.x
    # No peak of a few bins is known better than by a fraction of one.
    return Peak(
        origin + float(place),
        max(float(error[0]), 0.02 * width),
        float(np.exp(height)),
        float(np.exp(height) * error[1]),
    )
