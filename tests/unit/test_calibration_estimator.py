"""The estimator, and the solvers beneath it, against scikit-learn."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from soundalike.calibration.estimator import WeightCalibrator
from soundalike.calibration.linear import least_squares
from soundalike.calibration.model import ALPHAS, group_codes, split
from soundalike.errors import SoundalikeError

TRUE = np.array([2.0, 1.0, -0.5])


def answers(seed=0, n=200, w=TRUE):
    """Differences and single votes of a listener who is as unsure as the logistic model says."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(w)))
    return X, np.where(rng.random(n) < 1 / (1 + np.exp(-X @ w)), 1.0, -1.0)


class SidesOfAnyLabels(WeightCalibrator):
    """Takes the numbers of scikit-learn's checks, which know nothing of sides: those above 0 are for A."""

    def fit(self, X, y, sample_weight=None, groups=None):
        if y is not None:
            given = np.asarray(np.real(np.asarray(y)), np.float64)
            y = np.where(np.isfinite(given), np.where(given > 0, 1.0, -1.0), given)
        return super().fit(X, y, sample_weight, groups)


@pytest.mark.parametrize("form", ["ols", "ridge", "logistic"])
def test_the_estimator_keeps_the_contract_of_scikit_learn(form):
    results = check_estimator(SidesOfAnyLabels(form, alpha=1.0), on_skip=None)
    assert {result["check_name"] for result in results if result["status"] != "passed"} <= {
        "check_sample_weights_pandas_series",  # runs where pandas is installed
        "check_array_api_input",  # runs where an array library is named in the environment
    }


def test_the_constructor_only_stores():
    wrong = WeightCalibrator("cubic", alpha=-1.0, folds=0)
    assert wrong.get_params() == {
        "form": "cubic", "alpha": -1.0, "non_negative": False, "standardise": True, "folds": 0, "seed": 0,
    }  # fmt: skip
    assert clone(wrong).get_params() == wrong.get_params()


def test_ordinary_least_squares_are_those_of_scikit_learn():
    X, y = answers()
    weight = np.random.default_rng(1).integers(1, 9, len(y))
    expected = LinearRegression(fit_intercept=False).fit(X, y, weight).coef_
    np.testing.assert_allclose(WeightCalibrator("ols").fit(X, y, weight).coef_, expected, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.1, 30.0])
def test_the_ridge_is_that_of_scikit_learn(alpha):
    X, y = answers()
    expected = Ridge(alpha=alpha, fit_intercept=False).fit(X, y).coef_
    found = WeightCalibrator("ridge", alpha=alpha, standardise=False).fit(X, y)
    np.testing.assert_allclose(found.coef_, expected, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.1, 30.0])
def test_the_logistic_model_is_that_of_scikit_learn(alpha):
    X, y = answers()
    expected = LogisticRegression(C=1 / alpha, fit_intercept=False, tol=1e-10).fit(X, y).coef_[0]
    found = WeightCalibrator("logistic", alpha=alpha, standardise=False).fit(X, y)
    np.testing.assert_allclose(found.coef_, expected, rtol=1e-5)


@pytest.mark.parametrize("form", ["ols", "ridge", "logistic"])
def test_counts_of_votes_and_their_mean_are_the_votes_themselves(form):
    X, _ = answers(n=30)
    rng = np.random.default_rng(2)
    rows = np.repeat(np.arange(30), 5)
    votes = rng.choice([1.0, -1.0], 150)
    single = WeightCalibrator(form, alpha=2.0).fit(X[rows], votes)
    counted = WeightCalibrator(form, alpha=2.0).fit(X, votes.reshape(30, 5).mean(axis=1), np.full(30, 5.0))
    np.testing.assert_allclose(counted.coef_, single.coef_, rtol=1e-6)


@pytest.mark.parametrize("form", ["ols", "ridge", "logistic"])
@pytest.mark.parametrize("non_negative", [False, True])
def test_swapping_a_and_b_of_any_rows_changes_nothing(form, non_negative):
    X, y = answers()
    swap = np.random.default_rng(3).choice([1.0, -1.0], len(y))
    plain = WeightCalibrator(form, non_negative=non_negative).fit(X, y)
    swapped = WeightCalibrator(form, non_negative=non_negative).fit(X * swap[:, None], y * swap)
    np.testing.assert_allclose(swapped.coef_, plain.coef_, rtol=1e-7, atol=1e-12)
    assert swapped.alpha_ == plain.alpha_
    np.testing.assert_array_equal(swapped.predict(-X), -swapped.predict(X))


@pytest.mark.parametrize("form", ["ols", "ridge", "logistic"])
def test_a_non_negative_weight_is_never_below_0_and_is_the_best_of_those(form):
    X, y = answers()
    found = WeightCalibrator(form, alpha=1.0, non_negative=True).fit(X, y)
    assert (found.coef_ >= 0).all()
    assert found.coef_[2] == 0.0
    without = WeightCalibrator(form, alpha=1.0).fit(X[:, :2], y)
    np.testing.assert_allclose(found.coef_[:2], without.coef_, rtol=1e-5)


def test_units_of_a_facet_do_not_matter_to_a_standardised_ridge():
    X, y = answers()
    units = np.array([1.0, 100.0, 0.01])
    plain, other = (WeightCalibrator("ridge").fit(rows, y) for rows in (X, X * units))
    np.testing.assert_allclose(other.coef_ * units, plain.coef_, rtol=1e-9)
    np.testing.assert_allclose(plain.scale_, np.sqrt((X**2).mean(axis=0)))


def test_an_absent_facet_takes_no_side():
    X, y = answers(n=50)
    X[::3, 1] = np.nan
    estimator = WeightCalibrator("ridge", alpha=1.0, standardise=False).fit(X, y)
    np.testing.assert_allclose(estimator.coef_, least_squares(np.nan_to_num(X), y, np.ones(50), alpha=1.0))
    alone = np.array([[np.nan, 0.7, np.nan]])
    np.testing.assert_allclose(estimator.decision_function(alone), 0.7 * estimator.coef_[1])
    assert estimator.predict(np.full((1, 3), np.nan)) == 0.0


def test_a_tie_is_half_right_and_an_answer_without_a_side_does_not_count():
    estimator = WeightCalibrator("ridge", alpha=1.0).fit([[1.0], [2.0]], [1.0, 1.0])
    assert estimator.score([[1.0], [-1.0], [0.0], [5.0]], [1, 1, 1, 0]) == 0.5
    with pytest.raises(SoundalikeError, match="No answer has a side"):
        estimator.score([[1.0]], [0])


def test_the_estimator_works_in_cross_validation_with_groups():
    X, y = answers(n=300)
    groups = np.repeat(np.arange(60), 5)
    scores = cross_val_score(WeightCalibrator("ridge"), X, y, groups=groups, cv=GroupKFold(5))
    assert 0.7 < scores.mean() < 0.95


def test_the_ridge_is_strong_where_there_is_nothing_to_learn_and_weak_where_there_is():
    X, y = answers(n=400)
    noise = np.random.default_rng(4).choice([1.0, -1.0], 400)
    assert WeightCalibrator("ridge").fit(X, y).alpha_ < 100 <= WeightCalibrator("ridge").fit(X, noise).alpha_
    assert WeightCalibrator("ridge").fit(X, y).alpha_ in ALPHAS


def test_rows_of_a_group_are_held_out_together():
    labels = list("abcab" * 8)
    folds = split(group_codes(labels, 40), 3, seed=0)
    assert set(folds) == {0, 1, 2}
    assert all(len({f for f, own in zip(folds, labels, strict=True) if own == label}) == 1 for label in "abc")


def test_repeated_rows_do_not_weaken_the_ridge_when_they_are_one_group():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(12, 6)), rng.choice([1.0, -1.0], 12)
    rows = np.repeat(np.arange(12), 10)
    apart = WeightCalibrator("ridge").fit(X[rows], y[rows])
    together = WeightCalibrator("ridge").fit(X[rows], y[rows], groups=rows)
    assert apart.alpha_ < together.alpha_


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "cubic"}, "'cubic' is not a form"),
        ({"alpha": -1.0}, "strength of the ridge is -1.0"),
        ({"form": "logistic", "alpha": 0.0}, "above 0"),
        ({"folds": 1}, "1 folds"),
    ],
)
def test_an_option_that_cannot_be_fitted_is_refused_when_fitting(options, message):
    with pytest.raises(SoundalikeError, match=message):
        WeightCalibrator(**options).fit(*answers())


def test_an_answer_outside_its_range_is_refused():
    with pytest.raises(SoundalikeError, match="outside -1 to 1"):
        WeightCalibrator().fit([[1.0], [2.0]], [0.0, 2.0])


def test_columns_that_are_constant_or_the_same_do_no_harm():
    X, y = answers(n=60)
    wide = np.column_stack([X, X[:, 0], np.zeros(60), np.ones(60)])
    for form in ("ols", "ridge", "logistic"):
        for non_negative in (False, True):
            found = WeightCalibrator(form, non_negative=non_negative).fit(wide, y)
            assert np.isfinite(found.coef_).all()
            assert found.coef_[4] == 0.0
    ridge = WeightCalibrator("ridge", alpha=1.0).fit(wide, y)
    assert ridge.coef_[0] == pytest.approx(ridge.coef_[3])


def test_without_scikit_learn_one_sentence_says_what_to_install():
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import soundalike.calibration.fitting, soundalike.calibration.questions\n"
        "try:\n    import soundalike.calibration.estimator\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out == (
        "MissingExtraError The estimator needs scikit-learn, not installed here. "
        "Install it with: pip install 'soundalike[listeners]'\n"
    )
