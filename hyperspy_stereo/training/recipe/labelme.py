"""Reading labelme's JSON files: the picture and the shapes drawn on it."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np

__all__ = ["KINDS", "read_labelme"]

#: What a shape may be called, and the shapes it may have.
KINDS = {
    "dislocation": ("linestrip", "line"),
    "boundary": ("linestrip", "line", "polygon", "rectangle"),
    "ignore": ("polygon", "rectangle"),
}
OUTSIDE = 5.0  # px that a point may lie beyond the picture's edge


def read_labelme(
    path: str | Path, names: Mapping[str, str]
) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
    """Picture and shapes of a labelme file.

    Parameters
    ----------
    path : str or Path
        The JSON file.
    names : dict
        Names of the user to those in `KINDS`.

    Returns
    -------
    picture : (H, W) ndarray
        Grey values.
    shapes : list of (str, (H, W) bool ndarray)
        What each is, and its pixels; lines are one pixel wide.

    Raises
    ------
    ValueError, FileNotFoundError
        See `labels.labelme_scene`.
    """
    path = Path(path)
    record = _record(path)
    _check_names(names)
    shapes = record.get("shapes")
    if not isinstance(shapes, list) or not shapes:
        raise ValueError(
            f"{path} holds no shapes: draw polylines (linestrip) called 'dislocation' in labelme, "
            "and save."
        )
    picture = _picture(path, record)
    found = []
    for number, shape in enumerate(shapes):
        where = f"shape {number} of {path.name}"
        if not isinstance(shape, dict):
            raise ValueError(f"{where} is no object with label, points and shape_type.")
        kind = _kind(shape, names, where)
        found.append((kind, _drawn(shape, picture.shape, where)))
    return picture, found


def _record(path):
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is no JSON ({error}): give the file that labelme saved, not the picture."
        ) from error
    if not isinstance(record, dict) or "shapes" not in record:
        raise ValueError(f"{path} is none of labelme's files: it has no 'shapes'. Export it anew.")
    return record


def _check_names(names):
    unknown = sorted(set(names.values()) - set(KINDS))
    if unknown:
        raise ValueError(f"names leads to {', '.join(unknown)}: choose among {', '.join(KINDS)}.")


def _kind(shape, names, where):
    """Which of `KINDS` a shape is."""
    given = shape.get("label")
    kind = names.get(given, given)
    if kind not in KINDS:
        raise ValueError(
            f"{where} is labelled {given!r}: known are {', '.join(KINDS)}. Give `names`, such as "
            f"names={{{given!r}: 'dislocation'}}, or rename it in labelme."
        )
    form = shape.get("shape_type", "polygon")
    if form not in KINDS[kind]:
        raise ValueError(
            f"{where} is a {form} labelled {given!r}: it must be one of {', '.join(KINDS[kind])}."
        )
    return kind


def _picture(path, record):
    from skimage import color
    from skimage import io as images

    name = record.get("imagePath")
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"{path} names no picture: its 'imagePath' is {name!r}. Set it to the picture's file "
            "name beside it."
        )
    file = path.parent / name.replace("\\", "/")
    if file.is_file():
        picture = images.imread(file)
    elif record.get("imageData"):
        try:
            picture = images.imread(io.BytesIO(base64.b64decode(record["imageData"])))
        except (binascii.Error, OSError, ValueError, TypeError) as error:
            raise ValueError(
                f"{path} has a picture within it that cannot be read: {error}"
            ) from error
    else:
        raise FileNotFoundError(
            f"{path} belongs to {name}, which is not in {path.parent}: put the picture there or "
            "correct 'imagePath'."
        )
    if picture.ndim == 3 and picture.shape[-1] in (3, 4):
        picture = 255 * color.rgb2gray(picture[..., :3])
    if picture.ndim != 2:
        raise ValueError(f"{name} has shape {picture.shape}: one grey or colour picture is needed.")
    said = record.get("imageHeight"), record.get("imageWidth")
    if None not in said and said != picture.shape:
        raise ValueError(
            f"{path} was drawn on a picture of {said[0]} x {said[1]} px, but {name} has "
            f"{picture.shape[0]} x {picture.shape[1]}: label the picture "
            "itself, or scale the points."
        )
    return picture


def _drawn(shape, size, where):
    """Pixels (H, W) of a shape."""
    from skimage import draw

    form = shape.get("shape_type", "polygon")
    points = _points(shape, size, where)
    least = {"polygon": 3}.get(form, 2)
    if len(points) < least:
        raise ValueError(f"{where} has {len(points)} points; a {form} needs {least} at least.")
    drawn = np.zeros(size, bool)
    if form == "rectangle":
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    if form in ("polygon", "rectangle"):
        return draw.polygon2mask(size, points[:, ::-1])
    # half-pixel steps leave no gap
    for start, end in pairwise(points):
        count = int(np.ceil(2 * np.hypot(*(end - start)))) + 1
        column, row = np.rint(np.linspace(start, end, count)).astype(int).T
        inside = (row >= 0) & (column >= 0) & (row < size[0]) & (column < size[1])
        drawn[row[inside], column[inside]] = True
    return drawn


def _points(shape, size, where):
    """Points (n, 2) of a shape, x and y in px with 0 in the middle of the first pixel."""
    try:
        points = np.asarray(shape.get("points"), float).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} has points that are no list of (x, y): {error}") from error
    if len(points) == 0 or not np.isfinite(points).all():
        raise ValueError(f"{where} has no points, or some that are NaN or infinite: draw it anew.")
    points = points - 0.5  # labelme counts from the corner of the first pixel
    beyond = max(float(-points.min()), *(points.max(axis=0) - np.array(size[::-1]) + 1))
    if beyond > OUTSIDE:
        raise ValueError(
            f"{where} reaches {beyond:.0f} px beyond the picture of {size[0]} x {size[1]} px: do "
            "the labels belong to another one?"
        )
    return points
