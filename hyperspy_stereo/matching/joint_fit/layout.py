"""The unknowns of a fit as one vector, and the polygons in all views that follow from it.

Each line has a block of its own: depth, offset, contrast and asymmetry (spline coefficients), log
of the width, kappa, and the gain of contrast in each view. Beside the lines stand what all of them
share: a shift per view and a small rotation of the direction of parallax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.triangulation import projection_matrices
from hyperspy_stereo.matching.joint_fit.curve_basis import CurveBasis

__all__ = [
    "Layout",
    "ViewGeometry",
    "corners_in_views",
    "layout",
    "view_geometry",
    "widest_parallax",
]


@dataclass(frozen=True, eq=False)
class ViewGeometry:
    """How points of the reference view and their depth appear in the views.

    Attributes
    ----------
    plane : (V, 2, 2) ndarray
        Of x, y in the reference view.
    parallax : (V, 2) ndarray
        px per px of depth.
    offset : (V, 2) ndarray
        px.
    across : (V,) ndarray
        w: incidence across the Kikuchi line relative to the reference, mrad.
    direction : (2,) ndarray
        Unit vector along the parallax axis (the Kikuchi line) in the image.
    """

    plane: np.ndarray
    parallax: np.ndarray
    offset: np.ndarray
    across: np.ndarray
    direction: np.ndarray


def view_geometry(
    incidence: ArrayLike,
    geometry: str = "tiltless",
    *,
    centre: ArrayLike = (0.0, 0.0),
    reference: ArrayLike = (0.0, 0.0),
    parallax_azimuth: float = 0.0,
) -> ViewGeometry:
    """Projection relative to a reference view.

    Parameters
    ----------
    incidence : array-like of shape (V, 2)
        mrad, in the frame of the image.
    geometry : {"tiltless", "tilt"}
        See :func:`hyperspy_stereo.geometry.triangulation.projection_matrices`.
    centre : (x, y)
        A point of the tilt axis, px.
    reference : (theta_x, theta_y)
        Incidence of the view in which x and y of the lines are given, mrad. The default, (0, 0),
        is the frame that ``triangulation.project`` takes.
    parallax_azimuth : float
        Direction of the Kikuchi line in the image, degrees from x towards y. Default 0: views
        are resampled so that parallax runs along rows.

    Returns
    -------
    ViewGeometry

    Raises
    ------
    ValueError
        If incidences or geometry are not valid.

    Examples
    --------
    >>> view_geometry([[50.0, 0.0], [-50.0, 0.0]]).parallax.round(3) + 0.0
    array([[-0.05,  0.  ],
           [ 0.05,  0.  ]])
    """
    base, base_shift = projection_matrices(np.reshape(reference, (1, 2)), geometry, centre)
    matrices, shifts = projection_matrices(incidence, geometry, centre)
    plane = matrices[:, :, :2] @ np.linalg.inv(base[0, :, :2])
    turn = np.deg2rad(parallax_azimuth)
    away = np.asarray(incidence, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    return ViewGeometry(
        plane=plane,
        parallax=matrices[:, :, 2] - plane @ base[0, :, 2],
        offset=shifts - plane @ base_shift[0],
        across=away @ np.array([-np.sin(turn), np.cos(turn)]),
        direction=np.array([np.cos(turn), np.sin(turn)]),
    )


def widest_parallax(seen: ViewGeometry) -> float:
    """Disparity between the outermost views per depth."""
    return float(np.ptp(seen.parallax @ seen.direction))


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the unknowns of each line stand in the vector; L lines, V views.

    Attributes
    ----------
    starts : (L + 1,) int ndarray
        First unknown of each line, and the number of unknowns.
    depth, offset, contrast, asymmetry : list of slice
        Spline coefficients of each line.
    width, kappa : (L,) int ndarray
        Log of the width in px, and kappa in px per mrad.
    gains : (L, V) int ndarray
        Contrast in a view relative to the line's own.
    """

    starts: np.ndarray
    depth: list[slice]
    offset: list[slice]
    contrast: list[slice]
    asymmetry: list[slice]
    width: np.ndarray
    kappa: np.ndarray
    gains: np.ndarray


def layout(basis: CurveBasis, views: int) -> Layout:
    """Lay out the unknowns of all lines.

    Parameters
    ----------
    basis : CurveBasis
        L lines.
    views : int
        Number of views V.

    Returns
    -------
    Layout

    Examples
    --------
    >>> from hyperspy_stereo.matching.joint_fit.curve_basis import curve_basis
    >>> unknowns = layout(curve_basis([[[0.0, 0.0, 1.0], [40.0, 0.0, 5.0]]]), views=2)
    >>> unknowns.starts.tolist(), unknowns.depth, unknowns.gains.tolist()
    ([0, 46], [slice(0, 13, None)], [[44, 45]])
    """
    k, c = basis.knots, basis.contrast_knots
    starts = np.concatenate([[0], np.cumsum(2 * k + 2 * c + 2 + views)])
    begin = starts[:-1]
    edges = np.stack([begin, begin + k, begin + 2 * k, begin + 2 * k + c, begin + 2 * k + 2 * c])
    parts = [
        [slice(int(a), int(b)) for a, b in zip(edges[i], edges[i + 1], strict=True)]
        for i in range(4)
    ]
    return Layout(
        starts=starts,
        depth=parts[0],
        offset=parts[1],
        contrast=parts[2],
        asymmetry=parts[3],
        width=edges[4],
        kappa=edges[4] + 1,
        gains=edges[4][:, None] + 2 + np.arange(views),
    )


def along_lines(basis: CurveBasis, place: Layout, unknowns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Depth, offset, contrast and asymmetry at all vertices.

    Parameters
    ----------
    basis : CurveBasis
        N vertices.
    place : Layout
        Where the unknowns stand.
    unknowns : (P,) ndarray
        The vector.

    Returns
    -------
    depth, offset, contrast, asymmetry : (N,) ndarray
        px, px, and as in ``profile.line_profile``.
    """
    values: list[list[np.ndarray]] = [[], [], [], []]
    for line in range(len(basis)):
        splines = (basis.matrix(line), basis.contrast_matrix(line))
        parts = (place.depth, place.offset, place.contrast, place.asymmetry)
        for k, part in enumerate(parts):
            values[k].append(splines[k // 2] @ unknowns[part[line]])
    return tuple(np.concatenate(v) for v in values)


def corners_in_views(
    basis: CurveBasis,
    views: ViewGeometry,
    depth: np.ndarray,
    offset: np.ndarray,
    kappa: np.ndarray,
    shared: np.ndarray,
) -> np.ndarray:
    """Polygons of all lines in all views.

    Parameters
    ----------
    basis : CurveBasis
        N vertices, L lines.
    views : ViewGeometry
        Of V views.
    depth, offset : (N,) ndarray
        px, at the vertices.
    kappa : (L,) ndarray
        px per mrad.
    shared : (2 V + 1,) ndarray
        Shift of each view (x, y; px), and rotation of the parallax (rad).

    Returns
    -------
    (V, N, 2) ndarray
        x, y in px of each view.
    """
    xy = basis.base + offset[:, None] * basis.normal
    turned = views.parallax + shared[-1] * views.parallax[:, ::-1] * (-1.0, 1.0)
    sideways = np.repeat(kappa, np.diff(basis.starts))[:, None] * basis.normal
    return (
        np.einsum("vij,nj->vni", views.plane, xy)
        + turned[:, None, :] * depth[:, None]
        + views.across[:, None, None] * sideways
        + (views.offset + shared[:-1].reshape(-1, 2))[:, None, :]
    )
