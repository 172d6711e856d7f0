"""Labels for all views at once: unary costs, chains, and rounds of left-right belief."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.matching.belief import believe
from hyperspy_stereo.matching.cost import Lines, PairCost, appearance_weight, pair_cost
from hyperspy_stereo.matching.curve_match import MatchSettings
from hyperspy_stereo.matching.threads import in_threads
from hyperspy_stereo.matching.viterbi import chain_marginals

__all__ = ["Labelling", "solve_labels"]

_UNREAL = 0.3


@dataclass(frozen=True)
class Labelling:
    """Result of `solve_labels` for the lines of one view.

    Attributes
    ----------
    pairs : dict of int to PairCost
        Cost against every other view.
    unary : (N, L) float32 ndarray
        Cost over the other views before belief.
    marginals : (N, L) float32 ndarray
        Min-marginals after the last round.
    outside : (N, L) bool ndarray
        Labels that lead outside every other view.
    partners : dict of int to (M, L) float32 ndarray
        Min-marginals of the lines of every other view that the points were matched with.
    """

    pairs: dict[int, PairCost]
    unary: np.ndarray
    marginals: np.ndarray
    outside: np.ndarray
    partners: dict[int, np.ndarray]


def _sum_of_weights(settings: MatchSettings, appearance) -> float:
    total = settings.distance + settings.orientation
    if appearance is None:
        return total
    return total + settings.contrast + appearance_weight(appearance, settings)


def _average(values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean over views that see the label, and where none does."""
    if len(values) == 1:
        outside = np.isnan(values[0])
        return np.where(outside, 0, values[0]), outside
    stack = np.stack(values)
    seen = ~np.isnan(stack)
    count = seen.sum(0)
    return np.where(seen, stack, 0).sum(0) / np.maximum(count, 1), count == 0


def _start(v, ref, others, appearances, offsets, labels, settings):
    pairs = {
        o: pair_cost(
            ref, lines, (appearances[v], appearances[o]), offsets[o] - offsets[v], labels, settings
        )
        for o, lines in others.items()
    }
    unary, outside = _average([pair.cost for pair in pairs.values()])
    penalty = settings.out_of_view * _sum_of_weights(settings, appearances[v])
    unary[outside] = penalty
    unary[~ref.chains.real] *= _UNREAL
    return pairs, unary.astype(np.float32), outside


def solve_labels(
    strict: list[Lines],
    permissive: list[Lines],
    appearances: list,
    offsets: np.ndarray,
    labels: np.ndarray,
    settings: MatchSettings,
    rounds: int | None = None,
) -> list[Labelling]:
    """Find what every label costs, for the strict lines of every view.

    Parameters
    ----------
    strict : list of Lines
        Lines whose points are wanted, one entry per view.
    permissive : list of Lines
        Lines that may be their counterparts; the same objects where there is no second mask.
    appearances : list of Appearance or None
        The views.
    offsets : (V, 2) ndarray
        Where a feature lies in each view, per px of disparity.
    labels : (L,) ndarray
        Disparities in px, evenly spaced.
    settings : MatchSettings
        Weights.
    rounds : int, optional
        Rounds of belief; default ``settings.rounds``.

    Returns
    -------
    list of Labelling
        For the strict lines of every view.
    """
    n_views = len(strict)
    step = float(labels[1] - labels[0]) if len(labels) > 1 else 1.0
    roles = {("strict", v): strict[v] for v in range(n_views)}
    for v in range(n_views):
        if permissive[v] is not strict[v]:
            roles["permissive", v] = permissive[v]
    partner = {
        v: ("permissive", v) if ("permissive", v) in roles else ("strict", v)
        for v in range(n_views)
    }
    state: dict = {}
    marginals: dict = {}

    def run(key, cost):
        chains = roles[key].chains
        slope = settings.smoothness * step
        reach = max(round(settings.steepest / step), 1)
        jump = np.where(chains.joint, settings.jump_linked, settings.jump)
        return chain_marginals(cost, chains.bounds, chains.closed, slope, reach, jump)

    def begin(key):
        v = key[1]
        others = {o: permissive[o] for o in range(n_views) if o != v}
        started = _start(v, roles[key], others, appearances, offsets, labels, settings)
        return started, run(key, started[1])

    def again(key):
        pairs, unary, outside = state[key]
        doubt = [
            np.where(np.isnan(pair.cost), np.nan, believe(pair.hit, marginals[partner[o]]))
            for o, pair in pairs.items()
        ]
        doubt, _ = _average(doubt)
        doubt[outside] = settings.out_of_view
        doubt[~roles[key].chains.real] *= _UNREAL
        return run(key, unary + np.float32(settings.belief) * doubt.astype(np.float32))

    for key, (started, found) in zip(roles, in_threads(begin, roles), strict=True):
        state[key], marginals[key] = started, found
    for _ in range(settings.rounds if rounds is None else rounds):
        marginals = dict(zip(roles, in_threads(again, roles), strict=True))
    found = []
    for v in range(n_views):
        pairs, unary, outside = state["strict", v]
        partners = {o: marginals[partner[o]] for o in pairs}
        found.append(Labelling(pairs, unary, marginals["strict", v], outside, partners))
    return found
