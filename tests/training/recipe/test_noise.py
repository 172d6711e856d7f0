import numpy as np
import pytest

from hyperspy_stereo.training.recipe.noise import (
    acquire,
    acquire_pair,
    counted,
    developed,
    flicker,
)

FLAT = np.full((128, 128), 0.5, np.float32)


@pytest.mark.parametrize("expected", [0.3, 5.0, 25.0, 60.0, 2000.0])
def test_counts_have_the_mean_and_variance_of_poisson(expected):
    counts = counted(np.full((200, 200), expected), np.random.default_rng(0))
    assert (counts == np.rint(counts)).all()
    assert counts.min() >= 0
    assert abs(counts.mean() / expected - 1) < 5 / np.sqrt(40_000 * expected) + 1e-4
    assert abs(counts.var() / expected - 1) < 0.05


def test_dose_is_that_of_the_ground():
    view = acquire(FLAT, 400.0, 0.0, 0.0, np.random.default_rng(1))
    assert abs(view.mean() - 0.5) < 0.002
    assert abs(view.std() / 0.5 - 0.05) < 0.002


def test_dose_of_the_beam_makes_dark_views_noisier():
    view = acquire(FLAT, 400.0, 0.0, 0.0, np.random.default_rng(1), of_ground=False)
    assert abs(view.std() / 0.5 - 0.05 * np.sqrt(2)) < 0.003


def test_row_gain_is_common_to_a_row():
    view = acquire(FLAT, 1e6, 0.02, 0.0, np.random.default_rng(2))
    rows = view.mean(axis=1)
    assert abs(rows.std() / rows.mean() - 0.02) < 0.005
    assert view.mean(axis=0).std() / rows.mean() < 0.001


def test_row_jitter_moves_rows_along_themselves():
    wave = np.tile(1 + 0.5 * np.sin(np.arange(128) * 2 * np.pi / 32), (128, 1))
    view = acquire(wave, 1e8, 0.0, 0.4, np.random.default_rng(3))
    phase = np.angle(np.fft.rfft(view, axis=1)[:, 4])
    shift = (phase - np.median(phase)) * 32 / (2 * np.pi)
    assert 0.3 < shift.std() < 0.5


def test_flicker_keeps_its_value_over_its_length():
    rng = np.random.default_rng(4)
    short, long = flicker((256, 256), 20.0, rng), flicker((256, 256), 500.0, rng)
    for field in (short, long):
        assert 0.75 < field.std() < 1.25
    near = [(f[:, :-100] * f[:, 100:]).mean() / f.var() for f in (short, long)]
    assert near[0] < 0.15 < 0.6 < near[1]


def test_glitches_are_stripes_in_few_rows():
    view = acquire(FLAT, 1e7, 0.0, 0.0, np.random.default_rng(5), glitches=5.0)
    struck = np.abs(view - 0.5) > 0.005
    assert 0 < struck.any(axis=1).sum() < 30
    assert struck.sum(axis=1).max() > 8


def test_views_of_one_scan_share_the_gain_but_not_the_counts():
    pair = np.stack([FLAT, FLAT])
    one = acquire_pair(pair, 1e6, 0.02, 0.0, np.random.default_rng(6))
    two = acquire_pair(pair, 1e6, 0.02, 0.0, np.random.default_rng(6), one_scan=False)
    assert np.corrcoef(*one.mean(axis=2))[0, 1] > 0.99
    assert abs(np.corrcoef(*two.mean(axis=2))[0, 1]) < 0.3
    counts = acquire_pair(pair, 100.0, 0.0, 0.0, np.random.default_rng(6))
    assert abs(np.corrcoef(counts[0].ravel(), counts[1].ravel())[0, 1]) < 0.03


def test_same_state_gives_same_view():
    how = {
        "flickering": 0.01,
        "glitches": 3.0,
        "read_noise": 1.0,
        "hot_pixels": 1e-3,
    }
    first, again = (
        acquire(FLAT, 80.0, 0.02, 0.3, np.random.default_rng(7), **how) for _ in range(2)
    )
    assert np.array_equal(first, again)
    other = acquire(FLAT, 80.0, 0.02, 0.3, np.random.default_rng(8), **how)
    assert not np.array_equal(first, other)


def test_developed_clips_both_ends_and_rounds():
    ramp = np.linspace(-3, 7, 10_000, dtype=np.float32).reshape(100, 100)
    picture = developed(ramp, black=0.1, white=0.2, levels=16)
    assert np.unique(picture).size == 16
    assert abs((picture == 0).mean() - 0.1) < 0.04
    assert abs((picture == 1).mean() - 0.2) < 0.04


def test_errors_say_what_is_needed():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="dose is 0"):
        acquire(FLAT, 0, 0, 0, rng)
    with pytest.raises(ValueError, match="acquire_pair"):
        acquire(np.stack([FLAT, FLAT]), 100, 0, 0, rng)
    with pytest.raises(ValueError, match="two views"):
        acquire_pair(FLAT, 100, 0, 0, rng)
