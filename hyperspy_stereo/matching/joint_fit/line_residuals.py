"""What the residuals say about single properties of the lines, along them and view by view."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from hyperspy_stereo.matching.joint_fit.curve_basis import VERTICES
from hyperspy_stereo.matching.joint_fit.layout import along_lines, corners_in_views
from hyperspy_stereo.matching.joint_fit.normal_equations import line_sums
from hyperspy_stereo.matching.joint_fit.problem import PADDING, Scene, near_lines, transmittance
from hyperspy_stereo.matching.joint_fit.profile import REACH

__all__ = ["position_chi_square", "with_relief"]

RELIEF_LENGTH = 6.0
"""px along a line over which the contrast of a view is smooth: oscillations of 40 px pass."""
RELIEF_SIGMA = 0.3
EXPECTED = 20.0
"""Pieces with white noise that are taken as seen beforehand: a short line cannot tell 1 from 1.3,
and only what is above 1 is used."""
BY_DISTANCE, BY_GAIN = 1, 5


def with_relief(
    scene: Scene, data: np.ndarray, weight: np.ndarray, unknowns: np.ndarray, shared: np.ndarray
) -> Scene:
    """Let the contrast of each view vary along each line as the residual asks for.

    Where diffraction conditions differ, contrast oscillates with another phase in each view. It is
    even about the line, so that it hardly couples to the position: one least-squares step
    between two rounds of the fit is enough, smoothed over 6 px along the line.

    Parameters
    ----------
    scene, data, weight, unknowns, shared
        See ``problem.equations``.

    Returns
    -------
    Scene
        With another ``relief``; relief times gain has mean 1 over the views.
    """
    score, information = _sums(scene, data, weight, unknowns, shared, BY_GAIN)
    gain = scene.gain(unknowns)
    relief = np.empty(gain.shape)
    for line, (a, b) in enumerate(pairwise(scene.basis.starts)):
        sigma = RELIEF_LENGTH * VERTICES / scene.basis.spacing[line]
        # Sums, not means: the more data lie within 6 px, the less the prior matters.
        count = np.sqrt(2 * np.pi) * sigma
        sums = [count * gaussian_filter1d(x[:, a:b], sigma, axis=1) for x in (score, information)]
        precision = RELIEF_SIGMA**-2
        step = (sums[0] - (gain[:, a:b] - 1) * precision) / (sums[1] + precision)
        relief[:, a:b] = gain[:, a:b] + step
    relief = np.clip(relief / np.maximum(relief.mean(axis=0), 0.1), -1.0, 4.0)
    level = gain / scene.relief if (scene.relief != 0).all() else np.ones(gain.shape)
    return replace(scene, relief=relief / np.where(np.abs(level) < 0.1, 0.1, level))


def position_chi_square(
    scene: Scene,
    data: np.ndarray,
    weight: np.ndarray,
    unknowns: np.ndarray,
    shared: np.ndarray,
    fitted: np.ndarray,
) -> np.ndarray:
    """Reduced chi-square of what moves lines: residuals projected on a displacement.

    Errors that hang together over several pixels (rows that jumped, rests of the background)
    change the position of a line by more than its chi-square says, which counts pixels one by
    one. In pieces of one knot interval the displacement that the residual asks for, over its
    sigma, shows them.

    Parameters
    ----------
    scene, data, weight, unknowns, shared
        See ``problem.equations``.
    fitted : (L,) ndarray
        Effective number of unknowns of position (depth and offset) of each line.

    Returns
    -------
    (L,) ndarray
        1 if the noise is white and the model right.
    """
    score, information = _sums(scene, data, weight, unknowns, shared, BY_DISTANCE)
    out = np.ones(len(scene.basis))
    for line, (a, b) in enumerate(pairwise(scene.basis.starts)):
        edges = np.arange(a, b - 1, VERTICES) - a
        s = np.add.reduceat(score[:, a:b], edges, axis=1)
        i = np.add.reduceat(information[:, a:b], edges, axis=1)
        seen = i > 0.1 * np.median(i)
        count = int(seen.sum())
        if count:
            free = max(count - fitted[line], 0.25 * count)
            square = float(np.sum(s[seen] ** 2 / i[seen]))
            out[line] = (square + EXPECTED) / (free + EXPECTED)
    return out


def _sums(scene, data, weight, unknowns, shared, by) -> tuple[np.ndarray, np.ndarray]:
    """(V, N) score and information of one property."""
    depth, offset, contrast, asymmetry = along_lines(scene.basis, scene.place, unknowns)
    kappa, width = unknowns[scene.place.kappa], np.exp(unknowns[scene.place.width])
    corners = corners_in_views(scene.basis, scene.views, depth, offset, kappa, shared)
    near = near_lines(scene, corners, REACH * width + PADDING)
    model = transmittance(scene, unknowns, shared)
    score, information = np.zeros(scene.relief.shape), np.zeros(scene.relief.shape)
    line_sums(
        score, information, by, model.reshape(-1), data.reshape(-1), weight.reshape(-1),
        near.pixel, near.view, near.line, near.vertex, near.fraction, near.distance, width,
        contrast, asymmetry, scene.gain(unknowns),
    )  # fmt: skip
    return score, information
