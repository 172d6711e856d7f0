"""Training of the detector from a configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from hyperspy_stereo.training.checkpoint import load_state
from hyperspy_stereo.training.config import load_config, save_config
from hyperspy_stereo.training.detector.config import DetectorConfig
from hyperspy_stereo.training.detector.data import batches_of, inventory
from hyperspy_stereo.training.detector.losses import LossWeights, detector_loss
from hyperspy_stereo.training.detector.validation import Validation
from hyperspy_stereo.training.engine import TrainingResult, train
from hyperspy_stereo.weights import load_weights

__all__ = ["build", "loss_of", "run", "started"]


def build(config: DetectorConfig) -> torch.nn.Module:
    """Return the network with the fresh weights of the configuration's seed."""
    from hyperspy_stereo.detection.unet import ResidualUNet

    torch.manual_seed(config.engine.seed)
    return ResidualUNet(widths=config.model.widths)


def started(config: DetectorConfig) -> torch.nn.Module:
    """Return the network that a run begins with: fresh, or with the weights of `config.start`.

    Raises
    ------
    ValueError
        If these weights are not there, damaged, or of a network of other widths.
    """
    model = build(config)
    if config.start is None:
        return model
    path = Path(config.start)
    # a run's snapshot has no JSON beside it, and so no checksum; exported weights have
    snapshot = path.suffix == ".safetensors" and not path.with_suffix(".json").exists()
    state, _ = load_state(path) if snapshot else load_weights(config.start, "detector")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"the weights {config.start} do not fit model.widths {list(config.model.widths)}: give "
            "the widths they were trained with (see their model card), or leave start out."
        ) from error
    return model


def loss_of(
    weights: LossWeights,
) -> Callable[[torch.nn.Module, dict[str, Any]], dict[str, torch.Tensor]]:
    """Return the engine's loss for these weights."""

    def loss(model: torch.nn.Module, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        logits = model(batch["image"])
        return detector_loss(logits, batch["line"], batch["boundary"], batch["weight"], weights)

    return loss


def run(
    config_path: str | Path,
    out: str | Path,
    resume: bool = False,
    data: str | Path = "training_data",
    watch: str | Path | None = None,
) -> TrainingResult:
    """Train a detector; ``out/best.safetensors`` is the snapshot that the crude scenes choose.

    Parameters
    ----------
    config_path : str or Path
        JSON file, or the name of a committed configuration.
    out : str or Path
        Folder of the run, see `engine.train`.
    resume : bool
        Go on with the run in `out`.
    data : str or Path
        Folder of the stores of scenes.
    watch : str or Path, optional
        Folder with an annotated picture to log the score of.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If the configuration, the data or the folder do not fit.
    """
    config = load_config(config_path, DetectorConfig)
    out = Path(out)
    model = build(config) if resume else started(config)
    scenes = _scenes(out, data, config) if resume else inventory(data, config.data)
    batches = batches_of(data, config.data, config.engine.seed, scenes)
    validation = Validation(config.validation, data, watch)
    if resume or not (out / "checkpoint.json").exists():  # else the engine refuses the folder
        out.mkdir(parents=True, exist_ok=True)
        (out / "data.json").write_text(json.dumps(scenes, indent=2) + "\n", encoding="utf-8")
        save_config(config, out / "config.json")
    return train(
        model,
        batches,
        loss_of(config.loss),
        config.engine,
        out,
        validate=validation,
        resume=resume,
    )


def _scenes(out: Path, data: str | Path, config: DetectorConfig) -> dict[str, dict[str, Any]]:
    """Return the scenes that a run began with."""
    record = out / "data.json"
    if record.is_file():
        return json.loads(record.read_text(encoding="utf-8"))
    return inventory(data, config.data)
