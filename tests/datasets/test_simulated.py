"""Simulated signals: axes, metadata, and handedness from the specimen to the viewer."""

import numpy as np
import pytest

from hyperspy_stereo import Diffraction4DStereo, DislocationMap, StereoPair, simulation
from hyperspy_stereo.datasets import simulate_4dstem, simulate_stereo_pair, simulate_tilt_series
from hyperspy_stereo.simulation import Dislocation, Microscope, Specimen, Truth, TwoBeam
from hyperspy_stereo.viewer.camera import to_y_up

THICKNESS = 120.0


def foil(points, size=(160.0, 128.0)):
    """A foil with one screw-like line in contrast; g is along y, so that rows are Kikuchi lines."""
    beam = TwoBeam([0, 5, 0], 0.0, 40, 660, 600)
    return Specimen(size, THICKNESS, beam, (Dislocation(points, [0, 0.2, 0]),), ("line",))


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


def test_something_else_than_a_specimen_is_told():
    with pytest.raises(TypeError, match="random_specimen"):
        simulate_stereo_pair(np.zeros((5, 5)))
