"""Pictures: a scene that knows no renderer, its renderers, and overlays on images.

What is asked for is imported then: the first picture in 3D needs few of these modules.
"""

import importlib

# The function has the name of its module, which would take its place once it is imported.
from hyperspy_stereo.viewer.anaglyph import anaglyph as anaglyph
from hyperspy_stereo.viewer.anaglyph import plot_anaglyph as plot_anaglyph
from hyperspy_stereo.viewer.anaglyph import stretch as stretch

_PUBLIC = {
    "Camera": "viewer.camera",
    "ContrastCase": "viewer.contrast_case",
    "ContrastExplorer": "viewer.contrast_explorer",
    "DetectorPair": "viewer.detector_pair",
    "Knobs": "viewer.knobs",
    "ReconstructionPanel": "viewer.reconstruction_panel",
    "ReconstructionSteps": "viewer.reconstruction_steps",
    "StereoExplorer": "viewer.stereo_explorer",
    "matched_figure": "viewer.reconstruction_pictures",
    "plot_angle_effect": "viewer.particle_plots",
    "plot_convergence": "viewer.simulation_plots",
    "plot_depths": "viewer.network_plots",
    "plot_detection": "viewer.overlay",
    "plot_detectors": "viewer.detector_plot",
    "plot_directions": "viewer.network_plots",
    "plot_disc": "viewer.simulation_plots",
    "plot_disparity": "viewer.overlay",
    "plot_lengths": "viewer.network_plots",
    "plot_lines": "viewer.overlay",
    "plot_network": "viewer.plot",
    "plot_particle_histogram": "viewer.particle_plots",
    "plot_particle_image": "viewer.particle_plots",
    "plot_particles": "viewer.particle_scene",
    "plot_radial_distribution": "viewer.particle_plots",
    "plot_reprojection": "viewer.reprojection",
    "plot_segmentation": "viewer.topology_plots",
    "plot_specimen": "viewer.specimen_view",
    "plot_stereogram": "viewer.stereogram",
    "plot_topology_score": "viewer.topology_plots",
    "plot_truth": "viewer.simulation_plots",
    "save_turntable": "viewer.turntable",
    "to_y_up": "viewer.camera",
    "turntable_frames": "viewer.turntable",
}

__all__ = sorted([*_PUBLIC, "anaglyph", "plot_anaglyph", "stretch"])


def __dir__():
    return __all__


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"hyperspy_stereo.{_PUBLIC[name]}"), name)
