"""The matcher through its public function: truth, limits, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.matching import MatchSettings, MatchStatus, match_views
from hyperspy_stereo.simulation.geometric.scenes import benchmark_scene, erase_pieces, stereo_scene


def _errors(scene, match):
    """Errors at points on the true mask, without overlaps."""
    view = match.view
    shape = scene.masks.shape[1:]
    x, y = np.round(match.points).astype(int).T
    x, y = np.clip(x, 0, shape[1] - 1), np.clip(y, 0, shape[0] - 1)
    truth = scene.disparity[view][y, x]
    use = np.isfinite(truth) & ~scene.ambiguous[view][y, x]
    return (match.disparity - truth)[use], use


def _slanted(shape=(64, 96), disparity=5.0, slope=0.0):
    """One slanted line per view as masks; disparity grows with y by ``slope``."""
    masks = np.zeros((2, *shape), bool)
    for y in range(8, shape[0] - 8):
        d = disparity + slope * (y - shape[0] / 2)
        for v, side in enumerate((-0.5, 0.5)):
            x = shape[1] / 2 + 0.3 * (y - shape[0] / 2) + side * d
            masks[v, y, round(x) - 1 : round(x) + 2] = True
    return masks


@pytest.fixture(scope="module")
def scene():
    return benchmark_scene(2)


@pytest.fixture(scope="module")
def matches(scene):
    return match_views(scene.images, scene.masks)


def test_both_views_are_right_on_a_scene(scene, matches):
    for match in matches:
        error, _ = _errors(scene, match)
        assert np.mean(np.abs(error) > 3) < 0.04
        assert np.median(np.abs(error)) < 0.2


def test_points_lie_on_the_mask_in_order_along_lines(scene, matches):
    match = matches[0]
    assert np.all(np.diff(match.line) >= 0)
    same = np.diff(match.line) == 0
    step = np.hypot(*np.diff(match.points, axis=0).T)
    assert np.quantile(step[same], 0.99) < 2.0
    x, y = np.clip(np.round(match.points).astype(int), 0, 511).T
    assert scene.masks[0][y, x].mean() > 0.95


def test_confidence_sorts_errors_and_sigma_scales_them(scene, matches):
    error, use = _errors(scene, matches[0])
    confidence, sigma = matches[0].confidence[use], matches[0].sigma[use]
    assert confidence.min() >= 0 and confidence.max() <= 1
    sure = confidence > np.quantile(confidence, 0.1)
    assert np.mean(np.abs(error[sure]) > 3) <= 0.5 * np.mean(np.abs(error) > 3) + 1e-9
    good = np.abs(error) < 3
    robust = 1.4826 * np.median(np.abs(error[good] / sigma[good]))
    assert 0.5 < robust < 1.5


def test_erased_masks_lose_little():
    errors = []
    for n in (1, 10, 14):
        scene = benchmark_scene(n)
        masks = np.stack([erase_pieces(m, 0.2, n + v) for v, m in enumerate(scene.masks)])
        errors.append(_errors(scene, match_views(scene.images, masks)[0])[0])
    assert np.mean(np.abs(np.concatenate(errors)) > 3) < 0.09


@settings(max_examples=12, deadline=None)
@given(disparity=st.floats(-12, 12), slope=st.floats(-0.1, 0.1))
def test_geometry_alone_finds_a_single_line(disparity, slope):
    masks = _slanted(disparity=disparity, slope=slope)
    left, right = match_views(None, masks)
    for match, side in ((left, -0.5), (right, 0.5)):
        truth = disparity + slope * (match.points[:, 1] - 32)
        assert np.median(np.abs(match.disparity - truth)) < 0.5
        x = 48 + 0.3 * (match.points[:, 1] - 32) + side * truth
        assert np.abs(match.points[:, 0] - x).max() < 2.0


def test_constant_shift_adds_to_every_disparity(scene, matches):
    images, masks = scene.images.copy(), scene.masks.copy()
    images[1], masks[1] = np.roll(images[1], 8, 1), np.roll(masks[1], 8, 1)
    masks[1][:, :8] = False
    shifted = match_views(images, masks)[0]
    error, _ = _errors(scene, shifted)
    assert abs(np.median(error) - 8) < 0.1
    assert np.mean(np.abs(error - 8) > 3) < 0.05


def test_swapping_the_views_negates_disparity(scene, matches):
    swapped = match_views(scene.images[::-1], scene.masks[::-1])
    assert abs(np.median(swapped[1].disparity + matches[0].disparity)) < 0.05
    assert np.mean(np.abs(swapped[1].disparity + matches[0].disparity) > 1) < 0.03


def test_three_views_beat_the_row_parallel_ambiguity():
    """A third view off the row resolves a horizontal line that a pair along x cannot."""
    shape, d = (96, 128), 6.0
    offsets = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.8]])
    masks = np.zeros((3, *shape), bool)
    for v, (bx, by) in enumerate(offsets):
        y, x0 = 48 + by * d, round(10 + bx * d)
        masks[v, round(y) - 1 : round(y) + 2, x0 : x0 + 100] = True
    three = match_views(None, masks, offsets=offsets)
    middle = np.abs(three[0].points[:, 0] - 60) < 30
    assert np.abs(three[0].disparity[middle] - d).max() < 0.7


def test_views_with_vertical_parallax():
    """The direction of parallax is that of the offsets, not that of the rows."""
    scene = stereo_scene(77, angle=6, noise=1, kind="lines", shape=(256, 256))
    turned = np.ascontiguousarray(scene.images.transpose(0, 2, 1))
    masks = np.ascontiguousarray(scene.masks.transpose(0, 2, 1))
    match = match_views(turned, masks, offsets=[[0, -0.5], [0, 0.5]])[0]
    x, y = np.clip(np.round(match.points).astype(int), 0, 255).T
    truth = scene.disparity[0][x, y]
    use = np.isfinite(truth) & ~scene.ambiguous[0][x, y]
    assert np.median(np.abs(match.disparity - truth)[use]) < 0.3


def test_line_without_counterpart_is_not_matched():
    scene = stereo_scene(5, angle=8, noise=0, kind="lines", shape=(256, 256))
    masks = scene.masks.copy()
    x = np.arange(40, 120)
    images = scene.images.copy()
    lonely = np.zeros((256, 256), bool)
    lonely[x, 200] = lonely[x, 201] = lonely[x, 202] = True
    lonely &= ~masks[0]
    masks[0] |= lonely
    images[0][lonely] *= 0.6
    match = match_views(images, masks, disparity_range=(-30, 30))[0]
    px, py = np.clip(np.round(match.points).astype(int), 0, 255).T
    other = match.confidence[~lonely[py, px]].mean()
    assert match.confidence[lonely[py, px]].mean() < other - 0.3


def test_counterpart_outside_the_other_view():
    masks = np.zeros((2, 64, 64), bool)
    masks[0, 5:60, 60:63] = True
    masks[0, 5:60, 20:23] = masks[1, 5:60, 40:43] = True
    left = match_views(None, masks, disparity_range=(15, 25))[0]
    gone = left.points[:, 0] > 50
    assert np.all(left.status[gone] == MatchStatus.OUT_OF_VIEW)
    assert np.allclose(left.disparity[~gone], 20, atol=0.6)


def test_empty_masks_give_empty_matches():
    for images in (None, np.ones((2, 32, 40))):
        found = match_views(images, np.zeros((2, 32, 40), bool))
        assert [m.view for m in found] == [0, 1]
        assert all(len(m.points) == len(m.disparity) == len(m.sigma) == 0 for m in found)


def test_one_empty_mask_leaves_the_other_unmatched():
    masks = _slanted()
    masks[1] = False
    left, right = match_views(None, masks)
    assert len(right.points) == 0
    assert len(left.points) > 20
    assert not left.matched.any()


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (33, 16)])
def test_small_views(shape):
    masks = np.zeros((2, *shape), bool)
    masks[:, 2:-2, shape[1] // 2 - 1 : shape[1] // 2 + 2] = True
    images = 1 - 0.5 * masks + 0.01 * np.random.default_rng(0).normal(size=masks.shape)
    left, _ = match_views(images, masks)
    assert np.isfinite(left.disparity).all()
    assert np.abs(left.disparity).max() < 1.5


@pytest.mark.parametrize("images", [None, "constant", "noise"])
@pytest.mark.parametrize("fill", ["full", "speckle", "dot"])
def test_degenerate_masks_do_not_break(images, fill):
    rng = np.random.default_rng(1)
    masks = np.zeros((2, 48, 48), bool)
    if fill == "full":
        masks[:] = True
    elif fill == "speckle":
        masks = rng.random((2, 48, 48)) > 0.7
    else:
        masks[:, 20, 20] = True
    if images == "constant":
        images = np.zeros((2, 48, 48))
    elif images == "noise":
        images = rng.normal(size=(2, 48, 48))
    for match in match_views(images, masks):
        assert np.isfinite(match.disparity).all()
        assert np.isfinite(match.sigma).all() and np.isfinite(match.confidence).all()


def test_permissive_candidates_supply_missing_lines():
    """Half of the right strict mask is missing: lines there are wrong, or found by the other."""
    scene = stereo_scene(12, angle=8, noise=2, kind="lines")
    strict = scene.masks.copy()
    strict[1][256:] = False
    alone = match_views(None, strict, disparity_range=(-25, 25))[0]
    helped = match_views(None, strict, scene.masks, disparity_range=(-25, 25))[0]
    wrong = [np.mean(np.abs(_errors(scene, m)[0]) > 3) for m in (alone, helped)]
    assert wrong[0] > 0.1
    assert wrong[1] < 0.6 * wrong[0]


BAD = {
    "one view": ({"images": None, "masks": np.zeros((1, 32, 32))}, "two views"),
    "flat mask": ({"images": None, "masks": np.zeros((32, 32))}, "two views"),
    "too small": ({"images": None, "masks": np.zeros((2, 8, 32))}, "at least 16"),
    "unequal": ({"images": np.zeros((2, 32, 33)), "masks": np.zeros((2, 32, 32))}, "same grid"),
    "NaN": ({"images": np.full((2, 32, 32), np.nan), "masks": np.zeros((2, 32, 32))}, "NaN"),
    "candidates": (
        {"images": None, "masks": np.zeros((2, 32, 32)), "candidates": np.zeros((2, 32, 9))},
        "candidates",
    ),
    "three views": ({"images": None, "masks": np.zeros((3, 32, 32))}, "need their offsets"),
    "offsets": (
        {"images": None, "masks": np.zeros((2, 32, 32)), "offsets": np.zeros((3, 2))},
        r"\(2, 2\)",
    ),
    "no parallax": (
        {"images": None, "masks": np.zeros((2, 32, 32)), "offsets": np.zeros((2, 2))},
        "parallax",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refuses_with_a_reason(case):
    arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        match_views(**arguments)


@pytest.mark.parametrize("span", [(3, 3), (4, -4), (0, np.inf), (1,), 5])
def test_refuses_bad_ranges(span):
    with pytest.raises(ValueError, match="disparity_range"):
        match_views(None, _slanted(), disparity_range=span)


def test_a_range_wider_than_the_image_is_cut_to_it():
    masks = _slanted()
    within, _ = match_views(None, masks, disparity_range=(-96, 96))
    wide, _ = match_views(None, masks, disparity_range=(-1e6, 1e6))
    np.testing.assert_array_equal(wide.disparity, within.disparity)
    assert abs(np.median(wide.disparity) - 5) < 0.3


@pytest.mark.parametrize("span", [(96, 200), (-1e6, -96)])
def test_refuses_a_range_beyond_the_image(span):
    with pytest.raises(ValueError, match="beyond the longer side of the views, 96 px"):
        match_views(None, _slanted(), disparity_range=span)


def test_coarser_labels_still_work():
    masks = _slanted(disparity=4.0)
    left, _ = match_views(None, masks, settings=MatchSettings(label_step=1.0))
    assert abs(np.median(left.disparity) - 4) < 0.3
