"""Pictures that explain a simulation: the disc with s across it, truth over views, convergence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.anaglyph import stretch
from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.overlay import scale_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hyperspy_stereo.simulation.beam import TwoBeam
    from hyperspy_stereo.simulation.truth import Truth

__all__ = ["plot_convergence", "plot_disc", "plot_truth"]

DISC_SAMPLES = 401
KIKUCHI = OKABE_ITO["orange"]
DETECTOR = OKABE_ITO["sky"]
# What a line, a boundary and dirt look like in a picture of the truth.
TINTS = {"boundary_mask": OKABE_ITO["sky"], "distractor_mask": OKABE_ITO["purple"]}


def plot_disc(
    beam: TwoBeam,
    thickness: float,
    convergence_angle: float,
    detectors: ArrayLike | None = None,
    semi_axes: tuple[float, float] | float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the bright-field disc of a perfect foil, with the excitation error across it.

    Each place in the disc belongs to one incidence theta; it sees s(theta) = s - theta.g, which is
    constant along the Kikuchi line and runs fast across it.

    Parameters
    ----------
    beam : TwoBeam
        The condition in the middle of the disc.
    thickness : float
        Of the foil, nm.
    convergence_angle : float
        Semi-angle of the probe, mrad.
    detectors : array_like of shape (n, 2), optional
        Middles of virtual detectors, mrad.
    semi_axes : float or (float, float), optional
        Radius of the detectors, or the half axes of slits along and across the Kikuchi line, mrad.
        By default 0.3 of the disc.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        With axes in mrad, in scan directions (x right, y down).

    Raises
    ------
    ValueError
        If the angle is not above 0, or the detectors are not (n, 2).

    Examples
    --------
    >>> from hyperspy_stereo.simulation.beam import TwoBeam
    >>> beam = TwoBeam([0, 5, 0], s=0.0, xi_g=40, xi_g_abs=660, xi_0_abs=600)
    >>> ax = plot_disc(beam, 200.0, 30.0, detectors=[[20, 0], [-20, 0]], semi_axes=7.0)
    >>> ax.get_xlabel()
    'θx (mrad)'
    """
    from hyperspy_stereo.simulation.two_beam import perfect_crystal

    if not convergence_angle > 0:
        raise ValueError(f"convergence_angle must be above 0 mrad; got {convergence_angle!r}.")
    if ax is None:
        ax = _new_axes((5.6, 4.7))
    angle = np.linspace(-1, 1, DISC_SAMPLES) * convergence_angle
    x, y = np.meshgrid(angle, angle)
    s = beam.s - (beam.g[0] * x + beam.g[1] * y) / 1000
    outside = np.hypot(x, y) > convergence_angle
    # The intensity depends on s alone: computed once along s, and looked up.
    samples = np.linspace(s.min(), s.max(), 4 * DISC_SAMPLES)
    bright = [perfect_crystal(beam.with_s(value), thickness)[0] for value in samples]
    image = np.interp(s, samples, np.asarray(bright, dtype=float))
    side = convergence_angle
    drawn = ax.imshow(
        np.where(outside, np.nan, image),
        cmap="gray",
        vmin=0,
        extent=(-side, side, side, -side),
        interpolation="bilinear",
    )
    ax.figure.colorbar(drawn, ax=ax, label="bright field, share of the electrons", shrink=0.85)
    _contours(ax, x, y, np.where(outside, np.nan, s * beam.xi_g))
    if detectors is not None:
        _detectors(ax, detectors, 0.3 * side if semi_axes is None else semi_axes, beam.g)
    ax.set(xlabel="θx (mrad)", ylabel="θy (mrad)", xlim=(-1.08 * side, 1.08 * side))
    ax.set_ylim(1.08 * side, -1.08 * side)
    for name in ("top", "right"):
        ax.spines[name].set_visible(False)
    return ax


def _contours(ax: Axes, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> None:
    """Lines of constant w = s xi_g; the one of zero is the Kikuchi line."""
    from matplotlib.ticker import MaxNLocator

    levels = MaxNLocator(nbins=8, integer=True).tick_values(np.nanmin(w), np.nanmax(w))
    others = levels[levels != 0]
    if len(others):
        lines = ax.contour(x, y, w, others, colors="white", linewidths=0.7, alpha=0.85)
        ax.clabel(lines, fmt=lambda value: f"w = {value:+g}", fontsize=8)
    if np.nanmin(w) < 0 < np.nanmax(w):
        line = ax.contour(x, y, w, [0], colors=KIKUCHI, linewidths=2.2)
        ax.clabel(line, fmt={0: "s = 0"}, fontsize=9)


def _detectors(ax: Axes, detectors: ArrayLike, semi_axes, g: np.ndarray) -> None:
    from matplotlib.patches import Ellipse

    centres = np.asarray(detectors, dtype=float)
    if centres.ndim != 2 or centres.shape[1] != 2:
        raise ValueError(f"detectors must be (n, 2), x and y in mrad; got shape {centres.shape}.")
    along, across = np.broadcast_to(np.asarray(semi_axes, dtype=float), 2)
    azimuth = np.rad2deg(np.arctan2(g[1], g[0])) + 90
    for centre in centres:
        look = {"fill": False, "ec": DETECTOR, "lw": 2.2, "zorder": 4}
        ax.add_patch(Ellipse(centre, 2 * along, 2 * across, angle=azimuth, **look))


def plot_convergence(errors: Mapping[str, ArrayLike], ax: Axes | None = None) -> Axes:
    """Draw the error of an image against the thickness of the slices.

    Parameters
    ----------
    errors : mapping
        From :func:`hyperspy_stereo.simulation.contrast.convergence.convergence_errors`: "slice"
        in nm and largest errors under any other names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If "slice" is missing, or something else has another length.

    Examples
    --------
    >>> plot_convergence({"slice": [1, 2, 4], "split": [0.001, 0.004, 0.016]}).get_xscale()
    'log'
    """
    if "slice" not in errors:
        raise ValueError(
            'errors needs "slice", the thicknesses in nm, as convergence_errors gives.'
        )
    if ax is None:
        ax = _new_axes((5.2, 3.8))
    names = {
        "split": "exact phase of each slice (Strang)",
        "midpoint": "strain in the middle of each slice",
    }
    dz = np.asarray(errors["slice"], dtype=float)
    looks = (("o", OKABE_ITO["blue"]), ("s", OKABE_ITO["vermilion"]), ("^", OKABE_ITO["green"]))
    others = {name: np.asarray(e, float) for name, e in errors.items() if name != "slice"}
    for (name, error), (marker, colour) in zip(others.items(), looks * len(others), strict=False):
        if error.shape != dz.shape:
            raise ValueError(f"{name} has shape {error.shape}, but there are {dz.shape} slices.")
        ax.loglog(dz, error, marker + "-", color=colour, label=names.get(name, name))
    first = next(iter(others.values()))
    middle = len(dz) // 2
    guide = first[middle] * (dz / dz[middle]) ** 2
    ax.loglog(dz, guide, ":", color="0.4", label="second order")
    ax.axhline(0.003, color="0.75", lw=1, zorder=0)
    ax.set(xlabel="thickness of a slice (nm)", ylabel="largest error of the bright field")
    ax.set_xticks(dz, [f"{value:g}" for value in dz])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=9)
    return ax


def plot_truth(
    truth: Truth, images: Any = None, limits: tuple[float, float] | None = None
) -> Figure:
    """Show what is true about simulated views: depth of the lines, boundaries, dirt.

    Parameters
    ----------
    truth : Truth
        Of the views.
    images : array of shape (V, H, W) or signal, optional
        The views; without them those before noise.
    limits : (float, float), optional
        Depths in nm at the ends of the colour bar.

    Returns
    -------
    matplotlib.figure.Figure
        One column for each view: above the image, below it with the lines coloured by depth,
        boundaries and faults blue, dirt purple. Where lines of different depth overlap, the
        truth is ambiguous: black dots.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    views = truth.clean if images is None else getattr(images, "data", images)
    views = np.asarray(views, dtype=float)
    if views.shape != truth.depth.shape:
        raise ValueError(
            f"the truth belongs to views of shape {truth.depth.shape}; got {views.shape}."
        )
    n, rows, columns = views.shape
    known = truth.depth[np.isfinite(truth.depth)]
    if limits is None:
        limits = tuple(np.percentile(known, [1, 99])) if known.size else (0.0, 1.0)
    width = 3.6
    figure = Figure(figsize=(width * n + 1.1, 2 * width * rows / columns + 0.5), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, n, squeeze=False, gridspec_kw={"wspace": 0.03, "hspace": 0.03})
    figure.subplots_adjust(left=0.01, right=1 - 1.0 / (width * n + 1.1), bottom=0.01, top=0.94)
    for view in range(n):
        grey = stretch(views[view])
        axes[0, view].imshow(grey, cmap="gray", vmin=0, vmax=1)
        theta = truth.incidence[view]
        axes[0, view].set_title(f"θ = ({theta[0]:.0f}, {theta[1]:.0f}) mrad", fontsize=10)
        drawn = _overlay(axes[1, view], truth, view, grey, limits)
        for ax in axes[:, view]:
            ax.set_axis_off()
            scale_bar(ax, (rows, columns), truth.pixel_size, "nm")
    bar = figure.add_axes((1 - 0.9 / (width * n + 1.1), 0.1, 0.14 / (width * n + 1.1), 0.75))
    figure.colorbar(drawn, cax=bar, label="depth z (nm)")
    return figure


def _overlay(ax: Axes, truth: Truth, view: int, grey: np.ndarray, limits) -> Any:
    from matplotlib.colors import to_rgb

    ax.imshow(0.45 + 0.55 * grey, cmap="gray", vmin=0, vmax=1)
    for name, colour in TINTS.items():
        mask = getattr(truth, name)[view]
        tint = np.zeros((*mask.shape, 4))
        tint[mask] = (*to_rgb(colour), 0.5)
        ax.imshow(tint)
    depth = truth.depth[view]
    drawn = ax.imshow(
        depth, cmap="viridis", vmin=limits[0], vmax=limits[1], interpolation="nearest"
    )
    y, x = np.nonzero(truth.ambiguous[view])
    ax.plot(x, y, ",", color="black")
    return drawn


def _new_axes(size: tuple[float, float]) -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]
