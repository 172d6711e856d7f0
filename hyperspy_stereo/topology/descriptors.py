"""What a mask holds, without a truth: numbers for tables, and persistence images to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.topology.centre_lines import centre_line, length_per_pixel
from hyperspy_stereo.topology.checks import as_mask, as_pixel_size
from hyperspy_stereo.topology.filtrations import dilation_filtration
from hyperspy_stereo.topology.persistence import diagrams, lives, prune

__all__ = ["describe_mask", "persistence_images"]


def describe_mask(
    mask: ArrayLike, pixel_size: ArrayLike = 1.0, least: float | None = None
) -> dict[str, float]:
    """Describe the lines of a mask in a few numbers.

    Parameters
    ----------
    mask : array_like of bool, shape (H, W) or (D, H, W)
        True on lines.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.
    least : float, optional
        Shortest life of a class that counts, in the unit of `pixel_size`: half the size of the
        smallest gap or hole that matters. By default one pixel (its shortest side).

    Returns
    -------
    dict
        length : of all centre lines;
        width : mean width of the lines, area over length (a volume: the diameter of a round line
        of the same volume and length); NaN without a line;
        lines : connected pieces;
        rings : regions that lines enclose wholly;
        gulfs : bays that close when the lines are thickened before they are filled: regions that
        are enclosed but for a gap;
        mouth : mean width of the gaps of the gulfs, NaN if there is none;
        spacing : mean diameter of the largest circle in rings and gulfs, NaN if there is none;
        share : of the frame that is line.
        Lengths are in the unit of `pixel_size`.

    Raises
    ------
    TypeError, ValueError
        If the mask or the pixel size is none, or `least` is negative.

    Notes
    -----
    All but length, width and share are read from the diagrams of the signed distance: a class of
    H0 that is born before 0 and dies after it is a piece, one of H1 likewise a ring; one of H1
    that is born after 0 is a gulf, whose mouth is twice its birth. Classes of H0 that die before
    0 are necks of one line. After I. Obayashi, Y. Hiraoka and M. Kimura, J. Appl. Comput. Topol. 1
    (2018) 421 (binary images by signed distance).

    Examples
    --------
    >>> ring = np.zeros((32, 32))
    >>> ring[8:24, 8:24] = 1
    >>> ring[11:21, 11:21] = 0
    >>> numbers = describe_mask(ring)
    >>> numbers["lines"], numbers["rings"], numbers["gulfs"]
    (1, 1, 0)
    """
    mask = as_mask(mask)
    size = as_pixel_size(pixel_size, mask.ndim)
    limit = float(size.min()) if least is None else float(least)
    image = dilation_filtration(mask, size)
    # A class that lives exactly a pixel must not be lost to the rounding of a distance.
    h0, h1 = (prune(d, limit * (1 - 1e-9)).diagram for d in diagrams([image])[0])
    length = float(length_per_pixel(centre_line(mask), size).sum())
    rings, gulfs = h1[(h1[:, 0] <= 0) & (h1[:, 1] > 0)], h1[h1[:, 0] > 0]
    section = float(mask.sum() * size.prod()) / length if length else float("nan")
    pieces = int(((h0[:, 0] <= 0) & (h0[:, 1] > 0)).sum())
    return {
        "length": length,
        "width": section if mask.ndim == 2 else float(np.sqrt(4 * section / np.pi)),
        # A full frame has no edge that a distance could be measured from, but is one piece.
        "lines": 1 if mask.all() else pieces,
        "rings": len(rings),
        "gulfs": len(gulfs),
        "mouth": _mean(2 * gulfs[:, 0]),
        "spacing": _mean(2 * np.concatenate([rings[:, 1], gulfs[:, 1]])),
        "share": float(mask.mean()),
    }


def persistence_images(
    masks: Sequence[ArrayLike],
    pixel_size: ArrayLike = 1.0,
    extent: float | None = None,
    resolution: int = 20,
) -> np.ndarray:
    """Diagrams of many masks as pictures of one size, to compare by PCA or a random forest.

    Parameters
    ----------
    masks : sequence of N array_like of bool
        True on lines; their frames may differ in size.
    pixel_size : float or sequence of float, default 1.0
        Size of a pixel along each axis, rows first.
    extent : float, optional
        Largest distance shown, in the unit of `pixel_size`. By default the largest death of all
        masks; give one to add micrographs later.
    resolution : int, default 20
        Pixels along birth and along life.

    Returns
    -------
    ndarray of shape (N, 2, resolution, resolution)
        For H0 and H1 of the signed distance, rows: life from 0 to `extent`, columns: birth from
        minus to plus half of it; each class a Gaussian of one pixel, times its life, divided by
        the area of the frame, so that larger frames do not weigh more. Reshape to (N, -1) for
        scikit-learn.

    Raises
    ------
    TypeError, ValueError
        If one is no mask, or the extent or resolution is not above 0.

    Notes
    -----
    H. Adams et al., J. Mach. Learn. Res. 18 (2017) 1, by ``gudhi.representations``.

    Examples
    --------
    >>> persistence_images([np.eye(32), np.zeros((32, 32))]).reshape(2, -1).sum(axis=1)[1]
    np.float64(0.0)
    """
    from gudhi.representations import PersistenceImage

    arrays = [as_mask(m, f"mask {i}") for i, m in enumerate(masks)]
    if resolution < 1 or (extent is not None and not extent > 0):
        raise ValueError(
            f"resolution and extent must be above 0, got {resolution!r} and {extent!r}."
        )
    pairs = diagrams([dilation_filtration(a, pixel_size) for a in arrays])
    if extent is None:
        extent = max((float(d[:, 1].max()) for p in pairs for d in p if len(d)), default=1.0)
    model = PersistenceImage(
        bandwidth=extent / resolution,
        weight=lambda point: point[1],
        resolution=[resolution, resolution],
        im_range=[-extent / 2, extent / 2, 0.0, extent],
    )
    out = np.zeros((len(arrays), 2, resolution, resolution))
    for row, (pair, mask) in enumerate(zip(pairs, arrays, strict=True)):
        area = mask.size * as_pixel_size(pixel_size, mask.ndim).prod()
        for k, diagram in enumerate(pair):
            if len(diagram) and lives(diagram).max() > 0:
                image = model.fit([diagram]).transform([diagram])
                out[row, k] = image.reshape(resolution, resolution) / area
    return out


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
