"""Between which depths the particles lie."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.matching.particles.assignment import assign
from hyperspy_stereo.matching.particles.ground_plane import GroundViews
from hyperspy_stereo.matching.particles.hypotheses import Hypotheses, hypotheses, scores

__all__ = ["depth_range"]

GAP = 2  # bins without particles that a slab may hold
MOST_RUNS = 6  # that are compared


def depth_range(found: GroundViews, search: float) -> tuple[float, float]:
    """Depths between which the particles lie, read from where groups of detections pile up.

    Parameters
    ----------
    found : GroundViews
        Detections.
    search : float
        Largest distance from depth 0 that is looked at, px.

    Returns
    -------
    low, high : float
        px; the whole search range if nothing piles up.
    """
    groups = hypotheses(found, -search, search)
    if len(groups) < 5:
        return -search, search
    z = groups.points[:, 2]
    # Bins no finer than a depth can be told, nor so fine that they hold nothing.
    width = max(2 * float(np.median(groups.errors[:, 2])), 2 * search / 80)
    edges = np.arange(-search, search + width, width)
    count = np.histogram(z, edges)[0].astype(float)
    ground = float(np.median(count))
    # Chance pairs fill all depths alike; where most depths are filled there is no ground to see.
    if ground > 0.5 * count.max():
        ground = 0.0
    high_bins = count > ground + 4 * np.sqrt(ground + 1) if ground else count > 0.05 * count.max()
    if not high_bins.any():
        return -search, search
    # Of the runs of filled bins the one that explains most detections best: regular arrays of
    # particles also match one period off, but less well. A slab may leave a few bins empty.
    filled = np.flatnonzero(high_bins)
    runs = np.split(filled, np.flatnonzero(np.diff(filled) > GAP) + 1)
    runs = sorted(runs, key=lambda run: -float((count[run] - ground).sum()))[:MOST_RUNS]
    ends = [(float(edges[run[0]]), float(edges[run[-1] + 1])) for run in runs]
    low, high = (
        ends[0] if len(ends) == 1 else max(ends, key=lambda e: _explained(groups, found, *e))
    )
    margin = width + 2 * float(np.median(groups.errors[:, 2]))
    return low - margin, high + margin


def _explained(groups: Hypotheses, found: GroundViews, low: float, high: float) -> float:
    """Log-likelihood of the best one-to-one set of groups between two depths."""
    z = groups.points[:, 2]
    some = groups.take((z >= low) & (z <= high))
    value = scores(some, found, low, high)
    return float(value[assign(some, value)].sum())
