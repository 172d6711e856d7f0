"""Miller and Miller-Bravais indices: three or four in, three exact ones out, and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

import numpy as np

# fractions of lattice vectors in Burgers vectors have small denominators: 2, 3, 6, 12, ...
LARGEST_DENOMINATOR = 48


def plane_indices(hkl: Sequence[int], hexagonal: bool = False) -> tuple[int, int, int]:
    """Three whole indices of a plane or reflection, from hkl or hkil.

    Parameters
    ----------
    hkl : sequence of three or four int
        Miller indices, or Miller-Bravais indices of a hexagonal lattice.
    hexagonal : bool, default False
        Whether four indices are taken.

    Returns
    -------
    tuple of int
        h, k, l.

    Raises
    ------
    ValueError
        If they are not whole, all zero, or four that do not belong together.

    Examples
    --------
    >>> plane_indices((1, 1, -2, 0), hexagonal=True)
    (1, 1, 0)
    """
    values = _exact(hkl, "hkl", hexagonal)
    if any(h.denominator != 1 for h in values):
        raise ValueError(f"hkl must be whole numbers; got {tuple(hkl)}.")
    h, k, *rest = (int(h) for h in values)
    return h, k, rest[-1]


def direction_indices(
    uvw: Sequence[float], hexagonal: bool = False
) -> tuple[Fraction, Fraction, Fraction]:
    """Three indices of a direction as exact fractions, from uvw or UVTW.

    Parameters
    ----------
    uvw : sequence of three or four numbers
        Components along the lattice vectors, or Miller-Bravais indices of a hexagonal lattice;
        numbers are taken as the nearest fraction with a denominator up to 48.
    hexagonal : bool, default False
        Whether four indices are taken.

    Returns
    -------
    tuple of Fraction
        u, v, w.

    Raises
    ------
    ValueError
        If they are all zero, or four that do not belong together.

    Examples
    --------
    >>> [str(u) for u in direction_indices((1 / 3, 1 / 3, -2 / 3, 0), hexagonal=True)]
    ['1', '1', '0']
    """
    values = _exact(uvw, "uvw", hexagonal)
    if len(values) == 3:
        return tuple(values)
    u, v, _, w = values
    return 2 * u + v, u + 2 * v, w


def direction_label(indices: Sequence[Fraction], four: bool = False) -> str:
    """Write three indices of a direction, such as 1/2[1-10]; with `four`, as Miller-Bravais.

    Examples
    --------
    >>> direction_label((Fraction(1, 2), Fraction(-1, 2), Fraction(0)))
    '1/2[1-10]'
    >>> direction_label((Fraction(1), Fraction(0), Fraction(0)), four=True)
    '1/3[2-1-10]'
    """
    u, v, w = indices
    if four:
        first, second = (2 * u - v) / 3, (2 * v - u) / 3
        indices = (first, second, -first - second, w)
    below = lcm(*(index.denominator for index in indices))
    whole = "".join(str(int(index * below)) for index in indices)
    return f"[{whole}]" if below == 1 else f"1/{below}[{whole}]"


def plane_label(hkl: Sequence[int], four: bool = False) -> str:
    """Write the indices of a plane, such as (1-11); with `four`, as Miller-Bravais.

    Examples
    --------
    >>> plane_label((0, 0, 2)), plane_label((1, 1, 0), four=True)
    ('(002)', '(11-20)')
    """
    h, k, last = hkl
    whole = (h, k, -h - k, last) if four else (h, k, last)
    return "(" + "".join(str(int(i)) for i in whole) + ")"


def _exact(indices: Sequence[float], name: str, hexagonal: bool) -> list[Fraction]:
    try:
        values = [i if isinstance(i, Fraction) else float(i) for i in indices]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be three or four numbers; got {indices!r}.") from error
    given = tuple(indices)
    if len(values) not in (3, 4) or not all(np.isfinite(float(i)) for i in values):
        raise ValueError(f"{name} must be three or four finite numbers; got {given}.")
    exact = [Fraction(i).limit_denominator(LARGEST_DENOMINATOR) for i in values]
    if not any(exact):
        raise ValueError(f"{name} must not be all zero.")
    if len(exact) == 4 and not hexagonal:
        raise ValueError(f"{name} {given} has four indices, but the lattice is not hexagonal.")
    if len(exact) == 4 and sum(exact[:3]) != 0:
        raise ValueError(
            f"the first three of four indices must add up to zero; those of {name} {given} do not. "
            "The third is minus the sum of the first two."
        )
    return exact
