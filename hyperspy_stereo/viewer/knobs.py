"""What can be turned between a pair and its lines, and how far."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

__all__ = ["Knobs", "check_crystal", "turned"]

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
    "azimuth": (-360.0, 360.0),
}
REQUIRED = ("sensitivity", "min_confidence", "azimuth")


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
    crystal : str, optional
        Name of a preset crystal; without one there is no step "crystal".
    zone_axis : (u, v, w) or (U, V, T, W), optional
        Direction that points up to the source.
    g : (h, k, l) or (h, k, i, l), optional
        Reflection of the two-beam condition.
    azimuth : float
        Of g in the images, degrees; 90, down, is that of views of one exposure, or -90.
    tilt : (float, float)
        Of the specimen after that, degrees about x and y of the image.
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
    crystal: str | None = None
    zone_axis: tuple | None = None
    g: tuple | None = None
    azimuth: float = 90.0
    tilt: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: take one of {', '.join(map(repr, choices))}."
                )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None and name not in REQUIRED:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float | np.number):
                raise TypeError(f"{name}={value!r}: give a number.")
            if not low <= value <= high:
                raise ValueError(f"{name}={value!r}: give a number from {low:g} to {high:g}.")
        if self.disparity_range is not None and np.shape(self.disparity_range) != (2,):
            raise ValueError(
                f"disparity_range={self.disparity_range!r}: give (smallest, largest) in px."
            )
        check_crystal(self)

    def given(self, *names: str) -> dict[str, Any]:
        """Those of some knobs that are not at their defaults."""
        usual = {field.name: field.default for field in fields(self)}
        return {name: getattr(self, name) for name in names if getattr(self, name) != usual[name]}


def check_crystal(knobs: Knobs) -> None:
    """Refuse a crystal, zone axis or g that cannot be; what is not given yet is not missed."""
    if knobs.crystal is None:
        return
    if not isinstance(knobs.crystal, str):
        raise TypeError(
            f"crystal={knobs.crystal!r}: the panel knows preset crystals by name; with one of your "
            "own use lines.in_crystal(FoilOrientation(crystal, zone_axis, g, azimuth))."
        )
    from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation
    from hyperspy_stereo.simulation.crystals.structure import crystal

    known = crystal(knobs.crystal)
    for name, check in (("zone_axis", known.direction_indices), ("g", known.plane_indices)):
        if getattr(knobs, name) is not None:
            check(getattr(knobs, name))
    if knobs.zone_axis is not None and knobs.g is not None:
        FoilOrientation(known, knobs.zone_axis, knobs.g, knobs.azimuth, knobs.tilt)


def turned(knobs: Knobs, wanted: dict[str, Any]) -> Knobs:
    """Knobs with some set anew."""
    names = [field.name for field in fields(Knobs)]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise TypeError(f"there is no knob {unknown[0]!r}: the knobs are {', '.join(names)}.")
    return replace(knobs, **wanted)
