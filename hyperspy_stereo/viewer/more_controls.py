"""Controls of a 3D view that are needed now and then: images, measuring, reprojection check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperspy_stereo.viewer.ruler import ruler_controls

if TYPE_CHECKING:
    from hyperspy_stereo.viewer.view3d import View3D

__all__ = ["MoreControls", "more_controls"]

FEW = 6  # views that have a button each
CHOICES = [("none", "none"), ("lower", "low"), ("upper", "high"), ("both", "both")]


@dataclass(frozen=True)
class MoreControls:
    """A row above the figure, and what opens below it."""

    row: Any
    below: list


def more_controls(view: View3D, checks: Mapping[str, Callable[[], bytes]]) -> MoreControls | None:
    """Make the second row of a view's controls.

    Parameters
    ----------
    view : View3D
        What they act on.
    checks : mapping of str to callable
        Pictures of the reprojection check by the name of the view.

    Returns
    -------
    MoreControls or None
        None if there is nothing to control.
    """
    import ipywidgets as widgets

    row: list[Any] = []
    below: list[Any] = []
    if view.scene.pictures:
        faces = widgets.Dropdown(
            options=CHOICES, value=view.scene.faces, description="Images", layout={"width": "190px"}
        )
        faces.observe(lambda change: view.show_images(change["new"]), "value")
        row.append(faces)
    if view.scene.lines is not None and len(view.scene.lines.points):
        toggle = widgets.ToggleButton(
            description="Measure", icon="arrows-h", layout={"width": "120px"}
        )
        ruler, turned = ruler_controls(view.scene, view.measure)
        ruler.layout.display = "none"

        def opened(change: dict) -> None:
            ruler.layout.display = "" if change["new"] else "none"
            if change["new"]:
                turned()
            else:
                view.clear_measurement()

        toggle.observe(opened, "value")
        row.append(toggle)
        below.append(ruler)
    if checks:
        toggle, picture = _check(widgets, checks)
        row += [toggle]
        below.append(picture)
    return MoreControls(widgets.HBox(row), below) if row else None


def _check(widgets: Any, checks: Mapping[str, Callable[[], bytes]]) -> tuple[Any, Any]:
    """The network over a view, drawn when it is first asked for."""
    toggle = widgets.ToggleButton(
        description="Check", icon="check", layout={"width": "110px"},
        tooltip="The lines drawn over the views that they were found in",
    )  # fmt: skip
    if len(checks) <= FEW:
        names = widgets.ToggleButtons(options=list(checks), style={"button_width": "80px"})
    else:
        names = widgets.Dropdown(options=list(checks), layout={"width": "140px"})
    picture = widgets.Image(format="png", layout={"align_self": "flex-start"})
    box = widgets.VBox([names, picture], layout={"display": "none"})

    def draw(_: Any = None) -> None:
        picture.value = checks[names.value]()

    def opened(change: dict) -> None:
        box.layout.display = "" if change["new"] else "none"
        if change["new"]:
            draw()

    toggle.observe(opened, "value")
    names.observe(draw, "value")
    return toggle, box
