"""Trained networks: files that hold numbers and nothing else, and what is known about each."""

from hyperspy_stereo.weights.loading import load_weights, read_info, restore, save_weights, shipped

__all__ = ["load_weights", "read_info", "restore", "save_weights", "shipped"]
