"""Shaded tubes and balls as pixels, with true occlusion.

A tube is a ball swept along its centre line: balls are stamped at steps of less than a pixel,
and at each pixel the nearest surface wins. No graphics card and no browser is needed.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

__all__ = ["render_balls", "sweep"]

# Balls stamped at once; bounds the memory to some tens of megabytes.
CHUNK = 400_000
# From the upper left, towards the viewer: columns right, rows down, depth towards the viewer.
LIGHT = np.array([-0.45, -0.65, 0.62]) / np.linalg.norm([-0.45, -0.65, 0.62])


def sweep(
    screen: np.ndarray, colours: np.ndarray, line: np.ndarray, step: float = 0.7
) -> tuple[np.ndarray, np.ndarray]:
    """Balls along polylines, closely enough to look like tubes.

    Parameters
    ----------
    screen : numpy.ndarray
        (N, 4): column, row, depth (px, larger is nearer) and radius (px).
    colours : numpy.ndarray
        (N, 3), 0..1.
    line : numpy.ndarray
        (N,), contiguous labels.
    step : float
        Largest distance of neighbouring balls, px.

    Returns
    -------
    balls : numpy.ndarray
        (M, 4), as `screen`.
    colours : numpy.ndarray
        (M, 3).
    """
    if len(screen) < 2:
        return screen, colours
    gap = np.linalg.norm(np.diff(screen[:, :2], axis=0), axis=1)
    pieces = np.maximum(np.ceil(gap / step), 1).astype(np.int64)
    pieces[line[1:] != line[:-1]] = 1
    start = np.repeat(np.arange(len(gap)), pieces)
    first = np.concatenate([[0], np.cumsum(pieces)[:-1]])
    t = ((np.arange(len(start)) - first[start]) / pieces[start])[:, None]
    balls = screen[start] + t * (screen[start + 1] - screen[start])
    shades = colours[start] + t * (colours[start + 1] - colours[start])
    return np.vstack([balls, screen[-1:]]), np.vstack([shades, colours[-1:]])


def render_balls(
    balls: np.ndarray, colours: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw shaded balls.

    Parameters
    ----------
    balls : numpy.ndarray
        (M, 4): column, row, depth and radius in px.
    colours : numpy.ndarray
        (M, 3), 0..1.
    shape : (H, W)
        Of the picture.

    Returns
    -------
    rgba : numpy.ndarray
        (H, W, 4), float64, 0..1; alpha 0 where nothing is drawn.
    depth : numpy.ndarray
        (H, W), px, -inf where nothing is drawn.
    """
    depth = np.full(shape[0] * shape[1], -np.inf)
    owner = np.full(shape[0] * shape[1], -1)
    radius = np.maximum(balls[:, 3], 0.5) if len(balls) else np.zeros(0)
    reach = int(np.ceil(radius.max())) + 1 if len(balls) else 0
    step = np.arange(-reach, reach + 1)
    dx, dy = (grid.ravel() for grid in np.meshgrid(step, step))
    size = max(CHUNK // len(dx), 1)
    for i in range(0, len(balls), size):
        part = slice(i, i + size)
        _stamp(balls[part], radius[part], dx, dy, i, depth, owner, shape)
    rgba = np.zeros((*shape, 4))
    drawn = owner >= 0
    if drawn.any():
        flat = rgba.reshape(-1, 4)
        flat[drawn, :3] = _shade(balls, radius, colours, owner, drawn, shape[1])
        flat[drawn, 3] = 1
    depth = depth.reshape(shape)
    rgba[..., :3] *= _contact_shadow(depth)[..., None]
    return rgba, depth


def _stamp(
    balls: np.ndarray,
    radius: np.ndarray,
    dx: np.ndarray,
    dy: np.ndarray,
    first: int,
    depth: np.ndarray,
    owner: np.ndarray,
    shape: tuple[int, int],
) -> None:
    """Write the nearest surface of some balls into `depth` and `owner`."""
    column = np.rint(balls[:, :1]).astype(np.int64) + dx
    row = np.rint(balls[:, 1:2]).astype(np.int64) + dy
    height = radius[:, None] ** 2 - (column - balls[:, :1]) ** 2 - (row - balls[:, 1:2]) ** 2
    use = (height > 0) & (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    which, _ = np.nonzero(use)
    pixel = row[use] * shape[1] + column[use]
    surface = balls[which, 2] + np.sqrt(height[use])
    # Sorted by depth, the nearest is written last.
    order = np.argsort(surface, kind="stable")
    order = order[surface[order] > depth[pixel[order]]]
    depth[pixel[order]] = surface[order]
    owner[pixel[order]] = which[order] + first


def _shade(
    balls: np.ndarray,
    radius: np.ndarray,
    colours: np.ndarray,
    owner: np.ndarray,
    drawn: np.ndarray,
    width: int,
) -> np.ndarray:
    """Colour of the drawn pixels: ambient, diffuse and a soft highlight."""
    pixel = np.flatnonzero(drawn)
    ball = owner[pixel]
    normal = np.empty((len(pixel), 3))
    normal[:, 0] = (pixel % width - balls[ball, 0]) / radius[ball]
    normal[:, 1] = (pixel // width - balls[ball, 1]) / radius[ball]
    normal[:, 2] = np.sqrt(np.clip(1 - normal[:, 0] ** 2 - normal[:, 1] ** 2, 0, 1))
    diffuse = np.clip(normal @ LIGHT, 0, 1)
    half = LIGHT + np.array([0, 0, 1.0])
    highlight = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 40
    rim = 0.62 + 0.38 * normal[:, 2]
    shade = (0.62 + 0.62 * diffuse) * rim
    return np.clip(colours[ball] * shade[:, None] + 0.25 * highlight[:, None], 0, 1)


def _contact_shadow(depth: np.ndarray, reach: int = 9) -> np.ndarray:
    """Factor that darkens what lies just behind something nearer, so that crossings are read."""
    if not np.isfinite(depth).any():
        return np.ones(depth.shape)
    floor = depth[np.isfinite(depth)].min()
    filled = np.where(np.isfinite(depth), depth, floor).astype(np.float32)
    rows, columns = depth.shape
    # A soft shadow: every third pixel of the neighbourhood is enough, a ninth of the work.
    even = np.pad(filled, ((0, -rows % 3), (0, -columns % 3)), mode="edge")
    coarse = even.reshape(even.shape[0] // 3, 3, -1, 3).max(axis=(1, 3))
    nearer = ndimage.maximum_filter(coarse, footprint=_disc(reach // 3))
    nearer = nearer.repeat(3, axis=0).repeat(3, axis=1)[:rows, :columns]
    step = np.clip((nearer - filled) / (3 * reach) - 0.4, 0, 1)
    return 1 - 0.38 * ndimage.gaussian_filter(step, reach / 3)


def _disc(radius: int) -> np.ndarray:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return x**2 + y**2 <= radius**2
