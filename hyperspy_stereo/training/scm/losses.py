"""The three losses of the published stereo network, on the pixels of lines."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["disparity_loss", "variance_loss", "warp_loss", "warped"]


def disparity_loss(disparity: Tensor, truth: Tensor) -> Tensor:
    """Smooth L1 distance of the disparities to the true ones: quadratic below 1 px.

    Parameters
    ----------
    disparity, truth : (P,) Tensor
        Disparities of line pixels in px.

    Returns
    -------
    () Tensor

    Examples
    --------
    >>> import torch
    >>> disparity_loss(torch.tensor([0.5, 3.0]), torch.zeros(2)).item()
    1.3125
    """
    if len(truth) == 0:
        return disparity.sum()
    return functional.smooth_l1_loss(disparity, truth)


def variance_loss(variance: Tensor) -> Tensor:
    """Mean variance of the distributions of disparity: one narrow peak is wanted.

    Parameters
    ----------
    variance : (P,) Tensor
        Of line pixels, px^2.

    Returns
    -------
    () Tensor

    Examples
    --------
    >>> import torch
    >>> variance_loss(torch.tensor([1.0, 3.0])).item()
    2.0
    """
    return variance.mean() if len(variance) else variance.sum()


def warped(right: Tensor, disparity: Tensor, pixels: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """The right view where the disparities say that pixels of the left one are found.

    Parameters
    ----------
    right : (N, C, H, W) Tensor
        Right views.
    disparity : (P,) Tensor
        x_right - x_left in px.
    pixels : tuple of (P,) int64 Tensor
        View, row and column in the left view.

    Returns
    -------
    values : (P, C) Tensor
        Linear in between; differentiable in the disparity.
    inside : (P,) bool Tensor
        False where the counterpart is outside the view.

    Examples
    --------
    >>> import torch
    >>> right = torch.arange(8.0).reshape(1, 1, 1, 8)
    >>> pixel = tuple(torch.tensor([i]) for i in (0, 0, 2))
    >>> warped(right, torch.tensor([3.25]), pixel)[0].item()
    5.25
    """
    view, row, column = pixels
    width = right.shape[-1]
    target = column + disparity
    inside = (target >= 0) & (target <= width - 1)
    low = target.detach().floor().long().clamp(0, width - 2)
    share = (target - low).clamp(0, 1)[:, None]
    before, after = right[view, :, row, low], right[view, :, row, low + 1]
    return before * (1 - share) + after * share, inside


def warp_loss(left: Tensor, right: Tensor, disparity: Tensor, pixels: tuple[Tensor, ...]) -> Tensor:
    """How far the right view, warped to the left one, differs from it on line pixels.

    Parameters
    ----------
    left, right : (N, C, H, W) Tensor
        Normalised views.
    disparity : (P,) Tensor
        x_right - x_left in px.
    pixels : tuple of (P,) int64 Tensor
        View, row and column in the left view.

    Returns
    -------
    () Tensor
        Mean smooth L1 distance of pixels whose counterpart is inside.

    Examples
    --------
    >>> import torch
    >>> view = torch.arange(8.0).reshape(1, 1, 1, 8)
    >>> pixel = tuple(torch.tensor([i]) for i in (0, 0, 2))
    >>> warp_loss(view, view, torch.tensor([2.0]), pixel).item()
    1.5
    """
    view, row, column = pixels
    found, inside = warped(right, disparity, pixels)
    apart = functional.smooth_l1_loss(found, left[view, :, row, column], reduction="none").mean(1)
    share = inside.to(apart.dtype)
    return (apart * share).sum() / share.sum().clamp_min(1)
