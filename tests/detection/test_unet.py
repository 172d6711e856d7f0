"""The detector's network: shapes, size, and that it can learn a line."""

import pytest
import torch

from hyperspy_stereo.detection.unet import ResidualUNet


@pytest.fixture
def small():
    torch.manual_seed(0)
    return ResidualUNet(widths=(4, 6, 8))


@pytest.mark.parametrize("size", [(8, 8), (16, 40), (64, 24)])
def test_logits_have_the_size_of_the_input(small, size):
    assert small(torch.zeros(2, 2, *size)).shape == (2, 2, *size)


def test_default_is_compact_and_takes_multiples_of_sixteen():
    network = ResidualUNet()
    assert sum(p.numel() for p in network.parameters()) <= 1.5e6
    assert network.multiple == 16


def test_architecture_builds_the_same_network(small):
    twin = ResidualUNet(**small.architecture)
    twin.load_state_dict(small.state_dict())
    x = torch.randn(1, 2, 16, 16)
    assert torch.equal(twin.eval()(x), small.eval()(x))


def test_other_blocks_may_be_injected():
    made = []

    def block(inputs, outputs):
        made.append((inputs, outputs))
        return torch.nn.Conv2d(inputs, outputs, 1)

    network = ResidualUNet(widths=(4, 8), block=block)
    assert made == [(4, 4), (4, 8), (12, 4)]
    assert network(torch.zeros(1, 2, 8, 8)).shape == (1, 2, 8, 8)


@pytest.mark.parametrize("shape", [(2, 16, 16), (1, 3, 16, 16), (1, 2, 16, 20), (1, 2, 0, 16)])
def test_wrong_input_is_refused(small, shape):
    with pytest.raises(ValueError, match=r"needed|multiples of 8"):
        small(torch.zeros(shape))


@pytest.mark.parametrize("settings", [{"widths": (8,)}, {"widths": (8, 0)}, {"inputs": 0}])
def test_impossible_architecture_is_refused(settings):
    with pytest.raises(ValueError, match="two widths"):
        ResidualUNet(**settings)


def test_output_does_not_move_against_the_input():
    # Half resolution inside must not shift the map: learn the identity of a line and look.
    torch.manual_seed(1)
    network = ResidualUNet(widths=(6, 8)).train()
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    x = torch.zeros(8, 2, 16, 16)
    for n in range(8):
        x[n, 0, :, 2 + n] = 1
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x)[:, 0], x[:, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert torch.equal(network(x)[:, 0].argmax(-1), x[:, 0].argmax(-1))
