"""The scene of a simulated specimen: its lines inside the foil, faults, boundaries, dirt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.viewer.camera import Camera
from hyperspy_stereo.viewer.colours import OKABE_ITO, Scalar
from hyperspy_stereo.viewer.scene import (
    Foil,
    Label,
    Lines,
    Mesh,
    Scene,
    Segment,
    axes_and_scale_bar,
)

if TYPE_CHECKING:
    from hyperspy_stereo.simulation.specimen import Boundary, Specimen, SurfaceSpot

__all__ = ["specimen_scene"]

FAULT = OKABE_ITO["orange"]
BOUNDARY = OKABE_ITO["sky"]
SURFACE = "#5a6b8c"
SPOT = "#3c4658"
# Along the diagonal of the field of view; more would be finer than a tube is thick.
SAMPLES = 400


def specimen_scene(
    specimen: Specimen,
    colour: str = "depth",
    radius: float | None = None,
    camera: Camera | None = None,
) -> Scene:
    """Describe a specimen in 3D.

    Parameters
    ----------
    specimen : Specimen
        May hold no line.
    colour : {"depth", "g·b", "kind", "line"}
        What the colours of the lines mean: the depth from the entrance face; g·b, which is 0 for
        lines out of contrast; what the line belongs to; or just another colour for each line.
    radius : float, optional
        Of the tubes in nm; by default 0.45 % of the width of the field.
    camera : Camera, optional
        First view.

    Returns
    -------
    Scene
        In nm, z from the entrance face along the beam. Lines are cut off at the faces and at the
        border of the field; fault strips are orange, boundaries blue, the exit face of a wedge
        and dirt grey.

    Raises
    ------
    ValueError
        If `colour` is none of the four or the radius is not positive.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.beam import TwoBeam
    >>> from hyperspy_stereo.simulation.dislocation import Dislocation
    >>> from hyperspy_stereo.simulation.specimen import Specimen
    >>> line = Dislocation([[50, 50, -20], [150, 50, 220]], [0.2, 0, 0])
    >>> specimen = Specimen((200, 100), 200, TwoBeam([5, 0, 0], 0, 40), (line,), ("line",))
    >>> scene = specimen_scene(specimen)
    >>> bool(scene.lines.points[:, 2].min() >= 0), bool(scene.lines.points[:, 2].max() <= 200)
    (True, True)
    """
    thickness = float(specimen.thickness_at(*_grid(specimen, 24)).max())
    width, height = specimen.size
    corners = np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])
    foil = Foil(corners, 0.0, thickness)
    if radius is None:
        radius = 0.0045 * max(specimen.size)
    if not radius > 0:
        raise ValueError(f"The radius of the tubes must be positive; {radius!r} was given.")
    bars, labels = axes_and_scale_bar(foil, "nm", ("x", "y", "z"))
    arrow, name = _g_arrow(specimen, foil)
    scene = Scene(
        foil=foil,
        lines=_lines(specimen, radius, thickness),
        meshes=_meshes(specimen, foil),
        bars=(*bars, arrow, *_outlines(specimen, foil)),
        labels=(*labels, name),
        camera=camera or Camera(),
        title=f"{len(specimen.dislocations)} dislocations in {specimen.crystal or 'a foil'}",
        units="nm",
    )
    return scene.coloured_by(colour)


def kind_numbers(specimen: Specimen) -> dict[str, int]:
    """Number, and with it the colour, of each kind of line, in the order of appearance."""
    kinds = specimen.kinds or ("line",) * len(specimen.dislocations)
    return {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}


def _lines(specimen: Specimen, radius: float, thickness: float) -> Lines:
    """All pieces of lines inside the foil, with what their colours can mean."""
    from hyperspy_stereo.simulation.imaging.foil_lines import lines_in_foil

    step = np.hypot(*specimen.size) / SAMPLES
    pieces, source = [], []
    for number, dislocation in enumerate(specimen.dislocations):
        alone = replace(specimen, dislocations=(dislocation,), kinds=())
        inside, _ = lines_in_foil(alone, step)
        pieces += inside
        source += [number] * len(inside)
    points = np.vstack([*pieces, np.zeros((0, 3))])
    count = [len(piece) for piece in pieces]
    line = np.repeat(np.asarray(source, dtype=np.int64), count)
    g_b = np.array([specimen.beam.g @ d.burgers for d in specimen.dislocations])
    numbers = kind_numbers(specimen)
    kinds = specimen.kinds or ("line",) * len(specimen.dislocations)
    kind = np.array([numbers[k] for k in kinds], dtype=float)
    largest = max(1.0, float(np.abs(g_b).max(initial=0.0)))
    scalars = {
        "depth": Scalar(
            points[:, 2], "depth from the entrance face (nm)", "viridis", (0, thickness)
        ),
        "g·b": Scalar(_each(g_b, line), "g·b", "coolwarm", (-largest, largest)),
        "kind": Scalar(_each(kind, line), "kind", "lines", (0.0, float(len(numbers)))),
        "line": Scalar(line.astype(float), "line", "lines", (0.0, float(len(g_b)))),
    }
    return Lines(points, np.repeat(np.arange(len(pieces)), count), scalars, radius)


def _each(values: np.ndarray, line: np.ndarray) -> np.ndarray:
    return values[line] if len(values) else np.zeros(len(line))


def _is_inside(points: np.ndarray, specimen: Specimen) -> np.ndarray:
    x, y, z = points.T
    field = (x >= 0) & (x <= specimen.size[0]) & (y >= 0) & (y <= specimen.size[1])
    # The thickness is a polynomial, which means nothing far outside the field.
    exit_face = specimen.thickness_at(
        np.clip(x, 0, specimen.size[0]), np.clip(y, 0, specimen.size[1])
    )
    return field & (z >= 0) & (z <= exit_face)


def _meshes(specimen: Specimen, foil: Foil) -> tuple[Mesh, ...]:
    meshes = [_fault_mesh(fault, specimen) for fault in specimen.faults]
    meshes += [_boundary_mesh(boundary, foil) for boundary in specimen.boundaries]
    meshes += [_spot_mesh(spot, specimen) for spot in specimen.spots]
    if np.any(np.asarray(specimen.wedge)):
        meshes.append(_exit_face(specimen))
    return tuple(mesh for mesh in meshes if mesh is not None)


def _fault_mesh(fault, specimen: Specimen) -> Mesh | None:
    """The part of a fault strip inside the foil, as cells of a grid on it."""
    step = np.hypot(*specimen.size) / 80
    length = np.linalg.norm(np.diff(fault.edge_a, axis=0), axis=1).sum()
    n = int(np.clip(length / step, 1, 400)) + 1
    m = int(np.clip(np.linalg.norm(fault.edge_b - fault.edge_a, axis=1).max() / step, 1, 60)) + 1
    share = np.linspace(0, 1, len(fault.edge_a))
    a, b = (
        np.column_stack([np.interp(np.linspace(0, 1, n), share, column) for column in edge.T])
        for edge in (fault.edge_a, fault.edge_b)
    )
    across = np.linspace(0, 1, m)[None, :, None]
    grid = a[:, None] * (1 - across) + b[:, None] * across
    return _cells(grid, FAULT, 0.35, specimen)


def _cells(grid: np.ndarray, colour: str, opacity: float, inside: Specimen | None) -> Mesh | None:
    """Triangles between the points of a grid (n, m, 3), where their middles lie in the foil."""
    n, m = grid.shape[:2]
    number = np.arange(n * m).reshape(n, m)
    quads = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], axis=-1)
    quads = quads.reshape(-1, 4)
    vertices = grid.reshape(-1, 3)
    if inside is not None:
        quads = quads[_is_inside(vertices[quads].mean(axis=1), inside)]
    if len(quads) == 0:
        return None
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Mesh(vertices, triangles.astype(np.uint32), colour, opacity)


def _boundary_mesh(boundary: Boundary, foil: Foil) -> Mesh | None:
    """The polygon that a plane cuts out of the box, as triangles."""
    corners = _section(boundary, foil)
    if len(corners) == 0:
        return None
    return Mesh(corners, _fan(len(corners)), BOUNDARY, 0.3)


def _outlines(specimen: Specimen, foil: Foil) -> tuple[Segment, ...]:
    """Borders of the boundaries: translucent planes alone are hard to place in space."""
    rings = [_section(boundary, foil) for boundary in specimen.boundaries]
    return tuple(
        Segment(start, end, BOUNDARY, 1.5)
        for ring in rings
        for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True)
    )


def _fan(n: int) -> np.ndarray:
    """Triangles of a convex polygon of n corners."""
    i = np.arange(1, n - 1)
    return np.column_stack([np.zeros_like(i), i, i + 1]).astype(np.uint32)


def _section(boundary: Boundary, foil: Foil) -> np.ndarray:
    """Corners (n, 3), in order, of the polygon that a plane cuts out of the box; n may be 0."""
    vertices = foil.vertices
    height = (vertices - boundary.point) @ boundary.normal
    ends = height[foil.edges]
    crossed = ends[:, 0] * ends[:, 1] < 0
    if crossed.sum() < 3:
        return np.zeros((0, 3))
    share = ends[crossed, 0] / (ends[crossed, 0] - ends[crossed, 1])
    start, end = (vertices[foil.edges[crossed, i]] for i in (0, 1))
    corners = start + share[:, None] * (end - start)
    middle = corners.mean(axis=0)
    u = corners[0] - middle
    v = np.cross(boundary.normal, u)
    return corners[np.argsort(np.arctan2((corners - middle) @ v, (corners - middle) @ u))]


def _spot_mesh(spot: SurfaceSpot, specimen: Specimen) -> Mesh:
    """A flat ellipse on its face."""
    angle = np.linspace(0, 2 * np.pi, 33)[:-1]
    turn = np.deg2rad(spot.azimuth)
    u, v = spot.radii[0] * np.cos(angle), spot.radii[1] * np.sin(angle)
    x = spot.centre[0] + u * np.cos(turn) - v * np.sin(turn)
    y = spot.centre[1] + u * np.sin(turn) + v * np.cos(turn)
    x, y = np.clip(x, 0, specimen.size[0]), np.clip(y, 0, specimen.size[1])
    z = specimen.thickness_at(x, y) if spot.on_exit else np.zeros_like(x)
    return Mesh(np.column_stack([x, y, z]), _fan(len(angle)), SPOT, 0.45)


def _exit_face(specimen: Specimen) -> Mesh | None:
    x, y = _grid(specimen, 16)
    return _cells(np.stack([x, y, specimen.thickness_at(x, y)], axis=-1), SURFACE, 0.12, None)


def _grid(specimen: Specimen, n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(np.linspace(0, specimen.size[0], n), np.linspace(0, specimen.size[1], n))


def _g_arrow(specimen: Specimen, foil: Foil) -> tuple[Segment, Label]:
    """The direction of g, beside the near edge of the entrance face."""
    size = max(specimen.size)
    direction = specimen.beam.g / np.linalg.norm(specimen.beam.g)
    middle = np.array([0.3 * specimen.size[0], -0.1 * size, foil.low])
    start, end = middle - 0.07 * size * direction, middle + 0.07 * size * direction
    return Segment(start, end, "#111111", 4.0), Label(end + 0.045 * size * direction, "g")
