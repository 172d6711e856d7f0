"""Single glide dislocations: straight through the foil, bowed, and threading along c."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.specimens.paths import (
    BEYOND,
    PlaneFrame,
    bowed,
    evenly,
    plane_frame,
    random_waves,
    reach,
)
from hyperspy_stereo.simulation.specimens.systems import (
    Arrangement,
    Glide,
    choose_glide,
    glide_systems,
    one_of_each_vector,
)


def threading_lines(
    orientation: FoilOrientation,
    n: int,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
) -> Arrangement:
    """Dislocations that go straight from face to face.

    In cubic crystals they lie on glide planes, a little bowed. In hexagonal ones they follow the
    c axis, as in epitaxial layers, with a, c and a + c Burgers vectors, and wander by some degrees.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.
    n : int
        Number of lines.
    size : (float, float)
        Width and height of the field, nm.
    thickness : float
        Of the foil, nm.
    rng : numpy.random.Generator
        Source of randomness.
    visible : float, default 0.75
        See `choose_glide`.
    centre : (float, float), optional
        Where the first of the lines crosses the mid plane, nm; drawn by default.

    Returns
    -------
    Arrangement
        Of kind "threading".

    Raises
    ------
    ValueError
        If n is below 1.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> rng = np.random.default_rng(0)
    >>> len(threading_lines(foil, 5, (300, 300), 120, rng).dislocations)
    5
    """
    if n < 1:
        raise ValueError(f"n must be at least one line; got {n!r}.")
    lines = []
    for number in range(n):
        place = random_place(size, thickness, rng, centre if number == 0 else None)
        if orientation.crystal.hexagonal:
            lines.append(_along_c(orientation, place, size, thickness, rng, visible))
            continue
        system = choose_glide(orientation, rng, visible)
        frame = plane_frame(system.normal, place)
        top, bottom = reach(frame, thickness, 0.7 * max(size))
        lean = rng.uniform(-0.5, 0.5) * (bottom - top)
        length = np.hypot(lean, bottom - top)
        shape = bowed(
            (-lean / 2, top), (lean / 2, bottom), rng.normal(0, 0.03) * length,
            random_waves(rng, 0.004 * length),
        )  # fmt: skip
        lines.append(Dislocation(frame.points(shape), system.burgers))
    return Arrangement("threading", tuple(lines))


def bowed_lines(
    orientation: FoilOrientation,
    n: int,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    waviness: float = 1.0,
) -> Arrangement:
    """Long curved glide dislocations: across the foil, or half loops that start and end on a face.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal and how it lies in the foil.
    n : int
        Number of lines.
    size : (float, float)
        Width and height of the field, nm.
    thickness : float
        Of the foil, nm.
    rng : numpy.random.Generator
        Source of randomness.
    visible : float, default 0.75
        See `choose_glide`.
    centre : (float, float), optional
        Middle of the first of the lines, nm; drawn by default.
    waviness : float, default 1.0
        Factor on the waves that lie on top of the arc.

    Returns
    -------
    Arrangement
        Of kind "line"; each line lies in a glide plane that holds its Burgers vector.

    Raises
    ------
    ValueError
        If n is below 1.

    Examples
    --------
    >>> foil = FoilOrientation("Ni", zone_axis=(0, 0, 1), g=(2, 0, 0))
    >>> bowed_lines(foil, 2, (300, 300), 120, np.random.default_rng(0)).kind
    'line'
    """
    if n < 1:
        raise ValueError(f"n must be at least one line; got {n!r}.")
    lines = []
    for number in range(n):
        place = random_place(size, thickness, rng, centre if number == 0 else None)
        system = choose_glide(orientation, rng, visible)
        frame = plane_frame(system.normal, place)
        path = glide_path(system, frame, size, thickness, rng, waviness)
        lines.append(Dislocation(frame.points(path), system.burgers))
    return Arrangement("line", tuple(lines))


def random_place(
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    centre: tuple[float, float] | None = None,
) -> np.ndarray:
    """A point x, y, z in nm: at `centre` or anywhere well inside the field, near mid foil."""
    xy = rng.uniform(0.08, 0.92, 2) * size
    z = rng.uniform(0.3, 0.7) * thickness
    return np.array([*(xy if centre is None else centre), z])


def glide_path(
    system: Glide,
    frame: PlaneFrame,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    waviness: float = 1.0,
) -> np.ndarray:
    """Path (n, 2) in nm of a bowed line in the axes of its glide plane.

    The chord follows the screw direction where that crosses the foil, or any direction, from the
    short way through the foil to one far along the trace of the plane. A quarter are half loops.
    """
    top, bottom = reach(frame, thickness, 0.7 * max(size))
    height, way = bottom - top, rng.random()
    side = rng.choice([-1.0, 1.0])
    if way < 0.25:
        return _half_loop(top, bottom, size, rng, waviness)
    b = np.array([system.burgers @ frame.trace, system.burgers @ frame.down])
    if way < 0.5 and abs(b[1]) > 0.3 * np.hypot(*b):
        span = np.clip(height * b[0] / b[1], -0.9 * max(size), 0.9 * max(size))
    else:
        span = side * rng.uniform(0.0, 0.9) * max(size)
    shift = rng.uniform(-0.3, 0.3) * span
    start, end = (shift - span / 2, top), (shift + span / 2, bottom)
    length = np.hypot(span, height)
    bow = rng.normal(0, 0.12) * length
    waves = random_waves(rng, 0.012 * waviness * length)
    path = bowed(start, end, bow, waves)
    return path if rng.random() < 0.5 else path[::-1]


def _half_loop(top, bottom, size, rng, waviness):
    """From a face into the foil and back to the same face, elliptic and a little skew."""
    depth = rng.uniform(0.45, 0.95) * (bottom - top)
    wide = rng.uniform(0.15, 0.45) * max(size)
    t = np.linspace(0.0, np.pi, 60)
    wave = random_waves(rng, 0.03 * waviness)
    swing = 1 + sum(a * np.sin(k * t + p) for k, (a, p) in enumerate(wave, start=2))
    u = -wide * np.cos(t) * swing + rng.normal(0, 0.3) * wide * np.sin(t)
    v = depth * np.sin(t) * swing
    v = top + v if rng.random() < 0.5 else bottom - v
    path = evenly(np.column_stack([u, v]))
    return path if rng.random() < 0.5 else path[::-1]


def _along_c(orientation, place, size, thickness, rng, visible):
    """One threading line of a hexagonal crystal."""
    system = choose_glide(orientation, rng, visible, one_of_each_vector(glide_systems(orientation)))
    # layers are never perfectly parallel: lines lean by some degrees
    axis = orientation.direction((0, 0, 1)) + rng.normal(0, 0.06, 3)
    axis *= np.where(axis[2] >= 0, 1, -1) / np.linalg.norm(axis)
    limit = 0.8 * max(size) + thickness
    before, after = (
        min(way / max(axis[2], 1e-6), limit)
        for way in (place[2] + BEYOND, thickness + BEYOND - place[2])
    )
    side = np.cross(axis, rng.normal(size=3))
    side /= np.linalg.norm(side)
    along = np.array([axis, side])
    length = before + after
    path = bowed(
        (-before, 0), (after, 0), rng.normal(0, 0.015) * length, random_waves(rng, 0.006 * length)
    )
    points = place + path @ along
    return Dislocation(points if rng.random() < 0.5 else points[::-1], system.burgers)
