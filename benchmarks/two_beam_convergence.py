"""Two-beam images beside the reference numbers, and their convergence in the slice thickness.

Run ``python benchmarks/two_beam_convergence.py [slice thickness in nm, 0.5]``. The reference is
`shared/reference/two_beam` beside the checkout; without it only convergence and speed are printed.

"next" are the two pixels next to a core, "away" all others. In `V1_detector_radius` the reference
sums 13 x 13 incidences over the detector (13 for a slit); "next" are all pixels that the core comes
within 0.5 nm of for one of them. The reference was integrated there with midpoint slopes of 0.5 nm
slices, which do not resolve the field within 0.5 nm of a core: "midpoint" is that scheme, written
here anew, beside the reference at the same pixels. "contrast" is 1 - min / max of our profile.

Last, `field="nearest"` beside `field="segments"` for single defects, slices of 1 nm.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from hyperspy_stereo.simulation.two_beam import (
    Dislocation,
    TwoBeam,
    bright_dark_field,
    perfect_crystal,
)

REFERENCE = Path(__file__).resolve().parents[1].parent / "shared" / "reference" / "two_beam"


def load(name: str) -> tuple[dict, dict]:
    with np.load(REFERENCE / f"{name}.npz") as stored:
        return dict(stored), json.loads(str(stored["params"]))


def condition(params: dict, s: float) -> TwoBeam:
    g = params.get("g", [5.0, 0.0, 0.0])
    return TwoBeam(g, s, params["xi_g"], params["xi_gp"], params["xi_0p"])


def line_through(point: list, params: dict) -> Dislocation:
    sense = np.array(params["u"], float)
    return Dislocation([point - sense, point + sense], params["b"])


def report(name: str, error: np.ndarray, near: np.ndarray) -> None:
    """Print the largest errors of (BF, DF); the last axis of `error` is that of `near`."""
    error = np.abs(error)
    away, close = error[..., ~near], error[..., near]
    cells = [f"{part.max():.1e}" if part.size else "-" for part in (away[0], away[1])]
    cells += [f"{part.max():.1e}" if part.size else "-" for part in (close[0], close[1])]
    print(f"{name:20s} away {cells[0]:>8s} {cells[1]:>8s}   next {cells[2]:>8s} {cells[3]:>8s}")


def agreement(dz: float) -> None:
    print(f"largest error at dz = {dz:g} nm: |BF|, |DF|")
    stored, params = load("P_perfect")
    found = np.array([perfect_crystal(condition(params, s), stored["t"]) for s in params["s"]])
    wanted = np.stack([stored["I0_exact"], stored["Ig_exact"]])
    report("P_perfect", found.transpose(1, 0, 2) - wanted, np.zeros(len(stored["t"]), bool))
    for name in ("S1_screw_gb1", "D1_screw_gb0", "D3_edge_bz_gb0"):
        stored, params = load(name)
        errors = np.empty_like(stored["I"])
        for i, s in enumerate(params["s"]):
            for j, depth in enumerate(params["zd"]):
                line = line_through([0, 0, depth], params)
                images = bright_dark_field(
                    line, condition(params, s), params["t"], stored["x"], [0.0], slice_thickness=dz
                )
                errors[i, j] = np.array(images)[:, 0] - stored["I"][i, j]
        report(name, errors.transpose(2, 0, 1, 3), np.abs(stored["x"]) < 1)
    stored, params = load("I1_inclined_screw")
    line, x = line_through(params["point_on_line"], params), stored["x"]
    errors = np.array(
        [
            bright_dark_field(line, condition(params, s), params["t"], x, x, slice_thickness=dz)
            for s in params["s"]
        ]
    )
    report(
        "I1_inclined_screw", (errors - stored["I"]).transpose(1, 0, 2, 3), np.abs(x) < params["px"]
    )


def detector_agreement(dz: float) -> None:
    stored, params = load("V1_detector_radius")
    beam, line = condition(params, params["s0"]), line_through([0, 0, params["zd"]], params)
    grid, y = np.linspace(-1, 1, 13), stored["y"]
    disc = [(a, b) for a in grid for b in grid if a * a + b * b <= 1 + 1e-9]
    print("V1_detector_radius, BF only: away, next; midpoint slopes next")
    for i, (radius, shape) in enumerate(zip(params["deltas_mrad"], params["shapes"], strict=True)):
        offsets = 1e-3 * radius * np.array([(0, b) for b in grid] if shape == "slit" else disc)
        views = params["theta0"] + (offsets if radius else offsets[:1])
        sums, midpoint = np.zeros(len(y)), np.zeros(len(y))
        for view in views:
            sums += bright_dark_field(line, beam, params["t"], [0.0], y, view, params["zf"], dz)[0][
                :, 0
            ]
            midpoint += midpoint_slopes(params, y, view)
        error, theirs = (np.abs(part / len(views) - stored["BF"][i]) for part in (sums, midpoint))
        near = np.abs(y - 0.05 * (params["zf"] - params["zd"])) < 0.5 + 0.1 * radius
        print(
            f"  {shape} {radius:2d} mrad        away {error[~near].max():8.1e}   "
            f"next {error[near].max():8.1e}   midpoint {theirs[near].max():8.1e}   "
            f"contrast {1 - sums.min() / sums.max():.3f}"
        )


def midpoint_slopes(params: dict, y: np.ndarray, view: np.ndarray, dz: float = 0.5) -> np.ndarray:
    """Bright field of the screw along x with the slope at the middle of every slice."""
    phi = np.zeros((2, len(y)), complex)
    phi[0] = 1
    g_b = np.dot(params["g"], params["b"])
    s = params["s0"] - view @ np.array(params["g"][:2])
    for middle in np.arange(dz / 2, params["t"], dz):
        across, along = y + view[1] * (middle - params["zf"]), middle - params["zd"]
        slope = g_b / (2 * np.pi) * (across - along * view[1]) / (across**2 + along**2)
        q = 1 / params["xi_g"] + 1j / params["xi_gp"]
        sigma = np.sqrt((s + slope) ** 2 + q**2)
        c, d = np.cos(np.pi * sigma * dz), 1j * np.sin(np.pi * sigma * dz) / sigma
        phi = np.array(
            [
                (c - d * (s + slope)) * phi[0] + d * q * phi[1],
                d * q * phi[0] + (c + d * (s + slope)) * phi[1],
            ]
        ) * np.exp(-np.pi * dz / params["xi_0p"])
    return np.abs(phi[0]) ** 2


def convergence() -> None:
    print("rms error of BF and DF against dz = 0.02 nm, and the order between neighbours")
    thicknesses = [4.0, 2.0, 1.0, 0.5, 0.25]
    print(f"{'dz / nm':26s}" + "".join(f"{dz:16g}" for dz in thicknesses))
    beam = TwoBeam([5, 0, 0], 0.01, 40.0, 660.0, 600.0)
    cases = {
        "screw, g.b = 1": ([1, 0, 0], [0.2, 0, 0], (0, 0)),
        "mixed, g.b = 2": ([1, 2, 0], [0.4, 0.1, 0.1], (0, 0)),
        "mixed, inclined 45 deg": ([1, 0, 1], [0.2, 0.1, 0.1], (0, 0)),
        "screw, incidence 50 mrad": ([1, 0, 0], [0.2, 0, 0], (0, 0.05)),
    }
    y = np.arange(-59.5, 60)
    for name, (sense, burgers, incidence) in cases.items():
        point = np.array([0, 0, 85.0])
        line = Dislocation([point - sense, point + sense], burgers)

        def at(dz: float, line=line, incidence=incidence) -> np.ndarray:
            return np.array(bright_dark_field(line, beam, 200.0, [0.0], y, incidence, 85.0, dz))

        exact = at(0.02)
        for label, near in (("> 5 nm", np.abs(y) > 5), ("< 1 nm", np.abs(y) < 1)):
            errors = [np.sqrt(np.mean((at(dz) - exact)[:, near] ** 2)) for dz in thicknesses]
            orders = ["", *(f"({o:.2f})" for o in np.log2(np.divide(errors[:-1], errors[1:])))]
            cells = (f"{e:9.1e} {o:>6s}" for e, o in zip(errors, orders, strict=True))
            print(f"{name:24s} {label}" + "".join(cells))


def speed() -> None:
    angle = np.linspace(0, 3, 21)
    corners = np.stack([64 + 30 * np.cos(angle), 40 * angle, 20 + 50 * angle], axis=1)
    line, x = Dislocation(corners, [0.2, 0.1, 0.1]), np.arange(128.0)
    beam = TwoBeam([5, 0, 0], 0.01, 40.0, 660.0, 600.0)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        bright_dark_field(line, beam, 200.0, x, x, slice_thickness=0.5)
        times.append(time.perf_counter() - start)
    work = len(x) ** 2 * 400 * (len(corners) - 1)
    median = np.median(times[1:])
    print(
        f"128 x 128 pixels, 400 slices, 20 segments: {median:.2f} s, {1e9 * median / work:.1f} ns"
    )


def bulk() -> None:
    """Bright field of the fast field beside that of the exact one."""
    beam, x = TwoBeam([5, 0, 0], 0.0, 40.0, 660.0, 600.0), np.arange(96) - 47.3
    along, turn = np.linspace(-80, 80, 81), np.linspace(0, 2 * np.pi, 49)
    lines = {
        "straight, g.b = 1": ([[-10, -20, 50], [10, 20, 70]], [0.2, 0.1, 0.0]),
        "straight, g.b = 2": ([[-10, -20, 50], [10, 20, 70]], [0.4, 0.0, 0.1]),
        "curved, radius 150 nm": (
            np.column_stack([along**2 / 300, along, 60 + along / 2]),
            [0.2, 0.1, 0.1],
        ),
        "helix, radius 10 nm": (
            np.column_stack([10 * np.cos(along / 6), along, 60 + 10 * np.sin(along / 6)]),
            [0.0, 0.2, 0.2],
        ),
    }
    for radius in (40, 15, 8):
        ring = np.column_stack([np.cos(turn), 0.9 * np.sin(turn), 0.4 * np.sin(turn)])
        ring[-1] = ring[0]
        lines[f"loop, radius {radius} nm"] = (radius * ring + [0, 0, 60], [0.2, 0.0, 0.1])
    print("nearest beside segments, BF: rms, 99 %, contrast (standard deviation) of the image")
    for name, (points, burgers) in lines.items():
        line = Dislocation(points, burgers)
        exact, fast = (
            bright_dark_field(line, beam, 120.0, x, x, field=field)[0]
            for field in ("segments", "nearest")
        )
        error = np.abs(fast - exact)
        print(
            f"  {name:22s} {np.sqrt((error**2).mean()):.4f}  {np.percentile(error, 99):.4f}  "
            f"{exact.std():.4f}"
        )


def main(dz: float = 0.5) -> None:
    if REFERENCE.is_dir():
        agreement(dz)
        detector_agreement(dz)
    convergence()
    bulk()
    speed()


if __name__ == "__main__":
    main(*(float(a) for a in sys.argv[1:]))
