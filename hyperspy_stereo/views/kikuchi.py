"""Find the Kikuchi line in the bright-field disc, blind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, optimize

from hyperspy_stereo.views.binning import bin_patterns, square_cells
from hyperspy_stereo.views.disc import Disc

if TYPE_CHECKING:
    from dask.array import Array

_FINE, _COARSE = 1.0, 4.0  # scan px; a dislocation image lies between these two blurs
_ROUGHNESS = np.outer([1, -2, 1], [1.0, -2, 1])  # blind to lines and ramps, not to noise
_MEMORY = 2**28  # bytes of virtual images held at once


def kikuchi_azimuth(
    stack: np.ndarray | Array, disc: Disc, descan: np.ndarray | None = None
) -> tuple[float, dict]:
    """Measure the direction and place of the Kikuchi line from where the contrast is.

    Dislocations are seen only in those parts of the disc that lie near the Bragg condition: the
    contrast of the virtual images is constant along the Kikuchi line and falls off across it. The
    disc is cut into cells; a Gaussian band is fitted to the map of their images' variance.

    Parameters
    ----------
    stack
        (Ny, Nx, H, W) counts, NumPy or dask (one pass, block by block); at least 16 x 16 positions.
    disc
        From `fit_disc`.
    descan
        (2, 3) plane from `fit_descan`.

    Returns
    -------
    azimuth : float
        Degrees in detector axes (x right, y down), in [0, 180).
    band : dict
        ``w0``: offset of the line from the disc centre along its normal (-sin, cos), px.
        ``width``: standard deviation of the contrast across it, px.
        ``azimuth_sigma``: standard error, degrees. ``w0_sigma``: px.
        ``significance``: F of the band against an even map.
        ``modulation``: how much the contrast varies over the disc, 0 (even) to 1.

    Raises
    ------
    ValueError
        If no band can be seen: give the azimuth, or g, instead.

    Notes
    -----
    The map is the variance over the scan of the band-passed image of each cell, relative to its
    mean, less the share of white noise; the noise is measured in each image, so that the gain of
    the detector need not be known.

    References
    ----------
    J. Immerkaer, Comput. Vis. Image Underst. 64 (1996) 300 (the noise measurement).

    Examples
    --------
    >>> from hyperspy_stereo.simulation.geometric.scan import simulate_scan
    >>> from hyperspy_stereo.views.disc import fit_disc
    >>> scan = simulate_scan((48, 48), (32, 32), seed=2)
    >>> azimuth, band = kikuchi_azimuth(scan.stack, fit_disc(scan.stack.sum((0, 1))))
    >>> abs(azimuth - scan.kikuchi_azimuth) < 3
    True
    """
    if getattr(stack, "ndim", 0) != 4 or min(stack.shape[:2]) < 16:
        raise ValueError(
            "kikuchi_azimuth needs a scan (Ny, Nx, H, W) of at least 16 x 16 positions; got shape "
            f"{getattr(stack, 'shape', None)}. Give the azimuth instead."
        )
    fits = np.sqrt(_MEMORY / (3 * stack.shape[0] * stack.shape[1]))
    labels, places = square_cells(disc, stack.shape[2:], int(np.clip(fits, 8, 24)))
    views = bin_patterns(stack, labels, descan)
    variance = contrast_map(views)
    used = np.isfinite(variance)
    if used.sum() < 20:
        raise ValueError(
            f"Only {used.sum()} cells of the disc have counts. Check the disc (centre "
            f"{disc.centre}, radius {disc.radius:.1f} px) against the mean pattern."
        )
    azimuth, band = _fit_band(places[used], variance[used])
    spread = _spread_over_quarters(views[used], places[used], azimuth)
    band["azimuth_sigma"] = max(band["azimuth_sigma"], spread)
    if band["significance"] < 12 or band["modulation"] < 0.4 or not band["azimuth_sigma"] < 12:
        raise ValueError(
            "No Kikuchi band can be seen: the contrast is about even over the disc (it varies by "
            f"{band['modulation']:.0%}, F = {band['significance']:.1f}, azimuth uncertain by "
            f"{min(band['azimuth_sigma'], 90):.0f} degrees). Give the azimuth of the Kikuchi line, "
            "or the direction of g (the line is perpendicular to g)."
        )
    for length in ("w0", "width", "w0_sigma"):
        band[length] *= disc.radius
    return azimuth, band


def contrast_map(views: np.ndarray) -> np.ndarray:
    """Relative variance of virtual images at the scale of dislocations, without the noise.

    Parameters
    ----------
    views
        (n, Ny, Nx) sums.

    Returns
    -------
    (n,) float64
        Variance over the scan of the band-passed image relative to the local mean, less the part
        of white noise (so it may be below zero); NaN where the mean is not positive.
    """
    margin = 4 if min(views.shape[1:]) >= 24 else 1
    inner = (slice(margin, -margin), slice(margin, -margin))
    impulse = np.zeros((33, 33))
    impulse[16, 16] = 1
    noise_share = float((_band_passed(impulse)[0] ** 2).sum())
    variance = np.full(len(views), np.nan)
    for k, view in enumerate(views):
        mean = view.mean(dtype=np.float64)
        if mean > 0:
            passed, local = _band_passed(view)
            local = np.maximum(local, 0.05 * mean)
            # relative to the local mean: a thicker, darker part counts as much as a bright one
            relative = (passed / local)[inner]
            rough = (ndimage.convolve(view, _ROUGHNESS, mode="nearest") / local)[inner]
            white = (1.4826 * np.median(np.abs(rough))) ** 2 / (_ROUGHNESS**2).sum()
            variance[k] = relative.var(dtype=np.float64) - noise_share * white
    return variance


def _spread_over_quarters(views, places, azimuth) -> float:
    """Standard error of the azimuth from four parts of the scan; 0 where they are too small.

    Neighbouring cells see the same lines, so that the formal error of the fit is too good.
    """
    half = views.shape[1] // 2, views.shape[2] // 2
    if min(half) < 24:
        return 0.0
    off = []
    for rows in (slice(None, half[0]), slice(half[0], None)):
        for columns in (slice(None, half[1]), slice(half[1], None)):
            variance = contrast_map(views[:, rows, columns])
            if np.isfinite(variance).all() and np.ptp(variance) > 0:
                part = _fit_band(places, variance)[0]
                off.append((part - azimuth + 90) % 180 - 90)
    # robust: a quarter without lines says nothing about the others
    return float(1.4826 * np.median(np.abs(off)) / 2) if off else 0.0


def _band_passed(image) -> tuple[np.ndarray, np.ndarray]:
    """The image between two blurs, and the wider blur."""
    coarse = ndimage.gaussian_filter(image, _COARSE, mode="nearest")
    return ndimage.gaussian_filter(image, _FINE, mode="nearest") - coarse, coarse


def _fit_band(places, variance) -> tuple[float, dict]:
    """Azimuth and the band's figures, in degrees and disc radii."""
    start, even = _best_on_grid(places, variance)
    scale = variance.std() + 1e-300

    def residual(p):
        return (variance - _linear_fit(_band(places, *p), variance)[0]) / scale

    bounds = ([-np.inf, -1.5, 0.08], [np.inf, 1.5, 2.0])
    noise = 1.4826 * np.median(np.abs(residual(start))) + 1e-9
    fit = optimize.least_squares(residual, start, bounds=bounds, loss="soft_l1", f_scale=2 * noise)
    # the error is that of the weighted problem, scaled by what is left over
    left = float(np.sum(residual(fit.x) ** 2))
    freedom = max(len(variance) - 5, 1)
    sigma = np.sqrt(np.diag(np.linalg.pinv(fit.jac.T @ fit.jac)) * left / freedom)
    modelled, amplitude = _linear_fit(_band(places, *fit.x), variance)
    gain = (even / scale**2 - left) / 3 / (left / freedom) if amplitude > 0 else 0.0
    angle, w0, width = fit.x
    turns = np.floor(np.rad2deg(angle) / 180)
    azimuth = float(np.rad2deg(angle) - 180 * turns)
    if turns % 2:
        w0 = -w0  # the normal turns round with the line
    low, high = max(float(modelled.min()), 0.0), max(float(modelled.max()), 1e-300)
    return azimuth, {
        "w0": float(w0),
        "width": float(width),
        "azimuth_sigma": float(np.rad2deg(sigma[0])),
        "w0_sigma": float(sigma[1]),
        "significance": float(gain),
        "modulation": 1 - low / high,
    }


def _band(places, angle, w0, width) -> np.ndarray:
    """Square of the contrast's Gaussian: variance goes as contrast squared."""
    w = places[:, 1] * np.cos(angle) - places[:, 0] * np.sin(angle)
    return np.exp(-(((w - w0) / width) ** 2))


def _linear_fit(band, variance) -> tuple[np.ndarray, float]:
    """Best sum of a band and an even floor, and the band's amplitude."""
    design = np.column_stack([band, np.ones_like(band)])
    solution = np.linalg.lstsq(design, variance, rcond=None)[0]
    return design @ solution, float(solution[0])


def _best_on_grid(places, variance) -> tuple[np.ndarray, float]:
    """Best start of the fit, and what an even map leaves over."""
    rest = variance - variance.mean()
    best, start = -np.inf, np.array([0.0, 0.0, 0.3])
    for angle in np.deg2rad(np.arange(0, 180, 6.0)):
        for w0 in np.arange(-0.8, 0.81, 0.1):
            for width in (0.15, 0.25, 0.4, 0.6):
                band = _band(places, angle, w0, width)
                band -= band.mean()
                gain = (band @ rest) / (np.linalg.norm(band) + 1e-12)
                if gain > best:
                    best, start = gain, np.array([angle, w0, width])
    return start, float(rest @ rest)
