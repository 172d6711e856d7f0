"""A run of the descriptor becomes weights that the matcher takes."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")


def test_weights_with_card_load_and_describe(tmp_path):
    from hyperspy_stereo.matching.descriptor import describe, descriptor_network
    from hyperspy_stereo.training.checkpoint import save_state
    from hyperspy_stereo.training.config import EngineSettings, save_config
    from hyperspy_stereo.training.matcher.export import export_descriptor
    from hyperspy_stereo.training.matcher.train import MatcherConfig

    run = tmp_path / "run"
    run.mkdir()
    config = MatcherConfig(EngineSettings(steps=5), ("a",), (1.0,), widths=(4, 4, 4), channels=6)
    save_config(config, run / "config.json")
    model = descriptor_network(config.widths, config.channels)
    save_state(run / "best.safetensors", model.state_dict(), step=5, scores={"valid_right": 0.5})
    (run / "checkpoint.json").write_text(json.dumps({"step": 5, "seconds": 61.0}))
    path = export_descriptor(run, "mine", tmp_path / "weights")
    assert describe(np.eye(32), path).shape == (6, 32, 32)
    card = path.with_suffix(".md").read_text()
    assert "valid_right 0.500" in card and "$" not in card


def test_a_config_without_a_share_for_each_folder_is_refused():
    from hyperspy_stereo.training.config import EngineSettings
    from hyperspy_stereo.training.matcher.train import MatcherConfig

    with pytest.raises(ValueError, match="a share for every folder"):
        MatcherConfig(EngineSettings(steps=5), ("a", "b"), (1.0,))
