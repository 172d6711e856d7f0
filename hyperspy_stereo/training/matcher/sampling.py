"""Which pixels of the other view a line's pixel is compared with in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, IGNORE, LINE

__all__ = ["Comparisons", "compare_points"]

NEAREST = 1.5  # px; anything nearer to the true place is not wrong
ROWS = 2  # px above and below that wrong places are drawn from


@dataclass(frozen=True)
class Comparisons:
    """Points of one view, and places of the other view to tell apart.

    Attributes
    ----------
    points : (N, 2) float32 ndarray
        x, y of line pixels.
    places : (N, 1 + M, 2) float32 ndarray
        x, y in the other view; the first is the true one.
    """

    points: np.ndarray
    places: np.ndarray


def compare_points(
    label: np.ndarray,
    disparity: np.ndarray,
    view: int,
    rng: np.random.Generator,
    count: int = 256,
    wrong: int = 32,
    reach: float = 60.0,
) -> Comparisons:
    """Draw line pixels of a view, and for each its counterpart and wrong places.

    Half of the wrong places are pixels of lines in the other view, on the same row or up to two
    rows off and within `reach`, as the matcher would confuse them; the others are shifts at
    random, a third of them by a few px only, so that a match becomes sharp.

    Parameters
    ----------
    label : (2, H, W) uint8 ndarray
        Bits of `recipe.scene`.
    disparity : (2, H, W) ndarray
        x_right - x_left in px on lines, NaN elsewhere.
    view : {0, 1}
        View of the points.
    rng : numpy.random.Generator
        Source of chance.
    count, wrong : int
        Points, and wrong places for each.
    reach : float, default 60.0
        Farthest shift in px; the range of disparities of 384 px at 12 degrees.

    Returns
    -------
    Comparisons
        Of as many points, drawn with repetition; of none where no line has a counterpart inside.

    Examples
    --------
    >>> label = np.zeros((2, 16, 64), np.uint8); label[:, :, 30] = 1
    >>> shift = np.where(label > 0, 0.0, np.nan)
    >>> drawn = compare_points(label, shift, 0, np.random.default_rng(0), count=4, wrong=8)
    >>> drawn.places.shape, drawn.places[0, 0].tolist() == drawn.points[0].tolist()
    ((4, 9, 2), True)
    """
    height, width = label.shape[1:]
    sign = 1.0 if view == 0 else -1.0
    shift = sign * np.asarray(disparity[view], np.float32)
    usable = (label[view] & (LINE | IGNORE | AMBIGUOUS)) == LINE
    rows, columns = np.nonzero(usable & np.isfinite(shift))
    target = columns + shift[rows, columns]
    inside = (target >= 0) & (target <= width - 1)
    rows, columns, target = rows[inside], columns[inside], target[inside]
    if rows.size == 0:
        return Comparisons(np.zeros((0, 2), np.float32), np.zeros((0, 1 + wrong, 2), np.float32))
    drawn = rng.integers(rows.size, size=count)
    rows, columns, target = rows[drawn], columns[drawn], target[drawn]
    row = np.clip(rows[:, None] + rng.integers(-ROWS, ROWS + 1, (count, wrong)), 0, height - 1)
    column = _shifted(target, wrong, reach, rng)
    half = wrong // 2
    other = (label[1 - view] & LINE).astype(bool)
    column[:, :half] = _on_lines(other, row[:, :half], target, reach, column[:, :half], rng)
    column = np.clip(column, 0, width - 1)
    places = np.empty((count, 1 + wrong, 2), np.float32)
    places[:, 0] = np.column_stack([target, rows])
    places[:, 1:, 0], places[:, 1:, 1] = column, row
    return Comparisons(np.column_stack([columns, rows]).astype(np.float32), places)


def _shifted(target, wrong, reach, rng):
    """Columns away from the target by at least 1.5 px; every third by up to 6 px."""
    far = np.where(np.arange(wrong) % 3 == 0, 6.0, reach)
    size = rng.uniform(NEAREST, np.broadcast_to(far, (len(target), wrong)))
    return target[:, None] + size * rng.choice((-1.0, 1.0), size.shape)


def _on_lines(other, row, target, reach, spare, rng):
    """A column of a line pixel on each row, the spare one where there is none to confuse."""
    line_rows, line_columns = np.nonzero(other)
    first = np.searchsorted(line_rows, row, side="left")
    number = np.searchsorted(line_rows, row, side="right") - first
    if line_columns.size == 0:
        return spare
    pick = first + np.floor(rng.random(row.shape) * np.maximum(number, 1)).astype(int)
    column = line_columns[np.minimum(pick, line_columns.size - 1)] + rng.uniform(-0.5, 0.5)
    away = np.abs(column - target[:, None])
    return np.where((number > 0) & (away > NEAREST) & (away <= reach), column, spare)
