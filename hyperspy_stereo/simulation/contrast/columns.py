"""Bright- and dark-field images for bulk data: float32, columns of slices along inclined rays.

Each pixel is a ray of the two-beam equations through the foil (`two_beam` has the exact sum over
segments in float64; this module trades a few thousandths of the intensity for two to three orders
of magnitude in speed).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.contrast.polyline import REACH
from hyperspy_stereo.simulation.contrast.slices import group_images
from hyperspy_stereo.simulation.contrast.smooth_field import narrowed_lines, smooth_field
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.specimen import Specimen

CHEAP = 2e7  # voxels in tubes that take less than 0.1 s
TUBE_COST = 2.5  # time of a voxel in a tube over that of a node and a segment


def column_images(
    specimen: Specimen,
    incidences: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    focus_depth: float = 0.0,
    slice_thickness: float = 2.0,
    poisson_ratio: float = 0.3,
    tilt: bool = False,
    tolerance: float = 0.2,
    show_progressbar: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Bright- and dark-field images of a specimen for many incidences.

    Parameters
    ----------
    specimen : Specimen
        Foil, defects and two-beam condition; its surface spots are left to the image.
    incidences : array_like of shape (N, 2)
        Inclination (theta_x, theta_y) of the rays in rad: r(z) = r + theta (z - focus_depth).
    x, y : array_like of shape (nx,), (ny,)
        Places of the pixels in nm.
    focus_depth : float, default 0.0
        Depth in nm at which the ray of a pixel is at that pixel.
    slice_thickness : float, default 2.0
        Largest height of a slice in nm. 2 nm costs at most 0.013 in BF beside a core and 0.001
        elsewhere; the error falls with the square.
    poisson_ratio : float, default 0.3
        Poisson's ratio of the isotropic crystal.
    tilt : bool, default False
        The specimen was tilted rather than the beam: theta is the tangent of the tilt, the path is
        longer by 1 / cos(tilt) and the excitation error stays that of the specimen's beam.
        Otherwise s(theta) = s0 - theta . g.
    tolerance : float, default 0.2
        Incidences whose rays stay within this many nm (and 0.1 pixel) of each other in the foil
        share one displacement field.
    show_progressbar : bool, default False
        Show progress over the groups of incidences.

    Returns
    -------
    bf, df : (N, ny, nx) float32 ndarray
        Share of the incident electrons.

    Raises
    ------
    ValueError
        If incidences are not (N, 2), x or y not one-dimensional, a length is not above zero, or
        Poisson's ratio does not lie between -1 and 0.5.

    Notes
    -----
    Howie-Whelan equations by Strang splitting: half a perfect slice, the exact difference of g.R
    over the slice as a phase of phi_g, half a perfect slice. Hirsch et al., Electron Microscopy of
    Thin Crystals (1977); G. Strang, SIAM J. Numer. Anal. 5 (1968) 506.

    Examples
    --------
    >>> beam = TwoBeam([5, 0, 0], s=0.0, xi_g=40, xi_g_abs=660, xi_0_abs=600)
    >>> line = Dislocation([[32, 0, 100], [32, 64, 100]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((64, 64), 200.0, beam, dislocations=(line,))
    >>> bf, df = column_images(foil, [[0.03, 0], [-0.03, 0]], range(64), range(64), 100)
    >>> bf.shape, bf.dtype.name
    ((2, 64, 64), 'float32')
    """
    thetas = _checked_incidences(incidences)
    shape = len(thetas), np.size(y), np.size(x)
    bf, df = np.empty(shape, np.float32), np.empty(shape, np.float32)
    parts = iterate_images(
        specimen, thetas, x, y, focus_depth, slice_thickness, poisson_ratio, tilt, tolerance
    )
    progress = _Progress(len(thetas), show_progressbar)
    for indices, bright, dark in parts:
        bf[indices], df[indices] = bright, dark
        progress.advance(len(indices))
    return bf, df


def iterate_images(
    specimen: Specimen,
    incidences: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    focus_depth: float = 0.0,
    slice_thickness: float = 2.0,
    poisson_ratio: float = 0.3,
    tilt: bool = False,
    tolerance: float = 0.2,
    memory_limit: float = 256e6,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Go through the images of `column_images` group by group, never holding all.

    Parameters
    ----------
    specimen, incidences, x, y, focus_depth, slice_thickness, poisson_ratio, tilt, tolerance
        As in `column_images`.
    memory_limit : float, default 256e6
        Largest size in bytes of the images of one group.

    Yields
    ------
    indices : (m,) int ndarray
        Which of the incidences.
    bf, df : (m, ny, nx) float32 ndarray
        Their images.

    Raises
    ------
    ValueError
        As `column_images`.

    Examples
    --------
    >>> foil = Specimen((8, 8), 50.0, TwoBeam([5, 0, 0], s=0.0, xi_g=40))
    >>> parts = iterate_images(foil, [[0.01, 0], [0.02, 0]], range(8), range(8))
    >>> sorted(int(i) for indices, _, _ in parts for i in indices)
    [0, 1]
    """
    thetas = _checked_incidences(incidences)
    x, y = _checked_places(x, "x"), _checked_places(y, "y")
    for name, value in (("slice_thickness", slice_thickness), ("tolerance", tolerance)):
        if not value > 0:
            raise ValueError(f"{name} must be above 0 nm; got {value!r}.")
    if not -1 < poisson_ratio < 0.5:
        raise ValueError(
            f"poisson_ratio must lie between -1 and 0.5 (0.3 for most metals); got "
            f"{poisson_ratio!r}."
        )
    return _iterate(
        specimen, thetas, x, y, float(focus_depth), float(slice_thickness), float(poisson_ratio),
        bool(tilt), float(tolerance), float(memory_limit),
    )  # fmt: skip


def _iterate(
    specimen, thetas, x, y, focus, slice_thickness, poisson_ratio, tilt, tolerance, memory_limit
):
    order = np.argsort(x, kind="stable")
    back = None if (order == np.arange(len(x))).all() else np.argsort(order)
    x = x[order]
    steps = np.diff(x)
    even = len(x) < 2 or bool(np.ptp(steps) < 1e-6 * steps.mean() and steps.mean() > 0)
    beam = specimen.beam
    s = np.full(len(thetas), beam.s) if tilt else beam.s - thetas @ beam.g[:2]
    foil, depth = _foil(specimen, x, y, slice_thickness, np.abs(s).max(initial=0.0))
    far = max(abs(focus), abs(depth - focus))
    margin = np.abs(thetas).max(axis=0, initial=0.0) * far
    box = np.array(
        [
            [x[0] - margin[0], y.min() - margin[1], 0.0],
            [x[-1] + margin[0], y.max() + margin[1], depth],
        ]
    )
    lengths = np.array([1 / beam.xi_g, 1 / beam.xi_g_abs, 1 / beam.xi_0_abs], np.float32)
    paths = np.sqrt(1 + (thetas**2).sum(1)) if tilt else np.ones(len(thetas))
    pixel = float(steps.min()) if len(steps) and steps.min() > 0 else np.inf
    cell = 1.4 * min(tolerance, 0.1 * pixel) / far
    size = max(1, int(memory_limit / (8 * len(x) * len(y))))
    groups = list(_groups(thetas, cell, size))
    spread = _spread(specimen.dislocations, box, len(groups) * len(x) * len(y) * foil[2])
    field = smooth_field(specimen.dislocations, beam.g, poisson_ratio, box, spread)
    lines, fine = narrowed_lines(
        specimen.dislocations, beam.g, poisson_ratio, box, spread, foil[0].max()
    )
    for indices in groups:
        shared = thetas[indices].mean(axis=0)
        bf = np.empty((len(indices), len(y), len(x)), np.float32)
        df = np.empty_like(bf)
        group_images(
            (x, y, even, (shared[0], shared[1]), focus),
            foil,
            lines,
            field,
            fine,
            _faults(specimen),
            _boundaries(specimen),
            (s[indices].astype(np.float32), paths[indices].astype(np.float32)),
            (lengths[0], lengths[1], lengths[2]),
            bf,
            df,
        )
        yield (indices, bf, df) if back is None else (indices, bf[..., back], df[..., back])


def plain_images(
    dislocations: Dislocation | Sequence[Dislocation],
    beam: TwoBeam,
    thickness: float,
    x: ArrayLike,
    y: ArrayLike,
    incidence: ArrayLike = (0.0, 0.0),
    focus_depth: float = 0.0,
    slice_thickness: float = 1.0,
    poisson_ratio: float = 0.3,
) -> tuple[np.ndarray, np.ndarray]:
    """Images of dislocations in a foil of even thickness under one condition.

    Parameters
    ----------
    dislocations : Dislocation or sequence of Dislocation
        Lines in nm.
    beam : TwoBeam
        Condition at zero incidence.
    thickness : float
        Thickness in nm.
    x, y, focus_depth, slice_thickness, poisson_ratio
        As in `column_images`.
    incidence : array_like of shape (2,), default (0.0, 0.0)
        Inclination of the rays in rad.

    Returns
    -------
    bf, df : (ny, nx) float32 ndarray
        Share of the incident electrons.

    Raises
    ------
    ValueError
        As `column_images`.

    Examples
    --------
    >>> beam = TwoBeam([5, 0, 0], s=0.0, xi_g=40)
    >>> bf, df = plain_images([], beam, 100.0, [0.0, 1.0], [0.0])
    >>> bool(np.allclose(bf + df, 1, atol=1e-5))
    True
    """
    lines = (dislocations,) if isinstance(dislocations, Dislocation) else tuple(dislocations)
    foil = Specimen((1.0, 1.0), float(thickness), beam, dislocations=lines)
    bf, df = column_images(foil, [incidence], x, y, focus_depth, slice_thickness, poisson_ratio)
    return bf[0], df[0]


def _foil(
    specimen: Specimen, x: np.ndarray, y: np.ndarray, slice_thickness: float, s: float
) -> tuple:
    """Slice heights, deviations and number of slices; and the largest thickness."""
    thickness = np.maximum(specimen.thickness_at(x[None, :], y[:, None]), 0.0)
    if not thickness.max() > 0:
        raise ValueError(
            f"the specimen must be thicker than 0 nm somewhere; got {specimen.thickness!r} nm at "
            "its middle. Set `thickness` and `wedge` of the Specimen."
        )
    deviation = specimen.deviation_at(x[None, :], y[:, None])
    # The series of the slice matrices needs less than about a third of a turn in half a slice.
    s += np.abs(deviation).max() + max(abs(grain) for grain in specimen.grain_deviations)
    height = min(slice_thickness, 2 / (s + 1 / specimen.beam.xi_g))
    n_slices = max(1, int(np.ceil(thickness.max() / height - 1e-9)))
    shape = len(y), len(x)
    foil = (
        np.ascontiguousarray(np.broadcast_to(thickness / n_slices, shape), np.float32),
        np.ascontiguousarray(np.broadcast_to(deviation, shape), np.float32),
        n_slices,
    )
    return foil, float(thickness.max())


def _spread(lines: Sequence[Dislocation], box: np.ndarray, n_voxels: int) -> float:
    """Width in nm of the smooth part's core that costs least time.

    The smooth part is summed once, on a grid whose nodes times segments grow as 1 / width**3; the
    rest for every slice of every group of incidences, in a tube whose volume grows as width**2.
    The wider, the less is lost where the rest is cut off, so that small images take the widest.
    """
    if not lines:
        return 24.0
    volume = float(np.prod(box[1] - box[0] + 48.0))
    length = sum(min(line.length, 2 * float(np.ptp(box, axis=0).max())) for line in lines)
    segments = sum(min(len(line.points) - 1, 2 + line.length / 25) for line in lines)
    tube = n_voxels * length * np.pi * REACH**2 / volume
    grid = 8 * volume * segments
    cheapest = 24.0 if tube * 24.0**2 < CHEAP else (1.5 * grid / (TUBE_COST * tube)) ** 0.2
    # Tight curves want a narrow core: as narrow as a grid that takes some 0.1 s allows.
    wanted = max(0.33 * min(_tightest(line) for line in lines), (grid / (4 * CHEAP)) ** (1 / 3))
    return float(np.clip(min(cheapest, wanted), 10.0, 24.0))


def _tightest(line: Dislocation) -> float:
    """Least radius of curvature in nm, from the turns at the corners."""
    steps = np.diff(line.points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    along = steps / lengths[:, None]
    turns = np.linalg.norm(np.diff(along, axis=0), axis=1)
    return float((0.5 * (lengths[1:] + lengths[:-1]) / np.maximum(turns, 1e-9)).min(initial=1e9))


def _faults(specimen: Specimen) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of all strips with (c - a) x (b - a) along the strip's positive normal."""
    corners, turns = [np.zeros((0, 3, 3))], [np.zeros(0)]
    for fault in specimen.faults:
        a, b = fault.edge_a, fault.edge_b
        corners.append(np.stack([a[:-1], a[1:], b[:-1]], axis=1))
        corners.append(np.stack([a[1:], b[1:], b[:-1]], axis=1))
        turns.append(np.full(2 * len(a) - 2, specimen.beam.g @ fault.displacement))
    return np.concatenate(corners), np.concatenate(turns)


def _boundaries(specimen: Specimen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(specimen.boundaries)
    if len(specimen.grain_deviations) != n + 1:
        raise ValueError(
            f"grain_deviations must hold one number more than there are boundaries ({n}); got "
            f"{len(specimen.grain_deviations)}."
        )
    points = np.array([plane.point for plane in specimen.boundaries], dtype=float).reshape(n, 3)
    normals = np.array([plane.normal for plane in specimen.boundaries], dtype=float).reshape(n, 3)
    return points, normals, np.array(specimen.grain_deviations, dtype=float)


def _groups(thetas: np.ndarray, cell: float, size: int) -> Iterator[np.ndarray]:
    """Indices of incidences that lie in the same square of a net, at most `size` at a time."""
    if not len(thetas):
        return
    keys = np.round(thetas / cell).astype(np.int64)
    order = np.lexsort((keys[:, 0], keys[:, 1]))
    cuts = np.flatnonzero((np.diff(keys[order], axis=0) != 0).any(axis=1)) + 1
    for indices in np.split(order, cuts):
        for begin in range(0, len(indices), size):
            yield indices[begin : begin + size]


def _checked_incidences(incidences: ArrayLike) -> np.ndarray:
    thetas = np.asarray(incidences, dtype=float)
    if thetas.ndim != 2 or thetas.shape[1] != 2 or not np.isfinite(thetas).all():
        raise ValueError(
            "incidences must be finite numbers of shape (N, 2), theta_x and theta_y in rad; got "
            f"shape {thetas.shape}. For one incidence pass [[theta_x, theta_y]]."
        )
    return thetas


def _checked_places(values: ArrayLike, name: str) -> np.ndarray:
    places = np.array(values, dtype=float)
    if places.ndim != 1 or not len(places) or not np.isfinite(places).all():
        raise ValueError(
            f"{name} must be a one-dimensional array of finite places in nm; got shape "
            f"{places.shape}."
        )
    return places


class _Progress:
    """A bar over the incidences, or nothing."""

    def __init__(self, total: int, show: bool) -> None:
        self._bar = None
        if show:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total)

    def advance(self, n: int) -> None:
        """Count n incidences; close the bar after the last."""
        if self._bar is not None:
            self._bar.update(n)
            if self._bar.n >= self._bar.total:
                self._bar.close()
