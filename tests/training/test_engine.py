import csv
import dataclasses
import math
import os
import signal

import numpy as np
import pytest
import torch

from hyperspy_stereo.training.checkpoint import load_state
from hyperspy_stereo.training.config import EngineSettings
from hyperspy_stereo.training.engine import learning_rate, train

SETTINGS = EngineSettings(steps=24, warmup=4, validate_every=8, log_every=3, bf16=False)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.2),
        torch.nn.Conv2d(4, 1, 3, padding=1),
    )


def batch(step):
    image = np.random.default_rng([0, step]).normal(size=(4, 1, 8, 8)).astype(np.float32)
    return {"image": image, "target": np.maximum(image, 0)}


def loss(model, data):
    error = (model(data["image"]).float() - data["target"]).square().mean()
    return {"loss": error, "twice": 2 * error}


def stopping(after, kind=signal.SIGTERM):
    calls = []

    def wrapped(model, data):
        calls.append(1)
        if len(calls) == after:
            os.kill(os.getpid(), kind)
        return loss(model, data)

    return wrapped


def falling(model):
    falling.calls += 1
    return {"set_f1": 1.0 / falling.calls}


def weights(model):
    return torch.cat([value.double().ravel() for value in model.state_dict().values()])


def rows(out):
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_training_lowers_the_loss_and_leaves_its_files(tmp_path):
    settings = dataclasses.replace(SETTINGS, steps=80, validate_every=40, learning_rate=0.02)
    result = train(network(), batch, loss, settings, tmp_path)
    log = rows(tmp_path)
    assert float(log[-1]["loss"]) < 0.5 * float(log[0]["loss"])
    assert result.reason == "finished" and result.step == 80
    assert (tmp_path / "curves.png").stat().st_size > 1000
    found = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert found == ["step_000040.safetensors", "step_000080.safetensors"]
    assert not list(tmp_path.rglob("*.p[tk]*")) and not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("after", [5, 8, 19])
def test_a_stopped_and_resumed_run_is_the_same_bit_for_bit(tmp_path, kind, after):
    whole, part = network(), network()
    train(whole, batch, loss, SETTINGS, tmp_path / "whole")
    result = train(part, batch, stopping(after, kind), SETTINGS, tmp_path / "parts")
    assert (result.reason, result.step) == ("stopped", after)
    again = network()
    train(again, batch, loss, SETTINGS, tmp_path / "parts", resume=True)
    assert torch.equal(weights(whole), weights(again))
    assert not torch.equal(weights(whole), weights(part))
    name = "snapshots/step_000024.safetensors"
    first, second = load_state(tmp_path / "whole" / name), load_state(tmp_path / "parts" / name)
    assert all(torch.equal(first[0][key], second[0][key]) for key in first[0])
    for one, other in zip(rows(tmp_path / "whole"), rows(tmp_path / "parts"), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_the_signals_are_handed_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    train(network(), batch, loss, dataclasses.replace(SETTINGS, steps=1), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_limit_of_time_stops_and_keeps_a_snapshot(tmp_path):
    settings = dataclasses.replace(SETTINGS, minutes=1e-9)
    result = train(network(), batch, loss, settings, tmp_path)
    assert (result.reason, result.step) == ("time", 1)
    assert (tmp_path / "snapshots" / "step_000001.safetensors").is_file()
    later = dataclasses.replace(SETTINGS, minutes=None)
    assert train(network(), batch, loss, later, tmp_path, resume=True).step == 24


def test_the_best_snapshot_is_kept(tmp_path):
    falling.calls = 0
    settings = dataclasses.replace(SETTINGS, select="set_f1")
    result = train(network(), batch, loss, settings, tmp_path, validate=falling)
    assert (result.best_step, result.best_score) == (8, 1.0)
    state, info = load_state(tmp_path / "best.safetensors")
    first, _ = load_state(tmp_path / "snapshots" / "step_000008.safetensors")
    assert info == {"step": 8, "scores": {"set_f1": 1.0}}
    assert all(torch.equal(state[key], first[key]) for key in first)


def test_without_a_score_to_select_by_the_last_snapshot_is_kept(tmp_path):
    falling.calls = 0
    result = train(network(), batch, loss, SETTINGS, tmp_path, validate=falling)
    assert result.best_step == 24 and math.isnan(result.best_score)


def test_a_score_that_does_not_exist_is_named(tmp_path):
    falling.calls = 0
    settings = dataclasses.replace(SETTINGS, select="f2")
    with pytest.raises(ValueError, match=r"select is 'f2', but the validation gives set_f1"):
        train(network(), batch, loss, settings, tmp_path, validate=falling)


def test_the_validation_leaves_the_random_numbers_alone(tmp_path):
    quiet, noisy = network(), network()
    train(quiet, batch, loss, SETTINGS, tmp_path / "a")
    train(
        noisy,
        batch,
        loss,
        SETTINGS,
        tmp_path / "b",
        validate=lambda _: {"s_x": torch.rand(9).sum()},
    )
    assert torch.equal(weights(quiet), weights(noisy))


def test_the_average_lags_behind_the_weights_but_follows_from_the_start(tmp_path):
    model = network()
    first = weights(network())
    settings = dataclasses.replace(SETTINGS, steps=8, warmup=0, learning_rate=0.05)
    train(model, batch, loss, settings, tmp_path)
    state, _ = load_state(tmp_path / "snapshots" / "step_000008.safetensors")
    average = torch.cat([state[key].double().ravel() for key in model.state_dict()])
    assert (average - weights(model)).norm() < (first - weights(model)).norm()
    assert not torch.equal(average, weights(model))


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path):
    with pytest.raises(ValueError, match=r"loss is nan at step 0.*learning_rate"):
        train(
            network(),
            batch,
            lambda m, b: {"loss": loss(m, b)["loss"] * math.nan},
            SETTINGS,
            tmp_path,
        )


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    settings = dataclasses.replace(SETTINGS, steps=1)
    train(network(), batch, loss, settings, tmp_path)
    with pytest.raises(ValueError, match="--resume"):
        train(network(), batch, loss, settings, tmp_path)


def test_the_learning_rate_rises_and_falls():
    settings = EngineSettings(steps=100, warmup=10, final_share=0.1)
    rates = [learning_rate(step, settings) for step in range(101)]
    assert rates[9] == rates[10] == max(rates) == 3e-3
    assert np.all(np.diff(rates[:10]) > 0) and np.all(np.diff(rates[10:]) < 0)
    assert rates[100] == pytest.approx(3e-4)


def test_pictures_and_volumes_are_both_trained(tmp_path):
    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.flat = torch.nn.Conv2d(1, 2, 3, padding=1)
            self.deep = torch.nn.Conv3d(1, 1, 3, padding=1)

        def forward(self, x):
            return self.deep(self.flat(x)[:, None])[:, :, 0]

    settings = dataclasses.replace(SETTINGS, steps=2)
    assert train(Both(), batch, loss, settings, tmp_path).step == 2
