"""A specimen: everything the electrons meet in one field of view."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial.polynomial import polyval2d
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault


@dataclass(frozen=True, eq=False)
class Boundary:
    """A plane between two grains or lamellae.

    Attributes
    ----------
    point, normal : (3,) ndarray
        A point on the plane in nm and its unit normal; the grain of the positive side comes next.
    """

    point: np.ndarray
    normal: np.ndarray


@dataclass(frozen=True, eq=False)
class SurfaceSpot:
    """A blob or patch of contamination on one of the faces.

    Attributes
    ----------
    centre : (2,) ndarray
        x, y in nm.
    radii : (2,) ndarray
        Semi-axes in nm.
    azimuth : float
        Direction of the first semi-axis in degrees.
    absorption : float
        Share of the electrons lost at its middle, 0..1; below zero for a bright hole.
    on_exit : bool
        On the exit face rather than the entrance face.
    """

    centre: np.ndarray
    radii: np.ndarray
    azimuth: float
    absorption: float
    on_exit: bool


@dataclass(frozen=True, eq=False)
class Specimen:
    """A foil with its defects and the two-beam condition it is seen under.

    Lengths are nm; the frame is that of the image with its origin at the upper left corner of the
    field of view: x right, y down, z along the beam from the entrance face, which is flat.

    Attributes
    ----------
    size : tuple of float
        Width and height of the field of view, nm.
    thickness : float
        Thickness of the foil at the middle of the field, nm.
    beam : TwoBeam
        Condition at the middle of the field in the first grain.
    dislocations : tuple of Dislocation
        Lines; partials are lines of their own.
    kinds : tuple of str
        What each dislocation belongs to: "line", "loop", "helix", "pile-up", ...
    faults : tuple of StackingFault
        Faulted strips between partials.
    boundaries : tuple of Boundary
        Planes that do not cross inside the field, in the order in which their normals point.
    grain_deviations : tuple of float
        Excitation error of each grain minus that of `beam`, 1/nm; one more than `boundaries`.
    spots : tuple of SurfaceSpot
        Blobs and contamination.
    wedge : (3, 3) ndarray
        Polynomial added to the thickness, nm: sum of wedge[i, j] u**i v**j, u and v from -1 to 1
        over the width and the height of the field.
    bend : (3, 3) ndarray
        Polynomial added to the excitation error, 1/nm, in the same way.
    crystal : str
        Name of the crystal, for the record.
    seed : int or None
        Seed it was drawn from.
    """

    size: tuple[float, float]
    thickness: float
    beam: TwoBeam
    dislocations: tuple[Dislocation, ...] = ()
    kinds: tuple[str, ...] = ()
    faults: tuple[StackingFault, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    grain_deviations: tuple[float, ...] = (0.0,)
    spots: tuple[SurfaceSpot, ...] = ()
    wedge: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))
    bend: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))
    crystal: str = ""
    seed: int | None = None

    def thickness_at(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Thickness in nm at places x, y (nm, any shapes that broadcast)."""
        return self.thickness + polyval2d(*self._normalised(x, y), self.wedge)

    def deviation_at(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Excitation error minus ``beam.s`` in 1/nm at places x, y (nm), in the first grain."""
        return polyval2d(*self._normalised(x, y), self.bend)

    def _normalised(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        return 2 * x / self.size[0] - 1, 2 * y / self.size[1] - 1
