"""The foil: rotations from crystal to specimen, with signs pinned by known cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.simulation.crystals.extinction import extinction_parameters
from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.crystals.structure import crystal

PRESETS = ["TiAl", "GaN", "CrMnFeCoNi", "Si"]
INDICES = st.tuples(*[st.integers(-3, 3)] * 3).filter(any)
ANGLES = st.floats(-180, 180)
TILTS = st.tuples(st.floats(-15, 15), st.floats(-15, 15))


@st.composite
def foils(draw):
    """Any zone axis with any reflection of the zone."""
    first, second = draw(INDICES), draw(INDICES)
    zone = tuple(int(i) for i in np.cross(first, second))
    if not any(zone):
        zone, first = (0, 0, 1), (1, 1, 0)
    return FoilOrientation(draw(st.sampled_from(PRESETS)), zone, first, draw(ANGLES), draw(TILTS))


@settings(deadline=None)
@given(foils())
def test_matrix_is_a_proper_rotation(foil):
    assert np.allclose(foil.matrix @ foil.matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(foil.matrix) == pytest.approx(1)


@settings(deadline=None)
@given(foils(), INDICES, INDICES)
def test_g_dot_b_in_the_specimen_is_the_product_of_the_indices(foil, hkl, uvw):
    product = foil.g_vector(hkl) @ foil.burgers(uvw)
    assert product == pytest.approx(np.dot(hkl, uvw), abs=1e-9)


@settings(deadline=None)
@given(foils(), INDICES)
def test_lengths_do_not_change(foil, uvw):
    length = np.linalg.norm(np.array(uvw) @ foil.crystal.direct)
    assert np.linalg.norm(foil.burgers(uvw)) == pytest.approx(length)
    assert np.linalg.norm(foil.direction(uvw)) == pytest.approx(1)
    assert np.linalg.norm(foil.plane_normal(uvw)) == pytest.approx(1)


@settings(deadline=None)
@given(foils())
def test_zone_axis_points_to_the_source_and_g_along_the_azimuth(foil):
    level = FoilOrientation(foil.crystal, foil.zone_axis, foil.g, foil.azimuth)
    assert np.allclose(level.direction(foil.zone_axis), [0, 0, -1], atol=1e-12)
    x, y, z = level.g_vector() / np.linalg.norm(level.g_vector())
    azimuth = np.radians(foil.azimuth)
    assert np.allclose([x, y, z], [np.cos(azimuth), np.sin(azimuth), 0], atol=1e-9)


def test_cube_seen_along_001():
    # a right-handed crystal seen from above: [001] comes towards the viewer, so [010] is a quarter
    # turn counterclockwise from [100] on the screen, that is up, at -y
    foil = FoilOrientation("Al", (0, 0, 1), (2, 0, 0))
    assert np.allclose(foil.matrix, np.diag([1, -1, -1]))
    assert np.allclose(foil.burgers((0, 0.5, 0.5)), [0, -0.2025, -0.2025])


def test_azimuth_runs_clockwise_on_the_screen():
    foil = FoilOrientation("Al", (0, 0, 1), (2, 0, 0), azimuth=90)
    assert np.allclose(foil.direction((1, 0, 0)), [0, 1, 0])
    assert np.allclose(foil.direction((0, 1, 0)), [1, 0, 0])


@pytest.mark.parametrize(
    ("tilt", "expected"),
    # right-handed about x moves y into z; about y, z into x. The zone axis starts at -z
    [((10, 0), [0, np.sin(np.radians(10)), -np.cos(np.radians(10))]),
     ((0, 10), [-np.sin(np.radians(10)), 0, -np.cos(np.radians(10))])],
)  # fmt: skip
def test_sense_of_the_tilts(tilt, expected):
    foil = FoilOrientation("Al", (0, 0, 1), (2, 0, 0), tilt=tilt)
    assert np.allclose(foil.direction((0, 0, 1)), expected)


def test_tilt_about_x_comes_first():
    foil = FoilOrientation("Al", (0, 0, 1), (2, 0, 0), tilt=(10, 10))
    # [100] lies along x: the first tilt leaves it, the second turns it out of the image
    c, s = np.cos(np.radians(10)), np.sin(np.radians(10))
    assert np.allclose(foil.direction((1, 0, 0)), [c, 0, -s])


def test_hexagonal_crystal_takes_four_indices():
    four = FoilOrientation("GaN", (1, -1, 0, 0), (1, 1, -2, 0))
    three = FoilOrientation("GaN", (1, -1, 0), (1, 1, 0))
    assert np.allclose(four.matrix, three.matrix)
    assert np.allclose(four.burgers((1 / 3, 1 / 3, -2 / 3, 0)), [0.3189, 0, 0])
    # c lies in the image, at a right angle to g
    assert abs(four.burgers((0, 0, 0, 1))[1]) == pytest.approx(0.5185)


def test_orix_has_the_same_orientation():
    from orix.vector import Miller

    foil = FoilOrientation("TiAl", (1, 1, 0), (0, 0, 2), azimuth=33, tilt=(4, -7))
    uvw = [[1, 0, 1], [0.5, 0.5, 1], [1, -1, 0]]
    turned = ~foil.orientation * Miller(uvw=uvw, phase=foil.crystal.phase)
    assert np.allclose(turned.data / 10, [foil.burgers(v) for v in uvw], atol=1e-9)
    # an Orientation of orix takes specimen directions into the crystal
    from orix.vector import Vector3d

    up = (foil.orientation * Vector3d(foil.direction((1, 1, 0)))).unit.data[0]
    assert np.allclose(up, np.array([1, 1, 0]) / np.sqrt(2), atol=1e-9)


def test_two_beam_holds_g_and_the_lengths_of_the_reflection():
    foil = FoilOrientation("TiAl", (1, 1, 0), (0, 0, 2), azimuth=20, tilt=(0, 5))
    beam = foil.two_beam(s=0.02, voltage=300)
    lengths = extinction_parameters("TiAl", (0, 0, 2), 300)
    assert np.array_equal(beam.g, foil.g_vector())
    assert beam.g[2] != 0
    assert np.linalg.norm(beam.g) == pytest.approx(2 / 0.407)
    found = (beam.s, beam.xi_g, beam.xi_g_abs, beam.xi_0_abs)
    assert found == (0.02, lengths.xi_g, lengths.xi_g_abs, lengths.xi_0_abs)
    assert np.isinf(foil.two_beam(0.0, absorption=False).xi_0_abs)


@pytest.mark.parametrize("hkl", [(1, 1, 0), (0, 0, 2), (1, 1, 1)])
def test_g_off_the_zone_is_told(hkl):
    with pytest.raises(ValueError, match=r"degrees from the zone axis \[112\]"):
        FoilOrientation("TiAl", (1, 1, 2), hkl)


def test_g_a_little_off_the_zone_keeps_its_z():
    # 7.6 degrees: the zone axis stays exact, g leaves the image plane by as much
    foil = FoilOrientation("Al", (0, 1, 15), (0, 2, 0), azimuth=0)
    x, y, z = foil.g_vector()
    angle = np.degrees(np.arctan2(1, 15))
    assert y == pytest.approx(0, abs=1e-12)
    assert np.degrees(np.arctan2(-z, x)) == pytest.approx(angle)


@pytest.mark.parametrize(("azimuth", "tilt"), [(np.nan, (0, 0)), (0, (np.inf, 0)), (0, (1, 2, 3))])
def test_angles_must_be_numbers(azimuth, tilt):
    with pytest.raises(ValueError, match="azimuth must be an angle"):
        FoilOrientation("Al", (0, 0, 1), (2, 0, 0), azimuth, tilt)


def test_any_crystal_object_is_taken_and_kept():
    foil = FoilOrientation(crystal("Ni"), (1, 1, 0), (1, -1, 1))
    assert foil.crystal is crystal("Ni")
