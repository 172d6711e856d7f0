"""Tables of the published stereo network."""

import pytest
import torch

from hyperspy_stereo.matching.scm import SCMNet
from hyperspy_stereo.training.scm.tables import ablation_table, angle_scene, angle_table


def test_rows_of_the_tables(tmp_path):
    torch.manual_seed(0)
    network = SCMNet(channels=2, max_disparity=16, scale=4, hourglasses=1)
    how = {"seeds": (3_000_901,), "side": 64, "folder": tmp_path}
    rows = angle_table(network, angles=(4, 8), **how)
    assert [row["angle"] for row in rows] == [4.0, 8.0]
    assert rows[0]["epe_raw"] > 0 and rows[0]["depth_error_refined"] > 0
    assert rows[1]["beyond"] >= rows[0]["beyond"]
    named = ablation_table({"a": network, "b": network}, angle=8, **how)
    assert [row["name"] for row in named] == ["a", "b"]
    assert named[0]["epe_raw"] == named[1]["epe_raw"] == rows[1]["epe_raw"]


def test_only_frozen_seeds():
    with pytest.raises(ValueError, match="3000000"):
        angle_scene(1_000_000, 8.0)
