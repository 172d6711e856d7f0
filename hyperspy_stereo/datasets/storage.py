"""Simulated results in one file: arrays and a description, without pickle."""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zipfile
import zlib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_result", "save_result"]

DESCRIPTION = "description"
# What zip, zlib, numpy, json and our own classes raise where bytes are not what they were.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)
# Smaller arrays are written as numbers into the description.
INLINE = 64


def save_result(path: str | Path, result: Any) -> Path:
    """Write a result; the file appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        Ends with ``.npz``.
    result : object
        Dataclasses of `hyperspy_stereo.simulation`, arrays, numbers, text, None, and lists and
        tuples of them, nested at will.

    Returns
    -------
    Path

    Raises
    ------
    TypeError
        If the result holds anything else.
    OSError
        If the folder cannot be written.
    """
    path = Path(path)
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_described(result, arrays))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **{DESCRIPTION: np.array(text)}, **arrays)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def load_result(path: str | Path) -> Any:
    """Read what :func:`save_result` wrote.

    Parameters
    ----------
    path : str or Path
        Of the file.

    Returns
    -------
    object
        Equal to what was saved.

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    ValueError
        If it is cut, damaged or not one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return _restored(json.loads(str(arrays[DESCRIPTION])), arrays)
    except DAMAGE as error:
        raise ValueError(
            f"{path} is damaged, or no result of save_result: delete it and simulate again."
        ) from error


def _described(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON; large arrays go into `arrays`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.size <= INLINE:
            return {
                "numbers": value.ravel().tolist(),
                "shape": value.shape,
                "dtype": str(value.dtype),
            }
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, list | tuple):
        items = [_described(item, arrays) for item in value]
        return {"list" if isinstance(value, list) else "tuple": items}
    if is_dataclass(value) and type(value).__name__ in _types():
        parts = {f.name: _described(getattr(value, f.name), arrays) for f in fields(value)}
        return {"type": type(value).__name__, "fields": parts}
    raise TypeError(f"a simulated result cannot be stored with a {type(value).__name__} in it.")


def _restored(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    if "numbers" in value:
        return np.array(value["numbers"], dtype=value["dtype"]).reshape(value["shape"])
    if "array" in value:
        return arrays[value["array"]]
    if "list" in value:
        return [_restored(item, arrays) for item in value["list"]]
    if "tuple" in value:
        return tuple(_restored(item, arrays) for item in value["tuple"])
    parts = {name: _restored(item, arrays) for name, item in value["fields"].items()}
    return _types()[value["type"]](**parts)


def _types() -> dict[str, type]:
    """What may be made from a file; nothing else."""
    from hyperspy_stereo.simulation import beam, dislocation, specimen, truth
    from hyperspy_stereo.simulation.imaging import microscope
    from hyperspy_stereo.simulation.imaging.scan_stack import ScanStack
    from hyperspy_stereo.simulation.imaging.stereo_views import StereoViews

    known = (
        beam.TwoBeam,
        dislocation.Dislocation,
        dislocation.StackingFault,
        microscope.Counter,
        microscope.Microscope,
        microscope.ScanNoise,
        specimen.Boundary,
        specimen.Specimen,
        specimen.SurfaceSpot,
        truth.Truth,
        ScanStack,
        StereoViews,
    )
    return {cls.__name__: cls for cls in known}
