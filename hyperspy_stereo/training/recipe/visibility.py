"""Which labelled lines drown in the noise of a sample."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

__all__ = ["drowned"]

LEAST_SIGNAL = 0.25  # contrast over noise of one pixel, rms over a piece of line
PIECE = 15.0  # px, side of the square over which a line is judged
GROUND = 19.0  # px, side of the square whose mean is a line's ground


def drowned(
    picture: np.ndarray, line: np.ndarray, dose: float, read_noise: float = 0.0, coarse: float = 1.0
) -> np.ndarray:
    """Pixels of lines that nobody could find: the noise hides them.

    Asking a network for them teaches it to see lines in noise.

    Parameters
    ----------
    picture : (h, w) ndarray
        What arrives at the detector before counting, on the grid that is recorded.
    line : (H, W) uint8 ndarray
        1 on lines, on the grid of the sample.
    dose : float
        Counts that a value of 1 stands for.
    read_noise : float, default 0
        Counts, rms.
    coarse : float, default 1
        Pixels of the sample in one of `picture`.

    Returns
    -------
    (H, W) bool ndarray

    Examples
    --------
    >>> line = np.zeros((64, 64), np.uint8)
    >>> line[:, 31:34] = 1
    >>> picture = 1 - 0.1 * line.astype(np.float32)
    >>> bool(drowned(picture, line, dose=2.0).any()), bool(drowned(picture, line, dose=200.0).any())
    (True, False)
    """
    step = 2.0 if coarse == 1.0 else coarse  # half the grid is enough to judge a line
    if coarse == 1.0:
        picture, seen = picture[::2, ::2], line[::2, ::2]
    else:
        rows, columns = (
            np.minimum(np.rint(np.arange(n) * step).astype(int), m - 1)
            for n, m in zip(picture.shape, line.shape, strict=True)
        )
        seen = line[np.ix_(rows, columns)]
    seen = seen.astype(np.float32)
    contrast = picture - ndi.uniform_filter(picture, max(round(GROUND / step), 3))
    # variance of the noise in one pixel of the sample, were it white
    noise = (np.maximum(picture, 1e-3) / dose + (read_noise / dose) ** 2) * coarse**2
    size = max(round(PIECE / step), 3)
    power = ndi.uniform_filter(seen * contrast**2 / noise, size)
    hidden = power < LEAST_SIGNAL**2 * ndi.uniform_filter(seen, size)
    rows, columns = (
        np.minimum((np.arange(n) / step + 0.5).astype(int), m - 1)
        for n, m in zip(line.shape, hidden.shape, strict=True)
    )
    return hidden[np.ix_(rows, columns)] & (line > 0)
