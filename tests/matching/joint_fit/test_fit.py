"""The joint fit on lines with exact truth: accuracy, error bars, geometry, flags, refusals."""

import numpy as np
import pytest

from hyperspy_stereo.geometry import incidence_pair
from hyperspy_stereo.matching.joint_fit import (
    expected_depth_sigma,
    expected_sigma,
    fit_curves,
    predicted_views,
    residual_views,
)

PAIR = np.array([[60.0, 0.0], [-60.0, 0.0]])
SHAPE = (80, 64)
T = np.linspace(0, 1, 80)


def _rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def _inclined(rng):
    """A curved line, 60 px long, 0.5 rad or more away from the parallax."""
    angle = rng.uniform(0.5, np.pi - 0.5)
    along = np.array([np.cos(angle), np.sin(angle)])
    bow = rng.uniform(-3, 3) * np.sin(np.pi * T)
    middle = np.array([32, 40])
    xy = middle + np.outer((T - 0.5) * 60, along) + np.outer(bow, [-along[1], along[0]])
    depth = (T - 0.5) * rng.uniform(-60, 60) + 3 * np.sin(5 * T + rng.uniform(0, 6))
    return np.column_stack([xy, depth])


@pytest.fixture(scope="module")
def isolated(render, depth_error, rough_start):
    """Errors, sigmas and bounds of ten isolated lines at four doses."""
    out = []
    for seed in range(10):
        rng, dose = np.random.default_rng(seed), (300, 600, 1200, 2400)[seed % 4]
        curve = _inclined(rng)
        views = rng.poisson(dose * render([curve], PAIR, SHAPE))
        fit = fit_curves(views, PAIR, [rough_start(curve, rng, 5 * (-1) ** seed)])
        bound = expected_sigma([fit.lines[0]], PAIR, dose**-0.5, SHAPE, width=1.8)[0]
        out.append((depth_error(fit.lines[0], curve), fit.sigma[0], bound, fit))
    return out


def test_error_is_near_the_bound(isolated):
    ratio = [_rms(error) / _rms(bound) for error, _, bound, _ in isolated]
    assert np.mean(ratio) < 1.5


def test_sigma_is_calibrated(isolated):
    within = np.concatenate([np.abs(error) < 2 * sigma for error, sigma, _, _ in isolated])
    assert 0.9 < within.mean() < 0.995


def test_quality_of_fit_is_reported(isolated):
    for _, _, _, fit in isolated:
        assert fit.converged
        assert 0.85 < fit.chi2[0] < 1.2
        assert fit.width[0] == pytest.approx(1.8, abs=0.12)
        assert np.median(fit.contrast[0]) == pytest.approx(0.3, abs=0.05)
        np.testing.assert_allclose(fit.gains.mean(axis=1), 1.0, atol=1e-3)


def _cross():
    one = np.column_stack([12 + 40 * T, 10 + 60 * T, -20 + 40 * T])
    two = np.column_stack([50 - 35 * T, 12 + 55 * T, 15 + 5 * np.sin(5 * T)])
    return one, two


def _overlap():
    """3 px apart in the image, on top of each other in one view."""
    one = np.column_stack([25 + 10 * T, 8 + 64 * T, -20 + 0 * T])
    two = np.column_stack([28 + 12 * T, 8 + 64 * T, 30 - 10 * T])
    return one, two


@pytest.mark.parametrize(("scene", "gain"), [(_cross, 0.9), (_overlap, 0.4)])
def test_joint_is_better_than_single(scene, gain, render, depth_error, rough_start):
    rng, curves = np.random.default_rng(0), scene()
    views = rng.poisson(1000 * render(curves, PAIR, SHAPE))
    start = [rough_start(c, rng, d) for c, d in zip(curves, (4, -4), strict=True)]
    joint = fit_curves(views, PAIR, start)
    single = [fit_curves(views, PAIR, [s]).lines[0] for s in start]
    pairs = zip(joint.lines, single, curves, strict=True)
    error = np.array([(_rms(depth_error(a, c)), _rms(depth_error(b, c))) for a, b, c in pairs])
    assert error[:, 0].max() < 1.5
    assert error[:, 0].mean() < gain * error[:, 1].mean()
    assert all(0 < flag.sum() < len(flag) for flag in joint.crossing)


def test_a_band_is_better_than_two_views_and_finds_kappa(render, depth_error, rough_start):
    rng = np.random.default_rng(1)
    x = np.linspace(-60, 60, 9)
    band = np.column_stack([x, 12 * np.cos(2.1 * np.arange(9))])
    curve = _inclined(rng)
    tangent = np.gradient(curve[:, :2], axis=0)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    normal /= np.hypot(*normal.T)[:, None]
    moved = [curve + np.column_stack([0.03 * w * normal, 0 * T]) for w in band[:, 1]]
    views = [render([c], [b], SHAPE)[0] for c, b in zip(moved, band, strict=True)]
    counts, start = rng.poisson(300 * np.array(views)), [rough_start(curve, rng)]
    nine = fit_curves(counts, band, start)
    two = fit_curves(counts[[0, 8]], band[[0, 8]], start)
    assert nine.kappa[0] == pytest.approx(0.03, abs=0.006)
    assert _rms(nine.sigma[0]) < _rms(two.sigma[0])
    assert _rms(depth_error(nine.lines[0], curve)) < 1.5


def test_tilt_series_with_a_shifted_view(render, depth_error, rough_start):
    rng = np.random.default_rng(2)
    tilts = np.array([[100.0, 0.0], [0.0, 0.0], [-100.0, 0.0]])
    curves = [*_cross(), np.column_stack([8 + 50 * T, 45 - 25 * T, -10 + 25 * T])]
    views = 1000 * render(curves, tilts, SHAPE, geometry="tilt")
    moved = np.concatenate([views[:1], np.roll(views[1:2], 1, axis=1), views[2:]])
    start = [rough_start(c, rng, 3) for c in curves]
    fit = fit_curves(rng.poisson(moved), tilts, start, geometry="tilt", shift_sigma=0.5)
    # One pixel down in the middle view; the mean of all shifts is zero by definition.
    away = fit.shifts[:, 1] - [-1 / 3, 2 / 3, -1 / 3]
    assert (np.abs(away) < 3 * fit.shifts_sigma[:, 1]).all()
    assert (fit.shifts_sigma < 0.2).all()
    np.testing.assert_allclose(fit.shifts.mean(axis=0), 0, atol=1e-9)
    errors = [_rms(depth_error(a, c)) for a, c in zip(fit.lines, curves, strict=True)]
    assert np.mean(errors) < 1.0


def test_rotation_of_the_parallax(render, rough_start):
    """Seen where a line runs along the parallax: elsewhere it looks like depth."""
    rng, angle = np.random.default_rng(3), 0.1
    turned = PAIR @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    phi = 5 * (T - 0.5)
    arc = np.column_stack([30 + 20 * np.cos(phi), 40 + 24 * np.sin(phi), 40 * np.sin(phi)])
    views = rng.poisson(10000 * render([arc], turned, SHAPE))
    fit = fit_curves(views, PAIR, [rough_start(arc, rng, 0)], rotation_sigma=0.3)
    assert abs(fit.rotation - angle) < 3 * fit.rotation_sigma
    assert fit.rotation_sigma < 0.04


def test_sigma_grows_as_a_line_turns_into_the_parallax(render, rough_start):
    rng, sigma = np.random.default_rng(4), []
    for degrees in (90, 30, 15, 0):
        a = np.deg2rad(degrees)
        along = (T[:, None] - 0.5) * 48 * np.array([np.cos(a), np.sin(a)])
        curve = np.column_stack([32 + along, 10 * T])
        views = rng.poisson(1000 * render([curve], PAIR, (64, 64)))
        fit = fit_curves(views, PAIR, [rough_start(curve, rng, 3)], wander=(0.3, 0.1))
        sigma.append(_rms(fit.sigma[0]))
        assert fit.aligned[0].mean() == (degrees < 20)
    assert sigma == sorted(sigma)
    assert sigma[-1] > 5 * sigma[0]


def test_prediction_and_residual_of_an_unused_view(render):
    rng, curve = np.random.default_rng(5), _cross()[0]
    three = np.array([[60.0, 0.0], [0.0, 0.0], [-60.0, 0.0]])
    views = rng.poisson(1000 * render([curve], three, SHAPE))
    fit = fit_curves(views[[0, 2]], three[[0, 2]], [curve])
    assert predicted_views(fit).shape == (2, *SHAPE)
    rest = residual_views(fit, views, three)
    assert rest.std() == pytest.approx(1.0, abs=0.06)
    wrong = residual_views(fit, views, three[[2, 1, 0]])
    assert wrong[1].std() < 1.06 < wrong[0].std()


def test_uneven_background_and_a_wild_pixel(render, depth_error, rough_start):
    rng, curve = np.random.default_rng(6), _cross()[0]
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    shade = 1 + 0.2 * np.sin(x / 9) * np.cos(y / 12)
    views = rng.poisson(1500 * shade * render([curve], PAIR, SHAPE)).astype(float)
    views[0, 40, 30], views[1, 41, 35] = 1e5, np.nan
    fit = fit_curves(views, PAIR, [rough_start(curve, rng, -5)])
    assert _rms(depth_error(fit.lines[0], curve)) < 1.2


def test_given_reference_view(render, depth_error):
    """x and y in the frame of an inclined reference: the same line, sheared by its depth."""
    rng, curve = np.random.default_rng(7), _cross()[0]
    views = rng.poisson(3000 * render([curve], PAIR, SHAPE))
    sheared = curve - np.column_stack([np.tan(0.03) * curve[:, 2], 0 * T, 0 * T])
    fit = fit_curves(views, PAIR, [sheared], reference=(30.0, 0.0))
    assert _rms(depth_error(fit.lines[0], sheared)) < 0.6


def test_expected_sigma_scales_as_it_must():
    line = [[32, 10, 0.0], [32, 70, 0.0]]

    def bound(noise=0.05, angle=6.0, **options):
        loose = {"wander": (5.0, 1.0)}
        return _rms(
            expected_sigma([line], incidence_pair(angle), noise, SHAPE, **loose | options)[0]
        )

    assert bound(noise=0.025) == pytest.approx(bound() / 2, rel=0.15)
    assert bound(angle=12.0) == pytest.approx(bound() / 2, rel=0.15)
    assert bound(contrast=0.15) > 1.7 * bound()
    assert bound(wander=(0.1, 0.1)) < bound()


LINE = np.array([[32.0, 10, 0], [32, 70, 0]])
FLAT = np.full((2, *SHAPE), 100.0)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"start": []}, ValueError, "no lines to fit"),
        ({"start": LINE}, TypeError, r"\[line\]"),
        ({"start": [LINE[:, :2]]}, ValueError, r"\(n, 3\)"),
        ({"start": [LINE * [1, 0.05, 1]]}, ValueError, "3.0 px long"),
        ({"start": [LINE * np.nan]}, ValueError, "leave out points"),
        ({"views": FLAT[0]}, ValueError, r"\(views, H, W\)"),
        ({"views": FLAT * 1j}, TypeError, "real images"),
        ({"views": FLAT * 0}, ValueError, "no positive background"),
        ({"views": FLAT[:1], "incidence": PAIR[:1]}, ValueError, "at least two views"),
        ({"views": FLAT[[0, 0, 0]]}, ValueError, "3 views came with 2 incidences"),
        ({"incidence": PAIR[:, ::-1]}, ValueError, "parallax_azimuth"),
        ({"variance": -1.0}, ValueError, "positive"),
        ({"variance": np.ones(3)}, ValueError, "one per view"),
        ({"width": 0.0}, ValueError, "width"),
        ({"wander": (0.1, 0.0)}, ValueError, "two positive numbers"),
        ({"shift_sigma": -1.0}, ValueError, "shift_sigma"),
        ({"background_sigma": 1.0}, ValueError, "follow the lines"),
        ({"geometry": "stereo"}, ValueError, "tiltless"),
    ],
)
def test_refusals_teach(change, error, words):
    given = {"views": FLAT, "incidence": PAIR, "start": [LINE]} | change
    views, incidence, start = (given.pop(k) for k in ("views", "incidence", "start"))
    with pytest.raises(error, match=words):
        fit_curves(views, incidence, start, **given)


def test_expected_depth_error_before_an_experiment():
    base = expected_depth_sigma(500, 6)
    assert expected_depth_sigma(2000, 6) == pytest.approx(base / 2, rel=0.2)
    assert expected_depth_sigma(500, 12) == pytest.approx(base / 2, rel=0.1)
    assert expected_depth_sigma(500, 6, pixel_size=2.0) == pytest.approx(2 * base)
    assert expected_depth_sigma(500, 6, n_views=9) < base < expected_depth_sigma(500, 6, azimuth=45)
    for wrong, words in (
        ({"dose": 0}, "dose"),
        ({"n_views": 1}, "two views"),
        ({"azimuth": 5}, "along the parallax"),
    ):
        with pytest.raises(ValueError, match=words):
            expected_depth_sigma(**({"dose": 500, "stereo_angle": 6} | wrong))
