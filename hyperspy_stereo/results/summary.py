"""Key figures of a network or of particles, as text and as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.results.density import METRES

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork
    from hyperspy_stereo.results.particle_cloud import ParticleCloud

__all__ = [
    "cloud_figures",
    "cloud_html",
    "cloud_text",
    "format_length",
    "summary_figures",
    "summary_html",
    "summary_text",
]


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
    return _table("DislocationNetwork", summary_figures(network))


def cloud_figures(cloud: ParticleCloud) -> list[tuple[str, str]]:
    """Names and values of the key figures of particles.

    Parameters
    ----------
    cloud : ParticleCloud
        May be empty.

    Returns
    -------
    list of (name, value)
        For people, not for parsing.
    """
    if len(cloud) == 0:
        return [("particles", "none")]
    units = cloud.units
    low, high = cloud.points[:, 2].min(), cloud.points[:, 2].max()
    sigma = " ".join(f"{s:.2g}" for s in np.median(cloud.sigma, axis=0))
    figures = [("particles", f"{len(cloud)}")]
    if cloud.ambiguous.any():
        figures.append(("of them ambiguous", f"{int(cloud.ambiguous.sum())}"))
    figures += [
        ("diameter (median)", format_length(cloud.diameter, units)),
        ("depth", f"{low:.4g} to {high:.4g} {units}"),
        ("sigma x, y, z (median)", f"{sigma} {units}"),
    ]
    if np.isfinite(cloud.concentration):
        (left, right), (top, bottom) = cloud.field
        sides = f"{right - left:.4g} x {bottom - top:.4g} x {cloud.thickness:.4g} {units}"
        figures += [
            ("box of the count", f"{sides}, {int(cloud.inside.sum())} inside"),
            (
                "concentration",
                f"({cloud.concentration:.3g} ± {cloud.concentration_error:.1g}) "
                f"{cloud.concentration_units}",
            ),
        ]
    return figures


def cloud_text(cloud: ParticleCloud) -> str:
    """One line of text for ``repr``."""
    if len(cloud) == 0:
        return "<ParticleCloud, no particles>"
    body = ", ".join(f"{name}: {value}" for name, value in cloud_figures(cloud))
    return f"<ParticleCloud, {body}>"


def cloud_html(cloud: ParticleCloud) -> str:
    """A small table for notebooks."""
    return _table("ParticleCloud", cloud_figures(cloud))


def _table(caption: str, figures: list[tuple[str, str]]) -> str:
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>"
        for name, value in figures
    )
    return f"<table><caption>{escape(caption)}</caption>{rows}</table>"
