"""The same scene by matplotlib, ipyvolume and as a page."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from hyperspy_stereo.results import DislocationNetwork
from hyperspy_stereo.viewer import ipyvolume_view
from hyperspy_stereo.viewer.camera import to_y_up
from hyperspy_stereo.viewer.html import scene_html
from hyperspy_stereo.viewer.network_scene import network_scene


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def saturated(image):
    """Pixels of a strong colour; box, shadow and text are grey."""
    return int((np.ptp(image[:, : int(0.85 * image.shape[1])], axis=2) > 90).sum())


def test_matplotlib_draws_tubes_and_a_colour_bar(network, empty):
    full, bare = (pixels(n.plot(backend="matplotlib", size=(500, 320))) for n in (network, empty))
    assert full.shape == (320, 500, 3)
    assert saturated(full) > saturated(bare) + 300


def test_matplotlib_puts_the_deep_line_above_the_shallow_one(network):
    image = pixels(network.plot(backend="matplotlib", size=(500, 320)))[:, :420]
    red, green, blue = (image[..., i] for i in range(3))
    deep = np.nonzero((red > 190) & (green > 170) & (blue < 110))[0]
    shallow = np.nonzero((blue > red + 12) & (red > green + 20) & (red < 130))[0]
    assert deep.size > 50
    assert shallow.size > 50
    assert deep.mean() < shallow.mean()


# ipyvolume -------------------------------------------------------------------------------------


def test_ipyvolume_has_one_finite_mesh_for_all_lines(network):
    figure = network.plot().figure
    mesh = figure.meshes[0]
    xyz = np.column_stack([mesh.x, mesh.y, mesh.z])
    assert np.isfinite(xyz).all()
    radius = network_scene(network).lines.radius
    nearest = np.linalg.norm(xyz[:, None] - to_y_up(network.points)[None], axis=2).min(axis=1)
    np.testing.assert_allclose(nearest, radius, rtol=0.05)
    # Lines, frame, faces, letters: few meshes whatever the number of lines.
    assert len(figure.meshes) == 4


def test_ipyvolume_scales_are_equal_and_hold_the_scene(network):
    figure = network.plot().figure
    ranges = [figure.scales[k].max - figure.scales[k].min for k in "xyz"]
    np.testing.assert_allclose(ranges, ranges[0])
    assert figure.camera_fov == 12


def test_ipyvolume_draws_lines_where_tubes_are_too_many(network, monkeypatch):
    monkeypatch.setattr(ipyvolume_view, "TUBE_LIMIT", 20)
    figure = network.plot().figure
    mesh = figure.meshes[0]
    # With lamps lines are bleached.
    assert figure.lights == []
    assert mesh.triangles is None
    assert len(mesh.x) == 120
    assert len(mesh.lines) == 117


def test_ipyvolume_thins_the_points_before_it_gives_up_tubes(network, monkeypatch):
    monkeypatch.setattr(ipyvolume_view, "TUBE_LIMIT", 70)
    view = network.plot()
    mesh = view.figure.meshes[0]
    assert mesh.triangles.shape[1] == 3
    ends = to_y_up(network.points[[0, 39, 40, 79, 80, 119]])
    xyz = np.column_stack([mesh.x, mesh.y, mesh.z])
    radius = view.scene.lines.radius
    nearest = np.linalg.norm(ends[:, None] - xyz[None], axis=2).min(axis=1)
    np.testing.assert_allclose(nearest, radius, rtol=0.05)
    assert len(mesh.color) == len(mesh.x)


def test_ipyvolume_colours_and_section_change_in_place(network):
    view = network.plot()
    mesh = view.figure.meshes[0]
    before, triangles = mesh.color.copy(), len(mesh.triangles)
    view.colour_by("sigma")
    assert (mesh.color != before).any()
    view._drawn.show_depths(10, 40)
    shown = to_y_up(network.points)[:, 1]
    assert len(mesh.triangles) == pytest.approx(triangles * (shown > 10).mean(), rel=0.05)
    view._drawn.show_depths(-100, 100)
    assert len(mesh.triangles) == triangles
    view._drawn.show_depths(300, 400)
    assert len(mesh.triangles) == 1


def test_the_first_view_is_where_the_camera_says(network):
    view = network.plot()
    position = np.array(view.figure.camera.position)
    towards = view.scene.camera.axes()[2]
    np.testing.assert_allclose(position / np.linalg.norm(position), towards, atol=1e-6)
    view.figure.camera.position = (0, 0, 9)
    view._drawn.reset_view()
    np.testing.assert_allclose(view.figure.camera.position, position, rtol=1e-4)


def test_missing_ipyvolume_is_explained(network, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ipyvolume", None)
    with pytest.raises(ImportError, match="restart the kernel"):
        network.plot().figure


# Notebook --------------------------------------------------------------------------------------


def test_bundle_holds_widgets_and_a_picture(network, empty):
    for one in (network, empty):
        bundle = one.plot(size=(400, 260))._repr_mimebundle_()
        assert set(bundle) == {
            "image/png",
            "text/plain",
            "application/vnd.jupyter.widget-view+json",
        }
        picture = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
        assert picture.size == (400, 260)


def test_controls_recolour_and_reset(network):
    view = network.plot()
    controls = view.widget.children[0].children
    figure, bar = view.widget.children[2].children
    assert figure is view.figure
    before = bar.value
    controls[0].value = "confidence"
    assert view.scene.colour == "confidence"
    assert bar.value != before
    controls[1].value = (10, 30)
    controls[2].click()


def test_png_without_a_browser(network, tmp_path):
    view = network.plot(size=(300, 200))
    path = view.save_png(tmp_path / "a.png", scale=2)
    assert Image.open(path).size == (600, 400)


def test_png_of_the_browser_is_written_when_it_comes(network, tmp_path):
    view = network.plot(size=(300, 200))
    with pytest.raises(RuntimeError, match="put it at the end of a cell"):
        view.save_png(tmp_path / "a.png", source="browser")
    view.widget
    view.save_png(tmp_path / "a.png", source="browser")
    assert not (tmp_path / "a.png").exists()
    sent = base64.b64encode(b"picture").decode()
    view.figure._screenshot_handlers(f"data:image/png;base64,{sent}")
    assert (tmp_path / "a.png").read_bytes() == b"picture"


def test_wrong_names_and_sources_are_explained(network, tmp_path):
    view = network.plot()
    with pytest.raises(ValueError, match=r"\.png"):
        view.save_png(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=r"\.html"):
        view.save_html(tmp_path / "a.htm")
    with pytest.raises(ValueError, match='"auto", "browser"'):
        view.save_png(tmp_path / "a.png", source="screen")
    with pytest.raises(ValueError, match="'depth', 'sigma'"):
        view.colour_by("speed")


# Page ------------------------------------------------------------------------------------------


def page_data(html):
    text = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.S)
    return json.loads(text.group(1))


def array(text, dtype="<f4"):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_page_loads_nothing_from_elsewhere(network, tmp_path):
    html = network.plot().save_html(tmp_path / "a.html").read_text()
    assert not re.search(
        r"https?:|//[a-z]+\.[a-z]|@import|url\(|\bsrc=|<link|fetch\(|import ", html
    )
    assert not re.search(r"@[A-Z]+@", html)


def test_page_holds_the_points_in_y_up_coordinates(network):
    data = page_data(scene_html(network_scene(network)))
    points = array(data["lines"]["points"]).reshape(-1, 3)
    np.testing.assert_allclose(points, to_y_up(network.points), rtol=1e-6)
    assert data["lines"]["starts"] == [0, 40, 80]
    assert len(array(data["scalars"]["depth"]["colours"], "u1")) == 3 * 120
    assert data["scalars"]["line"]["bar"] is None


def test_page_of_an_empty_network(empty):
    data = page_data(scene_html(network_scene(empty)))
    assert data["lines"]["starts"] == []
    assert len(data["foil"]["vertices"]) == 8


def test_page_survives_odd_units():
    network = DislocationNetwork([[0, 0, 0], [1, 1, 1]], [0, 0], units="</script><b>&")
    html = scene_html(network_scene(network))
    assert html.count("</script>") == 2
    assert page_data(html)["units"] == "</script><b>&"
