"""The arrays that a network is made of, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "ViewPoints",
    "as_line_index",
    "as_number",
    "as_points",
    "as_shape",
    "check_drawing",
    "check_thickness",
    "per_point",
]

MAX_WIDTH = 100.0  # px; drawing takes time and memory with the square of the width


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


def as_number(value: object, name: str, unit: str) -> float:
    """A finite float, or an error that names what was given.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is NaN or infinite.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} is one number ({unit}); {value!r} was given.")
    if not np.isfinite(value):
        raise ValueError(f"{name} must be finite ({unit}); {value!r} was given.")
    return float(value)


def _numbers(values: ArrayLike, name: str) -> np.ndarray:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of numbers: {error}.") from None


def as_points(points: ArrayLike) -> np.ndarray:
    """Points as an (N, 3) float64 array, or a ValueError if they are not finite or not that."""
    xyz = _numbers(points, "points")
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
    given = _numbers(line_index, "line_index").ravel()
    index = given[np.isfinite(given)].astype(np.int64)
    if index.size != given.size or (index != given).any():
        wrong = given[given != np.floor(given)]
        raise ValueError(
            "line_index numbers the lines by whole numbers, 0, 1, 2, ...; "
            f"{wrong[0] if wrong.size else np.inf} is among those given."
        )
    steps = np.diff(index)
    if index.size != count or (count and (index[0] != 0 or ((steps != 0) & (steps != 1)).any())):
        raise ValueError(
            f"line_index numbers the line of each of the {count} points, 0, 1, 2, ... in order; "
            f"{index.size} numbers"
            + (f" from {index.min()} to {index.max()}" if index.size else "")
            + " were given."
        )
    return index


def per_point(
    values: ArrayLike | None, count: int, default: float, name: str, greatest: float = np.inf
) -> np.ndarray:
    """One float64 for each point from 0 to `greatest`, `default` for None.

    Raises
    ------
    TypeError
        If the values are not numbers.
    ValueError
        If their number differs, or one is NaN, infinite or out of range.
    """
    if values is None:
        return np.full(count, default)
    out = _numbers(values, name).ravel()
    if out.size != count:
        raise ValueError(f"{name} has {out.size} values for {count} points.")
    if not np.isfinite(out).all():
        raise ValueError(
            f"{name} holds {np.count_nonzero(~np.isfinite(out))} values that are NaN or infinite; "
            "leave out these points, or give them a number."
        )
    if (out < 0).any() or (out > greatest).any():
        upper = "" if np.isinf(greatest) else f" or above {greatest:g}"
        raise ValueError(
            f"{name} cannot be negative{upper}; values from {out.min():g} to {out.max():g} were "
            "given."
        )
    return out


def as_shape(shape: tuple[int, int] | None) -> tuple[int, int] | None:
    """Rows and columns as two integers, None for None, or a ValueError if not both are positive."""
    if shape is None:
        return None
    whole = np.shape(shape) == (2,) and all(isinstance(n, Integral) for n in shape)
    if not whole or min(shape) < 1:
        raise ValueError(
            f"A shape is (rows, columns), two positive whole numbers; {shape!r} was given."
        )
    return int(shape[0]), int(shape[1])


def check_thickness(thickness: float, error: float, units: str) -> tuple[float, float]:
    """Thickness of a foil and its error as floats.

    Raises
    ------
    TypeError
        If one is not a number.
    ValueError
        If the thickness is not positive, the error negative, or one not finite.
    """
    thickness = as_number(thickness, "The thickness", units)
    error = as_number(error, "The error of the thickness", units)
    if thickness <= 0 or error < 0:
        raise ValueError(
            f"The thickness must be positive and its error not negative, in {units}; "
            f"{thickness!r} and {error!r} were given."
        )
    return thickness, error


def check_drawing(
    view: int, width: float, views: int, shape: tuple[int, int] | None
) -> tuple[int, float, tuple[int, int]]:
    """Number of a view, width of lines in px, and shape of the picture that they are drawn in.

    Raises
    ------
    TypeError
        If the view is no whole number or the width no number.
    ValueError
        If there is no such view, the width is below 0 or above 100 px, or the shape is
        not known.
    """
    if isinstance(view, bool | np.bool_) or not isinstance(view, Integral):
        raise TypeError(f"view is the number of a view, 0 to {views - 1}; {view!r} was given.")
    if not 0 <= view < views:
        raise ValueError(
            f"There are matched points of {views} views; view {view!r} is not among them."
        )
    if shape is None:
        raise ValueError(
            "The shape of the images is not known: make the network with "
            "image_shape=(rows, columns)."
        )
    width = as_number(width, "width", "px")
    if not 0 <= width <= MAX_WIDTH:
        raise ValueError(
            f"width is that of a drawn line, 0 to {MAX_WIDTH:g} px; {width!r} was given."
        )
    return int(view), width, shape
