"""Particles in single views: places to a fraction of a pixel, each with its error."""

from hyperspy_stereo.detection.particles.classical import contour_particles, hough_particles
from hyperspy_stereo.detection.particles.detect import Detections, detect_particles
from hyperspy_stereo.detection.particles.fit import Cameras, one_view, position_bound
from hyperspy_stereo.detection.particles.profile import ParticleShape
from hyperspy_stereo.detection.particles.scale import check_diameter, find_shape

__all__ = [
    "Cameras",
    "Detections",
    "ParticleShape",
    "check_diameter",
    "contour_particles",
    "detect_particles",
    "find_shape",
    "hough_particles",
    "one_view",
    "position_bound",
]
