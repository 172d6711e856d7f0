"""Random specimens: whatever the seed, what is drawn is a crystal in a foil."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from hyperspy_stereo.simulation.contrast.columns import column_images
from hyperspy_stereo.simulation.crystals.burgers import burgers_vectors
from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
from hyperspy_stereo.simulation.crystals.structure import crystal
from hyperspy_stereo.simulation.dislocation import StackingFault
from hyperspy_stereo.simulation.specimen import Specimen
from hyperspy_stereo.simulation.specimens import (
    KINDS,
    bowed_lines,
    dipole,
    dissociated,
    glide_systems,
    helix,
    interface_dislocations,
    junction,
    lamellae,
    loop,
    loop_systems,
    network,
    pile_up,
    pile_up_places,
    random_orientation,
    random_specimen,
    random_spots,
    tangle,
    threading_lines,
    triads,
    visible_lengths,
)
from hyperspy_stereo.simulation.two_beam import displacement_change

CRYSTALS = ("TiAl", "GaN", "CrMnFeCoNi", "Al", "Ni", "Si")
FIELD, THICK = (300.0, 240.0), 130.0
BEYOND, ROUND = 20.0, 100.0
seeds = st.integers(0, 2**31)
few = settings(max_examples=25, deadline=None)


def foil_of(name: str, seed: int) -> FoilOrientation:
    return random_orientation(crystal(name), np.random.default_rng(seed))


def plane_of(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Normal of the plane that fits best, and the largest distance from it."""
    centred = points - points.mean(axis=0)
    normal = np.linalg.svd(centred)[2][2]
    return normal, float(np.abs(centred @ normal).max())


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


# ---------------------------------------------------------------- arrangements


@few
@given(seed=seeds, name=st.sampled_from(CRYSTALS))
def test_glide_dislocations_lie_in_a_plane_with_their_burgers_vector(seed, name):
    foil, rng = foil_of(name, seed), np.random.default_rng(seed)
    lines = bowed_lines(foil, 2, FIELD, THICK, rng).dislocations
    lines += tangle(foil, FIELD, THICK, rng, n=2).dislocations
    for line in lines:
        normals = [
            s.normal
            for s in glide_systems(foil)
            if np.allclose(np.abs(s.burgers), abs(line.burgers))
        ]
        fits = [
            np.abs((line.points - line.points[0]) @ n).max() < 1e-6 and abs(line.burgers @ n) < 1e-9
            for n in normals
        ]
        assert any(fits)
        top, bottom = line.points[[0, -1], 2]
        assert min(top, bottom) < 0 or max(top, bottom) > THICK or line.extend


@few
@given(seed=seeds)
def test_threading_lines_of_nitride_follow_c(seed):
    foil, rng = foil_of("GaN", seed), np.random.default_rng(seed)
    c = foil.direction((0, 0, 0, 1))
    for line in threading_lines(foil, 4, FIELD, THICK, rng).dislocations:
        chord = line.points[-1] - line.points[0]
        assert abs(chord @ c) / np.linalg.norm(chord) > np.cos(np.radians(25))
        assert is_listed(line.burgers, foil)


@few
@given(seed=seeds, name=st.sampled_from(CRYSTALS))
def test_loops_are_closed_flat_prismatic_and_inside(seed, name):
    foil, rng = foil_of(name, seed), np.random.default_rng(seed)
    part = loop(foil, FIELD, THICK, rng)
    (line,) = part.dislocations
    assert line.closed and is_listed(line.burgers, foil)
    normal, off = plane_of(line.points[:-1])
    assert off < 1e-6
    # out of its plane: the loop cannot glide in it
    assert abs(normal @ line.burgers) > 0.4 * np.linalg.norm(line.burgers)
    assert line.points[:, 2].min() > 0 and line.points[:, 2].max() < THICK
    perfect = [foil.burgers(b.uvw) for b in burgers_vectors(foil.crystal) if not b.partial]
    is_perfect = any(np.allclose(b, line.burgers) for b in perfect)
    assert len(part.faults) == (0 if is_perfect else 1)


def test_frank_loops_lie_on_the_plane_of_their_fault():
    foil = FoilOrientation("Ni", (1, 1, 0), (0, 0, 2))
    franks = [s for s in loop_systems(foil) if s.kind == "frank"]
    assert len(franks) == 8
    for system in franks:
        assert np.linalg.norm(np.cross(system.normal, system.burgers)) < 1e-12
    nitride = FoilOrientation("GaN", (1, -1, 0, 0), (0, 0, 0, 2))
    faulted = [s for s in loop_systems(nitride) if s.kind.startswith("frank")]
    assert {s.plane for s in faulted} == {(0, 0, 1)}


@few
@given(seed=seeds, radius=st.floats(5, 20), pitch=st.floats(25, 60))
def test_a_helix_winds_about_its_burgers_vector(seed, radius, pitch):
    foil, rng = foil_of("Al", seed), np.random.default_rng(seed)
    (line,) = helix(foil, FIELD, 300.0, rng, radius=radius, pitch=pitch).dislocations
    axis = line.burgers / np.linalg.norm(line.burgers)
    from_axis = line.points - line.points[0]
    along = from_axis @ axis
    away = np.linalg.norm(from_axis - along[:, None] * axis, axis=1)
    # it begins and ends on the axis, and is a full winding away from it in between
    assert away[0] == 0 and away[-1] < 1e-6
    middle = (np.abs(along) > pitch) & (np.abs(along - along[-1]) > pitch)
    assert np.allclose(away[middle], radius, rtol=0.02)
    if middle.any():
        winding = np.hypot(2 * np.pi * radius, pitch) / pitch
        steps = np.linalg.norm(np.diff(line.points[middle], axis=0), axis=1).sum()
        assert steps == pytest.approx(winding * np.ptp(along[middle]), rel=0.06)


@few
@given(seed=seeds, n=st.integers(3, 9), name=st.sampled_from(CRYSTALS))
def test_pile_ups_are_pressed_against_their_head(seed, n, name):
    foil, rng = foil_of(name, seed), np.random.default_rng(seed)
    lines = pile_up(foil, FIELD, THICK, rng, n=n, first_spacing=9.0).dislocations
    assert len(lines) == n
    burgers = lines[0].burgers
    _, off = plane_of(np.concatenate([line.points for line in lines]))
    assert off < 1e-6
    assert all((line.burgers == burgers).all() for line in lines)
    starts = np.array([line.points[0] for line in lines])
    gaps = np.linalg.norm(np.diff(starts, axis=0), axis=1)
    assert (np.diff(gaps) > 0).all()
    assert gaps[0] == pytest.approx(9.0, rel=0.21)


@pytest.mark.parametrize("n", [2, 5, 12])
def test_no_force_is_left_in_a_pile_up(n):
    # lines of the same sign repel with 1 / distance; a constant stress presses all but the locked
    # one towards the head
    x = pile_up_places(n)
    force = [sum(1 / (x[i] - x[j]) for j in range(n) if j != i) for i in range(1, n)]
    assert np.allclose(force, force[0])


@few
@given(seed=seeds, separation=st.floats(4, 20))
def test_dipoles_have_opposite_burgers_vectors_on_parallel_planes(seed, separation):
    foil, rng = foil_of("TiAl", seed), np.random.default_rng(seed)
    one, two = dipole(foil, FIELD, THICK, rng, separation=separation).dislocations
    np.testing.assert_array_equal(one.burgers, -two.burgers)
    heights = [
        (two.points - one.points) @ s.normal
        for s in glide_systems(foil)
        if abs(s.normal @ one.burgers) < 1e-9
        and np.abs((one.points - one.points[0]) @ s.normal).max() < 1e-6
    ]
    assert any(np.allclose(np.abs(height), separation) for height in heights)
    assert np.linalg.norm(two.points - one.points, axis=1).max() <= separation * np.sqrt(2) + 1e-9


@few
@given(seed=seeds, name=st.sampled_from(("Al", "CrMnFeCoNi", "Si", "TiAl")))
def test_partials_add_up_and_keep_their_distance(seed, name):
    foil, rng = foil_of(name, seed), np.random.default_rng(seed)
    part = dissociated(foil, FIELD, THICK, rng, width=8.0)
    trailing, leading = part.dislocations
    total = trailing.burgers + leading.burgers
    perfect = [s.burgers for s in glide_systems(foil)]
    assert any(np.allclose(total, b) or np.allclose(total, -b) for b in perfect)
    assert is_listed(trailing.burgers, foil) and is_listed(leading.burgers, foil)
    gap = leading.points - trailing.points
    assert np.allclose(np.linalg.norm(gap, axis=1), 8.0)


def circuit_about_edge(fault, n=30):
    """A closed path through the middle of a strip to its positive side and back round `edge_a`."""
    k = len(fault.edge_a) // 2
    a, b = fault.edge_a[k], fault.edge_b[k]
    sense = fault.edge_a[k + 1] - fault.edge_a[k - 1]
    width = np.linalg.norm(b - a)
    normal = np.cross(b - a, sense)
    normal /= np.linalg.norm(normal)
    outside = (a - b) / width
    middle, d = 0.5 * (a + b), 0.4 * width
    corners = [
        middle - d * normal,
        middle + d * normal,
        middle + d * normal + (d + width / 2) * outside,
        middle - d * normal + (d + width / 2) * outside,
        middle - d * normal,
    ]
    t = np.linspace(0, 1, n)[:, None]
    return np.concatenate([p + t * (q - p) for p, q in pairwise(corners)])


@few
@given(seed=seeds, name=st.sampled_from(("Al", "CrMnFeCoNi")))
def test_the_fault_of_partials_closes_the_displacement(seed, name):
    foil, rng = foil_of(name, seed), np.random.default_rng(seed)
    part = dissociated(foil, FIELD, THICK, rng, width=6.0)
    (fault,) = part.faults
    change = displacement_change(list(part.dislocations), circuit_about_edge(fault)).sum(axis=0)
    assert np.linalg.norm(fault.displacement) > 0.1
    np.testing.assert_allclose(change + fault.displacement, 0, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_the_fault_of_a_loop_closes_the_displacement(seed):
    foil = FoilOrientation("Ni", (1, 1, 0), (0, 0, 2))
    rng = np.random.default_rng(seed)
    frank = [s for s in loop_systems(foil) if s.kind == "frank"][seed]
    part = loop(foil, FIELD, THICK, rng, radius=20.0, system=frank)
    (fault,) = part.faults
    change = displacement_change(list(part.dislocations), circuit_about_edge(fault)).sum(axis=0)
    np.testing.assert_allclose(change + fault.displacement, 0, atol=1e-6)
    np.testing.assert_allclose(fault.edge_a[[0, -1]], fault.edge_b[[0, -1]])


@pytest.mark.parametrize("seed", [1, 5])
def test_images_are_smooth_past_a_partial_and_its_fault(seed):
    # rays on the two sides of a partial are displaced by as much in all, on one side by the fault;
    # with the opposite fault they would differ by 2 b. The planes of these seeds lie flat enough
    # to see it
    foil = FoilOrientation("Ni", (5, 6, 1), (-1, 1, -1), 30.0)
    field, step, rng = (160.0, 160.0), 0.5, np.random.default_rng(seed)
    x = np.arange(0, 160, step)
    part = dissociated(foil, field, 120.0, rng, visible=1, width=40.0, centre=(80, 80))
    (fault,) = part.faults
    inside = (fault.edge_a[:, 2] > 20) & (fault.edge_a[:, 2] < 100)
    edge = fault.edge_a[inside, :2]
    across = np.gradient(edge, axis=0)[:, ::-1] * [1, -1]
    across *= 0.75 / np.linalg.norm(across, axis=1, keepdims=True)
    jumps = []
    for sign in (1, -1):
        signed = StackingFault(fault.edge_a, fault.edge_b, sign * fault.displacement)
        beam, kinds = foil.two_beam(0.015), ("dissociated",) * 2
        specimen = Specimen(field, 120.0, beam, part.dislocations, kinds, (signed,))
        image = column_images(specimen, [[0, 0]], x, x)[0][0]
        sides = [
            map_coordinates(image, (edge + way).T[::-1] / step, order=1)
            for way in (across, -across)
        ]
        jumps.append(np.abs(sides[0] - sides[1]).mean())
    assert jumps[0] < 0.4 * jumps[1]


@few
@given(seed=seeds, name=st.sampled_from(CRYSTALS))
def test_burgers_vectors_are_conserved_at_junctions(seed, name):
    foil, rng = foil_of(name, seed), np.random.default_rng(seed)
    lines = junction(foil, FIELD, THICK, rng).dislocations
    *arms, joined = lines
    first, second = arms[0].burgers, arms[2].burgers
    np.testing.assert_allclose(joined.burgers, first + second, atol=1e-12)
    assert joined.burgers @ joined.burgers < first @ first + second @ second
    for node, sign in ((joined.points[0], 1), (joined.points[-1], -1)):
        total = sign * joined.burgers
        for arm in arms:
            total = total + arm.burgers * np.allclose(arm.points[0], node)
            total = total - arm.burgers * np.allclose(arm.points[-1], node)
        np.testing.assert_allclose(total, 0, atol=1e-12)
        assert 0 < node[2] < THICK


@few
@given(seed=seeds, name=st.sampled_from(CRYSTALS))
def test_networks_are_flat_and_balanced_at_every_node(seed, name):
    foil, rng = foil_of(name, seed), np.random.default_rng(seed)
    lines = network(foil, FIELD, THICK, rng, cells=(3, 2), mesh=30.0).dislocations
    assert plane_of(np.concatenate([line.points for line in lines]))[1] < 1e-6
    ends = list(open_ends(lines))
    places, vectors = (np.array(column) for column in zip(*ends, strict=True))
    nodes = 0
    for place in places:
        here = np.linalg.norm(places - place, axis=1) < 1e-9
        if here.sum() > 1:
            assert here.sum() == 3
            np.testing.assert_allclose(vectors[here].sum(axis=0), 0, atol=1e-12)
            nodes += 1
    assert nodes == 3 * 12  # twelve nodes, three ends each


@pytest.mark.parametrize("name", CRYSTALS)
def test_triads_add_up_to_zero_in_one_plane(name):
    found = triads(foil_of(name, 0))
    assert found
    for three in found:
        assert np.allclose(sum(s.burgers for s in three), 0, atol=1e-12)
        assert all(abs(s.burgers @ three[0].normal) < 1e-9 for s in three)


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


def test_a_scene_that_nothing_can_be_seen_in_is_refused():
    # the partials of ordinary dislocations have g.b of 1/3 at most with 002
    foil = FoilOrientation("TiAl", (1, 1, 0), (0, 0, 2))
    with pytest.raises(ValueError, match="choose another orientation"):
        random_specimen(0, orientation=foil, kinds="dissociated")


@pytest.mark.parametrize(
    "call",
    [
        lambda foil, rng: threading_lines(foil, 0, FIELD, THICK, rng),
        lambda foil, rng: bowed_lines(foil, 0, FIELD, THICK, rng),
        lambda foil, rng: tangle(foil, FIELD, THICK, rng, n=0),
        lambda foil, rng: loop(foil, FIELD, THICK, rng, radius=0),
        lambda foil, rng: helix(foil, FIELD, THICK, rng, pitch=-1),
        lambda foil, rng: pile_up(foil, FIELD, THICK, rng, n=1),
        lambda foil, rng: pile_up(foil, FIELD, THICK, rng, first_spacing=0),
        lambda foil, rng: dipole(foil, FIELD, THICK, rng, separation=0),
        lambda foil, rng: dissociated(foil, FIELD, THICK, rng, width=0),
        lambda foil, rng: junction(foil, FIELD, THICK, rng, length=0),
        lambda foil, rng: network(foil, FIELD, THICK, rng, cells=(0, 1)),
        lambda foil, rng: lamellae(foil, -1, FIELD, THICK, rng),
    ],
)
def test_arrangements_tell_what_they_need(call):
    foil = FoilOrientation("Al", (1, 1, 0), (0, 0, 2))
    with pytest.raises(ValueError, match=r"at least|above 0|0 or more"):
        call(foil, np.random.default_rng(0))
