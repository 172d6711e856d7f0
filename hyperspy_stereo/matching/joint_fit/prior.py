"""What is known of the curves before the views are looked at, as Gaussians of the unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.matching.joint_fit.curve_basis import CurveBasis, second_differences
from hyperspy_stereo.matching.joint_fit.layout import Layout

__all__ = ["Prior", "line_priors", "start_values"]

DEPTH_SIGMA = 30.0
"""px: how far depth may be from its start. Only matters where no view sees it."""
OFFSET_SIGMA = 2.0
"""px: how far the line may be from its start; the matcher is right to 1 px."""
CONTRAST_BEND = 0.1
"""Second difference of contrast between knots 8 px apart; oscillations of 40 px period pass."""
CONTRAST_SIGMA = 1.0
ASYMMETRY_SIGMA = 0.1
WIDTH_SIGMA = 0.4
"""Of the logarithm: a factor of 1.5."""
KAPPA_SIGMA = 0.05
"""px per mrad: 3 px between the middle and the rim of a disc of 60 mrad."""
GAIN_SIGMA = 0.3
GAUGE = 1e6
"""Precision with which the gains of a line add up to their number."""
HELD = 1e-4
"""Standard deviation of an unknown that a stage does not fit yet."""


@dataclass(frozen=True, eq=False)
class Prior:
    """Precision matrix and vector of each line: its log density is -x'Px/2 + h'x.

    Attributes
    ----------
    precision : list of (p, p) ndarray
        P.
    pull : list of (p,) ndarray
        h = P times the mean.
    """

    precision: list[np.ndarray]
    pull: list[np.ndarray]

    def cost(self, place: Layout, unknowns: np.ndarray) -> np.ndarray:
        """(L,) minus log density of each line, but for a constant."""
        out = np.empty(len(self.pull))
        for i, (precision, pull) in enumerate(zip(self.precision, self.pull, strict=True)):
            x = unknowns[place.starts[i] : place.starts[i + 1]]
            out[i] = 0.5 * x @ precision @ x - pull @ x
        return out


def start_values(basis: CurveBasis, place: Layout, width: float) -> np.ndarray:
    """Unknowns at the start: the given depth, no contrast, equal gains.

    Parameters
    ----------
    basis : CurveBasis
        Start lines.
    place : Layout
        Where the unknowns stand.
    width : float
        px.

    Returns
    -------
    (P,) ndarray

    Examples
    --------
    >>> from hyperspy_stereo.matching.joint_fit.curve_basis import curve_basis
    >>> from hyperspy_stereo.matching.joint_fit.layout import layout
    >>> basis = curve_basis([[[0.0, 0.0, 1.0], [40.0, 0.0, 1.0]]])
    >>> start_values(basis, layout(basis, 2), 2.0)[[0, 13, -1]].round(6).tolist()
    [1.0, 0.0, 1.0]
    """
    unknowns = np.zeros(place.starts[-1])
    for line, depth in enumerate(basis.depth):
        unknowns[place.depth[line]] = depth
    unknowns[place.width] = np.log(width)
    unknowns[place.gains] = 1.0
    return unknowns


def line_priors(
    basis: CurveBasis,
    place: Layout,
    start: np.ndarray,
    wander: tuple[float, float],
    *,
    held: tuple[str, ...] = (),
) -> Prior:
    """Priors of all lines.

    Parameters
    ----------
    basis : CurveBasis
        Start lines.
    place : Layout
        Where the unknowns stand.
    start : (P,) ndarray
        As from :func:`start_values`: where depth, width and gain are expected.
    wander : (float, float)
        Standard deviation of the second difference of depth and of offset between knots, px.
    held : tuple of str
        Kinds of unknowns that stay where they started: "asymmetry", "kappa", "gains", "width".

    Returns
    -------
    Prior

    Examples
    --------
    >>> from hyperspy_stereo.matching.joint_fit.curve_basis import curve_basis
    >>> from hyperspy_stereo.matching.joint_fit.layout import layout
    >>> basis = curve_basis([[[0.0, 0.0, 1.0], [40.0, 0.0, 1.0]]])
    >>> place = layout(basis, 2)
    >>> prior = line_priors(basis, place, start_values(basis, place, 2.0), (0.3, 0.1))
    >>> prior.precision[0].shape
    (46, 46)
    """
    sigma = {"asymmetry": ASYMMETRY_SIGMA, "width": WIDTH_SIGMA}
    sigma |= {"kappa": KAPPA_SIGMA, "gains": GAIN_SIGMA}
    sigma |= dict.fromkeys(held, HELD)
    precision, pull = [], []
    for line in range(len(basis)):
        begin, end = place.starts[line], place.starts[line + 1]
        matrix, mean = np.zeros((end - begin, end - begin)), start[begin:end].copy()
        mean[: basis.knots[line]] = np.mean(basis.depth[line])
        level = np.empty(end - begin)
        for part, bend, spread in (
            (place.depth[line], wander[0], DEPTH_SIGMA),
            (place.offset[line], wander[1], OFFSET_SIGMA),
            (place.contrast[line], CONTRAST_BEND, CONTRAST_SIGMA),
            (place.asymmetry[line], CONTRAST_BEND, sigma["asymmetry"]),
        ):
            own = slice(part.start - begin, part.stop - begin)
            rough = second_differences(part.stop - part.start) / bend
            matrix[own, own] = rough.T @ rough
            # The level is one number for the line: shared out over its knots.
            level[own] = 1.0 / (spread**2 * (part.stop - part.start))
        level[place.asymmetry[line].start - begin : place.asymmetry[line].stop - begin] = (
            1.0 / sigma["asymmetry"] ** 2
        )
        level[place.width[line] - begin] = 1.0 / sigma["width"] ** 2
        level[place.kappa[line] - begin] = 1.0 / sigma["kappa"] ** 2
        level[place.gains[line] - begin] = 1.0 / sigma["gains"] ** 2
        matrix[np.diag_indices(end - begin)] += level
        towards = level * mean
        # Contrast and gains are a product: the mean of the gains is 1 by definition.
        own_gains = place.gains[line] - begin
        matrix[np.ix_(own_gains, own_gains)] += GAUGE
        towards[own_gains] += GAUGE * len(own_gains)
        precision.append(matrix)
        pull.append(towards)
    return Prior(precision, pull)
