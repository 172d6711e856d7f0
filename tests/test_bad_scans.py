"""A table of bad scans and settings: each gives an error that says what to do."""

import numpy as np
import pytest

from hyperspy_stereo import Diffraction4DStereo


def disc_pattern(shape=(32, 32), centre=(15.5, 15.5), radius=10.0, level=200.0):
    y, x = np.indices(shape)
    return level / (1 + np.exp(4 * (np.hypot(x - centre[0], y - centre[1]) - radius)))


def scan(pattern=None, shape=(8, 8)):
    pattern = disc_pattern() if pattern is None else pattern
    stack = np.random.default_rng(1).poisson(pattern, (*shape, *pattern.shape))
    return Diffraction4DStereo(stack.astype(np.uint16))


def calibrated():
    return scan().calibrate_disc(60)


TABLE = {
    "no disc calibrated": (lambda: scan().virtual_stereo(), ValueError, "calibrate_disc"),
    "no convergence angle": (
        lambda: scan().calibrate_disc(),
        ValueError,
        "convergence_angle",
    ),
    "negative convergence angle": (
        lambda: scan().calibrate_disc(-3),
        ValueError,
        "convergence_angle",
    ),
    "vacuum of another size": (
        lambda: scan().calibrate_disc(60, vacuum=np.ones((16, 16))),
        ValueError,
        "same detector",
    ),
    "vacuum is text": (
        lambda: scan().calibrate_disc(60, vacuum="vacuum.mib"),
        TypeError,
        "load a file",
    ),
    "empty patterns": (
        lambda: scan(np.zeros((32, 32))).calibrate_disc(60),
        ValueError,
        "no disc|constant",
    ),
    "noise without a disc": (
        lambda: scan(np.full((32, 32), 50.0)).calibrate_disc(60),
        ValueError,
        "disc",
    ),
    "saturated patterns": (
        lambda: Diffraction4DStereo(
            np.where(disc_pattern() > 100, 4095, 0).astype(np.uint16)
            * np.ones((8, 8, 1, 1), np.uint16)
        ).calibrate_disc(60),
        ValueError,
        "saturat",
    ),
    "disc outside the frame": (
        lambda: scan(disc_pattern(centre=(31, 34), radius=14)).calibrate_disc(60),
        ValueError,
        "frame|disc",
    ),
    "series without its shape": (
        lambda: Diffraction4DStereo(np.ones((9, 32, 32))).virtual_stereo(),
        ValueError,
        "navigation_shape",
    ),
    "one pattern": (
        lambda: Diffraction4DStereo(disc_pattern()).virtual_stereo(),
        ValueError,
        "one pattern",
    ),
    "series of scans": (
        lambda: Diffraction4DStereo(np.ones((2, 3, 3, 32, 32))).virtual_stereo(),
        ValueError,
        r"s\.inav\[:, :, 0\]",
    ),
    "patterns too small": (
        lambda: Diffraction4DStereo(np.ones((4, 4, 5, 5))).calibrate_disc(60),
        ValueError,
        "8 x 8",
    ),
    "rotation unknown": (
        lambda: calibrated().virtual_stereo(direction=0.0),
        ValueError,
        "calibrate_rotation",
    ),
    "unknown layout": (
        lambda: calibrated().virtual_stereo("ring", direction=0.0, rotation=0.0),
        ValueError,
        "layout",
    ),
    "unknown detector shape": (
        lambda: calibrated().virtual_stereo(shape="star", direction=0.0, rotation=0.0),
        ValueError,
        "circle",
    ),
    "detector off the pattern": (
        lambda: calibrated().virtual_stereo(positions=[[15, 15], [90, 15]], rotation=0.0),
        ValueError,
        "outside",
    ),
    "detector larger than the disc": (
        lambda: calibrated().virtual_stereo(radius=30, direction=0.0, rotation=0.0),
        ValueError,
        "does not fit",
    ),
    "direction is a word": (
        lambda: calibrated().virtual_stereo(direction="up", rotation=0.0),
        ValueError,
        "azimuth in degrees",
    ),
    "positions and segments": (
        lambda: calibrated().virtual_stereo(
            positions=[[12, 15], [19, 15]], segments=4, rotation=0.0
        ),
        ValueError,
        "not both",
    ),
    "one position": (
        lambda: calibrated().virtual_stereo(positions=[[15, 15]], rotation=0.0),
        ValueError,
        "two or more",
    ),
    "azimuth and g": (
        lambda: calibrated().calibrate_kikuchi(azimuth=3, g=(1, 0)),
        ValueError,
        "not both",
    ),
    "g is zero": (lambda: calibrated().calibrate_kikuchi(g=(0, 0)), ValueError, "two numbers"),
    "no band in the data": (
        lambda: calibrated().calibrate_kikuchi(),
        ValueError,
        "azimuth",
    ),
    "flip is a number": (
        lambda: calibrated().calibrate_rotation(3.0, scan_flip=1),
        TypeError,
        "True or False",
    ),
    "defocus sign 2": (
        lambda: calibrated().calibrate_rotation(defocus_sign=2),
        ValueError,
        "1, -1 or None",
    ),
    "rebinned after calibration": (
        lambda: calibrated().rebin(scale=(1, 1, 2, 2)).virtual_stereo(rotation=0.0),
        ValueError,
        "calibrated on patterns",
    ),
    "scan of 1 x N": (
        lambda: scan(shape=(1, 8)).calibrate_disc(60).calibrate_rotation(),
        ValueError,
        "16 x 16",
    ),
    "complex vacuum": (
        lambda: scan().calibrate_disc(60, vacuum=disc_pattern() * 1j),
        TypeError,
        "real counts",
    ),
    "positions are text": (
        lambda: calibrated().virtual_stereo(positions="ab", rotation=0.0),
        TypeError,
        "positions must be numbers",
    ),
    "angle of zero in the metadata": (
        lambda: _without_angle(calibrated()).virtual_stereo(direction=0.0, rotation=0.0),
        ValueError,
        "convergence angle",
    ),
}


def _without_angle(signal):
    signal.metadata.Acquisition_instrument.TEM.convergence_angle = 0
    return signal


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_says_what_to_do(name):
    act, error, message = TABLE[name]
    with pytest.raises(error, match=message) as raised:
        act()
    assert len(str(raised.value)) > 20


def test_failed_steps_leave_no_trace():
    signal = calibrated()
    before = signal.metadata.as_dictionary()
    for act in (
        lambda: signal.calibrate_disc(-3),
        lambda: signal.calibrate_kikuchi(g=(0, 0)),
        lambda: signal.calibrate_rotation(np.nan),
        lambda: signal.virtual_stereo("ring", direction=0.0, rotation=0.0),
    ):
        with pytest.raises(ValueError, match=r"\w+"):
            act()
    after = signal.metadata.as_dictionary()
    assert str(after) == str(before)
    assert signal.metadata.Stereo.Disc.radius == pytest.approx(10, abs=0.2)
