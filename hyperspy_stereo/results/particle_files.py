"""Clouds of particles to files and back: .csv, .vtp (ParaView) and .xyz."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.results.paths import path_to_read, path_to_write
from hyperspy_stereo.results.vtp import append_array, array_values

if TYPE_CHECKING:
    from hyperspy_stereo.results.particle_cloud import ParticleCloud

__all__ = ["SUFFIXES", "load_cloud", "save_cloud"]

SUFFIXES = (".csv", ".vtp", ".xyz")
FORMAT = "hyperspy_stereo particle cloud"
COLUMNS = (
    "x", "y", "z", "sigma_x", "sigma_y", "sigma_z", "radius", "intensity", "significance",
    "views_seen", "ambiguous",
)  # fmt: skip
ELEMENT = "Au"  # an .xyz file names an element for every point


def save_cloud(cloud: ParticleCloud, path: str | Path, overwrite: bool = True) -> Path:
    """Write a cloud to a file.

    ``.csv``: one row for each particle, what describes the whole in lines that begin with ``#``.
    ``.vtp``: VTK PolyData in XML with inline binary; ParaView draws balls by a glyph filter scaled
    with `radius`. ``.xyz``: places only, as "Au", for molecular viewers. The first two hold all
    that :func:`load_cloud` needs.

    Parameters
    ----------
    cloud : ParticleCloud
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
    rows, meta = _rows(cloud), _meta(cloud)
    if suffix == ".csv":
        head = [f"# {key}: {json.dumps(value)}" for key, value in meta.items()]
        body = [",".join(map(repr, row)) for row in rows.tolist()]
        text = "\n".join([*head, ",".join(COLUMNS), *body]) + "\n"
    elif suffix == ".xyz":
        lines = [f"{ELEMENT} {x:.6g} {y:.6g} {z:.6g}" for x, y, z in cloud.points]
        text = "\n".join([str(len(cloud)), f"{FORMAT}, {cloud.units}", *lines]) + "\n"
    else:
        text = _vtp(rows, meta)
    path.write_text(text, encoding="utf-8")
    return path


def load_cloud(cls: type[ParticleCloud], path: str | Path) -> ParticleCloud:
    """Read a cloud that :func:`save_cloud` wrote as ``.csv`` or ``.vtp``.

    Raises
    ------
    ValueError
        If the suffix is another one, or the file is not one that was saved here.
    FileNotFoundError
        If there is no such file.
    """
    path, suffix = path_to_read(path, (".csv", ".vtp"))
    try:
        text = path.read_text(encoding="utf-8")
        rows, meta = _from_csv(text) if suffix == ".csv" else _from_vtp(text)
        if meta.get("format") != FORMAT:
            raise KeyError("format")
        cloud = cls(
            rows[:, :3], rows[:, 6], rows[:, 3:6], *rows[:, 7:].T,
            units=meta["units"], pixel_size=meta["pixel_size"], geometry=meta["geometry"],
            incidence=np.array(meta["incidence_mrad"]).reshape(-1, 2),
            image_shape=meta["image_shape"], info=meta["info"],
        )  # fmt: skip
        if meta["thickness"] is not None:
            cloud.set_thickness(*meta["thickness"])
        return cloud
    except Exception as error:
        raise ValueError(
            f"{path.name} is not a whole file written by ParticleCloud.save "
            f"({type(error).__name__}: {error})."
        ) from error


def _rows(cloud: ParticleCloud) -> np.ndarray:
    """(N, 11) in the order of COLUMNS."""
    rest = (cloud.radius, cloud.intensity, cloud.significance, cloud.views_seen, cloud.ambiguous)
    return np.column_stack([cloud.points, cloud.sigma, *(np.asarray(c, float) for c in rest)])


def _meta(cloud: ParticleCloud) -> dict[str, Any]:
    thickness = cloud._thickness
    return {
        "format": FORMAT,
        "version": 1,
        "units": cloud.units,
        "pixel_size": cloud.pixel_size,
        "geometry": cloud.geometry,
        "incidence_mrad": cloud.incidence.tolist(),
        "image_shape": cloud.image_shape,
        "thickness": None if thickness is None else list(thickness),
        "info": cloud.info,
    }


def _from_csv(text: str) -> tuple[np.ndarray, dict[str, Any]]:
    meta, rows = {}, []
    for line in text.splitlines():
        if line.startswith("# "):
            key, _, value = line[2:].partition(": ")
            meta[key] = json.loads(value)
        elif line and not line.startswith(COLUMNS[0]):
            rows.append(line.split(","))
    return np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS)), meta


def _vtp(rows: np.ndarray, meta: dict[str, Any]) -> str:
    """VTK PolyData: one vertex for each particle; all columns as arrays of the points."""
    root = ET.Element(
        "VTKFile",
        type="PolyData", version="1.0", byte_order="LittleEndian", header_type="UInt64",
    )  # fmt: skip
    poly = ET.SubElement(root, "PolyData")
    field = ET.SubElement(poly, "FieldData")
    told = ET.SubElement(
        field, "Array", type="String", Name="metadata", NumberOfTuples="1", format="ascii"
    )
    # A VTK string is written as the codes of its characters, with a zero at the end.
    told.text = " ".join(str(code) for code in [*json.dumps(meta).encode("utf-8"), 0])
    number = str(len(rows))
    piece = ET.SubElement(
        poly, "Piece",
        NumberOfPoints=number, NumberOfVerts=number, NumberOfLines="0", NumberOfStrips="0",
        NumberOfPolys="0",
    )  # fmt: skip
    data = ET.SubElement(piece, "PointData", Scalars="radius")
    for name, column in zip(COLUMNS[3:], rows[:, 3:].T, strict=True):
        append_array(data, name, np.ascontiguousarray(column))
    append_array(ET.SubElement(piece, "Points"), "Points", np.ascontiguousarray(rows[:, :3]))
    verts = ET.SubElement(piece, "Verts")
    append_array(verts, "connectivity", np.arange(len(rows), dtype=np.int64))
    append_array(verts, "offsets", np.arange(1, len(rows) + 1, dtype=np.int64))
    ET.indent(root)
    buffer = io.BytesIO()
    ET.ElementTree(root).write(buffer, encoding="utf-8", xml_declaration=True)
    return buffer.getvalue().decode("utf-8") + "\n"


def _from_vtp(text: str) -> tuple[np.ndarray, dict[str, Any]]:
    poly = ET.fromstring(text).find("PolyData")
    codes = poly.find("FieldData/Array[@Name='metadata']")
    meta = json.loads(bytes(int(c) for c in codes.text.split()[:-1]).decode("utf-8"))
    piece = poly.find("Piece")
    points = array_values(piece.find("Points/DataArray")).reshape(-1, 3)
    columns = [array_values(piece.find(f"PointData/DataArray[@Name='{n}']")) for n in COLUMNS[3:]]
    return np.column_stack([points, *columns]), meta
