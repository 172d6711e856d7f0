"""Spots that are too bright or too large for one particle: are they two?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperspy_stereo.detection.particles.fit import Cameras, Prior, add_to, fit_particles
from hyperspy_stereo.detection.particles.profile import ParticleShape, ProfileTable

__all__ = ["split_spots"]

SUSPECT = 1.3  # times the usual light (height times area), from where on a spot may be two
DIRECTIONS = 4  # tried, half a turn apart in all
APART = 0.5  # radii that each half starts from the middle
SWEEPS = 8
LEAST_APART = 0.35  # radii between two particles that are told apart
LEAST_SHARE = 0.35  # of the usual height, for each of the two


def split_spots(
    residual: NDArray[np.float32],
    params: NDArray,
    camera: Cameras,
    shape: ParticleShape,
    prior: Prior,
    table: ProfileTable,
    level: float,
) -> NDArray:
    """Replace single particles by two where two explain the picture much better.

    Each suspect is fitted again as one and as two particles in a few directions, with its
    neighbours at rest; two are taken if the sum of squares falls by more than level^2 times the
    variance of the noise, which noise alone does as rarely as it makes a particle.

    Parameters
    ----------
    residual : (1, H, W) float32 ndarray
        Image less all particles; changed in place.
    params : (N, 5) ndarray
        Fitted particles.
    camera, shape, prior, table
        As for :func:`~hyperspy_stereo.detection.particles.fit.fit_particles`; the prior of the
        radius should be narrow, else one large particle stands for two.
    level : float
        Threshold on significance.

    Returns
    -------
    numpy.ndarray
        (M, 5), M at least N.
    """
    if len(params) < 3:
        return params
    light = params[:, 3] * params[:, 4] ** 2
    usual = float(np.median(params[:, 3]))
    keep = np.ones(len(params), dtype=bool)
    new = []
    for i in np.flatnonzero(light > SUSPECT * np.median(light)):
        two = _as_two(residual, params[i], camera, shape, prior, table, level, usual)
        if two is None:
            continue
        add_to(residual, params[i], camera, table, 1.0)
        add_to(residual, two, camera, table, -1.0)
        keep[i] = False
        new.append(two)
    return np.vstack([params[keep], *new])


def _as_two(
    residual: NDArray[np.float32],
    one: NDArray,
    camera: Cameras,
    shape: ParticleShape,
    prior: Prior,
    table: ProfileTable,
    level: float,
    usual: float,
) -> NDArray | None:
    """The two particles (2, 5) in place of one, or None."""
    half = int(np.ceil(2 * shape.radius + shape.reach))
    x, y = round(float(one[0])), round(float(one[1]))
    top, left = max(y - half, 0), max(x - half, 0)
    window = residual[:, top : y + half + 1, left : x + half + 1].copy()
    origin = np.array([left, top, 0.0, 0.0, 0.0])
    local = one - origin
    add_to(window, local, camera, table, 1.0)

    def fitted(start: NDArray) -> tuple[float, NDArray]:
        rest = window.copy()
        add_to(rest, start, camera, table, -1.0)
        found = fit_particles(rest, start, camera, shape, prior, table, SWEEPS)
        off = (found[:, 4] - prior.radius) / prior.spread
        return float((rest**2).sum() / camera.noise[0] ** 2 + (off**2).sum()), found

    single, _ = fitted(local[None])
    best, pair = np.inf, None
    for angle in np.pi / DIRECTIONS * np.arange(DIRECTIONS):
        step = APART * shape.radius * np.array([np.cos(angle), np.sin(angle), 0, 0, 0])
        start = np.stack([local - step, local + step])
        start[:, 3], start[:, 4] = 0.6 * one[3], shape.radius
        value, found = fitted(start)
        if value < best:
            best, pair = value, found
    apart = np.linalg.norm(pair[0, :2] - pair[1, :2])
    real = (pair[:, 3] > LEAST_SHARE * usual).all() and apart > LEAST_APART * shape.radius
    return pair + origin if real and single - best > level**2 else None
