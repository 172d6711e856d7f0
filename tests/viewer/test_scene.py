"""Scenes of networks."""

import numpy as np
import pytest

from hyperspy_stereo import geometry as g
from hyperspy_stereo.results import DislocationNetwork
from hyperspy_stereo.viewer.network_scene import network_foil, network_scene
from hyperspy_stereo.viewer.scene import nice_length


@pytest.mark.parametrize(
    ("about", "nice"), [(99, 50), (100, 100), (0.03, 0.02), (7, 5), (0, 1), (float("nan"), 1)]
)
def test_nice_lengths(about, nice):
    assert nice_length(about) == pytest.approx(nice)


def test_foil_is_the_imaged_area_and_the_thickness(network):
    foil = network_foil(network)
    np.testing.assert_allclose(foil.vertices.min(axis=0), [-1, -1, -30])
    np.testing.assert_allclose(foil.vertices.max(axis=0), [199, 99, 30])


def test_foil_of_a_rotated_scan_is_rotated():
    turn = g.rotation_affine(30, (60, 60), (24.5, 24.5))
    points = [[50.0, 50.0, 0.0], [60.0, 60.0, 10.0]]
    network = DislocationNetwork(
        points, [0, 0], image_shape=(120, 120), to_scan=turn, scan_shape=(50, 50)
    )
    corners = network_foil(network).corners
    np.testing.assert_allclose(np.linalg.norm(np.diff(corners, axis=0), axis=1), 50)
    np.testing.assert_allclose(corners.mean(axis=0), [60, 60], atol=1e-9)
    edge = corners[1] - corners[0]
    assert abs(np.rad2deg(np.arctan2(edge[1], edge[0]))) == pytest.approx(30)


def test_foil_without_a_shape_holds_the_points():
    network = DislocationNetwork([[0, 0, 0], [10, 5, 3]], [0, 0])
    vertices = network_foil(network).vertices
    assert (vertices.min(axis=0) <= 0).all()
    assert (vertices.max(axis=0) >= [10, 5, 3]).all()


def test_colours_have_units_and_limits(network):
    scalars = network_scene(network).scalars
    assert list(scalars) == ["depth", "sigma", "confidence", "line"]
    assert scalars["depth"].label == "depth z (nm)"
    assert scalars["depth"].limits == (-25, 25)
    assert scalars["confidence"].limits == (0, 1)
    assert network_scene(network, depth_limits=(0, 9)).scalar.limits == (0, 9)
    deep = scalars["depth"].rgb()[-1]
    np.testing.assert_allclose(deep, [0.993, 0.906, 0.144], atol=0.01)


def test_neighbouring_lines_have_other_colours(network):
    colours = network_scene(network, "line").scalar.rgb()
    assert len(np.unique(colours, axis=0)) == 3


def test_scale_bar_names_a_length_in_the_unit(network, empty):
    for one, length in ((network, 50), (empty, 20)):
        scene = network_scene(one)
        bar, label = scene.bars[-1], scene.labels[-1]
        assert label.text == f"{length} nm"
        assert np.linalg.norm(bar.end - bar.start) == pytest.approx(length)


def test_axes_can_be_those_of_a_crystal(network):
    vectors = np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 2]])
    scene = network_scene(network, axes=("a", "b", "c"), axis_vectors=vectors)
    assert [label.text for label in scene.labels[:3]] == ["a", "b", "c"]
    first = scene.bars[0]
    along = (first.end - first.start) / np.linalg.norm(first.end - first.start)
    np.testing.assert_allclose(along, [0.5**0.5, 0.5**0.5, 0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"colour": "speed"}, "'depth', 'sigma'"), ({"radius": 0}, "positive")],
)
def test_bad_settings_are_explained(network, settings, words):
    with pytest.raises(ValueError, match=words):
        network_scene(network, **settings)


def test_unknown_backend_is_explained(network):
    with pytest.raises(ValueError, match="'ipyvolume', 'matplotlib'"):
        network.plot(backend="vtk")
