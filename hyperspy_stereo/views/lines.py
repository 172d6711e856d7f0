"""Refinement of a similarity with the lines of two views, each line free to move by its depth.

A line of the left view lands on a line of the right one after the similarity and a shift along
the parallax that varies smoothly over the line (a line in a plane has a disparity that is affine
in x and y). What no such shift can remove is vertical disparity, and belongs to the similarity.
Corners, where SIFT works, are rare on dislocations; lines are what the pictures consist of.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage as ndi
from scipy.spatial import cKDTree
from skimage.measure import label
from skimage.morphology import skeletonize

__all__ = ["LineFit", "line_points", "refine_by_lines", "thinned"]

BLOCK = 128  # px, longest piece of line with one affine disparity
SIGMA = 0.8  # px, error of a centre line
SHIFT_PRIOR = 20.0  # px, spread of disparity
SLOPE_PRIOR = 0.1  # spread of the disparity's gradient along a line
CORRELATED = 4.0  # neighbouring points of a line share their error


class LineFit(NamedTuple):
    """A similarity from lines: ``matrix`` (2, 3); ``azimuth`` of the parallax in the right view
    and its ``sigma``, deg; ``agreement`` of the lines, 0 (none, nothing was fitted) to 1."""

    matrix: np.ndarray
    azimuth: float
    sigma: float
    agreement: float


def thinned(
    lines: tuple[np.ndarray, np.ndarray, np.ndarray], n_points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every n-th point, so that about ``n_points`` are left."""
    step = max(1, len(lines[0]) // n_points)
    points, normals, piece = (values[::step] for values in lines)
    return points, normals, np.unique(piece, return_inverse=True)[1].ravel()


def line_points(mask: np.ndarray, shortest: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre-line points of a mask, their normals, and the piece each belongs to.

    Returns
    -------
    points (N, 2) x, y px; normals (N, 2); piece (N,) int from 0.
    """
    centre = skeletonize(mask)
    neighbours = ndi.convolve(centre.astype(int), np.ones((3, 3), int), mode="constant") - 1
    pieces = label(centre & (neighbours <= 2), connectivity=2)
    ys, xs = np.nonzero(pieces)
    block = (ys // BLOCK) * (mask.shape[1] // BLOCK + 1) + xs // BLOCK
    _, piece, count = np.unique(
        np.c_[pieces[ys, xs], block], axis=0, return_inverse=True, return_counts=True
    )
    piece = piece.ravel()
    keep = count[piece] >= shortest
    points, piece = np.c_[xs, ys][keep].astype(float), piece[keep]
    if len(points) == 0:
        return points, points.copy(), piece
    piece = np.unique(piece, return_inverse=True)[1]
    near = cKDTree(np.c_[points, 1e4 * piece]).query(np.c_[points, 1e4 * piece], k=9)[1]
    around = points[near] - points[near].mean(axis=1, keepdims=True)
    normals = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))[1][:, :, 0]
    smooth = points[near].mean(axis=1)
    points = points + np.sum((smooth - points) * normals, axis=1, keepdims=True) * normals
    return points, normals, piece


def _system(points, targets, normals, weight, piece, shifts, azimuth, priors):
    """Normal equations of the linearised problem.

    Unknowns: a, b, tx, ty, the turn of the parallax direction, then shift and slopes per piece.
    """
    along = np.array([np.cos(azimuth), np.sin(azimuth)])
    across = np.array([-along[1], along[0]])
    x, y = points.T
    n_pieces = int(piece.max()) + 1
    design = np.zeros((len(points), 5 + 3 * n_pieces))
    nx, ny = normals.T
    design[:, 0] = nx * x + ny * y
    design[:, 1] = -nx * y + ny * x
    design[:, 2], design[:, 3] = nx, ny
    design[:, 4] = shifts * (normals @ across)
    centre = np.stack([np.bincount(piece, v) / np.bincount(piece) for v in (x, y)], axis=1)[piece]
    forward = normals @ along
    row = np.arange(len(points))
    for k, factor in enumerate((1.0, x - centre[:, 0], y - centre[:, 1])):
        design[row, 5 + 3 * piece + k] = forward * factor
    value = np.sum(targets * normals, axis=1)
    weighted = design * weight[:, None]
    normal = weighted.T @ design
    right = weighted.T @ value
    normal[:4, :4] += priors["information"]
    right[:4] += priors["information"] @ priors["start"]
    normal[4, 4] += 1 / priors["turn"] ** 2
    tail = np.tile([SHIFT_PRIOR**-2, SLOPE_PRIOR**-2, SLOPE_PRIOR**-2], n_pieces)
    normal[np.arange(5, len(normal)), np.arange(5, len(normal))] += tail
    return normal, right


def refine_by_lines(
    left: tuple[np.ndarray, np.ndarray, np.ndarray],
    right: tuple[np.ndarray, np.ndarray, np.ndarray],
    matrix: np.ndarray,
    azimuth: float,
    information: np.ndarray,
    turn_prior: float = 1e-3,
    reach: tuple[float, ...] = (14, 14, 10, 10, 8, 8, 6, 6, 5, 5, 4, 4, 4, 4, 3, 3, 3, 3),
) -> LineFit:
    """Iterated closest lines with a free parallax for each piece of line.

    Parameters
    ----------
    left, right : tuple
        Lines of each view from `line_points`.
    matrix : (2, 3)
        Similarity to start from, left to right.
    azimuth : float
        Direction of the parallax in the right view, deg.
    information : (4, 4)
        Inverse covariance of (a, b, tx, ty) of the start, which other features gave.
    turn_prior : float
        Spread (deg) of the azimuth that is allowed.
    reach : tuple of float
        Largest distance of corresponding lines in each round, px.

    Returns
    -------
    LineFit
    """
    points, normals, piece = left
    start = np.array([matrix[0, 0], matrix[1, 0], matrix[0, 2], matrix[1, 2]])
    if min(len(points), len(right[0])) < 30:
        return LineFit(np.asarray(matrix, float), azimuth, turn_prior, 0.0)
    tree, angle = cKDTree(right[0]), np.radians(azimuth)
    priors = {"information": information, "start": start, "turn": np.radians(turn_prior)}
    value, shift, found, sigma = start, np.zeros(len(points)), np.zeros(1), priors["turn"]
    for limit in reach:
        a, b, tx, ty = value
        moved = points @ np.array([[a, b], [-b, a]]) + (tx, ty)
        moved += shift[:, None] * (np.cos(angle), np.sin(angle))
        distance, index = tree.query(moved)
        turned = normals @ np.array([[a, b], [-b, a]])
        other = right[1][index]
        facing = np.abs(np.sum(turned * other, axis=1))
        off = np.sum((moved - right[0][index]) * other, axis=1)
        found = (distance < limit) & (facing > 0.85)
        if found.sum() < 30:
            return LineFit(np.asarray(matrix, float), azimuth, turn_prior, 0.0)
        weight = found / (1 + (off / (0.25 * limit)) ** 2) / (CORRELATED * SIGMA**2)
        normal, rhs = _system(points, right[0][index], other, weight, piece, shift, angle, priors)
        solution = np.linalg.solve(normal, rhs)
        value = solution[:4]
        angle += float(np.clip(solution[4], -0.1, 0.1))
        n_pieces = int(piece.max()) + 1
        part = solution[5:].reshape(n_pieces, 3)[piece]
        centre = np.stack([np.bincount(piece, v) / np.bincount(piece) for v in points.T], axis=1)
        shift = part[:, 0] + np.sum(part[:, 1:] * (points - centre[piece]), axis=1)
        sigma = float(np.sqrt(np.linalg.inv(normal)[4, 4]))
    a, b, tx, ty = value
    refined = np.array([[a, -b, tx], [b, a, ty]])
    loss = np.where(facing > 0.85, np.minimum(np.hypot(off, distance / 4) / 2, 1), 1.0)
    return LineFit(
        refined, float(np.degrees(angle)), float(np.degrees(sigma)), float(1 - loss.mean())
    )
