"""The two views while a scene is painted, and where things at a depth appear in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hyperspy_stereo.training.recipe.line_looks import LineLook
from hyperspy_stereo.training.recipe.line_raster import stamp_line

__all__ = ["Canvas"]


@dataclass(eq=False)
class Canvas:
    """Two views under construction; the painters change its arrays in place.

    Attributes
    ----------
    side : int
        Height and width, px.
    rng : numpy.random.Generator
        Source of randomness of everything that is painted.
    half_range : float
        Disparity of the faces of the foil, px: depth z from -1 to 1 has the disparity
        ``offset + half_range * z``.
    offset : float
        Disparity of the mid plane, px.
    faint : float
        Contrast below which something straight and extended is lost in the ground.
    """

    side: int
    rng: np.random.Generator
    half_range: float
    offset: float = 0.0
    image: np.ndarray = field(init=False)
    label: np.ndarray = field(init=False)
    disparity: np.ndarray = field(init=False)
    line_index: np.ndarray = field(init=False)
    faint: float = field(init=False, default=0.04)

    def __post_init__(self) -> None:
        shape = (2, self.side, self.side)
        self.image = np.ones(shape, np.float32)
        self.label = np.zeros(shape, np.uint8)
        self.disparity = np.full(shape, np.nan, np.float32)
        self.line_index = np.full(shape, -1, np.int16)
        self._closest = np.full(shape, 1e9, np.float32)
        self._best = np.full(shape[1:], 1e9, np.float32)
        self._side, self._place = np.zeros((2, *shape[1:]), np.float32)
        self.y, self.x = np.mgrid[: self.side, : self.side].astype(np.float32)

    def at(self, view: int, z: float | np.ndarray) -> np.ndarray:
        """Return x of the scene seen at each pixel of a view, for things at depth z."""
        return self.x + (0.5 - view) * (self.offset + self.half_range * z)

    def distance(self, view: int, angle: float, place: float, z: float) -> np.ndarray:
        """Return the signed distance (px) from a straight trace at depth z.

        `angle` is the direction of its normal (rad), `place` its distance from the middle of
        the frame along the normal, px.
        """
        middle = 0.5 * (self.side - 1)
        across = np.cos(angle) * (self.at(view, z) - middle) + np.sin(angle) * (self.y - middle)
        return across - np.float32(place)

    def multiply(self, view: int, factor: np.ndarray) -> None:
        """Multiply a view by a positive factor."""
        self.image[view] *= np.asarray(factor, np.float32)

    def mark(self, view: int, where: np.ndarray, bit: int) -> None:
        """Set a label bit at some pixels."""
        self.label[view][where] |= bit

    def line(self, curve: np.ndarray, look: LineLook, number: int, seen: float) -> None:
        """Draw a line with columns x, y (px) and z in both views, with its labels."""
        disparity = self.offset + self.half_range * curve[:, 2]
        for view in (0, 1):
            x = curve[:, 0] - (0.5 - view) * disparity
            stamp_line(
                self.image[view], self.label[view], self.disparity[view], self.line_index[view],
                self._closest[view], self._best, self._side, self._place,
                np.column_stack([x, curve[:, 1], disparity]), look.strength[view],
                look.sigma[view], look.shift[view], look.shape[view], number, seen,
            )  # fmt: skip
