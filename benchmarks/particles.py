"""Particles against the aims: single views, clouds in space, g(r), and how long it takes.

    python benchmarks/particles.py --quick
    python benchmarks/particles.py --full --parts 1 2 > docs/measured/particles.txt
    python benchmarks/particles.py --full --parts 3 > docs/measured/particles_fluid.txt
    python benchmarks/particles.py --full --parts 4 > docs/measured/particles_times.txt

1. Single detections at contrast 1 against the noise-limited bound.
2. Four views 3 degrees apart (opposite segments), 300 to 4400 particles of radius 6 px in a slab of
   200 nm at 0.4 nm per pixel, three levels of noise: recall, precision, errors beside the bound of
   a particle that stands alone, and gross errors of depth. A plain LoG with assignment beside it.
3. g(r) of points at random, of a fluid whose g(r) is known, and how the uncertainty of depth moves
   its first peak; the effect of the assumed stereo angle.
4. Time of one view beside `skimage.feature.blob_log` and, where OpenCV is installed,
   `cv2.HoughCircles`, and what each of them finds. On a machine that does nothing else.
Seeds are those of `--seed` and following; nothing was tuned on 4000 and above.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial

import numpy as np
from scipy.spatial import cKDTree

from hyperspy_stereo.detection.particles import (
    Cameras,
    ParticleShape,
    detect_particles,
    find_shape,
    one_view,
    position_bound,
)
from hyperspy_stereo.geometry import projection_matrices
from hyperspy_stereo.matching.particles import reconstruct_particles
from hyperspy_stereo.matching.threads import in_threads
from hyperspy_stereo.results import ParticleCloud, RadialDistribution
from hyperspy_stereo.results.radial_distribution import radial_distribution
from hyperspy_stereo.results.stereo_angle_effect import stereo_angle_effect
from hyperspy_stereo.simulation.particles import (
    Interaction,
    equilibrium,
    particle_views,
    segment_incidence,
)

PIXEL, RADIUS, THICKNESS, ANGLE = 0.4, 2.4, 200.0, 3.0  # nm, nm, nm, degrees
SHAPE = ParticleShape(RADIUS / PIXEL, blur=0.85)  # the probe's 0.8 px and the pixel
FOUR = segment_incidence(ANGLE)
FEW = 6  # fields of view that an experiment may have
REACH = 4.0  # px within which a found particle is a true one


def suspension(count: int, side: int, noise: float, seed: int, law: Interaction | None = None):
    # Particles that attract each other pair up from a random start within some fifty sweeps.
    sweeps = 60 if law is None else 240
    points = equilibrium(
        np.full(count, RADIUS), (side * PIXEL, side * PIXEL), THICKNESS, law, sweeps, seed
    )
    return particle_views(points, RADIUS, FOUR, (side, side), PIXEL, noise=noise, seed=seed + 1)


def one_to_one(found: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(n, 2) found and true that belong together, the nearest first (`weight` of each axis)."""
    near = cKDTree(truth[:, :2]).query_ball_point(found[:, :2], REACH)
    rows = [
        (np.linalg.norm((found[i] - truth[j]) * weight), i, j)
        for i, js in enumerate(near)
        for j in js
    ]
    used: tuple[set, set] = (set(), set())
    pairs = []
    for _, i, j in sorted(rows):
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            pairs.append((i, j))
    return np.array(pairs, dtype=int).reshape(-1, 2)


def inside(points: np.ndarray, side: int) -> np.ndarray:
    """Middles at least a radius from the border."""
    margin = SHAPE.radius
    return ((points[:, :2] > margin) & (points[:, :2] < side - 1 - margin)).all(axis=1)


def shares(pairs: np.ndarray, found: np.ndarray, truth: np.ndarray, side: int) -> tuple:
    """Recall and precision away from the border, and the pairs there."""
    is_true, is_found = inside(truth, side), inside(found, side)
    hit, right = np.zeros(len(truth), bool), np.zeros(len(found), bool)
    hit[pairs[:, 1]], right[pairs[:, 0]] = True, True
    return hit[is_true].mean(), right[is_found].mean(), pairs[is_true[pairs[:, 1]]]


def single_views(side: int, count: int, seed: int) -> None:
    print(f"\n1. single views, {side} x {side}, {count} particles, contrast 1")
    print("   noise  recall  precision  F1     rms px  bound px  ratio  (rms of all)")
    for noise in (0.3, 0.6, 1.0):
        made = suspension(count, side, noise, seed)
        truth = made.positions[0]
        found = detect_particles(made.images[0])
        pairs = one_to_one(found.positions, truth, np.ones(2))
        recall, precision, good = shares(pairs, found.positions, truth, side)
        # Particles that overlap another in this view have a bound of their own.
        near = cKDTree(truth).query(truth, k=2)[0][:, 1]
        alone = near > 2.4 * SHAPE.radius
        bound = position_bound(SHAPE, 1.0, one_view(noise))[0]
        error = found.positions[good[:, 0]] - truth[good[:, 1]]
        free = alone[good[:, 1]]
        rms, all_rms = (np.sqrt((e**2).mean()) for e in (error[free], error))
        f1 = 2 * recall * precision / (recall + precision)
        print(
            f"   {noise:5.1f}  {recall:6.4f}  {precision:9.4f}  {f1:.4f}  {rms:6.3f}  {bound:8.3f}"
            f"  {rms / bound:5.2f}  ({all_rms:.3f} all)"
        )


def times(side: int, count: int, seed: int) -> None:
    """Processor time beside what was found; the diameter is known to all but where it says not."""
    detect_particles(suspension(60, 512, 0.3, seed).images[0])
    print(f"   one view of {side} x {side}, {count} particles; processor time of all threads")
    print("   noise  detector                               recall  precision  F1     rms px   s")
    for noise in (0.3, 0.6, 1.0):
        made = suspension(count, side, noise, seed)
        image, truth = made.images[0], made.positions[0]
        rows = {}
        for name, known in (("detect_particles(12)", 12.0), ("detect_particles(), no size", None)):
            call = partial(detect_particles, image, known)
            rows[name] = call().positions, min(seconds(call) for _ in range(3))
        rows["cv2.HoughCircles, best of 36 settings"] = best_hough(image, truth, side)
        rows["blob_log of 3 sizes, best of 4 levels"] = best_blobs(image, truth, side)
        for name, (places, lasted) in rows.items():
            f1, recall, precision, rms = score(places, truth, side)
            print(
                f"   {noise:5.1f}  {name:38s} {recall:6.4f}  {precision:9.4f}  {f1:.4f}"
                f"  {rms:6.3f}  {lasted:6.3f}"
            )


def score(places: np.ndarray, truth: np.ndarray, side: int) -> tuple[float, float, float, float]:
    """F1, recall, precision, rms of both coordinates."""
    pairs = one_to_one(places, truth, np.ones(2))
    recall, precision, good = shares(pairs, places, truth, side)
    error = places[good[:, 0]] - truth[good[:, 1]]
    f1 = 2 * recall * precision / max(recall + precision, 1e-9)
    return f1, recall, precision, float(np.sqrt((error**2).mean()))


def best_hough(image: np.ndarray, truth: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Circles and time of the settings that find most of *this* truth, from the picture on."""
    try:
        import cv2
    except ImportError:
        return np.zeros((0, 2)), float("nan")
    low, high = np.percentile(image, [0.1, 99.9])

    def circles(blur: float, edge: int, votes: int) -> np.ndarray:
        eight = np.clip((image - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        smooth = cv2.GaussianBlur(eight, (0, 0), blur)
        found = cv2.HoughCircles(
            smooth, cv2.HOUGH_GRADIENT, 1, 6, param1=edge, param2=votes, minRadius=4, maxRadius=8
        )
        return np.zeros((0, 2)) if found is None else found.reshape(-1, 3)[:, :2].astype(float)

    best, settings = -1.0, (1.5, 150, 8)
    for blur in (1.5, 2.0, 3.0):
        for edge in (30, 60, 100, 150):
            for votes in (6, 8, 10):
                found = circles(blur, edge, votes)
                if 0 < len(found) < 5 * len(truth):
                    f1 = score(found, truth, side)[0]
                    if f1 > best:
                        best, settings = f1, (blur, edge, votes)
    return circles(*settings), min(seconds(partial(circles, *settings)) for _ in range(3))


def best_blobs(image: np.ndarray, truth: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Blobs and time of the level that finds most of *this* truth; sigma is radius / sqrt(2)."""
    from skimage.feature import blob_log

    sigma = SHAPE.radius / np.sqrt(2)
    best = (-1.0, np.zeros((0, 2)), 0.0)
    for level in (0.15, 0.25, 0.35, 0.45):
        call = partial(
            blob_log, image, min_sigma=0.8 * sigma, max_sigma=1.2 * sigma, num_sigma=3,
            threshold=level,
        )  # fmt: skip
        start = time.process_time()
        found = call()[:, 1::-1]
        lasted = time.process_time() - start
        if len(found) > 10 * len(truth):
            continue
        f1 = score(found, truth, side)[0]
        if f1 > best[0]:
            best = (f1, found, lasted)
    return best[1], best[2]


def seconds(call) -> float:
    """Processor time of all threads, which other work on the machine does not lengthen."""
    start = time.process_time()
    call()
    return time.process_time() - start


def plain_baseline(images: np.ndarray, shape: ParticleShape) -> np.ndarray:
    """LoG maxima, linear assignment between view 0 and each other, depth by least squares."""
    from scipy.ndimage import gaussian_laplace
    from scipy.optimize import linear_sum_assignment

    from hyperspy_stereo.detection.particles.scale import peaks

    slopes = np.tan(FOUR / 1000)
    spots = []
    for image in images:
        answer = -gaussian_laplace(image, shape.radius / np.sqrt(2))
        level = 0.4 * np.quantile(answer, 0.999)
        spots.append(peaks(answer, level)[0].astype(float))
    shifts = np.full((len(spots[0]), len(images)), np.nan)
    for v in range(1, len(images)):
        along = slopes[0] - slopes[v]
        length = np.linalg.norm(along)
        d = spots[v][None] - spots[0][:, None]
        z = d @ along / length**2
        aside = np.abs(d[..., 0] * along[1] - d[..., 1] * along[0]) / length
        cost = np.where((np.abs(z) < 1.2 * THICKNESS / PIXEL / 2) & (aside < 2), aside, 50.0)
        a, b = linear_sum_assignment(cost)
        good = cost[a, b] < 2
        shifts[a[good], v] = z[a[good], b[good]]
    known = np.isfinite(shifts).sum(axis=1) >= 2
    z = np.nanmedian(shifts[known], axis=1)
    return np.column_stack([spots[0][known] + slopes[0] * z[:, None], z])


def in_space(sides: dict[int, int], noises: tuple[float, ...], seed: int, baseline: bool) -> None:
    matrices, shifts = projection_matrices(FOUR)
    print("\n2. four views, opposite ones 3 degrees apart; lengths in px; lateral and depth: rms")
    print(
        "       N  side  noise  recall  precis.  lateral  bound  depth   bound  ratio  median"
        "  sigma  gross  flagged  time s  cpu s"
    )
    for count, side in sides.items():
        for noise in noises:
            made = suspension(count, side, noise, seed)
            start, busy = time.perf_counter(), time.process_time()
            shape = find_shape(made.images[0])
            found = in_threads(partial(detect_particles, shape=shape), made.images)
            match = reconstruct_particles(made.images, found, FOUR)
            lasted, busy = time.perf_counter() - start, time.process_time() - busy
            cameras = Cameras(matrices, shifts, np.ones(4), np.full(4, noise))
            bound = position_bound(SHAPE, 1.0, cameras)
            row = errors(match.points, match.sigma, made.points, side)
            print(
                f"   {count:5d}  {side:4d}  {noise:5.1f}  {row['recall']:6.4f}  "
                f"{row['precision']:7.4f}  {row['lateral']:7.3f}  {bound[0]:5.3f}  "
                f"{row['depth']:5.2f}  {bound[2]:6.2f}  {row['depth'] / bound[2]:5.2f}  "
                f"{row['median']:6.2f}  {row['sigma']:5.2f}  {row['gross']:.4f}  "
                f"{match.ambiguous.mean():7.4f}  {lasted:6.1f}  {busy:5.1f}"
            )
            if baseline:
                plain = plain_baseline(made.images, SHAPE)
                row = errors(plain, np.full_like(plain, np.inf), made.points, side)
                print(
                    f"          plain LoG  {row['recall']:6.4f}  {row['precision']:7.4f}  "
                    f"{row['lateral']:7.3f}         {row['depth']:5.2f}"
                    f"                 {row['median']:6.2f}"
                )


def errors(points: np.ndarray, sigma: np.ndarray, truth: np.ndarray, side: int) -> dict[str, float]:
    pairs = one_to_one(points, truth, np.array([1, 1, 0.05]))
    recall, precision, good = shares(pairs, points, truth, side)
    error = points[good[:, 0]] - truth[good[:, 1]]
    error[:, 2] -= np.median(error[:, 2])  # only differences of depth are measured
    own = sigma[good[:, 0], 2]
    return {
        "recall": recall,
        "precision": precision,
        "lateral": np.sqrt((error[:, :2] ** 2).mean()),
        "depth": np.sqrt((error[:, 2] ** 2).mean()),
        "median": np.median(np.abs(error[:, 2])),
        "sigma": np.sqrt((own**2).mean()),
        "gross": (np.abs(error[:, 2]) > 5 * own).mean(),
    }


def distances(fields: int, count: int, side: int, seed: int) -> None:
    print("\n3. g(r)")
    rng = np.random.default_rng(seed)
    box = np.array([800.0, 800.0, THICKNESS])
    many = rng.uniform(0, 1, (50_000, 3)) * box
    radial_distribution(many[:100], box, 1.0, 20.0)
    lasted = seconds(partial(radial_distribution, many, box, 0.5, 40.0))
    off = []
    for _ in range(8):
        g = radial_distribution(rng.uniform(0, 1, (3000, 3)) * box, box, 4.0, 400.0)
        off.append(((g.g - 1) / g.error)[2:])
    off = np.abs(off)
    print(f"   50,000 points up to 40 nm in {lasted:.2f} s of processor time")
    print(
        f"   3000 points at random up to half of the field: {100 * (off < 2).mean():.1f} % of bins "
        f"within two sigma, largest {off.max():.1f} sigma"
    )
    law = Interaction(depth=2.5, gap=1.0, width=0.4)
    true, seen, clouds = [], [], []
    for k in range(fields):
        made = suspension(count, side, 0.3, seed + 10 * k, law)
        whole = ParticleCloud(
            made.points * PIXEL, made.radius * PIXEL, units="nm", pixel_size=PIXEL,
            image_shape=(side, side), incidence=FOUR,
        ).set_thickness(THICKNESS)  # fmt: skip
        found = in_threads(detect_particles, made.images)
        match = reconstruct_particles(made.images, found, FOUR)
        cloud = ParticleCloud(
            match.points * PIXEL, match.radius * PIXEL, match.sigma * PIXEL, units="nm",
            pixel_size=PIXEL, image_shape=(side, side), incidence=FOUR,
        ).set_thickness(THICKNESS)  # fmt: skip
        true.append(whole.radial_distribution(0.25, 40.0))
        seen.append(cloud.radial_distribution(0.25, 40.0))
        clouds.append(cloud)
    angle = stereo_angle_effect(clouds, np.arange(1.6, 4.61, 0.2), ANGLE)
    few = [
        RadialDistribution.combine(seen[k : k + FEW]).deconvolved() for k in range(0, fields, FEW)
    ]
    true, seen = (RadialDistribution.combine(g) for g in (true, seen))
    place = 2 * RADIUS + law.gap
    density = count / (side * PIXEL) ** 2 / THICKNESS
    height = float(law.radial_distribution(place, 2 * RADIUS, density))
    print(
        f"   known fluid ({fields} fields of {count}): peak at {place:.2f} nm, height {height:.2f}"
    )
    rows = {
        "true positions": true,
        "reconstructed": seen,
        "deconvolved": seen.deconvolved(),
        "true, blurred": true.blurred(seen.sigma_z),
    }
    for name, g in rows.items():
        p = g.first_peak()
        print(
            f"   {name:16s} {p.position:.3f} ± {p.position_error:.3f} nm "
            f"({(p.position - place) / PIXEL:+.2f} px), "
            f"height {p.height:.2f} ± {p.height_error:.2f} ({100 * (p.height / height - 1):+.1f} %)"
        )
    heights = np.array([g.first_peak().height for g in few]) / height - 1
    print(
        f"   deconvolved, {FEW} fields at a time: height {100 * heights.mean():+.1f} % with a "
        f"scatter of {100 * heights.std():.1f} %"
    )
    bias = seen.depth_bias()
    print(
        f"   1-sigma of depth: {seen.sigma_z:.2f} nm; stated bias: position "
        f"{bias['position']:+.3f} nm, height times {bias['height']:.3f}"
    )
    print(
        f"   stereo angle from neighbours: {angle.attrs['best_angle']:.2f} ± "
        f"{angle.attrs['best_angle_error']:.2f} degrees (true {ANGLE})"
    )


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small fields, one level of noise")
    parser.add_argument("--full", action="store_true", help="2048 x 2048 and the baseline")
    parser.add_argument("--parts", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--fields", type=int, default=12, help="of the fluid, for part 3")
    parser.add_argument("--seed", type=int, default=4000)
    options = parser.parse_args()
    if options.quick:
        single_views(512, 80, options.seed)
        in_space({275: 512}, (0.3,), options.seed, False)
        distances(4, 275, 512, options.seed)
        return
    side = 2048 if options.full else 1024
    area = (side / 2048) ** 2
    if 1 in options.parts:
        single_views(side, int(1300 * area), options.seed)
    if 2 in options.parts:
        sides = {int(n * area): side for n in (300, 1300, 4400)}
        in_space(sides, (0.3, 0.6, 1.0), options.seed, options.full)
    if 4 in options.parts:
        times(side, int(1300 * area), options.seed)
    if 3 in options.parts:
        distances(options.fields, int(4400 * area), side, options.seed)


if __name__ == "__main__":
    main()
