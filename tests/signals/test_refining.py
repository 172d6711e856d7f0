"""reconstruct(refine=...): what follows the fit, what stays, and what is refused."""

import numpy as np
import pytest

from hyperspy_stereo import DislocationMap, StereoPair
from hyperspy_stereo.geometry import disparity_from_depth
from hyperspy_stereo.matching.joint_fit import residual_maps

DISPARITY = 5.37


@pytest.fixture(scope="module")
def maps():
    y, x = np.mgrid[:96, :112].astype(float)
    rng = np.random.default_rng(0)
    images = np.empty((2, 96, 112))
    for view, shift in enumerate((0.0, DISPARITY)):
        away = x - shift - 50 - 6 * np.sin(y / 25)
        dots = 0.3 + 0.12 * np.cos(y / 2.5)
        images[view] = 1 - dots * np.exp(-0.5 * (away / 2) ** 2)
    images = rng.poisson(1500 * images).astype(float)
    pair = StereoPair.from_images(*images, 8, "tiltless", pixel_size=2.0, units="nm")
    return pair.detect_dislocations("ridge")


def test_depth_is_that_of_the_shared_pattern(maps):
    matched, fitted = (maps.reconstruct(refine=refine) for refine in (None, "joint"))
    assert matched.fit is None
    assert fitted.fit.fitted[0].mean() > 0.9
    found = [disparity_from_depth(n.points[:, 2] / 2, 8) for n in (matched, fitted)]
    errors = [np.sqrt(np.mean((d - DISPARITY) ** 2)) for d in found]
    assert errors[1] < min(0.15, errors[0] + 0.02)
    # Points of the first view stay where they are; maps of disparities follow the fit.
    for one, other in zip(matched.reproject([69.8, 0]), fitted.reproject([69.8, 0]), strict=True):
        np.testing.assert_allclose(one, other, atol=0.05)
    for view in range(2):
        drawn = fitted.disparity_map(view)
        assert abs(np.nanmedian(drawn) - DISPARITY) < 0.1
        assert np.isfinite(drawn).sum() == np.isfinite(matched.disparity_map(view)).sum()
    np.testing.assert_array_equal(matched.confidence, fitted.confidence)
    assert matched.rejected.equals(fitted.rejected)
    assert fitted.units == "nm"


def test_a_fit_is_the_default_and_residuals_are_noise(maps):
    network = maps.reconstruct()
    images = maps.attached("images")
    rest = residual_maps(network.fit, images, network.incidence)
    assert rest.shape == images.shape
    assert np.nanstd(rest) < 1.3
    mirrored = residual_maps(network.fit, images[::-1], network.incidence)
    assert np.nanstd(mirrored) > 1.5 * np.nanstd(rest)


def test_refine_by_other_views(maps):
    network = maps.reconstruct(refine=None)
    again = network.refine(maps.attached("images"), network.incidence)
    np.testing.assert_allclose(again.points, maps.reconstruct().points)
    with pytest.raises(ValueError, match="share one grid"):
        network.refine(maps.attached("images")[:, :50], network.incidence)


def test_refusal_names_what_there_is(maps):
    with pytest.raises(ValueError, match='"joint"'):
        maps.reconstruct(refine="yes")


def test_masks_without_images_are_matched_only():
    masks = np.zeros((2, 64, 64))
    masks[0, 5:60, 30:33] = masks[1, 5:60, 36:39] = 1
    network = DislocationMap(masks).set_incidence([[50, 0], [-50, 0]]).reconstruct()
    assert network.fit is None
    with pytest.raises(ValueError, match="holds none"):
        DislocationMap(masks).set_incidence([[50, 0], [-50, 0]]).reconstruct(refine="joint")
