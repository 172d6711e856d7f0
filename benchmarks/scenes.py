"""A thousand simulated scenes: are they sound, and do they look like the real pictures?

    python benchmarks/scenes.py [--scenes 1000] [--data ../shared/data] [--side 256]

Each scene is drawn from its own seed (crystal, thickness, density, arrangements, distractors) and
seen as a stereo pair through the default microscope at a pixel size and dose of its own.

1. No NaN, no scene without a visible line.
2. Line pixels are darker or brighter than their neighbourhood: at every point of a visible line,
   the noiseless view's extreme within 3 px of the line, across it, is compared with the median from
   5 to 10 px on both sides. Told is the share of the visible length where they differ by more than
   some part of the median; for comparison the same share for lines moved aside by 25 px, which is
   not small where lines crowd or the ground changes fast.
3. The same statistics of simulated and of real pictures, side by side. `spread`: standard deviation
   of the 101 px means, relative to the mean; `texture`: of the picture over its local mean (31 px);
   `noise`: of a second difference in x and y, which lines and background hardly change (Immerkaer
   1996), relative to the mean; of the lines that the package's own filter finds: `width`, median
   full width at half maximum of the filter that answers best, px; `contrast`, median difference
   from the local median (15 px), relative; `density`, their length over the area, in 1/100 px.
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

LEVELS = np.array([0.02, 0.05, 0.1])  # relative differences
SEEDS = 200_000  # first seed: no training, test or example draws from here


def picture_statistics(image: np.ndarray) -> dict[str, float]:
    """The statistics of one picture; see the module's text."""
    from skimage.morphology import skeletonize

    from hyperspy_stereo.detection.oriented import flatten, oriented_response
    from hyperspy_stereo.detection.ridge import FWHM, STRICT, ridge_probability

    image = np.asarray(image, np.float32)
    mean = float(image.mean())
    local = ndi.uniform_filter(image, 31)
    flat = image / np.maximum(local, 1e-6)
    skeleton = skeletonize(ridge_probability(image, polarity="auto")[0] >= STRICT)
    widths = tuple(w / 2.355 for w in FWHM)
    found = oriented_response(flatten(image, 4 * max(widths)), widths).sigma[skeleton]
    second = np.array([1.0, -2.0, 1.0])
    noise = ndi.convolve1d(ndi.convolve1d(image, second, axis=0), second, axis=1) / 6
    smooth = ndi.gaussian_filter(flat, 1.0)
    around = ndi.median_filter(smooth, 15)
    depth = np.abs(smooth - around)[skeleton]
    return {
        "spread": float(ndi.uniform_filter(image, 101).std()) / mean,
        "texture": float(flat.std()),
        "noise": 1.4826 * float(np.median(np.abs(noise))) / mean,
        "width": 2.355 * float(np.median(found)) if found.size else 0.0,
        "contrast": float(np.median(depth)) if depth.size else 0.0,
        "density": 100 * skeleton.sum() / image.size,
    }


def contrast(view: np.ndarray, placed: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Relative difference of the picture at points (n, 2) of a line, px, from beside it."""
    tangent = np.gradient(placed, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    offsets = np.arange(-10, 10.5, 0.5)
    where = placed[part, None] + offsets[:, None] * normal[part, None]
    profile = ndi.map_coordinates(view, [where[..., 1], where[..., 0]], order=1, mode="nearest")
    core, beside = np.abs(offsets) <= 3, np.abs(offsets) >= 5
    level = np.median(profile[:, beside], axis=1)
    return np.max(np.abs(profile[:, core] - level[:, None]), axis=1) / np.maximum(level, 1e-9)


def one_scene(seed: int, side: int) -> dict:
    from hyperspy_stereo.geometry.triangulation import project
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.stereo_views import stereo_views
    from hyperspy_stereo.simulation.specimens import random_specimen

    rng = np.random.default_rng(seed)
    pixel = rng.uniform(1.0, 2.5)
    microscope = Microscope(pixel_size=pixel, dose=10 ** rng.uniform(2.0, 4.0))
    specimen = random_specimen(seed, size=(side * pixel, side * pixel))
    views = stereo_views(specimen, microscope, stereo_angle=rng.uniform(2, 6), seed=seed)
    truth = views.truth
    result = {"nan": not np.isfinite(views.images).all(), "kinds": Counter(truth.kinds)}
    result["crystal"] = specimen.crystal
    seen, moved, total = np.zeros(len(LEVELS), int), np.zeros(len(LEVELS), int), 0
    for line, visible in zip(truth.lines, truth.visible, strict=True):
        placed = project(line, truth.incidence)[0] / pixel
        part = visible[0]
        if part.sum() < 3:
            continue
        for count, shift in ((seen, 0.0), (moved, 25.0)):
            found = contrast(truth.clean[0], placed + np.array([shift, 0.0]), part)
            count += (found[:, None] > LEVELS).sum(axis=0)
        total += int(part.sum())
    result.update(seen=seen, moved=moved, total=total, mask=float(truth.line_mask[0].mean()))
    result["statistics"] = picture_statistics(views.images[0])
    return result


def real_pictures(data: Path) -> dict[str, np.ndarray]:
    from skimage.io import imread

    names = [
        *(data / "real_pair_annotated" / n for n in ("left.png", "right.png")),
        *(data / "real_pair_tilted" / n for n in ("left.png", "right.png")),
        *sorted(p for p in (data / "creme").glob("*.png") if "mask" not in p.stem),
    ]
    pictures = {}
    for path in names:
        if path.exists():
            image = imread(path).astype(float)
            gray = image if image.ndim == 2 else image[..., :3].mean(axis=2)
            pictures[f"{path.parent.name}/{path.stem}"] = gray
    return pictures


def table(rows: dict[str, dict[str, float]]) -> None:
    names = list(next(iter(rows.values())))
    print(f"  {'':32s}" + "".join(f"{n:>10s}" for n in names))
    for label, row in rows.items():
        print(f"  {label:32s}" + "".join(f"{row[n]:10.3f}" for n in names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    seeds = range(SEEDS, SEEDS + options.scenes)
    with ProcessPoolExecutor(options.workers) as pool:
        results = list(pool.map(partial(one_scene, side=options.side), seeds, chunksize=10))
    report(results, options.data)


def report(results: list[dict], data: Path) -> None:
    print(f"{len(results)} scenes, seeds {SEEDS} to {SEEDS + len(results) - 1}")
    print(f"  with NaN: {sum(r['nan'] for r in results)}")
    print(f"  without a visible line: {sum(r['total'] == 0 for r in results)}")
    total = sum(r["total"] for r in results)
    for k, level in enumerate(LEVELS):
        on, off = (100 * sum(r[name][k] for r in results) / total for name in ("seen", "moved"))
        print(
            f"  visible length that differs from beside it by > {100 * level:.0f} %: {on:.1f} % "
            f"({off:.1f} % for lines moved aside)"
        )
    by_scene = [r["seen"][0] / r["total"] for r in results if r["total"]]
    worst = 100 * np.mean(np.array(by_scene) < 0.95)
    print(f"  scenes where less than 95 % of it differs by > 2 %: {worst:.1f} %")
    print(f"  crystals: {dict(Counter(r['crystal'] for r in results))}")
    kinds = sum((r["kinds"] for r in results), Counter())
    print(f"  lines by kind: {dict(kinds)}")
    print("\nstatistics of pictures")
    names = list(results[0]["statistics"])
    values = {n: np.array([r["statistics"][n] for r in results]) for n in names}
    rows = {
        f"simulated, {q}th percentile": {n: float(np.percentile(v, q)) for n, v in values.items()}
        for q in (5, 25, 50, 75, 95)
    }
    for label, image in real_pictures(data).items():
        rows[label] = picture_statistics(image)
    table(rows)


if __name__ == "__main__":
    main()
