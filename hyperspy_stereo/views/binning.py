"""Sum patterns into many small cells of the disc at once, for the calibrations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numba
import numpy as np

from hyperspy_stereo.views.disc import Disc

if TYPE_CHECKING:
    from dask.array import Array


def bin_patterns(
    stack: np.ndarray | Array, labels: np.ndarray, descan: np.ndarray | None = None
) -> np.ndarray:
    """Sum every pattern over labelled groups of pixels, in one pass.

    Parameters
    ----------
    stack
        (Ny, Nx, H, W) counts, NumPy or dask (read block by block).
    labels
        (H, W) int: 0 .. n-1 is the group of a pixel, negative for none.
    descan
        (2, 3) plane of `fit_descan`; the groups follow it to the nearest pixel.

    Returns
    -------
    (n, Ny, Nx) float32
        One virtual image per group, always in memory.

    Raises
    ------
    ValueError
        If the stack is not a 4-D scan or the labels do not fit its patterns.

    Examples
    --------
    >>> bin_patterns(np.ones((2, 3, 4, 4), np.uint8), np.eye(4, dtype=int) - 1)[0, 0, 0]
    np.float32(4.0)
    """
    if getattr(stack, "ndim", 0) != 4 or min(stack.shape) < 1:
        raise ValueError(
            "A scan of patterns (Ny, Nx, H, W) is needed here; got shape "
            f"{getattr(stack, 'shape', None)}."
        )
    if labels.shape != stack.shape[2:]:
        raise ValueError(
            f"The labels have shape {labels.shape}, the patterns {stack.shape[2:]}: build them "
            "for these patterns."
        )
    labels = np.ascontiguousarray(labels, np.int32)
    shifts = _pixel_shifts(stack.shape[:2], descan)
    n = int(labels.max()) + 1
    if isinstance(stack, np.ndarray):
        return _bin_rows(stack, labels, shifts, n)
    whole = stack.rechunk({2: -1, 3: -1})

    def one_block(block, block_info=None):
        (y0, y1), (x0, x1) = block_info[0]["array-location"][:2]
        part = shifts[:, y0:y1, x0:x1]
        return np.moveaxis(_bin_block(block, labels, part, n), -1, 0)

    import dask.array as da

    sums = da.map_blocks(
        one_block,
        whole,
        dtype=np.float32,
        drop_axis=(2, 3),
        new_axis=0,
        chunks=((n,), *whole.chunks[:2]),
        meta=np.empty((0, 0, 0), np.float32),
    )
    return sums.compute()


def square_cells(
    disc: Disc, shape: tuple[int, int], across: int, reach: float = 0.92
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the disc into square cells of whole pixels.

    Parameters
    ----------
    disc
        From `fit_disc`.
    shape
        (H, W) of the patterns.
    across
        Wanted number of cells across the disc; at least one pixel each.
    reach
        Largest distance from the centre, disc radii; less than 1 keeps the rim out.

    Returns
    -------
    labels : (H, W) int32
        Cell of each pixel, -1 outside.
    places : (n, 2) float64
        Mean (x, y) of the pixels of each cell from the disc centre, disc radii.
    """
    size = max(1, round(2 * disc.radius / across))
    y, x = np.indices(shape)
    u, v = (x - disc.centre[0]) / disc.radius, (y - disc.centre[1]) / disc.radius
    column = np.floor((x - disc.centre[0]) / size + 0.5).astype(int)
    row = np.floor((y - disc.centre[1]) / size + 0.5).astype(int)
    return _compact(np.hypot(u, v) < reach, row, column, u, v, 0.5 * size * size)


def band_cells(
    disc: Disc,
    shape: tuple[int, int],
    azimuth_deg: float,
    centre: float,
    half_width: float,
    cells: tuple[int, int],
    reach: float = 0.92,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a band of the disc into oblong cells along and across it.

    Parameters
    ----------
    disc, shape, reach
        As for `square_cells`.
    azimuth_deg
        Direction of the band, degrees in detector axes.
    centre, half_width
        Of the band along its normal (-sin, cos), disc radii.
    cells
        Number along the whole disc and number across the band.

    Returns
    -------
    labels, places
        As `square_cells`.
    """
    phi = np.deg2rad(azimuth_deg)
    y, x = np.indices(shape)
    u, v = (x - disc.centre[0]) / disc.radius, (y - disc.centre[1]) / disc.radius
    along = u * np.cos(phi) + v * np.sin(phi)
    off = v * np.cos(phi) - u * np.sin(phi) - centre
    inside = (np.hypot(u, v) < reach) & (np.abs(off) < half_width)
    column = np.floor((along + reach) * cells[0] / (2 * reach)).astype(int)
    row = np.floor((off + half_width) * cells[1] / (2 * half_width)).astype(int)
    area = 4 * reach * half_width * disc.radius**2 / (cells[0] * cells[1])
    return _compact(inside, row, column, u, v, 0.4 * area)


def _compact(inside, row, column, u, v, least):
    """Number the cells that hold enough pixels, and average their positions."""
    labels = np.full(inside.shape, -1, np.int32)
    keys = np.stack([row[inside], column[inside]])
    _, index, counts = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    kept = counts >= min(least, counts.max())
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    labels[inside] = number[index.ravel()]
    chosen = labels[labels >= 0]
    size = np.bincount(chosen)
    places = [np.bincount(chosen, weights=c[labels >= 0]) / size for c in (u, v)]
    return labels, np.stack(places, axis=1)


def _pixel_shifts(scan_shape, descan) -> np.ndarray:
    """(2, Ny, Nx) whole-pixel shift (x, y) of the disc at each scan position."""
    ny, nx = scan_shape
    if descan is None:
        return np.zeros((2, ny, nx), np.int32)
    y, x = np.indices(scan_shape, dtype=float)
    offset = np.stack([x - (nx - 1) / 2, y - (ny - 1) / 2])
    shift = np.tensordot(np.asarray(descan, float)[:, :2], offset, 1)
    return np.round(shift).astype(np.int32)


def _bin_rows(stack, labels, shifts, n) -> np.ndarray:
    """Scan rows in threads; the kernel releases the interpreter lock."""
    out = np.empty((n, *stack.shape[:2]), np.float32)

    def one_row(j):
        out[:, j] = _bin_block(stack[j : j + 1], labels, shifts[:, j : j + 1], n)[0].T

    with ThreadPoolExecutor(numba.get_num_threads()) as pool:
        list(pool.map(one_row, range(stack.shape[0])))
    return out


def _bin_block(block, labels, shifts, n) -> np.ndarray:
    block = np.asarray(block)
    if block.dtype.kind not in "uif":
        block = block.astype(np.float32)
    # compiled code reads only the machine's own byte order
    block = np.ascontiguousarray(block, block.dtype.newbyteorder("="))
    out = np.zeros((*block.shape[:2], n), np.float32)
    _accumulate(block, labels, np.ascontiguousarray(shifts), out)
    return out


@numba.njit(nogil=True, cache=True)
def _accumulate(block, labels, shifts, out):
    ny, nx, height, width = block.shape
    for y in range(ny):
        for x in range(nx):
            sx, sy = shifts[0, y, x], shifts[1, y, x]
            frame = block[y, x]
            for j in range(max(sy, 0), min(height, height + sy)):
                for i in range(max(sx, 0), min(width, width + sx)):
                    cell = labels[j - sy, i - sx]
                    if cell >= 0:
                        out[y, x, cell] += frame[j, i]
