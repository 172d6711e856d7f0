"""Rules of two detectors that are dragged over a disc; no widget, no data."""

import numpy as np
import pytest

from hyperspy_stereo.viewer.detector_pair import DetectorPair, LiveViews, share_outside
from hyperspy_stereo.views import Disc, layout_positions

DISC = Disc((70.0, 60.0), 40.0, 0.5)
FRAME = (128, 140)


def pair(azimuth=30.0, offset=5.0, radius=12.0):
    return DetectorPair.opposite(DISC, FRAME, radius, azimuth, offset)


def coordinates(detectors):
    """Along and across the Kikuchi line, (2 detectors, 2)."""
    angle = np.deg2rad(detectors.azimuth)
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (np.array(detectors.positions) - DISC.centre) @ axes.T


def test_it_starts_as_virtual_stereo_does():
    expected = layout_positions("pair", DISC, 30.0, 12.0, 2, 5.0)
    assert np.allclose(pair().positions, expected, atol=0.006)


@pytest.mark.parametrize("place", [(90, 70), (20, 90), (500, -300), (70.3, 60.2)])
@pytest.mark.parametrize("which", [0, 1])
def test_snapped_and_linked_detectors_stay_on_the_line_and_opposite(which, place):
    (a0, c0), (a1, c1) = coordinates(pair().moved(which, place))
    assert c0 == pytest.approx(5, abs=0.01)
    assert c1 == pytest.approx(5, abs=0.01)
    assert a0 == pytest.approx(-a1, abs=0.02)
    assert np.hypot(a0, c0) <= DISC.radius + 0.01


def test_free_and_linked_ones_are_mirrored_at_the_discs_centre():
    moved = pair().with_rules(snap=False).moved(0, (80.0, 40.0))
    assert moved.positions == ((80.0, 40.0), (60.0, 80.0))


def test_an_unlinked_one_moves_alone():
    before = pair().with_rules(snap=False, linked=False)
    moved = before.moved(1, (50.0, 70.0))
    assert moved.positions == (before.positions[0], (50.0, 70.0))


def test_middles_stay_inside_disc_and_frame():
    edge = Disc((20.0, 60.0), 40.0, 0.5)
    free = DetectorPair(edge, FRAME, ((40.0, 60.0), (5.0, 60.0)), 8.0, linked=False)
    assert free.moved(1, (-30.0, 60.0)).positions[1] == (0.0, 60.0)
    x, y = free.moved(0, (300.0, 300.0)).positions[0]
    assert np.hypot(x - 20, y - 60) == pytest.approx(40, abs=0.02)


def test_two_never_lie_on_top_of_each_other():
    one = pair()
    assert one.moved(0, (DISC.centre[0] - 2.5, DISC.centre[1] + 4.33)) is one


def test_turning_rules_on_moves_the_detectors():
    free = pair().with_rules(snap=False, linked=False).moved(0, (80.0, 40.0))
    across = coordinates(free.with_rules(snap=True))[:, 1]
    assert across == pytest.approx([5, 5], abs=0.01)
    linked = free.with_rules(linked=True)
    assert np.sum(linked.positions, axis=0) == pytest.approx(2 * np.array(DISC.centre), abs=0.03)


def test_without_a_line_there_is_nothing_to_snap_to():
    blind = DetectorPair.opposite(DISC, FRAME, 12.0)
    assert not blind.snap
    assert blind.line() is None
    with pytest.raises(ValueError, match="calibrate_kikuchi"):
        blind.with_rules(snap=True)


def test_grabbing():
    detectors = pair()
    left, right = np.array(detectors.positions)
    assert detectors.at(left + 3) == 0
    assert detectors.at(right) == 1
    assert detectors.at(DISC.centre) is None


def test_the_share_outside_agrees_with_counted_points():
    points = np.random.default_rng(3).uniform(-1, 1, (400_000, 2))
    points = points[np.hypot(*points.T) < 1] * 12.0
    for distance in (27.0, 30.0, 35.0, 39.0, 47.0):
        counted = np.mean(np.hypot(points[:, 0] + distance, points[:, 1]) > 40.0)
        assert share_outside(distance, 12.0, 40.0) == pytest.approx(counted, abs=0.004)


def test_it_warns_of_a_detector_that_leaves_the_disc_and_of_no_other():
    assert pair().warnings() == []
    moved = pair().with_rules(snap=False, linked=False).moved(0, (107.0, 75.0))
    (warning,) = [w for w in moved.warnings() if "leaves the disc" in w]
    assert warning.startswith("The left detector")
    assert f"{moved.outside[0]:.0%}" in warning
    assert moved.outside[1] == 0


def test_it_warns_of_overlap_and_of_other_diffraction_conditions():
    near = pair().moved(0, (78.0, 68.0))
    assert any("overlap" in w for w in near.warnings())
    off = pair().with_rules(snap=False).moved(0, (50.0, 84.0))
    assert any("Kikuchi" in w for w in off.warnings())


def test_the_code_holds_the_state():
    detectors = pair().with_radius(10.123456)
    (x0, y0), (x1, y1) = detectors.positions
    assert detectors.code("scan", rotation=0) == (
        f"pair = scan.virtual_stereo(positions=[[{x0}, {y0}], [{x1}, {y1}]], radius=10.12, "
        "rotation=0.0)"
    )


def test_the_angle_in_both_units():
    views = LiveViews(np.zeros((2, 2)), np.zeros((2, 2)), 5.0)
    assert views.angle_text == "5.00° = 87.3 mrad"
