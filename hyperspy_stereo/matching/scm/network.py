"""The published stereo network: shared features, feature volume, hourglasses, soft-argmin."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperspy_stereo.matching.scm.features import FeatureUNet
from hyperspy_stereo.matching.scm.hourglass import StackedHourglass
from hyperspy_stereo.matching.scm.volume import concatenated_volume, disparities

__all__ = ["SCMNet", "moments"]


class SCMNet(nn.Module):
    """Stereo network with a two-sided feature volume; as published with its defaults.

    Parameters
    ----------
    channels : int, default 16
        Features per cell and channels of the 3D convolutions; the published number.
    max_disparity : int, default 64
        Disparities within -max_disparity to max_disparity - 1 px can be found; the published
        number.
    scale : {1, 2, 4}, default 2
        Size in px of the cells in which views and disparities are compared; scores are
        upsampled trilinearly. With 2 the cost of computing comes near the published one.
    hourglasses : int, default 3
        Stacked hourglasses.
    inputs : int, default 2
        Channels of a view.
    features : Module, optional
        Views (N, inputs, H, W) to features (N, C, H / scale, W / scale), instead of a
        `FeatureUNet`.
    volume : callable, default `concatenated_volume`
        Features of both views and the reach in cells to a volume (N, C', 2 reach, h, w).
    cost : Module, optional
        Volume to a list of scores (N, 2 reach, h, w), instead of a `StackedHourglass`; needed
        where ``volume`` does not give twice the features' channels.

    Raises
    ------
    ValueError
        If the reach is no multiple of what scale and hourglasses need; when called, if views
        or the injected modules have the wrong shapes.

    References
    ----------
    O. Altingövde et al., Ultramicroscopy 234 (2022) 113460; A. Kendall et al., Proc. ICCV
    (2017) 66 (soft-argmin); J.-R. Chang, Y.-S. Chen, Proc. CVPR (2018) 5410 (hourglasses).

    Examples
    --------
    >>> import torch
    >>> network = SCMNet(channels=2, max_disparity=8, hourglasses=1).eval()
    >>> views = torch.zeros(2, 1, 2, 32, 32)
    >>> network(*views)[-1].shape
    torch.Size([1, 16, 32, 32])
    """

    def __init__(
        self,
        channels: int = 16,
        max_disparity: int = 64,
        scale: int = 2,
        hourglasses: int = 3,
        inputs: int = 2,
        features: nn.Module | None = None,
        volume: Callable[[Tensor, Tensor, int], Tensor] = concatenated_volume,
        cost: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if max_disparity < 2 * scale or max_disparity % (2 * scale):
            raise ValueError(
                f"max_disparity={max_disparity}: a multiple of {2 * scale} px is needed with "
                f"scale={scale}, as the volume is halved twice."
            )
        self.max_disparity, self.scale = max_disparity, scale
        self.features = features or FeatureUNet(inputs, channels, scale)
        self.volume = volume
        self.cost = cost or StackedHourglass(2 * channels, channels, hourglasses)
        self.register_buffer("disparities", disparities(max_disparity, scale), persistent=False)

    def forward(self, left: Tensor, right: Tensor) -> list[Tensor]:
        """Scores of the disparities at every pixel of the left view.

        Parameters
        ----------
        left, right : (N, inputs, H, W) Tensor
            Normalised views.

        Returns
        -------
        list of (N, 2 max_disparity, H, W) Tensor
            One per hourglass while training, else the last alone. Plane k stands for the
            disparity ``disparities[k]``; a softmax over the planes gives probabilities.
        """
        return [self.upsampled(score) for score in self.coarse(left, right)]

    def coarse(self, left: Tensor, right: Tensor) -> list[Tensor]:
        """Scores per cell, (N, 2 max_disparity / scale, H / scale, W / scale)."""
        if left.shape != right.shape:
            raise ValueError(
                f"The views have the shapes {tuple(left.shape)} and {tuple(right.shape)}; they "
                "must be on the same grid."
            )
        n, _, height, width = left.shape
        # both at once: batch normalisation then sees both views
        both = self.features(torch.cat([left, right]))
        size = (height // self.scale, width // self.scale)
        if both.shape[-2:] != size:
            raise ValueError(
                f"The features are {tuple(both.shape[-2:])} cells; views of {(height, width)} px "
                f"need {size} with scale={self.scale}. Give a feature network of that scale."
            )
        reach = self.max_disparity // self.scale
        volume = self.volume(both[:n], both[n:], reach)
        if volume.shape[2:] != (2 * reach, *size):
            raise ValueError(
                f"The volume has {tuple(volume.shape[2:])} planes, rows and columns; "
                f"{(2 * reach, *size)} are needed. See concatenated_volume."
            )
        scores = self.cost(volume)
        for score in scores:
            if score.shape != (n, 2 * reach, *size):
                raise ValueError(
                    f"The scores have the shape {tuple(score.shape)}; {(n, 2 * reach, *size)} "
                    "is needed. See StackedHourglass."
                )
        return scores

    def upsampled(self, score: Tensor) -> Tensor:
        """Scores per cell to scores per pixel and px of disparity."""
        if self.scale == 1:
            return score
        return functional.interpolate(
            score[:, None], scale_factor=float(self.scale), mode="trilinear", align_corners=False
        )[:, 0]

    def scores_at(self, score: Tensor, pixels: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """What `upsampled` gives, at some pixels only: lines fill a few per cent of a view.

        Parameters
        ----------
        score : (N, 2 max_disparity / scale, H / scale, W / scale) Tensor
            Scores per cell.
        pixels : tuple of (P,) int64 Tensor
            View, row and column, as ``mask.nonzero(as_tuple=True)`` gives them.

        Returns
        -------
        (P, 2 max_disparity) Tensor
        """
        view, row, column = pixels
        planes, height, width = score.shape[1:]
        cells = score.permute(0, 2, 3, 1).reshape(-1, planes)  # rows of the table are cells
        found: Tensor | float = 0.0
        for r, share_r in _neighbours(row, self.scale, height):
            for c, share_c in _neighbours(column, self.scale, width):
                index = (view * height + r) * width + c
                found = found + cells[index] * (share_r * share_c)[:, None].to(cells.dtype)
        if len(view) == 0:  # a window without lines
            return found.new_zeros((0, planes * self.scale))
        if self.scale == 1:
            return found
        return functional.interpolate(
            found[None], scale_factor=float(self.scale), mode="linear", align_corners=False
        )[0]


def _neighbours(position: Tensor, scale: int, size: int) -> list[tuple[Tensor, Tensor]]:
    """The two nearest cells along an axis and their shares, as linear interpolation has them."""
    place = ((position + 0.5) / scale - 0.5).clamp_min(0.0)
    low = place.floor().long().clamp_max(size - 1)
    share = place - low
    return [(low, 1 - share), ((low + 1).clamp_max(size - 1), share)]


def moments(scores: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Soft-argmin: mean and variance of the distribution of disparities.

    Parameters
    ----------
    scores : (N, D, ...) Tensor
        Scores; the softmax over the second axis is the distribution.
    values : (D,) Tensor
        Disparity of each plane in px.

    Returns
    -------
    mean, variance : (N, ...) Tensor
        In px and px^2.

    Examples
    --------
    >>> import torch
    >>> mean, variance = moments(torch.tensor([[0.0, 0.0, -99.0]]), torch.tensor([1.0, 3.0, 9.0]))
    >>> mean.item(), variance.item()
    (2.0, 1.0)
    """
    if scores.shape[1] != len(values):
        raise ValueError(f"There are {scores.shape[1]} planes, but {len(values)} disparities.")
    probability = torch.softmax(scores.float(), 1)
    mean = torch.einsum("nd...,d->n...", probability, values)
    square = torch.einsum("nd...,d->n...", probability, values.square())
    return mean, (square - mean.square()).clamp_min(0.0)
