"""How a line looks across its width: the one place where an image model enters the fit.

A model is a compiled function of the distance from the line that returns the line's factor in the
transmittance and its derivatives. Another model (two-beam contrast) takes its place by giving
the same six numbers.
"""

from __future__ import annotations

import math

import numba

__all__ = ["REACH", "line_profile"]

REACH = 3.5
"""Widths from the line beyond which its factor is taken as 1 (it differs by 0.002 times c)."""


@numba.njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def line_profile(
    distance: float, width: float, contrast: float, asymmetry: float, gain: float
) -> tuple[float, float, float, float, float, float]:
    """Factor of a line in the transmittance, and its derivatives.

    F = 1 - b (c + a x) exp(-x^2 / 2) with x = distance / width: a Gaussian dip, and an odd part
    for lines that are dark on one side and bright on the other.

    Parameters
    ----------
    distance : float
        Signed distance from the line, px.
    width : float
        Standard deviation of the profile, px.
    contrast, asymmetry : float
        c (negative for a bright line) and a.
    gain : float
        b, contrast in this view relative to the mean of all views.

    Returns
    -------
    tuple of float
        F, and its derivatives by distance, log of width, contrast, asymmetry, and gain.

    Examples
    --------
    >>> [round(v, 3) for v in line_profile(0.0, 2.0, 0.25, 0.0, 1.0)[:2]]
    [0.75, 0.0]
    """
    x = distance / width
    bell = math.exp(-0.5 * x * x)
    shape = (contrast + asymmetry * x) * bell
    by_distance = gain * bell / width * (contrast * x - asymmetry * (1.0 - x * x))
    by_width = -gain * bell * (contrast * x * x + asymmetry * (x * x * x - x))
    return 1.0 - gain * shape, by_distance, by_width, -gain * bell, -gain * x * bell, -shape
