"""Synthetic matches and networks with known truth."""

from dataclasses import dataclass

import numpy as np
import pytest

from hyperspy_stereo import geometry as g


@dataclass(frozen=True)
class Match:
    """What the matcher returns for one view, as results need it."""

    view: int
    points: np.ndarray
    disparity: np.ndarray
    sigma: np.ndarray
    confidence: np.ndarray
    line: np.ndarray
    status: np.ndarray


def wavy_lines(count=6, points=120, seed=0):
    """(N, 3) points of curved lines inside 400 x 300 px, 100 px deep, and their labels."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, points)
    xyz = []
    for i in range(count):
        x = 60 + 280 * t
        y = 30 + 40 * i + 8 * np.sin(6 * t + rng.uniform(0, 6))
        z = 50 * np.sin(3 * t + rng.uniform(0, 6))
        xyz.append(np.column_stack([x, y, z]))
    return np.vstack(xyz), np.repeat(np.arange(count), points)


def matches_of(xyz, line, incidence, geometry="tiltless", centre=(199.5, 149.5)):
    """One perfect match per view."""
    seen = g.project(xyz, incidence, geometry, centre)
    scale = g.disparity_per_depth(g.stereo_angle(incidence), geometry)
    ones = np.ones(len(xyz))
    return [
        Match(
            v,
            xy,
            xyz[:, 2] * scale,
            0.2 * ones,
            0.9 * ones,
            line.copy(),
            np.zeros(len(xyz), np.uint8),
        )
        for v, xy in enumerate(seen)
    ]


@pytest.fixture
def lines():
    return wavy_lines()


@pytest.fixture
def make_matches():
    return matches_of
