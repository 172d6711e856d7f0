"""Key figures of a network, as text and as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.results.density import METRES

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["format_length", "summary_figures", "summary_html", "summary_text"]


def format_length(length: float, units: str) -> str:
    """A length with the unit that keeps its number short.

    Parameters
    ----------
    length : float
        In `units`.
    units : str
        Such as "nm".

    Returns
    -------
    str
        Such as "12.3 µm".

    Examples
    --------
    >>> format_length(12345.0, "nm"), format_length(52.0, "px")
    ('12.3 µm', '52 px')
    """
    if not np.isfinite(length):
        return "not known"
    if units in METRES and length != 0:
        metres = length * METRES[units]
        unit = next((u for u in ("m", "µm", "nm", "pm") if abs(metres) >= 0.9999 * METRES[u]), "pm")
        length, units = metres / METRES[unit], unit
    text = f"{length:.0f}" if abs(length) >= 1000 else f"{length:.3g}"
    return f"{text} {units}"


def summary_figures(network: DislocationNetwork) -> list[tuple[str, str]]:
    """Names and values of the key figures.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.

    Returns
    -------
    list of (name, value)
        For people, not for parsing.
    """
    units = network.units
    if network.n_lines == 0:
        return [("lines", "0 (nothing was matched; see rejected)")]
    low, high = network.points[:, 2].min(), network.points[:, 2].max()
    figures = [
        ("lines", f"{network.n_lines}"),
        ("points", f"{len(network.points)}"),
        ("total length", format_length(network.total_length, units)),
        ("depth", f"{low:.4g} to {high:.4g} {units}"),
        ("depth sigma (median)", format_length(float(np.median(network.sigma)), units)),
    ]
    density, error = network.density, network.density_error
    if np.isfinite(density):
        source = "set" if network.foil_thickness_error is not None else "extent of the points"
        thickness = format_length(network.foil_thickness, units)
        figures += [
            ("density", f"({density:.2e} ± {error:.1e}) {network.density_units}"),
            ("foil thickness", f"{thickness} ({source})"),
        ]
    table = network.rejected
    if len(table):
        share = 1 - table.loc[table["reason"] == "kept", "share"].sum()
        figures.append(("left out", f"{100 * share:.0f} % of the detected length"))
    return figures


def summary_text(network: DislocationNetwork) -> str:
    """One line of text for ``repr``."""
    body = ", ".join(f"{name}: {value}" for name, value in summary_figures(network))
    return f"<DislocationNetwork, {body}>"


def summary_html(network: DislocationNetwork) -> str:
    """A small table for notebooks."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>"
        for name, value in summary_figures(network)
    )
    return f"<table><caption>DislocationNetwork</caption>{rows}</table>"
