"""Dislocations that meet: junctions of two glide systems, hexagonal networks, tangles.

At every node the Burgers vectors of the lines that come in add up to those of the lines that go
out (F. C. Frank's rule).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.specimens.lines import bowed_lines, random_place
from hyperspy_stereo.simulation.specimens.paths import (
    BEYOND,
    PlaneFrame,
    bowed,
    evenly,
    plane_frame,
)
from hyperspy_stereo.simulation.specimens.systems import (
    Arrangement,
    Glide,
    choose_glide,
    glide_systems,
    triads,
)


def junction(
    orientation: FoilOrientation,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    length: float | None = None,
) -> Arrangement:
    """Two dislocations of different glide planes that have joined over a length.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.
    size : (float, float)
        Width and height of the field, nm.
    thickness : float
        Of the foil, nm.
    rng : numpy.random.Generator
        Source of randomness.
    visible : float, default 0.75
        See `choose_glide`; for the first of the two.
    centre : (float, float), optional
        Middle of the junction, nm; drawn by default.
    length : float, optional
        Of the junction along the line in which the planes meet, nm; drawn from 20 to 120 by
        default, and shorter where the foil has no room for it.

    Returns
    -------
    Arrangement
        Of kind "junction": four arms to the faces, and the junction with the sum of both Burgers
        vectors, which is no longer than the first two together (in the square).

    Raises
    ------
    ValueError
        If the length is not above zero or no two glide systems attract each other.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> len(junction(foil, (300, 300), 120, np.random.default_rng(0)).dislocations)
    5
    """
    drawn = float(rng.uniform(20, 120))
    length = drawn if length is None else float(length)
    if not length > 0:
        raise ValueError(f"length must be above 0 nm; got {length!r}.")
    joining = _joining(orientation)
    if not joining:
        raise ValueError(
            f"no two glide systems of {orientation.crystal.name} form a junction; take another "
            "kind than 'junction'."
        )
    first = choose_glide(orientation, rng, visible, joining)
    partners = _partners(first, orientation)
    second = partners[rng.integers(len(partners))]
    axis = np.cross(first.normal, second.normal)
    axis /= np.linalg.norm(axis)
    place = random_place(size, thickness, rng, centre)
    half = min(0.5 * length, 0.35 * thickness / max(abs(axis[2]), 1e-6))
    place[2] = np.clip(place[2], 0.1 * thickness + half * abs(axis[2]), None)
    place[2] = min(place[2], 0.9 * thickness - half * abs(axis[2]))
    nodes = place - half * axis, place + half * axis
    far = 1.5 * max(size)
    lines = []
    for system in (first, second):
        for node, outwards in zip(nodes, (-axis, axis), strict=True):
            arm = _arm(node, outwards, system, thickness, far, rng)
            points = arm[::-1] if outwards is not axis else arm
            lines.append(Dislocation(points, system.burgers, extend=False))
    joined = evenly(np.array(nodes))
    lines.append(Dislocation(joined, first.burgers + second.burgers, extend=False))
    return Arrangement("junction", tuple(lines))


def network(
    orientation: FoilOrientation,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    mesh: float | None = None,
    cells: tuple[int, int] | None = None,
) -> Arrangement:
    """A patch of a hexagonal network in one plane, of three Burgers vectors that add up to zero.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.
    size : (float, float)
        Width and height of the field, nm.
    thickness : float
        Of the foil, nm.
    rng : numpy.random.Generator
        Source of randomness.
    visible : float, default 0.75
        Probability of taking a set of which at least two are visible.
    centre : (float, float), optional
        nm; drawn by default.
    mesh : float, optional
        Length of the sides of the hexagons, nm; drawn from 25 to 60 by default.
    cells : (int, int), optional
        Nodes of one kind along two directions of the network; drawn from 2 to 4 by default.

    Returns
    -------
    Arrangement
        Of kind "network". Lines at the rim of the patch leave the foil or the field.

    Raises
    ------
    ValueError
        If mesh or cells are not above zero, or the crystal has no such three Burgers vectors in
        one plane.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> net = network(foil, (300, 300), 120, np.random.default_rng(0), cells=(2, 2))
    >>> net.kind
    'network'
    """
    drawn = float(rng.uniform(25, 60)), tuple(int(k) for k in rng.integers(2, 5, 2))
    mesh = drawn[0] if mesh is None else float(mesh)
    cells = drawn[1] if cells is None else (int(cells[0]), int(cells[1]))
    if not mesh > 0 or min(cells) < 1:
        raise ValueError(
            f"a network needs mesh above 0 nm and at least 1 x 1 cells; got {mesh} and {cells}."
        )
    systems = _triad(orientation, rng, visible)
    place = random_place(size, thickness, rng, centre)
    frame = plane_frame(systems[0].normal, place)
    turn = rng.uniform(0, 2 * np.pi)
    ways = mesh * np.array([[np.cos(turn + k), np.sin(turn + k)] for k in _THIRDS])
    first, second = _honeycomb(ways, cells, 0.12 * mesh, rng)
    far = 1.5 * max(size)
    lines = []
    # each inner side of a hexagon runs from a node of the first kind to one of the second, so that
    # at each node the three Burgers vectors all go out or all come in
    for key, start in first.items():
        for k, step in enumerate(((0, 0), (1, 0), (0, 1))):
            other = (key[0] - step[0], key[1] - step[1])
            if other in second:
                path = bowed(start, second[other], rng.normal(0, 0.06) * mesh)
            else:
                path = _leaving(start, ways[k], frame, thickness, far, rng)
            lines.append((path, systems[k]))
    for key, end in second.items():
        for k, step in enumerate(((0, 0), (1, 0), (0, 1))):
            if (key[0] + step[0], key[1] + step[1]) not in first:
                path = _leaving(end, -ways[k], frame, thickness, far, rng)[::-1]
                lines.append((path, systems[k]))
    return Arrangement(
        "network",
        tuple(Dislocation(frame.points(path), s.burgers, extend=False) for path, s in lines),
    )


_THIRDS = 2 * np.pi / 3 * np.arange(3)


def tangle(
    orientation: FoilOrientation,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    n: int | None = None,
) -> Arrangement:
    """Wavy lines of several glide systems through one small region.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.
    size : (float, float)
        Width and height of the field, nm.
    thickness : float
        Of the foil, nm.
    rng : numpy.random.Generator
        Source of randomness.
    visible : float, default 0.75
        See `choose_glide`.
    centre : (float, float), optional
        nm; drawn by default.
    n : int, optional
        Number of lines; drawn from 4 to 9 by default.

    Returns
    -------
    Arrangement
        Of kind "tangle".

    Raises
    ------
    ValueError
        If n is below 1.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> len(tangle(foil, (300, 300), 120, np.random.default_rng(0), n=4).dislocations)
    4
    """
    drawn = int(rng.integers(4, 10))
    n = drawn if n is None else int(n)
    if n < 1:
        raise ValueError(f"n must be at least one line; got {n!r}.")
    middle = random_place(size, thickness, rng, centre)[:2]
    spread = 0.06 * max(size)
    lines = []
    for _ in range(n):
        place = tuple(middle + rng.normal(0, spread, 2))
        part = bowed_lines(orientation, 1, size, thickness, rng, visible, place, waviness=2.5)
        lines += part.dislocations
    return Arrangement("tangle", tuple(lines))


def joins(orientation: FoilOrientation) -> bool:
    """Whether some two glide systems of a crystal form a `junction`."""
    return bool(_joining(orientation))


@lru_cache(maxsize=32)
def _joining(orientation: FoilOrientation) -> tuple[Glide, ...]:
    """Glide systems that have a partner."""
    return tuple(s for s in glide_systems(orientation) if _partners(s, orientation))


def _partners(first: Glide, orientation: FoilOrientation) -> list[Glide]:
    """Systems on another plane whose Burgers vector makes the junction shorter than its parts."""
    found = []
    for system in glide_systems(orientation):
        if np.linalg.norm(np.cross(system.normal, first.normal)) < 0.2:
            continue
        for candidate in (system, system.reversed()):
            total = first.burgers + candidate.burgers
            parts = first.burgers @ first.burgers + candidate.burgers @ candidate.burgers
            if 1e-6 < total @ total < 0.999 * parts:
                found.append(candidate)
    return found


def _arm(node, outwards, system, thickness, far, rng):
    """From a node out of the foil, in the glide plane, bending towards one of the faces."""
    frame = plane_frame(system.normal, node)
    way = np.array([outwards @ frame.trace, outwards @ frame.down])
    turn = rng.uniform(0.35, 1.1) * rng.choice([-1, 1])
    way = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ way
    return frame.points(_leaving(np.zeros(2), way, frame, thickness, far, rng))


def _leaving(start, way, frame: PlaneFrame, thickness, far, rng):
    """Path (n, 2) from a place in a plane along `way`, bending to a face, until it is outside."""
    way = way / np.linalg.norm(way)
    side = np.sign(way[1]) if abs(way[1]) > 1e-9 else rng.choice([-1.0, 1.0])
    radius = rng.uniform(100, 400)
    t = np.linspace(0, far, 400)
    path = np.asarray(start) + t[:, None] * way
    path[:, 1] += side * t**2 / (2 * radius)
    height = frame.origin[2] + path[:, 1] * frame.down[2]
    outside = (height < -BEYOND) | (height > thickness + BEYOND)
    path = path[: np.argmax(outside) + 1] if outside.any() else path
    return evenly(path if len(path) > 1 else np.array([start, start + way]))


def _triad(orientation, rng, visible):
    found = triads(orientation)
    if not found:
        raise ValueError(
            f"no three Burgers vectors of {orientation.crystal.name} in one glide plane add up to "
            "zero; take another kind than 'network'."
        )
    g = orientation.g_vector()
    seen = [t for t in found if sum(abs(g @ s.burgers) > 0.5 for s in t) >= 2]
    if seen and rng.random() < visible:
        found = tuple(seen)
    # seen edge-on a network is but a line; lying in the foil it does not reach the faces
    weights = np.array([0.1 + abs(t[0].normal[2]) * np.hypot(*t[0].normal[:2]) for t in found])
    three = list(found[rng.choice(len(found), p=weights / weights.sum())])
    rng.shuffle(three)
    return [s.reversed() for s in three] if rng.random() < 0.5 else three


def _honeycomb(ways, cells, jitter, rng):
    """Nodes of the two kinds by their cell: {(i, j): (2,) place in nm}."""
    # first[i, j] + ways[0] = second[i, j]; a cell step leads over ways[0] back along another one
    steps = ways[0] - ways[1], ways[0] - ways[2]
    middle = 0.5 * ((cells[0] - 1) * steps[0] + (cells[1] - 1) * steps[1] + ways[0])
    first, second = {}, {}
    for i in range(cells[0]):
        for j in range(cells[1]):
            place = i * steps[0] + j * steps[1] - middle
            first[i, j] = place + rng.normal(0, jitter, 2)
            second[i, j] = place + ways[0] + rng.normal(0, jitter, 2)
    return first, second
