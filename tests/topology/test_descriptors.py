"""What a mask holds, without a truth."""

import numpy as np
import pytest

from hyperspy_stereo.topology import describe_mask, persistence_images


def test_a_straight_line(shapes):
    line = np.zeros((40, 120), bool)
    line[18:22, 10:110] = True
    numbers = describe_mask(line, pixel_size=0.5)
    assert numbers["length"] == pytest.approx(50, rel=0.05)
    assert numbers["width"] == pytest.approx(2.0, rel=0.05)
    assert (numbers["lines"], numbers["rings"], numbers["gulfs"]) == (1, 0, 0)
    assert np.isnan(numbers["mouth"])
    assert numbers["share"] == pytest.approx(400 / 4800)


@pytest.mark.parametrize("m", [0, 2, 5])
def test_lines_are_counted(shapes, m):
    assert describe_mask(shapes.broken_line(m))["lines"] == m + 1


@pytest.mark.parametrize("k", [1, 3])
def test_rings_and_their_size(shapes, k):
    assert describe_mask(shapes.nested_rings(k))["rings"] == k
    numbers = describe_mask(shapes.figure_eight())
    assert numbers["rings"] == 2
    assert numbers["spacing"] == pytest.approx(15.0)


def test_a_ring_with_a_gap_is_a_gulf(shapes):
    ring = shapes.annulus()
    ring[30:35, 40:46] = False
    numbers = describe_mask(ring)
    assert (numbers["rings"], numbers["gulfs"]) == (0, 1)
    assert numbers["mouth"] == pytest.approx(5, abs=1.1)


@pytest.mark.parametrize("full", [False, True])
def test_frames_without_an_edge(full):
    numbers = describe_mask(np.full((30, 30), full))
    assert numbers["lines"] == int(full)
    assert (numbers["rings"], numbers["gulfs"]) == (0, 0)
    assert numbers["share"] == full


def test_one_pixel():
    mask = np.zeros((20, 20), bool)
    mask[3, 4] = True
    numbers = describe_mask(mask)
    assert (numbers["lines"], numbers["length"]) == (1, 0)
    assert np.isnan(numbers["width"])


def test_a_volume():
    rod = np.zeros((12, 12, 60), bool)
    i, j = np.indices((12, 12)) - 5.5
    rod[(np.hypot(i, j) < 3)] = True
    numbers = describe_mask(rod)
    assert numbers["lines"] == 1
    assert numbers["width"] == pytest.approx(6, rel=0.15)


def test_persistence_images_tell_micrographs_apart(shapes):
    from sklearn.decomposition import PCA

    lines = [shapes.random_lines(seed, count=4) for seed in range(4)]
    spots = []
    for seed in range(4):
        mask = np.zeros((96, 96), bool)
        for place in np.random.default_rng(seed).uniform(8, 88, (12, 2)):
            mask |= shapes.disc(mask.shape, place, 3)
        spots.append(mask)
    images = persistence_images(lines + spots, extent=40)
    assert images.shape == (8, 2, 20, 20)
    first = PCA(2).fit_transform(images.reshape(8, -1))[:, 0]
    assert max(first[:4].max() - first[4:].min(), first[4:].max() - first[:4].min()) > 0
    assert first[:4].max() < first[4:].min() or first[4:].max() < first[:4].min()
    again = persistence_images(lines[:1], extent=40)
    np.testing.assert_allclose(again[0], images[0])


def test_bad_input():
    with pytest.raises(ValueError, match="only 0 and 1"):
        describe_mask(np.full((4, 4), 2))
    with pytest.raises(ValueError, match="above 0"):
        persistence_images([np.eye(4)], resolution=0)
