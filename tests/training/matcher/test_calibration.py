"""Constants of confidence and sigma: fitted to points whose errors are known."""

import itertools

import numpy as np
import pytest

from hyperspy_stereo.matching import MatchStatus, match_views
from hyperspy_stereo.matching.confidence import (
    FEATURES,
    calibration_constants,
    confidence_and_sigma,
)
from hyperspy_stereo.matching.matcher import raw_matches
from hyperspy_stereo.training.matcher.calibration import (
    Collected,
    calibrate,
    errors_of,
    fit_constants,
)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2400, len(FEATURES)))
    # The first feature tells which matches are wrong, the second how exact the others are.
    wrong = rng.random(2400) < 1 / (1 + np.exp(3 + 2 * features[:, 0]))
    spread = 0.3 * np.exp(0.5 * features[:, 1])
    errors = np.where(wrong, 8.0, rng.normal(size=2400) * spread)
    return Collected(features, errors, np.repeat(np.arange(12), 200))


def test_probability_and_sigma_are_those_of_the_points(points):
    constants = fit_constants(points)
    confidence, sigma = confidence_and_sigma(points.features, constants)
    right = np.abs(points.errors) <= 3
    for low, high in itertools.pairwise(np.quantile(confidence, [0, 0.2, 0.5, 1])):
        part = (confidence >= low) & (confidence <= high)
        assert abs(confidence[part].mean() - right[part].mean()) < 0.08
    sharp, dull = sigma < np.quantile(sigma, 0.2), sigma > np.quantile(sigma, 0.8)
    met = [np.std(points.errors[part & right]) for part in (sharp, dull)]
    assert met[1] > 1.8 * met[0]
    assert 0.6 < sigma[dull].mean() / met[1] < 1.4


def test_errors_count_on_scored_pixels_only():
    masks = np.zeros((2, 48, 64), bool)
    masks[0, 8:40, 20:23] = masks[1, 8:40, 24:27] = True
    raw = raw_matches(None, masks)[0]
    disparity = np.where(masks[0], 4.0, np.nan)
    scored = masks[0].copy()
    scored[:20] = False
    error, use = errors_of(raw, masks[0], scored, disparity)
    rows = raw.chains.points[:, 1]
    assert np.abs(error[use]).max() < 1
    assert rows[use].min() >= 19.5 and use[rows > 21].all()


def test_another_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match="kind='windows'"):
        calibrate("windows", to=tmp_path)


def test_constants_of_the_package_fit_their_features():
    for learned in (False, True):
        assert calibration_constants(learned)["features"] == list(FEATURES)
    masks = np.zeros((2, 48, 64), bool)
    masks[:, 8:40, 20:23] = True
    assert (match_views(None, masks)[0].status != MatchStatus.NOT_REAL).all()
