"""Masks of segmented detectors: rings around the disc's centre, cut into azimuthal segments."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from hyperspy_stereo.views.detectors import DiscLike, check_shape

#: Rings and azimuthal segments of the usual segmented detectors, by their number of segments.
SEGMENT_PATTERNS = {2: (1, 2), 4: (1, 4), 8: (2, 4), 12: (3, 4), 16: (4, 4)}
_SUBSAMPLES = 8


def segment_masks(
    shape: tuple[int, int],
    disc: DiscLike,
    segments: int | tuple[int, int] = 4,
    inner: float = 0.0,
    outer: float | None = None,
    start: float = 0.0,
) -> NDArray[np.float32]:
    """Masks of a segmented detector: rings, each cut into azimuthal segments.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of a diffraction pattern.
    disc : Disc
        Bright-field disc: the segments are centred on it.
    segments : int or tuple of int, default=4
        Number of segments (2, 4, 8, 12 or 16: rings of four) or (rings, segments per ring).
    inner, outer : float, optional
        Radii in px. Default: 0 and the disc's radius. Rings have equal widths.
    start : float, default=0
        Azimuth in degrees of the middle of the first segment.

    Returns
    -------
    numpy.ndarray
        (V, H, W) float32 coverage, inner ring first, in a ring by growing azimuth. The masks sum
        to the annulus.

    Raises
    ------
    ValueError
        If the numbers make no sense, a ring has one segment only (all incidences would be the
        disc's centre), or a segment lies outside the pattern.
    TypeError
        If `segments` is no whole number or pair of them.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> disc = SimpleNamespace(centre=(31.5, 31.5), radius=20.0)
    >>> segment_masks((64, 64), disc, segments=16).shape
    (16, 64, 64)
    """
    height, width = check_shape(shape)
    rings, sectors = _segment_pattern(segments)
    outer = float(disc.radius) if outer is None else float(outer)
    if not 0 <= inner < outer:
        raise ValueError(f"need 0 <= inner < outer, not inner={inner:g} and outer={outer:g} px")
    masks = np.zeros((rings * sectors, height, width), np.float32)
    flat = masks.reshape(rings * sectors, -1)
    y, x = np.mgrid[:height, :width].astype(float)
    x, y = (x - disc.centre[0]).ravel(), (y - disc.centre[1]).ravel()
    near = np.flatnonzero(np.hypot(x, y) < outer + 1)
    steps = (np.arange(_SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
    for dx in steps:
        for dy in steps:
            radius = np.hypot(x[near] + dx, y[near] + dy)
            azimuth = np.degrees(np.arctan2(y[near] + dy, x[near] + dx))
            sector = np.floor(((azimuth - start) / 360 * sectors + 0.5) % sectors).astype(int)
            ring = np.floor((radius - inner) / (outer - inner) * rings).astype(int)
            used = (ring >= 0) & (ring < rings)
            index = ring[used] * sectors + np.minimum(sector[used], sectors - 1)
            flat[index, near[used]] += 1.0 / steps.size**2
    empty = np.flatnonzero(~masks.any(axis=(1, 2)))
    if empty.size:
        raise ValueError(
            f"segments {empty.tolist()} lie outside the pattern or hold no pixel: check the disc's "
            "centre and the radii"
        )
    return masks


def _segment_pattern(segments: int | tuple[int, int]) -> tuple[int, int]:
    """Rings and segments per ring."""
    known = f"give one of {sorted(SEGMENT_PATTERNS)}, or (rings, segments per ring) such as (3, 4)"
    numbers = list(segments) if isinstance(segments, (tuple, list, np.ndarray)) else [segments]
    if not all(isinstance(n, Integral) and not isinstance(n, bool) for n in numbers):
        raise TypeError(f"segments must be whole numbers, not {segments!r}: {known}")
    if len(numbers) == 1 and numbers[0] is segments:
        if int(segments) not in SEGMENT_PATTERNS:
            raise ValueError(f"segments={segments} is not known: {known}")
        return SEGMENT_PATTERNS[int(segments)]
    if len(numbers) != 2 or min(numbers) < 1:
        raise ValueError(f"segments must be (rings, segments per ring), not {segments!r}: {known}")
    rings, sectors = (int(n) for n in numbers)
    if sectors < 2:
        raise ValueError(
            f"segments={segments!r} has whole rings, which all look along the beam, so that there "
            "is no parallax between them: give at least 2 segments per ring, such as (1, 2)"
        )
    return rings, sectors
