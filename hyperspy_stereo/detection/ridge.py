"""Dislocation lines without a trained network: oriented line filters, ridges, hysteresis."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage.measure import label, regionprops_table
from skimage.morphology import skeletonize

from hyperspy_stereo.detection.boundary import boundary_map, parallel_to_boundary
from hyperspy_stereo.detection.oriented import (
    MAD,
    flatten,
    level_rows,
    oriented_response,
    thin_ridges,
)

__all__ = [
    "PERMISSIVE",
    "STRICT",
    "check_image",
    "dead_area",
    "despike",
    "live_image",
    "ridge_probability",
]

STRICT = 0.5  # threshold of a mask of lines one can be sure of
PERMISSIVE = 0.25  # threshold of a mask of candidates
FWHM = (2.0, 3.2, 5.0, 8.0, 12.0)  # px, line widths that are looked for
# scores (standard deviations of the filter in noise)
SEED_STRICT, GROW_STRICT = 8.0, 4.5
SEED_WEAK, GROW_WEAK = 5.5, 3.5
MIN_LENGTH = 12  # px; shorter pieces are dots and dirt
SMALLEST = 32  # px
RIM = 3  # px at the edge of the picture that are left out
SAMPLED = 128  # px a side on which is looked whether a picture has noise
DITHER = 0.002  # of the range, noise given to a picture that has none


def check_image(image: np.ndarray) -> np.ndarray:
    """The image as float32, or an error that says what is wrong with it.

    Raises
    ------
    ValueError
        If the image is not 2D, smaller than 32 px a side, or holds NaN or infinite values.
    TypeError
        If it is complex or not numeric.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(
            f"The image has {image.ndim} dimensions; one view (rows, columns) is needed. "
            "Call the detection for each view of a stack."
        )
    if np.iscomplexobj(image) or image.dtype.kind not in "biuf":
        raise TypeError(f"The image has dtype {image.dtype}; real numbers are needed (abs, real).")
    image = image.astype(np.float32)
    if min(image.shape) < SMALLEST:
        raise ValueError(
            f"The image is {image.shape[1]} x {image.shape[0]} px; at least {SMALLEST} px a side "
            "are needed to tell lines from their background."
        )
    if not np.isfinite(image).all():
        raise ValueError(
            f"The image has {np.count_nonzero(~np.isfinite(image))} values that are NaN or "
            "infinite; replace them, for example with "
            "np.nan_to_num(image, nan=np.nanmedian(image))."
        )
    return image


def dead_area(image: np.ndarray) -> np.ndarray:
    """Flat areas at the image's rim: fill of an aligned view, shadow, saturation; (H, W) bool.

    Pixels equal to the least or the greatest value of all, in pieces that touch the rim and are
    at least 3 px thick. Their edges are no lines.
    """
    dead = np.zeros(image.shape, bool)
    for value in (image.min(), image.max()):
        labels = label(ndi.binary_opening(np.pad(image == value, 1, mode="edge"), np.ones((3, 3))))
        labels = labels[1:-1, 1:-1]
        rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        dead |= np.isin(labels, np.unique(rim[rim > 0]))
    return dead


def _detail(image: np.ndarray, step: int) -> np.ndarray:
    """How far pixels lie from the median of their 3 x 3 px, for every so many of them."""
    height, width = image.shape
    around = np.stack(
        [
            image[r : height - 2 + r : step, c : width - 2 + c : step]
            for r in range(3)
            for c in range(3)
        ]
    )
    return np.abs(around[4] - np.median(around, axis=0))


def _dithered(image: np.ndarray) -> np.ndarray:
    """The image, with a little noise where it has none at all, such as a drawing of lines."""
    # Scores are in units of the picture's own noise, and a dead area is told from ground by
    # having no noise: without any, all flat ground is dead and nothing is found. Dither far below
    # the contrast of a line gives both a scale; it is seeded, so that a picture has one result.
    step = max(1, min(image.shape) // SAMPLED)
    detail = _detail(image, step)
    if np.median(detail) > 0:
        return image
    live = ~dead_area(image)
    # A real view that is mostly fill is left as it is: its live part is wide and has noise.
    wide = ndi.distance_transform_edt(np.pad(live, 1)).max() > max(FWHM)
    if wide and np.median(detail[live[1:-1:step, 1:-1:step]]) > 0:
        return image
    spread = DITHER * np.ptp(despike(image))
    noise = np.random.default_rng(0).normal(0.0, spread, image.shape)
    # The commonest level is ground; fill of another level stays flat, and so dead.
    noise[~live & (image != np.median(image))] = 0.0
    return image + noise.astype(np.float32)


def _fill(image: np.ndarray, dead: np.ndarray) -> np.ndarray:
    """Repeat the nearest live pixel, so that the dead area has no edge."""
    if not dead.any() or dead.all():
        return image
    nearest = ndi.distance_transform_edt(dead, return_distances=False, return_indices=True)
    return image[tuple(nearest)]


def live_image(image: np.ndarray, valid: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The image without the edges of areas that hold no data, and these areas.

    Parameters
    ----------
    image : (H, W) float32
        From :func:`check_image`.
    valid : (H, W) bool, optional
        Pixels that hold data. By default all but constant rims (:func:`dead_area`).

    Returns
    -------
    image : (H, W) float32
        The nearest live pixel is repeated in dead areas. A picture without any noise, such as a
        drawing, has got a little.
    dead : (H, W) bool
        All of it where the image is constant.

    Raises
    ------
    ValueError
        If `valid` has another shape.
    """
    if valid is not None and np.shape(valid) != image.shape:
        raise ValueError(f"valid has shape {np.shape(valid)}, the image {image.shape}.")
    if np.ptp(image) <= 1e-6 * np.abs(image).max():
        return image, np.ones(image.shape, bool)
    image = _dithered(image)
    dead = dead_area(image)
    if valid is not None:
        dead |= ~np.asarray(valid, bool)
    return _fill(image, dead), dead


def _off_rim(ridge: np.ndarray, dead: np.ndarray) -> np.ndarray:
    """Ridges without those along the rim, which have only one side."""
    live = np.pad(~dead, 1)
    return ridge & (ndi.distance_transform_edt(live)[1:-1, 1:-1] > RIM)


def _hysteresis(ridge, score, seed: float, grow: float, min_length: float) -> np.ndarray:
    """Connected ridges above ``grow`` that are long enough and above ``seed`` in a good part."""
    labels = label(ridge & (score >= grow), connectivity=2)
    if labels.max() == 0:
        return np.zeros(ridge.shape, bool)
    counts = np.bincount(labels.ravel())
    strong = np.bincount(labels.ravel(), weights=(score >= seed).ravel())
    keep = (counts >= min_length) & (strong >= 0.35 * min_length)
    keep[0] = False
    return keep[labels]


def despike(image: np.ndarray) -> np.ndarray:
    """Bring single pixels that stand out from all their neighbours back to the nearest of them.

    Hot or dead pixels and X-ray hits would draw a short line in every filter. A line's pixel has
    neighbours along the line that are as dark, and stays.
    """
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    low = ndi.minimum_filter(image, footprint=ring, mode="nearest")
    high = ndi.maximum_filter(image, footprint=ring, mode="nearest")
    limit = 3 * MAD * float(np.median(np.abs(image - ndi.median_filter(image, 3))))
    return np.where(
        (image < low - limit) | (image > high + limit), np.clip(image, low, high), image
    )


def _trim_ends(mask: np.ndarray, score: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Cut what the filter's length adds to the ends of lines.

    Where half of an elongated filter lies beyond the end, half of the response is left; so line
    ends are taken off as long as their score is below half of what it is farther in.
    """
    mask = skeletonize(mask)
    if not mask.any():
        return mask
    reach = int(np.clip(3.0 * np.percentile(sigma[mask], 75), 10, 20))
    inner = ndi.maximum_filter(np.where(mask, score, 0), 2 * reach + 1)
    weak = score < 0.5 * inner
    count = np.ones((3, 3), int)
    for _ in range(2 * reach):
        ends = mask & weak & (ndi.convolve(mask.astype(int), count, mode="constant") <= 2)
        if not ends.any():
            break
        mask = mask & ~ends
    return mask


def _drop_dots(mask: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Remove pieces that are hardly longer than they are wide."""
    labels = label(mask, connectivity=2)
    if labels.max() == 0:
        return mask
    table = regionprops_table(labels, properties=("label", "bbox"))
    extent = np.hypot(table["bbox-2"] - table["bbox-0"], table["bbox-3"] - table["bbox-1"])
    width = 2.355 * ndi.mean(sigma, labels, table["label"])
    keep = np.zeros(labels.max() + 1, bool)
    keep[table["label"]] = extent >= np.maximum(MIN_LENGTH, 2.5 * width)
    return keep[labels]


def _width_of_lines(sigma: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Sigma of the centre line nearest to each pixel, 0 farther than 5 px from any.

    Beside a thin line the wide filters answer best, so the width counts on the centre only.
    """
    if not ridge.any():
        return np.zeros(sigma.shape, np.float32)
    distance, nearest = ndi.distance_transform_edt(~ridge, return_indices=True)
    return np.where(distance <= 5, sigma[tuple(nearest)], 0).astype(np.float32)


def _probability(ridge, strict, weak, score) -> np.ndarray:
    """Ridges drawn 3 px wide; below 0.5 candidates, above it what passed the strict test."""
    p = 0.22 * np.clip(score / GROW_WEAK, 0, 1) * ridge
    p = np.where(weak, 0.27 + 0.2 * np.clip((score - GROW_WEAK) / 10, 0, 1), p)
    p = np.where(strict, 0.55 + 0.45 * (1 - np.exp(-np.maximum(score - GROW_STRICT, 0) / 15)), p)
    return ndi.grey_dilation(p, footprint=np.ones((3, 3))).astype(np.float32)


def _polarity(image: np.ndarray, sigmas: tuple[float, ...]) -> str:
    """Whether the strongest lines are dark or bright."""
    top = {}
    for name, sign in (("dark", 1), ("bright", -1)):
        score = oriented_response(sign * image, sigmas[1:4:2] or sigmas).score
        top[name] = np.maximum(score - SEED_WEAK, 0).sum()
    return "bright" if top["bright"] > 1.5 * top["dark"] else "dark"


def ridge_probability(
    image: np.ndarray,
    sigmas: tuple[float, ...] | None = None,
    polarity: str = "dark",
    sensitivity: float = 1.0,
    valid: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Probability-like maps of dislocation lines and of boundaries in one view.

    The picture is flattened and its scan-line noise levelled; oriented line filters of several
    widths give the contrast of each pixel in units of the noise around it; ridges of that map
    which are long and significant enough are lines. The thresholds are in units of noise, so
    that nothing has to be set by hand: pure noise gives (almost) nothing. A picture without any
    noise, such as a drawn mask, gets 0.2 % of its range first. Long and straight,
    thick or step-like things (grain and lamella boundaries, fault fringes, surfaces) go to the
    second map; what runs along them is at most a candidate in the first, and a line that crosses
    a boundary stays.

    Parameters
    ----------
    image : (H, W)
        One view, real and finite, at least 32 px a side. Scale and offset do not matter.
    sigmas : tuple of float, optional
        Gaussian sigmas (px) of the line profiles looked for; by default FWHM 2 to 12 px.
    polarity : {"dark", "bright", "auto"}
        Lines darker (bright field) or brighter (dark field) than their ground.
    sensitivity : float
        Divides the noise thresholds: 1 is automatic, 2 finds fainter lines and more noise.
    valid : (H, W) bool, optional
        Pixels that hold data; no line is found elsewhere. By default all but constant rims.

    Returns
    -------
    line : (H, W) float32 in [0, 1]
        3 px wide along the centre lines. Above 0.5: lines one can be sure of. Above 0.25:
        candidates. Not a calibrated probability.
    boundary : (H, W) float32 in [0, 1]
        Above 0.5: a boundary.

    Raises
    ------
    ValueError
        If the image is not 2D, too small or not finite, or an option is unknown.
    TypeError
        If the image is complex or not numeric.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.detection.ridge import ridge_probability
    >>> y, x = np.mgrid[:128, :128]
    >>> image = 1 - 0.3 * np.exp(-((x + 0.3 * y - 80) ** 2) / 8.0)
    >>> image += np.random.default_rng(0).normal(0, 0.05, image.shape)
    >>> line, boundary = ridge_probability(image)
    >>> bool(line[64, 61] > 0.5), bool(line[64, 20] > 0.5)
    (True, False)

    References
    ----------
    W. T. Freeman, E. H. Adelson, IEEE PAMI 13 (1991) 891 (oriented filters); J. Canny, IEEE
    PAMI 8 (1986) 679 (ridge thinning and hysteresis); C. Steger, IEEE PAMI 20 (1998) 113 (lines
    against steps).
    """
    image = check_image(image)
    if polarity not in ("dark", "bright", "auto"):
        raise ValueError(f"polarity is {polarity!r}; it must be 'dark', 'bright' or 'auto'.")
    if not sensitivity > 0:
        raise ValueError(f"sensitivity is {sensitivity}; it must be positive (1 is automatic).")
    if sigmas is None:
        sigmas = tuple(w / 2.355 for w in FWHM)
    if len(sigmas) == 0 or not all(s > 0 for s in sigmas):
        raise ValueError(f"sigmas is {sigmas}; give positive line widths in px, such as (1.5, 3).")
    nothing = np.zeros(image.shape, np.float32)
    image, dead = live_image(image, valid)
    if dead.all():
        return nothing, nothing.copy()
    level = level_rows(despike(image))
    flat = flatten(level, 4 * max(sigmas))
    if polarity == "auto":
        polarity = _polarity(flat, tuple(sigmas))
    found = oriented_response(flat if polarity == "dark" else -flat, tuple(sigmas), live=~dead)
    score = found.score * sensitivity
    ridge = _off_rim(thin_ridges(found, 0.6 * GROW_WEAK / sensitivity), dead)
    strict = _hysteresis(ridge, score, SEED_STRICT, GROW_STRICT, MIN_LENGTH)
    weak = _hysteresis(ridge, score, SEED_WEAK, GROW_WEAK, MIN_LENGTH) | strict
    weak = _drop_dots(weak, found.sigma)
    strict = _drop_dots(strict & weak, found.sigma)
    boundary, direction = boundary_map(
        level if polarity == "dark" else -level,
        _width_of_lines(found.sigma, weak),
        float(np.median(found.sigma[weak])) if weak.any() else max(sigmas),
    )
    along = parallel_to_boundary(boundary, direction, found.angle)
    weak = _trim_ends(weak, score, found.sigma)
    # what runs along a boundary stays a candidate: the other view may take it for a line
    strict = _hysteresis(strict & weak & ~along, score, SEED_STRICT, GROW_STRICT, MIN_LENGTH)
    line = _probability(ridge, strict, weak, score)
    return np.where(dead, np.float32(0), line), np.where(dead, np.float32(0), boundary)
