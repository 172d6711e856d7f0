"""Pictures of specimens, of the disc, of truth and of convergence."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_stereo import viewer as v
from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.contrast.convergence import convergence_errors
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault
from hyperspy_stereo.simulation.specimen import Boundary, Specimen, SurfaceSpot
from hyperspy_stereo.simulation.truth import Truth
from hyperspy_stereo.viewer.camera import to_y_up
from hyperspy_stereo.viewer.specimen_scene import specimen_scene

BEAM = TwoBeam([5, 0, 0], 0.0, 40, 660, 600)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def foil(**parts):
    """200 x 100 nm, 100 nm thick; a line that gets deeper to the right, and a loop."""
    angle = np.linspace(0, 2 * np.pi, 25)
    ring = np.column_stack([60 + 10 * np.cos(angle), 70 + 10 * np.sin(angle), 50 + 0 * angle])
    ring[-1] = ring[0]
    lines = (
        Dislocation([[50, 50, 20], [150, 50, 80]], [0.2, 0, 0]),
        Dislocation(ring, [0, 0.2, 0]),
    )
    return Specimen((200, 100), 100, BEAM, lines, ("line", "loop"), **parts)


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


# Specimens -------------------------------------------------------------------------------------


def test_lines_run_from_face_to_face_and_no_further():
    scene = specimen_scene(foil())
    line = scene.lines.points[scene.lines.line_index == 0]
    # 0.6 nm deeper per nm: the line enters at x = 16.7 and leaves at x = 183.3.
    np.testing.assert_allclose(line[[0, -1], 2], [0, 100], atol=1)
    np.testing.assert_allclose(line[[0, -1], 0], [16.7, 183.3], atol=1)
    np.testing.assert_allclose(line[:, 2], 0.6 * (line[:, 0] - 50) + 20, atol=1e-6)


def test_a_line_that_gets_deeper_to_the_right_rises_to_the_right_on_screen():
    up = to_y_up(specimen_scene(foil()).lines.points[:100])
    assert np.corrcoef(up[:, 0], up[:, 1])[0, 1] > 0.99
    np.testing.assert_allclose(up[:, 2], -50)


def test_colours_can_mean_depth_visibility_and_kind():
    scene = specimen_scene(foil())
    index = scene.lines.line_index
    scalars = scene.scalars
    np.testing.assert_array_equal(scalars["depth"].values, scene.lines.points[:, 2])
    np.testing.assert_allclose(scalars["g·b"].values[index == 0], 1)
    np.testing.assert_allclose(scalars["g·b"].values[index == 1], 0)
    assert set(scalars["kind"].values[index == 1]) == {1.0}
    with pytest.raises(ValueError, match="depth"):
        specimen_scene(foil(), colour="age")
    with pytest.raises(ValueError, match="radius"):
        specimen_scene(foil(), radius=-1.0)


def test_faults_boundaries_dirt_and_wedge_are_meshes_in_the_foil():
    fault = StackingFault(
        [[50, 20, -20], [150, 20, 140]], [[50, 30, -20], [150, 30, 140]], [0.1, 0, 0]
    )
    plane = Boundary(np.array([120.0, 50, 50]), np.array([0.8, 0, 0.6]))
    spot = SurfaceSpot(np.array([30.0, 30.0]), np.array([8.0, 5.0]), 20.0, 0.3, True)
    wedge = np.zeros((3, 3))
    wedge[1, 0] = 10
    scene = specimen_scene(
        foil(
            faults=(fault,),
            boundaries=(plane,),
            grain_deviations=(0.0, 0.01),
            spots=(spot,),
            wedge=wedge,
        )
    )
    assert len(scene.meshes) == 4
    assert scene.foil.high == pytest.approx(110, abs=0.5)
    strip, section, dirt, exit_face = scene.meshes
    used = strip.vertices[np.unique(strip.triangles)]
    assert used[:, 2].min() > -5
    assert used[:, 2].max() < 115
    np.testing.assert_allclose((section.vertices - plane.point) @ plane.normal, 0, atol=1e-9)
    assert len(section.vertices) == 4
    np.testing.assert_allclose(dirt.vertices[:, 2], 100 + 10 * (dirt.vertices[:, 0] / 100 - 1))
    assert exit_face.vertices[:, 2].min() == pytest.approx(90)


def test_a_plane_beside_the_foil_is_left_out():
    beside = Boundary(np.array([900.0, 0, 0]), np.array([1.0, 0, 0]))
    two = foil(boundaries=(beside,), grain_deviations=(0.0, 0.0))
    assert specimen_scene(two).meshes == ()


def test_an_empty_foil_is_still_a_box():
    empty = Specimen((200, 100), 100, BEAM)
    scene = specimen_scene(empty)
    assert len(scene.lines.points) == 0
    assert pixels(v.plot_specimen(empty, backend="matplotlib")).shape[2] == 3


def test_specimen_beside_its_images():
    images = np.random.default_rng(0).random((2, 25, 50))
    alone = pixels(v.plot_specimen(foil(), backend="matplotlib", size=(500, 320)))
    beside = pixels(
        v.plot_specimen(
            foil(), images, titles=["left", "right"], backend="matplotlib", size=(500, 320)
        )
    )
    assert alone.shape == (320, 500, 3)
    assert beside.shape[0] == 320
    assert beside.shape[1] > 700
    # Noise at the right, none in the margin of the 3D part.
    assert beside[:, 520:].std() > 40


def test_interactive_specimen_has_its_images_in_widget_and_picture():
    view = v.plot_specimen(foil(), np.random.default_rng(0).random((25, 50)))
    bundle = view._repr_mimebundle_()
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert view.widget.children[1].value[:4] == b"\x89PNG"
    view.colour_by("kind")
    assert view.scene.colour == "kind"


def test_kinds_are_named():
    figure = v.plot_specimen(foil(), colour="kind", backend="matplotlib")
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["line", "loop"]


def test_bad_images_of_a_specimen_are_told():
    with pytest.raises(ValueError, match="backend"):
        v.plot_specimen(foil(), backend="povray")
    with pytest.raises(ValueError, match="2-D"):
        v.plot_specimen(foil(), [np.zeros(5)])
    with pytest.raises(ValueError, match="titles"):
        v.plot_specimen(foil(), np.zeros((5, 5)), titles=["a", "b"])


# The disc --------------------------------------------------------------------------------------


def test_the_disc_shows_the_rocking_curve_across_the_kikuchi_line():
    from hyperspy_stereo.simulation.two_beam import perfect_crystal

    beam = TwoBeam([0, 5, 0], 0.01, 40, 660, 600)
    ax = v.plot_disc(beam, 150.0, 30.0)
    image = ax.images[0].get_array()
    n = image.shape[0]
    theta = np.linspace(-30, 30, n)
    np.testing.assert_allclose(image[:, n // 2 - 60], image[:, n // 2 + 60], atol=1e-6)
    for row in (n // 4, n // 2, 3 * n // 4):
        expected, _ = perfect_crystal(beam.at([0, theta[row] / 1000]), 150.0)
        assert image[row, n // 2] == pytest.approx(float(expected), abs=2e-3)
    assert np.isnan(np.ma.filled(image, np.nan)[0, 0])
    # y points down, as in images.
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_detectors_are_outlines_at_their_incidences():
    from matplotlib.patches import Ellipse

    ax = v.plot_disc(BEAM, 150.0, 30.0, [[0, 20], [0, -20]], semi_axes=(8, 4))
    slits = [patch for patch in ax.patches if isinstance(patch, Ellipse)]
    assert [tuple(slit.center) for slit in slits] == [(0, 20), (0, -20)]
    # g is along x: the long axis is along y.
    assert {(slit.width, slit.height, slit.angle) for slit in slits} == {(16, 8, 90.0)}


def test_bad_discs_are_told():
    with pytest.raises(ValueError, match="mrad"):
        v.plot_disc(BEAM, 100.0, 0.0)
    with pytest.raises(ValueError, match="detectors"):
        v.plot_disc(BEAM, 100.0, 30.0, [1, 2])


# Convergence -----------------------------------------------------------------------------------


def test_splitting_is_of_second_order_and_beats_the_strain_in_the_middle():
    screw = Dislocation([[0, -9, 97.3], [0, 9, 97.3]], [0, 0.2, 0])
    beam = TwoBeam([0, 5, 0], 0.0, 40, 660, 600)
    errors = convergence_errors(screw, beam, 200.0, np.arange(-12.5, 13), [0.5, 1.0, 2.0])
    order = np.log2(errors["split"][1:] / errors["split"][:-1])
    assert (order > 1.8).all()
    assert (errors["split"] < errors["midpoint"]).all()
    np.testing.assert_allclose(errors["slice"], [0.5, 1, 2])
    ax = v.plot_convergence(errors)
    assert ax.get_yscale() == "log"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), errors["split"])


def test_the_strain_in_the_middle_comes_to_the_same_in_the_limit():
    edge = Dislocation([[0, -9, 50], [0, 9, 50]], [0.2, 0, 0])
    errors = convergence_errors(edge, BEAM, 100.0, [-9.0, 4.0, 15.0], [0.1])
    assert errors["midpoint"][0] < 2e-4


def test_bad_convergence_is_told():
    with pytest.raises(ValueError, match="slice"):
        v.plot_convergence({"split": [1.0]})
    with pytest.raises(ValueError, match="shape"):
        v.plot_convergence({"slice": [1.0, 2.0], "split": [1.0]})


# Truth -----------------------------------------------------------------------------------------


def truth():
    depth = np.full((2, 30, 40), np.nan, np.float32)
    depth[:, 15, :] = np.linspace(-50, 50, 40)
    mask = np.isfinite(depth)
    dirt = np.zeros_like(mask)
    dirt[:, 2:6, 2:6] = True
    return Truth(
        specimen=foil(),
        lines=[],
        kinds=[],
        visible=[],
        incidence=np.array([[50.0, 0], [-50.0, 0]]),
        geometry="tiltless",
        pixel_size=5.0,
        clean=np.random.default_rng(0).random(mask.shape).astype(np.float32),
        line_mask=mask,
        boundary_mask=np.zeros_like(mask),
        distractor_mask=dirt,
        line_index=np.where(mask, 0, -1).astype(np.int16),
        disparity=depth,
        depth=depth,
        ambiguous=np.zeros_like(mask),
    )


def test_truth_is_drawn_view_by_view_with_depth_in_colour():
    known = truth()
    figure = v.plot_truth(known)
    assert len(figure.axes) == 5  # two views, twice, and the colour bar
    np.testing.assert_array_equal(
        figure.axes[2].images[-1].get_array().filled(np.nan), known.depth[0]
    )
    assert "50" in figure.axes[0].get_title()
    with pytest.raises(ValueError, match="shape"):
        v.plot_truth(known, np.zeros((2, 5, 5)))
