"""Search: a query and weights to hits.

Whole-track search ranks sections to find candidates, then rescores the best tracks excerpt by
excerpt (see `soundalike.matching`). Passage search ranks excerpts. All scores that are returned
come from float32 vectors; nothing approximate is left in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from soundalike.errors import UsageError
from soundalike.facets import Facet, FacetVectors, Weights, sections
from soundalike.filters import AllOf, Filter, Not, OneOf
from soundalike.matching import Match, match
from soundalike.scoring import Background, Level, Scoring
from soundalike.stores import Candidate, Store
from soundalike.tracks import Track

QUERY_EXCERPTS = 64
"""A longer query is thinned evenly to so many excerpts: 10 minutes of music say enough."""

QUERY_SECTIONS = 8
SHORT_QUERY = 4
"""Queries of up to so many excerpts also look for single excerpts: a section would blur them."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    Attributes
    ----------
    excerpts : FacetVectors
        The excerpts to find the like of.
    track : Track
        What is known about the source; ``track.id`` is 0 if it is not in the library.
    exclude : frozenset of int
        Ids of tracks that are the query itself (same file or same audio).
    """

    excerpts: FacetVectors
    track: Track
    exclude: frozenset[int] = frozenset()


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
class FacetScore:
    """One facet of one comparison.

    Attributes
    ----------
    cosine : float
        Mean cosine over the matched excerpts, -1 to 1. Never a percentage.
    standardised : float
        How many deviations above the mean of random pairs; the cosine itself in raw mode.
    percentile : float or None
        Share of random pairs that are less alike, 0 to 100; None where no background is known.
    weight, contribution : float
        The facet's weight, and its term in the score. Contributions add up to the score.
    refined : bool
        True if a closer comparison than the cosine took the term's place.
    """

    cosine: float
    standardised: float
    percentile: float | None
    weight: float
    contribution: float
    refined: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """Matching time ranges in seconds, the facet that contributes most there, and the score there."""

    query: tuple[float, float]
    track: tuple[float, float]
    facet: Facet
    score: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How alike two pieces are, facet by facet.

    Attributes
    ----------
    score : float
        The weighted sum; NaN where no weighted facet is present on both sides.
    facets : dict of Facet to FacetScore
        Every facet present on both sides, the weighted ones first by absolute contribution.
    absent : tuple of Facet
        Weighted facets that are absent on one of the sides; they count nothing.
    passages : tuple of Passage
        Best matching time ranges, best first.
    """

    score: float
    facets: dict[Facet, FacetScore]
    absent: tuple[Facet, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: a track and how it compares with the query."""

    track: Track
    comparison: Comparison = field(repr=False)

    @property
    def score(self) -> float:
        """The comparison's score."""
        return self.comparison.score


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
    check_weights(options.weights, store.space.facets)
    options = replace(options, where=_with_exclusions(options, query.track))
    query = replace(query, excerpts=thin(query.excerpts, QUERY_EXCERPTS))
    if not len(query.excerpts):
        return []
    find = _passage_hits if options.passages else _track_hits
    wanted = max(100, 10 * options.n)
    while True:
        hits, exhausted = find(store, query, options, background, wanted)
        kept = list(_capped(hits, options))[: options.n]
        if len(kept) == options.n or exhausted:
            return kept
        wanted *= 4


def compare(
    query: FacetVectors, track: FacetVectors, weights: Weights, background: Background | None, *, raw: bool = False
) -> Comparison:
    """Compare two tracks excerpt by excerpt; see `soundalike.matching` for the rule."""
    scale = None if raw else background
    pairs = match(query, track, Scoring.of(weights, scale, "excerpt"))
    passages = _passages(pairs, query, track, Scoring.of(weights, scale, "excerpt"))
    return _comparison(pairs.mean_cosines(), passages, weights, background, "track", raw=raw)


def check_weights(weights: Weights, facets: Sequence[Facet]) -> None:
    """Raise `UsageError` unless every weighted facet is one of `facets`."""
    unknown = [facet for facet in weights if facet not in facets]
    if unknown:
        known = ", ".join(facet.short for facet in facets)
        raise UsageError(
            f"This library has no facet '{unknown[0]}'.",
            f"It has {known}; facets of single stems need a separator when the library is made.",
        )


def thin(excerpts: FacetVectors, most: int) -> FacetVectors:
    """At most `most` of the excerpts, evenly spread."""
    if len(excerpts) <= most:
        return excerpts
    return excerpts.select(np.unique(np.linspace(0, len(excerpts) - 1, most).round().astype(np.intp)))


def _with_exclusions(options: Options, track: Track) -> Filter | None:
    """The filter together with the exclusion of the query's own album and artist."""
    parts: list[Filter] = [] if options.where is None else [options.where]
    if options.exclude_album and track.album:
        parts.append(Not(OneOf("album", (track.album,))))
    if options.exclude_artist and track.artist:
        parts.append(Not(OneOf("artist", (track.artist,))))
    if len(parts) > 1:
        return AllOf(tuple(parts))
    return parts[0] if parts else None


def _track_hits(
    store: Store, query: Query, options: Options, background: Background | None, wanted: int
) -> tuple[list[Hit], bool]:
    """Hits by whole tracks, best first, and whether there are no more than these."""
    scale = None if options.raw else background
    lists = [_nearest(store, sections(query.excerpts), QUERY_SECTIONS, query, options, scale, "section", wanted)]
    if len(query.excerpts) <= SHORT_QUERY:
        lists.append(_nearest(store, query.excerpts, SHORT_QUERY, query, options, scale, "excerpt", wanted))
    exhausted = all(len(found) < wanted for rows in lists for _, found in rows)
    best: dict[int, float] = {}
    for _, found in (row for rows in lists for row in rows):
        for candidate in found:
            best[candidate.track] = max(candidate.score, best.get(candidate.track, -np.inf))
    ids = sorted(best, key=lambda track: (-best[track], track))[:wanted]
    known = store.get(ids)
    hits = []
    for id_, excerpts in store.excerpts(ids).items():
        if id_ in known:
            hits.append(
                Hit(known[id_], compare(query.excerpts, excerpts, options.weights, background, raw=options.raw))
            )
    hits = [hit for hit in hits if not np.isnan(hit.score)]
    return sorted(hits, key=lambda hit: (-hit.score, hit.track.id)), exhausted


def _passage_hits(
    store: Store, query: Query, options: Options, background: Background | None, wanted: int
) -> tuple[list[Hit], bool]:
    """Hits by single excerpts, best first, and whether there are no more than these."""
    scale = None if options.raw else background
    rows = _nearest(store, query.excerpts, QUERY_EXCERPTS, query, options, scale, "excerpt", wanted)
    exhausted = all(len(found) < wanted for _, found in rows)
    best: dict[tuple[int, float], tuple[int, Candidate]] = {}
    for row, found in rows:
        for candidate in found:
            spot = (candidate.track, candidate.start)
            if spot not in best or candidate.score > best[spot][1].score:
                best[spot] = (row, candidate)
    ranked = sorted(best.values(), key=lambda pair: (-pair[1].score, pair[1].track, pair[1].start))[:wanted]
    known = store.get(sorted({candidate.track for _, candidate in ranked}))
    vectors = store.excerpts(list(known))
    hits = []
    for row, candidate in ranked:
        if candidate.track in vectors:
            excerpts = vectors[candidate.track]
            there = excerpts.select(excerpts.start == candidate.start)
            pair = match(query.excerpts.select(np.array([row])), there, Scoring.of(options.weights, scale, "excerpt"))
            span = (float(query.excerpts.start[row]), float(query.excerpts.end[row]))
            means = pair.mean_cosines()
            comparison = _comparison(means, (), options.weights, background, "excerpt", raw=options.raw)
            facet = max(comparison.facets, key=lambda name: comparison.facets[name].contribution)
            passage = Passage(span, (candidate.start, candidate.end), facet, comparison.score)
            hits.append(Hit(known[candidate.track], replace(comparison, passages=(passage,))))
    return sorted(hits, key=lambda hit: (-hit.score, hit.track.id)), exhausted


def _nearest(
    store: Store,
    excerpts: FacetVectors,
    most: int,
    query: Query,
    options: Options,
    scale: Background | None,
    level: Level,
    wanted: int,
) -> list[tuple[int, list[Candidate]]]:
    """Candidates for at most `most` rows of `excerpts`, with the row that found them."""
    assert level != "track"
    rows = np.unique(np.linspace(0, len(excerpts) - 1, min(most, len(excerpts))).round().astype(int))
    scoring = Scoring.of(options.weights, scale, level)
    return [
        (
            int(row),
            store.nearest(
                {facet: array[row] for facet, array in excerpts.vectors.items() if facet in options.weights},
                scoring,
                k=wanted,
                level=level,
                where=options.where,
                exclude=query.exclude,
                distinct=not options.passages,
            ),
        )
        for row in rows
    ]


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


def _comparison(
    cosines: dict[Facet, np.ndarray],
    passages: tuple[Passage, ...],
    weights: Weights,
    background: Background | None,
    level: Level,
    *,
    raw: bool,
) -> Comparison:
    """Terms, score and absent facets from one cosine per facet."""
    scale = None if raw else background
    scoring = Scoring.of(weights, scale, level)
    parts = scoring.contributions(cosines)
    known = background.levels.get(level, {}) if background else {}
    facets = {}
    for facet, cosine in cosines.items():
        b = known.get(facet)
        standardised = (float(cosine) - b.mean) / b.sd if b and not raw else float(cosine)
        facets[facet] = FacetScore(
            cosine=float(cosine),
            standardised=standardised,
            percentile=b.percentile(float(cosine)) if b else None,
            weight=weights.get(facet, 0.0),
            contribution=float(parts.get(facet, 0.0)),
        )
    order = sorted(facets, key=lambda f: (f not in weights, -abs(facets[f].contribution), f))
    absent = tuple(sorted(facet for facet in weights if facet not in facets))
    return Comparison(float(scoring.score(cosines)), {f: facets[f] for f in order}, absent, passages)


def _passages(
    pairs: Match, query: FacetVectors, track: FacetVectors, scoring: Scoring, *, most: int = 3
) -> tuple[Passage, ...]:
    """The best pairs as time ranges; neighbours that move on together are joined."""
    runs: list[list[int]] = []
    for i in range(len(pairs.scores)):
        last = runs[-1][-1] if runs else None
        joined = last is not None and (
            pairs.query_rows[i] == pairs.query_rows[last] + 1 and pairs.track_rows[i] == pairs.track_rows[last] + 1
        )
        if joined:
            runs[-1].append(i)
        else:
            runs.append([i])
    parts = scoring.contributions(pairs.cosines)
    found = []
    for run in runs:
        facet = max(parts, key=lambda name: float(np.sum(parts[name][run])))
        first, last = run[0], run[-1]
        found.append(
            Passage(
                (float(query.start[pairs.query_rows[first]]), float(query.end[pairs.query_rows[last]])),
                (float(track.start[pairs.track_rows[first]]), float(track.end[pairs.track_rows[last]])),
                facet,
                float(np.mean(pairs.scores[run])),
            )
        )
    return tuple(sorted(found, key=lambda p: (-p.score, p.query))[:most])
