"""Which true line a reconstructed line runs along, from x and y alone."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def errors_along(network, lines, pixel_size: float, reach: float = 3.0) -> np.ndarray:
    """Depth errors in nm against the true line that each line runs along.

    The true line is chosen by the distances in the image, and changes only where another one, or
    none, is nearer over several points (a cost of 4 against at most 1 per point).
    """
    points, out = network.points_in_scan, np.full(len(network.points), np.nan)
    truth = [resampled(np.asarray(line, dtype=float), pixel_size / 2) for line in lines]
    trees = [cKDTree(line[:, :2]) for line in truth]
    for number in range(network.n_lines):
        own = np.flatnonzero(network.line_index == number)
        found = [tree.query(points[own, :2] * pixel_size) for tree in trees]
        far = np.array([d for d, _ in found]) / pixel_size
        depth = np.array([line[i, 2] for line, (_, i) in zip(truth, found, strict=True)])
        cost = np.vstack([np.minimum(far / reach, 1.0) ** 2, np.ones(len(own))])
        state = cheapest_path(cost, 4.0)
        for point, k, column in zip(own, state, range(len(own)), strict=True):
            if k < len(truth) and far[k, column] <= reach:
                out[point] = points[point, 2] * pixel_size - depth[k, column]
    return out


def cheapest_path(cost: np.ndarray, change: float) -> np.ndarray:
    """State (n,) for costs (states, n) and a fixed cost of changing the state (Viterbi)."""
    states, total, came = np.arange(len(cost)), cost[:, 0], []
    for column in cost.T[1:]:
        stay = total <= total.min() + change
        came.append(np.where(stay, states, total.argmin()))
        total = np.minimum(total, total.min() + change) + column
    path = [int(total.argmin())]
    for before in reversed(came):
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])


def resampled(line: np.ndarray, step: float) -> np.ndarray:
    """The polyline with points at most `step` apart."""
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, arc[-1], int(np.ceil(arc[-1] / step)) + 2)
    return np.column_stack([np.interp(at, arc, column) for column in line.T])
