"""A scene that turns: frames for a talk, as an animated GIF or as numbered pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.camera import Camera, from_y_up, to_y_up
from hyperspy_stereo.viewer.matplotlib_view import figure_of
from hyperspy_stereo.viewer.scene import Scene

__all__ = ["save_turntable", "turntable_frames"]

DPI = 100.0
COLOURS = 255  # of a GIF's palette


def turntable_frames(
    scene: Scene, n_frames: int = 72, size: tuple[int, int] = (760, 520), turn: float = 360.0
) -> Iterator[np.ndarray]:
    """Draw a scene from directions around its vertical.

    Parameters
    ----------
    scene : Scene
        Seen first from its own camera.
    n_frames : int, default 72
        Two or more; 5 degrees from one to the next of a full turn look smooth.
    size : (int, int)
        Width and height, px.
    turn : float, default 360
        Degrees in all. A full turn comes back to where it began, so that it can be repeated without
        a jerk; a smaller one swings there and back, which is enough to see depth.

    Yields
    ------
    (height, width, 3) uint8 ndarray

    Raises
    ------
    ValueError
        If there are less than two frames, or the turn is 0 or above 360 degrees.

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> network = DislocationNetwork([[0, 0, 0], [30, 0, 40]], [0, 0], units="nm")
    >>> frames = turntable_frames(network.plot().scene, 2, size=(160, 120))
    >>> [frame.shape for frame in frames]
    [(120, 160, 3), (120, 160, 3)]
    """
    if not (isinstance(n_frames, int | np.integer) and n_frames >= 2):
        raise ValueError(f"n_frames={n_frames!r}: give a whole number of frames, 2 or more.")
    if not 0 < abs(turn) <= 360:
        raise ValueError(f"turn={turn!r}: give degrees above 0 and up to 360.")
    phase = np.arange(n_frames) / n_frames
    angles = phase * turn if abs(turn) == 360 else 0.5 * turn * np.sin(2 * np.pi * phase)
    # the colour bar takes some of the width
    target, distance = _stand(scene, 0.86 * size[0] / size[1])
    for angle in angles:
        azimuth = scene.camera.azimuth + float(angle)
        camera = _Tripod(azimuth, scene.camera.elevation, scene.camera.fov, target, distance)
        figure = figure_of(replace(scene, camera=camera), (size[0] / DPI, size[1] / DPI), DPI)
        figure.canvas.draw()
        yield np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


@dataclass(frozen=True)
class _Tripod(Camera):
    """A camera that keeps its distance: fitted anew for each frame the scene would pulsate."""

    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    distance: float = 1.0

    def fit(self, points: ArrayLike, aspect: float) -> tuple[np.ndarray, float]:
        """Return where it stands, whatever the points."""
        return np.array(self.target), self.distance


def _stand(scene: Scene, aspect: float) -> tuple[tuple[float, float, float], float]:
    """Target on the axis of the turn and distance from which all frames hold the scene."""
    points = to_y_up(scene.extent)
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    angle = np.deg2rad(np.arange(0, 360, 15))[:, None]
    x, z = (points - middle)[:, 0], (points - middle)[:, 2]
    swept = np.stack(
        [
            x * np.cos(angle) + z * np.sin(angle),
            np.broadcast_to(points[:, 1] - middle[1], (len(angle), len(x))),
            z * np.cos(angle) - x * np.sin(angle),
        ],
        axis=-1,
    ).reshape(-1, 3)
    target, distance = scene.camera.fit(from_y_up(swept), aspect)
    return tuple(float(v) for v in target + middle), distance


def save_turntable(
    scene: Scene,
    path: str | Path,
    n_frames: int = 72,
    size: tuple[int, int] = (760, 520),
    turn: float = 360.0,
    seconds: float = 6.0,
    show_progressbar: bool = True,
) -> Path:
    """Write a turning scene.

    Parameters
    ----------
    scene : Scene
        What to show.
    path : str or Path
        A ``.gif`` file, which repeats for ever; or a folder, made if needed, that receives
        ``frame_000.png``, ``frame_001.png``, ... for a film by another program.
    n_frames, size, turn
        As of `turntable_frames`.
    seconds : float, default 6
        For all frames.
    show_progressbar : bool, default True
        A frame takes some tenths of a second.

    Returns
    -------
    Path
        Of the file or folder.

    Raises
    ------
    ValueError
        If the path is a file of another kind, or a number is out of range.
    """
    from PIL import Image
    from tqdm.auto import tqdm

    path = Path(path)
    if path.suffix.lower() not in ("", ".gif"):
        raise ValueError(
            f"a turning scene is written as a .gif file or as pictures into a folder; got "
            f"{path.name!r}. Programs such as ffmpeg make films of the pictures."
        )
    if not seconds > 0:
        raise ValueError(f"seconds={seconds!r}: give a time above 0.")
    frames = tqdm(
        turntable_frames(scene, n_frames, size, turn),
        total=n_frames,
        desc="turntable",
        disable=not show_progressbar,
    )
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(path / f"frame_{number:03d}.png")
        return path
    pictures = [Image.fromarray(frame) for frame in frames]
    # One palette for all: one of its own in each frame makes the ground flicker.
    palette = pictures[0].quantize(COLOURS)
    pictures = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    each = max(round(1000 * seconds / n_frames), 20)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=each, loop=0)
    return path
