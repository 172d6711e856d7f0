"""Make the picture of the geometry: ``python docs/make_geometry_picture.py``."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, Polygon, Rectangle

from hyperspy_stereo.viewer.colours import OKABE_ITO

TARGET = Path(__file__).parent / "pictures" / "geometry.png"
LEFT, RIGHT, INK, PALE = OKABE_ITO["blue"], OKABE_ITO["vermilion"], "#222222", "#e8eaee"
SLOPE = 0.34  # of the rays of the two views, ten times what a microscope has
FOCUS, DEPTH, TOP, BOTTOM = 0.0, 0.55, -1.0, 1.0


def main() -> None:
    """Draw the three panels and write them."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 4.2), width_ratios=(4, 3.8, 3.6))
    _foil(axes[0])
    _disc(axes[1])
    _views(axes[2])
    titles = ("one probe, many directions", "the bright-field disc", "two virtual views")
    for ax, title in zip(axes, titles, strict=True):
        ax.set_axis_off()
        ax.set_aspect("equal")
        ax.set_title(title, fontsize=12, color=INK)
    figure.tight_layout(w_pad=0.5)
    figure.savefig(TARGET, dpi=110)


def _foil(ax) -> None:
    """The convergent probe in the foil, with the rays that two detectors see."""
    ax.add_patch(Rectangle((-1.9, TOP), 3.8, BOTTOM - TOP, fc=PALE, ec="#9aa3b2", lw=1))
    depth = np.array([-1.75, 1.75])
    cone = np.array([[-0.5, -1], [0.5, -1], [-0.5, 1], [0.5, 1]]) * 1.75
    ax.add_patch(Polygon([*cone[:2], (0, 0)], fc="#bfc6d1", alpha=0.5, lw=0))
    ax.add_patch(Polygon([*cone[2:], (0, 0)], fc="#bfc6d1", alpha=0.5, lw=0))
    for slope, colour in ((SLOPE, LEFT), (-SLOPE, RIGHT)):
        ax.plot(slope * depth, depth, color=colour, lw=2.5)
        ax.add_patch(_arrow((slope * 1.55, 1.55), (slope * 1.8, 1.8), colour))
    ax.plot([-1.9, 1.9], [FOCUS, FOCUS], "--", color="#6b7280", lw=1)
    ax.text(1.86, FOCUS - 0.07, r"focus $z_f$", ha="right", va="bottom", fontsize=10)
    ax.plot(0, DEPTH, "o", color=INK, ms=9, zorder=5)
    ax.text(-0.3, DEPTH + 0.18, "line", ha="right", va="center", fontsize=10)
    ax.add_patch(_arrow((1.25, FOCUS), (1.25, DEPTH), INK, "<|-|>"))
    ax.text(1.33, 0.5 * (FOCUS + DEPTH), "$z$", va="center", fontsize=12)
    reach = SLOPE * DEPTH
    ax.plot([-reach, reach], [DEPTH, DEPTH], color=INK, lw=1)
    ax.text(0, -1.83, "probe", ha="center", fontsize=10)
    angle = np.linspace(-np.arctan(SLOPE), np.arctan(SLOPE), 30)
    ax.plot(1.35 * np.sin(angle), 1.35 * np.cos(angle), color=INK, lw=1)
    ax.text(0, 1.45, r"$\varphi$", ha="center", fontsize=12)
    ax.text(-1.83, TOP + 0.08, "foil", va="top", fontsize=10, color="#4b5563")
    ax.set_xlim(-2, 2)
    ax.set_ylim(1.95, -1.95)


def _disc(ax) -> None:
    """The detector plane: the disc, the Kikuchi line and one detector for each view."""
    ax.add_patch(Circle((0, 0), 1.5, fc="#cfd4dc", ec="#9aa3b2"))
    turn = np.deg2rad(-18)
    along = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-along[1], along[0]])
    for gap, shade in ((0.0, 0.55), (0.32, 0.25), (-0.32, 0.25)):
        half = np.sqrt(1.5**2 - gap**2) - 0.06
        ends = np.outer([-half, half], along) + gap * across
        ax.plot(*ends.T, color="#5b6472", alpha=shade, lw=9, solid_capstyle="butt")
    ends = np.outer([-1.75, 1.75], along)
    ax.plot(*ends.T, "--", color=INK, lw=1)
    for place, colour, name in ((1.02, LEFT, "left"), (-1.02, RIGHT, "right")):
        ax.add_patch(Circle(place * along, 0.34, fc=colour, ec="white", alpha=0.9, lw=1.5))
        ax.text(*(place * along + (0, 0.52)), name, ha="center", va="center", fontsize=10)
    ax.add_patch(_arrow((0, 0), 0.95 * across, INK))
    ax.text(*(1.12 * across), "$g$", ha="center", va="center", fontsize=12)
    ax.text(0, 1.75, "Kikuchi line: same contrast all along", ha="center", fontsize=10)
    ax.set_xlim(-1.9, 1.9)
    ax.set_ylim(1.95, -1.95)


def _views(ax) -> None:
    """What the two views show of a line that climbs, and the disparity."""
    rise = np.linspace(-1, 1, 60)
    course = 0.25 * np.sin(2.0 * rise)
    for top, sign, colour, name in ((-1.62, 1, LEFT, "left"), (0.12, -1, RIGHT, "right")):
        ax.add_patch(Rectangle((-1.6, top), 3.2, 1.5, fc="white", ec=colour, lw=2))
        x, y = course - sign * 0.28 * (rise + 1), top + 0.75 + 0.62 * rise
        ax.plot(x, y, color=INK, lw=3, solid_capstyle="round")
        ax.plot(course, y, ":", color="#6b7280", lw=1.5)
        ax.text(-1.5, top + 0.1, name, va="top", fontsize=10, color=colour)
        at = 48
        ax.add_patch(_arrow((course[at], y[at]), (x[at], y[at]), colour))
    ax.text(0, 1.78, r"$d = x_\mathrm{right} - x_\mathrm{left} = 2\,z\,\tan(\varphi/2)$",
            ha="center", va="center", fontsize=11)  # fmt: skip
    ax.set_xlim(-1.8, 1.8)
    ax.set_ylim(1.95, -1.95)


def _arrow(start, end, colour, style: str = "-|>") -> FancyArrowPatch:
    return FancyArrowPatch(
        start, end, arrowstyle=style, color=colour, mutation_scale=12, lw=1.5, shrinkA=0, shrinkB=0
    )


if __name__ == "__main__":
    main()
