"""Points in space and in views: projection, and its inverse by least squares.

Both geometries are linear in (x, y, z), so one pair of (2, 3) matrix and (2,) shift per view
describes them, and triangulation of N points from V views is one small pseudo-inverse.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.incidence import as_incidence, sines, slopes
from hyperspy_stereo.geometry.parallax import check_geometry

__all__ = ["lift", "project", "projection_matrices", "triangulate"]

# Share of a view's displacement that may disagree with its incidence before the two cannot
# belong together (a rotation of 6 degrees, or a wrong view order, is beyond it).
MAX_DISAGREEMENT = 0.1


def projection_matrices(
    incidence: ArrayLike, geometry: str = "tiltless", centre: ArrayLike = (0.0, 0.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices A and shifts t with r = A @ (x, y, z) + t for each view.

    Parameters
    ----------
    incidence : array-like of shape (V, 2)
        mrad, in the frame of the image.
    geometry : {"tiltless", "tilt"}
        "tiltless": r = (x, y) - tan(theta) z. "tilt": parallel projection of the specimen tilted
        by ``|theta|`` towards theta, about an axis through `centre` and z = 0: along theta
        r - c = (r0 - c) cos(theta) - z sin(theta), across it nothing changes.
    centre : (x, y)
        A point of the tilt axis, same unit as the points; without effect for "tiltless".

    Returns
    -------
    matrices : numpy.ndarray
        (V, 2, 3).
    shifts : numpy.ndarray
        (V, 2), unit of the points.

    Examples
    --------
    >>> matrices, shifts = projection_matrices([[100, 0]])
    >>> matrices.round(4)
    array([[[ 1.    ,  0.    , -0.1003],
            [ 0.    ,  1.    , -0.    ]]])
    """
    theta = as_incidence(incidence)
    views = len(theta)
    matrices = np.zeros((views, 2, 3))
    shifts = np.zeros((views, 2))
    if check_geometry(geometry) == "tiltless":
        matrices[:, 0, 0] = matrices[:, 1, 1] = 1
        matrices[:, :, 2] = -slopes(theta)
        return matrices, shifts
    middle = np.asarray(centre, dtype=np.float64)
    tilt = np.linalg.norm(theta, axis=1) / 1000.0
    safe = np.where(tilt > 0, tilt * 1000.0, 1.0)
    towards = theta / safe[:, None]
    shorten = towards[:, :, None] * towards[:, None, :] * (np.cos(tilt) - 1)[:, None, None]
    matrices[:, :, :2] = np.eye(2) + shorten
    matrices[:, :, 2] = -sines(theta)
    shifts = middle - matrices[:, :, :2] @ middle
    return matrices, shifts


def project(
    points: ArrayLike,
    incidence: ArrayLike,
    geometry: str = "tiltless",
    centre: ArrayLike = (0.0, 0.0),
) -> np.ndarray:
    """Where points in space appear in views.

    Parameters
    ----------
    points : array-like of shape (N, 3)
        x, y, z, one unit.
    incidence : array-like of shape (2,) or (V, 2)
        mrad; one view, or several.
    geometry : {"tiltless", "tilt"}
        See :func:`projection_matrices`.
    centre : (x, y)
        A point of the tilt axis, unit of the points.

    Returns
    -------
    numpy.ndarray
        (N, 2) for one incidence (2,), (V, N, 2) for several.

    Raises
    ------
    ValueError
        If `points` is not (N, 3), or the incidences or the geometry are not valid.

    Examples
    --------
    >>> project([[10.0, 20.0, 100.0]], (50.0, 0.0)).round(3)
    array([[ 4.996, 20.   ]])
    """
    xyz = _points_in_space(points)
    matrices, shifts = projection_matrices(incidence, geometry, centre)
    views = np.einsum("vij,nj->vni", matrices, xyz) + shifts[:, None, :]
    return views[0] if np.ndim(incidence) == 1 else views


def triangulate(
    positions: ArrayLike,
    incidence: ArrayLike,
    geometry: str = "tiltless",
    centre: ArrayLike = (0.0, 0.0),
    sigma: float | ArrayLike = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Points in space from their positions in views, by weighted least squares.

    Parameters
    ----------
    positions : array-like of shape (V, N, 2)
        x, y in each view; NaN where a view does not show the point.
    incidence : array-like of shape (V, 2)
        mrad, V >= 2.
    geometry : {"tiltless", "tilt"}
        See :func:`projection_matrices`.
    centre : (x, y)
        A point of the tilt axis, unit of the positions.
    sigma : float or array-like of shape (V,)
        1-sigma of a position along each axis, unit of the positions. Default 1: the result is
        then the error per unit of position error.

    Returns
    -------
    points : numpy.ndarray
        (N, 3); NaN where fewer than two views show the point.
    sigma : numpy.ndarray
        (N, 3), 1-sigma of x, y, z.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, there are fewer than two views, the views look from
        one direction, or a sigma is not positive.

    Examples
    --------
    >>> views = [[50.0, 0.0], [0.0, 30.0], [-50.0, 0.0]]
    >>> points, sigma = triangulate(project([[10.0, 20.0, 100.0]], views), views)
    >>> points.round(6)
    array([[ 10.,  20., 100.]])
    """
    theta = as_incidence(incidence)
    seen = np.asarray(positions, dtype=np.float64)
    if seen.ndim != 3 or seen.shape[2] != 2 or seen.shape[0] != len(theta):
        raise ValueError(
            f"Positions are a (views, points, 2) array with one view per incidence; shape "
            f"{seen.shape} was given with {len(theta)} incidences."
        )
    if len(theta) < 2:
        raise ValueError("Depth needs at least two views; one incidence was given.")
    spread = np.broadcast_to(np.asarray(sigma, dtype=np.float64), (len(theta),))
    if not (spread > 0).all():
        raise ValueError(f"sigma must be positive; {sigma!r} was given.")
    matrices, shifts = projection_matrices(theta, geometry, centre)
    points = np.full((seen.shape[1], 3), np.nan)
    errors = np.full((seen.shape[1], 3), np.nan)
    shown = np.isfinite(seen).all(axis=2)
    # Points seen in the same subset of views share one pseudo-inverse.
    patterns, member = np.unique(shown, axis=1, return_inverse=True)
    for i in range(patterns.shape[1]):
        use = patterns[:, i]
        if use.sum() < 2:
            continue
        inverse = _pseudo_inverse(matrices[use], spread[use])
        which = member.ravel() == i
        offset = (seen[use][:, which] - shifts[use][:, None]).transpose(1, 0, 2)
        points[which] = offset.reshape(len(offset), -1) @ inverse.T
        errors[which] = np.sqrt((inverse**2) @ np.repeat(spread[use] ** 2, 2))
    return points, errors


def lift(
    points: ArrayLike,
    disparity: ArrayLike,
    offsets: ArrayLike,
    incidence: ArrayLike,
    geometry: str = "tiltless",
    centre: ArrayLike = (0.0, 0.0),
    view: int = 0,
) -> tuple[np.ndarray, float]:
    """Points in space from positions in one view and their disparities.

    The disparity says where every other view shows the point, r_u = r_v + (b_u - b_v) d; those
    positions are triangulated. For a symmetric tilt-less pair this is z = d / (2 tan(phi/2)) and
    x = (x_left + x_right) / 2; for a symmetric tilted pair z = d / (2 sin(phi/2)) and
    x - c = ((x_left + x_right)/2 - c) / cos(phi/2).

    Parameters
    ----------
    points : array-like of shape (N, 2)
        x, y in view `view`, px.
    disparity : array-like of shape (N,)
        px, scale of the pair.
    offsets : array-like of shape (V, 2)
        b, px per px of disparity; (-0.5, 0) and (0.5, 0) for a pair.
    incidence : array-like of shape (V, 2)
        mrad, in the frame of the image.
    geometry : {"tiltless", "tilt"}
        See :func:`projection_matrices`.
    centre : (x, y)
        A point of the tilt axis, px.
    view : int
        The view that `points` belong to. Default 0.

    Returns
    -------
    points : numpy.ndarray
        (N, 3), px.
    depth_per_disparity : float
        dz/dd, which also turns the sigma of a disparity into that of the depth.

    Raises
    ------
    ValueError
        If the shapes do not fit, the offsets contradict the incidences, or the views are in
        reversed order (depth would be mirrored).

    Examples
    --------
    >>> b, theta = [[-0.5, 0], [0.5, 0]], [[50.0, 0.0], [-50.0, 0.0]]
    >>> xyz, scale = lift([[10.0, 5.0]], [2.0], b, theta)
    >>> xyz.round(3), round(scale, 4)
    (array([[11.   ,  5.   , 19.983]]), 9.9917)
    """
    theta = as_incidence(incidence)
    b = as_offsets(offsets, len(theta))
    xy = np.asarray(points, dtype=np.float64)
    d = np.asarray(disparity, dtype=np.float64)
    if xy.ndim != 2 or xy.shape[1] != 2 or d.shape != (len(xy),):
        raise ValueError(
            f"Points are (N, 2) and disparities (N,); shapes {xy.shape} and {d.shape} were given."
        )
    if not 0 <= view < len(theta):
        raise ValueError(f"There is no view {view} among {len(theta)} views.")
    matrices, _ = projection_matrices(theta, geometry, centre)
    depth_per_disparity = _depth_per_disparity(matrices, b)
    seen = xy[None] + (b - b[view])[:, None, :] * d[None, :, None]
    return triangulate(seen, theta, geometry, centre)[0], depth_per_disparity


def as_offsets(offsets: ArrayLike | None, views: int) -> np.ndarray:
    """Check the offsets of views (where each shows a feature, px per px of disparity).

    Parameters
    ----------
    offsets : array-like of shape (V, 2), or None
        None is the symmetric pair, (-0.5, 0) and (0.5, 0).
    views : int
        Number of views V.

    Returns
    -------
    numpy.ndarray
        (V, 2), float64.

    Raises
    ------
    ValueError
        If the shape is another one, a number is not finite, or there are none for more than two
        views.
    """
    if offsets is None:
        if views != 2:
            raise ValueError(
                f"{views} views need their offsets: geometry.parallax.view_offsets(incidence)."
            )
        return np.array([[-0.5, 0.0], [0.5, 0.0]])
    b = np.array(offsets, dtype=np.float64)
    if b.shape != (views, 2) or not np.isfinite(b).all():
        raise ValueError(
            f"The offsets of {views} views are a ({views}, 2) array of finite numbers; shape "
            f"{b.shape} was given."
        )
    return b


def _depth_per_disparity(matrices: np.ndarray, offsets: np.ndarray) -> float:
    """dz/dd of a set of views, after checking that the two descriptions agree."""
    displacement = (offsets - offsets.mean(axis=0)).ravel()
    inverse = _pseudo_inverse(matrices, np.ones(len(matrices)))
    step = inverse @ displacement
    explained = matrices.reshape(-1, 3) @ step
    size = np.linalg.norm(displacement)
    if size == 0 or np.linalg.norm(explained - displacement) > MAX_DISAGREEMENT * size:
        raise ValueError(
            "The offsets of the views do not follow from their incidences: parallax must run along "
            "the incidences' difference. Take offsets = geometry.parallax.view_offsets(incidence), "
            "with the incidences in the frame of the (rectified) images."
        )
    if step[2] <= 0:
        raise ValueError(
            "The views are in reversed order: the left view (view 0) is the one with the larger "
            "incidence along the parallax axis. Exchange the incidences or the images; depth "
            "would be mirrored."
        )
    return float(step[2])


def _pseudo_inverse(matrices: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """(3, 2V) weighted inverse of stacked projections; refuses views without parallax."""
    weight = np.repeat(1.0 / sigma, 2)
    stacked = matrices.reshape(-1, 3)
    if np.linalg.svd(stacked, compute_uv=False)[-1] < 1e-7:
        raise ValueError(
            "The views look from the same direction (stereo angle 0): depth cannot be found."
        )
    return np.linalg.pinv(stacked * weight[:, None]) * weight[None, :]


def _points_in_space(points: ArrayLike) -> np.ndarray:
    xyz = np.asarray(points, dtype=np.float64)
    if xyz.ndim != 2 or xyz.shape[1] != 3:
        raise ValueError(f"Points in space are an (N, 3) array of x, y, z; {xyz.shape} was given.")
    return xyz
