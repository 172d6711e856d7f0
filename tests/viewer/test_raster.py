"""Pixels of balls and tubes."""

import numpy as np
import pytest

from hyperspy_stereo.viewer.raster import render_balls, sweep

RED, BLUE = [1.0, 0, 0], [0, 0, 1.0]


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_ball_hides_the_other(order):
    balls = np.array([[20.0, 20, 0, 8], [20, 20, 30, 8]])[order]
    colours = np.array([RED, BLUE])[order]
    rgba, depth = render_balls(balls, colours, (40, 40))
    assert rgba[20, 20, 2] > rgba[20, 20, 0]
    assert depth[20, 20] == pytest.approx(38)


def test_a_ball_covers_its_disc_and_nothing_else():
    rgba, _ = render_balls(np.array([[30.0, 25, 0, 10]]), np.array([RED]), (50, 60))
    assert rgba[..., 3].sum() == pytest.approx(np.pi * 100, rel=0.03)
    assert rgba[25, 41, 3] == 0


def test_a_swept_line_has_no_holes():
    screen = np.array([[5.0, 20, 0, 3], [75, 22, 10, 3], [75, 35, 0, 3]])
    balls, colours = sweep(screen, np.array([RED, RED, BLUE]), np.array([0, 0, 1]))
    assert np.linalg.norm(np.diff(balls[:-1, :2], axis=0), axis=1).max() < 0.75
    rgba, _ = render_balls(balls, colours, (40, 80))
    assert (rgba[21, 6:75, 3] == 1).all()
    # The third point is another line: nothing in between.
    assert rgba[28, 75, 3] == 0


def test_balls_beyond_the_border_and_no_balls():
    rgba, _ = render_balls(np.array([[-50.0, -50, 0, 5]]), np.array([RED]), (10, 10))
    assert not rgba.any()
    rgba, _ = render_balls(np.zeros((0, 4)), np.zeros((0, 3)), (10, 10))
    assert not rgba.any()
