"""Results: networks of dislocation lines."""

from hyperspy_stereo.results.arrays import ViewPoints
from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["DislocationNetwork", "ViewPoints"]
