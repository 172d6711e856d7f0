"""When a detection should not be trusted: what it says about itself, and about the views.

The limits are those of the robustness curves of ``python -m hyperspy_stereo.training evaluate
robustness``: beyond them the scores on simulated scenes fall, and the user is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage as ndi
from skimage.morphology import skeletonize

from hyperspy_stereo.detection.line_width import line_width

__all__ = [
    "LineStatistics",
    "line_statistics",
    "pair_warnings",
    "vertical_shift",
    "warnings_for",
]

LEAST_CERTAINTY = 0.5  # expected F1 of the called pixels, whose edges are never sure
LEAST_VISIBILITY = 8.0  # contrast over noise, averaged over a line's width and 10 px of its length
WIDTHS = (1.5, 14.0)  # px, full width at half maximum, of lines that the detectors know
MOST_COVERED = 0.25  # share of the view within 4 px of a line: above it lines merge
ALONG = 10.0  # px
USUAL_WIDTH = 5.0  # px, of a line of which nothing is known
MOST_VERTICAL = 0.75  # px between the views, across the direction of the parallax
SURE = 0.5  # correlation of the views' rows above which their shift can be told
PARTS = 4  # of the width of the views, whose shifts are compared
SURE_OF_PART = 0.4  # the same for a part of the views, in which there are fewer lines
REACH = 8  # px of vertical shift that are looked at
FEWEST = 40  # px of centre line below which nothing can be said


@dataclass(frozen=True)
class LineStatistics:
    """What a view and its detection say about their quality.

    Attributes
    ----------
    length : int
        Detected centre line, px.
    certainty : float
        F1 to be expected if the probabilities are right: twice the expected number of right
        pixels over the called ones and the expected ones. NaN without lines.
    visibility : float
        Contrast (rms) of the lines over the noise of the view, averaged over their width and 10 px
        of their length. NaN without lines; inf without noise.
    width : float
        Median full width at half maximum of the lines, px; NaN where it cannot be told.
    covered : float
        Share of the view within 4 px of a detected line.
    """

    length: int
    certainty: float
    visibility: float
    width: float
    covered: float


def line_statistics(
    image: ArrayLike, probability: ArrayLike, threshold: float = 0.5
) -> LineStatistics:
    """Measure how well the detected lines of a view can be seen.

    Parameters
    ----------
    image : (H, W) array_like
        One view.
    probability : (H, W) array_like
        Of lines, calibrated, 0 to 1.
    threshold : float, default 0.5
        Above which a pixel is called a line.

    Returns
    -------
    LineStatistics

    Raises
    ------
    ValueError
        If the two have different shapes.

    Notes
    -----
    The noise is that of J. Immerkaer, Comput. Vis. Image Underst. 64 (1996) 300, with the median
    in place of the mean, so that lines and ground hardly change it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.arange(96.0)
    >>> bell = np.exp(-((x - 48) ** 2) / 2 / 1.5**2)
    >>> found = np.tile(1.0 * (abs(x - 48) < 2), (96, 1))
    >>> clear = line_statistics(1 - 0.5 * bell + rng.normal(0, 0.1, (96, 96)), found)
    >>> faint = line_statistics(1 - 0.05 * bell + rng.normal(0, 0.1, (96, 96)), found)
    >>> bool(clear.visibility > 20 > 8 > faint.visibility)
    True
    """
    image, probability = np.asarray(image, np.float32), np.asarray(probability, np.float32)
    if image.ndim != 2 or image.shape != probability.shape:
        raise ValueError(
            f"image has the shape {image.shape} and probability {probability.shape}; give those of "
            "one view, both (H, W)."
        )
    called = probability > threshold
    centre = skeletonize(called)
    length = int(centre.sum())
    if length == 0:
        return LineStatistics(0, np.nan, np.nan, np.nan, 0.0)
    away = ndi.distance_transform_edt(~centre)
    right, expected = float(probability[called].sum()), float(probability.sum())
    measured = line_width(image, probability, threshold)
    width = np.nan if measured is None else measured
    noise = _noise(image)
    contrast = _contrast(image, centre, away, max(np.nan_to_num(width, nan=3.0), 1.5), noise)
    visibility = np.inf if noise == 0 else contrast / noise
    return LineStatistics(
        length=length,
        certainty=2 * right / (called.sum() + expected),
        visibility=float(visibility * np.sqrt(ALONG * np.nan_to_num(width, nan=3.0))),
        width=float(width),
        covered=float((away <= 4).mean()),
    )


def warnings_for(image: ArrayLike, probability: ArrayLike, threshold: float = 0.5) -> list[str]:
    """Tell why the detection in a view should not be trusted.

    Parameters
    ----------
    image : (H, W) array_like
        One view.
    probability : (H, W) array_like
        Of lines, calibrated, 0 to 1.
    threshold : float, default 0.5
        Above which a pixel is called a line.

    Returns
    -------
    list of str
        One sentence for each reason, with what can be done; empty if there is none. Where hardly
        any line was found, how faint a line would have been missed.

    Examples
    --------
    >>> view = np.random.default_rng(0).normal(10, 1, size=(64, 64))
    >>> warnings_for(view, np.zeros((64, 64)))[0].split(":")[0]
    'hardly any line was found'
    """
    found = line_statistics(image, probability, threshold)
    if found.length < FEWEST:
        return _lost_lines(np.asarray(image, np.float32))
    messages = []
    if found.visibility < LEAST_VISIBILITY:
        messages.append(
            f"the lines hardly stand out from the noise (contrast over noise {found.visibility:.1f}"
            f" along 10 px of line, {LEAST_VISIBILITY:g} are needed): expect missed and false "
            "lines. Use a larger virtual detector, more dose, or bin the views."
        )
    if found.width < WIDTHS[0]:
        messages.append(
            f"the lines are {found.width:.1f} px wide, narrower than the {WIDTHS[0]:g} px that the "
            "detector knows: enlarge the views, or scan with smaller pixels."
        )
    if found.width > WIDTHS[1]:
        messages.append(
            f"the lines are {found.width:.0f} px wide, wider than the {WIDTHS[1]:g} px that the "
            "detector knows: bin the views before the detection."
        )
    if found.covered > MOST_COVERED:
        messages.append(
            f"{100 * found.covered:.0f} % of the view lies within 4 px of a line: lines that lie "
            "so densely merge, and their matches are unsure. Magnify more, or look at a part."
        )
    if found.certainty < LEAST_CERTAINTY:
        messages.append(
            f"the detector is unsure of what it sees (expected F1 of pixels {found.certainty:.2f}, "
            f"{LEAST_CERTAINTY:g} are needed): check the map with plot_overlay() before it is used."
        )
    return messages


def vertical_shift(probability: ArrayLike) -> tuple[float, float]:
    """How far the second view lies below the first.

    Parallax moves lines along the rows only, so that each row holds as much of lines in one view
    as in the other, wherever they lie in it.

    Parameters
    ----------
    probability : (2, H, W) array_like
        Of lines, in two views whose parallax is along the rows.

    Returns
    -------
    shift : float
        px, within 8 px either way.
    correlation : float
        Of the rows of the two views at this shift, -1 to 1; below 0.5 the shift means nothing.

    Raises
    ------
    ValueError
        If there are not two views.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> left = np.cumsum(rng.normal(size=(96, 1)), axis=0) * (rng.random((1, 96)) < 0.1)
    >>> shift, correlation = vertical_shift([left, np.roll(left, (2, 5), axis=(0, 1))])
    >>> round(shift), correlation > 0.9
    (2, True)
    """
    probability = np.asarray(probability, np.float32)
    if probability.ndim != 3 or len(probability) != 2:
        raise ValueError(
            f"probability has the shape {probability.shape}; two views, (2, H, W), are needed."
        )
    profiles = ndi.gaussian_filter1d(probability.sum(axis=2, dtype=float), 1.0, axis=1)
    # the coarse course of the rows says nothing about a few px
    profiles = profiles - ndi.gaussian_filter1d(profiles, 12.0, axis=1)
    reach = min(REACH, profiles.shape[1] // 4)
    inner = profiles[0, reach : profiles.shape[1] - reach]
    values = []
    for step in range(-reach, reach + 1):
        other = profiles[1, reach + step : profiles.shape[1] - reach + step]
        scale = np.sqrt((inner**2).sum() * (other**2).sum())
        values.append((inner * other).sum() / scale if scale > 0 else 0.0)
    best = int(np.argmax(values))
    offset = 0.0
    if 0 < best < len(values) - 1:
        before, at, after = values[best - 1 : best + 2]
        bend = before - 2 * at + after
        offset = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return best - reach + float(offset), float(values[best])


def pair_warnings(probability: ArrayLike) -> list[str]:
    """Tell why the match of two views should not be trusted.

    Parameters
    ----------
    probability : (2, H, W) array_like
        Of lines, in two views whose parallax is along the rows.

    Returns
    -------
    list of str
        Empty, or one sentence with what can be done.

    Examples
    --------
    >>> pair_warnings(np.zeros((2, 64, 64)))
    []
    """
    shift, correlation = vertical_shift(probability)
    if correlation < SURE or abs(shift) <= MOST_VERTICAL or not _all_over(probability, shift):
        return []
    return [
        f"the second view lies {shift:+.1f} px below the first, across the direction of the "
        f"parallax (at most {MOST_VERTICAL:g} px do no harm): depths of lines along the rows are "
        "wrong. Call align() on the pair first, or check the scan rotation."
    ]


def _all_over(probability: ArrayLike, shift: float) -> bool:
    """Whether the parts of the views, side by side, agree on a shift as far as they can tell one.

    A misfit moves the whole view; steep lines, or lines found in one view only, move the peak of
    the correlation here and there.
    """
    columns = np.array_split(np.asarray(probability, np.float32), PARTS, axis=2)
    found = [vertical_shift(part) for part in columns]
    own = np.array([s for s, correlation in found if correlation >= SURE_OF_PART])
    if len(own) < 2:
        return True
    error = own.std(ddof=1) / np.sqrt(len(own))
    return bool(own.mean() * np.sign(shift) > 2 * error)


def _lost_lines(image: np.ndarray) -> list[str]:
    """What would have been missed in a view in which hardly any line was found."""
    level, noise = float(np.median(image)), _noise(image)
    # a picture about zero has no intensity that a contrast could be a share of
    if not np.isfinite(image).all() or noise <= 0 or level <= noise / 4:
        return []
    least = LEAST_VISIBILITY * noise / np.sqrt(ALONG * USUAL_WIDTH) / level
    faint = f"lines that change the intensity by less than {_percent(least)}"
    return [
        f"hardly any line was found: {faint if least < 1 else 'lines'} are lost in this noise. If "
        "there should be some, use a larger virtual detector, more dose, or bin the views."
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _contrast(image, centre, away, width: float, noise: float) -> float:
    """Root mean square difference of the lines from the ground beside them, without noise."""
    ground = (away > width) & (away <= 3 * width + 6)
    weight = ndi.uniform_filter(ground.astype(np.float32), 31)
    level = ndi.uniform_filter(image * ground, 31) / np.maximum(weight, 1e-3)
    blur = 0.3 * width
    usable = centre & (weight > 0.02)
    if not usable.any():
        return 0.0
    square = ((ndi.gaussian_filter(image, blur) - level)[usable] ** 2).mean()
    # what noise is left after a Gaussian blur adds to the square
    return float(np.sqrt(max(square - noise**2 / (4 * np.pi * blur**2), 0.0)))


def _noise(image: np.ndarray) -> float:
    """Standard deviation of the noise of single pixels."""
    second = np.array([1.0, -2.0, 1.0], np.float32)
    curved = ndi.convolve1d(ndi.convolve1d(image, second, axis=0), second, axis=1) / 6
    return 1.4826 * float(np.median(np.abs(curved)))
