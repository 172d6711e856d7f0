"""Does the topological score grow with the damage, on scenes that the weights never saw?

Run ``python benchmarks/topology_validation.py``. Four tables:

1. Spearman's rho between severity and score, for each of seven kinds of degradation with six
   severities, over 200 unseen scenes: nested (what is wrong at a low severity is wrong at a higher
   one too); for 50 of them also drawn anew at each severity (other gaps, another direction), which
   is harder; for 30 of them also 1 - F1 and 1 - clDice.
2. Weights with their errors.
3. Pairs of masks with the same F1 and different connectivity.
4. The ranking of eight imaging conditions (dose, blur, contrast) by the score of both views and by
   the 3D error of what the package reconstructs from them (detected, matched, triangulated; against
   the exact lines): Kendall's tau.

``--fit 40`` fits the shipped weights anew on 40 other scenes and writes them, with the rho on
scenes left out of the fit, to ``hyperspy_stereo/topology/weights.json``.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import kendalltau, spearmanr

from hyperspy_stereo.simulation.geometric.scenes import StereoScene, stereo_scene
from hyperspy_stereo.topology import (
    DEGRADATIONS,
    FAMILIES,
    DegradationTable,
    ScoreSettings,
    ScoreWeights,
    centre_line_scores,
    compare,
    degrade,
    fit_weights,
    mask_topology,
    save_weights,
    score_masks,
    shipped_weights,
)
from hyperspy_stereo.topology import weights as shipped

if TYPE_CHECKING:
    from hyperspy_stereo.results import DislocationNetwork

FIT_SEEDS, TEST_SEEDS, PAIR_SEEDS = 70_000, 80_000, 90_000
SIDE = 256
SEVERITIES = tuple(step / 6 for step in range(1, 7))
CAP = 20.0  # px; a place without an answer counts as wrong by this much.
#: Name, share of the electrons, blur (px) and share of the contrast of eight conditions.
CONDITIONS = (
    ("full dose", 1.0, 0.0, 1.0),
    ("1/8 dose", 1 / 8, 0.0, 1.0),
    ("1/32 dose", 1 / 32, 0.0, 1.0),
    ("1/128 dose", 1 / 128, 0.0, 1.0),
    ("blurred", 1 / 8, 2.5, 1.0),
    ("blurred more", 1 / 8, 5.0, 1.0),
    ("1/3 contrast", 1 / 8, 0.0, 0.33),
    ("1/8 contrast", 1 / 8, 0.0, 0.125),
)


def truth(seed: int, side: int = SIDE) -> np.ndarray:
    """True lines of one view; every fourth scene is of one kind."""
    kinds = (None, "crossing", "tangle", "lines")
    return stereo_scene(seed, kind=kinds[seed % 4], shape=(side, side)).masks[0]


def table_of(first: int, count: int, anew: bool, side: int = SIDE) -> DegradationTable:
    """Degradations of scenes; nested, or drawn anew (other gaps, other blobs) at each severity."""
    rows = []
    for number in range(count):
        true = truth(first + number, side)
        known = mask_topology(true)
        for kind in DEGRADATIONS:
            for step, severity in enumerate(SEVERITIES):
                seed = 10 * (first + number) + (step + 1 if anew else 0)
                worse = mask_topology(degrade(true, kind, severity, seed))
                name = f"{kind}, anew" if anew else kind
                rows.append((compare(worse, known).families, severity, number, name))
    return DegradationTable(*(np.array(column) for column in zip(*rows, strict=True)))


def joined(*tables: DegradationTable) -> DegradationTable:
    """Rows of several tables."""
    names = ("families", "severity", "scene", "kind")
    return DegradationTable(*(np.concatenate([getattr(t, n) for t in tables]) for n in names))


def rhos(table: DegradationTable, score: np.ndarray) -> dict[str, np.ndarray]:
    """Spearman's rho of each kind in each scene."""
    found = {}
    for kind in np.unique(table.kind):
        rows = [
            np.flatnonzero((table.kind == kind) & (table.scene == s))
            for s in np.unique(table.scene)
        ]
        found[str(kind)] = np.array(
            [
                spearmanr(table.severity[r], score[r])[0] if np.ptp(score[r]) > 0 else 0.0
                for r in rows
            ]
        )
    return found


def pixel_scores(table: DegradationTable) -> dict[str, np.ndarray]:
    """1 - F1 and 1 - clDice of the same masks, which are those of `TEST_SEEDS`, nested."""
    columns = {"1 - F1": [], "1 - clDice": []}
    known = {scene: truth(TEST_SEEDS + int(scene)) for scene in np.unique(table.scene)}
    for severity, scene, kind in zip(table.severity, table.scene, table.kind, strict=True):
        worse = degrade(known[scene], str(kind), severity, 10 * (TEST_SEEDS + int(scene)))
        scores = centre_line_scores(worse, known[scene])
        columns["1 - F1"].append(1 - scores["f1"])
        columns["1 - clDice"].append(1 - scores["cldice"])
    return {name: np.nan_to_num(values, nan=1.0) for name, values in columns.items()}


def print_rhos(table: DegradationTable, columns: dict[str, np.ndarray]) -> None:
    """Table 1."""
    count = len(np.unique(table.scene))
    print(f"Spearman's rho of severity, {count} scenes (median, 5th percentile, smallest)")
    found = {name: rhos(table, score) for name, score in columns.items()}
    print(f"{'':22}" + "".join(f"{name:>22}" for name in found))
    for kind in dict.fromkeys(table.kind.tolist()):
        cells = [values[kind] for values in found.values()]
        text = "".join(
            f"{np.median(c):>8.3f}{np.percentile(c, 5):>7.2f}{c.min():>7.2f}" for c in cells
        )
        print(f"{kind:22}{text}")
    for name, values in found.items():
        medians = [np.median(c) for c in values.values()]
        whole = np.median(np.concatenate(list(values.values())))
        print(f"{name}: median of all {whole:.3f}, median of the worst kind {min(medians):.3f}")
    print(flush=True)


def rank_correlations(scenes: int, anew: int, pixels: int, weights: ScoreWeights) -> None:
    """Table 1: nested, drawn anew at each severity, and beside measures of pixels."""
    nested = table_of(TEST_SEEDS, scenes, False)
    print_rhos(nested, {"score": weights.score(nested.families)})
    if anew:
        table = table_of(TEST_SEEDS, anew, True)
        print_rhos(table, {"score": weights.score(table.families)})
    if pixels:
        first = nested.scene < pixels
        part = DegradationTable(
            *(getattr(nested, n)[first] for n in ("families", "severity", "scene", "kind"))
        )
        columns = {"score": weights.score(part.families), **pixel_scores(part)}
        print_rhos(part, columns)


def fit(count: int) -> ScoreWeights:
    """Fit on `count` scenes; what is said about unseen ones is from five folds."""
    table = joined(*(table_of(FIT_SEEDS, count, anew) for anew in (False, True)))
    score = np.zeros(len(table.severity))
    for fold in range(5):
        inside = table.scene % 5 == fold
        kept = DegradationTable(
            *(getattr(table, n)[~inside] for n in ("families", "severity", "scene", "kind"))
        )
        score[inside] = fit_weights(kept, resamples=0).score(table.families[inside])
    found = rhos(table, score)
    nested = {kind: found[kind] for kind in DEGRADATIONS}
    anew = {kind: found[f"{kind}, anew"] for kind in DEGRADATIONS}
    residual = score - table.severity
    return fit_weights(
        table,
        provenance={
            "made by": f"benchmarks/topology_validation.py --fit {count}",
            "truths": f"simulation.geometric.stereo_scene, seeds {FIT_SEEDS} to "
            f"{FIT_SEEDS + count - 1}, {SIDE} x {SIDE} px, left view",
            "degradations": list(DEGRADATIONS),
            "severities": sorted(set(np.round(table.severity, 4).tolist())),
            "draws": "nested, and anew at each severity",
            "masks": len(table.severity),
            "validation": "five folds by scene",
            "median rho": {kind: round(float(np.median(r)), 3) for kind, r in nested.items()},
            "smallest rho": {kind: round(float(r.min()), 3) for kind, r in nested.items()},
            "median rho, anew": {kind: round(float(np.median(r)), 3) for kind, r in anew.items()},
            "rms of score - severity": round(float(np.sqrt(np.mean(residual**2))), 3),
            "errors": "standard deviation over 200 drawings of the scenes",
        },
    )


def print_weights(weights: ScoreWeights) -> None:
    """Table 2."""
    print("\nweights             H0                H1")
    for name, value, error in zip(FAMILIES, weights.values, weights.errors, strict=True):
        print(
            f"{name:10}"
            + "".join(f"{v:>10.3f} ± {e:.3f}" for v, e in zip(value, error, strict=True))
        )


def equal_f1_pairs(count: int) -> None:
    """Table 3: the same length is missing, at the ends of lines or in their middle."""
    print("\nequal F1, different connectivity: lines cut in the middle, or shortened at one end")
    print("length   F1 cut  F1 short  clDice cut  short  breaks cut  short  score cut  short")
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for gap in (3, 6, 12, 24)[:count]:
        true = (rows % 32 >= 14) & (rows % 32 < 17) & (columns > 20) & (columns < 235)
        cut = true & ~((columns >= 120) & (columns < 120 + gap))
        short = true & (columns > 20 + gap)
        scores = score_masks([cut, short], [true], settings=ScoreSettings(parts=1))
        a, b = scores.numbers
        print(
            f"{gap:4d} px {a['f1']:8.3f} {b['f1']:9.3f} {a['cldice']:11.3f} {b['cldice']:6.3f}"
            f" {a['breaks']:11d} {b['breaks']:6d} {scores.final[0]:10.3f} {scores.final[1]:6.3f}"
        )


def seen(scene: StereoScene, dose: float, blur: float, contrast: float, seed: int) -> np.ndarray:
    """The images of a scene under another condition."""
    rng = np.random.default_rng(seed)
    images = np.stack([gaussian_filter(i, blur) if blur else i for i in scene.images])
    images = images.mean() + contrast * (images - images.mean())
    counts = 4000.0 * dose
    return (rng.poisson(np.clip(images, 0, None) * counts) / counts).astype(np.float32)


def network_error(network: DislocationNetwork, scene: StereoScene) -> float:
    """Mean distance in 3D of true lines from the reconstruction and the other way round, px.

    Each distance counts `CAP` at most: a line that is missing, or false, is wrong by that.
    """
    from scipy.spatial import cKDTree

    true = np.concatenate(scene.curves)
    height, width = scene.masks.shape[1:]
    inside = (true[:, 0] >= 0) & (true[:, 0] < width) & (true[:, 1] >= 0) & (true[:, 1] < height)
    true, found = true[inside], network.points
    if not len(found):
        return CAP
    there = cKDTree(found).query(true, distance_upper_bound=CAP)[0]
    back = cKDTree(true).query(found, distance_upper_bound=CAP)[0]
    return float(np.minimum(there, CAP).mean() + np.minimum(back, CAP).mean()) / 2


def conditions(count: int, weights: ScoreWeights, method: str, side: int = 320) -> None:
    """Table 4."""
    from hyperspy_stereo import StereoPair

    scores, errors, pixels = [], [], []
    for number in range(count):
        scene = stereo_scene(PAIR_SEEDS + number, angle=8, noise=0, shape=(side, side))
        found, wrong = [], []
        for index, (_, *how) in enumerate(CONDITIONS):
            images = seen(scene, *how, seed=100 * number + index)
            pair = StereoPair.from_images(*images, scene.angle, geometry="tiltless")
            maps = pair.detect_dislocations(method=method)
            made = score_masks(
                maps.mask(), scene.masks, weights=weights, settings=ScoreSettings(parts=1)
            )
            found.append(made.final.mean())
            pixels.append(np.mean([n["f1"] for n in made.numbers]))
            wrong.append(network_error(maps.reconstruct(), scene))
        scores.append(found)
        errors.append(wrong)
    print_conditions(np.array(scores), np.array(errors), np.reshape(pixels, (count, -1)))


def print_conditions(scores: np.ndarray, errors: np.ndarray, f1: np.ndarray) -> None:
    """Table 4, from (scenes, conditions)."""
    print(f"\neight conditions, {len(scores)} scenes: mean score of both views, F1, and 3D error")
    rows = zip(CONDITIONS, *(a.mean(axis=0) for a in (scores, f1, errors)), strict=True)
    for (name, *_), score, share, error in rows:
        print(f"{name:18}{score:>8.3f}{share:>8.3f}{error:>8.2f} px")
    for name, values in (("score", scores), ("1 - F1", 1 - f1)):
        taus = [kendalltau(s, e)[0] for s, e in zip(values, errors, strict=True)]
        means = kendalltau(values.mean(axis=0), errors.mean(axis=0))[0]
        print(
            f"Kendall's tau of {name} and 3D error: of the means {means:.2f}, of single scenes "
            f"{np.median(taus):.2f} in the median, {min(taus):.2f} at least"
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--anew", type=int, default=50, help="scenes that are drawn anew as well")
    parser.add_argument("--pixels", type=int, default=30, help="scenes compared with F1, clDice")
    parser.add_argument("--pairs", type=int, default=24, help="scenes of table 4")
    parser.add_argument("--method", default="unet", help="detector of table 4")
    parser.add_argument("--fit", type=int, help="fit the shipped weights on so many scenes")
    arguments = parser.parse_args()
    start = time.perf_counter()
    if arguments.fit:
        path = save_weights(fit(arguments.fit), Path(shipped.__file__).with_name("weights.json"))
        print(f"wrote {path.name} after {time.perf_counter() - start:.0f} s")
        return
    weights = shipped_weights()
    if arguments.scenes:
        rank_correlations(arguments.scenes, arguments.anew, arguments.pixels, weights)
    print_weights(weights)
    equal_f1_pairs(4)
    if arguments.pairs:
        conditions(arguments.pairs, weights, arguments.method)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
