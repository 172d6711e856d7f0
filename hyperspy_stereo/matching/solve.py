"""Labels for all views at once: unary costs, chains, and rounds of left-right belief."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from hyperspy_stereo.matching.belief import BEYOND, UNREAL, costs_with_doubt
from hyperspy_stereo.matching.cost import Lines, appearance_weight, pair_cost
from hyperspy_stereo.matching.curve_match import MatchSettings
from hyperspy_stereo.matching.threads import in_threads
from hyperspy_stereo.matching.viterbi import chain_marginals

__all__ = ["Labelling", "solve_labels"]


@dataclass(frozen=True)
class Labelling:
    """Result of `solve_labels` for the lines of one view.

    Attributes
    ----------
    views : list of int
        The other views.
    hits : (P, N, L) int32 ndarray
        Point of each other view's lines that a label leads to, -1 if none is near, `BEYOND`
        where it leads outside.
    correlation : list of (N, L) float32 ndarray
        Likeness to each other view, NaN outside of it; empty without images.
    unary : (N, L) float32 ndarray
        Cost over the other views before belief.
    marginals : (N, L) float32 ndarray
        Min-marginals after the last round.
    partners : list of (M, L) float32 ndarray
        Min-marginals of the lines of every other view that the points were matched with.
    """

    views: list[int]
    hits: np.ndarray
    correlation: list[np.ndarray]
    unary: np.ndarray
    marginals: np.ndarray
    partners: list[np.ndarray]

    def hits_at(self, choice: np.ndarray) -> np.ndarray:
        """Hits (P, N) of one label for each point."""
        return self.hits[:, np.arange(len(choice)), choice]


def _sum_of_weights(settings: MatchSettings, appearance) -> float:
    total = settings.distance + settings.orientation
    if appearance is None:
        return total
    return total + settings.contrast + appearance_weight(appearance, settings)


@numba.njit(cache=True, nogil=True)
def _mean_and_mark_beyond(costs, hits, real, beyond):
    """Mean over the views that see a label; in place, hits of the others become `BEYOND`."""
    out = np.empty(costs.shape[1:], np.float32)
    for i in range(out.shape[0]):
        weight = np.float32(1) if real[i] else np.float32(UNREAL)
        for k in range(out.shape[1]):
            total, seen = np.float32(0), 0
            for v in range(hits.shape[0]):
                if np.isnan(costs[v, i, k]):
                    hits[v, i, k] = BEYOND
                else:
                    total += costs[v, i, k]
                    seen += 1
            out[i, k] = weight * (total / np.float32(seen) if seen > 0 else beyond)
    return out


def _stacked(arrays: list[np.ndarray]) -> np.ndarray:
    """Along a new first axis; one array, as of two views, is not copied."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def _start(v, ref, others, appearances, offsets, labels, settings):
    """Hits, likeness and costs of the lines of one view against all others."""
    found = [
        pair_cost(
            ref, lines, (appearances[v], appearances[o]), offsets[o] - offsets[v], labels, settings
        )
        for o, lines in others.items()
    ]
    costs, hits, likeness = zip(*found, strict=True)
    penalty = settings.out_of_view * _sum_of_weights(settings, appearances[v])
    hits = _stacked(hits)
    # The hits are new arrays of `pair_cost`, so they may be changed in place.
    unary = _mean_and_mark_beyond(_stacked(costs), hits, ref.chains.real, np.float32(penalty))
    return list(others), hits, [each for each in likeness if each is not None], unary


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
        return started, run(key, started[-1])

    def again(key):
        views, hits, _, unary = state[key]
        theirs, real = [marginals[partner[o]] for o in views], roles[key].chains.real
        beyond = settings.out_of_view
        return run(key, costs_with_doubt(unary, hits, theirs, real, settings.belief, beyond))

    for key, (started, found) in zip(roles, in_threads(begin, roles), strict=True):
        state[key], marginals[key] = started, found
    for _ in range(settings.rounds if rounds is None else rounds):
        marginals = dict(zip(roles, in_threads(again, roles), strict=True))
    return [
        Labelling(
            *state["strict", v],
            marginals["strict", v],
            [marginals[partner[o]] for o in state["strict", v][0]],
        )
        for v in range(n_views)
    ]
