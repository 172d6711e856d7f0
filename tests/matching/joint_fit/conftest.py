"""Views of lines drawn by another way than the fit's: distances to a dense cloud of points."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hyperspy_stereo.geometry import project


def _dense(curve, factor=8):
    at, k = np.linspace(0, len(curve) - 1, len(curve) * factor), np.arange(len(curve))
    return np.column_stack([np.interp(at, k, curve[:, j]) for j in range(3)])


@pytest.fixture(scope="session")
def render():
    """Transmittance (V, H, W) of lines."""

    def drawn(curves, incidence, shape, contrast=0.3, width=1.8, geometry="tiltless"):
        y, x = np.mgrid[: shape[0], : shape[1]]
        grid = np.column_stack([x.ravel(), y.ravel()])
        centre = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
        out = np.ones((len(incidence), shape[0] * shape[1]))
        for curve in curves:
            for v, xy in enumerate(project(_dense(curve), incidence, geometry, centre)):
                far, _ = cKDTree(xy).query(grid, distance_upper_bound=6 * width)
                out[v] *= 1 - contrast * np.exp(-0.5 * (np.minimum(far, 99) / width) ** 2)
        return out.reshape(-1, *shape)

    return drawn


@pytest.fixture(scope="session")
def depth_error():
    """Depth of points minus that of the nearest point of the true line."""

    def error(line, curve):
        dense = _dense(curve, 20)
        _, nearest = cKDTree(dense[:, :2]).query(line[:, :2])
        return line[:, 2] - dense[nearest, 2]

    return error


@pytest.fixture(scope="session")
def rough_start():
    """A line as a matcher gives it: off in depth by `depth`, jitter across."""

    def start(curve, rng, depth=5.0, across=0.4):
        points = curve[::3].copy()
        points[:, 2] += depth
        points[:, :2] += rng.normal(0, across, (len(points), 2))
        return points

    return start
