"""Affine maps between pixel grids, as (2, 3) matrices on (x, y) column vectors.

The convention of the whole package: ``[x', y'] = matrix[:, :2] @ [x, y] + matrix[:, 2]``, with
x = column, y = row, and the centre of the first pixel at (0, 0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "apply_affine",
    "as_affine",
    "compose_affine",
    "identity_affine",
    "invert_affine",
    "rotation_affine",
]


def identity_affine() -> np.ndarray:
    """The map that changes nothing.

    Returns
    -------
    numpy.ndarray
        (2, 3), float64.

    Examples
    --------
    >>> identity_affine()
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    return np.eye(2, 3)


def as_affine(matrix: ArrayLike | None) -> np.ndarray:
    """Check an affine map and return it as a (2, 3) float64 array.

    Parameters
    ----------
    matrix : array-like of shape (2, 3) or (3, 3), or None
        None is the identity. Of a (3, 3) matrix the last row must be (0, 0, 1).

    Returns
    -------
    numpy.ndarray
        (2, 3), float64.

    Raises
    ------
    ValueError
        If the shape is another one, a number is not finite, or the map cannot be inverted.

    Examples
    --------
    >>> as_affine([[1, 0, 5], [0, 1, 0], [0, 0, 1]])
    array([[1., 0., 5.],
           [0., 1., 0.]])
    """
    if matrix is None:
        return identity_affine()
    out = np.array(matrix, dtype=np.float64)
    if out.shape == (3, 3) and np.allclose(out[2], (0, 0, 1)):
        out = out[:2]
    if out.shape != (2, 3):
        raise ValueError(
            f"An affine map is a (2, 3) matrix [A | t]; an array of shape {np.shape(matrix)} "
            "was given."
        )
    if not np.isfinite(out).all():
        raise ValueError("The affine map holds numbers that are not finite (NaN or infinity).")
    if abs(np.linalg.det(out[:, :2])) < 1e-12:
        raise ValueError(
            "The affine map is singular: it squeezes the plane to a line and has no inverse."
        )
    return out


def apply_affine(matrix: ArrayLike | None, points: ArrayLike) -> np.ndarray:
    """Map points (x, y).

    Parameters
    ----------
    matrix : (2, 3) array or None
        None is the identity.
    points : array-like of shape (..., 2)
        x, y in pixels.

    Returns
    -------
    numpy.ndarray
        (..., 2), float64.

    Raises
    ------
    ValueError
        If the last axis of `points` is not 2, or `matrix` is not an affine map.

    Examples
    --------
    >>> apply_affine([[0, -1, 10], [1, 0, 0]], [[1.0, 2.0]])
    array([[8., 1.]])
    """
    affine = as_affine(matrix)
    xy = np.asarray(points, dtype=np.float64)
    if xy.ndim == 0 or xy.shape[-1] != 2:
        raise ValueError(f"Points are (..., 2) arrays of x, y; shape {xy.shape} was given.")
    return xy @ affine[:, :2].T + affine[:, 2]


def invert_affine(matrix: ArrayLike) -> np.ndarray:
    """The map back.

    Parameters
    ----------
    matrix : (2, 3) array
        Must not be singular.

    Returns
    -------
    numpy.ndarray
        (2, 3), float64.

    Examples
    --------
    >>> invert_affine([[2, 0, 4], [0, 2, 0]])
    array([[ 0.5,  0. , -2. ],
           [ 0. ,  0.5,  0. ]])
    """
    affine = as_affine(matrix)
    inverse = np.linalg.inv(affine[:, :2])
    return np.hstack([inverse, -(inverse @ affine[:, 2:])]) + 0.0


def compose_affine(second: ArrayLike, first: ArrayLike) -> np.ndarray:
    """The map that applies `first`, then `second`.

    Parameters
    ----------
    second, first : (2, 3) arrays
        Affine maps.

    Returns
    -------
    numpy.ndarray
        (2, 3), float64.

    Examples
    --------
    >>> compose_affine([[2, 0, 0], [0, 2, 0]], [[1, 0, 3], [0, 1, 0]])
    array([[2., 0., 6.],
           [0., 2., 0.]])
    """
    b, a = as_affine(second), as_affine(first)
    return np.hstack([b[:, :2] @ a[:, :2], b[:, :2] @ a[:, 2:] + b[:, 2:]])


def rotation_affine(
    angle: float, centre: ArrayLike = (0.0, 0.0), centre_out: ArrayLike | None = None
) -> np.ndarray:
    """Turn about a point: R = [[cos, -sin], [sin, cos]] on (x, y), y down.

    A positive angle turns x towards y, which is clockwise as an image is shown.

    Parameters
    ----------
    angle : float
        Degrees.
    centre : (x, y)
        The point that is turned about, px.
    centre_out : (x, y), optional
        Where `centre` lands; itself by default. Give the centre of the larger grid when an image
        is rotated onto one.

    Returns
    -------
    numpy.ndarray
        (2, 3), float64.

    Examples
    --------
    >>> apply_affine(rotation_affine(90), [[1.0, 0.0]]).round(9)
    array([[0., 1.]])
    """
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = np.array([[c, -s], [s, c]])
    origin = np.asarray(centre, dtype=np.float64)
    target = origin if centre_out is None else np.asarray(centre_out, dtype=np.float64)
    return np.column_stack([turn, target - turn @ origin])
