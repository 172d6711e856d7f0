"""Where the images of lines run: the contrast of a dislocation lies beside its core.

The image of a line in two-beam contrast lies up to a third of the extinction distance to one side
of it (Hirsch, Howie, Nicholson, Pashley & Whelan, *Electron Microscopy of Thin Crystals*, 1965).
A detector can only mark the image, and so do people; the disparity of two views is not changed by
a shift that they share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import ndimage as ndi

from hyperspy_stereo.geometry.triangulation import project
from hyperspy_stereo.simulation.imaging.line_raster import draw_nearest, flag_overlaps
from hyperspy_stereo.simulation.truth import Truth

__all__ = ["ApparentLines", "apparent_lines", "line_maps"]

# What belongs to the image of a line; (px, nm) of which the larger counts.
IMAGE = (1.5, 4.0)  # the blur that makes one image of its dark and bright parts
SLOW = (5.0, 10.0)  # above this size a change is strain
REACH = (6.0, 15.0)  # to either side
ALONG = (3.0, 6.0)  # the length over which dots are evened out
FARTHEST = 16.0  # px, the largest reach
STEP = 0.5  # px, of the offsets that are tried
STRONGEST = 1.5  # of the strength along a line: a strong dot must not pull all of it
HOME = 0.3  # cost of an offset as large as the reach, in shares of the strength
BEND = 2.0  # cost of an offset that changes by a step within 1 px of line
RIDGE = 0.05  # of the fit of one shift to the offsets in all views
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

    In each view the offset of the image along the line's normal is measured: the path beside the
    line along which the change that the lines make to the picture is strongest, as far as no other
    line is nearer, that bends little and keeps near the line where nothing calls it away. Each
    point is then moved by one and the same vector in all views, that which fits these offsets
    best. A vector for each view, along its own normal, would not keep the
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
    strengths = [
        _strength(clean, reference, truth.pixel_size)
        for clean, reference in zip(truth.clean, truth.reference, strict=True)
    ]
    placed = exact + _common_shift(exact, seen, owner, strengths, truth.pixel_size)
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


def _size(of: tuple[float, float], pixel_size: float) -> float:
    """The larger of a length in px and one in nm, px."""
    return max(of[0], of[1] / pixel_size)


def _strength(clean: np.ndarray, reference: np.ndarray, pixel_size: float) -> np.ndarray:
    """How much the lines change the picture, beyond the slow part of strain."""
    slow = _size(SLOW, pixel_size)
    # relative to the surroundings of both: a bright line on dark ground must not saturate
    level = ndi.gaussian_filter(np.maximum(clean, reference), 2 * slow)
    change = (clean - reference) / np.maximum(level, 0.05 * np.median(reference))
    change -= ndi.gaussian_filter(change, slow)
    return np.sqrt(ndi.gaussian_filter(change**2, _size(IMAGE, pixel_size)))


def _common_shift(
    exact: np.ndarray,
    seen: np.ndarray,
    owner: np.ndarray,
    strengths: list[np.ndarray],
    pixel_size: float,
) -> np.ndarray:
    """Shift of each point, (N, 2) px, the same in all views: least squares of the offsets."""
    # the ridge keeps what no view can see, the shift along the line, at 0
    square = np.broadcast_to(RIDGE * np.eye(2), (len(owner), 2, 2)).copy()
    right = np.zeros((len(owner), 2))
    for view, strength in enumerate(strengths):
        offset, normal = _offsets(exact[view], seen[view], owner, strength, pixel_size)
        square += normal[:, :, None] * normal[:, None, :]
        right += offset[:, None] * normal
    return np.linalg.solve(square, right[..., None])[..., 0]


def _offsets(
    xy: np.ndarray, seen: np.ndarray, owner: np.ndarray, strength: np.ndarray, pixel_size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Offset of the image of each point along the normal, and the normal; 0 where not seen."""
    offsets, normals = np.zeros(len(xy)), np.zeros_like(xy)
    nearest = _nearest_line(xy, owner, strength.shape)
    reach = min(_size(REACH, pixel_size), FARTHEST)
    across = np.arange(-reach, reach + STEP / 2, STEP)
    for number in np.unique(owner[seen]):
        part = np.nonzero(owner == number)[0]
        if len(part) < 3:
            continue
        line = xy[part]
        tangent = ndi.gaussian_filter1d(np.gradient(line, axis=0), 3.0, axis=0, mode="nearest")
        length = np.linalg.norm(tangent, axis=1, keepdims=True)
        normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) / np.maximum(length, 1e-6)
        # what lies between the visible parts must not pull them
        profile = _profile(line, normal, across, strength, nearest == number) * seen[part, None]
        spacing = max(float(np.median(np.linalg.norm(np.diff(line, axis=0), axis=1))), 1e-3)
        profile = ndi.gaussian_filter1d(
            profile, _size(ALONG, pixel_size) / spacing, axis=0, mode="nearest"
        )
        path = _strongest_path(profile, across, spacing)
        offsets[part] = ndi.gaussian_filter1d(path, 3.0 / spacing, mode="nearest")
        normals[part] = normal
    return offsets, normals


def _profile(line, normal, across, strength, own) -> np.ndarray:
    """Strength across a line, zero where another line is nearer."""
    where = line[:, None] + across[:, None] * normal[:, None]
    x, y = where[..., 0], where[..., 1]
    height, width = strength.shape
    columns = np.clip(np.rint(x).astype(int), 0, width - 1)
    rows = np.clip(np.rint(y).astype(int), 0, height - 1)
    value = ndi.map_coordinates(strength, [y, x], order=1, mode="nearest")
    return np.where(own[rows, columns], value, 0.0)


def _strongest_path(profile: np.ndarray, across: np.ndarray, spacing: float) -> np.ndarray:
    """Offset at each point of a line, px: strong, near the line, and bending little."""
    usual = np.sqrt(np.mean(profile.max(axis=1) ** 2)) + 1e-9
    gain = np.minimum(profile / usual, STRONGEST) - HOME * (across / across[-1]) ** 2
    return across[_best_path(np.ascontiguousarray(gain) * spacing, BEND / spacing)]


@njit(cache=True)
def _best_path(gain: np.ndarray, bend: float) -> np.ndarray:
    """Index at each of n points, with the largest sum of (n, k) gains less the cost of bends."""
    n, k = gain.shape
    before = np.zeros((n, k), np.int8)
    total = gain[0].copy()
    for i in range(1, n):
        following = np.empty(k)
        for j in range(k):
            best, way = -np.inf, 0
            for move in range(-2, 3):
                if 0 <= j + move < k:
                    value = total[j + move] - bend * move * move
                    if value > best:
                        best, way = value, move
            following[j] = best + gain[i, j]
            before[i, j] = way
        total = following
    path = np.empty(n, np.int64)
    j = int(np.argmax(total))
    for i in range(n - 1, -1, -1):
        path[i] = j
        j += before[i, j]
    return path


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
