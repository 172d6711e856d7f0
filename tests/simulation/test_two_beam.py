"""Two-beam images of dislocations: reference numbers, the equations themselves, invariants."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from hyperspy_stereo.simulation.two_beam import (
    Dislocation,
    TwoBeam,
    bright_dark_field,
    displacement_change,
    perfect_crystal,
)

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "two_beam"
THICKNESS = 200.0

seeds = st.integers(0, 2**32 - 1)


def reference(name):
    path = REFERENCE / f"{name}.npz"
    if not path.is_file():
        pytest.skip("no reference numbers beside this checkout")
    stored = np.load(path)
    return stored, json.loads(str(stored["params"]))


def condition(params, s):
    return TwoBeam(params["g"], s, params["xi_g"], params["xi_gp"], params["xi_0p"])


def straight(point, sense, burgers):
    point, sense = np.asarray(point, float), np.asarray(sense, float)
    return Dislocation([point - sense, point + sense], burgers)


def random_scene(seed):
    """Lines, a loop and the condition they are seen under."""
    rng = np.random.default_rng(seed)
    lines = [
        Dislocation(rng.uniform([-30, -30, 20], [30, 30, 180], (3, 3)), rng.normal(size=3) * 0.2)
        for _ in range(2)
    ]
    corners = rng.uniform([-20, -20, 60], [20, 20, 140], (3, 3))
    lines.append(Dislocation(np.concatenate([corners, corners[:1]]), rng.normal(size=3) * 0.2))
    g = rng.normal(size=3) * 3
    return lines, TwoBeam(g, rng.uniform(-0.03, 0.03), 40.0, 660.0, 600.0)


def images(lines, beam, x, y, **options):
    return np.array(bright_dark_field(lines, beam, THICKNESS, x, y, **options))


# Reference numbers


def test_perfect_crystal_agrees_with_the_reference():
    stored, params = reference("P_perfect")
    for i, s in enumerate(params["s"]):
        beam = TwoBeam([5, 0, 0], s, params["xi_g"], params["xi_gp"], params["xi_0p"])
        bf, df = perfect_crystal(beam, stored["t"])
        np.testing.assert_allclose(bf, stored["I0_exact"][i], atol=1e-10)
        np.testing.assert_allclose(df, stored["Ig_exact"][i], atol=1e-10)
        sliced = bright_dark_field([], beam, stored["t"][123], [0.0], [0.0], slice_thickness=0.5)
        np.testing.assert_allclose(sliced[0], stored["I0_exact"][i, 123], atol=1e-10)
        np.testing.assert_allclose(sliced[1], stored["Ig_exact"][i, 123], atol=1e-10)


@pytest.mark.parametrize("name", ["S1_screw_gb1", "D1_screw_gb0", "D3_edge_bz_gb0"])
@pytest.mark.parametrize("slice_thickness", [0.5, 0.25])
def test_line_parallel_to_the_foil_agrees_with_the_reference(name, slice_thickness):
    stored, params = reference(name)
    next_to_core = np.abs(stored["x"]) < 1
    for i, s in enumerate(params["s"]):
        for j, depth in enumerate(params["zd"]):
            line = straight([0, 0, depth], params["u"], params["b"])
            found = images(
                line, condition(params, s), stored["x"], [0.0], slice_thickness=slice_thickness
            )
            error = np.abs(found[:, 0] - stored["I"][i, j])
            assert error[:, ~next_to_core].max() < 0.0005
            assert error[:, next_to_core].max() < 0.0005


def test_inclined_line_agrees_with_the_reference():
    stored, params = reference("I1_inclined_screw")
    line = straight(params["point_on_line"], params["u"], params["b"])
    for i, s in enumerate(params["s"]):
        found = images(line, condition(params, s), stored["x"], stored["x"], slice_thickness=0.5)
        np.testing.assert_allclose(found, stored["I"][i], atol=1e-10)


def test_inclined_incidence_agrees_with_the_reference():
    # The reference sums a 13 x 13 grid of incidences over the detector. It was integrated with
    # midpoint slopes, which are not converged within 0.5 nm of a core: these pixels are left out.
    stored, params = reference("V1_detector_radius")
    line = straight([0, 0, params["zd"]], params["u"], params["b"])
    grid = np.linspace(-1, 1, 13)
    disc = [(a, b) for a in grid for b in grid if a * a + b * b <= 1 + 1e-9]
    slit = [(0.0, b) for b in grid]
    shapes = zip(params["deltas_mrad"], params["shapes"], strict=True)
    for i, (radius, shape) in enumerate(shapes):
        offsets = 1e-3 * radius * np.array(slit if shape == "slit" else disc)
        if radius == 0:
            offsets = offsets[:1]
        bf = np.mean(
            [
                images(
                    line,
                    condition(params, params["s0"]),
                    [0.0],
                    stored["y"],
                    incidence=params["theta0"] + offset,
                    focus_depth=params["zf"],
                    slice_thickness=0.5,
                )[0, :, 0]
                for offset in offsets
            ],
            axis=0,
        )
        core = 0.05 * (params["zf"] - params["zd"])
        clear = np.abs(stored["y"] - core) > 0.5 + 0.1 * radius
        np.testing.assert_allclose(bf[clear], stored["BF"][i][clear], atol=0.0005)


# The equations


@pytest.mark.parametrize("incidence", [(0.0, 0.0), (0.03, -0.05)])
@pytest.mark.parametrize("seed", [1, 2])
def test_images_solve_the_howie_whelan_equations(seed, incidence):
    lines, beam = random_scene(seed)
    x, y, focus, theta = 12.5, -7.5, 90.0, np.array(incidence)
    seen = beam.at(theta)
    q = 1 / beam.xi_g + 1j / beam.xi_g_abs

    def ray(z):
        return np.array([x + theta[0] * (z - focus), y + theta[1] * (z - focus), z])

    def slopes(z, phi):
        ends = np.array([ray(z - 0.01), ray(z + 0.01)])
        beta = displacement_change(lines, ends)[0] @ beam.g / 0.02
        return [
            -np.pi / beam.xi_0_abs * phi[0] + 1j * np.pi * q * phi[1],
            1j * np.pi * q * phi[0]
            + (-np.pi / beam.xi_0_abs + 2j * np.pi * (seen.s + beta)) * phi[1],
        ]

    start = np.array([1, 0], complex)
    exit_wave = solve_ivp(slopes, (0, THICKNESS), start, "DOP853", rtol=1e-7, atol=1e-9).y[:, -1]
    found = images(
        lines, beam, [x], [y], incidence=incidence, focus_depth=focus, slice_thickness=0.1
    )
    np.testing.assert_allclose(found.ravel(), np.abs(exit_wave) ** 2, atol=2e-4)


@given(
    st.floats(-0.1, 0.1),
    st.floats(10, 200),
    st.one_of(st.just(np.inf), st.floats(300, 3000)),
    st.floats(1, 400),
    st.floats(0.2, 4),
)
@settings(deadline=None, max_examples=60)
def test_no_dislocation_is_the_perfect_crystal(s, xi_g, absorption, thickness, slice_thickness):
    beam = TwoBeam([5, 0, 0], s, xi_g, absorption, absorption)
    expected = perfect_crystal(beam, thickness)
    found = bright_dark_field(
        [], beam, thickness, [0.0, 9.0], [0.0], slice_thickness=slice_thickness
    )
    np.testing.assert_allclose(found[0], expected[0], atol=1e-10)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-10)


def test_perfect_crystal_without_absorption_is_the_rocking_formula():
    thickness, xi_g = np.linspace(0, 300, 61), 35.0
    for s in (-0.03, 0.0, 0.01):
        effective = np.hypot(s, 1 / xi_g)
        expected = (np.sin(np.pi * effective * thickness) / (xi_g * effective)) ** 2
        bf, df = perfect_crystal(TwoBeam([5, 0, 0], s, xi_g), thickness)
        np.testing.assert_allclose(df, expected, atol=1e-12)
        np.testing.assert_allclose(bf, 1 - expected, atol=1e-12)


@given(seeds, st.floats(-0.02, 0.02), st.floats(0.3, 5))
@settings(deadline=None, max_examples=30)
def test_no_electron_is_lost_without_absorption(seed, angle, slice_thickness):
    lines, absorbing = random_scene(seed)
    beam = TwoBeam(absorbing.g, absorbing.s, absorbing.xi_g)
    bf, df = images(
        lines,
        beam,
        np.linspace(-20, 20, 5),
        [0.0, 3.3],
        incidence=(angle, -angle),
        slice_thickness=slice_thickness,
    )
    np.testing.assert_allclose(bf + df, 1, atol=1e-11)
    assert np.ptp(bf) > 1e-6


def test_screw_with_no_component_along_g_is_invisible():
    beam = TwoBeam([5, 0, 0], 0.01, 40.0, 660.0, 600.0)
    background = perfect_crystal(beam, THICKNESS)
    for sense in ([0, 1, 0], [0, 1, 1]):
        burgers = 0.2 * np.array(sense) / np.linalg.norm(sense)
        found = images(straight([0, 0, 90], sense, burgers), beam, np.arange(-9.5, 10), [0.0, 4.0])
        np.testing.assert_allclose(found[0], background[0], atol=1e-10)
        np.testing.assert_allclose(found[1], background[1], atol=1e-10)


def test_edge_with_no_component_along_g_is_faintly_visible():
    beam = TwoBeam([5, 0, 0], 0.0, 40.0, 660.0, 600.0)
    edge = straight([0, 0, 100], [0, 1, 0], [0, 0, 0.2])
    bf, _ = images(edge, beam, np.arange(-9.5, 10), [0.0])
    assert np.abs(bf - perfect_crystal(beam, THICKNESS)[0]).max() > 0.05


@given(st.floats(5, 195), st.floats(-0.03, 0.03), st.sampled_from(["screw", "edge", "mixed"]))
@settings(deadline=None, max_examples=30)
def test_bright_field_cannot_tell_depth_from_depth_below_the_exit_face(depth, s, kind):
    burgers = {"screw": [0, 0.2, 0], "edge": [0.2, 0, 0], "mixed": [0.15, 0.1, 0]}[kind]
    beam = TwoBeam([3, 4, 0], s, 40.0, 660.0, 600.0)
    x = np.arange(-30.25, 31, 2.0)
    upper, lower = (
        images(straight([0, 0, z], [0, 1, 0], burgers), beam, x, [0.0])
        for z in (depth, THICKNESS - depth)
    )
    np.testing.assert_allclose(upper[0], lower[0], atol=1e-9)


def test_dark_field_tells_the_upper_from_the_lower_half():
    beam = TwoBeam([0, 5, 0], 0.0, 40.0, 660.0, 600.0)
    x = np.arange(-30.25, 31, 2.0)
    upper, lower = (
        images(straight([0, 0, z], [0, 1, 0], [0, 0.2, 0]), beam, x, [0.0]) for z in (30.0, 170.0)
    )
    assert np.abs(upper[1] - lower[1]).max() > 0.05


@pytest.mark.parametrize(
    ("sense", "incidence"), [([0, 1, 0], (0, 0)), ([0, 1, 1], (0, 0)), ([1, 2, 1], (0.08, -0.06))]
)
def test_error_falls_with_the_square_of_the_slice_thickness(sense, incidence):
    beam = TwoBeam([3, 4, 0], 0.01, 40.0, 660.0, 600.0)
    line = straight([0, 0, 85], sense, [0.1, 0.15, 0.1])
    x = np.array([-41.0, -27.0, -18.0, 17.0, 26.0, 38.0])

    def at(slice_thickness):
        return images(line, beam, x, [0.0], incidence=incidence, slice_thickness=slice_thickness)

    exact = at(0.05)
    errors = [np.sqrt(np.mean((at(dz) - exact) ** 2)) for dz in (4.0, 2.0, 1.0, 0.5)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 2, atol=0.25)
    assert errors[-1] < 1e-4


# Invariants


@given(seeds, st.floats(-500, 500), st.floats(-500, 500))
@settings(deadline=None, max_examples=20)
def test_moving_everything_changes_nothing(seed, right, down):
    lines, beam = random_scene(seed)
    x, y = np.linspace(-20, 20, 5), np.array([-7.0, 4.0])
    options = {"incidence": (0.03, -0.02), "focus_depth": 60.0}
    moved = [Dislocation(line.points + np.array([right, down, 0]), line.burgers) for line in lines]
    there = images(moved, beam, x + right, y + down, **options)
    np.testing.assert_allclose(there, images(lines, beam, x, y, **options), atol=1e-7)


@given(seeds)
@settings(deadline=None, max_examples=20)
def test_reversed_lines_and_split_pieces_give_the_same_image(seed):
    lines, beam = random_scene(seed)
    x, y = np.linspace(-20, 20, 5), np.array([-7.0, 4.0])
    image = images(lines, beam, x, y)
    reversed_lines = [Dislocation(line.points[::-1], -line.burgers) for line in lines]
    np.testing.assert_allclose(images(reversed_lines, beam, x, y), image, atol=1e-8)
    split = [
        Dislocation(np.insert(line.points, 1, line.points[:2].mean(axis=0), axis=0), line.burgers)
        for line in lines
    ]
    np.testing.assert_allclose(images(split, beam, x, y), image, atol=1e-8)


@given(seeds)
@settings(deadline=None, max_examples=20)
def test_turning_everything_about_the_beam_turns_the_image(seed):
    lines, beam = random_scene(seed)
    x, y, theta = np.linspace(-20, 20, 5), np.array([-7.0, 4.0]), np.array([0.02, 0.01])
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = [Dislocation(line.points @ turn.T, line.burgers @ turn.T) for line in lines]
    turned_beam = TwoBeam(turn @ beam.g, beam.s, beam.xi_g, beam.xi_g_abs, beam.xi_0_abs)
    image = images(lines, beam, x, y, incidence=theta)
    found = images(turned, turned_beam, -y, x, incidence=turn[:2, :2] @ theta)
    np.testing.assert_allclose(found, image.transpose(0, 2, 1), atol=1e-8)


@given(seeds)
@settings(deadline=None, max_examples=20)
def test_a_mirror_turns_the_burgers_vector(seed):
    # A circuit that is right-handed about a line is left-handed in the mirror.
    lines, beam = random_scene(seed)
    x, y = np.linspace(-20, 20, 5), np.array([-7.0, 4.0])
    mirror = np.array([-1, 1, 1])
    mirrored = [Dislocation(line.points * mirror, -line.burgers * mirror) for line in lines]
    mirrored_beam = TwoBeam(beam.g * mirror, beam.s, beam.xi_g, beam.xi_g_abs, beam.xi_0_abs)
    image = images(lines, beam, x, y)
    np.testing.assert_allclose(images(mirrored, mirrored_beam, -x, y), image, atol=1e-8)


@given(seeds, st.floats(-300, 300))
@settings(deadline=None, max_examples=20)
def test_focus_moves_the_image_along_the_inclination(seed, focus):
    lines, beam = random_scene(seed)
    x, y, theta = np.linspace(-20, 20, 5), np.array([-7.0, 4.0]), np.array([0.04, -0.03])
    image = images(lines, beam, x, y, incidence=theta)
    found = images(
        lines, beam, x + theta[0] * focus, y + theta[1] * focus, incidence=theta, focus_depth=focus
    )
    # The ray of pixel r + theta z_f in focus z_f is the ray of pixel r in focus 0.
    np.testing.assert_allclose(found, image, atol=1e-8)


@pytest.mark.parametrize("incidence", [0.04, -0.04])
def test_a_feature_is_displaced_by_its_depth_under_focus(incidence):
    # g and the line lie along x, so that the inclination along y changes no excitation error.
    beam = TwoBeam([5, 0, 0], 0.0, 40.0, 660.0, 600.0)
    line = straight([0, 3, 150], [1, 0, 0], [0.2, 0, 0])
    y = np.arange(-40.125, 40, 0.25)
    upright, inclined = (
        images(line, beam, [0.0], y, incidence=(0, theta), focus_depth=50.0)[0, :, 0]
        for theta in (0.0, incidence)
    )
    expected = -incidence * (150 - 50)
    assert y[inclined.argmin()] - y[upright.argmin()] == pytest.approx(expected, abs=0.4)


def test_inclination_changes_the_excitation_error():
    beam = TwoBeam([5, 0, 0], 0.02, 40.0, 660.0, 600.0)
    found = images([], beam, [0.0], [0.0], incidence=(0.01, 0.3))
    expected = perfect_crystal(TwoBeam([5, 0, 0], 0.02 - 0.05, 40.0, 660.0, 600.0), THICKNESS)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-10)


def test_rays_through_cores_and_along_lines_give_numbers():
    beam = TwoBeam([5, 1, 2], 0.0, 40.0, 660.0, 600.0)
    for sense in ([0, 1, 0], [0, 0, 1], [0, 1, 1]):
        for extend in (True, False):
            line = Dislocation(
                [[0, 0, 50.0], np.array([0, 0, 50.0]) + 20 * np.array(sense)],
                [0.2, 0.1, 0.1],
                extend,
            )
            found = images(line, beam, [0.0, 1e-9, 1e-4], [0.0, 20.0])
            assert np.isfinite(found).all()
            assert (found >= 0).all() and (found <= 1).all()
