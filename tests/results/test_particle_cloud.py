"""Clouds of particles: numbers about them, files, pictures."""

import numpy as np
import pandas as pd
import pytest

from hyperspy_stereo.results import ParticleCloud
from hyperspy_stereo.results.particle_statistics import fractal_dimension, slab_thickness
from hyperspy_stereo.results.stereo_angle_effect import stereo_angle_effect, stretched
from hyperspy_stereo.viewer import plot_angle_effect

INCIDENCE = np.array([[20.0, 0.0], [0.0, 20.0], [-20.0, 0.0], [0.0, -20.0]])


def cloud_of(count=400, seed=0, sigma=0.0, **settings):
    rng = np.random.default_rng(seed)
    true = rng.uniform(0, 1, (count, 3)) * (200, 160, 60) - (0, 0, 30)
    points = true + sigma * rng.normal(size=true.shape) * (0, 0, 1)
    error = np.full((count, 3), 1e-3) + np.array([0, 0, sigma])
    given = {
        "units": "nm",
        "pixel_size": 0.4,
        "incidence": INCIDENCE,
        "image_shape": (400, 500),
        **settings,
    }
    return ParticleCloud(points, np.full(count, 2.5), error, **given)


def chains():
    """Three chains of 6, 4 and 2 particles, far apart, and one alone."""
    rows = [[i * 5.5, 60.0 * k, 0.0] for k, n in enumerate((6, 4, 2, 1)) for i in range(n)]
    return ParticleCloud(rows, np.full(13, 2.5), units="nm")


def test_clusters_chains_and_neighbours():
    cloud = chains()
    assert np.bincount(cloud.clusters()).tolist() == [6, 4, 2, 1]
    assert cloud.chain_lengths().tolist() == [6, 4, 2, 1]
    assert sorted(cloud.coordination_number()) == [0] + [1] * 6 + [2] * 6
    assert cloud.coordination_number(contact=5.0).max() == 0
    np.testing.assert_allclose(cloud.nearest_neighbour_distances[:12], 5.5)


def test_fractal_dimension_of_discs_is_two():
    parts, labels = [], []
    for k, n in enumerate((10, 20, 40, 80, 160, 320)):
        # The even spiral of a sunflower.
        flat, angle = np.sqrt(np.arange(n) + 0.5), 2.39996 * np.arange(n)
        parts.append(np.column_stack([flat * np.cos(angle), flat * np.sin(angle), 0 * flat]))
        labels += [k] * n
    value, error = fractal_dimension(np.vstack(parts), np.array(labels), 0.0)
    assert value == pytest.approx(2.0, abs=0.15) and error < 0.2
    assert np.isnan(fractal_dimension(np.zeros((3, 3)), np.zeros(3, int), 1.0)[0])


def test_thickness_does_not_grow_with_noise():
    rng = np.random.default_rng(0)
    z, noise = rng.uniform(-30, 30, 4000), rng.normal(0, 8, 4000)
    thickness, error = slab_thickness(z + noise, np.full(4000, 8.0))
    assert thickness == pytest.approx(60, abs=4 * error) and error < 1


def test_concentration_is_per_cubic_metre():
    cloud = cloud_of(2000)
    known = 2000 / (200 * 160 * 60) * 1e27
    assert cloud.concentration == pytest.approx(known, abs=4 * cloud.concentration_error)
    assert cloud.concentration_units == "m^-3"
    assert 0.02 < cloud.concentration_error / known < 0.06
    set_to = cloud.set_thickness(60.0)
    assert set_to is cloud and cloud.thickness_error == 0
    low, high = cloud.field.T
    assert low[0] == pytest.approx(-0.2 + 2.5 + 0.02 * 29.7, abs=0.1) and high[0] < 200


def test_points_at_random_have_no_structure():
    g = cloud_of(2500).set_thickness(60.0).radial_distribution(bin_width=1.0, r_max=40.0)
    assert (np.abs(g.g - 1)[2:] < 4.5 * g.error[2:]).all()
    assert g.units == "nm" and g.n_points < 2500


@pytest.mark.parametrize("suffix", [".csv", ".vtp"])
def test_files_give_the_cloud_back(tmp_path, suffix):
    cloud = cloud_of(30, sigma=1.0, info={"method": "matched"}).set_thickness(60, 2)
    again = ParticleCloud.load(cloud.save(tmp_path / f"cloud{suffix}"))
    for name in ("points", "sigma", "radius", "intensity", "views_seen", "ambiguous", "incidence"):
        np.testing.assert_array_equal(getattr(again, name), getattr(cloud, name))
    assert (again.units, again.thickness, again.thickness_error) == ("nm", 60, 2)
    assert again.info == cloud.info and again.image_shape == (400, 500)
    with pytest.raises(FileExistsError, match="overwrite"):
        cloud.save(tmp_path / f"cloud{suffix}", overwrite=False)


def test_other_files(tmp_path):
    cloud = cloud_of(30)
    lines = cloud.save(tmp_path / "cloud.xyz").read_text().splitlines()
    assert lines[0] == "30" and len(lines) == 32
    np.testing.assert_allclose([float(v) for v in lines[2].split()[1:]], cloud.points[0], rtol=1e-5)
    table = pd.read_csv(cloud.save(tmp_path / "cloud.csv"), comment="#")
    np.testing.assert_array_equal(table["x"], cloud.points[:, 0])
    empty = ParticleCloud(np.zeros((0, 3)))
    assert len(ParticleCloud.load(empty.save(tmp_path / "empty.csv"))) == 0
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for call, error, message in (
        (lambda: cloud.save(tmp_path / "cloud.txt"), ValueError, "suffix"),
        (lambda: cloud.save(tmp_path / "no" / "cloud.csv"), FileNotFoundError, "no folder"),
        (lambda: ParticleCloud.load(tmp_path / "no.csv"), FileNotFoundError, "no file"),
        (lambda: ParticleCloud.load(tmp_path / "other.csv"), ValueError, "not a whole file"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_pictures_and_table():
    cloud = cloud_of(60)
    for colour in ("depth", "sigma", "radius", "intensity", "coordination", "cluster"):
        assert cloud.plot(colour, backend="matplotlib").axes
    assert cloud.plot_histogram("azimuth").get_xlabel() == "azimuth (°)"
    table = cloud.to_dataframe()
    assert len(table) == 60 and table["area"].iloc[0] == pytest.approx(np.pi * 2.5**2)
    axes = cloud.radial_distribution(2.0, 40.0).plot(cloud_of(60, 1).radial_distribution(2.0, 40.0))
    assert axes.get_ylabel() == "g(r)"
    ParticleCloud(np.zeros((0, 3))).plot(backend="matplotlib")
    with pytest.raises(ValueError, match="Colours"):
        cloud.plot("mass", backend="matplotlib")
    with pytest.raises(ValueError, match="backend"):
        cloud.plot(backend="vtk")
    with pytest.raises(ValueError, match="column must be"):
        cloud.plot_histogram("mass")


def test_the_angle_that_makes_neighbours_alike_in_all_directions():
    """Pairs at one distance in random directions, measured with an angle that is 25 % off."""
    rng = np.random.default_rng(4)
    middles = rng.uniform(0, 1, (900, 3)) * (600, 600, 150)
    to = rng.normal(size=(900, 3))
    to *= 6 / np.linalg.norm(to, axis=1, keepdims=True)
    points = np.vstack([middles, middles + to])
    true = ParticleCloud(points, np.full(1800, 2.5), image_shape=(600, 600), pixel_size=1.0)
    wrong = stretched(true, 2.4 / 3.0)  # as if the angle had been taken as 3.0 instead of 2.4
    table = stereo_angle_effect(wrong, np.arange(1.6, 3.21, 0.1), 3.0)
    assert table.attrs["best_angle"] == pytest.approx(2.4, abs=0.1)
    assert np.all(np.diff(table["thickness"]) < 0)
    assert len(plot_angle_effect(table).axes) == 3
    with pytest.raises(ValueError, match="three or more"):
        stereo_angle_effect(wrong, [1, 2], 3.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ParticleCloud([[0, 0, np.nan]]), "NaN"),
        (lambda: ParticleCloud([[0, 0, 0]], radius=[-1]), "negative"),
        (lambda: ParticleCloud([[0, 0, 0]], sigma=[1.0]), r"sigma is \(1, 3\)"),
        (lambda: chains().set_thickness(-1), "positive"),
        (lambda: chains().clusters(contact=0), "above 0"),
        (lambda: ParticleCloud([[0, 0, 0]]).clusters(), "no radius"),
        (lambda: chains().reproject([[1, 2]]), "one incidence"),
        (lambda: ParticleCloud(np.zeros((0, 3))).radial_distribution(), "at least 10"),
    ],
)
def test_wrong_clouds_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
