"""Two detectors under the mouse, and the stereo pair that follows them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.anaglyph import anaglyph, stretch
from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.detector_pair import DetectorPair, LiveViews
from hyperspy_stereo.viewer.live_canvas import Latest, live_canvas
from hyperspy_stereo.viewer.overlay import scale_bar

if TYPE_CHECKING:
    from hyperspy_stereo.signals.stereo_pair import StereoPair

__all__ = ["StereoExplorer"]

DPI = 96
SIZE = (10.2, 4.55)
# As the glasses: the left eye looks through red.
EYES = (OKABE_ITO["vermilion"], OKABE_ITO["sky"])
KIKUCHI = OKABE_ITO["orange"]
PLACES = {
    "pattern": (0.006, 0.012, 0.362, 0.93),
    "anaglyph": (0.374, 0.012, 0.39, 0.93),
    "left": (0.772, 0.512, 0.222, 0.43),
    "right": (0.772, 0.012, 0.222, 0.43),
}
# Seconds without a move of a slider after which the whole of a lazy scan is computed.
PAUSE = 0.5
LEFT_BUTTON = 1


class StereoExplorer:
    """Two draggable detectors on the mean pattern; the pair, its anaglyph and its angle follow.

    Made by :meth:`hyperspy_stereo.Diffraction4DStereo.interactive_stereo`. Without a browser the
    detectors are moved by :meth:`set`; a notebook that is only read shows the last picture.

    Parameters
    ----------
    detectors : DetectorPair
        Where they lie at first.
    scan : LiveScan
        What they look at: ``quick(detectors)`` and ``whole(detectors)`` give
        :class:`~hyperspy_stereo.viewer.detector_pair.LiveViews`, ``pair(detectors)`` the signal.
    pattern : array-like of shape (H, W)
        Mean pattern.
    mrad_per_px : float
        Of the pattern.
    note : str
        To be shown below the pictures.

    Attributes
    ----------
    detectors : DetectorPair
        Where they are.
    views : LiveViews
        What is shown.
    figure : matplotlib.figure.Figure
        Not registered with pyplot.

    Notes
    -----
    Plain matplotlib mouse events on an ipympl canvas of its own, and not HyperSpy's ``CircleROI``:
    a ROI needs ``s.plot()`` under an interactive backend, recomputes for every single mouse event
    however many wait, and knows neither a partner nor a line to stay on.
    """

    def __init__(
        self,
        detectors: DetectorPair,
        scan: Any,
        pattern: ArrayLike,
        mrad_per_px: float,
        note: str = "",
    ) -> None:
        self.detectors = detectors
        self.views: LiveViews = scan.whole(detectors)
        self._scan, self._note, self._mrad_per_px = scan, note, mrad_per_px
        self._pattern = np.asarray(pattern, dtype=float)
        self._grabbed: tuple[int, np.ndarray] | None = None
        self._latest, self._following = Latest(), True
        self._controls: dict[str, Any] = {}
        self._widget: Any = None
        self._draw()
        self._refresh()

    @property
    def pair(self) -> StereoPair:
        """The pair of views that the detectors see now; what :attr:`code` makes."""
        return self._scan.pair(self.detectors)

    @property
    def code(self) -> str:
        """The call that makes :attr:`pair`, for a script."""
        return self.detectors.code(rotation=self._scan.rotation)

    @property
    def text(self) -> str:
        """What is printed below the pictures: the stereo angle and the detectors."""
        d, mrad = self.detectors, self._mrad_per_px
        both = ", ".join(f"({x:.1f}, {y:.1f})" for x, y in d.positions)
        return (
            f"stereo angle {self.views.angle_text}; detectors at {both} px, radius "
            f"{d.radius:.1f} px = {d.radius * mrad:.1f} mrad"
        )

    @property
    def warnings(self) -> list[str]:
        """What should be known about these views."""
        return [*self.detectors.warnings(), *([self._note] if self._note else [])]

    def set(
        self,
        left: ArrayLike | None = None,
        right: ArrayLike | None = None,
        radius: float | None = None,
        snap: bool | None = None,
        linked: bool | None = None,
    ) -> StereoExplorer:
        """Change the detectors, and the pictures and controls with them.

        Parameters
        ----------
        left, right : (x, y), optional
            Where to move a detector, px of the pattern. Snapping and linking hold as they do
            under the mouse.
        radius : float, optional
            Of both, px.
        snap : bool, optional
            Keep them on the Kikuchi line.
        linked : bool, optional
            Keep them opposite each other.

        Returns
        -------
        StereoExplorer
            This one.

        Raises
        ------
        ValueError
            If it shall snap and no Kikuchi line is known.
        """
        detectors = self.detectors.with_rules(snap, linked)
        if radius is not None:
            detectors = detectors.with_radius(radius)
        for which, place in enumerate((left, right)):
            if place is not None:
                detectors = detectors.moved(which, place)
        self._latest.cancel()
        self.detectors, self.views = detectors, self._scan.whole(detectors)
        self._refresh()
        self._show_in_controls()
        return self

    @property
    def widget(self) -> Any:
        """The pictures with their controls; made when it is first asked for."""
        if self._widget is None:
            self._widget = self._assemble()
        return self._widget

    # -- the picture -----------------------------------------------------------------------------

    def _draw(self) -> None:
        """Make all artists once; later only their data change."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        self._axes = {name: self.figure.add_axes(place) for name, place in PLACES.items()}
        for ax in self._axes.values():
            ax.set_axis_off()
        self._draw_pattern(self._axes["pattern"])
        self._titles, self._images, self._bars = {}, {}, {}
        for name, colour in zip(("anaglyph", "left", "right"), ("black", *EYES), strict=True):
            ax = self._axes[name]
            self._titles[name] = ax.set_title("", fontsize=10, pad=4, color=colour)
            self._images[name] = ax.imshow(np.ones((2, 2, 3)), interpolation="bicubic")
            self._bars[name] = []

    def _draw_pattern(self, ax: Any) -> None:
        from matplotlib.patches import Circle
        from matplotlib.patheffects import withStroke

        disc, mrad = self.detectors.disc, self._mrad_per_px
        reach = 1.3 * disc.radius
        low = np.maximum(np.floor(np.subtract(disc.centre, reach)), 0).astype(int)
        high = np.ceil(np.add(disc.centre, reach)).astype(int) + 1
        part = self._pattern[low[1] : high[1], low[0] : high[0]]
        rows, columns = part.shape
        sides = (low[0] - 0.5, low[0] + columns - 0.5, low[1] + rows - 0.5, low[1] - 0.5)
        ax.imshow(stretch(part, (0.5, 99.9)), cmap="gray", vmin=0, vmax=1.15, extent=sides)
        ax.set_title("mean pattern: drag the detectors", fontsize=10, pad=4)
        scale_bar(ax, part.shape, mrad, "mrad", origin=(float(low[0]), float(low[1])))
        ax.add_patch(Circle(disc.centre, disc.radius, fill=False, ec="white", lw=0.8, ls=":"))
        line = self.detectors.line()
        if line is not None:
            ax.plot(*line.T, color=KIKUCHI, lw=1.2, alpha=0.9)
        look = {"lw": 2.4, "zorder": 4}
        self._circles, self._letters = [], []
        for letter, colour in zip("LR", EYES, strict=True):
            face = (*_rgb(colour), 0.16)
            self._circles.append(ax.add_patch(Circle((0, 0), 1, fc=face, ec=colour, **look)))
            self._letters.append(
                ax.text(0, 0, letter, color=colour, fontsize=13, fontweight="bold", zorder=5)
            )
            halo = [withStroke(linewidth=3, foreground="white", alpha=0.85)]
            self._letters[-1].set(ha="center", va="center", path_effects=halo)
        ax.set(xlim=sides[:2], ylim=sides[2:])

    def _place_detectors(self) -> None:
        """Move the circles; broken where a detector leaves the disc."""
        detectors = self.detectors
        marks = zip(
            self._circles, self._letters, detectors.positions, detectors.outside, strict=True
        )
        for circle, letter, place, outside in marks:
            circle.set(center=place, radius=detectors.radius, linestyle="--" if outside else "-")
            letter.set_position(place)

    def _refresh(self) -> None:
        """Put detectors and views into the artists."""
        self._place_detectors()
        views = self.views
        inside = np.isfinite(views.left)
        pictures = {"anaglyph": anaglyph(views.left, views.right)}
        for name in ("left", "right"):
            pictures[name] = np.repeat(stretch(getattr(views, name))[..., None], 3, axis=-1)
        coarse = "" if views.whole else ", thumbnail scan"
        titles = {"anaglyph": f"anaglyph, red–cyan: {views.angle_text}{coarse}"}
        for name, picture in pictures.items():
            picture[~inside] = 1.0
            self._titles[name].set_text(titles.get(name, f"{name} view"))
            self._put(name, picture)
        if self._widget is not None:
            self._show_text()
            self.figure.canvas.draw_idle()

    def _put(self, name: str, picture: np.ndarray) -> None:
        ax, image = self._axes[name], self._images[name]
        image.set_data(picture)
        rows, columns = shape = picture.shape[:2]
        size = (shape, self.views.pixel_size)
        if getattr(image, "_shown_size", None) == size:
            return
        image._shown_size = size
        image.set_extent((-0.5, columns - 0.5, rows - 0.5, -0.5))
        ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
        for artist in self._bars[name]:
            artist.remove()
        self._bars[name] = []
        if name == "anaglyph":
            self._bars[name] = scale_bar(ax, shape, self.views.pixel_size, self.views.units)

    # -- mouse and controls ----------------------------------------------------------------------

    def _assemble(self) -> Any:
        import ipywidgets as widgets

        canvas = live_canvas(self.figure)
        for event, follow in (
            ("button_press_event", self._pressed),
            ("motion_notify_event", self._dragged),
            ("button_release_event", self._released),
        ):
            canvas.mpl_connect(event, follow)
        low, high = self.detectors.limits
        known = self.detectors.azimuth is not None
        self._controls = {
            "radius": widgets.FloatSlider(
                value=self.detectors.radius, min=low, max=high, step=(high - low) / 100,
                description="radius (px)", readout_format=".1f", layout={"width": "320px"},
            ),
            "snap": widgets.Checkbox(
                value=self.detectors.snap, description="on the Kikuchi line", indent=False,
                disabled=not known, layout={"width": "170px"},
            ),
            "linked": widgets.Checkbox(
                value=self.detectors.linked, description="opposite each other", indent=False,
                layout={"width": "170px"},
            ),
        }  # fmt: skip
        for name, control in self._controls.items():
            control.observe(self._on_control(name), "value")
        self._status = widgets.HTML(layout={"max_width": "980px", "margin": "0 0 0 6px"})
        row = widgets.HBox(list(self._controls.values()))
        box = widgets.VBox([row, canvas, self._status])
        self._widget = box
        self._show_text()
        return box

    def _pressed(self, event: Any) -> None:
        if event.inaxes is not self._axes["pattern"] or event.button != LEFT_BUTTON:
            return
        point = np.array([event.xdata, event.ydata])
        which = self.detectors.at(point)
        if which is not None:
            # The detector does not jump to the mouse: it keeps its distance.
            self._grabbed = which, np.asarray(self.detectors.positions[which]) - point

    def _dragged(self, event: Any) -> None:
        if self._grabbed is None:
            return
        place = self._under(event)
        if place is not None:
            self.detectors = self.detectors.moved(self._grabbed[0], place)
            self._latest.soon(self._step)

    def _released(self, event: Any) -> None:
        if self._grabbed is None:
            return
        place = self._under(event)
        if place is not None:
            self.detectors = self.detectors.moved(self._grabbed[0], place)
        self._grabbed = None
        self._latest.after_pause(self._settle, 0.0)

    def _under(self, event: Any) -> np.ndarray | None:
        """Where the mouse has the grabbed detector; beyond the axes too."""
        if event.x is None:
            return None
        point = self._axes["pattern"].transData.inverted().transform((event.x, event.y))
        return point + self._grabbed[1]

    def _on_control(self, name: str) -> Callable[[dict], None]:
        def follow(change: dict) -> None:
            if not self._following:
                return
            if name == "radius":
                self.detectors = self.detectors.with_radius(change["new"])
            else:
                self.detectors = self.detectors.with_rules(**{name: change["new"]})
            self._latest.soon(self._step)

        return follow

    def _step(self) -> None:
        """Follow the detectors with what is in memory."""
        self.views = self._scan.quick(self.detectors)
        self._refresh()
        if self._grabbed is None and not self.views.whole:
            self._latest.after_pause(self._settle, PAUSE)

    def _settle(self) -> None:
        """The detectors lie still: show the whole scan."""
        if self._scan.has_thumbnail:
            self._show_text("computing the whole scan …")
            try:
                self.views = self._scan.whole(self.detectors)
            except (OSError, ValueError) as error:
                # In a callback nobody would see it.
                self._show_text(f"The whole scan could not be read: {error}")
                return
        else:
            self.views = self._scan.quick(self.detectors)
        self._refresh()

    def _show_in_controls(self) -> None:
        self._following = False
        try:
            for name, control in self._controls.items():
                control.value = getattr(self.detectors, name)
        finally:
            self._following = True

    def _show_text(self, busy: str = "") -> None:
        lines = [f"<b>{escape(self.text)}</b>"]
        lines += [
            f'<span style="color:{OKABE_ITO["vermilion"]}">&#9888; {escape(warning)}</span>'
            for warning in self.warnings
        ]
        lines.append(f"<i>{escape(busy)}</i>" if busy else f"<code>{escape(self.code)}</code>")
        self._status.value = '<div style="line-height:1.5">' + "<br>".join(lines) + "</div>"

    # -- static viewers --------------------------------------------------------------------------

    def _png(self) -> bytes:
        """The figure as it is now."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {
            "image/png": base64.b64encode(self._png()).decode("ascii"),
            "text/plain": repr(self),
        }
        widget = self.widget._repr_mimebundle_()
        widget = widget[0] if isinstance(widget, tuple) else widget
        view = "application/vnd.jupyter.widget-view+json"
        if view in widget:
            bundle[view] = widget[view]
        return bundle

    def __repr__(self) -> str:
        return f"<StereoExplorer: {self.text}>"


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)
