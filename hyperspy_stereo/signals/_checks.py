"""Checks of what users hand to signal methods, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real

import numpy as np

from hyperspy_stereo.geometry.incidence import check_stereo_angle


def real_number(value: object, name: str, unit: str) -> float:
    """Return `value` as a finite float, or raise an error that names it."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | np.number):
        raise TypeError(f"{name} must be a number ({unit}), got {value!r}.")
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"{name} must be finite ({unit}), got {value!r}.")
    return number


def method_options(
    method: str, settings: Mapping[str, object], options: Mapping[str, Iterable[str]], call: str
) -> None:
    """Refuse a method or an option that there is not; say to which method an option belongs."""
    if method not in options:
        raise ValueError(f"method must be one of {tuple(options)}, got {method!r}.")
    for name in settings:
        if name in options[method]:
            continue
        owners = [m for m, names in options.items() if name in names]
        if owners:
            raise ValueError(
                f"{name} is an option of method={owners[0]!r}, but the method is {method!r}: leave "
                f"it out, or call {call}(method={owners[0]!r}, {name}=...)."
            )
        raise TypeError(
            f"{name} is no option of {call}(method={method!r}); there are "
            f"{', '.join(options[method])}."
        )


def stereo_angle(value: object) -> float:
    """Return a stereo angle in degrees that parallax can be measured with."""
    return check_stereo_angle(real_number(value, "stereo_angle", "degrees"))


def number_array(value: object, name: str) -> np.ndarray:
    """Return `value` as an array of floats, or raise an error that names it."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, got {value!r}.") from error


def image_array(image: np.ndarray, name: str) -> np.ndarray:
    """Return a real 2-D image that is large enough to follow a line in, unchanged."""
    if isinstance(image, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, and its mask would be lost: fill it first, for example by "
            f"{name}.filled({name}.mean())."
        )
    if np.iscomplexobj(image):
        raise TypeError(f"{name} is complex; give a real image, for example abs({name}).")
    if image.dtype.names:
        raise TypeError(
            f"{name} is a colour picture; change its type first, for example "
            "image.change_dtype('uint8'), and take one channel."
        )
    if image.dtype == object or image.dtype.kind not in "buif":
        raise TypeError(f"{name} has dtype {image.dtype}; give an image of numbers.")
    if image.ndim != 2:
        raise ValueError(f"{name} must be one 2-D image, got an array of shape {image.shape}.")
    if min(image.shape) < 16:
        raise ValueError(
            f"{name} has {image.shape[0]} x {image.shape[1]} pixels; at least 16 x 16 are needed "
            "to follow a line."
        )
    return image


def finite_image(image: np.ndarray, name: str) -> np.ndarray:
    """Refuse pixels that are not numbers: no filter gives a right picture with them."""
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int(np.size(image) - np.isfinite(image).sum())
        raise ValueError(
            f"{name} holds {bad} pixels that are NaN or infinite; replace them first, for example "
            f"by numpy.nan_to_num({name}, nan=numpy.nanmedian({name}))."
        )
    return image


def azimuth_list(values: Sequence[float], n_views: int) -> np.ndarray:
    """Return azimuths in degrees, one for each view, no two the same."""
    azimuths = number_array(values, "azimuths").ravel()
    if azimuths.size != n_views:
        raise ValueError(
            f"{n_views} images need {n_views} azimuths (degrees), got {azimuths.size}."
        )
    if not np.isfinite(azimuths).all():
        raise ValueError(f"azimuths must be finite (degrees), got {azimuths.tolist()}.")
    turned = np.sort(np.mod(azimuths, 360))
    gaps = np.diff(np.append(turned, turned[0] + 360))
    if n_views > 1 and gaps.min() < 1e-6:
        raise ValueError(
            f"azimuths {azimuths.tolist()} name one direction twice: two views from the same "
            "direction hold no depth."
        )
    return azimuths
