"""Filtrations: values that can be checked by hand, frames turned, pixels that are not square."""

import numpy as np
import pytest

from hyperspy_stereo.topology import (
    default_centres,
    default_directions,
    density_filtration,
    dilation_filtration,
    filtration_names,
    filtrations,
    height_filtration,
    radial_filtration,
)
from hyperspy_stereo.topology.filtrations import REACH


def test_distance_is_negative_on_lines_and_zero_at_their_edge(shapes):
    image = dilation_filtration(shapes.broken_line(0))
    assert image[10, 10] == -1.5
    assert image[9, 10] == -0.5
    assert image[8, 10] == 0.5
    assert image[0, 10] == 8.5


def test_distance_knows_pixels_that_are_not_square():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    image = dilation_filtration(mask, pixel_size=(2.0, 0.5))
    assert image[4, 8] == pytest.approx(4 * 0.5 - 0.25)
    assert image[8, 4] == pytest.approx(4 * 2.0 - 0.25)


@pytest.mark.parametrize("full", [False, True])
def test_no_edge_gives_the_diagonal_everywhere(full):
    image = dilation_filtration(np.full((3, 4), full))
    assert (image == (-5 if full else 5)).all()


@pytest.mark.parametrize("shape", [(20, 27), (9, 8, 11)])
def test_density_counts_exactly(shape):
    rng = np.random.default_rng(0)
    mask = rng.random(shape) < 0.3
    size = np.array([1.0, 1.5, 0.7])[: len(shape)]
    image = density_filtration(mask, radius=2.4, pixel_size=size)
    grid = np.stack(np.meshgrid(*[np.arange(-4, 5)] * len(shape), indexing="ij"), axis=-1)
    ball = (np.sum((grid * size) ** 2, axis=-1) <= 2.4**2).sum()
    places = np.stack(np.indices(shape), axis=-1)
    for place in rng.integers(0, shape, (40, len(shape))):
        near = np.sum(((places - place) * size) ** 2, axis=-1) <= 2.4**2
        assert image[tuple(place)] == pytest.approx(-(mask & near).sum() / ball)


def test_height_and_radius_of_lines_and_of_the_background():
    mask = np.zeros((5, 5), bool)
    mask[1, 3] = True
    height = height_filtration(mask, (0.6, 0.8), pixel_size=2.0)
    assert height[1, 3] == pytest.approx(2 * (0.6 * -1 + 0.8 * 1))
    assert height[0, 0] == pytest.approx(2 * (0.6 * 2 + 0.8 * 2) + 2 * REACH)
    radial = radial_filtration(mask, (1, 1), pixel_size=(1, 3))
    assert radial[1, 3] == 6
    assert radial[0, 0] == pytest.approx(np.hypot(3, 9) + REACH)


@pytest.mark.parametrize(("shape", "count"), [((12, 17), 15), ((7, 8, 9), 35)])
def test_a_mask_has_all_filtrations(shape, count):
    mask = np.random.default_rng(1).random(shape) < 0.2
    images = list(filtrations(mask))
    assert len(images) == len(filtration_names(len(shape))) == count
    assert all(i.shape == shape and np.isfinite(i).all() for i in images)


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.fliplr, np.transpose])
def test_the_set_of_filtrations_maps_to_itself(turn):
    mask = np.random.default_rng(2).random((24, 33)) < 0.1
    direct = [turn(image) for image in filtrations(mask, (1.0, 1.3))]
    size = (1.3, 1.0) if turn in (np.rot90, np.transpose) else (1.0, 1.3)
    turned = list(filtrations(turn(mask), size))
    left = list(range(len(direct)))
    for image in turned:
        same = [n for n in left if np.allclose(direct[n], image, atol=1e-9)]
        assert same
        left.remove(same[0])


def test_defaults_are_closed_under_quarter_turns():
    directions = {tuple(d) for d in default_directions(2)}
    assert {(-b, a) for a, b in directions} == directions
    centres = default_centres((30, 30)) - 14.5
    assert {(-b, a) for a, b in centres.round(9)} == {tuple(c) for c in centres.round(9)}


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (np.full((4, 4), np.nan), ValueError, "NaN"),
        (np.full((4, 4), 0.3), ValueError, "only 0 and 1"),
        (np.full((4, 4), "a"), TypeError, "True and False"),
        (np.zeros(5), ValueError, "one picture"),
        (np.zeros((2, 2, 2, 2)), ValueError, "one picture"),
        (np.zeros((0, 4)), ValueError, "at least one pixel"),
        (np.zeros((4, 4), complex), TypeError, "dtype"),
    ],
)
def test_what_is_no_mask_is_refused(mask, error, message):
    with pytest.raises(error, match=message):
        dilation_filtration(mask)


@pytest.mark.parametrize("size", [0, -1, np.nan, (1, 2, 3), "a"])
def test_pixel_sizes_must_be_positive(size):
    with pytest.raises((ValueError, TypeError), match="pixel_size"):
        dilation_filtration(np.eye(4), size)


def test_directions_centres_and_radii_are_checked():
    with pytest.raises(ValueError, match="unit vector"):
        height_filtration(np.eye(4), (1, 1))
    with pytest.raises(ValueError, match="centre"):
        radial_filtration(np.eye(4), (1, 1, 1))
    with pytest.raises(ValueError, match="radius"):
        density_filtration(np.eye(4), radius=0)
