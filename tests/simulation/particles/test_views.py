"""Views of particles: geometry, light, noise."""

import numpy as np
import pytest

from hyperspy_stereo.simulation.particles import particle_stack, particle_views, segment_incidence


def centroid(image):
    y, x = np.indices(image.shape)
    return np.array([(image * x).sum(), (image * y).sum()]) / image.sum()


def test_particles_appear_where_the_conventions_say():
    theta = [[40.0, 0.0], [0.0, -30.0]]
    views = particle_views([[12.0, 10.0, 20.0]], 1.6, theta, (60, 64), pixel_size=0.4)
    expected = np.array([30.0, 25.0]) - np.tan(np.array(theta) / 1000) * 50
    np.testing.assert_allclose(views.positions[:, 0], expected)
    for image, place in zip(views.images, expected, strict=True):
        np.testing.assert_allclose(centroid(image), place, atol=0.02)
    # The projected thickness of a sphere holds 2/3 of the cylinder around it.
    assert views.images[0].sum() == pytest.approx(2 / 3 * np.pi * 4.0**2, rel=0.01)


def test_defocus_is_a_shift_along_the_incidence():
    one = particle_views([[12, 12, 10]], 1.6, [[50, 0]], (64, 64))
    two = particle_views([[12, 12, 30]], 1.6, [[50, 0]], (64, 64), defocus=20)
    np.testing.assert_allclose(one.positions, two.positions)


def test_dose_dark_particles_and_ice():
    views = particle_views(
        [[12, 12, 0]], 1.6, [[0, 0]], (64, 200), contrast=-1.0, dose=400, ice_gradient=0.5, seed=2
    )
    image = views.images[0]
    assert image[30, 30] < image[50:, 20:40].mean() - 0.5
    assert image[:, 150:].mean() > 1.2 * image[40:, :50].mean()
    right = image[:, 100:110]
    assert right.var() == pytest.approx(3.0**2 / 400, rel=0.2)


@pytest.mark.parametrize(("number", "rings"), [(2, 1), (4, 1), (8, 2), (16, 4)])
def test_segments(number, rings):
    theta = segment_incidence(3.0, number)
    size = np.linalg.norm(theta, axis=1)
    assert len(theta) == number and len(np.unique(size.round(6))) == rings
    assert size.max() == pytest.approx(np.deg2rad(1.5) * 1000)


def test_a_stack_holds_the_views():
    stack = particle_stack([[4, 4, 8]], [1.2], (24, 28), 40.0, detector=8, dose=4e5, seed=1)
    assert stack.shape == (24, 28, 8, 8) and stack.dtype == np.uint16
    assert not stack[:, :, 0, 0].any()
    left, right = (stack[:, :, 3:5, k].sum(axis=2).astype(float) for k in (1, 6))
    shift = centroid(left - np.median(left)) - centroid(right - np.median(right))
    assert shift[0] > 0.5


def test_wrong_views_are_refused():
    with pytest.raises(ValueError, match="radius must be positive"):
        particle_views([[1, 1, 0]], 0.0, [[0, 0]], (32, 32))
    with pytest.raises(ValueError, match="standard deviation"):
        particle_views([[1, 1, 0]], 1.0, [[0, 0]], (32, 32), noise=-1)
    with pytest.raises(ValueError, match="segments must be"):
        segment_incidence(3.0, 5)
