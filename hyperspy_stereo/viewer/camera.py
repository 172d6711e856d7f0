"""Where a scene is seen from. Renderers are y-up; specimen coordinates have z along the beam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["NEAREST", "Camera", "from_y_up", "to_y_up"]

#: Least distance from the target, in shares of how far the nearest point stands out from it.
NEAREST = 1.1


def to_y_up(points: ArrayLike) -> np.ndarray:
    """Specimen coordinates to the y-up coordinates of three.js and WebGL: (x, z, -y).

    A proper rotation: handedness is kept, and the beam runs upwards.

    Parameters
    ----------
    points : array-like of shape (..., 3)
        x right, y down (in the image), z along the beam.

    Returns
    -------
    numpy.ndarray
        (..., 3), float64.

    Examples
    --------
    >>> to_y_up([1.0, 2.0, 3.0])
    array([ 1.,  3., -2.])
    """
    xyz = np.asarray(points, dtype=np.float64)
    return np.stack([xyz[..., 0], xyz[..., 2], -xyz[..., 1]], axis=-1)


def from_y_up(points: ArrayLike) -> np.ndarray:
    """The inverse of :func:`to_y_up`: (X, Y, Z) to (X, -Z, Y).

    Parameters
    ----------
    points : array-like of shape (..., 3)
        y-up coordinates.

    Returns
    -------
    numpy.ndarray
        (..., 3), specimen coordinates.

    Examples
    --------
    >>> from_y_up([1.0, 3.0, -2.0])
    array([1., 2., 3.])
    """
    xyz = np.asarray(points, dtype=np.float64)
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], axis=-1)


@dataclass(frozen=True)
class Camera:
    """A direction to look from.

    Attributes
    ----------
    azimuth : float
        Degrees; 0 looks along +y of the specimen, positive moves the camera towards +x.
    elevation : float
        Degrees above the plane of the foil (towards +z); -90 looks along the beam, with x to the
        right and y down as in the images.
    fov : float
        Vertical field of view, degrees. Small, so that sizes can be compared across the foil.
    """

    azimuth: float = 24.0
    elevation: float = 30.0
    fov: float = 12.0

    def axes(self) -> np.ndarray:
        """(3, 3): rows right, up and towards the camera, in y-up coordinates."""
        a, e = np.deg2rad(self.azimuth), np.deg2rad(self.elevation)
        towards = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        right = np.array([np.cos(a), 0.0, -np.sin(a)])
        return np.stack([right, np.cross(towards, right), towards])

    def fit(self, points: ArrayLike, aspect: float) -> tuple[np.ndarray, float]:
        """Target and distance from which all points are just in view.

        Parameters
        ----------
        points : array-like of shape (N, 3)
            Specimen coordinates.
        aspect : float
            Width / height of the picture.

        Returns
        -------
        target : numpy.ndarray
            (3,), y-up coordinates; seen at the centre of the picture.
        distance : float
            From the camera to the target.
        """
        axes = self.axes()
        x, y, z = (to_y_up(points) @ axes.T).T
        tan = np.tan(np.deg2rad(self.fov) / 2)
        middle = np.empty(3)
        middle[2] = (z.min() + z.max()) / 2
        distance = 1e-9
        # Each side of the picture is a plane through the camera; the points that touch two
        # opposite ones give where it stands and how far off.
        for axis, (offset, slope) in enumerate(((x, tan * aspect), (y, tan))):
            above, below = (offset + slope * z).max(), (-offset + slope * z).max()
            middle[axis] = (above - below) / 2
            distance = max(distance, float((above + below) / (2 * slope) - middle[2]))
        # A wide picture of what is narrow would put the camera onto the nearest point.
        return middle @ axes, max(distance, NEAREST * float(z.max() - middle[2]))

    def project(
        self, points: ArrayLike, target: np.ndarray, distance: float, shape: tuple[int, int]
    ) -> np.ndarray:
        """Pixel positions and depths.

        Parameters
        ----------
        points : array-like of shape (..., 3)
            Specimen coordinates.
        target, distance
            From :meth:`fit`.
        shape : (H, W)
            Of the picture, px.

        Returns
        -------
        numpy.ndarray
            (..., 4): column, row, depth towards the camera in px (0 at the target), and pixels
            per unit length at that depth.
        """
        seen = (to_y_up(points) - target) @ self.axes().T
        focal = shape[0] / (2 * np.tan(np.deg2rad(self.fov) / 2))
        scale = focal / np.maximum(distance - seen[..., 2], 1e-9)
        column = (shape[1] - 1) / 2 + seen[..., 0] * scale
        row = (shape[0] - 1) / 2 - seen[..., 1] * scale
        depth = seen[..., 2] * focal / distance
        return np.stack([column, row, depth, scale], axis=-1)
