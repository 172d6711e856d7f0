"""Loads a file of a scan or of images, and says what to do where a file cannot be used as it is."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SCAN_TYPE = "Diffraction4D-Stereo"
# Formats whose readers cannot leave the data on disk.
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif"}
# Start of a .blo file: ID, MAGIC, offsets of the map and of the patterns, flags, pattern size,
# rotation, columns and rows of the scan; each pattern follows 6 bytes of its own.
BLO_HEADER = "<6sHIIIHHHH"
BLO_MARK = 6


def load(
    filename: str | Path,
    navigation_shape: Sequence[int] | None = None,
    lazy: bool = True,
    **reader_arguments: object,
):
    """Load a 4D-STEM scan, a series of patterns or an image through HyperSpy.

    ``hyperspy.api.load`` works as well; this adds the checks that its readers leave out, and
    turns scans into :class:`~hyperspy_stereo.Diffraction4DStereo`.

    Parameters
    ----------
    filename : str or Path
        A ``.mib``, ``.dm3``, ``.dm4``, ``.blo``, ``.emd``, ``.tvips``, ``.hspy``, ``.zspy`` or any
        other file that HyperSpy reads.
    navigation_shape : (int, int), optional
        Columns and rows of the scan, for files that hold only a series of patterns. By default
        as the file says.
    lazy : bool, default True
        Leave the data on disk until they are needed; images of formats that cannot do so are
        read at once.
    **reader_arguments
        Passed to ``hyperspy.api.load``, for example ``reader="..."`` where several fit.

    Returns
    -------
    Diffraction4DStereo
        For scans and for series of ``.mib`` and ``.tvips`` patterns, with the cross of a quad
        detector in ``metadata.Stereo.dead_pixels`` where there is one.
    hyperspy.api.signals.Signal2D
        For images and series of images, ready for
        :meth:`StereoPair.from_images <hyperspy_stereo.StereoPair.from_images>`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is raw, truncated, damaged, of an unknown kind, a folder, holds spectra or
        several data sets, or does not fit `navigation_shape`.
    TypeError
        If the file's reader does not know one of `reader_arguments`.

    Examples
    --------
    >>> s = load("scan.mib", navigation_shape=(256, 256))  # doctest: +SKIP
    """
    path = Path(filename)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r} (in {Path.cwd()}).")
    if path.is_dir() and path.suffix.lower() != ".zspy":
        raise ValueError(f"{str(path)!r} is a folder: give the file in it that is to be loaded.")
    shape = None if navigation_shape is None else _navigation_shape(navigation_shape)
    arguments = {**_reader_arguments(path, shape), **reader_arguments}
    signal = _read(path, arguments, lazy and path.suffix.lower() not in PICTURES)
    if shape is not None:
        signal = _with_shape(signal, shape, path)
    return _as_scan(signal, path)


def _navigation_shape(value: Sequence[int]) -> tuple[int, int]:
    whole = all(isinstance(n, int | np.integer) and n > 0 for n in np.atleast_1d(value).tolist())
    if np.shape(value) != (2,) or not whole:
        raise ValueError(
            f"navigation_shape must be (columns, rows), two whole numbers above 0, got {value!r}."
        )
    return int(value[0]), int(value[1])


def _reader_arguments(path: Path, shape: tuple[int, int] | None) -> dict:
    """What the file's reader is told, after checks that it does not make itself."""
    ending = path.suffix.lower()
    if ending == ".mib":
        from hyperspy_stereo.views.mib import check_frames

        check_frames(path, shape)
        return {} if shape is None else {"navigation_shape": shape}
    if ending == ".tvips":
        if not path.stem.endswith("000"):
            raise ValueError(
                f"{path.name} is a later part of a series: load the file that ends in _000.tvips; "
                "the other parts are read with it."
            )
        return {} if shape is None else {"scan_shape": shape[::-1]}
    if ending == ".blo":
        _check_blo(path)
    return {}


def _check_blo(path: Path) -> None:
    """Refuse a cut .blo: the reader fills it with zeros, or fails once the data are needed."""
    with path.open("rb") as stream:
        start = stream.read(struct.calcsize(BLO_HEADER))
    if len(start) < struct.calcsize(BLO_HEADER):
        raise ValueError(
            f"{path.name} has {len(start)} bytes, which is not even the header of a .blo file: "
            "copy or export it again."
        )
    *_, offset, _, side, _, columns, rows = struct.unpack(BLO_HEADER, start)
    whole, size = offset + columns * rows * (side**2 + BLO_MARK), path.stat().st_size
    if side * columns * rows == 0 or size < whole:
        raise ValueError(
            f"{path.name} is cut short or damaged: its header tells of {columns} x {rows} patterns "
            f"of {side} x {side} px, {whole} bytes, and the file has {size}. Copy or export it "
            "again."
        )


def _read(path: Path, arguments: dict, lazy: bool):
    import hyperspy.api as hs

    try:
        signal = hs.load(path, lazy=lazy, **arguments)
    except (ImportError, MemoryError, PermissionError):
        raise
    except Exception as error:  # readers fail in any way on what they do not expect
        if isinstance(error, TypeError) and "keyword argument" in str(error):
            raise
        raise ValueError(_unreadable(path, arguments, error)) from error
    if isinstance(signal, list):
        listed = "; ".join(f"[{i}] {s}" for i, s in enumerate(signal))
        raise ValueError(
            f"{path.name} holds {len(signal)} data sets: load it by hs.load(...)[i] with the one "
            f"you need, then set_signal_type({SCAN_TYPE!r}). They are: {listed}."
        )
    if signal.axes_manager.signal_dimension == 1:
        raise ValueError(
            f"{path.name} holds spectra ({signal}); patterns or images with two signal axes are "
            "needed."
        )
    return signal


def _unreadable(path: Path, arguments: dict, error: Exception) -> str:
    """What a reader failed with, and what can be done."""
    from rsciio import IO_PLUGINS

    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    reason = next(iter(str(error).strip().splitlines()), "no message")
    text = f"{path.name} cannot be read ({name}: {reason})"
    if "reader" in arguments:
        return f"{text} by reader={arguments['reader']!r}: leave `reader` out, or name another one."
    ending = path.suffix.lower().lstrip(".")
    if not any(ending in plugin["file_extensions"] for plugin in IO_PLUGINS):
        return (
            f"{text}: HyperSpy has no reader for files that end in {path.suffix!r}. Export the "
            'data as .mib, .dm4, .hspy or .tif, or name the format by reader="...".'
        )
    return (
        f"{text}: it may be damaged, cut short, or of a kind that HyperSpy's reader does not know; "
        "copy it again from where it was recorded, or export it again."
    )


def _with_shape(signal, shape: tuple[int, int], path: Path):
    """Give a series of patterns the shape of its scan, where the reader did not."""
    axes = signal.axes_manager
    if axes.navigation_shape == shape:
        return signal
    if axes.navigation_size != shape[0] * shape[1]:
        raise ValueError(
            f"{path.name} holds {axes.navigation_size} patterns (scan {axes.navigation_shape}), "
            f"which is not a scan of {shape[0]} columns x {shape[1]} rows = {shape[0] * shape[1]}."
        )
    data = signal.data.reshape((*shape[::-1], *signal.data.shape[-2:]))
    scan = [
        {"name": n, "size": s, "navigate": True} for n, s in zip("yx", shape[::-1], strict=True)
    ]
    detector = [axis.get_axis_dictionary() for axis in axes.signal_axes[::-1]]
    reshaped = type(signal)(data, axes=[*scan, *detector])
    reshaped.metadata.add_dictionary(signal.metadata.as_dictionary())
    reshaped.original_metadata.add_dictionary(signal.original_metadata.as_dictionary())
    return reshaped


def _as_scan(signal, path: Path):
    series = path.suffix.lower() in (".mib", ".tvips", ".blo")
    axes = signal.axes_manager
    if axes.navigation_dimension < 2 and not (series and axes.navigation_dimension == 1):
        return signal
    signal.set_signal_type(SCAN_TYPE)
    return signal
