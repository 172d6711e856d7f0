"""What a Merlin ``.mib`` file says of itself, and what must be known before it is loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_PIXEL_BYTES = {"U08": 1, "U16": 2, "U32": 4}
# Pixels along one side of a Medipix chip.
_CHIP = 256


@dataclass(frozen=True)
class MibInfo:
    """Layout of a ``.mib`` file.

    Attributes
    ----------
    path : Path
        The file.
    shape : tuple of int
        (H, W) of a pattern.
    frame_bytes : int
        Bytes of a frame with its header.
    frames : int
        Complete frames in the file.
    left_over : int
        Bytes after the last complete frame.
    announced : int or None
        Number of frames that the ``.hdr`` file announces, None without one.
    quad : bool
        Whether the detector has four chips, two by two.
    """

    path: Path
    shape: tuple[int, int]
    frame_bytes: int
    frames: int
    left_over: int
    announced: int | None
    quad: bool


def inspect_mib(path: str | Path) -> MibInfo:
    """Read the first header of a ``.mib`` file and the ``.hdr`` file beside it.

    Parameters
    ----------
    path : str or Path
        The ``.mib`` file.

    Returns
    -------
    MibInfo
        What they say, and how many frames there are.

    Raises
    ------
    ValueError
        If the file is empty, cut within its first frame, raw, or no ``.mib`` file.

    Examples
    --------
    >>> import tempfile
    >>> from hyperspy_stereo.simulation.merlin import write_mib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = write_mib(Path(folder.name) / "a.mib", np.zeros((2, 3, 8, 8), int), scan=(2, 3))
    >>> inspect_mib(path).frames
    6
    >>> folder.cleanup()
    """
    path = Path(path)
    with path.open("rb") as stream:
        head = stream.read(768)
    fields = head.split(b"\0")[0].decode("ascii", errors="replace").split(",")
    if not head:
        raise ValueError(f"{path.name} is empty: copy it again from the detector's computer")
    if fields[0] != "MQ1" or len(fields) < 8:
        raise ValueError(f"{path.name} does not begin with a Merlin header: it is no .mib file")
    if fields[6] not in _PIXEL_BYTES:
        raise ValueError(
            f"{path.name} is a raw .mib file (pixel type {fields[6]}), which HyperSpy does not "
            "read: record with the raw mode of Merlin's software off, or convert the file with "
            "it or with LiberTEM"
        )
    width, height = int(fields[4]), int(fields[5])
    frame_bytes = int(fields[2]) + width * height * _PIXEL_BYTES[fields[6]]
    frames, left_over = divmod(path.stat().st_size, frame_bytes)
    if frames == 0:
        raise ValueError(
            f"{path.name} is cut within its first frame: it holds {left_over} of "
            f"{frame_bytes} bytes; copy it again from the detector's computer"
        )
    quad = fields[7].strip() == "2x2"
    return MibInfo(path, (height, width), frame_bytes, frames, left_over, _announced(path), quad)


def _announced(path: Path) -> int | None:
    hdr = path.with_suffix(".hdr")
    if not hdr.exists():
        return None
    text = hdr.read_text(encoding="latin-1")
    found = re.search(r"^Frames in Acquisition \(Number\):\s*(\d+)", text, re.MULTILINE)
    # Continuous acquisitions announce 0 frames.
    return int(found[1]) or None if found else None


def check_frames(path: str | Path, navigation_shape: tuple[int, int] | None = None) -> MibInfo:
    """Refuse a ``.mib`` file that would be loaded as something else than was meant.

    HyperSpy's reader drops what is incomplete, or takes the first frames only, without saying so.

    Parameters
    ----------
    path : str or Path
        The ``.mib`` file.
    navigation_shape : tuple of int, optional
        (columns, rows) of the scan that the user asks for, or (frames,).

    Returns
    -------
    MibInfo
        The file's layout.

    Raises
    ------
    ValueError
        If the file holds fewer frames than announced and no shape is given, or another number
        than the shape needs; the message tells what to pass. Also as `inspect_mib`.
    """
    info = inspect_mib(path)
    name = info.path.name
    if navigation_shape is None:
        short = info.announced is not None and info.frames < info.announced
        if short or info.left_over:
            expected = f"{info.announced}" if short else f"{info.frames + 1} or more"
            raise ValueError(
                f"{name} is cut short: it holds {info.frames} complete frames of {expected}; pass "
                f"navigation_shape=(columns, rows) with the complete rows, columns x rows <= "
                f"{info.frames}, to load these"
            )
        return info
    wanted = int(np.prod(navigation_shape))
    columns = int(navigation_shape[0])
    if wanted > info.frames:
        rows = info.frames // columns
        if len(navigation_shape) == 1 or rows == 0:
            advice = f"at most {info.frames} frames can be loaded"
        else:
            advice = f"pass navigation_shape=({columns}, {rows}) for the complete rows"
        raise ValueError(
            f"navigation_shape={tuple(navigation_shape)} needs {wanted} frames, {name} holds "
            f"{info.frames}: {advice}"
        )
    cut = info.left_over or (info.announced is not None and info.frames < info.announced)
    if wanted < info.frames and not cut:
        raise ValueError(
            f"navigation_shape={tuple(navigation_shape)} needs {wanted} frames, {name} holds "
            f"{info.frames}: check (columns, rows). To take the first frames on purpose, load with "
            "hyperspy.api.load(..., navigation_shape=...) and set_signal_type"
        )
    return info


def quad_cross(source: str | Path | MibInfo) -> NDArray[np.bool_] | None:
    """Pixels of a quad detector that lie along the seams of its chips.

    These pixels are about three times as large as the others, or, where the software has put in
    gap pixels (514 and more instead of 512), hold no counts of their own.

    Parameters
    ----------
    source : str, Path or MibInfo
        The ``.mib`` file or what `inspect_mib` found.

    Returns
    -------
    numpy.ndarray or None
        (H, W) bool, True along the cross; None for a detector of one chip.
    """
    info = source if isinstance(source, MibInfo) else inspect_mib(source)
    return seam_cross(info.shape) if info.quad else None


def seam_cross(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels along the seams of a detector of two by two chips.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of a pattern, whole or cut symmetrically about the middle.

    Returns
    -------
    numpy.ndarray
        (H, W) bool, True along the cross.

    Examples
    --------
    >>> cross = seam_cross((512, 512))
    >>> np.flatnonzero(cross[0]).tolist()
    [255, 256]
    """
    cross = np.zeros(shape, bool)
    gap = max(max(shape) - 2 * _CHIP, 0)
    for axis, length in enumerate(shape):
        # A region of interest of a quad is cut symmetrically about its middle.
        first = (length - gap) // 2 - 1
        seam = slice(max(first, 0), first + gap + 2)
        cross[(seam, slice(None)) if axis == 0 else (slice(None), seam)] = True
    return cross
