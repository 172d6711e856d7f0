"""Figures on the two real stereo pairs: alignment, detection, disparity.

    python benchmarks/real_pairs.py ../shared/data [folder for pictures]

Prints the greatest distance of the alignment from the authors' transform over the frame, the F1 of
both detectors at 2 px against the human mask, and the disparity error on that mask.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi
from skimage.io import imread, imsave

from hyperspy_stereo import StereoPair
from hyperspy_stereo.matching import MatchStatus, match_views
from hyperspy_stereo.viewer import plot_disparity
from hyperspy_stereo.views.alignment import align_tilted

ANGLE = 8.0  # degrees; not known for the annotated pair, and without effect on its disparity


def read(path: Path) -> np.ndarray:
    return imread(path).astype(np.float32)


def f1_score(mask: np.ndarray, truth: np.ndarray, tolerance: float = 2.0):
    """F1, precision, recall of pixels with a tolerance in px."""
    if not mask.any() or not truth.any():
        return 0.0, 0.0, 0.0
    precision = np.mean(ndi.distance_transform_edt(~truth)[mask] <= tolerance)
    recall = np.mean(ndi.distance_transform_edt(~mask)[truth] <= tolerance)
    return 2 * precision * recall / max(precision + recall, 1e-9), precision, recall


def corner_distance(matrix: np.ndarray, other: np.ndarray, size: int) -> float:
    """Greatest distance of two affine maps over a square frame, px (attained at a corner)."""
    corners = np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    return float(np.hypot(*((np.asarray(matrix) - np.asarray(other)) @ corners)).max())


def annotated(folder: Path, out: Path | None) -> None:
    left, right = read(folder / "left.png"), read(folder / "right.png")
    human = imread(folder / "left_mask.png") > 0
    truth = np.load(folder / "left_disparity_px.npy").astype(float)
    pair = StereoPair.from_images(left, right, stereo_angle=ANGLE)
    maps = {}
    print("annotated pair, detection on the left image (2 px)")
    for method in ("ridge", "unet"):
        start = time.perf_counter()
        maps[method] = pair.detect_dislocations(method=method)
        took = (time.perf_counter() - start) / 2
        level = maps[method].metadata.Stereo.Detection.candidate_threshold
        for name, mask in (
            ("lines", maps[method].mask()[0]),
            ("candidates", maps[method].mask(level)[0]),
        ):
            f1, precision, recall = f1_score(mask, human)
            print(
                f"  {method:6s}{name:11s} F1 {f1:.3f}  precision {precision:.3f}  "
                f"recall {recall:.3f}  {took:.2f} s a view"
            )
    print("annotated pair, disparity map of view 0 where the human mask has a value in it")
    for name in ("ridge", "unet", "human left mask"):
        found = maps.get(name, maps["unet"]).deepcopy()
        if name == "human left mask":
            found.data[0] = human
        start = time.perf_counter()
        network = found.reconstruct()
        took = time.perf_counter() - start
        disparity = network.disparity_map(0)
        seen = human & np.isfinite(disparity)
        error = (disparity - truth)[seen]
        size = np.abs(error)
        print(
            f"  {name:16s} median |error| {np.median(size):.2f} px, mean {size.mean():.2f}, "
            f"> 3 px {100 * np.mean(size > 3):.1f} %, bias {np.median(error):+.2f}, "
            f"covers {100 * seen.sum() / human.sum():.0f} % of the mask, "
            f"{len(network.lines)} lines, {took:.2f} s"
        )
        if out is not None:
            axes = plot_disparity(disparity, left)
            axes.figure.savefig(out / f"annotated_{name.split()[0]}.png", dpi=110)


def tilted(folder: Path, out: Path | None) -> None:
    left, right = read(folder / "left.png"), read(folder / "right.png")
    authors = json.loads((folder / "authors_alignment.json").read_text())
    start = time.perf_counter()
    found = align_tilted(left, right)
    took = time.perf_counter() - start
    print("tilted pair, alignment")
    for key in ("M_full_pipeline_cell11", "M_alignment_cell5"):
        worst = corner_distance(found.matrix_left_to_right, authors[key], left.shape[0])
        print(f"  from {key}: at most {worst:.2f} px over the frame")
    print(
        f"  {found.n_inliers} of {found.n_matches} matches, vertical residual "
        f"{found.residual:.2f} px, parallax {found.parallax:.2f} px, tilt axis "
        f"{found.tilt_axis:.1f} deg (known: {found.tilt_axis_known}), {took:.1f} s"
    )
    pair = np.stack([found.left, found.right])
    for method in ("ridge", "unet"):
        maps = StereoPair.from_images(*pair, stereo_angle=ANGLE).detect_dislocations(method=method)
        weak = maps.mask(maps.metadata.Stereo.Detection.candidate_threshold)
        print(f"tilted pair, {method}, disparity (no truth)")
        _disparity(pair, maps.mask(), weak, method, out)


def _disparity(pair, strict, weak, method: str, out: Path | None) -> None:
    start = time.perf_counter()
    forward, backward = match_views(pair, strict, weak)
    took = time.perf_counter() - start
    good = forward.status == MatchStatus.MATCHED
    back = np.full(pair.shape[1:], np.nan)
    ok = backward.status == MatchStatus.MATCHED
    x, y = np.round(backward.points[ok]).astype(int).T
    back[np.clip(y, 0, back.shape[0] - 1), np.clip(x, 0, back.shape[1] - 1)] = backward.disparity[
        ok
    ]
    iy, ix = ndi.distance_transform_edt(np.isnan(back), return_distances=False, return_indices=True)
    x = np.clip(np.round(forward.points[good, 0] + forward.disparity[good]), 0, back.shape[1] - 1)
    y = np.clip(np.round(forward.points[good, 1]), 0, back.shape[0] - 1)
    x, y = x.astype(int), y.astype(int)
    jy, jx = iy[y, x], ix[y, x]
    near = np.hypot(jy - y, jx - x) <= 3
    gap = np.abs(back[jy, jx] - forward.disparity[good])[near]
    steps = np.abs(np.diff(forward.disparity))[np.diff(forward.line) == 0]
    low, high = np.percentile(forward.disparity[good], (2, 98))
    print(
        f"  {good.sum()} of {good.size} points matched, disparity {low:.1f} to {high:.1f} px, "
        f"step along a line {np.mean(steps):.3f} px, left-right difference median "
        f"{np.median(gap):.2f} px, within 1 px {100 * np.mean(gap < 1):.0f} %, {took:.2f} s"
    )
    if out is not None:
        imsave(
            out / "tilted_anaglyph.png",
            np.dstack([pair[0], pair[1], pair[1]]).clip(0, 255).astype(np.uint8),
        )
        picture(pair[0], forward, out / f"tilted_disparity_{method}.png")


def picture(image, match, path: Path) -> None:
    """Matched points coloured by disparity over the view; unmatched ones in grey."""
    import matplotlib.pyplot as plt

    good = match.status == MatchStatus.MATCHED
    fig, ax = plt.subplots(figsize=(9, 9 * image.shape[0] / image.shape[1]), dpi=110)
    ax.imshow(image, cmap="gray")
    ax.plot(*match.points[~good].T, ".", ms=1.5, color="0.6")
    low, high = np.percentile(match.disparity[good], (2, 98))
    dots = ax.scatter(
        *match.points[good].T, c=match.disparity[good], s=2, cmap="turbo", vmin=low, vmax=high
    )
    fig.colorbar(dots, shrink=0.7, label="disparity (px)")
    ax.set_axis_off()
    fig.savefig(path, bbox_inches="tight")
    plt.close(fig)


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    annotated(data / "real_pair_annotated", out)
    tilted(data / "real_pair_tilted", out)


if __name__ == "__main__":
    main()
