"""How a detection and a matching are scored against exact truth.

All scores compare centre lines, one pixel wide, so that thick lines count no more than thin ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from hyperspy_stereo.matching.curve_match import CurveMatch
from hyperspy_stereo.topology.centre_lines import (
    centre_line_scores,
    harmonic_mean,
    near,
    share_of,
)
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, BOUNDARY, IGNORE, LINE, Scene

__all__ = [
    "LEAST_DISTANCE",
    "REACH",
    "line_scores",
    "mask_scores",
    "matchable",
    "matching_scores",
    "point_errors",
    "rejection_scores",
]

LEAST_DISTANCE = 3.0  #: px from a line beyond which a boundary's pixel is nothing but boundary
REACH = 2.0  #: px within which an answer belongs to a pixel of a true line


def line_scores(
    probability: ArrayLike,
    label: ArrayLike,
    tolerance: float = 2.0,
    threshold: float = 0.5,
) -> dict[str, float]:
    """Score detected lines against the labels of one view.

    The predicted centre line is the skeleton of ``probability >= threshold``, the true one that of
    the pixels with `LINE`. Pixels with `IGNORE`, `AMBIGUOUS` or `BOUNDARY`, and those within the
    tolerance of one, are left out on both sides: whatever is predicted near an invisible line is
    neither right nor wrong.

    Parameters
    ----------
    probability : (H, W) array_like
        Of a line in each pixel, 0 to 1; a bool mask will do.
    label : (H, W) array_like of uint8
        Bits of `recipe.scene`.
    tolerance : float, default 2.0
        px; a hand-drawn line is not drawn better.
    threshold : float, default 0.5
        On the probability.

    Returns
    -------
    dict
        precision : share of the predicted centre line within the tolerance of the true one;
        recall : share of the true centre line within the tolerance of the predicted one;
        f1 : their harmonic mean;
        cldice : harmonic mean of the share of the predicted centre line inside the true lines
        (3 px wide) and of the true centre line inside the predicted lines, without tolerance;
        boundary_as_line : share of `BOUNDARY` pixels, more than 3 px from `LINE` and `IGNORE`,
        that are called line;
        boundary_pixels : number of these pixels.
        Where there is nothing to score a value is NaN; where there are true lines and nothing is
        predicted, precision, recall, F1 and clDice are 0.

    Raises
    ------
    ValueError
        If the arrays are not two of one shape, or the label has no whole numbers.

    Notes
    -----
    clDice is that of S. Shit et al., CVPR (2021) 16560, arXiv 2003.07311.

    Examples
    --------
    >>> label = np.zeros((32, 32), np.uint8)
    >>> label[15:18, 2:30] = LINE
    >>> scores = line_scores(label == LINE, label)
    >>> scores["f1"], scores["cldice"]
    (1.0, 1.0)
    """
    probability, label = _checked(probability, label)
    called = probability >= threshold
    lines = (label & LINE) > 0
    left_out = near((label & (IGNORE | AMBIGUOUS | BOUNDARY)) > 0, tolerance)
    boundary = (label & BOUNDARY) > 0
    boundary &= ~near((label & (LINE | IGNORE)) > 0, LEAST_DISTANCE)
    return {
        **centre_line_scores(called, lines, left_out, tolerance),
        "boundary_as_line": share_of(called, boundary),
        "boundary_pixels": int(boundary.sum()),
    }


def mask_scores(mask: ArrayLike, truth: ArrayLike, tolerance: float = 2.0) -> dict[str, float]:
    """Score the pixels of a mask against those of a mask drawn by hand.

    Parameters
    ----------
    mask, truth : (H, W) array_like of bool
        Detected, and drawn.
    tolerance : float, default 2.0
        px.

    Returns
    -------
    dict
        precision : share of the detected pixels within the tolerance of a drawn one;
        recall : share of the drawn pixels within the tolerance of a detected one;
        f1 : their harmonic mean.

    Raises
    ------
    ValueError
        If the masks have different shapes.

    Examples
    --------
    >>> mask_scores(np.eye(8, dtype=bool), np.eye(8, dtype=bool))["f1"]
    1.0
    """
    mask, truth = np.asarray(mask, bool), np.asarray(truth, bool)
    if mask.shape != truth.shape:
        raise ValueError(f"the masks have the shapes {mask.shape} and {truth.shape}; give equal.")
    precision, recall = (
        share_of(near(truth, tolerance), mask),
        share_of(near(mask, tolerance), truth),
    )
    return {"f1": harmonic_mean(precision, recall), "precision": precision, "recall": recall}


def matchable(scene: Scene) -> np.ndarray:
    """Pixels of the left view whose disparity is scored.

    Parameters
    ----------
    scene : Scene
        With labels of both views.

    Returns
    -------
    (H, W) bool ndarray
        The centre line of the true lines where the disparity is known, but for pixels that are
        `AMBIGUOUS`, `IGNORE` or `BOUNDARY` (no line is looked for within a boundary), and those
        whose counterpart lies outside the other view or, there, on an invisible part (`IGNORE`)
        or a boundary.
    """
    label, disparity = scene.label[0], scene.disparity[0]
    where = skeletonize((label & LINE) > 0)
    where &= np.isfinite(disparity) & ((label & (AMBIGUOUS | IGNORE | BOUNDARY)) == 0)
    rows, columns = np.nonzero(where)
    partner = np.rint(columns + disparity[rows, columns]).astype(int)
    inside = (partner >= 0) & (partner < label.shape[1])
    there = scene.label[1][rows, np.clip(partner, 0, label.shape[1] - 1)]
    unseen = (there & (IGNORE | BOUNDARY)) > 0
    where[rows, columns] = inside & ~unseen
    return where


def point_errors(
    answer: np.ndarray | CurveMatch,
    scene: Scene,
    accepted: np.ndarray | None = None,
    reach: float = REACH,
) -> tuple[np.ndarray, np.ndarray]:
    """Error of the answer at each scored pixel of the left view.

    Parameters
    ----------
    answer : (H, W) ndarray or CurveMatch
        Disparity x_right - x_left of the left view in px, NaN where there is none; or its lines.
    scene : Scene
        The truth.
    accepted : (N,) bool ndarray, optional
        Points of a `CurveMatch` that count as answers. Default: all.
    reach : float, default 2.0
        px; the nearest answer within it is taken.

    Returns
    -------
    error : (P,) ndarray
        Disparity minus the true one, px, at the pixels of `matchable`; NaN without an answer.
    index : (P,) int ndarray
        The point, or the flat index of the pixel, that the answer came from; -1 for none.

    Raises
    ------
    ValueError
        If a map has another shape than the scene, or `accepted` another length than the points.
    """
    rows, columns = np.nonzero(matchable(scene))
    points, disparity, number = _answers(answer, scene.label.shape[1:], accepted)
    error, index = np.full(rows.size, np.nan), np.full(rows.size, -1)
    if len(points) and rows.size:
        places = np.column_stack([columns, rows])
        distance, nearest = cKDTree(points).query(places, distance_upper_bound=reach + 1e-9)
        found = np.isfinite(distance)
        error[found] = disparity[nearest[found]] - scene.disparity[0][rows, columns][found]
        index[found] = number[nearest[found]]
    return error, index


def matching_scores(
    answer: np.ndarray | CurveMatch,
    scene: Scene,
    angle: float,
    accepted: np.ndarray | None = None,
) -> dict[str, float]:
    """Score the disparity of the left view's lines.

    The pixels in question are those of `matchable`. Each takes the nearest answer within 2 px.
    Answers elsewhere, on false lines, are not counted here but in the precision of the detection.

    Parameters
    ----------
    answer : (H, W) ndarray or CurveMatch
        Disparity x_right - x_left in px, NaN where there is none; or lines with disparity.
    scene : Scene
        The truth.
    angle : float
        Stereo angle in degrees, for the depth.
    accepted : (N,) bool ndarray, optional
        Points of a `CurveMatch` that count as answers. Default: all.

    Returns
    -------
    dict
        coverage : share of the pixels in question with an answer, 0 to 1;
        over1, over3, over5 : share of the answers wrong by more than 1, 3, 5 px, %;
        epe, median : mean and median size of the errors of the answers, px;
        depth_error : mean size of the errors in depth, px;
        pixels : number of pixels in question.
        NaN where there is nothing to score.

    Raises
    ------
    ValueError
        For arrays that do not fit the scene, or an angle that is not above 0.

    Examples
    --------
    >>> label = np.zeros((2, 32, 64), np.uint8)
    >>> label[0, 4:28, 19:22] = label[1, 4:28, 24:27] = LINE
    >>> truth = np.where(label > 0, 5.0, np.nan).astype(np.float32)
    >>> scene = Scene(np.ones(label.shape, np.float32), label, truth, np.int16(label) - 1)
    >>> scores = matching_scores(truth[0] + 0.5, scene, angle=6.0)
    >>> scores["coverage"], scores["epe"], round(scores["depth_error"], 2)
    (1.0, 0.5, 4.77)
    """
    if not angle > 0:
        raise ValueError(f"angle={angle!r}: give the stereo angle of the pair in degrees, above 0.")
    error, _ = point_errors(answer, scene, accepted)
    return _summary(error, angle, str(scene.info.get("geometry", "tiltless")))


def rejection_scores(
    match: CurveMatch, scene: Scene, angle: float, coverage: float = 0.7
) -> dict[str, float]:
    """Score the surest answers: as many as still cover a share of the pixels in question.

    Parameters
    ----------
    match : CurveMatch
        Lines of the left view with disparity and confidence.
    scene : Scene
        The truth.
    angle : float
        Stereo angle in degrees.
    coverage : float, default 0.7
        Share of the pixels of `matchable` that have to keep an answer.

    Returns
    -------
    dict
        As `matching_scores`, with `least_confidence`: the lowest confidence that was kept. Where
        all answers together cover less, all are kept.

    Raises
    ------
    ValueError
        If the coverage is not above 0 and at most 1.
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage={coverage!r}: give a share above 0 and at most 1.")
    error, index = point_errors(match, scene)
    found = np.flatnonzero(index >= 0)
    order = found[np.argsort(-match.confidence[index[found]], kind="stable")]
    kept = order[: int(np.ceil(coverage * error.size))]
    left = np.full(error.size, np.nan)
    left[kept] = error[kept]
    scores = _summary(left, angle, str(scene.info.get("geometry", "tiltless")))
    least = match.confidence[index[kept]].min() if kept.size else np.nan
    return {**scores, "least_confidence": float(least)}


def _summary(error: np.ndarray, angle: float, geometry: str) -> dict[str, float]:
    """Scores of errors in px, NaN where there is no answer."""
    size = np.abs(error[np.isfinite(error)])
    half = np.radians(angle) / 2
    per_depth = 2 * (np.sin(half) if geometry == "tilt" else np.tan(half))
    none = size.size == 0
    shares = {f"over{k}": np.nan if none else 100 * float(np.mean(size > k)) for k in (1, 3, 5)}
    return {
        "coverage": size.size / error.size if error.size else np.nan,
        **shares,
        "epe": np.nan if none else float(size.mean()),
        "median": np.nan if none else float(np.median(size)),
        "depth_error": np.nan if none else float(size.mean() / per_depth),
        "pixels": int(error.size),
    }


def _answers(answer, shape, accepted) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places x, y, disparities and numbers of all answers."""
    if isinstance(answer, CurveMatch):
        keep = np.ones(len(answer.points), bool) if accepted is None else np.asarray(accepted, bool)
        if keep.shape != (len(answer.points),):
            raise ValueError(
                f"accepted has the shape {keep.shape}, but the match {len(answer.points)} points."
            )
        keep = keep & np.isfinite(answer.disparity)
        return answer.points[keep], answer.disparity[keep], np.flatnonzero(keep)
    answer = np.asarray(answer, float)
    if answer.shape != tuple(shape):
        raise ValueError(f"the disparity has the shape {answer.shape}, but the scene {shape}.")
    if accepted is not None:
        raise ValueError("accepted belongs to a CurveMatch; set refused pixels of a map to NaN.")
    rows, columns = np.nonzero(np.isfinite(answer))
    number = np.flatnonzero(np.isfinite(answer))
    return np.column_stack([columns, rows]), answer[rows, columns], number


def _checked(probability: ArrayLike, label: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    probability, label = np.asarray(probability), np.asarray(label)
    if probability.ndim != 2 or probability.shape != label.shape:
        raise ValueError(
            f"probability has the shape {probability.shape} and label {label.shape}; give those "
            "of one view, both (H, W)."
        )
    if label.dtype.kind not in "iu":
        raise ValueError(
            f"label has the dtype {label.dtype}; bits are needed: take one view of Scene.label."
        )
    return probability, label
