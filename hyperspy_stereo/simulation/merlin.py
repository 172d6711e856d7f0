"""Writing scans as Merlin ``.mib`` files with their ``.hdr``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Header code and pixel type of each counter depth; 1-bit frames are stored as bytes.
_COUNTERS = {1: ("U08", ">u1"), 6: ("U08", ">u1"), 12: ("U16", ">u2"), 24: ("U32", ">u4")}
_HEADER_BYTES = {"single": 384, "quad": 768}
_START = datetime(2024, 1, 1, 12, 0, 0)


def write_mib(
    path: str | Path,
    frames: NDArray | Iterable[NDArray],
    scan: tuple[int, ...],
    counter_depth: Literal[1, 6, 12, 24] = 12,
    detector: Literal["single", "quad"] = "single",
    dwell_ms: float = 1.0,
) -> Path:
    """Write patterns as a ``.mib`` file and a ``.hdr`` file beside it.

    Parameters
    ----------
    path : str or Path
        File to write; its name ends in ``.mib``.
    frames : numpy.ndarray or iterable of numpy.ndarray
        (Ny, Nx, H, W) or (N, H, W) counts, or blocks (n, H, W) of them in the order of the scan,
        so that a scan larger than the memory can be written.
    scan : tuple of int
        (Ny, Nx) of the scan, or (N,) of a series.
    counter_depth : {1, 6, 12, 24}
        Bits of the counter.
    detector : {"single", "quad"}
        One chip, with headers of 384 bytes, or four with headers of 768 bytes.
    dwell_ms : float, default=1
        Exposure of a frame.

    Returns
    -------
    Path
        The file. ``hs.load`` gives the patterns back as they are here: rows are written in
        reverse order, as the detector does. It finds the scan's shape from the time stamps, which
        have a pause after each scan row.

    Raises
    ------
    ValueError
        If counts do not fit into the counter, or the number of frames differs from the scan's.

    References
    ----------
    Quantum Detectors, Merlin software user manual, "MQ1" file format.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> counts = np.zeros((2, 3, 8, 8), int)
    >>> write_mib(Path(folder.name) / "scan.mib", counts, scan=(2, 3)).stat().st_size
    3072
    >>> folder.cleanup()
    """
    path = Path(path)
    if path.suffix != ".mib":
        raise ValueError(f"the file's name must end in .mib, not {path.name!r}")
    if counter_depth not in _COUNTERS or detector not in _HEADER_BYTES:
        raise ValueError(
            f"counter_depth must be one of {list(_COUNTERS)} and detector one of "
            f"{list(_HEADER_BYTES)}, not {counter_depth!r} and {detector!r}"
        )
    if not 1 <= len(scan) <= 2 or min(scan) < 1:
        raise ValueError(f"scan must be (rows, columns) or (frames,), not {tuple(scan)}")
    blocks = [frames.reshape(-1, *frames.shape[-2:])] if isinstance(frames, np.ndarray) else frames
    count, columns = 0, int(scan[-1])
    with path.open("wb") as stream:
        for block in blocks:
            _write_block(
                stream, np.asarray(block), count, columns, counter_depth, detector, dwell_ms
            )
            count += len(block)
    if count != np.prod(scan):
        raise ValueError(f"{count} frames were given for a scan of {tuple(scan)}")
    _write_hdr(path.with_suffix(".hdr"), count, counter_depth, detector)
    return path


def _write_block(stream, block, first, columns, counter_depth, detector, dwell_ms) -> None:
    if block.ndim != 3:
        raise ValueError(f"blocks of frames must be (n, H, W), not of shape {block.shape}")
    if block.size and (block.min() < 0 or block.max() >= 2**counter_depth):
        raise ValueError(
            f"counts from {block.min()} to {block.max()} do not fit into a counter of "
            f"{counter_depth} bits"
        )
    size = _HEADER_BYTES[detector]
    frame = np.dtype(
        [("header", np.bytes_, size), ("data", _COUNTERS[counter_depth][1], block.shape[1:])]
    )
    record = np.empty(len(block), frame)
    shape = block.shape[1:]
    record["header"] = [
        _header(first + k, shape, columns, counter_depth, detector, dwell_ms)
        for k in range(len(block))
    ]
    record["data"] = block[:, ::-1]
    record.tofile(stream)


def _header(number, shape, columns, counter_depth, detector, dwell_ms) -> bytes:
    # The flyback after each scan row is what readers tell the length of a row from.
    elapsed = number * dwell_ms + (number // columns) * 50 * dwell_ms
    time = _START + timedelta(milliseconds=elapsed)
    chips, layout, mask = ("04", "2x2", "0F") if detector == "quad" else ("01", "1x1", "01")
    dacs = "3RX," + ",".join(["100"] * 27)
    fields = [
        "MQ1",
        f"{number + 1:06d}",
        f"{_HEADER_BYTES[detector]:05d}",
        chips,
        f"{shape[1]:04d}",
        f"{shape[0]:04d}",
        _COUNTERS[counter_depth][0],
        f"   {layout}",
        mask,
        time.isoformat(sep=" ", timespec="microseconds"),
        f"{dwell_ms / 1e3:.6f}",
        "0,0,0",
        ",".join(["4.000000E+1"] + ["0.000000E+0"] * 7),
        ",".join([dacs] * int(chips)),
        "MQ1A",
        time.isoformat(timespec="microseconds") + "000Z",
        f"{round(dwell_ms * 1e6)}ns",
        f"{counter_depth}",
        "",
    ]
    return ",".join(fields).encode("ascii").ljust(_HEADER_BYTES[detector], b"\0")


def _write_hdr(path: Path, count: int, counter_depth: int, detector: str) -> None:
    lines = {
        "Time and Date Stamp (day, mnth, yr, hr, min, s)": _START.strftime("%d/%m/%Y %H:%M:%S"),
        "Assembly Size (NX1, 2X2)": "   2x2" if detector == "quad" else "   1x1",
        "Counter Depth (number)": counter_depth,
        "Gap Fill Mode": "None",
        "Frames in Acquisition (Number)": count,
        "Frames per Trigger (Number)": 1,
        "Readout System": "Merlin Quad" if detector == "quad" else "Merlin",
    }
    text = "HDR,\t\n" + "".join(f"{key}:\t{value}\n" for key, value in lines.items()) + "End\t"
    path.write_text(text.ljust(2048), encoding="ascii")
