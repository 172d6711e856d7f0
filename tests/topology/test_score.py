"""The score: zero for the truth, symmetric, unmoved by turns, growing with the damage."""

import numpy as np
import pytest

from hyperspy_stereo.topology import (
    DEGRADATIONS,
    FAMILIES,
    ScoreSettings,
    ScoreWeights,
    compare,
    degrade,
    mask_topology,
    score_masks,
)
from hyperspy_stereo.topology.comparison import Comparison
from hyperspy_stereo.topology.sub_images import resampled_scores, sub_images

ONE = ScoreSettings(parts=1, n_jobs=1)


def final(mask, truth, **options):
    return float(score_masks([mask], [truth], settings=ONE, **options).final[0])


@pytest.fixture(scope="module")
def truth(shapes):
    return shapes.random_lines(3)


@pytest.fixture(scope="module")
def worse(truth):
    return degrade(degrade(truth, "gaps", 1, seed=1), "blobs", 0.5, seed=2)


def test_the_truth_scores_exactly_zero(truth):
    assert final(truth, truth) == 0.0


def test_the_score_is_symmetric(truth, worse):
    assert final(worse, truth) == pytest.approx(final(truth, worse), rel=1e-12)
    assert final(worse, truth) > 0.05


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.fliplr, np.transpose])
def test_turns_and_flips_change_nothing(truth, worse, turn):
    assert final(turn(worse), turn(truth)) == pytest.approx(final(worse, truth), rel=1e-9)


def test_a_translation_changes_little(truth, worse):
    """Stated: the radial family, and the death of the whole under dilation; nothing else."""
    empty = np.pad(np.zeros_like(truth), 8)
    found = []
    for row, column in ((8, 8), (3, 12), (14, 1)):
        pair = []
        for mask in (worse, truth):
            frame = empty.copy()
            frame[row : row + mask.shape[0], column : column + mask.shape[1]] = mask
            pair.append(frame)
        found.append(score_masks(pair[:1], pair[1:], settings=ONE))
    unmoved = np.array([scores.families[0, 1:3] for scores in found])
    np.testing.assert_allclose(unmoved, unmoved[:1].repeat(3, axis=0), rtol=1e-9)
    final = np.array([scores.final[0] for scores in found])
    assert np.ptp(final) <= 0.05 * final[0]


def test_the_frame_around_the_lines_hardly_decides(truth, worse):
    """Twice the frame, and the same lines four times: as far from each other as before."""
    once = final(worse, truth)
    assert final(np.pad(worse, 48), np.pad(truth, 48)) == pytest.approx(once, rel=0.1)
    assert final(np.tile(worse, (2, 2)), np.tile(truth, (2, 2))) == pytest.approx(once, rel=0.1)


def test_the_size_of_the_pixels_does_not_decide(truth, worse):
    assert final(worse, truth, pixel_size=0.25) == pytest.approx(final(worse, truth), rel=1e-6)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_the_score_grows_with_the_damage(truth, kind):
    masks = [degrade(truth, kind, severity) for severity in (0, 0.35, 0.7, 1)]
    scores = score_masks(masks, [truth], settings=ONE).final
    assert scores[0] == 0
    # A small frame has no room for a third of a blob: a low severity may change nothing.
    assert scores[3] > scores[1] >= 0
    assert scores[2] > 0


@pytest.mark.parametrize("bad", ["empty", "full", "one pixel"])
def test_masks_without_lines_have_a_defined_score(truth, bad):
    mask = np.full(truth.shape, bad == "full")
    mask[5, 5] |= bad == "one pixel"
    scores = score_masks([mask], [truth], settings=ScoreSettings(n_jobs=1))
    assert np.isfinite(scores.final).all()
    assert scores.final[0] > 0.1
    assert final(mask, mask) == 0
    assert final(mask, truth) == pytest.approx(final(truth, mask))


def test_an_empty_mask_is_at_the_greatest_distance(truth):
    families = score_masks([np.zeros_like(truth)], [truth], settings=ONE).families[0]
    assert families.sum(axis=1) == pytest.approx(np.ones(4))
    other = score_masks([~truth], [truth], settings=ONE).families[0]
    assert (other.sum(axis=1) <= 1 + 1e-9).all()


def test_the_bound_of_pruning_holds(truth, worse, monkeypatch):
    scores = score_masks([worse], [truth], settings=ONE)
    from hyperspy_stereo.topology import comparison

    monkeypatch.setattr(comparison, "least_lives", lambda ndim, size: np.zeros(15))
    whole = score_masks([worse], [truth], settings=ONE)
    assert whole.error[0] == 0
    assert 0 < abs(whole.final[0] - scores.final[0]) <= scores.error[0]


def test_volumes_are_scored_by_the_same_functions():
    lines = np.zeros((12, 20, 20), bool)
    lines[6, 3:17, 5] = lines[6, 10, 5:17] = True
    broken = lines.copy()
    broken[6, 13, 5] = False
    scores = score_masks([lines, broken], [lines], settings=ONE)
    assert scores.final[0] == 0
    assert scores.final[1] > 0
    assert scores.matrix.shape == (2, 35, 2)


def test_the_matrix_adds_up_to_the_score(truth, worse):
    scores = score_masks([worse], [truth], settings=ONE)
    kinds = np.array([name.split()[0] for name in scores.names])
    total = sum(
        scores.weights.values[row, k] * scores.matrix[k, kinds == family, 0].mean()
        for row, family in enumerate(FAMILIES)
        for k in (0, 1)
    )
    assert total == pytest.approx(scores.final[0])


def test_the_interval_comes_from_sub_images(truth, worse):
    settings = ScoreSettings(parts=2, n_jobs=1)
    scores = score_masks([worse, truth], [truth], settings=settings)
    assert scores.low[0] < scores.final[0] < scores.high[0]
    assert (scores.low[1], scores.high[1]) == (0, 0)
    assert scores.best_share.tolist() == [0, 1]
    again = score_masks([worse, truth], [truth], settings=settings)
    assert again.low[0] == scores.low[0]
    assert np.isnan(score_masks([worse], [truth], settings=ONE).low).all()
    small = score_masks([worse[:40, :40]], [truth[:40, :40]], settings=settings)
    assert np.isnan(small.high).all()


def test_sub_images_cover_the_frame_once():
    count = np.zeros((100, 130), int)
    for frame in sub_images(count.shape, 3):
        count[frame] += 1
    assert (count == 1).all()


def test_sub_images_that_are_all_alike_leave_no_doubt(truth, worse):
    comparison = compare(mask_topology(worse), mask_topology(truth))
    weights = ScoreWeights(np.ones((4, 2)), np.zeros((4, 2)))
    drawn = resampled_scores([[comparison] * 5], weights, 20)
    assert drawn == pytest.approx(np.full((21, 1), weights.score(comparison.families)))


def test_one_truth_for_all_or_one_for_each(truth, worse):
    same = score_masks([worse, worse], [truth, worse], settings=ONE).final
    assert same.tolist() == [final(worse, truth), 0]
    with pytest.raises(ValueError, match="3 masks and 2 truths"):
        score_masks([worse] * 3, [truth] * 2)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.full((96, 96), np.nan), "mask 0 holds NaN"),
        (np.full((96, 96), 0.5), "mask 0 must hold only 0 and 1"),
        (np.zeros((96, 95)), "crop or resample"),
        (np.zeros(96), "one picture"),
    ],
)
def test_bad_masks_are_refused(truth, mask, message):
    with pytest.raises(ValueError, match=message):
        score_masks([mask], [truth])


def test_nothing_to_score_and_bad_settings_are_refused(truth):
    with pytest.raises(ValueError, match="at least one mask"):
        score_masks([], [truth])
    for options in ({"parts": 0}, {"confidence": 1}, {"tolerance": -1}, {"resamples": 0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            ScoreSettings(**options)
    with pytest.raises(ValueError, match="parts"):
        sub_images((64, 64), 0)


def test_a_picture_is_not_compared_with_a_volume():
    with pytest.raises(ValueError, match="volume"):
        compare(mask_topology(np.eye(8)), mask_topology(np.zeros((4, 4, 4))))


def test_a_family_without_content_is_equal():
    nothing = Comparison(("dilation",), *np.zeros((3, 1, 2)))
    assert nothing.matrix.tolist() == [[0, 0]]
    assert nothing.family_errors[0] == 0
