"""Virtual detectors: where they lie on the bright-field disc, their masks and their incidence.

Positions and masks are in pattern pixels: x is the column, y the row (down), the centre of the
first pixel is (0, 0). Angles are in degrees, measured from +x towards +y.
"""

from __future__ import annotations

from numbers import Real
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Layout = Literal["pair", "line", "band", "disc"]

#: Default detector radius, as a fraction of the disc's radius, for each layout.
DEFAULT_RADIUS = {"pair": 0.3, "line": 0.3, "band": 0.05, "disc": 0.1}
#: Half width of the band around the Kikuchi line's middle, as a fraction of the disc's radius.
BAND_HALF_WIDTH = 0.15
# 16 x 16 samples in a pixel at the rim: its coverage is right to better than 1 %.
_SUBSAMPLES = 16
# px beyond the disc's radius in which a mean pattern is still light of the disc: its blurred rim.
_RIM = 3.0


class DiscLike(Protocol):
    """What the functions here need of a disc: its centre (x, y) and its radius in px."""

    centre: tuple[float, float]
    radius: float


def default_radius(layout: Layout, disc: DiscLike) -> float:
    """Radius of the detectors of a layout where the user gives none.

    Parameters
    ----------
    layout : {"pair", "line", "band", "disc"}
        Layout of the detectors.
    disc : Disc
        Bright-field disc; its radius in px is used.

    Returns
    -------
    float
        Radius in px: 0.3 of the disc's radius for "pair" and "line" (large, so that few electrons
        are lost, and still far apart), 0.1 for "disc" and 0.05 for "band", which tile their area.

    Raises
    ------
    ValueError
        If the layout is unknown.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> default_radius("pair", SimpleNamespace(centre=(64, 64), radius=40.0))
    12.0
    """
    _check_layout(layout)
    return DEFAULT_RADIUS[layout] * float(disc.radius)


def layout_positions(
    layout: Layout,
    disc: DiscLike,
    azimuth: float,
    radius: float | None = None,
    n_views: int | None = None,
    offset: float = 0.0,
) -> NDArray[np.float64]:
    """Centres of the detectors of a layout, ordered from the left view to the right one.

    Along the Kikuchi line the diffraction condition, and so the contrast, is constant: the
    detectors of a pair lie far apart on it.

    Parameters
    ----------
    layout : {"pair", "line", "band", "disc"}
        "pair": two detectors at opposite places that touch the rim from inside. "line":
        `n_views` of them, equally spaced, between these two places. "band": small detectors
        tiled over the strip within 0.15 disc radii of the line. "disc": tiled over the disc.
    disc : Disc
        Bright-field disc: centre (x, y) and radius in px.
    azimuth : float
        Azimuth of the Kikuchi line in detector axes, degrees.
    radius : float, optional
        Half length of a detector along the line, px: its radius, or a slit's long semi-axis.
        Default: `default_radius`.
    n_views : int, optional
        Number of detectors along the line. Default: 2 for "pair", 5 for "line", as many as fit
        side by side for "band" and "disc".
    offset : float, default=0
        Distance of the line from the disc's centre along its normal (-sin, cos), px.

    Returns
    -------
    numpy.ndarray
        (V, 2) centres x, y in px. View 0 has the largest coordinate along the azimuth.

    Raises
    ------
    ValueError
        If the layout is unknown, a detector is larger than the disc, the offset leaves no room,
        or the number of views does not suit the layout.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> disc = SimpleNamespace(centre=(64.0, 64.0), radius=40.0)
    >>> layout_positions("pair", disc, azimuth=0.0)
    array([[92., 64.],
           [36., 64.]])
    """
    _check_layout(layout)
    big = float(disc.radius)
    if not (np.isfinite(big) and big > 0):
        raise ValueError(f"the disc's radius must be a positive number of px, not {disc.radius}")
    if not np.isfinite(azimuth):
        raise ValueError(f"azimuth must be a finite angle in degrees, not {azimuth}")
    small = default_radius(layout, disc) if radius is None else float(radius)
    if not 0 < small < big:
        raise ValueError(
            f"a detector radius of {small:g} px does not fit into a disc of {big:g} px: "
            "give a radius above 0 and below the disc's"
        )
    count = _views_along_line(layout, n_views, small, big)
    room = (big - small) ** 2 - offset**2
    if room <= 0:
        raise ValueError(
            f"an offset of {offset:g} px leaves no room for a detector of {small:g} px in a disc "
            f"of {big:g} px: use a smaller offset or radius"
        )
    along, across = _grid(layout, count, small, big, float(offset))
    theta = np.deg2rad(azimuth)
    line = np.array([np.cos(theta), np.sin(theta)])
    normal = np.array([-np.sin(theta), np.cos(theta)])
    return np.asarray(disc.centre, float) + along[:, None] * line + across[:, None] * normal


def _check_layout(layout: str) -> None:
    if layout not in DEFAULT_RADIUS:
        known = ", ".join(repr(name) for name in DEFAULT_RADIUS)
        raise ValueError(f"layout must be one of {known}, not {layout!r}")


def _views_along_line(layout: str, n_views: int | None, small: float, big: float) -> int:
    if n_views is None:
        fitting = 2 * int(np.floor((big - small) / (2 * small) + 1e-9)) + 1
        return {"pair": 2, "line": 5}.get(layout, fitting)
    whole = isinstance(n_views, Real) and not isinstance(n_views, bool | np.bool_)
    if not whole or not np.isfinite(n_views) or n_views != int(n_views) or n_views < 2:
        raise ValueError(f"n_views must be a whole number of at least 2, not {n_views!r}")
    count = int(n_views)
    if layout == "pair" and count != 2:
        raise ValueError(f'layout="pair" has 2 views, not {count}: use layout="line" for more')
    return count


def _grid(layout: str, count: int, small: float, big: float, offset: float):
    """Coordinates along and across the line of all detectors that lie inside the disc."""
    reach = np.sqrt((big - small) ** 2 - offset**2)
    if layout in ("pair", "line"):
        return np.linspace(reach, -reach, count), np.full(count, offset)
    # Where they are tiled, an odd number lies around the middle and all have one pitch.
    pitch = 2 * small
    columns = np.linspace(big - small, -(big - small), count)
    half = BAND_HALF_WIDTH * big if layout == "band" else 2 * big
    rows = int(np.floor(half / pitch - 1e-9))
    across = offset + pitch * np.arange(-rows, rows + 1)
    if columns.size % 2 and abs(columns[0] - columns[1]) < 1.5 * pitch:
        columns = pitch * np.arange(count // 2, -(count // 2) - 1, -1)
    along, across = (grid.ravel() for grid in np.meshgrid(columns, across, indexing="ij"))
    inside = np.hypot(along, across) <= big - small + 1e-6
    if not inside.any():
        raise ValueError("no detector lies inside the disc: use a smaller offset or radius")
    return along[inside], across[inside]


def slit_semi_axes(radius: float, aspect: float = 2.0) -> tuple[float, float]:
    """Semi-axes of the slit that has the area of a circle.

    Parameters
    ----------
    radius : float
        Radius of the circle, px.
    aspect : float, default=2
        Long over short axis. The longer, the closer the two views of a pair come together.

    Returns
    -------
    tuple of float
        Semi-axis along the Kikuchi line and across it, px.

    Raises
    ------
    ValueError
        If the radius is not positive or the aspect is below 1.

    Examples
    --------
    >>> slit_semi_axes(10.0, aspect=4.0)
    (20.0, 5.0)
    """
    if not (radius > 0 and aspect >= 1):
        raise ValueError(
            f"a slit needs a positive radius and an aspect of at least 1, not {radius}, {aspect}"
        )
    root = float(np.sqrt(aspect))
    return float(radius) * root, float(radius) / root


def detector_masks(
    shape: tuple[int, int],
    centres: ArrayLike,
    radius: float,
    kind: Literal["circle", "slit"] = "circle",
    azimuth: float = 0.0,
    semi_axes: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Masks of circular or slit-shaped detectors with anti-aliased edges.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of a diffraction pattern.
    centres : array_like
        (V, 2) centres x, y in px.
    radius : float
        Radius in px; for a slit the radius of the circle of the same area.
    kind : {"circle", "slit"}
        A slit is an ellipse whose long axis lies along the Kikuchi line (perpendicular to g):
        it averages over less of the rocking curve than a circle of its area.
    azimuth : float, default=0
        Direction of a slit's long axis in degrees; circles ignore it.
    semi_axes : tuple of float, optional
        Semi-axes of a slit along and across the azimuth in px. Default: `slit_semi_axes`.

    Returns
    -------
    numpy.ndarray
        (V, H, W) float32, the part of each pixel that lies in the detector, 0 to 1. Round them
        (``masks >= 0.5``) to count whole pixels.

    Raises
    ------
    ValueError
        If a detector lies outside the pattern or a number makes no sense.

    Examples
    --------
    >>> masks = detector_masks((64, 64), [[40, 32], [24, 32]], radius=5.0)
    >>> masks.shape, round(float(masks[0].sum()), 1)
    ((2, 64, 64), 78.5)
    """
    height, width = check_shape(shape)
    centres = _check_centres(centres)
    if kind == "circle":
        axes = (float(radius), float(radius))
    elif kind == "slit":
        axes = slit_semi_axes(radius) if semi_axes is None else tuple(map(float, semi_axes))
    else:
        raise ValueError(
            f'kind must be "circle" or "slit", not {kind!r}; segments come from segment_masks'
        )
    if len(axes) != 2 or not all(np.isfinite(a) and a > 0 for a in axes):
        raise ValueError(f"the detector's size must be positive, not {axes} px")
    masks = np.zeros((len(centres), height, width), np.float32)
    for mask, centre in zip(masks, centres, strict=True):
        _draw_ellipse(mask, centre, axes, np.deg2rad(azimuth))
        if not mask.any():
            raise ValueError(
                f"the detector at x={centre[0]:.1f}, y={centre[1]:.1f} px lies outside the "
                f"pattern of {width} x {height} px: check the disc's centre"
            )
    return masks


def check_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a pattern as two integers, or a ValueError if they are not that."""
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape must be (rows, columns) of a pattern, not {tuple(shape)}")
    return int(shape[0]), int(shape[1])


def _check_centres(centres: ArrayLike) -> NDArray[np.float64]:
    array = np.atleast_2d(np.asarray(centres, float))
    if array.ndim != 2 or array.shape[1] != 2 or len(array) == 0:
        raise ValueError(f"positions must be a list of (x, y) in px, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("positions must be finite numbers of px")
    return array


def _draw_ellipse(mask: NDArray, centre: NDArray, axes: tuple[float, float], angle: float) -> None:
    """Add an ellipse's coverage to a mask; only the pixels that its rim may cross are sampled."""
    reach = max(axes) + 1
    first = np.maximum(np.floor(centre - reach).astype(int), 0)
    last = np.minimum(np.ceil(centre + reach).astype(int) + 1, mask.shape[::-1])
    if (last <= first).any():
        return
    y, x = np.mgrid[first[1] : last[1], first[0] : last[0]].astype(float)
    cosine, sine = np.cos(angle), np.sin(angle)

    def scaled_radius(dx, dy):
        return np.hypot((cosine * dx + sine * dy) / axes[0], (cosine * dy - sine * dx) / axes[1])

    x -= centre[0]
    y -= centre[1]
    radius = scaled_radius(x, y)
    coverage = (radius < 1).astype(np.float32)
    # A pixel's corner is 0.71 px from its centre, at most 0.71 / short semi-axis in these units.
    rim = np.abs(radius - 1) * min(axes) < 0.75
    steps = (np.arange(_SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
    dx, dy = (grid.ravel() for grid in np.meshgrid(steps, steps))
    samples = scaled_radius(x[rim][:, None] + dx, y[rim][:, None] + dy) < 1
    coverage[rim] = samples.mean(axis=1)
    mask[first[1] : last[1], first[0] : last[0]] += coverage


def _light(shape: tuple[int, int], disc: DiscLike, mean_pattern: ArrayLike | None) -> NDArray:
    """Light of the bright-field disc in each pixel, (H, W)."""
    if mean_pattern is None:
        return detector_masks(shape, [disc.centre], disc.radius)[0].astype(float)
    mean = np.asarray(mean_pattern, float)
    if mean.shape != shape:
        raise ValueError(f"the mean pattern has shape {mean.shape}, the masks {shape}")
    # The rim is in the pattern: with a mask of the disc on top it would count twice.
    y, x = np.ogrid[: shape[0], : shape[1]]
    near = np.hypot(x - disc.centre[0], y - disc.centre[1]) <= disc.radius + _RIM
    return np.where(near & np.isfinite(mean), mean, 0).clip(min=0)


def incidence_of(
    masks: ArrayLike,
    disc: DiscLike,
    mean_pattern: ArrayLike | None = None,
    mrad_per_px: float = 1.0,
) -> NDArray[np.float64]:
    """Incidence of each detector: the centroid of what it sees of the disc.

    A detector that the rim clips sees a centroid further in than its nominal centre, and so does
    one over an unevenly lit part.

    Parameters
    ----------
    masks : array_like
        (V, H, W) detector masks.
    disc : Disc
        Bright-field disc: centre (x, y) and radius in px.
    mean_pattern : array_like, optional
        (H, W) mean pattern; its values weight the centroid, up to 3 px beyond the disc's radius,
        as the pattern itself falls off at the rim. Default: an even disc.
    mrad_per_px : float, default=1
        Scale of the pattern, the semi-angle of convergence over the disc's radius.

    Returns
    -------
    numpy.ndarray
        (V, 2) incidence in mrad in detector axes, relative to the disc's centre.

    Raises
    ------
    ValueError
        If a detector sees nothing of the disc or shapes differ.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> disc = SimpleNamespace(centre=(32.0, 32.0), radius=20.0)
    >>> masks = detector_masks((64, 64), [[44, 32], [20, 32]], radius=6.0)
    >>> incidence_of(masks, disc, mrad_per_px=0.5).round(3) + 0.0
    array([[ 6.,  0.],
           [-6.,  0.]])
    """
    masks = np.asarray(masks)
    if masks.ndim != 3:
        raise ValueError(f"masks must be (views, rows, columns), not of shape {masks.shape}")
    light = _light(masks.shape[1:], disc, mean_pattern)
    seen = np.einsum("vyx,yx->v", masks, light)
    if (seen <= 0).any():
        blind = np.flatnonzero(seen <= 0).tolist()
        raise ValueError(
            f"detectors {blind} see nothing of the bright-field disc: move them inside it"
        )
    x = np.einsum("vyx,yx,x->v", masks, light, np.arange(masks.shape[2]), optimize=True)
    y = np.einsum("vyx,yx,y->v", masks, light, np.arange(masks.shape[1]), optimize=True)
    centroids = np.stack([x, y], axis=1) / seen[:, None]
    return (centroids - np.asarray(disc.centre, float)) * float(mrad_per_px)
