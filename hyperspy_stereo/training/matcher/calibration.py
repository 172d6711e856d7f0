"""Constants of the curve matcher's confidence and sigma, from scenes that nothing else uses.

``python -m hyperspy_stereo.training calibrate-matcher``
"""

from __future__ import annotations

import itertools
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage as ndi
from sklearn.exceptions import ConvergenceWarning
from sklearn.isotonic import IsotonicRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from hyperspy_stereo.matching import confidence
from hyperspy_stereo.matching.curve_match import MatchSettings
from hyperspy_stereo.matching.matcher import RawMatch, raw_matches
from hyperspy_stereo.simulation.geometric.curves import ARRANGEMENTS
from hyperspy_stereo.simulation.geometric.scenes import (
    CALIBRATION_SEEDS,
    NOISE_LEVELS,
    erase_pieces,
    stereo_scene,
)
from hyperspy_stereo.training.evaluation.systems import (
    Weights,
    best_detector,
    detect,
    thresholds_of,
)
from hyperspy_stereo.training.recipe.pairs import pair_sample
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, IGNORE, LINE
from hyperspy_stereo.training.seeds import CALIBRATION

__all__ = ["Collected", "calibrate", "collect", "errors_of", "fit_constants", "rough_mask"]

LOGGER = logging.getLogger(__name__)
FOLDER = Path(confidence.__file__).parent
FILES = {"correlation": "calibration.json", "learned": confidence.LEARNED}
FIRST = 1000  # of the calibration seeds: those before belong to the detector
SIDE = 384  # px
RIGHT = 3.0  # px, error up to which a match is right
REACH = 2.0  # px from a line within which a point lies on it
THIN = 3  # every third point: neighbours tell the same


@dataclass(frozen=True)
class Collected:
    """Points of matches with what is true about them.

    Attributes
    ----------
    features : (N, F) ndarray
        See `confidence.match_features`.
    errors : (N,) ndarray
        Disparity minus the true one, px.
    scenes : (N,) int ndarray
        Scene of each point.
    """

    features: np.ndarray
    errors: np.ndarray
    scenes: np.ndarray


@dataclass(frozen=True, eq=False)
class _Case:
    """Views and masks to match, and the truth; images None for geometry alone."""

    images: np.ndarray | None
    masks: np.ndarray
    candidates: np.ndarray | None
    lines: np.ndarray
    scored: np.ndarray
    disparity: np.ndarray


def rough_mask(mask: np.ndarray, seed: int, amplitude: float = 0.8) -> np.ndarray:
    """Displace a mask by a smooth random field, as an unsteady hand or detector would."""
    rng = np.random.default_rng(seed)
    field = np.stack([ndi.gaussian_filter(rng.normal(size=mask.shape), 5) for _ in range(2)])
    field *= amplitude / field.std()
    grid = np.mgrid[: mask.shape[0], : mask.shape[1]] + field
    return ndi.map_coordinates(mask.astype(float), grid, order=1, mode="nearest") > 0.5


def _each(function, masks, seed):
    return np.stack([function(mask, seed + view) for view, mask in enumerate(masks)])


def _masks(images, lines, turn, seed, weights) -> tuple[np.ndarray, np.ndarray | None]:
    """Strict and permissive masks: three times of four detected, else drawn with faults."""
    kind = turn % 8
    if kind == 3:
        return _each(lambda m, s: erase_pieces(m, 0.2, s), lines, seed), None
    if kind == 7:
        return _each(rough_mask, lines, seed), None
    name = best_detector(weights)
    found = np.stack([detect(name, image, weights)[0] for image in images])
    strict, permissive = thresholds_of(name, weights)
    return found > strict, found > permissive


def _drawn_cases(renderer: str, count: int, data: Path, weights: Weights) -> Iterator[_Case]:
    """Physical or painted scenes, recorded at random as for training."""
    from hyperspy_stereo.training.detector.validation import stored_scene
    from hyperspy_stereo.training.recipe.shards import renderer_of

    for turn in range(count):
        seed = CALIBRATION[FIRST + turn]
        scene = stored_scene(renderer_of(renderer), seed, SIDE, data / "calibration")
        rng = np.random.default_rng([seed, 3])
        images, label, disparity = pair_sample(scene, rng, SIDE, SIDE, misalignment=0.5)
        lines = (label & LINE) > 0
        scored = lines & ((label & (AMBIGUOUS | IGNORE)) == 0)
        masks, candidates = _masks(images, lines, turn, seed, weights)
        yield _Case(images, masks, candidates, lines, scored, disparity)


def _geometric_cases(count: int, weights: Weights, with_images: bool = True) -> Iterator[_Case]:
    kinds = list(ARRANGEMENTS)
    for turn, seed in enumerate(CALIBRATION_SEEDS[:count]):
        rng = np.random.default_rng(seed + 1_000_000)
        noise = int(rng.integers(len(NOISE_LEVELS)))
        kind = kinds[rng.integers(len(kinds))]
        scene = stereo_scene(seed, rng.uniform(2, 12), noise, kind, shift=rng.uniform(-8, 8))
        scored = np.isfinite(scene.disparity) & ~scene.ambiguous
        masks, candidates = scene.masks, None
        if not with_images:
            yield _Case(None, masks, None, scene.masks, scored, scene.disparity)
            continue
        if turn % 4:
            masks, candidates = _masks(scene.images, scene.masks, turn, seed, weights)
        yield _Case(scene.images, masks, candidates, scene.masks, scored, scene.disparity)


def errors_of(
    raw: RawMatch, lines: np.ndarray, scored: np.ndarray, disparity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Error of each point of a view, and whether it counts.

    Parameters
    ----------
    raw : RawMatch
        Of one view.
    lines, scored : (H, W) bool ndarray
        Pixels of true lines, and those of them that have one known disparity.
    disparity : (H, W) ndarray
        True disparity in px on lines.

    Returns
    -------
    error : (N,) ndarray
        px, of all points; without meaning where they do not count.
    use : (N,) bool ndarray
        Points within 2 px of a scored pixel and of no other line.
    """
    height, width = lines.shape
    x, y = np.round(raw.chains.points).astype(int).T
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    if not lines.any():
        return np.zeros(len(x)), np.zeros(len(x), bool)
    distance, nearest = ndi.distance_transform_edt(~lines, return_indices=True)
    row, column = nearest[0][y, x], nearest[1][y, x]
    truth = disparity[row, column]
    use = (distance[y, x] <= REACH) & scored[row, column] & np.isfinite(truth)
    return raw.disparity - truth, use


def collect(
    kind: str, scenes: int = 40, data: str | Path = "training_data", weights: Weights | None = None
) -> Collected:
    """Match calibration scenes and note how each point came about and how wrong it is.

    A third each of physical, painted and geometric scenes; masks are mostly detected, by the
    network where there is one.

    Parameters
    ----------
    kind : {"learned", "correlation"}
        How surroundings are compared.
    scenes : int, default 40
        Scenes of each sort.
    data : str or Path
        Data folder; drawn scenes are kept there.
    weights : Weights, optional
        Of the networks; default those that come with the package.

    Returns
    -------
    Collected
    """
    weights = weights or Weights()
    cases = [
        _drawn_cases("physical", scenes, Path(data), weights),
        _drawn_cases("painted", scenes, Path(data), weights),
        _geometric_cases(scenes, weights),
    ]
    if kind == "correlation":
        cases.append(_geometric_cases(scenes // 2, weights, with_images=False))
    settings = MatchSettings(descriptor=kind)
    descriptor = weights.matcher if kind == "learned" else None
    features, errors, numbers = [], [], []
    for number, case in enumerate(itertools.chain(*cases)):
        found = raw_matches(
            case.images, case.masks, case.candidates, settings=settings, weights=descriptor
        )
        for view, raw in enumerate(found):
            error, use = errors_of(raw, case.lines[view], case.scored[view], case.disparity[view])
            features.append(raw.features[use][::THIN])
            errors.append(error[use][::THIN])
            numbers.append(np.full(len(errors[-1]), number))
        if number % 10 == 9:
            LOGGER.info("matched %d scenes", number + 1)
    return Collected(np.concatenate(features), np.concatenate(errors), np.concatenate(numbers))


def calibrate(
    kind: str,
    scenes: int = 40,
    data: str | Path = "training_data",
    weights: Weights | None = None,
    to: str | Path = FOLDER,
) -> dict[str, Any]:
    """Fit the constants for one way of comparing and write them.

    Parameters
    ----------
    kind : {"learned", "correlation"}
        How surroundings are compared.
    scenes, data, weights
        See `collect`.
    to : str or Path, optional
        Folder; by default that of the package's constants.

    Returns
    -------
    dict
        The constants.

    Raises
    ------
    ValueError
        For another kind.
    """
    if kind not in FILES:
        raise ValueError(f"kind={kind!r}: choose 'learned' or 'correlation'.")
    points = collect(kind, scenes, data, weights)
    command = f"python -m hyperspy_stereo.training calibrate-matcher --kind {kind}"
    constants = {"made_by": f"{command} --scenes {scenes}", **fit_constants(points)}
    target = Path(to) / FILES[kind]
    target.write_text(json.dumps(constants) + "\n")
    wrong = np.abs(points.errors) > RIGHT
    LOGGER.info("%d points, %.2f %% wrong -> %s", len(wrong), 100 * wrong.mean(), target.name)
    return constants


def fit_constants(points: Collected) -> dict[str, Any]:
    """Fit the probability of a right match, and sigma.

    Two small networks; what they say is turned into a probability (isotonic) and a deviation by
    scores of points whose scene was held back from the fit.

    Parameters
    ----------
    points : Collected
        Of at least four scenes.

    Returns
    -------
    dict
        As `confidence.confidence_and_sigma` takes it.
    """
    features, errors, scenes = points.features, points.errors, points.scenes
    mean, scale = features.mean(0), features.std(0) + 1e-3
    x = np.clip((features - mean) / scale, -4, 4)
    right = np.abs(errors) <= RIGHT
    score = _out_of_fold(_classifier, x, right, scenes, _logit)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(score, right)
    order = np.argsort(score)
    knots = _knots(score[order], isotonic.predict(score[order]))
    log_error = np.log(np.abs(errors[right]) + 0.02)
    spread = _out_of_fold(
        _regressor, x[right], log_error, scenes[right], lambda model, rows: model.predict(rows)
    )
    sigma = _sigma_table(spread, errors[right])
    return {
        "features": list(confidence.FEATURES),
        "mean": np.round(mean, 5).tolist(),
        "scale": np.round(scale, 5).tolist(),
        "right": {
            "layers": _layers(_fitted(_classifier(), x, right)),
            "score": knots[0],
            "probability": knots[1],
        },
        "sigma": {
            "layers": _layers(_fitted(_regressor(), x[right], log_error)),
            "score": sigma[0],
            "sigma": sigma[1],
        },
    }


def _classifier():
    return MLPClassifier((16, 8), alpha=3.0, max_iter=24, random_state=0)


def _regressor():
    return MLPRegressor(hidden_layer_sizes=(16, 8), alpha=3.0, max_iter=24, random_state=0)


def _fitted(model, x, target):
    with warnings.catch_warnings():
        # Few iterations on purpose: they keep the networks from learning the scenes by heart.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, target)


def _logit(model, rows):
    p = np.clip(model.predict_proba(rows)[:, 1], 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def _layers(model):
    return [
        [np.round(w, 4).tolist(), np.round(b, 4).tolist()]
        for w, b in zip(model.coefs_, model.intercepts_, strict=True)
    ]


def _out_of_fold(make, x, target, scenes, predict):
    """Scores of points by models that have not seen their scene."""
    out = np.empty(len(x))
    for fold in range(4):
        held = scenes % 4 == fold
        if held.any():
            out[held] = predict(_fitted(make(), x[~held], target[~held]), x[held])
    return out


def _knots(score, value, n=24):
    """Piecewise linear table of a monotone fit."""
    at = np.quantile(score, np.linspace(0.002, 0.998, n))
    at = np.unique(np.round(at, 4))
    return at.tolist(), np.round(np.interp(at, score, value), 4).tolist()


def _sigma_table(spread, errors, n=16):
    """Sigma against predicted log error.

    Errors have longer tails than a Gaussian, so no sigma suits both their bulk and their mean
    square; this weighted mean of the robust and the plain deviation is within 20 % of either.
    """
    edges = np.quantile(spread, np.linspace(0, 1, n + 1))
    at, sigma = [], []
    for low, high in itertools.pairwise(edges):
        inside = (spread >= low) & (spread <= high)
        robust = 1.4826 * np.median(np.abs(errors[inside]))
        plain = np.sqrt(np.mean(errors[inside] ** 2))
        at.append(float(np.median(spread[inside])))
        sigma.append(float(robust**0.7 * plain**0.3))
    sigma = np.maximum.accumulate(np.array(sigma))
    return np.round(at, 4).tolist(), np.round(sigma, 4).tolist()
