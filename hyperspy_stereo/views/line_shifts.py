"""How fast fine lines move across virtual images as the incidence changes."""

from dataclasses import dataclass

import numba
import numpy as np
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import skeletonize

_MARGIN = 6  # px, so that a profile stays inside the image
_SPACING = 2  # of the samples along a line, px
_STEP = 0.5  # of the profiles across a line, px


@dataclass(frozen=True)
class LineShifts:
    """Motion of points on lines, measured across the line.

    Attributes
    ----------
    position
        (n, 2) x, y, scan px.
    normal
        (n, 2) unit normal of the line at the point.
    rate
        (n, 2) px per mrad: the line moves by rate @ incidence along `normal`, incidence in the
        frame it was given in.
    covariance
        (n, 2, 2) of `rate`.
    chain
        (n,) number of the line a point belongs to.
    """

    position: np.ndarray
    normal: np.ndarray
    rate: np.ndarray
    covariance: np.ndarray
    chain: np.ndarray


def measure_line_shifts(
    views: np.ndarray, incidence: np.ndarray, max_shift: float = 12.0
) -> LineShifts:
    """Measure, point by point, how lines move with the incidence.

    Parameters
    ----------
    views
        (V, Ny, Nx) virtual images.
    incidence
        (V, 2) mrad, any frame.
    max_shift
        Largest motion of a line over the range of incidences, px, either way.

    Returns
    -------
    LineShifts
        Empty if there are no lines.

    Notes
    -----
    At each point of the lines of a reference image (views near the middle), profiles across the
    line are taken from all views, and the rate is sought for which they line up best: first on a
    grid, then by Newton's method. Views count by their contrast over their noise.
    """
    relative = np.stack([_relative(view) for view in views.astype(np.float64)])
    noise = np.array([white_noise(r) for r in relative])
    smooth = np.stack([ndimage.gaussian_filter(r, 1.0) for r in relative])
    contrast = np.sqrt(np.maximum(smooth.var(axis=(1, 2)) - 0.08 * noise**2, 0))
    weight = contrast / np.maximum(noise, 1e-3 * contrast.max() + 1e-12) ** 2
    weight /= weight.max() + 1e-300
    middle = (weight[:, None] * incidence).sum(axis=0) / (weight.sum() + 1e-300)
    theta = incidence - middle
    distance = np.linalg.norm(theta, axis=1)
    reach = distance.max()
    # few views in the middle: little blur by parallax, and at least three against the noise
    w = weight * (distance <= max(0.35 * reach, np.sort(distance)[2]))
    w /= w.sum() + 1e-300
    reference = np.tensordot(w, smooth, 1)
    points, normals, chains, sign = _line_points(reference, np.linalg.norm(w * noise))
    if len(points) == 0:
        empty = np.zeros((0, 2))
        return LineShifts(empty, empty, empty, np.zeros((0, 2, 2)), np.zeros(0, int))
    half = int(np.ceil(max_shift)) + 6
    profiles = sign * _profiles(smooth, points, normals, half)
    rate, covariance, good = _align_profiles(profiles, weight, noise, theta, max_shift / reach)
    return LineShifts(points[good], normals[good], rate[good], covariance[good], chains[good])


def common_motion(views: np.ndarray, theta: np.ndarray, max_shift: float) -> np.ndarray:
    """(2, 2) px per mrad: shift of the whole image with the incidence, zero if it is small.

    Only a large defocus needs this. A small one is left to the lines, each with its own depth.
    """
    blurred = np.stack([ndimage.gaussian_filter(v.astype(float), 1.5) for v in views])
    flat = np.stack([b / np.maximum(ndimage.gaussian_filter(b, 10), 1e-12) - 1 for b in blurred])
    window = np.outer(*(np.hanning(n) for n in views.shape[1:]))
    spectra = np.fft.rfft2(flat * window)
    distance = np.linalg.norm(theta[:, None] - theta[None], axis=2)
    # neighbours in the disc look alike; their shift is small even where that of the ends is not
    np.fill_diagonal(distance, np.inf)
    left, right, shift = [], [], []
    for v in range(len(views)):
        for other in np.argsort(distance[v])[:4]:
            product = np.fft.irfft2(spectra[v] * np.conj(spectra[other]), s=views.shape[1:])
            left.append(v)
            right.append(other)
            shift.append(_peak(product))
    step, shift = theta[left] - theta[right], np.array(shift)
    matrix = np.zeros((2, 2))
    keep = np.ones(len(step), bool)
    for _ in range(5):
        matrix = np.linalg.lstsq(step[keep], shift[keep], rcond=None)[0].T
        off = np.linalg.norm(shift - step @ matrix.T, axis=1)
        keep = off <= max(2 * np.median(off), 0.3)
    reach = np.linalg.norm(theta - theta.mean(axis=0), axis=1).max()
    mean_rate = np.sqrt(abs(np.linalg.det(matrix)))
    return matrix if mean_rate * reach > 0.6 * max_shift else np.zeros((2, 2))


def _peak(correlation) -> np.ndarray:
    """Shift (x, y) of the highest correlation, by parabolas."""
    shape = np.array(correlation.shape)
    top = np.array(np.unravel_index(np.argmax(correlation), shape))
    shift = top.astype(float)
    for axis in range(2):
        low, high = top.copy(), top.copy()
        low[axis] -= 1
        high[axis] = (high[axis] + 1) % shape[axis]
        a, b, c = correlation[tuple(low)], correlation[tuple(top)], correlation[tuple(high)]
        shift[axis] += 0.5 * (a - c) / (a - 2 * b + c - 1e-300)
    shift = (shift + shape / 2) % shape - shape / 2
    return shift[::-1]


def moved_back(views: np.ndarray, theta: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Views without their common motion."""
    if not coarse.any():
        return views
    back = (theta - theta.mean(axis=0)) @ coarse.T
    return np.stack(
        [
            ndimage.shift(v.astype(float), -s[::-1], order=3, mode="nearest")
            for v, s in zip(views, back, strict=True)
        ]
    )


def _relative(view: np.ndarray) -> np.ndarray:
    """Contrast against the local brightness."""
    local = ndimage.gaussian_filter(view, 8.0, mode="nearest")
    return view / np.maximum(local, 0.05 * abs(view.mean()) + 1e-12) - 1


def white_noise(image: np.ndarray) -> float:
    """Noise per pixel (Immerkaer), from an operator that is blind to lines and ramps."""
    rough = ndimage.convolve(image, np.outer([1, -2, 1], [1.0, -2, 1]), mode="nearest")
    return float(1.4826 * np.median(np.abs(rough)) / 6)


def _line_points(image: np.ndarray, noise: float):
    """Points on ridges, their normals, their line's number, and the sign that makes them bright."""
    scale = 2.0
    xx, yy, xy = (
        ndimage.gaussian_filter(image, scale, order=o, mode="nearest")
        for o in ((0, 2), (2, 0), (1, 1))
    )
    # larger eigenvalue of the Hessian in magnitude, and its direction: across the line
    mean, split = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    strong = np.where(mean >= 0, mean + split, mean - split)
    weak = 2 * mean - strong
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.where(mean >= 0, 0.0, np.pi / 2)
    sign = -1.0 if (strong[strong > 0] ** 2).sum() >= (strong[strong < 0] ** 2).sum() else 1.0
    height = -sign * strong
    rows, columns = np.indices(image.shape, dtype=float)
    nx, ny = np.cos(angle), np.sin(angle)
    sides = [
        ndimage.map_coordinates(height, [rows + s * ny, columns + s * nx], order=1, mode="nearest")
        for s in (-1, 1)
    ]
    peak = (height > sides[0]) & (height >= sides[1]) & (np.abs(weak) < 0.4 * np.abs(strong))
    # 0.022: norm of the second derivative of both blurs together
    threshold = max(4 * 0.022 * noise, 0.2 * np.percentile(height, 99.5))
    inner = np.zeros(image.shape, bool)
    inner[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = True
    number = _separate_lines(peak & (height > threshold) & inner)
    size = np.bincount(number.ravel())
    keep = (size >= 10) & (np.arange(len(size)) > 0)
    r, c = np.nonzero(keep[number])
    chosen = (r + c) % _SPACING == 0
    r, c = r[chosen], c[chosen]
    # to the top of the ridge, by the parabola through three points across it
    low, top, high = sides[0][r, c], height[r, c], sides[1][r, c]
    shift = np.clip(0.5 * (high - low) / np.maximum(2 * top - low - high, 1e-12), -1, 1)
    normals = np.stack([nx[r, c], ny[r, c]], axis=1)
    points = np.stack([c, r], axis=1) + shift[:, None] * normals
    chains = number[r, c]
    return points, _oriented(normals, chains), chains, sign


def _separate_lines(ridges: np.ndarray) -> np.ndarray:
    """Number the lines, cut where they meet: each line shifts its contrast in its own way."""
    thin = skeletonize(ridges)
    neighbours = ndimage.convolve(thin.astype(int), np.ones((3, 3), int)) - 1
    meeting = ndimage.binary_dilation(thin & (neighbours > 2), np.ones((3, 3)), iterations=3)
    return label(thin & ~meeting, connectivity=2)


def _oriented(normals: np.ndarray, chains: np.ndarray) -> np.ndarray:
    """Turn the normals of each line to the same side of it."""
    out = normals.copy()
    for k in np.unique(chains):
        own = chains == k
        axis = np.linalg.eigh(normals[own].T @ normals[own])[1][:, 1]
        out[own] *= np.where(normals[own] @ axis < 0, -1.0, 1.0)[:, None]
    return out


def _profiles(images, points, normals, half) -> np.ndarray:
    """(n, V, S) profiles across the line, averaged over 7 px along it."""
    s = np.arange(-half, half + _STEP / 2, _STEP)
    along = np.stack([-normals[:, 1], normals[:, 0]], axis=1)
    offsets = np.arange(-3.0, 3.5, 1.5)
    place = points[:, None, None] + s[:, None] * normals[:, None, None]
    place = place + offsets[:, None, None] * along[:, None, None]
    coordinates = np.moveaxis(place, -1, 0)[::-1]
    out = np.empty((len(points), len(images), len(s)))
    for v, image in enumerate(images):
        sampled = ndimage.map_coordinates(image, coordinates, order=1, mode="constant", cval=0.0)
        out[:, v] = ndimage.gaussian_filter1d(sampled.mean(axis=1), 1.0 / _STEP, axis=-1)
    return out


def _align_profiles(profiles, weight, noise, theta, largest):
    """Rate, covariance and success for every point."""
    grid = np.linspace(-largest, largest, 33)
    gradient = np.gradient(profiles, _STEP, axis=-1)
    curvature = np.gradient(gradient, _STEP, axis=-1)
    # white noise after the blurs of image and profile, the mean along the line and a derivative
    slope_noise = 0.084 * noise
    start = _search(profiles, weight, theta, grid)
    design = np.column_stack([np.ones(len(theta)), theta])
    n = len(profiles)
    rate, covariance = start[:, 1:].copy(), np.zeros((n, 2, 2))
    good = np.zeros(n, bool)
    middle = (profiles.shape[2] - 1) / 2
    views = np.arange(len(theta))
    for t in range(n):
        p = start[t].copy()
        for _ in range(12):
            where = np.clip((design @ p) / _STEP + middle, 0, profiles.shape[2] - 1.001)
            k = where.astype(int)
            f = where - k
            g = weight * ((1 - f) * gradient[t, views, k] + f * gradient[t, views, k + 1])
            h = weight * ((1 - f) * curvature[t, views, k] + f * curvature[t, views, k + 1])
            # a view where the line is not at its top (noise, another line) bends the wrong way
            hessian = (design * np.maximum(-h, 0)[:, None]).T @ design
            hessian += 1e-9 * np.trace(hessian) * np.eye(3) + 1e-300 * np.eye(3)
            step = np.linalg.solve(hessian, design.T @ g)
            shift = np.abs(design @ step).max()
            p += step * min(1.0, 1.0 / (shift + 1e-12))
            if shift < 1e-3:
                good[t] = True
                break
        inverse = np.linalg.inv(hessian)
        spread = (design * ((weight * slope_noise) ** 2)[:, None]).T @ design
        covariance[t] = (inverse @ spread @ inverse)[1:, 1:]
        rate[t] = p[1:]
        moved = np.abs(design @ (p - start[t])).max()
        good[t] &= moved < 4 and abs(p[0]) < 2 and np.abs(p[1:]).max() < largest
    return rate, covariance, good


@numba.njit(cache=True, nogil=True)
def _search(profiles, weight, theta, grid):
    """Best (offset, rate) of each point on a grid."""
    n, views, samples = profiles.shape
    middle = (samples - 1) / 2
    out = np.zeros((n, 3))
    for t in range(n):
        best = -1e300
        for a in grid:
            for b in grid:
                for offset in (-1.0, -0.5, 0.0, 0.5, 1.0):
                    total = 0.0
                    for v in range(views):
                        where = (offset + a * theta[v, 0] + b * theta[v, 1]) / 0.5 + middle
                        k = int(where)
                        if where >= 0 and k + 1 < samples:
                            f = where - k
                            total += weight[v] * (
                                (1 - f) * profiles[t, v, k] + f * profiles[t, v, k + 1]
                            )
                    if total > best:
                        best = total
                        out[t, 0], out[t, 1], out[t, 2] = offset, a, b
    return out
