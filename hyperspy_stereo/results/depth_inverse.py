"""g(r) from pairs by distance across and along the beam, when depths are uncertain.

Errors of depth move a pair along the beam only: how far it lies across is known. Counted by both,
pairs tell g(r) far better than their distances alone, from which the blur must be guessed back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline
from scipy.special import ndtr

from hyperspy_stereo.results.first_peak import Peak
from hyperspy_stereo.results.pair_counts import FINE

__all__ = ["LogSpline", "depth_weights", "fitted_law"]

ACROSS = 4  # places in a bin of the lateral distance at which the distance is taken
HALVES = 2  # parts of a bin of r in which g is taken as even
STIFFNESS = 0.075 * 2.0 ** np.arange(7)  # 1-sigma of second differences of ln g that are tried
LOOSER = 2.0  # times the likeliest of them, so that a peak is not flattened with the noise
MOST, FAR = 200, 20.0  # bins that are fitted, and errors of a distance that they reach at least
WEAK = 1e-2  # 1/1-sigma of a coefficient where there are no pairs at all
STEPS = 60  # of Newton's method, at most
LARGEST = 8.0  # of |ln g|
DRAWS = 300


@dataclass(frozen=True, eq=False)
class LogSpline:
    """ln g(r) as a cubic spline, with the uncertainty of its coefficients.

    Attributes
    ----------
    knots : (m + 4,) ndarray
        Unit of r.
    coefficients : (m,) ndarray
        Of the B-splines.
    covariance : (m, m) ndarray
        Of the coefficients.
    """

    knots: np.ndarray
    coefficients: np.ndarray
    covariance: np.ndarray

    @property
    def end(self) -> float:
        """Distance up to which it is known."""
        return float(self.knots[-4])

    def _basis(self, r: NDArray) -> NDArray:
        return BSpline.design_matrix(r, self.knots, 3).toarray()

    def values(self, r: ArrayLike) -> tuple[NDArray, NDArray]:
        """g and its 1-sigma at distances `r`."""
        basis = self._basis(np.asarray(r, dtype=np.float64))
        g = np.exp(np.clip(basis @ self.coefficients, -LARGEST, LARGEST))
        variance = np.einsum("ib,bc,ic->i", basis, self.covariance, basis)
        return g, g * np.sqrt(np.maximum(variance, 0.0))

    def peak(self, low: float, high: float) -> Peak:
        """The maximum between two distances, with errors from draws of the coefficients."""
        r = np.linspace(low, high, 400)
        basis = self._basis(r)
        curve = basis @ self.coefficients
        rng = np.random.default_rng(0)
        draws = rng.multivariate_normal(self.coefficients, self.covariance, DRAWS) @ basis.T
        place, height = r[draws.argmax(axis=1)], np.exp(draws.max(axis=1))
        # Of rare draws that run away the spread of the middle two thirds knows nothing.
        spread = [np.ptp(np.quantile(v, [0.16, 0.84])) / 2 for v in (place, height)]
        # A maximum within, where there is one: at an end it may go on rising, into what is unknown.
        inner = np.flatnonzero((curve[1:-1] >= curve[:-2]) & (curve[1:-1] > curve[2:])) + 1
        top = int(inner[curve[inner].argmax()]) if len(inner) else int(curve.argmax())
        return Peak(float(r[top]), float(spread[0]), float(np.exp(curve[top])), float(spread[1]))


def depth_weights(
    expected: NDArray, bin_width: float, sigma_z: float
) -> tuple[NDArray, NDArray, int]:
    """How many pairs to find by place for g = 1 at each distance.

    Parameters
    ----------
    expected : (n, FINE n) ndarray
        Pairs of points at random, without errors: by distance across the beam in n bins, and along
        it in bins FINE times finer.
    bin_width : float
        Of the n bins.
    sigma_z : float
        1-sigma of the depth of one particle, same unit.

    Returns
    -------
    weights : numpy.ndarray
        (n, m, k): for each bin across, each of m bins along that are as found, and each part of r;
        the last part is all beyond the range.
    r : numpy.ndarray
        (k - 1,) middles of the parts.
    along : int
        How many bins of `bin_width` one of the m is.
    """
    bins = len(expected)
    spread = np.sqrt(2) * sigma_z
    fine = bin_width / FINE * (np.arange(FINE * bins) + 0.5)
    # Finer than the errors the bins along the beam need not be; far up pairs come from beyond.
    along = max(1, int(0.4 * spread / bin_width))
    number = max(int((bins - 4 * spread / bin_width) // along), 1)
    edges = along * bin_width * np.arange(number + 1)
    if spread > 0:
        below = ndtr((edges[:, None] - fine) / spread) + ndtr((edges[:, None] + fine) / spread)
    else:
        below = (edges[:, None] > fine).astype(float)
    moved = np.diff(below, axis=0)
    parts = HALVES * bins
    weights = np.zeros((bins, number, parts + 1))
    at = np.arange(len(fine))
    for i in range(bins):
        for q in range(ACROSS):
            across = bin_width * (i + (q + 0.5) / ACROSS)
            part = np.hypot(across, fine) / bin_width * HALVES
            spot = np.zeros((len(fine), parts + 1))
            share = across / (bin_width * (i + 0.5)) / ACROSS
            spot[at, np.minimum(part.astype(int), parts)] = expected[i] * share
            weights[i] += moved @ spot
    return weights, bin_width / HALVES * (np.arange(parts) + 0.5), along


def fitted_law(
    counts: NDArray, expected: NDArray, bin_width: float, sigma_z: float, least: float = 0.0
) -> LogSpline:
    """g(r) by penalised maximum likelihood from pairs counted across and along the beam.

    ln g is a spline with a knot at each bin; its second differences are normal with a 1-sigma that
    fades with the square of the distance, as the order of a fluid does, and whose size the pairs
    themselves tell (the largest evidence in Laplace's approximation: I. J. Good & R. A.
    Gaskins, Biometrika 58 (1971) 255; D. J. C. MacKay, Neural Comput. 4 (1992) 415), and twice that
    is taken: what is best for the whole curve flattens its peak.

    Parameters
    ----------
    counts : (n, n) ndarray
        Pairs found, by distance across and along the beam.
    expected : (n, FINE n) ndarray
        As for :func:`depth_weights`.
    bin_width, sigma_z : float
        One unit.
    least : float
        Distance across the beam from where on pairs are used; nearer ones may hide each other.

    Returns
    -------
    LogSpline
        Its last knots may lie before the last bin.
    """
    counts, expected, bin_width = _manageable(counts, expected, bin_width, sigma_z)
    weights, r, along = depth_weights(expected, bin_width, sigma_z)
    bins, number, _ = weights.shape
    found = counts[:, : number * along].reshape(bins, number, along).sum(axis=2)
    used = bin_width * np.arange(bins) >= least - 1e-9
    model, seen = weights[used].reshape(-1, weights.shape[2]), found[used].ravel()
    some = model.sum(axis=1) > 0
    knots = bin_width * np.arange(-3, bins + 5)
    basis = BSpline.design_matrix(r, knots, 3).toarray()
    second = np.diff(np.eye(basis.shape[1]), 2, axis=0)
    start, tried = np.zeros(basis.shape[1]), []
    fading = _fading(counts, expected, bin_width * np.arange(len(second)), bin_width)

    def prior_of(stiffness: float) -> NDArray:
        return (second.T / (stiffness * fading) ** 2) @ second + WEAK**2 * np.eye(len(start))

    for stiffness in STIFFNESS:
        prior = prior_of(stiffness)
        fit = _newton(model[some], seen[some], basis, prior, start)
        start = fit[0]
        tried.append(fit[2])
        if len(tried) > 1 and tried[-1] < tried[-2]:
            break
    prior = prior_of(LOOSER * STIFFNESS[int(np.argmax(tried))])
    coefficients, hessian, _ = _newton(model[some], seen[some], basis, prior, start)
    return LogSpline(knots, coefficients, np.linalg.inv(hessian))


def _fading(counts: NDArray, expected: NDArray, r: NDArray, bin_width: float) -> NDArray:
    """How much structure to expect at distances `r`: all near the first neighbours, then less."""
    found, random = counts.sum(axis=1), expected.sum(axis=1)
    first = bin_width * (int(np.argmax((found - random) / np.sqrt(random + 1))) + 0.5)
    return np.minimum(1.0, (first / np.maximum(r, 1e-9)) ** 2)


def _manageable(
    counts: NDArray, expected: NDArray, bin_width: float, sigma_z: float
) -> tuple[NDArray, NDArray, float]:
    """Not many more than MOST bins: first the far ones go, where there is no blur to see."""
    near = max(MOST, int(np.ceil(FAR * np.sqrt(2) * sigma_z / bin_width)))
    keep = min(len(counts), near)
    factor = -(-keep // MOST)
    keep -= keep % factor
    n = keep // factor
    fewer = counts[:keep, :keep].reshape(n, factor, n, factor).sum(axis=(1, 3))
    hoped = expected[:keep, : FINE * keep].reshape(n, factor, FINE * n, factor).sum(axis=(1, 3))
    return fewer, hoped, factor * bin_width


def _newton(
    model: NDArray, seen: NDArray, basis: NDArray, prior: NDArray, start: NDArray
) -> tuple[NDArray, NDArray, float]:
    """Coefficients of the largest posterior, its second derivatives, and the log-evidence."""

    def expectation(c: NDArray) -> tuple[NDArray, NDArray]:
        g = np.exp(np.clip(basis @ c, -LARGEST, LARGEST))
        return g, model[:, :-1] @ g + model[:, -1] + 1e-9

    def loss(c: NDArray) -> float:
        mu = expectation(c)[1]
        return float((mu - seen * np.log(mu)).sum() + 0.5 * c @ prior @ c)

    c, now = start, loss(start)
    for _ in range(STEPS):
        g, mu = expectation(c)
        slope = model[:, :-1] @ (g[:, None] * basis)
        hessian = (slope.T / mu) @ slope + prior
        step = np.linalg.solve(hessian, slope.T @ (1 - seen / mu) + prior @ c)
        share = 1.0
        while share > 1e-4 and loss(c - share * step) >= now:
            share /= 2
        if share <= 1e-4:
            break
        c = c - share * step
        before, now = now, loss(c)
        if before - now < 1e-6 * max(abs(now), 1.0) * 1e-3:
            break
    g, mu = expectation(c)
    slope = model[:, :-1] @ (g[:, None] * basis)
    hessian = (slope.T / mu) @ slope + prior
    evidence = -now - 0.5 * np.linalg.slogdet(hessian)[1] + 0.5 * np.linalg.slogdet(prior)[1]
    return c, hessian, float(evidence)
