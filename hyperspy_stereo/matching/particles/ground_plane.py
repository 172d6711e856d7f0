"""Views in the coordinates of the specimen at depth 0, where depth shifts every view along a line.

Both geometries are linear: r = A (x, y) + a z + t. With g = A^-1 (r - t) and c = -A^-1 a a particle
lies at (x, y) = g + c z; in a tilt-less view g is the position itself and c the slope of the rays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperspy_stereo.geometry.incidence import as_incidence
from hyperspy_stereo.geometry.triangulation import projection_matrices

__all__ = ["GroundViews", "lift_members", "view_geometry"]


@dataclass(frozen=True, eq=False)
class GroundViews:
    """Detections of all views, in the plane z = 0.

    Attributes
    ----------
    points : list of (n_v, 2) ndarray
        g of each detection, px.
    sigma : list of (n_v,) ndarray
        Its 1-sigma, mean of both directions, px.
    slopes : (V, 2) ndarray
        c of each view.
    area : float
        Of a view, px^2.
    """

    points: list[np.ndarray]
    sigma: list[np.ndarray]
    slopes: np.ndarray
    area: float

    @property
    def views(self) -> int:
        """Number of views."""
        return len(self.points)

    def padded(self) -> tuple[NDArray, NDArray]:
        """Points (V, n, 2) and sigma (V, n), with NaN and infinity where there is no detection."""
        most = max((len(p) for p in self.points), default=0) + 1
        points, sigma = np.full((self.views, most, 2), np.nan), np.full((self.views, most), np.inf)
        for v in range(self.views):
            points[v, : len(self.points[v])] = self.points[v]
            sigma[v, : len(self.sigma[v])] = self.sigma[v]
        return points, sigma


def view_geometry(
    incidence: ArrayLike, geometry: str, image_shape: tuple[int, int]
) -> tuple[NDArray, NDArray]:
    """Matrices (V, 2, 3) and shifts (V, 2) of views whose tilt axis runs through their middle.

    Parameters
    ----------
    incidence : array-like of shape (V, 2)
        mrad.
    geometry : {"tiltless", "tilt"}
        See :func:`hyperspy_stereo.geometry.projection_matrices`.
    image_shape : (H, W)
        px.

    Returns
    -------
    matrices, shifts : numpy.ndarray

    Raises
    ------
    ValueError
        If there are fewer than two views, or all look from one direction.

    Examples
    --------
    >>> view_geometry([[50, 0], [-50, 0]], "tiltless", (64, 64))[0].shape
    (2, 2, 3)
    """
    theta = as_incidence(incidence)
    if len(theta) < 2:
        raise ValueError(
            "Depth needs at least two views; one was given. Make a stack of views by "
            "StereoPair.from_images(left, right, stereo_angle=...) or StereoPair.from_segments."
        )
    if np.linalg.norm(theta - theta.mean(axis=0), axis=1).max() < 1e-4:
        raise ValueError(
            "All views look from the same direction (stereo angle 0): there is no depth in them."
        )
    centre = ((image_shape[1] - 1) / 2, (image_shape[0] - 1) / 2)
    return projection_matrices(theta, geometry, centre)


def to_ground(matrices: NDArray, shifts: NDArray, positions: list[NDArray]) -> list[NDArray]:
    """Positions (n_v, 2) in each view as points of the plane z = 0."""
    return [
        (p - t) @ np.linalg.inv(m[:, :2]).T
        for m, t, p in zip(matrices, shifts, positions, strict=True)
    ]


def ground_slopes(matrices: NDArray) -> NDArray:
    """c of each view, (V, 2)."""
    return -np.einsum("vij,vj->vi", np.linalg.inv(matrices[:, :, :2]), matrices[:, :, 2])


def lift_members(
    members: NDArray[np.int64], points: NDArray, sigma: NDArray, slopes: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Weighted least squares of x, y, z for groups of detections, one of each view or none.

    Parameters
    ----------
    members : (H, V) int ndarray
        Index of the detection of each view; -1 for none.
    points, sigma : ndarray of shape (V, n, 2) and (V, n)
        Of :meth:`GroundViews.padded`.
    slopes : (V, 2) ndarray
        c.

    Returns
    -------
    xyz, errors : numpy.ndarray
        (H, 3), px; infinite errors with fewer than two members.
    chi2 : numpy.ndarray
        (H,).
    """
    view = np.arange(members.shape[1])
    there = members >= 0
    g = np.where(there[..., None], points[view, members], 0.0)
    w = np.where(there, 1 / np.where(there, sigma[view, members], 1.0) ** 2, 0.0)
    total = np.maximum(w.sum(axis=1), 1e-30)
    mean_c = (w @ slopes) / total[:, None]
    mean_g = np.einsum("hv,hvi->hi", w, g) / total[:, None]
    c = slopes[None] - mean_c[:, None]
    power = np.einsum("hv,hvi->h", w, c**2)
    z = -np.einsum("hv,hvi,hvi->h", w, c, g) / np.maximum(power, 1e-30)
    xy = mean_g + mean_c * z[:, None]
    off = g - xy[:, None] + slopes[None] * z[:, None, None]
    chi2 = np.einsum("hv,hvi->h", w, off**2)
    var_z = 1 / np.maximum(power, 1e-30)
    errors = np.sqrt(
        np.column_stack(
            [1 / total + mean_c[:, 0] ** 2 * var_z, 1 / total + mean_c[:, 1] ** 2 * var_z, var_z]
        )
    )
    return np.column_stack([xy, z]), errors, chi2
