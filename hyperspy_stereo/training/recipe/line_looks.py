"""How lines look: width, contrast along the line in both views, and shape of the profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["LineLook", "Style", "random_look", "random_style"]


@dataclass(frozen=True)
class Style:
    """What the lines of one scene have in common.

    Attributes
    ----------
    fwhm : float
        Typical width, px.
    contrast : float
        Typical contrast; negative for bright lines.
    black_white, double : float
        Share of the black-white and of the second dip, 0 to 1.
    separation : float
        Distance of the second dip, standard deviations of the profile.
    oscillation, period : float
        Share of the contrast that oscillates with depth, and its period in half foils.
    shift : float
        Image shift against the geometric centre, standard deviations of the profile.
    unlike : float
        How much the views differ in contrast, 0 to 1.
    variety : float
        How much the lines differ among each other, 0 to 1.
    """

    fwhm: float
    contrast: float
    black_white: float
    double: float
    separation: float
    oscillation: float
    period: float
    shift: float
    unlike: float
    variety: float


@dataclass(frozen=True, eq=False)
class LineLook:
    """One line in both views: contrast, width and shift per point, and its profile."""

    strength: np.ndarray  # (2, n)
    sigma: np.ndarray  # (2, n) px
    shift: np.ndarray  # (2, n) px
    shape: np.ndarray  # (2, 4) weights of the kernel


def _one_of(rng, none: float, low, share: float = 1.0, high=(0.0, 0.0)) -> float:
    """Zero with probability `none`, else from `low` (up to probability `share`) or `high`."""
    draw, value = rng.random(), rng.random()
    if draw < none:
        return 0.0
    start, end = low if draw < none + share else high
    return float(start + (end - start) * value)


def random_style(rng: np.random.Generator, dark_field: bool) -> Style:
    """Draw the common look of a scene's lines.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    dark_field : bool
        Bright lines before a dark ground.

    Returns
    -------
    Style
    """
    contrast = float(np.exp(rng.uniform(np.log(0.08), np.log(0.75))))
    if dark_field:
        contrast *= -rng.uniform(1, 4)
    elif rng.random() < 0.04:
        contrast *= -0.7
    return Style(
        fwhm=float(np.exp(rng.normal(np.log(3.8), 0.38)).clip(2, 9)),
        contrast=contrast,
        black_white=_one_of(rng, 0.5, (0, 0.5), 0.35, (0.5, 1)),
        double=_one_of(rng, 0.88, (0.3, 1)),
        separation=rng.uniform(1.8, 3.2),
        oscillation=_one_of(rng, 0.5, (0.1, 0.6), 0.3, (0.6, 1.3)),
        period=rng.uniform(0.2, 1.2),
        shift=_one_of(rng, 0.4, (0, 1.1)),
        unlike=rng.uniform(0, 0.5) ** 1.3,
        variety=rng.uniform(0, 1),
    )


def _slow(n: int, rng: np.random.Generator, length: float = 40.0) -> np.ndarray:
    """Smooth random values along a line, mean 0, spread about 1."""
    knots = max(int(n / length) + 2, 2)
    return np.interp(np.linspace(0, knots - 1, n), np.arange(knots), rng.normal(0, 1, knots))


def random_look(curve: np.ndarray, style: Style, rng: np.random.Generator) -> LineLook:
    """Draw the look of one line.

    Parameters
    ----------
    curve : (n, 3) ndarray
        x, y in px and depth from -1 to 1.
    style : Style
        Of the scene.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    LineLook
    """
    n, z = len(curve), curve[:, 2]
    free = style.variety
    fwhm = np.clip(style.fwhm * np.exp(rng.normal(0, 0.25 * free)), 2, 9)
    base = style.contrast * np.exp(rng.normal(0, 0.5 * free))
    ripple = np.exp(0.25 * rng.uniform(0, 1) * _slow(n, rng))
    fade = np.ones(n)
    if rng.random() < 0.25:  # loses its contrast over a part of its length
        at, width = rng.uniform(0, n), rng.uniform(10, 60)
        fade -= rng.uniform(0.5, 1.05) * np.exp(-0.5 * ((np.arange(n) - at) / width) ** 2)
    if rng.random() < 0.2:  # grows fainter towards one end
        fade *= np.linspace(1, rng.uniform(0, 0.5), n) ** rng.choice([1, 2])
    if rng.random() < 0.3:  # weaker near a face
        fade *= 1 - rng.uniform(0.3, 0.9) * np.exp(-(1 - z * rng.choice([-1, 1])) / 0.25)
    black_white = style.black_white * rng.choice([-1, 1]) if free > 0.5 else style.black_white
    phase, slip = rng.uniform(0, 2 * np.pi), rng.normal(0, 1.2) * style.unlike
    # half of the double images lie astride the line, the others beside it
    middle = 0.5 * style.separation * (style.double > 0) * (style.period > 0.7)
    strength, sigma, shift, shape = [], [], [], []
    for view in (-0.5, 0.5):
        turn = np.cos(np.pi * z / style.period + phase + view * slip)
        # the symmetric part loses contrast by half turns, so that pieces seldom reverse
        wave = 1 - style.oscillation * (0.5 - 0.5 * turn)
        other = np.exp(view * rng.normal(0, 1.2) * style.unlike)
        limit = (-4.0, 0.93)
        strength.append(np.clip(base * ripple * fade * wave * other, *limit))
        sigma.append(fwhm / 2.355 * np.exp(0.12 * free * _slow(n, rng)))
        move = style.shift * (rng.uniform(0, 1) * _slow(n, rng) * 0.3 + view * rng.uniform(-1, 1))
        shift.append((np.clip(move, -1.1, 1.1) - middle) * fwhm / 2.355)
        bw = black_white * (1 + view * rng.normal(0, 1) * style.unlike)
        shape.append([1 - abs(np.clip(bw, -1, 1)), bw, style.double, style.separation])
    if rng.random() < 0.5:  # ends fade out over a few px instead of stopping
        taper = np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / rng.uniform(1, 6), 0.15, 1)
        strength = [values * taper for values in strength]
    return LineLook(*(np.array(values, float) for values in (strength, sigma, shift, shape)))
