"""The diffraction condition: one reflection, its extinction distance and absorption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class TwoBeam:
    """A two-beam condition.

    Parameters
    ----------
    g : array_like of shape (3,)
        Diffraction vector in 1/nm in the specimen frame (x right, y down, z along the beam). It is
        copied and cannot be changed afterwards.
    s : float
        Excitation error in 1/nm at zero incidence; above zero where g lies inside the Ewald
        sphere. Rays of incidence theta (rad) see s - theta . g.
    xi_g : float
        Extinction distance in nm.
    xi_g_abs, xi_0_abs : float
        Anomalous and normal absorption lengths xi_g', xi_0' in nm; ``inf`` for none, the default.

    Raises
    ------
    ValueError
        If g is not three finite numbers or zero, s is not finite, or a length is not above zero.

    Notes
    -----
    P. B. Hirsch et al., Electron Microscopy of Thin Crystals (1977), chapters 8 and 9; M. De Graef,
    Introduction to Conventional TEM (2003), chapters 6 and 8.

    Examples
    --------
    >>> beam = TwoBeam(g=[5, 0, 0], s=0.0, xi_g=40, xi_g_abs=660, xi_0_abs=600)
    >>> beam.at([0.01, 0]).s
    -0.05
    """

    g: np.ndarray
    s: float
    xi_g: float
    xi_g_abs: float = np.inf
    xi_0_abs: float = np.inf

    def __init__(
        self,
        g: ArrayLike,
        s: float,
        xi_g: float,
        xi_g_abs: float = np.inf,
        xi_0_abs: float = np.inf,
    ) -> None:
        vector = np.array(g, dtype=float)
        if vector.shape != (3,) or not np.isfinite(vector).all() or not vector.any():
            raise ValueError(f"g must be three finite numbers in 1/nm, not all zero; got {g!r}.")
        if not np.isfinite(s):
            raise ValueError(f"s must be a finite number in 1/nm; got {s!r}.")
        for name, length in (("xi_g", xi_g), ("xi_g_abs", xi_g_abs), ("xi_0_abs", xi_0_abs)):
            if not length > 0 or (name == "xi_g" and not np.isfinite(length)):
                raise ValueError(f"{name} must be a length above 0 nm; got {length!r}.")
        vector.flags.writeable = False
        object.__setattr__(self, "g", vector)
        object.__setattr__(self, "s", float(s))
        object.__setattr__(self, "xi_g", float(xi_g))
        object.__setattr__(self, "xi_g_abs", float(xi_g_abs))
        object.__setattr__(self, "xi_0_abs", float(xi_0_abs))

    def at(self, incidence: ArrayLike) -> TwoBeam:
        """Return the condition that rays of an incidence (theta_x, theta_y) in rad see."""
        return self.with_s(self.s - float(np.asarray(incidence, dtype=float) @ self.g[:2]))

    def with_s(self, s: float) -> TwoBeam:
        """Return the same reflection with another excitation error.

        Parameters
        ----------
        s : float
            1/nm, at zero incidence.

        Returns
        -------
        TwoBeam

        Raises
        ------
        ValueError
            If s is not finite.

        Examples
        --------
        >>> TwoBeam(g=[5, 0, 0], s=0.0, xi_g=40).with_s(0.02).s
        0.02
        """
        return TwoBeam(self.g, s, self.xi_g, self.xi_g_abs, self.xi_0_abs)
