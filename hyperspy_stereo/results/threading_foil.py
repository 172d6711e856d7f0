"""The foil from the lines that thread it: its surfaces, its thickness, and so absolute depth.

Parallax measures differences of depth only. A line that threads the foil ends at both of its
surfaces: where several lines end at the same two depths, the surfaces are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["FoilSurfaces", "foil_from_threading_lines"]

RIM = 6.0
"""px from the border of the image within which a line is cut by it and ends nowhere."""
END_LENGTH = 8.0
"""px of a line from which the depth of its end is taken; noise of a single point counts less."""
STOPS = 0.05
"""Of the thickness: how far before a surface a line may have been lost, 1-sigma."""
FEWEST = 4
"""Threading lines below which the surfaces are a guess."""
STEEP = 0.5
"""Share of the largest extent in depth that a line must have to thread the foil."""


@dataclass(frozen=True)
class FoilSurfaces:
    """Surfaces of the foil in the frame of a network, in its units.

    Attributes
    ----------
    lower, upper : float
        z of both surfaces; subtract `lower` from z for absolute depths.
    thickness, sigma : float
        Their distance, and its 1-sigma from the scatter of the ends and their own errors.
    lines : tuple of int
        Lines that thread the foil.
    reliable : bool
        At least four lines agree.
    """

    lower: float
    upper: float
    thickness: float
    sigma: float
    lines: tuple[int, ...]
    reliable: bool


def foil_from_threading_lines(network: DislocationNetwork) -> FoilSurfaces:
    """Find the surfaces of the foil from lines that end at both of them.

    Ends are compared in depth: the pair of surfaces is taken at which most lines end, and then the
    mean of their ends, each weighted by its error.

    Parameters
    ----------
    network : DislocationNetwork
        Of lines with the shape of their images, so that lines cut by the border are known.

    Returns
    -------
    FoilSurfaces
        With `reliable` False if fewer than four lines thread the foil. An image fades where a line
        meets a surface, and is lost there: the thickness is rather too small than too large.

    Raises
    ------
    ValueError
        If no line ends inside of the images at both of its ends.

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> lines = [[[x, 20.0 + t, 10.0 + 4 * t] for t in range(21)] for x in (20, 30, 40, 50)]
    >>> points = np.concatenate(lines)
    >>> index = np.repeat(range(4), 21)
    >>> network = DislocationNetwork(points, index, np.full(84, 2.0), image_shape=(64, 64))
    >>> foil = foil_from_threading_lines(network)
    >>> round(foil.lower), round(foil.thickness), foil.reliable
    (10, 80, True)
    """
    ends = {k: found for k in range(network.n_lines) if (found := _ends(network, k)) is not None}
    if not ends:
        raise ValueError(
            "No line ends inside of the images at both ends, so that none can thread the foil: "
            "give the thickness by network.set_foil_thickness(thickness)."
        )
    numbers = np.array(list(ends))
    depth, error = np.moveaxis(np.array(list(ends.values())), 1, 0)
    extent = np.ptp(depth, axis=1)
    steep = extent > STEEP * np.quantile(extent, 0.95)
    numbers, depth, error = numbers[steep], depth[steep], error[steep]
    spread = np.hypot(error, STOPS * extent[steep].max())
    agree = _most_agree(depth, spread)
    surfaces, sigmas = zip(*(_mean(depth[agree, k], spread[agree, k]) for k in (0, 1)), strict=True)
    return FoilSurfaces(
        lower=surfaces[0],
        upper=surfaces[1],
        thickness=surfaces[1] - surfaces[0],
        sigma=float(np.hypot(*sigmas)),
        lines=tuple(int(k) for k in numbers[agree]),
        reliable=int(agree.sum()) >= FEWEST,
    )


def _ends(network: DislocationNetwork, line: int) -> tuple[list[float], list[float]] | None:
    """Depths (lower, upper) of the ends of a line, and their sigmas; None if the border cuts it."""
    own = network.line_index == line
    points, sigma = network.points[own] / network.pixel_size, network.sigma[own]
    if len(points) < 3 or any(_cut(xy, network) for xy in points[[0, -1], :2]):
        return None
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))])
    found = []
    for away in (arc, arc[-1] - arc):
        near = away <= max(END_LENGTH, np.partition(away, 2)[2])
        slope = np.polyfit(away[near], points[near, 2], 1)
        found.append((slope[1] * network.pixel_size, float(np.median(sigma[near]))))
    (low, low_sigma), (high, high_sigma) = sorted(found)
    return [low, high], [low_sigma, high_sigma]


def _cut(xy: np.ndarray, network: DislocationNetwork) -> bool:
    """The end of a line lies at the border of the images."""
    if network.image_shape is None:
        return False
    height, width = network.image_shape
    return bool(min(xy[0], xy[1], width - 1 - xy[0], height - 1 - xy[1]) < RIM)


def _most_agree(depth: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Lines whose ends agree with those of the line that most agree with, of ties the longest."""
    best, chosen = (-1, -1.0), np.zeros(len(depth), bool)
    for pair in depth:
        near = (np.abs(depth - pair) < 2 * spread).all(axis=1)
        rank = (int(near.sum()), float(np.ptp(pair)))
        if rank > best:
            best, chosen = rank, near
    return chosen


def _mean(values: np.ndarray, sigma: np.ndarray) -> tuple[float, float]:
    """Weighted mean and its error, by sigma or by scatter, whichever is larger."""
    weight = sigma**-2.0
    mean = float(np.average(values, weights=weight))
    own = float(weight.sum() ** -0.5)
    if len(values) < 2:
        return mean, own
    scatter = float(np.sqrt(np.average((values - mean) ** 2, weights=weight) / (len(values) - 1)))
    return mean, max(own, scatter)
