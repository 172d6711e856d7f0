"""Extinction distances and absorption lengths of a reflection from atomic scattering factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from hyperspy_stereo.simulation.crystals.indices import plane_label
from hyperspy_stereo.simulation.crystals.structure import Crystal, crystal

# below this share of what the atoms would scatter in phase a reflection counts as forbidden
FORBIDDEN = 1e-3


@dataclass(frozen=True)
class Extinction:
    """What a two-beam condition has to know of a reflection.

    Attributes
    ----------
    xi_g : float
        Extinction distance in nm.
    xi_g_abs : float
        Anomalous absorption length xi_g' in nm.
    xi_0_abs : float
        Normal absorption length xi_0' in nm.
    g_length : float
        Length of g in 1/nm.
    bragg_angle : float
        Bragg angle in mrad.
    """

    xi_g: float
    xi_g_abs: float
    xi_0_abs: float
    g_length: float
    bragg_angle: float


def extinction_parameters(
    material: str | Crystal, hkl: Sequence[int], voltage: float = 200.0
) -> Extinction:
    """Compute the extinction distance and the absorption lengths of a reflection.

    Parameters
    ----------
    material : str or Crystal
        Crystal, or the name of a preset.
    hkl : (h, k, l) or (h, k, i, l)
        Reflection.
    voltage : float, default 200.0
        Accelerating voltage in kV.

    Returns
    -------
    Extinction
        Lengths in nm, the length of g in 1/nm and the Bragg angle in mrad. Results are kept: to ask
        again costs nothing.

    Raises
    ------
    ValueError
        If the reflection is forbidden (the message names some that are not), the voltage is not
        1..3000 kV, or there are no scattering factors for an element.

    Notes
    -----
    xi_g = pi V cos(theta_B) / ``(lambda gamma |F_g|)``, with F_g from the scattering factors of
    I. Lobato and D. Van Dyck, Acta Cryst. A70 (2014) 636, as diffsims holds them, damped by
    exp(-B g^2/4). Absorption is thermal diffuse scattering of independent (Einstein) oscillators:
    xi_g' = 2 pi V cos(theta_B) / ``(lambda^2 gamma^2 |T_g|)``, where T_g sums over the atoms the
    integral of `absorptive_form_factor`; xi_0' likewise with g = 0. C. R. Hall and P. B. Hirsch,
    Proc. R. Soc. A 286 (1965) 158; D. M. Bird and Q. A. King, Acta Cryst. A46 (1990) 202. Plasmons,
    inner shells and the disorder of random alloys are not counted. In crystals without a centre of
    symmetry the difference between the phases of F_g and T_g is left out.

    Examples
    --------
    >>> lengths = extinction_parameters("TiAl", (0, 0, 2), voltage=300)
    >>> round(lengths.xi_g, 1), round(lengths.bragg_angle, 2)
    (72.4, 4.84)
    """
    material = crystal(material)
    if not 1 <= voltage <= 3000:
        raise ValueError(f"voltage must be 1..3000, in kV; got {voltage!r}.")
    return _parameters(material, material.plane_indices(hkl), float(voltage))


def structure_factor(material: str | Crystal, hkl: Sequence[int]) -> complex:
    """Elastic structure factor of the cell in nm, first Born approximation, at rest mass.

    Parameters
    ----------
    material : str or Crystal
        Crystal, or the name of a preset.
    hkl : (h, k, l) or (h, k, i, l)
        Reflection.

    Returns
    -------
    complex
        Sum of occupancy f(g) exp(-B g^2/4) exp(2 pi i g.r) over the sites; times the relativistic
        factor of the mass it is what scatters.

    Raises
    ------
    ValueError
        If hkl are not fitting whole numbers, or there are no scattering factors for an element.

    Examples
    --------
    >>> abs(structure_factor("Al", (1, 0, 0))) < 1e-12
    True
    """
    material = crystal(material)
    indices = material.plane_indices(hkl)
    return complex(np.sum(_waves(material, indices)))


def absorptive_form_factor(element: str, g: float, debye_waller: float) -> float:
    """Integral of thermal diffuse scattering that damps the wave scattered by g.

    Parameters
    ----------
    element : str
        Chemical symbol.
    g : float
        Length of the diffraction vector in 1/nm.
    debye_waller : float
        Debye-Waller factor B in nm^2.

    Returns
    -------
    float
        Integral of f(q) f(g - q) [exp(-B g^2/4) - exp(-B (q^2 + (g - q)^2)/4)] over the plane of q,
        without unit; the Debye-Waller factor of g is in it. At g = 0, times lambda^2 gamma^2, it is
        the cross-section of thermal diffuse scattering.

    Raises
    ------
    ValueError
        If there are no scattering factors for the element.

    Notes
    -----
    The sphere is taken flat: f^2 falls as q^-4, long before the sphere bends. Polar Gauss-Legendre
    quadrature around g/2, radii from 0 to infinity mapped on 0..1.

    Examples
    --------
    >>> absorptive_form_factor("Al", 0.0, 0.0)
    0.0
    >>> absorptive_form_factor("Al", 0.0, 0.0086) > absorptive_form_factor("Al", 5.0, 0.0086)
    True
    """
    nodes, weights = _quadrature(80)
    turns, turn_weights = _quadrature(24)
    # half of the radii lie within what a light atom scatters, or within g/2
    middle = max(5.0, g / 2)
    radius = middle * nodes / (1 - nodes)
    radial = weights * middle / (1 - nodes) ** 2 * radius
    # a quarter of the circle holds all, by symmetry
    azimuthal = 4 * turn_weights * np.pi / 2
    shift = np.outer(radius, g * np.cos(turns * np.pi / 2))
    squared = (radius**2 + g**2 / 4)[:, None]
    damping = np.exp(-debye_waller * g**2 / 4) - np.exp(-debye_waller * squared / 2)
    both = _form_factor(element, squared + shift) * _form_factor(element, squared - shift)
    return float(radial @ (both * damping) @ azimuthal)


def is_allowed(material: Crystal, hkl: tuple[int, int, int]) -> bool:
    """Whether a reflection of three indices is there: not zero and not forbidden."""
    waves = _waves(material, hkl)
    return any(hkl) and bool(abs(waves.sum()) >= FORBIDDEN * np.abs(waves).sum())


@lru_cache(maxsize=4096)
def _parameters(material: Crystal, hkl: tuple[int, int, int], voltage: float) -> Extinction:
    from diffsims.utils.sim_utils import get_electron_wavelength
    from scipy.constants import c, e, m_e

    factor = abs(_waves(material, hkl).sum())
    if not is_allowed(material, hkl):
        raise ValueError(
            f"{plane_label(hkl, material.hexagonal)} is forbidden in {material.name}; allowed are "
            f"{', '.join(_allowed(material))}."
        )
    wavelength = get_electron_wavelength(voltage) / 10
    gamma = 1 + e * voltage * 1e3 / (m_e * c**2)
    g = float(np.linalg.norm(np.array(hkl) @ material.reciprocal))
    sine = wavelength * g / 2
    cosine = np.sqrt(1 - sine**2)
    absorption = 2 * np.pi * material.volume / (wavelength * gamma) ** 2
    thermal_g, thermal_0 = abs(_thermal(material, hkl)), abs(_thermal(material, (0, 0, 0)))
    return Extinction(
        xi_g=float(np.pi * material.volume * cosine / (wavelength * gamma * factor)),
        xi_g_abs=float(absorption * cosine / thermal_g) if thermal_g > 0 else np.inf,
        xi_0_abs=float(absorption / thermal_0) if thermal_0 > 0 else np.inf,
        g_length=g,
        bragg_angle=float(1e3 * np.arcsin(sine)),
    )


def _waves(material: Crystal, hkl: tuple[int, int, int]) -> np.ndarray:
    """Contribution of each site to the structure factor, complex, nm."""
    squared = float(np.sum((np.array(hkl) @ material.reciprocal) ** 2))
    factors = {
        element: _form_factor(element, squared) * np.exp(-b * squared / 4)
        for element, b in material.debye_waller
    }
    return _over_sites(material, hkl, factors)


def _thermal(material: Crystal, hkl: tuple[int, int, int]) -> complex:
    g = float(np.linalg.norm(np.array(hkl) @ material.reciprocal))
    factors = {
        element: absorptive_form_factor(element, g, b) for element, b in material.debye_waller
    }
    return _over_sites(material, hkl, factors).sum()


def _over_sites(
    material: Crystal, hkl: tuple[int, int, int], factors: dict[str, float]
) -> np.ndarray:
    places = np.array([site.position for site in material.sites])
    amplitudes = np.array([site.occupancy * factors[site.element] for site in material.sites])
    return amplitudes * np.exp(2j * np.pi * places @ np.array(hkl))


def _form_factor(element: str, squared: np.ndarray | float) -> np.ndarray | float:
    """Scattering factor in nm for squared diffraction vectors in 1/nm^2."""
    amplitudes, widths = _lobato(element)
    reduced = np.multiply.outer(np.asarray(squared), widths)
    return ((2 + reduced) / (1 + reduced) ** 2) @ amplitudes


@lru_cache(maxsize=128)
def _lobato(element: str) -> tuple[np.ndarray, np.ndarray]:
    from diffsims.utils.lobato_scattering_params import ATOMIC_SCATTERING_PARAMS_LOBATO

    if element not in ATOMIC_SCATTERING_PARAMS_LOBATO:
        raise ValueError(
            f"there are no scattering factors for {element!r}: give a chemical symbol such as 'Ti'."
        )
    table = np.array(ATOMIC_SCATTERING_PARAMS_LOBATO[element])
    # diffsims has them in Angstrom and Angstrom^2
    return table[:, 0] / 10, table[:, 1] / 100


@lru_cache(maxsize=4)
def _quadrature(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on 0..1."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return (nodes + 1) / 2, weights / 2


def _allowed(material: Crystal, number: int = 4) -> list[str]:
    """Labels of the allowed reflections with the shortest g, one of each length."""
    found: dict[float, str] = {}
    for hkl in product(range(5), repeat=3):
        if is_allowed(material, hkl):
            length = round(float(np.linalg.norm(np.array(hkl) @ material.reciprocal)), 4)
            found.setdefault(length, plane_label(hkl, material.hexagonal))
    return [found[length] for length in sorted(found)[:number]]
