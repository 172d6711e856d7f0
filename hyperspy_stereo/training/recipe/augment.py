"""Training samples from clean scenes: placed, lit, recorded and stored at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_stereo.training.recipe.light import (
    lit,
    log_uniform,
    random_recording,
    random_storage,
    softened,
)
from hyperspy_stereo.training.recipe.noise import acquire
from hyperspy_stereo.training.recipe.pairs import pair_sample
from hyperspy_stereo.training.recipe.scene import BOUNDARY, IGNORE, LINE, Scene
from hyperspy_stereo.training.recipe.visibility import drowned
from hyperspy_stereo.training.recipe.warp import (
    line_edge,
    nearest,
    sampled,
    sampled_linear,
    smooth_field,
)

__all__ = ["detector_sample", "pair_sample"]

HALF_WIDTH = 1.5  # px, of a line's label at whatever scale
COMMON_ZOOM = (0.7, 1.4)
RARE_ZOOM = (0.5, 1.6)
RARE_ZOOM_SHARE = 0.15
LINE_SHARE = 0.85  # of the samples are placed about a pixel of a line


@dataclass(frozen=True)
class _Placement:
    """Where the pixels of a sample lie in the scene.

    The scene's row and column of the sample's (y, x) is ``turn @ (y, x) + origin`` plus elastic
    waves; `knots` (2, 6, 6) are those in px of the scene, `drift` (2, 4) the scan's drift over
    its rows, and `flyback` the shift of the first columns, both in px of the sample.
    """

    turn: np.ndarray
    origin: np.ndarray
    knots: np.ndarray
    drift: np.ndarray
    flyback: float
    size: int

    def places(self, step: float) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns in the scene of a grid of `step` px over the sample."""
        along = np.arange(0, self.size - 1 + 1e-6 + step, step, dtype=np.float32)
        share = np.clip(along / self.size, 0, 1)
        slow = np.stack([np.cos(np.pi * k * share) for k in range(1, 5)])
        drift = (self.drift @ slow).astype(np.float32)
        late = np.float32(self.flyback) * np.exp(-along / (0.03 * self.size))
        y = (along + drift[0])[:, None]
        x = along[None, :] + drift[1][:, None] + late[None, :]
        rows = self.turn[0, 0] * y + self.turn[0, 1] * x + self.origin[0]
        columns = self.turn[1, 0] * y + self.turn[1, 1] * x + self.origin[1]
        if self.knots.any():
            rows = rows + smooth_field(self.knots[0], share, share)
            columns = columns + smooth_field(self.knots[1], share, share)
        return rows.astype(np.float32), columns.astype(np.float32)


def detector_sample(
    scene: Scene, rng: np.random.Generator, size: int = 256
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One view of a scene as a microscope might have recorded it, with its labels.

    The view is turned and mirrored at will, scaled by 0.7-1.4 (sometimes 0.5-1.6), bent and
    drifted, lit unevenly, its contrast weakened, strengthened or inverted, blurred, counted at
    60-10,000 electrons by an unsteady beam, smoothed or brought from a coarser grid, and stored
    in few grey levels. Lines in the labels stay 3 px wide at any scale.

    Parameters
    ----------
    scene : Scene
        Clean views. Where a sample reaches beyond them they are mirrored.
    rng : numpy.random.Generator
        Source of chance; the same state gives the same sample.
    size : int, default 256
        Height and width of the sample, px.

    Returns
    -------
    image : (size, size) float32 ndarray
        On an arbitrary scale.
    line, boundary : (size, size) uint8 ndarray
        1 on lines, and on boundaries.
    weight : (size, size) float32 ndarray
        0 where nothing is trained: what the scene ignores, where a line lies on a boundary, and
        where noise hides it.

    Examples
    --------
    >>> blank = np.zeros((2, 64, 64))
    >>> scene = Scene(blank + 0.5, blank.astype(np.uint8), blank * np.nan, blank.astype(int) - 1)
    >>> image, line, boundary, weight = detector_sample(scene, np.random.default_rng(0), 32)
    >>> image.shape, int(line.sum()), float(weight.min())
    ((32, 32), 0, 1.0)
    """
    view = int(rng.integers(2))
    if (scene.label[view] & IGNORE).all():  # of a user's pairs often one view is labelled
        view = 1 - view
    label = np.ascontiguousarray(scene.label[view])
    clean = np.ascontiguousarray(scene.clean[view], np.float32)
    coarse = log_uniform(rng, 1.2, 2.8) if rng.random() < 0.25 else 1.0
    place = _random_placement(label, size, coarse, rng)
    rows, columns = place.places(1.0)
    line, boundary, weight = _labels(label, rows[:size, :size], columns[:size, :size], place)
    if coarse == 1.0:
        picture = sampled(clean, rows[:size, :size], columns[:size, :size])
    else:
        # what a coarse pixel collects; without it the coarse grid would alias
        step = coarse * float(np.sqrt(abs(np.linalg.det(place.turn))))
        picture = sampled(softened(clean, 0.4 * step), *place.places(coarse))
    ground = float(np.clip(np.median(picture[::2, ::2]), 0.05, 1))
    picture = lit(picture, rng)
    how = random_recording(rng)
    if not how.pop("of_ground"):  # lit pictures have a ground of 1: here it tells on the dose
        how["dose"] *= ground
    hidden = drowned(picture, line, how["dose"], how.get("read_noise", 0.0), coarse)
    weight[hidden] = 0
    sideways = rng.random() < 0.08  # rectified views are turned after they were recorded
    picture = picture.T if sideways else picture
    picture = acquire(picture, rng=rng, **how)
    picture = picture.T if sideways else picture
    if coarse > 1.0:
        at = np.broadcast_to(np.arange(size, dtype=np.float32) / np.float32(coarse), (size, size))
        enlarge = sampled if rng.random() < 0.5 else sampled_linear
        picture = enlarge(np.ascontiguousarray(picture), np.ascontiguousarray(at.T), at)
    image = random_storage(picture, rng)
    if rng.random() < 0.05:
        _blank_margin(image, line, boundary, rng)
    return np.ascontiguousarray(image), line, boundary, weight


def _random_placement(label, size, coarse, rng):
    """A random window, most often about a line."""
    low, high = RARE_ZOOM if rng.random() < RARE_ZOOM_SHARE else COMMON_ZOOM
    # what comes from a coarse grid is soft already: lines that are too thin there were never seen
    zoom = log_uniform(rng, max(low, 0.45 * coarse), max(high, 0.9 * coarse))
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.7 else 0.5 * np.pi * rng.integers(4)
    c, s = np.cos(angle) / zoom, np.sin(angle) / zoom
    turn = np.array([[c, s], [-s, c]])
    if rng.random() < 0.5:
        turn[:, 1] *= -1
    if rng.random() < 0.3:  # pixels that are not square, and grids that are not at right angles
        turn = turn @ (np.eye(2) + rng.normal(0, 0.03, (2, 2)))
    height, width = label.shape
    middle = np.array([rng.uniform(0, height), rng.uniform(0, width)])
    if rng.random() < LINE_SHARE:
        found = np.flatnonzero(label & LINE)
        if found.size:
            chosen = int(found[rng.integers(found.size)])
            middle = np.array(divmod(chosen, width)) + rng.normal(0, 0.2 * size / zoom, 2)
    # as much of the window within the scene as fits
    reach = 0.5 * size * np.abs(turn).sum(axis=1)
    for axis, n in enumerate((height, width)):
        inner = min(reach[axis], 0.5 * n)
        middle[axis] = np.clip(middle[axis], inner, n - inner)
    origin = middle - turn @ np.full(2, 0.5 * (size - 1))
    knots, drift, flyback = np.zeros((2, 6, 6)), np.zeros((2, 4)), 0.0
    if rng.random() < 0.5:
        knots = rng.normal(0, rng.uniform(0.5, 6.0), (2, 6, 6))
    if rng.random() < 0.4:
        drift = rng.normal(0, rng.uniform(0.3, 4.0), (2, 4)) / np.arange(1, 5) ** 1.5
        flyback = rng.normal(0, 3.0)
    return _Placement(turn, origin, knots, drift, flyback, size)


def _labels(label, rows, columns, place):
    """Line, boundary and weight at places of the scene."""
    scale = float(np.sqrt(abs(np.linalg.det(place.turn))))  # px of the scene in one of the sample
    edge = line_edge(label, rows, columns)
    line = (edge <= HALF_WIDTH * (scale - 1)).astype(np.uint8)
    bits = nearest(label, rows, columns)
    boundary = ((bits & BOUNDARY) > 0).astype(np.uint8)
    dropped = (bits & IGNORE > 0) | ((line & boundary) > 0)
    # what the source calls a line and the thinner label does not is neither
    dropped |= (bits & LINE > 0) & (line == 0) & (edge <= HALF_WIDTH * (scale - 1) + 0.25)
    return line, boundary, np.where(dropped, np.float32(0), np.float32(1))


def _blank_margin(image, line, boundary, rng):
    """A frame's end within the picture, as alignment leaves it; in place."""
    size = len(image)
    value = image.min() if rng.random() < 0.7 else float(np.median(image))
    width = int(rng.integers(3, size // 4 + 3))
    chosen = (slice(width) if rng.random() < 0.5 else slice(-width, None), slice(None))
    chosen = chosen if rng.random() < 0.5 else chosen[::-1]
    image[chosen], line[chosen], boundary[chosen] = value, 0, 0
