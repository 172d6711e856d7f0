"""Two points on lines, and what lies between them: the numbers, and the controls to choose them."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from hyperspy_stereo.results.measuring import Measurement, measure_points
from hyperspy_stereo.viewer.camera import from_y_up
from hyperspy_stereo.viewer.scene import Label, Lines, Scene, Segment

__all__ = ["RULER", "measured", "point_on_line", "ruler_controls", "with_ruler"]

RULER = "#C8006E"  # in none of the colour maps


def point_on_line(lines: Lines, line: int, share: float) -> int:
    """Number of the point of a line that is nearest to a share of its length.

    Parameters
    ----------
    lines : Lines
        Of a scene.
    line : int
        Number of the line.
    share : float
        0 at its start, 1 at its end.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such line, or the share is not within 0..1.
    """
    chosen = np.flatnonzero(lines.line_index == line)
    if len(chosen) == 0:
        count = int(lines.line_index.max()) + 1 if len(lines.line_index) else 0
        raise ValueError(f"There are {count} lines, numbered from 0; {line!r} was given.")
    if not 0 <= share <= 1:
        raise ValueError(
            f"A place on a line is a share of its length from 0 to 1; {share!r} was given."
        )
    steps = np.linalg.norm(np.diff(lines.points[chosen], axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    return int(chosen[np.argmin(np.abs(along - share * along[-1]))])


def measured(scene: Scene, start: tuple[int, float], end: tuple[int, float]) -> Measurement:
    """Measure between two places on lines, each (number of the line, share of its length).

    Raises
    ------
    ValueError
        If the scene has no lines, or a place is none.
    """
    if scene.lines is None or len(scene.lines.points) == 0:
        raise ValueError("There are no lines to measure between.")
    numbers = [point_on_line(scene.lines, *place) for place in (start, end)]
    points = scene.lines.points[numbers]
    sigma = np.zeros((2, 3)) if scene.lines.sigma is None else scene.lines.sigma[numbers]
    return measure_points(*points, *sigma, units=scene.units)


def with_ruler(scene: Scene, measurement: Measurement | None) -> Scene:
    """The scene with a bar between the points and its length, for a picture."""
    from dataclasses import replace

    if measurement is None:
        return scene
    m = measurement
    text = f"{m.distance:.3g} {m.units}"
    size = float(np.ptp(scene.foil.vertices, axis=0).max())
    above = (m.start + m.end) / 2 + 0.045 * size * from_y_up(scene.camera.axes()[1])
    bar = Segment(m.start, m.end, RULER, 3.0)
    return replace(
        scene, bars=(*scene.bars, bar), labels=(*scene.labels, Label(above, text, RULER))
    )


def ruler_controls(
    scene: Scene, follow: Callable[[tuple[int, float], tuple[int, float]], Measurement]
) -> tuple[Any, Callable[[], None]]:
    """Sliders for two places, and what is measured between them.

    Parameters
    ----------
    scene : Scene
        With lines.
    follow : callable
        Is given both places when one changes; returns the measurement.

    Returns
    -------
    box : ipywidgets.HBox
        The sliders, and beside them what is measured.
    turned : callable
        Measures what the sliders say now.
    """
    import ipywidgets as widgets

    last = int(scene.lines.line_index[-1])
    said = widgets.HTML()
    rows, sliders = [], []
    for name, line, share in (("A", 0, 0.0), ("B", 0, 1.0)):
        number = widgets.BoundedIntText(
            value=line, min=0, max=last, description=f"{name}: line", layout={"width": "150px"}
        )
        place = widgets.FloatSlider(
            value=share, min=0, max=1, step=0.005, readout=False, description="along it",
            layout={"width": "330px"}, continuous_update=True,
        )  # fmt: skip
        sliders += [number, place]
        rows.append(widgets.HBox([number, place]))

    def turned(_: Any = None) -> None:
        a, b = ((sliders[i].value, sliders[i + 1].value) for i in (0, 2))
        said.value = _table(follow(a, b))

    for slider in sliders:
        slider.observe(turned, "value")
    return widgets.HBox([widgets.VBox(rows), said]), turned


def _table(m: Measurement) -> str:
    from hyperspy_stereo.results.measuring import with_error

    u = escape(m.units)
    rows = (
        ("distance", f"{with_error(m.distance, m.distance_error)} {u}"),
        ("depth difference", f"{with_error(m.depth, m.depth_error)} {u}"),
        ("in the plane", f"{with_error(m.in_plane, m.in_plane_error)} {u}"),
        ("inclination", f"{with_error(m.inclination, m.inclination_error)}°"),
    )
    cells = "".join(
        f'<tr><td style="padding-right:12px">{name}</td><td><b>{value}</b></td></tr>'
        for name, value in rows
    )
    return f'<table style="line-height:1.35;margin-left:12px">{cells}</table>'
