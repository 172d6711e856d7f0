"""A scene as an ipyvolume figure.

What ipyvolume 0.6 needs to draw well: one mesh for all lines (a mesh each is slow to appear), no
NaN between lines (the browser hangs), the bare figure inside ipywidgets (its own panel needs
Vue), opaque textures, and y-up coordinates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_stereo.viewer.camera import from_y_up, to_y_up
from hyperspy_stereo.viewer.scene import Foil, Scene
from hyperspy_stereo.viewer.tubes import ball_mesh, tube_mesh

if TYPE_CHECKING:
    import ipyvolume

__all__ = ["TUBE_LIMIT", "IpyvolumeFigure"]

# Above this many points tubes are too many triangles for a browser; lines are drawn instead.
TUBE_LIMIT = 20_000
MAX_THINNING = 4
FACE = (0.35, 0.42, 0.55)
# Both the near and the far faces are drawn over each other.
FACE_OPACITY = 0.08
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
        meshes = ([] if self._mesh is None else [self._mesh]) + fixed
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
        kept = _thinned(lines.line_index)
        points, index = lines.points[kept], lines.line_index[kept]
        if len(kept) <= TUBE_LIMIT:
            vertices, triangles, source = tube_mesh(points, index, lines.radius)
            return vertices, triangles, kept[source]
        joined = np.flatnonzero(index[1:] == index[:-1])
        return points, np.column_stack([joined, joined + 1]).astype(np.uint32), kept
    if scene.spheres is not None:
        return ball_mesh(scene.spheres.centres, scene.spheres.radius)
    return np.zeros((0, 3)), np.zeros((0, 3), np.uint32), np.zeros(0, np.int64)


def _thinned(line_index: np.ndarray) -> np.ndarray:
    """Numbers of the points to draw: every second to fourth one, if that makes tubes possible.

    Matched points lie about a pixel apart, closer than a tube's corners need to.
    """
    count = len(line_index)
    starts = np.flatnonzero(np.diff(line_index, prepend=-1))
    within = np.arange(count) - np.repeat(starts, np.diff(starts, append=count))
    last = np.diff(line_index, append=-1) != 0
    for step in range(1, MAX_THINNING + 1):
        kept = np.flatnonzero((within % step == 0) | last)
        if len(kept) <= TUBE_LIMIT:
            return kept
    return np.arange(count)


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


def text_rectangles(text: str, rows: int = 56) -> np.ndarray:
    """A text as rectangles, centred, of height 1.

    Parameters
    ----------
    text : str
        One line.
    rows : int
        Rows of pixels of the picture that is taken apart.

    Returns
    -------
    numpy.ndarray
        (M, 4, 2), corners of each rectangle, x right and y up.
    """
    from matplotlib.font_manager import FontProperties, findfont
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(findfont(FontProperties(weight="bold")), int(0.72 * rows))
    width = int(font.getlength(text)) + 4
    picture = Image.new("L", (width, rows), 0)
    ImageDraw.Draw(picture).text((width / 2, rows / 2), text, fill=255, font=font, anchor="mm")
    ink = np.pad(np.asarray(picture) > 127, ((0, 0), (1, 1)))
    step = np.diff(ink.astype(np.int8), axis=1)
    row, start = np.nonzero(step == 1)
    end = np.nonzero(step == -1)[1]
    x0, x1 = start - width / 2, end - width / 2
    y1 = rows / 2 - row
    y0 = y1 - 1
    corners = [np.stack(xy, axis=-1) for xy in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    return np.stack(corners, axis=1) / rows
