"""Colours that name the Burgers candidates, and axes of the crystal."""

import numpy as np
import pytest

from hyperspy_stereo import DislocationNetwork
from hyperspy_stereo.simulation import FoilOrientation
from hyperspy_stereo.viewer.colours import NAME_COLOURS, UNNAMED, Scalar, rgb_of
from hyperspy_stereo.viewer.html import scene_data
from hyperspy_stereo.viewer.network_scene import network_scene

FOIL = FoilOrientation("TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2), azimuth=90.0)


@pytest.fixture(scope="module")
def known():
    t = np.linspace(0, 200, 100)[:, None]
    directions = [FOIL.direction(d) for d in ((1, 0, 1), (0, 1, 1), (10, 1, 4))]
    points = np.vstack([t * d for d in directions])
    return DislocationNetwork(
        points, np.repeat(np.arange(3), 100), np.full(300, 1.0), units="nm", image_shape=(200, 200)
    )


def test_lines_have_the_colour_of_their_candidate(known):
    scene = network_scene(known, "burgers", crystal=FOIL)
    scalar = scene.scalar
    assert scalar.names == ("[011]", "[101]", "undecided")
    assert [name for name, _ in scalar.legend] == list(scalar.names)
    assert scalar.legend[-1][1] == UNNAMED
    colours = scalar.rgb()[[0, 100, 200]]
    expected = rgb_of([1.0, 0.0, -1.0], "names", (0, 1))
    np.testing.assert_array_equal(colours, expected)
    assert scene_data(scene)["scalars"]["burgers"]["legend"] == scalar.legend


def test_axes_are_those_of_the_crystal(known):
    bars = network_scene(known, crystal=FOIL).bars
    for bar, uvw in zip(bars, np.eye(3), strict=False):
        along = (bar.end - bar.start) / np.linalg.norm(bar.end - bar.start)
        np.testing.assert_allclose(along, FOIL.direction(uvw), atol=1e-9)


def test_every_colour_that_is_offered_can_be_shown(known):
    view = known.in_crystal(FOIL).plot()
    assert view.scene.colour == "burgers"
    select = view.widget.children[0].children[0]
    assert select.options == ("depth", "sigma", "confidence", "line", "burgers")
    bar = view.widget.children[2].children[1]
    for name in select.options:
        before = bytes(bar.value)
        select.value = name
        assert view.scene.colour == name
        assert name == "burgers" or bytes(bar.value) != before
    figure = known.in_crystal(FOIL).plot(backend="matplotlib")
    assert next(t.get_text() for t in figure.axes[1].get_legend().get_texts()) == "[011]"


def test_without_a_crystal_it_is_said_what_is_needed(known):
    with pytest.raises(ValueError, match="crystal=FoilOrientation"):
        known.plot("burgers")


def test_nine_names_have_nine_colours():
    assert len({tuple(c) for c in rgb_of(np.arange(-1.0, 9), "names", (0, 1))}) == 10
    assert len(NAME_COLOURS) == 9
    assert Scalar(np.zeros(1), "x", "viridis", (0, 1)).legend == []
