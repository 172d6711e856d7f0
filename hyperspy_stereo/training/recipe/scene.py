"""One pair of views before noise, with everything that is true about its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["AMBIGUOUS", "BOUNDARY", "DISTRACTOR", "EDITION", "IGNORE", "LINE", "Scene"]

LINE = 1  #: a visible line, 3 px wide
BOUNDARY = 2  #: boundaries, fault fringes, lamellae, steps: extended things that are no line
IGNORE = 4  #: invisible parts of lines; neither trained nor scored
DISTRACTOR = 8  #: dirt and blobs
AMBIGUOUS = 16  #: lines of different depth overlap

#: Of pictures and labels; part of the names of kept scenes. Raise it when a renderer or a rule of
#: labels changes, so that none of an older edition is scored by mistake.
EDITION = 4


@dataclass(frozen=True, eq=False)
class Scene:
    """A pair of views before noise, with labels.

    Attributes
    ----------
    clean : (2, H, W) float32 ndarray
        Left and right view before noise; share of the incident electrons, not negative.
    label : (2, H, W) uint8 ndarray
        Bits `LINE`, `BOUNDARY`, `IGNORE`, `DISTRACTOR`, `AMBIGUOUS`.
    disparity : (2, H, W) float32 ndarray
        x_right - x_left in px at pixels of lines, NaN elsewhere.
    line_index : (2, H, W) int16 ndarray
        Number of the line at its pixels, -1 elsewhere.
    info : dict
        What made it: seed, renderer, angle in degrees and more.
    """

    clean: np.ndarray
    label: np.ndarray
    disparity: np.ndarray
    line_index: np.ndarray
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = np.shape(self.clean)
        for name in ("clean", "label", "disparity", "line_index"):
            if np.ndim(getattr(self, name)) != 3 or np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"{name} has shape {np.shape(getattr(self, name))}, but the views {shape}: a "
                    "scene needs arrays (2, H, W) of one shape."
                )

    def crop(self, row: int, column: int, height: int, width: int) -> Scene:
        """Return a window of all arrays; they are views of the same memory."""
        window = (slice(None), slice(row, row + height), slice(column, column + width))
        arrays = (self.clean, self.label, self.disparity, self.line_index)
        return Scene(*(array[window] for array in arrays), info=self.info)
