"""From the particles of each view to particles in space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperspy_stereo.detection.particles.detect import LEAST_SHARE, Detections
from hyperspy_stereo.detection.particles.fit import Cameras
from hyperspy_stereo.detection.particles.ground import check_false_alarms
from hyperspy_stereo.detection.particles.profile import ParticleShape
from hyperspy_stereo.detection.particles.split import Usual
from hyperspy_stereo.matching.particles.assignment import assign, rivals
from hyperspy_stereo.matching.particles.calibrate import ViewErrors, view_errors
from hyperspy_stereo.matching.particles.depths import depth_range
from hyperspy_stereo.matching.particles.ground_plane import (
    GroundViews,
    ground_slopes,
    to_ground,
    view_geometry,
)
from hyperspy_stereo.matching.particles.hypotheses import (
    Hypotheses,
    hypotheses,
    least_views,
    scores,
)
from hyperspy_stereo.matching.particles.refine import Fit, _mean_of_members

__all__ = ["ParticleMatch", "reconstruct_particles"]

LOOSE = 0.08  # radii, errors that views may have before they are calibrated
FLOOR = 0.06  # px, errors of a detection that its sigma does not know: overlaps, shape
SEARCHES = 2
ODD = 5.0  # standard deviations above the usual height that make a particle doubtful
LEAST = 2.2  # standard deviations of a detection; circles found in noise have less
SEEN = 3.0  # standard deviations of its height that show a particle in a view
DEEPEST = 40.0  # px of parallax that are searched for particles at least


@dataclass(frozen=True, eq=False)
class ParticleMatch:
    """Particles in space.

    Attributes
    ----------
    points : (N, 3) ndarray
        x, y, z, px; only differences of z mean something.
    sigma : (N, 3) ndarray
        1-sigma of each, px.
    radius, height, significance : (N,) ndarray
        px; the unit of the images; height over its 1-sigma.
    views_detected : (N,) int ndarray
        Views in which it was detected alone; 0 for those found only by all together.
    views_seen : (N,) int ndarray
        Views whose picture shows it at its place.
    ambiguous : (N,) bool ndarray
        Another depth is nearly as likely, its sigma of depth is much above the usual one, or it is
        so bright that it may be two.
    depths : (float, float)
        Range that was searched, px.
    errors : ViewErrors
        Of the views, as found and corrected.
    shape : ParticleShape
        Of the population.
    rejected : dict
        ``{reason: detections}``.
    """

    points: np.ndarray
    sigma: np.ndarray
    radius: np.ndarray
    height: np.ndarray
    significance: np.ndarray
    views_detected: np.ndarray
    views_seen: np.ndarray
    ambiguous: np.ndarray
    depths: tuple[float, float]
    errors: ViewErrors
    shape: ParticleShape | None
    rejected: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.points)


def reconstruct_particles(
    images: ArrayLike,
    detections: Sequence[Detections],
    incidence: ArrayLike,
    geometry: str = "tiltless",
    depths: tuple[float, float] | None = None,
    false_alarms: float = 0.01,
) -> ParticleMatch:
    """Match the particles of all views at once and fit them in space.

    1. Groups of detections on common epipolar lines, in more than half of the views; the best set
    in which none is used twice. 2. Errors of the views from the residuals. 3. All particles fitted
    to all pixels of all views, which measures them also where they were not detected. 4. A search
    for particles in what is left over.

    Parameters
    ----------
    images : array-like of shape (V, H, W)
        The views.
    detections : sequence of V Detections
        Of each view.
    incidence : array-like of shape (V, 2)
        mrad.
    geometry : {"tiltless", "tilt"}
        See :func:`hyperspy_stereo.geometry.projection_matrices`.
    depths : (float, float), optional
        Between which to look, px; found from the detections by default.
    false_alarms : float
        Share of the particles found that may be of noise alone. Default 0.01.

    Returns
    -------
    ParticleMatch
        Empty if no particle was detected.

    Raises
    ------
    ValueError
        If there are fewer than two views, they look from one direction, or the arrays do not fit
        each other.
    """
    check_false_alarms(false_alarms)
    pictures = np.asarray(images, dtype=np.float32)
    if pictures.ndim != 3 or len(detections) != len(pictures):
        raise ValueError(
            f"images are (views, H, W) with one Detections for each view; shape {pictures.shape} "
            f"and {len(detections)} were given."
        )
    matrices, shifts = view_geometry(incidence, geometry, pictures.shape[1:])
    if len(matrices) != len(pictures):
        raise ValueError(f"{len(pictures)} views need as many incidences; got {len(matrices)}.")
    total = sum(len(d) for d in detections)
    detections = [d.take(d.significance > LEAST) for d in detections]
    missing = total - sum(len(d) for d in detections)
    shapes = [d.shape for d in detections if d.shape is not None and len(d)]
    if len(shapes) < 2:
        return _empty(len(pictures), total, depths)
    shape = _common_shape(shapes)
    cameras = _cameras(matrices, shifts, detections)
    # At first as if places were uncertain, so that views that are off by a little still match.
    found = _ground(cameras, detections, pictures.shape, LOOSE * shape.radius)
    if depths is None:
        spread = np.abs(found.slopes - found.slopes.mean(axis=0)).max()
        parallax = min(max(6 * shape.radius, DEEPEST / 2), min(pictures.shape[1:]) / 4)
        depths = depth_range(found, parallax / max(spread, 1e-6))
    groups, _, chosen = _matched(found, depths)
    errors = view_errors(groups.members[chosen], found)
    cameras = _corrected(cameras, errors)
    found = _ground(cameras, detections, pictures.shape, FLOOR)
    groups, value, chosen = _matched(found, depths)
    doubtful = rivals(groups, value, chosen)
    best = groups.take(chosen)
    fit = Fit(shape.sign * pictures, cameras, shape, depths, false_alarms * max(len(best), 1))
    fit.add(_start(best, detections, cameras.gains))
    origin = np.arange(len(best))
    origin = _settled(fit, origin)
    return _result(fit, best, origin, doubtful, errors, detections, missing)


def _settled(fit: Fit, origin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Fit, look again, fit; returns for each particle the group it began as, or -1."""
    fit.settle()
    origin = origin[fit.prune()]
    fit.share_gains()
    fit.learn_shape()
    fit.clear()
    for _ in range(SEARCHES):
        origin = _inherited(origin, fit.split())
        added = fit.search()
        origin = np.append(origin, np.full(added, -1))
        fit.settle()
        origin = origin[fit.prune()]
        if len(origin):
            # What no view showed alone must at least be about as bright as particles are.
            height = fit.params[:, 3]
            weak = (origin < 0) & (height < LEAST_SHARE * np.median(height))
            fit.drop(weak)
            origin = origin[~weak]
        if not added:
            break
    return origin


def _inherited(origin: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups of particles that were others before; -1 for new ones."""
    return np.where(before >= 0, origin[before], -1) if len(before) else before


def _matched(
    found: GroundViews, depths: tuple[float, float]
) -> tuple[Hypotheses, NDArray, NDArray[np.int64]]:
    """Candidate groups, their scores, and which of them are chosen."""
    groups = hypotheses(found, *depths)
    value = scores(groups, found, *depths)
    return groups, value, assign(groups, value)


def _common_shape(shapes: list[ParticleShape]) -> ParticleShape:
    """The shape of the population from those of the views: medians."""
    middle = {
        name: float(np.median([getattr(s, name) for s in shapes]))
        for name in ("radius", "spread", "exponent", "blur")
    }
    return ParticleShape(**middle, sign=int(np.sign(sum(s.sign for s in shapes)) or shapes[0].sign))


def _cameras(matrices: NDArray, shifts: NDArray, detections: Sequence[Detections]) -> Cameras:
    usual = np.array([np.median(d.height) if len(d) else np.nan for d in detections])
    gains = np.where(np.isfinite(usual), usual / np.nanmean(usual), 1.0)
    noise = np.array([d.noise for d in detections])
    noise = np.maximum(noise, 1e-6 * max(float(np.nanmax(usual)), 1e-30))
    return Cameras(matrices, shifts, gains, noise)


def _ground(
    cameras: Cameras, detections: Sequence[Detections], shape: tuple, floor: float
) -> GroundViews:
    points = to_ground(cameras.matrices, cameras.shifts, [d.positions for d in detections])
    sigma = [np.hypot(np.sqrt((d.sigma**2).mean(axis=1)), floor) for d in detections]
    return GroundViews(points, sigma, ground_slopes(cameras.matrices), float(shape[1] * shape[2]))


def _corrected(cameras: Cameras, errors: ViewErrors) -> Cameras:
    """Cameras with the errors of the views taken into account."""
    matrices = cameras.matrices.copy()
    inner = matrices[:, :, :2]
    # r = A ((x, y) - c z) + t: an error of c and of the place g enter through A.
    matrices[:, :, 2] -= np.einsum("vij,vj->vi", inner, errors.slopes)
    shifts = cameras.shifts + np.einsum("vij,vj->vi", inner, errors.shifts)
    return Cameras(matrices, shifts, cameras.gains, cameras.noise)


def _start(best: Hypotheses, detections: Sequence[Detections], gains: NDArray) -> NDArray:
    heights = [d.height / g for d, g in zip(detections, gains, strict=True)]
    height = _mean_of_members(best.members, heights)
    radius = _mean_of_members(best.members, [d.radius for d in detections])
    return np.column_stack([best.points, height, radius])


def _result(
    fit: Fit,
    best: Hypotheses,
    origin: NDArray[np.int64],
    doubtful: NDArray[np.bool_],
    errors: ViewErrors,
    detections: Sequence[Detections],
    missing: int,
) -> ParticleMatch:
    variance = np.maximum(np.diagonal(fit.covariance(), axis1=1, axis2=2), 0)
    sigma = np.sqrt(variance)
    alone, error = fit.heights()
    seen = (alone > SEEN * error).sum(axis=1)
    known = origin >= 0
    count = np.zeros(len(origin), dtype=int)
    count[known] = best.count[origin[known]]
    ambiguous = np.zeros(len(origin), dtype=bool)
    ambiguous[known] = doubtful[origin[known]]
    if len(origin):
        ambiguous |= sigma[:, 2] > 3 * np.median(sigma[:, 2])
        # What is as bright as two, where particles are alike, may be two that no view parts.
        usual = Usual.of(fit.params[:, 3])
        ambiguous |= fit.params[:, 3] > usual.height + max(ODD * usual.spread, 0.5 * usual.height)
    ambiguous |= seen < least_views(len(detections))
    used = int((best.members[origin[known]] >= 0).sum())
    total = sum(len(d) for d in detections)
    return ParticleMatch(
        points=fit.params[:, :3].copy(),
        sigma=sigma[:, :3],
        radius=fit.params[:, 4].copy(),
        height=fit.params[:, 3].copy(),
        significance=fit.params[:, 3] / np.maximum(sigma[:, 3], 1e-30),
        views_detected=count,
        views_seen=seen,
        ambiguous=ambiguous,
        depths=(float(fit.depths[0]), float(fit.depths[1])),
        errors=errors,
        shape=fit.shape,
        rejected={"used": used, "unmatched": total - used, "not in the picture": missing},
    )


def _empty(views: int, total: int, depths: tuple[float, float] | None) -> ParticleMatch:
    none, three, whole = np.zeros(0), np.zeros((0, 3)), np.zeros(0, dtype=int)
    zero = ViewErrors(np.zeros((views, 2)), np.zeros((views, 2)), np.inf, np.inf)
    return ParticleMatch(
        three,
        three,
        none,
        none,
        none,
        whole,
        whole,
        whole.astype(bool),
        depths or (0.0, 0.0),
        zero,
        None,
        {"used": 0, "unmatched": total, "not in the picture": 0},
    )
