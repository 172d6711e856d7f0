"""What the curve matcher takes and gives: settings, statuses, and matched curves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

__all__ = ["CurveMatch", "MatchSettings", "MatchStatus"]


class MatchStatus(IntEnum):
    """What became of a point."""

    MATCHED = 0  #: found in the other view, and found back from there
    UNMATCHED = 1  #: no counterpart, or the way back leads elsewhere
    OUT_OF_VIEW = 2  #: its counterpart would lie outside the other view
    NOT_REAL = 3  #: bridges a gap of the mask; nothing was detected here


@dataclass(frozen=True)
class MatchSettings:
    """Parameters of `match_views`.

    The defaults were chosen on simulated scenes that are not in the repository, and the scenes of
    ``benchmarks/matching.py`` were looked at meanwhile: those are not a blind test.
    Costs are relative to one another and per point (about one per pixel of line).

    Attributes
    ----------
    label_step : float
        Spacing of the disparity labels in px.
    window : tuple of int
        Half height and half width of the correlation window in px.
    descriptor : {None, "learned", "correlation"}
        How surroundings are compared: by learned descriptors or by the correlation of windows.
        Default: learned where the package has weights for them.
    appearance, distance, orientation, contrast : float
        Weights of correlation, distance to the other view's line, angle, and log contrast.
    descriptors : float
        Weight of learned descriptors, in place of `appearance`.
    distance_cap, orientation_cap, contrast_cap : float
        Where these costs saturate: px, sine of the angle, log units.
    free_end : float
        Reward for a free end that meets a free end on its own row.
    out_of_view : float
        Cost of leaving the other view, as a share of the sum of weights.
    smoothness : float
        Cost per px of disparity change between neighbours on a line.
    steepest : float
        Largest change of disparity in px between neighbours on a line; a larger one is a jump.
    jump, jump_linked : float
        Cost of a jump within a branch, and where branches were linked.
    belief : float
        Weight of what the other views found, per round.
    rounds : int
        Rounds of left-right belief.
    spur : float
        Branches of the skeleton that end freely and are shorter (px) are pruned.
    bridge : float
        Longest bridge in px that two crossing lines can share.
    deflection : float
        Largest deflection in degrees of a line through a junction.
    gap : float
        Longest gap in px that is bridged between two free ends in line.
    """

    label_step: float = 0.5
    window: tuple[int, int] = (5, 8)
    descriptor: str | None = None
    appearance: float = 0.8
    descriptors: float = 1.2
    distance: float = 1.0
    distance_cap: float = 1.5
    orientation: float = 0.3
    orientation_cap: float = 0.7
    contrast: float = 0.4
    contrast_cap: float = 0.7
    free_end: float = 4.0
    out_of_view: float = 0.7
    smoothness: float = 1.0
    steepest: float = 1.0
    jump: float = 40.0
    jump_linked: float = 15.0
    belief: float = 1.5
    rounds: int = 3
    spur: float = 7.0
    bridge: float = 18.0
    deflection: float = 30.0
    gap: float = 24.0


@dataclass(frozen=True)
class CurveMatch:
    """Points on the lines of one view, with their disparity.

    Attributes
    ----------
    view : int
        The view in whose grid the points lie.
    points : (N, 2) float64 ndarray
        x, y of the centre line in px.
    disparity : (N,) float64 ndarray
        Disparity in px of the pair (see ``offsets`` of `match_views`), the same for all views.
    sigma : (N,) float64 ndarray
        Calibrated standard deviation of the disparity in px, given that the match is right.
    confidence : (N,) float64 ndarray
        Calibrated probability that the error is at most 3 px.
    line : (N,) int64 ndarray
        Number of the line; its points are contiguous and in order.
    status : (N,) uint8 ndarray
        `MatchStatus` of every point.

    Examples
    --------
    >>> CurveMatch.empty(0).matched.size
    0
    """

    view: int
    points: np.ndarray
    disparity: np.ndarray
    sigma: np.ndarray
    confidence: np.ndarray
    line: np.ndarray
    status: np.ndarray

    @classmethod
    def empty(cls, view: int) -> CurveMatch:
        """Return the match of a view without lines."""
        none = np.zeros(0)
        return cls(
            view,
            np.zeros((0, 2)),
            none,
            none,
            none,
            np.zeros(0, np.int64),
            np.zeros(0, np.uint8),
        )

    @property
    def matched(self) -> np.ndarray:
        """Boolean (N,): points with status ``MATCHED``."""
        return self.status == MatchStatus.MATCHED
