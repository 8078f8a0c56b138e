"""Match two tracks excerpt by excerpt, and measure how alike random tracks are.

Rule: every excerpt of the query looks for its best excerpt in the other track (highest weighted
sum). A facet's cosine between two tracks is the mean over these pairs; the score is the weighted
sum of those cosines, standardised at the level "track". Contributions therefore add up exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.alignment import ALIGNED, line, similarities
from soundalike.facets import Facet, FacetVectors, Weights, load_preset, sections
from soundalike.notes import Transcription
from soundalike.scoring import Background, FacetBackground, Scoring


@dataclass(frozen=True, slots=True)
class Match:
    """Best pairs of excerpts between a query and a track.

    Attributes
    ----------
    query_rows, track_rows : int, shape (m,)
        The excerpts of each pair; every query excerpt that shares a weighted facet has one.
    scores : float64, shape (m,)
        Weighted sum of each pair at the level "excerpt".
    cosines : dict of Facet to float32, shape (m,)
        NaN where the facet is absent in the pair.
    """

    query_rows: NDArray[np.intp]
    track_rows: NDArray[np.intp]
    scores: NDArray[np.float64]
    cosines: dict[Facet, NDArray[np.float32]]

    def mean_cosines(self) -> dict[Facet, NDArray[np.float32]]:
        """Mean of each facet over the pairs in which it is present; facets never present are left out."""
        means = {}
        for facet, values in self.cosines.items():
            known = values[~np.isnan(values)]
            if len(known):
                means[facet] = np.asarray(known.mean(dtype=np.float64), np.float32)
        return means


def cosine_tables(
    query: FacetVectors, track: FacetVectors, facets: Iterable[Facet]
) -> dict[Facet, NDArray[np.float32]]:
    """Cosines between all excerpts of two tracks.

    Returns
    -------
    dict of Facet to float32, shape (n query, n track)
        NaN where the facet is absent on one of the sides.
    """
    tables = {}
    for facet in facets:
        if facet in query.vectors and facet in track.vectors:
            table = np.clip(query.vectors[facet] @ track.vectors[facet].T, -1.0, 1.0)
            table[~query.present(facet)] = np.nan
            table[:, ~track.present(facet)] = np.nan
            tables[facet] = table
    return tables


def match(query: FacetVectors, track: FacetVectors, scoring: Scoring) -> Match:
    """Pair each query excerpt with its best excerpt of `track`; ties go to the earlier one.

    Parameters
    ----------
    query, track : FacetVectors
    scoring : Scoring
        Of the level "excerpt".
    """
    tables = cosine_tables(query, track, query.vectors)
    scores = scoring.score(tables)
    if scores.ndim != 2 or scores.size == 0:
        empty = np.zeros(0, np.intp)
        return Match(empty, empty, np.zeros(0), {})
    ranked = np.where(np.isnan(scores), -np.inf, scores)
    best = ranked.argmax(axis=1)
    rows = np.flatnonzero(np.isfinite(ranked.max(axis=1)))
    columns = best[rows]
    return Match(rows, columns, scores[rows, columns], {f: table[rows, columns] for f, table in tables.items()})


def measure_background(
    tracks: Sequence[FacetVectors],
    *,
    source: str,
    transcriptions: Sequence[Transcription] = (),
    seed: int = 0,
    pairs: int = 4000,
    track_pairs: int = 1500,
) -> Background | None:
    """Measure the cosines between random pairs of different tracks, at every level.

    Parameters
    ----------
    tracks : sequence of FacetVectors
        The excerpts of different tracks; at least two.
    source : str
        Where they came from, for people to read.
    transcriptions : sequence of Transcription
        Notes and chords of different tracks, to measure alignments by; those of `tracks` or fewer.
    seed : int
        For the choice of pairs.
    pairs, track_pairs : int
        How many pairs of excerpts and of sections, and how many of tracks.

    Returns
    -------
    Background or None
        None where there are no two tracks. A facet with fewer than 50 pairs in which it is present
        is left out: its cosine then counts as it is.
    """
    tracks = [track for track in tracks if len(track)]
    if len(tracks) < 2:
        return None
    rng = np.random.default_rng(seed)
    facets = sorted({facet for track in tracks for facet in track.vectors})
    coarse = [sections(track) for track in tracks]
    excerpt = _random_row_cosines(tracks, facets, rng, pairs)
    levels = {"excerpt": _fit(excerpt), "section": _fit(_random_row_cosines(coarse, facets, rng, pairs))}
    background = Background({"excerpt": levels["excerpt"]}, source)
    balanced = Weights(
        {facet: 1.0 for facet in load_preset("everything") if facet in facets} or dict.fromkeys(facets, 1.0)
    )
    scoring = Scoring.of(balanced, background, "excerpt")
    found: dict[Facet, list[float]] = {facet: [] for facet in facets}
    for _ in range(track_pairs):
        a, b = rng.choice(len(tracks), 2, replace=False)
        for facet, value in match(tracks[a], tracks[b], scoring).mean_cosines().items():
            found[facet].append(float(value))
    track_level = _fit({facet: np.array(values) for facet, values in found.items()})
    return Background(
        {"excerpt": levels["excerpt"], "section": levels["section"], "track": track_level},
        source,
        len(tracks),
        measure_alignments(transcriptions, seed=seed),
    )


def measure_alignments(
    transcriptions: Sequence[Transcription], *, seed: int = 0, queries: int = 24, pairs: int = 24
) -> dict[Facet, FacetBackground]:
    """How alike the notes and chords of random tracks are.

    Parameters
    ----------
    transcriptions : sequence of Transcription
        Of different tracks.
    seed : int
        For the choice of pairs.
    queries, pairs : int
        At most so many tracks are held against at most so many others each.

    Returns
    -------
    dict of Facet to FacetBackground
        A facet with fewer than 50 pairs of tracks in which there is enough to compare is left out.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for facet, kind in ALIGNED.items():
        lines = [one for one in (line(transcription, kind) for transcription in transcriptions) if one.enough]
        values: list[NDArray[np.float64]] = [np.zeros(0)]
        for asked in rng.permutation(len(lines))[:queries]:
            others = rng.permutation(len(lines))[: pairs + 1]
            values.append(similarities(lines[asked], [lines[i] for i in others[others != asked][:pairs]]))
        found[facet] = np.concatenate(values)
    return _fit(found)


def _random_row_cosines(
    tracks: Sequence[FacetVectors], facets: Sequence[Facet], rng: np.random.Generator, pairs: int
) -> dict[Facet, NDArray[np.float64]]:
    """Cosines between random rows of different tracks, where the facet is present in both."""
    first = rng.integers(len(tracks), size=pairs)
    second = (first + rng.integers(1, len(tracks), size=pairs)) % len(tracks)
    rows = [
        (a, rng.integers(len(tracks[a])), b, rng.integers(len(tracks[b]))) for a, b in zip(first, second, strict=True)
    ]
    found: dict[Facet, list[float]] = {facet: [] for facet in facets}
    for a, i, b, j in rows:
        for facet in facets:
            if facet in tracks[a].vectors and facet in tracks[b].vectors:
                x, y = tracks[a].vectors[facet][i], tracks[b].vectors[facet][j]
                if x.any() and y.any():
                    found[facet].append(float(x @ y))
    return {facet: np.array(values) for facet, values in found.items()}


def _fit(samples: dict[Facet, NDArray[np.float64]]) -> dict[Facet, FacetBackground]:
    return {facet: FacetBackground.fit(values) for facet, values in samples.items() if len(values) >= 50}
