"""From a diffraction stack to views: disc, detectors, projection, rotation, alignment."""

from hyperspy_stereo.views.alignment import Alignment, align_tilted
from hyperspy_stereo.views.detectors import (
    default_radius,
    detector_masks,
    incidence_of,
    layout_positions,
    slit_semi_axes,
)
from hyperspy_stereo.views.disc import Disc, fit_descan, fit_disc
from hyperspy_stereo.views.kikuchi import kikuchi_azimuth
from hyperspy_stereo.views.mib import seam_cross
from hyperspy_stereo.views.projection import project
from hyperspy_stereo.views.resample import inside_scan, rectified_frame, rectify
from hyperspy_stereo.views.rotation import RotationFit, fit_rotation, scan_rotation
from hyperspy_stereo.views.segments import segment_masks

__all__ = [
    "Alignment",
    "Disc",
    "RotationFit",
    "align_tilted",
    "default_radius",
    "detector_masks",
    "fit_descan",
    "fit_disc",
    "fit_rotation",
    "incidence_of",
    "inside_scan",
    "kikuchi_azimuth",
    "layout_positions",
    "project",
    "rectified_frame",
    "rectify",
    "scan_rotation",
    "seam_cross",
    "segment_masks",
    "slit_semi_axes",
]
