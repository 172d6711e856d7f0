"""Incidences of views: the inclination of a view's rays, as angles (theta_x, theta_y) in mrad.

Axes: x to the right and y down in the image, z along the beam. A feature at (x, y, z) appears in
a tilt-less view at ``r - slope * z`` with ``slope = tan(theta)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "as_incidence",
    "incidence_from_slopes",
    "incidence_pair",
    "rotate_incidence",
    "sines",
    "slopes",
    "stereo_angle",
]

# A view at right angles to the beam (1571 mrad) shows no parallax that could be used; what lies
# beyond this is most likely given in another unit.
MAX_MRAD = 1500.0


def as_incidence(incidence: ArrayLike) -> np.ndarray:
    """Check incidences and return them as a (V, 2) float64 array.

    Parameters
    ----------
    incidence : array-like of shape (V, 2) or (2,)
        theta_x, theta_y in mrad.

    Returns
    -------
    numpy.ndarray
        (V, 2), mrad.

    Raises
    ------
    ValueError
        If the shape is another one, or an angle is not finite or beyond 1500 mrad.
    TypeError
        If they are not numbers, or not two for every view.

    Examples
    --------
    >>> as_incidence((50, 0))
    array([[50.,  0.]])
    """
    try:
        out = np.array(incidence, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            "Incidences are numbers, theta_x, theta_y in mrad for each view, such as "
            f"[(50, 0), (-50, 0)]; {incidence!r} was given."
        ) from None
    if out.ndim == 1 and out.shape == (2,):
        out = out[None]
    if out.ndim != 2 or out.shape[1] != 2:
        raise ValueError(
            "Incidences are (views, 2) arrays of theta_x, theta_y in mrad; an array of shape "
            f"{out.shape} was given."
        )
    if not np.isfinite(out).all():
        raise ValueError("The incidences hold numbers that are not finite (NaN or infinity).")
    if np.abs(out).max(initial=0.0) > MAX_MRAD:
        raise ValueError(
            f"An incidence of {np.abs(out).max():.4g} mrad is no view through a foil: the unit is "
            "mrad (1 degree = 17.45 mrad)."
        )
    return out


def slopes(incidence: ArrayLike) -> np.ndarray:
    """Slopes tan(theta) of incidences.

    Parameters
    ----------
    incidence : array-like of shape (V, 2) or (2,)
        mrad.

    Returns
    -------
    numpy.ndarray
        (V, 2), displacement in the image per unit of depth (dimensionless).

    Examples
    --------
    >>> slopes([[100.0, 0.0]]).round(6)
    array([[0.100335, 0.      ]])
    """
    return np.tan(as_incidence(incidence) / 1000.0)


def sines(incidence: ArrayLike) -> np.ndarray:
    """Displacement in a tilted view per unit of depth: sin(theta) towards theta.

    Parameters
    ----------
    incidence : array-like of shape (V, 2) or (2,)
        Tilts, mrad.

    Returns
    -------
    numpy.ndarray
        (V, 2), dimensionless.

    Examples
    --------
    >>> sines([[100.0, 0.0]]).round(6)
    array([[0.099833, 0.      ]])
    """
    theta = as_incidence(incidence)
    tilt = np.linalg.norm(theta, axis=1, keepdims=True) / 1000.0
    # sinc keeps the limit at zero tilt: sin(t) / t = 1.
    return theta / 1000.0 * np.sinc(tilt / np.pi)


def incidence_from_slopes(slope: ArrayLike) -> np.ndarray:
    """Incidences (mrad) of slopes; the inverse of :func:`slopes`.

    Parameters
    ----------
    slope : array-like of shape (V, 2) or (2,)
        tan(theta).

    Returns
    -------
    numpy.ndarray
        (V, 2), mrad.

    Examples
    --------
    >>> incidence_from_slopes([[0.1, 0.0]]).round(3)
    array([[99.669,  0.   ]])
    """
    return as_incidence(1000.0 * np.arctan(np.asarray(slope, dtype=np.float64)))


def incidence_pair(angle: float) -> np.ndarray:
    """Incidences of a symmetric pair: the left view at +angle/2, the right one at -angle/2.

    Parameters
    ----------
    angle : float
        Stereo angle, degrees, above 0 and below 90.

    Returns
    -------
    numpy.ndarray
        (2, 2), mrad.

    Raises
    ------
    ValueError
        If the angle is not between 0 and 90 degrees.

    Examples
    --------
    >>> incidence_pair(8).round(3)
    array([[ 69.813,   0.   ],
           [-69.813,   0.   ]])
    """
    angle = check_stereo_angle(angle)
    half = 1000.0 * np.deg2rad(angle) / 2
    return np.array([[half, 0.0], [-half, 0.0]])


def check_stereo_angle(angle: float) -> float:
    """Return a stereo angle in degrees, or explain what is wrong with it.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is not between 0 and 90 degrees.
    """
    try:
        value = float(angle)
    except (TypeError, ValueError):
        raise TypeError(f"A stereo angle is one number in degrees; {angle!r} was given.") from None
    if not 0 < value < 90:
        hint = (
            " Two views from one direction hold no depth."
            if value == 0
            else " If left and right are exchanged, exchange the images, not the sign."
            if value < 0
            else ""
        )
        raise ValueError(
            f"A stereo angle lies above 0 and below 90 degrees; {angle!r} was given.{hint}"
        )
    return value


def stereo_angle(incidence: ArrayLike) -> float:
    """Stereo angle of a set of views: the largest angle between two of them.

    Parameters
    ----------
    incidence : array-like of shape (V, 2)
        mrad, V >= 2.

    Returns
    -------
    float
        Degrees. For two views ``|theta_0 - theta_1|``.

    Raises
    ------
    ValueError
        If there are fewer than two views.

    Examples
    --------
    >>> round(stereo_angle([[50, 0], [-50, 0]]), 4)
    5.7296
    """
    theta = as_incidence(incidence)
    if len(theta) < 2:
        raise ValueError("A stereo angle needs at least two views; one incidence was given.")
    largest = np.linalg.norm(theta[:, None] - theta[None], axis=-1).max()
    return float(np.rad2deg(largest / 1000.0))


def rotate_incidence(incidence: ArrayLike, angle: float, flip: bool = False) -> np.ndarray:
    """Incidences in the scan frame from incidences in the detector frame.

    Parameters
    ----------
    incidence : array-like of shape (V, 2)
        mrad, detector axes (x = column, y = row of the pattern).
    angle : float
        Scan rotation psi, degrees: R = [[cos, -sin], [sin, cos]] on (x, y), y down.
    flip : bool
        The detector is mirrored: its y is negated before the rotation. A mirrored detector
        mirrors depth, so this must be right. Default False.

    Returns
    -------
    numpy.ndarray
        (V, 2), mrad, scan axes.

    Examples
    --------
    >>> rotate_incidence([[10.0, 0.0]], 90).round(9)
    array([[ 0., 10.]])
    """
    theta = as_incidence(incidence)
    if flip:
        theta = theta * (1.0, -1.0)
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return theta @ np.array([[c, -s], [s, c]]).T
