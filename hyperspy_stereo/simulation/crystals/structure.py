"""Crystals: lattice, atoms, thermal vibration and Burgers vectors, with a few presets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.simulation.crystals.indices import direction_indices, plane_indices

if TYPE_CHECKING:
    from orix.crystal_map import Phase

FACE_CENTRES = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))


@dataclass(frozen=True)
class Site:
    """An atom of the unit cell.

    Attributes
    ----------
    element : str
        Chemical symbol, such as "Ti".
    position : tuple of float
        Fractional coordinates.
    occupancy : float
        Share of the cells in which this element sits here, 0..1. A random alloy has several sites
        at one position.
    """

    element: str
    position: tuple[float, float, float]
    occupancy: float = 1.0


@dataclass(frozen=True)
class BurgersFamily:
    """Burgers vectors that symmetry makes equal, and the planes on which they glide.

    Parameters
    ----------
    kind : str
        Name of the type, such as "ordinary" or "shockley".
    uvw : sequence of int or Fraction
        One of the vectors, in units of the lattice vectors.
    planes : sequence of (h, k, l)
        One plane of each family on which it glides; may be empty.
    partial : bool, default False
        True if the vector is not a translation of the lattice.

    Examples
    --------
    >>> from fractions import Fraction
    >>> half = Fraction(1, 2)
    >>> BurgersFamily("perfect", (half, half, 0), planes=[(1, 1, 1)]).partial
    False
    """

    kind: str
    uvw: tuple[Fraction, Fraction, Fraction]
    planes: tuple[tuple[int, int, int], ...] = ()
    partial: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "uvw", tuple(Fraction(u).limit_denominator(48) for u in self.uvw))
        object.__setattr__(self, "planes", tuple(tuple(int(h) for h in p) for p in self.planes))


@dataclass(frozen=True)
class Crystal:
    """A crystal: what contrast simulation has to know of it.

    Parameters
    ----------
    name : str
        Name, for messages and records.
    lattice : (a, b, c, alpha, beta, gamma)
        Lattice parameters in nm and degrees.
    sites : sequence of Site
        All atoms of the cell, not only the asymmetric ones.
    space_group : int
        Number in the International Tables, 1..230; its Laue class makes the equivalent Burgers
        vectors and planes, so that a cell larger than the standard one may be used.
    debye_waller : mapping of str to float
        Debye-Waller factor B = 8 pi^2 <u^2> of each element in nm^2; 1 Angstrom^2 is 0.01 nm^2.
    debye_waller_source : str
        Where B comes from.
    burgers : sequence of BurgersFamily, optional
        Types of Burgers vectors with their glide planes.
    poisson_ratio : float, default 0.3
        Of the elastically isotropic medium that stands for the crystal.

    Raises
    ------
    ValueError
        If the lattice, an occupancy, a Debye-Waller factor, the space group or Poisson's ratio
        cannot be, or an element has no Debye-Waller factor.

    Notes
    -----
    The Cartesian frame of the crystal is that of orix: x along a, z along c*.

    Examples
    --------
    >>> copper = face_centred_cubic("Cu", 0.3615, {"Cu": 1.0}, {"Cu": 0.0055}, poisson_ratio=0.34)
    >>> float(round(copper.volume, 4)), copper.phase.point_group.name
    (0.0472, 'm-3m')
    """

    name: str
    lattice: tuple[float, float, float, float, float, float]
    sites: tuple[Site, ...]
    space_group: int
    debye_waller: tuple[tuple[str, float], ...]
    debye_waller_source: str = ""
    burgers: tuple[BurgersFamily, ...] = ()
    poisson_ratio: float = 0.3

    def __post_init__(self) -> None:
        factors = dict(self.debye_waller)
        object.__setattr__(self, "lattice", tuple(float(p) for p in self.lattice))
        object.__setattr__(self, "sites", tuple(self.sites))
        object.__setattr__(self, "burgers", tuple(self.burgers))
        object.__setattr__(self, "debye_waller", tuple((e, float(b)) for e, b in factors.items()))
        _check(self)

    @property
    def elements(self) -> tuple[str, ...]:
        """Elements in the order in which the sites name them."""
        return tuple(dict.fromkeys(site.element for site in self.sites))

    @property
    def hexagonal(self) -> bool:
        """True if a = b, alpha = beta = 90 and gamma = 120 degrees: four indices make sense."""
        a, b, _, *angles = self.lattice
        return bool(np.isclose(a, b) and np.allclose(angles, (90, 90, 120)))

    @property
    def face_centred(self) -> bool:
        """True if the sites, whatever their elements, repeat by the f.c.c. translations."""
        places = np.array([site.position for site in self.sites])
        for centre in FACE_CENTRES[1:]:
            step = places[:, None] + centre - places[None]
            if not (np.abs(step - np.round(step)) < 1e-3).all(-1).any(1).all():
                return False
        return not self.hexagonal

    @cached_property
    def direct(self) -> np.ndarray:
        """Lattice vectors a, b, c in the rows, nm, in the Cartesian frame of the crystal."""
        a, b, c = self.lattice[:3]
        cos_a, cos_b, cos_g = np.cos(np.radians(self.lattice[3:]))
        sin_g = np.sqrt(1 - cos_g**2)
        y = (cos_a - cos_b * cos_g) / sin_g
        rows = [[a, 0, 0], [b * cos_g, b * sin_g, 0]]
        rows.append([c * cos_b, c * y, c * np.sqrt(1 - cos_b**2 - y**2)])
        # cos(90 degrees) is not quite zero in floating point
        return _frozen(np.where(np.abs(rows) < 1e-15, 0.0, rows))

    @cached_property
    def reciprocal(self) -> np.ndarray:
        """Reciprocal lattice vectors a*, b*, c* in the rows, 1/nm (no factor 2 pi)."""
        return _frozen(np.linalg.inv(self.direct).T)

    @cached_property
    def volume(self) -> float:
        """Volume of the unit cell, nm^3."""
        return float(np.linalg.det(self.direct))

    @property
    def phase(self) -> Phase:
        """The crystal as an orix ``Phase`` (lattice parameters in Angstrom, as orix has them)."""
        return _phase(self)

    def plane_indices(self, hkl: Sequence[int]) -> tuple[int, int, int]:
        """Three whole indices of a plane or reflection, from hkl or, if hexagonal, hkil.

        Raises
        ------
        ValueError
            If they are not whole, all zero, or four that do not belong together.

        Examples
        --------
        >>> crystal("GaN").plane_indices((1, 1, -2, 0))
        (1, 1, 0)
        """
        return plane_indices(hkl, self.hexagonal)

    def direction_indices(self, uvw: Sequence[float]) -> tuple[Fraction, Fraction, Fraction]:
        """Three indices of a direction as exact fractions, from uvw or, if hexagonal, UVTW.

        Raises
        ------
        ValueError
            If they are all zero, or four that do not belong together.

        Examples
        --------
        >>> [str(u) for u in crystal("GaN").direction_indices((1, 1, -2, 3))]
        ['3', '3', '3']
        """
        return direction_indices(uvw, self.hexagonal)


def face_centred_cubic(
    name: str,
    a: float,
    occupancy: Mapping[str, float],
    debye_waller: Mapping[str, float],
    debye_waller_source: str = "",
    poisson_ratio: float = 0.3,
) -> Crystal:
    """Make a face-centred cubic crystal, of one element or a random alloy.

    Parameters
    ----------
    name : str
        Name, for messages and records.
    a : float
        Lattice parameter in nm.
    occupancy : mapping of str to float
        Share of each element; the shares add up to 1.
    debye_waller : mapping of str to float
        Debye-Waller factor B of each element in nm^2.
    debye_waller_source : str, optional
        Where B comes from.
    poisson_ratio : float, default 0.3
        Poisson's ratio.

    Returns
    -------
    Crystal
        With perfect, Shockley and Frank Burgers vectors.

    Raises
    ------
    ValueError
        If the shares do not add up to 1, or see `Crystal`.

    Examples
    --------
    >>> face_centred_cubic("Au", 0.4078, {"Au": 1.0}, {"Au": 0.0063}).elements
    ('Au',)
    """
    total = sum(occupancy.values())
    if not np.isclose(total, 1):
        raise ValueError(f"the shares of the elements must add up to 1; got {total:.4g}.")
    sites = [Site(e, centre, share) for centre in FACE_CENTRES for e, share in occupancy.items()]
    return Crystal(
        name, (a, a, a, 90, 90, 90), sites, 225, debye_waller, debye_waller_source,
        face_centred_families(), poisson_ratio,
    )  # fmt: skip


def face_centred_families() -> tuple[BurgersFamily, ...]:
    """Burgers vectors of f.c.c. crystals: perfect 1/2<110>, Shockley 1/6<112>, Frank 1/3<111>."""
    plane = ((1, 1, 1),)
    return (
        BurgersFamily("perfect", _over(2, 1, 1, 0), plane),
        BurgersFamily("shockley", _over(6, 1, 1, 2), plane, partial=True),
        BurgersFamily("frank", _over(3, 1, 1, 1), partial=True),
    )


def crystal(name: str | Crystal) -> Crystal:
    """Look up a preset crystal.

    Parameters
    ----------
    name : str or Crystal
        A name in any case: "TiAl" ("γ-TiAl", "gamma-TiAl"), "GaN", "CrMnFeCoNi" ("Cantor"), "Al",
        "Ni" or "Si". A `Crystal` is handed back as it is, so that functions take either.

    Returns
    -------
    Crystal
        The preset; its ``debye_waller_source`` tells where the thermal vibration comes from.

    Raises
    ------
    ValueError
        If there is no such preset; make a `Crystal` then.

    Examples
    --------
    >>> crystal("γ-TiAl").lattice[:3]
    (0.4005, 0.4005, 0.407)
    """
    from hyperspy_stereo.simulation.crystals.presets import ALIASES, PRESETS

    if isinstance(name, Crystal):
        return name
    key = str(name).strip().casefold()
    key = ALIASES.get(key, key)
    if key not in PRESETS:
        names = ", ".join(preset.name for preset in PRESETS.values())
        raise ValueError(
            f"no preset crystal is called {name!r}: there are {names}. For another one make a "
            "Crystal(name, lattice, sites, space_group, debye_waller), or face_centred_cubic(...)."
        )
    return PRESETS[key]


def _over(below: int, *above: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(index, below) for index in above)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _check(crystal_: Crystal) -> None:
    lattice = np.array(crystal_.lattice)
    if lattice.shape != (6,) or not (lattice > 0).all() or (lattice[3:] >= 180).any():
        raise ValueError(
            "lattice must be (a, b, c, alpha, beta, gamma), nm and degrees, all above zero; got "
            f"{crystal_.lattice}."
        )
    if lattice[:3].max() > 10:
        raise ValueError(f"lattice {crystal_.lattice[:3]} is too large: lengths are in nm.")
    if not np.isfinite(crystal_.direct).all():
        raise ValueError(f"no cell has the angles {crystal_.lattice[3:]} degrees.")
    if not crystal_.sites or not all(0 < site.occupancy <= 1 for site in crystal_.sites):
        raise ValueError("sites must hold at least one atom, each with an occupancy in (0, 1].")
    missing = set(crystal_.elements) - set(dict(crystal_.debye_waller))
    if missing:
        raise ValueError(f"debye_waller says nothing about {', '.join(sorted(missing))}.")
    for element, factor in crystal_.debye_waller:
        if not 0 <= factor <= 0.1:
            raise ValueError(
                f"the Debye-Waller factor of {element} must be 0 to 0.1 nm^2 (1 Angstrom^2 is 0.01 "
                f"nm^2); got {factor}."
            )
    if crystal_.space_group not in range(1, 231):
        raise ValueError(f"space_group must be 1..230; got {crystal_.space_group!r}.")
    if not -1 < crystal_.poisson_ratio < 0.5:
        raise ValueError(f"Poisson's ratio lies in (-1, 0.5); got {crystal_.poisson_ratio!r}.")


@lru_cache(maxsize=64)
def _phase(crystal_: Crystal) -> Phase:
    from diffpy.structure import Atom, Lattice, Structure
    from orix.crystal_map import Phase

    factors = dict(crystal_.debye_waller)
    lengths = [10 * length for length in crystal_.lattice[:3]]
    atoms = [Atom(s.element, s.position, occupancy=s.occupancy) for s in crystal_.sites]
    for atom in atoms:
        atom.Bisoequiv = 100 * factors[atom.element]
    structure = Structure(atoms=atoms, lattice=Lattice(*lengths, *crystal_.lattice[3:]))
    return Phase(name=crystal_.name, space_group=crystal_.space_group, structure=structure)
