"""Measuring between places on lines, and PNGs of it."""

import io

import numpy as np
import pytest
from PIL import Image

from hyperspy_stereo.viewer.camera import from_y_up
from hyperspy_stereo.viewer.network_scene import network_scene
from hyperspy_stereo.viewer.ruler import point_on_line


def test_places_are_shares_of_the_length(network):
    lines = network_scene(network).lines
    assert point_on_line(lines, 1, 0.0) == 40 and point_on_line(lines, 1, 1.0) == 79
    half = point_on_line(lines, 2, 0.5)
    before = np.linalg.norm(np.diff(network.points[80 : half + 1], axis=0), axis=1).sum()
    assert before == pytest.approx(network.line_lengths[2] / 2, rel=0.03)
    with pytest.raises(ValueError, match="There are 3 lines"):
        point_on_line(lines, 3, 0.5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        point_on_line(lines, 0, 1.5)


def test_what_is_measured_is_what_the_points_are_apart(network):
    view = network.plot()
    m = view.measure((0, 0.0), (2, 0.0))
    assert m.depth == pytest.approx(50)
    np.testing.assert_allclose(m.end - m.start, network.points[80] - network.points[0])
    assert m.depth_error == pytest.approx(np.hypot(network.sigma[0], network.sigma[80]))
    # Half a pixel of 2 nm along the image, at both ends.
    assert m.in_plane_error == pytest.approx(np.sqrt(2))
    assert m.units == "nm"


def test_the_bar_is_in_the_figure_and_in_the_picture(network, tmp_path):
    view = network.plot(size=(300, 200))
    bare = view._picture()
    figure = view.figure
    count = len(figure.meshes)
    view.measure((0, 0.0), (2, 1.0))
    assert len(figure.meshes) == count + 1
    ruler = figure.meshes[-1]
    middle = from_y_up(np.column_stack([ruler.x, ruler.y, ruler.z])).mean(axis=0)
    ends = network.points[[0, 119]]
    np.testing.assert_allclose(middle, ends.mean(axis=0), atol=3)
    assert view._picture() != bare
    view.measure((0, 0.0), (1, 1.0))
    assert len(figure.meshes) == count + 1 and figure.meshes[-1].visible
    view.clear_measurement()
    assert not figure.meshes[-1].visible and view._picture() == bare


def test_the_controls_measure(network):
    view = network.plot()
    row, below = view.widget.children[1], view.widget.children[-1]
    toggle = row.children[0]
    assert below.layout.display == "none"
    toggle.value = True
    sliders, said = below.children
    assert "distance" in said.value and view.measurement is not None
    before = said.value
    number, place = sliders.children[1].children
    number.value, place.value = 2, 0.25
    assert said.value != before and "±" in said.value
    toggle.value = False
    assert below.layout.display == "none" and view.measurement is None


def test_pictures_have_any_size(network, tmp_path):
    view = network.plot(size=(300, 200))
    path = view.save_png(tmp_path / "a.png", source="matplotlib", size=(410, 333), scale=1)
    assert Image.open(path).size == (410, 333)
    assert Image.open(io.BytesIO(path.read_bytes())).size == (410, 333)
    with pytest.raises(ValueError, match=r"\(width, height\)"):
        view.save_png(tmp_path / "a.png", size=(3, 4))


def test_an_empty_network_has_nothing_to_measure(empty):
    view = empty.plot()
    with pytest.raises(ValueError, match="no lines to measure"):
        view.measure((0, 0), (0, 1))
    assert len(view.widget.children) == 2
