"""A specimen: everything the electrons meet in one field of view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.polynomial.polynomial import polyval2d
from numpy.typing import ArrayLike

from hyperspy_stereo.simulation.beam import TwoBeam
from hyperspy_stereo.simulation.dislocation import Dislocation, StackingFault


@dataclass(frozen=True, eq=False)
class Boundary:
    """A plane between two grains or lamellae.

    Parameters
    ----------
    point : array_like of shape (3,)
        A point on the plane, nm.
    normal : array_like of shape (3,)
        Its normal, of any length; kept as a unit vector. The grain of the positive side comes next.

    Raises
    ------
    ValueError
        If one of them is not three finite numbers, or the normal is zero.

    Examples
    --------
    >>> Boundary([50, 0, 0], [3, 0, 4]).normal.tolist()
    [0.6, 0.0, 0.8]
    """

    point: np.ndarray
    normal: np.ndarray

    def __post_init__(self) -> None:
        point = _numbers(self.point, "point", (3,), "x, y, z in nm")
        normal = _numbers(self.normal, "normal", (3,), "a direction")
        length = np.linalg.norm(normal)
        if length == 0:
            raise ValueError("normal must be a direction, such as (1, 0, 0); got (0, 0, 0).")
        object.__setattr__(self, "point", _frozen(point))
        object.__setattr__(self, "normal", _frozen(normal / length))


@dataclass(frozen=True, eq=False)
class SurfaceSpot:
    """A blob or patch of contamination on one of the faces.

    Attributes
    ----------
    centre : (2,) ndarray
        x, y in nm.
    radii : (2,) ndarray
        Semi-axes in nm.
    azimuth : float
        Direction of the first semi-axis in degrees.
    absorption : float
        Share of the electrons lost at its middle, 0..1; below zero for a bright hole.
    on_exit : bool
        On the exit face rather than the entrance face.
    """

    centre: np.ndarray
    radii: np.ndarray
    azimuth: float
    absorption: float
    on_exit: bool


@dataclass(frozen=True, eq=False)
class Specimen:
    """A foil with its defects and the two-beam condition it is seen under.

    Lengths are nm; the frame is that of the image with its origin at the upper left corner of the
    field of view: x right, y down, z along the beam from the entrance face, which is flat.

    Attributes
    ----------
    size : tuple of float
        Width and height of the field of view, nm.
    thickness : float
        Thickness of the foil at the middle of the field, nm.
    beam : TwoBeam
        Condition at the middle of the field in the first grain.
    dislocations : tuple of Dislocation
        Lines; partials are lines of their own.
    kinds : tuple of str
        What each dislocation belongs to: "line", "loop", "helix", "pile-up", ...; all are "line"
        where none is given.
    faults : tuple of StackingFault
        Faulted strips between partials.
    boundaries : tuple of Boundary
        Planes that do not cross inside the field, in the order in which their normals point.
    grain_deviations : tuple of float
        Excitation error of each grain minus that of `beam`, 1/nm; one more than `boundaries`.
    spots : tuple of SurfaceSpot
        Blobs and contamination.
    wedge : (3, 3) ndarray
        Polynomial added to the thickness, nm: sum of wedge[i, j] u**i v**j, u and v from -1 to 1
        over the width and the height of the field.
    bend : (3, 3) ndarray
        Polynomial added to the excitation error, 1/nm, in the same way.
    crystal : str
        Name of the crystal, for the record.
    seed : int or None
        Seed it was drawn from.
    voltage : float or None
        Accelerating voltage in kV that `beam` was computed for, where that is known.
    poisson_ratio : float
        Of the elastically isotropic medium that stands for the crystal; 0.3 is near that of most
        metals.

    Raises
    ------
    TypeError
        If a part is something else than said.
    ValueError
        If numbers cannot be, the foil is not thicker than 0 nm everywhere in the field, or parts
        that belong together differ in number.

    Examples
    --------
    >>> line = Dislocation([[20, 8, 20], [40, 56, 80]], burgers=[0, 0.2, 0])
    >>> foil = Specimen((64, 64), 100, TwoBeam([0, 5, 0], 0.0, 40), (line,))
    >>> foil.kinds, foil.thickness_at(32, 32).item()
    (('line',), 100.0)
    """

    size: tuple[float, float]
    thickness: float
    beam: TwoBeam
    dislocations: tuple[Dislocation, ...] = ()
    kinds: tuple[str, ...] = ()
    faults: tuple[StackingFault, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    grain_deviations: tuple[float, ...] = (0.0,)
    spots: tuple[SurfaceSpot, ...] = ()
    wedge: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))
    bend: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))
    crystal: str = ""
    seed: int | None = None
    voltage: float | None = None
    poisson_ratio: float = 0.3

    def __post_init__(self) -> None:
        if not isinstance(self.beam, TwoBeam):
            raise TypeError(
                f"beam must be TwoBeam(g, s, xi_g, ...); got a {type(self.beam).__name__}."
            )
        parts = {name: _tuple_of(cls, getattr(self, name), name) for name, cls in _PARTS.items()}
        parts["kinds"] = _kinds(self.kinds, len(parts["dislocations"]))
        parts["grain_deviations"] = _grain_deviations(
            self.grain_deviations, len(parts["boundaries"])
        )
        parts["size"] = _size(self.size)
        for name in ("wedge", "bend"):
            terms = _numbers(getattr(self, name), name, (3, 3), "terms [i, j] of u**i v**j")
            parts[name] = _frozen(terms)
        if self.voltage is not None and not 0 < _number(self.voltage, "voltage") < np.inf:
            raise ValueError(f"voltage must be above 0 kV, or None; got {self.voltage!r}.")
        if not -1 < _number(self.poisson_ratio, "poisson_ratio") < 0.5:
            raise ValueError(f"poisson_ratio lies between -1 and 0.5; got {self.poisson_ratio!r}.")
        for name, value in parts.items():
            object.__setattr__(self, name, value)
        self._check_thickness()

    def thickness_at(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Thickness in nm at places x, y (nm, any shapes that broadcast)."""
        return self.thickness + polyval2d(*self._normalised(x, y), self.wedge)

    def deviation_at(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Excitation error minus ``beam.s`` in 1/nm at places x, y (nm), in the first grain."""
        return polyval2d(*self._normalised(x, y), self.bend)

    def _check_thickness(self) -> None:
        thickness = _number(self.thickness, "thickness")
        if not 0 < thickness < np.inf:
            raise ValueError(
                f"thickness must be above 0 nm, and finite; got {self.thickness!r}. Take a thicker "
                "foil, of 50 to 300 nm for example."
            )
        u, v = np.meshgrid(_PLACES, _PLACES)
        local = thickness + polyval2d(u, v, self.wedge)
        least = np.argmin(local)
        if local.flat[least] <= 0:
            x, y = (u.flat[least] + 1) / 2 * self.size[0], (v.flat[least] + 1) / 2 * self.size[1]
            raise ValueError(
                f"the foil must be thicker than 0 nm everywhere in the field, but the wedge leaves "
                f"{local.flat[least]:.4g} nm at x = {x:.4g}, y = {y:.4g} nm: take a thicker foil "
                "or a weaker wedge. Views that turn the field see up to 1.4 times as far."
            )

    def _normalised(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        return 2 * x / self.size[0] - 1, 2 * y / self.size[1] - 1


_PARTS = {
    "dislocations": Dislocation,
    "faults": StackingFault,
    "boundaries": Boundary,
    "spots": SurfaceSpot,
}
# Over the field from -1 to 1, its edges and its middle among them.
_PLACES = np.linspace(-1, 1, 17)


def _tuple_of(cls: type, values: Any, name: str) -> tuple:
    if isinstance(values, cls):
        raise TypeError(
            f"{name} must be a tuple, of one {cls.__name__} as well: write ({name[:-1]},) "
            "with the comma."
        )
    if not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a tuple of {cls.__name__}; got {values!r}.")
    values = tuple(values)
    for value in values:
        if not isinstance(value, cls):
            raise TypeError(
                f"{name} must hold nothing but {cls.__name__}; got a {type(value).__name__}."
            )
    return values


def _kinds(kinds: Any, n: int) -> tuple[str, ...]:
    if isinstance(kinds, str):
        raise TypeError(f"kinds must be a tuple of names, one per dislocation: ({kinds!r},) * {n}.")
    kinds = _tuple_of(str, kinds, "kinds") or ("line",) * n
    if len(kinds) != n:
        raise ValueError(
            f"kinds must name what each dislocation is: there are {n} dislocations and "
            f"{len(kinds)} kinds. Leave kinds empty to call all of them 'line'."
        )
    return kinds


def _grain_deviations(values: Any, n_boundaries: int) -> tuple[float, ...]:
    deviations = _numbers(values, "grain_deviations", None, "numbers in 1/nm")
    if deviations.shape != (n_boundaries + 1,):
        raise ValueError(
            f"grain_deviations must hold one number in 1/nm for each grain, that is "
            f"{n_boundaries + 1} for {n_boundaries} boundaries, such as "
            f"{(0.0,) * (n_boundaries + 1)}; got {values!r}."
        )
    return tuple(deviations.tolist())


def _size(size: Any) -> tuple[float, float]:
    numbers = _numbers(size, "size", (2,), "width and height of the field in nm")
    if not (numbers > 0).all():
        raise ValueError(f"size must be a width and a height above 0 nm; got {size!r}.")
    return float(numbers[0]), float(numbers[1])


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number; got {value!r}.")
    return float(value)


def _numbers(values: Any, name: str, shape: tuple[int, ...] | None, wanted: str) -> np.ndarray:
    """A copy of values as finite floats of a shape, or any shape."""
    needed = wanted if shape is None else f"{' x '.join(map(str, shape))} numbers, {wanted}"
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be {needed}; got {values!r}.") from error
    if (shape is not None and array.shape != shape) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be {needed}, all finite; got {values!r}.")
    return array


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
