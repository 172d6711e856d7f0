"""How two particles act on each other, and the g(r) that follows at low density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Interaction"]

# Widths of the well beyond which it is taken as zero: exp(-4.5^2/2) = 4e-5.
REACH = 4.5


@dataclass(frozen=True)
class Interaction:
    """Hard core and a smooth well: infinite for h < 0, else -depth exp(-(h - gap)^2 / 2 width^2).

    `h` is the gap between two surfaces, r - (R1 + R2). With depth 0 the particles are hard spheres.
    A Gaussian well is chosen because its g(r) has one smooth peak whose place is known.

    Attributes
    ----------
    depth : float
        Of the well, kT. Negative for a repulsive shoulder. Default 0.
    gap : float
        Between the surfaces at the bottom of the well, nm. Default 1, a usual ligand shell.
    width : float
        1-sigma of the well, nm, above 0. Default 0.4.

    Examples
    --------
    >>> attraction = Interaction(depth=2.0, gap=1.0, width=0.4)
    >>> attraction.energy([-0.1, 1.0]).tolist()
    [inf, -2.0]
    """

    depth: float = 0.0
    gap: float = 1.0
    width: float = 0.4

    def __post_init__(self) -> None:
        if not self.width > 0 or not self.gap >= 0 or not np.isfinite(self.depth):
            raise ValueError(
                "An interaction has a finite depth (kT), a gap of at least 0 (nm) and a width "
                f"above 0 (nm); {self.depth!r}, {self.gap!r} and {self.width!r} were given."
            )

    @property
    def reach(self) -> float:
        """Gap beyond which the particles do not feel each other, nm."""
        return self.gap + REACH * self.width if self.depth else 0.0

    def energy(self, gap: ArrayLike) -> np.ndarray:
        """Energy in kT of surfaces `gap` nm apart; infinite where they overlap."""
        h = np.asarray(gap, dtype=np.float64)
        well = -self.depth * np.exp(-((h - self.gap) ** 2) / (2 * self.width**2))
        return np.where(h < 0, np.inf, np.where(h < self.reach, well, 0.0))

    def radial_distribution(
        self, r: ArrayLike, diameter: float, density: float = 0.0
    ) -> np.ndarray:
        """g(r) of equal particles, to first order in the density.

        ``g(r) = exp(-U) (1 + density * integral f(s) f(|r - s|) d^3 s)`` with ``f = exp(-U) - 1``:
        Hansen & McDonald, Theory of Simple Liquids (4th ed., 2013), section 3.9. What is left out
        is of second order: below 1 % for volume fractions up to some 0.02 and wells up to 2 kT.

        Parameters
        ----------
        r : array-like
            Distances between centres, nm, above 0.
        diameter : float
            Of the particles, nm.
        density : float
            Particles per nm^3. Default 0: exp(-U) alone.

        Returns
        -------
        numpy.ndarray
            Of the shape of `r`.

        Examples
        --------
        >>> Interaction().radial_distribution([4.0, 6.0], diameter=5.0)
        array([0., 1.])
        """
        distance = np.asarray(r, dtype=np.float64)
        boltzmann = np.exp(-self.energy(distance - diameter))
        if density == 0:
            return boltzmann
        end = diameter + max(self.reach, 1e-9)
        step = min(self.width / 20, diameter / 400)
        s = np.linspace(0, end, int(np.ceil(end / step)) + 1)
        mayer = np.exp(-self.energy(s - diameter)) - 1
        first = np.concatenate([[0], np.cumsum((s * mayer)[1:] + (s * mayer)[:-1]) * (s[1] / 2)])
        flat = distance.ravel()[:, None]
        inner = np.interp(flat + s, s, first) - np.interp(np.abs(flat - s), s, first)
        shared = 2 * np.pi / flat[:, 0] * np.trapezoid(s * mayer * inner, s, axis=1)
        return boltzmann * (1 + density * shared.reshape(distance.shape))
