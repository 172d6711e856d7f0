"""A notebook in a served JupyterLab: detectors dragged, the panel run, the 3D picture turned."""

import time
from urllib.parse import urlsplit

import numpy as np
import pytest
from headless_chromium import difference, first_coloured, saturation, settled, wait_for
from served_lab import CELL, run

SCAN = """
import json, warnings
warnings.filterwarnings("ignore")
import numpy as np
from hyperspy_stereo import Diffraction4DStereo
from hyperspy_stereo.simulation import simulate_scan
truth = simulate_scan((96, 128), (48, 48), seed=21, n_lines=7, line_width=2.0)
s = Diffraction4DStereo(truth.stack)
for axis in s.axes_manager.navigation_axes:
    axis.scale, axis.units = truth.pixel_size, "nm"
s.calibrate_disc(60, vacuum=truth.vacuum)
s.calibrate_kikuchi(azimuth=truth.kikuchi_azimuth).calibrate_rotation(rotation=truth.scan_rotation)
"""
EXPLORE = "explorer = s.interactive_stereo()\nexplorer"
# Where the left detector and the middle of the disc lie, as shares of the figure from its top.
PLACES = """
def places():
    figure, ax = explorer.figure, explorer._picture.axes["pattern"]
    points = [explorer.detectors.positions[0], explorer.detectors.disc.centre]
    at = ax.transData.transform(points) / (figure.bbox.width, figure.bbox.height)
    return [[x, 1 - y] for x, y in at]
print(json.dumps(places()))
"""
LINES = """
from hyperspy_stereo.results import DislocationNetwork
rng = np.random.default_rng(4)
t = np.linspace(-1, 1, 100)[:, None]
parts = [rng.uniform((0, 0, -90), (800, 600, 90)) + 90 * t * rng.normal(size=3)
         + 15 * np.sin(6 * t + 6 * rng.random()) * rng.normal(size=3) for _ in range(40)]
network = DislocationNetwork(np.vstack(parts), np.repeat(np.arange(40), 100), units="nm",
                             image_shape=(600, 800))
network.plot()
"""
PANEL = """
panel = explorer.pair.gui(method="ridge", crystal="TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2))
"""
# Notices that these versions of JupyterLab and its extensions always write.
KNOWN = ("favicon", "jupyterlab_pygments")

TABS = "[...document.querySelectorAll('.lm-TabBar-tab, .p-TabBar-tab')]"
BUTTONS = "[...document.querySelectorAll('button')]"
FIGURE = "document.querySelector('.jupyter-matplotlib-canvas-div')"
STATUS = "[...document.querySelectorAll('.widget-html-content')]"
ANGLE = f"{STATUS}.map(e => e.textContent).find(t => t.includes('stereo angle'))"
SCENES = "[...document.querySelectorAll('canvas')].filter(c => c.closest('.jupyter-widgets') && " \
         "!c.closest('.jupyter-matplotlib') && c.width > 300)"  # fmt: skip


@pytest.fixture(scope="module")
def page(lab, browser):
    """The notebook, opened, with its kernel ready."""
    page = browser.page()
    lab.open(page, [SCAN, EXPLORE, PLACES, LINES, PANEL])
    yield page
    page.close()


def press(page, name: str) -> None:
    """Click a button of the widgets by its text."""
    page.ask(f"{BUTTONS}.find(b => b.textContent.trim() === {name!r}).click()")


def test_dragging_a_detector_changes_the_pair_and_the_printed_angle(page, pictures):
    run(page, 0)
    run(page, 1)
    page.until(f"{FIGURE} && {ANGLE}")
    run(page, 2)
    detector, middle = page.ask(
        f"JSON.parse({CELL}[2].model.sharedModel.outputs.map(o => [].concat(o.text).join(''))[0])"
    )
    box = page.box(FIGURE)
    before = settled(page, box, path=pictures / "detectors_before.png")
    said = page.ask(ANGLE)
    at = [np.array(box[:2]) + np.array(p) * box[2:] for p in (detector, middle)]
    page.drag(at[0], at[0] + 0.45 * (at[1] - at[0]))
    angle = float(said.split("stereo angle ")[1].split("°")[0])
    page.until(f"parseFloat({ANGLE}.split('stereo angle ')[1]) < {0.75 * angle}")
    time.sleep(1)  # the last picture is on its way
    after = settled(page, box, path=pictures / "detectors_after.png")
    now = page.ask(ANGLE)
    assert "virtual_stereo(positions=" in now
    # Right of the pattern: the anaglyph and the two views.
    views = slice(int(0.37 * before.shape[1]), None)
    assert difference(before[:, views], after[:, views]) > 0.05
    assert saturation(before[:, views]) > 0.02


def test_the_3d_picture_is_coloured_and_turns(page, pictures):
    run(page, 3)
    page.until(f"{SCENES}.length > 0", 30)
    box = page.box(f"{SCENES}[0]")
    first_coloured(page, box)
    before = settled(page, box, path=pictures / "scene_before.png")
    x, y, width, height = box
    page.drag((x + 0.6 * width, y + 0.5 * height), (x + 0.4 * width, y + 0.4 * height))
    after = settled(page, box, path=pictures / "scene_after.png")
    assert saturation(before) > 0.03
    assert difference(before, after) > 0.05
    press(page, "Measure")
    page.until(f"{STATUS}.some(e => e.textContent.includes('depth difference'))")
    box = page.box(f"{SCENES}[0]")
    settled(page, box, path=pictures / "scene_measured.png")


def test_the_panels_buttons_run_the_chain(page, pictures):
    run(page, 4)
    page.until(f"{BUTTONS}.some(b => b.textContent.trim() === 'Run all')")
    count = page.ask(f"{SCENES}.length")
    for name, title in (("Detect", "2 Detect"), ("Match", "3 Match")):
        page.ask(
            f"{TABS}.find(t => t.textContent === '{title}').dispatchEvent("
            "new PointerEvent('pointerdown', {bubbles: true, button: 0}))"
        )
        press(page, name)
        page.until(f"{STATUS}.some(e => e.textContent.includes('{title}:'))", 60)
        box = page.box("document.querySelector('.widget-tab').parentElement")
        settled(page, box, path=pictures / f"panel_{name.lower()}.png")
    press(page, "Run all")
    page.until(f"{STATUS}.some(e => e.textContent.includes('5 Crystal:'))", 60)
    page.until(f"{SCENES}.length > {count}", 30)
    box = page.box("document.querySelector('.widget-tab').parentElement")
    settled(page, box, path=pictures / "panel_crystal.png")
    assert page.ask("document.querySelectorAll('.widget-tab table tbody tr').length") > 0
    tab = page.box(f"{TABS}.find(t => t.textContent === '4 Lines in 3D')")
    page.click((tab[0] + tab[2] / 2, tab[1] + tab[3] / 2))
    page.until(f"{SCENES}.slice(-1)[0].getBoundingClientRect().width > 300")
    # Lines whose Burgers vector is not told apart are grey, and so are the images.
    box = page.box(f"{SCENES}.slice(-1)[0]")
    wait_for(lambda: (page.picture(box).min(axis=-1) < 0.6).mean() > 0.02, 60, "lines in 3D")
    page.picture(None, pictures / "panel_lines.png")
    code = page.ask("document.querySelector('.widget-textarea textarea').value")
    assert "maps = pair.detect_dislocations(method='ridge')" in code
    assert "foil = FoilOrientation('TiAl', zone_axis=(1, 1, 0), g=(0, 0, 2)" in code


def test_nothing_went_wrong_and_nothing_left_the_machine(page):
    wrong = [error for error in page.errors if not any(known in error for known in KNOWN)]
    assert wrong == []
    hosts = {urlsplit(url).hostname for url in page.requests if url.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}
