"""The truth of views: lines, masks and maps against places computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_stereo.geometry import depth_from_disparity
from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault
from hyperspy_stereo.simulation.imaging.foil_lines import lines_in_foil
from hyperspy_stereo.simulation.imaging.microscope import Microscope, ScanNoise
from hyperspy_stereo.simulation.imaging.stereo_views import segment_views, stereo_views
from hyperspy_stereo.simulation.imaging.tilt_views import tilt_views
from hyperspy_stereo.simulation.imaging.truth_maps import truth_of
from hyperspy_stereo.simulation.imaging.view_geometry import ViewGeometry
from hyperspy_stereo.simulation.specimen import Boundary, Specimen, SurfaceSpot

BEAM = TwoBeam([0.0, 5.0, 0.0], 0.0, 40.0, 660.0, 600.0)
SLOPE = np.tan(np.deg2rad(3))


def inclined(x=60.0, size=(120.0, 100.0), thickness=100.0, burgers=(0.0, 0.2, 0.0)):
    """A line at constant x that goes down through the foil as y grows: z = y."""
    line = Dislocation([[x, 20, 20], [x, 60, 60]], burgers)
    return Specimen(size, thickness, BEAM, (line,), ("threading",))


def test_lines_end_on_the_faces_and_count_depth_from_the_plane_of_no_disparity():
    truth = stereo_views(inclined(), Microscope.noiseless(focus_depth=30.0)).truth
    (line,) = truth.lines
    assert line[0] == pytest.approx([60, 0, -30])
    assert line[-1] == pytest.approx([60, 100, 70])
    assert np.linalg.norm(np.diff(line, axis=0), axis=1).max() <= 1 + 1e-9
    assert truth.kinds == ["threading"]


@pytest.mark.parametrize("focus", [None, 0.0])
@pytest.mark.parametrize("pixel", [1.0, 2.0])
def test_maps_of_an_inclined_line_lie_where_its_rays_cross_the_focus(focus, pixel):
    microscope = Microscope.noiseless(pixel_size=pixel, focus_depth=focus)
    truth = stereo_views(inclined(), microscope, stereo_angle=6).truth
    plane = 50.0 if focus is None else focus
    rows, count = np.arange(10, 90), 0
    for view, side in enumerate((1, -1)):
        for y in rows[:: int(pixel * 5)]:
            row = int(y / pixel)
            z = row * pixel - plane
            x = (60 - side * SLOPE * z) / pixel
            columns = np.flatnonzero(truth.line_mask[view, row])
            count += len(columns)
            if len(columns) == 0:
                continue
            assert columns.mean() == pytest.approx(x, abs=0.6)
            assert np.abs(columns - x).max() <= 1.6
            assert truth.depth[view, row, columns] == pytest.approx(z, abs=0.3 * pixel)
            expected = 2 * SLOPE * z / pixel
            assert truth.disparity[view, row, columns] == pytest.approx(expected, abs=0.05)
    assert count > 0.8 * 3 * 2 * len(rows[:: int(pixel * 5)])


def test_depth_and_disparity_obey_the_formulas_of_the_package():
    for views, geometry in (
        (stereo_views(inclined(), Microscope.noiseless(), stereo_angle=6), "tiltless"),
        (tilt_views(inclined(), (3, -3), Microscope.noiseless()), "tilt"),
    ):
        truth = views.truth
        assert truth.geometry == geometry
        seen = truth.line_mask
        depth = depth_from_disparity(truth.disparity[seen], 6.0, geometry)
        assert depth == pytest.approx(truth.depth[seen], abs=0.02)
        assert np.isnan(truth.disparity[~seen]).all()
        assert np.isnan(truth.depth[~seen]).all()
        assert (truth.line_index[seen] == 0).all()
        assert (truth.line_index[~seen] == -1).all()


def test_a_segment_pair_measures_disparity_along_its_own_axis():
    views = segment_views(
        inclined(), Microscope.noiseless(), 4, 5, (60.0, 240.0), width=40.0, n_samples=6
    )
    truth = views.truth
    apart = np.linalg.norm(truth.incidence[0] - truth.incidence[1]) / 1000
    seen = truth.line_mask
    assert seen.any()
    assert truth.disparity[seen] == pytest.approx(apart * truth.depth[seen], abs=1e-3)
    assert np.abs(truth.disparity[seen]).max() > 0.3


def test_only_lines_with_contrast_are_in_the_mask():
    hidden = inclined(burgers=(0.2, 0.0, 0.0))
    screw = Dislocation([[20.0, 50, 50], [100.0, 50, 50]], (0.2, 0.0, 0.0))
    hidden = replace(hidden, dislocations=(screw,), kinds=("hidden",))
    truth = stereo_views(hidden, Microscope.noiseless()).truth
    assert len(truth.lines) == 1
    assert not truth.visible[0].any()
    assert not truth.line_mask.any()
    shown = replace(hidden, dislocations=(Dislocation(screw.points, (0.0, 0.2, 0.0)),))
    truth = stereo_views(shown, Microscope.noiseless()).truth
    assert truth.visible[0].mean() > 0.9


def test_a_hidden_line_does_not_show_where_a_visible_one_crosses_it():
    screw = Dislocation([[0.0, 50, 50], [120.0, 50, 50]], (0.2, 0.0, 0.0))
    both = replace(
        inclined(), dislocations=(*inclined().dislocations, screw), kinds=("seen", "hidden")
    )
    truth = stereo_views(both, Microscope.noiseless()).truth
    by_kind = dict(zip(truth.kinds, truth.visible, strict=True))
    assert by_kind["seen"].mean() > 0.8
    assert not by_kind["hidden"].any()


def test_mask_pixels_stand_out_from_their_neighbourhood():
    truth = stereo_views(inclined(size=(160.0, 100.0), x=80.0), Microscope.noiseless()).truth
    for clean, mask in zip(truth.clean, truth.line_mask, strict=True):
        for row in np.flatnonzero(mask.any(axis=1))[5:-5]:
            columns = np.flatnonzero(mask[row])
            far = clean[row, [columns[0] - 40, columns[-1] + 40]].mean()
            near = clean[row, columns[0] - 6 : columns[-1] + 7]
            assert np.abs(near / far - 1).max() > 0.04


def test_crossing_lines_of_different_depth_are_ambiguous_there_only():
    lines = (
        Dislocation([[0.0, 50, 10], [120, 51, 10]], (0.0, 0.2, 0.1)),
        Dislocation([[60.0, 0, 90], [61, 100, 90]], (0.0, 0.2, 0.0)),
    )
    crossed = Specimen((120.0, 100.0), 100.0, BEAM, lines, ("a", "b"))
    truth = stereo_views(crossed, Microscope.noiseless()).truth
    for view, side in enumerate((1, -1)):
        rows, columns = np.nonzero(truth.ambiguous[view])
        at = 60.5 - side * SLOPE * 40, 50.5
        assert 4 <= len(rows) < 60
        assert np.hypot(columns - at[0], rows - at[1]).max() < 6
    level = replace(
        crossed,
        dislocations=(lines[0], Dislocation(lines[1].points - (0, 0, 79), (0.0, 0.2, 0.0))),
    )
    assert not stereo_views(level, Microscope.noiseless()).truth.ambiguous.any()


def test_a_line_along_the_beam_is_ambiguous():
    upright = replace(
        inclined(), dislocations=(Dislocation([[60.0, 50, 0], [60, 51, 100]], (0.0, 0.2, 0.0)),)
    )
    truth = stereo_views(upright, Microscope.noiseless(), stereo_angle=6).truth
    assert truth.line_mask.any()
    assert truth.ambiguous[truth.line_mask].mean() > 0.9


def test_the_trace_of_a_boundary_runs_between_its_lines_on_both_faces():
    # through (60, y, 50), rising by 45 degrees: entrance face at x = 10, exit face at x = 110
    plane = Boundary(np.array([60.0, 0, 50]), np.array([1.0, 0, -1]) / np.sqrt(2))
    parted = Specimen((120.0, 20.0), 100.0, BEAM, boundaries=(plane,), grain_deviations=(0.0, 0.01))
    truth = stereo_views(parted, Microscope.noiseless()).truth
    for view, side in enumerate((1, -1)):
        columns = np.flatnonzero(truth.boundary_mask[view, 10])
        first, last = 10 + side * SLOPE * 50, 110 - side * SLOPE * 50
        assert columns[0] == pytest.approx(first, abs=2.5)
        assert columns[-1] == pytest.approx(last, abs=2.5)
        assert len(columns) == columns[-1] - columns[0] + 1
        clean = truth.clean[view, 10]
        assert np.ptp(clean[: columns[0] - 1]) < 0.01 * clean.mean()
    even = replace(parted, grain_deviations=(0.0, 0.0))
    assert not stereo_views(even, Microscope.noiseless()).truth.boundary_mask.any()


def test_fault_strips_and_blobs_have_their_masks():
    fault = StackingFault([[40, 0, 50], [40, 40, 50]], [[60, 0, 50], [60, 40, 50]], [0, 0.1, 0])
    spot = SurfaceSpot(np.array([90.0, 20.0]), np.array([8.0, 5.0]), 90.0, 0.3, False)
    marked = Specimen((120.0, 40.0), 100.0, BEAM, faults=(fault,), spots=(spot,))
    truth = stereo_views(marked, Microscope.noiseless()).truth
    columns = np.flatnonzero(truth.boundary_mask[0, 20])
    assert columns[[0, -1]] == pytest.approx([40, 60], abs=1)
    assert truth.distractor_mask[0].sum() == pytest.approx(np.pi * 40, rel=0.1)
    rows, columns = np.nonzero(truth.distractor_mask[0])
    assert columns.mean() == pytest.approx(90 + SLOPE * 50, abs=0.3)
    assert np.ptp(rows) > np.ptp(columns)
    whole = StackingFault(fault.edge_a, fault.edge_b, [0, 0.2, 0])
    hidden = replace(marked, faults=(whole,))
    assert not stereo_views(hidden, Microscope.noiseless()).truth.boundary_mask.any()


@pytest.mark.parametrize("angle", [15.0, 40.0])
def test_tilted_lines_reach_the_edges_of_the_image(angle):
    line = Dislocation([[200.0, 10, 20], [210.0, 10, 20]], (0.0, 0.2, 0.0))
    wide = Specimen((400.0, 20.0), 40.0, BEAM, (line,), ("line",))
    truth = tilt_views(wide, (angle, -angle), Microscope.noiseless(pixel_size=2.0)).truth
    assert truth.line_mask.any(axis=1).all()


def test_lines_are_followed_as_far_as_the_thick_side_of_a_wedge_shows_them():
    wedge = np.zeros((3, 3))
    wedge[1, 0] = 50.0
    line = Dislocation([[30.0, 10, 105], [40.0, 10, 105]], (0.0, 0.2, 0.0))
    foil = Specimen((80.0, 20.0), 60.0, BEAM, (line,), ("line",), wedge=wedge)
    microscope = Microscope.noiseless(convergence_angle=100.0)
    truth = stereo_views(foil, microscope, stereo_angle=11).truth
    (deep,) = truth.lines
    # the last pixel of the first view, 79 nm, is the ray that is here at the line's depth
    assert deep[:, 0].max() >= 79 + np.tan(np.deg2rad(5.5)) * (105 - 30)


@pytest.mark.parametrize("width", [1.0, 3.0, 6.0])
def test_lines_in_masks_have_their_width(width):
    level = Dislocation([[60.4, 0, 50], [60.4, 100, 50]], (0.0, 0.2, 0.0))
    specimen = replace(inclined(size=(120.0, 30.0)), dislocations=(level,))
    for views in (
        stereo_views(specimen, Microscope.noiseless(), line_width=width),
        tilt_views(specimen, (3, -3), Microscope.noiseless(), line_width=width),
    ):
        assert (views.truth.line_mask[:, 5:-5].sum(axis=2) == width).all()


def test_lines_below_the_least_contrast_are_not_visible():
    specimen = inclined()
    views, empty = (
        stereo_views(foil, Microscope.noiseless())
        for foil in (specimen, replace(specimen, dislocations=(), kinds=()))
    )
    geometry = ViewGeometry.even(views.incidence, "tiltless", 50.0, (100, 120), 1.0)
    clean, reference = views.truth.clean, empty.truth.clean

    def seen(least):
        truth = truth_of(specimen, geometry, clean, reference, min_contrast=least)
        return int(truth.visible[0].sum())

    # a difference of two averages of a change is never above twice the change itself
    largest = 2 * np.abs(clean / reference - 1).max()
    shown = [seen(least) for least in np.linspace(0, largest, 40)]
    assert shown == sorted(shown, reverse=True)
    # all but the points beyond the last pixel
    assert shown[0] > 0.95 * views.truth.visible[0].size
    assert any(0 < count < shown[0] for count in shown)
    assert shown[-1] == 0


def test_masks_follow_the_drift_of_the_scan():
    level = Dislocation([[60.4, 0, 50], [60.4, 100, 50]], (0.0, 0.2, 0.0))
    specimen = replace(inclined(), dislocations=(level,))
    still = stereo_views(specimen, Microscope.noiseless()).truth
    noise = ScanNoise(row_gain=0, row_jitter=0, drift=25.0, flyback=0)
    moved = stereo_views(specimen, Microscope.noiseless(scan=noise), seed=5).truth

    def places(truth, row):
        return np.flatnonzero(truth.line_mask[0, row]).mean(), np.argmax(truth.clean[0, row])

    apart = [np.subtract(places(moved, row), places(still, row)) for row in (25, 75)]
    assert abs(apart[0][0] - apart[1][0]) > 1.5
    for mask, bright in apart:
        assert mask == pytest.approx(bright, abs=1.01)


def test_pieces_of_a_line_that_leaves_the_foil():
    arc = np.linspace(0, np.pi, 200)
    points = np.column_stack([20 + 60 * arc / np.pi, np.full(200, 50.0), 60 + 90 * np.sin(arc)])
    specimen = Specimen(
        (120.0, 100.0), 100.0, BEAM, (Dislocation(points, [0, 0.2, 0], extend=False),), ("arc",)
    )
    lines, owners = lines_in_foil(specimen, 1.0)
    assert owners == [0, 0]
    assert lines[0][-1, 2] == pytest.approx(100, abs=1e-6)
    assert lines[1][0, 2] == pytest.approx(100, abs=1e-6)
    wedge = np.zeros((3, 3))
    wedge[1, 0] = 40.0
    thin, _ = lines_in_foil(replace(specimen, wedge=wedge), 1.0)
    for end in (thin[0][-1], thin[1][0]):
        assert end[2] == pytest.approx(100 + 40 * (2 * end[0] / 120 - 1), abs=1e-2)


def test_no_lines_give_empty_truth():
    truth = stereo_views(Specimen((32.0, 32.0), 100.0, BEAM), Microscope.noiseless()).truth
    assert truth.lines == []
    assert not truth.line_mask.any()
    assert truth.line_index.dtype == np.int16
