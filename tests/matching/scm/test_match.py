"""Refinement, and the route from images to disparity."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from hyperspy_stereo.matching.scm import SCMNet, raw_disparity, refine_disparity, scm_disparity


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SCMNet(channels=2, max_disparity=8, hourglasses=1)


def refined(disparity, columns, width=32, x=10, **how):
    """Disparity after refinement of one point at x, with detections at some columns."""
    start = np.full((3, width), np.nan)
    start[1, x] = disparity
    other = np.zeros((3, width), bool)
    other[1, columns] = True
    return refine_disparity(start, other, **how)[1, x]


@pytest.mark.parametrize(
    ("disparity", "columns", "wanted"),
    [
        (4.3, [16], 6.0),  # 1.7 px away
        (4.3, [13, 16], 3.0),  # the nearer one
        (4.3, [14], 4.3),  # falls on a detected pixel
        (4.0, [17], 7.0),  # 3 px: just within
        (4.0, [18], 4.0),  # 4 px: too far
        (-3.6, [5], -5.0),  # to the other side
        (4.0, [12, 16], 2.0),  # equally near: the left
    ],
)
def test_refinement_rule(disparity, columns, wanted):
    assert refined(disparity, columns) == pytest.approx(wanted, abs=1e-6)


def test_refinement_looks_only_into_the_same_row():
    disparity = np.full((3, 16), np.nan)
    disparity[1, 4] = 2.0
    other = np.zeros((3, 16), bool)
    other[[0, 2], 7] = True
    assert refine_disparity(disparity, other)[1, 4] == 2.0


def test_refinement_at_the_edges_and_reach():
    assert refined(31.0, [31]) == pytest.approx(31.0)  # outside by more than the reach
    assert refined(-12.0, [0]) == pytest.approx(-10.0)
    assert refined(4.0, [16], reach=1.0) == pytest.approx(4.0)
    with pytest.raises(ValueError, match="reach=-1"):
        refined(4.0, [16], reach=-1)
    with pytest.raises(ValueError, match="one size"):
        refine_disparity(np.zeros((4, 4)), np.zeros((2, 4, 4), bool))


def test_disparity_is_finite_exactly_on_the_mask(network):
    rng = np.random.default_rng(1)
    images = rng.normal(size=(2, 37, 50)).astype(np.float32)  # no multiples of 16
    masks = images > 1
    disparity, sigma = scm_disparity(images, masks, network)
    assert disparity.shape == sigma.shape == (37, 50)
    assert disparity.dtype == np.float32
    assert np.array_equal(np.isfinite(disparity), masks[0])
    assert np.array_equal(np.isfinite(sigma), masks[0])
    raw, _ = raw_disparity(images, masks[0], network)
    assert np.array_equal(disparity[masks[0]], refine_disparity(raw, masks[1])[masks[0]])
    assert np.nanmax(np.abs(raw)) <= 9


def test_training_mode_is_left_alone(network):
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    raw_disparity(np.random.default_rng(0).normal(size=(2, 32, 32)), np.eye(32) > 0, network)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_empty_mask_gives_nothing(network):
    disparity, sigma = scm_disparity(np.zeros((2, 32, 32)), np.zeros((2, 32, 32), bool), network)
    assert np.isnan(disparity).all() and np.isnan(sigma).all()


def test_bad_input_is_explained(network):
    images = np.zeros((3, 32, 32))
    with pytest.raises(ValueError, match="match_views"):
        scm_disparity(images, images > 0, network)
    with pytest.raises(ValueError, match="NaN"):
        scm_disparity(np.full((2, 32, 32), np.nan), np.ones((2, 32, 32), bool), network)
    with pytest.raises(ValueError, match=r"\(2, H, W\) and \(H, W\)"):
        raw_disparity(images[:2], np.zeros((16, 16), bool), network)
    with pytest.raises(ValueError, match="no weights named"):
        scm_disparity(images[:2], np.ones((2, 32, 32), bool), "no_such_weights")


def test_saved_weights_give_the_same_disparity(network, tmp_path):
    from hyperspy_stereo.weights import save_weights

    info = {
        "name": "tiny",
        "version": "1",
        "kind": "scm",
        "architecture": {"channels": 2, "max_disparity": 8, "hourglasses": 1},
    }
    path = save_weights(tmp_path / "tiny.safetensors", network.state_dict(), info)
    images = np.random.default_rng(0).normal(size=(2, 32, 48)).astype(np.float32)
    masks = images > 1
    expected, _ = scm_disparity(images, masks, network)
    found, _ = scm_disparity(images, masks, path)
    assert np.allclose(expected, found, atol=1e-5, equal_nan=True)


def test_import_does_not_load_torch():
    code = "import sys, hyperspy_stereo.matching.scm; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
