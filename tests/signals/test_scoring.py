"""From maps to scores: one map, a pair, a stack of conditions."""

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_stereo import DislocationMap
from hyperspy_stereo.topology import ScoreSettings

ONE = ScoreSettings(parts=1, n_jobs=1)


@pytest.fixture
def truth():
    mask = np.zeros((64, 64), bool)
    mask[12:15, 4:60] = mask[40:43, 4:60] = True
    return mask


def test_one_map_gives_one_number(truth):
    assert DislocationMap(truth.astype(float)).topology_score(truth, settings=ONE).final == 0.0


def test_a_stack_of_conditions_is_ranked(truth):
    worse = truth.copy()
    worse[12:15, 30:34] = False
    maps = DislocationMap(np.float32([worse, truth]))
    axis = maps.axes_manager.navigation_axes[0]
    axis.offset, axis.scale, axis.units = -0.5, 0.5, "deg"
    score = maps.topology_score(truth, settings=ONE)
    assert score.labels == ["-0.5 deg", "0 deg"]
    assert score.best == "0 deg"
    assert score.final[1] == 0


def test_a_pair_has_a_truth_for_each_view(truth):
    both = np.stack([truth, np.roll(truth, 5, axis=1)])
    maps = DislocationMap(both.astype(float))
    assert maps.topology_score(both, settings=ONE).final.tolist() == [0, 0]
    for form in (maps, hs.signals.Signal2D(both.astype(np.uint8))):
        assert maps.topology_score(form, settings=ONE).final.tolist() == [0, 0]


def test_the_threshold_of_the_metadata_decides(truth):
    maps = DislocationMap(0.4 * truth)
    maps.metadata.set_item("Stereo.Detection.threshold", 0.3)
    assert maps.topology_score(truth, settings=ONE).final == 0
    maps.metadata.set_item("Stereo.Detection.threshold", 0.5)
    assert maps.topology_score(truth, settings=ONE).final > 0


def test_the_state_survives_slicing(truth):
    maps = DislocationMap(np.float32([truth, truth]))
    assert maps.inav[1].isig[:32, :].topology_score(truth[:, :32], settings=ONE).final == 0


@pytest.mark.parametrize("form", ["empty", "full", "one pixel"])
def test_masks_without_lines_have_a_defined_score(truth, form):
    mask = np.full(truth.shape, float(form == "full"))
    mask[5, 5] = form != "empty"
    assert DislocationMap(mask).topology_score(truth, settings=ONE).final > 0.1
    assert DislocationMap(mask).topology_score(mask, settings=ONE).final == 0


def test_a_map_that_holds_no_probabilities_is_refused(truth):
    for bad, message in ((np.where(truth, np.nan, 0), "NaN"), (255.0 * truth, "from 0 to 1")):
        with pytest.raises(ValueError, match=message):
            DislocationMap(bad).topology_score(truth, settings=ONE)


def test_lazy_maps_are_scored_alike(truth):
    maps = DislocationMap(np.float32([truth, np.roll(truth, 4, axis=0)]))
    eager, lazy = (m.topology_score(truth, settings=ONE).final for m in (maps, maps.as_lazy()))
    np.testing.assert_array_equal(eager, lazy)


@pytest.mark.parametrize(
    ("ground_truth", "message"),
    [
        (np.zeros((64, 63)), "on the map's own pixels"),
        (np.zeros((3, 64, 64)), "2 of them"),
        (np.full((64, 64), 0.5), "only 0 and 1"),
        (np.full((64, 64), np.nan), "NaN"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused(truth, ground_truth, message):
    maps = DislocationMap(np.float32([truth, truth]))
    with pytest.raises(ValueError, match=message):
        maps.topology_score(ground_truth, settings=ONE)


@pytest.mark.parametrize("ground_truth", [None, "mask.png", {"mask": 1}])
def test_what_is_no_mask_is_refused(truth, ground_truth):
    with pytest.raises(TypeError, match="must be a mask"):
        DislocationMap(truth.astype(float)).topology_score(ground_truth)


def test_a_ragged_truth_is_refused(truth):
    with pytest.raises(ValueError, match="no mask"):
        DislocationMap(truth.astype(float)).topology_score([[1, 0], [1]])


def test_settings_and_weights_of_another_kind_are_refused(truth):
    from hyperspy_stereo.topology import score_masks

    with pytest.raises(TypeError, match="ScoreSettings"):
        score_masks([truth], [truth], settings={"parts": 2})
    with pytest.raises(TypeError, match="ScoreWeights"):
        score_masks([truth], [truth], weights=[1, 2])
    with pytest.raises(TypeError, match="whole number"):
        ScoreSettings(parts=2.5)
