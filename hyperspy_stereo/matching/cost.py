"""What it costs to give a point of a line a disparity, by geometry and by appearance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from scipy.ndimage import uniform_filter1d

from hyperspy_stereo.matching.appearance import Appearance, Described, similarity_volume
from hyperspy_stereo.matching.chains import Chains
from hyperspy_stereo.matching.curve_match import MatchSettings

__all__ = ["Lines", "appearance_weight", "candidate_map", "line_contrast", "pair_cost"]

_NO_HIT = 2.5  # px; a line farther away than this is not met
# px between pixels near a point that is met, and that point's own pixel. It has to exceed _NO_HIT
# + 0.71 (half a pixel's diagonal) + 1 (half a piece of line), and 0.71 for where in its pixel the
# point lies: then every pixel with candidates has a nearest point, and `_candidates` a row for it.
_REACH = 7
_LEAST_CONTRAST = 0.02


@dataclass(frozen=True)
class Lines:
    """Chains of a view with what costs need of them.

    Attributes
    ----------
    chains : Chains
        The lines.
    slot : (H, W) int32 ndarray
        Row of ``candidates`` for points in each pixel, -1 where no line is near.
    candidates : (K, 5) int32 ndarray
        Chain points that may be met in a pixel, then -1.
    contrast : (N,) float32 ndarray
        Log of the contrast at every point, 0 without images.
    """

    chains: Chains
    slot: np.ndarray
    candidates: np.ndarray
    contrast: np.ndarray


def candidate_map(chains: Chains, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Which chain points may be met in each pixel.

    Those nearest to the pixel and to its four neighbours, which see the other line where two
    lines cross, as far as they lie within reach.

    Parameters
    ----------
    chains : Chains
        Lines of a view.
    shape : tuple of int
        Height and width of the view in px.

    Returns
    -------
    slot, candidates : ndarray
        See `Lines`.
    """
    index = np.full(shape, -1, np.int32)
    x, y = np.round(chains.points).astype(int).T
    x, y = np.clip(x, 0, shape[1] - 1), np.clip(y, 0, shape[0] - 1)
    index[y, x] = np.arange(len(chains))
    return _candidates(_nearest(index, _REACH), chains.points, chains.tangent)


@numba.njit(cache=True, nogil=True)
def _nearest(index, reach):
    """Spread each index to the pixels around it; of two as near the one further left, or up."""
    height, width = index.shape
    out = np.full(index.shape, -1, np.int32)
    least = np.full(index.shape, reach * reach + 1, np.int32)
    for c in range(width):
        for r in range(height):
            if index[r, c] < 0:
                continue
            for y in range(max(r - reach, 0), min(r + reach + 1, height)):
                for x in range(max(c - reach, 0), min(c + reach + 1, width)):
                    away = (y - r) ** 2 + (x - c) ** 2
                    if away < least[y, x]:
                        least[y, x] = away
                        out[y, x] = index[r, c]
    return out


def line_contrast(chains: Chains, appearance: Appearance | Described | None) -> np.ndarray:
    """Log of the contrast along each line, averaged over about 9 px of line."""
    if appearance is None or len(chains) == 0:
        return np.zeros(len(chains), np.float32)
    height, width = appearance.smooth.shape
    x, y = np.round(chains.points).astype(int).T
    value = appearance.smooth[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    out = np.empty(len(chains), np.float32)
    for a, b in pairwise(chains.bounds):
        out[a:b] = uniform_filter1d(value[a:b], 9, mode="nearest")
    return np.log(np.maximum(np.abs(out), _LEAST_CONTRAST)).astype(np.float32)


def appearance_weight(appearance: Appearance | Described | None, settings: MatchSettings) -> float:
    """Cost of a likeness of 0 rather than 1."""
    if appearance is None:
        return 0.0
    return settings.descriptors if isinstance(appearance, Described) else settings.appearance


@numba.njit(cache=True, nogil=True)
def _apart(dx, dy, u, v):
    """Squared distance of a point from a piece of line, 2 px long, of direction u, v."""
    across = dx * v - dy * u
    beyond = max(abs(dx * u + dy * v) - 1.0, 0.0)
    return across * across + beyond * beyond


@numba.njit(cache=True, nogil=True)
def _candidates(nearest, xy, uv):
    height, width = nearest.shape
    slot = np.full(nearest.shape, -1, np.int32)
    found = np.full(((nearest >= 0).sum(), 5), -1, np.int32)
    # Within half a pixel's diagonal of a place where the line is met.
    most = (_NO_HIT + 0.71) ** 2
    n = 0
    for r in range(height):
        for c in range(width):
            # Rows are counted by these pixels, and compiled code does not check its bounds.
            if nearest[r, c] < 0:
                continue
            count = 0
            for m in range(5):
                y = r + (1 if m == 1 else (-1 if m == 2 else 0))
                x = c + (1 if m == 3 else (-1 if m == 4 else 0))
                if y < 0 or x < 0 or y >= height or x >= width or nearest[y, x] < 0:
                    continue
                j = nearest[y, x]
                known = False
                for k in range(count):
                    known |= found[n, k] == j
                if not known and _apart(c - xy[j, 0], r - xy[j, 1], uv[j, 0], uv[j, 1]) <= most:
                    found[n, count] = j
                    count += 1
            if count > 0:
                slot[r, c] = n
                n += 1
    return slot, found[:n].copy()


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _geometry(ours, slot, candidates, theirs, shifts, weights, caps):
    """Costs and hits; points are x, y, tangent, log of contrast."""
    height, width = slot.shape
    n, n_labels = ours.shape[0], shifts.shape[0]
    cost = np.empty((n, n_labels), np.float32)
    hit = np.full((n, n_labels), -1, np.int32)
    w_distance, w_angle, w_contrast = weights
    c_distance, c_angle, c_contrast = caps
    worst = w_distance + w_angle + w_contrast
    for i in range(n):
        px, py, tx, ty, contrast = ours[i]
        for k in range(n_labels):
            qx, qy = px + shifts[k, 0], py + shifts[k, 1]
            c, r = int(np.floor(qx + 0.5)), int(np.floor(qy + 0.5))
            if c < 0 or r < 0 or c >= width or r >= height:
                cost[i, k] = np.nan
                continue
            best, best_j = worst, -1
            place = slot[r, c]
            for m in range(5 if place >= 0 else 0):
                j = candidates[place, m]
                if j < 0:
                    break
                u, v = theirs[j, 2], theirs[j, 3]
                apart = _apart(qx - theirs[j, 0], qy - theirs[j, 1], u, v)
                if apart > _NO_HIT**2:
                    continue
                turn = abs(tx * v - ty * u)
                change = abs(contrast - theirs[j, 4])
                # Squared: centre lines of detected masks are uncertain by half a pixel, which on
                # a line along the rows would be many px of disparity.
                value = w_distance * min(apart / c_distance**2, 1.0)
                value += w_angle * min(turn / c_angle, 1.0)
                value += w_contrast * min(change / c_contrast, 1.0)
                if best_j < 0 or value < best:
                    best, best_j = value, j
            cost[i, k], hit[i, k] = best, best_j
    return cost, hit


@numba.njit(cache=True, nogil=True)
def _add_unlikeness(cost, likeness, weight):
    for i in range(cost.shape[0]):
        for k in range(cost.shape[1]):
            cost[i, k] += weight * (np.float32(1) - likeness[i, k])


def pair_cost(
    ref: Lines,
    other: Lines,
    appearances: tuple[Appearance | Described | None, Appearance | Described | None],
    baseline: np.ndarray,
    labels: np.ndarray,
    settings: MatchSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Cost of every label at every point of ``ref`` against one other view.

    Parameters
    ----------
    ref, other : Lines
        Lines of the view of the points, and candidates of the other view.
    appearances : tuple of Appearance or None
        The two views, None to use geometry only.
    baseline : (2,) ndarray
        Where a point moves from one view to the other per px of disparity.
    labels : (L,) ndarray
        Disparities in px.
    settings : MatchSettings
        Weights and caps.

    Returns
    -------
    cost : (N, L) float32 ndarray
        Cost of every label; NaN where the counterpart lies outside the other view.
    hit : (N, L) int32 ndarray
        Point of the other view's lines that the label leads to, -1 if none is near.
    likeness : (N, L) float32 ndarray or None
        Likeness to the other view, NaN outside of it; None without images.
    """
    chains = ref.chains
    shifts = labels[:, None] * np.asarray(baseline, float)
    with_images = appearances[0] is not None
    w_contrast = settings.contrast if with_images else 0.0
    ours, theirs = (
        np.column_stack([lines.chains.points, lines.chains.tangent, lines.contrast])
        for lines in (ref, other)
    )
    cost, hit = _geometry(
        ours,
        other.slot,
        other.candidates,
        theirs,
        shifts,
        (settings.distance, settings.orientation, w_contrast),
        (settings.distance_cap, settings.orientation_cap, settings.contrast_cap),
    )
    likeness = None
    if with_images and len(chains):
        likeness = similarity_volume(*appearances, chains.points, shifts)
        _add_unlikeness(cost, likeness, np.float32(appearance_weight(appearances[0], settings)))
    _favour_free_ends(cost, chains, other.chains, np.asarray(baseline, float), labels, settings)
    return cost, hit, likeness


def _favour_free_ends(cost, chains, others, baseline, labels, settings):
    """A free end that meets a free end on its own row (3 px) is worth a few points of line."""
    ends, targets = np.nonzero(chains.free_end)[0], np.nonzero(others.free_end)[0]
    length = float(np.hypot(*baseline))
    if ends.size == 0 or targets.size == 0 or length < 1e-9:
        return
    step = others.points[targets][None] - chains.points[ends][:, None]
    along = step @ baseline / length**2
    across = (step[..., 0] * baseline[1] - step[..., 1] * baseline[0]) / length
    for i, point in enumerate(ends):
        for value in along[i, np.abs(across[i]) < 3.0]:
            nearness = np.clip(1 - np.abs(labels - value) / 2.0, 0, 1)
            cost[point] -= settings.free_end * nearness.astype(np.float32)
