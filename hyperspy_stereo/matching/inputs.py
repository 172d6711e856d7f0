"""Checks of what the matcher is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperspy_stereo.geometry.triangulation import as_offsets

__all__ = ["check_inputs", "check_range"]

_SMALLEST = 16


def check_inputs(
    images: ArrayLike | None,
    masks: ArrayLike,
    candidates: ArrayLike | None,
    offsets: ArrayLike | None,
) -> tuple[NDArray | None, NDArray, NDArray | None, NDArray]:
    """Return images (float32 or None), masks, candidates (bool or None) and offsets (float).

    Raises
    ------
    ValueError
        See `match_views`.
    """
    masks = np.asarray(masks)
    if masks.ndim != 3 or len(masks) < 2:
        raise ValueError(
            f"masks has the shape {masks.shape}; matching needs (views, height, width) with at "
            "least two views. Stack the masks of the views with numpy.stack."
        )
    if min(masks.shape[1:]) < _SMALLEST:
        raise ValueError(
            f"The views are {masks.shape[1:]} px; matching needs at least {_SMALLEST} px a side."
        )
    if images is not None:
        images = np.asarray(images, np.float32)
        if images.shape != masks.shape:
            raise ValueError(
                f"images has the shape {images.shape} and masks {masks.shape}; they must be the "
                "same views on the same grid."
            )
        if not np.isfinite(images).all():
            raise ValueError(
                "images holds NaN or infinite values; fill them first, for example with the "
                "median of the view (numpy.nan_to_num)."
            )
    if candidates is not None:
        candidates = np.asarray(candidates)
        if candidates.shape != masks.shape:
            raise ValueError(
                f"candidates has the shape {candidates.shape} and masks {masks.shape}; give a "
                "permissive mask of the same views, or None."
            )
        candidates = candidates.astype(bool)
    return images, masks.astype(bool), candidates, _check_offsets(offsets, len(masks))


def _check_offsets(offsets: ArrayLike | None, n_views: int) -> NDArray:
    offsets = as_offsets(offsets, n_views)
    apart = np.hypot(*(offsets[:, None] - offsets[None]).transpose(2, 0, 1))
    if (apart[~np.eye(n_views, dtype=bool)] < 1e-6).any():
        raise ValueError(
            "Two views have the same offsets, so there is no parallax between them; give views "
            "of different incidence."
        )
    return offsets


def check_range(
    disparity_range: tuple[float, float], shape: tuple[int, int]
) -> tuple[float, float]:
    """Return the part of the range that lies within +- the longer side of views of `shape`.

    Beyond that nothing can have a counterpart, but labels would fill the memory.

    Raises
    ------
    ValueError
        If it is not two finite numbers in order, or lies beyond the longer side.
    """
    try:
        low, high = (float(v) for v in disparity_range)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"disparity_range={disparity_range!r}: give (least, greatest) in px, or None."
        ) from error
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            f"disparity_range=({low}, {high}): give two finite numbers, the smaller one first."
        )
    side = float(max(shape))
    if low >= side or high <= -side:
        raise ValueError(
            f"disparity_range=({low:g}, {high:g}) lies beyond the longer side of the views, "
            f"{side:g} px, where no line has a counterpart: give a range in px, or None."
        )
    return max(low, -side), min(high, side)
