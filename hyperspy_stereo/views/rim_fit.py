"""A circle with a blurred rim, fitted to a pattern: the numerics of `views.disc`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.special import erfc
from skimage.measure import label, regionprops
from threadpoolctl import threadpool_limits

_MAX_PIXELS = 20_000  # more do not change the fit, only its time


def without_hot_pixels(image: np.ndarray) -> np.ndarray:
    """Replace pixels that stand far above or below all of their neighbourhood."""
    middle = ndimage.median_filter(image, size=5, mode="nearest")
    level, floor = _bright_level(middle), np.percentile(middle, 3)
    # a rim pixel differs from its median by less than the whole step of the rim
    spread = 1.2 * (level - floor) + 6 * np.sqrt(np.maximum(middle, 0))
    return np.where(np.abs(image - middle) > np.maximum(spread, 1e-12), middle, image)


def _bright_level(image: np.ndarray) -> float:
    """Level that some twenty pixels reach: the smallest disc, not a speck."""
    return float(np.partition(image, -20, axis=None)[-20])


def first_circle(image: np.ndarray) -> tuple[float, float, float]:
    """Centre (x, y) and radius to about a pixel: the threshold whose outline is most of a circle.

    Raises
    ------
    ValueError
        If no outline is round.
    """
    smooth = ndimage.median_filter(image, size=3, mode="nearest")
    smooth = ndimage.gaussian_filter(smooth, 0.7)
    low, high = smooth.min(), _bright_level(smooth)
    best = (0.0, 0.0, 0.0, 0.0)
    for share in (0.5, 0.35, 0.25, 0.15, 0.65):
        regions = regionprops(label(smooth > low + share * (high - low)))
        if not regions:
            continue
        region = max(regions, key=lambda r: r.area)
        mask = np.zeros(image.shape, bool)
        mask[region.slice] = ndimage.binary_fill_holes(region.image)
        score, *circle = _outline_circle(mask)
        if score > best[0] + 0.02:
            best = (score, *circle)
    if best[0] < 0.6 or best[3] < 2.5:
        raise ValueError(
            "No disc was found in the pattern: no threshold gives a round outline. Pass a vacuum "
            "pattern or the mean over many frames."
        )
    return best[1], best[2], best[3]


def _outline_circle(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Share of the outline on a circle, and the circle; the frame's border is no outline."""
    outline = mask & ~ndimage.binary_erosion(mask, border_value=1)
    rows, columns = np.nonzero(outline)
    if len(rows) < 12:
        return 0.0, 0.0, 0.0, 0.0
    keep = np.ones(len(rows), bool)
    x = y = radius = 0.0
    for _ in range(6):
        # algebraic circle (Kasa), outliers left out from the second round on
        a = np.column_stack([columns[keep], rows[keep], np.ones(keep.sum())]).astype(float)
        b = (a[:, :2] ** 2).sum(axis=1)
        p = np.linalg.lstsq(a, b, rcond=None)[0]
        x, y = p[0] / 2, p[1] / 2
        radius = float(np.sqrt(max(p[2] + x * x + y * y, 0.0)))
        off = np.abs(np.hypot(columns - x, rows - y) - radius)
        keep = off <= max(1.5, 2 * np.median(off))
        if keep.sum() < 12:
            return 0.0, 0.0, 0.0, 0.0
    tolerance = max(1.5, 0.06 * radius)
    # the outline lies on the inside of the rim, by about half a pixel
    return float((off <= tolerance).mean()), float(x), float(y), radius + 0.5


def rim_pixels(
    image: np.ndarray, centre: Sequence[float], radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """(2, n) positions and (n,) values of the pixels around the rim."""
    y, x = np.indices(image.shape)
    out = np.hypot(x - centre[0], y - centre[1]) - radius
    near = (out > -max(0.25 * radius, 4.0)) & (out < max(0.35 * radius, 4.0))
    step = int(np.ceil(near.sum() / _MAX_PIXELS))
    chosen = np.flatnonzero(near)[::step]
    return np.stack([x.ravel()[chosen], y.ravel()[chosen]]).astype(float), image.ravel()[chosen]


# Systems of some thirty unknowns: threads of the linear algebra would only wait for each other.
@threadpool_limits.wrap(limits=1, user_api="blas")
def gauss_newton(
    pixels: np.ndarray, values: np.ndarray, start: np.ndarray, free: int, waves: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit centre, radius and edge width (the first `free` of them) and the brightness.

    Parameters
    ----------
    pixels, values
        (2, n) x and y, and (n,) counts, from `rim_pixels`.
    start
        (4,) first centre x, y, radius and edge width, px.
    free
        2 moves the centre only, 4 fits all.
    waves
        Waves of brightness around the rim.

    Returns
    -------
    (4,), (free, free)
        What was fitted, px, and its covariance, px².
    """
    x0, y0, scale = start[0], start[1], start[2]
    u, v = (pixels[0] - x0) / scale, (pixels[1] - y0) / scale
    basis = _brightness_basis(u, v, waves)
    ground = np.stack([np.ones_like(u), u, v], axis=1)
    n = basis.shape[1]
    level = max(float(np.percentile(values, 95)), 1e-12)
    weight = 1 / np.sqrt(np.maximum(np.abs(values), 0.03 * level))
    weight = np.minimum(weight, 3 * np.median(weight))
    p = np.array(start, float)
    robust = np.ones_like(values)
    step = np.zeros(free)
    for _ in range(40):
        dx, dy = pixels[0] - p[0], pixels[1] - p[1]
        r = np.hypot(dx, dy) + 1e-9
        q = (r - p[2]) / p[3]
        inside = 0.5 * erfc(q / np.sqrt(2))
        w = (weight * robust)[:, None]
        linear = np.concatenate([basis * inside[:, None], ground], axis=1)
        coefficients = _solve(linear * w, values * w[:, 0])[0]
        residual = values - linear @ coefficients
        slope = (basis @ coefficients[:n]) * np.exp(-0.5 * q * q) / (np.sqrt(2 * np.pi) * p[3])
        jacobian = np.stack([slope * dx / r, slope * dy / r, slope, slope * q], axis=1)[:, :free]
        both = np.concatenate([linear, jacobian], axis=1) * w
        solution, inverse = _solve(both, residual * w[:, 0])
        step = np.clip(solution[-free:], -0.7, 0.7)
        p[:free] += step
        p[3] = min(max(p[3], 0.08), 0.5 * p[2])
        scaled = residual * weight
        spread = 1.4826 * np.median(np.abs(scaled)) + 1e-9 * level
        # square root of the Cauchy weight: it multiplies residuals, not their squares
        robust = 1 / np.sqrt(1 + (scaled / (5 * spread)) ** 2)
        if np.abs(step).max() < 1e-4:
            break
    noise = float(np.sum((residual * w[:, 0]) ** 2)) / max(len(values) - n - 3 - free, 1)
    return p, inverse[-free:, -free:] * noise


def _brightness_basis(u: np.ndarray, v: np.ndarray, order: int) -> np.ndarray:
    """Waves around the rim up to `order`, each linear in the radius.

    A free polynomial in x and y bends so fast across the rim that it takes the place of a larger
    radius; two radial terms cannot.
    """
    rho, angle = np.hypot(u, v), np.arctan2(v, u)
    waves = [np.ones_like(u)]
    for m in range(1, order + 1):
        waves += [np.cos(m * angle), np.sin(m * angle)]
    return np.stack([w * f for w in waves for f in (1.0, rho - 1)], axis=1)


def _solve(matrix: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with a trace of damping, and the inverse of the normal matrix."""
    normal = matrix.T @ matrix
    size = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    scaled = normal / np.outer(size, size) + 1e-9 * np.eye(len(size))
    inverse = np.linalg.inv(scaled) / np.outer(size, size)
    return inverse @ (matrix.T @ right), inverse
