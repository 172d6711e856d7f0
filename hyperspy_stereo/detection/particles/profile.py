"""What a particle looks like: a family of round profiles, tabulated for fits.

A profile is (1 - r^2/R^2)^exponent inside the radius R, blurred by a Gaussian. Exponent 1/2 is the
projected thickness of a sphere, 0 a disc of even brightness, large exponents come close to a
Gaussian; so one family serves dark-field, bright-field and simple pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import i0e

__all__ = ["ParticleShape", "ProfileTable", "profile_table", "template"]

LEAST_RADIUS, GREATEST_RADIUS, RADII = 0.35, 1.9, 56  # of a table, in radii of the population
TAIL = 3.2  # blurs beyond the radius after which a profile is taken as zero


@dataclass(frozen=True)
class ParticleShape:
    """The particles of one experiment.

    Attributes
    ----------
    radius : float
        Of the population, px.
    spread : float
        1-sigma of the radius in the population, px.
    exponent : float
        0 a disc, 0.5 a sphere.
    blur : float
        1-sigma of the edge, px.
    sign : int
        1 for bright particles, -1 for dark ones.

    Examples
    --------
    >>> shape = ParticleShape(radius=6.0, blur=0.8)
    >>> shape.values([0.0, 6.0, 12.0], 6.0).round(2).tolist()
    [0.98, 0.19, 0.0]
    """

    radius: float
    spread: float = 0.0
    exponent: float = 0.5
    blur: float = 0.85
    sign: int = 1

    @property
    def reach(self) -> float:
        """Distance beyond the radius after which a particle is not seen, px."""
        return TAIL * self.blur + 0.5

    def values(self, r: ArrayLike, radius: float) -> np.ndarray:
        """The blurred profile at distances `r` (px) from the middle; 1 at an unblurred middle.

        The angular part of the convolution is a Bessel function:
        f(r) = integral p(r') r'/s^2 exp(-(r^2 + r'^2)/2s^2) I0(r r'/s^2) dr'.
        """
        distance = np.asarray(r, dtype=np.float64)
        nodes, weights = _legendre(int(max(48, 3 * radius / self.blur)))
        # r' = R sin t removes the root at the edge.
        t = (nodes + 1) * np.pi / 4
        at = radius * np.sin(t)
        height = np.cos(t) ** (2 * self.exponent + 1) * radius * (np.pi / 4) * weights
        s2 = self.blur**2
        kernel = np.exp(-((distance[..., None] - at) ** 2) / (2 * s2))
        kernel *= i0e(distance[..., None] * at / s2) * at / s2
        return kernel @ height

    def with_radius(self, radius: float, spread: float) -> ParticleShape:
        """The same particles with another radius and spread, px."""
        return replace(self, radius=float(radius), spread=float(spread))


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(count)


@dataclass(frozen=True, eq=False)
class ProfileTable:
    """A profile and its derivatives on a grid of radii and distances, for compiled fits.

    Attributes
    ----------
    values : (3, n_radii, n_distances) float32 ndarray
        f, df/dr and df/dR.
    grid : (5,) float64 ndarray
        First radius, step of the radii, step of the distances, reach beyond the radius, largest
        radius; px.
    """

    values: np.ndarray
    grid: np.ndarray


@lru_cache(maxsize=16)
def profile_table(shape: ParticleShape) -> ProfileTable:
    """Tabulate a shape for radii from 0.35 to 1.9 times that of the population.

    Parameters
    ----------
    shape : ParticleShape
        What to tabulate.

    Returns
    -------
    ProfileTable
        Linear interpolation in it is right to about 1e-3 of the height.

    Examples
    --------
    >>> profile_table(ParticleShape(6.0)).values.shape[:2]
    (3, 56)
    """
    sizes = np.linspace(LEAST_RADIUS * shape.radius, GREATEST_RADIUS * shape.radius, RADII)
    step = min(0.1, shape.blur / 6)
    r = np.arange(0, sizes[-1] + shape.reach + 3 * step, step)
    f = np.stack([shape.values(r, size) for size in sizes])
    by_r, by_size = np.gradient(f, step, axis=1), np.gradient(f, sizes, axis=0)
    by_r[:, 0] = 0.0
    grid = np.array([sizes[0], sizes[1] - sizes[0], step, shape.reach, sizes[-1]])
    return ProfileTable(np.stack([f, by_r, by_size]).astype(np.float32), grid)


@lru_cache(maxsize=64)
def template(shape: ParticleShape) -> tuple[np.ndarray, float]:
    """Matched filter of a shape on an unknown even background.

    Parameters
    ----------
    shape : ParticleShape
        Bright or dark; the template is bright.

    Returns
    -------
    kernel : (n, n) float64 ndarray
        Profile less its mean over a disc somewhat larger than the particle; sums to zero. Among
        the filters that do not see an even background this gives the largest ratio of signal to
        noise.
    gain : float
        Answer of the filter to a particle of height 1.

    Examples
    --------
    >>> kernel, gain = template(ParticleShape(6.0))
    >>> bool(abs(kernel.sum()) < 1e-9)
    True
    """
    outer = 1.25 * shape.radius + shape.reach
    half = int(np.ceil(outer))
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    r = np.hypot(x, y)
    inside = r <= outer
    # The integral is slow: along one radius, finely, and the pixels from there.
    along = np.arange(0, outer + 1, shape.blur / 8)
    full = np.where(inside, np.interp(r, along, shape.values(along, shape.radius)), 0.0)
    kernel = np.where(inside, full - full[inside].mean(), 0.0)
    return kernel, float((kernel * full).sum())
