"""The bright-field disc with the virtual detectors, the Kikuchi line and the incidences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.viewer.anaglyph import stretch
from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.overlay import image_axes, scale_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_detectors"]

# As the glasses: the left eye looks through red.
EYES = (OKABE_ITO["vermilion"], OKABE_ITO["sky"])
BETWEEN = OKABE_ITO["yellow"]
KIKUCHI = OKABE_ITO["orange"]
FEW = 6  # detectors whose incidences are written beside them


def plot_detectors(
    centre: Sequence[float],
    radius: float,
    mrad_per_px: float,
    detectors: ArrayLike,
    incidence: ArrayLike,
    detector_radius: float | tuple[float, float],
    pattern: ArrayLike | None = None,
    kikuchi: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw virtual detectors on the mean (or vacuum) pattern.

    Parameters
    ----------
    centre : (x, y)
        Of the disc, px of the pattern.
    radius : float
        Of the disc, px.
    mrad_per_px : float
        Of the pattern.
    detectors : array-like of shape (V, 2)
        Centres, px.
    incidence : array-like of shape (V, 2)
        What each detector sees of the disc, mrad in the detector's axes; drawn as a cross. At the
        rim it lies further in than the centre.
    detector_radius : float or (float, float)
        Of a circle, px; or semi-axes of a slit, the longer one along the line of detectors.
    pattern : array-like of shape (H, W), optional
        Without one the disc is drawn alone.
    kikuchi : (float, float), optional
        Azimuth of the Kikuchi line in degrees, and its offset from the centre in px.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        The first detector is the left view's (red), the last the right view's (blue).

    Raises
    ------
    ValueError
        If there is not one incidence for each detector.

    Examples
    --------
    >>> ax = plot_detectors((32, 32), 24, 2.5, [(46, 32), (18, 32)], [(35, 0), (-35, 0)], 7)
    >>> len(ax.texts)  # L and R, two incidences, the stereo angle, the scale bar
    6
    """
    places, theta = np.asarray(detectors, float), np.asarray(incidence, float)
    if places.ndim != 2 or places.shape != theta.shape or places.shape[1] != 2:
        raise ValueError(
            f"There are detectors of shape {places.shape} and incidences of shape {theta.shape}: "
            "give one (x, y) and one (theta_x, theta_y) for each view."
        )
    middle, reach = np.asarray(centre, float), 1.3 * radius
    size = int(np.ceil(2 * reach))
    ax = image_axes(ax, (size, size), 5.2)
    low = np.floor(middle - reach)
    sides = _draw_pattern(ax, pattern, middle, radius, low, size)
    if kikuchi is not None:
        _draw_line(ax, middle, radius, *kikuchi)
    _draw_detectors(ax, places, detector_radius, theta, middle, mrad_per_px, radius)
    ax.set(xlim=sides[:2], ylim=sides[2:])
    shape = (sides[2] - sides[3], sides[1] - sides[0])
    scale_bar(ax, shape, mrad_per_px, "mrad", origin=(sides[0], sides[3]))
    angle = float(np.linalg.norm(theta[0] - theta[-1]))
    ax.set_title(f"{len(places)} detectors, radius of the disc {radius * mrad_per_px:.0f} mrad")
    ax.text(
        0.04, 0.05, f"stereo angle {np.degrees(angle / 1000):.2f}° = {angle:.0f} mrad",
        transform=ax.transAxes, fontsize=10, va="bottom", zorder=7,
        bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 2.5},
    )  # fmt: skip
    return ax


def _draw_pattern(ax, pattern, middle, radius, low, size) -> tuple:
    """The part of the pattern around the disc; left, right, bottom, top of what is drawn."""
    from matplotlib.patches import Circle

    sides = (low[0], low[0] + size, low[1] + size, low[1])
    if pattern is not None:
        array = np.asarray(pattern, dtype=float)
        rows, columns = array.shape
        first = np.clip(low.astype(int), 0, (columns - 1, rows - 1))
        part = array[first[1] : first[1] + size + 1, first[0] : first[0] + size + 1]
        sides = (
            first[0] - 0.5, first[0] + part.shape[1] - 0.5,
            first[1] + part.shape[0] - 0.5, first[1] - 0.5,
        )  # fmt: skip
        ax.imshow(stretch(part, (0.5, 99.9)), cmap="gray", vmin=0, vmax=1.15, extent=sides)
    filled = {"fill": pattern is None, "fc": "0.5"}
    ax.add_patch(Circle(middle, radius, ec="white", lw=1.0, ls=":", zorder=2, **filled))
    return sides


def _draw_line(ax, middle, radius, azimuth: float, offset: float) -> None:
    along = np.array([np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))])
    normal = np.array([-along[1], along[0]])
    half = np.sqrt(max(radius**2 - offset**2, 0.0))
    ends = middle + offset * normal + np.array([[-1.12], [1.12]]) * half * along
    ax.plot(*ends.T, color=KIKUCHI, lw=1.6, zorder=3)
    from matplotlib.patheffects import withStroke

    # Beside the middle of the line, along it: detectors lie at its ends.
    lean = (azimuth + 90) % 180 - 90
    up = normal if normal[1] < 0 else -normal
    ax.text(
        *(middle + offset * normal + 0.07 * radius * up), "Kikuchi line", color="white",
        fontsize=9.5, rotation=-lean, rotation_mode="anchor", ha="center", va="center", zorder=7,
        path_effects=[withStroke(linewidth=2.6, foreground="black", alpha=0.75)],
    )  # fmt: skip


def _draw_detectors(ax, places, detector_radius, theta, middle, mrad_per_px, radius) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Ellipse
    from matplotlib.patheffects import withStroke

    dark = [withStroke(linewidth=2.6, foreground="black", alpha=0.75)]
    axes = (detector_radius,) * 2 if np.ndim(detector_radius) == 0 else tuple(detector_radius)
    towards = places[0] - places[-1]
    turn = float(np.degrees(np.arctan2(towards[1], towards[0])))
    last = len(places) - 1
    for number, (place, angle) in enumerate(zip(places, theta, strict=True)):
        colour = {0: EYES[0], last: EYES[1]}.get(number, BETWEEN)
        ax.add_patch(
            Ellipse(
                place,
                2 * axes[0],
                2 * axes[1],
                angle=turn,
                fc=to_rgba(colour, 0.22),
                ec=colour,
                lw=2.2,
                zorder=4,
            )
        )
        ax.plot(*(middle + angle / mrad_per_px), "+", color=colour, ms=7, mew=1.8, zorder=5)
        if number in (0, last) and last > 0:
            above = place - np.array([0, 0.55 * axes[1]])
            ax.text(
                *above, "LR"[number == last], color=colour, fontsize=13, fontweight="bold",
                ha="center", va="center", zorder=6, path_effects=dark,
            )  # fmt: skip
        if len(places) <= FEW:
            below = place + np.array([0, 1.25 * axes[1]])
            ax.text(
                *below, f"({angle[0]:.0f}, {angle[1]:.0f}) mrad", color="white", fontsize=9.5,
                ha="center", va="top", zorder=6, path_effects=dark,
            )  # fmt: skip
