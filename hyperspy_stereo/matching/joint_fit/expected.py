"""What depth error to expect before anything is recorded: the Cramer-Rao bound of given lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.incidence import as_incidence, incidence_pair
from hyperspy_stereo.geometry.parallax import disparity_per_depth
from hyperspy_stereo.matching.joint_fit.curve_basis import curve_basis
from hyperspy_stereo.matching.joint_fit.fit import (
    SHIFT_SIGMA,
    WANDER,
    depth_spread,
    nearby,
    seen_by,
)
from hyperspy_stereo.matching.joint_fit.fitted_curves import ALIGNED, Projection
from hyperspy_stereo.matching.joint_fit.layout import layout
from hyperspy_stereo.matching.joint_fit.prior import line_priors, start_values
from hyperspy_stereo.matching.joint_fit.problem import (
    PADDING,
    Scene,
    equations,
    support_of,
    transmittance,
)
from hyperspy_stereo.matching.joint_fit.registration import BEND
from hyperspy_stereo.matching.joint_fit.solver import covariances, shared_prior

__all__ = ["expected_depth_sigma", "expected_sigma"]

LENGTH = 60.0
"""px; the ends of a line of this length matter little for its middle half."""


def expected_depth_sigma(
    dose: float,
    stereo_angle: float,
    *,
    contrast: float = 0.3,
    width: float = 2.0,
    n_views: int = 2,
    azimuth: float = 90.0,
    pixel_size: float = 1.0,
    geometry: str = "tiltless",
) -> float:
    """Depth error that counting noise leaves along an isolated line, before anything is recorded.

    With it an exposure, a stereo angle or a number of views can be chosen. Errors that no dose
    removes come on top: contrast that differs between the views, neighbours, wrong matches.

    Parameters
    ----------
    dose : float
        Counts per pixel of each view, in the background.
    stereo_angle : float
        Between the outermost views, degrees.
    contrast : float
        Share of the background that is missing in the middle of the line. Default 0.3.
    width : float
        Standard deviation of the line's profile, px; 0.42 of its full width at half maximum.
        Default 2.
    n_views : int
        Evenly spaced, 2 or more. Default 2.
    azimuth : float
        Angle between the line and the parallax, degrees. Default 90, where depth is seen best.
    pixel_size : float
        Unit of length per px. Default 1: the error comes in px.
    geometry : {"tiltless", "tilt"}
        See :func:`hyperspy_stereo.geometry.triangulation.projection_matrices`.

    Returns
    -------
    float
        1-sigma of the depth of a point of the line, unit of `pixel_size`.

    Raises
    ------
    ValueError
        If the dose, the angle, the contrast, the width or the pixel size is not positive, there is
        one view, or the line runs along the parallax.

    Examples
    --------
    >>> from hyperspy_stereo.matching.joint_fit import expected_depth_sigma
    >>> 1.6 < expected_depth_sigma(250, 6) / expected_depth_sigma(1000, 6) < 2.1
    True
    """
    for name, value in (("dose", dose), ("contrast", contrast), ("width", width)):
        if not value > 0:
            raise ValueError(f"`{name}` must be positive; {value!r} was given.")
    if not pixel_size > 0 or n_views < 2:
        raise ValueError(
            f"Depth needs two views or more and a positive pixel size; n_views={n_views!r} and "
            f"pixel_size={pixel_size!r} were given."
        )
    along = np.array([np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))])
    if abs(along[1]) < ALIGNED:
        raise ValueError(
            f"azimuth={azimuth:g} degrees: the line runs along the parallax, and its depth is seen "
            "by the dots of its image only. Turn the pair, or take a line across it."
        )
    side = int(LENGTH + 12 * width + 20)
    points = side / 2 + np.linspace(-LENGTH / 2, LENGTH / 2, 61)[:, None] * along
    outer = incidence_pair(stereo_angle)
    theta = outer[1] + np.linspace(1.0, 0.0, n_views)[:, None] * (outer[0] - outer[1])
    per_depth = disparity_per_depth(stereo_angle, geometry)
    sigma = expected_sigma(
        [np.column_stack([points, np.zeros(61)])],
        theta,
        dose**-0.5,
        (side, side),
        contrast=contrast,
        width=width,
        geometry=geometry,
        wander=(BEND / per_depth, 0.1),
        shift_sigma=0.0,
    )[0]
    return float(np.sqrt(np.mean(sigma[15:46] ** 2))) * pixel_size


def expected_sigma(
    curves: Sequence[ArrayLike],
    incidence: ArrayLike,
    noise: float | ArrayLike,
    shape: tuple[int, int],
    *,
    contrast: float = 0.3,
    width: float = 2.0,
    geometry: str = "tiltless",
    centre: tuple[float, float] | None = None,
    reference: tuple[float, float] = (0.0, 0.0),
    parallax_azimuth: float = 0.0,
    wander: tuple[float, float] = WANDER,
    shift_sigma: float | None = None,
    rotation_sigma: float = 0.0,
) -> list[np.ndarray]:
    """Depth error of lines that a fit reaches at best, without data.

    The information matrix of :func:`fit_curves` at the given lines, inverted: with it an exposure,
    a stereo angle or a number of views can be chosen before the experiment.

    Parameters
    ----------
    curves : sequence of (n, 3) array-like
        x, y (px of the reference view) and z (px).
    incidence : array-like of shape (V, 2)
        mrad.
    noise : float, (V,) or (V, H, W) array-like
        Standard deviation of a pixel of the background, relative to it: 1 / sqrt(counts). In the
        dark of a line counting noise is taken smaller by the root of the transmittance.
    shape : (int, int)
        Height and width of the views.
    contrast : float
        Default 0.3, a line of middling contrast.
    width : float
        Standard deviation of the profile, px. Default 2.
    wander : (float, float)
        As in ``fit_curves``; default (0.3, 0.1) px. A fit that estimates it gives ``.wander``.
    geometry, centre, reference, parallax_azimuth, shift_sigma, rotation_sigma
        As in ``fit_curves``.

    Returns
    -------
    list of (n,) ndarray
        1-sigma of the depth at the given points, px.

    Raises
    ------
    ValueError
        If shapes do not fit, a noise is not positive, or there is no parallax.

    References
    ----------
    S. M. Kay, Fundamentals of Statistical Signal Processing: Estimation Theory (1993), ch. 3.

    Examples
    --------
    >>> from hyperspy_stereo.geometry import incidence_pair
    >>> line = [[24, 4, 0.0], [24, 44, 0.0]]
    >>> low, high = (expected_sigma([line], incidence_pair(6), n, (48, 48)) for n in (0.1, 0.05))
    >>> bool(low[0][0] > high[0][0])
    True
    """
    theta = as_incidence(incidence)
    if not np.all(np.asarray(noise, dtype=np.float64) > 0):
        raise ValueError(
            "`noise` is the standard deviation of a pixel over its mean, above 0: 1 / sqrt(counts)."
        )
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2) if centre is None else centre
    projection = Projection(geometry, tuple(middle), tuple(reference), float(parallax_azimuth))
    seen = seen_by(theta, projection)
    basis = curve_basis(curves)
    flat = np.ones((len(theta), len(basis.base)))
    scene = Scene(basis, layout(basis, len(theta)), seen, shape, flat)
    unknowns = start_values(basis, scene.place, width)
    prior = line_priors(basis, scene.place, unknowns, wander)
    for part in scene.place.contrast:
        unknowns[part] = contrast
    shared = np.zeros(2 * len(theta) + 1)
    slack = SHIFT_SIGMA[geometry] if shift_sigma is None else shift_sigma
    common = shared_prior(seen, slack, rotation_sigma)
    support = support_of(scene, nearby(scene, unknowns, shared, PADDING))
    model = transmittance(scene, unknowns, shared)
    spread = np.asarray(noise, dtype=np.float64)
    variance = (spread[:, None, None] if spread.ndim == 1 else spread) ** 2 * model
    weight = support.used.reshape(model.shape) / variance
    at = equations(scene, support, model, weight, unknowns, shared)
    blocks, _ = covariances(scene, support, at, prior, common)
    return [
        _at_points(np.asarray(curve, dtype=np.float64), depth_spread(scene, line, blocks[line]))
        for line, curve in enumerate(curves)
    ]


def _at_points(points: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """From the evenly spaced vertices to the given points."""
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))])
    return np.interp(arc / arc[-1], np.linspace(0.0, 1.0, len(sigma)), sigma)
