"""Straight lines and planes through points whose depth is known worse than their place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

__all__ = ["LineFit", "PlaneFit", "fit_line", "fit_plane"]

ROUNDS = 30  # of either fit; both settle within some ten
LEAST_SPREAD = 1e-3  # squared errors; less than noise is no spread at all


@dataclass(frozen=True, eq=False)
class LineFit:
    """A straight line through points.

    Attributes
    ----------
    direction : (3,) ndarray
        Unit vector; its sign is that of the order of the points.
    covariance : (3, 3) ndarray
        Of the direction, rad^2; singular along it.
    centre : (3,) ndarray
        A point of the line.
    chi2 : float
        Mean square of the deviations over their errors, for one degree of freedom: 1 for a straight
        line with right errors, more for a bent one. Where it is above 1 it widens `covariance`.
    """

    direction: np.ndarray
    covariance: np.ndarray
    centre: np.ndarray
    chi2: float


@dataclass(frozen=True, eq=False)
class PlaneFit:
    """A plane through points.

    Attributes
    ----------
    normal : (3,) ndarray
        Unit vector with z not above 0, towards the source of the electrons.
    covariance : (3, 3) ndarray
        Of the normal, rad^2; singular along it. Nearly straight points leave the normal free to
        turn about them: its largest eigenvalue then is large.
    centre : (3,) ndarray
        A point of the plane.
    chi2 : float
        As that of a `LineFit`.
    """

    normal: np.ndarray
    covariance: np.ndarray
    centre: np.ndarray
    chi2: float


def fit_line(
    points: ArrayLike, sigma: ArrayLike, lateral: float, independent: float | None = None
) -> LineFit:
    """Fit a straight line by maximum likelihood.

    Parameters
    ----------
    points : (n, 3) array_like
        x, y, z, in the order of the line; 3 or more.
    sigma : (n,) array_like
        1-sigma of z, in the unit of the points, above 0.
    lateral : float
        1-sigma of x and of y, above 0.
    independent : float, optional
        Number of points with errors of their own; neighbours share theirs where a line was
        smoothed. Default: all.

    Returns
    -------
    LineFit

    Raises
    ------
    ValueError
        If there are too few points, they lie in one place, or an error is not above 0.

    Notes
    -----
    Weighted orthogonal regression (P. T. Boggs, J. E. Rogers, Contemporary Mathematics 112 (1990)
    183): the points' places along the line and the line itself are improved in turn.

    Examples
    --------
    >>> t = np.linspace(0, 90, 31)
    >>> fit = fit_line(np.outer(t, [0.6, 0.0, 0.8]), np.full(31, 2.0), lateral=0.5)
    >>> fit.direction.round(6).tolist(), round(float(np.degrees(np.sqrt(fit.covariance[0, 0]))), 1)
    ([0.6, 0.0, 0.8], 0.4)
    """
    points, weights = _checked(points, sigma, lateral, 3)
    share = _share(independent, len(points))
    if not np.ptp(points, axis=0).any():
        raise ValueError("the points lie in one place: a direction needs points that differ.")
    along = points[-1] - points[0]
    if not np.any(along):
        along = np.linalg.svd(points - points.mean(axis=0))[2][0]
    direction = along / np.linalg.norm(along)
    centre = _mean(points, weights)
    for _ in range(ROUNDS):
        pull = weights * direction
        t = ((points - centre) * pull).sum(axis=1) / (pull * direction).sum(axis=1)
        middle = (weights * t[:, None]).sum(axis=0) / weights.sum(axis=0)
        off = t[:, None] - middle
        slope = (weights * off * points).sum(axis=0) / (weights * off**2).sum(axis=0)
        centre = _mean(points, weights) - slope * middle
        direction = slope / np.linalg.norm(slope)
    pull = weights * direction
    t = ((points - centre) * pull).sum(axis=1) / (pull * direction).sum(axis=1)
    rest = points - centre - t[:, None] * direction
    chi2 = float((weights * rest**2).sum()) / max(2 * len(points) - 4, 1)
    middle = (weights * t[:, None]).sum(axis=0) / weights.sum(axis=0)
    variance = 1 / (weights * (t[:, None] - middle) ** 2).sum(axis=0)
    return LineFit(
        direction, _across(np.diag(variance), direction) * max(chi2, 1.0) / share, centre, chi2
    )


def fit_plane(
    points: ArrayLike, sigma: ArrayLike, lateral: float, independent: float | None = None
) -> PlaneFit:
    """Fit a plane by maximum likelihood.

    Parameters
    ----------
    points : (n, 3) array_like
        x, y, z; 4 or more.
    sigma, lateral, independent
        As of `fit_line`.

    Returns
    -------
    PlaneFit

    Raises
    ------
    ValueError
        As `fit_line`.

    Notes
    -----
    The deviation of a point along the normal n has the variance n.C.n of its own errors C, which
    depends on n: the weights follow n until both settle. n is the least generalised eigenvector of
    the scatter against the noise (K. Kanatani, IEEE PAMI 16 (1994) 320); that of the scatter alone
    is drawn aside where the noise is mostly in z.

    Examples
    --------
    >>> x, y = np.meshgrid(np.arange(9.0), np.arange(9.0))
    >>> points = np.column_stack([x.ravel(), y.ravel(), x.ravel()])
    >>> ((fit_plane(points, np.ones(81), 0.1).normal * 2**0.5).round(6) + 0.0).tolist()
    [1.0, 0.0, -1.0]
    """
    points, weights = _checked(points, sigma, lateral, 4)
    share = _share(independent, len(points))
    normal = np.array([0.0, 0.0, -1.0])
    for _ in range(ROUNDS):
        each = 1 / ((normal**2) / weights).sum(axis=1)
        centre = (each[:, None] * points).sum(axis=0) / each.sum()
        off = points - centre
        scatter = (each[:, None] * off).T @ off
        noise = np.diag((each[:, None] / weights).sum(axis=0))
        normal = eigh(scatter, noise)[1][:, 0]
        normal /= np.linalg.norm(normal)
    normal = normal if normal[2] <= 0 else -normal
    chi2 = float((each * (off @ normal) ** 2).sum()) / max(len(points) - 3, 1)
    # An error d of the normal along an axis e of the plane shifts each point by d (e . r). Only the
    # spread beyond what noise may have, by three of its standard errors, counts: a straight line
    # with noise has no plane.
    axes = np.linalg.svd(normal[None])[2][1:]
    most = max(chi2, 1.0) + 3 * np.sqrt(2 / (share * len(points)))
    spread, turn = np.linalg.eigh(axes @ (scatter - most * noise) @ axes.T)
    axes = turn.T @ axes
    covariance = axes.T @ np.diag(1 / np.maximum(spread, LEAST_SPREAD)) @ axes
    return PlaneFit(normal, covariance * max(chi2, 1.0) / share, centre, chi2)


def _checked(points, sigma, lateral, least):
    """Points and the weights (n, 3) of their coordinates."""
    points, sigma = np.asarray(points, float), np.asarray(sigma, float)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < least:
        raise ValueError(
            f"at least {least} points (n, 3) are needed; got the shape {points.shape}."
        )
    if sigma.shape != (len(points),):
        raise ValueError(f"sigma has the shape {sigma.shape}, but there are {len(points)} points.")
    if not (np.isfinite(points).all() and np.isfinite(sigma).all()):
        raise ValueError("points and sigma must be finite: leave out what is NaN.")
    if sigma.min() <= 0 or not lateral > 0:
        raise ValueError(
            f"errors must be above 0; sigma begins at {sigma.min():g} and lateral is {lateral!r}."
        )
    return points, np.column_stack([np.full((len(points), 2), lateral), sigma]) ** -2.0


def _share(independent: float | None, count: int) -> float:
    """Share of the points that have errors of their own."""
    if independent is None:
        return 1.0
    if not independent > 0:
        raise ValueError(f"independent must be above 0 points; got {independent!r}.")
    return min(float(independent) / count, 1.0)


def _mean(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (weights * points).sum(axis=0) / weights.sum(axis=0)


def _across(covariance: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The part of a covariance that turns a unit vector."""
    turn = np.eye(3) - np.outer(direction, direction)
    return turn @ covariance @ turn
