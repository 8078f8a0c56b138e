"""What weighs most when listeners choose overall: timbre, rhythm or melody, by their own answers.

Conventions
-----------
* A vote is 1 for side A and -1 for side B; 0 is a tie, or that a factor could not be heard.
* *Within a person*, the three factor votes and the overall vote are of one listener on one triplet: a logistic model
  without intercept, so that turning a triplet round changes nothing. Much of its fit is consistency; the informative
  cases are the *conflicts*, in which not all factors that were heard point the same way.
* *Between persons*, the factor votes of one half of a triplet's listeners predict the overall votes of the other half:
  what a model of clean factor scores can hope for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError
from soundalike.judgments import Judgment

FACTORS: Final = ("timbre", "rhythm", "melody")
SOURCE: Final = ("config", "set", "sample")
"""Columns of the context that triplets of the same tracks have in common."""

MIDDLE: Final = (0.16, 0.84)
"""Unlike a standard deviation, this stands a draw in which nothing contradicts a factor, whose weight has no bound."""

Floats: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[float, float]

PATTERNS: Final[Floats] = np.array(list(product((-1.0, 0.0, 1.0), repeat=len(FACTORS))))
"""All ways in which three factor votes can go with the overall vote (1) or against it (-1)."""

CONFLICTS: Final = (PATTERNS.max(axis=1) > 0) & (PATTERNS.min(axis=1) < 0)
"""Which of `PATTERNS` have factors on either side."""


@dataclass(frozen=True, slots=True, eq=False)
class FactorVotes:
    """What n listeners said of one triplet each.

    Attributes
    ----------
    factors : float64, shape (n, 3)
        Votes in `FACTORS`.
    overall : float64, shape (n,)
        Never 0.
    triplet, source : int, shape (n,)
        Numbers of the triplet, and of the tracks that it is made of.
    """

    factors: Floats
    overall: Floats
    triplet: NDArray[np.int64]
    source: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WithinPerson:
    """How each listener's overall vote follows from the same listener's factor votes.

    Attributes
    ----------
    votes, conflicts : int
    weights, errors : tuple of float
        By `FACTORS`, log odds; an error is half the width of the middle 68 % of a bootstrap over sources.
    intervals : tuple of (low, high)
        95 % intervals of the weights, by the same draws.
    shares : tuple of float
        Parts of McFadden's R2 that are owed to each factor (Shapley), which sum to 1.
    single : tuple of float
        Share of overall votes that go with each factor; one half where it was not heard.
    joint : float
        Share of overall votes predicted by all three, by 10 folds over sources.
    followed : tuple of float
        Share of the conflicts in which the factor was heard and the overall vote goes with it; nan without any.
    followed_intervals : tuple of (low, high)
        95 % intervals of these shares, by the same draws.
    """

    votes: int
    weights: tuple[float, ...]
    errors: tuple[float, ...]
    intervals: tuple[Pair, ...]
    shares: tuple[float, ...]
    single: tuple[float, ...]
    joint: float
    conflicts: int
    followed: tuple[float, ...]
    followed_intervals: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class BetweenPersons:
    """How one half of the listeners' factor votes predict the other half's overall votes.

    Attributes
    ----------
    weights : tuple of float
        By `FACTORS`, by least squares, mean over repeats.
    intervals : tuple of (low, high)
        95 % intervals of the weights, by a bootstrap over sources.
    joint, overall : float
        Share of triplets on which all three factors together, and the first half's own overall votes, predict the
        majority of the second half, where it is not tied; ties of the prediction are half.
    single : tuple of float
        The same of each factor alone.
    """

    weights: tuple[float, ...]
    intervals: tuple[Pair, ...]
    joint: float
    single: tuple[float, ...]
    overall: float


def factor_votes(judgments: Iterable[Judgment], *, source: Sequence[str] = SOURCE) -> FactorVotes:
    """Bring together what each listener said of each triplet.

    Parameters
    ----------
    judgments : iterable of Judgment
        Those of unnamed listeners are left out, as are those without an overall vote. Where there are several of one
        listener, triplet and criterion, the first counts.
    source : sequence of str
        Columns of the context that triplets of the same tracks have in common.

    Raises
    ------
    UsageError
        If nobody gave an overall vote.
    """
    rows: dict[tuple[str, ...], list[float]] = {}
    sources: dict[tuple[str, ...], tuple[str, ...]] = {}
    columns = {name: place for place, name in enumerate((*FACTORS, "overall"))}
    for judgment in judgments:
        if judgment.listener and judgment.criterion in columns:
            # Sides in a fixed order, as listeners may have had the same triplet in either.
            low, high = sorted((judgment.a, judgment.b))
            key = (judgment.listener, judgment.reference, low, high)
            row = rows.setdefault(key, [np.nan] * len(columns))
            sign = (judgment.answer == "a") - (judgment.answer == "b")
            if np.isnan(row[columns[judgment.criterion]]):
                row[columns[judgment.criterion]] = sign if judgment.a == low else -sign
            sources[key] = tuple(judgment.context.get(name, "") for name in source)
    chosen = [key for key, row in rows.items() if row[-1] in (-1, 1)]
    if not chosen:
        raise UsageError("There are no overall votes of named listeners.", "Give judgments with the listener filled.")
    table = np.nan_to_num(np.array([rows[key] for key in chosen]))
    return FactorVotes(
        *(table[:, :-1], table[:, -1]),
        triplet=_numbers([key[1:] for key in chosen]),
        source=_numbers([sources[key] for key in chosen]),
    )


def within_person(votes: FactorVotes, *, draws: int = 200, folds: int = 10, seed: int = 0) -> WithinPerson:
    """Weigh the factors by each listener's own answers.

    Parameters
    ----------
    votes : FactorVotes
    draws : int
        Of the bootstrap.
    folds : int
        Of the cross-validation.
    seed : int
        Of draws and folds.
    """
    rng = np.random.default_rng(seed)
    sided = votes.factors * votes.overall[:, None]
    counts = _pattern_counts(sided, votes.source)
    total = counts.sum(axis=0)
    weights = _logistic(total)
    drawn = [counts[sample].sum(axis=0) for sample in rng.integers(len(counts), size=(draws, len(counts)))]
    fitted = np.array([_logistic(sample) for sample in drawn])
    low, high = np.quantile(fitted, MIDDLE, axis=0)
    fold = rng.permutation(len(counts)) % folds
    right = sum(
        float(counts[fold == k].sum(axis=0) @ _half_step(PATTERNS @ _logistic(counts[fold != k].sum(axis=0))))
        for k in np.unique(fold)
    )
    return WithinPerson(
        *(len(sided), _floats(weights), _floats((high - low) / 2), intervals(fitted), _floats(_shapley(total))),
        single=_floats(_half_step(sided).mean(axis=0)),
        joint=right / len(sided),
        conflicts=int(total[CONFLICTS].sum()),
        followed=_floats(_followed(total)),
        followed_intervals=intervals([_followed(sample) for sample in drawn]),
    )


def between_persons(votes: FactorVotes, *, repeats: int = 40, draws: int = 200, seed: int = 0) -> BetweenPersons:
    """Weigh the factors by how they predict other listeners.

    Parameters
    ----------
    votes : FactorVotes
        Triplets with one voter say nothing.
    repeats : int
        How often each triplet's voters are split at random; of an odd number the smaller half predicts.
    draws : int
        Of the bootstrap.
    seed : int
        Of splits and draws.

    Raises
    ------
    UsageError
        If no triplet was judged by two listeners, or they were divided on each.
    """
    rng = np.random.default_rng(seed)
    weights, shares = [], []
    moments = np.zeros((int(votes.source.max()) + 1, len(FACTORS), len(FACTORS) + 1))
    for _ in range(repeats):
        given, wanted, source = _halves(votes, rng)
        fitted = np.linalg.lstsq(given[:, :-1], wanted, rcond=None)[0]
        predictions = np.column_stack([given[:, :-1] @ fitted, given])
        decided = wanted != 0
        if decided.any():
            weights.append(fitted)
            shares.append(_half_step(np.sign(wanted[decided])[:, None] * predictions[decided]).mean(axis=0))
            rows = np.column_stack([given[:, :-1], wanted])
            np.add.at(moments, source, given[:, :-1, None] * rows[:, None, :])
    if not shares:
        raise UsageError("No two listeners judged the same triplet.", "Give judgments of more listeners.")
    joint, *single, overall = np.mean(shares, axis=0)
    drawn = moments[rng.integers(len(moments), size=(draws, len(moments)))].sum(axis=1)
    refitted = [np.linalg.lstsq(sample[:, :-1], sample[:, -1], rcond=None)[0] for sample in drawn]
    return BetweenPersons(
        *(_floats(np.mean(weights, axis=0)), intervals(refitted)), float(joint), _floats(single), float(overall)
    )


def _halves(votes: FactorVotes, rng: np.random.Generator) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean votes of a random half of each triplet's voters, (n, 4), overall votes of the others, and the sources."""
    voters = np.bincount(votes.triplet)
    order = np.argsort(votes.triplet + rng.random(len(votes.triplet)))
    place = np.empty_like(order)
    place[order] = np.arange(len(order)) - (np.cumsum(voters) - voters)[votes.triplet[order]]
    first = place < voters[votes.triplet] // 2
    given = _means(np.column_stack([votes.factors, votes.overall]), votes.triplet, first)
    wanted = _means(votes.overall[:, None], votes.triplet, ~first)[:, 0]
    source = np.zeros(len(voters), np.int64)
    source[votes.triplet] = votes.source
    shared = voters > 1
    return given[shared], wanted[shared], source[shared]


def _numbers(keys: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """Numbers for keys, equal for equal ones."""
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return np.array([places[key] for key in keys], np.int64)


def _pattern_counts(sided: Floats, source: NDArray[np.int64]) -> Floats:
    """How often each source has each of `PATTERNS`: all that the logistic model depends on."""
    pattern = ((sided + 1) @ [9, 3, 1]).astype(np.int64)
    counts = np.zeros((int(source.max()) + 1, len(PATTERNS)))
    np.add.at(counts, (source, pattern), 1)
    return counts


def _logistic(counts: Floats, columns: Sequence[int] = (0, 1, 2)) -> Floats:
    """Weights of the most likely logistic model without intercept, by Newton's method."""
    patterns = PATTERNS[:, list(columns)]
    weights = np.zeros(len(columns))
    for _ in range(50):
        wrong = 1 / (1 + np.exp(patterns @ weights))
        curvature = (patterns * (counts * wrong * (1 - wrong))[:, None]).T @ patterns
        # The little that is added keeps weights finite where votes never contradict a factor.
        step = np.linalg.solve(curvature + 1e-6 * np.eye(len(columns)), patterns.T @ (counts * wrong) - 1e-6 * weights)
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def _shapley(counts: Floats) -> Floats:
    """Each factor's part of McFadden's R2, on average over all orders in which factors can be added."""

    def explained(columns: Sequence[int]) -> float:
        margins = PATTERNS[:, list(columns)] @ _logistic(counts, columns) if columns else np.zeros(len(PATTERNS))
        return 1 - float(counts @ np.logaddexp(0, -margins)) / (float(counts.sum()) * float(np.log(2)))

    gains = np.zeros(len(FACTORS))
    orders = list(permutations(range(len(FACTORS))))
    for order in orders:
        for place, factor in enumerate(order):
            gains[factor] += explained(sorted(order[: place + 1])) - explained(sorted(order[:place]))
    total = gains.sum()
    return gains / total if total else gains


def _means(values: Floats, group: NDArray[np.int64], rows: NDArray[np.bool_]) -> Floats:
    """Mean of some rows of `values`, (n, d), in each group; 0 where a group has none."""
    size = int(group.max()) + 1
    sums = np.stack([np.bincount(group[rows], column[rows], minlength=size) for column in values.T], axis=1)
    means: Floats = sums / np.maximum(np.bincount(group[rows], minlength=size), 1)[:, None]
    return means


def _half_step(values: Floats) -> Floats:
    """1 above zero, 0 below and one half at it, to nine digits."""
    steps: Floats = 0.5 + 0.5 * np.sign(np.round(values, 9))
    return steps


def _followed(counts: Floats) -> Floats:
    """Share of conflicts in which each factor was heard and the overall vote goes with it."""
    heard, gone = ((counts * CONFLICTS) @ chosen for chosen in (PATTERNS != 0, PATTERNS > 0))
    shares: Floats = np.divide(gone, heard, out=np.full(len(heard), np.nan), where=heard > 0)
    return shares


def intervals(draws: Sequence[Floats] | Floats) -> tuple[Pair, ...]:
    """95 % interval of each column of draws, (n, columns), where it is a number; nan where it never is."""
    columns = np.array(draws).T
    known = [column[~np.isnan(column)] for column in columns]
    ends = [np.quantile(column, [0.025, 0.975]) if len(column) else (np.nan, np.nan) for column in known]
    return tuple((float(low), float(high)) for low, high in ends)


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
