"""Filtrations of a mask: float images whose sublevel sets tell where its lines are and how.

A filtration lets pixels appear in the order of their value, the smallest first; what appears,
joins and closes on the way is what persistent homology counts. Each function here works on
pictures (H, W) and on volumes (D, H, W), with square pixels or not.

Four kinds follow A. Garin and G. Tauzin, "A topological reading lesson", ICMLA (2019) 1551,
section II. Directions and centres are measured from the middle of the frame, and the default ones
are closed under quarter turns and flips: a turned mask has the same set of filtrations, turned.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage as ndi

from hyperspy_stereo.topology.checks import as_mask, as_pixel_size

__all__ = [
    "DENSITY_RADIUS",
    "REACH",
    "default_centres",
    "default_directions",
    "density_filtration",
    "dilation_filtration",
    "height_filtration",
    "radial_filtration",
]

#: px within which line pixels are counted: a few widths of a line, less than their usual spacing.
DENSITY_RADIUS = 8.0
#: px that the background comes after the last line pixel: so long all pieces of line can live.
REACH = 32.0


def dilation_filtration(mask: ArrayLike, pixel_size: ArrayLike = 1.0) -> np.ndarray:
    """Signed Euclidean distance to the edge of the lines: lines thicken until all is filled.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Returns
    -------
    ndarray of float
        In the unit of `pixel_size`; negative on lines. The edge (0) lies half a pixel (of the
        shortest side) beyond the middle of the last pixel of a line. Without any edge, in an
        empty or a full mask, the diagonal of the frame everywhere, positive or negative.

    Raises
    ------
    TypeError, ValueError
        If the mask or the pixel size is none.

    Notes
    -----
    Moving every edge by at most t changes no value by more than t, whence the stability of the
    diagrams (D. Cohen-Steiner et al., Discrete Comput. Geom. 37 (2007) 103).

    Examples
    --------
    >>> dilation_filtration([[1, 1, 0, 0]])
    array([[-1.5, -0.5,  0.5,  1.5]])
    """
    mask = as_mask(mask)
    size = as_pixel_size(pixel_size, mask.ndim)
    if mask.all() or not mask.any():
        diagonal = float(np.linalg.norm(size * mask.shape))
        return np.full(mask.shape, -diagonal if mask.flat[0] else diagonal)
    outside = ndi.distance_transform_edt(~mask, sampling=size)
    return (
        outside
        - ndi.distance_transform_edt(mask, sampling=size)
        + np.where(mask, 0.5, -0.5) * (size.min())
    )


def density_filtration(
    mask: ArrayLike, radius: float | None = None, pixel_size: ArrayLike = 1.0
) -> np.ndarray:
    """Minus the share of line pixels within a radius: crowded places appear first.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.
    radius : float, optional
        Of the neighbourhood, in the unit of `pixel_size`. By default `DENSITY_RADIUS` times the
        shortest side of a pixel.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Returns
    -------
    ndarray of float
        From -1 (all pixels within the radius, the pixel itself among them, are line) to 0 (none
        is). Beyond the frame there are no lines. Counted exactly, so that turns and flips change
        nothing.

    Raises
    ------
    TypeError, ValueError
        If the mask, the radius or the pixel size is none.

    Examples
    --------
    >>> density_filtration([[1, 1, 1, 0, 0]], radius=1)[0, 1:].tolist()
    [-0.6, -0.4, -0.2, 0.0]
    """
    mask = as_mask(mask)
    size = as_pixel_size(pixel_size, mask.ndim)
    radius = DENSITY_RADIUS * size.min() if radius is None else float(radius)
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(f"radius must be above 0, in the unit of pixel_size; got {radius!r}.")
    length = mask.shape[-1]
    total = np.zeros((*mask.shape[:-1], length + 1), np.int32)
    np.cumsum(mask, axis=-1, out=total[..., 1:])
    # Rows of the ball, each a difference of two running sums: no convolution with many taps.
    reach = (radius / size[:-1] + 1e-9).astype(int)
    count, volume = np.zeros(mask.shape, np.int32), 0
    ends = np.arange(length)
    for offset in product(*(range(-n, n + 1) for n in reach)):
        room = radius**2 - float(np.sum((np.array(offset) * size[:-1]) ** 2))
        if room < -1e-9 * radius**2:
            continue
        half = int(np.sqrt(max(room, 0.0)) / size[-1] + 1e-6)
        volume += 2 * half + 1
        steps = list(zip(offset, mask.shape[:-1], strict=True))
        if any(abs(o) >= n for o, n in steps):
            continue
        to = tuple(slice(max(-o, 0), n - max(o, 0)) for o, n in steps)
        of = tuple(slice(max(o, 0), n - max(-o, 0)) for o, n in steps)
        rows = total[of]
        count[to] += (
            rows[..., np.minimum(ends + half + 1, length)] - rows[..., np.maximum(ends - half, 0)]
        )
    return -(count / volume) + 0.0


def height_filtration(
    mask: ArrayLike, direction: ArrayLike, pixel_size: ArrayLike = 1.0
) -> np.ndarray:
    """Height of line pixels along a direction; all else comes last.

    Each piece of a line that is a lowest place of its own is born at its height and lives until
    it meets another, or until the background appears, at least `REACH` px later: a line that is
    broken m times has m more long-lived classes.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.
    direction : array_like of shape (ndim,)
        Unit vector in the order of the array's axes: (rows, columns).
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Returns
    -------
    ndarray of float
        In the unit of `pixel_size`, 0 in the middle of the frame. The background has the height of
        the highest corner and `REACH` px (of the shortest side) more.

    Raises
    ------
    TypeError, ValueError
        If the mask or the pixel size is none, or the direction is no unit vector.

    Examples
    --------
    >>> height_filtration([[1, 0, 1]], (0, 1)).tolist()
    [[-1.0, 33.0, 1.0]]
    """
    mask = as_mask(mask)
    size = as_pixel_size(pixel_size, mask.ndim)
    vector = np.asarray(direction, dtype=float)
    if vector.shape != (mask.ndim,) or not np.isclose(np.linalg.norm(vector), 1, atol=1e-6):
        raise ValueError(
            f"direction must be a unit vector of {mask.ndim} numbers (rows first), got "
            f"{np.asarray(direction).tolist()}: divide it by its length."
        )
    height = np.zeros(mask.shape)
    highest = REACH * size.min()
    for axis, (component, step, n) in enumerate(zip(vector, size, mask.shape, strict=True)):
        along = component * step * (np.arange(n) - (n - 1) / 2)
        height += along.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
        highest += along.max()
    return np.where(mask, height, highest)


def radial_filtration(
    mask: ArrayLike, centre: ArrayLike, pixel_size: ArrayLike = 1.0
) -> np.ndarray:
    """Distance of line pixels from a centre; all else comes last.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.
    centre : array_like of shape (ndim,)
        Place in px, rows first; it may lie between pixels or outside.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Returns
    -------
    ndarray of float
        In the unit of `pixel_size`. The background has the distance of the farthest corner and
        `REACH` px (of the shortest side) more.

    Raises
    ------
    TypeError, ValueError
        If the mask or the pixel size is none, or the centre has not one number for each axis.

    Examples
    --------
    >>> radial_filtration([[1, 0, 1]], (0, 0)).tolist()
    [[0.0, 34.0, 2.0]]
    """
    mask = as_mask(mask)
    size = as_pixel_size(pixel_size, mask.ndim)
    middle = np.asarray(centre, dtype=float)
    if middle.shape != (mask.ndim,) or not np.isfinite(middle).all():
        raise ValueError(
            f"centre must be {mask.ndim} finite numbers in px (rows first), got {centre!r}."
        )
    square, farthest = np.zeros(mask.shape), 0.0
    for axis, (place, step, n) in enumerate(zip(middle, size, mask.shape, strict=True)):
        along = (step * (np.arange(n) - place)) ** 2
        square += along.reshape([-1 if a == axis else 1 for a in range(mask.ndim)])
        farthest += along.max()
    return np.where(mask, np.sqrt(square), np.sqrt(farthest) + REACH * size.min())


def default_directions(ndim: int) -> np.ndarray:
    """Unit vectors both ways along each axis: closed under quarter turns and flips.

    Parameters
    ----------
    ndim : int
        2 or 3.

    Returns
    -------
    ndarray of shape (2 * ndim, ndim)

    Notes
    -----
    A line has its beginning at one end for one direction and at the other end for the opposite
    one: together they see both.

    Examples
    --------
    >>> default_directions(2).tolist()
    [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    """
    return np.repeat(np.eye(ndim), 2, axis=0) * np.tile([1.0, -1.0], ndim)[:, None] + 0.0


def default_centres(shape: tuple[int, ...]) -> np.ndarray:
    """Middles of the 3 x 3 (x 3) equal parts of a frame, in px.

    Parameters
    ----------
    shape : tuple of int
        (H, W) or (D, H, W).

    Returns
    -------
    ndarray of shape (3**ndim, ndim)

    Examples
    --------
    >>> default_centres((3, 6))[:4].tolist()
    [[0.0, 0.5], [0.0, 2.5], [0.0, 4.5], [1.0, 0.5]]
    """
    parts = np.array([-1 / 3, 0.0, 1 / 3])
    axes = [(n - 1) / 2 + n * parts for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
