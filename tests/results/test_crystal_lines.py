import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_stereo import DislocationNetwork
from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation

TIAL = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2), azimuth=90.0)
GAN = FoilOrientation("GaN", zone_axis=(1, 1, -2, 0), g=(0, 0, 0, 2), azimuth=-30.0, tilt=(2, 1))


def network(lines, depth_error=3.0, seed=0, pixel_size=1.0):
    rng = np.random.default_rng(seed)
    spread = np.array([0.4 * pixel_size, 0.4 * pixel_size, depth_error])
    points = [line + spread * rng.normal(size=line.shape) for line in lines]
    index = np.repeat(np.arange(len(points)), [len(p) for p in points])
    sigma = np.full(len(index), depth_error)
    return DislocationNetwork(
        np.concatenate(points), index, sigma, units="nm", pixel_size=pixel_size
    )


def straight(direction, n=80, length=160.0):
    return np.linspace(0, length, n)[:, None] * direction


def loop(foil, hkl, radius=60.0):
    normal = foil.plane_normal(hkl)
    first = np.cross(normal, [0.2, 0.5, 0.9])
    first /= np.linalg.norm(first)
    angle = np.linspace(0, 1.8 * np.pi, 200)[:, None]
    return radius * (np.cos(angle) * first + np.sin(angle) * np.cross(normal, first))


@pytest.mark.parametrize("foil", [TIAL, GAN])
def test_directions_of_known_lines_are_named(foil):
    uvw = [(1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1)]
    lines = [straight(foil.direction(d)) for d in uvw if abs(foil.direction(d)[2]) < 0.9]
    table = network(lines).in_crystal(foil).to_dataframe()
    wanted = [d for d in uvw if abs(foil.direction(d)[2]) < 0.9]
    names = {
        "TiAl": {(1, 0, 0): "100", (0, 1, 0): "010", (0, 0, 1): "001", (1, 0, 1): "101"},
        "GaN": {(1, 0, 0): "2-1-10", (0, 1, 0): "-12-10", (0, 0, 1): "0001", (1, 1, 0): "11-20"},
    }[foil.crystal.name]
    for row, d in zip(table.itertuples(), wanted, strict=True):
        assert row.direction_off < 4 * row.direction_error
        if d in names:
            assert names[d] in row.direction


def test_inclination_and_its_error_follow_the_depth_error():
    line = straight([0.8, 0, 0.6])
    near, far = (
        network([line] * 40, error, seed=4).in_crystal(TIAL).to_dataframe() for error in (1.0, 8.0)
    )
    for table in (near, far):
        off = table.inclination - np.degrees(np.arcsin(0.6))
        assert np.abs(off).max() < 5 * table.inclination_error.max()
    assert far.inclination_error.mean() > 3 * near.inclination_error.mean()


def test_a_direction_that_is_no_simple_one_is_not_named():
    odd = TIAL.direction((10, 1, 4))
    table = network([straight(odd)]).in_crystal(TIAL).to_dataframe()
    assert table.loc[0, "direction"] == "" and table.loc[0, "directions"] == 0
    assert table.loc[0, "direction_off"] > 2 * table.loc[0, "direction_error"]


def test_habit_planes_of_loops_are_named_and_those_of_straight_lines_are_not():
    lines = [loop(TIAL, (1, 1, 1)), loop(TIAL, (0, 0, 1)), straight(TIAL.direction((1, 0, 1)))]
    table = network(lines, depth_error=2.0).in_crystal(TIAL).to_dataframe()
    assert "111" in table.loc[0, "plane"].replace("-", "")
    assert table.loc[0, "plane_off"] < 3 * table.loc[0, "plane_error"] < 30
    assert table.loc[1, "plane"].replace("-", "") == "(001)"
    assert table.loc[2, "plane"] == "" and np.isnan(table.loc[2, "plane_error"])


def test_burgers_vectors_know_screws_edges_and_what_is_seen():
    b = TIAL.direction((1, 0, 1))
    edge = np.cross(b, TIAL.plane_normal((1, 1, -1)))
    lines = [straight(b), straight(edge / np.linalg.norm(edge)), loop(TIAL, (1, 1, -1))]
    table = network(lines, 1.5).in_crystal(TIAL).burgers(["ordinary", "super 101"])
    of = table.set_index(["line", "burgers"])
    assert of.loc[(0, "[101]"), "angle"] < 4 * of.loc[(0, "[101]"), "angle_error"]
    assert abs(of.loc[(1, "[101]"), "angle"] - 90) < 4 * of.loc[(1, "[101]"), "angle_error"]
    assert of.loc[(0, "[101]"), "g.b"] == 2 and of.loc[(0, "[101]"), "visible"]
    assert not of.loc[(0, "1/2[110]"), "visible"]
    assert of.loc[(2, "[101]"), "glissile"] and not of.loc[(2, "[10-1]"), "glissile"]
    assert of.loc[(0, "[101]"), "glissile"] is None
    with pytest.raises(ValueError, match="no Burgers vectors"):
        network(lines).in_crystal(TIAL).burgers("imaginary")


def test_pixel_size_changes_nothing_but_lengths():
    lines = [straight(TIAL.direction((1, 0, 1))), loop(TIAL, (1, 1, 1))]
    fine = network(lines).in_crystal(TIAL).to_dataframe()
    coarse = network([2.0 * line for line in lines], 6.0, pixel_size=2.0)
    coarse = coarse.in_crystal(TIAL).to_dataframe()
    np.testing.assert_allclose(coarse.length, 2 * fine.length)
    np.testing.assert_allclose(coarse.direction_error, fine.direction_error)
    assert coarse.direction.tolist() == fine.direction.tolist()


def test_the_stereogram_puts_upward_ends_where_they_point():
    lines = [straight(np.array([0.6, 0, -0.8])), straight(np.array([0, -0.6, 0.8]))]
    axes = network(lines, 0.5).in_crystal(TIAL).plot_stereogram(poles=False)
    x, y = axes.collections[-1].get_offsets().T
    radius = np.tan(np.arccos(0.8) / 2)
    np.testing.assert_allclose(x, [radius, 0], atol=0.02)
    np.testing.assert_allclose(y, [0, -radius], atol=0.02)  # y of the image runs down
    plt.close(axes.figure)


def test_what_cannot_be_done_is_told():
    empty = DislocationNetwork(np.zeros((0, 3)), [])
    with pytest.raises(ValueError, match="no lines to draw"):
        empty.in_crystal(TIAL).plot_stereogram()
    assert len(empty.in_crystal(TIAL).to_dataframe()) == 0
    with pytest.raises(TypeError, match="FoilOrientation"):
        empty.in_crystal("TiAl")
    lines = network([straight(np.array([1.0, 0, 0]))]).in_crystal(TIAL)
    with pytest.raises(ValueError, match="largest_index"):
        lines.to_dataframe(largest_index=0)
    figure, plain = plt.subplots()
    with pytest.raises(ValueError, match="projection"):
        lines.plot_stereogram(plain)
    plt.close(figure)


def test_the_error_of_the_inclination_has_no_gap_along_the_beam():
    z = np.linspace(0, 60, 25)
    lines = [np.column_stack([lean * z, 0 * z, z]) for lean in (0.0, 1e-3, 0.02, 0.1)]
    index = np.repeat(np.arange(4), 25)
    net = DislocationNetwork(np.concatenate(lines), index, np.ones(100), units="nm")
    table = net.in_crystal(TIAL).to_dataframe()
    assert table.inclination_error.max() < 1.1 * table.inclination_error.min()
    np.testing.assert_allclose(table.inclination_error, table.direction_error, rtol=0.1)


def test_tables_without_lines_have_their_columns():
    empty = DislocationNetwork(np.zeros((0, 3)), []).in_crystal(TIAL)
    some = network([straight(np.array([1.0, 0, 0]))]).in_crystal(TIAL)
    assert list(empty.to_dataframe()) == list(some.to_dataframe())
    assert list(empty.burgers()) == list(some.burgers())
