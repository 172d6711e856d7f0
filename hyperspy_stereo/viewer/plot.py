"""One call from a network to its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperspy_stereo.viewer.network_scene import network_scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hyperspy_stereo.results.network import DislocationNetwork
    from hyperspy_stereo.viewer.view3d import View3D

__all__ = ["BACKENDS", "plot_network"]

BACKENDS = ("ipyvolume", "matplotlib")


def plot_network(
    network: DislocationNetwork,
    colour: str = "depth",
    backend: str = "ipyvolume",
    size: tuple[int, int] = (760, 520),
    **scene: Any,
) -> View3D | Figure:
    """Show a network of lines in its foil.

    Parameters
    ----------
    network : DislocationNetwork
        May be empty.
    colour : {"depth", "sigma", "confidence", "line"}
        What the colours mean.
    backend : {"ipyvolume", "matplotlib"}
        An interactive figure for a notebook, or a static picture.
    size : (int, int)
        Width and height, px.
    **scene
        radius, axes, axis_vectors, camera, depth_limits; see
        :func:`hyperspy_stereo.viewer.network_scene.network_scene`.

    Returns
    -------
    View3D or matplotlib.figure.Figure
        View3D for ipyvolume.

    Raises
    ------
    ValueError
        If the backend or the colour is unknown.

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

        return View3D(described, size)
    if backend == "matplotlib":
        from hyperspy_stereo.viewer.matplotlib_view import figure_of

        return figure_of(described, (size[0] / 100, size[1] / 100), 100.0)
    raise ValueError(f"backend is one of {', '.join(map(repr, BACKENDS))}; {backend!r} was given.")
