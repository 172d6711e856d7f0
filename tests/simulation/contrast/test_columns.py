"""Fast column images against closed forms, plain formulas and the exact sum over segments."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.contrast.columns import column_images, iterate_images, plain_images
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault
from hyperspy_stereo.simulation.specimen import Boundary, Specimen
from hyperspy_stereo.simulation.two_beam import bright_dark_field

BEAM = TwoBeam([0, 5, 0], s=0.01, xi_g=40, xi_g_abs=660, xi_0_abs=600)
SCREW = Dislocation([[0, -10, 80], [0, 10, 80]], burgers=[0, 0.2, 0])  # g.b = 1
X = np.arange(-59.5, 60)


def generator(beam, s=None):
    """d(phi)/dz = generator @ phi in a perfect crystal."""
    q = 1 / beam.xi_g + 1j / beam.xi_g_abs
    s = beam.s if s is None else s
    absorbed = -np.pi / beam.xi_0_abs
    return np.array(
        [[absorbed, 1j * np.pi * q], [1j * np.pi * q, absorbed + 2j * np.pi * s]], complex
    )


def intensities(*steps):
    """BF and DF after matrices, first to last."""
    phi = np.array([1, 0], complex)
    for step in steps:
        phi = step @ phi
    return np.abs(phi) ** 2


def curved_lines(seed, n=4, size=128.0, thickness=150.0):
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(n):
        a = np.linspace(-0.5, 0.5, 15)[:, None]
        along, aside = rng.normal(size=(2, 2)) * [[60], [25]]
        xy = rng.uniform(0, size, 2) + a * along + (1 - 4 * a**2) * aside
        points = np.column_stack([xy, thickness * (a + 0.5)])
        lines.append(Dislocation(points, rng.normal(size=3) * 0.15))
    return tuple(lines)


def whole_burgers(seed):
    return tuple(Dislocation(line.points, [0.1, 0.2, 0.05]) for line in curved_lines(seed))


@pytest.mark.parametrize("s", [0.0, 0.025, -0.01])
def test_no_dislocation_gives_the_perfect_crystal(s):
    beam = TwoBeam([0, 5, 0], s, 40, 660, 600)
    bf, df = plain_images([], beam, 173.0, [0.0, 5.0], [0.0], slice_thickness=2.0)
    expected = intensities(expm(generator(beam) * 173.0))
    np.testing.assert_allclose(bf, expected[0], atol=2e-5)
    np.testing.assert_allclose(df, expected[1], atol=2e-5)


def test_screw_agrees_with_the_plain_formula():
    # g.R = (g.b / 2 pi) times the angle around the line, in slices of 0.25 nm.
    dz, n = 0.25, 640
    half = expm(generator(BEAM) * dz / 2)
    angles = np.arctan2(X[:, None], np.arange(n + 1)[None] * dz - 80 + 0.0)
    change = np.angle(np.exp(1j * np.diff(angles, axis=1))) / (2 * np.pi)
    phi = np.tile(np.array([[1.0], [0.0]], complex), (1, len(X)))
    for k in range(n):
        phi = half @ phi
        phi[1] *= np.exp(2j * np.pi * change[:, k])
        phi = half @ phi
    bf, df = plain_images(SCREW, BEAM, 160.0, X, [3.0], slice_thickness=0.5)
    assert np.abs(bf[0] - np.abs(phi[0]) ** 2).max() < 0.008
    assert np.abs(df[0] - np.abs(phi[1]) ** 2).max() < 0.008
    assert np.ptp(bf) > 0.1


@pytest.mark.parametrize("burgers", [[0, 0, 0.2], [0.2, 0.2, 0], [0.1, 0.4, -0.1]])
def test_straight_lines_agree_with_segments(burgers):
    line = Dislocation([[20, 10, 0], [70, 60, 150]], burgers)
    x = np.arange(0, 96, 3.0)
    exact = bright_dark_field(line, BEAM, 150.0, x, x, (0.01, 0.0), 75.0, 1.0)
    fast = plain_images(line, BEAM, 150.0, x, x, (0.01, 0.0), 75.0, 1.0)
    for a, b in zip(exact, fast, strict=True):
        error = np.abs(a - b)
        assert np.sqrt((error**2).mean()) < 0.004
        assert np.quantile(error, 0.99) < 0.01


def test_curved_lines_agree_with_segments():
    x = np.arange(0, 128, 4.0)
    lines = whole_burgers(3)
    exact, _ = bright_dark_field(lines, BEAM, 150.0, x, x, (0.02, 0.0), 75.0, 1.0)
    fast, _ = plain_images(lines, BEAM, 150.0, x, x, (0.02, 0.0), 75.0, 1.0)
    assert np.sqrt(((exact - fast) ** 2).mean()) < 0.02
    assert exact.std() > 0.02


def ring(radius, tilt, warp=0.0, start=0, depth=80.0, n=48):
    a = np.linspace(0, 2 * np.pi, n, endpoint=False)
    x, y, z = radius * np.array([np.cos(a), np.sin(a), warp * np.cos(2 * a)])
    points = np.column_stack([x, y * np.cos(tilt), depth + y * np.sin(tilt) + z])
    points = np.roll(points, -start, axis=0)
    return np.concatenate([points, points[:1]])


@pytest.mark.parametrize("radius, warp", [(15, 0.0), (40, 0.3)])
def test_a_loop_has_no_seam(radius, warp):
    x = np.linspace(-2, 2, 81) * radius + 0.01
    images = [
        plain_images(Dislocation(ring(radius, 0.6, warp, start), [0.1, 0.2, 0]), BEAM, 160.0, x, x)[
            0
        ]
        for start in (0, 13, 30)
    ]
    for image in images[1:]:
        assert np.abs(image - images[0]).max() < 2e-3
    assert images[0].std() > 0.02


@pytest.mark.parametrize("radius", [5, 8, 15, 40])
@pytest.mark.parametrize("burgers", [[0, 0.2, 0], [0, 0, 0.2], [0, 0.2, 0.2]])
def test_loops_agree_with_segments(radius, burgers):
    beam = TwoBeam([0, 5, 0], s=0.0, xi_g=40, xi_g_abs=660, xi_0_abs=600)
    loop = Dislocation(ring(radius, 0.5, depth=60.0), burgers)
    x = np.linspace(-2, 2, 30) * radius + 0.01
    exact, _ = bright_dark_field(loop, beam, 120.0, x, x, (0.02, 0.0), 60.0, 1.0)
    fast, _ = plain_images(loop, beam, 120.0, x, x, (0.02, 0.0), 60.0, 1.0)
    # A pixel or two lie on the core itself, hence the wider limit on the rms.
    assert np.sqrt(((exact - fast) ** 2).mean()) < 0.014
    assert np.abs(exact - fast).mean() < 0.01
    assert exact.std() > (0.03 if burgers[1] else 0.001)


@pytest.mark.parametrize("kind", ["helix", "hairpin"])
def test_tight_curves_agree_with_segments(kind):
    beam = TwoBeam([0, 5, 0], s=0.0, xi_g=40, xi_g_abs=660, xi_0_abs=600)
    if kind == "helix":
        a = np.linspace(0, 8 * np.pi, 160)
        points = np.column_stack([10 * np.cos(a), 10 * np.sin(a), a / (8 * np.pi) * 120])
    else:
        a = np.linspace(-np.pi / 2, np.pi / 2, 17)
        bow = np.column_stack([10 * np.cos(a), 10 * np.sin(a), 60 + 5 * np.sin(a)])
        points = np.concatenate([[[-60, -10, 50]], bow, [[-60, 10, 70]]])
    line = Dislocation(points, [0.1, 0.2, 0])
    x = np.linspace(-40, 40, 40) + 0.01
    exact, _ = bright_dark_field(line, beam, 120.0, x, x, (0.02, 0.0), 60.0, 1.0)
    fast, _ = plain_images(line, beam, 120.0, x, x, (0.02, 0.0), 60.0, 1.0)
    assert np.sqrt(((exact - fast) ** 2).mean()) < 0.015
    assert exact.std() > 0.05


def test_parallax():
    theta = (0.05, 0.0)  # g along y: s does not change
    plain, _ = plain_images(SCREW, BEAM, 160.0, X, [0.0], focus_depth=20.0)
    seen, _ = plain_images(SCREW, BEAM, 160.0, X, [0.0], theta, focus_depth=20.0)
    inner = np.abs(X) < 40
    shift = -theta[0] * (80 - 20)
    right = np.interp(X - shift, X, plain[0])
    wrong = np.interp(X + shift, X, plain[0])
    assert np.abs(seen[0] - right)[inner].max() < 0.03
    assert np.abs(seen[0] - wrong)[inner].max() > 0.1


def test_excitation_error_follows_the_incidence_but_not_the_tilt():
    foil = Specimen((10, 10), 120.0, BEAM)
    theta = np.array([[0.03, 0.004]])
    bf, _ = column_images(foil, theta, [0.0], [0.0])
    s = BEAM.s - theta[0] @ BEAM.g[:2]
    assert bf[0, 0, 0] == pytest.approx(intensities(expm(generator(BEAM, s) * 120))[0], abs=2e-5)
    tilted, _ = column_images(foil, [[0.3, 0.0]], [0.0], [0.0], tilt=True)
    path = 120 * np.sqrt(1 + 0.09)
    assert tilted[0, 0, 0] == pytest.approx(intensities(expm(generator(BEAM) * path))[0], abs=2e-5)


def test_wedge_is_many_foils():
    wedge = np.zeros((3, 3))
    wedge[1, 0] = 30.0
    foil = Specimen((100, 20), 120.0, BEAM, dislocations=(SCREW,), wedge=wedge)
    x = np.linspace(-30, 130, 9)
    bf, _ = column_images(foil, [[0.0, 0.0]], x, [5.0], slice_thickness=0.5)
    for i, place in enumerate(x):
        thickness = float(foil.thickness_at(place, 5.0))
        alone, _ = plain_images(SCREW, BEAM, thickness, [place], [5.0], slice_thickness=0.5)
        assert bf[0, 0, i] == pytest.approx(alone[0, 0], abs=0.005)


def test_bend_is_many_excitation_errors():
    bend = np.zeros((3, 3))
    bend[1, 0], bend[0, 1] = 0.02, 0.005
    foil = Specimen((100, 20), 120.0, BEAM, dislocations=(SCREW,), bend=bend)
    x = np.linspace(0, 100, 6)
    bf, _ = column_images(foil, [[0.0, 0.0]], x, [5.0])
    for i, place in enumerate(x):
        beam = TwoBeam(BEAM.g, BEAM.s + float(foil.deviation_at(place, 5.0)), 40, 660, 600)
        alone, _ = plain_images(SCREW, beam, 120.0, [place], [5.0], slice_thickness=2.0)
        assert bf[0, 0, i] == pytest.approx(alone[0, 0], abs=2e-3)
    assert np.ptp(bf) > 0.1


def test_boundary_between_equal_grains_is_invisible():
    x = np.arange(-30, 30, 2.0)
    plain = Specimen((60, 60), 160.0, BEAM, dislocations=(SCREW,))
    planes = (Boundary(np.array([0, 0, 60.0]), np.array([0.6, 0, 0.8])),)
    parted = Specimen(
        (60, 60), 160.0, BEAM, (SCREW,), boundaries=planes, grain_deviations=(0.0, 0.0)
    )
    a, _ = column_images(plain, [[0.01, 0.01]], x, x)
    b, _ = column_images(parted, [[0.01, 0.01]], x, x)
    np.testing.assert_allclose(a, b, atol=2e-5)


@pytest.mark.parametrize(
    ("upper", "lower", "tolerance"), [(40.0, 100.0, 3e-5), (40.7, 101.5, 2e-3), (41.6, 99.1, 2e-3)]
)
@pytest.mark.parametrize("up", [1, -1])
def test_grains_above_each_other_are_layers(upper, lower, tolerance, up):
    planes = [Boundary(np.array([0, 0, z]), np.array([0, 0, 1.0 * up])) for z in (upper, lower)]
    deviations = (0.0, 0.03, -0.02)
    foil = Specimen((9, 9), 140.0, BEAM, boundaries=planes[::up], grain_deviations=deviations[::up])
    bf, df = column_images(foil, [[0.0, 0.0]], [1.0, 2.0], [3.0])
    expected = intensities(
        expm(generator(BEAM) * upper),
        expm(generator(BEAM, BEAM.s + 0.03) * (lower - upper)),
        expm(generator(BEAM, BEAM.s - 0.02) * (140 - lower)),
    )
    np.testing.assert_allclose(bf, expected[0], atol=tolerance)
    np.testing.assert_allclose(df, expected[1], atol=tolerance)


def flat_fault(displacement, z=61.0, low=-20.0, high=20.0):
    ends = np.array([-500.0, 500.0])
    a = np.column_stack([[low, low], ends, [z, z]])
    b = np.column_stack([[high, high], ends, [z, z]])
    return StackingFault(a, b, displacement)


@pytest.mark.parametrize("turns", [1.0, 0.5, 1 / 3])
@pytest.mark.parametrize("depth", [60.0, 60.3, 61.0, 61.8])
def test_fault_shifts_the_phase_where_rays_cross_it(turns, depth):
    # edge_b - edge_a along x, edges along y: the normal is +z, so that rays see + g.displacement.
    foil = Specimen((9, 9), 120.0, BEAM, faults=(flat_fault([0, turns / 5, 0], depth),))
    bf, df = column_images(foil, [[0.0, 0.0]], [-25.0, 0.0, 10.0, 25.0], [0.0, 3.0])
    phase = np.diag([1, np.exp(2j * np.pi * turns)])
    perfect = intensities(expm(generator(BEAM) * 120))
    above, below = expm(generator(BEAM) * depth), expm(generator(BEAM) * (120 - depth))
    faulted = intensities(above, phase, below)
    expected = np.array([perfect, faulted, faulted, perfect])
    np.testing.assert_allclose(bf[0], np.tile(expected[:, 0], (2, 1)), atol=3e-5)
    np.testing.assert_allclose(df[0], np.tile(expected[:, 1], (2, 1)), atol=3e-5)
    if turns < 1:
        assert np.abs(perfect - faulted).max() > 0.02


def test_fault_between_partials_joins_up_at_their_cores():
    partials = tuple(
        Dislocation([[x, -10, 61.0], [x, 10, 61.0]], [0, 0.1, 0]) for x in (-20.0, 20.0)
    )
    x = np.array([-60.0, -20.05, -19.95, 19.95, 20.05, 60.0])
    joined = Specimen((9, 9), 120.0, BEAM, partials, faults=(flat_fault([0, 0.1, 0]),))
    torn = Specimen((9, 9), 120.0, BEAM, partials)
    a = column_images(joined, [[0.0, 0.0]], x, [0.0])[0][0, 0]
    b = column_images(torn, [[0.0, 0.0]], x, [0.0])[0][0, 0]
    assert abs(a[1] - a[2]) < 0.01 and abs(a[3] - a[4]) < 0.01
    assert abs(b[1] - b[2]) > 0.05
    np.testing.assert_allclose(a[[0, 5]], b[[0, 5]], atol=1e-6)


def test_groups_and_memory_do_not_change_the_images():
    foil = Specimen((64, 64), 150.0, BEAM, whole_burgers(1))
    incidences = np.random.default_rng(0).uniform(-0.02, 0.02, (9, 2))
    x = np.arange(0, 64, 4.0)
    bf, df = column_images(foil, incidences, x, x, 75.0)
    seen = []
    for indices, bright, dark in iterate_images(foil, incidences, x, x, 75.0):
        np.testing.assert_array_equal(bf[indices], bright)
        np.testing.assert_array_equal(df[indices], dark)
        seen.extend(indices)
    assert sorted(seen) == list(range(9))
    small = iterate_images(foil, incidences, x, x, 75.0, memory_limit=8 * len(x) ** 2)
    assert all(len(indices) == 1 for indices, _, _ in small)


def test_sharing_the_strain_costs_little():
    foil = Specimen((64, 64), 150.0, BEAM, whole_burgers(1))
    incidences = np.random.default_rng(0).uniform(-0.001, 0.001, (12, 2))
    x = np.arange(0, 64, 4.0)
    together, _ = column_images(foil, incidences, x, x, 75.0)
    for i, incidence in enumerate(incidences):
        alone, _ = column_images(foil, [incidence], x, x, 75.0)
        assert np.sqrt(((together[i] - alone[0]) ** 2).mean()) < 0.01


def test_threads_do_not_change_the_images():
    foil = Specimen((64, 64), 150.0, BEAM, whole_burgers(2))
    x = np.arange(0, 64, 2.0)
    before = numba.get_num_threads()
    images = []
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            images.append(column_images(foil, [[0.01, 0.0]], x, x, 75.0)[0])
    finally:
        numba.set_num_threads(before)
    again = column_images(foil, [[0.01, 0.0]], x, x, 75.0)[0]
    for image in images:
        np.testing.assert_array_equal(image, again)


def test_order_of_the_pixels_does_not_matter():
    x = np.array([3.0, -8.0, 0.0, 20.0, 1.0])
    bf, _ = plain_images(SCREW, BEAM, 160.0, x, [0.0])
    for i, place in enumerate(x):
        alone, _ = plain_images(SCREW, BEAM, 160.0, [place], [0.0])
        assert bf[0, i] == pytest.approx(alone[0, 0], abs=0.003)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from(["curved", "loop", "beam", "pixel", "outside", "end"])
)
def test_no_electron_is_lost_without_absorption(seed, kind):
    rng = np.random.default_rng(seed)
    burgers = rng.normal(size=3) * 0.2
    if kind == "curved":
        lines = curved_lines(seed)
    elif kind == "loop":
        angle = np.linspace(0, 2 * np.pi, 13)
        loop = np.column_stack([np.cos(angle), np.sin(angle), 0.3 * np.sin(angle)])
        loop[-1] = loop[0]
        lines = Dislocation(rng.uniform(0.3, 30) * loop + [16, 16, 40], burgers)
    elif kind == "beam":
        lines = Dislocation([[16, 16, 0], [16, 16, 80]], burgers)
    elif kind == "pixel":
        lines = Dislocation([[0, 16, 40], [30, 16, 40]], burgers)
    elif kind == "outside":
        lines = Dislocation([[1e4, 16, 40], [1e4, 30, 40]], burgers)
    else:
        lines = Dislocation([[0, 16, 40], [17, 13, 40]], burgers, extend=False)
    beam = TwoBeam([4, 3, 0], s=0.005, xi_g=50)
    x = np.arange(0, 32, 2.0)
    bf, df = plain_images(lines, beam, 80.0, x, x, (0.01, 0.02), 40.0, 2.0)
    np.testing.assert_allclose(bf + df, 1, atol=2e-4)


def test_bad_arguments_are_told():
    foil = Specimen((9, 9), 50.0, BEAM)
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        column_images(foil, [0.01, 0.0], [0.0], [0.0])
    with pytest.raises(ValueError, match="one-dimensional"):
        column_images(foil, [[0.01, 0.0]], [[0.0]], [0.0])
    with pytest.raises(ValueError, match="slice_thickness"):
        column_images(foil, [[0.01, 0.0]], [0.0], [0.0], slice_thickness=0)
    with pytest.raises(ValueError, match="grain_deviations"):
        column_images(
            Specimen((9, 9), 50.0, BEAM, grain_deviations=(0.0, 0.1)), [[0, 0]], [0.0], [0.0]
        )
    with pytest.raises(ValueError, match="thicker"):
        column_images(Specimen((9, 9), 0.0, BEAM), [[0, 0]], [0.0], [0.0])
