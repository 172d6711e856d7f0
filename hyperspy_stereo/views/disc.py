"""Where the bright-field disc lies in the patterns, to a small part of a pixel."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage
from scipy.special import erfc
from skimage.measure import label, regionprops

_WAVES = 6  # of brightness around the rim: follow a ramp and a Kikuchi band
_MAX_PIXELS = 20_000  # more do not change the fit, only its time
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
    clean = _without_hot_pixels(image)
    x, y, radius = _first_circle(clean)
    seen = visible_rim((x, y), radius, image.shape)
    if seen < 0.4:
        raise ValueError(
            f"The frame of {image.shape} px cuts the disc (centre ({x:.0f}, {y:.0f}), radius about "
            f"{radius:.0f} px): only {seen:.0%} of its rim can be seen, 40 % are needed. Give the "
            "centre and radius, or record with a larger camera length's worth of detector."
        )
    pixels, values = _rim_pixels(clean, (x, y), radius)
    start = np.array([x, y, radius, 1.0])
    fitted, covariance = _gauss_newton(pixels, values, start, free=4, waves=_WAVES)
    if not _plausible(fitted, start, image.shape):
        raise ValueError(
            "No disc with a clear rim was found: the fit did not converge. Pass a vacuum pattern "
            "or the mean over many frames, or give the centre and radius."
        )
    sigma = float(np.sqrt(0.5 * (covariance[0, 0] + covariance[1, 1])))
    x, y, radius, edge = (float(v) for v in fitted)
    return Disc((x, y), radius, edge, sigma, visible_rim((x, y), radius, image.shape))


def fit_descan(
    frames, disc: Disc, scan_shape: tuple[int, int] | None = None, bins: int = 8
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
    if np.issubdtype(raw.dtype, np.integer) and int(top) in _FULL_SCALES:
        clipped = (image == top).sum() / (image > 0.5 * top).sum()
        if clipped > 0.1:
            raise ValueError(
                f"The pattern is saturated: {clipped:.0%} of the bright pixels read {top:g}, the "
                "counter's full scale. The rim cannot be measured; use a shorter exposure."
            )
    return image


def _without_hot_pixels(image: np.ndarray) -> np.ndarray:
    """Replace pixels that stand far above or below all of their neighbourhood."""
    middle = ndimage.median_filter(image, size=5, mode="nearest")
    level, floor = np.percentile(middle, [97, 3])
    # a rim pixel differs from its median by less than the whole step of the rim
    spread = 1.2 * (level - floor) + 6 * np.sqrt(np.maximum(middle, 0))
    return np.where(np.abs(image - middle) > np.maximum(spread, 1e-12), middle, image)


def _first_circle(image: np.ndarray) -> tuple[float, float, float]:
    """Centre and radius to about a pixel: the threshold whose outline is most of a circle."""
    smooth = ndimage.median_filter(image, size=3, mode="nearest")
    smooth = ndimage.gaussian_filter(smooth, 0.7)
    low, high = smooth.min(), np.percentile(smooth, 98)
    best = (0.0, 0.0, 0.0, 0.0)
    for share in (0.5, 0.35, 0.25, 0.15, 0.65):
        regions = regionprops(label(smooth > low + share * (high - low)))
        if not regions:
            continue
        region = max(regions, key=lambda r: r.area)
        mask = np.zeros(image.shape, bool)
        mask[region.slice] = ndimage.binary_fill_holes(region.image)
        score, *circle = _outline_circle(mask)
        if score > best[0] + 0.02:
            best = (score, *circle)
    if best[0] < 0.6 or best[3] < 2.5:
        raise ValueError(
            "No disc was found in the pattern: no threshold gives a round outline. Pass a vacuum "
            "pattern or the mean over many frames, or give the centre and radius."
        )
    return best[1], best[2], best[3]


def _outline_circle(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Share of the outline on a circle, and the circle; the frame's border is no outline."""
    outline = mask & ~ndimage.binary_erosion(mask, border_value=1)
    rows, columns = np.nonzero(outline)
    if len(rows) < 12:
        return 0.0, 0.0, 0.0, 0.0
    keep = np.ones(len(rows), bool)
    x = y = radius = 0.0
    for _ in range(6):
        # algebraic circle (Kasa), outliers left out from the second round on
        a = np.column_stack([columns[keep], rows[keep], np.ones(keep.sum())]).astype(float)
        b = (a[:, :2] ** 2).sum(axis=1)
        p = np.linalg.lstsq(a, b, rcond=None)[0]
        x, y = p[0] / 2, p[1] / 2
        radius = float(np.sqrt(max(p[2] + x * x + y * y, 0.0)))
        off = np.abs(np.hypot(columns - x, rows - y) - radius)
        keep = off <= max(1.5, 2 * np.median(off))
        if keep.sum() < 12:
            return 0.0, 0.0, 0.0, 0.0
    tolerance = max(1.5, 0.06 * radius)
    # the outline lies on the inside of the rim, by about half a pixel
    return float((off <= tolerance).mean()), float(x), float(y), radius + 0.5


def _rim_pixels(image, centre, radius) -> tuple[np.ndarray, np.ndarray]:
    """(2, n) positions and (n,) values of the pixels around the rim."""
    y, x = np.indices(image.shape)
    out = np.hypot(x - centre[0], y - centre[1]) - radius
    near = (out > -max(0.25 * radius, 4.0)) & (out < max(0.35 * radius, 4.0))
    step = int(np.ceil(near.sum() / _MAX_PIXELS))
    chosen = np.flatnonzero(near)[::step]
    return np.stack([x.ravel()[chosen], y.ravel()[chosen]]).astype(float), image.ravel()[chosen]


def _gauss_newton(pixels, values, start, free, waves) -> tuple[np.ndarray, np.ndarray]:
    """Fit centre, radius and edge width (the first `free` of them) and the brightness."""
    x0, y0, scale = start[0], start[1], start[2]
    u, v = (pixels[0] - x0) / scale, (pixels[1] - y0) / scale
    basis = _brightness_basis(u, v, waves)
    ground = np.stack([np.ones_like(u), u, v], axis=1)
    n = basis.shape[1]
    level = max(float(np.percentile(values, 95)), 1e-12)
    weight = 1 / np.sqrt(np.maximum(np.abs(values), 0.03 * level))
    weight = np.minimum(weight, 3 * np.median(weight))
    p = np.array(start, float)
    robust = np.ones_like(values)
    step = np.zeros(free)
    for _ in range(40):
        dx, dy = pixels[0] - p[0], pixels[1] - p[1]
        r = np.hypot(dx, dy) + 1e-9
        q = (r - p[2]) / p[3]
        inside = 0.5 * erfc(q / np.sqrt(2))
        w = (weight * robust)[:, None]
        linear = np.concatenate([basis * inside[:, None], ground], axis=1)
        coefficients = _solve(linear * w, values * w[:, 0])[0]
        residual = values - linear @ coefficients
        slope = (basis @ coefficients[:n]) * np.exp(-0.5 * q * q) / (np.sqrt(2 * np.pi) * p[3])
        jacobian = np.stack([slope * dx / r, slope * dy / r, slope, slope * q], axis=1)[:, :free]
        both = np.concatenate([linear, jacobian], axis=1) * w
        solution, inverse = _solve(both, residual * w[:, 0])
        step = np.clip(solution[-free:], -0.7, 0.7)
        p[:free] += step
        p[3] = min(max(p[3], 0.08), 0.5 * p[2])
        scaled = residual * weight
        spread = 1.4826 * np.median(np.abs(scaled)) + 1e-9 * level
        # square root of the Cauchy weight: it multiplies residuals, not their squares
        robust = 1 / np.sqrt(1 + (scaled / (5 * spread)) ** 2)
        if np.abs(step).max() < 1e-4:
            break
    noise = float(np.sum((residual * w[:, 0]) ** 2)) / max(len(values) - n - 3 - free, 1)
    return p, inverse[-free:, -free:] * noise


def _brightness_basis(u: np.ndarray, v: np.ndarray, order: int) -> np.ndarray:
    """Waves around the rim up to `order`, each linear in the radius.

    A free polynomial in x and y bends so fast across the rim that it takes the place of a larger
    radius; two radial terms cannot.
    """
    rho, angle = np.hypot(u, v), np.arctan2(v, u)
    waves = [np.ones_like(u)]
    for m in range(1, order + 1):
        waves += [np.cos(m * angle), np.sin(m * angle)]
    return np.stack([w * f for w in waves for f in (1.0, rho - 1)], axis=1)


def _solve(matrix: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with a trace of damping, and the inverse of the normal matrix."""
    normal = matrix.T @ matrix
    size = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    scaled = normal / np.outer(size, size) + 1e-9 * np.eye(len(size))
    inverse = np.linalg.inv(scaled) / np.outer(size, size)
    return inverse @ (matrix.T @ right), inverse


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
    clean = _without_hot_pixels(np.nan_to_num(pattern))
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
    pixels, values = _rim_pixels(clean, guess[:2], radius)
    fitted, _ = _gauss_newton(pixels, values, start, free=2, waves=4)
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
