"""Figures of particles: over an image, histograms, g(r), the effect of the stereo angle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.anaglyph import stretch
from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.overlay import image_axes, scale_bar

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hyperspy_stereo.results.particle_cloud import ParticleCloud
    from hyperspy_stereo.results.radial_distribution import RadialDistribution

__all__ = [
    "plot_angle_effect",
    "plot_particle_histogram",
    "plot_particle_image",
    "plot_radial_distribution",
]

COLOURS = ("blue", "vermilion", "green", "purple", "orange")


def plot_particle_image(
    image: ArrayLike,
    positions: ArrayLike,
    radius: ArrayLike,
    pixel_size: float = 1.0,
    units: str = "px",
    ax: Axes | None = None,
) -> Axes:
    """Draw detected particles as circles over their image.

    Parameters
    ----------
    image : array-like of shape (H, W)
        One view.
    positions, radius : array-like of shape (N, 2) and (N,)
        px.
    pixel_size, units : float, str
        For the scale bar.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.collections import EllipseCollection

    picture = np.asarray(image, dtype=np.float64)
    ax = image_axes(ax, picture.shape)
    ax.imshow(stretch(picture), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    where, size = np.asarray(positions).reshape(-1, 2), 2 * np.asarray(radius).ravel()
    ax.add_collection(
        EllipseCollection(
            size,
            size,
            np.zeros(len(size)),
            units="xy",
            offsets=where,
            offset_transform=ax.transData,
            facecolor="none",
            edgecolor=OKABE_ITO["orange"],
            lw=0.9,
        )
    )
    scale_bar(ax, picture.shape, pixel_size, units)
    return ax


def plot_particle_histogram(
    cloud: ParticleCloud, column: str = "radius", bins: int | str = "auto", ax: Axes | None = None
) -> Axes:
    """Histogram of one number of each particle.

    Parameters
    ----------
    cloud : ParticleCloud
        Not empty.
    column : str
        Of :meth:`~hyperspy_stereo.ParticleCloud.to_dataframe`.
    bins : int or str
        As for ``numpy.histogram``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no such column, or no particle.
    """
    table = cloud.to_dataframe()
    if column not in table:
        raise ValueError(f"column must be one of {list(table)}; {column!r} was given.")
    if len(table) == 0:
        raise ValueError("There is no particle to count: see the map it was made from.")
    values = table[column].to_numpy(dtype=float)
    ax = _axes(ax)
    ax.hist(values[np.isfinite(values)], bins=bins, color=OKABE_ITO["sky"], edgecolor="white")
    angle = column in ("azimuth", "inclination")
    length = column in ("x", "y", "z", "radius", "nearest_neighbour") or column.startswith("sigma")
    unit = (
        "°" if angle else cloud.units if length else f"{cloud.units}²" if column == "area" else ""
    )
    ax.set_xlabel(f"{column.replace('_', ' ')} ({unit})" if unit else column.replace("_", " "))
    ax.set_ylabel("particles")
    return ax


def plot_radial_distribution(
    distributions: Sequence[RadialDistribution],
    labels: Sequence[str] | None = None,
    potential: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one or several g(r) with bands of two sigma.

    Parameters
    ----------
    distributions : sequence of RadialDistribution
        In one unit.
    labels : sequence of str, optional
        For the legend.
    potential : bool
        Draw U(r) = -kT ln g(r) instead. Default False.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If units or the number of labels differ.
    """
    units = {d.units for d in distributions}
    if len(units) != 1:
        raise ValueError(f"All g(r) must be in one unit; {sorted(units)} were given.")
    if labels is not None and len(labels) != len(distributions):
        raise ValueError(f"{len(distributions)} g(r) need as many labels; got {len(labels)}.")
    ax = _axes(ax)
    for k, d in enumerate(distributions):
        colour = OKABE_ITO[COLOURS[k % len(COLOURS)]]
        value, error = (d.potential, d.potential_error) if potential else (d.g, d.error)
        shown = np.isfinite(value) & np.isfinite(error)
        r, value, error = d.r[shown], value[shown], error[shown]
        ax.fill_between(r, value - 2 * error, value + 2 * error, color=colour, alpha=0.2, lw=0)
        ax.plot(r, value, color=colour, lw=1.4, label=None if labels is None else labels[k])
        peak = d.first_peak()
        if np.isfinite(peak.position) and not potential:
            ax.axvline(peak.position, color=colour, lw=0.8, ls=":")
    if not potential:
        # Small shells hold no pairs: their bands would fill the picture.
        bands = [(d.g + 2 * d.error)[d.error < 0.5 * max(d.g.max(), 1e-9)] for d in distributions]
        top = max(float(band.max(initial=1.5)) for band in bands)
        ax.set_ylim(-0.03 * top, 1.08 * top)
    ax.axhline(0.0 if potential else 1.0, color="#777777", lw=0.7)
    ax.set_xlabel(f"r ({units.pop()})")
    ax.set_ylabel("U(r) (kT)" if potential else "g(r)")
    if labels is not None:
        ax.legend(frameon=False)
    return ax


def plot_angle_effect(table: pd.DataFrame) -> Figure:
    """Draw how a cloud depends on the assumed stereo angle.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`hyperspy_stereo.results.stereo_angle_effect.stereo_angle_effect`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    units = table.attrs.get("units", "px")
    figure = Figure(figsize=(9, 3), layout="constrained")
    FigureCanvasAgg(figure)
    shown = (
        ("thickness", f"thickness ({units})"),
        ("first_peak", f"first peak of g(r) ({units})"),
        ("log_likelihood", "log-likelihood of one distance law"),
    )
    for ax, (column, label) in zip(figure.subplots(1, 3), shown, strict=True):
        error = table.get(f"{column}_error")
        ax.errorbar(
            table["angle"], table[column], error, color=OKABE_ITO["blue"], marker="o", ms=3, lw=1
        )
        ax.axvline(table.attrs["best_angle"], color=OKABE_ITO["vermilion"], lw=0.9, ls=":")
        ax.set_xlabel("assumed stereo angle (°)")
        ax.set_ylabel(label)
    return figure


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(5, 3.4), layout="constrained")[1]
