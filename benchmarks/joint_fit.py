"""The joint fit beside the matcher it starts from, on physical scenes that nothing was chosen on.

    python benchmarks/joint_fit.py            all tables, about half an hour on one core
    python benchmarks/joint_fit.py --only tilted --scenes 6
    python benchmarks/joint_fit.py --calibrate   weights for ``joint_fit.error_bars``

Tables: tilted pairs and pairs of one exposure, as the frozen test set draws them but with other
seeds; 4D stacks, whose disc and Kikuchi line are found blind and whose scan rotation is given (as
from a calibration specimen), seen through two detectors; and the lines matched in those, refined
by all views of the band along the Kikuchi line, and by the whole disc. Lines are detected by the
shipped network, matched, and fitted; both answers have the same points, those of `reconstruct()`:
the coverage is the same.

Columns: error of the depth, as disparity in px (its median, its mean, share beyond 1 px), and in nm
(mean; share of gross errors, beyond 12 % of the foil's thickness); share of errors within two
sigma, of those below 3 px of disparity. Points farther than 3 px from every true line are false
lines and not scored. `new`: share of points whose depth is the fit's. The true line nearest in the
image counts; where lines cross that is another one for some points, and summaries also give the
errors against the true line that a line runs along, found from x and y alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from joint_fit_tables import HEADER, Answers, summary
from line_truth import errors_along

from hyperspy_stereo import StereoPair
from hyperspy_stereo.geometry import stereo_angle
from hyperspy_stereo.geometry.parallax import disparity_per_depth
from hyperspy_stereo.simulation import depth_errors

TEST, DEVELOPMENT = 700, 500
"""First seeds, counted from that of the frozen set; constants were chosen on the second."""
STACKS = 8_200
"""First seed of 4D stacks; constants were chosen on others, from 8,000."""
DEVELOPMENT_STACKS = (0, 2, 4, 5, 6, 7)
SLICE = 4.0
"""nm; twice the simulator's default, for half the time."""
DOSES = (60_000, 20_000, 6_000, 2_000)


def answers(name, pair, lines, pixel_size, dose, thickness, more=None) -> Answers | None:
    """Reconstruct with and without the joint fit and compare with the truth; `more`: other views
    for the fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maps = pair.detect_dislocations(show_progressbar=False)
        matched = maps.reconstruct(refine=None)
    if len(matched.points) == 0:
        return None
    views = pair if more is None else more
    start = time.process_time()
    fitted = matched.refine(views.data, views.incidence)
    seconds = time.process_time() - start
    per_depth = disparity_per_depth(pair.stereo_angle, pair.geometry)
    scale = per_depth / pixel_size
    both = (matched, fitted)
    errors = scale * np.array([depth_errors(n.points_in_scan, lines, pixel_size) for n in both])
    along = scale * np.array([errors_along(n, lines, pixel_size) for n in both])
    known = np.isfinite(errors).all(axis=0)
    if known.sum() < 20:
        return None
    aligned, crossing, new = (
        np.concatenate(getattr(fitted.fit, name))[known]
        for name in ("aligned", "crossing", "fitted")
    )
    sigmas = np.array([n.sigma / n.pixel_size * per_depth for n in both])[:, known]
    return Answers(
        name, errors[:, known], along[:, known], sigmas, new, aligned, crossing, dose, per_depth,
        pixel_size, thickness, seconds,
    )  # fmt: skip


def kept(path: Path | None, make):
    """(name, signals, lines, pixel size, dose, thickness) of `make`, from disk if it is there."""
    import hyperspy.api as hs

    if path is not None and path.with_suffix(".npz").exists():
        with np.load(path.with_suffix(".npz")) as file:
            lines = np.split(file["points"], file["ends"][:-1])
            numbers = [float(x) for x in file["numbers"]]
            signals = [hs.load(f"{path}_{k}.hspy") for k in range(int(file["signals"]))]
            return (str(file["name"]), signals, lines, *numbers)
    name, signals, lines, *numbers = made = make()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        for k, signal in enumerate(signals):
            signal.save(f"{path}_{k}.hspy", overwrite=True)
        ends, points = np.cumsum([len(line) for line in lines]), np.concatenate(lines)
        np.savez(
            path.with_suffix(".npz"),
            points=points, ends=ends, numbers=numbers, name=name, signals=len(signals),
        )  # fmt: skip
    return made


def recorded(number: int, first: int, tilt: bool, side: int, samples: int, n_views: int = 2):
    """A pair as the frozen set draws it, from another seed, and all of its views."""
    from hyperspy_stereo.simulation.imaging.microscope import Microscope, ScanNoise
    from hyperspy_stereo.simulation.imaging.stereo_views import stereo_views
    from hyperspy_stereo.simulation.imaging.tilt_views import tilt_views
    from hyperspy_stereo.simulation.specimens import random_specimen
    from hyperspy_stereo.training.evaluation.frozen import FROZEN_PAIRS, NOISE_LEVELS
    from hyperspy_stereo.training.seeds import FROZEN

    recipe = replace(FROZEN_PAIRS[number % 24], seed=FROZEN.start + first + number)
    dose, gain, jitter = NOISE_LEVELS[recipe.noise]
    field = (side * recipe.pixel_size,) * 2
    kinds = None if recipe.kind is None else tuple(dict.fromkeys((recipe.kind, "line")))
    specimen = random_specimen(
        recipe.seed, recipe.crystal, size=field, kinds=kinds, n_boundaries=recipe.boundaries
    )
    microscope = Microscope(
        pixel_size=recipe.pixel_size,
        convergence_angle=125.0,
        source_size=recipe.pixel_size,
        dose=dose,
        scan=ScanNoise(row_gain=gain, row_jitter=jitter),
    )
    radius = recipe.detector if recipe.tilt == tilt else recipe.detector * (0.4 if tilt else 2.5)
    common = {
        "seed": recipe.seed,
        "poisson_ratio": specimen.poisson_ratio,
        "detector_radius": radius,
        "max_samples": samples,
        "slice_thickness": SLICE,
    }
    if tilt:
        half = recipe.angle / 2
        views = tilt_views(specimen, (half, -half), microscope, **common)
    else:
        angle = recipe.angle
        views = stereo_views(specimen, microscope, stereo_angle=angle, n_views=n_views, **common)
    pair = StereoPair.from_images(*views.images[[0, -1]], recipe.angle, views.truth.geometry)
    pair.set_incidence(views.incidence[[0, -1]], views.truth.geometry)
    every = StereoPair(views.images)
    every.set_incidence(views.incidence, views.truth.geometry)
    name = f"{number:3d} {recipe.kind or 'mixed':12s}{recipe.angle:3.0f} deg, {dose:g} e"
    return name, [pair, every], views.truth.lines, recipe.pixel_size, dose, specimen.thickness


def stack(number: int, first: int = STACKS):
    """A calibrated 4D stack and its truth."""
    from hyperspy_stereo.datasets import simulate_4dstem
    from hyperspy_stereo.simulation import random_specimen
    from hyperspy_stereo.simulation.imaging.microscope import Microscope

    dose, seed = DOSES[number % 4], first + number
    kinds = ("line", "threading", "loop")
    specimen = random_specimen(seed, voltage=200.0, size=(128.0, 128.0), n_lines=5, kinds=kinds)
    signal, truth = simulate_4dstem(
        specimen,
        Microscope(dose=dose, pixel_size=2.0),
        detector_shape=(32, 32),
        seed=seed,
        slice_thickness=SLICE,
    )
    signal.calibrate_disc(vacuum=truth.vacuum, show_progressbar=False)
    signal.calibrate_kikuchi(show_progressbar=False)
    signal.calibrate_rotation(
        rotation=truth.scan_rotation, scan_flip=truth.scan_flip, show_progressbar=False
    )
    pair = signal.virtual_stereo(show_progressbar=False)
    band = signal.virtual_stereo("band", show_progressbar=False)
    disc = signal.virtual_stereo("disc", show_progressbar=False)
    name = f"{number:3d} {dose:g} e"
    return name, [pair, band, disc], truth.lines, truth.pixel_size, dose, truth.thickness


def stacks(scenes: int, folder: Path | None) -> dict[str, list[Answers]]:
    """Two detectors, the band and the whole disc of the same stacks."""
    out: dict[str, list[Answers]] = {"two detectors": [], "band": [], "disc": []}
    for number in range(scenes):
        path = None if folder is None else folder / f"stack{number}"
        name, (pair, band, disc), *truth = kept(path, partial(stack, number))
        for kind, more in zip(out, (None, band, disc), strict=True):
            label = "pair" if more is None else f"{kind} of {more.n_views}"
            found = answers(f"{name}, {label}", pair, *truth, more)
            if found is not None:
                out[kind].append(found)
                print(found.row(), flush=True)
    return out


def pairs(options: argparse.Namespace, tilt: bool) -> list[Answers]:
    first, side, folder = TEST, options.side, options.folder
    out = []
    for number in range(options.scenes):
        path = None if folder is None else folder / f"{first}_{number}_{'ab'[tilt]}_{side}"
        name, (pair, *_), *truth = kept(
            path, partial(recorded, number, first, tilt, side, options.samples)
        )
        found = answers(name, pair, *truth)
        if found is not None:
            out.append(found)
            print(found.row(), flush=True)
    return out


def calibrate(options: argparse.Namespace) -> None:
    """Print the weights of ``error_bars.CALIBRATION``, from the development seeds."""
    from hyperspy_stereo.matching.joint_fit.error_bars import fit_calibration

    for kind in ("tiltless", "tilt", "many views"):
        rows, sizes = [], []
        for number in range(options.scenes):
            drawn = recorded(
                number, DEVELOPMENT, kind == "tilt", options.side, options.samples,
                5 if kind == "many views" else 2,
            )  # fmt: skip
            found = [signs_and_errors(*drawn[1], *drawn[2:4])]
            if kind == "many views" and number in DEVELOPMENT_STACKS:
                _, (pair, band, _), *truth = stack(number, 8_000)
                found.append(signs_and_errors(pair, band, *truth[:2]))
            rows += [columns for columns, _ in found]
            sizes += [error for _, error in found]
        weights = fit_calibration(np.concatenate(rows), np.concatenate(sizes))
        print(kind, tuple(float(w) for w in weights.round(3)), flush=True)


def signs_and_errors(pair, more, lines, pixel_size) -> tuple[np.ndarray, np.ndarray]:
    """Columns of ``error_bars.signs_matrix`` and errors, px between the outermost of `more`."""
    from hyperspy_stereo.matching.joint_fit import error_bars, refine

    columns: list[np.ndarray] = [np.zeros((0, 8))]
    original = refine.calibrated_sigma

    def noted(signs, kind):
        columns.append(error_bars.signs_matrix(signs))
        return original(signs, kind)

    refine.calibrated_sigma = noted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matched = pair.detect_dislocations(show_progressbar=False).reconstruct(refine=None)
        if matched.n_lines == 0:
            return columns[0], np.zeros(0)
        fitted = matched.refine(more.data, more.incidence)
    refine.calibrated_sigma = original
    ends = more.incidence[[more.incidence[:, 0].argmax(), more.incidence[:, 0].argmin()]]
    per_depth = disparity_per_depth(stereo_angle(ends), pair.geometry)
    error = errors_along(fitted, lines, pixel_size) / pixel_size * per_depth
    line_fitted = np.isfinite(fitted.fit.chi2)[fitted.line_index]
    use = np.concatenate(fitted.fit.fitted)[line_fitted] & (np.abs(error[line_fitted]) < 3)
    return np.concatenate(columns)[use], error[line_fitted][use]


def isolated(seeds: int = 8) -> str:
    """Error of isolated lines with a Gaussian profile beside what is expected before recording.

    Lines of 80 px, inclined and bent, counting noise only; starts with a smooth error of 0.5 px of
    disparity. The middle 70 % are scored.
    """
    from joint_fit_core import isolated_line

    from hyperspy_stereo.matching.joint_fit import expected_depth_sigma, refine_lines

    rows = ["counts  angle contrast width azimuth views |  rms error  expected  ratio, px of depth"]
    for dose, angle, contrast, width, azimuth, views in (
        (500, 6, 0.3, 2.0, 90, 2),
        (2000, 6, 0.3, 2.0, 90, 2),
        (8000, 6, 0.3, 2.0, 90, 2),
        (500, 12, 0.3, 2.0, 90, 2),
        (500, 3, 0.3, 2.0, 90, 2),
        (500, 6, 0.15, 2.0, 90, 2),
        (500, 6, 0.3, 1.5, 90, 2),
        (500, 6, 0.3, 2.5, 90, 2),
        (500, 6, 0.3, 2.0, 45, 2),
        (500, 6, 0.3, 2.0, 90, 5),
        (500, 6, 0.3, 2.0, 90, 9),
    ):
        errors = []
        for seed in range(9_000, 9_000 + seeds):
            drawn = isolated_line(dose, angle, contrast, width, azimuth, views, seed)
            images, theta, start, sigma, truth = drawn
            found = refine_lines(images, theta, [start], [sigma]).lines[0]
            errors.append((found[:, 2] - truth[:, 2])[len(truth) * 3 // 20 : -len(truth) * 3 // 20])
        rms = float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))
        options = {"contrast": contrast, "width": width, "azimuth": azimuth, "n_views": views}
        bound = expected_depth_sigma(dose, angle, **options)
        rows.append(
            f"{dose:6d} {angle:6d} {contrast:8.2f} {width:5.1f} {azimuth:7d} {views:5d} | "
            f"{rms:10.2f} {bound:9.2f} {rms / bound:6.2f}"
        )
    return "\n".join(rows)


def picture(data: Path, out: Path) -> None:
    """The real annotated pair: a view, and residuals at the matched and the fitted depth."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from skimage.io import imread

    from hyperspy_stereo.matching.joint_fit import residual_maps
    from hyperspy_stereo.viewer import stretch

    folder = data / "real_pair_annotated"
    views = [imread(folder / f"{side}.png").astype(np.float32) for side in ("left", "right")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maps = StereoPair.from_images(*views, stereo_angle=8).detect_dislocations()
        matched = maps.reconstruct(refine=None)
    fitted = matched.refine(np.array(views), matched.incidence)
    patterns = []
    for pattern, line in zip(fitted.fit.patterns, matched.lines, strict=True):
        if pattern is not None:
            arc = np.cumsum(np.hypot(*np.diff(line[:, :2], axis=0, prepend=line[:1, :2]).T))
            at = np.linspace(0, arc[-1], len(pattern.depth))
            pattern = replace(pattern, depth=np.interp(at, arc, line[:, 2]))
        patterns.append(pattern)
    before = replace(fitted.fit, patterns=patterns)
    rests = [residual_maps(f, views, matched.incidence)[1] for f in (before, fitted.fit)]
    figure, axes = plt.subplots(1, 3, figsize=(15, 5.4), layout="constrained")
    axes[0].imshow(stretch(views[0]), cmap="gray")
    axes[0].set_title("left view")
    for ax, rest, label in zip(axes[1:], rests, ("matched", "fitted"), strict=True):
        shown = ax.imshow(rest, cmap="RdBu_r", vmin=-6, vmax=6, interpolation="nearest")
        spread = np.sqrt(np.nanmean(rest**2))
        ax.set_title(f"right view, residual as {label}: {spread:.1f} sigma rms")
    figure.colorbar(shown, ax=axes[1:], label="sigma of the counting noise", shrink=0.85)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    figure.savefig(out, dpi=100)


def speed() -> str:
    """Seconds of a pair of 512 x 512, and of 40 lines in 16 views of 128 x 128; one thread."""
    from joint_fit_core import band_scene

    from hyperspy_stereo.matching.joint_fit import refine_lines

    _, (pair, _), *_ = recorded(1, DEVELOPMENT, False, 512, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maps = pair.detect_dislocations(show_progressbar=False)
        matched = maps.reconstruct(refine=None)
    lines = [line / matched.pixel_size for line in matched.lines]
    sigma = np.split(matched.sigma, np.flatnonzero(np.diff(matched.line_index)) + 1)
    out = []
    for text, given in (
        (f"pair of 512 x 512, {len(lines)} lines", (pair.data, pair.incidence, lines, sigma)),
        ("16 views of 128 x 128, 40 lines", band_scene()[:4]),
    ):
        start = time.process_time()
        refine_lines(*given)
        out.append(f"{text}: {time.process_time() - start:.1f} s of one core")
    command = [sys.executable, str(Path(__file__).with_name("joint_fit_core.py")), "--memory"]
    out.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--side", type=int, default=192, help="height and width of pairs, px")
    parser.add_argument("--only", choices=("tilted", "exposure", "stacks", "isolated", "speed"))
    parser.add_argument("--samples", type=int, default=8, help="incidences of a detector")
    parser.add_argument("--folder", type=Path, help="where simulated scenes are kept")
    parser.add_argument("--picture", type=Path, help="folder of the real pairs")
    parser.add_argument("--calibrate", action="store_true")
    options = parser.parse_args()
    if options.picture:
        picture(options.picture, Path("docs/pictures/joint_fit_residuals.png"))
        return
    if options.calibrate:
        calibrate(options)
        return
    for kind, title in (
        ("exposure", "pairs of one exposure"),
        ("tilted", "tilted pairs"),
        ("stacks", "4D stacks"),
    ):
        if options.only not in (None, kind):
            continue
        print(f"\n{title}\n{HEADER}", end="")
        if kind == "stacks":
            for label, found in stacks(min(options.scenes, 16), options.folder).items():
                print(f"\n{label}\n" + summary(found))
        else:
            print(summary(pairs(options, kind == "tilted")))
    if options.only in (None, "isolated"):
        print("\nisolated lines of a Gaussian profile, beside expected_depth_sigma\n" + isolated())
    if options.only in (None, "speed"):
        print("\n" + speed())


if __name__ == "__main__":
    main()
