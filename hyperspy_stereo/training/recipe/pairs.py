"""Training samples of pairs of views, whose disparity stays exact."""

from __future__ import annotations

import numpy as np

from hyperspy_stereo.training.recipe.light import (
    lit,
    log_uniform,
    random_recording,
    random_storage,
    softened,
    uneven,
)
from hyperspy_stereo.training.recipe.noise import acquire_pair
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, IGNORE, LINE, Scene
from hyperspy_stereo.training.recipe.warp import (
    line_edge,
    nearest,
    nearest_on_lines,
    sampled,
)

__all__ = ["pair_sample"]

HALF_WIDTH = 1.5  # px, of a line's label at whatever scale
ZOOM = (0.7, 1.4)
LINE_SHARE = 0.85  # of the windows are placed about a pixel of a line
MISALIGNED_SHARE = 0.3
ONE_SCAN_SHARE = 0.8  # of the pairs without tilt; tilted ones are two scans always


def pair_sample(
    scene: Scene,
    rng: np.random.Generator,
    height: int = 256,
    width: int = 256,
    *,
    max_shift: int = 12,
    misalignment: float = 2.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A window of a pair as a microscope might have recorded it, with labels and disparity.

    What is done to the geometry leaves the disparity exact: mirrors, swapping the views with
    them, one scale for both axes (the disparity takes it too), a shift of the right view by whole
    pixels (the disparity too), drift along the rows that both views share.

    Parameters
    ----------
    scene : Scene
        Clean views.
    rng : numpy.random.Generator
        Source of chance; the same state gives the same sample.
    height, width : int, default 256
        Of the sample, px.
    max_shift : int, default 12
        Largest shift of the right view along the rows, px; 0 for none.
    misalignment : float, default 2
        Largest vertical shift that some right views get, px. It is an error of alignment: matches
        then lie in a neighbouring row, and disparity is exact along vertical lines only.

    Returns
    -------
    images : (2, height, width) float32 ndarray
        On arbitrary scales.
    label : (2, height, width) uint8 ndarray
        Bits of the scene; lines are 3 px wide at any scale. `IGNORE` beyond the scene's edge.
    disparity : (2, height, width) float32 ndarray
        x_right - x_left in px on lines, NaN elsewhere.

    Raises
    ------
    ValueError
        If the scene is too small, which is below the sample's size over 1.4.

    Examples
    --------
    >>> blank = np.zeros((2, 64, 64))
    >>> scene = Scene(blank + 0.5, blank.astype(np.uint8), blank * np.nan, blank.astype(int) - 1)
    >>> images, label, disparity = pair_sample(scene, np.random.default_rng(0), 32, 48)
    >>> images.shape, bool((label & LINE).any())
    ((2, 32, 48), False)
    """
    zoom = _random_zoom(scene.clean.shape[1:], (height, width), rng)
    clean, label, disparity = _mirrored(scene, rng)
    row, column, shift = _random_window(label[0], (height, width), zoom, max_shift, rng)
    drift = _random_drift(height, rng)
    offset = 0.0
    if misalignment > 0 and rng.random() < MISALIGNED_SHARE:
        offset = float(rng.uniform(-misalignment, misalignment))
    pictures, labels, values = [], [], []
    for view in range(2):
        down = np.arange(height) + drift[0] - (offset if view else 0.0)
        along = np.arange(width)[None, :] + drift[1][:, None] - (shift if view else 0)
        rows = np.broadcast_to((row + down / zoom)[:, None], (height, width)).astype(np.float32)
        columns = (column + along / zoom).astype(np.float32)
        # without blur a finer grid than the sample's would alias
        source = softened(np.ascontiguousarray(clean[view], np.float32), 0.4 * (1 / zoom - 0.9))
        pictures.append(sampled(source, rows, columns))
        bits, value = _labels(label[view], disparity[view], rows, columns, zoom, shift)
        labels.append(bits)
        values.append(value)
    one_scan = scene.info.get("geometry") != "tilt" and rng.random() < ONE_SCAN_SHARE
    images = _recorded(pictures, one_scan, rng)
    return images, np.stack(labels), np.stack(values)


def _random_zoom(scene_shape, shape, rng):
    least = max((n - 1) / (m - 1) for n, m in zip(shape, scene_shape, strict=True))
    if least > ZOOM[1]:
        raise ValueError(
            f"a sample of {shape[0]} x {shape[1]} px is too large for a scene of "
            f"{scene_shape[0]} x {scene_shape[1]} px, even enlarged {ZOOM[1]} times: ask for a "
            "smaller one or draw larger scenes."
        )
    return log_uniform(rng, max(ZOOM[0], least), max(ZOOM[1], least))


def _mirrored(scene, rng):
    """Arrays of the scene, upside down or not, mirrored with their views swapped or not."""
    arrays = [scene.clean, scene.label, scene.disparity]
    if rng.random() < 0.5:
        arrays = [a[:, ::-1] for a in arrays]
    if rng.random() < 0.5:
        # x becomes -x in both and left becomes right: x_right - x_left keeps its sign
        arrays = [a[::-1, :, ::-1] for a in arrays]
    return [np.ascontiguousarray(a) for a in arrays]


def _random_window(label, shape, zoom, max_shift, rng):
    """First row and column in the left view, and shift of the right view in px of the sample."""
    spare = [(m - 1) - (n - 1) / zoom for n, m in zip(shape, label.shape, strict=True)]
    spare = [max(s, 0.0) for s in spare]
    first = [rng.uniform(0, s) for s in spare]
    if rng.random() < LINE_SHARE:
        found = np.flatnonzero(label & LINE)
        if found.size:
            middle = divmod(int(found[rng.integers(found.size)]), label.shape[1])
            for axis, n in enumerate(shape):
                wanted = middle[axis] - rng.uniform(0.2, 0.8) * n / zoom
                first[axis] = float(np.clip(wanted, 0, spare[axis]))
    shift = int(rng.integers(-max_shift, max_shift + 1)) if rng.random() < 0.5 else 0
    # the right view's window stays within the scene
    low, high = np.ceil(zoom * (first[1] - spare[1])), np.floor(zoom * first[1])
    return first[0], first[1], int(np.clip(shift, low, high))


def _random_drift(height, rng):
    """Shift of each row down and along itself, px; the same in both views."""
    if rng.random() < 0.5:
        return np.zeros((2, height))
    order = np.arange(1, 5)
    waves = np.cos(np.pi * np.outer(order, np.arange(height) / height))
    return rng.normal(0, rng.uniform(0.2, 3.0), (2, 4)) / order**1.5 @ waves


def _labels(label, disparity, rows, columns, zoom, shift):
    """Label bits and disparity at places of the scene."""
    edge = line_edge(label, rows, columns)
    inside = (rows >= -0.5) & (rows <= label.shape[0] - 0.5)
    inside &= (columns >= -0.5) & (columns <= label.shape[1] - 0.5)
    line = (edge <= HALF_WIDTH * (1 / zoom - 1)) & inside
    value, overlap = nearest_on_lines(label, disparity, rows, columns, line)
    bits = nearest(label, rows, columns) & ~np.uint8(LINE | AMBIGUOUS)
    bits |= np.where(line, np.uint8(LINE), np.uint8(0)) | overlap
    return np.where(inside, bits, np.uint8(IGNORE)), value * np.float32(zoom) + np.float32(shift)


def _recorded(pictures, one_scan, rng):
    """Both views lit alike but for a little, counted each for itself, stored."""
    light = int(rng.integers(2**32))
    views = []
    for picture in pictures:
        view = lit(picture, np.random.default_rng(light))
        view = view ** np.float32(rng.uniform(0.85, 1.15))
        views.append(view * np.exp(0.4 * uneven(view.shape, rng)))
    how = random_recording(rng)
    how.pop("of_ground")
    images = acquire_pair(np.stack(views), rng=rng, one_scan=one_scan, **how)
    storage = int(rng.integers(2**32))
    return np.stack([random_storage(view, np.random.default_rng(storage)) for view in images])
