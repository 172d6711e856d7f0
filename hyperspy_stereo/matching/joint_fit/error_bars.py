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
    "tiltless": (0.439, 0.428, 0.548, 0.229, 0.4, 0.39, 0.0),
    "tilt": (0.522, 0.618, 0.438, 0.267, 0.282, 0.109, 0.07),
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
    misfit: np.ndarray
    aligned: np.ndarray
    crossing: np.ndarray


def signs_matrix(signs: PointSigns) -> np.ndarray:
    """Columns that the logarithm of sigma is linear in.

    Parameters
    ----------
    signs : PointSigns
        Of n points.

    Returns
    -------
    (n, 7) ndarray
        1, log information, log matched, log(1 + moved / matched), log misfit (0 to 3), crossing,
        -log of the sine (0 to 3).
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
        ]
    )


def calibrated_sigma(signs: PointSigns, geometry: str) -> np.ndarray:
    """1-sigma of the disparity of refined points.

    Parameters
    ----------
    signs : PointSigns
        Of n points.
    geometry : {"tiltless", "tilt"}
        Tilting changes the contrast of lines, one exposure does not.

    Returns
    -------
    (n,) ndarray
        px of disparity.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> signs = PointSigns(0.1 * one, 0.3 * one, 0 * one, one, one, np.zeros(1, bool))
    >>> wild = PointSigns(0.1 * one, 0.3 * one, 2 * one, 5 * one, one, np.ones(1, bool))
    >>> bool(calibrated_sigma(wild, "tiltless") >= calibrated_sigma(signs, "tiltless"))
    True
    """
    exponent = signs_matrix(signs) @ np.array(CALIBRATION[geometry])
    return np.clip(np.exp(exponent), LEAST, MOST)


def fit_calibration(columns: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Weights for which errors are spread as sigma says.

    Laplace's density is fitted, whose tails are those of the errors; then all sigmas are scaled so
    that 95 % of the errors lie within two of them.

    Parameters
    ----------
    columns : (n, 7) ndarray
        As from :func:`signs_matrix`.
    error : (n,) ndarray
        px of disparity.

    Returns
    -------
    (7,) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = np.column_stack([np.ones(4000), rng.normal(size=4000), np.zeros((4000, 5))])
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
