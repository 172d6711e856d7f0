"""Stacked hourglasses: 3D convolutions that turn a feature volume into scores of disparities."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Hourglass", "StackedHourglass"]


def conv_unit(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 x 3 convolution and batch normalisation."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm3d(outputs)
    )


def up_unit(inputs: int, outputs: int) -> nn.Sequential:
    """Transposed convolution to twice the size, and batch normalisation."""
    return nn.Sequential(
        nn.ConvTranspose3d(inputs, outputs, 3, 2, 1, 1, bias=False), nn.BatchNorm3d(outputs)
    )


class Hourglass(nn.Module):
    """Down to a quarter of the size and up again, with sums across.

    Parameters
    ----------
    channels : int
        Of input and output; twice as many inside.

    References
    ----------
    J.-R. Chang, Y.-S. Chen, Proc. CVPR (2018) 5410 (PSMNet).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = 2 * channels
        self.relu = nn.ReLU()
        self.down_once = nn.Sequential(
            conv_unit(channels, inner, 2), nn.ReLU(), conv_unit(inner, inner)
        )
        self.down_twice = nn.Sequential(
            conv_unit(inner, inner, 2), nn.ReLU(), conv_unit(inner, inner), nn.ReLU()
        )
        self.up_once = up_unit(inner, inner)
        self.up_twice = up_unit(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Volume of the same shape (N, channels, D, H, W)."""
        half = self.down_once(x)
        inner = self.down_twice(self.relu(half))
        return self.up_twice(self.relu(self.up_once(inner) + half)) + x


class StackedHourglass(nn.Module):
    """Hourglasses one after another, each with its own scores.

    Parameters
    ----------
    inputs : int
        Channels of the feature volume.
    channels : int, default 16
        Channels inside.
    hourglasses : int, default 3
        How many; three in PSMNet.

    Examples
    --------
    >>> import torch
    >>> scores = StackedHourglass(8, 4, hourglasses=2)(torch.zeros(1, 8, 4, 8, 8))
    >>> len(scores), scores[0].shape
    (2, torch.Size([1, 4, 8, 8]))
    """

    factor = 4  #: planes, height and width of a volume must be multiples of it

    def __init__(self, inputs: int, channels: int = 16, hourglasses: int = 3) -> None:
        super().__init__()
        self.inputs = inputs
        self.first = nn.Sequential(
            conv_unit(inputs, channels), nn.ReLU(), conv_unit(channels, channels), nn.ReLU()
        )
        self.second = nn.Sequential(
            conv_unit(channels, channels), nn.ReLU(), conv_unit(channels, channels)
        )
        self.hourglasses = nn.ModuleList(Hourglass(channels) for _ in range(hourglasses))
        self.heads = nn.ModuleList(
            nn.Sequential(
                conv_unit(channels, channels),
                nn.ReLU(),
                nn.Conv3d(channels, 1, 3, 1, 1, bias=False),
            )
            for _ in range(hourglasses)
        )

    def forward(self, volume: Tensor) -> list[Tensor]:
        """Scores (N, D, H, W), one array per hourglass while training, else the last only.

        Raises
        ------
        ValueError
            For another number of channels, or a size that cannot be halved twice.
        """
        if volume.ndim != 5 or volume.shape[1] != self.inputs:
            raise ValueError(
                f"The volume has the shape {tuple(volume.shape)}; (N, {self.inputs}, D, H, W) "
                "is needed."
            )
        if any(n % self.factor for n in volume.shape[2:]):
            raise ValueError(
                f"The volume has {tuple(volume.shape[2:])} planes, rows and columns; multiples "
                f"of {self.factor} are needed. Pad the views, or choose another reach."
            )
        x = self.first(volume)
        x = self.second(x) + x
        scores = []
        for hourglass, head in zip(self.hourglasses, self.heads, strict=True):
            x = hourglass(x)
            if self.training or head is self.heads[-1]:
                score = head(x)[:, 0]
                scores.append(score + scores[-1] if scores else score)
        return scores
