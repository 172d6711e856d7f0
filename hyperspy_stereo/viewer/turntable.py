"""A scene turned once round, as frames of a film."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.viewer.scene import Scene

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["save_turntable", "turntable"]


class _RoundScene(Scene):
    """A scene that asks for the same room from all sides, so that its size stays in a turn."""

    @property
    def extent(self) -> np.ndarray:
        points = super().extent
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        reach = np.hypot(*(points - middle)[:, :2].T).max()
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        ring = middle[:2] + reach * np.column_stack([np.cos(angle), np.sin(angle)])
        low, high = points[:, 2].min(), points[:, 2].max()
        return np.vstack([np.column_stack([ring, np.full(len(ring), z)]) for z in (low, high)])


def turntable(
    scene: Scene, frames: int = 36, size: tuple[int, int] = (640, 440)
) -> Iterator[Image]:
    """Pictures of a scene, turned by equal steps about the beam.

    Parameters
    ----------
    scene : Scene
        Its camera is the first view.
    frames : int
        For a whole turn; 36 by default, steps of ten degrees.
    size : (int, int)
        Width and height, px.

    Yields
    ------
    PIL.Image.Image
        RGB; drawn when it is asked for.

    Raises
    ------
    ValueError
        If there is not at least one frame.
    """
    from PIL import Image

    from hyperspy_stereo.viewer.view3d import scene_png

    if frames < 1:
        raise ValueError(f"A turn needs one frame at least; frames={frames!r} was given.")
    scene = _RoundScene(**{field.name: getattr(scene, field.name) for field in fields(scene)})
    for number in range(frames):
        camera = replace(scene.camera, azimuth=scene.camera.azimuth + 360.0 * number / frames)
        png = scene_png(replace(scene, camera=camera), size)
        yield Image.open(io.BytesIO(png)).convert("RGB")


def save_turntable(
    scene: Scene,
    path: str | Path,
    frames: int = 36,
    size: tuple[int, int] = (640, 440),
    seconds: float = 6.0,
) -> Path:
    """Save a turn as an animated GIF, or as PNG frames for a film.

    Parameters
    ----------
    scene : Scene
        Its camera is the first view.
    path : str or Path
        Ends with ``.gif``; or a folder, which is made where it is missing, for
        ``frame_000.png`` and so on, which a program such as ffmpeg turns into MP4.
    frames : int
        For a whole turn.
    size : (int, int)
        Width and height, px.
    seconds : float
        That a turn of the GIF takes.

    Returns
    -------
    Path
        Of the file or folder.

    Raises
    ------
    ValueError
        If the name ends with something else, or there is not at least one frame.
    """
    path = Path(path)
    if path.suffix.lower() == ".gif":
        first, *others = turntable(scene, frames, size)
        wait = round(1000 * seconds / frames)
        first.save(path, save_all=True, append_images=others, duration=wait, loop=0)
        return path
    if path.suffix:
        raise ValueError(
            f"A turntable is saved as .gif, or as frames in a folder; {path.name!r} was given."
        )
    path.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(turntable(scene, frames, size)):
        picture.save(path / f"frame_{number:03d}.png")
    return path
