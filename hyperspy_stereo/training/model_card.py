"""The card that lies beside weights, written from their JSON."""

from __future__ import annotations

import json
from string import Template
from typing import Any

__all__ = ["model_card"]

CARD = """\
# $name

$what

- Version $version, $parameters parameters, $bytes bytes, SHA-256 `$sha256`.
- Architecture: `$architecture`.
- Loaded by `hyperspy_stereo.weights.load_weights("$name", "$kind")`; safetensors only.

## Data

$data

No scene of a test set can be drawn: `hyperspy_stereo.training.seeds` refuses their seeds. Noise and
deformations are made anew in each step.

## Training

    $commands

${start}Ended after $steps of $planned steps ($minutes minutes, $device, $threads threads,
torch $torch).
These are the weights of step $snapshot. Steps are judged by `$select`: scenes of another renderer,
never the training's own, because training longer makes real pictures worse.

## Scores

Of the snapshot, before calibration:

$scores

Calibration was fitted on $calibration_scenes scenes and is measured on $check_scenes others; the
expected calibration error of lines fell from $error_before to $error_after.

## Limits

$limits
"""


def model_card(info: dict[str, Any], what: str, limits: str, parameters: int) -> str:
    """Write a model card from the JSON of weights.

    Parameters
    ----------
    info : dict
        As `weights.read_info` returns it.
    what : str
        What the network is, in a sentence.
    limits : str
        Where not to trust it.
    parameters : int
        Of the network.

    Returns
    -------
    str
        Markdown.
    """
    training, errors = info["training"], info["calibration_error"]["line"]
    ranges = {
        name: ", ".join(f"{first} to {last}" for first, last in store["seeds"])
        for name, store in info["data"].items()
    }
    data = [
        f"- `{name}`: {store['count']} scenes of the {store['renderer']} renderer, share "
        f"{store['share']:g}, seeds {ranges[name]}."
        for name, store in info["data"].items()
    ]
    commands = [
        f"python -m hyperspy_stereo.training shards --renderer {store['renderer']} "
        f"--first {first} --count {last - first + 1} --out training_data/{name}"
        for name, store in info["data"].items()
        for first, last in store["seeds"]
    ]
    rows = [f"| {name} | {value:.3f} |" for name, value in info["metrics"].items()]
    start = info["config"].get("start")
    return Template(CARD).substitute(
        {name: info[name] for name in ("name", "version", "kind", "sha256")},
        what=what,
        limits=limits,
        start=f"It began with the weights `{start}`, not with fresh ones.\n" if start else "",
        parameters=parameters,
        bytes=info["size"],
        architecture=json.dumps(info["architecture"]),
        data="\n".join(data),
        commands="\n    ".join([*commands, info["command"]]),
        scores="\n".join(["| score | value |", "|---|---|", *rows]),
        minutes=f"{training['seconds'] / 60:.0f}",
        select=info["config"]["engine"]["select"] or "last",
        calibration_scenes=info["calibration_scenes"][0],
        check_scenes=info["calibration_scenes"][1],
        error_before=f"{errors[0]:.4f}",
        error_after=f"{errors[1]:.4f}",
        **{name: training[name] for name in ("steps", "planned", "device", "threads")},
        torch=training["torch"],
        snapshot=training["snapshot"],
    )
