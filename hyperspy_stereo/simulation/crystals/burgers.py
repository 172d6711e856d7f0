"""Burgers vectors, glide systems and g.b of a crystal, by symmetry and in exact fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.simulation.crystals.indices import direction_label, plane_label
from hyperspy_stereo.simulation.crystals.structure import BurgersFamily, Crystal, crystal

if TYPE_CHECKING:
    import pandas as pd

Direction = tuple[Fraction, Fraction, Fraction]
Plane = tuple[int, int, int]


@dataclass(frozen=True)
class BurgersVector:
    """A Burgers vector of a crystal.

    Attributes
    ----------
    kind : str
        Its type, such as "ordinary".
    uvw : tuple of Fraction
        Components along the lattice vectors.
    cartesian : tuple of float
        nm, in the Cartesian frame of the crystal (x along a, z along c*).
    partial : bool
        True if it is not a translation of the lattice.
    label : str
        Such as "1/2[110]"; four indices if the lattice is hexagonal.
    """

    kind: str
    uvw: Direction
    cartesian: tuple[float, float, float]
    partial: bool
    label: str

    @property
    def length(self) -> float:
        """Length in nm."""
        return float(np.linalg.norm(self.cartesian))


@dataclass(frozen=True)
class SlipSystem:
    """A glide plane and a Burgers vector in it.

    Attributes
    ----------
    kind : str
        Type of the Burgers vector.
    plane : tuple of int
        Three indices h, k, l of the plane.
    burgers : tuple of Fraction
        Components u, v, w of the Burgers vector; h u + k v + l w = 0.
    label : str
        Such as "1/2[1-10](111)".
    """

    kind: str
    plane: Plane
    burgers: Direction
    label: str


def burgers_vectors(
    material: str | Crystal, kind: str | Sequence[str] | None = None
) -> list[BurgersVector]:
    """All Burgers vectors of a crystal that symmetry makes equivalent, both signs.

    Parameters
    ----------
    material : str or Crystal
        Crystal, or the name of a preset.
    kind : str or sequence of str, optional
        Only these types; all by default.

    Returns
    -------
    list of BurgersVector
        Family by family in the order in which the crystal names them.

    Raises
    ------
    ValueError
        If the crystal has no Burgers vectors of that type.

    Notes
    -----
    In L1_0 crystals only the first two indices may be exchanged, <uvw], which is what the Laue
    class 4/mmm does (G. Hug, A. Loiseau, P. Veyssiere, Phil. Mag. A 57 (1988) 499).

    Examples
    --------
    >>> [b.label for b in burgers_vectors("TiAl", "ordinary")]
    ['1/2[110]', '1/2[1-10]', '1/2[-110]', '1/2[-1-10]']
    >>> len(burgers_vectors("TiAl", "super 101")), len(burgers_vectors("GaN", "a+c"))
    (8, 12)
    """
    material = crystal(material)
    return [b for family in _families(material, kind) for b in _vectors(material, family)]


def g_dot_b_table(
    material: str | Crystal,
    g_list: Sequence[Sequence[int]],
    kind: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Tabulate g.b of each Burgers vector for some reflections.

    Parameters
    ----------
    material : str or Crystal
        Crystal, or the name of a preset.
    g_list : sequence of (h, k, l) or (h, k, i, l)
        Reflections.
    kind : str or sequence of str, optional
        Only these types of Burgers vectors; all by default.

    Returns
    -------
    pandas.DataFrame
        One row for each Burgers vector, of b and -b only one, with its label as the index. Columns:
        ``kind``; ``length`` in nm; for each reflection its g.b, as "(002)", rounded to 4 digits;
        and "visible (002)", False where a screw of this Burgers vector has no contrast: g.b = 0,
        or, for partials, an absolute g.b of at most 1/3.

    Raises
    ------
    ValueError
        If a reflection is not three or four fitting whole numbers, or there is no such type.

    Notes
    -----
    P. B. Hirsch et al., Electron Microscopy of Thin Crystals (1977), chapter 7 (the rule for
    partials holds for small s). A line that is not a screw may keep a residual contrast at g.b = 0
    where g.(b x u) is not 0.

    Examples
    --------
    >>> table = g_dot_b_table("TiAl", [(0, 0, 2)], kind=["ordinary", "super 101", "super 112"])
    >>> table.groupby("kind")["(002)"].agg(lambda gb: abs(gb).max()).to_dict()
    {'ordinary': 0.0, 'super 101': 2.0, 'super 112': 2.0}
    """
    import pandas as pd

    material = crystal(material)
    reflections = [material.plane_indices(g) for g in g_list]
    vectors = [b for b in burgers_vectors(material, kind) if _positive(b.uvw)]
    table = pd.DataFrame(
        {"kind": [b.kind for b in vectors], "length": [round(b.length, 4) for b in vectors]},
        index=pd.Index([b.label for b in vectors], name="b"),
    )
    for hkl in reflections:
        products = [_dot(hkl, b.uvw) for b in vectors]
        label = plane_label(hkl, material.hexagonal)
        table[label] = [round(float(product), 4) for product in products]
        table[f"visible {label}"] = [
            abs(product) > Fraction(1, 3) if b.partial else product != 0
            for product, b in zip(products, vectors, strict=True)
        ]
    return table


def slip_systems(
    material: str | Crystal, kind: str | Sequence[str] | None = None
) -> list[SlipSystem]:
    """All glide systems of a crystal that symmetry makes equivalent.

    Parameters
    ----------
    material : str or Crystal
        Crystal, or the name of a preset.
    kind : str or sequence of str, optional
        Types of Burgers vectors; all those of perfect dislocations by default.

    Returns
    -------
    list of SlipSystem
        Each plane and each Burgers vector once: of the two signs, that whose first index other
        than zero is positive.

    Raises
    ------
    ValueError
        If the crystal has no Burgers vectors of that type.

    Examples
    --------
    >>> systems = slip_systems("Al")
    >>> len(systems), systems[0].label
    (12, '1/2[10-1](111)')
    """
    material = crystal(material)
    found = []
    for family in _families(material, kind):
        if family.partial and kind is None:
            continue
        vectors = [b for b in _vectors(material, family) if _positive(b.uvw)]
        for first in family.planes:
            for plane in _planes(material, first):
                label = plane_label(plane, material.hexagonal)
                found += [
                    SlipSystem(family.kind, plane, b.uvw, b.label + label)
                    for b in vectors
                    if _dot(plane, b.uvw) == 0
                ]
    return found


def dissociate(
    material: str | Crystal, burgers: Sequence[float], plane: Sequence[int]
) -> tuple[Direction, Direction]:
    """Split a perfect Burgers vector into its two Shockley partials on a {111} plane.

    Parameters
    ----------
    material : str or Crystal
        Crystal whose sites form an f.c.c. lattice (f.c.c., diamond, L1_0), or the name of a preset.
    burgers : (u, v, w)
        Perfect Burgers vector (FS/RH), such as (1/2, -1/2, 0).
    plane : (h, k, l)
        Plane of the type {111} that holds it.

    Returns
    -------
    leading, trailing : tuple of Fraction
        Partials with leading + trailing = b exactly. With the line sense u and the normal n of the
        plane as given, the leading one lies on the side n x u and the trailing one on the other;
        the fault between them is then intrinsic. Changing the sign of n, or those of b and u,
        leaves the places as they are.

    Raises
    ------
    ValueError
        If the crystal has no f.c.c. stacking, the plane is not a {111}, or b is not one that splits
        into two Shockley partials there.

    Notes
    -----
    The rule is Thompson's (J. P. Hirth, J. Lothe, Theory of Dislocations, 2nd ed. (1982), chapter
    10), put without the tetrahedron: the half crystal on the side of n is moved by +b of the
    leading partial (or -b of the trailing one) against the other, and an intrinsic fault is a move
    from one hollow of the layer below to the next, never onto its atoms. A `StackingFault` with the
    trailing partial as `edge_a` and the leading one as `edge_b` has the displacement of the
    trailing partial.

    Examples
    --------
    >>> leading, trailing = dissociate("Al", (0.5, -0.5, 0), (1, 1, 1))
    >>> [str(u) for u in leading], [str(u) for u in trailing]
    (['1/6', '-1/3', '1/6'], ['1/3', '-1/6', '-1/6'])
    """
    material = crystal(material)
    b = material.direction_indices(burgers)
    normal = material.plane_indices(plane)
    if not material.face_centred or {abs(h) for h in normal} != {1}:
        raise ValueError(
            "only {111} planes of f.c.c. stackings (f.c.c., diamond, L1_0) split dislocations into "
            f"Shockley partials here; got {plane_label(normal)} of {material.name}."
        )
    hollows = _hollow_steps(normal)
    pairs = [
        (p, q) for p in hollows if (q := _minus(b, p)) in {_minus((0, 0, 0), h) for h in hollows}
    ]
    if _dot(normal, b) != 0 or len(pairs) != 1:
        fitting = ", ".join(
            direction_label(_minus(p, q)) for p in hollows for q in hollows if p != q
        )
        raise ValueError(
            f"{direction_label(b)} does not split into two Shockley partials on "
            f"{plane_label(normal)}; those that do: {fitting}."
        )
    return pairs[0]


@lru_cache(maxsize=64)
def laue_operations(material: Crystal) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Operations of the Laue class as whole matrices that act on uvw.

    Parameters
    ----------
    material : Crystal
        Crystal.

    Returns
    -------
    tuple of (3, 3) tuples of int
        Proper and improper operations: Burgers vectors come with both signs.

    Raises
    ------
    ValueError
        If the lattice does not have the symmetry of the space group.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.crystals.structure import crystal
    >>> len(laue_operations(crystal("Al"))), len(laue_operations(crystal("TiAl")))
    (48, 16)
    """
    rotations = material.phase.point_group.laue_proper_subgroup.to_matrix()
    basis = material.direct.T
    on_lattice = np.linalg.inv(basis) @ rotations @ basis
    whole = np.round(on_lattice).astype(int)
    if not np.allclose(on_lattice, whole, atol=1e-3):
        raise ValueError(
            f"the lattice {material.lattice} of {material.name} does not have the symmetry of "
            f"space group {material.space_group}."
        )
    return tuple(tuple(map(tuple, (sign * m).tolist())) for sign in (1, -1) for m in whole)


def _families(material: Crystal, kind: str | Sequence[str] | None) -> tuple[BurgersFamily, ...]:
    if kind is None:
        return material.burgers
    wanted = [kind] if isinstance(kind, str) else list(kind)
    known = {family.kind: family for family in material.burgers}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ValueError(
            f"{material.name} has no Burgers vectors of the type {missing[0]!r}; its types are: "
            f"{', '.join(known) or 'none'}."
        )
    return tuple(known[name] for name in wanted)


@lru_cache(maxsize=256)
def _vectors(material: Crystal, family: BurgersFamily) -> tuple[BurgersVector, ...]:
    images = {
        tuple(_dot(row, family.uvw) for row in operation) for operation in laue_operations(material)
    }
    return tuple(
        BurgersVector(
            family.kind,
            uvw,
            tuple((np.array(uvw, dtype=float) @ material.direct).tolist()),
            family.partial,
            direction_label(uvw, material.hexagonal),
        )
        for uvw in sorted(images, reverse=True)
    )


@lru_cache(maxsize=256)
def _planes(material: Crystal, hkl: Plane) -> tuple[Plane, ...]:
    # the indices of a plane go with the inverse operation, which is in the group as well
    columns = [zip(*operation, strict=True) for operation in laue_operations(material)]
    images = {tuple(_dot(column, hkl) for column in operation) for operation in columns}
    return tuple(sorted((plane for plane in images if _positive(plane)), reverse=True))


def _hollow_steps(normal: Plane) -> list[Direction]:
    # a neighbour in the next layer sits over a hollow; steps between hollows are the places of the
    # three neighbours seen along the normal
    half = Fraction(1, 2)
    signs = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]
    neighbours = [tuple(half * i for i in s) for s in signs if sum(map(abs, s)) == 2]
    above = [r for r in neighbours if _dot(normal, r) == 1]
    middle = tuple(sum(axis) / 3 for axis in zip(*above, strict=True))
    return [_minus(r, middle) for r in above]


def _dot(first: Sequence, second: Sequence) -> Fraction:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _minus(first: Sequence, second: Sequence) -> Direction:
    return tuple(a - b for a, b in zip(first, second, strict=True))


def _positive(indices: Sequence) -> bool:
    return next((i > 0 for i in indices if i != 0), False)
