"""Which detections of several views may be one particle.

Pairs of detections on one epipolar line give a depth; the depth says where the other views should
show the particle; what lies there joins. A particle may be missing in a minority of the views.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hyperspy_stereo.matching.particles.ground_plane import GroundViews, lift_members

__all__ = ["Hypotheses", "hypotheses", "least_views", "scores"]

GATE = 4.5  # standard deviations
MOST_SEEDS = 24  # pairs of views
DETECTED = 0.9  # chance to be detected in a view, overlap included
CLUTTER = 0.2  # share of detections that belong to no particle, for the score only


@dataclass(frozen=True, eq=False)
class Hypotheses:
    """Groups of detections that may be one particle.

    Attributes
    ----------
    members : (H, V) int64 ndarray
        Detection of each view, -1 for none.
    points, errors : (H, 3) ndarray
        x, y, z and their 1-sigma, px.
    chi2 : (H,) ndarray
        With 2 n - 3 degrees of freedom for n members.
    """

    members: np.ndarray
    points: np.ndarray
    errors: np.ndarray
    chi2: np.ndarray

    def __len__(self) -> int:
        return len(self.members)

    @property
    def count(self) -> np.ndarray:
        """(H,) number of members."""
        return (self.members >= 0).sum(axis=1)

    def take(self, which: NDArray) -> Hypotheses:
        """Some of them."""
        return Hypotheses(
            self.members[which], self.points[which], self.errors[which], self.chi2[which]
        )


def least_views(views: int) -> int:
    """Views that must show a particle: more than half, at least two.

    Examples
    --------
    >>> [least_views(n) for n in (2, 3, 4, 16)]
    [2, 2, 3, 9]
    """
    return max(2, views // 2 + 1)


def hypotheses(found: GroundViews, low: float, high: float) -> Hypotheses:
    """All groups of detections that fit one particle between two depths.

    Parameters
    ----------
    found : GroundViews
        Detections.
    low, high : float
        Depths, px.

    Returns
    -------
    Hypotheses
        Several for a detection where it is ambiguous.
    """
    points, sigma = found.padded()
    trees = [cKDTree(p) if len(p) else None for p in found.points]
    seeds = [_seeds(found, trees, v, w, low, high) for v, w in _seed_pairs(found.slopes)]
    members = np.vstack([np.zeros((0, found.views), np.int64), *seeds])
    for _ in range(2):
        members = _extended(members, found, trees, points, sigma, low, high)
    members = _with_one_less(members, points, sigma, found.slopes)
    xyz, errors, chi2 = lift_members(members, points, sigma, found.slopes)
    all_found = Hypotheses(members, xyz, errors, chi2)
    margin = 2 * errors[:, 2]
    freedom = np.maximum(2 * all_found.count - 3, 1)
    good = all_found.count >= least_views(found.views)
    good &= (xyz[:, 2] > low - margin) & (xyz[:, 2] < high + margin)
    # Twice the degrees of freedom and 20: one in 10^4 for honest sigmas.
    return all_found.take(good & (chi2 < 2 * freedom + 20))


def _seed_pairs(slopes: NDArray) -> list[tuple[int, int]]:
    """Pairs of views that start groups: all of few views, else each with those far from it."""
    views = len(slopes)
    pairs = [(v, w) for v in range(views) for w in range(v + 1, views)]
    apart = {p: np.linalg.norm(slopes[p[0]] - slopes[p[1]]) for p in pairs}
    pairs = [p for p in sorted(pairs, key=lambda p: -apart[p]) if apart[p] > 1e-6]
    if len(pairs) <= MOST_SEEDS:
        return pairs
    # Pairs without a common view: a particle missing in less than half of the views has both.
    used: set[int] = set()
    disjoint = []
    for v, w in pairs:
        if v not in used and w not in used:
            disjoint.append((v, w))
            used |= {v, w}
    rest = [p for p in pairs if p not in disjoint]
    return (disjoint + rest)[: max(MOST_SEEDS, len(disjoint))]


def _seeds(
    found: GroundViews, trees: list, v: int, w: int, low: float, high: float
) -> NDArray[np.int64]:
    """Pairs of detections of two views on one epipolar line, as (n, V) members."""
    none = np.zeros((0, found.views), np.int64)
    if trees[v] is None or trees[w] is None:
        return none
    along = found.slopes[v] - found.slopes[w]
    length = np.linalg.norm(along)
    widest = GATE * np.hypot(np.quantile(found.sigma[v], 0.98), np.quantile(found.sigma[w], 0.98))
    middles = found.points[v] + along * (low + high) / 2
    reach = length * (high - low) / 2 + widest
    near = cKDTree(middles).sparse_distance_matrix(trees[w], reach, output_type="ndarray")
    i, j = near["i"], near["j"]
    apart = found.points[w][j] - found.points[v][i]
    depth = apart @ along / length**2
    aside = np.abs(apart[:, 0] * along[1] - apart[:, 1] * along[0]) / length
    error = np.hypot(found.sigma[v][i], found.sigma[w][j])
    slack = GATE * error / length
    use = (aside < GATE * error) & (depth > low - slack) & (depth < high + slack)
    members = np.full((int(use.sum()), found.views), -1, np.int64)
    members[:, v], members[:, w] = i[use], j[use]
    return members


def _extended(
    members: NDArray[np.int64],
    found: GroundViews,
    trees: list,
    points: NDArray,
    sigma: NDArray,
    low: float,
    high: float,
) -> NDArray[np.int64]:
    """Groups with the detection of each view that is nearest to where it should be."""
    if len(members) == 0:
        return members
    xyz, errors, _ = lift_members(members, points, sigma, found.slopes)
    # Noise can put a pair far outside the slab, where it would look for the others.
    depth = np.clip(xyz[:, 2], low, high)
    xy = xyz[:, :2]
    error_z = np.minimum(errors[:, 2], (high - low) / 2 + 1e-9)
    out = np.full_like(members, -1)
    for v in range(found.views):
        if trees[v] is None:
            continue
        expected = xy - found.slopes[v] * depth[:, None]
        mean = found.slopes[(members >= 0).argmax(axis=1)]
        lever = np.linalg.norm(found.slopes[v] - mean, axis=1)
        predicted = np.hypot(errors[:, 0], np.minimum(lever, 1) * error_z)
        usual = float(np.median(found.sigma[v]))
        reach = GATE * np.hypot(predicted, usual)
        distance, nearest = trees[v].query(expected)
        own = found.sigma[v][nearest]
        near = distance < np.maximum(reach, GATE * np.hypot(0.7 * predicted, own))
        out[near, v] = nearest[near]
    # What began a group stays in it where nothing else was found.
    out = np.where(out < 0, members, out)
    return _unlike(out)


def _unlike(members: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows without repetition: by random sums, which two unlike rows never share in practice.

    Sorting whole rows is many times slower.
    """
    weights = np.random.default_rng(0).integers(1, 2**62, members.shape[1])
    # Overflow wraps around, which is as good.
    return members[np.unique((members + 2) @ weights, return_index=True)[1]]


def _with_one_less(
    members: NDArray[np.int64], points: NDArray, sigma: NDArray, slopes: NDArray
) -> NDArray[np.int64]:
    """Groups that fit badly, beside them also without the member that fits worst."""
    least = least_views(members.shape[1])
    out = [members]
    work = members
    for _ in range(max(1, members.shape[1] - least)):
        count = (work >= 0).sum(axis=1)
        _, _, chi2 = lift_members(work, points, sigma, slopes)
        bad = (chi2 > 2 * np.maximum(2 * count - 3, 1)) & (count > least)
        work = work[bad]
        if len(work) == 0:
            break
        best, best_chi2 = work.copy(), np.full(len(work), np.inf)
        for v in range(work.shape[1]):
            less = work.copy()
            less[:, v] = -1
            _, _, value = lift_members(less, points, sigma, slopes)
            better = (value < best_chi2) & (work[:, v] >= 0)
            best[better], best_chi2[better] = less[better], value[better]
        out.append(best)
        work = best
    return _unlike(np.vstack(out))


def scores(groups: Hypotheses, found: GroundViews, low: float, high: float) -> NDArray:
    """Log-likelihood ratio of each group being a particle against its members being by chance.

    Bar-Shalom & Li, Multitarget-Multisensor Tracking (1995), chapter 6, with the position of the
    particle integrated over the depth range.

    Parameters
    ----------
    groups : Hypotheses
        As from :func:`hypotheses`.
    found : GroundViews
        The detections.
    low, high : float
        Range of depth, px.

    Returns
    -------
    numpy.ndarray
        (H,); positive is in favour of a particle.
    """
    _, sigma = found.padded()
    there = groups.members >= 0
    own = np.where(there, sigma[np.arange(found.views), groups.members], 1.0)
    density = max(np.mean([len(p) for p in found.points]), 1.0) / found.area
    gain = np.log(DETECTED) - np.log(2 * np.pi * own**2 * CLUTTER * density)
    value = np.where(there, gain, np.log(1 - DETECTED)).sum(axis=1) - groups.chi2 / 2
    volume = (2 * np.pi) ** 1.5 * groups.errors.prod(axis=1)
    return value + np.log(density / max(high - low, 1.0) * volume)
