"""Prismatic loops, faulted or not, and helices."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault
from hyperspy_stereo.simulation.specimens.lines import random_place
from hyperspy_stereo.simulation.specimens.paths import BEYOND, STEP
from hyperspy_stereo.simulation.specimens.systems import (
    Arrangement,
    Glide,
    choose_glide,
    glide_systems,
    loop_systems,
)


def loop(
    orientation: FoilOrientation,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    radius: float | None = None,
    system: Glide | None = None,
) -> Arrangement:
    """A closed prismatic loop on its habit plane; a faulted one with its fault.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.
    size : (float, float)
        Width and height of the field, nm.
    thickness : float
        Of the foil, nm; the loop lies wholly inside.
    rng : numpy.random.Generator
        Source of randomness.
    visible : float, default 0.75
        See `choose_glide`.
    centre : (float, float), optional
        nm; drawn by default.
    radius : float, optional
        Larger semi-axis, nm; drawn from 4 to 45 nm by default, small ones more often. It is made
        smaller where the foil has no room for it.
    system : Glide, optional
        One of `loop_systems`; drawn by default.

    Returns
    -------
    Arrangement
        Of kind "loop": one closed line and, if its Burgers vector is a partial one, the fault
        inside.

    Raises
    ------
    ValueError
        If the radius is not above zero.

    Notes
    -----
    P. B. Hirsch et al., Electron Microscopy of Thin Crystals (1977), section 11.4, for loops.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> found = loop(foil, (300, 300), 120, np.random.default_rng(0), radius=20)
    >>> found.dislocations[0].closed
    True
    """
    if radius is not None and not radius > 0:
        raise ValueError(f"radius must be above 0 nm; got {radius!r}.")
    drawn = float(np.exp(rng.uniform(np.log(4), np.log(45))))
    long = drawn if radius is None else float(radius)
    if system is None:
        system = choose_glide(orientation, rng, visible, loop_systems(orientation))
    e1, e2 = _axes(system.normal, rng)
    # the loop's own half height along the beam must fit between the faces
    height = np.hypot(e1[2], e2[2])
    long = min(long, 0.45 * thickness / max(height, 1e-6))
    place = random_place(size, thickness, rng, centre)
    room = height * long
    place[2] = rng.uniform(room, thickness - room)
    turn = _turn(rng, long)
    points = place + turn @ np.array([e1, e2])
    line = Dislocation(points, system.burgers)
    partial = {family.kind for family in orientation.crystal.burgers if family.partial}
    faults = (_inside(line),) if system.kind in partial else ()
    return Arrangement("loop", (line,), faults)


def helix(
    orientation: FoilOrientation,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    radius: float | None = None,
    pitch: float | None = None,
) -> Arrangement:
    """A screw dislocation that has climbed into a helix about its Burgers vector.

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
        A point of the axis, nm; drawn by default.
    radius, pitch : float, optional
        nm; drawn from 6 to 22 and 25 to 70 nm by default.

    Returns
    -------
    Arrangement
        Of kind "helix": one line whose axis is parallel to b, from face to face, or across the
        field where b lies nearly in the plane of the foil.

    Raises
    ------
    ValueError
        If radius or pitch is not above zero.

    Notes
    -----
    J. P. Hirth, J. Lothe, Theory of Dislocations, 2nd ed. (1982), section 16-4.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> found = helix(foil, (300, 300), 120, np.random.default_rng(0), radius=10, pitch=40)
    >>> len(found.dislocations)
    1
    """
    drawn = rng.uniform(6, 22), rng.uniform(25, 70)
    radius = drawn[0] if radius is None else float(radius)
    pitch = drawn[1] if pitch is None else float(pitch)
    if not (radius > 0 and pitch > 0):
        raise ValueError(f"radius and pitch must be above 0 nm; got {radius!r} and {pitch!r}.")
    radius = min(radius, 0.4 * thickness)
    system = choose_glide(orientation, rng, visible, glide_systems(orientation))
    axis = system.burgers / np.linalg.norm(system.burgers)
    axis = axis if axis[2] >= 0 else -axis
    place = random_place(size, thickness, rng, centre)
    limit = 0.7 * max(size)
    ends = [(-BEYOND - place[2]), (thickness + BEYOND - place[2])]
    # where the axis is inclined, the windings at its ends are outside the foil as well
    first, last = (np.clip(end / max(axis[2], 1e-6), -limit, limit) for end in ends)
    return Arrangement(
        "helix",
        (Dislocation(_helix(place, axis, (first, last), radius, pitch, rng), system.burgers),),
    )


def _helix(place, axis, ends, radius, pitch, rng):
    """Points of a helix whose radius opens from zero within one winding at both ends."""
    per_length = np.hypot(1.0, 2 * np.pi * radius / pitch)
    n = max(int((ends[1] - ends[0]) * per_length / STEP), 24)
    along = np.linspace(*ends, n)
    opening = np.minimum(along - ends[0], ends[1] - along) / pitch
    wide = radius * np.sin(0.5 * np.pi * np.clip(opening, 0, 1)) ** 2
    angle = rng.choice([-1, 1]) * 2 * np.pi * along / pitch + rng.uniform(0, 2 * np.pi)
    e1, e2 = _axes(axis, rng)
    points = place + along[:, None] * axis
    return points + (wide * np.cos(angle))[:, None] * e1 + (wide * np.sin(angle))[:, None] * e2


def _axes(normal: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two perpendicular unit vectors in the plane; e1 x e2 is the normal."""
    e1 = np.cross(normal, rng.normal(size=3))
    e1 /= np.linalg.norm(e1)
    return e1, np.cross(normal, e1)


def _turn(rng: np.random.Generator, long: float) -> np.ndarray:
    """Closed, slightly irregular ellipse (2 n + 1, 2) in nm with the given larger semi-axis."""
    ratio = rng.uniform(0.6, 1.0)
    half = max(int(np.pi * long / STEP), 10)
    t = np.linspace(0, 2 * np.pi, 2 * half + 1)
    wobble = 1 - 0.04 * (1 + np.sin(3 * t + rng.uniform(0, 2 * np.pi)))
    turn = long * wobble[:, None] * np.column_stack([np.cos(t), ratio * np.sin(t)])
    turn[-1] = turn[0]
    return turn


def _inside(line: Dislocation) -> StackingFault:
    """The fault inside a loop: a strip between one half of the line and the other, run backwards.

    A right-handed circuit about the line has the displacement b; through the strip it comes back
    to where it was, so that the jump towards the strip's positive side is +b of `edge_a`.
    """
    half = len(line.points) // 2
    return StackingFault(line.points[: half + 1], line.points[: half - 1 : -1], line.burgers)
