"""Write the very small detector that the tests use: ``python make_tiny_detector.py``.

It knows nothing but dark straight lines of 2.5 to 6.5 px on noise.
"""

from pathlib import Path

import numpy as np
import torch

from hyperspy_stereo.detection.normalise import normalised
from hyperspy_stereo.detection.unet import ResidualUNet
from hyperspy_stereo.weights import save_weights

STEPS, SIDE, BATCH = 500, 64, 8


def lines_on_noise(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An image with up to three dark straight lines on noise, and where they are, 3 px wide."""
    y, x = np.mgrid[:SIDE, :SIDE]
    image = rng.normal(0, rng.uniform(0.02, 0.15), (SIDE, SIDE))
    target = np.zeros((SIDE, SIDE), bool)
    for _ in range(rng.integers(0, 4)):
        angle, sigma = rng.uniform(0, np.pi), rng.uniform(2.5, 6.5) / 2.355
        column, row = rng.uniform(0, SIDE, 2)
        away = (x - column) * np.cos(angle) + (y - row) * np.sin(angle)
        image -= 0.4 * np.exp(-(away**2) / 2 / sigma**2)
        target |= np.abs(away) < 1.5
    return image, target


def main() -> None:
    """Train and save."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    network = ResidualUNet(widths=(8, 12, 16)).train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=STEPS)
    for _ in range(STEPS):
        pairs = [lines_on_noise(rng) for _ in range(BATCH)]
        channels = torch.from_numpy(np.stack([normalised(image) for image, _ in pairs]))
        target = torch.zeros(BATCH, 2, SIDE, SIDE)
        target[:, 0] = torch.from_numpy(np.stack([line for _, line in pairs]))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(channels), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    info = {"name": "tiny", "version": "0.1", "kind": "detector"}
    save_weights(
        Path(__file__).parent / "tiny.safetensors",
        network.state_dict(),
        {**info, "architecture": network.architecture, "command": "python make_tiny_detector.py"},
    )


if __name__ == "__main__":
    main()
