"""What wrong or hopeless input of particles gets: an answer, or an error that says what to do.

python benchmarks/particle_inputs.py > docs/measured/particle_inputs.txt
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import numpy as np

from hyperspy_stereo import ParticleCloud, StereoPair
from hyperspy_stereo.simulation.particles import equilibrium, particle_views, segment_incidence

AZIMUTHS = [45, 135, 225, 315]
SIDE = 160


def views_of(points, noise: float = 0.15) -> StereoPair:
    made = particle_views(points, 2.4, segment_incidence(3.0), (SIDE, SIDE), noise=noise, seed=1)
    return StereoPair.from_segments(made.images, 3.0, AZIMUTHS, 0.4, "nm")


def cases() -> dict[str, Callable]:
    """Name and what is done."""
    good = views_of(equilibrium(np.full(14, 2.4), (64, 64), 60, sweeps=5, seed=2))
    empty = views_of(np.zeros((0, 3)))
    column = views_of([[32.0, 32.0, 0.3 * k] for k in range(10)])
    pair = [[32.0, 32.0, -20.0], [32.5, 32.0, 20.0]]
    behind = views_of(np.vstack([pair, [[12, 12, 0], [52, 12, 5], [12, 52, -9], [52, 52, 4]]]))
    maps = good.detect_particles(diameter=5)
    broken = np.zeros((4, SIDE, SIDE))
    broken[2, 50, 50] = np.nan
    one = [np.zeros((64, 64)), np.zeros((64, 80))]
    return {
        "no particles, only noise": lambda: empty.detect_particles().reconstruct(),
        "no particles, all zero": lambda: (
            StereoPair.from_segments(np.zeros((4, 64, 64)), 3.0, AZIMUTHS)
            .detect_particles()
            .reconstruct()
        ),
        "g(r) of no particles": lambda: (
            empty.detect_particles().reconstruct().radial_distribution()
        ),
        "one view": lambda: maps.inav[0].reconstruct(),
        "two views only": lambda: maps.inav[:2].reconstruct(),
        "views of unequal size": lambda: StereoPair.from_segments(one, 3.0, [0, 180]),
        "more azimuths than views": lambda: StereoPair.from_segments(
            np.zeros((3, 64, 64)), 3.0, AZIMUTHS
        ),
        "all views from one direction": lambda: (
            maps.deepcopy().set_incidence(np.zeros((4, 2))).reconstruct()
        ),
        "ten particles within each other": lambda: column.detect_particles(5).reconstruct(),
        "two behind each other in all views": lambda: behind.detect_particles(5).reconstruct(),
        "diameter larger than the field": lambda: good.detect_particles(diameter=100),
        "diameter of one pixel": lambda: good.detect_particles(diameter=0.4),
        "diameter as text": lambda: good.detect_particles("5 nm"),
        "NaN in a view": lambda: StereoPair.from_segments(broken, 3.0, AZIMUTHS).detect_particles(),
        "false_alarms of zero": lambda: good.detect_particles(5, false_alarms=0),
        "an option of another method": lambda: good.detect_particles(threshold=0.5),
        "depths upside down": lambda: maps.reconstruct((50, -50)),
        "bins wider than g(r) is long": lambda: ParticleCloud(
            np.random.default_rng(0).uniform(0, 50, (30, 3))
        ).radial_distribution(bin_width=30, r_max=20),
    }


def main() -> None:
    for name, call in cases().items():
        try:
            answer = repr(call())
        except (TypeError, ValueError) as error:
            answer = f"{type(error).__name__}: {error}"
        lines = textwrap.wrap(" ".join(answer.split()), 72)
        print(f"{name}")
        print("\n".join(f"    {line}" for line in lines))


if __name__ == "__main__":
    main()
