"""Depth from the pattern that all views share: accuracy, error bars, guards, odd lines."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from hyperspy_stereo.geometry import incidence_pair, project
from hyperspy_stereo.matching.joint_fit import refine_lines, residual_maps
from hyperspy_stereo.matching.joint_fit.error_bars import PointSigns, calibrated_sigma

SHAPE = (96, 80)
T = np.linspace(0, 1, 70)
PAIR = incidence_pair(8.0)
PER_DEPTH = float(np.ptp(np.tan(PAIR[:, 0] / 1000)))


def curve():
    """A bent line that sinks by 60 px over 76 px of the image."""
    x = 38 + 8 * np.sin(2.5 * T)
    return np.column_stack([x, 10 + 76 * T, -30 + 60 * T + 4 * np.sin(6 * T)])


def dotted(curves, incidence, geometry="tiltless"):
    """Views of lines whose image is dotted, and black and white beside the core.

    Drawn pixel by pixel from the nearest of dense points; the pattern belongs to the line, so that
    all views show it.
    """
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    centre = ((SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2)
    out = np.ones((len(incidence), *SHAPE))
    for points in curves:
        at = np.linspace(0, len(points) - 1, 1500)
        dense = np.column_stack([map_coordinates(c, [at], order=1) for c in points.T])
        tangent = np.gradient(dense[:, :2], axis=0)
        tangent /= np.hypot(*tangent.T)[:, None]
        for v, shown in enumerate(project(dense, incidence, geometry, centre)):
            dx, dy = x[..., None] - shown[:, 0], y[..., None] - shown[:, 1]
            near = (dx**2 + dy**2).argmin(axis=-1)
            along = dense[near, 2]
            t = tangent[near]
            d = -t[..., 1] * np.take_along_axis(dx, near[..., None], -1)[..., 0]
            d += t[..., 0] * np.take_along_axis(dy, near[..., None], -1)[..., 0]
            beside = 1.5 * np.sin(2 * np.pi * along / 22)
            dip = (0.25 + 0.15 * np.cos(2 * np.pi * along / 11)) * (1 - (d - beside) / 3)
            out[v] *= 1 - dip * np.exp(-0.5 * (d / 2) ** 2)
    return out


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


@pytest.fixture(scope="module")
def views():
    return dotted([curve()], PAIR)


@pytest.mark.parametrize(("dose", "bound"), [(300, 3.0), (3000, 1.2)])
def test_dotted_lines_are_fitted_without_a_model_of_them(views, dose, bound):
    rng = np.random.default_rng(dose)
    start = curve() + np.column_stack([0 * T, 0 * T, 5 + rng.normal(0, 1, len(T))])
    start[:, 0] += np.tan(PAIR[0, 0] / 1000) * (start[:, 2] - curve()[:, 2])
    found = refine_lines(rng.poisson(dose * views), PAIR, [start], [np.full(len(T), 4.0)])
    error = found.lines[0][:, 2] - curve()[:, 2]
    assert rms(start[:, 2] - curve()[:, 2]) > 5
    assert rms(error[3:-3]) < bound
    assert found.fitted[0].mean() > 0.9
    assert np.mean(np.abs(error) < 2 * found.sigma[0]) > 0.85
    # Where the points lie in the first view has not changed.
    np.testing.assert_allclose(project(found.lines[0], PAIR[0]), project(start, PAIR[0]), atol=1e-9)


def test_a_line_one_width_off_as_a_whole_is_found(views):
    rng = np.random.default_rng(1)
    off = 2.5 / PER_DEPTH
    start = curve() + np.array([np.tan(PAIR[0, 0] / 1000) * off, 0, off])
    found = refine_lines(rng.poisson(3000 * views), PAIR, [start], [np.full(len(T), 0.7 * off)])
    assert rms(found.lines[0][3:-3, 2] - curve()[3:-3, 2]) < 2.5


def test_many_views_find_a_line_that_was_matched_with_another():
    """A match 8 px of disparity off is out of reach for small steps."""
    theta = np.column_stack([np.linspace(40, -40, 7), np.zeros(7)])
    per_depth = float(np.ptp(np.tan(theta[:, 0] / 1000)))
    neighbour = curve() + np.array([14, 0, 40])
    counts = np.random.default_rng(2).poisson(2000 * dotted([curve(), neighbour], theta))
    off = np.linspace(0, 8 / per_depth, len(T))
    start = curve() + np.outer(off, [np.tan(theta[0, 0] / 1000), 0, 1])
    sigma = [np.full(len(T), 1.0 / per_depth)] * 2
    found = refine_lines(counts, theta, [start, neighbour], sigma)
    error = per_depth * (found.lines[0][:, 2] - curve()[:, 2])
    assert rms(error[3:-3]) < 0.3
    assert np.median(np.abs(error)) < np.median(found.sigma[0] * per_depth)


def test_lines_stay_where_they_were_traced_when_that_view_is_another():
    theta = np.array([[50.0, 0.0], [20.0, 0.0], [-20.0, 0.0], [-50.0, 0.0]])
    counts = np.random.default_rng(3).poisson(2000 * dotted([curve()], theta))
    off = 15.0
    start = curve() + off * np.array([np.tan(0.02), 0, 1])
    found = refine_lines(counts, theta, [start], [np.full(len(T), 9.0)], reference=(20.0, 0.0))
    np.testing.assert_allclose(
        project(found.lines[0], theta[1]), project(start, theta[1]), atol=1e-9
    )
    assert rms((found.lines[0] - curve())[3:-3, 2]) < 1.5


def test_faint_rows_of_views_do_not_spoil_the_bright_one():
    """Views across the Kikuchi line that hardly show the line add noise, and must count less."""
    along, across = np.linspace(45, -45, 5), (0.0, 12.0, 24.0, 36.0)
    theta = np.array([[a, w] for w in across for a in along])
    images = dotted([curve()], theta)
    images[5:] = 1 + 0.05 * (images[5:] - 1)
    counts = np.random.default_rng(4).poisson(300 * images)
    start, sigma = curve() + np.array([5 * np.tan(0.045), 0, 5]), np.full(len(T), 5.0)
    error = [
        rms((refine_lines(counts[use], theta[use], [start], [sigma]).lines[0] - curve())[3:-3, 2])
        for use in (slice(5), slice(None))
    ]
    assert error[1] < 1.3 * error[0] + 0.1


def test_without_an_image_the_start_is_kept():
    rng = np.random.default_rng(2)
    start, sigma = curve(), np.full(len(T), 3.0)
    found = refine_lines(rng.poisson(500.0, (2, *SHAPE)), PAIR, [start], [sigma])
    assert rms(found.lines[0][:, 2] - start[:, 2]) < 2 * 3.0


def test_more_views_are_no_worse_and_tilts_work():
    rng = np.random.default_rng(3)
    band = np.column_stack([np.linspace(70, -70, 7), np.zeros(7)])
    images = rng.poisson(400 * dotted([curve()], band))
    start, sigma = curve(), np.full(len(T), 4.0)
    seven = refine_lines(images, band, [start], [sigma])
    two = refine_lines(images[[0, -1]], band[[0, -1]], [start], [sigma])
    error = [rms(f.lines[0][3:-3, 2] - curve()[3:-3, 2]) for f in (seven, two)]
    assert error[0] < 1.1 * error[1]
    tilts = rng.poisson(1500 * dotted([curve()], band[[0, 3, 6]], "tilt"))
    tilted = refine_lines(tilts, band[[0, 3, 6]], [start], [sigma], geometry="tilt")
    assert rms(tilted.lines[0][3:-3, 2] - curve()[3:-3, 2]) < 2.0


def test_short_lines_come_back_as_they_are(views):
    short = curve()[:6]
    found = refine_lines(1000 * views, PAIR, [short, curve()], [np.ones(6), np.ones(len(T))])
    np.testing.assert_allclose(found.lines[0], short, atol=1e-9)
    assert not found.fitted[0].any()
    assert np.isnan(found.chi2[0])
    assert np.isfinite(found.chi2[1])
    assert refine_lines(1000 * views, PAIR, [], []).lines == []


def test_closed_lines_end_at_the_depth_where_they_begin():
    rng, phi = np.random.default_rng(4), np.linspace(0, 2 * np.pi, 120)
    loop = np.column_stack([40 + 22 * np.cos(phi), 48 + 26 * np.sin(phi), 20 * np.sin(phi)])
    images = rng.poisson(1000 * dotted([loop], PAIR))
    start = loop + np.column_stack([0 * phi, 0 * phi, 3 * np.sin(3 * phi) + 4 * (phi > 3)])
    found = refine_lines(images, PAIR, [start], [np.full(len(phi), 5.0)])
    depth = found.lines[0][:, 2]
    assert abs(depth[0] - depth[-1]) < 0.5 / PER_DEPTH
    clear = ~found.aligned[0]
    assert 0.05 < found.aligned[0].mean() < 0.6
    assert rms((depth - loop[:, 2])[clear]) < 2.0


def test_images_without_a_positive_background(views):
    start, sigma = curve() + np.array([0.0, 0.0, 2.0]), np.full(len(T), 4.0)
    images = np.random.default_rng(5).poisson(2000 * views) - 2100.0
    found = refine_lines(images, PAIR, [start], [sigma])
    assert rms(found.lines[0][3:-3, 2] - curve()[3:-3, 2]) < 2.5


def test_signs_of_doubt_widen_sigma():
    one = np.ones(1)
    calm = PointSigns(0.1 * one, 0.3 * one, 0 * one, 0 * one, one, one, np.zeros(1, bool))
    for kind in ("tilt", "tiltless", "many views"):
        base = calibrated_sigma(calm, kind)[0]
        for change in ({"moved": one}, {"misfit": 4 * one}, {"apart": one}):
            wild = PointSigns(**{**calm.__dict__, **change})
            assert calibrated_sigma(wild, kind)[0] > base
        crossed = PointSigns(**{**calm.__dict__, "crossing": one > 0})
        assert calibrated_sigma(crossed, kind)[0] >= base


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"lines": curve()}, TypeError, r"\[line\]"),
        ({"sigma": []}, ValueError, "each line needs one"),
        ({"sigma": [np.ones(3)]}, ValueError, "n sigmas"),
        ({"lines": [curve() * np.nan]}, ValueError, "leave such points out"),
        ({"incidence": PAIR[:, ::-1]}, ValueError, "parallax_azimuth"),
        ({"views": np.ones((3, *SHAPE))}, ValueError, "3 views came with 2 incidences"),
    ],
)
def test_refusals_teach(change, error, words):
    given = {"views": np.ones((2, *SHAPE)), "incidence": PAIR, "lines": [curve()]}
    given |= {"sigma": [np.ones(len(T))]}
    with pytest.raises(error, match=words):
        refine_lines(**(given | change))


def straight_pair(rng):
    """Two noisy views of a line at a depth of 10 px, and the line at a wrong start."""
    _, x = np.mgrid[:64, :64]
    shift = incidence_pair(8)[0, 0] / 1000 * 10
    views = [100 - 30 * np.exp(-0.5 * ((x - 32 + s * shift) / 2) ** 2) for s in (1, -1)]
    line = np.array([[32.0 - 0.7, y, 8.0] for y in range(6, 59)])
    return views + rng.normal(size=(2, 64, 64)), incidence_pair(8), line


@pytest.mark.parametrize("views", [[0], [1], [0, 1]])
def test_where_a_view_has_no_data_the_match_is_kept(views):
    images, theta, line = straight_pair(np.random.default_rng(0))
    images[views, 32:] = np.nan
    found = refine_lines(images, theta, [line], [np.full(len(line), 3.0)])
    hole = line[:, 1] > 36
    assert not found.fitted[0][hole].any() and found.fitted[0][line[:, 1] < 26].all()
    np.testing.assert_array_equal(found.lines[0][hole, 2], 8.0)
    assert np.abs(found.lines[0][line[:, 1] < 26, 2] - 10).max() < 1


def test_missing_data_beside_the_line_change_little():
    images, theta, line = straight_pair(np.random.default_rng(1))
    whole = refine_lines(images, theta, [line], [np.full(len(line), 3.0)])
    images[:, :, :12] = np.nan
    holed = refine_lines(images, theta, [line], [np.full(len(line), 3.0)])
    np.testing.assert_allclose(holed.lines[0], whole.lines[0], atol=0.05)
    assert holed.chi2[0] == pytest.approx(whole.chi2[0], rel=0.1)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "no finite pixel"), (5.0, "one value")])
def test_an_empty_view_is_refused(value, message):
    images, theta, line = straight_pair(np.random.default_rng(2))
    images[1] = value
    with pytest.raises(ValueError, match=f"view 1 holds {message}"):
        refine_lines(images, theta, [line], [np.full(len(line), 3.0)])


def test_residuals_of_lines_that_were_not_fitted_are_refused():
    images, theta, _ = straight_pair(np.random.default_rng(3))
    with pytest.raises(TypeError, match=r"lines\.fit"):
        residual_maps(None, images, theta)
