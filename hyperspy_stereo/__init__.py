"""Placeholder until the signals exist."""

from hyperspy_stereo._version import __version__

__all__ = ["__version__"]
