"""Grain boundaries and lamellae, and the dislocations that lie in them."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.specimen import Boundary
from hyperspy_stereo.simulation.specimens.paths import bowed, plane_frame, random_waves, reach
from hyperspy_stereo.simulation.specimens.systems import (
    Arrangement,
    choose_glide,
    close_packed_planes,
    glide_systems,
    one_of_each_vector,
)

NOT_DIFFRACTING = (0.06, 0.3)
"""Range of the deviation of the excitation error of a grain that is out of contrast, 1/nm."""


def lamellae(
    orientation: FoilOrientation,
    n: int,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
) -> tuple[Boundary, ...]:
    """Parallel boundaries through the field: one of two grains, or those between lamellae.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil; lamellae are parallel to {111} or (0001) where one of
        these is steep enough.
    n : int
        Number of boundaries.
    size : (float, float)
        Width and height of the field, nm.
    thickness : float
        Of the foil, nm.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of Boundary
        In the order of their normals. Edge-on to inclined by 55 degrees, less in thick foils; a
        single one may lie in any direction, as between grains. Lamellae are 35 nm to
        half of the field wide; in fields below 140 nm they are a quarter of it or more.

    Raises
    ------
    ValueError
        If n is below zero.

    Examples
    --------
    >>> foil = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> len(lamellae(foil, 3, (300, 300), 120, np.random.default_rng(0)))
    3
    """
    if n < 0:
        raise ValueError(f"n must be a number of boundaries, 0 or more; got {n!r}.")
    # seen along the beam, an inclined boundary takes no more than a third of the field
    most = min(np.radians(55), np.arctan(min(size) / (3 * thickness)))
    normal = _plane(orientation, rng, most, free=n == 1)
    if rng.random() < 0.5:
        normal = -normal
    level = normal[:2] / np.hypot(*normal[:2])
    narrowest = min(35.0, 0.25 * max(size))
    widths = np.exp(rng.uniform(np.log(narrowest), np.log(0.5 * max(size)), max(n - 1, 0)))
    # widths are those seen in the image; the first plane is put so that the stack is in the field
    places = np.concatenate([[0.0], np.cumsum(widths)])[:n]
    half_field = 0.5 * (abs(level) @ np.array(size))
    span = places[-1] if n else 0.0
    places = places - span / 2 + rng.uniform(-0.55, 0.55) * half_field
    middle = np.array([*size, thickness]) / 2
    return tuple(Boundary(middle + place * np.array([*level, 0.0]), normal) for place in places)


def grain_deviations(
    boundaries: tuple[Boundary, ...],
    size: tuple[float, float],
    extinction: float,
    rng: np.random.Generator,
) -> tuple[float, ...]:
    """Draw how far each grain is from the diffraction condition of the first.

    Parameters
    ----------
    boundaries : tuple of Boundary
        In order.
    size : (float, float)
        Width and height of the field, nm.
    extinction : float
        Extinction distance, nm.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of float
        1/nm, one more than boundaries, the first 0. The largest grain of the field is always near
        the condition; others may be as well, or out of contrast.

    Examples
    --------
    >>> grain_deviations((), (300, 300), 40.0, np.random.default_rng(0))
    (0.0,)
    """
    deviations = [0.0]
    for _ in boundaries:
        near = rng.uniform(-1.2, 1.2) / extinction
        far = rng.choice([-1, 1]) * np.exp(rng.uniform(*np.log(NOT_DIFFRACTING)))
        deviations.append(float(rng.choice([0.0, near, far], p=[0.2, 0.45, 0.35])))
    largest = int(np.argmax(grain_areas(boundaries, size)))
    if abs(deviations[largest]) * extinction > 1.5:
        deviations[largest] = float(rng.uniform(-0.8, 0.8) / extinction)
    return tuple(deviations)


def grain_areas(boundaries: tuple[Boundary, ...], size: tuple[float, float]) -> np.ndarray:
    """Share of the field that each grain takes at the depth of the boundaries' points."""
    x, y = np.meshgrid((np.arange(24) + 0.5) / 24 * size[0], (np.arange(24) + 0.5) / 24 * size[1])
    depth = boundaries[0].point[2] if boundaries else 0.0
    points = np.stack([x, y, np.full_like(x, depth)], axis=-1)
    grain = grain_of(boundaries, points)
    return np.bincount(grain.ravel(), minlength=len(boundaries) + 1) / grain.size


def grain_of(boundaries: tuple[Boundary, ...], points: np.ndarray) -> np.ndarray:
    """Number of the grain (...) that points (..., 3) in nm lie in."""
    grain = np.zeros(np.shape(points)[:-1], dtype=int)
    for boundary in boundaries:
        grain += (points - boundary.point) @ boundary.normal > 0
    return grain


def interface_dislocations(
    orientation: FoilOrientation,
    boundary: Boundary,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    n: int | None = None,
) -> Arrangement:
    """Lines that lie in a boundary: an array from face to face, or long ones along it.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.
    boundary : Boundary
        Plane that holds the lines.
    size : (float, float)
        Width and height of the field, nm.
    thickness : float
        Of the foil, nm.
    rng : numpy.random.Generator
        Source of randomness.
    visible : float, default 0.75
        See `choose_glide`.
    n : int, optional
        Number of lines; drawn from 3 to 9 by default.

    Returns
    -------
    Arrangement
        Of kind "interface".

    Raises
    ------
    ValueError
        If n is below 1.

    Examples
    --------
    >>> foil = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> rng = np.random.default_rng(0)
    >>> plane = lamellae(foil, 1, (300, 300), 120, rng)[0]
    >>> len(interface_dislocations(foil, plane, (300, 300), 120, rng, n=4).dislocations)
    4
    """
    drawn = int(rng.integers(3, 10))
    n = drawn if n is None else int(n)
    if n < 1:
        raise ValueError(f"n must be at least one line; got {n!r}.")
    systems = one_of_each_vector(glide_systems(orientation))
    burgers = choose_glide(orientation, rng, visible, systems).burgers
    frame = plane_frame(boundary.normal, boundary.point)
    top, bottom = reach(frame, thickness, 0.7 * max(size))
    long, height = np.hypot(*size), bottom - top
    lines = []
    if rng.random() < 0.5:
        lean, middle = rng.uniform(-1.5, 1.5) * height, rng.uniform(-0.3, 0.3) * max(size)
        spacing = rng.uniform(12, 60)
        for k in np.arange(n) - (n - 1) / 2:
            u = middle + (k + rng.normal(0, 0.12)) * spacing
            ends = (u - lean / 2, top), (u + lean / 2, bottom)
            lines.append(bowed(*ends, rng.normal(0, 0.04) * height, random_waves(rng, 1.0)))
    else:
        for _ in range(n):
            v = rng.uniform(top, bottom, 2)
            ends = (-0.6 * long, v[0]), (0.6 * long, v[1])
            waves = random_waves(rng, 0.03 * height)
            lines.append(bowed(*ends, rng.normal(0, 0.1) * height, waves))
    return Arrangement("interface", tuple(Dislocation(frame.points(p), burgers) for p in lines))


def _plane(
    orientation: FoilOrientation, rng: np.random.Generator, most: float, free: bool
) -> np.ndarray:
    """Normal of the boundaries, at most so many radians from edge-on."""
    normals = [orientation.plane_normal(hkl) for hkl in close_packed_planes(orientation.crystal)]
    normals = [normal for normal in normals if abs(normal[2]) < np.sin(most)]
    if normals and not (free and rng.random() < 0.5):
        return normals[rng.integers(len(normals))]
    angle, rise = rng.uniform(0, 2 * np.pi), rng.uniform(-0.9, 0.9) * most
    return np.array([np.cos(angle) * np.cos(rise), np.sin(angle) * np.cos(rise), np.sin(rise)])
