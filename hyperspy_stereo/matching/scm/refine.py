"""Warp refinement: a point of one view is put onto what was detected in the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["REACH", "refine_disparity"]

REACH = 3.0  # px; the published limit


def refine_disparity(disparity: ArrayLike, other_mask: ArrayLike, reach: float = REACH) -> NDArray:
    """Move each point's counterpart to the nearest detected pixel of its row.

    A point at x of the left view is expected at x + d of the right one. If that falls on a
    detected pixel, d stays. If not, but one lies within the reach in the same row, d is changed
    so that the counterpart is that pixel; of two equally near ones the left is taken. Else d
    stays too.

    Parameters
    ----------
    disparity : (H, W) array of float
        x_right - x_left in px of the left view, NaN where there is nothing.
    other_mask : (H, W) array of bool
        Detected pixels of the right view.
    reach : float, default 3
        Farthest move in px; the published limit.

    Returns
    -------
    (H, W) float32 ndarray

    Raises
    ------
    ValueError
        If the arrays differ in shape or are not 2D, or the reach is negative.

    References
    ----------
    O. Altingövde et al., Ultramicroscopy 234 (2022) 113460.

    Examples
    --------
    >>> import numpy as np
    >>> disparity = np.full((1, 16), np.nan)
    >>> disparity[0, 2:4] = 4.3
    >>> other = np.zeros((1, 16), bool)
    >>> other[0, 8] = True
    >>> refine_disparity(disparity, other)[0, 2:4].tolist()
    [6.0, 5.0]
    """
    disparity, other = np.array(disparity, np.float32), np.asarray(other_mask, bool)
    if disparity.ndim != 2 or disparity.shape != other.shape:
        raise ValueError(
            f"disparity has the shape {disparity.shape} and other_mask {other.shape}; both must "
            "be (rows, columns) of one size. Give the mask of the other view, not of both."
        )
    if not reach >= 0:
        raise ValueError(f"reach={reach}: give a distance of 0 px or more.")
    rows, columns = np.nonzero(np.isfinite(disparity))
    target = columns + disparity[rows, columns]
    width = other.shape[1]
    place = np.rint(target).astype(int)
    best, distance = np.zeros(len(rows), int), np.full(len(rows), np.inf)
    around = int(np.floor(reach + 0.5))  # the nearest pixel's middle is up to 0.5 px away
    for step in range(-around, around + 1):
        column = place + step
        inside = (column >= 0) & (column < width)
        apart = np.abs(column - target)
        hit = inside & other[rows, np.clip(column, 0, width - 1)] & (apart < distance)
        best[hit], distance[hit] = column[hit], apart[hit]
    moved = (distance > 0.5) & (distance <= reach)
    disparity[rows[moved], columns[moved]] = (best - columns)[moved]
    return disparity
