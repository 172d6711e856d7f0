"""What a particle looks like: a family of round profiles, tabulated for fits.

A profile is (1 - r^2/R^2)^exponent inside the radius R, blurred by a Gaussian. Exponent 1/2 is the
projected thickness of a sphere, 0 a disc of even brightness, large exponents come close to a
Gaussian; so one family serves dark-field, bright-field and simple pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
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

    def binned(self, factor: int) -> ParticleShape:
        """As a picture of means of `factor` x `factor` pixels shows them, in its pixels."""
        if factor == 1:
            return self
        # A square of n pixels blurs by n^2 / 12, of which one pixel's is in the blur already.
        blur = np.sqrt(max(self.blur**2 + (factor**2 - 1) / 12, 0.0)) / factor
        radius, spread = self.radius / factor, self.spread / factor
        return replace(self, radius=radius, spread=spread, blur=float(blur))


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(count)


@dataclass(frozen=True, eq=False)
class ProfileTable:
    """A profile and its derivatives on a grid of radii and squared distances, for compiled fits.

    In steps of the squared distance q = r^2 neither a root nor a division is needed at a pixel, and
    the middle of a particle, where a profile is flat, takes few of them.

    Attributes
    ----------
    values : (3, n_radii, n_squares) float32 ndarray
        f, 2 df/dq and df/dR.
    grid : (5,) float64 ndarray
        First radius and step of the radii, px; step of q, px^2; reach beyond the radius and largest
        radius, px.
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
    # At the edge, where the profile is steepest, a step of q is half of one of the distance.
    fine = min(0.1, shape.blur / 6)
    step = fine * shape.radius
    along = fine * np.arange(int((sizes[-1] + shape.reach) / fine) + 4)
    value = _values_of_many(shape, along, sizes, fine)
    slope = np.gradient(value, fine, axis=1)[:, 1:] / along[1:]
    r = np.sqrt(np.arange(0, along[-1] ** 2, step))
    f = np.stack([np.interp(r, along, row) for row in value])
    by_q = np.stack([np.interp(r, along[1:], row) for row in slope])
    by_size = np.gradient(f, sizes, axis=0)
    grid = np.array([sizes[0], sizes[1] - sizes[0], step, shape.reach, sizes[-1]])
    return ProfileTable(np.stack([f, by_q, by_size]).astype(np.float32), grid)


def _values_of_many(shape: ParticleShape, r: NDArray, sizes: NDArray, cell: float) -> NDArray:
    """(n_sizes, n_r) profiles as :meth:`ParticleShape.values` has them, all at once.

    The blur is one matrix for all radii. How much light each ring of a particle holds is exact.
    """
    edges = cell * np.arange(int(np.ceil(sizes[-1] / cell)) + 1)
    at, s2 = (edges[1:] + edges[:-1]) / 2, shape.blur**2
    kernel = np.exp(-((r[:, None] - at) ** 2) / (2 * s2)) * i0e(r[:, None] * at / s2) / s2
    power = shape.exponent + 1
    outside = np.maximum(1 - (edges / sizes[:, None]) ** 2, 0.0) ** power
    light = (outside[:, :-1] - outside[:, 1:]) * sizes[:, None] ** 2 / (2 * power)
    return light @ kernel.T


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
