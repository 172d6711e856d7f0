"""Which planes and Burgers vectors the dislocations of a foil have, in the specimen frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

import numpy as np

from hyperspy_stereo.simulation.crystals.burgers import burgers_vectors, slip_systems
from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.crystals.structure import Crystal
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault

VISIBLE = 0.5
"""Lines with an absolute g.b above this count as visible; perfect ones then have 1 or more."""

# how often types of glide dislocations are met; the others count 1
_SHARES = {"super 101": 0.7, "super 112": 0.25, "c": 0.25, "a+c": 0.3}


@dataclass(frozen=True, eq=False)
class Glide:
    """A glide plane with a Burgers vector, or the habit plane of a loop with its own.

    Attributes
    ----------
    kind : str
        Type of the Burgers vector, such as "ordinary".
    plane : tuple of int
        Indices h, k, l of the plane; zeros where it has none of its own.
    uvw : tuple of Fraction
        Burgers vector in units of the lattice vectors.
    normal : (3,) ndarray
        Unit normal of the plane in the specimen frame.
    burgers : (3,) ndarray
        Burgers vector in nm in the specimen frame.
    """

    kind: str
    plane: tuple[int, int, int]
    uvw: tuple[Fraction, Fraction, Fraction]
    normal: np.ndarray
    burgers: np.ndarray

    def reversed(self) -> Glide:
        """The same with the opposite Burgers vector."""
        uvw = tuple(-u for u in self.uvw)
        return Glide(self.kind, self.plane, uvw, self.normal, -self.burgers)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Dislocations that belong together, and the faults between them.

    Attributes
    ----------
    kind : str
        "line", "threading", "loop", "helix", "pile-up", "dipole", "dissociated", "junction",
        "network", "tangle" or "interface".
    dislocations : tuple of Dislocation
        Lines; the frame is that of `Specimen`.
    faults : tuple of StackingFault
        Faulted strips.
    """

    kind: str
    dislocations: tuple[Dislocation, ...]
    faults: tuple[StackingFault, ...] = ()


@lru_cache(maxsize=32)
def glide_systems(orientation: FoilOrientation) -> tuple[Glide, ...]:
    """Glide systems of the perfect dislocations of a foil.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.

    Returns
    -------
    tuple of Glide
        Of each pair of opposite Burgers vectors one.

    Raises
    ------
    ValueError
        If the crystal has no glide systems.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> len(glide_systems(foil))
    12
    """
    systems = slip_systems(orientation.crystal)
    if not systems:
        raise ValueError(
            f"{orientation.crystal.name} has no glide systems: give its BurgersFamily a plane."
        )
    return tuple(
        Glide(
            s.kind,
            s.plane,
            s.burgers,
            orientation.plane_normal(s.plane),
            orientation.burgers(s.burgers),
        )
        for s in systems
    )


@lru_cache(maxsize=32)
def loop_systems(orientation: FoilOrientation) -> tuple[Glide, ...]:
    """Habit planes of prismatic loops with their Burgers vectors, which lie out of the plane.

    Perfect loops are pure edge, on the plane perpendicular to b. Faulted ones (b not a translation
    of the lattice and without a glide plane: Frank loops) lie on the close-packed plane that is
    nearest to that: {111}, or (0001) of a hexagonal lattice.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.

    Returns
    -------
    tuple of Glide
        ``plane`` is (0, 0, 0) for the planes perpendicular to b.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> sorted({system.kind for system in loop_systems(foil)})
    ['frank', 'perfect']
    """
    glissile = {family.kind for family in orientation.crystal.burgers if family.planes}
    found = []
    for vector in burgers_vectors(orientation.crystal):
        b = orientation.burgers(vector.uvw)
        if vector.partial and vector.kind not in glissile:
            plane = max(
                close_packed_planes(orientation.crystal),
                key=lambda hkl: abs(orientation.plane_normal(hkl) @ b),
            )
            found.append(Glide(vector.kind, plane, vector.uvw, orientation.plane_normal(plane), b))
        elif not vector.partial:
            found.append(Glide(vector.kind, (0, 0, 0), vector.uvw, b / np.linalg.norm(b), b))
    return tuple(found)


def close_packed_planes(material: Crystal) -> tuple[tuple[int, int, int], ...]:
    """Close-packed planes: (0001) of hexagonal crystals, else the four {111}."""
    if material.hexagonal:
        return ((0, 0, 1),)
    return ((1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1))


@lru_cache(maxsize=32)
def triads(orientation: FoilOrientation) -> tuple[tuple[Glide, Glide, Glide], ...]:
    """Sets of three Burgers vectors of one glide plane that add up to zero.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.

    Returns
    -------
    tuple of (Glide, Glide, Glide)
        Three lines with these Burgers vectors may meet in a node.

    Notes
    -----
    F. C. Frank's rule for nodes; J. P. Hirth, J. Lothe, Theory of Dislocations, 2nd ed. (1982),
    section 10-3, for hexagonal networks of f.c.c. crystals.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> len(triads(foil)), bool(abs(sum(s.burgers for s in triads(foil)[0])).max() < 1e-12)
    (4, True)
    """
    planes: dict[tuple[int, int, int], list[Glide]] = {}
    for system in glide_systems(orientation):
        planes.setdefault(system.plane, []).append(system)
    found = []
    for systems in planes.values():
        for a, b, c in combinations(systems, 3):
            signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
            for i, j in signs:
                if all(x + i * y + j * z == 0 for x, y, z in zip(a.uvw, b.uvw, c.uvw, strict=True)):
                    found.append((a, b if i > 0 else b.reversed(), c if j > 0 else c.reversed()))
    return tuple(found)


def choose_glide(
    orientation: FoilOrientation,
    rng: np.random.Generator,
    visible: float = 0.75,
    systems: tuple[Glide, ...] | None = None,
) -> Glide:
    """Draw a glide system, more often one that is seen.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal, foil and reflection.
    rng : numpy.random.Generator
        Source of randomness.
    visible : float, default 0.75
        Probability with which only systems with an absolute g.b above 0.5 are drawn from, if there
        are any.
    systems : tuple of Glide, optional
        To choose from; `glide_systems` by default.

    Returns
    -------
    Glide
        With either sign of b. Planes nearly parallel to the foil, on which lines hardly ever cross
        it, are drawn seldom.
    """
    systems = glide_systems(orientation) if systems is None else systems
    weights = np.array([_SHARES.get(s.kind, 1.0) * _inclined(s.normal) for s in systems])
    if rng.random() < visible:
        g = orientation.g_vector()
        seen = np.array([abs(g @ s.burgers) > VISIBLE for s in systems])
        weights = weights * seen if seen.any() else weights
    system = systems[rng.choice(len(systems), p=weights / weights.sum())]
    return system if rng.random() < 0.5 else system.reversed()


def one_of_each_vector(systems: tuple[Glide, ...]) -> tuple[Glide, ...]:
    """Of each Burgers vector one system, so that types count by their number of vectors."""
    return tuple({system.uvw: system for system in systems}.values())


def _inclined(normal: np.ndarray) -> float:
    return 0.15 if abs(normal[2]) > np.cos(np.radians(12)) else 1.0
