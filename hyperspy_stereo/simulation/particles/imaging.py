"""Views of a suspension from any incidences, and what a detector makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from hyperspy_stereo.geometry.incidence import as_incidence
from hyperspy_stereo.geometry.triangulation import project

__all__ = ["ParticleViews", "particle_stack", "particle_views", "segment_incidence"]

SUBSAMPLES = 4


@dataclass(frozen=True, eq=False)
class ParticleViews:
    """Images of a suspension, with the truth.

    Attributes
    ----------
    images : (V, H, W) float32 ndarray
        As recorded.
    clean : (V, H, W) float32 ndarray
        Without noise.
    points : (N, 3) ndarray
        Centres, px (x, y from the centre of the first pixel; z from the middle of the slab).
    radius : (N,) ndarray
        px.
    positions : (V, N, 2) ndarray
        Where each particle appears in each view, px.
    incidence : (V, 2) ndarray
        mrad.
    pixel_size : float
        nm.
    """

    images: np.ndarray
    clean: np.ndarray
    points: np.ndarray
    radius: np.ndarray
    positions: np.ndarray
    incidence: np.ndarray
    pixel_size: float


def segment_incidence(stereo_angle: float, segments: int = 4, start: float = 45.0) -> np.ndarray:
    """Incidences of the segments of an annular detector.

    Parameters
    ----------
    stereo_angle : float
        Between opposite segments of the outermost ring, degrees.
    segments : {2, 4, 8, 12, 16}
        2 or 4: one ring. 8, 12, 16: rings of four whose mean directions grow by equal steps.
    start : float
        Azimuth of the first segment, degrees.

    Returns
    -------
    numpy.ndarray
        (V, 2), mrad; inner ring first.

    Raises
    ------
    ValueError
        If there is no such detector.

    Examples
    --------
    >>> segment_incidence(3.0).round(2)
    array([[ 18.51,  18.51],
           [-18.51,  18.51],
           [-18.51, -18.51],
           [ 18.51, -18.51]])
    """
    if segments not in (2, 4, 8, 12, 16):
        raise ValueError(f"segments must be 2, 4, 8, 12 or 16; {segments!r} was given.")
    rings, sectors = (1, segments) if segments < 8 else (segments // 4, 4)
    half = np.deg2rad(stereo_angle) / 2 * 1000
    # The mean direction of ring k of equal rings lies at (k + 1/2) ring widths.
    share = (np.arange(rings) + 0.5) / (rings - 0.5)
    azimuth = np.deg2rad(start + 360 / sectors * np.arange(sectors))
    ring = np.column_stack([np.cos(azimuth), np.sin(azimuth)])
    return (half * share[:, None, None] * ring).reshape(-1, 2)


def particle_views(
    points: ArrayLike,
    radius: ArrayLike,
    incidence: ArrayLike,
    shape: tuple[int, int],
    pixel_size: float = 0.4,
    contrast: float = 1.0,
    noise: float = 0.0,
    dose: float | None = None,
    level: float | None = None,
    ice_gradient: float = 0.0,
    blur: float = 0.8,
    defocus: float = 0.0,
    geometry: str = "tiltless",
    seed: int = 0,
) -> ParticleViews:
    """Images of spheres from several directions.

    Each sphere adds its projected thickness, 2 sqrt(R^2 - rho^2), as a heavy particle in ice does
    for a detector that counts scattering (or, with a negative contrast, takes away from the bright
    field).

    Parameters
    ----------
    points : array-like of shape (N, 3)
        Centres, nm; x, y from the centre of the first pixel, z from the middle of the slab.
    radius : array-like of shape (N,)
        nm.
    incidence : array-like of shape (V, 2)
        mrad.
    shape : (int, int)
        Rows and columns of a view.
    pixel_size : float
        nm. Default 0.4.
    contrast : float
        Of the middle of a particle of mean size, in the unit of `level`; negative for dark
        particles. Default 1.
    noise : float
        Standard deviation of Gaussian noise of each pixel, in the same unit. Default 0.
    dose : float, optional
        Electrons per pixel and view that make the ice's level: Poisson noise. None by default.
    level : float, optional
        Of the ice. Default 0, or three times the contrast's size with a dose.
    ice_gradient : float
        Relative change of the ice's level from the left to the right border. Default 0.
    blur : float
        1-sigma of the probe, px. Default 0.8.
    defocus : float
        Depth that is in focus, nm: a shift of all views linear in their incidence. Default 0.
    geometry : {"tiltless", "tilt"}
        See :func:`hyperspy_stereo.geometry.projection_matrices`.
    seed : int
        Of the noise.

    Returns
    -------
    ParticleViews
        With the truth in px.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, a radius is not positive or noise is negative.

    Examples
    --------
    >>> views = particle_views([[10, 10, 0]], [2.0], segment_incidence(3.0), (64, 64), noise=0.1)
    >>> views.images.shape
    (4, 64, 64)
    """
    xyz = np.asarray(points, dtype=np.float64).reshape(-1, 3) / pixel_size
    size = np.broadcast_to(np.asarray(radius, dtype=np.float64), len(xyz)) / pixel_size
    theta = as_incidence(incidence)
    if len(size) and not (size > 0).all():
        raise ValueError(f"radius must be positive (nm); {size.min() * pixel_size:g} is given.")
    if noise < 0:
        raise ValueError(f"noise is a standard deviation, at least 0; {noise!r} was given.")
    centre = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    positions = project(xyz - (0, 0, defocus / pixel_size), theta, geometry, centre)
    height = contrast * size / size.mean() if len(size) else size
    ice = (3 * abs(contrast) if dose else 0.0) if level is None else level
    wedge = ice * (1 + ice_gradient * np.linspace(-0.5, 0.5, shape[1]))
    clean = np.empty((len(theta), *shape), np.float32)
    for image, seen in zip(clean, positions, strict=True):
        image[:] = wedge
        _add_spheres(image, seen, size, height, SUBSAMPLES)
        if blur > 0:
            ndimage.gaussian_filter(image, blur, output=image, mode="nearest")
    images = recorded(clean, noise, dose, ice, np.random.default_rng(seed))
    return ParticleViews(images, clean, xyz, size, positions, theta, float(pixel_size))


def recorded(
    clean: np.ndarray, noise: float, dose: float | None, level: float, rng: np.random.Generator
) -> np.ndarray:
    """Images with counting noise (if there is a dose) and Gaussian noise, float32.

    `dose` electrons make the value `level`; values below zero count nothing.
    """
    images = clean
    if dose is not None:
        if not (dose > 0 and level > 0):
            raise ValueError(f"dose and level must be positive; {dose!r} and {level!r} were given.")
        counts = rng.poisson(np.maximum(clean, 0) * (dose / level))
        images = (counts * (level / dose)).astype(np.float32)
    if noise:
        images = images + np.float32(noise) * rng.standard_normal(clean.shape, dtype=np.float32)
    return np.array(images, dtype=np.float32)


def particle_stack(
    points: ArrayLike,
    radius: ArrayLike,
    shape: tuple[int, int],
    convergence_angle: float,
    detector: int = 16,
    pixel_size: float = 0.4,
    contrast: float = 1.0,
    dose: float = 100.0,
    blur: float = 0.8,
    seed: int = 0,
) -> np.ndarray:
    """A 4D-STEM scan of a suspension: every detector pixel in the disc is a view.

    Parameters
    ----------
    points, radius, shape, pixel_size, contrast, blur, seed
        As for :func:`particle_views`.
    convergence_angle : float
        Semi-angle of the probe, mrad: the disc fills 0.8 of the detector's width.
    detector : int
        Width of the detector, px. Default 16.
    dose : float
        Electrons per scan position. Default 100.

    Returns
    -------
    numpy.ndarray
        (H, W, detector, detector) uint16.

    Examples
    --------
    >>> particle_stack([[5, 5, 0]], [1.0], (16, 16), 30.0, detector=8).shape
    (16, 16, 8, 8)
    """
    axis = (np.arange(detector) - (detector - 1) / 2) / (0.4 * detector)
    v, u = np.meshgrid(axis, axis, indexing="ij")
    inside = np.hypot(u, v) <= 1
    theta = convergence_angle * np.column_stack([u[inside], v[inside]])
    one = particle_views(
        points, radius, theta, shape, pixel_size, contrast, level=3 * abs(contrast), blur=blur
    )
    per_pixel = dose / inside.sum() / (3 * abs(contrast))
    counts = np.random.default_rng(seed).poisson(np.maximum(one.clean, 0) * per_pixel)
    stack = np.zeros((*shape, detector, detector), np.uint16)
    stack[:, :, inside] = counts.transpose(1, 2, 0)
    return stack


@numba.njit(cache=True, nogil=True)
def _add_spheres(image, positions, radius, height, subsamples):
    """Add 'height * sqrt(1 - rho^2/R^2)', averaged over each pixel."""
    rows, columns = image.shape
    for i in range(len(positions)):
        x, y, r = positions[i, 0], positions[i, 1], radius[i]
        for row in range(max(int(y - r - 1), 0), min(int(y + r + 3), rows)):
            for column in range(max(int(x - r - 1), 0), min(int(x + r + 3), columns)):
                total = 0.0
                for a in range(subsamples):
                    dy = (row + (a + 0.5) / subsamples - 0.5 - y) / r
                    for b in range(subsamples):
                        dx = (column + (b + 0.5) / subsamples - 0.5 - x) / r
                        rho2 = dx * dx + dy * dy
                        if rho2 < 1:
                            total += np.sqrt(1 - rho2)
                image[row, column] += height[i] * total / subsamples**2
