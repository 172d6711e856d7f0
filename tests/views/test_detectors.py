"""Layouts, masks, segments and incidence against analytic limits."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from hyperspy_stereo.views.detectors import (
    default_radius,
    detector_masks,
    incidence_of,
    layout_positions,
    slit_semi_axes,
)
from hyperspy_stereo.views.segments import segment_masks

DISC = SimpleNamespace(centre=(47.3, 51.8), radius=40.0)


def along_across(positions, azimuth, disc=DISC):
    theta = np.deg2rad(azimuth)
    rotation = np.array([[np.cos(theta), np.sin(theta)], [-np.sin(theta), np.cos(theta)]])
    return (positions - disc.centre) @ rotation.T


@given(azimuth=st.floats(-180, 180), radius=st.floats(2, 30), offset=st.floats(-8, 8))
@settings(max_examples=40, deadline=None)
def test_pair_touches_the_rim_on_the_kikuchi_line(azimuth, radius, offset):
    positions = layout_positions("pair", DISC, azimuth, radius, offset=offset)
    along, across = along_across(positions, azimuth).T
    np.testing.assert_allclose(across, offset, atol=1e-9)
    np.testing.assert_allclose(along[0], -along[1], atol=1e-9)
    assert along[0] > 0
    np.testing.assert_allclose(np.hypot(along, across), DISC.radius - radius, atol=1e-9)


def test_line_is_even_and_ends_where_the_pair_lies():
    pair = layout_positions("pair", DISC, 30)
    line = layout_positions("line", DISC, 30, n_views=7)
    np.testing.assert_allclose(line[[0, -1]], pair)
    np.testing.assert_allclose(np.diff(line, axis=0), np.tile(np.diff(line[:2], axis=0), (6, 1)))


def test_band_fills_the_strip_around_the_line():
    positions = layout_positions("band", DISC, 120, offset=3.0)
    along, across = along_across(positions, 120).T
    assert (np.abs(across - 3.0) < 0.15 * DISC.radius).all()
    assert np.ptp(across) > 0.15 * DISC.radius
    assert np.ptp(along) > 1.7 * DISC.radius
    assert (np.diff(along) < 1e-9).all()


@pytest.mark.parametrize("layout", ["band", "disc"])
def test_tiles_do_not_overlap_and_lie_inside(layout):
    radius = default_radius(layout, DISC)
    positions = layout_positions(layout, DISC, 25)
    masks = detector_masks((104, 96), positions, radius)
    assert masks.sum(axis=0).max() < 1.001
    assert (np.hypot(*(positions - DISC.centre).T) + radius <= DISC.radius + 1e-6).all()
    if layout == "disc":
        share = masks.sum() / (np.pi * DISC.radius**2)
        assert 0.6 < share < np.pi / 4


def test_disc_layout_is_symmetric():
    positions = layout_positions("disc", DISC, 0) - DISC.centre
    mirrored = np.sort(np.round(-positions, 6).view(complex).ravel())
    np.testing.assert_allclose(mirrored, np.sort(np.round(positions, 6).view(complex).ravel()))


@given(x=st.floats(30, 60), y=st.floats(30, 60), radius=st.floats(2, 20), turn=st.floats(-90, 90))
@settings(max_examples=40, deadline=None)
def test_masks_have_the_area_and_centroid_of_their_shape(x, y, radius, turn):
    for kind in ("circle", "slit"):
        (mask,) = detector_masks((100, 100), [[x, y]], radius, kind, azimuth=turn)
        assert mask.min() >= 0
        assert mask.max() <= 1
        assert mask.sum() == pytest.approx(np.pi * radius**2, rel=0.004, abs=0.1)
        rows, columns = np.indices(mask.shape)
        centroid = (mask * columns).sum() / mask.sum(), (mask * rows).sum() / mask.sum()
        # 16 x 16 samples in a rim pixel: the smaller the disc, the more of it is rim
        np.testing.assert_allclose(centroid, (x, y), atol=max(0.02, 0.08 / radius))


def test_slit_lies_along_its_azimuth():
    (mask,) = detector_masks((100, 100), [[50, 50]], 10, "slit", 30)
    rows, columns = np.indices(mask.shape)
    covariance = np.cov(np.stack([columns.ravel(), rows.ravel()]), aweights=mask.ravel())
    values, vectors = np.linalg.eigh(covariance)
    long = vectors[:, 1]
    assert np.degrees(np.arctan2(long[1], long[0])) % 180 == pytest.approx(30, abs=0.3)
    # The second moment of an ellipse is a quarter of its squared semi-axis.
    np.testing.assert_allclose(2 * np.sqrt(values[::-1]), slit_semi_axes(10), rtol=0.01)


@pytest.mark.parametrize("segments", [2, 4, 8, 12, 16, (3, 5)])
def test_segments_sum_to_the_annulus_and_are_equal_in_a_ring(segments):
    disc = SimpleNamespace(centre=(50.0, 50.0), radius=40.0)
    masks = segment_masks((101, 101), disc, segments, inner=10, outer=36)
    annulus = (
        detector_masks((101, 101), [[50, 50]], 36)[0]
        - detector_masks((101, 101), [[50, 50]], 10)[0]
    )
    np.testing.assert_allclose(masks.sum(axis=0), annulus, atol=0.06)
    sectors = segments[1] if isinstance(segments, tuple) else min(segments, 4)
    areas = masks.sum(axis=(1, 2)).reshape(-1, sectors)
    np.testing.assert_allclose(
        areas, areas.mean(axis=1, keepdims=True) * np.ones(sectors), rtol=0.02
    )


def test_first_segment_lies_at_start_and_they_turn_towards_y():
    disc = SimpleNamespace(centre=(50.0, 50.0), radius=30.0)
    incidence = incidence_of(segment_masks((101, 101), disc, 4, start=45), disc)
    azimuths = np.degrees(np.arctan2(incidence[:, 1], incidence[:, 0])) % 360
    np.testing.assert_allclose(azimuths, [45, 135, 225, 315], atol=0.2)
    # Centroid of a quadrant of a disc.
    np.testing.assert_allclose(np.hypot(*incidence.T), 4 * np.sqrt(2) * 30 / (3 * np.pi), rtol=0.01)


def test_incidence_is_the_centre_of_a_detector_inside_the_disc():
    centres = DISC.centre + np.array([[12.0, 5.0], [-20.0, 3.5]])
    incidence = incidence_of(detector_masks((104, 96), centres, 8), DISC, mrad_per_px=1.5)
    np.testing.assert_allclose(incidence, 1.5 * (centres - DISC.centre), atol=0.03)


def test_incidence_of_a_clipped_detector_lies_further_in():
    disc = SimpleNamespace(centre=(50.0, 50.0), radius=30.0)
    # Half of a detector centred on a rim that is straight on its scale sees 4 r / 3 pi inside.
    wide = SimpleNamespace(centre=(-4950.0, 50.0), radius=5030.0)
    (clipped,) = incidence_of(detector_masks((100, 101), [[80.0, 50.0]], 12), wide)
    assert clipped[0] + wide.centre[0] == pytest.approx(80 - 4 * 12 / (3 * np.pi), abs=0.05)
    (inside,) = incidence_of(detector_masks((100, 101), [[80.0, 50.0]], 12), disc)
    assert inside[0] < 30 - 4 * 12 / (3 * np.pi)


def test_incidence_follows_the_light():
    mean = np.zeros((104, 96))
    mean[50:54, 60:62] = 7
    mean[0, 0] = np.nan
    (incidence,) = incidence_of(detector_masks((104, 96), [[58, 51.5]], 12), DISC, mean, 1.0)
    np.testing.assert_allclose(incidence, (60.5 - 47.3, 51.5 - 51.8), atol=0.01)


@pytest.mark.parametrize("blur", [0.5, 0.8, 1.2])
def test_rim_counts_once_under_a_clipped_detector(blur):
    disc = SimpleNamespace(centre=(50.3, 49.6), radius=30.0)
    pattern = 200 * ndi.gaussian_filter(detector_masks((101, 101), [disc.centre], 30.0)[0], blur)
    masks = detector_masks((101, 101), [[76.0, 52.0], [24.0, 46.0], [50.0, 80.0]], 12)
    counts = masks * pattern
    rows, columns = np.indices(pattern.shape)
    total = counts.sum(axis=(1, 2))
    centroid = np.stack([(counts * grid).sum(axis=(1, 2)) / total for grid in (columns, rows)], 1)
    expected = 0.7 * (centroid - disc.centre)
    incidence = incidence_of(masks, disc, pattern, 0.7)
    difference = np.hypot(*(incidence - expected).T)
    assert (difference < 0.001 * np.hypot(*expected.T)).all()


def test_light_outside_the_disc_is_not_incidence():
    pattern = 200 * detector_masks((104, 96), [DISC.centre], DISC.radius)[0]
    masks = detector_masks((104, 96), [[80, 51.8]], 12)
    alone = incidence_of(masks, DISC, pattern)
    pattern[:, 91:] = 5000.0
    np.testing.assert_array_equal(incidence_of(masks, DISC, pattern), alone)


@pytest.mark.parametrize("segments", [2.5, "a", None, True, (2, 4.0), ("a", "b"), {4}])
def test_segments_that_are_no_whole_numbers(segments):
    with pytest.raises(
        TypeError, match=r"segments must be whole numbers.*rings, segments per ring"
    ):
        segment_masks((64, 64), DISC, segments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: segment_masks((64, 64), DISC, (4,)), r"\(rings, segments per ring\), not \(4,\)"),
        (lambda: segment_masks((64, 64), DISC, (1, 2, 3)), r"not \(1, 2, 3\)"),
        (lambda: segment_masks((64, 64), DISC, (3, 1)), "no parallax.*at least 2 segments"),
        (lambda: layout_positions("line", DISC, 0, n_views="a"), "whole number.*'a'"),
        (lambda: layout_positions("line", DISC, 0, n_views=np.nan), "whole number"),
        (lambda: layout_positions("ring", DISC, 0), "layout must be one of"),
        (lambda: layout_positions("pair", DISC, np.nan), "finite angle"),
        (lambda: layout_positions("pair", DISC, 0, radius=50), "does not fit"),
        (lambda: layout_positions("pair", DISC, 0, radius=0), "does not fit"),
        (lambda: layout_positions("pair", DISC, 0, n_views=3), 'layout="line"'),
        (lambda: layout_positions("line", DISC, 0, n_views=1), "at least 2"),
        (lambda: layout_positions("line", DISC, 0, n_views=2.5), "whole number"),
        (lambda: layout_positions("pair", DISC, 0, offset=39), "leaves no room"),
        (
            lambda: layout_positions("pair", SimpleNamespace(centre=(0, 0), radius=0), 0),
            "positive number",
        ),
        (lambda: detector_masks((64, 64), [[200, 10]], 5), "outside the pattern"),
        (lambda: detector_masks((64, 64), [[20, 10]], -5), "must be positive"),
        (lambda: detector_masks((64, 64), [[np.nan, 10]], 5), "finite"),
        (lambda: detector_masks((64, 64), [[1, 2, 3]], 5), "list of"),
        (lambda: detector_masks((64,), [[1, 2]], 5), "rows, columns"),
        (lambda: detector_masks((64, 64), [[20, 10]], 5, "square"), "segment_masks"),
        (lambda: slit_semi_axes(5, 0.5), "aspect"),
        (lambda: segment_masks((64, 64), DISC, 5), "not known"),
        (lambda: segment_masks((64, 64), DISC, (0, 4)), "rings"),
        (lambda: segment_masks((64, 64), DISC, 4, inner=50), "inner < outer"),
        (
            lambda: segment_masks((64, 64), SimpleNamespace(centre=(-90, 0), radius=9), 4),
            "outside the pattern",
        ),
        (lambda: incidence_of(np.ones((64, 64)), DISC), "views, rows"),
        (lambda: incidence_of(np.ones((1, 64, 64)), DISC, np.ones((3, 3))), "mean pattern"),
        (
            lambda: incidence_of(detector_masks((104, 96), [[3, 3]], 2), DISC),
            "nothing of the bright-field disc",
        ),
    ],
)
def test_bad_input_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
