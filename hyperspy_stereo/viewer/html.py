"""A scene as one HTML page that needs nothing else: no network, no Python, no library.

The page draws with WebGL 2 (``page_solids.js``, ``page.js``); geometry and colours are inside
it as base64.
"""

from __future__ import annotations

import base64
import json
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from hyperspy_stereo.viewer.camera import to_y_up
from hyperspy_stereo.viewer.colours import Scalar, rgb_of
from hyperspy_stereo.viewer.scene import Scene
from hyperspy_stereo.viewer.tubes import ball_mesh, frames

__all__ = ["scene_html"]

SCRIPTS = ("page_solids.js", "page_pictures.js", "page.js", "page_measure.js")


def scene_html(scene: Scene) -> str:
    """Text of a page that shows a scene.

    Turn with the mouse (or one finger), shift or the right button moves, the wheel zooms, a
    double click goes back. Colours, thickness, section, red-cyan stereo and a picture to keep
    are in the bar at the top.

    Parameters
    ----------
    scene : Scene
        May hold nothing but its box.

    Returns
    -------
    str
        HTML.
    """
    here = files("hyperspy_stereo.viewer")

    def text_of(name: str) -> str:
        return here.joinpath(name).read_text(encoding="utf-8")

    page = text_of("page.html")
    # "</" inside a script would end it.
    data = json.dumps(scene_data(scene), separators=(",", ":")).replace("</", "<\\/")
    for mark, text in (
        ("@TITLE@", escape(scene.title)),
        ("@STYLE@", text_of("page.css")),
        ("@SCRIPT@", "\n".join(text_of(name) for name in SCRIPTS)),
        ("@DATA@", data),
    ):
        page = page.replace(mark, text)
    return page


def scene_data(scene: Scene) -> dict[str, Any]:
    """What the page's script reads; y-up coordinates, arrays as base64 of little-endian bytes."""
    foil = scene.foil
    return {
        "title": scene.title,
        "units": scene.units,
        "colour": scene.colour,
        "camera": {
            "azimuth": scene.camera.azimuth,
            "elevation": scene.camera.elevation,
            "fov": scene.camera.fov,
        },
        "extent": to_y_up(scene.extent).tolist(),
        "foil": {
            "vertices": to_y_up(foil.vertices).tolist(),
            "faces": foil.faces.tolist(),
            "edges": foil.edges.tolist(),
            "low": foil.low,
            "high": foil.high,
        },
        "bars": [
            {
                "start": to_y_up(bar.start).tolist(),
                "end": to_y_up(bar.end).tolist(),
                "colour": bar.colour,
                "width": bar.width,
            }
            for bar in scene.bars
        ],
        "labels": [
            {"at": to_y_up(label.position).tolist(), "text": label.text, "colour": label.colour}
            for label in scene.labels
        ],
        "lines": _lines(scene),
        "balls": _balls(scene),
        "meshes": [
            {
                "vertices": _b64(to_y_up(mesh.vertices), "<f4"),
                "triangles": _b64(mesh.triangles, "<u4"),
                "colour": mesh.colour,
                "opacity": mesh.opacity,
            }
            for mesh in scene.meshes
        ],
        "pictures": [
            {
                "name": picture.name,
                "side": picture.side,
                "png": base64.b64encode(picture.png()).decode("ascii"),
                "corners": to_y_up(picture.corners).tolist(),
            }
            for picture in scene.pictures
        ],
        "faces": scene.faces,
        "scalars": {name: _scalar(scalar) for name, scalar in scene.scalars.items()},
    }


def _lines(scene: Scene) -> dict[str, Any] | None:
    if scene.lines is None:
        return None
    points = to_y_up(scene.lines.points)
    tangent, normal = frames(points, scene.lines.line_index)
    return {
        "points": _b64(points, "<f4"),
        "tangents": _b64(tangent, "<f4"),
        "normals": _b64(normal, "<f4"),
        "starts": np.flatnonzero(np.diff(scene.lines.line_index, prepend=-1)).tolist(),
        "radius": scene.lines.radius,
        "sigma": None if scene.lines.sigma is None else _b64(to_y_up(scene.lines.sigma), "<f4"),
    }


def _balls(scene: Scene) -> dict[str, Any] | None:
    if scene.spheres is None:
        return None
    unit, triangles, _ = ball_mesh(np.zeros((1, 3)), np.ones(1))
    return {
        "centres": _b64(to_y_up(scene.spheres.centres), "<f4"),
        "radius": _b64(scene.spheres.radius, "<f4"),
        "unit": _b64(unit, "<f4"),
        "triangles": _b64(triangles, "<u4"),
    }


def _scalar(scalar: Scalar) -> dict[str, Any]:
    """Colours of the points, and of the colour bar from its low to its high end."""
    bar = None
    if not scalar.is_categorical:
        bar = _bytes_of(rgb_of(np.linspace(0, 1, 64), scalar.cmap, (0.0, 1.0))).tolist()
    return {
        "label": scalar.label,
        "limits": list(scalar.limits),
        "colours": _b64(_bytes_of(scalar.rgb()), "u1"),
        "bar": bar,
        "legend": scalar.legend,
    }


def _bytes_of(rgb: np.ndarray) -> np.ndarray:
    return np.rint(255 * rgb).astype(np.uint8)


def _b64(array: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")
