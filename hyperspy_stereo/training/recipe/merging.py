"""Where the images of lines run so near each other that they merge into one."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

__all__ = ["merged_pixels", "merged_turns"]


def merged_pixels(index: np.ndarray, apart: float) -> np.ndarray:
    """Pixels of lines that are near another line.

    Parameters
    ----------
    index : (H, W) int ndarray
        Number of the line at its pixels, -1 elsewhere.
    apart : float
        px; images that are nearer merge.

    Returns
    -------
    (H, W) bool ndarray

    Examples
    --------
    >>> index = np.full((9, 9), -1)
    >>> index[:, 1], index[:, 4], index[:, 8] = 0, 1, 2
    >>> merged_pixels(index, 3.0)[0].nonzero()[0].tolist()
    [1, 4]
    """
    near = np.zeros(index.shape, bool)
    drawn = index >= 0
    for number in np.unique(index[drawn]):
        others = drawn & (index != number)
        if others.any():
            near |= (index == number) & (ndi.distance_transform_edt(~others) <= apart)
    return near


def merged_turns(placed: np.ndarray, seen: np.ndarray, apart: float) -> np.ndarray:
    """Points of one line that are near another part of it, as in a tight helix.

    Parameters
    ----------
    placed : (N, 2) ndarray
        x, y of the line's image in a view, in order, px.
    seen : (N,) bool ndarray
        Where it is visible.
    apart : float
        px; parts that are nearer merge, if the way from one to the other along the image is longer
        than this and half as long again as the straight one.

    Returns
    -------
    (N,) bool ndarray
        False where the line is not seen.

    Examples
    --------
    >>> hairpin = np.array([[x, 0.0] for x in range(20)] + [[x, 2.0] for x in range(19, -1, -1)])
    >>> turns = merged_turns(hairpin, np.ones(40, bool), 3.0)
    >>> bool(turns[:17].all()), bool(turns[19])
    (True, False)
    """
    near = np.zeros(len(placed), bool)
    number = np.flatnonzero(seen)
    if number.size < 2:
        return near
    step = np.linalg.norm(np.diff(placed, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(step)])
    pairs = cKDTree(placed[number]).query_pairs(apart, output_type="ndarray")
    first, second = number[pairs[:, 0]], number[pairs[:, 1]]
    way = np.abs(along[first] - along[second])
    if np.linalg.norm(placed[0] - placed[-1]) < 1.5 * np.median(step):  # closed
        way = np.minimum(way, along[-1] - way)
    straight = np.linalg.norm(placed[first] - placed[second], axis=1)
    far = (way > apart) & (way > 1.5 * straight)
    near[first[far]] = near[second[far]] = True
    return near
