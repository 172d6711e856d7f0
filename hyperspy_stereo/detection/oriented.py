"""Elongated, oriented line filters at several widths, in units of the picture's own noise.

A line is darker than *both* of its sides. The filter averages the picture along a short piece of
line, compares its middle with the two sides, and keeps the smaller of the two differences: the
flank of a step (a lamella's edge) has a side without contrast and gives nothing, which a second
derivative (Sato, Frangi) cannot tell from a faint line. Averaging along the line gains the square
root of its length against noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy import ndimage as ndi

__all__ = [
    "OrientedResponse",
    "binned",
    "filter_bank",
    "flatten",
    "level_rows",
    "oriented_response",
    "thin_ridges",
]

SIDE = 2.5  # distance of the sides from the middle, in sigmas of the line
SMOOTH = 0.7  # smoothing across the line, in sigmas of the line
BLOCK = 48  # px, block of the local noise estimate
MAD = 1.4826  # median absolute value to standard deviation, Gaussian
# In a crowded picture more than half of all pixels feel some line, so that the median absolute
# response tells of lines and not of noise; the smaller responses are still those of noise.
QUIET = 0.25  # quantile of the absolute response
QUIET_TO_SIGMA = 1.1 * 3.1383  # Gaussian, with a margin for its larger scatter
CLEARINGS = 3  # rounds in which lines are left out of the estimate of noise
SURE = 8.0  # score of what is surely a line
CLEAR = 0.03  # share of the picture that must be left to tell the noise


def _noise_level(responses: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Standard deviation of a filter's responses in noise, although lines are among them."""
    quiet, middle = np.quantile(np.abs(responses), (QUIET, 0.5), axis=axis)
    return np.minimum(QUIET_TO_SIGMA * quiet, MAD * middle)


@dataclass(frozen=True)
class OrientedResponse:
    """Strongest filter at each pixel.

    ``score`` (H, W): contrast of the line in standard deviations of the filter in noise.
    ``angle`` (H, W): direction of the line, rad in [0, pi), x right and y down.
    ``sigma`` (H, W): half width (Gaussian sigma, px) of the filter that won.
    ``step`` (H, W): the largest difference of the two sides, in the same units as the score.
    """

    score: np.ndarray
    angle: np.ndarray
    sigma: np.ndarray
    step: np.ndarray


def flatten(image: np.ndarray, width: float) -> np.ndarray:
    """Subtract the local mean (Gaussian of sigma ``width`` px) and set the spread to 1."""
    detail = image - ndi.gaussian_filter(image, width, mode="nearest")
    spread = MAD * float(np.median(np.abs(detail)))
    return detail / (spread if spread > 0 else 1.0)


def level_rows(image: np.ndarray, piece: int = 129) -> np.ndarray:
    """Take out scan-line noise: long pieces of rows that are too bright or too dark.

    The difference of a row from its neighbours is averaged over ``piece`` px with its extremes
    clipped, so that the lines that cross the row do not count. Nothing is done where rows differ
    no more than columns do: then it is not scan-line noise.
    """
    image = np.asarray(image, dtype=np.float32)
    offsets = []
    for axis in (0, 1):
        detail = image - ndi.median_filter(image, size=(9, 1) if axis == 0 else (1, 9))
        limit = 2.5 * MAD * float(np.median(np.abs(detail))) or 1.0
        size = min(piece, image.shape[1 - axis])
        offsets.append(
            ndi.uniform_filter1d(np.clip(detail, -limit, limit), size, axis=1 - axis, mode="mirror")
        )
    if np.std(offsets[0]) < 1.5 * np.std(offsets[1]):
        return image
    return image - offsets[0]


def _local_noise(even: np.ndarray, total: float, live: np.ndarray) -> np.ndarray:
    """Map of the noise of a filter, from blocks, smoothed; never below a third of all."""
    height, width = even.shape[-2:]
    ny, nx = max(1, round(height / BLOCK)), max(1, round(width / BLOCK))
    rows = np.linspace(0, height, ny + 1).astype(int)
    cols = np.linspace(0, width, nx + 1).astype(int)
    grid = np.empty((ny, nx), np.float32)
    for i in range(ny):
        for j in range(nx):
            block = slice(rows[i], rows[i + 1], 2), slice(cols[j], cols[j + 1], 2)
            here = even[(slice(None), *block)][:, live[block]]
            grid[i, j] = _noise_level(here) if here.shape[1] > 20 else total
    grid = ndi.gaussian_filter(grid, 1.0, mode="nearest")
    y = (np.arange(height) + 0.5) * ny / height - 0.5
    x = (np.arange(width) + 0.5) * nx / width - 0.5
    noise = ndi.map_coordinates(grid, np.meshgrid(y, x, indexing="ij"), order=1, mode="nearest")
    return np.maximum(noise, total / 3)


def filter_bank(
    image: np.ndarray, sigma: float, length: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Even and odd responses of all orientations of one width: (T, H, W) each, and angles (T,).

    ``sigma`` across and ``length`` along the line are Gaussian sigmas, px; angles are in rad.
    """
    height, width = image.shape
    pad = int(np.ceil(2.5 * length + SIDE * sigma))
    pad = min(pad, min(height, width) - 1)
    padded = np.pad(image, pad, mode="reflect")
    shape = [fft.next_fast_len(n, real=True) for n in padded.shape]
    spectrum = fft.rfft2(padded, shape)
    fy = fft.fftfreq(shape[0])[:, None].astype(np.float32)
    fx = fft.rfftfreq(shape[1])[None].astype(np.float32)
    n_angles = int(np.clip(np.ceil(np.pi * length / (1.3 * max(sigma, 0.8))), 12, 32))
    angles = np.arange(n_angles) * np.pi / n_angles
    even = np.empty((n_angles, height, width), np.float32)
    odd = np.empty_like(even)
    inner = (slice(pad, pad + height), slice(pad, pad + width))
    for k, angle in enumerate(angles):
        along = fx * np.float32(np.cos(angle)) + fy * np.float32(np.sin(angle))
        across = fy * np.float32(np.cos(angle)) - fx * np.float32(np.sin(angle))
        decay = 2 * np.pi**2 * ((length * along) ** 2 + (SMOOTH * sigma * across) ** 2)
        smooth = spectrum * np.exp(-decay)
        phase = 2 * np.pi * SIDE * sigma * across
        even[k] = fft.irfft2(smooth * (np.cos(phase) - 1), shape)[inner]
        odd[k] = fft.irfft2(smooth * (1j * np.sin(phase)), shape)[inner]
    return even, odd, angles


def _noise_scale(even: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Standard deviation of each filter in noise: (T, H, W)."""
    per_angle = _noise_level(even[:, ::3, ::3][:, live[::3, ::3]], axis=1)
    total = float(np.median(per_angle)) or 1.0
    noise = _local_noise(even, total, live)
    # orientations along which the noise itself is aligned (scan lines) need more contrast
    return np.maximum(per_angle / total, 1.0).astype(np.float32)[:, None, None] * noise


def _one_width(
    image: np.ndarray, sigma: float, length: float, live: np.ndarray
) -> OrientedResponse:
    even, odd, angles = filter_bank(image, sigma, length)
    strength = even - np.abs(odd)
    scale = _noise_scale(even, live)
    for _ in range(CLEARINGS):
        # What is surely a line, and its surroundings, says nothing about the noise.
        lines = (strength > SURE * scale).any(axis=0)
        reach = int(np.ceil(SIDE * sigma + length / 2))
        clear = live & (ndi.distance_transform_edt(~lines) > reach)
        if not lines.any() or clear.sum() < max(400, CLEAR * live.sum()):
            break
        scale = np.minimum(scale, _noise_scale(even, clear))
    step = (np.abs(odd) / scale).max(axis=0)
    score = strength / scale
    best = score.argmax(axis=0)
    return OrientedResponse(
        np.take_along_axis(score, best[None], 0)[0],
        angles[best].astype(np.float32),
        np.full(image.shape, sigma, np.float32),
        step,
    )


def oriented_response(
    image: np.ndarray,
    sigmas: tuple[float, ...],
    elongation: tuple[float, float] = (6.0, 2.5),
    live: np.ndarray | None = None,
) -> OrientedResponse:
    """Best response over widths and orientations to dark lines on a brighter ground.

    Parameters
    ----------
    image : (H, W) float
        Flattened picture (see `flatten`); negate it to find bright lines.
    sigmas : tuple of float
        Gaussian sigmas of the lines, px (FWHM / 2.355). From 2 px on they are filtered on a
        picture binned by 2, from 4 px on by 4: what is so wide needs no finer pixels.
    elongation : (float, float)
        Gaussian sigma along the line: at least the first (px), at least the second times the
        width. 6 px averages about 20 px of line, where dislocations are straight enough.
    live : (H, W) bool, optional
        Pixels that hold data: noise is read there. By default all.

    Returns
    -------
    OrientedResponse
        Of the width and orientation with the highest score at each pixel.

    Raises
    ------
    ValueError
        If there is no width.
    """
    live = np.ones(image.shape, bool) if live is None or live.sum() < 400 else live
    best: OrientedResponse | None = None
    for sigma in sigmas:
        factor = 1 if sigma < 2 else 2 if sigma < 4 else 4
        factor = factor if min(image.shape) >= 24 * factor else 1
        length = max(elongation[0], elongation[1] * sigma)
        small = binned(image, factor)
        data = binned(live.astype(np.float32), factor) > 0.5
        found = _one_width(small, sigma / factor, length / factor, data)
        found = _enlarged(found, factor, image.shape)
        if best is None:
            best = found
            continue
        better = found.score > best.score
        best = OrientedResponse(
            np.where(better, found.score, best.score),
            np.where(better, found.angle, best.angle),
            np.where(better, found.sigma, best.sigma),
            np.maximum(found.step, best.step),
        )
    if best is None:
        raise ValueError("sigmas is empty; give at least one line width in px, such as (1.5,).")
    return best


def binned(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of ``factor`` x ``factor`` px; the rim is repeated where it does not divide."""
    if factor == 1:
        return image
    pad = [(0, -n % factor) for n in image.shape]
    image = np.pad(image, pad, mode="edge")
    height, width = image.shape
    return image.reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3))


def _enlarged(found: OrientedResponse, factor: int, shape: tuple[int, int]) -> OrientedResponse:
    if factor == 1:
        return found
    y, x = ((np.arange(n) + 0.5) / factor - 0.5 for n in shape)
    where = np.meshgrid(y, x, indexing="ij")

    def at(values: np.ndarray, order: int) -> np.ndarray:
        return ndi.map_coordinates(values, where, order=order, mode="nearest")

    return OrientedResponse(
        at(found.score, 1),
        at(found.angle, 0),
        np.full(shape, found.sigma[0, 0] * factor, np.float32),
        at(found.step, 1),
    )


def thin_ridges(found: OrientedResponse, low: float) -> np.ndarray:
    """Pixels whose score is the largest across their line and at least ``low``: (H, W) bool."""
    score = ndi.gaussian_filter(found.score, 0.7)
    ys, xs = np.nonzero(found.score >= low)
    angle = found.angle[ys, xs]
    nx, ny = -np.sin(angle), np.cos(angle)
    here = score[ys, xs]
    keep = np.ones(len(ys), bool)
    for side in (-1.0, 1.0):
        there = ndi.map_coordinates(
            score, [ys + side * ny, xs + side * nx], order=1, mode="nearest"
        )
        keep &= here >= there
    ridge = np.zeros(score.shape, bool)
    ridge[ys[keep], xs[keep]] = True
    return ridge
