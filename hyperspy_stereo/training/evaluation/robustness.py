"""How detection and matching hold when the pictures get worse, and whether the user is warned."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.detection.trust import line_statistics, pair_warnings, warnings_for
from hyperspy_stereo.training.evaluation.frozen import FOLDER, FrozenPair, PairRecipe, make_pairs
from hyperspy_stereo.training.evaluation.report import in_processes, mean_scores, table
from hyperspy_stereo.training.evaluation.scores import line_scores, matching_scores
from hyperspy_stereo.training.evaluation.systems import (
    Weights,
    best_detector,
    detect,
    matchers,
    thresholds_of,
)
from hyperspy_stereo.training.recipe.noise import acquire_pair
from hyperspy_stereo.training.recipe.scene import Scene
from hyperspy_stereo.training.seeds import FROZEN

__all__ = ["SWEEPS", "Sweep", "altered", "robustness", "robustness_recipes"]

DOSE = 1000.0  # electrons per pixel of the ground, where the dose is not what is changed
ROWS = (0.008, 0.15)  # rms of the rows' current and of their shift in px
FIELD = 640.0  # nm, side of the field where the pixel size is changed
SIDE, PIXEL = 320, 2.0  # px and nm otherwise
ANGLE = 7.0  # degrees
DETECTOR = 8.0  # mrad
LEAST_F1, MOST_EPE = 0.65, 1.5  # beyond these the tool should not be trusted


@dataclass(frozen=True)
class Sweep:
    """One property that is changed, step by step.

    Attributes
    ----------
    name : str
        "dose", "contrast", "pixel size", "lines" or "vertical".
    label : str
        For the axis, with unit.
    values : tuple of float
        From the easiest to the hardest, or symmetric about the easiest.
    usual : float
        Value of all other sweeps.
    logarithmic : bool
        Scale of the axis.
    """

    name: str
    label: str
    values: tuple[float, ...]
    usual: float
    logarithmic: bool = True


SWEEPS = (
    Sweep("dose", "electrons per pixel", (4000, 1000, 250, 120, 60, 30, 15, 8), DOSE),
    Sweep("contrast", "contrast of the picture, relative", (1, 0.5, 0.25, 0.12, 0.06, 0.03), 1.0),
    Sweep("pixel size", "pixel size, nm", (1.2, 2.0, 3.3, 5.0, 7.5), PIXEL),
    Sweep("lines", "lines in (640 nm)^2", (4, 10, 20, 40, 80), 20),
    Sweep("vertical", "vertical misalignment, px", (-2, -1, -0.5, 0, 0.5, 1, 2), 0.0, False),
)
SCORES = {
    "f1": ("F1", ".3f"),
    "cldice": ("clDice", ".3f"),
    "coverage": ("coverage", ".3f"),
    "over3": (">3 px %", ".1f"),
    "epe": ("EPE px", ".2f"),
    "median": ("median px", ".2f"),
    "visibility": ("contrast/noise", ".1f"),
    "width": ("width px", ".1f"),
    "certainty": ("expected F1", ".2f"),
    "warned": ("warned %", ".0f"),
}


@dataclass(frozen=True)
class _Job:
    sweep: Sweep
    value: float
    recipe: PairRecipe
    folder: Path
    weights: Weights


def robustness_recipes(sweep: Sweep, value: float, scenes: int = 4) -> list[PairRecipe]:
    """The pairs that one point of a sweep is measured on: the same specimens where that can be.

    Parameters
    ----------
    sweep : Sweep
        What is changed.
    value : float
        To what.
    scenes : int, default 4
        Number of specimens.

    Returns
    -------
    list of PairRecipe
    """
    recipes = []
    for n in range(scenes):
        recipe = PairRecipe(
            seed=FROZEN.start + 200 + n,
            angle=ANGLE,
            noise=0,
            pixel_size=PIXEL,
            boundaries=n % 2,
            detector=DETECTOR,
            n_lines=20,
            side=SIDE,
        )
        if sweep.name == "pixel size":
            side = int(16 * round(FIELD / value / 16))
            recipe = replace(recipe, side=max(side, 80), pixel_size=float(value))
        if sweep.name == "lines":
            recipe = replace(recipe, n_lines=int(value))
        recipes.append(recipe)
    return recipes


def altered(pair: FrozenPair, sweep: Sweep, value: float) -> tuple[np.ndarray, Scene]:
    """A pair recorded anew with one property changed.

    Parameters
    ----------
    pair : FrozenPair
        Its clean views are used.
    sweep : Sweep
        What is changed.
    value : float
        To what.

    Returns
    -------
    images : (2, H, W) float32 ndarray
        Noisy views.
    scene : Scene
        Its labels, which only a vertical shift moves, in the right view.
    """
    scene, dose = pair.scene, DOSE
    clean, label = scene.clean, scene.label
    if sweep.name == "dose":
        dose = float(value)
    elif sweep.name == "contrast":
        ground = ndi.gaussian_filter(clean, (0, 25, 25), mode="nearest")
        clean = np.maximum(ground + value * (clean - ground), 0)
    elif sweep.name == "vertical":
        # both move by half of it, in opposite directions, so that no view is sharper
        halves = (-value / 2, value / 2)
        clean = np.stack([_moved(v, s, 1) for v, s in zip(clean, halves, strict=True)])
    seed = int(scene.info.get("seed", 0))
    rng = np.random.default_rng([seed, 5])
    images = acquire_pair(clean.astype(np.float32), dose, *ROWS, rng)
    if sweep.name != "vertical":
        return images, scene
    label = np.stack([_moved(v, s, 0) for v, s in zip(label, halves, strict=True)])
    disparity = np.stack([_moved(v, s, 0) for v, s in zip(scene.disparity, halves, strict=True)])
    index = np.stack([_moved(v, s, 0) for v, s in zip(scene.line_index, halves, strict=True)])
    return images, Scene(scene.clean, label, disparity, index, scene.info)


def _moved(view: np.ndarray, shift: float, order: int) -> np.ndarray:
    """A view moved down by a shift in px."""
    if shift == 0:
        return view
    return ndi.shift(view, (shift, 0), order=order, mode="nearest")


def robustness(
    weights: Weights,
    picture: Path | None = None,
    folder: Path = FOLDER,
    workers: int = 2,
    scenes: int = 4,
    sweeps: Sequence[Sweep] = SWEEPS,
) -> str:
    """Measure all sweeps, draw them, and say where the tool should not be trusted.

    Parameters
    ----------
    weights : Weights
        Of the networks.
    picture : Path, optional
        PNG to draw.
    folder : Path
        Where simulated pairs are kept.
    workers : int, default 2
        Processes.
    scenes : int, default 4
        Specimens at each point.
    sweeps : sequence of Sweep
        What is changed.

    Returns
    -------
    str
    """
    jobs = [
        _Job(sweep, value, recipe, folder, weights)
        for sweep in sweeps
        for value in sweep.values
        for recipe in robustness_recipes(sweep, value, scenes)
    ]
    # scenes first, so that no two processes make the same one
    make_pairs(dict.fromkeys(job.recipe for job in jobs), folder, workers)
    results = in_processes(_score, jobs, workers)
    curves: dict[str, dict[float, dict[str, float]]] = {}
    for sweep in sweeps:
        for value in sweep.values:
            rows = [r for j, r in zip(jobs, results, strict=True)
                    if j.sweep is sweep and j.value == value]  # fmt: skip
            curves.setdefault(sweep.name, {})[value] = mean_scores(rows)
    parts = [
        f"robustness: {scenes} physical pairs of {SIDE} px at {ANGLE:g} degrees for each row; "
        f"detector: {best_detector(weights)};\nmatcher: {list(matchers(weights))[-1]}, matched "
        f"points; {DOSE:g} electrons per pixel of the ground unless said\n"
    ]
    for sweep in sweeps:
        rows = {f"{value:g}": scores for value, scores in curves[sweep.name].items()}
        parts.append(table(f"{sweep.name}: {sweep.label}", rows, SCORES) + _limit(sweep, curves))
    if picture is not None:
        draw_robustness(curves, sweeps, picture)
    return "\n".join(parts)


def _limit(sweep: Sweep, curves: dict) -> str:
    """From where on the scores are too bad, and how often the user is warned there."""
    rows = curves[sweep.name]
    bad = [v for v, r in rows.items() if not (r["f1"] >= LEAST_F1 and r["epe"] <= MOST_EPE)]
    good = [v for v in rows if v not in bad]
    what = f"F1 below {LEAST_F1:g} or EPE above {MOST_EPE:g} px"
    warned = [f"{100 - rows[v]['warned']:.0f}" for v in bad]
    false = max((rows[v]["warned"] for v in good), default=0.0)
    if not bad:
        return f"  {what}: nowhere; warned without need: at most {false:.0f} %\n"
    places = ", ".join(f"{v:g}" for v in bad)
    return (
        f"  do not trust ({what}) at {places}; not warned there: {', '.join(warned)} %; "
        f"warned elsewhere: at most {false:.0f} %\n"
    )


def _score(job: _Job) -> dict[str, float]:
    pair = make_pairs([job.recipe], job.folder, workers=1)[0]
    images, scene = altered(pair, job.sweep, job.value)
    name = best_detector(job.weights)
    level = thresholds_of(name, job.weights)[0]
    start = time.perf_counter()
    probability = np.stack([detect(name, image, job.weights)[0] for image in images])
    matcher = list(matchers(job.weights).values())[-1]
    answer = matcher(images, probability, scene)
    seconds = time.perf_counter() - start
    matched = matching_scores(answer.disparity, scene, pair.angle, answer.accepted)
    found = mean_scores(
        line_scores(p, label, threshold=level)
        for p, label in zip(probability, scene.label, strict=True)
    )
    said = warnings_for(images[0], probability[0], level) + pair_warnings(probability)
    own = line_statistics(images[0], probability[0], level)
    return {
        **found,
        **matched,
        "visibility": own.visibility,
        "width": own.width,
        "certainty": own.certainty,
        "warned": 100.0 * bool(said),
        "seconds": seconds,
    }


def draw_robustness(curves: dict, sweeps: Sequence[Sweep], picture: Path) -> None:
    """Draw F1 and EPE of all sweeps; where the tool should not be trusted is shaded."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.3 * len(sweeps), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(sweeps), squeeze=False)
    for column, sweep in enumerate(sweeps):
        rows = curves[sweep.name]
        for row, (key, label, limit) in enumerate(
            (("f1", "F1", LEAST_F1), ("epe", "EPE, px", MOST_EPE))
        ):
            ax = axes[row, column]
            ax.plot(list(rows), [r[key] for r in rows.values()], "o-", ms=4, color="#0072b2")
            ax.axhline(limit, color="0.6", lw=0.8, ls="--")
            for value, scores in rows.items():
                if not (scores["f1"] >= LEAST_F1 and scores["epe"] <= MOST_EPE):
                    ax.axvline(value, color="#d55e00", alpha=0.25, lw=8)
            if sweep.logarithmic:
                ax.set_xscale("log")
                ax.set_xticks(sweep.values, [f"{value:g}" for value in sweep.values], fontsize=8)
                ax.minorticks_off()
            ax.set_xlabel(sweep.label)
            ax.set_ylabel(label if column == 0 else "")
            ax.set_ylim((0, 1.02) if key == "f1" else (0, 4))
            ax.grid(alpha=0.3)
        if sweep.name in ("dose", "contrast"):
            for ax in axes[:, column]:
                ax.invert_xaxis()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
