"""From a stack of views to a map of lines: wraps the detectors for HyperSpy.

`DEFAULT_METHOD` is the detector that runs where the user names none.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from hyperspy.signals import Signal2D

from hyperspy_stereo.detection import ridge_probability
from hyperspy_stereo.detection.ridge import PERMISSIVE, STRICT
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._progress import progress
from hyperspy_stereo.signals._view_stack import ViewStack

DEFAULT_METHOD = "unet"
OPTIONS = {
    "unet": ("augment", "device", "scales", "straight_boundaries", "weights"),
    "ridge": ("polarity", "sensitivity", "sigmas"),
}
SHORT = 2.0  # s, below which no progress is shown


def detected(
    pair: ViewStack, method: str, settings: dict, show_progressbar: bool | None = None
) -> ViewStack:
    """Run a detector on each view and return a DislocationMap."""
    import dask

    _checks.method_options(method, settings, OPTIONS, "detect_dislocations")
    views, inside = pair._views_array(), pair._inside_scan()
    _checks.image_array(views[0], "a view")
    run, told = (_by_network if method == "unet" else _by_ridges)(settings)

    def both(image: np.ndarray) -> np.ndarray:
        _checks.finite_image(image, "a view")
        return np.stack(run(image, valid=inside))

    # A detector needs the whole view: one task for each, whatever the chunks.
    tasks = [dask.delayed(both)(view) for view in views]
    if pair._lazy:
        import dask.array as da

        shape = (2, *views.shape[1:])
        maps = da.stack([da.from_delayed(t, shape, dtype=np.float32) for t in tasks], axis=1)
    else:
        # One after the other: each view already takes all threads.
        with progress(show_progressbar, SHORT):
            maps = np.stack(dask.compute(*tasks, scheduler="synchronous"), axis=1)
        if method == "unet":  # what the limits are read from are calibrated probabilities
            _warn(views, maps[0], told["threshold"])
    return as_map(pair, maps[0], maps[1], {"method": method, **told})


def _warn(views: np.ndarray, line: np.ndarray, threshold: float) -> None:
    """Say which views should not be trusted, and why; each reason once."""
    from hyperspy_stereo.detection.trust import warnings_for

    reasons: dict[str, list[int]] = {}
    for number, (view, probability) in enumerate(zip(views, line, strict=True)):
        for reason in warnings_for(view, probability, threshold):
            reasons.setdefault(reason, []).append(number)
    for reason, numbers in reasons.items():
        named = ", ".join(str(number) for number in numbers)
        warnings.warn(f"view {named}: {reason}", UserWarning, stacklevel=4)


def _by_ridges(settings: dict) -> tuple[Callable, dict]:
    """The ridge filter with its options, and what to write down about it."""
    return partial(ridge_probability, **settings), settings


def _by_network(settings: dict) -> tuple[Callable, dict]:
    """The trained network with its options, and what to write down about it."""
    from hyperspy_stereo.detection.network import detector_info, unet_probability
    from hyperspy_stereo.detection.weights import thresholds

    # Weights that cannot be used are refused here and not in some worker later; the worker gets
    # where they lie, and reads them once.
    path, info = detector_info(settings.get("weights"))
    told = {key: info[key] for key in ("name", "version", "sha256")}
    strict, permissive = thresholds(info)
    return partial(unet_probability, **{**settings, "weights": path}), {
        **settings,
        "weights": told,
        "threshold": strict,
        "candidate_threshold": permissive,
    }


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
    usual = {"threshold": STRICT, "candidate_threshold": PERMISSIVE}
    for key, value in {**usual, **detection}.items():
        result.metadata.set_item(f"Stereo.Detection.{key}", value)
    result.metadata.set_item("Stereo.Detection.images", _plain(pair.data, axes))
    if boundary is not None:
        result.metadata.set_item("Stereo.Detection.boundary", _plain(boundary.reshape(shape), axes))
    return result


def _plain(data, axes: list) -> Signal2D:
    """A plain signal with the axes of a map, to travel in its metadata."""
    signal = Signal2D(data, axes=axes)
    return signal.as_lazy() if hasattr(data, "dask") else signal
