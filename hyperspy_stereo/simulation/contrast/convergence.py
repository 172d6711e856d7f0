"""How the error of a two-beam image falls with the thickness of the slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.contrast.propagation import slice_matrix
from hyperspy_stereo.simulation.dislocation import Dislocation
from hyperspy_stereo.simulation.two_beam import bright_dark_field, displacement_change

# Half of the distance, nm, over which the strain in the middle of a slice is taken.
HALF_STEP = 1e-3


def convergence_errors(
    dislocations: Dislocation | Sequence[Dislocation],
    beam: TwoBeam,
    thickness: float,
    x: ArrayLike,
    slice_thicknesses: ArrayLike,
    y: float = 0.0,
    reference_slice: float = 0.05,
) -> dict[str, np.ndarray]:
    """Largest error of the bright field for two ways of cutting a foil into slices.

    Parameters
    ----------
    dislocations : Dislocation or sequence of Dislocation
        The lines.
    beam : TwoBeam
        The two-beam condition.
    thickness : float
        Of the foil, nm.
    x : array_like of shape (n,)
        Columns to look at, nm.
    slice_thicknesses : array_like of shape (m,)
        Wanted thicknesses of a slice, nm.
    y : float, default 0.0
        Of the columns, nm.
    reference_slice : float, default 0.05
        Slices in nm of the result that counts as exact.

    Returns
    -------
    dict of str to (m,) ndarray
        "split": Strang's splitting with the exact change of the displacement over each slice,
        which this package uses. "midpoint": the strain in the middle of a slice added to the
        excitation error, as in textbooks. "slice": the thickness really used, nm.

    Notes
    -----
    Both are of second order; next to a core, where the strain changes within a slice, only the
    first keeps its error small. G. Strang, SIAM J. Numer. Anal. 5 (1968) 506.

    Examples
    --------
    >>> beam = TwoBeam([0, 5, 0], 0.0, 40, 660, 600)
    >>> screw = Dislocation([[0, -9, 100], [0, 9, 100]], [0, 0.2, 0])
    >>> errors = convergence_errors(screw, beam, 200, [1.5, 6.0], [1.0, 2.0])
    >>> bool(errors["split"][1] < errors["midpoint"][1])
    True
    """
    x = np.asarray(x, dtype=float)
    exact = bright_dark_field(
        dislocations, beam, thickness, x, [y], slice_thickness=reference_slice
    )[0][0]
    split, midpoint, used = [], [], []
    for wanted in np.asarray(slice_thicknesses, dtype=float):
        bright = bright_dark_field(dislocations, beam, thickness, x, [y], slice_thickness=wanted)[0]
        split.append(np.abs(bright[0] - exact).max())
        n_slices = max(1, int(np.ceil(thickness / wanted - 1e-9)))
        bright = [_midpoint(dislocations, beam, thickness, n_slices, column, y) for column in x]
        midpoint.append(np.abs(np.array(bright) - exact).max())
        used.append(thickness / n_slices)
    return {"split": np.array(split), "midpoint": np.array(midpoint), "slice": np.array(used)}


def _midpoint(dislocations, beam: TwoBeam, thickness, n_slices, x, y) -> float:
    """Bright field of one column along the beam, with the strain in the middle of each slice."""
    dz = thickness / n_slices
    middle = (np.arange(n_slices) + 0.5) * dz
    z = np.column_stack([middle - HALF_STEP, middle + HALF_STEP]).ravel()
    path = np.column_stack([np.full_like(z, x), np.full_like(z, y), z])
    # Every second step lies within a slice, the others lead from one slice to the next.
    strain = displacement_change(dislocations, path)[::2] @ beam.g / (2 * HALF_STEP)
    wave = np.array([1.0 + 0j, 0.0])
    for beta in strain:
        strained = TwoBeam(beam.g, beam.s + beta, beam.xi_g, beam.xi_g_abs, beam.xi_0_abs)
        through, across, diffracted = slice_matrix(strained, dz)
        # slice_matrix leaves out the phase that both beams share, which is of no consequence.
        wave = np.array(
            [through * wave[0] + across * wave[1], across * wave[0] + diffracted * wave[1]]
        )
    return float(np.abs(wave[0]) ** 2)
