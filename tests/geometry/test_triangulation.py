"""Projection and its inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo import geometry as g

GEOMETRY = st.sampled_from(["tilt", "tiltless"])
CENTRE = (255.5, 127.5)


def some_points(seed, count=20):
    rng = np.random.default_rng(seed)
    return rng.uniform((0, 0, -200), (512, 256, 200), (count, 3))


@given(st.integers(0, 10**6), GEOMETRY, st.integers(2, 6))
@settings(max_examples=50)
def test_projecting_then_triangulating_gives_the_points(seed, geometry, views):
    rng = np.random.default_rng(seed)
    incidence = rng.uniform(-80, 80, (views, 2)) + np.arange(views)[:, None] * [170, 0]
    incidence -= incidence.mean(axis=0)
    points = some_points(seed)
    seen = g.project(points, incidence, geometry, CENTRE)
    found, sigma = g.triangulate(seen, incidence, geometry, CENTRE)
    np.testing.assert_allclose(found, points, atol=1e-7)
    assert (sigma > 0).all()


def test_deeper_features_appear_further_right_in_the_right_view():
    left, right = g.project([[100.0, 50.0, 80.0]], g.incidence_pair(8))
    assert right[0, 0] > left[0, 0]
    assert (left[0, 0] + right[0, 0]) / 2 == pytest.approx(100)
    assert right[0, 0] - left[0, 0] == pytest.approx(g.disparity_from_depth(80.0, 8))
    assert left[0, 1] == right[0, 1] == 50


def test_tilt_foreshortens_about_the_centre():
    angle = 30.0
    left, right = g.project([[300.0, 50.0, 80.0]], g.incidence_pair(angle), "tilt", CENTRE)
    middle = (left[0, 0] + right[0, 0]) / 2
    assert middle - CENTRE[0] == pytest.approx((300 - CENTRE[0]) * np.cos(np.deg2rad(angle / 2)))
    assert right[0, 0] - left[0, 0] == pytest.approx(g.disparity_from_depth(80.0, angle, "tilt"))


def test_tilt_is_a_rotation_seen_along_the_beam():
    # A point on the tilt axis does not move; lengths in the plane of the tilt are kept when the
    # dropped coordinate is put back.
    theta = 300.0
    points = some_points(1)
    view = g.project(points, (theta, 0.0), "tilt", CENTRE)
    t = theta / 1000
    depth = (points[:, 0] - CENTRE[0]) * np.sin(t) + points[:, 2] * np.cos(t)
    np.testing.assert_allclose(
        np.hypot(view[:, 0] - CENTRE[0], depth),
        np.hypot(points[:, 0] - CENTRE[0], points[:, 2]),
    )
    on_axis = [[CENTRE[0], 10.0, 0.0]]
    np.testing.assert_allclose(g.project(on_axis, (theta, 0.0), "tilt", CENTRE), [[CENTRE[0], 10]])


@given(st.floats(0.5, 40), GEOMETRY, st.integers(0, 1), st.integers(0, 1000))
@settings(max_examples=40)
def test_lift_agrees_with_the_formulas_and_with_projection(angle, geometry, view, seed):
    pair = g.incidence_pair(angle)
    points = some_points(seed)
    seen = g.project(points, pair, geometry, CENTRE)
    disparity = seen[1, :, 0] - seen[0, :, 0]
    xyz, scale = g.lift(seen[view], disparity, [[-0.5, 0], [0.5, 0]], pair, geometry, CENTRE, view)
    np.testing.assert_allclose(xyz, points, atol=1e-6)
    np.testing.assert_allclose(
        xyz[:, 2], g.depth_from_disparity(disparity, angle, geometry), atol=1e-6
    )
    assert scale == pytest.approx(1 / g.disparity_per_depth(angle, geometry))


@given(st.integers(0, 1000), st.integers(3, 9))
@settings(max_examples=30)
def test_lift_from_any_view_of_a_light_field(seed, views):
    rng = np.random.default_rng(seed)
    incidence = np.column_stack([np.linspace(60, -60, views), rng.uniform(-5, 5, views)])
    offsets = g.view_offsets(incidence)
    points = some_points(seed)
    seen = g.project(points, incidence)
    disparity = points[:, 2] * g.disparity_per_depth(g.stereo_angle(incidence))
    view = int(rng.integers(views))
    xyz, _ = g.lift(seen[view], disparity, offsets, incidence, view=view)
    np.testing.assert_allclose(xyz, points, atol=1e-6)


def test_more_views_and_better_views_reduce_sigma():
    points = some_points(0, 3)
    three = [[60.0, 0], [0, 0], [-60.0, 0]]
    five = [*three, [30.0, 0], [-30.0, 0]]
    _, a = g.triangulate(g.project(points, three), three)
    _, b = g.triangulate(g.project(points, five), five)
    assert (b[:, 2] < a[:, 2]).all()
    _, c = g.triangulate(g.project(points, three), three, sigma=[0.1, 1, 1])
    assert (c[:, 2] < a[:, 2]).all()


def test_sigma_is_the_spread_of_noisy_triangulations():
    rng = np.random.default_rng(0)
    views = [[60.0, 20.0], [-20.0, -50.0], [-60.0, 10.0]]
    spread = np.array([0.3, 0.5, 0.2])
    seen = np.repeat(g.project([[10.0, 20.0, 30.0]], views), 4000, axis=1)
    noisy = seen + rng.normal(size=seen.shape) * spread[:, None, None]
    found, sigma = g.triangulate(noisy, views, sigma=spread)
    np.testing.assert_allclose(found.std(axis=0), sigma[0], rtol=0.06)
    np.testing.assert_allclose(found.mean(axis=0), [10, 20, 30], atol=0.3)


def test_a_point_needs_two_views():
    views = [[60.0, 0.0], [0.0, 0.0], [-60.0, 0.0]]
    points = some_points(2, 3)
    seen = g.project(points, views)
    seen[0, 0] = np.nan
    seen[:2, 1] = np.nan
    found, sigma = g.triangulate(seen, views)
    np.testing.assert_allclose(found[[0, 2]], points[[0, 2]])
    assert np.isnan(found[1]).all()
    assert np.isnan(sigma[1]).all()
    assert sigma[0, 2] > sigma[2, 2]


PAIR = [[50.0, 0.0], [-50.0, 0.0]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: g.project([[1, 2]], (0, 0)), r"\(N, 3\)"),
        (lambda: g.triangulate(np.zeros((3, 4, 2)), PAIR), "one view per incidence"),
        (lambda: g.triangulate(np.zeros((2, 4, 2)), [[5, 0], [5, 0]]), "same direction"),
        (lambda: g.triangulate(np.zeros((1, 4, 2)), [[5, 0]]), "two views"),
        (lambda: g.triangulate(np.zeros((2, 4, 2)), PAIR, sigma=0), "positive"),
        (lambda: g.lift([[0, 0]], [1], [[-0.5, 0], [0.5, 0]], PAIR[::-1]), "reversed"),
        (lambda: g.lift([[0, 0]], [1], [[0, -0.5], [0, 0.5]], PAIR), "do not follow"),
        (lambda: g.lift([[0, 0]], [1], [[0, 0], [0, 0]], PAIR), "do not follow"),
        (lambda: g.lift([[0, 0]], [1, 2], [[-0.5, 0], [0.5, 0]], PAIR), "shapes"),
        (lambda: g.lift([[0, 0]], [1], [[-0.5, 0], [0.5, 0]], PAIR, view=2), "no view 2"),
    ],
)
def test_bad_input_is_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()
