"""From what a network says to how often it is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["calibrated", "check_calibration", "fit_calibration"]


def calibrated(probability: np.ndarray, table: Mapping[str, Any] | None) -> np.ndarray:
    """Calibrated probabilities.

    Parameters
    ----------
    probability : array of float in [0, 1]
        What the network says.
    table : mapping, optional
        ``{"raw": [...], "right": [...]}``: a curve through these points (isotonic regression), or
        ``{"temperature": T, "bias": b}``: sigmoid(logit / T + b). None or an empty one changes
        nothing.

    Returns
    -------
    array of float32

    Raises
    ------
    ValueError
        If the table is neither.

    Examples
    --------
    >>> from hyperspy_stereo.detection.calibration import calibrated
    >>> calibrated([0.0, 0.2, 1.0], {"raw": [0.0, 0.4, 1.0], "right": [0.0, 0.8, 1.0]})
    array([0. , 0.4, 1. ], dtype=float32)
    """
    probability = np.asarray(probability, np.float32)
    table = check_calibration(table)
    if not table:
        return probability
    if "raw" in table:
        return np.interp(probability, table["raw"], table["right"]).astype(np.float32)
    kept = np.clip(probability, 1e-6, 1 - 1e-6)
    logit = np.log(kept / (1 - kept)) / table["temperature"] + table.get("bias", 0.0)
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


def check_calibration(table: Mapping[str, Any] | None) -> dict[str, Any]:
    """The table itself, or an error that says what is wrong with it.

    Raises
    ------
    ValueError
        If it is neither a growing curve within 0 to 1 nor a positive temperature.
    """
    if not table:
        return {}
    try:
        if set(table) == {"raw", "right"}:
            raw, right = (np.asarray(table[k], float) for k in ("raw", "right"))
            both = np.concatenate([raw, right])
            good = raw.ndim == 1 and raw.shape == right.shape and len(raw) > 1
            good = good and (np.diff(raw) > 0).all() and (np.diff(right) >= 0).all()
            good = good and both.min() >= 0 and both.max() <= 1
        else:
            good = set(table) <= {"temperature", "bias"} and float(table["temperature"]) > 0
            good = good and bool(np.isfinite([float(v) for v in table.values()]).all())
    except (KeyError, TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f"calibration is {table!r}; give {{'raw': [...], 'right': [...]}} with growing values "
            "from 0 to 1, or {'temperature': T, 'bias': b} with T > 0."
        )
    return dict(table)


def fit_calibration(
    probability: np.ndarray, truth: np.ndarray, n_points: int = 33
) -> dict[str, list[float]]:
    """Measure how often the network is right, as a curve that never falls.

    Parameters
    ----------
    probability : (N,) array of float in [0, 1]
        What the network says of pixels that it was not trained on.
    truth : (N,) array of bool
        Whether they are lines.
    n_points : int, default 33
        Points of the curve; evenly spaced.

    Returns
    -------
    dict
        ``{"raw": [...], "right": [...]}`` for :func:`calibrated`.

    Raises
    ------
    ValueError
        If there are not as many truths as probabilities, or all of them are alike.

    Notes
    -----
    Isotonic regression: B. Zadrozny, C. Elkan, Proc. KDD (2002) 694.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.detection.calibration import calibrated, fit_calibration
    >>> rng = np.random.default_rng(0)
    >>> said = rng.random(20000)
    >>> table = fit_calibration(said, rng.random(20000) < said**2)
    >>> bool(abs(calibrated([0.5], table)[0] - 0.25) < 0.03)
    True
    """
    from sklearn.isotonic import IsotonicRegression

    probability = np.asarray(probability, float).ravel()
    truth = np.asarray(truth, bool).ravel()
    if probability.shape != truth.shape or truth.all() or not truth.any():
        raise ValueError(
            f"{probability.size} probabilities and {truth.size} truths, of which {truth.sum()} are "
            "true: give one truth for each probability, and pixels of lines and of ground."
        )
    fit = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(probability, truth)
    raw = np.linspace(0, 1, n_points)
    # Midpoints of the steps of isotonic regression would be finer; pixels are plenty.
    right = fit.predict(raw)
    return {"raw": raw.round(6).tolist(), "right": np.maximum.accumulate(right).round(6).tolist()}
