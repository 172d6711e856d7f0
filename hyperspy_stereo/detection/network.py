"""Dislocation lines by a trained network: any size of image, any scale of lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.detection.calibration import calibrated, check_calibration
from hyperspy_stereo.detection.line_width import line_width
from hyperspy_stereo.detection.normalise import normalised
from hyperspy_stereo.detection.resampling import lines_back, resized
from hyperspy_stereo.detection.ridge import (
    RIM,
    SMALLEST,
    STRICT,
    check_image,
    live_image,
)
from hyperspy_stereo.detection.straight import through_lines
from hyperspy_stereo.detection.tiling import in_tiles
from hyperspy_stereo.detection.weights import KIND, weights_name
from hyperspy_stereo.weights import load_weights, restore
from hyperspy_stereo.weights.loading import file_of

if TYPE_CHECKING:
    import torch

    from hyperspy_stereo.detection.weights import DetectorWeights

__all__ = ["detector_info", "unet_probability"]

NARROW, WIDE = 2.5, 12.0  # px, full widths of lines that the network sees well
BEST = 6.0  # px, the width that others are brought to
LEAST, MOST = 0.2, 2.0  # scales that are tried without being asked for
SECOND = 0.75  # of the best scale; the mean of both looks is steadier
COARSER = (0.5, 0.25)  # scales at which lines are looked for where none is found
BESIDE = (0.75, 1.4)  # scales added to the best one by ``augment``

Maps = tuple[np.ndarray, np.ndarray]


def unet_probability(
    image: np.ndarray,
    weights: DetectorWeights | str | os.PathLike | None = None,
    scales: str | float | Sequence[float] = "auto",
    augment: bool = False,
    valid: np.ndarray | None = None,
    device: str | None = None,
    straight_boundaries: bool = True,
) -> Maps:
    """Calibrated probabilities of dislocation lines and of boundaries in one view.

    A residual U-Net sees the view in tiles that fade into each other. Where the lines it finds
    are wider or narrower than those it sees well (2.5 to 12 px), the view is resampled and seen
    again; the answer is the mean of that look and one at three quarters of its scale. Nothing has
    to be set by hand.

    Parameters
    ----------
    image : (H, W)
        One view, real and finite, at least 32 px a side. Scale and offset do not matter.
    weights : DetectorWeights, str or path, optional
        Shipped weights or a ``.safetensors`` file of your own; by default
        ``DetectorWeights.DEFAULT``.
    scales : "auto", float or sequence of float, default "auto"
        "auto": by the width of the lines, and 0.75 times that. Numbers: the view is
        enlarged by each of them, and the mean taken; 1 is as it is.
    augment : bool, default False
        Also look at the mirrored view and at two scales beside the best one, and take the mean:
        three times slower, a little better.
    valid : (H, W) bool, optional
        Pixels that hold data; no line is found elsewhere. By default all but constant rims.
    device : str, optional
        Where torch computes, for example "cuda"; by default the CPU.
    straight_boundaries : bool, default True
        What runs straight from one edge of the view to another counts as a boundary or a trace,
        unless the network was sure of it: see `straight.through_lines`. False for views of long
        straight dislocations, such as misfit dislocations.

    Returns
    -------
    line : (H, W) float32 in [0, 1]
        Probability of a dislocation line, about 3 px wide along each. Which are called lines
        and candidates, `weights.thresholds` says. Zeros where the image is constant.
    boundary : (H, W) float32 in [0, 1]
        Probability of a grain boundary, a fault's fringes or another extended thing.

    Raises
    ------
    ValueError
        If the image is not 2D, too small or not finite; an option is unknown; the weights cannot
        be used (:func:`~hyperspy_stereo.weights.load_weights` says why).
    TypeError
        If the image is complex or not numeric, or `weights` is no name or path.

    References
    ----------
    O. Ronneberger et al., MICCAI (2015) 234 (U-Net); C. Guo et al., Proc. ICML (2017) 1321
    (calibration).

    Examples
    --------
    >>> import tempfile, numpy as np, torch
    >>> from hyperspy_stereo.detection.network import unet_probability
    >>> from hyperspy_stereo.detection.unet import ResidualUNet
    >>> from hyperspy_stereo.weights import save_weights
    >>> network = ResidualUNet(widths=(4, 8))  # not trained: for the form only
    >>> info = {"name": "mine", "version": "1", "kind": "detector"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_weights(
    ...         f"{folder}/mine.safetensors",
    ...         network.state_dict(),
    ...         {**info, "architecture": network.architecture},
    ...     )
    ...     line, boundary = unet_probability(np.random.default_rng(0).random((60, 80)), path)
    >>> line.shape, boundary.dtype
    ((60, 80), dtype('float32'))
    """
    image = check_image(image)
    factors = _checked_scales(scales, image.shape)
    network, info = _detector(weights, device)
    tables = _calibrations(info)
    image, dead = live_image(image, valid)
    if dead.all():
        return np.zeros(image.shape, np.float32), np.zeros(image.shape, np.float32)

    def look(view: np.ndarray) -> Maps:
        return tuple(in_tiles(network, normalised(view), multiple=network.multiple))

    if factors is None:
        factor, found = _best_scale(image, look)
        factors = [factor, _within(SECOND * factor, image.shape)]
    else:
        factor, found = factors[0], None
    seen = [_at_scale(image, look, f) for f in factors[1:]]
    seen.append(_at_scale(image, look, factor) if found is None else found)
    if augment:
        seen += _mirrored(image, look, factor)
        beside = {_within(factor * b, image.shape, 2 * MOST) for b in BESIDE}
        seen += [_at_scale(image, look, f) for f in sorted(beside)]
    line, boundary = (np.mean(maps, axis=0) for maps in zip(*seen, strict=True))
    off = _off_rim(dead)
    line = np.where(off, calibrated(line, tables[0]), 0).astype(np.float32)
    boundary = np.where(off, calibrated(boundary, tables[1]), 0).astype(np.float32)
    return _without_straight(line, boundary) if straight_boundaries else (line, boundary)


def _without_straight(line: np.ndarray, boundary: np.ndarray) -> Maps:
    """Move what runs straight through the view from the lines to the boundaries."""
    through = through_lines(line, boundary)
    return np.where(through, 0, line), np.where(through, np.maximum(line, boundary), boundary)


def detector_info(
    weights: DetectorWeights | str | os.PathLike | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Where weights lie and what is known about them, once they proved to be usable.

    Parameters
    ----------
    weights : DetectorWeights, str or path, optional
        As for :func:`unet_probability`.

    Returns
    -------
    path : Path
        The file; absolute.
    info : dict
        What its JSON says.

    Raises
    ------
    ValueError, TypeError
        If the weights cannot be used.
    """
    path = file_of(weights_name(weights), KIND).resolve()
    _, info = _detector(path, None)
    _calibrations(info)
    return path, dict(info)


class _Network:
    """A network with its weights on a device: channels (2, h, w) -> probabilities (2, h, w)."""

    def __init__(self, module: torch.nn.Module, device: str) -> None:
        import torch

        self._module = module.eval().to(device, memory_format=torch.channels_last)
        self._device = device
        self.multiple = module.multiple

    def __call__(self, channels: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            given = torch.from_numpy(channels)[None].to(
                self._device, memory_format=torch.channels_last
            )
            return torch.sigmoid(self._module(given))[0].float().cpu().numpy()


def _detector(weights: object, device: str | None) -> tuple[_Network, dict[str, Any]]:
    """The network of some weights; read once in a process, and again if the file changes."""
    path = file_of(weights_name(weights), KIND)
    stamp = path.stat()
    return _built(path, (stamp.st_mtime_ns, stamp.st_size), _checked_device(device))


@lru_cache(maxsize=4)
def _built(path: Path, stamp: tuple[int, int], device: str) -> tuple[_Network, dict[str, Any]]:
    from hyperspy_stereo.detection.unet import ResidualUNet, folded

    state, info = load_weights(path, KIND)
    try:
        module = ResidualUNet(**info["architecture"])
    except TypeError as error:
        raise ValueError(
            f"{path.stem}.json gives the architecture {info['architecture']}, which is none of "
            f"ResidualUNet ({error}): save the weights with network.architecture."
        ) from error
    if (module.inputs, module.outputs) != (2, 2):
        raise ValueError(
            f"{path.stem} takes {module.inputs} channels and gives {module.outputs}; a detector "
            "takes the two of normalised() and gives lines and boundaries."
        )
    restore(module, state, path.stem)
    return _Network(folded(module), device), info


def _checked_device(device: str | None) -> str:
    """The name of a device that torch has."""
    import torch

    if device is None:
        return "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            f"device is {device!r}, which torch cannot use here ({str(error).splitlines()[0]}): "
            "leave it out for the CPU."
        ) from error
    return str(device)


def _calibrations(info: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables for lines and boundaries that the weights' JSON gives, if any."""
    tables = info.get("calibration") or {}
    if not isinstance(tables, dict) or set(tables) - {"line", "boundary"}:
        raise ValueError(
            f"{info['name']}.json gives the calibration {tables!r}; a mapping with 'line' and "
            "'boundary' is needed, or none at all."
        )
    return check_calibration(tables.get("line")), check_calibration(tables.get("boundary"))


def _checked_scales(scales: object, shape: tuple[int, int]) -> list[float] | None:
    """The scales asked for, or None for "auto"."""
    if isinstance(scales, str):
        if scales == "auto":
            return None
    else:
        try:
            factors = [float(s) for s in np.atleast_1d(scales).ravel()]
        except (TypeError, ValueError):
            factors = []
        smallest = SMALLEST / min(shape)
        if factors and all(smallest <= f <= 2 * MOST for f in factors):
            return factors
    raise ValueError(
        f"scales is {scales!r}; it must be 'auto', or factors by which to enlarge the view, from "
        f"{SMALLEST / min(shape):.2g} (at least {SMALLEST} px a side) to {2 * MOST:g}."
    )


def _within(factor: float, shape: tuple[int, int], most: float = MOST) -> float:
    """The nearest scale that leaves enough pixels and does not take too many."""
    return float(np.clip(factor, max(LEAST, SMALLEST / min(shape)), most))


def _at_scale(image: np.ndarray, look: Callable[[np.ndarray], Maps], factor: float) -> Maps:
    """What the network says of the view enlarged by a factor, on the grid of the view."""
    if factor == 1:
        return look(image)
    line, boundary = look(resized(image, _shape_at(image.shape, factor)))
    return lines_back(line, image.shape, factor), resized(boundary, image.shape)


def _shape_at(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(SMALLEST, round(shape[0] * factor)), max(SMALLEST, round(shape[1] * factor))


def _best_scale(image: np.ndarray, look: Callable[[np.ndarray], Maps]) -> tuple[float, Maps | None]:
    """The scale at which lines have the width the network knows, and its maps if it is 1."""
    found = look(image)
    width = line_width(image, found[0], STRICT)
    if width is None:
        width = _width_of_wide_lines(image, look)
    if width is None or NARROW <= width <= WIDE:
        return 1.0, found
    factor = _within(BEST / width, image.shape)
    return factor, (found if factor == 1 else None)


def _width_of_wide_lines(image: np.ndarray, look: Callable[[np.ndarray], Maps]) -> float | None:
    """Width in px of lines that the network sees only in a smaller view, if there are any."""
    for factor in COARSER:
        if min(image.shape) * factor < 2 * SMALLEST:
            return None
        small = resized(image, _shape_at(image.shape, factor))
        width = line_width(small, look(small)[0], STRICT)
        if width is not None and width / factor > WIDE:
            return width / factor
    return None


def _mirrored(image: np.ndarray, look: Callable[[np.ndarray], Maps], factor: float) -> list[Maps]:
    """What the network says of the view mirrored in its rows, its columns and both."""
    # No quarter turns: the noise of a scan runs along its rows, and the network knows that.
    found = []
    for turn in (np.s_[::-1], np.s_[:, ::-1], np.s_[::-1, ::-1]):
        maps = _at_scale(np.ascontiguousarray(image[turn]), look, factor)
        found.append(tuple(m[turn] for m in maps))
    return found


def _off_rim(dead: np.ndarray) -> np.ndarray:
    """Live pixels that are not along the edge of a dead area."""
    if not dead.any():
        return ~dead
    return ndi.distance_transform_edt(~dead) > RIM
