"""Where the pixels of a cropped, rebinned or mirrored image lie in the image it was made from."""

from __future__ import annotations

import numpy as np


def grid_of(signal) -> dict:
    """Name, size, scale and offset of the image axes (x, y), to compare with later ones."""
    axes = signal.axes_manager.signal_axes
    return {
        "names": [str(axis.name) for axis in axes],
        "size": [int(axis.size) for axis in axes],
        "scale": [float(axis.scale) for axis in axes],
        "offset": [float(axis.offset) for axis in axes],
    }


def pixel_map(stored: dict, now: dict) -> np.ndarray:
    """Affine (2, 3) from pixels of the grid `now` to pixels of the grid `stored`.

    HyperSpy keeps the axes of an image right through slices, crops and rebinning. An image of the
    same size with another scale or offset was calibrated anew: its pixels are the same.

    Raises
    ------
    ValueError
        If the axes changed places, or the new image does not lie within the stored one.
    """
    if list(stored["names"]) != list(now["names"]):
        raise ValueError(
            f"the image axes are {now['names']} but were {list(stored['names'])} when the views "
            "were made: transpose the scan before virtual_stereo(), not its views."
        )
    result = np.zeros((2, 3))
    for i in range(2):
        slope, shift = _one_axis(
            *((g["size"][i], g["scale"][i], g["offset"][i]) for g in (stored, now))
        )
        result[i, i], result[i, 2] = slope, shift
    return result


def _one_axis(stored: tuple, now: tuple) -> tuple[float, float]:
    (size, scale, offset), (new_size, new_scale, new_offset) = stored, now
    slope, shift = new_scale / scale, (new_offset - offset) / scale
    ends = np.array([-0.5, new_size - 0.5]) * slope + shift
    within = ends.min() >= -1 and ends.max() <= size
    if size == new_size and not (within and np.isclose(abs(slope), 1)):
        return 1.0, 0.0
    if not within:
        raise ValueError(
            f"the images have {new_size} px of {new_scale:g} from {new_offset:g}, which is no part "
            f"of the {size} px of {scale:g} from {offset:g} that the views were made with: set the "
            "scale of the images before cropping them, or call virtual_stereo() or align() again."
        )
    return slope, shift
