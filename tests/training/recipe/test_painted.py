from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage as ndi
from scipy.spatial.distance import cdist

from hyperspy_stereo.training.recipe.boundaries2d import PAINTERS
from hyperspy_stereo.training.recipe.canvas import Canvas
from hyperspy_stereo.training.recipe.line_looks import LineLook
from hyperspy_stereo.training.recipe.lines2d import KINDS, along_trace, line_group
from hyperspy_stereo.training.recipe.painted import painted_scene
from hyperspy_stereo.training.recipe.scene import (
    AMBIGUOUS,
    BOUNDARY,
    DISTRACTOR,
    IGNORE,
    LINE,
)

SIDE = 160


@pytest.fixture(scope="module")
def scenes():
    return [painted_scene(seed, side=SIDE) for seed in range(24)]


def _plain_canvas(half_range=12.0):
    return Canvas(96, np.random.default_rng(0), half_range, offset=1.5)


def _plain_look(n, strength, shift=0.0):
    full = np.ones((2, n))
    shape = np.tile([1.0, 0.0, 0.0, 0.0], (2, 1))
    return LineLook(strength * full, 1.6 * full, shift * full, shape)


def test_same_seed_paints_the_same_scene():
    one, two = painted_scene(7, side=SIDE), painted_scene(7, side=SIDE)
    for name in ("clean", "label", "disparity", "line_index"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.info == two.info
    assert not np.array_equal(one.clean, painted_scene(8, side=SIDE).clean)


def test_arrays_are_as_promised(scenes):
    for scene in scenes:
        assert scene.clean.dtype == np.float32 and scene.label.dtype == np.uint8
        assert scene.disparity.dtype == np.float32 and scene.line_index.dtype == np.int16
        assert np.isfinite(scene.clean).all() and scene.clean.min() >= 0
        assert scene.clean.std() > 0
        assert scene.label.max() <= LINE | BOUNDARY | IGNORE | DISTRACTOR | AMBIGUOUS
        line = (scene.label & LINE) > 0
        np.testing.assert_array_equal(np.isfinite(scene.disparity), line)
        np.testing.assert_array_equal(scene.line_index >= 0, line)
        assert not (line & ((scene.label & IGNORE) > 0)).any()


def test_line_pixels_moved_by_the_disparity_land_on_lines(scenes):
    landed, disparity_gap = [], []
    for scene in scenes:
        sure = ((scene.label[0] & LINE) > 0) & ((scene.label[0] & AMBIGUOUS) == 0)
        row, column = np.nonzero(sure)
        target = np.rint(column + scene.disparity[0][row, column]).astype(int)
        seen = (target >= 0) & (target < SIDE)
        row, target, disparity = row[seen], target[seen], scene.disparity[0][sure][seen]
        allowed = ndi.binary_dilation((scene.label[1] & (LINE | IGNORE)) > 0, np.ones((3, 3)))
        landed.append(allowed[row, target])
        disparity_gap.append(scene.disparity[1][row, target] - disparity)
    gap = np.concatenate(disparity_gap)
    assert np.concatenate(landed).mean() > 0.985  # what crosses may hide a piece in one view
    assert np.nanmedian(np.abs(gap)) < 0.1
    assert np.nanmean(np.abs(gap) < 1.0) > 0.9


def test_disparity_is_that_of_the_depth():
    canvas = _plain_canvas()
    y = np.linspace(-5, 100, 80)
    curve = np.column_stack([48 + 0.2 * y, y, np.linspace(-1, 1, 80)])
    canvas.line(curve, _plain_look(80, 0.4), 3, seen=0.05)
    for view in (0, 1):
        line = (canvas.label[view] & LINE) > 0
        expected = 1.5 + 12 * np.interp(np.nonzero(line)[0], y, curve[:, 2])
        np.testing.assert_allclose(canvas.disparity[view][line], expected, atol=0.6)
        assert set(np.unique(canvas.line_index[view])) == {-1, 3}
    darkest = canvas.image.argmin(axis=2)[:, 20:80]
    disparity = 1.5 + 12 * np.interp(np.arange(20, 80), y, curve[:, 2])
    np.testing.assert_allclose(darkest[1] - darkest[0], disparity, atol=1.01)


def test_shift_of_the_image_does_not_enter_the_truth():
    y = np.linspace(-5, 100, 80)
    curve = np.column_stack([np.full(80, 48.0), y, np.zeros(80)])
    plain, moved = _plain_canvas(), _plain_canvas()
    plain.line(curve, _plain_look(80, 0.4), 0, seen=0.05)
    moved.line(curve, _plain_look(80, 0.4, shift=2.0), 0, seen=0.05)
    np.testing.assert_array_equal(plain.label, moved.label)
    np.testing.assert_array_equal(plain.disparity, moved.disparity)
    columns = [canvas.image[0, 48].argmin() for canvas in (plain, moved)]
    assert abs(abs(columns[0] - columns[1]) - 2) <= 1


def test_invisible_pieces_are_ignored():
    canvas = _plain_canvas()
    y = np.linspace(-5, 100, 80)
    curve = np.column_stack([np.full(80, 48.0), y, np.zeros(80)])
    look = _plain_look(80, 0.4)
    look.strength[:, y > 48] = 0.01
    canvas.line(curve, look, 0, seen=0.05)
    lower = canvas.label[:, 55:90]
    assert not (lower & LINE).any() and (lower & IGNORE).any(axis=2).all()
    assert (canvas.label[:, 5:40] & LINE).any(axis=2).all()


def test_lines_of_different_depth_are_ambiguous_where_they_cross():
    canvas = _plain_canvas()
    y = np.linspace(-5, 100, 80)
    for number, z in enumerate((-0.5, 0.5)):
        curve = np.column_stack([y if number else 95 - y, y, np.full(80, z)])
        canvas.line(curve, _plain_look(80, 0.4), number, seen=0.05)
    assert all(0 < ((canvas.label[view] & AMBIGUOUS) > 0).sum() < 60 for view in (0, 1))


def test_lines_stand_out_from_their_surroundings(scenes):
    contrasts = []
    for scene in scenes:
        line = (scene.label[0] & LINE) > 0
        near = ndi.binary_dilation(line, iterations=8) & ~ndi.binary_dilation(line, iterations=4)
        if line.sum() < 50 or near.sum() < 50:
            continue
        local = scene.clean[0] / ndi.gaussian_filter(scene.clean[0], 12)
        contrasts.append(np.abs(local[line] - np.median(local[near])).mean())
    assert len(contrasts) > 12
    assert np.median(contrasts) > 0.06


def test_few_scenes_are_empty_and_all_contents_occur(scenes):
    lines = np.array([scene.info["lines"] for scene in scenes])
    assert (lines > 0).mean() > 0 and (lines == 0).mean() < 0.3
    assert len(set(lines)) > 8
    bits = [np.bitwise_or.reduce(scene.label, axis=None) for scene in scenes]
    for bit in (LINE, BOUNDARY, IGNORE, DISTRACTOR, AMBIGUOUS):
        assert any(found & bit for found in bits), bit
    levels = [np.median(scene.clean) for scene in scenes]
    assert max(levels) > 3 * min(levels)
    contrasts = [scene.info["contrast"] for scene in scenes]
    assert min(contrasts) < 0 < max(contrasts)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_line(kind):
    for seed in range(3):
        group = line_group(128, 0.4, np.random.default_rng(seed), kind)
        for curve in group:
            assert np.isfinite(curve).all() and np.abs(curve[:, 2]).max() <= 1 + 1e-9
            assert np.hypot(*np.diff(curve[:, :2], axis=0).T).max() < 3
    assert any(len(line_group(128, 0.4, np.random.default_rng(s), kind)) for s in range(3))


def test_lines_of_a_bundle_have_one_shape_side_by_side():
    for seed in range(8):
        group = line_group(384, 0.4, np.random.default_rng(seed), "bundle")
        assert 3 <= len(group) <= 10
        reach = [cdist(a[:, :2], b[:, :2]).min(axis=1) for a, b in pairwise(group)]
        nearest = np.array([np.median(gap) for gap in reach])
        assert nearest.max() < 2.5 * nearest.min()  # even, but for fans and ragged ends
        assert nearest.min() > 1.5 and nearest.max() < 36


def test_lines_along_a_trace_touch_it():
    group = along_trace(128, (0.0, 10.0), np.random.default_rng(0))
    gaps = [np.abs(curve[:, 0] - 73.5).min() for curve in group]
    assert np.median(gaps) < 6


@pytest.mark.parametrize("painter", [painter for _, painter in PAINTERS])
def test_every_boundary_paints_and_labels(painter):
    marked = changed = False
    for seed in range(4):
        canvas = Canvas(96, np.random.default_rng(seed), 8.0)
        walls = painter(canvas, 0.5)
        assert walls and np.isfinite(canvas.image).all() and canvas.image.min() > 0
        marked |= bool((canvas.label & BOUNDARY).any())
        changed |= bool(np.ptp(canvas.image) > 0.05)
    assert marked and changed


@pytest.mark.parametrize(("seed", "side"), [(-1, 128), (0, 32)])
def test_wrong_arguments_are_named(seed, side):
    with pytest.raises(ValueError, match=f"seed={seed}"):
        painted_scene(seed, side=side)


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'spiral'"):
        line_group(128, 0.0, np.random.default_rng(0), "spiral")
