"""Distance, depth difference and angle between two points in the foil, with their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Measurement", "measure_points", "with_error"]


@dataclass(frozen=True)
class Measurement:
    """What lies between two points.

    Attributes
    ----------
    start, end : numpy.ndarray
        (3,), x, y, z.
    distance, distance_error : float
        In space, and its 1-sigma.
    in_plane, in_plane_error : float
        As seen along the beam.
    depth, depth_error : float
        z of the end minus z of the start.
    inclination, inclination_error : float
        Of the straight line between them to the plane of the foil, degrees: positive where the end
        is deeper along the beam.
    azimuth : float
        Its direction in the image, degrees: 0 right, 90 down.
    units : str
        Of all lengths.
    """

    start: np.ndarray
    end: np.ndarray
    distance: float
    distance_error: float
    in_plane: float
    in_plane_error: float
    depth: float
    depth_error: float
    inclination: float
    inclination_error: float
    azimuth: float
    units: str

    def __str__(self) -> str:
        u = self.units
        return (
            f"distance {with_error(self.distance, self.distance_error)} {u}, "
            f"in the plane {with_error(self.in_plane, self.in_plane_error)} {u}, "
            f"depth difference {with_error(self.depth, self.depth_error)} {u}, "
            f"inclination {with_error(self.inclination, self.inclination_error)}°, "
            f"azimuth {self.azimuth:.1f}°"
        )


def measure_points(
    start: ArrayLike,
    end: ArrayLike,
    start_sigma: ArrayLike = (0.0, 0.0, 0.0),
    end_sigma: ArrayLike = (0.0, 0.0, 0.0),
    units: str = "px",
) -> Measurement:
    """Measure from one point to another.

    Parameters
    ----------
    start, end : array-like of shape (3,)
        x right, y down, z along the beam.
    start_sigma, end_sigma : array-like of shape (3,)
        1-sigma of each coordinate, same unit; none by default.
    units : str
        For what is printed.

    Returns
    -------
    Measurement
        Errors to first order, as if those of the points were independent: neighbours on one line
        share part of theirs, which then cancels, and the error given is too large.

    Raises
    ------
    ValueError
        If a point is not three finite numbers, or a sigma is negative.

    Examples
    --------
    >>> m = measure_points([0, 0, 0], [30, 0, 40], end_sigma=[0, 0, 5], units="nm")
    >>> m.distance, m.distance_error, m.depth
    (50.0, 4.0, 40.0)
    >>> round(m.inclination, 2), round(m.inclination_error, 2)
    (53.13, 3.44)
    """
    a, b = (_three(value, name) for value, name in ((start, "start"), (end, "end")))
    sigmas = [_three(start_sigma, "start_sigma"), _three(end_sigma, "end_sigma")]
    if min(s.min() for s in sigmas) < 0:
        raise ValueError("A sigma is not negative.")
    variance = sigmas[0] ** 2 + sigmas[1] ** 2
    step = b - a
    flat, distance = float(np.hypot(*step[:2])), float(np.linalg.norm(step))

    def error(gradient: np.ndarray) -> float:
        return float(np.sqrt((gradient**2 * variance).sum()))

    # Towards a point in the same place no direction is better than another: the largest error.
    worst = float(np.sqrt(variance.max()))
    along = step / distance if distance > 0 else None
    across = np.array([*(step[:2] / flat), 0.0]) if flat > 0 else None
    if along is None:
        turn = 90.0
    else:
        lean = np.zeros(3) if across is None else -step[2] / distance**2 * across
        lean[2] += flat / distance**2
        if across is None:
            lean[:2] = 1 / distance
        turn = float(min(np.degrees(error(lean)), 90.0))
    return Measurement(
        a,
        b,
        distance,
        worst if along is None else error(along),
        flat,
        float(np.sqrt(variance[:2].max())) if across is None else error(across),
        float(step[2]),
        float(np.sqrt(variance[2])),
        float(np.degrees(np.arctan2(step[2], flat))),
        turn,
        float(np.degrees(np.arctan2(step[1], step[0]))),
        units,
    )


def _three(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (3,) or not np.isfinite(array).all():
        raise ValueError(f"{name} is (x, y, z), three finite numbers; {values!r} was given.")
    return array


def with_error(value: float, error: float) -> str:
    """Such as "52.3 ± 1.8": two digits of the error."""
    if not error > 0:
        return f"{value:.4g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"
