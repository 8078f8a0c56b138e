"""Solvers of linear models without an intercept.

A row of X is one triplet, y between -1 (all chose B) and 1 (all chose A), and weight how many answers it stands for.
Nothing is centred: swapping A and B flips a row and its y, and leaves every result as it is.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Form: TypeAlias = Literal["ols", "ridge", "logistic"]
FORMS: Final[tuple[Form, ...]] = ("ols", "ridge", "logistic")

Array: TypeAlias = NDArray[np.float64]

_STEPS: Final = 100
_CONVERGED: Final = 1e-9


def least_squares(X: Array, y: Array, weight: Array, *, alpha: float = 0.0, non_negative: bool = False) -> Array:
    """Minimise ``sum weight * (y - X w)^2 + alpha * |w|^2``.

    Parameters
    ----------
    X : float64, shape (n, f)
    y, weight : float64, shape (n,)
    alpha : float
        Strength of the ridge; 0 is ordinary least squares, of least length where it is not unique.
    non_negative : bool
        No weight below 0.

    Returns
    -------
    float64, shape (f,)
    """
    scaled = X * weight[:, None]
    return _minimise(X.T @ scaled + alpha * np.eye(X.shape[1]), scaled.T @ y, non_negative)


def logistic(
    X: Array, y: Array, weight: Array, *, alpha: float, non_negative: bool = False, start: Array | None = None
) -> Array:
    """Minimise the log-loss of answers with ``P(A) = 1 / (1 + exp(-X w))`` (Bradley-Terry), plus ``alpha / 2 * |w|^2``.

    Parameters
    ----------
    X, y, weight, non_negative
        See `least_squares`; a y between -1 and 1 is a share ``(1 + y) / 2`` of answers for A.
    alpha : float
        Above 0: answers without a contradiction have no best weights of finite size.
    start : float64, shape (f,), optional
        Weights to start from, such as those of nearly the same answers.

    Returns
    -------
    float64, shape (f,)
    """
    w: Array = np.zeros(X.shape[1]) if start is None else start.copy()
    loss = _penalised_loss(X, y, weight, w, alpha)
    for _ in range(_STEPS):
        share = 1.0 / (1.0 + np.exp(-np.clip(X @ w, -500.0, 500.0)))
        slope = X.T @ (weight * (share - (1.0 + y) / 2.0)) + alpha * w
        curve = (X * (weight * share * (1.0 - share))[:, None]).T @ X + alpha * np.eye(len(w))
        step: Array = _minimise(curve, curve @ w - slope, non_negative) - w
        # A full step may overshoot where the loss is far from a parabola.
        size = 1.0
        while (new := _penalised_loss(X, y, weight, w + size * step, alpha)) > loss and size > _CONVERGED:
            size /= 2.0
        w += size * step
        before, loss = loss, new
        if before - loss <= _CONVERGED * (abs(loss) + _CONVERGED):
            break
    return w


def solve(
    X: Array, y: Array, weight: Array, *, form: Form, alpha: float, non_negative: bool, start: Array | None = None
) -> Array:
    """Weights of one form, 0 for a column of zeros; see `least_squares` and `logistic`."""
    if form == "logistic":
        w = logistic(X, y, weight, alpha=alpha, non_negative=non_negative, start=start)
    else:
        w = least_squares(X, y, weight, alpha=alpha if form == "ridge" else 0.0, non_negative=non_negative)
    # A rounding error of the solver is not a weight.
    return np.where(X.any(axis=0), w, 0.0)


def loss_of(scores: Array, y: Array, weight: Array, form: Form) -> float:
    """What a form minimises, without the penalty: squared error, or log-loss in nats."""
    if form == "logistic":
        return float(weight @ (np.logaddexp(0.0, scores) - (1.0 + y) / 2.0 * scores))
    return float(weight @ (y - scores) ** 2)


def _penalised_loss(X: Array, y: Array, weight: Array, w: Array, alpha: float) -> float:
    return loss_of(X @ w, y, weight, "logistic") + alpha / 2.0 * float(w @ w)


def _minimise(A: Array, b: Array, non_negative: bool) -> Array:
    """Find the lowest point of the parabola ``w A w / 2 - b w``."""
    if not non_negative:
        return np.asarray(np.linalg.lstsq(A, b, rcond=1e-12)[0], np.float64)
    from scipy.optimize import nnls

    # The same parabola as a sum of squares, as far as A has a root.
    values, vectors = np.linalg.eigh(A)
    kept = values > 1e-12 * max(values[-1], 1e-300)
    root = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
    if not kept.any():
        return np.zeros(len(b))
    return np.asarray(nnls(root, vectors[:, kept].T @ b / np.sqrt(values[kept]))[0], np.float64)
