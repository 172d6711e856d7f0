"""How a crystal lies in the foil: zone axis towards the source, g in the image, tilt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.crystals.indices import direction_label, plane_label
from hyperspy_stereo.simulation.crystals.structure import Crystal, crystal

if TYPE_CHECKING:
    from orix.quaternion import Orientation

# two-beam foils are tilted some degrees off the zone axis, hardly ever more than this
LARGEST_ANGLE_OFF_ZONE = 10.0


@dataclass(frozen=True)
class FoilOrientation:
    """Orientation of a crystal in the specimen frame (x right, y down, z along the beam).

    Parameters
    ----------
    crystal : Crystal or str
        Crystal, or the name of a preset.
    zone_axis : (u, v, w) or (U, V, T, W)
        Direction that points up to the electron source, along -z.
    g : (h, k, l) or (h, k, i, l)
        Reflection; nearly perpendicular to the zone axis.
    azimuth : float, default 0.0
        Direction in degrees in which g, projected along the beam, lies in the image: 0 is to the
        right (+x), 90 down (+y).
    tilt : (float, float), default (0.0, 0.0)
        Small rotation of the specimen after that, in degrees: right-handed about image x, then
        about image y.

    Raises
    ------
    ValueError
        If the indices cannot be, g is more than 10 degrees off the plane perpendicular to the zone
        axis, or an angle is not finite.

    Notes
    -----
    Crystal Cartesian frame and indices are those of orix (x along a, z along c*). The excitation
    error does not follow from the tilt here: `two_beam` takes it as a number, as an operator sets
    it.

    Examples
    --------
    >>> foil = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> foil.g_vector().round(3) + 0.0, foil.burgers((0.5, 0.5, 0)).round(3) + 0.0
    (array([4.914, 0.   , 0.   ]), array([ 0.   ,  0.   , -0.283]))
    """

    crystal: Crystal
    zone_axis: tuple[float, ...]
    g: tuple[int, ...]
    azimuth: float = 0.0
    tilt: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        material = crystal(self.crystal)
        object.__setattr__(self, "crystal", material)
        object.__setattr__(self, "zone_axis", material.direction_indices(self.zone_axis))
        object.__setattr__(self, "g", material.plane_indices(self.g))
        object.__setattr__(self, "azimuth", float(self.azimuth))
        object.__setattr__(self, "tilt", tuple(float(angle) for angle in self.tilt))
        if len(self.tilt) != 2 or not np.isfinite([self.azimuth, *self.tilt]).all():
            raise ValueError(
                "azimuth must be an angle and tilt two angles in degrees; got "
                f"{self.azimuth} and {self.tilt}."
            )
        up, g = self._zone_and_g()
        off = np.degrees(np.arcsin(np.clip(abs(up @ g) / np.linalg.norm(g), 0, 1)))
        if off > LARGEST_ANGLE_OFF_ZONE:
            four = material.hexagonal
            raise ValueError(
                f"g = {plane_label(self.g, four)} is {90 - off:.1f} degrees from the zone axis "
                f"{direction_label(self.zone_axis, four)}, not nearly 90: choose a g with "
                "h u + k v + l w = 0."
            )

    @cached_property
    def matrix(self) -> np.ndarray:
        """Rotation (3, 3) that takes vectors of the crystal's Cartesian frame to the specimen."""
        up, g = self._zone_and_g()
        along = g - (g @ up) * up
        along /= np.linalg.norm(along)
        in_crystal = np.array([along, np.cross(up, along), up])
        c, s = _cos_sin(self.azimuth)
        in_specimen = np.array([[c, s, 0], [s, -c, 0], [0, 0, -1]])
        (cx, sx), (cy, sy) = (_cos_sin(angle) for angle in self.tilt)
        about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        matrix = about_y @ about_x @ in_specimen.T @ in_crystal
        matrix.flags.writeable = False
        return matrix

    @property
    def orientation(self) -> Orientation:
        """The same as an orix ``Orientation`` (specimen to crystal) with the crystal's symmetry."""
        from orix.quaternion import Orientation

        return Orientation.from_matrix(
            self.matrix.T[None], symmetry=self.crystal.phase.point_group.proper_subgroup
        )

    def direction(self, uvw: Sequence[float]) -> np.ndarray:
        """Unit vector (3,) of a direction uvw (or UVTW) in the specimen frame."""
        vector = self.burgers(uvw)
        return vector / np.linalg.norm(vector)

    def burgers(self, uvw: Sequence[float]) -> np.ndarray:
        """Burgers vector (3,) in nm in the specimen frame from its components uvw (or UVTW).

        Parameters
        ----------
        uvw : sequence of three or four numbers
            Such as (1/2, 1/2, 0).

        Raises
        ------
        ValueError
            If they are all zero, or four that do not belong together.
        """
        components = np.array(self.crystal.direction_indices(uvw), dtype=float)
        return self.matrix @ (components @ self.crystal.direct)

    def plane_normal(self, hkl: Sequence[int]) -> np.ndarray:
        """Unit normal (3,) of a plane hkl (or hkil) in the specimen frame."""
        vector = self.g_vector(hkl)
        return vector / np.linalg.norm(vector)

    def g_vector(self, hkl: Sequence[int] | None = None) -> np.ndarray:
        """Reciprocal lattice vector (3,) in 1/nm in the specimen frame; that of g by default."""
        indices = self.g if hkl is None else self.crystal.plane_indices(hkl)
        return self.matrix @ (np.array(indices, dtype=float) @ self.crystal.reciprocal)

    def two_beam(self, s: float, voltage: float = 200.0, absorption: bool = True) -> TwoBeam:
        """Two-beam condition of this foil with its extinction distance and absorption.

        Parameters
        ----------
        s : float
            Excitation error in 1/nm at zero incidence.
        voltage : float, default 200.0
            Accelerating voltage in kV.
        absorption : bool, default True
            Whether electrons are lost by thermal diffuse scattering.

        Returns
        -------
        TwoBeam
            g in the specimen frame in 1/nm, with its z component.

        Raises
        ------
        ValueError
            If the reflection is forbidden; the message names some that are not.

        Examples
        --------
        >>> beam = FoilOrientation("TiAl", (1, 1, 0), (0, 0, 2)).two_beam(s=0.01)
        >>> round(beam.xi_g, 1)
        64.8
        """
        from hyperspy_stereo.simulation.crystals.extinction import extinction_parameters

        lengths = extinction_parameters(self.crystal, self.g, voltage)
        if not absorption:
            return TwoBeam(self.g_vector(), s, lengths.xi_g)
        return TwoBeam(self.g_vector(), s, lengths.xi_g, lengths.xi_g_abs, lengths.xi_0_abs)

    def _zone_and_g(self) -> tuple[np.ndarray, np.ndarray]:
        up = np.array(self.zone_axis, dtype=float) @ self.crystal.direct
        return up / np.linalg.norm(up), np.array(self.g, dtype=float) @ self.crystal.reciprocal


def _cos_sin(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
