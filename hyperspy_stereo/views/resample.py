"""Turn the scan images so that parallax runs along rows."""

import numpy as np
from scipy import ndimage


def rectify(views: np.ndarray, azimuth_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotate views so that a direction of the scan becomes the rows of the images.

    The whole scan is kept: the canvas grows to hold the turned frame, and the corners are filled
    with a smooth continuation of the nearest values (never NaN, no streaks that look like lines).
    `inside_scan` tells the corners from the data.

    Parameters
    ----------
    views
        (V, H, W) images of the scan.
    azimuth_deg
        Direction in the scan that becomes +x of the result, degrees, atan2(dy, dx) with y down.
        Multiples of 90 only move pixels; 0 returns `views` itself.

    Returns
    -------
    rectified : (V, H2, W2) array
        Float of the input's precision (float64 for integers).
    to_scan : (2, 3) float64
        Affine matrix: rectified pixel (x, y, 1) to scan pixel (x, y).

    Raises
    ------
    ValueError
        If `views` is not (V, H, W), has NaN, or the azimuth is not a number.

    Notes
    -----
    Cubic spline interpolation, which keeps the contrast of fine lines; see P. Thevenaz, T. Blu and
    M. Unser, IEEE Trans. Med. Imaging 19 (2000) 739.

    Examples
    --------
    >>> turned, to_scan = rectify(np.random.default_rng(0).random((2, 20, 30)), 90.0)
    >>> turned.shape, to_scan @ (0, 0, 1)
    ((2, 30, 20), array([29.,  0.]))
    """
    views = np.asarray(views)
    _check(views, azimuth_deg)
    height, width = views.shape[1:]
    to_scan, shape = rectified_frame((height, width), azimuth_deg)
    if azimuth_deg % 360 == 0:
        return views, to_scan
    dtype = views.dtype if np.issubdtype(views.dtype, np.floating) else np.float64
    x, y = _scan_positions(to_scan, shape)
    inside = _within(x, y, (height, width))
    quarter = azimuth_deg % 90 == 0
    coordinates = np.stack([np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)])
    result = np.empty((len(views), *shape), dtype)
    for k, view in enumerate(views):
        image = view.astype(np.float64)
        order = 0 if quarter else 3
        turned = ndimage.map_coordinates(image, coordinates, order=order, mode="nearest")
        result[k] = turned if inside.all() else _with_smooth_corners(turned, inside)
    return result, to_scan


def inside_scan(
    to_scan: np.ndarray, shape: tuple[int, int], scan_shape: tuple[int, int]
) -> np.ndarray:
    """Tell which pixels of a rectified view, or of a part of one, lie inside the scan.

    Parameters
    ----------
    to_scan
        (2, 3) affine matrix: pixel (x, y, 1) of the view to scan pixel (x, y).
    shape
        (H2, W2) of the view.
    scan_shape
        (H, W) of the scan.

    Returns
    -------
    (H2, W2) bool
        True where the view holds data, False in its filled corners.

    Examples
    --------
    >>> inside_scan(np.eye(2, 3), (2, 4), (2, 3))[0]
    array([ True,  True,  True, False])
    """
    return _within(*_scan_positions(np.asarray(to_scan, float), shape), scan_shape)


def rectified_frame(
    scan_shape: tuple[int, int], azimuth_deg: float
) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the affine matrix to scan pixels and the shape (H2, W2) of a rectified view.

    Parameters
    ----------
    scan_shape
        (H, W) of the scan.
    azimuth_deg
        As given to `rectify`.

    Returns
    -------
    to_scan : (2, 3) float64
        Rectified pixel (x, y, 1) to scan pixel (x, y); centre goes to centre.
    shape : tuple of int
        Rows and columns of the canvas that holds the whole turned scan.
    """
    height, width = scan_shape
    c, s = np.cos(np.deg2rad(azimuth_deg)), np.sin(np.deg2rad(azimuth_deg))
    if azimuth_deg % 90 == 0:
        c, s = np.round(c), np.round(s)
    # pixel centres span width - 1; the tolerance keeps round-off from adding a row
    columns = int(np.ceil(abs(c) * (width - 1) + abs(s) * (height - 1) - 1e-6)) + 1
    rows = int(np.ceil(abs(s) * (width - 1) + abs(c) * (height - 1) - 1e-6)) + 1
    rotation = np.array([[c, -s], [s, c]])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = middle - rotation @ ((columns - 1) / 2, (rows - 1) / 2)
    return np.column_stack([rotation, offset]), (rows, columns)


def _check(views: np.ndarray, azimuth_deg: float) -> None:
    if views.ndim != 3 or min(views.shape) < 1:
        raise ValueError(
            f"rectify needs views (V, H, W); got shape {views.shape}. Add an axis in front of a "
            "single image: image[None]."
        )
    if not np.isfinite(azimuth_deg):
        raise ValueError(f"The azimuth must be a number of degrees; got {azimuth_deg}.")
    if not np.isfinite(views).all():
        raise ValueError(
            "The views have NaN or infinite pixels, which an interpolation would spread. Replace "
            "them first, for example by numpy.nan_to_num or by the median of the view."
        )


def _scan_positions(to_scan, shape) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(shape, dtype=float)
    x, y = np.tensordot(to_scan[:, :2], np.stack([columns, rows]), 1)
    return x + to_scan[0, 2], y + to_scan[1, 2]


def _within(x, y, scan_shape) -> np.ndarray:
    """Inside the scan, its outer half pixels included."""
    height, width = scan_shape
    edge = 0.5 + 1e-9
    return (x >= -edge) & (x <= width - 1 + edge) & (y >= -edge) & (y <= height - 1 + edge)


def _with_smooth_corners(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Fill the corners from blurred data: edge values alone would draw streaks there."""
    sigma = max(0.04 * min(image.shape), 2.0)
    weight = ndimage.gaussian_filter(inside.astype(float), sigma, mode="constant", truncate=6)
    blurred = ndimage.gaussian_filter(image * inside, sigma, mode="constant", truncate=6)
    known = weight > 1e-3
    local = blurred / np.maximum(weight, 1e-3)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.where(inside, image, local[tuple(nearest)])
