"""How wide the lines of a view are, so that a detector sees them at the scale it knows."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage.morphology import skeletonize

__all__ = ["line_width"]

POINTS = 600  # places where the width is measured; their median needs no more
FEWEST = 40  # px of centre line below which nothing is said
REACH = 24  # px to both sides of a line that are looked at
STEP = 0.5  # px between samples across a line
ALONG = 4  # px to both sides along the line over which its profile is averaged


def line_width(image: np.ndarray, line: np.ndarray, threshold: float = 0.5) -> float | None:
    """Median full width at half of the contrast of the lines that were detected.

    Parameters
    ----------
    image : (H, W) array of float
        One view.
    line : (H, W) array of float
        Probability of lines, or a mask.
    threshold : float, default 0.5
        Probability above which a pixel counts.

    Returns
    -------
    float or None
        px; None where fewer than 40 px of centre line were detected, or no profile is clear.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.detection.line_width import line_width
    >>> x = np.arange(128.0)
    >>> image = np.tile(1 - 0.3 * np.exp(-((x - 64) ** 2) / 2 / 3.0**2), (128, 1))
    >>> found = np.tile(abs(x - 64) < 2, (128, 1))
    >>> bool(abs(line_width(image, found) - 2.355 * 3.0) < 0.5)
    True
    """
    line = np.asarray(line, np.float32)
    centre = skeletonize(line > threshold)
    ys, xs = np.nonzero(centre)
    if len(ys) < FEWEST:
        return None
    chosen = np.linspace(0, len(ys) - 1, min(POINTS, len(ys))).astype(int)
    ys, xs = ys[chosen], xs[chosen]
    profiles = _profiles(np.asarray(image, np.float32), ys, xs, _normals(line > threshold, ys, xs))
    widths = _widths(profiles)
    return float(np.median(widths)) if len(widths) >= FEWEST // 2 else None


def _normals(mask: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Unit vectors (y, x) across the lines of a mask, (N, 2)."""
    smooth = ndi.gaussian_filter(mask.astype(np.float32), 2.0)
    gy, gx = np.gradient(smooth)
    yy, yx = np.gradient(gy)
    xx = np.gradient(gx, axis=1)
    angle = 0.5 * np.arctan2(2 * yx, xx - yy)[ys, xs]
    # (cos, sin) is the direction of the larger second derivative: on a ridge, along it.
    return np.column_stack([np.cos(angle), -np.sin(angle)])


def _profiles(image: np.ndarray, ys, xs, normals: np.ndarray) -> np.ndarray:
    """The image across each line, averaged along it, (N, M); mirrored at the rim."""
    across = np.arange(-REACH, REACH + STEP / 2, STEP)
    along = np.arange(-ALONG, ALONG + 1)
    ny, nx = normals[:, 0, None, None], normals[:, 1, None, None]
    y = ys[:, None, None] + across[:, None] * ny + along * nx
    x = xs[:, None, None] + across[:, None] * nx - along * ny
    return ndi.map_coordinates(image, [y, x], order=1, mode="reflect").mean(axis=-1)


def _widths(profiles: np.ndarray) -> np.ndarray:
    """Full widths in px at half of the contrast of the profiles that are clear enough."""
    middle = profiles.shape[1] // 2
    near = round(3 / STEP)
    ground = np.median(profiles, axis=1, keepdims=True)
    noise = np.median(np.abs(np.diff(profiles, axis=1)), axis=1)
    window = (profiles - ground)[:, middle - near : middle + near + 1]
    top = np.abs(window).argmax(axis=1)
    rows = np.arange(len(profiles))
    contrast = window[rows, top]
    clear = np.abs(contrast) > np.maximum(4 * noise, 1e-12)
    share = ((profiles - ground) / np.where(clear, contrast, 1)[:, None])[clear]
    peak = (top + middle - near)[clear]
    return _crossing(share, peak, 1) + _crossing(share, peak, -1)


def _crossing(share: np.ndarray, peak: np.ndarray, direction: int) -> np.ndarray:
    """px from each peak to where its profile first falls to half, to one side."""
    if direction < 0:
        share, peak = share[:, ::-1], share.shape[1] - 1 - peak
    rows, n = np.arange(len(share)), share.shape[1]
    below = (share < 0.5) & (np.arange(n) > peak[:, None])
    first = np.where(below.any(axis=1), below.argmax(axis=1), n - 1)
    high, low = share[rows, first - 1], share[rows, first]
    between = np.clip((high - 0.5) / np.maximum(high - low, 1e-6), 0, 1)
    return (first - 1 + between - peak) * STEP
