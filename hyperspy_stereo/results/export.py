"""Networks to files and back without loss: .vtp (ParaView), .csv and .npz."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.results.arrays import ViewPoints
from hyperspy_stereo.results.paths import path_to_read, path_to_write
from hyperspy_stereo.results.saved_fit import fit_from_state, fit_state
from hyperspy_stereo.results.vtp import read_vtp, write_vtp

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["SUFFIXES", "load_network", "save_network"]

SUFFIXES = (".vtp", ".csv", ".npz")
FORMAT = "hyperspy_stereo dislocation network"
VERSION = 1
COLUMNS = ("line", "x", "y", "z", "sigma", "confidence")
VIEW_FIELDS = ("points", "disparity", "sigma", "confidence", "line")
BLOB_WIDTH = 120


def save_network(network: DislocationNetwork, path: str | Path, overwrite: bool = True) -> Path:
    """Write a network to a file.

    ``.vtp``: VTK PolyData in XML with inline binary, read by ParaView: one polyline per line,
    point arrays sigma, confidence and line. ``.csv``: one row per point, metadata in lines that
    begin with ``#`` (``pandas.read_csv(path, comment="#")`` reads it). ``.npz``: NumPy arrays.
    All three hold everything, also ``fit``, so that :func:`load_network` gives the same network
    back.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.
    path : str or Path
        Its suffix gives the format.
    overwrite : bool
        Replace an existing file. Default True.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ValueError
        If the suffix is none of the three.
    FileExistsError
        If the file exists and `overwrite` is False.
    FileNotFoundError
        If the folder does not exist.
    """
    path, suffix = path_to_write(path, SUFFIXES, overwrite)
    arrays, meta = network_state(network)
    if suffix == ".npz":
        with path.open("wb") as file:
            np.savez_compressed(file, metadata=np.array(json.dumps(meta)), **arrays)
    elif suffix == ".csv":
        path.write_text(_to_csv(arrays, meta), encoding="utf-8")
    else:
        path.write_text(write_vtp(arrays, json.dumps(meta)), encoding="utf-8")
    return path


def load_network(cls: type[DislocationNetwork], path: str | Path) -> DislocationNetwork:
    """Read a network that :func:`save_network` wrote.

    Parameters
    ----------
    cls : type
        Class to make.
    path : str or Path
        ``.vtp``, ``.csv`` or ``.npz``.

    Returns
    -------
    DislocationNetwork
        The same as was saved.

    Raises
    ------
    ValueError
        If the suffix is none of the three, or the file is not one that was saved here.
    FileNotFoundError
        If there is no such file.
    """
    path, suffix = path_to_read(path, SUFFIXES)
    readers = {".npz": _from_npz, ".csv": _from_csv, ".vtp": _from_vtp}
    try:
        arrays, meta = readers[suffix](path)
        if meta.get("format") != FORMAT:
            raise KeyError("format")
        return _from_state(cls, arrays, meta)
    except Exception as error:
        raise ValueError(
            f"{path.name} is not a whole network file written by DislocationNetwork.save "
            f"({type(error).__name__}: {error})."
        ) from error


def network_state(network: DislocationNetwork) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Everything a network holds: arrays by name, and metadata that JSON can write."""
    arrays = {
        "points": network.points,
        "line": network.line_index,
        "sigma": network.sigma,
        "confidence": network.confidence,
    }
    for i, view in enumerate(network.views):
        arrays |= {f"view{i}_{field}": getattr(view, field) for field in VIEW_FIELDS}
    thickness = None
    if network.foil_thickness_error is not None:
        thickness = [network.foil_thickness, network.foil_thickness_error]
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "units": network.units,
        "pixel_size": network.pixel_size,
        "geometry": network.geometry,
        "incidence_mrad": network.incidence.tolist(),
        "image_shape": network.image_shape,
        "scan_shape": network.scan_shape,
        "to_scan": network.to_scan.tolist(),
        "foil_thickness": thickness,
        "rejected": {
            row.reason: [int(row.points), float(row.length)]
            for row in network.rejected.itertuples()
        },
        "views": len(network.views),
    }
    if network.fit is not None:
        fit_arrays, meta["fit"] = fit_state(network.fit)
        arrays |= fit_arrays
    return arrays, meta


def _from_state(
    cls: type[DislocationNetwork], arrays: dict[str, np.ndarray], meta: dict[str, Any]
) -> DislocationNetwork:
    views = [
        ViewPoints(*(arrays[f"view{i}_{field}"] for field in VIEW_FIELDS))
        for i in range(meta["views"])
    ]
    network = cls(
        arrays["points"].reshape(-1, 3),
        arrays["line"],
        arrays["sigma"],
        arrays["confidence"],
        units=meta["units"],
        pixel_size=meta["pixel_size"],
        geometry=meta["geometry"],
        incidence=np.array(meta["incidence_mrad"]).reshape(-1, 2),
        image_shape=meta["image_shape"],
        scan_shape=meta["scan_shape"],
        to_scan=meta["to_scan"],
        views=views,
        rejected={key: (int(n), float(px)) for key, (n, px) in meta["rejected"].items()},
    )
    if meta["foil_thickness"] is not None:
        network.set_foil_thickness(*meta["foil_thickness"])
    if meta.get("fit") is not None:
        lines = [line / network.pixel_size for line in network.lines]
        sigma = network._split(network.sigma / network.pixel_size)
        network.fit = fit_from_state(arrays, meta["fit"], lines, sigma)
    return network


def _from_npz(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.pop("metadata")))


def _from_vtp(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays, text = read_vtp(path.read_text(encoding="utf-8"))
    return arrays, json.loads(text)


def _to_csv(arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> str:
    """Rows of points; what has no row (matches of the views) as text lines at the end."""
    lines = [f"# {key}: {json.dumps(value)}" for key, value in meta.items()]
    lines.append(",".join(COLUMNS))
    columns = (arrays["line"], *arrays["points"].T, arrays["sigma"], arrays["confidence"])
    # repr of a float is the shortest text that reads back as the same number.
    lines += [",".join(map(repr, row)) for row in zip(*(c.tolist() for c in columns), strict=True)]
    rest = {name: a for name, a in arrays.items() if name.startswith(("view", "fit_"))}
    if rest:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **rest)
        blob = base64.b64encode(buffer.getvalue()).decode("ascii")
        lines.append("# matched points of the views, and the fit (base64 of an .npz):")
        lines += [f"#@{blob[i : i + BLOB_WIDTH]}" for i in range(0, len(blob), BLOB_WIDTH)]
    return "\n".join(lines) + "\n"


def _from_csv(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    meta: dict[str, Any] = {}
    blob, rows = [], []
    for text in path.read_text(encoding="utf-8").splitlines():
        if text.startswith("#@"):
            blob.append(text[2:])
        elif text.startswith("# "):
            key, _, value = text[2:].partition(": ")
            if value:
                meta[key] = json.loads(value)
        elif text and not text.startswith(COLUMNS[0]):
            rows.append(text.split(","))
    table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
    arrays = {
        "line": table[:, 0].astype(np.int64),
        "points": table[:, 1:4],
        "sigma": table[:, 4],
        "confidence": table[:, 5],
    }
    if blob:
        with np.load(io.BytesIO(base64.b64decode("".join(blob))), allow_pickle=False) as file:
            arrays |= {name: file[name] for name in file.files}
    return arrays, meta
