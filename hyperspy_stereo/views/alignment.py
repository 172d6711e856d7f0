"""Alignment of two tilted views of one specimen, so that parallax runs along the rows."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from skimage.transform import rescale

from hyperspy_stereo.detection.ridge import STRICT, ridge_probability
from hyperspy_stereo.geometry.affine import (
    apply_affine,
    compose_affine,
    invert_affine,
    rotation_affine,
)
from hyperspy_stereo.views.lines import line_points, refine_by_lines, thinned
from hyperspy_stereo.views.similarity import (
    Displacements,
    ScatterFit,
    feature_matches,
    fit_with_scatter,
    normalise,
    row_similarity_by_ransac,
    similarity_by_ransac,
    warp,
)
from hyperspy_stereo.views.windows import local_displacements

__all__ = ["Alignment", "align_tilted"]

WORKING_SIZE = 512  # px; finer detail adds time, not certainty: windows locate to ~0.1 px
DIRECTION_SEEN = 0.04  # loss of agreement of the lines at a wrong tilt axis, if there is depth
DIRECTION_BETTER = 0.02  # gain of agreement for which the tilt axis is turned from the vertical
TOLERANCE = 0.012  # of the frame: parallax that one rigid fit of the features must bear
FEATURE_SIGMA = 1.0  # px of the working grid, error of a SIFT position
SMALLEST = 64  # px, of pictures and of their common area
WINDOW = 24  # px of the working grid, half width
SEARCH = (14, 8)  # px of the working grid, largest displacement in each refinement
RIM = 0.05  # px by which the common area may reach out of a view
LINE_POINTS = 1500  # points of the left lines that are used
WINDOW_TRUST = 0.15  # weight of the windows in the refinement by lines
WINDOWS_WRONG = 0.03  # gain of agreement without the windows from which they are not used
LOOSE = (1e3, 1e3, 0.03, 0.03)  # (a, b, tx, ty) known to 3 % and 6 px at least
DEEP = 0.07  # of the frame, largest horizontal parallax in a deep scene


@dataclass(frozen=True)
class Alignment:
    """How two tilted views fit onto each other, and the two views on their common grid.

    Attributes
    ----------
    matrix_left_to_right : (2, 3)
        ``p_right = M @ (x, y, 1)`` in original pixels: rotation, scale and shift.
    tilt_axis : float
        Angle of the tilt axis from the vertical of the left image, deg, positive from +y towards
        -x (that is, the azimuth of the parallax in the left image). 0 where it was not found.
    tilt_axis_known : bool
        True if the parallax was strong enough to show its direction, or the user gave it.
    n_inliers, n_matches : int
        SIFT matches that agree with the similarity, of all.
    residual : float
        What is left of the vertical disparity of the inlying SIFT features, px of the left
        image, robust rms; their own error of 1 px of the working grid included.
    parallax : float
        Spread of the horizontal disparity of the same features, px of the left image.
    left_to_aligned, right_to_aligned : (2, 3)
        Original pixel (x, y, 1) to aligned pixel, for each view.
    left, right : (H, W) float32
        The aligned views: cropped to the largest upright rectangle that both cover, so that
        no value is made up. Row y of both shows the same features.
    """

    matrix_left_to_right: np.ndarray
    tilt_axis: float
    tilt_axis_known: bool
    n_inliers: int
    n_matches: int
    residual: float
    parallax: float
    left_to_aligned: np.ndarray
    right_to_aligned: np.ndarray
    left: np.ndarray
    right: np.ndarray


def _checked(image: np.ndarray, name: str) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"The {name} image has {image.ndim} dimensions, 2 (rows, columns) needed.")
    if np.iscomplexobj(image) or image.dtype.kind not in "biuf":
        raise TypeError(
            f"The {name} image has dtype {image.dtype}; real numbers are needed "
            "(take .real, or abs() of a complex image)."
        )
    image = image.astype(np.float32)
    if min(image.shape) < SMALLEST:
        raise ValueError(
            f"The {name} image is {image.shape[1]} x {image.shape[0]} px; at least "
            f"{SMALLEST} x {SMALLEST} are needed to find features."
        )
    if not np.isfinite(image).all():
        raise ValueError(
            f"The {name} image has {np.count_nonzero(~np.isfinite(image))} NaN or infinite values; "
            "replace them, for example with np.nan_to_num(image, nan=np.nanmedian(image))."
        )
    if np.ptp(image) == 0:
        raise ValueError(f"The {name} image is constant ({image.flat[0]}); there is nothing in it.")
    return image


def _in_pixels(matrix: np.ndarray, scale: float) -> np.ndarray:
    """From the working grid, ``scale`` times the original, to original pixels."""
    to_work = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    return compose_affine(invert_affine(to_work), compose_affine(matrix, to_work))


def _common_rectangle(matrices: list[np.ndarray], shapes: list[tuple[int, int]]):
    """Largest upright rectangle that all images cover: (x0, y0, x1, y1), whole px, inclusive.

    ``matrices`` take the pixels of each image to the common frame. The common area is convex, so
    a rectangle lies in it if its first and last row do.
    """
    corners = [
        apply_affine(m, [[0, 0], [w - 1, 0], [0, h - 1], [w - 1, h - 1]])
        for m, (h, w) in zip(matrices, shapes, strict=True)
    ]
    low = np.max([c.min(axis=0) for c in corners], axis=0)
    high = np.min([c.max(axis=0) for c in corners], axis=0)
    x = np.arange(np.ceil(low[0] - RIM), np.floor(high[0] + RIM) + 1)
    y = np.arange(np.ceil(low[1] - RIM), np.floor(high[1] + RIM) + 1)
    if not (x.size and y.size):
        return None
    inside = np.ones((y.size, x.size), bool)
    for matrix, (h, w) in zip(matrices, shapes, strict=True):
        back = invert_affine(matrix)
        u = back[0, 0] * x + (back[0, 1] * y + back[0, 2])[:, None]
        v = back[1, 0] * x + (back[1, 1] * y + back[1, 2])[:, None]
        inside &= (u > -RIM) & (v > -RIM) & (u < w - 1 + RIM) & (v < h - 1 + RIM)
    rows = np.flatnonzero(inside.any(axis=1))
    if not rows.size:
        return None
    rows = rows[:: max(1, rows.size // 1000)]
    first = inside[rows].argmax(axis=1)
    last = x.size - 1 - inside[rows, ::-1].argmax(axis=1)
    left = np.maximum(first[:, None], first)
    wide = np.minimum(last[:, None], last) - left + 1
    tall = rows - rows[:, None] + 1
    area = np.where((wide > 0) & (tall > 0), wide * tall, 0)
    i, j = np.unravel_index(int(area.argmax()), area.shape)
    if area[i, j] == 0:
        return None
    x0, y0 = x[left[i, j]], y[rows[i]]
    return int(x0), int(y0), int(x0 + wide[i, j] - 1), int(y[rows[j]])


def _resample(image: np.ndarray, to_aligned: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """One view on the common grid; a mere shift by whole pixels only copies."""
    back = invert_affine(to_aligned)
    shift = np.round(back[:, 2]).astype(int)
    if np.allclose(back[:, :2], np.eye(2), atol=1e-9) and np.allclose(back[:, 2], shift, atol=1e-6):
        return image[shift[1] : shift[1] + shape[0], shift[0] : shift[0] + shape[1]].copy()
    return warp(image, back, shape, order=3).astype(np.float32)


def _search(left: np.ndarray, right: np.ndarray, min_inliers: int, seed: int):
    """First similarity on the working grid: matrix, inlying features, number of matches."""
    points, targets = feature_matches(left, right)
    size = max(left.shape)
    matrix, inliers = similarity_by_ransac(points, targets, threshold=TOLERANCE * size, seed=seed)
    deep, deep_inliers = row_similarity_by_ransac(
        points, targets, across=TOLERANCE / 2 * size, along=DEEP * size, seed=seed
    )
    if deep_inliers.sum() > 1.2 * inliers.sum() + 2:
        matrix, inliers = deep, deep_inliers
    n_inliers = int(inliers.sum())
    if n_inliers < min_inliers:
        raise ValueError(
            f"The two images could not be aligned: of {len(points)} feature matches only "
            f"{n_inliers} agree with one rotation, scale and shift; at least {min_inliers} are "
            "needed. Check that both show the same area at the same magnification and with "
            "similar contrast; crop them to the common area, or bin noisy images (for example "
            "image.rebin(scale=(2, 2))) and try again."
        )
    features = Displacements(
        points[inliers], targets[inliers], np.tile(FEATURE_SIGMA**2 * np.eye(2), (n_inliers, 1, 1))
    )
    return matrix, features, len(points)


def _by_windows(left, right, matrix, features: Displacements, azimuth: float) -> ScatterFit:
    """Refine by small windows all over the frame, together with the inlying features."""
    fit = fit_with_scatter(features, matrix, azimuth=azimuth)
    for search in SEARCH:
        wide = (int(min(search + 2 * fit.sigma_along, DEEP * left.shape[1])), search)
        data = local_displacements(left, right, fit.matrix, half=WINDOW, search=wide, score_min=0.5)
        both = (
            np.concatenate([getattr(d, f.name) for d in (features, data)]) for f in fields(data)
        )
        fit = fit_with_scatter(Displacements(*both), fit.matrix, azimuth=azimuth)
    return fit


def _turn(matrix: np.ndarray) -> float:
    """Rotation of a similarity, deg."""
    return float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))


def _by_lines(images, fit: ScatterFit, tilt_axis: float | None):
    """Refine by lines, and try directions of the parallax: matrix, tilt axis (deg), known."""
    strict = [line_points(ridge_probability(image)[0] > STRICT) for image in images]
    left, right = thinned(strict[0], LINE_POINTS), strict[1]
    # windows of one line share its error; what they say is worth less than its formal precision
    information = WINDOW_TRUST * fit.information + np.diag(LOOSE)
    turn = _turn(fit.matrix)

    def along(azimuth: float, prior: float = 1e-3):
        return refine_by_lines(left, right, fit.matrix, turn + azimuth, information, prior)

    start = along(tilt_axis or 0.0)
    information = np.diag(LOOSE)  # where windows misled, the lines alone agree better
    alone = along(tilt_axis or 0.0)
    if alone.agreement > start.agreement + WINDOWS_WRONG:
        start = alone
    else:
        information = information + WINDOW_TRUST * fit.information
    if tilt_axis is not None or start.agreement == 0:
        return start.matrix, tilt_axis or 0.0, tilt_axis is not None
    others = {azimuth: along(azimuth) for azimuth in (-60.0, -30.0, 30.0, 60.0, 90.0)}
    agreement = [found.agreement for found in others.values()] + [start.agreement]
    known = max(agreement) - min(agreement) > DIRECTION_SEEN
    best = max(others, key=lambda azimuth: others[azimuth].agreement)
    if known and others[best].agreement > start.agreement + DIRECTION_BETTER:
        free = along(best, prior=10.0)
        if free.agreement > start.agreement + DIRECTION_BETTER:
            azimuth = free.azimuth - _turn(free.matrix)
            return free.matrix, 90 - (90 - azimuth) % 180, True
    return start.matrix, 0.0, known


def _spreads(matrix: np.ndarray, azimuth: float, features: Displacements) -> tuple[float, float]:
    """Robust rms of the features across and along the parallax, px of the left image."""
    residual = features.targets - features.points @ matrix[:, :2].T - matrix[:, 2]
    t = np.radians(azimuth + _turn(matrix))
    along = residual @ (np.cos(t), np.sin(t))
    across = residual @ (-np.sin(t), np.cos(t))
    along = along - np.median(along)
    size = np.hypot(matrix[0, 0], matrix[1, 0])
    return tuple(1.4826 * float(np.median(np.abs(v))) / size for v in (across, along))


def align_tilted(
    left: np.ndarray,
    right: np.ndarray,
    tilt_axis: float | None = None,
    min_inliers: int = 8,
    seed: int = 0,
) -> Alignment:
    """Align two images of a specimen taken at two tilts, parallax along the rows.

    SIFT features and RANSAC give a rotation, a scale and a shift. Windows all over the frame and
    the lines of both views then refine them: features move by their depth in one direction,
    across the tilt axis, so the fit lets every line move along that direction and brings the
    disparity across it to zero. The direction itself is the one in which the lines then agree
    best; both images are turned so that it lies along the rows. The tilt axis stays vertical
    unless another direction is clearly better, and ``tilt_axis_known`` is False where depth is
    too weak to tell.

    The shift along the rows puts the zero of disparity near the mean depth of what was matched;
    absolute depth is not measurable from two tilts.

    Parameters
    ----------
    left, right : (H, W)
        Real images of the same size and pixel size. The left one is the view with the larger
        incidence along the parallax.
    tilt_axis : float, optional
        Angle of the tilt axis from the vertical in the left image, deg, if known from the
        microscope; estimated when None.
    min_inliers : int
        Fewest SIFT matches that must agree. Chance gives 3 to 5 in unrelated pictures.
    seed : int
        Seed of RANSAC: the result is the same each time.

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        If an image is not 2D, too small, constant or not finite; if the sizes differ; if too few
        features agree; if the common area is smaller than 64 px.
    TypeError
        If an image is complex or not numeric.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from hyperspy_stereo.views.alignment import align_tilted
    >>> scene = gaussian_filter(np.random.default_rng(0).normal(size=(300, 300)), 3)
    >>> found = align_tilted(scene[10:266, 10:266], scene[4:260, 30:286])
    >>> np.abs(found.matrix_left_to_right - [[1, 0, -20], [0, 1, 6]]).max() < 0.1
    np.True_

    References
    ----------
    D. G. Lowe, Int. J. Computer Vision 60 (2004) 91 (SIFT); M. A. Fischler, R. C. Bolles,
    Commun. ACM 24 (1981) 381 (RANSAC).
    """
    left, right = _checked(left, "left"), _checked(right, "right")
    if left.shape != right.shape:
        raise ValueError(
            f"The images differ in size: left {left.shape}, right {right.shape} (rows, columns). "
            "Crop or rebin them to one size with the same pixel size."
        )
    scale = min(1.0, WORKING_SIZE / max(left.shape))
    small = [
        rescale(image, scale, anti_aliasing=True) if scale < 1 else image for image in (left, right)
    ]
    work = [normalise(image) for image in small]
    scale = work[0].shape[1] / left.shape[1]
    matrix, features, n_matches = _search(*work, min_inliers, seed)
    fit = _by_windows(*work, matrix, features, (tilt_axis or 0.0) + _turn(matrix))
    matrix, azimuth, known = _by_lines(small, fit, tilt_axis)
    residual, parallax = (v / scale for v in _spreads(matrix, azimuth, features))
    matrix = _in_pixels(matrix, scale)
    return _on_common_grid(
        left, right, matrix, azimuth, known, (len(features.points), n_matches), (residual, parallax)
    )


def _on_common_grid(left, right, matrix, azimuth, known, counts, spreads) -> Alignment:
    """Turn by the tilt axis, crop to what both views cover, and resample."""
    turn = rotation_affine(-azimuth, (np.array(left.shape[::-1]) - 1) / 2)
    to_common = [turn, compose_affine(turn, invert_affine(matrix))]
    box = _common_rectangle(to_common, [left.shape, right.shape])
    if box is None or min(box[2] - box[0], box[3] - box[1]) + 1 < SMALLEST:
        size = "nothing" if box is None else f"{box[2] - box[0] + 1} x {box[3] - box[1] + 1} px"
        raise ValueError(
            f"The two images have {size} in common; {SMALLEST} x {SMALLEST} px are needed. "
            f"Shift found: ({matrix[0, 2]:.0f}, {matrix[1, 2]:.0f}) px."
        )
    shape = (box[3] - box[1] + 1, box[2] - box[0] + 1)
    for m in to_common:
        m[:, 2] -= box[:2]
    return Alignment(
        matrix_left_to_right=matrix,
        tilt_axis=float(azimuth),
        tilt_axis_known=bool(known),
        n_inliers=counts[0],
        n_matches=counts[1],
        residual=float(spreads[0]),
        parallax=float(spreads[1]),
        left_to_aligned=to_common[0],
        right_to_aligned=to_common[1],
        left=_resample(left, to_common[0], shape),
        right=_resample(right, to_common[1], shape),
    )
