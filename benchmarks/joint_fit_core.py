"""The joint fit on lines with exact truth: error at the start, after the fit, and the bound.

Run ``python benchmarks/joint_fit_core.py``. Every row is one scene of ``simulation.geometric``:
curved lines over a shaded, fringed background, contrast that oscillates with depth and differs
between views, counting noise, rows that jump. Those were not drawn by the fit's model. Starts are
the true lines with a smooth error of 4 px rms in depth and 0.5 px across.

Columns: number of lines; rms depth error of the start; median and rms error of the fit where lines
are neither aligned nor crossing; mean sigma there, and the share of points within 2 sigma; the
Cramer-Rao bound of the same lines for the dose alone; rms and share within 2 sigma of the flagged
points; reduced chi-square; seconds of one core. All lengths in px.

``--band`` times 40 lines in 16 views of 128 x 128; ``--pair`` a scene of 512 x 512.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from hyperspy_stereo.geometry import incidence_pair, project
from hyperspy_stereo.matching.joint_fit import expected_sigma, fit_curves
from hyperspy_stereo.simulation.geometric.curves import arrangement
from hyperspy_stereo.simulation.geometric.scenes import NOISE_LEVELS, stereo_scene

KINDS = ("lines", "pile-up", "crossing", "loop", "tangle", "row-parallel")
HEADER = (
    "scene            angle noise lines  start |  median    rms  sigma   in 2   bound |"
    "  flagged   in 2 |   chi2     s"
)


def pieces(curve: np.ndarray, shape: tuple[int, int], margin: float = 3.0) -> list[np.ndarray]:
    """Parts of a curve inside the frame that are at least 12 px long."""
    inside = np.all((curve[:, :2] >= margin) & (curve[:, :2] < np.array(shape[::-1]) - margin), 1)
    cuts = np.flatnonzero(np.diff(inside.astype(int))) + 1
    parts = [p for p in np.split(np.arange(len(curve)), cuts) if inside[p[0]]]
    return [curve[p] for p in parts if np.hypot(*np.diff(curve[p, :2], axis=0).T).sum() > 12]


def rough(curve: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A start: every second point, a smooth error of 4 px rms in depth, 0.5 px across."""
    out, n = curve[::2].copy(), len(curve[::2])
    smooth = gaussian_filter1d(rng.normal(size=n + 80), 8.0)[40 : 40 + n]
    out[:, 2] += 4 * smooth * np.sqrt(2 * np.sqrt(np.pi) * 8.0)
    jitter = gaussian_filter1d(rng.normal(size=(n, 2)), 2.0, axis=0, mode="nearest")
    out[:, :2] += 0.5 * jitter * np.sqrt(2 * np.sqrt(np.pi) * 2.0)
    return out


def errors(lines: list[np.ndarray], curves: list[np.ndarray]) -> np.ndarray:
    """Depth of all points minus that of the nearest point of their true line."""
    out = []
    for line, curve in zip(lines, curves, strict=True):
        at, k = np.linspace(0, len(curve) - 1, len(curve) * 8), np.arange(len(curve))
        dense = np.column_stack([np.interp(at, k, curve[:, j]) for j in range(3)])
        out.append(line[:, 2] - dense[cKDTree(dense[:, :2]).query(line[:, :2])[1], 2])
    return np.concatenate(out)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else float("nan")


def row(index: int, shape: tuple[int, int]) -> str:
    """Fit one scene and describe it."""
    angle, noise, kind = (4, 8, 6, 12, 5, 10)[index % 6], index % 4, KINDS[index % 6]
    scene = stereo_scene(3000 + index, angle, noise, kind, shape)
    curves = [part for curve in scene.curves for part in pieces(curve, shape)]
    rng, theta = np.random.default_rng(index), incidence_pair(angle)
    start = [rough(curve, rng) for curve in curves]
    begin = time.process_time()
    fit = fit_curves(scene.images, theta, start)
    seconds = time.process_time() - begin
    dose = NOISE_LEVELS[noise][0]
    bound = expected_sigma(fit.lines, theta, dose**-0.5, shape, width=1.7, wander=fit.wander)
    error, sigma = errors(fit.lines, curves), np.concatenate(fit.sigma)
    clear = ~(np.concatenate(fit.aligned) | np.concatenate(fit.crossing))
    hit = np.abs(error) < 2 * sigma
    flagged = f"{rms(error[~clear]):9.2f} {hit[~clear].mean() if (~clear).any() else np.nan:6.2f}"
    return (
        f"{index:3d} {kind:12s} {angle:5d} {noise:5d} {len(curves):5d} "
        f"{rms(errors(start, curves)):6.2f} | {np.median(np.abs(error[clear])):7.2f} "
        f"{rms(error[clear]):6.2f} {rms(sigma[clear]):6.2f} {hit[clear].mean():6.2f} "
        f"{rms(np.concatenate(bound)[clear]):7.2f} | {flagged} | {np.median(fit.chi2):6.2f} "
        f"{seconds:5.1f}"
    )


def band_scene(lines: int = 40, side: int = 128):
    """Views, incidences, starts and their sigma, and the true lines: 40 lines in 16 views."""
    rng = np.random.default_rng(0)
    curves: list[np.ndarray] = []
    while len(curves) < lines:
        drawn = arrangement("lines", rng, (side, side), 80.0)
        curves += [part for curve in drawn for part in pieces(curve, (side, side))]
    theta = np.column_stack([np.linspace(50, -50, 16), np.zeros(16)])
    views = []
    y, x = np.mgrid[:side, :side]
    for one in theta:
        view = np.ones(side * side)
        for curve in curves[:lines]:
            tree = cKDTree(project(curve, one))
            far = tree.query(np.column_stack([x.ravel(), y.ravel()]), distance_upper_bound=8)[0]
            view *= 1 - 0.25 * np.exp(-0.5 * (np.minimum(far, 99) / 1.5) ** 2)
        views.append(rng.poisson(500 * view).reshape(side, side))
    start = [rough(curve, rng) for curve in curves[:lines]]
    return np.array(views), theta, start, [np.full(len(s), 4.0) for s in start], curves[:lines]


def isolated_line(dose, angle, contrast, width, azimuth, n_views, seed, side=120):
    """Views of one line, their incidences, a start with its sigma, and the true points."""
    rng, turn = np.random.default_rng(seed), np.deg2rad(azimuth)
    t = np.linspace(-40, 40, 81)
    xy = side / 2 + t[:, None] * np.array([np.cos(turn), np.sin(turn)])
    depth = rng.uniform(-0.5, 0.5) * t + 4 * np.sin(t / 15 + rng.uniform(0, 6))
    curve = np.column_stack([xy, depth])
    outer = incidence_pair(angle)
    theta = outer[1] + np.linspace(1, 0, n_views)[:, None] * (outer[0] - outer[1])
    at, k = np.linspace(0, 80, 2000), np.arange(81)
    dense = np.column_stack([np.interp(at, k, curve[:, j]) for j in range(3)])
    y, x = np.mgrid[:side, :side]
    grid, views = np.column_stack([x.ravel(), y.ravel()]), []
    for shown in project(dense, theta):
        far = cKDTree(shown).query(grid)[0]
        dip = contrast * np.exp(-0.5 * (far / width) ** 2)
        views.append(rng.poisson(dose * (1 - dip)).reshape(side, side))
    slope = np.tan(theta[:, 0] / 1000)
    error = gaussian_filter1d(rng.normal(size=81), 6)
    error *= 0.5 / np.ptp(slope) / error.std()
    # The point stays where it is in the first view, as that of a matcher does.
    start = curve + np.column_stack([slope[0] * error, np.zeros(81), error])
    return np.array(views), theta, start, np.full(81, 0.6 / np.ptp(slope)), curve


def memory() -> str:
    """What the fit of 40 lines in 16 views takes, of a process that does nothing else."""
    from hyperspy_stereo.matching.joint_fit import refine_lines

    given = band_scene()[:4]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refine_lines(*given)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (
        f"memory of the 16 views: {most / 1024:.0f} MiB at most, {before / 1024:.0f} MiB before "
        "the fit"
    )


def band() -> str:
    """40 lines in 16 views: seconds."""
    views, theta, start, _, curves = band_scene()
    begin = time.process_time()
    fit = fit_curves(views, theta, start)
    seconds = time.process_time() - begin
    error, sigma = errors(fit.lines, curves), np.concatenate(fit.sigma)
    clear = ~(np.concatenate(fit.aligned) | np.concatenate(fit.crossing))
    return (
        f"{len(curves)} lines, 16 views: {seconds:.1f} s; rms {rms(error[clear]):.2f} px (all "
        f"{rms(error):.2f}), sigma {rms(sigma[clear]):.2f}, within 2 sigma "
        f"{(np.abs(error) < 2 * sigma)[clear].mean():.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, nargs="*", default=list(range(12)))
    parser.add_argument("--side", type=int, default=128, help="height and width of a scene, px")
    parser.add_argument("--band", action="store_true", help="40 lines in 16 views")
    parser.add_argument("--pair", action="store_true", help="one scene of 512 x 512")
    parser.add_argument("--memory", action="store_true", help="only the memory of 16 views")
    options = parser.parse_args()
    if options.memory:
        print(memory())
        return
    # The first call compiles for seconds; it is no part of a time.
    row(1, (64, 64))
    print(HEADER)
    for index in options.scenes:
        print(row(index, (options.side, options.side)), flush=True)
    if options.pair:
        print(row(1, (512, 512)))
    if options.band:
        print(band())


if __name__ == "__main__":
    main()
