"""A learned descriptor of every pixel's surroundings, alike in both views where a line is alike."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.matching.smoothing import gaussian

if TYPE_CHECKING:
    import torch

__all__ = [
    "CHANNELS",
    "WIDTHS",
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
        Order in memory: fit for `cosines.cosine_volume` with shifts along the rows, or with any
        others.

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
    if weights is None:
        weights = shipped_weights()
        if weights is None:
            raise ValueError(
                "No weights of the descriptor come with this installation; train some with "
                "`python -m hyperspy_stereo.training matcher` and give their path, or match with "
                'MatchSettings(descriptor="correlation").'
            )
    model = _with_state(weights, {}) if isinstance(weights, Mapping) else _loaded(weights)
    return _described(model, descriptor_input(image), along_rows)


def _described(model: torch.nn.Module, prepared: np.ndarray, along_rows: bool) -> np.ndarray:
    """Unit vectors (C, H, W) of a whole view, tile by tile."""
    import torch

    height, width = prepared.shape
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
                c = len(found)
                out = np.empty((height, *((c, width) if along_rows else (width, c))), np.float32)
            found = found[:, _PAD[0] : _PAD[0] + rows]
            out[top : top + rows] = found.permute((1, 0, 2) if along_rows else (1, 2, 0)).numpy()
    return out.transpose((1, 0, 2) if along_rows else (2, 0, 1))
