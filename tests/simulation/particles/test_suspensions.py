"""Suspensions: hard cores, a known g(r), chains and agglomerates."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hyperspy_stereo.results.radial_distribution import RadialDistribution, radial_distribution
from hyperspy_stereo.simulation.particles import (
    Interaction,
    agglomerate,
    chain,
    equilibrium,
    placed_groups,
    radii,
)


def test_hard_cores_do_not_overlap_and_stay_in_the_slab():
    sizes = radii(150, 5.0, 0.2, np.random.default_rng(1))
    points = equilibrium(sizes, (150, 120), 40, sweeps=20, seed=1)
    pairs = cKDTree(points).query_pairs(12.0, output_type="ndarray")
    gaps = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    assert (gaps >= sizes[pairs].sum(axis=1) - 1e-9).all()
    assert np.abs(points[:, 2]).max() <= 20
    assert (points[:, :2] >= 0).all() and (points[:, :2] < (150, 120)).all()


def test_attraction_gives_the_g_that_theory_says():
    law = Interaction(depth=1.5, gap=1.5, width=0.6)
    parts = [
        radial_distribution(
            equilibrium(np.full(700, 2.5), (200, 200), 100, law, sweeps=60, seed=k),
            (200, 200, 100),
            0.2,
            16.0,
        )
        for k in range(4)
    ]
    g = RadialDistribution.combine(parts)
    fine = np.linspace(0.01, 0.19, 10)[:, None] + g.edges[:-1]
    known = law.radial_distribution(fine, 5.0, 700 / 4e6)
    known = (known * fine**2).sum(axis=0) / (fine**2).sum(axis=0)
    filled = known > 0.3
    off = (g.g[filled] - known[filled]) / g.error[filled]
    assert np.abs(off).max() < 4.5 and np.sqrt((off**2).mean()) < 1.5
    assert g.g[g.r < 4.8].max() == 0
    peak = g.first_peak()
    # Some hundred pairs tell the place to 0.1 nm: the error must say so, and be honest.
    assert peak.position_error < 0.12
    assert abs(peak.position - 6.5) < 3.5 * peak.position_error
    assert peak.height == pytest.approx(law.radial_distribution(6.5, 5.0, 700 / 4e6), rel=0.1)


def test_chains_and_agglomerates_touch_and_do_not_overlap():
    rng = np.random.default_rng(2)
    size = np.full(25, 2.5)
    line, heap = chain(size, 0.5, rng=rng), agglomerate(size, 0.5, 0.8, rng)
    np.testing.assert_allclose(np.linalg.norm(np.diff(line, axis=0), axis=1), 5.5)
    near = cKDTree(heap).query(heap, k=2)[0][:, 1]
    assert near.min() > 5.49 and near.max() < 5.51
    hung = placed_groups([heap, line[:5]], (300, 300), 120, rng)
    assert hung.shape == (30, 3) and np.abs(hung[:, 2]).max() <= 60
    with pytest.raises(ValueError, match="thicker"):
        placed_groups([line * 5], (300, 300), 2, rng)


def test_sizes_have_the_spread_that_was_asked_for():
    size = radii(4000, 5.0, 0.15, np.random.default_rng(0))
    assert 2 * size.mean() == pytest.approx(5.0, rel=0.01)
    assert size.std() / size.mean() == pytest.approx(0.15, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: equilibrium([2.5] * 500, (40, 40), 20, sweeps=0), "fewer particles"),
        (lambda: equilibrium([2.5], (8, 80), 20), "three interaction lengths"),
        (lambda: equilibrium([-1.0], (80, 80), 20), "positive"),
        (lambda: equilibrium([2.5], (80, 80), 0), "positive lengths"),
        (lambda: Interaction(width=0), "width above 0"),
        (lambda: radii(5, 5.0, 1.5), "spread"),
    ],
)
def test_impossible_suspensions_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
