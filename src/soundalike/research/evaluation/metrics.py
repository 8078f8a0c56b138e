"""What is counted when vectors are judged, and how sure the counts are.

Chance is always exact: ties share their places, and what cannot be heard ties with everything. A
measure therefore says 50 % of a system that cannot tell, or one in n, and never an accident of order.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError, UsageError
from soundalike.facets import unit

RESAMPLES = 1000
TEMPO_ORACLE = "tempo oracle"
"""The name, among those of facets, of an oracle that knows the true tempo and nothing else."""
DIGITS = 9
"""Cosines that agree this far are tied."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A mean of outcomes between 0 and 1, with its 95 % interval over sources."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:3.0f} [{100 * self.low:3.0f},{100 * self.high:4.0f}]"

    def to_json(self) -> dict[str, float]:
        """Value and interval, rounded to five digits."""
        return {name: round(getattr(self, name), 5) for name in ("value", "low", "high")}


def with_interval(
    outcomes: NDArray[np.float64], *, seed: int = 0, sources: Sequence[Hashable] | None = None
) -> Accuracy:
    """Mean of outcomes with a 95 % bootstrap interval (percentiles, `RESAMPLES` draws of whole sources).

    Parameters
    ----------
    outcomes : float64, shape (n,)
        At least one.
    seed : int
        Of the draws.
    sources : sequence of n labels, optional
        Outcomes of one source are drawn together. The default is a source for each outcome.

    Raises
    ------
    UsageError
        If there are no outcomes.
    """
    if not len(outcomes):
        raise UsageError("There are no outcomes to average.", "Evaluate at least one group.")
    labels = {label: i for i, label in enumerate(dict.fromkeys(sources or range(len(outcomes))))}
    places = np.array([labels[label] for label in sources or range(len(outcomes))])
    sums, counts = np.bincount(places, outcomes), np.bincount(places)
    draws = np.random.default_rng(seed).integers(len(labels), size=(RESAMPLES, len(labels)))
    low, high = np.quantile(sums[draws].sum(axis=1) / counts[draws].sum(axis=1), [0.025, 0.975])
    return Accuracy(float(outcomes.mean()), float(low), float(high))


def cosines(queries: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines of all pairs, rounded so that equal ones tie.

    Parameters
    ----------
    queries : float32, shape (n, d)
    others : float32, shape (m, d)
        Rows of zeros are absent; neither side needs unit length.

    Returns
    -------
    float64, shape (n, m)
        -2, below every cosine, where the facet is absent on either side.

    Raises
    ------
    ShapeError
        If the vectors differ in length.
    """
    if queries.ndim != 2 or others.ndim != 2 or queries.shape[1] != others.shape[1]:
        raise ShapeError(f"The vectors have shapes {queries.shape} and {others.shape}.", "Give rows of one length.")
    a, b = (unit(rows).astype(np.float64) for rows in (queries, others))
    table: NDArray[np.float64] = np.round(np.einsum("id,jd->ij", a, b), DIGITS)
    table[~a.any(axis=1)] = -2.0
    table[:, ~b.any(axis=1)] = -2.0
    return table


def triplet_outcomes(
    anchor: NDArray[np.float32], positive: NDArray[np.float32], negative: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Tell for each triplet whether the positive is nearer to the anchor by cosine.

    Parameters
    ----------
    anchor, positive, negative : float32, shape (n, d)
        Need not have unit length; rows of zeros are absent.

    Returns
    -------
    float64, shape (n,)
        1 for right, 0 for wrong, 0.5 for a tie or where any of the three is absent.

    Raises
    ------
    ShapeError
        If the three do not have the same shape.
    """
    if not anchor.shape == positive.shape == negative.shape or anchor.ndim != 2:
        raise ShapeError(
            f"The vectors have shapes {anchor.shape}, {positive.shape} and {negative.shape}.",
            "Give one row per triplet in each.",
        )
    a, p, n = (unit(rows).astype(np.float64) for rows in (anchor, positive, negative))
    gap = np.round(np.einsum("ij,ij->i", a, p) - np.einsum("ij,ij->i", a, n), DIGITS)
    present = a.any(axis=1) & p.any(axis=1) & n.any(axis=1)
    return np.where(present, 0.5 + 0.5 * np.sign(gap), 0.5)


def triplet_accuracy(
    anchor: NDArray[np.float32], positive: NDArray[np.float32], negative: NDArray[np.float32]
) -> float:
    """Share of triplets in which the positive is nearer, 0 to 1; see `triplet_outcomes`."""
    return float(triplet_outcomes(anchor, positive, negative).mean())


def share_nearer(scores: NDArray[np.float64], right: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> float:
    """Share of all pairs of a right and a wrong candidate in which the right one scores higher; ties are half.

    Parameters
    ----------
    scores : float64, shape (m,)
        Of one query, as `cosines` gives them; pairs with an absent candidate are half right.
    right, wrong : bool, shape (m,)
        At least one of each.
    """
    a, b = scores[right][:, None], scores[wrong][None]
    outcome = 0.5 + 0.5 * np.sign(a - b)
    outcome[(a == -2.0) | (b == -2.0)] = 0.5
    return float(outcome.mean())


def first_right(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Chance that a right candidate, bool (m,), comes first by `scores`, float64 (m,), ties in random order."""
    best = scores == scores.max()
    return float((best & right).sum() / best.sum())


def reciprocal_rank(scores: NDArray[np.float64], own: int) -> float:
    """One over the rank of candidate `own` among `scores`, float64 (m,), on average over the order of ties."""
    better, equal = int((scores > scores[own]).sum()), int((scores == scores[own]).sum())
    return float(np.mean(1.0 / (better + 1.0 + np.arange(equal))))


def average_precision(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean precision at the ranks of the right candidates; ties as if spread evenly.

    Parameters
    ----------
    scores : float64, shape (m,)
    right : bool, shape (m,)
        At least one is right.
    """
    total = 0.0
    before = before_right = 0
    for score in np.unique(scores)[::-1]:
        tied = scores == score
        size, good = int(tied.sum()), int((tied & right).sum())
        # The j-th of `size` tied places holds a right one with probability good / size.
        places = np.arange(1, size + 1)
        others = (places - 1) * (good - 1) / max(size - 1, 1)
        if good:
            total += good / size * float(np.sum((before_right + 1 + others) / (before + places)))
        before, before_right = before + size, before_right + good
    return total / int(right.sum())
