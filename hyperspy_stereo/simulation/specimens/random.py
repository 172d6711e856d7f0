"""A whole specimen drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hyperspy_stereo.simulation import crystals
from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.crystals.structure import Crystal
from hyperspy_stereo.simulation.specimen import Specimen
from hyperspy_stereo.simulation.specimens.boundaries import (
    grain_deviations,
    grain_of,
    interface_dislocations,
    lamellae,
)
from hyperspy_stereo.simulation.specimens.cutting import (
    cut_to_foil,
    cut_to_grain,
    length_inside,
    visible_lengths,
)
from hyperspy_stereo.simulation.specimens.foil import random_bend, random_orientation, random_wedge
from hyperspy_stereo.simulation.specimens.glide import dipole, dissociated, pile_up, splits
from hyperspy_stereo.simulation.specimens.lines import bowed_lines, threading_lines
from hyperspy_stereo.simulation.specimens.loops import helix, loop
from hyperspy_stereo.simulation.specimens.networks import joins, junction, network, tangle
from hyperspy_stereo.simulation.specimens.paths import plane_frame
from hyperspy_stereo.simulation.specimens.surface import random_spots
from hyperspy_stereo.simulation.specimens.systems import (
    Arrangement,
    choose_glide,
    triads,
)

ATTEMPTS = 40
MOST_LINES = 80
_CRYSTALS = {"TiAl": 0.25, "GaN": 0.2, "CrMnFeCoNi": 0.2, "Al": 0.15, "Ni": 0.15, "Si": 0.05}


def _one(builder: Callable[..., Arrangement]) -> Callable[..., Arrangement]:
    def build(orientation, size, thickness, rng, visible, centre):
        return builder(orientation, 1, size, thickness, rng, visible, centre)

    return build


_BUILDERS: dict[str, Callable[..., Arrangement]] = {
    "line": _one(bowed_lines),
    "threading": _one(threading_lines),
    "loop": loop,
    "helix": helix,
    "pile-up": pile_up,
    "dipole": dipole,
    "dissociated": dissociated,
    "junction": junction,
    "network": network,
    "tangle": tangle,
}
KINDS = (*_BUILDERS, "interface")
"""What `random_specimen` can draw."""

# how often an arrangement is met in a scene of its kind, by type of crystal
_SHARES = {"line": 5, "threading": 3, "loop": 2, "helix": 0.5, "pile-up": 1, "dipole": 0.7,
           "dissociated": 1, "junction": 1, "network": 0.35, "tangle": 0.4}  # fmt: skip
_HEXAGONAL = {"line": 1, "threading": 8, "loop": 1.5, "helix": 0.3, "pile-up": 0.3, "dipole": 0.5,
              "junction": 0.3, "network": 0.2, "tangle": 0.2}  # fmt: skip


def random_specimen(
    seed: int,
    crystal: str | Crystal | None = None,
    size: tuple[float, float] = (512.0, 512.0),
    thickness: float | None = None,
    n_lines: int | None = None,
    kinds: Sequence[str] | str | None = None,
    voltage: float = 200.0,
    distractors: bool = True,
    orientation: FoilOrientation | None = None,
    n_boundaries: int | None = None,
) -> Specimen:
    """Draw a physical scene: a foil with dislocations, boundaries and dirt.

    What is not given is drawn from the seed; the same arguments give the same specimen.

    Parameters
    ----------
    seed : int
        Seed, 0 or more.
    crystal : str or Crystal, optional
        Such as "TiAl"; one of the presets is drawn by default.
    size : (float, float), default (512.0, 512.0)
        Width and height of the field of view, nm, at least 20.
    thickness : float, optional
        Of the foil at the middle of the field, nm; drawn from 80 to 300 by default.
    n_lines : int, optional
        Number of dislocations. Arrangements are never torn apart: what would give more is left out,
        but for the first of those in `kinds`. Lines that leave the foil and come back, and those
        between two nodes, count one by one. 0 gives
        a foil without any. By default the density is drawn from 1e13 to 2e14 per m^2, but no more
        than can be told apart, and up to 80 lines.
    kinds : str or sequence of str, optional
        Arrangements to draw from, out of `KINDS`; each occurs at least once if `n_lines` leaves
        room. By default one to four are drawn, which lines of their own always go with.
    voltage : float, default 200.0
        Accelerating voltage, kV.
    distractors : bool, default True
        Blobs, contamination and slip traces on the faces. All else is the same without them.
    orientation : FoilOrientation, optional
        How the crystal lies; a usual two-beam condition is drawn by default. Its crystal counts.
    n_boundaries : int, optional
        Number of grain boundaries or lamella boundaries; drawn from 0 to 4 by default, 0 in half
        of the scenes.

    Returns
    -------
    Specimen
        With at least one line that has an absolute g.b above 0.5 (perfect ones: 1 or more) over a
        visible length in a grain near the diffraction condition, if it has lines at all.

    Raises
    ------
    ValueError
        If an argument cannot be, or no line of these kinds is visible with this g.
    TypeError
        If the orientation is not a FoilOrientation.

    Examples
    --------
    >>> specimen = random_specimen(3, crystal="TiAl", size=(256.0, 256.0), n_lines=6)
    >>> specimen.crystal, len(specimen.dislocations) == len(specimen.kinds)
    ('TiAl', True)
    """
    kinds = _checked_kinds(kinds)
    _check(seed, size, thickness, n_lines, voltage, n_boundaries)
    material = _material(crystal, orientation)
    size = (float(size[0]), float(size[1]))
    for attempt in range(ATTEMPTS):
        streams = np.random.default_rng([int(seed), attempt]).spawn(5)
        specimen, foil = _bare_foil(
            streams, material, size, thickness, voltage, orientation, n_boundaries
        )
        # where chance has drawn nothing visible, it is drawn again from the visible systems
        visible = 0.75 if attempt == 0 else 1.0
        specimen = _with_lines(specimen, foil, n_lines, kinds, visible, streams[3])
        if n_lines == 0 or visible_lengths(specimen).max(initial=0) >= _wanted(size):
            spots = _dirt(foil, size, streams[4]) if distractors else ()
            return replace(specimen, spots=spots, seed=int(seed))
    raise ValueError(
        f"no line of the kinds {list(kinds or KINDS)} is visible with g = {foil.g} of "
        f"{foil.crystal.name}: choose another orientation (see burgers.g_dot_b_table) or other "
        "kinds."
    )


def _bare_foil(streams, material, size, thickness, voltage, orientation, n_boundaries):
    """The foil without lines, and how its crystal lies."""
    first, shape, grains = streams[:3]
    names, weights = zip(*_CRYSTALS.items(), strict=True)
    drawn = crystals.crystal(str(first.choice(names, p=weights)))
    foil = orientation or random_orientation(material or drawn, first)
    thick = float(shape.uniform(80, 300)) if thickness is None else float(thickness)
    # lines are drawn narrow and clear at s somewhat above zero, the usual choice, wide at zero
    deviation = shape.uniform(-0.2, 0.6) if shape.random() < 0.35 else shape.uniform(0.6, 2.2)
    beam = foil.two_beam(deviation / foil.two_beam(0.0, voltage).xi_g, voltage)
    wedge, bend = random_wedge(shape, thick), random_bend(shape, beam.xi_g)
    number = int(grains.choice([0, 1, 2, 3, 4], p=[0.5, 0.2, 0.17, 0.08, 0.05]))
    number = number if n_boundaries is None else int(n_boundaries)
    planes = lamellae(foil, number, size, thick, grains) if number else ()
    deviations = grain_deviations(planes, size, beam.xi_g, grains)
    specimen = Specimen(
        size, thick, beam, boundaries=planes, grain_deviations=deviations, wedge=wedge, bend=bend,
        crystal=foil.crystal.name, voltage=float(voltage),
        poisson_ratio=foil.crystal.poisson_ratio,
    )  # fmt: skip
    return specimen, foil


def _with_lines(specimen, foil, n_lines, kinds, visible, rng):
    """Add arrangements until there are enough lines."""
    plan, pool, weights = _plan(specimen, foil, kinds, rng)
    density = 1e13 * 20.0 ** rng.random() * 1e-18
    area = specimen.size[0] * specimen.size[1]
    enough = min(density * area * specimen.thickness, _resolved(specimen) * area)
    lines, names, faults, length = [], [], [], 0.0
    misses = 0
    while misses < 60:
        missing = MOST_LINES - len(lines) if n_lines is None else n_lines - len(lines)
        if missing <= 0 or (n_lines is None and length >= enough and not plan):
            break
        kind = plan.pop(0) if plan else pool[rng.choice(len(pool), p=weights)]
        part = _placed(kind, specimen, foil, visible, rng)
        inside = length_inside(part, specimen)
        fits = len(part.dislocations) <= missing or (kinds is not None and not lines)
        if inside < 5.0 or not fits:
            misses += 1
            continue
        lines += part.dislocations
        names += [part.kind] * len(part.dislocations)
        faults += part.faults
        length += inside
    return replace(specimen, dislocations=tuple(lines), kinds=tuple(names), faults=tuple(faults))


def _resolved(specimen: Specimen) -> float:
    """Length of line per area, 1/nm, above which the images of lines run into each other.

    The image of a line is about a third of the effective extinction distance wide (Hirsch et al.,
    chapter 7); lines then cover a third of the field.
    """
    beam = specimen.beam
    return np.sqrt(1 + (beam.s * beam.xi_g) ** 2) / beam.xi_g


def _plan(specimen, foil, kinds, rng):
    """Kinds that come first, and those that the rest is drawn from with their shares."""
    shares = dict(_HEXAGONAL if foil.crystal.hexagonal else _SHARES)
    impossible = _impossible(foil)
    for name in impossible:
        shares.pop(name, None)
    if specimen.boundaries:
        shares["interface"] = 1.5
    if kinds is None:
        names, weights = list(shares), np.array(list(shares.values()), dtype=float)
        number = int(rng.integers(1, 5))
        picked = rng.choice(len(names), number, replace=False, p=weights / weights.sum())
        pool = sorted({names[k] for k in picked} | {_common(foil)})
        plan = [name for name in pool if rng.random() < 0.7]
    else:
        pool, plan = list(kinds), list(kinds)
        if "interface" in pool and not specimen.boundaries:
            raise ValueError("kinds with 'interface' need n_boundaries of 1 or more.")
        for name in set(impossible) & set(pool):
            raise ValueError(
                f"{foil.crystal.name} {impossible[name]}, so that {name!r} cannot be drawn; leave "
                "it out of kinds or take another crystal."
            )
    weights = np.array([shares.get(name, 1.0) for name in pool])
    return plan, pool, weights / weights.sum()


def _impossible(foil: FoilOrientation) -> dict[str, str]:
    """Kinds that a crystal cannot have, and why."""
    reasons = {}
    if not splits(foil):
        reasons["dissociated"] = "has no f.c.c. stacking"
    if not joins(foil):
        reasons["junction"] = "has no two glide systems that attract each other"
    if not triads(foil):
        reasons["network"] = "has no three Burgers vectors in a plane that add up to zero"
    return reasons


def _common(foil: FoilOrientation) -> str:
    return "threading" if foil.crystal.hexagonal else "line"


def _placed(kind, specimen, foil, visible, rng) -> Arrangement:
    """One arrangement at a random place, cut to the foil and mostly to its grain."""
    u, v = np.linspace(0, specimen.size[0], 5), np.linspace(0, specimen.size[1], 5)
    thickest = float(specimen.thickness_at(u[:, None], v[None]).max())
    if kind == "interface":
        boundary = specimen.boundaries[rng.integers(len(specimen.boundaries))]
        part = interface_dislocations(foil, boundary, specimen.size, thickest, rng, visible)
        return cut_to_foil(part, specimen)
    centre = rng.uniform(0.06, 0.94, 2) * specimen.size
    local = float(specimen.thickness_at(*centre))
    # loops lie inside the foil where they are; the others have to reach its faces everywhere
    depth = local if kind == "loop" else thickest
    part = _BUILDERS[kind](foil, specimen.size, depth, rng, visible, tuple(centre))
    part = cut_to_foil(part, specimen)
    if specimen.boundaries and rng.random() < 0.85:
        grain = int(grain_of(specimen.boundaries, np.array([*centre, local / 2])))
        part = cut_to_grain(part, specimen.boundaries, grain)
    return part


def _dirt(foil: FoilOrientation, size, rng):
    """Blobs, contamination and the traces of one of the glide planes."""
    trace = plane_frame(choose_glide(foil, rng).normal, np.zeros(3)).trace
    return random_spots(rng, size, trace_azimuth=float(np.degrees(np.arctan2(trace[1], trace[0]))))


def _wanted(size: tuple[float, float]) -> float:
    """Visible length in nm, seen along the beam, that one line of a scene has at least."""
    return min(20.0, 0.2 * min(size))


def _checked_kinds(kinds) -> tuple[str, ...] | None:
    if kinds is None:
        return None
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        wrong = f"{unknown[0]!r} is no kind" if unknown else "kinds is empty"
        raise ValueError(f"{wrong}; choose from {', '.join(KINDS)}.")
    return kinds


def _check(seed, size, thickness, n_lines, voltage, n_boundaries) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number, 0 or more; got {seed!r}.")
    sides = size if isinstance(size, tuple | list | np.ndarray) else ()
    if len(sides) != 2 or not all(_is_number(side) and side >= 20 for side in sides):
        raise ValueError(
            f"size must be width and height of the field in nm, each 20 or more; got {size!r}."
        )
    if thickness is not None and not (_is_number(thickness) and thickness >= 20):
        raise ValueError(f"thickness must be a number of nm, 20 or more, not {thickness!r}.")
    if not (_is_number(voltage) and voltage > 0):
        raise ValueError(f"voltage must be a number of kV above 0; got {voltage!r}.")
    for name, number in (("n_lines", n_lines), ("n_boundaries", n_boundaries)):
        if number is None:
            continue
        if not _is_number(number) or int(number) != number or number < 0:
            raise ValueError(f"{name} must be a whole number, 0 or more; got {number!r}.")


def _is_number(value) -> bool:
    plain = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return plain and bool(np.isfinite(value))


def _material(crystal, orientation) -> Crystal | None:
    if orientation is None:
        return None if crystal is None else crystals.crystal(crystal)
    if not isinstance(orientation, FoilOrientation):
        raise TypeError(
            "orientation must be a FoilOrientation, such as FoilOrientation('Al', zone_axis="
            f"(1, 1, 0), g=(0, 0, 2)); got {orientation!r}."
        )
    if crystal is not None and crystals.crystal(crystal) != orientation.crystal:
        raise ValueError(
            f"crystal is {crystals.crystal(crystal).name} but the orientation is one of "
            f"{orientation.crystal.name}; give only one of the two."
        )
    return orientation.crystal
