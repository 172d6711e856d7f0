"""Truths made worse by a known amount, in the ways in which segmentations fail.

Every kind has a severity from 0 (nothing is changed) to 1 (the strongest). The same seed gives
nested degradations: what is wrong at a low severity is wrong at a higher one too, at the same
places. How much severity 1 is, is relative to the lines that there are, or in px
(the constants below).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage as ndi

from hyperspy_stereo.topology.centre_lines import centre_line
from hyperspy_stereo.topology.checks import as_mask

__all__ = ["DEGRADATIONS", "degrade"]

GAP_SPACING = 40.0  #: px of centre line for each gap, at severity 1
GAP_RADIUS = (2.5, 5.0)  #: px
SPUR_SPACING = 60.0  #: px of centre line for each spur, at severity 1
SPUR_LENGTH = (8.0, 25.0)  #: px
BLOB_SHARE = 0.6  #: area of the blobs at severity 1, as a share of the area of the lines
BLOB_RADIUS = (2.5, 8.0)  #: px
NOISE_SHARE = 0.004  #: of all pixels flipped at severity 1
SHIFT = 12.0  #: px at severity 1
THICKENING = 6.0  #: px that each edge moves outwards at severity 1
MISSING_SHARE = 0.6  #: of the length of the lines missing at severity 1
LINE_RADIUS = 1.5  #: px, half the width of a spur


def degrade(mask: ArrayLike, kind: str, severity: float, seed: int = 0) -> np.ndarray:
    """Make a true mask worse by a known amount.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W)
        The truth, lines a few px wide.
    kind : {"gaps", "spurs", "blobs", "noise", "shift", "thickening", "missing lines"}
        Lines interrupted; short false branches; false spots; single pixels flipped; all moved;
        all thickened, until near lines merge; whole lines (from junction to junction) left out.
    severity : float
        0 (unchanged) to 1.
    seed : int, default 0
        Of the places. The same seed with a higher severity keeps what is wrong at a lower one.

    Returns
    -------
    ndarray of bool, shape (H, W)

    Raises
    ------
    ValueError
        If the mask is not one picture, there is no such kind, or the severity is not 0 to 1.

    Examples
    --------
    >>> line = np.zeros((64, 64), bool)
    >>> line[30:33] = True
    >>> int(degrade(line, "gaps", 1.0).sum()) < int(line.sum())
    True
    >>> bool((degrade(line, "gaps", 0.0) == line).all())
    True
    """
    mask = as_mask(mask)
    if mask.ndim != 2:
        raise ValueError(f"mask must be one picture (H, W), got the shape {mask.shape}.")
    if kind not in DEGRADATIONS:
        raise ValueError(f"kind must be one of {tuple(DEGRADATIONS)}, got {kind!r}.")
    if not 0 <= severity <= 1:
        raise ValueError(f"severity must lie between 0 (unchanged) and 1, got {severity!r}.")
    return DEGRADATIONS[kind](mask, float(severity), np.random.default_rng(seed))


def _gaps(mask: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    places = np.argwhere(centre_line(mask))
    places = places[rng.permutation(len(places))]
    radii = rng.uniform(*GAP_RADIUS, len(places))
    number = round(severity * len(places) / GAP_SPACING)
    return mask & ~_discs(mask.shape, places[:number], radii[:number])


def _spurs(mask: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    places = np.argwhere(centre_line(mask))
    places = places[rng.permutation(len(places))]
    lengths = rng.uniform(*SPUR_LENGTH, len(places))
    angles = rng.uniform(0, 2 * np.pi, len(places))
    worse = mask.copy()
    for i in range(round(severity * len(places) / SPUR_SPACING)):
        along = np.arange(0, lengths[i], 0.5)[:, None]
        points = places[i] + along * [np.sin(angles[i]), np.cos(angles[i])]
        worse |= _discs(mask.shape, points, np.full(len(points), LINE_RADIUS))
    return worse


def _blobs(mask: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    area = severity * BLOB_SHARE * mask.sum()
    number = int(np.ceil(area / (np.pi * BLOB_RADIUS[0] ** 2)))
    # Drawn one by one, so that more of them begin with the same ones.
    drawn = [(rng.random(2), rng.uniform(*BLOB_RADIUS)) for _ in range(number)]
    radii = np.array([radius for _, radius in drawn])
    kept = np.cumsum(np.pi * radii**2) <= area
    places = np.array([place for place, _ in drawn]).reshape(-1, 2) * mask.shape
    return mask | _discs(mask.shape, places[kept], radii[kept])


def _noise(mask: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    return mask ^ (rng.random(mask.shape) < severity * NOISE_SHARE)


def _shift(mask: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    move = np.rint(severity * SHIFT * np.array([np.sin(angle), np.cos(angle)])).astype(int)
    # What comes in from outside repeats the edge: a line that crossed it still does.
    index = [np.clip(np.arange(n) - m, 0, n - 1) for n, m in zip(mask.shape, move, strict=True)]
    return mask[np.ix_(*index)]


def _thickening(mask: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    if not mask.any() or severity == 0:
        return mask.copy()
    return ndi.distance_transform_edt(~mask) <= severity * THICKENING


def _missing_lines(mask: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    lines = centre_line(mask)
    if not lines.any() or severity == 0:
        return mask.copy()
    neighbours = ndi.convolve(lines.astype(np.uint8), np.ones((3, 3), np.uint8), mode="constant")
    branches, count = ndi.label(lines & (neighbours <= 3), np.ones((3, 3)))
    if not count:
        return mask.copy()
    order = rng.permutation(count) + 1
    lengths = np.bincount(branches.ravel(), minlength=count + 1)[order]
    gone = order[np.cumsum(lengths) <= severity * MISSING_SHARE * lengths.sum()]
    nearest = ndi.distance_transform_edt(branches == 0, return_distances=False, return_indices=True)
    return mask & ~np.isin(branches[tuple(nearest)], gone)


def _discs(shape: tuple[int, int], places: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Discs at places (rows, columns) in px."""
    drawn = np.zeros(shape, bool)
    for (y, x), radius in zip(places, radii, strict=True):
        rows = slice(max(int(np.ceil(y - radius)), 0), max(int(y + radius) + 1, 0))
        columns = slice(max(int(np.ceil(x - radius)), 0), max(int(x + radius) + 1, 0))
        part = drawn[rows, columns]
        i, j = np.ogrid[: part.shape[0], : part.shape[1]]
        part |= (i + rows.start - y) ** 2 + (j + columns.start - x) ** 2 <= radius**2
    return drawn


#: Kinds of degradation.
DEGRADATIONS: dict[str, Callable] = {
    "gaps": _gaps,
    "spurs": _spurs,
    "blobs": _blobs,
    "noise": _noise,
    "shift": _shift,
    "thickening": _thickening,
    "missing lines": _missing_lines,
}
