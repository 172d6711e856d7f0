"""Arrangements cut to fit: at the faces of the foil, round the field, at boundaries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault
from hyperspy_stereo.simulation.specimen import Boundary, Specimen
from hyperspy_stereo.simulation.specimens.boundaries import grain_of
from hyperspy_stereo.simulation.specimens.paths import BEYOND, STEP, pieces_inside
from hyperspy_stereo.simulation.specimens.systems import VISIBLE, Arrangement

ROUND_THE_FIELD = 100.0
"""How far beyond the field lines are followed, nm."""

_SHORTEST = 5.0


def cut_to_foil(arrangement: Arrangement, specimen: Specimen) -> Arrangement:
    """Cut lines and faults somewhat outside the faces and the field; closed lines stay whole.

    Parameters
    ----------
    arrangement : Arrangement
        To be cut.
    specimen : Specimen
        Its size, thickness and wedge count.

    Returns
    -------
    Arrangement
        A line that leaves the foil and comes back gives several.
    """

    def room(points: np.ndarray) -> np.ndarray:
        width, height = specimen.size
        x, y, z = points.T
        u, v = np.clip(x, 0, width), np.clip(y, 0, height)
        faces = np.minimum(z, specimen.thickness_at(u, v) - z) + BEYOND
        sides = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y)) + ROUND_THE_FIELD
        return np.minimum(faces, sides)

    lines = [
        Dislocation(piece, line.burgers, line.extend)
        for line in arrangement.dislocations
        for piece, _, _ in _pieces(_continued(line, room), room)
    ]
    faults = [part for fault in arrangement.faults for part in _strips(fault, room)]
    return Arrangement(arrangement.kind, tuple(lines), tuple(faults))


def cut_to_grain(
    arrangement: Arrangement, boundaries: tuple[Boundary, ...], grain: int
) -> Arrangement:
    """Cut lines and faults at the boundaries of one grain; lines end on the planes.

    Parameters
    ----------
    arrangement : Arrangement
        To be cut.
    boundaries : tuple of Boundary
        In order.
    grain : int
        Number of the grain that is kept.

    Returns
    -------
    Arrangement
        Lines that end on a boundary are not continued (``extend=False``). Closed lines that would
        be cut are left out.
    """
    planes = [(b.point, b.normal) for b in boundaries[max(grain - 1, 0) : grain + 1]]
    if grain == 0:
        planes = [(point, -normal) for point, normal in planes]
    elif len(planes) == 2:
        planes[1] = planes[1][0], -planes[1][1]

    def room(points: np.ndarray) -> np.ndarray:
        return np.min([(points - p) @ n for p, n in planes], axis=0)

    if not planes:
        return arrangement
    lines = []
    for line in arrangement.dislocations:
        if line.closed and (room(line.points) <= 0).any():
            continue
        for piece, at_start, at_end in _pieces(line, room):
            extend = line.extend and not (at_start or at_end)
            lines.append(Dislocation(piece, line.burgers, extend))
    faults = [part for fault in arrangement.faults for part in _strips(fault, room)]
    if not lines:
        faults = []
    return Arrangement(arrangement.kind, tuple(lines), tuple(faults))


def visible_lengths(specimen: Specimen) -> np.ndarray:
    """Length of each dislocation in nm, seen along the beam, where it ought to be visible.

    That is inside the field and the foil, in grains near the diffraction condition, if the
    absolute g.b is above 0.5; else 0.

    Parameters
    ----------
    specimen : Specimen
        Specimen.

    Returns
    -------
    (n,) ndarray
        One per dislocation.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.beam import TwoBeam
    >>> line = Dislocation([[10, 20, 40], [30, 20, 60]], [0.2, 0, 0])
    >>> foil = Specimen((64, 64), 100, TwoBeam([5, 0, 0], 0, 40), (line,), ("line",))
    >>> visible_lengths(foil)
    array([20.])
    """
    beam = specimen.beam
    states = beam.s + np.array(specimen.grain_deviations)
    lengths = np.zeros(len(specimen.dislocations))
    for number, line in enumerate(specimen.dislocations):
        if abs(beam.g @ line.burgers) <= VISIBLE:
            continue
        middle = 0.5 * (line.points[1:] + line.points[:-1])
        x, y, z = middle.T
        s = states[grain_of(specimen.boundaries, middle)] + specimen.deviation_at(x, y)
        seen = (x > 0) & (x < specimen.size[0]) & (y > 0) & (y < specimen.size[1])
        seen &= (z > 0) & (z < specimen.thickness_at(x, y)) & (abs(s) * beam.xi_g < 3.0)
        lengths[number] = np.hypot(*np.diff(line.points[:, :2], axis=0).T)[seen].sum()
    return lengths


def length_inside(arrangement: Arrangement, specimen: Specimen) -> float:
    """Length of the lines inside field and foil in nm."""
    total = 0.0
    for line in arrangement.dislocations:
        x, y, z = (0.5 * (line.points[1:] + line.points[:-1])).T
        inside = (x > 0) & (x < specimen.size[0]) & (y > 0) & (y < specimen.size[1])
        inside &= (z > 0) & (z < specimen.thickness_at(x, y))
        total += np.linalg.norm(np.diff(line.points, axis=0), axis=1)[inside].sum()
    return float(total)


def _continued(line: Dislocation, room: Callable) -> Dislocation:
    """The line with ends that go on straight to the border, where they would by ``extend``."""
    if line.closed or not line.extend:
        return line
    points = line.points
    inside = room(points[[0, -1]]) > 0
    if not inside.any():
        return line
    for end_is_inside in inside[::-1]:
        if end_is_inside:
            way = points[-1] - points[-2]
            steps = STEP * np.arange(1, 251)[:, None] * way / np.linalg.norm(way)
            ahead = points[-1] + steps
            outside = room(ahead) <= 0
            last = int(np.argmax(outside)) + 1 if outside.any() else 0
            points = np.concatenate([points, ahead[:last]])
        points = points[::-1]
    return Dislocation(points, line.burgers, line.extend)


def _pieces(line: Dislocation, room: Callable) -> list:
    if line.closed:
        return [(line.points, False, False)]
    # a short end of a line that is continued is no loss; at a node it would leave b unbalanced
    return pieces_inside(line.points, room, _SHORTEST if line.extend else 1e-6)


def _strips(fault: StackingFault, room: Callable) -> list[StackingFault]:
    """Parts of a strip both borders of which are inside."""
    inside = (room(fault.edge_a) > 0) & (room(fault.edge_b) > 0)
    if inside.all():
        return [fault]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
    return [
        StackingFault(fault.edge_a[i:j], fault.edge_b[i:j], fault.displacement)
        for i, j in edges.reshape(-1, 2)
        if j - i >= 2
    ]
