"""What disturbs the perfect crystal: dislocations and the stacking faults between partials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

CLOSED = 1e-3
"""A line whose ends are nearer to each other than this, nm, is a loop."""


@dataclass(frozen=True, eq=False)
class Dislocation:
    """A dislocation: a polyline with a Burgers vector; its arrays are copies and read-only.

    Parameters
    ----------
    points : array_like of shape (n, 3)
        Corners x, y, z of the line in nm, n >= 2; z from the entrance face along the beam. The
        order of the points is the line sense. A line whose last point is its first is a loop.
    burgers : array_like of shape (3,)
        Burgers vector in nm in the specimen frame (x right, y down, z along the beam), FS/RH: the
        displacement along a circuit that is right-handed about the line sense grows by it.
    extend : bool, default True
        Continue open ends straight, without end, as lines do that leave the foil. Closed lines
        ignore it.

    Raises
    ------
    ValueError
        If the points are not (n, 3) finite numbers with at least two different ones, or the Burgers
        vector is not three finite numbers.

    Notes
    -----
    J. P. Hirth, J. Lothe, Theory of Dislocations, 2nd ed. (1982), for the FS/RH convention.

    Examples
    --------
    >>> line = Dislocation([[0, 0, 0], [0, 100, 200]], burgers=[0.2, 0, 0])
    >>> round(line.length, 1), line.closed
    (223.6, False)
    """

    points: np.ndarray
    burgers: np.ndarray
    extend: bool = True

    def __init__(self, points: ArrayLike, burgers: ArrayLike, extend: bool = True) -> None:
        corners = _numbers(points, "points", "(n, 3): x, y, z in nm")
        if corners.ndim != 2 or corners.shape[1] != 3 or len(corners) < 2:
            raise ValueError(
                f"points must be (n, 3), x, y, z in nm, with n >= 2; got shape {corners.shape}."
            )
        steps = np.linalg.norm(np.diff(corners, axis=0), axis=1)
        corners = corners[np.concatenate([[True], steps > 1e-9])]
        if len(corners) < 2:
            raise ValueError("points must hold at least two different places; all are the same.")
        vector = _numbers(burgers, "burgers", "three numbers in nm")
        if vector.shape != (3,):
            raise ValueError(f"burgers must be three numbers in nm; got shape {vector.shape}.")
        corners.flags.writeable = False
        object.__setattr__(self, "points", corners)
        object.__setattr__(self, "burgers", vector)
        object.__setattr__(self, "extend", bool(extend))

    @cached_property
    def closed(self) -> bool:
        """True if the last point is the first."""
        first, last = self.points[0].tolist(), self.points[-1].tolist()
        return len(self.points) > 3 and math.dist(first, last) < CLOSED

    @property
    def length(self) -> float:
        """Length of the polyline in nm."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())


@dataclass(frozen=True, eq=False)
class StackingFault:
    """A faulted strip between two lines, such as the partials of a dissociated dislocation.

    The arrays are copies and read-only.

    Parameters
    ----------
    edge_a, edge_b : array_like of shape (n, 3)
        Two borders of the strip in nm, point by point opposite each other.
    displacement : array_like of shape (3,)
        Jump of the displacement in nm for a ray that crosses the strip from its negative to its
        positive side; the positive normal is (edge_b - edge_a) x (direction of edge_a).

    Raises
    ------
    ValueError
        If the borders differ in shape or are not (n, 3), or the displacement is not three numbers.

    Examples
    --------
    >>> fault = StackingFault([[0, 0, 0], [0, 99, 0]], [[9, 0, 9], [9, 99, 9]], [0.1, 0, 0])
    >>> fault.edge_a.shape
    (2, 3)
    """

    edge_a: np.ndarray
    edge_b: np.ndarray
    displacement: np.ndarray

    def __init__(self, edge_a: ArrayLike, edge_b: ArrayLike, displacement: ArrayLike) -> None:
        a = _numbers(edge_a, "edge_a", "(n, 3): x, y, z in nm")
        b = _numbers(edge_b, "edge_b", "(n, 3): x, y, z in nm")
        if a.ndim != 2 or a.shape[1] != 3 or len(a) < 2 or a.shape != b.shape:
            raise ValueError(
                "edge_a and edge_b must both be (n, 3) with the same n >= 2; got shapes "
                f"{a.shape} and {b.shape}."
            )
        jump = _numbers(displacement, "displacement", "three numbers in nm")
        if jump.shape != (3,):
            raise ValueError(f"displacement must be three numbers in nm; got shape {jump.shape}.")
        object.__setattr__(self, "edge_a", a)
        object.__setattr__(self, "edge_b", b)
        object.__setattr__(self, "displacement", jump)


def _numbers(values: ArrayLike, name: str, wanted: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be {wanted}; got {values!r}.") from error
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite: {wanted}.")
    array.flags.writeable = False
    return array
