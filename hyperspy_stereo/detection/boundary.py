"""Boundaries: long, straight, thick or step-like things that are no dislocations.

Grain and lamella boundaries, surfaces and fault fringes are straight over a good part of the
frame, which dislocations rarely are, and are steps, or bands much thicker than the other lines.
They are looked for on a binned picture with filters that average over a long straight piece. A
thin straight line is left alone, however long: it may well be a dislocation.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage.measure import label, regionprops

from hyperspy_stereo.detection.oriented import (
    MAD,
    OrientedResponse,
    binned,
    filter_bank,
    flatten,
    thin_ridges,
)

__all__ = ["boundary_map", "parallel_to_boundary"]

COARSE = 256  # px, shorter side of the picture on which boundaries are looked for
FLAT = 0.06  # of the shorter side, sigma of the background that is taken off
LENGTH = 0.07  # Gaussian sigma of the filter along the boundary, of the shorter side
THIN, THICK = 1.5, 4.0  # px of the coarse picture, sigma across
SEED, GROW = 7.0, 4.0  # in units of the filter's noise
LONG = 0.35  # of the shorter side: shortest step or thick band
THICKER = 1.6  # a line so much wider than the others is a band ...
THICKEST = 3.0  # px, ... if its sigma is at least this
STRAIGHT = 0.012  # rms distance from a straight line, of the length
PARALLEL = np.radians(20)  # lines within a boundary and along it are taken for the boundary


def _straight_pieces(found: OrientedResponse, shortest: float, allowed: np.ndarray):
    """Straight, long, significant and mostly allowed ridges: list of (rows, columns, direction)."""
    labels = label(thin_ridges(found, GROW), connectivity=2)
    pieces = []
    for region in regionprops(labels, intensity_image=found.score):
        if region.area < 0.6 * shortest:
            continue
        yx = region.coords
        if np.mean(found.score[yx[:, 0], yx[:, 1]] > SEED) < 0.4:
            continue
        if np.mean(allowed[yx[:, 0], yx[:, 1]]) < 0.6:
            continue
        centred = yx - yx.mean(axis=0)
        values, vectors = np.linalg.eigh(centred.T @ centred / len(yx))
        length = np.ptp(centred @ vectors[:, 1])
        if length >= shortest and np.sqrt(max(values[0], 0)) < max(STRAIGHT * length, 0.7):
            pieces.append((yx[:, 0], yx[:, 1], np.arctan2(vectors[0, 1], vectors[1, 1]) % np.pi))
    return pieces


def _responses(image: np.ndarray, sigma: float, length: float):
    """Line-like and step-like response of one width, in units of their noise."""
    even, odd, angles = filter_bank(image, sigma, length)
    noise = MAD * np.median(np.abs(even[:, ::2, ::2]), axis=(1, 2))
    noise = np.maximum(noise, np.median(noise) or 1.0).astype(np.float32)[:, None, None]
    step, line = np.abs(odd) / noise, (even - np.abs(odd)) / noise
    out = []
    for score in (line, step):
        best = score.argmax(axis=0)
        top = np.take_along_axis(score, best[None], 0)[0]
        size = np.full(top.shape, sigma, np.float32)
        out.append(OrientedResponse(top, angles[best].astype(np.float32), size, top))
    return out


def boundary_map(
    image: np.ndarray, width: np.ndarray, typical: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where boundaries are, and their direction.

    Parameters
    ----------
    image : (H, W) float32
        One view, scan-line noise levelled, dead areas filled; dark lines on bright ground.
    width : (H, W)
        Sigma of the line at each pixel, px.
    typical : float
        Median sigma of the lines of this view, px.

    Returns
    -------
    boundary : (H, W) float32
        Near 1 on a boundary, 0 elsewhere; a band as wide as the boundary.
    angle : (H, W) float32
        Direction of the boundary nearest to each pixel, rad in [0, pi).
    """
    factor = max(1, round(min(image.shape) / COARSE))
    small = binned(image, factor)
    short = min(small.shape)
    small = flatten(small, FLAT * short)
    length = max(LENGTH * short, 6.0)
    thin_line, step = _responses(small, THIN, length)
    thick_line, _ = _responses(small, THICK, length)
    # a line has a step on each flank, half as strong as the line itself
    beside = ndi.maximum_filter(thin_line.score, 7)
    coarse_width = width[factor // 2 :: factor, factor // 2 :: factor]
    coarse_width = ndi.median_filter(coarse_width[: small.shape[0], : small.shape[1]], 3)
    pad = [(0, m - n) for m, n in zip(small.shape, coarse_width.shape, strict=True)]
    band = np.pad(coarse_width, pad, mode="edge") >= max(THICKEST, THICKER * typical)
    centre = np.zeros(small.shape, bool)
    reach = np.zeros(small.shape, np.float32)
    angle = np.zeros(small.shape, np.float32)
    found = (
        (step, step.score > 1.2 * beside, 2.5),
        (thick_line, thick_line.score > 1.2 * beside, 1.5 * THICK),
        (thin_line, band, 3.0),
    )
    for response, allowed, half_width in found:
        for rows, columns, direction in _straight_pieces(response, LONG * short, allowed):
            centre[rows, columns] = True
            reach[rows, columns] = np.maximum(reach[rows, columns], half_width)
            angle[rows, columns] = direction
    if not centre.any():
        return np.zeros(image.shape, np.float32), np.zeros(image.shape, np.float32)
    distance, (iy, ix) = ndi.distance_transform_edt(~centre, return_indices=True)
    soft = 1 / (1 + np.exp(2 * (distance - reach[iy, ix])))
    y, x = (
        np.minimum(np.arange(n) // factor, m - 1)
        for n, m in zip(image.shape, small.shape, strict=True)
    )
    where = np.ix_(y, x)
    return soft[where].astype(np.float32), angle[iy, ix][where]


def parallel_to_boundary(
    boundary: np.ndarray, direction: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """Pixels of a boundary whose line runs along it; lines that cross it are not among them."""
    turn = np.abs((angle - direction + np.pi / 2) % np.pi - np.pi / 2)
    return (boundary > 0.5) & (turn < PARALLEL)
