"""The page of the panel on which the crystal is set: its fields, what they mean, what comes out."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.colours import OKABE_ITO, UNNAMED

if TYPE_CHECKING:
    from hyperspy_stereo.results.crystal_lines import CrystalLines
    from hyperspy_stereo.viewer.knobs import Knobs

__all__ = ["crystal_hint", "crystal_knobs", "crystal_output", "indices_of", "read_crystal"]

FIELDS = ("crystal", "zone_axis", "g", "azimuth", "tilt_x", "tilt_y")
SPLIT = re.compile(r"[\s,;]+")
STEREOGRAM = 380  # px
DPI = 96
CELL = "padding:1px 10px 1px 0;white-space:nowrap"


def indices_of(text: str, name: str) -> tuple[int, ...] | None:
    """Read indices as people write them: "1 -1 0", "[1-10]", "1,1,-2,0".

    Parameters
    ----------
    text : str
        Without separators each digit is an index.
    name : str
        For the message.

    Returns
    -------
    tuple of int or None
        None for an empty text.

    Raises
    ------
    ValueError
        If it is not three or four whole numbers.

    Examples
    --------
    >>> indices_of("[1-10]", "zone axis"), indices_of("1 1 -2 0", "g")
    ((1, -1, 0), (1, 1, -2, 0))
    """
    bare = text.strip().strip("[]()<>{}").strip().replace("−", "-")
    if not bare:
        return None
    parts = SPLIT.split(bare) if SPLIT.search(bare) else re.findall(r"-?\d|.", bare)
    try:
        indices = tuple(int(part) for part in parts)
    except ValueError:
        indices = ()
    if len(indices) not in (3, 4):
        raise ValueError(
            f"{name}: {text!r} is not three (or, for a hexagonal crystal, four) whole numbers; "
            'write them as "1 -1 0".'
        )
    return indices


def crystal_knobs(widgets: Any, knobs: Knobs, layout: dict, style: dict) -> dict[str, Any]:
    """The fields by their names."""
    from hyperspy_stereo.simulation.crystals.presets import PRESETS

    def written(indices: tuple | None) -> str:
        return "" if indices is None else " ".join(str(int(i)) for i in indices)

    look = {"layout": layout, "style": style}
    names = [("not known", None), *((p.name, p.name) for p in PRESETS.values())]
    now = None if knobs.crystal is None else _name(knobs.crystal)
    text = {"continuous_update": False, **look}
    return {
        "crystal": widgets.Dropdown(options=names, value=now, description="crystal", **look),
        "zone_axis": widgets.Text(
            written(knobs.zone_axis), description="zone axis", placeholder="such as 1 1 0", **text
        ),
        "g": widgets.Text(written(knobs.g), description="g", placeholder="such as 0 0 2", **text),
        "azimuth": widgets.FloatText(knobs.azimuth, description="azimuth of g (°)", **text),
        "tilt_x": widgets.FloatText(knobs.tilt[0], description="tilt about x (°)", **text),
        "tilt_y": widgets.FloatText(knobs.tilt[1], description="tilt about y (°)", **text),
    }


def _name(crystal: str) -> str:
    from hyperspy_stereo.simulation.crystals.structure import crystal as look_up

    return look_up(crystal).name


def read_crystal(controls: dict[str, Any]) -> dict[str, Any]:
    """What the fields say, as knobs."""
    return {
        "crystal": controls["crystal"].value,
        "zone_axis": indices_of(controls["zone_axis"].value, "zone axis"),
        "g": indices_of(controls["g"].value, "g"),
        "azimuth": controls["azimuth"].value,
        "tilt": (controls["tilt_x"].value, controls["tilt_y"].value),
    }


def crystal_hint(knobs: Knobs, problem: str = "") -> str:
    """What is set, said in HTML: which lines g shows, or what is missing or wrong."""
    if problem:
        return f'<span style="color:{OKABE_ITO["vermilion"]}">{escape(problem)}</span>'
    if knobs.crystal is None:
        return "Choose a crystal to see directions, habit planes and Burgers vectors."
    if knobs.zone_axis is None or knobs.g is None:
        return (
            "Zone axis: the direction that points up to the source. g: the reflection of the "
            "two-beam condition, perpendicular to it."
        )
    from hyperspy_stereo.simulation.crystals.burgers import g_dot_b_table

    table = g_dot_b_table(knobs.crystal, [knobs.g])
    seen = table.columns[-1]
    shown = {
        kind: (int(part[seen].sum()), len(part)) for kind, part in table.groupby("kind", sort=False)
    }
    counts = ", ".join(f"{escape(kind)} {some} of {all_}" for kind, (some, all_) in shown.items())
    return (
        f"With this g are visible: {counts}.<br>Views of one exposure are turned so that g points "
        "up or down in them: azimuth −90 or 90; only the sign of s tells which."
    )


def crystal_output(widgets: Any, crystal: CrystalLines) -> tuple[Any, bytes]:
    """Stereogram and table, and the stereogram as PNG for viewers without widgets."""
    from hyperspy_stereo.results.burgers_candidates import decided

    candidates = crystal.burgers_candidates()
    names = sorted({label for label in candidates.candidate if label and decided(label)})
    colours = {name: _hex(number) for number, name in enumerate(names)}
    picture = _stereogram(crystal, [colours.get(c, UNNAMED) for c in candidates.candidate])
    table = widgets.HTML(_table(crystal, candidates, colours))
    table.layout = widgets.Layout(max_height="300px", overflow="auto")
    image = widgets.Image(
        value=picture, format="png", layout={"flex": "0 0 auto", "align_self": "flex-start"}
    )
    return widgets.VBox([image, table]), picture


def _hex(number: int) -> str:
    from matplotlib.colors import to_hex

    from hyperspy_stereo.viewer.colours import rgb_of

    return to_hex(rgb_of([float(number)], "names", (0, 1))[0])


def _stereogram(crystal: CrystalLines, colours: list[str]) -> bytes:
    import orix.plot  # noqa: F401 - registers the projection
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    inches = STEREOGRAM / DPI
    figure = Figure((inches, inches), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot(projection="stereographic")
    crystal.plot_stereogram(ax, c=colours)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _table(crystal: CrystalLines, candidates: Any, colours: dict[str, str]) -> str:
    units = crystal.network.units
    head = ("line", f"length ({units})", "direction", "habit plane", "b", "told by", "g·b", "∠ b")
    shown = crystal.to_dataframe().merge(candidates, on="line")
    rows = []
    for row in shown.to_dict("records"):
        swatch = colours.get(row["candidate"], UNNAMED)
        rows.append(
            (
                str(row["line"]),
                f"{row['length']:.0f}",
                _indexed(row, "direction"),
                _indexed(row, "plane"),
                f'<span style="color:{swatch}">&#9632;</span> {escape(row["candidate"] or "none")}'
                + (f" ({row['left']})" if row["left"] > 1 else ""),
                escape(row["told by"] or "–"),
                "–" if np.isnan(row["g.b"]) else f"{row['g.b']:+.3g}",
                "–"
                if np.isnan(row["angle"])
                else f"{row['angle']:.0f} ± {row['angle_error']:.0f}°",
            )
        )
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{cell}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    top = "".join(f'<th style="{CELL};text-align:left">{escape(name)}</th>' for name in head)
    return (
        f'<table style="line-height:1.45;border-collapse:collapse"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _degrees(value: float, error: float) -> str:
    return f"{value:.0f} ± {error:.0f}°"


def _indexed(row: dict[str, Any], name: str) -> str:
    """A direction or plane with its error, and how many others fit as well."""
    error = row[f"{name}_error"]
    if np.isnan(error):
        return "–"
    others = row[f"{name}s"] - 1
    text = f"{escape(row[name])} ± {error:.0f}°" if row[name] else f"none within ± {2 * error:.0f}°"
    return text + (f", or {others} more" if others > 0 else "")
