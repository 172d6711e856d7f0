"""Particles of several views matched and fitted in space."""

from hyperspy_stereo.matching.particles.calibrate import ViewErrors
from hyperspy_stereo.matching.particles.reconstruct import ParticleMatch, reconstruct_particles

__all__ = ["ParticleMatch", "ViewErrors", "reconstruct_particles"]
