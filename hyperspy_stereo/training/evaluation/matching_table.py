"""Tables of the matchers on the frozen set, with detected masks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyperspy_stereo.matching.curve_match import CurveMatch
from hyperspy_stereo.training.evaluation.frozen import FOLDER, FrozenPair, PairRecipe, make_pairs
from hyperspy_stereo.training.evaluation.report import in_processes, mean_scores, table
from hyperspy_stereo.training.evaluation.scores import matching_scores, rejection_scores
from hyperspy_stereo.training.evaluation.systems import (
    SEMIGLOBAL,
    Matcher,
    Weights,
    best_detector,
    detect,
    matchers,
)

__all__ = ["COVERAGE", "ERASED", "erased", "matching_tables"]

COVERAGE = 0.7  # after rejection
ERASED = 0.2  # of each mask, in the table of incomplete masks
ALIKE = (SEMIGLOBAL, "scm, raw")  # what is missing in a mask does not change their answer elsewhere
RADII = (6.0, 16.0)  # px, of the pieces that are erased
COLUMNS = {
    "coverage": ("coverage", ".3f"),
    "over1": (">1 px %", ".1f"),
    "over3": (">3 px %", ".2f"),
    "over5": (">5 px %", ".2f"),
    "epe": ("EPE px", ".2f"),
    "median": ("median px", ".2f"),
    "depth_error": ("depth error px", ".1f"),
    "seconds": ("s a pair", ".2f"),
}


@dataclass(frozen=True)
class _Job:
    number: int
    recipe: PairRecipe
    folder: Path
    weights: Weights


def matching_tables(
    recipes: Sequence[PairRecipe], weights: Weights, folder: Path = FOLDER, workers: int = 2
) -> str:
    """Score all matchers with the masks of the best detector and lay the scores out.

    Parameters
    ----------
    recipes : sequence of PairRecipe
        The frozen set, or a part of it.
    weights : Weights
        Of the networks; those without weights are left out.
    folder : Path
        Where frozen pairs are kept.
    workers : int, default 2
        Processes, of one thread each.

    Returns
    -------
    str
    """
    jobs = [_Job(n, recipe, folder, weights) for n, recipe in enumerate(recipes)]
    results = in_processes(_score, jobs, workers)
    head = (
        f"matching: {len(results)} frozen physical pairs, masks detected by the "
        f"{best_detector(weights)}\n"
        "mean over pairs (seconds: median); true centre lines of the left view; reach 2 px\n"
        "ours: matched points only; one thread; SGM is told the true range of disparities\n"
    )
    parts = [head]
    for key, title in (
        ("detected", "masks as detected"),
        ("incomplete", f"{100 * ERASED:.0f} % of each mask erased in round pieces"),
    ):
        names = list(results[0][key])
        rows = {name: _combined([r[key][name] for r in results]) for name in names}
        parts.append(table(title, rows, COLUMNS))
    names = list(matchers(weights))
    last = names[-1]
    rows = {
        f"{n:2d} {result['title']}": {
            **result["detected"][last],
            **{name: result["detected"][name]["over3"] for name in names},
        }
        for n, result in enumerate(results)
    }
    shown = {key: COLUMNS[key] for key in ("coverage", "epe", "median", "depth_error")}
    columns = {name: (f"{name} >3 %", ".2f") for name in names}
    parts.append(table(f"each pair; coverage to depth error: {last}", rows, {**shown, **columns}))
    return "\n".join(parts)


def erased(probability: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Erase round pieces along the lines of a probability until a share of the line is gone.

    Parameters
    ----------
    probability : (H, W) ndarray
        Of lines; above 0.5 counts.
    share : float
        Of the pixels above 0.5 to erase.
    seed : int
        Of the places.

    Returns
    -------
    (H, W) ndarray
        0 in the pieces.

    Examples
    --------
    >>> line = np.zeros((64, 64))
    >>> line[30:33] = 1
    >>> bool(0.5 < erased(line, 0.2, 0).sum() / line.sum() < 0.81)
    True
    """
    rng = np.random.default_rng(seed)
    left = np.array(probability, copy=True)
    rows, columns = np.nonzero(left > 0.5)
    y, x = np.ogrid[: left.shape[0], : left.shape[1]]
    while rows.size and (left > 0.5).sum() > (1 - share) * rows.size:
        k, radius = rng.integers(rows.size), rng.uniform(*RADII)
        left[(y - rows[k]) ** 2 + (x - columns[k]) ** 2 < radius**2] = 0
    return left


def _score(job: _Job) -> dict[str, Any]:
    """Scores of each matcher on one pair, with masks as detected and with incomplete ones."""
    pair = make_pairs([job.recipe], job.folder, workers=1)[0]
    name = best_detector(job.weights)
    probability = np.stack([detect(name, image, job.weights)[0] for image in pair.images])
    incomplete = np.stack(
        [erased(p, ERASED, 2 * job.number + view) for view, p in enumerate(probability)]
    )
    info = pair.scene.info
    title = f"{info.get('kind') or 'mixed'}, {pair.angle:g} deg, noise {pair.noise}"
    return {
        "title": title,
        "detected": _scores(pair, probability, matchers(job.weights)),
        "incomplete": _scores(
            pair, incomplete, {k: m for k, m in matchers(job.weights).items() if k not in ALIKE}
        ),
    }


def _combined(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over pairs; of the seconds the median, as the first call compiles."""
    seconds = [row["seconds"] for row in rows if "seconds" in row]
    return {**mean_scores(rows), "seconds": float(np.median(seconds)) if seconds else np.nan}


def _scores(
    pair: FrozenPair, probability: np.ndarray, systems: Mapping[str, Matcher]
) -> dict[str, dict]:
    rows: dict[str, dict[str, float]] = {}
    for name, matcher in systems.items():
        start = time.perf_counter()
        answer = matcher(pair.images, probability, pair.scene)
        seconds = time.perf_counter() - start
        scores = matching_scores(answer.disparity, pair.scene, pair.angle, answer.accepted)
        rows[name] = {**scores, "seconds": seconds}
        if isinstance(answer.disparity, CurveMatch):
            every = matching_scores(answer.disparity, pair.scene, pair.angle)
            surest = rejection_scores(answer.disparity, pair.scene, pair.angle, COVERAGE)
            rows[f"{name}, all points"] = every
            rows[f"{name}, surest {100 * COVERAGE:.0f} %"] = surest
    return rows
