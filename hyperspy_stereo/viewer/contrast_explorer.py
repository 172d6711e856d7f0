"""Sliders for a dislocation, and the images that follow them."""

from __future__ import annotations

import base64
import io
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from hyperspy_stereo.viewer.contrast_case import KINDS, LOOP_RADIUS, CaseImages, ContrastCase
from hyperspy_stereo.viewer.overlay import scale_bar

__all__ = ["ContrastExplorer"]

DPI = 96
SIZE = (10.2, 6.0)
FOIL = "#dfe3ea"
LINE = "#D55E00"
G = "#0072B2"
# Contrast weaker than this share of the background shall look weak.
LEAST_RANGE = 0.3
ENTRANCE = 1 - 0.12 / 1.28
PANELS = ("bright", "dark", "left", "right")


class ContrastExplorer:
    """A dislocation under the student's hands: type, depth, inclination, g and s.

    Shows bright field, dark field, a section of the foil, a stereo pair and its anaglyph, which
    follow the sliders. Without a running kernel the picture of the last state is shown.

    Parameters
    ----------
    case : ContrastCase, optional
        What to start with.
    **settings
        Attributes of :class:`~hyperspy_stereo.viewer.contrast_case.ContrastCase`, such as
        ``kind="loop"`` or ``w=1.0``.

    Attributes
    ----------
    case : ContrastCase
        What is shown.
    images : CaseImages
        Of it.
    figure : matplotlib.figure.Figure
        Not registered with pyplot.

    Examples
    --------
    >>> explorer = ContrastExplorer(kind="screw", azimuth=90.0, shape=(24, 32))
    >>> explorer.set(g_azimuth=0.0).case.g_dot_b  # g across the line: out of contrast
    0.0
    """

    def __init__(self, case: ContrastCase | None = None, **settings: Any) -> None:
        self.case = replace(case or ContrastCase(), **settings)
        self.images: CaseImages = self.case.images()
        self._widget: Any = None
        self._picture: Any = None
        self._controls: dict[str, Any] = {}
        self._following = True
        self._draw()
        self._refresh()

    def set(self, **settings: Any) -> ContrastExplorer:
        """Change some of the settings, and the images and sliders with them.

        A slider that does not reach as far as the setting is made longer.

        Parameters
        ----------
        **settings
            Attributes of :class:`~hyperspy_stereo.viewer.contrast_case.ContrastCase`; not the
            shape of the images.

        Returns
        -------
        ContrastExplorer
            This one.

        Raises
        ------
        TypeError, ValueError
            If there is no such setting, or it cannot have that value.
        """
        case = replace(self.case, **settings)
        if case.shape != self.case.shape or case.pixel_size != self.case.pixel_size:
            raise ValueError("The grid of the images is fixed: make a new ContrastExplorer.")
        self.images = case.images()
        self.case = case
        self._refresh()
        self._following = False
        try:
            for name, control in self._controls.items():
                _show(control, getattr(case, name))
        finally:
            self._following = True
        return self

    @property
    def widget(self) -> Any:
        """Sliders and figure."""
        if self._widget is None:
            self._widget = self._assemble()
        return self._widget

    def _draw(self) -> None:
        """Make all artists once; later only their data change."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        case, self._artists = self.case, {}
        names = {
            "bright": "bright field",
            "dark": "dark field",
            "section": "foil in section, along the line",
            "left": "left view",
            "right": "right view",
            "anaglyph": "anaglyph, red–cyan",
        }
        for number, (name, title) in enumerate(names.items()):
            row, column = divmod(number, 3)
            ax = self.figure.add_axes(
                (0.008 + column * 0.331, 0.5 - 0.485 * row + 0.005, 0.322, 0.415)
            )
            ax.set_title(title, fontsize=10, pad=4)
            if name == "section":
                self._draw_section(ax)
                continue
            ax.set_axis_off()
            picture = np.zeros((*case.shape, 3)) if name == "anaglyph" else np.zeros(case.shape)
            self._artists[name] = ax.imshow(
                picture, cmap="gray", vmin=0, vmax=1, interpolation="bicubic"
            )
            scale_bar(ax, case.shape, case.pixel_size, "nm")
            if name == "bright":
                self._draw_g(ax)
        self._artists["text"] = self.figure.text(
            0.5, 0.972, "", ha="center", va="center", fontsize=11
        )

    def _draw_g(self, ax: Any) -> None:
        """An arrow in the upper left corner that shows the direction of g."""
        self._artists["g"] = ax.annotate(
            "", (0, 0), (0, 0), arrowprops={"arrowstyle": "-|>", "color": G, "lw": 2}
        )
        self._artists["g name"] = ax.text(
            0, 0, "g", color=G, fontsize=12, fontweight="bold", ha="center", va="center"
        )

    def _draw_section(self, ax: Any) -> None:
        from matplotlib.patches import Rectangle

        half = self.case.shape[1] * self.case.pixel_size / 2
        ax.set_axis_off()
        self._artists["foil"] = ax.add_patch(
            Rectangle((-half, 0), 2 * half, 1, facecolor=FOIL, edgecolor="#3c4658", lw=0.8)
        )
        self._artists["focus"] = ax.plot([-half, half], [0, 0], "--", color="0.55", lw=0.8)[0]
        self._artists["line"] = ax.plot([], [], color=LINE, lw=2.5)[0]
        self._artists["middle"] = ax.plot([], [], "o", color=LINE, ms=6)[0]
        # The limits follow the thickness, so that the entrance face stays at this height.
        beam = {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
        for x in (0.06, 0.12):
            ax.annotate("", (x, ENTRANCE), (x, 1.0), xycoords="axes fraction", arrowprops=beam)
        ax.text(0.15, 0.96, "beam", transform=ax.transAxes, fontsize=9, va="center")
        self._artists["note"] = ax.text(0, 0, "", ha="center", va="top", fontsize=9)
        self._section = ax

    def _refresh(self) -> None:
        """Put the present case into the artists."""
        grey = {}
        for name, level in zip(PANELS, self.images.background, strict=True):
            image = getattr(self.images, name)
            reach = max(LEAST_RANGE * level, float(np.percentile(np.abs(image - level), 99.5)))
            grey[name] = np.clip((image - level) / (2 * reach) + 0.5, 0, 1)
            self._artists[name].set_data(grey[name])
        self._artists["anaglyph"].set_data(
            np.stack([grey["left"], grey["right"], grey["right"]], axis=-1)
        )
        self._refresh_section()
        self._refresh_g()
        self._artists["text"].set_text(_numbers(self.case))
        if self._picture is not None:
            self._picture.value = self._png()

    def _refresh_g(self) -> None:
        case = self.case
        rows, columns = case.shape
        a, size = np.deg2rad(case.g_azimuth), 0.1 * columns
        direction = np.array([np.cos(a), np.sin(a)])
        middle = np.array([0.13 * columns, 0.18 * rows])
        arrow = self._artists["g"]
        arrow.xy, arrow.xyann = middle + size / 2 * direction, middle - size / 2 * direction
        arrow.set_position(middle - size / 2 * direction)
        self._artists["g name"].set_position(
            middle
            + 0.06 * columns * np.array([-direction[1], direction[0]]) * np.sign(direction[1] or 1)
        )

    def _refresh_section(self) -> None:
        case, ax, artists = self.case, self._section, self._artists
        half, t = case.shape[1] * case.pixel_size / 2, case.thickness
        artists["foil"].set_height(t)
        artists["focus"].set_ydata([t / 2, t / 2])
        i, depth = np.deg2rad(case.inclination), case.depth * t
        if case.kind == "loop":
            along = LOOP_RADIUS * np.cos(i) * np.array([-1, 1])
            z = depth + LOOP_RADIUS * np.sin(i) * np.array([-1, 1])
        else:
            along = np.linspace(-half, half, 400)
            z = depth + np.tan(i) * along
        inside = (z >= 0) & (z <= t) if case.kind != "loop" else np.ones(2, bool)
        artists["line"].set_data(along[inside], z[inside])
        artists["middle"].set_data([0], [depth])
        artists["note"].set_text(f"z = {depth:.0f} nm in a foil of {t:.0f} nm; dashed: in focus")
        artists["note"].set_position((0, 1.03 * t))
        ax.set_xlim(-1.03 * half, 1.03 * half)
        ax.set_ylim(1.16 * t, -0.12 * t)

    def _assemble(self) -> Any:
        import ipywidgets as widgets

        # A picture and no interactive canvas: importing ipympl would take over the user's backend.
        self._picture = widgets.Image(value=self._png(), format="png")
        self._controls = self._sliders(widgets)
        for name, control in self._controls.items():
            control.observe(self._on_change(name), "value")
        return widgets.VBox([_columns(widgets, list(self._controls.values())), self._picture])

    def _sliders(self, widgets: Any) -> dict[str, Any]:
        case = self.case
        look = {
            "style": {"description_width": "112px"},
            # As wide as its column, which is a third of the cell.
            "layout": {"width": "auto", "margin": "1px 2px"},
        }

        def slider(name: str, text: str, low: float, high: float, step: float, form: str) -> Any:
            control = widgets.FloatSlider(
                value=low, min=low, max=high, step=step, description=text, readout_format=form,
                **look,
            )  # fmt: skip
            _show(control, getattr(case, name))
            return control

        kind = widgets.Dropdown(options=KINDS, value=case.kind, description="dislocation", **look)
        reverse = widgets.Checkbox(value=case.reverse, description="reverse b", indent=True, **look)
        return {
            "kind": kind,
            "depth": slider("depth", "depth / t", 0, 1, 0.02, ".2f"),
            "inclination": slider("inclination", "inclination (°)", -80, 80, 1, ".0f"),
            "azimuth": slider("azimuth", "line azimuth (°)", 0, 180, 1, ".0f"),
            "g_azimuth": slider("g_azimuth", "g azimuth (°)", 0, 180, 1, ".0f"),
            "w": slider("w", "w = s ξg", -3, 3, 0.1, "+.1f"),
            "thickness": slider("thickness", "thickness (nm)", 50, 300, 5, ".0f"),
            "stereo_angle": slider("stereo_angle", "stereo angle (°)", 0, 10, 0.5, ".1f"),
            "reverse": reverse,
        }

    def _on_change(self, name: str) -> Any:
        def follow(change: dict) -> None:
            if self._following:
                self.case = replace(self.case, **{name: change["new"]})
                self.images = self.case.images()
                self._refresh()

        return follow

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        picture = base64.b64encode(self._png(9)).decode("ascii")
        bundle: dict[str, Any] = {"image/png": picture, "text/plain": repr(self)}
        widget = self.widget._repr_mimebundle_()
        widget = widget[0] if isinstance(widget, tuple) else widget
        view = "application/vnd.jupyter.widget-view+json"
        if view in widget:
            bundle[view] = widget[view]
        return bundle

    def _png(self, compress_level: int = 1) -> bytes:
        """The figure as it is now; packed fast rather than small for what follows a slider."""
        buffer, options = io.BytesIO(), {"compress_level": compress_level}
        self.figure.savefig(buffer, format="png", dpi=DPI, pil_kwargs=options)
        return buffer.getvalue()

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in list(asdict(self.case).items())[:8])
        return f"<ContrastExplorer: {settings}>"


def _show(control: Any, value: Any) -> None:
    """Put a value into a control; a slider that does not reach it is made longer."""
    if hasattr(control, "max"):
        # Otherwise it would stop at its end, beside a picture of something else.
        control.min, control.max = min(control.min, value), max(control.max, value)
    control.value = value


def _numbers(case: ContrastCase) -> str:
    """The line of numbers over the images."""
    parts = [f"g·b = {case.g_dot_b:.2f}"]
    if case.kind != "loop":
        parts.append(f"g·(b × u) = {case.g_dot_b_cross_u:.2f}")
    parts.append(f"s = {case.beam.s:+.3f} nm$^{{-1}}$ (w = {case.w:+.1f})")
    parts.append(f"disparity of the middle {case.disparity:+.1f} nm")
    return "      ".join(parts)


def _columns(widgets: Any, controls: list[Any]) -> Any:
    """Three columns of controls."""
    third = -(-len(controls) // 3)
    parts = [controls[i : i + third] for i in range(0, len(controls), third)]
    layout = {"width": "33%", "overflow": "hidden"}
    columns = [widgets.VBox(part, layout=layout) for part in parts]
    return widgets.HBox(columns, layout={"max_width": "980px"})
