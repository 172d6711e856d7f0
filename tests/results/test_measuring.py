"""Distances and their errors against a cloud of random points."""

import numpy as np
import pytest

from hyperspy_stereo.results.measuring import measure_points, with_error


@pytest.mark.parametrize("end", [(30.0, 0, 40), (-12.0, 35, -8), (60.0, 60, 0.5)])
def test_errors_are_those_of_many_tries(end):
    rng = np.random.default_rng(3)
    sigma = np.array([[0.3, 0.4, 1.2], [0.2, 0.3, 0.9]])
    known = measure_points((0, 0, 0), end, *sigma)
    tries = [
        measure_points(*(np.array([np.zeros(3), end]) + sigma * rng.normal(size=(2, 3))))
        for _ in range(4000)
    ]
    for name in ("distance", "in_plane", "depth", "inclination"):
        values = np.array([getattr(one, name) for one in tries])
        assert values.mean() == pytest.approx(getattr(known, name), abs=0.15)
        assert values.std() == pytest.approx(getattr(known, f"{name}_error"), rel=0.08)


def test_signs_follow_the_conventions():
    deeper = measure_points((0, 0, 0), (10, 0, 10))
    assert deeper.depth == 10 and deeper.inclination == pytest.approx(45)
    assert measure_points((0, 0, 0), (0, 5, 0)).azimuth == pytest.approx(90)  # y runs down


def test_two_points_in_one_place_and_one_above_the_other():
    same = measure_points((1, 2, 3), (1, 2, 3), (1, 1, 2), (0, 0, 0))
    assert same.distance == 0 and same.distance_error == 2 and same.inclination_error == 90
    above = measure_points((0, 0, 0), (0, 0, 20), (1, 1, 2), (0, 0, 0))
    assert above.distance_error == 2 and above.inclination == 90
    assert np.isfinite(above.inclination_error)


def test_what_is_no_point_is_refused():
    with pytest.raises(ValueError, match=r"start is \(x, y, z\)"):
        measure_points((0, 0), (1, 1, 1))
    with pytest.raises(ValueError, match="not negative"):
        measure_points((0, 0, 0), (1, 1, 1), (-1, 0, 0))


def test_two_digits_of_the_error_are_written():
    assert with_error(52.347, 1.84) == "52.3 ± 1.8"
    assert with_error(312.4, 31.0) == "312 ± 31"
    assert with_error(1.5, 0.0) == "1.5"
