from itertools import islice

import numpy as np
import pytest

from hyperspy_stereo.training.recipe.batches import (
    ScenePool,
    detector_batch,
    detector_batches,
    pair_batches,
)
from hyperspy_stereo.training.recipe.scene import LINE, Scene


class Few:
    """Scenes of one vertical line each, whose number is their brightness."""

    def __init__(self, count, level):
        self.count, self.level = count, level

    def __len__(self):
        return self.count

    def scene(self, index):
        clean = np.full((2, 80, 80), self.level + 0.01 * index, np.float32)
        label = np.zeros((2, 80, 80), np.uint8)
        clean[:, :, 39:42] *= 0.4
        label[:, :, 39:42] = LINE
        disparity = np.where(label, 1.5, np.nan).astype(np.float32)
        return Scene(clean, label, disparity, label.astype(np.int16) - 1, {"level": self.level})


POOL = ScenePool([Few(3, 0.2), Few(5, 0.8)], (1.0, 3.0))


def same(first, second):
    assert first.keys() == second.keys()
    return all(np.array_equal(first[k], second[k], equal_nan=True) for k in first)


def test_batches_have_their_shapes_and_types():
    batch = detector_batch(0, POOL, seed=1, batch=3, size=48)
    assert batch["image"].shape == (3, 2, 48, 48)
    assert batch["image"].dtype == batch["weight"].dtype == np.float32
    assert batch["line"].shape == batch["weight"].shape == (3, 48, 48)
    assert np.abs(batch["image"]).max() <= 5
    pair = next(pair_batches(POOL, 1, 2, 48, 64, workers=0, max_shift=0))
    assert pair["images"].shape == pair["label"].shape == pair["disparity"].shape == (2, 2, 48, 64)


def test_a_stream_goes_on_where_it_was_cut():
    whole = list(islice(detector_batches(POOL, 7, 2, 32, workers=0), 4))
    resumed = list(islice(detector_batches(POOL, 7, 2, 32, start=2, workers=0), 2))
    assert all(same(a, b) for a, b in zip(whole[2:], resumed, strict=True))
    assert not same(whole[0], whole[1])
    assert not same(whole[0], next(detector_batches(POOL, 8, 2, 32, workers=0)))


def test_shares_are_kept():
    rng = np.random.default_rng(0)
    bright = [POOL.draw(rng).info["level"] == 0.8 for _ in range(400)]
    assert 0.68 < np.mean(bright) < 0.82


@pytest.mark.parametrize(
    ("stores", "shares", "says"),
    [
        ([Few(1, 1)], (1.0, 2.0), "one share for each store"),
        ([], (), "one store at least"),
        ([Few(1, 1)], (0.0,), "one of them above 0"),
        ([Few(1, 1)], (float("nan"),), "one of them above 0"),
        ([Few(0, 1)], (1.0,), "holds no scenes"),
    ],
)
def test_pools_that_cannot_be_drawn_from_are_refused(stores, shares, says):
    with pytest.raises(ValueError, match=says):
        ScenePool(stores, shares)


def test_streams_refuse_negative_numbers():
    with pytest.raises(ValueError, match="0 or more"):
        detector_batches(POOL, 0, start=-1)
