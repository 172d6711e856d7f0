"""Which Burgers vector each line most likely has, and by what it was told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from hyperspy_stereo.results.crystal_lines import CrystalLines

__all__ = ["SEVERAL", "burgers_candidates", "decided", "line_labels"]

SEVERAL = "several"
UNKNOWN = "too short"
NONE = "none visible"
LIKELY = 2.0  # sigma, as for the indices of directions
WELL_KNOWN = 10.0  # degrees; a direction with a larger error is along many vectors
COLUMNS = ("line", "candidate", "kind", "told by", "left", "g.b", "angle", "angle_error")


def burgers_candidates(
    lines: CrystalLines, kind: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Choose a Burgers vector for each line where what is known allows it.

    In this order, until one is left: those that are visible in g; those that the line's plane
    contains, where it has one; the one along which the line runs within 2 sigma, as screws do; the
    shortest, whose lines cost least energy (Frank's rule). The last two are rules of thumb and
    not a measurement: ``told by`` says what decided. One g never tells the sign of b, nor b
    itself: g·b = 0 in other reflections does (Hirsch et al., Electron Microscopy of Thin
    Crystals, 1977, ch. 7).

    Parameters
    ----------
    lines : CrystalLines
        Of ``DislocationNetwork.in_crystal``.
    kind : str or sequence of str, optional
        Types of Burgers vectors, such as "ordinary". By default all that are translations of the
        lattice: partials are shorter and would always be preferred.

    Returns
    -------
    pandas.DataFrame
        One row for each line: ``line``; ``candidate`` such as "[101]", or "several", or "" if none
        is visible; its ``kind``; ``told by``: "g", "plane", "screw", "length" or ""; ``left``, how
        many remain; ``g.b``; ``angle`` to the line and ``angle_error`` in degrees (0 is a screw),
        NaN without one candidate.

    Raises
    ------
    ValueError
        If the crystal has no Burgers vectors of that type.

    Examples
    --------
    >>> from hyperspy_stereo import DislocationNetwork
    >>> from hyperspy_stereo.simulation import FoilOrientation
    >>> foil = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2))
    >>> points = np.linspace(0, 100, 51)[:, None] * foil.direction((1, 0, 1))
    >>> network = DislocationNetwork(points, [0] * 51, [1.0] * 51, units="nm")
    >>> table = burgers_candidates(network.in_crystal(foil))
    >>> table.loc[0, "candidate"], table.loc[0, "told by"]
    ('[101]', 'screw')
    """
    import pandas as pd

    from hyperspy_stereo.simulation.crystals.burgers import burgers_vectors

    vectors = burgers_vectors(lines.foil.crystal, kind)
    if kind is None:
        vectors = [b for b in vectors if not b.partial]
    length = {b.label: round(b.length, 6) for b in vectors}
    table = lines.burgers(kind)
    table = table[table.burgers.isin(length)].assign(length=lambda t: t.burgers.map(length))
    of_line = dict(list(table.groupby("line")))
    rows = [_chosen(shape.line, of_line.get(shape.line)) for shape in lines.shapes]
    return pd.DataFrame(rows, columns=COLUMNS)


def _chosen(line: int, options: pd.DataFrame | None) -> dict:
    """The row of one line."""
    told, left = "", options
    for name, fits in (
        ("g", lambda t: t.visible),
        ("plane", lambda t: [value is None or bool(value) for value in t.glissile]),
        ("screw", _is_screw),
        ("length", lambda t: t.length <= t.length.min() + 1e-6),
    ):
        if left is None or len(left) < 2:
            break
        fewer = left[np.asarray(fits(left), bool)]
        if name == "g" or len(fewer):  # nothing that is seen has another b than a visible one
            told, left = (name if len(fewer) < len(left) else told), fewer
    count = 0 if left is None else len(left)
    row = {"line": line, "candidate": "", "kind": "", "told by": "", "left": count}
    row |= {"g.b": np.nan, "angle": np.nan, "angle_error": np.nan}
    if count > 1:
        kinds = left.kind.unique()
        return row | {"candidate": SEVERAL, "kind": kinds[0] if len(kinds) == 1 else ""}
    if count == 0:
        return row
    one = left.iloc[0]
    row |= {"candidate": one.burgers, "kind": one.kind, "told by": told, "g.b": one["g.b"]}
    return row | {"angle": one.angle, "angle_error": one.angle_error}


def _is_screw(options: pd.DataFrame) -> pd.Series:
    """Whether the line is known well enough and runs along b."""
    known = options.angle_error < WELL_KNOWN
    return known & (options.angle <= LIKELY * options.angle_error)


def decided(label: str) -> bool:
    """Whether a label of :func:`line_labels` names one Burgers vector."""
    return label not in (SEVERAL, NONE, UNKNOWN)


def line_labels(lines: CrystalLines) -> list[str]:
    """A label for every line: a candidate, "several", "none visible" or "too short"."""
    labels = [UNKNOWN] * lines.network.n_lines
    for row in burgers_candidates(lines).itertuples():
        labels[row.line] = row.candidate or NONE
    return labels
