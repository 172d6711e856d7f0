"""Compiled parts of the matcher, against what SciPy or plain NumPy give."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage as ndi

from hyperspy_stereo.matching.belief import BEYOND, costs_with_doubt
from hyperspy_stereo.matching.chains import _smooth, build_chains
from hyperspy_stereo.matching.cost import Lines, candidate_map
from hyperspy_stereo.matching.ranges import _thinned
from hyperspy_stereo.matching.skeleton import trace_branches
from hyperspy_stereo.matching.smoothing import gaussian, squared_distance
from hyperspy_stereo.matching.viterbi import chain_marginals


@pytest.mark.parametrize(("sigma", "truncate"), [(1.5, 4.0), (12.0, 2.5), (12.0, 4.0)])
@pytest.mark.parametrize("shape", [(40, 71), (16, 20)])
def test_smoothing_is_that_of_scipy(shape, sigma, truncate):
    image = np.random.default_rng(1).normal(5, 1, shape).astype(np.float32)
    expected = ndi.gaussian_filter(image, sigma, mode="nearest", truncate=truncate)
    found = gaussian(image, sigma, truncate)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-6)


@pytest.mark.parametrize("share", [0.003, 0.05, 0.6, 1.0])
def test_distances_are_those_of_scipy(share):
    mask = np.random.default_rng(2).random((33, 58)) < share
    mask[20, 7] = True
    np.testing.assert_allclose(np.sqrt(squared_distance(mask)), ndi.distance_transform_edt(~mask))
    assert squared_distance(np.zeros((16, 16), bool)).min() > 1e8


def test_branches_of_a_cross_meet_in_one_junction():
    mask = np.zeros((40, 40), bool)
    mask[19:22, 3:37] = mask[3:37, 19:22] = True
    branches = trace_branches(mask)
    assert len(branches.paths) == 4 and len(branches.centres) == 1
    np.testing.assert_allclose(branches.centres[0], [20, 20], atol=1)
    assert (np.sort(branches.junctions, axis=1) == [-1, 0]).all()


def test_a_ring_is_closed_and_smooth_all_around():
    y, x = np.mgrid[:64, :64]
    chains = build_chains(np.abs(np.hypot(y - 32, x - 32) - 20) < 1.5)
    assert chains.closed.tolist() == [True] and not chains.free_end.any()
    radius = np.hypot(*(chains.points - 32).T)
    assert np.ptp(radius) < 1.0
    outward = (chains.points - 32) / radius[:, None]
    assert np.abs((outward * chains.tangent).sum(1)).max() < 0.15


def test_a_ring_of_one_point_is_not_mixed_with_its_neighbours():
    raw = np.array([[1e6, 1e6], [3.0, 4.0], [-1e6, 1e6]])
    points, tangent = _smooth(raw, np.arange(4), np.ones(3, bool))
    np.testing.assert_allclose(points, raw)
    np.testing.assert_allclose(tangent, 0, atol=1e-12)


def test_candidates_hold_every_point_that_is_near():
    rng = np.random.default_rng(4)
    chains = build_chains(ndi.binary_dilation(rng.random((60, 70)) < 0.004, iterations=4))
    slot, candidates = candidate_map(chains, (60, 70))
    for x, y in rng.uniform((0, 0), (69, 59), (1000, 2)):
        away = np.hypot(*(chains.points - [x, y]).T)
        nearest, away = chains.points[away.argmin()], away.min()
        if away < 2.0:
            assert slot[round(y), round(x)] >= 0
            held = candidates[slot[round(y), round(x)]]
            apart = np.hypot(*(chains.points[held[held >= 0]] - nearest).T)
            assert apart.min() <= 1.5  # that point or its neighbour on the line
        if away > 5.0:
            assert slot[round(y), round(x)] < 0
    assert (candidates[:, 0] >= 0).all() and candidates.max() < len(chains)


def test_thinned_lines_keep_their_ends_and_every_other_point():
    mask = np.zeros((60, 70), bool)
    mask[10:13, 6:60] = mask[30:33, 6:49] = True
    chains = build_chains(mask)
    whole = Lines(chains, *candidate_map(chains, mask.shape), np.arange(len(chains), dtype=float))
    thin = _thinned(whole, mask.shape)
    sizes = np.diff(chains.bounds)
    assert np.diff(thin.chains.bounds).tolist() == [(size + 1) // 2 for size in sizes]
    kept = np.concatenate([np.arange(a, b, 2) for a, b in pairwise(chains.bounds)])
    np.testing.assert_array_equal(thin.chains.points, chains.points[kept])
    np.testing.assert_array_equal(thin.contrast, kept)
    # both free ends of each line stay, also where the last point itself goes
    assert len(set(sizes % 2)) == 2
    assert np.bincount(thin.chains.line[thin.chains.free_end]).tolist() == [2, 2]
    assert thin.candidates.max() < len(thin.chains)


def test_doubt_is_the_mean_of_the_views_that_see_a_label():
    hits = np.array([[[0, -1, BEYOND, BEYOND]], [[1, 0, 0, BEYOND]]], np.int32)
    theirs = [np.full((1, 4), 1.5, np.float32), np.array([[9] * 4, [0] * 4], np.float32)]
    unary = np.zeros((1, 4), np.float32)
    found = costs_with_doubt(unary, hits, theirs, np.array([True]), 1.0, 0.7)
    np.testing.assert_allclose(found, [[0.25, 1.0, 1.0, 0.7]])


def test_marginals_are_those_of_all_paths():
    rng = np.random.default_rng(5)
    cost = rng.random((4, 5)).astype(np.float32)
    slope, reach, jump = 0.3, 2, 0.8
    step = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    pay = np.minimum(np.where(step <= reach, slope * step, np.inf), jump)
    paths = np.array(list(np.ndindex(5, 5, 5, 5)))
    total = cost[np.arange(4), paths].sum(1) + pay[paths[:, 1:], paths[:, :-1]].sum(1)
    least = [[total[paths[:, i] == d].min() for d in range(5)] for i in range(4)]
    found = chain_marginals(
        cost, np.array([0, 4]), np.array([False]), slope, reach, np.full(4, jump)
    )
    np.testing.assert_allclose(found, np.array(least) - np.min(least), atol=1e-6)
