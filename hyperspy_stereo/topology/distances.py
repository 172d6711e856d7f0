"""Distances between persistence diagrams, and their normalisation."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.checks import as_diagram

__all__ = [
    "DIRECTIONS",
    "EXACT_LIMIT",
    "betti_difference",
    "bottleneck",
    "content",
    "relative",
    "sliced_wasserstein",
    "wasserstein",
]

#: Directions of the sliced distance: 16 give it within a tenth of what 256 give, which take longer.
DIRECTIONS = 16
#: Classes of both diagrams together beyond which the exact distance takes gigabytes and minutes.
EXACT_LIMIT = 6000
#: Samples along a Betti curve.
BETTI_SAMPLES = 256


def wasserstein(first: ArrayLike, second: ArrayLike, order: float = 1.0) -> float:
    """Exact p-Wasserstein distance of two diagrams, with Euclidean ground distance.

    Parameters
    ----------
    first, second : array_like of shape (n, 2), (m, 2)
        Births and deaths, finite.
    order : float, default 1.0
        p, at least 1; with 1 all classes count by their life, with more the longest ones.

    Returns
    -------
    float
        In the unit of the filtration.

    Raises
    ------
    ValueError
        If a diagram is none, the order is below 1, or there are more than `EXACT_LIMIT` classes.

    Notes
    -----
    By ``gudhi.wasserstein`` with optimal transport from POT; cubic in the number of classes.

    Examples
    --------
    >>> wasserstein([[0, 4]], [[0, 5]])
    1.0
    """
    from gudhi.wasserstein import wasserstein_distance

    first, second = as_diagram(first, "first"), as_diagram(second, "second")
    if not (np.isfinite(order) and order >= 1):
        raise ValueError(f"order must be a finite number, 1 or more; got {order!r}.")
    _check_size(first, second)
    return float(wasserstein_distance(first, second, order=order, internal_p=2))


def bottleneck(first: ArrayLike, second: ArrayLike) -> float:
    """Bottleneck distance of two diagrams: the farthest any class has to move.

    Parameters
    ----------
    first, second : array_like of shape (n, 2), (m, 2)
        Births and deaths, finite.

    Returns
    -------
    float
        In the unit of the filtration; at most the greatest difference of the two images.

    Raises
    ------
    ValueError
        If a diagram is none, or there are more than `EXACT_LIMIT` classes.

    Notes
    -----
    Exact: the smallest r for which each class that lives longer than 2 r has a partner within r, by
    bisection over all distances and maximum matchings of SciPy. Both sides can be asked one after
    the other, because two matchings that cover some classes of either side can be joined into one
    (N. Mendelsohn and A. Dulmage, Canad. J. Math. 10 (1958) 517). ``gudhi.bottleneck_distance``
    (3.13) gives too much for some diagrams with classes of equal birth.

    Stability: D. Cohen-Steiner, H. Edelsbrunner and J. Harer, Discrete Comput. Geom. 37 (2007)
    103, main theorem. It holds with the death that `diagrams` gives to the whole.

    Examples
    --------
    >>> bottleneck([[0, 4], [1, 2]], [[0, 5]])
    1.0
    """
    first, second = as_diagram(first, "first"), as_diagram(second, "second")
    _check_size(first, second)
    to_diagonal = [np.diff(diagram, axis=1).ravel() / 2 for diagram in (first, second)]
    apart = np.abs(first[:, None] - second[None]).max(axis=2)
    values = np.unique(np.concatenate([[0.0], apart.ravel(), *to_diagonal]))
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        near = apart <= values[middle]
        bound = [life > values[middle] for life in to_diagonal]
        if _all_matched(near[bound[0]]) and _all_matched(near[:, bound[1]].T):
            high = middle
        else:
            low = middle + 1
    return float(values[low])


def _all_matched(near: np.ndarray) -> bool:
    """Whether each row can have a column of its own that is near."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if near.shape[0] > near.shape[1]:
        return False
    if not near.size:
        return near.shape[0] == 0
    return bool((maximum_bipartite_matching(csr_matrix(near), perm_type="column") >= 0).all())


def _check_size(first: np.ndarray, second: np.ndarray) -> None:
    if len(first) + len(second) > EXACT_LIMIT:
        raise ValueError(
            f"{len(first)} and {len(second)} classes are too many for the exact distance (at most "
            f"{EXACT_LIMIT} together): prune() the diagrams, or use sliced_wasserstein()."
        )


def sliced_wasserstein(first: ArrayLike, second: ArrayLike, directions: int = DIRECTIONS) -> float:
    """Sliced 1-Wasserstein distance of two diagrams: a metric that many classes do not slow.

    Parameters
    ----------
    first, second : array_like of shape (n, 2), (m, 2)
        Births and deaths, finite.
    directions : int, default 16
        Number of lines that the classes are projected on, at least 3.

    Returns
    -------
    float
        In the unit of the filtration. At most twice the exact distance (`wasserstein`, order 1):
        no projection is longer than what it is of, but with each pair of classes their places on
        the diagonal are paired too.

    Raises
    ------
    ValueError
        If a diagram is none or there are too few directions.

    Notes
    -----
    M. Carriere, M. Cuturi and S. Oudot, ICML (2017) 664, definition 3.1, by
    ``gudhi.representations``, which leaves out the last of the directions asked for.

    Examples
    --------
    >>> sliced_wasserstein([[0, 4]], [[0, 4]])
    0.0
    """
    from gudhi.representations.metrics import SlicedWassersteinDistance

    first, second = as_diagram(first, "first"), as_diagram(second, "second")
    if directions < 3:
        raise ValueError(f"directions must be at least 3 to tell diagrams apart; got {directions}.")
    if not len(first) and not len(second):
        return 0.0
    return float(SlicedWassersteinDistance(num_directions=int(directions))(first, second))


def content(diagram: ArrayLike, directions: int = DIRECTIONS) -> float:
    """Sliced distance of a diagram from the empty one: the sum of all lives, times a constant.

    Parameters
    ----------
    diagram : array_like of shape (n, 2)
        Births and deaths, finite.
    directions : int, default 16
        As for `sliced_wasserstein`.

    Returns
    -------
    float
        In the unit of the filtration.

    Examples
    --------
    >>> round(content([[0, 4], [1, 3]]) / content([[0, 1]]), 6)
    6.0
    """
    diagram = as_diagram(diagram)
    life = float((diagram[:, 1] - diagram[:, 0]).sum())
    return life * _content_per_life(int(directions))


@cache
def _content_per_life(directions: int) -> float:
    return sliced_wasserstein([[0.0, 1.0]], np.empty((0, 2)), directions)


def relative(distance: ArrayLike, first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Share of what two diagrams hold that is different: 0 for equal, 1 for one empty.

    Parameters
    ----------
    distance : array_like
        Between two diagrams, or sums of such distances over several filtrations.
    first, second : array_like of the same shape
        Distances of either from the empty diagram, summed likewise.

    Returns
    -------
    ndarray
        0 to 1; 0 where both are empty. Neither the size of the image nor the number of lines
        changes it where both change distance and content alike.

    Notes
    -----
    The Steinhaus transform 2 d(a, b) / (d(a, 0) + d(b, 0) + d(a, b)): a metric wherever d is one
    (M. and E. Deza, Encyclopedia of Distances, 4th ed. (2016), section 4.1).

    Examples
    --------
    >>> relative([0, 3, 1], [3, 3, 2], [3, 0, 3]).round(2).tolist()
    [0.0, 1.0, 0.33]
    """
    distance, first, second = np.broadcast_arrays(*np.float64([distance, first, second]))
    total = first + second + distance
    return np.divide(2 * distance, total, out=np.zeros(total.shape), where=total > 0)


def betti_difference(first: ArrayLike, second: ArrayLike) -> float:
    """Area between two Betti curves, as a share of the area under both.

    Parameters
    ----------
    first, second : array_like of shape (n, 2), (m, 2)
        Births and deaths, finite.

    Returns
    -------
    float
        0 (equal curves) to 1 (no overlap); 0 where both diagrams are empty. It counts how many
        classes there are at each value, not which.

    Examples
    --------
    >>> betti_difference([[0, 4]], [[0, 2]])  # doctest: +ELLIPSIS
    0.33...
    """
    from gudhi.representations import BettiCurve

    first, second = as_diagram(first, "first"), as_diagram(second, "second")
    both = np.vstack([first, second])
    if not len(both):
        return 0.0
    edges = np.linspace(both.min(), both.max(), BETTI_SAMPLES + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    curve = BettiCurve(predefined_grid=middles)
    a, b = (curve(d) if len(d) else np.zeros(BETTI_SAMPLES) for d in (first, second))
    total = float((a + b).sum())
    return float(np.abs(a - b).sum()) / total if total else 0.0
