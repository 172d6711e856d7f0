"""Speed of the two-beam simulator beside a plain NumPy program and the limits of the machine.

    python benchmarks/simulation.py [--repeats 5] [--side 512] [--stack 128]

One scene: 40 curved dislocations in a foil of 200 nm, 100 slices of 2 nm, a field of 512 nm. The
peer is the algorithm that published programs use, written here as the plain formula: for every
slice the displacement of every (straight) line on the whole image, its derivative along the beam
at the middle of the slice, and the product of the slice's 2 x 2 matrix with the two beams, each as
NumPy arrays. It cannot bend its lines, so it gets the chords, and it runs on a smaller image,
since at the full size it takes minutes; both are compared at that size. Each timed thing runs
once untimed, then the median of the runs is taken. Numba uses both cores, and so may NumPy.
"""

from __future__ import annotations

import argparse
import resource
import time

import numba
import numpy as np

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.contrast.columns import column_images
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.geometric.curves3d import dislocation_lines
from hyperspy_stereo.simulation.specimen import Specimen

FIELD, THICKNESS, SLICE = 512.0, 200.0, 2.0
# One column-slice: the phase turns phi_g, a complex 2 x 2 matrix turns both: 5 complex products.
FMA_PER_COLUMN_SLICE = 5 * 4
BYTES_PER_COLUMN_SLICE = 8  # its phase factor, complex64
STEREO = np.deg2rad(3.0)


def scene() -> Specimen:
    rng = np.random.default_rng(1)
    # 90 degrees: along y, across the parallax
    lines = dislocation_lines(40, (FIELD, FIELD), THICKNESS, rng, direction=90.0, spread=60.0)
    shift = np.array([0.0, 0.0, THICKNESS / 2])
    burgers = np.array([[0.1, 0.2, 0.1], [0.0, 0.2, 0.1], [0.2, -0.2, 0.0]])
    dislocations = tuple(Dislocation(line + shift, burgers[i % 3]) for i, line in enumerate(lines))
    beam = TwoBeam([0.0, 5.0, 0.0], 0.01, 65.0, 900.0, 800.0)
    kinds = ("line",) * len(dislocations)
    return Specimen((FIELD, FIELD), THICKNESS, beam, dislocations, kinds, crystal="TiAl", seed=1)


def grid(side: int) -> np.ndarray:
    return (np.arange(side) + 0.5) * FIELD / side


def views(specimen: Specimen, side: int) -> np.ndarray:
    x = grid(side)
    incidence = np.array([[STEREO, 0.0], [-STEREO, 0.0]])
    return column_images(specimen, incidence, x, x, THICKNESS / 2, slice_thickness=SLICE)[0]


def plain_formula(specimen: Specimen, side: int, theta: float) -> np.ndarray:
    """Bright field of one view by dense NumPy arrays, slice after slice."""
    beam, nu = specimen.beam.at((theta, 0.0)), 0.3
    x, y = np.meshgrid(grid(side), grid(side))
    q = 1 / beam.xi_g + 1j / beam.xi_g_abs
    phi0, phig = np.ones_like(x, complex), np.zeros_like(x, complex)
    step = 1e-3
    for k in range(round(THICKNESS / SLICE)):
        z = (k + 0.5) * SLICE
        gradient = np.zeros_like(x)
        for line in specimen.dislocations:
            for sign in (0.5, -0.5):
                depth = z + sign * step
                ray = np.stack(
                    [x + theta * (depth - THICKNESS / 2), y, np.full_like(x, depth)], axis=-1
                )
                phase = straight_line_phase(line, beam.g, ray, nu)
                gradient += np.sign(sign) * phase / step
        s = beam.s + np.where(np.abs(gradient) < 50, gradient, 0.0)
        sigma = np.sqrt(s**2 + q**2)
        c, t = np.cos(np.pi * sigma * SLICE), 1j * np.sin(np.pi * sigma * SLICE) / sigma
        decay = np.exp(-np.pi * SLICE / beam.xi_0_abs) * np.exp(1j * np.pi * s * SLICE)
        phi0, phig = (
            decay * ((c - t * s) * phi0 + t * q * phig),
            decay * (t * q * phi0 + (c + t * s) * phig),
        )
    return np.abs(phi0) ** 2


def straight_line_phase(line: Dislocation, g, ray, nu: float) -> np.ndarray:
    """g.R of an infinite straight line through the ends (Hirth and Lothe)."""
    u = line.points[-1] - line.points[0]
    u /= np.linalg.norm(u)
    edge = line.burgers - (line.burgers @ u) * u
    first = edge / np.linalg.norm(edge)
    second = np.cross(u, first)
    offset = ray - line.points[0]
    a, b = offset @ first, offset @ second
    phi, log = np.arctan2(b, a), 0.5 * np.log(a**2 + b**2 + 1e-6)
    cross = g @ np.cross(line.burgers, u)
    return (
        (g @ line.burgers) * phi
        + (g @ edge) * np.sin(2 * phi) / (4 * (1 - nu))
        + cross * ((1 - 2 * nu) * log / (2 * (1 - nu)) + np.cos(2 * phi) / (4 * (1 - nu)))
    ) / (2 * np.pi)


def median_time(call, repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


@numba.njit(parallel=True, fastmath=True)
def _multiply_add(values, rounds):
    lanes = 16
    for block in numba.prange(values.shape[0]):
        for i in range(0, values.shape[1], 12 * lanes):
            part = values[block, i : i + 12 * lanes]
            for _ in range(rounds):
                for j in range(12 * lanes):
                    part[j] = part[j] * np.float32(0.999) + np.float32(0.001)


@numba.njit(parallel=True)
def _read(values):
    total = 0.0
    for block in numba.prange(values.shape[0]):
        part = np.float32(0.0)
        for i in range(values.shape[1]):
            part += values[block, i]
        total += part
    return total


def machine_limits(threads: int, repeats: int) -> tuple[float, float]:
    """ns per column-slice and thread that arithmetic and reading from memory allow."""
    values, rounds = np.ones((threads, 12 * 16), np.float32), 2_000_000
    seconds = median_time(lambda: _multiply_add(values, rounds), repeats)
    per_fma = seconds / (rounds * values.shape[1])
    big = np.ones((64 * threads, 1 << 20), np.float32)
    per_byte = median_time(lambda: _read(big), repeats) * threads / big.nbytes
    return 1e9 * per_fma * FMA_PER_COLUMN_SLICE, 1e9 * per_byte * BYTES_PER_COLUMN_SLICE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--peer-side", type=int, default=128)
    parser.add_argument("--stack", type=int, default=128, help="side of scan and patterns")
    options = parser.parse_args()
    threads, specimen = numba.get_num_threads(), scene()
    slices = round(THICKNESS / SLICE)
    print(f"{threads} threads, medians of {options.repeats} runs; {slices} slices, 40 lines")

    seconds = median_time(lambda: views(specimen, options.side), options.repeats)
    count = 2 * options.side**2 * slices
    print(f"\nstereo pair {options.side} x {options.side}: {seconds:.3f} s")
    print(f"  with the lines' field: {1e9 * seconds * threads / count:.2f} ns per column-slice")
    bare = Specimen(specimen.size, specimen.thickness, specimen.beam)
    alone = median_time(lambda: views(bare, options.side), options.repeats)
    print(f"  propagation alone:     {1e9 * alone * threads / count:.2f} ns per column-slice")
    compute, memory = machine_limits(threads, options.repeats)
    print(f"  arithmetic limit:      {compute:.2f} ns ({FMA_PER_COLUMN_SLICE} float32 FMA)")
    print(f"  memory limit:          {memory:.2f} ns (phase factors read from memory, 8 bytes)")

    peer_side = options.peer_side
    ours = median_time(lambda: views(specimen, peer_side), options.repeats)
    start = time.perf_counter()
    peer = np.stack([plain_formula(specimen, peer_side, t) for t in (STEREO, -STEREO)])
    dense = time.perf_counter() - start
    per_slice = 1e9 * dense * threads / (2 * peer_side**2 * slices)
    print(f"\nthe same pair, {peer_side} x {peer_side}")
    print(f"  project      {ours:.3f} s")
    print(
        f"  plain NumPy  {dense:.1f} s, {dense / ours:.0f} x; {per_slice:.0f} ns per column-slice"
    )
    difference = np.abs(views(specimen, peer_side) - peer)
    print(
        f"  bright field differs by {np.median(difference):.3f} in the median (chords for curves)"
    )

    stack_times(specimen, options.stack)


def stack_times(specimen: Specimen, side: int) -> None:
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.scan_stack import scan_stack

    microscope = Microscope(pixel_size=FIELD / side)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    scan_stack(specimen, microscope, (16, 16), (side, side), seed=1)  # compiles
    start = time.perf_counter()
    scan = scan_stack(specimen, microscope, (side, side), (side, side), seed=1)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\n4D stack {scan.stack.shape} {scan.stack.dtype}: {seconds:.1f} s")
    print(f"  largest memory of the process {peak:.2f} GB, {before:.2f} GB before it")


if __name__ == "__main__":
    main()
