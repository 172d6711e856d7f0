"""How long a topological score takes, how long it took before, and whether others agree.

Run ``python benchmarks/topology.py``, with persim and cripser installed. 15 filtrations in 2
dimensions of 12 masks and their truth, with all distances of the masks to the truth, at 512 x 512
and 1024 x 1024 px: the package's own way (diagrams by ``CubicalPersistence``, sliced distances,
threads), the whole ``score_masks`` with connectivity and confidence intervals, and the peer: the
same filtrations through ``gudhi.CubicalComplex`` and persim's Wasserstein distance, one thread. The
peer is timed on ``--peer`` masks and scaled to 12, since it is slow; its diagrams are pruned and
shortened as the package's are, which spares it much. Ratios are of CPU time, which other work on
the machine does not change. Memory is the peak of the process.

Volumes are timed as well. Then diagrams of 50 random images are compared with cripser's, and
bottleneck distances with persim's.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from itertools import pairwise

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from joblib import Parallel, delayed

from hyperspy_stereo.simulation.geometric.scenes import stereo_scene
from hyperspy_stereo.topology import (
    DEGRADATIONS,
    ScoreSettings,
    bottleneck,
    compare,
    degrade,
    diagrams,
    filtrations,
    mask_topology,
    prune,
    score_masks,
    shorten,
    voxelise,
)
from hyperspy_stereo.topology.families import least_lives, longest_lives

MASKS = 12


def masks_of(side: int, count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A truth, and so many degraded masks of all kinds."""
    truth = stereo_scene(60_000, shape=(side, side)).masks[0]
    kinds = list(DEGRADATIONS)
    worse = [degrade(truth, kinds[n % len(kinds)], 0.3 + 0.05 * n, seed=n) for n in range(count)]
    return truth, worse


def own(truth: np.ndarray, masks: list[np.ndarray], jobs: int) -> float:
    """Seconds for the diagrams of all masks and all comparisons."""
    start = time.perf_counter()
    found = Parallel(n_jobs=jobs, prefer="threads")(
        delayed(mask_topology)(mask) for mask in [truth, *masks]
    )
    Parallel(n_jobs=jobs, prefer="threads")(delayed(compare)(one, found[0]) for one in found[1:])
    return time.perf_counter() - start


def general_diagrams(mask: np.ndarray) -> list[list[np.ndarray]]:
    """Diagrams of all filtrations by the complex for any dimension."""
    import gudhi

    rows = []
    limits = zip(filtrations(mask), least_lives(2), longest_lives(2), strict=True)
    for image, least, longest in limits:
        model = gudhi.CubicalComplex(top_dimensional_cells=image)
        model.compute_persistence(min_persistence=0)
        pair = []
        for k in (0, 1):
            diagram = np.array(model.persistence_intervals_in_dimension(k)).reshape(-1, 2)
            diagram[np.isinf(diagram)] = image.max()
            pair.append(shorten(prune(diagram, least).diagram, longest))
        rows.append(pair)
    return rows


def peer(truth: np.ndarray, masks: list[np.ndarray]) -> None:
    """Diagrams and distances of the peer, on one thread."""
    from persim import wasserstein

    found = [general_diagrams(mask) for mask in [truth, *masks]]
    for one in found[1:]:
        for pair, other in zip(one, found[0], strict=True):
            for a, b in zip(pair, other, strict=True):
                wasserstein(a, b)


def timed(function, *arguments) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    start, cpu = time.perf_counter(), time.process_time()
    function(*arguments)
    return time.perf_counter() - start, time.process_time() - cpu


def speed(side: int, count: int, jobs: int, of_peer: int) -> None:
    """Print the times of one size."""
    truth, masks = masks_of(side, count)
    seconds, cpu = timed(own, truth, masks, jobs)
    print(f"{side} x {side} px")
    print(f"  diagrams and distances       {seconds:7.2f} s   CPU {cpu:7.2f} s", flush=True)
    settings = ScoreSettings(n_jobs=jobs)
    whole = timed(lambda: score_masks(masks, [truth], settings=settings))
    print(f"  whole score with intervals   {whole[0]:7.2f} s   CPU {whole[1]:7.2f} s", flush=True)
    if of_peer:
        slow = timed(peer, truth, masks[:of_peer])
        scale = (count + 1) / (of_peer + 1)
        print(
            f"  CubicalComplex + persim      {slow[0] * scale:7.1f} s   CPU {slow[1] * scale:7.1f} "
            f"s   (the truth and {of_peer} of the masks, times {scale:.1f}): "
            f"{slow[1] * scale / cpu:.0f} times as much"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory of the process so far {peak:.0f} MiB", flush=True)


def volume(side: int) -> None:
    """Print the time of a volume, of which persistence takes nearly all."""
    rng = np.random.default_rng(60_000)
    lines = [rng.uniform(0, side, (2, 3)) for _ in range(6)]
    mask = voxelise(lines, (side, side, side))
    seconds, cpu = timed(mask_topology, mask)
    print(
        f"{side} x {side} x {side} voxels, 35 filtrations, one mask, one thread: {seconds:.2f} s   "
        f"CPU {cpu:.2f} s",
        flush=True,
    )


def agreement() -> None:
    """Print how far diagrams and distances of other programs are from the package's."""
    import tcripser  # pixels as cells, as here
    from persim import bottleneck as others

    rng = np.random.default_rng(60_000)
    images = rng.random((50, 48, 48))
    greatest, classes, pairs = 0.0, 0, []
    for image, found in zip(images, diagrams(images), strict=True):
        theirs = tcripser.computePH(image, maxdim=1)
        for k, ours in enumerate(found):
            rows = theirs[theirs[:, 0] == k][:, 1:3]
            rows[:, 1] = np.minimum(rows[:, 1], image.max())
            rows = rows[rows[:, 1] > rows[:, 0]]
            rows = rows[np.lexsort(rows.T)]
            if rows.shape != ours.shape:
                raise SystemExit(f"{len(ours)} classes, but cripser finds {len(rows)}")
            greatest, classes = max(greatest, np.abs(rows - ours).max()), classes + len(rows)
        pairs.append(prune(found[1], 0.2).diagram[:60])
    print(f"50 random images, {classes} classes: largest difference from cripser's {greatest:.1g}")
    errors = [abs(bottleneck(a, b) - others(a, b)) for a, b in pairwise(pairs)]
    print(f"{len(errors)} bottleneck distances: largest difference from persim's {max(errors):.1g}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--masks", type=int, default=MASKS)
    parser.add_argument("--peer", type=int, default=1, help="masks that the peer is timed on")
    arguments = parser.parse_args()
    own(*masks_of(64, 2), 1)  # imports
    print(f"{arguments.masks} masks, 15 filtrations, H0 and H1, {arguments.jobs} threads")
    for side in arguments.sides:
        speed(side, arguments.masks, arguments.jobs, arguments.peer)
    for side in (24, 48):
        volume(side)
    agreement()


if __name__ == "__main__":
    main()
