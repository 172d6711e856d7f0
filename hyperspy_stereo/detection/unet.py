"""The detector's network: a small residual U-Net that works at half resolution inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["Decoder", "Encoder", "ResidualBlock", "ResidualUNet", "folded"]

Block = Callable[[int, int], nn.Module]


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, added to their input.

    Parameters
    ----------
    inputs, outputs : int
        Channels. Where they differ, a 1 x 1 convolution brings the input along.

    References
    ----------
    K. He et al., Proc. CVPR (2016) 770.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.skip = (
            nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h, w)."""
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.skip(x))


class Encoder(nn.Module):
    """Blocks at ever coarser scale; keeps what each of them found.

    Parameters
    ----------
    widths : sequence of int
        Channels at each scale, finest first.
    block : callable ``(inputs, outputs) -> module``
        What works at each scale.
    """

    def __init__(self, widths: Sequence[int], block: Block) -> None:
        super().__init__()
        before = (widths[0], *widths[:-1])
        self.blocks = nn.ModuleList(block(i, o) for i, o in zip(before, widths, strict=True))
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, widths[0], h, w) -> one tensor for each scale, (N, widths[k], h / 2^k, w / 2^k)."""
        found = [self.blocks[0](x)]
        for block in self.blocks[1:]:
            found.append(block(self.pool(found[-1])))
        return found


class Decoder(nn.Module):
    """From the coarsest scale back to the finest, with what the encoder found at each.

    Parameters
    ----------
    widths : sequence of int
        Channels at each scale, finest first.
    block : callable ``(inputs, outputs) -> module``
        What works at each scale.
    """

    def __init__(self, widths: Sequence[int], block: Block) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(block(fine + coarse, fine) for fine, coarse in pairwise(widths))
        # Nearest: as good as bilinear here, exact in bf16, and several times faster on a CPU.
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, found: list[Tensor]) -> Tensor:
        """One tensor for each scale, finest first -> (N, widths[0], h, w)."""
        x = found[-1]
        for level in range(len(self.blocks) - 1, -1, -1):
            x = self.blocks[level](torch.cat([self.upsample(x), found[level]], dim=1))
        return x


class ResidualUNet(nn.Module):
    """Residual U-Net with logits of lines and of boundaries for each pixel.

    A pixel-unshuffle takes the view to half resolution with four times the channels, where all
    work is done, and a pixel-shuffle brings the logits back to full resolution.

    Parameters
    ----------
    widths : sequence of int, default (24, 48, 64, 96)
        Channels at 1/2, 1/4, 1/8, ... of the resolution; at least two.
    inputs : int, default 2
        Channels of the input, :func:`~hyperspy_stereo.detection.normalise.normalised`.
    outputs : int, default 2
        Classes: line, boundary.
    block : callable ``(inputs, outputs) -> module``, default ResidualBlock
        What works at each scale.

    Raises
    ------
    ValueError
        If fewer than two widths are given, or a number of channels is below 1.

    Examples
    --------
    >>> import torch
    >>> from hyperspy_stereo.detection.unet import ResidualUNet
    >>> network = ResidualUNet(widths=(4, 8)).eval()
    >>> network.multiple
    4
    >>> network(torch.zeros(1, 2, 64, 48)).shape
    torch.Size([1, 2, 64, 48])

    References
    ----------
    O. Ronneberger et al., MICCAI (2015) 234 (U-Net); W. Shi et al., Proc. CVPR (2016) 1874
    (pixel-shuffle).
    """

    def __init__(
        self,
        widths: Sequence[int] = (24, 48, 64, 96),
        inputs: int = 2,
        outputs: int = 2,
        block: Block = ResidualBlock,
    ) -> None:
        super().__init__()
        widths = tuple(int(w) for w in widths)
        if len(widths) < 2 or min(*widths, inputs, outputs) < 1:
            raise ValueError(
                f"widths={widths}, inputs={inputs}, outputs={outputs}: at least two widths and "
                "at least one channel everywhere are needed, such as widths=(24, 48, 64, 96)."
            )
        self.widths, self.inputs, self.outputs = widths, int(inputs), int(outputs)
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * self.inputs, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        self.encoder = Encoder(widths, block)
        self.decoder = Decoder(widths, block)
        self.head = nn.Sequential(
            nn.Conv2d(widths[0], 4 * self.outputs, 1),
            nn.PixelShuffle(2),
        )

    @property
    def multiple(self) -> int:
        """Height and width of the input must be multiples of this many px."""
        return 2 ** len(self.widths)

    @property
    def architecture(self) -> dict[str, object]:
        """The arguments that build this network again, as plain values for a weights' JSON."""
        return {"widths": list(self.widths), "inputs": self.inputs, "outputs": self.outputs}

    def forward(self, x: Tensor) -> Tensor:
        """Logits of lines and boundaries.

        Parameters
        ----------
        x : (N, inputs, H, W) tensor
            H and W multiples of :attr:`multiple` (16 by default).

        Returns
        -------
        (N, outputs, H, W) tensor
            Logits; the sigmoid of each is a probability.

        Raises
        ------
        ValueError
            If the input has another number of axes or channels, or another size.
        """
        self._check(x)
        return self.head(self.decoder(self.encoder(self.stem(x))))

    def _check(self, x: Tensor) -> None:
        shape = tuple(x.shape)
        if x.ndim != 4 or shape[1] != self.inputs:
            raise ValueError(
                f"The input has shape {shape}; (N, {self.inputs}, H, W) is needed. Make it with "
                "detection.normalise.normalised and add the batch axis."
            )
        if shape[2] % self.multiple or shape[3] % self.multiple or 0 in shape:
            raise ValueError(
                f"The input is {shape[3]} x {shape[2]} px; both sides must be multiples of "
                f"{self.multiple} px. detection.network.unet_probability pads images of any size."
            )


def folded(network: ResidualUNet) -> ResidualUNet:
    """A copy for inference, with each batch normalisation folded into its convolution.

    Parameters
    ----------
    network : ResidualUNet
        Trained; it stays as it is.

    Returns
    -------
    ResidualUNet
        In evaluation mode; gives the same logits faster, and can be trained no more.
    """
    network = deepcopy(network).eval()
    network.stem[1] = fuse_conv_bn_eval(network.stem[1], network.stem[2])
    network.stem[2] = nn.Identity()
    for block in network.modules():
        if isinstance(block, ResidualBlock):
            block.first = fuse_conv_bn_eval(block.first, block.first_norm)
            block.second = fuse_conv_bn_eval(block.second, block.second_norm)
            block.first_norm = block.second_norm = nn.Identity()
    return network
