"""Dislocation lines in the frame of the crystal: directions, habit planes, Burgers vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import product
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.geometry.line_fit import LineFit, PlaneFit, fit_line, fit_plane

if TYPE_CHECKING:
    import pandas as pd

    from hyperspy_stereo.results.network import DislocationNetwork
    from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation

__all__ = ["CrystalLines", "LineShape", "crystal_lines"]

LATERAL = 0.5  # px, 1-sigma of a centre line's place
FLOOR = 0.25  # px, least sigma of depth that is believed
SHARED = 10.0  # px of line that share one error: centre lines and depths are smoothed over some
UNDETERMINED = 20.0  # degrees; a plane's normal with a larger error is not one
LIKELY = 2.0  # sigma within which indices fit
COLUMNS = (
    *("line", "length", "inclination", "inclination_error"),
    *("direction", "direction_off", "direction_error", "directions"),
    *("plane", "plane_off", "plane_error", "planes", "bent"),
)
BURGERS_COLUMNS = (
    *("line", "burgers", "kind", "g.b", "visible", "angle", "angle_error", "glissile"),
)


@dataclass(frozen=True, eq=False)
class LineShape:
    """How one line runs.

    Attributes
    ----------
    line : int
        Its number in the network.
    length : float
        In the network's unit.
    fit : LineFit
        Straight line through its points, specimen frame.
    plane : PlaneFit or None
        Plane through them; None where the line is too straight, or its depth too uncertain, to
        have one.
    """

    line: int
    length: float
    fit: LineFit
    plane: PlaneFit | None


def line_shapes(network: DislocationNetwork, lateral: float | None = None) -> list[LineShape]:
    """Fit a direction and a plane to each line of a network.

    Parameters
    ----------
    network : DislocationNetwork
        Lines with less than 4 points are left out.
    lateral : float, optional
        1-sigma of x and y in the network's unit. Default: half a pixel.

    Returns
    -------
    list of LineShape
    """
    lateral = LATERAL * network.pixel_size if lateral is None else float(lateral)
    shapes = []
    lengths = network.line_lengths
    for number, points in enumerate(network.lines):
        if len(points) < 4 or not lengths[number] > 0:
            continue
        of_line = network.line_index == number
        sigma = np.maximum(network.sigma[of_line], FLOOR * network.pixel_size)
        across = np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1).sum()
        independent = max(across / (SHARED * network.pixel_size), 2.0)
        fit = fit_line(points, sigma, lateral, independent)
        plane = fit_plane(points, sigma, lateral, independent)
        turn = np.degrees(np.sqrt(np.linalg.eigvalsh(plane.covariance)[-1]))
        shapes.append(
            LineShape(number, lengths[number], fit, plane if turn < UNDETERMINED else None)
        )
    return shapes


def crystal_lines(
    network: DislocationNetwork, foil: FoilOrientation, lateral: float | None = None
) -> CrystalLines:
    """Express the lines of a network in the frame of the crystal.

    Parameters
    ----------
    network : DislocationNetwork
        Lines in the specimen frame: x right, y down, z along the beam.
    foil : FoilOrientation
        Crystal, zone axis, g with its azimuth in the (rectified) images, and tilt, from
        `hyperspy_stereo.simulation.crystals.orientation`.
    lateral : float, optional
        1-sigma of x and y in the network's unit. Default: half a pixel.

    Returns
    -------
    CrystalLines

    Raises
    ------
    TypeError
        If `foil` is no orientation.

    Examples
    --------
    >>> from hyperspy_stereo import DislocationNetwork
    >>> from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
    >>> foil = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> t = np.linspace(0, 100, 51)[:, None]
    >>> points = t * foil.direction((1, 0, 1))
    >>> network = DislocationNetwork(points, [0] * 51, [1.0] * 51, units="nm")
    >>> crystal_lines(network, foil).to_dataframe().loc[0, "direction"]
    '[101]'
    """
    if not hasattr(foil, "matrix") or not hasattr(foil, "crystal"):
        raise TypeError(
            f"foil is of {type(foil).__name__}: give a FoilOrientation(crystal, zone_axis, g, "
            "azimuth) of hyperspy_stereo.simulation.crystals.orientation."
        )
    return CrystalLines(network, foil, line_shapes(network, lateral))


class CrystalLines:
    """Lines in the frame of the crystal; made by `DislocationNetwork.in_crystal`.

    Attributes
    ----------
    network : DislocationNetwork
    foil : FoilOrientation
    shapes : list of LineShape
        In the specimen frame, lines that are long enough.
    """

    def __init__(
        self, network: DislocationNetwork, foil: FoilOrientation, shapes: list[LineShape]
    ) -> None:
        self.network, self.foil, self.shapes = network, foil, shapes

    @property
    def directions(self) -> np.ndarray:
        """(L, 3) unit vectors in the Cartesian frame of the crystal (x along a, z along c*)."""
        found = np.array([shape.fit.direction for shape in self.shapes]).reshape(-1, 3)
        return found @ self.foil.matrix

    def to_dataframe(self, largest_index: int = 2) -> pd.DataFrame:
        """Tabulate the lines.

        Parameters
        ----------
        largest_index : int, default 2
            Of directions and planes that are tried; more indices fit anything.

        Returns
        -------
        pandas.DataFrame
            One row for each line. ``line``, ``length``; ``inclination`` to the foil in degrees with
            ``inclination_error``; ``direction``, the simplest [uvw] within 2 sigma or "" if there
            is none, ``direction_off`` in degrees, ``direction_error`` (larger of two 1-sigma
            angles, degrees) and ``directions``, how many [uvw] fit; the same for ``plane`` (hkl),
            "" too where the line lies in no one plane; ``bent``: the mean square deviation from
            straight over that of the errors.
        """
        import pandas as pd

        from hyperspy_stereo.simulation.crystals.indices import direction_label, plane_label

        name_direction = partial(direction_label, four=self.foil.crystal.hexagonal)
        name_plane = partial(plane_label, four=self.foil.crystal.hexagonal)
        lines = _candidates(largest_index, self.foil.crystal.direct, self.foil.matrix)
        planes = _candidates(largest_index, self.foil.crystal.reciprocal, self.foil.matrix)
        rows = []
        for shape in self.shapes:
            fit, plane = shape.fit, shape.plane
            inclination = np.degrees(np.arcsin(np.clip(abs(fit.direction[2]), 0, 1)))
            rows.append(
                {
                    "line": shape.line,
                    "length": shape.length,
                    "inclination": inclination,
                    "inclination_error": _inclination_error(fit),
                    **_fitting("direction", fit.direction, fit.covariance, lines, name_direction),
                    **_fitting(
                        "plane",
                        None if plane is None else plane.normal,
                        None if plane is None else plane.covariance,
                        planes,
                        name_plane,
                    ),
                    "bent": fit.chi2,
                }
            )
        table = pd.DataFrame(rows, columns=COLUMNS)
        table.attrs["units"] = self.network.units
        return table

    def burgers(self, kind: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Tabulate the candidate Burgers vectors of each line.

        Parameters
        ----------
        kind : str or sequence of str, optional
            Types of Burgers vectors, such as "ordinary"; all of the crystal by default.

        Returns
        -------
        pandas.DataFrame
            One row for each line and Burgers vector (of b and -b only one). ``line``, ``burgers``,
            ``kind``; ``g.b`` for the foil's g; ``visible``: a line that is seen has one of these;
            ``angle`` between b and the line in degrees, 0 for a screw and 90 for an edge, with
            ``angle_error``; ``glissile``: whether b lies in the line's plane within 2 sigma, None
            where the plane is not known.
        """
        import pandas as pd

        from hyperspy_stereo.simulation.crystals.burgers import burgers_vectors

        rows = []
        candidates = _one_sign(burgers_vectors(self.foil.crystal, kind))
        g = self.foil.g_vector()
        for shape in self.shapes:
            for b in candidates:
                vector = self.foil.matrix @ np.array(b.cartesian)
                g_dot_b = float(g @ vector)
                angle, error = _angle(shape.fit.direction, shape.fit.covariance, vector)
                rows.append(
                    {
                        "line": shape.line,
                        "burgers": b.label,
                        "kind": b.kind,
                        "g.b": round(g_dot_b, 4) + 0.0,
                        "visible": abs(g_dot_b) > (1 / 3 + 1e-6 if b.partial else 1e-6),
                        "angle": angle,
                        "angle_error": error,
                        "glissile": _contains(shape.plane, vector),
                    }
                )
        return pd.DataFrame(rows, columns=BURGERS_COLUMNS)

    def burgers_candidates(self, kind: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Choose a Burgers vector for each line: `results.burgers_candidates`."""
        from hyperspy_stereo.results.burgers_candidates import burgers_candidates

        return burgers_candidates(self, kind)

    def plot(self, colour: str = "burgers", **kwargs: Any) -> Any:
        """Show the lines in 3D with the axes of the crystal, coloured by Burgers candidate.

        Parameters
        ----------
        colour : {"burgers", "depth", "sigma", "confidence", "line"}
            What the colours mean.
        **kwargs
            As for `DislocationNetwork.plot`.

        Returns
        -------
        hyperspy_stereo.viewer.view3d.View3D or matplotlib.figure.Figure
        """
        return self.network.plot(colour, crystal=self, **kwargs)

    def plot_stereogram(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the directions of the lines on a stereogram; see `viewer.plot_stereogram`."""
        from hyperspy_stereo.viewer.stereogram import plot_stereogram

        return plot_stereogram(self, ax, **kwargs)

    def __len__(self) -> int:
        return len(self.shapes)

    def __repr__(self) -> str:
        return f"<CrystalLines, {len(self)} lines in {self.foil.crystal.name}>"


def _inclination_error(fit: LineFit) -> float:
    """1-sigma of the angle to the foil, degrees."""
    x, y, z = fit.direction
    level = np.hypot(x, y)
    # the direction in which the line leans most; along the beam all directions are alike
    leaning = np.array([-x * z / level, -y * z / level, level]) if level > 1e-3 else None
    if leaning is None:
        variance = np.linalg.eigvalsh(fit.covariance)[-1]
    else:
        variance = leaning @ fit.covariance @ leaning
    return float(min(np.degrees(np.sqrt(max(variance, 0.0))), 90.0))


def _candidates(
    largest: int, basis: np.ndarray, to_specimen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coprime indices (n, 3) up to the largest, one of each sign, and unit vectors, shortest first.

    The length, of a direction or of a plane's g, orders them as the crystal's symmetry does; sums
    of squares of indices would not in a hexagonal lattice.
    """
    if not (isinstance(largest, int | np.integer) and 1 <= largest <= 5):
        raise ValueError(f"largest_index={largest!r}: give a whole number from 1 to 5.")
    found = [t for t in product(range(-largest, largest + 1), repeat=3) if gcd(*t) == 1]
    indices = np.array([t for t in found if next(v for v in t if v) > 0])
    vectors = indices @ basis
    order = np.argsort(np.linalg.norm(vectors, axis=1).round(6), kind="stable")
    return indices[order], _unit(vectors[order]) @ to_specimen.T


def _fitting(name, vector, covariance, candidates, label) -> dict[str, Any]:
    """The simplest indices whose vector lies within the error."""
    indices, candidates = candidates
    columns = (name, f"{name}_off", f"{name}_error", f"{name}s")
    if vector is None:
        return dict(zip(columns, ("", np.nan, np.nan, 0), strict=True))
    signs = np.where(candidates @ vector < 0, -1.0, 1.0)
    off = signs[:, None] * candidates - vector
    # points without noise must fit in spite of rounding
    spread = covariance + (1e-4) ** 2 * np.eye(3)
    distance = np.einsum("ni,ij,nj->n", off, np.linalg.inv(spread), off)
    angle = np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(off, axis=1) / 2, 0, 1)))
    # along the vector itself off is second order in the angle and not to be tested
    along = off @ vector
    distance -= along**2 / (vector @ spread @ vector)
    fits = np.flatnonzero((distance <= LIKELY**2) & (angle < 45))
    error = np.degrees(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
    if not fits.size:
        return dict(zip(columns, ("", float(angle.min()), error, 0), strict=True))
    best = fits[0]
    text = label([Fraction(int(n)) for n in signs[best] * indices[best]])
    return dict(zip(columns, (text, float(angle[best]), error, int(fits.size)), strict=True))


def _angle(direction, covariance, vector) -> tuple[float, float]:
    """Angle between a line and a vector, 0 to 90 degrees, and its error."""
    unit = vector / np.linalg.norm(vector)
    cosine = float(direction @ unit)
    angle = float(np.degrees(np.arccos(np.clip(abs(cosine), 0, 1))))
    across = unit - cosine * direction
    size = float(np.linalg.norm(across))
    if size < 1e-9:  # a screw: the direction's own error
        return angle, float(np.degrees(np.sqrt(np.linalg.eigvalsh(covariance)[-1])))
    across = across / size
    return angle, float(np.degrees(np.sqrt(across @ covariance @ across)))


def _contains(plane: PlaneFit | None, vector: np.ndarray) -> bool | None:
    """Whether a plane contains a vector within 2 sigma; None if there is no plane."""
    if plane is None:
        return None
    unit = vector / np.linalg.norm(vector)
    error = np.sqrt(unit @ plane.covariance @ unit)
    return bool(abs(unit @ plane.normal) <= LIKELY * max(error, 1e-4))


def _one_sign(vectors: list) -> list:
    """Of b and -b the one whose first component is positive."""
    return [b for b in vectors if next(v for v in b.uvw if v) > 0]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
