import json

import pytest

from hyperspy_stereo.training.config import (
    CONFIGS,
    EngineSettings,
    config_from,
    load_config,
    save_config,
    to_json,
)
from hyperspy_stereo.training.detector.config import DetectorConfig


@pytest.mark.parametrize("name", ["detector", "detector_small"])
def test_the_committed_configurations_are_valid(name):
    config = load_config(name, DetectorConfig)
    assert config.engine.select == "crude_f1"


def test_a_configuration_comes_back_from_its_file(tmp_path):
    config = load_config("detector_small", DetectorConfig)
    save_config(config, tmp_path / "config.json")
    assert load_config(tmp_path / "config.json", DetectorConfig) == config


def test_every_value_is_written_out(tmp_path):
    save_config(EngineSettings(steps=3), tmp_path / "config.json")
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["ema"] == 0.997
    assert written == to_json(EngineSettings(steps=3))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"engine": {"steps": 1, "learning_rat": 1}}, "did you mean learning_rate"),
        ({"engine": {"steps": 1}, "colour": 1}, "unknown key 'colour': known are engine"),
        ({}, "lacks engine"),
        ({"engine": {}}, "engine lacks steps"),
        ({"engine": {"steps": 1.5}}, r"engine\.steps is 1\.5, but must be of type int"),
        ({"engine": {"steps": True}}, "must be of type int"),
        ({"engine": {"steps": 1, "bf16": 1}}, "must be of type bool"),
        ({"engine": {"steps": 0}}, r"engine\.steps is 0"),
        ({"engine": {"steps": 1, "ema": 1.0}}, r"engine\.ema is 1\.0"),
        ({"engine": 3}, "engine is 3, but must be an object"),
        ({"engine": {"steps": 1}, "model": {"widths": [8, "9"]}}, r"model\.widths is '9'"),
        ({"engine": {"steps": 1}, "data": {"shares": {"a": "b"}}}, r"data\.shares\.a is 'b'"),
        ({"engine": {"steps": 1}, "data": {"size": 250}}, "multiple of 16"),
        ({"engine": {"steps": 1}, "loss": {"line_bce": -1}}, "none may be negative"),
    ],
)
def test_what_does_not_fit_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        config_from(values, DetectorConfig)


def test_null_stands_for_no_limit():
    assert config_from({"steps": 1, "minutes": None}, EngineSettings).minutes is None
    assert config_from({"steps": 1, "minutes": 2}, EngineSettings).minutes == 2.0


def test_a_missing_file_names_the_committed_ones():
    with pytest.raises(ValueError, match=r"one of detector, .*detector_small"):
        load_config("detectr", DetectorConfig)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON"):
        load_config(tmp_path / "a.json", DetectorConfig)


def test_the_folder_of_configurations_holds_only_json():
    assert all(path.suffix == ".json" for path in CONFIGS.iterdir())
