"""Lines in space as voxels, and networks compared."""

import numpy as np
import pytest

from hyperspy_stereo.topology import ScoreSettings, describe_mask, score_masks, voxelise

LINES = [
    np.column_stack([np.linspace(4, 60, 9), np.full(9, 12.0), np.linspace(3, 20, 9)]),
    np.column_stack([np.full(5, 30.0), np.linspace(4, 44, 5), np.full(5, 38.0)]),
]
SHAPE = (12, 13, 17)


def test_lines_lie_where_their_points_are():
    volume = voxelise(LINES, SHAPE, voxel_size=4.0, width=1)
    assert volume.shape == SHAPE
    for line in LINES:
        z, y, x = np.rint(line / 4).astype(int).T[::-1]
        assert volume[z, y, x].all()
    assert describe_mask(voxelise(LINES, SHAPE, 4.0), 4.0)["lines"] == 2
    away = np.array([12.0, 0.0, 4.0])
    moved = voxelise([line + away for line in LINES], SHAPE, 4.0, origin=away, width=1)
    assert (moved == volume).all()


def test_a_broken_network_is_farther_than_the_true_one():
    true = voxelise(LINES, SHAPE, 4.0)
    broken = voxelise([LINES[0][:4], LINES[0][6:], LINES[1]], SHAPE, 4.0)
    scores = score_masks([true, broken], [true], settings=ScoreSettings(parts=1, n_jobs=1))
    assert scores.final[0] == 0
    assert scores.final[1] > 0.05
    assert scores.numbers[1]["breaks"] == 1


def test_no_lines_and_lines_outside_give_an_empty_volume():
    assert not voxelise([], SHAPE).any()
    assert not voxelise([LINES[0] + 1000], SHAPE).any()
    assert voxelise([LINES[0][:1]], SHAPE, 4.0, width=1).sum() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lines": [[[0, 0]]]}, "line 0"),
        ({"lines": [[[0, 0, np.nan]]]}, "line 0"),
        ({"shape": (4, 4)}, "shape"),
        ({"shape": (10**4, 10**4, 10**4)}, "voxel_size"),
        ({"voxel_size": 0}, "voxel_size"),
        ({"origin": (0, 0)}, "origin"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        voxelise(**{"lines": LINES, "shape": SHAPE, **arguments})
