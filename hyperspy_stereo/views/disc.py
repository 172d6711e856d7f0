"""Where the bright-field disc lies in the patterns, to a small part of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from hyperspy_stereo.views.rim_fit import (
    first_circle,
    gauss_newton,
    rim_pixels,
    without_hot_pixels,
)

if TYPE_CHECKING:
    from dask.array import Array

_WAVES = 6  # of brightness around the rim: follow a ramp and a Kikuchi band
_MIN_COUNTS = 1e5  # per part of the scan: fewer are too noisy to find a rim in
_FULL_SCALES = tuple(2**n - 1 for n in (6, 8, 10, 12, 14, 16, 24, 32))


@dataclass(frozen=True)
class Disc:
    """The bright-field disc of a pattern.

    Attributes
    ----------
    centre
        (x, y), px: column and row; the middle of the first pixel is (0, 0).
    radius
        px, where the brightness of the rim has fallen to half.
    edge_width
        Standard deviation of the blurred rim, px.
    centre_sigma
        Standard error of either coordinate of the centre, px.
    visible
        Share of the rim inside the frame, 0..1.
    """

    centre: tuple[float, float]
    radius: float
    edge_width: float
    centre_sigma: float = float("nan")
    visible: float = 1.0


def fit_disc(pattern: np.ndarray) -> Disc:
    """Find the disc in a vacuum pattern or in the mean pattern of a scan.

    A circle with a blurred rim is fitted to the pixels around the rim. The brightness inside may
    vary smoothly (illumination, a Kikuchi band), the background may be a ramp, and single hot or
    dead pixels are given no weight. A disc that the frame cuts is fitted on the rim that can be
    seen, as long as that is more than 40 % of it.

    Parameters
    ----------
    pattern
        (H, W) counts. A sum or mean over many frames is better than one frame.

    Returns
    -------
    Disc

    Raises
    ------
    ValueError
        If the pattern is not 2-D, has NaN, is constant, is saturated or shows no disc.
    TypeError
        If the pattern is complex.

    Notes
    -----
    Model: background ramp + brightness times erfc((r - R) / (sqrt(2) e)) / 2, the brightness being
    six waves around the rim, each linear in the radius; solved by Gauss-Newton with Cauchy
    weights.

    Examples
    --------
    >>> y, x = np.mgrid[:64, :64]
    >>> disc = fit_disc(100.0 * (np.hypot(x - 30.25, y - 33.5) < 20))
    >>> [round(c, 1) for c in disc.centre], round(disc.radius)
    ([30.2, 33.5], 20)
    """
    image = _checked(pattern)
    clean = without_hot_pixels(image)
    x, y, radius = first_circle(clean)
    seen = visible_rim((x, y), radius, image.shape)
    if seen < 0.4:
        raise ValueError(
            f"The frame of {image.shape} px cuts the disc (centre ({x:.0f}, {y:.0f}), radius about "
            f"{radius:.0f} px): only {seen:.0%} of its rim can be seen, 40 % are needed. Record at "
            "a smaller camera length, so that the whole disc falls onto the detector."
        )
    pixels, values = rim_pixels(clean, (x, y), radius)
    start = np.array([x, y, radius, 1.0])
    fitted, covariance = gauss_newton(pixels, values, start, free=4, waves=_WAVES)
    if not _plausible(fitted, start, image.shape) or not _has_step(clean, fitted):
        raise ValueError(
            "No disc with a clear rim was found. Pass a vacuum pattern or the mean over many "
            "frames."
        )
    sigma = float(np.sqrt(0.5 * (covariance[0, 0] + covariance[1, 1])))
    x, y, radius, edge = (float(v) for v in fitted)
    return Disc((x, y), radius, edge, sigma, visible_rim((x, y), radius, image.shape))


def fit_descan(
    frames: np.ndarray | Array, disc: Disc, scan_shape: tuple[int, int] | None = None, bins: int = 8
) -> np.ndarray:
    """Fit the plane along which the disc wanders over the scan.

    The frames are summed in `bins` x `bins` parts of the scan, the disc is located in each sum,
    and a plane is fitted robustly. Dask arrays are read once, block by block.

    Parameters
    ----------
    frames
        (Ny, Nx, H, W) patterns, NumPy or dask: the scan itself or a vacuum scan.
    disc
        From `fit_disc`; its radius and edge width are kept.
    scan_shape
        Rows and columns of the scan that the plane is wanted for, if `frames` is a coarser or
        finer scan over the same field of view. Default: that of `frames`.
    bins
        Parts along each side of the scan. 8 keeps enough counts in each part.

    Returns
    -------
    (2, 3) float64
        centre(ix, iy) = disc.centre + D[:, :2] @ (ix - (Nx-1)/2, iy - (Ny-1)/2). The last column is
        0: `disc` is by definition the disc of the middle of the scan.

    Raises
    ------
    ValueError
        If `frames` is not a 4-D scan or the disc is found in too few parts of it.

    Examples
    --------
    >>> y, x = np.mgrid[:32, :32]
    >>> still = np.broadcast_to(100.0 * (np.hypot(x - 15, y - 16) < 9), (8, 8, 32, 32))
    >>> bool(np.abs(fit_descan(still, fit_disc(still[0, 0]))).max() < 1e-6)
    True
    """
    if getattr(frames, "ndim", 0) != 4 or min(frames.shape) < 1:
        raise ValueError(
            "fit_descan needs a scan of patterns (Ny, Nx, H, W); got shape "
            f"{getattr(frames, 'shape', None)}. A series of frames without a scan has no descan: "
            "skip this step, or reshape the series to its scan."
        )
    ny, nx = frames.shape[:2]
    wanted = (ny, nx) if scan_shape is None else tuple(scan_shape)
    places, sums = _binned_sums(frames, bins)
    centres = np.full((len(sums), 2), np.nan)
    for k, pattern in enumerate(sums):
        centres[k] = _shifted_centre(pattern, disc)
    good = np.isfinite(centres).all(axis=1)
    if good.sum() < max(3, 0.5 * len(sums)):
        raise ValueError(
            f"The disc was found in only {good.sum()} of {len(sums)} parts of the scan. Check the "
            f"disc (centre {disc.centre}, radius {disc.radius:.1f} px), or pass a vacuum scan."
        )
    # in units of the whole scan, so that a coarse vacuum scan serves a fine one
    position = (places + 0.5) / (nx, ny) - 0.5
    slopes = _robust_plane(position[good], centres[good])
    plane = np.zeros((2, 3))
    plane[:, :2] = slopes / (wanted[1], wanted[0])
    return plane


def visible_rim(centre: tuple[float, float], radius: float, shape: tuple[int, int]) -> float:
    """Share of a circle that lies inside a frame.

    Parameters
    ----------
    centre, radius
        px; centre as (x, y).
    shape
        (H, W) of the frame.

    Returns
    -------
    float
        0..1.
    """
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    x, y = centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)
    inside = (x >= -0.5) & (x <= shape[1] - 0.5) & (y >= -0.5) & (y <= shape[0] - 0.5)
    return float(inside.mean())


def _checked(pattern: np.ndarray) -> np.ndarray:
    """Return the pattern as float64, or say why it cannot be used."""
    raw = np.asarray(pattern)
    if raw.ndim != 2 or min(raw.shape) < 8:
        raise ValueError(
            f"fit_disc needs one pattern (H, W) of at least 8 x 8 px; got shape {raw.shape}. Sum "
            "or average a stack over the scan first."
        )
    if np.iscomplexobj(raw):
        raise TypeError("fit_disc needs counts, not complex amplitudes; pass abs(pattern)**2.")
    image = raw.astype(np.float64)
    bad = int((~np.isfinite(image)).sum())
    if bad:
        raise ValueError(
            f"The pattern has {bad} NaN or infinite pixels. Replace them first, for example by the "
            "median of their neighbours."
        )
    top = image.max()
    if top <= image.min():
        raise ValueError(
            f"The pattern is constant ({top:g}): there is no disc in it. Is the detector on, and "
            "is this the right frame?"
        )
    # A mean over frames that are all clipped is a whole number too, whatever its type.
    if top in _FULL_SCALES:
        clipped = (image == top).sum() / (image > 0.5 * top).sum()
        if clipped > 0.1:
            raise ValueError(
                f"The pattern is saturated: {clipped:.0%} of the bright pixels read {top:g}, the "
                "counter's full scale. The rim cannot be measured; use a shorter exposure."
            )
    return image


def _plausible(fitted, start, shape) -> bool:
    moved = np.hypot(*(fitted[:2] - start[:2]))
    change = fitted[2] / start[2]
    return bool(
        np.isfinite(fitted).all()
        and moved < max(0.25 * start[2], 3)
        and 0.7 < change < 1.4
        and fitted[3] < 0.4 * fitted[2]
        and fitted[2] < 2 * max(shape)
    )


def _has_step(image, fitted) -> bool:
    """Whether the pattern is clearly brighter inside the rim than outside, nearly all round."""
    rows, columns = np.indices(image.shape)
    dx, dy = columns - fitted[0], rows - fitted[1]
    gap = np.hypot(dx, dy) - fitted[2]
    near = max(2 * fitted[3], 1.0)
    far = near + max(0.15 * fitted[2], 2.0)
    inner, outer = (gap < -near) & (gap > -far), (gap > near) & (gap < far)
    if min(inner.sum(), outer.sum()) < 8:
        return False
    step = image[inner].mean() - image[outer].mean()
    error = np.hypot(
        image[inner].std() / np.sqrt(inner.sum()), image[outer].std() / np.sqrt(outer.sum())
    )
    sector = np.floor((np.arctan2(dy, dx) + np.pi) / (2 * np.pi) * 11.999).astype(int)
    up = [
        image[inner & (sector == k)].mean() > image[outer & (sector == k)].mean()
        for k in range(12)
        if (inner & (sector == k)).sum() > 1 and (outer & (sector == k)).sum() > 1
    ]
    return bool(step > 8 * error and np.mean(up) > 0.8)


def _binned_sums(frames, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) mean scan position (x, y) and (n, H, W) sums of the parts of the scan."""
    ny, nx = frames.shape[:2]
    rows = np.linspace(0, ny, min(bins, ny) + 1).round().astype(int)
    columns = np.linspace(0, nx, min(bins, nx) + 1).round().astype(int)
    places = np.empty((len(rows) - 1, len(columns) - 1, 2))
    sums = []
    for j, (y0, y1) in enumerate(pairwise(rows)):
        for i, (x0, x1) in enumerate(pairwise(columns)):
            places[j, i] = ((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2)
            sums.append(frames[y0:y1, x0:x1].sum(axis=(0, 1), dtype=np.float64))
    if not isinstance(frames, np.ndarray):
        import dask

        # one pass: every block is read once and freed when its parts are summed
        sums = dask.compute(*sums)
    grid = np.stack([np.asarray(s) for s in sums]).reshape(*places.shape[:2], *frames.shape[2:])
    while grid.shape[0] * grid.shape[1] > 4 and grid.sum() / places[..., 0].size < _MIN_COUNTS:
        before = places.shape
        places, grid = _pairs(places, np.mean), _pairs(grid, np.sum)
        if places.shape == before:
            break
    return places.reshape(-1, 2), grid.reshape(-1, *frames.shape[2:])


def _pairs(grid: np.ndarray, merge) -> np.ndarray:
    """Merge neighbouring parts where there is an even number, more than two, of them."""
    for axis in range(2):
        n = grid.shape[axis]
        if n > 2 and n % 2 == 0:
            shape = (*grid.shape[:axis], n // 2, 2, *grid.shape[axis + 1 :])
            grid = merge(grid.reshape(shape), axis=axis + 1)
    return grid


def _shifted_centre(pattern: np.ndarray, disc: Disc) -> np.ndarray:
    """Centre of the known disc in one sum of frames; NaN where it is not found."""
    clean = without_hot_pixels(np.nan_to_num(pattern))
    x, y = disc.centre
    radius = disc.radius
    rows, columns = np.indices(clean.shape)
    inside = np.hypot(columns - x, rows - y) < 0.8 * radius
    if not inside.any() or clean[inside].mean() <= 0:
        return np.full(2, np.nan)
    bright = ndimage.median_filter(clean, size=3) > 0.5 * np.median(clean[inside])
    near = bright & (np.hypot(columns - x, rows - y) < 1.5 * radius)
    start = np.array([x, y, radius, max(disc.edge_width, 0.3)])
    if near.any() and disc.visible == 1.0:
        seen = np.array([columns[near].mean(), rows[near].mean()])
        start[:2] = seen if np.hypot(*(seen - disc.centre)) < 0.5 * radius else disc.centre
    guess = start.copy()
    pixels, values = rim_pixels(clean, guess[:2], radius)
    fitted, _ = gauss_newton(pixels, values, start, free=2, waves=4)
    return fitted[:2] if np.hypot(*(fitted[:2] - guess[:2])) < 0.3 * radius else np.full(2, np.nan)


def _robust_plane(position: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(2, 2) slopes of a plane with an offset, outliers given little weight."""
    design = np.column_stack([position, np.ones(len(position))])
    for axis in range(2):
        if np.ptp(position[:, axis]) == 0:
            design[:, axis] = 0
    weight = np.ones(len(position))
    plane = np.zeros((3, 2))
    for _ in range(10):
        w = np.sqrt(weight)[:, None]
        plane = np.linalg.lstsq(design * w, centres * w, rcond=None)[0]
        off = np.linalg.norm(centres - design @ plane, axis=1)
        weight = 1 / (1 + (off / (3 * np.median(off) + 1e-9)) ** 2)
    return plane[:2].T
