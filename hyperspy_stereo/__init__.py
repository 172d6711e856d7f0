"""3D dislocations and nanoparticles from two or more STEM views: a HyperSpy extension.

Nothing heavy is imported here: HyperSpy finds the signal classes through
``hyperspy_extension.yaml`` and imports them when a signal of their type is made.
"""

import importlib

from hyperspy_stereo._version import __version__

_PUBLIC = {
    "Diffraction4DStereo": "hyperspy_stereo.signals",
    "DislocationMap": "hyperspy_stereo.signals",
    "DislocationNetwork": "hyperspy_stereo.results",
    "ParticleCloud": "hyperspy_stereo.results",
    "ParticleMap": "hyperspy_stereo.signals",
    "RadialDistribution": "hyperspy_stereo.results",
    "StereoPair": "hyperspy_stereo.signals",
    "TopologyScore": "hyperspy_stereo.results",
    "load": "hyperspy_stereo.loading",
}
_FOLDERS = (
    "datasets",
    "detection",
    "geometry",
    "matching",
    "results",
    "signals",
    "simulation",
    "topology",
    "viewer",
    "views",
    "weights",
)

__all__ = ["__version__", *_PUBLIC, *_FOLDERS]


def __dir__():
    return sorted(__all__)


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _FOLDERS:
        return importlib.import_module(f"hyperspy_stereo.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
