"""How sure a score is: the same comparison in sub-images, drawn again and again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from hyperspy_stereo.topology.comparison import Comparison
from hyperspy_stereo.topology.families import FAMILIES, family_of
from hyperspy_stereo.topology.weights import ScoreWeights

__all__ = ["resampled_scores", "sub_images"]

LEAST_SIDE = 32  #: px of a sub-image: several line spacings, else it holds nothing to compare.


def sub_images(shape: tuple[int, ...], parts: int) -> list[tuple[slice, ...]]:
    """Cut a frame into equal sub-images.

    Parameters
    ----------
    shape : tuple of int
        (H, W) or (D, H, W).
    parts : int
        Along each axis; fewer where a side would fall below `LEAST_SIDE`.

    Returns
    -------
    list of tuple of slice
        That together cover the frame once.

    Raises
    ------
    ValueError
        If parts is below 1.

    Examples
    --------
    >>> len(sub_images((512, 512), 3)), len(sub_images((512, 40), 3))
    (9, 3)
    """
    if parts < 1:
        raise ValueError(f"parts must be 1 or more along each axis; got {parts!r}.")
    edges = [np.linspace(0, n, max(min(parts, n // LEAST_SIDE), 1) + 1).astype(int) for n in shape]
    steps = [[slice(int(a), int(b)) for a, b in pairwise(e)] for e in edges]
    places = np.stack(np.meshgrid(*[np.arange(len(s)) for s in steps], indexing="ij"), axis=-1)
    return [
        tuple(s[i] for s, i in zip(steps, place, strict=True))
        for place in places.reshape(-1, len(shape))
    ]


def resampled_scores(
    comparisons: Sequence[Sequence[Comparison]],
    weights: ScoreWeights,
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Scores of conditions over sub-images that are drawn with replacement.

    Parameters
    ----------
    comparisons : sequence of sequence of Comparison
        For each condition its sub-images, the same ones in the same order for all.
    weights : ScoreWeights
        Of the score.
    resamples : int, default 1000
        Number of drawings; 1000 give the ends of a 95 % interval to about 2 % of its width.
    seed : int, default 0
        Of the drawings.

    Returns
    -------
    ndarray of shape (resamples + 1, V)
        Row 0 with every sub-image once. Each drawing is the same for all conditions, so that
        what a place does to all of them falls out of their differences. Distances and contents
        are added up before they are divided: a sub-image without lines does not count.

    Notes
    -----
    B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 6; a sum over
    sub-images as a block bootstrap, since pixels depend on each other.
    """
    rng = np.random.default_rng(seed)
    n = len(comparisons[0])
    draws = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=resamples)])
    scores = []
    for parts in comparisons:
        kinds = np.array([family_of(name) for name in parts[0].names])
        distance = np.stack([_by_family(p.distance, kinds) for p in parts])
        whole = distance.sum(axis=-1) + np.stack(
            [_by_family(p.content, kinds).sum(axis=-1) for p in parts]
        )
        top = np.einsum("rn,nfk->rfk", draws, 2 * distance)
        bottom = (draws @ whole)[..., None]
        scores.append(
            weights.score(np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0))
        )
    return np.stack(scores, axis=1)


def _by_family(values: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    return np.stack([values[kinds == family].sum(axis=0) for family in FAMILIES])
