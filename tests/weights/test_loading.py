"""Weights load as they were saved, and a bad file is refused with words that help."""

import hashlib
import json
import pickle
import re

import pytest
import torch

from hyperspy_stereo.weights import load_weights, read_info, restore, save_weights, shipped

INFO = {
    "name": "mine",
    "version": "1",
    "kind": "detector",
    "architecture": {"widths": [4, 8]},
    "calibration": {"line": {"temperature": 1.5}},
}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))


@pytest.fixture
def saved(network, tmp_path):
    return save_weights(tmp_path / "new" / "mine.safetensors", network.state_dict(), INFO)


def edited(path, **changes):
    """Write other values into the JSON beside weights; None takes one out."""
    beside = path.with_suffix(".json")
    info = json.loads(beside.read_text()) | changes
    beside.write_text(json.dumps({k: v for k, v in info.items() if v is not None}))
    return path


def test_what_is_saved_is_loaded(network, saved):
    state, info = load_weights(saved, "detector")
    assert {k: info[k] for k in INFO} == INFO
    assert info["size"] == saved.stat().st_size
    twin = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    restore(twin, state, "mine")
    for name, tensor in network.state_dict().items():
        assert torch.equal(twin.state_dict()[name], tensor)
    assert load_weights(str(saved), "detector")[1] == read_info(saved, "detector") == info


def test_only_the_two_files_are_left(saved):
    assert sorted(p.name for p in saved.parent.iterdir()) == ["mine.json", "mine.safetensors"]


def test_shared_tensors_are_saved(tmp_path):
    tensor = torch.arange(12.0).reshape(3, 4)
    path = save_weights(tmp_path / "a.safetensors", {"a": tensor, "b": tensor.T}, INFO)
    state, _ = load_weights(path, "detector")
    assert torch.equal(state["b"], tensor.T)


class Trap:
    """A pickle that tells when it is opened."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("name", ["mine.pt", "mine.pkl", "mine.safetensors"])
@pytest.mark.parametrize("torch_form", [True, False])
def test_pickles_are_never_opened(tmp_path, saved, name, torch_form):
    path = saved.parent / name  # the JSON beside it is a good one
    if torch_form:
        torch.save({"a": Trap()}, path)
    else:
        path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=r"pickle.*save_weights"):
        load_weights(path, "detector")


def test_truncated_file(saved):
    saved.write_bytes(saved.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"truncated.*again"):
        load_weights(saved, "detector")


def test_changed_byte(saved):
    blob = bytearray(saved.read_bytes())
    blob[-3] ^= 1
    saved.write_bytes(blob)
    with pytest.raises(ValueError, match=r"SHA-256.*again"):
        load_weights(saved, "detector")


def test_text_file(saved):
    text = b"not a network\n" * 10
    saved.write_bytes(text)
    edited(saved, size=len(text), sha256=hashlib.sha256(text).hexdigest())
    with pytest.raises(ValueError, match=r"no safetensors file"):
        load_weights(saved, "detector")


def test_another_suffix(saved):
    other = saved.rename(saved.with_suffix(".txt"))
    with pytest.raises(ValueError, match=r"does not end in \.safetensors"):
        load_weights(other, "detector")


def test_missing_json(saved):
    saved.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match=r"mine\.json is missing.*save_weights"):
        load_weights(saved, "detector")


@pytest.mark.parametrize("text", ["{", "\xff\xfe", '"text"', "[]", "{}"])
def test_foreign_json(saved, text):
    saved.with_suffix(".json").write_bytes(text.encode("latin1"))
    with pytest.raises(ValueError, match=r"no JSON|lacks"):
        load_weights(saved, "detector")


@pytest.mark.parametrize("key", ["sha256", "size", "version", "kind", "architecture", "tensors"])
def test_incomplete_json(saved, key):
    with pytest.raises(ValueError, match=rf"lacks {key}"):
        load_weights(edited(saved, **{key: None}), "detector")


def test_another_kind(saved):
    with pytest.raises(ValueError, match=r"'detector', but 'scm' is needed"):
        load_weights(saved, "scm")


def test_newer_form(saved):
    with pytest.raises(ValueError, match=r"newer version.*update"):
        load_weights(edited(saved, format=99, size=None), "detector")


def test_tensors_that_the_json_does_not_list(saved):
    other = {**read_info(saved, "detector")["tensors"], "0.bias": [4], "extra": [1]}
    with pytest.raises(ValueError, match=r"extra missing; 0\.bias has the shape \[3\]"):
        load_weights(edited(saved, tensors=other), "detector")


def test_weights_of_another_network(saved):
    state, _ = load_weights(saved, "detector")
    with pytest.raises(ValueError, match=r"mine do not fit the network Conv2d"):
        restore(torch.nn.Conv2d(2, 3, 3), state, "mine")
    with pytest.raises(ValueError, match=r"shape \[3, 2, 3, 3\] instead of \[5, 2, 3, 3\]"):
        restore(
            torch.nn.Sequential(torch.nn.Conv2d(2, 5, 3), torch.nn.BatchNorm2d(5)), state, "mine"
        )


def test_unknown_name_and_missing_file(tmp_path):
    for name in ("no_such_weights", tmp_path / "none.safetensors"):
        with pytest.raises(ValueError, match=r"no weights named|There is no file"):
            load_weights(name, "detector")
    with pytest.raises(TypeError, match="path"):
        load_weights(3, "detector")


def test_diverged_weights_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="NaN"):
        save_weights(tmp_path / "a.safetensors", {"a": torch.tensor([float("nan")])}, INFO)


@pytest.mark.parametrize(
    ("name", "state", "info", "message"),
    [
        ("a.pt", {"a": torch.ones(1)}, INFO, "must end"),
        ("a.safetensors", {}, INFO, "state_dict"),
        ("a.safetensors", {"a": 1}, INFO, "state_dict"),
        ("a.safetensors", {"a": torch.ones(1)}, {**INFO, "kind": None}, "lacks kind"),
        ("a.safetensors", {"a": torch.ones(1)}, {**INFO, "metrics": {1, 2}}, "JSON"),
        ("a.safetensors", {"a": torch.ones(1)}, {**INFO, "f1": float("nan")}, "JSON"),
    ],
)
def test_what_cannot_be_saved(tmp_path, name, state, info, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        save_weights(tmp_path / name, state, info)
    assert not list(tmp_path.iterdir())


def test_shipped_weights_of_each_kind_load():
    for kind in ("detector", "scm", "descriptor"):
        for name in shipped(kind):
            _, info = load_weights(name, kind)
            assert info["name"] == name
