"""Training of the published stereo network from a configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from hyperspy_stereo.matching.scm.network import SCMNet, moments
from hyperspy_stereo.training.checkpoint import load_state
from hyperspy_stereo.training.config import load_config, save_config
from hyperspy_stereo.training.engine import TrainingResult, train
from hyperspy_stereo.training.recipe.shards import ShardStore
from hyperspy_stereo.training.scm.batches import PairBatches, SceneSource, SeedRange
from hyperspy_stereo.training.scm.config import LossWeights, SCMConfig
from hyperspy_stereo.training.scm.losses import disparity_loss, variance_loss, warp_loss

__all__ = ["build", "pair_loss", "run", "snapshot_network", "trained", "validation_scores"]

DEPTH_SHARES = (0.5, 0.7, 1.0)  # of the hourglasses' losses, as in PSMNet


def build(config: SCMConfig) -> SCMNet:
    """Return the network with the fresh weights of the configuration's seed."""
    torch.manual_seed(config.engine.seed)
    network = SCMNet(**dataclasses.asdict(config.network))
    for parameter in network.parameters():
        if parameter.ndim == 5:  # half the time of a step on processors
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return network


def pair_loss(
    network: SCMNet, batch: Mapping[str, Tensor], weights: LossWeights
) -> dict[str, Tensor]:
    """Weighted sum of the three losses over the line pixels of a batch.

    Parameters
    ----------
    network : SCMNet
        Of its hourglasses the last counts most.
    batch : mapping
        left, right (N, C, H, W), mask (N, H, W) bool, disparity (N, H, W).
    weights : LossWeights
        Of the three.

    Returns
    -------
    dict
        loss; epe, variance and warp of the last hourglass, for the log.
    """
    left, right = batch["left"], batch["right"]
    pixels = batch["mask"].nonzero(as_tuple=True)
    truth = batch["disparity"][pixels]
    scores = network.coarse(left, right)
    if len(truth) == 0:  # windows without lines teach nothing
        nothing = 0.0 * sum(score.float().sum() for score in scores)
        return {"loss": nothing, "epe": nothing, "variance": nothing, "warp": nothing}
    total = left.new_zeros(())
    for score, share in zip(scores, DEPTH_SHARES[-len(scores) :], strict=True):
        found, variance = moments(network.scores_at(score.float(), pixels), network.disparities)
        parts = (disparity_loss(found, truth), variance_loss(variance))
        warp = warp_loss(left, right, found, pixels)
        total = total + share * (
            weights.disparity * parts[0] + weights.variance * parts[1] + weights.warp * warp
        )
    error = (found - truth).abs().sum() / max(len(truth), 1)
    return {"loss": total, "epe": error, "variance": parts[1], "warp": warp}


def validation_scores(network: SCMNet, batches: PairBatches, count: int) -> dict[str, float]:
    """Errors over all line pixels of some batches that are held back.

    Parameters
    ----------
    network : SCMNet
        In evaluation mode.
    batches : PairBatches
        With ``valid=True``.
    count : int
        Number of batches.

    Returns
    -------
    dict
        valid_epe in px, valid_over1 and valid_over3 in %, valid_right = minus the first, which
        a larger value of is better.
    """
    where = network.disparities.device
    errors = []
    for number in range(count):
        batch = {k: torch.as_tensor(v).to(where) for k, v in batches(number).items()}
        pixels = batch["mask"].nonzero(as_tuple=True)
        score = network.coarse(batch["left"], batch["right"])[-1]
        found, _ = moments(network.scores_at(score, pixels), network.disparities)
        errors.append((found - batch["disparity"][pixels]).abs())
    error = torch.cat(errors)
    epe = float(error.mean())
    shares = {f"valid_over{k}": 100 * float((error > k).float().mean()) for k in (1, 3)}
    return {"valid_epe": epe, **shares, "valid_right": -epe}


def run(config_path: str | Path, out: str | Path, resume: bool = False) -> TrainingResult:
    """Train the published stereo network as a configuration says.

    Parameters
    ----------
    config_path : str or Path
        A JSON file, or the name of a committed configuration: "scm_full" is the published size,
        "scm" the reduced one that two processor cores can train.
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
        If the configuration does not fit, a scene that it names was not drawn or is not one to
        train on, or `out` holds another run.
    """
    config = load_config(config_path, SCMConfig)
    sources = [
        SeedRange(ShardStore(folder), seeds)
        for folder, seeds in zip(config.shards, config.seeds, strict=True)
    ]
    return trained(config, sources, out, resume)


def trained(
    config: SCMConfig, sources: Sequence[SceneSource], out: str | Path, resume: bool = False
) -> TrainingResult:
    """Train on any sources of scenes; see `run`."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    save_config(config, out / "config.json")
    held = PairBatches(config, sources, valid=True)
    return train(
        build(config),
        PairBatches(config, sources),
        lambda network, batch: pair_loss(network, batch, config.loss),
        config.engine,
        out,
        validate=lambda network: validation_scores(network, held, config.valid_batches),
        resume=resume,
    )


def snapshot_network(folder: str | Path) -> SCMNet:
    """The network of a run's best snapshot, ready for inference.

    Parameters
    ----------
    folder : str or Path
        Of a run.

    Returns
    -------
    SCMNet

    Raises
    ------
    ValueError
        If there is no snapshot in it.
    """
    config = load_config(Path(folder) / "config.json", SCMConfig)
    state, _ = load_state(Path(folder) / "best.safetensors")
    network = build(config)
    network.load_state_dict(state)
    return network.eval()
