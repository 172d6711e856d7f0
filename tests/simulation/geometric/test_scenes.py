"""Scenes for the matcher: the truth is exact, the lists are frozen and disjoint."""

import numpy as np
import pytest

from hyperspy_stereo.simulation.geometric.curves import ARRANGEMENTS, arrangement, smooth_curve
from hyperspy_stereo.simulation.geometric.scenes import (
    BENCHMARK_SCENES,
    CALIBRATION_SEEDS,
    NOISE_LEVELS,
    benchmark_scene,
    erase_pieces,
    stereo_scene,
)


def test_benchmark_list_covers_what_it_says():
    seeds, angles, noises, kinds = zip(*BENCHMARK_SCENES, strict=True)
    assert len(set(seeds)) == 24
    assert min(angles) == 2 and max(angles) == 12
    assert set(noises) == set(range(len(NOISE_LEVELS))) and set(kinds) == set(ARRANGEMENTS)
    assert not set(seeds) & set(CALIBRATION_SEEDS)


@pytest.mark.parametrize("index", [0, 10, 16])
def test_scene_is_as_described(index):
    scene = benchmark_scene(index)
    assert scene.images.shape == scene.masks.shape == scene.disparity.shape == (2, 512, 512)
    assert np.isfinite(scene.images).all()
    assert 0.015 < scene.masks.mean() < 0.07
    assert np.array_equal(np.isfinite(scene.disparity), scene.masks)
    assert not (scene.ambiguous & ~scene.masks).any()


def test_same_seed_same_scene_other_seed_other_scene():
    a, b, c = (stereo_scene(s, shape=(96, 96)) for s in (4, 4, 5))
    assert np.array_equal(a.images, b.images) and not np.array_equal(a.images, c.images)


def test_disparity_carries_left_mask_onto_right_mask():
    scene = stereo_scene(8, angle=8, noise=0, shape=(256, 256))
    y, x = np.nonzero(scene.masks[0] & ~scene.ambiguous[0])
    to = np.round(x + scene.disparity[0][y, x]).astype(int)
    inside = (to >= 2) & (to < 254)
    reach = np.stack([np.roll(scene.masks[1], k, 1) for k in (-1, 0, 1)]).any(0)
    assert reach[y[inside], to[inside]].mean() > 0.99
    right = scene.disparity[1][y[inside], to[inside]]
    known = np.isfinite(right)
    assert np.median(np.abs(right[known] - scene.disparity[0][y, x][inside][known])) < 0.1


def test_disparity_is_that_of_the_depths():
    scene = stereo_scene(3, angle=10, noise=0, thickness=100.0)
    largest = 2 * np.tan(np.radians(5)) * 50
    assert np.nanmax(np.abs(scene.disparity)) <= largest + 1e-3
    assert np.nanmax(np.abs(scene.disparity)) > 0.7 * largest
    shifted = stereo_scene(3, angle=10, noise=0, thickness=100.0, shift=8.0)
    medians = [np.nanmedian(s.disparity) for s in (scene, shifted)]
    assert medians[1] - medians[0] == pytest.approx(8, abs=0.5)


def test_lines_are_dark():
    scene = stereo_scene(6, noise=0)
    assert scene.images[0][scene.masks[0]].mean() < 0.9 * np.median(scene.images[0])


def test_noise_grows_with_the_level():
    spread = []
    for level in range(len(NOISE_LEVELS)):
        image = stereo_scene(2, noise=level, shape=(128, 128)).images[0]
        spread.append(np.std(np.diff(image, axis=0)))
    assert np.all(np.diff(spread) > 0)


def test_erasing_takes_the_share_asked_for():
    mask = benchmark_scene(3).masks[0]
    left = erase_pieces(mask, 0.2, seed=1)
    assert not (left & ~mask).any()
    assert 0.7 < left.sum() / mask.sum() <= 0.8
    assert np.array_equal(erase_pieces(mask, 0.0, seed=1), mask)


@pytest.mark.parametrize("kind", list(ARRANGEMENTS))
def test_arrangements_stay_in_the_foil(kind):
    for seed in range(5):
        curves = arrangement(kind, np.random.default_rng(seed), (256, 256), 120.0)
        assert curves
        for curve in curves:
            assert np.abs(curve[:, 2]).max() <= 60 + 1e-9
            assert np.hypot(*np.diff(curve[:, :2], axis=0).T).max() < 1.5


def test_smooth_curve_ends_where_told():
    bend = np.array([[5.0, 0.3], [2.0, 1.0], [1.0, 2.0]])
    curve = smooth_curve(np.array([3.0, 4.0]), np.array([60.0, 9.0]), (-7.0, 9.0), bend)
    assert np.allclose(curve[0], (3, 4, -7))
    assert np.allclose(curve[-1, 2], 9)
    assert np.allclose(curve[-1, :2], (60, 9), atol=1e-9)


@pytest.mark.parametrize("arguments", [{"noise": 4}, {"noise": -1}, {"kind": "knot"}])
def test_refuses_unknown_choices(arguments):
    with pytest.raises(ValueError, match=r"level|arrangement"):
        stereo_scene(1, shape=(64, 64), **arguments)
