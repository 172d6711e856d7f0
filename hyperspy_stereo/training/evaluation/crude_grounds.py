"""What the lines of the crude renderer lie on: ground, boundaries, fringes, traces, dirt."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.scene import BOUNDARY, DISTRACTOR

__all__ = ["draw_dirt", "draw_extended", "ground", "octaves"]

THIN = 2.0  # px, half width of the label of something thin


def octaves(side: int, coarsest: float, rng: np.random.Generator, fall: float = 0.55) -> np.ndarray:
    """Smooth noise of unit deviation, (side, side): grids of ever finer spacing, summed.

    Parameters
    ----------
    side : int
        px.
    coarsest : float
        Spacing of the coarsest grid, px.
    rng : numpy.random.Generator
        Source of chance.
    fall : float, default 0.55
        Amplitude of an octave relative to that before.
    """
    total, spacing, amplitude = np.zeros((side, side)), float(coarsest), 1.0
    while spacing >= 6 and amplitude > 0.05:
        cells = int(np.ceil(side / spacing)) + 3
        at = np.arange(side) / spacing + 1 + rng.uniform(0, 0.9)
        grid = rng.normal(size=(cells + 1, cells + 1))
        where = np.meshgrid(at, at, indexing="ij")
        total += amplitude * ndi.map_coordinates(grid, where, order=3, mode="nearest")
        spacing, amplitude = spacing / 2, amplitude * fall
    return (total - total.mean()) / max(float(total.std()), 1e-9)


def ground(side: int, rng: np.random.Generator) -> np.ndarray:
    """Intensity of the bare foil in the two views, (2, side, side), about 0.1 to 1."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    slope = rng.normal(0, 0.25, 2)
    log = slope[0] * x + slope[1] * y
    log = log + rng.uniform(0.0, 0.25) * octaves(side, rng.uniform(80, 260), rng)
    log = log + rng.uniform(0.0, 0.06) * octaves(side, rng.uniform(12, 40), rng)
    if rng.random() < 0.35:  # bend contours: bands along the levels of a smooth field
        level = octaves(side, rng.uniform(200, 420), rng, fall=0.25)
        band = np.exp(-(((level - rng.normal(0, 0.6)) / rng.uniform(0.1, 0.35)) ** 2))
        log = log - rng.uniform(0.2, 0.9) * band
    if rng.random() < 0.2:  # thickness fringes
        level = octaves(side, rng.uniform(300, 500), rng, fall=0.2) + 2 * slope[0] * x
        log = log + rng.uniform(0.05, 0.3) * np.cos(rng.uniform(4, 11) * level)
    apart = [rng.uniform(0, 0.05) * octaves(side, rng.uniform(100, 300), rng) for _ in range(2)]
    base = rng.uniform(0.25, 0.8)
    return np.stack([np.clip(base * np.exp(log + a), 0.03, 1.2) for a in apart])


def draw_extended(
    depth: np.ndarray, label: np.ndarray, reach: float, rng: np.random.Generator
) -> list[str]:
    """Add boundaries, lamellae, steps, fringes and traces to both views, and label them.

    Parameters
    ----------
    depth : (2, H, W) ndarray
        Optical depth, changed in place.
    label : (2, H, W) uint8 ndarray
        Changed in place.
    reach : float
        Greatest size of a disparity, px.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of str
        What was drawn.
    """
    makers = {
        "thin": _thin_boundary,
        "lamellae": _lamellae,
        "step": _step,
        "fringes": _fringes,
        "traces": _traces,
        "rough": _rough,
    }
    number = int(rng.choice([0, 1, 2, 3, 4], p=[0.22, 0.3, 0.24, 0.14, 0.1]))
    names = [str(n) for n in rng.choice(list(makers), number)]
    azimuth = rng.uniform(0, np.pi)  # most of them share a direction
    for name in names:
        turned = azimuth + 0.04 * rng.normal() if rng.random() < 0.6 else rng.uniform(0, np.pi)
        makers[name](depth, label, reach, turned, rng)
    return names


def _across(shape, azimuth, place, shift) -> np.ndarray:
    """Distance of all pixels from a straight line through a place, px, signed."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return -(x - place[0] - shift) * np.sin(azimuth) + (y - place[1]) * np.cos(azimuth)


def _place(shape, rng) -> np.ndarray:
    return rng.uniform(0.08, 0.92, 2) * np.array(shape[::-1])


def _waved(shape, azimuth, place, rng):
    """Slight waviness that a boundary may have, the same in both views; a function of a view."""
    swing, period = rng.uniform(0, 2.5) * (rng.random() < 0.5), rng.uniform(60, 300)
    phase = rng.uniform(0, 2 * np.pi)

    def distance(shift: float) -> np.ndarray:
        y, x = np.mgrid[: shape[0], : shape[1]]
        along = (x - place[0] - shift) * np.cos(azimuth) + (y - place[1]) * np.sin(azimuth)
        wave = swing * np.sin(2 * np.pi * along / period + phase)
        return _across(shape, azimuth, place, shift) - wave

    return distance


def _shifts(reach, rng) -> tuple[float, float]:
    """Where a flat thing at some depth appears in the views, px."""
    half = 0.5 * reach * rng.uniform(-1, 1)
    return -half, half


def _thin_boundary(depth, label, reach, azimuth, rng) -> None:
    """A thin dark or bright line right across, often with another level beyond."""
    shape = depth.shape[1:]
    distance = _waved(shape, azimuth, _place(shape, rng), rng)
    sigma, strength = rng.uniform(0.7, 2.6), rng.uniform(0.12, 1.0) * rng.choice([1, 1, 1, -0.6])
    beyond = rng.normal(0, 0.2) * (rng.random() < 0.6)
    twin = rng.uniform(4, 14) if rng.random() < 0.3 else None
    for view, shift in enumerate(_shifts(reach, rng)):
        d = distance(shift)
        depth[view] += strength * np.exp(-0.5 * (d / sigma) ** 2) + beyond * (d > 0)
        label[view][np.abs(d) <= max(THIN, 1.5 * sigma)] |= BOUNDARY
        if twin:
            depth[view] += 0.7 * strength * np.exp(-0.5 * ((d - twin) / sigma) ** 2)
            label[view][np.abs(d - twin) <= max(THIN, 1.5 * sigma)] |= BOUNDARY


def _lamellae(depth, label, reach, azimuth, rng) -> None:
    """Parallel plates of different level with thin dark or bright edges."""
    shape = depth.shape[1:]
    distance = _waved(shape, azimuth, _place(shape, rng), rng)
    edges = np.sort(rng.uniform(-0.6, 0.6, int(rng.integers(2, 8)))) * shape[0]
    levels = rng.normal(0, rng.uniform(0.05, 0.3), len(edges) + 1)
    strength = rng.uniform(-0.25, 0.8, len(edges))
    sigma, soft = rng.uniform(0.7, 2.0), rng.uniform(0.4, 1.5)
    for view, shift in enumerate(_shifts(reach, rng)):
        d = distance(shift)
        for k, edge in enumerate(edges):
            depth[view] += (levels[k + 1] - levels[k]) / (1 + np.exp(-(d - edge) / soft))
            depth[view] += strength[k] * np.exp(-0.5 * ((d - edge) / sigma) ** 2)
            label[view][np.abs(d - edge) <= max(THIN, 1.5 * sigma)] |= BOUNDARY


def _step(depth, label, reach, azimuth, rng) -> None:
    """A change of level along a straight or bent edge."""
    shape = depth.shape[1:]
    place, height, soft = _place(shape, rng), rng.uniform(0.08, 0.6), rng.uniform(0.4, 2.5)
    bend = rng.normal(0, 0.0012)
    for view, shift in enumerate(_shifts(reach, rng)):
        d = _across(shape, azimuth, place, shift)
        along = _across(shape, azimuth + np.pi / 2, place, shift)
        d = d + bend * along**2
        depth[view] += height / (1 + np.exp(-d / soft))
        label[view][np.abs(d) <= max(THIN, 2 * soft)] |= BOUNDARY


def _fringes(depth, label, reach, azimuth, rng) -> None:
    """A strip of fringes, which narrow and fade from one face to the other."""
    shape = depth.shape[1:]
    place, width = _place(shape, rng), rng.uniform(15, 80)
    period, strength = width / rng.uniform(1.5, 5.5), rng.uniform(0.1, 0.6)
    phase, fade = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.8)
    length = rng.uniform(0.25, 1.6) * shape[0]
    top, bottom = 0.5 * reach, -0.5 * reach
    for view, sign in enumerate((-1, 1)):
        # its upper and lower edge lie at different depth, so that the strip is not equally wide
        d0 = _across(shape, azimuth, place, sign * bottom)
        d1 = _across(shape, azimuth, place, sign * top) - width
        share = d0 / np.where(np.abs(d0 - d1) > 1, d0 - d1, width)
        along = np.abs(_across(shape, azimuth + np.pi / 2, place, 0.0)) < length / 2
        inside = (d0 > 0) & (d1 < 0) & along
        wave = np.cos(2 * np.pi * share * width / period + phase)
        depth[view] += inside * strength * (wave + 0.3) * (1 - fade * np.clip(share, 0, 1))
        label[view][ndi.binary_dilation(inside, iterations=2)] |= BOUNDARY


def _traces(depth, label, reach, azimuth, rng) -> None:
    """Slip traces: straight, thin, parallel; dark, bright or black and white; on a face."""
    shape = depth.shape[1:]
    place, number = _place(shape, rng), int(rng.integers(1, 9))
    offsets = np.cumsum(rng.exponential(rng.uniform(6, 30), number))
    kinds = rng.choice([1.0, -1.0, 0.0], number, p=[0.5, 0.3, 0.2])
    strength, sigma = rng.uniform(0.06, 0.4), rng.uniform(0.6, 1.8)
    lengths, starts = rng.uniform(0.1, 1.5, number) * shape[0], rng.normal(0, 60, number)
    face = 0.5 * reach * rng.choice([-1, 1])
    for view, sign in enumerate((-1, 1)):
        base = _across(shape, azimuth, place, sign * face)
        along = _across(shape, azimuth + np.pi / 2, place, sign * face)
        for k in range(number):
            d = base - offsets[k]
            part = np.abs(along - starts[k]) < lengths[k] / 2
            bell = np.exp(-0.5 * (d / sigma) ** 2)
            profile = kinds[k] * bell if kinds[k] else 1.6 * d / sigma * bell
            depth[view] += part * strength * profile
            label[view][part & (np.abs(d) <= max(THIN, 2 * sigma))] |= BOUNDARY


def _rough(depth, label, reach, azimuth, rng) -> None:
    """A broad band with ragged edges and a texture of its own, as of a rough boundary."""
    shape = depth.shape[1:]
    place, width = _place(shape, rng), rng.uniform(5, 22)
    ragged = rng.uniform(1, 5) * octaves(shape[0], 24, rng)
    inner = octaves(shape[0], 10, rng)
    bend, strength = rng.normal(0, 0.0015), rng.uniform(0.15, 0.8) * rng.choice([1, 1, -0.5])
    for view, shift in enumerate(_shifts(reach, rng)):
        d = _across(shape, azimuth, place, shift) + ndi.shift(ragged, (0, shift), mode="nearest")
        d = d + bend * _across(shape, azimuth + np.pi / 2, place, shift) ** 2
        band = 1 / (1 + np.exp(np.clip((np.abs(d) - width / 2) / 0.8, -30, 30)))
        texture = 1 + 0.4 * ndi.shift(inner, (0, shift), mode="nearest")
        depth[view] += strength * band * texture
        label[view][np.abs(d) <= width / 2 + 2] |= BOUNDARY


def draw_dirt(depth: np.ndarray, label: np.ndarray, reach: float, rng: np.random.Generator) -> None:
    """Add blobs and specks on the faces to both views, and label them; in place."""
    shape = depth.shape[1:]
    y, x = np.mgrid[: shape[0], : shape[1]]
    for _ in range(int(rng.poisson(rng.choice([0.5, 4, 14])))):
        place, face = rng.uniform(0, 1, 2) * shape[0], 0.5 * reach * rng.choice([-1, 1])
        size = np.exp(rng.uniform(np.log(1.2), np.log(11)))
        strength = rng.uniform(0.1, 1.1) * rng.choice([1, 1, 1, -0.6])
        squeeze, turn = rng.uniform(0.5, 1), rng.uniform(0, np.pi)
        power = rng.choice([1.0, 4.0])  # soft, or with an edge
        for view, sign in enumerate((-1, 1)):
            dx, dy = x - place[0] - sign * face, y - place[1]
            u = dx * np.cos(turn) + dy * np.sin(turn)
            v = (dy * np.cos(turn) - dx * np.sin(turn)) / squeeze
            rho = (u**2 + v**2) / size**2
            depth[view] += strength * np.exp(-(rho**power))
            label[view][rho <= 1.5] |= DISTRACTOR
