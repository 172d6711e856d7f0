"""A small network with known places."""

import numpy as np
import pytest

from hyperspy_stereo.results import DislocationNetwork


@pytest.fixture
def network():
    """Three lines in a foil of 200 x 100 x 60 nm: shallow, middle and deep."""
    t = np.linspace(0, 1, 40)
    lines = [
        np.column_stack([20 + 160 * t, 20 + 30 * i + 5 * np.sin(6 * t), np.full(40, z)])
        for i, z in enumerate((-25.0, 0.0, 25.0))
    ]
    return DislocationNetwork(
        np.vstack(lines),
        np.repeat(np.arange(3), 40),
        sigma=np.linspace(0.5, 3, 120),
        confidence=np.linspace(0.5, 1, 120),
        units="nm",
        pixel_size=2.0,
        image_shape=(50, 100),
    ).set_foil_thickness(60)


@pytest.fixture
def empty():
    return DislocationNetwork([], [], units="nm", image_shape=(50, 100))
