"""Grid, disc and detector of a simulated 4D scan, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.imaging.microscope import Microscope, as_microscope, as_number
from hyperspy_stereo.simulation.imaging.view_rendering import image_shape
from hyperspy_stereo.simulation.specimen import Specimen

#: Largest memory of a scan, GB.
MOST_MEMORY = 16.0
# Electrons per pattern where no microscope is given.
_DOSE = 60_000.0


def scan_grid(
    specimen: Specimen, microscope: Microscope | None, scan_shape: Sequence[int] | None
) -> tuple[Microscope, tuple[int, int]]:
    """Microscope and shape of a scan, each from the other where it is not given.

    Parameters
    ----------
    specimen : Specimen
        Its field holds the scan.
    microscope : Microscope or None
        None takes the largest pixels with which the scan lies inside the field.
    scan_shape : (int, int) or None
        Rows and columns; None takes the whole field.

    Returns
    -------
    microscope : Microscope
    shape : (int, int)

    Raises
    ------
    TypeError
        If they are something else.
    ValueError
        If the scan has less than 2 rows or columns, or is larger than the field.
    """
    given = microscope is not None
    microscope = as_microscope(microscope, Microscope(dose=_DOSE))
    if scan_shape is None:
        return microscope, image_shape(specimen, microscope.pixel_size)
    shape = two_counts(scan_shape, "scan_shape", 2)
    if not given:
        pixel = min(specimen.size[0] / shape[1], specimen.size[1] / shape[0])
        microscope = replace(microscope, pixel_size=float(pixel))
    largest = image_shape(specimen, microscope.pixel_size)
    if shape[0] > largest[0] or shape[1] > largest[1]:
        raise ValueError(
            f"scan_shape {shape} is larger than the specimen's field of {specimen.size[0]:g} x "
            f"{specimen.size[1]:g} nm: with pixels of {microscope.pixel_size:g} nm the largest is "
            f"{largest}. Use smaller pixels or a specimen with a larger field."
        )
    return microscope, shape


def check_memory(shape: tuple[int, int], detector_shape: tuple[int, int], dose: float) -> None:
    """Refuse a scan that does not fit the memory of a usual computer.

    Raises
    ------
    ValueError
        If it needs more than 16 GB.
    """
    # the mean signal in float32, and the counts in uint16 or, uncounted, in float32
    each = 6e-9 if np.isfinite(dose) else 8e-9
    size = each * np.prod(shape, dtype=float) * np.prod(detector_shape, dtype=float)
    if size > MOST_MEMORY:
        raise ValueError(
            f"a scan of {shape} positions with patterns of {detector_shape} pixels needs "
            f"{size:.0f} GB of memory, above {MOST_MEMORY:g} GB: simulate a smaller one."
        )


def two_counts(value: Any, name: str, least: int) -> tuple[int, int]:
    """Return a shape (rows, columns) of whole numbers.

    Raises
    ------
    TypeError
        If it is not two whole numbers.
    ValueError
        If one is below `least`.
    """
    counts = tuple(value) if np.ndim(value) == 1 else ()
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in counts)
    if len(counts) != 2 or not whole:
        raise TypeError(
            f"{name} needs two whole numbers (rows, columns), such as (32, 32); got {value!r}."
        )
    if min(counts) < least:
        raise ValueError(f"{name} needs at least {least} x {least} (rows, columns); got {value!r}.")
    return int(counts[0]), int(counts[1])


def disc_motion(
    shape: tuple[int, int],
    detector_shape: tuple[int, int],
    disc_centre: ArrayLike | None,
    descan: ArrayLike | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Centre of the disc and its descan; both are drawn where they are None.

    Parameters
    ----------
    shape, detector_shape : (int, int)
        Rows and columns of the scan and of the patterns.
    disc_centre : (x, y) or None
        px.
    descan : (2, 2) or (2, 3) array_like or None
        px per scan px; the third column is left to `disc_centre`.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    centre : (2,) ndarray
    plane : (2, 3) ndarray

    Raises
    ------
    ValueError
        If they have another shape, hold no numbers, or the centre is not on the detector.
    """
    jitter = rng.uniform(-0.03, 0.03, 2) * min(detector_shape)
    drift = rng.uniform(-1.0, 1.0, (2, 2)) * 1.5 / np.max(shape)
    centre = (np.array(detector_shape[::-1]) - 1) / 2 + jitter
    if disc_centre is not None:
        centre = _numbers(disc_centre, "disc_centre", [(2,)], "(x, y) in px of the detector")
    if not ((centre >= -0.5) & (centre <= np.array(detector_shape[::-1]) - 0.5)).all():
        raise ValueError(
            f"disc_centre must be a place (x, y) on the detector of {detector_shape[1]} x "
            f"{detector_shape[0]} px; got {disc_centre!r}."
        )
    plane = np.zeros((2, 3))
    plane[:, :2] = drift
    if descan is not None:
        shapes = [(2, 2), (2, 3)]
        plane[:, :2] = _numbers(descan, "descan", shapes, "detector px per scan px")[:, :2]
    return centre, plane


def disc_size(radius: float | None, detector_shape: tuple[int, int]) -> float:
    """Return the radius of the disc, px; by default 0.4 of the detector's smaller side.

    Raises
    ------
    TypeError, ValueError
        If it is not a finite number of at least 3.
    """
    if radius is None:
        return 0.4 * min(detector_shape)
    return bounded(radius, "disc_radius", 3.0, np.inf, "px")


def bounded(value: Any, name: str, low: float, high: float, unit: str) -> float:
    """Return a finite number within limits.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is out of its range.
    """
    number = as_number(value, name)
    if not (np.isfinite(number) and low <= number <= high):
        limits = f"of at least {low:g}" if np.isinf(high) else f"from {low:g} to {high:g}"
        limits = "that is finite" if np.isinf(low) else limits
        raise ValueError(f"{name} must be a number {limits}, {unit}; got {value!r}.")
    return number


def _numbers(value: ArrayLike, name: str, shapes: list, meaning: str) -> np.ndarray:
    try:
        numbers = np.asarray(value, float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape not in shapes or not np.isfinite(numbers).all():
        wanted = " or ".join(str(shape) for shape in shapes)
        raise ValueError(
            f"{name} needs finite numbers of shape {wanted}, {meaning}; got {value!r}."
        )
    return numbers
