"""The published configuration, to time beside ours: EfficientNet-b0 U-Net and SCMNet.

``published_pipeline()`` gives a function for a pair of 512 x 512 px and its floating-point
operations; the weights are random, as only time and memory are asked for. Run
``python benchmarks/published_networks.py`` to print the operations of the parts.

Sources: M. Tan, Q. Le, Proc. ICML (2019) 6105 (EfficientNet); O. Altingövde et al.,
Ultramicroscopy 234 (2022) 113460 (the pipeline). The decoder is that of the common library of
segmentation models, 256-128-64-32-16 channels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from hyperspy_stereo.matching.scm.network import SCMNet, moments
from hyperspy_stereo.matching.scm.refine import refine_disparity

PUBLISHED_GFLOP = 634.0  # reported for a pair of 512 x 512 px
SIDE = 512
DECODER = (256, 128, 64, 32, 16)
# expansion, channels, repeats, stride and kernel of the stages
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
SKIPS = {1: 24, 2: 40, 4: 112, 6: 320}  # stages whose output the decoder takes


def conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
    """Convolution without bias and batch normalisation."""
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class Squeeze(nn.Module):
    """Channel weights from the mean of all pixels."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        weight = functional.silu(self.inner(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.outer(weight))


class InvertedBottleneck(nn.Module):
    """Expansion, depthwise convolution, squeeze-and-excitation, projection."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        wide = inputs * expansion
        layers = [*conv_norm(inputs, wide, 1), nn.SiLU()] if expansion > 1 else []
        layers += [*conv_norm(wide, wide, kernel, stride, groups=wide), nn.SiLU()]
        layers += [Squeeze(wide, max(1, inputs // 4)), *conv_norm(wide, outputs, 1)]
        self.layers = nn.Sequential(*layers)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x if self.skip else self.layers(x)


class EfficientUNet(nn.Module):
    """U-Net whose encoder is an EfficientNet-b0."""

    def __init__(self, inputs: int = 3, outputs: int = 1) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(inputs, 32, 3, 2), nn.SiLU())
        channels, stages = 32, []
        for expansion, width, repeats, stride, kernel in STAGES:
            blocks = []
            for number in range(repeats):
                step = stride if number == 0 else 1
                blocks.append(InvertedBottleneck(channels, width, expansion, step, kernel))
                channels = width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        skips = [32, *SKIPS.values()][::-1]
        before = [skips[0], *DECODER[:-1]]
        self.decoder = nn.ModuleList(
            nn.Sequential(*conv_norm(a + b, c, 3), nn.ReLU(), *conv_norm(c, c, 3), nn.ReLU())
            for a, b, c in zip(before, [*skips[1:], 0], DECODER, strict=True)
        )
        self.head = nn.Conv2d(DECODER[-1], outputs, 3, padding=1)

    def forward(self, view: Tensor) -> Tensor:
        """Logits (N, outputs, H, W); H and W are multiples of 32."""
        x = self.stem(view)
        kept = [x]
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in SKIPS:
                kept.append(x)
        x = kept.pop()
        for block in self.decoder:
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, kept.pop()], 1) if kept else x)
        return self.head(x)


def operations(network: nn.Module, *shapes: tuple[int, ...]) -> float:
    """Floating-point operations of a network for inputs of these shapes."""
    network = network.to("meta")
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        network(*(torch.empty(shape, device="meta") for shape in shapes))
    return float(counter.get_total_flops())


def published_operations(side: int = SIDE) -> dict[str, float]:
    """Operations of detecting both views, and of matching them."""
    return {
        "EfficientNet-b0 U-Net, two views": operations(EfficientUNet().eval(), (2, 3, side, side)),
        "SCMNet": operations(SCMNet().eval(), (1, 2, side, side), (1, 2, side, side)),
    }


def published_pipeline(
    side: int = SIDE,
) -> tuple[Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], float]:
    """The published detection and matching of a pair, with random weights.

    Parameters
    ----------
    side : int, default 512
        Height and width of the views in px; a multiple of 32.

    Returns
    -------
    run : callable
        Images (2, side, side) to masks (2, side, side) and disparity (side, side). The network
        finds the disparity at every pixel, as published; it does not know of our short cut to
        line pixels. As random weights detect nothing useful, the 4 % brightest pixels of the
        detector's answer count as lines.
    operations : float
        Floating-point operations of a call.
    """
    torch.manual_seed(0)
    detector, matcher = EfficientUNet().eval(), SCMNet().eval()

    def run(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            views = torch.as_tensor(images, dtype=torch.float32)[:, None]
            views = (views - views.mean((2, 3), keepdim=True)) / views.std((2, 3), keepdim=True)
            found = torch.sigmoid(detector(views.expand(-1, 3, -1, -1)))[:, 0].numpy()
            left, right = views.expand(-1, 2, -1, -1)[:, None]
            mean, _ = moments(matcher(left, right)[-1], matcher.disparities)
        masks = found > np.quantile(found, 0.96, axis=(1, 2), keepdims=True)
        disparity = np.where(masks[0], mean[0].numpy(), np.nan)
        return masks, refine_disparity(disparity, masks[1])

    return run, sum(published_operations(side).values())


def main() -> None:
    """Print the operations."""
    parts = published_operations()
    print(f"Operations for a pair of {SIDE} x {SIDE} px, published: {PUBLISHED_GFLOP:.0f} GFLOP")
    for name, count in parts.items():
        print(f"{name:36} {count / 1e9:7.1f} GFLOP")
    total = sum(parts.values()) / 1e9
    print(f"{'together':36} {total:7.1f} GFLOP, {100 * (total / PUBLISHED_GFLOP - 1):+.1f} %")
    for name, network in (("U-Net", EfficientUNet()), ("SCMNet", SCMNet())):
        print(f"{name:36} {sum(p.numel() for p in network.parameters()) / 1e6:7.2f} M parameters")


if __name__ == "__main__":
    main()
