"""Views: parallax, contrast, order, and what noise does to them."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.polynomial import polyval2d

from hyperspy_stereo.geometry import incidence_pair
from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.imaging.detector_sampling import deviation_samples, disc_samples
from hyperspy_stereo.simulation.imaging.microscope import Counter, Microscope, ScanNoise
from hyperspy_stereo.simulation.imaging.stereo_views import segment_views, stereo_views
from hyperspy_stereo.simulation.imaging.tilt_views import tilt_views
from hyperspy_stereo.simulation.imaging.turning import kikuchi_azimuth, turned_specimen
from hyperspy_stereo.simulation.specimen import Boundary, Specimen, SurfaceSpot
from hyperspy_stereo.simulation.two_beam import perfect_crystal

BEAM = TwoBeam([0.0, 5.0, 0.0], 0.0, 40.0, 660.0, 600.0)


def foil(depth=80.0, thickness=160.0, size=(96.0, 12.0), burgers=(0.0, 0.2, 0.0), **changes):
    """A line parallel to the foil, along y near the middle of the field, between pixels."""
    middle = size[0] / 2 + 0.37
    line = Dislocation([[middle, 0, depth], [middle, 10, depth]], burgers)
    fields = {"dislocations": (line,), "kinds": ("line",), **changes}
    return Specimen(size, thickness, BEAM, **fields)


def shift_between(first, last):
    """How much further right a profile lies in the second one, px."""
    first, last = first - first.mean(), last - last.mean()
    reach = np.arange(-30, 31)
    x = np.arange(30, len(first) - 30)
    score = np.array([((first[x] - last[x + k]) ** 2).sum() for k in reach])
    k = int(np.clip(np.argmin(score), 1, len(reach) - 2))
    a, b, c = score[k - 1 : k + 2]
    return reach[k] + 0.5 * (a - c) / (a - 2 * b + c)


@pytest.mark.parametrize("depth", [20.0, 80.0, 130.0])
@pytest.mark.parametrize("focus", [None, 0.0])
@pytest.mark.parametrize("signal", ["bright field", "dark field"])
def test_parallax_is_the_change_of_incidence_times_the_depth_from_focus(depth, focus, signal):
    microscope = Microscope.noiseless(pixel_size=0.5, focus_depth=focus)
    views = stereo_views(foil(depth, size=(120.0, 3.0)), microscope, stereo_angle=6, signal=signal)
    slope = np.tan(views.incidence[:, 0] / 1000)
    expected = -(slope[1] - slope[0]) * (depth - (80.0 if focus is None else focus))
    found = shift_between(views.images[0, 3], views.images[1, 3]) * 0.5
    assert found == pytest.approx(expected, abs=0.4)


def test_the_first_view_has_the_larger_incidence_and_disparity_grows_with_depth():
    views = stereo_views(foil(), Microscope.noiseless(), stereo_angle=5, n_views=4)
    assert (np.diff(views.incidence[:, 0]) < 0).all()
    assert views.incidence[[0, -1]] == pytest.approx(incidence_pair(5))
    disparities = []
    for depth in (30.0, 80.0, 140.0):
        pair = stereo_views(foil(depth), Microscope.noiseless(), stereo_angle=6)
        disparities.append(shift_between(*pair.images[:, 5]))
    assert disparities[0] < -3
    assert abs(disparities[1]) < 0.2
    assert disparities[2] > 3


def test_spherical_aberration_acts_as_a_nearer_focus():
    half = np.tan(np.deg2rad(3))
    aberration = 0.01
    defocus = aberration * 1e6 * half**2
    seen = stereo_views(foil(), Microscope.noiseless(spherical_aberration=aberration))
    moved = stereo_views(foil(), Microscope.noiseless(focus_depth=80 - defocus))
    assert np.abs(seen.images - moved.images).max() < 1e-4
    plain = stereo_views(foil(), Microscope.noiseless())
    assert np.abs(seen.images - plain.images).max() > 0.05
    assert seen.truth.lines[0][0, 2] == pytest.approx(defocus, rel=1e-3)


def test_each_view_has_the_focus_of_its_own_incidence_with_spherical_aberration():
    aberration = 0.05
    seen = stereo_views(
        foil(), Microscope.noiseless(spherical_aberration=aberration), n_views=4, stereo_angle=6
    )
    slope = np.tan(seen.incidence[:, 0] / 1000)
    middle = 96 / 2 + 0.37
    for view, (theta, image) in enumerate(zip(slope, seen.images, strict=True)):
        moved = Microscope.noiseless(focus_depth=80 - aberration * 1e6 * theta**2)
        alone = stereo_views(foil(), moved, n_views=4, stereo_angle=6).images[view]
        assert np.abs(image - alone).max() < 0.01
        # a feature in the focus appears beside its place by the third power of the incidence
        expected = middle - aberration * 1e6 * theta**3
        columns = np.flatnonzero(seen.truth.line_mask[view, 5])
        assert columns.mean() == pytest.approx(expected, abs=0.6)
    assert np.abs(aberration * 1e6 * slope**3).max() > 5


def test_without_absorption_both_fields_hold_all_electrons():
    lossless = replace(foil(), beam=TwoBeam([0.0, 5.0, 0.0], 0.003, 40.0))
    both = [
        stereo_views(lossless, Microscope.noiseless(), signal=signal, detector_radius=2.0).images
        for signal in ("bright field", "dark field")
    ]
    assert both[0] + both[1] == pytest.approx(1, abs=1e-4)


def test_excitation_error_follows_the_incidence_across_the_kikuchi_line_only():
    empty = replace(foil(), dislocations=(), kinds=())
    along = stereo_views(empty, Microscope.noiseless(), azimuth=0.0).images
    bf, _ = perfect_crystal(BEAM, 160.0)
    assert along == pytest.approx(bf, abs=1e-4)
    across = stereo_views(empty, Microscope.noiseless(), azimuth=90.0, stereo_angle=0.6)
    for view, incidence in zip(across.images, across.incidence[:, 0] / 1000, strict=True):
        # turned by 90 degrees, g lies along the rows
        bf, _ = perfect_crystal(BEAM.with_s(-np.tan(incidence) * 5.0), 160.0)
        assert view == pytest.approx(bf, abs=1e-4)


def test_a_wide_detector_washes_contrast_out_and_a_slit_along_the_line_less():
    def contrast(**detector):
        views = stereo_views(foil(50.0, 200.0), Microscope.noiseless(), stereo_angle=5, **detector)
        row = views.images[0, 5]
        return 1 - row.min() / row[0]

    point, disc = contrast(), contrast(detector_radius=8.0)
    slit = contrast(detector_radius=8.0, detector_shape="slit")
    assert point > slit > disc


def test_segments_look_along_their_azimuths():
    azimuths = (30.0, 120.0, 210.0, 300.0)
    views = segment_views(
        foil(size=(48.0, 8.0)), Microscope.noiseless(pixel_size=2.0), 10, 12, azimuths, n_samples=8
    )
    found = np.rad2deg(np.arctan2(views.incidence[:, 1], views.incidence[:, 0])) % 360
    assert found == pytest.approx(azimuths, abs=3)
    assert views.images.shape == (4, 4, 24)


def test_segments_share_all_electrons_between_bright_and_dark_field():
    lossless = replace(foil(size=(32.0, 6.0)), beam=TwoBeam([0.0, 5.0, 0.0], 0.003, 40.0))
    bright, dark = (
        segment_views(
            lossless, Microscope.noiseless(), 10, 30, (0.0, 180.0), n_samples=12, signal=signal
        ).images
        for signal in ("bright field", "dark field")
    )
    assert bright + dark == pytest.approx(1, abs=1e-4)
    assert np.abs(bright - dark).max() > 0.1


def test_what_lies_on_the_tilt_axis_does_not_move():
    for axis in (30.0, 100.0):
        microscope = Microscope.noiseless(pixel_size=0.5)
        views = tilt_views(foil(30.0), (-4, 4), microscope, axis_depth=axis)
        expected = 2 * np.sin(np.deg2rad(4)) * (30 - axis)
        assert shift_between(*views.images[:, 10]) * 0.5 == pytest.approx(expected, abs=0.4)
        assert views.truth.lines[0][:, 2] == pytest.approx(30 - axis)


def test_excitation_errors_of_tilts_scatter_by_their_rms():
    thin = Specimen((4.0, 4.0), 30.0, TwoBeam([0.0, 5.0, 0.0], 0.012, 40.0))
    tilts = np.linspace(4, -4, 80)
    views = tilt_views(thin, tilts, Microscope.noiseless(), deviation_error=0.002, seed=1)
    s = np.linspace(0, 0.024, 400)
    found = []
    for tilt, view in zip(tilts, views.images, strict=True):
        thickness = 30 / np.cos(np.deg2rad(tilt))
        bright = [float(perfect_crystal(thin.beam.with_s(value), thickness)[0]) for value in s]
        assert np.ptp(view) < 1e-5
        found.append(np.interp(view[0, 0], bright, s))
    assert np.mean(found) == pytest.approx(0.012, abs=0.0008)
    assert np.std(found) == pytest.approx(0.002, rel=0.25)


def test_tilted_disparity_is_twice_the_sine_of_half_the_angle():
    for depth in (30.0, 130.0):
        views = tilt_views(foil(depth), (-4, 4), Microscope.noiseless(pixel_size=0.5))
        assert views.incidence[:, 0] == pytest.approx(1000 * np.deg2rad([4, -4]))
        expected = 2 * np.sin(np.deg2rad(4)) * (depth - 80)
        assert shift_between(*views.images[:, 10]) * 0.5 == pytest.approx(expected, abs=0.4)


def test_a_tilt_keeps_the_excitation_error_and_lengthens_the_path():
    empty = replace(foil(), dislocations=(), kinds=())
    views = tilt_views(empty, (30, 0), Microscope.noiseless(), azimuth=0.0)
    for view, angle in zip(views.images, (30, 0), strict=True):
        bf, _ = perfect_crystal(BEAM, 160.0 / np.cos(np.deg2rad(angle)))
        assert view == pytest.approx(bf, abs=1e-4)


def test_tilt_foreshortens_distances_across_the_axis():
    lines = tuple(Dislocation([[x, 0, 80], [x, 10, 80]], [0, 0.2, 0]) for x in (30.0, 90.0))
    pair = Specimen((121.0, 8.0), 160.0, BEAM, lines, ("line", "line"))
    views = tilt_views(pair, (40, -40), Microscope.noiseless())
    truth = views.truth
    for view in range(2):
        columns = [
            np.nonzero(truth.line_index[view] == k)[1].mean() for k in range(len(truth.lines))
        ]
        assert np.diff(columns)[0] == pytest.approx(60 * np.cos(np.deg2rad(40)), abs=0.6)


def test_views_of_one_exposure_share_their_scan_but_not_their_electrons():
    noise = ScanNoise(row_gain=0.05, row_jitter=0, drift=0, flyback=0)
    microscope = Microscope(dose=1e5, scan=noise)
    empty = replace(foil(size=(64.0, 64.0)), dislocations=(), kinds=())
    one = stereo_views(empty, microscope, seed=1).images
    rows = one.mean(axis=2)
    assert np.corrcoef(rows)[0, 1] > 0.99
    grain = one / rows[:, :, None]
    assert abs(np.corrcoef(grain[0].ravel(), grain[1].ravel())[0, 1]) < 0.05
    two = tilt_views(empty, (4, -4), microscope, seed=1).images
    assert abs(np.corrcoef(two.mean(axis=2))[0, 1]) < 0.5


def test_counts_of_a_view_have_the_given_dose_and_stop_at_the_counter():
    empty = replace(foil(size=(64.0, 64.0)), dislocations=(), kinds=())
    bf, _ = perfect_crystal(BEAM, 160.0)
    microscope = Microscope(dose=400.0, scan=ScanNoise.none())
    counts = stereo_views(empty, microscope).images * 400
    assert counts.mean() == pytest.approx(400 * bf, rel=0.02)
    assert counts.var() == pytest.approx(400 * bf, rel=0.06)
    with pytest.warns(UserWarning, match="255") as told:
        full = stereo_views(empty, Microscope(dose=1e5, counter=Counter(bits=8)))
    assert np.allclose(full.images * 1e5, 255)
    dose = float(re.search(r"dose=([\d.e+]+)", str(told[0].message))[1])
    fitting = stereo_views(empty, Microscope(dose=dose, counter=Counter(bits=8))).images * dose
    assert 180 < fitting.mean() < 255
    assert (fitting > 254.5).mean() < 0.01


def test_same_seed_same_images():
    a, b, c = (stereo_views(foil(), seed=seed).images for seed in (3, 3, 4))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_blobs_darken_their_face_where_its_parallax_puts_them():
    entrance, exit_ = (
        SurfaceSpot(np.array([x, 24.0]), np.array([6.0, 4.0]), 0.0, 0.5, on_exit)
        for x, on_exit in ((30.0, False), (60.0, True))
    )
    empty = Specimen((96.0, 48.0), 160.0, BEAM)
    spotted = replace(empty, spots=(entrance, exit_))
    views, plain = (
        stereo_views(s, Microscope.noiseless(), stereo_angle=6) for s in (spotted, empty)
    )
    left = views.images / plain.images
    reach = np.tan(np.deg2rad(3)) * 80
    for view, side in enumerate((1, -1)):
        for x, face in ((30.0, -1), (60.0, 1)):
            at = x - side * face * reach
            near = slice(int(at) - 12, int(at) + 13)
            dark = 1 - left[view, :, near]
            columns = np.arange(near.start, near.stop)
            assert (dark.sum(axis=0) @ columns) / dark.sum() == pytest.approx(at, abs=0.05)
            assert dark.max() == pytest.approx(0.5, abs=0.03)


@settings(max_examples=25, deadline=None)
@given(azimuth=st.floats(-180, 180), u=st.floats(-0.7, 0.7), v=st.floats(-0.7, 0.7))
def test_turning_moves_places_and_directions_together(azimuth, u, v):
    rng = np.random.default_rng(0)
    terms = np.zeros((3, 3))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (0, 2)):
        terms[i, j] = rng.normal()
    line = Dislocation(rng.uniform(0, 50, (3, 3)), [0.1, 0.2, 0.3])
    plane = Boundary(np.array([20.0, 10.0, 5.0]), np.array([0.6, 0.0, 0.8]))
    grains = {"boundaries": (plane,), "grain_deviations": (0.0, 0.0)}
    given_ = Specimen((60.0, 40.0), 100.0, BEAM, (line,), **grains, wedge=terms)
    turned = turned_specimen(given_, azimuth)
    before, after = given_.dislocations[0], turned.dislocations[0]
    assert turned.beam.g @ after.burgers == pytest.approx(given_.beam.g @ before.burgers)
    assert after.length == pytest.approx(before.length)
    distance = [
        (d.points - p.point) @ p.normal for d, p in ((before, plane), (after, turned.boundaries[0]))
    ]
    assert distance[0] == pytest.approx(distance[1])
    # a place of the turned field, and where it was
    c, s = np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))
    x, y = 30 * u, 20 * v
    old = 30 + c * x - s * y, 20 + s * x + c * y
    assert turned.thickness_at(30 + x, 20 + y) == pytest.approx(
        100 + polyval2d(old[0] / 30 - 1, old[1] / 20 - 1, terms), abs=1e-6
    )


def test_the_kikuchi_line_is_perpendicular_to_g_and_becomes_the_rows():
    for angle in (-70.0, 10.0, 90.0, 135.0):
        g = 5 * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle)), 0])
        specimen = Specimen((32.0, 32.0), 100.0, TwoBeam(g, 0.0, 40.0))
        azimuth = kikuchi_azimuth(specimen)
        assert -90 < azimuth <= 90
        assert (azimuth - angle) % 180 == pytest.approx(90)
        assert abs(turned_specimen(specimen, azimuth).beam.g[0]) < 1e-9


def test_a_cone_of_incidences_averages_the_rocking_curve_of_a_tilted_view():
    thickness, radius = 90.0, 6.0
    thin = Specimen((4.0, 4.0), thickness, TwoBeam([0.0, 5.0, 0.0], 0.004, 40.0))
    microscope = Microscope.noiseless()
    seen = tilt_views(thin, (4, -4), microscope, detector_radius=radius).images
    # a disc is as long as its chord at each angle across the Kikuchi line
    angle = np.linspace(-radius, radius, 4001) / 1000
    chord = np.sqrt(np.maximum((radius / 1000) ** 2 - angle**2, 0))
    path = thickness / np.cos(np.deg2rad(4))
    beams = [thin.beam.with_s(0.004 + 5.0 * a) for a in angle]
    curve = np.array([float(perfect_crystal(beam, path)[0]) for beam in beams])
    assert seen == pytest.approx((chord * curve).sum() / chord.sum(), abs=0.002)
    point = tilt_views(thin, (4, -4), microscope).images
    assert abs(float(point.mean() - seen.mean())) > 0.05


def test_a_wide_detector_needs_few_incidences_for_nearly_the_same_view():
    microscope = Microscope.noiseless()
    whole, fewer = (
        stereo_views(foil(), microscope, detector_radius=8.0, max_samples=n).images
        for n in (96, 32)
    )
    point = stereo_views(foil(), microscope).images
    assert np.abs(fewer - whole).mean() < 0.1 * np.abs(point - whole).mean()


@pytest.mark.parametrize("views", [stereo_views, tilt_views])
@pytest.mark.parametrize("radius", [0.0, 5.0])
@pytest.mark.parametrize("most", [1, 0, -3, 2.5, 24.0, True])
def test_a_detector_of_too_few_incidences_is_told(views, radius, most):
    with pytest.raises(ValueError, match=f"max_samples={most}: give a whole number"):
        views(foil(), detector_radius=radius, max_samples=most)


@pytest.mark.parametrize("most", [3, 4, np.int64(16), 96])
def test_a_detector_has_at_most_as_many_incidences_as_asked_for(most):
    detector = disc_samples((0, 0), 8.0, (0, 5), 300, max_samples=most)
    assert len(detector.weights) <= most
    deviations, weights = deviation_samples(8.0, (0, 5), 300, most)
    assert len(deviations) <= most and weights.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: stereo_views(foil(), stereo_angle=12), "convergence_angle=105"),
        (lambda: stereo_views(foil(), n_views=1), "n_views"),
        (lambda: stereo_views(foil(), stereo_angle=0), "stereo angle"),
        (lambda: stereo_views(foil(), signal="haadf"), "bright field"),
        (lambda: stereo_views(foil(), Microscope(pixel_size=50.0)), "pixel_size"),
        (lambda: segment_views(foil(), azimuths=(0.0,)), "two segments"),
        (lambda: segment_views(foil(), inner=30, outer=80), "outside the disc"),
        (lambda: tilt_views(foil(), (4,)), "two or more"),
        (lambda: tilt_views(foil(), (80, 0)), "60 degrees"),
        (lambda: tilt_views(foil(), deviation_error=-1), "deviation_error"),
        (lambda: tilt_views(foil(), detector_radius=-1), "detector_radius"),
        (lambda: tilt_views(foil(), axis_depth=np.nan), "axis_depth"),
        (lambda: tilt_views(foil(), seed=-1), "seed"),
        (lambda: stereo_views(foil(), seed=-1), "seed"),
        (lambda: segment_views(foil(), seed=-1), "seed"),
        (lambda: stereo_views(foil(), poisson_ratio=0.7), "poisson_ratio"),
        (lambda: stereo_views(foil(), line_width=0), "line_width"),
    ],
)
def test_wrong_views_are_told(call, word):
    with pytest.raises(ValueError, match=word):
        call()


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: stereo_views(foil(), microscope=300), "Microscope"),
        (lambda: segment_views(foil(), microscope="TEM"), "Microscope"),
        (lambda: tilt_views(foil(), microscope=300), "Microscope"),
        (lambda: tilt_views(foil(), axis_depth="middle"), "axis_depth"),
        (lambda: stereo_views(foil(), seed=None), "seed"),
    ],
)
def test_wrong_kinds_are_told(call, word):
    with pytest.raises(TypeError, match=word):
        call()
