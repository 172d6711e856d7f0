"""The arrays that a network is made of, and their checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["ViewPoints", "as_line_index", "as_points", "as_shape", "per_point"]


@dataclass(frozen=True)
class ViewPoints:
    """The matched points of one view, in its pixel grid.

    Attributes
    ----------
    points : numpy.ndarray
        (N, 2), x, y in px.
    disparity, sigma : numpy.ndarray
        (N,), px.
    confidence : numpy.ndarray
        (N,), 0..1.
    line : numpy.ndarray
        (N,), chain label.
    """

    points: np.ndarray
    disparity: np.ndarray
    sigma: np.ndarray
    confidence: np.ndarray
    line: np.ndarray


def as_points(points: ArrayLike) -> np.ndarray:
    """Points as an (N, 3) float64 array, or a ValueError if they are not finite or not that."""
    xyz = np.array(points, dtype=np.float64)
    if xyz.size == 0:
        return np.zeros((0, 3))
    if xyz.ndim != 2 or xyz.shape[1] != 3:
        raise ValueError(f"Points are an (N, 3) array of x, y, z; shape {xyz.shape} was given.")
    if not np.isfinite(xyz).all():
        raise ValueError(
            "The points hold NaN or infinity; leave out the points that were not matched."
        )
    return xyz


def as_line_index(line_index: ArrayLike, count: int) -> np.ndarray:
    """Numbers of lines as (N,) integers, or a ValueError if they are not 0, 1, 2, ... in order."""
    index = np.array(line_index, dtype=np.int64).ravel()
    steps = np.diff(index)
    if index.size != count or (count and (index[0] != 0 or ((steps != 0) & (steps != 1)).any())):
        raise ValueError(
            f"line_index numbers the line of each of the {count} points, 0, 1, 2, ... in order; "
            f"{index.size} numbers"
            + (f" from {index.min()} to {index.max()}" if index.size else "")
            + " were given."
        )
    return index


def per_point(values: ArrayLike | None, count: int, default: float, name: str) -> np.ndarray:
    """One float64 for each point, `default` for None, or a ValueError if the number differs."""
    if values is None:
        return np.full(count, default)
    out = np.array(values, dtype=np.float64).ravel()
    if out.size != count:
        raise ValueError(f"{name} has {out.size} values for {count} points.")
    return out


def as_shape(shape: tuple[int, int] | None) -> tuple[int, int] | None:
    """Rows and columns as two integers, None for None, or a ValueError if not both are positive."""
    if shape is None:
        return None
    rows, columns = (int(n) for n in shape)
    if rows < 1 or columns < 1:
        raise ValueError(f"A shape is (rows, columns), both positive; {shape!r} was given.")
    return rows, columns
