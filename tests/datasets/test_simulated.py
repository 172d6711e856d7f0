"""Simulated signals: axes, metadata, and handedness from the specimen to the viewer."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from hyperspy_stereo import Diffraction4DStereo, DislocationMap, StereoPair, simulation
from hyperspy_stereo.datasets import (
    simulate_4dstem,
    simulate_segments,
    simulate_stereo_pair,
    simulate_tilt_series,
)
from hyperspy_stereo.simulation import (
    Counter,
    Dislocation,
    Microscope,
    ScanNoise,
    Specimen,
    Truth,
    TwoBeam,
)
from hyperspy_stereo.viewer.camera import to_y_up

THICKNESS = 120.0


def foil(points, size=(160.0, 128.0), **known):
    """A foil with one screw-like line in contrast; g is along y, so that rows are Kikuchi lines."""
    beam = TwoBeam([0, 5, 0], 0.0, 40, 660, 600)
    return Specimen(size, THICKNESS, beam, (Dislocation(points, [0, 0.2, 0]),), **known)


# Gets deeper from the upper left to the lower right, by 1 nm per nm in x.
FALLING = [[20, 10, 0], [140, 118, 120]]


def reconstructed(pair, truth):
    network = DislocationMap.from_masks(truth.line_mask, pair).reconstruct()
    assert len(network.points) > 30
    return network


def check_handedness(network, pixel_size=1.0):
    """Depth must grow with x as in the specimen, and be counted from the mid plane."""
    points = network.points_in_scan * pixel_size
    slope, offset = np.polyfit(points[:, 0], points[:, 2], 1)
    assert slope == pytest.approx(1.0, abs=0.12)
    assert np.median(points[:, 2] - (points[:, 0] - 80)) == pytest.approx(0, abs=4)
    assert offset == pytest.approx(-80, abs=14)
    up = to_y_up(network.points)
    # three.js is y-up: deeper is higher, and down in the image is towards the viewer.
    assert np.corrcoef(up[:, 0], up[:, 1])[0, 1] > 0.95
    assert np.corrcoef(network.points[:, 1], up[:, 2])[0, 1] == pytest.approx(-1)
    assert np.linalg.det(to_y_up(np.eye(3))) == pytest.approx(1)


def test_depth_of_a_stereo_pair_has_the_sign_of_the_specimen():
    pair, truth = simulate_stereo_pair(foil(FALLING), stereo_angle=6)
    assert pair.incidence[0, 0] > pair.incidence[1, 0]
    check_handedness(reconstructed(pair, truth))


def test_depth_of_a_tilt_series_has_the_sign_of_the_specimen():
    pair, truth = simulate_tilt_series(foil(FALLING), angles=(4, -4))
    assert pair.geometry == "tilt"
    check_handedness(reconstructed(pair, truth))


def test_images_themselves_have_the_parallax_of_the_specimen():
    line = [[80, -10, 100], [80, 140, 100]]  # level, 40 nm below the mid plane
    clear = Microscope.noiseless()
    pair, truth = simulate_stereo_pair(foil(line), clear, stereo_angle=6)
    profiles = pair.data.mean(axis=1)
    left, right = (np.argmax(np.abs(p - np.median(p))) for p in profiles)
    assert right - left == pytest.approx(40 * np.deg2rad(6), abs=1.01)
    assert np.nanmedian(truth.disparity) == pytest.approx(40 * np.deg2rad(6), abs=0.1)
    assert np.nanmedian(truth.depth) == pytest.approx(40, abs=0.5)


def test_pairs_have_calibrated_axes_and_tell_their_origin():
    microscope = Microscope(voltage=200.0, pixel_size=2.0, dose=800.0)
    pair, truth = simulate_stereo_pair(foil(FALLING), microscope, seed=7, stereo_angle=5, n_views=3)
    assert isinstance(pair, StereoPair)
    assert isinstance(truth, Truth)
    assert pair.data.shape == (3, 64, 80) == truth.line_mask.shape
    assert [(a.scale, a.units) for a in pair.axes_manager.signal_axes] == [(2.0, "nm")] * 2
    assert pair.stereo_angle == pytest.approx(5)
    np.testing.assert_allclose(pair.incidence, truth.incidence)
    tem = pair.metadata.Acquisition_instrument.TEM
    assert (tem.beam_energy, tem.convergence_angle) == (200.0, 60.0)
    np.testing.assert_allclose(np.abs(pair.metadata.Sample.Crystal.g), [0, 5, 0], atol=1e-9)
    simulated = pair.metadata.Simulation
    assert (simulated.seed, simulated.dose, simulated.settings.n_views) == (7, 800.0, 3)


def test_the_same_seed_gives_the_same_images_and_another_other_noise():
    one, two, other = (simulate_stereo_pair(foil(FALLING), seed=seed)[0].data for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).mean() > 0.5


def test_pairs_survive_saving(tmp_path):
    import hyperspy.api as hs

    pair, _ = simulate_stereo_pair(foil(FALLING), n_views=2)
    pair.save(tmp_path / "pair.hspy")
    again = hs.load(tmp_path / "pair.hspy")
    assert isinstance(again, StereoPair)
    np.testing.assert_allclose(again.incidence, pair.incidence)
    assert again.metadata.Simulation.seed == 0


SMALL = {"points": [[20, 8, 20], [40, 56, 80]], "size": (64.0, 48.0)}
TINY_SCAN = {"scan_shape": (4, 6), "detector_shape": (16, 16)}
MAKERS = {
    "pair": lambda foil, microscope, **settings: simulate_stereo_pair(foil, microscope, **settings),
    "tilts": lambda foil, microscope, **settings: simulate_tilt_series(
        foil, (3, -3), microscope, **settings
    ),
    "segments": lambda foil, microscope, **settings: simulate_segments(
        foil, microscope, n_samples=4, **settings
    ),
    "scan": lambda foil, microscope, **settings: simulate_4dstem(
        foil, microscope, **TINY_SCAN, **settings
    ),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_metadata_say_what_decided_the_result_and_survive_saving(make, tmp_path):
    import hyperspy.api as hs

    microscope = Microscope(
        dose=np.float64(900.0),
        scan=ScanNoise(row_jitter=0.11, drift=0.7),
        counter=Counter(bits=12, afterglow=0.02),
    )
    signal, _ = make(foil(**SMALL, poisson_ratio=0.21), microscope, seed=np.int64(3))
    signal.save(tmp_path / "made.hspy")
    simulated = hs.load(tmp_path / "made.hspy").metadata.Simulation
    assert simulated.microscope.as_dictionary() == asdict(microscope)
    assert simulated.settings.poisson_ratio == 0.21
    assert simulated.seed == 3


def test_metadata_keep_numbers_and_lists(tmp_path):
    import hyperspy.api as hs

    small = foil(**SMALL)
    descan = [[0.01, 0.0], [0.0, -0.02]]
    made = {
        "tilts": simulate_tilt_series(small, np.array([3.0, 0, -3]))[0],
        "segments": simulate_segments(small, azimuths=(0, 120.0, 240), n_samples=np.int64(4))[0],
        "scan": simulate_4dstem(small, **TINY_SCAN, descan=descan, disc_centre=(7.5, 7.5))[0],
    }
    settings = {}
    for name, signal in made.items():
        signal.save(tmp_path / f"{name}.hspy")
        again = hs.load(tmp_path / f"{name}.hspy")
        settings[name] = again.metadata.Simulation.settings
    assert list(settings["tilts"].angles) == [3.0, 0.0, -3.0]
    assert list(settings["segments"].azimuths) == [0, 120, 240]
    assert (settings["segments"].inner, settings["segments"].n_samples) == (20.0, 4)
    assert list(settings["scan"].scan_shape) == [4, 6]
    assert list(settings["scan"].detector_shape) == [16, 16]
    assert list(settings["scan"].disc_centre) == [7.5, 7.5]
    np.testing.assert_array_equal(settings["scan"].descan, descan)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_specimens_poissons_ratio_counts_unless_another_is_given(make):
    # a mixed line: the field of a screw alone knows no Poisson's ratio
    line = Dislocation([[20, 8, 20], [40, 56, 80]], [0.15, 0.15, 0.1])
    soft = replace(foil(**SMALL, poisson_ratio=0.45), dislocations=(line,))
    stiff = replace(soft, poisson_ratio=0.05)
    clear = Microscope.noiseless(pixel_size=4.0)
    own, other, given = (
        make(specimen, clear, **settings)[0].data
        for specimen, settings in ((soft, {}), (stiff, {}), (stiff, {"poisson_ratio": 0.45}))
    )
    assert (own != other).any()
    np.testing.assert_array_equal(own, given)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_specimen_for_another_voltage_is_refused(make):
    drawn = foil(**SMALL, voltage=300.0)
    with pytest.raises(
        ValueError, match=r"draw it with voltage=200, or use Microscope\(voltage=300"
    ):
        make(drawn, Microscope(voltage=200.0))
    make(drawn, Microscope(voltage=300.1))
    make(foil(**SMALL), Microscope(voltage=120.0))


def test_segments_see_what_their_azimuths_say():
    level = [[80, -10, 100], [80, 140, 100]]  # 40 nm below the mid plane
    views, truth = simulate_segments(
        foil(level), Microscope.noiseless(), azimuths=(0, 180), inner=30, width=6.0, n_samples=16
    )
    assert isinstance(views, StereoPair)
    assert views.data.shape == truth.line_mask.shape == (2, 128, 160)
    assert views.incidence[0, 0] > 20 > -20 > views.incidence[1, 0]
    np.testing.assert_allclose(views.incidence, truth.incidence)
    middle = [np.flatnonzero(mask.any(axis=0)).mean() for mask in truth.line_mask]
    apart = 40 * np.ptp(views.incidence[:, 0]) / 1000
    assert middle[1] - middle[0] == pytest.approx(apart, abs=1.0)


@pytest.mark.parametrize("shape", [(0, 8), (8, -1), (8,), 8, (8.5, 8), "ab"])
def test_a_scan_without_positions_is_told(shape):
    with pytest.raises(ValueError, match="scan_shape must be the rows and columns"):
        simulate_4dstem(foil(**SMALL), scan_shape=shape)


@pytest.fixture(scope="module")
def scan():
    microscope = Microscope(dose=60_000.0, pixel_size=2.0)
    return simulate_4dstem(foil(FALLING), microscope, detector_shape=(32, 32), seed=3)


def test_scans_have_calibrated_axes_and_truth(scan):
    signal, truth = scan
    assert isinstance(signal, Diffraction4DStereo)
    assert isinstance(truth, Truth)
    assert signal.data.shape == (64, 80, 32, 32)
    x, y = signal.axes_manager.navigation_axes
    assert (x.name, x.scale, x.units, y.scale) == ("x", 2.0, "nm", 2.0)
    kx, ky = signal.axes_manager.signal_axes
    assert kx.units == ky.units == "mrad"
    assert kx.value2index(0.0) == round(truth.disc_centre[0])
    assert ky.value2index(0.0) == round(truth.disc_centre[1])
    assert kx.scale * truth.disc_radius == pytest.approx(60.0)
    assert truth.line_mask.shape == (2, 64, 80)


def test_scans_calibrate_to_their_truth(scan):
    signal, truth = scan
    found = signal.deepcopy().calibrate_disc(vacuum=truth.vacuum).metadata.Stereo.Disc
    np.testing.assert_allclose(found.centre, truth.disc_centre, atol=0.1)
    assert found.radius == pytest.approx(truth.disc_radius, abs=0.1)


def test_depth_of_a_scan_has_the_sign_of_the_specimen(scan):
    signal, truth = scan
    signal = signal.deepcopy().calibrate_disc(vacuum=truth.vacuum)
    signal.calibrate_kikuchi(azimuth=truth.kikuchi_azimuth)
    signal.calibrate_rotation(rotation=truth.scan_rotation)
    pair = signal.virtual_stereo()
    # The views' own masks: the true line projected into them.
    line = np.concatenate(truth.lines)
    masks = np.zeros(pair.data.shape, bool)
    to_view = np.linalg.inv(np.vstack([pair.view_transform, [0, 0, 1]]))[:2]
    for view, theta in enumerate(pair.incidence):
        xy = line[:, :2] / truth.pixel_size @ to_view[:, :2].T + to_view[:, 2]
        xy = xy - np.tan(theta / 1000) * line[:, 2:] / truth.pixel_size
        column, row = np.round(xy).astype(int).T
        inside = (row >= 0) & (row < masks.shape[1]) & (column >= 0) & (column < masks.shape[2])
        masks[view, row[inside], column[inside]] = True
        dark = np.median(pair.data[view][masks[view]])
        assert dark < 0.93 * np.median(pair.data[view][pair.data[view] > 0])
    network = DislocationMap.from_masks(masks, pair).reconstruct(min_confidence=0.0)
    points = network.points_in_scan * truth.pixel_size
    assert np.polyfit(points[:, 0], points[:, 2], 1)[0] == pytest.approx(1.0, abs=0.3)


def test_names_are_found_in_the_simulation_too():
    assert simulation.simulate_stereo_pair is simulate_stereo_pair
    assert simulation.simulate_tilt_series is simulate_tilt_series
    assert simulation.simulate_4dstem is simulate_4dstem
    assert simulation.simulate_segments is simulate_segments


@pytest.mark.parametrize("name", simulation.__all__)
def test_every_public_name_is_there(name):
    assert getattr(simulation, name).__name__ == name


def test_something_else_than_a_specimen_is_told():
    with pytest.raises(TypeError, match="random_specimen"):
        simulate_stereo_pair(np.zeros((5, 5)))
