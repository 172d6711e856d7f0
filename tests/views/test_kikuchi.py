"""Blind Kikuchi azimuth on simulated scans."""

import dask.array as da
import numpy as np
import pytest

from hyperspy_stereo.simulation.geometric.scan import simulate_scan
from hyperspy_stereo.views.binning import bin_patterns, square_cells
from hyperspy_stereo.views.disc import Disc, fit_disc
from hyperspy_stereo.views.kikuchi import contrast_map, kikuchi_azimuth


def off(angle, truth):
    return (angle - truth + 90) % 180 - 90


@pytest.mark.parametrize(
    ("azimuth", "centre", "dose"), [(37.0, 0.06, 60_000), (2.0, -0.3, 60_000), (121.0, 0.2, 8_000)]
)
def test_azimuth_offset_and_width(azimuth, centre, dose):
    scan = simulate_scan(
        (64, 64), (48, 48), seed=3, dose=dose, kikuchi_azimuth=azimuth, band_centre=centre
    )
    disc = fit_disc(scan.stack.mean((0, 1)))
    found, band = kikuchi_azimuth(scan.stack, disc)
    assert 0 <= found < 180
    assert abs(off(found, azimuth)) < 1.5
    # near 0 and 180 the normal, and with it the sign of the offset, turns round
    side = 1 if abs(found - azimuth) < 90 else -1
    assert side * band["w0"] / disc.radius == pytest.approx(centre, abs=0.04)
    assert band["width"] / disc.radius == pytest.approx(0.35, abs=0.06)
    assert 0 < band["azimuth_sigma"] < 2


def test_mirrored_patterns_mirror_the_azimuth_and_dask_agrees():
    scan = simulate_scan((48, 48), (32, 32), seed=1, kikuchi_azimuth=30.0)
    disc = fit_disc(scan.stack.mean((0, 1)))
    found, band = kikuchi_azimuth(scan.stack, disc)
    lazy = da.from_array(scan.stack[..., ::-1], chunks=(20, 48, 32, 16))
    mirror = Disc((31 - disc.centre[0], disc.centre[1]), disc.radius, disc.edge_width)
    mirrored, other = kikuchi_azimuth(lazy, mirror)
    assert off(mirrored, -found) == pytest.approx(0, abs=0.5)
    assert abs(other["w0"]) == pytest.approx(abs(band["w0"]), abs=0.2)


def test_an_even_map_is_refused():
    scan = simulate_scan((48, 48), (32, 32), seed=1, band_width=30.0)
    with pytest.raises(ValueError, match="direction of g"):
        kikuchi_azimuth(scan.stack, fit_disc(scan.stack.mean((0, 1))))


def test_noise_alone_is_refused():
    scan = simulate_scan((48, 48), (32, 32), seed=1, n_lines=0)
    with pytest.raises(ValueError, match="No Kikuchi band"):
        kikuchi_azimuth(scan.stack, fit_disc(scan.stack.mean((0, 1))))


@pytest.mark.parametrize("shape", [(4, 4, 32, 32), (64, 32, 32)])
def test_too_small_a_scan_is_refused(shape):
    with pytest.raises(ValueError, match="16 x 16"):
        kikuchi_azimuth(np.ones(shape), Disc((15.5, 15.5), 12.0, 0.6))


def test_contrast_map_has_no_noise_left():
    rng = np.random.default_rng(0)
    flat = rng.poisson(30, (12, 96, 96)).astype(np.float32)
    # the noise itself would read about 0.002
    assert abs(contrast_map(flat).mean()) < 1e-4


def test_binning_is_exact_and_follows_the_descan():
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 4000, (5, 6, 20, 24)).astype(">u2")
    labels, _ = square_cells(Disc((11.2, 9.7), 8.0, 0.5), (20, 24), 5)
    sums = bin_patterns(stack, labels)
    expected = np.stack([stack[..., labels == k].sum(-1) for k in range(labels.max() + 1)])
    assert np.array_equal(sums, expected)
    assert np.array_equal(bin_patterns(da.from_array(stack, chunks=(2, 4, 20, 7)), labels), sums)
    moved = np.stack(
        [np.roll(row, 2 * i - 5, axis=-1) for i, row in enumerate(stack.swapaxes(0, 1))]
    )
    plane = np.array([[2.0, 0, 0], [0, 0, 0]])
    followed = bin_patterns(moved.swapaxes(0, 1), labels, plane)
    inner = [k for k in range(len(sums)) if np.nonzero(labels == k)[1].min() > 5]
    inner = [k for k in inner if np.nonzero(labels == k)[1].max() < 18]
    assert len(inner) > 3
    assert np.array_equal(followed[inner], sums[inner])
