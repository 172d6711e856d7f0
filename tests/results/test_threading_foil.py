"""Surfaces of the foil from lines that thread it."""

import numpy as np
import pytest

from hyperspy_stereo.results import DislocationNetwork
from hyperspy_stereo.results.threading_foil import foil_from_threading_lines

THICKNESS, LOWER = 120.0, -35.0
"""nm; in pixels of 2 nm."""


def network(n_threading, others, seed, noise=3.0, shape=(128, 128)):
    """Lines from surface to surface, and lines of given (start, end) depths within the foil."""
    rng, lines = np.random.default_rng(seed), []
    ends = [(LOWER, LOWER + THICKNESS)] * n_threading + list(others)
    for a, b in ends:
        begin = rng.uniform(60, 195, 2)
        way = rng.uniform(-40, 40, 2)
        t = np.linspace(0, 1, 30)[:, None]
        depth = a + (b - a) * t + rng.normal(0, noise, t.shape)
        lines.append(np.hstack([begin + t * way, depth]))
    index = np.repeat(np.arange(len(lines)), 30)
    points = np.concatenate(lines)
    return DislocationNetwork(
        points, index, np.full(len(points), noise), pixel_size=2.0, units="nm", image_shape=shape
    )


def test_thickness_within_its_sigma():
    pulls = []
    for seed in range(40):
        inside = [(0, 20), (-20, 60), (LOWER, 40)]
        foil = foil_from_threading_lines(network(6, inside, seed))
        assert foil.reliable
        assert set(foil.lines) == set(range(6))
        pulls.append((foil.thickness - THICKNESS) / foil.sigma)
        assert foil.lower == pytest.approx(LOWER, abs=10)
    assert np.mean(np.abs(pulls) < 2) > 0.9


def test_few_lines_are_flagged():
    foil = foil_from_threading_lines(network(2, [(0, 20)], 0))
    assert not foil.reliable
    assert foil.thickness == pytest.approx(THICKNESS, abs=15)


def test_lines_cut_by_the_border_say_nothing():
    cut = DislocationNetwork(
        [[x, 30.0, x] for x in range(64)], np.zeros(64, int), image_shape=(64, 64)
    )
    with pytest.raises(ValueError, match="set_foil_thickness"):
        foil_from_threading_lines(cut)


def test_order_and_direction_of_lines_do_not_matter():
    one = network(5, [(0, 30)], 3)
    turned = DislocationNetwork(
        one.points[::-1],
        one.line_index.max() - one.line_index[::-1],
        one.sigma[::-1],
        pixel_size=2.0,
        units="nm",
        image_shape=(128, 128),
    )
    a, b = (foil_from_threading_lines(n) for n in (one, turned))
    assert (a.lower, a.upper) == pytest.approx((b.lower, b.upper), abs=1e-6)
