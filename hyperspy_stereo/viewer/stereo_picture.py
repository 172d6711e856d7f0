"""The figure of two detectors on the mean pattern, their views and the anaglyph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.anaglyph import anaglyph, stretch
from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.detector_pair import DetectorPair, LiveViews
from hyperspy_stereo.viewer.overlay import scale_bar

__all__ = ["StereoPicture"]

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


class StereoPicture:
    """All artists are made once; later only their data change.

    Parameters
    ----------
    detectors : DetectorPair
        Where they lie at first.
    pattern : array-like of shape (H, W)
        Mean pattern.
    mrad_per_px : float
        Of the pattern.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Not registered with pyplot.
    axes, images : dict
        By "pattern", "anaglyph", "left" and "right"; the pattern's image does not change.
    circles : list
        Of the left and the right detector.
    """

    def __init__(self, detectors: DetectorPair, pattern: ArrayLike, mrad_per_px: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        self.axes = {name: self.figure.add_axes(place) for name, place in PLACES.items()}
        for ax in self.axes.values():
            ax.set_axis_off()
        self._draw_pattern(detectors, np.asarray(pattern, dtype=float), mrad_per_px)
        self._draw_detectors()
        self.titles, self.images, self._sizes = {}, {}, {}
        self._bar: list[Any] = []
        for name, colour in zip(("anaglyph", "left", "right"), ("black", *EYES), strict=True):
            ax = self.axes[name]
            self.titles[name] = ax.set_title("", fontsize=10, pad=4, color=colour)
            self.images[name] = ax.imshow(np.ones((2, 2, 3)), interpolation="bicubic")

    def place(self, detectors: DetectorPair) -> None:
        """Move the circles; broken where a detector leaves the disc."""
        marks = zip(
            self.circles, self._letters, detectors.positions, detectors.outside, strict=True
        )
        for circle, letter, place, outside in marks:
            circle.set(center=place, radius=detectors.radius, linestyle="--" if outside else "-")
            letter.set_position(place)

    def show(self, views: LiveViews) -> None:
        """Put views into the pictures."""
        inside = np.isfinite(views.left)
        pictures = {"anaglyph": anaglyph(views.left, views.right)}
        for name in ("left", "right"):
            pictures[name] = np.repeat(stretch(getattr(views, name))[..., None], 3, axis=-1)
        coarse = "" if views.whole else ", thumbnail scan"
        titles = {"anaglyph": f"anaglyph, red–cyan: {views.angle_text}{coarse}"}
        for name, picture in pictures.items():
            picture[~inside] = 1.0
            self.titles[name].set_text(titles.get(name, f"{name} view"))
            self.images[name].set_data(picture)
            self._fit(name, picture.shape[:2], views)

    def _fit(self, name: str, shape: tuple[int, int], views: LiveViews) -> None:
        """Give a picture of a new size its place: views that are turned otherwise differ in it."""
        size = (shape, views.pixel_size)
        if self._sizes.get(name) == size:
            return
        self._sizes[name] = size
        rows, columns = shape
        self.images[name].set_extent((-0.5, columns - 0.5, rows - 0.5, -0.5))
        self.axes[name].set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
        if name == "anaglyph":
            for artist in self._bar:
                artist.remove()
            self._bar = scale_bar(self.axes[name], shape, views.pixel_size, views.units)

    def _draw_pattern(self, detectors: DetectorPair, pattern: np.ndarray, mrad: float) -> None:
        """The part of the pattern around the disc, its rim and the Kikuchi line."""
        from matplotlib.patches import Circle

        ax, disc = self.axes["pattern"], detectors.disc
        reach = 1.3 * disc.radius
        low = np.maximum(np.floor(np.subtract(disc.centre, reach)), 0).astype(int)
        high = np.ceil(np.add(disc.centre, reach)).astype(int) + 1
        part = pattern[low[1] : high[1], low[0] : high[0]]
        rows, columns = part.shape
        sides = (low[0] - 0.5, low[0] + columns - 0.5, low[1] + rows - 0.5, low[1] - 0.5)
        ax.imshow(stretch(part, (0.5, 99.9)), cmap="gray", vmin=0, vmax=1.15, extent=sides)
        ax.set_title("mean pattern: drag the detectors", fontsize=10, pad=4)
        scale_bar(ax, part.shape, mrad, "mrad", origin=(float(low[0]), float(low[1])))
        ax.add_patch(Circle(disc.centre, disc.radius, fill=False, ec="white", lw=0.8, ls=":"))
        line = detectors.line()
        if line is not None:
            ax.plot(*line.T, color=KIKUCHI, lw=1.2, alpha=0.9)
        ax.set(xlim=sides[:2], ylim=sides[2:])

    def _draw_detectors(self) -> None:
        from matplotlib.colors import to_rgba
        from matplotlib.patches import Circle
        from matplotlib.patheffects import withStroke

        ax = self.axes["pattern"]
        halo = [withStroke(linewidth=3, foreground="white", alpha=0.85)]
        self.circles, self._letters = [], []
        for letter, colour in zip("LR", EYES, strict=True):
            look = {"fc": to_rgba(colour, 0.16), "ec": colour, "lw": 2.4, "zorder": 4}
            self.circles.append(ax.add_patch(Circle((0, 0), 1, **look)))
            text = ax.text(0, 0, letter, color=colour, fontsize=13, fontweight="bold", zorder=5)
            text.set(ha="center", va="center", path_effects=halo)
            self._letters.append(text)
