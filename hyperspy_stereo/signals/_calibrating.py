"""Blind calibration of a scan: hands arrays to the fits and writes what they find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hyperspy.signals import BaseSignal
from scipy.ndimage import median_filter

from hyperspy_stereo.signals import _checks, _disc_state
from hyperspy_stereo.signals._progress import progress
from hyperspy_stereo.views import (
    fit_descan,
    fit_disc,
    kikuchi_azimuth,
    scan_rotation,
)


@dataclass(frozen=True)
class Kikuchi:
    """Direction of the Kikuchi line (degrees) and its offset from the disc's centre (px)."""

    azimuth: float
    offset: float
    width: float | None = None
    sigma: float | None = None


def disc(signal, convergence_angle, vacuum, descan: bool, show_progressbar) -> None:
    """Fit the disc, and the descan where there is a scan, and write both."""
    angle = (
        signal.metadata.get_item(_disc_state.CONVERGENCE_ANGLE)
        if convergence_angle is None
        else convergence_angle
    )
    if angle is None:
        raise ValueError(
            "the probe's convergence semi-angle is not known: give convergence_angle=... in mrad."
        )
    angle = _checks.real_number(angle, "convergence_angle", "mrad")
    if not 0 < angle < 500:
        raise ValueError(f"convergence_angle must be a semi-angle in mrad above 0, got {angle:g}.")
    shape = tuple(signal.axes_manager.signal_shape[::-1])
    frames = None if vacuum is None else _vacuum(vacuum, shape)
    mean = mean_pattern(signal, show_progressbar)
    source = mean if frames is None else _mean(frames)
    fitted = fit_disc(_repaired(signal, source))
    plane = None
    is_scan = signal.axes_manager.navigation_dimension == 2
    if descan and is_scan and min(signal.axes_manager.navigation_shape) >= 8:
        with progress(show_progressbar):
            if frames is not None and frames.ndim == 4:
                plane = fit_descan(frames, fitted, scan_shape=signal.data.shape[:2])
            else:
                plane = fit_descan(signal.data, fitted)
    _disc_state.write(signal, fitted, angle, plane, mean)


def mean_pattern(signal, show_progressbar) -> np.ndarray:
    """Mean over all navigation axes without a float copy of the stack."""
    with progress(show_progressbar if signal._lazy else False):
        return _mean(signal.data)


def kikuchi(signal, azimuth, g, show_progressbar) -> None:
    """Write the direction of the Kikuchi line, given or found."""
    if azimuth is not None and g is not None:
        raise ValueError("give the azimuth of the Kikuchi line or g, not both.")
    if g is not None:
        vector = _checks.number_array(g, "g")
        if vector.shape != (2,) or not np.isfinite(vector).all() or not vector.any():
            raise ValueError(f"g must be two numbers (gx, gy) in detector axes, got {g!r}.")
        azimuth = float(np.rad2deg(np.arctan2(vector[1], vector[0]))) + 90
    if azimuth is not None:
        azimuth = _checks.real_number(azimuth, "azimuth", "degrees") % 180
        found = Kikuchi(azimuth, 0.0)
    else:
        found = found_kikuchi(signal, show_progressbar)
    items = {"azimuth": found.azimuth, "offset": found.offset, "width": found.width}
    items["sigma"] = found.sigma
    for name, value in items.items():
        _set_or_delete(signal.metadata, f"kikuchi_{name}", value)


def found_kikuchi(signal, show_progressbar) -> Kikuchi:
    """Find the Kikuchi line in the data."""
    state = _disc_state.read(signal)
    with progress(show_progressbar if signal._lazy else False):
        azimuth, band = kikuchi_azimuth(signal.data, state.disc, descan=state.descan)
    return Kikuchi(float(azimuth), band["w0"], band["width"], band["azimuth_sigma"])


def rotation(signal, given, scan_flip, defocus_sign, show_progressbar) -> None:
    """Write the scan rotation, given or measured from the parallax of the data."""
    state = _disc_state.read(signal)
    metadata = signal.metadata
    if scan_flip is not None and not isinstance(scan_flip, bool | np.bool_):
        raise TypeError(f"scan_flip must be True or False, got {scan_flip!r}.")
    flip = metadata.get_item("Stereo.scan_flip", default=False) if scan_flip is None else scan_flip
    if defocus_sign not in (None, -1, 1):
        raise ValueError(f"defocus_sign must be 1, -1 or None, got {defocus_sign!r}.")
    sigma = defocus = None
    if given is not None:
        angle = _checks.real_number(given, "rotation", "degrees")
    else:
        if not metadata.has_item("Stereo.kikuchi_azimuth"):
            kikuchi(signal, None, None, show_progressbar)
        with progress(show_progressbar if signal._lazy else False):
            fit = scan_rotation(
                signal.data,
                state.disc,
                float(metadata.Stereo.kikuchi_azimuth),
                _band(metadata.Stereo),
                descan=state.descan,
                convergence_angle=state.mrad_per_px * state.disc.radius,
                pixel_size=abs(float(signal.axes_manager.navigation_axes[0].scale)),
                scan_flip=bool(flip),
                defocus_sign=defocus_sign,
            )
        angle, sigma, defocus = float(fit.angle), float(fit.sigma), float(fit.defocus)
    metadata.set_item("Stereo.scan_rotation", angle)
    metadata.set_item("Stereo.scan_flip", bool(flip))
    for name, value in {"scan_rotation_sigma": sigma, "defocus": defocus}.items():
        _set_or_delete(metadata, name, value)


def _set_or_delete(metadata, name: str, value: float | None) -> None:
    """Write one number of the calibration; what was not measured must not stay from before."""
    if value is not None:
        metadata.set_item(f"Stereo.{name}", value)
    elif metadata.has_item(f"Stereo.{name}"):
        delattr(metadata.Stereo, name)


def _band(node) -> dict | None:
    """Place and width of the Kikuchi band in px, where it was measured and not given."""
    if not node.has_item("kikuchi_width"):
        return None
    return {"w0": float(node.kikuchi_offset), "width": float(node.kikuchi_width)}


def _vacuum(vacuum, shape: tuple[int, int]):
    """Patterns without the specimen as an array (H, W) or (..., H, W)."""
    if isinstance(vacuum, BaseSignal):
        vacuum = vacuum.data
    elif not hasattr(vacuum, "ndim"):
        if not isinstance(vacuum, list | tuple):
            raise TypeError(
                f"vacuum must be a signal or an array, got {type(vacuum).__name__}; load a file "
                "first, for example hs.load('vacuum.mib')."
            )
        vacuum = np.asarray(vacuum)
    if vacuum.dtype.kind not in "buif":
        raise TypeError(f"vacuum has dtype {vacuum.dtype}; give patterns of real counts.")
    if vacuum.ndim < 2 or vacuum.shape[-2:] != shape:
        raise ValueError(
            f"vacuum patterns have shape {vacuum.shape[-2:]} but the scan's have {shape}: "
            "take them with the same detector and camera length."
        )
    return vacuum


def _mean(frames) -> np.ndarray:
    count = int(np.prod(frames.shape[:-2])) or 1
    total = frames.sum(axis=tuple(range(frames.ndim - 2)), dtype=np.float64)
    return np.asarray(total) / count


def _repaired(signal, pattern: np.ndarray) -> np.ndarray:
    """A pattern with its dead pixels filled from around them, for the fit of the disc."""
    dead = signal.metadata.get_item("Stereo.dead_pixels")
    if dead is None:
        return pattern
    dead = np.asarray(dead, dtype=bool)
    width = 2 * int(max(1, np.ceil(np.sqrt(dead.sum() / max(pattern.shape))))) + 3
    return np.where(dead, median_filter(pattern, size=width), pattern)
