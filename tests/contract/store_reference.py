"""Searching by brute force in float64: what every store must agree with; and small made-up libraries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from soundalike.facets import Facet, FacetVectors, Space, sections, unit
from soundalike.filters import Filter, matches
from soundalike.notes import CHORD, NOTE, Transcription
from soundalike.scoring import Scoring
from soundalike.tracks import AnalysedTrack, Track

FACETS = tuple(Facet(name) for name in ("melody", "rhythm", "timbre", "harmony", "drums.rhythm"))
SPACE = Space("test/1", FACETS, 32)


def make_entry(
    number: int, *, excerpts: int = 8, space: Space = SPACE, seed: int = 0, clusters: int = 12, **changes: object
) -> AnalysedTrack:
    """Make a track whose excerpts lie in clusters, with facets absent here and there."""
    generator = np.random.default_rng((seed, number))
    centres = np.random.default_rng(seed).normal(size=(len(space.facets), clusters, space.dim))
    home = generator.integers(0, clusters, len(space.facets))
    vectors = {}
    for i, facet in enumerate(space.facets):
        rows = unit(centres[i, home[i]] + 0.7 * generator.normal(size=(excerpts, space.dim)))
        rows[generator.random(excerpts) < 0.1 * i] = 0.0
        vectors[facet] = rows
    start = 10.0 * np.arange(excerpts)
    values: dict[str, object] = {
        "path": f"/music/{'ab'[number % 2]}/{number:05d}.wav",
        "file_hash": f"f{number}",
        "audio_hash": f"a{number}",
        "duration": 10.0 * excerpts,
        "tempo": None if number % 7 == 0 else 80.0 + number % 60,
        "key": ("A minor", "C major", None)[number % 3],
        "artist": ("Ann", "Bob", "")[number % 3],
        "family": ("drums", "bass", "mix", "")[number % 4],
        "kind": ("loop", "one-shot", "")[number % 3],
        "tags": ("jazz",) if number % 4 == 0 else ("rock", "live"),
    }
    track = Track(**{**values, **changes})  # type: ignore[arg-type]
    return AnalysedTrack(track, FacetVectors(start, start + 10.0, vectors), make_transcription(number, seed))


def make_transcription(number: int, seed: int = 0) -> Transcription | None:
    """Make notes and chords whose times are whole hundredths of a second; every fifth track has none."""
    if number % 5 == 4:
        return None
    generator = np.random.default_rng((seed, number, 1))
    notes, chords = np.zeros(20, NOTE), np.zeros(6, CHORD)
    for rows in (notes, chords):
        rows["start"], rows["length"] = np.arange(len(rows)) * 50 / 100, 50 / 100
    notes["pitch"] = generator.integers(50, 80, 20)
    chords["root"] = chords["bass"] = generator.integers(0, 12, 6)
    chords["tones"] = generator.integers(1, 4096, 6)
    return Transcription(notes, chords, 0.5)


def make_query(number: int, *, space: Space = SPACE, seed: int = 0) -> dict[Facet, np.ndarray]:
    """Make one excerpt's vectors that belong to no track."""
    rows = make_entry(number + 1_000_000, excerpts=1, space=space, seed=seed).excerpts.vectors
    return {facet: vectors[0] for facet, vectors in rows.items()}


def score_rows(excerpts: FacetVectors, query: Mapping[Facet, np.ndarray], scoring: Scoring) -> np.ndarray:
    """Score rows by plain loops in float64; NaN where there is no weighted facet in common."""
    scores = np.full(len(excerpts), np.nan)
    for row in range(len(excerpts)):
        total = weight = 0.0
        for term in scoring.terms:
            own, asked = excerpts.vectors.get(term.facet), query.get(term.facet)
            if own is None or asked is None or not own[row].any() or not asked.any():
                continue
            cosine = float(own[row].astype(np.float64) @ asked.astype(np.float64))
            total += term.weight * (cosine - term.mean) / term.sd
            weight += abs(term.weight)
        if weight:
            scores[row] = total / weight
    return scores


def rank(
    entries: Mapping[int, AnalysedTrack],
    query: Mapping[Facet, np.ndarray],
    scoring: Scoring,
    *,
    level: str = "excerpt",
    where: Filter | None = None,
    exclude: Collection[int] = (),
    distinct: bool = False,
) -> list[tuple[float, int, float]]:
    """Rank all rows of all tracks (by id): (score, track, start), best first."""
    ranked = []
    for number, entry in entries.items():
        if number in exclude or (where is not None and not matches(where, entry.track)):
            continue
        rows = entry.excerpts if level == "excerpt" else sections(entry.excerpts)
        scores = score_rows(rows, query, scoring)
        own = [(float(s), number, float(t)) for s, t in zip(scores, rows.start, strict=True) if not np.isnan(s)]
        ranked.extend([max(own, key=lambda item: (item[0], -item[2]))] if distinct and own else own)
    return sorted(ranked, key=lambda item: (-item[0], item[1], item[2]))


def assert_agrees(
    found: Sequence[object], ranked: Sequence[tuple[float, int, float]], *, k: int, tolerance: float = 2e-3
) -> None:
    """Check hits against brute force; within `tolerance` (vectors may be stored as float16) order is free."""
    assert len(found) == min(k, len(ranked))
    truth = {(track, start): score for score, track, start in ranked}
    assert len({(hit.track, hit.start) for hit in found}) == len(found)
    for hit, (score, _, _) in zip(found, ranked, strict=False):
        assert abs(hit.score - truth[hit.track, hit.start]) <= tolerance
        assert abs(hit.score - score) <= tolerance
