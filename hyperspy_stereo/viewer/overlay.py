"""Results drawn over images with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.anaglyph import stretch
from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.scene import nice_length

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["image_axes", "plot_detection", "plot_disparity", "plot_lines", "scale_bar"]

# Of a detected line: what it was seen by shows through.
OPACITY = 0.62


def image_axes(ax: Axes | None, shape: tuple[int, int], width: float = 6.0) -> Axes:
    """Axes without ticks for an image; those given, or those of a new figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(width, width * shape[0] / shape[1]), layout="constrained")
    ax.set_axis_off()
    return ax


def scale_bar(
    ax: Axes,
    shape: tuple[int, int],
    pixel_size: float,
    units: str,
    origin: tuple[float, float] = (0.0, 0.0),
) -> list[Artist]:
    """Draw a scale bar into the lower right corner of an image.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Holds an image in pixels.
    shape : (H, W)
        Of the image.
    pixel_size, units : float, str
        Units per pixel.
    origin : (float, float)
        x, y of the image's first pixel; 0 by default.

    Returns
    -------
    list of matplotlib.artist.Artist
        What was drawn, to remove it where the image changes its size.
    """
    from matplotlib.patches import Rectangle

    rows, columns = shape
    length = nice_length(0.25 * columns * pixel_size)
    pixels = length / pixel_size
    thick = 0.012 * rows
    x, y = origin[0] + 0.96 * columns - pixels, origin[1] + 0.95 * rows - thick
    # Dark on light on the image: seen on any background.
    pad = 0.008 * columns
    back = Rectangle(
        (x - pad, y - 0.062 * rows),
        pixels + 2 * pad,
        thick + 0.076 * rows,
        alpha=0.75,
        lw=0,
        facecolor="white",
        zorder=5,
    )
    bar = Rectangle((x, y), pixels, thick, color="black", lw=0, zorder=6)
    text = ax.text(
        x + pixels / 2,
        y - 0.008 * rows,
        f"{length:g} {units}",
        ha="center",
        va="bottom",
        fontsize=9,
        zorder=6,
    )
    return [ax.add_patch(back), ax.add_patch(bar), text]


def plot_detection(
    image: ArrayLike | None,
    probability: ArrayLike,
    boundary: ArrayLike | None = None,
    threshold: float = 0.5,
    ax: Axes | None = None,
    pixel_size: float = 1.0,
    units: str = "px",
) -> Axes:
    """Show what was detected over the image: lines in orange, boundaries in blue.

    Parameters
    ----------
    image : array-like of shape (H, W), or None
        The view; None draws on white.
    probability : array-like of shape (H, W)
        Of a dislocation, 0..1. Below `threshold` it fades out, so that doubtful lines are seen
        faintly.
    boundary : array-like of shape (H, W), optional
        Probability of a boundary.
    threshold : float
        Full colour from here on.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    pixel_size, units : float, str
        For the scale bar.

    Returns
    -------
    matplotlib.axes.Axes
        With the picture.

    Raises
    ------
    ValueError
        If the shapes differ or the threshold is not within 0..1.
    """
    line = np.asarray(probability, dtype=np.float64)
    if not 0 < threshold <= 1:
        raise ValueError(f"The threshold lies between 0 and 1; {threshold!r} was given.")
    layers = [(line, OKABE_ITO["orange"])]
    if boundary is not None:
        layers.append((np.asarray(boundary, dtype=np.float64), OKABE_ITO["sky"]))
    shape = line.shape
    for name, other in (("image", image), ("boundary", boundary)):
        if other is not None and np.shape(other) != shape:
            raise ValueError(
                f"The {name} has the shape {np.shape(other)} and the detection {shape}; both must "
                "be of one view."
            )
    ax = image_axes(ax, shape)
    ax.imshow(np.ones(shape) if image is None else stretch(image), cmap="gray", vmin=0, vmax=1)
    for values, colour in layers:
        ax.imshow(_tinted(np.clip(values / threshold, 0, 1) ** 2 * OPACITY, colour))
    scale_bar(ax, shape, pixel_size, units)
    return ax


def _tinted(alpha: np.ndarray, colour: str) -> np.ndarray:
    """RGBA picture of one colour."""
    from matplotlib.colors import to_rgb

    rgba = np.empty((*alpha.shape, 4))
    rgba[..., :3] = to_rgb(colour)
    rgba[..., 3] = np.nan_to_num(alpha)
    return rgba


def plot_disparity(
    disparity: ArrayLike,
    image: ArrayLike | None = None,
    ax: Axes | None = None,
    limits: tuple[float, float] | None = None,
    label: str = "disparity (px)",
    colour_bar: bool = True,
    cmap: str = "viridis",
) -> Axes:
    """Show disparities (or depths) where there are any, over the image.

    Parameters
    ----------
    disparity : array-like of shape (H, W)
        NaN where there is none.
    image : array-like of shape (H, W), optional
        The view, drawn pale beneath.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    limits : (float, float), optional
        Ends of the colour bar; by default the middle 98 % of the values.
    label : str
        Of the colour bar.
    colour_bar : bool
        Whether to draw one.
    cmap : str
        Colour map; "plasma" tells a standard error from a depth.

    Returns
    -------
    matplotlib.axes.Axes
        With the picture.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    values = np.asarray(disparity, dtype=np.float64)
    if values.ndim != 2 or (image is not None and np.shape(image) != values.shape):
        raise ValueError(
            f"The disparity has the shape {values.shape}, the image "
            f"{None if image is None else np.shape(image)}; both must be one (rows, columns)."
        )
    ax = image_axes(ax, values.shape, 6.6 if colour_bar else 6.0)
    pale = np.ones(values.shape) if image is None else 0.35 + 0.65 * stretch(image)
    ax.imshow(pale, cmap="gray", vmin=0, vmax=1)
    finite = values[np.isfinite(values)]
    if limits is None:
        limits = tuple(np.percentile(finite, [1, 99])) if finite.size else (0.0, 1.0)
    drawn = ax.imshow(values, cmap=cmap, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    if colour_bar:
        ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.85, pad=0.02)
    return ax


def plot_lines(
    lines: Sequence[np.ndarray],
    image: ArrayLike,
    ax: Axes | None = None,
    colour: str = OKABE_ITO["vermilion"],
    width: float = 1.2,
) -> Axes:
    """Draw polylines over an image, such as those of ``DislocationNetwork.reproject``.

    Parameters
    ----------
    lines : sequence of (n, 2) arrays
        x, y in px.
    image : array-like of shape (H, W)
        The view.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    colour : str
        Of the lines.
    width : float
        Of the lines, points.

    Returns
    -------
    matplotlib.axes.Axes
        With the picture.

    Raises
    ------
    ValueError
        If the image is not 2-D.
    """
    from matplotlib.collections import LineCollection

    picture = stretch(image)
    ax = image_axes(ax, picture.shape)
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.add_collection(LineCollection(list(lines), color=colour, lw=width))
    ax.set_xlim(-0.5, picture.shape[1] - 0.5)
    ax.set_ylim(picture.shape[0] - 0.5, -0.5)
    return ax
