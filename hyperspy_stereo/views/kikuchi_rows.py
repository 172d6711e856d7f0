"""Rows of virtual views along the Kikuchi line: in each, the diffraction condition is the same."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from hyperspy_stereo.views.disc import Disc
from hyperspy_stereo.views.line_shifts import white_noise
from hyperspy_stereo.views.projection import project

if TYPE_CHECKING:
    from dask.array import Array

ROW_HEIGHT = 0.12  # disc radii: the excitation error is about even over so little
N_ROWS, N_COLUMNS = 7, 11
REACH = 0.9  # of the used part of the disc, disc radii
BLUR, BACKGROUND = 1.6, 8.0  # scan px; what is seen lies between these two
MARGIN = 7  # px at the rim of the scan where no window lies
SEEN = 0.2  # correlation of two halves of a row that show a picture and not noise alone


@dataclass(frozen=True)
class FilteredRow:
    """Band-passed images of a row of views.

    Attributes
    ----------
    images
        (V, Ny, Nx) contrast at the scale of lines.
    place
        (V,) incidence along the row, from -1 to 1.
    gain, inverse
        (V,) strength of the contrast, and one over the variance of its noise.
    """

    images: np.ndarray
    place: np.ndarray
    gain: np.ndarray
    inverse: np.ndarray


def filtered_rows(rows: list[tuple[np.ndarray, np.ndarray]], reach: float) -> list[FilteredRow]:
    """Band-pass the rows, and leave out those without contrast.

    Parameters
    ----------
    rows
        (V, Ny, Nx) images and (V,) incidences of each.
    reach
        Largest incidence of all.

    Returns
    -------
    list of FilteredRow
    """
    found = []
    for views, incidence in rows:
        if len(views) < 5:
            continue
        images, noise = [], []
        for view in np.asarray(views, float):
            mean = abs(view.mean()) + 1e-300
            local = np.maximum(ndimage.gaussian_filter(view, 8.0, mode="nearest"), 0.05 * mean)
            relative = view / local - 1
            noise.append(white_noise(relative))
            sharp = ndimage.gaussian_filter(relative, BLUR)
            images.append(sharp - ndimage.gaussian_filter(relative, BACKGROUND))
        images = np.array(images)
        # of white noise after the blur
        noise = np.maximum(np.array(noise) / np.sqrt(4 * np.pi * BLUR**2), 1e-4)
        inner = images[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        signal = np.sqrt(np.maximum(inner.var(axis=(1, 2)) - noise**2, 1e-12))
        gain = np.maximum(signal, 0.3 * signal.max())
        inverse = 1 / (noise**2 + (0.15 * signal) ** 2)
        found.append(
            (np.median(signal), FilteredRow(images, np.asarray(incidence) / reach, gain, inverse))
        )
    best = max((contrast for contrast, _ in found), default=0.0)
    return [row for contrast, row in found if contrast > max(0.25 * best, 1e-4)]


def kikuchi_rows(
    stack: np.ndarray | Array,
    disc: Disc,
    azimuth: float,
    offset: float,
    descan: np.ndarray | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Virtual images in rows along the Kikuchi line, through detectors with soft edges.

    Parameters
    ----------
    stack, disc, descan
        As for `scan_rotation`.
    azimuth
        Of the Kikuchi line, degrees in detector axes.
    offset
        Of the line from the disc's centre along its normal, disc radii.

    Returns
    -------
    list of ((V, Ny, Nx) images, (V,) incidence along the line, disc radii)
    """
    masks, along, row = _row_masks(disc, stack.shape[2:], azimuth, offset)
    if not len(masks):
        raise ValueError(
            f"The disc of radius {disc.radius:.1f} px at {disc.centre} holds no row of views along "
            "the Kikuchi line: check calibrate_disc and calibrate_kikuchi."
        )
    views = np.asarray(project(stack, masks, descan))
    return [(views[row == r], along[row == r]) for r in np.unique(row)]


def likeness_across(rows: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """How much the picture stays the same from one row of views to the next, whatever its strength.

    Parameters
    ----------
    rows
        As for `parallax_direction`, in order across the Kikuchi line.

    Returns
    -------
    float
        Median over neighbouring rows of the correlation of their middle views, at the best shift up
        to 5 px, corrected for noise: 1 if only the strength of the contrast varies across the line.
        NaN where less than two rows show contrast.

    Notes
    -----
    The correction for attenuation divides by what two halves of the same row agree by (C. Spearman,
    Am. J. Psychol. 15 (1904) 72).
    """
    reach = max(float(np.abs(incidence).max()) for _, incidence in rows)
    halves = [_halves(row) for row in filtered_rows(rows, reach)]
    found = []
    for one, other in pairwise(halves):
        own = _best_product(*one) * _best_product(*other)
        between = np.mean([_best_product(a, b) for a in one for b in other])
        found.append(between / np.sqrt(own))
    return float(np.median(found)) if found else float("nan")


def _best_product(image, other, reach=5) -> float:
    """Largest covariance of two images over shifts up to `reach` px."""
    a, b = np.fft.rfft2(image - image.mean()), np.fft.rfft2(other - other.mean())
    product = np.fft.irfft2(a * np.conj(b), s=image.shape) / image.size
    around = np.arange(-reach, reach + 1)
    return float(product[np.ix_(around, around)].max())


def _row_masks(disc, shape, azimuth, offset, fine=6):
    """Detectors as shares of pixels, their places along the line, and their rows.

    Whole pixels would not do: the centres of a row would lie off the line by a part of a pixel,
    each at an excitation error of its own.
    """
    phi = np.deg2rad(azimuth)
    part = (np.arange(fine) + 0.5) / fine - 0.5
    u = ((np.arange(shape[1])[:, None] + part).ravel() - disc.centre[0]) / disc.radius
    v = ((np.arange(shape[0])[:, None] + part).ravel() - disc.centre[1])[:, None] / disc.radius
    along = u * np.cos(phi) + v * np.sin(phi)
    half = N_ROWS * ROW_HEIGHT / 2
    off = v * np.cos(phi) - u * np.sin(phi) - offset
    column = np.floor((along + REACH) * N_COLUMNS / (2 * REACH)).astype(int)
    row = np.floor((off + half) / ROW_HEIGHT).astype(int)
    inside = (np.hypot(u, v) < REACH) & (np.abs(off) < half)
    whole = 2 * REACH / N_COLUMNS * ROW_HEIGHT * (disc.radius * fine) ** 2
    masks, places, rows = [], [], []
    for r in range(N_ROWS):
        for c in range(N_COLUMNS):
            cell = inside & (row == r) & (column == c)
            if cell.sum() >= 0.6 * whole:
                masks.append(cell.reshape(shape[0], fine, shape[1], fine).mean((1, 3)))
                places.append(along[cell].mean())
                rows.append(r)
    return np.array(masks, np.float32), np.array(places), np.array(rows)


def _halves(row: FilteredRow) -> tuple[np.ndarray, np.ndarray]:
    """The picture in the middle of a row, twice, with noise of their own."""
    near = np.argsort(np.abs(row.place))[:6]
    near = near[np.argsort(row.place[near])]
    inner = row.images[near][:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return inner[::2].mean(axis=0), inner[1::2].mean(axis=0)
