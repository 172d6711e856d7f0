"""The geometric generator: what is drawn is what its truth says."""

import numpy as np
import pytest

from hyperspy_stereo.simulation.geometric.curves3d import dislocation_lines
from hyperspy_stereo.simulation.geometric.scan import simulate_scan

UPRIGHT = np.column_stack([np.full(80, 48.0), np.linspace(-40, 140, 80), np.full(80, 150.0)])


def one_line(line=UPRIGHT, **changes):
    """A bright scan of one line, nothing else varying."""
    settings = {
        "scan_shape": (48, 48),
        "detector_shape": (32, 32),
        "lines": [line],
        "dose": 4e6,
        "descan": np.zeros((2, 2)),
        "disc_centre": (15.5, 15.5),
        "kikuchi_azimuth": 0.0,
        "band_centre": 0.0,
        "scan_rotation": 0.0,
        "contrast_shift": 0.0,
        "disc_brightness": 0.0,
        "scan_brightness": 0.0,
    }
    return simulate_scan(**{**settings, **changes})


def view(scan, offset, radius=0.15):
    """Virtual image of a detector at `offset` (x, y) disc radii from the centre; its incidence."""
    y, x = np.indices(scan.stack.shape[2:])
    away = np.stack([x, y], -1) - scan.disc_centre
    mask = np.linalg.norm(away - np.multiply(offset, scan.disc_radius), axis=-1)
    mask = (mask < radius * scan.disc_radius).astype(np.float32)
    incidence = (away * mask[..., None]).sum((0, 1)) / mask.sum() * scan.mrad_per_px
    return np.tensordot(scan.stack.astype(np.float32), mask, 2), incidence


def trough(image, axis=1):
    """Mean position of the darkness along one axis."""
    dark = 1 - image / np.median(image)
    dark = np.where(dark > 0.05, dark, 0).sum(axis=1 - axis)
    return float((np.arange(len(dark)) * dark).sum() / dark.sum())


def test_same_seed_same_counts_and_another_seed_differs():
    a, b, c = (simulate_scan((12, 12), (16, 16), seed=s, n_lines=2) for s in (3, 3, 4))
    assert np.array_equal(a.stack, b.stack)
    assert np.array_equal(a.vacuum, b.vacuum)
    assert not np.array_equal(a.stack, c.stack)


@pytest.mark.parametrize("side", [-0.7, 0.7])
def test_a_line_beyond_the_focus_moves_against_the_incidence(side):
    scan = one_line()
    image, incidence = view(scan, (side, 0.0))
    expected = (48.0 - np.tan(incidence[0] * 1e-3) * 150.0) / scan.pixel_size
    assert trough(image) == pytest.approx(expected, abs=0.08)
    # z > 0 seen at a positive incidence lies further left
    assert (trough(image) < 24.0) == (side > 0)


def test_scan_rotation_turns_the_parallax():
    level = UPRIGHT[:, [1, 0, 2]]
    scan = one_line(level, scan_rotation=90.0)
    image, incidence = view(scan, (0.7, 0.0))
    # R(90): a detector to the right of the centre looks along +y (down) of the scan
    assert scan.to_scan_frame @ (1.0, 0.0) == pytest.approx((0.0, 1.0))
    expected = (48.0 - np.tan(incidence[0] * 1e-3) * 150.0) / scan.pixel_size
    assert trough(image, axis=0) == pytest.approx(expected, abs=0.08)


def test_flip_mirrors_the_detector_rows_only():
    level = UPRIGHT[:, [1, 0, 2]]
    places = {}
    for flip in (False, True):
        scan = one_line(level, kikuchi_azimuth=90.0, scan_flip=flip)
        places[flip] = trough(view(scan, (0.0, 0.7))[0], axis=0)
    assert places[False] < 24 < places[True]
    assert places[False] + places[True] == pytest.approx(48.0, abs=0.1)


def test_project_gives_the_place_of_the_trough():
    scan = one_line(scan_rotation=25.0, kikuchi_azimuth=-25.0)
    image, incidence = view(scan, (0.5, -0.3))
    (xy,) = scan.project(incidence)
    assert trough(image) == pytest.approx(xy[0, 0], abs=0.1)


def test_contrast_is_even_along_the_kikuchi_line_and_falls_across_it():
    scan = one_line(np.column_stack([UPRIGHT[:, :2], np.zeros(80)]), band_width=0.3)
    depth = {}
    for place in ((0, 0), (0.6, 0), (-0.6, 0), (0, 0.6)):
        image, _ = view(scan, place, 0.1)
        depth[place] = 1 - image[:, 24].mean() / image[:, 5].mean()
    assert depth[0.6, 0] == pytest.approx(depth[0, 0], rel=0.05)
    assert depth[-0.6, 0] == pytest.approx(depth[0, 0], rel=0.05)
    assert depth[0, 0.6] / depth[0, 0] == pytest.approx(np.exp(-0.5 * 4), abs=0.06)


def test_contrast_shift_moves_the_image_across_the_kikuchi_line_only():
    flat = np.column_stack([UPRIGHT[:, :2], np.zeros(80)])
    scan = one_line(flat, contrast_shift=4.0, band_width=0.6)
    shift = scan.contrast_shift[0] / scan.pixel_size
    up, along, down = (trough(view(scan, p)[0]) for p in ((0, -0.5), (0.5, 0), (0, 0.5)))
    assert along == pytest.approx(24.0, abs=0.05)
    assert abs(down - up) == pytest.approx(abs(shift), rel=0.1)


def test_descan_moves_the_disc_and_not_the_lines():
    descan = np.array([[0.04, 0.0], [0.0, -0.03]])
    scan = one_line(np.column_stack([UPRIGHT[:, :2], np.zeros(80)]), descan=descan, contrast=(0, 0))
    y, x = np.indices((32, 32))
    for row, column in ((0, 0), (47, 0), (0, 47)):
        frame = scan.stack[row, column].astype(float)
        moved = (x * frame).sum() / frame.sum() - 15.5, (y * frame).sum() / frame.sum() - 15.5
        assert moved == pytest.approx(descan @ (column - 23.5, row - 23.5), abs=0.06)


def test_dose_is_the_mean_of_the_vacuum():
    scan = simulate_scan((8, 8), (32, 32), n_lines=0, dose=20_000, background=0.0)
    assert scan.vacuum.sum() / 64 == pytest.approx(20_000, rel=0.02)
    assert scan.stack.dtype == np.uint16


def test_random_lines_thread_the_foil():
    lines = dislocation_lines(6, (200.0, 150.0), 120.0, np.random.default_rng(1))
    for line in lines:
        assert (line[0, 2], line[-1, 2]) == pytest.approx((-60.0, 60.0))
        assert (np.diff(line[:, 2]) > 0).all()
        assert np.linalg.norm(np.diff(line, axis=0), axis=1).max() < 2.1


@pytest.mark.parametrize(
    "bad", [{"scan_shape": (0, 4)}, {"detector_shape": (8, 8)}, {"dose": 0}, {"pixel_size": -1}]
)
def test_bad_settings_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        simulate_scan(**bad)
