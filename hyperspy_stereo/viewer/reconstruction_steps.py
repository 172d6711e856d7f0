"""From a pair to lines in 3D as four steps with their knobs; results, what is stale, and the code.

What runs and what is copied as code are one description, so that they cannot differ.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperspy_stereo.results import DislocationNetwork
    from hyperspy_stereo.signals.stereo_pair import StereoPair

__all__ = ["STEPS", "Call", "Knobs", "ReconstructionSteps"]

#: Names of the steps, in their order, with the name of what each makes.
STEPS = {"align": "pair", "detect": "maps", "match": "lines", "view": "lines"}


#: What the knobs can be set to; the methods accept no more, or the panel could not show it.
CHOICES = {
    "align": (False, True),
    "augment": (False, True),
    "method": ("unet", "ridge"),
    "polarity": ("dark", "bright"),
    "refine": ("auto", "joint", None),
    "colour": ("depth", "sigma", "confidence", "line"),
}
RANGES = {
    "tilt_axis": (-360.0, 360.0),
    "sensitivity": (0.3, 3.0),
    "threshold": (0.0, 1.0),
    "min_confidence": (0.0, 1.0),
    "min_length": (0.0, np.inf),
    "foil_thickness": (0.0, np.inf),
}


@dataclass(frozen=True)
class Knobs:
    """What can be turned between a pair and its lines; the defaults are those of the methods.

    Attributes
    ----------
    align : bool
        Register the two images of a tilted pair first.
    tilt_axis : float, optional
        Degrees from the vertical, where the microscope tells it.
    method : {"unet", "ridge"}
        How lines are found.
    augment : bool
        "unet" looks several times: slower, a little better.
    polarity : {"dark", "bright"}
        Of the lines that "ridge" looks for.
    sensitivity : float
        Of "ridge"; above 1 finds fainter lines.
    threshold : float, optional
        Probability from which a pixel counts as line; by default the detector's own.
    disparity_range : (float, float), optional
        px; by default estimated.
    min_confidence : float
        Points that are right with a smaller probability are left out.
    min_length : float, optional
        Of a line, in the unit of the images; by default 10 px.
    refine : {"auto", "joint", None}
        Whether depths are fitted to all views after matching; "auto" for views of one exposure.
    foil_thickness : float, optional
        In the unit of the images; by default the depth that the lines span.
    colour : {"depth", "sigma", "confidence", "line"}
        What the colours in 3D mean.
    """

    align: bool = False
    tilt_axis: float | None = None
    method: str = "unet"
    augment: bool = False
    polarity: str = "dark"
    sensitivity: float = 1.0
    threshold: float | None = None
    disparity_range: tuple[float, float] | None = None
    min_confidence: float = 0.5
    min_length: float | None = None
    refine: str | None = "auto"
    foil_thickness: float | None = None
    colour: str = "depth"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: take one of {', '.join(map(repr, choices))}."
                )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None and name not in ("sensitivity", "min_confidence"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float | np.number):
                raise TypeError(f"{name}={value!r}: give a number.")
            if not low <= value <= high:
                raise ValueError(f"{name}={value!r}: give a number from {low:g} to {high:g}.")
        if self.disparity_range is not None and np.shape(self.disparity_range) != (2,):
            raise ValueError(
                f"disparity_range={self.disparity_range!r}: give (smallest, largest) in px."
            )

    def given(self, *names: str) -> dict[str, Any]:
        """Those of some knobs that are not at their defaults."""
        usual = {field.name: field.default for field in fields(self)}
        return {name: getattr(self, name) for name in names if getattr(self, name) != usual[name]}


# Which knobs each step reads; its result is stale when one of them or of a step before changes.
READS = {
    "align": ("align", "tilt_axis"),
    "detect": ("method", "augment", "polarity", "sensitivity"),
    "match": ("threshold", "disparity_range", "min_confidence", "min_length", "refine"),
    "view": ("foil_thickness", "colour"),
}


@dataclass(frozen=True)
class Call:
    """One call of a method: ``target = source.method(*positional, **named)``."""

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
        return f"{start}{self.source}.{self.method}({', '.join(parts)})"

    def run(self, names: dict[str, Any]) -> Any:
        """Call it on the objects of those names; the result gets the name of the target."""
        first, *rest = self.source.split(".")
        source = names[first]
        for attribute in rest:
            source = getattr(source, attribute)
        result = getattr(source, self.method)(*self.positional, **dict(self.named))
        if self.target:
            names[self.target] = result
        return result


def calls_of(step: str, knobs: Knobs) -> list[Call]:
    """The calls that one step is made of.

    Parameters
    ----------
    step : {"align", "detect", "match", "view"}
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
    thick = [Call("lines", "lines", "set_foil_thickness", (knobs.foil_thickness,))]
    shown = Call("", "lines", "plot", named=named("colour"))
    return [*(thick if knobs.foil_thickness is not None else []), shown]


def _turned(knobs: Knobs, wanted: dict[str, Any]) -> Knobs:
    """Knobs with some set anew."""
    names = [field.name for field in fields(Knobs)]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise TypeError(f"there is no knob {unknown[0]!r}: the knobs are {', '.join(names)}.")
    return replace(knobs, **wanted)


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
        self.knobs = _turned(Knobs(align=self.can_align and not registered), knobs)
        self.warned: dict[str, list[str]] = {}
        self._results: dict[str, tuple[tuple, Any]] = {}

    def set(self, **knobs: Any) -> ReconstructionSteps:
        """Turn some knobs; what depends on them becomes stale.

        Raises
        ------
        TypeError, ValueError
            If there is no such knob, or it cannot be turned so far.
        """
        self.knobs = _turned(self.knobs, knobs)
        return self

    def result(self, step: str) -> Any:
        """What a step made (pair, maps, lines, lines), or None if it has to run (again)."""
        key, result = self._results.get(step, (None, None))
        return result if key == self._key(step) else None

    def run(self, step: str) -> Any:
        """What a step makes; it and the steps before it run if they have to.

        Parameters
        ----------
        step : {"align", "detect", "match", "view"}
            Its name.

        Returns
        -------
        StereoPair, DislocationMap or DislocationNetwork

        Raises
        ------
        ValueError
            If there is no such step; and what the methods of the steps raise.
        """
        if step not in STEPS:
            raise ValueError(f"The steps are {', '.join(map(repr, STEPS))}; {step!r} was given.")
        kept = self.result(step)
        if kept is not None:
            return kept
        names = self._before(step)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            for call in calls_of(step, self.knobs):
                if call.method != "plot":  # drawn by whoever shows it
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
        return {STEPS[order[number - 1]]: made}

    def _key(self, step: str) -> tuple:
        order = list(STEPS)
        before = order[: order.index(step) + 1]
        return tuple(getattr(self.knobs, name) for s in before for name in READS[s])

    @property
    def network(self) -> DislocationNetwork:
        """The lines; the steps run if they have to."""
        return self.run("view")

    @property
    def code(self) -> str:
        """Python that does the same to a StereoPair named ``pair``."""
        return "\n".join(call.code for step in STEPS for call in calls_of(step, self.knobs))

    def summary(self, step: str) -> str:
        """In words, what a step found; empty if it has to run."""
        result = self.result(step)
        if result is None:
            return ""
        return {"align": _aligned, "detect": _detected, "match": _matched, "view": _viewed}[step](
            result
        )


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
