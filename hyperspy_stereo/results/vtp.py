"""VTK PolyData in XML (.vtp) with inline base64, without VTK.

References
----------
"VTK XML file formats", the VTK user's guide: uncompressed binary arrays are the base64 of their
length in bytes (header_type) followed by the bytes.
"""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET

import numpy as np

__all__ = ["append_array", "array_values", "read_vtp", "write_vtp"]

VTK_TYPES = {"f8": "Float64", "f4": "Float32", "i8": "Int64", "i4": "Int32", "u1": "UInt8"}
POINT_ARRAYS = ("sigma", "confidence", "line")


def write_vtp(arrays: dict[str, np.ndarray], metadata: str) -> str:
    """Text of a .vtp file.

    Parameters
    ----------
    arrays : dict
        "points" (N, 3), "line" (N,) int, "sigma" (N,), "confidence" (N,); all others go to the
        field data under their names.
    metadata : str
        Goes to the field data as a string.

    Returns
    -------
    str
        XML.
    """
    points, line = arrays["points"], arrays["line"]
    ends = np.flatnonzero(np.diff(line, append=-1)) + 1 if len(line) else np.zeros(0, np.int64)
    root = ET.Element(
        "VTKFile",
        type="PolyData",
        version="1.0",
        byte_order="LittleEndian",
        header_type="UInt64",
    )
    poly = ET.SubElement(root, "PolyData")
    field = ET.SubElement(poly, "FieldData")
    text = ET.SubElement(
        field, "Array", type="String", Name="metadata", NumberOfTuples="1", format="ascii"
    )
    # A VTK string is written as the codes of its characters, with a zero at the end.
    text.text = " ".join(str(code) for code in [*metadata.encode("utf-8"), 0])
    for name, array in arrays.items():
        if name not in ("points", *POINT_ARRAYS):
            append_array(field, name, array, tuples=len(array))
    piece = ET.SubElement(
        poly,
        "Piece",
        NumberOfPoints=str(len(points)),
        NumberOfVerts="0",
        NumberOfLines=str(len(ends)),
        NumberOfStrips="0",
        NumberOfPolys="0",
    )
    data = ET.SubElement(piece, "PointData", Scalars="sigma")
    for name in POINT_ARRAYS:
        append_array(data, name, arrays[name])
    append_array(ET.SubElement(piece, "Points"), "Points", points)
    lines = ET.SubElement(piece, "Lines")
    append_array(lines, "connectivity", np.arange(len(points)))
    append_array(lines, "offsets", ends)
    ET.indent(root)
    return '<?xml version="1.0"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def read_vtp(text: str) -> tuple[dict[str, np.ndarray], str]:
    """Arrays and metadata of a .vtp file that :func:`write_vtp` made.

    Parameters
    ----------
    text : str
        XML.

    Returns
    -------
    arrays : dict
        As given to :func:`write_vtp`.
    metadata : str
        The string of the field data.

    Raises
    ------
    ValueError
        If a part is missing or an array is not inline binary.
    """
    poly = ET.fromstring(text).find("PolyData")
    piece = None if poly is None else poly.find("Piece")
    field = None if poly is None else poly.find("FieldData")
    codes = None if field is None else field.find("Array[@Name='metadata']")
    if piece is None or codes is None:
        raise ValueError("no PolyData with metadata in the file")
    metadata = bytes(int(code) for code in (codes.text or "").split()[:-1]).decode("utf-8")
    arrays = {e.attrib["Name"]: array_values(e) for e in field.findall("DataArray")}
    arrays["points"] = array_values(piece.find("Points/DataArray")).reshape(-1, 3)
    for name in POINT_ARRAYS:
        arrays[name] = array_values(piece.find(f"PointData/DataArray[@Name='{name}']"))
    return arrays, metadata


def append_array(
    parent: ET.Element, name: str, array: np.ndarray, tuples: int | None = None
) -> None:
    """Append one DataArray."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    element = ET.SubElement(
        parent, "DataArray", type=VTK_TYPES[little.dtype.str[1:]], Name=name, format="binary"
    )
    if array.ndim == 2:
        element.set("NumberOfComponents", str(array.shape[1]))
    if tuples is not None:
        element.set("NumberOfTuples", str(tuples))
    raw = little.tobytes()
    element.text = base64.b64encode(np.uint64(len(raw)).astype("<u8").tobytes() + raw).decode()


def array_values(element: ET.Element | None) -> np.ndarray:
    """Values of one DataArray."""
    if element is None or element.get("format") != "binary":
        raise ValueError("an array is missing or not inline binary")
    dtype = {name: code for code, name in VTK_TYPES.items()}[element.attrib["type"]]
    raw = base64.b64decode((element.text or "").strip())
    size = int(np.frombuffer(raw[:8], "<u8")[0])
    if len(raw) != 8 + size:
        raise ValueError(f"array {element.get('Name')} is cut short")
    values = np.frombuffer(raw[8:], "<" + dtype).astype(dtype)
    components = int(element.get("NumberOfComponents", "1"))
    return values.reshape(-1, components) if components > 1 else values
