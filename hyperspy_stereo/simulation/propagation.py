"""Two beams through a column of slices (Howie-Whelan equations), float64 for reference.

    phi0' = -(pi / xi0') phi0 + i pi q phig
    phig' = i pi q phi0 + (-pi / xi0' + 2 pi i (s + beta)) phig

with q = 1 / xi_g + i / xi_g' and beta the change of g . R per nm along the ray. A slice without
strain has a closed form. Strang's splitting puts the exact change of g . R over each slice as a
phase between two halves of such a slice; it is of second order in the slice thickness and unitary
without absorption.

Sources: P. B. Hirsch et al., Electron Microscopy of Thin Crystals (1977), chapters 8 and 10;
G. Strang, SIAM J. Numer. Anal. 5 (1968) 506.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.segment_field import (
    CORE_RADIUS,
    Segments,
    half_solid_angle,
    single_valued,
)

BLOCK = 32  # pixels one thread does at a time, sharing one buffer of phases


def slice_matrix(beam: TwoBeam, thickness: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scattering matrix of a perfect slice, but for a phase that both beams share.

    Parameters
    ----------
    beam : TwoBeam
        The diffraction condition; its `s` is that of the ray.
    thickness : array_like
        Thickness in nm, any shape.

    Returns
    -------
    through, across, diffracted : complex ndarray
        Elements 00, 01 = 10, and 11.

    Examples
    --------
    >>> through, across, _ = slice_matrix(TwoBeam([5, 0, 0], s=0.0, xi_g=40.0), 20.0)
    >>> bool(abs(through) < 1e-15), bool(abs(across) > 1 - 1e-15)
    (True, True)
    """
    thickness = np.asarray(thickness, dtype=float)
    q = 1 / beam.xi_g + 1j / beam.xi_g_abs
    sigma = np.sqrt(beam.s**2 + q**2)
    loss = np.exp(-np.pi * thickness / beam.xi_0_abs)
    cosine = loss * np.cos(np.pi * sigma * thickness)
    sine = loss * 1j * np.sin(np.pi * sigma * thickness) / sigma
    return cosine - sine * beam.s, sine * q, cosine + sine * beam.s


def column_intensities(
    segments: Segments,
    beam: TwoBeam,
    thickness: float,
    n_slices: int,
    entries: np.ndarray,
    incidence: np.ndarray,
    poisson_ratio: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Intensities of both beams at the exit face, one ray after another, on all cores.

    Parameters
    ----------
    segments : Segments
        All dislocations.
    beam : TwoBeam
        The condition that the rays see.
    thickness : float
        Thickness of the foil in nm.
    n_slices : int
        Number of slices.
    entries : (n, 2) ndarray
        Where the rays cross the entrance face, nm.
    incidence : (2,) ndarray
        Inclination of the rays in rad.
    poisson_ratio : float
        Poisson's ratio.

    Returns
    -------
    bf, df : (n,) ndarray
        Bright and dark field per incident electron.
    """
    dz = thickness / n_slices
    half = np.array(slice_matrix(beam, dz / 2))
    full = np.array(slice_matrix(beam, dz))
    moments = np.cross(segments.tangents, segments.burgers)
    products = np.stack(
        [segments.burgers @ beam.g, moments @ beam.g, segments.tangents @ beam.g], axis=1
    )
    # Segments that no ray of any direction can notice: screws with g.b = 0.
    felt = (np.abs(products[:, 0]) > 1e-12) | (np.abs(moments).max(axis=1) > 1e-12)
    bf, df = np.empty(len(entries)), np.empty(len(entries))
    _run_columns(
        np.ascontiguousarray(entries, dtype=float),
        np.array([incidence[0], incidence[1], 1.0]) * dz,
        n_slices,
        half,
        full,
        beam.g,
        *(np.ascontiguousarray(part[felt]) for part in (*segments, moments, products)),
        poisson_ratio,
        bf,
        df,
    )
    return bf, df


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


@njit(cache=True, error_model="numpy", parallel=True)
def _run_columns(
    entries,
    step,
    n_slices,
    half,
    full,
    g,
    starts,
    tangents,
    lengths,
    burgers,
    kinds,
    moments,
    products,
    nu,
    bf,
    df,
):
    n_blocks = (len(entries) + BLOCK - 1) // BLOCK
    for block in prange(n_blocks):
        phases = np.empty(n_slices)
        for i in range(block * BLOCK, min(len(entries), (block + 1) * BLOCK)):
            phases[:] = 0.0
            for j in range(len(starts)):
                _add_phases(
                    phases,
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
            bf[i], df[i] = _propagate(phases, half, full)


@njit(cache=True, error_model="numpy")
def _propagate(phases, half, full):
    # Two half slices meet between neighbours: they are one full slice.
    through, diffracted = half[0], half[1]
    for k in range(len(phases)):
        diffracted *= complex(np.cos(phases[k]), np.sin(phases[k]))
        if k + 1 < len(phases):
            through, diffracted = (
                full[0] * through + full[1] * diffracted,
                full[1] * through + full[2] * diffracted,
            )
    through, diffracted = (
        half[0] * through + half[1] * diffracted,
        half[1] * through + half[2] * diffracted,
    )
    bright = through.real * through.real + through.imag * through.imag
    return bright, diffracted.real * diffracted.real + diffracted.imag * diffracted.imag
