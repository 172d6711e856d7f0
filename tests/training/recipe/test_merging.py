import numpy as np
import pytest

from hyperspy_stereo.training.recipe.merging import merged_pixels, merged_turns


def helix(pitch, turns=6, radius=6.0, per_turn=60):
    angle = np.linspace(0, 2 * np.pi * turns, turns * per_turn)
    return np.column_stack([radius * np.sin(angle), pitch * angle / (2 * np.pi)]) + 30


def ring(radius):
    angle = np.linspace(0, 2 * np.pi, 200)
    return 30 + radius * np.column_stack([np.cos(angle), np.sin(angle)])


def all_seen(points):
    return np.ones(len(points), bool)


def test_turns_of_a_tight_helix_merge_and_those_of_a_wide_one_do_not():
    tight, wide = helix(3.0), helix(30.0, radius=4.0)
    assert merged_turns(tight, all_seen(tight), 4.0).mean() > 0.9
    assert not merged_turns(wide, all_seen(wide), 4.0).any()


@pytest.mark.parametrize("radius", [4.0, 10.0, 40.0])
def test_a_ring_meets_itself_only_if_it_is_as_small_as_a_point(radius):
    points = ring(radius)
    assert not merged_turns(points, all_seen(points), 4.0).any()
    assert not merged_turns(points[50:], all_seen(points[50:]), 4.0).any()
    assert merged_turns(points, all_seen(points), 2.5 * radius).all()


def test_a_part_that_is_not_seen_hides_nothing():
    points = np.array([[x, 0.0] for x in range(30)] + [[x, 2.0] for x in range(29, -1, -1)])
    seen = np.arange(60) < 30
    assert merged_turns(points, all_seen(points), 3.0)[:20].all()
    assert not merged_turns(points, seen, 3.0)[:20].any()
    assert not merged_turns(points, ~all_seen(points), 3.0).any()


def test_pixels_near_another_line_merge_on_both_lines_alike():
    index = np.full((40, 40), -1)
    index[:, 10:13], index[:, 16:19], index[5, 20:] = 0, 1, 2
    merged = merged_pixels(index, 4.0)
    assert merged[:, 12].all() and merged[:, 16].all()
    assert not merged[:, 10:12].any() and not merged[:, 17][10:].any()
    np.testing.assert_array_equal(merged_pixels(index[:, ::-1], 4.0), merged[:, ::-1])
    assert not merged_pixels(np.where(index == 0, 0, -1), 4.0).any()
