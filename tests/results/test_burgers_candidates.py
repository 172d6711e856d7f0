"""Which Burgers vector is left where the answer is known."""

import numpy as np
import pytest

from hyperspy_stereo import DislocationNetwork
from hyperspy_stereo.results.burgers_candidates import SEVERAL, burgers_candidates, line_labels
from hyperspy_stereo.simulation import FoilOrientation

TIAL = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2), azimuth=90.0)


def network(lines, depth_error=2.0, seed=0):
    rng = np.random.default_rng(seed)
    noise = np.array([0.3, 0.3, depth_error])
    points = [line + noise * rng.normal(size=line.shape) for line in lines]
    index = np.repeat(np.arange(len(points)), [len(p) for p in points])
    return DislocationNetwork(
        np.concatenate(points), index, np.full(len(index), depth_error), units="nm"
    )


def straight(direction, length=200.0):
    return np.linspace(0, length, 100)[:, None] * direction


def in_plane(first, second, radius=80.0):
    """Half a loop in the plane of two vectors."""
    second = second - (second @ first) * first
    second = second / np.linalg.norm(second)
    angle = np.linspace(0, np.pi, 160)[:, None]
    return radius * (np.cos(angle) * first + np.sin(angle) * second)


def test_a_line_along_one_visible_vector_is_its_screw():
    for uvw in ((1, 0, 1), (0, 1, 1)):
        table = burgers_candidates(network([straight(TIAL.direction(uvw))]).in_crystal(TIAL))
        assert table.loc[0, "candidate"] == "[" + "".join(map(str, uvw)) + "]"
        assert table.loc[0, "told by"] == "screw"
        assert table.loc[0, "angle"] < 3 * table.loc[0, "angle_error"]
        assert abs(table.loc[0, "g.b"]) == 2


def test_the_plane_excludes_vectors_that_are_not_in_it():
    b = TIAL.direction((1, 0, 1))
    # (1 -2 -1) holds [101] and no other visible vector of these two types.
    assert TIAL.plane_normal((1, -2, -1)) @ b == pytest.approx(0, abs=1e-9)
    across = np.cross(TIAL.plane_normal((1, -2, -1)), b)
    loop = in_plane((b + across) / np.linalg.norm(b + across), across)
    table = burgers_candidates(network([loop], 0.5).in_crystal(TIAL), ["super 101", "ordinary"])
    assert table.loc[0, "candidate"] == "[101]"
    assert table.loc[0, "told by"] == "plane"


def test_what_cannot_be_told_is_not_told():
    odd = straight(TIAL.direction((10, 1, 4)))
    table = burgers_candidates(network([odd]).in_crystal(TIAL), "super 101")
    assert table.loc[0, "candidate"] == SEVERAL
    assert table.loc[0, "left"] == 4
    assert np.isnan(table.loc[0, "angle"])


def test_an_invisible_family_leaves_nothing():
    line = straight(TIAL.direction((1, 0, 1)))
    table = burgers_candidates(network([line]).in_crystal(TIAL), "ordinary")
    assert table.loc[0, "candidate"] == "" and table.loc[0, "left"] == 0


def test_every_line_has_a_label_short_ones_too():
    lines = [straight(TIAL.direction((1, 0, 1))), np.array([[0.0, 0, 0], [3, 0, 0]])]
    assert line_labels(network(lines).in_crystal(TIAL)) == ["[101]", "too short"]


def test_no_lines_give_an_empty_table():
    empty = DislocationNetwork([], [], units="nm").in_crystal(TIAL)
    assert len(burgers_candidates(empty)) == 0


def test_a_kind_that_the_crystal_has_not_is_refused():
    lines = network([straight(TIAL.direction((1, 0, 1)))]).in_crystal(TIAL)
    with pytest.raises(ValueError, match="ordinary"):
        burgers_candidates(lines, "perfect")
