"""What the detector's network sees of a view: two channels without the view's own scale."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

__all__ = ["LIMIT", "WINDOW", "normalised"]

WINDOW = 31  # px, side of the square over which mean and standard deviation are local
FLOOR = 0.25  # of the whole view's standard deviation, below which no place is blown up
SAMPLED = 128  # px a side are enough for percentiles
LIMIT = 5.0  # both channels are clipped to this on either side


def normalised(image: np.ndarray) -> np.ndarray:
    """The two input channels of the detector, free of the view's brightness and contrast.

    The first channel tells a line from the ground beside it wherever the thickness or a bend
    contour changes that ground; the second keeps what is dark or bright in the whole view, which
    tells an empty or shadowed area from a flat one. Training and detection share this function.

    Parameters
    ----------
    image : (H, W) array of float
        One view, finite; any scale and offset.

    Returns
    -------
    (2, H, W) float32
        Channel 0: (image - mean) / standard deviation over 31 x 31 px, the deviation at least a
        quarter of the whole view's. Channel 1: (image - median) / (95th - 5th percentile). Both
        clipped to -5 ... 5, the second before the first is made of it, so that a hot pixel is no
        more than bright; zeros where the image is constant.

    Raises
    ------
    ValueError
        If the image is not 2D.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.detection.normalise import normalised
    >>> image = np.random.default_rng(0).normal(100, 5, (64, 64))
    >>> channels = normalised(image)
    >>> channels.shape, bool(np.allclose(channels, normalised(3 * image + 7), atol=1e-3))
    ((2, 64, 64), True)
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(
            f"The image has shape {image.shape}; one view (rows, columns) is needed. "
            "Normalise each view of a stack by itself."
        )
    step = max(1, int(min(image.shape) / SAMPLED))
    sample = image[::step, ::step]
    least, low, middle, high, most = np.percentile(sample, (0.1, 5, 50, 95, 99.9))
    # Lines of a drawing lie outside the 5th to 95th percentile and still count; hot pixels do not.
    scale = max(high - low, (most - least) / LIMIT) or np.ptp(image) / LIMIT
    result = np.zeros((2, *image.shape), np.float32)
    if not scale > 1e-7 * abs(middle):
        return result
    # Centred before squares are taken: float32 would lose a faint contrast on a large offset.
    result[1] = np.clip((image - middle) / scale, -LIMIT, LIMIT)
    mean = ndi.uniform_filter(result[1], WINDOW, mode="reflect")
    square = ndi.uniform_filter(result[1] ** 2, WINDOW, mode="reflect")
    floor = FLOOR * float(result[1].std(dtype=np.float64))
    deviation = np.sqrt(np.maximum(square - mean * mean, floor**2))
    result[0] = np.clip((result[1] - mean) / deviation, -LIMIT, LIMIT)
    return result
