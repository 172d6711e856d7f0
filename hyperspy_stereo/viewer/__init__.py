"""Pictures: a scene that knows no renderer, its renderers, and overlays on images."""

from hyperspy_stereo.viewer.anaglyph import anaglyph, plot_anaglyph, stretch
from hyperspy_stereo.viewer.camera import Camera, to_y_up
from hyperspy_stereo.viewer.overlay import plot_detection, plot_disparity, plot_lines
from hyperspy_stereo.viewer.plot import plot_network

__all__ = [
    "Camera",
    "anaglyph",
    "plot_anaglyph",
    "plot_detection",
    "plot_disparity",
    "plot_lines",
    "plot_network",
    "stretch",
    "to_y_up",
]
