"""From a clean view to a recorded one: counting, an unsteady beam and scan, and the file."""

from __future__ import annotations

import numba
import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.warp import shifted_rows

__all__ = ["acquire", "acquire_pair", "counted", "developed", "flicker"]

EXACT_COUNTS = 30.0  # expected counts below which counting is drawn exactly
FLICKER_STEP = 8  # px between independent draws of the beam current


def counted(expected: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Counts at given expectations: Poisson, above 30 counts by its normal limit.

    Parameters
    ----------
    expected : (H, W) ndarray
        Expected counts; negative ones count as none.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    (H, W) float32 ndarray
        Whole numbers.

    Examples
    --------
    >>> counts = counted(np.full((64, 64), 100.0), np.random.default_rng(0))
    >>> bool(abs(counts.mean() - 100) < 1), bool(abs(counts.var() - 100) < 8)
    (True, True)
    """
    expected = np.maximum(np.asarray(expected, np.float32), 0)
    chance = rng.standard_normal(expected.shape, dtype=np.float32)
    counts = np.rint(expected + np.sqrt(expected) * chance)
    few = expected < EXACT_COUNTS
    if few.any():
        counts[few] = rng.poisson(expected[few])
    return counts


@numba.njit(cache=True, nogil=True, fastmath=True)
def _walk(draws, memory, width, step):
    """Beam current over time: a random walk drawn back to 0, linear between its draws."""
    height, count = draws.shape
    fresh = np.float32(np.sqrt(1 - memory * memory))
    out = np.empty((height, width), np.float32)
    state = draws[0, 0]
    for r in range(height):
        before = state
        c = 0
        for k in range(count):
            state = np.float32(memory) * before + fresh * draws[r, k]
            for i in range(step):
                if c < width:
                    out[r, c] = before + (state - before) * np.float32(i / step)
                    c += 1
            before = state
    return out


def flicker(shape: tuple[int, int], length: float, rng: np.random.Generator) -> np.ndarray:
    """Fluctuation of the beam current while it scans, standard deviation 1.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    length : float
        How long the current keeps its value, px of scanning; a fraction of a row gives streaks
        along parts of rows, several rows give soft horizontal bands.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    (H, W) float32 ndarray
    """
    height, width = shape
    draws = rng.standard_normal((height, -(-width // FLICKER_STEP)), dtype=np.float32)
    return _walk(draws, float(np.exp(-FLICKER_STEP / length)), width, FLICKER_STEP)


def acquire(
    clean: np.ndarray,
    dose: float,
    row_gain: float,
    row_jitter: float,
    rng: np.random.Generator,
    *,
    flickering: float = 0.0,
    flicker_length: float = 150.0,
    glitches: float = 0.0,
    read_noise: float = 0.0,
    hot_pixels: float = 0.0,
    of_ground: bool = True,
) -> np.ndarray:
    """Record a clean view by a scan.

    Parameters
    ----------
    clean : (H, W) ndarray
        Share of the incident electrons that arrives.
    dose : float
        Electrons per pixel, in the ground of the picture (its median) by default.
    row_gain : float
        Relative rms of the beam current from row to row.
    row_jitter : float
        Rms shift of rows along themselves, px.
    rng : numpy.random.Generator
        Source of chance.
    flickering : float, default 0
        Relative rms of the beam current within rows, see `flicker`.
    flicker_length : float, default 150
        How long a fluctuation lasts, px.
    glitches : float, default 0
        Mean number of short stripes along parts of rows in 100 rows.
    read_noise : float, default 0
        Rms of the noise of the electronics, counts.
    hot_pixels : float, default 0
        Share of pixels that read far too much or nothing.
    of_ground : bool, default True
        The dose is that of the ground; otherwise that of the incident beam, so that a dark
        picture is a noisy one.

    Returns
    -------
    (H, W) float32 ndarray
        On the scale of `clean`.

    Raises
    ------
    ValueError
        If the dose is not positive or `clean` is not one picture.

    Examples
    --------
    >>> view = acquire(np.full((64, 64), 0.5), 100.0, 0.0, 0.0, np.random.default_rng(0))
    >>> view.shape, bool(abs(view.std() - 0.05) < 0.005)
    ((64, 64), True)
    """
    clean = np.ascontiguousarray(clean, np.float32)
    if clean.ndim != 2:
        raise ValueError(
            f"clean has shape {clean.shape}; one view (H, W) is needed. Use acquire_pair for two."
        )
    if not dose > 0:
        raise ValueError(f"dose is {dose}; counts per pixel above 0 are needed, such as 1000.")
    unsteady = row_gain > 0 or flickering > 0 or glitches > 0
    current = _current(clean.shape, row_gain, flickering, flicker_length, glitches, rng)
    shifts = row_jitter * rng.standard_normal(clean.shape[0]) if row_jitter > 0 else None
    scale = _counts_of_one(clean, dose, of_ground)
    return _recorded(
        clean, scale, current if unsteady else None, shifts, read_noise, hot_pixels, rng
    )


def acquire_pair(
    clean: np.ndarray,
    dose: float,
    row_gain: float,
    row_jitter: float,
    rng: np.random.Generator,
    *,
    one_scan: bool = True,
    flickering: float = 0.0,
    flicker_length: float = 150.0,
    glitches: float = 0.0,
    read_noise: float = 0.0,
    hot_pixels: float = 0.0,
) -> np.ndarray:
    """Record two clean views, counted independently.

    Parameters
    ----------
    clean : (2, H, W) ndarray
        Left and right view, share of the incident electrons.
    dose, row_gain, row_jitter, rng, flickering, flicker_length, glitches, read_noise, hot_pixels
        As for `acquire`.
    one_scan : bool, default True
        Both views come from one scan, so that they share the beam current and the shifts of rows;
        otherwise each has its own, as in a tilted pair.

    Returns
    -------
    (2, H, W) float32 ndarray
        On the scale of `clean`.

    Raises
    ------
    ValueError
        If the dose is not positive or there are not two views.
    """
    clean = np.ascontiguousarray(clean, np.float32)
    if clean.ndim != 3 or len(clean) != 2:
        raise ValueError(
            f"clean has shape {clean.shape}; two views (2, H, W) are needed. Use acquire for one."
        )
    how = {
        "flickering": flickering,
        "flicker_length": flicker_length,
        "glitches": glitches,
        "read_noise": read_noise,
        "hot_pixels": hot_pixels,
    }
    if not one_scan:
        views = [acquire(view, dose, row_gain, row_jitter, rng, **how) for view in clean]
        return np.stack(views)
    if not dose > 0:
        raise ValueError(f"dose is {dose}; counts per pixel above 0 are needed, such as 1000.")
    current = _current(clean.shape[1:], row_gain, flickering, flicker_length, glitches, rng)
    shifts = row_jitter * rng.standard_normal(clean.shape[1]) if row_jitter > 0 else None
    views = [
        _recorded(
            view, _counts_of_one(view, dose, True), current, shifts, read_noise, hot_pixels, rng
        )
        for view in clean
    ]
    return np.stack(views)


def _counts_of_one(clean, dose, of_ground):
    """Counts that a value of 1 stands for."""
    if not of_ground:
        return float(dose)
    ground = float(np.median(clean[::2, ::2]))
    return float(dose) / max(ground, 1e-3)


def _current(shape, row_gain, flickering, flicker_length, glitches, rng):
    """Relative beam current (H, W) or (H, 1)."""
    current = np.ones((shape[0], 1), np.float32)
    if row_gain > 0:
        current += row_gain * rng.standard_normal(current.shape, dtype=np.float32)
    if flickering > 0:
        current = current + flickering * flicker(shape, flicker_length, rng)
    if glitches > 0:
        current = np.array(np.broadcast_to(current, shape))
        for _ in range(rng.poisson(glitches * shape[0] / 100)):
            _add_glitch(current, rng)
    return np.maximum(current, 0)


def _add_glitch(current, rng):
    """A short stripe, bright or dark, in one row or two; rarely a gap without beam."""
    height, width = current.shape
    row = int(rng.integers(height))
    start, length = int(rng.integers(-20, width)), int(np.exp(rng.uniform(1.6, 5.0)))
    lost = rng.random() < 0.03
    strength = -1.0 if lost else rng.choice([-1, 1]) * float(np.exp(rng.uniform(-3.9, -1.2)))
    a, b = max(start, 0), min(start + length, width)
    if b > a:
        stripe = np.full(b - a, strength, np.float32)
        if not lost and rng.random() < 0.5:
            stripe *= np.exp(-np.arange(b - a) / (0.5 * length)).astype(np.float32)
        current[row : row + 1 + (rng.random() < 0.25), a:b] += stripe


def _recorded(clean, scale, current, shifts, read_noise, hot_pixels, rng):
    """Counts of a clean view, back on its scale."""
    if shifts is not None:
        clean = shifted_rows(clean, shifts)
    expected = clean * np.float32(scale)
    if current is not None:
        expected *= current
    counts = counted(expected, rng)
    if read_noise > 0:
        counts += np.float32(read_noise) * rng.standard_normal(counts.shape, dtype=np.float32)
    if hot_pixels > 0:
        count = rng.poisson(hot_pixels * counts.size)
        places = rng.integers(counts.size, size=count)
        bright = np.float32(counts.max()) * rng.uniform(1.0, 3.0, count)
        counts.flat[places] = np.where(rng.random(count) < 0.7, bright, 0)
    return counts / np.float32(scale)


def developed(
    image: np.ndarray,
    *,
    smoothing: float = 0.0,
    gamma: float = 1.0,
    black: float = 0.0,
    white: float = 0.0,
    levels: int = 256,
) -> np.ndarray:
    """A recorded view as a file of few grey levels shows it.

    Parameters
    ----------
    image : (H, W) ndarray
        Recorded view.
    smoothing : float, default 0
        Standard deviation of a Gaussian over the noise too, px, as after resampling or a filter.
    gamma : float, default 1
        Exponent of the grey levels.
    black, white : float, default 0
        Share of pixels that is cut off at the dark and at the bright end.
    levels : int, default 256
        Grey levels between them.

    Returns
    -------
    (H, W) float32 ndarray
        0 to 1.

    Examples
    --------
    >>> picture = developed(np.linspace(0, 9, 64).reshape(8, 8), levels=4)
    >>> np.unique((3 * picture).round(3)).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    image = np.asarray(image, np.float32)
    if smoothing > 0:
        image = ndi.gaussian_filter(image, smoothing, truncate=3.0)
    part = np.sort(image[::2, ::2], axis=None)
    last = part.size - 1
    low, high = part[int(black * last)], part[last - int(white * last)]
    shown = np.clip((image - low) / max(float(high - low), 1e-12), 0, 1)
    if gamma != 1:
        shown **= np.float32(gamma)
    return np.rint(shown * (levels - 1)) / np.float32(levels - 1)
