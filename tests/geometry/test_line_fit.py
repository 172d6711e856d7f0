import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.geometry import fit_line, fit_plane

LATERAL = 0.5


def unit(vector):
    return np.asarray(vector, float) / np.linalg.norm(vector)


def noisy(points, rng):
    sigma = rng.uniform(1, 4, len(points))
    spread = np.column_stack([np.full((len(points), 2), LATERAL), sigma])
    return points + spread * rng.normal(size=points.shape), sigma


def distance(found, true, covariance):
    """Squared distance in errors of the two angles; its mean is 2."""
    off = found - true
    return off @ np.linalg.pinv(covariance, rcond=1e-6, hermitian=True) @ off


@pytest.mark.parametrize("direction", [(1, 0, 0), (0.6, 0, 0.8), (0.3, 0.5, 0.2), (0.1, 0, 1)])
def test_errors_of_a_direction_are_right(direction):
    direction, rng = unit(direction), np.random.default_rng(1)
    line = np.outer(np.linspace(0, 90, 31), direction)
    fits = [fit_line(*noisy(line, rng), LATERAL) for _ in range(300)]
    mean = np.mean([distance(fit.direction, direction, fit.covariance) for fit in fits])
    assert 1.5 < mean < 2.3  # widened where the scatter is by chance large, so a little below 2
    assert np.mean([fit.chi2 for fit in fits]) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("normal", [(0, 0, -1), (0.5, 0.3, -0.8), (1, 0, -0.05)])
def test_errors_of_a_normal_are_right(normal):
    normal, rng = unit(normal), np.random.default_rng(2)
    first = unit(np.cross(normal, (0.3, 0.9, 0.1)))
    plane = np.array([first, np.cross(normal, first)])
    fits = []
    for _ in range(300):
        places = rng.uniform(-1, 1, (60, 2)) * (40, 15)
        fits.append(fit_plane(*noisy(places @ plane, rng), LATERAL))
    signs = [np.sign(fit.normal @ normal) for fit in fits]
    found = [distance(s * f.normal, normal, f.covariance) for s, f in zip(signs, fits, strict=True)]
    assert 1.5 < np.mean(found) < 2.4


def test_a_straight_line_has_no_plane():
    rng = np.random.default_rng(3)
    for direction in ((1, 0, 0), (0.6, 0.3, 0.4)):
        line = np.outer(np.linspace(0, 150, 60), unit(direction))
        turns = []
        for _ in range(50):
            fit = fit_plane(*noisy(line, rng), LATERAL)
            turns.append(np.degrees(np.sqrt(np.linalg.eigvalsh(fit.covariance)[-1])))
        assert np.mean(np.array(turns) > 20) > 0.95


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_shift_and_a_turn_about_the_beam_turn_the_answer(seed):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    t = np.linspace(0, 60, 25)[:, None]
    points, sigma = noisy(t * unit([1, 0.4, 0.5]) + 0.004 * t**2 * unit([-0.4, 1, 1]), rng)
    for fit, name in ((fit_line, "direction"), (fit_plane, "normal")):
        here = fit(points, sigma, LATERAL)
        there = fit(points @ turn.T + (5, -7, 30), sigma, LATERAL)
        np.testing.assert_allclose(getattr(there, name), turn @ getattr(here, name), atol=1e-5)


def test_a_bent_line_widens_the_error_of_its_direction():
    t = np.linspace(0, 90, 31)[:, None]
    straight, bent = t * [1.0, 0, 0], t * [1.0, 0, 0] + 0.01 * (t - 45) ** 2 * [0, 1.0, 0]
    errors = [np.trace(fit_line(p, np.ones(31), LATERAL).covariance) for p in (straight, bent)]
    assert errors[1] > 10 * errors[0]


def test_shared_errors_count_once():
    points = np.linspace(0, 90, 31)[:, None] * unit([1, 0, 1])
    alone, shared = (fit_line(points, np.ones(31), LATERAL, n) for n in (None, 31 / 4))
    np.testing.assert_allclose(shared.covariance, 4 * alone.covariance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((2, 3))}, "at least 3 points"),
        ({"points": np.zeros((9, 2))}, "at least 3 points"),
        ({"sigma": np.ones(4)}, "sigma has the shape"),
        ({"sigma": np.zeros(9)}, "above 0"),
        ({"lateral": 0.0}, "above 0"),
        ({"points": np.full((9, 3), np.nan)}, "finite"),
        ({"independent": 0}, "independent must be above 0"),
        ({"points": np.ones((9, 3))}, "one place"),
    ],
)
def test_what_cannot_be_fitted_is_told(change, message):
    good = {"points": np.outer(np.arange(9.0), [1, 2, 3]), "sigma": np.ones(9), "lateral": 0.5}
    with pytest.raises(ValueError, match=message):
        fit_line(**{**good, **change})
