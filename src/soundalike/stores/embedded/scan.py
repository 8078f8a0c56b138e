"""Find the rows of int8 blocks that score best: an exact, bound-pruned cascade over facets.

With a = w / sd and b = w * mean / sd, the score of a row is ``sum(a_f * cos_f - b_f) / sum(|w_f|)``
over the facets f present on both sides. Facets are read by falling |a|. Since a cosine lies in
-1..1, what the facets not yet read can add is known, and rows that cannot reach the best so far
are left out of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facet, Vector, unit
from soundalike.scoring import Scoring
from soundalike.stores.embedded.blocks import Block, quantise
from soundalike.stores.embedded.kernel import Codes, dots, gather

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LARGEST_COSINE = 1.02
"""Cosines of int8 codes may be a little above 1."""

_SPARSE = 1 / 3
"""Below this share of a chunk's rows, copying them out is cheaper than reading all of them."""

_FIRST_CHUNK, _CHUNK = 4096, 65536
"""Chunks grow, so that a bound to prune by is known early."""

_PER_TRACK = 2
"""Rows of one track that a distinct search keeps: the best by codes may be second by float32."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A query made ready for the blocks of one space; terms by falling |slope|.

    Attributes
    ----------
    facets : tuple of int
        Positions of the weighted facets that the query has.
    slopes, offsets, weights : float64, shape (terms,)
        a, b and |w| of each term (see the module).
    codes : int8, shape (terms, dim)
    scales : float32, shape (terms,)
    """

    facets: tuple[int, ...]
    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]
    weights: NDArray[np.float64]
    codes: Codes
    scales: Floats


def prepare(query: Mapping[Facet, Vector], scoring: Scoring, facets: Sequence[Facet]) -> Plan | None:
    """Make a plan; None if the query has no weighted facet, so that nothing can be found.

    Parameters
    ----------
    query : mapping of Facet to float32, shape (dim,)
    scoring : Scoring
    facets : sequence of Facet
        All of the space, in storage order.
    """
    terms = [term for term in scoring.terms if term.facet in facets and np.any(query.get(term.facet, 0))]
    if not terms:
        return None
    terms.sort(key=lambda term: -abs(term.weight / term.sd))
    codes, scales = quantise(unit(np.stack([query[term.facet] for term in terms])))
    weight, mean, sd = (np.array([getattr(t, name) for t in terms], np.float64) for name in ("weight", "mean", "sd"))
    places = tuple(facets.index(term.facet) for term in terms)
    return Plan(places, weight / sd, weight * mean / sd, np.abs(weight), codes, scales)


@dataclass(slots=True)
class Best:
    """The best rows so far: at most `count`, and at most a few per track if `distinct`."""

    count: int
    distinct: bool
    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    tracks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: Floats = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def bar(self) -> float:
        """Score below which no row can get in any more."""
        return float(self.scores[-1]) if len(self.scores) == self.count else -np.inf

    def offer(self, ids: NDArray[np.int64], tracks: NDArray[np.int64], scores: Floats) -> None:
        """Take in what is good enough; equal scores by ascending id."""
        if not len(ids):
            return
        if len(ids) > 4 * self.count and not self.distinct:
            enough = scores >= np.partition(scores, -self.count)[-self.count]
            ids, tracks, scores = ids[enough], tracks[enough], scores[enough]
        ids = np.concatenate([self.ids, ids])
        tracks = np.concatenate([self.tracks, tracks])
        scores = np.concatenate([self.scores, scores])
        order = np.lexsort((ids, -scores))
        if self.distinct:
            order = order[_rank_in_group(tracks[order]) < _PER_TRACK]
        order = order[: self.count]
        self.ids, self.tracks, self.scores = ids[order], tracks[order], scores[order]


def _rank_in_group(groups: NDArray[np.int64]) -> NDArray[np.intp]:
    """How many earlier entries belong to the same group, for each entry."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    rank = np.empty(len(groups), np.intp)
    rank[order] = np.arange(len(groups)) - np.repeat(first, np.diff(np.r_[first, len(groups)]))
    return rank


def scan(parts: Sequence[tuple[Block, Mask | None]], plan: Plan, *, count: int, distinct: bool = False) -> Best:
    """Find the rows that score best by their codes.

    Parameters
    ----------
    parts : sequence of (Block, mask)
        Where the mask (bool, shape (n,)) is False, rows are passed over; None is all True.
    plan : Plan
    count : int
        How many rows to give at most.
    distinct : bool
        Whether no track may take up more than two of them.

    Returns
    -------
    Best
        Ids, tracks and approximate scores, best first.
    """
    chunks = [chunk for block, mask in parts for chunk in _cut(block, mask, _Bounds.of(block, plan))]
    bar = _first_term(chunks, plan, count=count, distinct=distinct)
    best = Best(count, distinct)
    for chunk in chunks:
        for term in range(1, len(plan.facets)):
            chunk.prune(max(bar, best.bar), term)
            chunk.read(plan, term)
        chunk.offer(best, bar)
    return best


def _first_term(chunks: Sequence[_Chunk], plan: Plan, *, count: int, distinct: bool) -> float:
    """Read the first term of all rows; returns a score that the `count` best rows reach.

    It is that of the rows which look best by the first term, read to their end.
    """
    seeds = Best(count, distinct)
    for chunk in chunks:
        chunk.read(plan, 0)
        if len(plan.facets) > 1:
            chunk.offer(seeds, -np.inf)
    finished = Best(count, distinct)
    for chunk in chunks if len(plan.facets) > 1 else ():
        own = chunk.select(seeds.ids)
        for term in range(1, len(plan.facets)):
            own.read(plan, term)
        own.offer(finished, -np.inf)
    return finished.bar


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What depends only on which facets a row has, tabulated over a block's patterns.

    Attributes
    ----------
    start : float32, shape (p,)
        Minus the sum of the offsets; -inf without a facet in common.
    weight : float32, shape (p,)
        Sum of |w|; not 0.
    rest : float32, shape (terms, p)
        The most that each term and those after it can add.
    """

    start: Floats
    weight: Floats
    rest: Floats

    @classmethod
    def of(cls, block: Block, plan: Plan) -> _Bounds:
        shifts = np.array(plan.facets, np.uint64)
        present = ((block.patterns[:, None] >> shifts) & np.uint64(1)).astype(np.float64)
        weight = present @ plan.weights
        start = np.where(weight > 0, -(present @ plan.offsets), -np.inf)
        weight = np.where(weight > 0, weight, plan.weights.sum())
        most = (present * np.abs(plan.slopes) * _LARGEST_COSINE).T
        rest = np.cumsum(most[::-1], axis=0)[::-1]
        return cls(start.astype(np.float32), weight.astype(np.float32), rest.astype(np.float32))


def _cut(block: Block, mask: Mask | None, bounds: _Bounds) -> Iterator[_Chunk]:
    """Cut a block into chunks of the rows that the mask allows."""
    first, size = 0, _FIRST_CHUNK
    while first < len(block):
        last = min(first + size, len(block))
        allowed = None if mask is None else mask[first:last]
        index = None
        if allowed is not None and np.count_nonzero(allowed) < _SPARSE * len(allowed):
            index, allowed = np.flatnonzero(allowed), None
        pattern = block.pattern[first:last]
        if index is not None:
            pattern = pattern[index]
        sums = bounds.start.take(pattern)
        if allowed is not None:
            sums[~allowed] = -np.inf
        yield _Chunk(block, bounds, first, last, index, pattern, sums)
        first, size = last, min(size * 2, _CHUNK)


@dataclass(slots=True)
class _Chunk:
    """Some rows of a block, and the sums of their terms so far; -inf for a row that is out.

    Attributes
    ----------
    first, last : int
        The rows' range in the block.
    index : intp, shape (n,), or None
        Which rows of the range; None is all.
    pattern : uint32, shape (n,)
    sums : float32, shape (n,)
    """

    block: Block
    bounds: _Bounds
    first: int
    last: int
    index: NDArray[np.intp] | None
    pattern: NDArray[np.uint32]
    sums: Floats

    def read(self, plan: Plan, term: int) -> None:
        """Add one term to the sums."""
        if not len(self.sums):
            return
        facet = plan.facets[term]
        codes, scales = (
            self.block.codes[facet][self.first : self.last],
            self.block.scales[facet][self.first : self.last],
        )
        if self.index is not None:
            codes, scales = gather(codes, self.index), scales[self.index]
        part = np.empty(len(codes), np.float32)
        dots(codes, plan.codes[term], part)
        part *= scales
        part *= np.float32(plan.slopes[term] * plan.scales[term])
        self.sums += part

    def prune(self, bar: float, term: int) -> None:
        """Leave out rows that cannot reach `bar` with `term` and those after it, if that saves work."""
        need = np.float32(bar) * self.bounds.weight - self.bounds.rest[term]
        keep = self.sums >= _spread(need, self.pattern)
        if np.count_nonzero(keep) < _SPARSE * len(keep):
            self._keep(np.flatnonzero(keep))

    def select(self, ids: NDArray[np.int64]) -> _Chunk:
        """Take the rows with certain ids, as a chunk of their own."""
        own = self.block.ids[self.first : self.last]
        slots = np.searchsorted(own, np.sort(ids[(ids >= own[0]) & (ids <= own[-1])]))
        chunk = replace(self)
        chunk._keep(slots if self.index is None else np.flatnonzero(np.isin(self.index, slots)))
        return chunk

    def _keep(self, kept: NDArray[np.intp]) -> None:
        self.index = kept if self.index is None else self.index[kept]
        self.pattern, self.sums = self.pattern[kept], self.sums[kept]

    def offer(self, best: Best, bar: float) -> None:
        """Offer the rows whose score by the terms read so far reaches `bar`."""
        scores = self.sums / _spread(self.bounds.weight, self.pattern)
        good = np.flatnonzero((scores >= max(bar, best.bar)) & (scores > -np.inf))
        slots = self.first + (good if self.index is None else self.index[good])
        best.offer(self.block.ids[slots], self.block.tracks[slots], scores[good])


def _spread(table: Floats, pattern: NDArray[np.uint32]) -> Floats | np.float32:
    """Look up each row's pattern; one number where all are the same."""
    if (table == table[0]).all():
        number: np.float32 = table[0]
        return number
    return table.take(pattern)
