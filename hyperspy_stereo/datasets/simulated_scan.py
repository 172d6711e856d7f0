"""A simulated 4D-STEM scan as a signal of this package, with what is true about it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.datasets.simulated import chosen_specimen, common_metadata, elastic
from hyperspy_stereo.simulation.truth import Truth

if TYPE_CHECKING:
    from hyperspy_stereo.signals import Diffraction4DStereo
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.scan_stack import ScanStack
    from hyperspy_stereo.simulation.specimen import Specimen

__all__ = ["ScanTruth", "simulate_4dstem"]


@dataclass(frozen=True, eq=False)
class ScanTruth(Truth):
    """The truth behind a simulated 4D scan: that of two of its views, and its calibration.

    The attributes of :class:`~hyperspy_stereo.simulation.Truth` hold for two views at 0.7 of the
    disc's radius on the Kikuchi line, in the frame of the scan.

    Attributes
    ----------
    vacuum : (ny, nx, H, W) ndarray
        Patterns without the specimen, for ``calibrate_disc``.
    thickness : float
        At the middle of the field, nm.
    focus_depth : float
        Depth of the plane of zero disparity from the foil's mid plane, nm.
    convergence_angle : float
        Semi-angle of the disc, mrad.
    disc_centre, disc_radius, edge_width : (float, float), float, float
        px of the detector; centre as (x, y).
    descan : (2, 3) ndarray
        centre = disc_centre + descan[:, :2] @ (ix - (Nx-1)/2, iy - (Ny-1)/2).
    kikuchi_azimuth : float
        Direction of the Kikuchi line, degrees in detector axes, in [0, 180).
    band_centre : float
        Offset of the line of s = 0 from the disc's centre along the line's normal, disc radii.
    scan_rotation, scan_flip : float, bool
        From detector to scan, degrees, as in ``metadata.Stereo``.
    g : (2,) ndarray
        Diffraction vector in detector axes, 1/nm.
    wavelength : float
        nm.
    parallax_azimuth : float
        Direction of the Kikuchi line in the scan, degrees.
    """

    vacuum: np.ndarray
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
    parallax_azimuth: float

    @property
    def mrad_per_px(self) -> float:
        """Angle of one detector pixel, mrad."""
        return self.convergence_angle / self.disc_radius


def simulate_4dstem(
    specimen: Specimen | None = None,
    microscope: Microscope | None = None,
    *,
    scan_shape: tuple[int, int] | None = None,
    detector_shape: tuple[int, int] = (48, 48),
    seed: int = 0,
    **settings: Any,
) -> tuple[Diffraction4DStereo, ScanTruth]:
    """Simulate a 4D-STEM scan of a specimen with a convergent probe.

    Parameters
    ----------
    specimen : Specimen, optional
        What to look at. By default a random one of 128 x 128 nm with some
        five lines and loops.
    microscope : Microscope, optional
        Its dose is that of the whole disc. By default 200 kV, a cone of 60 mrad, 60,000 electrons
        for each pattern, and the largest pixels with which the scan fits into the specimen's field.
    scan_shape : (int, int), optional
        Rows and columns of the scan. By default the whole field in steps of the microscope's pixel
        size; without a microscope, at most 64 in either direction.
    detector_shape : (int, int), default (48, 48)
        Rows and columns of the patterns. More cost time and memory in proportion.
    seed : int, default 0
        Of the noise, of what is not given about disc and descan, and of a random specimen.
    **settings
        disc_radius, disc_centre, descan, scan_rotation, scan_flip, slice_thickness, ...: passed to
        :func:`hyperspy_stereo.simulation.imaging.scan_stack.scan_stack`.

    Returns
    -------
    signal : Diffraction4DStereo
        Counts; scan axes in nm, detector axes in mrad from the middle of the disc. It is not
        calibrated: that is what ``calibrate_disc`` and its like are for.
    truth : ScanTruth
        In the frame of the scan; with `vacuum`, and what calibration should find.

    Raises
    ------
    ValueError
        If a setting is out of its range, or specimen and microscope differ in voltage.

    Examples
    --------
    >>> from hyperspy_stereo.simulation import Dislocation, Specimen, TwoBeam
    >>> line = Dislocation([[16, 0, 20], [16, 32, 80]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((32, 32), 100, TwoBeam([0, 5, 0], 0.0, 40), (line,), ("line",))
    >>> s, truth = simulate_4dstem(foil, scan_shape=(8, 8), detector_shape=(24, 24))
    >>> s
    <Diffraction4DStereo, title: simulated 4D-STEM scan, dimensions: (8, 8|24, 24)>
    >>> round(s.calibrate_disc(vacuum=truth.vacuum).metadata.Stereo.Disc.radius, 1)
    9.6
    """
    from hyperspy_stereo.simulation.imaging.microscope import Microscope
    from hyperspy_stereo.simulation.imaging.scan_stack import scan_stack

    if scan_shape is not None:
        _check_scan_shape(scan_shape)
    voltage = (microscope or Microscope()).voltage
    # Few lines: the time that a scan takes grows with their length.
    drawn = {"size": (128.0, 128.0), "n_lines": 5, "kinds": ("line", "threading", "loop")}
    specimen = chosen_specimen(specimen, seed, voltage, **drawn)
    if microscope is None:
        pixel_size = max(specimen.size) / 64
        if scan_shape is not None:
            pixel_size = min(np.array(specimen.size) / np.array(scan_shape)[::-1])
        microscope = Microscope(dose=60_000.0, pixel_size=float(pixel_size))
    settings = elastic(specimen, settings)
    scan = scan_stack(specimen, microscope, scan_shape, detector_shape, seed=seed, **settings)
    signal = scan_as_signal(scan, microscope, "simulated 4D-STEM scan", seed, settings)
    return signal, scan_truth(scan)


def _check_scan_shape(scan_shape: Any) -> None:
    """Refuse what is not rows and columns, before steps of the scan are made from it."""
    numbers = np.atleast_1d(np.asarray(scan_shape))
    if numbers.shape != (2,) or numbers.dtype.kind not in "iu" or numbers.min() < 2:
        raise ValueError(
            "scan_shape must be the rows and columns of the scan, whole numbers of 2 or more, such "
            f"as (64, 64); got {scan_shape!r}."
        )


def scan_truth(scan: ScanStack) -> ScanTruth:
    """What is true about a scan, without the scan itself."""
    views = {field.name: getattr(scan.truth, field.name) for field in fields(Truth)}
    names = {field.name for field in fields(ScanTruth)} - set(views)
    return ScanTruth(**views, **{name: getattr(scan, name) for name in names})


def scan_as_signal(
    scan: ScanStack, microscope: Microscope, title: str, seed: int, settings: dict[str, Any]
) -> Diffraction4DStereo:
    """Wrap a simulated scan with calibrated axes and metadata.

    Parameters
    ----------
    scan : ScanStack
        Of `scan_stack`.
    microscope : Microscope
        It was recorded with.
    title, seed, settings
        For the metadata.

    Returns
    -------
    Diffraction4DStereo
    """
    from hyperspy_stereo.signals import Diffraction4DStereo

    rows, columns, height, width = scan.stack.shape
    angle = scan.mrad_per_px
    axes = [
        {"name": name, "size": size, "scale": scan.pixel_size, "units": "nm", "navigate": True}
        for name, size in (("y", rows), ("x", columns))
    ]
    axes += [
        {"name": name, "size": size, "scale": angle, "offset": -angle * middle, "units": "mrad"}
        for name, size, middle in zip(
            ("ky", "kx"), (height, width), scan.disc_centre[::-1], strict=True
        )
    ]
    settings = {
        "scan_shape": (rows, columns), "detector_shape": (height, width), **settings
    }  # fmt: skip
    metadata = common_metadata(scan.truth.specimen, microscope, title, seed, settings)
    metadata["Signal"] = {"signal_type": Diffraction4DStereo._signal_type, "quantity": "counts"}
    return Diffraction4DStereo(scan.stack, axes=axes, metadata=metadata)
