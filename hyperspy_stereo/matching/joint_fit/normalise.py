"""Views as transmittance: the smooth background divided out, and the variance of what remains."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import convolve

from hyperspy_stereo.matching.smoothing import gaussian

__all__ = ["as_variance", "as_views", "background", "counting_variance", "normalised", "real_views"]

ROUNDS = 3
"""Of smoothing what is left over; more of them follow sharper edges and more of the noise."""

# Second differences along both axes: blind to planes and to straight edges along rows or columns.
_MASK = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])


def as_views(views: ArrayLike, number: int) -> np.ndarray:
    """Check views and return them as float64.

    Parameters
    ----------
    views : array-like of shape (V, H, W)
        Any scale; NaN where there is no datum.
    number : int
        Number of incidences.

    Returns
    -------
    (V, H, W) float64 ndarray

    Raises
    ------
    TypeError
        If they are complex or no numbers.
    ValueError
        If the shape or the number of views is another one, or a view is nowhere positive.

    Examples
    --------
    >>> as_views([[[1, 2], [3, 4]]], 1).shape
    (1, 2, 2)
    """
    images = real_views(views, number)
    for v, image in enumerate(images):
        if not np.nanmedian(np.where(np.isfinite(image), image, np.nan)) > 0:
            raise ValueError(
                f"View {v} has no positive background (median not above 0). Dark-field images or "
                "images with an offset taken off need a positive mean; add the offset back."
            )
    return images


def real_views(views: ArrayLike, number: int) -> np.ndarray:
    """Check type and shape of views only; any level will do.

    Parameters, errors and result are those of :func:`as_views`.
    """
    if np.iscomplexobj(views):
        raise TypeError("Views are real images; take the modulus or the intensity first.")
    images = np.asarray(views, dtype=np.float64)
    if images.ndim != 3:
        raise ValueError(
            f"Views are one (views, H, W) array; an array of shape {images.shape} was given."
        )
    if len(images) != number:
        raise ValueError(f"{len(images)} views came with {number} incidences; each needs one.")
    return images


def background(view: np.ndarray, transmittance: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth background B for which view = B * transmittance fits best nearby.

    A weighted mean over a Gaussian neighbourhood, G * (view T) / G * (T^2), and twice the same of
    what it leaves over ("twicing"): this follows waves of 5 sigma length to 80 % where the mean
    alone follows them to 45 %, and takes as little of a line (1 % for sigma = 3 widths).

    Parameters
    ----------
    view : (H, W) ndarray
        NaN where there is no datum.
    transmittance : (H, W) ndarray
        Of all lines in this view; 0 leaves a pixel out.
    sigma : float
        Width of the Gaussian neighbourhood, px.

    Returns
    -------
    (H, W) float64 ndarray
        Positive.

    References
    ----------
    H. Knutsson, C.-F. Westin, Proc. CVPR (1993) 515 (normalised convolution); J. W. Tukey,
    Exploratory Data Analysis (1977), ch. 16 (twicing).

    Examples
    --------
    >>> import numpy as np
    >>> background(np.full((8, 8), 3.0), np.ones((8, 8)), 2.0)[0, :2].round(3).tolist()
    [3.0, 3.0]
    """
    there = np.isfinite(view)
    weight = np.where(there, transmittance, 0.0)
    scale = float(np.median(view[there]))
    relative = np.where(there, view / scale, 0.0)
    share = gaussian(weight**2, sigma).astype(np.float64)
    inverse = np.where(share > 1e-3, 1.0 / np.maximum(share, 1e-3), 0.0)
    level = np.where(share > 1e-3, 0.0, 1.0)
    for _ in range(ROUNDS):
        level = level + inverse * gaussian((relative - level * weight) * weight, sigma)
    return scale * np.maximum(level, 1e-2)


def counting_variance(view: np.ndarray) -> np.ndarray:
    """Variance of each pixel if it grows with intensity, as counts do; its scale from the image.

    The scale is the median absolute second difference (a robust form of Immerkær's estimate), to
    which lines, a few per cent of the pixels, add little.

    Parameters
    ----------
    view : (H, W) ndarray
        NaN where there is no datum.

    Returns
    -------
    (H, W) float64 ndarray
        In units of the view squared.

    References
    ----------
    J. Immerkær, Computer Vision and Image Understanding 64 (1996) 300.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.random.default_rng(0).poisson(400.0, (64, 64)).astype(float)
    >>> bool(abs(counting_variance(counts).mean() / 400.0 - 1) < 0.1)
    True
    """
    scale = float(np.nanmedian(view))
    filled = np.where(np.isfinite(view), view, scale)
    # Weights from the counts themselves would follow their noise: dark pixels count too much.
    level = np.maximum(gaussian(filled / scale, 1.5).astype(np.float64), 1e-2) * scale
    rough = convolve(filled, _MASK, mode="nearest") / np.sqrt(level)
    per_count = (1.4826 * float(np.median(np.abs(rough))) / 6.0) ** 2
    # A view without noise would get infinite weight: 1e-4 of its level is finer than any camera.
    return np.maximum(per_count * level, (1e-4 * scale) ** 2)


def as_variance(variance: ArrayLike | None, images: np.ndarray) -> np.ndarray:
    """Variance of every pixel of every view.

    Parameters
    ----------
    variance : None, float, (V,) or (V, H, W) array-like
        In units of the views squared; None estimates it with :func:`counting_variance`.
    images : (V, H, W) ndarray
        Views.

    Returns
    -------
    (V, H, W) float64 ndarray

    Raises
    ------
    ValueError
        If the shape fits neither, or a variance is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> as_variance([1.0, 4.0], np.ones((2, 1, 1))).ravel().tolist()
    [1.0, 4.0]
    """
    if variance is None:
        return np.stack([counting_variance(image) for image in images])
    given = np.asarray(variance, dtype=np.float64)
    if given.ndim == 1:
        given = given[:, None, None]
    if given.ndim not in (0, 3) or (given.ndim == 3 and len(given) not in (1, len(images))):
        raise ValueError(
            f"`variance` is a number, one per view, or one per pixel of {images.shape}; shape "
            f"{np.shape(variance)} was given. None estimates it from the views."
        )
    if not (given > 0).all():
        raise ValueError(
            "`variance` must be positive everywhere; None estimates it from the views."
        )
    return np.broadcast_to(given, images.shape)


def normalised(
    images: np.ndarray, noise: np.ndarray, model: np.ndarray, background_sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Views over their background, and 1 / variance of that.

    Parameters
    ----------
    images, noise, model : (V, H, W) ndarray
        Views, their variance, and the transmittance of the lines.
    background_sigma : float
        px.

    Returns
    -------
    data, weight : (V, H, W) ndarray
        0 where there is no datum.
    """
    pairs = zip(images, model, strict=True)
    level = np.stack([background(image, t, background_sigma) for image, t in pairs])
    there = np.isfinite(images)
    return np.where(there, images, 0.0) / level, np.where(there, level**2 / noise, 0.0)
