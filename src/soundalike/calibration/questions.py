"""Which triplet to ask about next, and how many answers are still wanted.

What is known of the weights is taken as normal around the logistic model's best weights. An answer is worth what it is
expected to tell about them: how unsure the answer is, less how unsure it would be if the weights were known. That is
little where the candidates hardly differ (nobody can tell), where all weights agree on one side (everybody can), and
along directions that other answers have settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.calibration.linear import Array, logistic
from soundalike.calibration.model import heard
from soundalike.errors import ShapeError, UsageError

DRAWS: Final = 200


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known of the weights: a normal distribution.

    Attributes
    ----------
    mean : float64, shape (f,)
    covariance : float64, shape (f, f)
    """

    mean: Array
    covariance: Array

    @classmethod
    def of(cls, X: Array, y: Array, weight: Array | None = None, *, prior_sd: float = 2.0) -> Posterior:
        """What some answers tell.

        Parameters
        ----------
        X : float64, shape (n, f)
            Standardised differences of the answered triplets, NaN where absent; n may be 0.
        y, weight : float64, shape (n,)
            Mean answer of each, between -1 and 1, and number of answers (one, by default).
        prior_sd : float
            How large weights are expected to be before any answer: at 2, one facet alone that differs by a deviation
            decides about four answers in five.

        Raises
        ------
        ShapeError, UsageError
            If there is not one answer per triplet, or `prior_sd` is not above 0.
        """
        if X.ndim != 2 or y.shape != (len(X),):
            raise ShapeError(f"Differences of shape {X.shape}, answers {y.shape}.", "Give one answer per triplet.")
        if not 0.0 < prior_sd < np.inf:
            raise UsageError(f"The expected size of weights is {prior_sd}.", "Give a number above 0.")
        weight = np.ones(len(y)) if weight is None else weight
        rows, alpha = heard(X), prior_sd**-2.0
        mean = logistic(rows, y, weight, alpha=alpha)
        return cls(mean, np.linalg.inv(_information(rows, mean, weight) + alpha * np.eye(X.shape[1])))

    def draws(self, count: int, seed: int) -> Array:
        """Weights that may be the true ones: float64, shape (count, f)."""
        normal = np.random.default_rng(seed).normal(size=(count, len(self.mean)))
        # Rounding may leave the covariance a hair from symmetric; its root is wanted all the same.
        values, vectors = np.linalg.eigh((self.covariance + self.covariance.T) / 2.0)
        drawn: Array = self.mean + normal @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
        return drawn


def expected_information(candidates: Array, posterior: Posterior, *, seed: int = 0) -> Array:
    """What an answer on each candidate triplet is expected to tell about the weights.

    Parameters
    ----------
    candidates : float64, shape (n, f)
        Standardised differences, NaN where absent.
    posterior : Posterior
    seed : int
        Of the draws of weights.

    Returns
    -------
    float64, shape (n,)
        In nats, 0 to log 2.
    """
    if candidates.ndim != 2 or candidates.shape[1] != len(posterior.mean):
        raise ShapeError(
            f"The triplets have shape {candidates.shape} for {len(posterior.mean)} weights.",
            "Give one column per facet.",
        )
    shares = _shares(heard(candidates) @ posterior.draws(DRAWS, seed).T)
    worth: Array = _entropy(shares.mean(axis=1)) - _entropy(shares).mean(axis=1)
    return worth


def next_triplet(candidates: Array, posterior: Posterior, *, seed: int = 0) -> int:
    """Index of the candidate triplet whose answer is expected to tell most; see `expected_information`.

    Raises
    ------
    UsageError
        If there is no candidate.
    """
    return next_triplets(candidates, posterior, 1, seed=seed)[0]


def next_triplets(candidates: Array, posterior: Posterior, count: int, *, seed: int = 0) -> list[int]:
    """Triplets to ask about before the next look at the answers, best first; no two for the same reason.

    Each is chosen as if the ones before had been answered, so that they differ in what they ask.

    Parameters
    ----------
    candidates, posterior, seed
        See `expected_information`.
    count : int
        How many are wanted; fewer are given where there are fewer.

    Returns
    -------
    list of int
    """
    if not len(candidates):
        raise UsageError("There is no triplet left to ask about.", "Give other candidates.")
    rows = heard(candidates)
    free = np.ones(len(rows), np.bool_)
    chosen: list[int] = []
    for _ in range(min(count, len(rows))):
        worth = np.where(free, expected_information(candidates, posterior, seed=seed), -np.inf)
        best = int(np.argmax(worth))
        chosen.append(best)
        free[best] = False
        posterior = _answered(posterior, rows[best])
    return chosen


def answers_to_halve(candidates: Array, posterior: Posterior, column: int, *, most: int = 500) -> int | None:
    """How many more answers would halve the standard deviation of one facet's weight.

    Parameters
    ----------
    candidates : float64, shape (n, f)
        Triplets that can be asked about, each once.
    posterior : Posterior
    column : int
        Of the facet.
    most : int
        Where to stop counting.

    Returns
    -------
    int or None
        Expected, if each time the triplet is asked that narrows this facet most; None if neither `most` nor all
        suffice. What it takes in the end depends on the answers: often half as many or twice as many.
    """
    rows = heard(candidates)
    goal = posterior.covariance[column, column] / 4.0
    free: NDArray[np.bool_] = np.ones(len(rows), np.bool_)
    weights = posterior.draws(DRAWS, 0)
    chances = _shares(rows @ weights.T)
    unsure = (chances * (1.0 - chances)).mean(axis=1)
    covariance = posterior.covariance
    for count in range(min(most, len(rows)) + 1):
        if covariance[column, column] <= goal:
            return count
        if not free.any():
            break
        toward = rows @ covariance
        narrowing = unsure * toward[:, column] ** 2 / (1.0 + unsure * np.einsum("ij,ij->i", toward, rows))
        best = int(np.argmax(np.where(free, narrowing, -np.inf)))
        free[best] = False
        covariance = _narrowed(covariance, rows[best], float(unsure[best]))
    return None


def _answered(posterior: Posterior, row: Array) -> Posterior:
    """What would be known if a triplet were answered as expected."""
    chance = _shares(posterior.draws(DRAWS, 0) @ row)
    unsure = float((chance * (1.0 - chance)).mean())
    return Posterior(posterior.mean, _narrowed(posterior.covariance, row, unsure))


def _narrowed(covariance: Array, row: Array, unsure: float) -> Array:
    toward = covariance @ row
    return covariance - np.outer(toward, toward) * unsure / (1.0 + unsure * float(row @ toward))


def _information(rows: Array, w: Array, weight: Array) -> Array:
    share = _shares(rows @ w)
    found: Array = (rows * (weight * share * (1.0 - share))[:, None]).T @ rows
    return found


def _shares(scores: Array) -> Array:
    found: Array = 1.0 / (1.0 + np.exp(-np.clip(scores, -500.0, 500.0)))
    return found


def _entropy(share: Array) -> Array:
    p = np.clip(share, 1e-12, 1.0 - 1e-12)
    found: Array = -(p * np.log(p) + (1.0 - p) * np.log1p(-p))
    return found
