"""From a run to weights of the descriptor that can be shipped, with JSON and model card."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

from hyperspy_stereo.matching.descriptor import NAME, descriptor_network
from hyperspy_stereo.training.checkpoint import load_state
from hyperspy_stereo.training.config import load_config, to_json
from hyperspy_stereo.training.matcher.train import MatcherConfig
from hyperspy_stereo.training.record import training_record
from hyperspy_stereo.weights import load_weights, save_weights
from hyperspy_stereo.weights.loading import FOLDER

__all__ = ["export_descriptor"]

CARD = """\
# $name

Siamese descriptor of the curve matcher: a unit vector of $channels numbers for each pixel, from 11
rows and 17 columns about it, alike where two views show the same piece of a line.

- Version $version, $parameters parameters, $size bytes, SHA-256 `$sha256`.
- Architecture: `$architecture`.
- Loaded by `hyperspy_stereo.matching.descriptor.describe`; safetensors only.

## Data

Folders of drawn scenes and their shares: $data. Noise and deformations are made anew in each step
(`training.recipe.pairs`). Seeds of test sets cannot be drawn (`training.seeds`).

## Training

    $command

InfoNCE over pixels of lines, against other lines and shifted places in the same rows;
$steps steps of $planned, $minutes minutes, $threads thread, $device, torch $torch. The averaged
weights of step $snapshot were taken.

## Scores

On training scenes that were held back, of both renderers: $scores. `valid_right` is the share of
points whose true place is the most alike among the places compared; the nearest of these are
1.5 px away, so that it is far below 1 by design. What it is worth in matching is printed by
`python benchmarks/matching.py` and `python -m hyperspy_stereo.training evaluate`.

## Limits

Lines are 2 to 10 px wide in training, and rows of both views agree. Along a line that runs parallel
to the rows it can tell little unless the contrast oscillates.
"""


def export_descriptor(
    folder: str | Path,
    name: str = NAME,
    to: str | Path | None = None,
    snapshot: str | Path | None = None,
) -> Path:
    """Turn a snapshot of a descriptor's run into weights with JSON and model card.

    Parameters
    ----------
    folder : str or Path
        Of the run.
    name : str, default "descriptor"
        Of the weights; that of the package's own is the default.
    to : str or Path, optional
        Folder to write to; by default that of the package's weights.
    snapshot : str or Path, optional
        By default ``best.safetensors`` of the run.

    Returns
    -------
    Path
        The safetensors file.

    Raises
    ------
    ValueError
        If the run lacks a file, or the snapshot does not fit its configuration.
    """
    folder = Path(folder)
    config = load_config(folder / "config.json", MatcherConfig)
    state, header = load_state(folder / "best.safetensors" if snapshot is None else snapshot)
    model = descriptor_network(config.widths, config.channels)
    model.load_state_dict(state)
    info = {
        "name": name,
        "version": "1",
        "kind": "descriptor",
        "architecture": {"widths": list(config.widths), "channels": config.channels},
        "metrics": header.get("scores", {}),
        "config": to_json(config),
        "command": "python -m hyperspy_stereo.training matcher --out RUN",
        "training": training_record(folder, config.engine, header),
    }
    path = save_weights(Path(to or FOLDER) / f"{name}.safetensors", state, info)
    _, info = load_weights(path, "descriptor")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    path.with_suffix(".md").write_text(_card(info, parameters), encoding="utf-8")
    return path


def _card(info: dict, parameters: int) -> str:
    config, training = info["config"], info["training"]
    pairs = zip(config["shards"], config["shares"], strict=True)
    return Template(CARD).substitute(
        {key: info[key] for key in ("name", "version", "size", "sha256", "command")},
        **{key: training[key] for key in ("steps", "planned", "threads", "device", "torch")},
        snapshot=training["snapshot"],
        minutes=f"{training['seconds'] / 60:.0f}",
        channels=info["architecture"]["channels"],
        architecture=json.dumps(info["architecture"]),
        parameters=parameters,
        data=", ".join(f"`{Path(name).name}` {share:g}" for name, share in pairs),
        scores=", ".join(f"{key} {value:.3f}" for key, value in info["metrics"].items()) or "none",
    )
