"""Features of a view by a small U-Net; both views go through the same one."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FeatureUNet", "conv_unit"]

SCALES = (1, 2, 4)


def conv_unit(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class FeatureUNet(nn.Module):
    """U-Net whose output has one vector of features per cell of ``scale`` x ``scale`` px.

    Parameters
    ----------
    inputs : int, default 2
        Channels of a view; two as `hyperspy_stereo.detection.normalise.normalised` makes them.
    channels : int, default 16
        Features per cell; the published number.
    scale : {1, 2, 4}, default 2
        Size of a cell in px.

    Raises
    ------
    ValueError
        For another scale; when called, for views that are no multiple of ``factor`` px.

    Examples
    --------
    >>> import torch
    >>> FeatureUNet(channels=4)(torch.zeros(1, 2, 32, 48)).shape
    torch.Size([1, 4, 16, 24])
    """

    factor = 16  #: height and width must be multiples of it: the U-Net halves four times

    def __init__(self, inputs: int = 2, channels: int = 16, scale: int = 2) -> None:
        super().__init__()
        if scale not in SCALES:
            raise ValueError(f"scale={scale!r}: choose one of {SCALES} px per cell.")
        self.inputs, self.channels, self.scale = inputs, channels, scale
        widths = [channels, channels, 2 * channels, 2 * channels, 4 * channels]
        self.stem = conv_unit(inputs, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(conv_unit(a, b, 2), conv_unit(b, b)) for a, b in pairwise(widths)
        )
        levels = range(3, SCALES.index(scale) - 1, -1)  # those that are climbed to
        self.up = nn.ModuleList(conv_unit(widths[k + 1] + widths[k], widths[k]) for k in levels)
        last = widths[levels[-1]]
        self.last = nn.Sequential(conv_unit(last, channels), nn.Conv2d(channels, channels, 1))

    def forward(self, view: Tensor) -> Tensor:
        """Features (N, channels, H / scale, W / scale) of views (N, inputs, H, W)."""
        if view.ndim != 4 or view.shape[1] != self.inputs:
            raise ValueError(
                f"The views have the shape {tuple(view.shape)}; (N, {self.inputs}, H, W) is "
                "needed. Make the channels by hyperspy_stereo.detection.normalise.normalised."
            )
        if view.shape[-2] % self.factor or view.shape[-1] % self.factor:
            raise ValueError(
                f"The views are {tuple(view.shape[-2:])} px; multiples of {self.factor} are "
                "needed. Pad them, as hyperspy_stereo.matching.scm.scm_disparity does."
            )
        levels = [self.stem(view)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in self.up:
            skip = levels.pop()
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = up(torch.cat([x, skip], 1))
        return self.last(x)
