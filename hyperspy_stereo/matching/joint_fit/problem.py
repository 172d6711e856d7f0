"""A scene of lines in views: which pixels count, and the equations at given unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from hyperspy_stereo.matching.joint_fit.curve_basis import CurveBasis
from hyperspy_stereo.matching.joint_fit.foot_points import BEYOND, foot_points
from hyperspy_stereo.matching.joint_fit.layout import (
    Layout,
    ViewGeometry,
    along_lines,
    corners_in_views,
)
from hyperspy_stereo.matching.joint_fit.normal_equations import accumulate, render
from hyperspy_stereo.matching.joint_fit.profile import REACH

__all__ = [
    "Equations",
    "Near",
    "Scene",
    "Support",
    "equations",
    "near_lines",
    "support_of",
    "transmittance",
]

HUBER = 3.0
"""Residuals in sigma beyond which their influence stays constant."""
MARGIN = 1.0
"""px by which a line may move before the pixels that count are chosen anew."""
PADDING = 0.5
"""px beyond the reach of the profile: its edge is then below 0.1 % of the contrast."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What stays the same during a fit.

    Attributes
    ----------
    basis : CurveBasis
        Lines.
    place : Layout
        Where the unknowns stand.
    views : ViewGeometry
        Projection.
    shape : (int, int)
        Height and width of the views.
    relief : (V, N) ndarray
        How contrast in a view differs along the lines from that of the others, beyond its gain;
        1 to begin with.
    """

    basis: CurveBasis
    place: Layout
    views: ViewGeometry
    shape: tuple[int, int]
    relief: np.ndarray

    def gain(self, unknowns: np.ndarray) -> np.ndarray:
        """(V, N) relative contrast in each view at the vertices."""
        gains = np.repeat(unknowns[self.place.gains], np.diff(self.basis.starts), axis=0)
        return gains.T * self.relief


@dataclass(frozen=True, eq=False)
class Near:
    """Pairs of a pixel and a line near it; k of them, in all views.

    Attributes
    ----------
    pixel : (k,) int64 ndarray
        Flat through all views.
    view, line, vertex : (k,) int64 ndarray
        ``vertex`` counts through all lines.
    fraction, distance : (k,) ndarray
        As from ``foot_points``.
    kind : (k,) int8 ndarray
        As from ``foot_points``.
    """

    pixel: np.ndarray
    view: np.ndarray
    line: np.ndarray
    vertex: np.ndarray
    fraction: np.ndarray
    distance: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True, eq=False)
class Support:
    """Pixels that count, and which lines share some of them.

    Attributes
    ----------
    pixels : (m,) int64 ndarray
        Flat through all views.
    used : (Q,) bool ndarray
        The same as a mask, without pixels beyond the ends of a line.
    owner : (Q,) int64 ndarray
        Group of lines of each pixel; 0 elsewhere.
    group : (L,) int64 ndarray
        Group of each line.
    block_at : (L, L) int64 ndarray
        Where the block of a pair of lines begins; -1 where they do not meet.
    size : int
        Length of all blocks.
    """

    pixels: np.ndarray
    used: np.ndarray
    owner: np.ndarray
    group: np.ndarray
    block_at: np.ndarray
    size: int


@dataclass(frozen=True, eq=False)
class Equations:
    """Cost and normal equations of the data, without priors.

    Attributes
    ----------
    cost : (groups,) ndarray
        Half the sum of Huber's function of the residuals.
    gradient : (P,) ndarray
        J'Wr.
    blocks : (B,) ndarray
        J'WJ, see ``Support.block_at``.
    border : (P, 2 V + 1) ndarray
        J'WJ of lines and what they share (shifts of the views, rotation).
    corner : (2 V + 1, 2 V + 1) ndarray
        J'WJ of what they share.
    border_gradient : (2 V + 1,) ndarray
        J'Wr of what they share.
    """

    cost: np.ndarray
    gradient: np.ndarray
    blocks: np.ndarray
    border: np.ndarray
    corner: np.ndarray
    border_gradient: np.ndarray


def near_lines(scene: Scene, corners: np.ndarray, reach: np.ndarray) -> Near:
    """Pixels near the lines in all views.

    Parameters
    ----------
    scene : Scene
        Of V views, L lines, N vertices.
    corners : (V, N, 2) ndarray
        Lines in the views, px.
    reach : (L,) ndarray
        Distance up to which a pixel counts as near, px.

    Returns
    -------
    Near
    """
    height, width = scene.shape
    starts = scene.basis.starts
    found: list[tuple[np.ndarray, ...]] = []
    numbers = []
    for v in range(len(corners)):
        for line in range(len(scene.basis)):
            part = corners[v, starts[line] : starts[line + 1]]
            pixel, side, *rest = foot_points(part, float(reach[line]), height, width)
            found.append((pixel + v * height * width, side + starts[line], *rest))
            numbers.append((len(pixel), v, line))
    pixel, vertex, fraction, distance, kind = (np.concatenate(x) for x in zip(*found, strict=True))
    count, view, line = np.array(numbers).T
    return Near(
        pixel, np.repeat(view, count), np.repeat(line, count), vertex, fraction, distance, kind
    )


def support_of(scene: Scene, near: Near) -> Support:
    """Pixels that count and the lines that share them.

    Where a line ends is not fitted, so that pixels beyond its ends count for no line.

    Parameters
    ----------
    scene : Scene
        Of L lines.
    near : Near
        With a margin, so that the lines may move.

    Returns
    -------
    Support
    """
    lines, total = len(scene.basis), len(scene.views.across) * scene.shape[0] * scene.shape[1]
    ones = np.ones(len(near.pixel), bool)
    member = csr_array((ones, (near.line, near.pixel)), shape=(lines, total), dtype=np.int64)
    meets = (member @ member.T).toarray() > 0
    np.fill_diagonal(meets, True)
    _, group = connected_components(csr_array(meets), directed=False)
    used = np.zeros(total, bool)
    used[near.pixel] = True
    used[near.pixel[near.kind == BEYOND]] = False
    owner = np.zeros(total, np.int64)
    owner[near.pixel] = group[near.line]
    sizes = np.diff(scene.place.starts)
    area = np.where(meets, np.outer(sizes, sizes), 0).ravel()
    begin = np.concatenate([[0], np.cumsum(area)])
    block_at = np.where(meets, begin[:-1].reshape(meets.shape), -1)
    return Support(np.flatnonzero(used), used, owner, group, block_at, int(begin[-1]))


def equations(
    scene: Scene,
    support: Support,
    data: np.ndarray,
    weight: np.ndarray,
    unknowns: np.ndarray,
    shared: np.ndarray,
) -> Equations:
    """Cost and normal equations at given unknowns.

    Parameters
    ----------
    scene : Scene
        Of V views, L lines, P unknowns.
    support : Support
        Pixels that count.
    data, weight : (V, H, W) ndarray
        Transmittance, and 1 / variance of each pixel.
    unknowns : (P,) ndarray
        See ``layout.Layout``.
    shared : (2 V + 1,) ndarray
        See ``layout.corners_in_views``.

    Returns
    -------
    Equations
    """
    basis, place, views = scene.basis, scene.place, scene.views
    depth, offset, contrast, asymmetry = along_lines(basis, place, unknowns)
    corners = corners_in_views(basis, views, depth, offset, unknowns[place.kappa], shared)
    width = np.exp(unknowns[place.width])
    near = near_lines(scene, corners, REACH * width + PADDING)
    total, number = scene.shape[0] * scene.shape[1], len(unknowns)
    out = Equations(
        cost=np.zeros(support.group.max() + 1),
        gradient=np.zeros(number),
        blocks=np.zeros(support.size),
        border=np.zeros((number, len(shared))),
        corner=np.zeros((len(shared), len(shared))),
        border_gradient=np.zeros(len(shared)),
    )
    begins = [[p.start for p in part] for part in _spline_parts(place)]
    accumulate(
        support.pixels, data.reshape(-1), weight.reshape(-1), support.owner, out.cost,
        out.gradient, out.blocks, support.block_at, out.border, out.corner, out.border_gradient,
        HUBER, near.pixel, near.view, near.line, near.vertex, near.fraction, near.distance,
        near.kind, np.array([total, scene.shape[1]]), width, contrast, asymmetry,
        scene.gain(unknowns), scene.relief, corners, basis.normal, views.plane, views.parallax,
        views.across, depth, basis.first, basis.contrast_first, basis.weights,
        basis.contrast_weights, np.column_stack([*begins, place.width]),
        np.diff(place.starts), place.starts[:-1],
    )  # fmt: skip
    return out


def transmittance(scene: Scene, unknowns: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Views as the model has them, without background.

    Parameters
    ----------
    scene : Scene
        Of V views and P unknowns.
    unknowns : (P,) ndarray
        See ``layout.Layout``.
    shared : (2 V + 1,) ndarray
        See ``layout.corners_in_views``.

    Returns
    -------
    (V, H, W) float64 ndarray
    """
    basis, place = scene.basis, scene.place
    depth, offset, contrast, asymmetry = along_lines(basis, place, unknowns)
    kappa = unknowns[place.kappa]
    corners = corners_in_views(basis, scene.views, depth, offset, kappa, shared)
    width = np.exp(unknowns[place.width])
    near = near_lines(scene, corners, REACH * width + PADDING)
    out = np.ones(len(corners) * scene.shape[0] * scene.shape[1])
    render(
        out, near.pixel, near.view, near.line, near.vertex, near.fraction, near.distance, width,
        contrast, asymmetry, scene.gain(unknowns),
    )  # fmt: skip
    return out.reshape(len(corners), *scene.shape)


def _spline_parts(place: Layout) -> tuple[list[slice], ...]:
    return place.depth, place.offset, place.contrast, place.asymmetry
