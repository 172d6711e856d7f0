"""From a scan of diffraction patterns to the views of virtual detectors, in one pass."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperspy_stereo.views.blocks import sum_block
from hyperspy_stereo.views.kernels import Runs, runs_of
from hyperspy_stereo.views.raw_frames import project_file, untouched_file

if TYPE_CHECKING:
    from dask.array import Array

# Masks with soft edges follow the descan in steps of a quarter of a pixel.
_SUBPIXEL_STEPS = 4


def project(
    stack: NDArray | Array, masks: ArrayLike, descan: ArrayLike | None = None
) -> NDArray | Array:
    """Images of the scan that virtual detectors see, all of them in one pass over the data.

    Only the pixels under the detectors are read, each of them once per detector; the data are
    never converted or copied as a whole. A lazy stack that is still the untouched file is read
    from the file directly.

    Parameters
    ----------
    stack : numpy.ndarray or dask.array.Array
        (Ny, Nx, H, W) scan of patterns, (N, H, W) series or one (H, W) pattern, of a real type
        and any byte order.
    masks : array_like
        (V, H, W) detectors, bool or weights.
    descan : array_like, optional
        (2, 3) motion of the disc over the scan: at the scan pixel (ix, iy) it lies at
        ``D[:, :2] @ (ix - (Nx - 1) / 2, iy - (Ny - 1) / 2) + D[:, 2]`` px (x, y) from where the
        masks expect it. The masks follow it: soft ones in steps of a quarter of a pixel by
        linear interpolation, those of zeros and ones in whole pixels, so that sums of counts
        stay whole. What moves out of the pattern is lost. Default: the disc stays.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        (V, Ny, Nx), (V, N) or (V,) sums. NumPy for NumPy; dask for dask, along the existing
        chunks. float64 that hold exact whole numbers where integers are summed under masks of
        zeros and ones, float64 for float64 data, else float32.

    Raises
    ------
    TypeError
        If the data or masks are not real numbers.
    ValueError
        If shapes do not fit, a mask is empty, or NaN or infinite numbers lie under a detector
        (for dask arrays when it is computed).

    Examples
    --------
    >>> stack = np.arange(2 * 3 * 4 * 4, dtype=">u2").reshape(2, 3, 4, 4)
    >>> masks = np.zeros((1, 4, 4), bool)
    >>> masks[0, 1, 1:3] = True
    >>> project(stack, masks)
    array([[[ 11.,  43.,  75.],
            [107., 139., 171.]]])
    """
    lazy = hasattr(stack, "dask")
    if not lazy:
        stack = np.asarray(stack)
    masks = check_masks(masks, stack)
    scan = stack.shape[:-2]
    runs, moves = place_masks(masks, descan, scan)
    dtype = np.float64 if stack.dtype == np.float64 or _exact(runs, stack.dtype) else np.float32
    if lazy:
        file = untouched_file(stack)
        if file is not None:
            return project_file(file, runs, moves, dtype)
        return _project_lazy(stack, runs, moves, dtype)
    sums = _sum_eager(stack.reshape((1,) * (2 - len(scan)) + stack.shape), runs, moves)
    return sums.reshape(runs.n_views, *scan).astype(dtype, copy=False)


def _exact(runs: Runs, dtype: np.dtype) -> bool:
    return runs.weights is None and dtype.kind in "uib"


def check_masks(masks: ArrayLike, stack: NDArray | Array) -> NDArray:
    """Masks as an array, checked against the stack that they are meant for.

    Raises
    ------
    TypeError, ValueError
        As `project`.
    """
    masks = np.asarray(masks)
    if stack.dtype.kind not in "uifb" or masks.dtype.kind not in "uifb":
        raise TypeError(
            f"patterns and masks must be real numbers, not {stack.dtype} and {masks.dtype}"
        )
    if not 2 <= len(stack.shape) <= 4:
        raise ValueError(
            f"a scan has 1 or 2 navigation axes, this stack of shape {stack.shape} has "
            f"{len(stack.shape) - 2}: choose one scan first, as with signal.inav[:, :, 0]"
        )
    if 0 in stack.shape:
        raise ValueError(f"the stack is empty: its shape is {stack.shape}")
    if masks.ndim != 3:
        raise ValueError(
            f"masks must be (views, rows, columns), not of shape {masks.shape}: use masks[None] "
            "for a single one"
        )
    if masks.shape[1:] != tuple(stack.shape[-2:]):
        raise ValueError(
            f"the masks are made for patterns of {masks.shape[1:]}, these are "
            f"{tuple(stack.shape[-2:])} (rows, columns)"
        )
    if not np.isfinite(masks).all():
        raise ValueError("the masks hold NaN or infinite numbers")
    empty = np.flatnonzero(~masks.any(axis=(1, 2)))
    if len(masks) == 0 or empty.size:
        raise ValueError(f"masks {empty.tolist()} of {len(masks)} cover no pixel")
    return masks


def place_masks(
    masks: NDArray, descan: ArrayLike | None, scan: tuple[int, ...]
) -> tuple[Runs, NDArray[np.int64]]:
    """Runs of the masks, and where they lie at each scan position.

    Parameters
    ----------
    masks : numpy.ndarray
        (V, H, W) masks.
    descan : array_like or None
        (2, 3) motion of the disc over the scan, see `project`.
    scan : tuple of int
        Shape of the scan: (Ny, Nx), (N,) or ().

    Returns
    -------
    Runs
        Masks in as many sub-pixel versions as are needed.
    numpy.ndarray
        (Ny, Nx, 3) whole-pixel moves in x and y, and versions; Ny is 1 for a series.

    Raises
    ------
    ValueError
        If `descan` is not a finite (2, 3) plane.
    """
    rows, columns = (1,) * (2 - len(scan)) + tuple(scan)
    moves = np.zeros((rows, columns, 3), np.int64)
    if descan is None:
        return runs_of(masks), moves
    descan = np.asarray(descan, float)
    if descan.shape != (2, 3) or not np.isfinite(descan).all():
        raise ValueError(
            f"descan must be a finite (2, 3) plane, as fit_descan gives it, not {descan.tolist()}"
        )
    iy, ix = np.mgrid[:rows, :columns].astype(float)
    place = np.stack([ix - (columns - 1) / 2, iy - (rows - 1) / 2], axis=-1)
    shift = place @ descan[:, :2].T + descan[:, 2]
    whole = bool(((masks == 0) | (masks == 1)).all())
    steps = 1 if whole else _SUBPIXEL_STEPS
    fine = np.rint(shift * steps).astype(np.int64)
    moves[..., :2] = fine // steps
    fraction = fine % steps
    code = fraction[..., 1] * steps + fraction[..., 0]
    used, version = np.unique(code, return_inverse=True)
    moves[..., 2] = version.reshape(code.shape)
    versions = [_shifted(masks, (c % steps) / steps, (c // steps) / steps) for c in used]
    return runs_of(*versions), moves


def _shifted(masks: NDArray, x: float, y: float) -> NDArray:
    """Masks moved right and down by less than a pixel, by linear interpolation."""
    if x == 0 and y == 0:
        return masks
    moved = masks * (1 - y)
    moved[:, 1:] += masks[:, :-1] * y
    along = moved * (1 - x)
    along[:, :, 1:] += moved[:, :, :-1] * x
    return along


def _check_sums(sums: NDArray) -> NDArray:
    """One bad pixel makes its sum bad, so that the sums tell without a pass over the data."""
    bad = ~np.isfinite(sums)
    if bad.any():
        raise ValueError(
            f"NaN or infinite numbers lie under the detectors in {int(bad.any(axis=-1).sum())} "
            "patterns: replace them first, as with numpy.nan_to_num"
        )
    return sums


def workers() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _sum_eager(stack: NDArray, runs: Runs, moves: NDArray) -> NDArray[np.float64]:
    """(V, Ny, Nx) sums of a (Ny, Nx, H, W) array; the threads share its scan rows."""
    rows, columns = stack.shape[:2]
    sums = np.empty((rows, columns, runs.n_views))
    # Pieces of a row let threads share a series too, and end together.
    pieces = max(1, min(columns, -(-8 * workers() // rows)))
    edges = np.linspace(0, columns, pieces + 1).astype(int)
    parts = [np.s_[row, a:b] for row in range(rows) for a, b in pairwise(edges)]

    def fill(part) -> None:
        sums[part] = sum_block(stack[part], runs, moves[part])

    with ThreadPoolExecutor(workers()) as pool:
        for _ in pool.map(fill, parts):
            pass
    return np.moveaxis(_check_sums(sums), -1, 0)


def _project_lazy(stack, runs: Runs, moves: NDArray, dtype):
    import dask.array as da

    scan = stack.shape[:-2]
    full = stack.reshape((1,) * (2 - len(scan)) + stack.shape) if len(scan) < 2 else stack
    grid = full.chunks
    # Partial sums of chunks that hold a part of the pattern get an axis each, to be added.
    parts = da.map_blocks(
        _sum_chunk,
        full,
        runs=runs,
        moves=moves,
        dtype=np.float64,
        meta=np.empty((0,) * 5),
        new_axis=[0],
        chunks=((runs.n_views,), grid[0], grid[1], (1,) * len(grid[2]), (1,) * len(grid[3])),
    )
    sums = parts.sum(axis=(-2, -1)) if len(grid[2]) * len(grid[3]) > 1 else parts[..., 0, 0]
    return sums.reshape(runs.n_views, *scan).map_blocks(_finish, out_type=dtype, dtype=dtype)


def _finish(sums: NDArray, out_type=None) -> NDArray:
    _check_sums(np.moveaxis(sums, 0, -1))
    return sums.astype(out_type, copy=False)


def _sum_chunk(chunk: NDArray, runs: Runs, moves: NDArray, block_info=None) -> NDArray:
    """(V, ny, nx, 1, 1) sums of one dask chunk."""
    (y0, y1), (x0, x1), (row, _), (column, _) = block_info[0]["array-location"]
    chosen = moves[y0:y1, x0:x1]
    sums = np.stack(
        [
            sum_block(patterns, runs, where, origin=(row, column))
            for patterns, where in zip(chunk, chosen, strict=True)
        ]
    )
    return np.moveaxis(sums, -1, 0)[..., None, None]
