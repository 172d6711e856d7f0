"""The curve matcher beside OpenCV's semi-global matching, on 24 scenes with exact truth.

Run ``python benchmarks/matching.py``; without ``opencv-python-headless`` the columns of its matcher
are NaN. ``--scenes 0 5 9`` takes some scenes only. The constants of confidence and sigma come from
``python -m hyperspy_stereo.training calibrate-matcher``.

Every table is printed for windows compared by correlation and, where there are weights, for learned
descriptors (``--descriptor`` takes one of them), with complete masks and with erased ones.

How it is scored: the pixels in question are those of the left view's mask that was given, where
the true disparity is known and no second line with another disparity lies within 2.5 px. In such
a pixel the matcher's disparity is that of the nearest reconstructed point within 3 px, whatever
its status; the share of pixels that have one is the coverage. Both methods are scored at these
covered pixels. Two columns are about all pixels in question instead: ">3 all" counts uncovered
pixels as wrong for the matcher, and "sgm all" is semi-global matching, which has a disparity
everywhere. The last columns (d10, match, mat, res) are about the matcher alone, as the header
says.

Semi-global matching sees the same images (flat-fielded, smoothed by 1 px), with the one setting
in ``semiglobal``; it does not see the masks. It is told the true range, and invalid pixels are
filled from the nearest valid one. The matcher sees the masks and estimates the range itself.
Erased: 20 % of each mask is erased in round pieces of 6-16 px radius, and what is left is scored.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

try:
    import cv2
except ModuleNotFoundError:
    cv2 = None

from hyperspy_stereo.matching import CurveMatch, MatchSettings, MatchStatus, match_views
from hyperspy_stereo.matching.appearance import flat_field
from hyperspy_stereo.matching.descriptor import shipped_weights
from hyperspy_stereo.simulation.geometric.scenes import (
    BENCHMARK_SCENES,
    StereoScene,
    benchmark_scene,
    erase_pieces,
)

REACH = 3.0
ERASED = 0.2
NAMES = {"correlation": "correlation", "learned": "learned descriptors"}
COLUMNS = (
    "sgm >3%",
    "sgm epe",
    "sgm med",
    "sgm z",
    "sgm all",
    ">3 %",
    "epe",
    "median",
    "z err",
    ">3 all",
    "cover%",
    ">3 d10%",
    "match%",
    ">3 mat%",
    "res mad",
    "res rms",
    "seconds",
)


def semiglobal(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """Disparity x_right - x_left of every left pixel by OpenCV's StereoSGBM, 8 paths."""
    if cv2 is None:
        return np.full(images.shape[1:], np.nan)
    block, reach = 5, int(np.ceil((high - low + 2) / 16) * 16)
    least = int(np.floor(-high - 1))
    pad = reach + abs(least) + 8
    grey = []
    for image in images:
        flat = gaussian_filter(flat_field(image), 1.0)
        a, b = np.percentile(flat, [0.2, 99.8])
        byte = np.uint8(255 * np.clip((flat - a) / (b - a), 0, 1))
        # Borders keep the pixels whose counterpart lies near the rim.
        grey.append(cv2.copyMakeBorder(byte, 0, 0, pad, pad, cv2.BORDER_REPLICATE))
    matcher = cv2.StereoSGBM_create(
        minDisparity=least,
        numDisparities=reach,
        blockSize=block,
        P1=8 * block**2,
        P2=32 * block**2,
        disp12MaxDiff=-1,
        uniquenessRatio=0,
        speckleWindowSize=0,
        preFilterCap=31,
        mode=cv2.STEREO_SGBM_MODE_HH,
    )
    disparity = matcher.compute(*grey)[:, pad:-pad].astype(float) / 16
    invalid = disparity < least
    if invalid.any() and not invalid.all():
        nearest = distance_transform_edt(invalid, return_distances=False, return_indices=True)
        disparity = disparity[tuple(nearest)]
    return -disparity


def nearest_points(match: CurveMatch, where: np.ndarray) -> np.ndarray:
    """Index of the nearest point within 3 px of each pixel of a mask, -1 if none."""
    rows, columns = np.nonzero(where)
    if len(match.points) == 0:
        return np.full(rows.size, -1)
    tree = cKDTree(match.points)
    distance, index = tree.query(np.column_stack([columns, rows]), distance_upper_bound=REACH)
    return np.where(np.isfinite(distance), index, -1)


def score(scene: StereoScene, masks: np.ndarray, settings: MatchSettings) -> list[float]:
    """One line of the table."""
    truth = scene.disparity[0]
    where = masks[0] & ~scene.ambiguous[0] & np.isfinite(truth)
    depth_scale = 2 * np.tan(np.radians(scene.angle) / 2)
    low, high = np.nanmin(scene.disparity), np.nanmax(scene.disparity)
    peer_all = np.abs(semiglobal(scene.images, low, high)[where] - truth[where])
    start = time.perf_counter()
    match = match_views(scene.images, masks, settings=settings)[0]
    seconds = time.perf_counter() - start
    index = nearest_points(match, where)
    found = index >= 0
    index = index[found]
    peer = peer_all[found]
    error = match.disparity[index] - truth[where][found]
    size = np.abs(error)
    sure = np.argsort(-match.confidence[index], kind="stable")[: int(0.9 * index.size)]
    matched = match.status[index] == MatchStatus.MATCHED
    right = size <= 3
    residual = error[right] / match.sigma[index][right]
    return [
        100 * np.mean(peer > 3),
        peer.mean(),
        np.median(peer),
        peer.mean() / depth_scale,
        100 * np.mean(peer_all > 3),
        100 * np.mean(size > 3),
        size.mean(),
        np.median(size),
        size.mean() / depth_scale,
        100 * (1 - np.sum(size <= 3) / found.size),
        100 * found.mean(),
        100 * np.mean(size[sure] > 3),
        100 * matched.mean(),
        100 * np.mean(size[matched] > 3),
        1.4826 * np.median(np.abs(residual)),
        np.sqrt(np.mean(residual**2)),
        seconds,
    ]


def table(scenes: list[int], erased: float, kind: str) -> np.ndarray:
    """Print one line per scene and the mean."""
    masks_text = "complete masks" if not erased else f"{100 * erased:.0f} % of each mask erased"
    print(f"\n{masks_text}, surroundings compared by {NAMES[kind]}")
    print(f"{'scene':>26} " + " ".join(f"{c:>7}" for c in COLUMNS))
    rows = []
    for n in scenes:
        scene = benchmark_scene(n)
        masks = scene.masks
        if erased:
            pairs = enumerate(masks)
            masks = np.stack([erase_pieces(m, erased, 7 * n + v) for v, m in pairs])
        rows.append(score(scene, masks, MatchSettings(descriptor=kind)))
        _, angle, noise, arrangement = BENCHMARK_SCENES[n]
        name = f"{n} {arrangement} {angle} deg noise {noise}"
        print(f"{name:>26} " + " ".join(f"{v:7.2f}" for v in rows[-1]), flush=True)
    mean = np.mean(rows, axis=0)
    print(f"{'mean':>26} " + " ".join(f"{v:7.2f}" for v in mean))
    return mean


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--descriptor", choices=tuple(NAMES), help="default: all there is")
    parser.add_argument("--scenes", type=int, nargs="*", default=list(range(24)))
    options = parser.parse_args()
    if cv2 is not None:
        cv2.setNumThreads(1)
    kinds = [options.descriptor] if options.descriptor else ["correlation"]
    if options.descriptor is None and shipped_weights() is not None:
        kinds.append("learned")
    # Compiles what is compiled, so that seconds are those of a warm process.
    for kind in kinds:
        settings = MatchSettings(descriptor=kind)
        match_views(benchmark_scene(0).images, benchmark_scene(0).masks, settings=settings)
    print("At the pixels the matcher covers; all: at every pixel, uncovered ones counted as wrong")
    print("z, z err: mean depth error in px; d10: without the 10 % least confident; mat: status")
    print("MATCHED only; res: error / sigma where the error is at most 3 px, by MAD and by rms")
    for erased in (0.0, ERASED):
        for kind in kinds:
            table(options.scenes, erased, kind)


if __name__ == "__main__":
    main()
