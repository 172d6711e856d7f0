"""Incidence, parallax and triangulation: pure functions on arrays."""

from hyperspy_stereo.geometry.affine import (
    apply_affine,
    as_affine,
    compose_affine,
    identity_affine,
    invert_affine,
    rotation_affine,
)
from hyperspy_stereo.geometry.incidence import (
    as_incidence,
    incidence_from_slopes,
    incidence_pair,
    rotate_incidence,
    slopes,
    stereo_angle,
)
from hyperspy_stereo.geometry.line_fit import LineFit, PlaneFit, fit_line, fit_plane
from hyperspy_stereo.geometry.parallax import (
    depth_from_disparity,
    depth_sigma,
    disparity_from_depth,
    disparity_per_depth,
    view_offsets,
)
from hyperspy_stereo.geometry.triangulation import (
    lift,
    project,
    projection_matrices,
    triangulate,
)

__all__ = [
    "LineFit",
    "PlaneFit",
    "apply_affine",
    "as_affine",
    "as_incidence",
    "compose_affine",
    "depth_from_disparity",
    "depth_sigma",
    "disparity_from_depth",
    "disparity_per_depth",
    "fit_line",
    "fit_plane",
    "identity_affine",
    "incidence_from_slopes",
    "incidence_pair",
    "invert_affine",
    "lift",
    "project",
    "projection_matrices",
    "rotate_incidence",
    "rotation_affine",
    "slopes",
    "stereo_angle",
    "triangulate",
    "view_offsets",
]
