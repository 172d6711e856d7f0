"""The filtrations that a score compares, in their families."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.checks import as_mask, as_pixel_size
from hyperspy_stereo.topology.filtrations import (
    REACH,
    default_centres,
    default_directions,
    density_filtration,
    dilation_filtration,
    height_filtration,
    radial_filtration,
)

__all__ = [
    "FAMILIES",
    "LEAST_SHARE",
    "family_of",
    "filtration_names",
    "filtrations",
    "least_lives",
    "longest_lives",
]

#: Kinds of filtrations; a score has one weight for each of them and each dimension.
FAMILIES = ("dilation", "density", "height", "radial")
#: Share of line pixels within the radius below which a change of density is a change of staircase.
LEAST_SHARE = 0.02


def filtration_names(ndim: int = 2) -> tuple[str, ...]:
    """Names of the filtrations of a mask: 15 of a picture, 35 of a volume.

    Parameters
    ----------
    ndim : int, default 2
        2 or 3.

    Returns
    -------
    tuple of str
        Such as "height +y": each begins with its family.

    Examples
    --------
    >>> filtration_names()[:6]
    ('dilation', 'density', 'height +y', 'height -y', 'height +x', 'height -x')
    """
    axes = ("z", "y", "x")[-ndim:]
    heights = [f"height {sign}{axis}" for axis in axes for sign in "+-"]
    return ("dilation", "density", *heights, *(f"radial {n}" for n in range(3**ndim)))


def family_of(name: str) -> str:
    """Family of a filtration, the first word of its name.

    Examples
    --------
    >>> family_of("height +y")
    'height'
    """
    return name.split(" ")[0]


def filtrations(mask: ArrayLike, pixel_size: ArrayLike = 1.0) -> Iterator[np.ndarray]:
    """Filtrations of a mask, one after the other, in the order of `filtration_names`.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Yields
    ------
    ndarray of float
        Of the shape of the mask.

    Raises
    ------
    TypeError, ValueError
        If the mask or the pixel size is none.

    Examples
    --------
    >>> len(list(filtrations(np.eye(9))))
    15
    """
    mask = as_mask(mask)
    yield dilation_filtration(mask, pixel_size)
    yield density_filtration(mask, pixel_size=pixel_size)
    for direction in default_directions(mask.ndim):
        yield height_filtration(mask, direction, pixel_size)
    for centre in default_centres(mask.shape):
        yield radial_filtration(mask, centre, pixel_size)


def least_lives(ndim: int, pixel_size: ArrayLike = 1.0) -> np.ndarray:
    """Lives below which a class comes from the staircase of pixels and is left out of a score.

    Parameters
    ----------
    ndim : int
        2 or 3.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Returns
    -------
    ndarray of shape (number of filtrations,)
        One pixel (its shortest side) where the filtration is a length, `LEAST_SHARE` where it is
        a density.
    """
    step = float(as_pixel_size(pixel_size, ndim).min())
    return np.array([LEAST_SHARE if n == "density" else step for n in filtration_names(ndim)])


def longest_lives(ndim: int, pixel_size: ArrayLike = 1.0) -> np.ndarray:
    """Lives beyond which a class counts no more.

    Along a direction and around a centre a piece of line lives until the background appears, as
    far away as the frame reaches. Cut to one length, each piece counts the same wherever it lies,
    and a shift of it counts by its share of that length, not of the frame.

    Parameters
    ----------
    ndim : int
        2 or 3.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Returns
    -------
    ndarray of shape (number of filtrations,)
        `filtrations.REACH` px (of the shortest side) for heights and radii, infinite otherwise.
    """
    reach = REACH * float(as_pixel_size(pixel_size, ndim).min())
    kinds = [family_of(name) for name in filtration_names(ndim)]
    return np.array([reach if kind in ("height", "radial") else np.inf for kind in kinds])
