"""Contrast of a specimen in views: images of single incidences summed over detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hyperspy_stereo.simulation.contrast import columns
from hyperspy_stereo.simulation.imaging.acquisition import blurred
from hyperspy_stereo.simulation.imaging.detector_sampling import Samples
from hyperspy_stereo.simulation.imaging.microscope import Microscope
from hyperspy_stereo.simulation.imaging.view_geometry import ViewGeometry
from hyperspy_stereo.simulation.specimen import Specimen, SurfaceSpot

Signal = Literal["bright field", "dark field"]


@dataclass(frozen=True)
class Propagation:
    """How finely the electrons are followed through the foil.

    Attributes
    ----------
    slice_thickness : float, default 2.0
        nm; at 2 nm the intensity is right to 0.013 at worst, 0.0013 rms.
    poisson_ratio : float, default 0.3
        Of the crystal.
    """

    slice_thickness: float = 2.0
    poisson_ratio: float = 0.3


def check_signal(signal: str) -> str:
    """Return the name of a signal, or say which two there are.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if signal not in ("bright field", "dark field"):
        raise ValueError(f'signal must be "bright field" or "dark field"; got {signal!r}.')
    return signal


def image_shape(specimen: Specimen, pixel_size: float) -> tuple[int, int]:
    """Rows and columns of an image of the specimen's whole field.

    Raises
    ------
    ValueError
        If that leaves less than 2 pixels a side.
    """
    rows, columns_ = (max(round(side / pixel_size), 0) for side in specimen.size[::-1])
    if min(rows, columns_) < 2:
        raise ValueError(
            f"a field of {specimen.size[0]:g} x {specimen.size[1]:g} nm has {columns_} x {rows} "
            f"pixels of {pixel_size:g} nm: choose a smaller pixel_size."
        )
    return rows, columns_


def without_lines(specimen: Specimen, how: Propagation) -> tuple[Specimen, Propagation]:
    """Return the same specimen without dislocations, and how finely it must be followed.

    Boundaries and faults stay. Where there is none either, every column is a perfect crystal, for
    which one slice is exact.
    """
    empty = replace(specimen, dislocations=(), kinds=())
    if specimen.boundaries or specimen.faults:
        return empty, how
    return empty, replace(how, slice_thickness=1e6)


def detector_images(
    specimen: Specimen,
    detectors: Sequence[Samples],
    shape: tuple[int, int],
    microscope: Microscope,
    signal: Signal = "bright field",
    propagation: Propagation | None = None,
) -> np.ndarray:
    """Images that detectors see of one exposure, without spots, blur and noise.

    Parameters
    ----------
    specimen : Specimen
        In the frame of the images.
    detectors : sequence of Samples
        Weighted incidences, mrad.
    shape : tuple of int
        Rows and columns.
    microscope : Microscope
        Focus, aberration and pixel size.
    signal : {"bright field", "dark field"}
        ``|phi_0|**2`` or ``|phi_g|**2``.
    propagation : Propagation, optional
        Default: 2 nm slices.

    Returns
    -------
    (V, H, W) float32 ndarray
        Share of the incident electrons.
    """
    how = propagation or Propagation()
    x, y = (np.arange(n) * microscope.pixel_size for n in shape[::-1])
    owner = np.repeat(np.arange(len(detectors)), [len(d.weights) for d in detectors])
    weights = np.concatenate([d.weights for d in detectors])
    rays = np.tan(np.concatenate([d.incidence for d in detectors]) / 1000.0)
    out = np.zeros((len(detectors), *shape), np.float32)
    for depth, chosen in focus_groups(rays, specimen.thickness, microscope):
        groups = columns.iterate_images(
            specimen,
            rays[chosen],
            x,
            y,
            depth,
            slice_thickness=how.slice_thickness,
            poisson_ratio=how.poisson_ratio,
        )
        for indices, bf, df in groups:
            images = bf if signal == "bright field" else df
            for index, image in zip(np.atleast_1d(indices), images, strict=True):
                which = chosen[index]
                out[owner[which]] += np.float32(weights[which]) * image
    return out


def focus_groups(
    rays: np.ndarray, thickness: float, microscope: Microscope
) -> list[tuple[float, np.ndarray]]:
    """Group rays by the depth at which they meet the axis.

    Without spherical aberration all of them meet in the focus. With it each size of theta has a
    depth of its own; depths so near that the image moves by less than 0.02 px are taken as one.

    Parameters
    ----------
    rays : (n, 2) ndarray
        Slopes, rad.
    thickness : float
        Of the foil, nm.
    microscope : Microscope
        Focus, aberration and pixel size.

    Returns
    -------
    list of (depth, indices)
        Depth from the entrance face in nm, and the rays that meet there.
    """
    size = np.linalg.norm(rays, axis=1)
    step = 0.04 * microscope.pixel_size / max(float(size.max()), 1e-9)
    defocus = microscope.spherical_aberration * 1e6 * size**2
    level = np.rint(defocus / step).astype(int)
    focus = microscope.focus_in(thickness)
    return [
        (float(focus - defocus[level == k].mean()), np.flatnonzero(level == k))
        for k in np.unique(level)
    ]


def tilted_images(
    specimen: Specimen,
    geometry: ViewGeometry,
    deviations: np.ndarray,
    signal: Signal = "bright field",
    propagation: Propagation | None = None,
    cone: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Images of a specimen tilted about the vertical, without spots, blur and noise.

    Parameters
    ----------
    specimen : Specimen
        In the frame of the untilted image.
    geometry : ViewGeometry
        Tilts (mrad, along x), axis depth and grid.
    deviations : (V,) ndarray
        Error of the excitation error in each view, 1/nm.
    signal : {"bright field", "dark field"}
        ``|phi_0|**2`` or ``|phi_g|**2``.
    propagation : Propagation, optional
        Default: 2 nm slices.
    cone : (deviations, weights), optional
        Deviations of the excitation error in 1/nm over which each view is averaged, from
        `detector_sampling.deviation_samples`. Each costs as much as a view. Default: a single
        incidence.

    Returns
    -------
    (V, H, W) float32 ndarray
        Share of the incident electrons.
    """
    how = propagation or Propagation()
    offsets, weights = (np.zeros(1), np.ones(1)) if cone is None else cone
    out = np.zeros((geometry.n_views, *geometry.shape), np.float32)
    for view, deviation in enumerate(deviations):
        x, y = geometry.entry(view, geometry.zero_depth)
        for offset, weight in zip(offsets, weights, strict=True):
            s = specimen.beam.s + float(deviation + offset)
            bf, df = columns.column_images(
                replace(specimen, beam=specimen.beam.with_s(s)),
                geometry.rays[view : view + 1],
                np.ascontiguousarray(x[0]),
                np.ascontiguousarray(y[:, 0]),
                geometry.zero_depth,
                slice_thickness=how.slice_thickness,
                poisson_ratio=how.poisson_ratio,
                tilt=True,
            )
            out[view] += np.float32(weight) * (bf if signal == "bright field" else df)[0]
    return out


def blurred_views(
    raw: np.ndarray, specimen: Specimen, geometry: ViewGeometry, microscope: Microscope
) -> tuple[np.ndarray, np.ndarray]:
    """Views as the probe's source blurs them, without and with the blobs on the faces.

    Parameters
    ----------
    raw : (V, H, W) ndarray
        Without spots and blur.
    specimen, geometry, microscope
        Spots, the views, and the size of the source.

    Returns
    -------
    without, with_spots : (V, H, W) float32 ndarrays
        The same array where there are no spots. Without spots lines alone change the contrast.
    """
    without = blurred(raw, microscope)
    if not specimen.spots:
        return without, without
    return without, blurred(raw * spot_transmission(specimen, geometry), microscope)


def spot_transmission(specimen: Specimen, geometry: ViewGeometry) -> np.ndarray:
    """Share of the electrons that the blobs on both faces let through.

    Parameters
    ----------
    specimen : Specimen
        With its `spots`.
    geometry : ViewGeometry
        The views.

    Returns
    -------
    (V, H, W) float32 ndarray
        1 where there is no spot; a blob is a smooth dome, 1 - absorption (1 - rho**2)**2, over its
        ellipse rho < 1.
    """
    out = np.ones((geometry.n_views, *geometry.shape), np.float32)
    for view in range(geometry.n_views):
        for spot in specimen.spots:
            window, rho2 = spot_radius(specimen, spot, geometry, view)
            dome = np.clip(1 - rho2, 0, None) ** 2
            out[view][window] *= (1 - spot.absorption * dome).astype(np.float32)
    return np.clip(out, 0, None)


def spot_radius(
    specimen: Specimen, spot: SurfaceSpot, geometry: ViewGeometry, view: int
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Squared radius of the pixels of a view in a spot's ellipse, and the window around it.

    Returns
    -------
    window : tuple of slice
        Rows and columns that the spot may touch; empty where it lies outside the view.
    rho2 : ndarray
        Below 1 inside the spot.
    """
    depth = float(specimen.thickness_at(*spot.centre)) if spot.on_exit else 0.0
    place = np.array([[*spot.centre, depth - geometry.zero_depth]])
    middle = geometry.project(place)[view, 0]
    reach = np.max(spot.radii) / geometry.pixel_size + 3
    edges = [
        np.clip([np.floor(m - reach), np.ceil(m + reach) + 1], 0, n).astype(int)
        for m, n in zip(middle[::-1], geometry.shape, strict=True)
    ]
    window = slice(*edges[0]), slice(*edges[1])
    x, y = geometry.entry(view, depth)
    dx, dy = x[window] - spot.centre[0], y[window] - spot.centre[1]
    c, s = np.cos(np.deg2rad(spot.azimuth)), np.sin(np.deg2rad(spot.azimuth))
    first, second = (c * dx + s * dy) / spot.radii[0], (c * dy - s * dx) / spot.radii[1]
    return window, first**2 + second**2
