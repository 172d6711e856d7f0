"""The score: how far segmentations are from the truth, one number for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.centre_lines import TOLERANCE, centre_line_scores
from hyperspy_stereo.topology.checks import as_mask, as_pixel_size, same_shape
from hyperspy_stereo.topology.comparison import Comparison, MaskTopology, compare, mask_topology
from hyperspy_stereo.topology.connectivity import connectivity
from hyperspy_stereo.topology.distances import betti_difference
from hyperspy_stereo.topology.sub_images import resampled_scores, sub_images
from hyperspy_stereo.topology.weights import ScoreWeights, shipped_weights

__all__ = ["MaskScores", "ScoreSettings", "score_masks"]


@dataclass(frozen=True)
class ScoreSettings:
    """How scores are computed.

    Attributes
    ----------
    parts : int
        Sub-images along each axis for the confidence interval; 1 gives none. Three make nine of
        them, enough to draw from and large enough to hold several lines.
    resamples : int
        Drawings of the sub-images.
    confidence : float
        Of the interval, between 0 and 1.
    tolerance : float
        px that a line may lie beside the true one, for F1, connectivity and spurious signal.
    seed : int
        Of the drawings.
    n_jobs : int
        Threads; -1 takes one for each core.

    Raises
    ------
    ValueError
        If the confidence does not lie between 0 and 1, or a number is below what makes sense.
    """

    parts: int = 3
    resamples: int = 1000
    confidence: float = 0.95
    tolerance: float = TOLERANCE
    seed: int = 0
    n_jobs: int = -1

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence must lie between 0 and 1, got {self.confidence!r}.")
        for name in ("parts", "resamples", "seed", "n_jobs"):
            if not isinstance(getattr(self, name), int | np.integer):
                raise TypeError(f"{name} must be a whole number, got {getattr(self, name)!r}.")
        if self.parts < 1 or self.resamples < 2:
            raise ValueError(
                f"parts must be 1 or more and resamples 2 or more, got {self.parts!r} and "
                f"{self.resamples!r}."
            )
        if self.tolerance < 0:
            raise ValueError(f"tolerance must be 0 px or more, got {self.tolerance!r}.")


@dataclass(frozen=True)
class MaskScores:
    """Scores of V masks.

    Attributes
    ----------
    names : tuple of str
        The F filtrations.
    matrix : ndarray of shape (2, F, V)
        Relative distance in H0 and H1, each filtration, each mask.
    families : ndarray of shape (V, 4, 2)
        Its mean over each family of filtrations.
    final : ndarray of shape (V,)
        Weighted sum: 0 for the truth itself.
    low, high : ndarray of shape (V,)
        Ends of the confidence interval; NaN where there is one sub-image only.
    best_share : ndarray of shape (V,)
        Share of the resamples in which the mask is the best of all; NaN likewise.
    error : ndarray of shape (V,)
        Greatest change of `final` that leaving out short-lived classes can have made.
    numbers : tuple of dict
        For each mask the plain numbers of `connectivity` and `centre_line_scores`, and
        ``betti0``, ``betti1``: difference of the Betti curves of the dilation filtration.
    weights : ScoreWeights
        Used.
    settings : ScoreSettings
        Used.
    """

    names: tuple[str, ...]
    matrix: np.ndarray
    families: np.ndarray
    final: np.ndarray
    low: np.ndarray
    high: np.ndarray
    best_share: np.ndarray
    error: np.ndarray
    numbers: tuple[dict[str, float], ...]
    weights: ScoreWeights
    settings: ScoreSettings


@dataclass(frozen=True)
class _Whole:
    """A mask or a truth, with what is compared of it."""

    mask: np.ndarray
    topology: MaskTopology
    parts: list[MaskTopology]


def score_masks(
    masks: Sequence[ArrayLike],
    truths: Sequence[ArrayLike],
    pixel_size: ArrayLike = 1.0,
    weights: ScoreWeights | None = None,
    settings: ScoreSettings | None = None,
) -> MaskScores:
    """Score masks against the truth.

    Parameters
    ----------
    masks : sequence of V array_like of bool, each (H, W) or (D, H, W)
        What was detected, for example under V imaging conditions.
    truths : sequence of 1 or V array_like of bool
        The truth of all of them, or of each.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first. The score depends on ratios only.
    weights : ScoreWeights, optional
        By default those shipped.
    settings : ScoreSettings, optional
        By default as documented there.

    Returns
    -------
    MaskScores

    Raises
    ------
    TypeError, ValueError
        If one is no mask, shapes differ, or there is neither one truth nor one for each mask.

    Notes
    -----
    In each family of filtrations (dilation, density, height, radial) the sliced Wasserstein
    distances of the diagrams, added up, are divided by what both masks hold
    (`distances.relative`): neither the size of the picture nor the number of its lines decides.
    Classes of heights and radii live at most `filtrations.REACH` px, so that it does not matter how
    far from the edge of the frame a line lies.
    The weighted sum over families and dimensions is the score. With fixed weights it is symmetric
    in mask and truth. A quarter turn or a flip of both changes nothing; a translation of both
    within the frame changes only the radial family, whose centres stay behind, and the death of
    the whole under dilation.

    Examples
    --------
    >>> truth = np.zeros((64, 64), bool)
    >>> truth[20:23, 4:60] = truth[40:43, 4:60] = True
    >>> broken = truth.copy()
    >>> broken[20:23, 28:34] = False
    >>> scores = score_masks([truth, broken], [truth], settings=ScoreSettings(parts=1))
    >>> float(scores.final[0]), bool(scores.final[1] > 0), scores.numbers[1]["breaks"]
    (0.0, True, 1)
    """
    settings = ScoreSettings() if settings is None else settings
    weights = shipped_weights() if weights is None else weights
    for given, kind, how in (
        (settings, ScoreSettings, "ScoreSettings(parts=..., ...)"),
        (weights, ScoreWeights, "fit_weights(...), or leave it out"),
    ):
        if not isinstance(given, kind):
            raise TypeError(f"a {kind.__name__} is needed, got {type(given).__name__}: give {how}.")
    found = [as_mask(m, f"mask {i}") for i, m in enumerate(masks)]
    true = [as_mask(t, f"truth {i}") for i, t in enumerate(truths)]
    _check_numbers(found, true)
    as_pixel_size(pixel_size, true[0].ndim)
    frames = sub_images(true[0].shape, settings.parts)
    frames = frames if len(frames) > 1 else []
    wholes = _in_threads(
        [(mask, pixel_size, frames) for mask in [*found, *true]], _whole, settings.n_jobs
    )
    known = wholes[len(found) :] * (len(found) // len(true))
    pairs = zip(wholes[: len(found)], known, strict=True)
    compared = _in_threads(
        [(a, b, pixel_size, settings) for a, b in pairs], _compared, settings.n_jobs
    )
    comparisons = [c for c, _, _ in compared]
    families = np.stack([c.families for c in comparisons])
    final = weights.score(families)
    low, high, best = _interval([parts for _, parts, _ in compared], final, weights, settings)
    bounds = np.stack([c.family_errors for c in comparisons])
    return MaskScores(
        names=comparisons[0].names,
        matrix=np.stack([c.matrix for c in comparisons], axis=-1).transpose(1, 0, 2),
        families=families,
        final=final,
        low=low,
        high=high,
        best_share=best,
        error=bounds @ weights.values.sum(axis=1),
        numbers=tuple(numbers for _, _, numbers in compared),
        weights=weights,
        settings=settings,
    )


def _check_numbers(masks: list[np.ndarray], truths: list[np.ndarray]) -> None:
    if not masks or not truths:
        raise ValueError("at least one mask and one truth are needed.")
    if len(truths) not in (1, len(masks)):
        raise ValueError(
            f"{len(masks)} masks and {len(truths)} truths: give one truth for all masks, or "
            "one for each of them."
        )
    for mask in [*masks, *truths]:
        same_shape(mask, truths[0])


def _in_threads(tasks: list[tuple], function, n_jobs: int) -> list:
    """Run tasks in threads: gudhi and the distance transform let others run meanwhile."""
    from joblib import Parallel, delayed

    return Parallel(n_jobs=n_jobs, prefer="threads")(delayed(function)(*task) for task in tasks)


def _whole(mask: np.ndarray, pixel_size: ArrayLike, frames: list) -> _Whole:
    parts = [mask_topology(mask[frame], pixel_size) for frame in frames]
    return _Whole(mask, mask_topology(mask, pixel_size), parts)


def _compared(
    found: _Whole, true: _Whole, pixel_size: ArrayLike, settings: ScoreSettings
) -> tuple[Comparison, list[Comparison], dict[str, float]]:
    """Comparison of the whole and of its parts, and the plain numbers."""
    parts = [compare(a, b) for a, b in zip(found.parts, true.parts, strict=True)]
    rows = zip(found.topology.diagrams[0], true.topology.diagrams[0], strict=True)
    betti = {f"betti{k}": betti_difference(a, b) for k, (a, b) in enumerate(rows)}
    numbers = {
        **connectivity(found.mask, true.mask, pixel_size, settings.tolerance),
        **centre_line_scores(found.mask, true.mask, tolerance=settings.tolerance),
        **betti,
    }
    return compare(found.topology, true.topology), parts, numbers


def _interval(
    parts: list[list[Comparison]],
    final: np.ndarray,
    weights: ScoreWeights,
    settings: ScoreSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence interval of each score, and how often each is the best.

    Sub-images score a little differently from the whole (lines are cut at their edges), so it is
    their relative spread that is carried over to the whole.
    """
    if not parts[0]:
        return tuple(np.full(len(final), np.nan) for _ in range(3))
    scores = resampled_scores(parts, weights, settings.resamples, settings.seed)
    spread = np.divide(scores, scores[0], out=np.ones_like(scores), where=scores[0] > 0)
    drawn = spread[1:] * final
    tail = 50 * (1 - settings.confidence)
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=0)
    first = drawn == drawn.min(axis=1, keepdims=True)
    return low, high, (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
