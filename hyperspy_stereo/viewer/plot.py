"""One call from a network to its picture."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hyperspy_stereo.viewer.network_scene import network_scene

if TYPE_CHECKING:
    import k3d
    from matplotlib.figure import Figure

    from hyperspy_stereo.results.network import DislocationNetwork
    from hyperspy_stereo.viewer.view3d import View3D

__all__ = ["BACKENDS", "plot_network"]

BACKENDS = ("ipyvolume", "matplotlib", "k3d")


def plot_network(
    network: DislocationNetwork,
    colour: str = "depth",
    backend: str = "ipyvolume",
    size: tuple[int, int] = (760, 520),
    **scene: Any,
) -> View3D | Figure | k3d.plot.Plot:
    """Show a network of lines in its foil.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.
    colour : {"depth", "sigma", "confidence", "line", "burgers"}
        What the colours mean; "burgers" needs `crystal`.
    backend : {"ipyvolume", "matplotlib", "k3d"}
        An interactive figure for a notebook, a static picture, or a figure of k3d, which has to be
        installed.
    size : (int, int)
        Width and height, px.
    **scene
        images, crystal, radius, axes, axis_vectors, camera, depth_limits; see
        :func:`hyperspy_stereo.viewer.network_scene.network_scene`.

    Returns
    -------
    View3D, matplotlib.figure.Figure or k3d.plot.Plot
        View3D for ipyvolume.

    Raises
    ------
    ValueError
        If the backend or the colour is unknown, or the images are not those of the network.
    ImportError
        If k3d is asked for and not installed.

    Examples
    --------
    >>> from hyperspy_stereo.results import DislocationNetwork
    >>> network = DislocationNetwork([[0, 0, 0], [30, 0, 40]], [0, 0], units="nm")
    >>> type(plot_network(network, backend="matplotlib")).__name__
    'Figure'
    """
    described = network_scene(network, colour, **scene)
    if backend == "ipyvolume":
        from hyperspy_stereo.viewer.view3d import View3D

        return View3D(described, size, _checks(network, scene.get("images"), size[0]))
    if backend == "k3d":
        from hyperspy_stereo.viewer.k3d_view import plot_k3d

        return plot_k3d(described, size)
    if backend == "matplotlib":
        from hyperspy_stereo.viewer.matplotlib_view import figure_of

        return figure_of(described, (size[0] / 100, size[1] / 100), 100.0)
    raise ValueError(f"backend is one of {', '.join(map(repr, BACKENDS))}; {backend!r} was given.")


def _checks(network: DislocationNetwork, images: Any, width: int) -> dict[str, Any]:
    """Pictures of the reprojection check, not drawn yet."""
    if images is None:
        return {}
    from hyperspy_stereo.viewer.reprojection import reprojection_png

    return {
        f"view {view}": partial(reprojection_png, network, images, view, width)
        for view in range(len(network.incidence))
    }
