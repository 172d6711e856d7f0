import numpy as np
import pytest
from PIL import Image

from hyperspy_stereo.results import DislocationNetwork
from hyperspy_stereo.viewer.turntable import turntable_frames

SIZE = (200, 140)
SAME = 0.01  # grey levels; rounding of angles moves single pixels by one


@pytest.fixture
def view():
    t = np.linspace(0, 1, 20)[:, None]
    points = np.concatenate([t * [60, 10, 40], [0, 50, 0] + t * [60, 0, 5]])
    network = DislocationNetwork(points, np.repeat([0, 1], 20), units="nm", image_shape=(60, 70))
    return network.plot(size=SIZE)


def difference(a, b):
    return np.abs(a.astype(float) - b.astype(float)).mean()


def test_a_full_turn_starts_at_the_camera_and_comes_back(view):
    frames = list(turntable_frames(view.scene, 12, SIZE))
    again = list(turntable_frames(view.scene, 12, SIZE, turn=-360.0))
    assert len(frames) == 12 and frames[0].shape == (140, 200, 3)
    assert difference(frames[0], again[0]) < SAME
    assert difference(frames[3], again[9]) < SAME  # the other way round
    steps = [difference(a, b) for a, b in zip(frames, frames[1:] + frames[:1], strict=True)]
    assert min(steps) > 0 and steps[-1] < 2 * np.median(steps)


def test_a_swing_goes_there_and_back(view):
    frames = list(turntable_frames(view.scene, 8, SIZE, turn=30.0))
    assert max(difference(frames[1], frames[3]), difference(frames[0], frames[4])) < SAME
    assert difference(frames[2], frames[6]) > difference(frames[2], frames[1])


def test_it_is_written_as_a_film_or_as_pictures(view, tmp_path):
    path = view.save_turntable(tmp_path / "turn.gif", n_frames=5, show_progressbar=False)
    with Image.open(path) as film:
        assert film.size == SIZE and film.n_frames == 5 and film.info["loop"] == 0
        assert film.info["duration"] == pytest.approx(1200, abs=10)
        first = np.asarray(film.convert("RGB"))
    expected = next(turntable_frames(view.scene, 5, SIZE))
    assert difference(first, expected) < 3
    folder = view.save_turntable(tmp_path / "frames", n_frames=3, show_progressbar=False)
    assert sorted(p.name for p in folder.iterdir()) == [f"frame_00{n}.png" for n in range(3)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "turn.mp4"}, "folder"),
        ({"n_frames": 1}, "2 or more"),
        ({"turn": 0}, "up to 360"),
        ({"turn": 400}, "up to 360"),
        ({"seconds": 0}, "above 0"),
    ],
)
def test_what_cannot_be_written_is_told(view, tmp_path, settings, message):
    path = tmp_path / settings.pop("path", "turn.gif")
    with pytest.raises(ValueError, match=message):
        view.save_turntable(path, show_progressbar=False, **settings)


def test_the_stereo_button_moves_with_the_figure(view):
    button = next(w for w in view.widget.children[0].children if w.description == "Stereo")
    assert not button.value
    button.value = True
    assert view.figure.stereo
    view.figure.stereo = False
    assert not button.value
