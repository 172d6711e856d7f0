"""Results: networks of dislocation lines, and how close a segmentation is to the truth."""

from hyperspy_stereo.results.arrays import ViewPoints
from hyperspy_stereo.results.network import DislocationNetwork
from hyperspy_stereo.results.topology_score import TopologyScore

__all__ = ["DislocationNetwork", "TopologyScore", "ViewPoints"]
