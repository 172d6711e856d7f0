"""An image model without a formula: what a line looks like is read from all views together.

Diffraction contrast is no Gaussian dip: images of lines are dotted, double, black on one side and
white on the other, and lie beside the core. What they have in common is that all views show
the same pattern, moved by the parallax. So the pattern along and across a line, P(s, d), is the
mean of the strips of all views at the present depth, up to a level and a contrast of each view,
and the depth is right where the views differ least from it. Views with another excitation error
(another incidence across the Kikuchi line) show another pattern, beside the first: each such row of
views has one of its own, and all rows share the depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

__all__ = ["Comparison", "compared", "correlated_noise", "cost_along"]

LENGTH = 6.0
"""px along a line over which level, contrast and noise of a view are smooth."""
GAIN_RANGE = (0.4, 2.5)
HUBER = 2.5
"""Residuals in sigma beyond which their influence stays constant."""
LEAST_NOISE = 0.3
"""Of the median noise along the line: a quiet place may be quiet by chance."""
LAG = 12
"""Samples along a line over which errors may hang together."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Strips of V views beside their common pattern; n points along the line, D across.

    Attributes
    ----------
    profile : (R, n, D) ndarray
        The common pattern of each of R rows of views.
    gain, level : (V, n) ndarray
        Contrast relative to the view's row, and level, so that strip = level + gain (profile +
        residual).
    residual : (V, n, D) ndarray
        What is left over.
    slope : (V, n, D) ndarray
        Derivative of the residual by depth, per px.
    weight : (V, n, D) ndarray
        1 / variance, with Huber's factor, 0 outside of the views.
    noise : (n,) ndarray
        Standard deviation of a residual in the direction of a change of depth (the views weighted
        by their parallax), misfit included: what grows from view to view looks like depth.
    lever : (V,) ndarray
        As given.
    """

    profile: np.ndarray
    gain: np.ndarray
    level: np.ndarray
    residual: np.ndarray
    slope: np.ndarray
    weight: np.ndarray
    noise: np.ndarray
    lever: np.ndarray


def compared(
    values: np.ndarray, slopes: np.ndarray, rows: np.ndarray, lever: np.ndarray, spacing: float
) -> Comparison:
    """Compare the strips of all views.

    Parameters
    ----------
    values, slopes : (V, n, D) ndarray
        Strips of the views and of their derivatives by depth; NaN outside of a view.
    rows : (V,) int ndarray
        Row 0..R-1 of each view: views of a row share their pattern.
    lever : (V,) ndarray
        Parallax of each view relative to the mean of its row, over the norm of all.
    spacing : float
        px between the n points.

    Returns
    -------
    Comparison

    Notes
    -----
    For white noise in all views the least squares over pattern and depth are those of the
    differences from the mean pattern, and no information on the depth is lost against a known
    pattern.

    References
    ----------
    B. D. Lucas, T. Kanade, Proc. IJCAI (1981) 674 (registration by least squares).
    """
    there = np.isfinite(values).all(axis=0) & np.isfinite(slopes).all(axis=0)
    values, slopes = np.where(there, values, 0.0), np.where(there, slopes, 0.0)
    across = np.arange(values.shape[2]) - values.shape[2] // 2
    # What lies at the rim of the strip belongs less surely to the line.
    window = np.exp(-0.5 * (1.8 * across / across[-1]) ** 2) * there

    def nearby(sums: np.ndarray) -> np.ndarray:
        return gaussian_filter1d(sums, LENGTH / spacing, axis=-1, mode="nearest")

    mass = np.maximum(nearby(window.sum(axis=1)), 1e-9)
    level = nearby((window * values).sum(axis=2)) / mass
    centred = values - level[..., None]
    power = nearby((window * centred**2).sum(axis=2))
    # Within a row: another row shows another contrast, and a faint one would be all noise if it
    # were brought to the contrast of the others.
    gain = np.sqrt(power / np.maximum(_row_means(power, rows)[rows], 1e-300))
    gain = np.clip(gain, *GAIN_RANGE)
    scaled = centred / gain[..., None]
    slope = slopes / gain[..., None]
    profile, slope_of_row = _row_means(scaled, rows), _row_means(slope, rows)
    residual, slope = scaled - profile[rows], slope - slope_of_row[rows]
    apart = np.tensordot(lever, residual, axes=1)
    variance = nearby((window * apart**2).sum(axis=1)) / mass
    variance = np.maximum(variance, max(LEAST_NOISE**2 * np.median(variance), 1e-12))
    far = np.abs(residual) / np.sqrt(variance)[:, None]
    weight = window / variance[:, None] * np.where(far <= HUBER, 1.0, HUBER / np.maximum(far, 1))
    return Comparison(profile, gain, level, residual, slope, weight, np.sqrt(variance), lever)


def _row_means(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.stack([values[rows == row].mean(axis=0) for row in range(rows.max() + 1)])


def correlated_noise(comparison: Comparison) -> float:
    """By how much errors that hang together widen the error of the depth (variance, >= 1).

    The variance of sum(w r dr/dz) is that of independent residuals times the sum over lags of the
    autocorrelations of residual and slope multiplied: misfit that is as coarse as the
    pattern itself counts in full.

    Parameters
    ----------
    comparison : Comparison
        Of V views.

    Returns
    -------
    float

    References
    ----------
    H. White, Econometrica 48 (1980) 817 (the same correction, for uneven variances).
    """
    length, width = comparison.residual.shape[1:]
    shape = (2 * length, 2 * width)
    lag = np.minimum(np.arange(shape[0]), shape[0] - np.arange(shape[0])) <= LAG
    root = np.sqrt(comparison.weight.mean(axis=0))
    residual, slope = (
        np.fft.irfft2(
            np.abs(np.fft.rfft2(root * np.tensordot(comparison.lever, part, axes=1), shape)) ** 2,
            shape,
        )
        for part in (comparison.residual, comparison.slope)
    )
    alone = residual[0, 0] * slope[0, 0]
    return max(float((residual * slope)[lag].sum() / alone), 1.0) if alone > 0 else 1.0


def cost_along(comparison: Comparison, noise: np.ndarray) -> np.ndarray:
    """Chi-square of each point of a line, all views and the strip's width together.

    Parameters
    ----------
    comparison : Comparison
        Of V views.
    noise : (n,) ndarray
        Standard deviation that residuals are measured in: that of the better of two fits, to
        compare them.

    Returns
    -------
    (n,) ndarray
    """
    window = comparison.weight > 0
    far = np.abs(comparison.residual) / noise[:, None]
    huber = np.where(far <= HUBER, far**2, HUBER * (2 * far - HUBER))
    return (window * huber).sum(axis=(0, 2))
