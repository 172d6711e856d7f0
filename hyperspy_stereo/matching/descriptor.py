"""A learned descriptor of every pixel's surroundings, alike in both views where a line is alike."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from hyperspy_stereo.matching.smoothing import gaussian

if TYPE_CHECKING:
    import torch

__all__ = [
    "CHANNELS",
    "WIDTHS",
    "cosine_volume",
    "describe",
    "descriptor_input",
    "descriptor_network",
    "shipped_weights",
]

CHANNELS = 24  #: numbers that describe a pixel
WIDTHS = (16, 24, 24)  #: channels of the hidden layers
NAME = "descriptor"  # of the shipped weights
# Kernel and dilation (rows, columns) of the layers: together they see 11 rows and 17 columns.
_LAYERS = (((3, 5), (1, 1)), ((3, 3), (1, 2)), ((3, 3), (2, 2)), ((3, 3), (1, 2)))
_PAD = (5, 8)
_GROUND = 12.0  # px, sigma of the surroundings that a picture is normalised by
_CLIP = 4.0
_MOST_PARTS = 16  # different parts of a pixel that shifts along a row may have
_TILE = 128  # rows at once: what a layer gives of them stays in the cache


def descriptor_input(image: np.ndarray) -> np.ndarray:
    """Return a view with its slow changes of brightness and of contrast taken out.

    Parameters
    ----------
    image : (H, W) ndarray
        View, any units.

    Returns
    -------
    (H, W) float32 ndarray
        Difference from the local mean (Gaussian, 12 px) in units of the local standard deviation,
        which is taken as a quarter of the whole view's at least, within +-4.

    Examples
    --------
    >>> import numpy as np
    >>> descriptor_input(np.full((32, 32), 7.0)).max()
    np.float32(0.0)
    """
    image = np.asarray(image, np.float32)
    image = image - np.float32(image.mean())
    spread = float(image.std())
    if spread <= 1e-12:
        return np.zeros_like(image)
    image = image / np.float32(spread)
    mean = gaussian(image, _GROUND, 2.5)
    away = image - mean
    variance = gaussian(away * away, _GROUND, 2.5)
    floor = 0.25 * float(np.sqrt(variance.mean()))
    return np.clip(away / np.maximum(np.sqrt(variance), max(floor, 1e-6)), -_CLIP, _CLIP)


def descriptor_network(
    widths: tuple[int, ...] = WIDTHS, channels: int = CHANNELS
) -> torch.nn.Module:
    """Build the network, with random weights: (N, 1, H, W) to (N, C, H, W).

    Four convolutions that see 11 rows and 17 columns; the view's rim is repeated outwards. What
    comes out is to be divided by its length.

    Parameters
    ----------
    widths : tuple of int, default (16, 24, 24)
        Channels of the three hidden layers.
    channels : int, default 24
        Length of a descriptor.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there are not three widths.

    Examples
    --------
    >>> sum(p.numel() for p in descriptor_network().parameters())
    14152
    """
    from torch import nn

    if len(widths) != len(_LAYERS) - 1:
        raise ValueError(
            f"widths={widths!r}: the descriptor has {len(_LAYERS) - 1} hidden layers, so give as "
            "many numbers of channels."
        )
    sizes = (1, *widths, channels)
    layers: list[nn.Module] = [nn.ReplicationPad2d((_PAD[1], _PAD[1], _PAD[0], _PAD[0]))]
    for i, (kernel, dilation) in enumerate(_LAYERS):
        layers.append(nn.Conv2d(sizes[i], sizes[i + 1], kernel, dilation=dilation))
        if i < len(_LAYERS) - 1:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _load(weights: str | Path) -> torch.nn.Module:
    from hyperspy_stereo.weights.loading import load_weights

    state, info = load_weights(weights, "descriptor")
    return _with_state(state, info.get("architecture", {}))


def _with_state(state: Mapping[str, Any], architecture: Mapping[str, Any]) -> torch.nn.Module:
    import torch

    model = descriptor_network(
        tuple(architecture.get("widths", WIDTHS)), int(architecture.get("channels", CHANNELS))
    )
    model.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    for layer in model:
        if isinstance(layer, torch.nn.ReLU):
            layer.inplace = True
    return model.eval().to(memory_format=torch.channels_last)


_loaded = cache(_load)


def shipped_weights() -> Path | None:
    """Path of the weights that come with the package, or None where there are none."""
    path = Path(__file__).parents[1] / "weights" / f"{NAME}.safetensors"
    return path if path.exists() else None


def describe(
    image: np.ndarray,
    weights: str | Path | Mapping[str, Any] | None = None,
    along_rows: bool = True,
) -> np.ndarray:
    """Describe the surroundings of every pixel by a unit vector.

    Parameters
    ----------
    image : (H, W) ndarray
        View, any units; the network sees it as `descriptor_input` gives it.
    weights : str, Path or mapping, optional
        Name or path of weights, or a state dict of tensors. Default: those of the package.
    along_rows : bool, default True
        Order in memory: fit for `cosine_volume` with shifts along the rows, or with any others.

    Returns
    -------
    (C, H, W) float32 ndarray
        Unit vectors; the scalar product of two is 1 where the surroundings look alike.

    Raises
    ------
    ValueError
        If the image is not two-dimensional, or there are no weights.

    Examples
    --------
    >>> import numpy as np
    >>> state = descriptor_network().state_dict()
    >>> describe(np.eye(32), state).shape
    (24, 32, 32)
    """
    image = np.asarray(image, np.float32)
    if image.ndim != 2:
        raise ValueError(
            f"The image has the shape {image.shape}; one view (rows, columns) is needed."
        )
    import torch

    if weights is None:
        weights = shipped_weights()
        if weights is None:
            raise ValueError(
                "No weights of the descriptor come with this installation; train some with "
                "`python -m hyperspy_stereo.training matcher` and give their path, or match with "
                'MatchSettings(descriptor="correlation").'
            )
    model = _with_state(weights, {}) if isinstance(weights, Mapping) else _loaded(weights)
    prepared = descriptor_input(image)
    height = len(prepared)
    padded = np.pad(prepared, ((_PAD[0], _PAD[0]), (0, 0)), mode="edge")
    out = None
    with torch.inference_mode():
        for top in range(0, height, _TILE):
            rows = min(_TILE, height - top)
            # The rows about a tile are given; what the network repeats beyond them is cut off.
            part = torch.from_numpy(padded[top : top + rows + 2 * _PAD[0]])[None, None]
            found = model(part.to(memory_format=torch.channels_last))
            found = torch.nn.functional.normalize(found, dim=1)[0]
            if out is None:
                c, width = len(found), image.shape[1]
                out = np.empty((height, *((c, width) if along_rows else (width, c))), np.float32)
            found = found[:, _PAD[0] : _PAD[0] + rows]
            out[top : top + rows] = found.permute((1, 0, 2) if along_rows else (1, 2, 0)).numpy()
    return out.transpose((1, 0, 2) if along_rows else (2, 0, 1))


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _at(rows, x, y, out):
    """Unit vector between pixels, bilinear; the field is given as (H, C, W)."""
    height, channels, width = rows.shape
    c, r = min(int(x), width - 2), min(int(y), height - 2)
    u, v = np.float32(x - c), np.float32(y - r)
    a, b = (1 - u) * (1 - v), u * (1 - v)
    d, e = (1 - u) * v, u * v
    total = np.float32(0)
    for k in range(channels):
        upper, lower = rows[r, k], rows[r + 1, k]
        out[k] = a * upper[c] + b * upper[c + 1] + d * lower[c] + e * lower[c + 1]
        total += out[k] * out[k]
    scale = 1 / np.sqrt(max(total, np.float32(1e-12)))
    for k in range(channels):
        out[k] *= scale


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _at_pixel(pixels, x, y, out):
    """As `_at`; the field is given as (H, W, C)."""
    height, width, channels = pixels.shape
    c, r = min(int(x), width - 2), min(int(y), height - 2)
    u, v = np.float32(x - c), np.float32(y - r)
    a, b = (1 - u) * (1 - v), u * (1 - v)
    d, e = (1 - u) * v, u * v
    total = np.float32(0)
    for k in range(channels):
        upper = a * pixels[r, c, k] + b * pixels[r, c + 1, k]
        out[k] = upper + d * pixels[r + 1, c, k] + e * pixels[r + 1, c + 1, k]
        total += out[k] * out[k]
    scale = 1 / np.sqrt(max(total, np.float32(1e-12)))
    for k in range(channels):
        out[k] *= scale


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _cosines(ref, other, points, shifts):
    """Cosines for any shifts; fields are given as (H, W, C)."""
    height, width, channels = other.shape
    out = np.empty((points.shape[0], shifts.shape[0]), np.float32)
    here, there = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for i in range(points.shape[0]):
        x0 = min(max(points[i, 0], 0.0), width - 1.0)
        y0 = min(max(points[i, 1], 0.0), height - 1.0)
        _at_pixel(ref, x0, y0, here)
        for k in range(shifts.shape[0]):
            x, y = x0 + shifts[k, 0], y0 + shifts[k, 1]
            if x < 0 or y < 0 or x > width - 1 or y > height - 1:
                out[i, k] = np.nan
                continue
            _at_pixel(other, x, y, there)
            total = np.float32(0)
            for c in range(channels):
                total += here[c] * there[c]
            out[i, k] = total
    return out


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _between(upper, lower, v, first, out):
    """Row between two rows, from a column on."""
    w, n = 1 - v, out.shape[1]
    for k in range(upper.shape[0]):
        a, b, row = upper[k][first : first + n], lower[k][first : first + n], out[k]
        for c in range(n):
            row[c] = w * a[c] + v * b[c]


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _products(row, here, dot, square, mixed):
    """Products of each column of a row with a vector, with itself, and with the next column."""
    n = row.shape[1]
    dot[:] = 0
    square[:] = 0
    mixed[:] = 0
    # Four channels at once, so that the sums are loaded and stored less often; and in loops
    # of their own, so that each is compiled to vector instructions.
    for k in range(0, row.shape[0], 4):
        a, b, c, d = row[k], row[k + 1], row[k + 2], row[k + 3]
        p, q, r, s = here[k], here[k + 1], here[k + 2], here[k + 3]
        for i in range(n):
            dot[i] += (p * a[i] + q * b[i]) + (r * c[i] + s * d[i])
        for i in range(n):
            square[i] += (a[i] * a[i] + b[i] * b[i]) + (c[i] * c[i] + d[i] * d[i])
        for i in range(n - 1):
            mixed[i] += (a[i] * a[i + 1] + b[i] * b[i + 1]) + (c[i] * c[i + 1] + d[i] * d[i + 1])


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _interpolated(u, dot, square, mixed, out):
    """Cosines a fraction of a pixel beyond each column, from `_products`."""
    w, two = 1 - u, 2 * u * (1 - u)
    n = dot.size - 1
    for i in range(n):
        length = w * w * square[i] + u * u * square[i + 1] + two * mixed[i]
        out[i] = (w * dot[i] + u * dot[i + 1]) / np.sqrt(max(length, np.float32(1e-12)))
    out[n] = dot[n] / np.sqrt(max(square[n], np.float32(1e-12)))


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _cosines_in_rows(ref, other, points, whole, part, parts):
    """For shifts along the rows by whole pixels and few different parts of one; (H, C, W) fields.

    Shift k is ``whole[k] + parts[part[k]]``. Each column of the row is met once only.
    """
    height, channels, width = other.shape
    out = np.empty((points.shape[0], whole.size), np.float32)
    fours = 4 * ((channels + 3) // 4)
    here, work = np.zeros(fours, np.float32), np.zeros(fours * width, np.float32)
    sums, values = np.empty((3, width), np.float32), np.empty((parts.size, width), np.float32)
    start, end = np.empty((2, parts.size), np.int64)
    least, most = whole.min(), whole.max()
    # Row by row, because a row stays in the cache and the whole view does not.
    for i in np.argsort(points[:, 1]):
        x0 = min(max(points[i, 0], 0.0), width - 1.0)
        y0 = min(max(points[i, 1], 0.0), height - 1.0)
        _at(ref, x0, y0, here)
        first = min(max(int(x0) + least, 0), width - 1)
        n = min(max(int(x0) + most + 2, 0), width - 1) + 1 - first
        row = work[: fours * n].reshape((fours, n))
        row[channels:] = 0
        r = min(int(y0), height - 2)
        _between(other[r], other[r + 1], np.float32(y0 - r), first, row)
        dot, square, mixed = sums[0, :n], sums[1, :n], sums[2, :n]
        _products(row, here, dot, square, mixed)
        for j in range(parts.size):
            x = x0 + parts[j]
            start[j], end[j] = int(x), width - 1 if x > int(x) else width
            _interpolated(np.float32(x - int(x)), dot, square, mixed, values[j, :n])
        for k in range(whole.size):
            j = part[k]
            c = start[j] + whole[k]
            if c < 0 or c >= end[j]:
                out[i, k] = np.nan
            else:
                out[i, k] = values[j, c - first]
    return out


def cosine_volume(
    ref: np.ndarray, other: np.ndarray, points: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    """Cosine between the descriptors of points and of shifted points in another view.

    Parameters
    ----------
    ref, other : (C, H, W) float32 ndarray
        From `describe`: the view of the points, and the one compared with.
    points : (N, 2) ndarray
        x, y in px.
    shifts : (L, 2) ndarray
        x, y in px for every label.

    Returns
    -------
    (N, L) float32 ndarray
        -1 to 1, NaN where the counterpart lies outside the other view.

    Examples
    --------
    >>> import numpy as np
    >>> field = np.zeros((2, 4, 4), np.float32); field[0] = 1
    >>> cosine_volume(field, field, np.array([[1.0, 1.0]]), np.array([[1.5, 0.0]])).tolist()
    [[1.0]]
    """
    points, shifts = np.asarray(points, float), np.asarray(shifts, float)
    whole = np.floor(shifts[:, 0])
    parts, part = np.unique(np.round(shifts[:, 0] - whole, 9), return_inverse=True)
    # Two views along a row: labels of half a pixel have two parts, those of 0.3 px have ten.
    in_rows = len(shifts) > 0 and len(parts) <= _MOST_PARTS and not shifts[:, 1].any()
    order = (1, 0, 2) if in_rows else (1, 2, 0)
    fields = (np.ascontiguousarray(field.transpose(order)) for field in (ref, other))
    if in_rows:
        return _cosines_in_rows(*fields, points, whole.astype(np.int64), part, parts)
    return _cosines(*fields, points, shifts)
