"""Answer one query: scan codes, score the best rows from the truth."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
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
    found: list[tuple[float, int, Candidate]] = []
    for start in range(0, len(ids), _BATCH):
        chosen = id_list(ids[start : start + _BATCH].tolist())
        condition = "id IN (SELECT value FROM json_each(?))"
        rows = select_rows(connection, index.table, wanted.space, condition, [chosen])
        found.extend(_rate(rows, wanted))
    found.sort(key=lambda item: item[:2])
    candidates = [candidate for _, _, candidate in found]
    if wanted.distinct:
        first: dict[int, Candidate] = {}
        for candidate in candidates:
            first.setdefault(candidate.track, candidate)
        candidates = list(first.values())
    return candidates[: wanted.k]


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


def _rate(rows: Rows, wanted: Wanted) -> list[tuple[float, int, Candidate]]:
    """Score rows from float32 vectors: (minus score, id, candidate) of those with a facet in common."""
    cosines: dict[Facet, NDArray[np.float32]] = {}
    for term in wanted.scoring.terms:
        vector = wanted.query.get(term.facet)
        if term.facet not in wanted.space.facets or vector is None or not np.any(vector):
            continue
        column = rows.vectors[:, wanted.space.facets.index(term.facet)]
        present = column.any(axis=1)
        cosines[term.facet] = np.where(present, column @ unit(vector[None])[0], np.float32(np.nan))
    scores = np.broadcast_to(wanted.scoring.score(cosines), len(rows))
    rated = []
    for i in np.flatnonzero(~np.isnan(scores)).tolist():
        own = {facet: float(values[i]) for facet, values in cosines.items() if not np.isnan(values[i])}
        candidate = Candidate(int(rows.tracks[i]), float(rows.start[i]), float(rows.end[i]), float(scores[i]), own)
        rated.append((-candidate.score, int(rows.ids[i]), candidate))
    return rated
