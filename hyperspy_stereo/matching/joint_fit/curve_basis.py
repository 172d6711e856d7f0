"""Start lines as smooth base curves with splines of depth, offset and contrast along them.

A curve is a base line in the reference view, sampled about every 1.3 px, plus what is fitted:
its depth z(s), its offset u(s) along the normal of the base line, and its contrast, all cubic
B-splines of the arc length s. A shift along the line is no unknown: it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline
from scipy.ndimage import gaussian_filter1d

__all__ = ["CurveBasis", "curve_basis", "second_differences"]

KNOT_SPACING = 4.0
"""px between knots of depth and offset; those of contrast lie twice as far apart."""
VERTICES = 3
"""Sides of the polygon per knot interval: 1.3 px; its sagitta is 0.01 px at 20 px radius."""
SHORTEST = 6.0
"""px; a shorter line has fewer data than unknowns."""
BASE_SMOOTHING = 3.0
"""px; a matcher's steps of half a pixel disappear, bends of more than 10 px radius stay."""


@dataclass(frozen=True, eq=False)
class CurveBasis:
    """Base curves of a scene and the splines on them; N vertices and L lines in all.

    Attributes
    ----------
    base, normal : (N, 2) ndarray
        x, y in px of the reference view, and the unit normal (-t_y, t_x) of the tangent t.
    starts : (L + 1,) int ndarray
        First vertex of each line, and N.
    knots : (L,) int ndarray
        Number of spline coefficients of depth, and of offset.
    contrast_knots : (L,) int ndarray
        Number of spline coefficients of contrast, and of asymmetry.
    first, contrast_first : (N,) int ndarray
        First of the four coefficients that count between a vertex and the next.
    weights, contrast_weights : (N, 2, 4) ndarray
        Their weights at this vertex and at the next.
    depth : list of ndarray
        Coefficients of depth of each start line, px.
    spacing : (L,) ndarray
        Arc length between two knots, px.
    """

    base: np.ndarray
    normal: np.ndarray
    starts: np.ndarray
    knots: np.ndarray
    contrast_knots: np.ndarray
    first: np.ndarray
    contrast_first: np.ndarray
    weights: np.ndarray
    contrast_weights: np.ndarray
    depth: list[np.ndarray]
    spacing: np.ndarray

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.knots)

    def matrix(self, line: int) -> np.ndarray:
        """(n, K) values of the splines of depth at the vertices of a line."""
        return _dense(self.knots[line] - 3)[0]

    def contrast_matrix(self, line: int) -> np.ndarray:
        """(n, C) values of the splines of contrast at the vertices of a line."""
        intervals = self.knots[line] - 3
        return _coarse(intervals)


def curve_basis(start: Sequence[ArrayLike]) -> CurveBasis:
    """Base curves and splines from start lines.

    Parameters
    ----------
    start : sequence of (n, 3) array-like
        x, y, z of consecutive points in px, at any spacing; gaps are bridged straight.

    Returns
    -------
    CurveBasis

    Raises
    ------
    TypeError
        If the lines are one array rather than a list of them.
    ValueError
        If there is no line, one is not (n, 3), holds NaN, or is shorter than 6 px in the image.

    Examples
    --------
    >>> basis = curve_basis([[[0.0, 0.0, 1.0], [40.0, 0.0, 5.0]]])
    >>> basis.knots.tolist(), len(basis.base), float(basis.spacing[0])
    ([13], 31, 4.0)
    """
    if isinstance(start, np.ndarray) and start.ndim == 2:
        raise TypeError("`start` is a list of (n, 3) lines; for a single line give [line].")
    lines = [_checked(line, i) for i, line in enumerate(start)]
    if not lines:
        raise ValueError("There are no lines to fit: `start` is empty. Match the views first.")
    parts = [_one_curve(line) for line in lines]
    sizes = [len(part[0]) for part in parts]
    tables = [_tables(len(part[2]) - 3) for part in parts]
    first, weights, contrast_first, contrast_weights = (
        np.concatenate([t[k] for t in tables]) for k in range(4)
    )
    knots = np.array([len(part[2]) for part in parts])
    return CurveBasis(
        base=np.concatenate([part[0] for part in parts]),
        normal=np.concatenate([part[1] for part in parts]),
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        knots=knots,
        contrast_knots=(knots - 3) // 2 + 3,
        first=first,
        contrast_first=contrast_first,
        weights=weights,
        contrast_weights=contrast_weights,
        depth=[part[2] for part in parts],
        spacing=np.array([part[3] for part in parts]),
    )


def second_differences(number: int) -> np.ndarray:
    """Matrix of second differences.

    Parameters
    ----------
    number : int
        Number of coefficients, at least 3.

    Returns
    -------
    (number - 2, number) ndarray

    Examples
    --------
    >>> second_differences(4).tolist()
    [[1.0, -2.0, 1.0, 0.0], [0.0, 1.0, -2.0, 1.0]]
    """
    return np.diff(np.eye(number), n=2, axis=0)


def _checked(line: ArrayLike, index: int) -> np.ndarray:
    points = np.asarray(line, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2:
        raise ValueError(
            f"Start line {index} has shape {points.shape}; a line is an (n, 3) array of x, y, z "
            "in px with at least two points."
        )
    if not np.isfinite(points).all():
        raise ValueError(
            f"Start line {index} holds NaN or infinite coordinates: leave out points without a "
            "match; the gap is bridged."
        )
    steps = np.hypot(*np.diff(points[:, :2], axis=0).T)
    if steps.sum() < SHORTEST:
        raise ValueError(
            f"Start line {index} is {steps.sum():.1f} px long in the image; the fit needs "
            f"{SHORTEST:g} px. Leave it out, or join it to its neighbour."
        )
    return points[np.concatenate([[True], steps > 1e-6])]


def _one_curve(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Vertices, normals, coefficients of depth and knot spacing of one line."""
    even, z = _even(points, 1.0)
    sigma = min(BASE_SMOOTHING, (len(even) - 1) / 8)
    smooth = _smoothed(even, sigma)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(smooth, axis=0).T))])
    intervals = 2 * max(round(arc[-1] / (2 * KNOT_SPACING)), 1)
    at = np.linspace(0.0, arc[-1], VERTICES * intervals + 1)
    xy = np.column_stack([np.interp(at, arc, smooth[:, k]) for k in range(2)])
    # Interpolation between samples leaves corners of its own: the tangent is that of the samples.
    tangent = np.gradient(smooth, arc, axis=0)
    tangent = np.column_stack([np.interp(at, arc, tangent[:, k]) for k in range(2)])
    tangent /= np.hypot(*tangent.T)[:, None]
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    depth = _robust_spline(arc / arc[-1] * intervals, z, intervals)
    return xy, normal, depth, arc[-1] / intervals


def _even(points: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """x, y and z at even distances in the image."""
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))])
    at = np.linspace(0.0, arc[-1], max(round(arc[-1] / step), 6) + 1)
    x, y, z = (np.interp(at, arc, points[:, k]) for k in range(3))
    return np.column_stack([x, y]), z


def _smoothed(xy: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian along the line; mirrored through the ends, so that they stay where they are."""
    pad = min(int(4 * sigma) + 1, len(xy) - 1)
    before = 2 * xy[0] - xy[pad:0:-1]
    after = 2 * xy[-1] - xy[-2 : -pad - 2 : -1]
    padded = np.concatenate([before, xy, after])
    return gaussian_filter1d(padded, sigma, axis=0, mode="nearest")[pad : pad + len(xy)]


def _robust_spline(at: np.ndarray, values: np.ndarray, intervals: int) -> np.ndarray:
    """Coefficients of a stiff spline through values of which some are far off.

    Weights 1 / (1 + (r / 3 px)^2) (Cauchy) take the jumps of a matcher out; the stiffness lets
    depth bend over about 20 px.
    """
    basis = _dense_at(at, intervals)
    bend = second_differences(intervals + 3)
    stiff = 10.0 * bend.T @ bend
    weight = np.ones(len(at))
    for _ in range(6):
        normal = basis.T @ (weight[:, None] * basis) + stiff + 1e-9 * np.eye(len(stiff))
        coefficients = np.linalg.solve(normal, basis.T @ (weight * values))
        weight = 1.0 / (1.0 + ((values - basis @ coefficients) / 3.0) ** 2)
    return coefficients


def _dense_at(at: np.ndarray, intervals: int) -> np.ndarray:
    knots = np.arange(-3.0, intervals + 4.0)
    inside = np.clip(at, 0.0, intervals - 1e-12)
    return BSpline.design_matrix(inside, knots, 3).toarray()


@lru_cache(maxsize=512)
def _coarse(intervals: int) -> np.ndarray:
    """Values of the splines of contrast, which have half as many intervals, at the vertices."""
    return _dense_at(np.arange(VERTICES * intervals + 1) / (2 * VERTICES), intervals // 2)


@lru_cache(maxsize=512)
def _dense(intervals: int) -> tuple[np.ndarray, np.ndarray]:
    """Values at the vertices, and where each vertex lies in units of knot intervals."""
    at = np.arange(VERTICES * intervals + 1) / VERTICES
    return _dense_at(at, intervals), at


def _tables(intervals: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """First coefficient and weights at both ends of each side, of depth and of contrast."""
    values, at = _dense(intervals)
    out = []
    for dense, where, count in (
        (values, at, intervals),
        (_coarse(intervals), at / 2, intervals // 2),
    ):
        # A side never crosses a knot, so that both its ends share four coefficients.
        first = np.minimum(np.floor(where + 1e-9).astype(np.int64), count - 1)
        columns = first[:, None] + np.arange(4)
        following = np.minimum(np.arange(len(at)) + 1, len(at) - 1)
        here = np.take_along_axis(dense, columns, axis=1)
        there = np.take_along_axis(dense[following], columns, axis=1)
        out += [first, np.stack([here, there], axis=1)]
    return out[0], out[1], out[2], out[3]
