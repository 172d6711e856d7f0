"""Loads a file of a scan or of images, and says what to do where a file cannot be used as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

SCAN_TYPE = "Diffraction4D-Stereo"
# Formats whose readers cannot leave the data on disk.
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif"}


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
        If the file is raw, truncated, holds spectra or several data sets, or does not fit
        `navigation_shape`.

    Examples
    --------
    >>> s = load("scan.mib", navigation_shape=(256, 256))  # doctest: +SKIP
    """
    path = Path(filename)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r} (in {Path.cwd()}).")
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
    return {}


def _read(path: Path, arguments: dict, lazy: bool):
    import hyperspy.api as hs

    try:
        signal = hs.load(path, lazy=lazy, **arguments)
    except (NotImplementedError, IndexError, KeyError, ZeroDivisionError, AssertionError) as error:
        raise ValueError(
            f"{path.name} cannot be read ({type(error).__name__}: {error}): it may be damaged, cut "
            "short, or of a kind that HyperSpy's reader does not know; export it again."
        ) from error
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
