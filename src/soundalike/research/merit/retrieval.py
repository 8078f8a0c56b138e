"""Rank metrics on a corpus: every recording looks for others of its class among all others, the same for all heads.

A recording is heard in windows. How alike two recordings are is the mean, over the query's windows, of the best match
among the other's windows, as in the product's search; windows of one recording are never compared with each other.
Recordings of the query's group (stems of one song, dances of one album, copies of one recording) are no answers to it,
right or wrong. Intervals are drawn over groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from soundalike.errors import UsageError
from soundalike.facets import unit
from soundalike.research.evaluation.hubness import HUB, skewness
from soundalike.research.evaluation.hubness import K as NEAREST
from soundalike.research.evaluation.metrics import DIGITS, average_precision, share_nearer, with_interval
from soundalike.research.evaluation.tasks import tempo_table
from soundalike.research.merit.clusters import connect
from soundalike.research.merit.corpora import Recording
from soundalike.research.merit.projections import Vectors

Table = NDArray[np.float64]

COPY: Final = 0.9999
"""Cosine of embeddings from which two recordings are copies of one."""

TEMPO: Final = "tempo alone"
"""Row of a judge that knows the annotated tempos and nothing else."""

ABSENT: Final = -2.0
"""How alike something is to silence: less than anything else."""

METRICS: Final = ("map", "mrr", "recall@1", "recall@10", "nearer")


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Recordings that were heard.

    Attributes
    ----------
    recordings : tuple of Recording
    owners : intp, shape (n windows,)
        Number of each window's recording, in ascending order, each at least once.
    groups : tuple of int
        Of the recordings, copies joined.
    copies : tuple of (str, str)
        Paths of recordings that are copies of others.
    """

    recordings: tuple[Recording, ...]
    owners: NDArray[np.intp]
    groups: tuple[int, ...]
    copies: tuple[tuple[str, str], ...]


def make_gallery(recordings: Sequence[Recording], raw: Vectors, owners: NDArray[np.intp]) -> Gallery:
    """Number the recordings that were heard, and find copies by their embeddings.

    Parameters
    ----------
    recordings : sequence of Recording
    raw : float32, shape (n windows, dim)
        Embeddings.
    owners : intp, shape (n windows,)
        Which recording each window is of.

    Raises
    ------
    UsageError
        If fewer than two were heard.
    """
    heard, numbered = np.unique(owners, return_inverse=True)
    if len(heard) < 2:
        raise UsageError(f"{len(heard)} recordings of the corpus can be heard.", "Give at least two.")
    kept = tuple(recordings[number] for number in heard.tolist())
    table = track_table(raw, numbered)
    pairs = [(a, b) for a, b in zip(*np.nonzero(np.triu(table > COPY, 1)), strict=True)]
    # A recording of one class that is also in another would be right and wrong at once: copies are one group.
    names = [[f"group {recording.group}", f"recording {place}"] for place, recording in enumerate(kept)]
    for a, b in pairs:
        names[int(a)].append(f"recording {b}")
    copies = tuple((kept[int(a)].path, kept[int(b)].path) for a, b in pairs)
    return Gallery(kept, np.asarray(numbered, np.intp), tuple(connect(names)), copies)


def track_table(vectors: Vectors, owners: NDArray[np.intp]) -> Table:
    """How alike recordings are.

    Parameters
    ----------
    vectors : float32, shape (n windows, d)
        Rows of zeros are silent.
    owners : intp, shape (n windows,)
        In ascending order from 0 without gaps.

    Returns
    -------
    float64, shape (n recordings, n recordings)
        Row: query. Mean over the query's audible windows of the best cosine; -2 where one side is silent.
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    directions = unit(vectors).astype(np.float64)
    audible = directions.any(axis=1)
    rows = []
    with threadpool_limits(1, "blas"):  # type: ignore[no-untyped-call]  # with more threads it adds up in another order
        for query in range(len(starts)):
            table = np.round(directions[(owners == query) & audible] @ directions.T, DIGITS)
            table[:, ~audible] = ABSENT
            best = np.maximum.reduceat(table, starts, axis=1)
            rows.append(best.mean(axis=0) if len(best) else np.full(len(starts), ABSENT))
    return np.array(rows)


def measure_retrieval(gallery: Gallery, rows: Mapping[str, Vectors], *, seed: int = 0) -> dict[str, Any]:
    """Rank metrics of every row.

    Parameters
    ----------
    gallery : Gallery
    rows : mapping of str to float32, shape (n windows, d)
    seed : int
        Of the bootstrap, and of the order of ties among the nearest.

    Returns
    -------
    dict
        What was asked (``recordings``, ``queries``, ``classes``, ``groups``, ``copies``), and by row of ``rows``:
        `METRICS` with intervals, ``per class`` the first of them, and ``hubness`` (see
        `soundalike.research.evaluation.hubness`). Where all tempos are annotated, a row `TEMPO` is added.
        "nearer" is the share of all pairs of a right and a wrong candidate in which the right one is nearer.

    Raises
    ------
    UsageError
        If no recording has both a right and a wrong candidate.
    """
    tables = {name: track_table(vectors, gallery.owners) for name, vectors in rows.items()}
    tempos = np.array([recording.tempo for recording in gallery.recordings])
    if (tempos > 0).all():
        tables[TEMPO] = tempo_table(tempos, tempos)
    groups = np.array(gallery.groups)
    labels = np.array([recording.label for recording in gallery.recordings])
    allowed = groups[:, None] != groups[None]
    right = (labels[:, None] == labels[None]) & allowed
    wrong = (labels[:, None] != labels[None]) & allowed
    queries = np.flatnonzero(right.any(axis=1) & wrong.any(axis=1))
    if not len(queries):
        raise UsageError("No recording of the corpus has a right and a wrong candidate.", "Give more recordings.")
    return {
        "recordings": len(labels),
        "queries": len(queries),
        "classes": len(set(labels.tolist())),
        "groups": len(set(gallery.groups)),
        "copies": [list(pair) for pair in gallery.copies],
        "rows": {name: _score(table, queries, right, allowed, gallery, seed) for name, table in tables.items()},
    }


def _score(
    table: Table,
    queries: NDArray[np.intp],
    right: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    gallery: Gallery,
    seed: int,
) -> dict[str, Any]:
    outcomes = np.array([_ranked(table[q], right[q], allowed[q]) for q in queries.tolist()])
    groups = [gallery.groups[q] for q in queries.tolist()]
    found: dict[str, Any] = {
        metric: with_interval(column, seed=seed, sources=groups).to_json()
        for metric, column in zip(METRICS, outcomes.T, strict=True)
    }
    labels = [gallery.recordings[q].label for q in queries.tolist()]
    found["per class"] = {
        label: round(float(outcomes[[own == label for own in labels], 0].mean()), 5) for label in sorted(set(labels))
    }
    found["hubness"] = hubness_of(table, allowed, seed=seed)
    return found


def _ranked(scores: Table, right: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> list[float]:
    """`METRICS` of one query, over the order of ties."""
    kept, good = scores[allowed], right[allowed]
    first = [_in_list(kept, good, length) for length in (1, 10)]
    return [average_precision(kept, good), _first_rank(kept, good), *first, share_nearer(kept, good, ~good)]


def _in_list(scores: Table, right: NDArray[np.bool_], length: int) -> float:
    """Chance that any right candidate is among the first `length`, ties in random order."""
    above, tied, good = _best(scores, right)
    none = 1.0
    for place in range(max(0, min(length - above, tied))):
        none *= max(0.0, 1.0 - good / (tied - place))
    return 1.0 - none


def _first_rank(scores: Table, right: NDArray[np.bool_]) -> float:
    """Mean of one over the rank of the first right candidate, ties in random order."""
    above, tied, good = _best(scores, right)
    total, none_yet = 0.0, 1.0
    for place in range(tied - good + 1):
        chance = good / (tied - place)
        total += none_yet * chance / (above + place + 1)
        none_yet *= 1.0 - chance
    return total


def _best(scores: Table, right: NDArray[np.bool_]) -> tuple[int, int, int]:
    """How many candidates are above the best right one, how many tie with it, and how many of these are right."""
    best = scores[right].max()
    return int((scores > best).sum()), int((scores == best).sum()), int(((scores == best) & right).sum())


def hubness_of(table: Table, allowed: NDArray[np.bool_], *, seed: int = 0) -> dict[str, float]:
    """How unevenly recordings are in the lists of the nearest.

    Parameters
    ----------
    table : float64, shape (n, n)
    allowed : bool, shape (n, n)
        Who may be in whose list.
    seed : int
        Ties come in random order.

    Returns
    -------
    dict
        ``skewness`` of how many lists a recording is in, and the share of recordings in none (``never``) and in more
        than five times their fair share (``hubs``).
    """
    rng = np.random.default_rng(seed)
    counts = np.zeros(len(table), np.intp)
    for scores, own in zip(table, allowed, strict=True):
        order = rng.permutation(np.flatnonzero(own))
        counts[order[np.argsort(-scores[order], kind="stable")][:NEAREST]] += 1
    return {
        "skewness": round(skewness(counts), 4),
        "never": round(float(np.mean(counts == 0)), 5),
        "hubs": round(float(np.mean(counts > HUB * NEAREST)), 5),
    }
