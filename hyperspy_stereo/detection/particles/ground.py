"""What lies under the particles: background, noise, and how high noise alone reaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, optimize

__all__ = [
    "background",
    "check_false_alarms",
    "correlate",
    "decision_level",
    "noise_level",
    "threshold",
]

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
    rows, columns = image.shape
    tile = int(max(4, min(tile, rows, columns)))
    ny, nx = max(rows // tile, 1), max(columns // tile, 1)
    high, wide = rows // ny, columns // nx
    thin = max(1, tile // 24)  # a few hundred pixels tell a median
    cut = image[: ny * high, : nx * wide].reshape(ny, high, nx, wide)[:, ::thin, :, ::thin]
    coarse = np.median(cut.transpose(0, 2, 1, 3).reshape(ny, nx, -1), axis=2)
    coarse = ndimage.median_filter(coarse, 3, mode="nearest")
    # Bilinear by two small matrix products; beyond the outermost middles the slope goes on.
    along_y = _interpolation(rows, high * np.arange(ny) + (high - 1) / 2)
    along_x = _interpolation(columns, wide * np.arange(nx) + (wide - 1) / 2)
    return (along_y @ coarse.astype(np.float32)) @ along_x.T


def _interpolation(size: int, middles: NDArray) -> NDArray[np.float32]:
    """(size, n) weights of the middles at each pixel."""
    weights = np.zeros((size, len(middles)), np.float32)
    for k in range(len(middles)):
        unit = np.zeros(len(middles))
        unit[k] = 1
        weights[:, k] = np.interp(np.arange(size), middles, unit)
    if len(middles) > 1:
        for end, inner in ((0, 1), (-1, -2)):
            share = (np.arange(size) - middles[end]) / (middles[inner] - middles[end])
            beyond = share < 0
            weights[beyond, end], weights[beyond, inner] = 1 - share[beyond], share[beyond]
    return weights


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
    along = image[:, :-2] - 2 * image[:, 1:-1] + image[:, 2:]
    both = along[:-2] - 2 * along[1:-1] + along[2:]
    every = max(1, both.size // 300_000)
    return MAD * float(np.median(np.abs(both.ravel()[::every]))) / 6


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
    shape = [fft.next_fast_len(n, real=True) for n in padded.shape]
    spectrum = fft.rfft2(padded, shape)
    spectrum *= np.conj(fft.rfft2(kernel.astype(np.float32), shape))
    # The padding is as wide as half the kernel, so that what wraps around lies outside the crop.
    return fft.irfft2(spectrum, shape)[: image.shape[0], : image.shape[1]]


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
