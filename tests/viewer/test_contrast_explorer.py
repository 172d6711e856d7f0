"""One dislocation under the sliders: its physics, its pictures, and how fast they follow."""

import base64
import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hyperspy_stereo.viewer import ContrastCase, ContrastExplorer
from hyperspy_stereo.viewer.contrast_case import KINDS

angles = st.floats(0, 180)


def small(kind="screw", **changes):
    """A case of few pixels."""
    return ContrastCase(kind, **{"shape": (18, 24), "pixel_size": 8.0, **changes})


def shift_of(left, right):
    """How far the picture of a line along y lies further right in the second image, px."""
    first, second = left.mean(axis=0), right.mean(axis=0)
    columns = np.arange(len(first))
    inner = columns[20:-20]
    shifts = np.arange(-15, 15, 0.05)
    moved = [np.interp(inner + shift, columns, second) - first[inner] for shift in shifts]
    return shifts[np.argmin((np.array(moved) ** 2).sum(axis=1))]


@given(st.floats(-80, 80), angles)
def test_burgers_vectors_are_what_their_kind_says(inclination, azimuth):
    along = {"screw": 1.0, "60° mixed": 0.5, "edge, b in the foil": 0, "edge, b across the foil": 0}
    for kind, share in along.items():
        case = ContrastCase(kind, inclination=inclination, azimuth=azimuth)
        b, u = case.burgers, case.line_direction
        assert b @ u == pytest.approx(share * np.linalg.norm(b), abs=1e-12)
        assert np.linalg.norm(ContrastCase(kind, reverse=True).burgers) == pytest.approx(0.2)
    loop = ContrastCase("loop", inclination=inclination, azimuth=azimuth)
    in_plane = np.diff(loop.dislocation.points, axis=0)
    np.testing.assert_allclose(in_plane @ loop.burgers, 0, atol=1e-9)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.1, 0.9), angles, st.floats(-2, 2))
def test_a_screw_out_of_contrast_leaves_the_background(depth, azimuth, w):
    case = small(depth=depth, inclination=0.0, azimuth=azimuth, g_azimuth=azimuth + 90, w=w)
    assert case.g_dot_b == 0
    images = case.images()
    for image, level in zip(images[:4], images.background, strict=True):
        np.testing.assert_allclose(image, level, atol=1e-9)


def test_an_edge_out_of_contrast_still_has_residual_contrast():
    edge = {"kind": "edge, b across the foil", "azimuth": 0.0, "inclination": 0.0, "depth": 0.4}
    seen, gone = small(g_azimuth=90.0, **edge), small(g_azimuth=0.0, **edge)
    assert seen.g_dot_b == gone.g_dot_b == 0
    assert abs(seen.g_dot_b_cross_u) > 0.9
    assert gone.g_dot_b_cross_u == 0
    assert np.ptp(seen.images().bright) > 0.03
    assert np.ptp(gone.images().bright) < 1e-9


def test_the_side_of_the_image_goes_with_the_sign_of_b_and_s():
    line = {"azimuth": 0.0, "inclination": 0.0, "g_azimuth": 0.0, "thickness": 100.0}

    def side(w, reverse):
        case = ContrastCase(w=w, reverse=reverse, shape=(61, 6), pixel_size=1.0, **line)
        images = case.images(1.0)
        excess = np.clip(images.dark[:, 3] - images.dark.mean(), 0, None)
        return excess @ (np.arange(61) - 30) / excess.sum()

    sides = np.array([side(1.5, False), side(1.5, True), side(-1.5, False), side(-1.5, True)])
    assert np.abs(sides).min() > 2
    np.testing.assert_array_equal(np.sign(sides) * np.sign(sides[0]), [1, -1, -1, 1])


@pytest.mark.parametrize("depth", [0.2, 0.5, 0.8])
def test_views_are_apart_by_the_disparity(depth):
    case = ContrastCase(
        azimuth=90.0, inclination=0.0, depth=depth, stereo_angle=8, shape=(6, 120), pixel_size=1.0
    )
    images = case.images(1.0)
    shift = shift_of(images.left, images.right)
    assert shift == pytest.approx(case.disparity, abs=0.2)
    assert np.sign(case.disparity) == np.sign(depth - 0.5)


def test_views_look_alike_only_with_g_across_the_parallax():
    alike, unlike = (small(g_azimuth=a).images().background for a in (90.0, 80.0))
    assert alike[2] == pytest.approx(alike[3])
    assert abs(unlike[2] - unlike[3]) > 0.05


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"kind": "twist"}, "screw"), ({"depth": 2}, "depth"), ({"inclination": 90}, "inclination")],
)
def test_wrong_settings_are_told(changes, text):
    with pytest.raises(ValueError, match=text):
        ContrastCase(**changes)


# The widget ------------------------------------------------------------------------------------


@pytest.fixture
def explorer():
    return ContrastExplorer(shape=(18, 24), pixel_size=8.0)


def picture_of(widget):
    return np.asarray(Image.open(io.BytesIO(widget.children[1].value)).convert("RGB")).astype(int)


def sliders_of(widget):
    boxes = widget.children[0].children
    return {child.description: child for box in boxes for child in box.children}


def test_every_control_changes_the_picture(explorer):
    widget = explorer.widget
    changes = {
        "dislocation": "loop",
        "depth / t": 0.3,
        "inclination (°)": 10.0,
        "line azimuth (°)": 20.0,
        "g azimuth (°)": 30.0,
        "w = s ξg": 1.0,
        "thickness (nm)": 120.0,
        "stereo angle (°)": 8.0,
        "reverse b": True,
    }
    controls = sliders_of(widget)
    assert set(controls) == set(changes)
    artists = [ax.images[0] for ax in explorer.figure.axes if ax.images]
    for name, value in changes.items():
        before = picture_of(widget)
        controls[name].value = value
        assert np.abs(picture_of(widget) - before).max() > 20, name
    assert artists == [ax.images[0] for ax in explorer.figure.axes if ax.images]
    assert explorer.case.kind == "loop"
    assert explorer.case.thickness == 120.0


def test_set_moves_the_sliders_and_computes_once(explorer, monkeypatch):
    controls = sliders_of(explorer.widget)
    count = []
    images = ContrastCase.images
    monkeypatch.setattr(ContrastCase, "images", lambda self: count.append(1) or images(self))
    assert explorer.set(w=-1.0, depth=0.2) is explorer
    assert (controls["w = s ξg"].value, controls["depth / t"].value) == (-1.0, 0.2)
    assert len(count) == 1
    with pytest.raises(TypeError, match="strength"):
        explorer.set(strength=3)
    with pytest.raises(ValueError, match="new ContrastExplorer"):
        explorer.set(shape=(5, 5))


BEYOND = {"thickness": 400.0, "w": 5.0, "stereo_angle": 15.0, "azimuth": -30.0, "g_azimuth": 270.0}
LABELS = {
    "thickness": "thickness (nm)",
    "w": "w = s ξg",
    "stereo_angle": "stereo angle (°)",
    "azimuth": "line azimuth (°)",
    "g_azimuth": "g azimuth (°)",
}


@pytest.mark.parametrize("name", BEYOND)
def test_sliders_show_what_the_picture_shows(explorer, name):
    controls = sliders_of(explorer.widget)
    explorer.set(**{name: BEYOND[name]})
    assert controls[LABELS[name]].value == getattr(explorer.case, name) == BEYOND[name]
    fresh = ContrastExplorer(shape=(18, 24), pixel_size=8.0, **{name: BEYOND[name]})
    control = sliders_of(fresh.widget)[LABELS[name]]
    assert control.value == getattr(fresh.case, name)
    assert control.min <= BEYOND[name] <= control.max


def test_a_setting_that_fails_leaves_the_explorer_at_work(explorer):
    controls = sliders_of(explorer.widget)
    with pytest.raises(ValueError, match="finite"):
        explorer.set(w=np.nan)
    assert explorer.case.w == 0.0
    controls["w = s ξg"].value = 1.0
    assert explorer.case.w == 1.0


def test_sliders_are_followed_again_after_one_could_not_be_set(explorer, monkeypatch):
    from hyperspy_stereo.viewer import contrast_explorer

    controls = sliders_of(explorer.widget)

    def broken(control, value):
        raise RuntimeError("no such widget")

    with monkeypatch.context() as patch:
        patch.setattr(contrast_explorer, "_show", broken)
        with pytest.raises(RuntimeError):
            explorer.set(depth=0.3)
    controls["w = s ξg"].value = 2.0
    assert explorer.case.w == 2.0


def test_static_viewers_get_a_picture(explorer):
    bundle = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.size[0] > 800
    assert "screw" in bundle["text/plain"]


def test_the_users_backend_stays():
    import matplotlib

    before = matplotlib.get_backend()
    _ = ContrastExplorer(shape=(18, 24), pixel_size=8.0).widget
    assert matplotlib.get_backend() == before


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_follow_a_slider_within_half_a_second(kind):
    controls = sliders_of(ContrastExplorer(kind=kind).widget)
    taken = []
    for w in (0.3, 0.6, 0.9, 1.2):
        start = time.process_time()
        controls["w = s ξg"].value = w
        taken.append(time.process_time() - start)
    # Work of all cores together: on a machine that does nothing else it takes less than this.
    assert np.median(taken) < 0.5
