"""The scene of a cloud of particles: balls of their true radius in the slab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.camera import Camera
from hyperspy_stereo.viewer.colours import Scalar
from hyperspy_stereo.viewer.plot import BACKENDS
from hyperspy_stereo.viewer.scene import Foil, Scene, Spheres, axes_and_scale_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hyperspy_stereo.results.particle_cloud import ParticleCloud
    from hyperspy_stereo.viewer.view3d import View3D

__all__ = ["particle_scene", "plot_particles"]

UNKNOWN_RADIUS = 0.006  # of the width of the field, for particles without a radius


def particle_scene(
    cloud: ParticleCloud,
    colour: str = "depth",
    contact: float | None = None,
    camera: Camera | None = None,
) -> Scene:
    """Describe a cloud as a scene: balls in a transparent slab, axes, a scale bar.

    Parameters
    ----------
    cloud : ParticleCloud
        May be empty.
    colour : {"depth", "sigma", "radius", "intensity", "coordination", "cluster"}
        What the colours mean.
    contact : float, optional
        Distance of touching particles for the last two; see
        :meth:`~hyperspy_stereo.ParticleCloud.coordination_number`.
    camera : Camera, optional
        First view.

    Returns
    -------
    Scene
        For any renderer.

    Raises
    ------
    ValueError
        If there is no such colour.
    """
    foil = _slab(cloud)
    size = float(np.ptp(foil.vertices, axis=0).max())
    radius = np.where(cloud.radius > 0, cloud.radius, UNKNOWN_RADIUS * size)
    bars, labels = axes_and_scale_bar(foil, cloud.units, ("x", "y", "z"))
    scene = Scene(
        foil=foil,
        spheres=Spheres(cloud.points, radius, _scalars(cloud, contact)),
        bars=bars,
        labels=labels,
        camera=camera or Camera(),
        title=f"{len(cloud)} particles",
        units=cloud.units,
    )
    return scene.coloured_by(colour)


def plot_particles(
    cloud: ParticleCloud,
    colour: str = "depth",
    backend: str = "ipyvolume",
    size: tuple[int, int] = (760, 520),
    **scene: Any,
) -> View3D | Figure:
    """Show particles as balls of their radius.

    Parameters
    ----------
    cloud : ParticleCloud
        May be empty.
    colour : {"depth", "sigma", "radius", "intensity", "coordination", "cluster"}
        What the colours mean.
    backend : {"ipyvolume", "matplotlib"}
        An interactive figure for a notebook, or a static picture.
    size : (int, int)
        Width and height, px.
    **scene
        contact, camera; see :func:`particle_scene`.

    Returns
    -------
    View3D or matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the backend or the colour is unknown.

    Examples
    --------
    >>> from hyperspy_stereo.results import ParticleCloud
    >>> cloud = ParticleCloud([[0, 0, 0], [30, 0, 40]], radius=[3, 3], units="nm")
    >>> type(plot_particles(cloud, backend="matplotlib")).__name__
    'Figure'
    """
    described = particle_scene(cloud, colour, **scene)
    if backend == "ipyvolume":
        from hyperspy_stereo.viewer.view3d import View3D

        return View3D(described, size)
    if backend == "matplotlib":
        from hyperspy_stereo.viewer.matplotlib_view import figure_of

        return figure_of(described, (size[0] / 100, size[1] / 100), 100.0)
    raise ValueError(f"backend must be one of {BACKENDS}; {backend!r} was given.")


def _slab(cloud: ParticleCloud) -> Foil:
    """The imaged area, as deep as the particles or as thick as was set."""
    if cloud.image_shape is not None:
        low = np.full(2, -0.5) * cloud.pixel_size
        high = (np.array(cloud.image_shape[::-1]) - 0.5) * cloud.pixel_size
    elif len(cloud):
        low, high = cloud.points[:, :2].min(axis=0), cloud.points[:, :2].max(axis=0)
        pad = 0.02 * max(float((high - low).max()), 1e-6)
        low, high = low - pad, high + pad
    else:
        low, high = np.zeros(2), np.ones(2)
    z = cloud.points[:, 2] if len(cloud) else np.zeros(1)
    bottom, top = float(z.min()), float(z.max())
    if np.isfinite(cloud.thickness):
        middle = float(z.mean())
        bottom = min(bottom, middle - cloud.thickness / 2)
        top = max(top, middle + cloud.thickness / 2)
    if top - bottom < 1e-9 * (1 + np.abs(high).max()):
        half = 0.05 * float((high - low).max())
        bottom, top = bottom - half, top + half
    corners = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    return Foil(corners, bottom, top)


def _scalars(cloud: ParticleCloud, contact: float | None) -> dict[str, Scalar]:
    units = cloud.units
    named = {
        "depth": (cloud.points[:, 2], f"depth z ({units})", "viridis"),
        "sigma": (cloud.sigma[:, 2], f"σ of the depth ({units})", "plasma"),
        "radius": (cloud.radius, f"radius ({units})", "cividis"),
        "intensity": (cloud.intensity, "intensity", "cividis"),
    }
    scalars = {}
    for name, (values, label, cmap) in named.items():
        limits = tuple(np.quantile(values, [0.01, 0.99])) if len(values) else (0.0, 1.0)
        scalars[name] = Scalar(values, label, cmap, (float(limits[0]), float(limits[1])))
    if contact is not None or cloud.radius.any():
        neighbours = cloud.coordination_number(contact).astype(np.float64)
        most = float(max(neighbours.max(initial=0.0), 1.0))
        scalars["coordination"] = Scalar(neighbours, "neighbours", "viridis", (0.0, most))
        label = cloud.clusters(contact).astype(np.float64)
        scalars["cluster"] = Scalar(label, "cluster", "lines", (0.0, float(len(cloud))))
    return scalars
