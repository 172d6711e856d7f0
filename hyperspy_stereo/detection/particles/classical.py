"""The published ways to find particles: Hough circles, and threshold with contours.

Blur, Sobel edges and circular Hough transform (Duda & Hart, Commun. ACM 15 (1972) 11), or Otsu's
threshold (IEEE Trans. Syst. Man Cybern. 9 (1979) 62) and the regions above it, both as scikit-image
has them. They have thresholds and no errors: the sigma they report is a guess from the pixel size.
Their significance is that of the matched filter at the place, so that circles in noise can be told.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hyperspy_stereo.detection.particles.detect import TILE, Detections
from hyperspy_stereo.detection.particles.ground import background, noise_level
from hyperspy_stereo.detection.particles.profile import ParticleShape, template
from hyperspy_stereo.detection.particles.scale import find_shape, power
from hyperspy_stereo.detection.particles.spot_kernels import climbed

__all__ = ["contour_particles", "hough_particles"]


def hough_particles(
    image: NDArray,
    diameter: float | None = None,
    polarity: str = "auto",
    threshold: float = 0.4,
    blur: float = 1.5,
) -> Detections:
    """Find particles as circles: Gaussian blur, Sobel edges, circular Hough transform.

    Parameters
    ----------
    image : (H, W) ndarray
        One view.
    diameter : float, optional
        About, px; radii from 0.7 to 1.3 of half of it are tried. Found from the image by default.
    polarity : {"auto", "bright", "dark"}
        For the size and the height; circles are found for both.
    threshold : float
        Share of a circle's rim that must be edge, 0 to 1. Default 0.4.
    blur : float
        1-sigma of the Gaussian before the edges, px. Default 1.5.

    Returns
    -------
    Detections
        Centres in whole pixels.

    Raises
    ------
    TypeError, ValueError
        If the diameter is out of range, the polarity is unknown or an option is no number of 0 or
        more.
    """
    from skimage.feature import canny, peak_local_max
    from skimage.transform import hough_circle

    shape = find_shape(image, diameter, polarity)
    if shape is None:
        return Detections.none(noise_level(image))
    flat, noise = _flat(image, shape)
    blur, threshold = _option(blur, "blur"), _option(threshold, "threshold")
    low, high = max(2, round(0.7 * shape.radius)), max(3, round(1.3 * shape.radius))
    sizes = np.arange(low, high + 1)
    edges = canny(flat, sigma=blur)
    votes = hough_circle(edges, sizes)
    best = votes.max(axis=0)
    where = peak_local_max(
        best, min_distance=max(1, int(0.7 * shape.radius)), threshold_abs=threshold
    )
    rows, columns = where.T
    radius = sizes[votes[:, rows, columns].argmax(axis=0)].astype(float)
    height = ndimage.uniform_filter(flat, 3)[rows, columns]
    inside = height > 0
    return _found(where[inside, ::-1], radius[inside], height[inside], flat, noise, shape)


def contour_particles(
    image: NDArray,
    diameter: float | None = None,
    polarity: str = "auto",
    threshold: float | None = None,
    blur: float = 1.5,
) -> Detections:
    """Find particles as regions above a threshold; the centre is the region's centroid.

    Parameters
    ----------
    image, diameter, polarity, blur
        As for :func:`hough_particles`; the diameter decides which regions are too small.
    threshold : float, optional
        Above the background, in the unit of the image. Otsu's by default.

    Returns
    -------
    Detections
        Touching particles are one.

    Raises
    ------
    TypeError, ValueError
        If the diameter is out of range, the polarity is unknown or an option is no number of 0 or
        more.
    """
    from skimage.filters import threshold_otsu
    from skimage.measure import label, regionprops

    shape = find_shape(image, diameter, polarity)
    if shape is None:
        return Detections.none(noise_level(image))
    flat, noise = _flat(image, shape)
    blur = _option(blur, "blur")
    threshold = None if threshold is None else _option(threshold, "threshold")
    smooth = ndimage.gaussian_filter(flat, blur)
    level = threshold_otsu(smooth) if threshold is None else threshold
    regions = regionprops(label(smooth > level), intensity_image=smooth)
    least = 0.25 * np.pi * shape.radius**2
    regions = [r for r in regions if r.area >= least]
    where = np.array([r.centroid[::-1] for r in regions]).reshape(-1, 2)
    radius = np.array([r.equivalent_diameter_area / 2 for r in regions])
    height = np.array([r.intensity_max for r in regions])
    return _found(where, radius, height, flat, noise, shape)


def _option(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be 0 or more, got {value!r}.")
    return float(value)


def _flat(image: NDArray, shape: ParticleShape) -> tuple[NDArray[np.float32], float]:
    bright = shape.sign * np.asarray(image, dtype=np.float32)
    return bright - background(bright, int(TILE * shape.radius)), noise_level(bright)


def _found(
    where: NDArray,
    radius: NDArray,
    height: NDArray,
    flat: NDArray[np.float32],
    noise: float,
    shape: ParticleShape,
) -> Detections:
    # Half a pixel for the grid, and the noise of an edge averaged along the rim.
    sigma = 0.5 + noise / np.maximum(height, 1e-12) / np.sqrt(np.maximum(radius, 1))
    # Circles and regions know nothing of noise: the matched filter at their places does.
    kernel = template(shape)[0].astype(np.float32)
    places = np.rint(where).astype(np.int64).reshape(-1, 2)
    _, answer = climbed(np.ascontiguousarray(flat, dtype=np.float32), kernel, places, 1)
    return Detections(
        np.asarray(where, dtype=float),
        np.column_stack([sigma, sigma]),
        radius,
        height,
        answer / max(noise * power(shape), 1e-12),
        0.0,
        noise,
        shape,
    )
