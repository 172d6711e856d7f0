"""From contrast to recorded numbers: the scan's distortions, the probe's blur, counting."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numba
import numpy as np
from scipy import ndimage

from hyperspy_stereo.simulation.imaging.microscope import FWHM, Counter, Microscope, ScanNoise

#: Length over which a flyback dies out, as a share of the row.
FLYBACK_LENGTH = 0.02
#: Share of the expected counts beyond the counters' depth above which there is a warning.
MOST_FULL = 0.01


@dataclass(frozen=True, eq=False)
class ScanPath:
    """Where the probe is while it scans one frame, and how strong the beam is.

    Attributes
    ----------
    rows : (H, 2) ndarray
        How far each row lies beyond its place, px: the drift, smooth over the frame.
    columns : (W, 2) ndarray
        The same for each column, px: the flyback.
    jitter : (H,) ndarray
        Random shift of each row along itself, px.
    gain : (H,) ndarray
        Relative beam current in each row.
    """

    rows: np.ndarray
    columns: np.ndarray
    jitter: np.ndarray
    gain: np.ndarray

    @property
    def even(self) -> bool:
        """True if the probe is where the grid says."""
        return not (self.rows.any() or self.columns.any() or self.jitter.any())


def random_source(seed: int) -> np.random.Generator:
    """Return the source of chance of a seed.

    Raises
    ------
    TypeError, ValueError
        If it is not a whole number of at least 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be a whole number, such as 0; got {seed!r}.")
    if seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0; got {seed!r}.")
    return np.random.default_rng(int(seed))


def scan_path(
    noise: ScanNoise, shape: tuple[int, int], pixel_size: float, rng: np.random.Generator
) -> ScanPath:
    """Draw how one frame is scanned.

    Parameters
    ----------
    noise : ScanNoise
        How uneven the scan is.
    shape : tuple of int
        Rows and columns of the frame.
    pixel_size : float
        nm, for the drift.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ScanPath
        The drift passes through zero in the middle row and moves by ``noise.drift`` nm between the
        first and the last.

    Examples
    --------
    >>> path = scan_path(ScanNoise(drift=4.0), (9, 9), 2.0, np.random.default_rng(0))
    >>> round(float(np.hypot(*(path.rows[-1] - path.rows[0]))), 6)
    2.0
    """
    height, width = shape
    time = np.linspace(-0.5, 0.5, height) if height > 1 else np.zeros(1)
    angle = rng.uniform(0, 2 * np.pi, 2)
    ahead, aside = (np.array([np.cos(a), np.sin(a)]) for a in angle)
    # the second term bends the way without moving its ends
    way = np.outer(time, ahead) + 0.1 * np.outer(np.sin(2 * np.pi * time), aside)
    late = np.zeros((width, 2))
    late[:, 0] = noise.flyback * np.exp(-np.arange(width) / (FLYBACK_LENGTH * width))
    return ScanPath(
        rows=way * (noise.drift / pixel_size),
        columns=late,
        jitter=rng.normal(0.0, 1.0, height) * noise.row_jitter,
        gain=np.maximum(1 + rng.normal(0.0, 1.0, height) * noise.row_gain, 0.0),
    )


def scanned(images: np.ndarray, path: ScanPath, jitter: bool = True) -> np.ndarray:
    """Images as an uneven scan records them.

    Parameters
    ----------
    images : (V, H, W) ndarray
        On an even grid.
    path : ScanPath
        Where the probe was.
    jitter : bool, default True
        Include the random shifts of rows; without them only drift and flyback count.

    Returns
    -------
    (V, H, W) float32 ndarray
        Catmull-Rom interpolation; beyond the edge the last pixel is repeated.

    Notes
    -----
    R. Keys, IEEE Trans. Acoust. Speech Signal Process. 29 (1981) 1153.

    Examples
    --------
    >>> ramp = np.tile(np.arange(8.0), (1, 4, 1))
    >>> still = np.zeros((4, 2)), np.zeros((8, 2))
    >>> path = ScanPath(*still, jitter=np.full(4, 0.5), gain=np.ones(4))
    >>> scanned(ramp, path)[0, 0, 2:5]
    array([2.5, 3.5, 4.5], dtype=float32)
    """
    images = np.ascontiguousarray(images, np.float32)
    shake = path.jitter if jitter else np.zeros_like(path.jitter)
    if not (path.rows.any() or path.columns.any() or shake.any()):
        return images
    out = np.empty_like(images)
    _resample(images, out, path.rows, path.columns, shake)
    return out


@numba.njit(parallel=True, cache=True)
def _resample(images, out, rows, columns, jitter):
    """Catmull-Rom interpolation of images at the places of an uneven scan."""
    n, height, width = images.shape
    for task in numba.prange(n * height):
        v, row = task // height, task % height
        for column in range(width):
            x = column + rows[row, 0] + columns[column, 0] + jitter[row]
            y = row + rows[row, 1] + columns[column, 1]
            x0, y0 = int(np.floor(x)), int(np.floor(y))
            fx, fy = np.float32(x - x0), np.float32(y - y0)
            total = np.float32(0.0)
            for j in range(-1, 3):
                source = min(max(y0 + j, 0), height - 1)
                part = np.float32(0.0)
                for i in range(-1, 3):
                    pixel = images[v, source, min(max(x0 + i, 0), width - 1)]
                    part += cubic_weight(fx, i) * pixel
                total += cubic_weight(fy, j) * part
            out[v, row, column] = total


@numba.njit(cache=True, inline="always")
def cubic_weight(f, i):
    """Weight of the sample `i` (-1, 0, 1, 2) of Catmull-Rom interpolation at the fraction `f`."""
    if i == -1:
        return np.float32(0.5) * f * (-1 + f * (2 - f))
    if i == 0:
        return np.float32(0.5) * (2 + f * f * (3 * f - 5))
    if i == 1:
        return np.float32(0.5) * f * (1 + f * (4 - 3 * f))
    return np.float32(0.5) * f * f * (f - 1)


def blurred(images: np.ndarray, microscope: Microscope) -> np.ndarray:
    """Images (V, H, W) as a probe with a source of finite size sees them, float32."""
    sigma = microscope.source_size / FWHM / microscope.pixel_size
    images = np.asarray(images, np.float32)
    # below a tenth of a pixel the blur cannot be seen and its kernel cannot be sampled
    if sigma < 0.1:
        return images
    return ndimage.gaussian_filter(images, (0, sigma, sigma), mode="nearest")


def counted(
    images: np.ndarray,
    dose: float,
    counter: Counter,
    rng: np.random.Generator,
    gain: np.ndarray | None = None,
) -> np.ndarray:
    """Images as a detector counts them.

    Parameters
    ----------
    images : (V, H, W) ndarray
        Share of the incident electrons that is expected.
    dose : float
        Electrons per probe position; ``inf`` for no counting noise, and no counters that fill.
    counter : Counter
        Afterglow and depth of the counters.
    rng : numpy.random.Generator
        Source of chance.
    gain : (H,) or (V, H) ndarray, optional
        Relative beam current in each row.

    Returns
    -------
    (V, H, W) float32 ndarray
        Counts over the dose: again a share of the incident electrons.

    Warns
    -----
    UserWarning
        If more than 1 % of the expected counts exceed what the counters hold.

    Examples
    --------
    >>> flat = np.full((1, 64, 64), 0.5)
    >>> picture = counted(flat, 100.0, Counter(), np.random.default_rng(0))
    >>> bool(abs(picture.mean() - 0.5) < 0.01), bool(abs(picture.var() - 0.005) < 0.001)
    (True, True)
    """
    mean = np.asarray(images, np.float32)
    if gain is not None:
        mean = mean * np.atleast_2d(np.asarray(gain, np.float32))[:, :, None]
    if counter.afterglow > 0:
        late = np.concatenate([mean[:, :, :1], mean[:, :, :-1]], axis=2)
        mean = mean + np.float32(counter.afterglow) * (late - mean)
    if not np.isfinite(dose):
        return mean.astype(np.float32)
    counts = rng.poisson(np.clip(mean, 0, None).astype(float) * dose)
    if counter.limit is not None:
        warn_if_full(float((mean * dose > counter.limit).mean()), float(mean.max()), counter.limit)
        counts = np.minimum(counts, counter.limit)
    return (counts / dose).astype(np.float32)


def warn_if_full(share: float, brightest: float, limit: int) -> None:
    """Warn where much of a picture lies above what the counters hold.

    Parameters
    ----------
    share : float
        Of the expected counts that exceed the limit.
    brightest : float
        Largest expected count at a dose of 1.
    limit : int
        Largest count.

    Warns
    -----
    UserWarning
        If the share is above 0.01. It names the dose at which the brightest expected count lies
        three standard deviations below the limit, to two digits.
    """
    if share <= MOST_FULL:
        return
    root = (math.sqrt(9 + 4 * limit) - 3) / 2
    dose = root**2 / brightest
    digit = 10.0 ** (math.floor(math.log10(dose)) - 1)
    warnings.warn(
        f"{share:.0%} of the expected counts exceed {limit}, where the counters stop: they are cut "
        f"off. Use Microscope(dose={math.floor(dose / digit) * digit:g}) or less, or deeper "
        "counters.",
        UserWarning,
        stacklevel=2,
    )
