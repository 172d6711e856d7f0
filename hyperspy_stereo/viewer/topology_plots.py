"""Pictures of a topological score: conditions in a row, the best one marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.viewer.anaglyph import stretch
from hyperspy_stereo.viewer.colours import OKABE_ITO
from hyperspy_stereo.viewer.overlay import image_axes, scale_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hyperspy_stereo.results.topology_score import TopologyScore

__all__ = ["plot_segmentation", "plot_topology_score"]

#: Found, missed and false lines: told apart with any colour vision, and in grey.
TINTS = {"found": OKABE_ITO["black"], "missed": OKABE_ITO["sky"], "false": OKABE_ITO["vermilion"]}
BEST = OKABE_ITO["green"]


def plot_segmentation(mask: np.ndarray, truth: np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw a mask over the truth: found lines black, missed ones blue, false ones red.

    Parameters
    ----------
    mask, truth : ndarray of bool, shape (H, W)
        What was detected, and what there is.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If they are not two pictures of one shape.
    """
    from matplotlib.colors import to_rgb

    mask, truth = np.asarray(mask, dtype=bool), np.asarray(truth, dtype=bool)
    if mask.ndim != 2 or mask.shape != truth.shape:
        raise ValueError(
            f"the mask has the shape {mask.shape} and the truth {truth.shape}; both must be one "
            "picture (H, W)."
        )
    picture = np.ones((*mask.shape, 3))
    parts = {"found": mask & truth, "missed": truth & ~mask, "false": mask & ~truth}
    for name, where in parts.items():
        picture[where] = to_rgb(TINTS[name])
    ax = image_axes(ax, mask.shape)
    ax.imshow(picture, interpolation="nearest")
    return ax


def plot_topology_score(score: TopologyScore) -> Figure:
    """Draw a score as a table of pictures, one column for each condition.

    Parameters
    ----------
    score : TopologyScore
        Of pictures (H, W).

    Returns
    -------
    matplotlib.figure.Figure
        Rows: the images (where there are any), the segmentations over the truth, the relative
        distances of each filtration in H0 and H1, and the final score with its interval. The best
        condition is green.

    Raises
    ------
    ValueError
        If the masks are volumes.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    if score.masks[0].ndim != 2:
        raise ValueError("volumes cannot be drawn as pictures; use to_dataframe() or matrix.")
    count = len(score)
    pictures = [] if score.images is None else [score.images]
    width = max(1.6 * count + 1.6, 5.0)
    heights = [*[1.5] * (len(pictures) + 1), 2.7, 2.7, 1.7]
    figure = plt.figure(figsize=(width, sum(heights) + 0.9), layout="constrained")
    grid = figure.add_gridspec(len(heights), count, height_ratios=heights)
    best = int(score.ranking[0])
    for column in range(count):
        axes = [figure.add_subplot(grid[row, column]) for row in range(len(pictures) + 1)]
        _pictures(axes, score, column)
        colour, weight = (BEST, "bold") if column == best and count > 1 else ("black", "normal")
        axes[0].set_title(score.labels[column], color=colour, fontweight=weight, fontsize=10)
    row = len(pictures) + 1
    for dimension in (0, 1):
        _matrix(figure.add_subplot(grid[row + dimension, :]), score, dimension, best)
    _bars(figure.add_subplot(grid[row + 2, :]), score, best)
    patches = [Patch(color=colour, label=f"{name} lines") for name, colour in TINTS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False)
    return figure


def _pictures(axes: list[Axes], score: TopologyScore, column: int) -> None:
    """Image and segmentation of one condition."""
    mask, truth = score.masks[column], score.truths[column % len(score.truths)]
    if len(axes) == 2:
        image_axes(axes[0], mask.shape)
        axes[0].imshow(stretch(score.images[column]), cmap="gray", vmin=0, vmax=1)
        if column == 0:
            scale_bar(axes[0], mask.shape, score.pixel_size, score.units)
    plot_segmentation(mask, truth, axes[-1])


def _matrix(ax: Axes, score: TopologyScore, dimension: int, best: int) -> None:
    """Relative distances, filtration by condition."""
    from matplotlib.patches import Rectangle

    values = score.matrix[dimension]
    drawn = ax.imshow(values, cmap="viridis", vmin=0, aspect="auto", interpolation="nearest")
    ax.set_yticks(range(len(score.filtrations)), score.filtrations, fontsize=7)
    ax.set_xticks([])
    ax.figure.colorbar(drawn, ax=ax, label=f"distance, H{dimension}", pad=0.01)
    if len(score) > 1:
        frame = Rectangle((best - 0.5, -0.5), 1, len(values), fill=False, edgecolor=BEST, lw=2)
        frame.set_clip_on(False)
        ax.add_patch(frame)


def _bars(ax: Axes, score: TopologyScore, best: int) -> None:
    """Final scores with their intervals."""
    final, interval = np.atleast_1d(score.final), score.interval
    colours = [BEST if n == best and len(score) > 1 else "0.6" for n in range(len(score))]
    ax.bar(range(len(score)), final, color=colours, width=0.7)
    known = np.isfinite(interval).all(axis=1)
    if known.any():
        places = np.flatnonzero(known)
        away = np.abs(interval[known] - final[known, None]).T
        ax.errorbar(places, final[known], yerr=away, fmt="none", ecolor="black", capsize=3)
    ax.set_xticks(range(len(score)), score.labels)
    ax.set_xlim(-0.5, len(score) - 0.5)
    ax.set_ylabel("score (0 is the truth)")
    for name in ("top", "right"):
        ax.spines[name].set_visible(False)
