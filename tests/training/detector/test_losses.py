import pytest
import torch

from hyperspy_stereo.training.detector.losses import (
    LossWeights,
    cldice,
    cross_entropy,
    detector_loss,
    dice,
    soft_skeleton,
)

ONE = torch.ones(1, 32, 32)
ALL = LossWeights(line_cldice=0.5)


def line(first=0, last=32, top=14, bottom=17):
    mask = torch.zeros(1, 32, 32)
    mask[:, top:bottom, first:last] = 1
    return mask


def logits_of(mask, sure=12.0):
    return torch.stack([(2 * mask - 1) * sure, (2 * mask - 1) * sure], dim=1)


def test_a_perfect_prediction_costs_nothing():
    target = line()
    parts = detector_loss(logits_of(target), target, target, ONE, ALL)
    assert set(parts) == {"loss", "line_bce", "line_dice", "line_cldice", "boundary_bce"}
    assert all(float(part) < 1e-3 for part in parts.values())


def test_the_opposite_costs_much():
    target = line()
    parts = detector_loss(logits_of(1 - target), target, target, ONE, ALL)
    assert all(float(part) > 0.9 for part in parts.values())


def test_the_total_is_the_weighted_sum():
    weights = LossWeights(line_bce=2.0, line_dice=0.5, line_cldice=0.25, boundary_bce=0.75)
    logits = torch.randn(2, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    target = line().expand(2, -1, -1)
    parts = detector_loss(logits, target, target, ONE.expand(2, -1, -1), weights)
    total = sum(getattr(weights, name) * parts[name] for name in parts if name != "loss")
    assert float(parts["loss"]) == pytest.approx(float(total))


def test_a_loss_of_weight_zero_is_left_out():
    target = line()
    assert "line_cldice" not in detector_loss(logits_of(target), target, target, ONE, LossWeights())


def test_dice_of_known_overlaps():
    assert float(dice(line(0, 16), line(), ONE)) == pytest.approx(1 - 2 * 48 / 144, abs=1e-3)
    assert float(dice(line(0, 16), line(16, 32), ONE)) == pytest.approx(1, abs=1e-3)
    assert float(dice(0 * ONE, 0 * ONE, ONE)) == pytest.approx(0, abs=1e-6)


def test_cross_entropy_of_an_undecided_network():
    assert float(cross_entropy(0 * ONE, ONE, ONE)) == pytest.approx(0.6931, abs=1e-4)
    assert float(cross_entropy(0 * ONE, ONE, ONE, positive=3.0)) == pytest.approx(2.0794, abs=1e-4)
    assert float(cross_entropy(0 * ONE, ONE, 0 * ONE)) == 0


def test_a_gap_costs_cldice_more_than_thinness_but_dice_less():
    target = line()
    broken, thin = line().clone(), line(top=15, bottom=16)
    broken[:, :, 12:18] = 0
    assert cldice(broken, target, ONE) > cldice(thin, target, ONE) + 0.05
    assert dice(broken, target, ONE) < dice(thin, target, ONE)


def test_the_skeleton_of_a_bar_is_its_middle_line():
    found = soft_skeleton(line(4, 28), 5)[0]
    assert float(found[15, 8:24].min()) == 1
    assert float(found[14, 8:24].max()) == float(found[16, 8:24].max()) == 0


@pytest.mark.parametrize("name", ["line_bce", "line_dice", "line_cldice", "boundary_bce"])
def test_pixels_without_weight_have_no_gradient_and_the_others_have(name):
    only = dict.fromkeys(("line_bce", "line_dice", "line_cldice", "boundary_bce"), 0.0)
    weights = LossWeights(**{**only, "line_bce": 1.0, name: 1.0})
    logits = torch.randn(1, 2, 32, 32, generator=torch.Generator().manual_seed(1))
    logits.requires_grad_()
    weight = ONE.clone()
    weight[:, :, 20:] = 0
    parts = detector_loss(logits, line(), line(), weight, weights)
    (gradient,) = torch.autograd.grad(parts[name], logits)
    channel = 1 if name == "boundary_bce" else 0
    assert gradient.isfinite().all()
    assert gradient[0, channel, :, :20].abs().max() > 0
    assert gradient[0, channel, :, 20:].abs().max() == 0


def test_a_step_down_the_gradient_lowers_the_loss():
    logits = torch.zeros(1, 2, 32, 32, requires_grad=True)
    before = detector_loss(logits, line(), line(), ONE, ALL)["loss"]
    (gradient,) = torch.autograd.grad(before, logits)
    after = detector_loss(logits - 100 * gradient, line(), line(), ONE, ALL)["loss"]
    assert float(after) < float(before)


def test_half_precision_is_computed_in_single():
    target = line()
    parts = detector_loss(logits_of(target).bfloat16(), target.bool(), target, ONE, ALL)
    assert parts["loss"].dtype == torch.float32


@pytest.mark.parametrize(
    "values",
    [
        {"line_bce": -1.0},
        {"line_bce": 0.0, "line_dice": 0.0},
        {"positive": 0.0},
        {"skeleton_steps": 0},
    ],
)
def test_weights_that_make_no_sense_are_refused(values):
    with pytest.raises(ValueError, match=r"above 0"):
        LossWeights(**values)
