"""Stereogram, depths, lengths."""

import numpy as np
import pytest

from hyperspy_stereo.results import DislocationNetwork
from hyperspy_stereo.viewer import plot_depths, plot_directions, plot_lengths
from hyperspy_stereo.viewer.network_plots import line_directions, stereographic


def test_the_projection_keeps_azimuths_and_angles_to_the_beam():
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(50, 3))
    places = stereographic(directions)
    assert np.allclose(places, stereographic(-3 * directions))
    up = directions * np.sign(directions[:, 2:])
    tilt = np.arccos(up[:, 2] / np.linalg.norm(up, axis=1))
    assert np.allclose(np.hypot(*places.T), np.tan(tilt / 2))
    assert np.allclose(np.cross(places, up[:, :2]), 0, atol=1e-12)
    assert np.hypot(*places.T).max() <= 1
    with pytest.raises(ValueError, match="no length"):
        stereographic([[0, 0, 0]])


def test_directions_of_straight_lines_are_known(network):
    directions, line, sigma = line_directions(network, span=40.0)
    assert set(line) == {0, 1, 2}
    assert np.allclose(np.bincount(line), [4, 4, 4])
    # The fixture's lines wave in the plane of the foil and have one depth each.
    assert np.allclose(directions[:, 2], 0)
    assert np.linalg.norm(directions, axis=1).sum() == pytest.approx(network.total_length, rel=0.05)
    assert (sigma > 0).all()


def test_the_sigma_of_a_direction_is_that_of_many_noisy_copies():
    rng = np.random.default_rng(2)
    ends = np.array([[0.0, 0, 0], [60, 0, 30]])
    sigma = np.array([2.0, 3.0])
    _, _, told = line_directions(DislocationNetwork(ends, [0, 0], sigma=sigma))
    copies = (
        ends[1]
        - ends[0]
        + np.column_stack([np.zeros((4000, 2)), rng.normal(0, sigma, (4000, 2)) @ [-1, 1]])
    )
    angle = np.rad2deg(np.arctan2(copies[:, 2], copies[:, 0]))
    assert told[0] == pytest.approx(angle.std(), rel=0.05)


def test_plots_of_a_network_and_of_none(network, empty):
    for plot in (plot_directions, plot_depths, plot_lengths):
        for lines in (network, empty):
            ax = plot(lines)
            ax.figure.canvas.draw()
            assert ax.get_title() or ax.get_xlabel() or ax.texts  # says what it shows


def test_the_lengths_over_the_depth_add_up(network):
    ax = plot_depths(network, bins=7)
    assert sum(p.get_width() for p in ax.patches) == pytest.approx(network.total_length)
