"""The scene of a network of dislocation lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.geometry.affine import apply_affine, invert_affine
from hyperspy_stereo.viewer.camera import Camera
from hyperspy_stereo.viewer.colours import Scalar
from hyperspy_stereo.viewer.face_pictures import face_pictures, views_of
from hyperspy_stereo.viewer.scene import Foil, Lines, Scene, axes_and_scale_bar

if TYPE_CHECKING:
    from hyperspy_stereo.results.crystal_lines import CrystalLines
    from hyperspy_stereo.results.network import DislocationNetwork
    from hyperspy_stereo.simulation.crystals.orientation import FoilOrientation

__all__ = ["network_foil", "network_scene"]

LATERAL = 0.5  # px, 1-sigma of x and y of a centre line


def network_scene(
    network: DislocationNetwork,
    colour: str = "depth",
    radius: float | None = None,
    axes: tuple[str, str, str] = ("x", "y", "z"),
    axis_vectors: np.ndarray | None = None,
    camera: Camera | None = None,
    depth_limits: tuple[float, float] | None = None,
    images: Any = None,
    crystal: CrystalLines | FoilOrientation | None = None,
) -> Scene:
    """Describe a network as a scene: tubes in a transparent foil, axes, a scale bar.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty: the box is then empty too.
    colour : {"depth", "sigma", "confidence", "line", "burgers"}
        What the colours mean; "burgers" needs `crystal`.
    radius : float, optional
        Of the tubes, in the unit of the network. Default 0.42 % of the width of the foil,
        less for more than 50 lines, so that a dense network does not become a solid. It is no
        width of a dislocation.
    axes : (str, str, str)
        Names of the axes; a, b, c of a crystal that is given.
    axis_vectors : numpy.ndarray, optional
        (3, 3), rows along the named axes in specimen coordinates; x, y, z, or those of a crystal
        that is given, by default.
    camera : Camera, optional
        First view.
    depth_limits : (float, float), optional
        Depths at the ends of the colour bar, in the unit of the network; the range of the points
        by default.
    images : StereoPair, DislocationMap or array of shape (V, H, W), optional
        The views, to be laid on the surfaces of the foil; see
        :func:`hyperspy_stereo.viewer.face_pictures.face_pictures`.
    crystal : CrystalLines or FoilOrientation, optional
        How the crystal lies: gives the axes and the Burgers candidates.

    Returns
    -------
    Scene
        For any renderer.

    Raises
    ------
    ValueError
        If `colour` is none of these, the radius is not positive, or the images do not belong to
        the network.
    """
    foil = network_foil(network)
    size = float(np.ptp(foil.vertices, axis=0).max())
    if radius is None:
        radius = 0.0042 * size * min(1.0, (50 / max(network.n_lines, 1)) ** 0.35)
    if not radius > 0:
        raise ValueError(f"The radius of the tubes must be positive; {radius!r} was given.")
    scalars = _scalars(network, depth_limits)
    if crystal is not None:
        crystal = crystal if hasattr(crystal, "shapes") else network.in_crystal(crystal)
        scalars["burgers"] = _burgers(crystal, network)
        if axis_vectors is None:
            axes = ("a", "b", "c") if axes == ("x", "y", "z") else axes
            axis_vectors = crystal.foil.crystal.direct @ crystal.foil.matrix.T
    elif colour == "burgers":
        raise ValueError(
            'Colours can show "burgers" where the crystal is known: '
            "lines.plot('burgers', crystal=FoilOrientation(name, zone_axis, g, azimuth))."
        )
    lateral = np.full(len(network.points), LATERAL * network.pixel_size)
    sigma = np.column_stack([lateral, lateral, network.sigma])
    lines = Lines(network.points, network.line_index, scalars, radius, sigma)
    bars, labels = axes_and_scale_bar(foil, network.units, axes, axis_vectors)
    scene = Scene(
        foil=foil,
        lines=lines,
        bars=bars,
        labels=labels,
        faces="low",
        pictures=() if images is None else face_pictures(network, foil, *views_of(images)),
        camera=camera or Camera(),
        title=f"{network.n_lines} dislocation lines",
        units=network.units,
    )
    return scene.coloured_by(colour)


def _burgers(crystal: CrystalLines, network: DislocationNetwork) -> Scalar:
    """Number of each point's Burgers candidate; -1 where none was told apart."""
    from hyperspy_stereo.results.burgers_candidates import decided, line_labels

    labels = line_labels(crystal)
    names = sorted({label for label in labels if decided(label)})
    number = np.array([names.index(label) if decided(label) else -1 for label in labels], float)
    rest = "undecided" if (number < 0).any() else ""
    values = number[network.line_index] if len(number) else np.zeros(0)
    return Scalar(values, "Burgers candidate", "names", (0.0, 1.0), (*names, rest))


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
