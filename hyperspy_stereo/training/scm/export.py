"""From a run to weights of the published stereo network that can be shipped, with a model card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from string import Template

import torch

from hyperspy_stereo.training.checkpoint import load_state
from hyperspy_stereo.training.config import CONFIGS, load_config, to_json
from hyperspy_stereo.training.record import training_record
from hyperspy_stereo.training.scm.config import NetworkSettings, SCMConfig
from hyperspy_stereo.training.scm.train import build
from hyperspy_stereo.weights import load_weights, save_weights
from hyperspy_stereo.weights.loading import FOLDER

__all__ = ["export_scm", "halved"]

CARD = """\
# $name

The published stereo network, retrained: features of both views by one U-Net, a two-sided feature
volume, stacked 3D hourglasses, the mean of the distribution of disparities. It is here to be
compared with; `hyperspy_stereo.matching.match_views` is the matcher to use.

- Version $version, $parameters parameters, $size bytes (half precision), SHA-256 `$sha256`.
- Architecture: `$architecture`. $reduction
- Loaded by `hyperspy_stereo.matching.scm.scm_disparity`; safetensors only.

## Data

Folders of drawn scenes, seeds and shares: $data. Noise and deformations are made anew in each step
(`training.recipe.pairs`). Seeds of test sets cannot be drawn (`training.seeds`).

## Training

    $command

Smooth L1 distance of the disparity ($disparity), variance of the distribution ($variance) and
difference of the warped view ($warp), on the pixels of lines; windows of $height x $width px,
$batch in a batch; $steps steps of $planned, $minutes minutes, $threads thread, $device,
torch $torch. The averaged weights of step $snapshot were taken.

## Scores

On training scenes that were held back: $scores (px, %). On the frozen scenes:
`python -m hyperspy_stereo.training evaluate`.

## Limits

Disparities beyond +-$reach px are not found. Rows of both views must agree within 2 px. It knows
nothing of lines as wholes: neighbouring pixels of one line can get different disparities.
"""


def halved(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights of convolutions in half precision, the rest as it is.

    The statistics of normalisations stay float32: they may lie outside the range of float16.
    """
    return {k: v.half() if v.ndim > 1 else v for k, v in state.items()}


def export_scm(
    folder: str | Path,
    name: str = "scm",
    to: str | Path | None = None,
    snapshot: str | Path | None = None,
) -> Path:
    """Turn a snapshot of a run of the published network into weights with JSON and model card.

    Parameters
    ----------
    folder : str or Path
        Of the run.
    name : str, default "scm"
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
    config = load_config(folder / "config.json", SCMConfig)
    state, header = load_state(folder / "best.safetensors" if snapshot is None else snapshot)
    network = build(config)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"the snapshot does not fit {folder / 'config.json'}: {error}") from error
    info = {
        "name": name,
        "version": "1",
        "kind": "scm",
        "architecture": dataclasses.asdict(config.network),
        "metrics": header.get("scores", {}),
        "config": to_json(config),
        "command": _command(config),
        "training": training_record(folder, config.engine, header),
    }
    path = save_weights(Path(to or FOLDER) / f"{name}.safetensors", halved(state), info)
    _, info = load_weights(path, "scm")
    parameters = sum(parameter.numel() for parameter in network.parameters())
    path.with_suffix(".md").write_text(_card(info, parameters), encoding="utf-8")
    return path


def _command(config: SCMConfig) -> str:
    """Return the command that trains by this configuration."""
    same = dataclasses.replace(config.engine, minutes=None)
    for path in sorted(CONFIGS.glob("scm*.json")):
        if load_config(path, SCMConfig) == dataclasses.replace(config, engine=same):
            name = path.stem
            break
    else:
        name = "config.json"  # its content is in the JSON of the weights
    return f"python -m hyperspy_stereo.training scm --config {name} --out RUN"


def _card(info: dict, parameters: int) -> str:
    config, training = info["config"], info["training"]
    full = dataclasses.asdict(NetworkSettings())
    ranges = zip(config["shards"], config["seeds"], config["shares"], strict=True)
    small = [
        f"{key} {config['network'][key]} instead of {value}"
        for key, value in full.items()
        if config["network"][key] != value
    ]
    return Template(CARD).substitute(
        {key: info[key] for key in ("name", "version", "size", "sha256", "command")},
        **{key: training[key] for key in ("steps", "planned", "threads", "device", "torch")},
        **config["loss"],
        snapshot=training["snapshot"],
        minutes=f"{training['seconds'] / 60:.0f}",
        architecture=json.dumps(info["architecture"]),
        reduction=f"Reduced from the published size: {', '.join(small)}." if small else "",
        parameters=parameters,
        data=", ".join(
            f"`{Path(shard).name}` {first} to {stop - 1} {share:g}"
            for shard, (first, stop), share in ranges
        ),
        height=config["size"][0],
        width=config["size"][1],
        batch=config["batch"],
        scores=", ".join(f"{key} {value:.2f}" for key, value in info["metrics"].items()) or "none",
        reach=config["network"]["max_disparity"],
    )
