"""Spots that are too bright or too large for one particle: are they two?

The same question in one view, where two particles may lie side by side, and in space, where two may
lie behind each other and part only a little from view to view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_stereo.detection.particles.fit import Cameras, Prior, add_to, step_limits
from hyperspy_stereo.detection.particles.ground import MAD
from hyperspy_stereo.detection.particles.pair_kernels import one_or_two
from hyperspy_stereo.detection.particles.profile import ParticleShape, ProfileTable

__all__ = ["TWIN", "Usual", "split_spots", "suspects"]

SUSPECT = 1.3  # times the usual light (height times area), from where on a spot may be two
DIRECTIONS = 4  # in the picture, half a turn apart in all
APART = 0.5  # radii that each half starts from the middle, in the picture
DEEPER = 0.3  # radii of parallax that each half starts from the middle, in depth
FLAT_STARTS, STARTS = 1, 2  # that are fitted, of those that are tried: in one view, in space
SWEEPS = 8
LEAST_APART = 0.35  # radii between two particles that one view tells apart
LEAST_SHARE = 0.35  # of the usual height, for each of the two
TWIN = 0.6  # of the usual height, for each of two that lie nearly on each other
ALIKE = 0.1  # of the usual height, the least that heights are taken to spread
HEARSAY = 0.6  # share of the evidence that may come from what is usual, not from the picture


@dataclass(frozen=True)
class Usual:
    """Middle and 1-sigma of the heights of a population."""

    height: float
    spread: float

    @classmethod
    def of(cls, heights: NDArray) -> Usual:
        """From the heights of a population."""
        middle = float(np.median(heights))
        spread = MAD * float(np.median(np.abs(heights - middle)))
        return cls(middle, max(spread, ALIKE * middle))

    def oddity(self, heights: NDArray) -> float:
        """Sum of squares of the heights' distances from the middle, in 1-sigma."""
        return float((((heights - self.height) / self.spread) ** 2).sum())


def suspects(params: NDArray) -> NDArray[np.bool_]:
    """Which particles (N, 5) give so much light that they may be two.

    Examples
    --------
    >>> suspects(np.array([[0, 0, 0, h, 6] for h in (1.0, 1.1, 2.0)])).tolist()
    [False, False, True]
    """
    light = params[:, 3] * params[:, 4] ** 2
    return light > SUSPECT * np.median(light) if len(params) > 2 else np.zeros(len(params), bool)


def split_spots(
    residual: NDArray[np.float32],
    params: NDArray,
    cameras: Cameras,
    shape: ParticleShape,
    prior: Prior,
    table: ProfileTable,
    level: float,
    doubtful: NDArray[np.bool_],
) -> tuple[NDArray, NDArray[np.int64]]:
    """Replace single particles by two where two explain the pictures much better.

    Each suspect is fitted again as one and as two particles from a few starts, with its neighbours
    at rest; two are taken if the evidence is larger than level^2, which noise alone reaches as
    rarely as it makes a particle. Evidence is the fall of the sum of squares over the variance of
    the noise; a good half of it may come from the heights: where particles are alike, one of twice
    the usual height is unlikely.

    Parameters
    ----------
    residual : (V, H, W) float32 ndarray
        Images less all particles; changed in place.
    params : (N, 5) ndarray
        Fitted particles.
    cameras, shape, prior, table
        As for :func:`~hyperspy_stereo.detection.particles.fit.fit_particles`; the prior of the
        radius should be narrow, else one large particle stands for two.
    level : float
        Threshold on significance.
    doubtful : (N,) bool ndarray
        Which to test; see :func:`suspects`.

    Returns
    -------
    params : numpy.ndarray
        (M, 5), M at least N.
    origin : numpy.ndarray
        (M,) which of the given particles each is; -1 for the second one of a pair.
    """
    origin = np.arange(len(params))
    if len(params) < 3:
        return params, origin
    usual = Usual.of(params[:, 3])
    result, second = params.copy(), []
    for i in np.flatnonzero(doubtful):
        two = _as_two(residual, params[i], cameras, shape, prior, table, level, usual)
        if two is None:
            continue
        add_to(residual, params[i], cameras, table, 1.0)
        add_to(residual, two, cameras, table, -1.0)
        result[i] = two[0]
        second.append(two[1])
    extra = np.full(len(second), -1)
    return np.vstack([result, *second]), np.concatenate([origin, extra])


def _as_two(
    residual: NDArray[np.float32],
    one: NDArray,
    cameras: Cameras,
    shape: ParticleShape,
    prior: Prior,
    table: ProfileTable,
    level: float,
    usual: Usual,
) -> NDArray | None:
    """The two particles (2, 5) in place of one, or None."""
    views = len(residual)
    single, alone, best, pair = one_or_two(
        residual,
        one,
        _starts(one, cameras, shape),
        STARTS if views > 1 else FLAT_STARTS,
        0.3 * usual.height,
        int(np.ceil(2 * shape.radius + shape.reach)),
        cameras.matrices,
        cameras.shifts,
        cameras.gains,
        cameras.weights,
        table.values,
        table.grid,
        prior.arrays(),
        step_limits(shape, cameras, usual.height),
        SWEEPS,
    )
    told = usual.oddity(np.array([alone])) - usual.oddity(pair[:, 3])
    evidence = single - best + min(told, HEARSAY * level**2)
    seen = cameras.seen(pair[:, :3])
    apart = np.linalg.norm(seen[:, 0] - seen[:, 1], axis=1).max()
    # Two that no view tells apart would fall together again in a fit of that view alone.
    twins = views > 1 and (pair[:, 3] > TWIN * usual.height).all()
    real = (pair[:, 3] > LEAST_SHARE * usual.height).all()
    real &= twins or apart > LEAST_APART * shape.radius
    return pair if real and evidence > level**2 else None


def _starts(one: NDArray, cameras: Cameras, shape: ParticleShape) -> NDArray:
    """(K, 2, 5) pairs around the place of one particle: beside and behind each other."""
    angle = np.pi / DIRECTIONS * np.arange(DIRECTIONS)
    aside = APART * shape.radius * np.column_stack([np.cos(angle), np.sin(angle)])
    slopes = cameras.matrices[:, :, 2]
    parallax = np.linalg.norm(slopes - slopes.mean(axis=0), axis=1).max()
    depth = DEEPER * shape.radius / parallax if parallax > 0 else 0.0
    steps = [(*a, z) for a in aside for z in {0.0, depth, -depth}]
    if depth:
        steps += [(*(0.3 * a), z) for a in aside for z in (depth, -depth)]
    starts = np.repeat(one[None, None], 2, axis=1).repeat(len(steps), axis=0)
    starts[:, 0, :3] -= steps
    starts[:, 1, :3] += steps
    starts[:, :, 4] = shape.radius
    return starts
