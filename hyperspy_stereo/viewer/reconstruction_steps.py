"""From a pair to lines in 3D as four steps with their knobs; results, what is stale, and the code.

What runs and what is copied as code are one description, so that they cannot differ.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.knobs import Knobs, turned

if TYPE_CHECKING:
    from hyperspy_stereo.results import DislocationNetwork
    from hyperspy_stereo.results.crystal_lines import CrystalLines
    from hyperspy_stereo.signals.stereo_pair import StereoPair

__all__ = ["STEPS", "Call", "ReconstructionSteps"]

#: Names of the steps, in their order, with the name of what each makes.
STEPS = {
    "align": "pair",
    "detect": "maps",
    "match": "lines",
    "view": "lines",
    "crystal": "crystal",
}
# Calls that show something: who shows it makes them.
SHOWN = ("plot", "plot_stereogram", "burgers_candidates")
IMPORT = "from hyperspy_stereo.simulation import FoilOrientation"

# Which knobs each step reads; its result is stale when one of them or of a step before changes.
READS = {
    "align": ("align", "tilt_axis"),
    "detect": ("method", "augment", "polarity", "sensitivity"),
    "match": ("threshold", "disparity_range", "min_confidence", "min_length", "refine"),
    "view": ("foil_thickness", "colour"),
    "crystal": ("crystal", "zone_axis", "g", "azimuth", "tilt"),
}


@dataclass(frozen=True)
class Name:
    """A variable among the arguments of a call."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Call:
    """One call: ``target = source.method(*positional, **named)``; without a source a function."""

    target: str
    source: str
    method: str
    positional: tuple = ()
    named: tuple[tuple[str, Any], ...] = ()

    @property
    def code(self) -> str:
        """A line of Python."""
        parts = [repr(value) for value in self.positional]
        parts += [f"{name}={value!r}" for name, value in self.named]
        start = f"{self.target} = " if self.target else ""
        source = f"{self.source}." if self.source else ""
        return f"{start}{source}{self.method}({', '.join(parts)})"

    def run(self, names: dict[str, Any]) -> Any:
        """Call it on the objects of those names; the result gets the name of the target."""
        first, *rest = f"{self.source}.{self.method}".strip(".").split(".")
        called = names[first]
        for attribute in rest:
            called = getattr(called, attribute)
        given = [names[v.text] if isinstance(v, Name) else v for v in self.positional]
        result = called(*given, **dict(self.named))
        if self.target:
            names[self.target] = result
        return result


def calls_of(step: str, knobs: Knobs) -> list[Call]:
    """The calls that one step is made of.

    Parameters
    ----------
    step : {"align", "detect", "match", "view", "crystal"}
        Its name.
    knobs : Knobs
        As they are set.

    Returns
    -------
    list of Call

    Examples
    --------
    >>> [call.code for call in calls_of("match", Knobs(min_confidence=0.7))]
    ['lines = maps.reconstruct(min_confidence=0.7)']
    """

    def named(*names: str) -> tuple:
        return tuple(knobs.given(*names).items())

    if step == "align":
        return [Call("pair", "pair", "align", named=named("tilt_axis"))] if knobs.align else []
    if step == "detect":
        own = ("augment",) if knobs.method == "unet" else ("polarity", "sensitivity")
        return [Call("maps", "pair", "detect_dislocations", named=named("method", *own))]
    if step == "match":
        place = "Stereo.Detection.threshold"
        level = [Call("", "maps.metadata", "set_item", (place, knobs.threshold))]
        wanted = named("disparity_range", "min_confidence", "min_length", "refine")
        matched = Call("lines", "maps", "reconstruct", named=wanted)
        return [*(level if knobs.threshold is not None else []), matched]
    if step == "crystal":
        return _crystal_calls(knobs)
    thick = [Call("lines", "lines", "set_foil_thickness", (knobs.foil_thickness,))]
    views = ("images", Name("pair"))
    shown = Call("", "lines", "plot", named=(*named("colour"), views))
    return [*(thick if knobs.foil_thickness is not None else []), shown]


def _crystal_calls(knobs: Knobs) -> list[Call]:
    """Orientation, lines in the crystal, and what is shown of them."""
    if knobs.crystal is None:
        return []
    if knobs.zone_axis is None or knobs.g is None:
        raise ValueError(
            f"the orientation of {knobs.crystal} is not known: give zone_axis, the direction that "
            "points up to the source, and g, the reflection of the two-beam condition."
        )
    placed = [(name, getattr(knobs, name)) for name in ("zone_axis", "g", "azimuth")]
    placed += [("tilt", knobs.tilt)] if any(knobs.tilt) else []
    return [
        Call("foil", "", "FoilOrientation", (knobs.crystal,), tuple(placed)),
        Call("crystal", "lines", "in_crystal", (Name("foil"),)),
        Call("", "crystal", "plot_stereogram"),
        Call("", "crystal", "burgers_candidates"),
        Call("", "crystal", "plot", named=(("images", Name("pair")),)),
    ]


class ReconstructionSteps:
    """A pair on its way to lines: runs steps when they are asked for, and keeps what holds.

    Parameters
    ----------
    pair : StereoPair
        Where it starts; never changed.
    **knobs
        Attributes of :class:`Knobs`. A tilted pair that was not registered yet is aligned by
        default.

    Attributes
    ----------
    knobs : Knobs
        As they are set now.
    warned : dict of str to list of str
        What each step warned of when it ran.
    """

    def __init__(self, pair: StereoPair, **knobs: Any) -> None:
        self._pair = pair
        registered = pair.metadata.has_item("Stereo.Alignment")
        self.can_align = pair.geometry == "tilt" and pair.n_views == 2
        self.knobs = turned(Knobs(align=self.can_align and not registered), knobs)
        self.warned: dict[str, list[str]] = {}
        self._results: dict[str, tuple[tuple, Any]] = {}

    def set(self, **knobs: Any) -> ReconstructionSteps:
        """Turn some knobs; what depends on them becomes stale.

        Raises
        ------
        TypeError, ValueError
            If there is no such knob, or it cannot be turned so far.
        """
        self.knobs = turned(self.knobs, knobs)
        return self

    def result(self, step: str) -> Any:
        """What a step made, or None if it has to run (again)."""
        key, result = self._results.get(step, (None, None))
        return result if key == self._key(step) else None

    def run(self, step: str) -> Any:
        """What a step makes; it and the steps before it run if they have to.

        Parameters
        ----------
        step : {"align", "detect", "match", "view", "crystal"}
            Its name.

        Returns
        -------
        StereoPair, DislocationMap, DislocationNetwork or CrystalLines

        Raises
        ------
        ValueError
            If there is no such step; and what the methods of the steps raise.
        """
        if step not in STEPS:
            raise ValueError(f"The steps are {', '.join(map(repr, STEPS))}; {step!r} was given.")
        if step == "crystal" and self.knobs.crystal is None:
            raise ValueError(
                "the crystal is not known: set crystal (such as 'TiAl'), zone_axis, g and azimuth."
            )
        kept = self.result(step)
        if kept is not None:
            return kept
        names = self._before(step)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            for call in calls_of(step, self.knobs):
                if call.method not in SHOWN:
                    call.run(names)
        self.warned[step] = [str(w.message) for w in caught if w.category is UserWarning]
        result = names[STEPS[step]]
        self._results[step] = (self._key(step), result)
        return result

    def _before(self, step: str) -> dict[str, Any]:
        """Names and objects that a step starts with; safe to be written to."""
        order = list(STEPS)
        number = order.index(step)
        if number == 0:
            pair = self._pair
            if pair._lazy:
                # Two images, which every step needs again.
                pair = pair.deepcopy()
                pair.compute(show_progressbar=False)
            return {"pair": pair}
        made = self.run(order[number - 1])
        if step == "match":
            made = made.deepcopy()  # its threshold is set
        elif step == "view":
            made = copy.copy(made)  # its thickness is set
        if step == "crystal":
            from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation

            return {"lines": made, "FoilOrientation": FoilOrientation}
        return {STEPS[order[number - 1]]: made}

    def _key(self, step: str) -> tuple:
        order = list(STEPS)
        before = order[: order.index(step) + 1]
        return tuple(getattr(self.knobs, name) for s in before for name in READS[s])

    @property
    def active(self) -> tuple[str, ...]:
        """The steps that there are: "crystal" is one where a crystal is set."""
        return tuple(s for s in STEPS if s != "crystal" or self.knobs.crystal is not None)

    @property
    def network(self) -> DislocationNetwork:
        """The lines; the steps run if they have to."""
        return self.run("view")

    @property
    def code(self) -> str:
        """Python that does the same to a StereoPair named ``pair``."""
        try:
            lines = [c.code for step in self.active for c in calls_of(step, self.knobs)]
        except ValueError:  # half of the crystal is typed
            lines = [c.code for step in list(STEPS)[:-1] for c in calls_of(step, self.knobs)]
        return "\n".join([IMPORT, *lines] if any("FoilOr" in line for line in lines) else lines)

    def summary(self, step: str) -> str:
        """In words, what a step found; empty if it has to run."""
        result = self.result(step)
        if result is None:
            return ""
        return SUMMARIES[step](result)


def _aligned(pair: StereoPair) -> str:
    found = pair.metadata.get_item("Stereo.Alignment")
    angle = f"{pair.n_views} views, stereo angle {pair.stereo_angle:.2f}°"
    if found is None:
        return f"{angle}; nothing to register"
    return (
        f"{angle}; {found.n_inliers} of {found.n_matches} features agree, "
        f"{found.residual:.2f} px are left across the parallax"
    )


def _detected(maps: Any) -> str:
    shares = ", ".join(f"{share:.1%}" for share in maps.mask().mean(axis=(1, 2)))
    level = maps.metadata.Stereo.Detection.threshold
    return f"lines on {shares} of the pixels of the views, at a threshold of {level:.2f}"


def _matched(lines: DislocationNetwork) -> str:
    table = lines.rejected
    left_out = [
        f"{row.reason} {row.share:.0%}"
        for row in table.itertuples()
        if row.reason != "kept" and row.share >= 0.005
    ]
    kept = float(table.loc[table.reason == "kept", "share"].sum()) if len(table) else 1.0
    text = f"{lines.n_lines} lines, {kept:.0%} of the detected length"
    return f"{text}; left out: {', '.join(left_out)}" if left_out else text


def _viewed(lines: DislocationNetwork) -> str:
    text = f"{lines.total_length:.4g} {lines.units} of lines"
    if lines.n_lines:
        text += f", median sigma of the depth {np.median(lines.sigma):.2g} {lines.units}"
    if np.isfinite(lines.density):
        text += f"; density {lines.density:.3g} ± {lines.density_error:.1g} {lines.density_units}"
    return text


def _oriented(crystal: CrystalLines) -> str:
    from hyperspy_stereo.results.burgers_candidates import SEVERAL

    table, candidates = crystal.to_dataframe(), crystal.burgers_candidates()
    named, planes = int((table.direction != "").sum()), int((table.plane != "").sum())
    told = int((~candidates.candidate.isin(["", SEVERAL])).sum())
    return (
        f"{len(crystal)} lines in {crystal.foil.crystal.name}: simple directions for {named}, "
        f"habit planes for {planes}, one Burgers candidate for {told}"
    )


SUMMARIES = {
    "align": _aligned,
    "detect": _detected,
    "match": _matched,
    "view": _viewed,
    "crystal": _oriented,
}
