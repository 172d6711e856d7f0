"""Lines from few views beside tomograms of the same tilt series.

    python benchmarks/tomography.py > docs/measured/tomography.txt      a few minutes on one core
    python benchmarks/tomography.py --picture docs/pictures/tomography.png

Curved lines through a foil, orthographic projections with counting noise, the same dose in every
image. Tomograms: weighted back-projection and SIRT (60 iterations, no negative density) of all
slices across the tilt axis, from images spread evenly over +-66 degrees or over the angles that we
use; thresholded at the level of 8 that comes nearest to the truth (an advantage that no user has),
thinned to lines. Ours: lines detected and matched in two images 8 degrees apart, and fitted to
those two, or to 5 or 9 images over +-8 degrees.

Columns: mean distance from what was found to the true lines and back, in px in 3D; share of the
true length within 3 px of what was found; seconds of one core. Means over the scenes.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from joint_fit_core import pieces
from scipy import sparse
from scipy.spatial import cKDTree

from hyperspy_stereo import StereoPair
from hyperspy_stereo.geometry import project
from hyperspy_stereo.simulation.geometric.curves import arrangement

SIDE, THICKNESS, DOSE, CONTRAST, WIDTH = 128, 64, 2000, 0.25, 1.7
LINES = 8
SEEDS = (40, 41)
NUMBERS = (2, 5, 9, 15, 45)
RANGE, ITERATIONS, LEVELS = 66.0, 60, 8
CENTRE = ((SIDE - 1) / 2,) * 2


def scene(seed: int) -> list[np.ndarray]:
    """True lines, px; z from the middle of the foil."""
    rng, curves = np.random.default_rng(seed), []
    while len(curves) < LINES:
        drawn = arrangement("lines", rng, (SIDE, SIDE), float(THICKNESS))
        curves += [part for curve in drawn for part in pieces(curve, (SIDE, SIDE))]
    middle = np.mean([curve[:, 2].mean() for curve in curves])
    return [dense(np.clip(c - (0, 0, middle), None, [SIDE, SIDE, THICKNESS / 2])) for c in curves]


def dense(curve: np.ndarray) -> np.ndarray:
    """Points half a px apart."""
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    at = np.linspace(0, arc[-1], int(2 * arc[-1]) + 2)
    return np.column_stack([np.interp(at, arc, column) for column in curve.T])


def recorded(curves: list[np.ndarray], degrees: np.ndarray, seed: int) -> np.ndarray:
    """(V, H, W) counts."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    grid, views = np.column_stack([x.ravel(), y.ravel()]), []
    for angle in degrees:
        light = np.ones(SIDE * SIDE)
        for curve in curves:
            shown = project(curve, (1000 * np.deg2rad(angle), 0.0), "tilt", CENTRE)
            far = cKDTree(shown).query(grid, distance_upper_bound=8)[0]
            light *= 1 - CONTRAST * np.exp(-0.5 * (np.minimum(far, 99) / WIDTH) ** 2)
        views.append(rng.poisson(DOSE * light).reshape(SIDE, SIDE))
    return np.array(views, dtype=float)


def rays(degrees: np.ndarray) -> sparse.csr_matrix:
    """Projection of one slice (z, x) onto rows of all views; linear interpolation."""
    z, x = np.mgrid[:THICKNESS, :SIDE]
    volume = np.column_stack([x.ravel(), np.zeros(x.size), z.ravel() - (THICKNESS - 1) / 2])
    cells, rows, values = [], [], []
    for k, angle in enumerate(degrees):
        at = project(volume, (1000 * np.deg2rad(angle), 0.0), "tilt", CENTRE)[:, 0]
        left = np.floor(at).astype(int)
        for pixel, weight in ((left, 1 - at + left), (left + 1, at - left)):
            use = (pixel >= 0) & (pixel < SIDE)
            cells.append(np.flatnonzero(use))
            rows.append(k * SIDE + pixel[use])
            values.append(weight[use])
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(cells)))
    return sparse.csr_matrix(entries, shape=(len(degrees) * SIDE, volume.shape[0]))


def tomogram(views: np.ndarray, degrees: np.ndarray, method: str) -> np.ndarray:
    """Density (z, x, y)."""
    data = -np.log(np.maximum(views, 1) / np.median(views, axis=(1, 2), keepdims=True))
    sums = np.ascontiguousarray(data.transpose(0, 2, 1)).reshape(-1, SIDE)
    matrix = rays(degrees)
    if method == "WBP":
        ramp = np.abs(np.fft.fftfreq(2 * SIDE))[:, None]
        padded = np.fft.fft(sums.reshape(len(views), SIDE, SIDE), 2 * SIDE, axis=1) * ramp
        sums = np.fft.ifft(padded, axis=1).real[:, :SIDE].reshape(-1, SIDE)
        return (matrix.T @ sums).reshape(THICKNESS, SIDE, SIDE)
    # Rays that graze the volume hold little of it and much noise.
    sizes = [np.asarray(matrix.sum(k)).ravel() for k in (0, 1)]
    back, length = (1 / np.maximum(size, 0.3 * size.max()) for size in sizes)
    out = np.zeros((matrix.shape[1], SIDE))
    for _ in range(ITERATIONS):
        step = matrix.T @ (length[:, None] * (sums - matrix @ out))
        out = np.maximum(out + back[:, None] * step, 0)
    return out.reshape(THICKNESS, SIDE, SIDE)


def thinned(volume: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(n, 3) points of the lines in a volume, at the level that comes nearest to the truth."""
    from skimage.morphology import skeletonize

    best, found = np.inf, np.zeros((0, 3))
    for share in np.geomspace(5e-4, 0.03, LEVELS):
        z, x, y = np.nonzero(skeletonize(volume > np.quantile(volume, 1 - share)))
        points = np.column_stack([x, y, z - (THICKNESS - 1) / 2])
        if len(points) and sum(distances(points, truth)[:2]) < best:
            best, found = sum(distances(points, truth)[:2]), points
    return found


def distances(points: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Mean distance there and back, px, and share of the truth within 3 px, %."""
    there, back = cKDTree(truth).query(points)[0], cKDTree(points).query(truth)[0]
    return float(there.mean()), float(back.mean()), 100 * float(np.mean(back < 3))


def tomographic(
    seed: int, number: int, method: str, widest: float = RANGE
) -> tuple[np.ndarray, float]:
    """Lines of a tomogram, and the seconds for it."""
    curves, degrees = scene(seed), np.linspace(-widest, widest, number)
    views = recorded(curves, degrees, seed)
    start = time.process_time()
    volume = tomogram(views, degrees, method)
    seconds = time.process_time() - start
    return thinned(volume, np.concatenate(curves)), seconds


def ours(seed: int, number: int) -> tuple[np.ndarray, float]:
    """Lines of the joint fit, and the seconds for all of it; 1 stands for the match alone."""
    curves = scene(seed)
    degrees = np.array([4.0, -4.0]) if number < 3 else np.linspace(8, -8, number)
    pair, views = recorded(curves, np.array([4.0, -4.0]), seed), recorded(curves, degrees, seed + 1)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maps = StereoPair.from_images(*pair, 8, "tilt").detect_dislocations(show_progressbar=False)
        lines = maps.reconstruct(refine=None)
    if number == 2:
        views, theta = pair, lines.incidence
    else:
        theta = np.column_stack([1000 * np.deg2rad(degrees), np.zeros(len(degrees))])
    if number > 1:
        lines = lines.refine(views, theta)
    seconds = time.process_time() - start
    return np.concatenate([dense(line) for line in lines.lines]), seconds


def row(label: str, results: list[tuple[np.ndarray, float]]) -> str:
    truths = [np.concatenate(scene(seed)) for seed in SEEDS]
    cells = [distances(points, t) for (points, _), t in zip(results, truths, strict=True)]
    there, back, share = np.mean(cells, axis=0)
    seconds = np.mean([s for _, s in results])
    return f"{label:34s} {there:10.2f} {back:10.2f} {share:9.0f} {seconds:8.1f}"


def table() -> None:
    ours(SEEDS[0], 1)  # compiles and loads, which is not to be timed
    print(f"{'':34s} {'to truth':>10s} {'from truth':>10s} {'in 3 px %':>9s} {'s':>8s}")
    for method in ("WBP", "SIRT"):
        for number in NUMBERS:
            found = [tomographic(seed, number, method) for seed in SEEDS]
            print(row(f"{method}, {number} images, +-66 deg", found), flush=True)
    for number, widest in ((2, 4.0), (9, 8.0)):
        found = [tomographic(seed, number, "SIRT", widest) for seed in SEEDS]
        print(row(f"SIRT, {number} images, +-{widest:.0f} deg", found), flush=True)
    for number, label in (
        (1, "matched, 2 images, +-4 deg"),
        (2, "joint fit, 2 images, +-4 deg"),
        (5, "joint fit, 5 images, +-8 deg"),
        (9, "joint fit, 9 images, +-8 deg"),
    ):
        print(row(label, [ours(seed, number) for seed in SEEDS]), flush=True)


def picture(path: Path) -> None:
    """One scene from the side: truth, tomograms and ours."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    seed = SEEDS[0]
    truth = scene(seed)
    shown = [(f"SIRT, {n} images", tomographic(seed, n, "SIRT")[0]) for n in (5, 15, 45)]
    shown += [("joint fit, 2 images", ours(seed, 2)[0])]
    figure, axes = plt.subplots(2, 2, figsize=(11, 6.2), layout="constrained", sharex=True)
    for ax, (label, points) in zip(axes.flat, shown, strict=True):
        for curve in truth:
            ax.plot(curve[:, 1], curve[:, 2], color="0.72", lw=4, solid_capstyle="round")
        ax.plot(points[:, 1], points[:, 2], ".", color="#0072B2", ms=2.5)
        ax.set(title=label, aspect="equal", ylim=(-THICKNESS / 2 - 3, THICKNESS / 2 + 3))
    for ax in axes[1]:
        ax.set_xlabel("y (px)")
    for ax in axes[:, 0]:
        ax.set_ylabel("z (px)")
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, help="draw one scene instead of the table")
    options = parser.parse_args()
    if options.picture:
        picture(options.picture)
    else:
        table()


if __name__ == "__main__":
    main()
