"""Run the code of the gallery and save its pictures: ``python docs/make_gallery.py``.

The value of a block's last line is what its picture shows.
"""

import ast
import io
import re
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from make_live_pictures import calibrated_scan
from PIL import Image

from hyperspy_stereo.simulation.particles import (
    Interaction,
    equilibrium,
    particle_views,
    segment_incidence,
)
from hyperspy_stereo.viewer.view3d import View3D

HERE = Path(__file__).parent
PART = re.compile(r"```python\n(.*?)```|```\{image\} (pictures/gallery/\S+)", re.DOTALL)
DPI = 88
LARGEST = 145_000  # bytes; above it a palette is used


def shown(text: str, names: dict) -> object:
    """Run a block; the value of its last line if that is an expression."""
    body = ast.parse(text).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "gallery.md", "exec"), names)
    return None if last is None else eval(ast.unparse(last), names)


def picture_of(value: object) -> Image.Image:
    """What a notebook shows of a value."""
    if isinstance(value, View3D):
        return Image.open(io.BytesIO(value._picture())).convert("RGB")
    figure = value if hasattr(value, "savefig") else np.ravel(value)[0].figure
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI, bbox_inches="tight", pad_inches=0.06)
    return Image.open(buffer).convert("RGB")


def segments() -> np.ndarray:
    """Images of a suspension in ice through four segments."""
    law = Interaction(depth=2.5, gap=1.0, width=0.4)
    points = equilibrium(np.full(130, 2.4), (102.4, 102.4), 120.0, law, 60, 8)
    made = particle_views(points, 2.4, segment_incidence(3.0), (256, 256), noise=0.15, seed=8)
    return made.images


def main() -> None:
    names = {"s": calibrated_scan(), "images": segments()}
    value = None
    for code, image in PART.findall((HERE / "gallery.md").read_text("utf-8")):
        if code:
            value = shown(code, names)
            continue
        picture = picture_of(value)
        picture.save(HERE / image, optimize=True)
        if (HERE / image).stat().st_size > LARGEST:
            # Rare colours are those of lines and axes: they have to be in the palette.
            palette = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2)
            picture.quantize(palette=palette).save(HERE / image, optimize=True)
        plt.close("all")


if __name__ == "__main__":
    main()
