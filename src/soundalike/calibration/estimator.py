"""The model as an estimator for scikit-learn's tools: cross-validation, pipelines, searches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soundalike.calibration.linear import Form
from soundalike.calibration.model import Model, heard
from soundalike.errors import MissingExtraError, UsageError

try:
    from sklearn.base import BaseEstimator  # type: ignore[import-untyped,unused-ignore]
    from sklearn.utils.validation import (  # type: ignore[import-untyped,unused-ignore]
        check_is_fitted,
        validate_data,
    )
except ImportError:
    raise MissingExtraError(
        "The estimator needs scikit-learn, not installed here.",
        "Install it with: pip install 'soundalike[listeners]'",
    ) from None


class WeightCalibrator(BaseEstimator):  # type: ignore[misc,unused-ignore]
    """Weights of facets from judged triplets, without an intercept.

    Parameters
    ----------
    form, alpha, non_negative, standardise, folds, seed
        See `soundalike.calibration.model.Model`.

    Attributes
    ----------
    coef_ : float64, shape (f,)
        Weights on the differences as they were given.
    alpha_ : float
        Strength of the ridge that was given or found.
    scale_ : float64, shape (f,)
        Spread of each facet's difference about 0 in what was fitted.
    n_features_in_ : int

    Examples
    --------
    >>> WeightCalibrator(alpha=1.0).fit([[0.2, 0.0], [-0.1, 0.3]], [1, -1]).predict([[0.5, 0.0]])
    array([1.])
    """

    def __init__(
        self,
        form: Form = "ridge",
        *,
        alpha: float | None = None,
        non_negative: bool = False,
        standardise: bool = True,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.form = form
        self.alpha = alpha
        self.non_negative = non_negative
        self.standardise = standardise
        self.folds = folds
        self.seed = seed

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> WeightCalibrator:
        """Find the weights; see `soundalike.calibration.model.Model.fit`.

        Parameters
        ----------
        X : shape (n, f)
            Differences A minus B by facet, NaN where absent.
        y : shape (n,)
            1 where A is preferred, -1 where B is, or the mean of several answers.
        sample_weight : shape (n,), optional
            How many answers each row stands for.
        groups : n labels, optional
            Kept together where alpha is looked for.
        """
        rows, answers = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True)
        weight = None if sample_weight is None else np.broadcast_to(np.asarray(sample_weight, np.float64), len(rows))
        found = Model(**self.get_params(deep=False)).fit(rows, np.asarray(answers, np.float64), weight, groups)
        self.coef_, self.alpha_, self.scale_ = found.coef, found.alpha, found.scale
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Weighted sum of the differences, float64 (n,): above 0 where A is nearer."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        scores: NDArray[np.float64] = heard(rows) @ self.coef_
        return scores

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """1 where A is nearer, -1 where B is, 0 where neither is: float64, shape (n,)."""
        found: NDArray[np.float64] = np.sign(self.decision_function(X))
        return found

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Agreement: share of the answers with a side that are predicted, 0 to 1; a tie is half right.

        Raises
        ------
        UsageError
            If no answer has a side.
        """
        side = np.sign(np.asarray(y, np.float64))
        right = 0.5 + 0.5 * self.predict(X) * side
        weight = (side != 0) * (np.ones(len(side)) if sample_weight is None else np.asarray(sample_weight, np.float64))
        if not weight.sum() > 0:
            raise UsageError("No answer has a side to agree with.", "Give answers for A or B.")
        return float(weight @ right / weight.sum())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags
