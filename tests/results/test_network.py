"""Networks from matches: geometry, what is left out, density, views."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo import geometry as g
from hyperspy_stereo.matching import MatchStatus
from hyperspy_stereo.results import DislocationNetwork, chains

SHAPE = (300, 400)
PAIR = g.incidence_pair(10)


@pytest.mark.parametrize("geometry", ["tilt", "tiltless"])
def test_a_pair_gives_the_lines_back(lines, make_matches, geometry):
    xyz, line = lines
    matches = make_matches(xyz, line, PAIR, geometry)
    network = DislocationNetwork.from_matches(
        matches, None, geometry, PAIR, pixel_size=2.5, units="nm", image_shape=SHAPE
    )
    np.testing.assert_allclose(network.points, 2.5 * xyz, atol=1e-8)
    assert len(network.lines) == len(network) == 6
    assert [len(a) for a in network.lines] == [120] * 6
    half = np.deg2rad(5)
    factor = 2 * (np.tan(half) if geometry == "tiltless" else np.sin(half))
    np.testing.assert_allclose(network.sigma, 0.2 * 2.5 / factor)
    assert network.rejected.set_index("reason")["share"]["kept"] == pytest.approx(1)


@pytest.mark.parametrize("geometry", ["tilt", "tiltless"])
def test_reprojecting_into_its_own_views_gives_the_matched_points(lines, make_matches, geometry):
    xyz, line = lines
    matches = make_matches(xyz, line, PAIR, geometry)
    network = DislocationNetwork.from_matches(
        matches, None, geometry, PAIR, pixel_size=0.7, units="nm", image_shape=SHAPE
    )
    for view in (0, 1):
        drawn = network.reproject(network.incidence[view])
        np.testing.assert_allclose(np.vstack(drawn), matches[view].points, atol=1e-8)
        assert len(drawn) == network.n_lines


def test_many_views_along_any_direction(lines, make_matches):
    xyz, line = lines
    incidence = np.column_stack([np.linspace(50, -40, 5), np.linspace(20, -25, 5)])
    matches = make_matches(xyz, line, incidence)
    network = DislocationNetwork.from_matches(
        matches, g.view_offsets(incidence), "tiltless", incidence, image_shape=SHAPE
    )
    np.testing.assert_allclose(network.points, xyz, atol=1e-6)
    np.testing.assert_allclose(
        np.vstack(network.reproject(incidence[3])), matches[3].points, atol=1e-6
    )


def test_zero_disparity_is_zero_depth_and_z_grows_with_disparity(lines, make_matches):
    xyz, line = lines
    matches = make_matches(np.add(xyz, (0, 0, 300.0)), line, PAIR)
    network = DislocationNetwork.from_matches(matches, None, "tiltless", PAIR, image_shape=SHAPE)
    np.testing.assert_allclose(network.points[:, 2], xyz[:, 2] + 300, atol=1e-8)
    assert (matches[0].disparity > 0).all()


def test_points_in_scan_use_the_affine_map(lines, make_matches):
    xyz, line = lines
    turn = g.rotation_affine(30, (199.5, 149.5), (150.0, 150.0))
    network = DislocationNetwork.from_matches(
        make_matches(xyz, line, PAIR),
        None,
        "tiltless",
        PAIR,
        pixel_size=3.0,
        units="nm",
        image_shape=SHAPE,
        to_scan=turn,
    )
    np.testing.assert_allclose(network.points_in_scan[:, :2], g.apply_affine(turn, xyz[:, :2]))
    np.testing.assert_allclose(network.points_in_scan[:, 2], xyz[:, 2])


@pytest.fixture
def straight(make_matches):
    """One straight matched chain of 100 points, 1 px apart, at depth 0."""
    xyz = np.column_stack([50.0 + np.arange(100), np.full(100, 80.0), np.zeros(100)])
    return make_matches(xyz, np.zeros(100, int), PAIR)[0]


def build(match, **settings):
    matches = [match, replace(match, view=1)]
    return DislocationNetwork.from_matches(
        matches, None, "tiltless", PAIR, image_shape=SHAPE, **settings
    )


def with_status(match, where, code):
    status = match.status.copy()
    status[where] = code
    return replace(match, status=status)


@pytest.mark.parametrize(("code", "reason"), [(1, "unmatched"), (2, "out of view")])
def test_chains_are_cut_where_points_are_missing(straight, code, reason):
    network = build(with_status(straight, slice(40, 60), code))
    assert [len(line) for line in network.lines] == [40, 40]
    table = network.rejected.set_index("reason")
    assert table["points"][reason] == 20
    assert table["length"][reason] == pytest.approx(20)
    assert table["length"].sum() == pytest.approx(99)
    assert table["points"]["kept"] == 80


def test_short_gaps_are_stepped_over(straight):
    network = build(with_status(straight, slice(40, 44), 1))
    assert [len(line) for line in network.lines] == [96]
    assert build(with_status(straight, slice(40, 44), 1), max_gap=2).n_lines == 2


def test_filled_gaps_bridge_and_are_interpolated(straight):
    match = with_status(straight, slice(40, 60), 3)
    disparity = np.linspace(0, 10, 100)
    disparity[40:60] = np.nan
    network = build(replace(match, disparity=disparity))
    assert [len(line) for line in network.lines] == [100]
    expected = g.depth_from_disparity(np.linspace(0, 10, 100), 10)
    np.testing.assert_allclose(network.points[:, 2], expected, atol=1e-9)
    # A filled gap was not seen: it has no disparity in the map.
    assert np.isnan(network.disparity_map(0)[80, 108:150]).any()


def test_lines_are_cut_where_the_disparity_jumps(straight):
    step = np.where(np.arange(100) < 50, 0.0, 8.0)
    network = build(replace(straight, disparity=step))
    assert [len(line) for line in network.lines] == [50, 50]
    slope = replace(straight, disparity=np.linspace(0, 100, 100))
    assert build(slope).n_lines == 1


def test_filled_gaps_at_an_end_are_left_out(straight):
    network = build(with_status(straight, slice(80, 100), 3))
    assert network.rejected.set_index("reason")["points"]["gap"] == 20
    assert len(network.points) == 80


def test_doubtful_points_and_short_pieces_are_left_out(straight):
    confidence = straight.confidence.copy()
    confidence[30:95] = 0.3
    network = build(replace(straight, confidence=confidence))
    table = network.rejected.set_index("reason")["points"]
    assert (table["low confidence"], table["too short"], table["kept"]) == (65, 5, 30)
    assert build(replace(straight, confidence=confidence), min_confidence=0.2).n_lines == 1


def test_nothing_matched_is_an_empty_network(straight):
    network = build(with_status(straight, slice(None), 1))
    assert network.lines == []
    assert network.points.shape == network.points_in_scan.shape == (0, 3)
    assert network.reproject((0, 0)) == []
    assert network.total_length == 0
    assert np.isnan(network.density)
    assert np.isnan(network.disparity_map(1)).all()
    assert len(network.to_dataframe()) == 0
    assert "0" in repr(network)
    assert "0" in network._repr_html_()


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_every_point_is_accounted_for(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 80))
    from types import SimpleNamespace

    def one(view):
        return SimpleNamespace(
            view=view,
            points=np.cumsum(rng.uniform(0.5, 1.5, (count, 2)), axis=0),
            disparity=np.where(rng.random(count) < 0.9, rng.normal(0, 3, count), np.nan),
            sigma=rng.uniform(0.1, 1, count),
            confidence=rng.uniform(0.3, 1, count),
            line=np.sort(rng.integers(0, 3, count)),
            status=rng.choice([0, 0, 0, 1, 2, 3], count).astype(np.uint8),
        )

    matches = [one(0), one(1)]
    network = DislocationNetwork.from_matches(
        matches, None, "tiltless", PAIR, image_shape=(130, 130), min_length=3
    )
    table = network.rejected.set_index("reason")
    assert table["points"].sum() == count
    assert table["points"]["kept"] == len(network.points)
    assert np.isfinite(network.points).all()
    assert np.isfinite(network.sigma).all()
    # No line runs across two chains: its points are those of one chain, in order.
    for drawn in network.reproject(PAIR[0]):
        where = [int(np.argmin(np.abs(matches[0].points - p).sum(axis=1))) for p in drawn]
        assert (np.diff(where) > 0).all()
        assert len(set(matches[0].line[where])) == 1


def test_disparity_map_covers_the_mask_beside_the_line(lines, make_matches):
    xyz, line = lines
    matches = make_matches(xyz, line, PAIR)
    network = DislocationNetwork.from_matches(matches, None, "tiltless", PAIR, image_shape=SHAPE)
    for view in (0, 1):
        image = network.disparity_map(view)
        assert image.shape == SHAPE
        x, y = np.rint(matches[view].points).astype(int).T
        for step in (-1, 0, 1):
            np.testing.assert_allclose(image[y + step, x], matches[view].disparity, atol=0.6)
        assert 0.02 < np.isfinite(image).mean() < 0.07


def test_density_of_known_lines_and_its_error():
    count = 25
    xyz = np.zeros((2 * count, 3))
    xyz[1::2, 0] = 100.0
    xyz[:, 1] = np.repeat(np.arange(count) * 4.0, 2)
    xyz[:, 2] = np.repeat(np.linspace(0, 80, count), 2)
    network = DislocationNetwork(
        xyz, np.repeat(np.arange(count), 2), units="nm", image_shape=(50, 50), pixel_size=2.0
    )
    assert network.total_length == pytest.approx(100 * count)
    network.set_foil_thickness(50.0)
    assert network.density == pytest.approx(100 * count / (100 * 100 * 50) * 1e18)
    assert network.density_units == "m^-2"
    assert network.density_error == pytest.approx(network.density / np.sqrt(count))
    network.set_foil_thickness(50.0, 10.0)
    assert network.density_error == pytest.approx(network.density * np.hypot(0.2, 0.2))


def test_default_thickness_is_the_depth_of_the_points(lines):
    xyz, line = lines
    network = DislocationNetwork(xyz, line, image_shape=SHAPE)
    assert network.foil_thickness == pytest.approx(np.ptp(xyz[:, 2]), rel=0.02)
    assert network.density == pytest.approx(
        network.total_length / (300 * 400 * network.foil_thickness)
    )
    assert network.density_units == "px^-2"


def test_table_holds_all_points(lines):
    xyz, line = lines
    table = DislocationNetwork(xyz, line, units="nm").to_dataframe()
    np.testing.assert_array_equal(table[["x", "y", "z"]], xyz)
    np.testing.assert_array_equal(table["line"], line)
    assert table.attrs["units"] == "nm"


def empty(view):
    from types import SimpleNamespace

    none = np.zeros(0)
    return SimpleNamespace(
        view=view,
        points=np.zeros((0, 2)),
        disparity=none,
        sigma=none,
        confidence=none,
        line=none.astype(int),
        status=none.astype(np.uint8),
    )


BOTH = [empty(0), empty(1)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: DislocationNetwork([[0, 0]], [0]), r"\(N, 3\)"),
        (lambda: DislocationNetwork([[0, 0, np.nan]], [0]), "NaN"),
        (lambda: DislocationNetwork([[0, 0, 0]], [1]), "0, 1, 2"),
        (lambda: DislocationNetwork([[0, 0, 0]] * 3, [0, 1, 0]), "in order"),
        (lambda: DislocationNetwork([[0, 0, 0]], [0], sigma=[-1]), "negative"),
        (lambda: DislocationNetwork([[0, 0, 0]], [0], confidence=[1, 1]), "2 values"),
        (lambda: DislocationNetwork([], [], pixel_size=0), "positive"),
        (lambda: DislocationNetwork([], [], geometry="both"), "tiltless"),
        (lambda: DislocationNetwork([], []).disparity_map(), "0 views"),
        (lambda: DislocationNetwork([], []).reproject([[0, 0]]), "one view"),
        (lambda: DislocationNetwork([], []).set_foil_thickness(-3), "positive"),
        (lambda: DislocationNetwork([], [], geometry="tilt").reproject((1, 0)), "tilt axis"),
        (lambda: DislocationNetwork.from_matches(BOTH), "incidence"),
        (lambda: DislocationNetwork.from_matches(BOTH[:1], incidence=PAIR), "One match for each"),
        (lambda: DislocationNetwork.from_matches(BOTH, geometry="tilt", incidence=PAIR), "shape"),
        (
            lambda: DislocationNetwork.from_matches(
                BOTH, incidence=PAIR[::-1], offsets=[[-0.5, 0], [0.5, 0]]
            ),
            "reversed",
        ),
        (
            lambda: DislocationNetwork.from_matches(BOTH, incidence=PAIR, min_confidence=50),
            "between 0 and 1",
        ),
        (lambda: DislocationNetwork.from_matches(BOTH, incidence=PAIR, min_length=-1), "lengths"),
    ],
)
def test_bad_input_is_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()


NETWORK = DislocationNetwork.from_matches(BOTH, incidence=PAIR, image_shape=(40, 50))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: NETWORK.disparity_map(0.0), TypeError, r"0 to 1; 0\.0 was given"),
        (lambda: NETWORK.disparity_map(True), TypeError, "True was given"),
        (lambda: NETWORK.disparity_map("left"), TypeError, "'left' was given"),
        (lambda: NETWORK.disparity_map(2), ValueError, "2 views; view 2 is not"),
        (lambda: NETWORK.disparity_map(0, np.nan), ValueError, "width must be finite"),
        (lambda: NETWORK.disparity_map(0, 1e9), ValueError, "0 to 100 px"),
        (lambda: NETWORK.disparity_map(0, -1), ValueError, "0 to 100 px"),
        (lambda: NETWORK.disparity_map(0, None), TypeError, "None was given"),
        (lambda: NETWORK.set_foil_thickness("a"), TypeError, "thickness is one number"),
        (lambda: NETWORK.set_foil_thickness(None), TypeError, "None was given"),
        (lambda: NETWORK.set_foil_thickness(np.nan), ValueError, "finite"),
        (lambda: NETWORK.set_foil_thickness(0), ValueError, "positive"),
        (lambda: NETWORK.set_foil_thickness(50, "a"), TypeError, "error of the thickness"),
        (lambda: NETWORK.set_foil_thickness(50, np.nan), ValueError, "finite"),
    ],
)
def test_bad_arguments_of_a_network_are_explained(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"confidence": [1.5]}, ValueError, "confidence cannot be negative or above 1"),
        ({"confidence": [-0.1]}, ValueError, "confidence cannot be negative or above 1"),
        ({"confidence": [np.nan]}, ValueError, "confidence holds 1 values that are NaN"),
        ({"sigma": [np.nan]}, ValueError, "sigma holds 1 values that are NaN"),
        ({"sigma": ["wide"]}, TypeError, "sigma must be an array of numbers"),
        ({"line_index": [0.5]}, ValueError, r"whole numbers.*0\.5 is among"),
        ({"line_index": [np.nan]}, ValueError, "whole numbers.*nan is among"),
        ({"line_index": ["a"]}, TypeError, "line_index must be an array of numbers"),
        ({"points": "abc"}, TypeError, "points must be an array of numbers"),
        ({"pixel_size": "2 nm"}, TypeError, "pixel_size is one number"),
        ({"pixel_size": None}, TypeError, "pixel_size is one number"),
        ({"pixel_size": np.inf}, ValueError, "pixel_size must be finite"),
        ({"image_shape": (10, 20, 3)}, ValueError, "two positive whole numbers"),
        ({"image_shape": 10}, ValueError, "two positive whole numbers"),
    ],
)
def test_what_makes_no_network_is_explained(given, error, words):
    with pytest.raises(error, match=words):
        DislocationNetwork(**({"points": [[0, 0, 0]], "line_index": [0]} | given))


def test_whole_numbers_as_floats_number_lines():
    network = DislocationNetwork([[0, 0, 0]] * 2, np.array([0.0, 1.0]))
    assert network.line_index.dtype == np.int64


def test_codes_of_a_point_are_those_of_the_matcher():
    codes = (chains.MATCHED, chains.UNMATCHED, chains.OUT_OF_VIEW, chains.NOT_REAL)
    assert codes == tuple(MatchStatus)
