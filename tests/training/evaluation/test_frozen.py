import numpy as np
import pytest

from hyperspy_stereo.training.evaluation.frozen import (
    FROZEN_PAIRS,
    POINT_PAIRS,
    PairRecipe,
    load_pair,
    make_pairs,
)
from hyperspy_stereo.training.recipe.scene import LINE
from hyperspy_stereo.training.seeds import FROZEN, training_seed


def small(**changes):
    return PairRecipe(**{"seed": FROZEN.start + 501, "angle": 6.0, "noise": 1, "pixel_size": 2.0,
                         "side": 80, **changes})  # fmt: skip


def test_training_can_never_draw_its_seeds():
    for recipe in FROZEN_PAIRS:
        with pytest.raises(ValueError, match="not one to train on"):
            training_seed(recipe.seed)


def test_it_covers_what_it_says():
    assert len(FROZEN_PAIRS) == len({recipe.seed for recipe in FROZEN_PAIRS}) == 24
    assert {recipe.angle for recipe in FROZEN_PAIRS} == set(range(2, 13))
    assert np.bincount([recipe.noise for recipe in FROZEN_PAIRS]).tolist() == [6, 6, 6, 6]
    assert {recipe.boundaries > 0 for recipe in FROZEN_PAIRS} == {True, False}
    assert len({recipe.kind for recipe in FROZEN_PAIRS}) == 12
    assert {recipe.tilt for recipe in FROZEN_PAIRS} == {True, False}
    sizes = [recipe.pixel_size for recipe in FROZEN_PAIRS]
    assert min(sizes) == pytest.approx(1.2)
    assert max(sizes) == pytest.approx(4.0)
    still, tilted = ([r.detector for r in FROZEN_PAIRS if r.tilt == t] for t in (False, True))
    assert (min(still), max(still)) == (5, 18)
    assert 2 <= min(tilted) <= max(tilted) <= 7.2
    assert [recipe.seed for recipe in POINT_PAIRS] == [recipe.seed for recipe in FROZEN_PAIRS]
    assert not any(recipe.detector for recipe in POINT_PAIRS)
    # neither noise nor boundaries follow the angle
    angle, noise = np.array([(recipe.angle, recipe.noise) for recipe in FROZEN_PAIRS]).T
    assert abs(np.corrcoef(angle, noise)[0, 1]) < 0.4


def test_wrong_recipes():
    with pytest.raises(ValueError, match="frozen"):
        small(seed=1_000_000)
    with pytest.raises(ValueError, match="level"):
        small(noise=4)


def test_pairs_are_made_once_and_read_back(tmp_path):
    recipe = small()
    (made,) = make_pairs([recipe], tmp_path, workers=1)
    (path,) = tmp_path.glob("*.npz")
    before = path.stat().st_mtime_ns
    (again,) = make_pairs([recipe], tmp_path, workers=1)
    assert path.stat().st_mtime_ns == before
    np.testing.assert_array_equal(made.images, again.images)
    assert again.images.shape == again.scene.label.shape == (2, 80, 80)
    assert again.images.dtype == np.float32
    assert (again.angle, again.noise, again.scene.info["seed"]) == (6.0, 1, recipe.seed)
    assert ((again.scene.label & LINE) > 0).any()
    assert load_pair(path).scene.info["renderer"] == "physical"


def test_noise_level_is_that_of_the_microscope(tmp_path):
    quiet, noisy = make_pairs([small(noise=0), small(noise=3)], tmp_path, workers=1)

    def noise(pair):
        return float(np.std(pair.images - pair.scene.clean))

    assert noise(noisy) > 3 * noise(quiet)


def test_tilted_pairs(tmp_path):
    (pair,) = make_pairs([small(tilt=True)], tmp_path, workers=1)
    assert pair.scene.info["geometry"] == "tilt"


def test_pairs_of_an_older_edition_are_not_read(tmp_path, monkeypatch):
    from hyperspy_stereo.training.evaluation import frozen

    recipe = small(side=64)
    make_pairs([recipe], tmp_path, workers=1)
    monkeypatch.setattr(frozen, "EDITION", frozen.EDITION + 1)
    make_pairs([recipe], tmp_path, workers=1)
    assert len(list(tmp_path.glob("*.npz"))) == 2
