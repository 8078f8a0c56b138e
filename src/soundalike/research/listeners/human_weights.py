"""What listeners' own answers weigh: factors when they choose overall, and parts when they choose by the mix.

These are the human counterparts of the weights that are fitted to systems; see
`soundalike.research.listeners.factor_votes` for the factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError
from soundalike.judgments import JudgedTriplet, Judgment, consensus
from soundalike.research.datasets import Dataset
from soundalike.research.evaluation.report import table
from soundalike.research.listeners.factor_votes import (
    FACTORS,
    SOURCE,
    BetweenPersons,
    WithinPerson,
    between_persons,
    factor_votes,
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
    correlation : float
        Between fitted and actual mean votes on the mix.
    triples : int
        Triples of tracks that were judged in the mix and in all parts.
    """

    parts: tuple[str, ...]
    weights: tuple[float, ...]
    errors: tuple[float, ...]
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
    errors = np.std([fit(chosen) for chosen in drawn], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # votes that are all the same correlate with nothing
        correlation = float(np.corrcoef(single @ weights, mix)[0, 1])
    return InstrumentWeights(tuple(parts), tuple(weights.tolist()), tuple(errors.tolist()), correlation, len(rows))


def tables(dataset: Dataset, *, seed: int = 0) -> dict[str, list[str]]:
    """All that listeners' answers weigh, as lines of Markdown by title.

    Parameters
    ----------
    dataset : Dataset
        Its context tells config, set, sample and part.
    seed : int
        Of draws, folds and splits.

    Returns
    -------
    dict of str to list of str
        A table each, without the rows for which there are too few answers; an empty line ends it.
    """
    judgments = dataset.judgments()
    cells: dict[tuple[str, str], list[Judgment]] = {}
    for judgment in judgments:
        config, part = (judgment.context.get(column, "") for column in ("config", "part"))
        for name in (part, ALL):
            cells.setdefault((config, name), []).append(judgment)
    order = sorted(cells, key=lambda cell: (cell[0], ORDER.index(cell[1]) if cell[1] in ORDER else -1, cell[1]))
    overall = [triplet for triplet in consensus(judgments) if triplet.criterion == "overall"]
    each = " / ".join(FACTORS)
    return {
        "Factors, within a person: log odds, and what the overall choice goes with": _table(
            ["config", "part", "votes", f"weights {each}", "R2 share", "single", "joint", "conflicts", "followed"],
            [[*cell, *_within_cells(within_person(factor_votes(cells[cell]), seed=seed))] for cell in order],
        ),
        "Factors, between persons: one half of the listeners predicts the other": _table(
            ["config", "part", f"weights {each}", "of their sum", "joint", "single", "by overall"],
            _possible(order, lambda cell: _between_cells(between_persons(factor_votes(cells[cell]), seed=seed))),
        ),
        "Parts: votes on each part predict votes on the mix of the same tracks": _table(
            ["config", *PARTS, "correlation", "triples"],
            _possible(
                dict.fromkeys((config,) for config, _ in order),
                lambda config: _instrument_cells(instrument_weights(_of(overall, *config), seed=seed)),
            ),
        ),
    }


Cell = TypeVar("Cell", bound=tuple[str, ...])


def _possible(cells: Iterable[Cell], measure: Callable[[Cell], list[str]]) -> list[list[str]]:
    """A row for each cell that has enough answers."""
    rows = []
    for cell in cells:
        with suppress(UsageError):
            rows.append([*cell, *measure(cell)])
    return rows


def _of(triplets: Iterable[JudgedTriplet], config: str) -> list[JudgedTriplet]:
    return [triplet for triplet in triplets if triplet.context.get("config", "") == config]


def _within_cells(found: WithinPerson) -> list[str]:
    weights = [f"{weight:.2f} ({error:.2f})" for weight, error in zip(found.weights, found.errors, strict=True)]
    return [
        *(
            str(found.votes),
            " / ".join(weights),
            _shares(found.shares, 0),
            _shares(found.single),
            _shares([found.joint]),
        ),
        *(str(found.conflicts), _shares(found.followed)),
    ]


def _between_cells(found: BetweenPersons) -> list[str]:
    normalised = [weight / sum(found.weights) for weight in found.weights]
    return [
        *(" / ".join(f"{weight:.2f}" for weight in found.weights), _shares(normalised, 0)),
        *(_shares([found.joint]), _shares(found.single), _shares([found.overall])),
    ]


def _instrument_cells(found: InstrumentWeights) -> list[str]:
    weights = [f"{weight:.2f} ({error:.2f})" for weight, error in zip(found.weights, found.errors, strict=True)]
    return [*weights, f"{found.correlation:.2f}", str(found.triples)]


def _shares(values: Iterable[float], digits: int = 1) -> str:
    """Shares in per cent."""
    return " / ".join("-" if np.isnan(value) else f"{100 * value:.{digits}f}" for value in values)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [*table(header, rows), ""]
