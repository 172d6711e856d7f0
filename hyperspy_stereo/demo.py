"""The main job from end to end, on a simulated scan or on the user's own files.

``python -m hyperspy_stereo.demo`` simulates a 4D-STEM scan by two-beam diffraction; with
``--left``, ``--right`` and ``--angle`` it takes a tilted pair, with ``--scan`` a 4D-STEM file.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np


class Steps:
    """Prints each step with its figures and the time it took."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self, step: str, text: str) -> None:
        now = time.perf_counter()
        sys.stdout.write(f"{step:<12} {text}  [{now - self._start:.1f} s]\n")
        sys.stdout.flush()
        self._start = now


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command line without the program's name; by default that of the process.
    """
    options = _parser().parse_args(arguments)
    # Notices that other packages give each other say nothing to who runs the demo.
    warnings.filterwarnings("ignore", module=r"(hyperspy|pyxem|rsciio|traits)\.")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    steps = Steps()
    try:
        if options.left or options.right:
            network = _pair(options, out, steps)
        elif options.scan:
            network = _scan(options, out, steps)
        else:
            network = _simulated(options, out, steps)
    except (ValueError, TypeError, OSError) as error:
        sys.stderr.write(f"\n{error}\n")
        return 2
    _write_network(network, out, steps)
    sys.stdout.write(f"\nopen {out / 'network.html'} in a browser; ParaView reads network.vtp\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--left", help="image of the left view (.dm4, .dm3, .png, ...)")
    parser.add_argument("--right", help="image of the right view")
    parser.add_argument("--angle", type=float, help="angle between the two views, degrees")
    parser.add_argument("--scan", help="4D-STEM scan (.mib, .dm4, .blo, .hspy, ...)")
    parser.add_argument("--vacuum", help="patterns without the specimen, same camera length")
    parser.add_argument("--alpha", type=float, help="convergence semi-angle, mrad")
    parser.add_argument("--shape", help="scan shape as columns,rows where the file lacks it")
    parser.add_argument("--pixel", type=float, help="pixel size in nm where the file lacks it")
    parser.add_argument("--method", choices=("unet", "ridge"), help="detector of lines")
    parser.add_argument("--out", default="demo", help="folder for the results")
    return parser


def _simulated(options: argparse.Namespace, out: Path, steps: Steps):
    from hyperspy_stereo.simulation import (
        Microscope,
        depth_errors,
        random_specimen,
        simulate_4dstem,
    )

    specimen = random_specimen(
        2, "CrMnFeCoNi", (300.0, 300.0), 160.0, 12, "line", distractors=False, n_boundaries=0
    )
    sys.stdout.write("simulating a scan of a foil by two-beam diffraction: a minute or so ...\n")
    sys.stdout.flush()
    # Focus on the entrance face: all depths have one sign, which settles that of the rotation.
    microscope = Microscope(dose=100_000.0, pixel_size=2.5, focus_depth=0.0)
    signal, truth = simulate_4dstem(
        specimen, microscope, detector_shape=(40, 40), slice_thickness=4.0, supersampling=1, seed=2
    )
    rows, columns = signal.data.shape[:2]
    text = f"{specimen.crystal}, {len(specimen.dislocations)} lines, two-beam diffraction"
    steps("simulate", f"{text}; scan {columns} x {rows}, {signal.data.dtype}")
    signal.calibrate_disc(vacuum=truth.vacuum, show_progressbar=False)
    disc = signal.metadata.Stereo.Disc
    error = np.hypot(*np.subtract(disc.centre, truth.disc_centre))
    steps("disc", f"{_disc_text(disc)}; centre off by {error:.3f} px")
    signal.calibrate_kikuchi(show_progressbar=False)
    azimuth = signal.metadata.Stereo.kikuchi_azimuth
    off = (azimuth - truth.kikuchi_azimuth + 90) % 180 - 90
    steps("Kikuchi line", f"azimuth {azimuth:.2f}°, off by {abs(off):.2f}°")
    signal.calibrate_rotation(defocus_sign=1, show_progressbar=False)
    found = signal.metadata.Stereo
    off = (found.scan_rotation - truth.scan_rotation + 180) % 360 - 180
    sigma = f"sigma {found.scan_rotation_sigma:.1f}°"
    steps("rotation", f"{found.scan_rotation:.2f}°, {sigma}, off by {abs(off):.2f}°")
    network = _from_scan(signal, options, out, steps, truth.mrad_per_px)
    error = depth_errors(network.points_in_scan, truth.lines, truth.pixel_size)
    on_line = error[np.isfinite(error)]
    steps(
        "truth",
        f"depth error: median {np.median(np.abs(on_line)):.1f} nm, "
        f"{100 * np.mean(np.abs(on_line) > 20):.1f} % above 20 nm in a foil of "
        f"{truth.thickness:g} nm; {100 * np.mean(np.isnan(error)):.1f} % of the points off a line",
    )
    return network


def _scan(options: argparse.Namespace, out: Path, steps: Steps):
    from hyperspy_stereo import load

    shape = tuple(int(n) for n in options.shape.split(",")) if options.shape else None
    signal = load(options.scan, navigation_shape=shape)
    if options.pixel:
        _calibrate_scan_axes(signal, options.pixel)
    steps("load", f"{signal}, {signal.data.dtype}")
    vacuum = load(options.vacuum) if options.vacuum else None
    signal.calibrate_disc(options.alpha, vacuum=vacuum)
    steps("disc", _disc_text(signal.metadata.Stereo.Disc))
    signal.calibrate_kikuchi()
    steps("Kikuchi line", f"azimuth {signal.metadata.Stereo.kikuchi_azimuth:.1f}°")
    signal.calibrate_rotation()
    steps("rotation", f"scan rotation {signal.metadata.Stereo.scan_rotation:.1f}°")
    return _from_scan(signal, options, out, steps)


def _pair(options: argparse.Namespace, out: Path, steps: Steps):
    from hyperspy_stereo import StereoPair, load

    if not (options.left and options.right and options.angle):
        raise ValueError("a pair needs LEFT=..., RIGHT=... and ANGLE=... (degrees).")
    left, right = load(options.left, lazy=False), load(options.right, lazy=False)
    scale = {"pixel_size": options.pixel, "units": "nm"} if options.pixel else {}
    pair = StereoPair.from_images(left, right, stereo_angle=options.angle, **scale)
    steps("load", f"{pair}, {pair.stereo_angle:g}°")
    pair = pair.align()
    report = pair.metadata.Stereo.Alignment
    steps("align", f"{report.n_inliers} features, vertical residual {report.residual:.2f} px")
    return _from_views(pair, options, out, steps)


def _from_scan(
    signal,
    options: argparse.Namespace,
    out: Path,
    steps: Steps,
    true_mrad_per_px: float | None = None,
):
    pair = signal.virtual_stereo(show_progressbar=False)
    if pair._lazy:
        pair.compute(show_progressbar=False)
    text = f"{pair.n_views} views {pair.stereo_angle:.3f}° apart"
    if true_mrad_per_px is not None:
        left, right = np.asarray(pair.metadata.Stereo.Detector.centres)
        true = np.rad2deg(np.hypot(*(left - right)) * true_mrad_per_px / 1000)
        text += f", off by {abs(pair.stereo_angle - true):.3f}°"
    steps("views", text)
    # one fit, with all views, instead of one with two views before it
    return _refined(_from_views(pair, options, out, steps, refine=None), signal, steps)


def _refined(network, signal, steps: Steps):
    """Depths by all views along the Kikuchi line, not by two alone."""
    band = signal.virtual_stereo("band", show_progressbar=False)
    if band._lazy:
        band.compute(show_progressbar=False)
    network = network.refine(band.data, band.incidence)
    steps(
        "refine",
        f"{band.n_views} views along the Kikuchi line, "
        f"median sigma of depth {np.median(network.sigma):.1f} {network.units}",
    )
    return network


def _from_views(
    pair, options: argparse.Namespace, out: Path, steps: Steps, refine: str | None = "auto"
):
    pair.save(out / "views.hspy", overwrite=True)
    _save_figure(pair.plot_anaglyph(), out / "anaglyph.png")
    chosen = {} if options.method is None else {"method": options.method}
    maps = pair.detect_dislocations(**chosen)
    share = 100 * maps.mask().mean()
    _save_figure(maps.plot_overlay(), out / "detection.png")
    used = maps.metadata.Stereo.Detection.method
    steps("detect", f"{used}: {share:.1f} % of the pixels lie on lines")
    network = maps.reconstruct(refine=refine)
    steps(
        "reconstruct",
        f"{len(network.lines)} lines, {network.total_length:.0f} {network.units} in all, "
        f"median sigma of depth {np.median(network.sigma):.1f} {network.units}",
    )
    return network


def _write_network(network, out: Path, steps: Steps) -> None:
    network.save(out / "network.vtp")
    network.save(out / "network.csv")
    view = network.plot()
    view.save_png(out / "network.png")
    view.save_html(out / "network.html")
    steps("write", ", ".join(sorted(p.name for p in out.iterdir())))


def _calibrate_scan_axes(signal, pixel_size: float) -> None:
    for axis, name in zip(signal.axes_manager.navigation_axes, ("x", "y"), strict=True):
        axis.scale, axis.units, axis.name = pixel_size, "nm", name


def _disc_text(disc) -> str:
    x, y = disc.centre
    return f"centre ({x:.2f}, {y:.2f}) px, radius {disc.radius:.2f} px"


def _save_figure(axes, path: Path) -> None:
    import matplotlib.pyplot as plt

    axes.figure.savefig(path, dpi=150, bbox_inches="tight")
    plt.close(axes.figure)


if __name__ == "__main__":
    sys.exit(main())
