"""The linear model as a whole: absent facets, scale, strength of the ridge, then the weights."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soundalike.calibration.linear import FORMS, Array, Form, loss_of, solve
from soundalike.errors import ShapeError, UsageError

ALPHAS: Final = tuple(float(alpha) for alpha in np.logspace(-2, 4, 13))
"""Strengths of the ridge that are tried where none is given."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights that a model found.

    Attributes
    ----------
    coef : float64, shape (f,)
        Weights on the differences as they were given.
    alpha : float
        Strength of the ridge; 0 for ordinary least squares.
    scale : float64, shape (f,)
        Spread of each facet's difference about 0, by which it was divided while fitting.
    """

    coef: Array
    alpha: float
    scale: Array


@dataclass(frozen=True, slots=True)
class Model:
    """What is fitted, and how.

    Attributes
    ----------
    form : "ols", "ridge" or "logistic"
        Ordinary least squares, the same with a ridge, or Bradley-Terry.
    alpha : float, optional
        Strength of the ridge, in the convention of scikit-learn's ``Ridge`` and of ``1 / C``. Without it the one of
        `ALPHAS` is taken that predicts held-out groups best, within the answers that are fitted.
    non_negative : bool
        No weight below 0.
    standardise : bool
        Divide each facet's difference by its spread while fitting, so that the ridge treats facets alike. The
        weights are given for the differences as they were.
    folds : int
        Parts to hold out in turn where alpha is looked for.
    seed : int
        Of the draw of the parts.
    """

    form: Form = "ridge"
    alpha: float | None = None
    non_negative: bool = False
    standardise: bool = True
    folds: int = 5
    seed: int = 0

    def check(self) -> None:
        """Raise `UsageError` if an option is not one that can be fitted."""
        if self.form not in FORMS:
            raise UsageError(f"'{self.form}' is not a form of the model.", f"Choose one of {', '.join(FORMS)}.")
        least = "above 0" if self.form == "logistic" else "0 or more"
        if self.alpha is not None and not (0.0 <= self.alpha < np.inf and (self.alpha or self.form != "logistic")):
            raise UsageError(f"The strength of the ridge is {self.alpha}.", f"Give a number {least}, or None.")
        if self.folds < 2:
            raise UsageError(f"{self.folds} folds hold nothing out.", "Give two or more.")

    def fit(
        self, X: Array, y: Array, weight: Array | None = None, groups: Sequence[Hashable] | ArrayLike | None = None
    ) -> Fit:
        """Find the weights.

        Parameters
        ----------
        X : float64, shape (n, f)
            How much nearer candidate A is than B, by facet; NaN where the facet is absent, which counts as 0: what is
            not heard takes no side.
        y : float64, shape (n,)
            1 where A is preferred, -1 where B is; between for the mean of several answers.
        weight : float64, shape (n,), optional
            How many answers each row stands for; the default is one.
        groups : n labels, optional
            Rows with one label are held out together. The default is a group for each row.

        Raises
        ------
        ShapeError, UsageError
            If the shapes do not go together, there is nothing to fit, or a number is out of its range.
        """
        self.check()
        weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
        _check_numbers(X, y, weight)
        scale = spread(X, weight) if self.standardise else np.ones(X.shape[1])
        rows = heard(X) / scale
        alpha = 0.0 if self.form == "ols" else self.alpha
        if alpha is None:
            alpha = self._best_alpha(rows, y, weight, group_codes(groups, len(y)))
        coef = solve(rows, y, weight, form=self.form, alpha=alpha, non_negative=self.non_negative)
        return Fit(coef / scale, alpha, scale)

    def refit(self, X: Array, y: Array, weight: Array, fit: Fit) -> Array:
        """Weights of resampled answers, float64 (f,), with the scale and the ridge of `fit` and starting from it."""
        coef = solve(
            heard(X) / fit.scale,
            y,
            weight,
            form=self.form,
            alpha=fit.alpha,
            non_negative=self.non_negative,
            start=fit.coef * fit.scale,
        )
        return coef / fit.scale

    def _best_alpha(self, rows: Array, y: Array, weight: Array, groups: NDArray[np.intp]) -> float:
        folds = split(groups, self.folds, self.seed)
        losses = np.zeros(len(ALPHAS))
        for fold in range(int(folds.max()) + 1):
            out = folds == fold
            coef: Array | None = None
            for i in reversed(range(len(ALPHAS))):
                coef = solve(
                    rows[~out],
                    y[~out],
                    weight[~out],
                    form=self.form,
                    alpha=ALPHAS[i],
                    non_negative=self.non_negative,
                    start=coef,
                )
                losses[i] += loss_of(rows[out] @ coef, y[out], weight[out], self.form)
        return ALPHAS[int(np.argmin(losses))]


def heard(X: Array) -> Array:
    """Differences with 0 where a facet is absent (NaN): float64, shape (n, f)."""
    return np.where(np.isnan(X), 0.0, X)


def spread(X: Array, weight: Array) -> Array:
    """Root mean square of each facet's difference where it is heard, float64 (f,); 1 where it never differs.

    About 0 and not about the mean, which would depend on which candidate is called A.
    """
    mass = weight @ ~np.isnan(X)
    squares = weight @ heard(X) ** 2
    found = np.sqrt(squares / np.where(mass > 0, mass, 1.0))
    return np.where(found > 0, found, 1.0)


def group_codes(groups: Sequence[Hashable] | ArrayLike | None, n: int) -> NDArray[np.intp]:
    """Labels as numbers from 0 in order of appearance, intp (n,); without labels every row has its own.

    Raises
    ------
    ShapeError
        If there is not one label per row.
    """
    labels = list(range(n)) if groups is None else list(groups)  # type: ignore[arg-type]
    if len(labels) != n:
        raise ShapeError(f"There are {len(labels)} groups for {n} triplets.", "Give one group per triplet.")
    numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([numbers[label] for label in labels], np.intp)


def split(groups: NDArray[np.intp], folds: int, seed: int) -> NDArray[np.intp]:
    """Fold of each row, intp (n,), at most `folds` of them; rows of one group are in one fold.

    Raises
    ------
    UsageError
        If there is only one group.
    """
    count = int(groups.max()) + 1
    if count < 2:
        raise UsageError(
            f"All rows are of one group (n_samples = {len(groups)}, one sample to hold out).",
            "Give the strength of the ridge, or answers on more references.",
        )
    fold_of = np.empty(count, np.intp)
    fold_of[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    found: NDArray[np.intp] = fold_of[groups]
    return found


def _check_numbers(X: Array, y: Array, weight: Array) -> None:
    if X.ndim != 2 or y.shape != (len(X),) or weight.shape != y.shape:
        raise ShapeError(
            f"Differences of shape {X.shape}, answers {y.shape}, weights {weight.shape}.", "Give one row per triplet."
        )
    if not X.size or not weight.sum() > 0:
        raise UsageError(
            "There are no answers to learn from: every weight is zero, or there is no row.",
            "Judge some triplets first.",
        )
    if np.isinf(X).any():
        raise UsageError("A difference is infinite.", "Give finite differences, NaN where a facet is absent.")
    if not (np.abs(y) <= 1).all():
        raise UsageError("An answer lies outside -1 to 1.", "Give 1 where A is preferred and -1 where B is.")
    if not ((weight >= 0) & np.isfinite(weight)).all():
        raise UsageError("A number of answers is negative or not finite.", "Give weights of 0 or more.")
