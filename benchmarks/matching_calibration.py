"""Constants of the matcher's confidence and sigma, from simulated scenes.

Called by ``python benchmarks/matching.py --calibrate``. The scenes (``CALIBRATION_SEEDS``) are
none of the benchmark's. Masks come complete, with pieces erased, with whole stretches missing,
and rough, with images and without, so that the constants hold for detections too.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from sklearn.isotonic import IsotonicRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from hyperspy_stereo.matching import confidence
from hyperspy_stereo.matching.matcher import raw_matches
from hyperspy_stereo.simulation.geometric.curves import ARRANGEMENTS
from hyperspy_stereo.simulation.geometric.scenes import (
    CALIBRATION_SEEDS,
    NOISE_LEVELS,
    erase_pieces,
    stereo_scene,
)

TARGET = Path(confidence.__file__).with_name("calibration.json")


def rough_mask(mask: np.ndarray, seed: int, amplitude: float = 0.8) -> np.ndarray:
    """Displace a mask by a smooth random field, as an unsteady hand or detector would."""
    rng = np.random.default_rng(seed)
    field = np.stack([gaussian_filter(rng.normal(size=mask.shape), 5) for _ in range(2)])
    field *= amplitude / field.std()
    grid = np.mgrid[: mask.shape[0], : mask.shape[1]] + field
    return map_coordinates(mask.astype(float), grid, order=1, mode="nearest") > 0.5


def _variant(scene, seed):
    """Images and masks of one calibration run."""
    masks, images = scene.masks, scene.images
    kind = seed % 6
    if kind in (1, 2):
        masks = np.stack([erase_pieces(m, 0.2, seed + v) for v, m in enumerate(masks)])
    elif kind == 3:
        masks = np.stack([rough_mask(m, seed + v) for v, m in enumerate(masks)])
    elif kind == 4:
        wide = (20, 60)
        masks = np.stack([erase_pieces(m, 0.25, seed + v, wide) for v, m in enumerate(masks)])
    elif kind == 5:
        images = None
    return images, masks


def collect() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, errors in px, and scene of the chain points of all calibration scenes."""
    features, errors, scenes = [], [], []
    kinds = list(ARRANGEMENTS)
    for n, seed in enumerate(CALIBRATION_SEEDS):
        rng = np.random.default_rng(seed + 1_000_000)
        scene = stereo_scene(
            seed,
            rng.uniform(2, 12),
            int(rng.integers(len(NOISE_LEVELS))),
            kinds[rng.integers(len(kinds))],
            shift=rng.uniform(-8, 8),
        )
        images, masks = _variant(scene, n)
        for v, raw in enumerate(raw_matches(images, masks)):
            x, y = np.clip(np.round(raw.chains.points).astype(int).T, 0, 511)
            truth = scene.disparity[v][y, x]
            use = np.isfinite(truth) & ~scene.ambiguous[v][y, x]
            features.append(raw.features[use])
            errors.append((raw.disparity - truth)[use])
            scenes.append(np.full(use.sum(), n))
    return np.concatenate(features), np.concatenate(errors), np.concatenate(scenes)


def _layers(model):
    return [
        [np.round(w, 4).tolist(), np.round(b, 4).tolist()]
        for w, b in zip(model.coefs_, model.intercepts_, strict=True)
    ]


def _out_of_fold(make, x, target, scenes, predict):
    """Scores of points by models that have not seen their scene."""
    out = np.empty(len(x))
    for k in range(4):
        held = scenes % 4 == k
        out[held] = predict(make().fit(x[~held], target[~held]), x[held])
    return out


def _knots(score, value, n=24):
    """Piecewise linear table of a monotone fit."""
    at = np.quantile(score, np.linspace(0.002, 0.998, n))
    at = np.unique(np.round(at, 4))
    return at.tolist(), np.round(np.interp(at, score, value), 4).tolist()


def calibrate(progress=print) -> dict:
    """Fit the constants and write them beside the package's ``confidence`` module."""
    # Neighbouring points tell the same: every third is enough.
    features, errors, scenes = (a[::3] for a in collect())
    mean, scale = features.mean(0), features.std(0) + 1e-3
    x = np.clip((features - mean) / scale, -4, 4)
    right = np.abs(errors) <= 3

    def classifier():
        return MLPClassifier((16, 8), alpha=3.0, max_iter=24, random_state=0)

    def regressor():
        return MLPRegressor(hidden_layer_sizes=(16, 8), alpha=3.0, max_iter=24, random_state=0)

    def logit(model, rows):
        p = np.clip(model.predict_proba(rows)[:, 1], 1e-6, 1 - 1e-6)
        return np.log(p / (1 - p))

    score = _out_of_fold(classifier, x, right, scenes, logit)
    iso = IsotonicRegression(out_of_bounds="clip").fit(score, right)
    order = np.argsort(score)
    table = _knots(score[order], iso.predict(score[order]))
    final = classifier().fit(x, right)

    good, log_error = right, np.log(np.abs(errors) + 0.02)
    spread = _out_of_fold(
        regressor, x[good], log_error[good], scenes[good], lambda m, rows: m.predict(rows)
    )
    sigma_table = _sigma_table(spread, errors[good])
    constants = {
        "features": list(confidence.FEATURES),
        "made_by": "python benchmarks/matching.py --calibrate",
        "mean": np.round(mean, 5).tolist(),
        "scale": np.round(scale, 5).tolist(),
        "right": {"layers": _layers(final), "score": table[0], "probability": table[1]},
        "sigma": {
            "layers": _layers(regressor().fit(x[good], log_error[good])),
            "score": sigma_table[0],
            "sigma": sigma_table[1],
        },
    }
    TARGET.write_text(json.dumps(constants) + "\n")
    progress(f"{len(errors)} points, {100 * (~right).mean():.2f} % above 3 px -> {TARGET.name}")
    return constants


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
