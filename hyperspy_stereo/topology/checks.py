"""Checks of masks, pixel sizes and diagrams, with errors that say what to do."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["as_diagram", "as_mask", "as_pixel_size", "same_shape"]


def as_mask(mask: ArrayLike, name: str = "mask") -> np.ndarray:
    """Return a mask as a bool array, or refuse what is none.

    Parameters
    ----------
    mask : array_like of shape (H, W) or (D, H, W)
        True, or 1, on lines.
    name : str, default "mask"
        Of the argument, for the error.

    Returns
    -------
    ndarray of bool

    Raises
    ------
    TypeError
        If it holds no real numbers.
    ValueError
        If it holds NaN or a value that is neither 0 nor 1, is not 2-D or 3-D, or has no pixel.

    Examples
    --------
    >>> as_mask([[0, 1], [1, 0]]).sum()
    np.int64(2)
    """
    array = np.asarray(mask)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"{name} must be an array of True and False, got dtype {array.dtype}: compare the "
            "image with a threshold first, for example DislocationMap.mask()."
        )
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            f"{name} must be one picture (H, W) or one volume (D, H, W) with at least one pixel, "
            f"got the shape {array.shape}: pass one picture of a stack at a time."
        )
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values; set them to 0 (no line) first.")
    on = array == 1
    if not np.all(on | (array == 0)):
        raise ValueError(
            f"{name} must hold only 0 and 1 (or False and True), got values from {array.min():g} "
            f"to {array.max():g}: compare it with a threshold first, for example array > 0.5."
        )
    return on


def as_pixel_size(pixel_size: ArrayLike, ndim: int) -> np.ndarray:
    """Return the size of a pixel along each axis.

    Parameters
    ----------
    pixel_size : float or sequence of `ndim` floats
        In any unit of length, in the order of the array's axes (rows first).
    ndim : int
        Of the mask.

    Returns
    -------
    ndarray of shape (ndim,)

    Raises
    ------
    ValueError
        If it is not one positive number, or one for each axis.
    """
    try:
        size = np.asarray(pixel_size, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"pixel_size must be numbers, got {pixel_size!r}.") from error
    if size.ndim == 0:
        size = np.full(ndim, float(size))
    if size.shape != (ndim,) or not np.isfinite(size).all() or size.min() <= 0:
        raise ValueError(
            f"pixel_size must be one positive number or {ndim} of them, one for each axis (rows "
            f"first), got {pixel_size!r}."
        )
    return size


def as_diagram(diagram: ArrayLike, name: str = "diagram") -> np.ndarray:
    """Return a persistence diagram as a float array, or refuse what is none.

    Parameters
    ----------
    diagram : array_like of shape (n, 2)
        Birth and death of each class, finite, death at or after birth.
    name : str, default "diagram"
        Of the argument, for the error.

    Returns
    -------
    ndarray of shape (n, 2)

    Raises
    ------
    ValueError
        If it has another shape, or births after deaths, or is not finite.
    """
    array = np.asarray(diagram, dtype=float)
    if array.size == 0:
        return np.empty((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(
            f"{name} must have one row (birth, death) for each class, got the shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} holds classes that never die: give them a death first, as "
            "topology.diagrams() does (the maximum of the image)."
        )
    if (array[:, 1] < array[:, 0]).any():
        raise ValueError(
            f"{name} holds a class that dies before it is born; rows are (birth, death)."
        )
    return array


def same_shape(mask: np.ndarray, truth: np.ndarray) -> None:
    """Refuse a mask and a truth of different shapes.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if mask.shape != truth.shape:
        raise ValueError(
            f"the mask has the shape {mask.shape} but the truth {truth.shape}: crop or resample "
            "one of them, so that each pixel of one belongs to a pixel of the other."
        )
