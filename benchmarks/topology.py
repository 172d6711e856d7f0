"""How long a topological score takes, and how long it took before.

Run ``python benchmarks/topology.py``. 15 filtrations in 2 dimensions of 12 masks and their truth,
with all distances of the masks to the truth, at 512 x 512 and 1024 x 1024 px: the package's own
way (diagrams by ``CubicalPersistence``, sliced distances, threads), the whole ``score_masks`` with
connectivity and confidence intervals, and the peer: the same filtrations through
``gudhi.CubicalComplex`` and persim's Wasserstein distance (exact distances of gudhi where persim is
not installed), one thread. The peer is timed on ``--peer`` masks and scaled to 12, since it is
slow; its diagrams are pruned as the package prunes them. Memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from joblib import Parallel, delayed

from hyperspy_stereo.simulation.geometric.scenes import stereo_scene
from hyperspy_stereo.topology import (
    DEGRADATIONS,
    compare,
    degrade,
    filtrations,
    mask_topology,
    score_masks,
)
from hyperspy_stereo.topology.families import least_lives
from hyperspy_stereo.topology.persistence import prune

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
    for image, limit in zip(filtrations(mask), least_lives(2), strict=True):
        model = gudhi.CubicalComplex(top_dimensional_cells=image)
        model.compute_persistence(min_persistence=0)
        pair = []
        for k in (0, 1):
            diagram = np.array(model.persistence_intervals_in_dimension(k)).reshape(-1, 2)
            diagram[np.isinf(diagram)] = image.max()
            pair.append(prune(diagram, limit).diagram)
        rows.append(pair)
    return rows


def peer(truth: np.ndarray, masks: list[np.ndarray]) -> tuple[float, str]:
    """Seconds of the peer on one thread, and what it compared by."""
    try:
        from persim import wasserstein as distance

        name = "persim"
    except ModuleNotFoundError:
        from gudhi.hera import wasserstein_distance as distance

        name = "gudhi.hera"
    start = time.perf_counter()
    found = [general_diagrams(mask) for mask in [truth, *masks]]
    for one in found[1:]:
        for pair, other in zip(one, found[0], strict=True):
            for a, b in zip(pair, other, strict=True):
                distance(a, b)
    return time.perf_counter() - start, name


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--masks", type=int, default=MASKS)
    parser.add_argument("--peer", type=int, default=1, help="masks that the peer is timed on")
    arguments = parser.parse_args()
    own(*masks_of(64, 2), 1)  # imports
    print(f"{arguments.masks} masks, 15 filtrations, H0 and H1, {arguments.jobs} threads")
    for side in arguments.sides:
        truth, masks = masks_of(side, arguments.masks)
        cpu = time.process_time()
        seconds = own(truth, masks, arguments.jobs)
        cpu = time.process_time() - cpu
        print(f"{side}^2: diagrams and distances {seconds:.2f} s (CPU {cpu:.2f} s)", flush=True)
        start, cpu = time.perf_counter(), time.process_time()
        score_masks(masks, [truth])
        print(
            f"{side}^2: whole score with intervals {time.perf_counter() - start:.2f} s "
            f"(CPU {time.process_time() - cpu:.2f} s)",
            flush=True,
        )
        if arguments.peer:
            cpu = time.process_time()
            seconds_peer, name = peer(truth, masks[: arguments.peer])
            cpu = time.process_time() - cpu
            scale = (arguments.masks + 1) / (arguments.peer + 1)
            print(
                f"{side}^2: CubicalComplex + {name} {seconds_peer * scale:.1f} s (CPU "
                f"{cpu * scale:.1f} s; measured on {arguments.peer} masks and the truth): "
                f"{seconds_peer * scale / seconds:.0f} times as long"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of the process so far {peak:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
