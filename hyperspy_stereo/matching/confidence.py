"""Calibrated confidence and sigma of every point.

A small network looks at how a match came about. Its constants are in ``calibration.json`` for
matches by correlation or by geometry alone, and in ``calibration_learned.json`` for matches by
learned descriptors; each file says what command made it, on simulated scenes that nothing else
uses.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from itertools import pairwise

import numpy as np
from scipy.ndimage import uniform_filter1d

from hyperspy_stereo.matching.chains import Chains

__all__ = [
    "FEATURES",
    "LEARNED",
    "calibration_constants",
    "confidence_and_sigma",
    "match_features",
    "mean_along",
    "second_best",
]

#: File of the constants for learned descriptors.
LEARNED = "calibration_learned.json"

#: Columns of `match_features`.
FEATURES = (
    "gap",
    "gap_along",
    "back",
    "back_along",
    "hits",
    "sine",
    "cost",
    "rivals",
    "correlation",
    "partner_gap",
    "residual",
    "weight",
    "length",
    "real",
    "outside",
    "labels",
    "images",
    "edge",
)
_FAR = 3.0
_MOST_GAP = 40.0
_SIGMA_RANGE = (0.03, 3.0)


def mean_along(chains: Chains, value: np.ndarray, size: int = 21) -> np.ndarray:
    """Running mean along each line over ``size`` points."""
    out = np.empty(len(value))
    for a, b in pairwise(chains.bounds):
        out[a:b] = uniform_filter1d(np.asarray(value[a:b], float), size, mode="nearest")
    return out


def second_best(marginals: np.ndarray, choice: np.ndarray, step: float) -> np.ndarray:
    """Cost of the best label more than 3 px away from the chosen one, at most 40.

    Parameters
    ----------
    marginals : (N, L) ndarray
        Min-marginals.
    choice : (N,) int ndarray
        Chosen labels.
    step : float
        Label spacing in px.

    Returns
    -------
    (N,) ndarray
    """
    away = np.abs(np.arange(marginals.shape[1]) - choice[:, None]) * step > _FAR
    return np.minimum(np.where(away, marginals, _MOST_GAP).min(1), _MOST_GAP)


def match_features(
    chains: Chains,
    gap: np.ndarray,
    back: np.ndarray,
    hits: np.ndarray,
    sine: np.ndarray,
    unary: np.ndarray,
    choice: np.ndarray,
    correlation: np.ndarray,
    partner_gap: np.ndarray,
    residual: np.ndarray,
    weight: np.ndarray,
    outside: np.ndarray,
    images: bool,
) -> np.ndarray:
    """How each match came about, as numbers of order one.

    Parameters
    ----------
    chains : Chains
        Lines of the view.
    gap, partner_gap : (N,) ndarray
        Cost of the second best label, here and at the point that was hit (see `second_best`).
    back : (N,) ndarray
        Left-right difference in px.
    hits : (N,) ndarray
        Share of the other views in which the match meets a line.
    sine : (N,) ndarray
        Sine between line and baseline.
    unary : (N, L) ndarray
        Costs before the chain.
    choice : (N,) int ndarray
        Chosen labels.
    correlation : (N,) ndarray
        Correlation at the choice, 0 without images.
    residual : (N,) ndarray
        Difference between measured and smoothed disparity in px.
    weight : (N,) ndarray
        Weight of the measurement.
    outside : (N,) bool ndarray
        Choices that leave every other view.
    images : bool
        Whether appearance was used.

    Returns
    -------
    (N, F) float ndarray
        Columns as in ``FEATURES``.
    """
    rows = np.arange(len(chains))
    cost = unary[rows, choice]
    rivals = (unary < cost[:, None] + 0.7).mean(1)
    back = np.minimum(np.nan_to_num(back, posinf=8.0), 8.0)
    size = np.diff(chains.bounds)[chains.line]
    edge = (choice < 2) | (choice > unary.shape[1] - 3)
    columns = (
        np.log1p(gap),
        mean_along(chains, np.log1p(gap)),
        np.log1p(back),
        mean_along(chains, np.log1p(back)),
        hits,
        sine,
        mean_along(chains, cost, 9),
        rivals,
        mean_along(chains, correlation, 9),
        np.log1p(partner_gap),
        np.log1p(np.abs(residual)),
        mean_along(chains, np.log(weight + 0.01), 9),
        np.log(size),
        chains.real,
        outside,
        np.full(len(rows), np.log(unary.shape[1])),
        np.full(len(rows), float(images)),
        edge,
    )
    return np.column_stack([np.asarray(c, float) for c in columns])


@cache
def calibration_constants(learned: bool = False) -> dict:
    """Constants that come with the package.

    Parameters
    ----------
    learned : bool, default False
        For matches by learned descriptors, if there are constants for these.

    Returns
    -------
    dict
    """
    folder = resources.files("hyperspy_stereo.matching")
    source = folder / LEARNED
    if not (learned and source.is_file()):
        source = folder / "calibration.json"
    return json.loads(source.read_text())


def _network(constants: dict, x: np.ndarray) -> np.ndarray:
    layers = constants["layers"]
    for i, (weights, bias) in enumerate(layers):
        x = x @ np.asarray(weights) + np.asarray(bias)
        if i < len(layers) - 1:
            x = np.maximum(x, 0.0)
    return x[:, 0]


def confidence_and_sigma(
    features: np.ndarray, constants: dict | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated confidence and sigma.

    Parameters
    ----------
    features : (N, F) ndarray
        From `match_features`.
    constants : dict, optional
        Calibration; default that of the package for correlation, `calibration_constants`.

    Returns
    -------
    confidence : (N,) ndarray
        Probability that the error is at most 3 px, 0-1.
    sigma : (N,) ndarray
        Standard deviation of the disparity in px, given that the match is right.
    """
    if len(features) == 0:
        return np.zeros(0), np.zeros(0)
    constants = calibration_constants() if constants is None else constants
    x = (features - np.asarray(constants["mean"])) / np.asarray(constants["scale"])
    x = np.clip(x, -4, 4)
    score = _network(constants["right"], x)
    confidence = np.interp(score, constants["right"]["score"], constants["right"]["probability"])
    log_error = _network(constants["sigma"], x)
    sigma = np.interp(log_error, constants["sigma"]["score"], constants["sigma"]["sigma"])
    return confidence, np.clip(sigma, *_SIGMA_RANGE)
