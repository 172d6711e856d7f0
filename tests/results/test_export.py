"""Files: back without loss, and readable by others."""

import base64
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hyperspy_stereo import geometry as g
from hyperspy_stereo.results import DislocationNetwork, ViewPoints
from hyperspy_stereo.results.export import SUFFIXES, network_state

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


@st.composite
def networks(draw):
    count = draw(st.integers(0, 12))
    xyz = draw(hnp.arrays(np.float64, (count, 3), elements=FINITE))
    steps = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 1)))
    line = np.cumsum(steps) - (steps[0] if count else 0)
    size = draw(st.integers(0, 5))
    view = ViewPoints(
        draw(hnp.arrays(np.float64, (size, 2), elements=FINITE)),
        *(draw(hnp.arrays(np.float64, size, elements=FINITE)) for _ in range(3)),
        np.arange(size),
    )
    network = DislocationNetwork(
        xyz,
        line,
        np.abs(draw(hnp.arrays(np.float64, count, elements=FINITE))),
        draw(hnp.arrays(np.float64, count, elements=st.floats(0, 1))),
        units=draw(st.sampled_from(["nm", "px", "µm", 'odd: "&<,\n'])),
        pixel_size=draw(st.floats(1e-3, 1e3)),
        geometry=draw(st.sampled_from(["tilt", "tiltless"])),
        incidence=draw(hnp.arrays(np.float64, (2, 2), elements=st.floats(-100, 100))),
        image_shape=draw(st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9))),
        scan_shape=draw(st.none() | st.just((4, 5))),
        to_scan=g.rotation_affine(draw(st.floats(0, 360)), (1.0, 2.0)),
        views=[view] * draw(st.integers(0, 2)),
        rejected={"kept": (3, 4.5), "out of view": (1, 0.1)},
    )
    if draw(st.booleans()):
        network.set_foil_thickness(draw(st.floats(0.1, 500)), 2.0)
    return network


def assert_same(a, b):
    arrays_a, meta_a = network_state(a)
    arrays_b, meta_b = network_state(b)
    assert meta_a == meta_b
    assert arrays_a.keys() == arrays_b.keys()
    for name, array in arrays_a.items():
        assert array.dtype == arrays_b[name].dtype, name
        np.testing.assert_array_equal(array, arrays_b[name], strict=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(network=networks())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_was_saved_is_loaded_to_the_last_bit(tmp_path, suffix, network):
    path = network.save(tmp_path / f"network{suffix}")
    assert_same(network, DislocationNetwork.load(path))


@pytest.fixture
def network(lines, make_matches):
    pair = g.incidence_pair(10)
    return DislocationNetwork.from_matches(
        make_matches(*lines, pair),
        None,
        "tiltless",
        pair,
        pixel_size=2.0,
        units="nm",
        image_shape=(300, 400),
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_fit_is_saved_with_its_network(tmp_path, suffix):
    from hyperspy_stereo.matching.joint_fit import residual_maps

    x = np.mgrid[:48, :48][1]
    theta, noise = g.incidence_pair(8), np.random.default_rng(0).normal(size=(2, 48, 48))
    views = [100 - 30 * np.exp(-0.5 * ((x - 24 + s) / 2) ** 2) for s in (0.7, -0.7)] + noise
    long = [[23.3, row, 8.0] for row in range(6, 43)]
    points = 2.0 * np.array(long + [[40, row, 0.0] for row in range(4)])  # too short to be fitted
    network = DislocationNetwork(
        points, np.repeat([0, 1], [37, 4]), np.full(41, 4.0), pixel_size=2.0,
        incidence=theta, image_shape=(48, 48),
    )  # fmt: skip
    fitted = network.refine(views, theta)
    back = DislocationNetwork.load(fitted.save(tmp_path / f"fit{suffix}"))
    assert_same(fitted, back)
    assert back.fit.patterns[1] is None
    assert back.fit.projection == fitted.fit.projection
    np.testing.assert_array_equal(
        residual_maps(back.fit, views, theta), residual_maps(fitted.fit, views, theta)
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_loaded_network_still_maps_and_reprojects(network, tmp_path, suffix):
    back = DislocationNetwork.load(network.save(tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(back.disparity_map(1), network.disparity_map(1))
    np.testing.assert_array_equal(
        np.vstack(back.reproject((10, 0))), np.vstack(network.reproject((10, 0)))
    )
    pd.testing.assert_frame_equal(back.rejected, network.rejected)


def test_csv_is_a_plain_table_for_others(network, tmp_path):
    table = pd.read_csv(network.save(tmp_path / "a.csv"), comment="#")
    assert list(table) == ["line", "x", "y", "z", "sigma", "confidence"]
    np.testing.assert_array_equal(table[["x", "y", "z"]], network.points)
    assert '# units: "nm"' in (tmp_path / "a.csv").read_text()


def test_vtp_is_polydata_with_one_polyline_per_line(network, tmp_path):
    piece = ET.parse(network.save(tmp_path / "a.vtp")).getroot().find("PolyData/Piece")
    assert piece.get("NumberOfLines") == "6"
    assert piece.get("NumberOfPoints") == str(len(network.points))
    names = {a.get("Name") for a in piece.findall("PointData/DataArray")}
    assert names == {"sigma", "confidence", "line"}
    raw = base64.b64decode(piece.find("Lines/DataArray[@Name='offsets']").text)
    assert int.from_bytes(raw[:8], "little") == len(raw) - 8
    np.testing.assert_array_equal(
        np.frombuffer(raw[8:], "<i8"), np.cumsum([len(a) for a in network.lines])
    )


def test_files_are_not_overwritten_unless_asked(network, tmp_path):
    network.save(tmp_path / "a.npz")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        network.save(tmp_path / "a.npz", overwrite=False)


def test_missing_folder_is_named(network, tmp_path):
    for suffix in SUFFIXES:
        with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere.*create it"):
            network.save(tmp_path / "nowhere" / f"a{suffix}")


def test_unknown_and_missing_and_foreign_files_are_explained(network, tmp_path):
    with pytest.raises(ValueError, match=r"\.vtp, \.csv, \.npz"):
        network.save(tmp_path / "a.stl")
    with pytest.raises(FileNotFoundError, match="no file"):
        DislocationNetwork.load(tmp_path / "missing.csv")
    (tmp_path / "foreign.csv").write_text("a,b\n1,2\n")
    np.savez(tmp_path / "foreign.npz", a=1)
    (tmp_path / "foreign.vtp").write_text("<VTKFile/>")
    for suffix in SUFFIXES:
        with pytest.raises(ValueError, match="not a whole network file"):
            DislocationNetwork.load(tmp_path / f"foreign{suffix}")
    whole = network.save(tmp_path / "cut.vtp").read_text()
    (tmp_path / "cut.vtp").write_text(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a whole network file"):
        DislocationNetwork.load(tmp_path / "cut.vtp")
