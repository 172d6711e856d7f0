"""What a joint fit returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hyperspy_stereo.matching.joint_fit.layout import along_lines
from hyperspy_stereo.matching.joint_fit.problem import Scene

__all__ = ["FittedCurves", "Projection", "crosses", "positions", "runs_along"]

ALIGNED = 0.35
"""``|n.t|`` below which the views hardly see the depth of a line (t along the parallax)."""
CROSSING = 4.0
"""px within which another line disturbs a profile."""


@dataclass(frozen=True)
class Projection:
    """How incidences were turned into positions; see ``layout.view_geometry``.

    Attributes
    ----------
    geometry : {"tiltless", "tilt"}
        Of the views.
    centre : (float, float)
        A point of the tilt axis, px.
    reference : (float, float)
        Incidence of the view in which x and y of the lines are given, mrad.
    parallax_azimuth : float
        Direction of the Kikuchi line in the image, degrees.
    """

    geometry: str
    centre: tuple[float, float]
    reference: tuple[float, float]
    parallax_azimuth: float


@dataclass(frozen=True, eq=False)
class FittedCurves:
    """Lines fitted to V views; L lines of n_i points each.

    Attributes
    ----------
    lines : list of (n, 3) ndarray
        x and y in px of the reference view, depth z in px, points 1.3 px apart. With the default
        reference this is what ``geometry.triangulation.project`` takes.
    sigma : list of (n,) ndarray
        1-sigma of the depth, px: from the information matrix with everything else marginalised,
        times the root of a reduced chi-square where that is above 1: of the pixels, or of the
        displacements that the residuals ask for, whichever is larger.
    sigma_lateral : list of (n,) ndarray
        1-sigma of the position across the line, px.
    contrast : list of (n,) ndarray
        Share of the background that is missing in the middle of the line; negative if bright.
    asymmetry : list of (n,) ndarray
        Amplitude of the odd part of the profile.
    width : (L,) ndarray
        Standard deviation of the profile, px.
    kappa : (L,) ndarray
        Shift of a line along its normal per incidence across the Kikuchi line, px per mrad.
    gains : (L, V) ndarray
        Contrast in each view relative to ``contrast``.
    chi2 : (L,) ndarray
        Reduced chi-square of the pixels near each line, all views together.
    aligned : list of (n,) bool ndarray
        The line runs along the parallax (``|n.t|`` < 0.35): its depth is hardly seen.
    crossing : list of (n,) bool ndarray
        Another line lies within 4 px in the reference view.
    shifts : (V, 2) ndarray
        Residual shift of each view, px; its mean and what looks like depth are zero by definition.
    shifts_sigma : (V, 2) ndarray
        1-sigma of these, px.
    rotation : float
        Of the direction of parallax against the incidences, rad.
    rotation_sigma : float
        1-sigma of it, rad.
    wander : (float, float)
        Standard deviation of the second difference (knots 4 px apart) of depth and of offset that
        the fit took, px: given, or estimated from the data.
    converged : bool
        Every group of lines came to rest.
    incidence : (V, 2) ndarray
        mrad, as given.
    projection : Projection
        As given.
    scene : Scene
        Splines and pixels, for ``predicted_views``.
    unknowns, shared : ndarray
        All fitted numbers, see ``layout.Layout``.
    """

    lines: list[np.ndarray]
    sigma: list[np.ndarray]
    sigma_lateral: list[np.ndarray]
    contrast: list[np.ndarray]
    asymmetry: list[np.ndarray]
    width: np.ndarray
    kappa: np.ndarray
    gains: np.ndarray
    chi2: np.ndarray
    aligned: list[np.ndarray]
    crossing: list[np.ndarray]
    shifts: np.ndarray
    shifts_sigma: np.ndarray
    rotation: float
    rotation_sigma: float
    wander: tuple[float, float]
    converged: bool
    incidence: np.ndarray
    projection: Projection
    scene: Scene
    unknowns: np.ndarray
    shared: np.ndarray


def positions(scene: Scene, unknowns: np.ndarray) -> list[np.ndarray]:
    """Points of all lines.

    Parameters
    ----------
    scene : Scene
        Of L lines.
    unknowns : (P,) ndarray
        See ``layout.Layout``.

    Returns
    -------
    list of (n, 3) ndarray
        x, y in px of the reference view, and z.
    """
    depth, offset, _, _ = along_lines(scene.basis, scene.place, unknowns)
    xy = scene.basis.base + offset[:, None] * scene.basis.normal
    return np.split(np.column_stack([xy, depth]), scene.basis.starts[1:-1])


def runs_along(line: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Where a line runs along a direction in the image.

    Parameters
    ----------
    line : (n, 3) ndarray
        x, y, z.
    direction : (2,) ndarray
        Unit vector.

    Returns
    -------
    (n,) bool ndarray
        ``|n.t|`` < 0.35 with n the line's normal in the image.

    Examples
    --------
    >>> import numpy as np
    >>> runs_along(np.array([[0.0, 0, 0], [5, 0, 0], [9, 9, 0]]), np.array([1.0, 0])).tolist()
    [True, False, False]
    """
    tangent = np.gradient(line[:, :2], axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-12)[:, None]
    return np.abs(tangent[:, 0] * direction[1] - tangent[:, 1] * direction[0]) < ALIGNED


def crosses(lines: list[np.ndarray]) -> list[np.ndarray]:
    """Where another line is within 4 px in the reference view.

    Parameters
    ----------
    lines : list of (n, 3) ndarray
        x, y, z.

    Returns
    -------
    list of (n,) bool ndarray

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[0.0, 0, 0], [9, 0, 0]])
    >>> [c.tolist() for c in crosses([a, a + (9, 3, 50)])]
    [[False, True], [True, False]]
    """
    trees = [cKDTree(line[:, :2]) for line in lines]
    out = []
    for i, line in enumerate(lines):
        near = np.zeros(len(line), bool)
        for j, tree in enumerate(trees):
            if j != i:
                near |= np.isfinite(tree.query(line[:, :2], distance_upper_bound=CROSSING)[0])
        out.append(near)
    return out
