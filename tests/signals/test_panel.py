"""pair.gui(): steps and code agree, HyperSpy's mechanism, buttons."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from hyperspy_stereo import StereoPair
from hyperspy_stereo.signals import _panel
from hyperspy_stereo.viewer.crystal_page import indices_of
from hyperspy_stereo.viewer.reconstruction_steps import STEPS, Call, ReconstructionSteps


def views(seed=5):
    """Three lines at disparities of -6, 0 and 6 px in noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :160].astype(float)
    pair = np.full((2, 128, 160), 200.0)
    for k, disparity in enumerate((-6.0, 0.0, 6.0)):
        for view, side in enumerate((-0.5, 0.5)):
            middle = 35 + 45 * k + 8 * np.sin(y / 25 + k) + side * disparity
            pair[view] -= 70 * np.exp(-((x - middle) ** 2) / (2 * 1.8**2))
    return pair + rng.normal(0, 5, pair.shape)


@pytest.fixture
def pair():
    images = views()
    return StereoPair.from_images(
        *images, stereo_angle=6, geometry="tiltless", pixel_size=2.0, units="nm"
    )


@pytest.fixture
def panel(pair):
    return pair.gui(display=False, method="ridge")["ipywidgets"]["panel"]


def same(one, two):
    return (
        np.array_equal(one.points, two.points)
        and np.array_equal(one.sigma, two.sigma)
        and one.foil_thickness == two.foil_thickness
    )


@pytest.mark.parametrize(
    "knobs",
    [
        {"method": "ridge"},
        {
            "method": "ridge",
            "sensitivity": 1.3,
            "threshold": 0.4,
            "disparity_range": (-10.0, 10.0),
            "min_confidence": 0.7,
            "min_length": 30.0,
            "foil_thickness": 250.0,
            "colour": "sigma",
        },
    ],
)
def test_the_copied_code_gives_the_same_network(pair, knobs):
    steps = ReconstructionSteps(pair, **knobs)
    names = {"pair": pair}
    exec(steps.code, names)
    assert steps.network.n_lines >= 3
    assert same(names["lines"], steps.network)


def test_the_code_of_a_tilted_pair_registers_it():
    images = views(7)
    tilted = StereoPair.from_images(*images, stereo_angle=6)
    steps = ReconstructionSteps(tilted, tilt_axis=2.0, method="ridge")
    assert steps.code.splitlines()[0] == "pair = pair.align(tilt_axis=2.0)"
    assert "align" not in ReconstructionSteps(tilted, align=False).code


def test_only_what_depends_on_a_knob_runs_again(pair, monkeypatch):
    ran = []
    run = Call.run
    monkeypatch.setattr(Call, "run", lambda self, n: (ran.append(self.method), run(self, n))[1])
    steps = ReconstructionSteps(pair, method="ridge")
    first = steps.network
    assert ran == ["detect_dislocations", "reconstruct"]
    ran.clear()
    thicker = steps.set(foil_thickness=300.0).network
    assert ran == ["set_foil_thickness"]
    assert (thicker.foil_thickness, first.foil_thickness_error) == (300.0, None)
    ran.clear()
    steps.set(threshold=0.9, min_length=1000.0)
    assert [steps.result(step) is None for step in steps.active] == [False, False, True, True]
    assert steps.network.n_lines == 0
    assert ran == ["set_item", "reconstruct", "set_foil_thickness"]
    ran.clear()
    assert same(steps.set(threshold=None, min_length=None, foil_thickness=None).network, first)
    assert ran == ["reconstruct"]


def test_summaries_and_warnings_say_what_was_found(pair):
    steps = ReconstructionSteps(pair, method="ridge")
    assert steps.summary("detect") == ""
    steps.run("view")
    assert "6.00°" in steps.summary("align")
    assert "%" in steps.summary("detect")
    assert "3 lines" in steps.summary("match")
    assert "nm of lines" in steps.summary("view")
    assert set(steps.warned) == set(steps.active) == set(STEPS) - {"crystal"}


def test_there_is_no_sixth_step(pair):
    with pytest.raises(ValueError, match="'align', 'detect', 'match', 'view', 'crystal'"):
        ReconstructionSteps(pair).run("polish")


def test_lazy_pairs_give_the_same(pair):
    eager = ReconstructionSteps(pair, method="ridge").network
    lazy = pair.as_lazy()
    assert same(ReconstructionSteps(lazy, method="ridge").network, eager)
    assert lazy._lazy


def test_the_buttons_run_the_chain(panel):
    for step in panel.steps.active:
        assert panel.steps.result(step) is None
        panel.controls[f"run {step}"].click()
        assert panel.steps.result(step) is not None
        assert Image.open(io.BytesIO(panel._pictures[step])).size[0] > 400
        assert panel._tabs.selected_index == list(STEPS).index(step)
    assert "3 lines" in panel._status.value
    assert panel._bar.value == 1
    assert panel.network.n_lines == 3


def test_run_all_and_a_turned_knob(panel):
    panel.controls["run all"].click()
    assert panel._bar.value == 1
    panel.controls["threshold"].value = "0.8"
    assert 'set_item("Stereo.Detection.threshold", 0.8)' in panel._code.value.replace("'", '"')
    assert panel._bar.value == 0.5
    panel.controls["low"].value = "-9"
    panel.controls["high"].value = "9"
    assert "disparity_range=(-9.0, 9.0)" in panel._code.value
    assert panel.controls["augment"].disabled
    panel.controls["method"].value = "unet"
    assert panel.controls["sensitivity"].disabled
    assert "ridge" not in panel._code.value


def test_what_fails_is_said_in_the_panel(panel):
    panel.controls["low"].value = "9"
    panel.controls["high"].value = "-9"
    panel.controls["run all"].click()
    assert "disparity_range must grow" in panel._status.value
    assert panel.steps.result("detect") is not None
    panel.controls["min_length"].value = "many"
    assert "&#x27;many&#x27; is no number" in panel._status.value


def test_static_viewers_get_the_last_picture(panel):
    assert "image/png" not in panel.mimebundle()
    panel.run("match")
    picture = Image.open(io.BytesIO(base64.b64decode(panel.mimebundle()["image/png"])))
    assert picture.size[0] > 400
    assert "align, detect, match done" in repr(panel)


def test_hyperspys_mechanism_finds_the_panel(pair):
    from hyperspy.ui_registry import UI_REGISTRY

    shown = pair.gui(display=False, toolkit="ipywidgets")
    assert list(shown) == ["ipywidgets"]
    assert set(shown["ipywidgets"]) >= {"widget", "wdict"}
    assert "hyperspy_stereo.StereoPair" in UI_REGISTRY
    with pytest.raises(ValueError, match="not a registered toolkit"):
        pair.gui(toolkit="abacus")


def test_a_missing_toolkit_gives_hyperspys_message(pair, monkeypatch):
    from hyperspy import ui_registry

    monkeypatch.setattr(_panel, "find_spec", lambda name: None)
    monkeypatch.setattr(ui_registry, "TOOLKIT_REGISTRY", set())
    with pytest.raises(
        ImportError, match=r"No toolkit registered\. Install hyperspy_gui_ipywidgets"
    ):
        pair.gui()


def test_a_toolkit_disabled_in_the_preferences_gives_hyperspys_message(pair, monkeypatch):
    import hyperspy.api as hs
    from hyperspy import ui_registry

    monkeypatch.setattr(ui_registry, "TOOLKIT_REGISTRY", set())
    monkeypatch.setattr(hs.preferences.GUIs, "enable_ipywidgets_gui", False)
    with pytest.raises(ValueError, match="disabled in `preferences`"):
        pair.gui()


def test_other_windows_of_hyperspy_do_as_before(pair, monkeypatch):
    import hyperspy.api as hs
    from hyperspy import ui_registry

    monkeypatch.setattr(ui_registry, "TOOLKIT_REGISTRY", set())
    pair.gui(display=False)
    assert set() == ui_registry.TOOLKIT_REGISTRY
    # Its sliders are only missed where no toolkit is registered; with one it would fail here.
    signal = hs.signals.Signal1D(np.zeros((2, 2, 2, 8)))
    signal.plot()
    signal._plot.close()


@pytest.mark.parametrize(
    ("knobs", "error", "message"),
    [
        ({"foo": 1}, TypeError, "no knob 'foo'.*min_confidence"),
        ({"method": "magic"}, ValueError, "method='magic'.*'ridge'"),
        ({"refine": "best"}, ValueError, "refine='best'.*'joint'"),
        ({"min_confidence": 3}, ValueError, "from 0 to 1"),
        ({"min_confidence": "x"}, TypeError, "give a number"),
        ({"sensitivity": 10}, ValueError, "from 0.3 to 3"),
        ({"disparity_range": 5}, ValueError, "smallest, largest"),
    ],
)
def test_knobs_that_cannot_be_set_are_refused_at_once(pair, knobs, error, message):
    with pytest.raises(error, match=message):
        pair.gui(display=False, **knobs)


def test_the_last_step_is_a_knob(pair):
    steps = ReconstructionSteps(pair, refine=None)
    assert "reconstruct(refine=None)" in steps.code
    assert "refine" not in ReconstructionSteps(pair).code


# Crystal ---------------------------------------------------------------------------------------

TIAL = {"crystal": "TiAl", "zone_axis": (1, 1, 0), "g": (0, 0, 2)}


def test_the_copied_code_puts_the_lines_into_the_crystal(pair):
    steps = ReconstructionSteps(pair, method="ridge", tilt=(1.0, 0.0), **TIAL)
    code = steps.code.splitlines()
    assert code[0] == "from hyperspy_stereo.simulation import FoilOrientation"
    assert (
        "foil = FoilOrientation('TiAl', zone_axis=(1, 1, 0), g=(0, 0, 2), azimuth=90.0, "
        "tilt=(1.0, 0.0))"
    ) in code
    names = {"pair": pair}
    exec("\n".join(line for line in code if "plot" not in line), names)
    made = steps.run("crystal")
    assert names["crystal"].foil == made.foil
    assert names["crystal"].to_dataframe().equals(made.to_dataframe())
    assert "in TiAl" in steps.summary("crystal")


def test_only_the_crystal_is_stale_when_it_is_turned(pair):
    steps = ReconstructionSteps(pair, method="ridge", **TIAL)
    first = steps.run("crystal")
    steps.set(azimuth=-90.0)
    assert steps.result("view") is not None and steps.result("crystal") is None
    assert not np.allclose(steps.run("crystal").directions, first.directions)


def test_without_a_crystal_the_step_says_what_is_missing(pair):
    with pytest.raises(ValueError, match="set crystal"):
        ReconstructionSteps(pair, method="ridge").run("crystal")
    steps = ReconstructionSteps(pair, method="ridge", crystal="Ni", g=(1, 1, 1))
    assert "FoilOrientation" not in steps.code
    with pytest.raises(ValueError, match="give zone_axis"):
        steps.run("crystal")


@pytest.mark.parametrize(
    ("knobs", "error", "message"),
    [
        ({"crystal": "unobtainium"}, ValueError, "there are TiAl, GaN"),
        ({"crystal": 3}, TypeError, "in_crystal"),
        ({**TIAL, "g": (2, 0, 0)}, ValueError, "h u . k v . l w = 0"),
        ({**TIAL, "zone_axis": (0, 0, 0)}, ValueError, "must not be all zero"),
        ({**TIAL, "azimuth": 720.0}, ValueError, "from -360 to 360"),
        ({**TIAL, "azimuth": None}, TypeError, "give a number"),
    ],
)
def test_a_crystal_that_cannot_be_is_refused_at_once(pair, knobs, error, message):
    with pytest.raises(error, match=message):
        pair.gui(display=False, **knobs)


def test_the_fields_teach_and_the_button_shows_stereogram_and_table(panel):
    controls = panel.controls
    assert "Choose a crystal" in panel._hint.value
    controls["run crystal"].click()
    assert "set crystal" in panel._status.value
    controls["crystal"].value = "TiAl"
    assert "points up to the source" in panel._hint.value
    controls["zone_axis"].value = "1 1 0"
    controls["g"].value = "[2 0 0]"
    assert "choose a g with" in panel._hint.value and "choose a g with" in panel._status.value
    controls["g"].value = "two"
    assert "write them as" in panel._hint.value
    controls["g"].value = "002"
    assert "ordinary 0 of 2" in panel._hint.value
    assert "g=(0, 0, 2)" in panel._code.value
    controls["run all"].click()
    assert panel._bar.value == 1 and panel._tabs.selected_index == 4
    image, table = panel._outputs["crystal"].children[0].children
    assert Image.open(io.BytesIO(bytes(image.value))).size[0] > 300
    assert table.value.count("<tr>") == 1 + 3
    # The view in 3D has the axes of the crystal and knows the candidates.
    select = panel._outputs["view"].children[0].children[0].children[0]
    assert "burgers" in select.options


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("1 1 0", (1, 1, 0)),
        ("[1-10]", (1, -1, 0)),
        ("(0,0,2)", (0, 0, 2)),
        ("1 1 −2 0", (1, 1, -2, 0)),
        ("  ", None),
    ],
)
def test_indices_are_read_as_people_write_them(text, indices):
    assert indices_of(text, "g") == indices
    with pytest.raises(ValueError, match="three"):
        indices_of("1 1", "g")
