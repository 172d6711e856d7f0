"""Disparity of the lines of a pair by the published network."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperspy_stereo.matching.inputs import check_inputs
from hyperspy_stereo.matching.scm.refine import refine_disparity

if TYPE_CHECKING:
    from hyperspy_stereo.matching.scm.network import SCMNet

__all__ = ["load_network", "raw_disparity", "scm_disparity"]


def scm_disparity(
    images: ArrayLike, masks: ArrayLike, weights: str | Path | SCMNet | None = None
) -> tuple[NDArray, NDArray]:
    """Disparity on the lines of the left view, as the published method finds it.

    The network gives every pixel of the left mask a distribution of disparities; its mean is
    then refined to the nearest detected pixel of the right view.

    Parameters
    ----------
    images : (2, H, W) array of float
        Left and right view; corresponding features in the same row.
    masks : (2, H, W) array of bool
        Detected lines of both views.
    weights : str, Path or SCMNet, optional
        Name or file of weights, or a network. Default: ``"scm"``, the reduced network that comes
        with the package.

    Returns
    -------
    disparity : (H, W) float32 ndarray
        x_right - x_left in px of the left view, NaN off its mask.
    sigma : (H, W) float32 ndarray
        Standard deviation of the distribution before refinement in px, NaN off the mask.

    Raises
    ------
    ValueError
        For arrays of other shapes, values that are not finite, or bad weights.

    See Also
    --------
    raw_disparity : without refinement.
    hyperspy_stereo.matching.match_views : the curve-aware matcher, which is faster and better.

    References
    ----------
    O. Altingövde et al., Ultramicroscopy 234 (2022) 113460.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.matching.scm import SCMNet
    >>> images = np.random.default_rng(0).normal(size=(2, 40, 50))
    >>> masks = images > 1
    >>> network = SCMNet(channels=2, max_disparity=8, hourglasses=1)  # random: no real matches
    >>> disparity, sigma = scm_disparity(images, masks, network)
    >>> bool((np.isfinite(disparity) == masks[0]).all()), bool(np.nanmin(sigma) >= 0)
    (True, True)
    """
    if np.ndim(images) != 3 or len(images) != 2:
        raise ValueError(
            f"images has the shape {np.shape(images)}; the network needs the images and masks of "
            "two views, (2, H, W). For more views call hyperspy_stereo.matching.match_views."
        )
    images, masks, _, _ = check_inputs(images, masks, None, None)
    disparity, sigma = raw_disparity(images, masks[0], weights)
    return refine_disparity(disparity, masks[1]), sigma


def raw_disparity(
    images: ArrayLike, mask: ArrayLike, weights: str | Path | SCMNet | None = None
) -> tuple[NDArray, NDArray]:
    """Disparity on a mask of the left view before refinement.

    Parameters
    ----------
    images : (2, H, W) array of float
        Left and right view.
    mask : (H, W) array of bool
        Where the disparity is wanted, in the left view.
    weights : str, Path or SCMNet, optional
        See `scm_disparity`.

    Returns
    -------
    disparity, sigma : (H, W) float32 ndarray
        Mean and standard deviation of the distribution in px, NaN off the mask.

    Raises
    ------
    ValueError
        If images and mask do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.matching.scm import SCMNet
    >>> network = SCMNet(channels=2, max_disparity=8, hourglasses=1)
    >>> disparity, sigma = raw_disparity(np.zeros((2, 32, 32)), np.eye(32, dtype=bool), network)
    >>> disparity.shape
    (32, 32)
    """
    import torch

    from hyperspy_stereo.detection.normalise import normalised
    from hyperspy_stereo.matching.scm.network import SCMNet, moments

    images, mask = np.asarray(images, np.float32), np.asarray(mask, bool)
    if images.ndim != 3 or len(images) != 2 or mask.shape != images.shape[1:]:
        raise ValueError(
            f"images has the shape {images.shape} and mask {mask.shape}; (2, H, W) and (H, W) "
            "are needed."
        )
    disparity = np.full(mask.shape, np.nan, np.float32)
    sigma = disparity.copy()
    if not mask.any():
        return disparity, sigma
    network = weights if isinstance(weights, SCMNet) else load_network(weights)
    where = network.disparities.device
    views = np.stack([_padded(normalised(image)) for image in images])
    left, right = torch.from_numpy(views).to(where)[:, None]
    training = network.training
    network.eval()
    with torch.inference_mode():
        score = network.coarse(left, right)[-1]
        rows, columns = torch.from_numpy(mask).to(where).nonzero(as_tuple=True)
        scores = network.scores_at(score, (torch.zeros_like(rows), rows, columns))
        mean, variance = moments(scores, network.disparities)
    network.train(training)
    disparity[mask], sigma[mask] = mean.cpu().numpy(), variance.sqrt().cpu().numpy()
    return disparity, sigma


def load_network(weights: str | Path | None = None) -> SCMNet:
    """The network of a file of weights, ready for inference.

    Parameters
    ----------
    weights : str or Path, optional
        Name of weights that come with the package, or a file. Default: ``"scm"``.

    Returns
    -------
    SCMNet

    Raises
    ------
    ValueError
        If there are no such weights, or they are damaged or of another kind.
    """
    return _loaded("scm" if weights is None else str(weights))


@lru_cache(maxsize=2)
def _loaded(weights: str) -> SCMNet:
    from hyperspy_stereo.matching.scm.network import SCMNet
    from hyperspy_stereo.weights.loading import load_weights, restore

    state, info = load_weights(weights, "scm")
    network = SCMNet(**info["architecture"])
    restore(network, state, weights)  # half precision in the file becomes float32 here
    return network.eval()


def _padded(channels: NDArray, multiple: int = 16) -> NDArray:
    """Channels mirrored at the lower and right edges to a multiple of what the network needs."""
    grow = [(0, 0), *((0, -n % multiple) for n in channels.shape[1:])]
    return np.pad(channels, grow, mode="symmetric")
