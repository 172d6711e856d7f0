"""A whole 4D-STEM scan of a specimen: the pattern of a convergent probe at every position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.imaging.acquisition import random_source, scan_path
from hyperspy_stereo.simulation.imaging.microscope import Microscope
from hyperspy_stereo.simulation.imaging.pattern_sampling import PatternSampling, sample_patterns
from hyperspy_stereo.simulation.imaging.stack_counting import pair_truth, planes_of, recorded
from hyperspy_stereo.simulation.imaging.stack_setup import (
    bounded,
    check_memory,
    disc_motion,
    disc_size,
    scan_grid,
    two_counts,
)
from hyperspy_stereo.simulation.imaging.turning import kikuchi_azimuth
from hyperspy_stereo.simulation.imaging.view_rendering import Propagation
from hyperspy_stereo.simulation.specimen import Specimen
from hyperspy_stereo.simulation.truth import Truth


@dataclass(frozen=True, eq=False)
class ScanStack:
    """A simulated 4D scan and everything that is true about it.

    The frame of the scan is that of the specimen. Fields that `geometric.GeometricScan` has too
    mean the same there.

    Attributes
    ----------
    stack : (Ny, Nx, H, W) ndarray
        uint16 counts; float32 with vacuum at 1 where the dose is infinite.
    vacuum : (ny, nx, H, W) ndarray
        The same without the specimen, a coarse scan over the same field.
    truth : Truth
        For two views at 0.7 of the disc's radius on the Kikuchi line through its middle, the
        first with the larger incidence along `parallax_azimuth`, in the frame of the scan, on the
        scan's path: drift and flyback are in the views and in the maps.
    pixel_size : float
        nm per scan pixel.
    thickness : float
        At the middle of the field, nm.
    focus_depth : float
        Depth of the plane of zero disparity from the foil's mid plane, nm: the focus, where there
        is no spherical aberration. The lines' z is counted from it.
    convergence_angle : float
        Semi-angle of the disc, mrad.
    disc_centre, disc_radius, edge_width : (float, float), float, float
        Of the disc at the middle of the scan, px of the detector; centre as (x, y); the edge is
        the standard deviation of the blurred rim.
    descan : (2, 3) ndarray
        centre = disc_centre + descan[:, :2] @ (ix - (Nx-1)/2, iy - (Ny-1)/2).
    kikuchi_azimuth : float
        Direction of the Kikuchi line, degrees in detector axes, in [0, 180).
    band_centre : float
        Offset of the line of s = 0 from the disc's centre along the normal (-sin, cos) of that
        direction, in disc radii.
    scan_rotation, scan_flip : float, bool
        incidence in the scan frame = R(scan_rotation) @ incidence in the detector frame, the
        detector's y negated first where `scan_flip`.
    g : (2,) ndarray
        Diffraction vector in detector axes, 1/nm.
    wavelength : float
        nm; the diffracted disc lies at wavelength * g from the other.
    microscope : Microscope
        It was recorded with, its pixel size that of the scan.
    """

    stack: np.ndarray
    vacuum: np.ndarray
    truth: Truth
    pixel_size: float
    thickness: float
    focus_depth: float
    convergence_angle: float
    disc_centre: tuple[float, float]
    disc_radius: float
    edge_width: float
    descan: np.ndarray
    kikuchi_azimuth: float
    band_centre: float
    scan_rotation: float
    scan_flip: bool
    g: np.ndarray
    wavelength: float
    microscope: Microscope

    @property
    def lines(self) -> list[np.ndarray]:
        """(n, 3) arrays in nm: x, y from the first scan position, z from zero disparity."""
        return self.truth.lines

    @property
    def mrad_per_px(self) -> float:
        """Angle of one detector pixel, mrad."""
        return self.convergence_angle / self.disc_radius

    @property
    def to_scan_frame(self) -> np.ndarray:
        """(2, 2) matrix from detector-frame to scan-frame incidences."""
        return to_scan_frame(self.scan_rotation, self.scan_flip)

    @property
    def parallax_azimuth(self) -> float:
        """Direction of the Kikuchi line in the scan, degrees in (-180, 180]."""
        phi = np.deg2rad(self.kikuchi_azimuth)
        x, y = self.to_scan_frame @ (np.cos(phi), np.sin(phi))
        return float(np.rad2deg(np.arctan2(y, x)))

    def deviation(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Excitation error s = s0 - theta . g at detector pixels, 1/nm.

        Parameters
        ----------
        x, y : array_like
            Pixels of the undescanned pattern.
        """
        cx, cy = self.disc_centre
        scale = self.mrad_per_px * 1e-3
        across = (np.asarray(x, float) - cx) * self.g[0] + (np.asarray(y, float) - cy) * self.g[1]
        return self.truth.specimen.beam.s - scale * across


def to_scan_frame(rotation: float, flip: bool) -> np.ndarray:
    """(2, 2) matrix from detector-frame to scan-frame incidences; the rotation is in degrees."""
    c, s = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    return np.array([[c, -s], [s, c]]) @ np.diag([1.0, -1.0 if flip else 1.0])


def scan_stack(
    specimen: Specimen,
    microscope: Microscope | None = None,
    scan_shape: tuple[int, int] | None = None,
    detector_shape: tuple[int, int] = (128, 128),
    *,
    disc_radius: float | None = None,
    disc_centre: tuple[float, float] | None = None,
    edge_width: float = 0.6,
    descan: ArrayLike | None = None,
    scan_rotation: float = -18.0,
    scan_flip: bool = False,
    background: float = 0.002,
    vacuum_shape: tuple[int, int] = (8, 8),
    supersampling: int = 3,
    slice_thickness: float = 2.0,
    poisson_ratio: float = 0.3,
    line_width: float = 3.0,
    seed: int = 0,
    show_progressbar: bool = False,
) -> ScanStack:
    """Simulate a 4D-STEM scan of a specimen by two-beam diffraction.

    Each pixel k of the disc holds the electrons that leave along it: the undiffracted ones of the
    incidence theta_k, and the diffracted ones of theta_k - lambda g, where both rays lie in the
    probe's cone; s = s0 - theta . g at each.

    Parameters
    ----------
    specimen : Specimen
        The scan starts at the corner of its field.
    microscope : Microscope, optional
        Its dose is that of the whole disc. Default: 60,000 electrons per pattern and, where
        `scan_shape` is given, the largest pixels with which the scan lies inside the field.
    scan_shape : tuple of int, optional
        Rows and columns of the scan, at least 2 and at most those of the field. Default: the whole
        field in steps of the pixel size.
    detector_shape : tuple of int, default (128, 128)
        Rows and columns of the patterns, at least 16.
    disc_radius, disc_centre, edge_width : optional
        px; by default 0.4 of the smaller side, a place near the middle drawn from the seed, 0.6.
    descan : (2, 2) or (2, 3) array_like, optional
        Motion of the disc, detector px per scan px; by default drawn from the seed, about 1.5 px
        over the scan. A third column is not used: `disc_centre` is the place at the middle.
    scan_rotation, scan_flip : float, bool
        See `ScanStack`; default -18 degrees, not flipped.
    background : float, default 0.002
        Counts between disc and frame, as a share of those in the disc in vacuum, 0 to 1.
    vacuum_shape : tuple of int, default (8, 8)
        Rows and columns of the vacuum scan.
    supersampling : int, default 3
        Incidences per pixel along g: rocking fringes are about 1 mrad wide.
    slice_thickness, poisson_ratio, line_width, seed
        As `stereo_views.stereo_views`.
    show_progressbar : bool, default False
        Show how many incidences are done.

    Returns
    -------
    ScanStack

    Raises
    ------
    TypeError
        If a shape, a number or the microscope is something else.
    ValueError
        If a shape or number is out of its range, the scan is larger than the field, the middle of
        the disc lies beyond the detector, or g runs along the beam.

    Warns
    -----
    UserWarning
        If more than 1 % of the expected counts exceed what the counters hold.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.beam import TwoBeam
    >>> from hyperspy_stereo.simulation.dislocation import Dislocation
    >>> line = Dislocation([[16, 0, 20], [16, 32, 80]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((32, 32), 100, TwoBeam([0, 5, 0], 0.0, 40), (line,), ("line",))
    >>> scan = scan_stack(foil, scan_shape=(8, 8), detector_shape=(16, 16))
    >>> scan.stack.shape, scan.stack.dtype, round(scan.parallax_azimuth, 3) % 180
    ((8, 8, 16, 16), dtype('uint16'), 0.0)
    """
    kikuchi_azimuth(specimen)
    microscope, shape = scan_grid(specimen, microscope, scan_shape)
    detector_shape = two_counts(detector_shape, "detector_shape", 16)
    vacuum_shape = two_counts(vacuum_shape, "vacuum_shape", 1)
    check_memory(shape, detector_shape, microscope.dose)
    background = bounded(background, "background", 0.0, 1.0, "a share of the disc's brightness")
    scan_rotation = bounded(scan_rotation, "scan_rotation", -np.inf, np.inf, "in degrees")
    how = Propagation(slice_thickness, poisson_ratio)
    rng = random_source(seed)
    centre, plane = disc_motion(shape, detector_shape, disc_centre, descan, rng)
    sampling = sample_patterns(
        detector_shape,
        centre,
        disc_size(disc_radius, detector_shape),
        bounded(edge_width, "edge_width", 1e-3, np.inf, "px, the rim's standard deviation"),
        microscope.convergence_angle,
        to_scan_frame(scan_rotation, scan_flip),
        specimen.beam.g[:2],
        microscope.wavelength,
        supersampling,
    )
    path = scan_path(microscope.scan, shape, microscope.pixel_size, rng)
    truth = pair_truth(specimen, sampling, shape, path, microscope, how, line_width)
    planes = planes_of(specimen, sampling, shape, microscope, how, show_progressbar)
    stack, vacuum = recorded(
        planes, sampling, path, vacuum_shape, plane, background, microscope, rng
    )
    return _stack_with_truth(
        stack, vacuum, truth, specimen, sampling, plane, microscope, scan_rotation, scan_flip
    )


def _stack_with_truth(
    stack, vacuum, truth, specimen, sampling: PatternSampling, plane, microscope, rotation, flip
) -> ScanStack:
    gx, gy = sampling.g
    azimuth = float(np.rad2deg(np.arctan2(gx, -gy)) % 180.0)
    azimuth = 0.0 if azimuth > 180.0 - 1e-9 else azimuth
    normal = np.array([-np.sin(np.deg2rad(azimuth)), np.cos(np.deg2rad(azimuth))])
    offset = specimen.beam.s / float(sampling.g @ normal) * 1e3 / microscope.convergence_angle
    return ScanStack(
        stack=stack,
        vacuum=vacuum,
        truth=truth.truth,
        pixel_size=float(microscope.pixel_size),
        thickness=float(specimen.thickness),
        focus_depth=truth.zero_depth - specimen.thickness / 2,
        convergence_angle=float(microscope.convergence_angle),
        disc_centre=(float(sampling.centre[0]), float(sampling.centre[1])),
        disc_radius=float(sampling.radius),
        edge_width=float(sampling.edge_width),
        descan=plane,
        kikuchi_azimuth=azimuth,
        band_centre=offset,
        scan_rotation=float(rotation),
        scan_flip=bool(flip),
        g=sampling.g,
        wavelength=microscope.wavelength,
        microscope=microscope,
    )
