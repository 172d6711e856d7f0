"""The dislocations inside the foil, sampled about every pixel."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.specimen import Specimen


def lines_in_foil(
    specimen: Specimen, step: float, margin: tuple[float, float] = (0.0, 0.0)
) -> tuple[list[np.ndarray], list[int]]:
    """Pieces of the dislocations between the faces of the foil.

    Parameters
    ----------
    specimen : Specimen
        Lines, faces and field.
    step : float
        Largest distance between points, nm.
    margin : (float, float), default (0, 0)
        How far in x and y beyond the field lines are followed, nm: what an inclined view may show.

    Returns
    -------
    lines : list of (n, 3) ndarray
        x, y, z in nm, z from the entrance face. A line that leaves the foil or the field and
        comes back gives several. Corners are kept; ends lie on the faces.
    owners : list of int
        Number of the dislocation that each is a piece of.

    Raises
    ------
    ValueError
        If the step is not above zero.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.beam import TwoBeam
    >>> line = Dislocation([[10, 20, 40], [10, 20, 60]], [0.2, 0, 0])
    >>> foil = Specimen((64, 64), 100, TwoBeam([5, 0, 0], 0, 40), (line,), ("line",))
    >>> lines, owners = lines_in_foil(foil, step=10.0)
    >>> lines[0][[0, -1], 2], owners
    (array([  0., 100.]), [0])
    """
    if not step > 0:
        raise ValueError(f"step must be a distance above 0 nm; got {step!r}.")
    lines, owners = [], []
    for number, dislocation in enumerate(specimen.dislocations):
        path = _subdivided(_extended(dislocation, specimen, margin), step)
        for piece in _pieces(path, _room(path, specimen, margin)):
            lines.append(piece)
            owners.append(number)
    return lines, owners


def _extended(line: Dislocation, specimen: Specimen, margin) -> np.ndarray:
    """The corners, with open ends continued to beyond the field and the faces."""
    points = line.points
    if line.closed or not line.extend:
        return points
    far = np.hypot(*specimen.size) + sum(margin) + 2 * specimen.thickness
    middle = np.array([specimen.size[0] / 2, specimen.size[1] / 2, specimen.thickness / 2])
    ends = []
    for end, before in ((points[0], points[1]), (points[-1], points[-2])):
        way = (end - before) / np.linalg.norm(end - before)
        ends.append(end + way * (far + np.linalg.norm(end - middle)))
    return np.concatenate([[ends[0]], points, [ends[1]]])


def _subdivided(points: np.ndarray, step: float) -> np.ndarray:
    """The polyline with every segment cut into equal parts of at most `step`."""
    length = np.linalg.norm(np.diff(points, axis=0), axis=1)
    parts = np.maximum(np.ceil(length / step - 1e-9).astype(int), 1)
    owner = np.repeat(np.arange(len(parts)), parts)
    first = np.repeat(np.cumsum(parts) - parts, parts)
    share = ((np.arange(len(owner)) - first) / parts[owner])[:, None]
    inner = points[owner] + share * (points[owner + 1] - points[owner])
    return np.concatenate([inner, points[-1:]])


def _room(path: np.ndarray, specimen: Specimen, margin) -> np.ndarray:
    """Distance to the nearest limit of the foil and the field, nm; negative outside."""
    x, y, z = path.T
    (width, height), (mx, my) = specimen.size, margin
    faces = np.minimum(z, specimen.thickness_at(x, y) - z)
    sides = np.minimum(np.minimum(x, width - x) + mx, np.minimum(y, height - y) + my)
    return np.minimum(faces, sides)


def _pieces(path: np.ndarray, room: np.ndarray) -> list[np.ndarray]:
    """Runs of the path with room >= 0, ended where the room is used up."""
    inside = room >= -1e-9
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    pieces = []
    for first, last in edges.reshape(-1, 2):
        run = [path[first:last]]
        if first > 0 and room[first] > 1e-9:
            run.insert(0, _crossing(path, room, first - 1, first))
        if last < len(path) and room[last - 1] > 1e-9:
            run.append(_crossing(path, room, last, last - 1))
        piece = np.concatenate(run)
        if len(piece) > 1:
            pieces.append(piece)
    return pieces


def _crossing(path, room, outside: int, inside: int) -> np.ndarray:
    share = room[inside] / (room[inside] - room[outside])
    return (path[inside] + share * (path[outside] - path[inside]))[None]
