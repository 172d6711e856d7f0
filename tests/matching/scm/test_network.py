"""Features, volumes, hourglasses and the network of the published stereo matcher."""

import pytest
import torch

from hyperspy_stereo.matching.scm.features import FeatureUNet
from hyperspy_stereo.matching.scm.hourglass import StackedHourglass
from hyperspy_stereo.matching.scm.network import SCMNet, moments
from hyperspy_stereo.matching.scm.volume import (
    concatenated_volume,
    difference_volume,
    disparities,
)


def tiny(**changes):
    torch.manual_seed(0)
    how = {"channels": 2, "max_disparity": 16, "scale": 4, "hourglasses": 1, **changes}
    return SCMNet(**how).eval()


@pytest.mark.parametrize("reach", [1, 3, 12])
def test_volumes_agree_with_loops(reach):
    left, right = torch.randn(2, 2, 3, 4, 9)
    both = torch.zeros(2, 6, 2 * reach, 4, 9)
    apart = torch.zeros(2, 3, 2 * reach, 4, 9)
    for k in range(2 * reach):
        for x in range(9):
            there = x + k - reach
            if 0 <= there < 9:
                both[:, :3, k, :, x] = left[..., x]
                both[:, 3:, k, :, x] = right[..., there]
                apart[:, :, k, :, x] = left[..., x] - right[..., there]
    assert torch.equal(concatenated_volume(left, right, reach), both)
    assert torch.equal(difference_volume(left, right, reach), apart)


@pytest.mark.parametrize("shift", [-4, -1, 0, 3])
def test_plane_of_a_shift_is_x_right_minus_x_left(shift):
    left = torch.randn(1, 4, 6, 32)
    right = torch.roll(left, shift, -1)  # what is at x in the left view is at x + shift here
    volume = difference_volume(left, right, 5)
    error = volume[..., 8:24].abs().mean((0, 1, 3, 4))
    assert disparities(5, 1)[error.argmin()] == shift


def test_soft_argmin_of_a_known_distribution():
    probability = torch.tensor([0.1, 0.2, 0.3, 0.4])
    values = torch.tensor([-3.0, -1.0, 2.0, 5.0])
    mean, variance = moments(probability.log()[None, :, None] + 7, values)
    assert mean.item() == pytest.approx(2.1, abs=1e-5)
    assert variance.item() == pytest.approx(12.3 - 2.1**2, abs=1e-4)


def test_soft_argmin_refuses_other_numbers_of_planes():
    with pytest.raises(ValueError, match="3 planes, but 4"):
        moments(torch.zeros(1, 3, 2), torch.zeros(4))


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_sharp_coarse_scores_give_the_disparity_of_their_plane(scale):
    network = tiny(scale=scale)
    planes = 32 // scale
    for plane in (2, planes // 2, planes - 3):
        score = torch.full((1, planes, 4, 4), -40.0 * scale)
        score[:, plane] = 0
        mean, _ = moments(network.upsampled(score), network.disparities)
        wanted = (plane - planes // 2) * scale
        assert mean[0, 3, 3].item() == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_scores_at_pixels_are_those_of_the_whole_view(scale):
    network = tiny(scale=scale)
    score = torch.randn(2, 32 // scale, 8, 12)
    mask = torch.rand(2, 8 * scale, 12 * scale) < 0.3
    whole = network.upsampled(score).permute(0, 2, 3, 1)[mask]
    some = network.scores_at(score, mask.nonzero(as_tuple=True))
    assert torch.allclose(whole, some, atol=1e-5)


def test_published_size_is_the_default():
    network = SCMNet().eval()
    with torch.inference_mode():
        scores = network.coarse(*torch.zeros(2, 1, 2, 32, 32))
    assert network.features.channels == 16
    assert network.max_disparity == 64
    assert scores[-1].shape == (1, 64, 16, 16)


def test_every_hourglass_scores_while_training():
    network = tiny(hourglasses=3)
    views = torch.randn(2, 1, 2, 32, 32)
    assert len(network(*views)) == 1
    assert [s.shape for s in network.train()(*views)] == [(1, 32, 32, 32)] * 3


def test_features_are_shared_between_the_views():
    network = tiny()
    a, b = torch.randn(2, 1, 2, 32, 32)
    seen = []
    network.volume = lambda left, right, reach: (
        seen.append((left, right)) or concatenated_volume(left, right, reach)
    )
    network.coarse(a, b)
    network.coarse(b, a)
    assert torch.allclose(seen[0][0], seen[1][1], atol=1e-5)
    assert torch.allclose(seen[0][1], seen[1][0], atol=1e-5)


def test_modules_can_be_injected():
    network = tiny(volume=difference_volume, cost=StackedHourglass(2, 2, 1))
    assert network(*torch.zeros(2, 1, 2, 32, 32))[-1].shape == (1, 32, 32, 32)


class _Halved(torch.nn.Module):
    def forward(self, view):
        return view[..., ::8, ::8]


def test_wrong_shapes_say_what_is_needed():
    views = torch.zeros(2, 1, 2, 32, 32)
    with pytest.raises(ValueError, match="need \\(8, 8\\) with scale=4"):
        tiny(features=_Halved())(*views)
    with pytest.raises(ValueError, match="See concatenated_volume"):
        tiny(volume=lambda a, b, n: concatenated_volume(a, b, n + 4))(*views)
    with pytest.raises(ValueError, match="See StackedHourglass"):
        tiny(cost=_List())(*views)
    with pytest.raises(ValueError, match="same grid"):
        tiny()(views[0], views[1, ..., :16])
    with pytest.raises(ValueError, match="multiples of 16"):
        FeatureUNet()(torch.zeros(1, 2, 30, 32))
    with pytest.raises(ValueError, match="normalised"):
        FeatureUNet()(torch.zeros(1, 1, 32, 32))
    with pytest.raises(ValueError, match="multiples of 4"):
        StackedHourglass(4, 2, 1)(torch.zeros(1, 4, 6, 8, 8))
    with pytest.raises(ValueError, match="5, D, H, W"):
        StackedHourglass(5, 2, 1)(torch.zeros(1, 4, 8, 8, 8))


class _List(torch.nn.Module):
    def forward(self, volume):
        return [volume[:, 0, :, :4]]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"max_disparity": 12}, "multiple of 8"), ({"scale": 3}, "max_disparity|scale=3")],
)
def test_impossible_sizes_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        tiny(**change)


def test_volumes_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="one shape"):
        concatenated_volume(torch.zeros(1, 2, 4, 8), torch.zeros(1, 2, 4, 9), 2)
    with pytest.raises(ValueError, match="reach=0"):
        difference_volume(torch.zeros(1, 2, 4, 8), torch.zeros(1, 2, 4, 8), 0)
