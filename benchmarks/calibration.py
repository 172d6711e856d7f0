"""Accuracy of the blind calibrations on simulated scans.

    python benchmarks/calibration.py [number of seeds] [number of physical scans of a kind]

Each row is one kind of scan: median and largest error over the seeds, disc, descan and Kikuchi
azimuth from the mean pattern unless "vacuum" is named, then rotation from all of these.
"""

import sys
import time
import warnings
from functools import partial

import numpy as np

from hyperspy_stereo.simulation import Microscope, random_specimen
from hyperspy_stereo.simulation.geometric.scan import simulate_scan
from hyperspy_stereo.simulation.imaging.scan_stack import scan_stack
from hyperspy_stereo.views.disc import fit_descan, fit_disc
from hyperspy_stereo.views.kikuchi import kikuchi_azimuth
from hyperspy_stereo.views.rotation import scan_rotation

KINDS = {
    "default": {},
    "dose / 10": {"dose": 6_000},
    "dose / 30": {"dose": 2_000},
    "rotation 130": {"scan_rotation": 130, "kikuchi_azimuth": 100},
    "flip, azimuth 5": {"scan_rotation": 75, "scan_flip": True, "kikuchi_azimuth": 5},
    "contrast shift x3": {"contrast_shift": 3.0},
    "narrow band, off centre": {"band_width": 0.2, "band_centre": -0.3},
    "focus in mid plane": {"focus_depth": 0.0},
    "focus 500 nm off": {"focus_depth": -500.0},
}


# crystal, thickness in nm, lines, focus from the mid plane in nm, electrons per pattern, rotation
PHYSICAL = {
    "two-beam, in focus": ("CrMnFeCoNi", 160.0, 12, 0.0, 60_000.0, -18.0, False),
    "two-beam, 60 nm off": ("GaN", 160.0, 14, 60.0, 20_000.0, 130.0, True),
}


def physical(seed, crystal, thickness, lines, focus, dose, rotation, flip):
    specimen = random_specimen(
        seed, crystal, (200.0, 200.0), thickness, lines, "line", 300.0, False, n_boundaries=0
    )
    microscope = Microscope(dose=dose, pixel_size=2.5, focus_depth=thickness / 2 + focus)
    return scan_stack(
        specimen,
        microscope,
        detector_shape=(40, 40),
        scan_rotation=rotation,
        scan_flip=flip,
        supersampling=1,
        slice_thickness=4,
        seed=seed,
    )


def _numbered(settings, seed):
    # seeds that were not looked at when the method was made
    return physical(100 + seed, *settings)


def geometric(seed, **settings):
    return simulate_scan((128, 128), (64, 64), seed=seed, **settings)


def errors(scan):
    start = time.perf_counter()
    vacuum = fit_disc(scan.vacuum.sum((0, 1)))
    disc = fit_disc(scan.stack.mean((0, 1)))
    plane = fit_descan(scan.stack, disc)
    coarse = fit_descan(scan.vacuum, vacuum, scan.stack.shape[:2])
    azimuth, band = kikuchi_azimuth(scan.stack, disc, plane)
    sign = 1 if scan.focus_depth <= 0 else -1
    fit = scan_rotation(
        scan.stack,
        disc,
        azimuth,
        band,
        descan=plane,
        convergence_angle=scan.convergence_angle,
        pixel_size=scan.pixel_size,
        scan_flip=scan.scan_flip,
        defocus_sign=sign if scan.focus_depth else None,
    )
    period = 360 if scan.focus_depth else 180
    turned = (fit.angle - scan.scan_rotation + period / 2) % period - period / 2
    return [
        np.hypot(*np.subtract(vacuum.centre, scan.disc_centre)),
        np.hypot(*np.subtract(disc.centre, scan.disc_centre)),
        abs(disc.radius - scan.disc_radius),
        np.abs(coarse - scan.descan).max() * 64,
        np.abs(plane - scan.descan).max() * 64,
        abs((azimuth - scan.kikuchi_azimuth + 90) % 180 - 90),
        abs(turned),
        fit.sigma,
        time.perf_counter() - start,
    ]


def main(n_seeds: int = 6, n_physical: int = 3) -> None:
    columns = (
        "centre (vacuum) px",
        "centre (mean) px",
        "radius px",
        "descan (vacuum) px at the edge",
        "descan (data) px at the edge",
        "azimuth deg",
        "rotation deg",
        "its sigma",
        "seconds",
    )
    print("median / largest of:", ", ".join(columns))
    warnings.simplefilter("ignore")
    kinds = [(name, n_seeds, partial(geometric, **settings)) for name, settings in KINDS.items()]
    for name, settings in PHYSICAL.items():
        kinds.append((name, n_physical, partial(_numbered, settings)))
    for name, count, make in kinds:
        rows = []
        for seed in range(count):
            try:
                rows.append(errors(make(seed)))
            except ValueError as refusal:
                print(f"{name}, seed {seed}: {refusal}")
        if rows:
            middle, worst = np.median(rows, axis=0), np.max(rows, axis=0)
            cells = " ".join(f"{m:.3f}/{w:.3f}" for m, w in zip(middle, worst, strict=True))
            print(f"{name:24s} {cells}", flush=True)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
