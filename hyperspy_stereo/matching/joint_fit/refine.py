"""Depth of matched lines from all views at once: the last step of a reconstruction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import uniform_filter1d

from hyperspy_stereo.geometry.incidence import as_incidence
from hyperspy_stereo.geometry.triangulation import projection_matrices
from hyperspy_stereo.matching.joint_fit.curve_basis import curve_basis
from hyperspy_stereo.matching.joint_fit.error_bars import PointSigns, calibrated_sigma
from hyperspy_stereo.matching.joint_fit.fit import seen_by
from hyperspy_stereo.matching.joint_fit.fitted_curves import ALIGNED, Projection, crosses
from hyperspy_stereo.matching.joint_fit.layout import ViewGeometry, widest_parallax
from hyperspy_stereo.matching.joint_fit.normalise import real_views
from hyperspy_stereo.matching.joint_fit.registration import LineStart, line_start
from hyperspy_stereo.matching.joint_fit.search import BLURS, best_depth
from hyperspy_stereo.matching.joint_fit.strips import (
    SmoothViews,
    flattened,
    measured,
    smooth_views,
    view_rows,
)

__all__ = ["Pattern", "RefinedLines", "counting_noise", "refine_lines"]

SHORTEST_FITTED = 10.0
"""px; a shorter line is too small a pattern to be told from the next one."""
CLOSED = 2.5
"""px between the ends of a line that is closed."""
MARGIN = 4.0
"""px of disparity beyond those of the matches that are tried."""
LEAST_SIGMA = 0.03
"""px of disparity; a start is never believed more than this."""


@dataclass(frozen=True, eq=False)
class RefinedLines:
    """Lines at the depth that all views agree on; L lines of n_i points, those that were given.

    Attributes
    ----------
    lines : list of (n, 3) ndarray
        x, y, z in px, the frame of ``geometry.triangulation.project``. Where a point lies in the
        view it was traced in has not changed.
    sigma : list of (n,) ndarray
        1-sigma of z, px.
    fitted : list of (n,) bool ndarray
        False where the given depth was kept: lines too short to be fitted, points outside of the
        other views, and points for whose new depth the views give no evidence.
    aligned : list of (n,) bool ndarray
        The line runs along the parallax (``|n.t|`` < 0.35): only its dots tell the depth.
    crossing : list of (n,) bool ndarray
        Another line lies within 4 px where they were traced.
    chi2 : (L,) ndarray
        Variance of what the views do not share over that of the counting noise; NaN if not fitted.
    patterns : list of Pattern or None
        What each line looks like, for ``residual_maps``; None if it was not fitted.
    projection : Projection
        Geometry and frame of the patterns.
    """

    lines: list[np.ndarray]
    sigma: list[np.ndarray]
    fitted: list[np.ndarray]
    aligned: list[np.ndarray]
    crossing: list[np.ndarray]
    chi2: np.ndarray
    patterns: list[Pattern | None]
    projection: Projection


@dataclass(frozen=True, eq=False)
class Pattern:
    """What a line looks like in all views; n points along it, D across.

    Attributes
    ----------
    base, normal : (n, 2) ndarray
        Points in the view they were traced in, px, and unit normals.
    depth : (n,) ndarray
        px.
    spacing : float
        px between the points.
    profile : (R, n, D) ndarray
        Of each of R rows of views, relative to the background; columns 1 px apart.
    across : (R,) ndarray
        Incidence of each row across the Kikuchi line relative to the view of `base`, mrad.
    """

    base: np.ndarray
    normal: np.ndarray
    depth: np.ndarray
    spacing: float
    profile: np.ndarray
    across: np.ndarray


def refine_lines(
    views: ArrayLike,
    incidence: ArrayLike,
    lines: Sequence[ArrayLike],
    sigma: Sequence[ArrayLike],
    *,
    geometry: str = "tiltless",
    centre: tuple[float, float] | None = None,
    parallax_azimuth: float = 0.0,
    reference: tuple[float, float] | None = None,
) -> RefinedLines:
    """Refine the depth of matched lines by all views at once.

    The image of a line is whatever the views share: nothing is assumed about its profile (see
    :mod:`~hyperspy_stereo.matching.joint_fit.free_profile`). The start is believed within its
    sigma, and kept where the views give no evidence against it.

    Parameters
    ----------
    views : array-like of shape (V, H, W)
        Real images of any scale, V >= 2; NaN where there is no datum.
    incidence : array-like of shape (V, 2)
        mrad, in the frame of the image.
    lines : sequence of (n, 3) array-like
        x, y, z in px from the matcher, in order along each line; a disparity within 3 px.
    sigma : sequence of (n,) array-like
        1-sigma of z, px.
    geometry : {"tiltless", "tilt"}
        See :func:`hyperspy_stereo.geometry.triangulation.projection_matrices`.
    centre : (x, y), optional
        A point of the tilt axis, px. Default the middle of the image; no effect for "tiltless".
    parallax_azimuth : float
        Direction of the Kikuchi line in the image, degrees. Default 0: along rows.
    reference : (theta_x, theta_y), optional
        Incidence of the view that the lines were traced in, mrad: there they stay in place when
        their depth changes. Default: the first of `incidence`.

    Returns
    -------
    RefinedLines

    Raises
    ------
    TypeError
        If views are complex, or `lines` is one array.
    ValueError
        If shapes do not fit, no view is displaced along the parallax, or a view is empty.

    References
    ----------
    B. D. Lucas, T. Kanade, Proc. IJCAI (1981) 674; B. Triggs et al., Bundle adjustment - a modern
    synthesis, LNCS 1883 (2000) 298.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.geometry import incidence_pair
    >>> y, x = np.mgrid[:48, :48]
    >>> disparity = incidence_pair(8)[0, 0] / 1000 * 10
    >>> views = [100 - 30 * np.exp(-0.5 * ((x - 24 + s * disparity) / 2) ** 2) for s in (1, -1)]
    >>> noise = np.random.default_rng(0).normal(size=(2, 48, 48))
    >>> line = [[23.3, y, 8.0] for y in range(6, 43)]
    >>> found = refine_lines(views + noise, incidence_pair(8), [line], [np.full(37, 3.0)])
    >>> bool(np.abs(found.lines[0][:, 2] - 10).max() < 1)
    True
    """
    theta = as_incidence(incidence)
    images = real_views(views, len(theta))
    points, spread = _checked(lines, sigma)
    shape = images.shape[1:]
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2) if centre is None else centre
    traced = theta[:1] if reference is None else as_incidence([reference])
    projection = Projection(geometry, tuple(middle), tuple(traced[0]), float(parallax_azimuth))
    seen = seen_by(theta, projection)
    there, flat = measured(images), flattened(images)
    stack = [smooth_views(flat, there, seen, blur) for blur, _ in BLURS]
    first = projection_matrices(traced, geometry, middle)
    in_view = [_to_view(line, *first) for line in points]
    scene = _Scene(stack, seen, geometry, counting_noise(flat, there), _span(in_view, seen))
    aligned = [_sine(line, seen.direction) for line in in_view]
    crossing = crosses(in_view) if in_view else []
    given = zip(in_view, spread, aligned, crossing, strict=True)
    out = [_refined(scene, *line) for line in given]
    return RefinedLines(
        lines=[_from_view(line, new[0], *first) for line, new in zip(in_view, out, strict=True)],
        sigma=[part[1] for part in out],
        fitted=[part[2] for part in out],
        aligned=[sine < ALIGNED for sine in aligned],
        crossing=crossing,
        chi2=np.array([part[3] for part in out]),
        patterns=[part[4] for part in out],
        projection=projection,
    )


@dataclass(frozen=True, eq=False)
class _Scene:
    """What all lines share."""

    stack: list[SmoothViews]
    seen: ViewGeometry
    geometry: str
    counting: float
    span: tuple[float, float]

    @property
    def kind(self) -> str:
        """Of the calibration of sigma."""
        many = self.geometry == "tiltless" and len(self.seen.across) > 2
        return "many views" if many else self.geometry

    @property
    def per_depth(self) -> float:
        """Disparity of the outermost views per depth."""
        return widest_parallax(self.seen)


def _refined(scene: _Scene, line, given, sine, crossing):
    """Depth, sigma, whether they are new, chi-square and pattern of one line."""
    if len(line) < 2 or _length(line) < SHORTEST_FITTED:
        return line[:, 2], given, np.zeros(len(line), bool), np.nan, None
    start = _start(line, np.maximum(given, LEAST_SIGMA / scene.per_depth), scene.per_depth)
    best = best_depth(scene.stack, scene.seen, start, scene.span)
    fit = best.fit
    vertices, at = np.linspace(0.0, 1.0, len(start.base)), _fractions(line)
    new, error, apart, misfit = (
        np.interp(at, vertices, x)
        for x in (fit.depth, fit.sigma, best.apart, fit.comparison.noise / scene.counting)
    )
    fitted = np.interp(at, vertices, best.supported.astype(float)) > 0.5
    lengths = (scene.per_depth * x for x in (error, given, np.abs(new - line[:, 2]), apart))
    sigma = calibrated_sigma(PointSigns(*lengths, misfit, sine, crossing), scene.kind)
    depth = np.where(fitted, new, line[:, 2])
    sigma = np.where(fitted, sigma / scene.per_depth, given)
    rows = view_rows(scene.seen)
    across = np.array([scene.seen.across[rows == row].mean() for row in range(rows.max() + 1)])
    profile = fit.comparison.profile
    pattern = Pattern(start.base, start.normal, fit.depth, start.spacing, profile, across)
    return depth, sigma, fitted, float(np.median(misfit) ** 2), pattern


def _checked(lines, sigma) -> tuple[list[np.ndarray], list[np.ndarray]]:
    if isinstance(lines, np.ndarray) and lines.ndim == 2:
        raise TypeError("`lines` is a list of (n, 3) lines; for a single line give [line].")
    points = [np.asarray(line, dtype=np.float64) for line in lines]
    spread = [np.asarray(one, dtype=np.float64) for one in sigma]
    if len(points) != len(spread):
        raise ValueError(
            f"{len(points)} lines came with {len(spread)} arrays of sigma; each line needs one."
        )
    for i, (line, error) in enumerate(zip(points, spread, strict=True)):
        if line.ndim != 2 or line.shape[1] != 3 or error.shape != line.shape[:1]:
            raise ValueError(
                f"Line {i} is an (n, 3) array of x, y, z in px with n sigmas; shapes {line.shape} "
                f"and {error.shape} were given."
            )
        if not (np.isfinite(line).all() and np.isfinite(error).all()):
            raise ValueError(f"Line {i} holds NaN or infinite values: leave such points out.")
    return points, spread


def _to_view(points: np.ndarray, matrix: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """x, y in the view that lines were traced in, and z."""
    return np.column_stack([points @ matrix[0].T + shift[0], points[:, 2]])


def _from_view(line: np.ndarray, depth: np.ndarray, matrix, shift) -> np.ndarray:
    """x, y, z of points that stay where they were traced."""
    xy = line[:, :2] - depth[:, None] * matrix[0, :, 2] - shift[0]
    return np.column_stack([xy @ np.linalg.inv(matrix[0, :, :2]).T, depth])


def _length(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line[:, :2], axis=0).T).sum())


def _start(line: np.ndarray, sigma: np.ndarray, per_depth: float) -> LineStart:
    """Base, splines and start of one line in the view it was traced in."""
    basis = curve_basis([line])
    vertices = np.linspace(0.0, 1.0, len(basis.base))
    closed = np.hypot(*(line[0] - line[-1])[:2]) < CLOSED and _length(line) > 20
    spread = np.interp(vertices, _fractions(line), sigma)
    return line_start(basis, 0, spread, bool(closed), per_depth)


def _fractions(line: np.ndarray) -> np.ndarray:
    """Arc length from 0 to 1 at the points of a line."""
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line[:, :2], axis=0).T))])
    return arc / arc[-1]


def _span(in_view: list[np.ndarray], seen: ViewGeometry) -> tuple[float, float]:
    """Disparities of all lines, but for the outermost matches, with a margin."""
    if not in_view:
        return 0.0, 0.0
    low, high = np.quantile(np.concatenate(in_view)[:, 2], [0.02, 0.98]) * widest_parallax(seen)
    return float(low) - MARGIN, float(high) + MARGIN


def _sine(line: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Sine of the angle between a line and the parallax; over 5 points, as masks have steps."""
    if len(line) < 2:
        return np.ones(len(line))
    smooth = uniform_filter1d(line[:, :2], 5, axis=0, mode="nearest")
    tangent = np.gradient(smooth, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-12)[:, None]
    return np.abs(tangent[:, 0] * direction[1] - tangent[:, 1] * direction[0])


def counting_noise(
    flat: np.ndarray, there: np.ndarray | None = None, blur: float = BLURS[-1][0]
) -> float:
    """Standard deviation that white noise leaves in smoothed views, relative to their level.

    Second differences along both axes are blind to lines; see ``normalise.counting_variance``.

    Parameters
    ----------
    flat : (V, H, W) ndarray
        As from ``strips.flattened``.
    there : (V, H, W) bool ndarray, optional
        Pixels that count. Default: all.
    blur : float
        Of the Gaussian, px.

    Returns
    -------
    float
        Root mean square over the views.
    """
    rough = np.diff(np.diff(flat, n=2, axis=1), n=2, axis=2)
    use = np.ones(rough.shape, bool) if there is None else there[:, 1:-1, 1:-1]
    sizes = [np.median(np.abs(r[u] if u.any() else r)) for r, u in zip(rough, use, strict=True)]
    spread = np.array(sizes) * 1.4826 / 6.0
    reach = np.arange(-8, 9)
    kernel = np.exp(-0.5 * (reach / blur) ** 2)
    kernel /= kernel.sum()
    return max(float(np.sqrt(np.mean(spread**2)) * np.sum(kernel**2)), 1e-6)
