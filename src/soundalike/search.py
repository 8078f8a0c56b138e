"""Search: a query and weights to hits.

Whole-track search ranks sections to find candidates, then rescores the best tracks excerpt by
excerpt (see `soundalike.matching`) and note by note (see `soundalike.refinement`). Passage search
ranks excerpts. All scores that are returned come from float32 vectors and from alignments; nothing
approximate is left in them. Where a stem asks for samples, those that need less stretch to fit rank higher (see
`soundalike.fit`); their scores stay what they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.comparison import Comparison, Measure
from soundalike.errors import UsageError
from soundalike.facets import Facet, FacetVectors, Weights, sections
from soundalike.filters import AllOf, Filter, Not, OneOf
from soundalike.fit import Fit, fit
from soundalike.notes import Transcription
from soundalike.refinement import Refiner
from soundalike.scoring import Background
from soundalike.stores import Candidate, Store
from soundalike.tracks import Track
from soundalike.words import answer, fold, heard_as, measure, words_in

QUERY_EXCERPTS = 64
"""A longer query is thinned evenly to so many excerpts: 10 minutes of music say enough."""

REFINED = 50
"""The best so many candidates are compared note by note."""

WORDS_SAMPLE = 200
"""Tracks on which is measured how well a text fits music at all."""

QUERY_SECTIONS = 8
SHORT_QUERY = 4
"""Queries of up to so many excerpts also look for single excerpts: a section would blur them."""


@dataclass(frozen=True, slots=True)
class AskedStem:
    """That the excerpts of a query are of one stem, for which samples are looked for; see `soundalike.stem_query`.

    Attributes
    ----------
    name : str
        Such as "drums".
    strokes : bool
        Whether they are single strokes or notes, for one-shots; each is asked with by itself.
    among : Filter
        What may answer.
    silent : tuple of (float, float)
        Seconds of the passage in which the stem does not play; nothing is asked there.
    """

    name: str
    strokes: bool
    among: Filter
    silent: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    Attributes
    ----------
    excerpts : FacetVectors
        The excerpts to find the like of; one without a time where only words are asked with.
    track : Track
        What is known about the source; ``track.id`` is 0 if it is not in the library.
    exclude : frozenset of int
        Ids of tracks that are the query itself (same file or same audio).
    transcription : Transcription or None
        Its notes and chords, to refine the best hits by.
    text : str
        The words that are asked with, if any; their vectors are among the excerpts' (see `soundalike.words`).
    stem : AskedStem or None
        Where samples are asked for that sound like one stem.
    """

    excerpts: FacetVectors
    track: Track
    exclude: frozenset[int] = frozenset()
    transcription: Transcription | None = field(default=None, repr=False)
    text: str = ""
    stem: AskedStem | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How to search.

    Attributes
    ----------
    weights : Weights
    n : int
        Hits wanted, at least 1.
    passages : bool
        Rank single excerpts instead of whole tracks.
    where : Filter, optional
        Only tracks that pass.
    exclude_album, exclude_artist : bool
        Leave out tracks of the query's own album or artist.
    per_album, per_artist : int, optional
        At most so many hits of one album or artist; tracks without that tag are not capped.
    per_track : int
        At most so many passages of one track (passage search only).
    raw : bool
        Use cosines as they are, as the papers do, instead of standardised ones.
    """

    weights: Weights
    n: int = 10
    passages: bool = False
    where: Filter | None = None
    exclude_album: bool = False
    exclude_artist: bool = False
    per_album: int | None = None
    per_artist: int | None = None
    per_track: int = 2
    raw: bool = False

    def __post_init__(self) -> None:
        for name in ("n", "per_album", "per_artist", "per_track"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"'{name}' is {value}.", "Give a whole number of at least 1.")


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: a track, how it compares with the query, and what a sample needs to fit the song."""

    track: Track
    comparison: Comparison = field(repr=False)
    fit: Fit | None = None

    @property
    def score(self) -> float:
        """The comparison's score."""
        return self.comparison.score

    @property
    def rank(self) -> float:
        """What hits are ranked by: the score, less what a stretch costs."""
        return self.score - (self.fit.cost if self.fit else 0.0)


def search(store: Store, query: Query, options: Options, background: Background | None) -> list[Hit]:
    """Find what sounds alike, best first.

    Parameters
    ----------
    store : Store
    query : Query
    options : Options
    background : Background, optional
        Standardises cosines and gives percentiles.

    Raises
    ------
    UsageError
        If a weighted facet does not exist in the store's space.
    """
    check_weights(options.weights, store.space.facets, text=bool(query.text))
    excerpts = thin(query.excerpts, QUERY_EXCERPTS)
    if not len(excerpts):
        return []
    options = replace(options, where=_allowed(options, query))
    if query.stem and query.stem.strokes:
        options = replace(options, passages=True, per_track=1)
    if words_in(options.weights) and not options.raw:
        background = measure(excerpts, _sample(store), options.weights, background)
    how = Measure(options.weights, background, options.raw)
    finder = _Finder(store, replace(query, excerpts=excerpts), options, how)
    find = finder.passages if options.passages else finder.tracks
    # A passage of ten seconds has too few notes to tell it from chance; only whole tracks are refined.
    refiner = Refiner(None if options.passages else query.transcription, how)
    wanted, depth = max(100, 10 * options.n), max(REFINED, options.n)
    while True:
        hits, exhausted = find(wanted)
        best = _refined(store, hits[:depth], refiner) if refiner else hits
        kept = list(_capped(best, options))[: options.n]
        if len(kept) == options.n or (exhausted and len(best) == len(hits)):
            return _explained(store, kept, refiner) if refiner else kept
        wanted, depth = 4 * wanted, 4 * depth


def _sample(store: Store) -> list[FacetVectors]:
    """The excerpts of some of the tracks, the same ones for the same library."""
    ids = [track.id for track in store.tracks() if not track.silent]
    chosen = np.random.default_rng(0).permutation(ids)[:WORDS_SAMPLE]
    return list(store.excerpts([int(i) for i in chosen]).values())


def _refined(store: Store, hits: Sequence[Hit], refiner: Refiner) -> list[Hit]:
    """The hits ranked anew by their notes and chords."""
    transcriptions = store.transcriptions([hit.track.id for hit in hits])
    comparisons = refiner.refine([hit.comparison for hit in hits], [transcriptions.get(hit.track.id) for hit in hits])
    return _ranked([replace(hit, comparison=found) for hit, found in zip(hits, comparisons, strict=True)])


def _explained(store: Store, hits: Sequence[Hit], refiner: Refiner) -> list[Hit]:
    """The hits with the passages that they share with the query."""
    transcriptions = store.transcriptions([hit.track.id for hit in hits])
    comparisons = refiner.explain([hit.comparison for hit in hits], [transcriptions.get(hit.track.id) for hit in hits])
    return [replace(hit, comparison=found) for hit, found in zip(hits, comparisons, strict=True)]


def check_weights(weights: Weights, facets: Sequence[Facet], *, text: bool = False) -> None:
    """Raise `UsageError` unless every weighted facet is one of `facets` and every weight can be computed with."""
    if words_in(weights) and not text:
        raise UsageError(
            f"'{words_in(weights)[0].short}' has a weight but there are no words.", "Give some with --text."
        )
    for facet, weight in weights.items():
        if not 1e-6 <= abs(weight) <= 1e6:
            raise UsageError(
                f"The weight of '{facet}' is {weight:g}.", "Only the ratios of weights count; stay near 1."
            )
    unknown = [heard_as(facet) for facet in weights if heard_as(facet) not in facets]
    if unknown:
        known = ", ".join(facet.short for facet in facets)
        raise UsageError(
            f"This library has no facet '{unknown[0]}'.",
            f"It has {known}; facets of single stems need a separator when the library is made.",
        )


def thin(excerpts: FacetVectors, most: int) -> FacetVectors:
    """At most `most` of the excerpts, evenly spread."""
    return excerpts if len(excerpts) <= most else excerpts.select(_spread(len(excerpts), most))


def _spread(count: int, most: int) -> NDArray[np.intp]:
    """At most `most` of `count` places, first and last among them, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.intp))


def _allowed(options: Options, query: Query) -> Filter | None:
    """The filter together with what can answer at all, and the exclusion of the query's own album and artist."""
    among = query.stem.among if query.stem else None
    parts, track = [part for part in (options.where, among) if part is not None], query.track
    if options.exclude_album and track.album:
        parts.append(Not(OneOf("album", (track.album,))))
    if options.exclude_artist and track.artist:
        parts.append(Not(OneOf("artist", (track.artist,))))
    if len(parts) > 1:
        return AllOf(tuple(parts))
    return parts[0] if parts else None


@dataclass(frozen=True, slots=True)
class _Finder:
    """One search: what is asked of which store, and how likeness is measured."""

    store: Store
    query: Query
    options: Options
    measure: Measure

    def tracks(self, wanted: int) -> tuple[list[Hit], bool]:
        """Hits by whole tracks, best first, and whether there are no more than these."""
        excerpts = self.query.excerpts
        found = self._nearest(sections(excerpts), QUERY_SECTIONS, "section", wanted)
        if len(excerpts) <= SHORT_QUERY:
            found += self._nearest(excerpts, SHORT_QUERY, "excerpt", wanted)
        best: dict[int, float] = {}
        for _, candidates in found:
            for candidate in candidates:
                best[candidate.track] = max(candidate.score, best.get(candidate.track, -np.inf))
        ids = sorted(best, key=lambda track: (-best[track], track))[:wanted]
        known = self.store.get(ids)
        hits = [
            self._hit(known[id_], self.measure.compare(excerpts, answer(vectors, self.options.weights)))
            for id_, vectors in self.store.excerpts(ids).items()
            if id_ in known
        ]
        return _ranked(hits), all(len(candidates) < wanted for _, candidates in found)

    def passages(self, wanted: int) -> tuple[list[Hit], bool]:
        """Hits by single excerpts, best first, and whether there are no more than these."""
        found = self._nearest(self.query.excerpts, QUERY_EXCERPTS, "excerpt", wanted)
        best: dict[tuple[int, float], tuple[int, Candidate]] = {}
        for row, candidates in found:
            for candidate in candidates:
                spot = (candidate.track, candidate.start)
                if spot not in best or candidate.score > best[spot][1].score:
                    best[spot] = (row, candidate)
        ranked = sorted(best.values(), key=lambda pair: (-pair[1].score, pair[1].track, pair[1].start))[:wanted]
        ids = sorted({candidate.track for _, candidate in ranked})
        known, vectors = self.store.get(ids), self.store.excerpts(ids)
        hits = [
            self._hit(known[candidate.track], self._passage(row, candidate, vectors[candidate.track]))
            for row, candidate in ranked
            if candidate.track in vectors and candidate.track in known
        ]
        return _ranked(hits), all(len(candidates) < wanted for _, candidates in found)

    def _hit(self, track: Track, comparison: Comparison) -> Hit:
        """A hit; a stem asks for samples, which have to fit. Raw scores are not on the scale of its costs."""
        needed = fit(self.query.track, track) if self.query.stem else None
        return Hit(track, comparison, replace(needed, cost=0.0) if needed and self.options.raw else needed)

    def _passage(self, row: int, candidate: Candidate, track: FacetVectors) -> Comparison:
        """Compare one excerpt of the query with one of a track."""
        asked, track = self.query.excerpts.select(np.array([row])), answer(track, self.options.weights)
        return self.measure.compare(asked, track.select(track.start == candidate.start), "excerpt")

    def _nearest(
        self, rows: FacetVectors, most: int, level: Literal["excerpt", "section"], wanted: int
    ) -> list[tuple[int, list[Candidate]]]:
        """Candidates for at most `most` rows of the query, each with the row that found them."""
        found = []
        for row in _spread(len(rows), most):
            asked = {facet: array[row] for facet, array in rows.vectors.items() if facet in self.options.weights}
            vectors, scoring = fold(asked, self.measure.scoring(level))
            candidates = self.store.nearest(
                vectors,
                scoring,
                k=wanted,
                level=level,
                where=self.options.where,
                exclude=self.query.exclude,
                distinct=not self.options.passages,
            )
            found.append((int(row), candidates))
        return found


def _ranked(hits: list[Hit]) -> list[Hit]:
    """Best first, equal scores by id; without those that share nothing with the query."""
    return sorted((hit for hit in hits if not np.isnan(hit.score)), key=lambda hit: (-hit.rank, hit.track.id))


def _capped(hits: Sequence[Hit], options: Options) -> Iterator[Hit]:
    """The hits that the caps on artist, album and track let through."""
    seen: Counter[tuple[str, str | int]] = Counter()
    for hit in hits:
        caps: list[tuple[tuple[str, str | int], int]] = []
        if options.per_artist and hit.track.artist:
            caps.append((("artist", hit.track.artist.casefold()), options.per_artist))
        if options.per_album and hit.track.album:
            caps.append((("album", hit.track.album.casefold()), options.per_album))
        if options.passages:
            caps.append((("track", hit.track.id), options.per_track))
        if all(seen[key] < most for key, most in caps):
            seen.update(key for key, _ in caps)
            yield hit
