import dataclasses
import json

import pytest
import torch

from hyperspy_stereo.training.checkpoint import (
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
)
from hyperspy_stereo.training.config import EngineSettings

SETTINGS = EngineSettings(steps=10)


def state_of_a_run(width=3, steps=2):
    torch.manual_seed(0)
    model, average = torch.nn.Conv2d(2, width, 3), torch.nn.Conv2d(2, width, 3)
    model.weight.data = model.weight.data.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(steps):
        model(torch.randn(1, 2, 5, 5)).square().sum().backward()
        optimizer.step()
    return model, average, optimizer


def record(step=2):
    return {"step": step, "settings": dataclasses.asdict(SETTINGS)}


def test_a_state_and_what_its_header_says_come_back(tmp_path):
    state = {"a": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)}
    save_state(tmp_path / "a.safetensors", state, step=4, scores={"f1": 0.5})
    found, info = load_state(tmp_path / "a.safetensors")
    assert torch.equal(found["a"], state["a"])
    assert info == {"step": 4, "scores": {"f1": 0.5}}


def test_weights_moments_and_random_numbers_come_back(tmp_path):
    model, average, optimizer = state_of_a_run()
    save_checkpoint(tmp_path, model, average, optimizer, record())
    drawn = torch.rand(3)
    other = state_of_a_run(steps=0)
    assert load_checkpoint(tmp_path, *other, SETTINGS)["step"] == 2
    assert torch.equal(torch.rand(3), drawn)
    assert torch.equal(other[0].weight, model.weight)
    assert torch.equal(other[1].weight, average.weight)
    for one, two in zip(model.parameters(), other[0].parameters(), strict=True):
        before, after = optimizer.state[one], other[2].state[two]
        assert before.keys() == after.keys() and float(after["step"]) == 2
        assert all(torch.equal(before[key], after[key]) for key in before)
        assert after["exp_avg"].stride() == two.stride()


def test_only_the_newest_tensors_are_kept(tmp_path):
    run = state_of_a_run()
    save_checkpoint(tmp_path, *run, record(1))
    save_checkpoint(tmp_path, *run, record(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint.json",
        "checkpoint_000002.safetensors",
    ]


def test_a_run_killed_while_it_saves_keeps_its_checkpoint(tmp_path):
    run = state_of_a_run()
    save_checkpoint(tmp_path, *run, record(1))
    (tmp_path / "checkpoint_000002.safetensors.part").write_bytes(b"half")
    assert load_checkpoint(tmp_path, *run, SETTINGS)["step"] == 1


def test_other_settings_are_refused_but_limits_may_change(tmp_path):
    run = state_of_a_run()
    save_checkpoint(tmp_path, *run, record())
    free = dataclasses.replace(SETTINGS, minutes=3.0, workers=2, checkpoint_seconds=1.0)
    assert load_checkpoint(tmp_path, *run, free)["step"] == 2
    with pytest.raises(ValueError, match=r"engine\.ema is 0\.5, but the run .* began with 0\.997"):
        load_checkpoint(tmp_path, *run, dataclasses.replace(SETTINGS, ema=0.5))


def test_another_network_is_refused(tmp_path):
    save_checkpoint(tmp_path, *state_of_a_run(), record())
    with pytest.raises(ValueError, match="another network"):
        load_checkpoint(tmp_path, *state_of_a_run(width=4), SETTINGS)


def test_nothing_to_resume_is_said(tmp_path):
    with pytest.raises(ValueError, match="without --resume"):
        load_checkpoint(tmp_path, *state_of_a_run(), SETTINGS)
    with pytest.raises(ValueError, match="there is no file"):
        load_state(tmp_path / "none.safetensors")


def test_the_record_is_plain_json(tmp_path):
    save_checkpoint(tmp_path, *state_of_a_run(), record())
    assert json.loads((tmp_path / "checkpoint.json").read_text())["settings"]["ema"] == 0.997
