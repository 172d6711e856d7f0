import dataclasses
import json

import numpy as np
import pytest
import torch

from hyperspy_stereo.detection.network import unet_probability
from hyperspy_stereo.training import export
from hyperspy_stereo.training.config import EngineSettings, config_from, save_config
from hyperspy_stereo.training.detector.config import DetectorConfig
from hyperspy_stereo.training.detector.train import build, loss_of
from hyperspy_stereo.training.engine import train
from hyperspy_stereo.training.recipe.scene import BOUNDARY, LINE, Scene
from hyperspy_stereo.training.record import chosen_snapshot
from hyperspy_stereo.weights import load_weights

CONFIG = config_from(
    {
        "engine": {"steps": 4, "validate_every": 2},
        "model": {"widths": [4, 8]},
        "validation": {"side": 64, "doses": [500.0]},
    },
    DetectorConfig,
)


def plain_scene(seed, side):
    """Two dark bars, a line and a boundary, at places by the seed."""
    label = np.zeros((2, side, side), np.uint8)
    place = 8 + seed % 16
    label[:, place : place + 3] = LINE
    label[:, :, place + 24 : place + 30] |= BOUNDARY
    clean = np.where(label > 0, 0.3, 0.5).astype(np.float32)
    disparity = np.where(label & LINE > 0, 0, np.nan).astype(np.float32)
    return Scene(clean, label, disparity, np.where(label & LINE > 0, 0, -1).astype(np.int16))


def plain_batch(step):
    scene = plain_scene(step, 64)
    label = scene.label[:1]
    image = np.stack([scene.clean[0], scene.clean[0]])[None]
    return {
        "image": image,
        "line": (label & LINE > 0).astype(np.uint8),
        "boundary": (label & BOUNDARY > 0).astype(np.uint8),
        "weight": np.ones(label.shape, np.float32),
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "physical_scene", plain_scene)
    out = tmp_path / "run"
    train(build(CONFIG), plain_batch, loss_of(CONFIG.loss), CONFIG.engine, out)
    save_config(CONFIG, out / "config.json")
    seeds = [[1_000_000, 1_000_031], [1_010_000, 1_010_063]]
    store = {"renderer": "physical", "share": 1.0, "count": 96, "seeds": seeds}
    (out / "data.json").write_text(json.dumps({"physical": store}))
    return out


def test_exported_weights_are_those_of_the_snapshot_and_find_lines(folder, tmp_path):
    path = export.export_detector(folder, "lines-3", tmp_path, data=tmp_path, scenes=4)
    state, info = load_weights(path, "detector")
    model = build(CONFIG)
    model.load_state_dict(state)
    assert info["version"] == "3" and info["training"]["steps"] == 4
    assert info["config"] == json.loads((folder / "config.json").read_text())
    assert (folder / "reliability.png").stat().st_size > 1000
    line, _ = unet_probability(plain_scene(0, 64).clean[0], path)
    assert line.shape == (64, 64) and 0 <= line.min() <= line.max() <= 1


def test_calibration_brings_probabilities_closer_to_the_truth(folder, tmp_path):
    path = export.export_detector(folder, "lines-3", tmp_path, data=tmp_path, scenes=4)
    _, info = load_weights(path, "detector")
    for before, after in info["calibration_error"].values():
        assert after < 0.5 * before  # four steps leave everything near one half


def test_the_card_repeats_the_json_and_the_commands(folder, tmp_path):
    path = export.export_detector(folder, "lines-3", tmp_path, data=tmp_path, scenes=2)
    _, info = load_weights(path, "detector")
    card = path.with_suffix(".md").read_text()
    assert info["sha256"] in card and "$" not in card
    assert "--first 1000000 --count 32" in card and "--first 1010000 --count 64" in card
    assert "96 scenes of the physical renderer" in card and "It began with" not in card


def test_the_card_names_the_weights_that_a_run_began_with(folder, tmp_path):
    save_config(dataclasses.replace(CONFIG, start="first.safetensors"), folder / "config.json")
    path = export.export_detector(folder, "lines-3", tmp_path, data=tmp_path, scenes=2)
    assert "began with the weights `first.safetensors`" in path.with_suffix(".md").read_text()


def test_a_snapshot_can_be_chosen(folder, tmp_path):
    snapshot = folder / "snapshots" / "step_000002.safetensors"
    path = export.export_detector(folder, "lines-3", tmp_path, snapshot, tmp_path, scenes=2)
    _, info = load_weights(path, "detector")
    assert info["training"]["snapshot"] == 2


@pytest.mark.parametrize(
    ("crude", "physical", "step"),
    [
        ((0.70, 0.815, 0.81), (0.7, 0.8, 0.9), 3),  # alike there: the own renderer decides
        ((0.70, 0.815, 0.81), (0.7, 0.9, 0.8), 2),
        ((0.70, 0.83, 0.81), (0.7, 0.8, 0.9), 2),  # not alike: it must not
        ((0.9, 0.8, 0.7), (0.7, 0.8, 0.9), 1),
    ],
)
def test_the_other_renderer_chooses_and_the_own_one_decides_ties(tmp_path, crude, physical, step):
    (tmp_path / "snapshots").mkdir()
    rows = [f"{n},{a},{b}" for n, (a, b) in enumerate(zip(crude, physical, strict=True), 1)]
    (tmp_path / "log.csv").write_text("\n".join(["step,crude_f1,physical_f1", *rows]) + "\n")
    for n in (1, 2, 3):
        (tmp_path / "snapshots" / f"step_{n:06d}.safetensors").touch()
    settings = EngineSettings(steps=3, select="crude_f1", decide="physical_f1")
    assert chosen_snapshot(tmp_path, settings).stem == f"step_{step:06d}"
    assert chosen_snapshot(tmp_path, EngineSettings(steps=3)).stem == "best"


def test_a_run_without_its_record_is_refused(folder, tmp_path):
    (folder / "data.json").unlink()
    with pytest.raises(ValueError, match=r"has no data\.json"):
        export.export_detector(folder, "lines-3", tmp_path, data=tmp_path, scenes=2)


def test_pixels_to_calibrate_with_are_scored_ones(monkeypatch, tmp_path):
    monkeypatch.setattr(export, "physical_scene", plain_scene)
    settings = dataclasses.replace(CONFIG.validation)
    from hyperspy_stereo.training.detector.validation import probabilities

    model = build(CONFIG).eval()
    pixels = export.calibration_pixels(
        lambda view: probabilities(model, view), range(2_500_000, 2_500_002), settings, tmp_path
    )
    said, truth = pixels["line"]
    crossing = 3 * 6  # pixels that are both belong to neither
    assert said.shape == truth.shape == (4 * (64 * 64 - crossing),)
    assert truth.sum() == 4 * (3 * 64 - crossing)
    assert torch.isfinite(torch.from_numpy(said)).all()
