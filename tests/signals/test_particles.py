"""detect_particles and reconstruct: state in metadata, slicing, saving, bad input."""

from contextlib import nullcontext

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_stereo import ParticleCloud, ParticleMap, StereoPair
from hyperspy_stereo.simulation.particles import equilibrium, particle_views, segment_incidence

AZIMUTHS = [45, 135, 225, 315]


@pytest.fixture(scope="module")
def made():
    points = equilibrium(np.full(14, 2.4), (64, 64), 60, sweeps=5, seed=2)
    return particle_views(points, 2.4, segment_incidence(4.0), (160, 160), noise=0.15, seed=3)


@pytest.fixture(scope="module")
def views(made):
    return StereoPair.from_segments(made.images, 4.0, AZIMUTHS, pixel_size=0.4, units="nm")


@pytest.fixture(scope="module")
def maps(views):
    return views.detect_particles(diameter=5)


def test_from_views_to_g_of_r(made, maps):
    assert isinstance(maps, ParticleMap) and maps.data.shape == (4, 160, 160)
    cloud = maps.reconstruct()
    assert isinstance(cloud, ParticleCloud) and cloud.units == "nm"
    assert abs(len(cloud) - 14) <= 1
    assert cloud.diameter == pytest.approx(4.8, rel=0.1)
    near = np.linalg.norm(cloud.points[:, None, :2] - 0.4 * made.points[None, :, :2], axis=2)
    assert np.median(near.min(axis=1)) < 0.1
    g = cloud.set_thickness(60).radial_distribution(bin_width=2.0, r_max=20.0, correction="slab")
    assert g.units == "nm" and g.correction == "slab"
    assert {"view_shifts_px", "depth_range", "detections"} <= set(cloud.info)


def test_what_decided_the_result_is_written_down(maps, views):
    told = maps.metadata.Stereo.Detection
    assert (told.method, told.diameter, told.false_alarms) == ("matched", 5.0, 0.01)
    told = views.detect_particles(method="contours", blur=1.0).metadata.Stereo.Detection
    assert (told.method, told.diameter, told.blur) == ("contours", "auto", 1.0)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_particles_follow_slices_and_files(maps, tmp_path):
    table = maps.particles
    maps.save(tmp_path / "maps.hspy")
    assert hs.load(tmp_path / "maps.hspy").particles.equals(table)
    assert maps.deepcopy().particles.equals(table)
    two = maps.inav[1:3]
    assert set(two.particles["view"]) == {0, 1}
    assert len(two.particles) == (table["view"].isin([1, 2])).sum()
    assert len(two.reconstruct()) > 5
    part = maps.isig[20:, 10:]
    kept = table[(table["x"] >= 19.5) & (table["y"] >= 9.5)]
    np.testing.assert_allclose(part.particles["x"], kept["x"] - 20)
    assert part.plot_particles(view=1).images


def test_lazy_views(views, maps):
    lazy = views.as_lazy().detect_particles(diameter=5)
    assert lazy.particles.equals(maps.particles)
    assert lazy._lazy and hasattr(lazy.metadata.Stereo.Detection.images.data, "dask")
    np.testing.assert_array_equal(lazy.data.compute(), maps.data)
    assert len(lazy.inav[:3].reconstruct()) == len(maps.inav[:3].reconstruct())


def test_a_lazy_stack_is_read_view_by_view(made, maps):
    """No task asks for more than one view, and each view is read once and once for the size."""
    import dask.array as da

    read = []

    def view(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return made.images[read[-1]][None]

    data = da.map_blocks(view, chunks=((1,) * 4, (160,), (160,)), dtype=np.float32)
    stack = StereoPair(made.images).as_lazy()
    stack.data = data
    found = stack.detect_particles(diameter=12.5)
    assert sorted(read) == [0, 0, 1, 2, 3]
    assert len(found.particles) == len(maps.particles)


def test_progress_is_shown_when_asked_for(views, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "hyperspy_stereo.signals._particles.progress",
        lambda show, minimum=0.0: asked.append(show) or nullcontext(),
    )
    views.detect_particles(diameter=5, show_progressbar=True)
    views.detect_particles(diameter=5)
    assert asked == [True, None]


def test_circles_in_noise_are_not_matched():
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 1, (30, 3)) * (130, 130, 80) - (0, 0, 40)
    made = particle_views(points, 2.4, segment_incidence(3.0), (330, 330), noise=0.6, seed=6)
    maps = StereoPair.from_segments(made.images, 3.0, AZIMUTHS, 0.4, "nm").detect_particles(
        5, method="hough"
    )
    assert len(maps.particles) > 20 * len(points)
    cloud = maps.reconstruct()
    assert abs(len(cloud) - len(points)) <= 2
    assert cloud.info["detections"]["not in the picture"] > 10 * len(points)


def test_a_cloud_shows_itself_in_a_notebook(maps):
    page = maps.reconstruct()._repr_html_()
    for name in ("particles", "sigma x, y, z", "concentration", "±", "box of the count"):
        assert name in page
    assert "none" in ParticleCloud(np.zeros((0, 3)))._repr_html_()


TABLE = {
    "unknown method": (lambda v, m: v.detect_particles(method="magic"), ValueError, "one of"),
    "option of another method": (
        lambda v, m: v.detect_particles(threshold=0.5),
        ValueError,
        "method='hough', threshold=",
    ),
    "unknown option": (lambda v, m: v.detect_particles(colour=1), TypeError, "there are false"),
    "diameter larger than the field": (
        lambda v, m: v.detect_particles(diameter=100),
        ValueError,
        "quarter of the field",
    ),
    "diameter in px instead of nm": (
        lambda v, m: v.detect_particles(diameter=0.5),
        ValueError,
        "Check the pixel size",
    ),
    "diameter is text": (lambda v, m: v.detect_particles("5 nm"), TypeError, "must be a number"),
    "false alarms of zero": (
        lambda v, m: v.detect_particles(5, false_alarms=0),
        ValueError,
        "above 0",
    ),
    "NaN in a view": (
        lambda v, m: StereoPair(np.full((2, 64, 64), np.nan)).detect_particles(),
        ValueError,
        "NaN",
    ),
    "unequal views": (
        lambda v, m: StereoPair.from_segments(
            [np.zeros((64, 64)), np.zeros((64, 80))], 3.0, [0, 180]
        ),
        ValueError,
        "differ in size",
    ),
    "one view": (lambda v, m: m.inav[0].reconstruct(), ValueError, "one view"),
    "views from one direction": (
        lambda v, m: m.deepcopy().set_incidence(np.zeros((4, 2))).reconstruct(),
        ValueError,
        "direction",
    ),
    "incidence unknown": (
        lambda v, m: StereoPair(np.zeros((2, 64, 64))).detect_particles().reconstruct(),
        ValueError,
        "set_incidence",
    ),
    "map without particles in it": (
        lambda v, m: ParticleMap(np.zeros((2, 64, 64))).particles,
        ValueError,
        "holds no particles",
    ),
    "depths that shrink": (lambda v, m: m.reconstruct((5, -5)), ValueError, "must grow"),
    "one depth": (lambda v, m: m.reconstruct(5), ValueError, "lowest, highest"),
    "g of too few": (
        lambda v, m: ParticleCloud(np.zeros((3, 3))).radial_distribution(),
        ValueError,
        "at least 10",
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_bad_input_says_what_to_do(views, maps, case):
    call, error, message = TABLE[case]
    with pytest.raises(error, match=message):
        call(views, maps)


def test_nothing_to_find_is_an_empty_cloud():
    noise = np.random.default_rng(0).normal(size=(4, 96, 96))
    maps = StereoPair.from_segments(noise, 3.0, AZIMUTHS).detect_particles()
    assert len(maps.particles) == 0 and not maps.data.any()
    cloud = maps.reconstruct()
    assert len(cloud) == 0 and "no particles" in repr(cloud)


def test_all_overlapping_is_one_or_flagged():
    """Ten particles in one column: no view can tell them apart, and no crowd is made up."""
    points = [[32.0, 32.0, 0.3 * k] for k in range(10)]
    heap = particle_views(points, 2.4, segment_incidence(3.0), (160, 160), noise=0.1)
    views = StereoPair.from_segments(heap.images, 3.0, AZIMUTHS, 0.4, "nm")
    assert len(views.detect_particles(5).reconstruct()) <= 3


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"method": "hough", "blur": "x"}, TypeError),
        ({"method": "hough", "blur": -1}, ValueError),
        ({"method": "contours", "threshold": "x"}, TypeError),
        ({"method": "contours", "threshold": float("nan")}, ValueError),
    ],
)
def test_options_of_the_published_ways_are_checked(views, options, error):
    name = next(key for key in options if key != "method")
    with pytest.raises(error, match=f"{name} must be"):
        views.detect_particles(diameter=5, **options)
