"""The scene in k3d, or what is said where it is not installed."""

import sys

import numpy as np
import pytest

from hyperspy_stereo.viewer.camera import to_y_up


def test_a_missing_k3d_is_explained(network, monkeypatch):
    monkeypatch.setitem(sys.modules, "k3d", None)
    with pytest.raises(ImportError, match=r"hyperspy_stereo\[k3d\]"):
        network.plot(backend="k3d")


def test_k3d_gets_the_same_lines_and_camera(network):
    pytest.importorskip("k3d")
    plot = network.plot(backend="k3d")
    tubes = next(part for part in plot.objects if part.name == "lines")
    vertices = np.asarray(tubes.vertices)
    nearest = np.linalg.norm(to_y_up(network.points)[:, None] - vertices[None], axis=2).min(axis=1)
    assert nearest.max() < 2
    towards = np.subtract(plot.camera[:3], plot.camera[3:6])
    from hyperspy_stereo.viewer.camera import Camera

    np.testing.assert_allclose(towards / np.linalg.norm(towards), Camera().axes()[2], atol=1e-6)
