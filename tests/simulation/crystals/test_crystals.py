"""Crystals: cells as orix has them, presets by name, indices, and what a crystal may not be."""

import doctest
from fractions import Fraction
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.simulation.crystals.structure import Crystal, Site, crystal, face_centred_cubic

NAMES = ["TiAl", "GaN", "CrMnFeCoNi", "Al", "Ni", "Si"]
DOCS = Path(__file__).resolve().parents[3] / "docs" / "crystals.md"


@pytest.mark.parametrize("name", NAMES)
def test_cell_is_the_one_of_orix(name):
    from orix.vector import Miller

    material = crystal(name)
    phase = material.phase
    assert np.allclose(phase.structure.lattice.base / 10, material.direct, atol=1e-9)
    assert phase.space_group.number == material.space_group
    g = Miller(hkl=[[1, 2, 3]], phase=phase)
    assert np.allclose(g.data[0] * 10, np.array([1, 2, 3]) @ material.reciprocal)


@pytest.mark.parametrize("name", NAMES)
def test_phase_holds_all_atoms_and_their_vibration(name):
    material = crystal(name)
    structure = material.phase.structure
    assert len(structure) == len(material.sites)
    for atom, site in zip(structure, material.sites, strict=True):
        assert (atom.element, atom.occupancy) == (site.element, site.occupancy)
        assert atom.Bisoequiv == pytest.approx(100 * dict(material.debye_waller)[site.element])


@pytest.mark.parametrize(
    ("name", "density"),
    # g/cm^3: handbook values; the alloy from the mean atomic mass and the measured lattice
    [("Al", 2.70), ("Ni", 8.91), ("Si", 2.33), ("GaN", 6.1), ("TiAl", 3.85), ("CrMnFeCoNi", 8.0)],
)
def test_density_is_that_of_the_material(name, density):
    # one preset with a wrong cell, occupancy or number of atoms would miss by far more than 2 %
    masses = {"Al": 26.98, "Ni": 58.69, "Si": 28.09, "Ga": 69.72, "N": 14.01, "Ti": 47.87}
    masses |= {"Cr": 52.00, "Mn": 54.94, "Fe": 55.85, "Co": 58.93}
    material = crystal(name)
    mass = sum(masses[site.element] * site.occupancy for site in material.sites)
    assert mass * 1.66054e-24 / (material.volume * 1e-21) == pytest.approx(density, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_atoms_keep_their_distance(name):
    # a wrong position in the cell puts two atoms on top of each other or too far apart
    material = crystal(name)
    places = np.unique([site.position for site in material.sites], axis=0)
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    nearest = []
    for i, j in combinations_with_replacement(range(len(places)), 2):
        lengths = np.linalg.norm((places[j] - places[i] + shifts) @ material.direct, axis=1)
        nearest.append(lengths[lengths > 1e-6].min())
    assert 0.19 < min(nearest) < 0.29


def test_which_stacks_like_fcc():
    assert [crystal(name).face_centred for name in NAMES] == [True, False, True, True, True, True]
    assert [crystal(name).hexagonal for name in NAMES] == [False, True, False, False, False, False]


@pytest.mark.parametrize("alias", ["γ-TiAl", "gamma-TiAl", " tial "])
def test_aliases(alias):
    assert crystal(alias) is crystal("TiAl")
    assert crystal("cantor") is crystal("CrMnFeCoNi")
    assert crystal(crystal("Al")) is crystal("Al")


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="TiAl, GaN, CrMnFeCoNi, Al, Ni, Si"):
        crystal("unobtainium")


def test_equal_crystals_are_interchangeable():
    def copper():
        return face_centred_cubic("Cu", 0.3615, {"Cu": 1.0}, {"Cu": 0.0055})

    assert copper() == copper()
    assert len({copper(), copper()}) == 1
    assert copper() != crystal("Ni")


def test_triclinic_cell_has_the_given_lengths_and_angles():
    lattice = (0.5, 0.6, 0.7, 80.0, 95.0, 103.0)
    material = Crystal("x", lattice, [Site("Si", (0, 0, 0))], 1, {"Si": 0.005})
    lengths = np.linalg.norm(material.direct, axis=1)
    a, b, c = material.direct / lengths[:, None]
    assert np.allclose(lengths, lattice[:3])
    assert np.allclose(np.degrees(np.arccos([b @ c, a @ c, a @ b])), lattice[3:])
    assert np.allclose(material.direct @ material.reciprocal.T, np.eye(3))


@settings(deadline=None)
@given(st.tuples(*[st.integers(-6, 6)] * 3).filter(any))
def test_four_indices_mean_the_same_as_three(hkl):
    gan = crystal("GaN")
    h, k, last = hkl
    assert gan.plane_indices((h, k, -h - k, last)) == hkl
    u, v, w = (Fraction(i, 3) for i in hkl)
    four = ((2 * u - v) / 3, (2 * v - u) / 3, -(u + v) / 3, w)
    assert gan.direction_indices(four) == (u, v, w)


@pytest.mark.parametrize(
    ("indices", "what"),
    [
        ((1, 1, 0, 0), "add up to zero"),
        ((0, 0, 0), "not be all zero"),
        ((1, 0.5, 0), "whole numbers"),
        ((1, 0), "three or four"),
        ((1, np.nan, 0), "finite"),
        ("abc", "three or four"),
        (3, "three or four"),
    ],
)
def test_wrong_planes(indices, what):
    with pytest.raises(ValueError, match=what):
        crystal("GaN").plane_indices(indices)


def test_four_indices_need_a_hexagonal_lattice():
    with pytest.raises(ValueError, match="not hexagonal"):
        crystal("Al").direction_indices((1, 1, -2, 0))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"lattice": (4.05, 4.05, 4.05, 90, 90)}, "lattice must be"),
        ({"lattice": (40.5, 40.5, 40.5, 90, 90, 90)}, "in nm"),
        ({"lattice": (0.4, 0.4, 0.4, 30, 30, 150)}, "no cell has the angles"),
        ({"sites": ()}, "at least one atom"),
        ({"sites": (Site("Al", (0, 0, 0), 1.5),)}, "occupancy"),
        ({"debye_waller": {"Ni": 0.004}}, "nothing about Al"),
        ({"debye_waller": {"Al": 0.86}}, r"Angstrom\^2 is 0.01"),
        ({"space_group": 231}, "space_group"),
        ({"poisson_ratio": 0.5}, "Poisson"),
    ],
)
def test_impossible_crystals(change, what):
    parts = {
        "name": "test",
        "lattice": (0.405, 0.405, 0.405, 90, 90, 90),
        "sites": (Site("Al", (0, 0, 0)),),
        "space_group": 225,
        "debye_waller": {"Al": 0.0086},
    }
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=what):
        Crystal(**{**parts, **change})


def test_shares_of_an_alloy_add_up():
    with pytest.raises(ValueError, match="add up to 1"):
        face_centred_cubic("NiAl", 0.36, {"Ni": 0.5, "Al": 0.4}, {"Ni": 0.004, "Al": 0.008})


def test_the_page_about_crystals_tells_what_the_code_does():
    if not DOCS.is_file():
        pytest.skip("no docs beside the tests")
    failed, tried = doctest.testfile(
        str(DOCS), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 0
    assert failed == 0
