"""Train the descriptor of the curve matcher.

``python -m hyperspy_stereo.training matcher --config … --out … [--resume]``
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hyperspy_stereo.matching.descriptor import (
    CHANNELS,
    WIDTHS,
    descriptor_input,
    descriptor_network,
)
from hyperspy_stereo.training.config import EngineSettings, load_config, save_config
from hyperspy_stereo.training.engine import TrainingResult, train
from hyperspy_stereo.training.matcher.loss import contrast_loss
from hyperspy_stereo.training.matcher.sampling import compare_points
from hyperspy_stereo.training.recipe.pairs import pair_sample
from hyperspy_stereo.training.recipe.shards import ShardStore

__all__ = ["MatcherConfig", "PairBatches", "run"]

_VALID_STEP = 1 << 40  # steps that no training reaches: the batches of validation


@dataclass(frozen=True)
class MatcherConfig:
    """Settings of a training of the descriptor.

    Attributes
    ----------
    engine : EngineSettings
        Length and rates.
    shards : tuple of str
        Folders of rendered scenes to draw from.
    shares : tuple of float
        Share of each folder in the pairs.
    widths : tuple of int
        Channels of the hidden layers.
    channels : int
        Length of a descriptor.
    pairs : int
        Pairs in a batch.
    size : tuple of int
        Height and width of the windows in px. Wide, so that counterparts lie inside.
    points, wrong : int
        Points of each view in a batch, and wrong places for each.
    temperature : float
        Of the loss.
    held : int
        Last scenes of every folder, which only the validation sees.
    valid_batches : int
        Batches of the validation, always the same.
    """

    engine: EngineSettings
    shards: tuple[str, ...]
    shares: tuple[float, ...]
    widths: tuple[int, ...] = WIDTHS
    channels: int = CHANNELS
    pairs: int = 4
    size: tuple[int, int] = (160, 256)
    points: int = 384
    wrong: int = 32
    temperature: float = 0.1
    held: int = 16
    valid_batches: int = 12

    def __post_init__(self) -> None:
        if len(self.shards) != len(self.shares) or not self.shards:
            raise ValueError(
                f"shards names {len(self.shards)} folders and shares {len(self.shares)}: give a "
                "share for every folder."
            )


class PairBatches:
    """Batches of pairs of views with the places to compare, by the number of the step.

    Parameters
    ----------
    config : MatcherConfig
        Sizes and folders.
    valid : bool, default False
        Draw from the held scenes.
    """

    def __init__(self, config: MatcherConfig, valid: bool = False) -> None:
        self.config, self.valid = config, valid
        self.stores = [ShardStore(folder) for folder in config.shards]

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        config = self.config
        rng = np.random.default_rng([config.engine.seed, step + self.valid * _VALID_STEP])
        images, points, places, weight = [], [], [], []
        for _ in range(config.pairs):
            pair, label, disparity = self._pair(rng)
            for view in (0, 1):
                drawn = compare_points(
                    label, disparity, view, rng, config.points, config.wrong, 0.25 * config.size[1]
                )
                weight.append(float(len(drawn.points) > 0))
                images.append(descriptor_input(pair[view]))
                points.append(_filled(drawn.points, config.points))
                places.append(_filled(drawn.places, config.points))
        return {
            "images": np.stack(images)[:, None].astype(np.float32),
            "points": np.stack(points),
            "places": np.stack(places),
            "weight": np.array(weight, np.float32),
        }

    def _pair(self, rng: np.random.Generator):
        config = self.config
        share = np.array(config.shares) / np.sum(config.shares)
        store = self.stores[rng.choice(len(share), p=share)]
        held = min(config.held, len(store) // 2)
        index = int(rng.integers(len(store) - held))
        if self.valid:
            index = len(store) - 1 - int(rng.integers(max(held, 1)))
        # Counterparts lie on their row: a vertical misalignment would make the true place wrong.
        return pair_sample(
            store.scene(index), rng, config.size[0], config.size[1], misalignment=0.0
        )


def _filled(values: np.ndarray, count: int) -> np.ndarray:
    if len(values):
        return values
    return np.zeros((count, *values.shape[1:]), np.float32)


def run(config_path: str | Path, out: str | Path, resume: bool = False) -> TrainingResult:
    """Train a descriptor as a configuration says.

    Parameters
    ----------
    config_path : str or Path
        A JSON file, or the name of a committed configuration.
    out : str or Path
        Folder of the run; see `training.engine.train`.
    resume : bool, default False
        Go on from the checkpoint there.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If the configuration does not fit, there are no shards, or `out` holds another run.
    """
    config = load_config(config_path, MatcherConfig)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    save_config(config, out / "config.json")
    torch.manual_seed(config.engine.seed)
    model = descriptor_network(config.widths, config.channels)
    held = PairBatches(config, valid=True)

    def loss(network, batch):
        found = network(batch["images"]).float()
        value, right = contrast_loss(
            found, batch["points"], batch["places"], batch["weight"], config.temperature
        )
        return {"loss": value, "right": right}

    def validate(network):
        device = next(network.parameters()).device
        scores = []
        for number in range(config.valid_batches):
            batch = {k: torch.as_tensor(v).to(device) for k, v in held(number).items()}
            scores.append([float(v) for v in loss(network, batch).values()])
        mean = np.mean(scores, axis=0)
        return {"valid_loss": mean[0], "valid_right": mean[1]}

    return train(
        model, PairBatches(config), loss, config.engine, out, validate=validate, resume=resume
    )
