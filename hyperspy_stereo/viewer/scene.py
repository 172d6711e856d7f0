"""What a picture in 3D holds, without saying how it is drawn.

Coordinates are those of the specimen (x right, y down, z along the beam), in one length unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from hyperspy_stereo.viewer.camera import Camera
from hyperspy_stereo.viewer.colours import OKABE_ITO, Scalar

__all__ = [
    "FACES",
    "Foil",
    "Label",
    "Lines",
    "Mesh",
    "Picture",
    "Scene",
    "Segment",
    "Spheres",
    "nice_length",
]

#: Which surfaces of the foil show a view.
FACES = ("none", "low", "high", "both")
AXIS_COLOURS = (OKABE_ITO["vermilion"], OKABE_ITO["blue"], OKABE_ITO["green"])


@dataclass(frozen=True)
class Lines:
    """Polylines drawn as tubes.

    Attributes
    ----------
    points : numpy.ndarray
        (N, 3), ordered along the lines.
    line_index : numpy.ndarray
        (N,), contiguous.
    scalars : dict of str to Scalar
        What the colours can mean.
    radius : float
        Of the tubes.
    sigma : numpy.ndarray, optional
        (N, 3), 1-sigma of x, y, z, for what is measured between points.
    """

    points: np.ndarray
    line_index: np.ndarray
    scalars: dict[str, Scalar]
    radius: float
    sigma: np.ndarray | None = None


@dataclass(frozen=True)
class Spheres:
    """Balls, such as particles: centres (N, 3), radius (N,), scalars as for lines."""

    centres: np.ndarray
    radius: np.ndarray
    scalars: dict[str, Scalar]


@dataclass(frozen=True)
class Mesh:
    """A surface: vertices (N, 3), triangles (M, 3), one colour, opacity 0..1."""

    vertices: np.ndarray
    triangles: np.ndarray
    colour: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Segment:
    """A straight bar: start and end (3,), colour, width in screen pixels."""

    start: np.ndarray
    end: np.ndarray
    colour: str
    width: float


@dataclass(frozen=True)
class Label:
    """Text at a place in space."""

    position: np.ndarray
    text: str
    colour: str = "#222222"


@dataclass(frozen=True)
class Picture:
    """A grey image in space.

    Attributes
    ----------
    name : str
        Of the view.
    side : {"low", "high"}
        The surface of the foil that it lies on.
    image : numpy.ndarray
        (H, W), 0 black to 1 white.
    alpha : numpy.ndarray
        (H, W), 0 where nothing is shown.
    corners : numpy.ndarray
        (4, 3): of the image's first pixel, the end of its first row, of its last pixel, the start
        of its last row; outer corners of those pixels.
    """

    name: str
    side: str
    image: np.ndarray
    alpha: np.ndarray
    corners: np.ndarray

    @property
    def outline(self) -> np.ndarray:
        """(K, 2): convex border of what is shown, shares of the image's width and height."""
        from scipy.spatial import ConvexHull

        rows, columns = self.alpha.shape
        y, x = np.nonzero(self.alpha > 0.5)
        if len(x) < 4 or len(x) == self.alpha.size:
            return np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        middles = np.column_stack([x, y]) + 0.5
        return middles[ConvexHull(middles).vertices] / (columns, rows)

    def png(self) -> bytes:
        """Grey and alpha as a PNG file's bytes."""
        import io

        from PIL import Image

        levels = np.stack([self.image, self.alpha], axis=-1)
        buffer = io.BytesIO()
        picture = Image.fromarray(np.rint(255 * np.clip(levels, 0, 1)).astype(np.uint8), "LA")
        picture.save(buffer, "png")
        return buffer.getvalue()


@dataclass(frozen=True)
class Foil:
    """The slab that was looked at: four corners (4, 2) in order, and two depths."""

    corners: np.ndarray
    low: float
    high: float

    @property
    def vertices(self) -> np.ndarray:
        """(8, 3): the corners at the low depth, then at the high one."""
        return np.vstack(
            [np.column_stack([self.corners, np.full(4, z)]) for z in (self.low, self.high)]
        )

    @property
    def faces(self) -> np.ndarray:
        """(6, 4) vertex numbers; the two surfaces first."""
        sides = [[i, (i + 1) % 4, (i + 1) % 4 + 4, i + 4] for i in range(4)]
        return np.array([[0, 1, 2, 3], [4, 5, 6, 7], *sides])

    @property
    def edges(self) -> np.ndarray:
        """(12, 2) vertex numbers."""
        ring = [[i, (i + 1) % 4] for i in range(4)]
        return np.array([*ring, *(np.array(ring) + 4), *([i, i + 4] for i in range(4))])


@dataclass(frozen=True)
class Scene:
    """A picture in 3D.

    Attributes
    ----------
    foil : Foil
        Box around everything.
    lines : Lines, optional
        Tubes.
    spheres : Spheres, optional
        Balls.
    meshes : tuple of Mesh
        Surfaces.
    bars : tuple of Segment
        Axes and scale bar.
    labels : tuple of Label
        Their texts.
    pictures : tuple of Picture
        Views on the surfaces of the foil.
    faces : {"none", "low", "high", "both"}
        Which of the pictures are shown.
    colour : str
        Which of the scalars the colours show.
    camera : Camera
        The first view.
    title : str
        Of a window or a page.
    units : str
        Length unit.
    """

    foil: Foil
    lines: Lines | None = None
    spheres: Spheres | None = None
    meshes: tuple[Mesh, ...] = ()
    bars: tuple[Segment, ...] = ()
    labels: tuple[Label, ...] = ()
    pictures: tuple[Picture, ...] = ()
    faces: str = "both"
    colour: str = "depth"
    camera: Camera = field(default_factory=Camera)
    title: str = "hyperspy_stereo"
    units: str = "px"

    @property
    def scalars(self) -> dict[str, Scalar]:
        """What the colours can mean."""
        item = self.lines if self.lines is not None else self.spheres
        return {} if item is None else item.scalars

    @property
    def scalar(self) -> Scalar:
        """What the colours mean now."""
        return self.scalars[self.colour]

    @property
    def shown_pictures(self) -> tuple[Picture, ...]:
        """Those of the pictures that are shown."""
        return tuple(p for p in self.pictures if self.faces in ("both", p.side))

    @property
    def extent(self) -> np.ndarray:
        """(N, 3): points that a picture should hold."""
        parts = [self.foil.vertices, *(np.stack([b.start, b.end]) for b in self.bars)]
        parts += [label.position[None] for label in self.labels]
        return np.vstack(parts)

    def coloured_by(self, colour: str) -> Scene:
        """The same scene with another meaning of its colours.

        Raises
        ------
        ValueError
            If there is no such scalar.
        """
        if colour not in self.scalars:
            raise ValueError(
                f"Colours can show {', '.join(map(repr, self.scalars))}; {colour!r} was given."
            )
        return replace(self, colour=colour)


def nice_length(about: float) -> float:
    """The largest of 1, 2, 5 x 10^n that is not above a length.

    Examples
    --------
    >>> nice_length(130.0), nice_length(0.7)
    (100.0, 0.5)
    """
    if not about > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(about))
    return float(power * max(step for step in (1, 2, 5) if step * power <= about * (1 + 1e-9)))


def axes_and_scale_bar(
    foil: Foil, units: str, names: tuple[str, str, str], vectors: np.ndarray | None = None
) -> tuple[tuple[Segment, ...], tuple[Label, ...]]:
    """Three axes and a scale bar beside the foil.

    Parameters
    ----------
    foil : Foil
        Gives place and size.
    units : str
        Of the scale bar.
    names : (str, str, str)
        Of the axes.
    vectors : numpy.ndarray, optional
        (3, 3), rows along the axes, specimen coordinates; x, y, z by default.

    Returns
    -------
    bars, labels
        For a :class:`Scene`.
    """
    low, high = foil.vertices.min(axis=0), foil.vertices.max(axis=0)
    size = float((high - low)[:2].max())
    arm = 0.13 * size
    origin = low - np.array([0.12, 0.12, 0.0]) * size
    rows = np.eye(3) if vectors is None else np.asarray(vectors, dtype=np.float64)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    bars = [
        Segment(origin, origin + arm * row, colour, 4.0)
        for row, colour in zip(rows, AXIS_COLOURS, strict=True)
    ]
    labels = [
        Label(origin + 1.3 * arm * row, name, colour)
        for row, name, colour in zip(rows, names, AXIS_COLOURS, strict=True)
    ]
    length = nice_length(0.28 * (high[0] - low[0]))
    # At the near edge, to the right of its middle, where the box leaves room below it.
    end = np.array([high[0] - 0.08 * size, low[1] - 0.07 * size, low[2]])
    start = end - (length, 0, 0)
    bars.append(Segment(start, end, "#111111", 5.0))
    below = (start + end) / 2 - np.array([0, 0.09 * size, 0])
    labels.append(Label(below, f"{length:g} {units}", "#111111"))
    return tuple(bars), tuple(labels)
