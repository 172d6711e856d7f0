"""Small simulated data sets for notebooks, docs and tests; kept on disk once simulated."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperspy_stereo.datasets.simulated import elastic, views_as_pair
from hyperspy_stereo.datasets.simulated_scan import ScanTruth, scan_as_signal, scan_truth
from hyperspy_stereo.datasets.storage import load_result, save_result

if TYPE_CHECKING:
    from hyperspy_stereo.signals import Diffraction4DStereo, StereoPair
    from hyperspy_stereo.simulation.specimen import Specimen
    from hyperspy_stereo.simulation.truth import Truth

__all__ = [
    "cache_folder",
    "example_4dstem",
    "example_specimen",
    "example_stereo_pair",
    "example_tilt_series",
]

FOLDER = "HYPERSPY_STEREO_CACHE"
SEED = 4
# What the results depend on: a change in any of these files gives the stored results another name.
SOURCES = ("datasets", "geometry", "simulation")


def example_specimen() -> Specimen:
    """A foil of 256 x 256 nm with some dislocations; always the same.

    Returns
    -------
    Specimen

    Examples
    --------
    >>> example_specimen().size
    (256.0, 256.0)
    """
    from hyperspy_stereo.simulation import random_specimen

    kinds = ("line", "loop", "dissociated", "junction")
    return random_specimen(SEED, "CrMnFeCoNi", (256.0, 256.0), 120.0, 10, kinds, n_boundaries=0)


def example_stereo_pair() -> tuple[StereoPair, Truth]:
    """Two tilt-less views, 256 x 256 pixels of 1 nm, 6 degrees apart, and their truth.

    The first call simulates; later ones read the result from :func:`cache_folder`.

    Returns
    -------
    pair : StereoPair
    truth : Truth

    Examples
    --------
    >>> pair, truth = example_stereo_pair()
    >>> pair
    <StereoPair, title: example stereo pair, dimensions: (2|256, 256)>
    """
    from hyperspy_stereo.simulation.imaging.stereo_views import stereo_views

    angle = {"stereo_angle": 6.0}

    def simulate() -> Any:
        specimen = example_specimen()
        return stereo_views(specimen, seed=SEED, **elastic(specimen, angle))

    views = _kept("stereo_pair", simulate)
    settings = elastic(views.truth.specimen, angle)
    return views_as_pair(views, "example stereo pair", SEED, settings), views.truth


def example_tilt_series() -> tuple[StereoPair, Truth]:
    """Five views of a specimen tilted from 8 to -8 degrees, 256 x 256 pixels of 1 nm.

    The first call simulates; later ones read the result from :func:`cache_folder`.

    Returns
    -------
    views : StereoPair
    truth : Truth

    Examples
    --------
    >>> views, truth = example_tilt_series()
    >>> views
    <StereoPair, title: example tilt series, dimensions: (5|256, 256)>
    """
    from hyperspy_stereo.simulation.imaging.tilt_views import tilt_views

    angles = {"angles": (8.0, 4.0, 0.0, -4.0, -8.0)}

    def simulate() -> Any:
        specimen = example_specimen()
        return tilt_views(specimen, seed=SEED, **elastic(specimen, angles))

    views = _kept("tilt_series", simulate)
    settings = elastic(views.truth.specimen, angles)
    return views_as_pair(views, "example tilt series", SEED, settings), views.truth


def example_4dstem() -> tuple[Diffraction4DStereo, ScanTruth]:
    """A 4D-STEM scan of 64 x 64 positions with patterns of 32 x 32 pixels, and its truth.

    The first call simulates; later ones read the result from :func:`cache_folder`.

    Returns
    -------
    signal : Diffraction4DStereo
        Not calibrated yet.
    truth : ScanTruth
        With `vacuum` patterns.

    Examples
    --------
    >>> s, truth = example_4dstem()
    >>> s
    <Diffraction4DStereo, title: example 4D-STEM scan, dimensions: (64, 64|32, 32)>
    """
    from hyperspy_stereo.simulation import random_specimen
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.scan_stack import scan_stack

    microscope = Microscope(dose=60_000.0, pixel_size=3.0)

    def simulate() -> Any:
        specimen = random_specimen(
            SEED, "GaN", (192.0, 192.0), 120.0, 5, "threading", n_boundaries=0
        )
        shape = {"detector_shape": (32, 32)}
        return scan_stack(specimen, microscope, seed=SEED, **elastic(specimen, shape))

    scan = _kept("4dstem", simulate)
    settings = elastic(scan.truth.specimen, {})
    signal = scan_as_signal(scan, microscope, "example 4D-STEM scan", SEED, settings)
    return signal, scan_truth(scan)


def cache_folder() -> Path:
    """Where examples are kept: ``$HYPERSPY_STEREO_CACHE``, or the user's folder for such files.

    Returns
    -------
    Path
        It need not exist.
    """
    folder = os.environ.get(FOLDER)
    if folder:
        return Path(folder).expanduser()
    import pooch

    return Path(pooch.os_cache("hyperspy_stereo"))


def _kept(name: str, simulate: Callable[[], Any]) -> Any:
    """A result from its file, or simulated and then kept where the folder can be written."""
    path = cache_folder() / f"{name}-{_fingerprint()}.npz"
    if path.is_file():
        try:
            return load_result(path)
        except (OSError, ValueError):
            # A damaged file is simulated anew and replaced.
            path.unlink(missing_ok=True)
    result = simulate()
    try:
        save_result(path, result)
    except OSError:
        # A read-only or full disk only means that the next call simulates again.
        return result
    return result


def _fingerprint() -> str:
    """Hash of the code that simulates: a changed recipe never meets an old result."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
