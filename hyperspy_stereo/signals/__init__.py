"""The signals that users hold; each is imported when it is first asked for."""

import importlib

_MODULES = {
    "Diffraction4DStereo": "diffraction4d_stereo",
    "DislocationMap": "dislocation_map",
    "LazyDiffraction4DStereo": "diffraction4d_stereo",
    "LazyDislocationMap": "dislocation_map",
    "LazyParticleMap": "particle_map",
    "LazyStereoPair": "stereo_pair",
    "ParticleMap": "particle_map",
    "StereoPair": "stereo_pair",
}

__all__ = [*_MODULES]


def __dir__():
    return sorted(__all__)


def __getattr__(name):
    if name in _MODULES:
        module = importlib.import_module(f"hyperspy_stereo.signals.{_MODULES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
