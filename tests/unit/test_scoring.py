from __future__ import annotations

import numpy as np
import pytest

from soundalike.facets import Facet, Weights
from soundalike.scoring import Background, FacetBackground, Scoring

M, T = Facet("melody"), Facet("timbre")
BACKGROUND = Background(
    {
        "excerpt": {
            M: FacetBackground(0.1, 0.3, tuple(np.linspace(-1, 1, 101))),
            T: FacetBackground(0.7, 0.05, tuple(np.linspace(0.5, 0.9, 101))),
        }
    },
    "a test",
    9,
)


def test_score_is_the_weighted_mean_of_standardised_cosines():
    scoring = Scoring.of(Weights({"melody": 1, "timbre": 3}), BACKGROUND, "excerpt")
    cosines = {M: np.array([0.4], np.float32), T: np.array([0.8], np.float32)}
    assert scoring.score(cosines)[0] == pytest.approx((1 * 1.0 + 3 * 2.0) / 4, abs=1e-5)


def test_contributions_add_up_to_the_score():
    rng = np.random.default_rng(0)
    scoring = Scoring.of(Weights({"melody": 1, "timbre": -0.5}), BACKGROUND, "excerpt")
    cosines = {f: rng.uniform(-1, 1, 500).astype(np.float32) for f in (M, T)}
    cosines[T][::7] = np.nan
    parts = scoring.contributions(cosines)
    assert np.allclose(sum(parts.values()), scoring.score(cosines), atol=1e-9)


def test_absent_facet_leaves_the_weight_to_the_others():
    scoring = Scoring.of(Weights({"melody": 1, "timbre": 1}), None, "excerpt")
    cosines = {M: np.array([0.5], np.float32), T: np.array([np.nan], np.float32)}
    assert scoring.score(cosines)[0] == pytest.approx(0.5)


def test_nothing_in_common_has_no_score():
    scoring = Scoring.of(Weights({"melody": 1}), None, "excerpt")
    assert np.isnan(scoring.score({M: np.array([np.nan], np.float32)})[0])
    assert np.isnan(scoring.score({}))


def test_weights_times_a_positive_number_keep_the_score():
    cosines = {M: np.array([0.2, 0.6], np.float32), T: np.array([0.8, 0.7], np.float32)}
    one = Scoring.of(Weights({"melody": 1, "timbre": -2}), BACKGROUND, "excerpt").score(cosines)
    ten = Scoring.of(Weights({"melody": 10, "timbre": -20}), BACKGROUND, "excerpt").score(cosines)
    assert np.allclose(one, ten)


def test_raw_mode_uses_cosines_as_they_are():
    scoring = Scoring.of(Weights({"melody": 2}), None, "track")
    assert scoring.score({M: np.array([0.25], np.float32)})[0] == pytest.approx(0.25)


def test_percentile_is_the_share_of_less_alike_pairs():
    background = FacetBackground.fit(np.arange(1000) / 1000)
    assert background.percentile(0.25) == pytest.approx(25, abs=0.5)
    assert background.percentile(-1) == 0
    assert background.percentile(2) == 100


def test_near_copies_do_not_blow_up_the_scale():
    assert FacetBackground.fit(np.full(60, 0.99)).sd >= 0.02


def test_background_survives_json():
    assert Background.from_json(BACKGROUND.to_json()).levels["excerpt"] == BACKGROUND.levels["excerpt"]
