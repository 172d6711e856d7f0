"""The network drawn over a view: what was reconstructed must lie on what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.anaglyph import stretch
from hyperspy_stereo.viewer.colours import rgb_of
from hyperspy_stereo.viewer.face_pictures import views_of
from hyperspy_stereo.viewer.overlay import image_axes, scale_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["plot_reprojection", "reprojection_png"]


def plot_reprojection(
    network: DislocationNetwork,
    images: Any,
    view: int = 0,
    incidence: tuple[float, float] | None = None,
    ax: Axes | None = None,
    width: float = 1.6,
) -> Axes:
    """Draw the lines over a view, coloured by depth.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.
    images : StereoPair, DislocationMap with its images, or array of shape (V, H, W)
        The views.
    view : int, default 0
        Which of them.
    incidence : (theta_x, theta_y), optional
        mrad, where the view is not one of those that were reconstructed: the strictest check. By
        default the network's own of that view.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    width : float
        Of the lines, points.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no such view, or its incidence is not known.

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> network = DislocationNetwork([[9, 9, 0], [20, 9, 0]], [0, 0], image_shape=(20, 30),
    ...                              incidence=[[50, 0], [-50, 0]])
    >>> ax = plot_reprojection(network, np.zeros((2, 20, 30)))
    >>> ax.collections[0].get_paths()[0].vertices.round(2)
    array([[ 9.,  9.],
           [20.,  9.]])
    """
    from matplotlib.collections import LineCollection

    views, inside = views_of(images)
    if isinstance(view, bool) or not isinstance(view, int | np.integer):
        raise ValueError(f"view is the number of a view; {view!r} was given.")
    if not 0 <= view < len(views):
        raise ValueError(f"There are views 0 to {len(views) - 1}; {view!r} was given.")
    if incidence is None:
        if len(network.incidence) != len(views):
            raise ValueError(
                f"The network knows the incidences of {len(network.incidence)} views, but there "
                f"are {len(views)} images: give incidence=(theta_x, theta_y) in mrad of this one."
            )
        incidence = network.incidence[view]
    image = views[view] if inside is None else np.where(inside, views[view], np.nan)
    picture = stretch(image)
    picture[~np.isfinite(image)] = 1.0
    ax = image_axes(ax, picture.shape)
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    depth = network.points[:, 2]
    limits = (float(depth.min()), float(depth.max())) if len(depth) else (0.0, 1.0)
    colours = rgb_of(depth, "viridis", limits)
    drawn = network.reproject(incidence)
    first = 0
    for line in drawn:
        pieces = np.stack([line[:-1], line[1:]], axis=1)
        colour = colours[first : first + len(line) - 1]
        ax.add_collection(LineCollection(pieces, colors=colour, lw=width, capstyle="round"))
        first += len(line)
    ax.set_xlim(-0.5, picture.shape[1] - 0.5)
    ax.set_ylim(picture.shape[0] - 0.5, -0.5)
    scale_bar(ax, picture.shape, network.pixel_size, network.units)
    return ax


def reprojection_png(network: DislocationNetwork, images: Any, view: int, width: int) -> bytes:
    """:func:`plot_reprojection` beside the bare view, as a PNG file's bytes."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    views, inside = views_of(images)
    rows, columns = views.shape[1:]
    height = max(0.5 * width * rows / columns, 80)
    figure = Figure((width / 100, height / 100), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    bare, drawn = figure.subplots(1, 2)
    image = views[view] if inside is None else np.where(inside, views[view], np.nan)
    picture = stretch(image)
    picture[~np.isfinite(image)] = 1.0
    bare.imshow(picture, cmap="gray", vmin=0, vmax=1)
    bare.set_axis_off()
    plot_reprojection(network, images, view, ax=drawn)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
