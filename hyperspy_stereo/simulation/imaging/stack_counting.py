"""From the images of single incidences to the counted patterns of a 4D scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.simulation.contrast import columns
from hyperspy_stereo.simulation.imaging.acquisition import (
    ScanPath,
    blurred,
    scanned,
    warn_if_full,
)
from hyperspy_stereo.simulation.imaging.detector_sampling import point_samples
from hyperspy_stereo.simulation.imaging.microscope import Microscope
from hyperspy_stereo.simulation.imaging.pattern_sampling import PatternSampling
from hyperspy_stereo.simulation.imaging.stack_kernels import count_patterns, deposit, shade
from hyperspy_stereo.simulation.imaging.truth_maps import truth_of
from hyperspy_stereo.simulation.imaging.view_geometry import on_path, tiltless_geometry
from hyperspy_stereo.simulation.imaging.view_rendering import (
    Propagation,
    blurred_views,
    detector_images,
    focus_groups,
    without_lines,
)
from hyperspy_stereo.simulation.specimen import Specimen
from hyperspy_stereo.simulation.truth import Truth

#: Where the two views of the truth lie, in disc radii.
TRUTH_RADIUS = 0.7
# Largest number that a stack of 16 bits holds.
_DEEPEST = 65535
# Detector pixels that are blurred and moved at once: bounds the memory.
_CHUNK = 256
# Incidences whose rays differ by less share one displacement field: scan pixels, and nm.
_TOLERANCE, _TOLERANCE_RANGE = 0.15, (0.2, 0.4)


@dataclass(frozen=True, eq=False)
class PairTruth:
    """Truth of a pair of views in the disc, and the depth of its plane of zero disparity (nm)."""

    truth: Truth
    zero_depth: float


def pair_truth(
    specimen: Specimen,
    sampling: PatternSampling,
    shape: tuple[int, int],
    path: ScanPath,
    microscope: Microscope,
    how: Propagation,
    line_width: float,
) -> PairTruth:
    """Truth of two small detectors far apart on the Kikuchi line, in the frame of the scan.

    Parameters
    ----------
    specimen : Specimen
        In the frame of the scan.
    sampling : PatternSampling
        Gives the disc and the direction of the Kikuchi line.
    shape : tuple of int
        Rows and columns of the scan.
    path : ScanPath
        Of the scan: its drift and flyback are in the views and in the maps.
    microscope : Microscope
        Focus, aberration, pixel and source size.
    how : Propagation
        Slices.
    line_width : float
        Of the masks, px.

    Returns
    -------
    PairTruth
    """
    gx, gy = sampling.g
    azimuth = np.arctan2(gx, -gy) % np.pi
    along = sampling.to_scan @ (np.cos(azimuth), np.sin(azimuth))
    half = TRUTH_RADIUS * sampling.convergence_angle
    detectors = [point_samples(half * along), point_samples(-half * along)]
    geometry = tiltless_geometry(specimen, detectors, shape, microscope)
    raw, reference = (
        detector_images(foil, detectors, shape, microscope, propagation=fine)
        for foil, fine in ((specimen, how), without_lines(specimen, how))
    )
    seen, picture = blurred_views(raw, specimen, geometry, microscope)
    truth = truth_of(
        specimen,
        on_path(geometry, [path] * len(detectors)),
        scanned(picture, path, jitter=False),
        blurred(reference, microscope),
        contrast_views=seen,
        line_width=line_width,
    )
    return PairTruth(truth, geometry.zero_depth)


def planes_of(
    specimen: Specimen,
    sampling: PatternSampling,
    shape: tuple[int, int],
    microscope: Microscope,
    how: Propagation,
    show_progressbar: bool,
) -> np.ndarray:
    """Mean signal of each detector pixel in use as an image of the scan; vacuum is 1.

    Parameters
    ----------
    specimen : Specimen
        In the frame of the scan.
    sampling : PatternSampling
        Incidences and the pixels that they reach.
    shape : tuple of int
        Rows and columns of the scan.
    microscope : Microscope
        Focus, aberration, pixel size.
    how : Propagation
        Slices.
    show_progressbar : bool
        Show how many incidences are done.

    Returns
    -------
    (n_slots, Ny, Nx) float32 ndarray
        On an even scan, with the blobs of the faces, without blur.
    """
    from tqdm.auto import tqdm

    x, y = (np.arange(n) * microscope.pixel_size for n in shape[::-1])
    planes = np.zeros((sampling.n_slots, *shape), np.float32)
    rays = sampling.incidence
    tolerance = float(np.clip(_TOLERANCE * microscope.pixel_size, *_TOLERANCE_RANGE))
    bar = tqdm(total=len(rays), unit=" incidences", disable=not show_progressbar, leave=False)
    with bar:
        for depth, chosen in focus_groups(rays, specimen.thickness, microscope):
            for indices, bf, df in columns.iterate_images(
                specimen,
                rays[chosen],
                x,
                y,
                depth,
                slice_thickness=how.slice_thickness,
                poisson_ratio=how.poisson_ratio,
                tolerance=tolerance,
            ):
                which = chosen[np.atleast_1d(indices)]
                deposit(
                    planes,
                    bf,
                    df,
                    sampling.bf_slot[which],
                    sampling.bf_weight[which],
                    sampling.df_slots[which],
                    sampling.df_weights[which],
                )
                bar.update(len(which))
    _darken(planes, specimen, sampling, microscope)
    return planes


def _darken(planes, specimen: Specimen, sampling: PatternSampling, microscope) -> None:
    """Multiply the blobs of the faces into the images of the pixels."""
    if not specimen.spots:
        return
    rays = sampling.slot_rays()
    focus = np.array(
        [microscope.focus_for(specimen.thickness, np.linalg.norm(ray)) for ray in rays]
    )
    spots = np.array(
        [
            [
                *spot.centre,
                *spot.radii,
                np.deg2rad(spot.azimuth),
                spot.absorption,
                float(specimen.thickness_at(*spot.centre)) if spot.on_exit else 0.0,
            ]
            for spot in specimen.spots
        ]
    )
    shade(planes, rays, focus, float(microscope.pixel_size), spots)


def recorded(
    planes: np.ndarray,
    sampling: PatternSampling,
    path: ScanPath,
    vacuum_shape: tuple[int, int],
    descan: np.ndarray,
    background: float,
    microscope: Microscope,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Count the patterns of a scan and of a coarse one in vacuum.

    Parameters
    ----------
    planes : (n_slots, Ny, Nx) float32 ndarray
        As `planes_of` returns them; overwritten.
    sampling : PatternSampling
        Where the pixels lie.
    path : ScanPath
        Of the scan.
    vacuum_shape : tuple of int
        Rows and columns of the coarse scan.
    descan : (2, 3) ndarray
        Motion of the disc, px per scan px.
    background : float
        Share of the disc's brightness everywhere.
    microscope : Microscope
        Dose, counter, source size.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    stack, vacuum : ndarray
        (Ny, Nx, H, W) and (ny, nx, H, W); uint16, or float32 at infinite dose.

    Warns
    -----
    UserWarning
        If more than 1 % of the expected counts exceed what the counters hold.
    """
    shape = planes.shape[1:]
    for first in range(0, len(planes), _CHUNK):
        part = planes[first : first + _CHUNK]
        planes[first : first + _CHUNK] = scanned(blurred(part, microscope), path)
    rate = 1.0
    if np.isfinite(microscope.dose):
        rate = microscope.dose / (np.pi * sampling.radius**2)
        limit = microscope.counter.limit or _DEEPEST
        full = sum(np.count_nonzero(part > limit / rate - background) for part in planes)
        brightest = (float(planes.max()) + background) * rate / microscope.dose
        warn_if_full(full / planes.size, brightest, limit)
    hot, dead = _bad_pixels(sampling.shape, rate, microscope, rng)
    seeds = rng.integers(1, 2**31 - 1, shape[0] + vacuum_shape[0])
    stack = _counted(
        planes, sampling, path, rate, descan, background, microscope, seeds[: shape[0]]
    )
    still = ScanPath(
        np.zeros((vacuum_shape[0], 2)),
        np.zeros((vacuum_shape[1], 2)),
        np.zeros(vacuum_shape[0]),
        np.ones(vacuum_shape[0]),
    )
    coarse = descan.copy()
    coarse[:, :2] *= np.asarray(shape)[::-1] / np.asarray(vacuum_shape)[::-1]
    empty = np.empty((sampling.n_slots, *vacuum_shape), np.float32)
    empty[:] = sampling.aperture()[:, None, None]
    vacuum = _counted(
        empty, sampling, still, rate, coarse, background, microscope, seeds[shape[0] :]
    )
    for patterns in (stack, vacuum):
        for (row, column), level in hot:
            patterns[:, :, row, column] = level
        for row, column in dead:
            patterns[:, :, row, column] = 0
    return stack, vacuum


def _counted(planes, sampling, path, rate, descan, background, microscope, seeds) -> np.ndarray:
    counting = bool(np.isfinite(microscope.dose))
    limit = (microscope.counter.limit or _DEEPEST) if counting else 0
    out = np.empty((*planes.shape[1:], *sampling.shape), np.uint16 if counting else np.float32)
    count_patterns(
        out,
        planes,
        sampling.slots,
        float(rate),
        path.gain,
        descan,
        float(background),
        float(microscope.counter.afterglow),
        limit,
        seeds,
    )
    return out


def _bad_pixels(shape, rate: float, microscope: Microscope, rng):
    """Places and levels of pixels that always read high, and places of those that read nothing."""
    counter = microscope.counter
    number = counter.hot_pixels + counter.dead_pixels
    places = rng.choice(shape[0] * shape[1], min(number, shape[0] * shape[1]), replace=False)
    where = [divmod(int(place), shape[1]) for place in places]
    levels = 4 * rate * rng.uniform(1, 4, counter.hot_pixels)
    if np.isfinite(microscope.dose):
        levels = np.minimum(levels.astype(int) + 1, counter.limit or _DEEPEST)
    hot = list(zip(where[: counter.hot_pixels], levels, strict=False))
    return hot, where[counter.hot_pixels :]
