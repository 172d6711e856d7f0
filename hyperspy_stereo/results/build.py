"""From the matched points of each view to a network of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.incidence import as_incidence
from hyperspy_stereo.geometry.parallax import check_geometry, view_offsets
from hyperspy_stereo.geometry.triangulation import as_offsets, lift
from hyperspy_stereo.results.arrays import ViewPoints, as_number, as_shape
from hyperspy_stereo.results.chains import (
    MATCHED,
    ChainMatch,
    cut_chains,
    good_points,
    point_lengths,
    tally,
)
from hyperspy_stereo.results.rings import rings_closed

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["network_from_matches"]

# Defaults of the shortest line and the longest gap that a line steps over, px.
MIN_LENGTH = 10.0
MAX_GAP = 6.0
# A change of disparity between neighbouring points, px, that no single line shows: at 12 degrees
# it is an inclination of 86 degrees to the foil.
MAX_JUMP = 3.0


def network_from_matches(
    cls: type[DislocationNetwork],
    matches: Sequence[ChainMatch],
    offsets: ArrayLike | None,
    geometry: str,
    incidence: ArrayLike,
    *,
    pixel_size: float = 1.0,
    units: str = "px",
    image_shape: tuple[int, int] | None = None,
    to_scan: ArrayLike | None = None,
    min_confidence: float = 0.5,
    min_length: float | None = None,
    max_gap: float | None = None,
    scan_shape: tuple[int, int] | None = None,
) -> DislocationNetwork:
    """Network from matched points; the lines are the chains of view 0.

    Points are neither smoothed nor moved: what a line shows is what was matched. A line is cut
    where its disparity jumps by more than 3 px from one point to the next. A loop all of whose
    points are matched ends in the point with which it begins.

    Parameters
    ----------
    cls : type
        Class to make.
    matches : sequence of ChainMatch
        One per view, as ``matching.match_views`` returns them.
    offsets : array-like of shape (V, 2) or None
        View v shows a feature of disparity d at r_mid + offsets[v] d; None takes
        ``geometry.view_offsets(incidence, geometry)``: (-0.5, 0), (0.5, 0) for a pair along x.
    geometry : {"tiltless", "tilt"}
        See :func:`hyperspy_stereo.geometry.projection_matrices`.
    incidence : array-like of shape (V, 2)
        mrad, in the frame of the images.
    pixel_size, units : float, str
        Units per pixel.
    image_shape : (H, W)
        Of the views, px.
    to_scan : array-like of shape (2, 3), optional
        Pixels of the views to pixels of the unrotated scan.
    min_confidence : float
        Points below it are left out. Default 0.5: more likely right than wrong.
    min_length : float, optional
        Pieces shorter than this along the image, in `units`, are left out. Default 10 px: below
        it the direction of a line is not measured.
    max_gap : float, optional
        Lines step over missing points up to this length, in `units`. Default 6 px, about the
        width of a line.
    scan_shape : (H, W), optional
        Of the unrotated scan, px.

    Returns
    -------
    DislocationNetwork
        Coordinates in `units`. May be empty.

    Raises
    ------
    ValueError
        If the views, offsets and incidences do not fit each other, or a setting is out of range.
    """
    if np.size(incidence) == 0:
        raise ValueError("Depth needs the incidences of the views: incidence=(views, 2) in mrad.")
    check_geometry(geometry)
    theta = as_incidence(incidence)
    b = view_offsets(theta, geometry) if offsets is None else as_offsets(offsets, len(theta))
    ordered = _by_view(matches, len(theta))
    min_length, max_gap = _settings(min_confidence, min_length, max_gap, pixel_size)
    shape = as_shape(image_shape)
    if shape is None and geometry == "tilt":
        raise ValueError(
            "A tilted pair needs image_shape=(rows, columns): the tilt axis is at the centre."
        )
    centre = (0.0, 0.0) if shape is None else ((shape[1] - 1) / 2, (shape[0] - 1) / 2)

    match = rings_closed(ordered[0], good_points(ordered[0], min_confidence))
    piece, reason = cut_chains(match, min_confidence, min_length, max_gap, MAX_JUMP)
    keep = piece >= 0
    line = piece[keep]
    xy = np.asarray(match.points, dtype=np.float64)[keep]
    disparity = _bridge(np.asarray(match.disparity, dtype=np.float64)[keep], xy, line)
    sigma = _bridge(np.asarray(match.sigma, dtype=np.float64)[keep], xy, line)
    xyz, depth_per_disparity = lift(xy, disparity, b, theta, geometry, centre)
    rejected = {name: (n, px * pixel_size) for name, (n, px) in tally(match, reason).items()}
    return cls(
        xyz * pixel_size,
        line,
        np.abs(sigma) * depth_per_disparity * pixel_size,
        np.nan_to_num(np.asarray(match.confidence, dtype=np.float64)[keep]),
        units=units,
        pixel_size=pixel_size,
        geometry=geometry,
        incidence=theta,
        image_shape=shape,
        to_scan=to_scan,
        scan_shape=scan_shape,
        views=[_matched(m, min_confidence) for m in ordered],
        rejected=rejected,
    )


def _settings(
    min_confidence: float, min_length: float | None, max_gap: float | None, pixel_size: float
) -> tuple[float, float]:
    """The two lengths in px, after checking all settings."""
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence lies between 0 and 1; {min_confidence!r} was given.")
    if not as_number(pixel_size, "pixel_size", "units per pixel") > 0:
        raise ValueError(f"pixel_size must be positive; {pixel_size!r} was given.")
    shortest = MIN_LENGTH if min_length is None else min_length / pixel_size
    longest_gap = MAX_GAP if max_gap is None else max_gap / pixel_size
    if not (shortest >= 0 and longest_gap >= 0):
        raise ValueError(
            f"min_length and max_gap are lengths; {min_length!r} and {max_gap!r} were given."
        )
    return shortest, longest_gap


def _by_view(matches: Sequence[ChainMatch], views: int) -> list[ChainMatch]:
    """Matches ordered by view, after checking that there is one for each."""
    ordered = sorted(matches, key=lambda match: match.view)
    if [match.view for match in ordered] != list(range(views)):
        raise ValueError(
            f"One match for each of the {views} views is needed, as matching.match_views returns "
            f"them; matches of the views {[match.view for match in ordered]} were given."
        )
    return ordered


def _bridge(values: np.ndarray, points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Fill what is not finite along each line linearly; points of filled gaps may have no value."""
    if np.isfinite(values).all():
        return values
    arc = np.cumsum(2 * point_lengths(points, line))
    # Lines are far apart on this axis, so that nothing is interpolated across two of them; each
    # line begins and ends with a matched point.
    arc += line * (arc[-1] + 1)
    known = np.isfinite(values)
    if not known.any():
        return np.zeros_like(values)
    return np.where(known, values, np.interp(arc, arc[known], values[known]))


def _matched(match: ChainMatch, min_confidence: float) -> ViewPoints:
    """The trusted points of one view."""
    keep = np.asarray(match.status) == MATCHED
    keep &= np.isfinite(match.disparity) & (np.asarray(match.confidence) >= min_confidence)
    return ViewPoints(
        points=np.asarray(match.points, dtype=np.float64)[keep],
        disparity=np.asarray(match.disparity, dtype=np.float64)[keep],
        sigma=np.asarray(match.sigma, dtype=np.float64)[keep],
        confidence=np.asarray(match.confidence, dtype=np.float64)[keep],
        line=np.asarray(match.line, dtype=np.int64)[keep],
    )
