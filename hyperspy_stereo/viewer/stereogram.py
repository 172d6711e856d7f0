"""Directions of lines on a stereographic projection, with their errors and the crystal's poles."""

from __future__ import annotations

from itertools import product
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.colours import OKABE_ITO

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hyperspy_stereo.results.crystal_lines import CrystalLines

__all__ = ["plot_stereogram"]

POLES = 2  # sum of squares of the largest indices that are labelled: <100> and <110>
RING = 49  # points of an error ellipse
SIGMAS = 2.0
LINE_COLOUR = OKABE_ITO["blue"]
POLE_COLOUR = "0.35"


def plot_stereogram(
    lines: CrystalLines, ax: Axes | None = None, poles: bool = True, **kwargs: Any
) -> Axes:
    """Draw the directions of dislocation lines, seen along the beam.

    Parameters
    ----------
    lines : CrystalLines
        Of `DislocationNetwork.in_crystal`.
    ax : matplotlib.axes.Axes, optional
        With ``projection="stereographic"`` of orix; a new figure by default.
    poles : bool, default True
        Label the directions of low indices.
    **kwargs
        Passed to `scatter`, such as ``s`` or ``c``. By default a point's area grows with the line's
        length.

    Returns
    -------
    matplotlib.axes.Axes
        The upper hemisphere, towards the source of the electrons; x of the image to the right, y
        down. A line lies where its upward end points. Ellipses hold 2 sigma.

    Raises
    ------
    ValueError
        If there are no lines to draw, or the axes have another projection.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo import DislocationNetwork
    >>> from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
    >>> foil = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> points = np.linspace(0, 100, 51)[:, None] * foil.direction((1, 0, 1))
    >>> network = DislocationNetwork(points, [0] * 51, [1.0] * 51, units="nm")
    >>> plot_stereogram(network.in_crystal(foil)).name
    'stereographic'
    """
    import matplotlib.pyplot as plt
    import orix.plot  # noqa: F401 - registers the projection
    from orix.vector import Vector3d

    if not len(lines):
        raise ValueError(
            "there are no lines to draw: those of less than 4 points have no direction."
        )
    if ax is None:
        figure = plt.figure(figsize=(6, 6), layout="constrained")
        ax = figure.add_subplot(projection="stereographic")
    elif ax.name != "stereographic":
        raise ValueError(
            f"ax has the projection {ax.name!r}: import orix.plot, then make it by "
            'add_subplot(projection="stereographic").'
        )
    if poles:
        _draw_poles(ax, lines.foil, Vector3d)
    up = np.array([_up(shape.fit.direction) for shape in lines.shapes])
    for shape, direction in zip(lines.shapes, up, strict=True):
        ring = _ring(direction, shape.fit.covariance)
        ax.plot(Vector3d(_to_plot(ring)), color=LINE_COLOUR, linewidth=0.8, alpha=0.6)
    length = np.array([shape.length for shape in lines.shapes])
    style = {"s": 6 + 18 * length / length.max(), "c": LINE_COLOUR, "zorder": 5, **kwargs}
    ax.scatter(Vector3d(_to_plot(up)), edgecolors="white", linewidths=0.5, **style)
    ax.set_labels(None, None, None)
    return ax


def _draw_poles(ax: Axes, foil: Any, vector: type) -> None:
    """Label directions of low indices in the upper hemisphere."""
    from hyperspy_stereo.simulation.crystals.indices import direction_label

    span = range(-1, 2)
    found = [t for t in product(span, repeat=3) if 0 < np.dot(t, t) <= POLES and gcd(*t) == 1]
    for uvw in found:
        direction = foil.matrix @ _unit(np.array(uvw) @ foil.crystal.direct)
        if direction[2] > 1e-6:
            continue
        place = vector(_to_plot(direction[None]))
        ax.scatter(place, c="none", edgecolors=POLE_COLOUR, marker="s", s=22, linewidths=0.8)
        text = direction_label(uvw, foil.crystal.hexagonal)
        ax.text(place, s=text, color=POLE_COLOUR, fontsize=8, va="bottom", ha="left")


def _to_plot(vectors: np.ndarray) -> np.ndarray:
    """Specimen frame (y down, z away from the source) to the plot's (y up, z to the reader)."""
    return vectors * np.array([1.0, -1.0, -1.0])


def _up(direction: np.ndarray) -> np.ndarray:
    """The end of a line that points to the source."""
    return -direction if direction[2] > 0 else direction


def _ring(direction: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Directions at the border of the error; what lies below the rim comes back opposite."""
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0, 2 * np.pi, RING)
    axes = vectors[:, 1:] * np.sqrt(np.maximum(values[1:], 0)) * SIGMAS
    ring = direction + np.cos(angle)[:, None] * axes[:, 0] + np.sin(angle)[:, None] * axes[:, 1]
    ring /= np.linalg.norm(ring, axis=1, keepdims=True)
    # a line drawn through the rim to its other side would cross the picture
    return ring[ring[:, 2] <= 0]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
