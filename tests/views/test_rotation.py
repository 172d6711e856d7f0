"""Blind scan rotation: accuracy, handedness, and what it refuses."""

import dask.array as da
import numpy as np
import pytest

from hyperspy_stereo.simulation import Microscope, random_specimen
from hyperspy_stereo.simulation.geometric.scan import simulate_scan
from hyperspy_stereo.simulation.imaging.scan_stack import scan_stack
from hyperspy_stereo.views.disc import fit_disc
from hyperspy_stereo.views.rotation import fit_rotation, scan_rotation


def difference(a, b):
    return (a - b + 180) % 360 - 180


@pytest.fixture(scope="module")
def scan():
    return simulate_scan((96, 96), (48, 48), seed=1)


@pytest.fixture(scope="module")
def fit(scan):
    return measure(scan)


def measure(scan, stack=None, **changes):
    band = {"w0": scan.band_centre * scan.disc_radius, "width": scan.band_width * scan.disc_radius}
    settings = {
        "descan": scan.descan,
        "convergence_angle": 60.0,
        "pixel_size": scan.pixel_size,
        "scan_flip": scan.scan_flip,
        "defocus_sign": 1,
    }
    disc = fit_disc(scan.vacuum.sum((0, 1)))
    stack = scan.stack if stack is None else stack
    return scan_rotation(stack, disc, scan.kikuchi_azimuth, band, **{**settings, **changes})


def test_rotation_and_defocus(scan, fit):
    assert abs(difference(fit.angle, scan.scan_rotation)) < 1.5
    assert 0 < fit.sigma < 2
    # the foil's middle lies 60 nm beyond the focus plane
    assert fit.defocus == pytest.approx(60, abs=25)
    assert fit.residual < 0.2


def test_sign_of_defocus_chooses_between_opposite_angles(scan, fit):
    over, under = fit, measure(scan, defocus_sign=-1)
    assert abs(difference(over.angle, under.angle)) == pytest.approx(180)
    assert under.defocus == pytest.approx(-over.defocus)
    free = measure(scan, defocus_sign=None)
    assert -90 < free.angle <= 90


@pytest.mark.parametrize(
    ("rotation", "flip", "azimuth"), [(130.0, False, 100.0), (-75.0, True, 5.0)]
)
def test_any_rotation_and_a_flip(rotation, flip, azimuth):
    turned = simulate_scan(
        (96, 96), (32, 32), seed=0, scan_rotation=rotation, scan_flip=flip, kikuchi_azimuth=azimuth
    )
    assert abs(difference(measure(turned).angle, rotation)) < 1.5


def test_shift_of_contrast_does_not_pull_it():
    shifting = simulate_scan((96, 96), (32, 32), seed=1, contrast_shift=3.0)
    assert abs(difference(measure(shifting).angle, shifting.scan_rotation)) < 2


def test_turning_the_patterns_turns_the_result(scan, fit):
    # a quarter turn of the patterns (x, y) -> (-y, x) is a rotation of the detector by 90 degrees
    stack = np.rot90(scan.stack, -1, axes=(2, 3))
    disc = fit_disc(np.rot90(scan.vacuum.sum((0, 1)), -1))
    plane = np.array([[0.0, -1], [1, 0]]) @ scan.descan
    band = {"w0": scan.band_centre * disc.radius, "width": scan.band_width * disc.radius}
    turned = scan_rotation(
        stack, disc, scan.kikuchi_azimuth + 90, band, descan=plane, defocus_sign=1
    )
    assert difference(turned.angle, fit.angle - 90) == pytest.approx(0, abs=0.5)


def test_large_defocus():
    far = simulate_scan((96, 96), (32, 32), seed=1, focus_depth=-600.0)
    fit = measure(far)
    assert abs(difference(fit.angle, far.scan_rotation)) < 3
    assert fit.defocus == pytest.approx(600, abs=40)


def test_dask_agrees(scan, fit):
    lazy = da.from_array(scan.stack, chunks=(30, 96, 48, 48))
    assert measure(scan, lazy).angle == pytest.approx(fit.angle, abs=1e-6)


def test_no_lines_no_answer():
    empty = simulate_scan((48, 48), (32, 32), seed=1, n_lines=0)
    with pytest.raises(ValueError, match="Give the scan rotation"):
        measure(empty)


def test_evenly_defocused_scans_warn_about_the_sign():
    even = simulate_scan((96, 96), (32, 32), seed=1, focus_depth=0.0)
    with pytest.warns(UserWarning, match="sign of"):
        measure(even)


def test_dynamical_contrast_that_moves_across_the_kikuchi_line():
    specimen = random_specimen(
        2, "GaN", (130.0, 130.0), 160.0, 8, "line", 300.0, distractors=False, n_boundaries=0
    )
    microscope = Microscope(dose=60_000.0, pixel_size=2.5, focus_depth=20.0)
    stack = scan_stack(
        specimen,
        microscope,
        detector_shape=(24, 24),
        scan_rotation=65.0,
        supersampling=1,
        slice_thickness=8,
    )
    fit = scan_rotation(
        stack.stack,
        fit_disc(stack.vacuum.sum((0, 1))),
        stack.kikuchi_azimuth,
        {"w0": stack.band_centre * stack.disc_radius, "width": 0.15 * stack.disc_radius},
        descan=stack.descan,
        convergence_angle=60.0,
        pixel_size=2.5,
        defocus_sign=1,
    )
    # no line is followed over the whole disc: its contrast does not keep its place
    assert fit.n_lines == 0
    assert abs(difference(fit.angle, 65.0)) < min(8, 3 * fit.sigma)
    assert fit.sigma < 10
    assert fit.defocus == pytest.approx(60, abs=40)


VIEWS = np.ones((8, 32, 32))
PLACES = np.random.default_rng(0).normal(size=(8, 2))


@pytest.mark.parametrize(
    ("views", "incidence", "sign", "words"),
    [
        (VIEWS[:4], PLACES[:4], None, "at least 6"),
        (VIEWS[:, :8], PLACES, None, "24 x 24"),
        (VIEWS, PLACES[:5], None, "one .x, y. in mrad"),
        (VIEWS, PLACES * (1, 0), None, "one line"),
        (VIEWS, PLACES, 0, "defocus_sign"),
        (np.where(PLACES[:, :1, None] > 0, np.nan, VIEWS), PLACES, None, "NaN"),
        (VIEWS, PLACES, None, "Give the scan"),
    ],
)
def test_bad_input_is_named(views, incidence, sign, words):
    with pytest.raises(ValueError, match=words):
        fit_rotation(views, incidence, defocus_sign=sign)
