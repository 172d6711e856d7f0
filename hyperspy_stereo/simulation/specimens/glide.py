"""Groups of dislocations on one glide plane: pile-ups, dipoles, dissociated lines."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.laguerre import Laguerre

from hyperspy_stereo.simulation.crystals.burgers import dissociate
from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault
from hyperspy_stereo.simulation.specimens.lines import glide_path, random_place
from hyperspy_stereo.simulation.specimens.paths import bowed, plane_frame, random_waves, reach
from hyperspy_stereo.simulation.specimens.systems import (
    Arrangement,
    Glide,
    choose_glide,
    glide_systems,
)


def pile_up(
    orientation: FoilOrientation,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    n: int | None = None,
    first_spacing: float | None = None,
) -> Arrangement:
    """Equal dislocations on one inclined glide plane, pressed against an obstacle.

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
        Middle of the pile-up, nm; drawn by default.
    n : int, optional
        Number of lines, at least 2; drawn from 4 to 10 by default.
    first_spacing : float, optional
        Distance of the first two at the head, nm; drawn from 8 to 18 by default, but so that the
        pile-up is not longer than 0.7 of the field.

    Returns
    -------
    Arrangement
        Of kind "pile-up"; the head comes first. The lines go from face to face.

    Raises
    ------
    ValueError
        If n is below 2 or the spacing not above zero.

    Notes
    -----
    The places of the lines are the zeros of the derivative of the Laguerre polynomial L_n, with
    the first one locked at the obstacle: J. D. Eshelby, F. C. Frank, F. R. N. Nabarro, Phil. Mag.
    42 (1951) 351.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> len(pile_up(foil, (300, 300), 120, np.random.default_rng(0), n=5).dislocations)
    5
    """
    drawn = int(rng.integers(4, 11)), float(rng.uniform(8, 18))
    n = drawn[0] if n is None else int(n)
    if n < 2 or not (first_spacing is None or first_spacing > 0):
        raise ValueError(
            f"a pile-up needs n >= 2 lines and first_spacing above 0 nm; got {n} and "
            f"{first_spacing}."
        )
    places = pile_up_places(n)
    spacing = min(drawn[1], 0.7 * max(size) / places[-1])
    spacing = spacing if first_spacing is None else float(first_spacing)
    system = choose_glide(orientation, rng, visible, _steep(orientation))
    frame = plane_frame(system.normal, random_place(size, thickness, rng, centre))
    top, bottom = reach(frame, thickness, 0.7 * max(size))
    height = bottom - top
    lean = rng.uniform(-0.8, 0.8) * height
    bow = rng.normal(0, 0.12) * height
    waves = random_waves(rng, 0.006 * height)
    offsets = spacing * (places - places[-1] / 2) * rng.choice([-1, 1])
    lines = []
    for offset in offsets:
        # the lines push each other into nearly the same shape
        jitter = np.clip(rng.normal(0, 0.05, 2), -0.1, 0.1) * spacing
        start, end = (offset - lean / 2 + jitter[0], top), (offset + lean / 2 + jitter[1], bottom)
        lines.append(Dislocation(frame.points(bowed(start, end, bow, waves)), system.burgers))
    return Arrangement("pile-up", tuple(lines))


def pile_up_places(n: int) -> np.ndarray:
    """Places (n,) of the lines of a pile-up, the first at 0, the second at 1.

    Parameters
    ----------
    n : int
        Number of lines, at least 2.

    Examples
    --------
    >>> pile_up_places(4).round(2).tolist()
    [0.0, 1.0, 3.53, 8.29]
    """
    zeros = np.sort(Laguerre.basis(n).deriv().roots().real)
    return np.concatenate([[0.0], zeros]) / zeros[0]


def dipole(
    orientation: FoilOrientation,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    separation: float | None = None,
) -> Arrangement:
    """Two lines with opposite Burgers vectors on close parallel glide planes.

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
    separation : float, optional
        Distance of the two glide planes, nm; drawn from 4 to 20 by default.

    Returns
    -------
    Arrangement
        Of kind "dipole". The second line is beside the first, at up to 45 degrees, where a pair
        of edge dislocations is at rest.

    Raises
    ------
    ValueError
        If the separation is not above zero.

    Examples
    --------
    >>> foil = FoilOrientation("Al", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> pair = dipole(foil, (300, 300), 120, np.random.default_rng(0)).dislocations
    >>> bool((pair[0].burgers == -pair[1].burgers).all())
    True
    """
    drawn = float(rng.uniform(4, 20))
    separation = drawn if separation is None else float(separation)
    if not separation > 0:
        raise ValueError(f"separation must be above 0 nm; got {separation!r}.")
    system = choose_glide(orientation, rng, visible)
    frame = plane_frame(system.normal, random_place(size, thickness, rng, centre))
    path = glide_path(system, frame, size, thickness, rng)
    aside = rng.uniform(0, 1) * separation * rng.choice([-1, 1])
    points = frame.points(path)
    shift = separation * frame.normal + aside * _across(path, frame)
    return Arrangement(
        "dipole",
        (Dislocation(points, system.burgers), Dislocation(points + shift, -system.burgers)),
    )


def dissociated(
    orientation: FoilOrientation,
    size: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    visible: float = 0.75,
    centre: tuple[float, float] | None = None,
    width: float | None = None,
) -> Arrangement:
    """A dislocation split into two Shockley partials with an intrinsic fault between them.

    Parameters
    ----------
    orientation : FoilOrientation
        Crystal, f.c.c. or alike, and how it lies in the foil.
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
    width : float, optional
        Of the ribbon, nm; drawn from 3 to 25 by default, narrow ones more often.

    Returns
    -------
    Arrangement
        Of kind "dissociated": trailing and leading partial, and the fault.

    Raises
    ------
    ValueError
        If the width is not above zero, or no Burgers vector of the crystal splits in this way.

    Notes
    -----
    Which partial leads follows from the stacking; see
    `hyperspy_stereo.simulation.crystals.burgers`.

    Examples
    --------
    >>> foil = FoilOrientation("Ni", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> found = dissociated(foil, (300, 300), 120, np.random.default_rng(0), width=10)
    >>> len(found.dislocations), len(found.faults)
    (2, 1)
    """
    drawn = float(np.exp(rng.uniform(np.log(3), np.log(25))))
    width = drawn if width is None else float(width)
    if not width > 0:
        raise ValueError(f"width must be above 0 nm; got {width!r}.")
    system = choose_glide(orientation, rng, visible, _splitting(orientation))
    frame = plane_frame(system.normal, random_place(size, thickness, rng, centre))
    path = glide_path(system, frame, size, thickness, rng, waviness=0.3)
    leading, trailing = dissociate(orientation.crystal, system.uvw, system.plane)
    middle = frame.points(path)
    half = 0.5 * width * _across(path, frame)
    ahead = Dislocation(middle + half, orientation.burgers(leading))
    behind = Dislocation(middle - half, orientation.burgers(trailing))
    fault = StackingFault(middle - half, middle + half, behind.burgers)
    return Arrangement("dissociated", (behind, ahead), (fault,))


def splits(orientation: FoilOrientation) -> bool:
    """Whether `dissociated` lines are possible in a crystal."""
    return orientation.crystal.face_centred


def _across(path: np.ndarray, frame) -> np.ndarray:
    """Unit vectors (n, 3) in the plane, perpendicular to the path: normal x line sense."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return np.cross(frame.normal, tangent @ np.array([frame.trace, frame.down]))


def _steep(orientation: FoilOrientation) -> tuple[Glide, ...]:
    """Glide systems on clearly inclined planes, if there are any."""
    systems = glide_systems(orientation)
    inclined = tuple(s for s in systems if abs(s.normal[2]) < np.cos(np.radians(20)))
    return inclined or systems


def _splitting(orientation: FoilOrientation) -> tuple[Glide, ...]:
    found = tuple(
        s
        for s in (glide_systems(orientation) if splits(orientation) else ())
        if sorted(abs(u) for u in s.uvw) == [0, 0.5, 0.5] and set(map(abs, s.plane)) == {1}
    )
    if not found:
        raise ValueError(
            f"no Burgers vector of {orientation.crystal.name} splits into Shockley partials on "
            "{111}; take an f.c.c. crystal or another kind than 'dissociated'."
        )
    return found
