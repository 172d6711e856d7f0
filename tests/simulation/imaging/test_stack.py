"""4D stacks: the disc, the rocking curve across it, its geometry, and what the detector does."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest

from hyperspy_stereo.simulation import depth_errors
from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.imaging.microscope import Counter, Microscope, ScanNoise
from hyperspy_stereo.simulation.imaging.scan_stack import scan_stack
from hyperspy_stereo.simulation.specimen import Specimen, SurfaceSpot
from hyperspy_stereo.simulation.two_beam import perfect_crystal

BEAM = TwoBeam([0.0, 5.0, 0.0], 0.004, 40.0, 660.0, 600.0)
EMPTY = Specimen((16.0, 16.0), 60.0, BEAM)
STILL = np.zeros((2, 2))


def quiet(specimen=EMPTY, detector=(128, 128), microscope=None, **changes):
    """A stack without noise, motion or background."""
    microscope = Microscope.noiseless(pixel_size=8.0) if microscope is None else microscope
    fields = {"descan": STILL, "background": 0.0, "vacuum_shape": (2, 2), **changes}
    return scan_stack(specimen, microscope, None, detector, **fields)


def rocking_curves(scan, s):
    """Bright and dark field of the perfect crystal, averaged over the height of a pixel."""
    beam = scan.truth.specimen.beam
    width = np.linalg.norm(scan.g) * scan.mrad_per_px * 1e-3
    steps = (np.arange(15) / 15 - 7 / 15) * width
    values = np.linspace(s.min() - width, s.max() + width, 4000)
    curves = [perfect_crystal(beam.with_s(value), scan.thickness) for value in values]
    return [
        np.mean([np.interp(s + step, values, curve) for step in steps], axis=0)
        for curve in zip(*curves, strict=True)
    ]


@pytest.mark.parametrize(("rotation", "flip"), [(0.0, False), (-18.0, False), (65.0, True)])
def test_the_disc_holds_the_rocking_curves_of_the_perfect_crystal(rotation, flip):
    scan = quiet(scan_rotation=rotation, scan_flip=flip)
    y, x = np.indices(scan.stack.shape[2:])
    move = scan.wavelength * scan.g / (scan.mrad_per_px * 1e-3)
    # electrons of 200 keV have a wavelength of 2.508 pm
    assert np.hypot(*move) == pytest.approx(2.508e-3 * 5 / (scan.mrad_per_px * 1e-3), rel=1e-3)

    def radius(dx, dy):
        return np.hypot(x - scan.disc_centre[0] - dx, y - scan.disc_centre[1] - dy)

    direct, diffracted = radius(0, 0), radius(*move)
    inner, outer = scan.disc_radius - 2.5, scan.disc_radius + 2.5
    pattern = scan.stack[1, 1]
    bright, _ = rocking_curves(scan, scan.deviation(x, y))
    _, dark = rocking_curves(scan, scan.deviation(x - move[0], y - move[1]))
    alone = (direct < inner) & (diffracted > outer)
    assert alone.sum() > 100
    assert np.abs(pattern - bright)[alone].max() < 0.01
    both = (direct < inner) & (diffracted < inner)
    assert np.abs(pattern - bright - dark)[both].max() < 0.02
    crescent = (direct > outer) & (diffracted < inner)
    assert crescent.sum() > 100
    assert np.abs(pattern - dark)[crescent].max() < 0.02
    assert pattern[(direct > outer) & (diffracted > outer + 2)].max() == 0


def test_the_kikuchi_line_lies_where_s_vanishes():
    scan = quiet(scan_rotation=30.0)
    phi = np.deg2rad(scan.kikuchi_azimuth)
    normal = np.array([-np.sin(phi), np.cos(phi)])
    for along in (-20.0, 15.0):
        x, y = (
            scan.disc_centre
            + scan.band_centre * scan.disc_radius * normal
            + along * np.array([np.cos(phi), np.sin(phi)])
        )
        assert scan.deviation(x, y) == pytest.approx(0, abs=1e-9)
    assert scan.parallax_azimuth % 180 == pytest.approx(0, abs=1e-6)


def test_electrons_are_conserved_without_absorption():
    lossless = replace(EMPTY, beam=TwoBeam([0.0, 5.0, 0.0], 0.004, 40.0))
    scan = quiet(lossless)
    totals = scan.stack.sum(axis=(2, 3))
    assert totals == pytest.approx(
        np.broadcast_to(scan.vacuum.sum((2, 3)).mean(), (2, 2)), rel=1e-3
    )


def lines_foil(size=(72.0, 40.0)):
    line = Dislocation([[36.0, 0, 100.0], [36.0, 40, 100.0]], [0.0, 0.2, 0.0])
    return Specimen(size, 120.0, TwoBeam([0.0, 5.0, 0.0], 0.0, 40.0), (line,), ("line",))


@pytest.mark.parametrize(("rotation", "flip"), [(0.0, False), (-18.0, False), (40.0, True)])
def test_a_line_moves_against_the_incidence_in_the_frame_of_the_scan(rotation, flip):
    microscope = Microscope.noiseless(pixel_size=1.0, focus_depth=20.0)
    # a short g: pixels a little off the Kikuchi line then still have nearly its condition
    line = Dislocation([[36.0, 0, 100.0], [36.0, 40, 100.0]], [0.0, 4.0, 0.0])
    short = TwoBeam([0.0, 0.25, 0.0], 0.0, 40.0)
    specimen = Specimen((72.0, 4.0), 120.0, short, (line,), ("line",))
    scan = quiet(specimen, (24, 24), microscope, scan_rotation=rotation, scan_flip=flip)
    phi = np.deg2rad(scan.kikuchi_azimuth)
    profiles, places = [], []
    for side in (6.0, -6.0):
        x, y = np.rint(scan.disc_centre + side * np.array([np.cos(phi), np.sin(phi)])).astype(int)
        theta = scan.to_scan_frame @ (np.array([x, y]) - scan.disc_centre) * scan.mrad_per_px
        places.append(theta[0] / 1000)
        profiles.append(scan.stack[2, :, y, x])
    first, last = (profile - profile.mean() for profile in profiles)
    reach = np.arange(-12, 13)
    inner = np.arange(14, 58)
    score = [((first[inner] - last[inner + k]) ** 2).sum() for k in reach]
    expected = -(places[1] - places[0]) * 80.0
    assert abs(expected) > 4
    assert reach[int(np.argmin(score))] == pytest.approx(expected, abs=1.0)


def test_depths_compare_with_a_reconstruction_and_with_the_focus():
    microscope = Microscope.noiseless(pixel_size=4.0, focus_depth=20.0)
    scan = quiet(lines_foil(), (16, 16), microscope)
    assert scan.focus_depth == pytest.approx(20.0 - 60.0)
    assert scan.lines[0][:, 2] == pytest.approx(80.0)
    error = depth_errors([[9.0, 5.0, 20.0]], scan.lines, scan.pixel_size)
    assert error == pytest.approx([0.0])
    assert scan.truth.incidence[0] @ (1, 0) > scan.truth.incidence[1] @ (1, 0)
    seen = scan.truth.line_mask
    assert seen.any()
    assert (scan.truth.disparity[seen] > 0).all()


def test_descan_moves_the_disc_and_nothing_else():
    plane = np.array([[0.8, 0.1], [-0.3, 0.5]])
    specimen = Specimen((40.0, 40.0), 60.0, BEAM)
    vacuum = replace(specimen, thickness=1e-3)
    scan = quiet(vacuum, (48, 48), descan=plane, edge_width=0.9)
    y, x = np.indices((48, 48))
    for row, column in ((0, 0), (4, 1), (2, 4)):
        pattern = scan.stack[row, column]
        centre = np.array([(pattern * x).sum(), (pattern * y).sum()]) / pattern.sum()
        expected = scan.disc_centre + plane @ (column - 2.0, row - 2.0)
        assert centre == pytest.approx(expected, abs=0.01)
        assert pattern.sum() == pytest.approx(scan.stack[2, 2].sum(), rel=1e-3)


def test_counts_are_poisson_at_the_dose_of_the_disc():
    specimen = Specimen((64.0, 64.0), 1e-3, BEAM)
    microscope = Microscope(pixel_size=2.0, dose=4000.0, scan=ScanNoise.none(), source_size=0)
    scan = scan_stack(specimen, microscope, None, (16, 16), descan=STILL, background=0.01)
    assert scan.stack.dtype == np.uint16
    assert scan.stack.sum((2, 3)).mean() == pytest.approx(
        4000 * (1 + 0.01 * 256 / (np.pi * scan.disc_radius**2)), rel=0.01
    )
    mean, variance = scan.stack.mean((0, 1)), scan.stack.var((0, 1))
    lit = mean > 1
    assert (variance[lit] / mean[lit]).mean() == pytest.approx(1, abs=0.03)
    rate = 4000 / (np.pi * scan.disc_radius**2)
    assert mean[0, 0] == pytest.approx(0.01 * rate, rel=0.25)
    assert scan.vacuum.mean((0, 1)) == pytest.approx(mean, abs=6 * np.sqrt(rate / 64))


def test_bad_pixels_read_the_same_everywhere():
    counter = Counter(bits=8, hot_pixels=3, dead_pixels=2)
    microscope = Microscope(pixel_size=2.0, dose=2000.0, counter=counter)
    specimen = Specimen((16.0, 16.0), 1e-3, BEAM)
    scan = scan_stack(specimen, microscope, None, (16, 16), seed=2, background=0.3)
    rate = 2000 / (np.pi * scan.disc_radius**2)
    same = np.ptp(scan.stack, axis=(0, 1)) == 0
    dead, hot = same & (scan.stack[0, 0] == 0), same & (scan.stack[0, 0] > 0)
    assert dead.sum() == 2
    assert (scan.vacuum[:, :, dead] == 0).all()
    assert hot.sum() == 3
    levels = scan.stack[0, 0, hot]
    assert (levels >= 4 * rate).all()
    assert (levels <= 16 * rate + 1).all()
    assert (scan.vacuum[:, :, hot] == levels).all()
    assert scan.stack[:, :, ~same].max() < 4 * rate


def test_counters_fill_and_the_warning_names_a_dose_that_fits():
    def scan_of(dose):
        microscope = Microscope(pixel_size=2.0, dose=dose, counter=Counter(bits=8))
        return scan_stack(Specimen((16.0, 16.0), 1e-3, BEAM), microscope, None, (16, 16))

    with pytest.warns(UserWarning, match="255") as told:
        full = scan_of(2e5)
    assert full.stack[3, 3, 8, 8] == full.stack.max() == 255
    dose = float(re.search(r"dose=([\d.e+]+)", str(told[0].message))[1])
    assert 1e4 < dose < 255 * np.pi * full.disc_radius**2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitting = scan_of(dose)
    assert (fitting.stack == 255).mean() < 1e-3


def truth_at_pixels(specimen, microscope, **changes):
    """A stack whose pixels (19, 12) and (5, 12) look along the two views of the truth."""
    return quiet(
        specimen,
        (25, 25),
        microscope,
        disc_centre=(12.0, 12.0),
        disc_radius=10.0,
        scan_rotation=0.0,
        **changes,
    )


def test_views_of_the_truth_are_those_of_the_scan_with_its_blobs_and_its_drift():
    noise = ScanNoise(row_gain=0, row_jitter=0, drift=8.0, flyback=2.0)
    microscope = Microscope.noiseless(pixel_size=1.0, scan=noise, source_size=2.0)
    spots = tuple(
        SurfaceSpot(np.array([x, 20.0]), np.array([6.0, 9.0]), 20.0, 0.6, on_exit)
        for x, on_exit in ((6.0, False), (34.0, True))
    )
    specimen = Specimen((44.0, 40.0), 1e-3, BEAM, spots=spots)
    scan = truth_at_pixels(specimen, microscope, seed=3)
    assert scan.truth.incidence[0] == pytest.approx([42.0, 0.0], abs=1e-9)
    assert scan.truth.clean.min() < 0.5
    for view, column in zip(scan.truth.clean, (19, 5), strict=True):
        assert np.abs(scan.stack[:, :, 12, column] - view).max() < 2e-3
    dark = scan.truth.clean < 0.75
    assert scan.truth.distractor_mask[dark].all()


def test_masks_follow_the_drift_of_the_scan():
    line = Dislocation([[40.4, 0, 50], [40.4, 60, 50]], (0.0, 0.2, 0.0))
    specimen = Specimen(
        (80.0, 60.0), 100.0, TwoBeam([0.0, 5.0, 0.0], 0.0, 40.0, 660.0, 600.0), (line,), ("line",)
    )
    noise = ScanNoise(row_gain=0, row_jitter=0, drift=20.0, flyback=0)
    still, moved = (
        quiet(specimen, (16, 16), microscope, seed=5, supersampling=1).truth
        for microscope in (
            Microscope.noiseless(pixel_size=1.0),
            Microscope.noiseless(pixel_size=1.0, scan=noise),
        )
    )

    def places(truth, row):
        return np.flatnonzero(truth.line_mask[0, row]).mean(), np.argmax(truth.clean[0, row])

    apart = [np.subtract(places(moved, row), places(still, row)) for row in (8, 52)]
    assert abs(apart[0][0] - apart[1][0]) > 1.5
    for mask, bright in apart:
        assert mask == pytest.approx(bright, abs=1.01)


def test_a_blob_hides_no_line_from_the_truth():
    blob = SurfaceSpot(np.array([36.0, 20.0]), np.array([10.0, 10.0]), 0.0, 0.9, False)
    microscope = Microscope.noiseless(pixel_size=2.0)
    plain, covered = (
        quiet(foil, (16, 16), microscope).truth.visible[0]
        for foil in (lines_foil(), replace(lines_foil(), spots=(blob,)))
    )
    assert plain.any()
    assert np.array_equal(plain, covered)


def test_a_stack_carries_its_microscope():
    given = Microscope(pixel_size=4.0, voltage=80.0)
    assert scan_stack(EMPTY, given, None, (16, 16)).microscope is given
    made = scan_stack(EMPTY, None, (4, 8), (16, 16)).microscope
    assert (made.pixel_size, made.dose) == (2.0, 60_000.0)


def test_pixels_made_for_a_shape_keep_the_scan_inside_the_field():
    flat = replace(EMPTY, size=(32.0, 16.0))
    assert scan_stack(flat, None, (8, 8), (16, 16)).pixel_size == pytest.approx(2.0)


def test_afterglow_leaves_a_share_of_the_pattern_before():
    spot = SurfaceSpot(np.array([8.0, 8.0]), np.array([3.0, 3.0]), 0.0, 1.0, False)
    dark = Specimen((18.0, 16.0), 1e-3, BEAM, spots=(spot,))
    patterns = {}
    for share in (0.0, 0.25):
        microscope = Microscope.noiseless(
            pixel_size=2.0, counter=Counter(afterglow=share), focus_depth=0.0
        )
        patterns[share] = quiet(dark, (16, 16), microscope).stack[4].sum(axis=(1, 2))
    plain, late = patterns[0.0], patterns[0.25]
    assert plain[4] < 0.02 * plain[0]
    assert late[1:] == pytest.approx(0.75 * plain[1:] + 0.25 * plain[:-1], abs=0.1)


def test_rows_of_the_scan_are_shaken_by_the_rms_of_the_jitter():
    noise = ScanNoise(row_gain=0, row_jitter=0.5, drift=0, flyback=0)
    spot = SurfaceSpot(np.array([20.0, 0.0]), np.array([9.0, 4000.0]), 0.0, 0.8, False)
    band = Specimen((40.0, 160.0), 1e-3, BEAM, spots=(spot,))
    microscope = Microscope.noiseless(pixel_size=1.0, scan=noise)
    dark = 1 - quiet(band, (16, 16), microscope).stack[:, :, 8, 8]
    where = (dark @ np.arange(40)) / dark.sum(axis=1)
    assert where.mean() == pytest.approx(20.0, abs=0.15)
    assert where.std() == pytest.approx(0.5, rel=0.15)


def test_same_seed_same_counts_and_another_seed_differs():
    a, b, c = (scan_stack(EMPTY, None, (4, 4), (16, 16), seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(a.stack, b.stack)
    assert np.array_equal(a.vacuum, b.vacuum)
    assert not np.array_equal(a.stack, c.stack)


def test_counts_do_not_depend_on_the_number_of_threads():
    import numba

    all_threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = scan_stack(lines_foil((16.0, 16.0)), None, (6, 6), (16, 16), seed=1).stack
    finally:
        numba.set_num_threads(all_threads)
    many = scan_stack(lines_foil((16.0, 16.0)), None, (6, 6), (16, 16), seed=1).stack
    assert np.array_equal(one, many)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"detector_shape": (8, 8)}, "16 x 16"),
        ({"scan_shape": (0, 4)}, "scan_shape"),
        ({"detector_shape": (16, 8)}, "16 x 16"),
        ({"scan_shape": (900, 900), "detector_shape": (512, 512)}, "GB"),
        ({"scan_shape": (256, 256), "detector_shape": (221, 221)}, "19 GB"),
        ({"microscope": Microscope(pixel_size=3.0), "scan_shape": (4, 9)}, r"\(5, 5\)"),
        ({"scan_shape": (0, 8)}, "scan_shape"),
        ({"vacuum_shape": (0, 2)}, "vacuum_shape"),
        ({"background": float("nan")}, "background"),
        ({"background": -1.0}, "background"),
        ({"scan_rotation": float("inf")}, "scan_rotation"),
        ({"disc_centre": 5.0}, "disc_centre"),
        ({"disc_centre": (np.nan, 5.0)}, "disc_centre"),
        ({"descan": [1, 2]}, "descan"),
        ({"descan": "none"}, "descan"),
        ({"disc_radius": float("inf")}, "disc_radius"),
        ({"poisson_ratio": 0.7}, "poisson_ratio"),
        ({"seed": -1}, "seed"),
        ({"disc_radius": 1.0}, "radius"),
        ({"disc_centre": (99.0, 8.0)}, "centre"),
        ({"edge_width": 0.0}, "edge_width"),
        ({"supersampling": 0}, "supersampling"),
    ],
)
def test_wrong_stacks_are_told(changes, word):
    settings = {"scan_shape": (4, 4), "detector_shape": (16, 16), **changes}
    with pytest.raises(ValueError, match=word):
        scan_stack(EMPTY, **settings)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scan_shape": 8}, "scan_shape"),
        ({"detector_shape": 16}, "detector_shape"),
        ({"detector_shape": (16.0, 16.0)}, "detector_shape"),
        ({"detector_shape": (16, 16, 16)}, "detector_shape"),
        ({"vacuum_shape": (2.5, 2)}, "vacuum_shape"),
        ({"disc_radius": "5"}, "disc_radius"),
        ({"microscope": 300}, "microscope"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_wrong_kinds_are_told(changes, word):
    settings = {"scan_shape": (4, 4), "detector_shape": (16, 16), **changes}
    with pytest.raises(TypeError, match=word):
        scan_stack(EMPTY, **settings)


def test_a_scan_that_is_not_counted_needs_more_memory():
    fine = Microscope.noiseless(pixel_size=16 / 256)
    with pytest.raises(ValueError, match="19 GB"):
        scan_stack(EMPTY, fine, (256, 256), (191, 191))


def test_g_along_the_beam_is_told_before_anything_is_computed():
    upright = replace(EMPTY, beam=TwoBeam([0.0, 0.0, 5.0], 0.0, 40.0))
    with pytest.raises(ValueError, match="Kikuchi"):
        scan_stack(upright, scan_shape=(4, 4), detector_shape=(16, 16))
