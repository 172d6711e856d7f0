"""From a map of lines to a network in 3D: gathers arrays for matching and triangulation."""

from __future__ import annotations

import warnings

import numpy as np

from hyperspy_stereo.detection.ridge import PERMISSIVE
from hyperspy_stereo.detection.trust import pair_warnings
from hyperspy_stereo.geometry import view_offsets
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._view_stack import ViewStack

REFINEMENTS = ("auto", "joint", None)


def reconstructed(
    maps: ViewStack, disparity_range, min_confidence: float, min_length, refine: str | None
):
    """Match the lines of all views of `maps`, triangulate and refine them."""
    from hyperspy_stereo.matching import match_views
    from hyperspy_stereo.results import DislocationNetwork

    incidence, geometry = maps.incidence, maps.geometry
    offsets = view_offsets(incidence, geometry)
    pixel_size, units = maps._image_axes()
    level = maps.metadata.get_item("Stereo.Detection.candidate_threshold", default=PERMISSIVE)
    strict = maps.mask()
    if len(strict) == 2 and np.allclose(offsets[:, 1], 0):  # two views with parallax along the rows
        for reason in pair_warnings(maps._views_array()):
            warnings.warn(reason, UserWarning, stacklevel=3)
    matches = match_views(
        maps.attached("images"),
        strict,
        candidates=strict | maps.mask(level),
        offsets=offsets,
        disparity_range=_range(disparity_range),
    )
    scan_shape = maps.metadata.get_item("Stereo.scan_shape")
    network = DislocationNetwork.from_matches(
        matches,
        geometry=geometry,
        incidence=incidence,
        pixel_size=pixel_size,
        units=units,
        image_shape=strict.shape[-2:],
        to_scan=maps.view_transform,
        scan_shape=None if scan_shape is None else tuple(int(n) for n in scan_shape),
        min_confidence=min_confidence,
        min_length=_length(min_length),
    )
    images = maps.attached("images")
    if refine == "joint" and images is None:
        raise ValueError(
            'refine="joint" fits lines to the images, and this map holds none: make it by '
            "detect_dislocations() or DislocationMap.from_masks(masks, pair), or leave "
            'refine="auto".'
        )
    if refine == "auto":
        # Tilting changes the excitation error, and with it what the fit takes for unchanged.
        refine = "joint" if geometry == "tiltless" else None
    return network if refine is None or images is None else _refined(maps, images, network)


def _refined(maps: ViewStack, images: np.ndarray, network):
    """Fit the lines to all views at once."""
    # Rectified views have parallax along rows; any other set along where its views lie apart.
    apart = network.incidence - network.incidence.mean(axis=0)
    along = np.linalg.svd(apart, full_matrices=False)[2][0]
    inside = maps._inside_scan()
    if inside is not None:
        images = np.where(inside, images, np.nan)
    azimuth = float(np.degrees(np.arctan2(along[1], along[0])))
    return network.refine(images, network.incidence, azimuth)


def check_refinement(refine: str | None) -> str | None:
    """Refuse a refinement that there is not."""
    if refine not in REFINEMENTS:
        raise ValueError(
            'refine must be "joint" (lines are fitted to all views at once), None (depths as '
            f'matched) or "auto" ("joint" for views of one exposure), got {refine!r}.'
        )
    return refine


def _range(value) -> tuple[float, float] | None:
    if value is None:
        return None
    if np.shape(value) != (2,):
        raise ValueError(f"disparity_range must be (smallest, largest) in px, got {value!r}.")
    low, high = (_checks.real_number(v, "disparity_range", "px") for v in value)
    if high <= low:
        raise ValueError(f"disparity_range must grow, got ({low:g}, {high:g}) px.")
    return low, high


def _length(value) -> float | None:
    if value is None:
        return None
    length = _checks.real_number(value, "min_length", "units of the images")
    if length < 0:
        raise ValueError(f"min_length must not be negative, got {length:g}.")
    return length
