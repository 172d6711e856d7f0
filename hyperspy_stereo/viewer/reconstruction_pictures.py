"""One picture for each step from a pair to lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.anaglyph import plot_anaglyph
from hyperspy_stereo.viewer.overlay import plot_detection, plot_disparity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["aligned_figure", "detected_figure", "matched_figure"]

DPI = 96
HEIGHT = 4.3  # inches of a picture of two panels
WIDTH = 8.6


def aligned_figure(views: np.ndarray, pixel_size: float, units: str) -> Figure:
    """The left view, and the anaglyph of the first and the last view.

    Parameters
    ----------
    views : numpy.ndarray
        (V, H, W).
    pixel_size, units : float, str
        For the scale bar.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot.
    """
    figure, (left, right) = _panels(views.shape[1:])
    plot_detection(views[0], np.zeros(views.shape[1:]), ax=left, pixel_size=pixel_size, units=units)
    plot_anaglyph(views[0], views[-1], ax=right, pixel_size=pixel_size, units=units)
    _titles((left, "left view"), (right, "anaglyph, red–cyan"))
    return figure


def detected_figure(
    views: np.ndarray, line: np.ndarray, boundary: np.ndarray | None, threshold: float, scale: tuple
) -> Figure:
    """What was detected in the first and the last view.

    Parameters
    ----------
    views, line, boundary : numpy.ndarray
        (V, H, W): images, probability of a line, probability of a boundary or None.
    threshold : float
        Full colour from here on.
    scale : (float, str)
        Pixel size and unit.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot.
    """
    figure, axes = _panels(views.shape[1:])
    for ax, view, name in zip(axes, (0, -1), ("left", "right"), strict=True):
        edge = None if boundary is None else boundary[view]
        plot_detection(views[view], line[view], edge, threshold, ax, *scale)
        _titles((ax, f"{name} view: lines orange, boundaries blue"))
    return figure


def matched_figure(network: Any, view: np.ndarray | None) -> Figure:
    """Disparity and its sigma, along the matched lines of the left view.

    Parameters
    ----------
    network : DislocationNetwork
        With the matches of its view 0.
    view : numpy.ndarray or None
        (H, W), drawn pale beneath.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot.
    """
    from hyperspy_stereo.results.chains import rasterise

    disparity = network.disparity_map()
    match = network.views[0]
    sigma = rasterise(match.points, match.sigma, match.line, disparity.shape)
    figure, (left, right) = _panels(disparity.shape)
    plot_disparity(disparity, view, left)
    worst = float(np.quantile(match.sigma, 0.95)) if len(match.sigma) else 1.0
    plot_disparity(sigma, view, right, (0.0, worst), "σ (px)", cmap="plasma")
    _titles((left, "disparity, left view"), (right, "its standard error"))
    return figure


def _panels(shape: tuple[int, int]) -> tuple[Figure, tuple[Axes, Axes]]:
    """A figure with two image axes beside each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = float(np.clip(0.5 * WIDTH * shape[0] / shape[1] + 0.35, 2.0, HEIGHT))
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure, tuple(figure.subplots(1, 2))


def _titles(*pairs: tuple[Axes, str]) -> None:
    for ax, title in pairs:
        ax.set_title(title, fontsize=10)
