"""Detectors on the disc lie where they were and say what they see."""

import numpy as np
import pytest

from hyperspy_stereo import Diffraction4DStereo, StereoPair
from hyperspy_stereo.simulation import simulate_scan
from hyperspy_stereo.viewer import plot_detectors


@pytest.fixture(scope="module")
def scan():
    truth = simulate_scan((20, 24), (48, 48), seed=3, n_lines=3)
    s = Diffraction4DStereo(truth.stack).calibrate_disc(60, vacuum=truth.vacuum)
    return s.calibrate_kikuchi(azimuth=30.0).calibrate_rotation(rotation=12.0)


def test_circles_line_and_crosses_are_where_they_belong(scan):
    pair = scan.virtual_stereo()
    ax = pair.plot_detectors()
    disc, left, right = ax.patches[:3]
    node = scan.metadata.Stereo.Disc
    assert disc.center == pytest.approx(tuple(node.centre))
    centres = np.array(pair.metadata.Stereo.Detector.centres)
    np.testing.assert_allclose([left.get_center(), right.get_center()], centres)
    line = ax.lines[0].get_xydata()
    step = line[1] - line[0]
    assert np.degrees(np.arctan2(step[1], step[0])) % 180 == pytest.approx(30.0)
    crosses = np.array([one.get_xydata()[0] for one in ax.lines[1:3]])
    seen = (crosses - np.array(node.centre)) * 60 / node.radius
    np.testing.assert_allclose(seen, pair.metadata.Stereo.Detector.incidence)
    said = next(t.get_text() for t in ax.texts if "stereo angle" in t.get_text())
    assert f"{pair.stereo_angle:.2f}°" in said


def test_slits_and_a_band_are_drawn(scan):
    slit = scan.virtual_stereo("line", n_views=3, shape="slit").plot_detectors()
    assert slit.patches[1].angle % 180 == pytest.approx(30.0, abs=1)
    assert slit.patches[1].width > 1.5 * slit.patches[1].height
    band = scan.virtual_stereo("band")
    ax = band.plot_detectors()
    assert sum(type(p).__name__ == "Ellipse" for p in ax.patches) == band.n_views
    assert not any("(" in t.get_text() for t in ax.texts)


def test_it_survives_saving_and_slicing(scan, tmp_path):
    import hyperspy.api as hs

    pair = scan.virtual_stereo()
    pair.save(tmp_path / "pair.hspy")
    loaded = hs.load(tmp_path / "pair.hspy").isig[2:-2, :]
    assert len(loaded.plot_detectors().patches) == len(pair.plot_detectors().patches)


def test_views_without_detectors_are_told_so(scan):
    pair = StereoPair.from_images(*np.random.default_rng(0).random((2, 32, 32)), 5)
    with pytest.raises(ValueError, match="virtual_stereo"):
        pair.plot_detectors()
    with pytest.raises(ValueError, match="virtual_stereo"):
        scan.virtual_stereo(segments=4).plot_detectors()


def test_detectors_and_incidences_belong_together():
    with pytest.raises(ValueError, match="for each view"):
        plot_detectors((9, 9), 5, 1.0, [(9, 9)], [(0, 0), (1, 1)], 2)
