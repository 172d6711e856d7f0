"""Single images put together as one stack of views."""

from __future__ import annotations

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_stereo.geometry.parallax import check_geometry
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._view_stack import ViewStack


def as_list(images) -> list:
    """Single images of a list, a stack or a signal of a stack."""
    if isinstance(images, BaseSignal):
        if images.axes_manager.navigation_dimension != 1:
            raise ValueError(
                "images must be a list of 2-D images or one stack with a single navigation axis, "
                f"got {images}."
            )
        return [images.inav[i] for i in range(images.axes_manager.navigation_size)]
    if hasattr(images, "ndim") and images.ndim != 3:
        raise ValueError(
            f"images must be a list of 2-D images or one stack (N, H, W), got shape {images.shape}."
        )
    if not isinstance(images, list | tuple | np.ndarray) and not hasattr(images, "dask"):
        raise TypeError(
            f"images must be a list of 2-D images or one stack (N, H, W), got {images!r}."
        )
    return list(images)


def stacked(images: dict, geometry: str, pixel_size: float, units: str) -> ViewStack:
    """Check, stack and label single images as a StereoPair without directions."""
    from hyperspy_stereo.signals.stereo_pair import LazyStereoPair, StereoPair

    check_geometry(geometry)
    arrays, first = [], None
    for name, image in images.items():
        is_signal = isinstance(image, BaseSignal)
        if (
            not is_signal
            and not hasattr(image, "__array__")
            and not isinstance(image, list | tuple)
        ):
            raise TypeError(
                f"{name} must be a signal or an array, got {type(image).__name__}; load a file "
                "first, for example hs.load('a.dm4')."
            )
        if is_signal and image.axes_manager.signal_dimension != 2:
            raise ValueError(f"{name} must be an image with two signal axes, got {image}.")
        keep = is_signal or hasattr(image, "dask") or isinstance(image, np.ma.MaskedArray)
        array = (image.data if is_signal else image) if keep else _as_array(image, name)
        arrays.append(_checks.image_array(array, name))
        if not hasattr(array, "dask"):
            _checks.finite_image(array, name)
        first = image if first is None and is_signal else first
    _same_grid(images, arrays)
    lazy = any(hasattr(a, "dask") for a in arrays)
    if lazy:
        import dask.array as da

        arrays = [a if hasattr(a, "dask") else da.from_array(a) for a in arrays]
    data = (da if lazy else np).stack(arrays)
    axes = _axes(first, data.shape, pixel_size, units)
    metadata = {} if first is None else first.metadata.as_dictionary()
    metadata.pop("_HyperSpy", None)
    metadata.setdefault("Signal", {})["signal_type"] = StereoPair._signal_type
    pair = (LazyStereoPair if lazy else StereoPair)(data, axes=axes, metadata=metadata)
    if first is not None:
        pair.original_metadata.add_dictionary(first.original_metadata.as_dictionary())
    return pair


def _as_array(image, name: str) -> np.ndarray:
    try:
        return np.asarray(image)
    except ValueError as error:
        raise ValueError(f"{name} is no image: its rows differ in length.") from error


def _same_grid(images: dict, arrays: list) -> None:
    """Refuse images that differ in size or calibration."""
    shapes = {name: array.shape for name, array in zip(images, arrays, strict=True)}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{n}: {s[1]} x {s[0]}" for n, s in shapes.items())
        raise ValueError(
            f"the images differ in size ({listed} px): crop or rebin them to one size first, for "
            "example right.isig[:512, :512]."
        )
    scales = {
        name: tuple((a.scale, str(a.units)) for a in image.axes_manager.signal_axes)
        for name, image in images.items()
        if isinstance(image, BaseSignal)
    }
    reference = next(iter(scales.values()), None)
    for name, scale in scales.items():
        for (size, unit), (size0, unit0) in zip(scale, reference, strict=True):
            if unit != unit0 or not np.isclose(size, size0, rtol=1e-3):
                raise ValueError(
                    f"the images differ in calibration ({next(iter(scales))}: {size0:g} {unit0}, "
                    f"{name}: {size:g} {unit} per px): give both the same magnification or "
                    "calibration before pairing them."
                )


def _axes(first: BaseSignal | None, shape: tuple, pixel_size: float, units: str) -> list[dict]:
    """Axes of a stack of views, from a signal's calibration or from what the user says."""
    size = _checks.real_number(pixel_size, "pixel_size", "units of `units` per px")
    if size <= 0:
        raise ValueError(f"pixel_size must be above 0, got {size:g}.")
    if not isinstance(units, str) or not units:
        raise TypeError(f"units must be text such as 'nm', got {units!r}.")
    scale, offset, unit = (size, size), (0.0, 0.0), units
    if first is not None:
        x, y = first.axes_manager.signal_axes
        calibrated = isinstance(x.units, str) and x.units not in ("", "px")
        said = (size, units) != (1.0, "px")
        if calibrated and said and not (x.units == units and np.isclose(x.scale, size, rtol=1e-3)):
            raise ValueError(
                f"the images are calibrated as {x.scale:g} {x.units}/px but pixel_size={size:g} "
                f"{units} was given: leave pixel_size out, or correct the images' axes."
            )
        if calibrated:
            scale, offset, unit = (y.scale, x.scale), (y.offset, x.offset), x.units
    names = ("y", "x")
    image = [
        {"name": n, "size": shape[i + 1], "scale": scale[i], "offset": offset[i], "units": unit}
        for i, n in enumerate(names)
    ]
    return [{"name": "view", "size": shape[0], "navigate": True}, *image]
