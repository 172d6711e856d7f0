"""Specimens and scans with exact truth: the pipeline backwards."""

from hyperspy_stereo.simulation.compare import depth_errors
from hyperspy_stereo.simulation.geometric import GeometricScan, simulate_scan

__all__ = ["GeometricScan", "depth_errors", "simulate_scan"]
