"""Words as a factor: how well the sound of a track, or of one of its stems, fits a text.

An encoder with a text side puts words where the sound is that they describe, among the vectors of ``overall``. A
text is therefore asked with one more facet per stem, ``mix.words``, ``drums.words``, which is on the query's side the
vector of the text and on the track's side that of ``overall``. All else is as for every facet: it has a weight of
its own, which may be negative, stands beside facets of a sound in one sum, and is a term of the explanation.

Its background belongs to the text: cosines between words and sounds are lower than those between sounds, and some
words fit everything. It is measured anew for each query, on a sample of the tracks that are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError
from soundalike.facets import WORDS, Facet, FacetVectors, Vector, Weights, sections
from soundalike.matching import cosine_tables, match
from soundalike.scoring import Background, FacetBackground, Level, Scoring, Term

LEAST = 3
"""Tracks of which a background can be measured."""


def words_in(facets: Iterable[Facet]) -> tuple[Facet, ...]:
    """The facets among `facets` that are asked with a text."""
    return tuple(facet for facet in facets if facet.factor == WORDS)


def heard_as(facet: Facet) -> Facet:
    """The stored facet that a facet of words is held against."""
    return Facet(f"{facet.stem}.overall") if facet.factor == WORDS else facet


def alone(weights: Weights | None) -> Weights:
    """Weights for a query that is nothing but a text; those of stems (``bass``) mean their words (``bass.words``).

    Raises
    ------
    UsageError
        If another factor has a weight: a text has no melody to compare.
    """
    if weights is None:
        return Weights({WORDS: 1.0})
    for facet in weights:
        if facet.factor not in (WORDS, "overall"):
            raise UsageError(
                f"A text has no {facet.factor} to compare.",
                "Give a sound too, or weigh words, drums.words, bass.words.",
            )
    return Weights({f"{facet.stem}.{WORDS}": weight for facet, weight in weights.items()})


def beside(weights: Weights) -> Weights:
    """Weights for a sound and a text together; a text without a weight of its own has 1."""
    return weights if words_in(weights) else Weights({**weights, Facet(WORDS): 1.0})


def ask(vector: Vector, weights: Weights, sound: FacetVectors | None = None) -> FacetVectors:
    """What is asked: the excerpts of a sound, if there is one, each together with the text.

    Parameters
    ----------
    vector : float32, shape (dim,)
        Of the text.
    weights : Weights
        Tell which stems are held against it.
    sound : FacetVectors, optional
    """
    asked = sound or FacetVectors(np.zeros(1), np.zeros(1), {})
    rows = np.tile(vector, (len(asked), 1))
    return replace(asked, vectors={**asked.vectors, **dict.fromkeys(words_in(weights), rows)})


def answer(track: FacetVectors, facets: Iterable[Facet]) -> FacetVectors:
    """The track's vectors with those that words are held against under the names of the words' facets."""
    found = {facet: track.vectors[heard_as(facet)] for facet in words_in(facets) if heard_as(facet) in track.vectors}
    return replace(track, vectors={**track.vectors, **found}) if found else track


def fold(query: Mapping[Facet, Vector], scoring: Scoring) -> tuple[dict[Facet, Vector], Scoring]:
    """The same ranking asked with stored facets only.

    A facet of words and the facet that it is held against are two cosines with one stored vector t, and

        w (q . t - m) / d + w' (q' . t - m') / d' = |v| (v / |v| . t) - (w m / d + w' m' / d')
        v = w q / d + w' q' / d'

    is one cosine with it. (Where another facet is absent, the sum of weights differs, which only the choice of
    candidates feels: their scores are computed term by term.)
    """
    vectors: dict[Facet, NDArray[np.float64]] = {}
    offsets: dict[Facet, float] = {}
    merged = {heard_as(term.facet) for term in scoring.terms if term.facet.factor == WORDS and term.facet in query}
    for term in scoring.terms:
        place = heard_as(term.facet)
        if place in merged and term.facet in query and query[term.facet].any():
            share = term.weight / term.sd
            vectors[place] = vectors.get(place, 0.0) + share * query[term.facet].astype(np.float64)
            offsets[place] = offsets.get(place, 0.0) + share * term.mean
    kept = [term for term in scoring.terms if term.facet.factor != WORDS and term.facet not in merged]
    asked = {term.facet: query[term.facet] for term in kept if term.facet in query}
    for place, vector in vectors.items():
        length = float(np.sqrt(np.sum(vector**2)))
        if length > 1e-9:
            asked[place] = (vector / length).astype(np.float32)
            kept.append(Term(place, length, offsets[place] / length, 1.0))
    terms = sorted(kept, key=lambda term: (-abs(term.weight), term.facet))
    return asked, replace(scoring, terms=tuple(terms))


def measure(
    query: FacetVectors, tracks: Sequence[FacetVectors], weights: Weights, background: Background | None
) -> Background | None:
    """The background with one for the words of a query, at every level.

    Parameters
    ----------
    query : FacetVectors
        See `ask`.
    tracks : sequence of FacetVectors
        A sample of those that are asked. With fewer than `LEAST`, cosines of words count as they are.
    weights : Weights
    background : Background or None
        What the other facets are held against.
    """
    facets = words_in(weights)
    heard = [answer(track, facets) for track in tracks if len(track)]
    if len(heard) < LEAST:
        return background
    levels = {level: dict(background.levels.get(level, {})) if background else {} for level in _ALL}
    levels["excerpt"] |= _fit([cosine_tables(query, track, facets) for track in heard], facets)
    levels["section"] |= _fit([cosine_tables(sections(query), sections(track), facets) for track in heard], facets)
    so_far = Background(levels, background.source if background else "this library, for words")
    scoring = Scoring.of(weights, so_far, "excerpt")
    levels["track"] |= _fit([match(query, track, scoring).mean_cosines() for track in heard], facets)
    return replace(background, levels=levels) if background else replace(so_far, levels=levels)


_ALL: tuple[Level, ...] = ("excerpt", "section", "track")


def _fit(found: Sequence[Mapping[Facet, NDArray[np.float32]]], facets: Iterable[Facet]) -> dict[Facet, FacetBackground]:
    """Distributions of what was found; a facet that was found in fewer than `LEAST` places is left out."""
    fitted = {}
    for facet in facets:
        values = np.array([value for each in found if facet in each for value in np.ravel(each[facet])])
        values = values[~np.isnan(values)]
        if len(values) >= LEAST:
            fitted[facet] = FacetBackground.fit(values)
    return fitted
