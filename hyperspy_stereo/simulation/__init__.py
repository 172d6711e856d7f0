"""Specimens, two-beam images and whole scans with exact truth: the pipeline backwards.

Arrays in, arrays out. The four functions that make signals, `simulate_stereo_pair`,
`simulate_segments`, `simulate_tilt_series` and `simulate_4dstem`, live in
`hyperspy_stereo.datasets` and can be called from here too.
"""

import importlib

_PUBLIC = {
    "Boundary": "simulation.specimen",
    "Counter": "simulation.imaging.microscope",
    "Dislocation": "simulation.dislocation",
    "FoilOrientation": "simulation.crystals.orientation",
    "GeometricScan": "simulation.geometric.scan",
    "Microscope": "simulation.imaging.microscope",
    "ScanNoise": "simulation.imaging.microscope",
    "Specimen": "simulation.specimen",
    "StackingFault": "simulation.dislocation",
    "SurfaceSpot": "simulation.specimen",
    "Truth": "simulation.truth",
    "TwoBeam": "simulation.beam",
    "bright_dark_field": "simulation.two_beam",
    "burgers_vectors": "simulation.crystals.burgers",
    "column_images": "simulation.contrast.columns",
    "crystal": "simulation.crystals.structure",
    "depth_errors": "simulation.compare",
    "displacement_change": "simulation.two_beam",
    "extinction_parameters": "simulation.crystals.extinction",
    "g_dot_b_table": "simulation.crystals.burgers",
    "perfect_crystal": "simulation.two_beam",
    "random_specimen": "simulation.specimens",
    "simulate_4dstem": "datasets",
    "simulate_scan": "simulation.geometric.scan",
    "simulate_segments": "datasets",
    "simulate_stereo_pair": "datasets",
    "simulate_tilt_series": "datasets",
    "slip_systems": "simulation.crystals.burgers",
}

__all__ = sorted(_PUBLIC)


def __dir__():
    return __all__


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"hyperspy_stereo.{_PUBLIC[name]}"), name)
