"""Sigma of a refined depth: from what the fit knows of each point, calibrated on simulated scenes.

The information matrix tells how well the pattern of a line fixes its depth if that pattern is
the same in all views. Where it is not (contrast that shifts, neighbours at another depth, a match
with the wrong line) the error is larger, and there are signs of it: a misfit above the counting
noise, a fit far from the match, an unsure match, a crossing, a line along the parallax. Their
logarithms are weighted so that errors of simulated scenes are as large as they are said to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CALIBRATION", "PointSigns", "calibrated_sigma", "fit_calibration", "signs_matrix"]

CALIBRATION = {
    "tiltless": (0.433, 0.527, 0.407, 0.137, 0.257, 0.323, 0.02, 0.098),
    "tilt": (0.274, 0.576, 0.368, 0.185, 0.199, 0.0, 0.119, 0.193),
    "many views": (0.645, 0.583, 0.415, 0.158, 0.155, 0.338, 0.0, 0.164),
}
"""Weights of :func:`signs_matrix`; from ``python benchmarks/joint_fit.py --calibrate``."""
LEAST, MOST = 0.03, 3.0
"""px of disparity; no scene tells less than the first, and beyond the second a match is wrong."""


@dataclass(frozen=True, eq=False)
class PointSigns:
    """What speaks for the error of n refined points, lengths in px of disparity.

    Attributes
    ----------
    information : (n,) ndarray
        1-sigma of the information matrix.
    matched : (n,) ndarray
        1-sigma of the match.
    moved : (n,) ndarray
        How far the fit is from the match.
    apart : (n,) ndarray
        How far the fits from the match and from a sweep over all depths are from each other.
    misfit : (n,) ndarray
        Standard deviation of what the views do not share over that of the counting noise.
    aligned : (n,) ndarray
        |n.t|: sine of the angle between line and parallax.
    crossing : (n,) bool ndarray
        Another line lies near.
    """

    information: np.ndarray
    matched: np.ndarray
    moved: np.ndarray
    apart: np.ndarray
    misfit: np.ndarray
    aligned: np.ndarray
    crossing: np.ndarray


APART = 0.1
"""px of disparity within which two fits are the same."""


def signs_matrix(signs: PointSigns) -> np.ndarray:
    """Columns that the logarithm of sigma is linear in.

    Parameters
    ----------
    signs : PointSigns
        Of n points.

    Returns
    -------
    (n, 8) ndarray
        1, log information, log matched, log(1 + moved / matched), log misfit (0 to 3), crossing,
        -log of the sine (0 to 3), log(1 + apart / 0.1 px).
    """
    return np.column_stack(
        [
            np.ones(len(signs.matched)),
            np.log(np.clip(signs.information, LEAST, MOST)),
            np.log(np.clip(signs.matched, LEAST, MOST)),
            np.log1p(signs.moved / np.maximum(signs.matched, LEAST)),
            np.clip(np.log(np.maximum(signs.misfit, 1.0)), 0.0, 3.0),
            signs.crossing.astype(float),
            np.clip(-np.log(np.maximum(signs.aligned, 1e-3)), 0.0, 3.0),
            np.log1p(signs.apart / APART),
        ]
    )


def calibrated_sigma(signs: PointSigns, kind: str) -> np.ndarray:
    """1-sigma of the disparity of refined points.

    Parameters
    ----------
    signs : PointSigns
        Of n points.
    kind : {"tiltless", "tilt", "many views"}
        Tilting changes the contrast of lines, one exposure does not; of that two views, or more.

    Returns
    -------
    (n,) ndarray
        px of disparity.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> signs = PointSigns(0.1 * one, 0.3 * one, 0 * one, 0 * one, one, one, np.zeros(1, bool))
    >>> wild = PointSigns(0.1 * one, 0.3 * one, 2 * one, 2 * one, 5 * one, one, np.ones(1, bool))
    >>> bool(calibrated_sigma(wild, "tiltless") >= calibrated_sigma(signs, "tiltless"))
    True
    """
    exponent = signs_matrix(signs) @ np.array(CALIBRATION[kind])
    return np.clip(np.exp(exponent), LEAST, MOST)


def fit_calibration(columns: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Weights for which errors are spread as sigma says.

    Laplace's density is fitted, whose tails are those of the errors; then all sigmas are scaled so
    that 95 % of the errors lie within two of them.

    Parameters
    ----------
    columns : (n, 8) ndarray
        As from :func:`signs_matrix`.
    error : (n,) ndarray
        px of disparity.

    Returns
    -------
    (8,) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = np.column_stack([np.ones(4000), rng.normal(size=4000), np.zeros((4000, 6))])
    >>> weights = fit_calibration(x, rng.normal(size=4000) * np.exp(x[:, 1]))
    >>> bool(abs(weights[0]) < 0.1 and abs(weights[1] - 1) < 0.1)
    True
    """
    from scipy.optimize import minimize

    size = np.maximum(np.abs(error), 1e-3)

    def cost(weights: np.ndarray) -> float:
        exponent = columns @ weights
        return float(np.mean(exponent + size * np.exp(-exponent)) + 1e-3 * weights @ weights)

    # No sign may make an error smaller than without it, and more information not larger.
    bounds = [(None, None)] + [(0.0, None)] * (columns.shape[1] - 1)
    start = np.zeros(columns.shape[1])
    weights = minimize(cost, start, method="L-BFGS-B", bounds=bounds).x
    weights[0] += np.log(np.quantile(size * np.exp(-columns @ weights), 0.95) / 2)
    return weights
