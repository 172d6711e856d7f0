"""Centre lines of masks: their length, and the share of one that lies on the other.

All scores compare centre lines, one pixel wide, so that thick lines count no more than thin ones.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage as ndi
from skimage.morphology import skeletonize

from hyperspy_stereo.topology.checks import as_mask, as_pixel_size, same_shape

__all__ = [
    "TOLERANCE",
    "centre_line",
    "centre_line_scores",
    "harmonic_mean",
    "length_per_pixel",
    "near",
    "share_of",
]

TOLERANCE = 2.0  #: px; a hand-drawn line is not drawn better.


def centre_line(mask: ArrayLike) -> np.ndarray:
    """Skeleton of a mask, one pixel wide.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.

    Returns
    -------
    ndarray of bool
        Of the same shape.

    Examples
    --------
    >>> bar = np.zeros((7, 20))
    >>> bar[2:5, 2:18] = 1
    >>> centre_line(bar).sum(axis=0).max()
    np.int64(1)
    """
    mask = as_mask(mask)
    line = skeletonize(mask).astype(bool)
    return line if mask.ndim == 2 else line | _even_lines(mask, line)


def centre_line_scores(
    mask: ArrayLike,
    truth: ArrayLike,
    left_out: ArrayLike | None = None,
    tolerance: float = TOLERANCE,
) -> dict[str, float]:
    """Score the centre line of a mask against that of the truth, pixel by pixel.

    Parameters
    ----------
    mask, truth : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.
    left_out : array_like of bool, optional
        Pixels of the centre lines that are not scored, on both sides. Default: none.
    tolerance : float, default 2.0
        px.

    Returns
    -------
    dict
        f1 : harmonic mean of precision and recall;
        precision : share of the predicted centre line within the tolerance of the true one;
        recall : share of the true centre line within the tolerance of the predicted one;
        cldice : harmonic mean of the share of the predicted centre line inside the true lines and
        of the true centre line inside the predicted lines, without tolerance.
        Where there is nothing to score a value is NaN; where there are true lines and nothing is
        predicted, all are 0.

    Raises
    ------
    TypeError, ValueError
        If one is no mask, or they have different shapes.

    Notes
    -----
    clDice is that of S. Shit et al., CVPR (2021) 16560, arXiv 2003.07311.

    Examples
    --------
    >>> line = np.zeros((32, 32))
    >>> line[15:18, 2:30] = 1
    >>> scores = centre_line_scores(line, line)
    >>> scores["f1"], scores["cldice"]
    (1.0, 1.0)
    """
    mask, truth = as_mask(mask), as_mask(truth, "truth")
    same_shape(mask, truth)
    predicted, true = centre_line(mask), centre_line(truth)
    scored_predicted, scored_true = predicted, true
    if left_out is not None:
        kept = ~as_mask(left_out, "left_out")
        scored_predicted, scored_true = predicted & kept, true & kept
    precision = share_of(near(true, tolerance), scored_predicted)
    recall = share_of(near(predicted, tolerance), scored_true)
    return {
        "f1": harmonic_mean(precision, recall),
        "precision": 0.0 if np.isnan(precision) and recall == 0 else precision,
        "recall": recall,
        "cldice": harmonic_mean(share_of(truth, scored_predicted), share_of(mask, scored_true)),
    }


def length_per_pixel(line: ArrayLike, pixel_size: ArrayLike = 1.0) -> np.ndarray:
    """Length of a centre line, laid on its pixels: half of each link to a neighbour.

    Parameters
    ----------
    line : array_like of bool, shape (H, W) or (D, H, W)
        A centre line, one pixel wide.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Returns
    -------
    ndarray of float
        0 beside the line; the sum is its length in the unit of `pixel_size`. A link across a
        corner counts only where no pixel makes it a detour. Between the axes and the diagonals a
        chain of pixels is up to 8 % longer than the line that it stands for.

    Raises
    ------
    TypeError, ValueError
        If the line is no mask, or the pixel size none.

    Examples
    --------
    >>> round(float(length_per_pixel(np.eye(5)).sum() ** 2), 9)
    32.0
    """
    line = as_mask(line, "line")
    size = as_pixel_size(pixel_size, line.ndim)
    padded = np.pad(line, 1)
    length = np.zeros(padded.shape)
    middle = tuple(slice(1, -1) for _ in line.shape)
    for step in product((-1, 0, 1), repeat=line.ndim):
        if not any(step):
            continue
        linked = line & padded[_moved(step, line.shape)]
        for part in product((0, 1), repeat=line.ndim):
            between = tuple(s * p for s, p in zip(step, part, strict=True))
            if any(between) and between != step:
                linked &= ~padded[_moved(between, line.shape)]
        length[middle] += 0.5 * np.linalg.norm(size * step) * linked
    return length[middle]


def near(mask: np.ndarray, distance: float) -> np.ndarray:
    """Pixels within a distance of a mask.

    Parameters
    ----------
    mask : ndarray of bool
        Of any shape.
    distance : float
        px.

    Returns
    -------
    ndarray of bool
    """
    if not mask.any():
        return np.zeros(mask.shape, bool)
    return ndi.distance_transform_edt(~mask) <= distance


def share_of(right: np.ndarray, of: np.ndarray) -> float:
    """Share of the pixels `of` that are `right`; NaN where there are none."""
    count = int(of.sum())
    return float((right & of).sum() / count) if count else float("nan")


def harmonic_mean(precision: float, recall: float) -> float:
    """Their harmonic mean; 0 if one is 0 and the other is not there, else NaN."""
    if np.isnan(precision) or np.isnan(recall):
        return 0.0 if 0 in (precision, recall) else float("nan")
    sum_ = precision + recall
    return 2 * precision * recall / sum_ if sum_ else 0.0


def _even_lines(mask: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Centre lines of pieces of a volume that thinning has left nothing of.

    scikit-image thins a round line of even width away from all sides at once until it is gone; one
    pixel wider along each axis it keeps its middle.
    """
    pieces, count = ndi.label(mask, np.ones((3,) * mask.ndim))
    gone = np.setdiff1d(np.arange(1, count + 1), pieces[line])
    if not len(gone):
        return np.zeros(mask.shape, bool)
    wider = np.pad(np.isin(pieces, gone), [(0, 1)] * mask.ndim)
    for axis in range(mask.ndim):
        wider |= np.roll(wider, 1, axis=axis)
    return skeletonize(wider)[tuple(slice(0, n) for n in mask.shape)].astype(bool) & mask


def _moved(step: tuple[int, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Where the neighbours in one direction lie in an array padded by one."""
    return tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, shape, strict=True))
