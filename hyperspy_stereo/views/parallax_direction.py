"""Direction of the parallax in a scan, from views that share one diffraction condition.

Across the Kikuchi line the excitation error changes, and with it where the contrast of a line lies;
along it nothing but parallax moves. Only views in one narrow row along the line are compared here.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from scipy import ndimage

from hyperspy_stereo.views.kikuchi_rows import BLUR, MARGIN, FilteredRow, filtered_rows

WINDOW = 2.2  # standard deviation of a window, scan px
SPACING = 5  # of the windows, scan px
LARGEST = 5.0  # px by which a window may move against the rest, over half the disc
STEP = 0.5  # px, of the motions that are tried; refined FINER times by interpolation
FINER = 4
MODEL_ERRORS = (0.1, 0.15, 0.22, 0.33, 0.5, 0.75, 1.1)  # px, as LARGEST
DEPTH_ROUNDS = 4
OUTLIERS = 0.1  # share of windows where something else moves
SLOWEST = 0.3  # px over half the disc: least spread of the windows' motion
LEAST_GAIN = 12.0  # in log likelihood: noise alone reaches 8, the poorest scan of lines seen 25
SIGMA_SCALE = 1.5  # errors of ten simulated scans over what their own likelihood says
SURE_MOTION = 30.0  # in log likelihood: noise alone reaches 13
LARGEST_RESIDUAL = 0.6  # px, of the model's error
MOST_WINDOWS = 1500
ANGLES = np.arange(0.0, 180.0, 1.0)


@dataclass(frozen=True)
class ParallaxDirection:
    """Direction in which the parallax along the Kikuchi line runs.

    Attributes
    ----------
    azimuth
        Degrees in the scan, in [0, 180).
    sigma
        Standard error, degrees: the larger of that of the posterior and of a bootstrap over the
        windows, times SIGMA_SCALE. Above 50 where nothing is known.
    depth
        Median over the windows of their motion per incidence along `azimuth`, with its sign
        turned, so that positive is beyond focus; px per unit of the incidence.
    depth_sigma
        Its standard error.
    residual
        Standard deviation of what else moves a window at the rim of the incidences, scan px.
    n_windows
        How many windows were used.
    """

    azimuth: float
    sigma: float
    depth: float
    depth_sigma: float
    residual: float
    n_windows: int


def parallax_direction(
    rows: list[tuple[np.ndarray, np.ndarray]], seed: int = 0
) -> ParallaxDirection:
    """Find the one direction along which every part of the image moves, each by its own depth.

    Parameters
    ----------
    rows
        Of each row of views: (V, Ny, Nx) images, and (V,) incidences along it, any unit. Images of
        different rows are never compared.
    seed
        Of the bootstrap.

    Returns
    -------
    ParallaxDirection

    Raises
    ------
    ValueError
        If no row holds images with contrast, nothing in them moves, or not along one
        direction.

    Notes
    -----
    In small windows, the misfit of all views of a row to one image that moves with the incidence is
    found for all motions on a grid, and summed over the rows as a likelihood with unknown noise.
    Blurred by the error of this model, it is integrated over the unknown depth along each
    direction; windows are multiplied, directions that agree with all stand out. A straight even
    line says nothing by itself: dots, ends, bends and crossings do. The size of the model's error
    is integrated over, so that images that follow the model badly give a large sigma.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> field = ndimage.gaussian_filter(rng.normal(size=(80, 80)), 2)
    >>> incidence = np.linspace(-1, 1, 7)
    >>> views = [1 + ndimage.shift(field, (0.5 * t, 2 * t), mode="nearest") for t in incidence]
    >>> found = parallax_direction([(np.stack(views), incidence)])
    >>> bool(abs(found.azimuth - np.rad2deg(np.arctan2(0.5, 2))) < 2)
    True
    """
    reach = max(float(np.abs(incidence).max()) for _, incidence in rows)
    used = filtered_rows(rows, reach)
    if not used:
        raise ValueError("No row of views along the Kikuchi line shows contrast.")
    start = _common_motion(used)
    grid = np.arange(-LARGEST, LARGEST + STEP / 2, STEP)
    misfit = _misfit(used, start, grid, WINDOW, SPACING)
    density, pitch = _densities(misfit)
    curves = _likelihoods(density, pitch, start)
    overlap = max(4 * np.pi * WINDOW**2 / SPACING**2, 1.0)
    gain = (curves.sum(axis=2, dtype=np.float64).max() - _at_rest(density, pitch, start)) / overlap
    if gain < LEAST_GAIN:
        raise ValueError(
            f"Nothing is seen to move with the incidence (log likelihood {gain:.1f} above rest)."
        )
    azimuth, sigma = _posterior(curves / overlap)
    rng, n = np.random.default_rng(seed), curves.shape[2]
    off = []
    for _ in range(50):
        # a share of the windows: neighbours overlap
        count = np.bincount(rng.integers(0, n, max(int(n / overlap), 2)), minlength=n)
        other = _posterior(curves @ count.astype(np.float32))[0]
        off.append((other - azimuth + 90) % 180 - 90)
    sigma = SIGMA_SCALE * max(sigma, float(np.sqrt(np.mean(np.square(off)))))
    depth = _depths(density, pitch, start, azimuth)
    depth = depth if azimuth == azimuth % 180 else -depth  # the direction is given turned round
    error = 1.25 * 1.48 * np.median(np.abs(depth - np.median(depth))) / np.sqrt(n / overlap)
    fits = curves.sum(axis=2, dtype=np.float64).max(axis=1) / overlap
    share = np.exp(fits - fits.max())
    residual = float(share @ MODEL_ERRORS / share.sum())
    if residual > LARGEST_RESIDUAL:
        raise ValueError(
            f"The parts of the image do not move along one direction: {residual:.1f} px stay "
            "unexplained at the rim of the disc."
        )
    return ParallaxDirection(
        azimuth=azimuth % 180,
        sigma=sigma,
        depth=float(np.median(depth)) / reach,
        depth_sigma=float(error) / reach,
        residual=residual,
        n_windows=n,
    )


def _common_motion(rows) -> np.ndarray:
    """(2,) motion x, y of the whole image over half the disc, scan px, to half a pixel."""
    row = max(rows, key=lambda r: np.median(r.gain**2 * r.inverse))
    small = np.stack([ndimage.gaussian_filter(v, 1.5)[::2, ::2] for v in row.images])
    grid = np.arange(-8.0, 8.25, 0.5)
    if min(small.shape[1:]) < 24:
        return np.zeros(2)
    half = FilteredRow(small, row.place, row.gain, row.inverse)
    total = _misfit([half], np.zeros(2), grid, 2 * WINDOW, SPACING).sum(axis=2)
    y, x = np.unravel_index(np.argmin(total), total.shape)
    middle = len(grid) // 2
    if total[middle, middle] - total[y, x] < SURE_MOTION:
        return np.zeros(2)
    return 2 * np.array([grid[x], grid[y]])


def _misfit(rows, start, grid, window, spacing) -> np.ndarray:
    """(Vy, Vx, n) minus log likelihood of each motion in each window."""
    vy, vx = np.meshgrid(grid + start[1], grid + start[0], indexing="ij")
    motions = np.column_stack([vx.ravel(), vy.ravel()])
    # independent pixels of a window after the blur, half of them for the model's sake
    weight = 0.5 * window**2 / (2 * BLUR**2)
    cut = (slice(MARGIN, -MARGIN, spacing),) * 2

    def one(motion):
        total = 0.0
        for row in rows:
            rest = _residual(row.images, row.place, row.gain, row.inverse, motion[0], motion[1])
            rest = ndimage.gaussian_filter(rest, window)[cut].ravel()
            n = len(row.place)
            total = total + weight * (n - 1) * np.log(rest + 0.02 * n)
        return total

    with ThreadPoolExecutor(numba.get_num_threads()) as pool:
        costs = np.stack(list(pool.map(one, motions)))
    return costs.reshape(len(grid), len(grid), -1)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _residual(images, place, gain, inverse, vx, vy):
    """(Ny, Nx) weighted squares that one image, moving with the incidence, leaves over."""
    n, height, width = images.shape
    cross, square = np.zeros((height, width)), np.zeros((height, width))
    norm = 0.0
    for k in range(n):
        norm += gain[k] * gain[k] * inverse[k]
        dx, dy = vx * place[k], vy * place[k]
        ix, iy = int(np.floor(dx)), int(np.floor(dy))
        fx, fy = dx - ix, dy - iy
        a, b, c, d = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
        for y in range(height):
            y0 = min(max(y + iy, 0), height - 1)
            y1 = min(max(y + iy + 1, 0), height - 1)
            for x in range(width):
                x0 = min(max(x + ix, 0), width - 1)
                x1 = min(max(x + ix + 1, 0), width - 1)
                value = a * images[k, y0, x0] + b * images[k, y0, x1]
                value += c * images[k, y1, x0] + d * images[k, y1, x1]
                cross[y, x] += gain[k] * inverse[k] * value
                square[y, x] += inverse[k] * value * value
    return square - cross * cross / norm


def _densities(misfit) -> tuple[np.ndarray, float]:
    """(n, Vy, Vx) density of the motion of each window on the finer grid, and the grid's pitch."""
    spread = np.ptp(misfit.reshape(-1, misfit.shape[2]), axis=0)
    chosen = np.sort(np.argsort(-spread)[:MOST_WINDOWS])
    size = (misfit.shape[0] - 1) * FINER + 1
    pitch = STEP / FINER
    out = np.empty((len(chosen), size, size), np.float32)
    for target, k in enumerate(chosen):
        cost = ndimage.zoom(misfit[:, :, k], size / misfit.shape[0], order=3, mode="nearest")
        likelihood = np.exp(cost.min() - cost)
        out[target] = likelihood / (likelihood.sum() * pitch**2)
    return out, pitch


def _along(start, azimuth, pitch):
    """Motions along a direction, and where they lie on the grid (y, x)."""
    middle = np.rint((start @ (np.cos(azimuth), np.sin(azimuth))) / pitch) * pitch
    motion = middle + np.arange(-LARGEST, LARGEST + pitch / 2, pitch)
    x = (motion * np.cos(azimuth) - start[0] + LARGEST) / pitch
    y = (motion * np.sin(azimuth) - start[1] + LARGEST) / pitch
    return motion, np.stack([y, x])


def _sampled(density, place):
    """(n, m) bilinear samples of maps (n, Vy, Vx); zero outside."""
    size = density.shape[1]
    low = np.floor(place).astype(int)
    (fy, fx), inside = place - low, ((low >= 0) & (low < size - 1)).all(axis=0)
    y, x = np.clip(low, 0, size - 2)
    value = density[:, y, x] * ((1 - fy) * (1 - fx)) + density[:, y, x + 1] * ((1 - fy) * fx)
    value += density[:, y + 1, x] * (fy * (1 - fx)) + density[:, y + 1, x + 1] * (fy * fx)
    return value * inside


def _likelihoods(density, pitch, start) -> np.ndarray:
    """(errors, angles, n) log likelihood of each direction, whatever the depth of the window.

    The depths have a normal distribution of their own for each direction, found by expectation and
    maximisation: were all depths as likely, any direction along straight lines would be preferred.
    """
    floor = OUTLIERS / (2 * LARGEST) ** 2
    out = np.empty((len(MODEL_ERRORS), len(ANGLES), len(density)), np.float32)
    for e, error in enumerate(MODEL_ERRORS):
        blurred = ndimage.gaussian_filter(density, (0, error / pitch, error / pitch))
        middle, width = None, None
        for a, angle in enumerate(np.deg2rad(ANGLES)):
            motion, place = _along(start, angle, pitch)
            value = (1 - OUTLIERS) * _sampled(blurred, place)
            if middle is None:
                middle, width = motion.mean(), 2.0
            # the next direction starts from where this one ends
            middle = np.clip(middle, motion[0], motion[-1])
            for _ in range(DEPTH_ROUNDS):
                prior = np.exp(-0.5 * ((motion - middle) / width) ** 2) + 1e-6
                prior /= prior.sum()
                likelihood = value @ prior + floor
                share = prior * ((1 / likelihood) @ value)
                share /= share.sum() + 1e-300
                middle = float(share @ motion)
                width = max(float(np.sqrt(share @ (motion - middle) ** 2)), SLOWEST)
            out[e, a] = np.log(likelihood)
    return out


def _at_rest(density, pitch, start) -> float:
    """Largest log likelihood of windows none of which moves by more than SLOWEST or so."""
    place = ((LARGEST - start[::-1]) / pitch)[:, None]
    found = []
    for error in MODEL_ERRORS:
        width = np.hypot(error, SLOWEST) / pitch
        value = _sampled(ndimage.gaussian_filter(density, (0, width, width)), place)
        found.append(np.log((1 - OUTLIERS) * value + OUTLIERS / (2 * LARGEST) ** 2).sum())
    return float(max(found))


def _posterior(curves) -> tuple[float, float]:
    """Mean direction about the most likely one, and standard error, degrees.

    `curves` are (errors, angles) or have the windows as a third axis.
    """
    total = curves.sum(axis=2, dtype=np.float64) if curves.ndim == 3 else curves
    share = np.exp(total - total.max()).sum(axis=0)
    share /= share.sum()
    best = ANGLES[int(np.argmax(share))]
    off = (ANGLES - best + 90) % 180 - 90
    mean = float(share @ off)
    return float(best + mean), float(np.sqrt(share @ (off - mean) ** 2 + 1 / 12))


def _depths(density, pitch, start, azimuth) -> np.ndarray:
    """(n,) motion of each window along the direction over half the disc, its sign turned."""
    motion, place = _along(start, np.deg2rad(azimuth), pitch)
    blurred = ndimage.gaussian_filter(density, (0, 0.2 / pitch, 0.2 / pitch))
    return -motion[np.argmax(_sampled(blurred, place), axis=1)]
