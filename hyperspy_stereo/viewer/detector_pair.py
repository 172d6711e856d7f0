"""Two virtual detectors on the bright-field disc, as a user moves them: rules, warnings, code."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.views import Disc, layout_positions

__all__ = ["DetectorPair", "LiveViews", "share_outside"]

NAMES = ("left", "right")
# px: what the code of a pair is written with, so that it makes exactly the pair that was seen.
DECIMALS = 2
# px; nearer than this two detectors are one view.
LEAST_DISTANCE = 2.0
# Of the disc's radius: further apart across the Kikuchi line than this, contrasts differ. It is
# the half width of the band layout.
SAME_CONTRAST = 0.15
# Of the disc's radius: the largest detectors.
LARGEST = 0.6
# Of a detector's area: less is the rounding of its rim.
LEAST_SHARE = 0.01
MRAD_PER_DEGREE = float(np.deg2rad(1) * 1000)


@dataclass(frozen=True)
class LiveViews:
    """What two detectors see.

    Attributes
    ----------
    left, right : numpy.ndarray
        (H, W), the parallax along rows; NaN outside the scan.
    stereo_angle : float
        Degrees, from what the detectors really see of the disc.
    pixel_size, units : float, str
        Of the views.
    whole : bool
        False for a thumbnail of the scan.
    """

    left: np.ndarray
    right: np.ndarray
    stereo_angle: float
    pixel_size: float = 1.0
    units: str = "px"
    whole: bool = True

    @property
    def angle_text(self) -> str:
        """The stereo angle in degrees and mrad."""
        return f"{self.stereo_angle:.2f}° = {self.stereo_angle * MRAD_PER_DEGREE:.1f} mrad"


@dataclass(frozen=True)
class DetectorPair:
    """Two circular detectors on a disc, and the rules that hold while they are moved.

    Attributes
    ----------
    disc : Disc
        Bright-field disc, px.
    frame : (int, int)
        (H, W) of the patterns.
    positions : ((float, float), (float, float))
        Middles (x, y) of the left and the right detector, px.
    radius : float
        Of both, px.
    azimuth : float, optional
        Of the Kikuchi line, degrees in detector axes; None where it is not known.
    offset : float
        Of the Kikuchi line from the disc's centre along its normal (-sin, cos), px.
    snap : bool
        Keep the detectors on the Kikuchi line.
    linked : bool
        Keep them opposite each other: about the disc's centre, or, on the Kikuchi line, about the
        point of the line nearest to it.

    Examples
    --------
    >>> disc = Disc((32.0, 32.0), 20.0, 0.5)
    >>> pair = DetectorPair.opposite(disc, (64, 64), radius=6.0, azimuth=0.0)
    >>> pair.moved(0, (40.0, 37.0)).positions
    ((40.0, 32.0), (24.0, 32.0))
    """

    disc: Disc
    frame: tuple[int, int]
    positions: tuple[tuple[float, float], tuple[float, float]]
    radius: float
    azimuth: float | None = None
    offset: float = 0.0
    snap: bool = False
    linked: bool = True

    @classmethod
    def opposite(
        cls,
        disc: Disc,
        frame: tuple[int, int],
        radius: float,
        azimuth: float | None = None,
        offset: float = 0.0,
    ) -> DetectorPair:
        """The pair that ``virtual_stereo()`` takes by default: as far apart as the disc allows.

        Parameters
        ----------
        disc, frame, radius, azimuth, offset
            See the attributes. Without an azimuth the detectors lie along x.

        Returns
        -------
        DetectorPair
            Linked, and on the Kikuchi line if there is one.

        Raises
        ------
        ValueError
            If the detectors do not fit into the disc.
        """
        direction = 0.0 if azimuth is None else azimuth
        centres = layout_positions("pair", disc, direction, radius, 2, offset)
        known = azimuth is not None
        pair = cls(disc, tuple(frame), _rounded(centres), radius, azimuth, offset, snap=known)
        return pair.with_radius(radius)

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest radius that makes sense, px."""
        return min(1.0, 0.05 * self.disc.radius), LARGEST * self.disc.radius

    def moved(self, which: int, to: ArrayLike) -> DetectorPair:
        """The pair after one detector was dragged to a place.

        Parameters
        ----------
        which : {0, 1}
            The left or the right one.
        to : (x, y)
            px; its middle stays inside the disc and the frame.

        Returns
        -------
        DetectorPair
            This one where the two would lie on top of each other.
        """
        try:
            place = np.asarray(to, dtype=float)
        except (TypeError, ValueError) as error:
            raise TypeError(f"a place is two numbers (x, y) in px; {to!r} was given.") from error
        if place.shape != (2,) or not np.isfinite(place).all():
            raise ValueError(f"a place is two finite numbers (x, y) in px; {to!r} was given.")
        place = self._allowed(place)
        other = np.asarray(self.positions[1 - which])
        if self.linked:
            other = self._allowed(2 * self._pivot - place)
        both = _rounded([place, other] if which == 0 else [other, place])
        if np.hypot(*np.subtract(*both)) < LEAST_DISTANCE:
            return self
        return replace(self, positions=both)

    def with_radius(self, radius: float) -> DetectorPair:
        """The pair with detectors of another size, within `limits`."""
        low, high = self.limits
        return replace(self, radius=round(float(np.clip(radius, low, high)), DECIMALS))

    def with_rules(self, snap: bool | None = None, linked: bool | None = None) -> DetectorPair:
        """The pair under other rules; the detectors move where these ask for it.

        Parameters
        ----------
        snap, linked : bool, optional
            See the attributes; by default they stay.

        Returns
        -------
        DetectorPair

        Raises
        ------
        ValueError
            If there is no Kikuchi line to snap to.
        """
        snap = self.snap if snap is None else bool(snap)
        if snap and self.azimuth is None:
            raise ValueError(
                "The Kikuchi line of this scan is not known: call s.calibrate_kikuchi(), or give "
                "direction=... in degrees."
            )
        pair = replace(self, snap=snap, linked=self.linked if linked is None else bool(linked))
        return pair.moved(0, pair.positions[0]).moved(1, pair.positions[1])

    def at(self, point: ArrayLike) -> int | None:
        """Which detector lies under a point, the nearer one where both do, or None."""
        away = np.hypot(*(np.asarray(self.positions) - np.asarray(point, dtype=float)).T)
        nearest = int(np.argmin(away))
        # Small detectors can be grabbed from a little outside.
        return nearest if away[nearest] <= max(self.radius, 0.08 * self.disc.radius) else None

    def line(self) -> np.ndarray | None:
        """Ends of the Kikuchi line's piece inside the disc, (2, 2) px, or None."""
        reach = self.disc.radius**2 - self.offset**2
        if self.azimuth is None or reach <= 0:
            return None
        along, across = self._axes
        foot = np.asarray(self.disc.centre, dtype=float) + self.offset * across
        return foot + np.sqrt(reach) * np.stack([-along, along])

    @property
    def outside(self) -> tuple[float, float]:
        """Share of either detector's area outside the disc."""
        away = np.hypot(*(np.asarray(self.positions) - self.disc.centre).T)
        return tuple(share_outside(d, self.radius, self.disc.radius) for d in away)

    @property
    def leaving(self) -> tuple[bool, bool]:
        """Whether either detector leaves the disc by more than the rounding of its place."""
        return tuple(share > LEAST_SHARE for share in self.outside)

    def warnings(self) -> list[str]:
        """What should be known about views through these detectors."""
        found = []
        for name, share, leaves in zip(NAMES, self.outside, self.leaving, strict=True):
            if leaves:
                found.append(
                    f"The {name} detector leaves the disc: {share:.0%} of it sees no bright field. "
                    "Its view is darker, and inclined less than its middle says."
                )
        apart = np.subtract(*self.positions)
        if np.hypot(*apart) < 2 * self.radius:
            found.append(
                "The detectors overlap: the two views share electrons, so that their noise and a "
                "part of their contrast is the same."
            )
        if self.azimuth is not None:
            across = abs(float(apart @ self._axes[1]))
            if across > SAME_CONTRAST * self.disc.radius:
                found.append(
                    f"The detectors lie {across:.1f} px apart across the Kikuchi line: they see "
                    "different diffraction conditions, and lines may look different in the two "
                    "views."
                )
        return found

    def code(self, name: str = "s", rotation: float | None = None) -> str:
        """The call that makes the pair of views.

        Parameters
        ----------
        name : str
            Of the scan's variable.
        rotation : float, optional
            The scan rotation where it is not the calibrated one, degrees.

        Returns
        -------
        str
            One line of Python.
        """
        places = [list(place) for place in self.positions]
        extra = "" if rotation is None else f", rotation={float(rotation)!r}"
        return f"pair = {name}.virtual_stereo(positions={places}, radius={self.radius!r}{extra})"

    @property
    def _axes(self) -> np.ndarray:
        """Unit vectors along the Kikuchi line and across it."""
        angle = np.deg2rad(0.0 if self.azimuth is None else self.azimuth)
        return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    @property
    def _pivot(self) -> np.ndarray:
        centre = np.asarray(self.disc.centre, dtype=float)
        return centre + self.offset * self._axes[1] if self.snap else centre

    def _allowed(self, place: np.ndarray) -> np.ndarray:
        """The nearest place where the middle of a detector may lie."""
        big, centre = self.disc.radius, np.asarray(self.disc.centre, dtype=float)
        if self.snap:
            reach = np.sqrt(max(big**2 - self.offset**2, 0.0))
            along = float(np.clip((place - self._pivot) @ self._axes[0], -reach, reach))
            place = self._pivot + along * self._axes[0]
        else:
            away = float(np.hypot(*(place - centre)))
            place = centre + (place - centre) * min(1.0, big / max(away, 1e-12))
        return np.clip(place, 0, np.array(self.frame[::-1]) - 1)


def share_outside(distance: float, small: float, big: float) -> float:
    """Share of a circle's area that lies outside another, larger circle.

    Parameters
    ----------
    distance : float
        Between the middles.
    small, big : float
        Radii, in the same unit.

    Returns
    -------
    float
        0 to 1.

    Examples
    --------
    >>> share_outside(0.0, 1.0, 5.0), share_outside(7.0, 1.0, 5.0)
    (0.0, 1.0)
    """
    if distance + small <= big:
        return 0.0
    if distance >= big + small:
        return 1.0
    # Two circular segments on either side of the common chord.
    to_small = (distance**2 + small**2 - big**2) / (2 * distance)
    to_big = distance - to_small
    common = sum(
        r**2 * np.arccos(np.clip(d / r, -1, 1)) - d * np.sqrt(max(r**2 - d**2, 0.0))
        for r, d in ((small, to_small), (big, to_big))
    )
    return float(np.clip(1 - common / (np.pi * small**2), 0, 1))


def _rounded(places) -> tuple[tuple[float, float], tuple[float, float]]:
    return tuple(tuple(round(float(v), DECIMALS) for v in place) for place in places)
