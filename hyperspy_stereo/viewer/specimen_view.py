"""A simulated specimen in 3D beside the images it makes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.anaglyph import stretch
from hyperspy_stereo.viewer.colours import rgb_of
from hyperspy_stereo.viewer.matplotlib_view import colour_bar, draw_scene, figure_of
from hyperspy_stereo.viewer.overlay import scale_bar
from hyperspy_stereo.viewer.plot import BACKENDS
from hyperspy_stereo.viewer.scene import Scene
from hyperspy_stereo.viewer.specimen_scene import kind_numbers, specimen_scene
from hyperspy_stereo.viewer.view3d import View3D

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hyperspy_stereo.simulation.specimen import Specimen

__all__ = ["SpecimenView", "plot_specimen"]

DPI = 100


def plot_specimen(
    specimen: Specimen,
    images: ArrayLike | Sequence[ArrayLike] | None = None,
    colour: str = "depth",
    titles: Sequence[str] | None = None,
    backend: str = "ipyvolume",
    size: tuple[int, int] = (760, 520),
    **scene: Any,
) -> SpecimenView | Figure:
    """Show a specimen in 3D, beside the images of it.

    Parameters
    ----------
    specimen : Specimen
        What was looked at.
    images : array of shape (H, W) or (V, H, W), a signal of views, or a list of arrays, optional
        Of the specimen's field of view.
    colour : {"depth", "g·b", "kind", "line"}
        What the colours of the lines mean; see
        :func:`~hyperspy_stereo.viewer.specimen_scene.specimen_scene`.
    titles : sequence of str, optional
        Over the images.
    backend : {"ipyvolume", "matplotlib"}
        An interactive figure for a notebook, or a static picture.
    size : (int, int)
        Width and height of the 3D part, px.
    **scene
        radius, camera; see :func:`~hyperspy_stereo.viewer.specimen_scene.specimen_scene`.

    Returns
    -------
    SpecimenView or matplotlib.figure.Figure
        SpecimenView for ipyvolume; put it at the end of a cell.

    Raises
    ------
    ValueError
        If the backend or the colour is unknown, or an image is not 2-D.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.simulation.beam import TwoBeam
    >>> from hyperspy_stereo.simulation.dislocation import Dislocation
    >>> from hyperspy_stereo.simulation.specimen import Specimen
    >>> line = Dislocation([[50, 50, 0], [150, 50, 200]], [0.2, 0, 0])
    >>> specimen = Specimen((200, 100), 200, TwoBeam([5, 0, 0], 0, 40), (line,), ("line",))
    >>> type(plot_specimen(specimen, np.eye(20), backend="matplotlib")).__name__
    'Figure'
    """
    if backend not in BACKENDS:
        raise ValueError(
            f"backend is one of {', '.join(map(repr, BACKENDS))}; {backend!r} was given."
        )
    pictures = _pictures(images)
    view = SpecimenView(specimen_scene(specimen, colour, **scene), specimen, pictures, titles, size)
    return view if backend == "ipyvolume" else view.static_figure()


class SpecimenView(View3D):
    """A 3D view with the images of the specimen at its right.

    Parameters
    ----------
    scene : Scene
        Of the specimen.
    specimen : Specimen
        Gives the size of the field and the names of the kinds.
    images : list of (H, W) ndarray
        May be empty.
    titles : sequence of str, optional
        Over the images.
    size : (int, int)
        Width and height of the 3D part, px.
    """

    def __init__(
        self,
        scene: Scene,
        specimen: Specimen,
        images: list[np.ndarray],
        titles: Sequence[str] | None = None,
        size: tuple[int, int] = (760, 520),
    ) -> None:
        super().__init__(scene, size)
        self.specimen = specimen
        self.images = images
        self.titles = list(titles or [""] * len(images))
        if len(self.titles) != len(images):
            raise ValueError(
                f"There are {len(images)} images but {len(self.titles)} titles: give one for each."
            )

    def static_figure(self) -> Figure:
        """The 3D view, from its first direction, and the images in one matplotlib figure."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        if not self.images:
            figure = figure_of(self.scene, (self.size[0] / DPI, self.size[1] / DPI), DPI)
            self._legend(figure.axes[0])
            return figure
        panel = self._panel_width()
        width, height = self.size[0] + panel, self.size[1]
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        share = self.size[0] / width
        ax = figure.add_axes((0.0, 0.0, 0.87 * share, 1.0))
        draw_scene(self.scene, ax, (height, int(0.87 * self.size[0])))
        if self.scene.scalars and not self.scene.scalar.is_categorical:
            colour_bar(self.scene, figure.add_axes((0.885 * share, 0.14, 0.022 * share, 0.72)))
        self._legend(ax)
        self._draw_images(figure, share, 1.0)
        return figure

    def _panel_width(self) -> int:
        """Width of the images, px, one above the other."""
        rows = sum(image.shape[0] / image.shape[1] for image in self.images)
        return int(min(0.75 * self.size[0], self.size[1] / rows))

    def _draw_images(self, figure: Figure, left: float, right: float) -> None:
        n = len(self.images)
        for row, (image, title) in enumerate(zip(self.images, self.titles, strict=True)):
            room = 1 / n
            ax = figure.add_axes(
                (left + 0.01, 1 - (row + 1) * room + 0.012, right - left - 0.02, room - 0.024)
            )
            ax.imshow(stretch(image), cmap="gray", vmin=0, vmax=1)
            ax.set_axis_off()
            scale_bar(ax, image.shape, self.specimen.size[0] / image.shape[1], "nm")
            if title:
                ax.text(
                    0.03,
                    0.965,
                    title,
                    transform=ax.transAxes,
                    va="top",
                    fontsize=10,
                    bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 2.5},
                )

    def _legend(self, ax: Axes) -> None:
        """Names of the kinds where the colours mean them."""
        if self.scene.colour != "kind":
            return
        from matplotlib.lines import Line2D

        numbers = kind_numbers(self.specimen)
        colours = rgb_of(list(numbers.values()), "lines", (0, 1)) if numbers else []
        handles = [Line2D([], [], color=c, lw=3, label=k) for k, c in zip(numbers, colours)]  # noqa: B905
        if handles:
            ax.legend(handles=handles, loc="upper left", frameon=False, fontsize=10)

    def _assemble(self) -> Any:
        import ipywidgets as widgets

        widget = super()._assemble()
        if not self.images:
            return widget
        picture = widgets.Image(value=self._panel_png(), format="png")
        picture.layout.flex = "0 0 auto"
        return widgets.HBox([widget, picture])

    def _panel_png(self) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(
            figsize=(self._panel_width() / DPI, self.size[1] / DPI), dpi=DPI, facecolor="white"
        )
        FigureCanvasAgg(figure)
        self._draw_images(figure, 0.0, 1.0)
        return _png(figure)

    def _picture(self) -> bytes:
        return _png(self.static_figure())


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _pictures(images: Any) -> list[np.ndarray]:
    """Images as a list of arrays, from an array, a stack, a signal or a list of them."""
    if images is None:
        return []
    images = getattr(images, "data", images) if not isinstance(images, np.ndarray) else images
    if not isinstance(images, list | tuple):
        array = np.asarray(images)
        images = [array] if array.ndim == 2 else list(array)
    arrays = [np.asarray(image, dtype=float) for image in images]
    if any(array.ndim != 2 for array in arrays):
        raise ValueError(
            "images must be 2-D, or one stack (V, H, W); got shapes "
            f"{', '.join(str(a.shape) for a in arrays)}."
        )
    return arrays
