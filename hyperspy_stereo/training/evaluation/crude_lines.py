"""Lines of the crude renderer: their courses, what is drawn of them, and their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, IGNORE, LINE

__all__ = ["CrudeLine", "draw_lines", "label_lines", "random_lines"]

STEP = 0.35  # px between the points of a line
SEEN = 0.35  # of a line's contrast, below which it fades from view
BRIDGED = 20.0  # px, length of a faint stretch that is still part of a visible line
HALF_WIDTH = 1.5  # px, of the label
OVERLAP = 2.5  # px about a pixel within which a second line makes it ambiguous, at least
APART = 2.4  # lines nearer than this many sigmas are seen as one
HIDDEN = 3.0  # px about what has faded in which nothing is scored


@dataclass(frozen=True, eq=False)
class CrudeLine:
    """A line as dense points.

    Attributes
    ----------
    points : (n, 2) ndarray
        x, y half way between the views, px.
    disparity : (n,) ndarray
        x_right - x_left, px.
    strength : (n,) ndarray
        Contrast along the line relative to its greatest, 0 to 1.
    visible : (n,) bool ndarray
        Where the line is seen, oscillations bridged.
    style : dict
        sigma (px), depth (optical), and the parts that it is drawn of: (offset px, weight).
    """

    points: np.ndarray
    disparity: np.ndarray
    strength: np.ndarray
    visible: np.ndarray
    style: dict

    def in_view(self, view: int) -> np.ndarray:
        """Points in a view, (n, 2) px."""
        shift = (view - 0.5) * self.disparity
        return self.points + np.column_stack([shift, np.zeros(len(shift))])


def random_lines(side: int, reach: float, rng: np.random.Generator) -> list[CrudeLine]:
    """Draw the lines of a scene.

    Parameters
    ----------
    side : int
        Height and width of the views, px.
    reach : float
        Greatest size of a disparity, px.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of CrudeLine
    """
    makers = [_catmull_rom, _closed, _threading, _wavy]
    shares = rng.dirichlet([1.2, 0.5, 0.8, 0.6])
    sigma = float(np.exp(rng.uniform(np.log(0.75), np.log(2.4))))
    depth = float(np.exp(rng.uniform(np.log(0.14), np.log(0.9))))
    styles = [_style(sigma, depth, rng) for _ in range(int(rng.integers(1, 4)))]
    wanted = rng.uniform(0.006, 0.028) * side**2 * STEP**-1  # points in all
    lines: list[CrudeLine] = []
    while sum(len(line.points) for line in lines) < wanted and len(lines) < 90:
        course = makers[rng.choice(len(makers), p=shares)](side, reach, rng)
        copies = int(rng.integers(3, 7)) if rng.random() < 0.08 else 1
        aside = rng.normal(size=2)
        aside *= rng.uniform(9, 18) / np.hypot(*aside)
        style = styles[rng.integers(len(styles))]
        for k in range(copies):
            moved = course + np.append(k * aside + 0.8 * rng.normal(size=2), 0.0)
            line = _line(moved, style, side, rng)
            if line is not None:
                lines.append(line)
    return lines


def _style(sigma: float, depth: float, rng: np.random.Generator) -> dict:
    sigma = float(np.clip(sigma * np.exp(0.2 * rng.normal()), 0.7, 2.8))
    depth = depth * float(np.exp(0.25 * rng.normal()))
    kind = rng.choice(["dark", "bright", "fringed", "black-white", "double"],
                      p=[0.55, 0.1, 0.12, 0.11, 0.12])  # fmt: skip
    parts = {
        "dark": [(0.0, 1.0)],
        "bright": [(0.0, -0.8)],
        "fringed": [(0.0, 1.0), (2.4 * sigma, -0.35), (-2.4 * sigma, -0.2)],
        "black-white": [(0.75 * sigma, 1.0), (-0.75 * sigma, -0.9)],
        "double": [(1.3 * sigma, 0.8), (-1.3 * sigma, 0.7)],
    }[str(kind)]
    beads = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.35 else 0.0
    return {"kind": str(kind), "sigma": sigma, "depth": depth, "parts": parts, "beads": beads,
            "period": float(rng.uniform(0.15, 0.6))}  # fmt: skip


def _line(course, style, side, rng) -> CrudeLine | None:
    """Course (n, 3) of x, y, disparity as a line of even points, cut to the picture."""
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(course[:, :2], axis=0).T))])
    if length[-1] < 14:
        return None
    at = np.arange(0, length[-1], STEP)
    x, y, disparity = (np.interp(at, length, c) for c in course.T)
    margin = 30
    inside = (x > -margin) & (x < side + margin) & (y > -margin) & (y < side + margin)
    if inside.sum() * STEP < 14:
        return None
    strength = np.ones(len(at))
    if rng.random() < 0.3:  # fades over a stretch
        middle, half = rng.uniform(0, at[-1]), rng.uniform(10, 45)
        strength *= 1 - np.exp(-(((at - middle) / half) ** 4))
    if rng.random() < 0.15:  # fades towards an end
        strength *= 1 / (1 + np.exp(-(at - rng.uniform(0, 0.5) * at[-1]) / 6))
    reach = max(float(np.ptp(disparity)), 1.0)
    phase = 2 * np.pi * (disparity / (style["period"] * reach)) + rng.uniform(0, 2 * np.pi)
    strength = strength * (1 - style["beads"] * (0.5 + 0.5 * np.cos(phase)) * 0.8)
    # an oscillation is bridged, a stretch that is faint all along is not
    visible = ndi.maximum_filter1d(strength, int(BRIDGED / STEP)) >= SEEN
    points = np.column_stack([x, y])[inside]
    return CrudeLine(points, disparity[inside], strength[inside], visible[inside], style)


def _catmull_rom(side, reach, rng) -> np.ndarray:
    """A curve through a few random places, walking on across the picture."""
    n = int(rng.integers(4, 8))
    heading = rng.uniform(0, 2 * np.pi)
    hop = rng.uniform(0.08, 0.3) * side
    turn = np.cumsum(rng.normal(0, rng.uniform(0.1, 0.6), n)) + heading
    walk = np.cumsum(hop * np.column_stack([np.cos(turn), np.sin(turn)]), axis=0)
    start = rng.uniform(-0.1, 1.1, 2) * side - walk[n // 2]
    across = np.linspace(*rng.uniform(-1, 1, 2), n) + 0.15 * rng.normal(size=n)
    knots = np.column_stack([walk + start, reach * np.clip(across, -1, 1)])
    p = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0, 1, 60, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
               + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]  # fmt: skip
    return np.vstack(pieces)


def _closed(side, reach, rng) -> np.ndarray:
    """A closed curve of three harmonics about a tilted plane."""
    t = np.linspace(0, 2 * np.pi, 240)
    size = rng.uniform(0.03, 0.16) * side
    radius = size * (1 + sum(
        rng.uniform(0, 0.22 / k) * np.cos(k * t + rng.uniform(0, 2 * np.pi)) for k in (1, 2, 3)
    ))  # fmt: skip
    squeeze, turn = rng.uniform(0.45, 1.0), rng.uniform(0, np.pi)
    a, b = radius * np.cos(t), squeeze * radius * np.sin(t)
    x = rng.uniform(0, side) + a * np.cos(turn) - b * np.sin(turn)
    y = rng.uniform(0, side) + a * np.sin(turn) + b * np.cos(turn)
    level, slope = rng.uniform(-0.7, 0.7), rng.uniform(0, 0.4)
    return np.column_stack([x, y, reach * np.clip(level + slope * np.cos(t - turn), -1, 1)])


def _threading(side, reach, rng) -> np.ndarray:
    """A nearly straight piece from one face to the other."""
    t = np.linspace(0, 1, 50)
    length, way = rng.uniform(0.06, 0.35) * side, rng.uniform(0, 2 * np.pi)
    bow = rng.normal(0, 0.08) * length * np.sin(np.pi * t)
    x, y = rng.uniform(0, side, 2)
    along = length * (t - 0.5)
    return np.column_stack([
        x + along * np.cos(way) - bow * np.sin(way),
        y + along * np.sin(way) + bow * np.cos(way),
        reach * (2 * t - 1) * rng.choice([-1, 1]),
    ])  # fmt: skip


def _wavy(side, reach, rng) -> np.ndarray:
    """A sum of sines about a straight way, in depth as well."""
    t = np.linspace(-0.7, 0.7, 500)
    way = rng.uniform(0, 2 * np.pi)
    aside = sum(
        rng.normal() * 0.05 / k * side * np.sin(2 * np.pi * k * t + rng.uniform(0, 6.3))
        for k in (1, 2, 4)
    )
    deep = rng.uniform(-0.6, 0.6) + 0.4 * np.sin(2 * np.pi * rng.uniform(0.3, 2.0) * t)
    x, y = rng.uniform(0.1, 0.9, 2) * side
    return np.column_stack([
        x + side * t * np.cos(way) - aside * np.sin(way),
        y + side * t * np.sin(way) + aside * np.cos(way),
        reach * np.clip(deep, -1, 1),
    ])  # fmt: skip


def draw_lines(lines: list[CrudeLine], view: int, side: int) -> np.ndarray:
    """Optical depth of all lines in a view, (H, W); negative where they are bright."""
    total = np.zeros((side, side))
    for style in {id(line.style): line.style for line in lines}.values():
        splat = np.zeros((side, side))
        for line in (line for line in lines if line.style is style):
            places = line.in_view(view)
            tangent = np.gradient(places, axis=0)
            tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
            normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
            for offset, weight in style["parts"]:
                _splat(splat, places + offset * normal, weight * line.strength * STEP)
        sigma = style["sigma"]
        total += style["depth"] * np.sqrt(2 * np.pi) * sigma * ndi.gaussian_filter(splat, sigma)
    return total


def _splat(picture: np.ndarray, places: np.ndarray, weight: np.ndarray) -> None:
    """Share each weight among the four pixels around its place."""
    side = picture.shape[0]
    corner = np.floor(places).astype(int)
    fx, fy = (places - corner).T
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = corner[:, 0] + dx, corner[:, 1] + dy
            inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
            share = weight * (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
            np.add.at(picture, (y[inside], x[inside]), share[inside])


def label_lines(
    lines: list[CrudeLine], view: int, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label bits, disparity and number of the lines in a view, each (H, W).

    Where two lines are too near to be told apart, both are ambiguous, whatever their depth.
    """
    nearest = np.full((side, side), np.inf)
    disparity = np.full((side, side), np.nan, np.float32)
    index = np.full((side, side), -1, np.int16)
    taken, shared = np.zeros((2, side, side), bool)
    hidden = np.zeros((side, side), bool)
    for number, line in enumerate(lines):
        places = line.in_view(view)
        _mark_hidden(hidden, places[~line.visible], side)
        wide = max(abs(offset) for offset, weight in line.style["parts"] if abs(weight) >= 0.5)
        reach = max(OVERLAP, wide + APART * line.style["sigma"] / 2)
        rows, columns, distance, point = _around(places, np.flatnonzero(line.visible), reach, side)
        if rows.size == 0:
            continue
        take = (distance <= HALF_WIDTH) & (distance < nearest[rows, columns])
        nearest[rows[take], columns[take]] = distance[take]
        disparity[rows[take], columns[take]] = line.disparity[point[take]]
        index[rows[take], columns[take]] = number
        touched = np.zeros((side, side), bool)
        touched[rows, columns] = True
        shared |= touched & taken | _met_again(rows * side + columns, point * STEP, side)
        taken |= touched
    label = LINE * (index >= 0).astype(np.uint8)
    label |= IGNORE * (hidden & (index < 0)).astype(np.uint8)
    if shared.any():
        label |= AMBIGUOUS * (ndi.distance_transform_edt(~shared) <= OVERLAP).astype(np.uint8)
    return label, disparity, index


def _met_again(flat: np.ndarray, along: np.ndarray, side: int) -> np.ndarray:
    """Pixels that one line comes back to after more than 12 px of its length."""
    first, last = np.full(side**2, np.inf), np.full(side**2, -np.inf)
    np.minimum.at(first, flat, along)
    np.maximum.at(last, flat, along)
    return (last - first > 12.0).reshape(side, side)


def _around(places, numbers, distant, side):
    """All pixels within a distance of points: rows, columns, distances, points."""
    reach = int(np.ceil(distant + 0.5))
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2), axis=-1).reshape(-1, 2)
    pixel = np.rint(places[numbers]).astype(int)[:, None] + grid
    distance = np.linalg.norm(pixel - places[numbers][:, None], axis=2)
    keep = (distance <= distant) & ((pixel >= 0) & (pixel < side)).all(axis=2)
    point = np.broadcast_to(numbers[:, None], keep.shape)[keep]
    # the nearest point of each pixel comes last, so that its values are those that stay
    order = np.argsort(-distance[keep], kind="stable")
    columns, rows = pixel[keep][order].T
    return rows, columns, distance[keep][order], point[order]


def _mark_hidden(hidden, places, side) -> None:
    if len(places) == 0:
        return
    column, row = np.rint(places).astype(int).T
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    spots = np.ones(hidden.shape, bool)
    spots[row[inside], column[inside]] = False
    if not spots.all():
        hidden |= ndi.distance_transform_edt(spots) <= HIDDEN
