"""Files written as .dm4 come back through HyperSpy's reader as they were."""

import sys

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_stereo import StereoPair
from hyperspy_stereo.simulation.digital_micrograph import write_dm4


@pytest.mark.parametrize("lazy", [False, True])
def test_a_written_image_comes_back_with_its_calibration(tmp_path, lazy):
    image = np.random.default_rng(0).normal(100, 9, (70, 90)).astype(np.float32)
    path = write_dm4(tmp_path / "a.dm4", image, 1.25, tilt=-3.5, voltage=300)
    read = hs.load(path, lazy=lazy)
    np.testing.assert_array_equal(np.asarray(read.data), image)
    x, y = read.axes_manager.signal_axes
    assert (x.scale, x.units, x.size, y.scale, y.size) == (1.25, "nm", 90, 1.25, 70)
    microscope = read.metadata.Acquisition_instrument.TEM
    assert (microscope.Stage.tilt_alpha, microscope.beam_energy) == (-3.5, 300)


def test_two_files_make_a_calibrated_pair(tmp_path):
    rng = np.random.default_rng(1)
    files = [write_dm4(tmp_path / f"{n}.dm4", rng.random((64, 80)), 2.0) for n in "ab"]
    pair = StereoPair.from_images(*map(hs.load, files), stereo_angle=8)
    assert [axis.scale for axis in pair.axes_manager.signal_axes] == [2.0, 2.0]
    assert pair.data.shape == (2, 64, 80)


@pytest.mark.parametrize(
    ("name", "image", "pixel_size", "said"),
    [
        ("a.dm3", np.ones((4, 4)), 1.0, r"\.dm4"),
        ("a.dm4", np.ones((2, 4, 4)), 1.0, "one image"),
        ("a.dm4", np.ones((4, 4)), 0.0, "above 0"),
        ("a.dm4", np.ones((4, 4)), np.nan, "above 0"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, image, pixel_size, said):
    with pytest.raises(ValueError, match=said):
        write_dm4(tmp_path / name, image, pixel_size)
    assert not (tmp_path / name).exists()


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nionswift_plugin.DM_IO.dm3_image_utils", None)
    with pytest.raises(ImportError, match="pip install nionswift-io"):
        write_dm4(tmp_path / "a.dm4", np.ones((4, 4)), 1.0)
