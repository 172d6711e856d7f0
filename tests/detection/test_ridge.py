"""Ridge detection: lines are found where they are, noise is not, invariances, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from hyperspy_stereo.detection.oriented import level_rows, oriented_response
from hyperspy_stereo.detection.ridge import dead_area, ridge_probability


def curve_distance(size: int, seed: int = 0) -> np.ndarray:
    """Distance of each pixel from a bent line that ends inside the frame."""
    rng = np.random.default_rng(seed)
    s = np.linspace(-0.36, 0.36, 4 * size)
    angle = rng.uniform(0, np.pi)
    bend = rng.uniform(-0.5, 0.5) * s**2
    x = size * (0.5 + s * np.cos(angle) - bend * np.sin(angle))
    y = size * (0.5 + s * np.sin(angle) + bend * np.cos(angle))
    line = np.ones((size, size), bool)
    line[np.round(y).astype(int), np.round(x).astype(int)] = False
    return ndi.distance_transform_edt(line)


def picture(size: int, fwhm: float, contrast: float, noise: float, seed: int = 0):
    """A dark line on an uneven ground with noise, and the distance from the line."""
    distance = curve_distance(size, seed)
    y, x = np.mgrid[:size, :size] / size
    ground = 1 + 0.3 * x - 0.2 * y**2
    image = ground * (1 - contrast * np.exp(-(distance**2) / 2 / (fwhm / 2.355) ** 2))
    return image + np.random.default_rng(seed).normal(0, noise, image.shape), distance


def scores(mask: np.ndarray, distance: np.ndarray):
    """Precision and recall at 2 px."""
    truth = distance < 0.5
    precision = np.mean(distance[mask] <= 2.5) if mask.any() else 0.0
    recall = np.mean(ndi.distance_transform_edt(~mask)[truth] <= 2) if mask.any() else 0.0
    return precision, recall


@pytest.mark.parametrize("fwhm", [2.0, 4.0, 7.0, 12.0])
@pytest.mark.parametrize("size", [128, 384])
def test_line_of_any_width_is_found(fwhm, size):
    image, distance = picture(size, fwhm, 0.3, 0.05, seed=int(fwhm))
    line, boundary = ridge_probability(image)
    precision, recall = scores(line > 0.5, distance)
    # the ends reach out by up to the filter's width
    assert precision > (0.82 if fwhm < 0.03 * size else 0.75)
    assert recall > 0.9
    assert line.shape == boundary.shape == image.shape
    assert line.dtype == boundary.dtype == np.float32
    assert 0 <= line.min() <= line.max() <= 1


@pytest.mark.parametrize("half", [0.6, 1.5, 2.5])
@pytest.mark.parametrize("kind", ["two levels", "bool", "beside fill", "between levels"])
def test_line_of_a_picture_without_noise_is_found(half, kind):
    distance = curve_distance(192, seed=1)
    mask = distance <= half
    image = np.where(mask, 60.0, 100.0)
    if kind == "bool":
        image = ~mask
    elif kind == "beside fill":
        image[:, :5] = 40.0
    elif kind == "between levels":
        image[3, 3], image[9, 9] = 0.0, 1e5
    line, _ = ridge_probability(image)
    precision, recall = scores((line > 0.5)[:, 8:], distance[:, 8:])
    assert precision > 0.8
    assert recall > 0.95
    np.testing.assert_array_equal(line, ridge_probability(image)[0])


def test_a_view_that_is_mostly_fill_gets_no_dither():
    image, _ = picture(256, 4.0, 0.3, 0.05, seed=2)
    filled = image.copy()
    filled[:, 100:] = 0.0
    line, boundary = ridge_probability(filled)
    assert not line[:, 100:].any()
    assert not boundary[:, 100:].any()


def test_line_below_the_noise_of_a_pixel_is_found():
    image, distance = picture(256, 3.0, 0.25, 0.25, seed=3)
    precision, recall = scores(ridge_probability(image)[0] > 0.25, distance)
    assert precision > 0.85
    assert recall > 0.8


def noise_pictures():
    rng = np.random.default_rng(7)
    yield "white", rng.normal(size=(256, 256))
    yield "low dose", rng.poisson(1.5, (96, 96)).astype(float)
    yield "correlated", ndi.gaussian_filter(rng.normal(size=(256, 256)), 1.5)
    yield "scan lines", rng.normal(size=(256, 256)) + rng.normal(size=(256, 1))
    yield "uneven", rng.normal(size=(256, 256)) * np.linspace(0.2, 3, 256)
    yield "hot pixels", rng.normal(size=(256, 256)) - 40 * (rng.random((256, 256)) < 1e-3)


@pytest.mark.parametrize(
    ("name", "image"), noise_pictures(), ids=lambda v: v if isinstance(v, str) else "image"
)
def test_noise_gives_nothing(name, image):
    line, boundary = ridge_probability(image)
    assert np.mean(line > 0.5) < 0.001, name
    assert np.mean(line > 0.25) < 0.005, name
    assert np.mean(boundary > 0.5) == 0, name


@given(scale=st.floats(1e-3, 1e4), offset=st.floats(-1e3, 1e3))
@settings(max_examples=8, deadline=None)
def test_scale_and_offset_do_not_matter(scale, offset):
    image, _ = picture(96, 3.0, 0.3, 0.05)
    first = ridge_probability(image)[0] > 0.5
    second = ridge_probability(scale * (image + offset))[0] > 0.5
    assert first.any()
    assert np.mean(first != second) < 0.002


@pytest.mark.parametrize("turn", [np.transpose, np.fliplr, np.flipud, np.rot90])
def test_turned_picture_gives_turned_lines(turn):
    image, _ = picture(192, 3.0, 0.3, 0.05, seed=5)
    first = turn(ridge_probability(image)[0] > 0.5)
    second = ridge_probability(turn(image))[0] > 0.5
    for a, b in ((first, second), (second, first)):
        assert np.mean(ndi.distance_transform_edt(~b)[a] <= 2) > 0.9


def test_polarity():
    image, distance = picture(160, 3.0, 0.3, 0.04)
    assert scores(ridge_probability(-image, polarity="bright")[0] > 0.5, distance)[1] > 0.9
    assert scores(ridge_probability(-image, polarity="auto")[0] > 0.5, distance)[1] > 0.9
    assert scores(ridge_probability(image, polarity="auto")[0] > 0.5, distance)[1] > 0.9
    assert scores(ridge_probability(-image)[0] > 0.5, distance)[1] < 0.1


def test_sensitivity_and_thresholds_are_ordered():
    image, distance = picture(160, 3.0, 0.12, 0.12, seed=2)
    plain, keen = ridge_probability(image)[0], ridge_probability(image, sensitivity=1.8)[0]
    assert (plain > 0.5).sum() <= (plain > 0.25).sum()
    assert scores(keen > 0.25, distance)[1] >= scores(plain > 0.25, distance)[1]


def test_a_step_is_no_line():
    y, x = np.mgrid[:256, :256]
    image = 1 + 0.3 * np.tanh((x + 0.4 * y - 170) / 1.5)
    image += np.random.default_rng(0).normal(0, 0.03, image.shape)
    line, boundary = ridge_probability(image)
    on_step = np.abs(x + 0.4 * y - 170) < 6
    assert np.mean(line[on_step] > 0.5) < 0.01
    middle = on_step & (np.abs(x + 0.4 * y - 170) < 2) & (y > 40) & (y < 216)
    assert np.mean(boundary[middle] > 0.5) > 0.9


def test_thick_straight_band_is_a_boundary_and_what_crosses_it_stays_a_line():
    size = 300
    y, x = np.mgrid[:size, :size].astype(float)
    band = np.abs(x - 0.2 * y - 120)
    image = 1 - 0.4 * np.exp(-((band / 6) ** 4))
    cross = np.abs(y + 0.3 * x - 200)
    short = (x > 60) & (x < 240)
    image *= 1 - 0.3 * np.exp(-(cross**2) / 4) * short
    image += np.random.default_rng(1).normal(0, 0.03, image.shape)
    line, boundary = ridge_probability(image)
    middle = (band < 3) & (y > 60) & (y < 240)
    assert np.mean(boundary[middle] > 0.5) > 0.5
    away = (cross < 0.7) & (x > 70) & (x < 230) & (band > 20)
    assert np.mean(line[away] > 0.25) > 0.9
    along = (band < 12) & (cross > 12)
    assert np.mean(line[along] > 0.5) < 0.02


def test_thin_straight_line_across_the_frame_is_a_line():
    y, x = np.mgrid[:200, :200]
    image = 1 - 0.3 * np.exp(-((x - 0.5 * y - 50) ** 2) / 4.0)
    image += np.random.default_rng(0).normal(0, 0.04, image.shape)
    line, boundary = ridge_probability(image)
    on_line = (np.abs(x - 0.5 * y - 50) < 0.6) & (y > 4) & (y < 196)
    assert np.mean(line[on_line] > 0.5) > 0.9
    assert np.mean(boundary > 0.5) < 0.02


def test_fill_at_the_rim_is_no_line():
    image, distance = picture(192, 3.0, 0.3, 0.05, seed=1)
    image[:, :20] = 0
    image[180:] = 0
    dead = dead_area(image.astype(np.float32))
    assert dead[:, :20].all()
    assert not dead[:180, 20:].any()
    line = ridge_probability(image)[0]
    assert np.mean(distance[line > 0.5] <= 2.5) > 0.9


def test_nothing_is_found_where_there_are_no_data():
    image, distance = picture(192, 3.0, 0.3, 0.05)
    valid = np.zeros(image.shape, bool)
    valid[:, 96:] = True
    line, boundary = ridge_probability(image, valid=valid)
    assert not line[~valid].any()
    assert not boundary[~valid].any()
    inner = np.arange(192) > 106
    assert scores(line[:, inner] > 0.5, distance[:, inner])[1] > 0.9


def test_scan_lines_are_levelled_and_nothing_else_is():
    image, _ = picture(160, 3.0, 0.3, 0.05)
    image = image.astype(np.float32)
    np.testing.assert_array_equal(level_rows(image), image)
    rows = np.random.default_rng(0).normal(0, 0.2, (160, 1)).astype(np.float32)
    before = np.abs(np.diff(np.median(image + rows, axis=1))).mean()
    after = np.abs(np.diff(np.median(level_rows(image + rows), axis=1))).mean()
    assert after < 0.3 * before


def test_response_knows_direction_and_width():
    y, x = np.mgrid[:128, :128]
    for degrees in (0, 30, 75, 120):
        t = np.radians(degrees)
        across = (x - 64) * np.sin(t) - (y - 64) * np.cos(t)
        image = -np.exp(-(across**2) / 2 / 2.0**2)
        image += np.random.default_rng(0).normal(0, 0.05, image.shape)
        found = oriented_response(image, (1.0, 2.0, 4.0))
        turn = (np.degrees(found.angle[64, 64]) - degrees + 90) % 180 - 90
        assert abs(turn) < 10
        assert found.sigma[64, 64] >= 2.0
    with pytest.raises(ValueError, match="sigmas is empty"):
        oriented_response(image, ())


def test_constant_image_has_no_lines():
    line, boundary = ridge_probability(np.full((64, 64), 7.0))
    assert not line.any()
    assert not boundary.any()


@pytest.mark.parametrize(
    ("image", "options", "error", "match"),
    [
        (np.zeros((2, 64, 64)), {}, ValueError, "3 dimensions"),
        (np.zeros(64), {}, ValueError, "1 dimensions"),
        (np.zeros((0, 0)), {}, ValueError, "at least 32"),
        (np.zeros((16, 200)), {}, ValueError, "at least 32"),
        (np.full((64, 64), np.nan), {}, ValueError, "NaN"),
        (np.zeros((64, 64), complex), {}, TypeError, "complex"),
        (np.full((64, 64), "a"), {}, TypeError, "real numbers"),
        (np.eye(64), {"polarity": "grey"}, ValueError, "'dark', 'bright' or 'auto'"),
        (np.eye(64), {"sensitivity": 0}, ValueError, "positive"),
        (np.eye(64), {"sigmas": ()}, ValueError, "sigmas"),
        (np.eye(64), {"sigmas": (-1.0,)}, ValueError, "sigmas"),
        (np.eye(64), {"valid": np.ones((64, 63), bool)}, ValueError, "valid"),
    ],
)
def test_bad_input(image, options, error, match):
    with pytest.raises(error, match=match):
        ridge_probability(image, **options)


def test_real_annotated_view(shared_data):
    from skimage.io import imread

    folder = shared_data / "real_pair_annotated"
    human = imread(folder / "left_mask.png") > 0
    mask = ridge_probability(imread(folder / "left.png"))[0] > 0.5
    precision = np.mean(ndi.distance_transform_edt(~human)[mask] <= 2)
    recall = np.mean(ndi.distance_transform_edt(~mask)[human] <= 2)
    assert 2 * precision * recall / (precision + recall) > 0.85
