"""Smooth random dislocation lines that thread a foil, in nm."""

import numpy as np


def dislocation_lines(
    n_lines: int,
    extent: tuple[float, float],
    thickness: float,
    rng: np.random.Generator,
    direction: float = 90.0,
    spread: float = 50.0,
    spacing: float = 2.0,
    clearance: float = 16.0,
) -> list[np.ndarray]:
    """Draw curved lines that run from the entrance to the exit face of a foil.

    Each line bows sideways and in depth, and leaves the foil at both faces. Of a few dozen random
    candidates the one is taken that runs least beside the earlier lines, so that lines cross but
    seldom lie on top of each other over a long way.

    Parameters
    ----------
    n_lines
        Number of lines.
    extent
        Width and height (x, y) of the field of view, nm.
    thickness
        Foil thickness, nm. The mid plane has z = 0.
    rng
        Source of randomness.
    direction, spread
        Mean in-plane direction of the lines and half the range around it, degrees (x right,
        y down).
    spacing
        Distance of consecutive points along a line, nm.
    clearance
        In-plane distance below which two lines count as running side by side, nm.

    Returns
    -------
    list of (n, 3) float64 arrays
        x, y, z of the points of each line, from z = -thickness/2 to z = +thickness/2.

    Raises
    ------
    ValueError
        If `n_lines` is negative, or the thickness or the extent is not positive.

    Examples
    --------
    >>> lines = dislocation_lines(3, (256.0, 256.0), 240.0, np.random.default_rng(0))
    >>> [round(float(np.ptp(line[:, 2]))) for line in lines]
    [240, 240, 240]
    """
    if n_lines < 0 or thickness <= 0 or min(extent) <= 0:
        raise ValueError(
            f"dislocation_lines needs n_lines >= 0, thickness > 0 and a positive extent; got "
            f"n_lines={n_lines}, thickness={thickness}, extent={extent}."
        )
    lines: list[np.ndarray] = []
    for _ in range(n_lines):
        candidates = [
            _threading_line(extent, thickness, rng, direction, spread, spacing) for _ in range(40)
        ]
        costs = [_crowding(candidate, lines, extent, clearance) for candidate in candidates]
        lines.append(candidates[int(np.argmin(costs))])
    return lines


def _threading_line(extent, thickness, rng, direction, spread, spacing) -> np.ndarray:
    """One random line, points about evenly spaced along its length."""
    size = min(extent)
    angle = np.deg2rad(direction + rng.uniform(-spread, spread))
    if rng.random() < 0.5:
        angle += np.pi
    length = size * rng.uniform(0.55, 1.1)
    centre = np.array(extent) * rng.uniform(0.12, 0.88, 2)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    bow, wave = rng.uniform(-0.14, 0.14), rng.uniform(-0.04, 0.04)
    sag = rng.uniform(-0.1, 0.1)

    s = np.linspace(-0.5, 0.5, 2001)
    sideways = length * (bow * (1 - 4 * s**2) + wave * np.sin(2 * np.pi * s))
    xy = centre + np.outer(s * length, along) + np.outer(sideways, across)
    # 2 pi * 0.1 < 1 keeps the depth monotonic: the line never turns back inside the foil
    z = thickness * (s + sag * np.sin(2 * np.pi * s))
    dense = np.column_stack([xy, z])
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))])
    n = max(int(np.ceil(arc[-1] / spacing)) + 1, 8)
    even = np.linspace(0.0, arc[-1], n)
    line = np.column_stack([np.interp(even, arc, dense[:, k]) for k in range(3)])
    line[0], line[-1] = dense[0], dense[-1]
    return line


def _crowding(candidate, lines, extent, clearance) -> float:
    """Share of the candidate outside the field or beside an earlier line."""
    xy = candidate[:, :2]
    outside = np.any((xy < 0) | (xy > np.array(extent)), axis=1)
    cost = 0.5 * float(outside.mean())
    for line in lines:
        gap = np.linalg.norm(xy[:, None, :] - line[None, ::2, :2], axis=2).min(axis=1)
        cost += float((gap < clearance).mean())
    return cost
