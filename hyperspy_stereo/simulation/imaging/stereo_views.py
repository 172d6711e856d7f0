"""Tilt-less views of a specimen: two or more detectors in the bright-field disc."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.geometry.incidence import check_stereo_angle
from hyperspy_stereo.simulation.imaging.acquisition import (
    blurred,
    counted,
    random_source,
    scan_path,
    scanned,
)
from hyperspy_stereo.simulation.imaging.detector_sampling import (
    Samples,
    disc_samples,
    segment_samples,
)
from hyperspy_stereo.simulation.imaging.microscope import Microscope, as_microscope
from hyperspy_stereo.simulation.imaging.truth_maps import truth_of
from hyperspy_stereo.simulation.imaging.turning import kikuchi_azimuth, turned_specimen
from hyperspy_stereo.simulation.imaging.view_geometry import on_path, tiltless_geometry
from hyperspy_stereo.simulation.imaging.view_rendering import (
    Propagation,
    Signal,
    blurred_views,
    check_signal,
    detector_images,
    image_shape,
    without_lines,
)
from hyperspy_stereo.simulation.specimen import Specimen
from hyperspy_stereo.simulation.truth import Truth


@dataclass(frozen=True, eq=False)
class StereoViews:
    """Recorded views and what is true about them.

    Attributes
    ----------
    images : (V, H, W) float32 ndarray
        Share of the incident electrons that was counted.
    incidence : (V, 2) ndarray
        mrad, in the frame of the images: angles of incidence, or of tilt.
    truth : Truth
        Its specimen is in the frame of the images.
    azimuth : float
        Direction in the given specimen that runs along the rows of the images, degrees.
    microscope : Microscope
        It was recorded with.
    """

    images: np.ndarray
    incidence: np.ndarray
    truth: Truth
    azimuth: float
    microscope: Microscope


def stereo_views(
    specimen: Specimen,
    microscope: Microscope | None = None,
    *,
    stereo_angle: float = 6.0,
    n_views: int = 2,
    azimuth: float | None = None,
    detector_radius: float = 0.0,
    detector_shape: str = "disc",
    max_samples: int = 96,
    signal: Signal = "bright field",
    slice_thickness: float = 2.0,
    poisson_ratio: float = 0.3,
    line_width: float = 3.0,
    seed: int = 0,
) -> StereoViews:
    """Views of one exposure, with the parallax along the rows of the images.

    The detectors lie on a line through the middle of the disc. By default it is the Kikuchi line,
    perpendicular to g, where all views have the same excitation error and so the same contrast;
    the images are scanned along it. All views share one scan: its drift, row jitter, flyback and
    beam current are the same in all of them, only the counting differs.

    Parameters
    ----------
    specimen : Specimen
        The images show its whole field.
    microscope : Microscope, optional
        Default: ``Microscope()``.
    stereo_angle : float, default 6.0
        Between the outermost views, degrees.
    n_views : int, default 2
        Equally spaced; the first has the largest incidence along x.
    azimuth : float, optional
        Direction of the parallax in the specimen, degrees, atan2(dy, dx) with y down; it runs
        along the rows. Default: the Kikuchi line, `turning.kikuchi_azimuth`. Where it is not x,
        the specimen is turned about the middle of its field, `turning.turned_specimen`.
    detector_radius : float, default 0.0
        mrad; 0 is one incidence, which is fastest and has the strongest contrast.
    detector_shape : {"disc", "slit"}
        A slit is an ellipse along the Kikuchi line of the same area, twice as long as wide.
    max_samples : int, default 96
        Incidences that stand for a detector, at most, 3 or more; see
        `detector_sampling.disc_samples`.
    signal : {"bright field", "dark field"}
        ``|phi_0|**2``, or ``|phi_g|**2`` at the same incidences.
    slice_thickness : float, default 2.0
        nm.
    poisson_ratio : float, default 0.3
        Of the crystal.
    line_width : float, default 3.0
        Of the lines in the truth's masks, px.
    seed : int, default 0
        Of all noise; the same seed gives the same images.

    Returns
    -------
    StereoViews

    Raises
    ------
    TypeError
        If the microscope or the seed is something else.
    ValueError
        If a number is out of its range, or the views lie outside the disc.

    See Also
    --------
    segment_views : Segments of an annular detector.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.beam import TwoBeam
    >>> from hyperspy_stereo.simulation.dislocation import Dislocation
    >>> line = Dislocation([[32, 0, 20], [32, 64, 80]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((64, 64), 100, TwoBeam([0, 5, 0], 0.0, 40), (line,), ("line",))
    >>> views = stereo_views(foil, stereo_angle=6)
    >>> views.images.shape, views.incidence.round(2)[:, 0]
    ((2, 64, 64), array([ 52.36, -52.36]))
    """
    microscope, rng = as_microscope(microscope), random_source(seed)
    check_signal(signal)
    if isinstance(n_views, bool) or not isinstance(n_views, int | np.integer) or n_views < 2:
        raise ValueError(f"n_views must be a whole number of at least 2; got {n_views!r}.")
    angle = float(kikuchi_azimuth(specimen) if azimuth is None else azimuth)
    turned = turned_specimen(specimen, angle)
    half = 500.0 * np.deg2rad(check_stereo_angle(stereo_angle))
    middles = np.column_stack([np.linspace(half, -half, n_views), np.zeros(n_views)])
    detectors = [
        disc_samples(
            middle,
            detector_radius,
            turned.beam.g,
            turned.thickness,
            microscope.pixel_size,
            detector_shape,
            max_samples=max_samples,
        )
        for middle in middles
    ]
    _check_inside(detectors, microscope)
    how = Propagation(slice_thickness, poisson_ratio)
    images, truth = _exposure(turned, detectors, microscope, signal, how, line_width, rng)
    return StereoViews(images, truth.incidence, truth, angle, microscope)


def segment_views(
    specimen: Specimen,
    microscope: Microscope | None = None,
    inner: float = 20.0,
    outer: float = 50.0,
    azimuths: Sequence[float] = (45.0, 135.0, 225.0, 315.0),
    *,
    width: float | None = None,
    n_samples: int = 64,
    signal: Signal = "bright field",
    slice_thickness: float = 2.0,
    poisson_ratio: float = 0.3,
    line_width: float = 3.0,
    seed: int = 0,
) -> StereoViews:
    """Views of the segments of an annular detector, all of one exposure.

    The specimen is not turned: the incidences point along the segments' azimuths.

    Parameters
    ----------
    specimen : Specimen
        The images show its whole field.
    microscope : Microscope, optional
        Default: ``Microscope()``.
    inner, outer : float, default 20, 50
        Radii of the segments, mrad.
    azimuths : sequence of float
        Directions of their middles, degrees, atan2(y, x) with y down.
    width : float, optional
        Angle that each spans, degrees. Default: 360 over their number, 180 at most.
    n_samples : int, default 64
        Incidences per segment.
    signal, slice_thickness, poisson_ratio, line_width, seed
        As `stereo_views`.

    Returns
    -------
    StereoViews
        The incidence of a view is the centroid of its segment. The truth's disparity is that of
        the two views farthest apart, along the axis between them.

    Raises
    ------
    TypeError
        If the microscope or the seed is something else.
    ValueError
        If there are fewer than two segments, or they lie outside the disc.
    """
    microscope, rng = as_microscope(microscope), random_source(seed)
    check_signal(signal)
    directions = np.atleast_1d(np.asarray(azimuths, float))
    if directions.ndim != 1 or len(directions) < 2:
        raise ValueError(
            f"segment_views needs the azimuths of at least two segments; got {azimuths!r}."
        )
    span = min(360.0 / len(directions), 180.0) if width is None else width
    detectors = [segment_samples(inner, outer, a, span, n_samples) for a in directions]
    _check_inside(detectors, microscope)
    how = Propagation(slice_thickness, poisson_ratio)
    images, truth = _exposure(specimen, detectors, microscope, signal, how, line_width, rng)
    return StereoViews(images, truth.incidence, truth, 0.0, microscope)


def _check_inside(detectors: Sequence[Samples], microscope: Microscope) -> None:
    farthest = max(np.linalg.norm(d.incidence, axis=1).max() for d in detectors)
    if farthest > microscope.convergence_angle + 1e-6:
        raise ValueError(
            f"the views reach {farthest:.1f} mrad, outside the disc of "
            f"{microscope.convergence_angle:g} mrad: choose a smaller stereo_angle or detector, or "
            f"Microscope(convergence_angle={np.ceil(farthest):g})."
        )


def _exposure(specimen, detectors, microscope, signal, how, line_width, rng):
    """Record all views in one scan; their images and truth."""
    shape = image_shape(specimen, microscope.pixel_size)
    geometry = tiltless_geometry(specimen, detectors, shape, microscope)
    raw = detector_images(specimen, detectors, shape, microscope, signal, how)
    empty, coarse = without_lines(specimen, how)
    reference = detector_images(empty, detectors, shape, microscope, signal, coarse)
    seen, picture = blurred_views(raw, specimen, geometry, microscope)
    path = scan_path(microscope.scan, shape, microscope.pixel_size, rng)
    clean = scanned(picture, path, jitter=False)
    images = counted(
        scanned(picture, path), microscope.dose, microscope.counter, rng, gain=path.gain
    )
    truth = truth_of(
        specimen,
        on_path(geometry, [path] * len(detectors)),
        clean,
        blurred(reference, microscope),
        contrast_views=seen,
        line_width=line_width,
    )
    return images, truth
