"""Two masks compared through all filtrations: distances, contents and their relative form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.checks import as_mask
from hyperspy_stereo.topology.distances import content, relative, sliced_wasserstein
from hyperspy_stereo.topology.families import (
    FAMILIES,
    family_of,
    filtration_names,
    filtrations,
    least_lives,
    longest_lives,
)
from hyperspy_stereo.topology.persistence import diagrams, prune, shorten

__all__ = ["DIMENSIONS", "Comparison", "MaskTopology", "compare", "mask_topology", "total"]

#: Dimensions that are compared: pieces and rings.
DIMENSIONS = (0, 1)


@dataclass(frozen=True)
class MaskTopology:
    """Diagrams of a mask, computed once and compared often.

    Attributes
    ----------
    names : tuple of str
        Filtrations.
    diagrams : list of list of ndarray of shape (n, 2)
        Pruned and shortened diagram for each filtration and each of `DIMENSIONS`.
    content : ndarray of shape (F, 2)
        Distance of each from the empty diagram, in the unit of the filtration.
    removed : ndarray of shape (F, 2)
        The same of what was pruned.
    """

    names: tuple[str, ...]
    diagrams: list
    content: np.ndarray
    removed: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """Distances of two masks in each filtration and dimension.

    Attributes
    ----------
    names : tuple of str
        The F filtrations.
    distance : ndarray of shape (F, 2)
        Sliced Wasserstein distance, in the unit of the filtration.
    content : ndarray of shape (F, 2)
        Sum of the contents of both masks, in the unit of the filtration.
    error : ndarray of shape (F, 2)
        Greatest change of `distance` that the pruning can have made.
    """

    names: tuple[str, ...]
    distance: np.ndarray
    content: np.ndarray
    error: np.ndarray

    @cached_property
    def matrix(self) -> np.ndarray:
        """Relative distance in each filtration and dimension, (F, 2), 0 to about 1.

        The distance as a share of what its *family* holds in both dimensions together, so that
        the mean over a family is the relative distance of the whole family (`families`), and a
        rare class in one view of many does not count as much as all.
        """
        matrix = np.zeros(self.distance.shape)
        for rows in self._rows:
            distance = self.distance[rows].sum()
            if distance > 0:
                share = relative(distance, self.content[rows].sum(), 0)
                matrix[rows] = share * len(rows) * self.distance[rows] / distance
        return matrix

    @cached_property
    def families(self) -> np.ndarray:
        """Relative distance of each family and dimension, (4, 2).

        The sum over the two dimensions lies between 0 (equal) and 1 (one mask is empty).
        """
        return np.array([self.matrix[rows].mean(axis=0) for rows in self._rows])

    @cached_property
    def family_errors(self) -> np.ndarray:
        """Greatest change of either number of each row of `families` by the pruning, (4,).

        Of x = 2 d / (c + d), pruning changes d by at most e, the content of what was removed, and
        c by e; since d <= c, x changes by at most 2 e / (c + d).
        """
        bounds = np.ones(len(FAMILIES))
        for row, rows in enumerate(self._rows):
            whole = self.distance[rows].sum() + self.content[rows].sum()
            error = self.error[rows].sum()
            bounds[row] = min(2 * error / whole, 1.0) if whole > 0 else float(error > 0)
        return bounds

    @property
    def _rows(self) -> list[np.ndarray]:
        kinds = np.array([family_of(name) for name in self.names])
        return [np.flatnonzero(kinds == family) for family in FAMILIES]


def mask_topology(mask: ArrayLike, pixel_size: ArrayLike = 1.0) -> MaskTopology:
    """Diagrams of a mask in all filtrations.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W) or (D, H, W)
        True on lines. Empty and full masks have a defined topology: no class at all, and one
        piece that fills the frame.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.

    Returns
    -------
    MaskTopology

    Raises
    ------
    TypeError, ValueError
        If the mask or the pixel size is none.

    Examples
    --------
    >>> topology = mask_topology(np.eye(32))
    >>> len(topology.diagrams), topology.content.shape
    (15, (15, 2))
    """
    mask = as_mask(mask)
    names = filtration_names(mask.ndim)
    limits = zip(
        least_lives(mask.ndim, pixel_size), longest_lives(mask.ndim, pixel_size), strict=True
    )
    kept, held, removed = [], np.zeros((len(names), 2)), np.zeros((len(names), 2))
    # One filtration at a time: a volume has 35 of them, each eight times its size.
    images = filtrations(mask, pixel_size)
    for row, (image, (least, longest)) in enumerate(zip(images, limits, strict=True)):
        # A class that lives exactly a pixel must not be lost to the rounding of a distance.
        pruned = [prune(d, least * (1 - 1e-9)) for d in diagrams([image], DIMENSIONS)[0]]
        kept.append([shorten(p.diagram, longest) for p in pruned])
        held[row] = [content(diagram) for diagram in kept[-1]]
        removed[row] = [content(p.removed) for p in pruned]
    return MaskTopology(names, kept, held, removed)


def compare(first: MaskTopology, second: MaskTopology) -> Comparison:
    """Compare two masks, symmetrically.

    Parameters
    ----------
    first, second : MaskTopology
        Of masks of the same frame.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If one is of a picture and the other of a volume.

    Examples
    --------
    >>> a, b = mask_topology(np.eye(32)), mask_topology(np.zeros((32, 32)))
    >>> compare(a, a).families.sum(), compare(a, b).families.sum(axis=1).round(9).tolist()
    (np.float64(0.0), [1.0, 1.0, 1.0, 1.0])
    """
    if first.names != second.names:
        raise ValueError("a picture cannot be compared with a volume: give two of one kind.")
    distance = np.array(
        [
            [sliced_wasserstein(a, b) for a, b in zip(pair, other, strict=True)]
            for pair, other in zip(first.diagrams, second.diagrams, strict=True)
        ]
    )
    return Comparison(
        first.names, distance, first.content + second.content, first.removed + second.removed
    )


def total(comparisons: list[Comparison]) -> Comparison:
    """Several comparisons as one: distances and contents of sub-images added up.

    Parameters
    ----------
    comparisons : list of Comparison
        At least one, of the same filtrations.

    Returns
    -------
    Comparison
    """
    first = comparisons[0]
    sums = [
        np.sum([getattr(c, part) for c in comparisons], axis=0)
        for part in ("distance", "content", "error")
    ]
    return Comparison(first.names, *sums)
