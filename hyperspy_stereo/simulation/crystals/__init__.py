"""Crystals: structure, extinction distances, Burgers vectors and how the foil lies."""

from hyperspy_stereo.simulation.crystals.structure import Crystal, crystal

__all__ = ["Crystal", "crystal"]
