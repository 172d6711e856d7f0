"""What views show beyond the lines of a joint fit, also views that the fit never saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d, zoom

from hyperspy_stereo.geometry.incidence import as_incidence
from hyperspy_stereo.matching.joint_fit.free_profile import LENGTH
from hyperspy_stereo.matching.joint_fit.layout import ViewGeometry, view_geometry
from hyperspy_stereo.matching.joint_fit.normalise import real_views
from hyperspy_stereo.matching.joint_fit.refine import (
    BLURS,
    Pattern,
    RefinedLines,
    counting_noise,
)
from hyperspy_stereo.matching.joint_fit.strips import (
    flattened,
    measured,
    smooth_views,
    strip_positions,
    strips,
)

__all__ = ["residual_maps"]

FINER = 4
"""Samples per step of a strip when it is drawn into a view."""


def residual_maps(refined: RefinedLines, views: ArrayLike, incidence: ArrayLike) -> np.ndarray:
    """Difference of views from the fitted lines, in sigma of the counting noise.

    Along each line the pattern that the fitted views share is moved to where the view must show it,
    brought to the view's level and contrast, and taken off. At the right depth noise is left;
    a wrong depth leaves the pattern and its shifted copy.

    Parameters
    ----------
    refined : RefinedLines
        Lines.
    views : array-like of shape (V, H, W)
        Images on the grid of those that were fitted; NaN where there is no datum.
    incidence : array-like of shape (V, 2)
        Of these views, mrad.

    Returns
    -------
    (V, H, W) float64 ndarray
        NaN farther than 4 px from the fitted lines.

    Raises
    ------
    TypeError
        If views are complex, or `refined` is no fit.
    ValueError
        If views and incidences do not pair up.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.matching.joint_fit import refine_lines
    >>> y, x = np.mgrid[:48, :48]
    >>> theta = [[70.0, 0.0], [0.0, 0.0], [-70.0, 0.0]]
    >>> views = [100 - 30 * np.exp(-0.5 * ((x - 24 + s) / 2) ** 2) for s in (0.7, 0, -0.7)]
    >>> views = views + np.random.default_rng(0).normal(size=(3, 48, 48))
    >>> line = [[24, y, 10.0] for y in range(6, 43)]
    >>> fit = refine_lines(views[::2], theta[::2], [line], [np.full(37, 3.0)])
    >>> rest = residual_maps(fit, views[1:2], theta[1:2])
    >>> bool(np.nanstd(rest) < 2)
    True
    """
    if not hasattr(refined, "patterns"):
        raise TypeError(
            f"residual maps need the fit of lines, not {type(refined).__name__}: give "
            'lines.fit of lines = maps.reconstruct(refine="joint"); networks that were not refined '
            "have none."
        )
    theta = as_incidence(incidence)
    images = real_views(views, len(theta))
    given = refined.projection
    seen = view_geometry(
        theta,
        given.geometry,
        centre=given.centre,
        reference=given.reference,
        parallax_azimuth=given.parallax_azimuth,
    )
    there, flat = measured(images), flattened(images)
    sigma = counting_noise(flat, there)
    soft = smooth_views(flat, there, seen, BLURS[-1][0]).values
    total, count = np.zeros(images.shape), np.zeros(images.shape)
    for pattern in refined.patterns:
        if pattern is not None:
            _draw(total, count, soft, pattern, seen)
    with np.errstate(invalid="ignore"):
        return np.where((count > 0) & there, total / np.maximum(count, 1), np.nan) / sigma


def _draw(total, count, soft: np.ndarray, pattern: Pattern, seen: ViewGeometry) -> None:
    """Add what a line leaves over; where strips overlap the mean of both is shown."""
    half = pattern.profile.shape[2] // 2
    at = strip_positions(pattern.base, pattern.normal, pattern.depth, seen, half)
    values = strips(soft, at)
    height, width = soft.shape[1:]
    for v, (strip, position) in enumerate(zip(values, at, strict=True)):
        row_of_views = int(np.abs(pattern.across - seen.across[v]).argmin())
        rest = _left_over(strip, pattern.profile[row_of_views], pattern.spacing)
        parts = (rest, *np.moveaxis(position, 2, 0))
        fine = [zoom(part, FINER, order=1, mode="nearest") for part in parts]
        column, row = np.rint(fine[1]).astype(int), np.rint(fine[2]).astype(int)
        use = np.isfinite(fine[0]) & (column >= 0) & (column < width)
        use &= (row >= 0) & (row < height)
        np.add.at(total[v], (row[use], column[use]), fine[0][use])
        np.add.at(count[v], (row[use], column[use]), 1.0)


def _left_over(strip: np.ndarray, profile: np.ndarray, spacing: float) -> np.ndarray:
    """Strip of one view without the pattern at the level and the contrast of this view."""
    there = np.isfinite(strip)
    values = np.where(there, strip, 0.0)

    def nearby(sums: np.ndarray) -> np.ndarray:
        return gaussian_filter1d(sums, LENGTH / spacing, mode="nearest")

    mass = np.maximum(nearby(there.sum(axis=1).astype(float)), 1e-9)
    level = nearby(values.sum(axis=1)) / mass
    middle = nearby((there * profile).sum(axis=1)) / mass
    shape = (profile - middle[:, None]) * there
    power = np.maximum(nearby((shape**2).sum(axis=1)), 1e-12)
    gain = nearby((shape * values).sum(axis=1)) / power
    rest = values - level[:, None] - gain[:, None] * (profile - middle[:, None])
    return np.where(there, rest, np.nan)
