"""Two detectors under the mouse, and the stereo pair that follows them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.detector_pair import DetectorPair, LiveViews
from hyperspy_stereo.viewer.live_canvas import Latest, live_canvas
from hyperspy_stereo.viewer.stereo_picture import DPI, StereoPicture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hyperspy_stereo.signals.stereo_pair import StereoPair

__all__ = ["StereoExplorer"]

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
        self._grabbed: tuple[int, np.ndarray] | None = None
        self._latest, self._following = Latest(), True
        self._controls: dict[str, Any] = {}
        self._widget: Any = None
        self._picture = StereoPicture(detectors, pattern, mrad_per_px)
        self._refresh()

    @property
    def figure(self) -> Figure:
        """The pictures; not registered with pyplot."""
        return self._picture.figure

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
        TypeError, ValueError
            If it shall snap and no Kikuchi line is known, or a place or the radius is none.
        """
        detectors = self.detectors.with_rules(snap, linked)
        if radius is not None:
            if isinstance(radius, bool) or not isinstance(radius, int | float | np.number):
                raise TypeError(f"radius={radius!r}: give a number of px.")
            if not radius > 0:
                raise ValueError(f"radius={radius!r}: give px above 0.")
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

    def _refresh(self) -> None:
        """Show where the detectors are and what they see."""
        self._picture.place(self.detectors)
        self._picture.show(self.views)
        if self._widget is not None:
            self._show_text()
            self.figure.canvas.draw_idle()

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
        if event.inaxes is not self._picture.axes["pattern"] or event.button != LEFT_BUTTON:
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
        point = self._picture.axes["pattern"].transData.inverted().transform((event.x, event.y))
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
