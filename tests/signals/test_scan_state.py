"""The calibrated disc of a scan follows its signal through slices, copies and files."""

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyxem.signals import ElectronDiffraction2D

from hyperspy_stereo import Diffraction4DStereo

QUICK = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SCAN, FRAME = (10, 12), (40, 44)
CENTRE, RADIUS = (21.3, 18.6), 12.0
WANDER = np.array([[0.10, -0.04], [0.02, 0.08]])


def true_centre(x, y):
    """Where the disc of scan pixel (x, y) lies."""
    middle = (np.array(SCAN[::-1]) - 1) / 2
    return np.array(CENTRE) + WANDER @ (np.array([x, y]) - middle)


@pytest.fixture(scope="module")
def calibrated():
    rows, columns = np.indices(FRAME)
    stack = np.empty((*SCAN, *FRAME))
    for y, x in np.ndindex(*SCAN):
        cx, cy = true_centre(x, y)
        stack[y, x] = 400 / (1 + np.exp(3 * (np.hypot(columns - cx, rows - cy) - RADIUS)))
    counts = np.random.default_rng(5).poisson(stack).astype(np.uint16)
    signal = Diffraction4DStereo(counts)
    for axis, name in zip(signal.axes_manager.navigation_axes, "xy", strict=True):
        axis.name, axis.scale, axis.units = name, 2.0, "nm"
    return signal.calibrate_disc(60, show_progressbar=False)


def centre_at(signal, x, y):
    """Where the metadata of a signal say that the disc of its scan pixel (x, y) lies."""
    disc = signal.metadata.Stereo.Disc
    columns, rows = signal.axes_manager.navigation_shape
    return np.array(disc.centre) + np.asarray(disc.descan)[:, :2] @ (
        x - (columns - 1) / 2,
        y - (rows - 1) / 2,
    )


def test_disc_and_descan_are_found(calibrated):
    disc = calibrated.metadata.Stereo.Disc
    assert disc.radius == pytest.approx(RADIUS, abs=0.1)
    for x, y in [(0, 0), (11, 0), (3, 9)]:
        np.testing.assert_allclose(centre_at(calibrated, x, y), true_centre(x, y), atol=0.1)


@QUICK
@given(data=st.data())
def test_disc_follows_any_crop(calibrated, data):
    x0, y0 = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    step = data.draw(st.sampled_from([1, 2]))
    u0, v0 = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 6))
    part = calibrated.inav[x0::step, y0:].isig[u0:, v0:]
    assert type(part) is Diffraction4DStereo
    for x, y in [(0, 0), (2, 3)]:
        there = centre_at(calibrated, x0 + step * x, y0 + y)
        np.testing.assert_allclose(centre_at(part, x, y), there - (u0, v0), atol=1e-9)
    np.testing.assert_array_equal(
        part.metadata.Stereo.Disc.pattern, calibrated.metadata.Stereo.Disc.pattern[v0:, u0:]
    )


def test_one_pattern_keeps_its_own_centre(calibrated):
    one = calibrated.inav[7, 2]
    np.testing.assert_allclose(one.metadata.Stereo.Disc.centre, true_centre(7, 2), atol=0.1)


def test_mirrored_disc_is_forgotten(calibrated):
    mirrored = calibrated.isig[::-1, :]
    with pytest.raises(ValueError, match="calibrate_disc"):
        mirrored.virtual_stereo(direction=0.0, rotation=0.0)


def test_views_of_a_crop_are_crops_of_the_views(calibrated):
    options = {"direction": 30.0, "rotation": -30.0, "show_progressbar": False}
    whole = calibrated.virtual_stereo(**options)
    part = calibrated.inav[2:9, 1:8].isig[2:, 3:].virtual_stereo(**options)
    # The mean pattern is that of the whole scan, blurred by its descan.
    np.testing.assert_allclose(part.incidence, whole.incidence, atol=0.1)
    # The masks follow the descan in quarters of a pixel, counted from each scan's middle.
    np.testing.assert_allclose(part.data, whole.isig[2:9, 1:8].data, rtol=0.03)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("ending", ["zspy", "hspy"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_calibration_is_saved(calibrated, ending, lazy, tmp_path):
    calibrated.save(tmp_path / f"scan.{ending}")
    loaded = hs.load(tmp_path / f"scan.{ending}", lazy=lazy)
    assert type(loaded).__name__ == "Lazy" * lazy + "Diffraction4DStereo"
    options = {"direction": 10.0, "rotation": 0.0, "show_progressbar": False}
    views, again = calibrated.virtual_stereo(**options), loaded.virtual_stereo(**options)
    if lazy:
        assert type(again).__name__ == "LazyStereoPair"
        again.compute(show_progressbar=False)
    np.testing.assert_allclose(again.incidence, views.incidence)
    np.testing.assert_allclose(again.data, views.data, rtol=1e-6)


def test_pyxem_s_signal_keeps_axes_and_metadata(calibrated):
    source = ElectronDiffraction2D(calibrated.data)
    source.metadata.General.title = "scan 7"
    source.set_experimental_parameters(beam_energy=200.0)
    source.axes_manager.signal_axes[0].scale = 0.7
    source.axes_manager.navigation_axes[1].units = "nm"
    before = [axis.get_axis_dictionary() for axis in source.axes_manager._axes]
    source.set_signal_type("Diffraction4D-Stereo")
    assert type(source) is Diffraction4DStereo
    assert [axis.get_axis_dictionary() for axis in source.axes_manager._axes] == before
    assert source.metadata.General.title == "scan 7"
    assert source.beam_energy == 200.0
    assert hasattr(source, "get_azimuthal_integral2d")


def test_metadata_of_the_scan_reach_the_views(calibrated):
    calibrated.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 300.0)
    pair = calibrated.virtual_stereo(direction=0.0, rotation=0.0, show_progressbar=False)
    assert pair.metadata.Acquisition_instrument.TEM.beam_energy == 300.0
    assert pair.metadata.Acquisition_instrument.TEM.convergence_angle == 60
    assert pair.axes_manager.signal_axes[0].scale == 2.0
    assert pair.axes_manager.signal_axes[0].units == "nm"
    assert pair.metadata.Stereo.kikuchi_azimuth == 0.0


def test_a_known_kikuchi_line_is_taken(calibrated):
    signal = calibrated.deepcopy()
    signal.metadata.set_item("Stereo.kikuchi_width", 4.0)
    assert signal.calibrate_kikuchi(g=(0, -2)) is signal
    assert signal.metadata.Stereo.kikuchi_azimuth == pytest.approx(0)
    assert signal.calibrate_kikuchi(g=(1, 1)).metadata.Stereo.kikuchi_azimuth == pytest.approx(135)
    stereo = signal.calibrate_kikuchi(azimuth=190).metadata.Stereo
    assert stereo.kikuchi_azimuth == pytest.approx(10)
    assert stereo.kikuchi_offset == 0
    # what an earlier measurement said about its width no longer holds
    assert not stereo.has_item("kikuchi_width")


def test_a_known_rotation_is_taken(calibrated):
    signal = calibrated.deepcopy()
    signal.metadata.set_item("Stereo.scan_rotation_sigma", 0.3)
    signal.metadata.set_item("Stereo.defocus", 50.0)
    assert signal.calibrate_rotation(30, scan_flip=True) is signal
    stereo = signal.metadata.Stereo
    assert (stereo.scan_rotation, stereo.scan_flip) == (30.0, True)
    assert not stereo.has_item("scan_rotation_sigma")
    assert not stereo.has_item("defocus")
    assert signal.calibrate_rotation(-10).metadata.Stereo.scan_flip is True


def test_descan_is_left_out_on_request(calibrated):
    signal = calibrated.deepcopy().calibrate_disc(60, descan=False, show_progressbar=False)
    assert not signal.metadata.Stereo.Disc.has_item("descan")
    assert signal.metadata.Stereo.Disc.radius == pytest.approx(RADIUS, abs=0.5)


def test_mean_pattern_is_that_of_numpy(calibrated):
    expected = calibrated.data.mean(axis=(0, 1))
    for signal in (calibrated, calibrated.as_lazy()):
        np.testing.assert_allclose(signal.mean_pattern(show_progressbar=False), expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.swap_axes(0, 1),
        lambda s: s.swap_axes(2, 3),
        lambda s: s.T,
        lambda s: s.flip_diffraction_y(),
        lambda s: s.rotate_diffraction(45),
        lambda s: s.shift_diffraction(3, 0, inplace=False, show_progressbar=False),
    ],
)
def test_turned_data_forget_their_calibration(calibrated, change):
    signal = calibrated.deepcopy().calibrate_rotation(20.0)
    changed = change(signal)
    with pytest.raises(ValueError, match="calibrate"):
        changed.virtual_stereo(direction=0.0)
    assert changed.metadata.get_item("Stereo.scan_rotation") is None


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("rows", "columns"), [(-1, 1), (1, -1), (-1, -1)])
def test_mirrored_scan_sees_from_mirrored_directions(calibrated, rows, columns, flip):
    calibrated.calibrate_rotation(33.0, scan_flip=flip)
    mirrored = calibrated.inav[::columns, ::rows]
    options = {"positions": [[26.0, 18.0], [17.0, 22.0]], "show_progressbar": False}
    there, here = calibrated.virtual_stereo(**options), mirrored.virtual_stereo(**options)

    def directions(pair):
        """Incidences in the axes of the scan that the views were made from."""
        turn = np.deg2rad(pair.metadata.Stereo.parallax_azimuth)
        back = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        return pair.incidence @ np.transpose(back)

    np.testing.assert_allclose(directions(here), directions(there) * (columns, rows), atol=0.2)


def test_dead_pixels_are_cropped_with_the_patterns(calibrated):
    dead = np.zeros(FRAME, bool)
    dead[7, 9] = dead[30, 12] = True
    signal = calibrated.deepcopy()
    signal.metadata.set_item("Stereo.dead_pixels", dead)
    part = signal.isig[5:, 3:25]
    np.testing.assert_array_equal(part.metadata.Stereo.dead_pixels, dead[3:25, 5:])


@pytest.mark.parametrize("lazy", [False, True])
def test_seams_of_a_quad_detector_are_left_out(shared_data, lazy):
    path = shared_data / "mib" / "Quad_9_Frame_CounterDepth_12_Rows_256.mib"
    signal = hs.load(path, lazy=lazy, signal_type="Diffraction4D-Stereo")
    dead = np.asarray(signal.metadata.Stereo.dead_pixels)
    assert dead.shape == (512, 512)
    assert dead[255:257].all()
    assert dead[:, 255:257].all()
    assert dead.sum() == 4 * 512 - 4
    views = signal.inav[:4]
    assert views.metadata.Stereo.dead_pixels.sum() == dead.sum()
