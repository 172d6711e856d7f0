"""Fit of all particles of one or several views at once, with the error of each.

Every pixel is modelled as the sum of the particles that cover it, so that overlapping particles
share their pixels rightly: the idea of fitting crowded fields of stars (P. B. Stetson, Publ.
Astron. Soc. Pac. 99 (1987) 191), here in three dimensions and with a radius.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from hyperspy_stereo.detection.particles.kernels import (
    add_particles,
    first_blocks,
    normal_matrices,
    pair_matrices,
    sweep,
)
from hyperspy_stereo.detection.particles.profile import ParticleShape, ProfileTable, profile_table

__all__ = [
    "Cameras",
    "Prior",
    "add_to",
    "covariances",
    "fit_particles",
    "one_view",
    "own_covariances",
    "position_bound",
    "step_limits",
]

STRIP, SLACK = 96.0, 24.0  # px, width of a strip at least, and how far a particle may move
RESTS = 0.05  # standard deviations; a particle whose steps are shorter is taken as fitted
MOST_NEIGHBOURS = 8  # whose overlap enters the error of a particle; more do not meet in practice
STIFF = 1e12  # precision of a parameter that must not move


@dataclass(frozen=True, eq=False)
class Cameras:
    """How views show points in space: r = matrices @ (x, y, z) + shifts, px.

    Attributes
    ----------
    matrices : (V, 2, 3) ndarray
    shifts : (V, 2) ndarray
    gains : (V,) ndarray
        Brightness of particles in each view over their common height.
    noise : (V,) ndarray
        1-sigma of a pixel.
    """

    matrices: np.ndarray
    shifts: np.ndarray
    gains: np.ndarray
    noise: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """1/variance of each view."""
        return 1.0 / self.noise**2

    def seen(self, points: NDArray) -> NDArray:
        """(V, N, 2) positions of points (N, 3), px."""
        return np.einsum("vij,nj->vni", self.matrices, points) + self.shifts[:, None]


def one_view(noise: float) -> Cameras:
    """One view that shows (x, y) as they are."""
    matrices = np.zeros((1, 2, 3))
    matrices[0, 0, 0] = matrices[0, 1, 1] = 1.0
    return Cameras(matrices, np.zeros((1, 2)), np.ones(1), np.array([float(noise)]))


@dataclass(frozen=True)
class Prior:
    """What is known of a particle before its picture is looked at.

    Attributes
    ----------
    radius, spread : float
        Middle and 1-sigma of the radius, px.
    depth : float or None
        1-sigma of z about 0, px; None where z is no parameter (a single view).
    """

    radius: float
    spread: float
    depth: float | None = None

    def arrays(self) -> NDArray:
        """(2, 5): middle and precision of x, y, z, height, radius."""
        out = np.zeros((2, 5))
        out[0, 4], out[1, 4] = self.radius, 1 / self.spread**2
        out[1, 2] = STIFF if self.depth is None else 1 / self.depth**2
        return out


def one_by_one(function: Callable, items: list) -> list:
    """Apply a function to items, in turn."""
    return [function(item) for item in items]


def fit_particles(
    residual: NDArray[np.float32],
    params: NDArray,
    cameras: Cameras,
    shape: ParticleShape,
    prior: Prior,
    table: ProfileTable,
    sweeps: int = 12,
    over: Callable[[Callable, list], list] = one_by_one,
) -> NDArray:
    """Fit all particles together; the residual images follow.

    Parameters
    ----------
    residual : (V, H, W) float32 ndarray
        Images less background and less all particles of `params`; changed in place.
    params : (N, 5) ndarray
        Start: x, y, z, height, radius. The first three must be right to about half a radius.
    cameras : Cameras
        Geometry, brightness and noise of the views.
    shape : ParticleShape
        Of the population.
    prior : Prior
        Of a particle.
    table : ProfileTable
        Of the shape.
    sweeps : int
        Most passes over all particles. Default 12; those that rest are passed over.
    over : callable
        Applies a function to a list of strips of the field that share no pixel, one after the other
        by default; :func:`hyperspy_stereo.matching.threads.in_threads` takes several at once, with
        the same result.

    Returns
    -------
    numpy.ndarray
        (N, 5), fitted.
    """
    fitted = np.array(params, dtype=np.float64)
    if len(fitted) == 0:
        return fitted
    limits = step_limits(shape, cameras, float(np.median(fitted[:, 3])))
    moved = np.full(len(fitted), np.inf)
    touch = _neighbours(_overlapping(fitted, cameras, table.grid[3]), len(fitted))
    strips = _strips(fitted, cameras, table.grid[3])
    geometry = (cameras.matrices, cameras.shifts, cameras.gains, cameras.weights)
    fixed = (*geometry, table.values, table.grid, prior.arrays(), limits)
    for _ in range(sweeps):
        restless = moved >= RESTS
        # One at rest is looked at again if a neighbour has moved.
        active = restless | (touch @ restless)
        if not active.any():
            break

        def of_strip(strip: NDArray, active: NDArray = active) -> None:
            sweep(residual, fitted, *fixed, strip[active[strip]], moved)

        for alternate in (strips[::2], strips[1::2]):
            over(of_strip, alternate)
    return fitted


def step_limits(shape: ParticleShape, cameras: Cameras, height: float) -> NDArray:
    """(5,) longest steps of x, y, z, height and radius in one pass of a fit."""
    lateral = 0.25 * shape.radius
    slope = np.abs(cameras.matrices[:, :, 2]).max()
    height = 0.5 * max(height, 1e-12)
    return np.array([lateral, lateral, lateral / max(slope, 1e-3), height, 0.15 * shape.radius])


def own_covariances(
    params: NDArray,
    cameras: Cameras,
    images: NDArray[np.float32],
    prior: Prior,
    table: ProfileTable,
) -> NDArray:
    """Covariance of the parameters of each particle as if it stood alone.

    Parameters
    ----------
    params, cameras, images, prior, table
        As for :func:`covariances`.

    Returns
    -------
    numpy.ndarray
        (N, 5, 5).
    """
    return np.linalg.inv(_information(params, cameras, images, prior, table))


def _information(
    params: NDArray,
    cameras: Cameras,
    images: NDArray[np.float32],
    prior: Prior,
    table: ProfileTable,
) -> NDArray:
    """(N, 5, 5) Fisher information of each particle about itself, with the prior."""
    common = (params, cameras.matrices, cameras.shifts, cameras.gains, cameras.weights)
    own = normal_matrices(images, *common, table.values, table.grid)
    # A particle that no view shows, or of no height, has no information: its errors are huge.
    return own + np.diag(prior.arrays()[1]) + 1e-9 * np.eye(5)


def covariances(
    params: NDArray,
    cameras: Cameras,
    images: NDArray[np.float32],
    prior: Prior,
    table: ProfileTable,
) -> NDArray:
    """Covariance of the parameters of each particle, its overlapping neighbours included.

    The inverse of the Fisher information of the particle together with its neighbours: the
    Cramer-Rao bound for white noise.

    Parameters
    ----------
    params : (N, 5) ndarray
        x, y, z, height, radius.
    cameras, prior, table
        As for :func:`fit_particles`.
    images : (V, H, W) float32 ndarray
        Of the size of the views; what is in them does not matter.

    Returns
    -------
    numpy.ndarray
        (N, 5, 5).
    """
    count = len(params)
    if count == 0:
        return np.zeros((0, 5, 5))
    own = _information(params, cameras, images, prior, table)
    pairs = _overlapping(params, cameras, table.grid[3])
    if len(pairs) == 0:
        return np.linalg.inv(own)
    common = (params, cameras.matrices, cameras.shifts, cameras.gains, cameras.weights)
    shared = pair_matrices(pairs, *common, table.values, table.grid, *images.shape[1:])
    graph = _neighbours(pairs, count)
    key = pairs[:, 0] * count + pairs[:, 1]
    return first_blocks(own, shared, key, graph.indptr, graph.indices, MOST_NEIGHBOURS)


def position_bound(
    shape: ParticleShape, height: float, cameras: Cameras, radius_known: bool = True
) -> NDArray:
    """Smallest 1-sigma of x, y, z that white noise allows for a particle that stands alone.

    From the Fisher information sum over views and pixels of (df/dp)(df/dq) / noise^2, with the
    height unknown: the Cramer-Rao bound. For V equal views inclined by theta about the beam it is
    sigma_x = s / sqrt(V) and ``sigma_z = s / sqrt(sum |theta|^2)``, s the bound of one view.

    Parameters
    ----------
    shape : ParticleShape
        Radius, exponent and blur.
    height : float
        Of the particle, in the unit of the noise.
    cameras : Cameras
        One view with z at rest gives the bound of a detection: its z is 0.
    radius_known : bool
        Whether the radius is that of the population. Default True; by symmetry it hardly matters.

    Returns
    -------
    numpy.ndarray
        (3,), px.

    Examples
    --------
    >>> bound = position_bound(ParticleShape(6.0), 1.0, one_view(0.3))
    >>> bool(0.1 < bound[0] < 0.3 and bound[2] == 0)
    True
    """
    half = int(np.ceil(shape.radius + shape.reach)) + 2
    table = profile_table(shape)
    centred = Cameras(
        cameras.matrices, np.full_like(cameras.shifts, half), cameras.gains, cameras.noise
    )
    flat = not cameras.matrices[:, :, 2].any()
    prior = Prior(shape.radius, 1e-6 if radius_known else 1e6, None if flat else 1e9)
    one = np.array([[0.0, 0.0, 0.0, height, shape.radius]])
    empty = np.zeros((len(cameras.matrices), 2 * half + 1, 2 * half + 1), np.float32)
    found = covariances(one, centred, empty, prior, table)[0]
    sigma = np.sqrt(np.diag(found)[:3])
    return np.where([False, False, flat], 0.0, sigma)


def _overlapping(params: NDArray, cameras: Cameras, reach: float) -> NDArray[np.int64]:
    """(m, 2) pairs of particles that share pixels in a view, each once, first the smaller index."""
    count = len(params)
    furthest = 2 * (params[:, 4].max(initial=0.0) + reach)
    keys = [np.zeros(0, np.int64)]
    for seen in cameras.seen(params[:, :3]) if count > 1 else ():
        near = cKDTree(seen).query_pairs(furthest, output_type="ndarray")
        off = seen[near[:, 0]] - seen[near[:, 1]]
        # Blurred rims that only touch do not change an error.
        use = np.hypot(*off.T) < params[near, 4].sum(axis=1) + 0.5 * reach
        keys.append(near[use].min(axis=1) * count + near[use].max(axis=1))
    key = np.unique(np.concatenate(keys))
    return np.column_stack([key // max(count, 1), key % max(count, 1)])


def _neighbours(pairs: NDArray[np.int64], count: int) -> sparse.csr_array:
    """(count, count) bool: who shares pixels with whom."""
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    return sparse.csr_array((np.ones(len(ends), bool), ends.T), shape=(count, count))


def _strips(params: NDArray, cameras: Cameras, reach: float) -> list[NDArray[np.int64]]:
    """Indices of the particles in strips along y, in order of y; every second shares no pixel.

    What lies near in the picture is then near in time too, while its pixels are at hand.
    """
    if len(params) < 2:
        return [np.arange(len(params))]
    x = cameras.seen(params[:, :3])[..., 0]
    # Two particles that are further apart than this in x of the first view are so in every view.
    parallax = x - x[0]
    safe = 2 * (params[:, 4].max() + reach) + np.ptp(parallax, axis=1).max() + SLACK
    strip = ((x[0] - x[0].min()) // max(safe, STRIP)).astype(int)
    order = np.lexsort((params[:, 1], strip))
    return np.split(order, np.flatnonzero(np.diff(strip[order])) + 1)


def add_to(
    images: NDArray[np.float32],
    params: ArrayLike,
    cameras: Cameras,
    table: ProfileTable,
    factor: float,
) -> None:
    """Add `factor` times particles (N, 5) to images (V, H, W), in place."""
    rows = np.ascontiguousarray(params, dtype=np.float64).reshape(-1, 5)
    add_particles(
        images,
        rows,
        cameras.matrices,
        cameras.shifts,
        cameras.gains,
        table.values,
        table.grid,
        float(factor),
    )
