"""A retrieval task on vectors: who asks, who may be found, and who is right.

Every task of `soundalike.research.evaluation.recordings` is one `Task`: a table of cosines and two masks. Every facet
answers it, and so may an oracle that knows only one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError
from soundalike.facets import Facet
from soundalike.research.evaluation.hearing import Vectors, facets_of
from soundalike.research.evaluation.metrics import average_precision, cosines, first_right, share_nearer, with_interval

Scores: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

METRICS: Final = MappingProxyType(
    {
        "nearer": "a right one is nearer than a wrong one",
        "first": "a right one comes first",
        "precision": "mean average precision",
    }
)


@dataclass(frozen=True, slots=True)
class Task:
    """n queries, m candidates, and what is right.

    Attributes
    ----------
    title : str
        What is asked, for people.
    own : str
        The facet that should answer best.
    right : bool, shape (n, m)
        The candidates that should be found.
    allowed : bool, shape (n, m)
        Those that may be; right ones outside it do not count.
    sources : sequence of n labels
        Outcomes of one source belong together in the interval.
    over : str
        What the sources are, for people.
    metrics : tuple of str
        From `METRICS`.
    """

    title: str
    own: str
    right: Mask
    allowed: Mask
    sources: Sequence[Hashable]
    over: str
    metrics: tuple[str, ...] = ("nearer", "first")

    def __post_init__(self) -> None:
        if self.right.shape != self.allowed.shape or len(self.sources) != len(self.right):
            raise ShapeError(
                f"'{self.title}' has masks of {self.right.shape} and {self.allowed.shape} for {len(self.sources)} "
                "sources.",
                "Give one row per query in each.",
            )


_COUNTED: Mapping[str, Callable[[Scores, Mask], float]] = MappingProxyType(
    {
        "nearer": lambda scores, right: share_nearer(scores, right, ~right),
        "first": first_right,
        "precision": average_precision,
    }
)


def judge(task: Task, tables: Mapping[str, Scores], *, seed: int = 0) -> dict[str, Any]:
    """Let every facet answer a task.

    Parameters
    ----------
    task : Task
        Queries without a right or without a wrong candidate are left out.
    tables : mapping of str to float64, shape (n, m)
        Scores by facet or oracle, see `soundalike.research.evaluation.metrics.cosines`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``title``, ``own``, ``over``, ``queries``, ``sources``; ``chance`` by metric, what a system scores that
        cannot tell; and ``rows``: by facet and metric the mean over queries with its 95 % interval over sources.
    """
    right = task.right & task.allowed
    asked = np.flatnonzero(right.any(axis=1) & (task.allowed & ~right).any(axis=1)).tolist()
    sources = [task.sources[i] for i in asked]
    document: dict[str, Any] = {"title": task.title, "own": task.own, "over": task.over, "queries": len(asked)}
    document |= {"sources": len(set(sources)), "chance": {}, "rows": {}}
    if not len(asked):
        return document
    for metric in task.metrics:
        count = _COUNTED[metric]

        def outcomes(table: Scores, count: Callable[[Scores, Mask], float] = count) -> NDArray[np.float64]:
            return np.array([count(table[i][task.allowed[i]], right[i][task.allowed[i]]) for i in asked])

        document["chance"][metric] = round(float(outcomes(np.zeros(right.shape)).mean()), 5)
        for name, table in tables.items():
            cell = with_interval(outcomes(table), seed=seed, sources=sources).to_json()
            document["rows"].setdefault(name, {})[metric] = cell
    return document


def facet_tables(queries: Sequence[Vectors], candidates: Sequence[Vectors]) -> dict[str, Scores]:
    """Cosines of all queries with all candidates by facet; each source's rows follow the last one's."""
    return {
        facet.short: cosines(stacked(queries, facet), stacked(candidates, facet))
        for facet in facets_of([*queries, *candidates])
    }


def stacked(found: Sequence[Vectors], facet: Facet) -> NDArray[np.float32]:
    """All rows of a facet, float32 (n, d); a source that was not heard at all is one row of zeros."""
    dim = next(vectors[facet].shape[1] for vectors in found if facet in vectors)
    return np.concatenate([vectors.get(facet, np.zeros((1, dim), np.float32)) for vectors in found])


def picked(found: Sequence[Vectors], row: int) -> list[Vectors]:
    """Only one row of each source; a source that was not heard stays empty."""
    return [{facet: array[row : row + 1] for facet, array in vectors.items()} for vectors in found]


def tempo_table(queries: NDArray[np.float64], candidates: NDArray[np.float64]) -> Scores:
    """Scores of an oracle that knows the true tempos, (n,) and (m,) in beats per minute, and nothing else."""
    gaps = np.abs(np.log(queries[:, None] / candidates[None]))
    return -np.asarray(np.round(gaps, 6), np.float64)


def same(labels: Sequence[Hashable], others: Sequence[Hashable] | None = None) -> Mask:
    """Which labels agree: bool, (n, n), or (n, m) with `others`."""
    others = labels if others is None else others
    return np.array([[a == b for b in others] for a in labels], np.bool_)
