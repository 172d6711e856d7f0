"""Where along a dislocation its contrast is seen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.imaging.line_raster import near_others
from hyperspy_stereo.simulation.imaging.view_geometry import ViewGeometry

#: Least contrast of a visible line: change of the intensity relative to the same foil without
#: dislocations, at the scale of a line's image and beyond what the surroundings have of it.
MIN_CONTRAST = 0.07
#: Least strength of a line that can be seen at all; see `contrast_strength`.
MIN_STRENGTH = 0.08
# nm: within this distance of the line its image may lie; smoothing of the line's image, and of
# its surroundings; a line this near in the image hides which of the two is seen.
_REACH, _FINE, _COARSE, _NEIGHBOUR = 6.0, 1.5, 16.0, 9.0
# A gap ends a line where the depth changes by more than this share of an oscillation, or else
# over more than this length in nm; what is seen over less than `_SHORTEST` nm is chance.
_GAP_DEPTH, _GAP_LENGTH, _SHORTEST = 0.75, 12.0, 10.0


def contrast_strength(line: np.ndarray, burgers: np.ndarray, beam: TwoBeam) -> np.ndarray:
    """How strongly a line bends the reflecting planes at each of its points.

    Parameters
    ----------
    line : (n, 3) ndarray
        nm.
    burgers : (3,) ndarray
        nm.
    beam : TwoBeam
        Its g.

    Returns
    -------
    (n,) ndarray
        |g.b| + |g.b_e| / 8 + |g.(b x u)| / 8 with the edge part b_e and the direction u. A line
        with g.b = 0 cannot be seen where it is below about 0.08.

    Notes
    -----
    P. B. Hirsch et al., Electron Microscopy of Thin Crystals (1977), chapter 7, on the residual
    contrast of edge dislocations with m = g.(b x u) / 8.

    Examples
    --------
    >>> screw = np.array([[0.0, 0, 50], [50, 0, 50]])
    >>> contrast_strength(screw, np.array([0.2, 0, 0]), TwoBeam([0, 5, 0], 0, 40))
    array([0., 0.])
    """
    way = np.gradient(line, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-12)
    edge = burgers - (way @ burgers)[:, None] * way
    residual = np.abs(edge @ beam.g) + np.abs(np.cross(burgers, way) @ beam.g)
    return np.abs(beam.g @ burgers) + residual / 8


def visible_parts(
    lines: list[np.ndarray],
    clean: np.ndarray,
    reference: np.ndarray,
    geometry: ViewGeometry,
    beam: TwoBeam,
    strength: list[np.ndarray] | None = None,
    min_contrast: float = MIN_CONTRAST,
) -> list[np.ndarray]:
    """Tell where each line is seen in each view.

    The views are compared with those of the same foil without dislocations: a point is visible
    where their relative difference, band-passed to the width of a line's image, is at least
    `min_contrast` within 6 nm of it and its own `strength` is not too small. Along the line, gaps
    shorter than an oscillation of the contrast are closed, and places where another line is too
    near to tell whose contrast it is take the answer of the nearest free place of the same line.

    Parameters
    ----------
    lines : list of (n, 3) ndarray
        nm, z from the plane of zero disparity.
    clean, reference : (V, H, W) ndarray
        Views with and without dislocations, no noise, even scan.
    geometry : ViewGeometry
        Of these views.
    beam : TwoBeam
        Gives the period of the oscillation with depth.
    strength : list of (n,) ndarray, optional
        `contrast_strength` of each line: what is seen where it is below 0.08 belongs to others.
    min_contrast : float, default 0.07
        Dimensionless.

    Returns
    -------
    list of (V, n) bool ndarray
        False outside the image.
    """
    if not lines:
        return []
    contrast = np.stack(
        [_line_contrast(a, b, geometry.pixel_size) for a, b in zip(clean, reference, strict=True)]
    )
    starts = np.cumsum([0] + [len(line) for line in lines])
    points = np.concatenate(lines)
    owner = np.repeat(np.arange(len(lines)), np.diff(starts))
    along = _lengths(points, starts)
    period = 1 / np.hypot(beam.s, 1 / beam.xi_g)
    own = np.ones(len(points), bool)
    if strength is not None:
        own = np.concatenate(strength) >= MIN_STRENGTH
    seen = np.zeros((geometry.n_views, len(points)), bool)
    for view, placed in enumerate(geometry.project(points)):
        column, row = np.rint(placed).astype(int).T
        height, width = geometry.shape
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        value = np.zeros(len(points))
        value[inside] = contrast[view][row[inside], column[inside]]
        shared = near_others(placed, owner, _NEIGHBOUR / geometry.pixel_size, height, width)
        for first, last in pairwise(starts):
            part = slice(first, last)
            answer = _freed(
                (value[part] >= min_contrast) & own[part], shared[part] | ~inside[part], along[part]
            )
            answer = _smoothed(answer, along[part], points[part, 2], period)
            seen[view, part] = answer & inside[part]
    return [seen[:, first:last] for first, last in pairwise(starts)]


def _line_contrast(clean, reference, pixel_size: float) -> np.ndarray:
    """Largest band-passed relative difference within reach of each pixel."""
    floor = 0.1 * float(np.median(reference)) + 1e-12
    change = (clean - reference) / np.maximum(reference, floor)
    fine, coarse = (
        ndimage.gaussian_filter(change, nm / pixel_size, mode="nearest", truncate=3.0)
        for nm in (_FINE, _COARSE)
    )
    size = 2 * max(round(_REACH / pixel_size), 1) + 1
    return ndimage.maximum_filter(np.abs(fine - coarse), size=size, mode="nearest")


def _lengths(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Length along its line at each point, nm."""
    steps = np.concatenate([[0.0], np.linalg.norm(np.diff(points, axis=0), axis=1)])
    steps[starts[:-1]] = 0.0
    total = np.cumsum(steps)
    return total - np.repeat(total[starts[:-1]], np.diff(starts))


def _freed(seen: np.ndarray, unsure: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Where another line is near, the answer of the nearest place that is free of it."""
    free = np.flatnonzero(~unsure)
    if free.size == 0 or not unsure.any():
        return seen
    after = np.clip(np.searchsorted(free, np.arange(len(seen))), 0, free.size - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(along[free[after]] - along) <= np.abs(along[free[before]] - along)
    nearest = np.where(nearer, free[after], free[before])
    return np.where(unsure, seen & seen[nearest], seen)


def _runs(flags: np.ndarray) -> np.ndarray:
    """(n, 2) first and one past the last index of each run of True."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.flatnonzero(edges).reshape(-1, 2)


def _smoothed(seen: np.ndarray, along: np.ndarray, depth: np.ndarray, period: float) -> np.ndarray:
    """Close gaps that an oscillation explains, then drop pieces too short to be seen."""
    seen = seen.copy()
    for first, last in _runs(~seen):
        if first == 0 or last == len(seen):
            continue
        length = along[last] - along[first - 1]
        rise = np.ptp(depth[first - 1 : last + 1])
        if length <= _GAP_LENGTH or (rise > 0.3 * length and rise <= _GAP_DEPTH * period):
            seen[first:last] = True
    whole = along[-1]
    for first, last in _runs(seen):
        if along[last - 1] - along[first] < min(_SHORTEST, whole / 2):
            seen[first:last] = False
    return seen
