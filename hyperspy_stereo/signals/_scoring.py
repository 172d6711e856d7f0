"""From a map of lines to its score against the truth: gathers arrays for the topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_stereo.signals._view_stack import ViewStack

if TYPE_CHECKING:
    from hyperspy_stereo.results import TopologyScore


def scored(maps: ViewStack, ground_truth, weights, settings) -> TopologyScore:
    """Compare the masks of `maps` (at the threshold in its metadata) with the truth."""
    from hyperspy_stereo.results import TopologyScore
    from hyperspy_stereo.topology import score_masks

    masks = maps.mask()
    truths = _truths(ground_truth, masks.shape)
    pixel_size, units = maps._image_axes()
    scores = score_masks(masks, truths, pixel_size, weights, settings)
    return TopologyScore(
        scores,
        masks,
        truths,
        labels=_labels(maps),
        images=maps.attached("images"),
        single=maps.axes_manager.navigation_dimension == 0,
        pixel_size=pixel_size,
        units=units,
    )


def _truths(ground_truth, shape: tuple[int, int, int]) -> np.ndarray:
    """The truth as (1, H, W) or (V, H, W)."""
    if isinstance(ground_truth, ViewStack) and hasattr(ground_truth, "mask"):
        array = ground_truth.mask()
    elif isinstance(ground_truth, BaseSignal):
        array = np.asarray(ground_truth.data)
    else:
        try:
            array = np.asarray(ground_truth)
        except ValueError as error:  # pieces of different shapes
            raise ValueError(f"ground_truth is no mask: {error}") from error
    if array.ndim == 0 or array.dtype.kind not in "buif":
        raise TypeError(
            f"ground_truth must be a mask (H, W), a stack of masks or a DislocationMap, got "
            f"{type(ground_truth).__name__}. Lines in 3D become masks by network.disparity_map() "
            "of a view, where it is finite."
        )
    stack = array[None] if array.ndim == 2 else array
    if stack.ndim != 3 or stack.shape[1:] != shape[1:] or len(stack) not in (1, shape[0]):
        each = "" if shape[0] == 1 else f", or {shape[0]} of them, one for each view"
        raise ValueError(
            f"ground_truth has the shape {array.shape}, but the map {shape} (views, H, W): give "
            f"one mask {shape[1:]}{each}, on the map's own pixels."
        )
    return stack


def _labels(maps: ViewStack) -> list[str]:
    """Values of the navigation axis, with its unit where it has one."""
    axes = maps.axes_manager.navigation_axes
    if not axes:
        return ["0"]
    unit = axes[0].units
    unit = f" {unit}" if isinstance(unit, str) and unit else ""
    return [f"{value:.4g}{unit}" for value in axes[0].axis]
