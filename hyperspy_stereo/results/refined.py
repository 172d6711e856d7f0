"""A network whose depths were refined after matching."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from hyperspy_stereo.geometry.incidence import stereo_angle
from hyperspy_stereo.geometry.parallax import disparity_per_depth
from hyperspy_stereo.geometry.triangulation import project
from hyperspy_stereo.matching.joint_fit.refine import RefinedLines, refine_lines
from hyperspy_stereo.results.arrays import ViewPoints

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["refine_network", "refined_network"]

NEAR = 2.0
"""px between a matched point of a view and the line there that it belongs to."""
ALIKE = 2.0
"""px of disparity within which both are the same match."""


def refine_network(
    network: DislocationNetwork,
    views: ArrayLike,
    incidence: ArrayLike,
    parallax_azimuth: float = 0.0,
) -> DislocationNetwork:
    """Fit the depths of a network to views, all at once; also to others than were matched.

    Lines are found best in two views far apart, each seen by a large detector; more views may hold
    more about their depth. So match the first, and refine by the second.

    Parameters
    ----------
    network : DislocationNetwork
        As matched.
    views : array-like of shape (V, H, W)
        Images on the grid of those that were matched; NaN where there is no datum. For example
        ``band.data`` of ``virtual_stereo(layout="band")``.
    incidence : array-like of shape (V, 2)
        Of the views, mrad, such as ``band.incidence``.
    parallax_azimuth : float
        Direction of the Kikuchi line in the views, degrees. Default 0, along their rows.

    Returns
    -------
    DislocationNetwork
        With ``fit``, a :class:`~hyperspy_stereo.matching.joint_fit.RefinedLines`.

    Raises
    ------
    ValueError
        If the views have another size than those that were matched, or show no parallax.
    """
    shape = np.shape(views)[-2:]
    if network.image_shape is not None and shape != network.image_shape:
        raise ValueError(
            f"The lines were matched in images of {network.image_shape}, the views have {shape}: "
            "make both with the same rotation and direction, so that they share one grid."
        )
    refined = refine_lines(
        views,
        incidence,
        [line / network.pixel_size for line in network.lines],
        network._split(network.sigma / network.pixel_size),
        geometry=network.geometry,
        parallax_azimuth=parallax_azimuth,
        reference=tuple(network.incidence[0]) if len(network.incidence) else None,
    )
    return refined_network(network, refined)


def refined_network(network: DislocationNetwork, refined: RefinedLines) -> DislocationNetwork:
    """The same network with the depths of a joint fit.

    Parameters
    ----------
    network : DislocationNetwork
        As matched.
    refined : RefinedLines
        Of its lines in px, as ``matching.joint_fit.refine_lines`` returns them.

    Returns
    -------
    DislocationNetwork
        Points, sigma and the disparities of the matched points of every view follow the fit;
        lines, confidences and what was left out stay. ``fit`` holds `refined`.

    Raises
    ------
    ValueError
        If `refined` does not hold the lines of this network.
    """
    if [len(line) for line in refined.lines] != [len(line) for line in network.lines]:
        raise ValueError(
            "The refined lines are not those of this network: refine network.lines divided by "
            "network.pixel_size, all of them and in this order."
        )
    size = network.pixel_size
    points = np.concatenate([*refined.lines, np.zeros((0, 3))]) * size
    sigma = np.concatenate([*refined.sigma, np.zeros(0)]) * size
    new = type(network)(
        points,
        network.line_index,
        sigma,
        network.confidence,
        units=network.units,
        pixel_size=size,
        geometry=network.geometry,
        incidence=network.incidence,
        image_shape=network.image_shape,
        to_scan=network.to_scan,
        scan_shape=network.scan_shape,
        views=[
            _moved(view, number, network, points / size, sigma / size)
            for number, view in enumerate(network.views)
        ],
        rejected=network._rejected,
    )
    if network.foil_thickness_error is not None:
        new.set_foil_thickness(network.foil_thickness, network.foil_thickness_error)
    new.fit = refined
    return new


def _moved(
    view: ViewPoints, number: int, network: DislocationNetwork, points: np.ndarray, sigma
) -> ViewPoints:
    """Matched points of a view with the disparities of the lines that they belong to."""
    if len(view.points) == 0 or len(points) == 0:
        return view
    per_depth = disparity_per_depth(stereo_angle(network.incidence), network.geometry)
    before = network.points / network.pixel_size
    incidence = network.incidence[number]
    # In disparity and position at once, so that where lines cross each point finds its own.
    shown = project(before, incidence, network.geometry, network.image_centre)
    scale = NEAR / ALIKE
    offset = _zero(view, shown, before[:, 2] * per_depth)
    tree = cKDTree(np.column_stack([shown, scale * (before[:, 2] * per_depth + offset)]))
    far, twin = tree.query(np.column_stack([view.points, scale * view.disparity]))
    mine = far < NEAR
    change = (points[twin, 2] - before[twin, 2]) * per_depth
    return replace(
        view,
        disparity=view.disparity + np.where(mine, change, 0.0),
        sigma=np.where(mine, sigma[twin] * per_depth, view.sigma),
    )


def _zero(view: ViewPoints, shown: np.ndarray, disparity: np.ndarray) -> float:
    """What the disparities of a view have beyond depth times parallax: 0 but for uneven views."""
    far, twin = cKDTree(shown).query(view.points)
    near = far < NEAR
    return float(np.median(view.disparity[near] - disparity[twin[near]])) if near.any() else 0.0
