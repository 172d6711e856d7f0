import csv
import dataclasses
import json

import numpy as np
import pytest
import torch

from hyperspy_stereo.training.__main__ import main
from hyperspy_stereo.training.checkpoint import load_state
from hyperspy_stereo.training.config import load_config, save_config
from hyperspy_stereo.training.detector.config import DetectorConfig
from hyperspy_stereo.training.detector.data import batches_of, inventory
from hyperspy_stereo.training.detector.train import run
from hyperspy_stereo.training.recipe.labels import labelled_pair, write_labelled

ARRAYS = {
    "clean": np.float16,
    "label": np.uint8,
    "disparity": np.float16,
    "line_index": np.int16,
}


def shard(folder, first, count=2, side=96):
    """Straight dark lines on an even ground, written as a shard of scenes."""
    rng = np.random.default_rng(first)
    y, x = np.mgrid[:side, :side]
    arrays = {name: np.zeros((count, 2, side, side), kind) for name, kind in ARRAYS.items()}
    arrays["disparity"][:] = np.nan
    arrays["line_index"][:] = -1
    for number in range(count):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(20, side - 20)
        away = np.abs((x - side / 2) * np.cos(angle) + (y - offset) * np.sin(angle))
        arrays["clean"][number] = 0.5 * (1 - 0.6 * np.exp(-((away / 2) ** 2)))
        arrays["label"][number][:, away <= 1.5] = 1
    path = folder / f"shard_{first:07d}"
    path.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    infos = [{"seed": first + number, "renderer": "physical"} for number in range(count)]
    (path / "info.json").write_text(json.dumps(infos))


@pytest.fixture
def data(tmp_path):
    shard(tmp_path / "data" / "physical", 1_000_000)
    return tmp_path / "data"


def small(tmp_path, **changes):
    config = load_config("detector_small", DetectorConfig)
    engine = dataclasses.replace(config.engine, **{"select": "", **changes})
    validation = dataclasses.replace(config.validation, crude=0)
    config = dataclasses.replace(config, engine=engine, validation=validation)
    save_config(config, tmp_path / "small.json")
    return tmp_path / "small.json"


def log(out):
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_tiny_training_lowers_the_loss(tmp_path, data):
    settings = {"steps": 40, "learning_rate": 0.02, "validate_every": 40, "log_every": 5}
    run(small(tmp_path, **settings), tmp_path / "run", data=data)
    rows = log(tmp_path / "run")
    assert float(rows[-1]["line_bce"]) < 0.7 * float(rows[0]["line_bce"])
    assert json.loads((tmp_path / "run" / "data.json").read_text()) == {
        "physical": {
            "renderer": "physical",
            "share": 1.0,
            "count": 2,
            "seeds": [[1_000_000, 1_000_001]],
        }
    }


def test_the_command_validates_with_the_crude_scenes_and_refuses_a_used_folder(
    tmp_path, data, capsys
):
    command = ["detector", "--config", "detector_small", "--data", str(data)]
    command += ["--out", str(tmp_path / "run")]
    assert main(command) == 0
    last = log(tmp_path / "run")[-1]
    assert 0 <= float(last["crude_f1"]) <= 1 and "watch_f1" not in last
    _, info = load_state(tmp_path / "run" / "best.safetensors")
    assert "crude_f1" in info["scores"]
    assert main(command) == 2
    assert "--resume" in capsys.readouterr().err


def test_a_resumed_run_keeps_the_scenes_it_began_with(tmp_path, data):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(small(tmp_path, steps=6, workers=0), whole, data=data)
    result = run(small(tmp_path, steps=6, minutes=1e-9), parts, data=data)
    assert result.reason == "time"
    shard(data / "physical", 1_000_100)
    # by another process: its batches are the same
    assert run(small(tmp_path, steps=6, workers=1), parts, resume=True, data=data).step == 6
    name = "snapshots/step_000006.safetensors"
    one, other = load_state(whole / name)[0], load_state(parts / name)[0]
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_labelled_pictures_are_scenes_to_draw_from(tmp_path, data):
    x = np.mgrid[:100, :150][1]
    picture = 100.0 - 40 * (np.abs(x - 60) < 2)
    scene = labelled_pair(picture, picture, np.abs(x - 60) < 2, np.abs(x - 60) < 2)
    write_labelled(data / "mine", [scene, scene], side=96)
    settings = dataclasses.replace(
        load_config("detector_small", DetectorConfig).data,
        shares={"physical": 0.5, "mine": 0.5},
        batch=4,
        size=64,
    )
    scenes = inventory(data, settings)
    assert scenes["mine"]["count"] == 8  # two pictures, cut into two rows of two squares
    assert scenes["mine"]["seeds"] == [[0, 7]]
    batch = batches_of(data, settings, 1, scenes)(0)
    assert batch["line"].any()
    scenes["mine"]["seeds"] = [[0, 9]]
    scenes["mine"]["count"] = 10
    with pytest.raises(ValueError, match="mine"):
        batches_of(data, settings, 1, scenes)


def test_scenes_that_are_gone_are_named(data):
    settings = load_config("detector_small", DetectorConfig).data
    scenes = inventory(data, settings)
    scenes["physical"]["seeds"] = [[1_000_000, 1_000_000]]
    with pytest.raises(ValueError, match=r"began with 2 scenes.*but 1 of them"):
        batches_of(data, settings, 0, scenes)


def test_missing_data_say_how_to_draw_some(tmp_path, capsys):
    command = ["detector", "--config", "detector_small", "--data", str(tmp_path)]
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    assert "training shards --help" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_annotated_picture_is_only_watched(tmp_path, data):
    from skimage.io import imsave

    picture = np.random.default_rng(0).integers(0, 255, (50, 70)).astype(np.uint8)
    imsave(tmp_path / "left.png", picture, check_contrast=False)
    imsave(tmp_path / "left_mask.png", 255 * (picture > 200).astype(np.uint8), check_contrast=False)
    run(small(tmp_path, steps=1), tmp_path / "run", data=data, watch=tmp_path)
    assert 0 <= float(log(tmp_path / "run")[-1]["watch_f1"]) <= 1
    with pytest.raises(ValueError, match=r"has no left\.png"):
        run(small(tmp_path, steps=1), tmp_path / "two", data=data, watch=tmp_path / "none")


def starting_with(tmp_path, start, **changes):
    config = load_config(small(tmp_path, **changes), DetectorConfig)
    save_config(dataclasses.replace(config, start=str(start)), tmp_path / "started.json")
    return tmp_path / "started.json"


def test_a_run_can_begin_with_the_weights_of_another(tmp_path, data):
    run(small(tmp_path, steps=4), tmp_path / "first", data=data)
    snapshot = tmp_path / "first" / "snapshots" / "step_000004.safetensors"
    later = starting_with(tmp_path, snapshot, steps=1, learning_rate=1e-9)
    run(later, tmp_path / "second", data=data)
    before, _ = load_state(snapshot)
    after, _ = load_state(tmp_path / "second" / "snapshots" / "step_000001.safetensors")
    # not the first's random start, which the two share by their seed
    learned = [name for name in before if name.endswith("weight")]
    assert all(torch.allclose(before[name], after[name]) for name in learned)


@pytest.mark.parametrize(
    ("start", "message"),
    [("detector-lines-1", r"do not fit model\.widths"), ("nothing.safetensors", "nothing")],
)
def test_weights_that_cannot_be_begun_with_are_refused(tmp_path, data, start, message):
    with pytest.raises(ValueError, match=message):
        run(starting_with(tmp_path, start, steps=1), tmp_path / "run", data=data)
    assert not (tmp_path / "run" / "config.json").exists()
