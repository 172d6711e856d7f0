"""Turn a specimen under the scan, so that a chosen direction runs along the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.polynomial.polynomial import polyval2d, polyvander2d

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault
from hyperspy_stereo.simulation.specimen import Boundary, Specimen


def kikuchi_azimuth(specimen: Specimen) -> float:
    """Direction of the Kikuchi line in the specimen frame, degrees in (-90, 90].

    It is perpendicular to g: along it the excitation error is the same for all incidences.

    Parameters
    ----------
    specimen : Specimen
        With its two-beam condition.

    Returns
    -------
    float
        atan2(dy, dx) with y down.

    Raises
    ------
    ValueError
        If g has no part across the beam.

    Examples
    --------
    >>> beam = TwoBeam(g=[0, 5, 0], s=0, xi_g=40)
    >>> kikuchi_azimuth(Specimen((64, 64), 100, beam))
    0.0
    """
    gx, gy = specimen.beam.g[:2]
    if np.hypot(gx, gy) < 1e-9 * np.linalg.norm(specimen.beam.g):
        raise ValueError(
            f"g = {specimen.beam.g.tolist()} runs along the beam, so that it has no Kikuchi line "
            "in the disc: give a g with x or y, or the azimuth of the parallax yourself."
        )
    angle = float(np.rad2deg(np.arctan2(gx, -gy))) % 180.0
    return angle - 180.0 if angle > 90.0 + 1e-9 else angle


def turned_specimen(specimen: Specimen, azimuth: float) -> Specimen:
    """Turn a specimen about the middle of its field, so that a direction becomes +x.

    Parameters
    ----------
    specimen : Specimen
        Any.
    azimuth : float
        Direction in the specimen that runs along the rows afterwards, degrees, atan2(dy, dx) with
        y down. 0 returns the specimen itself.

    Returns
    -------
    Specimen
        Of the same field size; what the corners now show is what lies outside the old field.
        Wedge and bend are exact where their terms are of second order in all or less, else the
        best fit over the field.

    Raises
    ------
    ValueError
        If the azimuth is not a finite number.

    Examples
    --------
    >>> beam = TwoBeam(g=[5, 0, 0], s=0, xi_g=40)
    >>> turned = turned_specimen(Specimen((64, 64), 100, beam), 90.0)
    >>> turned.beam.g.round(6) + 0.0
    array([ 0., -5.,  0.])
    """
    if not np.isfinite(azimuth):
        raise ValueError(f"azimuth must be a finite number of degrees; got {azimuth!r}.")
    if abs(azimuth) < 1e-9:
        return specimen
    c, s = np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))
    turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    middle = np.array([specimen.size[0] / 2, specimen.size[1] / 2, 0.0])

    def place(points):
        return (np.asarray(points, float) - middle) @ turn.T + middle

    beam = specimen.beam
    return replace(
        specimen,
        beam=TwoBeam(turn @ beam.g, beam.s, beam.xi_g, beam.xi_g_abs, beam.xi_0_abs),
        dislocations=tuple(
            Dislocation(place(line.points), turn @ line.burgers, line.extend)
            for line in specimen.dislocations
        ),
        faults=tuple(
            StackingFault(place(f.edge_a), place(f.edge_b), turn @ f.displacement)
            for f in specimen.faults
        ),
        boundaries=tuple(
            Boundary(place(plane.point), turn @ plane.normal) for plane in specimen.boundaries
        ),
        spots=tuple(
            replace(
                spot,
                centre=place([*spot.centre, 0.0])[:2],
                azimuth=float(spot.azimuth - azimuth),
            )
            for spot in specimen.spots
        ),
        wedge=_turned_polynomial(specimen.wedge, specimen.size, turn[:2, :2]),
        bend=_turned_polynomial(specimen.bend, specimen.size, turn[:2, :2]),
    )


def _turned_polynomial(coefficients, size, turn) -> np.ndarray:
    """Coefficients of the polynomial as seen from the turned frame."""
    coefficients = np.asarray(coefficients, float)
    if not coefficients.any():
        return coefficients
    u, v = (grid.ravel() for grid in np.meshgrid(*[np.linspace(-1, 1, 9)] * 2, indexing="ij"))
    half = np.asarray(size, float) / 2
    before = np.column_stack([u, v]) * half @ turn / half
    values = polyval2d(*before.T, coefficients)
    basis = polyvander2d(u, v, [2, 2])
    return np.linalg.lstsq(basis, values, rcond=None)[0].reshape(3, 3)
