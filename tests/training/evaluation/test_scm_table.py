from hyperspy_stereo.training.evaluation import scm_table
from hyperspy_stereo.training.evaluation.systems import Weights


def scores(**more):
    names = [f"{key}_{kind}" for key in scm_table._SCORES for kind in ("raw", "refined")]
    return {name: 1.0 + k for k, name in enumerate(names)} | more


def test_both_tables(tmp_path, monkeypatch):
    from hyperspy_stereo.training.scm import tables, train

    monkeypatch.setattr("hyperspy_stereo.matching.scm.load_network", lambda weights: None)
    monkeypatch.setattr(train, "snapshot_network", lambda folder: folder.name)
    monkeypatch.setattr(
        tables, "angle_table", lambda network, angles, seeds: [scores(angle=angles[0], beyond=0.0)]
    )
    monkeypatch.setattr(
        tables,
        "ablation_table",
        lambda networks, angle, seeds: [scores(name=name) for name in networks],
    )
    for name in ("scm_disp", "scm_warp", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "best.safetensors").touch()
    text = scm_table.scm_tables(Weights(scm="mine"), tmp_path, workers=1)
    lines = text.splitlines()
    assert sum(" deg " in line and "specimens" not in line for line in lines) == 6
    assert any(line.startswith("  Disp ") for line in lines)
    assert any(line.startswith("  Warp ") for line in lines)
    assert "13.2 px at 8 degrees" in text


def test_nothing_to_evaluate(tmp_path, monkeypatch):
    monkeypatch.setattr("hyperspy_stereo.weights.shipped", lambda kind: [])
    assert scm_table.scm_tables(Weights(), tmp_path, workers=1) == ""
