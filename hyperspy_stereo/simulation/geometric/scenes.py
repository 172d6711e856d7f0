"""Stereo pairs of curved lines with exact truth, for the matcher.

Not a contrast simulation: lines are dark, a few pixels wide, with contrast that oscillates with
depth, on an uneven background with fault-like fringes, counting noise and scan-line noise. What
is exact is the geometry: a point at (x, y, z) appears at x -/+ d/2 in the left/right view with
d = 2 tan(angle/2) z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from hyperspy_stereo.simulation.geometric.curves import arrangement

__all__ = [
    "BENCHMARK_SCENES",
    "CALIBRATION_SEEDS",
    "NOISE_LEVELS",
    "StereoScene",
    "benchmark_scene",
    "erase_pieces",
    "stereo_scene",
]

#: Dose (counts per px), row gain (relative rms) and row jitter (px rms) of the four noise levels.
NOISE_LEVELS = (
    (4000.0, 0.003, 0.05),
    (800.0, 0.008, 0.15),
    (250.0, 0.015, 0.25),
    (80.0, 0.02, 0.4),
)

#: Seed, stereo angle (deg), noise level and emphasis of the 24 scenes of ``benchmarks/matching``.
BENCHMARK_SCENES = tuple(
    (1000 + i, angle, i % 4, kind)
    for i, (angle, kind) in enumerate(
        zip(
            (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 2, 12, 3, 10, 4, 8, 5, 6, 12, 9, 7, 11, 6),
            ("lines", "pile-up", "crossing", "loop", "tangle", "row-parallel") * 4,
            strict=True,
        )
    )
)

#: Seeds for calibration; disjoint from those of the benchmark and of the tests.
CALIBRATION_SEEDS = range(50_000, 50_060)

_MASK_RADIUS = 1.5
_OVERLAP_RADIUS = 2.5


@dataclass(frozen=True)
class StereoScene:
    """A stereo pair and its truth.

    Attributes
    ----------
    images : (2, H, W) float32
        Left and right view, background about 1.
    masks : (2, H, W) bool
        True line pixels, about 3 px wide.
    disparity : (2, H, W) float32
        x_right - x_left in px on each view's own mask, NaN elsewhere.
    ambiguous : (2, H, W) bool
        Pixels covered by two lines whose disparities differ by more than 1 px.
    curves : list of (n, 3) ndarray
        x, y, z in px of the undeviated view.
    angle : float
        Stereo angle in degrees.
    """

    images: np.ndarray
    masks: np.ndarray
    disparity: np.ndarray
    ambiguous: np.ndarray
    curves: list
    angle: float


def stereo_scene(
    seed: int,
    angle: float = 6.0,
    noise: int = 1,
    kind: str | None = None,
    shape: tuple[int, int] = (512, 512),
    thickness: float | None = None,
    shift: float = 0.0,
) -> StereoScene:
    """Draw a stereo pair of curved lines with exact truth.

    Parameters
    ----------
    seed : int
        Seed; the same arguments give the same scene.
    angle : float
        Stereo angle in degrees.
    noise : int
        Index into ``NOISE_LEVELS``.
    kind : str, optional
        Emphasis: half of the arrangements are of this kind (see ``curves.ARRANGEMENTS``).
    shape : tuple of int
        Height and width in px.
    thickness : float, optional
        Foil thickness in px; default random between 0.3 and 0.75 of the width, so that 12 deg
        reach a disparity of +-40 px at 512 px.
    shift : float
        Constant added to every disparity in px, as from an imperfect alignment.

    Returns
    -------
    StereoScene

    Raises
    ------
    ValueError
        For an unknown noise level or kind.

    Examples
    --------
    >>> scene = stereo_scene(1, angle=8, noise=0, shape=(128, 128))
    >>> scene.images.shape, bool(scene.masks[0].any())
    ((2, 128, 128), True)
    """
    if noise not in range(len(NOISE_LEVELS)):
        raise ValueError(f"noise={noise!r}: choose one of the levels 0 to {len(NOISE_LEVELS) - 1}.")
    rng = np.random.default_rng(seed)
    if thickness is None:
        thickness = rng.uniform(0.3, 0.75) * shape[1]
    curves = _fill_frame(rng, kind, shape, thickness)
    scale = 2 * np.tan(np.radians(angle) / 2)
    discord = rng.uniform(0.0, 0.25)
    looks = [_line_look(rng, curve, discord) for curve in curves]
    fringes = _fringe_bands(rng, shape, thickness * scale)
    fields = rng.normal(size=(2, 9, 9))
    shared = rng.normal(size=(9, 9))
    images, masks, disparity, ambiguous = [], [], [], []
    for view, side in enumerate((-0.5, 0.5)):
        placed = [_place(curve, scale, shift, side) for curve in curves]
        mask, depth, overlap = _truth(placed, shape)
        field = 0.7 * shared + 0.5 * fields[view]
        ground = _background(field, shape) * _render_fringes(fringes, side, shift, shape)
        clean = ground * _render_lines(placed, looks, view, shape)
        images.append(_acquire(rng, clean, *NOISE_LEVELS[noise]))
        masks.append(mask)
        disparity.append(depth)
        ambiguous.append(overlap)
    stacks = [np.stack(a) for a in (images, masks, disparity, ambiguous)]
    return StereoScene(*stacks, curves=curves, angle=float(angle))


def benchmark_scene(index: int) -> StereoScene:
    """Scene number ``index`` (0-23) of the frozen benchmark list."""
    seed, angle, noise, kind = BENCHMARK_SCENES[index]
    return stereo_scene(seed, angle, noise, kind)


def erase_pieces(
    mask: np.ndarray, share: float, seed: int, radius: tuple[float, float] = (6.0, 16.0)
) -> np.ndarray:
    """Erase random round pieces until ``share`` of the mask is gone.

    Parameters
    ----------
    mask : (H, W) bool ndarray
        Line mask.
    share : float
        Share of the mask's pixels to erase, 0-1.
    seed : int
        Seed.
    radius : tuple of float
        Least and greatest radius of a piece in px.

    Returns
    -------
    (H, W) bool ndarray
    """
    rng = np.random.default_rng(seed)
    left = mask.copy()
    total = int(mask.sum())
    rows, columns = np.nonzero(mask)
    while total and left.sum() > (1 - share) * total:
        i, size = rng.integers(rows.size), rng.uniform(*radius)
        near = (rows - rows[i]) ** 2 + (columns - columns[i]) ** 2 < size**2
        left[rows[near], columns[near]] = False
    return left


def _fill_frame(rng, kind, shape, thickness):
    """Add arrangements until lines cover 3-5 % of the frame."""
    goal = rng.uniform(0.03, 0.05) * shape[0] * shape[1] / (2 * _MASK_RADIUS)
    others = ["lines", "lines", "lines", "pile-up", "crossing", "loop", "tangle", "row-parallel"]
    curves, length = [], 0.0
    while length < goal:
        chosen = kind if kind is not None and rng.random() < 0.5 else others[rng.integers(8)]
        for curve in arrangement(chosen, rng, shape, thickness):
            inside = np.all((curve[:, :2] >= 0) & (curve[:, :2] < shape[::-1]), axis=1)
            steps = np.hypot(*np.diff(curve[:, :2], axis=0).T)
            length += float(steps[inside[1:]].sum())
            curves.append(curve)
    return curves


def _line_look(rng, curve, discord):
    """Width, contrast, and oscillation with depth; the phase drifts a little between views.

    ``discord`` is how much contrast differs between the views beyond that, as it does where
    diffraction conditions differ.
    """
    n = len(curve)
    contrast = rng.uniform(0.15, 0.5)
    period, swing, phase = rng.uniform(40, 120), rng.uniform(0, 0.45), rng.uniform(0, 6.3)
    drift = rng.normal(0, 0.5)
    profiles = [
        contrast * (1 + swing * np.sin(2 * np.pi * curve[:, 2] / period + phase + side * drift))
        for side in (-0.5, 0.5)
    ]
    fade = np.minimum(1, (np.minimum(np.arange(n), np.arange(n)[::-1]) + 4) / 12)
    gains = np.exp(rng.normal(0, 0.1 + 0.5 * discord, 2))
    along = np.arange(n)
    own = [1 + discord * np.sin(along / rng.uniform(12, 40) + rng.uniform(0, 6.3)) for _ in gains]
    seen = [np.clip(p * fade * g * o, 0, 0.9) for p, g, o in zip(profiles, gains, own, strict=True)]
    return rng.uniform(1.2, 2.2), seen


def _place(curve, scale, shift, side):
    """x, y in a view, and the disparity."""
    disparity = scale * curve[:, 2] + shift
    return np.column_stack([curve[:, 0] + side * disparity, curve[:, 1], disparity])


def _pixels_near(points, shape, radius):
    """Flat indices of pixels within ``radius`` of a polyline, nearest sample and distance."""
    height, width = shape
    reach = int(np.ceil(radius)) + 1
    offsets = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    base = np.unique(np.round(points[:, 1::-1]).astype(int), axis=0)
    rows = (base[:, 0, None] + offsets[0]).ravel()
    columns = (base[:, 1, None] + offsets[1]).ravel()
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    flat = np.unique(rows[inside] * width + columns[inside])
    if flat.size == 0:
        return flat, flat, np.zeros(0)
    grid = np.column_stack([flat % width, flat // width])
    distance, nearest = cKDTree(points[:, :2]).query(grid, distance_upper_bound=radius)
    keep = np.isfinite(distance)
    return flat[keep], nearest[keep], distance[keep]


def _truth(placed, shape):
    size = shape[0] * shape[1]
    best, depth = np.full(size, np.inf), np.full(size, np.nan)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    # Curves go in pieces, so that one that runs over itself is seen as an overlap too.
    for curve in placed:
        for piece in np.array_split(curve, max(len(curve) // 80, 1)):
            flat, nearest, distance = _pixels_near(piece, shape, _OVERLAP_RADIUS)
            value = piece[nearest, 2]
            low[flat] = np.minimum(low[flat], value)
            high[flat] = np.maximum(high[flat], value)
            closer = distance < best[flat]
            best[flat[closer]] = distance[closer]
            depth[flat[closer]] = value[closer]
    mask = (best <= _MASK_RADIUS).reshape(shape)
    depth = np.where(mask, depth.reshape(shape), np.nan).astype(np.float32)
    ambiguous = mask & ((high - low) > 1.0).reshape(shape)
    return mask, depth, ambiguous


def _render_lines(placed, looks, view, shape):
    image = np.ones(shape[0] * shape[1])
    for curve, (sigma, profiles) in zip(placed, looks, strict=True):
        flat, nearest, distance = _pixels_near(curve, shape, 3.2 * sigma)
        image[flat] *= 1 - profiles[view][nearest] * np.exp(-0.5 * (distance / sigma) ** 2)
    return image.reshape(shape)


def _background(field, shape):
    zoom = (shape[0] / field.shape[0], shape[1] / field.shape[1])
    smooth = ndimage.zoom(field, zoom, order=3, mode="nearest", grid_mode=True)
    return np.exp(0.08 * smooth)


def _fringe_bands(rng, shape, span):
    """Stacking-fault-like bands: middle, direction, width, period, contrast, disparity."""
    bands = []
    for _ in range(rng.integers(0, 3)):
        middle = rng.uniform(0.1, 0.9, 2) * shape[::-1]
        turn, width = rng.uniform(0, np.pi), rng.uniform(20, 70)
        period, contrast = rng.uniform(9, 22), rng.uniform(0.03, 0.12)
        bands.append((middle, turn, width, period, contrast, rng.uniform(-0.5, 0.5) * span))
    return bands


def _render_fringes(bands, side, shift, shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    out = np.ones(shape)
    for middle, turn, width, period, contrast, disparity in bands:
        u = (x - middle[0] - side * (disparity + shift)) * np.cos(turn)
        u += (y - middle[1]) * np.sin(turn)
        envelope = np.clip((width / 2 - np.abs(u)) / 3 + 0.5, 0, 1)
        out *= 1 + contrast * envelope * np.cos(2 * np.pi * u / period)
    return out


def _acquire(rng, clean, dose, row_gain, jitter):
    """Scan with row jitter, count, and scale by the gain of each row."""
    height, width = clean.shape
    columns = np.arange(width)
    shifts = rng.normal(0, jitter, height)
    moved = np.stack(
        [np.interp(columns + s, columns, row) for s, row in zip(shifts, clean, strict=True)]
    )
    counts = rng.poisson(moved * dose) / dose
    return (counts * (1 + rng.normal(0, row_gain, (height, 1)))).astype(np.float32)
