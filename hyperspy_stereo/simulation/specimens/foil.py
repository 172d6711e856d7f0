"""The foil itself: which way the crystal lies, wedge thickness and bending."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hyperspy_stereo.simulation.crystals.extinction import is_allowed
from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.crystals.structure import Crystal

THINNEST = 40.0
"""Wedges do not get thinner than this, nm, unless the foil itself is."""

# zone axes and the reflections in them that are used most
_CUBIC = (
    ((1, 1, 0), ((1, -1, 1), (0, 0, 2), (2, -2, 0))),
    ((0, 0, 1), ((2, 0, 0), (2, 2, 0))),
    ((1, 1, 2), ((1, 1, -1), (2, -2, 0))),
)
_HEXAGONAL = (
    ((0, 0, 0, 1), ((1, 1, -2, 0), (1, -1, 0, 0))),
    ((1, -1, 0, 0), ((0, 0, 0, 2), (1, 1, -2, 0))),
    ((1, 1, -2, 0), ((0, 0, 0, 2), (1, -1, 0, 0))),
)
_CONDITIONS = {
    "TiAl": (
        ((1, 1, 0), ((0, 0, 2), (1, -1, 1), (2, -2, 0))),
        ((1, 0, 1), ((1, 1, -1), (0, 2, 0), (2, 0, -2))),
        ((0, 1, 0), ((0, 0, 2), (2, 0, 0))),
    ),
    "Si": (
        ((1, 1, 0), ((1, -1, 1), (0, 0, 4), (2, -2, 0))),
        ((0, 0, 1), ((2, 2, 0), (4, 0, 0))),
    ),
}


def random_orientation(crystal: Crystal, rng: np.random.Generator) -> FoilOrientation:
    """Draw a foil as it is used for two-beam pictures.

    Parameters
    ----------
    crystal : Crystal
        A preset, or another one: its conditions are those of hexagonal crystals if it is, else
        those of cubic ones; forbidden reflections are left out.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    FoilOrientation
        Some degrees (3 to 22) off a low-index zone axis about g, with g in any direction of the
        image.

    Raises
    ------
    ValueError
        If the crystal has none of the reflections that are drawn from.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.crystals.structure import crystal
    >>> foil = random_orientation(crystal("GaN"), np.random.default_rng(0))
    >>> foil.crystal.name
    'GaN'
    """
    conditions = _allowed_conditions(crystal)
    zone, reflections = conditions[rng.integers(len(conditions))]
    g = reflections[rng.integers(len(reflections))]
    zones = _zones_near(crystal, zone, g)
    return FoilOrientation(crystal, zones[rng.integers(len(zones))], g, rng.uniform(0, 360))


@lru_cache(maxsize=64)
def _allowed_conditions(crystal: Crystal) -> tuple[tuple[tuple, tuple], ...]:
    """Zone axes, each with those of its usual reflections that the crystal has."""
    usual = _HEXAGONAL if crystal.hexagonal else _CONDITIONS.get(crystal.name, _CUBIC)
    allowed = []
    for zone, reflections in usual:
        seen = tuple(g for g in reflections if is_allowed(crystal, crystal.plane_indices(g)))
        if seen:
            allowed.append((zone, seen))
    if not allowed:
        raise ValueError(
            f"{crystal.name} has none of the usual reflections: give orientation="
            f"FoilOrientation({crystal.name}, zone_axis, g) with one that it has."
        )
    return tuple(allowed)


@lru_cache(maxsize=64)
def _zones_near(crystal: Crystal, zone: tuple, g: tuple) -> tuple[tuple[int, ...], ...]:
    """Whole-number directions perpendicular to g, 3 to 22 degrees from a zone axis."""
    axis = np.array([float(u) for u in crystal.direction_indices(zone)])
    k = np.arange(-12, 13)
    candidates = np.stack(np.meshgrid(k, k, k, indexing="ij"), axis=-1).reshape(-1, 3)
    candidates = candidates[(candidates @ np.array(crystal.plane_indices(g))) == 0]
    candidates = candidates[candidates.any(axis=1)]
    vectors = candidates @ crystal.direct
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    along = axis @ crystal.direct
    angle = np.degrees(np.arccos(np.clip(vectors @ (along / np.linalg.norm(along)), -1, 1)))
    near = candidates[(angle > 3) & (angle < 22)]
    return tuple(map(tuple, near.tolist()))


def random_wedge(rng: np.random.Generator, thickness: float) -> np.ndarray:
    """Draw the polynomial of a wedge-shaped foil.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    thickness : float
        At the middle of the field, nm.

    Returns
    -------
    (3, 3) ndarray
        As `Specimen.wedge`, nm: the thickness changes by at most 40 % and stays above 40 nm.

    Examples
    --------
    >>> random_wedge(np.random.default_rng(0), 100.0)[0, 0].tolist()
    0.0
    """
    slope = rng.uniform(0, 0.28) * thickness
    wedge = _polynomial(rng, slope, 0.04 * thickness)
    return _limited(wedge, min(0.4 * thickness, max(thickness - THINNEST - 1, 0.0)))


def random_bend(rng: np.random.Generator, extinction: float) -> np.ndarray:
    """Draw the polynomial of a bent foil.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    extinction : float
        Extinction distance, nm.

    Returns
    -------
    (3, 3) ndarray
        As `Specimen.bend`, 1/nm: s changes by at most 1.5 / extinction.

    Examples
    --------
    >>> bool(abs(random_bend(np.random.default_rng(0), 50.0)).max() < 1.5 / 50)
    True
    """
    strength = rng.uniform(0, 1) ** 1.5
    bend = _polynomial(rng, 1.2 * strength, 0.5 * strength)
    return _limited(bend, 1.5) / extinction


def _polynomial(rng: np.random.Generator, slope: float, curvature: float) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    terms = np.zeros((3, 3))
    terms[1, 0], terms[0, 1] = slope * np.cos(angle), slope * np.sin(angle)
    terms[2, 0], terms[1, 1], terms[0, 2] = curvature * rng.normal(0, 0.5, 3)
    return terms


def _limited(terms: np.ndarray, most: float) -> np.ndarray:
    """The polynomial, scaled down where the sum of its terms could be more than `most`."""
    largest = np.abs(terms).sum()
    return terms * min(1.0, most / largest) if largest > 0 else terms
