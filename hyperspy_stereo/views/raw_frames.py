"""Reading a lazy scan's file directly where the scan is still the untouched file.

A file of frames with headers between them (``.mib``, ``.blo``) arrives as a dask array
over a memory map. For a few detectors, page faults and the rows that no detector needs cost more
than the sums: here only the rows under the detectors are read, into a buffer that stays in the
processor's cache.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hyperspy_stereo.views.blocks import BUFFER_BYTES, Window, window_of
from hyperspy_stereo.views.kernels import Runs, sum_from_file

if TYPE_CHECKING:
    from dask.array import Array

# Rows that are cheaper to read along than to start another read for.
_GAP_ROWS = 16
# Frames of one task: enough to hide its cost, few enough for all cores to end together.
_TASK_BYTES = 2**26


@dataclass(frozen=True)
class FrameFile:
    """Where the frames of a scan lie in a file.

    Attributes
    ----------
    path : str
        The file.
    offset : int
        Position of the first frame's data, bytes.
    stride : int
        Bytes from one frame to the next.
    dtype : numpy.dtype
        Type of the pixels, with its byte order.
    shape : tuple of int
        (Ny, Nx, H, W) or (N, H, W).
    flipped : bool
        Whether the rows of a pattern are in reverse order in the file.
    size : int
        Size of the file in bytes when it was looked at.
    """

    path: str
    offset: int
    stride: int
    dtype: np.dtype
    shape: tuple[int, ...]
    flipped: bool
    size: int

    @property
    def scan(self) -> tuple[int, int]:
        """Rows and columns of the scan; a series is one row."""
        rows, columns = (1, *self.shape[:-2])[-2:]
        return rows, columns


def untouched_file(stack: Array) -> FrameFile | None:
    """The file behind a lazy stack, if the stack is that file and nothing else.

    The stack's graph names the file and its layout. The same array is built anew from these; only
    if dask gives it the same name, which it derives from all that was done to an array, the stack
    is still what the reader made.

    Parameters
    ----------
    stack : dask.array.Array
        As HyperSpy's signals hold it.

    Returns
    -------
    FrameFile or None
        None where the stack was sliced, changed, rechunked or read in another way, or where the
        file has changed its size: use the stack itself then.

    Examples
    --------
    >>> import dask.array as da
    >>> untouched_file(da.zeros((4, 4, 8, 8))) is None
    True
    """
    call = _reader_call(stack)
    if not hasattr(os, "pread") or call is None or len(stack.shape) not in (3, 4):
        return None
    dtype, key = call["dtypes"], call["key"]
    field, place = (dtype, 0) if key is None else dtype.fields[key][:2]
    pixels, frame = field.base, field.shape
    known = pixels.itemsize <= 4 and (
        pixels.kind == "u" or (pixels.kind == "i" and pixels.isnative)
    )
    # The reader drops scan axes of one pixel.
    full = [int(n) for n in call["shape"]]
    if not known or len(frame) != 2 or (*(n for n in full if n > 1), *frame) != stack.shape:
        return None
    path = os.fspath(call["file"])
    try:
        size = Path(path).stat().st_size
    except OSError:
        return None
    count = int(np.prod(call["shape"]))
    if call["offset"] + count * dtype.itemsize > size:
        return None
    flipped = _is_flipped(stack, call)
    if flipped is None:
        return None
    shape = tuple(map(int, stack.shape))
    return FrameFile(
        path, int(call["offset"]) + place, dtype.itemsize, pixels, shape, flipped, size
    )


def _reader_call(stack) -> dict | None:
    """Arguments of rosettasciio's memory map, from the stack's graph."""
    for name, layer in stack.dask.layers.items():
        if not name.startswith("slice_memmap"):
            continue
        call = getattr(getattr(layer, "task", None), "kwargs", None)
        wanted = {"file", "shape", "dtypes", "offset", "key", "order", "positions"}
        if call is None or not wanted <= set(call):
            return None
        plain = isinstance(call["dtypes"], np.dtype) and isinstance(
            call["file"], (str, os.PathLike)
        )
        return dict(call) if plain and call["order"] == "C" and not call["positions"] else None
    return None


def _is_flipped(stack, call: dict) -> bool | None:
    """Whether the stack is the file's array (False), that array upside down (True), or neither."""
    from rsciio.utils.file import memmap_distributed

    given = iter(stack.chunks)
    chunks = tuple((1,) if n == 1 else next(given) for n in (*call["shape"], *stack.shape[-2:]))
    for flipped in (True, False):
        # Chunks are those of the file's own order of rows.
        source = (*chunks[:-2], chunks[-2][::-1], chunks[-1]) if flipped else chunks
        array = memmap_distributed(
            call["file"],
            call["dtypes"],
            offset=call["offset"],
            shape=call["shape"],
            chunks=source,
            key=call["key"],
        ).squeeze()
        if flipped:
            array = np.flip(array, axis=-2)
        if array.name == stack.name:
            return flipped
    return None


def project_file(file: FrameFile, runs: Runs, moves: NDArray, dtype: np.dtype | type) -> Array:
    """Lazy sums of a file's frames under masks.

    Parameters
    ----------
    file : FrameFile
        The frames.
    runs : Runs
        Masks as runs.
    moves : numpy.ndarray
        (Ny, Nx, 3) moves and versions of the masks.
    dtype : dtype
        Type of the result.

    Returns
    -------
    dask.array.Array
        (V, Ny, Nx), in chunks of whole scan rows, or (V, N).
    """
    import dask.array as da

    rows, columns = file.scan
    frames = max(1, min(_TASK_BYTES // file.stride, -(-rows * columns // 16)))
    if len(file.shape) == 3:
        pieces, tail = _pieces(columns, frames), ()
    else:
        pieces, tail = _pieces(rows, max(1, frames // columns)), ((columns,),)
    return da.map_blocks(
        _sum_piece,
        chunks=((runs.n_views,), pieces, *tail),
        dtype=dtype,
        meta=np.empty((0,) * (2 + len(tail)), dtype),
        file=file,
        runs=runs,
        moves=moves,
        out_type=dtype,
    )


def _pieces(length: int, step: int) -> tuple[int, ...]:
    return tuple(min(step, length - start) for start in range(0, length, step))


def _sum_piece(file=None, runs=None, moves=None, out_type=None, block_info=None) -> NDArray:
    location = block_info[None]["array-location"][1:]
    (start, stop), scan = location[0], moves.shape[:2]
    index = np.arange(scan[0] * scan[1]).reshape(scan)
    part = index[start:stop] if len(location) == 2 else index[:, start:stop]
    sums = read_sums(file, part.ravel(), runs, moves.reshape(-1, 3)[part.ravel()])
    shape = (runs.n_views, *(b - a for a, b in location))
    return np.moveaxis(sums, -1, 0).reshape(shape).astype(out_type, copy=False)


def read_sums(file: FrameFile, frames: NDArray, runs: Runs, moves: NDArray) -> NDArray[np.float64]:
    """Sums of frames of a file under masks, reading only the rows under them.

    Parameters
    ----------
    file : FrameFile
        The frames.
    frames : numpy.ndarray
        (n,) numbers of the frames in the file.
    runs : Runs
        Masks as runs.
    moves : numpy.ndarray
        (n, 3) moves and versions of the masks.

    Returns
    -------
    numpy.ndarray
        (n, V) float64.

    Raises
    ------
    ValueError
        If the file has become shorter.
    """
    out = np.zeros((len(frames), runs.n_views))
    window = window_of(runs, moves, gap=_GAP_ROWS)
    if not window.spans or len(frames) == 0:
        return out
    height, width = file.shape[-2:]
    rows, spans = _as_in_file(window, height) if file.flipped else (window.rows, window.spans)
    line = width * file.dtype.itemsize
    depth = min(max(1, BUFFER_BYTES // (window.height * line)), len(frames))
    buffer = np.empty((depth, window.height, width), file.dtype.newbyteorder("="))
    places = np.array([(first * line, (last - first) * line) for first, last in spans], np.int64)
    with Path(file.path).open("rb", buffering=0) as stream:
        read = sum_from_file(
            stream.fileno(),
            file.offset + np.asarray(frames, np.int64) * file.stride,
            places,
            buffer,
            rows,
            None if file.dtype.isnative else True,
            runs.table,
            runs.bounds,
            runs.weights,
            moves,
            out,
        )
    if read < len(frames):
        raise ValueError(
            f"{file.path} ends before its last frame: it held {file.size} bytes when it was "
            "loaded; load it again"
        )
    return out


def _as_in_file(window: Window, height: int) -> tuple[NDArray, list[tuple[int, int]]]:
    """Rows and spans of a window for a file that holds the last row first."""
    spans = [(height - last, height - first) for first, last in window.spans][::-1]
    rows = np.where(window.rows >= 0, window.height - 1 - window.rows, -1)
    return rows, spans
