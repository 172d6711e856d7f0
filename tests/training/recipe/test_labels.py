import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from skimage import io

from hyperspy_stereo.training.recipe.augment import detector_sample, pair_sample
from hyperspy_stereo.training.recipe.labels import labelled_pair, labelme_scene, write_labelled
from hyperspy_stereo.training.recipe.scene import BOUNDARY, IGNORE, LINE

PICTURE = np.random.default_rng(0).integers(90, 200, (60, 80)).astype(np.uint8)


def shape(label="dislocation", points=((10.5, 5.5), (10.5, 50.5)), form="linestrip"):
    return {"label": label, "points": [list(p) for p in points], "shape_type": form}


def labelme_file(folder, picture=PICTURE, **record):
    io.imsave(folder / "a.png", picture, check_contrast=False)
    full = {"imagePath": "a.png", "imageHeight": 60, "imageWidth": 80, "shapes": [shape()]}
    path = folder / "a.json"
    path.write_text(json.dumps({k: v for k, v in (full | record).items() if v is not None}))
    return path


def test_polylines_become_lines_of_three_pixels(tmp_path):
    shapes = [
        shape(),
        shape("boundary", ((40, 0), (40, 60)), "line"),
        shape("boundary", ((50, 10), (70, 10), (70, 30), (50, 30)), "polygon"),
        shape("ignore", ((0, 55), (80, 60)), "rectangle"),
    ]
    scene = labelme_scene(labelme_file(tmp_path, shapes=shapes))
    label = scene.label[0]
    assert np.flatnonzero(label[30] & LINE).tolist() == [9, 10, 11]
    assert np.isin(np.flatnonzero(label[45] & BOUNDARY), [39, 40]).all()
    assert label[20, 60] & BOUNDARY
    assert (label[57] & IGNORE).sum() > 70 * IGNORE
    assert (scene.line_index[0][label & LINE > 0] == 0).all()
    assert np.array_equal(scene.label[0], scene.label[1])
    assert scene.clean.max() == 1


def test_a_picture_within_the_file_will_do(tmp_path):
    path = labelme_file(tmp_path)
    data = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    path = labelme_file(tmp_path, imageData=data)
    (tmp_path / "a.png").unlink()
    assert np.allclose(labelme_scene(path).clean[0], PICTURE / PICTURE.max())


def test_names_translate_labels(tmp_path):
    path = labelme_file(tmp_path, shapes=[shape("disl")])
    assert (labelme_scene(path, names={"disl": "dislocation"}).label & LINE).any()


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"imagePath": None}, "names no picture"),
        ({"shapes": []}, "holds no shapes"),
        ({"shapes": None}, "none of labelme's files"),
        ({"shapes": [shape("cat")]}, "known are dislocation, boundary, ignore"),
        ({"shapes": [shape(form="polygon")]}, "must be one of linestrip, line"),
        ({"shapes": [shape(points=((1, 1),))]}, "needs 2 at least"),
        ({"shapes": [shape(points=((1, float("nan")), (2, 2)))]}, "NaN or infinite"),
        ({"shapes": [shape(points=((1, 2), (3, 900)))]}, "beyond the picture"),
        ({"shapes": [{"label": "dislocation", "points": "x", "shape_type": "line"}]}, "no list"),
        ({"imageHeight": 61}, "drawn on a picture of 61 x 80"),
    ],
)
def test_malformed_files_are_explained(tmp_path, record, says):
    with pytest.raises(ValueError, match=says):
        labelme_scene(labelme_file(tmp_path, **record))


def test_other_files_are_explained(tmp_path):
    path = labelme_file(tmp_path)
    with pytest.raises(ValueError, match="is no JSON"):
        labelme_scene(tmp_path / "a.png")
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match="correct 'imagePath'"):
        labelme_scene(path)
    with pytest.raises(ValueError, match="choose among"):
        labelme_scene(labelme_file(tmp_path), names={"a": "dislocations"})


def thick_line(width=6):
    mask = np.zeros(PICTURE.shape, np.uint8)
    mask[5:55, 30 : 30 + width] = 255
    return mask


def test_masks_are_redrawn_with_their_disparity():
    disparity = np.where(thick_line() > 0, 11.0, 0.0)
    scene = labelled_pair(
        PICTURE, PICTURE[:, ::-1], thick_line(), disparity=disparity, zero=8.0, angle=4
    )
    assert (scene.label[0][30] & LINE).sum() == 3
    assert np.array_equal(np.isfinite(scene.disparity[0]), scene.label[0] & LINE > 0)
    assert np.nanmax(scene.disparity) == np.nanmin(scene.disparity) == 3.0
    assert (scene.label[1] == IGNORE).all()
    assert scene.info["angle"] == 4
    for seed in range(4):
        assert detector_sample(scene, np.random.default_rng(seed), 48)[3].any()


def test_boundary_and_ignore_may_be_of_one_view_or_both():
    area = np.zeros(PICTURE.shape)
    area[:10] = 1
    both = np.stack([area, area[::-1]])
    scene = labelled_pair(PICTURE, PICTURE, thick_line(), thick_line(), boundary=area, ignore=both)
    assert scene.label[0][2, 2] == BOUNDARY | IGNORE
    assert scene.label[1][2, 2] == 0
    assert scene.label[1][-2, 2] == IGNORE


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"right": PICTURE[:, 1:]}, r"right has shape \(60, 79\)"),
        ({"left_mask": thick_line()[1:]}, "left_mask has shape"),
        ({"left_mask": np.zeros((60, 80))}, "left_mask is empty"),
        ({"left_mask": 255 - thick_line()}, "inverted"),
        ({"right": np.full((60, 80), np.nan)}, "4800 values that are NaN"),
        ({"right": np.full((60, 80), 3.0)}, "one value everywhere"),
        ({"left": np.zeros((60, 80, 3))}, "one grey picture"),
        ({"disparity": np.full((60, 80), np.nan)}, "NaN on all lines"),
        ({"right_disparity": np.zeros((60, 80))}, "needs right_mask"),
        ({"boundary": np.zeros((60, 81))}, "boundary has shape"),
    ],
)
def test_pairs_that_do_not_fit_are_explained(change, says):
    given = {"left": PICTURE, "right": PICTURE, "left_mask": thick_line()} | change
    with pytest.raises(ValueError, match=says):
        labelled_pair(**given)


def test_written_scenes_are_read_back_in_squares(tmp_path):
    disparity = np.full(PICTURE.shape, 2.0)
    scene = labelled_pair(PICTURE, PICTURE, thick_line(), thick_line(), disparity=disparity)
    store = write_labelled(tmp_path / "mine", [scene], side=64)
    assert len(store) == 2
    first = store.scene(0)
    assert first.clean.shape == (2, 64, 64)
    assert (first.label[:, 60:] == IGNORE).all()  # beyond the picture
    assert np.allclose(first.clean[0, :60], scene.clean[0, :, :64], atol=1e-3)
    assert np.array_equal(store.scene(1).label[0, :60], scene.label[0, :, 16:])
    *_, sampled = pair_sample(first, np.random.default_rng(1), 48, 48)
    assert np.isfinite(sampled).any()
    with pytest.raises(ValueError, match="holds shards already"):
        write_labelled(tmp_path / "mine", [scene])
    with pytest.raises(ValueError, match="no scenes to write"):
        write_labelled(tmp_path / "other", [])


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    page = Path(__file__).parents[3] / "docs" / "training_labels.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), space)
    assert len(space["store"]) >= 2
