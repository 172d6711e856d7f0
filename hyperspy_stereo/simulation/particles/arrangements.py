"""Particles that stick: chains and agglomerates, hung into a slab."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["agglomerate", "chain", "placed_groups", "radii"]


def radii(
    count: int, diameter: float, spread: float = 0.0, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Radii of a log-normal size distribution.

    Parameters
    ----------
    count : int
        Number of particles.
    diameter : float
        Their mean diameter, nm.
    spread : float
        Standard deviation of the diameter over its mean. Default 0, all equal.
    rng : numpy.random.Generator, optional
        Source of chance.

    Returns
    -------
    numpy.ndarray
        (count,), nm.

    Raises
    ------
    ValueError
        If the diameter is not positive or the spread not in 0..1.

    Examples
    --------
    >>> radii(3, 5.0)
    array([2.5, 2.5, 2.5])
    """
    if not diameter > 0 or not 0 <= spread < 1:
        raise ValueError(
            "diameter must be positive (nm) and spread from 0 to below 1; "
            f"{diameter!r} and {spread!r} were given."
        )
    if spread == 0:
        return np.full(count, diameter / 2)
    rng = np.random.default_rng(0) if rng is None else rng
    width = np.sqrt(np.log1p(spread**2))
    return 0.5 * diameter * np.exp(rng.normal(-(width**2) / 2, width, count))


def chain(
    radius: ArrayLike, gap: float = 0.5, bend: float = 30.0, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Centres of a flexible chain of particles, one after the other.

    Parameters
    ----------
    radius : array-like of shape (N,)
        nm.
    gap : float
        Between the surfaces of neighbours, nm. Default 0.5.
    bend : float
        1-sigma of the angle between two bonds, degrees. Default 30. Particles that would overlap
        are turned away.
    rng : numpy.random.Generator, optional
        Source of chance.

    Returns
    -------
    numpy.ndarray
        (N, 3), nm, with their mean at 0.

    Examples
    --------
    >>> points = chain([2.5, 2.5, 2.5], gap=1.0)
    >>> np.linalg.norm(np.diff(points, axis=0), axis=1).round(6).tolist()
    [6.0, 6.0]
    """
    r = np.asarray(radius, dtype=np.float64)
    rng = np.random.default_rng(0) if rng is None else rng
    points = np.zeros((len(r), 3))
    direction = _unit(rng.normal(size=3))
    for i in range(1, len(r)):
        for attempt in range(60):
            wobble = np.deg2rad(bend) * (1 + attempt / 20) / np.sqrt(2) * rng.normal(size=3)
            trial = _unit(direction + wobble)
            points[i] = points[i - 1] + (r[i - 1] + r[i] + gap) * trial
            apart = np.linalg.norm(points[: i - 1] - points[i], axis=1)
            if (apart >= r[: i - 1] + r[i]).all():
                break
        direction = trial
    return points - points.mean(axis=0)


def agglomerate(
    radius: ArrayLike,
    gap: float = 0.5,
    compactness: float = 0.5,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Centres of an agglomerate: each particle sticks to one that is there.

    Parameters
    ----------
    radius : array-like of shape (N,)
        nm.
    gap : float
        Between touching surfaces, nm. Default 0.5.
    compactness : float
        0: every particle grows at a random place, which gives loose branched agglomerates; 1: at
        the free place that is nearest to the middle, which gives dense ones. Default 0.5.
    rng : numpy.random.Generator, optional
        Source of chance.

    Returns
    -------
    numpy.ndarray
        (N, 3), nm, with their mean at 0.

    Examples
    --------
    >>> agglomerate([2.5] * 10).shape
    (10, 3)
    """
    r = np.asarray(radius, dtype=np.float64)
    rng = np.random.default_rng(0) if rng is None else rng
    points = np.zeros((len(r), 3))
    for i in range(1, len(r)):
        free = np.zeros((0, 3))
        while not len(free):
            to = rng.integers(0, i, 40)
            trial = points[to] + (r[to] + r[i] + gap)[:, None] * _unit(rng.normal(size=(40, 3)))
            apart = np.linalg.norm(trial[:, None] - points[None, :i], axis=2)
            free = trial[(apart >= r[:i] + r[i] + 0.999 * gap).all(axis=1)]
        choice = max(1, round(compactness * len(free)))
        distance = np.linalg.norm(free[:choice] - points[:i].mean(axis=0), axis=1)
        points[i] = free[np.argmin(distance)]
    return points - points.mean(axis=0)


def placed_groups(
    groups: list[np.ndarray], size: tuple[float, float], thickness: float, rng: np.random.Generator
) -> np.ndarray:
    """Hang groups of particles into a slab, turned at random, well apart where that is possible.

    Parameters
    ----------
    groups : list of (n, 3) arrays
        nm, each about 0.
    size, thickness
        Of the slab, nm; groups are moved inside it, those that are too deep are squeezed by
        turning.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    numpy.ndarray
        (N, 3), nm, z from -thickness/2 to thickness/2.

    Raises
    ------
    ValueError
        If a group does not fit between the surfaces however it is turned.
    """
    from scipy.spatial.transform import Rotation

    box = np.array([*size, thickness], dtype=np.float64)
    middles, reach, placed = np.zeros((0, 3)), np.zeros(0), []
    for group in groups:
        for _ in range(200):
            turned = Rotation.random(rng=rng).apply(group)
            if (np.ptp(turned, axis=0) < box).all():
                break
        else:
            raise ValueError(
                f"A group of {len(group)} particles, {np.ptp(group, axis=0).max():.3g} nm long, "
                f"does not fit into {box.tolist()} nm: make the slab thicker or the group smaller."
            )
        low, high = -turned.min(axis=0), box - turned.max(axis=0)
        own = np.linalg.norm(turned, axis=1).max()
        trials = rng.uniform(low, high, (50, 3))
        clear = np.linalg.norm(trials[:, None] - middles, axis=2) - reach - own
        best = trials[np.argmax(clear.min(axis=1))] if len(middles) else trials[0]
        middles, reach = np.vstack([middles, best]), np.append(reach, own)
        placed.append(turned + best - (0, 0, thickness / 2))
    return np.vstack(placed) if placed else np.zeros((0, 3))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)
