"""Run a function over an image of any size in tiles, without seams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["OVERLAP", "SIDE", "in_tiles"]

SIDE = 768  # px, the largest tile: what a tile needs stays within a CPU's larger caches
OVERLAP = 160  # px that neighbours share: 48 px of context on each side, and 64 px of blending
CONTEXT = 0.3  # of the overlap, on each side, that is computed but not used


def in_tiles(
    function: Callable[[np.ndarray], np.ndarray],
    channels: np.ndarray,
    side: int = SIDE,
    overlap: int = OVERLAP,
    multiple: int = 16,
) -> np.ndarray:
    """Run a function over overlapping tiles and blend what it returns.

    Parameters
    ----------
    function : callable, (C, h, w) -> (K, h, w)
        Sees tiles whose sides are multiples of `multiple`.
    channels : (C, H, W) array
        Any size; mirrored at its lower and right border up to the next multiple.
    side : int, default 768
        Largest side of a tile in px.
    overlap : int, default 160
        px that neighbouring tiles share. The outer 30 % on either side are context; between them
        one tile fades into the next.
    multiple : int, default 16
        Tiles start and end at multiples of this, so that a network that halves its resolution
        sees the same grid in each.

    Returns
    -------
    (K, H, W) float32

    Raises
    ------
    ValueError
        If the overlap is not smaller than half of a tile.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.detection.tiling import in_tiles
    >>> image = np.random.default_rng(0).random((1, 250, 130), dtype=np.float32)
    >>> same = in_tiles(lambda tile: tile, image, side=96, overlap=32)
    >>> bool(np.allclose(same, image, atol=1e-6))
    True
    """
    if not 0 <= 2 * overlap < side or side < multiple:
        raise ValueError(
            f"overlap={overlap} px and side={side} px: a tile must be at least {multiple} px and "
            "more than twice its overlap."
        )
    height, width = channels.shape[-2:]
    padded = _padded(channels, multiple)
    rows, columns = (_starts(n, side, overlap, multiple) for n in padded.shape[-2:])
    if len(rows) == len(columns) == 1:
        return np.asarray(function(padded), np.float32)[..., :height, :width]
    total, weight = None, np.zeros(padded.shape[-2:], np.float32)
    for top, bottom in rows:
        for left, right in columns:
            found = np.asarray(function(np.ascontiguousarray(padded[:, top:bottom, left:right])))
            if total is None:
                total = np.zeros((len(found), *padded.shape[-2:]), np.float32)
            fade = np.outer(
                _fade(top, bottom, padded.shape[-2], overlap),
                _fade(left, right, padded.shape[-1], overlap),
            ).astype(np.float32)
            total[:, top:bottom, left:right] += fade * found
            weight[top:bottom, left:right] += fade
    return (total / weight)[..., :height, :width]


def _padded(channels: np.ndarray, multiple: int) -> np.ndarray:
    """Mirrored at the lower and right border up to the next multiple."""
    beyond = [(0, -n % multiple) for n in channels.shape[-2:]]
    return np.pad(channels, [(0, 0), *beyond], mode="symmetric")


def _starts(size: int, side: int, overlap: int, multiple: int) -> list[tuple[int, int]]:
    """Begin and end of tiles along one axis: as few as needed, all of about one size."""
    if size <= side:
        return [(0, size)]
    n = -(-(size - overlap) // (side - overlap))
    length = -(-(size + (n - 1) * overlap) // n)
    length = min(-(-length // multiple) * multiple, size)
    first = [round(k * (size - length) / (n - 1) / multiple) * multiple for k in range(n)]
    return [(f, f + length) for f in first]


def _fade(start: int, stop: int, size: int, overlap: int) -> np.ndarray:
    """Weight along one side of a tile: 1 inside, falling smoothly where a neighbour takes over."""
    where = np.arange(stop - start) + 0.5
    context = CONTEXT * overlap
    width = max(overlap - 2 * context, 1.0)

    def rise(distance: np.ndarray) -> np.ndarray:
        t = np.clip((distance - context) / width, 0, 1)
        return t * t * (3 - 2 * t)

    fade = np.ones(stop - start)
    if start > 0:
        fade *= rise(where)
    if stop < size:
        fade *= rise(where[::-1])
    return np.maximum(fade, 1e-9)  # never nothing at all, whatever the rounding of the starts
