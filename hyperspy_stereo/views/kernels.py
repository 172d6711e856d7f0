"""Sums of diffraction patterns under detector masks, in compiled loops.

A mask is kept as runs, the pieces of pattern rows that it covers, so that a projection reads each
pixel under a detector once and no other one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, types
from numba.extending import overload
from numpy.typing import NDArray


@dataclass(frozen=True)
class Runs:
    """Detector masks as runs along pattern rows.

    Attributes
    ----------
    table : numpy.ndarray
        (n, 5) int32, one row per run: view, row, first column, column after the last, position
        of its weights.
    bounds : numpy.ndarray
        (M + 1,) first run of each of M versions of the masks, which differ by a shift of less
        than a pixel, and the number of runs.
    weights : numpy.ndarray or None
        float32 weights of all runs, one after the other; None where all are one.
    n_views : int
        Number of masks.
    shape : tuple of int
        (H, W) of the masks.
    """

    table: NDArray[np.int32]
    bounds: NDArray[np.int64]
    weights: NDArray[np.float32] | None
    n_views: int
    shape: tuple[int, int]

    @property
    def counting(self) -> bool:
        """Whether all weights are one, so that sums of counts are whole numbers."""
        return self.weights is None


def runs_of(*versions: NDArray) -> Runs:
    """Runs of detector masks.

    Parameters
    ----------
    *versions : numpy.ndarray
        (V, H, W) masks, bool or numbers; zeros are outside. Several arrays are versions of the
        same masks, one of which is used for a frame.

    Returns
    -------
    Runs
        With no weights where all masks hold only zeros and ones.

    Examples
    --------
    >>> runs_of(np.array([[[0, 1, 1, 0], [0, 0, 0, 1]]])).table[:, :4].tolist()
    [[0, 0, 1, 3], [0, 1, 3, 4]]
    """
    tables, weights, position = [], [], 0
    for masks in versions:
        inside = np.zeros((*masks.shape[:2], masks.shape[2] + 2), np.int8)
        inside[:, :, 1:-1] = masks != 0
        edges = np.diff(inside, axis=2)
        view, row, first = np.nonzero(edges == 1)
        last = np.nonzero(edges == -1)[2]
        starts = position + np.cumsum(last - first) - (last - first)
        tables.append(np.stack([view, row, first, last, starts], axis=1).astype(np.int32))
        weights.append(masks[masks != 0])
        position += weights[-1].size
    values = np.concatenate(weights)
    bounds = np.cumsum([0, *map(len, tables)])
    return Runs(
        table=np.concatenate(tables),
        bounds=bounds,
        weights=None if (values == 1).all() else values.astype(np.float32),
        n_views=masks.shape[0],
        shape=masks.shape[1:],
    )


def _run_sum(row, swap):
    # Only the name: compiled code finds what it overloads to.
    raise NotImplementedError


@overload(_run_sum)
def _run_sum_typed(row, swap):
    """Sum of a contiguous piece of a row; the accumulator is as narrow as is exact.

    Each type has its own loop: one that branches on the byte order does not vectorise.
    """
    swapped = not isinstance(swap, types.NoneType)

    def narrow(row, swap):
        # 65536 pixels of 16 bits fit into 32 bits, and narrow lanes are the fast ones.
        acc = np.uint32(0)
        for i in range(row.size):
            acc = np.uint32(acc + np.uint32(row[i]))
        return float(acc)

    def narrow_swapped(row, swap):
        acc = np.uint32(0)
        for i in range(row.size):
            x = row[i]
            acc = np.uint32(acc + np.uint32(np.uint16((x << 8) | (x >> 8))))
        return float(acc)

    def long_swapped(row, swap):
        acc = np.int64(0)
        for i in range(row.size):
            x = row[i]
            acc += np.int64(
                np.uint32((x << 24) | ((x & 0xFF00) << 8) | ((x >> 8) & 0xFF00) | (x >> 24))
            )
        return float(acc)

    def whole(row, swap):
        acc = np.int64(0)
        for i in range(row.size):
            acc += np.int64(row[i])
        return float(acc)

    def real(row, swap):
        acc = 0.0
        for i in range(row.size):
            acc += row[i]
        return acc

    if row.dtype in (types.uint8, types.uint16):
        return narrow_swapped if swapped else narrow
    if swapped:
        return long_swapped
    return whole if isinstance(row.dtype, types.Integer) else real


def _weighted_sum(row, weights, swap):
    # As `_run_sum`.
    raise NotImplementedError


@overload(_weighted_sum)
def _weighted_sum_typed(row, weights, swap):
    """Weighted sum of a piece of a row, in float32 where the numbers have at most 16 bits."""
    swapped = not isinstance(swap, types.NoneType)

    def narrow(row, weights, swap):
        acc = np.float32(0)
        for i in range(row.size):
            acc += np.float32(row[i]) * weights[i]
        return float(acc)

    def narrow_swapped(row, weights, swap):
        acc = np.float32(0)
        for i in range(row.size):
            x = row[i]
            acc += np.float32(np.uint16((x << 8) | (x >> 8))) * weights[i]
        return float(acc)

    def wide(row, weights, swap):
        acc = 0.0
        for i in range(row.size):
            acc += float(row[i]) * weights[i]
        return acc

    def long_swapped(row, weights, swap):
        acc = 0.0
        for i in range(row.size):
            x = row[i]
            x = np.uint32((x << 24) | ((x & 0xFF00) << 8) | ((x >> 8) & 0xFF00) | (x >> 24))
            acc += float(x) * weights[i]
        return acc

    if row.dtype in (types.uint8, types.uint16, types.float32):
        return narrow_swapped if swapped else narrow
    return long_swapped if swapped else wide


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def sum_under(frames, rows, left, swap, table, bounds, weights, moves, out):
    """Add the sums of frames under runs to `out`.

    Parameters
    ----------
    frames : array (n, R, C)
        Frames, or the rows and columns of them that are needed.
    rows : int array (H,)
        Place of each pattern row in `frames`, -1 where it is not there.
    left : int
        Pattern column of the first column of `frames`.
    swap : True or None
        True where `frames` holds unsigned numbers of 16 or 32 bits in the other byte order.
    table, bounds, weights : arrays
        Of `Runs`; `weights` is None for runs that count.
    moves : int array (n, 3)
        By how many columns and rows the masks move in each frame, and which version of them is
        used. What leaves the pattern is lost.
    out : float array (n, V)
        The sums are added to it.
    """
    height = rows.size
    width = frames.shape[2]
    for n in range(frames.shape[0]):
        dx = moves[n, 0] - left
        dy = moves[n, 1]
        for k in range(bounds[moves[n, 2]], bounds[moves[n, 2] + 1]):
            y = table[k, 1] + dy
            if y < 0 or y >= height or rows[y] < 0:
                continue
            first = max(table[k, 2] + dx, 0)
            last = min(table[k, 3] + dx, width)
            if last <= first:
                continue
            # The row is sliced first: an index into a 3-D array keeps the loop from vectorising.
            row = frames[n, rows[y]][first:last]
            if weights is None:
                out[n, table[k, 0]] += _run_sum(row, swap)
            else:
                start = table[k, 4] + first - (table[k, 2] + dx)
                part = weights[start : start + last - first]
                out[n, table[k, 0]] += _weighted_sum(row, part, swap)


# The C library's pread, by its name so that compiled functions can be kept on disk. Called from
# here it needs no interpreter lock, for which threads would wait longer than for the data.
_pread = types.ExternalFunction(
    "pread", types.intp(types.intc, types.uintp, types.uintp, types.int64)
)


@njit(nogil=True, cache=True)
def sum_from_file(
    descriptor, positions, spans, buffer, rows, swap, table, bounds, weights, moves, out
):
    """Read rows of frames from a file into a buffer, a few frames at a time, and sum them.

    Parameters
    ----------
    descriptor : int
        Of the open file.
    positions : int array (n,)
        Where frames begin in the file, bytes.
    spans : int array (S, 2)
        Where in a frame the rows that are read begin, and how many bytes they are.
    buffer : array (k, R, W)
        Room for k frames' rows.
    rows, swap, table, bounds, weights, moves, out
        As `sum_under` takes them.

    Returns
    -------
    int
        Number of frames that were read: less than n where the file ends early.
    """
    depth = buffer.shape[0]
    for start in range(0, positions.size, depth):
        stop = min(start + depth, positions.size)
        target = buffer.ctypes.data
        for n in range(start, stop):
            for k in range(spans.shape[0]):
                done = 0
                while done < spans[k, 1]:
                    place = positions[n] + spans[k, 0] + done
                    got = _pread(descriptor, target + done, spans[k, 1] - done, place)
                    if got <= 0:
                        return n
                    done += got
                target += spans[k, 1]
        sum_under(
            buffer[: stop - start],
            rows,
            0,
            swap,
            table,
            bounds,
            weights,
            moves[start:stop],
            out[start:stop],
        )
    return positions.size
