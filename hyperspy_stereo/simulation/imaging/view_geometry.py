"""Where features of a specimen appear in simulated views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry import slopes
from hyperspy_stereo.geometry.triangulation import project
from hyperspy_stereo.simulation.imaging.acquisition import ScanPath
from hyperspy_stereo.simulation.imaging.detector_sampling import Samples
from hyperspy_stereo.simulation.imaging.microscope import Microscope
from hyperspy_stereo.simulation.specimen import Specimen


@dataclass(frozen=True, eq=False)
class ViewGeometry:
    """A set of views of one specimen: incidences, and how depth shifts their images.

    Attributes
    ----------
    incidence : (V, 2) ndarray
        mrad, in the frame of the images; for tilted views the angles of tilt.
    geometry : str
        "tiltless" or "tilt".
    zero_depth : float
        Depth from the entrance face of the plane of zero disparity, nm.
    shape : (int, int)
        Rows and columns of the images.
    pixel_size : float
        nm.
    shift : (V, 2) ndarray
        Displacement of each view in nm that depends on neither place nor depth.
    rows, columns : (V, H, 2) and (V, W, 2) ndarrays
        How far, in nm, the probe is beyond the even grid at each row and column (drift, flyback);
        what is seen there appears as much before its place.
    """

    incidence: np.ndarray
    geometry: str
    zero_depth: float
    shape: tuple[int, int]
    pixel_size: float
    shift: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def even(
        cls,
        incidence: ArrayLike,
        geometry: str,
        zero_depth: float,
        shape: tuple[int, int],
        pixel_size: float,
        shift: ArrayLike | None = None,
    ) -> ViewGeometry:
        """Return the geometry of views without distortion of the scan."""
        theta = np.atleast_2d(np.asarray(incidence, float))
        still = np.zeros_like(theta) if shift is None else np.asarray(shift, float)
        rows, columns = (np.zeros((len(theta), n, 2)) for n in shape)
        return cls(theta, geometry, float(zero_depth), shape, pixel_size, still, rows, columns)

    @property
    def n_views(self) -> int:
        """Number of views."""
        return len(self.incidence)

    @property
    def centre(self) -> np.ndarray:
        """Middle of the images, where the axis of a tilted specimen lies, nm."""
        return (np.array(self.shape[::-1]) - 1) / 2 * self.pixel_size

    @property
    def rays(self) -> np.ndarray:
        """(V, 2) slopes of the rays in the frame of the specimen."""
        return slopes(self.incidence)

    def project(self, points: ArrayLike) -> np.ndarray:
        """Where points appear in each view.

        Parameters
        ----------
        points : (n, 3) array_like
            x, y, z in nm, z from the plane of zero disparity.

        Returns
        -------
        (V, n, 2) ndarray
            Pixel positions x, y.
        """
        placed = project(points, self.incidence, self.geometry, self.centre)
        placed = (placed + self.shift[:, None]) / self.pixel_size
        if not (self.rows.any() or self.columns.any()):
            return placed
        for view, rows, columns in zip(placed, self.rows, self.columns, strict=True):
            seen = view.copy()
            # the probe's lateness is that of the place where a point is seen, not where it is
            for _ in range(3):
                late = [
                    _at(rows[:, axis], seen[:, 1]) + _at(columns[:, axis], seen[:, 0])
                    for axis in range(2)
                ]
                seen = view - np.stack(late, axis=1) / self.pixel_size
            view[:] = seen
        return placed

    def entry(self, view: int, depth: float) -> tuple[np.ndarray, np.ndarray]:
        """Where the ray of each pixel of a view is at one depth.

        Parameters
        ----------
        view : int
            Number of the view.
        depth : float
            nm from the entrance face.

        Returns
        -------
        x, y : (H, W) ndarrays
            nm, specimen frame.
        """
        x, y = (np.arange(n) * self.pixel_size for n in self.shape[::-1])
        rows, columns = self.rows[view], self.columns[view]
        x_at = x[None, :] + rows[:, None, 0] + columns[None, :, 0] - self.shift[view, 0]
        y_at = y[:, None] + rows[:, None, 1] + columns[None, :, 1] - self.shift[view, 1]
        if self.geometry == "tilt":
            tilt = self.incidence[view] / 1000.0
            x_at = self.centre[0] + (x_at - self.centre[0]) / np.cos(tilt[0])
        slope = self.rays[view]
        below = depth - self.zero_depth
        return x_at + slope[0] * below, y_at + slope[1] * below

    def outermost(self) -> tuple[int, int, np.ndarray]:
        """Return the first and last of the two views farthest apart, and the parallax axis.

        The axis is the unit vector along which the disparity r_last - r_first grows with depth;
        +x for views along rows, the first with the larger incidence.
        """
        first, last = max(
            combinations(range(self.n_views), 2),
            key=lambda pair: np.round(
                np.linalg.norm(self.incidence[pair[0]] - self.incidence[pair[1]]), 6
            ),
        )
        apart = self.incidence[first] - self.incidence[last]
        return first, last, apart / np.linalg.norm(apart)

    def disparity(self, points: ArrayLike) -> np.ndarray:
        """Disparity of points between the two outermost views.

        Parameters
        ----------
        points : (n, 3) array_like
            x, y, z in nm, z from the plane of zero disparity.

        Returns
        -------
        (n,) ndarray
            px; x_last - x_first for views along rows.
        """
        first, last, axis = self.outermost()
        placed = self.project(points)
        return (placed[last] - placed[first]) @ axis


def tiltless_geometry(
    specimen: Specimen,
    detectors: Sequence[Samples],
    shape: tuple[int, int],
    microscope: Microscope,
) -> ViewGeometry:
    """Geometry of the views of detectors: centroids, plane of zero disparity, aberration.

    The shifts by spherical aberration act, as far as they are linear in the incidence, as another
    focus: this moves the plane of zero disparity, and what is left is the views' `shift`.

    Parameters
    ----------
    specimen : Specimen
        Gives the mid plane.
    detectors : sequence of Samples
        Weighted incidences of each view, mrad.
    shape : tuple of int
        Rows and columns of the images.
    microscope : Microscope
        Focus, aberration, pixel size.

    Returns
    -------
    ViewGeometry
        On an even scan.
    """
    incidence = np.array([d.centroid for d in detectors])
    focus = microscope.focus_in(specimen.thickness)
    aberration = microscope.spherical_aberration * 1e6
    shift = np.zeros_like(incidence)
    for view, detector in enumerate(detectors):
        rays = np.tan(detector.incidence / 1000.0)
        size = (rays**2).sum(axis=1, keepdims=True)
        shift[view] = -aberration * (detector.weights @ (size * rays))
    slope = np.tan(incidence / 1000.0)
    centred = slope - slope.mean(axis=0)
    spread = float((centred**2).sum())
    nearer = float((centred * (shift - shift.mean(axis=0))).sum()) / spread if spread > 0 else 0.0
    rest = shift - slope * nearer
    return ViewGeometry.even(
        incidence, "tiltless", focus + nearer, shape, microscope.pixel_size, rest
    )


def on_path(geometry: ViewGeometry, paths: Sequence[ScanPath]) -> ViewGeometry:
    """Return the geometry of views that were scanned along uneven paths, one for each view."""
    rows, columns = (
        np.stack([getattr(path, name) for path in paths]) * geometry.pixel_size
        for name in ("rows", "columns")
    )
    return replace(geometry, rows=rows, columns=columns)


def _at(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.interp(where, np.arange(len(values)), values)
