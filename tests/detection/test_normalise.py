"""Input channels of the detector: free of scale, finite for every image."""

import numpy as np
import pytest

from hyperspy_stereo.detection.normalise import LIMIT, normalised

RNG = np.random.default_rng(0)


@pytest.fixture
def image():
    image = RNG.normal(0, 1, (80, 70))
    image[:, 30:33] -= 4
    return image


@pytest.mark.parametrize(("gain", "offset"), [(1e-4, 0), (250.0, 4000), (0.1, 1000)])
def test_scale_and_offset_do_not_matter(image, gain, offset):
    given = (gain * image + offset).astype(np.float64)
    np.testing.assert_allclose(normalised(given), normalised(image), atol=5e-3)


def test_local_channel_ignores_a_change_of_ground_and_global_keeps_it(image):
    stepped = image + np.where(np.arange(70) < 50, 0, 30)
    local, whole = normalised(stepped)
    assert abs(local[:, 68:].mean()) < 0.3
    assert whole[:, 68:].mean() > 0.8
    assert local[:, 30:33].mean() < local[:, 20:29].mean() - 0.3


def test_a_faint_texture_is_not_blown_up(image):
    half = image.copy()
    half[:, 35:] *= 1e-3
    assert np.abs(normalised(half)[0][:, 55:]).max() < 0.1


def test_integers_and_float32_give_float32(image):
    for given in (np.round(1000 + 50 * image).astype(np.uint16), image.astype(np.float32)):
        assert normalised(given).dtype == np.float32


@pytest.mark.parametrize("value", [0.0, 7.5, -1e9, 255])
def test_constant_image_gives_zeros(value):
    assert not normalised(np.full((40, 40), value)).any()


def test_spikes_and_drawings_stay_within_the_limit(image):
    spiked = image.copy()
    spiked[3, 4] = 1e7
    drawing = np.zeros((64, 64))
    drawing[10] = 1
    for given in (spiked, drawing):
        channels = normalised(given)
        assert np.isfinite(channels).all()
        assert np.abs(channels).max() <= LIMIT
    assert normalised(drawing)[0][10].min() > 1


def test_hot_pixels_do_not_hide_the_picture(image):
    spiked = image.copy()
    spiked[3, 4], spiked[60, 60] = 1e7, -1e5
    away = np.s_[:, 25:44, 25:40]
    np.testing.assert_allclose(normalised(spiked)[away], normalised(image)[away], atol=0.1)


def test_stack_is_refused():
    with pytest.raises(ValueError, match="each view"):
        normalised(np.zeros((2, 32, 32)))
