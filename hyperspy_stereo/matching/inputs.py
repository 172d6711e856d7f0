"""Checks of what the matcher is given."""

from __future__ import annotations

import numpy as np

__all__ = ["check_inputs", "check_range"]

_SMALLEST = 16


def check_inputs(images, masks, candidates, offsets):
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


def _check_offsets(offsets, n_views):
    if offsets is None:
        if n_views != 2:
            raise ValueError(
                f"offsets is needed for {n_views} views: the position of a feature in each "
                "view per px of disparity, shape (views, 2)."
            )
        return np.array([[-0.5, 0.0], [0.5, 0.0]])
    offsets = np.asarray(offsets, float)
    if offsets.shape != (n_views, 2) or not np.isfinite(offsets).all():
        raise ValueError(
            f"offsets has the shape {offsets.shape}; needed are ({n_views}, 2) finite numbers, "
            "x and y of each view per px of disparity."
        )
    apart = np.hypot(*(offsets[:, None] - offsets[None]).transpose(2, 0, 1))
    if (apart[~np.eye(n_views, dtype=bool)] < 1e-6).any():
        raise ValueError(
            "Two views have the same offsets, so there is no parallax between them; give views "
            "of different incidence."
        )
    return offsets


def check_range(disparity_range) -> tuple[float, float]:
    """Return the range as two floats.

    Raises
    ------
    ValueError
        If it is not two finite numbers in order.
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
    return low, high
