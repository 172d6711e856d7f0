"""Where the images of lines run: the contrast of a dislocation lies beside its core.

The image of a line in two-beam contrast lies up to a third of the extinction distance to one side
of it (Hirsch, Howie, Nicholson, Pashley & Whelan, *Electron Microscopy of Thin Crystals*, 1965).
A detector can only mark the image, and so do people; the disparity of two views is not changed by
a shift that they share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.geometry.triangulation import project
from hyperspy_stereo.simulation.imaging.line_raster import draw_nearest, flag_overlaps
from hyperspy_stereo.simulation.truth import Truth

__all__ = ["ApparentLines", "apparent_lines", "line_maps"]

WINDOWS = (5.0, 3.5, 2.5)  # px, Gaussian windows about the last estimate, ever narrower
REACH = 9.0  # px to either side in which the contrast of a line is looked for
FARTHEST = 7.0  # px, the largest offset
RIDGE = 0.05  # of the fit of one shift to the offsets in all views
ALONG = 9.0  # px, smoothing of the offset along the line: longer than a period of dots
WIDTH = 3.0  # px, of a line in the masks
OVERLAP = 1.0  # px beyond a mask within which another line makes a pixel ambiguous


@dataclass(frozen=True, eq=False)
class ApparentLines:
    """All points of all lines, one line after the other, as each view shows them.

    Attributes
    ----------
    placed : (V, N, 2) ndarray
        x, y of the image of each point, px.
    seen : (V, N) bool ndarray
        Where it is visible.
    owner : (N,) ndarray
        Number of the line.
    along : (N,) ndarray
        Length along the line, px.
    disparity, depth : (N,) ndarray
        x_last - x_first in px, and nm: those of the line itself.
    """

    placed: np.ndarray
    seen: np.ndarray
    owner: np.ndarray
    along: np.ndarray
    disparity: np.ndarray
    depth: np.ndarray


def apparent_lines(truth: Truth) -> ApparentLines | None:
    """Find where the images of the lines run in each view.

    In each view the offset of the image along the line's normal is measured: the centre of the
    squared change that the lines make to the picture, as far as no other line is nearer, smoothed
    along the line. Each point is then moved by one and the same vector in all views, that which
    fits these offsets best. A vector for each view, along its own normal, would not keep the
    disparity: a line that climbs has other normals in the other view, and moving along a line
    whose disparity changes is changing its disparity.

    Parameters
    ----------
    truth : Truth
        Of views on an even grid, or nearly so, with its `reference`.

    Returns
    -------
    ApparentLines or None
        None if there are no lines.

    Raises
    ------
    ValueError
        If the truth has no reference.
    """
    if truth.reference is None:
        raise ValueError(
            "the truth has no pictures without lines: make it by stereo_views() or tilt_views()."
        )
    if not truth.lines:
        return None
    points = np.concatenate(truth.lines)
    owner = np.repeat(np.arange(len(truth.lines)), [len(line) for line in truth.lines])
    step = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=1)
    shape = truth.clean.shape[1:]
    middle = tuple(0.5 * truth.pixel_size * (np.array(shape[::-1]) - 1))
    exact = project(points, truth.incidence, truth.geometry, middle) / truth.pixel_size
    seen = np.concatenate(truth.visible, axis=1)
    floor = 0.05 * np.median(truth.reference)
    changes = [_change(*pair, floor) for pair in zip(truth.clean, truth.reference, strict=True)]
    placed = exact + _common_shift(exact, seen, owner, changes)
    shift = exact[-1, :, 0] - exact[0, :, 0]
    return ApparentLines(
        placed, seen, owner, np.cumsum(step) / truth.pixel_size, shift, points[:, 2]
    )


def line_maps(lines: ApparentLines | None, shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Draw the images of lines.

    Parameters
    ----------
    lines : ApparentLines or None
        What to draw.
    shape : (int, int, int)
        Number, height and width of the views.

    Returns
    -------
    dict
        line_index, disparity, depth, ambiguous, as in `hyperspy_stereo.simulation.truth.Truth`.
    """
    index = np.full(shape, -1, np.int16)
    disparity, depth = (np.full(shape, np.nan, np.float32) for _ in range(2))
    ambiguous = np.zeros(shape, bool)
    for view in range(shape[0] if lines is not None else 0):
        drawn = np.where(lines.seen[view], lines.owner, -1)
        args = lines.placed[view], drawn, lines.along, lines.disparity
        best = np.full(shape[1:], np.inf, np.float32)
        maps = index[view], disparity[view], depth[view]
        place = draw_nearest(*args, lines.depth, WIDTH / 2, best, *maps)
        reach = WIDTH / 2 + OVERLAP
        flag_overlaps(*args, reach, index[view], place, disparity[view], ambiguous[view])
    return {"line_index": index, "disparity": disparity, "depth": depth, "ambiguous": ambiguous}


def _change(clean: np.ndarray, reference: np.ndarray, floor: float) -> np.ndarray:
    """Squared relative change of the picture by its lines, without the slow part of strain."""
    change = (clean - reference) / np.maximum(reference, floor)
    slow = ndi.gaussian_filter(change, 8.0)
    return ndi.gaussian_filter(change - slow, 0.8) ** 2


def _common_shift(
    exact: np.ndarray, seen: np.ndarray, owner: np.ndarray, changes: list[np.ndarray]
) -> np.ndarray:
    """Shift of each point, (N, 2) px, the same in all views: least squares of the offsets."""
    # the ridge keeps what no view can see, the shift along the line, at 0
    square = np.broadcast_to(RIDGE * np.eye(2), (len(owner), 2, 2)).copy()
    right = np.zeros((len(owner), 2))
    for view, change in enumerate(changes):
        offset, normal = _offsets(exact[view], seen[view], owner, change)
        square += normal[:, :, None] * normal[:, None, :]
        right += offset[:, None] * normal
    return np.linalg.solve(square, right[..., None])[..., 0]


def _offsets(
    xy: np.ndarray, seen: np.ndarray, owner: np.ndarray, energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Offset of the image of each point along the normal, and the normal; 0 where not seen."""
    offsets, normals = np.zeros(len(xy)), np.zeros_like(xy)
    nearest = _nearest_line(xy, owner, energy.shape)
    for number in np.unique(owner[seen]):
        part = np.nonzero(owner == number)[0]
        if len(part) < 3:
            continue
        line = xy[part]
        tangent = ndi.gaussian_filter1d(np.gradient(line, axis=0), 3.0, axis=0, mode="nearest")
        length = np.linalg.norm(tangent, axis=1, keepdims=True)
        normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) / np.maximum(length, 1e-6)
        profile, across = _profile(line, normal, energy, nearest, number)
        offsets[part], normals[part] = _centre(profile, across, seen[part]), normal
    return offsets, normals


def _profile(line, normal, energy, nearest, number) -> tuple[np.ndarray, np.ndarray]:
    """Energy across a line, zero where another line is nearer."""
    across = np.arange(-REACH, REACH + 0.25, 0.5)
    where = line[:, None] + across[:, None] * normal[:, None]
    x, y = where[..., 0], where[..., 1]
    height, width = energy.shape
    columns = np.clip(np.rint(x).astype(int), 0, width - 1)
    rows = np.clip(np.rint(y).astype(int), 0, height - 1)
    own = (nearest[rows, columns] == number) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return np.where(own, energy[rows, columns], 0.0), across


def _centre(profile: np.ndarray, across: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Offset of the image at each point of a line, smooth along it."""
    # what lies between the visible parts must not pull them
    profile = ndi.gaussian_filter1d(profile * seen[:, None], ALONG / 3, axis=0, mode="nearest")
    offset = np.zeros(len(profile))
    for window in WINDOWS:
        weight = np.exp(-0.5 * ((across - offset[:, None]) / window) ** 2) * profile
        total = weight.sum(axis=1)
        first = (weight * across).sum(axis=1)
        total, first = (ndi.gaussian_filter1d(a, ALONG, mode="nearest") for a in (total, first))
        offset = np.clip(first / np.maximum(total, 1e-12), -FARTHEST, FARTHEST)
    return offset


def _nearest_line(xy: np.ndarray, owner: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Number of the line nearest to each pixel."""
    index = np.full(shape, -1, np.int32)
    column, row = np.rint(xy).astype(int).T
    inside = (row >= 0) & (column >= 0) & (row < shape[0]) & (column < shape[1])
    index[row[inside], column[inside]] = owner[inside]
    if not inside.any():
        return index
    near = ndi.distance_transform_edt(index < 0, return_distances=False, return_indices=True)
    return index[tuple(near)]
