"""Which rows and columns of a block of patterns the detectors need, and their sums over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_stereo.views.kernels import Runs, sum_under

# A copy of this size stays in a core's second-level cache.
BUFFER_BYTES = 2**18


@dataclass(frozen=True)
class Window:
    """The part of a pattern that is read.

    Attributes
    ----------
    spans : list of tuple of int
        Intervals of pattern rows, first and one after the last.
    columns : tuple of int
        First column and the column after the last.
    rows : numpy.ndarray
        (H,) place of each pattern row among the rows that are read, -1 where it is not read.
    """

    spans: list[tuple[int, int]]
    columns: tuple[int, int]
    rows: NDArray[np.int64]

    @property
    def height(self) -> int:
        """Number of rows that are read."""
        return sum(last - first for first, last in self.spans)


def window_of(runs: Runs, moves: NDArray, origin=(0, 0), shape=None, gap: int = 0) -> Window:
    """Rows and columns under masks in any of their places.

    Parameters
    ----------
    runs : Runs
        Masks as runs.
    moves : numpy.ndarray
        (n, 3) whole-pixel moves in x and y, and versions.
    origin, shape : tuple of int, optional
        First row and column of the part of the pattern that there is, and its shape. Default:
        the whole pattern.
    gap : int, default=0
        Rows between two intervals up to which they are read as one.

    Returns
    -------
    Window
        In rows and columns of the whole pattern.
    """
    height, width = runs.shape
    shape = runs.shape if shape is None else shape
    last_row, last_column = origin[0] + shape[0], origin[1] + shape[1]
    low, high = moves[:, :2].min(axis=0), moves[:, :2].max(axis=0)
    used = np.zeros(height, bool)
    for row in np.unique(runs.table[:, 1]):
        used[max(row + low[1], 0) : max(row + high[1] + 1, 0)] = True
    used[: origin[0]] = False
    used[last_row:] = False
    first = max(runs.table[:, 2].min(initial=width) + low[0], origin[1])
    last = min(runs.table[:, 3].max(initial=0) + high[0], last_column)
    index = np.flatnonzero(used)
    rows = np.full(height, -1, np.int64)
    if index.size == 0 or last <= first:
        return Window([], (0, 0), rows)
    breaks = np.flatnonzero(np.diff(index) > gap + 1)
    firsts = index[np.r_[0, breaks + 1]]
    lasts = index[np.r_[breaks, index.size - 1]] + 1
    spans = [(int(a), int(b)) for a, b in zip(firsts, lasts, strict=True)]
    kept = np.concatenate([np.arange(a, b) for a, b in spans])
    rows[kept] = np.arange(kept.size)
    return Window(spans, (int(first), int(last)), rows)


def sum_block(block: NDArray, runs: Runs, moves: NDArray, origin=(0, 0)) -> NDArray[np.float64]:
    """Sums of a block of patterns, or of a part of each, under the masks.

    The rows and columns that are needed go through a small buffer, a few patterns at a time: a
    straight copy into the cache is faster than short runs read from memory, and the block is never
    converted as a whole.

    Parameters
    ----------
    block : numpy.ndarray
        (n, h, w) patterns, or a part of them, of any real type and byte order.
    runs : Runs
        Masks as runs.
    moves : numpy.ndarray
        (n, 3) moves and versions of the masks.
    origin : tuple of int, default=(0, 0)
        Row and column of the pattern at which the block's patterns begin.

    Returns
    -------
    numpy.ndarray
        (n, V) float64.
    """
    out = np.zeros((len(block), runs.n_views))
    window = window_of(runs, moves, origin, block.shape[1:])
    if len(block) == 0 or not window.spans:
        return out
    if block.dtype == bool:
        block = block.view(np.uint8)
    swap, native, target = _reading_type(block.dtype)
    if native is not None:
        block = block.view(native)
    first, last = window.columns
    depth = max(1, BUFFER_BYTES // (window.height * (last - first) * target.itemsize))
    buffer = np.empty((min(depth, len(block)), window.height, last - first), target)
    for start in range(0, len(block), depth):
        stop = min(start + depth, len(block))
        piece, place = buffer[: stop - start], 0
        for a, b in window.spans:
            part = block[start:stop, a - origin[0] : b - origin[0]]
            piece[:, place : place + b - a] = part[:, :, first - origin[1] : last - origin[1]]
            place += b - a
        chosen = moves[start:stop]
        sum_under(
            piece,
            window.rows,
            first,
            swap,
            runs.table,
            runs.bounds,
            runs.weights,
            chosen,
            out[start:stop],
        )
    return out


def _reading_type(dtype: np.dtype):
    """Whether the kernel swaps bytes (True or None), the view to take, the buffer's type."""
    native = dtype.newbyteorder("=")
    if not dtype.isnative and native == np.uint16:
        return True, native, native
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        return None, None, np.dtype(np.float32 if dtype.itemsize == 2 else np.float64)
    return None, None, native
