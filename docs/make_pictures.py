"""Make the pictures of the pages: ``python docs/make_pictures.py``."""

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgba
from scipy import ndimage as ndi
from skimage.morphology import skeletonize

import hyperspy_stereo
import hyperspy_stereo.simulation as simulation
from hyperspy_stereo import DislocationMap, demo, load
from hyperspy_stereo.datasets import example_stereo_pair
from hyperspy_stereo.geometry import apply_affine, invert_affine
from hyperspy_stereo.geometry import project as project_points
from hyperspy_stereo.results import RadialDistribution
from hyperspy_stereo.results.stereo_angle_effect import stereo_angle_effect
from hyperspy_stereo.simulation import Dislocation
from hyperspy_stereo.simulation.contrast.convergence import convergence_errors
from hyperspy_stereo.simulation.imaging.microscope import ScanNoise
from hyperspy_stereo.simulation.particles import (
    Interaction,
    equilibrium,
    particle_views,
    segment_incidence,
)
from hyperspy_stereo.training.evaluation.scores import line_scores
from hyperspy_stereo.training.recipe.physical import scene_of
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, BOUNDARY, IGNORE, LINE
from hyperspy_stereo.viewer import (
    ContrastCase,
    ContrastExplorer,
    plot_angle_effect,
    plot_convergence,
    plot_disc,
    plot_particle_image,
    plot_radial_distribution,
    plot_specimen,
    plot_truth,
    stretch,
)
from hyperspy_stereo.viewer.colours import OKABE_ITO

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


COLOURS = ("green", "vermilion", "purple", "yellow", "sky")
RIGHT, FALSE, MISSED, TRUE, EXTENDED = (OKABE_ITO[name] for name in COLOURS)
PAIRS = {  # seeds that no network was trained on
    2_050_001: ("CrMnFeCoNi", "simulated pair: threading\nlines, a loop, a boundary"),
    2_050_004: ("TiAl", "simulated pair:\nbroad, crowded images"),
}


def before_after() -> None:
    """The same views by the ridge filter and by the network, beside the truth."""
    rows = {"the scan of make demo": _demo_view()}
    rows |= {title: _pair_view(seed, crystal) for seed, (crystal, title) in PAIRS.items()}
    figure, axes = plt.subplots(len(rows), 4, figsize=(13, 3.25 * len(rows)), layout="constrained")
    heads = "left view", "before: ridge filter", "now: network", "truth"
    for row, (name, (image, found, label, tolerance)) in zip(axes, rows.items(), strict=True):
        for ax in row:
            ax.imshow(stretch(image), cmap="gray", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, fontsize=13)
        true = ndi.distance_transform_edt((label & LINE) == 0) <= tolerance
        unscored = (label & (IGNORE | AMBIGUOUS)) > 0
        for ax, called in zip(row[1:3], found, strict=True):
            scores = line_scores(called, label, tolerance)
            centre = _drawn(called)
            _tint(ax, centre & true, RIGHT)
            _tint(ax, centre & ~true & ~unscored, FALSE)
            near = ndi.distance_transform_edt(~called) <= tolerance
            _tint(ax, _drawn((label & LINE) > 0) & ~near & ~unscored, MISSED)
            ax.set_xlabel(f"F1 {scores['f1']:.2f}", fontsize=13)
        _tint(row[3], (label & BOUNDARY) > 0, EXTENDED, 0.35)
        _tint(row[3], _drawn((label & LINE) > 0), TRUE)
    for ax, head in zip(axes[0], heads, strict=True):
        ax.set_title(head, fontsize=15)
    names = "found", "false", "missed", "true line", "boundary"
    legend = dict(zip(names, (RIGHT, FALSE, MISSED, TRUE, EXTENDED), strict=True))
    patches = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in legend.values()]
    figure.legend(patches, legend, loc="outside lower center", ncols=5, fontsize=13, frameon=False)
    figure.savefig(HERE / "detection_before_after.png", dpi=100)


def particles() -> None:
    """A view with what was found in it, all particles in space, g(r); the assumed stereo angle."""
    law, size, thickness = Interaction(depth=2.5, gap=1.0, width=0.4), (204.8, 204.8), 200.0
    clouds = []
    for seed in range(3100, 3108):
        points = equilibrium(np.full(275, 2.4), size, thickness, law, 60, seed)
        incidence = segment_incidence(3.0)
        made = particle_views(points, 2.4, incidence, (512, 512), noise=0.15, seed=seed)
        views = hyperspy_stereo.StereoPair.from_segments(
            made.images, 3.0, [45, 135, 225, 315], 0.4, "nm"
        )
        maps = views.detect_particles()
        clouds.append(maps.reconstruct().set_thickness(thickness))
    figure = plt.figure(figsize=(13, 3.9))
    left, middle, right = (
        figure.add_axes(where)
        for where in ((0.005, 0.03, 0.28, 0.94), (0.29, 0.0, 0.38, 1.0), (0.73, 0.14, 0.26, 0.83))
    )
    view = maps.particles[maps.particles.view == 0]
    plot_particle_image(made.images[0], view[["x", "y"]], view["radius"], 0.4, "nm", ax=left)
    left.set(xlim=(0, 255), ylim=(255, 0))
    whole = clouds[-1].plot(backend="matplotlib", size=(1000, 760))
    whole.canvas.draw()
    middle.imshow(np.asarray(whole.canvas.buffer_rgba()))
    middle.set_axis_off()
    g = RadialDistribution.combine([c.radial_distribution(0.4, 20.0) for c in clouds])
    plot_radial_distribution([g, g.deconvolved()], ["as found", "deconvolved"], ax=right)
    r = np.linspace(4.8, 20, 300)
    known = law.radial_distribution(r, 4.8, 275 / size[0] ** 2 / thickness)
    right.plot(r, known, color="k", lw=0.8, label="law")
    right.legend(frameon=False)
    right.set_xlim(3, 16)
    figure.savefig(HERE / "particles.png", dpi=100)
    table = stereo_angle_effect(clouds, np.arange(1.6, 4.41, 0.2), 3.0)
    plot_angle_effect(table).savefig(HERE / "particle_angle.png", dpi=100)


def topology() -> None:
    """One specimen at five deviations from the Bragg condition: what the score draws."""
    specimen = simulation.random_specimen(
        13,
        crystal="TiAl",
        size=(288, 288),
        thickness=160.0,
        kinds=("line", "threading"),
        n_lines=16,
        n_boundaries=0,
        distractors=False,
    )
    angles, images, masks, lines = (-0.8, -0.25, 0.1, 0.5, 0.8), [], [], []
    for angle in angles:
        s = float(np.linalg.norm(specimen.beam.g) * np.deg2rad(angle))
        tilted = replace(specimen, beam=replace(specimen.beam, s=s))
        pair, truth = simulation.simulate_stereo_pair(
            tilted, simulation.Microscope(dose=300.0), seed=1
        )
        images.append(pair.data[0])
        masks.append(pair.detect_dislocations(show_progressbar=False).mask()[0])
        lines.append(truth.line_mask[0])
    # What any condition shows is there for all of them.
    score = DislocationMap(np.stack(masks).astype(float)).topology_score(np.any(lines, axis=0))
    score.labels, score.images = [f"{angle:+g}°" for angle in angles], images
    score.plot().savefig(HERE / "topology_score.png", dpi=100)


def _pair_view(seed: int, crystal: str) -> tuple:
    """Left view of a pair with its detections and labels."""
    specimen = simulation.random_specimen(
        seed,
        crystal,
        (576.0, 576.0),
        n_lines=14,
        kinds=("line", "threading", "loop"),
        n_boundaries=1,
    )
    microscope = simulation.Microscope(
        pixel_size=1.5,
        convergence_angle=125.0,
        source_size=1.5,
        dose=800.0,
        scan=ScanNoise(row_gain=0.008, row_jitter=0.15),
    )
    pair, truth = simulation.simulate_stereo_pair(specimen, microscope, seed=seed, stereo_angle=7)
    return pair.data[0], _both(pair), scene_of(truth, {}).label[0], 2.0


def _demo_view() -> tuple:
    """Left view of the demo's scan with its detections, and where the cores of its lines are."""
    truths = []
    simulate = simulation.simulate_4dstem

    def kept(*args, **settings):
        signal, truth = simulate(*args, **settings)
        truths.append(truth)
        return signal, truth

    with tempfile.TemporaryDirectory() as folder:
        with patch.object(simulation, "simulate_4dstem", kept):
            demo.main(["--out", folder])
        pair = load(f"{folder}/views.hspy", lazy=False)
    truth = truths[0]
    label = np.zeros(pair.data.shape[1:], np.uint8)
    for line in truth.lines:
        xyz = line / truth.pixel_size
        xyz[:, :2] = apply_affine(invert_affine(pair.view_transform), xyz[:, :2])
        column, row = np.rint(project_points(xyz, pair.incidence)[0]).astype(int).T
        inside = (row >= 0) & (column >= 0) & (row < len(label)) & (column < label.shape[1])
        label[row[inside], column[inside]] = LINE
    label = ndi.grey_dilation(label, 3)
    # what is known are the cores: images lie up to 10 nm beside them
    return pair.data[0], _both(pair), label, 10 / truth.pixel_size


def _both(pair) -> list[np.ndarray]:
    """What the ridge filter and the network call a line in the left view."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return [pair.detect_dislocations(method).mask()[0] for method in ("ridge", "unet")]


def _drawn(mask: np.ndarray) -> np.ndarray:
    """Centre lines, as wide as can be seen in a panel of any number of pixels."""
    return ndi.binary_dilation(skeletonize(mask), np.ones((round(len(mask) / 130),) * 2))


def _tint(ax, where: np.ndarray, colour: str, alpha: float = 1.0) -> None:
    """Colour pixels of a picture."""
    picture = np.zeros((*where.shape, 4))
    picture[where] = to_rgba(colour, alpha)
    ax.imshow(picture, interpolation="nearest")


if __name__ == "__main__":
    pages = (specimen_and_truth, disc, convergence, gallery, explorer, before_after)
    for make in (*pages, particles, topology):
        make()
        plt.close("all")
