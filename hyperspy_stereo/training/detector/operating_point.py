"""From which probability on a pixel is called a line: near the best F1, on the side of caution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["CANDIDATES", "LEVELS", "operating_point"]

LEVELS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)  #: probabilities that are tried
GIVEN_UP = 0.005  #: F1 given up for fewer false lines, which become wrong depths
CANDIDATES = 0.4  #: threshold of candidates, as a share of that of lines


def operating_point(
    sets: Iterable[Sequence[tuple[np.ndarray, np.ndarray]]], levels: Sequence[float] = LEVELS
) -> tuple[tuple[float, float], dict[str, list[float]]]:
    """Choose the thresholds of a detector.

    Parameters
    ----------
    sets : iterable of sequences of (probability, label)
        Calibrated probabilities (H, W) of lines with the labels of the scenes; each set, such as
        that of one renderer, counts the same.
    levels : sequence of float
        Thresholds to try.

    Returns
    -------
    thresholds : (float, float)
        For lines, the highest whose mean F1 over the sets is within 0.005 of the best, and for
        candidates.
    scores : dict
        "levels", and "f1" at each.

    Examples
    --------
    >>> label = np.zeros((64, 64), np.uint8)
    >>> label[:, 20:23] = 1
    >>> probability = 0.33 * label + 0.22 * np.roll(label, 20, axis=1)
    >>> operating_point([[(probability, label)]])[0]
    (0.3, 0.12)
    """
    from hyperspy_stereo.training.evaluation.scores import line_scores

    scores = []
    pictures = [list(each) for each in sets]
    for level in levels:
        means = []
        for each in pictures:
            found = [line_scores(p, label, threshold=level)["f1"] for p, label in each]
            means.append(np.nanmean(found))
        scores.append(float(np.mean(means)))
    good = np.array(scores) >= max(scores) - GIVEN_UP
    best = float(max(np.array(levels)[good]))
    return (best, round(CANDIDATES * best, 3)), {"levels": list(levels), "f1": scores}
