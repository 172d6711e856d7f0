"""interactive_stereo: what is shown is what virtual_stereo makes, in memory and lazy."""

import asyncio

import dask.array as da
import matplotlib
import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent

from hyperspy_stereo import Diffraction4DStereo
from hyperspy_stereo.signals import _interactive
from hyperspy_stereo.signals.diffraction4d_stereo import LazyDiffraction4DStereo
from hyperspy_stereo.simulation import simulate_scan

SCAN = simulate_scan((40, 48), (48, 48), seed=11)


def calibrated(signal):
    signal.calibrate_disc(60, vacuum=SCAN.vacuum, show_progressbar=False)
    signal.calibrate_kikuchi(azimuth=SCAN.kikuchi_azimuth)
    return signal.calibrate_rotation(rotation=SCAN.scan_rotation)


@pytest.fixture
def scan():
    return calibrated(Diffraction4DStereo(SCAN.stack))


@pytest.fixture
def lazy():
    return calibrated(LazyDiffraction4DStereo(da.from_array(SCAN.stack, chunks=(8, 8, -1, -1))))


@pytest.fixture
def few_bytes(monkeypatch):
    """So few that the thumbnail takes every second position."""
    monkeypatch.setattr(_interactive, "THUMBNAIL_BYTES", SCAN.stack.nbytes / 3)


def drag(explorer, which, way, release=True):
    """Move one detector by the mouse, px of the pattern."""
    _ = explorer.widget
    canvas, ax = explorer.figure.canvas, explorer._picture.axes["pattern"]
    start = np.array(explorer.detectors.positions[which]) + 0.5
    for name, place in (
        ("button_press_event", start),
        ("motion_notify_event", start + np.array(way) / 2),
        ("motion_notify_event", start + np.array(way)),
        ("button_release_event", start + np.array(way)),
    ):
        if name != "button_release_event" or release:
            x, y = ax.transData.transform(place)
            canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, button=1))


def shown(explorer):
    return {name: image.get_array().copy() for name, image in explorer._picture.images.items()}


def test_it_starts_with_the_pair_that_virtual_stereo_gives(scan):
    explorer = scan.interactive_stereo()
    expected = scan.virtual_stereo()
    assert explorer.pair.data.shape == expected.data.shape
    assert explorer.views.stereo_angle == pytest.approx(expected.stereo_angle, abs=0.01)
    assert np.corrcoef(explorer.pair.data.ravel(), expected.data.ravel())[0, 1] > 0.9999


def test_the_code_makes_the_pair(scan):
    explorer = scan.interactive_stereo(rotation=-18.5).set(snap=False, left=(30, 31), radius=5)
    names = {"s": scan}
    exec(explorer.code, names)
    assert np.array_equal(names["pair"].data, explorer.pair.data)
    assert np.array_equal(names["pair"].incidence, explorer.pair.incidence)
    inside = np.isfinite(explorer.views.left)
    assert np.array_equal(explorer.views.left[inside], explorer.pair.data[0][inside])


@pytest.mark.parametrize("which", [0, 1])
def test_dragging_changes_pictures_angle_and_pair(scan, which):
    explorer = scan.interactive_stereo()
    before, angle, text = shown(explorer), explorer.views.stereo_angle, explorer.text
    middle = np.array(explorer.detectors.disc.centre)
    drag(explorer, which, 0.4 * (middle - explorer.detectors.positions[which]))
    assert explorer.views.stereo_angle < 0.75 * angle
    assert explorer.views.angle_text in explorer.text != text
    assert explorer.views.angle_text in explorer._status.value
    assert explorer.pair.stereo_angle == explorer.views.stereo_angle
    for name, picture in shown(explorer).items():
        assert np.abs(picture - before[name]).max() > 0.1
    first, second = np.array(explorer.detectors.positions) - middle
    assert np.allclose(first, -second, atol=0.02)


def test_a_drag_beside_the_detectors_does_nothing(scan):
    explorer = scan.interactive_stereo()
    before = explorer.detectors
    _ = explorer.widget
    canvas, ax = explorer.figure.canvas, explorer._picture.axes["pattern"]
    for name, place in (("button_press_event", (2, 2)), ("motion_notify_event", (20, 20))):
        x, y = ax.transData.transform(place)
        canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, button=1))
    assert explorer.detectors == before


def test_a_warning_appears_when_a_detector_leaves_the_disc(scan):
    explorer = scan.interactive_stereo().set(snap=False, linked=False)
    middle = np.array(explorer.detectors.disc.centre)
    drag(explorer, 0, 0.25 * (np.array(explorer.detectors.positions[0]) - middle))
    assert "left detector leaves the disc" in explorer._status.value
    assert "right detector" not in explorer._status.value
    assert explorer._picture.circles[0].get_linestyle() == "--"


def test_controls_and_state_follow_each_other(scan):
    explorer = scan.interactive_stereo()
    controls = explorer.widget.children[0].children
    radius, snap, linked = controls
    radius.value = 4.0
    assert explorer.detectors.radius == 4.0
    assert "radius=4.0" in explorer.code
    snap.value = False
    assert not explorer.detectors.snap
    explorer.set(radius=6.0, linked=False)
    assert (radius.value, linked.value) == (6.0, False)


def test_lazy_a_thumbnail_follows_and_the_whole_comes_on_release(lazy, few_bytes):
    explorer = lazy.interactive_stereo(show_progressbar=False)
    assert explorer._scan.step == 2
    assert explorer.views.whole
    inwards = 0.4 * (np.array(explorer.detectors.disc.centre) - explorer.detectors.positions[0])
    drag(explorer, 0, inwards, release=False)
    assert not explorer.views.whole
    coarse = explorer.views
    assert "thumbnail" in explorer._picture.titles["anaglyph"].get_text()
    drag(explorer, 0, (0.0, 0.0))
    assert explorer.views.whole
    assert explorer.views.left.shape[0] > 1.7 * coarse.left.shape[0]
    # The thumbnail is the same views, coarser: same angle, same field of view.
    thumb = explorer._scan.quick(explorer.detectors)
    assert thumb.stereo_angle == pytest.approx(explorer.views.stereo_angle, rel=1e-6)
    assert thumb.pixel_size == 2 * explorer.views.pixel_size
    means = [np.nanmean(v.left) for v in (thumb, explorer.views)]
    assert means[0] == pytest.approx(means[1], rel=0.02)


def test_lazy_and_eager_show_the_same(scan, lazy):
    eager, late = (s.interactive_stereo(show_progressbar=False) for s in (scan, lazy))
    assert not late._scan.has_thumbnail
    inside = np.isfinite(eager.views.left)
    for views in (late.views, late._scan.quick(late.detectors)):
        assert np.allclose(views.left[inside], eager.views.left[inside], rtol=1e-5)
        assert views.stereo_angle == pytest.approx(eager.views.stereo_angle, rel=1e-9)
    assert late.pair._lazy
    assert np.allclose(late.pair.data.compute(), eager.pair.data, rtol=1e-5)


def test_a_lazy_pair_is_computed_once(lazy, monkeypatch):
    explorer = lazy.interactive_stereo(show_progressbar=False)
    monkeypatch.setattr(type(lazy), "virtual_stereo", None)
    assert explorer.pair is explorer.pair


def test_what_is_missing_is_said_at_once():
    s = Diffraction4DStereo(SCAN.stack)
    with pytest.raises(ValueError, match="calibrate_disc"):
        s.interactive_stereo()
    s.calibrate_disc(60, vacuum=SCAN.vacuum)
    with pytest.raises(ValueError, match="calibrate_rotation"):
        s.interactive_stereo()


def test_without_a_kikuchi_line_it_works_and_says_so():
    even = np.random.default_rng(0).poisson(50, (16, 16, 48, 48)).astype(np.uint16)
    y, x = np.mgrid[:48, :48] - 23.5
    s = Diffraction4DStereo(even * (np.hypot(x, y) < 18)).calibrate_disc(30)
    explorer = s.interactive_stereo(rotation=0.0)
    assert explorer.detectors.azimuth is None
    assert any("Kikuchi" in warning for warning in explorer.warnings)
    assert explorer.widget.children[0].children[1].disabled


def test_moves_that_come_during_a_step_are_one_step(scan):
    explorer = scan.interactive_stereo()
    _ = explorer.widget
    steps = []
    step = explorer._step
    explorer._step = lambda: (steps.append(explorer.detectors.positions), step())

    async def mouse():
        for _ in range(10):
            drag(explorer, 0, (-0.5, -0.5), release=False)
        await asyncio.sleep(0.1)

    asyncio.run(mouse())
    assert steps == [explorer.detectors.positions]


def test_static_viewers_get_a_picture_and_the_backend_stays(scan):
    before = matplotlib.get_backend()
    bundle = scan.interactive_stereo()._repr_mimebundle_()
    assert {"image/png", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert "mrad" in bundle["text/plain"]
    assert matplotlib.get_backend() == before


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"left": 3}, ValueError),
        ({"left": "x"}, TypeError),
        ({"right": (np.nan, 4)}, ValueError),
        ({"radius": "x"}, TypeError),
        ({"radius": -4}, ValueError),
    ],
)
def test_a_place_or_radius_that_is_none_is_refused_and_nothing_moves(scan, setting, error):
    explorer = scan.interactive_stereo()
    before = explorer.detectors
    with pytest.raises(error, match="px"):
        explorer.set(**setting)
    assert explorer.detectors == before
