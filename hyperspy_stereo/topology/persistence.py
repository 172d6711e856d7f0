"""Persistent homology of images: diagrams of births and deaths, and their pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.checks import as_diagram

__all__ = ["Pruned", "diagrams", "lives", "prune", "shorten"]


@dataclass(frozen=True)
class Pruned:
    """A diagram without its short-lived classes, and what that can change.

    Attributes
    ----------
    diagram : ndarray of shape (n, 2)
        What was kept.
    removed : ndarray of shape (m, 2)
        What was left out.
    """

    diagram: np.ndarray
    removed: np.ndarray

    @property
    def bottleneck_bound(self) -> float:
        """Greatest bottleneck distance to the whole diagram: half the longest life left out."""
        return float(lives(self.removed).max(initial=0.0)) / 2

    def wasserstein_bound(self, order: float = 1.0) -> float:
        """Greatest Wasserstein distance (order p, Euclidean ground) to the whole diagram.

        Each class that is left out can be matched to its nearest point of the diagonal, at its
        life / sqrt(2): the p-norm of these.
        """
        return float(np.sum((lives(self.removed) / np.sqrt(2)) ** order) ** (1 / order))


def diagrams(images: Sequence[ArrayLike], dimensions: Sequence[int] = (0, 1)) -> list:
    """Persistence diagrams of the sublevel sets of images.

    Pixels are the cells of highest dimension of a cubical complex: pixels that touch by a corner
    are joined, as line pixels should be, and holes are closed by 4-neighbours.

    Parameters
    ----------
    images : sequence of array_like, each (H, W) or (D, H, W)
        Filtrations, finite.
    dimensions : sequence of int, default (0, 1)
        0 counts pieces, 1 rings, 2 (volumes) cavities.

    Returns
    -------
    list of list of ndarray of shape (n, 2)
        For each image and each dimension the births and deaths, without classes of no duration.
        The class that never dies (the whole) is given the maximum of the image as its death: that
        is as stable as the image itself, and needs no infinite numbers. A constant image has an
        empty diagram.

    Raises
    ------
    TypeError, ValueError
        If an image holds no finite real numbers, is not 2-D or 3-D, or has no pixel.

    Notes
    -----
    Computed by ``gudhi.sklearn.cubical_persistence.CubicalPersistence`` over Z/11; diagrams of
    pictures by its special algorithm for rectangles. It lets other threads run meanwhile.

    Examples
    --------
    >>> ring = np.ones((5, 5))
    >>> ring[1:4, 1:4] = 0
    >>> ring[2, 2] = 3
    >>> [d.tolist() for d in diagrams([ring])[0]]
    [[[0.0, 3.0]], [[0.0, 3.0]]]
    """
    from gudhi.sklearn.cubical_persistence import CubicalPersistence

    arrays = [_image(image) for image in images]
    model = CubicalPersistence(homology_dimensions=list(dimensions)).fit(arrays)
    found = model.transform(arrays)
    return [
        [_finite(d, float(array.max())) for d in pair]
        for pair, array in zip(found, arrays, strict=True)
    ]


def lives(diagram: np.ndarray) -> np.ndarray:
    """Duration of each class, death minus birth.

    Parameters
    ----------
    diagram : ndarray of shape (n, 2)
        Births and deaths.

    Returns
    -------
    ndarray of shape (n,)
    """
    return diagram[:, 1] - diagram[:, 0]


def prune(diagram: ArrayLike, least: float) -> Pruned:
    """Leave out classes that live shorter than a limit.

    Parameters
    ----------
    diagram : array_like of shape (n, 2)
        Births and deaths, finite.
    least : float
        Shortest life that is kept, in the unit of the filtration; 0 keeps all.

    Returns
    -------
    Pruned
        With bounds of the error: less than ``least / 2`` in the bottleneck distance.

    Raises
    ------
    ValueError
        If the diagram is none, or the limit negative or not finite.

    Examples
    --------
    >>> pruned = prune([[0, 5], [1, 1.5]], least=1)
    >>> pruned.diagram.tolist(), pruned.bottleneck_bound
    ([[0.0, 5.0]], 0.25)
    """
    diagram = as_diagram(diagram)
    if not (np.isfinite(least) and least >= 0):
        raise ValueError(f"least must be a finite length of life, 0 or more; got {least!r}.")
    kept = lives(diagram) >= least
    return Pruned(diagram[kept], diagram[~kept])


def shorten(diagram: ArrayLike, longest: float) -> np.ndarray:
    """Let no class live longer than a limit, so that no place of birth counts more than others.

    Parameters
    ----------
    diagram : array_like of shape (n, 2)
        Births and deaths, finite.
    longest : float
        Longest life, in the unit of the filtration; infinite changes nothing.

    Returns
    -------
    ndarray of shape (n, 2)
        Deaths at most `longest` after births. No bottleneck distance grows by it.

    Raises
    ------
    ValueError
        If the diagram is none, or the limit not above 0.

    Examples
    --------
    >>> shorten([[0, 5], [1, 1.5]], longest=2).tolist()
    [[0.0, 2.0], [1.0, 1.5]]
    """
    diagram = as_diagram(diagram)
    if not longest > 0:
        raise ValueError(f"longest must be a length of life above 0; got {longest!r}.")
    return np.column_stack([diagram[:, 0], np.minimum(diagram[:, 1], diagram[:, 0] + longest)])


def _image(image: ArrayLike) -> np.ndarray:
    array = np.asarray(image)
    if array.dtype.kind not in "buif":
        raise TypeError(f"an image must hold real numbers, got dtype {array.dtype}.")
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            f"an image must be (H, W) or (D, H, W) with at least one pixel, got {array.shape}."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(
            "an image holds NaN or infinite values, which have no place in an order of pixels: "
            "replace them first, for example by its maximum."
        )
    return np.ascontiguousarray(array, dtype=float)


def _finite(diagram: ArrayLike, last: float) -> np.ndarray:
    """Give the whole its death, drop what has no duration, and sort: one form for equal content."""
    diagram = np.array(diagram, dtype=float).reshape(-1, 2)
    diagram[np.isinf(diagram[:, 1]), 1] = last
    diagram = diagram[diagram[:, 1] > diagram[:, 0]]
    return diagram[np.lexsort(diagram.T)]
