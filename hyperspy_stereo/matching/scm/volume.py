"""Feature volumes: what the left view shows beside what the right view shows d further right.

Two-sided: the disparity d = x_right - x_left runs from -reach to reach - 1, as lines above and
below the plane that is aligned have disparities of either sign.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["concatenated_volume", "difference_volume", "disparities"]


def concatenated_volume(left: Tensor, right: Tensor, reach: int) -> Tensor:
    """Features of both views side by side, for each disparity.

    Parameters
    ----------
    left, right : (N, C, H, W) Tensor
        Features of the views.
    reach : int
        Disparities go from -reach to reach - 1 cells.

    Returns
    -------
    (N, 2C, 2 reach, H, W) Tensor
        Plane k holds left[x] and right[x + k - reach]; both zero where that lies outside.

    Raises
    ------
    ValueError
        If the views differ in shape, or the reach is less than 1.

    Examples
    --------
    >>> import torch
    >>> left = torch.arange(4.0).reshape(1, 1, 1, 4)
    >>> concatenated_volume(left, 10 * left, reach=2)[0, :, 3, 0].tolist()
    [[0.0, 1.0, 2.0, 0.0], [10.0, 20.0, 30.0, 0.0]]
    """
    _check(left, right, reach)
    n, channels, height, width = left.shape
    volume = left.new_zeros(n, 2 * channels, 2 * reach, height, width)
    for plane in range(2 * reach):
        here, there = _overlap(plane - reach, width)
        volume[:, :channels, plane, :, here] = left[..., here]
        volume[:, channels:, plane, :, here] = right[..., there]
    return volume


def difference_volume(left: Tensor, right: Tensor, reach: int) -> Tensor:
    """Left minus shifted right features, for each disparity; half the memory.

    Parameters and errors are those of `concatenated_volume`.

    Returns
    -------
    (N, C, 2 reach, H, W) Tensor
        Plane k holds left[x] - right[x + k - reach], zero where that lies outside.

    Examples
    --------
    >>> import torch
    >>> left = torch.arange(4.0).reshape(1, 1, 1, 4)
    >>> difference_volume(left, left, reach=1)[0, 0, :, 0].tolist()
    [[0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    """
    _check(left, right, reach)
    n, channels, height, width = left.shape
    volume = left.new_zeros(n, channels, 2 * reach, height, width)
    for plane in range(2 * reach):
        here, there = _overlap(plane - reach, width)
        volume[:, :, plane, :, here] = left[..., here] - right[..., there]
    return volume


def _overlap(shift: int, width: int) -> tuple[slice, slice]:
    """Columns of the left view with a counterpart, and those counterparts."""
    if abs(shift) >= width:
        return slice(0, 0), slice(0, 0)
    here = slice(max(0, -shift), min(width, width - shift))
    return here, slice(here.start + shift, here.stop + shift)


def _check(left: Tensor, right: Tensor, reach: int) -> None:
    if left.ndim != 4 or left.shape != right.shape:
        raise ValueError(
            f"The features have the shapes {tuple(left.shape)} and {tuple(right.shape)}; two of "
            "one shape (N, C, H, W) are needed."
        )
    if reach < 1:
        raise ValueError(f"reach={reach}: at least 1 cell is needed for two disparities.")


def disparities(max_disparity: int, scale: int) -> Tensor:
    """Disparity in px of each plane after the planes were upsampled by ``scale``.

    Cells of ``scale`` px are resampled about their middles (``align_corners=False``), so that
    the finer planes lie half a cell less half a pixel before whole numbers.

    Parameters
    ----------
    max_disparity : int
        Reach in px.
    scale : int
        Size of a cell in px.

    Returns
    -------
    (2 max_disparity,) Tensor

    Examples
    --------
    >>> disparities(2, 1).tolist()
    [-2.0, -1.0, 0.0, 1.0]
    """
    return torch.arange(2 * max_disparity, dtype=torch.float32) - max_disparity - (scale - 1) / 2
