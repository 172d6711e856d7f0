import json

import numpy as np
import pytest

from hyperspy_stereo.training.evaluation import command
from hyperspy_stereo.training.evaluation.detection_table import detection_tables
from hyperspy_stereo.training.evaluation.frozen import FrozenPair, PairRecipe, save_pair
from hyperspy_stereo.training.evaluation.matching_table import erased, matching_tables
from hyperspy_stereo.training.evaluation.reliability import reliability, reliability_of
from hyperspy_stereo.training.evaluation.report import in_processes, mean_scores, table
from hyperspy_stereo.training.evaluation.robustness import SWEEPS, Sweep, altered, robustness
from hyperspy_stereo.training.evaluation.scores import line_scores
from hyperspy_stereo.training.evaluation.semiglobal import semiglobal_disparity
from hyperspy_stereo.training.evaluation.systems import Weights, best_detector, detect, detectors
from hyperspy_stereo.training.evaluation.training_curves import run_curves, training_curves
from hyperspy_stereo.training.recipe.scene import LINE, Scene
from hyperspy_stereo.training.seeds import FROZEN

RECIPES = [PairRecipe(FROZEN.start + 700 + n, 6.0, n, 2.0, side=96) for n in range(2)]
NONE = Weights()


def drawn_pair(noise=0, shift=4, info=None):
    """A pair of 96 px with two lines, without any simulation."""
    x, y = np.arange(96.0), np.arange(96.0)[:, None]
    clean, label = np.zeros((2, 96, 96), np.float32), np.zeros((2, 96, 96), np.uint8)
    for view in range(2):
        for start in (25, 60):
            away = np.abs(x - start - view * shift - 0.1 * y)
            clean[view] -= 0.4 * np.exp(-(away**2) / 4)
            label[view][away <= 1.5] = LINE
    clean += 0.8
    disparity = np.where(label, np.float32(shift), np.float32(np.nan))
    index = np.where(label, 0, -1).astype(np.int16)
    info = {"renderer": "physical", "kind": "line", "crystal": "Al", "seed": 3, **(info or {})}
    images = clean + np.random.default_rng(0).normal(0, 0.02, clean.shape).astype(np.float32)
    scene = Scene(clean, label, disparity, index, info)
    return FrozenPair(images, scene, 6.0, noise)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Frozen pairs that are drawn instead of simulated."""
    from hyperspy_stereo.training.evaluation import frozen, systems

    monkeypatch.setattr(frozen, "make_pair", lambda recipe: drawn_pair(recipe.noise))
    # whatever weights there are: tests of tables do not depend on them
    monkeypatch.setattr("hyperspy_stereo.weights.shipped", lambda kind: [])
    monkeypatch.setattr("hyperspy_stereo.matching.descriptor.shipped_weights", lambda: None)
    assert systems.detectors(NONE) == (systems.RIDGE,)
    return tmp_path / "frozen"


def test_table_layout():
    rows = {"a": {"f1": 0.5}, "longer": {"f1": float("nan"), "other": 3}}
    text = table("title", rows, {"f1": ("F1", ".2f")})
    assert text.splitlines() == ["title", "           F1", "  a      0.50", "  longer    -"]


def test_means_leave_out_what_is_unknown():
    rows = [{"a": 1.0, "b": float("nan")}, {"a": 3.0}]
    means = mean_scores(rows)
    assert means["a"] == 2
    assert np.isnan(means["b"])


def test_processes_keep_the_order():
    assert in_processes(abs, [-3, 1, -2], workers=1) == [3, 1, 2]


def test_detection_table(folder, tmp_path):
    text = detection_tables(RECIPES, NONE, tmp_path, folder, 1, crude_seeds=[4_000_001])
    assert "ridge filter" in text
    assert "2 frozen physical pairs" in text
    frozen = next(line for line in text.splitlines() if line.strip().startswith("frozen"))
    assert float(frozen.split()[1]) > 0.9  # clear lines
    assert "human mask" not in text  # no real picture there


def test_point_detectors_have_a_row_of_their_own(folder, tmp_path):
    text = detection_tables(
        RECIPES[:1], NONE, tmp_path, folder, 1, crude_seeds=[], point_recipes=RECIPES[1:]
    )
    rows = [line.split() for line in text.splitlines()]
    assert "1 frozen physical pairs" in text
    (row,) = (row for row in rows if row[:2] == ["point", "detectors"])
    assert float(row[2]) > 0.9


def test_real_picture(folder, tmp_path):
    from skimage.io import imsave

    pair = drawn_pair()
    real = tmp_path / "real_pair_annotated"
    real.mkdir()
    grey = np.uint8(255 * np.clip(pair.images[0], 0, 1))
    imsave(real / "left.png", grey, check_contrast=False)
    imsave(real / "left_mask.png", np.uint8(255 * (pair.scene.label[0] > 0)), check_contrast=False)
    text = detection_tables(RECIPES[:1], NONE, tmp_path, folder, 1, crude_seeds=[])
    line = text[text.index("human mask") :].splitlines()[2]
    assert float(line.split()[2]) > 0.9


def test_matching_table(folder):
    text = matching_tables(RECIPES[:1], NONE, folder, 1)
    ours = next(line for line in text.splitlines() if line.startswith("  ours, correlation "))
    assert "SGM-like" in text
    assert "erased" in text
    coverage, _, over3 = (float(v) for v in ours.split()[2:5])
    assert coverage > 0.9
    assert over3 < 2


def test_reliability_and_its_picture(folder, tmp_path):
    picture = tmp_path / "pictures" / "r.png"
    text = reliability(RECIPES[:1], NONE, picture, folder, 1, crude_seeds=[])
    assert picture.stat().st_size > 5000
    assert "P(line), frozen" in text


def test_reliability_of_overconfidence():
    rng = np.random.default_rng(0)
    said = rng.random(20000)
    wrong = reliability_of(said, rng.random(20000) < said**2)
    assert wrong.error == pytest.approx(1 / 6, abs=0.02)
    assert wrong.count.sum() == 20000


def test_robustness_and_its_picture(folder, tmp_path):
    sweep = Sweep("contrast", "contrast", (1, 0.02), 1.0)
    picture = tmp_path / "b.png"
    text = robustness(NONE, picture, folder, 1, scenes=1, sweeps=[sweep])
    assert picture.stat().st_size > 5000
    rows = [line.split() for line in text.splitlines() if line.startswith(("  1 ", "  0.02 "))]
    assert float(rows[0][1]) > 0.9 > float(rows[1][1])
    assert "do not trust" in text


@pytest.mark.parametrize("value", [-2, 0.5])
def test_vertical_shift_moves_picture_and_label(value):
    sweep = next(s for s in SWEEPS if s.name == "vertical")
    pair = drawn_pair()
    scene = pair.scene
    scene.label[:, :40] = 0
    images, moved = altered(pair, sweep, value)
    first = [np.nonzero((view & LINE).any(axis=1))[0][0] for view in moved.label]
    assert first[1] - first[0] == pytest.approx(value, abs=1)
    assert images.shape == scene.clean.shape
    np.testing.assert_array_equal(np.isfinite(moved.disparity), moved.line_index >= 0)


def test_contrast_is_lowered():
    sweep = next(s for s in SWEEPS if s.name == "contrast")
    full, _ = altered(drawn_pair(), sweep, 1.0)
    low, _ = altered(drawn_pair(), sweep, 0.2)
    assert np.ptp(low.mean(axis=1)) < 0.5 * np.ptp(full.mean(axis=1))


def test_erasing_takes_the_share_it_is_asked_for():
    line = np.zeros((200, 200))
    line[::40, 5:195] = 0.9
    left = erased(line, 0.2, seed=1)
    assert 0.7 < (left > 0.5).sum() / (line > 0.5).sum() <= 0.8
    assert (erased(line, 0.2, seed=1) == left).all()
    assert erased(np.zeros((20, 20)), 0.2, 0).sum() == 0


def test_semiglobal_finds_a_step():
    rng = np.random.default_rng(0)
    left = rng.random((48, 96)).astype(np.float32)
    right = np.empty_like(left)
    right[:24], right[24:] = np.roll(left[:24], 5, axis=1), np.roll(left[24:], -3, axis=1)
    found = semiglobal_disparity(np.stack([left, right]), -6, 8)
    assert np.median(np.abs(found[3:20, 15:80] - 5)) < 0.3
    assert np.median(np.abs(found[28:45, 15:80] + 3)) < 0.3
    with pytest.raises(ValueError, match="two views"):
        semiglobal_disparity(left, -1, 1)
    with pytest.raises(ValueError, match="least disparity first"):
        semiglobal_disparity(np.stack([left, right]), 1, -1)


def test_detectors_by_name():
    image = drawn_pair().images[0]
    line, boundary = detect("ridge filter", image, NONE)
    assert line_scores(line, drawn_pair().scene.label[0])["recall"] > 0.8
    assert boundary.shape == image.shape
    assert best_detector(Weights(detector="mine")) == "U-Net"
    assert len(detectors(Weights(detector="mine"))) == 3
    with pytest.raises(ValueError, match="no detector"):
        detect("nothing", image, NONE)


def write_log(folder, name, scores):
    (folder / name).mkdir(parents=True)
    lines = ["step,seconds,loss,crude_f1,physical_f1"]
    lines += [f"{100 * k},{60 * k},0.5,{c},{p}" for k, (c, p) in enumerate(scores)]
    (folder / name / "log.csv").write_text("\n".join(lines) + "\n")


def test_training_curves(tmp_path):
    write_log(tmp_path, "short", [(0.5, 0.6), (0.7, 0.8)])
    write_log(tmp_path, "long", [(0.5, 0.6), (0.8, 0.85), (0.75, 0.9)])
    curves = run_curves(tmp_path / "long" / "log.csv")
    assert curves["crude_f1"][:, 1].tolist() == [0, 1, 2]
    text = training_curves(tmp_path, tmp_path / "c.png")
    best = next(line for line in text.splitlines() if "long, best" in line).split()
    assert (float(best[2]), float(best[3]), float(best[4])) == (1, 0.85, 0.8)
    assert (tmp_path / "c.png").stat().st_size > 5000
    assert training_curves(tmp_path / "nothing") == ""


def test_command_writes_what_it_prints(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(command.PARTS, "matching", lambda options: f"table {options.pairs}\n")
    monkeypatch.setitem(command.PARTS, "detection", lambda options: "")
    out = tmp_path / "out"
    command.run(["matching", "detection", "--out", str(out), "--pairs", "3"])
    assert "table 3" in capsys.readouterr().out
    assert (out / "networks_matching.txt").read_text() == "table 3\n"
    assert not (out / "networks_detection.txt").exists()
    with pytest.raises(SystemExit):
        command.run(["nonsense"])


def test_saved_pairs_keep_their_info(tmp_path):
    from hyperspy_stereo.training.evaluation.frozen import load_pair

    save_pair(drawn_pair(info={"thickness": 3.5}), tmp_path / "a.npz")
    assert load_pair(tmp_path / "a.npz").scene.info["thickness"] == 3.5
    with np.load(tmp_path / "a.npz") as file:
        assert json.loads(str(file["info"]))["angle"] == 6.0
