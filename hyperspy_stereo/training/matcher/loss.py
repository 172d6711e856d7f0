"""The loss of the descriptor: tell the true counterpart from wrong places."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["contrast_loss", "sampled"]


def sampled(field: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Values of maps between pixels, bilinear.

    Parameters
    ----------
    field : (B, C, H, W) Tensor
        Maps.
    places : (B, N, K, 2) Tensor
        x, y in px.

    Returns
    -------
    (B, C, N, K) Tensor
    """
    height, width = field.shape[2:]
    scale = places.new_tensor([2.0 / (width - 1), 2.0 / (height - 1)])
    return functional.grid_sample(
        field, places * scale - 1, mode="bilinear", padding_mode="border", align_corners=True
    )


def contrast_loss(
    descriptors: torch.Tensor,
    points: torch.Tensor,
    places: torch.Tensor,
    weight: torch.Tensor,
    temperature: float = 0.1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """InfoNCE: the cross entropy of the true counterpart among the places compared.

    Parameters
    ----------
    descriptors : (2 B, C, H, W) Tensor
        Of the left and the right view of each pair, in turn; need not be normalised.
    points : (2 B, N, 2) Tensor
        x, y in the view of the same number.
    places : (2 B, N, K, 2) Tensor
        x, y in the pair's other view; the first is the true one.
    weight : (2 B,) Tensor
        0 for views without points.
    temperature : float, default 0.1
        Divides the cosines.

    Returns
    -------
    loss, right : scalar Tensor
        The loss, and the share of points whose true place is the most alike.

    References
    ----------
    A. van den Oord, Y. Li, O. Vinyals, arXiv:1807.03748 (2018).
    """
    swapped = descriptors.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
    here = functional.normalize(sampled(descriptors, points[:, :, None]), dim=1)
    there = functional.normalize(sampled(swapped, places), dim=1)
    cosine = (here * there).sum(1)
    log_share = functional.log_softmax(cosine / temperature, dim=2)[..., 0]
    right = (cosine[..., 0] > cosine[..., 1:].amax(2)).float()
    total = weight.sum().clamp(min=1.0)
    loss = -(log_share.mean(1) * weight).sum() / total
    return loss, (right.mean(1) * weight).sum() / total
