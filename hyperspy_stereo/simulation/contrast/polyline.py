"""Dislocations as densely sampled lines with smooth tangents and frames that do not twist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np

from hyperspy_stereo.simulation.dislocation import Dislocation

PLACE, ALONG, FIRST, SECOND, TERMS, TAPER, INSIDE, SQUARE, ARC = 0, 3, 6, 9, 12, 16, 17, 18, 19
N_COLUMNS = 20
REACH = 3.6  # of a line's own field, in widths of the smooth part's core
TIGHT = 0.7  # share of the reach below which a line's core is narrowed instead of cut off
FURTHER = 6.0  # by how many more widths a narrow core reaches: where tight curves add up
FAR = 1e5  # nm; stands for a line that never ends
SHARP = 0.6  # rad; corners that turn further are corners, not pieces of a smooth curve
CORNER = 8.0  # nm over which the tangent turns at a sharp corner


class SampledLines(NamedTuple):
    """Lines one after the other, as the kernels read them.

    Attributes
    ----------
    start : (n_lines + 1,) int64
        Where each line's samples begin.
    samples : (n, 20) float64
        One row for each sample:

        - `PLACE`: x, y, z in nm; `ALONG`: the unit tangent;
        - `FIRST`, `SECOND`: two axes normal to it, first x second = along;
        - `TERMS`: factors of the logarithm, sin 2 psi, cos 2 psi and the constant of g.R in turns;
        - `TAPER`: 1 / r_c**2 in 1/nm**2, r_c being where the line's own field has faded;
        - `INSIDE`: length from the nearest free end in nm, below zero beyond it; else `FAR`;
        - `SQUARE`: square of the width in nm of the core of the line's smooth part;
        - `ARC`: length from the line's start in nm.
    turns : (n_lines,) float64
        g.b / (2 pi).
    cell : (n_lines,) float64
        Length in nm over which the line may be taken as straight.
    closed, ends : (n_lines,) bool
        A loop; a line that ends in the foil.
    stride : (n_lines,) int64
        Where a line has several near parts: every how many samples to look for them; else 0.
    balls : (n_balls, 5) float64
        Balls x, y, z, radius that cover the line's reach, and the line each belongs to.
    """

    start: np.ndarray
    samples: np.ndarray
    turns: np.ndarray
    cell: np.ndarray
    closed: np.ndarray
    ends: np.ndarray
    stride: np.ndarray
    balls: np.ndarray


def sample_lines(
    lines: Sequence[Dislocation],
    g: np.ndarray,
    poisson_ratio: float,
    spread: float,
    box: np.ndarray,
    narrowest: float = 0.3,
) -> SampledLines:
    """Sample dislocations for the tangent-line field.

    Parameters
    ----------
    lines : sequence of Dislocation
        Lines in nm.
    g : (3,) ndarray
        Diffraction vector in 1/nm.
    poisson_ratio : float
        Poisson's ratio.
    spread : float
        Width in nm of the smooth part's core.
    box : (2, 3) ndarray
        Lowest and highest x, y, z in nm of the volume that rays cross.
    narrowest : float, default 0.3
        Least width in nm to which the core of a tightly curved line is narrowed.

    Returns
    -------
    SampledLines
    """
    reach = REACH * spread
    parts = [_sample(line, reach, box) for line in lines]
    rows = {name: [] for name in SampledLines._fields}
    for index, (line, part) in enumerate(zip(lines, parts, strict=True)):
        place, along, arc, inside, curvature = part
        first, second = _frames(along, line.closed)
        clear = _clearance(place, arc, line.closed, reach)
        radius = np.minimum(clear, 0.8 / np.maximum(curvature, 1e-9))
        radius = _faded(np.clip(radius, 0.5, reach), arc, line.closed)
        square = np.full(len(arc), spread**2)
        if radius.min() < TIGHT * reach:
            width = radius / (REACH + FURTHER * (1 - radius / reach))
            square = np.clip(width, narrowest, spread) ** 2
        terms = _terms(line.burgers, g, along, first, second, poisson_ratio)
        rows["samples"].append(
            np.column_stack([place, along, first, second, terms, radius**-2.0, inside, square, arc])
        )
        rows["turns"].append(float(g @ line.burgers) / (2 * np.pi))
        tightest = 1 / max(curvature.max(), 1e-9)
        cell = min(np.sqrt(0.8 * tightest), 0.35 * radius.min(), 16.0)
        rows["cell"].append(cell if square.min() > 0.99 * spread**2 else 0.5 * cell)
        rows["closed"].append(line.closed)
        several = line.closed or radius.min() < 0.999 * reach
        rows["stride"].append(max(1, int(radius.min() / 6)) if several else 0)
        rows["ends"].append(not (line.closed or line.extend))
        rows["balls"].append(_balls(place, radius, line.closed, index, box))
    return _joined(rows)


def _joined(rows: dict[str, list]) -> SampledLines:
    counts = [len(samples) for samples in rows["samples"]]
    rows["start"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows["samples"] = np.concatenate([np.zeros((0, N_COLUMNS)), *rows["samples"]])
    rows["balls"] = np.concatenate([np.zeros((0, 5)), *rows["balls"]])
    for name in ("turns", "cell"):
        rows[name] = np.array(rows[name], dtype=float)
    for name in ("closed", "ends"):
        rows[name] = np.array(rows[name], dtype=bool)
    rows["stride"] = np.array(rows["stride"], dtype=np.int64)
    return SampledLines(**rows)


def _sample(line: Dislocation, reach: float, box: np.ndarray) -> tuple[np.ndarray, ...]:
    corners = line.points
    chords = np.diff(corners, axis=0)
    lengths = np.linalg.norm(chords, axis=1)
    chords = chords / lengths[:, None]
    arcs = np.concatenate([[0.0], np.cumsum(lengths)])
    knots, directions = _tangent_knots(chords, lengths, arcs, line.closed)
    turns = np.linalg.norm(np.diff(directions, axis=0), axis=1)
    spans = np.diff(knots)
    counts = np.ceil(np.maximum(spans / np.where(turns < 1e-9, 32.0, 4.0), turns / 0.1))
    counts = np.maximum(counts, 1).astype(int)
    first = np.cumsum(counts) - counts
    within = (np.arange(counts.sum()) - np.repeat(first, counts)) / np.repeat(counts, counts)
    arc = np.append(np.repeat(knots[:-1], counts) + np.repeat(spans, counts) * within, knots[-1])
    place = np.stack([np.interp(arc, arcs, corners[:, i]) for i in range(3)], axis=1)
    along = np.stack([np.interp(arc, knots, directions[:, i]) for i in range(3)], axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=1), 1e-12)[:, None]
    curvature = np.linalg.norm(np.diff(along, axis=0), axis=1) / np.diff(arc)
    curvature = np.maximum(np.append(curvature, 0), np.append(0, curvature))
    if line.closed:
        curvature[0] = curvature[-1] = max(curvature[0], curvature[-1])
        return place, along, arc, np.full(len(arc), FAR), curvature
    steps = _extension(place, along, reach, box)
    n0, n1 = len(steps[0]), len(steps[1])
    place = np.concatenate(
        [
            place[0] - steps[0][::-1, None] * along[0],
            place,
            place[-1] + steps[1][:, None] * along[-1],
        ]
    )
    along = np.concatenate([np.repeat(along[:1], n0, 0), along, np.repeat(along[-1:], n1, 0)])
    total = arc[-1]
    arc = np.concatenate([-steps[0][::-1], arc, total + steps[1]])
    inside = np.full(len(arc), FAR) if line.extend else np.minimum(arc, total - arc)
    return place, along, arc, inside, np.pad(curvature, (n0, n1))


def _extension(
    place: np.ndarray, along: np.ndarray, reach: float, box: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances beyond both ends: close by inside the box, and one far away."""
    low, high = box[0] - 2 * reach, box[1] + 2 * reach
    both = []
    for end, direction in ((place[0], -along[0]), (place[-1], along[-1])):
        with np.errstate(divide="ignore", invalid="ignore"):
            leave = np.where(direction > 0, (high - end) / direction, (low - end) / direction)
        leave = leave[np.abs(direction) > 1e-9].min()
        near = np.arange(32.0, min(max(leave, 0.0), FAR / 4) + 32.0, 32.0)
        both.append(np.append(near, FAR))
    return both[0], both[1]


@numba.njit(cache=True)
def _tangent_knots(
    chords: np.ndarray, lengths: np.ndarray, arcs: np.ndarray, closed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Places along the arc and tangents between which the tangent turns evenly."""
    n = len(chords)
    knots, directions = np.empty(3 * (n + 1)), np.empty((3 * (n + 1), 3))
    count = 0
    for corner in range(n + 1):
        before = chords[corner - 1] if corner > 0 or closed else chords[0]
        after = chords[corner % n] if corner < n or closed else chords[-1]
        mean = before * lengths[corner % n] + after * lengths[corner - 1]
        sharp = (before * after).sum() < np.cos(SHARP)
        if sharp:
            mean = before + after
        size = np.sqrt((mean * mean).sum())
        if size < 1e-6:
            mean, size = after, 1.0
        if sharp and corner > 0:
            knots[count] = arcs[corner] - min(CORNER, lengths[corner - 1] / 3)
            directions[count] = before
            count += 1
        knots[count] = arcs[corner]
        directions[count] = mean / size
        count += 1
        if sharp and corner < n:
            knots[count] = arcs[corner] + min(CORNER, lengths[corner] / 3)
            directions[count] = after
            count += 1
    return knots[:count], directions[:count]


def _terms(
    burgers: np.ndarray,
    g: np.ndarray,
    along: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    poisson_ratio: float,
) -> np.ndarray:
    """Factors of ln r**2, sin 2 psi, cos 2 psi and the constant, in turns."""
    kappa = 0.5 / (1 - poisson_ratio)
    m = np.cross(along, burgers)
    m1, m2 = (m * first).sum(1), (m * second).sum(1)
    g1, g2 = first @ g, second @ g
    terms = [
        -0.5 * (1 - kappa) * (m1 * g1 + m2 * g2),
        0.5 * kappa * (m1 * g2 + m2 * g1),
        0.5 * kappa * (m1 * g1 - m2 * g2),
        0.5 * kappa * (m1 * g1 + m2 * g2),
    ]
    return np.stack(terms, axis=1) / (2 * np.pi)


def _balls(
    place: np.ndarray, radius: np.ndarray, closed: bool, index: int, box: np.ndarray
) -> np.ndarray:
    """Balls around pieces of some 16 nm that hold every point of the line's reach."""
    pieces = place[:-1], place[1:]
    keep = np.linalg.norm(pieces[1] - pieces[0], axis=1) < FAR / 2
    a, b = pieces[0][keep], pieces[1][keep]
    wide = np.maximum(radius[:-1], radius[1:])[keep]
    count = np.maximum(1, np.linalg.norm(b - a, axis=1) // 16).astype(int)
    middle = (a + b) / 2
    size = np.linalg.norm(b - a, axis=1) / 2
    group = np.cumsum(size * 2) // 16 + np.cumsum(count > 1) * 1e6
    found = []
    for one in np.unique(group):
        which = group == one
        centre = (a[which].min(0) + a[which].max(0) + b[which].min(0) + b[which].max(0)) / 4
        far = np.linalg.norm(middle[which] - centre, axis=1) + size[which] + wide[which]
        found.append([*centre, far.max(), index])
    balls = np.array(found).reshape(-1, 5)
    low, high = box[0] - balls[:, 3:4], box[1] + balls[:, 3:4]
    near = ((balls[:, :3] > low) & (balls[:, :3] < high)).all(1)
    return balls[near]


@numba.njit(cache=True)
def _frames(along: np.ndarray, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Carry a normal along the line without twisting it; a loop's mismatch is spread evenly."""
    n = len(along)
    first = np.empty((n, 3))
    axis = np.argmin(np.abs(along[0]))
    first[0] = -along[0, axis] * along[0]
    first[0, axis] += 1.0
    first[0] /= np.sqrt((first[0] ** 2).sum())
    for i in range(1, n):
        first[i] = first[i - 1] - (first[i - 1] * along[i]).sum() * along[i]
        first[i] /= max(np.sqrt((first[i] ** 2).sum()), 1e-12)
    second = np.empty((n, 3))
    for i in range(n):
        second[i] = np.cross(along[i], first[i])
    if closed:
        twist = np.arctan2((first[-1] * second[0]).sum(), (first[-1] * first[0]).sum())
        for i in range(n):
            c, s = np.cos(twist * i / (n - 1)), np.sin(twist * i / (n - 1))
            turned = c * first[i] - s * second[i]
            second[i] = s * first[i] + c * second[i]
            first[i] = turned
    return first, second


@numba.njit(cache=True)
def _clearance(place: np.ndarray, arc: np.ndarray, closed: bool, reach: float) -> np.ndarray:
    """Half the distance to another part of the same line: one much nearer than the way along it."""
    n = len(place)
    nearest = np.full(n, 4 * reach * reach)
    total = arc[-1] - arc[0]
    for i in range(n):
        for j in range(i):
            way = abs(arc[i] - arc[j])
            if closed:
                way = min(way, total - way)
            x = place[i, 0] - place[j, 0]
            y = place[i, 1] - place[j, 1]
            z = place[i, 2] - place[j, 2]
            gap = x * x + y * y + z * z
            if way >= 2.0 and way * way > 1.57**2 * gap:
                nearest[i] = min(nearest[i], gap)
                nearest[j] = min(nearest[j], gap)
    return 0.5 * np.sqrt(nearest)


@numba.njit(cache=True)
def _faded(radius: np.ndarray, arc: np.ndarray, closed: bool) -> np.ndarray:
    """Let the reach change along the line by no more than half of the way."""
    out = radius.copy()
    for _ in range(2 if closed else 1):  # a second time around a loop, past its first place
        for i in range(1, len(out)):
            out[i] = min(out[i], out[i - 1] + 0.5 * (arc[i] - arc[i - 1]))
        for i in range(len(out) - 2, -1, -1):
            out[i] = min(out[i], out[i + 1] + 0.5 * (arc[i + 1] - arc[i]))
        if closed:
            out[0] = out[-1] = min(out[0], out[-1])
    return out
