"""Views of a specimen that is tilted between exposures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperspy_stereo.simulation.imaging.acquisition import (
    blurred,
    counted,
    random_source,
    scan_path,
    scanned,
)
from hyperspy_stereo.simulation.imaging.detector_sampling import deviation_samples
from hyperspy_stereo.simulation.imaging.microscope import Microscope, as_microscope, as_number
from hyperspy_stereo.simulation.imaging.stereo_views import StereoViews
from hyperspy_stereo.simulation.imaging.truth_maps import truth_of
from hyperspy_stereo.simulation.imaging.turning import kikuchi_azimuth, turned_specimen
from hyperspy_stereo.simulation.imaging.view_geometry import ViewGeometry, on_path
from hyperspy_stereo.simulation.imaging.view_rendering import (
    Propagation,
    Signal,
    blurred_views,
    check_signal,
    image_shape,
    tilted_images,
    without_lines,
)
from hyperspy_stereo.simulation.specimen import Specimen


def tilt_views(
    specimen: Specimen,
    angles: Sequence[float] = (4.0, -4.0),
    microscope: Microscope | None = None,
    *,
    axis_depth: float | None = None,
    azimuth: float | None = None,
    deviation_error: float = 0.0,
    detector_radius: float = 0.0,
    max_samples: int = 96,
    signal: Signal = "bright field",
    slice_thickness: float = 2.0,
    poisson_ratio: float = 0.3,
    line_width: float = 3.0,
    seed: int = 0,
) -> StereoViews:
    """Views of a specimen tilted about the vertical of the images.

    The operator tilts about g and so keeps the excitation error; each view is a scan of its own,
    with its own drift, jitter and current. x is foreshortened by the cosine of the tilt, and the
    path through the foil is longer by its inverse.

    Parameters
    ----------
    specimen : Specimen
        The images show its whole field.
    angles : sequence of float, default (4, -4)
        Tilts in degrees, two or more different ones within 60 degrees; the views are ordered from
        the largest to the smallest. A tilt moves what lies deeper than the axis by -sin(tilt) z.
    microscope : Microscope, optional
        Default: ``Microscope()``. The detector is on the axis; focus and aberration have no part
        in the views.
    axis_depth : float, optional
        Depth of the tilt axis, the plane of zero disparity, from the entrance face, nm. Default:
        the mid plane. The axis runs through the middle of the field.
    azimuth : float, optional
        Direction in the specimen that runs along the rows, degrees. Default: perpendicular to g,
        so that the tilt axis is along g.
    deviation_error : float, default 0.0
        Rms error of the excitation error from view to view, 1/nm.
    detector_radius : float, default 0.0
        mrad; semi-angle over whose incidences each view is averaged, as a probe or a detector of
        that size does. Within it only the excitation error differs, not the parallax. 0 is one
        incidence, which has the strongest contrast.
    max_samples : int, default 96
        Incidences that stand for it, at most; 3 or more. Each costs as much as a view, so that
        fewer are well worth it in large fields.
    signal, slice_thickness, poisson_ratio, line_width, seed
        As `stereo_views.stereo_views`.

    Returns
    -------
    StereoViews
        The incidence holds the tilts in mrad along x.

    Raises
    ------
    TypeError
        If the microscope or a number is something else.
    ValueError
        If there are fewer than two different tilts, one is beyond 60 degrees, or a number is out
        of its range.

    Examples
    --------
    >>> from hyperspy_stereo.simulation.beam import TwoBeam
    >>> from hyperspy_stereo.simulation.dislocation import Dislocation
    >>> line = Dislocation([[32, 0, 20], [32, 64, 80]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((64, 64), 100, TwoBeam([0, 5, 0], 0.0, 40), (line,), ("line",))
    >>> tilt_views(foil, (-4, 4)).incidence.round(1)[:, 0]
    array([ 69.8, -69.8])
    """
    microscope, rng = as_microscope(microscope), random_source(seed)
    check_signal(signal)
    tilts = _checked_tilts(angles)
    if not (np.isfinite(as_number(deviation_error, "deviation_error")) and deviation_error >= 0):
        raise ValueError(f"deviation_error is an rms in 1/nm, at least 0; got {deviation_error!r}.")
    _check_radius(detector_radius)
    direction = float(kikuchi_azimuth(specimen) if azimuth is None else azimuth)
    turned = turned_specimen(specimen, direction)
    shape = image_shape(turned, microscope.pixel_size)
    incidence = np.column_stack([1000.0 * np.deg2rad(tilts), np.zeros(len(tilts))])
    depth = turned.thickness / 2 if axis_depth is None else _checked_depth(axis_depth)
    geometry = ViewGeometry.even(incidence, "tilt", depth, shape, microscope.pixel_size)
    deviations = rng.normal(0.0, 1.0, len(tilts)) * deviation_error
    how = Propagation(slice_thickness, poisson_ratio)
    cone = deviation_samples(
        detector_radius, turned.beam.g, turned.thickness, max_samples=max_samples
    )
    raw = tilted_images(turned, geometry, deviations, signal, how, cone)
    empty, coarse = without_lines(turned, how)
    reference = tilted_images(empty, geometry, deviations, signal, coarse, cone)
    images, truth = _exposures(turned, geometry, raw, reference, microscope, line_width, rng)
    return StereoViews(images, incidence, truth, direction, microscope)


def _checked_tilts(angles: Sequence[float]) -> np.ndarray:
    tilts = np.sort(np.atleast_1d(np.asarray(angles, float)))[::-1]
    if tilts.ndim != 1 or len(np.unique(tilts)) != len(tilts) or len(tilts) < 2:
        raise ValueError(f"angles must be two or more different tilts in degrees; got {angles!r}.")
    if not np.abs(tilts).max() <= 60:
        raise ValueError(f"tilts must lie within 60 degrees either way; got {angles!r}.")
    return tilts


def _check_radius(radius: float) -> None:
    if not (np.isfinite(as_number(radius, "detector_radius")) and radius >= 0):
        raise ValueError(f"detector_radius is a semi-angle in mrad, at least 0; got {radius!r}.")


def _checked_depth(depth: float) -> float:
    if not np.isfinite(as_number(depth, "axis_depth")):
        raise ValueError(
            f"axis_depth must be a finite depth from the entrance face in nm, or None for the mid "
            f"plane; got {depth!r}."
        )
    return float(depth)


def _exposures(specimen, geometry, raw, reference, microscope, line_width, rng):
    """Record each view in a scan of its own; images and truth."""
    seen, picture = blurred_views(raw, specimen, geometry, microscope)
    paths = [scan_path(microscope.scan, geometry.shape, microscope.pixel_size, rng) for _ in raw]
    clean = np.concatenate(
        [scanned(view[None], path, jitter=False) for view, path in zip(picture, paths, strict=True)]
    )
    noisy = np.concatenate(
        [scanned(view[None], path) for view, path in zip(picture, paths, strict=True)]
    )
    gain = np.stack([path.gain for path in paths])
    images = counted(noisy, microscope.dose, microscope.counter, rng, gain=gain)
    truth = truth_of(
        specimen,
        on_path(geometry, paths),
        clean,
        blurred(reference, microscope),
        contrast_views=seen,
        line_width=line_width,
    )
    return images, truth
