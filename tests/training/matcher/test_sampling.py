"""Places that the descriptor is trained to tell apart, and its loss."""

import numpy as np
import pytest

from hyperspy_stereo.training.matcher.sampling import NEAREST, compare_points
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, LINE

torch = pytest.importorskip("torch")


def _pair():
    label = np.zeros((2, 40, 96), np.uint8)
    disparity = np.full((2, 40, 96), np.nan, np.float32)
    for left, right in ((30, 36), (60, 57)):
        label[0, 5:35, left] = label[1, 5:35, right] = LINE
        disparity[0, 5:35, left] = disparity[1, 5:35, right] = right - left
    return label, disparity


def test_the_first_place_is_the_counterpart_in_both_directions():
    label, disparity = _pair()
    for view, sign in ((0, 1), (1, -1)):
        drawn = compare_points(label, disparity, view, np.random.default_rng(1), 64, 12, 40.0)
        x, y = drawn.points.astype(int).T
        np.testing.assert_allclose(drawn.places[:, 0, 0], x + sign * disparity[view][y, x])
        np.testing.assert_array_equal(drawn.places[:, 0, 1], y)


def test_wrong_places_are_wrong_and_some_lie_on_the_other_line():
    label, disparity = _pair()
    drawn = compare_points(label, disparity, 0, np.random.default_rng(2), 64, 12, 40.0)
    away = np.abs(drawn.places[:, 1:, 0] - drawn.places[:, :1, 0])
    assert away.min() >= NEAREST - 1e-3 and away.max() <= 40.5
    nearest = np.abs(drawn.places[:, 1:, 0, None] - np.array([36, 57])).min(-1)
    assert np.mean(nearest[:, :6] <= 0.5) > 0.5


def test_ambiguous_pixels_are_not_drawn():
    label, disparity = _pair()
    label[0, :, 30] |= AMBIGUOUS
    drawn = compare_points(label, disparity, 0, np.random.default_rng(3), 32, 4)
    assert set(drawn.points[:, 0]) == {60.0}


def test_nothing_to_compare_gives_nothing():
    empty = np.zeros((2, 16, 16), np.uint8)
    drawn = compare_points(empty, np.full((2, 16, 16), np.nan), 0, np.random.default_rng(0))
    assert drawn.points.shape == (0, 2)


def test_the_loss_falls_where_the_true_place_is_alike():
    from hyperspy_stereo.training.matcher.loss import contrast_loss

    torch.manual_seed(0)
    left = torch.randn(1, 8, 12, 30)
    right = torch.roll(left, 5, dims=3)
    points = torch.tensor([[[10.0, 4.0], [12.0, 7.0]]]).repeat(2, 1, 1)
    shift = torch.tensor([5.0, 0.0])
    true = torch.stack([points[0] + shift, points[1] - shift])
    wrong = true + torch.tensor([3.0, 0.0])
    field = torch.cat([left, right])
    good, right_share = contrast_loss(
        field, points, torch.stack([true, wrong], dim=2), torch.ones(2)
    )
    bad, _ = contrast_loss(field, points, torch.stack([wrong, true], dim=2), torch.ones(2))
    assert float(right_share) == 1.0 and float(good) < 0.1 < float(bad)
