"""What lies under the particles: background, noise, and how high noise alone reaches."""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, optimize

__all__ = [
    "background",
    "binned",
    "check_false_alarms",
    "correlate",
    "decision_level",
    "flatten",
    "noise_level",
    "threshold",
]

ENOUGH = 16  # pixels along a tile that tell its median
SAMPLE = 200_000  # pixels that tell the noise of a picture
MAD = 1.4826  # median absolute deviation -> standard deviation of a normal distribution


def background(image: NDArray, tile: int) -> NDArray[np.float32]:
    """Smooth background: medians of tiles, and of neighbouring tiles, interpolated linearly.

    Parameters
    ----------
    image : (H, W) ndarray
        Any units.
    tile : int
        Side of a tile, px; three diameters or more, so that particles are a minority in it.

    Returns
    -------
    numpy.ndarray
        (H, W) float32.

    Examples
    --------
    >>> round(float(background(np.full((40, 40), 3.0), 10).max()), 3)
    3.0
    """
    ground = np.zeros(image.shape, np.float32)
    _subtract(ground, *_coarse(np.ascontiguousarray(image, dtype=np.float32), tile))
    return -ground


def flatten(image: NDArray[np.float32], tile: int) -> None:
    """Take the background of :func:`background` away from an image, in place."""
    _subtract(image, *_coarse(image, tile))


def _coarse(image: NDArray[np.float32], tile: int) -> tuple[NDArray[np.float32], int, int]:
    """Background at the middles of tiles, and rows and columns of a tile."""
    rows, columns = image.shape
    tile = int(max(4, min(tile, rows, columns)))
    ny, nx = max(rows // tile, 1), max(columns // tile, 1)
    high, wide = rows // ny, columns // nx
    coarse = _tile_medians(image, ny, nx, high, wide, max(1, tile // ENOUGH))
    return ndimage.median_filter(coarse, 3, mode="nearest"), high, wide


@numba.njit(cache=True, nogil=True)
def _tile_medians(image, ny, nx, high, wide, thin):
    """(ny, nx) medians of every thin-th pixel of tiles."""
    out = np.empty((ny, nx), np.float32)
    values = np.empty((-(-high // thin)) * (-(-wide // thin)), np.float32)
    for a in range(ny):
        for b in range(nx):
            n = 0
            for row in range(a * high, (a + 1) * high, thin):
                for column in range(b * wide, (b + 1) * wide, thin):
                    values[n] = image[row, column]
                    n += 1
            out[a, b] = np.median(values[:n])
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _subtract(image, coarse, high, wide):
    """Less what is bilinear between the middles of tiles; beyond them the slope goes on."""
    ny, nx = coarse.shape
    rows, columns = image.shape
    line = np.empty(nx, np.float32)
    for row in range(rows):
        at = (row - (high - 1) / 2) / high
        k = min(max(int(np.floor(at)), 0), max(ny - 2, 0))
        w = np.float32(at - k) if ny > 1 else np.float32(0.0)
        for b in range(nx):
            line[b] = coarse[k, b] + w * (coarse[min(k + 1, ny - 1), b] - coarse[k, b])
        for b in range(max(nx - 1, 1)):
            # Of each pair of middles its own columns; the first and last also what is beyond.
            first = 0 if b == 0 else int(np.ceil(b * wide + (wide - 1) / 2))
            last = columns if b >= nx - 2 else int(np.ceil((b + 1) * wide + (wide - 1) / 2))
            slope = (line[b + 1] - line[b]) / np.float32(wide) if nx > 1 else np.float32(0.0)
            start = line[b] - slope * np.float32(b * wide + (wide - 1) / 2)
            for column in range(first, last):
                image[row, column] -= start + slope * np.float32(column)


@numba.njit(cache=True, nogil=True, fastmath=True)
def binned(image, factor):
    """Means of squares of pixels."""
    rows, columns = image.shape[0] // factor, image.shape[1] // factor
    out = np.zeros((rows, columns), np.float32)
    share = np.float32(1.0 / factor**2)
    for row in range(rows * factor):
        target, source = out[row // factor], image[row]
        for k in range(factor):
            for column in range(columns):
                target[column] += share * source[column * factor + k]
    return out


def noise_level(image: NDArray) -> float:
    """Standard deviation of the noise of a pixel, from second differences along x and y.

    J. Immerkaer, Computer Vision and Image Understanding 64 (1996) 300, with a median in place of
    the mean, which edges do not move.

    Parameters
    ----------
    image : (H, W) ndarray
        At least 3 x 3.

    Returns
    -------
    float
        In the unit of the image; for noise without correlation.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(0, 2, (200, 200))
    >>> round(noise_level(image), 1)
    2.0
    """
    # Some rows, and those beside them, tell as well as all.
    rows = np.arange(1, len(image) - 1, max(1, image.size // SAMPLE))
    down = image[rows - 1] - 2 * image[rows] + image[rows + 1]
    both = down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]
    return MAD * float(np.median(np.abs(both))) / 6


def correlate(image: NDArray, kernel: NDArray) -> NDArray[np.float32]:
    """Correlation of an image with a kernel of odd sides, by FFT; borders as if reflected.

    Parameters
    ----------
    image : (H, W) ndarray
        Larger than the kernel.
    kernel : (n, m) ndarray
        Odd sides.

    Returns
    -------
    numpy.ndarray
        (H, W) float32.
    """
    ky, kx = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(image.astype(np.float32, copy=False), ((ky, ky), (kx, kx)), mode="symmetric")
    shape = tuple(fft.next_fast_len(n, real=True) for n in padded.shape)
    spectrum = fft.rfft2(padded, shape, overwrite_x=True)
    kernel = np.ascontiguousarray(kernel, dtype=np.float32)
    spectrum *= _spectrum(kernel.tobytes(), kernel.shape, shape)
    # The padding is as wide as half the kernel, so that what wraps around lies outside the crop.
    filtered = fft.irfft2(spectrum, shape, overwrite_x=True)
    return filtered[: image.shape[0], : image.shape[1]]


@lru_cache(maxsize=8)
def _spectrum(kernel: bytes, size: tuple[int, int], shape: tuple[int, int]) -> NDArray:
    """Conjugate spectrum of a kernel; views and rounds of one job share it."""
    values = np.frombuffer(kernel, np.float32).reshape(size)
    return np.conj(fft.rfft2(values, shape))


def threshold(kernel: NDArray, pixels: float, count: float) -> float:
    """Height, in standard deviations, that maxima of filtered noise pass as often as allowed.

    The expected number of maxima of a smooth Gaussian field above t is
    area sqrt(det L) (2 pi)^(-3/2) t exp(-t^2/2), L the covariance of its gradient: R. J. Adler,
    The Geometry of Random Fields (1981), eq. 6.9.

    Parameters
    ----------
    kernel : (n, n) ndarray
        Of the filter; the noise before it is white.
    pixels : int
        Area of the image.
    count : float
        Expected number of maxima of noise above the threshold in the whole image.

    Returns
    -------
    float
        Usually 4 to 5.

    Examples
    --------
    >>> from hyperspy_stereo.detection.particles.profile import ParticleShape, template
    >>> kernel, _ = template(ParticleShape(6.0))
    >>> 4 < threshold(kernel, 2048**2, 1.0) < 5
    True
    """
    gy, gx = np.gradient(np.pad(kernel, 1))
    power = (kernel**2).sum()
    covariance = np.array([[(gx * gx).sum(), (gx * gy).sum()], [(gx * gy).sum(), (gy * gy).sum()]])
    rate = pixels * np.sqrt(max(np.linalg.det(covariance), 0)) / power / (2 * np.pi) ** 1.5

    def excess(t: float) -> float:
        return np.log(rate * t) - t * t / 2 - np.log(count)

    # The count falls with t from t = 1 on; a threshold below 2 would take noise for particles.
    return 2.0 if excess(2.0) <= 0 else float(optimize.brentq(excess, 2.0, 40.0))


def decision_level(
    kernel: NDArray, pixels: float, false_alarms: float, found: int, usual: float
) -> float:
    """Least significance of a particle, once it is known how many there are and how bright.

    Half of what a usual particle has is as far from particles as from nothing; but noise may make
    no more than the allowed share of what is found (Y. Benjamini & Y. Hochberg, J. R. Stat. Soc. B
    57 (1995) 289), and where particles are very clear, faint ones are not thrown away that noise
    makes less than `false_alarms` times in a picture.

    Parameters
    ----------
    kernel, pixels
        As for :func:`threshold`.
    false_alarms : float
        Share of noise among the particles found, above 0 and below 1.
    found : int
        Particles.
    usual : float
        Their median significance.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the share is out of range.

    Examples
    --------
    >>> from hyperspy_stereo.detection.particles.profile import ParticleShape, template
    >>> kernel, _ = template(ParticleShape(6.0))
    >>> faint = decision_level(kernel, 2048**2, 0.01, found=1300, usual=6.0)
    >>> clear = decision_level(kernel, 2048**2, 0.01, found=1300, usual=20.0)
    >>> bool(faint < 4.5 < 5.5 < clear)
    True
    """
    check_false_alarms(false_alarms)
    loose = threshold(kernel, pixels, false_alarms * max(found, 1))
    strict = threshold(kernel, pixels, false_alarms)
    return float(np.clip(usual / 2, loose, strict))


def check_false_alarms(share: float) -> None:
    """Refuse a share of false alarms that is none."""
    if not 0 < share < 1:
        raise ValueError(
            "false_alarms is the share of wrong particles to expect among those found, above 0 and "
            f"below 1, such as 0.01; {share!r} was given."
        )
