"""From a view to the probability of lines and boundaries."""

from hyperspy_stereo.detection.ridge import ridge_probability

__all__ = ["ridge_probability"]
