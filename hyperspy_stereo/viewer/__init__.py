"""Pictures: a scene that knows no renderer, its renderers, and overlays on images."""

from hyperspy_stereo.viewer.camera import Camera, to_y_up
from hyperspy_stereo.viewer.plot import plot_network

__all__ = ["Camera", "plot_network", "to_y_up"]
