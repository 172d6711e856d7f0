"""One dislocation in a foil, described by what a student would turn: type, depth, g, s."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from hyperspy_stereo.simulation.beam import TwoBeam
    from hyperspy_stereo.simulation.dislocation import Dislocation

__all__ = ["KINDS", "CaseImages", "ContrastCase"]

KINDS = ("screw", "60° mixed", "edge, b in the foil", "edge, b across the foil", "loop")
# A metal such as the high-entropy alloys: 1/nm, nm.
G_LENGTH = 5.0
B_LENGTH = 0.2
XI_G, XI_G_ABS, XI_0_ABS = 40.0, 660.0, 600.0
LOOP_RADIUS = 30.0
LOOP_CORNERS = 12


class CaseImages(NamedTuple):
    """Images (H, W), share of the incident electrons, and what they are without a line.

    Bright and dark field look along the beam; `left` and `right` are bright-field views inclined
    by plus and minus half the stereo angle along x. `background` holds those four levels.
    """

    bright: np.ndarray
    dark: np.ndarray
    left: np.ndarray
    right: np.ndarray
    background: tuple[float, float, float, float]


@dataclass(frozen=True)
class ContrastCase:
    """A dislocation through the middle of the field of view, and how it is looked at.

    Directions turn freely, so that g·b need not be a whole number as it is in a crystal. The
    length of g is 5 /nm and that of b 0.2 nm, so that g·b is 1 where they are parallel; the
    extinction distance is 40 nm.

    Attributes
    ----------
    kind : str
        One of `KINDS`. The loop has a radius of 30 nm and its Burgers vector along its normal.
    depth : float
        Of the middle of the line as a share of the thickness, 0 (entrance face) to 1.
    inclination : float
        Of the line against the foil in degrees, -80 to 80; of the plane of a loop.
    azimuth : float
        Direction of the line in the image in degrees, from x right towards y down.
    reverse : bool
        Take -b instead of b.
    g_azimuth : float
        Direction of g in the image in degrees; 90 is along y, across the parallax.
    w : float
        s ξg, the excitation error in units of 1 / ξg.
    thickness : float
        Of the foil, nm.
    stereo_angle : float
        Between the left and the right view, degrees.
    shape : (int, int)
        Rows and columns of the images.
    pixel_size : float
        nm.

    Examples
    --------
    >>> ContrastCase("screw", azimuth=0.0, inclination=0.0).g_dot_b  # g is along y
    0.0
    """

    kind: str = "screw"
    depth: float = 0.5
    inclination: float = 35.0
    azimuth: float = 65.0
    reverse: bool = False
    g_azimuth: float = 90.0
    w: float = 0.0
    thickness: float = 200.0
    stereo_angle: float = 5.0
    shape: tuple[int, int] = (72, 96)
    pixel_size: float = 3.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(map(repr, KINDS))}; got {self.kind!r}.")
        for name, low, high in (
            ("depth", 0, 1),
            ("inclination", -80, 80),
            ("thickness", 10, 2000),
            ("stereo_angle", 0, 20),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must lie between {low} and {high}; got {value!r}.")

    @property
    def line_direction(self) -> np.ndarray:
        """Unit vector along the line; for a loop, where its plane rises most steeply."""
        a, i = np.deg2rad(self.azimuth), np.deg2rad(self.inclination)
        return np.array([np.cos(i) * np.cos(a), np.cos(i) * np.sin(a), np.sin(i)])

    @property
    def burgers(self) -> np.ndarray:
        """Burgers vector, nm."""
        u = self.line_direction
        a = np.deg2rad(self.azimuth)
        level = np.array([-np.sin(a), np.cos(a), 0.0])
        direction = {
            "screw": u,
            "60° mixed": 0.5 * u + np.sqrt(0.75) * level,
            "edge, b in the foil": level,
            "edge, b across the foil": np.cross(u, level),
            "loop": np.cross(u, level),
        }[self.kind]
        return (-B_LENGTH if self.reverse else B_LENGTH) * direction

    @property
    def centre(self) -> np.ndarray:
        """The middle of the line, nm."""
        rows, columns = self.shape
        x, y = (columns - 1) / 2, (rows - 1) / 2
        return np.array([x * self.pixel_size, y * self.pixel_size, self.depth * self.thickness])

    @cached_property
    def dislocation(self) -> Dislocation:
        """The line or the loop."""
        from hyperspy_stereo.simulation.dislocation import Dislocation

        if self.kind != "loop":
            return Dislocation(self.centre + np.outer([-10, 10], self.line_direction), self.burgers)
        a = np.deg2rad(self.azimuth)
        angle = np.linspace(0, 2 * np.pi, LOOP_CORNERS + 1)[:, None]
        ring = np.cos(angle) * self.line_direction + np.sin(angle) * [-np.sin(a), np.cos(a), 0]
        return Dislocation(self.centre + LOOP_RADIUS * ring, self.burgers)

    @property
    def beam(self) -> TwoBeam:
        """The two-beam condition of rays along z."""
        from hyperspy_stereo.simulation.beam import TwoBeam

        a = np.deg2rad(self.g_azimuth)
        g = G_LENGTH * np.array([np.cos(a), np.sin(a), 0.0])
        return TwoBeam(g, self.w / XI_G, XI_G, XI_G_ABS, XI_0_ABS)

    @property
    def g_dot_b(self) -> float:
        """g·b, rounded to 1e-9; a straight screw with 0 cannot be seen."""
        return round(float(self.beam.g @ self.burgers), 9) + 0.0

    @property
    def g_dot_b_cross_u(self) -> float:
        """g·(b × u): what remains to be seen of a straight edge with g·b = 0."""
        return round(float(self.beam.g @ np.cross(self.burgers, self.line_direction)), 9) + 0.0

    @property
    def disparity(self) -> float:
        """x_right - x_left of the middle of the line in nm; 0 in the middle of the foil."""
        half = np.deg2rad(self.stereo_angle) / 2
        return float(2 * np.tan(half) * (self.depth - 0.5) * self.thickness)

    def images(self, slice_thickness: float | None = None) -> CaseImages:
        """Compute the four images; some 0.1 s.

        Parameters
        ----------
        slice_thickness : float, optional
            nm. By default 2 for lines and 4 for loops, which have many segments: errors of 0.002
            and 0.006 of the incident intensity, less than the eye sees in the grey levels.

        Returns
        -------
        CaseImages
        """
        from hyperspy_stereo.simulation.two_beam import perfect_crystal

        if slice_thickness is None:
            slice_thickness = 4.0 if self.kind == "loop" else 2.0
        slope = float(np.tan(np.deg2rad(self.stereo_angle) / 2))
        fields, levels = [], []
        # View 0, the left one, has the larger incidence; the middle of the foil is in focus.
        for incidence in ((0.0, 0.0), (slope, 0.0), (-slope, 0.0)):
            fields.append(self._view(incidence, slice_thickness))
            levels.append(perfect_crystal(self.beam.at(incidence), self.thickness))
        (bright, dark), (left, _), (right, _) = fields
        background = (levels[0][0], levels[0][1], levels[1][0], levels[2][0])
        return CaseImages(bright, dark, left, right, tuple(float(b) for b in background))

    def _view(self, incidence: tuple[float, float], slice_thickness: float) -> np.ndarray:
        """Bright and dark field of one view, (2, H, W)."""
        x, y = (np.arange(n) * self.pixel_size for n in self.shape[::-1])
        if self.kind != "loop":
            return self._fields(x, y, incidence, slice_thickness)
        # Far from a loop the images are smooth, and loops have many segments.
        coarse_x, coarse_y = (np.linspace(0, v[-1], -(-len(v) // 4) + 1) for v in (x, y))
        far = self._fields(coarse_x, coarse_y, incidence, slice_thickness)
        image = _weights(y, coarse_y) @ far @ _weights(x, coarse_x).T
        near_x, near_y = (
            np.flatnonzero(np.abs(v - c) < 2.4 * LOOP_RADIUS)
            for v, c in zip((x, y), self.centre, strict=False)
        )
        near = self._fields(x[near_x], y[near_y], incidence, slice_thickness)
        image[:, near_y[0] : near_y[-1] + 1, near_x[0] : near_x[-1] + 1] = near
        return image

    def _fields(self, x, y, incidence, slice_thickness) -> np.ndarray:
        from hyperspy_stereo.simulation.two_beam import bright_dark_field

        line, beam, t = self.dislocation, self.beam, self.thickness
        focus = t / 2
        return np.stack(bright_dark_field(line, beam, t, x, y, incidence, focus, slice_thickness))


def _weights(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Matrix (n, m) of linear interpolation from m even places to n places."""
    apart = np.abs(fine[:, None] - coarse[None]) / (coarse[1] - coarse[0])
    return np.clip(1 - apart, 0, None)
