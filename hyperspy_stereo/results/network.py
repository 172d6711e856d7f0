"""The result of a reconstruction: dislocation lines in space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.affine import apply_affine, as_affine
from hyperspy_stereo.geometry.incidence import as_incidence
from hyperspy_stereo.geometry.parallax import check_geometry
from hyperspy_stereo.geometry.triangulation import project
from hyperspy_stereo.results.arrays import (
    ViewPoints,
    as_line_index,
    as_number,
    as_points,
    as_shape,
    check_drawing,
    check_thickness,
    per_point,
)
from hyperspy_stereo.results.chains import ChainMatch, point_lengths, rasterise
from hyperspy_stereo.results.density import density_in_si, network_density

if TYPE_CHECKING:
    import pandas as pd

    from hyperspy_stereo.matching.joint_fit.refine import RefinedLines
    from hyperspy_stereo.results.crystal_lines import CrystalLines
    from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation

__all__ = ["DislocationNetwork"]


class DislocationNetwork:
    """Dislocation lines in space, with the error of every point and what was left out.

    Usually made by ``DislocationMap.reconstruct()``, by :meth:`from_matches` or by :meth:`load`.
    Coordinates: x to the right and y down in the (rectified) images, z along the beam, origin at
    the centre of the first pixel and at zero disparity. Only differences of z are measured.

    Parameters
    ----------
    points : array-like of shape (N, 3)
        x, y, z in `units`, ordered along the lines.
    line_index : array-like of shape (N,)
        Number of the line of each point: 0, 1, 2, ..., contiguous.
    sigma : array-like of shape (N,), optional
        1-sigma of z in `units`; zeros by default.
    confidence : array-like of shape (N,), optional
        Probability that the point is matched rightly, 0..1; ones by default.
    units : str
        Unit of the coordinates; "px" if there is no calibration.
    pixel_size : float
        Units per pixel of the images.
    geometry : {"tiltless", "tilt"}
        How the views were made; :meth:`reproject` needs it.
    incidence : array-like of shape (V, 2), optional
        Of the views, mrad, in the frame of the images.
    image_shape : (H, W), optional
        Of the views, px.
    to_scan : array-like of shape (2, 3), optional
        Affine map from pixels of the views to pixels of the unrotated scan; identity by default.
    scan_shape : (H, W), optional
        Of the unrotated scan, px; the area for :attr:`density` (else `image_shape`).
    views : sequence of ViewPoints
        Matched points of each view, for :meth:`disparity_map`.
    rejected : mapping, optional
        ``{reason: (points, length in units)}``.

    Examples
    --------
    >>> network = DislocationNetwork([[0, 0, 0], [30, 0, 40]], [0, 0], units="nm")
    >>> network.total_length
    50.0
    """

    def __init__(
        self,
        points: ArrayLike,
        line_index: ArrayLike,
        sigma: ArrayLike | None = None,
        confidence: ArrayLike | None = None,
        *,
        units: str = "px",
        pixel_size: float = 1.0,
        geometry: str = "tiltless",
        incidence: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
        to_scan: ArrayLike | None = None,
        scan_shape: tuple[int, int] | None = None,
        views: Sequence[ViewPoints] = (),
        rejected: dict[str, tuple[int, float]] | None = None,
    ) -> None:
        self.points = as_points(points)
        count = len(self.points)
        self.line_index = as_line_index(line_index, count)
        self.sigma = per_point(sigma, count, 0.0, "sigma")
        self.confidence = per_point(confidence, count, 1.0, "confidence", greatest=1.0)
        self.units = str(units)
        self.pixel_size = as_number(pixel_size, "pixel_size", f"{units} per pixel")
        if self.pixel_size <= 0:
            raise ValueError(f"pixel_size must be positive; {pixel_size!r} was given.")
        self.geometry = check_geometry(geometry)
        self.incidence = np.zeros((0, 2)) if incidence is None else as_incidence(incidence)
        self.image_shape = as_shape(image_shape)
        self.scan_shape = as_shape(scan_shape)
        self.to_scan = as_affine(to_scan)
        self.views = tuple(views)
        self._rejected = dict(rejected or {})
        self._foil_thickness: tuple[float, float] | None = None
        self.fit: RefinedLines | None = None  # of a joint fit

    @classmethod
    def from_matches(
        cls,
        matches: Sequence[ChainMatch],
        offsets: ArrayLike | None = None,
        geometry: str = "tiltless",
        incidence: ArrayLike = (),
        **settings: Any,
    ) -> DislocationNetwork:
        """Network from matched points; the lines are the chains of view 0.

        `matches` holds one ``CurveMatch`` per view, `offsets` (V, 2) and `incidence` (V, 2, mrad)
        describe the views (offsets None: from the incidences). Settings: pixel_size, units,
        image_shape, to_scan, scan_shape, min_confidence, min_length, max_gap; they are described at
        :func:`hyperspy_stereo.results.build.network_from_matches`.
        """
        from hyperspy_stereo.results.build import network_from_matches

        return network_from_matches(cls, matches, offsets, geometry, incidence, **settings)

    # Lines -----------------------------------------------------------------------------------

    @property
    def lines(self) -> list[np.ndarray]:
        """Polylines, a list of (n, 3) arrays in :attr:`units`."""
        return self._split(self.points)

    @property
    def n_lines(self) -> int:
        """Number of lines."""
        return int(self.line_index[-1]) + 1 if len(self.line_index) else 0

    @property
    def points_in_scan(self) -> np.ndarray:
        """(N, 3): x, y in pixels of the unrotated scan, z in pixels of the same size."""
        xy = apply_affine(self.to_scan, self.points[:, :2] / self.pixel_size)
        return np.column_stack([xy, self.points[:, 2] / self.pixel_size])

    @property
    def line_lengths(self) -> np.ndarray:
        """(L,) length of each line in :attr:`units`, along its points."""
        length = point_lengths(self.points, self.line_index)
        return np.bincount(self.line_index, weights=length, minlength=self.n_lines)

    @property
    def total_length(self) -> float:
        """Length of all lines in :attr:`units`. Noise in depth lengthens them at small angles."""
        return float(self.line_lengths.sum())

    @property
    def depth_extent(self) -> float:
        """Depth that the middle 99 % of the points span, in :attr:`units`; NaN if empty."""
        if len(self.points) == 0:
            return float("nan")
        low, high = np.quantile(self.points[:, 2], [0.005, 0.995])
        return float(high - low)

    @property
    def rejected(self) -> pd.DataFrame:
        """What was left out and why.

        Columns: reason, points, length (along the image, in :attr:`units`) and share of all the
        detected length. Reasons: "unmatched" (no counterpart in the other view), "out of view",
        "low confidence", "too short", "gap" (filled gaps that bridge nothing). The first row,
        "kept", is what became lines.
        """
        import pandas as pd

        rows = [(reason, *value) for reason, value in self._rejected.items()]
        table = pd.DataFrame(rows, columns=["reason", "points", "length"])
        total = table["length"].sum()
        table["share"] = table["length"] / total if total else 0.0
        return table

    # Density ---------------------------------------------------------------------------------

    @property
    def foil_thickness(self) -> float:
        """Thickness for :attr:`density`, in :attr:`units`.

        As set by :meth:`set_foil_thickness`; else the extent in depth, which may be too small.
        """
        return self.depth_extent if self._foil_thickness is None else self._foil_thickness[0]

    @property
    def foil_thickness_error(self) -> float | None:
        """1-sigma of a thickness that was set, in :attr:`units`; None if none was."""
        return None if self._foil_thickness is None else self._foil_thickness[1]

    def set_foil_thickness(self, thickness: float, error: float = 0.0) -> DislocationNetwork:
        """Set the thickness of the foil.

        Parameters
        ----------
        thickness : float
            In :attr:`units`.
        error : float
            1-sigma, in :attr:`units`.

        Returns
        -------
        DislocationNetwork
            This network.

        Raises
        ------
        ValueError
            If the thickness is not positive, the error negative, or one not finite.
        TypeError
            If one is not a number.
        """
        self._foil_thickness = check_thickness(thickness, error, self.units)
        return self

    @property
    def density(self) -> float:
        """Length per volume: m^-2 where :attr:`units` is a length, else units^-2.

        NaN without an image shape or a depth extent.
        """
        return density_in_si(network_density(self)[0], self.units)[0]

    @property
    def density_error(self) -> float:
        """1-sigma of :attr:`density`: lines counted in one field of view, and the thickness.

        The error of a thickness that was not set is taken from the sigma of the outermost points.
        """
        return density_in_si(network_density(self)[1], self.units)[0]

    @property
    def density_units(self) -> str:
        """Unit of :attr:`density`."""
        return density_in_si(0.0, self.units)[1]

    def in_crystal(self, foil: FoilOrientation) -> CrystalLines:
        """Directions, habit planes, Burgers vectors: `results.crystal_lines.crystal_lines`."""
        from hyperspy_stereo.results.crystal_lines import crystal_lines

        return crystal_lines(self, foil)

    # Views -----------------------------------------------------------------------------------

    def reproject(self, incidence: ArrayLike) -> list[np.ndarray]:
        """Draw the lines into a view, for checking against an image that was not used.

        Parameters
        ----------
        incidence : (theta_x, theta_y)
            mrad, in the frame of the (rectified) images, such as one row of :attr:`incidence`.

        Returns
        -------
        list of numpy.ndarray
            (n, 2) polylines, x, y in pixels of that view.

        Raises
        ------
        ValueError
            If `incidence` is not one pair of angles, or the geometry is "tilt" and the shape of
            the images is not known (it gives the tilt axis).
        """
        if np.shape(incidence) != (2,):
            raise ValueError(
                "Give the incidence of one view, (theta_x, theta_y) in mrad; shape "
                f"{np.shape(incidence)} was given."
            )
        xyz = self.points / self.pixel_size
        return self._split(project(xyz, incidence, self.geometry, self.image_centre))

    def refine(self, views: ArrayLike, incidence: ArrayLike, azimuth: float = 0.0) -> Self:
        """Fit depths to all of `views`: :func:`hyperspy_stereo.results.refined.refine_network`."""
        from hyperspy_stereo.results.refined import refine_network

        return refine_network(self, views, incidence, azimuth)

    @property
    def image_centre(self) -> tuple[float, float]:
        """Centre (x, y) of the images, px; a tilt axis runs through it."""
        if self.image_shape is not None:
            return (self.image_shape[1] - 1) / 2, (self.image_shape[0] - 1) / 2
        if self.geometry == "tilt":
            raise ValueError(
                "The tilt axis is at the centre of the images, whose shape is not known: make the "
                "network with image_shape=(rows, columns)."
            )
        return 0.0, 0.0

    def disparity_map(self, view: int = 0, width: float = 3.0) -> np.ndarray:
        """Disparity of the matched points of a view, drawn along their chains.

        Parameters
        ----------
        view : int
            Number of the view. Default 0, the left one of a pair.
        width : float
            Width of the drawn lines, 0 to 100 px. Default 3, so that the pixels of a mask beside
            the centre line have values too.

        Returns
        -------
        numpy.ndarray
            (H, W), px, in the grid of that view; NaN where nothing was matched.

        Raises
        ------
        ValueError, TypeError
            If the network has no matches of that view, view or width are out of range or no
            numbers, or the shape of the images is not known.
        """
        view, width, shape = check_drawing(view, width, len(self.views), self.image_shape)
        match = self.views[view]
        return rasterise(match.points, match.disparity, match.line, shape, width)

    # Output ----------------------------------------------------------------------------------

    def to_dataframe(self) -> pd.DataFrame:
        """Table of the points: line, x, y, z, sigma (in :attr:`units`) and confidence."""
        import pandas as pd

        table = pd.DataFrame(self.points, columns=["x", "y", "z"])
        table.insert(0, "line", self.line_index)
        table["sigma"], table["confidence"] = self.sigma, self.confidence
        table.attrs["units"] = self.units
        return table

    def save(self, path: str | Path, overwrite: bool = True) -> Path:
        """Write to ``.vtp`` (ParaView), ``.csv`` or ``.npz``; :meth:`load` reads all three.

        See :func:`hyperspy_stereo.results.export.save_network`.
        """
        from hyperspy_stereo.results.export import save_network

        return save_network(self, path, overwrite)

    @classmethod
    def load(cls, path: str | Path) -> DislocationNetwork:
        """Read what :meth:`save` wrote.

        See :func:`hyperspy_stereo.results.export.load_network`.
        """
        from hyperspy_stereo.results.export import load_network

        return load_network(cls, path)

    def plot(self, colour: str = "depth", backend: str = "ipyvolume", **kwargs: Any) -> Any:
        """Show the lines in their foil.

        Parameters
        ----------
        colour : {"depth", "sigma", "confidence", "line", "burgers"}
            What the colours mean; "burgers" needs ``crystal``.
        backend : {"ipyvolume", "matplotlib", "k3d"}
            Figures for a notebook (k3d is optional), or a static picture.
        **kwargs
            ``images``, ``crystal`` and others of :func:`hyperspy_stereo.viewer.plot_network`.

        Returns
        -------
        hyperspy_stereo.viewer.View3D or matplotlib.figure.Figure
            A view has ``save_png`` and ``save_html``.
        """
        from hyperspy_stereo.viewer import plot_network

        return plot_network(self, colour=colour, backend=backend, **kwargs)

    def __len__(self) -> int:
        return self.n_lines

    def __repr__(self) -> str:
        from hyperspy_stereo.results.summary import summary_text

        return summary_text(self)

    def _repr_html_(self) -> str:
        from hyperspy_stereo.results.summary import summary_html

        return summary_html(self)

    def _split(self, values: np.ndarray) -> list[np.ndarray]:
        if len(values) == 0:
            return []
        return np.split(values, np.flatnonzero(np.diff(self.line_index)) + 1)
