"""Compares a reconstruction with the lines that a scan was simulated from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree


def depth_errors(
    points: ArrayLike, lines: Sequence[ArrayLike], pixel_size: float, reach: float = 3.0
) -> np.ndarray:
    """Depth of reconstructed points minus that of the true line at the same place.

    Parameters
    ----------
    points : array_like of shape (N, 3)
        `points_in_scan` of a network: x, y and z in scan px.
    lines : sequence of arrays of shape (n, 3)
        True lines: x, y, z in nm.
    pixel_size : float
        nm per scan px.
    reach : float, default 3.0
        Largest distance in the image, in px, at which a point still belongs to a line. Where
        several lines pass within it, the nearest in the image counts.

    Returns
    -------
    ndarray of shape (N,)
        Error in nm; NaN where no true line is within reach (a false line).

    Raises
    ------
    ValueError
        If the points are not (N, 3), or there is no line or pixel size.

    Examples
    --------
    >>> line = np.column_stack([np.arange(0, 100, 2.0), np.full(50, 20.0), np.full(50, 30.0)])
    >>> depth_errors([[10.0, 10.0, 16.0], [10.0, 40.0, 0.0]], [line], pixel_size=2.0)
    array([ 2., nan])
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"points must be (N, 3): x, y, z in scan px; got shape {points.shape}.")
    if not lines or not pixel_size > 0:
        raise ValueError("at least one true line and a pixel size above 0 nm are needed.")
    truth = np.concatenate(
        [_resampled(np.asarray(line, dtype=float), pixel_size / 2) for line in lines]
    )
    distance, nearest = cKDTree(truth[:, :2]).query(points[:, :2] * pixel_size)
    error = points[:, 2] * pixel_size - truth[nearest, 2]
    return np.where(distance <= reach * pixel_size, error, np.nan)


def _resampled(line: np.ndarray, step: float) -> np.ndarray:
    """The polyline with points at most `step` apart."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    where = np.linspace(0, length[-1], int(np.ceil(length[-1] / step)) + 2)
    return np.column_stack([np.interp(where, length, column) for column in line.T])
