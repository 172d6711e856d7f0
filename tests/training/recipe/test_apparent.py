"""Where the images of lines are said to run."""

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_stereo.simulation.truth import Truth
from hyperspy_stereo.training.recipe.apparent import apparent_lines, line_maps

SHAPE = (64, 80)
TILT = 50.0  # mrad of each view


def truth_of(lines, beside, depth=0.4, reference=True):
    """Views with a dark trough `beside` px to the right of each projected line."""
    incidence = np.array([[TILT, 0.0], [-TILT, 0.0]])
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    clean = np.ones((2, *SHAPE))
    for line in lines:
        for view, (theta, _) in enumerate(incidence):
            at = line[:, 0] - np.tan(theta / 1000) * line[:, 2] + beside
            middle = np.interp(y[:, 0], line[:, 1], at)
            clean[view] -= depth * np.exp(-((x - middle[:, None]) ** 2) / 8)
    blank = np.zeros((2, *SHAPE))
    return Truth(
        specimen=None,
        lines=list(lines),
        kinds=["line"] * len(lines),
        visible=[np.ones((2, len(line)), bool) for line in lines],
        incidence=incidence,
        geometry="tiltless",
        pixel_size=1.0,
        clean=clean.astype(np.float32),
        line_mask=blank > 0,
        boundary_mask=blank > 0,
        distractor_mask=blank > 0,
        line_index=blank.astype(np.int16) - 1,
        disparity=blank * np.nan,
        depth=blank * np.nan,
        ambiguous=blank > 0,
        reference=np.ones((2, *SHAPE), np.float32) if reference else None,
    )


def upright(x, z0=-40.0, z1=40.0):
    y = np.arange(0.0, 64.0)
    return np.column_stack([np.full(64, float(x)), y, np.linspace(z0, z1, 64)])


@pytest.mark.parametrize("beside", [-4.0, 0.0, 3.0])
def test_the_image_is_found_beside_the_line(beside):
    line = upright(40)
    found = apparent_lines(truth_of([line], beside))
    for view, sign in enumerate((-1, 1)):
        expected = line[:, 0] + sign * np.tan(TILT / 1000) * line[:, 2] + beside
        # drawn a little to the line itself, on whose side it stays in doubt
        assert found.placed[view, 8:-8, 0] == pytest.approx(expected[8:-8], abs=0.7)


@pytest.mark.parametrize("beside", [0.0, 3.0])
def test_the_disparity_stays_that_of_the_line(beside):
    line = upright(40)
    found = apparent_lines(truth_of([line], beside))
    moved = found.placed[1] - found.placed[0]
    assert moved[:, 0] == pytest.approx(2 * np.tan(TILT / 1000) * line[:, 2], abs=1e-9)
    assert moved[:, 1] == pytest.approx(0.0, abs=1e-9)
    assert found.disparity == pytest.approx(moved[:, 0])


def test_a_bright_line_on_dark_ground_is_found_as_exactly():
    truth = truth_of([upright(40)], 3.0)
    scale = 0.02
    bright = replace(truth, clean=scale + (1 - truth.clean), reference=scale * truth.reference)
    dark = apparent_lines(truth).placed
    assert apparent_lines(bright).placed == pytest.approx(dark, abs=0.3)


def test_beads_to_either_side_do_not_make_a_zigzag():
    line = upright(40, 0.0, 0.0)
    truth = truth_of([line], 0.0)
    x, y = np.arange(80.0), np.arange(64.0)[:, None]
    middle = 40 + 3 * np.sign(np.sin(2 * np.pi * y / 10))
    beads = np.abs(np.sin(2 * np.pi * y / 10)) * np.exp(-((x - middle) ** 2) / 8)
    found = apparent_lines(replace(truth, clean=np.float32(1 - 0.4 * np.stack([beads, beads]))))
    assert np.ptp(found.placed[0, 8:-8, 0]) < 1.5
    assert found.placed[0, 8:-8, 0].mean() == pytest.approx(40, abs=0.7)


def test_a_near_line_does_not_draw_another_one_to_it():
    strong = truth_of([upright(30), upright(42)], 0.0)
    found = apparent_lines(strong)
    assert found.placed[0, :64, 0] == pytest.approx(
        upright(30)[:, 0] - np.tan(TILT / 1000) * upright(30)[:, 2], abs=0.7
    )


def test_maps_hold_the_moved_line_and_its_disparity():
    maps = line_maps(apparent_lines(truth_of([upright(40)], 3.0)), (2, *SHAPE))
    rows, columns = np.nonzero(maps["line_index"][0] == 0)
    assert columns[rows == 32].mean() == pytest.approx(42.5, abs=0.7)
    assert maps["disparity"][0][32][maps["line_index"][0][32] == 0] == pytest.approx(0, abs=0.3)
    assert not maps["ambiguous"].any()


def test_nothing_is_drawn_without_lines():
    assert apparent_lines(truth_of([], 0.0)) is None
    assert (line_maps(None, (2, 8, 8))["line_index"] == -1).all()


def test_a_truth_without_reference_is_refused():
    with pytest.raises(ValueError, match="no pictures without lines"):
        apparent_lines(truth_of([upright(40)], 0.0, reference=False))
