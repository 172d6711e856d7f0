"""A scene as a k3d figure: the optional second renderer for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.camera import to_y_up
from hyperspy_stereo.viewer.scene import Scene
from hyperspy_stereo.viewer.tubes import ball_mesh, tube_mesh

if TYPE_CHECKING:
    import k3d

__all__ = ["plot_k3d"]

FACE, EDGE = 0x5A6B8C, 0x3C4658


def plot_k3d(scene: Scene, size: tuple[int, int] = (760, 520)) -> k3d.plot.Plot:
    """Draw a scene with k3d.

    Its own menu hides and shows the parts by their names, cuts the scene, and saves pictures and
    pages. Measuring, the section slider and the reprojection check are those of the ipyvolume view.

    Parameters
    ----------
    scene : Scene
        May hold nothing but its box.
    size : (int, int)
        Width (for the first direction; a notebook's cell sets it) and height, px.

    Returns
    -------
    k3d.plot.Plot
        Put it at the end of a cell.

    Raises
    ------
    ImportError
        If k3d is not installed; the message says how to get it.
    """
    k3d = _k3d()
    plot = k3d.plot(
        height=size[1],
        grid_visible=False,
        camera_auto_fit=False,
        axes_helper=0,
        background_color=0xFFFFFF,
        camera_fov=scene.camera.fov,
        menu_visibility=True,
    )
    for part in [
        *_box(k3d, scene),
        *_things(k3d, scene),
        *_pictures(k3d, scene),
        *_bars(k3d, scene),
    ]:
        plot += part
    target, distance = scene.camera.fit(scene.extent, size[0] / size[1])
    axes = scene.camera.axes()
    # The margin is that of the other renderers.
    place = target + 1.06 * distance * axes[2]
    plot.camera = [*place.tolist(), *target.tolist(), *axes[1].tolist()]
    return plot


def _k3d() -> Any:
    try:
        import k3d
    except ImportError as error:
        raise ImportError(
            'backend="k3d" needs the package k3d, which is optional: pip install '
            '"hyperspy_stereo[k3d]", then restart the kernel. backend="ipyvolume" is installed.'
        ) from error
    return k3d


def _things(k3d: Any, scene: Scene) -> list[Any]:
    """Tubes, balls and surfaces."""
    parts = []
    meshes = []
    if scene.lines is not None and len(scene.lines.points):
        lines = scene.lines
        meshes.append(("lines", tube_mesh(lines.points, lines.line_index, lines.radius)))
    if scene.spheres is not None and len(scene.spheres.centres):
        meshes.append(("particles", ball_mesh(scene.spheres.centres, scene.spheres.radius)))
    for name, (vertices, triangles, source) in meshes:
        colours = _packed(scene.scalar.rgb())[source]
        parts.append(
            k3d.mesh(
                to_y_up(vertices).astype(np.float32),
                triangles,
                colors=colours,
                side="double",
                name=name,
                flat_shading=False,
            )
        )
    for number, mesh in enumerate(scene.meshes):
        parts.append(
            k3d.mesh(
                to_y_up(mesh.vertices).astype(np.float32),
                np.asarray(mesh.triangles, np.uint32),
                color=int(mesh.colour[1:], 16),
                opacity=mesh.opacity,
                side="double",
                name=f"surface {number}",
            )
        )
    return parts


def _packed(rgb: np.ndarray) -> np.ndarray:
    """(N,) colours as 0xRRGGBB."""
    channels = np.rint(255 * rgb).astype(np.uint32)
    return (channels[:, 0] << 16) | (channels[:, 1] << 8) | channels[:, 2]


def _box(k3d: Any, scene: Scene) -> list[Any]:
    """Faces and edges of the foil."""
    foil = scene.foil
    corners = to_y_up(foil.vertices).astype(np.float32)
    triangles = np.concatenate([foil.faces[:, [0, 1, 2]], foil.faces[:, [0, 2, 3]]])
    faces = k3d.mesh(
        corners,
        triangles.astype(np.uint32),
        color=FACE,
        opacity=0.08,
        side="double",
        name="foil",
        flat_shading=True,
    )
    edges = [
        k3d.line(
            corners[edge],
            shader="simple",
            color=EDGE,
            width=1.0,
            name=f"edge {n}",
            group="edges of the foil",
        )
        for n, edge in enumerate(foil.edges)
    ]
    return [faces, *edges]


def _pictures(k3d: Any, scene: Scene) -> list[Any]:
    """Views on the surfaces; k3d's menu shows and hides them."""
    parts = []
    for picture in scene.pictures:
        u, v = picture.outline.T
        across, down = (picture.corners[i] - picture.corners[0] for i in (1, 3))
        vertices = picture.corners[0] + u[:, None] * across + v[:, None] * down
        fan = np.arange(1, len(u) - 1)
        parts.append(
            k3d.mesh(
                to_y_up(vertices).astype(np.float32),
                np.stack([0 * fan, fan, fan + 1], axis=-1).astype(np.uint32),
                texture=picture.png(),
                texture_file_format="png",
                uvs=np.column_stack([u, v]).astype(np.float32),
                side="double",
                name=f"{picture.name}, {picture.side}",
                flat_shading=True,
            )
        )
        parts[-1].visible = picture in scene.shown_pictures
    return parts


def _bars(k3d: Any, scene: Scene) -> list[Any]:
    """Axes, scale bar and their texts."""
    size = float(np.ptp(scene.foil.vertices, axis=0).max())
    parts = []
    for number, bar in enumerate(scene.bars):
        ends = to_y_up(np.stack([bar.start, bar.end])).astype(np.float32)
        parts.append(
            k3d.line(
                ends,
                shader="mesh",
                color=int(bar.colour[1:], 16),
                width=0.0014 * bar.width * size,
                name=f"bar {number}",
            )
        )
    for label in scene.labels:
        parts.append(
            k3d.texture_text(
                label.text,
                position=to_y_up(label.position).astype(np.float32),
                color=int(label.colour[1:], 16),
                font_weight=700,
                font_size=60,
                size=0.07 * size,
                name=label.text,
            )
        )
    return parts
