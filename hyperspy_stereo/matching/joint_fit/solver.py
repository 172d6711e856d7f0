"""Levenberg-Marquardt steps: groups of lines that overlap are solved jointly, others by themselves.

What all lines share (shift of each view, rotation) is eliminated last (Schur complement), so that
the groups stay independent up to a few numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space
from scipy.sparse import block_array, csc_array, diags_array
from scipy.sparse.linalg import SuperLU, splu

from hyperspy_stereo.matching.joint_fit.layout import Layout, ViewGeometry
from hyperspy_stereo.matching.joint_fit.prior import Prior
from hyperspy_stereo.matching.joint_fit.problem import Equations, Scene, Support, equations

__all__ = ["Fitted", "SharedPrior", "covariances", "shared_prior", "solve"]

LARGEST_STEP = {"depth": 8.0, "offset": 1.0, "width": 0.3}
"""px, px, and log: beyond this a linear step says little about the profile."""
SMALL = 0.05
"""Decrease of the cost (minus log likelihood) per line below which a group has converged: the
unknowns then lie within a third of their sigma of the minimum, in each direction."""


@dataclass(frozen=True, eq=False)
class SharedPrior:
    """Which combinations of shared unknowns are free, and their prior.

    Attributes
    ----------
    free : (2 V + 1, m) ndarray
        Orthonormal directions in which shifts and rotation may go; m = 0 holds them all.
    precision : (m, m) ndarray
        Of the coefficients.
    """

    free: np.ndarray
    precision: np.ndarray


@dataclass(frozen=True, eq=False)
class Fitted:
    """Where a series of steps ended.

    Attributes
    ----------
    unknowns : (P,) ndarray
        See ``layout.Layout``.
    shared : (2 V + 1,) ndarray
        Shift of each view (x, y; px) and rotation (rad).
    equations : Equations
        There.
    converged : (groups,) bool ndarray
        No step lowers the cost of a group by more than 0.05 per line any more.
    """

    unknowns: np.ndarray
    shared: np.ndarray
    equations: Equations
    converged: np.ndarray


def shared_prior(views: ViewGeometry, shift_sigma: float, rotation_sigma: float) -> SharedPrior:
    """Fix the gauge of the shifts: their mean, and the part that looks like depth, are zero.

    Parameters
    ----------
    views : ViewGeometry
        Of V views.
    shift_sigma : float
        px; 0 holds the shifts at zero.
    rotation_sigma : float
        rad; 0 holds the rotation at zero.

    Returns
    -------
    SharedPrior

    Examples
    --------
    >>> from hyperspy_stereo.matching.joint_fit.layout import view_geometry
    >>> pair = view_geometry([[50.0, 0.0], [-50.0, 0.0]])
    >>> abs(shared_prior(pair, 0.3, 0.0).free[:, 0]).round(3).tolist()
    [0.0, 0.707, 0.0, 0.707, 0.0]
    """
    number = len(views.across)
    fixed = np.zeros((3, 2 * number + 1))
    fixed[0, 0:-1:2] = fixed[1, 1:-1:2] = 1.0
    fixed[2, :-1] = views.parallax.ravel()
    if shift_sigma == 0:
        fixed = np.eye(2 * number + 1)[:-1]
    if rotation_sigma == 0:
        fixed = np.vstack([fixed, np.eye(2 * number + 1)[-1:]])
    free = null_space(fixed, rcond=1e-12)
    variance = np.full(2 * number + 1, max(shift_sigma, 1e-9) ** 2)
    variance[-1] = max(rotation_sigma, 1e-12) ** 2
    return SharedPrior(free, free.T @ (free / variance[:, None]))


def solve(
    scene: Scene,
    support: Support,
    data: np.ndarray,
    weight: np.ndarray,
    prior: Prior,
    common: SharedPrior,
    unknowns: np.ndarray,
    shared: np.ndarray,
    steps: int,
) -> Fitted:
    """Lower the cost of every group by damped Gauss-Newton steps.

    A group whose cost a step would raise stays where it is and is damped more (Marquardt); the
    others go on.

    Parameters
    ----------
    scene, support, data, weight
        See ``problem.equations``.
    prior : Prior
        Of the lines.
    common : SharedPrior
        Of what they share.
    unknowns, shared : ndarray
        The start.
    steps : int
        At most so many.

    Returns
    -------
    Fitted
    """
    groups = _members(support)
    damping = np.full(len(groups), 1e-3)
    done = np.zeros(len(groups), bool)
    now = equations(scene, support, data, weight, unknowns, shared)
    cost = _cost(scene, support, now, prior, unknowns)
    for _ in range(steps):
        step, common_step = _step(scene, support, now, prior, common, unknowns, shared, damping)
        step *= _limits(scene.place, support, step)
        trial, moved = unknowns + step, shared + common_step
        then = equations(scene, support, data, weight, trial, moved)
        trial_cost = _cost(scene, support, then, prior, trial)
        better = trial_cost <= cost
        done = np.abs(trial_cost - cost) < SMALL * np.bincount(support.group)
        damping = np.where(better, damping / 5, damping * 10)
        lines_better = np.repeat(better[support.group], np.diff(scene.place.starts))
        unknowns, shared = np.where(lines_better, trial, unknowns), moved
        if not better.all():
            then = equations(scene, support, data, weight, unknowns, shared)
            trial_cost = _cost(scene, support, then, prior, unknowns)
        now, cost = then, trial_cost
        done |= ~better & (damping > 1e6)
        if done.all():
            break
    return Fitted(unknowns, shared, now, done)


def covariances(
    scene: Scene, support: Support, at: Equations, prior: Prior, common: SharedPrior
) -> tuple[list[np.ndarray], np.ndarray]:
    """Covariance of the unknowns of each line, everything else marginalised, and of what is shared.

    Parameters
    ----------
    scene, support
        See ``problem.equations``.
    at : Equations
        At the solution.
    prior : Prior
        Of the lines.
    common : SharedPrior
        Of what they share.

    Returns
    -------
    lines : list of (p, p) ndarray
        (J'WJ + prior)^-1, one block per line.
    shared : (2 V + 1, 2 V + 1) ndarray
        Of shifts and rotation.
    """
    number, starts = len(support.group), scene.place.starts
    out: list[np.ndarray] = [np.empty(0)] * number
    small = common.free.T @ at.corner @ common.free + common.precision
    mixed = {}
    for lines in _members(support):
        where = _indices(scene.place, lines)
        factor = _factor(support, at, prior, lines, 0.0)
        border = at.border[where] @ common.free
        answer = factor.solve(border) if border.shape[1] else border
        small -= border.T @ answer
        at_line = 0
        for line in lines:
            size = starts[line + 1] - starts[line]
            unit = np.zeros((len(where), size))
            unit[at_line : at_line + size] = np.eye(size)
            out[line] = factor.solve(unit)[at_line : at_line + size]
            mixed[line] = answer[at_line : at_line + size]
            at_line += size
    inverse = np.linalg.inv(small)
    for line in range(number):
        out[line] = out[line] + mixed[line] @ inverse @ mixed[line].T
    return out, common.free @ inverse @ common.free.T


def _step(scene, support, now, prior, common, unknowns, shared, damping):
    """Damped Gauss-Newton step of all lines and of what they share."""
    free = common.free
    small = free.T @ now.corner @ free + common.precision
    pull = free.T @ now.border_gradient + common.precision @ (free.T @ shared)
    step = np.zeros(len(unknowns))
    parts = []
    for g, lines in enumerate(_members(support)):
        where = _indices(scene.place, lines)
        gradient = now.gradient[where] + np.concatenate(
            [_slope(prior, scene.place, unknowns, line) for line in lines]
        )
        factor = _factor(support, now, prior, lines, damping[g])
        border = now.border[where] @ free
        answer = factor.solve(np.column_stack([gradient, border]))
        small -= border.T @ answer[:, 1:]
        pull -= border.T @ answer[:, 0]
        parts.append((where, answer))
    coefficients = -np.linalg.solve(small, pull) if free.shape[1] else np.zeros(0)
    for where, answer in parts:
        step[where] = -answer[:, 0] - answer[:, 1:] @ coefficients
    return step, free @ coefficients


def _factor(support, at, prior, lines, damping) -> SuperLU:
    """Sparse factors of the damped normal equations of one group."""
    size = [len(prior.pull[line]) for line in lines]
    blocks: list[list[csc_array | None]] = []
    for i, a in enumerate(lines):
        row: list[csc_array | None] = []
        for j, b in enumerate(lines):
            begin = support.block_at[a, b]
            if begin < 0:
                row.append(None)
                continue
            block = at.blocks[begin : begin + size[i] * size[j]].reshape(size[i], size[j])
            row.append(csc_array(block + prior.precision[a] if a == b else block))
        blocks.append(row)
    whole = csc_array(block_array(blocks, format="csc"))
    whole = csc_array(whole + diags_array(damping * whole.diagonal()))
    # The matrix is symmetric and positive: no pivots, an ordering for A + A'.
    return splu(
        whole,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def _cost(scene, support, at, prior, unknowns):
    cost = at.cost.copy()
    np.add.at(cost, support.group, prior.cost(scene.place, unknowns))
    return cost


def _limits(place: Layout, support: Support, step: np.ndarray) -> np.ndarray:
    """(P,) factor <= 1 that keeps each group's step within ``LARGEST_STEP``."""
    lines = len(support.group)
    factor = np.ones(support.group.max() + 1)
    for line in range(lines):
        most = max(
            np.abs(step[place.depth[line]]).max() / LARGEST_STEP["depth"],
            np.abs(step[place.offset[line]]).max() / LARGEST_STEP["offset"],
            abs(step[place.width[line]]) / LARGEST_STEP["width"],
        )
        g = support.group[line]
        factor[g] = min(factor[g], 1.0 / max(most, 1.0))
    return np.repeat(factor[support.group], np.diff(place.starts))


def _slope(prior: Prior, place: Layout, unknowns: np.ndarray, line: int) -> np.ndarray:
    x = unknowns[place.starts[line] : place.starts[line + 1]]
    return prior.precision[line] @ x - prior.pull[line]


def _members(support: Support) -> list[list[int]]:
    """Lines of each group."""
    return [np.flatnonzero(support.group == g).tolist() for g in range(support.group.max() + 1)]


def _indices(place: Layout, lines: list[int]) -> np.ndarray:
    return np.concatenate([np.arange(place.starts[a], place.starts[a + 1]) for a in lines])
