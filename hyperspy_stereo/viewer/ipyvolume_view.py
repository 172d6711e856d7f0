"""A scene as an ipyvolume figure.

What ipyvolume 0.6 needs to draw well: one mesh for all lines (a mesh each is slow to appear), no
NaN between lines (the browser hangs), the bare figure inside ipywidgets (its own panel needs
Vue), opaque textures, and y-up coordinates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.camera import from_y_up, to_y_up
from hyperspy_stereo.viewer.letters import text_rectangles
from hyperspy_stereo.viewer.scene import Foil, Lines, Picture, Scene, Segment
from hyperspy_stereo.viewer.thinning import thinned
from hyperspy_stereo.viewer.tubes import ball_mesh, tube_mesh

if TYPE_CHECKING:
    import ipyvolume

__all__ = ["TUBE_LIMIT", "IpyvolumeFigure"]

# Above this many points tubes are too many triangles for a browser; lines are drawn instead.
TUBE_LIMIT = 20_000
MAX_THINNING = 4
# Share of the radius by which a thinned line may leave its points: less than half a pixel.
SMOOTH = 0.25
# Corners of a tube's cross-section, where there are few points and where there are many.
ROUND_LIMIT, ROUND_SIDES, SIDES = 4_000, 8, 6
FACE = (0.35, 0.42, 0.55)
# Both the near and the far faces are drawn over each other.
FACE_OPACITY = 0.08
PALE = 0.15
EDGE = "#3c4658"


class IpyvolumeFigure:
    """The widgets that show a scene, and what they need to be changed.

    Parameters
    ----------
    scene : Scene
        What to show.
    size : (int, int)
        Width and height, px.

    Attributes
    ----------
    figure : ipyvolume.Figure
        The bare figure.

    Raises
    ------
    ImportError
        If ipyvolume cannot be imported; the message says what to install.
    """

    def __init__(self, scene: Scene, size: tuple[int, int] = (760, 520)) -> None:
        ipv = import_ipyvolume()
        self.scene = scene
        self._resets = 0
        self._vertices, self._triangles, self._source = _surface(scene)
        self._is_tubes = self._triangles.shape[1] == 3
        target, self._distance = scene.camera.fit(scene.extent, size[0] / size[1])
        # ipyvolume shows the range of its scales as a cube of size 1 about the origin, which is
        # where its camera looks.
        self._unit = float(np.ptp(scene.extent, axis=0).max())
        self.figure = _empty_figure(ipv, scene, size, target, self._unit)
        self._mesh = self._lines_mesh(ipv)
        fixed = [_bars(ipv, scene), _foil_faces(ipv, scene.foil)]
        fixed += _labels(ipv, scene)
        fixed += [
            _mesh(ipv, m.vertices, m.triangles, m.colour, opacity=m.opacity) for m in scene.meshes
        ]
        self.pictures = [_picture(ipv, p, self._unit) for p in scene.pictures]
        self.show_images(scene.faces)
        self._ruler: ipyvolume.Mesh | None = None
        meshes = ([] if self._mesh is None else [self._mesh]) + fixed + self.pictures
        if self._is_tubes:
            self.figure.lights = _lamps(scene)
        else:
            # Lines have no normals: lamps would bleach them.
            for mesh in meshes:
                _plain(mesh)
        self.figure.meshes = meshes
        self.reset_view()

    def _lines_mesh(self, ipv: Any) -> ipyvolume.Mesh | None:
        if len(self._vertices) == 0:
            return None
        colours = self.scene.scalar.rgb()[self._source]
        if self._is_tubes:
            return _mesh(ipv, self._vertices, self._triangles, colours)
        return _mesh(ipv, self._vertices, None, colours, lines=self._triangles)

    def colour_by(self, name: str) -> None:
        """Show another scalar.

        Raises
        ------
        ValueError
            If there is no such scalar.
        """
        self.scene = self.scene.coloured_by(name)
        if self._mesh is not None:
            self._mesh.color = _rgba(self.scene.scalar.rgb()[self._source])

    def show_depths(self, low: float, high: float) -> None:
        """Show only what lies between two depths, in the unit of the scene."""
        if self._mesh is None:
            return
        inside = (self._vertices[:, 2] >= low) & (self._vertices[:, 2] <= high)
        kept = self._triangles[inside[self._triangles].all(axis=1)]
        if len(kept) == 0:
            # An empty index buffer is drawn as the whole mesh; a triangle without area is not.
            kept = np.zeros((1, self._triangles.shape[1]), np.uint32)
        setattr(self._mesh, "triangles" if self._is_tubes else "lines", kept)

    def show_images(self, faces: str) -> None:
        """Show the pictures of some surfaces: "none", "low", "high" or "both"."""
        for picture, mesh in zip(self.scene.pictures, self.pictures, strict=True):
            mesh.visible = faces in ("both", picture.side)

    def show_ruler(self, bar: Segment | None) -> None:
        """Show a bar between two balls in the lines; None hides it."""
        if bar is None:
            if self._ruler is not None:
                self._ruler.visible = False
            return
        vertices, triangles = _dumbbell(self.scene, bar)
        x, y, z = to_y_up(vertices).astype(np.float32).T
        if self._ruler is None:
            self._ruler = _mesh(import_ipyvolume(), vertices, triangles, bar.colour)
            if not self._is_tubes:
                _plain(self._ruler)
            self.figure.meshes = [*self.figure.meshes, self._ruler]
        with self._ruler.hold_sync():
            self._ruler.x, self._ruler.y, self._ruler.z = x, y, z
            self._ruler.visible = True

    def reset_view(self) -> None:
        """Go back to the first view."""
        from scipy.spatial.transform import Rotation

        axes = self.scene.camera.axes()
        # The browser turns its own camera without telling; only a value that differs from the
        # last one sent reaches it.
        self._resets += 1
        nudge = 1e-6 * (self._resets % 2)
        place = axes[2] * self._distance * 1.06 / self._unit * (1 + nudge)
        turn = Rotation.from_matrix(axes.T) * Rotation.from_rotvec([0, 0, nudge])
        camera = self.figure.camera
        with camera.hold_sync():
            camera.up = tuple((axes[1] * (1 + nudge)).tolist())
            camera.quaternion = tuple(turn.as_quat().tolist())
            camera.position = tuple(place.tolist())


def import_ipyvolume() -> Any:
    """ipyvolume, or an error that says what is missing."""
    try:
        import ipyvolume
    except ImportError as error:
        missing = error.name or "what the message above names"
        raise ImportError(
            f"The interactive figure needs ipyvolume, which does not start without {missing}: pip "
            "install ipyvolume ipython_genutils six, then restart the kernel (after a failed "
            'import it stays broken). Without it use plot(backend="matplotlib") or save_html.'
        ) from error
    return ipyvolume


def _surface(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles (M, 3) or lines (M, 2), and the point of each vertex."""
    if scene.lines is not None:
        lines = scene.lines
        kept = _drawn_points(lines)
        points, index = lines.points[kept], lines.line_index[kept]
        if len(kept) <= TUBE_LIMIT:
            sides = ROUND_SIDES if len(kept) <= ROUND_LIMIT else SIDES
            vertices, triangles, source = tube_mesh(points, index, lines.radius, sides)
            return vertices, triangles, kept[source]
        joined = np.flatnonzero(index[1:] == index[:-1])
        return points, np.column_stack([joined, joined + 1]).astype(np.uint32), kept
    if scene.spheres is not None:
        return ball_mesh(scene.spheres.centres, scene.spheres.radius)
    return np.zeros((0, 3)), np.zeros((0, 3), np.uint32), np.zeros(0, np.int64)


def _drawn_points(lines: Lines) -> np.ndarray:
    """Numbers of the points to draw; every one if even the fewest are too many for tubes."""
    count = len(lines.line_index)
    kept = thinned(lines.points, lines.line_index, SMOOTH * lines.radius)
    last = np.diff(lines.line_index, append=-1) != 0
    for step in range(1, MAX_THINNING + 1):
        if len(kept) <= TUBE_LIMIT:
            return kept
        starts = np.flatnonzero(np.diff(lines.line_index, prepend=-1))
        within = np.arange(count) - np.repeat(starts, np.diff(starts, append=count))
        kept = np.flatnonzero((within % (step + 1) == 0) | last)
    return kept if len(kept) <= TUBE_LIMIT else np.arange(count)


def _empty_figure(
    ipv: Any, scene: Scene, size: tuple[int, int], target: np.ndarray, unit: float
) -> ipyvolume.Figure:
    """A figure with equal scales about a target, without axes of its own, and without lamps."""
    from bqplot.scales import LinearScale
    from pythreejs import PerspectiveCamera

    scales = {
        name: LinearScale(min=float(c - unit / 2), max=float(c + unit / 2))
        for name, c in zip("xyz", target, strict=True)
    }
    fov = scene.camera.fov
    return ipv.Figure(
        width=size[0],
        height=size[1],
        scales=scales,
        camera_fov=fov,
        camera=PerspectiveCamera(fov=fov, position=(0, 0, 1), aspect=size[0] / size[1]),
        style={
            "axes": {
                "visible": False,
                "color": "black",
                "label": {"color": "black"},
                "ticklabel": {"color": "black"},
            },
            "box": {"visible": False},
            "background-color": "white",
        },
        animation=0,
    )


def _lamps(scene: Scene) -> list[Any]:
    """Light from the upper left of the first view."""
    from pythreejs import (
        AmbientLight,
        DirectionalLight,
        DirectionalLightShadow,
        Object3D,
        OrthographicCamera,
    )

    right, up, towards = scene.camera.axes()
    lamp = DirectionalLight(
        color="white",
        intensity=0.6,
        position=tuple((towards + 0.65 * up - 0.45 * right).tolist()),
        # Without these two the browser cannot set the state of the lamp.
        target=Object3D(),
        shadow=DirectionalLightShadow(camera=OrthographicCamera(-1, 1, 1, -1)),
    )
    return [AmbientLight(color="white", intensity=0.55), lamp]


def _plain(mesh: Any) -> None:
    """Draw a mesh in its own colours, without lamps."""
    from pythreejs import ShaderMaterial

    clear = mesh.material.transparent
    mesh.material = ShaderMaterial(side="DoubleSide", transparent=clear, depthWrite=not clear)


def _mesh(
    ipv: Any,
    vertices: np.ndarray,
    triangles: np.ndarray | None,
    colour: Any,
    opacity: float = 1.0,
    lines: np.ndarray | None = None,
    **more: Any,
) -> ipyvolume.Mesh:
    """A mesh in y-up coordinates; translucent ones do not hide what is behind them."""
    from pythreejs import MeshPhongMaterial, ShaderMaterial

    x, y, z = to_y_up(vertices).astype(np.float32).T
    if isinstance(colour, str):
        from matplotlib.colors import to_rgb

        colour = np.tile(to_rgb(colour), (len(vertices), 1))
    clear = opacity < 1
    if clear:
        material = ShaderMaterial(side="DoubleSide", transparent=True, depthWrite=False)
    else:
        material = MeshPhongMaterial(side="DoubleSide", shininess=60, specular="#333333")
    return ipv.Mesh(
        x=x,
        y=y,
        z=z,
        triangles=None if triangles is None else np.asarray(triangles, np.uint32),
        lines=None if lines is None else np.asarray(lines, np.uint32),
        color=_rgba(colour, opacity),
        material=material,
        line_material=ShaderMaterial(),
        cast_shadow=False,
        receive_shadow=False,
        **more,
    )


def _rgba(colours: np.ndarray, opacity: float = 1.0) -> np.ndarray:
    return np.column_stack([colours, np.full(len(colours), opacity)]).astype(np.float32)


def _picture(ipv: Any, picture: Picture, size: float) -> Any:
    """An image just outside a surface; textures have no alpha here, so its border is cut out."""
    from PIL import Image
    from pythreejs import ShaderMaterial

    u, v = picture.outline.T
    across, down = (picture.corners[i] - picture.corners[0] for i in (1, 3))
    vertices = picture.corners[0] + u[:, None] * across + v[:, None] * down
    # In one plane with the face of the box they would flicker.
    vertices[:, 2] += (-1 if picture.side == "low" else 1) * 0.002 * size
    fan = np.arange(1, len(u) - 1)
    mesh = _mesh(ipv, vertices, np.stack([0 * fan, fan, fan + 1], axis=-1), "#ffffff")
    # Textures start at the lower left. Seen at an angle they are drawn darker, so they are pale.
    mesh.u, mesh.v = u.astype(np.float32), (1 - v).astype(np.float32)
    grey = np.where(picture.alpha > 0, PALE + (1 - PALE) * picture.image, 1.0)
    mesh.texture = Image.fromarray(np.rint(255 * grey).astype(np.uint8)).convert("RGB")
    # Other materials ignore the texture.
    mesh.material = ShaderMaterial(side="DoubleSide")
    return mesh


def _dumbbell(scene: Scene, bar: Segment) -> tuple[np.ndarray, np.ndarray]:
    """Two balls and a thin tube between them: vertices and triangles."""
    radius = 2.2 * (scene.lines.radius if scene.lines is not None else bar.width)
    ends = np.stack([bar.start, bar.end])
    balls, faces, _ = ball_mesh(ends, np.full(2, radius))
    tube, walls, _ = tube_mesh(ends, np.zeros(2, int), 0.3 * radius, sides=8)
    return np.vstack([balls, tube]), np.vstack([faces, walls + np.uint32(len(balls))])


def _foil_faces(ipv: Any, foil: Foil) -> Any:
    """Faces of the box."""
    quads = foil.faces
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    faces = np.tile(FACE, (8, 1))
    return _mesh(ipv, foil.vertices, triangles, faces, opacity=FACE_OPACITY)


def _bars(ipv: Any, scene: Scene) -> Any:
    """Edges of the box, axes and scale bar as one mesh of thin tubes.

    The browser draws lines one pixel wide, which is too faint for an edge.
    """
    from matplotlib.colors import to_rgb

    size = float(np.ptp(scene.foil.vertices, axis=0).max())
    ends = [(*scene.foil.vertices[edge], EDGE, 0.0015 * size) for edge in scene.foil.edges]
    ends += [(bar.start, bar.end, bar.colour, 0.005 * size) for bar in scene.bars]
    vertices, triangles, colours, count = [], [], [], 0
    for start, end, colour, radius in ends:
        tube, faces, _ = tube_mesh(np.stack([start, end]), np.zeros(2, int), radius, sides=10)
        vertices.append(tube)
        triangles.append(faces + np.uint32(count))
        colours.append(np.tile(to_rgb(colour), (len(tube), 1)))
        count += len(tube)
    return _mesh(ipv, np.vstack(vertices), np.vstack(triangles), np.vstack(colours))


def _labels(ipv: Any, scene: Scene) -> list[Any]:
    """Texts as flat meshes that face the first view.

    A texture would need an opaque background, which the lamps turn grey; so the letters
    themselves are the mesh: one rectangle for each run of pixels of a picture of the text.
    """
    from matplotlib.colors import to_rgb

    if not scene.labels:
        return []
    size = float(np.ptp(scene.foil.vertices, axis=0).max())
    right, up, _ = scene.camera.axes()
    corners, colours = [], []
    for label in scene.labels:
        flat = text_rectangles(label.text) * 0.05 * size
        place = flat[..., :1] * right + flat[..., 1:] * up
        corners.append((to_y_up(label.position) + place).reshape(-1, 3))
        colours.append(np.tile(to_rgb(label.colour), (len(corners[-1]), 1)))
    vertices = np.vstack(corners)
    first = 4 * np.arange(len(vertices) // 4)[:, None]
    triangles = np.concatenate([first + np.array(t) for t in ((0, 1, 2), (0, 2, 3))])
    return [_mesh(ipv, from_y_up(vertices), triangles, np.vstack(colours))]
