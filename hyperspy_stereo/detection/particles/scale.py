"""Size, brightness and shape of the particles of an image, found from the image."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hyperspy_stereo.detection.particles.ground import (
    background,
    binned,
    correlate,
    noise_level,
    threshold,
)
from hyperspy_stereo.detection.particles.population import shape_of_spots
from hyperspy_stereo.detection.particles.profile import ParticleShape, template

__all__ = ["check_diameter", "find_shape", "matched", "peaks", "power"]

SEARCHED = 1024  # px, side of the middle part of a picture that is looked at
SMALLEST = 1.4  # px, radius below which a particle is not told from a hot pixel
COARSE = 3  # px, radius that a coarse picture leaves of a large particle, at least
STEP = 1.25  # between radii that are tried
ALONE = 3.2  # radii to the next spot, from where on a particle stands alone
FAINT, CERTAIN = 4.8, 6.0  # standard deviations
TILE = 6.0  # radii, side of the tiles of the background


def check_diameter(diameter: float | None, image_shape: tuple[int, int]) -> float | None:
    """Return a diameter in px that fits into an image, None for None.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is below 2 px or above a quarter of the image.
    """
    if diameter is None:
        return None
    if isinstance(diameter, bool) or not isinstance(diameter, int | float | np.number):
        raise TypeError(
            f"diameter is one number, or None to find it from the image; {diameter!r} was given."
        )
    most = min(image_shape) / 4
    if not 2 <= diameter <= most:
        hint = (
            "is larger than a quarter of the field of view"
            if diameter > most
            else "cannot be told from single pixels"
        )
        raise ValueError(
            f"a diameter of {diameter:.4g} px {hint}: it must lie between 2 and {most:.4g} px. "
            "Check the pixel size and its unit, or leave diameter out to find it from the image."
        )
    return float(diameter)


def peaks(response: NDArray, level: float) -> tuple[NDArray[np.int64], NDArray]:
    """Local maxima (3 x 3) above a level, the highest first.

    Parameters
    ----------
    response : (H, W) ndarray
        Of a filter.
    level : float
        Same unit.

    Returns
    -------
    where : numpy.ndarray
        (N, 2) x, y, px.
    height : numpy.ndarray
        (N,).

    Examples
    --------
    >>> peaks(np.pad([[5.0]], 2), 1.0)[0].tolist()
    [[2, 2]]
    """
    x, y = _maxima(np.ascontiguousarray(response, dtype=np.float32), np.float32(level))
    value = response[y, x]
    order = np.argsort(-value, kind="stable")
    return np.column_stack([x, y])[order], value[order]


@numba.njit(cache=True, nogil=True)
def _maxima(response, level):
    """x, y of pixels above a level that none of the eight around exceeds."""
    rows, columns = response.shape
    xs, ys = [], []
    for y in range(rows):
        for x in range(columns):
            value = response[y, x]
            if value <= level:
                continue
            top = True
            for ny in range(max(y - 1, 0), min(y + 2, rows)):
                for nx in range(max(x - 1, 0), min(x + 2, columns)):
                    # On a plateau the first pixel wins.
                    first = ny > y or (ny == y and nx > x)
                    other = response[ny, nx]
                    if other > value or (other == value and not first and (ny != y or nx != x)):
                        top = False
            if top:
                xs.append(x)
                ys.append(y)
    return np.array(xs, dtype=np.int64), np.array(ys, dtype=np.int64)


def matched(image: NDArray[np.float32], shape: ParticleShape) -> NDArray[np.float32]:
    """Answer of the matched filter of a shape, (H, W)."""
    return correlate(image, template(shape)[0])


def power(shape: ParticleShape) -> float:
    """1-sigma of the answer of the matched filter to white noise of 1-sigma 1."""
    return float(np.sqrt((template(shape)[0] ** 2).sum()))


def find_shape(
    image: NDArray, diameter: float | None = None, polarity: str = "auto"
) -> ParticleShape | None:
    """Find what the particles of an image look like.

    Matched filters of growing radius are run over the middle of the image; every bright spot
    answers most to the one of its own size. What most significant spots have is the size, the sign
    that answers more is the polarity, and spots that stand alone give radius, blur and exponent:
    see :func:`~hyperspy_stereo.detection.particles.population.shape_of_spots`.

    Parameters
    ----------
    image : (H, W) ndarray
        One view.
    diameter : float, optional
        Of the particles, px, about; found from the image by default.
    polarity : {"auto", "bright", "dark"}
        Brighter or darker than what is around them.

    Returns
    -------
    ParticleShape or None
        None if nothing stands out of the noise.

    Raises
    ------
    TypeError, ValueError
        If the diameter is out of range or the polarity is unknown.
    """
    if polarity not in ("auto", "bright", "dark"):
        raise ValueError(f'polarity must be "auto", "bright" or "dark"; {polarity!r} was given.')
    diameter = check_diameter(diameter, image.shape)
    middle = _middle(image)
    noise = max(noise_level(middle), 1e-6 * float(np.ptp(middle)), 1e-30)
    largest = min(middle.shape) / 10
    if diameter is None:
        count = int(np.log(max(largest / SMALLEST, 1)) / np.log(STEP)) + 1
        sizes = SMALLEST * STEP ** np.arange(count)
    else:
        sizes = np.array([diameter / 2])
    signs = {"auto": (1, -1), "bright": (1,), "dark": (-1,)}[polarity]
    spots = _spots(middle, sizes, noise, signs)
    if spots is None:
        return None
    radius, sign, where = spots
    flat = sign * (middle - background(middle, int(TILE * radius)))
    start = ParticleShape(radius, 0.1 * radius, 0.5, min(0.85, 0.3 * radius), sign)
    return shape_of_spots(np.ascontiguousarray(flat), where, start, noise)


def _middle(image: NDArray) -> NDArray[np.float32]:
    cut = [
        slice(max((n - SEARCHED) // 2, 0), max((n - SEARCHED) // 2, 0) + SEARCHED)
        for n in image.shape
    ]
    return np.ascontiguousarray(image[tuple(cut)], dtype=np.float32)


def _spots(
    image: NDArray, sizes: NDArray, noise: float, signs: tuple[int, ...]
) -> tuple[float, int, NDArray] | None:
    """Radius, sign and places of the significant spots of all scales."""
    best = {sign: np.zeros((0, 4)) for sign in signs}  # x, y, significance, radius
    for radius in sizes:
        # Large particles are found as well in a coarse picture, and much faster.
        factor = max(1, int(radius // COARSE))
        coarse = binned(image, factor)
        own = radius / factor
        kernel, _ = template(ParticleShape(own, blur=min(0.85, 0.4 * own)))
        flat = coarse - background(coarse, int(2 * TILE * own))
        answer = correlate(flat, kernel) / (noise / factor * np.sqrt((kernel**2).sum()))
        level = max(threshold(kernel, coarse.size, 0.01), FAINT)
        for sign in signs:
            where, height = peaks(sign * answer, level)
            where = factor * where + (factor - 1) / 2
            rows = np.column_stack([where, height, np.full(len(where), radius)])
            best[sign] = np.vstack([best[sign], rows[:4000]])
    found = {sign: _strongest(rows) for sign, rows in best.items()}
    # Around each bright particle a filter without mean also finds dark gaps, but weaker ones.
    power = {sign: float((rows[:, 2] ** 2).sum()) for sign, rows in found.items()}
    sign = max(power, key=power.get)
    rows = found[sign]
    # One or two faint spots among all scales are what noise does.
    if len(rows) == 0 or (len(rows) < 3 and rows[:, 2].max() < CERTAIN):
        return None
    # Faint spots of noise and dirt would pull the median down; those of half the power count.
    order = np.argsort(-rows[:, 2])
    share = np.cumsum(rows[order, 2]) / rows[:, 2].sum()
    strong = rows[order[: int(np.searchsorted(share, 0.8)) + 1]]
    radius = _commonest(strong[:, 3], sizes)
    like = np.abs(np.log(rows[:, 3] / radius)) < 1.5 * np.log(STEP)
    places = rows[like, :2]
    if len(places) > 1:
        # 1 is the spot itself. Spots of other sizes are heaps of these, or noise.
        alone = cKDTree(places).query(places, k=2)[0][:, 1] > ALONE * radius
        places = places[alone] if alone.sum() >= 5 else places
    return radius, sign, places


def _commonest(found: NDArray, sizes: NDArray) -> float:
    """Radius that most spots have; where particles are crowded, heaps of them have all others."""
    count = (np.abs(np.log(found[:, None] / sizes)) < 1e-6).sum(axis=0).astype(float)
    both = np.convolve(count, [0.5, 1.0, 0.5], mode="same")
    middle = int(both.argmax())
    near = slice(max(middle - 1, 0), middle + 2)
    return float(np.exp((count[near] @ np.log(sizes[near])) / count[near].sum()))


def _strongest(rows: NDArray) -> NDArray:
    """Of spots (x, y, significance, radius) that lie within each other only the strongest."""
    if len(rows) == 0:
        return rows
    rows = rows[np.argsort(-rows[:, 2], kind="stable")]
    return rows[_uncovered(rows)]


@numba.njit(cache=True, nogil=True)
def _uncovered(rows):
    """Which discs have middles that no disc before them covers."""
    left, top = int(rows[:, 0].min()), int(rows[:, 1].min())
    wide, high = int(rows[:, 0].max()) - left + 2, int(rows[:, 1].max()) - top + 2
    covered, keep = np.zeros((high, wide), np.bool_), np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        x, y, radius = rows[i, 0] - left, rows[i, 1] - top, rows[i, 3]
        if covered[int(y + 0.5), int(x + 0.5)]:
            continue
        keep[i] = True
        for row in range(max(int(y - radius), 0), min(int(y + radius) + 1, high)):
            half = np.sqrt(max(radius**2 - (row - y) ** 2, 0.0))
            covered[row, max(int(np.ceil(x - half)), 0) : max(int(x + half) + 1, 0)] = True
    return keep
