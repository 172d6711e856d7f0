"""The detector from an image to probabilities: sizes, tiles, scales, rims, odd images."""

import json
import shutil
import threading

import numpy as np
import pytest
import torch

from hyperspy_stereo.detection import network as module
from hyperspy_stereo.detection import tiling
from hyperspy_stereo.detection.network import detector_info, unet_probability
from hyperspy_stereo.detection.resampling import lines_back
from hyperspy_stereo.detection.unet import ResidualUNet, folded
from hyperspy_stereo.weights import save_weights

DEFECT = 0.4  # depth of the lines drawn here


def drawn(shape, lines, fwhm=4.0, noise=0.03, seed=0):
    """Vertical dark lines at the given columns."""
    x = np.arange(shape[1])
    image = np.random.default_rng(seed).normal(1, noise, shape)
    for at in lines:
        image -= DEFECT * np.exp(-((x - at) ** 2) / 2 / (fwhm / 2.355) ** 2)
    return image


@pytest.fixture
def copy(tiny_detector, tmp_path):
    """A copy of the weights whose JSON may be changed."""

    def change(**changes):
        for end in (".safetensors", ".json"):
            shutil.copy(tiny_detector.with_suffix(end), tmp_path / f"copy{end}")
        beside = tmp_path / "copy.json"
        beside.write_text(json.dumps(json.loads(beside.read_text()) | changes))
        return tmp_path / "copy.safetensors"

    return change


@pytest.mark.parametrize("shape", [(32, 32), (33, 47), (100, 64), (257, 40)])
def test_any_size(tiny_detector, shape):
    line, boundary = unet_probability(drawn(shape, [20]), tiny_detector)
    for found in (line, boundary):
        assert (found.shape, found.dtype) == (shape, np.float32)
        assert 0 <= found.min() <= found.max() <= 1
    assert (line[:, 20] > 0.5).mean() > 0.8


def test_lines_are_found_and_ground_is_not(tiny_detector):
    line, _ = unet_probability(drawn((128, 160), [40, 110]), tiny_detector)
    assert (line[:, [40, 110]] > 0.5).mean() > 0.95
    away = np.ones(160, bool)
    away[36:45] = away[106:115] = False
    assert (line[:, away] > 0.25).mean() < 0.02
    assert 2 <= (line > 0.5).sum(axis=1).mean() / 2 <= 5


@pytest.mark.parametrize("gain", [1e-3, 300])
def test_brightness_does_not_matter(tiny_detector, gain):
    image = drawn((96, 96), [40])
    expected = unet_probability(image, tiny_detector)[0]
    found = unet_probability(gain * image + 10 * gain, tiny_detector)[0]
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_same_image_same_answer(tiny_detector):
    image = drawn((96, 96), [40])
    first, second = (unet_probability(image, tiny_detector) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_tiles_leave_no_seam():
    # Untrained weights answer everywhere, so that a seam would show; the network is the real one.
    torch.manual_seed(0)
    net = ResidualUNet().train()
    with torch.no_grad():
        net(torch.randn(2, 2, 128, 128))  # statistics of the batch normalisation
        net.head[0].weight *= 10
    net = folded(net)
    channels = np.random.default_rng(0).normal(size=(2, 160, 600)).astype(np.float32)

    def run(tile):
        with torch.inference_mode():
            return torch.sigmoid(net(torch.from_numpy(tile)[None]))[0].numpy()

    seen = []

    def counted(tile):
        seen.append(tile.shape)
        return run(tile)

    whole = tiling.in_tiles(run, channels, side=2000)
    tiled = tiling.in_tiles(counted, channels, side=336)
    assert whole.std() > 0.1
    assert len(seen) >= 3
    assert max(max(s[1:]) for s in seen) <= 336
    np.testing.assert_allclose(tiled, whole, atol=1e-3)


@pytest.mark.parametrize("size", [(769, 33), (1500, 780), (96, 3000)])
def test_tiles_cover_every_pixel(size):
    channels = np.random.default_rng(0).random((1, *size), dtype=np.float32)
    np.testing.assert_allclose(tiling.in_tiles(lambda t: t, channels), channels, atol=1e-6)


def test_impossible_tiles_are_refused():
    with pytest.raises(ValueError, match="twice its overlap"):
        tiling.in_tiles(lambda t: t, np.zeros((1, 64, 64)), side=64, overlap=40)


@pytest.mark.parametrize(("fwhm", "scale"), [(1.5, "larger"), (4, "same"), (14, "smaller")])
def test_lines_of_any_width_are_found_at_their_centre(fwhm, scale, monkeypatch):
    sizes = []
    seen = module.normalised
    monkeypatch.setattr(module, "normalised", lambda v: sizes.append(v.shape[0]) or seen(v))
    image = drawn((256, 256), [70, 180], fwhm)
    line, _ = unet_probability(image, straight_boundaries=False)
    assert (line[:, [70, 180]] > 0.25).mean() > 0.9
    assert 2 <= (line > 0.25).sum(axis=1).mean() / 2 <= 7
    best = sizes[-1] if len(sizes) == 1 else max(sizes[1:-1] + sizes[-1:] + sizes[:1])
    assert {"larger": best > 256, "same": sizes == [256, 192], "smaller": sizes[-1] < 192}[scale]


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.8, 1.4, 2])
def test_lines_come_back_three_px_wide(factor):
    small = np.zeros((round(128 * factor),) * 2, np.float32)
    centre = len(small) // 2
    small[:, centre - 1 : centre + 2] = 0.9
    line = lines_back(small, (128, 128), factor)
    assert line.shape == (128, 128)
    assert line.max() > 0.75
    assert 2 <= (line > 0.5).sum(axis=1).mean() <= 4.5
    where = (centre + 0.5) / factor - 0.5
    assert abs(np.average(np.arange(128), weights=line[60]) - where) <= 1


def test_a_view_without_lines_stays_empty(tiny_detector):
    line, _ = unet_probability(np.random.default_rng(1).normal(1, 0.1, (256, 256)), tiny_detector)
    assert (line > 0.5).mean() < 0.005


def test_scales_are_averaged(tiny_detector):
    image = drawn((96, 96), [40])
    one, two = (unet_probability(image, tiny_detector, scales=s)[0] for s in (1, 1.5))
    both = unet_probability(image, tiny_detector, scales=(1, 1.5))[0]
    np.testing.assert_allclose(both, (one + two) / 2, atol=1e-6)
    assert np.abs(one - two).max() > 0.01


def test_augmented_answer_does_not_depend_on_a_mirror(tiny_detector):
    image = drawn((96, 112), [40, 77])
    plain, seen = (unet_probability(image, tiny_detector, augment=a)[0] for a in (False, True))
    mirrored = unet_probability(image[:, ::-1].copy(), tiny_detector, augment=True)[0][:, ::-1]
    assert (seen[:, [40, 77]] > 0.5).mean() > 0.95
    # The two scales beside the best one are seen once, the mirrored views four times as much.
    assert (
        np.abs(seen - mirrored).mean()
        < np.abs(plain - unet_probability(image[:, ::-1].copy(), tiny_detector)[0][:, ::-1]).mean()
        + 1e-4
    )


def test_fill_around_an_aligned_view_is_no_line(tiny_detector):
    image = drawn((128, 128), [50])
    image[:, :20] = image[100:] = 0
    line, boundary = unet_probability(image, tiny_detector)
    assert not line[:, :23].any()
    assert not line[98:].any()
    assert not boundary[100:].any()
    assert (line[:95, 50] > 0.5).mean() > 0.9
    assert (line[:90, 24:44] > 0.5).mean() < 0.02


def test_nothing_is_found_where_data_are_not_valid(tiny_detector):
    image = drawn((96, 128), [30, 90])
    valid = np.arange(128) < 60
    line, _ = unet_probability(image, tiny_detector, valid=np.tile(valid, (96, 1)))
    assert not line[:, 60:].any()
    assert (line[:, 30] > 0.5).all()
    with pytest.raises(ValueError, match="valid has shape"):
        unet_probability(image, tiny_detector, valid=np.ones((3, 3), bool))


@pytest.mark.parametrize("value", [0, 1.5, -1e6])
def test_constant_image_gives_zeros(tiny_detector, value):
    for found in unet_probability(np.full((64, 64), value), tiny_detector):
        assert not found.any()


def test_odd_images_give_finite_probabilities(tiny_detector):
    image = drawn((96, 96), [40])
    saturated = np.clip(image, None, 0.95)
    spiked = image.copy()
    spiked[10, 10] = 1e8
    counted = np.random.default_rng(0).poisson(0.05, (96, 96))
    drawing = np.zeros((96, 96), np.uint8)
    drawing[:, 40:43] = 255
    for odd in (saturated, spiked, counted, drawing, image > 0.8):
        for found in unet_probability(odd, tiny_detector):
            assert np.isfinite(found).all()
            assert 0 <= found.min() <= found.max() <= 1
    assert (unet_probability(spiked, tiny_detector)[0][:, 40] > 0.5).mean() > 0.9


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (np.zeros((3, 64, 64)), ValueError),
        (np.zeros((31, 64)), ValueError),
        (np.full((64, 64), np.nan), ValueError),
        (np.zeros((64, 64), complex), TypeError),
    ],
)
def test_bad_images_are_refused(tiny_detector, image, error):
    with pytest.raises(error, match="The image"):
        unet_probability(image, tiny_detector)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": "best"}, "'auto'"),
        ({"scales": 0}, "from 0.5"),
        ({"scales": (1, 40)}, "to 4"),
        ({"scales": [[]]}, "'auto'"),
        ({"device": "abacus"}, "leave it out"),
    ],
)
def test_bad_options_are_refused(tiny_detector, options, message):
    with pytest.raises(ValueError, match=message):
        unet_probability(drawn((64, 64), [30]), tiny_detector, **options)


def test_calibration_of_the_weights_is_applied(tiny_detector, copy):
    image = drawn((96, 96), [40])
    raw_line, raw_boundary = unet_probability(image, tiny_detector)
    table = {"line": {"raw": [0, 0.5, 1], "right": [0, 0.1, 0.6]}}
    line, boundary = unet_probability(image, copy(calibration=table))
    np.testing.assert_allclose(line, np.interp(raw_line, [0, 0.5, 1], [0, 0.1, 0.6]), atol=1e-6)
    np.testing.assert_array_equal(boundary, raw_boundary)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"calibration": {"line": {"raw": [0, 1], "right": [1, 0]}}}, "growing"),
        ({"calibration": {"other": {}}}, "'line' and 'boundary'"),
        ({"architecture": {"depth": 3}}, r"network\.architecture"),
        ({"architecture": {"widths": [8, 16]}}, "do not fit the network ResidualUNet"),
        ({"architecture": {"widths": [8, 12], "inputs": 3}}, "takes 3 channels"),
        ({"kind": "scm"}, "'detector' is needed"),
    ],
)
def test_unusable_weights_are_refused(copy, changes, message):
    for call in (detector_info, lambda w: unet_probability(drawn((64, 64), [30]), w)):
        with pytest.raises(ValueError, match=message):
            call(copy(**changes))


def test_weights_are_read_again_when_the_file_changes(tiny_detector, tmp_path):
    image = drawn((64, 64), [30])
    path = tmp_path / "mine.safetensors"
    info = {"name": "mine", "version": "1", "kind": "detector"}
    answers = []
    for seed in range(2):
        torch.manual_seed(seed)
        net = ResidualUNet(widths=(4, 6))
        save_weights(path, net.state_dict(), {**info, "architecture": net.architecture})
        answers.append(unet_probability(image, path)[0])
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


def test_threads_of_torch_are_left_alone(tiny_detector):
    before = torch.get_num_threads()
    unet_probability(drawn((64, 64), [30]), tiny_detector)
    assert torch.get_num_threads() == before


def test_several_views_at_once(tiny_detector):
    images = [drawn((64, 64), [20 + 5 * k], seed=k) for k in range(4)]
    found = [None] * 4

    def run(k):
        found[k] = unet_probability(images[k], tiny_detector)[0]

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        np.testing.assert_allclose(
            found[k], unet_probability(images[k], tiny_detector)[0], atol=1e-5
        )


def test_folding_changes_nothing():
    torch.manual_seed(0)
    net = ResidualUNet(widths=(4, 6, 8)).train()
    x = torch.randn(4, 2, 32, 32)
    with torch.no_grad():
        net(x)
        expected = net.eval()(x)
        np.testing.assert_allclose(folded(net)(x), expected, atol=1e-5)
        assert torch.equal(net(x), expected)
