"""From a stack of views to a map of lines: wraps the detectors for HyperSpy."""

from __future__ import annotations

import numpy as np
from hyperspy.signals import Signal2D

from hyperspy_stereo.detection import ridge_probability
from hyperspy_stereo.detection.ridge import PERMISSIVE, STRICT
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._view_stack import ViewStack

METHODS = ("ridge",)


def detected(pair: ViewStack, method: str, settings: dict) -> ViewStack:
    """Run a detector on each view and return a DislocationMap."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
    views, inside = pair._views_array(), pair._inside_scan()

    def both(image: np.ndarray) -> np.ndarray:
        _checks.finite_image(image, "a view")
        return np.stack(ridge_probability(image, valid=inside, **settings))

    _checks.image_array(views[0], "a view")
    if pair._lazy:
        import dask
        import dask.array as da

        # A detector needs the whole view: one task for each, whatever the chunks.
        shape = (2, *views.shape[1:])
        tasks = [dask.delayed(both)(view) for view in views]
        maps = da.stack([da.from_delayed(t, shape, dtype=np.float32) for t in tasks], axis=1)
    else:
        maps = np.stack([both(view) for view in views], axis=1)
    return as_map(pair, maps[0], maps[1], {"method": method, **settings})


def as_map(pair: ViewStack, line, boundary, detection: dict) -> ViewStack:
    """A DislocationMap with the calibration and state of `pair` and its images attached."""
    from hyperspy_stereo.signals.dislocation_map import (
        DislocationMap,
        LazyDislocationMap,
    )

    shape = pair.data.shape
    axes = list(pair.axes_manager.as_dictionary().values())
    result = (LazyDislocationMap if hasattr(line, "dask") else DislocationMap)(
        line.reshape(shape), axes=axes
    )
    result.metadata.add_dictionary(pair.metadata.as_dictionary())
    result.metadata.set_item("Signal.signal_type", DislocationMap._signal_type)
    result.original_metadata.add_dictionary(pair.original_metadata.as_dictionary())
    for key, value in detection.items():
        result.metadata.set_item(f"Stereo.Detection.{key}", value)
    result.metadata.set_item("Stereo.Detection.threshold", STRICT)
    result.metadata.set_item("Stereo.Detection.candidate_threshold", PERMISSIVE)
    result.metadata.set_item("Stereo.Detection.images", _plain(pair.data, axes))
    if boundary is not None:
        result.metadata.set_item("Stereo.Detection.boundary", _plain(boundary.reshape(shape), axes))
    return result


def _plain(data, axes: list) -> Signal2D:
    """A plain signal with the axes of a map, to travel in its metadata."""
    signal = Signal2D(data, axes=axes)
    return signal.as_lazy() if hasattr(data, "dask") else signal
