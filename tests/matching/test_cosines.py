"""Cosines between descriptors of shifted points."""

import numpy as np
import pytest

from hyperspy_stereo.matching.cosines import cosine_volume
from hyperspy_stereo.matching.descriptor import describe, descriptor_network


def test_cosine_is_one_at_the_true_shift_and_nan_outside():
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    state = descriptor_network().state_dict()
    image = np.random.default_rng(5).normal(10.0, 1.0, (40, 80))
    a, b = describe(image[:, :60], state), describe(image[:, 4:64], state)
    shifts = np.column_stack([np.arange(-8, 9, 0.5), np.zeros(34)])
    found = cosine_volume(a, b, np.array([[30.0, 20.0], [3.0, 20.0]]), shifts)
    assert shifts[found[0].argmax(), 0] == -4.0
    assert np.isnan(found[1, 0]) and found[0].max() > 0.98


def test_shifts_along_the_rows_give_what_any_shifts_give():
    rng = np.random.default_rng(3)
    fields = rng.normal(size=(2, 6, 20, 30)).astype(np.float32)
    fields /= np.linalg.norm(fields, axis=1, keepdims=True)
    points = rng.uniform((-1, -1), (31, 21), (60, 2))
    points[:4] = [[0, 0], [29, 19], [29, 0.5], [10, 19]]
    along = np.arange(-12, 12.5, 0.5)
    rows = cosine_volume(*fields, points, np.column_stack([along, 0 * along]))
    # a shift that leaves the row, however little, takes the general way
    slanted = cosine_volume(*fields, points, np.column_stack([along, 0 * along - 1e-9]))
    inside = np.isfinite(slanted)
    assert inside.mean() > 0.4
    assert rows[inside] == pytest.approx(slanted[inside], abs=1e-4)
    assert np.isnan(rows).mean() < 0.6
