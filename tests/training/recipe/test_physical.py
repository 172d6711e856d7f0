"""Scenes of the physical simulator, and shards of them."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe import shards
from hyperspy_stereo.training.recipe.physical import physical_scene
from hyperspy_stereo.training.recipe.scene import IGNORE, LINE, Scene
from hyperspy_stereo.training.recipe.shards import ShardStore, write_shards
from hyperspy_stereo.training.seeds import (
    CALIBRATION,
    CRUDE,
    FROZEN,
    PAINTED,
    TRAIN,
    VALID,
    training_seed,
)


@pytest.fixture(scope="module")
def scene():
    return physical_scene(2_000_001, side=160)


def test_a_seed_gives_one_scene(scene):
    again = physical_scene(2_000_001, side=160)
    assert np.array_equal(scene.clean, again.clean)
    assert np.array_equal(scene.label, again.label)
    assert not np.array_equal(scene.clean, physical_scene(2_000_002, side=160).clean)


def test_disparity_leads_from_a_line_to_the_same_line(scene):
    rows, columns = np.nonzero(scene.label[0] & LINE)
    shift = scene.disparity[0][rows, columns]
    assert np.isfinite(shift).all()
    there = np.rint(columns + shift).astype(int)
    inside = (there >= 0) & (there < 160)
    number = scene.line_index[0][rows, columns]
    for line in np.unique(number):
        target = (scene.line_index[1] == line) | ((scene.label[1] & IGNORE) > 0)
        part = inside & (number == line)
        near = ndi.distance_transform_edt(~target)[rows[part], there[part]]
        assert np.mean(near <= 1.5) > 0.9


def test_lines_change_the_picture(scene):
    line = (scene.label[0] & LINE) > 0
    change = np.abs(scene.clean[0] / ndi.gaussian_filter(scene.clean[0], 6) - 1)
    far = ndi.distance_transform_edt(scene.label[0] == 0) > 12
    assert line.any() and far.any()
    assert change[line].mean() > 2 * change[far].mean()


def plain(seed, side):
    rng = np.random.default_rng(seed)
    label = np.zeros((2, side, side), np.uint8)
    label[:, :, 5:8] = LINE
    disparity = np.where(label > 0, 1.5, np.nan).astype(np.float32)
    index = np.where(label > 0, 0, -1).astype(np.int16)
    return Scene(rng.random((2, side, side), np.float32), label, disparity, index, {"seed": seed})


def written(folder, monkeypatch, first=1_000_000, count=4):
    monkeypatch.setattr(shards, "renderer_of", lambda name: plain)
    monkeypatch.setattr(shards, "SHARD_SCENES", 2)
    for start in range(first, first + count, 2):
        shards.render_shard(folder, "physical", start, 2, 32)
    return ShardStore(folder)


def test_scenes_come_back_from_their_shards(tmp_path, monkeypatch):
    store = written(tmp_path, monkeypatch)
    assert len(store) == 4 and store.shape == (32, 32)
    for number in range(4):
        drawn, read = plain(1_000_000 + number, 32), store.scene(number)
        assert read.info["seed"] == 1_000_000 + number
        assert read.clean == pytest.approx(drawn.clean, abs=1e-3)
        assert np.array_equal(read.label, drawn.label)
        assert np.array_equal(np.isnan(read.disparity), np.isnan(drawn.disparity))
    crop = store.crop(2, 3, 4, 10, 12)
    assert np.array_equal(crop.clean, store.scene(2).clean[:, 3:13, 4:16])


def test_a_whole_shard_is_not_drawn_again(tmp_path, monkeypatch):
    written(tmp_path, monkeypatch)
    monkeypatch.setattr(shards, "renderer_of", lambda name: pytest.fail("drawn again"))
    shards.render_shard(tmp_path, "physical", 1_000_000, 2, 32)
    assert len(ShardStore(tmp_path)) == 4


def test_seeds_of_tests_cannot_be_trained_on(tmp_path):
    for seeds in (VALID, CALIBRATION, FROZEN, CRUDE):
        with pytest.raises(ValueError, match="not one to train on"):
            training_seed(seeds.start)
        with pytest.raises(ValueError, match="not one to train on"):
            write_shards(tmp_path, "physical", seeds.start, 1, show_progressbar=False)
    ranges = (TRAIN, VALID, CALIBRATION, FROZEN, CRUDE, PAINTED)
    marks = sorted((r.start, r.stop) for r in ranges)
    assert all(a[1] <= b[0] for a, b in pairwise(marks))


def test_an_empty_folder_and_an_unknown_renderer_are_explained(tmp_path):
    with pytest.raises(ValueError, match="holds no shards"):
        ShardStore(tmp_path)
    with pytest.raises(ValueError, match="physical"):
        shards.renderer_of("drawn")


def test_arrays_of_a_scene_have_one_shape():
    blank = np.zeros((2, 8, 8))
    with pytest.raises(ValueError, match="label has shape"):
        Scene(blank, blank[:, :4], blank, blank)
