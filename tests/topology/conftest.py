"""Masks whose topology is known."""

from types import SimpleNamespace

import numpy as np
import pytest


def disc(shape, centre, radius):
    i, j = np.indices(shape)
    return np.hypot(i - centre[0], j - centre[1]) <= radius


def annulus(shape=(64, 64), centre=(32, 32), inner=8, outer=12):
    return disc(shape, centre, outer) & ~disc(shape, centre, inner - 1e-9)


def figure_eight():
    return annulus((64, 96), (32, 32)) | annulus((64, 96), (32, 55))


def discs(k):
    mask = np.zeros((40, 30 * k), bool)
    for n in range(k):
        mask |= disc(mask.shape, (20, 15 + 30 * n), 4 + n)
    return mask


def nested_rings(k):
    shape = (16 * k + 20,) * 2
    mask = np.zeros(shape, bool)
    for n in range(k):
        mask |= annulus(shape, (8 * k + 10,) * 2, 8 * n + 4, 8 * n + 7)
    return mask


def broken_line(m, gap=4, length=20):
    """A line along the columns with m gaps."""
    mask = np.zeros((21, (m + 1) * length + m * gap), bool)
    for n in range(m + 1):
        start = n * (length + gap)
        mask[9:12, start : start + length] = True
    return mask


def random_lines(seed=0, side=96, count=6):
    """Straight lines, 3 px wide, that stay away from the edge of the frame."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((side, side), bool)
    for _ in range(count):
        a, b = rng.uniform(14, side - 14, (2, 2))
        for t in np.linspace(0, 1, 3 * side):
            y, x = np.rint(a + t * (b - a)).astype(int)
            mask[y - 1 : y + 2, x - 1 : x + 2] = True
    return mask


@pytest.fixture(scope="session")
def shapes():
    """Functions that draw masks whose topology is known."""
    return SimpleNamespace(
        disc=disc,
        annulus=annulus,
        figure_eight=figure_eight,
        discs=discs,
        nested_rings=nested_rings,
        broken_line=broken_line,
        random_lines=random_lines,
    )
