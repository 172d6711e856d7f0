"""g(r): how much more often than by chance particles are at a distance from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.results.depth_blur import blur_matrix, sharpened
from hyperspy_stereo.results.depth_inverse import LogSpline, fitted_law
from hyperspy_stereo.results.first_peak import Peak, fitted_peak
from hyperspy_stereo.results.pair_counts import (
    expected_by_depth,
    expected_pairs,
    pair_counts,
    pairs_by_depth,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["CORRECTIONS", "Peak", "RadialDistribution", "radial_distribution"]

CORRECTIONS = ("slab", "none")
FEWEST = 10  # particles


@dataclass(frozen=True, eq=False)
class RadialDistribution:
    """g(r) with its error.

    Attributes
    ----------
    edges : (n + 1,) ndarray
        Of the bins, in `units`.
    counts : (n,) ndarray
        Pairs found in each bin.
    expected : (n,) ndarray
        Pairs of as many points at random in the same box.
    variance : (n,) ndarray
        Of the counts.
    units : str
        Of the distances.
    sigma_z : float
        Usual 1-sigma of a depth.
    thickness : float
        Of the slab.
    n_points : int
        Particles.
    correction : {"slab", "none"}
        What the expectation takes into account.
    overlap : float
        Distance across the beam below which particles hide each other in the views, in `units`.
    pairs, pairs_expected : ndarray, optional
        Pairs by distance across and along the beam, found and at random: see
        :mod:`~hyperspy_stereo.results.pair_counts`. From these :meth:`deconvolved` takes the blur
        back.
    law : LogSpline, optional
        What the counts were made of, after :meth:`deconvolved`.

    Examples
    --------
    >>> points = np.random.default_rng(0).uniform(0, 100, (400, 3))
    >>> g = radial_distribution(points, (100, 100, 100), 5.0, 40.0)
    >>> bool(np.all(np.abs(g.g[2:] - 1) < 4 * g.error[2:]))
    True
    """

    edges: np.ndarray
    counts: np.ndarray
    expected: np.ndarray
    variance: np.ndarray
    units: str = "px"
    sigma_z: float = 0.0
    thickness: float = np.inf
    n_points: int = 0
    correction: str = "slab"
    overlap: float = 0.0
    pairs: np.ndarray | None = None
    pairs_expected: np.ndarray | None = None
    law: LogSpline | None = None

    @property
    def r(self) -> np.ndarray:
        """(n,) middles of the bins."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def bin_width(self) -> float:
        """Of a bin."""
        return float(self.edges[1] - self.edges[0])

    @property
    def g(self) -> np.ndarray:
        """(n,) pairs found over pairs expected."""
        return self.counts / np.maximum(self.expected, 1e-300)

    @property
    def error(self) -> np.ndarray:
        """(n,) 1-sigma of g; where less than one pair was found, that of one pair."""
        return np.sqrt(np.maximum(self.variance, 1.0)) / np.maximum(self.expected, 1e-300)

    @property
    def potential(self) -> np.ndarray:
        """(n,) potential of mean force U(r) = -ln g(r), in kT; infinite where g is 0.

        Hansen & McDonald, Theory of Simple Liquids (2013), section 2.6. Equal to the potential
        between two particles only in a dilute suspension.
        """
        with np.errstate(divide="ignore"):
            return -np.log(self.g)

    @property
    def potential_error(self) -> np.ndarray:
        """(n,) 1-sigma of the potential, kT; infinite where no pair was found."""
        with np.errstate(divide="ignore"):
            return np.where(self.counts > 0, self.error / np.maximum(self.g, 1e-300), np.inf)

    def first_peak(self) -> Peak:
        """The first maximum that stands out, by a cubic through the logarithm of g around it.

        After :meth:`deconvolved` it is the maximum of the spline.

        Returns
        -------
        Peak
            NaN throughout if no bin is above 1 by three of its sigma.
        """
        g, error = self.g, self.error
        smooth = np.convolve(np.pad(g, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
        high = g > 1 + 3 * error
        if not high.any():
            return Peak(*[float("nan")] * 4)
        first = int(np.argmax(high))
        last = first
        # Until it falls to the half of its height: noise within a peak makes no new one.
        while last + 1 < len(g) and smooth[last + 1] > 1 + 0.5 * (
            smooth[first : last + 1].max() - 1
        ):
            last += 1
        top = first + int(np.argmax(smooth[first : last + 1]))
        if self.law is not None:
            return self.law.peak(self.edges[max(top - 2, 0)], self.edges[min(top + 3, len(g))])
        return fitted_peak(self.r, g, error, top)

    def deconvolved(self, sigma_z: float | None = None) -> RadialDistribution:
        """g(r) without the blur by the uncertainty of depths.

        From pairs by distance across and along the beam, where they were counted (see
        :func:`~hyperspy_stereo.results.depth_inverse.fitted_law`), else from the distances alone,
        which tell much less.

        Parameters
        ----------
        sigma_z : float, optional
            1-sigma of a depth, in `units`. By default the usual one of the particles.

        Returns
        -------
        RadialDistribution
            With sigma_z = 0. From distances alone its errors are a rough estimate, and sharp peaks
            stay too low.
        """
        sigma = self._checked(sigma_z)
        if sigma == 0:
            return self
        if self.pairs is None or self.pairs_expected is None:
            g = sharpened(self.counts, self.expected, self._blur(sigma), self.variance)
            ratio = np.where(self.g > 0, g / np.maximum(self.g, 1e-12), 1.0)
            error = self.error * np.maximum(ratio, 1.0)
            law = None
        else:
            law = fitted_law(self.pairs, self.pairs_expected, self.bin_width, sigma, self.overlap)
            g, error = self.g, self.error
            known = (self.r > self.overlap) & (self.r < law.end)
            g[known], error[known] = law.values(self.r[known])
        return replace(
            self,
            counts=g * self.expected,
            variance=(error * self.expected) ** 2,
            sigma_z=0.0,
            pairs=None,
            pairs_expected=None,
            law=law,
        )

    def blurred(self, sigma_z: float) -> RadialDistribution:
        """What would be found of this g(r) with a 1-sigma of `sigma_z` of every depth."""
        blur = self._blur(self._checked(sigma_z))
        blur = blur / np.maximum(blur.sum(axis=0), 1e-12)
        ratio = (blur @ self.counts) / np.maximum(blur @ self.expected, 1e-300)
        return replace(
            self,
            counts=ratio * self.expected,
            sigma_z=float(sigma_z),
            pairs=None,
            pairs_expected=None,
            law=None,
        )

    def depth_bias(self) -> dict[str, float]:
        """How the uncertainty of depths moves the first peak.

        Returns
        -------
        dict
            `position`: found less true, in `units`; `height`: found over true. Estimated by
            deconvolving and blurring again.
        """
        sharp = self.deconvolved()
        true, found = sharp.first_peak(), sharp.blurred(self.sigma_z).first_peak()
        return {
            "position": found.position - true.position,
            "height": found.height / true.height,
        }

    def _checked(self, sigma_z: float | None) -> float:
        sigma = self.sigma_z if sigma_z is None else float(sigma_z)
        if not sigma >= 0:
            raise ValueError(f"sigma_z is a 1-sigma, at least 0 {self.units}; {sigma_z!r} given.")
        return sigma

    def _blur(self, sigma: float) -> np.ndarray:
        thickness = self.thickness if np.isfinite(self.thickness) else 1e3 * self.edges[-1]
        return blur_matrix(self.edges, sigma, thickness)

    @classmethod
    def combine(cls, parts: Sequence[RadialDistribution]) -> RadialDistribution:
        """One g(r) of several fields of view: sums of pairs found and of pairs expected.

        Parameters
        ----------
        parts : sequence of RadialDistribution
            Of the same bins and units.

        Returns
        -------
        RadialDistribution

        Raises
        ------
        ValueError
            If there is none, or bins, units or corrections differ.
        """
        parts = list(parts)
        if not parts:
            raise ValueError("combine() needs at least one RadialDistribution.")
        first = parts[0]
        for part in parts[1:]:
            same = part.edges.shape == first.edges.shape and np.allclose(part.edges, first.edges)
            if not same or (part.units, part.correction) != (first.units, first.correction):
                raise ValueError(
                    "Fields of view are combined in the same bins: call radial_distribution() with "
                    "the same bin_width, r_max and correction for each. "
                    f"{first.bin_width:g} {first.units} up to {first.edges[-1]:g} and "
                    f"{part.bin_width:g} {part.units} up to {part.edges[-1]:g} were given."
                )
        points = np.array([p.n_points for p in parts], dtype=float)
        weights = points / max(points.sum(), 1)
        counted = all(p.pairs is not None and p.pairs_expected is not None for p in parts)
        return replace(
            first,
            counts=sum(p.counts for p in parts),
            expected=sum(p.expected for p in parts),
            variance=sum(p.variance for p in parts),
            sigma_z=float(np.sqrt(weights @ np.array([p.sigma_z**2 for p in parts]))),
            thickness=float(weights @ np.array([p.thickness for p in parts])),
            n_points=int(points.sum()),
            overlap=max(p.overlap for p in parts),
            pairs=sum(p.pairs for p in parts) if counted else None,
            pairs_expected=sum(p.pairs_expected for p in parts) if counted else None,
            law=None,
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Table of r, g, error, potential (kT), pairs found and expected."""
        import pandas as pd

        table = pd.DataFrame(
            {
                "r": self.r,
                "g": self.g,
                "error": self.error,
                "potential": self.potential,
                "counts": self.counts,
                "expected": self.expected,
            }
        )
        table.attrs["units"] = self.units
        return table

    def save(self, path: str | Path) -> Path:
        """Write the table as ``.csv``, with what it is about in lines that begin with ``#``."""
        path = Path(path)
        if path.suffix.lower() != ".csv":
            raise ValueError(f"A g(r) is written as .csv; {path.name!r} was given.")
        head = (
            f"# r in {self.units}; correction: {self.correction}; particles: {self.n_points}; "
            f"sigma_z: {self.sigma_z:g}; thickness: {self.thickness:g}\n"
        )
        path.write_text(head + self.to_dataframe().to_csv(index=False), encoding="utf-8")
        return path

    def plot(self, other: RadialDistribution | None = None, **kwargs: Any) -> Axes:
        """Draw g(r) with its error band, and a second one to compare.

        See :func:`hyperspy_stereo.viewer.particle_plots.plot_radial_distribution`.
        """
        from hyperspy_stereo.viewer.particle_plots import plot_radial_distribution

        return plot_radial_distribution([self] if other is None else [self, other], **kwargs)

    def __repr__(self) -> str:
        peak = self.first_peak()
        told = (
            f"first peak {peak.position:.4g} ± {peak.position_error:.1g} {self.units}, "
            f"g = {peak.height:.3g} ± {peak.height_error:.1g}"
            if np.isfinite(peak.position)
            else "no peak"
        )
        return (
            f"<RadialDistribution of {self.n_points} particles up to {self.edges[-1]:.4g} "
            f"{self.units}, {told}>"
        )


def radial_distribution(
    points: ArrayLike,
    box: ArrayLike,
    bin_width: float,
    r_max: float,
    correction: str = "slab",
    units: str = "px",
    sigma_z: float = 0.0,
    overlap: float = 0.0,
) -> RadialDistribution:
    """g(r) of points in a box.

    Parameters
    ----------
    points : array-like of shape (N, 3)
        All inside the box, or nearly so.
    box : array-like of shape (3,)
        Its sides; the third is the thickness of the slab.
    bin_width, r_max : float
        Width of a bin and largest distance, which is at most the smaller lateral side.
    correction : {"slab", "none"}
        "slab": every shell counts only as far as it lies in the box, by its analytic set
        covariance. "none": whole shells, which makes g fall with r in a thin slab.
    units, sigma_z, overlap
        For the result.

    Returns
    -------
    RadialDistribution

    Raises
    ------
    ValueError
        If there are fewer than ten points, or a length is out of range.
    """
    xyz = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    sides = np.asarray(box, dtype=np.float64)
    if len(xyz) < FEWEST:
        raise ValueError(
            f"g(r) needs at least {FEWEST} particles; there are {len(xyz)}. Combine fields of view "
            "by RadialDistribution.combine, or look for more particles with a larger false_alarms."
        )
    if correction not in CORRECTIONS:
        raise ValueError(f"correction must be one of {CORRECTIONS}; {correction!r} was given.")
    if not 0 < bin_width < r_max or not r_max <= min(sides[:2]) * (1 + 1e-9):
        raise ValueError(
            "bin_width and r_max must grow from 0 to the smaller side of the field "
            f"({min(sides[:2]):.4g} {units}); bin_width={bin_width!r} and r_max={r_max!r} given."
        )
    bins = int(np.ceil(r_max / bin_width - 1e-9))
    bins = min(bins, int(min(sides[:2]) / bin_width))
    edges = bin_width * np.arange(bins + 1)
    counts, variance = pair_counts(xyz, bin_width, bins)
    expected = expected_pairs(len(xyz), edges, sides, slab=correction == "slab")
    return RadialDistribution(
        edges,
        counts,
        expected,
        variance,
        units,
        float(sigma_z),
        float(sides[2]),
        len(xyz),
        correction,
        float(overlap),
        pairs_by_depth(xyz, bin_width, bins),
        expected_by_depth(len(xyz), bin_width, bins, sides, slab=correction == "slab"),
    )
