"""From a scan to views: chooses the detectors, projects, and rectifies; wraps it for HyperSpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.geometry import rotate_incidence
from hyperspy_stereo.signals import _checks, _disc_state
from hyperspy_stereo.signals._progress import progress
from hyperspy_stereo.views import (
    default_radius,
    detector_masks,
    incidence_of,
    layout_positions,
    project,
    rectified_frame,
    rectify,
    segment_masks,
    slit_semi_axes,
)


@dataclass(frozen=True)
class Request:
    """What a user asks of ``virtual_stereo``, as given."""

    layout: str
    n_views: int | None
    radius: float | None
    shape: str
    direction: str | float
    positions: Sequence[Sequence[float]] | None
    segments: int | tuple[int, int] | None
    rotation: float | None


@dataclass(frozen=True)
class Detectors:
    """Masks of the detectors and what belongs into the metadata about them."""

    masks: np.ndarray
    details: dict
    kikuchi_azimuth: float | None
    along: np.ndarray | None


def virtual_views(signal, request: Request, show_progressbar: bool | None):
    """Project a scan through virtual detectors and return a StereoPair."""
    state = _disc_state.read(signal)
    rotation, flip = _rotation(signal, request.rotation)
    detectors = _detectors(signal, request, state, show_progressbar)
    masks = _without_dead_pixels(signal, detectors.masks)
    in_detector = incidence_of(masks, state.disc, state.pattern, state.mrad_per_px)
    incidence = rotate_incidence(in_detector, rotation, flip=flip)
    with progress(show_progressbar):
        views = project(signal.data, masks, descan=state.descan)
    parallax = _parallax_azimuth(incidence, detectors, rotation, flip)
    azimuth = _turn(parallax, signal.axes_manager.navigation_shape)
    views, to_scan = _rectified(views, azimuth)
    pair = _as_pair(signal, views, to_scan, azimuth)
    stereo = {
        "scan_rotation": rotation,
        "scan_flip": flip,
        "epipolar_angle": parallax - azimuth,
        "parallax_azimuth": parallax,
        "scan_shape": list(signal.axes_manager.navigation_shape[::-1]),
        "Detector": {**detectors.details, "incidence": in_detector},
        "Disc": _disc_state.picture_of(signal, state),
    }
    if detectors.kikuchi_azimuth is not None:
        stereo["kikuchi_azimuth"] = detectors.kikuchi_azimuth
    for key, value in stereo.items():
        pair.metadata.set_item(f"Stereo.{key}", value)
    pair._write_view_transform(to_scan)
    return pair.set_incidence(rotate_incidence(incidence, -azimuth), "tiltless")


def _rotation(signal, given: float | None) -> tuple[float, bool]:
    flip = bool(signal.metadata.get_item("Stereo.scan_flip", default=False))
    if given is None:
        given = signal.metadata.get_item("Stereo.scan_rotation")
    if given is None:
        raise ValueError(
            "the rotation between scan and detector is not known, and a wrong one gives wrong "
            "depths: call calibrate_rotation() first, or give rotation=... in degrees (0.0 for "
            "none)."
        )
    return _checks.real_number(given, "rotation", "degrees"), flip


def _direction(signal, direction, show_progressbar) -> tuple[float, float]:
    """Azimuth (degrees) of the line of detectors and its offset (px) from the disc's centre."""
    from hyperspy_stereo.signals._calibrating import found_kikuchi

    if not isinstance(direction, str):
        return _checks.real_number(direction, "direction", "degrees") % 180.0, 0.0
    if direction != "auto":
        raise ValueError(f'direction must be "auto" or an azimuth in degrees, got {direction!r}.')
    azimuth = signal.metadata.get_item("Stereo.kikuchi_azimuth")
    if azimuth is None:
        found = found_kikuchi(signal, show_progressbar)
        return found.azimuth, found.offset
    return float(azimuth), float(signal.metadata.get_item("Stereo.kikuchi_offset", default=0.0))


def _detectors(signal, request: Request, state, show_progressbar) -> Detectors:
    frame = tuple(signal.axes_manager.signal_shape[::-1])
    if request.positions is not None and request.segments is not None:
        raise ValueError("give positions or segments, not both.")
    if request.segments is not None:
        masks = segment_masks(frame, state.disc, request.segments)
        return Detectors(masks, {"shape": "segment", "segments": request.segments}, None, None)
    radius = request.radius
    if radius is not None:
        radius = _checks.real_number(radius, "radius", "px")
    else:
        radius = default_radius(
            "pair" if request.positions is not None else request.layout, state.disc
        )
    if request.positions is not None:
        centres = _checks.number_array(request.positions, "positions")
        if centres.ndim != 2 or centres.shape[1] != 2 or len(centres) < 2:
            raise ValueError(
                f"positions must be two or more (x, y) in px, got an array of shape "
                f"{centres.shape}."
            )
        azimuth, along = None, None
        slit_azimuth = np.rad2deg(np.arctan2(*(centres[0] - centres[-1])[::-1]))
    else:
        azimuth, offset = _direction(signal, request.direction, show_progressbar)
        half_length = slit_semi_axes(radius)[0] if request.shape == "slit" else radius
        centres = layout_positions(
            request.layout, state.disc, azimuth, half_length, request.n_views, offset
        )
        slit_azimuth = azimuth
        along = np.array([np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))])
    masks = detector_masks(frame, centres, radius, request.shape, slit_azimuth)
    details = {"shape": request.shape, "radius": float(radius), "centres": centres}
    if request.positions is None:
        details["layout"] = request.layout
    if request.shape == "slit":
        details["semi_axes"] = list(slit_semi_axes(radius))
    return Detectors(masks, details, azimuth, along)


def _without_dead_pixels(signal, masks: np.ndarray) -> np.ndarray:
    dead = signal.metadata.get_item("Stereo.dead_pixels")
    if dead is None:
        return masks
    dead = np.asarray(dead, dtype=bool)
    if dead.shape != masks.shape[1:]:
        raise ValueError(
            f"metadata.Stereo.dead_pixels has shape {dead.shape} but the patterns have "
            f"{masks.shape[1:]}: set it again, or delete it."
        )
    return np.where(dead, np.float32(0), masks)


def _parallax_azimuth(incidence, detectors: Detectors, rotation: float, flip: bool) -> float:
    """Direction in the scan, in degrees, that becomes the rows of the views."""
    if detectors.details["shape"] == "segment":
        # No direction is special: the matcher takes each view along its own.
        return 0.0
    apart = incidence[0] - incidence[-1]
    if detectors.details.get("layout") in ("band", "disc"):
        apart = rotate_incidence(detectors.along[None], rotation, flip=flip)[0]
    return float(np.rad2deg(np.arctan2(apart[1], apart[0])))


def _turn(azimuth: float, scan_shape: tuple[int, int]) -> float:
    """Angle to turn the views by: none where it would move no pixel far enough to matter."""
    moved = abs(np.sin(np.deg2rad(azimuth))) * np.hypot(*scan_shape) / 2
    return 0.0 if moved < 0.25 and abs(azimuth) < 90 else azimuth


def _rectified(views, azimuth: float):
    """Turn views so that the parallax runs along rows; a dask array stays one."""
    if not hasattr(views, "dask"):
        return rectify(views, azimuth)
    import dask
    import dask.array as da

    to_scan, shape = rectified_frame(views.shape[1:], azimuth)
    dtype = views.dtype if views.dtype.kind == "f" else np.dtype(float)
    if azimuth == 0:
        return views, to_scan
    # The views are small beside the scan; a turn needs each of them whole.
    turned = [
        da.from_delayed(dask.delayed(rectify)(view[None], azimuth)[0], (1, *shape), dtype)
        for view in views
    ]
    return da.concatenate(turned), to_scan


def _as_pair(signal, views, to_scan: np.ndarray, azimuth: float):
    from hyperspy_stereo.signals.stereo_pair import LazyStereoPair, StereoPair

    x, y = signal.axes_manager.navigation_axes
    if not np.isclose(abs(x.scale), abs(y.scale), rtol=1e-3):
        raise ValueError(
            f"scan steps differ ({x.scale:g} and {y.scale:g}): parallax needs square pixels; set "
            "both navigation axes to one scale, or rebin the scan."
        )
    axes = [{"name": "view", "size": len(views), "navigate": True}]
    for name, axis, size in (("y", y, views.shape[1]), ("x", x, views.shape[2])):
        offset = axis.offset if azimuth == 0 else 0.0
        units = axis.units if isinstance(axis.units, str) and axis.units else "px"
        axes.append(
            {"name": name, "size": size, "scale": axis.scale, "offset": offset, "units": units}
        )
    pair = (LazyStereoPair if hasattr(views, "dask") else StereoPair)(views, axes=axes)
    for node in ("General", "Acquisition_instrument", "Sample"):
        if signal.metadata.has_item(node):
            pair.metadata.add_dictionary({node: signal.metadata.get_item(node).as_dictionary()})
    return pair
