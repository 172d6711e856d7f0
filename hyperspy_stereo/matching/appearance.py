"""Images made comparable between views: flat field, then windows or learned descriptors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from scipy.ndimage import uniform_filter

from hyperspy_stereo.matching.cosines import cosine_volume
from hyperspy_stereo.matching.descriptor import describe
from hyperspy_stereo.matching.smoothing import gaussian

__all__ = [
    "Appearance",
    "Described",
    "correlation_volume",
    "described_appearance",
    "flat_field",
    "prepare_appearance",
    "similarity_volume",
]

_FLOOR = 1e-6


@dataclass(frozen=True)
class Appearance:
    """One view, ready for correlation at half-pixel positions.

    Attributes
    ----------
    flat : (H, W) float32 ndarray
        Flat-fielded view.
    phases : (2, 2, H', W') float32 ndarray
        The padded view shifted by half a pixel in y (first axis) and x (second axis).
    mean, norm : (2, 2, H', W') float32 ndarray
        Local mean, and local standard deviation, in the window.
    smooth : (H, W) float32 ndarray
        Flat-fielded view, smoothed to measure the contrast of lines.
    half : tuple of int
        Half height and half width of the window; also the padding.
    """

    flat: np.ndarray
    phases: np.ndarray
    mean: np.ndarray
    norm: np.ndarray
    smooth: np.ndarray
    half: tuple[int, int]


@dataclass(frozen=True)
class Described:
    """One view, ready for comparison by learned descriptors.

    Attributes
    ----------
    flat, smooth : (H, W) float32 ndarray
        As those of `Appearance`.
    vectors : (C, H, W) float32 ndarray
        From `descriptor.describe`.
    """

    flat: np.ndarray
    smooth: np.ndarray
    vectors: np.ndarray


def flat_field(image: np.ndarray, sigma: float = 12.0) -> np.ndarray:
    """Divide by the local mean, or subtract it where the image is not positive.

    Parameters
    ----------
    image : (H, W) ndarray
        View.
    sigma : float
        Width of the local mean in px: well above the width of a line.

    Returns
    -------
    (H, W) float32 ndarray
        About 0 in the background, in units of the local mean (or of the image's spread).
    """
    image = np.asarray(image, np.float32)
    local = gaussian(image, sigma)
    if local.min() > 0.02 * max(local.max(), _FLOOR):
        return image / local - 1
    spread = float(image.max() - image.min())
    return (image - local) / max(spread, _FLOOR)


def prepare_appearance(image: np.ndarray, half: tuple[int, int]) -> Appearance:
    """Precompute what `correlation_volume` needs of one view.

    Parameters
    ----------
    image : (H, W) ndarray
        View.
    half : tuple of int
        Half height and half width of the window in px.

    Returns
    -------
    Appearance
    """
    flat = flat_field(image)
    pad = ((half[0], half[0] + 1), (half[1], half[1] + 1))
    base = np.pad(flat, pad, mode="edge")
    right = _half_shift(base, 1)
    phases = np.stack([[base, right], [_half_shift(base, 0), _half_shift(right, 0)]])
    window = (2 * half[0] + 1, 2 * half[1] + 1)
    size = (1, 1, *window)
    mean = uniform_filter(phases, size, mode="nearest")
    square = uniform_filter(phases * phases, size, mode="nearest")
    norm = np.sqrt(np.maximum(square - mean * mean, _FLOOR**2))
    return Appearance(flat, phases, mean, norm, gaussian(flat, 1.5), half)


def described_appearance(
    image: np.ndarray,
    weights: str | Path | Mapping[str, Any] | None = None,
    along_rows: bool = True,
) -> Described:
    """Precompute what `similarity_volume` needs of one view to compare learned descriptors.

    Parameters
    ----------
    image : (H, W) ndarray
        View.
    weights : str, Path or mapping, optional
    along_rows : bool, default True
        See `descriptor.describe`.

    Returns
    -------
    Described
    """
    flat = flat_field(image)
    return Described(flat, gaussian(flat, 1.5), describe(image, weights, along_rows))


def _half_shift(image, axis):
    """Values half a pixel further along an axis, by the four-point cubic."""
    padded = np.pad(image, [(1, 2) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
    n = image.shape[axis]
    a, b, c, d = (np.take(padded, np.arange(k, k + n), axis) for k in range(4))
    return ((9 * (b + c) - a - d) / 16).astype(np.float32)


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _correlate(ref, ref_mean, ref_norm, other, other_mean, other_norm, rows, columns, shifts, half):
    """Correlation at half-pixel positions; NaN outside the other view."""
    half_y, half_x = half
    height = other.shape[2] - 2 * half_y - 1
    width = other.shape[3] - 2 * half_x - 1
    size = np.float32((2 * half_y + 1) * (2 * half_x + 1))
    out = np.empty((rows.size, shifts.shape[0]), np.float32)
    for i in range(rows.size):
        py, px = rows[i] & 1, columns[i] & 1
        y0, x0 = rows[i] >> 1, columns[i] >> 1
        a = ref[py, px]
        mean_a = ref_mean[py, px, y0 + half_y, x0 + half_x]
        norm_a = ref_norm[py, px, y0 + half_y, x0 + half_x]
        for k in range(shifts.shape[0]):
            r, c = rows[i] + shifts[k, 1], columns[i] + shifts[k, 0]
            if r < 0 or c < 0 or r > 2 * (height - 1) or c > 2 * (width - 1):
                out[i, k] = np.nan
                continue
            qy, qx, y1, x1 = r & 1, c & 1, r >> 1, c >> 1
            b = other[qy, qx]
            total = np.float32(0)
            for u in range(2 * half_y + 1):
                row_a, row_b = a[y0 + u], b[y1 + u]
                for v in range(2 * half_x + 1):
                    total += row_a[x0 + v] * row_b[x1 + v]
            mean_b = other_mean[qy, qx, y1 + half_y, x1 + half_x]
            norm_b = other_norm[qy, qx, y1 + half_y, x1 + half_x]
            out[i, k] = (total / size - mean_a * mean_b) / (norm_a * norm_b)
    return out


def correlation_volume(
    ref: Appearance, other: Appearance, points: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    """Normalised correlation of windows about points with shifted windows of another view.

    Parameters
    ----------
    ref, other : Appearance
        The view of the points, and the one compared with.
    points : (N, 2) ndarray
        x, y in px; rounded to half pixels.
    shifts : (L, 2) ndarray
        x, y in px for every label; rounded to half pixels.

    Returns
    -------
    (N, L) float32 ndarray
        Correlation from -1 to 1, NaN where the counterpart lies outside the other view.
    """
    height, width = ref.smooth.shape
    half_points = np.round(2 * points).astype(np.int64)
    columns = np.clip(half_points[:, 0], 0, 2 * (width - 1))
    rows = np.clip(half_points[:, 1], 0, 2 * (height - 1))
    return _correlate(
        ref.phases,
        ref.mean,
        ref.norm,
        other.phases,
        other.mean,
        other.norm,
        rows,
        columns,
        np.round(2 * shifts).astype(np.int64),
        ref.half,
    )


def similarity_volume(
    ref: Appearance | Described,
    other: Appearance | Described,
    points: np.ndarray,
    shifts: np.ndarray,
) -> np.ndarray:
    """Likeness of the surroundings of points to those of shifted points in another view.

    Parameters
    ----------
    ref, other : Appearance or Described
        The two views, both of one kind.
    points : (N, 2) ndarray
        x, y in px.
    shifts : (L, 2) ndarray
        x, y in px for every label.

    Returns
    -------
    (N, L) float32 ndarray
        -1 to 1, NaN where the counterpart lies outside the other view: the cosine of descriptors,
        or the correlation of windows.
    """
    if isinstance(ref, Described):
        return cosine_volume(ref.vectors, other.vectors, points, shifts)
    return correlation_volume(ref, other, points, shifts)
