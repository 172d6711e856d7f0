"""A table of bad images, maps and files: each gives an error that says what to do."""

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_stereo
from hyperspy_stereo import DislocationMap, DislocationNetwork, StereoPair

RNG = np.random.default_rng(0)
IMAGE = RNG.random((48, 64))


def pair(**kwargs):
    return StereoPair.from_images(IMAGE, IMAGE[::-1], **{"stereo_angle": 8, **kwargs})


def masks():
    array = np.zeros((2, 48, 64), np.float32)
    array[:, 5:40, 20:23] = 1
    return array


def maps():
    return DislocationMap.from_masks(masks(), pair())


def with_nan(array):
    array = np.array(array, dtype=float)
    array.flat[7] = np.nan
    return array


def signal(scale, units="nm", shape=(48, 64)):
    image = hs.signals.Signal2D(np.resize(IMAGE, shape))
    for axis in image.axes_manager.signal_axes:
        axis.scale, axis.units = scale, units
    return image


TABLE = {
    # two images
    "zero angle": (lambda: pair(stereo_angle=0), ValueError, "no depth"),
    "negative angle": (lambda: pair(stereo_angle=-4), ValueError, "exchange the images"),
    "right angle": (lambda: pair(stereo_angle=90), ValueError, "below 90 degrees"),
    "angle is NaN": (lambda: pair(stereo_angle=np.nan), ValueError, "finite"),
    "angle is text": (lambda: pair(stereo_angle="8"), TypeError, "must be a number"),
    "unknown geometry": (lambda: pair(geometry="tilted"), ValueError, "tiltless"),
    "pixel size zero": (lambda: pair(pixel_size=0), ValueError, "above 0"),
    "units are a number": (lambda: pair(units=3), TypeError, "must be text"),
    "sizes differ": (
        lambda: StereoPair.from_images(IMAGE, IMAGE[:, :-4], 8),
        ValueError,
        r"64 x 48, right: 60 x 48",
    ),
    "calibrations differ": (
        lambda: StereoPair.from_images(signal(1.0), signal(1.2), 8),
        ValueError,
        "differ in calibration",
    ),
    "units differ": (
        lambda: StereoPair.from_images(signal(1.0), signal(1.0, "um"), 8),
        ValueError,
        "differ in calibration",
    ),
    "calibration contradicts": (
        lambda: StereoPair.from_images(signal(1.0), signal(1.0), 8, pixel_size=2, units="nm"),
        ValueError,
        "leave pixel_size out",
    ),
    "NaN in an image": (
        lambda: StereoPair.from_images(with_nan(IMAGE), IMAGE, 8),
        ValueError,
        "left holds 1 pixels that are NaN",
    ),
    "complex image": (
        lambda: StereoPair.from_images(IMAGE, IMAGE * 1j, 8),
        TypeError,
        "right is complex",
    ),
    "text for an image": (
        lambda: StereoPair.from_images("a.dm4", IMAGE, 8),
        TypeError,
        r"hs\.load",
    ),
    "image of objects": (
        lambda: StereoPair.from_images(IMAGE.astype(object), IMAGE, 8),
        TypeError,
        "image of numbers",
    ),
    "stack for an image": (
        lambda: StereoPair.from_images(RNG.random((2, 48, 64)), IMAGE, 8),
        ValueError,
        "one 2-D image",
    ),
    "tiny image": (
        lambda: StereoPair.from_images(np.eye(8), np.eye(8), 8),
        ValueError,
        "16 x 16",
    ),
    # segments
    "azimuths missing": (
        lambda: StereoPair.from_segments([IMAGE] * 4, 3, [45, 135]),
        ValueError,
        "4 images need 4 azimuths",
    ),
    "azimuth twice": (
        lambda: StereoPair.from_segments([IMAGE] * 2, 3, [10, 370]),
        ValueError,
        "one direction twice",
    ),
    "azimuth is NaN": (
        lambda: StereoPair.from_segments([IMAGE] * 2, 3, [10, np.nan]),
        ValueError,
        "finite",
    ),
    "one segment": (
        lambda: StereoPair.from_segments([IMAGE], 3, [10]),
        ValueError,
        "at least two",
    ),
    "segments as one image": (
        lambda: StereoPair.from_segments(IMAGE, 3, [10, 190]),
        ValueError,
        "list of 2-D images",
    ),
    # views
    "incidence of the wrong shape": (
        lambda: pair().set_incidence([[1, 2]]),
        ValueError,
        "2 finite rows",
    ),
    "incidence unknown": (
        lambda: StereoPair(RNG.random((2, 32, 32))).stereo_angle,
        ValueError,
        "set_incidence",
    ),
    "anaglyph of one view": (lambda: pair().inav[0].plot_anaglyph(), ValueError, "one view"),
    "anaglyph of view 5": (lambda: pair().plot_anaglyph(right=5), ValueError, "there are 2 views"),
    "align one view": (lambda: pair().inav[0].align(), ValueError, "one view"),
    "align unrelated images": (
        lambda: StereoPair.from_images(*RNG.random((2, 128, 128)), 8).align(),
        ValueError,
        "agree|features",
    ),
    "align constant images": (
        lambda: StereoPair.from_images(*np.ones((2, 128, 128)), 8).align(),
        ValueError,
        "constant",
    ),
    "unknown detector method": (
        lambda: pair().detect_dislocations(method="magic"),
        ValueError,
        "method must be one of",
    ),
    "detect on NaN": (
        lambda: StereoPair(with_nan(RNG.random((2, 32, 32)))).detect_dislocations(),
        ValueError,
        "NaN",
    ),
    "detect on a scan of views": (
        lambda: StereoPair(RNG.random((2, 3, 32, 32))).detect_dislocations(),
        ValueError,
        "one navigation axis",
    ),
    # maps
    "masks of another size": (
        lambda: DislocationMap.from_masks(masks()[:, :40], pair()),
        ValueError,
        r"\(2, 40, 64\)",
    ),
    "masks of 0 and 255": (
        lambda: DislocationMap.from_masks(masks() * 255, pair()),
        ValueError,
        "divide a mask",
    ),
    "NaN in a map": (lambda: DislocationMap(with_nan(np.eye(32))).mask(), ValueError, "NaN"),
    "complex map": (lambda: DislocationMap(np.eye(32) * 1j).mask(), TypeError, "real"),
    "threshold above 1": (lambda: maps().mask(1.5), ValueError, "between 0 and 1"),
    "threshold is text": (lambda: maps().mask("high"), TypeError, "must be a number"),
    "reconstruct one view": (lambda: maps().inav[0].reconstruct(), ValueError, "one view"),
    "reconstruct without incidence": (
        lambda: DislocationMap(masks()).reconstruct(),
        ValueError,
        "set_incidence",
    ),
    "reconstruct two equal views": (
        lambda: maps().set_incidence([[5, 0], [5, 0]]).reconstruct(),
        ValueError,
        "same|differ|angle|parallax",
    ),
    "empty range": (
        lambda: maps().reconstruct(disparity_range=(5, 5)),
        ValueError,
        "must grow",
    ),
    "range of one number": (
        lambda: maps().reconstruct(disparity_range=5),
        ValueError,
        "smallest, largest",
    ),
    "confidence above 1": (
        lambda: maps().reconstruct(min_confidence=2),
        ValueError,
        "min_confidence",
    ),
    "negative length": (
        lambda: maps().reconstruct(min_length=-1),
        ValueError,
        "not be negative",
    ),
    "pixels not square": (
        lambda: _stretched(maps()).reconstruct(),
        ValueError,
        "not square",
    ),
    "masked array": (
        lambda: StereoPair.from_images(np.ma.masked_less(IMAGE, 0.1), IMAGE, 8),
        TypeError,
        "masked array",
    ),
    "spectra for an image": (
        lambda: StereoPair.from_images(hs.signals.Signal1D(IMAGE), IMAGE, 8),
        ValueError,
        "two signal axes",
    ),
    "jagged rows": (
        lambda: StereoPair.from_images([[1, 2], [3]], IMAGE, 8),
        ValueError,
        "rows differ in length",
    ),
    "segments are missing": (
        lambda: StereoPair.from_segments(None, 3, [10, 190]),
        TypeError,
        "list of 2-D images",
    ),
    "azimuths are words": (
        lambda: StereoPair.from_segments([IMAGE] * 2, 3, ["a", "b"]),
        TypeError,
        "azimuths must be numbers",
    ),
    "too few inliers asked for": (lambda: pair().align(min_inliers=1), ValueError, "at least 3"),
    "half a view": (lambda: pair().plot_anaglyph(left=0.5), ValueError, "whole number"),
    "complex masks": (
        lambda: DislocationMap.from_masks(masks() * 1j, pair()),
        TypeError,
        "real numbers",
    ),
    "masks for no pair": (
        lambda: DislocationMap.from_masks(masks(), IMAGE),
        TypeError,
        "must be a StereoPair",
    ),
    "foil of no thickness": (
        lambda: maps().reconstruct(foil_thickness=0),
        ValueError,
        "foil_thickness must be above 0",
    ),
    # files and results
    "no such file": (lambda: hyperspy_stereo.load("nowhere.mib"), FileNotFoundError, "no file"),
    "network of another kind": (
        lambda: DislocationNetwork.load("network.xyz"),
        ValueError,
        r"\.vtp",
    ),
}


def _stretched(signal):
    signal.axes_manager.signal_axes[0].scale = 2.0
    return signal


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_says_what_to_do(name):
    act, error, message = TABLE[name]
    with pytest.raises(error, match=message) as raised:
        act()
    assert len(str(raised.value)) > 20


# What looks bad but has a right answer.


def test_reversed_views_give_the_same_depth():
    shifted = masks()
    shifted[1] = np.roll(shifted[1], 6, axis=1)
    there = DislocationMap.from_masks(shifted, pair())
    deep = 6 / (2 * np.sin(np.deg2rad(4)))
    for some in (there, there.inav[::-1]):
        network = some.reconstruct(min_confidence=0)
        assert np.median(network.points[:, 2]) == pytest.approx(deep, abs=3)


def test_empty_masks_give_an_empty_network():
    empty = DislocationMap.from_masks(np.zeros((2, 48, 64)), pair())
    network = empty.reconstruct()
    assert network.lines == []
    assert network.points.shape == (0, 3)
    assert np.isnan(network.disparity_map()).all()


def test_constant_views_hold_no_line():
    flat = StereoPair.from_images(np.full((48, 64), 7), np.full((48, 64), 7), 8)
    assert not flat.detect_dislocations().mask().any()


def test_boolean_and_integer_masks_are_taken():
    network = DislocationMap.from_masks(masks() > 0, pair()).reconstruct(min_confidence=0)
    assert len(network.points) > 0
