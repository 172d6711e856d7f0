"""Does the topological score grow with the damage, on scenes that the weights never saw?

Run ``python benchmarks/topology_validation.py``. Four tables:

1. Spearman's rho between severity and score, for each kind of degradation over 200 unseen scenes
   (median, 5th percentile, smallest), and the same of 1 - F1 and 1 - clDice beside it.
2. Weights with their errors.
3. Pairs of masks with the same F1 and different connectivity.
4. The ranking of eight imaging conditions (dose, blur, contrast loss) by the score and by the 3D
   error of the reconstruction from their masks: Kendall's tau for each scene and of the means.

``--fit 40`` fits the shipped weights anew on 40 other scenes and writes them, with the rho on
scenes left out of the fit, to ``hyperspy_stereo/topology/weights.json``.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

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

FIT_SEEDS, TEST_SEEDS, PAIR_SEEDS = 70_000, 80_000, 90_000
SIDE = 256
SEVERITIES = tuple(step / 6 for step in range(1, 7))
CAP = 10.0  # px of disparity; a point without an answer counts as wrong by this much.
#: Name, share of the electrons, blur (px) and share of the contrast of eight conditions.
CONDITIONS = (
    ("full dose", 1.0, 0.0, 1.0),
    ("1/4 dose", 0.25, 0.0, 1.0),
    ("1/16 dose", 1 / 16, 0.0, 1.0),
    ("1/64 dose", 1 / 64, 0.0, 1.0),
    ("blurred", 1.0, 2.0, 1.0),
    ("blurred more", 1.0, 4.0, 1.0),
    ("half contrast", 0.25, 0.0, 0.5),
    ("quarter contrast", 0.25, 0.0, 0.25),
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


def pixel_scores(first: int, table: DegradationTable) -> dict[str, np.ndarray]:
    """1 - F1 and 1 - clDice of the same masks."""
    columns = {"1 - F1": [], "1 - clDice": []}
    known = {}
    for severity, scene, kind in zip(table.severity, table.scene, table.kind, strict=True):
        if scene not in known:
            known = {scene: truth(first + int(scene))}
        scores = centre_line_scores(
            degrade(known[scene], str(kind), severity, first + int(scene)), known[scene]
        )
        columns["1 - F1"].append(1 - scores["f1"])
        columns["1 - clDice"].append(1 - scores["cldice"])
    return {name: np.nan_to_num(values, nan=1.0) for name, values in columns.items()}


def print_rhos(table: DegradationTable, columns: dict[str, np.ndarray]) -> None:
    """Table 1."""
    print(f"rho of severity, {len(np.unique(table.scene))} scenes (median, 5 %, smallest)")
    found = {name: rhos(table, score) for name, score in columns.items()}
    print(f"{'':14}" + "".join(f"{name:>22}" for name in found))
    for kind in DEGRADATIONS:
        cells = [values[kind] for values in found.values()]
        text = "".join(
            f"{np.median(c):>8.3f}{np.percentile(c, 5):>7.2f}{c.min():>7.2f}" for c in cells
        )
        print(f"{kind:14}{text}")
    for name, values in found.items():
        medians = [np.median(c) for c in values.values()]
        print(f"{name}: median of all {np.median(np.concatenate(list(values.values()))):.3f}, ")
        print(f"  worst kind {min(medians):.3f}")


def fit(count: int) -> ScoreWeights:
    """Fit on `count` scenes; what is said about unseen ones is from five folds."""
    table = table_of(FIT_SEEDS, count)
    score = np.zeros(len(table.severity))
    for fold in range(5):
        inside = table.scene % 5 == fold
        kept = DegradationTable(
            *(getattr(table, n)[~inside] for n in ("families", "severity", "scene", "kind"))
        )
        score[inside] = fit_weights(kept, resamples=0).score(table.families[inside])
    found = rhos(table, score)
    residual = score - table.severity
    return fit_weights(
        table,
        provenance={
            "made by": f"benchmarks/topology_validation.py --fit {count}",
            "truths": f"simulation.geometric.stereo_scene, seeds {FIT_SEEDS} to "
            f"{FIT_SEEDS + count - 1}, {SIDE} x {SIDE} px, left view",
            "degradations": list(DEGRADATIONS),
            "severities": sorted(set(np.round(table.severity, 4).tolist())),
            "masks": len(table.severity),
            "validation": "five folds by scene",
            "median rho": {kind: round(float(np.median(r)), 3) for kind, r in found.items()},
            "smallest rho": {kind: round(float(r.min()), 3) for kind, r in found.items()},
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


def depth_error(scene: StereoScene, images: np.ndarray, masks: np.ndarray) -> float:
    """Mean error of the disparity on the true lines of the left view, px, capped."""
    from scipy.spatial import cKDTree

    from hyperspy_stereo.matching import match_views

    where = scene.masks[0] & ~scene.ambiguous[0] & np.isfinite(scene.disparity[0])
    rows, columns = np.nonzero(where)
    error = np.full(len(rows), CAP)
    if masks[0].any() and masks[1].any():
        match = match_views(images, masks)[0]
        good = np.isfinite(match.disparity)
        if good.any():
            places = np.column_stack([columns, rows])
            distance, index = cKDTree(match.points[good]).query(places, distance_upper_bound=3)
            near = np.isfinite(distance)
            off = np.abs(match.disparity[good][index[near]] - scene.disparity[0][where][near])
            error[near] = np.minimum(off, CAP)
    return float(error.mean())


def conditions(count: int, weights: ScoreWeights, method: str) -> None:
    """Table 4."""
    from hyperspy_stereo import StereoPair

    scores, errors = [], []
    for number in range(count):
        scene = stereo_scene(PAIR_SEEDS + number, angle=8, noise=0, shape=(SIDE, SIDE))
        masks, wrong = [], []
        for index, (_, *how) in enumerate(CONDITIONS):
            images = seen(scene, *how, seed=100 * number + index)
            pair = StereoPair.from_images(*images, scene.angle)
            found = pair.detect_dislocations(method=method).mask()
            masks.append(found[0])
            wrong.append(depth_error(scene, images, found))
        made = score_masks(
            masks, [scene.masks[0]], weights=weights, settings=ScoreSettings(parts=1)
        )
        scores.append(made.final)
        errors.append(wrong)
    scores, errors = np.array(scores), np.array(errors)
    taus = [kendalltau(s, e)[0] for s, e in zip(scores, errors, strict=True)]
    print(
        f"\nconditions, {count} scenes, detected by {method}: mean score and 3D error (px, capped)"
    )
    for (name, *_), s, e in zip(CONDITIONS, scores.mean(axis=0), errors.mean(axis=0), strict=True):
        print(f"{name:18}{s:>8.3f}{e:>8.2f}")
    print(f"Kendall's tau of each scene: median {np.median(taus):.2f}, smallest {min(taus):.2f}")
    print(
        f"Kendall's tau of the means: {kendalltau(scores.mean(axis=0), errors.mean(axis=0))[0]:.2f}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=12, help="scenes of table 4")
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
        table = table_of(TEST_SEEDS, arguments.scenes)
        pixels = pixel_scores(TEST_SEEDS, table)
        print_rhos(table, {"score": weights.score(table.families), **pixels})
    print_weights(weights)
    equal_f1_pairs(4)
    if arguments.pairs:
        conditions(arguments.pairs, weights, arguments.method)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
