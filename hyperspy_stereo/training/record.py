"""What a run leaves to say about itself, for the JSON and the card of its weights."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import torch

from hyperspy_stereo.training.config import EngineSettings
from hyperspy_stereo.training.curves import read_log

__all__ = ["MARGIN", "chosen_snapshot", "training_record"]

#: Scores of snapshots that differ by less are equal: they move so much from one to the next.
MARGIN = 0.01


def chosen_snapshot(folder: Path, engine: EngineSettings) -> Path:
    """Return the snapshot of a run that is to be exported.

    Of those whose score is within `MARGIN` of the best the one with the best second score: the
    first, on scenes of another renderer, forbids to learn one's own by heart; where it does not
    tell them apart the second, on scenes of the training's renderer, does.

    Parameters
    ----------
    folder : Path
        Of the run.
    engine : EngineSettings
        It was trained by; `select` and `decide` name the scores.

    Returns
    -------
    Path
        ``best.safetensors`` where nothing was scored, or the snapshots are gone.
    """
    best = folder / "best.safetensors"
    log = folder / "log.csv"
    if not engine.select or not log.is_file():
        return best
    columns = read_log(log)
    first, second = (dict(columns.get(name, [])) for name in (engine.select, engine.decide))
    top = max(first.values(), default=0.0)
    good = [step for step, score in first.items() if score >= top - MARGIN]
    if not good:
        return best
    step = max(good, key=lambda step: (second.get(step, first[step]), step))
    path = folder / "snapshots" / f"step_{step:06d}.safetensors"
    return path if path.is_file() else best


def training_record(folder: Path, engine: EngineSettings, header: dict[str, Any]) -> dict[str, Any]:
    """Say how long a run took and on what.

    Parameters
    ----------
    folder : Path
        Of the run.
    engine : EngineSettings
        It was trained by.
    header : dict
        Of the snapshot that is exported.

    Returns
    -------
    dict
        steps, planned, seconds, snapshot, threads, device, torch.

    Raises
    ------
    ValueError
        If the folder has no checkpoint.
    """
    path = folder / "checkpoint.json"
    if not path.is_file():
        raise ValueError(f"{folder} has no {path.name}: give the --out of a training.")
    record = json.loads(path.read_text(encoding="utf-8"))
    return {
        "steps": record["step"],
        "planned": engine.steps,
        "seconds": round(record["seconds"], 1),
        "snapshot": header.get("step", record["step"]),
        "threads": engine.threads,
        "device": "graphics card" if torch.cuda.is_available() else platform.machine(),
        "torch": torch.__version__,
    }
