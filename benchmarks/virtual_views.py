"""Time and memory of virtual views of a (128, 128 | 256, 256) 12-bit .mib scan, against peers.

    python benchmarks/virtual_views.py [--scan 128] [--repeats 5] [--folder FOLDER]

2 and 8 circular detectors of zeros and ones on the file as ``hs.load(lazy=True)`` gives it, warm
cache. Peers in the same run, interleaved with the project: pyxem's ``get_virtual_image`` on the
same lazy signal, LiberTEM's ``ApplyMasksUDF`` (skipped where it is not installed), the bare
reading of the rows under the detectors, and for arrays in memory NumPy's float32 matrix product
of a stack that was converted beforehand. Each runs once untimed, then the median of the timed
runs is taken. All use as many threads (LiberTEM: worker processes) as this process may use
cores.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

SHAPE = (256, 256)
DISC_RADIUS = 90.0


def write_scan(folder: Path, side: int) -> Path:
    """A scan of shot noise under a disc; frames are drawn from a pool, to write at disk speed."""
    from hyperspy_stereo.simulation.merlin import write_mib

    rng = np.random.default_rng(1)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] - 127.5
    dose = np.where(np.hypot(x, y) < DISC_RADIUS, 40.0, 0.3)
    pool = rng.poisson(dose, (256, *SHAPE)).astype(np.uint16)
    blocks = (pool[rng.integers(0, len(pool), side)] for _ in range(side))
    return write_mib(folder / "scan.mib", blocks, scan=(side, side), counter_depth=12)


def circles(count: int):
    """Centres and the radius of detectors along the Kikuchi line at 20 degrees."""
    from types import SimpleNamespace

    from hyperspy_stereo.views.detectors import default_radius, layout_positions

    disc = SimpleNamespace(centre=(127.5, 127.5), radius=DISC_RADIUS)
    radius = default_radius("pair", disc)
    layout = "pair" if count == 2 else "line"
    return layout_positions(layout, disc, azimuth=20.0, radius=radius, n_views=count), radius


def counting_masks(count: int, soft: bool = False):
    from hyperspy_stereo.views.detectors import detector_masks

    masks = detector_masks(SHAPE, *circles(count))
    return masks if soft else masks >= 0.5


def load(path: Path):
    import hyperspy.api as hs

    return hs.load(path, lazy=True)


def run_project(signal, masks):
    from hyperspy_stereo.views.projection import project

    return project(signal.data, masks).compute()


def run_fallback(signal, masks):
    """The dask path, which sliced or changed scans take: here a row and a column are cut off."""
    from hyperspy_stereo.views.projection import project

    return project(signal.isig[1:, 1:].data, masks[:, 1:, 1:]).compute()


def run_pyxem(signal, count: int):
    import hyperspy.api as hs

    centres, radius = circles(count)
    images = []
    for x, y in centres:
        image = signal.get_virtual_image(hs.roi.CircleROI(cx=x, cy=y, r=radius))
        if image._lazy:
            image.compute(show_progressbar=False)
        images.append(image.data)
    return np.stack(images)


def bare_reading(path: Path, masks, frames: int, threads: int):
    """Read the rows that hold detectors, in as many threads, and do nothing with them."""
    import os

    from hyperspy_stereo.views.blocks import window_of
    from hyperspy_stereo.views.kernels import runs_of

    window = window_of(runs_of(masks), np.zeros((1, 3), int), gap=16)
    line, stride = SHAPE[1] * 2, 384 + SHAPE[0] * SHAPE[1] * 2
    spans = [((SHAPE[0] - b) * line + 384, (b - a) * line) for a, b in window.spans]

    def read(part):
        buffers = [memoryview(bytearray(size)) for _, size in spans]
        with path.open("rb", buffering=0) as stream:
            for frame in part:
                for (offset, _), buffer in zip(spans, buffers, strict=True):
                    os.preadv(stream.fileno(), [buffer], frame * stride + offset)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, np.array_split(np.arange(frames), 16)))
    return sum(size for _, size in spans) * frames


class LiberTEM:
    """A context that stays open, so that the second and later runs are timed."""

    def __init__(self, path: Path, side: int, executor: str, threads: int):
        import libertem.api as lt

        self.context = lt.Context.make_with(executor, cpus=threads)
        self.data = self.context.load("mib", path=str(path), nav_shape=(side, side))

    def run(self, masks):
        from libertem.udf.masks import ApplyMasksUDF

        # LiberTEM gives .mib rows as they are in the file.
        flipped = np.array(masks[:, ::-1], bool)

        def factory():
            return flipped.astype(np.float32)

        udf = ApplyMasksUDF(mask_factories=factory, mask_count=len(flipped))
        result = self.context.run_udf(dataset=self.data, udf=udf)["intensity"].data
        return np.moveaxis(np.asarray(result), -1, 0)


def timed(tasks: dict, repeats: int) -> tuple[dict, dict]:
    """Median seconds and last results of tasks that take turns, after one untimed run of each."""
    seconds = {name: [] for name in tasks}
    results = {}
    for turn in range(repeats + 1):
        for name, task in tasks.items():
            # What takes more than 20 s is timed three times at most.
            if len(seconds[name]) >= 3 and seconds[name][0] > 20:
                continue
            start = time.perf_counter()
            results[name] = task()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}, results


def report_file(path: Path, side: int, repeats: int, threads: int) -> None:
    signal = load(path)
    print(f"lazy signal {signal}, chunks {signal.data.chunks[0][:2]}.. {signal.data.chunks[2]}")
    peers = {}
    try:
        for executor in ("pipelined", "dask"):
            peers[executor] = LiberTEM(path, side, executor, threads)
    except ImportError:
        print("LiberTEM is not installed: skipped")
    for count in (2, 8):
        masks = counting_masks(count)
        soft = counting_masks(count, soft=True)
        tasks = {
            "project": lambda m=masks: run_project(signal, m),
            "project, soft edges": lambda m=soft: run_project(signal, m),
            "project, dask path": lambda m=masks: run_fallback(signal, m),
            "bare reading": lambda m=masks: bare_reading(path, m, side * side, threads),
            "pyxem": lambda n=count: run_pyxem(signal, n),
        }
        for executor, peer in peers.items():
            tasks[f"LiberTEM, {executor}"] = lambda m=masks, p=peer: p.run(m)
        seconds, results = timed(tasks, repeats)
        ours = seconds["project"]
        print(f"\n{count} detectors ({results['bare reading'] / 1e6:.0f} MB under them)")
        for name, value in seconds.items():
            print(f"  {name:22s} {value:8.3f} s   {value / ours:7.1f} x project")
        exact = exact_sums(path, side, masks)
        print(f"  sums exact: {np.array_equal(results['project'], exact)}", end="")
        print(f", dask path: {np.array_equal(results['project, dask path'], exact)}", end="")
        for executor in peers:
            same = np.array_equal(results[f"LiberTEM, {executor}"], exact)
            print(f", LiberTEM {executor}: {same}", end="")
        print(f", pyxem's differ by {np.nanmax(np.abs(results['pyxem'] / exact - 1)):.1e} at most")
    for peer in peers.values():
        peer.context.close()


def exact_sums(path: Path, side: int, masks):
    """Integer sums by NumPy, frame row by frame row."""
    frame = np.dtype([("header", "S384"), ("data", ">u2", SHAPE)])
    data = np.memmap(path, frame, mode="r", shape=(side, side))["data"]
    rows = [[row[:, ::-1][:, m].sum(axis=1, dtype=np.int64) for m in masks] for row in data]
    return np.moveaxis(np.array(rows), 1, 0)


def report_memory(path: Path, count: int) -> None:
    """Private memory of a process that loads the file and projects it, run on its own."""
    import psutil

    signal = load(path)
    masks = counting_masks(count)
    # The compiled loops are loaded once per process, whatever is done with them.
    run_project(signal, masks[:1])
    process = psutil.Process()
    base = process.memory_full_info().uss
    peak, running = base, True

    def watch() -> None:
        nonlocal peak
        while running:
            peak = max(peak, process.memory_full_info().uss)
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    run_project(signal, masks)
    running = False
    thread.join()
    print(f"{count} detectors: {(peak - base) / 1e6:.1f} MB private above {base / 1e6:.0f} MB")


def report_arrays(side: int, repeats: int) -> None:
    from hyperspy_stereo.views.projection import project

    rng = np.random.default_rng(2)
    stack = rng.integers(0, 4096, (side, side, *SHAPE), dtype=np.uint16)
    foreign = stack.astype(">u2")
    floats = stack.reshape(-1, SHAPE[0] * SHAPE[1]).astype(np.float32)
    for count in (2, 8):
        masks = counting_masks(count)
        soft = counting_masks(count, soft=True)
        columns = np.ascontiguousarray(masks.reshape(count, -1).T.astype(np.float32))
        tasks = {
            "matrix product": lambda c=columns: floats @ c,
            "project": lambda m=masks: project(stack, m),
            "project, soft edges": lambda m=soft: project(stack, m),
            "project, >u2 flipped": lambda m=masks: project(foreign[:, :, ::-1], m),
        }
        seconds, results = timed(tasks, repeats)
        best = seconds["matrix product"]
        print(f"\narray in memory ({side}, {side} | 256, 256) uint16, {count} detectors")
        for name, value in seconds.items():
            print(f"  {name:22s} {value:8.3f} s   {value / best:5.2f} x matrix product")
        exact = np.array([stack[:, :, m].sum(axis=-1, dtype=np.int64) for m in masks])
        print(f"  sums exact: {np.array_equal(results['project'], exact)}")


def main() -> None:
    import dask
    from threadpoolctl import threadpool_limits

    from hyperspy_stereo.views.projection import workers

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scan", type=int, default=128, help="scan rows and columns")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", help="where the scan is written, removed afterwards")
    parser.add_argument("--memory-of", nargs=2, metavar=("FILE", "DETECTORS"))
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    if options.memory_of:
        report_memory(Path(options.memory_of[0]), int(options.memory_of[1]))
        return
    threads = workers()
    dask.config.set(num_workers=threads)
    threadpool_limits(threads)
    print(f"{threads} threads, medians of {options.repeats} runs")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = write_scan(Path(folder), options.scan)
        print(f"wrote {path.stat().st_size / 1e9:.2f} GB")
        for count in ("2", "8"):
            command = [sys.executable, __file__, "--memory-of", str(path), count]
            subprocess.run(command, check=True)
        report_file(path, options.scan, options.repeats, threads)
    report_arrays(min(options.scan, 64), options.repeats)


if __name__ == "__main__":
    main()
