"""Views taken to another scale, and maps of lines brought back."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage.morphology import skeletonize

__all__ = ["lines_back", "resized"]

FAINTEST = 0.1  # probability below which no centre line is drawn anew
COARSE = 0.75  # scale below which lines come back too wide, and are drawn anew


def resized(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The image on another grid over the same area, smoothed first where that is coarser.

    Parameters
    ----------
    image : (H, W) array of float
    shape : (int, int)
        Height and width to come out.

    Returns
    -------
    (height, width) float32

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.detection.resampling import resized
    >>> resized(np.arange(8.0)[None].repeat(8, 0), (4, 4))[0].round(1)
    array([0.7, 2.5, 4.5, 6.3], dtype=float32)
    """
    import torch
    from torch.nn.functional import interpolate

    if image.shape == tuple(shape):
        return np.asarray(image, np.float32)
    # Values far from zero lose their last digits in float32 sums; a view's offset says nothing.
    offset = float(np.median(image))
    given = torch.from_numpy(np.asarray(image - offset, np.float32))[None, None]
    found = interpolate(given, size=tuple(shape), mode="bilinear", antialias=True)
    return found[0, 0].numpy() + np.float32(offset)


def lines_back(line: np.ndarray, shape: tuple[int, int], factor: float) -> np.ndarray:
    """A map of lines 3 px wide at another scale, as one with lines 3 px wide at this scale.

    Parameters
    ----------
    line : (h, w) array of float in [0, 1]
        Probability of lines at the other scale.
    shape : (int, int)
        Height and width of the view.
    factor : float
        px at the other scale for each px of the view.

    Returns
    -------
    (height, width) float32
    """
    if factor > 1:
        # Averaged over larger pixels, a thin line would lose its probability.
        width = 2 * round((3 * factor - 3) / 2) + 1
        line = ndi.maximum_filter(line, width) if width > 1 else line
    line = np.clip(resized(line, shape), 0, 1)
    if factor >= COARSE:
        return line
    centre = skeletonize(line > FAINTEST)
    return np.where(ndi.binary_dilation(centre, np.ones((3, 3))), line, 0).astype(np.float32)
