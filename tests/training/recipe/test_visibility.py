import numpy as np
import pytest

from hyperspy_stereo.training.recipe.visibility import drowned

SIZE = 120


def two_lines(contrast=0.1):
    """A faint line at the left, a strong one at the right."""
    line = np.zeros((SIZE, SIZE), np.uint8)
    line[:, 30:33] = line[:, 90:93] = 1
    picture = np.ones((SIZE, SIZE), np.float32)
    picture[:, 30:33] -= 0.2 * contrast
    picture[:, 90:93] -= contrast
    return picture, line


@pytest.mark.parametrize("coarse", [1.0, 1.7])
def test_only_the_faint_line_drowns(coarse):
    picture, line = two_lines()
    if coarse > 1:
        at = np.arange(int(SIZE / coarse)) * coarse
        at = np.rint(at).astype(int)
        picture = picture[np.ix_(at, at)]
    hidden = drowned(picture, line, dose=60.0, coarse=coarse)
    assert hidden[10:-10, 30:33].mean() > 0.9
    assert not hidden[:, 90:93].any()
    assert not hidden[line == 0].any()


def test_more_dose_shows_and_read_noise_hides():
    picture, line = two_lines()
    assert not drowned(picture, line, dose=5000.0).any()
    assert drowned(picture, line, dose=60.0, read_noise=60.0)[line > 0].all()


def test_a_slope_of_the_ground_is_no_contrast():
    line = two_lines()[1]
    slope = np.tile(np.linspace(0.8, 1.2, SIZE, dtype=np.float32), (SIZE, 1))
    assert drowned(slope, line, dose=500.0)[line > 0].all()
