"""Losses of the detector: cross-entropy, soft Dice, clDice; each with a weight per pixel.

All take logits or probabilities of shape (N, H, W), a target of 0 and 1, and a weight that is 0
where nothing is to be learnt. A perfect prediction costs nothing, a useless one about 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["LossWeights", "cldice", "cross_entropy", "detector_loss", "dice", "soft_skeleton"]


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts; one with weight 0 is not computed.

    Attributes
    ----------
    line_bce, line_dice, line_cldice, boundary_bce : float
        2, 0.5, 0 and 0.5 were the best in the feasibility study.
    positive : float
        Weight of a line's pixel against one of the background in the cross-entropy. 1 keeps the
        probabilities honest; above it they are too high.
    skeleton_steps : int
        Half the width of the widest line in px, for clDice.
    """

    line_bce: float = 2.0
    line_dice: float = 0.5
    line_cldice: float = 0.0
    boundary_bce: float = 0.5
    positive: float = 1.0
    skeleton_steps: int = 5

    def __post_init__(self) -> None:
        parts = (self.line_bce, self.line_dice, self.line_cldice, self.boundary_bce)
        if min(parts) < 0 or max(parts[:3]) == 0:
            raise ValueError(
                f"loss weights are {parts}: none may be negative, and one of line_bce, line_dice "
                "and line_cldice must be above 0."
            )
        if self.positive <= 0 or self.skeleton_steps < 1:
            raise ValueError(
                f"loss.positive is {self.positive}, loss.skeleton_steps {self.skeleton_steps}: "
                "give values above 0."
            )


def cross_entropy(logit: Tensor, target: Tensor, weight: Tensor, positive: float = 1.0) -> Tensor:
    """Mean binary cross-entropy, in nats.

    Parameters
    ----------
    logit, target, weight : (N, H, W) Tensor
        Target 0 or 1; weight 0 or more.
    positive : float
        Factor of the terms where the target is 1.

    Returns
    -------
    Tensor
        Scalar; 0 where all weights are 0.

    Examples
    --------
    >>> one = torch.ones(1, 4, 4)
    >>> round(float(cross_entropy(0 * one, one, one)), 3)
    0.693
    """
    factor = torch.as_tensor(positive, dtype=logit.dtype, device=logit.device)
    terms = functional.binary_cross_entropy_with_logits(
        logit, target, pos_weight=factor, reduction="none"
    )
    return (terms * weight).sum() / weight.sum().clamp_min(1.0)


def dice(probability: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 - the soft Dice overlap of the whole batch.

    Over the batch, not per picture: a picture without lines would make it jump between 0 and 1.

    Parameters
    ----------
    probability, target, weight : (N, H, W) Tensor

    Returns
    -------
    Tensor
        Scalar in 0 to 1.

    Examples
    --------
    >>> target = torch.zeros(1, 4, 4); target[:, :2] = 1
    >>> half = torch.zeros(1, 4, 4); half[:, 1:3] = 1
    >>> round(float(dice(half, target, torch.ones(1, 4, 4))), 1)
    0.5
    """
    overlap = (weight * probability * target).sum()
    total = (weight * (probability + target)).sum()
    return 1 - (2 * overlap + 1e-3) / (total + 1e-3)


def soft_skeleton(picture: Tensor, steps: int) -> Tensor:
    """Skeleton of a soft mask by repeated thinning, with gradients.

    Parameters
    ----------
    picture : (N, H, W) Tensor
        Values 0 to 1.
    steps : int
        Thinnings; as many as half the width of the widest line.

    Returns
    -------
    (N, H, W) Tensor

    References
    ----------
    S. Shit et al., clDice, CVPR (2021) 16560, algorithm 1.
    """
    picture = picture[:, None]
    skeleton = functional.relu(picture - _opened(picture))
    for _ in range(steps):
        picture = _eroded(picture)
        rest = functional.relu(picture - _opened(picture))
        skeleton = skeleton + functional.relu(rest - skeleton * rest)
    return skeleton[:, 0]


def cldice(probability: Tensor, target: Tensor, weight: Tensor, steps: int = 5) -> Tensor:
    """1 - soft clDice: are the centre lines of each inside the other?

    A gap in a line costs more than its width, unlike in Dice.

    Parameters
    ----------
    probability, target, weight : (N, H, W) Tensor
    steps : int
        See `soft_skeleton`.

    Returns
    -------
    Tensor
        Scalar in 0 to 1.

    References
    ----------
    S. Shit et al., clDice, CVPR (2021) 16560.
    """
    predicted = soft_skeleton(probability * (weight > 0), steps) * weight
    true = soft_skeleton(target * (weight > 0), steps) * weight
    precision = ((predicted * target).sum() + 1e-3) / (predicted.sum() + 1e-3)
    recall = ((true * probability).sum() + 1e-3) / (true.sum() + 1e-3)
    return 1 - 2 * precision * recall / (precision + recall)


def detector_loss(
    logits: Tensor, line: Tensor, boundary: Tensor, weight: Tensor, weights: LossWeights
) -> dict[str, Tensor]:
    """Return the weighted sum of the losses as "loss", and each of them by its name.

    Parameters
    ----------
    logits : (N, 2, H, W) Tensor
        Of line and boundary; any precision, computed in float32.
    line, boundary : (N, H, W) Tensor
        0 or 1, any type.
    weight : (N, H, W) Tensor
        0 where nothing is to be learnt.
    weights : LossWeights
        Of each loss.

    Returns
    -------
    dict of str to Tensor
        Scalars.
    """
    logits, weight = logits.float(), weight.float()
    line, boundary = line.float(), boundary.float()
    logit = logits[:, 0]
    makers = {
        "line_bce": lambda: cross_entropy(logit, line, weight, weights.positive),
        "line_dice": lambda: dice(logit.sigmoid(), line, weight),
        "line_cldice": lambda: cldice(logit.sigmoid(), line, weight, weights.skeleton_steps),
        "boundary_bce": lambda: cross_entropy(logits[:, 1], boundary, weight),
    }
    factors = {name: getattr(weights, name) for name in makers}
    parts = {name: make() for name, make in makers.items() if factors[name] > 0}
    total = sum((factors[name] * part for name, part in parts.items()), logits.new_zeros(()))
    return {"loss": total, **parts}


def _eroded(picture: Tensor) -> Tensor:
    """Soft erosion by a cross of 3 x 3 px."""
    rows = -functional.max_pool2d(-picture, (3, 1), 1, (1, 0))
    columns = -functional.max_pool2d(-picture, (1, 3), 1, (0, 1))
    return torch.minimum(rows, columns)


def _opened(picture: Tensor) -> Tensor:
    """Soft opening: erosion, then dilation by a square of 3 x 3 px."""
    return functional.max_pool2d(_eroded(picture), 3, 1, 1)
