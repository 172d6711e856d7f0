"""Examples are the same every time, kept on disk, and made anew where they cannot be."""

import numpy as np
import pytest

from hyperspy_stereo.datasets import examples
from hyperspy_stereo.datasets.storage import load_result, save_result
from hyperspy_stereo.simulation import Dislocation, Microscope, Specimen, TwoBeam, crystal


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HYPERSPY_STEREO_CACHE", str(tmp_path / "examples"))
    return tmp_path / "examples"


@pytest.fixture
def no_simulation(monkeypatch):
    """Return a switch after which simulating is an error."""
    from hyperspy_stereo.simulation.imaging import stereo_views

    def refuse(*args, **kwargs):
        raise AssertionError("simulated again")

    return lambda: monkeypatch.setattr(stereo_views, "stereo_views", refuse)


def test_a_stored_example_is_the_simulated_one(folder, no_simulation):
    pair, truth = examples.example_stereo_pair()
    assert [path.suffix for path in folder.iterdir()] == [".npz"]
    no_simulation()
    again, same = examples.example_stereo_pair()
    np.testing.assert_array_equal(pair.data, again.data)
    assert pair.metadata.as_dictionary().keys() == again.metadata.as_dictionary().keys()
    np.testing.assert_array_equal(pair.incidence, again.incidence)
    np.testing.assert_array_equal(truth.depth, same.depth)
    assert truth.kinds == same.kinds
    assert len(truth.lines) == len(same.lines) > 0
    for line, copy in zip(truth.lines, same.lines, strict=True):
        np.testing.assert_array_equal(line, copy)
    assert type(same.specimen) is Specimen
    np.testing.assert_array_equal(truth.specimen.beam.g, same.specimen.beam.g)


def test_a_damaged_file_is_replaced(folder):
    pair, _ = examples.example_stereo_pair()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    again, _ = examples.example_stereo_pair()
    np.testing.assert_array_equal(pair.data, again.data)
    assert len(path.read_bytes()) == pytest.approx(len(whole), rel=0.01)


def test_a_changed_recipe_never_meets_an_old_file(folder, no_simulation, monkeypatch):
    examples.example_stereo_pair()
    monkeypatch.setattr(examples, "_fingerprint", lambda: "another")
    no_simulation()
    with pytest.raises(AssertionError, match="simulated again"):
        examples.example_stereo_pair()


def test_a_folder_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HYPERSPY_STEREO_CACHE", str(tmp_path / "file" / "below"))
    pair, _ = examples.example_stereo_pair()
    assert pair.data.shape == (2, 256, 256)


def test_the_users_own_folder_is_the_default(monkeypatch):
    monkeypatch.delenv("HYPERSPY_STEREO_CACHE", raising=False)
    assert examples.cache_folder().name == "hyperspy_stereo"


def test_tilt_series_and_scan(folder):
    views, truth = examples.example_tilt_series()
    assert (views.n_views, views.geometry) == (5, "tilt")
    assert truth.line_mask.shape == views.data.shape
    assert truth.line_mask.any(axis=(1, 2)).all()
    s, truth = examples.example_4dstem()
    assert s.data.shape == (64, 64, 32, 32)
    s.calibrate_disc(vacuum=truth.vacuum)
    np.testing.assert_allclose(s.metadata.Stereo.Disc.centre, truth.disc_centre, atol=0.2)
    again, _ = examples.example_4dstem()
    np.testing.assert_array_equal(s.data, again.data)


def test_results_are_stored_without_pickle(tmp_path):
    line = Dislocation([[0, 0, 0], [1, 2, 3]], [0.1, 0, 0], extend=False)
    known = {"seed": None, "voltage": 120.0, "poisson_ratio": 0.25}
    foil = Specimen((9.0, 9.0), 5.0, TwoBeam([1, 0, 0], 0.1, 20), (line,), ("line",), **known)
    result = [foil, (np.arange(200.0), np.float64(2.5), np.inf, "text", True)]
    path = save_result(tmp_path / "a" / "r.npz", result)
    with np.load(path, allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} == {"U", "f"}
    again = load_result(path)
    assert isinstance(again[1], tuple)
    np.testing.assert_array_equal(again[1][0], np.arange(200.0))
    assert again[1][1:] == (2.5, np.inf, "text", True)
    assert again[0].dislocations[0].extend is False
    assert again[0].beam.xi_g_abs == np.inf
    assert (again[0].voltage, again[0].poisson_ratio) == (120.0, 0.25)
    assert list((tmp_path / "a").iterdir()) == [path]


def test_a_damaged_byte_anywhere_is_survived(tmp_path):
    rng = np.random.default_rng(0)
    result = (rng.normal(size=(40, 40)), "text", 2.5)
    path = save_result(tmp_path / "r.npz", result)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), max(1, len(whole) // 800)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) * 3 + whole[place + 3 :])
        try:
            again = load_result(path)
        except ValueError as error:
            assert "delete it" in str(error)
            refused += 1
        else:  # a date or such: nothing of the result
            np.testing.assert_array_equal(again[0], result[0])
            assert again[1:] == result[1:]
    assert refused > 600


def test_an_example_with_damaged_bytes_is_simulated_again(folder):
    made = []

    def simulate():
        made.append(1)
        return np.random.default_rng(0).normal(size=(30, 30))

    examples._kept("picture", simulate)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for place in np.linspace(0, len(whole) - 9, 60).astype(int):
        path.write_bytes(whole[:place] + b"\xa5" * 8 + whole[place + 8 :])
        np.testing.assert_array_equal(examples._kept("picture", simulate), simulate())
    assert len(made) > 60


def test_examples_are_those_of_their_voltage_and_crystal(folder):
    specimen = examples.example_specimen()
    pair, truth = examples.example_stereo_pair()
    assert specimen.voltage == Microscope().voltage
    assert truth.specimen.voltage == specimen.voltage
    assert pair.metadata.Simulation.settings.poisson_ratio == specimen.poisson_ratio
    assert specimen.poisson_ratio == crystal(specimen.crystal).poisson_ratio


def test_what_cannot_be_stored_is_told_and_leaves_nothing(tmp_path):
    with pytest.raises(TypeError, match="set"):
        save_result(tmp_path / "r.npz", {1, 2})
    assert list(tmp_path.iterdir()) == []
