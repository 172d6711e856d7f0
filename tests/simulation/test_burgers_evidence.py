"""Which |g.b| an image shows: right where counts allow it, silent where they do not."""

import numpy as np
import pytest

from hyperspy_stereo.simulation import Dislocation, TwoBeam, bright_dark_field
from hyperspy_stereo.simulation.burgers_evidence import burgers_evidence

SIDE, THICKNESS = 56, 120.0
CANDIDATES = ([0, 0.2, 0], [0, 0.4, 0], [0, 0.6, 0], [0.2, 0.2, 0], [0.15, 0.4, 0.1])
GRID = np.arange(SIDE, dtype=float)


def scene(seed):
    """A straight inclined line with one of the candidates' vectors, seen exactly."""
    rng = np.random.default_rng(seed)
    beam = TwoBeam([0, 5, 0], rng.uniform(-0.01, 0.02), 45, 720, 650)
    turn = rng.uniform(-0.9, 0.9)
    along = np.array([np.cos(turn), np.sin(turn)])
    t = np.linspace(-1, 1, 21)[:, None]
    z = 60 + rng.uniform(30, 50) * t
    line = np.column_stack([SIDE / 2 + 24 * t * along, z])
    b = np.array(CANDIDATES[seed % 5]) * rng.choice([-1, 1])
    image, _ = bright_dark_field(
        Dislocation(line, b), beam, THICKNESS, GRID, GRID, slice_thickness=2.0
    )
    return rng, beam, line, abs(float(beam.g @ b)), image


def found(seed, counts, depths=(0.0,)):
    rng, beam, line, truth, image = scene(seed)
    level = np.median(image)
    seen = rng.poisson(counts * image / level)
    traced = line + rng.normal(0, 0.2, 3) * (1, 1, 0)
    evidence = burgers_evidence(
        seen, counts**0.5, traced, CANDIDATES, beam, THICKNESS, depths=depths
    )
    return evidence, truth


def test_right_at_5000_counts_and_silent_without():
    right, silent_at_low = [], []
    for seed in range(10):
        evidence, truth = found(seed, 5000)
        right.append(evidence.answer is not None and abs(evidence.answer - truth) < 1e-3)
        low, truth = found(seed, 3)
        silent_at_low.append(low.answer is None or abs(low.answer - truth) < 1e-3)
    assert np.mean(right) >= 0.9
    assert all(silent_at_low)


def test_nothing_is_told_from_noise():
    rng, beam, line, _, _ = scene(0)
    noise = rng.normal(100, 5, (SIDE, SIDE))
    evidence = burgers_evidence(noise, 5.0, line, CANDIDATES, beam, THICKNESS)
    assert evidence.answer is None
    assert evidence.misfit == pytest.approx(1, abs=0.15)


def test_absolute_depth_is_found():
    rng, beam, line, truth, image = scene(1)
    seen = rng.poisson(5000 * image / np.median(image))
    evidence = burgers_evidence(
        seen, 70.0, line - (0, 0, 20), CANDIDATES[:3], beam, THICKNESS, depths=(0, 10, 20, 30)
    )
    assert evidence.answer == pytest.approx(truth)
    assert evidence.depth[evidence.chi2.argmin()] == 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": np.ones(5)}, r"\(H, W\)"),
        ({"candidates": []}, "at least one"),
        ({"noise": 0.0}, "above 0"),
        ({"points": [[900, 900, 0], [990, 900, 9]]}, "px of this image"),
    ],
)
def test_refusals_teach(change, words):
    given = {"image": np.ones((40, 40)), "noise": 1.0, "points": [[5, 5, 10], [30, 30, 60]]}
    given |= {"candidates": CANDIDATES} | change
    with pytest.raises(ValueError, match=words):
        burgers_evidence(beam=TwoBeam([0, 5, 0], 0.0, 45), thickness=100.0, **given)
