"""Tables of the detectors: on the frozen set, on crude scenes, on a real picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyperspy_stereo.training.evaluation.crude import crude_pair
from hyperspy_stereo.training.evaluation.frozen import FOLDER, FrozenPair, PairRecipe, make_pairs
from hyperspy_stereo.training.evaluation.report import in_processes, mean_scores, table
from hyperspy_stereo.training.evaluation.scores import line_scores, mask_scores
from hyperspy_stereo.training.evaluation.systems import (
    Weights,
    detect,
    detectors,
    thresholds_of,
)
from hyperspy_stereo.training.seeds import CRUDE

__all__ = ["CRUDE_SEEDS", "annotated_picture", "detection_tables"]

#: Crude scenes of the table; training watches the first ones of the range, these are others.
CRUDE_SEEDS = CRUDE[-72:]
SIDE = 384  # px, of the crude scenes
NOISE = ("noise 0 (least)", "noise 1", "noise 2", "noise 3 (most)")
COLUMNS = {
    "f1": ("F1", ".3f"),
    "precision": ("precision", ".3f"),
    "recall": ("recall", ".3f"),
    "cldice": ("clDice", ".3f"),
    "boundary": ("boundary as line %", ".1f"),
    "seconds": ("s a view", ".2f"),
}


@dataclass(frozen=True)
class _Job:
    """A frozen pair, or the seed of a crude one, and what is to see it."""

    source: PairRecipe | int
    folder: Path
    weights: Weights
    names: tuple[str, ...]


def detection_tables(
    recipes: Sequence[PairRecipe],
    weights: Weights,
    data: Path,
    folder: Path = FOLDER,
    workers: int = 2,
    crude_seeds: Sequence[int] = CRUDE_SEEDS,
    point_recipes: Sequence[PairRecipe] = (),
) -> str:
    """Score all detectors and lay the scores out.

    Parameters
    ----------
    recipes : sequence of PairRecipe
        The frozen set, or a part of it; both views count.
    weights : Weights
        Of the network; without any the filter stands alone.
    data : Path
        Folder with ``real_pair_annotated``; without it that table is left out.
    folder : Path
        Where frozen pairs are kept.
    workers : int, default 2
        Processes.
    crude_seeds : sequence of int
        Of the crude scenes; their left view counts.
    point_recipes : sequence of PairRecipe
        The frozen specimens seen by point detectors: a row of its own.

    Returns
    -------
    str
    """
    names = detectors(weights)
    sources = (*recipes, *point_recipes, *crude_seeds)
    jobs = [_Job(source, folder, weights, names) for source in sources]
    results = in_processes(_score, jobs, workers)
    last = len(recipes) + len(point_recipes)
    frozen, point, crude = results[: len(recipes)], results[len(recipes) : last], results[last:]
    parts = [
        f"detection: {len(frozen)} frozen physical pairs (both views) and {len(crude)} crude\n"
        "scenes (left view); 2 px tolerance; mean over views; boundary as line: over all pixels\n"
    ]
    for name in names:
        rows = {"frozen": _combined(frozen, name)}
        for level, label in enumerate(NOISE):
            rows[label] = _combined([r for r in frozen if r["noise"] == level], name)
        if point:
            rows["point detectors"] = _combined(point, name)
        rows["crude"] = _combined(crude, name)
        parts.append(table(name, rows, COLUMNS))
        lost = rows["frozen"].get("f1", np.nan) - rows["crude"].get("f1", np.nan)
        parts.append(f"  F1 lost from frozen to crude: {lost:.3f}\n")
    parts.append(_scenes(frozen, names))
    parts.append(_real(data, weights, names))
    return "\n".join(part for part in parts if part)


def annotated_picture(data: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """The real left picture and the mask a person drew on it; None if they are not there."""
    from skimage.io import imread

    folder = Path(data) / "real_pair_annotated"
    if not (folder / "left.png").is_file() or not (folder / "left_mask.png").is_file():
        return None
    image, mask = (np.asarray(imread(folder / f"{n}.png")) for n in ("left", "left_mask"))
    image = image[..., :3].mean(axis=2) if image.ndim == 3 else image
    return image.astype(np.float32), (mask if mask.ndim == 2 else mask[..., 0]) > 0


def _score(job: _Job) -> dict[str, Any]:
    """Scores of each detector in each view of one pair."""
    if isinstance(job.source, PairRecipe):
        pair = make_pairs([job.source], job.folder, workers=1)[0]
        views = list(zip(pair.images, pair.scene.label, strict=True))
        result: dict[str, Any] = {"noise": pair.noise, "title": _title(pair)}
    else:
        images, scene = crude_pair(job.source, SIDE)
        views = [(images[0], scene.label[0])]
        result = {"noise": -1, "title": str(job.source)}
    for name in job.names:
        result[name] = []
        level = thresholds_of(name, job.weights)[0]
        for image, label in views:
            start = time.perf_counter()
            probability = detect(name, image, job.weights)[0]
            seconds = time.perf_counter() - start
            result[name].append(
                {**line_scores(probability, label, threshold=level), "seconds": seconds}
            )
    return result


def _title(pair: FrozenPair) -> str:
    info = pair.scene.info
    kind = info.get("kind") or "mixed"
    return f"{kind}, {info['crystal']}, {pair.angle:g} deg, noise {pair.noise}"


def _combined(results: Sequence[dict], name: str) -> dict[str, float]:
    """Means over views; boundary pixels are pooled, and seconds are a median."""
    rows = [row for result in results for row in result[name]]
    if not rows:
        return {}
    scores = mean_scores(rows)
    counts = np.array([row["boundary_pixels"] for row in rows], float)
    shares = np.nan_to_num([row["boundary_as_line"] for row in rows])
    pooled = 100 * (shares * counts).sum() / counts.sum() if counts.sum() else np.nan
    seconds = float(np.median([row["seconds"] for row in rows]))
    return {**scores, "boundary": float(pooled), "seconds": seconds}


def _scenes(results: Sequence[dict], names: Sequence[str]) -> str:
    """F1 of each detector in each frozen pair."""
    rows = {
        f"{n:2d} {result['title']}": {name: mean_scores(result[name])["f1"] for name in names}
        for n, result in enumerate(results)
    }
    return table("F1 of each frozen pair", rows, {name: (name, ".3f") for name in names})


def _real(data: Path, weights: Weights, names: Sequence[str]) -> str:
    """Scores on the real picture."""
    found = annotated_picture(data)
    if found is None:
        return ""
    image, mask = found
    rows = {}
    for name in names:
        called = detect(name, image, weights)[0] > thresholds_of(name, weights)[0]
        label = mask.astype(np.uint8)
        centre = {f"centre_{key}": value for key, value in line_scores(called, label).items()}
        rows[name] = {**mask_scores(called, mask), **centre}
    columns = {
        "f1": ("F1", ".3f"),
        "precision": ("precision", ".3f"),
        "recall": ("recall", ".3f"),
        "centre_f1": ("F1 of centre lines", ".3f"),
    }
    title = "real annotated pair, left picture, pixels against the human mask at 2 px"
    return table(title, rows, columns)
