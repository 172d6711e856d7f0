"""Disparity and depth of a pair, and the offsets of many views.

Two geometries. *tiltless*: one specimen orientation, inclined rays (virtual or segmented
detectors); depth shears the image, ``z = d / (2 tan(phi / 2))``. *tilt*: the specimen is tilted
between two parallel projections; ``z = d / (2 sin(phi / 2))``, and x is foreshortened.

References
----------
L. Agudo Jacome, G. Eggeler, A. Dlouhy, Ultramicroscopy 122 (2012) 48 (stereo STEM of
dislocations); E. Oveisi et al., Scientific Reports 7 (2017) 10630 (tilt-less stereo).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.incidence import (
    as_incidence,
    check_stereo_angle,
    sines,
    slopes,
    stereo_angle,
)

__all__ = [
    "GEOMETRIES",
    "check_geometry",
    "depth_from_disparity",
    "depth_sigma",
    "disparity_from_depth",
    "disparity_per_depth",
    "view_offsets",
]

GEOMETRIES = ("tilt", "tiltless")


def check_geometry(geometry: str) -> str:
    """Return the name of a geometry, or say which two there are.

    Raises
    ------
    ValueError
        If it is neither "tilt" nor "tiltless".
    """
    if geometry not in GEOMETRIES:
        raise ValueError(
            f'geometry must be "tilt" (the specimen was tilted between the images) or "tiltless" '
            f"(one scan, inclined rays); {geometry!r} was given."
        )
    return geometry


def disparity_per_depth(angle: float, geometry: str = "tiltless") -> float:
    """Disparity of a symmetric pair per unit of depth.

    Parameters
    ----------
    angle : float
        Stereo angle phi, degrees.
    geometry : {"tiltless", "tilt"}
        2 tan(phi/2), or 2 sin(phi/2).

    Returns
    -------
    float
        Dimensionless.

    Examples
    --------
    >>> round(disparity_per_depth(10), 6), round(disparity_per_depth(10, "tilt"), 6)
    (0.174977, 0.174311)
    """
    half = np.deg2rad(check_stereo_angle(angle)) / 2
    return float(2 * (np.tan(half) if check_geometry(geometry) == "tiltless" else np.sin(half)))


def depth_from_disparity(
    disparity: ArrayLike, angle: float, geometry: str = "tiltless"
) -> np.ndarray:
    """Depth of a symmetric pair from its disparity d = x_right - x_left.

    Zero disparity is depth 0; nothing is recentred. Only differences of depth are measured: a
    defocus adds a shift that is linear in the incidence, as a depth does.

    Parameters
    ----------
    disparity : array-like
        Any length unit (px, nm).
    angle : float
        Stereo angle, degrees.
    geometry : {"tiltless", "tilt"}
        See :func:`disparity_per_depth`.

    Returns
    -------
    numpy.ndarray
        Depth in the unit of the disparity, growing along the beam.

    Examples
    --------
    >>> float(depth_from_disparity(17.4977, 10).round(3))
    100.0
    """
    return np.asarray(disparity, dtype=np.float64) / disparity_per_depth(angle, geometry)


def disparity_from_depth(depth: ArrayLike, angle: float, geometry: str = "tiltless") -> np.ndarray:
    """Disparity of a symmetric pair from depth; the inverse of :func:`depth_from_disparity`.

    Parameters
    ----------
    depth : array-like
        Any length unit.
    angle : float
        Stereo angle, degrees.
    geometry : {"tiltless", "tilt"}
        See :func:`disparity_per_depth`.

    Returns
    -------
    numpy.ndarray
        In the unit of the depth.

    Examples
    --------
    >>> float(disparity_from_depth(100.0, 10).round(3))
    17.498
    """
    return np.asarray(depth, dtype=np.float64) * disparity_per_depth(angle, geometry)


def depth_sigma(sigma: ArrayLike, angle: float, geometry: str = "tiltless") -> np.ndarray:
    """Standard deviation of the depth from that of the disparity.

    Parameters
    ----------
    sigma : array-like
        1-sigma of the disparity, any length unit, not negative.
    angle : float
        Stereo angle, degrees.
    geometry : {"tiltless", "tilt"}
        See :func:`disparity_per_depth`.

    Returns
    -------
    numpy.ndarray
        In the unit of `sigma`.

    Examples
    --------
    >>> float(depth_sigma(0.5, 10).round(2))
    2.86
    """
    return np.asarray(sigma, dtype=np.float64) / disparity_per_depth(angle, geometry)


def view_offsets(incidence: ArrayLike, geometry: str = "tiltless") -> np.ndarray:
    """Offsets b of views: view v shows a feature at r_mid + b_v * d.

    d is the disparity of a symmetric pair with the stereo angle of the whole set, so that
    ``b_v = -(slope_v - mean slope) / (2 tan(phi/2))``, with sines in place of tangents for tilted
    views. For a symmetric pair along x these are (-0.5, 0) and (0.5, 0).

    Parameters
    ----------
    incidence : array-like of shape (V, 2)
        mrad, in the frame of the images, V >= 2.
    geometry : {"tiltless", "tilt"}
        See :func:`disparity_per_depth`.

    Returns
    -------
    numpy.ndarray
        (V, 2), px of displacement per px of disparity.

    Raises
    ------
    ValueError
        If there are fewer than two views, or all views look from one direction.

    Examples
    --------
    >>> view_offsets([[50, 0], [0, 0], [-50, 0]]).round(6) + 0.0
    array([[-0.5,  0. ],
           [ 0. ,  0. ],
           [ 0.5,  0. ]])
    """
    theta = as_incidence(incidence)
    angle = stereo_angle(theta)
    if angle < 1e-9:
        raise ValueError("All views look from the same direction: there is no parallax to use.")
    per_depth = disparity_per_depth(angle, geometry)
    displacement = slopes(theta) if geometry == "tiltless" else sines(theta)
    return -(displacement - displacement.mean(axis=0)) / per_depth
