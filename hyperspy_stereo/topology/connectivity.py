"""Connectivity in plain numbers: lines broken, lines wrongly joined, spurious signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage as ndi

from hyperspy_stereo.topology.centre_lines import TOLERANCE, centre_line, length_per_pixel, near
from hyperspy_stereo.topology.checks import as_mask, same_shape

__all__ = ["connectivity"]

LEAST_PIXELS = 3  #: px of a centre line from which on one line counts as covered by another.


def connectivity(
    mask: ArrayLike,
    truth: ArrayLike,
    pixel_size: ArrayLike = 1.0,
    tolerance: float = TOLERANCE,
) -> dict[str, float]:
    """Count what is connected differently in a mask and in the truth.

    Parameters
    ----------
    mask, truth : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first; for lengths.
    tolerance : float, default 2.0
        px that a line may lie beside the true one.

    Returns
    -------
    dict
        broken : true lines (from junction to junction or end) found in two or more pieces;
        breaks : interruptions in all of them, from one missing pixel on;
        missed : true lines of which nothing was found;
        joined : links between pieces of the mask's network that hold lines which are not connected
        in the truth: a piece that covers k separate true networks counts k - 1. A false link
        within one network is not counted here, but closes a ring, which the distances in H1 see;
        spurious : length of the predicted centre line farther than the tolerance from the true
        one, in the unit of `pixel_size`;
        spurious_share : the same as a share of the predicted length, NaN where there is none.

    Raises
    ------
    TypeError, ValueError
        If one is no mask, their shapes differ, or the tolerance is negative.

    Examples
    --------
    >>> truth = np.zeros((40, 64), bool)
    >>> truth[10:13, 4:60] = truth[25:28, 4:60] = True
    >>> found = truth.copy()
    >>> found[10:13, 30] = False  # one line broken
    >>> found[10:28, 50:53] = True  # and joined with the other
    >>> numbers = connectivity(found, truth)
    >>> numbers["broken"], numbers["breaks"], numbers["joined"]
    (1, 1, 1)
    """
    mask, truth = as_mask(mask), as_mask(truth, "truth")
    same_shape(mask, truth)
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"tolerance must be a number of px, 0 or more; got {tolerance!r}.")
    true, predicted = centre_line(truth), centre_line(mask)
    pieces = _pieces_of_lines(true, mask, tolerance)
    lengths = length_per_pixel(predicted, pixel_size)
    far = predicted & ~near(true, tolerance)
    spurious, whole = float(lengths[far].sum()), float(lengths.sum())
    return {
        "broken": int((pieces > 1).sum()),
        "breaks": int(np.maximum(pieces - 1, 0).sum()),
        "missed": int((pieces == 0).sum()),
        "joined": _joined(mask, predicted, truth, tolerance),
        "spurious": spurious,
        "spurious_share": spurious / whole if whole else float("nan"),
    }


def _pieces_of_lines(lines: np.ndarray, mask: np.ndarray, tolerance: float) -> np.ndarray:
    """In how many pieces a mask shows each line between junctions, (number of lines,)."""
    everywhere = ndi.generate_binary_structure(lines.ndim, lines.ndim)
    neighbours = ndi.convolve(lines.astype(np.uint8), everywhere.astype(np.uint8), mode="constant")
    junctions = lines & (neighbours > 3)
    # Around junctions the lines meet: there a piece of one would be taken for one of another.
    apart = ~near(junctions, tolerance + 1)
    branches, count = ndi.label(lines & apart, everywhere)
    sizes = np.bincount(branches.ravel(), minlength=count + 1)
    # Pieces are what is connected along the line, not by a way around through the network.
    corridor = mask & apart & near(lines, tolerance + 1)
    pieces, found = ndi.label(corridor, everywhere)
    if not found:
        return np.zeros(int((sizes[1:] >= LEAST_PIXELS).sum()), int)
    distance, nearest = ndi.distance_transform_edt(pieces == 0, return_indices=True)
    on = (branches > 0) & (distance <= tolerance)
    pairs = np.stack([branches[on], pieces[tuple(nearest)][on]])
    pairs = np.unique(pairs, axis=1)
    number = np.bincount(pairs[0], minlength=count + 1)
    return number[1:][sizes[1:] >= LEAST_PIXELS]


def _joined(mask: np.ndarray, predicted: np.ndarray, truth: np.ndarray, tolerance: float) -> int:
    """Links of a mask between networks that are separate in the truth."""
    if not truth.any() or not mask.any():
        return 0
    everywhere = ndi.generate_binary_structure(mask.ndim, mask.ndim)
    true, n_true = ndi.label(truth, everywhere)
    found, _ = ndi.label(mask, everywhere)
    distance, nearest = ndi.distance_transform_edt(true == 0, return_indices=True)
    on = predicted & (distance <= tolerance)
    pairs = found[on].astype(np.int64) * (n_true + 1) + true[tuple(nearest)][on]
    pairs, pixels = np.unique(pairs, return_counts=True)
    pieces = pairs[pixels >= LEAST_PIXELS] // (n_true + 1)
    return int(len(pieces) - len(np.unique(pieces)))
