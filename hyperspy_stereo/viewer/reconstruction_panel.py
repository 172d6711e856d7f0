"""The steps from a pair to lines as a panel of widgets."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.results.burgers_candidates import SEVERAL
from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.crystal_page import (
    FIELDS,
    crystal_hint,
    crystal_knobs,
    crystal_output,
    read_crystal,
)
from hyperspy_stereo.viewer.reconstruction_pictures import (
    aligned_figure,
    detected_figure,
    matched_figure,
)
from hyperspy_stereo.viewer.reconstruction_steps import STEPS, ReconstructionSteps

if TYPE_CHECKING:
    from hyperspy_stereo.results import DislocationNetwork
    from hyperspy_stereo.signals.stereo_pair import StereoPair

__all__ = ["ReconstructionPanel"]

TITLES = {"align": "1 Align", "detect": "2 Detect", "match": "3 Match", "view": "4 Lines in 3D"}
TITLES["crystal"] = "5 Crystal"
BUSY = {
    "align": "registering the views",
    "detect": "looking for lines in every view",
    "match": "matching the lines of the views",
    "view": "drawing the lines",
    "crystal": "fitting directions and planes",
}
# The knobs of each step; "low" and "high" are the ends of the range of disparities.
PAGES = {
    "align": ("align", "tilt_axis"),
    "detect": ("method", "augment", "polarity", "sensitivity"),
    "match": ("threshold", "low", "high", "min_confidence", "min_length", "refine"),
    "view": ("foil_thickness",),
    "crystal": FIELDS,
}
WIDE = {"width": "272px"}
STYLE = {"description_width": "132px"}
# px, so that figure, colour bar and knobs fit beside each other in a notebook.
SCENE = (640, 470)


class ReconstructionPanel:
    """Align, detect, match, 3D: buttons, knobs, pictures, and the same as code.

    Made by ``pair.gui()``. A step that is asked for runs those before it where they have to run.

    Parameters
    ----------
    pair : StereoPair
        Where it starts.
    **knobs
        Attributes of :class:`~hyperspy_stereo.viewer.knobs.Knobs`.

    Attributes
    ----------
    steps : ReconstructionSteps
        Everything that is not a widget.
    """

    def __init__(self, pair: StereoPair, **knobs: Any) -> None:
        self.steps = ReconstructionSteps(pair, **knobs)
        self._pictures: dict[str, bytes] = {}
        self._controls: dict[str, Any] = {}
        self._widget: Any = None

    @property
    def network(self) -> DislocationNetwork:
        """The lines in 3D; the steps run if they have to."""
        return self.steps.network

    @property
    def code(self) -> str:
        """Python that does the same to a pair named ``pair``."""
        return self.steps.code

    @property
    def widget(self) -> Any:
        """The panel; made when it is first asked for."""
        if self._widget is None:
            self._widget = self._assemble()
        return self._widget

    @property
    def controls(self) -> dict[str, Any]:
        """The widgets by name: the knobs, "run align" ... "run crystal" and "run all"."""
        _ = self.widget
        return self._controls

    def run(self, *steps: str) -> ReconstructionPanel:
        """Run steps and show their pictures, as the buttons do.

        Parameters
        ----------
        *steps : {"align", "detect", "match", "view", "crystal"}
            All by default, "crystal" if one is set. What fails is said in the panel.

        Returns
        -------
        ReconstructionPanel
            This one.
        """
        _ = self.widget
        wanted = steps or self.steps.active
        last = max(list(STEPS).index(step) for step in wanted)
        needed = list(STEPS)[: last + 1]
        for number, step in enumerate(needed):
            if self.steps.result(step) is not None and step in self._pictures:
                continue
            self._say(f"{BUSY[step]} …", number / len(needed))
            try:
                self.steps.run(step)
                self._show(step)
            except (ValueError, TypeError, OSError, RuntimeError) as error:
                # Raised in a callback, it would be seen by nobody.
                self._say(f"{TITLES[step]}: {error}", number / len(needed), failed=True)
                return self
        self._tabs.selected_index = last
        self._say("", 1.0)
        return self

    # -- pictures --------------------------------------------------------------------------------

    def _show(self, step: str) -> None:
        result = self.steps.result(step)
        if step == "view":
            self._show_view(result)
            return
        if step == "crystal":
            import ipywidgets as widgets

            output, self._pictures[step] = crystal_output(widgets, result)
            self._outputs[step].children = (output,)
            # With the crystal's axes and candidates; all grey would say nothing.
            told = len(set(result.burgers_candidates().candidate) - {"", SEVERAL}) > 0
            self._show_view(result, "burgers" if told else None)
            return
        buffer = io.BytesIO()
        self._figure(step, result).savefig(buffer, format="png")
        self._pictures[step] = buffer.getvalue()
        import ipywidgets as widgets

        picture = widgets.Image(value=self._pictures[step], format="png")
        self._outputs[step].children = (picture,)

    def _show_view(self, lines: Any, colour: str | None = None) -> None:
        """The lines in 3D, with the views on the foil."""
        colour = colour or self.steps.knobs.colour
        view = lines.plot(colour=colour, size=SCENE, images=self.steps.result("align"))
        self._pictures["view"] = view._picture()
        self._outputs["view"].children = (view.widget,)

    def _figure(self, step: str, result: Any) -> Any:
        if step == "align":
            views = np.asarray(result._shown(np.asarray(result._views_array())))
            return aligned_figure(views, *result._image_axes())
        maps = self.steps.result("detect")
        views = np.asarray(maps._shown(maps.attached("images")))
        if step == "match":
            return matched_figure(result, views[0])
        level = float(maps.metadata.Stereo.Detection.threshold)
        line = np.asarray(maps._views_array())
        return detected_figure(views, line, maps.attached("boundary"), level, maps._image_axes())

    # -- widgets ---------------------------------------------------------------------------------

    def _assemble(self) -> Any:
        import ipywidgets as widgets

        self._make_knobs(widgets)
        self._outputs: dict[str, Any] = {}
        pages = [self._page(widgets, step, names) for step, names in PAGES.items()]
        self._tabs = widgets.Tab(children=pages, titles=list(TITLES.values()))
        look = {"button_style": "success", "layout": {"width": "120px"}}
        everything = widgets.Button(description="Run all", icon="forward", **look)
        everything.on_click(lambda _: self.run())
        self._bar = widgets.FloatProgress(min=0, max=1, layout={"width": "220px"})
        self._status = widgets.HTML()
        self._code = widgets.Textarea(value=self.code, rows=9, layout={"width": "760px"})
        copied = widgets.Accordion([self._code], titles=["Copy as code"], selected_index=0)
        for control in self._controls.values():
            if not isinstance(control, widgets.Button):
                control.observe(self._turned, "value")
        self._controls["run all"] = everything
        top = widgets.HBox([everything, self._bar, self._status])
        return widgets.VBox([top, self._tabs, copied], layout={"max_width": "1180px"})

    def _page(self, widgets: Any, step: str, names: tuple[str, ...]) -> Any:
        """One step: its knobs and its button, and beside them its picture."""
        button = widgets.Button(
            description=TITLES[step].split(" ", 1)[1],
            icon="play",
            button_style="primary",
            layout=WIDE,
            tooltip="Run this step, and those before it where they have to run",
        )
        button.on_click(lambda _: self.run(step))
        self._controls[f"run {step}"] = button
        hint = widgets.HTML("<i>not run yet</i>")
        self._outputs[step] = widgets.VBox([hint], layout={"min_height": "240px"})
        knobs = [self._controls[name] for name in names]
        if step == "crystal":
            self._hint = widgets.HTML(layout=WIDE)
            self._say_crystal()
            knobs.append(self._hint)
        left = widgets.VBox([*knobs, button], layout={"flex": "0 0 290px"})
        return widgets.HBox([left, self._outputs[step]])

    def _make_knobs(self, widgets: Any) -> None:
        knobs = self.steps.knobs
        units = self.steps._pair._image_axes()[1]

        def text(name: str, label: str, value: Any) -> None:
            """A number, or nothing for the default."""
            self._controls[name] = widgets.Text(
                value="" if value is None else f"{value:g}", description=label, style=STYLE,
                placeholder="automatic", layout=WIDE, continuous_update=False,
            )  # fmt: skip

        def add(name: str, kind: Any, label: str, value: Any, **more: Any) -> None:
            self._controls[name] = kind(
                value=value, description=label, style=STYLE, layout=WIDE, **more
            )

        add("align", widgets.Checkbox, "register", knobs.align, disabled=not self.steps.can_align)
        text("tilt_axis", "tilt axis (°)", knobs.tilt_axis)
        add("method", widgets.Dropdown, "method", knobs.method, options=["unet", "ridge"])
        add("augment", widgets.Checkbox, "look several times", knobs.augment)
        polarity = ["dark", "bright"]
        add("polarity", widgets.Dropdown, "lines are", knobs.polarity, options=polarity)
        add("sensitivity", widgets.FloatSlider, "sensitivity", knobs.sensitivity, min=0.3, max=3.0)
        text("threshold", "threshold", knobs.threshold)
        low, high = knobs.disparity_range or (None, None)
        text("low", "disparity from (px)", low)
        text("high", "to (px)", high)
        reach = {"min": 0.0, "max": 1.0, "step": 0.05}
        slider = widgets.FloatSlider
        add("min_confidence", slider, "confidence above", knobs.min_confidence, **reach)
        text("min_length", f"length above ({units})", knobs.min_length)
        ways = [("automatic", "auto"), ("fit to all views", "joint"), ("as matched", None)]
        add("refine", widgets.Dropdown, "depths", knobs.refine, options=ways)
        text("foil_thickness", f"thickness ({units})", knobs.foil_thickness)
        self._controls |= crystal_knobs(widgets, knobs, WIDE, STYLE)
        self._enable()

    def _enable(self) -> None:
        """Knobs of the other method cannot be turned."""
        network = self._controls["method"].value == "unet"
        self._controls["augment"].disabled = not network
        for name in ("polarity", "sensitivity"):
            self._controls[name].disabled = network

    def _turned(self, _: dict) -> None:
        """Read all knobs; the code follows."""
        try:
            self.steps.set(**self._read())
        except (TypeError, ValueError) as error:
            self._say(str(error), self._bar.value, failed=True)
            self._say_crystal(self._wrong_crystal())
            return
        self._say_crystal()
        for step in STEPS:
            if self.steps.result(step) is None:
                self._pictures.pop(step, None)
        self._enable()
        self._code.value = self.code
        self._say("", self._progress())

    def _say_crystal(self, problem: str = "") -> None:
        text = crystal_hint(self.steps.knobs, problem)
        self._hint.value = f'<div style="line-height:1.35">{text}</div>'

    def _wrong_crystal(self) -> str:
        """What is wrong with the fields of the crystal; empty if it is another knob."""
        from hyperspy_stereo.viewer.knobs import Knobs

        try:
            Knobs(**read_crystal(self._controls))
        except (TypeError, ValueError) as error:
            return str(error)
        return ""

    def _read(self) -> dict[str, Any]:
        values = {
            name: control.value
            for name, control in self._controls.items()
            if not name.startswith("run ") and name not in FIELDS
        }
        values |= read_crystal(self._controls)
        for name in ("tilt_axis", "threshold", "low", "high", "min_length", "foil_thickness"):
            values[name] = _number(values[name], self._controls[name].description)
        both = values.pop("low"), values.pop("high")
        if (both[0] is None) != (both[1] is None):
            # The other end is still being typed.
            both = (None, None)
        values["disparity_range"] = None if both[0] is None else both
        return values

    def _progress(self) -> float:
        active = self.steps.active
        return sum(self.steps.result(step) is not None for step in active) / len(active)

    def _say(self, text: str, share: float, failed: bool = False) -> None:
        """Put a message, the summaries and the warnings beside the progress bar."""
        self._bar.value = share
        if text:
            look = f"color:{OKABE_ITO['vermilion']}" if failed else "font-style:italic"
            self._status.value = f'<span style="{look}">{escape(text)}</span>'
            return
        lines = []
        for step in STEPS:
            summary = self.steps.summary(step)
            if summary:
                lines.append(f"<b>{TITLES[step]}</b>: {escape(summary)}")
                lines += [f"&#9888; {escape(w)}" for w in self.steps.warned.get(step, [])]
        text = "<br>".join(lines)
        self._status.value = f'<div style="line-height:1.35;margin-left:8px">{text}</div>'

    # -- static viewers --------------------------------------------------------------------------

    def mimebundle(self) -> dict[str, Any]:
        """Widgets, and the picture of the last step for viewers without them."""
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if self._pictures:
            last = [step for step in STEPS if step in self._pictures][-1]
            bundle["image/png"] = base64.b64encode(self._pictures[last]).decode("ascii")
        widget = self.widget._repr_mimebundle_()
        widget = widget[0] if isinstance(widget, tuple) else widget
        view = "application/vnd.jupyter.widget-view+json"
        if view in widget:
            bundle[view] = widget[view]
        return bundle

    def show(self) -> None:
        """Display the panel in a notebook."""
        from IPython.display import display

        display(self.mimebundle(), raw=True)

    def __repr__(self) -> str:
        done = [step for step in STEPS if self.steps.result(step) is not None]
        return f"<ReconstructionPanel: {', '.join(done) if done else 'nothing'} done>"


def _number(text: str, name: str) -> float | None:
    """A typed number; None where nothing was typed."""
    if not text.strip():
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(
            f"{name}: {text!r} is no number; leave it empty for the default."
        ) from None


def panel_widget(obj: StereoPair, display: bool = True, **knobs: Any) -> dict[str, Any]:
    """What HyperSpy calls for the tool key ``hyperspy_stereo.StereoPair``.

    Parameters
    ----------
    obj : StereoPair
        Whose panel it is.
    display : bool
        Show it.
    **knobs
        See :class:`ReconstructionPanel`.

    Returns
    -------
    dict
        "widget" and "wdict", as HyperSpy's own widgets; and "panel".
    """
    panel = ReconstructionPanel(obj, **knobs)
    if display:
        panel.show()
    return {"widget": panel.widget, "wdict": panel.controls, "panel": panel}
