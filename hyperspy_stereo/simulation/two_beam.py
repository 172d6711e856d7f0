"""Two-beam dynamical contrast of dislocations, and the perfect crystal beside it.

The frame is that of the specimen: x right, y down, z along the beam from the entrance face (z = 0)
to the exit face. `docs/physics.md` derives what is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.contrast.propagation import propagate, slice_matrix
from hyperspy_stereo.simulation.contrast.segment_field import (
    displacement_steps,
    segments_of,
    slice_phases,
)
from hyperspy_stereo.simulation.dislocation import Dislocation

__all__ = [
    "Dislocation",
    "TwoBeam",
    "bright_dark_field",
    "displacement_change",
    "perfect_crystal",
]

MOST_SLICES = 1_000_000
PHASES_AT_ONCE = 2_000_000  # 16 MB
FIELDS = ("segments", "nearest")


def bright_dark_field(
    dislocations: Dislocation | Sequence[Dislocation],
    beam: TwoBeam,
    thickness: float,
    x: ArrayLike,
    y: ArrayLike,
    incidence: ArrayLike = (0.0, 0.0),
    focus_depth: float = 0.0,
    slice_thickness: float = 1.0,
    poisson_ratio: float = 0.3,
    field: str = "segments",
) -> tuple[np.ndarray, np.ndarray]:
    """Bright-field and dark-field image of dislocations in a flat foil for one incidence.

    Parameters
    ----------
    dislocations : Dislocation or sequence of Dislocation
        The lines; an empty sequence gives the perfect crystal.
    beam : TwoBeam
        The two-beam condition at zero incidence: the rays see ``beam.at(incidence)``.
    thickness : float
        Thickness of the foil along z in nm.
    x, y : array_like of shape (nx,), (ny,)
        Pixel positions in nm.
    incidence : (2,) array_like, default (0, 0)
        Inclination (theta_x, theta_y) of the rays in rad (not mrad).
    focus_depth : float, default 0.0
        Depth z_f in nm at which a ray crosses its pixel: pixel r is the ray
        r + incidence * (z - z_f). The default is the entrance face.
    slice_thickness : float, default 1.0
        Wanted thickness of a slice in nm; the foil is cut into the next whole number of equal
        slices. The error is of second order: take 0.5 nm for 0.003 in intensity, except within
        1 nm of a core.
    poisson_ratio : float, default 0.3
        Poisson's ratio, which is near 0.3 for most metals.
    field : {"segments", "nearest"}, default "segments"
        "segments" superposes the exact fields of all straight segments in float64, on all cores.
        "nearest" takes the nearest tangent line's field with a smooth taper in float32, as
        `columns.column_images` does for bulk data: much faster where there are many segments.

    Returns
    -------
    bf, df : (ny, nx) ndarray
        Share of the incident electrons in the direct and in the diffracted beam.

    Raises
    ------
    TypeError
        If `dislocations` holds anything but Dislocation, or `beam` is not a TwoBeam.
    ValueError
        If a number lies outside what it can be, or `field` is unknown.

    Notes
    -----
    Columns are independent, the foil's surfaces do not relax the displacement and the crystal is
    elastically isotropic. A fault between partials is not part of the lines: see `StackingFault`.

    P. B. Hirsch et al., Electron Microscopy of Thin Crystals (1977), chapters 8 to 11; J. P. Hirth,
    J. Lothe, Theory of Dislocations (1982).

    Examples
    --------
    A screw dislocation along y in the middle of a foil, g.b = 1: darker beside the core.

    >>> beam = TwoBeam(g=[0, 5, 0], s=0.0, xi_g=40, xi_g_abs=660, xi_0_abs=600)
    >>> screw = Dislocation([[0, -9, 100], [0, 9, 100]], burgers=[0, 0.2, 0])
    >>> bf, df = bright_dark_field(screw, beam, 200.0, x=[-1.5, 900.0], y=[0.0])
    >>> bf.round(2).tolist()
    [[0.06, 0.27]]
    """
    lines = _lines(dislocations)
    _check_beam(beam)
    _check_numbers(thickness, focus_depth, poisson_ratio)
    x, y = _positions(x, "x"), _positions(y, "y")
    direction = np.asarray(incidence, dtype=float)
    if direction.shape != (2,) or not np.isfinite(direction).all():
        raise ValueError(
            f"incidence must be two finite numbers (theta_x, theta_y) in rad; got {incidence!r}."
        )
    if np.abs(direction).max() >= 1:
        raise ValueError(
            f"incidence is in rad and must stay below 1; got {incidence!r}. Divide mrad by 1000."
        )
    n_slices = _number_of_slices(thickness, slice_thickness, beam.xi_g)
    if field not in FIELDS:
        raise ValueError(f"field must be one of {', '.join(FIELDS)}; got {field!r}.")
    if field == "nearest":
        from hyperspy_stereo.simulation.contrast import columns

        return columns.plain_images(
            lines, beam, thickness, x, y, direction, focus_depth, slice_thickness, poisson_ratio
        )
    pixels = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    bf, df = np.empty(len(pixels)), np.empty(len(pixels))
    segments, dz = segments_of(lines), thickness / n_slices
    entries = pixels - direction * focus_depth
    step = np.array([*direction, 1.0]) * dz
    at_once = max(1, PHASES_AT_ONCE // n_slices)
    for first in range(0, len(pixels), at_once):
        part = slice(first, first + at_once)
        phases = slice_phases(segments, beam.g, entries[part], step, n_slices, poisson_ratio)
        bf[part], df[part] = propagate(beam.at(direction), dz, phases)
    return bf.reshape(len(y), len(x)), df.reshape(len(y), len(x))


def perfect_crystal(beam: TwoBeam, thickness: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Bright and dark field of a foil without any defect, in closed form.

    Parameters
    ----------
    beam : TwoBeam
        The two-beam condition; for inclined rays give ``beam.at(incidence)``.
    thickness : array_like
        Thickness in nm, zero or more; any shape.

    Returns
    -------
    bf, df : ndarray
        Share of the incident electrons in both beams, shaped like `thickness`.

    Raises
    ------
    TypeError
        If `beam` is not a TwoBeam.
    ValueError
        If a thickness is below zero or not finite.

    Notes
    -----
    The closed form of the differential equations with complex sigma = sqrt(s^2 + q^2),
    q = 1 / xi_g + i / xi_g'. Hirsch et al. (1977), section 9.3, give it to first order in the
    absorption, which differs by up to 0.02.

    Examples
    --------
    >>> bf, df = perfect_crystal(TwoBeam(g=[5, 0, 0], s=0.0, xi_g=40), [0.0, 20.0, 40.0])
    >>> bf.round(6).tolist(), df.round(6).tolist()
    ([1.0, 0.0, 1.0], [0.0, 1.0, 0.0])
    """
    _check_beam(beam)
    depth = np.asarray(thickness, dtype=float)
    if not np.isfinite(depth).all() or (depth < 0).any():
        raise ValueError("thickness must be finite and not below 0 nm.")
    through, across, _ = slice_matrix(beam, depth)
    return np.abs(through) ** 2, np.abs(across) ** 2


def displacement_change(
    dislocations: Dislocation | Sequence[Dislocation],
    path: ArrayLike,
    poisson_ratio: float = 0.3,
) -> np.ndarray:
    """Exact change of the elastic displacement along each straight step of a path.

    The displacement itself jumps across a cut that can be laid anywhere; its change along a path
    does not. Around a circuit the changes add up to the Burgers vectors it encloses.

    Parameters
    ----------
    dislocations : Dislocation or sequence of Dislocation
        The lines. Open ends without `extend` are taken as they are: only where lines meet in nodes
        and their Burgers vectors add up to zero is the result that of a real crystal.
    path : array_like of shape (n, 3)
        Points in nm, n >= 2; steps may be long, but must not run through a line.
    poisson_ratio : float, default 0.3
        Poisson's ratio.

    Returns
    -------
    (n - 1, 3) ndarray
        Change of u in nm from each point to the next.

    Raises
    ------
    TypeError
        If `dislocations` holds anything but Dislocation.
    ValueError
        If `path` is not (n, 3) finite numbers with n >= 2, or `poisson_ratio` is out of range.

    Notes
    -----
    Burgers' formula, segment by segment: Hirth and Lothe (1982), section 4; half-infinite ends by
    their limits.

    Examples
    --------
    >>> line = Dislocation([[0, 0, 0], [0, 0, 100]], burgers=[0.2, 0, 0])
    >>> circuit = [[5, 0, 0], [0, 5, 0], [-5, 0, 0], [0, -5, 0], [5, 0, 0]]
    >>> (displacement_change(line, circuit).sum(axis=0).round(12) + 0.0).tolist()
    [0.2, 0.0, 0.0]
    """
    lines = _lines(dislocations)
    _check_numbers(1.0, 0.0, poisson_ratio)
    points = np.ascontiguousarray(path, dtype=float)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2:
        raise ValueError(
            f"path must be (n, 3), x, y, z in nm, with n >= 2; got shape {points.shape}."
        )
    if not np.isfinite(points).all():
        raise ValueError("path must hold finite numbers only.")
    return displacement_steps(points, *segments_of(lines), float(poisson_ratio))


def _lines(dislocations: Dislocation | Sequence[Dislocation]) -> list[Dislocation]:
    lines = [dislocations] if isinstance(dislocations, Dislocation) else dislocations
    if not np.iterable(lines):
        lines = [lines]
    lines = list(lines)
    for line in lines:
        if not isinstance(line, Dislocation):
            raise TypeError(
                f"dislocations must be Dislocation(points, burgers) or a list of them; got a "
                f"{type(line).__name__}."
            )
    return lines


def _check_beam(beam: TwoBeam) -> None:
    if not isinstance(beam, TwoBeam):
        raise TypeError(f"beam must be TwoBeam(g, s, xi_g, ...); got a {type(beam).__name__}.")


def _check_numbers(thickness: float, focus_depth: float, poisson_ratio: float) -> None:
    if not np.ndim(thickness) == 0 or not 0 < thickness < np.inf:
        raise ValueError(
            f"thickness must be one length above 0 nm; got {thickness!r}. For a foil whose "
            "thickness varies, use a Specimen with a wedge."
        )
    if not np.isfinite(focus_depth):
        raise ValueError(f"focus_depth must be a finite depth in nm; got {focus_depth!r}.")
    if not -1 < poisson_ratio < 0.5:
        raise ValueError(f"poisson_ratio must lie between -1 and 0.5; got {poisson_ratio!r}.")


def _positions(values: ArrayLike, name: str) -> np.ndarray:
    positions = np.asarray(values, dtype=float)
    if positions.ndim != 1 or len(positions) == 0 or not np.isfinite(positions).all():
        raise ValueError(
            f"{name} must be a row of finite pixel positions in nm, such as np.arange(0.0, 512.0); "
            f"got shape {positions.shape}."
        )
    return positions


def _number_of_slices(thickness: float, slice_thickness: float, xi_g: float) -> int:
    if not 0 < slice_thickness < np.inf:
        raise ValueError(f"slice_thickness must be a length above 0 nm; got {slice_thickness!r}.")
    # A quotient such as 60 / 0.6 is a hair above 100 in binary numbers.
    n_slices = max(1, math.ceil(thickness / slice_thickness - 1e-9))
    if n_slices > MOST_SLICES:
        raise ValueError(
            f"slice_thickness {slice_thickness:g} nm cuts {thickness:g} nm into {n_slices} slices, "
            f"more than {MOST_SLICES}; 0.25 nm is fine enough for any purpose."
        )
    if thickness / n_slices > xi_g / 2:
        raise ValueError(
            f"slices of {thickness / n_slices:g} nm are too thick for an extinction distance of "
            f"{xi_g:g} nm; take slice_thickness of a few nm or less."
        )
    return n_slices
