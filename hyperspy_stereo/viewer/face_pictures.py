"""Views laid on the surfaces of the foil, where their rays leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.triangulation import projection_matrices
from hyperspy_stereo.viewer.anaglyph import stretch
from hyperspy_stereo.viewer.scene import Foil, Picture

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["face_pictures", "views_of"]

LARGEST = 512  # px of the longer side: a browser draws it some 700 px wide


def views_of(images: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Views as an array, and where they hold data.

    Parameters
    ----------
    images : StereoPair, DislocationMap with its images, or array of shape (V, H, W)
        The views that the lines were found in.

    Returns
    -------
    views : numpy.ndarray
        (V, H, W), float64.
    inside : numpy.ndarray or None
        (H, W) bool: False in the corners of turned views, which hold no data.

    Raises
    ------
    ValueError
        If there are no images in a map, or the array is not (V, H, W).
    """
    inside = None
    if hasattr(images, "_views_array"):
        inside = images._inside_scan()
        array = images.attached("images") if hasattr(images, "attached") else images._views_array()
        if array is None:
            raise ValueError(
                "These maps do not hold the images that they were made from: give the StereoPair "
                "or an array (views, H, W) as images."
            )
        images = array
    views = np.asarray(images, dtype=np.float64)
    if views.ndim != 3:
        raise ValueError(
            f"images is a StereoPair or an array (views, H, W); shape {views.shape} was given."
        )
    return views, inside


def face_pictures(
    network: DislocationNetwork,
    foil: Foil,
    views: ArrayLike,
    inside: ArrayLike | None = None,
) -> tuple[Picture, ...]:
    """The first view on the lower surface and the last one on the upper surface of a foil.

    Each pixel lies where its ray meets the surface: seen along that view's direction, every line
    covers its own image.

    Parameters
    ----------
    network : DislocationNetwork
        Gives incidences, geometry and pixel size.
    foil : Foil
        The depths of its surfaces.
    views : array-like of shape (V, H, W)
        As many as the network has incidences.
    inside : array-like of shape (H, W), optional
        False where nothing shall be drawn.

    Returns
    -------
    tuple of Picture
        At most two.

    Raises
    ------
    ValueError
        If the views are not those of the network.

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> network = DislocationNetwork([[9, 9, -50], [9, 9, 50]], [0, 0], image_shape=(20, 30),
    ...                              incidence=[[50, 0], [-50, 0]])
    >>> foil = Foil(np.array([[0, 0], [30, 0], [30, 20], [0, 20]]), -100.0, 100.0)
    >>> low, high = face_pictures(network, foil, np.zeros((2, 20, 30)))
    >>> (low.corners[0] - (-0.5, -0.5, -100)).round(2)  # 50 mrad x 100 px to the left
    array([-5.,  0.,  0.])
    """
    array = np.asarray(views, dtype=np.float64)
    count, shape = len(network.incidence), network.image_shape
    if not count or shape is None:
        raise ValueError(
            "This network does not know its views (their incidences and the shape of the images), "
            "so no image can be laid on it: make it by reconstruct()."
        )
    if array.shape != (count, *shape):
        raise ValueError(
            f"The network was made from {count} views of {shape[0]} x {shape[1]} px; images of "
            f"shape {array.shape} were given: give the pair that was reconstructed, after align()."
        )
    faces = (("low", 0, foil.low), ("high", count - 1, foil.high))
    matrices, shifts = projection_matrices(
        network.incidence, network.geometry, network.image_centre
    )
    hidden = np.zeros(shape, bool) if inside is None else ~np.asarray(inside, bool)
    pictures = []
    for side, view, depth in faces:
        rest = matrices[view][:, 2] * depth / network.pixel_size + shifts[view]
        rows, columns = shape
        pixels = np.array(
            [[-0.5, -0.5], [columns - 0.5, -0.5], [columns - 0.5, rows - 0.5], [-0.5, rows - 0.5]]
        )
        xy = np.linalg.solve(matrices[view][:, :2], (pixels - rest).T).T * network.pixel_size
        image, alpha = _smaller(stretch(np.where(hidden, np.nan, array[view])), ~hidden)
        corners = np.column_stack([xy, np.full(4, depth)])
        pictures.append(Picture(f"view {view}", side, image, alpha, corners))
    return tuple(pictures)


def _smaller(image: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over blocks of pixels, and the share of each that is shown; edges are kept."""
    image, shown = np.nan_to_num(image), shown.astype(np.float64)
    step = int(np.ceil(max(image.shape) / LARGEST))
    if step == 1:
        return image, shown
    rows, columns = (max(1, round(n / step)) for n in image.shape)

    def mean(array: np.ndarray) -> np.ndarray:
        for axis, n in ((0, rows), (1, columns)):
            edges = np.linspace(0, array.shape[axis], n + 1).round().astype(int)
            sums = np.add.reduceat(array, edges[:-1], axis=axis)
            width = np.diff(edges)
            array = sums / (width[:, None] if axis == 0 else width)
        return array

    return mean(image), mean(shown)
