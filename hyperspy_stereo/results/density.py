"""Length and density of lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["METRES", "density_in_si", "line_density", "network_density"]

# Metres per unit, for the units that microscopes write.
METRES = {"pm": 1e-12, "A": 1e-10, "Å": 1e-10, "nm": 1e-9, "um": 1e-6, "µm": 1e-6, "m": 1.0}


def line_density(
    lengths: np.ndarray, area: float, thickness: float, thickness_error: float = 0.0
) -> tuple[float, float]:
    """Line length per volume, with its standard error.

    The error has two parts: lines are counted objects, so a field of view that happened to hold
    them varies as a compound Poisson process, with variance sum(L_i**2); and the thickness has
    an error of its own.

    Parameters
    ----------
    lengths : numpy.ndarray
        (L,), length of each line.
    area : float
        Area of the field of view.
    thickness : float
        Thickness of the foil; one length unit throughout.
    thickness_error : float
        1-sigma of the thickness.

    Returns
    -------
    density, error : float
        Length / volume and its 1-sigma; NaN where the volume is zero or unknown.

    Examples
    --------
    >>> density, error = line_density(np.array([100.0, 100.0]), 1e4, 50.0)
    >>> round(density, 6), round(error, 6)
    (0.0004, 0.000283)
    """
    volume = area * thickness
    if not np.isfinite(volume) or volume <= 0:
        return float("nan"), float("nan")
    total = float(np.sum(lengths))
    density = total / volume
    counting = float(np.sqrt(np.sum(np.square(lengths)))) / volume
    return density, float(np.hypot(counting, density * thickness_error / thickness))


def density_in_si(density: float, units: str) -> tuple[float, str]:
    """Density in m^-2 where the unit is a length, else per unit squared.

    Parameters
    ----------
    density : float
        In units^-2.
    units : str
        "nm", "um", ..., or "px".

    Returns
    -------
    density : float
        Converted.
    units : str
        "m^-2", or such as "px^-2".

    Examples
    --------
    >>> density_in_si(1e-4, "nm")
    (100000000000000.0, 'm^-2')
    """
    if units in METRES:
        return density / METRES[units] ** 2, "m^-2"
    return density, f"{units}^-2"


def network_density(network: DislocationNetwork) -> tuple[float, float]:
    """Density of a network and its 1-sigma, in the unit of the network to the power -2.

    The area is that of the unrotated scan where it is known, else of the images. The error of a
    thickness that was not set is taken from the sigma of the outermost points.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.

    Returns
    -------
    density, error : float
        NaN if the network is empty or the shape of its images is not known.
    """
    shape = network.scan_shape or network.image_shape
    if shape is None or len(network.points) == 0:
        return float("nan"), float("nan")
    area = shape[0] * shape[1] * network.pixel_size**2
    error = network.foil_thickness_error
    if error is None:
        order = np.argsort(network.points[:, 2])
        error = float(np.hypot(network.sigma[order[0]], network.sigma[order[-1]]))
    return line_density(network.line_lengths, area, network.foil_thickness, error)
