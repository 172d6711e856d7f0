"""Plain numbers: lines broken and joined, spurious signal, F1 and clDice, lengths."""

import numpy as np
import pytest

from hyperspy_stereo.topology import centre_line, centre_line_scores, connectivity
from hyperspy_stereo.topology.centre_lines import length_per_pixel


@pytest.fixture
def two_lines():
    mask = np.zeros((60, 90), bool)
    mask[15:18, 5:85] = mask[40:43, 5:85] = True
    return mask


def test_the_truth_has_no_faults(two_lines):
    assert connectivity(two_lines, two_lines) == {
        "broken": 0,
        "breaks": 0,
        "missed": 0,
        "joined": 0,
        "spurious": 0.0,
        "spurious_share": 0.0,
    }


@pytest.mark.parametrize("gap", [1, 3, 10])
@pytest.mark.parametrize("breaks", [1, 2, 3])
def test_breaks_are_counted_from_one_pixel_on(two_lines, gap, breaks):
    mask = two_lines.copy()
    for n in range(breaks):
        mask[15:18, 20 + 18 * n : 20 + 18 * n + gap] = False
    found = connectivity(mask, two_lines)
    assert (found["broken"], found["breaks"], found["joined"]) == (1, breaks, 0)


def test_a_way_around_does_not_mend_a_broken_line():
    truth = np.zeros((60, 60), bool)
    truth[10:50, 10:50] = True
    truth[13:47, 13:47] = False
    truth[28:31, 10:50] = True  # a bar across a square
    mask = truth.copy()
    mask[28:31, 28:32] = False
    assert connectivity(mask, truth)["breaks"] == 1


def test_lines_joined_by_a_bridge(two_lines):
    mask = two_lines.copy()
    mask[15:43, 30:33] = True
    found = connectivity(mask, two_lines)
    assert (found["joined"], found["breaks"]) == (1, 0)
    assert found["spurious"] == pytest.approx(40 - 17 - 2 * 2 - 1, abs=3)


def test_a_true_gap_that_was_filled_is_a_wrong_link(two_lines):
    truth = two_lines.copy()
    truth[15:18, 40:46] = False
    assert connectivity(two_lines, truth)["joined"] == 1


def test_missing_lines_and_displaced_ones(two_lines):
    mask = two_lines.copy()
    mask[15:18] = False
    assert connectivity(mask, two_lines)["missed"] == 1
    assert connectivity(np.roll(two_lines, 2, axis=0), two_lines)["missed"] == 0
    assert connectivity(np.roll(two_lines, 6, axis=0), two_lines)["missed"] == 2


def test_a_blob_is_no_spurious_line_but_a_stroke_is(two_lines):
    mask = two_lines.copy()
    mask[28, 10:31] = True
    found = connectivity(mask, two_lines, pixel_size=2.0)
    assert found["spurious"] == 40.0
    assert found["spurious_share"] == pytest.approx(20 / (20 + 2 * 78), abs=0.01)


def test_empty_masks(two_lines):
    empty = np.zeros_like(two_lines)
    nothing = connectivity(empty, two_lines)
    assert (nothing["missed"], nothing["breaks"]) == (2, 0)
    assert np.isnan(nothing["spurious_share"])
    assert connectivity(two_lines, empty)["spurious_share"] == 1
    assert connectivity(empty, empty)["spurious"] == 0
    scores = centre_line_scores(empty, two_lines)
    assert (scores["f1"], scores["precision"], scores["cldice"]) == (0, 0, 0)
    assert np.isnan(centre_line_scores(empty, empty)["f1"])


def test_f1_has_a_tolerance_and_cldice_none(two_lines):
    moved = np.roll(two_lines, 2, axis=0)
    scores = centre_line_scores(moved, two_lines)
    assert scores["f1"] == 1
    assert scores["cldice"] == 0


def test_what_is_left_out_does_not_count(two_lines):
    mask = two_lines.copy()
    mask[15:18, :40] = False
    out = np.zeros_like(mask)
    out[:30, :45] = True
    assert centre_line_scores(mask, two_lines, left_out=out)["f1"] == 1


@pytest.mark.parametrize(("pixel_size", "length"), [(1, 30), (2.5, 75), ((1, 3), 90)])
def test_length_of_a_line(pixel_size, length):
    line = np.zeros((9, 40), bool)
    line[4, 5:36] = True
    assert length_per_pixel(line, pixel_size).sum() == pytest.approx(length)


def test_length_around_a_corner_and_in_a_volume():
    corner = np.zeros((6, 6), bool)
    corner[1, 1:5] = corner[1:5, 4] = True
    assert length_per_pixel(corner).sum() == 6
    diagonal = np.zeros((5, 5, 5), bool)
    diagonal[range(5), range(5), range(5)] = True
    assert length_per_pixel(diagonal).sum() == pytest.approx(4 * np.sqrt(3))


def test_a_slanted_line_is_at_most_8_percent_too_long():
    for angle in np.radians([0, 10, 22.5, 35, 45]):
        t = np.linspace(0, 100, 1000)
        mask = np.zeros((120, 120), bool)
        mask[
            np.rint(5 + t * np.sin(angle)).astype(int), np.rint(5 + t * np.cos(angle)).astype(int)
        ] = 1
        length = length_per_pixel(centre_line(mask)).sum()
        assert 0.98 * 100 <= length <= 1.083 * 100


def test_bad_input(two_lines):
    with pytest.raises(ValueError, match="crop or resample"):
        connectivity(two_lines, two_lines[1:])
    with pytest.raises(ValueError, match="tolerance"):
        connectivity(two_lines, two_lines, tolerance=-1)
