"""Fitted lines seen from anywhere: predicted views, and what a view has beyond the prediction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.incidence import as_incidence
from hyperspy_stereo.matching.joint_fit.fitted_curves import FittedCurves
from hyperspy_stereo.matching.joint_fit.layout import layout, view_geometry
from hyperspy_stereo.matching.joint_fit.normalise import as_variance, as_views, normalised
from hyperspy_stereo.matching.joint_fit.problem import Scene, transmittance

__all__ = ["predicted_views", "residual_views"]

SAME = 1e-6
"""mrad: a view with this incidence is the one that was fitted."""


def predicted_views(fitted: FittedCurves, incidence: ArrayLike | None = None) -> np.ndarray:
    """Views of the fitted lines, without background.

    Parameters
    ----------
    fitted : FittedCurves
        Lines.
    incidence : array-like of shape (V, 2), optional
        mrad; default the views that were fitted. Those have their own gains and shifts; any other
        view gets gain 1 and no shift.

    Returns
    -------
    (V, H, W) float64 ndarray
        Transmittance: 1 where no line is.

    Raises
    ------
    ValueError
        If incidences are not valid.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.matching.joint_fit import fit_curves
    >>> y, x = np.mgrid[:32, :32]
    >>> view = 100 - 30 * np.exp(-0.5 * ((x - 16) / 2) ** 2)
    >>> line = [[16, 4, 0.0], [16, 28, 0.0]]
    >>> fit = fit_curves([view, view], [[50, 0], [-50, 0]], [line], variance=1.0)
    >>> bool(abs(predicted_views(fit, [[0, 0]])[0, 16, 16] - 0.7) < 0.02)
    True
    """
    theta = fitted.incidence if incidence is None else as_incidence(incidence)
    seen = view_geometry(
        theta,
        fitted.projection.geometry,
        centre=fitted.projection.centre,
        reference=fitted.projection.reference,
        parallax_azimuth=fitted.projection.parallax_azimuth,
    )
    old, basis = fitted.scene.place, fitted.scene.basis
    new = layout(basis, len(theta))
    away = np.abs(theta[:, None] - fitted.incidence[None]).max(axis=2)
    twin, known = away.argmin(axis=1), away.min(axis=1) < SAME
    unknowns = np.empty(new.starts[-1])
    for line in range(len(basis)):
        # What stands before the gains is the same for any number of views.
        end_new, end_old = new.gains[line, 0], old.gains[line, 0]
        unknowns[new.starts[line] : end_new] = fitted.unknowns[old.starts[line] : end_old]
        gains = fitted.unknowns[old.gains[line]]
        unknowns[new.gains[line]] = np.where(known, gains[twin], 1.0)
    shifts = np.where(known[:, None], fitted.shifts[twin], 0.0)
    shared = np.append(shifts.ravel(), fitted.rotation)
    relief = np.where(known[:, None], fitted.scene.relief[twin], 1.0)
    scene: Scene = replace(fitted.scene, place=new, views=seen, relief=relief)
    return transmittance(scene, unknowns, shared)


def residual_views(
    fitted: FittedCurves,
    views: ArrayLike,
    incidence: ArrayLike | None = None,
    *,
    variance: ArrayLike | None = None,
    background_sigma: float = 5.0,
) -> np.ndarray:
    """Residuals in sigma, also of views that were not used: noise where the lines are right.

    Parameters
    ----------
    fitted : FittedCurves
        Lines.
    views : array-like of shape (V, H, W)
        Images of the size that was fitted, any scale.
    incidence : array-like of shape (V, 2), optional
        mrad; default the views that were fitted.
    variance, background_sigma
        As in ``fit_curves``.

    Returns
    -------
    (V, H, W) float64 ndarray
        (view / background - prediction) / sigma; NaN where there is no datum.

    Raises
    ------
    ValueError
        If the views have another size, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.matching.joint_fit import fit_curves
    >>> y, x = np.mgrid[:32, :32]
    >>> view = 100 - 30 * np.exp(-0.5 * ((x - 16) / 2) ** 2)
    >>> line = [[16, 4, 0.0], [16, 28, 0.0]]
    >>> fit = fit_curves([view, view], [[50, 0], [-50, 0]], [line], variance=1.0)
    >>> bool(np.abs(residual_views(fit, [view], [[0, 0]], variance=1.0)[0, 10:22]).max() < 2)
    True
    """
    theta = fitted.incidence if incidence is None else as_incidence(incidence)
    images = as_views(views, len(theta))
    if images.shape[1:] != tuple(fitted.scene.shape):
        raise ValueError(
            f"The lines were fitted to views of {fitted.scene.shape}; views of {images.shape[1:]} "
            "were given. Resample them to the same grid first."
        )
    model = predicted_views(fitted, theta)
    noise = as_variance(variance, images)
    data, weight = normalised(images, noise, model, background_sigma)
    return np.where(weight > 0, (data - model) * np.sqrt(weight), np.nan)
