"""Users' own labelled pictures as scenes to train on: labelme files, masks, disparity images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from hyperspy_stereo.training.recipe.labelme import read_labelme
from hyperspy_stereo.training.recipe.scene import BOUNDARY, IGNORE, LINE, Scene
from hyperspy_stereo.training.recipe.shards import ARRAYS, SHARD_SCENES, ShardStore

__all__ = ["labelled_pair", "labelme_scene", "write_labelled"]

HALF_WIDTH = 1.5  # px, of lines in labels: the networks learn centre lines, not a pen's width


def labelme_scene(path: str | Path, names: Mapping[str, str] | None = None) -> Scene:
    """One picture with the lines that were drawn on it in labelme.

    Parameters
    ----------
    path : str or Path
        labelme's JSON file. Polylines ("linestrip") and lines ("line") called "dislocation" are
        lines; lines, polygons and rectangles called "boundary" are boundaries; polygons and
        rectangles called "ignore" are neither trained nor scored.
    names : dict, optional
        Your names to these three, such as ``{"disl": "dislocation", "GB": "boundary"}``.

    Returns
    -------
    Scene
        The picture as both views, without disparity: for the detector only.

    Raises
    ------
    ValueError
        If the file is none of labelme's, holds no shapes, names what is unknown, or does not fit
        its picture.
    FileNotFoundError
        If there is no such file, or its picture is neither beside it nor within it.

    See Also
    --------
    write_labelled : writes scenes for training.

    Examples
    --------
    >>> scene = labelme_scene("picture.json")  # doctest: +SKIP
    """
    picture, shapes = read_labelme(path, names or {})
    label = np.zeros(picture.shape, np.uint8)
    index = np.full(picture.shape, -1, np.int16)
    for number, (kind, drawn) in enumerate(shapes):
        if kind == "dislocation":
            near = ndi.distance_transform_edt(~drawn) <= HALF_WIDTH
            label[near] |= LINE
            index[near] = number
        elif kind == "boundary":
            label[drawn] |= BOUNDARY
        else:
            label[drawn] |= IGNORE
    clean = _as_share(picture, str(path))
    nowhere = np.full(clean.shape, np.nan, np.float32)
    info = {"renderer": "user", "source": Path(path).name, "views": 1}
    return Scene(*(np.stack([a, a]) for a in (clean, label, nowhere, index)), info=info)


def labelled_pair(
    left: np.ndarray,
    right: np.ndarray,
    left_mask: np.ndarray,
    right_mask: np.ndarray | None = None,
    *,
    disparity: np.ndarray | None = None,
    right_disparity: np.ndarray | None = None,
    zero: float = 0.0,
    boundary: np.ndarray | None = None,
    ignore: np.ndarray | None = None,
    angle: float | None = None,
) -> Scene:
    """Two pictures with masks of lines, and with disparity where it is known.

    Parameters
    ----------
    left, right : (H, W) array
        The pictures, aligned so that parallax runs along rows.
    left_mask : (H, W) array
        Not 0 on lines; their width does not matter, they are drawn anew 3 px wide.
    right_mask : (H, W) array, optional
        The same for the right picture; without it nothing is trained on lines of the right one.
    disparity, right_disparity : (H, W) array, optional
        x_right - x_left in px, in the grid of the left and of the right picture. Only values on
        lines count; NaN where it is not known.
    zero : float, default 0
        What the disparity images read where disparity is 0.
    boundary, ignore : (H, W) or (2, H, W) array, optional
        Not 0 on boundaries, and where nothing shall be trained; of the left picture or of both.
    angle : float, optional
        Stereo angle in degrees, to be kept with the scene.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        If shapes differ, a picture holds values that are not finite or no contrast, the mask is
        empty, or no line has a disparity although there is such an image.

    Examples
    --------
    >>> left, right = np.random.default_rng(0).random((2, 64, 64))
    >>> mask = np.zeros((64, 64), bool)
    >>> mask[:, 30:34] = True
    >>> scene = labelled_pair(left, right, mask, disparity=np.full((64, 64), 2.0))
    >>> float(np.nanmax(scene.disparity)), int((scene.label[0] == 1).sum(axis=1)[32])
    (2.0, 3)
    """
    left = np.asarray(left)
    if left.ndim != 2:
        raise ValueError(f"left has shape {left.shape}: give one grey picture (H, W).")
    clean = np.stack(
        [_as_share(a, n) for a, n in ((left, "left"), (_like(left, right, "right"), "right"))]
    )
    masks = (left_mask, right_mask)
    values = (disparity, right_disparity)
    labels, depths, indices = [], [], []
    for view, side in enumerate(("left", "right")):
        if masks[view] is None:
            if values[view] is not None:
                raise ValueError(f"{side}_disparity needs {side}_mask, which says where lines are.")
            labels.append(np.full(left.shape, IGNORE, np.uint8))
            depths.append(np.full(left.shape, np.nan, np.float32))
            indices.append(np.full(left.shape, -1, np.int16))
            continue
        mask = _like(left, masks[view], f"{side}_mask") > 0
        drawn = _three_wide(mask, f"{side}_mask")
        labels.append(np.where(drawn, LINE, 0).astype(np.uint8))
        depths.append(_on_lines(values[view], mask, drawn, zero, side))
        indices.append((ndi.label(drawn, np.ones((3, 3)))[0] - 1).astype(np.int16))
    label = np.stack(labels)
    for bit, given, name in ((BOUNDARY, boundary, "boundary"), (IGNORE, ignore, "ignore")):
        if given is not None:
            _mark(label, bit, np.asarray(given), name)
    info = {"renderer": "user", "views": 2}
    if angle is not None:
        info["angle"] = float(angle)
    return Scene(clean, label, np.stack(depths), np.stack(indices), info=info)


def write_labelled(folder: str | Path, scenes: Sequence[Scene], side: int = 384) -> ShardStore:
    """Write labelled scenes so that training can draw from them.

    Scenes of any size are cut into squares that overlap; smaller ones are filled up with ground
    in which nothing is trained.

    Parameters
    ----------
    folder : str or Path
        Where to: a folder beside the other stores, which a configuration names.
    scenes : sequence of Scene
        From `labelme_scene` or `labelled_pair`.
    side : int, default 384
        Of the squares, px, as that of the simulated scenes.

    Returns
    -------
    ShardStore

    Raises
    ------
    ValueError
        If there are no scenes, or the folder holds shards already.
    """
    folder = Path(folder)
    if not scenes:
        raise ValueError(
            "there are no scenes to write: make some by labelme_scene or labelled_pair."
        )
    if any(folder.glob("shard_*")):
        raise ValueError(
            f"{folder} holds shards already: give a new folder, or delete this one to write anew."
        )
    tiles = [tile for scene in scenes for tile in _tiles(scene, side)]
    for start in range(0, len(tiles), SHARD_SCENES):
        part = tiles[start : start + SHARD_SCENES]
        shard = folder / f"shard_{start:07d}"
        shard.mkdir(parents=True)
        for name, dtype in ARRAYS.items():
            np.save(shard / f"{name}.npy", np.stack([getattr(t, name) for t in part]).astype(dtype))
        (shard / "info.json").write_text(json.dumps([tile.info for tile in part]))
    return ShardStore(folder)


def _as_share(picture, name):
    """A picture as a share of its brightest pixel, not negative."""
    picture = np.asarray(picture)
    if not np.issubdtype(picture.dtype, np.number) or np.iscomplexobj(picture):
        raise ValueError(f"{name} is of {picture.dtype}: give real grey values.")
    picture = picture.astype(np.float32)
    bad = int((~np.isfinite(picture)).sum())
    if bad:
        raise ValueError(
            f"{name} has {bad} values that are NaN or infinite: replace them "
            "(numpy.nan_to_num) and mark them by `ignore`."
        )
    picture = picture - min(float(picture.min()), 0.0)
    if float(picture.max()) == float(picture.min()):
        raise ValueError(
            f"{name} has one value everywhere, {picture.flat[0]:g}: is it the picture?"
        )
    return picture / picture.max()


def _like(left, array, name):
    array = np.asarray(array)
    if array.shape != left.shape:
        raise ValueError(
            f"{name} has shape {array.shape}, the left picture {left.shape}: all must have one "
            "shape (H, W); convert colours to grey and crop or resample to the same grid."
        )
    return array


def _three_wide(mask, name):
    """Lines of a mask drawn anew, 3 px wide."""
    from skimage.morphology import skeletonize

    if not mask.any():
        raise ValueError(
            f"{name} is empty: it must be above 0 on lines. Without lines leave it out."
        )
    if mask.mean() > 0.5:
        raise ValueError(
            f"{name} covers {mask.mean():.0%} of the picture: lines must be above 0 and "
            "the rest 0. Is it inverted?"
        )
    return ndi.distance_transform_edt(~skeletonize(mask)) <= HALF_WIDTH


def _on_lines(values, mask, drawn, zero, side):
    """Disparity of the nearest pixel of the mask where there is one, NaN off the lines."""
    if values is None:
        return np.full(mask.shape, np.nan, np.float32)
    name = "disparity" if side == "left" else "right_disparity"
    values = _like(mask, values, name).astype(np.float32) - np.float32(zero)
    known = mask & np.isfinite(values)
    if not known.any():
        raise ValueError(f"{name} is NaN on all lines of {side}_mask: do the two belong together?")
    far, nearest = ndi.distance_transform_edt(~known, return_indices=True)
    return np.where(drawn & (far <= 2 * HALF_WIDTH), values[tuple(nearest)], np.nan)


def _mark(label, bit, given, name):
    """Set a bit in the left view's label or in both, in place."""
    if given.shape == label.shape[1:]:
        label[0][given > 0] |= bit
    elif given.shape == label.shape:
        label[given > 0] |= bit
    else:
        raise ValueError(
            f"{name} has shape {given.shape}: give {label.shape[1:]}, of the left picture, or "
            f"{label.shape}, of both."
        )


def _tiles(scene, side):
    """Squares that cover a scene."""
    height, width = scene.clean.shape[1:]
    if height < side or width < side:
        scene = _filled_up(scene, max(height, side), max(width, side))
        height, width = scene.clean.shape[1:]
    for row in _starts(height, side):
        for column in _starts(width, side):
            yield scene.crop(row, column, side, side)


def _starts(length, side):
    count = -(-length // side)
    return np.rint(np.linspace(0, length - side, count)).astype(int).tolist()


def _filled_up(scene, height, width):
    shape = scene.clean.shape
    beyond = ((0, 0), (0, height - shape[1]), (0, width - shape[2]))
    fill = {"clean": float(np.median(scene.clean)), "label": IGNORE, "disparity": np.nan}
    arrays = [
        np.pad(getattr(scene, name), beyond, constant_values=fill.get(name, -1))
        for name in ("clean", "label", "disparity", "line_index")
    ]
    return Scene(*arrays, info=scene.info)
