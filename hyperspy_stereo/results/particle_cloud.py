"""The result of a reconstruction of particles: where each is, and how they lie together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.incidence import as_incidence, slopes
from hyperspy_stereo.geometry.parallax import check_geometry
from hyperspy_stereo.geometry.triangulation import project
from hyperspy_stereo.results import particle_statistics as statistics
from hyperspy_stereo.results.arrays import (
    as_number,
    as_points,
    as_shape,
    check_thickness,
    per_point,
)
from hyperspy_stereo.results.density import METRES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from hyperspy_stereo.results.radial_distribution import RadialDistribution

__all__ = ["ParticleCloud"]

CONTACT = 1.3  # diameters between the middles of particles that count as touching
HIDDEN = 0.5  # diameters across the beam, below which one of a pair hides much of the other
PER_DIAMETER = 16  # bins of a default g(r)
FAR = 8.0  # diameters, the range of a default g(r)


class ParticleCloud:
    """Particles in space, with the error of each.

    Usually made by ``ParticleMap.reconstruct()`` or :meth:`load`. Coordinates as those of
    :class:`~hyperspy_stereo.DislocationNetwork`: x to the right and y down in the images from the
    centre of the first pixel, z along the beam. Only differences of z are measured.

    Parameters
    ----------
    points : array-like of shape (N, 3)
        x, y, z in `units`.
    radius : array-like of shape (N,), optional
        In `units`; zeros by default.
    sigma : array-like of shape (N, 3), optional
        1-sigma of x, y, z in `units`; zeros by default.
    intensity : array-like of shape (N,), optional
        Height over the background in the unit of the images; ones by default.
    significance : array-like of shape (N,), optional
        Height over its 1-sigma.
    views_seen : array-like of shape (N,), optional
        Number of views that show the particle.
    ambiguous : array-like of shape (N,), optional
        Whether another depth is nearly as likely.
    units : str
        Unit of the coordinates.
    pixel_size : float
        Units per pixel of the images.
    geometry : {"tiltless", "tilt"}
        How the views were made.
    incidence : array-like of shape (V, 2), optional
        Of the views, mrad.
    image_shape : (H, W), optional
        Of the views, px. Without it the points' own extent is the field of view.
    info : dict, optional
        What decided the result; plain numbers and lists.

    Examples
    --------
    >>> cloud = ParticleCloud([[0, 0, 0], [6, 0, 0], [30, 0, 9]], radius=[2.5] * 3, units="nm")
    >>> len(cloud), cloud.nearest_neighbour_distances.round(1).tolist()[0]
    (3, 6.0)
    """

    def __init__(
        self,
        points: ArrayLike,
        radius: ArrayLike | None = None,
        sigma: ArrayLike | None = None,
        intensity: ArrayLike | None = None,
        significance: ArrayLike | None = None,
        views_seen: ArrayLike | None = None,
        ambiguous: ArrayLike | None = None,
        *,
        units: str = "px",
        pixel_size: float = 1.0,
        geometry: str = "tiltless",
        incidence: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
        info: dict[str, Any] | None = None,
    ) -> None:
        self.points = as_points(points)
        count = len(self.points)
        self.radius = per_point(radius, count, 0.0, "radius")
        flat = None if sigma is None else np.asarray(sigma, dtype=np.float64)
        if flat is not None and flat.shape != (count, 3):
            raise ValueError(f"sigma is ({count}, 3), one for each coordinate; got {flat.shape}.")
        self.sigma = per_point(flat, 3 * count, 0.0, "sigma").reshape(count, 3)
        self.intensity = per_point(intensity, count, 1.0, "intensity")
        self.significance = per_point(significance, count, 0.0, "significance")
        self.views_seen = per_point(views_seen, count, 0.0, "views_seen").astype(int)
        self.ambiguous = per_point(ambiguous, count, 0.0, "ambiguous").astype(bool)
        self.units = str(units)
        self.pixel_size = as_number(pixel_size, "pixel_size", f"{units} per pixel")
        if self.pixel_size <= 0:
            raise ValueError(f"pixel_size must be positive; {pixel_size!r} was given.")
        self.geometry = check_geometry(geometry)
        self.incidence = np.zeros((0, 2)) if incidence is None else as_incidence(incidence)
        self.image_shape = as_shape(image_shape)
        self.info = dict(info or {})
        self._thickness: tuple[float, float] | None = None

    # Size of the slab --------------------------------------------------------------------------

    @property
    def thickness(self) -> float:
        """Of the slab in which the centres lie, in :attr:`units`.

        As set by :meth:`set_thickness`, else from the spread of the depths less their errors.
        """
        return self._slab()[0]

    @property
    def thickness_error(self) -> float:
        """1-sigma of :attr:`thickness`."""
        return self._slab()[1]

    def _slab(self) -> tuple[float, float]:
        if self._thickness is not None:
            return self._thickness
        return statistics.slab_thickness(self.points[:, 2], self.sigma[:, 2])

    def set_thickness(self, thickness: float, error: float = 0.0) -> ParticleCloud:
        """Set the thickness of the slab that the centres can lie in, in :attr:`units`.

        Returns
        -------
        ParticleCloud
            This cloud.

        Raises
        ------
        TypeError, ValueError
            If the thickness is not positive, the error negative, or one no finite number.
        """
        self._thickness = check_thickness(thickness, error, self.units)
        return self

    @property
    def field(self) -> np.ndarray:
        """(2, 2): x and y, from and to, where all views show a whole particle, in :attr:`units`.

        The image less a radius, and less how far the deepest particles are shifted.
        """
        if len(self.points) == 0 and self.image_shape is None:
            return np.zeros((2, 2))
        if self.image_shape is None:
            return np.stack([self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)], 1)
        size = np.array(self.image_shape[::-1]) * self.pixel_size
        margin = np.zeros(2)
        if len(self.points):
            margin += float(np.median(self.radius))
            if len(self.incidence):
                deepest = float(np.quantile(np.abs(self.points[:, 2]), 0.99))
                margin += np.abs(slopes(self.incidence)).max(axis=0) * deepest
        low = -0.5 * self.pixel_size + margin
        high = size - 0.5 * self.pixel_size - margin
        return np.stack([low, np.maximum(high, low + 1e-9)], axis=1)

    @property
    def inside(self) -> np.ndarray:
        """(N,) bool: particles in :attr:`field`."""
        low, high = self.field.T
        return ((self.points[:, :2] >= low) & (self.points[:, :2] <= high)).all(axis=1)

    @property
    def concentration(self) -> float:
        """Particles per volume: m^-3 where :attr:`units` is a length, else units^-3.

        Of the particles in :attr:`field`. NaN without a thickness.
        """
        return self._concentration()[0]

    @property
    def concentration_error(self) -> float:
        """1-sigma of :attr:`concentration`: counting, and the thickness."""
        return self._concentration()[1]

    def _concentration(self) -> tuple[float, float]:
        count = int(self.inside.sum())
        thickness, error = self._slab()
        volume = float(np.prod(np.diff(self.field, axis=1))) * thickness
        if not volume > 0:
            return float("nan"), float("nan")
        value = count / volume / METRES.get(self.units, 1.0) ** 3
        relative = np.hypot(1 / np.sqrt(max(count, 1)), error / thickness)
        return value, value * relative

    @property
    def concentration_units(self) -> str:
        """Unit of :attr:`concentration`."""
        return "m^-3" if self.units in METRES else f"{self.units}^-3"

    # Neighbours --------------------------------------------------------------------------------

    @property
    def diameter(self) -> float:
        """Median diameter, in :attr:`units`; NaN if there is no particle."""
        return 2 * float(np.median(self.radius)) if len(self.points) else float("nan")

    @property
    def nearest_neighbour_distances(self) -> np.ndarray:
        """(N,) distance of centres, in :attr:`units`."""
        return statistics.nearest_neighbours(self.points)[0]

    def _contacts(self, contact: float | None):
        reach = 2 * CONTACT * self.radius if contact is None else contact
        if contact is not None and not as_number(contact, "contact", self.units) > 0:
            raise ValueError(f"contact is a distance above 0 {self.units}; {contact!r} was given.")
        if contact is None and len(self.points) and not self.radius.any():
            raise ValueError("The particles have no radius: give the distance of contact.")
        return statistics.contacts(self.points, reach)

    def coordination_number(self, contact: float | None = None) -> np.ndarray:
        """Number of neighbours of each particle.

        Parameters
        ----------
        contact : float, optional
            Distance of centres up to which two particles are neighbours, in :attr:`units`. By
            default 1.3 times the mean of their diameters. The first minimum of g(r) is usual.

        Returns
        -------
        numpy.ndarray
            (N,).
        """
        return np.diff(self._contacts(contact).indptr)

    def clusters(self, contact: float | None = None) -> np.ndarray:
        """(N,) number of the cluster of each particle, the largest 0; see coordination_number."""
        return statistics.cluster_labels(self._contacts(contact))

    def chain_lengths(self, contact: float | None = None) -> np.ndarray:
        """Particles along each cluster, the largest cluster first.

        See :func:`hyperspy_stereo.results.particle_statistics.chain_lengths`.
        """
        graph = self._contacts(contact)
        return statistics.chain_lengths(graph, statistics.cluster_labels(graph))

    def fractal_dimension(self, contact: float | None = None) -> tuple[float, float]:
        """Mass-radius dimension of the clusters and its 1-sigma; NaN for too few clusters."""
        radius = self.diameter / 2 if len(self.points) else 0.0
        return statistics.fractal_dimension(self.points, self.clusters(contact), radius)

    def radial_distribution(
        self,
        bin_width: float | None = None,
        r_max: float | None = None,
        correction: str = "slab",
    ) -> RadialDistribution:
        """g(r) of the particles in the field of view.

        Parameters
        ----------
        bin_width, r_max : float, optional
            In :attr:`units`. By default a sixteenth of a diameter, and eight diameters or half of
            the field, whichever is less.
        correction : {"slab", "none"}
            "slab": shells count as far as they lie within the field and the slab.

        Returns
        -------
        RadialDistribution

        Raises
        ------
        ValueError
            If there are fewer than ten particles, or a length is out of range.
        """
        from hyperspy_stereo.results.radial_distribution import radial_distribution

        inside = self.inside
        sides = np.diff(self.field, axis=1).ravel()
        half = float(sides.min()) / 2
        usual = self.diameter
        if not usual > 0:
            near = self.nearest_neighbour_distances
            usual = float(np.median(near)) if len(near) > 1 else 1.0
        r_max = min(FAR * usual, half) if r_max is None else as_number(r_max, "r_max", self.units)
        if bin_width is None:
            bin_width = min(usual / PER_DIAMETER, r_max / 10)
        return radial_distribution(
            self.points[inside],
            (*sides, max(self.thickness, 1e-6 * half)),
            as_number(bin_width, "bin_width", self.units),
            r_max,
            correction,
            self.units,
            statistics.usual_sigma(self.sigma[inside, 2]),
            HIDDEN * self.diameter if self.diameter > 0 else 0.0,
        )

    # Output ------------------------------------------------------------------------------------

    def to_dataframe(self, contact: float | None = None) -> pd.DataFrame:
        """Table of the particles.

        Columns: x, y, z and their sigma, radius, area (of the projection), intensity,
        significance, views_seen, ambiguous, nearest_neighbour, coordination, cluster; azimuth and
        inclination (degrees) of the direction to the nearest neighbour, since a round particle has
        no orientation of its own.
        """
        import pandas as pd

        distance, which = statistics.nearest_neighbours(self.points)
        to = self.points[which] - self.points if len(self.points) > 1 else self.points * np.nan
        graph = self._contacts(contact) if contact or self.radius.any() else None
        table = pd.DataFrame(self.points, columns=["x", "y", "z"])
        table[["sigma_x", "sigma_y", "sigma_z"]] = self.sigma
        table["radius"], table["area"] = self.radius, np.pi * self.radius**2
        table["intensity"], table["significance"] = self.intensity, self.significance
        table["views_seen"], table["ambiguous"] = self.views_seen, self.ambiguous
        table["nearest_neighbour"] = distance
        # A bond has no sense: directions of half a circle, from the plane of the image.
        table["azimuth"] = np.degrees(np.arctan2(to[:, 1], to[:, 0])) % 180
        table["inclination"] = np.degrees(
            np.arctan2(np.abs(to[:, 2]), np.hypot(to[:, 0], to[:, 1]))
        )
        table["coordination"] = 0 if graph is None else np.diff(graph.indptr)
        table["cluster"] = -1 if graph is None else statistics.cluster_labels(graph)
        table.attrs["units"] = self.units
        return table

    def reproject(self, incidence: ArrayLike) -> np.ndarray:
        """(N, 2) px of the particles in a view of some incidence (theta_x, theta_y), mrad."""
        if np.shape(incidence) != (2,):
            raise ValueError(f"Give one incidence (theta_x, theta_y), mrad; got {incidence!r}.")
        shape = self.image_shape or (1, 1)
        centre = ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
        return project(self.points / self.pixel_size, incidence, self.geometry, centre)

    def save(self, path: str | Path, overwrite: bool = True) -> Path:
        """Write to ``.csv``, ``.vtp`` (ParaView) or ``.xyz``; :meth:`load` reads .csv and .vtp.

        See :func:`hyperspy_stereo.results.particle_files.save_cloud`.
        """
        from hyperspy_stereo.results.particle_files import save_cloud

        return save_cloud(self, path, overwrite)

    @classmethod
    def load(cls, path: str | Path) -> ParticleCloud:
        """Read what :meth:`save` wrote."""
        from hyperspy_stereo.results.particle_files import load_cloud

        return load_cloud(cls, path)

    def plot(self, colour: str = "depth", backend: str = "ipyvolume", **kwargs: Any) -> Any:
        """Show the particles as balls of their radius in the slab.

        See :func:`hyperspy_stereo.viewer.plot_particles`.
        """
        from hyperspy_stereo.viewer import plot_particles

        return plot_particles(self, colour=colour, backend=backend, **kwargs)

    def plot_histogram(self, column: str = "radius", **kwargs: Any) -> Axes:
        """Histogram of one column of :meth:`to_dataframe`.

        See :func:`hyperspy_stereo.viewer.particle_plots.plot_particle_histogram`.
        """
        from hyperspy_stereo.viewer.particle_plots import plot_particle_histogram

        return plot_particle_histogram(self, column, **kwargs)

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        from hyperspy_stereo.results.summary import cloud_text

        return cloud_text(self)

    def _repr_html_(self) -> str:
        from hyperspy_stereo.results.summary import cloud_html

        return cloud_html(self)
