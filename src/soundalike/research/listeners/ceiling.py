"""How far listeners agree with each other, and what that leaves for anything that predicts them.

Conventions
-----------
* Votes come as two arrays, int (n,): how many chose side A, and side B, of each triplet. What is no vote is left out.
* Results are shares, 0 to 1; None where there is nothing to share.
* *One versus rest* is what an average listener reaches: a vote against the majority of the other voters on the same
  triplet, ties half. Counting the own vote, as the mean majority share does, flatters.
* The *limit* is what a predictor would reach that knew the share p of all people who prefer A, held against the
  majority of the few who were asked. p is taken to follow a Beta distribution over the triplets of a cell, fitted to
  its votes (beta-binomial, by likelihood); the limit is the mean posterior probability that the majority asked is
  the majority of all. Where the sides mean nothing (XAB) the distribution is symmetric.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.judgments import JudgedTriplet

Votes: TypeAlias = NDArray[np.int64]

SAME_TRACK: Final = "XYC"
"""The config in which side A is of the reference's own track."""
FLATTEST, STEEPEST = -7.0, 7.0
"""Logarithms between which the parameters of a Beta distribution are sought: unanimous votes have no finite fit."""


def ceiling(triplets: Sequence[JudgedTriplet], cutoff: float = 0.0) -> dict[str, Any]:
    """What listeners leave for a predictor, as JSON.

    Parameters
    ----------
    triplets : sequence of JudgedTriplet
        All of one criterion, also those below the cut-off: the limit is fitted to all. Triplets of several configs or
        parts are fitted apart and averaged together.
    cutoff : float
        Least agreement of what is predicted.

    Returns
    -------
    dict
        ``kept``; ``limit``; ``votes`` and ``not_applicable`` before the cut-off; ``majority_share`` and ``pairwise``
        before it; ``one_versus_rest`` where the others agree at least so far. Shares are rounded to five digits.
    """
    a, b = votes(triplets)
    known = np.concatenate([_kept_probabilities(own, cutoff) for own in _cells(triplets)] or [np.empty(0)])
    shares = {
        "limit": float(known.mean()) if len(known) else None,
        "majority_share": mean_majority_share(a, b),
        "one_versus_rest": one_versus_rest(a, b, agreement=cutoff),
        "pairwise": pairwise_agreement(a, b),
    }
    return {
        "kept": len(known),
        **{name: None if share is None else round(share, 5) for name, share in shares.items()},
        "votes": int((a + b).sum()),
        "not_applicable": sum(triplet.not_applicable for triplet in triplets),
    }


def votes(triplets: Iterable[JudgedTriplet]) -> tuple[Votes, Votes]:
    """Votes for A and for B, each int (n,)."""
    pairs = np.array([(triplet.votes_a, triplet.votes_b) for triplet in triplets], np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def kept_by(a: Votes, b: Votes, agreement: float) -> NDArray[np.bool_]:
    """Which triplets `soundalike.judgments.keep` keeps: bool (n,)."""
    kept: NDArray[np.bool_] = (a != b) & (np.maximum(a, b) / np.maximum(a + b, 1) >= agreement)
    return kept


def mean_majority_share(a: Votes, b: Votes) -> float | None:
    """Mean over triplets of the share of votes for the majority."""
    voted = a + b > 0
    return float((np.maximum(a, b)[voted] / (a + b)[voted]).mean()) if voted.any() else None


def one_versus_rest(a: Votes, b: Votes, *, agreement: float = 0.0) -> float | None:
    """Mean over votes of whether each goes with the majority of the other votes on its triplet; ties half.

    Parameters
    ----------
    a, b : int, shape (n,)
    agreement : float
        Only where the others agree at least so far.
    """
    right = total = 0.0
    for own, against in ((a, b), (b, a)):
        others = own - 1 + against
        counts = (own > 0) & (others > 0)
        counts &= np.maximum(own - 1, against) / np.maximum(others, 1) >= agreement
        right += float((own * (0.5 + 0.5 * np.sign(own - 1 - against)))[counts].sum())
        total += float(own[counts].sum())
    return right / total if total else None


def pairwise_agreement(a: Votes, b: Votes) -> float | None:
    """Share of all pairs of votes on the same triplet that are equal."""
    pairs = float(((a + b) * (a + b - 1)).sum())
    return float((a * (a - 1) + b * (b - 1)).sum()) / pairs if pairs else None


def preferences(a: Votes, b: Votes, *, symmetric: bool) -> tuple[float, float]:
    """Parameters of the Beta distribution that the share of people who prefer A follows, by likelihood.

    Parameters
    ----------
    a, b : int, shape (n,)
    symmetric : bool
        Both parameters are equal, as where A and B are called so by chance.
    """
    from scipy.optimize import minimize
    from scipy.special import betaln

    pairs, counts = np.unique(np.stack([a, b], axis=1), axis=0, return_counts=True)

    def unlikelihood(logarithms: NDArray[np.float64]) -> float:
        alpha, beta = np.exp(logarithms[0]), np.exp(logarithms[-1])
        return -float(counts @ (betaln(pairs[:, 0] + alpha, pairs[:, 1] + beta) - betaln(alpha, beta)))

    start = np.zeros(1 if symmetric else 2)
    found = minimize(unlikelihood, start, method="Nelder-Mead", bounds=[(FLATTEST, STEEPEST)] * len(start))
    return float(np.exp(found.x[0])), float(np.exp(found.x[-1]))


def majority_is_true(a: Votes, b: Votes, *, symmetric: bool) -> NDArray[np.float64]:
    """Probability that the majority of those asked is that of all people: float64 (n,), see the module.

    Parameters
    ----------
    a, b : int, shape (n,)
        Of one cell: all triplets share one distribution.
    symmetric : bool
        See `preferences`.
    """
    from scipy.special import betainc

    if not len(a):
        return np.empty(0)
    alpha, beta = preferences(a, b, symmetric=symmetric)
    most_prefer_b = betainc(a + alpha, b + beta, 0.5)
    return np.where(a > b, 1.0 - most_prefer_b, most_prefer_b)


def kept_by_chance(voters: Votes, agreement: float) -> float:
    """How many triplets would be kept if every vote were the throw of a fair coin.

    Parameters
    ----------
    voters : int, shape (n,)
        Votes on each triplet.
    agreement : float
        Cut-off.
    """
    from scipy.stats import binom

    total = 0.0
    for size, count in zip(*np.unique(voters, return_counts=True), strict=True):
        a = np.arange(size + 1)
        total += float(count * binom.pmf(a, size, 0.5)[kept_by(a, size - a, agreement)].sum())
    return total


def _kept_probabilities(cell: Sequence[JudgedTriplet], cutoff: float) -> NDArray[np.float64]:
    """`majority_is_true` of the triplets of one cell that are kept."""
    a, b = votes(cell)
    symmetric = cell[0].context.get("config") != SAME_TRACK
    return majority_is_true(a, b, symmetric=symmetric)[kept_by(a, b, cutoff)]


def _cells(triplets: Iterable[JudgedTriplet]) -> list[list[JudgedTriplet]]:
    """Triplets by config and part."""
    cells: dict[tuple[str, str], list[JudgedTriplet]] = {}
    for triplet in triplets:
        cells.setdefault((triplet.context.get("config", ""), triplet.context.get("part", "")), []).append(triplet)
    return list(cells.values())
