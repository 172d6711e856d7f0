"""Small errors of the views that the particles themselves reveal: shifts, and angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_stereo.matching.particles.ground_plane import GroundViews, lift_members

__all__ = ["ViewErrors", "view_errors"]

FEWEST = 30  # particles; fewer would move the views by their own noise
CUT = 3.0  # robust standard deviations beyond which a residual is a wrong match


@dataclass(frozen=True, eq=False)
class ViewErrors:
    """What is wrong with the views, as far as particles can tell.

    Attributes
    ----------
    shifts : (V, 2) ndarray
        Of each view, px; without what looks like a shift of all particles in x, y or z (the last
        is a defocus).
    slopes : (V, 2) ndarray
        Of the directions, rad; without what looks like a shear or a stretch of the specimen in
        depth. An error of *all* angles by one factor is therefore not in it.
    shifts_error, slopes_error : float
        1-sigma of one number.
    """

    shifts: np.ndarray
    slopes: np.ndarray
    shifts_error: float
    slopes_error: float


def view_errors(
    members: NDArray[np.int64], found: GroundViews, seen: NDArray[np.bool_] | None = None
) -> ViewErrors:
    """Estimate errors of the views from the residuals of matched particles.

    A particle at (x, y, z) lies at (x, y) - c z in a view; where it is found instead, less that, is
    regressed on 1 and z for every view.

    Parameters
    ----------
    members : (N, V) int ndarray
        Detections of each particle.
    found : GroundViews
        Their places.
    seen : (N,) bool ndarray, optional
        Particles to use; by default those that all views show.

    Returns
    -------
    ViewErrors
        Zeros if there are too few particles, or only two views: then nothing is left over.
    """
    views = found.views
    use = (members >= 0).all(axis=1)
    if seen is not None:
        use &= seen
    rows = members[use]
    nothing = ViewErrors(np.zeros((views, 2)), np.zeros((views, 2)), np.inf, np.inf)
    if len(rows) < FEWEST or views < 3:
        return nothing
    points, sigma = found.padded()
    # Equal weights: the residuals are then free of any x, y, z of the particle.
    xyz, _, _ = lift_members(rows, points, np.ones_like(sigma), found.slopes)
    view = np.arange(views)
    off = points[view, rows] - xyz[:, None, :2] + found.slopes[None] * xyz[:, 2, None, None]
    size = np.sqrt((off**2).sum(axis=(1, 2)))
    keep = size < CUT * max(float(np.median(size)), 1e-9)
    off, z = off[keep], xyz[keep, 2]
    middle = z.mean()
    design = np.column_stack([np.ones_like(z), z - middle])
    solved, *_ = np.linalg.lstsq(design, off.reshape(len(z), -1), rcond=None)
    rest = off.reshape(len(z), -1) - design @ solved
    spread = float(np.sqrt((rest**2).sum() / max(rest.size - rest.shape[1] * 2, 1)))
    depth = max(float(z.std()), 1e-9)
    slopes = -solved[1].reshape(views, 2)
    shifts = solved[0].reshape(views, 2) + slopes * middle
    return ViewErrors(
        _gauge_free(shifts, found.slopes),
        _gauge_free(slopes, found.slopes),
        spread / np.sqrt(len(z)),
        spread / np.sqrt(len(z)) / depth,
    )


def _gauge_free(values: NDArray, slopes: NDArray) -> NDArray:
    """Less the part that is the same in all views, and the part along the slopes."""
    centred = values - values.mean(axis=0)
    along = slopes - slopes.mean(axis=0)
    return centred - along * (centred * along).sum() / (along**2).sum()
