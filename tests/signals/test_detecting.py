"""detect_dislocations: the choice of method, lazy views, and what is written down."""

import hashlib

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_stereo import StereoPair
from hyperspy_stereo.detection.network import unet_probability
from hyperspy_stereo.signals._detecting import DEFAULT_METHOD


@pytest.fixture
def views():
    x = np.arange(80)
    images = np.random.default_rng(0).normal(1, 0.03, (2, 64, 80))
    for view, at in enumerate((30, 36)):
        images[view] -= 0.4 * np.exp(-((x - at) ** 2) / 2 / 1.7**2)
    return images


@pytest.fixture
def pair(views):
    return StereoPair.from_images(*views, stereo_angle=8, pixel_size=2, units="nm")


def test_network_finds_what_the_kernel_finds(pair, views, tiny_detector):
    maps = pair.detect_dislocations(method="unet", weights=tiny_detector)
    for view in range(2):
        line, boundary = unet_probability(views[view], tiny_detector)
        np.testing.assert_array_equal(maps.data[view], line)
        np.testing.assert_array_equal(maps.attached("boundary")[view], boundary)
    np.testing.assert_array_equal(maps.attached("images"), views)
    assert maps.mask()[0, :, 30].mean() > 0.9
    network = maps.reconstruct(min_confidence=0)
    assert np.nanmedian(network.disparity_map()) == pytest.approx(6, abs=0.5)


def test_what_decided_the_result_is_written_down(pair, tiny_detector):
    maps = pair.detect_dislocations("unet", weights=str(tiny_detector), scales=1)
    told = maps.metadata.Stereo.Detection
    assert (told.method, told.scales, told.threshold) == ("unet", 1, 0.5)
    assert told.weights.as_dictionary() == {
        "name": "tiny",
        "version": "0.1",
        "sha256": hashlib.sha256(tiny_detector.read_bytes()).hexdigest(),
    }
    ridges = pair.detect_dislocations("ridge", polarity="auto").metadata.Stereo.Detection
    assert (ridges.method, ridges.polarity) == ("ridge", "auto")
    assert not ridges.has_item("weights")


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("ending", ["hspy", "zspy"])
def test_metadata_survive_slicing_and_saving(pair, tiny_detector, tmp_path, ending):
    maps = pair.detect_dislocations("unet", weights=tiny_detector)
    told = maps.metadata.Stereo.Detection.weights.as_dictionary()
    maps.save(tmp_path / f"maps.{ending}")
    loaded = hs.load(tmp_path / f"maps.{ending}")
    for other in (maps.inav[1], maps.isig[4:60, :50], maps.deepcopy(), loaded):
        assert other.metadata.Stereo.Detection.method == "unet"
        assert other.metadata.Stereo.Detection.weights.as_dictionary() == told
    np.testing.assert_array_equal(loaded.data, maps.data)


@pytest.mark.parametrize("method", ["unet", "ridge"])
def test_lazy_views_stay_lazy(pair, tiny_detector, method):
    weights = {"weights": tiny_detector} if method == "unet" else {}
    lazy = pair.as_lazy().detect_dislocations(method, **weights)
    assert type(lazy).__name__ == "LazyDislocationMap"
    assert isinstance(lazy.data, da.Array)
    assert lazy.data.chunks[0] == (1, 1)
    eager = pair.detect_dislocations(method, **weights)
    np.testing.assert_allclose(lazy.data.compute(scheduler="threads"), eager.data, atol=1e-5)


def test_default_method_is_the_one_constant(pair, tiny_detector):
    weights = {"weights": tiny_detector} if DEFAULT_METHOD == "unet" else {}
    assert pair.detect_dislocations(**weights).metadata.Stereo.Detection.method == DEFAULT_METHOD


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"method": "magic"}, ValueError, "must be one of"),
        ({"method": "unet", "polarity": "bright"}, ValueError, r"method='ridge', polarity="),
        ({"method": "unet", "sensitivity": 2}, ValueError, "leave it out"),
        ({"method": "ridge", "weights": "x"}, ValueError, r"method='unet', weights="),
        ({"method": "ridge", "augment": True}, ValueError, r"method='unet'"),
        (
            {"method": "unet", "colour": 1},
            TypeError,
            "there are augment, device, scales, straight_boundaries, weights",
        ),
        ({"method": "unet", "weights": "no-such-weights"}, ValueError, "no weights named"),
        ({"method": "unet", "weights": "model.pt"}, ValueError, "pickle"),
        ({"method": "unet", "weights": 3}, TypeError, "weights is 3"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_wrong_calls_are_refused_at_once(pair, call, error, message, lazy):
    with pytest.raises(error, match=message):
        (pair.as_lazy() if lazy else pair).detect_dislocations(**call)


def test_short_work_shows_no_bar(pair, tiny_detector, capsys):
    pair.detect_dislocations("unet", weights=tiny_detector, show_progressbar=True)
    assert capsys.readouterr().out == ""
