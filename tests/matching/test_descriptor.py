"""The learned descriptor: what it sees, and what the matcher makes of it."""

import numpy as np
import pytest

from hyperspy_stereo.matching import MatchSettings, match_views
from hyperspy_stereo.matching.descriptor import describe, descriptor_input, descriptor_network

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(3)
    return descriptor_network().state_dict()


def _image(seed=0, shape=(48, 64)):
    return np.random.default_rng(seed).normal(10.0, 1.0, shape)


def test_descriptors_are_unit_vectors_of_the_image_size(state):
    found = describe(_image(), state)
    assert found.shape == (24, 48, 64) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1, atol=1e-5)


def test_a_shifted_image_has_shifted_descriptors(state):
    wide = _image(1, (48, 90))
    a, b = descriptor_input(wide)[:, :64], descriptor_input(wide)[:, 7:71]
    inner = slice(10, -20)
    with torch.no_grad():
        model = descriptor_network()
        model.load_state_dict(state)
        fa, fb = (model(torch.from_numpy(x.copy())[None, None])[0].numpy() for x in (a, b))
    np.testing.assert_allclose(fa[:, :, 7:][:, :, inner], fb[:, :, :-7][:, :, inner], atol=1e-4)


def test_brightness_and_gain_do_not_matter(state):
    image = _image(2)
    np.testing.assert_allclose(describe(image, state), describe(7 * image - 3, state), atol=2e-3)


@pytest.mark.parametrize("along_rows", [True, False])
def test_tiles_leave_no_seam(state, monkeypatch, along_rows):
    image = _image(4, (300, 60))
    monkeypatch.setattr("hyperspy_stereo.matching.descriptor._TILE", 300)
    whole = describe(image, state)
    monkeypatch.setattr("hyperspy_stereo.matching.descriptor._TILE", 64)
    np.testing.assert_allclose(describe(image, state, along_rows), whole, atol=1e-5)


def test_the_order_in_memory_does_not_change_a_descriptor(state):
    image = _image(7)
    np.testing.assert_array_equal(describe(image, state, True), describe(image, state, False))


def test_it_sees_eleven_rows_and_seventeen_columns(state):
    model = descriptor_network()
    model.load_state_dict(state)
    x = torch.zeros(1, 1, 31, 41, requires_grad=True)
    model(x)[0, :, 15, 20].sum().backward()
    rows, columns = np.nonzero(x.grad[0, 0].numpy())
    assert np.ptp(rows) + 1 <= 11 and np.ptp(columns) + 1 <= 17


def test_match_views_takes_weights_and_kinds(state):
    masks = np.zeros((2, 48, 64), bool)
    masks[0, 8:40, 20:23] = masks[1, 8:40, 24:27] = True
    images = np.where(masks, 0.5, 1.0) + 0.01 * _image(6)
    for kind, weights in (("learned", state), ("correlation", None), (None, state)):
        left = match_views(images, masks, settings=MatchSettings(descriptor=kind), weights=weights)
        assert abs(np.median(left[0].disparity) - 4) < 0.3


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="descriptor='magic'"):
        match_views(
            np.zeros((2, 32, 32)),
            np.ones((2, 32, 32), bool),
            settings=MatchSettings(descriptor="magic"),
        )
