"""Displacements of small windows between two pictures, with their uncertainty."""

from __future__ import annotations

import numpy as np
from skimage.feature import match_template

from hyperspy_stereo.views.similarity import Displacements, warp

__all__ = ["local_displacements"]


def _peak(score: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Sub-pixel place (x, y from the centre), curvature (2, 2) and height of a correlation peak."""
    i, j = np.unravel_index(int(np.argmax(score)), score.shape)
    if not (0 < i < score.shape[0] - 1 and 0 < j < score.shape[1] - 1):
        return None
    c = score[i - 1 : i + 2, j - 1 : j + 2].astype(float)
    mixed = (c[2, 2] + c[0, 0] - c[2, 0] - c[0, 2]) / 4
    curve = -np.array(
        [
            [c[1, 2] + c[1, 0] - 2 * c[1, 1], mixed],
            [mixed, c[2, 1] + c[0, 1] - 2 * c[1, 1]],
        ]
    )
    if np.linalg.eigvalsh(curve)[0] <= 1e-4:
        return None
    shift = np.linalg.solve(curve, [(c[1, 2] - c[1, 0]) / 2, (c[2, 1] - c[0, 1]) / 2])
    if np.abs(shift).max() > 1:
        return None
    centre = (np.array(score.shape[::-1]) - 1) / 2
    return np.array([j, i]) - centre + shift, curve, float(c[1, 1])


def local_displacements(
    left: np.ndarray,
    right: np.ndarray,
    matrix: np.ndarray,
    half: int = 18,
    search: tuple[int, int] = (10, 10),
    step: int = 14,
    score_min: float = 0.4,
) -> Displacements:
    """Find windows of the left picture in the right one, near where ``matrix`` puts them.

    Parameters
    ----------
    left, right : (H, W)
        Normalised pictures.
    half, step : int
        Half width and distance of the windows, px.
    search : (int, int)
        Largest displacement along x and y, px.
    score_min : float
        Windows whose best correlation is lower are left out.
    """
    height, width = left.shape
    moved = warp(right, matrix, left.shape)
    mx, my = half + search[0], half + search[1]
    ys, xs = np.mgrid[my : height - my : step, mx : width - mx : step]
    centres = np.c_[xs.ravel(), ys.ravel()].astype(float)
    corners = np.array([[-mx, -my], [mx, -my], [-mx, my], [mx, my]])
    inside = np.ones(len(centres), bool)
    for corner in corners:
        x, y = matrix[:, :2] @ (centres + corner).T + matrix[:, 2:]
        inside &= (x >= 0) & (y >= 0) & (x <= right.shape[1] - 1) & (y <= right.shape[0] - 1)
    points, shifts, covariance = [], [], []
    for x, y in centres[inside].astype(int):
        window = left[y - half : y + half + 1, x - half : x + half + 1]
        around = moved[y - my : y + my + 1, x - mx : x + mx + 1]
        if window.std() < 0.1:
            continue
        peak = _peak(match_template(around, window))
        if peak is None or peak[2] < score_min:
            continue
        points.append((x, y))
        shifts.append(peak[0])
        # a window of n independent pixels: variance of the place = (1 - c²) / (c · curvature · n)
        n_free = (2 * half + 1) ** 2 / 9
        covariance.append((1 - peak[2] ** 2) / peak[2] / n_free * np.linalg.inv(peak[1]) * 2)
    points = np.reshape(points, (-1, 2)).astype(float)
    targets = (points + np.reshape(shifts, (-1, 2))) @ matrix[:, :2].T + matrix[:, 2]
    return Displacements(points, targets, np.reshape(covariance, (-1, 2, 2)))
