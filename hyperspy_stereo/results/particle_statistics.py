"""Numbers about how particles lie in space: neighbours, clusters, chains, fractal dimension."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

__all__ = [
    "chain_lengths",
    "cluster_labels",
    "contacts",
    "fractal_dimension",
    "nearest_neighbours",
    "slab_thickness",
    "usual_sigma",
]

FEWEST_CLUSTERS = 5  # for a fractal dimension
SMALLEST_CLUSTER = 3


def nearest_neighbours(points: ArrayLike) -> tuple[NDArray, NDArray[np.int64]]:
    """Distance to the nearest other point, and which it is.

    Parameters
    ----------
    points : array-like of shape (N, 3)
        One unit.

    Returns
    -------
    distance : numpy.ndarray
        (N,); infinite for a single point.
    which : numpy.ndarray
        (N,); -1 for a single point.

    Examples
    --------
    >>> nearest_neighbours([[0, 0, 0], [3, 0, 0], [4, 0, 0]])[0].tolist()
    [3.0, 1.0, 1.0]
    """
    xyz = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    if len(xyz) < 2:
        return np.full(len(xyz), np.inf), np.full(len(xyz), -1)
    distance, which = cKDTree(xyz).query(xyz, k=2)
    return distance[:, 1], which[:, 1].astype(np.int64)


def contacts(points: ArrayLike, reach: ArrayLike) -> sparse.csr_array:
    """Which particles touch: a symmetric graph with the distances of those that do.

    Parameters
    ----------
    points : array-like of shape (N, 3)
        One unit.
    reach : float or array-like of shape (N,)
        Two particles touch if their distance is at most the mean of their two reaches.

    Returns
    -------
    scipy.sparse.csr_array
        (N, N).

    Examples
    --------
    >>> contacts([[0, 0, 0], [3, 0, 0], [9, 0, 0]], 4.0).nnz
    2
    """
    xyz = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    count = len(xyz)
    far = np.broadcast_to(np.asarray(reach, dtype=np.float64), (count,))
    if count < 2:
        return sparse.csr_array((count, count))
    pairs = cKDTree(xyz).query_pairs(float(far.max()), output_type="ndarray")
    distance = np.linalg.norm(xyz[pairs[:, 0]] - xyz[pairs[:, 1]], axis=1)
    near = distance <= far[pairs].mean(axis=1)
    a, b, d = pairs[near, 0], pairs[near, 1], distance[near]
    # Zero would be no entry of a sparse graph.
    d = np.maximum(d, 1e-12)
    ends = (np.concatenate([a, b]), np.concatenate([b, a]))
    return sparse.csr_array((np.concatenate([d, d]), ends), shape=(count, count))


def cluster_labels(graph: sparse.csr_array) -> NDArray[np.int64]:
    """Number of the connected cluster of each particle, the largest cluster 0.

    Examples
    --------
    >>> cluster_labels(contacts([[9, 0, 0], [0, 0, 0], [3, 0, 0]], 4.0)).tolist()
    [1, 0, 0]
    """
    _, label = csgraph.connected_components(graph, directed=False)
    size = np.bincount(label)
    rank = np.empty(len(size), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    return rank[label] if len(label) else label.astype(np.int64)


def chain_lengths(graph: sparse.csr_array, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Particles along the longest of the shortest paths through each cluster.

    The diameter of the graph: for a chain the number of its particles, for a compact agglomerate
    far fewer.

    Parameters
    ----------
    graph : scipy.sparse.csr_array
        Of :func:`contacts`.
    labels : (N,) int ndarray
        Of :func:`cluster_labels`.

    Returns
    -------
    numpy.ndarray
        (clusters,).

    Examples
    --------
    >>> graph = contacts([[0, 0, 0], [3, 0, 0], [6, 0, 0], [20, 0, 0]], 4.0)
    >>> chain_lengths(graph, cluster_labels(graph)).tolist()
    [3, 1]
    """
    clusters = int(labels.max()) + 1 if len(labels) else 0
    out = np.ones(clusters, dtype=np.int64)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=clusters))
    for c, part in enumerate(np.split(order, ends[:-1]) if clusters else []):
        if len(part) < 2:
            break  # clusters are numbered by size
        inner = graph[part][:, part]
        start = int(np.argmax(csgraph.shortest_path(inner, unweighted=True, indices=0)))
        if len(part) > 400:  # all pairs would take long; two sweeps find a tree's diameter
            far = csgraph.shortest_path(inner, unweighted=True, indices=start)
        else:
            far = csgraph.shortest_path(inner, unweighted=True)
        out[c] = int(far.max()) + 1
    return out


def fractal_dimension(
    points: ArrayLike, labels: NDArray[np.int64], radius: float
) -> tuple[float, float]:
    """Mass-radius dimension of clusters and its 1-sigma.

    The slope of ln(number of particles) against ln(radius of gyration) over the clusters of three
    particles or more: S. R. Forrest & T. A. Witten, J. Phys. A 12 (1979) L109. A particle's own
    radius of gyration is included, which small clusters need.

    Parameters
    ----------
    points : array-like of shape (N, 3)
        One unit.
    labels : (N,) int ndarray
        Cluster of each.
    radius : float
        Of a particle, same unit.

    Returns
    -------
    dimension, error : float
        NaN if there are fewer than five such clusters, or all have one size.

    Examples
    --------
    >>> rods = [[[i * 2.0, 50.0 * n, 0] for i in range(n)] for n in range(3, 12)]
    >>> labels = np.repeat(np.arange(9), np.arange(3, 12))
    >>> value, _ = fractal_dimension(np.vstack(rods), labels, 0.0)
    >>> round(value, 1)
    1.0
    """
    xyz = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    size = np.bincount(labels) if len(labels) else np.zeros(0, int)
    large = np.flatnonzero(size >= SMALLEST_CLUSTER)
    if len(large) < FEWEST_CLUSTERS or len(np.unique(size[large])) < 2:
        return float("nan"), float("nan")
    middle = np.column_stack([np.bincount(labels, weights=c) for c in xyz.T]) / size[:, None]
    off = ((xyz - middle[labels]) ** 2).sum(axis=1)
    gyration = np.sqrt(np.bincount(labels, weights=off)[large] / size[large] + 0.6 * radius**2)
    x, y = np.log(size[large]), np.log(gyration)
    # Radii scatter for a given number, so the radius is regressed on the number and not reversed.
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True) if len(x) > 3 else (None, None)
    return float(1 / slope), float(np.sqrt(covariance[0, 0]) / slope**2)


def slab_thickness(z: ArrayLike, sigma: ArrayLike) -> tuple[float, float]:
    """Thickness of a slab that holds particles evenly in depth, and its 1-sigma.

    sqrt(12 (variance of z - mean variance of its errors)): unlike the distance between the
    outermost particles it does not grow with noise or with the number of particles. The error is
    that of a variance of N even numbers, whose kurtosis is 9/5.

    Parameters
    ----------
    z, sigma : array-like of shape (N,)
        Depths and their 1-sigma.

    Returns
    -------
    thickness, error : float
        NaN for fewer than three particles.

    Examples
    --------
    >>> round(float(slab_thickness(np.linspace(-10, 10, 1001), np.zeros(1001))[0]), 2)
    20.03
    """
    depth, error = np.asarray(z, dtype=np.float64), np.asarray(sigma, dtype=np.float64)
    if len(depth) < 3:
        return float("nan"), float("nan")
    own = max(depth.var(ddof=1) - float((error**2).mean()), 0.0)
    total = depth.var(ddof=1)
    thickness = np.sqrt(12 * own)
    if own == 0:
        return 0.0, float(np.sqrt(12 * total))
    relative = 0.5 * np.sqrt(0.8 / len(depth)) * total / own
    return float(thickness), float(thickness * relative)


def usual_sigma(sigma: ArrayLike) -> float:
    """Root of the mean square of the errors that are below twice the middle one.

    Some particles hide behind others and have errors many times larger: they are few, and a mean
    with them would be that of no particle.

    Examples
    --------
    >>> usual_sigma([1.0, 1.0, 1.0, 30.0])
    1.0
    """
    each = np.asarray(sigma, dtype=np.float64)
    if each.size == 0:
        return 0.0
    usual = each[each <= 2 * np.median(each)]
    return float(np.sqrt((usual**2).mean()))
