"""An interactive figure with its controls, a picture for static viewers, and files."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperspy_stereo.viewer.ipyvolume_view import IpyvolumeFigure
from hyperspy_stereo.viewer.matplotlib_view import colour_bar, figure_of, legend_of
from hyperspy_stereo.viewer.more_controls import more_controls
from hyperspy_stereo.viewer.ruler import RULER, measured, with_ruler
from hyperspy_stereo.viewer.scene import FACES, Scene, Segment

if TYPE_CHECKING:
    import ipywidgets

    from hyperspy_stereo.results.measuring import Measurement

__all__ = ["View3D", "scene_png"]

SMALLEST = 40  # px of a picture's side


def scene_png(scene: Scene, size: tuple[int, int] = (960, 600), scale: float = 1.0) -> bytes:
    """A scene as a PNG file's bytes, drawn by matplotlib.

    Parameters
    ----------
    scene : Scene
        What to draw.
    size : (int, int)
        Width and height, px.
    scale : float
        Factor on the number of pixels, at the same size of text and lines.

    Returns
    -------
    bytes
        PNG.
    """
    dpi = 100.0
    figure = figure_of(scene, (size[0] / dpi, size[1] / dpi), dpi * scale)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi * scale)
    return buffer.getvalue()


class View3D:
    """A scene in a notebook: turn it with the mouse, choose colours, look at a section.

    The representation holds both the widgets and a picture, so that a notebook that is only
    read (on a web page, after a restart) shows the picture.

    Parameters
    ----------
    scene : Scene
        What to show.
    size : (int, int)
        Width and height of the figure, px.
    checks : mapping of str to callable, optional
        Pictures (PNG bytes) to be shown below the figure when they are asked for, by name: the
        network over each view.

    Attributes
    ----------
    measurement : Measurement or None
        What was measured last.

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> network = DislocationNetwork([[0, 0, 0], [30, 0, 40]], [0, 0], units="nm")
    >>> view = network.plot()
    >>> sorted(view._repr_mimebundle_()["image/png"][:4])
    ['B', 'O', 'V', 'i']
    >>> view.measure((0, 0.0), (0, 1.0)).distance
    50.0
    """

    def __init__(
        self,
        scene: Scene,
        size: tuple[int, int] = (760, 520),
        checks: Mapping[str, Callable[[], bytes]] | None = None,
    ) -> None:
        self.scene = scene
        self.size = size
        self.measurement: Measurement | None = None
        self._checks = dict(checks or {})
        self._drawn: IpyvolumeFigure | None = None
        self._widget: ipywidgets.VBox | None = None

    @property
    def figure(self) -> Any:
        """The ipyvolume figure; made when it is first asked for."""
        if self._drawn is None:
            self._drawn = IpyvolumeFigure(self.scene, self.size)
        return self._drawn.figure

    @property
    def widget(self) -> ipywidgets.VBox:
        """The figure with its controls and colour bar."""
        if self._widget is None:
            self._widget = self._assemble()
        return self._widget

    def colour_by(self, name: str) -> View3D:
        """Let the colours show another scalar ("depth", "sigma", "confidence", "line", "burgers").

        Returns
        -------
        View3D
            This view.

        Raises
        ------
        ValueError
            If there is no such scalar.
        """
        self.scene = self.scene.coloured_by(name)
        if self._drawn is not None:
            self._drawn.colour_by(name)
        return self

    def measure(self, start: tuple[int, float], end: tuple[int, float]) -> Measurement:
        """Measure between two places on lines, and show the bar between them.

        Parameters
        ----------
        start, end : (int, float)
            Number of a line, and how far along it, from 0 (its start) to 1 (its end).

        Returns
        -------
        Measurement
            Distance, depth difference and inclination with their 1-sigma.

        Raises
        ------
        ValueError
            If there is no such line, or the share is not within 0..1.
        """
        self.measurement = m = measured(self.scene, start, end)
        if self._drawn is not None:
            self._drawn.show_ruler(Segment(m.start, m.end, RULER, 3.0))
        return m

    def clear_measurement(self) -> View3D:
        """Take the bar away again."""
        self.measurement = None
        if self._drawn is not None:
            self._drawn.show_ruler(None)
        return self

    def show_images(self, faces: str = "low") -> View3D:
        """Choose the surfaces of the foil that show a view.

        Parameters
        ----------
        faces : {"none", "low", "high", "both"}
            The first view lies on the lower surface, the last one on the upper.

        Returns
        -------
        View3D
            This view.

        Raises
        ------
        ValueError
            If there are no images, or there is no such choice.
        """
        if faces not in FACES:
            raise ValueError(f"faces is one of {', '.join(map(repr, FACES))}; {faces!r} was given.")
        if not self.scene.pictures:
            raise ValueError("This view holds no images: make it by lines.plot(images=pair).")
        self.scene = replace(self.scene, faces=faces)
        if self._drawn is not None:
            self._drawn.show_images(faces)
        return self

    def _assemble(self) -> ipywidgets.VBox:
        import ipywidgets as widgets

        figure, drawn = self.figure, self._drawn
        bar = widgets.Image(value=self._bar_png(), format="png")
        bar.layout.flex = "0 0 auto"
        controls: list[Any] = []
        if self.scene.scalars:
            select = widgets.Dropdown(
                options=list(self.scene.scalars), value=self.scene.colour, description="Colour"
            )
            select.layout.width = "190px"

            def recolour(change: dict) -> None:
                self.colour_by(change["new"])
                bar.value = self._bar_png()

            select.observe(recolour, "value")
            controls.append(select)
        controls.append(self._section(widgets, drawn))
        reset = widgets.Button(description="Reset view", icon="home")
        reset.layout.width = "120px"
        reset.on_click(lambda _: drawn.reset_view())
        controls.append(reset)
        # Two pictures side by side, turned together, for who can fuse them or has a viewer.
        stereo = widgets.ToggleButton(description="Stereo", icon="eye", value=figure.stereo)
        stereo.layout.width = "100px"
        widgets.link((stereo, "value"), (figure, "stereo"))
        controls.append(stereo)
        rows = [widgets.HBox(controls), widgets.HBox([figure, bar])]
        more = more_controls(self, self._checks)
        if more is not None:
            rows[1:1] = [more.row]
            rows += more.below
        return widgets.VBox(rows)

    def _section(self, widgets: Any, drawn: IpyvolumeFigure) -> Any:
        """Slider for the depths that are shown."""
        foil = self.scene.foil
        margin = 0.02 * (foil.high - foil.low)
        low, high = foil.low - margin, foil.high + margin
        slider = widgets.FloatRangeSlider(
            value=(low, high),
            min=low,
            max=high,
            step=(high - low) / 200,
            description=f"Depth ({self.scene.units})",
            readout_format=".0f" if high - low > 20 else ".3g",
            continuous_update=False,
        )
        slider.layout.width = "380px"
        slider.observe(lambda change: drawn.show_depths(*change["new"]), "value")
        return slider

    def _bar_png(self) -> bytes:
        """Picture of the colour bar, as high as the figure."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(0.95, self.size[1] / 100), dpi=100, facecolor="white")
        FigureCanvasAgg(figure)
        scene = self.scene
        if scene.scalars and scene.scalar.legend:
            legend_of(scene, figure.add_axes((0.0, 0.1, 1.0, 0.8)), 8.0)
        elif scene.scalars and not scene.scalar.is_categorical:
            colour_bar(scene, figure.add_axes((0.05, 0.1, 0.17, 0.8)), 10.0)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return buffer.getvalue()

    def save_png(
        self,
        path: str | Path,
        source: str = "auto",
        scale: float = 2.0,
        size: tuple[int, int] | None = None,
    ) -> Path:
        """Save a picture.

        Parameters
        ----------
        path : str or Path
            Ends with ``.png``.
        source : {"auto", "browser", "matplotlib"}
            "matplotlib" draws the scene from its first direction and needs no browser. "browser"
            takes what the notebook shows, turned as it is now; its answer arrives, and the file
            is written, after the running cell has ended. "auto" (default): the first at once,
            replaced by the second if the figure is on screen.
        scale : float
            Factor on the number of pixels.
        size : (int, int), optional
            Width and height before `scale`, px; those of the figure by default.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        ValueError
            If the name does not end with ``.png``, `source` is unknown, or the size is too small.
        RuntimeError
            If "browser" was asked for before the view was shown.
        """
        path = _with_suffix(path, ".png")
        if source not in ("auto", "browser", "matplotlib"):
            raise ValueError(f'source is "auto", "browser" or "matplotlib"; {source!r} was given.')
        if source == "browser" and self._widget is None:
            raise RuntimeError(
                "No browser shows this view yet: put it at the end of a cell first, or use "
                'source="matplotlib".'
            )
        size = self.size if size is None else tuple(size)
        if len(size) != 2 or min(size) * scale < SMALLEST:
            raise ValueError(
                f"size=(width, height) in px, times scale at least {SMALLEST}; {size} was given."
            )
        if source != "browser":
            path.write_bytes(scene_png(with_ruler(self.scene, self.measurement), size, scale))
        if source != "matplotlib" and self._widget is not None:
            _ask_browser(self.figure, size, scale, path)
        return path

    def save_html(self, path: str | Path) -> Path:
        """Save a page that shows the scene in any browser, without a network or Python.

        Parameters
        ----------
        path : str or Path
            Ends with ``.html``.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        ValueError
            If the name does not end with ``.html``.
        """
        from hyperspy_stereo.viewer.html import scene_html

        path = _with_suffix(path, ".html")
        path.write_text(scene_html(self.scene), encoding="utf-8")
        return path

    def save_turntable(self, path: str | Path, **settings: Any) -> Path:
        """Save the turning scene as ``.gif``, or as pictures into a folder.

        Drawn by matplotlib, without a browser; settings (n_frames, size, turn, seconds,
        show_progressbar) and errors are those of
        :func:`hyperspy_stereo.viewer.turntable.save_turntable`.
        """
        from hyperspy_stereo.viewer.turntable import save_turntable

        return save_turntable(self.scene, path, **{"size": self.size, **settings})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        # The browser gets the widgets, and loads what draws them, while the picture is drawn here.
        widget = self.widget._repr_mimebundle_()
        picture = base64.b64encode(self._picture()).decode("ascii")
        bundle: dict[str, Any] = {"image/png": picture, "text/plain": repr(self)}
        widget = widget[0] if isinstance(widget, tuple) else widget
        view = "application/vnd.jupyter.widget-view+json"
        if view in widget:
            bundle[view] = widget[view]
        return bundle

    def _picture(self) -> bytes:
        """PNG for viewers without a browser's widgets."""
        return scene_png(with_ruler(self.scene, self.measurement), self.size)

    def __repr__(self) -> str:
        return f"<View3D: {self.scene.title}, coloured by {self.scene.colour}>"


def _with_suffix(path: str | Path, suffix: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise ValueError(f"The name of the file ends with {suffix}; {path.name!r} was given.")
    return path


def _ask_browser(figure: Any, size: tuple[int, int], scale: float, path: Path) -> None:
    """Have the browser's picture of a figure written to a file when it comes."""

    def write(data: str) -> None:
        figure.on_screenshot(write, remove=True)
        path.write_bytes(base64.b64decode(data.partition(",")[2]))

    figure.on_screenshot(write)
    figure.screenshot(width=int(size[0] * scale), height=int(size[1] * scale))
