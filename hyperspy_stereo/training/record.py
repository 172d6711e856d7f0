"""What a run leaves to say about itself, for the JSON and the card of its weights."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import torch

from hyperspy_stereo.training.config import EngineSettings

__all__ = ["training_record"]


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
