"""Views along a line: straightened strips that follow the line's image in each view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from scipy.ndimage import map_coordinates, spline_filter

from hyperspy_stereo.matching.joint_fit.layout import ViewGeometry
from hyperspy_stereo.matching.smoothing import gaussian

__all__ = [
    "HALF_WIDTH",
    "SmoothViews",
    "flattened",
    "measured",
    "smooth_views",
    "strip_positions",
    "strips",
    "view_rows",
]

HALF_WIDTH = 4
"""px on each side of a line that are compared; further out the images of neighbours begin."""
RIM = 2
"""px beside missing data that are not used: about the reach of the finest smoothing."""
BACKGROUND = 10.0
"""px over which views are flattened: twice what images of lines measure across."""


@dataclass(frozen=True, eq=False)
class SmoothViews:
    """Views and their derivatives as cubic splines.

    Attributes
    ----------
    values : (V, H, W) ndarray
        Spline coefficients of the smoothed views.
    slopes : (V, H, W) ndarray
        Of their derivatives along the parallax of each view, per px of depth.
    there : (V, H, W) bool ndarray
        Where they are measured, see :func:`measured`.
    """

    values: np.ndarray
    slopes: np.ndarray
    there: np.ndarray

    def along(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and slopes (V, n, D) at positions (V, n, D, 2); NaN where nothing is measured."""
        seen = [
            map_coordinates(mask.astype(np.float32), (at[..., 1], at[..., 0]), order=0) > 0
            for mask, at in zip(self.there, positions, strict=True)
        ]
        unseen = ~np.stack(seen)
        values, slopes = strips(self.values, positions), strips(self.slopes, positions)
        values[unseen], slopes[unseen] = np.nan, np.nan
        return values, slopes


SAME_ROW = 2.0
"""mrad across the Kikuchi line between views that still show the same: a third of the width of a
usual rocking curve."""


def view_rows(seen: ViewGeometry) -> np.ndarray:
    """Group views into rows along the Kikuchi line, in which contrast is the same.

    Parameters
    ----------
    seen : ViewGeometry
        Of V views.

    Returns
    -------
    (V,) int ndarray
        0..R-1. All 0 if no two views would share a row.

    Examples
    --------
    >>> from hyperspy_stereo.matching.joint_fit.layout import view_geometry
    >>> view_rows(view_geometry([[50, 0], [-50, 0.3], [40, 9], [-40, 9]])).tolist()
    [0, 0, 1, 1]
    """
    order = np.argsort(seen.across, kind="stable")
    rows = np.empty(len(order), int)
    rows[order] = np.cumsum(np.diff(seen.across[order], prepend=seen.across[order[0]]) > SAME_ROW)
    along = seen.parallax @ seen.direction
    wide = max(np.ptp(along[rows == row]) for row in range(rows.max() + 1))
    return rows if wide > 0.5 * np.ptp(along) else np.zeros(len(rows), int)


def flattened(views: np.ndarray) -> np.ndarray:
    """Views relative to the mean of their surroundings, minus 1.

    Images without a positive background (an offset was taken off, or it is a dark field) are taken
    relative to their standard deviation instead: only what they have in common counts.

    Parameters
    ----------
    views : (V, H, W) ndarray
        NaN where there is no datum.

    Returns
    -------
    (V, H, W) float64 ndarray
        0 where there is no datum.

    Examples
    --------
    >>> import numpy as np
    >>> flattened(np.full((1, 8, 8), 5.0)).round(6)[0, 0, 0] + 0.0
    np.float64(0.0)
    """
    out = np.empty(views.shape)
    for v, view in enumerate(views):
        there = np.isfinite(view)
        if not there.any():
            out[v] = 0.0
            continue
        scale = float(np.median(view[there]))
        if scale <= 0:
            spread = max(float(view[there].std()), 1e-300)
            view, scale = 1.0 + 0.1 * (view - view[there].mean()) / spread, 1.0
        relative = np.where(there, view / scale, 0.0)
        share = np.maximum(gaussian(there.astype(np.float64), BACKGROUND), 1e-3)
        level = np.maximum(gaussian(relative, BACKGROUND) / share, 1e-2)
        out[v] = np.where(there, relative / level - 1.0, 0.0)
    return out


def measured(views: np.ndarray) -> np.ndarray:
    """Pixels whose neighbourhood holds data, so that smoothing brings in nothing made up.

    Parameters
    ----------
    views : (V, H, W) ndarray
        NaN where there is no datum.

    Returns
    -------
    (V, H, W) bool ndarray

    Raises
    ------
    ValueError
        If a view holds no data, or one value only.

    Examples
    --------
    >>> import numpy as np
    >>> views = np.random.default_rng(0).random((1, 9, 9))
    >>> views[0, 4:] = np.nan
    >>> measured(views)[0, :, 0].astype(int).tolist()
    [1, 1, 0, 0, 0, 0, 0, 0, 0]
    """
    there = np.isfinite(views)
    for v, (view, mask) in enumerate(zip(views, there, strict=True)):
        if not mask.any() or np.ptp(view[mask]) == 0:
            what = "holds one value only" if mask.any() else "holds no finite pixel"
            raise ValueError(f"view {v} {what}: leave it out, lines cannot be fitted to it.")
    return np.stack([ndi.binary_erosion(mask, iterations=RIM, border_value=1) for mask in there])


def smooth_views(
    flat: np.ndarray, there: np.ndarray, seen: ViewGeometry, sigma: float
) -> SmoothViews:
    """Smooth views, and differentiate them along their parallax.

    Parameters
    ----------
    flat : (V, H, W) ndarray
        As from :func:`flattened`.
    there : (V, H, W) bool ndarray
        As from :func:`measured`.
    seen : ViewGeometry
        Of V views.
    sigma : float
        Of the Gaussian, px.

    Returns
    -------
    SmoothViews
    """
    values, slopes = np.empty(flat.shape), np.empty(flat.shape)
    for v, image in enumerate(flat):
        soft = gaussian(image, sigma).astype(np.float64)
        down, right = np.gradient(soft)
        slope = seen.parallax[v, 0] * right + seen.parallax[v, 1] * down
        values[v], slopes[v] = spline_filter(soft, order=3), spline_filter(slope, order=3)
    return SmoothViews(values, slopes, there)


def strip_positions(
    base: np.ndarray,
    normal: np.ndarray,
    depth: np.ndarray,
    seen: ViewGeometry,
    half_width: int = HALF_WIDTH,
) -> np.ndarray:
    """Where the points of a strip lie in each view.

    What belongs to the line lies at its depth, so that a strip is moved as a whole, point by
    point along the line, and never turned.

    Parameters
    ----------
    base, normal : (n, 2) ndarray
        Points of the line in the reference view, px, and its unit normals there.
    depth : (n,) ndarray
        px.
    seen : ViewGeometry
        Of V views.
    half_width : int
        px on each side. Default 4.

    Returns
    -------
    (V, n, 2 half_width + 1, 2) ndarray
        x, y in px of each view.
    """
    across = np.arange(-half_width, half_width + 1.0)
    points = base[:, None] + across[None, :, None] * normal[:, None]
    out = np.einsum("vij,ndj->vndi", seen.plane, points) + seen.offset[:, None, None]
    return out + seen.parallax[:, None, None] * depth[None, :, None, None]


def strips(coefficients: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Values of the views at positions.

    Parameters
    ----------
    coefficients : (V, H, W) ndarray
        Of cubic splines.
    positions : (V, n, D, 2) ndarray
        x, y in px.

    Returns
    -------
    (V, n, D) ndarray
        NaN outside of the views.
    """
    return np.stack(
        [
            map_coordinates(image, (at[..., 1], at[..., 0]), order=3, prefilter=False, cval=np.nan)
            for image, at in zip(coefficients, positions, strict=True)
        ]
    )
