"""Red-cyan pictures of two views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["anaglyph", "plot_anaglyph", "stretch"]

# Which channels each eye gets. Red-cyan works with any colour vision: the picture is read by
# lightness, each eye sees only one of the two images.
FILTERS = {
    "red-cyan": ((1, 0, 0), (0, 1, 1)),
    "green-magenta": ((0, 1, 0), (1, 0, 1)),
    "amber-blue": ((1, 1, 0), (0, 0, 1)),
}


def stretch(
    image: ArrayLike, percentiles: tuple[float, float] = (0.5, 99.5), gamma: float = 1.0
) -> np.ndarray:
    """Scale an image to 0..1 by percentiles, so that hot pixels do not set the contrast.

    Parameters
    ----------
    image : array-like of shape (H, W)
        NaN is left out and becomes 0.
    percentiles : (float, float)
        Of the finite pixels; they become 0 and 1.
    gamma : float
        Exponent after scaling; below 1 brightens the dark.

    Returns
    -------
    numpy.ndarray
        (H, W), float64. An image of one value becomes 0.5.

    Raises
    ------
    ValueError
        If the image is not 2-D, or holds no finite pixel.

    Examples
    --------
    >>> stretch([[0.0, 5.0, 10.0]], (0, 100))
    array([[0. , 0.5, 1. ]])
    """
    data = np.asarray(image, dtype=np.float64)
    if data.ndim != 2:
        raise ValueError(f"An image has two dimensions; an array of shape {data.shape} was given.")
    finite = np.isfinite(data)
    if not finite.any():
        raise ValueError("The image is empty, or holds no finite pixel.")
    low, high = np.percentile(data[finite], percentiles)
    if high <= low:
        return np.where(finite, 0.5, 0.0)
    scaled = np.clip((np.where(finite, data, low) - low) / (high - low), 0, 1)
    return scaled**gamma


def anaglyph(
    left: ArrayLike,
    right: ArrayLike,
    filters: str = "red-cyan",
    percentiles: tuple[float, float] = (0.5, 99.5),
    match: bool = True,
) -> np.ndarray:
    """Picture for coloured glasses: the left eye sees `left`, the right eye `right`.

    Parameters
    ----------
    left, right : array-like of shape (H, W)
        Parallax along x. What is further right in the right view (deeper) lies behind the screen.
    filters : {"red-cyan", "green-magenta", "amber-blue"}
        Colours of the glasses, left and right.
    percentiles : (float, float)
        See :func:`stretch`.
    match : bool
        Give the right view the left view's distribution of greys first (default). Bend contours
        and thickness make the two differ, which the eyes see as flicker.

    Returns
    -------
    numpy.ndarray
        (H, W, 3), float64, 0..1.

    Raises
    ------
    ValueError
        If the images differ in shape, or the filters are unknown.

    References
    ----------
    The matching of greys is scikit-image's ``exposure.match_histograms``.

    Examples
    --------
    >>> anaglyph([[0.0, 1.0]], [[0.0, 1.0]], percentiles=(0, 100))[0, 1]
    array([1., 1., 1.])
    """
    from skimage.exposure import match_histograms

    if np.shape(left) != np.shape(right):
        raise ValueError(
            f"The two views differ in shape, {np.shape(left)} and {np.shape(right)}; align the "
            "pair first."
        )
    if filters not in FILTERS:
        raise ValueError(f"filters is one of {', '.join(FILTERS)}; {filters!r} was given.")
    one, two = stretch(left, percentiles), stretch(right, percentiles)
    if match:
        two = match_histograms(two, one)
    eyes = np.array(FILTERS[filters], dtype=np.float64)
    return np.clip(one[..., None] * eyes[0] + two[..., None] * eyes[1], 0, 1)


def plot_anaglyph(
    left: ArrayLike,
    right: ArrayLike,
    ax: Axes | None = None,
    pixel_size: float = 1.0,
    units: str = "px",
    **kwargs: Any,
) -> Axes:
    """Show an anaglyph with a scale bar.

    Parameters
    ----------
    left, right : array-like of shape (H, W)
        See :func:`anaglyph`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    pixel_size, units : float, str
        For the scale bar.
    **kwargs
        Passed to :func:`anaglyph`.

    Returns
    -------
    matplotlib.axes.Axes
        With the picture.

    Raises
    ------
    ValueError
        As :func:`anaglyph`.
    """
    from hyperspy_stereo.viewer.overlay import image_axes, scale_bar

    picture = anaglyph(left, right, **kwargs)
    ax = image_axes(ax, picture.shape[:2])
    ax.imshow(picture)
    scale_bar(ax, picture.shape[:2], pixel_size, units)
    return ax
