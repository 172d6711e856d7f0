"""The scene of a network of dislocation lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.geometry.affine import apply_affine, invert_affine
from hyperspy_stereo.viewer.camera import Camera
from hyperspy_stereo.viewer.colours import Scalar
from hyperspy_stereo.viewer.scene import Foil, Lines, Scene, axes_and_scale_bar

if TYPE_CHECKING:
    from hyperspy_stereo.results.network import DislocationNetwork

__all__ = ["network_foil", "network_scene"]


def network_scene(
    network: DislocationNetwork,
    colour: str = "depth",
    radius: float | None = None,
    axes: tuple[str, str, str] = ("x", "y", "z"),
    axis_vectors: np.ndarray | None = None,
    camera: Camera | None = None,
    depth_limits: tuple[float, float] | None = None,
) -> Scene:
    """Describe a network as a scene: tubes in a transparent foil, axes, a scale bar.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty: the box is then empty too.
    colour : {"depth", "sigma", "confidence", "line"}
        What the colours mean.
    radius : float, optional
        Of the tubes, in the unit of the network. Default 0.42 % of the width of the foil,
        less for more than 50 lines, so that a dense network does not become a solid. It is no
        width of a dislocation.
    axes : (str, str, str)
        Names of the axes.
    axis_vectors : numpy.ndarray, optional
        (3, 3), rows along the named axes in specimen coordinates; x, y, z by default.
    camera : Camera, optional
        First view.
    depth_limits : (float, float), optional
        Depths at the ends of the colour bar, in the unit of the network; the range of the points
        by default.

    Returns
    -------
    Scene
        For any renderer.

    Raises
    ------
    ValueError
        If `colour` is none of the four or the radius is not positive.
    """
    foil = network_foil(network)
    size = float(np.ptp(foil.vertices, axis=0).max())
    if radius is None:
        radius = 0.0042 * size * min(1.0, (50 / max(network.n_lines, 1)) ** 0.35)
    if not radius > 0:
        raise ValueError(f"The radius of the tubes must be positive; {radius!r} was given.")
    lines = Lines(network.points, network.line_index, _scalars(network, depth_limits), radius)
    bars, labels = axes_and_scale_bar(foil, network.units, axes, axis_vectors)
    scene = Scene(
        foil=foil,
        lines=lines,
        bars=bars,
        labels=labels,
        camera=camera or Camera(),
        title=f"{network.n_lines} dislocation lines",
        units=network.units,
    )
    return scene.coloured_by(colour)


def network_foil(network: DislocationNetwork) -> Foil:
    """The slab of a network: the scanned area, and the thickness set or the depth of the points.

    Parameters
    ----------
    network : DislocationNetwork
        Without an image shape the points' own extent is taken.

    Returns
    -------
    Foil
        A rotated scan gives a rotated slab.
    """
    points = network.points
    if len(points):
        low, high = float(points[:, 2].min()), float(points[:, 2].max())
    else:
        low, high = 0.0, 0.0
    if network.foil_thickness_error is not None:
        middle, half = (low + high) / 2, network.foil_thickness / 2
        low, high = min(low, middle - half), max(high, middle + half)
    corners = _corners(network)
    if high - low < 1e-9 * (1 + np.abs(corners).max()):
        # A flat or empty network: a slab of a tenth of its width is still a box.
        half = 0.05 * float(np.ptp(corners, axis=0).max())
        low, high = low - half, high + half
    return Foil(corners, low, high)


def _corners(network: DislocationNetwork) -> np.ndarray:
    """Corners of the scanned area, in the unit of the network."""
    shape, back = network.scan_shape, invert_affine(network.to_scan)
    if shape is None:
        shape, back = network.image_shape, None
    if shape is not None:
        right, bottom = shape[1] - 0.5, shape[0] - 0.5
        corners = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
        return apply_affine(back, corners) * network.pixel_size
    if len(network.points) == 0:
        return np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    low, high = network.points[:, :2].min(axis=0), network.points[:, :2].max(axis=0)
    pad = 0.02 * max(float((high - low).max()), 1e-6)
    (x0, y0), (x1, y1) = low - pad, high + pad
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _scalars(
    network: DislocationNetwork, depth_limits: tuple[float, float] | None
) -> dict[str, Scalar]:
    """The four meanings that colours can have."""
    depth, sigma = network.points[:, 2], network.sigma
    if depth_limits is None:
        depth_limits = (float(depth.min()), float(depth.max())) if len(depth) else (0.0, 1.0)
    # A few hopeless points would make all others look alike.
    worst = float(np.quantile(sigma, 0.98)) if len(sigma) and sigma.max() > 0 else 1.0
    units = network.units
    return {
        "depth": Scalar(depth, f"depth z ({units})", "viridis", depth_limits),
        "sigma": Scalar(sigma, f"σ of the depth ({units})", "plasma", (0.0, worst)),
        "confidence": Scalar(network.confidence, "confidence", "cividis", (0.0, 1.0)),
        "line": Scalar(
            network.line_index.astype(np.float64), "line", "lines", (0.0, float(len(network)))
        ),
    }
