"""The cross-factor matrix by the strict protocol.

Ties are half an answer, so that a head which cannot tell has exactly 50 %. Intervals are drawn over songs and not over
triples. What must not be mixed is counted apart. The first negative of a folder is MERIT's; further ones may be hard,
and share with the anchor all but the factor, so that heads of other factors should prefer them. Triples whose query is
a positive say more of generated sound than of recorded; and where positives are generated and negatives recorded, a
detector of generated sound passes for a head, which the pairings of domains tell. Vectors are projected once; all rows
see the same triples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError
from soundalike.heads import Head
from soundalike.research.evaluation.metrics import RESAMPLES, Accuracy, triplet_outcomes, with_interval
from soundalike.research.merit.clusters import Clusters, cluster
from soundalike.research.merit.projections import RANDOM, RAW, Vectors, project_each
from soundalike.research.merit.reference_matrix import CHUNK
from soundalike.research.triplets.sets import Triples, TripletSet

Outcomes = NDArray[np.float64]

UNKNOWN: Final = "unknown"

ALL, ANCHORS, POSITIVES = "all", "anchor queries", "positive queries"
FIRST, FURTHER = "first negatives", "further negatives"
KINDS: Final = (ALL, ANCHORS, POSITIVES, FIRST, FURTHER)
"""Kinds of triples; `FURTHER` are those of anchors only, which share something with them."""

GROOVE: Final = "groove"
"""A head for a part of rhythm, which is neither the rhythm's own nor another factor's."""


def outcomes_of(vectors: Vectors, triples: Triples) -> Outcomes:
    """1 where the positive is nearer, 0 where the negative is, 0.5 for ties and silence; shape (n triples,)."""
    parts = [
        triplet_outcomes(
            *(vectors[places[first : first + CHUNK]] for places in (triples.anchor, triples.positive, triples.negative))
        )
        for first in range(0, len(triples), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def score_outcomes(
    outcomes: Outcomes, triples: Triples, triplets: TripletSet, clusters: Clusters, *, seed: int = 0
) -> dict[str, Any]:
    """Means with intervals, of all triples and of the kinds that must not be mixed.

    Parameters
    ----------
    outcomes : float64, shape (n triples,)
    triples : Triples
    triplets : TripletSet
        That the triples come from.
    clusters : Clusters
        Of its folders.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        By `KINDS`, None where there are none; and ``domains``: by the domains of query, positive and negative the
        accuracy and the number of ``triples``.

    Raises
    ------
    UsageError
        If there are no triples.
    """

    def accuracy(chosen: NDArray[np.bool_]) -> dict[str, float] | None:
        if not chosen.any():
            return None
        labels = [clusters.labels[folder] for folder in triples.folder[chosen]]
        return with_interval(outcomes[chosen], seed=seed, sources=labels).to_json()

    if not len(triples):
        raise UsageError("There are no triples to count.", "Give a set with at least one folder.")
    pairings = domain_pairings(triples, triplets)
    domains = {}
    for pairing in sorted(set(pairings)):
        chosen = np.array([found == pairing for found in pairings], np.bool_)
        domains[pairing] = {"triples": int(chosen.sum()), "accuracy": accuracy(chosen)}
    return {**{kind: accuracy(chosen) for kind, chosen in _kinds(triples).items()}, "domains": domains}


def _kinds(triples: Triples) -> dict[str, NDArray[np.bool_]]:
    """Which triples are of each of `KINDS`."""
    first = triples.rank == 0
    return {
        ALL: np.ones(len(triples), np.bool_),
        ANCHORS: triples.by_anchor,
        POSITIVES: ~triples.by_anchor,
        FIRST: first,
        FURTHER: ~first & triples.by_anchor,
    }


def domain_pairings(triples: Triples, triplets: TripletSet) -> list[str]:
    """The domains of query, positive and negative of each triple, such as "generated, generated, recorded"."""
    domains = [note.domain or UNKNOWN for note in triplets.notes]
    three = zip(triples.anchor, triples.positive, triples.negative, strict=True)
    return [", ".join(domains[place] for place in places) for places in three]


def strict_matrix(sets: Mapping[str, TripletSet], heads: Mapping[str, Head], *, seed: int = 0) -> dict[str, Any]:
    """Every head, the embedding itself and a random head on every set.

    Parameters
    ----------
    sets : mapping of str to TripletSet
        By factor, with the folders that are to be counted.
    heads : mapping of str to Head
        By factor.
    seed : int
        Of bootstrap and random head.

    Returns
    -------
    dict
        ``cells`` by row and set, see `score_outcomes`; ``sets`` with what was counted; and, where there are heads and
        at least two sets, ``off_diagonal`` and ``selectivity`` of first negatives, see `summarise`.

    Raises
    ------
    UsageError
        If a set has no folders.
    ShapeError
        If a head takes embeddings of another length.
    """
    cells: dict[str, dict[str, Any]] = {}
    counted: dict[str, Any] = {}
    columns: dict[str, tuple[dict[str, Outcomes], list[int]]] = {}
    for name, triplets in sets.items():
        triples, clusters = triplets.triples(all_negatives=True), cluster(triplets)
        if not len(triples):
            raise UsageError(f"No folders for {name} are left to count.", "Check its split against its set.")
        found = {
            row: outcomes_of(vectors, triples)
            for row, vectors in project_each(triplets.embeddings, heads, seed=seed).items()
        }
        for row, outcomes in found.items():
            cells.setdefault(row, {})[name] = score_outcomes(outcomes, triples, triplets, clusters, seed=seed)
        counted[name] = {
            "folders": len(triplets.folders),
            "triples": len(triples),
            "clusters": clusters.count,
            "over": clusters.over,
        }
        first = triples.rank == 0
        labels = [clusters.labels[folder] for folder in triples.folder[first]]
        columns[name] = {row: outcomes[first] for row, outcomes in found.items()}, labels
    return {"cells": cells, "sets": counted, **summarise(columns, seed=seed)}


def summarise(columns: Mapping[str, tuple[Mapping[str, Outcomes], Sequence[int]]], *, seed: int = 0) -> dict[str, Any]:
    """What the whole matrix says.

    Parameters
    ----------
    columns : mapping of str to (mapping of str to float64 (n triples,), sequence of int)
        By set: outcomes by row, and a label per triple.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``off_diagonal``: mean accuracy of heads on sets of other factors; ``selectivity``: by how much the head of a
        set's factor does better on it than the other heads do, on average over sets. Both with intervals, and nothing
        where no set has a head of its own and another.
    """
    own: dict[str, Outcomes] = {}
    others: dict[str, Outcomes] = {}
    for name, (rows, _) in columns.items():
        wrong = [outcomes for row, outcomes in rows.items() if row not in (RAW, RANDOM, GROOVE, name)]
        if name in rows and wrong:
            own[name], others[name] = rows[name], np.mean(wrong, axis=0)
    if not own:
        return {}
    labels = {name: columns[name][1] for name in own}
    gaps = {name: own[name] - others[name] for name in own}
    return {
        "off_diagonal": _mean_of_sets(others, labels, seed).to_json(),
        "selectivity": _mean_of_sets(gaps, labels, seed).to_json(),
    }


def _mean_of_sets(values: Mapping[str, Outcomes], labels: Mapping[str, Sequence[int]], seed: int) -> Accuracy:
    """Mean over sets of the mean of each, with an interval over each set's clusters."""
    rng = np.random.default_rng(seed)
    draws = []
    for name, column in values.items():
        _, places = np.unique(labels[name], return_inverse=True)
        sums, counts = np.bincount(places, column), np.bincount(places)
        drawn = rng.integers(len(sums), size=(RESAMPLES, len(sums)))
        draws.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(np.mean(draws, axis=0), [0.025, 0.975])
    return Accuracy(float(np.mean([column.mean() for column in values.values()])), float(low), float(high))
