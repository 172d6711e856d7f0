"""Similarity between two pictures of one area, in the presence of parallax.

A similarity maps ``(x, y)`` of the left picture to the right one,
``M = [[a, -b, tx], [b, a, ty]]`` (the convention of OpenCV). It is found from SIFT features by
RANSAC and then refined with many small windows. Parallax moves every feature along one direction
by an amount that depends on its depth; the refinement therefore allows a larger scatter along
one direction than across it, and finds that direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from skimage.feature import SIFT, match_descriptors
from skimage.measure import ransac
from skimage.transform import SimilarityTransform

__all__ = [
    "Displacements",
    "ScatterFit",
    "feature_matches",
    "fit_with_scatter",
    "normalise",
    "row_similarity_by_ransac",
    "similarity_by_ransac",
    "warp",
]

STUDENT_NU = 3.0  # tails of the window displacements: about one in ten is wrong
OVERLAP = 12.0  # windows that share one and the same piece of the picture
SIGMA_FLOOR = 0.2  # px of the working grid; no picture supports less


@dataclass(frozen=True)
class Displacements:
    """Where small windows of the left picture were found in the right one.

    ``points`` (N, 2) and ``targets`` (N, 2) are x, y in px; ``covariance`` (N, 2, 2) in px² is
    the uncertainty of a target from the shape of its correlation peak (large along a line).
    """

    points: np.ndarray
    targets: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True)
class ScatterFit:
    """A similarity and the scatter of the features about it.

    ``direction`` is the azimuth (deg, in (-90, 90], of the right picture's axes) of the larger
    scatter, ``sigma_along`` and ``sigma_across`` (px) its size along and across that direction,
    ``direction_sigma`` (deg) the error of the azimuth, ``information`` (4, 4) the inverse
    covariance of (a, b, tx, ty).
    """

    matrix: np.ndarray
    direction: float
    direction_sigma: float
    sigma_along: float
    sigma_across: float
    information: np.ndarray


def normalise(image: np.ndarray, width: float = 12.0) -> np.ndarray:
    """Flatten a picture: local mean 0, local spread 1, clipped to ±3.

    Makes the features independent of thickness, brightness and contrast. Rows that are brighter
    or darker as a whole (scan-line noise) are levelled first: a row's pattern does not belong to
    the specimen and would vote for "no shift".
    """
    image = np.asarray(image, dtype=np.float32)
    detail = image - ndi.gaussian_filter(image, width, mode="nearest")
    # the median of long row pieces keeps what is shorter than half of the piece: the specimen
    size = 2 * (image.shape[1] // 8) + 1
    detail = detail - ndi.uniform_filter1d(
        np.clip(detail, *np.percentile(detail, (10, 90))), size, axis=1, mode="nearest"
    )
    spread = np.sqrt(ndi.gaussian_filter(detail * detail, 2 * width, mode="nearest"))
    floor = 0.3 * np.median(spread)
    flat = detail / np.maximum(spread, floor if floor > 0 else 1.0)
    return ndi.gaussian_filter(np.clip(flat, -3, 3), 0.7, mode="nearest")


def feature_matches(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SIFT features of two normalised pictures that are each other's best match.

    Returns
    -------
    (N, 2), (N, 2) : x, y px in the left and in the right picture. N may be 0.

    References
    ----------
    D. G. Lowe, Int. J. Computer Vision 60 (2004) 91; ``skimage.feature.SIFT``.
    """
    found = []
    for image in (left, right):
        sift = SIFT(upsampling=1, c_dog=0.004)
        try:
            sift.detect_and_extract((image + 3) / 6)
        except RuntimeError:  # scikit-image's way to say "no feature at all"
            return np.zeros((0, 2)), np.zeros((0, 2))
        found.append(sift)
    pairs = match_descriptors(
        found[0].descriptors, found[1].descriptors, max_ratio=0.9, cross_check=True
    )
    return (
        found[0].positions[pairs[:, 0], ::-1].astype(float),
        found[1].positions[pairs[:, 1], ::-1].astype(float),
    )


def similarity_by_ransac(
    points: np.ndarray, targets: np.ndarray, threshold: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The similarity most matches agree with, and which ones do.

    Scales outside 0.8–1.25 are refused: two tilts of one specimen at one magnification never
    differ so much, while wrong matches easily do.

    Returns
    -------
    matrix (2, 3), inliers (N,) bool. The identity and no inliers with fewer than 3 matches.
    """
    nothing = np.eye(3)[:2], np.zeros(len(points), bool)
    if len(points) < 3:
        return nothing

    def plausible(model, *data) -> bool:
        return bool(np.isfinite(model.params).all() and 0.8 < model.scale < 1.25)

    model, inliers = ransac(
        (points, targets),
        SimilarityTransform,
        min_samples=2,
        residual_threshold=threshold,
        is_model_valid=plausible,
        max_trials=4000,
        rng=seed,
    )
    if inliers is None or not np.any(inliers):
        return nothing
    return np.asarray(model.params)[:2], inliers


def row_similarity_by_ransac(
    points: np.ndarray,
    targets: np.ndarray,
    across: float,
    along: float,
    seed: int = 0,
    n_trials: int = 6000,
) -> tuple[np.ndarray, np.ndarray]:
    """The similarity most matches agree with when features move freely along the rows.

    Only the vertical places of three matches make a trial (y' = b x + a y + ty), the horizontal
    shift is the median of what they leave: deep scenes, whose parallax no rigid map can bear, keep
    their inliers.

    Parameters
    ----------
    points, targets : (N, 2)
        Matches, x and y px.
    across, along : float
        Largest vertical error and largest horizontal parallax of an inlier, px.
    seed, n_trials : int

    Returns
    -------
    matrix (2, 3), inliers (N,) bool.
    """
    n = len(points)
    if n < 4:
        return np.eye(3)[:2], np.zeros(n, bool)
    rng = np.random.default_rng(seed)
    trials = rng.integers(0, n, (n_trials, 3))
    rows = np.dstack([points[trials], np.ones((n_trials, 3))])
    usable = np.abs(np.linalg.det(rows)) > 50.0  # twice the triangle's area, px²
    trials, rows = trials[usable], rows[usable]
    if not len(trials):
        return np.eye(3)[:2], np.zeros(n, bool)
    b, a, ty = np.linalg.solve(rows, targets[trials][..., 1:])[..., 0].T
    usable = (np.abs(np.hypot(a, b) - 1) < 0.12) & (np.abs(b) < 0.3)
    a, b, ty, trials = a[usable], b[usable], ty[usable], trials[usable]
    if not len(a):
        return np.eye(3)[:2], np.zeros(n, bool)
    x, y = points.T
    horizontal = targets[:, 0] - a[:, None] * x + b[:, None] * y
    tx = np.median(np.take_along_axis(horizontal, trials, axis=1), axis=1)
    off = targets[:, 1] - b[:, None] * x - a[:, None] * y - ty[:, None]
    agree = (np.abs(off) < across) & (np.abs(horizontal - tx[:, None]) < along)
    best = int(agree.sum(axis=1).argmax())
    matrix = np.array([[a[best], -b[best], tx[best]], [b[best], a[best], ty[best]]])
    return matrix, agree[best]


def warp(
    image: np.ndarray, matrix: np.ndarray, shape: tuple[int, int], order: int = 1
) -> np.ndarray:
    """Sample ``image`` at ``matrix @ (x, y, 1)`` for each pixel of a new (H, W) grid.

    Outside the picture the nearest pixel is repeated.
    """
    matrix = np.asarray(matrix, dtype=float)
    swapped = matrix[::-1, [1, 0]]  # SciPy counts (row, column)
    return ndi.affine_transform(
        image, swapped, offset=matrix[::-1, 2], output_shape=shape, order=order, mode="nearest"
    )


def _solve(points, targets, inverse):
    """Generalised least squares for (a, b, tx, ty); ``inverse`` (N, 2, 2) are weight matrices."""
    x, y = points.T
    one, nil = np.ones_like(x), np.zeros_like(x)
    design = np.stack(
        [np.stack([x, -y, one, nil], axis=-1), np.stack([y, x, nil, one], axis=-1)], axis=1
    )
    weighted = np.einsum("nij,njk->nik", inverse, design)
    normal = np.einsum("nji,njk->ik", design, weighted)
    a, b, tx, ty = np.linalg.solve(normal, np.einsum("nji,nj->i", weighted, targets))
    return np.array([[a, -b, tx], [b, a, ty]]), normal


def _common_scatter(weights, residual, common, inverse):
    """One EM step for the covariance that all points share."""
    gain = np.einsum("ij,njk->nik", common, inverse)
    part = np.einsum("nij,nj->ni", gain, residual)
    rest = common - np.einsum("nij,jk->nik", gain, common)
    common = np.einsum("n,ni,nj->ij", weights, part, part) / len(part) + rest.mean(axis=0)
    return common + np.eye(2) * 1e-12


def fit_with_scatter(
    data: Displacements,
    start: np.ndarray,
    azimuth: float | None = None,
    n_iter: int = 60,
) -> ScatterFit:
    """Robust similarity of points that scatter more along one direction than across it.

    Each point scatters with its own measured covariance plus one common 2×2 covariance (the
    parallax and the picture's distortion), which is estimated together with the similarity;
    outliers are weighed down as under a Student distribution. Where the parallax is strong, its
    direction hardly counts for the similarity, so that depth does not turn into rotation.

    Parameters
    ----------
    data : Displacements
    start : (2, 3)
        Similarity to begin with.
    azimuth : float, optional
        Direction of the parallax in the right picture, deg; estimated when None.
    n_iter : int
        Rounds of reweighting; more than the slowest case seen needs.
    """
    matrix = np.array(start, dtype=float)
    residual = data.targets - data.points @ matrix[:, :2].T - matrix[:, 2]
    spread = (1.48 * np.median(np.abs(residual - np.median(residual, axis=0)), axis=0)) ** 2
    common = np.diag(np.full(2, max(float(spread.mean()), SIGMA_FLOOR**2)))
    axes = None
    if azimuth is not None:
        t = np.radians(azimuth)
        axes = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    for _ in range(n_iter):
        inverse = np.linalg.inv(data.covariance + common)
        distance = np.einsum("ni,nij,nj->n", residual, inverse, residual)
        weights = (STUDENT_NU + 2) / (STUDENT_NU + distance)
        matrix, information = _solve(data.points, data.targets, inverse * weights[:, None, None])
        residual = data.targets - data.points @ matrix[:, :2].T - matrix[:, 2]
        common = _common_scatter(weights, residual, common, inverse)
        if axes is not None:  # no correlation in the given axes
            common = axes @ np.diag(np.diag(axes.T @ common @ axes)) @ axes.T
    if axes is None:
        values, vectors = np.linalg.eigh(common)
        azimuth = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
        azimuth = 90 - (90 - azimuth) % 180
    else:
        values = np.diag(axes.T @ common @ axes)[::-1]
    across, along = np.sqrt(np.maximum(values, SIGMA_FLOOR**2))
    n_free = max(len(residual) / OVERLAP, 1)  # neighbouring windows overlap
    error = np.degrees(across * along / max(along**2 - across**2, 1e-9)) / np.sqrt(n_free)
    return ScatterFit(
        matrix, float(azimuth), float(error), float(along), float(across), information / OVERLAP
    )
