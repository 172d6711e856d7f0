"""Training of the detector from a configuration."""

from __future__ import annotations

from pathlib import Path

import torch

from hyperspy_stereo.training.config import load_config, save_config
from hyperspy_stereo.training.detector.config import DetectorConfig
from hyperspy_stereo.training.detector.data import DetectorBatches
from hyperspy_stereo.training.detector.losses import LossWeights, detector_loss
from hyperspy_stereo.training.detector.validation import Validation
from hyperspy_stereo.training.engine import TrainingResult, train

__all__ = ["build", "loss_of", "run"]


def build(config: DetectorConfig) -> torch.nn.Module:
    """Return the network with the fresh weights of the configuration's seed."""
    from hyperspy_stereo.detection.unet import ResidualUNet

    torch.manual_seed(config.engine.seed)
    return ResidualUNet(widths=config.model.widths)


def loss_of(weights: LossWeights):
    """Return the engine's loss for these weights."""

    def loss(model: torch.nn.Module, batch: dict) -> dict[str, torch.Tensor]:
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
    batches = DetectorBatches(data, config.data, config.engine.seed)
    validation = Validation(config.validation, data, watch)
    Path(out).mkdir(parents=True, exist_ok=True)
    result = train(
        build(config),
        batches,
        loss_of(config.loss),
        config.engine,
        out,
        validate=validation,
        resume=resume,
    )
    save_config(config, Path(out) / "config.json")
    return result
