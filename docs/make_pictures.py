"""Make the pictures of the pages about the simulation: ``python docs/make_pictures.py``."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np

from hyperspy_stereo.datasets import example_stereo_pair
from hyperspy_stereo.simulation import Dislocation
from hyperspy_stereo.simulation.contrast.convergence import convergence_errors
from hyperspy_stereo.viewer import (
    ContrastCase,
    ContrastExplorer,
    plot_convergence,
    plot_disc,
    plot_specimen,
    plot_truth,
)

HERE = Path(__file__).parent / "pictures"
CASE = ContrastCase(shape=(72, 96))


def specimen_and_truth() -> None:
    """The example: its specimen beside the views, its truth, its anaglyph."""
    pair, truth = example_stereo_pair()
    figure = plot_specimen(
        truth.specimen, pair, "g·b", titles=["left", "right"], backend="matplotlib"
    )
    figure.savefig(HERE / "simulated_specimen.png", dpi=110)
    plot_truth(truth, pair).savefig(HERE / "simulated_truth.png", dpi=100)
    ax = pair.plot_anaglyph()
    ax.figure.savefig(HERE / "simulated_anaglyph.png", dpi=90)


def disc() -> None:
    """The disc with s across it, and two slits on the Kikuchi line."""
    beam = ContrastCase(g_azimuth=70).beam
    across = beam.g[:2] / np.linalg.norm(beam.g)
    along = np.array([-across[1], across[0]])
    ax = plot_disc(beam, 200.0, 30.0, [20 * along, -20 * along], semi_axes=(7, 3.5))
    ax.figure.savefig(HERE / "disc.png", dpi=100)


def convergence() -> None:
    """Error against the thickness of the slices."""
    line = Dislocation([[0, -9, 97.3], [0, 9, 97.3]], burgers=[0.05, 0.25, 0])
    slices = [0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0]
    beam = ContrastCase().beam
    errors = convergence_errors(line, beam, 200.0, np.arange(-20.5, 21), slices)
    ax = plot_convergence(errors)
    ax.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
    ax.figure.savefig(HERE / "convergence.png", dpi=100)


def gallery() -> None:
    """Bright and dark field of the kinds of dislocation."""
    cases = {
        "screw, g·b = 1": ContrastCase(azimuth=90, inclination=0, depth=0.4),
        "screw, g·b = 0": ContrastCase(azimuth=0, inclination=0, depth=0.4),
        "edge, g·b = 0": ContrastCase(
            "edge, b across the foil", azimuth=0, inclination=0, depth=0.4
        ),
        "inclined screw": ContrastCase(azimuth=75, inclination=40),
        "the same, w = 1.5": ContrastCase(azimuth=75, inclination=40, w=1.5),
        "loop": ContrastCase("loop", azimuth=90, inclination=55, w=0.5),
    }
    figure, axes = plt.subplots(2, len(cases), figsize=(12, 3.3), layout="constrained")
    for column, (title, case) in enumerate(cases.items()):
        images = case.images(1.0)
        for row, name in enumerate(("bright", "dark")):
            image, level = getattr(images, name), images.background[row]
            reach = max(0.5 * level, np.percentile(np.abs(image - level), 99.5))
            look = {"vmin": level - reach, "vmax": level + reach, "interpolation": "bicubic"}
            axes[row, column].imshow(image, cmap="gray", **look)
            axes[row, column].set_axis_off()
        axes[0, column].set_title(title, fontsize=10)
    for row, name in enumerate(("bright field", "dark field")):
        axes[row, 0].text(
            -0.04, 0.5, name, transform=axes[row, 0].transAxes, rotation=90, va="center", ha="right"
        )
    figure.savefig(HERE / "contrast_gallery.png", dpi=100)


def explorer() -> None:
    """What the sliders of the notebook change."""
    ContrastExplorer().figure.savefig(HERE / "contrast_explorer.png", dpi=96)


if __name__ == "__main__":
    for make in (specimen_and_truth, disc, convergence, gallery, explorer):
        make()
        plt.close("all")
