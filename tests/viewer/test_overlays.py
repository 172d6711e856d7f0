"""Anaglyphs and overlays."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_stereo import viewer as v


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def noise(seed=0, shape=(40, 60)):
    return np.random.default_rng(seed).normal(size=shape)


def test_equal_views_are_grey():
    picture = v.anaglyph(noise(), noise())
    np.testing.assert_allclose(picture[..., 0], picture[..., 1], atol=1e-9)
    np.testing.assert_allclose(picture[..., 1], picture[..., 2], atol=1e-9)


def test_the_left_view_is_red_and_the_right_one_cyan():
    left, right = np.ones((20, 30)), np.ones((20, 30))
    left[5, 5] = right[5, 9] = 0
    picture = v.anaglyph(left, right, percentiles=(0, 100), match=False)
    np.testing.assert_array_equal(picture[5, 5], [0, 1, 1])
    np.testing.assert_array_equal(picture[5, 9], [1, 0, 0])


def test_matching_removes_a_difference_of_contrast():
    image = noise()
    picture = v.anaglyph(image, np.exp(2 * image))
    assert np.abs(picture[..., 0] - picture[..., 1]).max() < 0.02


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_stretch_does_not_depend_on_offset_and_scale(offset, scale):
    a = v.stretch(noise())
    b = v.stretch(offset + scale * noise())
    assert a.min() == 0
    assert a.max() == 1
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_hot_pixels_and_nan_do_not_set_the_contrast():
    image = noise(shape=(100, 100))
    image[0, 0], image[1, 1] = 1e9, np.nan
    assert v.stretch(image).std() > 0.15
    assert v.stretch(image)[1, 1] == 0
    assert (v.stretch(np.full((4, 4), 7.0)) == 0.5).all()


def test_plots_return_their_axes_with_a_scale_bar():
    a, b = noise(), noise(1)
    ax = v.plot_anaglyph(a, b, pixel_size=2.0, units="nm")
    assert [t.get_text() for t in ax.texts] == ["20 nm"]
    _, own = plt.subplots()
    assert v.plot_detection(a, np.clip(b, 0, 1), boundary=np.clip(-b, 0, 1), ax=own) is own
    assert v.plot_detection(None, np.zeros((40, 60))) is not own


def test_detection_is_opaque_above_the_threshold_and_clear_below():
    probability = np.zeros((40, 60))
    probability[10], probability[20] = 0.9, 0.1
    layer = v.plot_detection(noise(), probability).images[1].get_array()
    assert layer[10, 0, 3] > 0.5
    assert 0 < layer[20, 0, 3] < 0.1
    assert layer[30, 0, 3] == 0


def test_disparity_is_drawn_where_it_is_known():
    disparity = np.full((40, 60), np.nan)
    disparity[5:9] = np.linspace(-3, 8, 60)
    ax = v.plot_disparity(disparity, noise())
    drawn = ax.images[1]
    np.testing.assert_array_equal(
        np.isfinite(np.ma.filled(drawn.get_array(), np.nan)), np.isfinite(disparity)
    )
    low, high = drawn.get_clim()
    assert -3 <= low < -2.5
    assert 7.5 < high <= 8
    v.plot_disparity(np.full((4, 4), np.nan))


def test_lines_are_drawn_in_pixels_of_the_image():
    ax = v.plot_lines([np.array([[0.0, 0], [10, 5]])], noise())
    assert ax.get_ylim() == (39.5, -0.5)
    assert len(ax.collections[0].get_segments()) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: v.anaglyph(noise(), noise(shape=(3, 3))), "align the pair"),
        (lambda: v.anaglyph(noise(), noise(), filters="blue"), "red-cyan"),
        (lambda: v.stretch(np.zeros((2, 2, 2))), "two dimensions"),
        (lambda: v.stretch(np.full((2, 2), np.nan)), "no finite pixel"),
        (lambda: v.stretch(np.zeros((0, 5))), "no finite pixel"),
        (lambda: v.plot_detection(noise(), np.zeros((3, 3))), "one view"),
        (lambda: v.plot_detection(None, np.zeros((3, 3)), threshold=0), "between 0 and 1"),
        (lambda: v.plot_disparity(noise(), np.zeros((3, 3))), "rows, columns"),
    ],
)
def test_bad_input_is_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()
