import numpy as np
import pytest

from hyperspy_stereo.training.evaluation.crude import crude_noise, crude_pair, crude_scene
from hyperspy_stereo.training.evaluation.crude_lines import STEP, CrudeLine, draw_lines, label_lines
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, BOUNDARY, DISTRACTOR, IGNORE, LINE

STYLE = {"sigma": 1.2, "depth": 0.5, "parts": [(0.0, 1.0)]}


def straight(x, disparity, visible=None):
    y = np.arange(5, 60, STEP)
    n = len(y)
    points = np.column_stack([np.full(n, float(x)), y])
    seen = np.ones(n, bool) if visible is None else visible
    return CrudeLine(points, np.full(n, float(disparity)), np.ones(n), seen, STYLE)


def test_same_seed_same_scene():
    a, b, c = crude_scene(7, 96), crude_scene(7, 96), crude_scene(8, 96)
    np.testing.assert_array_equal(a.clean, b.clean)
    np.testing.assert_array_equal(a.label, b.label)
    assert not np.array_equal(a.clean, c.clean)


@pytest.mark.parametrize("seed", range(4))
def test_scenes_are_sound(seed):
    scene = crude_scene(seed, 96)
    lines = (scene.label & LINE) > 0
    assert np.isfinite(scene.clean).all()
    assert 0 < scene.clean.min() < scene.clean.max() < 3
    assert lines.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(np.isfinite(scene.disparity), lines)
    np.testing.assert_array_equal(scene.line_index >= 0, lines)
    assert not (lines & ((scene.label & IGNORE) > 0)).any()
    assert 0 <= scene.info["most_noise"] <= 1


def test_everything_is_drawn_sometime():
    bits, kinds = 0, set()
    for seed in range(30, 60):
        scene = crude_scene(seed, 64)
        bits |= int(np.bitwise_or.reduce(scene.label, axis=None))
        kinds |= set(scene.info["boundaries"])
    assert bits == LINE | BOUNDARY | IGNORE | DISTRACTOR | AMBIGUOUS
    assert kinds == {"thin", "lamellae", "step", "fringes", "traces", "rough"}


def test_disparity_leads_to_the_same_line():
    scene = crude_scene(3, 192)
    usable = ((scene.label[0] & LINE) > 0) & ((scene.label[0] & AMBIGUOUS) == 0)
    rows, columns = np.nonzero(usable)
    partner = np.rint(columns + scene.disparity[0][usable]).astype(int)
    inside = (partner >= 1) & (partner < 191)
    rows, columns, partner = rows[inside], columns[inside], partner[inside]
    own = scene.line_index[0][rows, columns]
    # a pixel at the rim of a line may round to one beside it
    same = [scene.line_index[1][rows, partner + k] == own for k in (-1, 0, 1)]
    assert same[1].mean() > 0.9
    assert np.any(same, axis=0).mean() > 0.99


def test_lines_are_drawn_where_they_are_labelled():
    line = straight(30.25, 5.5)
    for view, expected in ((0, 27.5), (1, 33.0)):
        profile = draw_lines([line], view, 64)[20:50].mean(axis=0)
        assert profile.sum() == pytest.approx(0.5 * np.sqrt(2 * np.pi) * 1.2, rel=0.01)
        assert 0.4 < profile.max() < 0.51
        assert (profile * np.arange(64)).sum() / profile.sum() == pytest.approx(expected, abs=0.02)
        label, disparity, _ = label_lines([line], view, 64)
        columns = np.nonzero(label[30] & LINE)[0]
        assert len(columns) in (2, 3)
        assert columns.mean() == pytest.approx(expected, abs=0.5)
        assert disparity[30, columns] == pytest.approx(5.5)


def test_lines_too_near_to_be_told_apart_are_ambiguous():
    near, _, _ = label_lines([straight(30, 5.0), straight(33, 5.0)], 0, 64)
    apart, _, _ = label_lines([straight(30, 5.0), straight(35.5, 5.0)], 0, 64)
    assert (near[30, 27:32] & AMBIGUOUS).all()
    assert not (apart & AMBIGUOUS).any()
    wide = {**STYLE, "sigma": 2.8}
    pair = [straight(30, 5.0), straight(35.5, 5.0)]
    blurred = [CrudeLine(v.points, v.disparity, v.strength, v.visible, wide) for v in pair]
    assert (label_lines(blurred, 0, 64)[0] & AMBIGUOUS).any()


def test_faded_parts_are_ignored():
    visible = np.arange(158) < 79
    label, disparity, _ = label_lines([straight(30, 0.0, visible)], 0, 64)
    assert (label[10, 29:32] == LINE).all()
    assert (label[55, 28:33] == IGNORE).all()
    assert np.isnan(disparity[55]).all()


def test_noise_grows_with_its_level():
    clean = np.tile(np.linspace(0.2, 0.9, 64), (2, 64, 1))

    def relative(level):
        noisy = crude_noise(clean, np.random.default_rng(4), level)
        return float(np.std(np.diff(noisy[0], axis=0)) / noisy.mean())

    assert relative(0.0) < relative(0.5) < relative(1.0)


def test_views_have_noise_of_their_own():
    noisy = crude_noise(np.full((2, 64, 64), 0.5), np.random.default_rng(1), 0.3)
    assert np.corrcoef(noisy.reshape(2, -1))[0, 1] < 0.5


def test_pair_and_wrong_input():
    images, scene = crude_pair(11, 64, level=0.2)
    assert images.shape == scene.clean.shape
    assert images.dtype == np.float32
    with pytest.raises(ValueError, match="64 px"):
        crude_scene(0, 32)
    with pytest.raises(ValueError, match="level"):
        crude_noise(scene.clean, np.random.default_rng(0), 1.5)
    with pytest.raises(ValueError, match=r"\(V, H, W\)"):
        crude_noise(scene.clean[0], np.random.default_rng(0))
