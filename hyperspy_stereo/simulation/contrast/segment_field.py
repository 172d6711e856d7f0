"""Displacement of straight dislocation segments: exact change along straight steps.

Burgers' formula writes the displacement of a line in an isotropic body as

    u = b Omega / 4 pi + (1 / 4 pi) sum m I0 - (1 / 8 pi (1 - nu)) sum grad((m . rho) I0)

with Omega the solid angle that the line subtends (signed so that the Burgers circuit closes
FS/RH), t the line sense of a straight segment, m = t x b, rho the vector from the segment's axis to
the point and I0 the integral of 1 / R over the segment. The last two terms are single-valued and
closed: they are evaluated at both ends of a step and subtracted. The solid angle is not
single-valued. Its change along a straight step is the solid angle of the parallelogram that the
segment sweeps, which for a half-line that starts at A and runs along t is twice the argument of

    (R0 - w0) (R1 - w1) + rho0 . rho1 + i t . (rho0 x rho1),    w = (point - A) . t

(the formula of Van Oosterom and Strackee with one corner at infinity). A segment is the difference
of two half-lines, and a planar figure never subtends more than 2 pi, so that one atan2 gives the
change without a branch cut.

Sources: J. P. Hirth, J. Lothe, Theory of Dislocations, 2nd ed. (1982), section 4; A. Van Oosterom,
J. Strackee, IEEE Trans. Biomed. Eng. BME-30 (1983) 125. Lengths are nm throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from hyperspy_stereo.simulation.dislocation import Dislocation

FINITE, FROM_INFINITY, TO_INFINITY, INFINITE = range(4)

# Distances to an axis are not taken below this, so that a ray that runs through a core meets finite
# numbers. It lies far inside any real core, where linear elasticity says nothing.
CORE_RADIUS = 1e-3


class Segments(NamedTuple):
    """Straight segments as arrays, one row each.

    Attributes
    ----------
    starts : (n, 3) ndarray
        First points, nm; for a segment that comes from infinity, any point on its axis.
    tangents : (n, 3) ndarray
        Unit line senses.
    lengths : (n,) ndarray
        Lengths from start to end, nm; the end is what counts where the start is at infinity.
    burgers : (n, 3) ndarray
        Burgers vectors, nm.
    kinds : (n,) ndarray of int64
        FINITE, FROM_INFINITY, TO_INFINITY or INFINITE.
    """

    starts: np.ndarray
    tangents: np.ndarray
    lengths: np.ndarray
    burgers: np.ndarray
    kinds: np.ndarray


def segments_of(dislocations: Sequence[Dislocation]) -> Segments:
    """Cut dislocations into straight segments; open ends that go on are half-infinite.

    Parameters
    ----------
    dislocations : sequence of Dislocation
        Any number of lines, also none.

    Returns
    -------
    Segments
        All segments of all lines.

    Examples
    --------
    >>> line = Dislocation([[0, 0, 0], [0, 9, 0], [0, 9, 9]], burgers=[0.2, 0, 0])
    >>> segments_of([line]).kinds.tolist() == [FROM_INFINITY, TO_INFINITY]
    True
    """
    starts, tangents, lengths, burgers, kinds = [], [], [], [], []
    for line in dislocations:
        steps = np.diff(line.points, axis=0)
        length = np.linalg.norm(steps, axis=1)
        kind = np.full(len(steps), FINITE)
        if line.extend and not line.closed:
            kind[0] += FROM_INFINITY
            kind[-1] += TO_INFINITY
        starts.append(line.points[:-1])
        tangents.append(steps / length[:, None])
        lengths.append(length)
        burgers.append(np.broadcast_to(line.burgers, steps.shape))
        kinds.append(kind)
    return Segments(
        np.concatenate(starts or [np.empty((0, 3))]),
        np.concatenate(tangents or [np.empty((0, 3))]),
        np.concatenate(lengths or [np.empty(0)]),
        np.concatenate(burgers or [np.empty((0, 3))]),
        np.concatenate(kinds or [np.empty(0)]).astype(np.int64),
    )


@njit(cache=True, error_model="numpy", inline="always")
def single_valued(rho2, along, length, kind):
    """Integrals over a segment as seen from a point.

    Parameters
    ----------
    rho2 : float
        Squared distance to the axis, at least CORE_RADIUS**2.
    along : float
        Position of the point along the axis, from the start of the segment.
    length : float
        Length of the segment.
    kind : int
        Whether it begins or ends at infinity.

    Returns
    -------
    log : float
        Integral of 1 / R over the segment; less a constant where it is infinite. The constant is
        the same for all points, so that it cancels in any difference.
    inverse, slope : float
        Its gradient is inverse * t - slope * rho.
    ahead_a, ahead_b : float
        R - w of the start and of the end, for the angle term: 0 for a start at infinity.
    """
    # w / R and R - w lose all digits near the axis of the segment's extension; the forms below with
    # R + |w| do not.
    along_b = along - length
    ra = np.sqrt(rho2 + along * along)
    rb = np.sqrt(rho2 + along_b * along_b)
    sum_a = ra + abs(along)
    sum_b = rb + abs(along_b)
    ahead_a = rho2 / sum_a if along > 0 else sum_a
    ahead_b = rho2 / sum_b if along_b > 0 else sum_b
    if kind == INFINITE:
        return 1.0 / rho2, 0.0, 2.0 / rho2, 0.0, 0.0
    if kind == TO_INFINITY:
        slope = 1.0 / (ra * sum_a) if along <= 0 else (along / ra + 1.0) / rho2
        return 1.0 / ahead_a, 1.0 / ra, slope, ahead_a, 0.0
    if kind == FROM_INFINITY:
        if along_b >= 0:
            return 1.0 / sum_b, -1.0 / rb, 1.0 / (rb * sum_b), 0.0, ahead_b
        return sum_b / rho2, -1.0 / rb, (1.0 - along_b / rb) / rho2, 0.0, ahead_b
    inverse = 1.0 / ra - 1.0 / rb
    if along_b >= 0:
        slope = 1.0 / (rb * sum_b) - 1.0 / (ra * sum_a)
        return sum_a / sum_b, inverse, slope, ahead_a, ahead_b
    if along <= 0:
        slope = 1.0 / (ra * sum_a) - 1.0 / (rb * sum_b)
        return sum_b / sum_a, inverse, slope, ahead_a, ahead_b
    slope = (along / ra - along_b / rb) / rho2
    return sum_a * sum_b / rho2, inverse, slope, ahead_a, ahead_b


@njit(cache=True, error_model="numpy", inline="always")
def half_solid_angle(dot, cross, start0, start1, end0, end1, kind):
    """Half the solid angle that a segment sweeps while the point makes a straight step.

    Parameters
    ----------
    dot, cross : float
        rho0 . rho1 and t . (rho0 x rho1) of the two points.
    start0, start1, end0, end1 : float
        R - w of the segment's start and end seen from the two points.
    kind : int
        Whether it begins or ends at infinity.

    Returns
    -------
    float
        Radians between -pi and pi, positive for a turn that is right-handed about the line sense.
    """
    start = start0 * start1
    if kind >= TO_INFINITY:
        return np.arctan2(cross, start + dot)
    end = end0 * end1
    return np.arctan2(cross * (end - start), (start + dot) * (end + dot) + cross * cross)


@njit(cache=True, error_model="numpy")
def displacement_steps(path, starts, tangents, lengths, burgers, kinds, poisson_ratio):
    """Change of the displacement along each straight step of a path.

    Parameters
    ----------
    path : (n, 3) ndarray
        Points in nm.
    starts, tangents, lengths, burgers, kinds : ndarray
        The fields of `Segments`.
    poisson_ratio : float
        Poisson's ratio.

    Returns
    -------
    (n - 1, 3) ndarray
        Change of u in nm.
    """
    steps = np.zeros((len(path) - 1, 3))
    c_grad = -1.0 / (8.0 * np.pi * (1.0 - poisson_ratio))
    c_log = 1.0 / (4.0 * np.pi) + c_grad
    before = np.zeros(3)
    value = np.zeros(3)
    for i in range(len(starts)):
        t = tangents[i]
        m = np.cross(t, burgers[i])
        rho = np.zeros(3)
        start = end = 0.0
        for k in range(len(path)):
            offset = path[k] - starts[i]
            along = offset @ t
            new = offset - along * t
            rho2 = max(new @ new, CORE_RADIUS**2)
            ratio, inverse, slope, new_start, new_end = single_valued(
                rho2, along, lengths[i], kinds[i]
            )
            value[:] = c_log * np.log(ratio) * m + c_grad * (m @ new) * (inverse * t - slope * new)
            if k > 0:
                angle = half_solid_angle(
                    rho @ new, t @ np.cross(rho, new), start, new_start, end, new_end, kinds[i]
                )
                steps[k - 1] += value - before + burgers[i] * angle / (2.0 * np.pi)
            before[:] = value
            rho, start, end = new, new_start, new_end
    return steps


def slice_phases(
    segments: Segments,
    g: np.ndarray,
    entries: np.ndarray,
    step: np.ndarray,
    n_slices: int,
    poisson_ratio: float,
) -> np.ndarray:
    """Exact change of 2 pi g . R over every slice of parallel rays, on all cores.

    Parameters
    ----------
    segments : Segments
        All dislocations.
    g : (3,) ndarray
        Diffraction vector in 1/nm.
    entries : (n, 2) ndarray
        Where the rays cross z = 0, nm.
    step : (3,) ndarray
        Way of the rays from one slice to the next, nm.
    n_slices : int
        Number of slices.
    poisson_ratio : float
        Poisson's ratio.

    Returns
    -------
    (n, n_slices) ndarray
        Phases in rad, first slice first.

    Examples
    --------
    A ray that passes a screw dislocation from far above to far below gains half a turn times g.b.

    >>> screw = segments_of([Dislocation([[0, 0, 1e6], [0, 9, 1e6]], burgers=[0, 0.2, 0])])
    >>> g, ray = np.array([0.0, 5.0, 0.0]), np.array([[1.0, 0.0]])
    >>> bool(np.isclose(slice_phases(screw, g, ray, np.array([0, 0, 2e6]), 1, 0.3), -np.pi)[0, 0])
    True
    """
    moments = np.cross(segments.tangents, segments.burgers)
    products = np.stack([segments.burgers @ g, moments @ g, segments.tangents @ g], axis=1)
    # A screw with g.b = 0 has no effect at all.
    felt = (np.abs(products[:, 0]) > 1e-12) | (np.abs(moments).max(axis=1) > 1e-12)
    starts, tangents, lengths, _, kinds = (part[felt] for part in segments)
    phases = np.zeros((len(entries), n_slices))
    _phases_of_columns(
        phases,
        np.ascontiguousarray(entries, dtype=float),
        np.ascontiguousarray(step, dtype=float),
        starts,
        tangents,
        lengths,
        kinds,
        moments[felt],
        products[felt],
        np.ascontiguousarray(g, dtype=float),
        poisson_ratio,
    )
    return phases


@njit(cache=True, error_model="numpy", parallel=True)
def _phases_of_columns(
    phases, entries, step, starts, tangents, lengths, kinds, moments, products, g, nu
):
    for i in prange(len(entries)):
        for j in range(len(starts)):
            _add_phases(
                phases[i],
                entries[i, 0],
                entries[i, 1],
                step,
                starts[j],
                tangents[j],
                lengths[j],
                kinds[j],
                moments[j],
                products[j],
                g,
                nu,
            )


@njit(cache=True, error_model="numpy")
def _add_phases(phases, x, y, step, start, t, length, kind, m, products, g, nu):
    """Add what one segment does to the phase 2 pi g.R over every slice of one ray."""
    c_grad = -1.0 / (4.0 * (1.0 - nu))
    c_log = products[1] * (0.5 + c_grad)
    gb, gt = products[0], products[2]
    t0, t1, t2 = t[0], t[1], t[2]
    ox, oy, oz = x - start[0], y - start[1], -start[2]
    p0 = p1 = p2 = before = start0 = end0 = 0.0
    for k in range(len(phases) + 1):
        dx, dy, dz = ox + k * step[0], oy + k * step[1], oz + k * step[2]
        along = dx * t0 + dy * t1 + dz * t2
        r0, r1, r2 = dx - along * t0, dy - along * t1, dz - along * t2
        rho2 = max(r0 * r0 + r1 * r1 + r2 * r2, CORE_RADIUS**2)
        ratio, inverse, slope, start1, end1 = single_valued(rho2, along, length, kind)
        m_rho = m[0] * r0 + m[1] * r1 + m[2] * r2
        g_rho = g[0] * r0 + g[1] * r1 + g[2] * r2
        value = c_grad * m_rho * (gt * inverse - g_rho * slope)
        if c_log != 0.0:
            value += c_log * np.log(ratio)
        if k > 0:
            phases[k - 1] += value - before
            if gb != 0.0:
                dot = p0 * r0 + p1 * r1 + p2 * r2
                cross = (
                    t0 * (p1 * r2 - p2 * r1) + t1 * (p2 * r0 - p0 * r2) + t2 * (p0 * r1 - p1 * r0)
                )
                phases[k - 1] += gb * half_solid_angle(dot, cross, start0, start1, end0, end1, kind)
        p0, p1, p2, before, start0, end0 = r0, r1, r2, value, start1, end1
