"""Results: networks of dislocation lines, clouds of particles, g(r), scores of segmentations."""

from hyperspy_stereo.results.arrays import ViewPoints
from hyperspy_stereo.results.network import DislocationNetwork
from hyperspy_stereo.results.particle_cloud import ParticleCloud
from hyperspy_stereo.results.radial_distribution import RadialDistribution
from hyperspy_stereo.results.topology_score import TopologyScore

__all__ = [
    "DislocationNetwork",
    "ParticleCloud",
    "RadialDistribution",
    "TopologyScore",
    "ViewPoints",
]
