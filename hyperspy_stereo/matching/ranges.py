"""The range of disparities, from the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_stereo.matching.belief import way_back
from hyperspy_stereo.matching.chains import Chains
from hyperspy_stereo.matching.confidence import second_best
from hyperspy_stereo.matching.cost import Lines, candidate_map
from hyperspy_stereo.matching.curve_match import MatchSettings
from hyperspy_stereo.matching.solve import solve_labels

__all__ = ["estimate_range"]

_SEARCH = 0.16
_LEAST_SINE = 0.35
_LEAST_MARGIN = 2.0
_FEWEST = 6  # matches below which the data tell no range
_MANY = 1500  # points of a view above which every other one tells as much


def estimate_range(
    strict: list,
    permissive: list,
    appearances: list,
    offsets: np.ndarray,
    shape: tuple[int, int],
    settings: MatchSettings,
) -> tuple[float, float]:
    """Range of disparities that the views themselves support.

    A coarse matching over +-16 % of the longer side, in steps of one pixel, of the points along the
    lines, every other one where there are many. Only matches that are found back from the other
    view, are clearly better than any other, and lie on lines that cross the rows have a say; the
    range is that of their bulk with a margin.

    Parameters
    ----------
    strict, permissive, appearances, offsets, settings
        As for `solve_labels`.
    shape : tuple of int
        Height and width of the views in px.

    Returns
    -------
    tuple of float
        Least and greatest disparity in px.
    """
    reach = max(np.ceil(_SEARCH * max(shape)), 6.0)
    labels = np.arange(-reach, reach + 0.5)
    if max(len(lines.chains) for lines in strict) > _MANY:
        strict, permissive = _thinned_sets(strict, permissive, shape)
        settings = _per_two_points(settings)
    solved = solve_labels(strict, permissive, appearances, offsets, labels, settings, rounds=1)
    choices = [s.marginals.argmin(1) if len(s.marginals) else np.zeros(0, int) for s in solved]
    found = []
    for v, labelling in enumerate(solved):
        chains = strict[v].chains
        hits = labelling.hits_at(choices[v])
        for o, hit, theirs in zip(labelling.views, hits, labelling.partners, strict=True):
            theirs = theirs.argmin(1) if len(theirs) else np.zeros(0, int)
            back = way_back(hit, choices[v], theirs)
            baseline = offsets[o] - offsets[v]
            sine = np.abs(baseline[0] * chains.tangent[:, 1] - baseline[1] * chains.tangent[:, 0])
            sine /= max(np.hypot(*baseline), 1e-9)
            good = (back <= 1.5) & (hit >= 0) & (sine > _LEAST_SINE) & chains.real
            good &= second_best(labelling.marginals, choices[v], 1.0) > _LEAST_MARGIN
            found.append(labels[choices[v][good]])
    values = np.concatenate(found) if found else np.zeros(0)
    if values.size < _FEWEST:
        return -reach, reach
    return _bulk(values, reach)


def _thinned_sets(strict, permissive, shape):
    """Lines of both masks with half of the points; the same objects where there is one mask."""
    thin = [_thinned(lines, shape) for lines in strict]
    if all(a is b for a, b in zip(strict, permissive, strict=True)):
        return thin, thin
    return thin, [_thinned(lines, shape) for lines in permissive]


def _thinned(lines: Lines, shape: tuple[int, int]) -> Lines:
    """Every other point of lines, the first of each among them."""
    chains = lines.chains
    if len(chains) == 0:
        return lines
    bounds = chains.bounds[:-1]
    even = (np.arange(len(chains)) - bounds[chains.line]) % 2 == 0
    # What is said of a point that goes is said of the one before it.
    joint, free_end = (
        flags | np.append(flags[1:] & ~even[1:], False) for flags in (chains.joint, chains.free_end)
    )
    thin = Chains(
        chains.points[even],
        chains.tangent[even],
        chains.line[even],
        np.append(0, np.cumsum(np.add.reduceat(even, bounds, dtype=int))),
        chains.closed,
        chains.real[even],
        free_end[even],
        joint[even],
    )
    return Lines(thin, *candidate_map(thin, shape), lines.contrast[even])


def _per_two_points(settings: MatchSettings) -> MatchSettings:
    """Settings for points that each stand for two."""
    costs = ("appearance", "descriptors", "distance", "orientation", "contrast", "belief")
    doubled = {name: 2 * getattr(settings, name) for name in (*costs, "steepest")}
    return replace(settings, **doubled)


def _bulk(values, reach):
    """Range of all but the outermost values, with a margin."""
    low, high = np.quantile(values, [0.01, 0.99])
    # Lines along the rows have no say here, though theirs may be the outermost disparities.
    margin = 4.0 + 0.25 * (high - low)
    return float(max(low - margin, -reach)), float(min(high + margin, reach))
