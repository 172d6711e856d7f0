"""Degradations of known severity, and the weights learned from them."""

from itertools import pairwise

import numpy as np
import pytest

from hyperspy_stereo.topology import (
    DEGRADATIONS,
    FAMILIES,
    DegradationTable,
    ScoreWeights,
    degradation_table,
    degrade,
    fit_weights,
    load_weights,
    save_weights,
    shipped_weights,
)


@pytest.fixture(scope="module")
def truth(shapes):
    return shapes.random_lines(5, side=80)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_degradations_grow_and_are_nested(truth, kind):
    changed = [degrade(truth, kind, s, seed=4) ^ truth for s in (0, 1 / 3, 2 / 3, 1)]
    amount = [c.sum() for c in changed]
    assert amount[0] == 0
    assert amount[1] < amount[3]
    if kind != "shift":
        for less, more in pairwise(changed):
            assert not (less & ~more).any()


@pytest.mark.parametrize("kind", DEGRADATIONS)
@pytest.mark.parametrize("full", [False, True])
def test_degradations_of_masks_without_lines(kind, full):
    assert degrade(np.full((40, 40), full), kind, 1).shape == (40, 40)


def test_degradations_repeat(truth):
    assert (degrade(truth, "noise", 1, 3) == degrade(truth, "noise", 1, 3)).all()
    assert (degrade(truth, "noise", 1, 3) != degrade(truth, "noise", 1, 4)).any()


def test_bad_degradations_are_refused(truth):
    with pytest.raises(ValueError, match="kind must be one of"):
        degrade(truth, "rust", 1)
    with pytest.raises(ValueError, match="severity"):
        degrade(truth, "gaps", 1.5)
    with pytest.raises(ValueError, match="one picture"):
        degrade(np.zeros((3, 4, 5)), "gaps", 1)


def table_of(families, severity):
    n = len(severity)
    return DegradationTable(families, severity, np.arange(n) % 6, np.repeat(["a", "b"], n // 2))


def test_weights_that_made_the_severity_are_found_again():
    rng = np.random.default_rng(6)
    families = rng.random((120, 4, 2))
    true = np.array([[0.5, 0], [0, 0.2], [0.3, 0], [0, 0]])
    severity = np.einsum("nfk,fk->n", families, true)
    fitted = fit_weights(table_of(families, severity), resamples=20)
    np.testing.assert_allclose(fitted.values, true, atol=1e-9)
    np.testing.assert_allclose(fitted.errors, 0, atol=1e-9)
    np.testing.assert_allclose(fitted.score(families), severity)


def test_weights_are_never_negative():
    rng = np.random.default_rng(7)
    families = rng.random((120, 4, 2))
    severity = families[:, 0, 0] - families[:, 1, 1] + 0.1 * rng.random(120)
    fitted = fit_weights(table_of(families, severity), resamples=10)
    assert fitted.values.min() >= 0
    assert fitted.values[1, 1] == 0
    assert (fitted.errors > 0).any()


def test_a_table_of_degradations_gives_weights(truth):
    table = degradation_table([truth, np.rot90(truth)], severities=(0.5, 1), seed=1)
    assert table.families.shape == (2 * len(DEGRADATIONS) * 2, 4, 2)
    fitted = fit_weights(table, resamples=5, provenance={"truths": "drawn"})
    assert fitted.provenance == {"truths": "drawn"}
    assert fitted.values.max() > 0


def test_one_truth_has_no_errors():
    families = np.random.default_rng(8).random((20, 4, 2))
    table = DegradationTable(families, families[:, 0, 0], np.zeros(20), np.full(20, "a"))
    assert np.isnan(fit_weights(table).errors).all()


def test_bad_tables_are_refused():
    families = np.random.default_rng(9).random((20, 4, 2))
    with pytest.raises(ValueError, match="families must be"):
        fit_weights(table_of(families[:, :3], families[:, 0, 0]))
    with pytest.raises(ValueError, match="finite"):
        fit_weights(table_of(families, np.full(20, np.nan)))
    lonely = DegradationTable(families, families[:, 0, 0], np.arange(20), np.full(20, "a"))
    with pytest.raises(ValueError, match="too few steps"):
        fit_weights(lonely)


def test_weights_are_saved_and_loaded(tmp_path):
    weights = ScoreWeights(np.full((4, 2), 0.25), np.full((4, 2), np.nan), {"truths": "own"})
    again = load_weights(save_weights(weights, tmp_path / "weights.json"))
    np.testing.assert_array_equal(again.values, weights.values)
    assert np.isnan(again.errors).all()
    assert again.provenance == {"truths": "own"}
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match="save_weights"):
        load_weights(tmp_path / "other.json")
    text = (tmp_path / "weights.json").read_text().replace("radial", "spiral")
    (tmp_path / "weights.json").write_text(text)
    with pytest.raises(ValueError, match="fit them anew"):
        load_weights(tmp_path / "weights.json")


def test_weights_must_be_weights():
    with pytest.raises(ValueError, match="not negative"):
        ScoreWeights(np.full((4, 2), -1.0), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="shape"):
        ScoreWeights(np.ones((3, 2)), np.zeros((4, 2)))


def test_shipped_weights_say_where_they_come_from():
    weights = shipped_weights()
    assert weights.values.shape == (len(FAMILIES), 2)
    assert np.isfinite(weights.errors).all()
    assert set(weights.provenance) >= {"truths", "degradations", "validation", "median rho"}
    assert set(weights.provenance["median rho"]) == set(DEGRADATIONS)
