"""The detectors and matchers that are compared, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from hyperspy_stereo.detection.ridge import PERMISSIVE, STRICT
from hyperspy_stereo.matching.curve_match import CurveMatch, MatchSettings, MatchStatus
from hyperspy_stereo.training.recipe.scene import Scene

__all__ = [
    "AUGMENTED",
    "RIDGE",
    "SEMIGLOBAL",
    "UNET",
    "Answer",
    "Matcher",
    "Weights",
    "best_detector",
    "detect",
    "detectors",
    "matchers",
    "thresholds_of",
]

RIDGE, UNET, AUGMENTED = "ridge filter", "U-Net", "U-Net, augmented"
SEMIGLOBAL = "SGM-like, 8 paths"


@dataclass(frozen=True)
class Weights:
    """Weights to evaluate: names of shipped ones or paths.

    Attributes
    ----------
    detector, matcher, scm : str, optional
        Default: those that come with the package, if there are any.
    """

    detector: str | None = None
    matcher: str | None = None
    scm: str | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a matcher says about the left view.

    Attributes
    ----------
    disparity : (H, W) ndarray or CurveMatch
        px, NaN where it says nothing; or lines.
    accepted : (N,) bool ndarray, optional
        Points of lines that it stands by.
    """

    disparity: np.ndarray | CurveMatch
    accepted: np.ndarray | None = None


def detectors(weights: Weights, augmented: bool = True) -> tuple[str, ...]:
    """Names of the detectors that can run with these weights."""
    from hyperspy_stereo.weights import shipped

    if weights.detector is None and not shipped("detector"):
        return (RIDGE,)
    return (RIDGE, UNET, AUGMENTED) if augmented else (RIDGE, UNET)


def best_detector(weights: Weights) -> str:
    """The detector whose masks are matched: the network where there is one."""
    return detectors(weights, augmented=False)[-1]


def detect(name: str, image: np.ndarray, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Probability of lines and of boundaries in a view, (H, W) each.

    Parameters
    ----------
    name : str
        One of `detectors`.
    image : (H, W) ndarray
        A view.
    weights : Weights
        For the networks.

    Raises
    ------
    ValueError
        If there is no detector of that name.
    """
    if name == RIDGE:
        from hyperspy_stereo.detection.ridge import ridge_probability

        return ridge_probability(image, polarity="auto")
    if name in (UNET, AUGMENTED):
        from hyperspy_stereo.detection.network import unet_probability

        return unet_probability(image, weights=weights.detector, augment=name == AUGMENTED)
    raise ValueError(f"no detector {name!r}; there are {RIDGE!r}, {UNET!r} and {AUGMENTED!r}.")


def thresholds_of(name: str, weights: Weights) -> tuple[float, float]:
    """Probabilities above which a detector calls a pixel a line, and a candidate."""
    if name == RIDGE:
        return STRICT, PERMISSIVE
    from hyperspy_stereo.detection.network import detector_info
    from hyperspy_stereo.detection.weights import thresholds

    return thresholds(detector_info(weights.detector)[1])


Matcher = Callable[[np.ndarray, np.ndarray, Scene], Answer]


def matchers(weights: Weights) -> dict[str, Matcher]:
    """Functions of images (2, H, W), probabilities (2, H, W) and the scene, by name.

    The scene is looked at by the baseline alone, which is told the true range of disparities.
    """
    from hyperspy_stereo.matching.descriptor import shipped_weights
    from hyperspy_stereo.weights import shipped

    levels = thresholds_of(best_detector(weights), weights)
    found: dict[str, Matcher] = {SEMIGLOBAL: partial(_semiglobal, levels=levels)}
    if weights.scm is not None or "scm" in shipped("scm"):
        found["scm, raw"] = partial(_scm_raw, levels=levels, weights=weights.scm)
        found["scm, refined"] = partial(_scm_refined, levels=levels, weights=weights.scm)
    kinds = ["correlation"]
    if weights.matcher is not None or shipped_weights() is not None:
        kinds.append("learned")
    for kind in kinds:
        found[f"ours, {kind}"] = partial(_ours, levels=levels, kind=kind, weights=weights.matcher)
    return found


def _semiglobal(images, probability, scene, levels) -> Answer:
    from hyperspy_stereo.training.evaluation.semiglobal import semiglobal_disparity

    low, high = np.nanmin(scene.disparity), np.nanmax(scene.disparity)
    disparity = semiglobal_disparity(images, float(low), float(high))
    return Answer(np.where(probability[0] > levels[0], disparity, np.nan))


def _scm_raw(images, probability, scene, levels, weights) -> Answer:
    from hyperspy_stereo.matching.scm import raw_disparity

    return Answer(raw_disparity(images, probability[0] > levels[0], weights)[0])


def _scm_refined(images, probability, scene, levels, weights) -> Answer:
    from hyperspy_stereo.matching.scm import scm_disparity

    return Answer(scm_disparity(images, probability > levels[0], weights)[0])


def _ours(images, probability, scene, levels, kind, weights) -> Answer:
    from hyperspy_stereo.matching import match_views

    settings = MatchSettings(descriptor=kind)
    left = match_views(
        images,
        probability > levels[0],
        probability > levels[1],
        settings=settings,
        weights=weights if kind == "learned" else None,
    )[0]
    return Answer(left, left.status == MatchStatus.MATCHED)
