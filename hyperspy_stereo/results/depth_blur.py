"""What the uncertainty of depth does to distances between particles, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["blur_matrix", "sharpened"]

DIRECTIONS, ERRORS, PARTS = 48, 24, 3
FEWEST_ROUNDS, MOST_ROUNDS = 30, 600


def blur_matrix(edges: ArrayLike, sigma_z: float, thickness: float) -> NDArray:
    """Where pairs of each true distance are counted if depths have errors.

    A pair at distance r in direction u = cos(polar angle) is found at
    sqrt(r^2 (1 - u^2) + (r u + e)^2), with e normal of variance 2 sigma_z^2; directions are as
    frequent as a slab allows, in proportion to ``thickness - r |u|``.

    Parameters
    ----------
    edges : array-like of shape (n + 1,)
        Of the bins.
    sigma_z : float
        1-sigma of the depth of one particle, unit of the edges.
    thickness : float
        Of the slab.

    Returns
    -------
    numpy.ndarray
        (n, n), [found, true]; columns sum to 1, less what leaves the range.

    Examples
    --------
    >>> blur_matrix([0.0, 1.0, 2.0], 0.0, 10.0).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    edge = np.asarray(edges, dtype=np.float64)
    bins = len(edge) - 1
    u = (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    e, weight_e = np.polynomial.hermite_e.hermegauss(ERRORS)
    matrix = np.zeros((bins, bins))
    # Pairs from beyond the last bin come in as others leave: a margin of four sigma.
    for k in range(bins):
        for part in range(PARTS):
            r = edge[k] + (part + 0.5) / PARTS * (edge[k + 1] - edge[k])
            weight_u = np.maximum(thickness - r * u, 0.0)
            if not weight_u.any():
                weight_u = (u < 0.05).astype(float) + 1e-12
            found = np.sqrt(
                r * r * (1 - u**2)[:, None] + (r * u[:, None] + np.sqrt(2) * sigma_z * e) ** 2
            )
            weight = weight_u[:, None] * weight_e
            counts = np.histogram(found, edge, weights=weight)[0]
            matrix[:, k] += counts / weight.sum() / PARTS
    return matrix


def sharpened(
    counts: ArrayLike, expected: ArrayLike, matrix: NDArray, variance: ArrayLike | None = None
) -> NDArray:
    """g(r) without the blur of depth errors, by Richardson-Lucy iterations.

    W. H. Richardson, J. Opt. Soc. Am. 62 (1972) 55; L. B. Lucy, Astron. J. 79 (1974) 745. They
    keep g positive. They go on until the blurred result lies as near to the counts as their errors
    let one expect, and not further, where they would follow the noise (discrepancy principle, V. A.
    Morozov, Soviet Math. Dokl. 7 (1966) 414).

    Parameters
    ----------
    counts : array-like of shape (n,)
        Pairs found.
    expected : array-like of shape (n,)
        Pairs of points at random.
    matrix : (n, n) ndarray
        Of :func:`blur_matrix`.
    variance : array-like of shape (n,), optional
        Of the counts; the counts themselves by default.

    Returns
    -------
    numpy.ndarray
        (n,).
    """
    found, random = np.asarray(counts, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    # What leaves the range at its end would come back from beyond it if that were counted.
    whole = matrix / np.maximum(matrix.sum(axis=0), 1e-12)
    blurred = whole @ random
    target = found * blurred / np.maximum(random, 1e-12)
    spread = np.maximum(found if variance is None else np.asarray(variance), 1.0)
    g = np.ones_like(found)
    for k in range(MOST_ROUNDS):
        model = whole @ (random * g)
        misfit = ((target - model) ** 2 / spread).mean()
        if k >= FEWEST_ROUNDS and misfit < 1:
            break
        g = g * (whole.T @ np.where(model > 0, target / np.maximum(model, 1e-12), 0))
    return g
