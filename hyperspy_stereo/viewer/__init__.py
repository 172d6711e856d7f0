"""Pictures: a scene that knows no renderer, its renderers, and overlays on images.

What is asked for is imported then: the first picture in 3D needs few of these modules.
"""

import importlib

_PUBLIC = {
    "Camera": "viewer.camera",
    "ContrastCase": "viewer.contrast_case",
    "ContrastExplorer": "viewer.contrast_explorer",
    "DetectorPair": "viewer.detector_pair",
    "Knobs": "viewer.reconstruction_steps",
    "ReconstructionPanel": "viewer.reconstruction_panel",
    "ReconstructionSteps": "viewer.reconstruction_steps",
    "StereoExplorer": "viewer.stereo_explorer",
    "anaglyph": "viewer.anaglyph",
    "matched_figure": "viewer.reconstruction_pictures",
    "plot_anaglyph": "viewer.anaglyph",
    "plot_angle_effect": "viewer.particle_plots",
    "plot_convergence": "viewer.simulation_plots",
    "plot_depths": "viewer.network_plots",
    "plot_detection": "viewer.overlay",
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
    "plot_segmentation": "viewer.topology_plots",
    "plot_specimen": "viewer.specimen_view",
    "plot_stereogram": "viewer.stereogram",
    "plot_topology_score": "viewer.topology_plots",
    "plot_truth": "viewer.simulation_plots",
    "save_turntable": "viewer.turntable",
    "stretch": "viewer.anaglyph",
    "to_y_up": "viewer.camera",
    "turntable_frames": "viewer.turntable",
}

__all__ = sorted(_PUBLIC)


def __dir__():
    return __all__


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"hyperspy_stereo.{_PUBLIC[name]}"), name)
