"""The state of a training run on disk: safetensors and JSON, nothing pickled."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

__all__ = ["load_checkpoint", "load_state", "save_checkpoint", "save_state"]

NAME = "checkpoint.json"
FREE = ("minutes", "checkpoint_seconds", "workers", "threads", "log_every")


def save_state(path: str | Path, state: Mapping[str, torch.Tensor], **info: Any) -> None:
    """Write tensors to a safetensors file, in one move, so that no half file is left.

    Parameters
    ----------
    path : str or Path
        The file.
    state : mapping of str to Tensor
        Copied to the processor's memory, in the usual order of dimensions.
    **info
        Plain values that are kept in the file's header.
    """
    path = Path(path)
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata={name: json.dumps(value) for name, value in info.items()})
    partial.replace(path)


def load_state(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a file of `save_state`: its tensors and what its header says.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}: train first, or give a snapshot of a run.")
    with safe_open(path, "pt") as file:
        header = file.metadata() or {}
    return load_file(path), {name: json.loads(value) for name, value in header.items()}


def save_checkpoint(
    out: Path,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    record: Mapping[str, Any],
) -> None:
    """Write all that a run needs to go on as if it had never stopped.

    The JSON file names the tensors' file and is replaced last: a run that is killed while it
    saves still has its previous checkpoint.

    Parameters
    ----------
    out : Path
        Folder of the run.
    model, average : Module
        The network and its averaged copy.
    optimizer : Optimizer
        Its state is flattened to tensors ``optimizer.<number of the parameter>.<name>``.
    record : mapping
        Plain values: the step, the settings and what else the run keeps.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for number, parameter in enumerate(_parameters(optimizer)):
        for name, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    # a name of its own, so that the file that the JSON names is never written to
    name = f"checkpoint_{record['step']:06d}.safetensors"
    save_state(out / name, tensors)
    partial = out / (NAME + ".part")
    partial.write_text(json.dumps({**record, "tensors": name}, indent=2) + "\n", encoding="utf-8")
    partial.replace(out / NAME)
    for old in out.glob("checkpoint_*.safetensors"):
        if old.name != name:
            old.unlink()


def load_checkpoint(
    out: Path,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: Any,
) -> dict[str, Any]:
    """Put a saved state into the network, its average, the optimizer and the random numbers.

    Parameters
    ----------
    out : Path
        Folder of the run.
    model, average, optimizer
        As in `save_checkpoint`; changed in place.
    settings : EngineSettings
        Must be those of the saved run; only limits of time, threads, workers and the log's
        spacing may differ.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    ValueError
        If nothing was saved there, or by another network or other settings.
    """
    if not (out / NAME).is_file():
        raise ValueError(f"{out} holds no checkpoint: start the run without --resume.")
    record = json.loads((out / NAME).read_text(encoding="utf-8"))
    for name, value in dataclasses.asdict(settings).items():
        saved = record["settings"].get(name, value)
        if name not in FREE and saved != value:
            raise ValueError(
                f"engine.{name} is {value}, but the run in {out} began with {saved}: put it back "
                "to go on, or give another folder to start again."
            )
    tensors, _ = load_state(out / record["tensors"])
    for prefix, module in (("model.", model), ("average.", average)):
        part = {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)}
        try:
            module.load_state_dict(part)
        except RuntimeError as error:
            raise ValueError(f"{out} was trained with another network: {error}") from error
    for number, parameter in enumerate(_parameters(optimizer)):
        prefix = f"optimizer.{number}."
        for key in tensors:
            if key.startswith(prefix):
                saved = tensors[key]
                if saved.shape == parameter.shape:  # moments take the parameter's memory format
                    saved = torch.empty_like(parameter, requires_grad=False).copy_(saved)
                optimizer.state[parameter][key.removeprefix(prefix)] = saved
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return record


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    """Return all parameters in the order of the groups."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
