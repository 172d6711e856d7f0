"""Burgers vectors: their number, lengths and products with g, glide systems and partials."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.simulation.crystals.burgers import (
    burgers_vectors,
    dissociate,
    g_dot_b_table,
    laue_operations,
    slip_systems,
)
from hyperspy_stereo.simulation.crystals.structure import Crystal, Site, crystal
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.two_beam import displacement_change

A, C = 0.4005, 0.407


@pytest.mark.parametrize(
    ("name", "kind", "number", "length"),
    [
        ("Al", "perfect", 12, 0.405 / np.sqrt(2)),
        ("Al", "shockley", 24, 0.405 / np.sqrt(6)),
        ("Al", "frank", 8, 0.405 / np.sqrt(3)),
        ("TiAl", "ordinary", 4, A / np.sqrt(2)),
        ("TiAl", "super 101", 8, np.hypot(A, C)),
        ("TiAl", "super 112", 8, np.sqrt(2 * A**2 + 4 * C**2) / 2),
        ("TiAl", "shockley", 8, np.sqrt(2 * A**2 + 4 * C**2) / 6),
        ("TiAl", "shockley csf", 16, np.sqrt(5 * A**2 + C**2) / 6),
        ("GaN", "a", 6, 0.3189),
        ("GaN", "c", 2, 0.5185),
        ("GaN", "a+c", 12, np.hypot(0.3189, 0.5185)),
        ("GaN", "shockley", 6, 0.3189 / np.sqrt(3)),
    ],
)
def test_number_and_length(name, kind, number, length):
    vectors = burgers_vectors(name, kind)
    assert len({b.uvw for b in vectors}) == len(vectors) == number
    assert np.allclose([b.length for b in vectors], length)
    # of one family all turn into each other, so none may be missing its opposite
    assert {tuple(-u for u in b.uvw) for b in vectors} == {b.uvw for b in vectors}


def test_only_the_first_two_indices_change_places_in_tial():
    half = Fraction(1, 2)
    ordinary = {b.uvw for b in burgers_vectors("TiAl", "ordinary")}
    assert ordinary == {(i * half, j * half, 0) for i in (1, -1) for j in (1, -1)}
    assert all(abs(b.uvw[2]) == 1 for b in burgers_vectors("TiAl", ["super 101", "super 112"]))


@pytest.mark.parametrize("name", ["TiAl", "GaN", "Al", "Si"])
def test_perfect_vectors_and_only_they_are_translations(name):
    material = crystal(name)
    places = np.array([site.position for site in material.sites])
    elements = np.array([site.element for site in material.sites])

    def repeats(shift):
        step = places[:, None] + shift - places[None]
        same = (np.abs(step - np.round(step)) < 1e-3).all(-1) & (elements[:, None] == elements)
        return bool(same.any(1).all())

    for b in burgers_vectors(material):
        assert repeats(np.array(b.uvw, float)) is not b.partial, b.label


@pytest.mark.parametrize("name", ["TiAl", "GaN", "Al"])
def test_equivalents_are_those_of_orix(name):
    from orix.crystal_map import Phase
    from orix.vector import Miller

    material = crystal(name)
    laue = material.phase.point_group.laue
    phase = Phase(point_group=laue, structure=material.phase.structure)
    for family in material.burgers:
        miller = Miller(uvw=[[float(u) for u in family.uvw]], phase=phase)
        expected = miller.symmetrise(unique=True).data / 10
        found = np.array([b.cartesian for b in burgers_vectors(material, family.kind)])
        gaps = np.linalg.norm(found[:, None] - expected[None], axis=2)
        assert len(found) == len(expected)
        assert gaps.min(axis=1).max() < 1e-9


def test_labels_name_the_vector_in_the_usual_way():
    assert burgers_vectors("Al", "shockley")[0].label == "1/6[211]"
    gan = {b.label for b in burgers_vectors("GaN")}
    assert {"1/3[11-20]", "[0001]", "1/3[11-23]", "1/3[1-100]"} <= gan


def test_unknown_type_names_the_known_ones():
    with pytest.raises(ValueError, match="ordinary, super 101, super 112, shockley"):
        burgers_vectors("TiAl", "perfect")


def test_002_of_tial_sees_the_superdislocations_only():
    table = g_dot_b_table("TiAl", [(0, 0, 2)], kind=["ordinary", "super 101", "super 112"])
    products = table.groupby("kind")["(002)"].agg(lambda values: set(abs(values)))
    assert products.to_dict() == {"ordinary": {0.0}, "super 101": {2.0}, "super 112": {2.0}}
    assert not table[table.kind == "ordinary"]["visible (002)"].any()
    assert table[table.kind != "ordinary"]["visible (002)"].all()


def test_gan_screws_and_edges_are_told_apart_by_two_reflections():
    table = g_dot_b_table("GaN", [(0, 0, 0, 2), (1, 1, -2, 0)], kind=["a", "c", "a+c"])
    seen = {
        kind: (group["visible (0002)"].all(), group["visible (11-20)"].all())
        for kind, group in table.groupby("kind")
    }
    assert seen == {"a": (False, True), "c": (True, False), "a+c": (True, True)}


def test_table_has_one_of_b_and_minus_b_and_the_partials_rule():
    table = g_dot_b_table("Al", [(2, 0, 0), (1, 1, 1)], kind="shockley")
    assert len(table) == 12
    seen = table["visible (200)"]
    assert (table["(200)"].abs()[seen] > 0.5).all()
    assert (table["(200)"].abs()[~seen] < 0.34).all()
    assert set(table["(200)"].abs()) == {0.3333, 0.6667}


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("Al", {"perfect": 12}),
        ("Si", {"perfect": 12}),
        ("TiAl", {"ordinary": 4, "super 101": 8, "super 112": 4}),
        # basal 3 + prismatic 3 + pyramidal 6; c on 3 + 3 planes; a+c on 3 x 2, 6 x 2 and 6 planes
        ("GaN", {"a": 12, "c": 6, "a+c": 24}),
    ],
)
def test_number_of_slip_systems(name, numbers):
    systems = slip_systems(name)
    found = {kind: sum(s.kind == kind for s in systems) for kind in numbers}
    assert found == numbers
    assert len({(s.plane, s.burgers) for s in systems}) == len(systems) == sum(numbers.values())


@pytest.mark.parametrize("name", ["Al", "TiAl", "GaN"])
def test_burgers_vectors_lie_in_their_planes(name):
    material = crystal(name)
    kinds = [family.kind for family in material.burgers if family.planes]
    for system in slip_systems(material, kinds):
        normal = np.array(system.plane) @ material.reciprocal
        b = np.array(system.burgers, float) @ material.direct
        assert abs(normal @ b) < 1e-12


def test_planes_have_the_angles_of_the_crystal():
    normals = [np.array(s.plane) @ crystal("Al").reciprocal for s in slip_systems("Al")]
    unit = np.unique([n / np.linalg.norm(n) for n in normals], axis=0)
    angles = np.degrees(np.arccos(np.abs(np.triu(unit @ unit.T, 1)[np.triu_indices(4, 1)])))
    assert np.allclose(angles, 70.529, atol=1e-3)


FCC_SYSTEMS = [(s.plane, s.burgers) for s in slip_systems("Al")]
SIGNS = st.sampled_from([1, -1])


@settings(deadline=None)
@given(st.sampled_from(FCC_SYSTEMS), SIGNS, SIGNS)
def test_partials_add_up_and_lie_in_the_plane(system, sign_n, sign_b):
    plane = tuple(sign_n * h for h in system[0])
    b = tuple(sign_b * u for u in system[1])
    shockley = {v.uvw for v in burgers_vectors("Al", "shockley")}
    leading, trailing = dissociate("Al", b, plane)
    assert {leading, trailing} <= shockley
    assert tuple(p + q for p, q in zip(leading, trailing, strict=True)) == b
    assert sum(h * p for h, p in zip(plane, leading, strict=True)) == 0
    # the places: n and the side n x u turn together, and so do b and u
    assert dissociate("Al", b, tuple(-h for h in plane)) == (trailing, leading)
    opposite = dissociate("Al", tuple(-u for u in b), plane)
    assert opposite == (tuple(-u for u in trailing), tuple(-u for u in leading))


def fault_jump(leading, trailing, normal, sense):
    """Jump of u over the ribbon, from the side of -n to that of +n, that closes the crystal.

    The elastic displacement along a circuit around the trailing line, up through the ribbon and
    back outside, does not add up to zero; the jump in the ribbon makes up for it.
    """
    side = np.cross(normal, sense)
    lines = [
        Dislocation([20 * side - 50 * sense, 20 * side + 50 * sense], leading),
        Dislocation([-50 * sense, 50 * sense], trailing),
    ]
    corners = [(10, -30), (10, 30), (-40, 30), (-40, -30), (10, -30)]
    circuit = [x * side + y * normal for x, y in corners]
    return -displacement_change(lines, circuit).sum(axis=0)


@pytest.mark.parametrize("name", ["Al", "Si", "TiAl"])
@pytest.mark.parametrize("sign_n", [1, -1])
def test_the_fault_between_the_partials_never_puts_atoms_on_atoms(name, sign_n):
    material = crystal(name)
    kind = "ordinary" if name == "TiAl" else "perfect"
    offsets = np.stack(np.meshgrid(*[[-1, -0.5, 0, 0.5, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    sites = offsets[np.isclose(np.round(2 * offsets.sum(1)) % 2, 0)]
    for system in slip_systems(material, kind):
        plane = tuple(sign_n * h for h in system.plane)
        reciprocal = np.array(plane) @ material.reciprocal
        normal = reciprocal / np.linalg.norm(reciprocal)
        partials = dissociate(material, system.burgers, plane)
        leading, trailing = (np.array(p, float) @ material.direct for p in partials)
        # a line at some angle to its Burgers vector, in the plane
        sense = leading + trailing + 0.7 * np.cross(normal, leading + trailing)
        sense /= np.linalg.norm(sense)
        jump = fault_jump(leading, trailing, normal, sense)
        above = sites[np.isclose(sites @ plane, 1)] @ material.direct
        distance = np.linalg.norm(above + jump, axis=1).min()
        wrong = np.linalg.norm(above - jump, axis=1).min()
        bond = np.linalg.norm(above, axis=1).min()
        assert distance == pytest.approx(bond, rel=0.02)
        assert wrong < 0.85 * bond
        # what `StackingFault` is given: edge_a trailing, so its positive normal is -n
        assert np.allclose(-jump, trailing)


@pytest.mark.parametrize(
    ("name", "b", "plane", "what"),
    [
        ("GaN", (1, 0, 0), (0, 0, 1), r"\(001\) of GaN"),
        ("Al", (0.5, -0.5, 0), (0, 0, 1), "planes of f.c.c. stackings"),
        ("Al", (0.5, 0.5, 0), (1, 1, 1), "those that do: "),
        ("TiAl", (1, 0, -1), (1, 1, 1), "does not split"),
    ],
)
def test_what_does_not_dissociate(name, b, plane, what):
    with pytest.raises(ValueError, match=what):
        dissociate(name, b, plane)


def test_lattice_must_fit_the_space_group():
    odd = Crystal("odd", (0.4, 0.41, 0.4, 90, 90, 90), [Site("Al", (0, 0, 0))], 225, {"Al": 0.008})
    with pytest.raises(ValueError, match="does not have the symmetry"):
        laue_operations(odd)
