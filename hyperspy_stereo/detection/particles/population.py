"""Radius, blur and profile of a population, from the mean picture of its particles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.spatial import cKDTree

from hyperspy_stereo.detection.particles.fit import (
    Cameras,
    Prior,
    add_to,
    fit_particles,
    one_view,
    own_covariances,
)
from hyperspy_stereo.detection.particles.profile import ParticleShape, profile_table
from hyperspy_stereo.detection.particles.spot_kernels import mean_squares, ring_profiles

__all__ = ["learned_shape", "shape_of_spots"]

ENOUGH = 400  # pictures of particles whose mean profile is fitted
FEWEST = 5  # that stand alone, to learn from
ALONE = 3.2  # radii to the next particle in a view, from where on one stands alone
RINGS = 2  # in a pixel
ROUNDS = 2
UNKNOWN = 0.01  # of the height: what neighbours and the background do to the mean profile
SHARPEST = 0.35  # px, blur of a pixel alone


def shape_of_spots(
    flat: NDArray[np.float32], where: NDArray, start: ParticleShape, noise: float
) -> ParticleShape:
    """Shape of a population from spots of one view.

    The spots are fitted with a first guess of the shape, so that each is centred to a fraction of
    a pixel; their mean profile gives the next guess. Centring by the centre of light instead would
    blur the profile where there is noise, and a blurred profile looks larger.

    Parameters
    ----------
    flat : (H, W) float32 ndarray
        The view less its background, particles bright.
    where : (N, 2) ndarray
        x, y of spots that stand alone, whole px.
    start : ParticleShape
        First guess: the radius to a third.
    noise : float
        1-sigma of a pixel.

    Returns
    -------
    ParticleShape
        The start if no spot lies far enough from the border.
    """
    half = _half(start)
    inside = ((where >= half) & (where < np.array(flat.shape[::-1]) - half)).all(axis=1)
    spots = where[inside][:ENOUGH]
    if len(spots) == 0:
        return start
    camera, shape = one_view(noise), start
    params = np.zeros((len(spots), 5))
    params[:, :2] = spots
    params[:, 3] = flat[spots[:, 1].astype(int), spots[:, 0].astype(int)]
    # A spot may be of noise, its height of its highest pixel: the median is what is likely.
    params[:, 3] = max(float(np.median(params[:, 3])), noise)
    for _ in range(ROUNDS):
        params[:, 4] = shape.radius
        residual, table = flat[None].copy(), profile_table(shape)
        add_to(residual, params, camera, table, -1.0)
        prior = Prior(shape.radius, 0.1 * shape.radius)
        params = fit_particles(residual, params, camera, shape, prior, table)
        params = _single(residual, params, shape, noise)
        residual = flat[None].copy()
        add_to(residual, params, camera, table, -1.0)
        shape = learned_shape(residual, params, camera, shape)
    return shape


def _single(
    residual: NDArray[np.float32], params: NDArray, shape: ParticleShape, noise: float
) -> NDArray:
    """Of fitted spots those that fit about as well as the best quarter: heaps fit worse."""
    half = int(np.ceil(shape.radius + min(shape.reach, shape.radius)))
    misfit = mean_squares(residual[0], np.rint(params[:, :2]).astype(np.int64), half)
    best = max(float(np.quantile(misfit, 0.25, method="lower")), noise**2)
    # The mean of n squares of noise scatters by sqrt(2 / n).
    return params[misfit < best * (1.3 + 3 * np.sqrt(2) / (2 * half + 1))]


def learned_shape(
    residual: NDArray[np.float32], params: NDArray, cameras: Cameras, shape: ParticleShape
) -> ParticleShape:
    """Shape of a population from particles that were fitted with nearly this shape.

    What each particle that stands alone in a view shows there, as rings around its fitted centre;
    the median over particles is fitted by a profile. What the fit of the centres to noise does to
    it is known: with an error of 1-sigma s the mean picture is f - s^2 f''/2, sharper than f.

    Parameters
    ----------
    residual : (V, H, W) float32 ndarray
        Views less background and all particles.
    params : (N, 5) ndarray
        x, y, z, height, radius.
    cameras : Cameras
        Of the views.
    shape : ParticleShape
        That the particles were fitted with.

    Returns
    -------
    ParticleShape
        With the spread and the sign of `shape`; `shape` itself if none stands alone.
    """
    half = _half(shape)
    view, which = _standing_alone(params, cameras, shape, residual.shape[1:], half)
    if len(which) == 0:
        return shape
    table = profile_table(shape)
    seen = cameras.seen(params[which, :3])[view, np.arange(len(which))]
    gains = cameras.gains[view]
    own = np.column_stack([seen, 0 * gains, gains * params[which, 3], params[which, 4]])
    number, distance, profiles = ring_profiles(
        residual, view, own, half, RINGS, table.values, table.grid
    )
    full = number > 0
    r = distance[full] / number[full]
    mean = np.nanmedian((profiles / gains[:, None])[:, full], axis=0)
    noise = float(np.median(cameras.noise / cameras.gains)) / np.sqrt(number[full])
    prior = Prior(shape.radius, 0.03 * shape.radius, None if len(residual) == 1 else 1e6)
    typical = params[which[np.argsort(params[which, 3])[len(which) // 2]]][None]
    own = own_covariances(typical, cameras, residual, prior, table)[0]
    off = float(np.sqrt(max(own[0, 0], 0.0)))
    return _fitted(r, mean, noise, shape, off)


def _half(shape: ParticleShape) -> int:
    """Half of the side of a picture of one particle: little more than what it covers, px."""
    return int(np.ceil(1.3 * shape.radius + min(shape.reach, shape.radius) + 2))


def _standing_alone(
    params: NDArray, cameras: Cameras, shape: ParticleShape, size: tuple[int, int], half: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """View and particle of those that nothing disturbs; the better ones if they are few."""
    views, indices, gaps = [], [], []
    for v, seen in enumerate(cameras.seen(params[:, :3])):
        near = cKDTree(seen).query(seen, k=2)[0][:, 1]
        inside = ((seen > half + 1) & (seen < np.array(size[::-1]) - half - 2)).all(axis=1)
        inside &= params[:, 3] > 0
        views.append(np.full(int(inside.sum()), v))
        indices.append(np.flatnonzero(inside))
        gaps.append(near[inside])
    view, which, gap = (np.concatenate(a) for a in (views, indices, gaps))
    alone = gap > ALONE * shape.radius
    # In a crowd the model of the neighbours has to do.
    use = alone if alone.sum() >= FEWEST else gap > 2 * shape.radius
    rows = np.flatnonzero(use)
    rows = rows[:: max(1, len(rows) // ENOUGH)]
    return view[rows], which[rows]


def _fitted(
    r: NDArray, mean: NDArray, noise: NDArray, shape: ParticleShape, off: float
) -> ParticleShape:
    """The shape whose profile is nearest to a mean profile; `off` is the 1-sigma of the centres."""
    scale = max(float(mean.max()), 1e-30)
    weight = 1 / np.hypot(noise / scale, UNKNOWN)
    radius, usual = shape.radius, min(0.85, 0.3 * shape.radius)

    def seen_blur(blur: float) -> float:
        # Wrong centres blur by off^2, but they are wrong because they follow the noise, and noise
        # that is followed sharpens by 2 off^2.
        return float(np.sqrt(max(blur**2 - off**2, SHARPEST**2)))

    def misfit(p: NDArray) -> NDArray:
        model = ParticleShape(p[0], 0.0, p[2], seen_blur(p[3])).values(r, p[0])
        # Noise cannot tell a blurred disc from a sharp cone: then a sphere is what is likely.
        likely = [(p[2] - 0.5) / 0.2, (p[3] - usual) / 0.5]
        return np.append(weight * (p[1] * model + p[4] - mean / scale), likely)

    low = np.array([0.5 * radius, 0.2, 0.0, max(SHARPEST, 0.04 * radius), -0.5])
    high = np.array([1.7 * radius + 1, 3.0, 4.0, max(0.8, 0.5 * radius), 0.5])
    first = np.clip([radius, 1.0, shape.exponent, shape.blur, 0.0], low + 1e-6, high - 1e-6)
    best = optimize.least_squares(misfit, first, bounds=(low, high), x_scale=[1, 1, 0.5, 0.5, 0.1])
    found, _, exponent, blur, _ = best.x
    return replace(
        shape,
        radius=float(found),
        spread=shape.spread * float(found) / radius,
        exponent=float(exponent),
        blur=float(blur),
    )
