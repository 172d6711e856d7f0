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


def propagate(
    beam: TwoBeam, slice_thickness: float, phases: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Send both beams through columns of equal slices, on all cores.

    Parameters
    ----------
    beam : TwoBeam
        The diffraction condition; its `s` is that of the rays.
    slice_thickness : float
        Thickness of one slice in nm.
    phases : (n, n_slices) ndarray
        Change of 2 pi g . R over every slice of every column, in rad; entrance face first.

    Returns
    -------
    bf, df : (n,) ndarray
        Intensity of the direct and the diffracted beam per incident electron.

    Examples
    --------
    >>> beam = TwoBeam([5, 0, 0], s=0.0, xi_g=40.0)
    >>> bf, df = propagate(beam, 0.5, np.zeros((1, 40)))
    >>> bf.round(9).tolist(), df.round(9).tolist()
    ([0.0], [1.0])
    """
    half = np.array(slice_matrix(beam, slice_thickness / 2))
    full = np.array(slice_matrix(beam, slice_thickness))
    bf, df = np.empty(len(phases)), np.empty(len(phases))
    _propagate_columns(phases, half, full, bf, df)
    return bf, df


@njit(cache=True, error_model="numpy", parallel=True)
def _propagate_columns(phases, half, full, bf, df):
    for i in prange(len(phases)):
        bf[i], df[i] = _propagate(phases[i], half, full)


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
