"""Match the lines of two or more views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hyperspy_stereo.matching.appearance import (
    Described,
    described_appearance,
    prepare_appearance,
)
from hyperspy_stereo.matching.belief import BEYOND, way_back
from hyperspy_stereo.matching.chains import Chains, build_chains
from hyperspy_stereo.matching.confidence import (
    FEATURES,
    calibration_constants,
    confidence_and_sigma,
    match_features,
    second_best,
)
from hyperspy_stereo.matching.cost import Lines, candidate_map, line_contrast
from hyperspy_stereo.matching.curve_match import CurveMatch, MatchSettings, MatchStatus
from hyperspy_stereo.matching.descriptor import shipped_weights
from hyperspy_stereo.matching.grow import find_ridges, grow_mask
from hyperspy_stereo.matching.inputs import check_inputs, check_range
from hyperspy_stereo.matching.ranges import estimate_range
from hyperspy_stereo.matching.refine import (
    correlation_peak,
    fuse,
    intersect_lines,
    parabola,
    smooth_along,
)
from hyperspy_stereo.matching.solve import solve_labels
from hyperspy_stereo.matching.threads import in_threads

__all__ = ["RawMatch", "match_views", "raw_matches"]

_DOUBTFUL = 0.5
_LEAST_MET = 0.1


def match_views(
    images: np.ndarray | None,
    masks: np.ndarray,
    candidates: np.ndarray | None = None,
    offsets: np.ndarray | None = None,
    disparity_range: tuple[float, float] | None = None,
    settings: MatchSettings | None = None,
    weights: str | Path | Mapping[str, Any] | None = None,
) -> list[CurveMatch]:
    """Find the disparity of every point on the lines of two or more views.

    Lines, not pixels: candidates lie on the other view's lines, costs are minimised along each
    line by the Viterbi algorithm, and views tell one another what they found.

    Parameters
    ----------
    images : (V, H, W) ndarray or None
        Views, for their appearance; None matches by geometry only.
    masks : (V, H, W) bool ndarray
        Lines whose points are wanted: a strict detection.
    candidates : (V, H, W) bool ndarray, optional
        Lines that may be counterparts: a permissive detection. Default: ``masks``. A line that
        is missing in one strict mask gets a wrong match otherwise.
    offsets : (V, 2) ndarray, optional
        Position x, y of a feature in each view, per px of disparity. Default for two views:
        ``[[-0.5, 0], [0.5, 0]]``, so that disparity is x_right - x_left.
    disparity_range : tuple of float, optional
        Least and greatest disparity in px; what lies beyond +- the longer side is left out.
        Default: estimated from the data within +-16 % of the longer side.
    settings : MatchSettings, optional
        Weights and limits.
    weights : str, Path or mapping, optional
        Weights of the descriptor: a name, a file or a state dict; see `descriptor.describe`.
        Default: those of the package.

    Returns
    -------
    list of CurveMatch
        One per view, with points on that view's lines.

    Raises
    ------
    ValueError
        For arrays of the wrong shape, fewer than two views, offsets that do not separate the
        views, an empty range, or values that are not finite.

    References
    ----------
    G. D. Forney, Proc. IEEE 61 (1973) 268 (Viterbi algorithm).

    Examples
    --------
    >>> import numpy as np
    >>> masks = np.zeros((2, 48, 64), bool)
    >>> masks[0, 8:40, 20:23] = masks[1, 8:40, 24:27] = True
    >>> left, right = match_views(None, masks)
    >>> bool(abs(np.median(left.disparity) - 4) < 0.2)
    True
    """
    raw = raw_matches(images, masks, candidates, offsets, disparity_range, settings, weights)
    return [_calibrated(v, r) for v, r in enumerate(raw)]


def raw_matches(
    images: np.ndarray | None,
    masks: np.ndarray,
    candidates: np.ndarray | None = None,
    offsets: np.ndarray | None = None,
    disparity_range: tuple[float, float] | None = None,
    settings: MatchSettings | None = None,
    weights: str | Path | Mapping[str, Any] | None = None,
) -> list[RawMatch]:
    """Match, and give the features from which confidence and sigma are calibrated.

    Parameters and errors are those of `match_views`.

    Returns
    -------
    list of RawMatch
        One per view.
    """
    settings = settings or MatchSettings()
    images, masks, candidates, offsets = check_inputs(images, masks, candidates, offsets)
    span = None if disparity_range is None else check_range(disparity_range, masks.shape[1:])
    n_views, shape = len(masks), masks.shape[1:]
    appearances = [None] * n_views
    if images is not None:
        appearances = _appearances(images, settings, weights, offsets)
    sets = [masks]
    if candidates is not None and (candidates & ~masks).any():
        sets.append(candidates | masks)
    ridges = [None] * n_views
    if images is not None:
        ridges = in_threads(lambda appearance: find_ridges(appearance.flat), appearances)
    jobs = [job for each in sets for job in zip(each, appearances, ridges, strict=True)]
    lines = in_threads(lambda job: _lines(*job, settings), jobs)
    strict, permissive = lines[:n_views], lines[-n_views:]
    if not any(len(lines.chains) for lines in strict):
        return [_nothing(lines.chains) for lines in strict]
    if span is None:
        span = estimate_range(strict, permissive, appearances, offsets, shape, settings)
    labels = _labels(span, settings.label_step)
    learned = isinstance(appearances[0], Described)
    solved = solve_labels(strict, permissive, appearances, offsets, labels, settings)

    def finish(v):
        chains = strict[v].chains
        if len(chains) == 0:
            return _nothing(chains)
        return _finish(v, chains, permissive, solved[v], offsets, labels, settings, learned)

    return in_threads(finish, range(n_views))


def _appearances(images, settings, weights, offsets) -> list:
    """Views ready for comparison, by what the settings ask for."""
    kind = settings.descriptor
    if kind not in (None, "learned", "correlation"):
        raise ValueError(
            f'descriptor={kind!r}: choose "learned", "correlation", or None for learned '
            "descriptors where there are weights."
        )
    if kind is None:
        known = weights is not None or shipped_weights() is not None
        kind = "learned" if known else "correlation"
    if kind == "learned":
        along_rows = not np.ptp(offsets[:, 1])
        return in_threads(lambda image: described_appearance(image, weights, along_rows), images)
    return in_threads(lambda image: prepare_appearance(image, settings.window), images)


def _nothing(chains: Chains) -> RawMatch:
    return RawMatch(chains, np.zeros(0), np.zeros((0, len(FEATURES))), *np.zeros((2, 0), bool))


def _lines(detected, appearance, ridges_of_view, settings):
    mask = detected if appearance is None else grow_mask(detected, ridges_of_view)
    chains = build_chains(
        mask, detected, settings.spur, settings.bridge, settings.deflection, settings.gap
    )
    return Lines(chains, *candidate_map(chains, mask.shape), line_contrast(chains, appearance))


def _labels(span, step):
    """Labels on multiples of the step, so that whole-pixel shifts are among them."""
    first, last = np.floor(span[0] / step), np.ceil(span[1] / step)
    return step * np.arange(first, max(last, first + 2) + 1)


@dataclass(frozen=True)
class RawMatch:
    """A view's lines with their disparities, before calibration.

    Attributes
    ----------
    chains : Chains
        The lines.
    disparity : (N,) ndarray
        px.
    features : (N, F) ndarray
        See `match_features`.
    outside : (N,) bool ndarray
        Points whose counterpart leaves every other view.
    alone : (N,) bool ndarray
        Points of lines that meet hardly any line in the other views.
    learned : bool
        Whether learned descriptors were compared.
    """

    chains: Chains
    disparity: np.ndarray
    features: np.ndarray
    outside: np.ndarray
    alone: np.ndarray
    learned: bool = False


def _finish(v, chains, permissive, labelling, offsets, labels, settings, learned) -> RawMatch:
    rows = np.arange(len(chains))
    choice = labelling.marginals.argmin(1)
    start = parabola(labelling.marginals, choice, labels)
    hits = labelling.hits_at(choice)
    baselines = [offsets[o] - offsets[v] for o in labelling.views]
    others = [permissive[o].chains for o in labelling.views]
    partners = list(zip(hits, others, baselines, strict=True))
    crossing, sine2 = intersect_lines(chains, start, partners)
    correlation = labelling.correlation
    if correlation:
        peak, sharpness = correlation_peak(correlation, choice, labels)
        at_choice = np.mean([np.nan_to_num(c[rows, choice]) for c in correlation], axis=0)
    else:
        peak, sharpness = start, np.full(len(chains), 0.4)
        at_choice = np.zeros(len(chains))
    across = [
        np.abs(b[0] * chains.tangent[:, 1] - b[1] * chains.tangent[:, 0]) / np.hypot(*b)
        for b in baselines
    ]
    sine = np.max(across, axis=0)
    value, weight = fuse(chains, start, crossing, sine2, peak, sharpness, sine)
    weight = weight * np.where(chains.real, 1.0, 0.1)
    disparity, support = smooth_along(chains, value, weight)
    step = settings.label_step
    back, partner_gap = _agreement(labelling, hits, choice, step)
    outside = (hits == BEYOND).all(0)
    features = match_features(
        chains,
        second_best(labelling.marginals, choice, step),
        back,
        (hits >= 0).mean(0),
        sine,
        labelling.unary,
        choice,
        at_choice,
        partner_gap,
        value - disparity,
        support,
        outside,
        bool(correlation),
    )
    met = (hits >= 0).any(0)
    share = np.add.reduceat(met.astype(float), chains.bounds[:-1]) / np.diff(chains.bounds)
    alone = (share < _LEAST_MET)[chains.line]
    return RawMatch(chains, disparity, features, outside, alone, learned)


def _agreement(labelling, hits, choice, step):
    """Left-right difference in px, and how sure the points that were hit are of themselves."""
    back, partner_gap = np.full(len(choice), np.inf), np.zeros(len(choice))
    for hit, marginals in zip(hits, labelling.partners, strict=True):
        if len(marginals) == 0:
            continue
        theirs = marginals.argmin(1)
        back = np.minimum(back, step * way_back(hit, choice, theirs))
        gap = second_best(marginals, theirs, step)[np.maximum(hit, 0)]
        partner_gap = np.maximum(partner_gap, np.where(hit >= 0, gap, 0.0))
    return back, partner_gap


def _calibrated(v: int, raw: RawMatch) -> CurveMatch:
    chains = raw.chains
    if len(chains) == 0:
        return CurveMatch.empty(v)
    confidence, sigma = confidence_and_sigma(raw.features, calibration_constants(raw.learned))
    status = np.full(len(chains), MatchStatus.MATCHED, np.uint8)
    if not raw.features[0, FEATURES.index("images")]:
        # Without images nothing at all speaks for a line that meets no other.
        confidence = np.where(raw.alone, 0.0, confidence)
    status[(confidence < _DOUBTFUL) | raw.alone] = MatchStatus.UNMATCHED
    status[raw.outside] = MatchStatus.OUT_OF_VIEW
    status[~chains.real] = MatchStatus.NOT_REAL
    keep = _between_detections(chains)
    return CurveMatch(
        v,
        chains.points[keep],
        raw.disparity[keep],
        sigma[keep],
        confidence[keep],
        chains.line[keep].astype(np.int64),
        status[keep],
    )


def _between_detections(chains: Chains) -> np.ndarray:
    """All points but what was grown beyond the last detected point of a line."""
    keep = np.ones(len(chains), bool)
    for a, b in pairwise(chains.bounds):
        seen = np.nonzero(chains.real[a:b])[0]
        keep[a : a + seen[0]] = False
        keep[a + seen[-1] + 1 : b] = False
    return keep
