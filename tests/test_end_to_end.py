"""The main job from a scan to lines in nm, eager and lazy, and from the command line."""

import numpy as np
import pytest

import hyperspy_stereo
from hyperspy_stereo import Diffraction4DStereo, DislocationNetwork, demo
from hyperspy_stereo.simulation import depth_errors, simulate_scan
from hyperspy_stereo.simulation.merlin import write_mib


@pytest.fixture(scope="module")
def truth():
    return simulate_scan(seed=11)


def calibrated(signal, truth, **kwargs):
    for axis in signal.axes_manager.navigation_axes:
        axis.scale, axis.units = truth.pixel_size, "nm"
    signal.calibrate_disc(truth.convergence_angle, show_progressbar=False, **kwargs)
    signal.calibrate_kikuchi(show_progressbar=False)
    return signal.calibrate_rotation(show_progressbar=False)


@pytest.fixture(scope="module")
def signal(truth):
    return calibrated(Diffraction4DStereo(truth.stack), truth, vacuum=truth.vacuum)


@pytest.fixture(scope="module")
def network(signal):
    return signal.virtual_stereo().detect_dislocations().reconstruct()


def turned(angle, period):
    """An angle as the smallest deviation from zero, given its period."""
    return (angle + period / 2) % period - period / 2


def test_blind_calibration_finds_the_truth(signal, truth):
    found = signal.metadata.Stereo
    assert np.hypot(*np.subtract(found.Disc.centre, truth.disc_centre)) < 0.1
    assert abs(turned(found.kikuchi_azimuth - truth.kikuchi_azimuth, 180)) < 3
    assert abs(turned(found.scan_rotation - truth.scan_rotation, 360)) < 1


def test_stereo_angle_is_that_of_the_light_in_the_detectors(signal, truth):
    pair = signal.virtual_stereo()
    masks_at = np.asarray(pair.metadata.Stereo.Detector.centres)
    nominal = np.linalg.norm(masks_at[0] - masks_at[1]) * truth.mrad_per_px
    assert pair.stereo_angle == pytest.approx(np.rad2deg(nominal / 1000), abs=0.05)
    assert abs(pair.incidence[0, 1] - pair.incidence[1, 1]) < 0.5
    assert pair.incidence[0, 0] > 0 > pair.incidence[1, 0]


def test_depths_agree_with_the_truth(network, truth):
    error = depth_errors(network.points_in_scan, truth.lines, truth.pixel_size)
    assert np.mean(np.isnan(error)) < 0.15
    assert np.nanmedian(np.abs(error)) < 8
    assert network.units == "nm"
    span = np.ptp(np.concatenate(truth.lines)[:, 2])
    # a few wrong matches lie anywhere: all but the outermost twentieths have to fit
    assert 0.3 * span < np.ptp(np.percentile(network.points[:, 2], [5, 95])) < 1.2 * span


def test_wrong_sign_of_rotation_mirrors_depth(signal, truth, network):
    rotation = signal.metadata.Stereo.scan_rotation + 180
    mirrored = signal.virtual_stereo(rotation=rotation).detect_dislocations().reconstruct()
    error = depth_errors(mirrored.points_in_scan * (1, 1, -1), truth.lines, truth.pixel_size)
    assert np.nanmedian(np.abs(error)) < 8


def test_reprojection_lies_on_the_lines_of_an_unused_view(signal, network):
    middle = signal.virtual_stereo(layout="line", n_views=3).inav[1]
    image = middle.data / np.median(middle.data)
    points = np.concatenate(network.reproject(middle.incidence[0]))
    column, row = np.round(points).astype(int).T
    inside = (row >= 0) & (row < image.shape[0]) & (column >= 0) & (column < image.shape[1])
    assert inside.mean() > 0.95
    on_lines = image[row[inside], column[inside]]
    assert np.median(on_lines) < np.percentile(image, 20)


def test_layouts_see_from_where_they_say(signal):
    for layout, options in {
        "line": {"n_views": 5},
        "band": {"radius": 3.0},
        "disc": {"radius": 5.0},
    }.items():
        views = signal.virtual_stereo(layout=layout, **options)
        assert views.n_views >= 5
        assert np.isfinite(views.data).all()
        assert np.abs(views.incidence).max() < 60
        if layout != "disc":
            spread = np.ptp(views.incidence, axis=0)
            assert spread[0] > 3 * spread[1]
    quadrants = signal.virtual_stereo(segments=4)
    total = quadrants.incidence.sum(axis=0)
    assert quadrants.n_views == 4
    assert np.abs(total).max() < 0.1 * np.abs(quadrants.incidence).max() * 4


def test_lazy_views_are_the_eager_ones(signal, truth):
    lazy = signal.as_lazy()
    eager = signal.virtual_stereo()
    views = lazy.virtual_stereo(show_progressbar=False)
    assert type(views).__name__ == "LazyStereoPair"
    np.testing.assert_allclose(views.data.compute(), eager.data, rtol=1e-5)
    maps = views.detect_dislocations()
    assert type(maps).__name__ == "LazyDislocationMap"
    np.testing.assert_allclose(maps.data.compute(), eager.detect_dislocations().data, atol=1e-4)
    assert len(maps.reconstruct().lines) > 0


@pytest.fixture(scope="module")
def scan_files(truth, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_mib(folder / "scan.mib", truth.stack, truth.stack.shape[:2], counter_depth=12)
    frames = truth.vacuum.reshape(-1, *truth.vacuum.shape[-2:])
    write_mib(folder / "vacuum.mib", frames, (1, len(frames)), counter_depth=12)
    return folder


@pytest.mark.parametrize("lazy", [False, True])
def test_scan_from_a_merlin_file(scan_files, truth, signal, lazy):
    scan = hyperspy_stereo.load(scan_files / "scan.mib", lazy=lazy)
    vacuum = hyperspy_stereo.load(scan_files / "vacuum.mib", lazy=lazy)
    scan = calibrated(scan, truth, vacuum=vacuum)
    views = scan.virtual_stereo(show_progressbar=False)
    if lazy:
        views.compute(show_progressbar=False)
    found, expected = scan.metadata.Stereo.Disc, signal.metadata.Stereo.Disc
    np.testing.assert_allclose(found.centre, expected.centre, atol=0.05)
    assert views.stereo_angle == pytest.approx(signal.virtual_stereo().stereo_angle, abs=0.02)


def test_demo_on_the_user_s_scan(scan_files, truth, tmp_path, capsys):
    arguments = ["--scan", scan_files / "scan.mib", "--vacuum", scan_files / "vacuum.mib"]
    arguments += ["--alpha", truth.convergence_angle, "--pixel", truth.pixel_size]
    assert demo.main([str(a) for a in [*arguments, "--out", tmp_path]]) == 0
    printed = capsys.readouterr().out
    assert "Kikuchi line" in printed
    names = {path.name for path in tmp_path.iterdir()}
    wanted = {"anaglyph.png", "detection.png", "network.png", "network.html"}
    assert wanted | {"network.vtp", "network.csv", "views.hspy"} <= names
    network = DislocationNetwork.load(tmp_path / "network.vtp")
    assert network.units == "nm"
    assert len(network.lines) > 3


def test_demo_on_a_real_pair(shared_data, tmp_path, capsys):
    pair = shared_data / "real_pair_tilted"
    arguments = ["--left", pair / "left.png", "--right", pair / "right.png", "--angle", 4.16]
    assert demo.main([str(a) for a in [*arguments, "--out", tmp_path]]) == 0
    assert "features" in capsys.readouterr().out
    assert len(DislocationNetwork.load(tmp_path / "network.csv").lines) > 5


def test_demo_says_what_is_missing(tmp_path, capsys):
    assert demo.main(["--left", "a.png", "--out", str(tmp_path)]) == 2
    assert "RIGHT=" in capsys.readouterr().err
    assert demo.main(["--scan", "nowhere.mib", "--out", str(tmp_path)]) == 2
    assert "no file" in capsys.readouterr().err
