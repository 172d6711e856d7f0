"""Suspensions in equilibrium: Metropolis moves of particles in a slab.

References
----------
N. Metropolis et al., J. Chem. Phys. 21 (1953) 1087; cell lists as in Allen & Tildesley, Computer
Simulation of Liquids (2nd ed., 2017), section 5.3.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.particles.interaction import Interaction

__all__ = ["equilibrium"]

MAX_TRIES = 2000  # to place one particle at random before the slab counts as full
WANTED_ACCEPTANCE = 0.4


def equilibrium(
    radius: ArrayLike,
    size: tuple[float, float],
    thickness: float,
    interaction: Interaction | None = None,
    sweeps: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Centres of particles in thermal equilibrium in a slab.

    Parameters
    ----------
    radius : array-like of shape (N,)
        Of each particle, nm.
    size : (float, float)
        Width (x) and height (y) of the slab, nm; periodic, so that nothing happens at the borders.
    thickness : float
        Depth in which the *centres* lie, nm: between hard walls.
    interaction : Interaction, optional
        Hard spheres by default.
    sweeps : int
        Attempted moves per particle. Default 200: the start is random, so that a dilute suspension
        needs few.
    seed : int
        Source of chance.

    Returns
    -------
    numpy.ndarray
        (N, 3): x in 0..width, y in 0..height, z in -thickness/2..thickness/2, nm.

    Raises
    ------
    ValueError
        If a length is not positive, the slab is narrower than three reaches of the interaction, or
        the particles do not fit in at random.

    Examples
    --------
    >>> points = equilibrium(np.full(50, 2.5), (200, 200), 50, sweeps=20)
    >>> points.shape
    (50, 3)
    """
    radii = np.asarray(radius, dtype=np.float64).ravel()
    acting = Interaction() if interaction is None else interaction
    width, height = (float(v) for v in size)
    if radii.size and not (radii > 0).all():
        raise ValueError(f"radius must be positive (nm); {radii.min():g} is among those given.")
    if not (width > 0 and height > 0 and thickness > 0):
        raise ValueError(
            f"The slab needs positive lengths (nm); size={size!r}, thickness={thickness!r}."
        )
    if radii.size == 0:
        return np.zeros((0, 3))
    cut = 2 * radii.max() + acting.reach
    if min(width, height) < 3 * cut:
        raise ValueError(
            f"The slab must be at least three interaction lengths ({3 * cut:.4g} nm) wide; "
            f"{width:g} x {height:g} nm was given. Make it larger or the particles smaller."
        )
    box = np.array([width, height, float(thickness)])
    shape = np.maximum((box / cut).astype(np.int64), 1)
    law = np.array([acting.depth, acting.gap, acting.width, acting.reach])
    points, placed = _run(radii, box, shape, law, int(sweeps), np.random.default_rng(seed))
    if placed < radii.size:
        share = (4 / 3 * np.pi * radii**3).sum() / box.prod()
        raise ValueError(
            f"Only {placed} of {radii.size} particles could be placed at random (volume fraction "
            f"{share:.2f}): take fewer particles or a larger slab."
        )
    points[:, 2] -= thickness / 2
    return points


@numba.njit(cache=True, nogil=True)
def _three(rng):
    return np.array([rng.random(), rng.random(), rng.random()])


@numba.njit(cache=True, nogil=True)
def _cell(p, box, shape):
    i = min(int(p[0] / box[0] * shape[0]), shape[0] - 1)
    j = min(int(p[1] / box[1] * shape[1]), shape[1] - 1)
    k = min(int(p[2] / box[2] * shape[2]), shape[2] - 1)
    return i, j, k


@numba.njit(cache=True, nogil=True)
def _energy(p, own, who, points, radii, box, shape, head, after, law):
    """Energy of particle `who` at p, or infinity where it would overlap another."""
    ci, cj, ck = _cell(p, box, shape)
    total = 0.0
    for di in range(-1, 2):
        for dj in range(-1, 2):
            i, j = (ci + di) % shape[0], (cj + dj) % shape[1]
            for k in range(max(ck - 1, 0), min(ck + 2, shape[2])):
                other = head[i, j, k]
                while other >= 0:
                    if other != who:
                        dx, dy = abs(p[0] - points[other, 0]), abs(p[1] - points[other, 1])
                        dx, dy = min(dx, box[0] - dx), min(dy, box[1] - dy)
                        dz = p[2] - points[other, 2]
                        r2 = dx * dx + dy * dy + dz * dz
                        contact = own + radii[other]
                        if r2 < contact * contact:
                            return np.inf
                        gap = np.sqrt(r2) - contact
                        if gap < law[3]:
                            total -= law[0] * np.exp(-((gap - law[1]) ** 2) / (2 * law[2] ** 2))
                    other = after[other]
    return total


@numba.njit(cache=True, nogil=True)
def _insert(who, points, box, shape, head, after):
    i, j, k = _cell(points[who], box, shape)
    after[who] = head[i, j, k]
    head[i, j, k] = who


@numba.njit(cache=True, nogil=True)
def _remove(who, points, box, shape, head, after):
    i, j, k = _cell(points[who], box, shape)
    at = head[i, j, k]
    if at == who:
        head[i, j, k] = after[who]
        return
    while after[at] != who:
        at = after[at]
    after[at] = after[who]


@numba.njit(cache=True, nogil=True)
def _place(radii, points, box, shape, head, after, law, rng):
    """Put the particles in one after the other, each where none is; how many found a place."""
    for who in range(len(radii)):
        for _ in range(MAX_TRIES):
            trial = _three(rng) * box
            if _energy(trial, radii[who], who, points, radii, box, shape, head, after, law) < 1e9:
                break
        else:
            return who
        points[who] = trial
        _insert(who, points, box, shape, head, after)
    return len(radii)


@numba.njit(cache=True, nogil=True)
def _run(radii, box, shape, law, sweeps, rng):
    n = len(radii)
    points = np.zeros((n, 3))
    head = np.full((shape[0], shape[1], shape[2]), -1)
    after = np.full(n, -1)
    placed = _place(radii, points, box, shape, head, after, law, rng)
    if placed < n:
        return points, placed
    longest = np.min(box) / 2
    step = min(2.0 * radii.max(), longest)
    for sweep in range(sweeps):
        accepted = 0
        for _ in range(n):
            who = rng.integers(0, n)
            # Now and then to anywhere: particles that stick would else move with their clusters.
            if rng.random() < 0.1:
                trial = _three(rng) * box
            else:
                trial = points[who] + step * (2 * _three(rng) - 1)
                trial[0] %= box[0]
                trial[1] %= box[1]
            if trial[2] < 0 or trial[2] >= box[2]:
                continue
            new = _energy(trial, radii[who], who, points, radii, box, shape, head, after, law)
            if new == np.inf:
                continue
            old = _energy(points[who], radii[who], who, points, radii, box, shape, head, after, law)
            if new <= old or rng.random() < np.exp(old - new):
                _remove(who, points, box, shape, head, after)
                points[who] = trial
                _insert(who, points, box, shape, head, after)
                accepted += 1
        # The step adapts in the first half only: later it would disturb the balance.
        if sweep < sweeps // 2:
            step *= 1.1 if accepted > WANTED_ACCEPTANCE * n else 0.9
            step = min(max(step, 0.05 * radii.max()), longest)
    return points, placed
