"""Detectors as weighted incidences: their images are sums of images of single incidences.

The electrons of different incidences inside a detector add incoherently, so the image of a
detector is the integral of images over its area. Discs and slits are integrated by a lattice whose
nodes lie closest where the integrand changes most: across the Kikuchi line, where the excitation
error s - theta . g runs through the rocking curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

GOLDEN = 0.5 * (np.sqrt(5.0) - 1)
FEWEST_SPREAD = 12  # nodes; fewer lie on one line, across the fringes


@dataclass(frozen=True, eq=False)
class Samples:
    """Weighted incidences that stand for a detector.

    Attributes
    ----------
    incidence : (n, 2) ndarray
        mrad.
    weights : (n,) ndarray
        Sum 1.
    """

    incidence: np.ndarray
    weights: np.ndarray

    @property
    def centroid(self) -> np.ndarray:
        """(2,) mean incidence, mrad: the incidence of the detector's view."""
        return self.weights @ self.incidence


def point_samples(incidence: ArrayLike) -> Samples:
    """Return a detector of one incidence (mrad)."""
    return Samples(np.asarray(incidence, float).reshape(1, 2), np.ones(1))


def disc_samples(
    centre: ArrayLike,
    radius: float,
    g: ArrayLike,
    thickness: float,
    pixel_size: float = 1.0,
    shape: str = "disc",
    aspect: float = 2.0,
    max_samples: int = 96,
) -> Samples:
    """Weighted incidences of a round or slit-shaped detector.

    Parameters
    ----------
    centre : (2,) array_like
        Incidence of its middle, mrad.
    radius : float
        mrad; of a slit, that of the disc of the same area. 0 is a single incidence.
    g : (2,) or (3,) array_like
        Diffraction vector, 1/nm.
    thickness : float
        Of the foil, nm; with g it tells how many rocking fringes lie in the detector.
    pixel_size : float, default 1.0
        nm; there are samples enough along the Kikuchi line for the shift of views within the
        detector to be smooth at this scale.
    shape : {"disc", "slit"}
        A slit is an ellipse with its long axis along the Kikuchi line, perpendicular to g.
    aspect : float, default 2.0
        Long over short axis of the slit.
    max_samples : int, default 96
        3 or more. Above it the fringes are not resolved any more; their mean changes little. Fewer
        are faster and leave weak ghosts of fringes.

    Returns
    -------
    Samples
        The nodes are symmetric about the centre.

    Raises
    ------
    ValueError
        If the shape is unknown, the radius negative, the aspect below 1, or ``max_samples`` no
        whole number of at least 3.

    Notes
    -----
    Gauss-Chebyshev nodes of the second kind across the Kikuchi line, whose weight is the length of
    the chord (M. Abramowitz, I. Stegun, Handbook of Mathematical Functions (1972), 25.4); each
    lies at another place along the line, by multiples of the golden ratio (a lattice of rank 1,
    I. Sloan, S. Joe, Lattice Methods for Multiple Integration (1994)).

    Examples
    --------
    >>> detector = disc_samples((50, 0), 5.0, g=(0, 5), thickness=200)
    >>> (detector.centroid.round(6) + 0.0).tolist(), round(float(detector.weights.sum()), 9)
    ([50.0, 0.0], 1.0)
    """
    if shape not in ("disc", "slit"):
        raise ValueError(
            f'detector_shape must be "disc" or "slit", not {shape!r}; segments of a ring come '
            "from segment_views."
        )
    if not (np.isfinite(radius) and radius >= 0 and aspect >= 1):
        raise ValueError(
            f"a detector needs a radius of at least 0 mrad and an aspect of at least 1; got "
            f"{radius!r} and {aspect!r}."
        )
    _check_most(max_samples)
    if radius == 0:
        return point_samples(centre)
    stretch = np.sqrt(aspect) if shape == "slit" else 1.0
    across, along = radius / stretch, radius * stretch
    vector = np.asarray(g, float)[:2]
    size = float(np.linalg.norm(vector))
    unit = vector / size if size > 0 else np.array([0.0, 1.0])
    # One rocking fringe is 1 / thickness wide in s; a Gauss rule needs just over two nodes in each.
    fringes = 2e-3 * across * size * thickness
    shift = 2e-3 * along * thickness / 2
    # Every node has its own place across the line, where fringes are, and its own place along it,
    # where only parallax changes: n nodes then resolve n fringes, while a product of two rules
    # spends its nodes on repeating the same few places across.
    across_needed = np.ceil(2.4 * fringes) + 3
    along_needed = 4 * (np.ceil(shift / pixel_size) + 1) if shift > 0.1 * pixel_size else 1
    n = int(np.clip(max(across_needed, along_needed), 3, max_samples))
    angle = np.arange(1, n + 1) * np.pi / (n + 1)
    p, chord = np.cos(angle), np.sin(angle)
    weights = chord**2
    offset = (p * across)[:, None] * unit
    offset = offset + (_spread(p, chord) * along)[:, None] * np.array([-unit[1], unit[0]])
    return Samples(np.asarray(centre, float) + offset, weights / weights.sum())


def _spread(p: np.ndarray, chord: np.ndarray) -> np.ndarray:
    """Places along a disc of radius 1 for nodes at p, antisymmetric like them.

    They are even in each stretch of nodes, and their second moments are those of the disc.
    """
    n = len(p)
    if n < FEWEST_SPREAD:
        return np.zeros(n)
    half = 2 * ((np.arange(1, n // 2 + 1) * GOLDEN) % 1.0) - 1
    place = chord * np.concatenate([half, np.zeros(n % 2), -half[::-1]])
    weights = chord**2 / np.sum(chord**2)
    place -= p * (weights @ (place * p)) / (weights @ p**2)
    return place * np.sqrt(0.25 / (weights @ place**2))


def _check_most(max_samples: int) -> None:
    whole = isinstance(max_samples, int | np.integer) and not isinstance(max_samples, bool)
    if not whole or max_samples < 3:
        raise ValueError(
            f"max_samples={max_samples!r}: give a whole number of incidences, 3 or more; 96 "
            "resolves the fringes of most detectors."
        )


def deviation_samples(
    radius: float, g: ArrayLike, thickness: float, max_samples: int = 96
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted deviations of the excitation error within a round detector or cone of incidences.

    For views whose parallax comes from tilting: all rays of the detector are taken to see the foil
    from the same side, only with another excitation error.

    Parameters
    ----------
    radius : float
        mrad; 0 is a single incidence.
    g : (2,) or (3,) array_like
        Diffraction vector, 1/nm.
    thickness : float
        Of the foil, nm.
    max_samples : int, default 96
        See `disc_samples`.

    Returns
    -------
    deviations : (n,) ndarray
        1/nm, symmetric about 0.
    weights : (n,) ndarray
        Sum 1.

    Examples
    --------
    >>> deviations, weights = deviation_samples(5.0, g=(0, 5), thickness=100)
    >>> bool(np.abs(deviations).max() < 0.025), round(float(weights.sum()), 9)
    (True, 1.0)
    """
    # Infinite pixels: no parallax within the detector, so one node along the Kikuchi line will do.
    samples = disc_samples((0, 0), radius, g, thickness, np.inf, max_samples=max_samples)
    return -1e-3 * samples.incidence @ np.asarray(g, float)[:2], samples.weights


def segment_samples(
    inner: float, outer: float, azimuth: float, width: float, n_samples: int = 64
) -> Samples:
    """Weighted incidences of a segment of an annular detector.

    Parameters
    ----------
    inner, outer : float
        Radii, mrad, 0 <= inner < outer.
    azimuth : float
        Direction of the segment's middle, degrees, atan2(y, x) with y down.
    width : float
        Angle that it spans, degrees, above 0 and up to 180.
    n_samples : int, default 64
        Equal weights on a rank-1 lattice, which covers many rocking fringes evenly.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If the radii or angles make no segment.

    Notes
    -----
    The lattice steps by the golden ratio: H. Niederreiter, Random Number Generation and
    Quasi-Monte Carlo Methods (1992), chapter 5.

    Examples
    --------
    >>> segment_samples(20, 40, azimuth=90, width=90).centroid.round(0) + 0.0
    array([ 0., 28.])
    """
    if not (0 <= inner < outer and np.isfinite(outer)):
        raise ValueError(
            f"a segment needs radii 0 <= inner < outer in mrad; got inner={inner!r}, "
            f"outer={outer!r}."
        )
    if not (0 < width <= 180 and np.isfinite(azimuth)) or n_samples < 1:
        raise ValueError(
            f"a segment spans above 0 and up to 180 degrees with at least one sample; got "
            f"width={width!r}, azimuth={azimuth!r}, n_samples={n_samples!r}."
        )
    k = np.arange(n_samples)
    even = (k + 0.5) / n_samples
    golden = (0.5 + k * (np.sqrt(5) - 1) / 2) % 1
    radius = np.sqrt(inner**2 + even * (outer**2 - inner**2))
    # the lattice's own mean is taken out, so that the segment's centroid lies on its azimuth
    angle = np.deg2rad(azimuth + (golden - golden.mean()) * width)
    incidence = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return Samples(incidence, np.full(n_samples, 1 / n_samples))
