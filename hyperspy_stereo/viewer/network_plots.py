"""What a network of lines says in figures: directions, depths, lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.colours import OKABE_ITO

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["line_directions", "plot_depths", "plot_directions", "plot_lengths", "stereographic"]

GREY = "0.75"


def stereographic(directions: ArrayLike) -> np.ndarray:
    """Stereographic projection of directions without a sense, seen along the beam.

    Parameters
    ----------
    directions : array-like of shape (N, 3)
        Of any length; one and its opposite are the same line.

    Returns
    -------
    numpy.ndarray
        (N, 2): x to the right and y down as in the images; the beam is in the middle, directions
        in the plane of the foil lie on the unit circle.

    Raises
    ------
    ValueError
        If the shape is another one, or a direction has no length.

    Notes
    -----
    r = tan(t / 2) for a direction inclined by t against the beam (C. Hammond, The Basics of
    Crystallography and Diffraction, ch. 12): angles between great circles are kept, areas are not.

    Examples
    --------
    >>> stereographic([[0, 0, 2], [1, 0, 0], [0, 1, 1]]).round(3)
    array([[0.   , 0.   ],
           [1.   , 0.   ],
           [0.   , 0.414]])
    """
    vectors = np.asarray(directions, dtype=float)
    if vectors.ndim != 2 or vectors.shape[1] != 3:
        raise ValueError(f"Directions are (N, 3); an array of shape {vectors.shape} was given.")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (length > 0).all():
        raise ValueError("A direction of no length points nowhere; leave it out.")
    unit = vectors / length
    unit = np.where(unit[:, 2:] < 0, -unit, unit)
    return unit[:, :2] / (1 + unit[:, 2:])


def line_directions(
    network: DislocationNetwork, span: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Directions of pieces of the lines.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.
    span : float, optional
        Length of a piece, in the unit of the network: noise of the depth makes short ones steep.
        By default a tenth of the longest line's, at least 10 px.

    Returns
    -------
    directions : numpy.ndarray
        (N, 3), ends of pieces minus their starts.
    line : numpy.ndarray
        (N,) numbers of their lines.
    sigma : numpy.ndarray
        (N,) degrees: how far the sigma of both ends can turn a piece, up to 90.
    """
    if span is None:
        longest = float(network.line_lengths.max()) if network.n_lines else 0.0
        span = max(0.1 * longest, 10 * network.pixel_size)
    directions, lines, sigmas = [], [], []
    for number in range(network.n_lines):
        chosen = network.line_index == number
        points, sigma = network.points[chosen], network.sigma[chosen]
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        pieces = max(1, round(along[-1] / span))
        ends = np.searchsorted(along, np.linspace(0, along[-1], pieces + 1)[1:-1])
        ends = np.unique([0, *ends, len(points) - 1])
        step = np.diff(points[ends], axis=0)
        error = np.hypot(sigma[ends[:-1]], sigma[ends[1:]])
        flat = np.hypot(step[:, 0], step[:, 1])
        # A move of one end along z turns the piece by its part across the piece.
        turn = error * flat / np.maximum((step**2).sum(axis=1), 1e-12)
        directions.append(step)
        lines.append(np.full(len(step), number))
        sigmas.append(np.minimum(np.rad2deg(turn), 90.0))
    if not directions:
        return np.zeros((0, 3)), np.zeros(0, dtype=int), np.zeros(0)
    return np.vstack(directions), np.concatenate(lines), np.concatenate(sigmas)


def plot_directions(
    network: DislocationNetwork,
    ax: Axes | None = None,
    span: float | None = None,
    axes: tuple[str, str, str] = ("x", "y", "z"),
    axis_vectors: ArrayLike | None = None,
) -> Axes:
    """Stereogram of the directions of the lines.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    span : float, optional
        See :func:`line_directions`.
    axes : (str, str, str)
        Names of three directions that are marked.
    axis_vectors : array-like of shape (3, 3), optional
        Rows along them, specimen coordinates; x, y and z (the beam) by default.

    Returns
    -------
    matplotlib.axes.Axes
        Each piece of a line is a dot: its area goes with its length, its colour tells how far its
        direction is known.

    Raises
    ------
    ValueError
        If an axis has no length.

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> network = DislocationNetwork([[0, 0, 0], [30, 0, 40]], [0, 0], units="nm")
    >>> len(plot_directions(network).collections[0].get_offsets())
    1
    """
    directions, _, sigma = line_directions(network, span)
    ax = _new_axes((5.4, 4.6)) if ax is None else ax
    _net(ax)
    places = stereographic(directions) if len(directions) else np.zeros((0, 2))
    length = np.linalg.norm(directions, axis=1)
    size = 60 * length / length.max() if len(length) else length
    order = np.argsort(-sigma, kind="stable")
    dots = ax.scatter(
        *places[order].T, s=size[order], c=sigma[order], cmap="viridis_r", vmin=0,
        vmax=max(5.0, float(np.quantile(sigma, 0.9))) if len(sigma) else 5.0,
        alpha=0.85, lw=0.4, ec="white", zorder=3,
    )  # fmt: skip
    bar = ax.figure.colorbar(dots, ax=ax, shrink=0.7, pad=0.06)
    bar.set_label("σ of the direction (°)")
    vectors = np.eye(3) if axis_vectors is None else np.asarray(axis_vectors, dtype=float)
    colours = (OKABE_ITO["vermilion"], OKABE_ITO["blue"], OKABE_ITO["green"])
    for name, place, colour in zip(axes, stereographic(vectors), colours, strict=True):
        ax.plot(*place, "+", color=colour, ms=12, mew=2.2, zorder=4)
        outwards = place if place.any() else np.array([1.0, -1.0])
        away = place + 0.1 * outwards / np.linalg.norm(outwards)
        ax.text(*away, name, color=colour, fontweight="bold", ha="center", va="center", zorder=5)
    return ax


def _net(ax: Axes) -> None:
    """Rim, circles of 30 and 60 degrees from the beam, and two diameters."""
    from matplotlib.patches import Circle

    for angle in (30, 60, 90):
        rim = angle == 90
        circle = Circle(
            (0, 0), np.tan(np.deg2rad(angle) / 2), fill=rim, fc="#f7f8fa",
            ec="black" if rim else GREY, lw=1.2 if rim else 0.8, zorder=1 if rim else 2,
        )  # fmt: skip
        ax.add_patch(circle)
        if not rim:
            radius = np.tan(np.deg2rad(angle) / 2)
            ax.text(
                0.71 * radius, 0.71 * radius, f"{angle}°", fontsize=8, color="0.45", zorder=2,
                ha="left", va="top",
            )  # fmt: skip
    for end in ((1, 0), (0, 1)):
        ax.plot([-end[0], end[0]], [-end[1], end[1]], color=GREY, lw=0.8, zorder=2)
    ax.set(xlim=(-1.2, 1.2), ylim=(1.2, -1.2), aspect="equal")
    ax.set_axis_off()


def plot_depths(network: DislocationNetwork, bins: int = 40, ax: Axes | None = None) -> Axes:
    """Length of line in each slice of depth.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.
    bins : int
        Slices over the depth of the points; 40 by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        Depth runs downwards, as the beam does. The bar on the right is the median sigma.

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> network = DislocationNetwork([[0, 0, 0], [30, 0, 40]], [0, 0], units="nm")
    >>> plot_depths(network).get_ylabel()
    'depth z (nm)'
    """
    ax = _new_axes((4.4, 4.2)) if ax is None else ax
    middles, length = _pieces(network)
    units = network.units
    if len(length):
        total, edges = np.histogram(middles[:, 2], bins=bins, weights=length)
        ax.barh(
            edges[:-1], total, height=np.diff(edges), align="edge", color=OKABE_ITO["blue"],
            ec="white", lw=0.3,
        )  # fmt: skip
        sigma, middle = float(np.median(network.sigma)), float(np.mean(edges[[0, -1]]))
        ax.errorbar(
            [1.06 * total.max()], [middle], yerr=[sigma], color=OKABE_ITO["vermilion"], capsize=4,
            lw=1.6, label=f"median σ {sigma:.2g} {units}",
        )  # fmt: skip
        ax.legend(frameon=False, fontsize=9, loc="lower right")
    ax.set(xlabel=f"length of lines ({units})", ylabel=f"depth z ({units})")
    ax.invert_yaxis()
    _light(ax)
    return ax


def plot_lengths(network: DislocationNetwork, bins: int = 20, ax: Axes | None = None) -> Axes:
    """How long the lines are, and the density that they make.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.
    bins : int
        20 by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> network = DislocationNetwork([[0, 0, 0], [30, 0, 40]], [0, 0], units="nm")
    >>> plot_lengths(network).get_ylabel()
    'lines'
    """
    ax = _new_axes((4.8, 3.6)) if ax is None else ax
    if network.n_lines:
        ax.hist(network.line_lengths, bins=bins, color=OKABE_ITO["blue"], ec="white", lw=0.3)
    title = f"{network.n_lines} lines, {network.total_length:.4g} {network.units}"
    if np.isfinite(network.density):
        title += (
            f"\ndensity ({network.density:.2e} ± {network.density_error:.1e}) "
            f"{network.density_units}"
        )
    ax.set_title(title, fontsize=10)
    ax.set(xlabel=f"length of a line ({network.units})", ylabel="lines")
    ax.yaxis.get_major_locator().set_params(integer=True)
    _light(ax)
    return ax


def _pieces(network: DislocationNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Middles (N, 3) and lengths (N,) of the steps from point to point along the lines."""
    same = np.diff(network.line_index) == 0
    start, end = network.points[:-1][same], network.points[1:][same]
    return (start + end) / 2, np.linalg.norm(end - start, axis=1)


def _light(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _new_axes(size: tuple[float, float]) -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]
