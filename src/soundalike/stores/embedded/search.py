"""Answer one query: scan codes, score the best rows from the truth."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import SpaceMismatchError, UsageError
from soundalike.facets import Facet, Space, Vector, unit
from soundalike.filters import Filter
from soundalike.scoring import Scoring
from soundalike.stores import Candidate
from soundalike.stores.embedded.blocks import Block
from soundalike.stores.embedded.index import Index
from soundalike.stores.embedded.rows import Rows
from soundalike.stores.embedded.scan import Mask, prepare, scan
from soundalike.stores.embedded.truth import id_list, select_ids, select_rows

_MARGIN = 4
_LEAST = 100
"""Rows scored from the truth: four times as many as asked for, and at least a hundred."""

_BATCH = 2048
"""Rows scored at a time, so that a huge k needs little memory."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The arguments of `soundalike.stores.Store.nearest`."""

    query: Mapping[Facet, Vector]
    scoring: Scoring
    space: Space
    k: int
    where: Filter | None
    exclude: frozenset[int]
    distinct: bool


class Masks:
    """Which tracks pass recent filters; kept, because finding out may cost more than the scan."""

    _KEPT = 8

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: dict[Filter, tuple[int, Mask]] = {}

    def passing(self, connection: sqlite3.Connection, where: Filter) -> Mask:
        """Give a mask over track ids, as of the connection's transaction."""
        (revision,) = connection.execute("SELECT revision FROM library").fetchone()
        with self._guard:
            known = self._known.get(where)
        if known is not None and known[0] == revision:
            return known[1]
        ids = np.array(select_ids(connection, where), np.int64)
        mask = np.zeros(int(ids.max(initial=0)) + 2, bool)
        mask[ids] = True
        with self._guard:
            self._known.pop(where, None)
            while len(self._known) >= self._KEPT:
                del self._known[next(iter(self._known))]
            self._known[where] = (revision, mask)
        return mask


def nearest(connection: sqlite3.Connection, index: Index, wanted: Wanted, masks: Masks) -> list[Candidate]:
    """Find the k best rows, within the connection's transaction."""
    _check_query(wanted)
    plan = prepare(wanted.query, wanted.scoring, wanted.space.facets)
    if plan is None:
        return []
    view = index.view(connection)
    passing = masks.passing(connection, wanted.where) if wanted.where is not None else None
    parts = [(block, _mask(block, live, passing, wanted.exclude)) for block, live in view.parts]
    count = min(max(_LEAST, _MARGIN * wanted.k), sum(len(block) for block, _ in parts))
    if count == 0:
        return []
    best = scan(parts, plan, count=count, distinct=wanted.distinct)
    ids = np.sort(best.ids)
    rated = [
        _rate(_select(connection, index, wanted.space, ids[first : first + _BATCH]), wanted)
        for first in range(0, len(ids), _BATCH)
    ]
    return _first(rated, wanted) if rated else []


def _select(connection: sqlite3.Connection, index: Index, space: Space, ids: NDArray[np.int64]) -> Rows:
    condition = "id IN (SELECT value FROM json_each(?))"
    return select_rows(connection, index.table, space, condition, [id_list(ids.tolist())])


def _check_query(wanted: Wanted) -> None:
    dim = wanted.space.dim
    for facet, vector in wanted.query.items():
        if facet not in wanted.space.facets:
            continue
        if vector.shape != (dim,):
            raise SpaceMismatchError(
                f"The query's '{facet}' has shape {vector.shape}, and the space '{wanted.space.name}' has dim {dim}.",
                "Analyse the query in this space.",
            )
        if not np.isfinite(vector).all():
            raise UsageError(f"The query's '{facet}' holds values that are not finite.", "Give unit or zero vectors.")


def _mask(block: Block, live: Mask | None, passing: Mask | None, exclude: frozenset[int]) -> Mask | None:
    """Join all reasons to leave rows out; None if there is none."""
    mask = live
    if passing is not None:
        # Ids above the highest that passes land on the last entry, which is False.
        allowed = np.take(passing, block.tracks, mode="clip")
        mask = allowed if mask is None else mask & allowed
    if exclude:
        kept = ~np.isin(block.tracks, np.fromiter(exclude, np.int64, len(exclude)))
        mask = kept if mask is None else mask & kept
    return mask


@dataclass(frozen=True, slots=True)
class _Rated:
    """Scores of n rows from float32 vectors: by row, and cosines by row and facet, NaN where absent."""

    rows: Rows
    facets: tuple[Facet, ...]
    cosines: NDArray[np.float32]
    scores: NDArray[np.float64]


def _rate(rows: Rows, wanted: Wanted) -> _Rated:
    query = wanted.query
    facets = tuple(
        t.facet for t in wanted.scoring.terms if t.facet in wanted.space.facets and query.get(t.facet) is not None
    )
    places = [wanted.space.facets.index(facet) for facet in facets]
    asked = unit(np.stack([query[facet] for facet in facets]))
    cosines = np.einsum("nfd,fd->nf", rows.vectors[:, places], asked)
    present = (rows.presence[:, None] >> np.array(places, np.uint64)) & np.uint64(1) == 1
    cosines = np.where(present & asked.any(axis=1), cosines, np.float32(np.nan))
    scores = wanted.scoring.score({facet: cosines[:, i] for i, facet in enumerate(facets)})
    return _Rated(rows, facets, cosines, scores)


def _first(rated: Sequence[_Rated], wanted: Wanted) -> list[Candidate]:
    """The k best rows that have a score, one per track if asked for."""
    scores = np.concatenate([part.scores for part in rated])
    tracks = np.concatenate([part.rows.tracks for part in rated])
    order = np.argsort(-scores, kind="stable")  # rows come by ascending id; NaN goes last
    order = order[: np.count_nonzero(~np.isnan(scores))]
    if wanted.distinct:
        _, leaders = np.unique(tracks[order], return_index=True)
        order = order[np.sort(leaders)]
    places = [(part, row) for part in rated for row in range(len(part.scores))]
    return [_candidate(*places[i]) for i in order[: wanted.k].tolist()]


def _candidate(part: _Rated, row: int) -> Candidate:
    values = zip(part.facets, part.cosines[row].tolist(), strict=True)
    return Candidate(
        int(part.rows.tracks[row]),
        float(part.rows.start[row]),
        float(part.rows.end[row]),
        float(part.scores[row]),
        {facet: value for facet, value in values if not math.isnan(value)},
    )
