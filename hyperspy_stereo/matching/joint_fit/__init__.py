"""Curves fitted to all views at once, with error bars."""

from hyperspy_stereo.matching.joint_fit.expected import expected_depth_sigma, expected_sigma
from hyperspy_stereo.matching.joint_fit.fit import fit_curves
from hyperspy_stereo.matching.joint_fit.fitted_curves import FittedCurves, Projection
from hyperspy_stereo.matching.joint_fit.predict import predicted_views, residual_views
from hyperspy_stereo.matching.joint_fit.refine import Pattern, RefinedLines, refine_lines
from hyperspy_stereo.matching.joint_fit.residuals import residual_maps

__all__ = [
    "FittedCurves",
    "Pattern",
    "Projection",
    "RefinedLines",
    "expected_depth_sigma",
    "expected_sigma",
    "fit_curves",
    "predicted_views",
    "refine_lines",
    "residual_maps",
    "residual_views",
]
