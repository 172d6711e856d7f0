"""Particles fitted in all views at once, and the search for those that were overlooked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hyperspy_stereo.detection.particles.detect import ALIKE, LEAST_SHARE, TILE, residual_peaks
from hyperspy_stereo.detection.particles.fit import (
    Cameras,
    Prior,
    add_to,
    covariances,
    fit_particles,
    own_covariances,
)
from hyperspy_stereo.detection.particles.ground import flatten, threshold
from hyperspy_stereo.detection.particles.kernels import view_heights
from hyperspy_stereo.detection.particles.population import learned_shape
from hyperspy_stereo.detection.particles.profile import ParticleShape, profile_table, template
from hyperspy_stereo.detection.particles.split import TWIN, split_spots, suspects
from hyperspy_stereo.matching.particles.assignment import assign
from hyperspy_stereo.matching.particles.ground_plane import GroundViews, ground_slopes, to_ground
from hyperspy_stereo.matching.particles.hypotheses import hypotheses, scores
from hyperspy_stereo.matching.threads import in_threads

__all__ = ["Fit"]

SAME = 0.5  # radii; particles nearer than that in every view are one
SURE = 50.0  # log-likelihood beyond any that a group of a few peaks can lack
FEWEST = 20  # particles that tell the shape of all
FAINTEST = 2.2  # standard deviations in a single view, when several must agree


class Fit:
    """All particles of all views, and what they leave over of the images.

    Parameters
    ----------
    images : (V, H, W) float32 ndarray
        Particles bright.
    cameras : Cameras
        How the views show points.
    shape : ParticleShape
        Of the population.
    depths : (float, float)
        Range, px.
    false_alarms : float
        Expected number of wrong particles from noise alone.
    """

    def __init__(
        self,
        images: NDArray[np.float32],
        cameras: Cameras,
        shape: ParticleShape,
        depths: tuple[float, float],
        false_alarms: float,
    ):
        self.images, self.cameras, self.shape, self.depths = images, cameras, shape, depths
        self.table = profile_table(shape)
        kernel, _ = template(shape)
        slope = float(np.abs(cameras.matrices[:, :, 2]).max())
        # Places that can be told apart: pixels of a view times steps of depth of a radius.
        steps = max((depths[1] - depths[0]) * slope / shape.radius, 1.0)
        self.level = threshold(kernel, images[0].size * steps, false_alarms)
        self.params = np.zeros((0, 5))
        self.residual = np.empty_like(images)
        self.clear()

    @property
    def prior(self) -> Prior:
        """Of a particle: anywhere in depth."""
        spread = max(1.3 * self.shape.spread, 0.03 * self.shape.radius)
        return Prior(self.shape.radius, spread, 1e3 * (self.depths[1] - self.depths[0] + 1))

    @property
    def usual(self) -> Prior:
        """Of a particle of the usual radius, which its height and place are judged by."""
        return Prior(self.shape.radius, 0.03 * self.shape.radius, self.prior.depth)

    def clear(self) -> None:
        """Take the background anew from what the present particles leave over."""

        def of_view(v: int) -> None:
            rest = self.residual[v : v + 1]
            rest[:] = self.images[v]
            add_to(rest, self.params, self._only(v), self.table, -1.0)
            flatten(rest[0], int(TILE * self.shape.radius))

        in_threads(of_view, range(len(self.images)))

    def _only(self, v: int) -> Cameras:
        c = self.cameras
        one = slice(v, v + 1)
        return Cameras(c.matrices[one], c.shifts[one], c.gains[one], c.noise[one])

    def add(self, params: NDArray) -> None:
        """More particles, (n, 5)."""
        add_to(self.residual, params, self.cameras, self.table, -1.0)
        self.params = np.vstack([self.params, params])

    def settle(self, sweeps: int = 10) -> None:
        """Fit all together."""
        self.params = fit_particles(
            self.residual,
            self.params,
            self.cameras,
            self.shape,
            self.prior,
            self.table,
            sweeps,
            in_threads,
        )

    def covariance(self) -> NDArray:
        """(N, 5, 5)."""
        return covariances(self.params, self.cameras, self.images, self.usual, self.table)

    def heights(self) -> tuple[NDArray, NDArray]:
        """Height of each particle in each view alone at its place, and the 1-sigma, (N, V)."""
        c = self.cameras
        return view_heights(
            self.residual,
            self.params,
            c.matrices,
            c.shifts,
            c.gains,
            c.noise,
            self.table.values,
            self.table.grid,
        )

    def prune(self) -> NDArray[np.bool_]:
        """Take out particles that faded, fell onto others, or that most views deny.

        Returns
        -------
        numpy.ndarray
            (N,) bool, those that stay.
        """
        if len(self.params) == 0:
            return np.zeros(0, dtype=bool)
        height = self.params[:, 3]
        found = own_covariances(self.params, self.cameras, self.images, self.usual, self.table)
        sigma = np.sqrt(np.maximum(found[:, 3, 3], 0))
        margin = 0.25 * (self.depths[1] - self.depths[0]) + 2 * self.shape.radius
        z = self.params[:, 2]
        stays = height > self.level * sigma
        stays &= (z > self.depths[0] - margin) & (z < self.depths[1] + margin)
        alone, error = self.heights()
        visible = np.isfinite(error) & (error < 3 * np.nanmedian(error))
        denied = visible & (alone < 0.4 * height[:, None]) & (alone + 3 * error < height[:, None])
        stays &= 2 * denied.sum(axis=1) < np.maximum(visible.sum(axis=1), 1)
        stays &= visible.sum(axis=1) >= 2
        stays &= self._distinct(height)
        self.drop(~stays)
        return stays

    def _distinct(self, height: NDArray) -> NDArray[np.bool_]:
        """Of particles that lie on each other in every view, the strongest.

        Two that are both about as bright as particles are stay: one would be twice as bright.
        """
        keep = np.ones(len(height), dtype=bool)
        if len(height) < 2:
            return keep
        seen = self.cameras.seen(self.params[:, :3])
        near = cKDTree(seen[0]).query_pairs(SAME * self.shape.radius, output_type="ndarray")
        apart = np.linalg.norm(seen[:, near[:, 0]] - seen[:, near[:, 1]], axis=2).max(axis=0)
        least = np.minimum(height[near[:, 0]], height[near[:, 1]])
        same = (apart < SAME * self.shape.radius) & (least < TWIN * np.median(height))
        for a, b in near[same]:
            weaker = a if height[a] < height[b] else b
            keep[weaker] = keep[weaker] and not keep[a + b - weaker]
        return keep

    def learn_shape(self) -> None:
        """Radius, blur and profile of the population from all views together."""
        if len(self.params) < FEWEST:
            return
        learned = learned_shape(self.residual, self.params, self.cameras, self.shape)
        # Radii that were fitted with another shape are off in the same way.
        self.params[:, 4] *= learned.radius / self.shape.radius
        self.shape, self.table = learned, profile_table(learned)
        self.clear()

    def split(self) -> NDArray[np.int64]:
        """Take particles apart that hide one behind the other in every view.

        Returns
        -------
        numpy.ndarray
            (N,) which particle each was before; -1 for new ones.
        """
        prior = Prior(
            self.shape.radius, min(self.prior.spread, ALIKE * self.shape.radius), self.prior.depth
        )
        self.params, origin = split_spots(
            self.residual,
            self.params,
            self.cameras,
            self.shape,
            prior,
            self.table,
            self.level,
            suspects(self.params),
        )
        return origin

    def search(self) -> int:
        """Look for overlooked particles in what is left over; returns how many were added."""
        views = len(self.images)
        each = max(FAINTEST, self.level / np.sqrt(views))
        found = in_threads(
            lambda v: residual_peaks(self.residual[v], self.shape, self.cameras.noise[v], each),
            range(views),
        )
        ground = self._ground(found)
        groups = hypotheses(ground, *self.depths)
        if len(groups) == 0:
            return 0
        score = self._combined(groups.members, [f[2] for f in found])
        groups = groups.take(score > self.level)
        if len(groups) == 0:
            return 0
        # All of them are significant: the constant lets the likelihood only choose among rivals.
        chosen = groups.take(assign(groups, scores(groups, ground, *self.depths) + SURE))
        heights = [f[1] / g for f, g in zip(found, self.cameras.gains, strict=True)]
        mean = _mean_of_members(chosen.members, heights)
        new = np.column_stack([chosen.points, mean, np.full(len(mean), self.shape.radius)])
        if len(self.params):
            usual = float(np.median(self.params[:, 3]))
            new = new[new[:, 3] > LEAST_SHARE * usual]
        self.add(new)
        return len(new)

    def _ground(self, found: list) -> GroundViews:
        c = self.cameras
        points = to_ground(c.matrices, c.shifts, [f[0] for f in found])
        # A peak of whole pixels of a filter of this radius: its place from its significance.
        sigma = [0.4 + 0.8 * self.shape.radius / np.maximum(f[2], 1) for f in found]
        return GroundViews(points, sigma, ground_slopes(c.matrices), self.images[0].size)

    def _combined(self, members: NDArray[np.int64], significance: list[NDArray]) -> NDArray:
        """Significance of groups over all views; a view without a peak counts as nothing seen."""
        total = np.zeros(len(members))
        for v, s in enumerate(significance):
            there = members[:, v] >= 0
            total[there] += s[members[there, v]]
        return total / np.sqrt(members.shape[1])

    def drop(self, gone: NDArray[np.bool_]) -> None:
        """Take particles out."""
        if gone.any():
            add_to(self.residual, self.params[gone], self.cameras, self.table, 1.0)
            self.params = self.params[~gone]

    def share_gains(self) -> None:
        """Brightness of each view from the particles' heights in each."""
        if len(self.params) < 20:
            return
        alone, _ = self.heights()
        share = np.nanmedian(alone / self.params[:, 3:4], axis=0) * self.cameras.gains
        gains = share / share.mean()
        if np.isfinite(gains).all() and (gains > 0.1).all():
            self.cameras = replace(self.cameras, gains=gains)
            self.clear()


def _mean_of_members(members: NDArray[np.int64], values: list[NDArray]) -> NDArray:
    """Mean of one number per detection over the members of each group."""
    total, count = np.zeros(len(members)), np.zeros(len(members))
    for v, value in enumerate(values):
        there = members[:, v] >= 0
        total[there] += value[members[there, v]]
        count += there
    return total / np.maximum(count, 1)
