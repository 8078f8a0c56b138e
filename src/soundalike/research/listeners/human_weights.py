"""What listeners' own answers weigh: factors when they choose overall, and parts when they choose by the mix.

These are the human counterparts of the weights that are fitted to systems; see
`soundalike.research.listeners.factor_votes` for the factors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError
from soundalike.judgments import JudgedTriplet, Judgment, consensus
from soundalike.research.datasets import Dataset
from soundalike.research.listeners.factor_votes import (
    FACTORS,
    SOURCE,
    FactorVotes,
    Pair,
    between_persons,
    factor_votes,
    intervals,
    within_person,
)

PARTS: Final = ("drums", "bass", "guitar", "piano", "residuals")
MIX: Final = "mix"
ALL: Final = "all"
ORDER: Final = (*PARTS, MIX, ALL)
DRAWS: Final = 1000


@dataclass(frozen=True, slots=True)
class InstrumentWeights:
    """How the votes on single parts predict those on the mix of the same tracks, at other moments of them.

    Attributes
    ----------
    parts : tuple of str
    weights, errors : tuple of float
        By `parts`: least squares without intercept on mean votes (1 for A, -1 for B), and standard errors by
        bootstrap over triples of tracks.
    intervals : tuple of (low, high)
        95 % intervals of the weights, by the same draws.
    correlation : float
        Between fitted and actual mean votes on the mix.
    triples : int
        Triples of tracks that were judged in the mix and in all parts.
    """

    parts: tuple[str, ...]
    weights: tuple[float, ...]
    errors: tuple[float, ...]
    intervals: tuple[Pair, ...]
    correlation: float
    triples: int


def mean_votes(
    triplets: Iterable[JudgedTriplet], *, parts: Sequence[str] = PARTS
) -> tuple[list[tuple[str, ...]], NDArray[np.float64]]:
    """Mean vote on every part, and on the mix, of the same tracks.

    Parameters
    ----------
    triplets : iterable of JudgedTriplet
        Of one criterion, on canonical sides.
    parts : sequence of str
        As the context calls them.

    Returns
    -------
    list of tuple of str
        Config, set and sample of n triples of tracks with a vote on each part and on the mix.
    float64, shape (n, parts + 1)
        -1 to 1, positive for A; the mix comes last.
    """
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for triplet in triplets:
        if triplet.votes:
            source = tuple(triplet.context.get(column, "") for column in SOURCE)
            mean = (triplet.votes_a - triplet.votes_b) / triplet.votes
            found.setdefault(source, {})[triplet.context.get("part", "")] = mean
    columns = (*parts, MIX)
    whole = [source for source, means in found.items() if all(column in means for column in columns)]
    rows = [[found[source][column] for column in columns] for source in whole]
    return whole, np.array(rows).reshape(-1, len(columns))


def instrument_weights(
    triplets: Iterable[JudgedTriplet], *, parts: Sequence[str] = PARTS, draws: int = DRAWS, seed: int = 0
) -> InstrumentWeights:
    """Weigh the parts of a mix by listeners' answers.

    Parameters
    ----------
    triplets, parts
        See `mean_votes`; of one config.
    draws, seed : int
        Of the bootstrap.

    Raises
    ------
    UsageError
        If there are fewer triples of tracks than parts.
    """
    sources, rows = mean_votes(triplets, parts=parts)
    if len(sources) <= len(parts):
        raise UsageError(
            f"{len(sources)} triples of tracks were judged in the mix and in {len(parts)} parts.",
            "Give more triplets than there are parts.",
        )
    single, mix = rows[:, :-1], rows[:, -1]

    def fit(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.lstsq(single[chosen], mix[chosen], rcond=None)[0], np.float64)

    weights = fit(np.arange(len(rows)))
    drawn = np.random.default_rng(seed).integers(len(rows), size=(draws, len(rows)))
    refitted = np.array([fit(chosen) for chosen in drawn])
    with np.errstate(divide="ignore", invalid="ignore"):  # votes that are all the same correlate with nothing
        correlation = float(np.corrcoef(single @ weights, mix)[0, 1])
    return InstrumentWeights(
        *(tuple(parts), tuple(weights.tolist()), tuple(refitted.std(axis=0).tolist()), intervals(refitted)),
        correlation=correlation,
        triples=len(rows),
    )


def human_part(dataset: Dataset, *, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """All that listeners' answers weigh, as JSON.

    Parameters
    ----------
    dataset : Dataset
        Its context tells config, set, sample and part.
    seed : int
        Of draws, folds and splits.

    Returns
    -------
    dict of str to list of dict
        ``within_person`` and ``between_persons``: by config and part, numbers by factor. ``parts``: by config, numbers
        by part of the mix. Cells with too few answers are left out; what is no number is None.
    """
    judgments = dataset.judgments()
    cells: dict[tuple[str, str], list[Judgment]] = {}
    for judgment in judgments:
        config, part = (judgment.context.get(column, "") for column in ("config", "part"))
        for name in (part, ALL):
            cells.setdefault((config, name), []).append(judgment)
    order = sorted(cells, key=lambda cell: (cell[0], ORDER.index(cell[1]) if cell[1] in ORDER else -1, cell[1]))
    overall = [triplet for triplet in consensus(judgments) if triplet.criterion == "overall"]
    configs = dict.fromkeys((config,) for config, _ in order)
    return {
        "within_person": _possible(order, lambda cell: _within(factor_votes(cells[cell]), seed)),
        "between_persons": _possible(order, lambda cell: _between(factor_votes(cells[cell]), seed)),
        "parts": _possible(configs, lambda config: _instruments(_of(overall, *config), seed)),
    }


Cell = TypeVar("Cell", bound=tuple[str, ...])


def _possible(cells: Iterable[Cell], measure: Callable[[Cell], dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers of each cell that has enough answers."""
    rows = []
    for cell in cells:
        with suppress(UsageError):
            rows.append({**dict(zip(("config", "part"), cell, strict=False)), **measure(cell)})
    return rows


def _of(triplets: Iterable[JudgedTriplet], config: str) -> list[JudgedTriplet]:
    return [triplet for triplet in triplets if triplet.context.get("config", "") == config]


def _within(votes: FactorVotes, seed: int) -> dict[str, Any]:
    found = within_person(votes, seed=seed)
    factors = {
        factor: {
            "weight": _estimate(found.weights[k], found.intervals[k]),
            "error": _number(found.errors[k]),
            "share": _number(found.shares[k]),
            "single": _number(found.single[k]),
            "followed": _estimate(found.followed[k], found.followed_intervals[k]),
        }
        for k, factor in enumerate(FACTORS)
    }
    return {"votes": found.votes, "conflicts": found.conflicts, "joint": _number(found.joint), "factors": factors}


def _between(votes: FactorVotes, seed: int) -> dict[str, Any]:
    found = between_persons(votes, seed=seed)
    total = sum(found.weights)
    factors = {
        factor: {
            "weight": _estimate(found.weights[k], found.intervals[k]),
            "of_sum": _number(found.weights[k] / total if total else math.nan),
            "single": _number(found.single[k]),
        }
        for k, factor in enumerate(FACTORS)
    }
    return {"joint": _number(found.joint), "overall": _number(found.overall), "factors": factors}


def _instruments(triplets: Sequence[JudgedTriplet], seed: int) -> dict[str, Any]:
    found = instrument_weights(triplets, seed=seed)
    weights = {
        part: {"weight": _estimate(found.weights[k], found.intervals[k]), "error": _number(found.errors[k])}
        for k, part in enumerate(found.parts)
    }
    return {"triples": found.triples, "correlation": _number(found.correlation), "weights": weights}


def _estimate(value: float, interval: Pair) -> dict[str, float | None]:
    """A number with its 95 % interval."""
    return {name: _number(each) for name, each in zip(("value", "low", "high"), (value, *interval), strict=True)}


def _number(value: float) -> float | None:
    """Five digits; None where there is no number."""
    return None if math.isnan(value) else round(float(value), 5)
