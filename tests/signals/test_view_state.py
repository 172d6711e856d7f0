"""What stacks of views know must survive slicing, copying, mapping, saving and going lazy."""

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyperspy_stereo import DislocationMap, ParticleMap, StereoPair

QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def view_stacks(draw, classes=(StereoPair, DislocationMap, ParticleMap)):
    """A stack of 2 to 5 views of any class with incidences, calibration and a transform."""
    n_views = draw(st.integers(2, 5))
    shape = draw(st.tuples(st.integers(16, 24), st.integers(16, 24)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    signal = draw(st.sampled_from(classes))(rng.random((n_views, *shape)))
    signal.set_incidence(
        rng.uniform(-80, 80, (n_views, 2)), draw(st.sampled_from(["tilt", "tiltless"]))
    )
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units, axis.offset = 2.5, "nm", 10.0
    signal._write_view_transform(rng.uniform(-1, 1, (2, 3)))
    return signal


def scan_position(signal, x, y):
    """Where pixel (x, y) of a view lies in the scan, by the signal's own metadata."""
    matrix = signal.view_transform
    return matrix[:, :2] @ (x, y) + matrix[:, 2]


@QUICK
@given(signal=view_stacks(), data=st.data())
def test_incidence_follows_any_slice_of_views(signal, data):
    start = data.draw(st.integers(0, signal.n_views - 1))
    step = data.draw(st.sampled_from([1, 2, -1]))
    part = signal.inav[start::step]
    assert type(part) is type(signal)
    np.testing.assert_array_equal(part.incidence, signal.incidence[start::step])
    if part.n_views > 1:
        assert part.metadata.Stereo.angle == pytest.approx(part.stereo_angle)
    one = signal.inav[start]
    np.testing.assert_array_equal(one.incidence, signal.incidence[[start]])
    assert one.geometry == signal.geometry


@QUICK
@given(signal=view_stacks(), data=st.data())
def test_transform_to_the_scan_follows_any_crop(signal, data):
    width, height = signal.axes_manager.signal_shape
    x0, y0 = data.draw(st.integers(0, width - 2)), data.draw(st.integers(-height + 1, height - 2))
    step = data.draw(st.sampled_from([1, 2]))
    part = signal.isig[x0::step, y0:]
    first_row = y0 if y0 >= 0 else height + y0
    np.testing.assert_allclose(scan_position(part, 0, 0), scan_position(signal, x0, first_row))
    np.testing.assert_allclose(
        scan_position(part, 1, 1), scan_position(signal, x0 + step, first_row + 1)
    )
    np.testing.assert_array_equal(part.incidence, signal.incidence)


@QUICK
@given(signal=view_stacks(), lazy=st.booleans())
def test_state_survives_copy_map_and_lazy(signal, lazy):
    source = signal.as_lazy() if lazy else signal
    for other in (
        source.deepcopy(),
        source.map(lambda image: image * 2, inplace=False, show_progressbar=False),
        source * 2,
        source.as_lazy() if not lazy else source,
    ):
        np.testing.assert_array_equal(other.incidence, signal.incidence)
        assert other.geometry == signal.geometry
        assert other.stereo_angle == pytest.approx(signal.stereo_angle)
        assert other._signal_type == signal._signal_type
    if lazy:
        source.compute(show_progressbar=False)
        assert type(source) is type(signal)
        np.testing.assert_array_equal(source.incidence, signal.incidence)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@settings(parent=QUICK, max_examples=8)
@given(signal=view_stacks(), lazy=st.booleans(), ending=st.sampled_from(["zspy", "hspy"]))
def test_state_survives_save_and_load(signal, lazy, ending, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / f"views.{ending}"
    signal.save(path)
    loaded = hs.load(path, lazy=lazy)
    assert type(loaded).__name__ == ("Lazy" if lazy else "") + type(signal).__name__
    np.testing.assert_array_equal(loaded.incidence, signal.incidence)
    np.testing.assert_array_equal(loaded.data, signal.data)
    np.testing.assert_allclose(scan_position(loaded, 3, 4), scan_position(signal, 3, 4))
    assert loaded.axes_manager.signal_axes[0].get_axis_dictionary() == (
        signal.axes_manager.signal_axes[0].get_axis_dictionary()
    )


def test_changing_a_copy_leaves_the_original(rng_pair):
    copy = rng_pair.deepcopy()
    copy.set_incidence([[1, 2], [3, 4]])
    assert rng_pair.stereo_angle == pytest.approx(8)


@pytest.fixture
def rng_pair():
    images = np.random.default_rng(3).random((2, 40, 48))
    return StereoPair.from_images(*images, stereo_angle=8, pixel_size=2, units="nm")


@pytest.fixture
def masks():
    masks = np.zeros((2, 40, 48), bool)
    masks[0, 5:35, 20:23] = masks[1, 5:35, 25:28] = True
    return masks


def test_images_of_a_map_are_cropped_with_it(rng_pair, masks):
    maps = DislocationMap.from_masks(masks, rng_pair)
    part = maps.inav[1].isig[4:30, 2:]
    np.testing.assert_array_equal(part.attached("images")[0], rng_pair.data[1, 2:, 4:30])
    np.testing.assert_array_equal(part.mask()[0], masks[1, 2:, 4:30])


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("ending", ["zspy", "hspy"])
@pytest.mark.parametrize("lazy", [False, True])
def test_images_of_a_map_are_saved_with_it(rng_pair, masks, ending, lazy, tmp_path):
    DislocationMap.from_masks(masks, rng_pair).save(tmp_path / f"maps.{ending}")
    loaded = hs.load(tmp_path / f"maps.{ending}", lazy=lazy)
    np.testing.assert_array_equal(loaded.attached("images"), rng_pair.data)
    np.testing.assert_array_equal(loaded.mask(), masks)


def test_what_reconstruct_is_told_reaches_the_network(rng_pair, masks):
    maps = DislocationMap.from_masks(masks, rng_pair)
    network = maps.reconstruct(min_confidence=0, foil_thickness=80)
    assert (network.units, network.pixel_size, network.geometry) == ("nm", 2.0, "tilt")
    assert (network.foil_thickness, network.foil_thickness_error) == (80.0, 0.0)
    assert network.n_lines == 1
    long = maps.reconstruct(min_confidence=0, min_length=500)
    assert long.n_lines == 0
    short = long.rejected.set_index("reason").loc["too short", "length"]
    assert short == pytest.approx(network.total_length, rel=0.3)


def test_rebinned_map_refuses_images_of_another_size(rng_pair, masks):
    maps = DislocationMap.from_masks(masks.astype(float), rng_pair)
    small = maps.rebin(scale=(1, 2, 2)) / 4
    with pytest.raises(ValueError, match="rebin the pair before"):
        small.attached("images")


def test_one_image_is_a_map_of_one_view():
    image = np.zeros((20, 30))
    image[5:9] = 0.7
    maps = DislocationMap(image)
    assert maps.n_views == 1
    assert maps.mask().shape == (1, 20, 30)
    assert maps.mask().sum() == 4 * 30
    assert maps.mask(0.8).sum() == 0


@pytest.mark.parametrize("angle", [0.5, 8, 40])
def test_angle_given_is_the_angle_told(angle):
    pair = StereoPair.from_images(*np.zeros((2, 20, 20)), stereo_angle=angle)
    assert pair.stereo_angle == pytest.approx(angle)
    assert pair.metadata.Stereo.angle == pytest.approx(angle)
    assert pair.incidence[0, 0] > 0 > pair.incidence[1, 0]


def test_segments_know_their_directions():
    views = StereoPair.from_segments(np.zeros((4, 20, 20)), 3.0, azimuths=[0, 90, 180, 270])
    half = np.deg2rad(1.5) * 1000
    np.testing.assert_allclose(
        views.incidence, [[half, 0], [0, half], [-half, 0], [0, -half]], atol=1e-9
    )
    assert views.geometry == "tiltless"


def test_calibration_and_metadata_of_signals_are_kept():
    left = hs.signals.Signal2D(np.random.default_rng(0).random((20, 30)))
    left.metadata.General.title = "foil"
    left.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
    left.original_metadata.set_item("Camera.name", "A")
    for axis, scale in zip(left.axes_manager.signal_axes, (1.25, 1.25), strict=True):
        axis.scale, axis.units, axis.offset = scale, "nm", -5.0
    pair = StereoPair.from_images(left, left.deepcopy(), stereo_angle=6)
    axis = pair.axes_manager.signal_axes[0]
    assert (axis.scale, axis.units, axis.offset) == (1.25, "nm", -5.0)
    assert pair.metadata.General.title == "foil"
    assert pair.metadata.Acquisition_instrument.TEM.beam_energy == 200.0
    assert pair.original_metadata.Camera.name == "A"
    assert left._signal_type == ""


def test_lazy_images_stay_lazy():
    left = hs.signals.Signal2D(np.random.default_rng(0).random((20, 30))).as_lazy()
    pair = StereoPair.from_images(left, left, stereo_angle=6)
    assert type(pair).__name__ == "LazyStereoPair"
    np.testing.assert_array_equal(pair.inav[1].data.compute(), left.data.compute())


def test_mirrored_views_look_from_mirrored_directions(rng_pair):
    np.testing.assert_array_equal(rng_pair.isig[::-1].incidence, rng_pair.incidence * (-1, 1))
    np.testing.assert_array_equal(rng_pair.isig[:, ::-1].incidence, rng_pair.incidence * (1, -1))


def test_transform_follows_rebin_crop_and_new_calibration(rng_pair):
    rng_pair._write_view_transform([[0.8, -0.6, 3.0], [0.6, 0.8, -2.0]])
    small = rng_pair.rebin(scale=(1, 2, 2))
    np.testing.assert_allclose(scan_position(small, 3, 4), scan_position(rng_pair, 6.5, 8.5))
    cropped = rng_pair.deepcopy()
    cropped.crop_signal(4, 30, 7, 40)
    np.testing.assert_allclose(scan_position(cropped, 0, 0), scan_position(rng_pair, 7, 4))
    calibrated = rng_pair.deepcopy()
    for axis in calibrated.axes_manager.signal_axes:
        axis.scale, axis.units = 0.37, "um"
    np.testing.assert_allclose(scan_position(calibrated, 9, 5), scan_position(rng_pair, 9, 5))


def test_turned_views_forget_their_directions(rng_pair):
    with pytest.raises(ValueError, match="set_incidence"):
        rng_pair.swap_axes("x", "y").stereo_angle


def test_refused_incidence_changes_nothing(rng_pair):
    with pytest.raises(ValueError, match="mrad"):
        rng_pair.set_incidence([[1e9, 0], [-1e9, 0]])
    assert rng_pair.stereo_angle == pytest.approx(8)
