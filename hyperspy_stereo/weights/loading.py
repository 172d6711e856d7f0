"""Save and load the weights of a network as safetensors, with checks that say what is wrong.

Two files belong together: ``<name>.safetensors`` holds the tensors, ``<name>.json`` beside it says
what they are: name, version, kind, architecture, size, SHA-256, calibration, metrics and more. A
model card ``<name>.md`` may lie beside them. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["FORMAT", "file_of", "load_weights", "read_info", "restore", "save_weights", "shipped"]

FORMAT = 1  #: version of the pair of files described above
SUFFIX = ".safetensors"
FOLDER = Path(__file__).parent
NEEDED = {"name": str, "version": str, "kind": str, "architecture": dict}
STATED = {**NEEDED, "format": int, "size": int, "sha256": str, "tensors": dict}
PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy"}
CONVERT = (
    "Load it where you trust it, and write its state dict with "
    "hyperspy_stereo.weights.save_weights(path, state, info)."
)


def shipped(kind: str) -> list[str]:
    """Names of the weights of one kind that come with the package.

    Examples
    --------
    >>> from hyperspy_stereo.weights import shipped
    >>> shipped("no such kind")
    []
    """
    files = sorted(FOLDER.glob(f"*{SUFFIX}"))
    return [f.stem for f in files if _kind_of(f.with_suffix(".json")) == kind]


def save_weights(
    path: str | os.PathLike, state: Mapping[str, torch.Tensor], info: Mapping[str, Any]
) -> Path:
    """Write weights and what is known about them, as two files beside each other.

    Parameters
    ----------
    path : path
        ``.../<name>.safetensors``; its folder is made if there is none.
    state : mapping of str to tensor
        ``network.state_dict()``.
    info : mapping
        What JSON can hold. Needed: `name` and `version` (text), `kind` ("detector", "scm", ...),
        `architecture` (arguments that build the network again). Usual: `calibration`, `metrics`,
        `config`, `command`. `format`, `size`, `sha256` and `tensors` are added.

    Returns
    -------
    Path
        The file of weights.

    Raises
    ------
    ValueError
        If the name does not end in .safetensors, something needed is missing, the information is
        no plain data, or a tensor is not finite.

    Examples
    --------
    >>> import tempfile, torch
    >>> from hyperspy_stereo.weights import load_weights, save_weights
    >>> info = {"name": "mine", "version": "1", "kind": "detector", "architecture": {}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_weights(f"{folder}/mine.safetensors", {"a": torch.ones(3)}, info)
    ...     state, known = load_weights(path, "detector")
    >>> state["a"].shape, known["size"]
    (torch.Size([3]), 76)
    """
    import torch
    from safetensors.torch import save

    path = Path(path)
    if path.suffix != SUFFIX:
        raise ValueError(f"path is {path.name!r}; it must end in {SUFFIX}.")
    info = dict(info)
    missing = [k for k, t in NEEDED.items() if not isinstance(info.get(k), t)]
    if missing:
        raise ValueError(
            f"info lacks {_listed(missing)}: give name, version and kind as text and the "
            "network's arguments as the mapping architecture."
        )
    if not state or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise ValueError("state must map names to tensors: give network.state_dict().")
    tensors = {k: t.detach().cpu().contiguous().clone() for k, t in state.items()}
    _finite(tensors, path.name)
    blob = save(tensors)
    info |= {
        "format": FORMAT,
        "size": len(blob),
        "sha256": hashlib.sha256(blob).hexdigest(),
        "tensors": {k: list(t.shape) for k, t in tensors.items()},
    }
    try:
        text = json.dumps(info, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ValueError(f"info is no plain data that JSON can hold: {error}.") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, blob)
    _replace(path.with_suffix(".json"), text.encode())
    return path


def load_weights(
    weights: str | os.PathLike, kind: str
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read weights by the name of shipped ones or the path of a file.

    Parameters
    ----------
    weights : str or path
        A name out of :func:`shipped`, or the path of a ``.safetensors`` file with its ``.json``
        beside it.
    kind : str
        What the network is for: "detector", "scm", ...

    Returns
    -------
    state : dict of str to tensor
        For :func:`restore`.
    info : dict
        What the JSON file says: name, version, architecture, sha256, calibration, metrics, ...

    Raises
    ------
    ValueError
        If there is no such file; it is not safetensors (a pickle, text); it is truncated or
        changed; its JSON is missing or incomplete; it is of another kind, or written by a newer
        version of this package; its tensors are not those its JSON lists, or not finite.
    TypeError
        If `weights` is neither text nor a path.

    Examples
    --------
    >>> from hyperspy_stereo.weights import load_weights
    >>> load_weights("model.pt", "detector")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: model.pt looks like a pickle, which can run any code when it is opened, ...
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = file_of(weights, kind)
    info = read_info(path, kind)
    size = path.stat().st_size
    if size != info["size"]:
        what = "truncated" if size < info["size"] else "not the one its JSON describes"
        raise ValueError(
            f"{path} is {what}: {size} bytes instead of {info['size']}. Copy or download both "
            "files again."
        )
    blob = path.read_bytes()
    if hashlib.sha256(blob).hexdigest() != info["sha256"]:
        raise ValueError(
            f"{path} is damaged or was changed: its SHA-256 is not the one in "
            f"{path.stem}.json. Copy or download both files again."
        )
    try:
        state = load(blob)
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} is no safetensors file: {error}. {CONVERT}") from error
    found = {name: list(tensor.shape) for name, tensor in state.items()}
    if found != info["tensors"]:
        raise ValueError(
            f"{path} does not hold the tensors that {path.stem}.json lists: "
            f"{_difference(info['tensors'], found)}. Copy both files from one source."
        )
    _finite(state, path.name)
    return state, info


def read_info(weights: str | os.PathLike, kind: str) -> dict[str, Any]:
    """What the JSON beside the weights says, checked, without reading the tensors.

    Parameters and errors are those of :func:`load_weights`.
    """
    path = file_of(weights, kind)
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise ValueError(
            f"{beside.name} is missing beside {path}: it states kind, version, size and SHA-256, "
            "without which the weights are not used. Copy both files, or write them again with "
            "hyperspy_stereo.weights.save_weights(path, state, info)."
        )
    try:
        info = json.loads(beside.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{beside} is no JSON: {error}. Copy it again.") from error
    # A newer form may name things differently, so that it is looked at before the rest.
    written = info.get("format") if isinstance(info, dict) else None
    if isinstance(written, int) and written > FORMAT:
        raise ValueError(
            f"{path} was written by a newer version of hyperspy_stereo (form {written}; this one "
            f"reads up to {FORMAT}): update hyperspy_stereo, or take older weights."
        )
    known = info if isinstance(info, dict) else {}
    missing = [k for k, t in STATED.items() if not isinstance(known.get(k), t)]
    if missing:
        raise ValueError(
            f"{beside} lacks {_listed(missing)}: it is not the file that belongs to these weights. "
            "Copy both files again, or write them with hyperspy_stereo.weights.save_weights."
        )
    if info["kind"] != kind:
        raise ValueError(
            f"{path} holds weights of the kind {info['kind']!r}, but {kind!r} is needed. "
            f"{_shipped_text(kind)}"
        )
    return info


def restore(network: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str) -> None:
    """Give a network its weights, in place, if names and shapes are exactly its own.

    Parameters
    ----------
    network : torch.nn.Module
        Built with the arguments ``info["architecture"]``.
    state : mapping of str to tensor
        From :func:`load_weights`.
    name : str
        What to call the weights in an error.

    Raises
    ------
    ValueError
        If a tensor is missing, too many or of another shape.

    Examples
    --------
    >>> import torch
    >>> from hyperspy_stereo.weights import restore
    >>> restore(torch.nn.Linear(2, 1), {"weight": torch.ones(1, 2), "bias": torch.ones(1)}, "mine")
    """
    needed = {k: list(t.shape) for k, t in network.state_dict().items()}
    given = {k: list(t.shape) for k, t in state.items()}
    if needed != given:
        raise ValueError(
            f"The weights {name} do not fit the network {type(network).__name__}: "
            f"{_difference(needed, given)}. Use weights that were trained for this network, and "
            "state its arguments as architecture when they are saved."
        )
    network.load_state_dict(dict(state))


def file_of(weights: str | os.PathLike, kind: str) -> Path:
    """The file that a name or a path means; errors as those of :func:`load_weights`."""
    if not isinstance(weights, str | os.PathLike):
        raise TypeError(
            f"weights is {weights!r}; give the name of shipped weights or the path of a "
            f"{SUFFIX} file."
        )
    path = Path(weights)
    if path.name == os.fspath(weights) and path.suffix == "":
        path = FOLDER / f"{path.name}{SUFFIX}"
        if not path.is_file():
            raise ValueError(
                f"There are no weights named {weights!r} of the kind {kind!r}. "
                f"{_shipped_text(kind)}"
            )
        return path
    if _is_pickle(path):
        raise ValueError(
            f"{path} looks like a pickle, which can run any code when it is opened, and is not "
            f"read. {CONVERT}"
        )
    if not path.is_file():
        raise ValueError(f"There is no file {path}. {_shipped_text(kind)}")
    if path.suffix != SUFFIX:
        raise ValueError(f"{path} does not end in {SUFFIX} and is not read. {CONVERT}")
    return path


def _is_pickle(path: Path) -> bool:
    """Whether a file is named like a pickle or begins like one (bare, or in torch's zip)."""
    if path.suffix.lower() in PICKLES:
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(9)
    # safetensors begins with 8 bytes, the length of its header, and the header with a brace.
    bare = start[:1] == b"\x80" and start[8:] != b"{"
    return start[:4] == b"PK\x03\x04" or bare


def _shipped_text(kind: str) -> str:
    names = shipped(kind)
    if not names:
        return f"None of this kind are shipped; give the path of a {SUFFIX} file."
    return f"Shipped are {_listed(names)}; or give the path of a {SUFFIX} file."


def _kind_of(beside: Path) -> str | None:
    """The kind that a JSON file states, None where it cannot be read."""
    try:
        info = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return info.get("kind") if isinstance(info, dict) else None


def _finite(state: Mapping[str, torch.Tensor], name: str) -> None:
    bad = [k for k, t in state.items() if t.is_floating_point() and not bool(t.isfinite().all())]
    if bad:
        raise ValueError(
            f"{name}: {_listed(bad)} hold NaN or infinite values, so training diverged: go back "
            "to an earlier checkpoint."
        )


def _difference(needed: Mapping[str, list], given: Mapping[str, list]) -> str:
    """What is missing, too many or of another shape, in words."""
    parts = []
    missing, extra = sorted(needed.keys() - given.keys()), sorted(given.keys() - needed.keys())
    if missing:
        parts.append(f"{_listed(missing)} missing")
    if extra:
        parts.append(f"{_listed(extra)} unknown")
    parts += [
        f"{k} has the shape {given[k]} instead of {needed[k]}"
        for k in sorted(needed.keys() & given.keys())
        if needed[k] != given[k]
    ][:3]
    return "; ".join(parts)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


def _replace(path: Path, content: bytes) -> None:
    """Write a file at once, so that a reader never sees half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
