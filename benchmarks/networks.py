"""Time and memory of detection and matching of a 512 x 512 pair, beside the published networks.

    python benchmarks/networks.py [--repeats 5] [--threads 2]

The pair is one of the frozen test set. Ours is what a user gets: `unet_probability` of both views,
then `match_views`. The published configuration (``benchmarks/published_networks.py``) has random
weights, which changes neither its time nor its memory. Runs are interleaved and medians told, so
that a busy machine slows both alike. Memory is the peak of a process of its own that imports what
it needs and handles the pair once; the first line of the table is a process that only imports.

Where no weights are shipped yet, random ones take their place, and the ridge filter's masks are
matched; the output then says so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

WARM_UP = 1
SCENE = 5  # of the frozen pairs: many lines, a boundary, middling noise


def prepare(threads: int) -> None:
    """Limit the threads of everything that has any; before numpy is imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
    import torch

    torch.set_num_threads(threads)


def images():
    """The recorded views of the pair."""
    from hyperspy_stereo.training.evaluation.frozen import FROZEN_PAIRS, make_pairs

    return make_pairs([FROZEN_PAIRS[SCENE]], workers=1)[0].images


def random_weights(folder: str) -> str:
    """Write weights of the detector that know nothing."""
    import torch

    from hyperspy_stereo.detection.unet import ResidualUNet
    from hyperspy_stereo.weights import save_weights

    torch.manual_seed(0)
    network = ResidualUNet()
    info = {"name": "random", "version": "0", "kind": "detector"}
    path = Path(folder) / "random.safetensors"
    save_weights(path, network.state_dict(), {**info, "architecture": network.architecture})
    return str(path)


def our_pipeline(pair, folder: str) -> dict[str, Callable]:
    """Functions without arguments: detection, matching, and both."""
    import numpy as np

    from hyperspy_stereo.detection.network import detector_info, unet_probability
    from hyperspy_stereo.detection.ridge import PERMISSIVE, STRICT, ridge_probability
    from hyperspy_stereo.detection.weights import thresholds
    from hyperspy_stereo.matching import match_views
    from hyperspy_stereo.weights import shipped

    weights = None if shipped("detector") else random_weights(folder)
    if weights is not None:
        known = np.stack([ridge_probability(view, polarity="auto")[0] for view in pair])
    else:
        known = None

    def detection():
        scales = "auto" if weights is None else 1.0
        found = np.stack([unet_probability(view, weights, scales=scales)[0] for view in pair])
        return found if known is None else known

    strict, permissive = (STRICT, PERMISSIVE) if weights else thresholds(detector_info()[1])

    def matching(found):
        return match_views(pair, found > strict, found > permissive)

    found = detection()
    return {
        "detection of both views": detection,
        "matching": lambda: matching(found),
        "detection and matching": lambda: matching(detection()),
    }


def published(pair) -> Callable:
    from published_networks import published_pipeline

    run, _ = published_pipeline()
    return lambda: run(pair)


def peak_memory() -> float:
    """Largest resident memory of this process so far, GB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e9
    return float("nan")


def measure(what: str, threads: int) -> None:
    """Handle the pair once in this process, and print its peak memory."""
    prepare(threads)
    import torch  # noqa: F401 (a part of the memory of any of them)

    import hyperspy_stereo.matching  # noqa: F401

    if what != "imports":
        pair = images()
        with tempfile.TemporaryDirectory() as folder:
            if what == "ours":
                our_pipeline(pair, folder)["detection and matching"]()
            else:
                published(pair)()
    print(peak_memory())


def memory_of(what: str, threads: int) -> float:
    command = [sys.executable, __file__, "--measure", what, "--threads", str(threads)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(result.stdout.split()[-1])


def times(functions: dict[str, Callable], repeats: int) -> dict[str, float]:
    """Median seconds of each function, called in turn."""
    import numpy as np

    taken: dict[str, list[float]] = {name: [] for name in functions}
    for k in range(WARM_UP + repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if k >= WARM_UP:
                taken[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", choices=("imports", "ours", "published"))
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.threads)
        return
    prepare(options.threads)
    from published_networks import PUBLISHED_GFLOP, published_operations

    import hyperspy_stereo
    from hyperspy_stereo.weights import shipped

    pair = images()
    with tempfile.TemporaryDirectory() as folder:
        functions = {f"ours: {n}": f for n, f in our_pipeline(pair, folder).items()}
        functions["published: detection and matching"] = published(pair)
        seconds = times(functions, options.repeats)
    print(f"A pair of {pair.shape[1]} x {pair.shape[2]} px, {options.threads} threads, medians of")
    print(f"{options.repeats} interleaved runs")
    if not shipped("detector"):
        print("No weights are shipped: random ones, and the ridge filter's masks are matched.")
    for name, value in seconds.items():
        print(f"  {name:36} {value:7.3f} s")
    ratio = seconds["published: detection and matching"] / seconds["ours: detection and matching"]
    operations = sum(published_operations().values()) / 1e9
    print(f"  ours is {ratio:.1f} times faster; the published networks take {operations:.0f} GFLOP")
    print(f"  here, {PUBLISHED_GFLOP:.0f} as published")
    print("Peak memory of a process")
    for what in ("imports", "ours", "published"):
        print(f"  {what:36} {memory_of(what, options.threads):7.2f} GB")
    folder = Path(hyperspy_stereo.__file__).with_name("weights")
    files = sorted(folder.glob("*.safetensors"))
    print("Weights")
    for path in files:
        print(f"  {path.name:36} {path.stat().st_size / 1e6:7.2f} MB")
    print(f"  {'in all':36} {sum(path.stat().st_size for path in files) / 1e6:7.2f} MB")


if __name__ == "__main__":
    main()
