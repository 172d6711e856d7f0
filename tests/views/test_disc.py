"""Disc and descan: analytic patterns, simulated counts, and bad input."""

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfc

from hyperspy_stereo.simulation.geometric.scan import simulate_scan
from hyperspy_stereo.views.disc import fit_descan, fit_disc, visible_rim


def pattern(centre=(30.3, 33.7), radius=20.0, edge=0.7, shape=(64, 64), level=1000.0, ground=5.0):
    y, x = np.indices(shape)
    r = np.hypot(x - centre[0], y - centre[1])
    return ground + level * 0.5 * erfc((r - radius) / (np.sqrt(2) * edge))


def band(image, azimuth=40.0, depth=0.35, centre=(30.3, 33.7), width=5.0):
    y, x = np.indices(image.shape)
    a = np.deg2rad(azimuth)
    w = (y - centre[1]) * np.cos(a) - (x - centre[0]) * np.sin(a) - 3
    return image * (1 - depth * np.exp(-0.5 * (w / width) ** 2)) * (1 + 0.006 * (x - centre[0]))


@settings(max_examples=20, deadline=None)
@given(
    st.floats(25, 40),
    st.floats(25, 40),
    st.floats(8, 20),
    st.floats(0.4, 2.0),
    st.floats(1e-3, 1e6),
)
def test_an_even_disc_is_found_exactly(x, y, radius, edge, level):
    disc = fit_disc(pattern((x, y), radius, edge, level=level, ground=0.01 * level))
    assert disc.centre == pytest.approx((x, y), abs=0.005)
    assert disc.radius == pytest.approx(radius, abs=0.01)
    assert disc.edge_width == pytest.approx(edge, abs=0.02)
    assert disc.visible == 1.0


def test_a_band_and_a_ramp_hardly_move_it():
    disc = fit_disc(band(pattern()))
    assert np.hypot(*np.subtract(disc.centre, (30.3, 33.7))) < 0.05
    assert disc.radius == pytest.approx(20.0, abs=0.05)


def test_hot_and_dead_pixels_are_ignored():
    image = pattern()
    clean = fit_disc(image)
    for y, x, value in ((33, 51, 60_000), (5, 5, 30_000), (34, 12, 0), (50, 31, 9_000)):
        image[y, x] = value
    hot = fit_disc(image)
    assert hot.centre == pytest.approx(clean.centre, abs=0.03)
    assert hot.radius == pytest.approx(clean.radius, abs=0.03)


def test_flipping_the_pattern_flips_the_centre():
    image = band(pattern())
    disc, mirrored = fit_disc(image), fit_disc(image[:, ::-1])
    assert mirrored.centre == pytest.approx((63 - disc.centre[0], disc.centre[1]), abs=1e-3)


def test_a_cut_disc_is_fitted_on_its_visible_rim():
    disc = fit_disc(pattern((12.4, 33.0)))
    assert disc.centre == pytest.approx((12.4, 33.0), abs=0.02)
    assert 0.5 < disc.visible < 0.8
    assert disc.visible == visible_rim(disc.centre, disc.radius, (64, 64))


@pytest.mark.parametrize(("source", "limit"), [("vacuum", 0.05), ("stack", 0.07)])
@pytest.mark.parametrize("seed", [0, 5])
def test_simulated_counts(seed, source, limit):
    scan = simulate_scan((32, 32), seed=seed, hot_pixels=3, dose=30_000)
    disc = fit_disc(getattr(scan, source).mean((0, 1)))
    assert np.hypot(*np.subtract(disc.centre, scan.disc_centre)) < limit
    assert disc.radius == pytest.approx(scan.disc_radius, abs=0.08)


def test_a_small_disc_in_a_large_frame():
    disc = fit_disc(pattern((70.3, 141.6), 6.0, shape=(256, 256)))
    assert disc.centre == pytest.approx((70.3, 141.6), abs=0.01)


def test_descan_from_data_vacuum_and_dask():
    scan = simulate_scan((32, 32), seed=2, descan=[[0.05, -0.01], [0.02, -0.04]])
    disc = fit_disc(scan.stack.mean((0, 1)))
    plane = fit_descan(scan.stack, disc)
    assert plane == pytest.approx(scan.descan, abs=0.002)
    lazy = da.from_array(scan.stack, chunks=(10, 32, 64, 32))
    assert fit_descan(lazy, disc) == pytest.approx(plane, abs=1e-9)
    # a coarse vacuum scan over the same field gives the plane of the fine one
    assert fit_descan(scan.vacuum, disc, (32, 32)) == pytest.approx(scan.descan, abs=0.003)


def test_descan_of_a_single_row_has_no_slope_down():
    scan = simulate_scan((1, 48), (32, 32), n_lines=0, descan=[[0.03, 0.0], [0.0, 0.0]])
    plane = fit_descan(scan.stack, fit_disc(scan.vacuum.sum((0, 1))))
    assert plane[0, 0] == pytest.approx(0.03, abs=0.005)
    assert not plane[:, 1].any()


NOISE = np.random.default_rng(0).poisson(20, (64, 64))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((64, 64)), "constant"),
        (np.full((64, 64), 7), "constant"),
        (np.where(np.eye(64) > 0, np.nan, pattern()), "NaN"),
        (np.zeros((4, 64, 64)), "one pattern"),
        (np.zeros((0, 64)), "8 x 8"),
        (NOISE, "No disc"),
        (np.arange(4096.0).reshape(64, 64), "disc"),
        (np.minimum(pattern(level=9000), 4095).astype(np.uint16), "saturated"),
        (pattern((-14.0, 33.0)), "disc"),
    ],
)
def test_bad_patterns_are_refused_with_a_reason(image, words):
    with pytest.raises(ValueError, match=words):
        fit_disc(image)


def test_complex_patterns_are_refused():
    with pytest.raises(TypeError, match="abs"):
        fit_disc(pattern().astype(complex))


def test_descan_needs_a_scan():
    with pytest.raises(ValueError, match="Ny, Nx, H, W"):
        fit_descan(np.zeros((5, 64, 64)), fit_disc(pattern()))
    with pytest.raises(ValueError, match="only 0 of"):
        fit_descan(np.zeros((8, 8, 64, 64)), fit_disc(pattern()))
