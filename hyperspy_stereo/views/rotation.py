"""Rotation between the scan and the detector, from the data themselves."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from hyperspy_stereo.views.binning import band_cells, bin_patterns
from hyperspy_stereo.views.disc import Disc
from hyperspy_stereo.views.kikuchi_rows import kikuchi_rows, likeness_across
from hyperspy_stereo.views.line_shifts import (
    LineShifts,
    common_motion,
    measure_line_shifts,
    moved_back,
)
from hyperspy_stereo.views.parallax_direction import parallax_direction

if TYPE_CHECKING:
    from dask.array import Array


LIKE = 0.9  # correlation over the band: 0.96 and more if only its strength varies, else below 0.6
UNCERTAIN, UNKNOWN = 3.5, 20.0  # degrees


@dataclass(frozen=True)
class RotationFit:
    """Scan-to-detector rotation.

    Attributes
    ----------
    angle
        Degrees: incidence in the scan = R(angle) @ incidence on the detector (its y negated first
        for a flipped scan). In (-180, 180] if the sign of the defocus was given, else (-90, 90].
    sigma
        Standard error, degrees: from leaving out one line at a time, or of `parallax_direction`.
    defocus
        Median depth of the lines from the focus plane, in the unit of the pixel size; positive
        beyond the crossover of the probe (overfocus).
    residual
        Shift at right angles to the parallax that stays unexplained at the rim of the used
        incidences, scan px: its median over the points, or its standard deviation over the windows.
    n_points, n_lines
        How much was used: points on lines, or windows of the image and no line.
    """

    angle: float
    sigma: float
    defocus: float
    residual: float
    n_points: int
    n_lines: int


def scan_rotation(
    stack: np.ndarray | Array,
    disc: Disc,
    kikuchi_azimuth: float,
    band: dict | None = None,
    *,
    descan: np.ndarray | None = None,
    convergence_angle: float = 1.0,
    pixel_size: float = 1.0,
    scan_flip: bool = False,
    defocus_sign: int | None = None,
    max_shift: float = 12.0,
) -> RotationFit:
    """Measure the rotation between scan and detector from a 4D-STEM scan of lines.

    Where the picture is the same all over the band in which lines are seen, but for its contrast,
    the band is cut into cells, and `fit_rotation` follows the lines over all of them. Where it
    changes across the band, as dynamical contrast does, only views along the Kikuchi line are
    compared, by `parallax_direction`.

    Parameters
    ----------
    stack
        (Ny, Nx, H, W) counts, NumPy or dask.
    disc, descan
        From `fit_disc` and `fit_descan`.
    kikuchi_azimuth, band
        From `kikuchi_azimuth`: direction of the Kikuchi line, degrees, and its ``w0`` and
        ``width`` in px. Without `band` the line is taken to pass through the disc centre, and 0.35
        disc radii to be the width.
    convergence_angle
        Semi-angle of the disc, mrad; scales `defocus` only.
    pixel_size
        Of the scan; scales `defocus` only.
    scan_flip
        True if the y axis of the detector is mirrored against the scan.
    defocus_sign
        +1 if the specimen lies beyond the crossover of the probe (overfocus, z > 0), -1 if before
        it. It decides between the angle and the angle + 180, which mirror depth.
    max_shift
        Largest motion of a line across the used part of the disc, either way, scan px.

    Returns
    -------
    RotationFit

    Raises
    ------
    ValueError
        If lines or parallax are missing, or the rotation stays uncertain by more than 20 degrees:
        give it instead.

    Warns
    -----
    UserWarning
        If the rotation is uncertain by more than 3.5 degrees, or `defocus_sign` is given but the
        lines lie on both sides of the focus plane.
    """
    centre = 0.0 if band is None else band["w0"] / disc.radius
    width = 0.35 if band is None else band["width"] / disc.radius
    if defocus_sign not in (None, -1, 1):
        raise ValueError(f"defocus_sign must be +1, -1 or None; got {defocus_sign!r}.")
    if min(stack.shape[:2]) < 24:
        raise ValueError(
            f"Only {stack.shape[1]} x {stack.shape[0]} positions: the rotation can be measured "
            "from 24 x 24. Give the scan rotation."
        )
    cut = kikuchi_rows(stack, disc, kikuchi_azimuth, centre, descan)
    likeness = likeness_across(cut)
    if not likeness > LIKE:
        phi = np.deg2rad(kikuchi_azimuth)
        line = np.array([np.cos(phi), -np.sin(phi) if scan_flip else np.sin(phi)])
        cut = [(views, along * convergence_angle) for views, along in cut]
        return _from_rows(cut, line, pixel_size, defocus_sign)
    half = float(np.clip(1.3 * width, 0.2, 0.7))
    rows = int(np.clip(round(half / 0.1), 3, 7))
    labels, places = band_cells(disc, stack.shape[2:], kikuchi_azimuth, centre, half, (11, rows))
    views = bin_patterns(stack, labels, descan)
    return fit_rotation(
        views,
        places * convergence_angle,
        kikuchi_azimuth,
        pixel_size=pixel_size,
        scan_flip=scan_flip,
        defocus_sign=defocus_sign,
        max_shift=max_shift,
    )


def fit_rotation(
    views: np.ndarray,
    incidence: np.ndarray,
    kikuchi_azimuth: float | None = None,
    *,
    pixel_size: float = 1.0,
    scan_flip: bool = False,
    defocus_sign: int | None = None,
    max_shift: float = 12.0,
) -> RotationFit:
    """Measure the rotation between scan and detector from virtual images.

    A line at depth z moves by -z R(psi) theta; only its motion along its own normal can be seen. At
    each point of the lines in the images the rate of this motion is measured over all incidences,
    a 2-vector in detector axes. It must point along R(-psi) n, whatever the depth: that gives psi.
    Each line may add a rate of its own across the Kikuchi line (its contrast shifts with the
    deviation from the Bragg condition), which its points at various depths tell apart.

    Parameters
    ----------
    views
        (V, Ny, Nx) virtual images, at least 6, spread over the disc in two dimensions.
    incidence
        (V, 2) mrad, detector axes.
    kikuchi_azimuth
        Degrees in detector axes; None if there is no shift of contrast across the disc.
    pixel_size, scan_flip, defocus_sign, max_shift
        As for `scan_rotation`.

    Returns
    -------
    RotationFit

    Raises
    ------
    ValueError
        If lines or parallax are missing: give the rotation instead.

    Warns
    -----
    UserWarning
        If `defocus_sign` is given but the lines lie on both sides of the focus plane.
    """
    views, incidence = np.asarray(views), np.asarray(incidence, float)
    _check(views, incidence, defocus_sign)
    mirror = np.array([1.0, -1.0 if scan_flip else 1.0])
    theta = incidence * mirror
    coarse = common_motion(views, theta, max_shift)
    shifts = measure_line_shifts(moved_back(views, theta, coarse), theta, max_shift)
    # the line moves by rate @ theta after the common motion A theta was taken out: add n A
    rate = shifts.rate + shifts.normal @ coarse
    if len(rate) < 8 or len(np.unique(shifts.chain)) < 2:
        raise ValueError(
            f"Only {len(rate)} points on lines could be followed over the disc. Give the scan "
            "rotation, or use a scan with more lines or more counts."
        )
    across = None
    if kikuchi_azimuth is not None:
        phi = np.deg2rad(kikuchi_azimuth)
        across = np.array([-np.sin(phi), np.cos(phi)]) * mirror
    reach = float(np.linalg.norm(theta - theta.mean(axis=0), axis=1).max())
    return _solve(shifts, rate, across, reach, pixel_size, defocus_sign)


def _check(views, incidence, defocus_sign) -> None:
    if views.ndim != 3 or min(views.shape[1:], default=0) < 24 or len(views) < 6:
        raise ValueError(
            "fit_rotation needs at least 6 views (V, Ny, Nx) of at least 24 x 24 positions; got "
            f"shape {views.shape}."
        )
    if incidence.shape != (len(views), 2):
        raise ValueError(
            f"incidence needs shape ({len(views)}, 2), one (x, y) in mrad per view; got "
            f"{incidence.shape}."
        )
    if not (np.isfinite(views).all() and np.isfinite(incidence).all()):
        raise ValueError("The views or their incidences have NaN or infinite values.")
    if np.linalg.matrix_rank(incidence - incidence.mean(axis=0), tol=1e-6) < 2:
        raise ValueError(
            "All incidences lie on one line: the rotation cannot be told from the depth of the "
            "lines. Use views spread over the disc in two dimensions."
        )
    if defocus_sign not in (None, -1, 1):
        raise ValueError(f"defocus_sign must be +1, -1 or None; got {defocus_sign!r}.")


def _solve(shifts: LineShifts, rate, across, reach, pixel_size, defocus_sign) -> RotationFit:
    lines, chain = np.unique(shifts.chain, return_inverse=True)
    problem = _Problem(shifts.normal, rate, shifts.covariance, chain, across, reach)
    everyone = np.ones(len(lines), bool)
    angle = problem.best_angle(everyone)
    parts = []
    for k in range(len(lines)):
        others = everyone.copy()
        others[k] = False
        part = problem.best_angle(others, near=angle)
        parts.append(np.rad2deg(np.angle(np.exp(2j * (part - angle))) / 2))
    n = len(lines)
    sigma = float(np.sqrt((n - 1) / n * np.sum(np.square(parts))))
    depth, sideways = problem.depths(angle)
    error = 1.25 * float(np.std(depth)) / np.sqrt(n)
    degrees, defocus = _settled(
        np.rad2deg(angle), sigma, float(np.median(depth)), error, pixel_size, defocus_sign
    )
    return RotationFit(
        angle=degrees,
        sigma=sigma,
        defocus=defocus,
        residual=float(np.median(np.abs(sideways)) * reach),
        n_points=len(rate),
        n_lines=n,
    )


def _from_rows(rows, line, pixel_size, defocus_sign) -> RotationFit:
    """Rotation from the parallax along the Kikuchi line, whose direction `line` is given."""
    try:
        found = parallax_direction(rows)
    except ValueError as nothing:
        raise ValueError(f"{nothing} Give the scan rotation.") from None
    angle = found.azimuth - np.rad2deg(np.arctan2(line[1], line[0]))
    degrees, defocus = _settled(
        angle, found.sigma, found.depth, found.depth_sigma, pixel_size, defocus_sign
    )
    return RotationFit(degrees, found.sigma, defocus, found.residual, found.n_windows, 0)


def _settled(angle, sigma, depth, error, pixel_size, defocus_sign) -> tuple[float, float]:
    """Angle in degrees and defocus with one of both signs chosen; refuses what is not known."""
    if sigma > UNKNOWN or not np.isfinite(sigma):
        raise ValueError(
            f"The rotation stays uncertain by {sigma:.0f} degrees: the lines hardly move over the "
            "disc, or lie at one depth where their contrast shifts. Give the scan rotation, or "
            "record with more defocus."
        )
    if sigma > UNCERTAIN:
        warnings.warn(
            f"The rotation is uncertain by {sigma:.0f} degrees. Give it from a calibration "
            "specimen, or record with more defocus, more lines or more counts.",
            stacklevel=5,
        )
    degrees = (angle + 90) % 180 - 90
    if round((angle - degrees) / 180) % 2:
        depth = -depth
    degrees = 90.0 if degrees == -90 else degrees
    if defocus_sign is not None and depth * defocus_sign < 0:
        degrees, depth = (degrees + 360) % 360 - 180, -depth
        degrees = 180.0 if degrees == -180 else degrees
    # rates are px per mrad: a depth of one pixel moves a line by 0.001 px per mrad
    if defocus_sign is not None and abs(depth) < 2 * error:
        warnings.warn(
            "The lines lie about evenly on both sides of the focus plane "
            f"({depth * 1e3 * pixel_size:.3g} +- {error * 1e3 * pixel_size:.2g}): the sign of "
            "the defocus can hardly tell the rotation from its opposite. Check the sign of depth, "
            "or give the rotation.",
            stacklevel=5,
        )
    return float(degrees), float(depth * 1e3 * pixel_size)


class _Problem:
    """Robust misfit of the rates as a function of the rotation."""

    def __init__(self, normal, rate, covariance, chain, across, reach):
        self.normal, self.rate, self.chain, self.across = normal, rate, chain, across
        # a hundredth of a pixel over the disc: no rate is known better, whatever the counts
        floor = (0.05 / reach) ** 2
        self.covariance = covariance + floor * np.eye(2)
        self.prior = (reach / 1.5) ** 2  # of a contrast shift: about 1.5 px over the disc
        self.n = chain.max() + 1

    def _parts(self, psi):
        """Sideways misfit, its error, and the share of each line's own contrast shift in it."""
        c, s = np.cos(psi), np.sin(psi)
        along = self.normal @ np.array([[c, -s], [s, c]])  # R(-psi) n, as rows
        side = np.stack([-along[:, 1], along[:, 0]], axis=1)
        misfit = (side * self.rate).sum(axis=1)
        error = np.sqrt(np.einsum("ni,nij,nj->n", side, self.covariance, side))
        kappa = np.zeros(self.n)
        if self.across is None:
            return along, misfit, error, kappa
        lever = side @ self.across
        weight = np.ones(len(misfit))
        for _ in range(4):
            w = weight / error**2
            top = np.bincount(self.chain, w * lever * misfit, self.n)
            bottom = np.bincount(self.chain, w * lever**2, self.n)
            kappa = top / (bottom + self.prior)
            left = misfit - lever * kappa[self.chain]
            weight = 1 / (1 + (left / (3 * error)) ** 2)
        return along, misfit - lever * kappa[self.chain], error, kappa

    def cost(self, psi, chosen) -> float:
        """Cauchy cost of the chosen lines."""
        _, misfit, error, kappa = self._parts(psi)
        used = chosen[self.chain]
        cost = np.log1p((misfit[used] / (3 * error[used])) ** 2).sum() * 9
        return float(cost + self.prior * (kappa[chosen] ** 2).sum())

    def best_angle(self, chosen, near=None) -> float:
        """Rotation of least cost, modulo 180 degrees; near a known one if given."""
        if near is None:
            grid = np.deg2rad(np.arange(-90.0, 90.0, 2.0))
        else:
            grid = near + np.deg2rad(np.arange(-20.0, 21.0, 2.0))
        start = grid[int(np.argmin([self.cost(p, chosen) for p in grid]))]
        width = np.deg2rad(2.5)
        found = optimize.minimize_scalar(
            self.cost, bounds=(start - width, start + width), args=(chosen,), method="bounded"
        )
        return float(found.x)

    def depths(self, psi) -> tuple[np.ndarray, np.ndarray]:
        """Depth of each point (px per mrad) and its unexplained sideways rate."""
        along, misfit, _, kappa = self._parts(psi)
        rate = self.rate
        if self.across is not None:
            rate = rate - kappa[self.chain, None] * self.across
        return -(along * rate).sum(axis=1), misfit
