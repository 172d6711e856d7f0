"""The exact truth of simulated views as lines, masks and maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_stereo.simulation.imaging.foil_lines import lines_in_foil
from hyperspy_stereo.simulation.imaging.line_raster import draw_nearest, flag_overlaps
from hyperspy_stereo.simulation.imaging.view_geometry import ViewGeometry
from hyperspy_stereo.simulation.imaging.view_rendering import spot_radius
from hyperspy_stereo.simulation.imaging.visibility import (
    MIN_CONTRAST,
    contrast_strength,
    visible_parts,
)
from hyperspy_stereo.simulation.specimen import Boundary, Specimen
from hyperspy_stereo.simulation.truth import Truth

#: px beyond the edge of a line's mask within which another line makes a pixel ambiguous.
OVERLAP = 1.0
# A fault whose g . R is this near to a whole number has no contrast.
_NO_PHASE = 0.02


def truth_of(
    specimen: Specimen,
    geometry: ViewGeometry,
    clean: np.ndarray,
    reference: np.ndarray | None = None,
    *,
    contrast_views: np.ndarray | None = None,
    line_width: float = 3.0,
    min_contrast: float = MIN_CONTRAST,
) -> Truth:
    """Collect what is true about views of a specimen.

    Parameters
    ----------
    specimen : Specimen
        In the frame of the views.
    geometry : ViewGeometry
        The views and, where their scan was uneven, how.
    clean : (V, H, W) ndarray
        Views before noise, for the record.
    reference : (V, H, W) ndarray, optional
        The views of the same specimen without dislocations, on an even grid; None takes every
        line as visible wherever it is in the image.
    contrast_views : (V, H, W) ndarray, optional
        Views on an even grid to compare with `reference`. Default: `clean`.
    line_width : float, default 3.0
        Width of the lines in `line_mask`, px.
    min_contrast : float, default 0.07
        See `visibility.visible_parts`.

    Returns
    -------
    Truth
        `disparity` and `depth` are those of the line nearest in the image.

    Raises
    ------
    ValueError
        If the line width is not above zero.
    """
    if not line_width > 0:
        raise ValueError(f"line_width must be above 0 px; got {line_width!r}.")
    lines, owners = lines_in_foil(specimen, geometry.pixel_size, _shown_beyond(specimen, geometry))
    kinds = [specimen.kinds[k] if k < len(specimen.kinds) else "line" for k in owners]
    lines = [line - (0.0, 0.0, geometry.zero_depth) for line in lines]
    if reference is None:
        visible = [_in_image(line, geometry) for line in lines]
    else:
        seen = clean if contrast_views is None else contrast_views
        even = replace(
            geometry, rows=np.zeros_like(geometry.rows), columns=np.zeros_like(geometry.columns)
        )
        strength = [
            contrast_strength(line, specimen.dislocations[k].burgers, specimen.beam)
            for line, k in zip(lines, owners, strict=True)
        ]
        visible = visible_parts(lines, seen, reference, even, specimen.beam, strength, min_contrast)
    maps = line_maps(lines, visible, geometry, line_width)
    return Truth(
        specimen=specimen,
        lines=lines,
        kinds=kinds,
        visible=visible,
        incidence=geometry.incidence,
        geometry=geometry.geometry,
        pixel_size=geometry.pixel_size,
        clean=np.asarray(clean, np.float32),
        boundary_mask=boundary_mask(specimen, geometry),
        distractor_mask=distractor_mask(specimen, geometry),
        reference=None if reference is None else np.asarray(reference, np.float32),
        **maps,
    )


def _shown_beyond(specimen: Specimen, geometry: ViewGeometry) -> tuple[float, float]:
    """How far beyond the field, in x and y, the views show places inside the foil, nm."""
    field, far = np.asarray(specimen.size, float), np.zeros(2)
    for view in range(geometry.n_views):
        entrance = geometry.entry(view, 0.0)
        middle = geometry.entry(view, specimen.thickness)
        thickest = max(float(specimen.thickness_at(*at).max()) for at in (entrance, middle))
        for place in (entrance, geometry.entry(view, max(thickest, 0.0))):
            low, high = (np.array([f(at) for at in place]) for f in (np.min, np.max))
            far = np.maximum(far, np.maximum(-low, high - field))
    # a line is followed to the outer edge of the last pixel
    return tuple((far + geometry.pixel_size).tolist())


def line_maps(
    lines: list[np.ndarray],
    visible: list[np.ndarray],
    geometry: ViewGeometry,
    line_width: float = 3.0,
) -> dict[str, np.ndarray]:
    """Mask, number, disparity, depth and ambiguity of lines in each view.

    Parameters
    ----------
    lines : list of (n, 3) ndarray
        nm, z from the plane of zero disparity.
    visible : list of (V, n) bool ndarray
        Where each line is seen.
    geometry : ViewGeometry
        The views.
    line_width : float, default 3.0
        px.

    Returns
    -------
    dict
        `line_mask`, `line_index`, `disparity`, `depth`, `ambiguous`, each (V, H, W), as `Truth`
        describes them. A pixel is ambiguous where, within 1 px beyond the line's half width,
        another visible line, or the same one more than 10 px further on, has a disparity that
        differs by more than 1 px: crossings, and lines that run along the beam.
    """
    shape = (geometry.n_views, *geometry.shape)
    index = np.full(shape, -1, np.int16)
    disparity = np.full(shape, np.nan, np.float32)
    depth = np.full(shape, np.nan, np.float32)
    ambiguous = np.zeros(shape, bool)
    if lines:
        points = np.concatenate(lines)
        owner = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        seen = np.concatenate(visible, axis=1)
        step = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=1)
        along = np.cumsum(step) / geometry.pixel_size
        shift = geometry.disparity(points) if geometry.n_views > 1 else np.zeros(len(points))
        for view, placed in enumerate(geometry.project(points)):
            drawn = np.where(seen[view], owner, -1)
            best = np.full(geometry.shape, np.inf, np.float32)
            maps = index[view], disparity[view], depth[view]
            place = draw_nearest(
                placed, drawn, along, shift, points[:, 2], line_width / 2, best, *maps
            )
            flag_overlaps(
                placed, drawn, along, shift, line_width / 2 + OVERLAP,
                index[view], place, disparity[view], ambiguous[view],
            )  # fmt: skip
    return {
        "line_mask": index >= 0,
        "line_index": index,
        "disparity": disparity,
        "depth": depth,
        "ambiguous": ambiguous,
    }


def boundary_mask(specimen: Specimen, geometry: ViewGeometry, width: float = 3.0) -> np.ndarray:
    """Pixels whose rays cross a boundary or a fault between the faces of the foil.

    Parameters
    ----------
    specimen : Specimen
        Boundaries between grains of the same excitation error, and faults with a whole g . R,
        have no contrast and are left out.
    geometry : ViewGeometry
        The views.
    width : float, default 3.0
        Least width of the trace of a plane that is seen edge-on, px.

    Returns
    -------
    (V, H, W) bool ndarray
    """
    mask = np.zeros((geometry.n_views, *geometry.shape), bool)
    deviations = np.asarray(specimen.grain_deviations, float)
    for view in range(geometry.n_views if specimen.boundaries else 0):
        entrance = geometry.entry(view, 0.0)
        thickness = specimen.thickness_at(*entrance)
        exit_ = [
            at + slope * thickness for at, slope in zip(entrance, geometry.rays[view], strict=True)
        ]
        for number, plane in enumerate(specimen.boundaries):
            if len(deviations) > number + 1 and deviations[number] == deviations[number + 1]:
                continue
            near = _beyond(plane, *entrance, 0.0), _beyond(plane, *exit_, thickness)
            steepness = np.hypot(*np.asarray(plane.normal, float)[:2])
            half = width / 2 * geometry.pixel_size * steepness
            mask[view] |= (np.minimum(*near) <= half) & (np.maximum(*near) >= -half)
    for fault in specimen.faults:
        phase = float(specimen.beam.g @ fault.displacement)
        if abs(phase - round(phase)) > _NO_PHASE:
            _mark(mask, _strip_points(fault, specimen, geometry), geometry)
    return mask


def distractor_mask(specimen: Specimen, geometry: ViewGeometry) -> np.ndarray:
    """Pixels of blobs and contamination in each view, (V, H, W) bool."""
    mask = np.zeros((geometry.n_views, *geometry.shape), bool)
    for view in range(geometry.n_views):
        for spot in specimen.spots:
            window, rho2 = spot_radius(specimen, spot, geometry, view)
            mask[view][window] |= rho2 < 1
    return mask


def _beyond(plane: Boundary, x, y, z) -> np.ndarray:
    """Signed distance of places from a plane, nm."""
    px, py, pz = np.asarray(plane.point, float)
    nx, ny, nz = np.asarray(plane.normal, float)
    return nx * (x - px) + ny * (y - py) + nz * (z - pz)


def _strip_points(fault, specimen: Specimen, geometry: ViewGeometry) -> np.ndarray:
    """Points of a faulted strip inside the foil, half a pixel apart, z from zero disparity."""
    step = geometry.pixel_size / 2
    a, b = fault.edge_a, fault.edge_b
    longer = np.maximum(*(np.linalg.norm(np.diff(edge, axis=0), axis=1) for edge in (a, b)))
    knots = np.arange(len(a))
    fine = np.concatenate(
        [np.linspace(k, k + 1, int(np.ceil(size / step)) + 1) for k, size in enumerate(longer)]
    )
    a, b = (np.column_stack([np.interp(fine, knots, axis) for axis in edge.T]) for edge in (a, b))
    count = int(np.ceil(np.linalg.norm(b - a, axis=1).max() / step)) + 1
    share = np.linspace(0, 1, count)[:, None, None]
    points = (a + share * (b - a)).reshape(-1, 3)
    inside = (points[:, 2] >= 0) & (points[:, 2] <= specimen.thickness_at(*points[:, :2].T))
    return points[inside] - (0.0, 0.0, geometry.zero_depth)


def _mark(mask: np.ndarray, points: np.ndarray, geometry: ViewGeometry) -> None:
    """Set the pixels in which points appear."""
    for view, placed in enumerate(geometry.project(points) if len(points) else ()):
        column, row = np.rint(placed).astype(int).T
        inside = (column >= 0) & (column < mask.shape[2]) & (row >= 0) & (row < mask.shape[1])
        mask[view, row[inside], column[inside]] = True


def _in_image(line: np.ndarray, geometry: ViewGeometry) -> np.ndarray:
    placed = geometry.project(line)
    limit = np.array(geometry.shape[::-1]) - 0.5
    return ((placed >= -0.5) & (placed < limit)).all(axis=2)
