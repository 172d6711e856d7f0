"""Suspensions of particles with known g(r), and their views with exact truth."""

from hyperspy_stereo.simulation.particles.arrangements import (
    agglomerate,
    chain,
    placed_groups,
    radii,
)
from hyperspy_stereo.simulation.particles.imaging import (
    ParticleViews,
    particle_stack,
    particle_views,
    segment_incidence,
)
from hyperspy_stereo.simulation.particles.interaction import Interaction
from hyperspy_stereo.simulation.particles.monte_carlo import equilibrium

__all__ = [
    "Interaction",
    "ParticleViews",
    "agglomerate",
    "chain",
    "equilibrium",
    "particle_stack",
    "particle_views",
    "placed_groups",
    "radii",
    "segment_incidence",
]
