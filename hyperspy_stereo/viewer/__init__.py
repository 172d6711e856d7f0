"""Pictures: a scene that knows no renderer, its renderers, and overlays on images."""

from hyperspy_stereo.viewer.anaglyph import anaglyph, plot_anaglyph, stretch
from hyperspy_stereo.viewer.camera import Camera, to_y_up
from hyperspy_stereo.viewer.contrast_case import ContrastCase
from hyperspy_stereo.viewer.contrast_explorer import ContrastExplorer
from hyperspy_stereo.viewer.detector_pair import DetectorPair
from hyperspy_stereo.viewer.network_plots import plot_depths, plot_directions, plot_lengths
from hyperspy_stereo.viewer.overlay import plot_detection, plot_disparity, plot_lines
from hyperspy_stereo.viewer.particle_plots import (
    plot_angle_effect,
    plot_particle_histogram,
    plot_particle_image,
    plot_radial_distribution,
)
from hyperspy_stereo.viewer.particle_scene import plot_particles
from hyperspy_stereo.viewer.plot import plot_network
from hyperspy_stereo.viewer.reconstruction_panel import ReconstructionPanel
from hyperspy_stereo.viewer.reconstruction_pictures import matched_figure
from hyperspy_stereo.viewer.reconstruction_steps import Knobs, ReconstructionSteps
from hyperspy_stereo.viewer.simulation_plots import plot_convergence, plot_disc, plot_truth
from hyperspy_stereo.viewer.specimen_view import plot_specimen
from hyperspy_stereo.viewer.stereo_explorer import StereoExplorer
from hyperspy_stereo.viewer.stereogram import plot_stereogram
from hyperspy_stereo.viewer.topology_plots import plot_segmentation, plot_topology_score
from hyperspy_stereo.viewer.turntable import save_turntable, turntable_frames

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
    "plot_angle_effect",
    "plot_convergence",
    "plot_depths",
    "plot_detection",
    "plot_directions",
    "plot_disc",
    "plot_disparity",
    "plot_lengths",
    "plot_lines",
    "plot_network",
    "plot_particle_histogram",
    "plot_particle_image",
    "plot_particles",
    "plot_radial_distribution",
    "plot_segmentation",
    "plot_specimen",
    "plot_stereogram",
    "plot_topology_score",
    "plot_truth",
    "save_turntable",
    "stretch",
    "to_y_up",
    "turntable_frames",
]
