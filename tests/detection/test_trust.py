import numpy as np
import pytest
from scipy import ndimage as ndi

from hyperspy_stereo.detection.trust import (
    line_statistics,
    pair_warnings,
    vertical_shift,
    warnings_for,
)

SIDE = 128


def view(contrast=0.4, sigma=1.5, noise=0.05, columns=(30, 64, 100), seed=0):
    x = np.arange(SIDE, dtype=float)
    bells = sum(np.exp(-((x - c) ** 2) / 2 / sigma**2) for c in columns)
    noisy = np.random.default_rng(seed).normal(0, noise, (SIDE, SIDE)) if noise else 0
    near = np.min([np.abs(x - c) for c in columns], axis=0) < 2
    return 1 - contrast * np.tile(bells, (SIDE, 1)) + noisy, np.tile(1.0 * near, (SIDE, 1))


def test_a_good_view_has_no_warning():
    assert warnings_for(*view()) == []


def test_width_and_cover_are_measured():
    found = line_statistics(*view(sigma=2.0))
    assert found.width == pytest.approx(4.7, abs=0.6)
    assert found.covered == pytest.approx(27 / SIDE, abs=0.03)
    assert found.length == pytest.approx(3 * SIDE, abs=12)
    assert found.certainty == 1


def test_visibility_follows_contrast_and_noise():
    strong, weak = line_statistics(*view()), line_statistics(*view(contrast=0.2))
    noisy = line_statistics(*view(noise=0.1))
    assert strong.visibility / weak.visibility == pytest.approx(2, rel=0.25)
    assert strong.visibility / noisy.visibility == pytest.approx(2, rel=0.25)
    assert line_statistics(*view(noise=0)).visibility == np.inf


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"noise": 0.5}, "noise"),
        ({"sigma": 9.0, "noise": 0.02, "columns": (64,)}, "wider"),
        ({"columns": tuple(range(8, 124, 12))}, "densely"),
    ],
)
def test_each_reason_is_told(changes, words):
    messages = warnings_for(*view(**changes))
    assert any(words in message for message in messages)


def test_unsure_detection():
    image, line = view()
    # half of the called pixels are wrong by the detector's own account, and as many are missed
    assert any("unsure" in m for m in warnings_for(image, 0.51 * line + 0.1))


def test_where_no_line_is_found_the_faintest_visible_contrast_is_told():
    image, line = view(contrast=0)
    (told,) = warnings_for(image, np.zeros_like(image))
    least = float(told.split("less than ")[1].split(" %")[0]) / 100
    # lines of the usual width are clear of the limit above it, and below it are not
    for factor, clear in ((2.0, True), (0.5, False)):
        image, line = view(contrast=factor * least, sigma=5 / 2.355)
        assert (not any("noise" in m for m in warnings_for(image, line))) == clear
    assert np.isnan(line_statistics(image, np.zeros_like(image)).certainty)


@pytest.mark.parametrize("fill", ["even", "about zero", "broken"])
def test_an_empty_view_of_which_nothing_can_be_told_gets_no_warning(fill):
    noise = np.random.default_rng(0).normal(size=(64, 64))
    broken = np.where(noise > 3, np.nan, 10 + noise)
    image = {"even": np.ones((64, 64)), "about zero": noise, "broken": broken}[fill]
    assert warnings_for(image, np.zeros((64, 64))) == []


def test_in_very_much_noise_all_lines_are_lost():
    image = 1 + np.random.default_rng(0).normal(size=(64, 64))
    (told,) = warnings_for(image, np.zeros((64, 64)))
    assert ": lines are lost" in told


@pytest.mark.parametrize("shift", [-2.5, 0.0, 1.5, 4.0])
def test_vertical_shift_whatever_the_parallax(shift):
    rng = np.random.default_rng(2)
    left, right = np.zeros((2, SIDE, SIDE))
    for _ in range(12):
        row, column = rng.integers(10, 110, 2)
        length = int(rng.integers(10, 60))
        disparity = int(rng.integers(-10, 10))
        for k in range(length):
            r, c = row + int(0.4 * k), column + k
            if 0 <= r < SIDE and 12 <= c < SIDE - 12:
                left[r, c] = right[r, c + disparity] = 1
    pair = np.stack([left, ndi.shift(right, (shift, 0), order=1)])
    found, correlation = vertical_shift(pair)
    assert found == pytest.approx(shift, abs=0.3)
    assert correlation > 0.7
    assert bool(pair_warnings(pair)) == (abs(shift) > 1)


def test_unrelated_views_say_nothing():
    rng = np.random.default_rng(0)
    pair = ndi.gaussian_filter(rng.random((2, SIDE, SIDE)), (0, 1, 1))
    assert vertical_shift(pair)[1] < 0.5
    assert pair_warnings(pair) == []


def test_wrong_shapes():
    with pytest.raises(ValueError, match="shape"):
        line_statistics(np.zeros((8, 8)), np.zeros((8, 9)))
    with pytest.raises(ValueError, match="two views"):
        vertical_shift(np.zeros((3, 8, 8)))


def _quarters_moved(rows):
    """Two views of wandering lines, each quarter of the second moved by its own rows."""
    rng = np.random.default_rng(1)
    course = np.cumsum(rng.normal(size=(4, 96, 1)), axis=1)
    left = [part * (rng.random((1, 40)) < 0.2) for part in course]
    right = [np.roll(part, k, axis=0) for part, k in zip(left, rows, strict=True)]
    return np.array([np.hstack(left), np.hstack(right)])


@pytest.mark.parametrize(("rows", "told"), [((2, 2, 2, 2), True), ((5, -3, 4, -2), False)])
def test_only_a_shift_of_the_whole_view_is_told(rows, told):
    pair = _quarters_moved(rows)
    shift, correlation = vertical_shift(pair)
    assert bool(pair_warnings(pair)) == told
    if not told:  # the whole alone would have said so
        assert correlation > 0.5 and abs(shift) > 0.75
