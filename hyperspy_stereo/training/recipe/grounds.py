"""Uneven grounds: thickness, bending, texture, beam, dark areas and holes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.canvas import Canvas
from hyperspy_stereo.training.recipe.scene import BOUNDARY

__all__ = ["paint_ground", "paint_hole", "paint_light", "smooth_field"]


def smooth_field(side: int, knots: int, rng: np.random.Generator) -> np.ndarray:
    """Return smooth random values, mean 0 and spread about 1.

    Parameters
    ----------
    side : int
        Height and width, px.
    knots : int
        Independent values along a side; few make slow changes.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    (side, side) float32 ndarray

    Examples
    --------
    >>> smooth_field(64, 4, np.random.default_rng(0)).shape
    (64, 64)
    """
    grid = rng.standard_normal((knots + 3, knots + 3)).astype(np.float32)
    at = np.linspace(1, knots + 1, side)
    eye = np.eye(knots + 3)
    spread = ndi.map_coordinates(eye, np.meshgrid(np.arange(knots + 3), at), order=1)
    spread = ndi.gaussian_filter1d(spread, side / (2 * knots), axis=0).astype(np.float32)
    values = spread @ grid @ spread.T
    return (values - values.mean()) / (values.std() + 1e-6)


def _texture(canvas: Canvas) -> np.ndarray:
    """Mottle or grain with an own size and direction, larger than the frame for parallax."""
    rng, margin = canvas.rng, 40
    shape = (canvas.side, canvas.side + 2 * margin)
    noise = rng.standard_normal(shape, np.float32)
    size = np.exp(rng.uniform(np.log(0.8), np.log(14)))
    stretch = np.exp(rng.uniform(-0.9, 0.9)) if rng.random() < 0.3 else 1.0
    noise = ndi.gaussian_filter(noise, (size * stretch, size / stretch), truncate=3)
    noise /= noise.std() + 1e-6
    if rng.random() < 0.25:  # dark specks rather than mottle
        noise = np.minimum(noise + rng.uniform(0.5, 1.5), 0)
        noise /= noise.std() + 1e-6
    return noise


def _add_textures(canvas: Canvas, log: np.ndarray) -> None:
    rng, margin = canvas.rng, 40
    for _ in range(rng.integers(0, 3)):
        texture = _texture(canvas)
        strength = np.exp(rng.uniform(np.log(0.01), np.log(0.12)))
        z = rng.choice([-1, 1, 0])
        patches = smooth_field(canvas.side, 3, rng) if rng.random() < 0.4 else None
        for view in (0, 1):
            shift = (0.5 - view) * (canvas.offset + canvas.half_range * z)
            start = margin + int(np.clip(round(shift), -margin, margin))
            part = strength * texture[:, start : start + canvas.side]
            log[view] += part if patches is None else part * np.clip(0.6 + 0.6 * patches, 0, 2)


def _add_fringes(canvas: Canvas, log: np.ndarray) -> None:
    """Thickness fringes along a wedge; the count of fringes differs little between views."""
    rng, side = canvas.rng, canvas.side
    angle = rng.uniform(0, 2 * np.pi)
    count = np.exp(rng.uniform(np.log(0.5), np.log(9)))
    warp = rng.uniform(0, 0.6) * smooth_field(side, rng.integers(1, 4), rng)
    depth = rng.uniform(0.05, 0.5)
    decay = rng.uniform(0, 3)
    sharp = rng.uniform(0.6, 2)
    z = float(rng.choice([-1, 1]))
    for view in (0, 1):
        run = canvas.distance(view, angle, 0, z) / side + 0.5
        phase = 2 * np.pi * (count * (1 + 0.06 * view * rng.normal()) * run + warp)
        wave = (0.5 + 0.5 * np.cos(phase)) ** sharp - 0.5
        log[view] += depth * wave * np.exp(-decay * np.clip(run, 0, 1))


def _add_bend_contours(canvas: Canvas, log: np.ndarray) -> None:
    """Dark bands that wander, some sharp; they move between the views as the beam tilts."""
    rng, side = canvas.rng, canvas.side
    angle = rng.uniform(0, np.pi)
    for _ in range(rng.integers(1, 4)):
        direction = angle + rng.normal(0, 0.4)
        place = rng.uniform(-0.5, 0.5) * side
        warp = rng.uniform(2, 35) * smooth_field(side, rng.integers(1, 4), rng)
        width = np.exp(rng.uniform(np.log(3.5), np.log(70)))
        depth = np.exp(rng.uniform(np.log(0.1), np.log(1.4))) * rng.choice([1, 1, 1, -0.5])
        move = rng.normal(0, 12)
        pair = rng.uniform(1.5, 4) * width if rng.random() < 0.3 else 0
        bent = _bent_distance(side, rng) if rng.random() < 0.4 else None
        for view in (0, 1):
            if bent is None:
                gap = canvas.distance(view, direction, place + move * view, 0) + warp
            else:
                gap = bent + move * view
            band = np.exp(-0.5 * (gap / width) ** 2)
            if pair:
                band += np.exp(-0.5 * ((gap - pair) / width) ** 2)
            rings = 0.25 * np.cos(2.2 * gap / width) * np.exp(-np.abs(gap) / (4 * width))
            log[view] -= depth * (band + rings * (width > 10))
            if width < 8 and abs(depth) > 0.12:
                canvas.mark(view, band > 0.4, BOUNDARY)


def _bent_distance(side: int, rng: np.random.Generator) -> np.ndarray:
    """Distance, about px, from a line along which a bent foil has one orientation; often closed."""
    field = smooth_field(side, int(rng.integers(2, 6)), rng)
    slope = np.hypot(*np.gradient(field))
    return (field - rng.uniform(-1, 1)) / (slope + 0.5 * slope.mean())


def paint_ground(canvas: Canvas) -> None:
    """Paint the brightness of the foil without lines.

    Each ingredient is there or not, with its own strength: slow changes, gradients, thickness
    fringes, bend contours, mottle and grain.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    """
    rng, side = canvas.rng, canvas.side
    log = np.zeros((2, side, side), np.float32)
    if rng.random() < 0.8:
        log += rng.uniform(0, 0.3) * smooth_field(side, rng.integers(1, 6), rng)
    if rng.random() < 0.3:  # the views differ slowly
        log[1] += rng.uniform(0, 0.25) * smooth_field(side, 2, rng)
    if rng.random() < 0.6:
        angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1.7) ** 1.3
        slope = np.cos(angle) * canvas.x + np.sin(angle) * canvas.y
        log += strength * (slope / side - 0.5)
    if rng.random() < 0.35:
        _add_fringes(canvas, log)
    if rng.random() < 0.35:
        _add_bend_contours(canvas, log)
    _add_textures(canvas, log)
    level = np.exp(rng.uniform(np.log(0.15), np.log(0.85), 1) + rng.normal(0, 0.08, 2))
    log -= log.mean()
    for view in (0, 1):
        canvas.multiply(view, level[view] * np.exp(log[view]))


def paint_light(canvas: Canvas) -> None:
    """Paint what lies over everything: beam falloff, dark areas, shadows.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    """
    rng, side = canvas.rng, canvas.side
    if rng.random() < 0.3:
        row, column = rng.uniform(0.2, 0.8, 2) * side
        radius = np.hypot(canvas.x - column, canvas.y - row) / side
        fall = np.exp(-rng.uniform(0, 1.8) * radius ** rng.uniform(1.5, 4))
        for view in (0, 1):
            canvas.multiply(view, fall)
    if rng.random() < 0.2:  # a thick or strongly diffracting area, near black
        angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.5) * side
        warp = rng.uniform(0, 40) * smooth_field(side, rng.integers(1, 5), rng)
        width, floor = np.exp(rng.uniform(0.3, 4)), rng.uniform(0.04, 0.5)
        z, move = rng.uniform(-1, 1), rng.normal(0, 4)
        for view in (0, 1):
            gap = canvas.distance(view, angle, place + view * move, z) + warp
            dark = 1 / (1 + np.exp(-np.clip(gap / width, -30, 30)))
            canvas.multiply(view, 1 - (1 - floor) * dark)
            if width < 6:
                canvas.mark(view, np.abs(gap) < np.clip(1.5 * width, 2, 6), BOUNDARY)
    if rng.random() < 0.08:
        strength = rng.uniform(0.3, 0.9)
        blot = smooth_field(side, rng.integers(2, 5), rng)
        for view in (0, 1):
            canvas.multiply(view, 1 - strength / (1 + np.exp(-(blot - 1) * 6)))


def paint_hole(canvas: Canvas) -> np.ndarray:
    """Paint the edge of the foil and the vacuum beyond it.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.

    Returns
    -------
    (side, side) bool ndarray
        Where, in coordinates of the scene, there is no foil; no line may run there.
    """
    rng, side = canvas.rng, canvas.side
    angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.5) * side
    warp = rng.uniform(0, 20) * smooth_field(side, rng.integers(2, 8), rng)
    count, depth = rng.uniform(0.01, 0.06), rng.uniform(0, 0.5)
    bright = rng.choice([0.95, 0.02], p=[0.8, 0.2])  # bright field or dark field
    fresnel = rng.uniform(0, 0.4)
    for view in (0, 1):
        gap = canvas.distance(view, angle, place, 0) + warp
        inside = np.clip(-gap, 0, None)
        wave = np.cos(2 * np.pi * count * inside) * np.exp(-0.02 * inside)
        canvas.multiply(view, 1 + depth * wave * (gap < 0))
        beyond = 1 / (1 + np.exp(-np.clip(gap / 0.8, -30, 30)))
        canvas.image[view] = canvas.image[view] * (1 - beyond) + bright * beyond
        canvas.multiply(view, 1 - fresnel * np.exp(-0.5 * ((gap + 2) / 1.3) ** 2))
        canvas.label[view][gap > 0] = 0
        canvas.mark(view, np.abs(gap) < 3, BOUNDARY)
    gap = canvas.distance(0, angle, place, -canvas.offset / canvas.half_range) + warp
    return gap > -2
