"""Pictures: a scene that knows no renderer, its renderers, and overlays on images."""

from hyperspy_stereo.viewer.anaglyph import anaglyph, plot_anaglyph, stretch
from hyperspy_stereo.viewer.camera import Camera, to_y_up
from hyperspy_stereo.viewer.contrast_case import ContrastCase
from hyperspy_stereo.viewer.contrast_explorer import ContrastExplorer
from hyperspy_stereo.viewer.detector_pair import DetectorPair
from hyperspy_stereo.viewer.network_plots import plot_depths, plot_directions, plot_lengths
from hyperspy_stereo.viewer.overlay import plot_detection, plot_disparity, plot_lines
from hyperspy_stereo.viewer.plot import plot_network
from hyperspy_stereo.viewer.reconstruction_panel import ReconstructionPanel
from hyperspy_stereo.viewer.reconstruction_pictures import matched_figure
from hyperspy_stereo.viewer.reconstruction_steps import Knobs, ReconstructionSteps
from hyperspy_stereo.viewer.simulation_plots import plot_convergence, plot_disc, plot_truth
from hyperspy_stereo.viewer.specimen_view import plot_specimen
from hyperspy_stereo.viewer.stereo_explorer import StereoExplorer
from hyperspy_stereo.viewer.turntable import save_turntable, turntable

__all__ = [
    "Camera",
    "ContrastCase",
    "ContrastExplorer",
    "DetectorPair",
    "Knobs",
    "ReconstructionPanel",
    "ReconstructionSteps",
    "StereoExplorer",
    "anaglyph",
    "matched_figure",
    "plot_anaglyph",
    "plot_convergence",
    "plot_depths",
    "plot_detection",
    "plot_directions",
    "plot_disc",
    "plot_disparity",
    "plot_lengths",
    "plot_lines",
    "plot_network",
    "plot_specimen",
    "plot_truth",
    "save_turntable",
    "stretch",
    "to_y_up",
    "turntable",
]
