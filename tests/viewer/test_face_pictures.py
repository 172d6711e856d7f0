"""Views lie on the foil where their rays leave it, in every renderer."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import map_coordinates

from hyperspy_stereo import StereoPair
from hyperspy_stereo.results import DislocationNetwork
from hyperspy_stereo.viewer.camera import from_y_up
from hyperspy_stereo.viewer.face_pictures import face_pictures, views_of
from hyperspy_stereo.viewer.html import scene_data
from hyperspy_stereo.viewer.network_scene import network_foil, network_scene
from hyperspy_stereo.viewer.reprojection import plot_reprojection

SHAPE = (90, 140)
PIXEL = 2.0
INCIDENCE = {
    "tiltless": [[52.0, 7.0], [-47.0, -3.0]],
    "tilt": [[70.0, 0.0], [-70.0, 0.0]],
}


def lines_and_views(geometry, shape=SHAPE):
    """Two inclined lines, and views on which they are dark."""
    t = np.linspace(0, 1, 120)[:, None]
    lines = [
        np.array([40.0, 30, -55]) + t * [160, 90, 110],
        np.array([60.0, 150, 50]) + t * [150, -60, -90],
    ]
    network = DislocationNetwork(
        np.vstack(lines), np.repeat([0, 1], 120), np.full(240, 2.0), units="nm", pixel_size=PIXEL,
        geometry=geometry, incidence=INCIDENCE[geometry], image_shape=shape,
    ).set_foil_thickness(140)  # fmt: skip
    y, x = np.mgrid[: shape[0], : shape[1]]
    views = np.ones((2, *shape))
    for view, theta in enumerate(INCIDENCE[geometry]):
        for line in network.reproject(theta):
            away = np.min(np.hypot(x[..., None] - line[::3, 0], y[..., None] - line[::3, 1]), -1)
            views[view] *= 1 - 0.8 * np.exp(-(away**2) / 4)
    return network, views


def on_picture(picture, points):
    """Grey of a picture at points (N, 3) of its plane."""
    corners = picture.corners
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    share = np.linalg.lstsq(np.stack([across, down], axis=1), (points - corners[0]).T, rcond=None)[
        0
    ]
    rows, columns = picture.image.shape
    return map_coordinates(
        picture.image, [share[1] * rows - 0.5, share[0] * columns - 0.5], order=1
    )


def along_the_ray(network, view, points, depth):
    """Where a view's rays through points meet a depth; the image is the same."""
    from hyperspy_stereo.geometry.triangulation import projection_matrices

    matrix = projection_matrices(network.incidence, network.geometry, network.image_centre)[0][view]
    ray = np.cross(matrix[0], matrix[1])
    return points + ((depth - points[:, 2]) / ray[2])[:, None] * ray


@pytest.mark.parametrize("geometry", ["tiltless", "tilt"])
def test_every_line_covers_its_own_dark_image(geometry):
    network, views = lines_and_views(geometry)
    foil = network_foil(network)
    for picture, view in zip(face_pictures(network, foil, views), (0, 1), strict=True):
        depth = foil.low if picture.side == "low" else foil.high
        np.testing.assert_allclose(picture.corners[:, 2], depth)
        landed = along_the_ray(network, view, network.points, depth)
        assert on_picture(picture, landed).mean() < 0.3
        # Straight below, along the beam, or on the other view's rays there is mostly background.
        beside = landed + np.array([0, 12.0, 0])
        assert on_picture(picture, beside).mean() > 0.75
        wrong = along_the_ray(network, 1 - view, network.points, depth)
        assert on_picture(picture, wrong).mean() > on_picture(picture, landed).mean() + 0.1


def test_a_large_image_is_reduced_and_stays_in_place():
    network, views = lines_and_views("tiltless")
    large = DislocationNetwork(
        network.points, network.line_index, network.sigma, units="nm", pixel_size=PIXEL / 8,
        incidence=network.incidence, image_shape=(8 * SHAPE[0], 8 * SHAPE[1]),
    )  # fmt: skip
    foil = network_foil(network)
    low, _ = face_pictures(large, foil, views.repeat(8, axis=1).repeat(8, axis=2))
    assert max(low.image.shape) <= 512
    landed = along_the_ray(network, 0, network.points, foil.low)
    # The centre of the first of 8 x 8 pixels is 3.5 of them from that of the large one.
    shift = np.array([3.5, 3.5, 0]) * PIXEL / 8
    assert on_picture(low, landed + shift).mean() < 0.35


def test_what_is_outside_the_scan_is_not_shown():
    network, views = lines_and_views("tiltless")
    inside = np.zeros(SHAPE, bool)
    inside[20:70, 30:110] = True
    low, _ = face_pictures(network, network_foil(network), views, inside)
    assert (low.alpha > 0).sum() == inside.sum()
    assert low.outline.min(axis=0) == pytest.approx([30.5 / 140, 20.5 / 90])
    assert low.outline.max(axis=0) == pytest.approx([109.5 / 140, 69.5 / 90])


def test_images_that_are_not_those_of_the_network_are_refused():
    network, views = lines_and_views("tiltless")
    with pytest.raises(ValueError, match="after align"):
        network.plot(images=views[:, :-1])
    with pytest.raises(ValueError, match=r"\(views, H, W\)"):
        network.plot(images=views[0])
    bare = DislocationNetwork([[0, 0, 0], [9, 9, 9]], [0, 0])
    with pytest.raises(ValueError, match="does not know its views"):
        bare.plot(images=views)


def test_a_pair_and_its_maps_give_their_images():
    _, views = lines_and_views("tiltless")
    pair = StereoPair.from_images(*views, 5, geometry="tiltless")
    np.testing.assert_array_equal(views_of(pair)[0], views)
    maps = pair.detect_dislocations(method="ridge")
    np.testing.assert_array_equal(views_of(maps)[0], views)
    del maps.metadata.Stereo.Detection.images
    with pytest.raises(ValueError, match="give the StereoPair"):
        views_of(maps)


def test_matplotlib_draws_the_picture_where_the_lines_land():
    network, views = lines_and_views("tiltless")
    figure = network.plot(backend="matplotlib", images=views, size=(600, 400))
    bare = network.plot(backend="matplotlib", size=(600, 400))
    images = []
    for one in (figure, bare):
        one.canvas.draw()
        images.append(np.asarray(one.canvas.buffer_rgba())[..., :3].astype(float))
    assert (np.abs(images[0] - images[1]).max(axis=-1) > 20).mean() > 0.01
    scene = network_scene(network, images=views)
    target, distance = scene.camera.fit(scene.extent, 0.87 * 600 / 400)
    picture = scene.pictures[0]
    landed = along_the_ray(network, 0, network.points[10:110], scene.foil.low)
    at = scene.camera.project(landed, target, 1.06 * distance, (400, int(0.87 * 600)))
    column, row = np.rint(at[:, :2]).astype(int).T
    free = images[0][row, column].max(axis=-1) - images[0][row, column].min(axis=-1) < 25
    assert free.sum() > 10  # not hidden by a tube
    dark = images[0][row, column].mean(axis=-1)[free]
    assert np.median(dark) < 130
    assert picture.side == "low"


def test_ipyvolume_has_a_textured_mesh_for_each_face():
    network, views = lines_and_views("tiltless")
    view = network.plot(images=views)
    low, high = view.figure and view._drawn.pictures
    assert (low.visible, high.visible) == (True, False)
    corners = from_y_up(np.column_stack([low.x, low.y, low.z]))
    np.testing.assert_allclose(corners[:, :2], view.scene.pictures[0].corners[:, :2], atol=1e-3)
    np.testing.assert_array_equal(np.column_stack([low.u, low.v])[0], [0, 1])
    view.show_images("both")
    assert high.visible
    view.widget.children[1].children[0].value = "none"
    assert not (low.visible or high.visible)
    with pytest.raises(ValueError, match="'none', 'low', 'high', 'both'"):
        view.show_images("top")
    with pytest.raises(ValueError, match="images=pair"):
        network.plot().show_images("low")


def test_the_page_holds_the_pictures():
    network, views = lines_and_views("tiltless")
    data = scene_data(network_scene(network, images=views))
    low, high = data["pictures"]
    assert (low["side"], high["side"], data["faces"]) == ("low", "high", "low")
    png = np.asarray(Image.open(io.BytesIO(base64.b64decode(low["png"]))), dtype=float)
    np.testing.assert_allclose(png[..., 0] / 255, network_scene(network, images=views)
                               .pictures[0].image, atol=0.01)  # fmt: skip


def test_the_reprojection_lies_on_the_dark_pixels():
    network, views = lines_and_views("tiltless")
    for view in (0, 1):
        ax = plot_reprojection(network, views, view)
        drawn = np.vstack([p.vertices for c in ax.collections for p in c.get_paths()])
        grey = map_coordinates(views[view], drawn.T[::-1], order=1)
        assert grey.mean() < 0.35
    assert views.mean() > 0.85
    with pytest.raises(ValueError, match="views 0 to 1"):
        plot_reprojection(network, views, 2)
    with pytest.raises(ValueError, match="give incidence"):
        plot_reprojection(network, np.ones((3, *SHAPE)), 0)


def test_the_check_is_drawn_when_it_is_asked_for():
    network, views = lines_and_views("tiltless")
    widget = network.plot(images=views).widget
    row, checks = widget.children[1], widget.children[-1]
    toggle = row.children[-1]
    assert checks.layout.display == "none" and not checks.children[1].value
    toggle.value = True
    first = bytes(checks.children[1].value)
    assert checks.layout.display == "" and first[:4] == b"\x89PNG"
    checks.children[0].value = "view 1"
    assert checks.children[1].value != first
