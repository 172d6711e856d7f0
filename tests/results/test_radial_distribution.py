"""g(r): borders, errors, peaks, the blur of depth."""

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_stereo.results import ParticleCloud, RadialDistribution
from hyperspy_stereo.results.depth_blur import blur_matrix
from hyperspy_stereo.results.depth_inverse import depth_weights, fitted_law
from hyperspy_stereo.results.pair_counts import (
    box_overlap,
    expected_by_depth,
    expected_pairs,
    pair_counts,
    pairs_by_depth,
)
from hyperspy_stereo.results.radial_distribution import radial_distribution
from hyperspy_stereo.results.stereo_angle_effect import stereo_angle_effect
from hyperspy_stereo.simulation.particles import Interaction, equilibrium


def uniform(count, box, seed):
    return np.random.default_rng(seed).uniform(0, 1, (count, 3)) * box


def test_the_width_of_bins_does_not_lower_a_peak():
    law = Interaction(depth=2.0, gap=1.0, width=0.4)
    for width in (0.1, 0.25, 0.4):
        edges = width * np.arange(int(20 / width) + 1)
        fine = np.linspace(0.01, 0.99, 40)[:, None] * width + edges[:-1]
        mean = (law.radial_distribution(fine, 5.0) * fine**2).sum(0) / (fine**2).sum(0)
        expected = 3e4 * edges[1:] ** 2 * width
        g = RadialDistribution(edges, mean * expected, expected, mean * expected)
        peak = g.first_peak()
        assert peak.position == pytest.approx(6.0, abs=0.02)
        assert peak.height == pytest.approx(np.exp(2.0), rel=0.03)


def test_the_angle_of_several_fields_is_found():
    law, size = Interaction(depth=2.5, gap=1.0, width=0.4), (100.0, 100.0)
    clouds = []
    for seed in range(4):
        points = equilibrium(np.full(250, 2.4), size, 80, law, 60, seed) * (1, 1, 1.25)
        clouds.append(ParticleCloud(points, np.full(250, 2.4), units="nm").set_thickness(100.0))
    table = stereo_angle_effect(clouds, np.arange(2.0, 5.1, 0.25), 3.0)
    assert table.attrs["best_angle"] == pytest.approx(3.75, abs=0.3)
    with pytest.raises(ValueError, match="clouds of such views"):
        stereo_angle_effect([], [1, 2, 3], 3.0)


def test_pairs_are_counted_once():
    points = uniform(300, (30.0, 20.0, 5.0), 0)
    d = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(300, 1)]
    counts, variance = pair_counts(points, 0.5, 30)
    np.testing.assert_array_equal(counts, np.histogram(d, 0.5 * np.arange(31))[0])
    assert (variance >= counts).all()


@pytest.mark.parametrize("thickness", [3.0, 12.0, 60.0])
def test_the_overlap_of_a_box_is_the_mean_over_directions(thickness):
    box = np.array([40.0, 30.0, thickness])
    direction = np.random.default_rng(1).normal(size=(200_000, 3))
    direction = np.abs(direction / np.linalg.norm(direction, axis=1, keepdims=True))
    for r in (1.0, 10.0, 29.0):
        sampled = np.maximum(box - r * direction, 0).prod(axis=1)
        error = sampled.std() / np.sqrt(len(sampled))
        assert box_overlap(r, box) == pytest.approx(sampled.mean(), abs=5 * error)


def test_the_overlap_agrees_with_the_polynomial_of_short_distances():
    a, b, c, r = 7.0, 5.0, 3.0, 2.5
    short = a * b * c - r * (a * b + b * c + a * c) / 2
    short += 2 * r**2 * (a + b + c) / (3 * np.pi) - r**3 / (4 * np.pi)
    assert box_overlap(r, (a, b, c)) == pytest.approx(short)


def test_points_at_random_give_one_up_to_half_the_field():
    box = (200.0, 160.0, 25.0)
    off = []
    for seed in range(6):
        g = radial_distribution(uniform(1500, box, seed), box, 2.0, 80.0)
        off.append((g.g - 1)[1:] / g.error[1:])
    off = np.array(off)
    assert np.abs(off).max() < 4.5
    assert np.sqrt((off**2).mean()) == pytest.approx(1.0, abs=0.25)
    bare = radial_distribution(uniform(1500, box, 0), box, 2.0, 80.0, correction="none")
    assert bare.g[-1] < 0.5


def test_fields_are_combined_by_sums():
    box = (100.0, 100.0, 20.0)
    parts = [radial_distribution(uniform(n, box, n), box, 2.0, 40.0) for n in (200, 400)]
    both = RadialDistribution.combine(parts)
    np.testing.assert_allclose(both.counts, parts[0].counts + parts[1].counts)
    assert both.n_points == 600 and both.error[5] < parts[0].error[5]
    with pytest.raises(ValueError, match="same bins"):
        RadialDistribution.combine([parts[0], radial_distribution(uniform(99, box, 0), box, 3, 40)])
    with pytest.raises(ValueError, match="at least one"):
        RadialDistribution.combine([])


def synthetic(sigma_z=0.0):
    """A g(r) with a peak at 6 of height 4, as many pairs as a large experiment has."""
    edges = 0.25 * np.arange(97)
    r = (edges[1:] + edges[:-1]) / 2
    g = np.where(r < 4.8, 0.0, 1 + 3 * np.exp(-((r - 6) ** 2) / 2 / 0.6**2))
    expected = expected_pairs(60_000, edges, (2000.0, 2000.0, 200.0))
    made = RadialDistribution(edges, g * expected, expected, g * expected, "nm", 0.0, 200.0, 60_000)
    return made if sigma_z == 0 else made.blurred(sigma_z)


def test_the_first_peak_and_the_potential():
    g = synthetic()
    peak = g.first_peak()
    assert peak.position == pytest.approx(6.0, abs=0.05)
    assert peak.height == pytest.approx(4.0, rel=0.03)
    assert g.potential[np.argmin(np.abs(g.r - 6.0))] == pytest.approx(-np.log(4), abs=0.05)
    assert np.isinf(g.potential[0]) and np.isinf(g.potential_error[0])


def test_errors_of_depth_blur_the_peak_and_are_taken_back():
    sharp, blurred = synthetic(), synthetic(1.2)
    low = blurred.first_peak()
    assert low.height < 0.9 * sharp.first_peak().height
    again = blurred.deconvolved().first_peak()
    assert again.height == pytest.approx(4.0, rel=0.06)
    assert again.position == pytest.approx(6.0, abs=0.1)
    bias = blurred.depth_bias()
    assert bias["height"] == pytest.approx(low.height / 4, abs=0.06)
    columns = blur_matrix(sharp.edges, 1.0, 200.0).sum(axis=0)
    np.testing.assert_allclose(columns[:70], 1, atol=1e-6)


def fluid(rng, fields, sigma_z):
    """g(r) of pairs that follow a known law exactly, with errors of depth: bound in twos."""
    box, law, count = np.array([300.0, 300.0, 60.0]), [], 900
    r = np.linspace(4.0, 12.0, 2000)
    density = (1 + 3 * np.exp(-((r - 6) ** 2) / 2 / 0.5**2)) * r**2
    for _ in range(fields):
        first = rng.uniform(0, 1, (count, 3)) * box
        distance = rng.choice(r, count, p=density / density.sum())
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        both = np.vstack([first, first + distance[:, None] * direction])
        inside = ((both > 0) & (both < box)).all(axis=1)
        seen = both[inside] + rng.normal(0, sigma_z, (inside.sum(), 1)) * (0, 0, 1)
        law.append(radial_distribution(seen, box, 0.25, 20.0, sigma_z=sigma_z))
    return RadialDistribution.combine(law)


def test_pairs_across_and_along_the_beam_tell_more_than_distances():
    """The blur of depth comes off without bias, where distances alone leave the peak too low."""
    rng = np.random.default_rng(7)
    true = fluid(rng, 12, 0.0).first_peak()
    seen = fluid(rng, 12, 1.4)
    found = seen.deconvolved().first_peak()
    assert seen.first_peak().height < 0.75 * true.height
    assert found.height == pytest.approx(true.height, rel=0.12)
    assert abs(found.height - true.height) < 2.5 * np.hypot(found.height_error, true.height_error)
    assert found.position == pytest.approx(true.position, abs=0.12)


def test_pairs_are_counted_and_expected_by_depth():
    box = (60.0, 50.0, 20.0)
    points = uniform(400, box, 2)
    d = np.abs(points[:, None] - points[None])[np.triu_indices(400, 1)]
    across = np.hypot(d[:, 0], d[:, 1])
    edges = np.arange(11.0)
    table = np.histogram2d(across, d[:, 2], [edges, edges])[0]
    np.testing.assert_array_equal(pairs_by_depth(points, 1.0, 10), table)
    found = sum(pairs_by_depth(uniform(400, box, k), 1.0, 10) for k in range(40))
    hoped = 40 * expected_by_depth(400, 1.0, 10, box).reshape(10, 10, 4).sum(axis=2)
    off = (found - hoped) / np.sqrt(hoped)
    assert np.abs(off).max() < 5 and np.sqrt((off**2).mean()) == pytest.approx(1, abs=0.25)


def test_the_spline_of_an_exact_table_is_the_law():
    law = Interaction(depth=2.0, gap=1.0, width=0.5)
    bins, width, sigma = 60, 0.25, 1.0
    expected = expected_by_depth(60_000, width, bins, (900.0, 900.0, 100.0))
    weights, r, along = depth_weights(expected, width, sigma)
    exact = weights @ np.append(law.radial_distribution(r, 5.0), 1.0)
    counts = np.zeros((bins, bins))
    counts[:, : exact.shape[1] * along : along] = exact
    peak = fitted_law(counts, expected, width, sigma).peak(5.5, 6.5)
    assert peak.position == pytest.approx(6.0, abs=0.03)
    assert peak.height == pytest.approx(np.exp(2.0), rel=0.04)


def test_no_peak_no_number(tmp_path):
    box = (100.0, 100.0, 20.0)
    g = radial_distribution(uniform(60, box, 3), box, 5.0, 40.0)
    assert np.isnan(g.first_peak().position)
    assert "no peak" in repr(g)
    text = g.save(tmp_path / "g.csv").read_text()
    assert text.startswith("# r in px") and len(text.splitlines()) == 2 + len(g.r)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: radial_distribution(np.zeros((3, 3)), (9, 9, 9), 1, 4), "at least 10 particles"),
        (lambda: radial_distribution(np.ones((20, 3)), (9, 9, 9), 1, 40), "smaller side"),
        (lambda: radial_distribution(np.ones((20, 3)), (9, 9, 9), 0, 4), "bin_width"),
        (lambda: radial_distribution(np.ones((20, 3)), (9, 9, 9), 1, 4, "x"), "correction"),
        (lambda: box_overlap(3.0, (0, 9, 9)), "positive"),
        (lambda: synthetic().deconvolved(-1), "1-sigma"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nearer_than_pairs_can_be_seen_nothing_is_made_up():
    """Where no pair is used the spline knows nothing: what was found stays."""
    rng = np.random.default_rng(11)
    seen = replace(fluid(rng, 3, 1.0), overlap=3.0)
    sharp = seen.deconvolved()
    near = seen.r < 3.0
    np.testing.assert_allclose(sharp.g[near], seen.g[near])
    assert (sharp.g[~near] < 10).all() and np.isfinite(sharp.error).all()
