"""Random specimens: whatever the seed, what is drawn is a crystal in a foil."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.simulation.crystals.burgers import burgers_vectors
from hyperspy_stereo.simulation.crystals.extinction import is_allowed
from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.crystals.structure import BurgersFamily, Crystal, Site, crystal
from hyperspy_stereo.simulation.specimens import (
    KINDS,
    interface_dislocations,
    lamellae,
    random_orientation,
    random_specimen,
    random_spots,
    visible_lengths,
)

CRYSTALS = ("TiAl", "GaN", "CrMnFeCoNi", "Al", "Ni", "Si")
FIELD, THICK = (300.0, 240.0), 130.0
BEYOND, ROUND = 20.0, 100.0
seeds = st.integers(0, 2**31)
few = settings(max_examples=25, deadline=None)


def foil_of(name: str, seed: int) -> FoilOrientation:
    return random_orientation(crystal(name), np.random.default_rng(seed))


def known_vectors(foil: FoilOrientation) -> np.ndarray:
    return np.array([foil.burgers(b.uvw) for b in burgers_vectors(foil.crystal)])


def is_listed(burgers: np.ndarray, foil: FoilOrientation) -> bool:
    return bool(np.isclose(known_vectors(foil), burgers, atol=1e-9).all(axis=1).any())


def in_foil(specimen, point) -> bool:
    x, y, z = point
    # beyond the rim of the field the foil goes on as thick as it is there
    here = specimen.thickness_at(np.clip(x, 0, specimen.size[0]), np.clip(y, 0, specimen.size[1]))
    return bool(
        0 < z < here
        and -ROUND + 1 < x < specimen.size[0] + ROUND - 1
        and -ROUND + 1 < y < specimen.size[1] + ROUND - 1
    )


def open_ends(lines):
    """Ends of lines that are not continued: place, and b, negative where the line comes in."""
    for line in lines:
        if not line.closed and not line.extend:
            yield line.points[0], line.burgers
            yield line.points[-1], -line.burgers


# ---------------------------------------------------------------- whole specimens


@few
@given(seed=seeds)
def test_lines_are_finite_and_stay_about_the_foil(seed):
    specimen = random_specimen(seed, size=FIELD)
    assert len(specimen.kinds) == len(specimen.dislocations) > 0
    assert set(specimen.kinds) <= set(KINDS)
    assert len(specimen.grain_deviations) == len(specimen.boundaries) + 1
    for line in specimen.dislocations:
        x, y, z = line.points.T
        assert np.isfinite(line.points).all() and np.isfinite(line.burgers).all()
        if not line.closed:
            assert x.min() > -ROUND - 1e-6 and x.max() < FIELD[0] + ROUND + 1e-6
            assert y.min() > -ROUND - 1e-6 and y.max() < FIELD[1] + ROUND + 1e-6
        edge = specimen.thickness_at(np.clip(x, 0, FIELD[0]), np.clip(y, 0, FIELD[1]))
        assert z.min() > -BEYOND - 0.5 and (z - edge).max() < BEYOND + 0.5
        steps = np.linalg.norm(np.diff(line.points, axis=0), axis=1)
        assert steps.max() <= 6.5


@few
@given(seed=seeds)
def test_every_scene_has_a_line_that_is_seen(seed):
    specimen = random_specimen(seed, size=FIELD)
    lengths = visible_lengths(specimen)
    best = int(np.argmax(lengths))
    assert lengths[best] >= 20
    assert abs(specimen.beam.g @ specimen.dislocations[best].burgers) > 0.5


@few
@given(seed=seeds)
def test_foils_stay_thick_and_bend_within_bounds(seed):
    specimen = random_specimen(seed, size=FIELD)
    x, y = np.meshgrid(np.linspace(0, FIELD[0], 31), np.linspace(0, FIELD[1], 31))
    thickness = specimen.thickness_at(x, y)
    assert 80 <= specimen.thickness <= 300
    assert specimen.thickness_at(FIELD[0] / 2, FIELD[1] / 2) == pytest.approx(specimen.thickness)
    assert thickness.min() > 40
    assert np.abs(thickness / specimen.thickness - 1).max() <= 0.4 + 1e-9
    assert np.abs(specimen.deviation_at(x, y)).max() * specimen.beam.xi_g <= 1.5 + 1e-9


@few
@given(seed=seeds, name=st.sampled_from(CRYSTALS))
def test_burgers_vectors_are_those_of_the_crystal(seed, name):
    foil = foil_of(name, seed)
    specimen = random_specimen(seed, size=FIELD, orientation=foil)
    for line, kind in zip(specimen.dislocations, specimen.kinds, strict=True):
        whole = np.linalg.solve((foil.matrix @ foil.crystal.direct.T), line.burgers)
        if kind == "junction":
            # their sum is a lattice translation (with the centring) if each of them is
            doubled = 2 * whole if foil.crystal.face_centred else whole
            assert np.allclose(doubled, np.round(doubled), atol=1e-9)
        else:
            assert is_listed(line.burgers, foil)


@few
@given(seed=seeds)
def test_lines_end_only_on_boundaries_and_at_balanced_nodes(seed):
    specimen = random_specimen(seed, size=FIELD)
    ends = list(open_ends(specimen.dislocations))
    places = np.array([end for end, _ in ends]).reshape(-1, 3)
    vectors = np.array([b for _, b in ends]).reshape(-1, 3)
    for place in places:
        if not in_foil(specimen, place):
            continue
        away = [abs((place - plane.point) @ plane.normal) for plane in specimen.boundaries]
        here = np.linalg.norm(places - place, axis=1) < 1e-6
        balanced = here.sum() >= 3 and np.allclose(vectors[here].sum(axis=0), 0, atol=1e-9)
        assert balanced or min(away, default=np.inf) < 1e-6


@few
@given(seed=seeds)
def test_boundaries_do_not_cross_and_come_in_order(seed):
    specimen = random_specimen(seed, size=FIELD, n_boundaries=3)
    corners = np.array([[x, y, z] for x in (0, 300) for y in (0, 240) for z in (0, 130)])
    for first, second in pairwise(specimen.boundaries):
        assert np.linalg.norm(first.normal) == pytest.approx(1)
        before = (corners - first.point) @ first.normal
        after = (corners - second.point) @ second.normal
        assert (after < before).all()


def test_same_seed_same_specimen_and_dirt_leaves_the_lines_alike():
    a, b = random_specimen(11), random_specimen(11)
    clean, other = random_specimen(11, distractors=False), random_specimen(12)
    for same in (b, clean):
        assert len(same.dislocations) == len(a.dislocations)
        for one, two in zip(a.dislocations, same.dislocations, strict=True):
            np.testing.assert_array_equal(one.points, two.points)
            np.testing.assert_array_equal(one.burgers, two.burgers)
        np.testing.assert_array_equal(a.wedge, same.wedge)
        assert a.grain_deviations == same.grain_deviations and a.beam.s == same.beam.s
    assert clean.spots == ()
    assert [s.absorption for s in a.spots] == [s.absorption for s in b.spots]
    assert other.thickness != a.thickness


def test_some_scenes_have_dirt_boundaries_and_faults_and_some_have_none():
    scenes = [random_specimen(seed, size=FIELD) for seed in range(60)]
    for part in ("spots", "boundaries", "faults"):
        number = sum(bool(getattr(scene, part)) for scene in scenes)
        assert 3 < number < 57, part
    assert {scene.crystal for scene in scenes} == set(CRYSTALS)


@pytest.mark.parametrize("name", CRYSTALS)
def test_every_crystal_and_kind_can_be_asked_for(name):
    for kind in KINDS:
        if kind == "dissociated" and name == "GaN":
            continue
        specimen = random_specimen(5, name, FIELD, THICK, kinds=kind, n_boundaries=1, n_lines=3)
        assert specimen.crystal == name and specimen.thickness == THICK
        assert set(specimen.kinds) == {kind}


def test_number_of_lines_is_kept():
    assert random_specimen(1, n_lines=0).dislocations == ()
    for seed in range(8):
        assert len(random_specimen(seed, n_lines=40).dislocations) == 40


def test_density_is_that_of_deformed_or_epitaxial_crystals():
    densities = []
    for seed in range(60):
        scene = random_specimen(seed)
        length = 0.0
        for line in scene.dislocations:
            x, y, z = (0.5 * (line.points[1:] + line.points[:-1])).T
            inside = (x > 0) & (x < 512) & (y > 0) & (y < 512)
            inside &= (z > 0) & (z < scene.thickness_at(x, y))
            length += np.linalg.norm(np.diff(line.points, axis=0), axis=1)[inside].sum()
        densities.append(length / (512 * 512 * scene.thickness) * 1e18)
    assert 1e13 < np.median(densities) < 1e14
    assert min(densities) < 2e13 and 8e13 < max(densities) < 4e14


@settings(max_examples=40, deadline=None)
@given(seed=seeds, side=st.integers(20, 70))
def test_small_fields_can_have_boundaries(seed, side):
    specimen = random_specimen(seed, size=(side, side), n_lines=0, n_boundaries=4)
    assert len(specimen.boundaries) == 4


@pytest.mark.parametrize("name", CRYSTALS)
def test_voltage_and_elasticity_go_with_the_specimen(name):
    specimen = random_specimen(1, name, FIELD, n_lines=0, voltage=120.0)
    assert specimen.voltage == 120.0
    assert specimen.poisson_ratio == crystal(name).poisson_ratio


# ---------------------------------------------------------------- crystals of one's own


def hexagonal(families, sites=((1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)), space_group=194):
    """Magnesium with Burgers vectors as wanted."""
    atoms = tuple(Site("Mg", place) for place in sites)
    lattice = (0.3209, 0.3209, 0.5211, 90, 90, 120)
    return Crystal("my Mg", lattice, atoms, space_group, {"Mg": 0.0178}, burgers=families)


def basal():
    """Glide on (0001) only: lines meet in triads, but no two planes do."""
    return hexagonal((BurgersFamily("a", (1, 0, 0), [(0, 0, 1)]),))


def lonely():
    """One Burgers vector on three planes: nothing to react with."""
    return hexagonal((BurgersFamily("c", (0, 0, 1), [(1, 0, 0)]),))


def silent():
    """A column of atoms that scatters along c only, and there not where one would look."""
    third = tuple((x / 6, y / 6, z / 4) for x in range(6) for y in range(6) for z in range(4))
    return hexagonal((BurgersFamily("a", (1, 0, 0), [(0, 0, 1)]),), third)


@few
@given(seed=seeds)
def test_a_hexagonal_crystal_of_ones_own_is_seen_along_its_axes(seed):
    foil = random_orientation(basal(), np.random.default_rng(seed))
    assert is_allowed(foil.crystal, foil.g)
    # the reflections in use: (0002), {11-20} and {1-100}, in three indices
    assert tuple(map(abs, foil.g)) in {(0, 0, 2), (1, 1, 0)}


@few
@given(seed=seeds)
def test_forbidden_reflections_are_never_drawn(seed):
    places = ((0, 0, 0), (0.5, 0.5, 0.5))
    iron = Crystal(
        "my Fe", (0.2866,) * 3 + (90,) * 3, [Site("Fe", p) for p in places], 229, {"Fe": 0.0035}
    )
    foil = random_orientation(iron, np.random.default_rng(seed))
    assert sum(foil.g) % 2 == 0


@pytest.mark.parametrize("make", [basal, lonely])
@pytest.mark.parametrize("seed", range(12))
def test_kinds_that_a_crystal_cannot_have_are_not_drawn(make, seed):
    material = make()
    zone, g = ((0, 0, 0, 1), (1, 1, -2, 0)) if make is basal else ((1, -1, 0, 0), (0, 0, 0, 2))
    foil = FoilOrientation(material, zone, g)
    specimen = random_specimen(seed, orientation=foil, size=FIELD, n_lines=8)
    missing = {"junction"} if make is basal else {"junction", "network"}
    assert not missing & set(specimen.kinds)


# ---------------------------------------------------------------- boundaries and dirt


@few
@given(seed=seeds, name=st.sampled_from(("TiAl", "GaN", "Al")))
def test_interface_dislocations_lie_in_the_boundary(seed, name):
    foil, rng = foil_of(name, seed), np.random.default_rng(seed)
    boundary = lamellae(foil, 2, FIELD, THICK, rng)[1]
    assert abs(boundary.normal[2]) < np.sin(np.radians(56))
    for line in interface_dislocations(foil, boundary, FIELD, THICK, rng).dislocations:
        assert np.abs((line.points - boundary.point) @ boundary.normal).max() < 1e-6


def test_the_largest_grain_diffracts():
    for seed in range(40):
        scene = random_specimen(seed, size=FIELD, n_boundaries=2)
        x, y = np.meshgrid(np.linspace(1, 299, 30), np.linspace(1, 239, 30))
        points = np.stack([x, y, np.full_like(x, scene.thickness / 2)], axis=-1)
        grain = sum(((points - b.point) @ b.normal > 0).astype(int) for b in scene.boundaries)
        largest = np.bincount(grain.ravel(), minlength=3).argmax()
        assert abs(scene.grain_deviations[largest]) * scene.beam.xi_g <= 1.5


def test_spots_lose_no_more_than_there_is():
    spots = [s for seed in range(30) for s in random_spots(np.random.default_rng(seed), FIELD)]
    assert spots and all(-1 < s.absorption < 1 and (s.radii > 0).all() for s in spots)
    assert any(s.on_exit for s in spots) and not all(s.on_exit for s in spots)


def test_slip_traces_run_along_their_plane():
    drawn = [
        random_spots(np.random.default_rng(k), FIELD, 0.0, trace_azimuth=200) for k in range(50)
    ]
    long = [spot for spots in drawn for spot in spots if spot.radii[0] > 8 * spot.radii[1]]
    assert long and all(spot.azimuth == pytest.approx(20) for spot in long)


# ---------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"crystal": "cheese"}, "no preset crystal"),
        ({"kinds": ["line", "knot"]}, "'knot' is no kind"),
        ({"kinds": []}, "kinds is empty"),
        ({"kinds": "interface", "n_boundaries": 0}, "need n_boundaries"),
        ({"kinds": "dissociated", "crystal": "GaN"}, "cannot be drawn"),
        ({"size": (512,)}, "size must be"),
        ({"size": (512, -1)}, "size must be"),
        ({"size": (np.nan, 100)}, "size must be"),
        ({"thickness": 0}, "thickness must be"),
        ({"n_lines": -1}, "n_lines must be"),
        ({"n_lines": 2.5}, "n_lines must be"),
        ({"n_boundaries": -2}, "n_boundaries must be"),
        ({"voltage": 0}, "voltage must be"),
        ({"thickness": "a"}, "thickness must be a number"),
        ({"thickness": np.nan}, "thickness must be"),
        ({"size": ("a", 100)}, "size must be"),
        ({"size": 512}, "size must be"),
        ({"voltage": "high"}, "voltage must be"),
        ({"n_lines": "many"}, "n_lines must be"),
        ({"kinds": "junction", "crystal": basal()}, "attract each other"),
        ({"kinds": "network", "crystal": lonely()}, "add up to zero"),
        ({"crystal": silent()}, "give orientation="),
        ({"seed": -1}, "seed must be"),
        ({"seed": 1.5}, "seed must be"),
        (
            {"crystal": "Al", "orientation": FoilOrientation("Ni", (1, 1, 0), (0, 0, 2))},
            "give only one",
        ),
    ],
)
def test_wrong_input_is_told(kwargs, message):
    with pytest.raises(ValueError, match=message):
        random_specimen(**({"seed": 0} | kwargs))


def test_an_orientation_that_is_none_is_told():
    with pytest.raises(TypeError, match="must be a FoilOrientation"):
        random_specimen(0, orientation="x")


def test_a_scene_that_nothing_can_be_seen_in_is_refused():
    # the partials of ordinary dislocations have g.b of 1/3 at most with 002
    foil = FoilOrientation("TiAl", (1, 1, 0), (0, 0, 2))
    with pytest.raises(ValueError, match="choose another orientation"):
        random_specimen(0, orientation=foil, kinds="dissociated")
