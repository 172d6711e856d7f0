"""Particles of one view: matched filter, joint fit, and another look at what is left over."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hyperspy_stereo.detection.particles.fit import (
    Prior,
    add_to,
    covariances,
    fit_particles,
    one_view,
    own_covariances,
)
from hyperspy_stereo.detection.particles.ground import (
    MAD,
    binned,
    check_false_alarms,
    decision_level,
    flatten,
    noise_level,
    threshold,
)
from hyperspy_stereo.detection.particles.profile import (
    ParticleShape,
    ProfileTable,
    profile_table,
    template,
)
from hyperspy_stereo.detection.particles.scale import find_shape, matched, peaks, power
from hyperspy_stereo.detection.particles.split import split_spots, suspects
from hyperspy_stereo.detection.particles.spot_kernels import climbed

__all__ = ["Detections", "detect_particles", "residual_peaks"]

EACH = ("positions", "sigma", "radius", "height", "significance")  # of Detections
ROUNDS = 3
UNSURE = 0.85  # of the level, in the coarser picture, which may hit a particle between its pixels
COARSE = 2.5  # px, radius in the coarser picture in which particles are looked for, at least
FIRST_ALARMS = 1.0  # of noise in a view, until it is known how many particles there are
FIRST = 0.7  # of the spread of the answers of a picture that may be due to noise, at the start
WORTH = 0.002  # of the particles; when fewer are new there is no further look
TILE = 6.0  # radii, side of a tile of the background
WIDE = 0.25  # 1-sigma of the radius over the radius before the population is known
ALIKE = 0.08  # taken for a population that is too small to show its spread
NARROW = 0.03  # the least that the population is taken to spread
MOVED = 0.2  # px, from where on a particle is tried as two once more
SAME = 0.35  # radii; two particles nearer than that in one view are taken as one
LEAST_SHARE = 0.35  # of the usual height, for a particle found under another


@dataclass(frozen=True, eq=False)
class Detections:
    """Particles of one view.

    Attributes
    ----------
    positions : (N, 2) ndarray
        x, y, px.
    sigma : (N, 2) ndarray
        1-sigma of x and y, px: the noise-limited one, overlap included.
    radius, height : (N,) ndarray
        px, and the unit of the image (positive for dark particles too).
    significance : (N,) ndarray
        Height over its 1-sigma.
    threshold : float
        Least significance.
    noise : float
        1-sigma of a pixel.
    shape : ParticleShape or None
        Of the population; None if nothing was found.
    """

    positions: np.ndarray
    sigma: np.ndarray
    radius: np.ndarray
    height: np.ndarray
    significance: np.ndarray
    threshold: float
    noise: float
    shape: ParticleShape | None

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, which: NDArray) -> Detections:
        """Some of them."""
        return replace(self, **{name: getattr(self, name)[which] for name in EACH})

    @classmethod
    def none(cls, noise: float = 0.0) -> Detections:
        """No particle."""
        one, two = np.zeros(0), np.zeros((0, 2))
        return cls(two, two, one, one, one, np.inf, noise, None)


def detect_particles(
    image: NDArray,
    diameter: float | None = None,
    polarity: str = "auto",
    false_alarms: float = 0.01,
    shape: ParticleShape | None = None,
) -> Detections:
    """Find round particles in an image, to a fraction of a pixel.

    The answer of a matched filter (Turin, IRE Trans. Inf. Theory 6 (1960) 311) is searched for
    maxima; all of them are fitted together; what the fit leaves over is searched again, so that
    particles under others are found.

    Parameters
    ----------
    image : (H, W) ndarray
        One view, without NaN.
    diameter : float, optional
        About, px. Found from the image by default.
    polarity : {"auto", "bright", "dark"}
        Of the particles against what is around them.
    false_alarms : float
        Share of the particles found that may be of noise alone, above 0 and below 1. Default 0.01,
        one in a hundred. Less makes the search blinder for faint particles; clear ones are found
        with hardly any false alarm whatever it is.
    shape : ParticleShape, optional
        Of the particles where it is known, for example from another view.

    Returns
    -------
    Detections
        Empty if nothing stands out of the noise.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.particles import particle_views
    >>> view = particle_views([[20, 16, 0]], 2.4, [[0, 0]], (80, 100), noise=0.1)
    >>> detect_particles(view.images[0], diameter=12).positions.round(0).tolist()
    [[50.0, 40.0]]
    """
    check_false_alarms(false_alarms)
    picture = np.asarray(image, dtype=np.float32)
    if shape is None:
        shape = find_shape(picture, diameter, polarity)
    if shape is None:
        return Detections.none(noise_level(picture))
    state = _View(shape.sign * picture, shape, false_alarms)
    for k in range(ROUNDS):
        new = state.look()
        if new <= WORTH * len(state.params) and k:
            break
        state.settle()
        if k == 0:
            state.learn()
        state.decide()
        state.split()
    return state.result()


def residual_peaks(
    residual: NDArray, shape: ParticleShape, noise: float, level: float
) -> tuple[NDArray, NDArray, NDArray, float]:
    """Maxima of the matched filter on a residual image.

    Parameters
    ----------
    residual : (H, W) ndarray
        Image less background and less the particles that are known.
    shape : ParticleShape
        Whose filter is used.
    noise : float
        1-sigma of a pixel.
    level : float
        Least significance.

    Returns
    -------
    positions : numpy.ndarray
        (N, 2) x, y, px, the strongest first; of whole pixels. Large particles are looked for in a
        coarser picture, and from what is found there in the full one.
    height : numpy.ndarray
        (N,), of a particle there.
    significance : numpy.ndarray
        (N,).
    excess : float
        Spread of the filtered residual over that of white noise: above 1 for correlated noise.
    """
    factor = max(1, int(shape.radius // COARSE))
    own = shape.binned(factor)
    coarse = residual if factor == 1 else binned(residual, factor)
    answer = matched(coarse, own) / np.float32(noise / factor * power(own))
    every = max(1, answer.size // 100_000)
    excess = max(MAD * float(np.median(np.abs(answer.ravel()[::every]))), 1.0)
    where, value = peaks(answer, (1.0 if factor == 1 else UNSURE) * level * excess)
    kernel, gain = template(shape)
    scale = noise * power(shape)
    if factor > 1:
        start = np.rint(factor * where + (factor - 1) / 2).astype(np.int64)
        where, value = climbed(residual, kernel.astype(np.float32), start, factor)
        value /= scale
        order = np.argsort(-value, kind="stable")
        order = order[value[order] > level * excess]
        where, value = where[order], value[order]
    return where.astype(np.float64), value * scale / gain, value / excess, excess


class _View:
    """The state of the search in one view."""

    def __init__(self, flat: NDArray[np.float32], shape: ParticleShape, false_alarms: float):
        flatten(flat, int(TILE * shape.radius))
        self.residual = flat[None]
        self.shape, self.false_alarms = shape, false_alarms
        some = flat.ravel()[:: max(1, flat.size // 100_000)]
        spread = float(np.percentile(some, 99.9) - np.median(some))
        self.noise = max(noise_level(flat), 2e-3 * spread, 1e-30)
        self.params = np.zeros((0, 5))
        self.whole = np.zeros((0, 2))  # places of particles that are not two
        self.spread = WIDE * shape.radius
        self.level = threshold(template(shape)[0], flat.size, FIRST_ALARMS)
        self.excess = 1.0
        self.table: ProfileTable = profile_table(shape)

    @property
    def camera(self):
        return one_view(self.noise * self.excess)

    @property
    def prior(self) -> Prior:
        return Prior(self.shape.radius, self.spread)

    def look(self) -> int:
        """Add what stands out of the residual; returns how many."""
        # While the particles are still in the picture they widen the spread of its answers.
        level = self.level if len(self.params) else FIRST * self.level
        where, height, value, excess = residual_peaks(
            self.residual[0], self.shape, self.noise, level
        )
        self.excess = excess if len(self.params) else max(FIRST * excess, 1.0)
        high = value * excess > self.level * self.excess
        where, height = where[high], height[high]
        keep = _apart(where, SAME * self.shape.radius if len(self.params) else self.shape.radius)
        if len(self.params) and len(where):
            distance, nearest = cKDTree(self.params[:, :2]).query(where)
            usual = float(np.median(self.params[:, 3]))
            beside = distance > 1.5 * self.shape.radius
            # Near a particle that is known, what is left over may be its own misfit.
            hidden = (distance > SAME * self.shape.radius) & (
                height > LEAST_SHARE * np.minimum(self.params[nearest, 3], usual)
            )
            keep &= beside | hidden
        new = np.zeros((int(keep.sum()), 5))
        new[:, :2], new[:, 3], new[:, 4] = where[keep], height[keep], self.shape.radius
        add_to(self.residual, new, self.camera, self.table, -1.0)
        self.params = np.vstack([self.params, new])
        return len(new)

    def settle(self) -> None:
        """Fit all together, and take out what became nothing or fell onto another."""
        self.params = fit_particles(
            self.residual, self.params, self.camera, self.shape, self.prior, self.table
        )
        rows, columns = self.residual.shape[1:]
        x, y = self.params[:, 0], self.params[:, 1]
        good = (x > -0.5) & (x < columns - 0.5) & (y > -0.5) & (y < rows - 0.5)
        good &= self.params[:, 3] > self.level * self._own_sigma(self.usual)[:, 3]
        order = np.argsort(-self.params[:, 3])
        apart = np.zeros(len(order), dtype=bool)
        apart[order] = _apart(self.params[order, :2], SAME * self.shape.radius)
        good &= apart
        if not good.all():
            add_to(self.residual, self.params[~good], self.camera, self.table, 1.0)
            self.params = self.params[good]

    def decide(self) -> None:
        """What is significant, now that it is known how many particles there are."""
        if len(self.params) == 0:
            return
        significance = self.params[:, 3] / self._own_sigma(self.usual)[:, 3]
        self.level = decision_level(
            template(self.shape)[0],
            self.residual.size,
            self.false_alarms,
            len(self.params),
            float(np.median(significance)),
        )

    def split(self) -> None:
        """Take spots apart that are too bright or too large for one particle."""
        doubtful = suspects(self.params)
        if len(self.whole):
            # What was one before and has not moved is one still.
            doubtful &= cKDTree(self.whole).query(self.params[:, :2])[0] > MOVED
        before = self.params
        self.params, _ = split_spots(
            self.residual,
            self.params,
            self.camera,
            self.shape,
            Prior(self.shape.radius, min(self.spread, ALIKE * self.shape.radius)),
            self.table,
            self.level,
            doubtful,
        )
        same = (self.params[: len(before)] == before).all(axis=1)
        self.whole = np.vstack([self.whole, before[doubtful & same, :2]])

    def learn(self) -> None:
        """Background and the spread of the radius, now that the particles are known."""
        flatten(self.residual[0], int(TILE * self.shape.radius))
        if len(self.params) < 20:
            # Too few to tell: particles of one batch are alike, and two are no large one.
            self.spread = ALIKE * self.shape.radius
            return
        sigma = self._own_sigma(self.prior)[:, 4]
        # What a fit under the present prior shows of the spread is the share it was free to move.
        free = 1 - (sigma / self.spread) ** 2
        use = free > 0.3
        if use.sum() < 20:
            self.spread = min(self.spread, max(0.1 * self.shape.radius, self.shape.spread))
            return
        off = (self.params[use, 4] - self.shape.radius) / free[use]
        total = MAD * float(np.median(np.abs(off - np.median(off))))
        noise = float(np.median(sigma[use] / np.sqrt(free[use])))
        own = np.sqrt(max(total**2 - noise**2, 0.0))
        self.spread = float(np.clip(1.3 * own, NARROW * self.shape.radius, self.spread))
        self.shape = self.shape.with_radius(self.shape.radius, own)

    @property
    def usual(self) -> Prior:
        """Of a particle of the usual radius: whether there is one is asked of its height alone."""
        return Prior(self.shape.radius, NARROW * self.shape.radius)

    def _own_sigma(self, prior: Prior) -> NDArray:
        """(n, 5) 1-sigma of the parameters as if each particle stood alone."""
        found = own_covariances(self.params, self.camera, self.residual, prior, self.table)
        return np.sqrt(np.maximum(np.diagonal(found, axis1=1, axis2=2), 0))

    def result(self) -> Detections:
        """Particles that are significant with the overlap taken into account."""
        self.settle()
        found = covariances(self.params, self.camera, self.residual, self.usual, self.table)
        sigma = np.sqrt(np.maximum(np.diagonal(found, axis1=1, axis2=2), 1e-30))
        significance = self.params[:, 3] / sigma[:, 3]
        good = significance > self.level
        return Detections(
            positions=self.params[good, :2],
            sigma=sigma[good, :2],
            radius=self.params[good, 4],
            height=self.params[good, 3],
            significance=significance[good],
            threshold=self.level,
            noise=self.noise * self.excess,
            shape=self.shape,
        )


def _apart(where: NDArray, distance: float) -> NDArray[np.bool_]:
    """Of points in order of importance, those that no more important one is too near to."""
    keep = np.ones(len(where), dtype=bool)
    if len(where) < 2:
        return keep
    pairs = np.sort(cKDTree(where).query_pairs(distance, output_type="ndarray"), axis=1)
    for a, b in pairs[np.lexsort(pairs.T[::-1])].tolist():
        if keep[a]:
            keep[b] = False
    return keep
