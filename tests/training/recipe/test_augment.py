from dataclasses import replace

import numpy as np
import pytest

from hyperspy_stereo.training.recipe import augment, pairs
from hyperspy_stereo.training.recipe.augment import detector_sample, pair_sample
from hyperspy_stereo.training.recipe.scene import AMBIGUOUS, BOUNDARY, IGNORE, LINE, Scene

SIDE = 160


def inclined_lines(boundary=False):
    """Two straight lines, dark, whose disparity changes along them by 10 px; 3 px wide."""
    row, column = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    clean = np.ones((2, SIDE, SIDE), np.float32)
    label = np.zeros((2, SIDE, SIDE), np.uint8)
    disparity = np.full((2, SIDE, SIDE), np.nan, np.float32)
    for start, slope, first, change in ((40.0, 0.2, -4.0, 0.06), (125.0, -0.2, 6.0, -0.05)):
        for view, side in enumerate((-0.5, 0.5)):
            value = first + change * row
            off = column - (start + slope * row + side * value)
            steep = slope + side * change
            off /= np.sqrt(1 + steep**2)
            clean[view] *= 1 - 0.8 * np.exp(-0.5 * (off / 1.4) ** 2)
            near = np.abs(off) <= 1.5
            label[view][near] |= LINE
            disparity[view][near] = value[near]
    if boundary:
        label[:, 100:110] |= BOUNDARY
        label[:, 20:30, :80] |= IGNORE
    index = np.where(label & LINE, 0, -1).astype(np.int16)
    return Scene(0.5 * clean, label, disparity, index, {"geometry": "tiltless"})


def quiet(monkeypatch):
    """No noise and no change of light, so that pictures show where lines are."""
    for module in (augment, pairs):
        monkeypatch.setattr(module, "lit", lambda picture, rng: picture)
        monkeypatch.setattr(module, "random_storage", lambda picture, rng: picture)
        monkeypatch.setattr(
            module,
            "random_recording",
            lambda rng: {"dose": 1e7, "row_gain": 0.0, "row_jitter": 0.0, "of_ground": True},
        )
    monkeypatch.setattr(pairs, "uneven", lambda shape, rng: np.zeros(shape, np.float32))
    monkeypatch.setattr(augment, "_blank_margin", lambda *arrays: None)


def test_detector_samples_are_well_formed_and_repeat():
    scene = inclined_lines(boundary=True)
    for seed in range(6):
        image, line, boundary, weight = detector_sample(scene, np.random.default_rng(seed), 96)
        again = detector_sample(scene, np.random.default_rng(seed), 96)
        assert image.shape == line.shape == boundary.shape == weight.shape == (96, 96)
        assert image.dtype == weight.dtype == np.float32
        assert line.dtype == boundary.dtype == np.uint8
        assert np.isfinite(image).all() and image.std() > 0
        assert all(
            np.array_equal(a, b)
            for a, b in zip((image, line, boundary, weight), again, strict=True)
        )


def test_lines_stay_where_their_label_is(monkeypatch):
    quiet(monkeypatch)
    scene, seen = inclined_lines(), 0
    for seed in range(12):
        image, line, _, _ = detector_sample(scene, np.random.default_rng(seed), 128)
        if line.sum() < 100:
            continue
        seen += 1
        ground = np.median(image)
        on, off = image[line > 0].mean(), image[line == 0].mean()
        assert on < 0.75 * ground
        assert off > 0.9 * ground
    assert seen > 8


@pytest.mark.parametrize("zoom", [0.55, 0.75, 1.0, 1.5])
def test_labels_stay_three_pixels_wide_at_any_scale(monkeypatch, zoom):
    monkeypatch.setattr(augment, "COMMON_ZOOM", (zoom, zoom))
    monkeypatch.setattr(augment, "RARE_ZOOM_SHARE", 0.0)
    column = np.abs(np.arange(SIDE) - 80.3) <= 1.5
    label = np.zeros((2, SIDE, SIDE), np.uint8)
    label[:, :, column] = LINE
    empty = np.full((2, SIDE, SIDE), np.nan, np.float32)
    scene = Scene(np.full(label.shape, 0.5, np.float32), label, empty, label.astype(np.int16))
    place = augment._Placement(
        np.eye(2) / zoom,
        np.array([10.0, 80 - 24 / zoom]),
        np.zeros((2, 6, 6)),
        np.zeros((2, 4)),
        0.0,
        48,
    )
    rows, columns = place.places(1.0)
    line, *_ = augment._labels(scene.label[0], rows[:48, :48], columns[:48, :48], place)
    assert 2.4 <= line.sum(axis=1).mean() <= 3.6


def test_nothing_is_trained_where_the_scene_ignores_or_classes_overlap():
    scene = inclined_lines(boundary=True)
    for seed in range(10):
        _, line, boundary, weight = detector_sample(scene, np.random.default_rng(seed), 96)
        assert (weight[(line > 0) & (boundary > 0)] == 0).all()
        assert weight.mean() > 0.6
    ignored = replace(scene, label=scene.label | IGNORE)
    _, _, _, weight = detector_sample(ignored, np.random.default_rng(0), 96)
    assert not weight.any()


def test_most_samples_hold_a_line():
    scene = inclined_lines()
    empty = scene.label.copy()
    empty[:, 30:] = 0
    scene = replace(scene, label=empty)
    lines = [detector_sample(scene, np.random.default_rng(s), 32)[1].any() for s in range(40)]
    assert np.mean(lines) > 0.6


def line_centres(image, row):
    """Columns of the dark lines in a row, by parabolas."""
    profile = image[row]
    ground = np.median(image)
    inner = np.arange(2, profile.size - 2)
    low = inner[(profile[inner] < profile[inner - 1]) & (profile[inner] <= profile[inner + 1])]
    low = low[profile[low] < 0.7 * ground]
    a, b, c = profile[low - 1], profile[low], profile[low + 1]
    return low + 0.5 * (a - c) / (a - 2 * b + c)


@pytest.mark.parametrize("seed", range(8))
def test_disparity_is_exact_after_everything(monkeypatch, seed):
    quiet(monkeypatch)
    images, _, disparity = pair_sample(
        inclined_lines(), np.random.default_rng(seed), 128, 128, misalignment=0.0
    )
    errors = []
    for row in range(4, 124, 6):
        left, right = (line_centres(image, row) for image in images)
        for x in left:
            value = disparity[0, row, round(float(x))]
            if np.isfinite(value) and 3 < x + value < 124 and right.size:
                errors.append(np.abs(right - (x + value)).min())
    assert len(errors) > 10
    assert np.median(errors) < 0.12
    assert np.percentile(errors, 90) < 0.3


def test_both_views_tell_the_same_disparity():
    _, _, disparity = pair_sample(
        inclined_lines(), np.random.default_rng(3), 128, 128, misalignment=0.0
    )
    rows, columns = np.nonzero(np.isfinite(disparity[0]))
    hit = np.rint(columns + disparity[0][rows, columns]).astype(int)
    inside = (hit >= 0) & (hit < 128)
    back = disparity[1][rows[inside], hit[inside]]
    assert np.isfinite(back).mean() > 0.9
    assert np.nanmax(np.abs(back - disparity[0][rows[inside], columns[inside]])) < 0.6


def test_pairs_keep_labels_and_repeat():
    scene = inclined_lines(boundary=True)
    label = scene.label.copy()
    label[:, 60:70][label[:, 60:70] & LINE > 0] |= AMBIGUOUS
    scene = replace(scene, label=label)
    first = pair_sample(scene, np.random.default_rng(5), 96, 112)
    again = pair_sample(scene, np.random.default_rng(5), 96, 112)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, again, strict=True))
    images, label, disparity = first
    assert images.shape == label.shape == disparity.shape == (2, 96, 112)
    assert np.isfinite(images).all()
    assert not np.isfinite(disparity[label & LINE == 0]).any()
    assert np.isfinite(disparity[label & LINE > 0]).mean() > 0.99
    assert (label[label & AMBIGUOUS > 0] & LINE).all()


def test_right_view_can_be_misaligned(monkeypatch):
    monkeypatch.setattr(pairs, "MISALIGNED_SHARE", 1.0)
    monkeypatch.setattr(pairs, "ZOOM", (1.0, 1.0))
    scene = inclined_lines()
    clean = np.ones_like(scene.clean)
    clean[:, ::8] = 0.2  # a grating along the rows shows the shift
    scene = replace(scene, clean=clean)
    quiet(monkeypatch)
    images, *_ = pair_sample(scene, np.random.default_rng(1), 96, 96, misalignment=2.0)
    phase = [np.angle(np.fft.rfft(image.mean(axis=1))[12]) for image in images]
    assert abs(np.angle(np.exp(1j * (phase[1] - phase[0])))) > 0.05


def test_a_scene_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="too large for a scene of 160 x 160"):
        pair_sample(inclined_lines(), np.random.default_rng(0), 256, 256)
