"""Lines in space as a mask of voxels, so that networks are compared as pictures are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.centre_lines import near

__all__ = ["voxelise"]

MOST_VOXELS = 2**28  #: one filtration of so many takes 2 GiB


def voxelise(
    lines: Sequence[ArrayLike],
    shape: tuple[int, int, int],
    voxel_size: float = 1.0,
    origin: ArrayLike = (0.0, 0.0, 0.0),
    width: float = 3.0,
) -> np.ndarray:
    """Draw polylines into a volume.

    Parameters
    ----------
    lines : sequence of array_like of shape (n, 3)
        x, y, z of the points of each, in any unit, such as ``DislocationNetwork.lines``.
    shape : (D, H, W)
        Of the volume: z, y, x. What lies outside is left out.
    voxel_size : float, default 1.0
        Side of a voxel, in the unit of the lines. Take the error of the depths, if it is larger
        than a pixel: what is finer than that cannot be the same in two networks.
    origin : array_like of shape (3,), default (0, 0, 0)
        x, y, z of the middle of the first voxel, in the unit of the lines.
    width : float, default 3.0
        Of the lines drawn, voxels.

    Returns
    -------
    ndarray of bool, shape (D, H, W)

    Raises
    ------
    ValueError
        If a line is not (n, 3) or not finite, or the shape, the voxel size or the width cannot be.

    Examples
    --------
    >>> volume = voxelise([[[2, 2, 1], [7, 2, 1]]], shape=(3, 5, 10), width=1)
    >>> volume[1, 2].astype(int).tolist()
    [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
    """
    if len(shape) != 3 or min(shape) < 1 or np.prod(shape, dtype=float) > MOST_VOXELS:
        raise ValueError(
            f"shape must be (D, H, W), each 1 or more, of at most {MOST_VOXELS} voxels together; "
            f"got {tuple(shape)}: take a larger voxel_size."
        )
    if not (np.isfinite(voxel_size) and voxel_size > 0 and np.isfinite(width) and width > 0):
        raise ValueError(f"voxel_size and width must be above 0, got {voxel_size!r} and {width!r}.")
    start = np.asarray(origin, dtype=float)
    if start.shape != (3,) or not np.isfinite(start).all():
        raise ValueError(f"origin must be three finite numbers (x, y, z), got {origin!r}.")
    volume = np.zeros(shape, bool)
    for number, line in enumerate(lines):
        points = np.asarray(line, dtype=float)
        if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
            raise ValueError(
                f"line {number} must be finite points (n, 3) of x, y, z; got {points.shape}."
            )
        places = np.rint(_dense((points - start) / voxel_size)).astype(int)[:, ::-1]
        inside = ((places >= 0) & (places < shape)).all(axis=1)
        volume[tuple(places[inside].T)] = True
    return near(volume, width / 2 - 0.5) if width > 1 else volume


def _dense(points: np.ndarray) -> np.ndarray:
    """The polyline with points at most half a voxel apart."""
    if len(points) < 2:
        return points
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    where = np.linspace(0, along[-1], int(np.ceil(2 * along[-1])) + 2)
    return np.column_stack([np.interp(where, along, column) for column in points.T])
