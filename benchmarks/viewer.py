"""Time of a drag step of the two detectors, and of the first 3D picture.

    python benchmarks/viewer.py [--repeats 15]

A drag step is what the kernel does between a mouse move and the picture that it sends: masks, one
pass over the stack, views turned and stretched, anaglyph, figure drawn and packed as PNG. The
stack is (48, 64 | 128, 128), uint16: an array in memory, a lazy one whose thumbnail is all of it,
and a lazy one that is allowed a quarter of the memory, so that the thumbnail is coarser. The 3D
picture is that of 200 lines of 100 points, in a process that has drawn nothing yet: from the call
of ``plot()`` to the message that holds widgets and picture, and, where there are a Chromium and a
JupyterLab, from the start of the cell to coloured pixels on the screen (WebGL on the processor).
Wall time and processor time, because other work on the machine makes the first longer.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

SCAN = (48, 64)
DETECTOR = (128, 128)


class Clock:
    """Wall and processor seconds of a block."""

    def __enter__(self) -> Clock:
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self.wall
        self.cpu = time.process_time() - self.cpu

    def __str__(self) -> str:
        return f"{1000 * self.wall:8.0f} ms {1000 * self.cpu:8.0f} ms"


def calibrated(signal, scan):
    signal.calibrate_disc(60, vacuum=scan.vacuum, show_progressbar=False)
    signal.calibrate_kikuchi(azimuth=scan.kikuchi_azimuth)
    return signal.calibrate_rotation(rotation=scan.scan_rotation)


def steps(explorer, count: int) -> list[Clock]:
    """Time the explorer's own drag step, and the drawing that a browser asks for after it."""
    _ = explorer.widget
    canvas = explorer.figure.canvas
    canvas.syncing_data_url = False  # as soon as a browser shows it
    middle = np.array(explorer.detectors.disc.centre)
    start = np.array(explorer.detectors.positions[0]) - middle
    clocks = []
    for k in range(count + 2):
        angle = 0.05 * k
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        explorer._grabbed = 0, np.zeros(2)
        with Clock() as clock:
            explorer.detectors = explorer.detectors.moved(0, middle + 0.8 * turn @ start)
            explorer._step()
            canvas.draw()
        clocks.append(clock)
    return clocks[2:]


def report_steps(repeats: int) -> None:
    import dask.array as da

    from hyperspy_stereo import Diffraction4DStereo
    from hyperspy_stereo.signals import _interactive
    from hyperspy_stereo.signals.diffraction4d_stereo import LazyDiffraction4DStereo
    from hyperspy_stereo.simulation import simulate_scan

    scan = simulate_scan(SCAN, DETECTOR, seed=1)
    chunked = da.from_array(scan.stack, chunks=(16, 16, *DETECTOR))
    print(f"a drag step, stack {scan.stack.shape} {scan.stack.dtype}, medians of {repeats}")
    print(f"{'':34s}{'wall':>11s} {'processor':>11s}   slowest wall")
    budget = _interactive.THUMBNAIL_BYTES
    for name, lazy, share in (
        ("in memory", False, 1.0),
        ("lazy, thumbnail", True, 1.0),
        ("lazy, thumbnail in 1/4 the memory", True, 0.25),
    ):
        _interactive.THUMBNAIL_BYTES = share * budget
        signal = LazyDiffraction4DStereo(chunked) if lazy else Diffraction4DStereo(scan.stack)
        explorer = calibrated(signal, scan).interactive_stereo(show_progressbar=False)
        explorer.set(snap=False)
        clocks = steps(explorer, repeats)
        middle = sorted(clocks, key=lambda c: c.wall)[len(clocks) // 2]
        slowest = 1000 * max(c.wall for c in clocks)
        side = "x".join(str(n) for n in explorer._scan.thumbnail.data.shape[:2])
        print(f"  {name + f' ({side})':32s}{middle}   {slowest:.0f} ms")
        if lazy:
            with Clock() as clock:
                explorer._settle()
                explorer.figure.canvas.draw()
            print(f"  {'  on release':32s}{clock}")
    _interactive.THUMBNAIL_BYTES = budget


def network(lines: int = 200, points: int = 100):
    from hyperspy_stereo.results import DislocationNetwork

    rng = np.random.default_rng(4)
    t = np.linspace(-1, 1, points)[:, None]
    parts = [
        rng.uniform((0, 0, -100), (800, 600, 100))
        + 120 * t * rng.normal(size=3)
        + 15 * np.sin(6 * t + rng.uniform(0, 6)) * rng.normal(size=3)
        for _ in range(lines)
    ]
    index = np.repeat(np.arange(lines), points)
    return DislocationNetwork(np.vstack(parts), index, units="nm", image_shape=(600, 800))


def report_picture() -> None:
    """In a process of its own: imports of the viewer count, as they do in a cell."""
    lines = network()
    with Clock() as clock:
        lines.plot()._repr_mimebundle_()
    print(f"first 3D picture, 200 lines x 100 points, with the viewer's imports: {clock}")
    with Clock() as clock:
        lines.plot()._repr_mimebundle_()
    print(f"second one:                                                          {clock}")


CELL = """
import sys
sys.path.insert(0, {folder!r})
from viewer import network
lines = network()
"""
SCENES = (
    "[...document.querySelectorAll('canvas')]"
    ".filter(c => c.closest('.jupyter-widgets') && c.width > 300)"
)


def report_browser() -> None:
    """The same picture on the screen of a JupyterLab."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))
    try:
        from headless_chromium import Browser, find_chromium, first_coloured
        from served_lab import Lab, run
    except ImportError as missing:
        print(f"in the browser: skipped, {missing}")
        return
    if find_chromium() is None:
        print("in the browser: skipped, there is no Chromium")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        places = [Path(folder, name) for name in ("chromium", "jupyter")]
        for place in places:
            place.mkdir()
        browser, lab = Browser(places[0], (1180, 980)), Lab(places[1])
        try:
            page = browser.page()
            lab.open(page, [CELL.format(folder=str(Path(__file__).parent)), "lines.plot()"])
            run(page, 0)
            with Clock() as clock:
                run(page, 1)
                page.until(f"{SCENES}.length > 0")
                first_coloured(page, page.box(f"{SCENES}[0]"))
            print(f"from the cell's start to colours on the screen: {clock.wall:17.1f} s")
        finally:
            lab.close()
            browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--picture", action="store_true", help="only the 3D picture")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    if options.picture:
        report_picture()
        return
    busy = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, {busy:.1f} processes wanted them in the minute before")
    report_steps(options.repeats)
    print(flush=True)
    subprocess.run([sys.executable, __file__, "--picture"], check=True)
    report_browser()


if __name__ == "__main__":
    main()
