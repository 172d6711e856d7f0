"""Losses, batches and a tiny training of the published stereo network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hyperspy_stereo.matching.scm import raw_disparity
from hyperspy_stereo.training.config import CONFIGS, EngineSettings, load_config
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, IGNORE, LINE, Scene
from hyperspy_stereo.training.scm.batches import PairBatches, SeedRange, turned
from hyperspy_stereo.training.scm.config import LossWeights, NetworkSettings, SCMConfig
from hyperspy_stereo.training.scm.export import export_scm
from hyperspy_stereo.training.scm.losses import (
    disparity_loss,
    variance_loss,
    warp_loss,
    warped,
)
from hyperspy_stereo.training.scm.train import (
    build,
    pair_loss,
    run,
    snapshot_network,
    trained,
)


class Scenes:
    """Upright dark lines, shifted by a few px between the views."""

    def __init__(self, count=8, side=64):
        self.scenes = [self.draw(np.random.default_rng(i), side) for i in range(count)]

    def __len__(self):
        return len(self.scenes)

    def scene(self, index):
        return self.scenes[index]

    def draw(self, rng, side):
        clean = np.full((2, side, side), 0.5, np.float32)
        label = np.zeros(clean.shape, np.uint8)
        disparity = np.full(clean.shape, np.nan, np.float32)
        for x in rng.choice(np.arange(10, side - 10, 8), 3, replace=False):
            shift = int(rng.integers(-4, 5))
            for view, column in ((0, x), (1, x + shift)):
                clean[view, :, column - 1 : column + 2] *= 0.5
                label[view, :, column - 1 : column + 2] = LINE
                disparity[view, :, column - 1 : column + 2] = shift
        return Scene(clean, label, disparity, label.astype(np.int16) - 1, {"angle": 6.0})


@pytest.fixture(scope="module")
def scenes():
    return Scenes()


@pytest.fixture
def config():
    engine = EngineSettings(
        steps=24, warmup=2, learning_rate=5e-3, ema=0.8, validate_every=24, log_every=6, bf16=False
    )
    network = NetworkSettings(channels=4, max_disparity=16, scale=4, hourglasses=2)
    return SCMConfig(
        engine,
        ("scenes",),
        ((1_000_000, 1_000_008),),
        (1.0,),
        network,
        batch=2,
        size=(32, 64),
        held=2,
        valid_batches=2,
    )


def test_losses_of_known_values():
    assert disparity_loss(torch.tensor([0.5, -3.0]), torch.zeros(2)).item() == 1.3125
    assert variance_loss(torch.tensor([1.0, 3.0])).item() == 2.0
    ramp = torch.arange(16.0).reshape(1, 1, 1, 16)
    pixels = tuple(torch.tensor(i) for i in ([0, 0], [0, 0], [4, 12]))
    # the second counterpart, at 15.5, is outside
    assert warp_loss(ramp, ramp, torch.tensor([0.25, 3.5]), pixels).item() == 0.03125


def test_losses_without_line_pixels_are_zero():
    none, pixels = torch.zeros(0), tuple(torch.zeros(3, 0, dtype=torch.long))
    view = torch.zeros(1, 1, 4, 8)
    found = [disparity_loss(none, none), variance_loss(none), warp_loss(view, view, none, pixels)]
    assert [float(value) for value in found] == [0, 0, 0]


def test_warp_looks_at_x_plus_disparity_and_knows_its_slope():
    left = torch.zeros(1, 1, 2, 16)
    left[0, 0, 1, 5] = 1
    right = torch.roll(left, 3, -1)
    pixels = tuple(torch.tensor([i]) for i in (0, 1, 5))
    disparity = torch.tensor([2.5], requires_grad=True)
    value, inside = warped(right, disparity, pixels)
    assert inside.all() and value.item() == 0.5
    value.sum().backward()
    assert disparity.grad.item() == 1.0  # brighter further right


def test_batch_of_a_step_is_always_the_same(config, scenes):
    batches = PairBatches(config, [scenes])
    one, again, other = batches(3), batches(3), batches(4)
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["left"], other["left"])
    assert one["left"].shape == (2, 2, 32, 64)
    assert one["mask"].any() and np.isfinite(one["disparity"]).all()


def test_validation_never_sees_training_scenes(config, scenes):
    seen = {False: set(), True: set()}

    class Spy(Scenes):
        def __init__(self, valid):
            self.scenes, self.valid = scenes.scenes, valid

        def scene(self, index):
            seen[self.valid].add(index)
            return super().scene(index)

    for valid in seen:
        batches = PairBatches(config, [Spy(valid)], valid=valid)
        for step in range(12):
            batches(step)
    assert max(seen[False]) < 6 <= min(seen[True])


@pytest.mark.parametrize("bit", [IGNORE, AMBIGUOUS])
def test_pixels_that_are_not_to_be_trained_are_masked(config, bit):
    scenes = Scenes(4)
    for scene in scenes.scenes:
        scene.label[:] = np.where(scene.label > 0, scene.label | bit, 0)
    assert not PairBatches(config, [scenes])(0)["mask"].any()


def test_disparity_beyond_the_reach_is_masked(config):
    narrow = replace(config, network=replace(config.network, max_disparity=8))
    scenes = Scenes(4)
    for scene in scenes.scenes:
        scene.disparity[:] += 60
    assert not PairBatches(narrow, [scenes])(0)["mask"].any()


def test_turned_pairs_keep_what_disparity_means():
    x = np.arange(24)
    images = np.stack([np.tile(x, (4, 1)), np.tile(x - 3, (4, 1))]).astype(float)
    disparity = np.full(images.shape, 3.0)  # the value v of the left view at x is at x + 3
    for seed in range(16):
        views, _, d = turned(images, images, disparity, np.random.default_rng(seed))
        shift = int(d[0, 0, 0])
        assert np.array_equal(views[0][:, 8:12], views[1][:, 8 + shift : 12 + shift])


def test_loss_takes_only_what_has_weight(config, scenes):
    network = build(config).eval()
    batch = {k: torch.from_numpy(v) for k, v in PairBatches(config, [scenes])(0).items()}
    parts = pair_loss(network, batch, LossWeights(0.0, 0.0, 2.0))
    assert parts["loss"].item() == pytest.approx(2 * parts["warp"].item(), rel=1e-5)
    parts = pair_loss(network, batch, LossWeights(1.0, 0.5, 0.0))
    assert parts["loss"].item() > 0.5 * parts["variance"].item()
    with pytest.raises(ValueError, match="disparity or warp"):
        LossWeights(0.0, 1.0, 0.0)


def test_tiny_training_lowers_the_loss(config, scenes):
    network = build(config).train()
    batch = {k: torch.from_numpy(v) for k, v in PairBatches(config, [scenes])(0).items()}
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = pair_loss(network, batch, config.loss)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_a_run_is_read_back(config, scenes, tmp_path):
    short = replace(config, engine=replace(config.engine, steps=3, validate_every=3))
    assert trained(short, [scenes], tmp_path).reason == "finished"
    network = snapshot_network(tmp_path)
    assert not network.training
    assert not torch.equal(network.cost.heads[0][2].weight, build(short).cost.heads[0][2].weight)
    assert "valid_epe" in (tmp_path / "log.csv").read_text()
    path = export_scm(tmp_path, "tiny", tmp_path / "weights")
    images = np.stack([scenes.scene(0).clean[0], scenes.scene(1).clean[1]])
    mask = scenes.scene(0).label[0] > 0
    expected, _ = raw_disparity(images, mask, network)
    assert np.allclose(raw_disparity(images, mask, path)[0], expected, atol=0.05, equal_nan=True)
    assert "3 steps of 3" in path.with_suffix(".md").read_text()
    assert path.stat().st_size < 3 * sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("scm*.json")), ids=lambda p: p.stem)
def test_committed_configurations_are_valid(path):
    config = load_config(path, SCMConfig)
    assert max(config.size) > 2 * config.network.max_disparity


def test_the_full_configuration_is_the_published_size():
    assert load_config("scm_full", SCMConfig).network == NetworkSettings(16, 64, 2, 3)


def test_rows_of_the_ablation_differ_in_their_losses_only():
    rows = [load_config(p, SCMConfig) for p in sorted(CONFIGS.glob("scm_*.json"))]
    rows = [row for row in rows if row.network.channels == 8]
    assert len(rows) == 5
    assert len({replace(row, loss=LossWeights()) for row in rows}) == 1
    assert len({row.loss for row in rows}) == 5


class Store:
    """Scenes numbered from a seed, as a store of shards knows them."""

    folder = "somewhere"

    def __init__(self, first, count):
        self.infos = [[{"seed": first + i} for i in range(count)][::-1]]

    def scene(self, index):
        return self.infos[0][index]["seed"]


def test_seeds_choose_the_scenes():
    chosen = SeedRange(Store(1_000_000, 9), (1_000_003, 1_000_007))
    assert [chosen.scene(i) for i in range(len(chosen))] == list(range(1_000_003, 1_000_007))
    with pytest.raises(ValueError, match=r"lacks 2 .*--first 1000009 --count 2"):
        SeedRange(Store(1_000_000, 9), (1_000_000, 1_000_011))
    with pytest.raises(ValueError, match="not one to train on"):
        SeedRange(Store(3_000_000, 9), (3_000_000, 3_000_004))


def test_missing_shards_are_explained(config, tmp_path):
    from hyperspy_stereo.training.config import save_config

    save_config(replace(config, shards=(str(tmp_path / "none"),)), tmp_path / "c.json")
    with pytest.raises(ValueError, match="no shards"):
        run(tmp_path / "c.json", tmp_path / "out")
    with pytest.raises(ValueError, match="seeds and a share for every"):
        replace(config, shards=("a", "b"))


def test_windows_without_lines_teach_nothing(config, scenes):
    network = build(config)
    batch = {k: torch.as_tensor(v) for k, v in PairBatches(config, [scenes])(0).items()}
    batch["mask"] = torch.zeros_like(batch["mask"])
    loss = pair_loss(network, batch, config.loss)["loss"]
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())
