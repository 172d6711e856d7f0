"""From views to depth: lines matched between two or more views."""

from hyperspy_stereo.matching.curve_match import CurveMatch, MatchSettings, MatchStatus
from hyperspy_stereo.matching.matcher import match_views

__all__ = ["CurveMatch", "MatchSettings", "MatchStatus", "match_views"]
