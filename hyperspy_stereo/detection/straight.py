"""Straight lines from one edge of the view to another: boundaries and traces, seen from far."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage.morphology import skeletonize
from skimage.transform import hough_line, hough_line_peaks

__all__ = ["through_lines"]

STEP = 0.25  # degrees between the directions that are tried
NEAR = 1.25  # px from the straight line within which a pixel of a centre line belongs to it
COVERED = 0.8  # share of the chord that has to be covered
LONGEST_GAP = 0.12  # of the chord, that may be uncovered
SHORTEST = 0.4  # chord, as a share of the shorter side: shorter ones only cut a corner
MOST = 24  # lines in one view
WIDEN = 2.5  # px to either side of the centre line that are taken with it
DOUBT = 0.12  # mean probability of a boundary along a chord below which it stays a line


def through_lines(
    probability: np.ndarray, boundary: np.ndarray, threshold: float = 0.25
) -> np.ndarray:
    """Find boundaries and traces among what runs straight through the whole view.

    A network sees no farther than its receptive field, in which a thin boundary, a slip trace and
    a straight dislocation look alike. Most dislocations end, bend or leave the foil before they
    have crossed a view; boundaries and traces do not. So what does is no dislocation, unless the
    network was sure that it is.

    Parameters
    ----------
    probability : (H, W) ndarray
        Of lines, 0 to 1.
    boundary : (H, W) ndarray
        Of boundaries, 0 to 1.
    threshold : float, default 0.25
        Above which a pixel takes part; the default is that of candidates.

    Returns
    -------
    (H, W) bool ndarray
        Pixels of lines that deviate by less than 1.25 px from a straight chord of the view and
        cover at least four fifths of it, where the mean of `boundary` is above 0.12.

    References
    ----------
    R. O. Duda, P. E. Hart, Commun. ACM 15 (1972) 11 (Hough transform).

    Examples
    --------
    >>> found = np.zeros((96, 96))
    >>> found[40:43, :] = found[60:63, 20:70] = 1.0
    >>> through = through_lines(found, 0.2 * found)
    >>> bool(through[41, 50]), bool(through[61, 50])
    (True, False)
    """
    called = np.asarray(probability) > threshold
    centre = skeletonize(called)
    result = np.zeros(called.shape, bool)
    if not centre.any():
        return result
    shorter = min(called.shape)
    angles = np.deg2rad(np.arange(-90, 90, STEP))
    counts, angles, distances = hough_line(centre, angles)
    _, tilts, offsets = hough_line_peaks(
        counts,
        angles,
        distances,
        min_distance=3,
        min_angle=6,
        threshold=0.5 * SHORTEST * shorter,
        num_peaks=MOST,
    )
    rows, columns = np.nonzero(centre)
    for tilt, offset in zip(tilts, offsets, strict=True):
        fitted = _fitted(rows, columns, tilt, offset)
        if fitted is None:
            continue
        on, along = fitted
        chord = _chord(called.shape, rows[on], columns[on])
        if chord is None or chord[1] - chord[0] < SHORTEST * shorter:
            continue
        if boundary[rows[on], columns[on]].mean() >= DOUBT and _covers(along, chord):
            result[rows[on], columns[on]] = True
    if not result.any():
        return result
    return called & (ndi.distance_transform_edt(~result) <= WIDEN)


def _fitted(rows, columns, tilt: float, offset: float):
    """Pixels on the best straight line near a peak, and where they lie along it; None if few."""
    on = np.abs(columns * np.cos(tilt) + rows * np.sin(tilt) - offset) <= 2 * NEAR
    for _ in range(3):
        if on.sum() < 10:
            return None
        points = np.column_stack([columns[on], rows[on]]).astype(float)
        middle = points.mean(axis=0)
        direction = np.linalg.svd(points - middle, full_matrices=False)[2][0]
        away = np.column_stack([columns, rows]) - middle
        on = np.abs(away @ np.array([-direction[1], direction[0]])) <= NEAR
    return on, away[on] @ direction


def _chord(shape: tuple[int, int], rows, columns) -> tuple[float, float] | None:
    """Where the straight line through pixels enters and leaves the view, along itself."""
    points = np.column_stack([columns, rows]).astype(float)
    if len(points) < 10:
        return None
    middle = points.mean(axis=0)
    direction = np.linalg.svd(points - middle, full_matrices=False)[2][0]
    low, high = -np.inf, np.inf
    for at, step, size in zip(middle, direction, shape[::-1], strict=True):
        if abs(step) > 1e-9:
            ends = sorted(((0 - at) / step, (size - 1 - at) / step))
            low, high = max(low, ends[0]), min(high, ends[1])
    return low, high


def _covers(along: np.ndarray, chord: tuple[float, float]) -> bool:
    """Whether pixels cover a chord well enough, without a long gap."""
    length = chord[1] - chord[0]
    bins = np.zeros(int(np.ceil(length)) + 1, bool)
    place = np.rint(along - chord[0]).astype(int)
    bins[place[(place >= 0) & (place < len(bins))]] = True
    filled = ndi.binary_closing(np.pad(bins, 4, mode="edge"), np.ones(5))[4:-4]
    gaps, number = ndi.label(~filled)
    longest = np.bincount(gaps[gaps > 0]).max() if number else 0
    return bool(filled.mean() >= COVERED and longest <= LONGEST_GAP * length)
