"""Simulated data as signals, with exact truth, and small ready examples."""

import importlib

_PUBLIC = {
    "example_4dstem": "examples",
    "example_specimen": "examples",
    "example_stereo_pair": "examples",
    "example_tilt_series": "examples",
    "simulate_4dstem": "simulated_scan",
    "simulate_segments": "simulated",
    "simulate_stereo_pair": "simulated",
    "simulate_tilt_series": "simulated",
}

__all__ = [*_PUBLIC]


def __dir__():
    return sorted(__all__)


def __getattr__(name):
    if name in _PUBLIC:
        module = importlib.import_module(f"hyperspy_stereo.datasets.{_PUBLIC[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
