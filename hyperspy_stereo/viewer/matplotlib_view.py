"""A scene as a static matplotlib figure: tubes with true occlusion, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_stereo.viewer.raster import render_balls, sweep
from hyperspy_stereo.viewer.scene import Foil, Picture, Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_scene", "figure_of"]

FACE = "#5a6b8c"
EDGE = "#3c4658"
SHADOW = "#1c2536"
FACE_OPACITY = 0.12
# Front faces veil what is behind them; a little shows that the box is closed.
FRONT_OPACITY = 0.035
# An image behind the lines, and one that they are seen through.
FAR_PICTURE, NEAR_PICTURE = 0.85, 0.22
SUPERSAMPLING = 2


def figure_of(scene: Scene, size: tuple[float, float] = (9.0, 5.6), dpi: float = 120.0) -> Figure:
    """Draw a scene into a new figure, with its colour bar.

    Parameters
    ----------
    scene : Scene
        May hold nothing but its box.
    size : (float, float)
        Inches.
    dpi : float
        Pixels per inch.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot, so that a notebook does not show it twice.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=size, dpi=dpi, facecolor="white")
    FigureCanvasAgg(fig)
    bar, names = _has_colour_bar(scene), scene.scalars and scene.scalar.legend
    ax = fig.add_axes((0.0, 0.0, 0.87 if bar or names else 1.0, 1.0))
    width, height = (ax.get_position().size * fig.get_size_inches() * dpi).astype(int)
    draw_scene(scene, ax, (int(height), int(width)))
    if bar:
        colour_bar(scene, fig.add_axes((0.885, 0.14, 0.022, 0.72)))
    elif names:
        legend_of(scene, fig.add_axes((0.86, 0.1, 0.14, 0.8)))
    return fig


def legend_of(scene: Scene, ax: Axes, size: float = 10.0) -> None:
    """Draw the names of colours into their own axes."""
    from matplotlib.lines import Line2D

    entries = scene.scalar.legend
    handles = [Line2D([], [], color=colour, lw=3.5) for _, colour in entries]
    ax.set_axis_off()
    ax.legend(
        handles, [name for name, _ in entries], title=scene.scalar.label.replace(" ", "\n", 1),
        loc="center", frameon=False, fontsize=size, title_fontsize=size, handlelength=1.0,
        borderpad=0, handletextpad=0.5,
    )  # fmt: skip


def _has_colour_bar(scene: Scene) -> bool:
    return bool(scene.scalars) and not scene.scalar.is_categorical and scene.scalar.values.size > 0


def colour_bar(scene: Scene, cax: Axes, label_size: float = 10.0) -> None:
    """Draw the colour bar of a scene into its own axes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    low, high = scene.scalar.limits
    mappable = ScalarMappable(Normalize(low, high if high > low else low + 1), scene.scalar.cmap)
    bar = cax.figure.colorbar(mappable, cax=cax)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=label_size - 1, width=0.5, length=3)
    bar.set_label(scene.scalar.label, fontsize=label_size)


def draw_scene(scene: Scene, ax: Axes, shape: tuple[int, int]) -> None:
    """Draw a scene into axes.

    Parameters
    ----------
    scene : Scene
        What to draw.
    ax : matplotlib.axes.Axes
        Its limits are set to the pixels of the picture.
    shape : (H, W)
        Pixels of the picture; tubes are drawn at twice that and averaged.
    """
    from matplotlib.patheffects import withStroke

    target, distance = scene.camera.fit(scene.extent, shape[1] / shape[0])
    # A margin, for the text at the border.
    distance *= 1.06

    def see(points: np.ndarray) -> np.ndarray:
        return scene.camera.project(points, target, distance, shape)

    ax.set_xlim(0, shape[1])
    ax.set_ylim(shape[0], 0)
    ax.set_aspect("equal")
    ax.axis("off")
    _draw_foil(ax, scene.foil, see)
    for picture in scene.shown_pictures:
        _draw_picture(ax, picture, scene.foil, see, shape)
    for mesh in scene.meshes:
        _draw_mesh(ax, mesh, see)
    if not scene.shown_pictures:
        _draw_shadow(ax, scene, see)
    image = _tubes(scene, target, distance, shape)
    if image is not None:
        ax.imshow(
            image,
            extent=(0, shape[1], shape[0], 0),
            interpolation="antialiased",
            zorder=3,
            aspect="equal",
        )
    for bar in scene.bars:
        ends = see(np.stack([bar.start, bar.end]))
        ax.plot(
            ends[:, 0],
            ends[:, 1],
            color=bar.colour,
            lw=bar.width * 0.75,
            zorder=6,
            solid_capstyle="butt",
        )
    for label in scene.labels:
        x, y = see(label.position)[:2]
        ax.text(
            x,
            y,
            label.text,
            color=label.colour,
            fontsize=11,
            fontweight="bold",
            ha="center",
            va="center",
            zorder=7,
            path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.85)],
        )


def _tubes(
    scene: Scene, target: np.ndarray, distance: float, shape: tuple[int, int]
) -> np.ndarray | None:
    """RGBA picture of the lines and spheres."""
    fine = (shape[0] * SUPERSAMPLING, shape[1] * SUPERSAMPLING)
    balls, shades = np.zeros((0, 4)), np.zeros((0, 3))
    if scene.lines is not None and len(scene.lines.points):
        seen = scene.camera.project(scene.lines.points, target, distance, fine)
        seen[:, 3] *= scene.lines.radius
        balls, shades = sweep(seen, scene.lines.scalars[scene.colour].rgb(), scene.lines.line_index)
    if scene.spheres is not None and len(scene.spheres.centres):
        seen = scene.camera.project(scene.spheres.centres, target, distance, fine)
        seen[:, 3] *= scene.spheres.radius
        balls = np.vstack([balls, seen])
        shades = np.vstack([shades, scene.spheres.scalars[scene.colour].rgb()])
    if len(balls) == 0:
        return None
    rgba, _ = render_balls(balls, shades, fine)
    rgba[..., :3] *= rgba[..., 3:]
    n = SUPERSAMPLING
    mean = rgba.reshape(shape[0], n, shape[1], n, 4).mean(axis=(1, 3))
    mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
    return np.clip(mean, 0, 1)


def _draw_shadow(ax: Axes, scene: Scene, see) -> None:
    """Shadow of the lines on the lower surface: it shows where along the surface a line is."""
    from matplotlib.collections import LineCollection

    if scene.lines is None or len(scene.lines.points) == 0:
        return
    flat = scene.lines.points.copy()
    flat[:, 2] = scene.foil.low
    cuts = np.flatnonzero(np.diff(scene.lines.line_index)) + 1
    seen = see(flat)
    wide = 2 * scene.lines.radius * float(seen[:, 3].mean())
    points_per_px = 72 / ax.figure.dpi
    # Three widths on top of each other make a soft edge.
    for share in (1.0, 2.0, 3.2):
        ax.add_collection(
            LineCollection(
                np.split(seen[:, :2], cuts),
                color=SHADOW,
                lw=share * wide * points_per_px,
                alpha=0.045,
                capstyle="round",
                joinstyle="round",
                zorder=2.2,
            )
        )


def _draw_foil(ax: Axes, foil: Foil, see) -> None:
    """Faces and edges of the box: the far ones behind the tubes, the near ones over them."""
    from matplotlib.collections import LineCollection, PolyCollection

    screen = see(foil.vertices)[:, :2]
    centre = foil.vertices.mean(axis=0)
    near_face = np.array([_faces_camera(foil.vertices[f], centre, see) for f in foil.faces])
    for near, opacity, order in ((False, FACE_OPACITY, 1), (True, FRONT_OPACITY, 4)):
        faces = [screen[face] for face in foil.faces[near_face == near]]
        ax.add_collection(
            PolyCollection(faces, facecolor=FACE, alpha=opacity, edgecolor="none", zorder=order)
        )
        ax.add_collection(
            LineCollection(
                [screen[edge] for edge in foil.edges if _is_near(edge, foil, near_face) == near],
                color=EDGE,
                lw=0.9 if near else 0.6,
                alpha=0.9 if near else 0.6,
                zorder=order + 1,
            )
        )


def _draw_picture(
    ax: Axes, picture: Picture, foil: Foil, see: Callable, shape: tuple[int, int]
) -> None:
    """An image on a surface: behind the tubes, or as a veil before them."""
    from scipy.ndimage import map_coordinates

    face = foil.vertices[foil.faces[0 if picture.side == "low" else 1]]
    near = _faces_camera(face, foil.vertices.mean(axis=0), see)
    rows, columns = picture.image.shape
    own = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]]) - 0.5
    from_screen = _homography(see(picture.corners)[:, :2], own)
    y, x = np.mgrid[: shape[0], : shape[1]]
    place = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    u, v, w = from_screen @ place
    ahead = w > 0 if (w > 0).any() else w < 0
    at = np.stack([v / w, u / w])
    look = {"order": 1, "mode": "constant"}
    grey = map_coordinates(picture.image, at, **{**look, "mode": "nearest"})
    alpha = map_coordinates(picture.alpha, at, cval=0.0, **look) * ahead
    rgba = np.repeat(grey[:, None], 4, axis=1)
    rgba[:, 3] = alpha * (NEAR_PICTURE if near else FAR_PICTURE)
    ax.imshow(
        np.clip(rgba, 0, 1).reshape(*shape, 4),
        extent=(-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5),
        zorder=3.5 if near else 1.5,
        aspect="equal",
    )


def _homography(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3) that takes four points (4, 2) of a plane to four others.

    R. Hartley, A. Zisserman, Multiple View Geometry, 2nd ed. (2004), section 4.1.
    """
    rows = []
    for (x, y), (u, v) in zip(start, end, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    return np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)


def _faces_camera(corners: np.ndarray, centre: np.ndarray, see) -> bool:
    """Whether a face of a convex box is seen from outside."""
    middle = corners.mean(axis=0)
    outwards = middle + 1e-3 * (middle - centre)
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[1])
    normal *= np.sign(normal @ (outwards - middle)) or 1.0
    size = np.linalg.norm(normal) or 1.0
    tip = middle + normal / size * 1e-3 * np.linalg.norm(corners[2] - corners[0])
    return bool(see(tip)[2] > see(middle)[2])


def _is_near(edge: np.ndarray, foil: Foil, near_face: np.ndarray) -> bool:
    """Whether an edge belongs to a face that is seen."""
    holds = [set(edge) <= set(face) for face in foil.faces.tolist()]
    return bool(near_face[np.array(holds)].any())


def _draw_mesh(ax: Axes, mesh, see) -> None:
    """Translucent triangles, far ones first."""
    from matplotlib.collections import PolyCollection

    seen = see(mesh.vertices)
    order = np.argsort(seen[mesh.triangles, 2].mean(axis=1))
    ax.add_collection(
        PolyCollection(
            [seen[t, :2] for t in mesh.triangles[order]],
            facecolor=mesh.colour,
            alpha=mesh.opacity,
            edgecolor="none",
            zorder=2.5,
        )
    )
