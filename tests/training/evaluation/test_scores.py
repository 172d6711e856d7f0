import numpy as np
import pytest

from hyperspy_stereo.matching import CurveMatch
from hyperspy_stereo.training.evaluation.scores import (
    line_scores,
    mask_scores,
    matchable,
    matching_scores,
    point_errors,
    rejection_scores,
)
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, BOUNDARY, IGNORE, LINE, Scene

SIDE = 96


def bar(column, first=8, last=88, bit=LINE, out=None):
    """A vertical line 3 px wide."""
    out = np.zeros((SIDE, SIDE), np.uint8) if out is None else out
    out[first:last, column - 1 : column + 2] |= bit
    return out


def pair(columns=(30, 60), shift=5, extra=None):
    """Vertical lines whose right images lie `shift` px further right."""
    label = np.zeros((2, SIDE, SIDE), np.uint8)
    for column in columns:
        bar(column, out=label[0])
        bar(column + shift, out=label[1])
    if extra is not None:
        extra(label)
    disparity = np.where(label & LINE, float(shift), np.nan).astype(np.float32)
    index = np.where(label & LINE, 0, -1).astype(np.int16)
    return Scene(np.ones(label.shape, np.float32), label, disparity, index)


def curve(scene, error=0.0, confidence=None, rows=slice(0, SIDE)):
    """Answers on every pixel in question, wrong by `error`."""
    y, x = np.nonzero(matchable(scene)[rows])
    n = len(x)
    disparity = scene.disparity[0][y, x] + error
    sure = np.ones(n) if confidence is None else confidence
    zeros = np.zeros(n, np.int64)
    return CurveMatch(
        0, np.column_stack([x, y]) * 1.0, disparity, np.ones(n), sure, zeros, np.uint8(zeros)
    )


@pytest.mark.parametrize(("shift", "expected"), [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.0)])
def test_tolerance_is_two_pixels(shift, expected):
    scores = line_scores(bar(40 + shift) > 0, bar(40))
    assert scores["f1"] == pytest.approx(expected, abs=0.01)


def test_thickness_of_the_prediction_does_not_matter_to_f1():
    thick = np.zeros((SIDE, SIDE))
    thick[8:88, 36:45] = 0.9
    assert line_scores(thick, bar(40))["f1"] > 0.97


def test_missing_half():
    scores = line_scores(bar(40, last=48) > 0, bar(40))
    assert scores["precision"] == 1
    assert scores["recall"] == pytest.approx(0.5, abs=0.04)
    assert scores["f1"] == pytest.approx(2 / 3, abs=0.04)


def test_false_line_of_equal_length():
    scores = line_scores((bar(40) | bar(70)) > 0, bar(40))
    assert scores["recall"] == 1
    assert scores["precision"] == pytest.approx(0.5, abs=0.01)


def test_cldice_has_no_tolerance():
    scores = line_scores(bar(42) > 0, bar(40))
    assert scores["f1"] == 1
    assert scores["cldice"] == 0


def test_cldice_of_half_a_line():
    scores = line_scores(bar(40, last=48) > 0, bar(40))
    assert scores["cldice"] == pytest.approx(2 / 3, abs=0.04)


def test_threshold():
    probability = 0.4 * (bar(40) > 0)
    assert line_scores(probability, bar(40))["f1"] == 0
    assert line_scores(probability, bar(40), threshold=0.25)["f1"] == 1


@pytest.mark.parametrize("bit", [IGNORE, AMBIGUOUS, BOUNDARY])
def test_prediction_near_what_is_left_out_is_no_error(bit):
    label = bar(70, bit=bit, out=bar(30))
    for shift in (0, 2):  # on it, and within the tolerance
        scores = line_scores((bar(30) | bar(70 + shift)) > 0, label)
        assert scores["precision"] == scores["f1"] == 1


def test_true_line_that_is_left_out_need_not_be_found():
    label = bar(70, bit=LINE | AMBIGUOUS, out=bar(30))
    assert line_scores(bar(30) > 0, label)["recall"] == 1


def test_distractors_are_errors():
    label = bar(70, bit=8, out=bar(30))
    assert line_scores((bar(30) | bar(70)) > 0, label)["precision"] < 0.55


def test_boundary_called_line():
    label = bar(70, bit=BOUNDARY, out=bar(30))
    assert line_scores(bar(30) > 0, label)["boundary_as_line"] == 0
    half = (bar(30) | bar(70, last=48)) > 0
    scores = line_scores(half, label)
    assert scores["boundary_as_line"] == pytest.approx(0.5)
    assert scores["boundary_pixels"] == 3 * 80


def test_boundary_beside_a_line_is_not_counted():
    label = bar(34, bit=BOUNDARY, out=bar(30))  # the line ends at 31: only column 35 is farther
    assert line_scores(bar(34) > 0, label)["boundary_pixels"] == 80
    assert np.isnan(line_scores(bar(30) > 0, bar(30))["boundary_as_line"])


def test_nothing_predicted_and_nothing_there():
    nothing = np.zeros((SIDE, SIDE))
    scores = line_scores(nothing, bar(40))
    assert scores["f1"] == scores["precision"] == scores["recall"] == scores["cldice"] == 0
    false = line_scores(bar(40) > 0, nothing.astype(np.uint8))
    assert false["f1"] == false["precision"] == 0
    assert np.isnan(false["recall"])
    assert np.isnan(line_scores(nothing, nothing.astype(np.uint8))["f1"])


def test_wrong_arrays():
    with pytest.raises(ValueError, match="shape"):
        line_scores(np.zeros((4, 4)), np.zeros((4, 5), np.uint8))
    with pytest.raises(ValueError, match="bits"):
        line_scores(np.zeros((4, 4)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="shapes"):
        mask_scores(np.zeros((4, 4)), np.zeros((4, 5)))


def test_masks_of_different_thickness():
    truth = bar(40) > 0
    wide = np.zeros((SIDE, SIDE), bool)
    wide[8:88, 36:45] = True  # 2 of 9 columns lie 3 px beyond the drawn ones
    scores = mask_scores(wide, truth)
    assert scores["precision"] == pytest.approx(7 / 9)
    assert scores["recall"] == 1


@pytest.mark.parametrize("third", [1 / 3, -1 / 3])
def test_disparity_wrong_by_a_third(third):
    scene = pair()
    scores = matching_scores(np.where(scene.label[0], 5 + third, np.nan), scene, angle=6.0)
    assert scores["coverage"] == 1
    assert scores["epe"] == pytest.approx(1 / 3)
    assert scores["median"] == pytest.approx(1 / 3)
    assert scores["over1"] == 0
    assert scores["depth_error"] == pytest.approx(1 / 3 / (2 * np.tan(np.radians(3))), rel=1e-4)


def test_half_of_the_answers_missing():
    scene = pair()
    answer = scene.disparity[0].copy()
    answer[:, :45] = np.nan
    scores = matching_scores(answer, scene, angle=6.0)
    assert scores["coverage"] == pytest.approx(0.5)
    assert scores["epe"] == 0


def test_shares_above_thresholds():
    scene = pair(columns=(15, 35, 55, 75))
    answer = scene.disparity[0].copy()
    for column, error in ((15, 0.9), (35, 2.0), (55, 4.0), (75, 6.0)):
        answer[:, column - 3 : column + 4] += error
    scores = matching_scores(answer, scene, angle=6.0)
    assert scores["over1"] == pytest.approx(75)
    assert scores["over3"] == pytest.approx(50)
    assert scores["over5"] == pytest.approx(25)
    assert scores["epe"] == pytest.approx((0.9 + 2 + 4 + 6) / 4)


def test_answers_of_a_curve_within_reach():
    scene = pair()
    match = curve(scene, error=0.25)
    moved = CurveMatch(0, match.points + np.array([2.0, 0.0]), *list(vars(match).values())[2:])
    far = CurveMatch(0, match.points + np.array([2.1, 0.0]), *list(vars(match).values())[2:])
    assert matching_scores(match, scene, 6.0)["epe"] == pytest.approx(0.25)
    assert matching_scores(moved, scene, 6.0)["coverage"] == 1
    assert matching_scores(far, scene, 6.0)["coverage"] == 0
    assert np.isnan(matching_scores(far, scene, 6.0)["epe"])


def test_accepted_points_only():
    scene = pair()
    match = curve(scene, error=0.25)
    accepted = match.points[:, 0] < 45
    assert matching_scores(match, scene, 6.0, accepted)["coverage"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="accepted"):
        matching_scores(match, scene, 6.0, accepted[1:])


def test_what_is_not_matchable():
    everything = matchable(pair()).sum()

    def out_of_view(label):
        bar(93, out=label[0])

    def ambiguous(label):
        label[0, :, 25:36] |= AMBIGUOUS

    def unseen_there(label):
        label[1, :, 55:75] = IGNORE

    assert matchable(pair(extra=out_of_view)).sum() == everything
    assert matchable(pair(extra=ambiguous)).sum() == everything / 2
    assert matchable(pair(extra=unseen_there)).sum() == everything / 2


def test_rejection_keeps_the_surest():
    scene = pair()
    n = int(matchable(scene).sum())
    right = np.arange(n) % 4 != 0
    match = curve(scene, np.where(right, 0.0, 9.0), np.where(right, 0.9, 0.2))
    # a point of another row may lie nearer only if its own is gone
    assert matching_scores(match, scene, 6.0)["over3"] == pytest.approx(25, abs=1)
    scores = rejection_scores(match, scene, 6.0, coverage=0.7)
    assert scores["coverage"] == pytest.approx(0.7, abs=0.01)
    assert scores["over3"] == 0
    assert scores["least_confidence"] == pytest.approx(0.9)
    assert rejection_scores(match, scene, 6.0, coverage=1.0)["over3"] > 20


def test_rejection_when_there_is_too_little():
    scene = pair()
    scores = rejection_scores(curve(scene, rows=slice(0, 30)), scene, 6.0)
    assert 0 < scores["coverage"] < 0.4


def test_tilted_pairs_use_the_sine():
    scene = pair()
    tilted = Scene(
        scene.clean, scene.label, scene.disparity, scene.line_index, {"geometry": "tilt"}
    )
    error = matching_scores(scene.disparity[0] + 1, tilted, 12.0)["depth_error"]
    assert error == pytest.approx(1 / (2 * np.sin(np.radians(6))))


def test_no_answers_and_wrong_input():
    scene = pair()
    error, index = point_errors(CurveMatch.empty(0), scene)
    assert np.isnan(error).all()
    assert (index == -1).all()
    assert matching_scores(CurveMatch.empty(0), scene, 6.0)["coverage"] == 0
    with pytest.raises(ValueError, match="angle"):
        matching_scores(scene.disparity[0], scene, 0.0)
    with pytest.raises(ValueError, match="shape"):
        matching_scores(scene.disparity[0][:-1], scene, 6.0)
    with pytest.raises(ValueError, match="coverage"):
        rejection_scores(curve(scene), scene, 6.0, coverage=0.0)
